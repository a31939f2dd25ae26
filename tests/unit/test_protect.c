/* Raising a protection never fails for a reason outside itself: not for its time, nor for its
   texts, nor where the store fails, nor where no memory is left. */
#include "fixture.h"

#include <stdio.h>

/* A store whose begin fails while `failing` is set; what it took stays when a book is closed. */
static int failing, starves, starved, n_alerts;
static char alert_text[192];
static perp_store inner;

static void begin_or_fail(void *user, perp_status *status) {
    if (failing)
        *status = PERP_E_STORE;
    else
        inner.begin(user, status);
}

static void keep_open(void *user) {
    (void)user;
}

static void *allocate(void *user, size_t size) {
    (void)user;
    return starved ? NULL : malloc(size);
}

static void release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    if (alert->code == PERP_ALERT_STORE_FAILED && alert->active) {
        n_alerts++;
        snprintf(alert_text, sizeof alert_text, "%s", alert->message);
    }
}

static void config_of(perp_config *config) {
    world_config(config);
    config->store = inner;
    config->store.begin = begin_or_fail;
    config->store.close = keep_open;
    config->allocator.allocate = allocate;
    config->allocator.release = release;
    config->callbacks.on_alert = on_alert;
}

static struct world *open_book(void) {
    perp_config config;
    failing = starves = starved = n_alerts = 0;
    ck_assert_int_eq(perp_store_memory_open(&inner), PERP_OK);
    config_of(&config);
    return world_open(&config);
}

static void close_book(struct world *w) {
    world_close(w);
    inner.close(inner.user);
}

static perp_status do_kill(struct world *w, const perp_call *call) {
    return perp_scheduler_kill(w->scheduler, call, 1, ALL_X, NULL, 0, NULL);
}

static perp_status do_kill_one(struct world *w, const perp_call *call) {
    return perp_scheduler_kill(w->scheduler, call, 1, GAMMA, NULL, 0, NULL);
}

static perp_status do_pause(struct world *w, const perp_call *call) {
    return perp_scheduler_pause(w->scheduler, call);
}

static perp_status do_safe_mode(struct world *w, const perp_call *call) {
    return perp_capital_set_safe_mode(w->capital, call, BETA, 1);
}

static perp_status do_blacklist(struct world *w, const perp_call *call) {
    return perp_risk_blacklist(w->risk, call, "ETH/USDT:USDT", 1);
}

static perp_status do_blacklist_new(struct world *w, const perp_call *call) {
    return perp_risk_blacklist(w->risk, call, "NEW/USDT", 1);
}

static perp_status do_mode(struct world *w, const perp_call *call) {
    return perp_risk_set_mode(w->risk, call, PERP_MODE_CONSERVATIVE);
}

static perp_status do_limits(struct world *w, const perp_call *call) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = 1;
    return perp_scheduler_set_limits(w->scheduler, call, &limits);
}

#define DO(name)                                                                                   \
    { #name, name }
static const struct {
    const char *name;
    perp_status (*raise)(struct world *w, const perp_call *call);
} PROTECTIONS[] = {DO(do_kill),      DO(do_kill_one),      DO(do_pause), DO(do_safe_mode),
                   DO(do_blacklist), DO(do_blacklist_new), DO(do_mode),  DO(do_limits)};
enum { N_PROTECTIONS = sizeof PROTECTIONS / sizeof *PROTECTIONS };

/* It took effect: the book is another one than before. */
static void raise_it(struct world *w, int n, const perp_call *call) {
    uint64_t before = perp_core_hash(w->core);
    starved = starves;
    perp_status status = PROTECTIONS[n].raise(w, call);
    starved = 0;
    ck_assert_msg(status == PERP_OK, "%s: %s", PROTECTIONS[n].name, perp_core_error(w->core));
    ck_assert_msg(perp_core_hash(w->core) != before, "%s: nothing changed", PROTECTIONS[n].name);
    checked(w);
}

/* The store gives the same book back. */
static void reopens_the_same(struct world *w) {
    perp_config config;
    perp_core *again;
    config_of(&config);
    uint64_t hash = perp_core_hash(w->core);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    ck_assert_msg(perp_core_open(&config, &again) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_uint_eq(perp_core_hash(again), hash);
    ck_assert_int_eq(perp_core_close(again), PERP_OK);
    inner.close(inner.user);
    free(w);
}

START_TEST(a_time_out_of_range_counts_as_the_clock) {
    struct world *w = open_book();
    perp_call call = *at(w, START + 400 * DAY);
    raise_it(w, _i, &call);
    ck_assert_int_eq(perp_core_clock(w->core), START);
    call.now_ns = INT64_MAX;
    ck_assert_int_eq(PROTECTIONS[_i].raise(w, &call), PERP_OK);
    call.now_ns = 0; /* and one before it always did */
    ck_assert_int_eq(PROTECTIONS[_i].raise(w, &call), PERP_OK);
    ck_assert_int_eq(perp_core_clock(w->core), START);
    reopens_the_same(w);
}
END_TEST

START_TEST(texts_that_can_not_be_stored_are_cut) {
    struct world *w = open_book();
    static char text[400];
    perp_call call = *nowc(w);
    memset(text, 'x', sizeof text - 1);
    memcpy(text + 254, "\xc3\xa4", 2); /* cut in its middle */
    call.reason = text;
    call.actor = "not\xff utf8";
    raise_it(w, _i, &call);
    call.reason = "\xc3(";
    call.actor = text;
    ck_assert_int_eq(PROTECTIONS[_i].raise(w, &call), PERP_OK);
    reopens_the_same(w);
}
END_TEST

START_TEST(where_the_store_fails_it_holds_and_is_stored_first_when_it_works) {
    struct world *w = open_book();
    failing = 1;
    raise_it(w, _i, nowc(w));
    ck_assert_int_ge(n_alerts, 1);
    ck_assert_ptr_nonnull(strstr(alert_text, "not stored"));
    ck_assert_str_eq(perp_core_error(w->core), "");
    /* What is no protection is refused meanwhile, and changes nothing. */
    fails(w, PERP_E_STORE, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(7)));
    failing = 0;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    reopens_the_same(w);
}
END_TEST

START_TEST(several_hold_while_the_store_fails) {
    struct world *w = open_book();
    failing = 1;
    for (int n = 0; n < N_PROTECTIONS; n++) {
        raise_it(w, n, nowc(w));
    }
    failing = 0;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(7)));
    reopens_the_same(w);
}
END_TEST

START_TEST(no_memory_is_needed) {
    struct world *w = open_book();
    starves = failing = 1; /* the memory store has its own */
    raise_it(w, _i, nowc(w));
    failing = 0;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    reopens_the_same(w);
}
END_TEST

/* The list is told whole: in parts, where there is no memory for it. */
START_TEST(a_kill_tells_all_that_runs_without_memory_for_the_list) {
    enum { RUNNING = 70 };
    perp_config config;
    failing = starved = 0;
    world_config(&config);
    config.scheduler.max_global_concurrent_jobs = RUNNING;
    config.scheduler.max_concurrent_per_exchange = RUNNING;
    config.scheduler.max_notional_per_exchange = USD(100000000);
    config.allocator.allocate = allocate;
    config.allocator.release = release;
    struct world *w = world_open(&config);
    all_have(w, USD(100000000));
    for (uint32_t n = 1; n <= RUNNING; n++) {
        perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
    }
    ck_assert_uint_eq(tick(w)->dispatched, RUNNING);
    perp_uuid jobs[RUNNING];
    uint32_t count = 0;
    starved = 1;
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, jobs, RUNNING, &count));
    starved = 0;
    ck_assert_uint_eq(count, RUNNING);
    ck_assert_int_eq(w->seen.kills, 2);
    ck_assert_uint_eq(w->seen.kill_jobs, RUNNING - 64);
    perp_uuid after_64 = id_of(65);
    ck_assert(same_id(&w->seen.kill_ids[0], &after_64));
    ck_assert(same_id(&jobs[64], &after_64));
    world_close(w);
}
END_TEST

/* A raised limit and a looser mode are no protections: they take what any change takes. */
START_TEST(to_take_one_away_is_held_to_everything) {
    struct world *w = open_book();
    perp_call call = *signed_at(w, START + 400 * DAY);
    fails(w, PERP_E_RANGE, perp_scheduler_kill(w->scheduler, &call, 0, ALL_X, NULL, 0, NULL));
    call.now_ns += 400 * DAY; /* two calls that agree on a time would move the clock */
    fails(w, PERP_E_RANGE, perp_risk_set_mode(w->risk, &call, PERP_MODE_AGGRESSIVE));
    failing = 1;
    fails(w, PERP_E_STORE, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_AGGRESSIVE));
    fails(w, PERP_E_STORE, perp_scheduler_resume(w->scheduler, signedc(w)));
    failing = 0;
    close_book(w);
}
END_TEST

/* What a tick dispatched and the store's failure stopped was never sent, and is no longer. */
static struct world *failing_world;

static void fail_store(void *user, const perp_execution *job, uint32_t *outcome) {
    struct world *w = failing_world;
    (void)user;
    (void)job;
    w->seen.executed++;
    failing = 1;
    ck_assert_int_eq(perp_capital_update_equity(w->capital, nowc(w), DELTA, USD(5)), PERP_E_STORE);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

START_TEST(jobs_are_withdrawn_once_the_store_failed) {
    perp_config config;
    failing = starves = starved = n_alerts = 0;
    ck_assert_int_eq(perp_store_memory_open(&inner), PERP_OK);
    config_of(&config);
    struct world *w = failing_world = world_open_with(&config, fail_store);
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
    }
    perp_tick_result *result = tick(w);
    ck_assert_int_eq(w->seen.executed, 1);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(result->withdrawn, 2);
    perp_uuid third = id_of(3);
    reason_is(reason_in(result, PERP_TICK_WITHDRAWN, &third), PERP_REASON_STORE_FAILED);
    state_is(w, 3, PERP_JOB_CANCELLED);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, USD(12500));
    failing = 0;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    perp_config again_config;
    perp_core *again;
    config_of(&again_config);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    ck_assert_msg(perp_core_open(&again_config, &again) == PERP_OK, "%s", perp_core_error(NULL));
    perp_job_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(perp_scheduler_job(perp_core_scheduler(again), &third, &info), PERP_OK);
    ck_assert_uint_eq(info.state, PERP_JOB_CANCELLED);
    ck_assert_int_eq(perp_core_close(again), PERP_OK);
    inner.close(inner.user);
    free(w);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("protect");
    TCase *c = tcase_create("protect");
    tcase_add_loop_test(c, a_time_out_of_range_counts_as_the_clock, 0, N_PROTECTIONS);
    tcase_add_loop_test(c, texts_that_can_not_be_stored_are_cut, 0, N_PROTECTIONS);
    tcase_add_loop_test(c, where_the_store_fails_it_holds_and_is_stored_first_when_it_works, 0,
                        N_PROTECTIONS);
    tcase_add_test(c, several_hold_while_the_store_fails);
    tcase_add_loop_test(c, no_memory_is_needed, 0, N_PROTECTIONS);
    tcase_add_test(c, a_kill_tells_all_that_runs_without_memory_for_the_list);
    tcase_add_test(c, to_take_one_away_is_held_to_everything);
    tcase_add_test(c, jobs_are_withdrawn_once_the_store_failed);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    return run_suite(suite());
}
