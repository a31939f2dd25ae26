/* Files that somebody made so that opening, checking or writing them runs what they say, or does
   not end: it is refused, or not run, in bounded time. */
#include "store_fixture.h"

#if PERP_WITH_SQLITE

#include <time.h>

#include "store_files.h"

static perp_store store;
static struct got got;

static void open_new(void) {
    make_folder();
    opened(&store);
}

static void close_all(void) {
    if (store.close)
        closed(&store);
    remove_folder();
}

static perp_status open_and_load(void) {
    perp_status status = open_at(path, &store);
    return status == PERP_OK ? load(&store, 0, &got) : status;
}

static const char *message(void) {
    return store.user ? why(&store) : perp_core_error(NULL);
}

/* What writes of the library would run, or be refused by. */
START_TEST(an_index_of_others_that_is_not_plain_is_named) {
    static const struct {
        const char *sql, *why;
    } bad[] = {
        {"CREATE INDEX theirs ON events(length(kind))", "is on an expression"},
        {"CREATE INDEX theirs ON events(kind) WHERE length(kind) > 3", "has a condition"},
        {"CREATE UNIQUE INDEX theirs ON events(kind, seq)", "is unique"},
        {"CREATE INDEX theirs ON head(rows + 1)", "is on an expression"},
        {"CREATE INDEX theirs ON checkpoints(hash) WHERE hash <> 0", "has a condition"},
    };
    put_range(&store, 1, 3);
    closed(&store);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        run_sql(path, bad[i].sql);
        /* Also where the file says that it is an older one, which is looked at and changed first.
         */
        for (int old = 0; old < 2; old++) {
            run_sql(path, old ? "PRAGMA user_version = 3" : "PRAGMA user_version = 4");
            ck_assert_msg(open_and_load() == PERP_E_CORRUPT, "%s", bad[i].sql);
            ck_assert_msg(strstr(message(), "schema: the index theirs on ") &&
                              strstr(message(), bad[i].why),
                          "%s: %s", bad[i].sql, message());
            ask_is("SELECT count(*) FROM sqlite_master WHERE name = 'theirs'", "1");
        }
        run_sql(path, "DROP INDEX theirs; PRAGMA user_version = 4");
    }
    ck_assert_int_eq(open_and_load(), PERP_OK);
}
END_TEST

/* Neither are those that an older store brings under our names. */
START_TEST(an_older_store_that_computes_is_named) {
    static const char *const bad[][2] = {
        {"DROP INDEX events_of_job; CREATE INDEX events_of_job ON events(length(job))",
         "schema: events_of_job is another"},
        {"DROP INDEX events_of_job; CREATE INDEX events_of_job ON events(job) WHERE job IS NOT "
         "NULL;"
         "ALTER TABLE daily ADD COLUMN theirs TEXT AS (hex(day))",
         "schema: daily computes its column theirs"},
    };
    put_range(&store, 1, 3);
    closed(&store);
    for (int i = 0; i < 2; i++) {
        run_sql(path, bad[i][0]);
        run_sql(path, "PRAGMA user_version = 3");
        ck_assert_int_eq(open_and_load(), PERP_E_CORRUPT);
        ck_assert_msg(strstr(message(), bad[i][1]) != NULL, "%s", message());
    }
}
END_TEST

/* SQLite's check of all tables would compute what these are made of, and find fault with them. */
START_TEST(tables_of_others_are_not_looked_at) {
    put_range(&store, 1, 3);
    closed(&store);
    run_sql(path, "CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1);"
                  "CREATE INDEX of_theirs ON theirs(length(a)) WHERE a > 0;"
                  "PRAGMA writable_schema = ON;"
                  "UPDATE sqlite_master SET sql = 'CREATE TABLE theirs(a CHECK(a < 0),"
                  " b AS (nullif(1, 1)) NOT NULL)' WHERE name = 'theirs'");
    ck_assert_str_ne(ask(path, "PRAGMA integrity_check"), "ok");
    ck_assert_int_eq(open_and_load(), PERP_OK);
    ck_assert_uint_eq(got.count, 3);
    put_range(&store, 4, 4);
    closed(&store);
    /* Ours are, as ever. */
    run_sql(path, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage ="
                  " (SELECT rootpage FROM sqlite_master WHERE name = 'events')"
                  " WHERE name = 'reservations_of_job'");
    ck_assert_int_eq(open_and_load(), PERP_E_CORRUPT);
}
END_TEST

/* Where nothing but views, triggers and plain indexes on our tables was added, the tables are
   looked at together: here two indexes have one page. */
START_TEST(a_page_of_two_is_noticed_beside_views_and_indexes_of_others) {
    put_range(&store, 1, 3);
    closed(&store);
    run_sql(path,
            "CREATE VIEW mine AS SELECT seq FROM events; CREATE INDEX my_kinds ON events(kind);"
            "CREATE TRIGGER my_trigger AFTER INSERT ON events BEGIN SELECT 1; END; ANALYZE;"
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage ="
            " (SELECT rootpage FROM sqlite_master WHERE name = 'reservations_of_job')"
            " WHERE name = 'open_lots'");
    ck_assert_int_eq(open_and_load(), PERP_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(message(), "pages: "));
}
END_TEST

/* ---- Pages that name each other -------------------------------------------------------------- */

static void put_number(unsigned char *at, uint32_t number, int size) {
    for (int i = size - 1; i >= 0; i--, number >>= 8)
        at[i] = (unsigned char)number;
}

/* An interior page of n cells with the key 1 that all lead to one page, and at last to another. */
static void make_interior(unsigned char *page, size_t page_size, int n, uint32_t to,
                          uint32_t last) {
    memset(page, 0, page_size);
    page[0] = 5;
    put_number(page + 3, (uint32_t)n, 2);
    put_number(page + 5, (uint32_t)(page_size - 5 * (size_t)n), 2);
    put_number(page + 8, last, 4);
    for (int i = 0; i < n; i++) {
        size_t at = page_size - 5 * (size_t)(i + 1);
        put_number(page + 12 + 2 * i, (uint32_t)at, 2);
        put_number(page + at, to, 4);
        page[at + 4] = 1;
    }
}

/* A leaf with one checkpoint, that has no data. */
static void make_leaf(unsigned char *page, size_t page_size) {
    static const unsigned char cell[] = {7, 1, 7, 0, 0, 8, 8, 8, 0};
    memset(page, 0, page_size);
    page[0] = 13;
    put_number(page + 3, 1, 2);
    put_number(page + 5, (uint32_t)(page_size - sizeof cell), 2);
    put_number(page + 8, (uint32_t)(page_size - sizeof cell), 2);
    memcpy(page + page_size - sizeof cell, cell, sizeof cell);
}

#define N_CELLS 400

/* 3,000 events in a file that is too large to be checked whole, whose table of checkpoints begins
   with the same row 400 to the fourth times. has_newest: and ends with those that were written. */
static void make_endless(int has_newest) {
    static char detail[4000];
    struct made made;
    memset(detail, 'x', sizeof detail - 1);
    ck_assert_int_eq(begin(&store), PERP_OK);
    for (uint64_t seq = 1; seq <= 3000; seq++) {
        make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
        made.record.detail = detail;
        ck_assert_int_eq(append(&store, &made), PERP_OK);
    }
    ck_assert_int_eq(commit(&store), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 2900), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 2950), PERP_OK);
    closed(&store);
    const size_t size = (size_t)atoi(ask(path, "PRAGMA page_size"));
    const uint32_t n = (uint32_t)atoi(ask(path, "PRAGMA page_count"));
    const uint32_t root =
        (uint32_t)atoi(ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'checkpoints'"));
    struct bytes file = read_bytes(path);
    ck_assert_uint_eq(file.size, n * size);
    file.at = realloc(file.at, file.size + 5 * size);
    ck_assert_ptr_nonnull(file.at);
    unsigned char *more = file.at + file.size, *at_root = file.at + (root - 1) * size;
    ck_assert_int_eq(at_root[0], 13);
    memcpy(more, at_root, size);
    make_leaf(more + size, size);
    for (uint32_t i = 2; i < 5; i++)
        make_interior(more + i * size, size, N_CELLS, n + i, n + i);
    make_interior(at_root, size, N_CELLS, n + 5, has_newest ? n + 1 : n + 5);
    put_number(file.at + 28, n + 5, 4);
    file.size += 5 * size;
    write_bytes(path, &file);
    free(file.at);
}

/* Nobody waits for what has no end; a second is far more than what bounded work takes. */
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

START_TEST(checkpoints_without_end_are_given_up_when_one_is_written) {
    make_endless(1);
    double before = seconds();
    ck_assert_int_eq(open_and_load(), PERP_OK);
    ck_assert(got_book(&got, 2950));
    ck_assert_int_eq(checkpoint(&store, 3000), PERP_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(message(), "longer than what a sound file can hold"));
    ck_assert_double_lt(seconds() - before, 5);
    ck_assert_int_eq(begin(&store), PERP_E_CORRUPT);
}
END_TEST

START_TEST(checkpoints_without_end_are_given_up_for_the_events_when_loaded) {
    make_endless(0);
    double before = seconds();
    ck_assert_int_eq(open_and_load(), PERP_OK);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert_uint_eq(got.count, 3000);
    ck_assert_double_lt(seconds() - before, 5);
}
END_TEST

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_add_test(all, an_index_of_others_that_is_not_plain_is_named);
    tcase_add_test(all, an_older_store_that_computes_is_named);
    tcase_add_test(all, tables_of_others_are_not_looked_at);
    tcase_add_test(all, a_page_of_two_is_noticed_beside_views_and_indexes_of_others);
    tcase_add_test(all, checkpoints_without_end_are_given_up_when_one_is_written);
    tcase_add_test(all, checkpoints_without_end_are_given_up_for_the_events_when_loaded);
}

#else

static void add_tests(TCase *all) {
    (void)all;
}

#endif

int main(void) {
    Suite *suite = suite_create("store_hostile");
    TCase *all = tcase_create("hostile");
    add_tests(all);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
