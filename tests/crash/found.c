/* What a store holds. */
#include "crash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

static const char *const parts[] = {"", "-wal", "-shm", "-lock"};

static void path_of(char path[MAX_PATH], const char *store, const char *part) {
    int length = snprintf(path, MAX_PATH, "%s%s", store, part);
    if (length < 0 || length >= MAX_PATH)
        die("%s: too long", store);
}

void store_remove(const char *store) {
    char path[MAX_PATH];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        path_of(path, store, parts[i]);
        (void)unlink(path);
    }
}

static void copy_file(const char *from, const char *to) {
    char buffer[1 << 16];
    FILE *in = fopen(from, "rb");
    if (!in)
        return; /* not every store has every file */
    FILE *out = fopen(to, "wb");
    size_t n;
    if (!out)
        die("%s can't be written", to);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        if (fwrite(buffer, 1, n, out) != n)
            die("%s can't be written", to);
    (void)fclose(in);
    if (fclose(out) != 0)
        die("%s can't be written", to);
}

/* The file and its WAL; the rest is made anew from them. */
void store_copy(const char *from, const char *to) {
    char source[MAX_PATH], target[MAX_PATH];
    store_remove(to);
    for (size_t i = 0; i < 2; i++) {
        path_of(source, from, parts[i]);
        path_of(target, to, parts[i]);
        copy_file(source, target);
    }
}

static sqlite3 *open_file(const char *path, int flags) {
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
        die("%s: %s", path, sqlite3_errmsg(db));
    return db;
}

/* The checkpoints in their order, and where a replay is among them. */
struct checkpoints {
    struct point *at;
    size_t n, next;
    struct point last; /* of the replay */
    struct point wrong;
    bool differ;
};

static void read_checkpoints(const char *path, struct checkpoints *checkpoints) {
    sqlite3 *db = open_file(path, SQLITE_OPEN_READONLY);
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(db, "SELECT seq, hash FROM checkpoints ORDER BY seq", -1, &row, NULL) !=
        SQLITE_OK)
        die("%s: %s", path, sqlite3_errmsg(db));
    while (sqlite3_step(row) == SQLITE_ROW) {
        size_t size = (checkpoints->n + 1) * sizeof *checkpoints->at;
        struct point *grown = realloc(checkpoints->at, size);
        if (!grown)
            die("no memory");
        grown[checkpoints->n++] = (struct point){(uint64_t)sqlite3_column_int64(row, 0),
                                                 (uint64_t)sqlite3_column_int64(row, 1)};
        checkpoints->at = grown;
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static void visit(void *user, const perp_core *core, uint64_t seq) {
    struct checkpoints *checkpoints = user;
    checkpoints->last.seq = seq;
    if (checkpoints->next == checkpoints->n || checkpoints->at[checkpoints->next].seq != seq)
        return;
    const struct point *at = &checkpoints->at[checkpoints->next++];
    if (!checkpoints->differ && perp_core_hash(core) != at->hash) {
        checkpoints->differ = true;
        checkpoints->wrong = *at;
    }
}

static bool replay(const char *path, uint64_t to_seq, struct checkpoints *checkpoints,
                   perp_core **core, char why[MAX_WHY]) {
    perp_config config;
    perp_sqlite_options options;
    perp_config_init(&config);
    perp_sqlite_options_init(&options);
    options.read_only = 1;
    perp_status status = perp_store_sqlite_open(path, &options, &config.store);
    if (status == PERP_OK)
        status = perp_core_replay(&config, to_seq, visit, checkpoints, core);
    if (status != PERP_OK)
        (void)snprintf(why, MAX_WHY, "replay: %s: %s", perp_status_string(status),
                       perp_core_error(NULL));
    return status == PERP_OK;
}

static perp_core *open_book(const char *path, char why[MAX_WHY]) {
    perp_config config;
    perp_core *core = NULL;
    perp_config_init(&config);
    perp_status status = perp_store_sqlite_open(path, NULL, &config.store);
    if (status == PERP_OK)
        status = perp_core_open(&config, &core);
    if (status != PERP_OK)
        (void)snprintf(why, MAX_WHY, "open: %s: %s", perp_status_string(status),
                       perp_core_error(NULL));
    return core;
}

static char *state_of(const perp_core *core) {
    size_t length = 0;
    (void)perp_monitor_json(core, PERP_TIME_NONE, NULL, 0, &length);
    char *text = malloc(length + 1);
    if (!text || perp_monitor_json(core, PERP_TIME_NONE, text, length + 1, &length) != PERP_OK)
        die("state: %s", perp_core_error(core));
    return text;
}

static uint64_t events_of(const perp_core *core) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    if (perp_core_statistics(core, &stats) != PERP_OK)
        die("%s", perp_core_error(core));
    return stats.events;
}

/* Opened from all events, the book shows the same state as from the newest checkpoint. */
static bool same_without_checkpoint(const char *path, const perp_core *opened, char why[MAX_WHY]) {
    char copy[MAX_PATH];
    path_of(copy, path, ".bare");
    store_copy(path, copy);
    sqlite3 *db = open_file(copy, SQLITE_OPEN_READWRITE);
    if (sqlite3_exec(db, "UPDATE checkpoints SET data = NULL", NULL, NULL, NULL) != SQLITE_OK)
        die("%s: %s", copy, sqlite3_errmsg(db));
    sqlite3_close(db);
    perp_core *bare = open_book(copy, why);
    if (!bare)
        return false;
    char *one = state_of(opened), *other = state_of(bare);
    size_t at = 0;
    while (one[at] && one[at] == other[at])
        at++;
    bool same = !one[at] && !other[at] && perp_core_hash(opened) == perp_core_hash(bare);
    if (!same)
        (void)snprintf(why, MAX_WHY,
                       "opened without a checkpoint it is another book (hash %016" PRIx64
                       ", %016" PRIx64 "), from …%.120s… to …%.120s…",
                       perp_core_hash(opened), perp_core_hash(bare), one + (at > 60 ? at - 60 : 0),
                       other + (at > 60 ? at - 60 : 0));
    free(one);
    free(other);
    perp_core_close(bare);
    if (same)
        store_remove(copy);
    return same;
}

/* No job runs in a book that was opened: what ran is in doubt. */
static bool all_in_doubt(perp_core *core, char why[MAX_WHY]) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    if (perp_scheduler_query(perp_core_scheduler(core), &state) != PERP_OK)
        die("%s", perp_core_error(core));
    if (state.running == state.in_doubt)
        return true;
    (void)snprintf(why, MAX_WHY, "%u jobs run and %u of them are in doubt", state.running,
                   state.in_doubt);
    return false;
}

static bool look_opened(const char *path, const struct point *end, struct point *opened,
                        char why[MAX_WHY]) {
    perp_core *core = open_book(path, why);
    if (!core)
        return false;
    *opened = (struct point){events_of(core), perp_core_hash(core)};
    /* A store without a record gets its configuration now; jobs that ran are put in doubt. */
    bool good = !end->seq || (opened->seq >= end->seq && opened->hash == end->hash);
    if (!good)
        (void)snprintf(why, MAX_WHY,
                       "opened it is %016" PRIx64 " at %" PRIu64 ", replayed %016" PRIx64
                       " at %" PRIu64,
                       opened->hash, opened->seq, end->hash, end->seq);
    if (good && perp_core_check(core) != PERP_OK) {
        good = false;
        (void)snprintf(why, MAX_WHY, "check: %s", perp_core_error(core));
    }
    good = good && all_in_doubt(core, why) && same_without_checkpoint(path, core, why);
    perp_core_close(core);
    return good;
}

bool store_look(const char *path, struct point *end, struct point *opened, char why[MAX_WHY]) {
    struct checkpoints checkpoints = {.n = 0};
    perp_core *core = NULL;
    *end = *opened = (struct point){0, 0};
    if (access(path, F_OK) == 0) {
        char copy[MAX_PATH]; /* a replay must do with what the crash left */
        path_of(copy, path, ".read");
        store_copy(path, copy);
        /* A file that was not made to a store yet has no events. */
        sqlite3 *db = open_file(copy, SQLITE_OPEN_READWRITE);
        bool made = sqlite3_table_column_metadata(db, NULL, "checkpoints", NULL, NULL, NULL, NULL,
                                                  NULL, NULL) == SQLITE_OK;
        sqlite3_close(db);
        if (made) {
            read_checkpoints(copy, &checkpoints);
            if (!replay(copy, 0, &checkpoints, &core, why)) {
                free(checkpoints.at);
                return false;
            }
            *end = checkpoints.last;
            end->hash = perp_core_hash(core);
            perp_core_close(core);
        }
        store_remove(copy);
    }
    bool good = !checkpoints.differ && checkpoints.next == checkpoints.n;
    if (!good)
        (void)snprintf(
            why, MAX_WHY,
            "the replay passes %zu of %zu checkpoints; that at %" PRIu64 " has %016" PRIx64,
            checkpoints.next, checkpoints.n, checkpoints.wrong.seq, checkpoints.wrong.hash);
    free(checkpoints.at);
    return good && look_opened(path, end, opened, why);
}

uint64_t store_hash_at(const char *path, uint64_t seq) {
    struct checkpoints none = {.n = 0};
    perp_core *core = NULL;
    char why[MAX_WHY] = "";
    if (!replay(path, seq, &none, &core, why))
        die("%s: %s", path, why);
    uint64_t hash = perp_core_hash(core);
    perp_core_close(core);
    return hash;
}

void store_kind_after(const char *path, uint64_t seq, char kind[32]) {
    sqlite3 *db = open_file(path, SQLITE_OPEN_READONLY);
    sqlite3_stmt *row = NULL;
    kind[0] = '\0';
    if (sqlite3_prepare_v2(db, "SELECT kind FROM events WHERE seq = ?1", -1, &row, NULL) !=
            SQLITE_OK ||
        sqlite3_bind_int64(row, 1, (sqlite3_int64)seq + 1) != SQLITE_OK)
        die("%s: %s", path, sqlite3_errmsg(db));
    if (sqlite3_step(row) == SQLITE_ROW)
        (void)snprintf(kind, 32, "%s", (const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    sqlite3_close(db);
}
