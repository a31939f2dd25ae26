/* Files of an open store that are moved, removed, put back, replaced or linked: nothing is
   acknowledged that the next process does not find. */
#include "store_fixture.h"

#if PERP_WITH_SQLITE

#include <signal.h>
#include <sys/wait.h>

#include "store_files.h"

static perp_store store;
static struct got got;
static struct made made;

static void open_new(void) {
    make_folder();
    opened(&store);
    put_range(&store, 1, 3);
}

static void close_all(void) {
    if (store.close)
        closed(&store);
    remove_folder();
}

/* Whether a change goes through. */
static perp_status try_put(uint64_t seq) {
    make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
    perp_status status = begin(&store);
    if (status == PERP_OK)
        status = append(&store, &made);
    if (status == PERP_OK)
        status = commit(&store);
    if (status != PERP_OK)
        store.rollback(store.user);
    return status;
}

static void refused(uint64_t seq, const char *word) {
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(try_put(seq), PERP_E_STORE);
        ck_assert_msg(strstr(why(&store), word) != NULL, "%s", why(&store));
        ck_assert_int_eq(checkpoint(&store, seq - 1), PERP_E_STORE);
    }
}

static void has(uint64_t last) {
    ck_assert_msg(open_at(path, &store) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_msg(load(&store, 0, &got) == PERP_OK, "%s", why(&store));
    ck_assert(got_range(&got, 1, last));
}

/* What a process that is killed now leaves; it has the store open. */
static void killed_elsewhere(void (*act)(void)) {
    int status;
    closed(&store);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        opened(&store);
        put_range(&store, 4, 20);
        act();
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
}

START_TEST(a_file_that_was_moved_takes_changes_again_once_it_is_back) {
    ck_assert_int_eq(rename(path, copy), 0);
    refused(4, "moved or removed");
    ck_assert_int_eq(rename(copy, path), 0);
    ck_assert_int_eq(try_put(4), PERP_OK);
    closed(&store);
    has(4);
}
END_TEST

START_TEST(a_file_that_was_removed_takes_none) {
    ck_assert_int_eq(unlink(path), 0);
    refused(4, "moved or removed");
}
END_TEST

START_TEST(a_file_that_was_replaced_by_a_copy_takes_none) {
    struct bytes bytes = read_bytes(path);
    ck_assert_int_eq(rename(path, copy), 0);
    write_bytes(path, &bytes);
    free(bytes.at);
    refused(4, "moved or removed");
}
END_TEST

START_TEST(a_folder_that_was_moved_takes_none_until_it_is_back) {
    char other[80];
    snprintf(other, sizeof other, "%s-moved", folder);
    ck_assert_int_eq(rename(folder, other), 0);
    refused(4, "moved or removed");
    ck_assert_int_eq(rename(other, folder), 0);
    ck_assert_int_eq(try_put(4), PERP_OK);
}
END_TEST

/* Whoever comes then has a lock of his own: one of the two may write, and it is he. */
START_TEST(without_the_file_of_its_lock_it_takes_none) {
    perp_store second;
    ck_assert_int_eq(unlink(part_of(path, "-lock")), 0);
    refused(4, "-lock");
    ck_assert_msg(open_at(path, &second) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_int_eq(load(&second, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 3));
    put_nth(&second, 4);
    refused(4, "-lock");
    closed(&second);
    closed(&store);
    has(4);
}
END_TEST

static void remove_wal(void) {
    if (unlink(part_of(path, "-wal")) != 0 || try_put(21) != PERP_E_STORE ||
        try_put(21) != PERP_E_STORE)
        _exit(1);
}

/* Nothing more, and what was acknowledged before is there though the process is killed. */
START_TEST(without_its_wal_it_takes_none_and_what_it_had_is_there) {
    killed_elsewhere(remove_wal);
    has(20);
}
END_TEST

START_TEST(a_file_with_two_names_is_not_opened_by_either) {
    perp_sqlite_options options;
    perp_store reader;
    perp_sqlite_options_init(&options);
    options.read_only = 1;
    ck_assert_int_eq(link(path, copy), 0);
    ck_assert_int_eq(try_put(4), PERP_OK); /* who has it open goes on */
    perp_store second;
    ck_assert_int_eq(open_at(copy, &second), PERP_E_STORE);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "hard links"));
    closed(&store);
    ck_assert_int_eq(open_at(copy, &second), PERP_E_STORE);
    ck_assert_int_eq(open_at(path, &second), PERP_E_STORE);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &reader), PERP_OK);
    closed(&reader);
    ck_assert_int_eq(unlink(copy), 0);
    has(4);
}
END_TEST

static void link_it(void) {
    if (link(path, copy) != 0)
        _exit(1);
}

/* By its other name the WAL would not be found, and the book be an older one. */
START_TEST(nor_after_its_process_was_killed) {
    perp_store second;
    killed_elsewhere(link_it);
    ck_assert_int_eq(open_at(copy, &second), PERP_E_STORE);
    ck_assert_int_eq(unlink(copy), 0);
    has(20);
}
END_TEST

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_add_test(all, a_file_that_was_moved_takes_changes_again_once_it_is_back);
    tcase_add_test(all, a_file_that_was_removed_takes_none);
    tcase_add_test(all, a_file_that_was_replaced_by_a_copy_takes_none);
    tcase_add_test(all, a_folder_that_was_moved_takes_none_until_it_is_back);
    tcase_add_test(all, without_the_file_of_its_lock_it_takes_none);
    tcase_add_test(all, without_its_wal_it_takes_none_and_what_it_had_is_there);
    tcase_add_test(all, a_file_with_two_names_is_not_opened_by_either);
    tcase_add_test(all, nor_after_its_process_was_killed);
}

#else

static void add_tests(TCase *all) {
    (void)all;
}

#endif

int main(void) {
    Suite *suite = suite_create("places");
    TCase *all = tcase_create("places");
    tcase_set_timeout(all, 60);
    add_tests(all);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
