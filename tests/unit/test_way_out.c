/* The way out, the edge of now, what funding is taken for, and what refuses: of jobs in a world. */
#include "fixture.h"

#include <math.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

/* Alpha is long and beta short; the job closes both. */
static perp_job way_out(void) {
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    position_at(w, w->btc[BETA], w->now, -0.25, BTC_MID);
    return pair_job(1, w->btc[BETA], w->btc[ALPHA]);
}

static void no_quote(perp_instrument_id instrument) {
    perp_withdrawal withdrawal = {.instrument = instrument, .time_ns = w->now};
    ok(w, perp_market_on_withdraw(w->market, &withdrawal));
}

START_TEST(without_a_quote_the_way_out_is_open_at_the_mark_the_last_price_or_the_entry) {
    perp_job job = way_out();
    no_quote(w->btc[ALPHA]);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reducing, 1);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert_uint_eq(e.reasons, PERP_REASON_BIT(PERP_REASON_NO_MARKET_DATA));
    ck_assert_double_eq(e.rules[PERP_REASON_NO_MARKET_DATA].value, 1);
    ck_assert_uint_eq(e.n_legs, 0);
    ck_assert_double_eq(e.cost_bps, 0);
    perp_trade trade = {.instrument = w->btc[ALPHA], .time_ns = w->now, .price = 49000};
    perp_mark mark = {.instrument = w->btc[ALPHA], .time_ns = w->now - HOUR, .price = 48000};
    run_job(w, &job);
    ck_assert_double_eq(w->seen.last_orders[1].price, BTC_MID); /* its entry */
    ck_assert_double_eq(w->seen.last_orders[0].price, BTC_ASK);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    finish_all(w, &job.job_id, PERP_RESULT_NOTHING);
    ok(w, perp_market_on_trade(w->market, &trade));
    job.job_id = id_of(2);
    run_job(w, &job);
    ck_assert_double_eq(w->seen.last_orders[1].price, 49000);
    finish_all(w, &job.job_id, PERP_RESULT_NOTHING);
    ok(w, perp_market_on_mark(w->market, &mark)); /* of whatever age */
    job.job_id = id_of(3);
    run_job(w, &job);
    ck_assert_double_eq(w->seen.last_orders[1].price, 48000);
}
END_TEST

START_TEST(without_a_quote_nothing_else_passes) {
    perp_job job = pair_job(1, w->btc[BETA], w->btc[ALPHA]);
    perp_trade trade = {.instrument = w->btc[ALPHA], .time_ns = w->now, .price = 49000};
    ok(w, perp_market_on_trade(w->market, &trade));
    no_quote(w->btc[ALPHA]);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_MARKET_DATA);
}
END_TEST

START_TEST(an_instrument_that_is_halted_takes_no_new_risk) {
    perp_job out = way_out();
    perp_job in = pair_job(2, w->btc[ALPHA], w->btc[GAMMA]);
    ok(w, perp_risk_halt_instrument(w->risk, nowc(w), w->btc[ALPHA], 1));
    reason_is(evaluated(w, &in).reason, PERP_REASON_BLACKLISTED);
    ck_assert_uint_eq(evaluated(w, &out).accepted, 1);
    fails(w, PERP_E_INVALID, perp_risk_halt_instrument(w->risk, nowc(w), w->btc[ALPHA], 0));
    fails(w, PERP_E_NOT_FOUND, perp_risk_halt_instrument(w->risk, nowc(w), 999, 1));
    ck_assert_int_eq(perp_risk_halt_instrument(NULL, nowc(w), 0, 1), PERP_E_INVALID);
    ok(w, perp_risk_halt_instrument(w->risk, signedc(w), w->btc[ALPHA], 0));
    ck_assert_uint_eq(evaluated(w, &in).accepted, 1);
}
END_TEST

START_TEST(what_was_filled_can_be_closed_before_it_is_reported) {
    perp_job in = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job out = pair_job(2, w->btc[BETA], w->btc[ALPHA]);
    run_job(w, &in);
    ck_assert_uint_eq(evaluated(w, &out).reducing, 0);
    finish_pair(w, &in.job_id, 0.25, 0.25, BTC_MID);
    ck_assert_uint_eq(evaluated(w, &out).reducing, 1);
    out.legs[0].quantity *= 1 + 1e-10; /* rounding is no more than what is left */
    ck_assert_uint_eq(evaluated(w, &out).reducing, 1);
    out.legs[0].quantity *= 1 + 1e-8;
    ck_assert_uint_eq(evaluated(w, &out).reducing, 0);
}
END_TEST

START_TEST(slices_of_a_position_add_up_to_it) {
    position_at(w, w->btc[ALPHA], w->now, 0.3, BTC_MID);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    job.n_legs = 3;
    for (int i = 0; i < 3; i++) {
        job.legs[i] = job.legs[0];
        job.legs[i].quantity = 0.1;
    }
    ck_assert_uint_eq(evaluated(w, &job).reducing, 1);
    job.n_legs = 4;
    job.legs[3] = job.legs[0];
    ck_assert_uint_eq(evaluated(w, &job).reducing, 0);
}
END_TEST

START_TEST(an_edge_that_went_while_the_job_waited_is_not_traded_on) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = USD(12500.5);
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 100, BTC_ASK + 100, 1000); /* 20 bps above */
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    submit(w, &job);
    ck_assert_double_eq(evaluated(w, &job).edge_bps, 20); /* of a job that is not the one waiting */
    quotes(w);
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    perp_uuid id = id_of(1);
    reason_is(reason_in(tick(w), PERP_TICK_REFUSED, &id), PERP_REASON_EDGE_TOO_SMALL);
    quote_at(w, w->btc[BETA], w->now, BTC_BID + 200, BTC_ASK + 200, 1000); /* more is no more */
    ck_assert_uint_eq(tick(w)->dispatched, 1);
}
END_TEST

START_TEST(income_of_funding_counts_for_three_settlements_and_cost_for_all) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.holding_hours = 48;
    funding_of(w, w->btc[ALPHA], -1e-4, w->now + HOUR);
    funding_of(w, w->btc[BETA], -1e-4, w->now + HOUR);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_double_eq_tol(e.funding_bps, 6 - 3, 1e-9);
    ck_assert_double_eq(e.legs[0].funding_settlements, 3);
    ck_assert_double_eq(e.legs[1].funding_settlements, 6);
    job.holding_hours = 0;
    double once = evaluated(w, &job).cost_bps;
    ck_assert_double_eq_tol(e.cost_bps - e.funding_bps, 2 * once, 1e-9); /* it must be left again */
}
END_TEST

START_TEST(a_rate_that_is_old_or_makes_no_sense_is_unknown) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.holding_hours = 1;
    funding_of(w, w->btc[ALPHA], 1e-4, w->now + HOUR);
    ck_assert(evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_FUNDING_CARRY));
    ck_assert_double_eq(evaluated(w, &job).components[PERP_COMPONENT_FUNDING], 50);
    funding_of(w, w->btc[BETA], 1e-4, w->now + HOUR);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reasons & PERP_REASON_BIT(PERP_REASON_FUNDING_CARRY), 0);
    ck_assert_double_eq(e.components[PERP_COMPONENT_FUNDING], 100);
    pass(w, 9 * HOUR - 1);
    ck_assert_uint_eq(evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_FUNDING_CARRY), 0);
    w->now++; /* one interval past its settlement */
    ck_assert(evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_FUNDING_CARRY));
    ck_assert_double_nan(evaluated(w, &job).legs[0].funding_rate);
    job.holding_hours = 0;
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
}
END_TEST

START_TEST(need_goes_in_steps_of_a_hundredth) {
    perp_config config;
    world_config(&config);
    config.risk.daily_volume_target = USD(1000);
    struct world *own = world_open(&config);
    perp_job job = pair_job(1, own->btc[ALPHA], own->btc[BETA]);
    ck_assert_double_eq(evaluated(own, &job).volume_score, 100);
    ok(own, perp_capital_record_pnl(own->capital, nowc(own), GAMMA, 0, USD(9.999), 0, NULL));
    ck_assert_double_eq(evaluated(own, &job).volume_score, 100);
    ok(own, perp_capital_record_pnl(own->capital, nowc(own), GAMMA, 0, USD(0.001), 0, NULL));
    ck_assert_double_eq(evaluated(own, &job).volume_score, 99);
    ok(own, perp_capital_record_pnl(own->capital, nowc(own), GAMMA, 0, USD(990), 0, NULL));
    ck_assert_double_eq(evaluated(own, &job).volume_score, 0);
    world_close(own);
}
END_TEST

static uint64_t refusals(uint32_t reason) {
    return risk_of(w).rejected_today[reason];
}

START_TEST(a_job_that_waits_is_counted_once_for_what_refuses_it) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.legs[0].leverage = 6;
    job.expected_edge_bps = 0;
    submit(w, &job);
    for (int i = 0; i < 3; i++)
        tick(w);
    ck_assert_uint_eq(refusals(PERP_REASON_COST_EXCEEDS_EDGE), 1); /* the primary reason */
    ck_assert_uint_eq(refusals(PERP_REASON_LEVERAGE), 0);
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    tick(w);
    ck_assert_uint_eq(refusals(PERP_REASON_BLACKLISTED), 1);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0));
    tick(w);
    tick(w);
    ck_assert_uint_eq(refusals(PERP_REASON_COST_EXCEEDS_EDGE), 2);
}
END_TEST

/* A store in memory that stays when a book closes. */
static perp_store shared;

static void stays(void *user) {
    (void)user;
}

static perp_core *opened(perp_store store) {
    perp_core *core = NULL;
    perp_config config;
    world_config(&config);
    store.close = stays;
    config.store = store;
    ck_assert_msg(perp_core_open(&config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    return core;
}

/* From the records, and from a checkpoint. */
START_TEST(what_risk_was_told_survives_a_restart) {
    perp_config config;
    world_config(&config);
    ck_assert_int_eq(perp_store_memory_open(&shared), PERP_OK);
    config.store = shared;
    config.store.close = stays;
    struct world *own = world_open(&config);
    perp_job job = pair_job(1, own->btc[ALPHA], own->btc[BETA]);
    job.expected_edge_bps = 0;
    submit(own, &job);
    tick(own);
    ok(own, perp_risk_halt_instrument(own->risk, nowc(own), own->btc[ALPHA], 1));
    ok(own, perp_risk_set_collateral(own->risk, nowc(own), BETA, "BTC", 2, 0.25));
    ok(own, perp_risk_set_collateral(own->risk, nowc(own), GAMMA, "SOL", 2, 0));
    ok(own, perp_risk_set_collateral(own->risk, nowc(own), GAMMA, "SOL", 0, 0));
    if (_i)
        ok(own, perp_core_checkpoint(own->core));
    uint64_t hash = perp_core_hash(own->core);
    world_close(own);
    perp_core *core = opened(shared);
    ck_assert_uint_eq(perp_core_hash(core), hash);
    perp_rate rate = {.quote = "USDT", .time_ns = START + 30 * DAY, .usd = 1};
    ck_assert_int_eq(perp_market_on_rate(perp_core_market(core), &rate), PERP_OK); /* the first */
    perp_risk_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_risk_query(perp_core_risk(core), &state), PERP_OK);
    ck_assert_uint_eq(state.rejected_today[PERP_REASON_COST_EXCEEDS_EDGE], 1);
    perp_core_close(core);
    shared.close(shared.user);
}
END_TEST

static void little_gross(perp_config *config) {
    config->risk.max_gross_exposure_usd = USD(20000);
}

/* More is open than may be: what moves from one exchange to another makes it no larger. */
START_TEST(a_hedge_beyond_its_limit_can_move_to_another_exchange) {
    const uint64_t gross = PERP_REASON_BIT(PERP_REASON_GROSS_EXPOSURE);
    struct world *own = world_changed(little_gross);
    position_at(own, own->btc[ALPHA], own->now, 0.25, BTC_MID);
    position_at(own, own->btc[BETA], own->now, -0.25, BTC_MID);
    perp_job moves = pair_job(1, own->btc[BETA], own->btc[GAMMA]);
    perp_job grows = pair_job(2, own->btc[ALPHA], own->btc[GAMMA]);
    perp_evaluation e = evaluated(own, &moves);
    ck_assert_uint_eq(e.reducing, 0);
    ck_assert_uint_eq(e.reasons & gross, 0);
    ck_assert_double_eq(e.rules[PERP_REASON_GROSS_EXPOSURE].value, 0.5 * BTC_MID);
    ck_assert_uint_eq(evaluated(own, &grows).reasons & gross, gross);
    world_close(own);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("way out");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase,
                   without_a_quote_the_way_out_is_open_at_the_mark_the_last_price_or_the_entry);
    tcase_add_test(tcase, without_a_quote_nothing_else_passes);
    tcase_add_test(tcase, an_instrument_that_is_halted_takes_no_new_risk);
    tcase_add_test(tcase, what_was_filled_can_be_closed_before_it_is_reported);
    tcase_add_test(tcase, slices_of_a_position_add_up_to_it);
    tcase_add_test(tcase, an_edge_that_went_while_the_job_waited_is_not_traded_on);
    tcase_add_test(tcase, income_of_funding_counts_for_three_settlements_and_cost_for_all);
    tcase_add_test(tcase, a_rate_that_is_old_or_makes_no_sense_is_unknown);
    tcase_add_test(tcase, a_job_that_waits_is_counted_once_for_what_refuses_it);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("own worlds");
    tcase_add_test(tcase, need_goes_in_steps_of_a_hundredth);
    tcase_add_test(tcase, a_hedge_beyond_its_limit_can_move_to_another_exchange);
    tcase_add_loop_test(tcase, what_risk_was_told_survives_a_restart, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
