/* The store's speed: durable reserve+release pairs against bare SQLite writing the same rows, and
   how long a store of many events takes to open, without a checkpoint and with one, against bare
   SQLite reading all columns of all events. Times are compared within one run: the machine is
   shared. Of those of opening the best of some is taken, and what is compared with budgets is the
   processor's: the file is in the system's cache, and others who work count for nothing. usage:
   bench_store [EVENTS] [--json] [--check]; --check: the exit status is 1 where a budget is missed
*/
#include <perpcore/perpcore.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 2000u
/* The budgets. */
#define LEAST_RATIO 0.7
#define MOST_S 3.0
#define MOST_READS 2.2 /* times what bare SQLite takes to read the same */
#define MOST_S_WITH_CHECKPOINT 0.05
#define START INT64_C(1760000000000000000)

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(void) {
    return seconds_of(CLOCK_MONOTONIC);
}

/* What the processor worked for us. */
static double work(void) {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void must(int good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "bench-store: %s: %s\n", what, perp_core_error(NULL));
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
    must(perp_store_sqlite_open(path, NULL, &config.store) == PERP_OK, "store");
    must(perp_core_open(&config, &core) == PERP_OK, "open");
    return core;
}

static void add_exchange(perp_core *core) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_call call;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "alpha");
    must(perp_exchange_add(core, &spec, &id) == PERP_OK, "exchange");
    perp_call_init(&call);
    call.now_ns = START;
    must(perp_capital_update_equity(perp_core_capital(core), &call, 0, 1000000 * PERP_USD) ==
             PERP_OK,
         "equity");
}

static void pairs(perp_core *core, uint32_t n, uint32_t a_commit) {
    perp_capital *capital = perp_core_capital(core);
    perp_call call;
    perp_call_init(&call);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id;
        perp_refusal refusal = {.struct_size = sizeof refusal};
        call.now_ns = START + (int64_t)i * 1000;
        must(perp_capital_reserve(capital, &call, 0, PERP_POOL_WASH, PERP_USD, NULL, &id,
                                  &refusal) == PERP_OK &&
                 id,
             "reserve");
        must(perp_capital_release(capital, &call, id, 0) == PERP_OK, "release");
        if (a_commit > 1 && (i + 1) % a_commit == 0)
            must(perp_core_flush(core) == PERP_OK, "flush");
    }
    must(perp_core_flush(core) == PERP_OK, "flush");
}

static double timed_pairs(const char *path, uint32_t a_commit) {
    forget(path);
    perp_core *core = open_book(path, a_commit > 1 ? PERP_DURABILITY_BATCH : PERP_DURABILITY_EVERY);
    add_exchange(core);
    pairs(core, 50, a_commit);
    double before = seconds();
    pairs(core, PAIRS, a_commit);
    double rate = PAIRS / (seconds() - before);
    perp_core_close(core);
    return rate;
}

static void run(sqlite3 *db, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "bench-store: %s: %s\n", sql, why);
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
    must(sqlite3_open(bare, &db) == SQLITE_OK, "bare sqlite");
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
    must(sqlite3_prepare_v2(db, sql, -1, &read, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    int columns = sqlite3_column_count(read);
    snprintf(sql, sizeof sql, "INSERT INTO events VALUES(");
    for (int i = 0; i < columns; i++)
        strcat(sql, i ? ",?" : "?");
    strcat(sql, ")");
    must(sqlite3_prepare_v2(db, sql, -1, &write, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_stmt *made, *ended, *head;
    must(sqlite3_prepare_v2(
             db,
             "INSERT INTO reservations VALUES(?, 'alpha', 'wash', 1000000, 1000000, 0, "
             "NULL, 1760000000000000000, ?)",
             -1, &made, NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    must(sqlite3_prepare_v2(db, "UPDATE reservations SET in_flight = 0 WHERE id = ?", -1, &ended,
                            NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    must(sqlite3_prepare_v2(db, "UPDATE head SET seq = ?, checksum = ?", -1, &head, NULL) ==
             SQLITE_OK,
         sqlite3_errmsg(db));
    int kind_column = 0, id_column = 0;
    for (int i = 0; i < columns; i++) {
        if (strcmp(sqlite3_column_name(read, i), "kind") == 0)
            kind_column = i;
        if (strcmp(sqlite3_column_name(read, i), "reservation") == 0)
            id_column = i;
    }
    double before = seconds();
    uint32_t rows = 0, a_batch = a_commit > 1 ? 2 * a_commit : 1;
    while (sqlite3_step(read) == SQLITE_ROW) {
        if (rows % a_batch == 0)
            run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        must(sqlite3_step(write) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(write);
        int is_release =
            strcmp((const char *)sqlite3_column_text(read, kind_column), "release") == 0;
        sqlite3_stmt *other = is_release ? ended : made;
        sqlite3_bind_int64(other, 1, sqlite3_column_int64(read, id_column));
        if (!is_release)
            sqlite3_bind_int64(other, 2, rows);
        must(sqlite3_step(other) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(other);
        rows++;
        if (rows % a_batch == 0) {
            sqlite3_bind_int64(head, 1, rows);
            sqlite3_bind_int64(head, 2, rows * 7919);
            must(sqlite3_step(head) == SQLITE_DONE, sqlite3_errmsg(db));
            sqlite3_reset(head);
            run(db, "COMMIT");
        }
    }
    double took = seconds() - before;
    if (rows % a_batch != 0)
        run(db, "COMMIT");
    must(rows == PAIRS * 2, "rows of the book");
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    sqlite3_finalize(made);
    sqlite3_finalize(ended);
    sqlite3_finalize(head);
    sqlite3_close(db);
    return PAIRS / took;
}

/* What bare SQLite works to hand out every column of every event. */
static double bare_read(const char *path, uint32_t events) {
    double before = work();
    sqlite3 *db;
    sqlite3_stmt *read;
    uint32_t n = 0, n_null = 0;
    must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK,
         "bare sqlite");
    must(sqlite3_prepare_v2(db, "SELECT * FROM events ORDER BY seq", -1, &read, NULL) == SQLITE_OK,
         sqlite3_errmsg(db));
    for (int columns = sqlite3_column_count(read); sqlite3_step(read) == SQLITE_ROW; n++)
        for (int i = 0; i < columns; i++)
            n_null += sqlite3_value_type(sqlite3_column_value(read, i)) == SQLITE_NULL;
    must(n >= events && n_null > 0, "events of the book");
    sqlite3_finalize(read);
    sqlite3_close(db);
    return work() - before;
}

static void lower(double *least, double value) {
    if (value < *least)
        *least = value;
}

struct opening {
    double s, work; /* the least of each */
};

static void timed_open(const char *path, struct opening *least) {
    double before = seconds(), worked = work();
    perp_core *core = open_book(path, PERP_DURABILITY_BATCH);
    lower(&least->work, work() - worked);
    lower(&least->s, seconds() - before);
    perp_core_close(core);
}

int main(int argc, char **argv) {
    uint32_t events = 1000000;
    int json = 0, check = 0, missed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else
            events = (uint32_t)strtoul(argv[i], NULL, 10);
    }
    const char *folder = getenv("TMPDIR");
    char path[256], bare[256];
    snprintf(path, sizeof path, "%s/bench-store-%ld.db", folder ? folder : "/tmp", (long)getpid());
    snprintf(bare, sizeof bare, "%s/bench-bare-%ld.db", folder ? folder : "/tmp", (long)getpid());
    const uint32_t sizes[] = {1, 50};
    for (int i = 0; i < 2; i++) {
        double book = timed_pairs(path, sizes[i]);
        double plain = bare_pairs(path, bare, sizes[i]);
        if (json)
            printf("{\"case\":\"store\",\"pairs_a_commit\":%u,\"pairs_per_s\":%.0f,"
                   "\"bare_per_s\":%.0f,\"ratio\":%.3f}\n",
                   sizes[i], book, plain, book / plain);
        else
            printf("store    %2u a commit: %8.0f pairs/s, bare SQLite %8.0f: ratio %.2f\n",
                   sizes[i], book, plain, book / plain);
        missed += book < LEAST_RATIO * plain;
    }
    forget(path);
    forget(bare);
    perp_core *core = open_book(path, PERP_DURABILITY_BATCH);
    add_exchange(core);
    pairs(core, events / 2, 5000);
    perp_core_close(core);
    struct opening without = {1e9, 1e9}, with = {1e9, 1e9};
    double read = 1e9;
    for (int i = 0; i < 5; i++) {
        timed_open(path, &without);
        lower(&read, bare_read(path, events / 2 * 2));
    }
    core = open_book(path, PERP_DURABILITY_BATCH);
    must(perp_core_checkpoint(core) == PERP_OK, "checkpoint");
    perp_core_close(core);
    for (int i = 0; i < 10; i++)
        timed_open(path, &with);
    if (json)
        printf("{\"case\":\"recover\",\"events\":%u,\"s\":%.4f,\"s_with_checkpoint\":%.5f,"
               "\"cpu_s\":%.4f,\"cpu_s_with_checkpoint\":%.5f,\"bare_cpu_s\":%.4f}\n",
               events, without.s, with.s, without.work, with.work, read);
    else
        printf("recover  %u events: %.2f s, with a checkpoint %.4f s; of the processor %.2f and "
               "%.4f s, bare SQLite reading them %.2f s: ratio %.2f\n",
               events, without.s, with.s, without.work, with.work, read, without.work / read);
    forget(path);
    missed += without.work > MOST_S || without.work > MOST_READS * read ||
              with.work > MOST_S_WITH_CHECKPOINT;
    return check && missed ? 1 : 0;
}
