/* The WAL: whether it belongs to the file, and that a commit that failed does not come back. */
#include "store/sqlite_store.h"

#include <stdio.h>
#include <string.h>

#include "core/chain.h"

#define WAL_VERSION 3007000

/* ---- The file alone -------------------------------------------------------------------------- */

/* The path as a URI that leaves the WAL aside: opened so, no lock is taken and nothing written. */
static char *uri_of(const char *path) {
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            sqlite3_str_appendf(text, "%%%02x", (unsigned char)*path);
        else
            sqlite3_str_appendchar(text, 1, *path);
    }
    sqlite3_str_appendall(text, "?immutable=1&nolock=1");
    return sqlite3_str_finish(text);
}

bool perp_sqlite_peek(sqlite3_vfs *vfs, const char *path, struct perp_head *head) {
    char *uri = uri_of(path);
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    /* Whatever fails: what is there is looked at again, with its WAL. */
    bool good = uri && sqlite3_open_v2(uri, &db,
                                       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                                       vfs->zName) == SQLITE_OK;
    if (good)
        perp_sqlite_distrust(db);
    good = good && sqlite3_prepare_v2(db, PERP_HEAD_SQL, -1, &row, NULL) == SQLITE_OK &&
           sqlite3_step(row) == SQLITE_ROW && perp_head_from(row, head);
    sqlite3_finalize(row);
    sqlite3_close(db);
    sqlite3_free(uri);
    return good;
}

uint32_t perp_big_endian(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

const char *perp_wal_name(const char *path) {
    char *text = sqlite3_mprintf("%s-wal", path);
    const char *name = text ? sqlite3_create_filename(text, "", "", 0, NULL) : NULL;
    sqlite3_free(text);
    return name;
}

bool perp_sqlite_wal_is_strange(sqlite3_vfs *vfs, const char *path) {
    unsigned char header[PERP_WAL_HEADER] = {0};
    const char *name = perp_wal_name(path);
    sqlite3_file *file = name ? sqlite3_malloc(vfs->szOsFile) : NULL;
    if (file) {
        memset(file, 0, (size_t)vfs->szOsFile);
        if (vfs->xOpen(vfs, name, file, SQLITE_OPEN_WAL | SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
            (void)file->pMethods->xRead(file, header, sizeof header, 0);
        if (file->pMethods)
            file->pMethods->xClose(file);
    }
    sqlite3_free(file);
    if (name)
        sqlite3_free_filename((char *)(uintptr_t)name);
    return (perp_big_endian(header) & ~UINT32_C(1)) == PERP_WAL_MAGIC &&
           perp_big_endian(header + 4) != WAL_VERSION;
}

/* The checksum of an event; true where it is not there any more. */
static bool event_has_chain(struct perp_sqlite *store, uint64_t seq, uint64_t wanted,
                            perp_status *status) {
    sqlite3_stmt *row = NULL;
    uint64_t chain = wanted;
    char sql[80];
    sqlite3_snprintf(sizeof sql, sql, "SELECT data FROM events WHERE seq = %lld", (long long)seq);
    *status = perp_sqlite_query(store, sql, "events", &row);
    int code = *status == PERP_OK ? sqlite3_step(row) : SQLITE_DONE;
    if (code == SQLITE_ROW)
        (void)perp_chain_of(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0),
                            &chain);
    else if (code != SQLITE_DONE)
        *status = perp_sqlite_fail(store, code, "events");
    sqlite3_finalize(row);
    return chain == wanted;
}

/* Whether the store goes on from an earlier state of itself. */
static perp_status goes_on(struct perp_sqlite *store, const struct perp_head *from,
                           const char *what, const char *advice) {
    const struct perp_head *head = &store->head;
    perp_status status = PERP_OK;
    if (from->store != head->store)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "%s is another store's%s", what, advice);
    if (from->seq > head->seq)
        return perp_sqlite_say(
            store, PERP_E_CORRUPT, "events end at seq %llu, though %llu were committed%s",
            (unsigned long long)head->seq, (unsigned long long)from->seq, advice);
    if (from->seq && !event_has_chain(store, from->seq, from->chain, &status) && status == PERP_OK)
        status = perp_sqlite_say(store, PERP_E_CORRUPT,
                                 "events seq %llu: not the one that was committed%s",
                                 (unsigned long long)from->seq, advice);
    return status;
}

perp_status perp_sqlite_check_wal(struct perp_sqlite *store, const struct perp_head *alone) {
    const struct perp_store_lock *lock = &store->lock;
    perp_status status = PERP_OK;
    if (alone)
        status = goes_on(store, alone, "the WAL", "");
    if (status == PERP_OK && lock->has_mark)
        status = goes_on(store, &lock->mark, "the file",
                         " (where another or an older copy was put back on purpose, remove the"
                         " -lock file)");
    return status;
}

/* ---- The tail --------------------------------------------------------------------------------

   Where the sync of a commit fails, all of it may lie in the WAL, with its end. SQLite does not
   count it and will write the next commit over it; but a process that starts meanwhile would
   recover it, and find a change that a call reported as failed. So its first frame is unmade: a
   frame whose head is zero ends the recovery. What SQLite counts stands in the WAL's index, whose
   form is documented (https://sqlite.org/walformat.html, 2.1). */

struct index_header { /* of the WAL's index */
    uint32_t version, unused, change;
    uint8_t is_init, big_endian;
    uint16_t page_size; /* 1: 65,536 */
    uint32_t n_frames;  /* that count */
    uint32_t rest[7];
};

static int read_index(sqlite3_file *file, struct index_header *index) {
    void volatile *shared = NULL;
    if (file->pMethods->iVersion < 2 || !file->pMethods->xShmMap)
        return SQLITE_IOERR;
    int code = file->pMethods->xShmMap(file, 0, 32768, 0, &shared);
    if (code != SQLITE_OK || !shared)
        return code ? code : SQLITE_IOERR;
    /* The writer's lock is ours: nobody changes it. */
    memcpy(index, (const void *)(uintptr_t)shared, sizeof *index);
    return index->is_init ? SQLITE_OK : SQLITE_IOERR;
}

int perp_wal_frames(sqlite3 *db, sqlite3_int64 *n_frames, sqlite3_int64 *page_size) {
    struct index_header index;
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && !file->pMethods)
        code = SQLITE_IOERR;
    if (code == SQLITE_OK)
        code = read_index(file, &index);
    if (code != SQLITE_OK)
        return code;
    *n_frames = index.n_frames;
    *page_size = index.page_size == 1 ? 65536 : index.page_size;
    return SQLITE_OK;
}

static int unmake(sqlite3 *db) {
    static const char zeros[PERP_WAL_FRAME_HEADER];
    sqlite3_file *wal = NULL;
    sqlite3_int64 size = 0, n_frames = 0, page = 0;
    int code = perp_wal_frames(db, &n_frames, &page);
    if (code == SQLITE_OK)
        code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (code == SQLITE_OK && !wal->pMethods)
        code = SQLITE_IOERR;
    if (code != SQLITE_OK)
        return code;
    const sqlite3_int64 at = PERP_WAL_HEADER + n_frames * (PERP_WAL_FRAME_HEADER + page);
    code = wal->pMethods->xFileSize(wal, &size);
    if (code == SQLITE_OK && size > at)
        code = wal->pMethods->xWrite(wal, zeros, sizeof zeros, at);
    if (code == SQLITE_OK && size > at)
        code = wal->pMethods->xSync(wal, SQLITE_SYNC_FULL);
    return code;
}

perp_status perp_sqlite_cut_tail(struct perp_sqlite *store) {
    if (!store->has_tail)
        return PERP_OK;
    int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = unmake(store->db);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->has_tail = code != SQLITE_OK;
    return code == SQLITE_OK
               ? PERP_OK
               : perp_sqlite_say(store, PERP_E_STORE,
                                 "WAL: a change that failed can't be taken out of it (%s)",
                                 sqlite3_errstr(code));
}
