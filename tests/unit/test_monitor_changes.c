/* The numbered changes: without gaps, resumable, and read while the book goes on. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static uint64_t newest(void) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ok(w, perp_core_statistics(w->core, &stats));
    return stats.events;
}

static perp_change rows[PERP_MONITOR_CHANGES + 8];

static uint32_t changes(uint64_t after, uint32_t capacity) {
    uint32_t count = UINT32_MAX;
    memset(rows, 0x5a, sizeof rows);
    ok(w, perp_monitor_changes(w->core, after, rows, capacity, &count));
    for (uint32_t i = 0; i < count && i < capacity; i++) {
        ck_assert_uint_eq(rows[i].seq, after + 1 + i);
        ck_assert_int_le(rows[i].time_ns, w->now);
    }
    return count;
}

static void loss(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, -1, 0, 0, NULL));
    }
}

START_TEST(each_change_says_what_and_about_whom) {
    uint64_t before = newest();
    ck_assert_uint_eq(changes(before, 4), 0);
    w->now += SECOND;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(1000001)));
    quotes(w);
    perp_job job = pair_job(7, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    uint32_t count = changes(before, 16);
    ck_assert_uint_le(count, 16);
    ck_assert_str_eq(rows[0].kind, "equity");
    ck_assert_uint_eq(rows[0].exchange, BETA);
    ck_assert_uint_eq(rows[0].has_job, 0);
    ck_assert_int_eq(rows[0].time_ns, w->now);
    ck_assert_str_eq(rows[count - 1].kind, "dispatch");
    ck_assert_uint_eq(rows[count - 1].exchange, PERP_NO_ID);
    ck_assert_uint_eq(rows[count - 1].has_job, 1);
    ck_assert(same_id(&rows[count - 1].job_id, &job.job_id));
    ck_assert_uint_eq(rows[count - 1].seq, newest());
}
END_TEST

START_TEST(a_reader_picks_up_where_it_left_off) {
    uint64_t after = newest(), end = after + 100;
    loss(100);
    for (uint32_t left = 100; left > 0; after += 7, left -= left < 7 ? left : 7) {
        ck_assert_uint_eq(changes(after, 7), left);
        ck_assert_uint_eq(rows[7].seq, UINT64_C(0x5a5a5a5a5a5a5a5a));
        if (left < 7) {
            ck_assert_uint_eq(rows[left - 1].seq, end);
        }
    }
    uint32_t count = 0;
    ok(w, perp_monitor_changes(w->core, end - 30, NULL, 0, &count));
    ck_assert_uint_eq(count, 30);
}
END_TEST

START_TEST(a_snapshot_says_where_to_begin) {
    static perp_monitor_state s;
    s.struct_size = sizeof s;
    loss(3);
    ok(w, perp_monitor_snapshot(w->core, w->now, &s));
    ck_assert_uint_eq(changes(s.seq, 1), 0);
    loss(2);
    ck_assert_uint_eq(changes(s.seq, 8), 2);
}
END_TEST

START_TEST(what_is_no_longer_kept_is_out_of_range) {
    uint32_t count = 77;
    loss(2 * PERP_MONITOR_CHANGES);
    uint64_t end = newest();
    ck_assert_uint_eq(changes(end - PERP_MONITOR_CHANGES, PERP_MONITOR_CHANGES + 8),
                      PERP_MONITOR_CHANGES);
    memset(rows, 0x5a, sizeof rows);
    fails(w, PERP_E_RANGE,
          perp_monitor_changes(w->core, end - PERP_MONITOR_CHANGES - 1, rows, 8, &count));
    fails(w, PERP_E_RANGE, perp_monitor_changes(w->core, 0, rows, 8, &count));
    fails(w, PERP_E_RANGE, perp_monitor_changes(w->core, end + 1, rows, 8, &count));
    fails(w, PERP_E_RANGE, perp_monitor_changes(w->core, UINT64_MAX, rows, 8, &count));
    ck_assert_uint_eq(count, 77);
    ck_assert_uint_eq(rows[0].seq, UINT64_C(0x5a5a5a5a5a5a5a5a));
}
END_TEST

START_TEST(bad_input_is_refused) {
    uint32_t count;
    ck_assert_int_eq(perp_monitor_changes(NULL, 0, rows, 8, &count), PERP_E_INVALID);
    fails(w, PERP_E_INVALID, perp_monitor_changes(w->core, 0, NULL, 8, &count));
    fails(w, PERP_E_INVALID, perp_monitor_changes(w->core, 0, rows, 8, NULL));
}
END_TEST

static void keep(void *user) {
    (void)user;
}

START_TEST(numbers_go_on_after_a_restart) {
    perp_config config;
    perp_store store;
    world_config(&config);
    memset(&store, 0, sizeof store);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    loss(5);
    uint64_t end = newest();
    perp_core_close(w->core);
    config.store = store;
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->capital = perp_core_capital(w->core);
    uint32_t count;
    uint64_t opened = newest();
    ck_assert_uint_ge(opened, end);
    ck_assert_uint_eq(changes(opened, 8), 0);
    fails(w, PERP_E_RANGE, perp_monitor_changes(w->core, end - 1, rows, 8, &count));
    loss(2);
    ck_assert_uint_eq(changes(opened, 8), 2);
    world_close(w);
}
END_TEST

START_TEST(a_call_that_failed_has_no_number) {
    uint64_t before = newest();
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(w->capital, nowc(w), BETA, 0, -1, 0, NULL));
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), BETA, USD(-9000000), 0));
    ck_assert_uint_eq(changes(before, 8), 0);
}
END_TEST

/* One thread submits, ticks and finishes; two read. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define SLOW 1
#endif
#ifdef SLOW
#define N_ROUNDS 300
#else
#define N_ROUNDS 3000
#endif

struct shared {
    struct world *w;
    atomic_int stop;
    atomic_uint faults;
    char fault[256];
};

#define need(shared, expression)                                                                   \
    do {                                                                                           \
        if (!(expression) && atomic_fetch_add(&(shared)->faults, 1) == 0) {                        \
            snprintf((shared)->fault, sizeof(shared)->fault, "%s", #expression);                   \
        }                                                                                          \
    } while (0)

/* What is of one moment adds up. */
static void look(struct shared *shared, perp_monitor_state *s) {
    need(shared, perp_monitor_snapshot(shared->w->core, START, s) == PERP_OK);
    uint64_t ended = s->jobs.completed_total + s->jobs.failed_total + s->jobs.partial_total +
                     s->jobs.open_jobs_count;
    need(shared, s->jobs.submitted_total == s->jobs.pending_jobs_count + s->n_running + ended);
    need(shared, s->jobs.running_jobs_count == s->n_running);
    need(shared, s->jobs.dispatched_total == s->n_running + ended);
    perp_usd running = 0;
    for (uint32_t i = 0; i < s->n_running && i < PERP_MONITOR_RUNNING; i++) {
        need(shared, s->running_jobs[i].state == PERP_JOB_RUNNING);
        need(shared, s->running_jobs[i].n_legs == 2);
        running += s->running_jobs[i].notional;
    }
    need(shared, s->capital[ALPHA].total_in_flight == running);
    need(shared, s->exchanges[ALPHA].running_notional == running);
    need(shared, s->exchanges[BETA].concurrent_jobs_count == s->n_running);
}

static void *watch(void *argument) {
    struct shared *shared = argument;
    perp_monitor_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        need(shared, s != NULL);
        return NULL;
    }
    s->struct_size = sizeof *s;
    for (uint64_t last = 0; !atomic_load(&shared->stop); last = s->seq) {
        look(shared, s);
        need(shared, s->seq >= last);
        need(shared, strcmp(s->capital[BETA].exchange, "beta") == 0);
    }
    free(s);
    return NULL;
}

static void *follow(void *argument) {
    struct shared *shared = argument;
    perp_change got[16];
    uint32_t count = 0;
    perp_core_stats stats = {.struct_size = sizeof stats};
    need(shared, perp_core_statistics(shared->w->core, &stats) == PERP_OK);
    uint64_t after = stats.events;
    while (!atomic_load(&shared->stop)) {
        perp_status status = perp_monitor_changes(shared->w->core, after, got, 16, &count);
        if (status == PERP_E_RANGE) { /* too slow: begin anew */
            need(shared, perp_core_statistics(shared->w->core, &stats) == PERP_OK);
            need(shared, stats.events > after + PERP_MONITOR_CHANGES);
            after = stats.events;
            continue;
        }
        need(shared, status == PERP_OK);
        for (uint32_t i = 0; i < count && i < 16; i++) {
            need(shared, got[i].seq == ++after);
            need(shared, got[i].kind[0] != '\0');
        }
    }
    return NULL;
}

START_TEST(readers_see_one_moment_while_the_book_goes_on) {
    struct shared shared = {.w = w};
    pthread_t threads[2];
    ck_assert_int_eq(pthread_create(&threads[0], NULL, watch, &shared), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, follow, &shared), 0);
    for (uint32_t n = 0; n < N_ROUNDS; n++) {
        perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        job.notional = USD(50);
        job.legs[0].quantity = job.legs[1].quantity = 0.001;
        ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
        ok(w, perp_scheduler_tick(w->scheduler, nowc(w), NULL));
        quotes(w);
        perp_uuid done = id_of(n - 5);
        perp_job_result result;
        perp_job_result_init(&result);
        result.has_totals = 1;
        result.flat = n % 100 != 0; /* some stay open */
        if (n >= 5) {
            ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &done, &result, NULL));
        }
    }
    atomic_store(&shared.stop, 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    ck_assert_msg(atomic_load(&shared.faults) == 0, "%s", shared.fault);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("monitor changes");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, each_change_says_what_and_about_whom);
    tcase_add_test(tcase, a_reader_picks_up_where_it_left_off);
    tcase_add_test(tcase, a_snapshot_says_where_to_begin);
    tcase_add_test(tcase, what_is_no_longer_kept_is_out_of_range);
    tcase_add_test(tcase, bad_input_is_refused);
    tcase_add_test(tcase, a_call_that_failed_has_no_number);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("with a store");
    tcase_add_test(tcase, numbers_go_on_after_a_restart);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("threads");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, readers_see_one_moment_while_the_book_goes_on);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
