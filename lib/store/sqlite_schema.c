/* The tables, indexes and views, and how an older store becomes a newer one. A new store takes the
   same way, from no table at all, so that there is one shape. */
#include "store/sqlite_store.h"

#include <stdio.h>
#include <string.h>

/* The first version of a published release; those before are of another format. */
#define OLDEST_VERSION 3

/* clang-format off */

/* For views: money in USD, times as ISO 8601 in UTC. */
#define USD(column) "round(" #column " / 1000000.0, 6) AS " #column "_usd"
#define PART(column) "((" #column " % 1000000000 + 1000000000) % 1000000000)"
#define ISO(column) \
    "strftime('%Y-%m-%dT%H:%M:%S', (" #column " - " PART(column) ") / 1000000000, 'unixepoch')" \
    " || printf('.%09dZ', " PART(column) ")"

/* The store's own, besides those of the .def files. */
static const struct {
    const char *name, *rest;
} own_tables[] = {
    {"head",
     "(store INTEGER NOT NULL, "
     "seq INTEGER NOT NULL, "
     "chain INTEGER NOT NULL, "
     "pruned INTEGER NOT NULL, "
     "pruned_chain INTEGER NOT NULL, "
     "rows INTEGER NOT NULL, "
     "guard INTEGER NOT NULL) STRICT"},
    {"checkpoints",
     "(seq INTEGER PRIMARY KEY, "
     "time_ns INTEGER, "
     "hash INTEGER NOT NULL, "
     "digest INTEGER NOT NULL, "
     "guard INTEGER NOT NULL, "
     "data BLOB) STRICT"},
};

/* What is made anew where the version rises. on: an index's table; NULL: of a view. */
static const struct {
    const char *kind, *name, *on, *rest;
} things[] = {
    {"INDEX", "events_of_job", "events", "(job) WHERE job IS NOT NULL"},
    {"INDEX", "open_lots", "lots", "(symbol) WHERE quantity <> 0"},
    {"INDEX", "reservations_of_job", "reservations", "(job) WHERE job IS NOT NULL"},
    /* What may go because of its age. */
    {"INDEX", "jobs_ended", "jobs", "(last_seq) WHERE ended_ns IS NOT NULL"},
    {"INDEX", "orders_of_job", "orders", "(job)"},
    {"INDEX", "orders_ended", "orders", "(last_seq) WHERE ended_ns IS NOT NULL"},
    {"INDEX", "fills_of_job", "fills", "(job) WHERE job IS NOT NULL"},
    {"INDEX", "lots_closed", "lots", "(last_seq) WHERE quantity = 0"},
    {"INDEX", "reservations_ended", "reservations", "(last_seq) WHERE in_flight + used = 0"},

    {"VIEW", "daily_pnl", NULL, "AS SELECT day, exchange, " USD(pnl) ", " USD(volume) ", " USD(fees)
     " FROM daily"},
    {"VIEW", "open_reservations", NULL, "AS SELECT id, exchange, pool, job, "
     USD(amount) ", " USD(in_flight) ", " USD(used) ", " ISO(made_ns) " AS since"
     " FROM reservations WHERE in_flight + used > 0"},
    {"VIEW", "open_hedges", NULL, "AS SELECT id AS job, strategy, " USD(notional) ", reduce_only, "
     "edge_bps, " USD(pnl) ", " USD(volume) ", " USD(fees) ", " ISO(started_ns) " AS started, "
     ISO(finished_ns) " AS finished FROM jobs WHERE state = 'open'"},
    {"VIEW", "open_positions", NULL, "AS SELECT exchange, symbol, quantity, entry_price, unexplained, "
     "latched, " ISO(reported_ns) " AS reported FROM positions WHERE quantity <> 0 OR latched"},
    {"VIEW", "open_job_lots", NULL, "AS SELECT job, leg, exchange, symbol, quantity, price, " USD(used)
     " FROM lots WHERE quantity <> 0"},
    {"VIEW", "naked_bases", NULL, "AS SELECT base, naked, round(abs(naked) * price, 6) AS naked_usd, "
     ISO(since_ns) " AS since FROM bases WHERE is_naked"},
    {"VIEW", "cash_log", NULL, "AS SELECT seq, " ISO(time_ns) " AS time, exchange, symbol, kind, "
     USD(amount) ", key, jobs FROM cash"},
    {"VIEW", "open_orders", NULL, "AS SELECT number, client_id, state, job, leg, attempt, exchange, "
     "symbol, side, type, price, quantity, filled, average, cancel_requested, exchange_id, "
     ISO(placed_ns) " AS placed FROM orders WHERE ended_ns IS NULL"},
    {"VIEW", "fill_log", NULL, "AS SELECT seq, " ISO(time_ns) " AS time, order_number, job, leg, "
     "exchange, symbol, side, quantity, price, " USD(fee) ", " USD(pnl) ", fill_id FROM fills"},
    {"VIEW", "refusals", NULL, "AS SELECT seq, " ISO(time_ns) " AS time, kind, job,"
     " outcome AS refused_by, detail FROM events"
     " WHERE kind IN ('refuse', 'reject', 'order_refused') AND outcome <> 'none'"},
    {"VIEW", "job_history", NULL, "AS SELECT seq, " ISO(time_ns) " AS time, job, strategy, "
     USD(notional) ", kind, outcome, " USD(amount) ", " USD(pnl) ", " USD(volume) ", " USD(fees)
     ", actor, reason, detail, state_now FROM events"
     " LEFT JOIN (SELECT id, strategy, notional, state AS state_now FROM jobs) ON id = job"
     " WHERE job IS NOT NULL"},
    {"VIEW", "control_log", NULL, "AS SELECT seq, " ISO(time_ns) " AS time, kind, exchange, "
     USD(amount) ", actor, reason FROM events"
     " WHERE kind IN ('kill', 'pause', 'resume', 'mode', 'override', 'blacklist', 'limits',"
     " 'reset_halt', 'safe_mode', 'correct', 'configuration', 'resolve', 'accept_position',"
     " 'resume_repair', 'halt_instrument', 'ask_cancel', 'advance', 'day_offset',"
     " 'allow', 'reset_strategy')"},
};

/* clang-format on */

#define N_OWN (sizeof own_tables / sizeof *own_tables)
#define N_THINGS (sizeof things / sizeof *things)

const char *perp_sqlite_own_table(size_t i) {
    return i < N_OWN ? own_tables[i].name : NULL;
}

/* Runs a text that was made, and frees it. */
static perp_status run_text(struct perp_sqlite *store, sqlite3_str *text) {
    char *sql = sqlite3_str_finish(text);
    perp_status status = sql ? perp_sqlite_exec(store, sql, "schema")
                             : perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the schema");
    sqlite3_free(sql);
    return status;
}

/* What follows on CREATE TABLE, INDEX or VIEW. SQLite keeps it as it is here. */
static void add_table(sqlite3_str *text, const struct perp_sqlite_table *table, bool is_events) {
    sqlite3_str_appendf(text, "%s(", table->name);
    for (int i = 0; i < table->n_columns; i++)
        sqlite3_str_appendf(text, "%s %s, ", table->columns[i].name, table->columns[i].type);
    sqlite3_str_appendall(text,
                          is_events ? "guard INTEGER NOT NULL, PRIMARY KEY(" : "PRIMARY KEY(");
    for (int i = 0; i < table->n_keys; i++)
        sqlite3_str_appendf(text, "%s%s", i ? ", " : "", table->columns[i].name);
    sqlite3_str_appendall(text, ")) STRICT");
}

static void add_thing(sqlite3_str *text, size_t i) {
    if (things[i].on)
        sqlite3_str_appendf(text, "%s ON %s%s", things[i].name, things[i].on, things[i].rest);
    else
        sqlite3_str_appendf(text, "%s %s", things[i].name, things[i].rest);
}

bool perp_sqlite_own_index(const char *name, sqlite3_str *text) {
    for (size_t i = 0; i < N_THINGS; i++)
        if (things[i].on && strcmp(things[i].name, name) == 0) {
            sqlite3_str_appendall(text, "CREATE INDEX ");
            add_thing(text, i);
            return true;
        }
    return false;
}

static perp_status make_table(struct perp_sqlite *store, int which) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "CREATE TABLE ");
    add_table(text, &store->tables[which], which == PERP_SQLITE_EVENTS);
    return run_text(store, text);
}

/* Columns that an older table does not have are added; they are the last ones. */
static perp_status grow_table(struct perp_sqlite *store, int which, int64_t has) {
    const struct perp_sqlite_table *table = &store->tables[which];
    perp_status status = PERP_OK;
    for (int i = (int)has; i < table->n_columns && status == PERP_OK; i++) {
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendf(text, "ALTER TABLE %s ADD COLUMN %s %s", table->name,
                            table->columns[i].name, table->columns[i].type);
        status = run_text(store, text);
    }
    return status;
}

/* How many of the table's columns are there. */
static perp_status columns_there(struct perp_sqlite *store, int which, int64_t *has) {
    char sql[96];
    sqlite3_snprintf(sizeof sql, sql,
                     "SELECT count(*) FROM pragma_table_info('%s') WHERE name <> 'guard'",
                     store->tables[which].name);
    return perp_sqlite_number(store, sql, has);
}

static perp_status make_tables(struct perp_sqlite *store) {
    perp_status status = PERP_OK;
    for (size_t i = 0; i < N_OWN && status == PERP_OK; i++) {
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendf(text, "CREATE TABLE IF NOT EXISTS %s%s", own_tables[i].name,
                            own_tables[i].rest);
        status = run_text(store, text);
    }
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++) {
        int64_t has = 0;
        status = columns_there(store, i, &has);
        if (status == PERP_OK)
            status = has ? grow_table(store, i, has) : make_table(store, i);
    }
    return status;
}

static perp_status make_things(struct perp_sqlite *store) {
    perp_status status = PERP_OK;
    for (size_t i = 0; i < N_THINGS && status == PERP_OK; i++) {
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendf(text, "DROP %s IF EXISTS %s; CREATE %s ", things[i].kind,
                            things[i].name, things[i].kind);
        add_thing(text, i);
        status = run_text(store, text);
    }
    return status;
}

/* The hashes of rows that have columns more. Those that are NULL, as all columns more of events
   are, change no hash. */
static perp_status sum_rows(struct perp_sqlite *store, struct perp_head *head) {
    perp_status status = PERP_OK;
    head->rows = 0;
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++) {
        sqlite3_stmt *row = NULL;
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendall(text, "SELECT ");
        perp_sqlite_names(text, &store->tables[i]);
        sqlite3_str_appendf(text, " FROM %s", store->tables[i].name);
        char *sql = sqlite3_str_finish(text);
        if (!sql)
            return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the schema");
        status = perp_sqlite_query(store, sql, "schema", &row);
        sqlite3_free(sql);
        int code = SQLITE_DONE;
        while (status == PERP_OK && (code = sqlite3_step(row)) == SQLITE_ROW)
            head->rows += perp_row_hash_of(&store->tables[i], row, 0);
        if (status == PERP_OK && code != SQLITE_DONE)
            status = perp_sqlite_fail(store, code, "schema");
        sqlite3_finalize(row);
    }
    return status;
}

static perp_status put_head(struct perp_sqlite *store, const struct perp_head *head) {
    char sql[256];
    sqlite3_snprintf(sizeof sql, sql,
                     "DELETE FROM head; INSERT INTO head VALUES(%lld, %lld, %lld, %lld, %lld,"
                     " %lld, %lld)",
                     (long long)head->store, (long long)head->seq, (long long)head->chain,
                     (long long)head->pruned, (long long)head->pruned_chain, (long long)head->rows,
                     (long long)perp_head_guard(head));
    return perp_sqlite_exec(store, sql, "head");
}

/* All in one transaction: killed in between, it is as it was. head: NULL for a new store; else the
   transaction stays open until load has given all that is stored, and the book has believed it. */
static perp_status upgrade(struct perp_sqlite *store, struct perp_head *head) {
    struct perp_head fresh = {.chain = 0};
    if (!head)
        sqlite3_randomness(sizeof fresh.store, &fresh.store);
    perp_status status = perp_sqlite_exec(store, "BEGIN IMMEDIATE", "schema");
    if (status == PERP_OK)
        status = make_tables(store);
    if (status == PERP_OK)
        status = make_things(store);
    if (status == PERP_OK && head)
        status = sum_rows(store, head);
    if (status == PERP_OK)
        status = put_head(store, head ? head : &fresh);
    if (status == PERP_OK) {
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 PERP_SQLITE_APPLICATION, PERP_SQLITE_VERSION);
        status = perp_sqlite_exec(store, sql, "schema");
    }
    if (status == PERP_OK && !head)
        status = perp_sqlite_exec(store, "COMMIT", "schema");
    if (status != PERP_OK && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* Whether the file is in WAL mode once the SQL was run. */
static perp_status is_in_wal_mode(struct perp_sqlite *store, const char *sql, bool *is) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *is = code == SQLITE_ROW && sqlite3_column_text(statement, 0) &&
          sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? PERP_OK : perp_sqlite_fail(store, code, "WAL mode");
}

perp_status perp_sqlite_wal_on(struct perp_sqlite *store) {
    bool on = false;
    perp_status status = is_in_wal_mode(store, "PRAGMA journal_mode = WAL", &on);
    if (status == PERP_OK && !on)
        status = perp_sqlite_say(store, PERP_E_STORE, "the file can't be in WAL mode here");
    if (status != PERP_OK)
        return status;
    /* Each commit waits until it is on the disk. The rest keeps a WAL that a slow reader or a large
       checkpoint blew up from staying that large. */
    return perp_sqlite_exec(
        store, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216", "WAL mode");
}

/* A file that another tool put in another mode is changed only once it was believed. */
static perp_status wal_on_if_so(struct perp_sqlite *store) {
    bool is = false;
    perp_status status = is_in_wal_mode(store, "PRAGMA journal_mode", &is);
    return status == PERP_OK && is ? perp_sqlite_wal_on(store) : status;
}

/* An empty file is what a store that was lost may leave; only one that we were making when we were
   killed, or that the host says is new, becomes a store. */
perp_status perp_sqlite_check_empty(struct perp_sqlite *store) {
    const struct perp_store_lock *lock = &store->lock;
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: the file is empty, no store");
    if (lock->has_mark && lock->mark.seq > 0)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: the file is empty, though %llu events were committed",
                               (unsigned long long)lock->mark.seq);
    if (!store->create && !lock->is_making)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: the file is empty: a new store is made of it only with "
                               "the option create");
    return PERP_OK;
}

static perp_status make_new(struct perp_sqlite *store, bool existed) {
    perp_status status = existed || store->read_only ? perp_sqlite_check_empty(store) : PERP_OK;
    if (status == PERP_OK)
        status = perp_sqlite_wal_on(store);
    if (status == PERP_OK)
        status = upgrade(store, NULL);
    if (status == PERP_OK)
        store->lock.has_mark = false; /* what it said was of another */
    return status;
}

static perp_status check_version(struct perp_sqlite *store, int64_t application, int64_t version) {
    int64_t vacuum = 0;
    if (application != PERP_SQLITE_APPLICATION)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: a file of another application (id %lld), no store",
                               (long long)application);
    if (version > PERP_SQLITE_VERSION)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: schema version %lld is newer than this library's (%d)",
                               (long long)version, PERP_SQLITE_VERSION);
    if (version < OLDEST_VERSION)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: schema version %lld is of a build that was never released;"
                               " the oldest that is read is %d",
                               (long long)version, OLDEST_VERSION);
    /* No store is made with it, and writing where it is falsely on would harm other pages. */
    perp_status status = perp_sqlite_number(store, "PRAGMA auto_vacuum", &vacuum);
    if (status == PERP_OK && vacuum)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: auto_vacuum is on");
    return status;
}

/* What is to be changed is looked at first, as it was made: nothing is changed in a damaged store.
 */
static perp_status migrate(struct perp_sqlite *store, int64_t version) {
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_STORE,
                               "schema version %lld must be migrated: open it for writing once",
                               (long long)version);
    int now[PERP_SQLITE_TABLES];
    for (int i = 0; i < PERP_SQLITE_TABLES; i++)
        now[i] = store->tables[i].n_columns;
    perp_status status = PERP_OK;
    perp_sqlite_trust_schema(store->db); /* it was read; what follows takes as long as it takes */
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++) {
        int64_t has = 0;
        status = columns_there(store, i, &has);
        if (has < store->tables[i].n_columns)
            store->tables[i].n_columns = (int)has;
    }
    if (status == PERP_OK)
        status = perp_sqlite_load(store, true, NULL);
    for (int i = 0; i < PERP_SQLITE_TABLES; i++)
        store->tables[i].n_columns = now[i];
    struct perp_head head = store->head;
    return status == PERP_OK ? upgrade(store, &head) : status;
}

perp_status perp_sqlite_identify(struct perp_sqlite *store, bool existed) {
    int64_t application = 0, version = 0, objects = 0;
    perp_status status = perp_sqlite_number(store, "PRAGMA application_id", &application);
    if (status == PERP_OK)
        status = perp_sqlite_number(store, "PRAGMA user_version", &version);
    if (status == PERP_OK)
        status = perp_sqlite_number(store, "SELECT count(*) FROM sqlite_master", &objects);
    if (status != PERP_OK)
        return status;
    if (!application && !version && !objects)
        return make_new(store, existed);
    status = check_version(store, application, version);
    if (status == PERP_OK)
        status = perp_sqlite_check_others(store);
    if (status == PERP_OK && !store->read_only)
        status = wal_on_if_so(store);
    if (status == PERP_OK && version < PERP_SQLITE_VERSION)
        status = migrate(store, version);
    return status;
}

/* ---- Whether it is ours, as made ------------------------------------------------------------- */

/* Whether something is there as it would be made. text: its SQL, which is freed; NULL: it has none,
   as the index has that a key brings along. */
static perp_status check_one(struct perp_sqlite *store, sqlite3_stmt *have, const char *type,
                             const char *name, const char *on, sqlite3_str *text) {
    char *sql = sqlite3_str_finish(text);
    if (text && !sql)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the schema");
    const struct perp_value values[] = {perp_value_text(type), perp_value_text(name),
                                        perp_value_text(on), perp_value_text(sql)};
    int code = perp_sqlite_run(have, values, 4);
    /* Each query has all steps after which a schema is given up, not what the others left. */
    sqlite3_stmt_status(have, SQLITE_STMTSTATUS_VM_STEP, 1);
    sqlite3_clear_bindings(have);
    sqlite3_free(sql);
    if (code == SQLITE_ROW)
        return PERP_OK;
    return code == SQLITE_OK ? perp_sqlite_say(store, PERP_E_CORRUPT, "schema: %s is another", name)
                             : perp_sqlite_fail(store, code, "schema");
}

/* A number that alone is the key needs no index. */
static bool has_index(const struct perp_sqlite_table *table) {
    return table->n_keys > 1 || strncmp(table->columns[0].type, "INTEGER", 7) != 0;
}

int64_t perp_sqlite_count_own(const struct perp_sqlite *store) {
    int64_t n = N_OWN + PERP_SQLITE_TABLES;
    for (int i = 0; i < PERP_SQLITE_TABLES; i++)
        n += has_index(&store->tables[i]);
    for (size_t i = 0; i < N_THINGS; i++)
        n += things[i].on != NULL;
    return n;
}

static perp_status check_tables(struct perp_sqlite *store, sqlite3_stmt *have) {
    perp_status status = PERP_OK;
    for (size_t i = 0; i < N_OWN && status == PERP_OK; i++) {
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendf(text, "CREATE TABLE %s%s", own_tables[i].name, own_tables[i].rest);
        status = check_one(store, have, "table", own_tables[i].name, own_tables[i].name, text);
    }
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++) {
        const struct perp_sqlite_table *table = &store->tables[i];
        char index[64];
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendall(text, "CREATE TABLE ");
        add_table(text, table, i == PERP_SQLITE_EVENTS);
        status = check_one(store, have, "table", table->name, table->name, text);
        sqlite3_snprintf(sizeof index, index, "sqlite_autoindex_%s_1", table->name);
        if (status == PERP_OK && has_index(table))
            status = check_one(store, have, "index", index, table->name, NULL);
    }
    return status;
}

/* Each table, index and view of ours must be there as this library would make it; what a host made
   beside them is its own. What is expected is put together as text: made by SQLite in memory, it
   would take longer than all else of opening does. */
perp_status perp_sqlite_check_schema(struct perp_sqlite *store) {
    sqlite3_stmt *have = NULL;
    perp_status status = perp_sqlite_query(
        store,
        "SELECT 1 FROM sqlite_master WHERE type = ?1 AND name = ?2 AND tbl_name = ?3 AND sql IS ?4",
        "schema", &have);
    if (status == PERP_OK)
        status = check_tables(store, have);
    for (size_t i = 0; i < N_THINGS && status == PERP_OK; i++) {
        const char *name = things[i].name, *on = things[i].on;
        sqlite3_str *text = sqlite3_str_new(store->db);
        sqlite3_str_appendf(text, "CREATE %s ", things[i].kind);
        add_thing(text, i);
        status = check_one(store, have, on ? "index" : "view", name, on ? on : name, text);
    }
    sqlite3_finalize(have);
    return status;
}
