/* SQLite as the store of a world, on a file system whose writes can be cut off in the middle, and
   that loses what was not synced. Everything goes through the store of the world, which counts. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if PERP_WITH_SQLITE

#include "fault/vfs_shim.h"

#include <sqlite3.h>

static char folder[64], path[96];

static void remove_files(void) {
    static const char *const parts[] = {"", "-wal", "-shm", "-journal", "-lock"};
    char name[128];
    for (uint32_t i = 0; path[0] && i < 5; i++) {
        snprintf(name, sizeof name, "%s%s", path, parts[i]);
        unlink(name);
    }
}

void s_sqlite_new(struct s_world *w) {
    (void)w;
    shim_register();
    shim_heal();
    if (!folder[0]) {
        const char *where = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%.40s/perp-sim-XXXXXX", where ? where : "/tmp");
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/book", folder);
    }
    remove_files();
    shim_watch();
}

void s_sqlite_end(void) {
    if (!folder[0])
        return;
    remove_files();
    rmdir(folder);
    folder[0] = 0;
}

perp_status s_sqlite_open(perp_store *store) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    return perp_store_sqlite_open(path, &options, store);
}

/* The next writes are cut off after some, and the process with them. */
void s_sqlite_cut(uint32_t writes) {
    shim_arm(SHIM_WRITE, SHIM_DIES, writes);
}

void s_sqlite_die(void) {
    shim_die();
}

/* The book is closed, and whatever was going on has ended; luck: 0, what was written stays; else
   the machine failed, and of what was not synced chance says what is there. */
void s_sqlite_heal(unsigned luck) {
    char name[128];
    if (luck)
        shim_lose(luck);
    snprintf(name, sizeof name, "%s-shm", path);
    unlink(name);
    shim_heal();
    if (luck)
        shim_watch();
}

/* The number of the last record that another process would find in a copy of the files. */
uint64_t s_sqlite_last(void) {
    char command[800], copy[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint64_t last = 0;
    snprintf(copy, sizeof copy, "%s-copy", path);
    snprintf(command, sizeof command, "cp %s %s && if [ -e %s-wal ]; then cp %s-wal %s-wal; fi",
             path, copy, path, path, copy);
    if (system(command) != 0 || sqlite3_open(copy, &db) != SQLITE_OK)
        abort();
    if (sqlite3_prepare_v2(db, "SELECT max(seq) FROM events", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        last = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    snprintf(command, sizeof command, "rm -f %s %s-wal %s-shm", copy, copy, copy);
    if (system(command) != 0)
        abort();
    return last;
}

#else

void s_sqlite_new(struct s_world *w) {
    w->store = S_MEMORY_STORE;
}

void s_sqlite_end(void) {
}

perp_status s_sqlite_open(perp_store *store) {
    (void)store;
    return PERP_E_STATE;
}

void s_sqlite_cut(uint32_t writes) {
    (void)writes;
}

void s_sqlite_die(void) {
}

void s_sqlite_heal(unsigned luck) {
    (void)luck;
}

uint64_t s_sqlite_last(void) {
    return 0;
}

#endif
