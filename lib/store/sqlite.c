/* The SQLite store: opening, closing, and the functions of its table but load. */
#include "store/sqlite_store.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain.h"
#include "core/core.h"
#include "util/sized.h"

#define WAIT_MS 2000 /* for a reader that puts a WAL in order, while opening */

/* Reading a schema of some ten thousand things takes SQLite so many steps; but the pages of one
   that name each other may hold a thing more often than can be counted. */
#define SCHEMA_STEPS 200000

/* How far the walk that verifies goes, and how many old rows go, at each checkpoint. */
#define WALK_STEP 10000
#define PRUNE_STEP 10000

/* Those that are not made of the columns' names (sqlite_rows.c). */
static const char *const statement_texts[PERP_SQL_COUNT] = {
    [PERP_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [PERP_SQL_COMMIT] = "COMMIT",
    [PERP_SQL_HEAD] = "UPDATE head SET seq = ?1, chain = ?2, pruned = ?3, pruned_chain = ?4,"
                      " rows = ?5, guard = ?6",
    [PERP_SQL_DROP] = "DELETE FROM checkpoints WHERE seq > ?1 AND (data IS NOT NULL OR seq > ?2)",
    [PERP_SQL_CHECKPOINT] = "INSERT OR REPLACE INTO checkpoints(seq, time_ns, hash, digest, guard,"
                            " data) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [PERP_SQL_STRIP] = "UPDATE checkpoints SET data = NULL WHERE data IS NOT NULL AND seq <"
                       " (SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT 1 OFFSET 1)",
    [PERP_SQL_DATA] = "SELECT data FROM events WHERE seq = ?1",
    [PERP_SQL_KEPT] = "SELECT max(seq) FROM (SELECT seq FROM events WHERE seq > ?1"
                      " ORDER BY seq LIMIT ?2)",
    [PERP_SQL_PRUNE_EVENTS] =
        "DELETE FROM events WHERE seq > ?1 AND seq <= ?2"
        " AND (job IS NULL OR NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = events.job"
        " AND ended_ns IS NULL))"
        " AND (reservation IS NULL OR NOT EXISTS (SELECT 1 FROM reservations"
        " WHERE reservations.id = events.reservation AND in_flight + used > 0))"
        " RETURNING seq, guard",
    [PERP_SQL_PRUNE_CHECKPOINTS] = "DELETE FROM checkpoints WHERE seq < ?1 + ?2",
};

perp_status perp_sqlite_status(int code) {
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_INTERRUPT: /* of a schema without end */
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
    if ((code & 0xff) == SQLITE_INTERRUPT)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "%s: takes longer than what a sound file can hold", what);
    return perp_sqlite_say(store, perp_sqlite_status(code), "%s: %s", what,
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

static perp_status start(struct perp_sqlite *store, bool staged) {
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_STATE, "opened for reading only");
    if (store->damaged) /* the message still has the place */
        return PERP_E_CORRUPT;
    undo(store);
    perp_status status = perp_store_in_place(store);
    if (status == PERP_OK)
        status = perp_sqlite_cut_tail(store);
    if (status == PERP_OK)
        status = perp_wal_begin(store, staged);
    if (status != PERP_OK)
        return status;
    int code = perp_sqlite_run(store->statements[PERP_SQL_BEGIN], NULL, 0);
    store->next = store->head;
    store->next_walk = store->walk;
    store->next_prune = store->prune;
    store->n_appended = 0;
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, "begin");
}

static void begin(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    *status = start(store, false);
    store->in_batch = *status == PERP_OK;
}

static void begin_staged(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    *status = start(store, true);
    store->in_batch = *status == PERP_OK;
}

static void append(void *user, const perp_record *record, perp_status *status) {
    struct perp_sqlite *store = user;
    uint64_t chain = 0;
    if (!store->in_batch) {
        *status = perp_sqlite_say(store, PERP_E_STATE, "append: no batch was begun");
        return;
    }
    bool follows = perp_chain_holds(store->next.seq ? store->next.chain : PERP_CHAIN_START,
                                    record->data, record->size, &chain) &&
                   chain == record->chain;
    if (!follows || record->seq != store->next.seq + 1) {
        *status = perp_sqlite_say(
            store, PERP_E_STORE, "record %llu after %llu: %s", (unsigned long long)record->seq,
            (unsigned long long)store->next.seq, follows ? "not the next one" : "checksum");
        return;
    }
    *status = perp_sqlite_put_event(store, record);
    if (*status != PERP_OK)
        return;
    store->next.seq = record->seq;
    store->next.chain = chain;
    store->n_appended++;
}

static void put_row(void *user, const perp_row *row, perp_status *status) {
    struct perp_sqlite *store = user;
    *status = store->in_batch ? perp_sqlite_put_row(store, row)
                              : perp_sqlite_say(store, PERP_E_STATE, "row: no batch was begun");
}

static int run_bound(struct perp_sqlite *store, enum perp_statement which,
                     const struct perp_value *values, int n, uint64_t rows);

/* Puts the head into the transaction and ends it. A commit that failed may be in the WAL all the
   same, and must not come back. */
static perp_status end(struct perp_sqlite *store) {
    const struct perp_head *head = &store->next;
    const struct perp_value values[] = {
        perp_value_bits(head->seq),    perp_value_bits(head->chain),
        perp_value_bits(head->pruned), perp_value_bits(head->pruned_chain),
        perp_value_bits(head->rows),   perp_value_bits(perp_head_guard(head)),
    };
    int code = run_bound(store, PERP_SQL_HEAD, values, 6, 1);
    if (code == SQLITE_OK) {
        code = perp_wal_begin_commit(store);
        if (code == SQLITE_OK) {
            code = perp_sqlite_run(store->statements[PERP_SQL_COMMIT], NULL, 0);
            store->has_tail = code != SQLITE_OK;
        }
        perp_wal_end_commit(store, code == SQLITE_OK);
    }
    if (code != SQLITE_OK) {
        char why[sizeof store->message];
        perp_status status = perp_sqlite_fail(store, code, "commit");
        memcpy(why, store->message, sizeof why);
        undo(store);
        if (perp_sqlite_cut_tail(store) == PERP_OK)
            memcpy(store->message, why, sizeof why);
        return status;
    }
    store->head = store->next;
    store->walk = store->next_walk;
    store->prune = store->next_prune;
    return PERP_OK;
}

static void commit(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    if (!store->in_batch) {
        *status = perp_sqlite_say(store, PERP_E_STATE, "commit: no batch was begun");
        return;
    }
    *status = perp_sqlite_prune(store, 8 + 2 * store->n_appended);
    if (*status == PERP_OK)
        *status = end(store);
    if (*status != PERP_OK)
        return;
    store->in_batch = false;
    if (!store->wal.is_lax) /* the note never leads the disk */
        perp_store_lock_mark(&store->lock, &store->head);
}

static void rollback(void *user) {
    undo(user);
}

static void load(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    struct perp_sqlite *store = user;
    store->message[0] = '\0';
    *status = perp_sqlite_load(store, from_start != 0, loader);
    if (*status == PERP_OK && !store->read_only)
        *status = perp_sqlite_wal_on(store);
    if (*status == PERP_OK && !store->read_only)
        *status = perp_wal_open(store);
    if (*status != PERP_OK || store->read_only)
        return;
    /* Now that all of it was believed, closing may move the WAL's content into the file. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    perp_store_lock_mark(&store->lock, &store->head);
}

/* Its row, and what it makes superfluous. */
static perp_status put_checkpoint(struct perp_sqlite *store, uint64_t seq, int64_t time_ns,
                                  uint64_t hash, const void *data, size_t size) {
    const uint64_t digest = perp_checkpoint_digest(data, size);
    const struct perp_value values[] = {
        perp_value_bits(seq),
        perp_value_time(time_ns),
        perp_value_bits(hash),
        perp_value_bits(digest),
        perp_value_bits(perp_checkpoint_guard(&store->head, seq, time_ns, hash, digest)),
        perp_value_blob(data, size),
    };
    if (seq > store->head.seq)
        return perp_sqlite_say(store, PERP_E_STORE, "checkpoint: of %llu, the events end at %llu",
                               (unsigned long long)seq, (unsigned long long)store->head.seq);
    /* One that can't be read must not count as one of the newest, for which others go. */
    const struct perp_value ends[] = {perp_value_bits(store->newest),
                                      perp_value_bits(store->head.seq)};
    const uint64_t most = perp_sqlite_most_checkpoints(store);
    int code = run_bound(store, PERP_SQL_DROP, ends, 2, most);
    if (code == SQLITE_OK)
        code = perp_sqlite_run(store->statements[PERP_SQL_CHECKPOINT], values, 6);
    if (code == SQLITE_OK)
        code = run_bound(store, PERP_SQL_STRIP, NULL, 0, most);
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, "checkpoint");
    perp_status status = perp_sqlite_prune_plan(store, seq);
    return status == PERP_OK ? perp_sqlite_prune(store, PRUNE_STEP) : status;
}

static void checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status) {
    struct perp_sqlite *store = user;
    *status = start(store, false);
    if (*status == PERP_OK)
        *status = perp_sqlite_walk(store, &store->head, &store->next_walk, WALK_STEP);
    if (*status == PERP_OK)
        *status = put_checkpoint(store, seq, time_ns, hash, data, size);
    if (*status == PERP_OK)
        *status = end(store);
    if (*status == PERP_OK)
        store->newest = seq;
    undo(store);
    if (*status == PERP_OK)
        perp_wal_move(store);
}

static void message(void *user, char *text, size_t capacity) {
    const struct perp_sqlite *store = user;
    if (capacity)
        sqlite3_snprintf(capacity > 1024 ? 1024 : (int)capacity, text, "%s", store->message);
}

static void close_store(void *user) {
    struct perp_sqlite *store = user;
    if (store->db && !store->read_only) {
        undo(store);
        (void)perp_sqlite_cut_tail(store);
    }
    for (size_t i = 0; i < PERP_SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    perp_sqlite_finalize_rows(store);
    if (store->damaged && store->db)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    perp_wal_close(store); /* SQLite removes the file, where it is the last to close it */
    sqlite3_close(store->db);
    perp_store_lock_close(&store->lock);
    free(store);
}

static int is_too_long(void *user) {
    (void)user;
    return 1;
}

void perp_sqlite_distrust(sqlite3 *db) {
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    sqlite3_progress_handler(db, SCHEMA_STEPS, is_too_long, NULL);
}

void perp_sqlite_trust_schema(sqlite3 *db) {
    sqlite3_progress_handler(db, 0, NULL, NULL);
}

/* To drop a row of events takes some 150, to pass one of checkpoints 10. */
#define STEPS_OF_ROW 1000
#define STEPS_OF_ANY 100000

void perp_sqlite_bound(struct perp_sqlite *store, sqlite3_stmt *statement, uint64_t rows) {
    uint64_t most = (INT_MAX - STEPS_OF_ANY) / STEPS_OF_ROW;
    int steps = STEPS_OF_ANY + (int)(rows < most ? rows : most) * STEPS_OF_ROW;
    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
    sqlite3_progress_handler(store->db, steps, is_too_long, NULL);
}

void perp_sqlite_free(struct perp_sqlite *store) {
    sqlite3_progress_handler(store->db, 0, NULL, NULL);
}

/* Each has five numbers of eight bytes, and takes a hundredth of what one that is dropped does. */
uint64_t perp_sqlite_most_checkpoints(struct perp_sqlite *store) {
    int64_t pages = 0;
    return perp_sqlite_number(store, "PRAGMA page_count", &pages) == PERP_OK ? (uint64_t)pages * 2
                                                                             : 0;
}

/* Runs it within the steps of so many rows. */
static int run_bound(struct perp_sqlite *store, enum perp_statement which,
                     const struct perp_value *values, int n, uint64_t rows) {
    perp_sqlite_bound(store, store->statements[which], rows);
    int code = perp_sqlite_run(store->statements[which], values, n);
    perp_sqlite_free(store);
    return code;
}

static perp_status open_file(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    int mode = store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &store->db, mode | SQLITE_OPEN_NOMUTEX, vfs->zName);
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, "open");
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, WAIT_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    perp_sqlite_distrust(store->db);
    return perp_sqlite_exec(store,
                            "PRAGMA cell_size_check = ON; PRAGMA secure_delete = OFF;"
                            " PRAGMA ignore_check_constraints = ON",
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

/* What goes because of its age returns its columns, for its hash. from: the table, by the index
   that gives the oldest first, whatever statistics a file brings; by: the column that has the age;
   condition: which rows may go. */
static perp_status prepare_prune(struct perp_sqlite *store, enum perp_statement which, int table,
                                 const char *from, const char *by, const char *condition) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    const char *name = store->tables[table].name;
    sqlite3_str_appendf(text,
                        "DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s WHERE %s <= ?1"
                        "%s ORDER BY %s LIMIT ?2) RETURNING rowid, ",
                        name, from, by, condition, by);
    perp_sqlite_names(text, &store->tables[table]);
    return perp_sqlite_prepare(store, text, &store->statements[which]);
}

static perp_status prepare_all(struct perp_sqlite *store) {
    for (size_t i = 0; i < PERP_SQL_COUNT; i++) {
        if (!statement_texts[i])
            continue;
        int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code == SQLITE_ERROR) /* a table or a column is not there */
            return perp_sqlite_say(store, PERP_E_CORRUPT, "schema: %s", sqlite3_errmsg(store->db));
        if (code != SQLITE_OK)
            return perp_sqlite_fail(store, code, "schema");
    }
    perp_status status =
        prepare_prune(store, PERP_SQL_PRUNE_JOBS, PERP_SQLITE_JOBS, "jobs INDEXED BY jobs_ended",
                      "last_seq", " AND ended_ns IS NOT NULL");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_RESERVATIONS, PERP_SQLITE_RESERVATIONS,
                               "reservations INDEXED BY reservations_ended", "last_seq",
                               " AND in_flight + used = 0");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_CASH, PERP_SQLITE_CASH, "cash", "seq", "");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_CASH_SHARES, PERP_SQLITE_CASH_SHARES,
                               "cash_shares", "seq", "");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_ORDERS, PERP_SQLITE_ORDERS,
                               "orders INDEXED BY orders_ended", "last_seq",
                               " AND ended_ns IS NOT NULL");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_FILLS, PERP_SQLITE_FILLS, "fills", "seq", "");
    if (status == PERP_OK)
        status = prepare_prune(store, PERP_SQL_PRUNE_LOTS, PERP_SQLITE_LOTS,
                               "lots INDEXED BY lots_closed", "last_seq", " AND quantity = 0");
    return status == PERP_OK ? perp_sqlite_prepare_rows(store) : status;
}

/* Whether there is a file. Asked for its existence, SQLite says no of an empty one, whose WAL it
   removes when it opens it: so such a one is looked at first. */
static perp_status find_file(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path,
                             bool *existed) {
    int exists = 0, usable = 0;
    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &exists) != SQLITE_OK ||
        vfs->xAccess(vfs, path, SQLITE_ACCESS_READWRITE, &usable) != SQLITE_OK)
        return perp_sqlite_say(store, PERP_E_STORE, "open: can't tell whether the file is there");
    *existed = exists || usable;
    if (*existed && !store->read_only && perp_store_has_names(path))
        return perp_sqlite_say(store, PERP_E_STORE,
                               "the file has more than one name (hard links), and a WAL and a lock "
                               "by each of them: remove the others");
    if (!*existed && !store->read_only)
        perp_store_lock_mark(&store->lock, NULL);
    return *existed && !exists ? perp_sqlite_check_empty(store) : PERP_OK;
}

static perp_status open_store(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    bool existed = false, has_alone = false;
    struct perp_head alone;
    perp_status status = perp_store_lock_open(store, vfs, path);
    if (status == PERP_OK)
        status = find_file(store, vfs, path, &existed);
    if (status != PERP_OK)
        return status;
    if (existed)
        has_alone = perp_sqlite_peek(vfs, path, &alone);
    status = open_file(store, vfs, path);
    if (status == PERP_OK)
        status = perp_sqlite_identify(store, existed);
    if (status == PERP_E_STORE && perp_sqlite_wal_is_strange(vfs, path))
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "WAL: of a version that is not known");
    if (status == PERP_OK)
        status = check_writable(store, vfs, path);
    if (status == PERP_OK)
        status = perp_sqlite_check_schema(store);
    if (status == PERP_OK)
        store->n_known += perp_sqlite_count_own(store);
    if (status == PERP_OK && !store->read_only)
        status = prepare_all(store);
    if (status == PERP_OK)
        status = perp_sqlite_read_head(store, &store->head);
    if (status == PERP_OK)
        status = perp_sqlite_check_wal(store, has_alone ? &alone : NULL);
    if (store->db) /* there was memory for it */
        perp_sqlite_trust_schema(store->db);
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
    store->wal.name = code == SQLITE_OK ? perp_wal_name(full) : NULL;
    perp_status status =
        code != SQLITE_OK ? perp_sqlite_say(store, PERP_E_STORE, "open: not a path")
        : store->wal.name ? open_store(store, vfs, full)
                          : perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the path");
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
    store->verify_events = options.verify_events;
    store->create = options.create != 0;
    store->newest = INT64_MAX; /* until it is loaded */
    perp_wal_init(store);
    store->wal.limit = (uint64_t)options.wal_limit_mb << 20;
    perp_sqlite_describe(store->tables);
    perp_status status = open_path(store, vfs, path);
    if (status != PERP_OK) {
        perp_fail(NULL, status, "%s: %s", path, store->message);
        close_store(store);
        return status;
    }
    static const perp_store_more more = {.struct_size = sizeof more,
                                         .begin_staged = begin_staged,
                                         .sync = perp_wal_sync,
                                         .state = perp_wal_state};
    *out = (perp_store){.user = store,
                        .begin = begin,
                        .append = append,
                        .row = put_row,
                        .commit = commit,
                        .rollback = rollback,
                        .load = load,
                        .checkpoint = checkpoint,
                        .message = message,
                        .close = close_store,
                        .more = &more};
    return PERP_OK;
}
