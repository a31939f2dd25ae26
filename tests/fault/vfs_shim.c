#include "vfs_shim.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <string.h>

/* The real file lies behind it. */
typedef struct shim_file {
    sqlite3_file base;
} shim_file;

static sqlite3_vfs *real;
static sqlite3_vfs shim;
static enum shim_kind armed_kind;
static enum shim_way armed_way;
static uint32_t armed_at, counts[SHIM_KINDS];
static int hit, dead, open_files;

void shim_arm(enum shim_kind kind, enum shim_way way, uint32_t n) {
    armed_kind = kind;
    armed_way = way;
    armed_at = n;
    memset(counts, 0, sizeof counts);
    hit = dead = 0;
}

void shim_die(void) {
    dead = 1;
}

void shim_heal(void) {
    armed_at = 0;
    dead = 0;
}

uint32_t shim_count(enum shim_kind kind) {
    return counts[kind];
}

int shim_hit(void) {
    return hit;
}

int shim_open_files(void) {
    return open_files;
}

/* What becomes of an operation. */
enum fate { WORKS, FAILS, CUT };

static enum fate fate_of(enum shim_kind kind) {
    counts[kind]++;
    if (dead) {
        return FAILS;
    }
    int comes =
        armed_way == SHIM_STAYS ? armed_at && counts[kind] >= armed_at : counts[kind] == armed_at;
    if (kind != armed_kind || !comes) {
        return WORKS;
    }
    hit = 1;
    dead = armed_way == SHIM_DIES;
    return armed_way == SHIM_FAILS || armed_way == SHIM_STAYS ? FAILS : CUT;
}

static sqlite3_file *of(sqlite3_file *file) {
    return (sqlite3_file *)(void *)((shim_file *)(void *)file + 1);
}

static int shim_close(sqlite3_file *file) {
    open_files--;
    return of(file)->pMethods->xClose(of(file));
}

static int shim_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at) {
    return of(file)->pMethods->xRead(of(file), to, size, at);
}

static int shim_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at) {
    enum fate fate = fate_of(SHIM_WRITE);
    if (fate == FAILS) {
        return SQLITE_FULL;
    }
    int code = of(file)->pMethods->xWrite(of(file), from, fate == CUT ? size / 2 : size, at);
    return fate == CUT ? SQLITE_IOERR_WRITE : code;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    enum fate fate = fate_of(SHIM_TRUNCATE);
    sqlite3_int64 now = 0;
    if (fate == WORKS) {
        return of(file)->pMethods->xTruncate(of(file), size);
    }
    if (fate == CUT && of(file)->pMethods->xFileSize(of(file), &now) == SQLITE_OK && now > size) {
        of(file)->pMethods->xTruncate(of(file), size + (now - size) / 2);
    }
    return SQLITE_IOERR_TRUNCATE;
}

/* No sync is passed on: the machine does not fail here, only what is asked of it does. */
static int shim_sync(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    return fate_of(SHIM_SYNC) == WORKS ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int shim_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return of(file)->pMethods->xFileSize(of(file), size);
}

static int shim_lock(sqlite3_file *file, int level) {
    return of(file)->pMethods->xLock(of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level) {
    return of(file)->pMethods->xUnlock(of(file), level);
}

static int shim_check_reserved(sqlite3_file *file, int *locked) {
    return of(file)->pMethods->xCheckReservedLock(of(file), locked);
}

static int shim_control(sqlite3_file *file, int what, void *argument) {
    return of(file)->pMethods->xFileControl(of(file), what, argument);
}

static int shim_sector_size(sqlite3_file *file) {
    return of(file)->pMethods->xSectorSize(of(file));
}

static int shim_characteristics(sqlite3_file *file) {
    return of(file)->pMethods->xDeviceCharacteristics(of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **to) {
    return of(file)->pMethods->xShmMap(of(file), page, size, extend, to);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return of(file)->pMethods->xShmLock(of(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file) {
    of(file)->pMethods->xShmBarrier(of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove) {
    return of(file)->pMethods->xShmUnmap(of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_file_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector_size,
    .xDeviceCharacteristics = shim_characteristics,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *given) {
    (void)vfs;
    file->pMethods = NULL;
    if (fate_of(SHIM_OPEN) != WORKS) {
        return SQLITE_CANTOPEN;
    }
    int code = real->xOpen(real, name, of(file), flags, given);
    if (code == SQLITE_OK) {
        file->pMethods = &methods;
        open_files++;
    }
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    (void)sync;
    return dead ? SQLITE_IOERR_DELETE : real->xDelete(real, name, 0);
}

static int shim_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    (void)vfs;
    return real->xAccess(real, name, flags, result);
}

static int shim_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *full) {
    (void)vfs;
    return real->xFullPathname(real, name, size, full);
}

static int shim_randomness(sqlite3_vfs *vfs, int size, char *to) {
    (void)vfs;
    return real->xRandomness(real, size, to);
}

static int shim_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return real->xSleep(real, microseconds);
}

static int shim_current_time(sqlite3_vfs *vfs, double *now) {
    (void)vfs;
    return real->xCurrentTime(real, now);
}

static int shim_last_error(sqlite3_vfs *vfs, int size, char *text) {
    (void)vfs;
    return real->xGetLastError(real, size, text);
}

void shim_register(void) {
    if (real) {
        return;
    }
    real = sqlite3_vfs_find(NULL);
    shim = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(shim_file) + real->szOsFile,
        .mxPathname = real->mxPathname,
        .zName = SHIM_NAME,
        .xOpen = shim_open,
        .xDelete = shim_delete,
        .xAccess = shim_access,
        .xFullPathname = shim_full_pathname,
        .xRandomness = shim_randomness,
        .xSleep = shim_sleep,
        .xCurrentTime = shim_current_time,
        .xGetLastError = shim_last_error,
    };
    sqlite3_vfs_register(&shim, 0);
}

#else

void shim_register(void) {
}

#endif
