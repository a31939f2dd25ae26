/* Files that somebody made so that opening, checking or writing them runs what they say, or does not
   end: it is refused, or not run, in bounded time. */
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
        {"DROP INDEX events_of_job; CREATE INDEX events_of_job ON events(job) WHERE job IS NOT NULL;"
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

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_add_test(all, an_index_of_others_that_is_not_plain_is_named);
    tcase_add_test(all, an_older_store_that_computes_is_named);
    tcase_add_test(all, tables_of_others_are_not_looked_at);
    tcase_add_test(all, a_page_of_two_is_noticed_beside_views_and_indexes_of_others);
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
