/* One writer, and where the events end.

   The lock lies on a file of its own, PATH-lock, taken through SQLite's own VFS. A lock that SQLite
   holds on the store itself for as long as it is open (locking_mode=EXCLUSIVE) would shut out
   readers, and in WAL mode SQLite's own write lock is only held during a commit. A lock that a
   program writes into a file survives kill -9; flock and OFD locks are not on every system; plain
   fcntl locks do not tell two books of one process apart, and go when anything in the process
   closes the file. SQLite's unix VFS is built on fcntl locks and settles both of these, the system
   drops them when the process dies, however it dies, and a VFS that the host brings is asked for
   its own. RESERVED is the level: one at a time has it, and of two that try at once one gets it.

   The file also notes the head after each commit. A WAL whose middle is damaged or that is gone
   looks like one that ends earlier, so the store itself can't know that commits were lost. The note
   is written after the commit is durable and never synced: after a crash it may lag, and never
   leads. It is a hint that only ever refuses: unreadable, it is not used. While a store is made
   where there was no file it says that, synced, so that an empty file which a process left that was
   killed then is told from one that was lost. */
#include "store/sqlite_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/num.h"

#define MAGIC UINT64_C(0x314b52414d504552)

struct mark {
    uint64_t magic;
    uint64_t store;
    uint64_t seq;
    uint64_t chain;
    uint64_t guard;
};

static uint64_t guard_of(const struct mark *mark) {
    return perp_hash_bytes(0, mark, offsetof(struct mark, guard));
}

static void read_mark(struct perp_store_lock *lock) {
    struct mark mark;
    if (lock->file->pMethods->xRead(lock->file, &mark, sizeof mark, 0) != SQLITE_OK ||
        mark.magic != MAGIC || mark.guard != guard_of(&mark))
        return;
    lock->is_making = !mark.store && !mark.seq;
    lock->has_mark = !lock->is_making;
    lock->mark = (struct perp_head){.store = mark.store, .seq = mark.seq, .chain = mark.chain};
}

static perp_status open_file(struct perp_sqlite *store, int flags) {
    struct perp_store_lock *lock = &store->lock;
    lock->file = sqlite3_malloc(lock->vfs->szOsFile);
    if (!lock->file)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the lock");
    memset(lock->file, 0, (size_t)lock->vfs->szOsFile);
    int given = 0;
    int code = lock->vfs->xOpen(lock->vfs, lock->name, lock->file, flags, &given);
    if (code == SQLITE_OK && (store->read_only || (given & SQLITE_OPEN_READWRITE)))
        return PERP_OK;
    return perp_sqlite_say(store, PERP_E_STORE, "%s: can't be opened for writing (%s)", lock->name,
                           sqlite3_errstr(code ? code : SQLITE_READONLY));
}

static perp_status take(struct perp_sqlite *store) {
    sqlite3_file *file = store->lock.file;
    int code = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (code == SQLITE_OK)
        code = file->pMethods->xLock(file, SQLITE_LOCK_RESERVED);
    if (code == SQLITE_OK)
        return PERP_OK;
    if ((code & 0xff) == SQLITE_BUSY)
        return perp_sqlite_say(store, PERP_E_BUSY, "another book writes to it");
    return perp_sqlite_say(store, PERP_E_STORE, "%s: can't be locked (%s)", store->lock.name,
                           sqlite3_errstr(code));
}

perp_status perp_store_lock_open(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path) {
    struct perp_store_lock *lock = &store->lock;
    lock->vfs = vfs;
    char *name = sqlite3_mprintf("%s-lock", path);
    lock->name = name ? sqlite3_create_filename(name, "", "", 0, NULL) : NULL;
    sqlite3_free(name);
    if (!lock->name)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for the lock");
    int mode = store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    perp_status status = open_file(store, SQLITE_OPEN_MAIN_DB | mode);
    if (status == PERP_OK && !store->read_only)
        status = take(store);
    if (status == PERP_OK)
        read_mark(lock);
    if (!store->read_only)
        return status;
    /* A reader asks for no lock; without the file there is no note to compare with. */
    perp_store_lock_close(lock);
    return status == PERP_E_NOMEM ? status : PERP_OK;
}

void perp_store_lock_mark(struct perp_store_lock *lock, const struct perp_head *head) {
    struct mark mark = {.magic = MAGIC};
    if (head) {
        mark.store = head->store;
        mark.seq = head->seq;
        mark.chain = head->chain;
    }
    mark.guard = guard_of(&mark);
    /* The commit is durable whatever becomes of the note, so a failure is none of the commit: the
       note then lags, or is not readable. */
    (void)lock->file->pMethods->xWrite(lock->file, &mark, sizeof mark, 0);
    if (!head)
        (void)lock->file->pMethods->xSync(lock->file, SQLITE_SYNC_NORMAL);
}

/* WAL and lock go by the name that the file was opened by. By another one a second process would
   find no lock, and the next one not the WAL that a process left that was killed. */
bool perp_store_has_names(const char *path) {
    struct stat is;
    return stat(path, &is) == 0 && S_ISREG(is.st_mode) && is.st_nlink > 1;
}

/* false, too, where the VFS does not know. */
static bool has_moved(sqlite3_file *file) {
    int moved = 0;
    return file && file->pMethods &&
           file->pMethods->xFileControl(file, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

/* Who has a file open goes on writing to it when its name is gone, and nobody finds that. What was
   acknowledged before is brought into the file while there is a WAL to take it from. */
perp_status perp_store_in_place(struct perp_sqlite *store) {
    static const char words[] = "was moved or removed while the store is open";
    struct perp_store_lock *lock = &store->lock;
    sqlite3_file *file = NULL;
    int there = 1;
    if (has_moved(lock->file))
        return perp_sqlite_say(store, PERP_E_STORE, "%s: %s", lock->name, words);
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
        has_moved(file))
        return perp_sqlite_say(store, PERP_E_STORE, "the file %s", words);
    if (!store->wal.page_size || /* not loaded: there may be none yet */
        lock->vfs->xAccess(lock->vfs, store->wal.name, SQLITE_ACCESS_READWRITE, &there) !=
            SQLITE_OK ||
        there)
        return PERP_OK;
    perp_wal_move(store);
    return perp_sqlite_say(store, PERP_E_STORE, "the WAL %s", words);
}

void perp_store_lock_close(struct perp_store_lock *lock) {
    if (lock->file && lock->file->pMethods)
        lock->file->pMethods->xClose(lock->file); /* gives the lock back, too */
    sqlite3_free(lock->file);
    if (lock->name)
        sqlite3_free_filename((char *)(uintptr_t)lock->name);
    lock->file = NULL;
    lock->name = NULL;
}
