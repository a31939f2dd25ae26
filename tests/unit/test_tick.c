/* What a tick does: expiry, order, limits, every reason to skip, pause, kill. */
#include "fixture.h"

#include "scheduler/tick.h"

#include <float.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

static perp_job eth_job(uint32_t n, perp_exchange_id buy, perp_exchange_id sell) {
    perp_job job = pair_job(n, w->eth[buy], w->eth[sell]);
    job.legs[0].quantity = job.legs[1].quantity = 5;
    job.priority = -1;
    return job;
}

static void skips(const perp_tick_result *result, uint32_t n, uint32_t reason) {
    perp_uuid id = id_of(n);
    reason_is(reason_in(result, PERP_TICK_SKIPPED, &id), reason);
    state_is(w, n, PERP_JOB_PENDING);
}

START_TEST(a_job_expires_once_its_ttl_has_passed_and_not_at_it) {
    perp_job job = job_of(1), forever = job_of(2), defaulted = job_of(3), back = job_of(4);
    job.ttl_ms = 1000;
    forever.ttl_ms = 0;
    back.created_at_ns = w->now - 59 * SECOND;
    /* Nothing is dispatched meanwhile. */
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, NULL, 0, NULL));
    submit(w, &job);
    submit(w, &forever);
    submit(w, &defaulted);
    submit(w, &back);
    pass(w, SECOND);
    ck_assert_uint_eq(tick(w)->expired, 0);
    pass(w, 1);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->status, PERP_TICK_KILLED);
    ck_assert_uint_eq(result->expired, 2);
    /* In the order of submit. */
    ck_assert_uint_eq(result->items[0].kind, PERP_TICK_EXPIRED);
    ck_assert(same_id(&result->items[0].job_id, &job.job_id));
    ck_assert(same_id(&result->items[1].job_id, &back.job_id));
    state_is(w, 1, PERP_JOB_EXPIRED);
    pass(w, 59 * SECOND);
    ck_assert_uint_eq(tick(w)->expired, 1);
    pass(w, 5 * DAY);
    result = tick(w);
    ck_assert_uint_eq(result->expired, 0);
    ck_assert_uint_eq(result->pending, 1);
}
END_TEST

START_TEST(a_job_that_runs_too_long_is_reported_once) {
    perp_job job = job_of(1);
    job.max_run_ms = 1000;
    run_job(w, &job);
    pass(w, SECOND);
    ck_assert_uint_eq(tick(w)->overdue, 0);
    pass(w, 1);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->overdue, 1);
    ck_assert(listed(result, PERP_TICK_OVERDUE, &job.job_id));
    ck_assert_uint_eq(info_of(w, 1).overdue, 1);
    pass(w, SECOND);
    ck_assert_uint_eq(tick(w)->overdue, 0);
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(priority_goes_before_score_and_score_before_age) {
    perp_job worse = job_of(1), better = job_of(2), urgent = job_of(3), twin = job_of(4);
    better.est_volume = USD(100);
    worse.est_volume = USD(1);
    twin.est_volume = better.est_volume;
    urgent.est_volume = USD(1);
    urgent.priority = 1;
    submit(w, &worse);
    submit(w, &better);
    submit(w, &urgent);
    submit(w, &twin);
    ck_assert_uint_eq(tick(w)->dispatched, 4);
    static const uint32_t order[] = {3, 2, 4, 1};
    for (int i = 0; i < 4; i++) {
        perp_uuid id = id_of(order[i]);
        ck_assert(same_id(&w->seen.executed_ids[i], &id));
    }
    ck_assert_double_gt(info_of(w, 2).score, info_of(w, 1).score);
}
END_TEST

START_TEST(a_requeued_job_keeps_its_place_and_its_ttl_starts_again) {
    perp_job first = job_of(1), second = job_of(2);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    submit(w, &first);
    submit(w, &second);
    ck_assert_uint_eq(tick(w)->dispatched, 2);
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    ck_assert_uint_eq(w->seen.preset, PERP_OUTCOME_IN_DOUBT);
    pass(w, 59 * SECOND);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &second.job_id));
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &first.job_id));
    ck_assert_int_eq(info_of(w, 1).held, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    perp_uuid ids[4];
    uint32_t count = 0;
    ok(w, perp_scheduler_list(w->scheduler, PERP_JOB_PENDING, ids, 4, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(same_id(&ids[0], &first.job_id));
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_requeue(w->scheduler, nowc(w), &first.job_id));
    pass(w, 60 * SECOND);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    w->seen.executed = 0;
    ck_assert_uint_eq(tick(w)->dispatched, 2);
    ck_assert(same_id(&w->seen.executed_ids[0], &first.job_id));
}
END_TEST

START_TEST(a_job_that_risk_refuses_is_kept_or_dropped_as_configured) {
    perp_job job = job_of(1);
    job.legs[0].leverage = 6;
    submit(w, &job);
    tick(w);
    state_is(w, 1, PERP_JOB_PENDING);
    ok(w, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_AGGRESSIVE));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    reason_is(info_of(w, 1).last_refusal, PERP_REASON_LEVERAGE);
}
END_TEST

static void drop(perp_config *config) {
    config->scheduler.on_reject = PERP_ON_REJECT_DROP;
    config->scheduler.max_global_concurrent_jobs = 1;
}

START_TEST(dropped_is_what_risk_refuses_and_not_what_a_tick_skips) {
    w = world_changed(drop);
    perp_job bad = job_of(1), one = job_of(2), two = job_of(3);
    bad.legs[0].leverage = 6;
    submit(w, &bad);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->refused, 1);
    ck_assert_uint_eq(result->pending, 1);
    state_is(w, 1, PERP_JOB_REJECTED);
    reason_is(info_of(w, 1).last_refusal, PERP_REASON_LEVERAGE);
    state_is(w, 2, PERP_JOB_RUNNING);
    state_is(w, 3, PERP_JOB_PENDING);
    world_close(w);
}
END_TEST

static void one_at_a_time(perp_config *config) {
    config->scheduler.max_global_concurrent_jobs = 1;
}

START_TEST(skipped_when_enough_jobs_run_but_never_the_way_out) {
    w = world_changed(one_at_a_time);
    position_at(w, w->btc[GAMMA], w->now, 0.25, BTC_MID);
    perp_job one = job_of(1), two = eth_job(2, ALPHA, BETA), three = eth_job(3, ALPHA, BETA);
    perp_job out = one_leg_job(4, w->btc[GAMMA], PERP_SIDE_SELL);
    out.priority = -100;
    submit(w, &one);
    submit(w, &two);
    submit(w, &three);
    submit(w, &out);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2);
    skips(result, 2, PERP_REASON_GLOBAL_CONCURRENCY);
    skips(result, 3, PERP_REASON_GLOBAL_CONCURRENCY);
    ck_assert_uint_eq(result->skipped_by[PERP_REASON_GLOBAL_CONCURRENCY], 2);
    state_is(w, 4, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

START_TEST(skipped_when_an_earlier_job_took_the_position) {
    position_at(w, w->btc[GAMMA], w->now, 0.25, BTC_MID);
    perp_job one = one_leg_job(1, w->btc[GAMMA], PERP_SIDE_SELL);
    perp_job two = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    skips(result, 2, PERP_REASON_NOT_REDUCING);
    /* Fills count as the running leg did: the position is not there twice. */
    perp_uuid id = id_of(1);
    pass(w, SECOND);
    finish_all(w, &id, PERP_RESULT_COMPLETED);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &two.job_id), PERP_REASON_NOT_REBALANCING);
}
END_TEST

static void one_per_exchange(perp_config *config) {
    config->scheduler.max_concurrent_per_exchange = 1;
}

START_TEST(skipped_when_an_exchange_runs_enough_jobs) {
    w = world_changed(one_per_exchange);
    perp_job one = job_of(1), two = eth_job(2, BETA, GAMMA), three = eth_job(3, GAMMA, DELTA);
    submit(w, &one);
    submit(w, &two);
    submit(w, &three);
    perp_tick_result *result = tick(w);
    skips(result, 2, PERP_REASON_EXCHANGE_CONCURRENCY);
    state_is(w, 3, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

static void small_notional(perp_config *config) {
    config->scheduler.max_notional_per_exchange = USD(25000) - 1;
}

START_TEST(skipped_when_the_notional_of_an_exchange_would_pass_its_limit) {
    w = world_changed(small_notional);
    perp_job one = job_of(1), two = job_of(2), three = eth_job(3, GAMMA, BETA);
    three.legs[0].notional = three.legs[1].notional = USD(12500) - 1;
    submit(w, &one);
    submit(w, &two);
    submit(w, &three);
    perp_tick_result *result = tick(w);
    skips(result, 2, PERP_REASON_EXCHANGE_NOTIONAL);
    state_is(w, 3, PERP_JOB_RUNNING);
    ck_assert_int_eq(exchange_of(w, BETA).running_notional, USD(25000) - 1);
    world_close(w);
}
END_TEST

static void one_a_minute(perp_config *config) {
    config->scheduler.max_dispatch_per_minute = 1;
}

START_TEST(skipped_when_an_exchange_was_dispatched_to_often_enough_in_a_minute) {
    w = world_changed(one_a_minute);
    perp_job one = job_of(1), two = job_of(2), elsewhere = eth_job(3, GAMMA, DELTA);
    two.ttl_ms = 0;
    w->seen.outcome = PERP_OUTCOME_REFUSED;
    submit(w, &one);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    submit(w, &two);
    submit(w, &elsewhere);
    perp_tick_result *result = tick(w);
    skips(result, 2, PERP_REASON_DISPATCH_RATE);
    state_is(w, 3, PERP_JOB_RUNNING);
    pass(w, 59 * SECOND);
    skips(tick(w), 2, PERP_REASON_DISPATCH_RATE);
    pass(w, 2 * SECOND);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    world_close(w);
}
END_TEST

START_TEST(skipped_when_an_earlier_job_trades_the_other_side_of_the_book) {
    perp_job one = job_of(1), two = pair_job(2, w->btc[GAMMA], w->btc[DELTA]);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    skips(result, 2, PERP_REASON_SELF_TRADE);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &two.job_id), PERP_REASON_SELF_TRADE);
}
END_TEST

/* From 15,000 USD of notional on, maintenance is so high that nothing is left of the margin. */
START_TEST(skipped_when_the_margin_is_gone_with_what_an_earlier_job_takes) {
    perp_tier tiers[2] = {{0, 15000, 0.005, 0, 0}, {15000, DBL_MAX, 0.35, 0, 0}};
    perp_instrument_spec spec;
    perp_instrument_id tiered;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.tiers = tiers;
    spec.n_tiers = 2;
    ok(w, perp_instrument_add(w->core, &spec, &tiered));
    quote_at(w, tiered, w->now, BTC_BID, BTC_ASK, 1000);
    perp_job one = pair_job(1, tiered, w->btc[ALPHA]), two = pair_job(2, tiered, w->btc[BETA]);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    skips(result, 2, PERP_REASON_LIQUIDATION_DISTANCE);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &two.job_id), PERP_REASON_LIQUIDATION_DISTANCE);
}
END_TEST

static void leverage_for_one(perp_config *config) {
    config->risk.max_account_leverage = 0.02;
}

START_TEST(skipped_when_an_earlier_job_brings_the_account_to_its_leverage) {
    w = world_changed(leverage_for_one);
    perp_job one = job_of(1), two = job_of(2);
    submit(w, &one);
    submit(w, &two);
    skips(tick(w), 2, PERP_REASON_ACCOUNT_LEVERAGE);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &two.job_id), PERP_REASON_ACCOUNT_LEVERAGE);
    world_close(w);
}
END_TEST

static void total_for_one(perp_config *config) {
    config->capital.max_total_notional_ppm = 20000;
}

START_TEST(skipped_when_an_earlier_job_took_what_was_left_of_the_total) {
    w = world_changed(total_for_one);
    perp_job one = job_of(1), two = job_of(2);
    submit(w, &one);
    submit(w, &two);
    skips(tick(w), 2, PERP_REASON_TOTAL_LIMIT);
    skips(tick(w), 2, PERP_REASON_TOTAL_LIMIT); /* also by what runs since then */
    reason_is(evaluated(w, &two).reason, PERP_REASON_INSUFFICIENT_CAPITAL);
    world_close(w);
}
END_TEST

static void small_wash(perp_config *config) {
    config->capital.wash_ppm = 20000;
    config->capital.arb_ppm = 880000;
}

START_TEST(skipped_when_an_earlier_job_took_what_was_left_of_the_pool) {
    w = world_changed(small_wash);
    perp_job one = job_of(1), two = job_of(2), three = job_of(3);
    three.strategy = PERP_STRATEGY_ARB;
    submit(w, &one);
    submit(w, &two);
    submit(w, &three);
    skips(tick(w), 2, PERP_REASON_INSUFFICIENT);
    state_is(w, 3, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

START_TEST(paused_only_the_way_out_goes_on_and_the_rest_appears_nowhere) {
    position_at(w, w->btc[GAMMA], w->now, 0.25, BTC_MID);
    perp_job job = job_of(1), out = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL), bad = job_of(3);
    bad.legs[0].leverage = 6;
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    ck_assert_uint_eq(scheduler_of(w).paused, 1);
    submit(w, &job);
    submit(w, &out);
    submit(w, &bad);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->status, PERP_TICK_PAUSED);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(result->refused, 0);
    ck_assert_uint_eq(result->skipped, 0);
    ck_assert_uint_eq(result->n_items, 1);
    ck_assert_uint_eq(result->pending, 2);
    state_is(w, 2, PERP_JOB_RUNNING);
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    result = tick(w);
    ck_assert_uint_eq(result->status, PERP_TICK_OK);
    ck_assert_uint_eq(result->dispatched, 1);
}
END_TEST

START_TEST(killed_nothing_goes_out_not_even_the_way_out) {
    position_at(w, w->btc[GAMMA], w->now, 0.25, BTC_MID);
    perp_job out = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL);
    submit(w, &out);
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, NULL, 0, NULL));
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->status, PERP_TICK_KILLED);
    ck_assert_uint_eq(result->dispatched, 0);
    ck_assert_uint_eq(result->evaluated, 0);
    ck_assert_uint_eq(result->pending, 1);
}
END_TEST

START_TEST(raising_a_limit_takes_an_actor_and_lowering_revokes_nothing) {
    perp_limits limits;
    perp_job one = job_of(1), two = eth_job(2, ALPHA, BETA);
    run_job(w, &one);
    perp_limits_init(&limits);
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    limits.exchange = ALPHA;
    limits.max_concurrent = 1;
    limits.max_notional = USD(1);
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    state_is(w, 1, PERP_JOB_RUNNING);
    submit(w, &two);
    skips(tick(w), 2, PERP_REASON_EXCHANGE_CONCURRENCY);
    limits.max_concurrent = 2;
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    ok(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
    skips(tick(w), 2, PERP_REASON_EXCHANGE_NOTIONAL);
    /* 0 a minute is no limit: the highest. */
    perp_limits_init(&limits);
    limits.max_dispatch_per_minute = 1000;
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    limits.max_dispatch_per_minute = 0;
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    ok(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
    perp_config config;
    perp_config_init(&config);
    ok(w, perp_core_config(w->core, &config));
    ck_assert_uint_eq(config.scheduler.max_dispatch_per_minute, 0);
}
END_TEST

/* One more tick, which lists what it is asked for. */
static const perp_tick_result *tick_that_lists(perp_tick_result *result, uint32_t want) {
    result->want_items = want;
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), result));
    checked(w);
    return result;
}

static void lists(const perp_tick_result *result, uint32_t i, uint32_t kind, uint32_t n,
                  uint32_t reason) {
    perp_uuid id = id_of(n);
    ck_assert_uint_lt(i, result->n_items);
    ck_assert_uint_eq(result->items[i].kind, kind);
    ck_assert(same_id(&result->items[i].job_id, &id));
    reason_is(result->items[i].reason, reason);
}

static void limit_jobs_on(perp_exchange_id exchange, uint32_t most) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.exchange = exchange;
    limits.max_concurrent = most;
    ok(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
}

static void limit_all_jobs(uint32_t most) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = most;
    ok(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
}

START_TEST(asked_for_what_changed_a_tick_lists_a_reason_once_and_by_turns) {
    perp_tick_result result;
    perp_job first = job_of(1), second = job_of(2), third = eth_job(3, GAMMA, DELTA);
    perp_job bad = job_of(4);
    perp_tick_result_init(&result);
    ck_assert_uint_eq(result.want_items, 1);
    first.priority = 2;
    second.priority = 1;
    bad.legs[0].leverage = 6;
    submit(w, &third);
    submit(w, &second);
    submit(w, &first);
    submit(w, &bad);
    limit_jobs_on(ALPHA, 1);
    tick_that_lists(&result, 1);
    ck_assert_uint_eq(result.n_items, 4);
    lists(&result, 0, PERP_TICK_REFUSED, 4, PERP_REASON_LEVERAGE);
    lists(&result, 1, PERP_TICK_DISPATCHED, 1, PERP_REASON_NONE);
    lists(&result, 2, PERP_TICK_SKIPPED, 2, PERP_REASON_EXCHANGE_CONCURRENCY);
    lists(&result, 3, PERP_TICK_DISPATCHED, 3, PERP_REASON_NONE);
    /* It stands, and is counted. */
    tick_that_lists(&result, 1);
    ck_assert_uint_eq(result.n_items, 0);
    ck_assert_uint_eq(result.skipped_by[PERP_REASON_EXCHANGE_CONCURRENCY], 1);
    ck_assert_uint_eq(result.refused_by[PERP_REASON_LEVERAGE], 1);
    /* Another reason, and the first again. */
    limit_all_jobs(2);
    tick_that_lists(&result, 1);
    ck_assert_uint_eq(result.n_items, 1);
    lists(&result, 0, PERP_TICK_SKIPPED, 2, PERP_REASON_GLOBAL_CONCURRENCY);
    reason_is(info_of(w, 2).last_skip, PERP_REASON_GLOBAL_CONCURRENCY);
    limit_all_jobs(5);
    tick_that_lists(&result, 1);
    ck_assert_uint_eq(result.n_items, 1);
    lists(&result, 0, PERP_TICK_SKIPPED, 2, PERP_REASON_EXCHANGE_CONCURRENCY);
    reason_is(info_of(w, 2).last_skip, PERP_REASON_EXCHANGE_CONCURRENCY);
    /* Asked for all, what stands is listed, too. */
    tick_that_lists(&result, 2);
    ck_assert_uint_eq(result.n_items, 2);
    lists(&result, 0, PERP_TICK_REFUSED, 4, PERP_REASON_LEVERAGE);
    lists(&result, 1, PERP_TICK_SKIPPED, 2, PERP_REASON_EXCHANGE_CONCURRENCY);
    limit_jobs_on(ALPHA, 2);
    tick_that_lists(&result, 1);
    ck_assert_uint_eq(result.n_items, 1);
    lists(&result, 0, PERP_TICK_DISPATCHED, 2, PERP_REASON_NONE);
    reason_is(info_of(w, 2).last_skip, PERP_REASON_NONE);
    perp_tick_result_free(&result);
}
END_TEST

START_TEST(asked_for_no_items_a_tick_only_counts) {
    perp_tick_result result;
    perp_tick_result_init(&result);
    perp_job first = job_of(1), second = job_of(2), third = job_of(3);
    limit_jobs_on(ALPHA, 1);
    submit(w, &first);
    submit(w, &second);
    tick_that_lists(&result, 2); /* its memory is used again, and the items in it are of then */
    ck_assert_uint_eq(result.n_items, 2);
    ck_assert_uint_eq(result.items[0].dispatch, 1);
    limit_jobs_on(ALPHA, 2);
    submit(w, &third);
    tick_that_lists(&result, 0);
    ck_assert_uint_eq(result.n_items, 0);
    ck_assert_uint_eq(result.items[0].dispatch, 1);
    ck_assert_uint_eq(result.dispatched, 1);
    ck_assert_uint_eq(result.skipped_by[PERP_REASON_EXCHANGE_CONCURRENCY], 1);
    reason_is(info_of(w, 3).last_skip, PERP_REASON_EXCHANGE_CONCURRENCY);
    state_is(w, 2, PERP_JOB_RUNNING);
    perp_tick_result_free(&result);
}
END_TEST

START_TEST(looked_at_says_how_many_decisions_were_made_anew) {
    perp_job btc = job_of(1), eth = eth_job(2, ALPHA, BETA), other = job_of(3);
    other.legs[0].instrument = w->btc[GAMMA];
    other.legs[1].instrument = w->btc[DELTA];
    submit(w, &btc);
    submit(w, &eth);
    submit(w, &other);
    limit_all_jobs(0);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->looked_at, 3);
    ck_assert_uint_eq(result->evaluated, 3);
    result = tick(w);
    ck_assert_uint_eq(result->looked_at, 0);
    ck_assert_uint_eq(result->evaluated, 3);
    ck_assert_uint_eq(result->skipped_by[PERP_REASON_GLOBAL_CONCURRENCY], 3);
    w->now += MS;
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID - 1, BTC_ASK, 1000);
    result = tick(w);
    ck_assert_uint_eq(result->looked_at, 1);
    ck_assert_uint_eq(result->evaluated, 3);
}
END_TEST

/* Money moves from one account to another, so that the book as a whole is worth the same. */
static void moves_to_delta(perp_usd alpha) {
    for (int i = 0; i < 2; i++) {
        ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, alpha));
        ok(w, perp_capital_update_equity(w->capital, nowc(w), DELTA, USD(2000000) - alpha));
    }
}

/* A decision that was only confirmed stands on the room that there was, too. */
START_TEST(a_smaller_account_carries_fewer_of_those_that_wait) {
    perp_config config;
    world_config(&config);
    config.risk.max_account_leverage = 0.1;
    config.risk.daily_loss_limit_pct = 0;
    config.scheduler.max_notional_per_exchange = USD(1); /* so that they wait */
    w = world_open(&config);
    perp_job small = job_of(1), large = job_of(2);
    large.notional = USD(25000);
    large.legs[0].quantity = large.legs[1].quantity = 0.5;
    submit(w, &small);
    submit(w, &large);
    ck_assert_uint_eq(tick(w)->refused, 0);
    moves_to_delta(USD(200000));
    const perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->refused_by[PERP_REASON_ACCOUNT_LEVERAGE], 1);
    ck_assert_uint_eq(result->looked_at, 2);
    moves_to_delta(USD(100000));
    ck_assert_uint_eq(tick(w)->refused_by[PERP_REASON_ACCOUNT_LEVERAGE], 2);
    world_close(w);
}
END_TEST

/* Feeds that write on while decisions are looked at ahead of a tick don't put it off. */
START_TEST(what_is_looked_at_ahead_comes_to_an_end) {
    enum { JOBS = 3500, SLICE = 500, SLICES = JOBS / SLICE + 3 * JOBS / 100 };
    perp_config config;
    world_config(&config);
    config.scheduler.max_notional_per_exchange = USD(1); /* so that they wait */
    w = world_open(&config);
    for (uint32_t n = 1; n <= JOBS; n++) {
        perp_job job = job_of(n);
        submit(w, &job);
    }
    ck_assert_uint_eq(tick(w)->looked_at, JOBS);
    uint32_t slices = 0, looked_at = 0;
    do {
        quote_at(w, w->btc[ALPHA], w->now += MS, BTC_BID - 1 - slices % 2, BTC_ASK, 1000);
        ck_assert_uint_le(slices, SLICES);
    } while (perp_tick_ahead(w->core, nowc(w), slices++, &looked_at));
    ck_assert_uint_ge(slices, JOBS / SLICE);
    ck_assert_uint_ge(looked_at, (JOBS / SLICE - 1) * SLICE);
    ck_assert_uint_gt(tick(w)->looked_at, 0);
    checked(w);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tick");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_job_expires_once_its_ttl_has_passed_and_not_at_it);
    tcase_add_test(tcase, a_job_that_runs_too_long_is_reported_once);
    tcase_add_test(tcase, priority_goes_before_score_and_score_before_age);
    tcase_add_test(tcase, a_requeued_job_keeps_its_place_and_its_ttl_starts_again);
    tcase_add_test(tcase, a_job_that_risk_refuses_is_kept_or_dropped_as_configured);
    tcase_add_test(tcase, skipped_when_an_earlier_job_took_the_position);
    tcase_add_test(tcase, skipped_when_an_earlier_job_trades_the_other_side_of_the_book);
    tcase_add_test(tcase, skipped_when_the_margin_is_gone_with_what_an_earlier_job_takes);
    tcase_add_test(tcase, paused_only_the_way_out_goes_on_and_the_rest_appears_nowhere);
    tcase_add_test(tcase, killed_nothing_goes_out_not_even_the_way_out);
    tcase_add_test(tcase, raising_a_limit_takes_an_actor_and_lowering_revokes_nothing);
    tcase_add_test(tcase, asked_for_what_changed_a_tick_lists_a_reason_once_and_by_turns);
    tcase_add_test(tcase, asked_for_no_items_a_tick_only_counts);
    tcase_add_test(tcase, looked_at_says_how_many_decisions_were_made_anew);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, dropped_is_what_risk_refuses_and_not_what_a_tick_skips);
    tcase_add_test(own, skipped_when_enough_jobs_run_but_never_the_way_out);
    tcase_add_test(own, skipped_when_an_exchange_runs_enough_jobs);
    tcase_add_test(own, skipped_when_the_notional_of_an_exchange_would_pass_its_limit);
    tcase_add_test(own, skipped_when_an_exchange_was_dispatched_to_often_enough_in_a_minute);
    tcase_add_test(own, skipped_when_an_earlier_job_brings_the_account_to_its_leverage);
    tcase_add_test(own, skipped_when_an_earlier_job_took_what_was_left_of_the_total);
    tcase_add_test(own, a_smaller_account_carries_fewer_of_those_that_wait);
    tcase_add_test(own, what_is_looked_at_ahead_comes_to_an_end);
    tcase_add_test(own, skipped_when_an_earlier_job_took_what_was_left_of_the_pool);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
