#include "vfs_shim.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512
#define MAX_DISK (16 << 20) /* bytes of a file that is watched */
#define MAX_DISKS 8

/* A file that is watched: what is on disk, and the sectors that were written since. */
struct disk {
    char name[128];
    int is_there; /* its name is on disk, too */
    int used;
    sqlite3_int64 size;
    unsigned char *at;
    char dirty[MAX_DISK / SECTOR];
};

/* The real file lies behind it. */
typedef struct shim_file {
    sqlite3_file base;
    struct disk *disk; /* NULL: it is not watched */
    int creates;
} shim_file;

static struct disk disks[MAX_DISKS];
static int watching;

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

static void too_large(sqlite3_int64 end) {
    if (end > MAX_DISK) {
        fprintf(stderr, "vfs_shim: a file that is watched has more than %d bytes\n", MAX_DISK);
        abort();
    }
}

static void read_disk(struct disk *disk) {
    FILE *file = fopen(disk->name, "rb");
    disk->is_there = file != NULL;
    disk->size = file ? (sqlite3_int64)fread(disk->at, 1, MAX_DISK, file) : 0;
    too_large(disk->size + 1);
    if (file) {
        fclose(file);
    }
}

/* Before the file is opened. */
static struct disk *disk_of(const char *name) {
    struct disk *disk = disks;
    if (!watching || !name || strlen(name) >= sizeof disk->name) {
        return NULL;
    }
    while (disk < disks + MAX_DISKS && disk->used && strcmp(disk->name, name) != 0) {
        disk++;
    }
    if (disk == disks + MAX_DISKS) {
        abort();
    }
    if (!disk->used) {
        disk->used = 1;
        strcpy(disk->name, name);
        disk->at = calloc(1, MAX_DISK);
        read_disk(disk);
    }
    return disk;
}

static void forget_disks(void) {
    for (int i = 0; i < MAX_DISKS; i++) {
        free(disks[i].at);
        memset(&disks[i], 0, sizeof disks[i]);
    }
}

void shim_watch(void) {
    forget_disks();
    watching = 1;
}

static struct disk *watched(sqlite3_file *file) {
    return dead ? NULL : ((shim_file *)(void *)file)->disk;
}

static void was_written(sqlite3_file *file, sqlite3_int64 from, sqlite3_int64 to) {
    struct disk *disk = watched(file);
    if (!disk) {
        return;
    }
    too_large(to);
    for (sqlite3_int64 at = from / SECTOR; at * SECTOR < to; at++) {
        disk->dirty[at] = 1;
    }
}

static void was_synced(sqlite3_file *file) {
    struct disk *disk = watched(file);
    if (!disk) {
        return;
    }
    of(file)->pMethods->xFileSize(of(file), &disk->size);
    too_large(disk->size);
    for (sqlite3_int64 at = 0; at * SECTOR < disk->size; at++) {
        sqlite3_int64 left = disk->size - at * SECTOR;
        if (disk->dirty[at]) {
            of(file)->pMethods->xRead(of(file), disk->at + at * SECTOR,
                                      left < SECTOR ? (int)left : SECTOR, at * SECTOR);
        }
    }
    memset(disk->dirty, 0, sizeof disk->dirty);
    disk->is_there |= ((shim_file *)(void *)file)->creates;
}

static void was_not_synced(sqlite3_file *file) {
    struct disk *disk = watched(file);
    if (disk) {
        memset(disk->dirty, 0, sizeof disk->dirty);
    }
}

/* Puts into the disk's bytes what else got there. */
static void have_luck(struct disk *disk, unsigned *luck) {
    FILE *file = fopen(disk->name, "rb");
    for (sqlite3_int64 at = 0; file && at < MAX_DISK / SECTOR; at++) {
        *luck = *luck * 1103515245u + 12345u;
        if (!disk->dirty[at] || *luck >> 16 & 1 || fseek(file, (long)(at * SECTOR), SEEK_SET)) {
            continue;
        }
        sqlite3_int64 end =
            at * SECTOR + (sqlite3_int64)fread(disk->at + at * SECTOR, 1, SECTOR, file);
        disk->size = end > disk->size ? end : disk->size;
        disk->is_there = 1;
    }
    if (file) {
        fclose(file);
    }
}

void shim_lose(unsigned luck) {
    for (struct disk *disk = disks; disk < disks + MAX_DISKS && disk->used; disk++) {
        if (luck) {
            have_luck(disk, &luck);
        }
        unlink(disk->name);
        FILE *file = disk->is_there ? fopen(disk->name, "wb") : NULL;
        if (file) {
            fwrite(disk->at, 1, (size_t)disk->size, file);
            fclose(file);
        }
    }
    forget_disks();
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
    was_written(file, at, at + (fate == CUT ? size / 2 : size));
    return fate == CUT ? SQLITE_IOERR_WRITE : code;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    enum fate fate = fate_of(SHIM_TRUNCATE);
    sqlite3_int64 now = 0;
    was_written(file, size, size + 1);
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
    (void)flags;
    if (fate_of(SHIM_SYNC) != WORKS) {
        was_not_synced(file);
        return SQLITE_IOERR_FSYNC;
    }
    was_synced(file);
    return SQLITE_OK;
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
    ((shim_file *)(void *)file)->disk = disk_of(name);
    ((shim_file *)(void *)file)->creates = (flags & SQLITE_OPEN_CREATE) != 0;
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
    for (struct disk *disk = disks; !dead && disk < disks + MAX_DISKS && disk->used; disk++) {
        if (strcmp(disk->name, name) == 0) {
            disk->is_there = 0;
            disk->size = 0;
            memset(disk->dirty, 0, sizeof disk->dirty);
            memset(disk->at, 0, MAX_DISK);
        }
    }
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
