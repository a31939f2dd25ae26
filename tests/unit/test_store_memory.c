/* The store in memory. */
#include "store_fixture.h"

static perp_store store;
static struct got got;

static void open_memory(void) {
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
}

static void close_memory(void) {
    store.close(store.user);
}

START_TEST(a_new_store_gives_nothing) {
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(records_come_back_in_order_and_byte_for_byte) {
    put_range(&store, 1, 1000);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 1000));
}
END_TEST

START_TEST(what_was_rolled_back_is_not_there) {
    struct made made;
    put_range(&store, 1, 3);
    ck_assert_int_eq(begin(&store), PERP_OK);
    make_reserve(&made, 4, 4, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_OK);
    store.rollback(store.user);
    put_nth(&store, 4);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

START_TEST(what_was_not_committed_is_not_given) {
    struct made made;
    ck_assert_int_eq(begin(&store), PERP_OK);
    make_reserve(&made, 1, 1, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(the_newest_checkpoint_comes_first_and_then_what_is_after_it) {
    put_range(&store, 1, 5);
    ck_assert_int_eq(checkpoint(&store, 3), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 5), PERP_OK);
    put_range(&store, 6, 8);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_book(&got, 5));
    ck_assert(got_range(&got, 6, 8));
    ck_assert_int_eq(load(&store, 1, &got), PERP_OK);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert(got_range(&got, 1, 8));
}
END_TEST

START_TEST(where_the_checkpoint_is_refused_all_records_are_given) {
    put_range(&store, 1, 5);
    ck_assert_int_eq(checkpoint(&store, 3), PERP_OK);
    got.refuses = 1;
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    got.refuses = 0;
    ck_assert_uint_eq(got.refused, 1);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert(got_range(&got, 1, 5));
}
END_TEST

static void keep(void *user) {
    (void)user;
}

START_TEST(a_second_book_opens_from_a_copy_of_the_table) {
    perp_config config;
    perp_core *core;
    perp_exchange_id id;
    perp_exchange_spec spec;
    perp_config_init(&config);
    config.store = store;
    config.store.close = keep;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    perp_exchange_spec_init(&spec);
    memcpy(spec.name, "alpha", 6);
    ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_OK);
    uint64_t hash = perp_core_hash(core);
    perp_core_close(core);
    ck_assert_msg(perp_core_open(&config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_uint_eq(perp_exchange_count(core), 1);
    ck_assert_uint_eq(perp_core_hash(core), hash);
    perp_core_close(core);
}
END_TEST

START_TEST(opening_into_nothing_is_invalid) {
    ck_assert_int_eq(perp_store_memory_open(NULL), PERP_E_INVALID);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store_memory");
    TCase *all = tcase_create("memory");
    tcase_add_checked_fixture(all, open_memory, close_memory);
    tcase_add_test(all, a_new_store_gives_nothing);
    tcase_add_test(all, records_come_back_in_order_and_byte_for_byte);
    tcase_add_test(all, what_was_rolled_back_is_not_there);
    tcase_add_test(all, what_was_not_committed_is_not_given);
    tcase_add_test(all, the_newest_checkpoint_comes_first_and_then_what_is_after_it);
    tcase_add_test(all, where_the_checkpoint_is_refused_all_records_are_given);
    tcase_add_test(all, a_second_book_opens_from_a_copy_of_the_table);
    tcase_add_test(all, opening_into_nothing_is_invalid);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
