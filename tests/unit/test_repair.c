/* Leg risk: a job filled on one side only, and the jobs that square it. */
#include "fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static void open_with(void (*change)(perp_config *)) {
    perp_config config;
    world_config(&config);
    change(&config);
    w = world_open(&config);
}

static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

/* Job 1 bought 0.25 on alpha and sold nothing on beta: long 0.25 BTC. */
static perp_finish_outcome long_quarter(void) {
    perp_job job = job_of(1);
    run_job(w, &job);
    return finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
}

static perp_job_info repair_info(uint8_t attempt) {
    perp_uuid first = id_of(1), id = repair_id(&first, attempt);
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    return info;
}

static perp_uuid repair_of(uint8_t attempt) {
    perp_uuid first = id_of(1);
    return repair_id(&first, attempt);
}

static void no_such_job(const perp_uuid *id) {
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    expect(w, PERP_E_NOT_FOUND, perp_scheduler_job(w->scheduler, id, &info));
}

static perp_finish_outcome finish_repair(uint8_t attempt, uint32_t status, double filled) {
    perp_uuid id = repair_of(attempt);
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_job_result_init(&result);
    result.status = status;
    result.n_legs = 1;
    fill_leg(&result, 0, filled, BTC_MID);
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, &outcome));
    checked(w);
    return outcome;
}

static void is_resolved(void) {
    perp_job_info info = info_of(w, 1);
    ck_assert_uint_eq(info.unresolved, 0);
    ck_assert_uint_eq(info.state, PERP_JOB_PARTIAL);
    ck_assert_int_eq(info.held, 0);
    for (uint32_t x = 0; x < N_X; x++) {
        ck_assert_int_eq(capital_of(w, x).total_in_flight, 0);
        ck_assert_int_eq(capital_of(w, x).total_used, 0);
    }
    perp_job next = job_of(77);
    perp_evaluation e = evaluated(w, &next);
    ck_assert(!(e.reasons & PERP_REASON_BIT(PERP_REASON_UNRESOLVED_LEG)));
}

START_TEST(a_job_filled_on_one_side_is_partial_and_a_repair_is_queued) {
    perp_finish_outcome outcome = long_quarter();
    perp_uuid repair = repair_of(1);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(outcome.n_naked, 1);
    ck_assert_str_eq(outcome.naked[0].base, "BTC");
    ck_assert_double_eq(outcome.naked[0].quantity, 0.25);
    ck_assert_uint_eq(outcome.has_repair, 1);
    ck_assert(same_id(&outcome.repair_job_id, &repair));
    ck_assert_uint_eq(repair.bytes[0], 0x10 ^ 0xA1);
    /* The callback tells the same. */
    perp_uuid first = id_of(1);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert(same_id(&w->seen.leg_risk_job, &first));
    ck_assert_uint_eq(w->seen.n_naked, 1);
    ck_assert_double_eq(w->seen.naked[0].quantity, 0.25);
    ck_assert_int_eq(w->seen.leg_risk_has_repair, 1);
    ck_assert(same_id(&w->seen.leg_risk_repair, &repair));
    /* The first job keeps what it holds, as it is, and has failed. */
    perp_job_info info = info_of(w, 1);
    ck_assert_uint_eq(info.unresolved, 1);
    ck_assert_uint_eq(info.repair_attempts, 1);
    ck_assert_int_eq(info.held, USD(25000));
    ck_assert_int_eq(capital_of(w, BETA).total_in_flight, USD(12500));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ck_assert_uint_eq(scheduler_of(w).unresolved, 1);
    /* The repair sells it on the first of the two equal prices. */
    info = repair_info(1);
    ck_assert_uint_eq(info.state, PERP_JOB_PENDING);
    ck_assert_uint_eq(info.is_repair, 1);
    ck_assert(same_id(&info.repairs_job, &first));
    ck_assert_uint_eq(info.job.strategy, PERP_STRATEGY_HEDGE_REBALANCE);
    ck_assert_int_eq(info.job.priority, 100);
    ck_assert_int_eq(info.job.ttl_ms, 0);
    ck_assert_int_eq(info.job.notional, USD(12500.5));
    ck_assert_uint_eq(info.job.n_legs, 1);
    ck_assert_uint_eq(info.job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_uint_eq(info.job.legs[0].side, PERP_SIDE_SELL);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.25);
    ck_assert_double_eq(info.job.legs[0].leverage, 3.0);
}
END_TEST

START_TEST(new_jobs_in_the_base_wait_until_it_is_squared) {
    long_quarter();
    perp_job btc = job_of(2), eth = pair_job(3, w->eth[GAMMA], w->eth[BETA]);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    reason_is(evaluated(w, &btc).reason, PERP_REASON_UNRESOLVED_LEG);
    ck_assert_uint_eq(evaluated(w, &eth).accepted, 1);
    perp_alert alerts[32];
    uint32_t count = 0, found = 0;
    memset(alerts, 0, sizeof alerts);
    for (int i = 0; i < 32; i++) {
        alerts[i].struct_size = sizeof alerts[i];
    }
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 32, &count));
    for (uint32_t i = 0; i < count && i < 32; i++) {
        found += alerts[i].code == PERP_ALERT_UNRESOLVED_LEG;
    }
    ck_assert_uint_eq(found, 1);
}
END_TEST

START_TEST(what_a_repair_lacks_comes_from_the_reserve_pool_and_goes_back) {
    long_quarter();
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_uint_eq(repair_info(1).state, PERP_JOB_RUNNING);
    ck_assert_uint_eq(w->seen.last.is_repair, 1);
    perp_uuid first = id_of(1);
    ck_assert(same_id(&w->seen.last.repairs_job, &first));
    /* 12,500.50 is needed on alpha and 12,500 are held. */
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_RESERVE].in_flight, USD(0.5));
    ck_assert_int_eq(repair_info(1).held, USD(0.5));
    ck_assert_int_eq(info_of(w, 1).held, USD(25000));
    perp_uuid repair = repair_of(1);
    perp_finish_outcome outcome = finish_all(w, &repair, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(outcome.state, PERP_JOB_COMPLETED);
    ck_assert_uint_eq(outcome.has_repair, 0);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    is_resolved();
}
END_TEST

START_TEST(a_repair_without_reserve_waits_for_it) {
    long_quarter();
    uint64_t id = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_RESERVE,
                               USD(100000) - USD(0.5) + 1, NULL, &id, &r));
    reason_is(r.reason, PERP_REASON_NONE);
    perp_uuid repair = repair_of(1);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &repair), PERP_REASON_INSUFFICIENT_CAPITAL);
    ok(w, perp_capital_release(w->capital, nowc(w), id, 1));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(info_of(w, 1).unresolved, 0);
}
END_TEST

/* The first job takes all of the total, and nothing may go on in safe mode. */
static void tight(perp_config *config) {
    config->capital.max_single_reserve_ppm = 25000;
    config->capital.max_total_notional_ppm = 12500;
    config->capital.safe_mode_pools = 0;
}

START_TEST(a_repair_passes_single_and_total_limit_and_safe_mode) {
    open_with(tight);
    long_quarter();
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), ALPHA, 1));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_int_eq(repair_info(1).held, USD(0.5));
    world_close(w);
}
END_TEST

START_TEST(a_repair_that_closes_the_reported_position_needs_nothing) {
    long_quarter();
    pass(w, SECOND);
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_int_eq(repair_info(1).held, 0);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
}
END_TEST

START_TEST(what_a_repair_leaves_is_queued_again) {
    long_quarter();
    tick(w);
    perp_finish_outcome outcome = finish_repair(1, PERP_RESULT_FAILED, 0.125);
    perp_uuid next = repair_of(2), old = repair_of(1);
    ck_assert_uint_eq(outcome.state, PERP_JOB_FAILED);
    ck_assert_uint_eq(outcome.has_repair, 1);
    ck_assert(same_id(&outcome.repair_job_id, &next));
    id_state_is(w, &old, PERP_JOB_FAILED);
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_RESERVE].in_flight, 0);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 2);
    perp_job_info info = repair_info(2);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.125);
    ck_assert_int_eq(info.job.notional, USD(6250.25));
    ck_assert_uint_eq(info_of(w, 1).repair_attempts, 2);
    tick(w);
    finish_repair(2, PERP_RESULT_COMPLETED, 0.125);
    is_resolved();
}
END_TEST

START_TEST(what_is_left_below_the_tolerance_resolves_the_job) {
    long_quarter();
    tick(w);
    /* 1/512 is left: 97.66 of the 125 USD that the first job tolerates. */
    finish_repair(1, PERP_RESULT_COMPLETED, 0.25 - 1.0 / 512);
    is_resolved();
}
END_TEST

START_TEST(what_is_left_is_held_against_the_tolerance_at_the_mid_of_that_moment) {
    long_quarter();
    tick(w);
    pass(w, SECOND);
    for (int x = 0; x < N_X; x++) {
        quote_at(w, w->btc[x], w->now, 63998, 64004, 1000);
    }
    /* 1/512 of 64,001 is 125.002. */
    perp_finish_outcome outcome = finish_repair(1, PERP_RESULT_COMPLETED, 0.25 - 1.0 / 512);
    ck_assert_uint_eq(outcome.has_repair, 1);
    ck_assert_uint_eq(info_of(w, 1).unresolved, 1);
}
END_TEST

START_TEST(a_repair_that_went_too_far_is_repaired_the_other_way) {
    long_quarter();
    tick(w);
    perp_finish_outcome outcome = finish_repair(1, PERP_RESULT_COMPLETED, 0.5);
    ck_assert_uint_eq(outcome.has_repair, 1);
    perp_job_info info = repair_info(2);
    ck_assert_uint_eq(info.job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.25);
}
END_TEST

START_TEST(after_the_third_repair_the_host_must_act) {
    long_quarter();
    for (uint8_t attempt = 1; attempt <= 3; attempt++) {
        ck_assert_uint_eq(tick(w)->dispatched, 1);
        perp_uuid id = repair_of(attempt);
        perp_finish_outcome outcome = finish_all(w, &id, PERP_RESULT_FAILED);
        ck_assert_uint_eq(outcome.state, PERP_JOB_FAILED);
        ck_assert_uint_eq(outcome.has_repair, attempt < 3);
    }
    perp_uuid fourth = repair_of(4);
    no_such_job(&fourth);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->pending, 0);
    perp_job_info info = info_of(w, 1);
    ck_assert_uint_eq(info.unresolved, 1);
    ck_assert_uint_eq(info.repair_attempts, 3);
    ck_assert_int_eq(info.held, USD(25000));
    perp_uuid first = id_of(1);
    ok(w, perp_scheduler_resolve(w->scheduler, nowc(w), &first));
    is_resolved();
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_resolve(w->scheduler, nowc(w), &first));
}
END_TEST

START_TEST(a_cancelled_repair_leaves_the_job_to_the_host) {
    long_quarter();
    perp_uuid repair = repair_of(1), second = repair_of(2), first = id_of(1);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 0);
    ck_assert_uint_eq(result->pending, 0);
    no_such_job(&second);
    ck_assert_uint_eq(info_of(w, 1).unresolved, 1);
    ck_assert_int_eq(info_of(w, 1).held, USD(25000));
    ok(w, perp_scheduler_resolve(w->scheduler, nowc(w), &first));
    is_resolved();
}
END_TEST

START_TEST(a_repair_that_the_executor_refuses_queues_the_next_and_the_tick_names_it) {
    long_quarter();
    w->seen.outcome = PERP_OUTCOME_REFUSED;
    perp_tick_result *result = tick(w);
    perp_uuid one = repair_of(1), two = repair_of(2);
    int found = 0;
    for (uint32_t i = 0; i < result->n_items; i++) {
        if (result->items[i].kind == PERP_TICK_REPAIR) {
            ck_assert(same_id(&result->items[i].job_id, &one));
            ck_assert(same_id(&result->items[i].other, &two));
            found++;
        }
    }
    ck_assert_int_eq(found, 1);
    ck_assert_uint_eq(result->pending, 1);
    id_state_is(w, &one, PERP_JOB_FAILED);
    id_state_is(w, &two, PERP_JOB_PENDING);
    ck_assert_double_eq(repair_info(2).job.legs[0].quantity, 0.25);
}
END_TEST

static void drop(perp_config *config) {
    config->scheduler.on_reject = PERP_ON_REJECT_DROP;
}

START_TEST(a_repair_that_risk_refuses_is_kept_where_others_are_dropped) {
    open_with(drop);
    long_quarter();
    perp_job other = job_of(2);
    submit(w, &other);
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    perp_uuid repair = repair_of(1);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &repair), PERP_REASON_BLACKLISTED);
    id_state_is(w, &repair, PERP_JOB_PENDING);
    state_is(w, 2, PERP_JOB_REJECTED);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    id_state_is(w, &repair, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

START_TEST(hold_is_ignored_for_a_repair) {
    long_quarter();
    tick(w);
    perp_uuid id = repair_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_job_result_init(&result);
    result.hold = 1;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, &outcome));
    ck_assert_uint_eq(outcome.state, PERP_JOB_COMPLETED);
    is_resolved();
}
END_TEST

START_TEST(hold_does_not_confirm_what_a_partial_job_holds) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.hold = 1;
    result.n_legs = 2;
    fill_leg(&result, 0, 0.25, BTC_MID);
    result.legs[1].time_ns = PERP_TIME_NONE;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_PARTIAL);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, USD(12500));
}
END_TEST

/* Sold 1/512 less than bought: at 64,000 that is 125 USD, 1 % of the notional. */
START_TEST(naked_at_the_tolerance_is_no_leg_risk_and_above_it_is) {
    perp_job job = job_of(1), other = job_of(2);
    run_job(w, &job);
    perp_finish_outcome outcome = finish_pair(w, &job.job_id, 0.25, 0.25 - 1.0 / 512, 64000);
    ck_assert_uint_eq(outcome.state, PERP_JOB_COMPLETED);
    run_job(w, &other);
    outcome = finish_pair(w, &other.job_id, 0.25 - 1.0 / 512, 0.25, 64000.5);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_double_eq(outcome.naked[0].quantity, -1.0 / 512);
}
END_TEST

START_TEST(small_jobs_tolerate_a_fixed_amount) {
    perp_job job = job_of(1), other;
    job.notional = USD(500);
    job.legs[0].quantity = job.legs[1].quantity = 0.01;
    other = job;
    other.job_id = id_of(2);
    run_job(w, &job);
    perp_finish_outcome outcome = finish_pair(w, &job.job_id, 0.0009765625, 0, 10240);
    ck_assert_uint_eq(outcome.state, PERP_JOB_COMPLETED);
    run_job(w, &other);
    outcome = finish_pair(w, &other.job_id, 0.0009765625, 0, 10241);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
}
END_TEST

START_TEST(a_failed_status_with_unequal_fills_is_partial_too) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    finish_all(w, &job.job_id, PERP_RESULT_UNKNOWN);
    perp_job_result_init(&result);
    result.status = PERP_RESULT_FAILED;
    result.n_legs = 2;
    result.legs[0].time_ns = PERP_TIME_NONE;
    fill_leg(&result, 1, 0.125, BTC_MID);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(repair_info(1).job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_double_eq(repair_info(1).job.legs[0].quantity, 0.125);
}
END_TEST

START_TEST(a_rebalancing_job_has_no_leg_risk) {
    position_at(w, w->btc[ALPHA], w->now, -1, BTC_MID);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_BUY);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.n_legs = 1;
    fill_leg(&result, 0, 0.25, BTC_MID);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_COMPLETED);
}
END_TEST

START_TEST(a_job_of_two_bases_is_left_to_the_host) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    job.n_legs = 4;
    job.legs[2] = job.legs[0];
    job.legs[3] = job.legs[1];
    job.legs[2].instrument = w->eth[ALPHA];
    job.legs[3].instrument = w->eth[BETA];
    job.legs[2].quantity = job.legs[3].quantity = 5;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.n_legs = 4;
    fill_leg(&result, 0, 0.25, BTC_MID);
    fill_leg(&result, 1, 0.25, BTC_MID);
    fill_leg(&result, 2, 5, ETH_BID);
    fill_leg(&result, 3, 4, ETH_BID);
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, &outcome));
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(outcome.has_repair, 0);
    /* Every base of the job is named, the squared one too. */
    ck_assert_uint_eq(outcome.n_naked, 2);
    ck_assert_str_eq(outcome.naked[0].base, "BTC");
    ck_assert_double_eq(outcome.naked[0].quantity, 0.0);
    ck_assert_str_eq(outcome.naked[1].base, "ETH");
    ck_assert_double_eq(outcome.naked[1].quantity, 1.0);
    ck_assert_int_eq(w->seen.leg_risk_has_repair, 0);
    ck_assert_uint_eq(info_of(w, 1).repair_attempts, 0);
    ok(w, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    is_resolved();
}
END_TEST

static void no_repair(perp_config *config) {
    config->scheduler.auto_repair = 0;
}

START_TEST(without_auto_repair_the_host_acts) {
    open_with(no_repair);
    perp_finish_outcome outcome = long_quarter();
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(outcome.has_repair, 0);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_int_eq(w->seen.leg_risk_has_repair, 0);
    ck_assert_uint_eq(tick(w)->pending, 0);
    world_close(w);
}
END_TEST

START_TEST(resolve_cancels_a_queued_repair_and_waits_for_one_that_runs) {
    perp_job job = job_of(1);
    submit(w, &job);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    tick(w);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    tick(w);
    perp_uuid repair = repair_of(1);
    fails(w, PERP_E_STATE, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    fails(w, PERP_E_STATE, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    id_state_is(w, &repair, PERP_JOB_PENDING);
    ok(w, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    is_resolved();
    ck_assert_uint_eq(tick(w)->pending, 0);
}
END_TEST

START_TEST(a_repair_runs_although_limits_pause_and_loss_stop_the_rest) {
    perp_limits limits;
    perp_job other = pair_job(2, w->eth[ALPHA], w->eth[BETA]);
    other.legs[0].quantity = other.legs[1].quantity = 5;
    perp_job first = job_of(1);
    submit(w, &first);
    submit(w, &other);
    tick(w);
    finish_pair(w, &first.job_id, 0.25, 0, BTC_MID);
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = 1;
    limits.max_dispatch_per_minute = 1;
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    limits.max_global_concurrent_jobs = limits.max_dispatch_per_minute = PERP_NO_ID;
    limits.exchange = ALPHA;
    limits.max_concurrent = 1;
    limits.max_notional = USD(1);
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), GAMMA, -USD(90000), 0, 0));
    for (int i = 0; i < 5; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    }
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(result->status, PERP_TICK_PAUSED);
    ck_assert_uint_eq(repair_info(1).state, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(a_repair_goes_where_it_costs_least) {
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 1, BTC_ASK, 1000);
    long_quarter();
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    /* While it waits, each tick looks again. */
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID + 2, BTC_ASK, 1000);
    tick(w);
    perp_job_info info = repair_info(1);
    ck_assert_uint_eq(info.job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_int_eq(info.job.notional, USD(12500.75));
}
END_TEST

START_TEST(a_repair_avoids_stale_quotes_and_exchanges_that_are_down_or_killed) {
    perp_job job = job_of(1);
    run_job(w, &job);
    w->now += 5001 * MS;
    quote_at(w, w->btc[BETA], w->now, BTC_BID, BTC_ASK, 1000);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    quotes(w);
    perp_exchange_status status;
    memset(&status, 0, sizeof status);
    status.exchange = BETA;
    status.api = PERP_API_DOWN;
    status.time_ns = w->now;
    ok(w, perp_market_on_status(w->market, &status));
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALPHA, NULL, 0, NULL));
    tick(w);
    /* Nowhere to go: the last choice stays. */
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALPHA, NULL, 0, NULL));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[ALPHA]);
}
END_TEST

START_TEST(without_a_place_to_go_no_repair_is_queued_and_no_attempt_used) {
    perp_job job = job_of(1);
    run_job(w, &job);
    w->now += 5001 * MS;
    perp_finish_outcome outcome = finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(outcome.has_repair, 0);
    ck_assert_uint_eq(info_of(w, 1).repair_attempts, 0);
    perp_uuid repair = repair_of(1);
    no_such_job(&repair);
}
END_TEST

START_TEST(a_repair_is_rounded_down_to_the_step_and_not_below_the_minimum) {
    perp_instrument_spec spec;
    perp_instrument_id fine, coarse;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "SOL/USDT:USDT");
    spec.qty_step = 0.25;
    ok(w, perp_instrument_add(w->core, &spec, &fine));
    spec.exchange = BETA;
    spec.qty_step = 0.5;
    spec.min_qty = 2;
    ok(w, perp_instrument_add(w->core, &spec, &coarse));
    quote_at(w, fine, w->now, 1000, 1000.1, 1000);
    quote_at(w, coarse, w->now, 1001, 1001.1, 1000);
    perp_job job = pair_job(1, fine, coarse);
    job.notional = USD(10000);
    job.legs[0].quantity = job.legs[1].quantity = 10;
    run_job(w, &job);
    /* 1.9 are naked: the better price trades 2 at least, the other one 1.75. */
    finish_pair(w, &job.job_id, 1.9, 0, 1000);
    perp_job_info info = repair_info(1);
    ck_assert_uint_eq(info.job.legs[0].instrument, fine);
    ck_assert_double_eq(info.job.legs[0].quantity, 1.75);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("repair");
    TCase *tcase = tcase_create("repair");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_job_filled_on_one_side_is_partial_and_a_repair_is_queued);
    tcase_add_test(tcase, new_jobs_in_the_base_wait_until_it_is_squared);
    tcase_add_test(tcase, what_a_repair_lacks_comes_from_the_reserve_pool_and_goes_back);
    tcase_add_test(tcase, a_repair_without_reserve_waits_for_it);
    tcase_add_test(tcase, a_repair_that_closes_the_reported_position_needs_nothing);
    tcase_add_test(tcase, what_a_repair_leaves_is_queued_again);
    tcase_add_test(tcase, what_is_left_below_the_tolerance_resolves_the_job);
    tcase_add_test(tcase, what_is_left_is_held_against_the_tolerance_at_the_mid_of_that_moment);
    tcase_add_test(tcase, a_repair_that_went_too_far_is_repaired_the_other_way);
    tcase_add_test(tcase, after_the_third_repair_the_host_must_act);
    tcase_add_test(tcase, a_cancelled_repair_leaves_the_job_to_the_host);
    tcase_add_test(tcase, a_repair_that_the_executor_refuses_queues_the_next_and_the_tick_names_it);
    tcase_add_test(tcase, hold_is_ignored_for_a_repair);
    tcase_add_test(tcase, hold_does_not_confirm_what_a_partial_job_holds);
    tcase_add_test(tcase, naked_at_the_tolerance_is_no_leg_risk_and_above_it_is);
    tcase_add_test(tcase, small_jobs_tolerate_a_fixed_amount);
    tcase_add_test(tcase, a_failed_status_with_unequal_fills_is_partial_too);
    tcase_add_test(tcase, a_rebalancing_job_has_no_leg_risk);
    tcase_add_test(tcase, a_job_of_two_bases_is_left_to_the_host);
    tcase_add_test(tcase, resolve_cancels_a_queued_repair_and_waits_for_one_that_runs);
    tcase_add_test(tcase, a_repair_runs_although_limits_pause_and_loss_stop_the_rest);
    tcase_add_test(tcase, a_repair_goes_where_it_costs_least);
    tcase_add_test(tcase, a_repair_avoids_stale_quotes_and_exchanges_that_are_down_or_killed);
    tcase_add_test(tcase, without_a_place_to_go_no_repair_is_queued_and_no_attempt_used);
    tcase_add_test(tcase, a_repair_is_rounded_down_to_the_step_and_not_below_the_minimum);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, a_repair_passes_single_and_total_limit_and_safe_mode);
    tcase_add_test(own, a_repair_that_risk_refuses_is_kept_where_others_are_dropped);
    tcase_add_test(own, without_auto_repair_the_host_acts);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
