/* The store's speed: durable reserve+release pairs against bare SQLite writing the same rows, and
   how long a store of many events takes to open, without a checkpoint and with one, against bare
   SQLite reading all columns of all events. Times are compared within one run: the machine is
   shared. Those of opening are the processor's: the file is in the system's cache, and others who
   work count for nothing; what is held against a budget is the best of some. */
#include "bench/bench.h"

#include <perpcore/perpcore.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if PERP_WITH_SQLITE
#include <sqlite3.h>

#define PAIRS 2000u
#define EVENTS 1000000u
/* The budgets. */
#define LEAST_RATIO 0.7
#define MOST_S 3.0
#define MOST_READS 2.2 /* times what bare SQLite takes to read the same */
#define MOST_S_WITH_CHECKPOINT 0.05
#define START INT64_C(1760000000000000000)

/* What the processor worked for us, in nanoseconds. */
static double work_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void need(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "perp-bench: %s: %s\n", what, perp_core_error(NULL));
    exit(1);
}

static void forget(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm", "-lock", "-journal"};
    char name[512];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        if (remove(name) != 0)
            continue;
    }
}

static perp_core *open_book(const char *path, uint32_t durability) {
    perp_config config;
    perp_core *core;
    perp_config_init(&config);
    config.durability = durability;
    config.checkpoint_every = 0;
    need(perp_store_sqlite_open(path, NULL, &config.store) == PERP_OK, "store");
    need(perp_core_open(&config, &core) == PERP_OK, "open");
    return core;
}

static void add_exchange(perp_core *core) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_call call;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "alpha");
    need(perp_exchange_add(core, &spec, &id) == PERP_OK, "exchange");
    perp_call_init(&call);
    call.now_ns = START;
    need(perp_capital_update_equity(perp_core_capital(core), &call, 0, 1000000 * PERP_USD) ==
             PERP_OK,
         "equity");
}

/* n pairs in commits of so many; the time of each, of its share of a commit, is a sample. */
static void pairs(perp_core *core, uint32_t n, uint32_t a_commit, bool timed) {
    perp_capital *capital = perp_core_capital(core);
    perp_call call;
    double start = clock_ns();
    perp_call_init(&call);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id;
        perp_refusal refusal = {.struct_size = sizeof refusal};
        call.now_ns = START + (int64_t)i * 1000;
        need(perp_capital_reserve(capital, &call, 0, PERP_POOL_WASH, PERP_USD, NULL, &id,
                                  &refusal) == PERP_OK &&
                 id,
             "reserve");
        need(perp_capital_release(capital, &call, id, 0) == PERP_OK, "release");
        if ((i + 1) % a_commit != 0)
            continue;
        if (a_commit > 1)
            need(perp_core_flush(core) == PERP_OK, "flush");
        double end = clock_ns();
        if (timed)
            sample((end - start - clock_cost) / a_commit);
        start = end;
    }
    need(perp_core_flush(core) == PERP_OK, "flush");
}

/* What a pair takes, in the mean. */
static double timed_pairs(const char *path, uint32_t a_commit) {
    forget(path);
    perp_core *core = open_book(path, a_commit > 1 ? PERP_DURABILITY_BATCH : PERP_DURABILITY_EVERY);
    add_exchange(core);
    pairs(core, 50, a_commit, false);
    double before = clock_ns();
    pairs(core, PAIRS, a_commit, true);
    double took = clock_ns() - before;
    perp_core_close(core);
    return took / PAIRS;
}

static void run(sqlite3 *db, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "perp-bench: %s: %s\n", sql, why);
        exit(1);
    }
}

/* Every row of the book's own file, written again by bare SQLite in transactions of the same size.
 */
static double bare_pairs(const char *path, const char *bare, uint32_t a_commit) {
    sqlite3 *db;
    sqlite3_stmt *read, *write;
    char sql[1024];
    forget(bare);
    need(sqlite3_open(bare, &db) == SQLITE_OK, "bare sqlite");
    run(db, "PRAGMA journal_mode=WAL");
    run(db, "PRAGMA synchronous=FULL");
    snprintf(sql, sizeof sql, "ATTACH '%s' AS book", path);
    run(db, sql);
    run(db, "CREATE TABLE events AS SELECT * FROM book.events LIMIT 0");
    run(db, "CREATE UNIQUE INDEX by_seq ON events(seq)");
    run(db, "CREATE TABLE reservations AS SELECT * FROM book.reservations LIMIT 0");
    run(db, "CREATE UNIQUE INDEX by_id ON reservations(id)");
    run(db, "CREATE TABLE head(one INTEGER PRIMARY KEY, seq INTEGER, checksum INTEGER)");
    run(db, "INSERT INTO head VALUES(1, 0, 0)");
    snprintf(sql, sizeof sql,
             "SELECT * FROM book.events WHERE kind IN ('reserve','release') "
             "AND seq > (SELECT max(seq) FROM book.events) - %u ORDER BY seq",
             PAIRS * 2);
    need(sqlite3_prepare_v2(db, sql, -1, &read, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    int columns = sqlite3_column_count(read);
    snprintf(sql, sizeof sql, "INSERT INTO events VALUES(");
    for (int i = 0; i < columns; i++)
        strcat(sql, i ? ",?" : "?");
    strcat(sql, ")");
    need(sqlite3_prepare_v2(db, sql, -1, &write, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_stmt *made, *ended, *head;
    need(sqlite3_prepare_v2(
             db,
             "INSERT INTO reservations VALUES(?, 'alpha', 'wash', 1000000, 1000000, 0, "
             "NULL, 1760000000000000000, ?)",
             -1, &made, NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    need(sqlite3_prepare_v2(db, "UPDATE reservations SET in_flight = 0 WHERE id = ?", -1, &ended,
                            NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    need(sqlite3_prepare_v2(db, "UPDATE head SET seq = ?, checksum = ?", -1, &head, NULL) ==
             SQLITE_OK,
         sqlite3_errmsg(db));
    int kind_column = 0, id_column = 0;
    for (int i = 0; i < columns; i++) {
        if (strcmp(sqlite3_column_name(read, i), "kind") == 0)
            kind_column = i;
        if (strcmp(sqlite3_column_name(read, i), "reservation") == 0)
            id_column = i;
    }
    double before = clock_ns(), begun = before;
    uint32_t rows = 0, a_batch = a_commit > 1 ? 2 * a_commit : 1;
    while (sqlite3_step(read) == SQLITE_ROW) {
        if (rows % a_batch == 0)
            run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        need(sqlite3_step(write) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(write);
        int is_release =
            strcmp((const char *)sqlite3_column_text(read, kind_column), "release") == 0;
        sqlite3_stmt *other = is_release ? ended : made;
        sqlite3_bind_int64(other, 1, sqlite3_column_int64(read, id_column));
        if (!is_release)
            sqlite3_bind_int64(other, 2, rows);
        need(sqlite3_step(other) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(other);
        rows++;
        if (rows % a_batch == 0) {
            sqlite3_bind_int64(head, 1, rows);
            sqlite3_bind_int64(head, 2, rows * 7919);
            need(sqlite3_step(head) == SQLITE_DONE, sqlite3_errmsg(db));
            sqlite3_reset(head);
            run(db, "COMMIT");
        }
        if (rows % (2 * a_commit) == 0) {
            double now = clock_ns();
            sample((now - begun - clock_cost) / a_commit);
            begun = now;
        }
    }
    double took = clock_ns() - before;
    if (rows % a_batch != 0)
        run(db, "COMMIT");
    need(rows == PAIRS * 2, "rows of the book");
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    sqlite3_finalize(made);
    sqlite3_finalize(ended);
    sqlite3_finalize(head);
    sqlite3_close(db);
    return took / PAIRS;
}

/* What bare SQLite works to hand out every column of every event. */
static double bare_read(const char *path, uint32_t events) {
    double before = work_ns();
    sqlite3 *db;
    sqlite3_stmt *read;
    uint32_t n = 0, n_null = 0;
    need(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK,
         "bare sqlite");
    need(sqlite3_prepare_v2(db, "SELECT * FROM events ORDER BY seq", -1, &read, NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    for (int columns = sqlite3_column_count(read); sqlite3_step(read) == SQLITE_ROW; n++)
        for (int i = 0; i < columns; i++)
            n_null += sqlite3_value_type(sqlite3_column_value(read, i)) == SQLITE_NULL;
    need(n >= events && n_null > 0, "events of the book");
    sqlite3_finalize(read);
    sqlite3_close(db);
    return work_ns() - before;
}

static double timed_open(const char *path) {
    double before = work_ns();
    perp_core *core = open_book(path, PERP_DURABILITY_BATCH);
    double took = work_ns() - before;
    perp_core_close(core);
    return took;
}

/* One more sample, of which the least is kept. */
static void take(double *least, double ns) {
    sample(ns);
    if (*least == 0 || ns < *least)
        *least = ns;
}

static void name_files(char path[256], char bare[256]) {
    const char *folder = getenv("TMPDIR");
    long id = (long)getpid();
    snprintf(path, 256, "%s/perp-bench-%ld.db", folder ? folder : "/tmp", id);
    snprintf(bare, 256, "%s/perp-bench-bare-%ld.db", folder ? folder : "/tmp", id);
}

/* Where --check was given a budget that is missed ends the program. */
static void hold(bool good, const char *what) {
    if (good || !asked.check)
        return;
    fprintf(stderr, "perp-bench: missed: %s\n", what);
    exit(1);
}

static void measure_store(void) {
    static const struct {
        uint32_t a_commit;
        const char *ours, *bare;
    } sizes[] = {{1, "store_1", "store_1_sqlite"}, {50, "store_50", "store_50_sqlite"}};
    char path[256], bare[256];
    name_files(path, bare);
    for (int i = 0; i < 2; i++) {
        double book = timed_pairs(path, sizes[i].a_commit);
        report(sizes[i].ours, PAIRS);
        double plain = bare_pairs(path, bare, sizes[i].a_commit);
        report(sizes[i].bare, PAIRS);
        hold(plain >= LEAST_RATIO * book, "70 % of what bare SQLite writes");
    }
    forget(path);
    forget(bare);
}

static void measure_recover(void) {
    char path[256], bare[256];
    double without = 0, with = 0, read = 0;
    name_files(path, bare);
    forget(path);
    perp_core *core = open_book(path, PERP_DURABILITY_BATCH);
    add_exchange(core);
    pairs(core, EVENTS / 2, 5000, false);
    perp_core_close(core);
    for (int i = 0; i < 5; i++)
        take(&without, timed_open(path));
    report("recover", EVENTS);
    for (int i = 0; i < 5; i++)
        take(&read, bare_read(path, EVENTS));
    report("recover_sqlite", EVENTS);
    core = open_book(path, PERP_DURABILITY_BATCH);
    need(perp_core_checkpoint(core) == PERP_OK, "checkpoint");
    perp_core_close(core);
    for (int i = 0; i < 20; i++)
        take(&with, timed_open(path));
    report("recover_checkpoint", EVENTS);
    forget(path);
    hold(without <= MOST_S * 1e9, "a store without a checkpoint opens in 3 s");
    hold(without <= MOST_READS * read, "in 2.2 times what bare SQLite takes to read it");
    hold(with <= MOST_S_WITH_CHECKPOINT * 1e9, "with a checkpoint in 50 ms");
}

const struct bench_case store_cases[] = {
    {.of = "store", .name = "store", .world = BENCH_OWN, .prepare = measure_store},
    {.of = "recover", .name = "recover", .world = BENCH_OWN, .prepare = measure_recover},
    {0},
};
#else
const struct bench_case store_cases[] = {{0}}; /* built without SQLite */
#endif
