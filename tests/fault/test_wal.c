/* The SQLite store, through its table of functions, on a disk whose n-th sync or write fails, for
   every n: a change that was reported as failed is not there, whenever the process is killed after
   that; what was reported as committed is. */
#include "unit/store_fixture.h"

#if PERP_WITH_SQLITE

#include "unit/store_files.h"
#include "vfs_shim.h"

#define LAST 40

static perp_store store;
static struct got got;

static void make_all(void) {
    make_folder();
    shim_register();
}

static perp_status open_shim(void) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    perp_status status = perp_store_sqlite_open(path, &options, &store);
    return status == PERP_OK ? load(&store, 0, &got) : status;
}

/* What a process that is killed now leaves, opened by the next one. */
static void ends_at(uint64_t last, const char *when, uint32_t n) {
    perp_store next;
    remove_store(copy);
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            continue;
        struct bytes bytes = read_bytes(part_of(path, parts[i]));
        write_bytes(part_of(copy, parts[i]), &bytes);
        free(bytes.at);
    }
    perp_status status = open_at(copy, &next);
    ck_assert_msg(status == PERP_OK, "%s %u: %s", when, n, perp_core_error(NULL));
    ck_assert_msg(load(&next, 1, &got) == PERP_OK, "%s %u: %s", when, n, why(&next));
    ck_assert_msg(got.count == last, "%s %u: %u records where %llu were acknowledged", when, n,
                  got.count, (unsigned long long)last);
    ck_assert(got_range(&got, 1, last));
    closed(&next);
}

static perp_status try_put(uint64_t seq) {
    struct made made;
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

/* A life; returns whether the fault came. */
static int live(enum shim_kind kind, enum shim_way way, uint32_t n) {
    uint64_t done = 0;
    shim_heal();
    remove_store(path);
    ck_assert_int_eq(open_shim(), PERP_OK);
    shim_arm(kind, way, n);
    while (done < LAST) {
        if (done % 8 == 7)
            (void)checkpoint(&store, done);
        perp_status status = try_put(done + 1);
        if (status == PERP_OK) {
            done++;
            continue;
        }
        ck_assert_msg(shim_hit() && status == PERP_E_STORE, "%s", why(&store));
        ends_at(done, "at once, after fault", n);
        if (way == SHIM_STAYS) {
            ck_assert_int_eq(try_put(done + 1), PERP_E_STORE);
            ends_at(done, "after a second call, after fault", n);
        }
        shim_heal();
    }
    int hit = shim_hit();
    shim_heal();
    ends_at(done, "at the end, after fault", n);
    closed(&store);
    ends_at(done, "closed, after fault", n);
    ck_assert_int_eq(shim_open_files(), 0);
    return hit;
}

static void live_all(enum shim_kind kind, enum shim_way way) {
    uint32_t n = 1;
    while (live(kind, way, n))
        n++;
    ck_assert_uint_gt(n, 30);
}

START_TEST(a_change_whose_sync_failed_does_not_come_back) {
    live_all(SHIM_SYNC, SHIM_FAILS);
}
END_TEST

START_TEST(a_change_whose_sync_failed_does_not_come_back_where_no_sync_works_any_more) {
    live_all(SHIM_SYNC, SHIM_STAYS);
}
END_TEST

START_TEST(a_change_whose_write_failed_or_was_cut_does_not_come_back) {
    live_all(SHIM_WRITE, SHIM_FAILS);
    live_all(SHIM_WRITE, SHIM_CUT);
}
END_TEST

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, make_all, remove_folder);
    tcase_add_test(all, a_change_whose_sync_failed_does_not_come_back);
    tcase_add_test(all, a_change_whose_sync_failed_does_not_come_back_where_no_sync_works_any_more);
    tcase_add_test(all, a_change_whose_write_failed_or_was_cut_does_not_come_back);
}

#else

static void add_tests(TCase *all) {
    (void)all;
}

#endif

int main(void) {
    Suite *suite = suite_create("wal");
    TCase *all = tcase_create("wal");
    tcase_set_timeout(all, 300);
    add_tests(all);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
