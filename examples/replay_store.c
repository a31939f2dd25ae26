#include "replay_store.h"

#if PERP_WITH_SQLITE
#include <sqlite3.h>
#include <string.h>

#define UNSYNCED "perp-unsynced"

/* SQLite's own way to the files, but for their syncs. A file keeps its type; only the table of its
   methods is a copy of the one that it came with. */
static sqlite3_vfs *real;

/* Databases and logs have methods of their own. */
static struct {
    const sqlite3_io_methods *of;
    sqlite3_io_methods copy;
} kinds[4];

static int no_sync(sqlite3_file *file, int flags) {
    (void)file, (void)flags;
    return SQLITE_OK;
}

static int open_unsynced(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out_flags) {
    (void)vfs;
    int code = real->xOpen(real, name, file, flags, out_flags);
    if (code != SQLITE_OK || file->pMethods == NULL)
        return code;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].of == NULL) {
            kinds[i].of = file->pMethods;
            kinds[i].copy = *file->pMethods;
            kinds[i].copy.xSync = no_sync;
        }
        if (kinds[i].of == file->pMethods) {
            file->pMethods = &kinds[i].copy;
            break;
        }
    }
    return code;
}

static int register_unsynced(void) {
    static sqlite3_vfs unsynced;
    if (real != NULL)
        return SQLITE_OK;
    if (sqlite3_initialize() != SQLITE_OK || (real = sqlite3_vfs_find(NULL)) == NULL)
        return SQLITE_ERROR;
    unsynced = *real;
    unsynced.pNext = NULL;
    unsynced.zName = UNSYNCED;
    unsynced.xOpen = open_unsynced;
    return sqlite3_vfs_register(&unsynced, 0);
}
#endif

perp_status replay_store_open(const char *path, int unsynced, perp_store *store) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
#if PERP_WITH_SQLITE
    if (unsynced && register_unsynced() == SQLITE_OK)
        options.vfs = UNSYNCED;
#else
    (void)unsynced;
#endif
    return perp_store_sqlite_open(path, &options, store);
}
