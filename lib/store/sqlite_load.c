/* Reading a store, and believing none of it: every event and checkpoint has a checksum over its
   number, its time and its bytes, events are counted without a gap, and the head says where they
   end. */
#include "store/sqlite_store.h"

#include "util/num.h"

uint64_t perp_event_checksum(uint64_t seq, int64_t time_ns, const void *data, size_t size) {
    uint64_t hash = perp_hash_u64(perp_hash_u64(1, seq), (uint64_t)time_ns);
    return perp_hash_bytes(hash, data, size);
}

uint64_t perp_checkpoint_checksum(uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                                  size_t size) {
    uint64_t sum = perp_hash_u64(perp_hash_u64(2, seq), (uint64_t)time_ns);
    return perp_hash_bytes(perp_hash_u64(sum, hash), data, size);
}

uint64_t perp_head_guard(const struct perp_head *head) {
    uint64_t hash = perp_hash_u64(perp_hash_u64(3, head->store), head->seq);
    return perp_hash_u64(perp_hash_u64(hash, head->checksum), head->pruned);
}

static perp_status query(struct perp_sqlite *store, const char *sql, const char *what,
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

perp_status perp_sqlite_read_head(struct perp_sqlite *store, struct perp_head *head) {
    sqlite3_stmt *row = NULL;
    perp_status status =
        query(store, "SELECT store, seq, checksum, pruned, guard FROM head LIMIT 1", "head", &row);
    int code = status == PERP_OK ? sqlite3_step(row) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        *head = (struct perp_head){.store = column_u64(row, 0),
                                   .seq = column_u64(row, 1),
                                   .checksum = column_u64(row, 2),
                                   .pruned = column_u64(row, 3)};
        if (column_u64(row, 4) != perp_head_guard(head))
            status = perp_sqlite_say(store, PERP_E_CORRUPT, "head: checksum");
    } else if (status == PERP_OK) {
        status = code == SQLITE_DONE
                     ? perp_sqlite_say(store, PERP_E_CORRUPT, "head: its row is missing")
                     : perp_sqlite_fail(store, code, "head");
    }
    sqlite3_finalize(row);
    const struct perp_store_lock *lock = &store->lock;
    if (status == PERP_OK && lock->has_mark && lock->mark.store == head->store &&
        (lock->mark.seq > head->seq ||
         (lock->mark.seq == head->seq && lock->mark.checksum != head->checksum)))
        status =
            perp_sqlite_say(store, PERP_E_CORRUPT,
                            "events end at seq %llu, though %llu were committed (where an older "
                            "copy was put back on purpose, remove the -lock file)",
                            (unsigned long long)head->seq, (unsigned long long)lock->mark.seq);
    return status;
}

/* A load under way. */
struct load {
    struct perp_sqlite *store;
    const perp_loader *loader; /* NULL: only verifies */
    struct perp_head head;
    uint64_t last;     /* event seen last */
    uint64_t checksum; /* its */
};

/* Whether the checkpoint at hand can be believed; if so it is given to the loader. */
static bool take_checkpoint(struct load *load, sqlite3_stmt *row, perp_status *status) {
    uint64_t seq = column_u64(row, 0), hash = column_u64(row, 2);
    const void *data = sqlite3_column_blob(row, 4);
    size_t size = (size_t)sqlite3_column_bytes(row, 4);
    if (seq > load->head.seq || seq < load->head.pruned ||
        perp_checkpoint_checksum(seq, column_time(row, 1), hash, data, size) != column_u64(row, 3))
        return false;
    load->last = seq;
    if (load->loader)
        load->loader->checkpoint(load->loader->user, seq, hash, data, size, status);
    return true;
}

/* The newest checkpoint that can be believed; without one, all events from the first, where they
   are still there. */
static perp_status load_checkpoint(struct load *load) {
    struct perp_sqlite *store = load->store;
    sqlite3_stmt *row = NULL;
    uint64_t bad = 0;
    perp_status status = query(store,
                               "SELECT seq, time_ns, hash, checksum, data FROM checkpoints"
                               " WHERE data IS NOT NULL ORDER BY seq DESC",
                               "checkpoints", &row);
    if (status != PERP_OK)
        return status;
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        if (take_checkpoint(load, row, &status))
            break;
        bad = bad ? bad : column_u64(row, 0);
    }
    /* A damaged table is as bad as a damaged row: the events may still tell all. */
    if (code != SQLITE_ROW && code != SQLITE_DONE && (code & 0xff) != SQLITE_CORRUPT)
        status = perp_sqlite_fail(store, code, "checkpoints");
    else if (code != SQLITE_ROW && bad && load->head.pruned)
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "checkpoints seq %llu: checksum",
                                 (unsigned long long)bad);
    else if (code != SQLITE_ROW && load->head.pruned)
        status = perp_sqlite_say(store, PERP_E_CORRUPT,
                                 "checkpoints: none can be read, and the events up to %llu were "
                                 "not kept (%s)",
                                 (unsigned long long)load->head.pruned, sqlite3_errmsg(store->db));
    sqlite3_finalize(row);
    return status;
}

static perp_status gap(struct load *load, uint64_t seq) {
    return perp_sqlite_say(load->store, PERP_E_CORRUPT, "events seq %llu: missing",
                           (unsigned long long)seq);
}

static perp_status take_event(struct load *load, sqlite3_stmt *row) {
    uint64_t seq = column_u64(row, 0), checksum = column_u64(row, 2);
    const void *data = sqlite3_column_blob(row, 3);
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    uint64_t whole = load->last > load->head.pruned ? load->last : load->head.pruned;
    if (seq <= load->last || seq > load->head.seq)
        return perp_sqlite_say(load->store, PERP_E_CORRUPT, "events seq %llu: after %llu of %llu",
                               (unsigned long long)seq, (unsigned long long)load->last,
                               (unsigned long long)load->head.seq);
    if (seq > whole + 1)
        return gap(load, whole + 1);
    if (perp_event_checksum(seq, column_time(row, 1), data, size) != checksum)
        return perp_sqlite_say(load->store, PERP_E_CORRUPT, "events seq %llu: checksum",
                               (unsigned long long)seq);
    load->last = seq;
    load->checksum = checksum;
    perp_status status = PERP_OK;
    if (load->loader)
        load->loader->record(load->loader->user, seq, data, size, &status);
    return status;
}

/* Why there was no further row. */
static perp_status end_of_events(struct load *load, int code) {
    if (code != SQLITE_DONE) {
        char what[48];
        sqlite3_snprintf(sizeof what, what, "events after seq %lld", (long long)load->last);
        return perp_sqlite_fail(load->store, code, what);
    }
    if (load->last < load->head.seq)
        return gap(load, load->last + 1);
    if (load->head.seq && load->checksum != load->head.checksum)
        return perp_sqlite_say(load->store, PERP_E_CORRUPT,
                               "events seq %llu: not the one committed last",
                               (unsigned long long)load->last);
    return PERP_OK;
}

/* The events after the last one seen. Where that is the last of all, a checkpoint's, it is looked
   at once more but not given: the head must fit. */
static perp_status load_events(struct load *load) {
    sqlite3_stmt *row = NULL;
    const perp_loader *loader = load->loader;
    if (load->last && load->last == load->head.seq) {
        load->last--;
        load->loader = NULL;
    }
    perp_status status = query(
        load->store, "SELECT seq, time_ns, checksum, data FROM events WHERE seq > ?1 ORDER BY seq",
        "events", &row);
    int code = status == PERP_OK ? sqlite3_bind_int64(row, 1, (int64_t)load->last) : SQLITE_OK;
    if (code != SQLITE_OK)
        status = perp_sqlite_fail(load->store, code, "events");
    while (status == PERP_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        status = take_event(load, row);
        load->loader = loader;
    }
    if (status == PERP_OK)
        status = end_of_events(load, code);
    sqlite3_finalize(row);
    return status;
}

perp_status perp_sqlite_load(struct perp_sqlite *store, bool from_start,
                             const perp_loader *loader) {
    struct load load = {.store = store, .loader = loader};
    /* One snapshot for all of it: a reader may look while a book writes. */
    perp_status status = perp_sqlite_exec(store, "BEGIN", "load");
    if (status == PERP_OK)
        status = perp_sqlite_read_head(store, &load.head);
    if (status == PERP_OK && !from_start)
        status = load_checkpoint(&load);
    if (status == PERP_OK)
        status = load_events(&load);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    if (status == PERP_OK)
        store->head = load.head;
    return status;
}
