/* What is there of the SQLite store whether or not the library was built with SQLite. */
#include <perpcore/store.h>

#include <string.h>

#include "core/core.h"

/* Measured: so many cost about 15 ms, of the 50 ms that opening a million may take. */
#define VERIFY_EVENTS 8192
#define WAL_LIMIT_MB 256

void perp_sqlite_options_init(perp_sqlite_options *options) {
    if (!options)
        return;
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    options->verify_events = VERIFY_EVENTS;
    options->wal_limit_mb = WAL_LIMIT_MB;
}

#if !PERP_WITH_SQLITE
perp_status perp_store_sqlite_open(const char *path, const perp_sqlite_options *options,
                                   perp_store *store) {
    (void)options;
    if (store)
        memset(store, 0, sizeof *store);
    if (!path || !store)
        return perp_fail(NULL, PERP_E_INVALID, "store: NULL");
    return perp_fail(NULL, PERP_E_STATE, "the library was built without SQLite");
}
#endif
