#include "memory_vfs.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 8
#define N_SHM_LOCKS 8
#define MAX_REGIONS 16

struct held {
    char name[128];
    int is_there, n_shared, n_reserved, n_exclusive;
    unsigned char *at;
    sqlite3_int64 size, room;
    void *regions[MAX_REGIONS];
    int shm_shared[N_SHM_LOCKS], shm_exclusive[N_SHM_LOCKS];
};

struct memory_file {
    sqlite3_file base;
    struct held *held;
    int level;
    unsigned shared, exclusive; /* locks of the shm that this one has */
};

static struct held files[MAX_FILES];

static struct memory_file *mine(sqlite3_file *file) {
    return (struct memory_file *)(void *)file;
}

static struct held *find(const char *name, int makes) {
    struct held *free_one = NULL;
    for (int i = 0; i < MAX_FILES; i++) {
        if (files[i].is_there && strcmp(files[i].name, name) == 0)
            return &files[i];
        if (!files[i].is_there && !free_one)
            free_one = &files[i];
    }
    if (!makes || !free_one || strlen(name) >= sizeof free_one->name)
        return NULL;
    free(free_one->at);
    memset(free_one, 0, sizeof *free_one);
    strcpy(free_one->name, name);
    free_one->is_there = 1;
    return free_one;
}

static int memory_unlock(sqlite3_file *file, int level) {
    struct memory_file *m = mine(file);
    m->held->n_exclusive -= m->level == SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE;
    m->held->n_reserved -= m->level >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED;
    m->held->n_shared -= m->level >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED;
    m->level = level < m->level ? level : m->level;
    return SQLITE_OK;
}

static int memory_lock(sqlite3_file *file, int level) {
    struct memory_file *m = mine(file);
    struct held *h = m->held;
    if (level <= m->level)
        return SQLITE_OK;
    if (h->n_exclusive ||
        (level >= SQLITE_LOCK_RESERVED && m->level < SQLITE_LOCK_RESERVED && h->n_reserved))
        return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && h->n_shared > (m->level >= SQLITE_LOCK_SHARED))
        return SQLITE_BUSY;
    h->n_shared += m->level < SQLITE_LOCK_SHARED;
    h->n_reserved += m->level < SQLITE_LOCK_RESERVED && level >= SQLITE_LOCK_RESERVED;
    h->n_exclusive += level == SQLITE_LOCK_EXCLUSIVE;
    m->level = level;
    return SQLITE_OK;
}

static int memory_check_reserved(sqlite3_file *file, int *result) {
    *result = mine(file)->held->n_reserved > 0;
    return SQLITE_OK;
}

static int memory_close(sqlite3_file *file) {
    (void)memory_unlock(file, SQLITE_LOCK_NONE);
    return SQLITE_OK;
}

static int memory_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at) {
    const struct held *h = mine(file)->held;
    sqlite3_int64 there = at >= h->size ? 0 : h->size - at;
    size_t n = (size_t)(there < size ? there : size);
    if (n > 0)
        memcpy(to, h->at + at, n);
    memset((char *)to + n, 0, (size_t)size - n);
    return (int)n == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int grow(struct held *h, sqlite3_int64 size) {
    if (size > h->room) {
        sqlite3_int64 room = size * 2;
        unsigned char *at = realloc(h->at, (size_t)room);
        if (!at)
            return SQLITE_FULL;
        h->at = at;
        h->room = room;
    }
    if (size > h->size)
        memset(h->at + h->size, 0, (size_t)(size - h->size));
    h->size = size > h->size ? size : h->size;
    return SQLITE_OK;
}

static int memory_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at) {
    struct held *h = mine(file)->held;
    int code = grow(h, at + size);
    if (code == SQLITE_OK)
        memcpy(h->at + at, from, (size_t)size);
    return code;
}

static int memory_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct held *h = mine(file)->held;
    if (size < h->size)
        h->size = size;
    return SQLITE_OK;
}

static int memory_sync(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int memory_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    *size = mine(file)->held->size;
    return SQLITE_OK;
}

static int memory_control(sqlite3_file *file, int op, void *argument) {
    (void)file;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int memory_sector_size(sqlite3_file *file) {
    (void)file;
    return 512;
}

static int memory_characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int memory_shm_map(sqlite3_file *file, int n, int size, int extend, void volatile **to) {
    struct held *h = mine(file)->held;
    if (n >= MAX_REGIONS)
        return SQLITE_NOMEM;
    if (!h->regions[n] && extend)
        h->regions[n] = calloc(1, (size_t)size);
    *to = h->regions[n];
    return SQLITE_OK;
}

static int has(unsigned locks, int n) {
    return (int)(locks >> n & 1u);
}

static int memory_shm_lock(sqlite3_file *file, int from, int n, int flags) {
    struct memory_file *m = mine(file);
    struct held *h = m->held;
    int exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0, locks = (flags & SQLITE_SHM_LOCK) != 0;
    for (int i = from; locks && i < from + n; i++) {
        int readers = h->shm_shared[i] - has(m->shared, i);
        if (h->shm_exclusive[i] > has(m->exclusive, i) || (exclusive && readers > 0))
            return SQLITE_BUSY;
    }
    for (int i = from; i < from + n; i++) {
        unsigned *own = exclusive ? &m->exclusive : &m->shared;
        int *count = exclusive ? &h->shm_exclusive[i] : &h->shm_shared[i];
        *count += locks - has(*own, i);
        *own = (*own & ~(1u << i)) | (unsigned)locks << i;
    }
    return SQLITE_OK;
}

static void memory_shm_barrier(sqlite3_file *file) {
    (void)file;
}

static int memory_shm_unmap(sqlite3_file *file, int removes) {
    struct memory_file *m = mine(file);
    for (int i = 0; i < N_SHM_LOCKS; i++) {
        m->held->shm_shared[i] -= has(m->shared, i);
        m->held->shm_exclusive[i] -= has(m->exclusive, i);
    }
    m->shared = m->exclusive = 0;
    for (int i = 0; removes && i < MAX_REGIONS; i++) {
        free(m->held->regions[i]);
        m->held->regions[i] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = memory_close,
    .xRead = memory_read,
    .xWrite = memory_write,
    .xTruncate = memory_truncate,
    .xSync = memory_sync,
    .xFileSize = memory_file_size,
    .xLock = memory_lock,
    .xUnlock = memory_unlock,
    .xCheckReservedLock = memory_check_reserved,
    .xFileControl = memory_control,
    .xSectorSize = memory_sector_size,
    .xDeviceCharacteristics = memory_characteristics,
    .xShmMap = memory_shm_map,
    .xShmLock = memory_shm_lock,
    .xShmBarrier = memory_shm_barrier,
    .xShmUnmap = memory_shm_unmap,
};

static int memory_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *given) {
    struct memory_file *m = mine(file);
    (void)vfs;
    memset(m, 0, sizeof *m);
    m->held = name ? find(name, (flags & SQLITE_OPEN_CREATE) != 0) : NULL;
    if (!m->held)
        return SQLITE_CANTOPEN;
    m->base.pMethods = &methods;
    if (given)
        *given = flags;
    return SQLITE_OK;
}

static int memory_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    struct held *h = find(name, 0);
    (void)vfs;
    (void)sync;
    if (h) {
        h->is_there = 0;
        h->size = 0;
    }
    return h ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int memory_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    const struct held *h = find(name, 0);
    (void)vfs;
    *result = h && (flags != SQLITE_ACCESS_EXISTS || h->size > 0);
    return SQLITE_OK;
}

static int memory_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *full) {
    (void)vfs;
    sqlite3_snprintf(size, full, "%s", name);
    return SQLITE_OK;
}

static int memory_randomness(sqlite3_vfs *vfs, int size, char *to) {
    (void)vfs;
    memset(to, 0x5a, (size_t)size);
    return size;
}

static int memory_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int memory_current_time(sqlite3_vfs *vfs, double *now) {
    (void)vfs;
    *now = 2460000;
    return SQLITE_OK;
}

static int memory_last_error(sqlite3_vfs *vfs, int size, char *text) {
    (void)vfs;
    (void)size;
    (void)text;
    return 0;
}

void memory_vfs_register(void) {
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct memory_file),
        .mxPathname = 127,
        .zName = "fault-memory",
        .xOpen = memory_open,
        .xDelete = memory_delete,
        .xAccess = memory_access,
        .xFullPathname = memory_full_pathname,
        .xRandomness = memory_randomness,
        .xSleep = memory_sleep,
        .xCurrentTime = memory_current_time,
        .xGetLastError = memory_last_error,
    };
    sqlite3_vfs_register(&vfs, 1);
}

#else

void memory_vfs_register(void) {
}

#endif
