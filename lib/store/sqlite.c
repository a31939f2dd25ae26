/* The SQLite store: opening, closing, and the functions of its table but load. */
#include "store/sqlite_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/sized.h"

#define WAIT_MS 2000 /* for a reader that puts a WAL in order, while opening */

static const char *const statement_texts[PERP_SQL_COUNT] = {
#define X(NAME, sql) sql,
#include "store/sqlite_statements.def"
#undef X
};

static perp_status status_of(int code) {
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return PERP_E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PERP_E_BUSY;
    case SQLITE_NOMEM:
        return PERP_E_NOMEM;
    default:
        return PERP_E_STORE;
    }
}

perp_status perp_sqlite_say(struct perp_sqlite *store, perp_status status, const char *format,
                            ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(store->message, sizeof store->message, format, arguments);
    va_end(arguments);
    if (length < 0)
        store->message[0] = '\0';
    if (status == PERP_E_CORRUPT)
        store->damaged = true;
    return status;
}

perp_status perp_sqlite_fail(struct perp_sqlite *store, int code, const char *what) {
    /* The connection's own words say more, where they are about this failure. */
    bool same = store->db && (sqlite3_errcode(store->db) & 0xff) == (code & 0xff);
    return perp_sqlite_say(store, status_of(code), "%s: %s", what,
                           same ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
}

perp_status perp_sqlite_exec(struct perp_sqlite *store, const char *sql, const char *what) {
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, what);
}

perp_status perp_sqlite_number(struct perp_sqlite *store, const char *sql, int64_t *number) {
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        *number = sqlite3_column_int64(row, 0);
    perp_status status =
        code == SQLITE_ROW ? PERP_OK
        : code == SQLITE_ERROR
            ? perp_sqlite_say(store, PERP_E_CORRUPT, "header: %s", sqlite3_errmsg(store->db))
            : perp_sqlite_fail(store, code, "header");
    sqlite3_finalize(row);
    return status;
}

/* Ends what a failure left open. SQLite itself may have rolled back already. */
static void undo(struct perp_sqlite *store) {
    store->in_batch = false;
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

static perp_status start(struct perp_sqlite *store) {
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_STATE, "opened for reading only");
    if (store->damaged) /* the message still has the place */
        return PERP_E_CORRUPT;
    undo(store);
    struct perp_binder to = perp_bind(store, PERP_SQL_BEGIN);
    int code = perp_bind_run(&to);
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, "begin");
}

static void begin(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    *status = start(store);
    store->in_batch = *status == PERP_OK;
    store->next = store->head;
}

static int insert_event(struct perp_sqlite *store, const perp_record *record, uint64_t checksum,
                        const char *outcome) {
    char job[37];
    bool has_pool = record->exchange && record->reservation;
    if (record->job_id)
        perp_uuid_format(record->job_id, job);
    struct perp_binder to = perp_bind(store, PERP_SQL_EVENT);
    perp_bind_hash(&to, record->seq);
    perp_bind_time(&to, record->time_ns);
    perp_bind_hash(&to, checksum);
    perp_bind_text(&to, record->kind);
    perp_bind_text(&to, record->job_id ? job : NULL);
    perp_bind_text(&to, record->exchange);
    perp_bind_text(&to, has_pool ? perp_pool_string(record->pool) : NULL);
    if (record->reservation)
        perp_bind_hash(&to, record->reservation);
    else
        perp_bind_null(&to);
    perp_bind_int(&to, record->amount);
    perp_bind_int(&to, record->pnl);
    perp_bind_int(&to, record->volume);
    perp_bind_int(&to, record->fees);
    perp_bind_text(&to, record->actor);
    perp_bind_text(&to, record->reason);
    perp_bind_text(&to, outcome);
    perp_bind_blob(&to, record->data, record->size);
    perp_bind_text(&to, record->detail);
    return perp_bind_run(&to);
}

static void append(void *user, const perp_record *record, perp_status *status) {
    struct perp_sqlite *store = user;
    if (!store->in_batch) {
        *status = perp_sqlite_say(store, PERP_E_STATE, "append: no batch was begun");
        return;
    }
    const struct perp_event *event = perp_event_decode(record->data, record->size, &store->room);
    if (!event || record->seq != store->next.seq + 1) {
        *status =
            perp_sqlite_say(store, PERP_E_STORE, "record %llu after %llu: %s",
                            (unsigned long long)record->seq, (unsigned long long)store->next.seq,
                            event ? "not the next one" : "its data is no event");
        return;
    }
    uint64_t checksum =
        perp_event_checksum(record->seq, record->time_ns, record->data, record->size);
    int code = insert_event(store, record, checksum, perp_sqlite_outcome(event));
    if (code == SQLITE_OK)
        code = perp_sqlite_rows(store, event);
    if (code != SQLITE_OK) {
        *status = perp_sqlite_fail(store, code, "append");
        return;
    }
    store->next.seq = record->seq;
    store->next.checksum = checksum;
    *status = PERP_OK;
}

/* Puts the head into the transaction and ends it. Where the sync of the commit fails, SQLite goes
   back to before; the next commit overwrites what may have reached the disk. */
static perp_status end(struct perp_sqlite *store, const struct perp_head *head) {
    struct perp_binder to = perp_bind(store, PERP_SQL_HEAD);
    perp_bind_hash(&to, head->seq);
    perp_bind_hash(&to, head->checksum);
    perp_bind_hash(&to, head->pruned);
    perp_bind_hash(&to, perp_head_guard(head));
    int code = perp_bind_run(&to);
    if (code == SQLITE_OK) {
        to = perp_bind(store, PERP_SQL_COMMIT);
        code = perp_bind_run(&to);
    }
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, "commit");
    store->head = *head;
    return PERP_OK;
}

static void commit(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    if (!store->in_batch) {
        *status = perp_sqlite_say(store, PERP_E_STATE, "commit: no batch was begun");
        return;
    }
    *status = end(store, &store->next);
    if (*status != PERP_OK)
        return;
    store->in_batch = false;
    perp_store_lock_mark(&store->lock, &store->head);
}

static void rollback(void *user) {
    undo(user);
}

static void load(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    struct perp_sqlite *store = user;
    store->message[0] = '\0';
    *status = perp_sqlite_load(store, from_start != 0, loader);
    if (*status != PERP_OK || store->read_only)
        return;
    /* Now that all of it was believed, closing may move the WAL's content into the file. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    perp_store_lock_mark(&store->lock, &store->head);
}

static int with_number(struct perp_sqlite *store, enum perp_statement which, uint64_t number) {
    struct perp_binder to = perp_bind(store, which);
    perp_bind_hash(&to, number);
    return perp_bind_run(&to);
}

/* Drops what is older than is wanted, up to what the older of the two checkpoints that are kept
   needs: if the newer can't be read, it must do. */
static int prune(struct perp_sqlite *store, uint64_t seq, struct perp_head *head) {
    int64_t older = 0;
    if (!store->keep_events || seq <= store->keep_events)
        return SQLITE_OK;
    if (perp_sqlite_number(store,
                           "SELECT coalesce(min(seq), 0) FROM (SELECT seq FROM checkpoints"
                           " ORDER BY seq DESC LIMIT 2)",
                           &older) != PERP_OK)
        return SQLITE_ERROR;
    uint64_t last = seq - store->keep_events;
    if (last > (uint64_t)older)
        last = (uint64_t)older;
    if (last <= head->pruned)
        return SQLITE_OK;
    static const enum perp_statement all[] = {PERP_SQL_PRUNE_EVENTS, PERP_SQL_PRUNE_JOBS,
                                              PERP_SQL_PRUNE_RESERVATIONS,
                                              PERP_SQL_PRUNE_CHECKPOINTS};
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && code == SQLITE_OK; i++)
        code = with_number(store, all[i], last);
    head->pruned = last;
    return code;
}

static void checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status) {
    struct perp_sqlite *store = user;
    struct perp_head head = store->head;
    *status = start(store);
    if (*status == PERP_OK && seq > head.seq)
        *status =
            perp_sqlite_say(store, PERP_E_STORE, "checkpoint: of %llu, the events end at %llu",
                            (unsigned long long)seq, (unsigned long long)head.seq);
    if (*status == PERP_OK) {
        struct perp_binder to = perp_bind(store, PERP_SQL_CHECKPOINT);
        perp_bind_hash(&to, seq);
        perp_bind_time(&to, time_ns);
        perp_bind_hash(&to, hash);
        perp_bind_hash(&to, perp_checkpoint_checksum(seq, time_ns, hash, data, size));
        perp_bind_blob(&to, data, size);
        int code = perp_bind_run(&to);
        if (code == SQLITE_OK) {
            to = perp_bind(store, PERP_SQL_STRIP);
            code = perp_bind_run(&to);
        }
        if (code == SQLITE_OK)
            code = prune(store, seq, &head);
        *status =
            code == SQLITE_OK ? end(store, &head) : perp_sqlite_fail(store, code, "checkpoint");
    }
    undo(store);
    /* Moves the WAL's content into the file as far as readers let it; what is left, later. */
    if (*status == PERP_OK)
        sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void message(void *user, char *text, size_t capacity) {
    const struct perp_sqlite *store = user;
    if (capacity)
        sqlite3_snprintf(capacity > 1024 ? 1024 : (int)capacity, text, "%s", store->message);
}

static void close_store(void *user) {
    struct perp_sqlite *store = user;
    for (size_t i = 0; i < PERP_SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    if (store->damaged && store->db)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(store->db);
    perp_store_lock_close(&store->lock);
    free(store);
}

static perp_status open_file(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    int mode = store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &store->db, mode | SQLITE_OPEN_NOMUTEX, vfs->zName);
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, "open");
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, WAIT_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return perp_sqlite_exec(store, "PRAGMA cell_size_check = ON; PRAGMA secure_delete = OFF",
                            "open");
}

/* SQLite opens a file that it may not write for reading. */
static perp_status check_writable(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    int writable = 0;
    if (store->read_only || sqlite3_db_readonly(store->db, "main") != 1)
        return PERP_OK;
    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_READWRITE, &writable) == SQLITE_OK && writable)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: says that it can't be written");
    return perp_sqlite_say(store, PERP_E_STORE, "open: the file can't be written");
}

static perp_status prepare_all(struct perp_sqlite *store) {
    for (size_t i = 0; i < PERP_SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code == SQLITE_ERROR) /* a table or a column is not there */
            return perp_sqlite_say(store, PERP_E_CORRUPT, "schema: %s", sqlite3_errmsg(store->db));
        if (code != SQLITE_OK)
            return perp_sqlite_fail(store, code, "schema");
    }
    return PERP_OK;
}

static perp_status open_store(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    int existed = 0;
    perp_status status = perp_store_lock_open(store, vfs, path);
    if (status != PERP_OK)
        return status;
    /* Asked so, an empty file counts as one that is there. */
    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_READWRITE, &existed) != SQLITE_OK)
        return perp_sqlite_say(store, PERP_E_STORE, "open: can't tell whether the file is there");
    status = open_file(store, vfs, path);
    if (status == PERP_OK)
        status = perp_sqlite_identify(store, existed);
    if (status == PERP_OK)
        status = check_writable(store, vfs, path);
    if (status == PERP_OK && !store->read_only)
        status = prepare_all(store);
    if (status == PERP_OK)
        status = perp_sqlite_read_head(store, &store->head);
    /* From here on only others that write where they should not can be in the way: no waiting. */
    if (status == PERP_OK && !store->read_only)
        sqlite3_busy_timeout(store->db, 0);
    return status;
}

static perp_status open_path(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    int size = vfs->mxPathname + 1;
    char *full = sqlite3_malloc(size);
    if (!full)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the path");
    /* Links are followed, so that a store has one lock by whichever name it is opened. */
    int code = vfs->xFullPathname(vfs, path, size, full) & 0xff;
    perp_status status = code == SQLITE_OK
                             ? open_store(store, vfs, full)
                             : perp_sqlite_say(store, PERP_E_STORE, "open: not a path");
    sqlite3_free(full);
    return status;
}

perp_status perp_store_sqlite_open(const char *path, const perp_sqlite_options *given,
                                   perp_store *out) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    if (out)
        memset(out, 0, sizeof *out);
    if (!path || !path[0] || !out)
        return perp_fail(NULL, PERP_E_INVALID, "store: no path, or NULL");
    if (given && !perp_struct_in(&options, sizeof options, given))
        return perp_fail(NULL, PERP_E_INVALID, "options: struct_size %u is not known",
                         given->struct_size);
    if (sqlite3_initialize() != SQLITE_OK)
        return perp_fail(NULL, PERP_E_STORE, "SQLite can't be initialised");
    sqlite3_vfs *vfs = sqlite3_vfs_find(options.vfs);
    if (!vfs)
        return perp_fail(NULL, PERP_E_STORE, "vfs: none is named so");
    struct perp_sqlite *store = calloc(1, sizeof *store);
    if (!store)
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the store");
    store->read_only = options.read_only != 0;
    store->keep_events = options.keep_events;
    perp_status status = open_path(store, vfs, path);
    if (status != PERP_OK) {
        perp_fail(NULL, status, "%s: %s", path, store->message);
        close_store(store);
        return status;
    }
    *out = (perp_store){.user = store,
                        .begin = begin,
                        .append = append,
                        .commit = commit,
                        .rollback = rollback,
                        .load = load,
                        .checkpoint = checkpoint,
                        .message = message,
                        .close = close_store};
    return PERP_OK;
}
