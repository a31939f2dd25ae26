/* The state of the risk module and its control: latches, halts, overrides, circuits, modes, kill.
 */
#include "fixture.h"

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

static void pnl(perp_usd amount, perp_usd fees) {
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, amount, 0, fees, NULL));
}

static void equity(perp_exchange_id x, perp_usd amount) {
    ok(w, perp_capital_update_equity(w->capital, nowc(w), x, amount));
}

static void loss_is(uint32_t reached, perp_usd loss) {
    perp_risk_state s = risk_of(w);
    ck_assert_uint_eq(s.daily_loss_reached, reached);
    ck_assert_int_eq(s.daily_loss, loss);
}

START_TEST(booked_loss_latches_at_the_limit_and_gains_do_not_lift_it) {
    pnl(-USD(39000), USD(1000) - 1);
    loss_is(0, USD(40000) - 1);
    pnl(0, 1);
    loss_is(1, USD(40000));
    pnl(USD(100000), 0);
    loss_is(1, 0);
    perp_job job = job_of(1);
    reason_is(evaluated(w, &job).reason, PERP_REASON_DAILY_LOSS);
}
END_TEST

START_TEST(loss_of_equity_latches_too_and_a_recovery_does_not_lift_it) {
    equity(ALPHA, USD(960000) + 1);
    loss_is(0, USD(40000) - 1);
    equity(BETA, USD(1000000) - 1);
    loss_is(1, USD(40000));
    equity(ALPHA, USD(1000000));
    loss_is(1, 1);
}
END_TEST

START_TEST(the_larger_of_both_losses_counts_and_they_do_not_add_up) {
    pnl(-USD(30000), 0);
    equity(ALPHA, USD(971000));
    loss_is(0, USD(30000));
    equity(ALPHA, USD(965000));
    loss_is(0, USD(35000));
}
END_TEST

START_TEST(the_loss_of_a_day_ends_with_it) {
    equity(ALPHA, USD(955000));
    pnl(-USD(50000), 0);
    loss_is(1, USD(50000));
    pass(w, DAY);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, 0, 0, 0, NULL));
    loss_is(0, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).day_start_equity, USD(955000));
    ck_assert_double_eq(risk_of(w).drawdown, 0.0);
}
END_TEST

START_TEST(nothing_but_correct_and_the_day_lifts_the_daily_loss) {
    equity(ALPHA, USD(955000));
    loss_is(1, USD(45000));
    ok(w, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_AGGRESSIVE));
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    ok(w, perp_capital_transfer(w->capital, nowc(w), ALPHA, USD(100000), 0));
    ok(w, perp_risk_record_success(w->risk, nowc(w), ALPHA));
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 1);
    ok(w, perp_capital_correct(w->capital, signedc(w), BETA, USD(1000000), NULL));
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 1);
    ok(w, perp_capital_correct(w->capital, signedc(w), ALPHA, USD(1060000), NULL));
    loss_is(0, USD(5000));
}
END_TEST

/* Gains of the same day, however they are told. */
START_TEST(gains_do_not_lift_the_daily_loss) {
    perp_recorded_fill fill;
    pnl(-USD(40000), 0);
    loss_is(1, USD(40000));
    perp_recorded_fill_init(&fill);
    fill.instrument = w->btc[ALPHA];
    fill.side = PERP_SIDE_BUY;
    fill.quantity = 0.25;
    fill.price = BTC_MID;
    fill.has_pnl = 1;
    fill.pnl = USD(10000);
    fill.key = id_of(1);
    ok(w, perp_record_fill(w->core, nowc(w), &fill));
    loss_is(1, USD(30000));
    pnl(USD(10000), 0);
    loss_is(1, USD(20000));
}
END_TEST

START_TEST(an_override_ends_at_its_time) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 60000, NULL));
    ck_assert_int_eq(risk_of(w).override_until_ns, w->now + MINUTE);
    pass(w, MINUTE - 1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, 0, 0, 0, NULL));
    ck_assert_uint_eq(risk_of(w).override_on, 1);
    pass(w, 1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, 0, 0, 0, NULL));
    ck_assert_uint_eq(risk_of(w).override_on, 0);
}
END_TEST

START_TEST(open_positions_of_an_exchange_are_counted) {
    ck_assert_uint_eq(exchange_of(w, BETA).open_positions, 0);
    position_at(w, w->btc[BETA], w->now, 1, BTC_MID);
    position_at(w, w->eth[BETA], w->now, -1, ETH_BID);
    position_at(w, w->btc[ALPHA], w->now, 1, BTC_MID);
    ck_assert_uint_eq(exchange_of(w, BETA).open_positions, 2);
    ck_assert_uint_eq(exchange_of(w, ALPHA).open_positions, 1);
    ck_assert_uint_eq(exchange_of(w, GAMMA).open_positions, 0);
}
END_TEST

START_TEST(the_smaller_loss_limit_that_is_on_counts) {
    perp_config config;
    world_config(&config);
    config.risk.daily_loss_limit_usd = USD(100);
    w = world_open(&config);
    ck_assert_int_eq(risk_of(w).daily_loss_limit, USD(100));
    pnl(-USD(100) + 1, 0);
    loss_is(0, USD(100) - 1);
    pnl(-1, 0);
    loss_is(1, USD(100));
    world_close(w);
    config.risk.daily_loss_limit_usd = USD(50000);
    w = world_open(&config);
    ck_assert_int_eq(risk_of(w).daily_loss_limit, USD(40000));
    world_close(w);
    config.risk.daily_loss_limit_usd = 0;
    config.risk.daily_loss_limit_pct = 0;
    w = world_open(&config);
    ck_assert_int_eq(risk_of(w).daily_loss_limit, 0);
    pnl(-USD(900000), 0);
    loss_is(0, USD(900000));
    world_close(w);
}
END_TEST

START_TEST(a_default_ttl_above_the_maximum_is_out_of_range_when_it_is_used) {
    perp_config config;
    world_config(&config);
    config.risk.override_ttl_ms = 2000;
    config.risk.max_override_ttl_ms = 1000;
    w = world_open(&config);
    fails(w, PERP_E_RANGE, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 1000, NULL));
    world_close(w);
}
END_TEST

START_TEST(failures_halt_and_a_success_does_not_lift_the_halt) {
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_uint_eq(risk_of(w).auto_halt, 0);
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
        ck_assert_uint_eq(risk_of(w).consecutive_failures, i);
    }
    ck_assert_uint_eq(risk_of(w).auto_halt, 1);
    ok(w, perp_risk_record_success(w->risk, nowc(w), ALL_X));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    ck_assert_uint_eq(risk_of(w).auto_halt, 1);
    fails(w, PERP_E_INVALID, perp_risk_reset_halt(w->risk, nowc(w)));
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    ck_assert_uint_eq(risk_of(w).auto_halt, 0);
    /* No exchange was named: no circuit counted. */
    ck_assert_uint_eq(exchange_of(w, ALPHA).circuit, PERP_CIRCUIT_CLOSED);
}
END_TEST

START_TEST(cancelled_and_expired_jobs_are_no_failures) {
    perp_job job = job_of(1), other = job_of(2);
    ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    submit(w, &job);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    other.ttl_ms = 1;
    submit(w, &other);
    pass(w, SECOND);
    ck_assert_uint_eq(tick(w)->expired, 1);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
}
END_TEST

static void override_on(int64_t ttl_ms, const perp_uuid *job) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, ttl_ms, job));
}

/* A job that only an override lets pass. */
static perp_job leveraged(uint32_t n) {
    perp_job job = job_of(n);
    job.legs[0].leverage = 6;
    return job;
}

START_TEST(an_override_holds_until_its_ttl_and_not_at_it) {
    perp_job job = leveraged(1);
    override_on(10, NULL);
    w->now += 10 * MS - 1;
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert_uint_eq(e.override_used, 1);
    w->now += 1;
    ck_assert_uint_eq(evaluated(w, &job).accepted, 0);
    w->now = START;
    override_on(PERP_TIME_NONE, NULL);
    ck_assert_int_eq(risk_of(w).override_until_ns, START + 15 * MINUTE);
}
END_TEST

START_TEST(an_override_is_not_used_where_none_is_needed) {
    perp_job job = job_of(1);
    override_on(PERP_TIME_NONE, NULL);
    ck_assert_uint_eq(evaluated(w, &job).override_used, 0);
}
END_TEST

START_TEST(an_override_for_one_job_passes_no_other) {
    perp_job one = leveraged(1), two = leveraged(2);
    override_on(PERP_TIME_NONE, &one.job_id);
    ck_assert_uint_eq(evaluated(w, &one).accepted, 1);
    ck_assert_uint_eq(evaluated(w, &two).accepted, 0);
    perp_risk_state s = risk_of(w);
    ck_assert_uint_eq(s.override_has_job, 1);
    ck_assert(same_id(&s.override_job, &one.job_id));
    override_on(PERP_TIME_NONE, &two.job_id);
    ck_assert_uint_eq(evaluated(w, &one).accepted, 0);
    ck_assert_uint_eq(evaluated(w, &two).accepted, 1);
    override_on(PERP_TIME_NONE, NULL);
    ck_assert_uint_eq(evaluated(w, &one).accepted, 1);
    fails(w, PERP_E_RANGE, perp_risk_manual_override(w->risk, nowc(w), 0, -5, NULL));
    ok(w, perp_risk_manual_override(w->risk, nowc(w), 0, PERP_TIME_NONE, NULL));
    ck_assert_uint_eq(evaluated(w, &one).accepted, 0);
    ck_assert_uint_eq(risk_of(w).override_on, 0);
}
END_TEST

START_TEST(an_override_takes_an_actor_a_reason_and_a_ttl_within_its_maximum) {
    perp_risk *r = w->risk;
    fails(w, PERP_E_INVALID, perp_risk_manual_override(r, nowc(w), 1, 1000, NULL));
    perp_call call = *signedc(w);
    call.reason = NULL;
    fails(w, PERP_E_INVALID, perp_risk_manual_override(r, &call, 1, 1000, NULL));
    call.reason = "r";
    call.actor = "";
    fails(w, PERP_E_INVALID, perp_risk_manual_override(r, &call, 1, 1000, NULL));
    fails(w, PERP_E_RANGE, perp_risk_manual_override(r, signedc(w), 1, 0, NULL));
    fails(w, PERP_E_RANGE, perp_risk_manual_override(r, signedc(w), 1, -1, NULL));
    fails(w, PERP_E_RANGE, perp_risk_manual_override(r, signedc(w), 1, 86400001, NULL));
    fails(w, PERP_E_RANGE, perp_risk_manual_override(r, signedc(w), 1, INT64_MAX, NULL));
    ok(w, perp_risk_manual_override(r, signedc(w), 1, 86400000, NULL));
}
END_TEST

START_TEST(a_job_accepted_under_override_is_logged_once_with_the_rules_it_passed) {
    perp_job job = leveraged(1);
    override_on(PERP_TIME_NONE, NULL);
    submit(w, &job);
    w->seen.warnings = 0;
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    tick(w);
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    ck_assert_int_eq(w->seen.warnings, 1);
    ck_assert_ptr_nonnull(strstr(w->seen.warning, "leverage"));
}
END_TEST

static void fail_on(perp_exchange_id x, int times) {
    for (int i = 0; i < times; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), x));
    }
}

#define circuit_is(x, wanted)                                                                      \
    ck_assert_str_eq(perp_circuit_string(exchange_of(w, x).circuit), perp_circuit_string(wanted))

START_TEST(a_circuit_opens_at_the_fifth_failure_in_a_row_and_half_opens_after_its_cooldown) {
    fail_on(BETA, 4);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    fail_on(BETA, 4);
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
    fail_on(BETA, 1);
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    circuit_is(ALPHA, PERP_CIRCUIT_CLOSED);
    w->now += 30 * SECOND - 1;
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    w->now += 1;
    circuit_is(BETA, PERP_CIRCUIT_HALF_OPEN);
}
END_TEST

START_TEST(a_result_while_a_circuit_is_open_changes_nothing_of_it) {
    fail_on(BETA, 5);
    w->now += 10 * SECOND;
    fail_on(BETA, 1);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    w->now += 20 * SECOND;
    circuit_is(BETA, PERP_CIRCUIT_HALF_OPEN);
}
END_TEST

/* By the tick, whose decisions stand until something they rest on changes. */
START_TEST(half_open_it_has_one_job_at_a_time) {
    fail_on(BETA, 5);
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    pass(w, 30 * SECOND);
    perp_job one = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job other = pair_job(2, w->btc[GAMMA], w->btc[BETA]);
    one.priority = 1;
    submit(w, &one);
    submit(w, &other);
    for (int i = 0; i < 2; i++) {
        tick(w);
        state_is(w, 1, PERP_JOB_RUNNING);
        state_is(w, 2, PERP_JOB_PENDING);
    }
    reason_is(info_of(w, 2).last_refusal, PERP_REASON_EXCHANGE_DOWN);
    finish_flat(w, &one.job_id, USD(25000)); /* a success, which closes it */
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
    tick(w);
    state_is(w, 2, PERP_JOB_RUNNING);
}
END_TEST

/* That it is free again is all that changed: the circuit is as it was. */
START_TEST(half_open_after_a_job_that_did_nothing_the_next_one_goes) {
    fail_on(BETA, 5);
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    pass(w, 30 * SECOND);
    perp_job one = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job other = pair_job(2, w->eth[GAMMA], w->eth[BETA]);
    other.legs[0].quantity = other.legs[1].quantity = 12500 / ((ETH_BID + ETH_ASK) / 2);
    one.priority = 1;
    submit(w, &one);
    submit(w, &other);
    tick(w);
    tick(w);
    reason_is(info_of(w, 2).last_refusal, PERP_REASON_EXCHANGE_DOWN);
    finish_all(w, &one.job_id, PERP_RESULT_NOTHING);
    circuit_is(BETA, PERP_CIRCUIT_HALF_OPEN);
    tick(w);
    state_is(w, 2, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(half_open_a_success_closes_and_a_failure_opens_again) {
    fail_on(BETA, 5);
    w->now += 30 * SECOND;
    fail_on(BETA, 1);
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    w->now += 30 * SECOND - 1;
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    w->now += 1;
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
    /* Closed means five failures in a row once more. */
    fail_on(BETA, 4);
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
}
END_TEST

static void report(perp_exchange_id x, uint32_t api, perp_status wanted) {
    perp_exchange_status status;
    memset(&status, 0, sizeof status);
    status.exchange = x;
    status.api = api;
    status.time_ns = w->now;
    expect(w, wanted, perp_market_on_status(w->market, &status));
}

START_TEST(the_hosts_up_closes_a_circuit_and_its_down_stands_until_it_says_otherwise) {
    perp_job job = job_of(1);
    fail_on(BETA, 5);
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    report(BETA, PERP_API_UP, PERP_OK);
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    report(BETA, PERP_API_DOWN, PERP_OK);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    reason_is(evaluated(w, &job).reason, PERP_REASON_EXCHANGE_DOWN);
    w->now -= 1;
    report(BETA, PERP_API_UP, PERP_E_STALE);
    w->now += 1;
    reason_is(evaluated(w, &job).reason, PERP_REASON_EXCHANGE_DOWN);
    report(BETA, PERP_API_UP, PERP_OK);
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
}
END_TEST

/* Opens beta's circuit, waits until it is half-open and submits two jobs there. */
static void half_open_with_two_jobs(void) {
    fail_on(BETA, 5);
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    pass(w, 30 * SECOND);
    perp_job one = job_of(1), two = pair_job(2, w->eth[GAMMA], w->eth[BETA]);
    two.legs[0].quantity = two.legs[1].quantity = 5;
    two.priority = -1;
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    reason_is(reason_in(result, PERP_TICK_SKIPPED, &two.job_id), PERP_REASON_EXCHANGE_DOWN);
    state_is(w, 1, PERP_JOB_RUNNING);
    /* Now that a job runs there, risk itself refuses. */
    result = tick(w);
    reason_is(reason_in(result, PERP_TICK_REFUSED, &two.job_id), PERP_REASON_EXCHANGE_DOWN);
}

START_TEST(half_open_one_job_runs_and_its_success_lets_the_next_one_go) {
    half_open_with_two_jobs();
    perp_uuid one = id_of(1);
    finish_all(w, &one, PERP_RESULT_COMPLETED);
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    state_is(w, 2, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(half_open_the_failure_of_the_one_job_opens_the_circuit_again) {
    half_open_with_two_jobs();
    perp_uuid one = id_of(1);
    finish_all(w, &one, PERP_RESULT_FAILED);
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
    ck_assert_uint_eq(tick(w)->dispatched, 0);
    pass(w, 30 * SECOND);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
}
END_TEST

START_TEST(only_the_exchange_that_filled_too_little_is_blamed) {
    perp_config config;
    world_close(w);
    world_config(&config);
    config.scheduler.leg_risk_usd = USD(1000); /* five times 0.0026 are no leg risk */
    w = world_open(&config);
    for (uint32_t i = 1; i <= 5; i++) {
        perp_job job = job_of(i);
        pass(w, SECOND);
        run_job(w, &job);
        /* Beta filled 98.96 %. */
        perp_job_result result;
        perp_job_result_init(&result);
        result.status = PERP_RESULT_FAILED;
        result.n_legs = 2;
        fill_leg(&result, 0, 0.25, BTC_MID);
        fill_leg(&result, 1, 0.2474, BTC_MID);
        ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
        id_state_is(w, &job.job_id, PERP_JOB_OPEN);
        ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
        ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    }
    circuit_is(ALPHA, PERP_CIRCUIT_CLOSED);
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
}
END_TEST

START_TEST(a_looser_mode_takes_an_actor_and_a_tighter_one_does_not) {
    perp_job job = job_of(1);
    job.legs[0].leverage = 4;
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    ok(w, perp_risk_set_mode(w->risk, nowc(w), PERP_MODE_CONSERVATIVE));
    perp_evaluation e = evaluated(w, &job);
    reason_is(e.reason, PERP_REASON_LEVERAGE);
    ck_assert_uint_eq(e.mode, PERP_MODE_CONSERVATIVE);
    ck_assert_double_eq(e.limits.max_leverage, 3.0);
    fails(w, PERP_E_INVALID, perp_risk_set_mode(w->risk, nowc(w), PERP_MODE_BALANCED));
    ok(w, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_AGGRESSIVE));
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    ok(w, perp_risk_set_mode(w->risk, nowc(w), PERP_MODE_AGGRESSIVE));
    fails(w, PERP_E_INVALID, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_COUNT));
}
END_TEST

START_TEST(kill_names_what_runs_there_in_order_of_dispatch) {
    perp_job low = job_of(1), high = pair_job(2, w->btc[GAMMA], w->btc[BETA]);
    perp_job elsewhere = pair_job(3, w->eth[ALPHA], w->eth[GAMMA]);
    elsewhere.legs[0].quantity = elsewhere.legs[1].quantity = 5;
    high.priority = 5;
    submit(w, &low);
    submit(w, &elsewhere);
    submit(w, &high);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    ck_assert_uint_eq(tick(w)->dispatched, 3);
    perp_uuid jobs[8];
    uint32_t count = 0;
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, BETA, jobs, 8, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(same_id(&jobs[0], &high.job_id));
    ck_assert(same_id(&jobs[1], &low.job_id));
    ck_assert_int_eq(w->seen.kills, 1);
    ck_assert_uint_eq(w->seen.kill_exchange, BETA);
    ck_assert_uint_eq(w->seen.kill_jobs, 2);
    ck_assert(same_id(&w->seen.kill_ids[0], &high.job_id));
    ck_assert_uint_eq(exchange_of(w, BETA).killed, 1);
    ck_assert_uint_eq(risk_of(w).killed, 0);
    count = 0;
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, jobs, 1, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(risk_of(w).killed, 1);
    fails(w, PERP_E_INVALID, perp_scheduler_kill(w->scheduler, nowc(w), 0, ALL_X, NULL, 0, NULL));
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALL_X, NULL, 0, NULL));
    /* Off for all leaves the kill of one exchange as it is. */
    perp_job job = job_of(9);
    reason_is(evaluated(w, &job).reason, PERP_REASON_KILLED);
    fails(w, PERP_E_INVALID, perp_scheduler_kill(w->scheduler, nowc(w), 0, BETA, NULL, 0, NULL));
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, BETA, NULL, 0, NULL));
    ck_assert(!(evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_KILLED)));
}
END_TEST

START_TEST(a_blacklisted_symbol_trades_nowhere_and_any_symbol_may_be_named) {
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "DOGE/USDT:USDT", 1));
    perp_instrument_id doge[2];
    doge[0] = world_instrument(w, ALPHA, "DOGE/USDT:USDT", "", 0);
    doge[1] = world_instrument(w, BETA, "DOGE/USD", "", 0);
    quote_at(w, doge[0], w->now, BTC_BID, BTC_ASK, 1000);
    quote_at(w, doge[1], w->now, BTC_BID, BTC_ASK, 1000);
    perp_job job = pair_job(1, doge[0], doge[1]);
    reason_is(evaluated(w, &job).reason, PERP_REASON_BLACKLISTED);
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, nowc(w), "DOGE/USDT:USDT", 0));
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "DOGE/USDT:USDT", 0));
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
}
END_TEST

START_TEST(collateral_is_of_an_exchange_that_is_there) {
    fails(w, PERP_E_NOT_FOUND, perp_risk_set_collateral(w->risk, signedc(w), N_X, "BTC", 1, 0.1));
    ok(w, perp_risk_set_collateral(w->risk, signedc(w), N_X - 1, "BTC", 1, 0.1));
    static const struct {
        const char *base;
        double quantity, haircut;
    } bad[] = {{NULL, 1, 0.1},  {"", 1, 0.1},    {"BTC", -1, 0.1},      {"BTC", 1, -0.1},
               {"BTC", 1, 1.1}, {"BTC", 1, NAN}, {"BTC", INFINITY, 0.1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fails(w, PERP_E_INVALID,
              perp_risk_set_collateral(w->risk, signedc(w), ALPHA, bad[i].base, bad[i].quantity,
                                       bad[i].haircut));
}
END_TEST

START_TEST(the_rules_describe_themselves_with_the_limits_in_force) {
    static const char *names[] = {
#define PERP_X(name, number, text, ...) text,
        PERP_RULE_LIST(PERP_X)
#undef PERP_X
    };
    size_t length = 0, again = 0;
    ck_assert_int_eq(perp_risk_describe_json(w->risk, NULL, 0, &length), PERP_E_RANGE);
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(perp_risk_describe_json(w->risk, text, length, &again), PERP_E_RANGE);
    ok(w, perp_risk_describe_json(w->risk, text, length + 1, &again));
    ck_assert_uint_eq(again, length);
    ck_assert_uint_eq(strlen(text), length);
    const char *place = text;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char quoted[80];
        strcpy(quoted, "\"");
        strcat(quoted, names[i]);
        strcat(quoted, "\"");
        place = strstr(place, quoted);
        ck_assert_msg(place != NULL, "%s is missing or out of order", names[i]);
    }
    ck_assert_ptr_nonnull(strstr(text, "\"balanced\""));
    static const char *mechanisms[] = {"kill",      "orders",       "actor",    "store", "in_doubt",
                                       "reconcile", "reservations", "override", "fills"};
    place = strstr(text, "\"mechanisms\":{");
    ck_assert_ptr_nonnull(place);
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
        char quoted[40];
        snprintf(quoted, sizeof quoted, "\"%s\":\"", mechanisms[i]);
        ck_assert_msg(strstr(place, quoted) != NULL, "%s is missing", quoted);
    }
    free(text);
}
END_TEST

START_TEST(a_rule_that_fires_is_counted_today) {
    perp_job job = leveraged(1);
    submit(w, &job);
    tick(w);
    ck_assert_uint_eq(risk_of(w).rejected_today[PERP_REASON_LEVERAGE], 1);
    pass(w, DAY);
    job.job_id = id_of(2);
    submit(w, &job);
    ck_assert_uint_eq(risk_of(w).rejected_today[PERP_REASON_LEVERAGE], 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("risk");
    TCase *tcase = tcase_create("risk");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, booked_loss_latches_at_the_limit_and_gains_do_not_lift_it);
    tcase_add_test(tcase, loss_of_equity_latches_too_and_a_recovery_does_not_lift_it);
    tcase_add_test(tcase, the_larger_of_both_losses_counts_and_they_do_not_add_up);
    tcase_add_test(tcase, the_loss_of_a_day_ends_with_it);
    tcase_add_test(tcase, nothing_but_correct_and_the_day_lifts_the_daily_loss);
    tcase_add_test(tcase, an_override_ends_at_its_time);
    tcase_add_test(tcase, open_positions_of_an_exchange_are_counted);
    tcase_add_test(tcase, gains_do_not_lift_the_daily_loss);
    tcase_add_test(tcase, failures_halt_and_a_success_does_not_lift_the_halt);
    tcase_add_test(tcase, cancelled_and_expired_jobs_are_no_failures);
    tcase_add_test(tcase, an_override_holds_until_its_ttl_and_not_at_it);
    tcase_add_test(tcase, an_override_is_not_used_where_none_is_needed);
    tcase_add_test(tcase, an_override_for_one_job_passes_no_other);
    tcase_add_test(tcase, an_override_takes_an_actor_a_reason_and_a_ttl_within_its_maximum);
    tcase_add_test(tcase, a_job_accepted_under_override_is_logged_once_with_the_rules_it_passed);
    tcase_add_test(tcase,
                   a_circuit_opens_at_the_fifth_failure_in_a_row_and_half_opens_after_its_cooldown);
    tcase_add_test(tcase, a_result_while_a_circuit_is_open_changes_nothing_of_it);
    tcase_add_test(tcase, half_open_a_success_closes_and_a_failure_opens_again);
    tcase_add_test(tcase,
                   the_hosts_up_closes_a_circuit_and_its_down_stands_until_it_says_otherwise);
    tcase_add_test(tcase, half_open_one_job_runs_and_its_success_lets_the_next_one_go);
    tcase_add_test(tcase, half_open_the_failure_of_the_one_job_opens_the_circuit_again);
    tcase_add_test(tcase, only_the_exchange_that_filled_too_little_is_blamed);
    tcase_add_test(tcase, a_looser_mode_takes_an_actor_and_a_tighter_one_does_not);
    tcase_add_test(tcase, kill_names_what_runs_there_in_order_of_dispatch);
    tcase_add_test(tcase, a_blacklisted_symbol_trades_nowhere_and_any_symbol_may_be_named);
    tcase_add_test(tcase, the_rules_describe_themselves_with_the_limits_in_force);
    tcase_add_test(tcase, half_open_it_has_one_job_at_a_time);
    tcase_add_test(tcase, half_open_after_a_job_that_did_nothing_the_next_one_goes);
    tcase_add_test(tcase, collateral_is_of_an_exchange_that_is_there);
    tcase_add_test(tcase, a_rule_that_fires_is_counted_today);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, the_smaller_loss_limit_that_is_on_counts);
    tcase_add_test(own, a_default_ttl_above_the_maximum_is_out_of_range_when_it_is_used);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
