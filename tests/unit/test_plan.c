/* A tick decides in a plan of its own: where the store fails, the book is as if it had never been
   asked, and the next tick decides the same. */
#include "fixture.h"

#include <stdio.h>

#include "scheduler/scheduler.h"

enum { WORKS, FAILS_AT_BEGIN, FAILS_AT_FIRST, FAILS_AT_FIFTH, FAILS_AT_COMMIT, N_FAILURES };

/* A store that keeps nothing and fails where it is told to. */
struct fickle {
    int failure;
    uint32_t appended; /* since begin */
};

static void fickle_begin(void *user, perp_status *status) {
    struct fickle *store = user;
    store->appended = 0;
    *status = store->failure == FAILS_AT_BEGIN ? PERP_E_STORE : PERP_OK;
}

static void fickle_append(void *user, const perp_record *record, perp_status *status) {
    struct fickle *store = user;
    (void)record;
    store->appended++;
    bool fails = (store->failure == FAILS_AT_FIRST && store->appended == 1) ||
                 (store->failure == FAILS_AT_FIFTH && store->appended == 5);
    *status = fails ? PERP_E_STORE : PERP_OK;
}

static void fickle_commit(void *user, perp_status *status) {
    struct fickle *store = user;
    *status = store->failure == FAILS_AT_COMMIT ? PERP_E_STORE : PERP_OK;
}

static void fickle_rollback(void *user) {
    (void)user;
}

static void fickle_close(void *user) {
    (void)user;
}

static struct world *open_on(struct fickle *store) {
    perp_config config;
    world_config(&config);
    config.scheduler.history_size = 2;
    config.store.user = store;
    config.store.begin = fickle_begin;
    config.store.append = fickle_append;
    config.store.commit = fickle_commit;
    config.store.rollback = fickle_rollback;
    config.store.close = fickle_close;
    return world_open(&config);
}

static perp_job eth_job(struct world *w, uint32_t n, perp_exchange_id buy, perp_exchange_id sell) {
    perp_job job = pair_job(n, w->eth[buy], w->eth[sell]);
    job.legs[0].quantity = job.legs[1].quantity = 5;
    return job;
}

enum { N_JOBS = 12 };

/* What waits and runs gives the next tick something of every kind to do. */
static void make_busy(struct world *w) {
    perp_job partial = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job late = eth_job(w, 2, ALPHA, BETA);
    late.max_run_ms = 1000;
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 1, BTC_ASK, 1000);
    submit(w, &partial);
    submit(w, &late);
    ck_assert_uint_eq(tick(w)->dispatched, 2);
    finish_pair(w, &partial.job_id, 0.25, 0, BTC_MID);
    /* A repair that came back waits on beta, which pays more than the exchange where it reduces. */
    perp_uuid repair = repair_id("BTC", 1);
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 20, BTC_ASK + 20, 1000);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    perp_job old = eth_job(w, 3, ALPHA, BETA), refused = pair_job(4, w->btc[GAMMA], w->btc[BETA]);
    old.ttl_ms = 500;
    submit(w, &old);
    submit(w, &refused);
    perp_job overridden = eth_job(w, 5, ALPHA, BETA);
    overridden.strategy = PERP_STRATEGY_ARB;
    overridden.expected_edge_bps = 0;
    submit(w, &overridden);
    for (uint32_t n = 6; n < N_JOBS; n++) {
        perp_job job = eth_job(w, n, n % 2 ? ALPHA : GAMMA, BETA);
        submit(w, &job);
    }
    /* Meets what the others sell on beta. */
    perp_job meets = eth_job(w, N_JOBS, BETA, GAMMA);
    meets.priority = -1;
    submit(w, &meets);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    pass(w, 1001 * MS);
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID + 2, BTC_ASK, 1000);
}

/* All that a host can ask, and what no question shows. */
struct picture {
    uint64_t hash;
    size_t length;
    char json[1 << 18];
    perp_monitor_state state;
    perp_scheduler_state scheduler;
    perp_risk_state risk;
    perp_capital_state capital[N_X];
    perp_exchange_state exchanges[N_X];
    perp_job_info jobs[N_JOBS + 2];
    perp_uuid pending[32], running[32];
    uint32_t n_pending, n_running, n_reservations;
    perp_reservation reservations[32];
    perp_evaluation evaluation;
    int64_t clock, next_due;
    int warnings;
    bool override_logged;
    perp_instrument_id repairs_on;
    double prices[N_JOBS][2];
};

static struct picture *picture_of(struct world *w) {
    struct picture *p = calloc(1, sizeof *p);
    perp_job probe = eth_job(w, 99, GAMMA, BETA);
    perp_uuid repair = repair_id("BTC", 1);
    ck_assert_ptr_nonnull(p);
    p->hash = perp_core_hash(w->core);
    ok(w, perp_monitor_json(w->core, w->now, p->json, sizeof p->json, &p->length));
    p->state.struct_size = sizeof p->state;
    ok(w, perp_monitor_snapshot(w->core, w->now, &p->state));
    p->scheduler = scheduler_of(w);
    p->risk = risk_of(w);
    for (uint32_t x = 0; x < N_X; x++) {
        p->capital[x] = capital_of(w, x);
        p->exchanges[x] = exchange_of(w, x);
    }
    for (uint32_t n = 1; n <= N_JOBS + 1; n++) {
        perp_uuid id = n <= N_JOBS ? id_of(n) : repair;
        p->jobs[n].struct_size = sizeof p->jobs[n];
        (void)perp_scheduler_job(w->scheduler, &id, &p->jobs[n]);
    }
    ok(w, perp_scheduler_list(w->scheduler, PERP_JOB_PENDING, p->pending, 32, &p->n_pending));
    ok(w, perp_scheduler_list(w->scheduler, PERP_JOB_RUNNING, p->running, 32, &p->n_running));
    ok(w, perp_capital_reservations(w->capital, PERP_ALL_EXCHANGES, p->reservations, 32,
                                    &p->n_reservations));
    p->evaluation = evaluated(w, &probe);
    p->clock = perp_core_clock(w->core);
    p->next_due = w->core->scheduler->next_due;
    p->warnings = w->seen.warnings;
    for (uint32_t n = 1; n < N_JOBS; n++) {
        perp_uuid id = id_of(n);
        const struct perp_job_entry *job = perp_job_find(w->core, &id);
        p->override_logged |= job && n > 2 && job->override_logged;
        for (int i = 0; job && i < 2; i++) {
            p->prices[n][i] = job->run->legs[i].price;
        }
    }
    p->repairs_on = perp_job_find(w->core, &repair)->legs[0].instrument;
    return p;
}

/* The two are the same, byte for byte. */
static void same(struct picture *a, struct picture *b) {
    ck_assert_msg(strcmp(a->json, b->json) == 0, "the monitoring state differs");
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    for (size_t i = 0; i < sizeof *a; i++) {
        ck_assert_msg(x[i] == y[i], "byte %zu of the picture differs", i);
    }
    free(a);
    free(b);
}

static void tick_fails(struct world *w, struct fickle *store, int failure) {
    perp_tick_result result;
    perp_tick_result_init(&result);
    store->failure = failure;
    fails(w, PERP_E_STORE, perp_scheduler_tick(w->scheduler, nowc(w), &result));
    store->failure = WORKS;
    perp_tick_result_free(&result);
    ck_assert(w->core->store_failed);
    w->core->store_failed = false; /* what the failure itself says */
    checked(w);
}

static void is_busy(const perp_tick_result *result) {
    ck_assert_uint_eq(result->expired, 1);
    ck_assert_uint_eq(result->overdue, 1);
    ck_assert_uint_ge(result->refused, 1);
    ck_assert_uint_ge(result->skipped, 1);
    ck_assert_uint_ge(result->dispatched, 4);
}

START_TEST(a_tick_that_the_store_refuses_leaves_no_trace) {
    struct fickle store = {WORKS, 0};
    struct world *w = open_on(&store);
    make_busy(w);
    for (int failure = FAILS_AT_BEGIN; failure < N_FAILURES; failure++) {
        struct picture *before = picture_of(w);
        tick_fails(w, &store, failure);
        same(before, picture_of(w));
    }
    is_busy(tick(w));
    world_close(w);
}
END_TEST

START_TEST(a_tick_decides_the_same_after_one_that_failed) {
    struct fickle store = {WORKS, 0}, calm = {WORKS, 0};
    struct world *w = open_on(&store), *twin = open_on(&calm);
    make_busy(w);
    make_busy(twin);
    for (int failure = FAILS_AT_BEGIN; failure < N_FAILURES; failure++) {
        tick_fails(w, &store, failure);
    }
    perp_tick_result mine, wanted;
    perp_tick_result_init(&mine);
    perp_tick_result_init(&wanted);
    for (int round = 0; round < 3; round++) {
        ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &mine));
        ok(twin, perp_scheduler_tick(twin->scheduler, nowc(twin), &wanted));
        if (round == 0) {
            is_busy(&mine);
        }
        ck_assert_uint_eq(mine.n_items, wanted.n_items);
        ck_assert_mem_eq(mine.items, wanted.items, mine.n_items * sizeof *mine.items);
        checked(w);
        same(picture_of(w), picture_of(twin));
        pass(w, 10 * MS);
        pass(twin, 10 * MS);
    }
    perp_tick_result_free(&mine);
    perp_tick_result_free(&wanted);
    ck_assert_int_eq(w->seen.executed, twin->seen.executed);
    world_close(w);
    world_close(twin);
}
END_TEST

START_TEST(a_busy_tick_writes_what_is_shown_once_it_is_committed) {
    struct fickle store = {WORKS, 0};
    struct world *w = open_on(&store);
    make_busy(w);
    struct picture *before = picture_of(w);
    is_busy(tick(w));
    struct picture *after = picture_of(w);
    ck_assert_uint_eq(before->repairs_on, w->btc[BETA]);
    ck_assert_uint_eq(after->repairs_on, w->btc[ALPHA]);
    ck_assert_int_eq(after->warnings, before->warnings + 1);
    ck_assert(!before->override_logged && after->override_logged);
    ck_assert(after->jobs[4].score >= 0 && after->jobs[N_JOBS].score > 0);
    ck_assert_uint_gt(after->risk.rejected_today[PERP_REASON_UNRESOLVED_LEG], 0);
    free(before);
    free(after);
    world_close(w);
}
END_TEST

/* More than the first size of any array of the plan, all on two instruments. */
START_TEST(thousands_of_legs_are_chosen_in_one_tick) {
    enum { MANY = 3000 };
    perp_config config;
    world_config(&config);
    config.scheduler.max_global_concurrent_jobs = 1;
    struct world *w = world_open(&config);
    position_at(w, w->eth[ALPHA], w->now, -0.01 * (MANY - 10), ETH_BID);
    position_at(w, w->eth[BETA], w->now, 0.01 * MANY, ETH_BID);
    for (uint32_t n = 1; n <= MANY; n++) {
        perp_job job = eth_job(w, n, ALPHA, BETA);
        job.legs[0].quantity = job.legs[1].quantity = 0.01;
        job.notional = USD(25.001);
        submit(w, &job);
    }
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched + result->skipped, MANY);
    /* The last ones would no longer reduce; rounding may take one more or less. */
    ck_assert_uint_ge(result->dispatched, MANY - 11);
    ck_assert_uint_le(result->dispatched, MANY - 10 + 1);
    ck_assert_uint_eq(result->skipped_by[PERP_REASON_NOT_REDUCING] +
                          result->skipped_by[PERP_REASON_GLOBAL_CONCURRENCY],
                      result->skipped);
    ck_assert_uint_eq(exchange_of(w, ALPHA).concurrent_jobs, result->dispatched);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_tick_that_the_store_refuses_leaves_no_trace);
    tcase_add_test(tests, a_tick_decides_the_same_after_one_that_failed);
    tcase_add_test(tests, a_busy_tick_writes_what_is_shown_once_it_is_committed);
    tcase_add_test(tests, thousands_of_legs_are_chosen_in_one_tick);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
