/* The SQLite store on a machine that fails: what a sync or a commit that waits for the disk has
   acknowledged comes back, whatever of the rest does, and no change comes back without those before
   it; also where syncs failed before, and took with them what they should have written. */
#include "unit/store_fixture.h"

#if PERP_WITH_SQLITE

#include "unit/store_files.h"
#include "vfs_shim.h"

static perp_store store;
static struct got got;
static uint32_t wal_limit_mb = 256;

/* What the store has said. */
static struct {
    unsigned luck; /* of all that is drawn */
    uint64_t committed, durable;
    unsigned failures; /* of the machine */
    unsigned lost;     /* changes, in all */
    unsigned refused;  /* calls */
} life;

static void make_all(void) {
    make_folder();
    shim_register();
}

static unsigned draw(unsigned below) {
    life.luck = life.luck * 1664525u + 1013904223u;
    return (life.luck >> 8) % below;
}

static perp_status open_shim(void) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    options.wal_limit_mb = wal_limit_mb;
    perp_status status = perp_store_sqlite_open(path, &options, &store);
    return status == PERP_OK ? load(&store, 0, &got) : status;
}

static perp_status try_put(int staged) {
    struct made made;
    const uint64_t seq = life.committed + 1;
    perp_status status = PERP_E_STORE;
    make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
    (staged ? store.more->begin_staged : store.begin)(store.user, &status);
    if (status == PERP_OK)
        status = append(&store, &made);
    if (status == PERP_OK)
        status = commit(&store);
    if (status != PERP_OK)
        store.rollback(store.user);
    else
        life.committed = seq;
    if (status == PERP_OK && !staged)
        life.durable = seq;
    return status;
}

static perp_status try_sync(void) {
    perp_status status = PERP_E_STORE;
    store.more->sync(store.user, &status);
    if (status == PERP_OK)
        life.durable = life.committed;
    return status;
}

static void open_after(const char *what) {
    perp_status status = open_shim();
    ck_assert_msg(status == PERP_OK, "luck %u, %s: %s (%s)", life.luck, what,
                  perp_status_string(status), store.user ? why(&store) : perp_core_error(NULL));
    ck_assert_int_eq(load(&store, 1, &got), PERP_OK);
    ck_assert_msg(got.count >= life.durable && got.count <= life.committed,
                  "luck %u, %s: %u changes came back, of %llu that were durable and %llu in all",
                  life.luck, what, got.count, (unsigned long long)life.durable,
                  (unsigned long long)life.committed);
    ck_assert(got_range(&got, 1, got.count));
    life.lost += (unsigned)(life.committed - got.count);
    life.committed = life.durable = got.count;
}

/* Nothing comes of closing it then. */
static void machine_fails(void) {
    unsigned luck = draw(3) ? draw(1u << 20) : 0;
    shim_die();
    closed(&store);
    shim_lose(luck);
    unlink(part_of(path, "-shm"));
    shim_heal();
    shim_watch();
    life.failures++;
    open_after("the machine failed");
}

/* The process alone is killed: files are what they are. */
static void process_is_killed(void) {
    shim_die();
    closed(&store);
    unlink(part_of(path, "-shm"));
    shim_heal();
    life.durable = life.committed;
    open_after("the process was killed");
}

static void one_step(void) {
    perp_status status = PERP_OK;
    unsigned which = draw(100);
    if (which < 60)
        status = try_put(1);
    else if (which < 75)
        status = try_put(0);
    else if (which < 90)
        status = try_sync();
    else if (which < 96 && life.committed)
        (void)checkpoint(&store, life.committed);
    else if (which < 99)
        machine_fails();
    else
        process_is_killed();
    life.refused += status != PERP_OK;
    /* A sync is refused until a commit that waits has written all again. */
    ck_assert_msg(status == PERP_OK ||
                      (status == PERP_E_STORE && (shim_hit() || (which >= 75 && which < 90))),
                  "luck %u: %s", life.luck, why(&store));
}

/* sync: which sync fails from the beginning or the last failure on; 0: none does. */
static void live(unsigned seed, unsigned steps, uint32_t sync) {
    memset(&life, 0, sizeof life);
    life.luck = seed;
    shim_heal();
    remove_store(path);
    shim_watch();
    ck_assert_int_eq(open_shim(), PERP_OK);
    for (unsigned i = 0; i < steps; i++) {
        if (sync && i % 16 == 0)
            shim_arm(SHIM_SYNC, SHIM_FAILS, 1 + draw(sync));
        one_step();
    }
    shim_heal();
    ck_assert_int_eq(try_put(0), PERP_OK);
    machine_fails();
    closed(&store);
}

START_TEST(what_was_durable_comes_back_after_the_machine_failed) {
    unsigned lost = 0;
    for (unsigned seed = 1; seed <= 60; seed++) {
        live(seed, 200, 0);
        lost += life.lost;
        ck_assert_uint_eq(life.refused, 0);
    }
    ck_assert_uint_gt(lost, 60); /* of what was only staged */
}
END_TEST

START_TEST(so_it_does_where_the_wal_is_begun_anew_meanwhile) {
    for (unsigned seed = 1; seed <= 4; seed++)
        live(seed, 2000, 0);
}
END_TEST

START_TEST(so_it_does_after_syncs_that_failed) {
    unsigned refused = 0;
    for (unsigned seed = 1; seed <= 60; seed++) {
        live(seed, 200, 6);
        refused += life.refused;
    }
    ck_assert_uint_gt(refused, 60);
}
END_TEST

/* A staged commit that makes the WAL longer than the limit moves it into the file. What fails then
   is a sync of the WAL, too. */
START_TEST(a_sync_that_failed_while_the_wal_was_moved_is_one) {
    memset(&life, 0, sizeof life);
    remove_store(path);
    shim_heal();
    shim_watch();
    wal_limit_mb = 1;
    ck_assert_int_eq(open_shim(), PERP_OK);
    ck_assert_int_eq(try_put(0), PERP_OK);
    do {
        shim_arm(SHIM_SYNC, SHIM_FAILS, 1);
        ck_assert_int_eq(try_put(1), PERP_OK);
        ck_assert_uint_lt(life.committed, 1000);
    } while (!shim_hit());
    ck_assert_int_eq(try_sync(), PERP_E_STORE);
    ck_assert_int_eq(try_put(0), PERP_OK);
    machine_fails();
    ck_assert_uint_gt(life.committed, 50);
    closed(&store);
    wal_limit_mb = 256;
}
END_TEST

START_TEST(a_wal_that_was_made_for_staged_changes_comes_back) {
    memset(&life, 0, sizeof life);
    remove_store(path);
    shim_heal();
    shim_watch();
    ck_assert_int_eq(open_shim(), PERP_OK);
    ck_assert_int_eq(try_put(0), PERP_OK);
    closed(&store);
    ck_assert_int_ne(access(part_of(path, "-wal"), F_OK), 0);
    ck_assert_int_eq(open_shim(), PERP_OK);
    ck_assert_int_eq(try_put(1), PERP_OK);
    ck_assert_int_eq(try_sync(), PERP_OK);
    machine_fails();
    ck_assert_uint_eq(life.committed, 2);
    closed(&store);
}
END_TEST

/* The sync that fails is that of the other thread; the next ones don't make up for it, the next
   commit that waits does. */
START_TEST(after_a_sync_that_failed_none_counts_until_all_is_written_again) {
    memset(&life, 0, sizeof life);
    remove_store(path);
    shim_heal();
    shim_watch();
    ck_assert_int_eq(open_shim(), PERP_OK);
    ck_assert_int_eq(try_put(0), PERP_OK);
    ck_assert_int_eq(try_put(1), PERP_OK);
    shim_arm(SHIM_SYNC, SHIM_FAILS, 1);
    ck_assert_int_eq(try_sync(), PERP_E_STORE);
    ck_assert_int_eq(try_sync(), PERP_E_STORE);
    ck_assert_int_eq(try_put(1), PERP_OK);
    ck_assert_int_eq(try_sync(), PERP_E_STORE);
    ck_assert_uint_eq(life.durable, 1);
    ck_assert_int_eq(try_put(0), PERP_OK);
    ck_assert_uint_eq(life.durable, 4);
    ck_assert_int_eq(try_put(1), PERP_OK);
    ck_assert_int_eq(try_sync(), PERP_OK);
    machine_fails();
    ck_assert_uint_eq(life.committed, 5);
    closed(&store);
}
END_TEST

/* A process that is killed leaves changes that nobody waited for; the next one takes them for
   stored. */
START_TEST(what_was_loaded_is_on_disk) {
    memset(&life, 0, sizeof life);
    remove_store(path);
    shim_heal();
    shim_watch();
    ck_assert_int_eq(open_shim(), PERP_OK);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(try_put(1), PERP_OK);
    process_is_killed();
    ck_assert_uint_eq(life.durable, 5);
    machine_fails();
    ck_assert_uint_eq(life.committed, 5);
    closed(&store);
}
END_TEST

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, make_all, remove_folder);
    tcase_add_test(all, what_was_durable_comes_back_after_the_machine_failed);
    tcase_add_test(all, so_it_does_where_the_wal_is_begun_anew_meanwhile);
    tcase_add_test(all, so_it_does_after_syncs_that_failed);
    tcase_add_test(all, a_sync_that_failed_while_the_wal_was_moved_is_one);
    tcase_add_test(all, a_wal_that_was_made_for_staged_changes_comes_back);
    tcase_add_test(all, after_a_sync_that_failed_none_counts_until_all_is_written_again);
    tcase_add_test(all, what_was_loaded_is_on_disk);
}

#else

static void add_tests(TCase *all) {
    (void)all;
}

#endif

int main(void) {
    Suite *suite = suite_create("power");
    TCase *all = tcase_create("power");
    tcase_set_timeout(all, 300);
    add_tests(all);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
