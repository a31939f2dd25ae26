/* Reading a store, and believing none of it: the head says where the events end and what the rows
   come to, events follow on each other by their chain, each row has a hash (sqlite_verify.c). */
#include "store/sqlite_store.h"

#include "core/chain.h"
#include "util/num.h"

/* A file of so many pages is verified whole whenever it is loaded: measured, some 50 ms. */
#define WHOLE_PAGES 512

uint64_t perp_checkpoint_digest(const void *data, size_t size) {
    return perp_chain(2, data, size);
}

uint64_t perp_checkpoint_guard(const struct perp_head *head, uint64_t seq, int64_t time_ns,
                               uint64_t hash, uint64_t digest) {
    uint64_t sum = perp_hash_u64(perp_hash_u64(head->store, seq), (uint64_t)time_ns);
    return perp_hash_u64(perp_hash_u64(sum, hash), digest);
}

uint64_t perp_head_guard(const struct perp_head *head) {
    uint64_t hash = perp_hash_u64(perp_hash_u64(3, head->store), head->seq);
    hash = perp_hash_u64(perp_hash_u64(hash, head->chain), head->pruned);
    return perp_hash_u64(perp_hash_u64(hash, head->pruned_chain), head->rows);
}

perp_status perp_sqlite_query(struct perp_sqlite *store, const char *sql, const char *what,
                              sqlite3_stmt **statement) {
    int code = sqlite3_prepare_v2(store->db, sql, -1, statement, NULL);
    if (code == SQLITE_ERROR) /* a table or a column is not there */
        return perp_sqlite_say(store, PERP_E_CORRUPT, "%s: %s", what, sqlite3_errmsg(store->db));
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, what);
}

static uint64_t column_u64(sqlite3_stmt *row, int column) {
    return (uint64_t)sqlite3_column_int64(row, column);
}

static int64_t column_time(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? PERP_TIME_NONE
                                                           : sqlite3_column_int64(row, column);
}

bool perp_head_from(sqlite3_stmt *row, struct perp_head *head) {
    *head = (struct perp_head){.store = column_u64(row, 0),
                               .seq = column_u64(row, 1),
                               .chain = column_u64(row, 2),
                               .pruned = column_u64(row, 3),
                               .pruned_chain = column_u64(row, 4),
                               .rows = column_u64(row, 5)};
    return column_u64(row, 6) == perp_head_guard(head);
}

perp_status perp_sqlite_read_head(struct perp_sqlite *store, struct perp_head *head) {
    sqlite3_stmt *row = NULL;
    perp_status status = perp_sqlite_query(store, PERP_HEAD_SQL, "head", &row);
    int code = status == PERP_OK ? sqlite3_step(row) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        if (!perp_head_from(row, head))
            status = perp_sqlite_say(store, PERP_E_CORRUPT, "head: checksum");
        else
            perp_sqlite_seed(store->tables, head->store);
    } else if (status == PERP_OK) {
        status = code == SQLITE_DONE
                     ? perp_sqlite_say(store, PERP_E_CORRUPT, "head: its row is missing")
                     : perp_sqlite_fail(store, code, "head");
    }
    sqlite3_finalize(row);
    return status;
}

/* A load under way. */
struct load {
    struct perp_sqlite *store;
    const perp_loader *loader; /* NULL: only verifies */
    struct perp_head head;
    struct perp_store_walk walk;
    uint64_t last; /* the checkpoint's event; later ones are given */
};

enum taken { TAKEN, PASSED_OVER, STOPPED };

/* Gives the checkpoint at hand to the loader, where it can be believed. */
static enum taken take_checkpoint(struct load *load, sqlite3_stmt *row, perp_status *status) {
    const perp_loader *loader = load->loader;
    uint64_t seq = column_u64(row, 0), hash = column_u64(row, 2), digest = column_u64(row, 3);
    const void *data = sqlite3_column_blob(row, 5);
    size_t size = (size_t)sqlite3_column_bytes(row, 5);
    if (seq > load->head.seq || seq < load->head.pruned)
        return PASSED_OVER;
    if (perp_checkpoint_digest(data, size) != digest ||
        perp_checkpoint_guard(&load->head, seq, column_time(row, 1), hash, digest) !=
            column_u64(row, 4))
        size = 0; /* which is none: the library refuses it, and says so to the host */
    if (loader)
        loader->checkpoint(loader->user, seq, hash, data, size, status);
    if (*status == PERP_E_CORRUPT) {
        *status = PERP_OK;
        return PASSED_OVER;
    }
    load->last = *status == PERP_OK ? seq : 0;
    return *status == PERP_OK ? TAKEN : STOPPED;
}

/* The newest checkpoint that can be believed; without one, all events from the first, where they
   are still there. */
static perp_status load_checkpoint(struct load *load) {
    struct perp_sqlite *store = load->store;
    sqlite3_stmt *row = NULL;
    uint64_t bad = 0;
    int64_t before = 0;
    perp_status status = perp_sqlite_query(store,
                                           "SELECT seq, time_ns, hash, digest, guard, data"
                                           " FROM checkpoints WHERE data IS NOT NULL"
                                           " ORDER BY seq DESC",
                                           "checkpoints", &row);
    if (status != PERP_OK)
        return status;
    int code;
    perp_sqlite_bound(store, row, perp_sqlite_most_checkpoints(store));
    for (bool first = true; (code = sqlite3_step(row)) == SQLITE_ROW; first = false) {
        int64_t seq = sqlite3_column_int64(row, 0);
        if (!first &&
            seq >= before) { /* pages that name each other may have the same rows without end */
            code = SQLITE_CORRUPT;
            break;
        }
        before = seq;
        if (take_checkpoint(load, row, &status) != PASSED_OVER)
            break;
        bad = bad ? bad : (uint64_t)seq;
    }
    perp_sqlite_free(store);
    /* A damaged table is as bad as a damaged row: the events may still tell all. */
    if (code != SQLITE_ROW && code != SQLITE_DONE && (code & 0xff) != SQLITE_CORRUPT &&
        (code & 0xff) != SQLITE_INTERRUPT)
        status = perp_sqlite_fail(store, code, "checkpoints");
    else if (code != SQLITE_ROW && bad && load->head.pruned)
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "checkpoints seq %llu: can't be read",
                                 (unsigned long long)bad);
    else if (code != SQLITE_ROW && load->head.pruned)
        status = perp_sqlite_say(store, PERP_E_CORRUPT,
                                 "checkpoints: none can be read, and the events up to %llu were "
                                 "not kept (%s)",
                                 (unsigned long long)load->head.pruned, sqlite3_errmsg(store->db));
    sqlite3_finalize(row);
    return status;
}

/* Where events begin to be verified: the chain's value before that one is believed for now, and
   compared when the walk arrives there. */
static perp_status start_at(struct load *load, uint64_t from) {
    struct perp_sqlite *store = load->store;
    sqlite3_stmt *row = NULL;
    load->walk.from = from;
    if (from <= load->head.pruned + 1)
        return PERP_OK;
    perp_status status =
        perp_sqlite_query(store, "SELECT data FROM events WHERE seq = ?1", "events", &row);
    struct perp_value seq = perp_value_bits(from - 1);
    int code = status == PERP_OK ? sqlite3_bind_int64(row, 1, seq.integer) : SQLITE_OK;
    if (status == PERP_OK && code == SQLITE_OK)
        code = sqlite3_step(row);
    if (status == PERP_OK && code != SQLITE_ROW)
        status = code == SQLITE_DONE
                     ? perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: missing",
                                       (unsigned long long)from - 1)
                     : perp_sqlite_fail(store, code, "events");
    if (status == PERP_OK &&
        !perp_chain_of(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0),
                       &load->walk.before))
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: checksum",
                                 (unsigned long long)from - 1);
    sqlite3_finalize(row);
    load->walk.seq = from - 1;
    load->walk.chain = load->walk.before;
    return status;
}

/* Why there was no further row. */
static perp_status end_of_events(struct load *load, int code) {
    struct perp_sqlite *store = load->store;
    const struct perp_store_walk *walk = &load->walk;
    if (code != SQLITE_DONE) {
        char what[48];
        sqlite3_snprintf(sizeof what, what, "events after seq %lld", (long long)walk->seq);
        return perp_sqlite_fail(store, code, what);
    }
    if (walk->seq < load->head.seq) {
        uint64_t whole = walk->seq > load->head.pruned ? walk->seq : load->head.pruned;
        return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: missing",
                               (unsigned long long)whole + 1);
    }
    if (load->head.seq && walk->chain != load->head.chain)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: not the one committed last",
                               (unsigned long long)walk->seq);
    return PERP_OK;
}

static perp_status events_from(struct load *load, sqlite3_stmt **row) {
    struct perp_sqlite *store = load->store;
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "SELECT ");
    perp_sqlite_names(text, &store->tables[PERP_SQLITE_EVENTS]);
    sqlite3_str_appendall(text, ", guard FROM events WHERE seq >= ?1 ORDER BY seq");
    char *sql = sqlite3_str_finish(text);
    if (!sql)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory to load");
    perp_status status = perp_sqlite_query(store, sql, "events", row);
    sqlite3_free(sql);
    int code =
        status == PERP_OK ? sqlite3_bind_int64(*row, 1, (int64_t)load->walk.from) : SQLITE_OK;
    return code == SQLITE_OK ? status : perp_sqlite_fail(store, code, "events");
}

static perp_status give(const struct load *load, sqlite3_stmt *row) {
    const perp_loader *loader = load->loader;
    const int data = PERP_SQLITE_DATA;
    perp_status status = PERP_OK;
    if (!loader || load->walk.seq <= load->last)
        return PERP_OK;
    loader->record(loader->user, load->walk.seq, sqlite3_column_blob(row, data),
                   (size_t)sqlite3_column_bytes(row, data), &status);
    return status;
}

/* The events from where they are verified; those after the checkpoint are given. */
static perp_status load_events(struct load *load) {
    struct perp_sqlite *store = load->store;
    sqlite3_stmt *row = NULL;
    perp_status status = events_from(load, &row);
    int code = SQLITE_DONE;
    while (status == PERP_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        status = perp_walk_event(store, &load->head, &load->walk, row);
        if (status == PERP_OK)
            status = give(load, row);
    }
    if (status == PERP_OK)
        status = end_of_events(load, code);
    sqlite3_finalize(row);
    return status;
}

static bool wants_all(struct perp_sqlite *store, perp_status *status) {
    int64_t pages = 0;
    *status = perp_sqlite_number(store, "PRAGMA page_count", &pages);
    return store->verify_events == UINT64_MAX || pages <= WHOLE_PAGES;
}

static perp_status load_all(struct load *load, bool from_start) {
    struct perp_sqlite *store = load->store;
    perp_status status;
    bool whole = wants_all(store, &status) || from_start;
    if (status == PERP_OK)
        status = perp_sqlite_number(store, "PRAGMA data_version", &load->walk.version);
    if (status == PERP_OK)
        status = perp_sqlite_read_head(store, &load->head);
    if (status == PERP_OK && whole)
        status = perp_sqlite_check_pages(store);
    if (status == PERP_OK && !from_start)
        status = load_checkpoint(load);
    uint64_t from = load->last >= store->verify_events ? load->last + 1 - store->verify_events : 1;
    if (from <= load->head.pruned)
        from = load->head.pruned + 1;
    if (status == PERP_OK)
        status = start_at(load, whole ? 0 : from);
    if (status == PERP_OK)
        status = load_events(load);
    if (status == PERP_OK && whole) {
        load->walk.place = 1;
        load->walk.rowid = INT64_MIN;
        status = perp_sqlite_walk(store, &load->head, &load->walk, UINT64_MAX);
    }
    /* The walk begins at the first event; what was verified now is behind it already. */
    load->walk.seq = 0;
    load->walk.chain = 0;
    return status;
}

perp_status perp_sqlite_load(struct perp_sqlite *store, bool from_start,
                             const perp_loader *loader) {
    struct load load = {.store = store, .loader = loader};
    const bool migrates = !sqlite3_get_autocommit(store->db);
    /* One snapshot for all of it: a reader may look while a book writes. */
    perp_status status = migrates ? PERP_OK : perp_sqlite_exec(store, "BEGIN", "load");
    if (status == PERP_OK)
        status = load_all(&load, from_start);
    if (status == PERP_OK && migrates)
        status = perp_sqlite_exec(store, "COMMIT", "schema");
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, migrates ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL);
    if (status == PERP_OK) {
        store->head = load.head;
        store->walk = load.walk;
        if (!from_start)
            store->newest = load.last;
    }
    return status;
}
