/* Memory of jobs: what one takes that waits, that it comes back, that no submit asks for much, and
   that want of it leaves a job as it was, around its hand-over and where it is read back. */
#include "reopen.h"

#include "core/events.h"
#include "core/job.h"

#define JOBS 20000

struct memory {
    size_t bytes, asked, largest; /* in use; asked for, and the largest at once, since cleared */
    uint64_t count, fail_at;      /* which one fails; 0: none */
};

static struct memory memory;

static void *take(void *user, size_t size) {
    (void)user;
    if (++memory.count == memory.fail_at)
        return NULL;
    memory.bytes += size;
    memory.asked += size;
    memory.largest = size > memory.largest ? size : memory.largest;
    return malloc(size);
}

static void give(void *user, void *block, size_t size) {
    (void)user;
    memory.bytes -= size;
    free(block);
}

static void configure(perp_config *config) {
    memory = (struct memory){0};
    world_config(config);
    config->allocator.allocate = take;
    config->allocator.release = give;
}

/* Jobs of many routes. */
static perp_job nth_job(struct world *w, uint32_t n) {
    const perp_instrument_id *of = n & 1 ? w->btc : w->eth;
    static const uint32_t pairs[][2] = {
        {ALPHA, BETA}, {BETA, ALPHA}, {ALPHA, GAMMA}, {GAMMA, BETA}};
    perp_job job = pair_job(n, of[pairs[n / 2 % 4][0]], of[pairs[n / 2 % 4][1]]);
    job.holding_hours = n / 8 % 64;
    job.ttl_ms = 3600000;
    return job;
}

static void fill_queue(struct world *w) {
    for (uint32_t n = 1; n <= JOBS; n++) {
        const perp_job job = nth_job(w, n);
        submit(w, &job);
    }
}

/* ---- What it takes ------------------------------------------------------------------------------
 */

/* Bytes of a job of two legs that waits, all lists included: what is reached, and some air. */
#define BUDGET 700

START_TEST(a_job_that_waits_takes_no_more_than_its_budget) {
    perp_config config;
    configure(&config);
    config.scheduler.max_global_concurrent_jobs = 1;
    struct world *w = world_open(&config);
    size_t before = memory.bytes;
    fill_queue(w);
    size_t each = (memory.bytes - before) / JOBS;
    ck_assert_msg(each <= BUDGET, "%zu bytes a job, at most %d", each, BUDGET);
    /* A tick that decides all of them leaves nothing behind that is for each of them. */
    perp_tick_result result;
    perp_tick_result_init(&result);
    result.want_items = 0;
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &result));
    ck_assert_uint_eq(result.evaluated, JOBS);
    result.want_items = 0;
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &result));
    each = (memory.bytes - before) / JOBS;
    ck_assert_msg(each <= BUDGET, "%zu bytes a job after a tick, at most %d", each, BUDGET);
    world_close(w);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

START_TEST(a_submit_asks_for_little_however_many_wait) {
    perp_config config;
    configure(&config);
    struct world *w = world_open(&config);
    for (uint32_t n = 1; n <= JOBS; n++) {
        const perp_job job = nth_job(w, n);
        memory.asked = memory.largest = 0;
        uint64_t before = memory.count;
        submit(w, &job);
        ck_assert_msg(n < 64 || memory.asked < 65536, "job %u: %zu bytes at once", n, memory.asked);
        ck_assert_msg(n < 64 || memory.count - before < 20, "job %u: memory asked for %u times", n,
                      (unsigned)(memory.count - before));
    }
    world_close(w);
}
END_TEST

START_TEST(memory_comes_back_when_jobs_end) {
    perp_config config;
    configure(&config);
    config.scheduler.history_size = 1;
    config.scheduler.id_memory_h = 1;
    struct world *w = world_open(&config);
    const perp_job first = nth_job(w, JOBS + 1), last = nth_job(w, JOBS + 2);
    submit(w, &first);
    size_t before = memory.bytes;
    fill_queue(w);
    size_t most = memory.bytes - before;
    for (uint32_t n = 0; n < JOBS; n++) { /* all over the queue: 7919 is a prime */
        const perp_uuid id = id_of(n * 7919 % JOBS + 1);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &id));
    }
    /* Ids are forgotten, too. */
    ok(w, perp_scheduler_submit(w->scheduler, leap_to(w, w->now + 2 * HOUR), &last));
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &last.job_id));
    size_t left = memory.bytes - before;
    ck_assert_msg(left < most / 100, "%zu bytes of %zu stay", left, most);
    checked(w);
    world_close(w);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

/* ---- Want of it ---------------------------------------------------------------------------------
 */

#define SOME 6

/* Makes a call that may fail for want of memory: then it changed nothing, and does it again. */
#define lives(w, call)                                                                             \
    do {                                                                                           \
        uint64_t hash_ = perp_core_hash((w)->core);                                                \
        perp_status got_ = (call);                                                                 \
        if (got_ != PERP_OK) {                                                                     \
            ck_assert_msg(got_ == PERP_E_NOMEM, "%s: %s", #call, perp_core_error((w)->core));      \
            ck_assert_msg(perp_core_hash((w)->core) == hash_, "%s changed the book", #call);       \
            got_ = (call);                                                                         \
        }                                                                                          \
        ck_assert_msg(got_ == PERP_OK, "%s: %s", #call, perp_core_error((w)->core));               \
        ck_assert_msg(perp_core_check((w)->core) == PERP_OK, "%s: %s", #call,                      \
                      perp_core_error((w)->core));                                                 \
    } while (0)

/* Jobs are submitted, handed over at once, in doubt, waiting again, run again, and end. */
static void live(struct world *w) {
    perp_tick_result result;
    perp_job_result unknown, done;
    perp_tick_result_init(&result);
    perp_job_result_init(&unknown);
    perp_job_result_init(&done);
    unknown.status = PERP_RESULT_UNKNOWN;
    done.status = PERP_RESULT_COMPLETED;
    for (uint32_t n = 1; n <= SOME; n++) {
        const perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        lives(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    }
    for (int round = 0; round < 2; round++) {
        lives(w, perp_scheduler_tick(w->scheduler, nowc(w), &result));
        for (uint32_t n = 1; n <= SOME; n++) {
            const perp_uuid id = id_of(n);
            if (info_of(w, n).state != PERP_JOB_RUNNING && info_of(w, n).state != PERP_JOB_IN_DOUBT)
                continue;
            if (round == 1) {
                lives(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &done, NULL));
                continue;
            }
            if (info_of(w, n).state == PERP_JOB_RUNNING)
                lives(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &unknown, NULL));
            lives(w, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
        }
    }
    perp_tick_result_free(&result);
}

START_TEST(want_of_memory_leaves_a_job_as_it_was) {
    uint64_t from = 0, to = 1;
    for (uint64_t n = 0; from + n <= to; n++) {
        perp_config config;
        configure(&config);
        config.scheduler.history_size = 2;
        struct world *w = world_open(&config);
        from = memory.count;
        memory.fail_at = n ? memory.count + n : 0;
        live(w);
        if (n == 0)
            to = memory.count;
        world_close(w);
        ck_assert_msg(memory.bytes == 0, "allocation %u: %zu bytes leak", (unsigned)n,
                      memory.bytes);
    }
}
END_TEST

#if (PERP_WITH_SQLITE) /* of the store */
/* A store has a job that waits, ones that waited again, run, are open, and ended without having
   run; reading them needs memory for each. */
START_TEST(want_of_memory_while_a_book_is_read_leaves_nothing) {
    struct life life;
    perp_config config;
    configure(&config);
    struct world *w = life_begin(&life, &config);
    perp_job_result unknown, done;
    perp_job_result_init(&unknown);
    perp_job_result_init(&done);
    unknown.status = PERP_RESULT_UNKNOWN;
    done.status = PERP_RESULT_COMPLETED;
    for (uint32_t n = 1; n <= SOME; n++) {
        const perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
    }
    const perp_uuid ids[] = {id_of(1), id_of(2), id_of(SOME)};
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &ids[2]));
    tick(w);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &ids[0], &done, NULL));
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &ids[1], &unknown, NULL));
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &ids[1]));
    state_is(w, 1, PERP_JOB_OPEN);
    state_is(w, 2, PERP_JOB_PENDING);
    state_is(w, 3, PERP_JOB_RUNNING);
    state_is(w, SOME, PERP_JOB_CANCELLED);
    life_again(&life, w); /* by a checkpoint in the end */
    uint64_t hash = perp_core_hash(w->core);
    ok(w, perp_core_close(w->core));
    perp_status status = PERP_E_NOMEM;
    for (uint64_t n = 1; status != PERP_OK; n++) {
        memory = (struct memory){.fail_at = n};
        life_store(&life);
        status = perp_core_open(&life.config, &w->core);
        ck_assert_msg(status == PERP_OK || status == PERP_E_NOMEM, "allocation %u: %s", (unsigned)n,
                      perp_core_error(NULL));
        ck_assert(status == PERP_OK || memory.bytes == 0);
    }
    world_handles(w);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    checked(w);
    life_end(&life, w);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST
#endif

/* ---- Rows ---------------------------------------------------------------------------------------
 */

START_TEST(a_job_has_every_field_of_its_row) {
    union {
        struct perp_job_run run;
        char bytes[sizeof(struct perp_job_run) + sizeof(struct perp_run_leg)];
    } run;
    union perp_job_room room;
    struct perp_ev_submit submit;
    struct perp_job_row row;
    char metadata[3] = "ab";
    memset(&room, 0, sizeof room);
    memset(&run, 0, sizeof run);
    memset(&submit, 0, sizeof submit);
    memset(&submit.job, 1, sizeof submit.job);
    submit.job.strategy = PERP_STRATEGY_ARB;
    submit.job.state = PERP_JOB_COMPLETED;
    submit.job.priority = -PERP_MOST_PRIORITY;
    submit.job.last_refusal = PERP_MAX_REASONS - 1;
    submit.job.standing = PERP_MAX_REASONS - 2;
    submit.job.metadata = metadata;
    submit.job.metadata_size = sizeof metadata;
    perp_job_set(NULL, &room.job, &submit);
    ck_assert(perp_job_rows_ran(&submit));
    perp_run_set(&room.job, &run.run, &submit);
    perp_job_row_of(&room.job, &row);
    const struct perp_field *differs = perp_row_differs(perp_row_job(), &submit.job, &row, 0);
    ck_assert_msg(!differs, "%s", differs ? differs->name : "");
}
END_TEST

START_TEST(one_that_never_ran_has_nothing_that_runs) {
    struct perp_job_row row;
    union perp_job_room room;
    struct perp_ev_submit submit;
    memset(&room, 0, sizeof room);
    memset(&submit, 0, sizeof submit);
    perp_row_preset(perp_row_job(), &submit.job);
    perp_job_set(NULL, &room.job, &submit);
    ck_assert(!perp_has_run(&room.job));
    ck_assert(!perp_job_rows_ran(&submit));
    perp_job_row_of(&room.job, &row);
    ck_assert(perp_row_same(perp_row_job(), &submit.job, &row, 0));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("job memory");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_job_that_waits_takes_no_more_than_its_budget);
    tcase_add_test(tests, a_submit_asks_for_little_however_many_wait);
    tcase_add_test(tests, memory_comes_back_when_jobs_end);
    tcase_add_test(tests, want_of_memory_leaves_a_job_as_it_was);
#if (PERP_WITH_SQLITE)
    tcase_add_test(tests, want_of_memory_while_a_book_is_read_leaves_nothing);
#endif
    tcase_add_test(tests, a_job_has_every_field_of_its_row);
    tcase_add_test(tests, one_that_never_ran_has_nothing_that_runs);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
