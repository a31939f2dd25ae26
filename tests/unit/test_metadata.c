/* What a host submitted with a job comes back byte for byte, whatever became of the job, and after
   a restart. */
#include "fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static const char bytes[] = "a\0b\xff";
static char whole[PERP_MAX_METADATA];

static perp_job job_with(uint32_t n, const void *metadata, size_t size) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    job.metadata = metadata;
    job.metadata_size = (uint32_t)size;
    return job;
}

static perp_status get(uint32_t n, void *buffer, size_t capacity, size_t *size) {
    perp_uuid id = id_of(n);
    return perp_scheduler_job_metadata(w->scheduler, &id, buffer, capacity, size);
}

static void has(uint32_t n, const void *metadata, size_t size) {
    char buffer[PERP_MAX_METADATA];
    size_t got = 77;
    ok(w, get(n, buffer, sizeof buffer, &got));
    ck_assert_uint_eq(got, size);
    ck_assert_int_eq(memcmp(buffer, metadata, size), 0);
}

START_TEST(metadata_comes_back_as_it_was_submitted) {
    memset(whole, 'x', sizeof whole);
    perp_job jobs[] = {job_with(1, bytes, sizeof bytes), job_with(2, NULL, 0),
                       job_with(3, whole, sizeof whole)};
    for (int i = 0; i < 3; i++)
        submit(w, &jobs[i]);
    whole[0] = 'y';
    has(1, bytes, sizeof bytes);
    has(2, "", 0);
    whole[0] = 'x';
    has(3, whole, sizeof whole);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_not_written_to) {
    char buffer[8] = "untouch";
    size_t size = 77;
    perp_job job = job_with(1, bytes, sizeof bytes), none = job_with(2, NULL, 0);
    submit(w, &job);
    submit(w, &none);
    fails(w, PERP_E_RANGE, get(1, buffer, sizeof bytes - 1, &size));
    ck_assert_uint_eq(size, sizeof bytes);
    ck_assert_str_eq(buffer, "untouch");
    size = 77;
    fails(w, PERP_E_RANGE, get(1, NULL, 0, &size));
    ck_assert_uint_eq(size, sizeof bytes);
    ok(w, get(1, buffer, sizeof bytes, &size));
    ok(w, get(2, NULL, 0, &size));
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(bad_calls_are_refused) {
    char buffer[8];
    size_t size = 77;
    perp_uuid id = id_of(1);
    perp_job job = job_with(1, bytes, sizeof bytes);
    submit(w, &job);
    fails(w, PERP_E_NOT_FOUND, get(2, buffer, sizeof buffer, &size));
    fails(w, PERP_E_INVALID, get(1, NULL, 8, &size));
    fails(w, PERP_E_INVALID, get(1, buffer, sizeof buffer, NULL));
    fails(w, PERP_E_INVALID,
          perp_scheduler_job_metadata(w->scheduler, NULL, buffer, sizeof buffer, &size));
    ck_assert_int_eq(perp_scheduler_job_metadata(NULL, &id, buffer, sizeof buffer, &size),
                     PERP_E_INVALID);
    ck_assert_uint_eq(size, 77);
}
END_TEST

static void keep(void *user) {
    (void)user;
}

enum { PENDING = 1, RUNNING, OPEN, COMPLETED, PARTIAL, CANCELLED, N_JOBS };

/* Jobs of every kind, each with a letter of its own; then the book is opened again, from its
   records or from a checkpoint. */
START_TEST(metadata_is_there_after_a_restart) {
    perp_config config;
    perp_store store;
    world_config(&config);
    memset(&store, 0, sizeof store);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.scheduler.auto_repair = 1;
    config.scheduler.max_notional_per_exchange = USD(1000000);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    for (uint32_t n = N_JOBS - 1; n > PENDING; n--) {
        char letter = (char)('a' + n);
        perp_job job = job_with(n, &letter, 1);
        if (n == CANCELLED) {
            submit(w, &job);
            ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
        } else {
            run_job(w, &job);
        }
    }
    perp_uuid open = id_of(OPEN), completed = id_of(COMPLETED), partial = id_of(PARTIAL);
    perp_job_result flat;
    perp_job_result_init(&flat);
    flat.has_totals = flat.flat = 1;
    finish_all(w, &open, PERP_RESULT_COMPLETED);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &completed, &flat, NULL));
    perp_finish_outcome outcome = finish_pair(w, &partial, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    char letter = 'a' + PENDING;
    perp_job pending = job_with(PENDING, &letter, 1);
    submit(w, &pending);
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    ck_assert_uint_eq(tick(w)->dispatched, 1); /* the repair */
    if (_i == 1)
        ok(w, perp_core_checkpoint(w->core));
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);

    config.store = store;
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->scheduler = perp_core_scheduler(w->core);
    state_is(w, PENDING, PERP_JOB_PENDING);
    state_is(w, RUNNING, PERP_JOB_IN_DOUBT);
    state_is(w, OPEN, PERP_JOB_OPEN);
    state_is(w, COMPLETED, PERP_JOB_COMPLETED);
    state_is(w, PARTIAL, PERP_JOB_PARTIAL);
    state_is(w, CANCELLED, PERP_JOB_CANCELLED);
    for (uint32_t n = PENDING; n < N_JOBS; n++) {
        letter = (char)('a' + n);
        has(n, &letter, 1);
    }
    size_t size = 77;
    perp_uuid repair = repair_id("BTC", 1);
    ok(w, perp_scheduler_job_metadata(w->scheduler, &repair, NULL, 0, &size));
    ck_assert_uint_eq(size, 0);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metadata");
    TCase *tcase = tcase_create("metadata"), *own = tcase_create("restart");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, metadata_comes_back_as_it_was_submitted);
    tcase_add_test(tcase, a_buffer_that_is_too_small_is_not_written_to);
    tcase_add_test(tcase, bad_calls_are_refused);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(own, metadata_is_there_after_a_restart, 0, 2);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
