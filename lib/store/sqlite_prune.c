/* What goes because of its age: events before the newest checkpoints, besides those of jobs that
   have not ended and of live reservations; and jobs, reservations, orders and lots that ended
   before them, and cash and fills of then. It goes in small steps: some at a checkpoint, and with
   each commit after it some more than were added. */
#include "store/sqlite_store.h"

#include "core/chain.h"

/* Drops up to what the older of the two checkpoints that are kept needs: if the newer can't be
   read, it must do. */
perp_status perp_sqlite_prune_plan(struct perp_sqlite *store, uint64_t seq) {
    struct perp_prune *prune = &store->next_prune;
    int64_t older = 0;
    if (!store->keep_events || seq <= store->keep_events)
        return PERP_OK;
    perp_status status = perp_sqlite_number(store,
                                            "SELECT coalesce(min(seq), 0) FROM (SELECT seq FROM"
                                            " checkpoints ORDER BY seq DESC LIMIT 2)",
                                            &older);
    uint64_t last = seq - store->keep_events;
    if (last > (uint64_t)older)
        last = (uint64_t)older;
    if (status == PERP_OK && last > store->next.pruned)
        *prune = (struct perp_prune){.to = last, .more = true};
    return status;
}

static int bind_pair(sqlite3_stmt *statement, uint64_t one, uint64_t two) {
    int code = sqlite3_bind_int64(statement, 1, perp_value_bits(one).integer);
    return code == SQLITE_OK ? sqlite3_bind_int64(statement, 2, perp_value_bits(two).integer)
                             : code;
}

/* Not more rows than SQLite is to look at in one step of pruning. */
static uint64_t rows_of(struct perp_sqlite *store, enum perp_statement which, uint64_t one,
                        uint64_t two) {
    if (which == PERP_SQL_PRUNE_CHECKPOINTS)
        return perp_sqlite_most_checkpoints(store);
    return which == PERP_SQL_PRUNE_EVENTS ? two - one : two;
}

/* The one number that a statement of two parameters gives; 0 where it gives none. */
static int pair_number(struct perp_sqlite *store, enum perp_statement which, uint64_t one,
                       uint64_t two, uint64_t *number) {
    sqlite3_stmt *statement = store->statements[which];
    int code = bind_pair(statement, one, two);
    perp_sqlite_bound(store, statement, rows_of(store, which, one, two));
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    perp_sqlite_free(store);
    *number = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    int again = sqlite3_reset(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? again : code;
}

/* Runs a DELETE that returns rowid and then hashed columns, or an event's guard. */
static int drop(struct perp_sqlite *store, enum perp_statement which, int table, uint64_t one,
                uint64_t two, uint64_t *n) {
    sqlite3_stmt *statement = store->statements[which];
    int code = bind_pair(statement, one, two);
    *n = 0;
    perp_sqlite_bound(store, statement, rows_of(store, which, one, two));
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        uint64_t was = table == PERP_SQLITE_EVENTS
                           ? (uint64_t)sqlite3_column_int64(statement, 1)
                           : perp_row_hash_of(&store->tables[table], statement, 1);
        perp_walk_changed(&store->next_walk, table, sqlite3_column_int64(statement, 0), was, 0);
        store->next.rows -= was;
        ++*n;
    }
    perp_sqlite_free(store);
    int again = sqlite3_reset(statement);
    return code == SQLITE_DONE ? again : code;
}

/* The checksum of the event up to which all may be missing: the next one follows on it. */
static int last_chain(struct perp_sqlite *store, uint64_t seq, uint64_t *chain) {
    sqlite3_stmt *statement = store->statements[PERP_SQL_DATA];
    struct perp_value value = perp_value_bits(seq);
    int code = sqlite3_bind_int64(statement, 1, value.integer);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    bool good =
        code == SQLITE_ROW && perp_chain_of(sqlite3_column_blob(statement, 0),
                                            (size_t)sqlite3_column_bytes(statement, 0), chain);
    sqlite3_reset(statement);
    if (good)
        return SQLITE_OK;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

/* Events that are not old for long. */
static int prune_new(struct perp_sqlite *store, uint64_t most) {
    const struct perp_prune *prune = &store->next_prune;
    uint64_t from = store->next.pruned, to = prune->to, n;
    if (to <= from)
        return SQLITE_OK;
    if (to - from > most)
        to = from + most;
    int code = last_chain(store, to, &store->next.pruned_chain);
    store->next.pruned = to;
    return code == SQLITE_OK ? drop(store, PERP_SQL_PRUNE_EVENTS, PERP_SQLITE_EVENTS, from, to, &n)
                             : code;
}

/* Older ones that something needed, and perhaps no longer needs. */
static int prune_kept(struct perp_sqlite *store, uint64_t most) {
    struct perp_prune *prune = &store->next_prune;
    uint64_t until = 0, n;
    if (prune->looked)
        return SQLITE_OK;
    int code = pair_number(store, PERP_SQL_KEPT, prune->passed, most, &until);
    if (until > store->next.pruned)
        until = store->next.pruned;
    if (code == SQLITE_OK && until > prune->passed)
        code = drop(store, PERP_SQL_PRUNE_EVENTS, PERP_SQLITE_EVENTS, prune->passed, until, &n);
    prune->looked = until <= prune->passed || until == store->next.pruned;
    prune->passed = until;
    return code;
}

/* Rows of the other tables; *more: some are left. */
static int prune_rows(struct perp_sqlite *store, uint64_t most, bool *more) {
    static const struct {
        enum perp_statement which;
        int table;
    } tables[] = {
        {PERP_SQL_PRUNE_JOBS, PERP_SQLITE_JOBS},
        {PERP_SQL_PRUNE_RESERVATIONS, PERP_SQLITE_RESERVATIONS},
        {PERP_SQL_PRUNE_CASH, PERP_SQLITE_CASH},
        {PERP_SQL_PRUNE_CASH_SHARES, PERP_SQLITE_CASH_SHARES},
        {PERP_SQL_PRUNE_ORDERS, PERP_SQLITE_ORDERS},
        {PERP_SQL_PRUNE_FILLS, PERP_SQLITE_FILLS},
        {PERP_SQL_PRUNE_LOTS, PERP_SQLITE_LOTS},
    };
    int code = SQLITE_OK;
    *more = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && code == SQLITE_OK; i++) {
        uint64_t n = 0;
        code = drop(store, tables[i].which, tables[i].table, store->next.pruned, most, &n);
        *more = *more || n == most;
    }
    return code;
}

perp_status perp_sqlite_prune(struct perp_sqlite *store, uint64_t most) {
    struct perp_prune *prune = &store->next_prune;
    bool more = false;
    uint64_t none;
    if (!prune->more)
        return PERP_OK;
    int code = prune_kept(store, most);
    if (code == SQLITE_OK)
        code = prune_new(store, most);
    const uint64_t to = store->next.pruned;
    if (code == SQLITE_OK)
        code = prune_rows(store, most, &more);
    if (code == SQLITE_OK)
        code = pair_number(store, PERP_SQL_PRUNE_CHECKPOINTS, to, 0, &none);
    prune->more = to < prune->to || !prune->looked || more;
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, "prune");
}
