/* Bases that are naked, and the repairs that square them: a standing order. */
#include "fixture.h"

#include <math.h>

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

/* Job 1 bought 0.25 on alpha and sold nothing on beta: long 0.25 BTC. */
static perp_finish_outcome long_quarter(void) {
    perp_job job = job_of(1);
    run_job(w, &job);
    return finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
}

static perp_uuid repair_of(uint64_t n) {
    return repair_id("BTC", n);
}

static perp_job_info repair_info(uint64_t n) {
    perp_uuid id = repair_of(n);
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    return info;
}

static void no_repair_yet(uint64_t n) {
    perp_uuid id = repair_of(n);
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    expect(w, PERP_E_NOT_FOUND, perp_scheduler_job(w->scheduler, &id, &info));
}

static perp_finish_outcome finish_repair(uint64_t n, uint32_t status, double filled) {
    perp_uuid id = repair_of(n);
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

/* Only there a repair may go. */
static void only(perp_exchange_id exchange) {
    for (uint32_t x = 0; x < N_X; x++) {
        world_api(w, x, x == exchange ? PERP_API_UP : PERP_API_DOWN);
    }
}

static uint32_t n_planned(const perp_tick_result *result) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < result->n_items; i++) {
        n += result->items[i].kind == PERP_TICK_REPAIR;
    }
    return n;
}

static int refused_as_unresolved(const perp_job *job) {
    perp_evaluation e = evaluated(w, job);
    return (e.reasons & PERP_REASON_BIT(PERP_REASON_UNRESOLVED_LEG)) != 0;
}

static void is_squared(void) {
    perp_base_state base = base_of(w, "BTC");
    perp_job next = job_of(77);
    ck_assert_uint_eq(base.is_naked, 0);
    ck_assert_int_eq(base.since_ns, PERP_TIME_NONE);
    ck_assert_uint_eq(base.tries, 0);
    ck_assert_uint_eq(base.has_repair, 0);
    ck_assert(!refused_as_unresolved(&next));
}

/* Nothing is open, and nothing is held. */
static void is_closed(void) {
    is_squared();
    state_is(w, 1, PERP_JOB_CLOSED);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    ck_assert_double_eq(base_of(w, "BTC").gross, 0);
    ck_assert_int_eq(info_of(w, 1).held, 0);
    for (uint32_t x = 0; x < N_X; x++) {
        ck_assert_int_eq(capital_of(w, x).total_in_flight, 0);
        ck_assert_int_eq(capital_of(w, x).total_used, 0);
    }
}

/* The n-th repair waits: its executor did not know, and the host says that nothing was sent. */
static void repair_waits(uint64_t n) {
    perp_uuid id = repair_of(n);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
    id_state_is(w, &id, PERP_JOB_PENDING);
}

/* ---- What is naked ------------------------------------------------------------------------------
 */

START_TEST(a_job_filled_on_one_side_is_partial_and_its_base_is_naked) {
    perp_finish_outcome outcome = long_quarter();
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(outcome.n_naked, 1);
    ck_assert_str_eq(outcome.naked[0].base, "BTC");
    ck_assert_double_eq(outcome.naked[0].quantity, 0.25);
    perp_base_state base = base_of(w, "BTC");
    ck_assert_uint_eq(base.is_naked, 1);
    ck_assert_double_eq(base.naked, 0.25);
    ck_assert_double_eq(base.to_square, 0.25);
    ck_assert_int_eq(base.since_ns, w->now);
    ck_assert_uint_eq(base.has_repair, 0); /* a tick plans it */
    no_repair_yet(1);
    /* The callback tells the same, once. */
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_str_eq(w->seen.leg_risk_base, "BTC");
    ck_assert_double_eq(w->seen.leg_risk_quantity, 0.25);
    /* The job holds what it has open, and has failed. */
    perp_job_info info = info_of(w, 1);
    ck_assert_uint_eq(info.n_lots, 1);
    ck_assert_int_eq(info.held, USD(12500));
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(12500));
    ck_assert_int_eq(capital_of(w, BETA).total_in_flight, 0);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ck_assert_uint_eq(scheduler_of(w).partial, 1);
    ck_assert_uint_eq(base_of(w, "ETH").is_naked, 0);
}
END_TEST

START_TEST(half_way_through_a_balanced_job_nothing_is_naked) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    fill_leg(&result, 0, 0.25, BTC_MID);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &job.job_id, result.legs, 2));
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    finish_pair(w, &job.job_id, 0.25, 0.125, BTC_MID);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0.125);
}
END_TEST

/* A fill of a job that is not balanced counts at once, as far as it makes what is naked smaller. */
START_TEST(what_squares_counts_at_once_and_what_does_not_counts_for_nothing) {
    long_quarter();
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w))); /* no repair */
    perp_job job = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL);
    perp_job_result result;
    perp_config config;
    world_close(w);
    world_config(&config);
    config.scheduler.auto_repair = 0;
    w = world_open(&config);
    long_quarter();
    run_job(w, &job);
    ck_assert_double_eq(base_of(w, "BTC").to_square, 0); /* it runs against it */
    perp_job_result_init(&result);
    fill_leg(&result, 0, 0.1, BTC_MID);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &job.job_id, result.legs, 1));
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-12);
    fill_leg(&result, 0, 0.4, BTC_MID); /* 0.15 square it, 0.15 more are an intention */
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &job.job_id, result.legs, 1));
    checked(w);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    state_is(w, 1, PERP_JOB_OPEN);
}
END_TEST

/* What it closes of a balanced job's lots counts in full: their other side stands alone now. */
START_TEST(closing_one_side_of_a_hedge_by_hand_leaves_the_other_naked) {
    perp_job hedge = job_of(1);
    run_job(w, &hedge);
    finish_pair(w, &hedge.job_id, 0.25, 0.25, BTC_MID);
    /* It may only be dispatched because the base's net becomes smaller with what is foreign. */
    position_at(w, w->btc[GAMMA], w->now, 1, BTC_MID);
    perp_job out = one_leg_job(2, w->btc[ALPHA], PERP_SIDE_SELL);
    run_job(w, &out);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    finish_all(w, &out.job_id, PERP_RESULT_COMPLETED);
    state_is(w, 2, PERP_JOB_COMPLETED); /* it opened nothing */
    ck_assert_double_eq(base_of(w, "BTC").naked, -0.25);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    state_is(w, 1, PERP_JOB_OPEN);
    /* What is closed of what is foreign is nobody's hedge. */
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    out = one_leg_job(3, w->btc[GAMMA], PERP_SIDE_SELL);
    run_job(w, &out);
    finish_all(w, &out.job_id, PERP_RESULT_COMPLETED);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    ck_assert_double_eq(position_of(w, w->btc[GAMMA]).quantity, 0.75);
}
END_TEST

START_TEST(an_exit_of_both_sides_leaves_nothing_naked) {
    perp_job hedge = job_of(1), out;
    run_job(w, &hedge);
    finish_pair(w, &hedge.job_id, 0.25, 0.25, BTC_MID);
    perp_job_init(&out);
    out.job_id = id_of(2);
    ok(w, perp_job_fill_exit(w->core, w->now, &hedge.job_id, 1, &out));
    run_job(w, &out);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    finish_pair(w, &out.job_id, 0.25, 0.25, BTC_MID);
    state_is(w, 2, PERP_JOB_COMPLETED);
    is_closed();
}
END_TEST

/* Sold 1/512 less than bought: at 64,000 that is 125 USD, 1 % of the notional. */
START_TEST(a_job_at_the_tolerance_is_not_partial_and_above_it_is) {
    perp_job job = job_of(1), other = job_of(2);
    run_job(w, &job);
    perp_finish_outcome outcome = finish_pair(w, &job.job_id, 0.25, 0.25 - 1.0 / 512, 64000);
    ck_assert_uint_eq(outcome.state, PERP_JOB_OPEN);
    ck_assert_uint_eq(outcome.n_naked, 0);
    ck_assert_double_eq(base_of(w, "BTC").naked, 1.0 / 512);
    /* 97.66 at the mid, of 124.52 that the lots tolerate. */
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    run_job(w, &other);
    outcome = finish_pair(w, &other.job_id, 0.25 - 1.0 / 512, 0.25, 64000.5);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_double_eq(outcome.naked[0].quantity, -1.0 / 512);
    /* The two square each other. */
    is_squared();
    state_is(w, 2, PERP_JOB_OPEN);
    ck_assert_uint_eq(scheduler_of(w).partial, 0);
}
END_TEST

START_TEST(small_jobs_and_bases_tolerate_a_fixed_amount) {
    for (int x = 0; x < N_X; x++) {
        quote_at(w, w->btc[x], w->now, 10239, 10241, 1000);
    }
    perp_job job = job_of(1), other;
    job.notional = USD(102.4);
    job.legs[0].quantity = job.legs[1].quantity = 0.01;
    other = job;
    other.job_id = id_of(2);
    run_job(w, &job);
    perp_finish_outcome outcome = finish_pair(w, &job.job_id, 0.0009765625, 0, 10240);
    ck_assert_uint_eq(outcome.state, PERP_JOB_OPEN); /* 10 USD */
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    run_job(w, &other);
    outcome = finish_pair(w, &other.job_id, 0.0009765625, 0, 10241);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1); /* 20 USD, of 1 % of 10 */
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
    fill_leg(&result, 1, 0.125, BTC_MID);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_PARTIAL);
    tick(w);
    ck_assert_uint_eq(repair_info(1).job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
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
    state_is(w, 1, PERP_JOB_COMPLETED); /* it closed what was foreign */
    is_squared();
}
END_TEST

START_TEST(of_a_job_of_two_bases_each_is_squared_by_itself) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_uuid repair = repair_id("ETH", 1);
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
    /* Every base of the job is named, the squared one too. */
    ck_assert_uint_eq(outcome.n_naked, 2);
    ck_assert_str_eq(outcome.naked[0].base, "BTC");
    ck_assert_double_eq(outcome.naked[0].quantity, 0.0);
    ck_assert_str_eq(outcome.naked[1].base, "ETH");
    ck_assert_double_eq(outcome.naked[1].quantity, 1.0);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_str_eq(w->seen.leg_risk_base, "ETH");
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    no_repair_yet(1); /* of BTC */
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(base_of(w, "ETH").is_naked, 0);
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_uint_eq(info_of(w, 1).n_lots, 4);
}
END_TEST

START_TEST(new_jobs_in_the_base_wait_until_it_is_squared) {
    long_quarter();
    perp_job btc = job_of(2), eth = pair_job(3, w->eth[GAMMA], w->eth[BETA]);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    reason_is(evaluated(w, &btc).reason, PERP_REASON_UNRESOLVED_LEG);
    ck_assert_uint_eq(evaluated(w, &eth).accepted, 1);
    /* Jobs that make it smaller pass: one-sided, of the other sign, at most what is to square. */
    perp_job sell = one_leg_job(4, w->btc[GAMMA], PERP_SIDE_SELL);
    ck_assert(!refused_as_unresolved(&sell));
    sell.legs[0].quantity = 0.2501;
    ck_assert(refused_as_unresolved(&sell));
    sell.legs[0].quantity = 0.25;
    sell.legs[0].side = PERP_SIDE_BUY;
    ck_assert(refused_as_unresolved(&sell));
}
END_TEST

START_TEST(in_one_tick_only_as_much_goes_out_as_is_to_square) {
    perp_config config;
    world_close(w);
    world_config(&config);
    config.scheduler.auto_repair = 0;
    w = world_open(&config);
    long_quarter();
    perp_job one = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL), two = one;
    one.legs[0].quantity = 0.15;
    two.legs[0].quantity = 0.15;
    one.notional = two.notional = USD(7500);
    two.job_id = id_of(3);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    reason_is(reason_in(result, PERP_TICK_SKIPPED, &two.job_id), PERP_REASON_UNRESOLVED_LEG);
    ck_assert_double_eq_tol(base_of(w, "BTC").to_square, 0.1, 1e-12);
}
END_TEST

/* ---- Repairs ------------------------------------------------------------------------------------
 */

START_TEST(a_tick_plans_a_repair_and_sends_it) {
    long_quarter();
    perp_tick_result *result = tick(w);
    perp_uuid repair = repair_of(1);
    ck_assert_uint_eq(n_planned(result), 1);
    ck_assert_uint_eq(result->items[0].kind, PERP_TICK_REPAIR);
    ck_assert(same_id(&result->items[0].job_id, &repair));
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(w->seen.last.is_repair, 1);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    /* It sells where it closes what is open: there the fee is paid once. */
    perp_job_info info = repair_info(1);
    ck_assert_uint_eq(info.state, PERP_JOB_RUNNING);
    ck_assert_uint_eq(info.is_repair, 1);
    ck_assert_uint_eq(info.reduce_only, 1);
    ck_assert_uint_eq(info.job.strategy, PERP_STRATEGY_HEDGE_REBALANCE);
    ck_assert_int_eq(info.job.priority, 100);
    ck_assert_int_eq(info.job.ttl_ms, 0);
    ck_assert_int_eq(info.job.max_run_ms, 600000);
    ck_assert_int_eq(info.job.notional, USD(12500.5));
    ck_assert_uint_eq(info.job.n_legs, 1);
    ck_assert_uint_eq(info.job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_uint_eq(info.job.legs[0].side, PERP_SIDE_SELL);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.25);
    ck_assert_double_eq(info.job.legs[0].leverage, 3.0);
    ck_assert_int_eq(info.held, 0);
    perp_base_state base = base_of(w, "BTC");
    ck_assert_uint_eq(base.has_repair, 1);
    ck_assert(same_id(&base.repair, &repair));
    ck_assert_double_eq(base.to_square, 0);
    /* One at a time. */
    pass(w, MINUTE);
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    ck_assert_uint_eq(finish_all(w, &repair, PERP_RESULT_COMPLETED).state, PERP_JOB_COMPLETED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    is_closed();
}
END_TEST

START_TEST(what_a_repair_opens_comes_from_the_reserve_pool_and_stays_with_its_lot) {
    long_quarter();
    world_api(w, ALPHA, PERP_API_DOWN);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    ck_assert_uint_eq(w->seen.last.reduce_only, 0);
    ck_assert_int_eq(capital_of(w, BETA).pools[PERP_POOL_RESERVE].in_flight, USD(12500.5));
    perp_uuid repair = repair_of(1);
    perp_finish_outcome outcome = finish_all(w, &repair, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(outcome.state, PERP_JOB_OPEN);
    ck_assert_int_eq(capital_of(w, BETA).pools[PERP_POOL_RESERVE].in_flight, 0);
    ck_assert_int_eq(capital_of(w, BETA).pools[PERP_POOL_RESERVE].used, USD(12500.5));
    is_squared();
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_int_eq(info_of(w, 1).held, USD(12500));
}
END_TEST

/* Whether the alert stands that the reserve lacks capital. */
static int short_stands(void) {
    perp_alert alerts[32];
    uint32_t count = 0;
    int n = 0;
    for (int i = 0; i < 32; i++)
        alerts[i] = (perp_alert){.struct_size = sizeof alerts[i]};
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 32, &count));
    for (uint32_t i = 0; i < count && i < 32; i++)
        n += alerts[i].code == PERP_ALERT_REPAIR_SHORT && strcmp(alerts[i].subject, "BTC") == 0;
    return n;
}

START_TEST(a_repair_is_not_larger_than_the_reserve) {
    long_quarter();
    only(BETA);
    uint64_t id = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    ok(w, perp_capital_reserve(w->capital, nowc(w), BETA, PERP_POOL_RESERVE, USD(93749.5), NULL,
                               &id, &r));
    reason_is(r.reason, PERP_REASON_NONE);
    ck_assert_int_eq(short_stands(), 0);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_int_eq(short_stands(), 1);
    ck_assert_double_eq_tol(repair_info(1).job.legs[0].quantity, 6250.5 / BTC_MID, 1e-12);
    ck_assert_int_le(repair_info(1).held, USD(6250.5));
    ck_assert_int_ge(repair_info(1).held, USD(6250.5) - 1);
    perp_uuid repair = repair_of(1);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.25 - 6250.5 / BTC_MID, 1e-12);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 1); /* what it could was not enough */
    /* Without any, none is planned, and no try is used up. */
    pass(w, SECOND);
    only(BETA);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(n_planned(result), 0);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 1);
    ck_assert_int_eq(short_stands(), 1);
    ok(w, perp_capital_release(w->capital, nowc(w), id, 0));
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    ck_assert_int_eq(short_stands(), 0);
    repair = repair_of(2);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    is_squared();
}
END_TEST

/* The first job takes all of the total, and nothing may go on in safe mode. */
static void tight(perp_config *config) {
    config->capital.max_single_reserve_ppm = 25000;
    config->capital.max_total_notional_ppm = 12500;
    config->capital.safe_mode_pools = 0;
}

START_TEST(a_repair_passes_single_and_total_limit_and_safe_mode) {
    w = world_changed(tight);
    long_quarter();
    only(BETA);
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), BETA, 1));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_int_eq(repair_info(1).held, USD(12500.5));
    world_close(w);
}
END_TEST

START_TEST(what_a_repair_leaves_is_repaired_after_a_second) {
    long_quarter();
    tick(w);
    perp_finish_outcome outcome = finish_repair(1, PERP_RESULT_FAILED, 0.125);
    ck_assert_uint_eq(outcome.state, PERP_JOB_FAILED); /* it opened nothing */
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 2);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0.125);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 1);
    ck_assert_int_eq(base_of(w, "BTC").next_try_ns, w->now + SECOND);
    state_is(w, 1, PERP_JOB_PARTIAL);
    pass(w, SECOND - 1);
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    pass(w, 1);
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    perp_job_info info = repair_info(2);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.125);
    ck_assert_int_eq(info.job.notional, USD(6250.25));
    finish_repair(2, PERP_RESULT_COMPLETED, 0.125);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    is_closed();
}
END_TEST

START_TEST(whether_a_base_is_naked_is_asked_at_the_mid_of_now) {
    long_quarter();
    tick(w);
    /* 1/8192 is left: 6.10 USD of the 10 that any base tolerates. */
    finish_repair(1, PERP_RESULT_COMPLETED, 0.25 - 1.0 / 8192);
    is_squared();
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_double_eq(base_of(w, "BTC").naked, 1.0 / 8192);
    pass(w, SECOND);
    for (int x = 0; x < N_X; x++) {
        quote_at(w, w->btc[x], w->now, 81919, 81921, 1000);
    }
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0); /* 10 USD */
    for (int x = 0; x < N_X; x++) {
        quote_at(w, w->btc[x], w->now, 81920, 81922, 1000);
    }
    perp_job next = job_of(2);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    ck_assert(refused_as_unresolved(&next));
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_uint_eq(n_planned(tick(w)), 1); /* where the story goes on */
    ck_assert_int_eq(w->seen.leg_risk, 2);
}
END_TEST

START_TEST(a_repair_that_went_too_far_is_repaired_the_other_way) {
    long_quarter();
    tick(w);
    finish_repair(1, PERP_RESULT_COMPLETED, 0.5);
    ck_assert_double_eq(base_of(w, "BTC").naked, -0.25);
    pass(w, SECOND);
    tick(w);
    perp_job_info info = repair_info(2);
    ck_assert_uint_eq(info.job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_uint_eq(info.job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_double_eq(info.job.legs[0].quantity, 0.25);
    finish_repair(2, PERP_RESULT_COMPLETED, 0.25);
    is_closed();
}
END_TEST

START_TEST(repairs_back_off_and_there_is_no_last_try) {
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60, 60};
    long_quarter();
    w->seen.outcome = PERP_OUTCOME_REFUSED;
    for (uint32_t k = 1; k <= 10; k++) {
        perp_tick_result *result = tick(w);
        perp_uuid id = repair_of(k);
        ck_assert_uint_eq(n_planned(result), 1);
        ck_assert_uint_eq(result->dispatched, 1);
        id_state_is(w, &id, PERP_JOB_FAILED);
        ck_assert_uint_eq(base_of(w, "BTC").tries, k);
        ck_assert_int_eq(base_of(w, "BTC").next_try_ns, w->now + seconds[k - 1] * SECOND);
        ck_assert_uint_eq(base_of(w, "BTC").has_repair, 0);
        pass(w, seconds[k - 1] * SECOND - 1);
        ck_assert_uint_eq(n_planned(tick(w)), 0);
        pass(w, 1);
    }
    /* The host need not wait; the count of repairs goes on. */
    tick(w);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 11);
    ok(w, perp_resume_repair(w->core, nowc(w), "BTC"));
    ck_assert_uint_eq(base_of(w, "BTC").tries, 0);
    ck_assert_int_eq(base_of(w, "BTC").next_try_ns, PERP_TIME_NONE);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    perp_uuid last = repair_of(12);
    finish_all(w, &last, PERP_RESULT_COMPLETED);
    is_squared();
    fails(w, PERP_E_NOT_FOUND, perp_resume_repair(w->core, nowc(w), "DOGE"));
}
END_TEST

START_TEST(a_repair_cancelled_by_hand_stops_them_until_they_are_resumed) {
    long_quarter();
    perp_uuid repair = repair_of(1);
    repair_waits(1);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 1); /* a requeued one was a try */
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 1);
    perp_latch latches[4];
    uint32_t n;
    ok(w, perp_risk_latches(w->risk, latches, 4, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(latches[0].kind, PERP_LATCH_REPAIR);
    ck_assert_str_eq(latches[0].base, "BTC");
    ck_assert_int_eq(latches[0].since_ns, w->now);
    ck_assert_str_eq(latches[0].lifted_by, "resume_repair");
    pass(w, HOUR - SECOND);
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    state_is(w, 1, PERP_JOB_PARTIAL);
    ok(w, perp_resume_repair(w->core, nowc(w), "BTC"));
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 0);
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    repair = repair_of(2);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    is_closed();
}
END_TEST

START_TEST(repairs_that_were_stopped_go_on_with_the_next_time_it_is_naked) {
    long_quarter();
    perp_uuid repair = repair_of(1);
    repair_waits(1);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 0);
    perp_job job = job_of(2);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(n_planned(tick(w)), 1);
}
END_TEST

/* The truth that came later, of job 1. */
static void amended(double bought, double sold) {
    perp_uuid id = id_of(1);
    perp_job_result result = pair_result(bought, sold, BTC_MID);
    ok(w, perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, 2));
}

/* Squared by the truth that came later, while a repair waited. */
static void squared_while_it_waits(void) {
    long_quarter();
    repair_waits(1);
    amended(0.25, 0.25);
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    ck_assert_uint_eq(base_of(w, "BTC").has_repair, 1);
}

static void is_repaired_next_time(void) {
    perp_job job = job_of(2);
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 0);
    ck_assert_uint_eq(base_of(w, "BTC").has_repair, 0);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(n_planned(tick(w)), 1);
}

START_TEST(a_repair_that_is_no_longer_wanted_is_cancelled_and_stops_nothing) {
    perp_uuid repair = repair_of(1);
    squared_while_it_waits();
    ck_assert_uint_eq(tick(w)->dispatched, 0);
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    is_repaired_next_time();
}
END_TEST

START_TEST(one_that_is_cancelled_where_nothing_is_naked_stops_nothing) {
    perp_uuid repair = repair_of(1);
    squared_while_it_waits();
    if (_i == 0) {
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    } else {
        ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    }
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    tick(w);
    is_repaired_next_time();
}
END_TEST

static void drop(perp_config *config) {
    config->scheduler.on_reject = PERP_ON_REJECT_DROP;
}

START_TEST(a_repair_that_risk_refuses_is_kept_where_others_are_dropped) {
    w = world_changed(drop);
    long_quarter();
    perp_job other = job_of(2);
    perp_uuid repair = repair_of(1);
    submit(w, &other);
    repair_waits(1);
    state_is(w, 2, PERP_JOB_REJECTED);
    only(N_X); /* where it waits is down, too */
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &repair), PERP_REASON_EXCHANGE_DOWN);
    id_state_is(w, &repair, PERP_JOB_PENDING);
    world_api(w, GAMMA, PERP_API_UP);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[GAMMA]);
    world_close(w);
}
END_TEST

static void no_repair(perp_config *config) {
    config->scheduler.auto_repair = 0;
}

START_TEST(without_auto_repair_the_host_acts) {
    w = world_changed(no_repair);
    perp_finish_outcome outcome = long_quarter();
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    ck_assert_uint_eq(scheduler_of(w).pending, 0);
    world_close(w);
}
END_TEST

START_TEST(killed_no_repair_is_planned) {
    long_quarter();
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, NULL, 0, NULL));
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    no_repair_yet(1);
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALL_X, NULL, 0, NULL));
    ck_assert_uint_eq(n_planned(tick(w)), 1);
}
END_TEST

START_TEST(resolve_says_that_it_is_squared_and_waits_for_a_repair_that_runs) {
    fails(w, PERP_E_NOT_FOUND, perp_resolve(w->core, signedc(w), "DOGE"));
    fails(w, PERP_E_INVALID, perp_resolve(w->core, nowc(w), "BTC")); /* nobody signed */
    long_quarter();
    tick(w);
    perp_uuid repair = repair_of(1);
    fails(w, PERP_E_STATE, perp_resolve(w->core, signedc(w), "BTC"));
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    fails(w, PERP_E_STATE, perp_resolve(w->core, signedc(w), "BTC"));
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    id_state_is(w, &repair, PERP_JOB_PENDING);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    checked(w);
    id_state_is(w, &repair, PERP_JOB_CANCELLED);
    is_squared();
    state_is(w, 1, PERP_JOB_OPEN); /* what it has open it has open */
    ck_assert_int_eq(info_of(w, 1).held, USD(12500));
    pass(w, MINUTE);
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    /* Where nothing is naked it says nothing new. */
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    is_squared();
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
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), GAMMA, -USD(90000), 0, 0, NULL));
    for (int i = 0; i < 4; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    }
    ck_assert_uint_eq(risk_of(w).auto_halt, 1);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(result->status, PERP_TICK_PAUSED);
    ck_assert_uint_eq(repair_info(1).state, PERP_JOB_RUNNING);
}
END_TEST

/* ---- Where a repair goes ------------------------------------------------------------------------
 */

START_TEST(a_repair_goes_where_it_costs_least) {
    /* Where it opens, the fee of one basis point is counted twice: five dollars more. */
    double better = _i == 0 ? 4 : 6;
    long_quarter();
    quote_at(w, w->btc[BETA], w->now, BTC_BID + better, BTC_ASK + better, 1000);
    tick(w);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[_i == 0 ? ALPHA : BETA]);
}
END_TEST

START_TEST(while_it_waits_each_tick_looks_again) {
    long_quarter();
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 20, BTC_ASK + 20, 1000);
    repair_waits(1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID + 30, BTC_ASK + 30, 1000);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    tick(w);
    perp_job_info info = repair_info(1);
    ck_assert_uint_eq(info.job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_int_eq(info.job.notional, USD(12508));
    ck_assert_uint_eq(info.reduce_only, 1);
}
END_TEST

START_TEST(while_it_waits_it_follows_what_is_to_square) {
    long_quarter();
    repair_waits(1);
    amended(0.25, 0.125);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_double_eq(repair_info(1).job.legs[0].quantity, 0.125);
    ck_assert_int_eq(repair_info(1).job.notional, USD(6250.25));
}
END_TEST

START_TEST(a_repair_avoids_stale_quotes_and_exchanges_that_are_down_or_killed) {
    long_quarter();
    w->now += 5001 * MS;
    quote_at(w, w->btc[BETA], w->now, BTC_BID, BTC_ASK, 1000);
    repair_waits(1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    quotes(w);
    world_api(w, BETA, PERP_API_DOWN);
    for (uint32_t x = 0; x < N_X; x++) {
        if (x != BETA) {
            ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, x, NULL, 0, NULL));
        }
    }
    ck_assert_uint_eq(tick(w)->dispatched, 0);
    /* Nowhere to go: the last choice stays. */
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[BETA]);
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALPHA, NULL, 0, NULL));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[ALPHA]);
}
END_TEST

START_TEST(a_repair_avoids_open_circuits_halted_instruments_and_what_runs_against_it) {
    perp_job against = one_leg_job(5, w->btc[GAMMA], PERP_SIDE_BUY);
    position_at(w, w->btc[GAMMA], w->now, -1, BTC_MID);
    run_job(w, &against); /* buys on gamma */
    long_quarter();
    for (int i = 0; i < 5; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    }
    ok(w, perp_risk_halt_instrument(w->risk, nowc(w), w->btc[BETA], 1));
    tick(w);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[DELTA]);
    finish_repair(1, PERP_RESULT_FAILED, 0);
    pass(w, 2 * SECOND);
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    no_repair_yet(2);
}
END_TEST

START_TEST(a_repair_opens_only_perpetuals_and_where_the_account_is_known) {
    perp_config config;
    perp_instrument_spec spec;
    perp_instrument_id spot;
    perp_account_report report;
    world_close(w);
    world_config(&config);
    config.risk.account_max_age_ms = 300000;
    w = world_open(&config);
    for (uint32_t x = 0; x < N_X; x++) {
        perp_account_report_init(&report);
        report.exchange = x;
        ok(w, perp_account(w->core, nowc(w), &report));
    }
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "BTC/USDT");
    spec.kind = PERP_KIND_SPOT;
    ok(w, perp_instrument_add(w->core, &spec, &spot));
    quote_at(w, spot, w->now, BTC_BID + 50, BTC_ASK + 50, 1000); /* the best price */
    long_quarter();
    /* Beta pays better than alpha, but a report that it could not read makes it unknown. */
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 20, BTC_ASK + 20, 1000);
    perp_position_report bad = report_of(w->btc[BETA], NAN, 0);
    expect(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &bad, w->now));
    tick(w);
    ck_assert_uint_eq(repair_info(1).job.legs[0].instrument, w->btc[ALPHA]);
    finish_repair(1, PERP_RESULT_NOTHING, 0);
    pass(w, SECOND);
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 20, BTC_ASK + 20, 1000);
    position_at(w, w->btc[BETA], w->now, 0, 0);
    tick(w);
    ck_assert_uint_eq(repair_info(2).job.legs[0].instrument, w->btc[BETA]);
}
END_TEST

START_TEST(without_a_place_to_go_none_is_planned_and_no_try_is_used) {
    long_quarter();
    w->now += 5001 * MS;
    ck_assert_uint_eq(n_planned(tick(w)), 0);
    ck_assert_uint_eq(base_of(w, "BTC").tries, 0);
    no_repair_yet(1);
    quotes(w);
    ck_assert_uint_eq(n_planned(tick(w)), 1);
    ck_assert_uint_eq(repair_info(1).state, PERP_JOB_RUNNING);
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
    perp_uuid repair = repair_id("SOL", 1);
    perp_job_info info = {.struct_size = sizeof info};
    job.notional = USD(10000);
    job.legs[0].quantity = job.legs[1].quantity = 10;
    run_job(w, &job);
    /* 1.9 are naked: the better price trades 2 at least, the other one 1.75. */
    finish_pair(w, &job.job_id, 1.9, 0, 1000);
    tick(w);
    ok(w, perp_scheduler_job(w->scheduler, &repair, &info));
    ck_assert_uint_eq(info.job.legs[0].instrument, fine);
    ck_assert_double_eq(info.job.legs[0].quantity, 1.75);
}
END_TEST

START_TEST(a_repair_that_waits_is_there_after_a_restart) {
    perp_config config;
    perp_store store;
    perp_uuid repair = repair_of(1);
    world_close(w);
    world_config(&config);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = NULL;
    w = world_open(&config);
    long_quarter();
    repair_waits(1);
    uint64_t hash = perp_core_hash(w->core);
    perp_base_state before = base_of(w, "BTC");
    if (_i == 1) {
        ok(w, perp_core_checkpoint(w->core));
    }
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    config.store = store;
    world_reopen(w, &config);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    quotes(w);
    perp_base_state after = base_of(w, "BTC");
    ck_assert_mem_eq(&after, &before, sizeof before);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    is_closed();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("repair");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_job_filled_on_one_side_is_partial_and_its_base_is_naked);
    tcase_add_test(tcase, half_way_through_a_balanced_job_nothing_is_naked);
    tcase_add_test(tcase, what_squares_counts_at_once_and_what_does_not_counts_for_nothing);
    tcase_add_test(tcase, closing_one_side_of_a_hedge_by_hand_leaves_the_other_naked);
    tcase_add_test(tcase, an_exit_of_both_sides_leaves_nothing_naked);
    tcase_add_test(tcase, a_job_at_the_tolerance_is_not_partial_and_above_it_is);
    tcase_add_test(tcase, small_jobs_and_bases_tolerate_a_fixed_amount);
    tcase_add_test(tcase, a_failed_status_with_unequal_fills_is_partial_too);
    tcase_add_test(tcase, a_rebalancing_job_has_no_leg_risk);
    tcase_add_test(tcase, of_a_job_of_two_bases_each_is_squared_by_itself);
    tcase_add_test(tcase, new_jobs_in_the_base_wait_until_it_is_squared);
    tcase_add_test(tcase, in_one_tick_only_as_much_goes_out_as_is_to_square);
    tcase_add_test(tcase, a_tick_plans_a_repair_and_sends_it);
    tcase_add_test(tcase, what_a_repair_opens_comes_from_the_reserve_pool_and_stays_with_its_lot);
    tcase_add_test(tcase, a_repair_is_not_larger_than_the_reserve);
    tcase_add_test(tcase, what_a_repair_leaves_is_repaired_after_a_second);
    tcase_add_test(tcase, whether_a_base_is_naked_is_asked_at_the_mid_of_now);
    tcase_add_test(tcase, a_repair_that_went_too_far_is_repaired_the_other_way);
    tcase_add_test(tcase, repairs_back_off_and_there_is_no_last_try);
    tcase_add_test(tcase, a_repair_cancelled_by_hand_stops_them_until_they_are_resumed);
    tcase_add_test(tcase, repairs_that_were_stopped_go_on_with_the_next_time_it_is_naked);
    tcase_add_test(tcase, a_repair_that_is_no_longer_wanted_is_cancelled_and_stops_nothing);
    tcase_add_loop_test(tcase, one_that_is_cancelled_where_nothing_is_naked_stops_nothing, 0, 2);
    tcase_add_test(tcase, killed_no_repair_is_planned);
    tcase_add_test(tcase, resolve_says_that_it_is_squared_and_waits_for_a_repair_that_runs);
    tcase_add_test(tcase, a_repair_runs_although_limits_pause_and_loss_stop_the_rest);
    tcase_add_loop_test(tcase, a_repair_goes_where_it_costs_least, 0, 2);
    tcase_add_test(tcase, while_it_waits_each_tick_looks_again);
    tcase_add_test(tcase, while_it_waits_it_follows_what_is_to_square);
    tcase_add_test(tcase, a_repair_avoids_stale_quotes_and_exchanges_that_are_down_or_killed);
    tcase_add_test(tcase,
                   a_repair_avoids_open_circuits_halted_instruments_and_what_runs_against_it);
    tcase_add_test(tcase, a_repair_opens_only_perpetuals_and_where_the_account_is_known);
    tcase_add_test(tcase, without_a_place_to_go_none_is_planned_and_no_try_is_used);
    tcase_add_test(tcase, a_repair_is_rounded_down_to_the_step_and_not_below_the_minimum);
    tcase_add_loop_test(tcase, a_repair_that_waits_is_there_after_a_restart, 0, 2);
    suite_add_tcase(suite, tcase);
    TCase *o = tcase_create("own worlds");
    tcase_add_test(o, a_repair_passes_single_and_total_limit_and_safe_mode);
    tcase_add_test(o, a_repair_that_risk_refuses_is_kept_where_others_are_dropped);
    tcase_add_test(o, without_auto_repair_the_host_acts);
    suite_add_tcase(suite, o);
    return run_suite(suite);
}
