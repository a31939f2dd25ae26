/* A file of an earlier schema is brought up to date in one step with its being believed: where the
   book refuses what a record says, nothing in the file is changed. */
#include "store_fixture.h"

#if PERP_WITH_SQLITE

#include "store/sqlite_store.h"
#include "store_files.h"

static perp_store store;

static void make_older(void) {
    make_folder();
    opened(&store);
    put_range(&store, 1, 5);
    closed(&store);
    run_sql(path,
            "DROP VIEW naked_bases; PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE)");
}

static void remove_all(void) {
    if (store.close)
        closed(&store);
    remove_folder();
}

/* A book that finds that record 3 makes no sense, and one that takes them all. */
static void refuse(void *user, uint64_t seq, const void *data, size_t size, perp_status *status) {
    (void)user, (void)data, (void)size;
    *status = seq == 3 ? PERP_E_CORRUPT : PERP_OK;
}

static void believe(void *user, uint64_t seq, const void *data, size_t size, perp_status *status) {
    (void)user, (void)seq, (void)data, (void)size;
    *status = PERP_OK;
}

static perp_status load_with(void (*record)(void *, uint64_t, const void *, size_t,
                                            perp_status *)) {
    const perp_loader loader = {.record = record};
    perp_status status;
    ck_assert_msg(open_at(path, &store) == PERP_OK, "%s", perp_core_error(NULL));
    store.load(store.user, 0, &loader, &status);
    return status;
}

static int is_same(const struct bytes *a, const struct bytes *b) {
    return a->there == b->there && a->size == b->size &&
           (a->size == 0 || memcmp(a->at, b->at, a->size) == 0);
}

START_TEST(a_file_whose_records_are_not_believed_stays_as_it_was) {
    struct bytes before = read_bytes(path);
    ck_assert_int_eq(load_with(refuse), PERP_E_CORRUPT);
    closed(&store);
    struct bytes after = read_bytes(path), wal = read_bytes(part_of(path, "-wal"));
    ck_assert(is_same(&before, &after));
    ck_assert_uint_eq(wal.size, 0);
    free(before.at);
    free(after.at);
    free(wal.at);
    /* Nor is one that was opened, and never asked. */
    ck_assert_int_eq(open_at(path, &store), PERP_OK);
    closed(&store);
    ask_is("PRAGMA user_version", "4");
    ask_is("SELECT count(*) FROM sqlite_master WHERE name = 'naked_bases'", "0");
}
END_TEST

START_TEST(one_whose_records_are_believed_is_brought_up_to_date) {
    char version[16];
    snprintf(version, sizeof version, "%d", PERP_SQLITE_VERSION);
    ck_assert_int_eq(load_with(refuse), PERP_E_CORRUPT);
    closed(&store);
    ck_assert_int_eq(load_with(believe), PERP_OK);
    ask_is("PRAGMA user_version", version);
    ask_is("SELECT count(*) FROM sqlite_master WHERE name = 'naked_bases'", "1");
    put_range(&store, 6, 6);
    closed(&store);
    ask_is("SELECT count(*) FROM events", "6");
    ck_assert_int_eq(load_with(believe), PERP_OK);
}
END_TEST

/* Another tool may have left it in another journal mode; that, too, is changed only once all was
   believed. */
START_TEST(one_in_another_journal_mode_is_brought_up_to_date) {
    run_sql(path, "PRAGMA journal_mode = DELETE");
    struct bytes before = read_bytes(path);
    ck_assert_int_eq(load_with(refuse), PERP_E_CORRUPT);
    closed(&store);
    struct bytes after = read_bytes(path);
    ck_assert(is_same(&before, &after));
    free(before.at);
    free(after.at);
    ck_assert_int_eq(load_with(believe), PERP_OK);
    ask_is("PRAGMA journal_mode", "wal");
    put_range(&store, 6, 6);
    closed(&store);
    ask_is("SELECT count(*) FROM events", "6");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("older stores");
    TCase *tests = tcase_create("older stores");
    tcase_add_checked_fixture(tests, make_older, remove_all);
    tcase_add_test(tests, a_file_whose_records_are_not_believed_stays_as_it_was);
    tcase_add_test(tests, one_whose_records_are_believed_is_brought_up_to_date);
    tcase_add_test(tests, one_in_another_journal_mode_is_brought_up_to_date);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#else

int main(void) {
    return 0;
}

#endif
