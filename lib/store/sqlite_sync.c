/* Making commits durable apart from making them, and how long the WAL is.

   A staged commit is one of synchronous=NORMAL: its frames are in the WAL and count, but nobody has
   waited for the disk. Frames have sums that go on from each other, so a machine that fails leaves
   all up to some commit, and none after a gap. Another thread waits: it syncs the WAL through a
   file of its own, since SQLite's must not be touched beside SQLite. Where frames left the WAL
   before (a checkpoint of SQLite's), that synced the WAL and then the file, so that after a sync of
   the WAL all commits before it are on disk, wherever they are.

   A sync that fails may leave the system without what it should have written, and the next one says
   that all is well. So after a failure no sync counts until all frames were written once more,
   which the next commit that waits for the disk does. */
#include "store/sqlite_store.h"

#include <stdlib.h>
#include <string.h>

/* Frames after which SQLite moves the WAL's content into the file, as it does by itself; a commit
   that should not wait lets it come to more. */
#define MOVE_FRAMES 1000
#define MOVE_FRAMES_STAGED 8000

static bool is_lost(const struct perp_store_wal *wal) {
    return atomic_load_explicit(&wal->lost, memory_order_acquire);
}

static void now_lost(struct perp_store_wal *wal, bool lost) {
    atomic_store_explicit(&wal->lost, lost && wal->has_staged, memory_order_release);
}

/* Where frames may be lost they must not be read for the file. */
static bool move(struct perp_sqlite *store) {
    int all = 0, moved = 0;
    if (is_lost(&store->wal))
        return false;
    int code =
        sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, &all, &moved);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        now_lost(&store->wal, true); /* it may be its sync of the WAL that failed */
    return code == SQLITE_OK && moved > 0 && moved == all;
}

static bool move_locked(struct perp_sqlite *store) {
    pthread_mutex_lock(&store->wal.lock);
    bool whole = move(store);
    pthread_mutex_unlock(&store->wal.lock);
    return whole;
}

void perp_wal_move(struct perp_sqlite *store) {
    (void)move_locked(store);
}

static int on_commit(void *user, sqlite3 *db, const char *name, int n_frames) {
    struct perp_sqlite *store = user;
    struct perp_store_wal *wal = &store->wal;
    const uint64_t bytes =
        PERP_WAL_HEADER + (uint64_t)n_frames * (PERP_WAL_FRAME_HEADER + (uint64_t)wal->page_size);
    bool over = wal->limit && bytes > wal->limit, whole = false;
    (void)db;
    (void)name;
    if (over || n_frames >= (wal->is_lax ? MOVE_FRAMES_STAGED : MOVE_FRAMES))
        whole = wal->has_lock ? move(store) : move_locked(store);
    wal->held = over && !whole;
    wal->bytes = bytes;
    return SQLITE_OK; /* the commit stands, whatever became of moving it */
}

void perp_wal_init(struct perp_sqlite *store) {
    pthread_mutex_init(&store->wal.lock, NULL);
}

static void close_file(struct perp_store_wal *wal) {
    if (wal->file && wal->file->pMethods)
        wal->file->pMethods->xClose(wal->file);
    sqlite3_free(wal->file);
    wal->file = NULL;
}

void perp_wal_close(struct perp_sqlite *store) {
    if (is_lost(&store->wal) && store->db)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    close_file(&store->wal);
    if (store->wal.name)
        sqlite3_free_filename((char *)(uintptr_t)store->wal.name);
    pthread_mutex_destroy(&store->wal.lock);
}

/* Opened as one that is made: a VFS syncs the folder with the first sync of such a file. */
static int open_file(struct perp_store_wal *wal, sqlite3_vfs *vfs) {
    const int flags = SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    wal->file = sqlite3_malloc(vfs->szOsFile);
    if (!wal->file)
        return SQLITE_NOMEM;
    memset(wal->file, 0, (size_t)vfs->szOsFile);
    int given = 0;
    int code = vfs->xOpen(vfs, wal->name, wal->file, flags, &given);
    return code == SQLITE_OK && !(given & SQLITE_OPEN_READWRITE) ? SQLITE_READONLY : code;
}

static int sync_file(const struct perp_store_wal *wal) {
    return wal->file->pMethods->xSync(wal->file, SQLITE_SYNC_FULL);
}

/* Where a write can harm what lies beside it in a sector, SQLite fills sectors up, but only in
   commits that it syncs. */
static bool can_stage(sqlite3 *db) {
    sqlite3_file *file = NULL;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
           file->pMethods &&
           (file->pMethods->xDeviceCharacteristics(file) & SQLITE_IOCAP_POWERSAFE_OVERWRITE);
}

/* ---- Writing once more what may be lost ------------------------------------------------------ */

/* The sums of the WAL's form (https://sqlite.org/fileformat.html, 4.2). */
static void add_sum(uint32_t sum[2], const unsigned char *at, size_t size, bool big) {
    for (size_t i = 0; i < size; i += 8) {
        uint32_t word[2];
        for (size_t n = 0; n < 2; n++) {
            const unsigned char *p = at + i + 4 * n;
            word[n] =
                big ? perp_big_endian(p)
                    : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
        }
        sum[0] += word[0] + sum[1];
        sum[1] += word[1] + sum[0];
    }
}

static bool has_sum(const uint32_t sum[2], const unsigned char *at) {
    return sum[0] == perp_big_endian(at) && sum[1] == perp_big_endian(at + 4);
}

/* Writes the frames that count as they are read, where they are what was written. */
static int rewrite(const struct perp_store_wal *wal, sqlite3_int64 n_frames, size_t size,
                   unsigned char *frame) {
    sqlite3_file *file = wal->file;
    unsigned char header[PERP_WAL_HEADER];
    uint32_t sum[2] = {0, 0};
    int code = file->pMethods->xRead(file, header, sizeof header, 0);
    bool big = header[3] & 1;
    add_sum(sum, header, 24, big);
    if (code == SQLITE_OK && !has_sum(sum, header + 24))
        code = SQLITE_IOERR_DATA;
    if (code == SQLITE_OK)
        code = file->pMethods->xWrite(file, header, sizeof header, 0);
    for (sqlite3_int64 i = 0; i < n_frames && code == SQLITE_OK; i++) {
        const sqlite3_int64 at = PERP_WAL_HEADER + i * (sqlite3_int64)size;
        code = file->pMethods->xRead(file, frame, (int)size, at);
        add_sum(sum, frame, 8, big);
        add_sum(sum, frame + PERP_WAL_FRAME_HEADER, size - PERP_WAL_FRAME_HEADER, big);
        if (code == SQLITE_OK && !has_sum(sum, frame + 16))
            code = SQLITE_IOERR_DATA;
        if (code == SQLITE_OK)
            code = file->pMethods->xWrite(file, frame, (int)size, at);
    }
    return code;
}

/* In a transaction, so that nobody begins the WAL anew. */
static int write_again(struct perp_sqlite *store) {
    sqlite3_int64 n_frames = 0, page = 0;
    int code = perp_wal_frames(store->db, &n_frames, &page);
    if (code == SQLITE_OK && !n_frames) /* all is in the file, which was synced */
        return sync_file(&store->wal);
    const size_t size = PERP_WAL_FRAME_HEADER + (size_t)page;
    unsigned char *frame = code == SQLITE_OK ? sqlite3_malloc64(size) : NULL;
    if (code == SQLITE_OK)
        code = frame ? rewrite(&store->wal, n_frames, size, frame) : SQLITE_NOMEM;
    sqlite3_free(frame);
    return code == SQLITE_OK ? sync_file(&store->wal) : code;
}

/* The process before this one may have ended after a sync that failed. */
static int make_durable(struct perp_sqlite *store) {
    int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = write_again(store);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

perp_status perp_wal_open(struct perp_sqlite *store) {
    struct perp_store_wal *wal = &store->wal;
    sqlite3_vfs *vfs = NULL;
    perp_status status = perp_sqlite_number(store, "PRAGMA page_size", &wal->page_size);
    if (status != PERP_OK)
        return status;
    sqlite3_wal_hook(store->db, on_commit, store);
    if (wal->file) /* it was loaded before */
        return PERP_OK;
    int code = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    if (code == SQLITE_OK)
        code = open_file(wal, vfs);
    if (code == SQLITE_OK)
        code = make_durable(store);
    if (code != SQLITE_OK || !can_stage(store->db))
        close_file(wal);
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, "WAL: sync");
}

/* ---- Changes --------------------------------------------------------------------------------- */

perp_status perp_wal_begin(struct perp_sqlite *store, bool staged) {
    struct perp_store_wal *wal = &store->wal;
    perp_status status = PERP_OK;
    staged = staged && wal->file;
    if (staged != wal->is_lax)
        status = perp_sqlite_exec(
            store, staged ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", "begin");
    if (status == PERP_OK)
        wal->is_lax = staged;
    return status;
}

int perp_wal_begin_commit(struct perp_sqlite *store) {
    struct perp_store_wal *wal = &store->wal;
    wal->has_lock = !wal->is_lax;
    if (wal->is_lax)
        return SQLITE_OK;
    pthread_mutex_lock(&wal->lock);
    if (!is_lost(wal))
        return SQLITE_OK;
    int code = write_again(store);
    now_lost(wal, code != SQLITE_OK);
    return code;
}

void perp_wal_end_commit(struct perp_sqlite *store, bool committed) {
    struct perp_store_wal *wal = &store->wal;
    if (!wal->has_lock) {
        wal->has_staged = true;
        return;
    }
    /* A sync that failed was one of all that was staged before, too. */
    if (!committed)
        now_lost(wal, true);
    else
        wal->has_staged = false;
    wal->has_lock = false;
    pthread_mutex_unlock(&wal->lock);
}

void perp_wal_sync(void *user, perp_status *status) {
    struct perp_sqlite *store = user;
    struct perp_store_wal *wal = &store->wal;
    *status = PERP_OK;
    if (!wal->file) /* no commit was staged */
        return;
    pthread_mutex_lock(&wal->lock);
    if (!is_lost(wal) && sync_file(wal) != SQLITE_OK)
        atomic_store_explicit(&wal->lost, true, memory_order_release); /* one was staged */
    if (is_lost(wal))
        *status = PERP_E_STORE;
    pthread_mutex_unlock(&wal->lock);
}

void perp_wal_state(void *user, perp_store_state *state) {
    const struct perp_sqlite *store = user;
    state->wal_held = store->wal.held;
    state->wal_bytes = store->wal.bytes;
    state->wal_limit_bytes = store->wal.limit;
}
