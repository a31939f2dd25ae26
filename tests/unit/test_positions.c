/* Positions: what fills make of them, capital that follows, and what exchanges report. The numbers
   are worked out by hand from docs/positions.md. */
#include "fixture.h"

#include <math.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

/* Another world in its place. */
static void world_with(void (*change)(perp_config *)) {
    world_close(w);
    w = world_changed(change);
}

static void no_repair(perp_config *config) {
    config->scheduler.auto_repair = 0;
}

/* Buys on alpha and sells on beta. */
static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

static void tell(uint32_t n, const perp_job_result *result) {
    perp_uuid id = id_of(n);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &id, result->legs, result->n_legs));
    checked(w);
}

static void filled(uint32_t n, double bought, double sold, double price) {
    perp_job_result result = pair_result(bought, sold, price);
    tell(n, &result);
}

static void amended(uint32_t n, double bought, double sold, double price) {
    perp_job_result result = pair_result(bought, sold, price);
    perp_uuid id = id_of(n);
    ok(w, perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, 2));
    checked(w);
}

/* A hedge that is open: 0.25 long on alpha, 0.25 short on beta. */
static void hedge(uint32_t n, double price) {
    perp_job job = job_of(n);
    perp_uuid id = job.job_id;
    run_job(w, &job);
    ck_assert_uint_eq(finish_pair(w, &id, 0.25, 0.25, price).state, PERP_JOB_OPEN);
}

#define NEAR(a, b) ck_assert_double_eq_tol(a, b, 1e-9)

static void quantity_is(perp_instrument_id instrument, double quantity, double entry) {
    perp_position_state state = position_of(w, instrument);
    NEAR(state.quantity, quantity);
    if (entry > 0)
        NEAR(state.entry_price, entry);
    else
        ck_assert_double_nan(state.entry_price);
}

static perp_lot_state lot_of(perp_instrument_id instrument, uint32_t n) {
    perp_lot_state lots[8];
    uint32_t count;
    ok(w, perp_positions_lots(w->positions, instrument, lots, 8, &count));
    ck_assert_uint_lt(n, count);
    return lots[n];
}

static void lot_is(perp_instrument_id instrument, uint32_t n, uint32_t job, double quantity,
                   double price, perp_usd used) {
    perp_lot_state lot = lot_of(instrument, n);
    perp_uuid id = id_of(job);
    ck_assert(same_id(&lot.job_id, &id));
    NEAR(lot.quantity, quantity);
    NEAR(lot.price, price);
    ck_assert_int_eq(lot.used, used);
}

static void capital_is(perp_exchange_id x, perp_usd in_flight, perp_usd used) {
    ck_assert_int_eq(capital_of(w, x).total_in_flight, in_flight);
    ck_assert_int_eq(capital_of(w, x).total_used, used);
}

static perp_usd pnl_of(perp_exchange_id x) {
    return capital_of(w, x).today.pnl;
}

static uint32_t alerts_of(uint32_t code) {
    perp_alert alerts[32];
    uint32_t count = 0, n = 0;
    memset(alerts, 0, sizeof alerts);
    for (int i = 0; i < 32; i++)
        alerts[i].struct_size = sizeof alerts[i];
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 32, &count));
    for (uint32_t i = 0; i < count && i < 32; i++)
        n += alerts[i].code == code;
    return n;
}

static int fails_by(const perp_job *job, uint32_t reason) {
    return (evaluated(w, job).reasons & PERP_REASON_BIT(reason)) != 0;
}

static void drift_is(perp_instrument_id instrument, double unexplained, double lost,
                     uint32_t latched) {
    perp_position_state state = position_of(w, instrument);
    NEAR(state.unexplained, unexplained);
    NEAR(state.lost, lost);
    ck_assert_uint_eq(state.latched, latched);
}

static void reported(perp_instrument_id instrument, double quantity) {
    position_at(w, instrument, w->now, quantity, 0);
    checked(w);
}

/* ---- Fills --------------------------------------------------------------------------------------
 */

START_TEST(a_fill_opens_the_lot_of_its_leg_and_more_of_it_is_averaged_in) {
    perp_job job = job_of(1), other = job_of(2);
    run_job(w, &job);
    filled(1, 0.1, 0, 50000);
    quantity_is(w->btc[ALPHA], 0.1, 50000);
    lot_is(w->btc[ALPHA], 0, 1, 0.1, 50000, USD(5000));
    filled(1, 0.25, 0, 50006); /* 0.15 at 50,010 */
    quantity_is(w->btc[ALPHA], 0.25, 50006);
    lot_is(w->btc[ALPHA], 0, 1, 0.25, 50006, USD(12500));
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 1);
    ck_assert_uint_eq(lot_of(w->btc[ALPHA], 0).leg, 0);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).foreign, 0);
    ck_assert_double_eq(position_of(w, w->btc[BETA]).quantity, 0);
    /* Another job's lot comes after it; the entry is the average of both. */
    run_job(w, &other);
    filled(2, 0.25, 0.25, 50010);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 2);
    lot_is(w->btc[ALPHA], 1, 2, 0.25, 50010, USD(12500));
    quantity_is(w->btc[ALPHA], 0.5, 50008);
    quantity_is(w->btc[BETA], -0.25, 50010);
    ck_assert_uint_eq(lot_of(w->btc[BETA], 0).leg, 1);
    ck_assert_uint_eq(info_of(w, 1).n_lots, 1);
    ck_assert_uint_eq(info_of(w, 2).n_lots, 2);
}
END_TEST

static perp_job exit_of(uint32_t n, uint32_t of, double fraction) {
    perp_job out;
    perp_uuid id = id_of(of);
    perp_job_init(&out);
    out.job_id = id_of(n);
    ok(w, perp_job_fill_exit(w->core, w->now, &id, fraction, &out));
    return out;
}

START_TEST(a_fill_closes_the_lots_that_its_job_names_before_the_oldest) {
    hedge(1, 50000);
    hedge(2, 50100);
    perp_job out = exit_of(3, 2, 1);
    ck_assert_uint_eq(out.n_legs, 2);
    ck_assert_uint_eq(out.legs[0].side, PERP_SIDE_SELL);
    run_job(w, &out);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    ck_assert_int_eq(info_of(w, 3).held, 0);
    filled(3, 0.1, 0, 50300); /* sold on alpha: its first leg */
    lot_is(w->btc[ALPHA], 0, 1, 0.25, 50000, USD(12500));
    lot_is(w->btc[ALPHA], 1, 2, 0.15, 50100, USD(7500));
    ck_assert_int_eq(pnl_of(ALPHA), USD(20)); /* 0.1 x 200 */
    quantity_is(w->btc[ALPHA], 0.4, 50050);   /* the entry stays */
    perp_uuid id = id_of(3);
    finish_pair(w, &id, 0.25, 0.25, 50300);
    state_is(w, 1, PERP_JOB_OPEN);
    state_is(w, 2, PERP_JOB_CLOSED);
    state_is(w, 3, PERP_JOB_COMPLETED);
    ck_assert_int_eq(pnl_of(ALPHA), USD(50));
    ck_assert_int_eq(pnl_of(BETA), -USD(50)); /* short from 50,100 */
    capital_is(ALPHA, 0, USD(12500));
    /* One that names none closes the oldest. */
    hedge(4, 50200);
    perp_job plain = pair_job(5, w->btc[BETA], w->btc[ALPHA]);
    run_job(w, &plain);
    finish_pair(w, &plain.job_id, 0.25, 0.25, 50200);
    state_is(w, 1, PERP_JOB_CLOSED);
    state_is(w, 4, PERP_JOB_OPEN);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
}
END_TEST

START_TEST(what_a_fill_does_not_close_it_opens_on_the_other_side) {
    hedge(1, 50000);
    perp_job job = pair_job(2, w->btc[GAMMA], w->btc[ALPHA]);
    job.notional = USD(20000);
    job.legs[0].quantity = job.legs[1].quantity = 0.4;
    run_job(w, &job);
    capital_is(ALPHA, USD(20000), USD(12500));
    finish_pair(w, &job.job_id, 0.4, 0.4, 50100);
    quantity_is(w->btc[ALPHA], -0.15, 50100);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 1);
    /* Of 20,000 the part that opened, 0.15 of 0.4; what it closed was released. */
    lot_is(w->btc[ALPHA], 0, 2, -0.15, 50100, USD(7500));
    capital_is(ALPHA, 0, USD(7500));
    capital_is(GAMMA, 0, USD(20000));
    ck_assert_int_eq(pnl_of(ALPHA), USD(25));
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    NEAR(base_of(w, "BTC").net, 0);
    NEAR(base_of(w, "BTC").gross, 0.8);
}
END_TEST

START_TEST(what_is_no_jobs_is_closed_after_lots_and_realises_against_the_entry) {
    position_at(w, w->btc[ALPHA], w->now, 0.5, 49000);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 0.5);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 0);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.n_legs = 1;
    fill_leg(&result, 0, 0.25, 50000);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    ck_assert_int_eq(pnl_of(ALPHA), USD(250));
    quantity_is(w->btc[ALPHA], 0.25, 49000);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 0.25);
    state_is(w, 1, PERP_JOB_COMPLETED);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, 0);
}
END_TEST

START_TEST(what_the_host_says_of_pnl_is_booked_instead) {
    hedge(1, 50000);
    perp_job out = exit_of(2, 1, 1);
    run_job(w, &out);
    perp_job_result result = pair_result(0.25, 0.25, 50100);
    result.legs[0].has_pnl = 1;
    result.legs[0].pnl = -7;
    perp_uuid id = id_of(2);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
    ck_assert_int_eq(pnl_of(ALPHA), -7);
    ck_assert_int_eq(pnl_of(BETA), -USD(25));
    ck_assert_int_eq(info_of(w, 2).pnl, -USD(25) - 7);
}
END_TEST

START_TEST(three_tenths_close_with_three_fills_of_a_tenth) {
    perp_job job = job_of(1);
    job.notional = USD(15000);
    job.legs[0].quantity = job.legs[1].quantity = 0.3;
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.3, 0.3, 50000);
    perp_job out = exit_of(2, 1, 1);
    run_job(w, &out);
    filled(2, 0.1, 0.1, 50000);
    filled(2, 0.2, 0.2, 50000);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 1);
    filled(2, 0.1 + 0.1 + 0.1, 0.3, 50000);
    for (int x = ALPHA; x <= BETA; x++) {
        perp_position_state state = position_of(w, w->btc[x]);
        ck_assert(state.quantity == 0 && state.foreign == 0);
        ck_assert_double_nan(state.entry_price);
        ck_assert_uint_eq(state.n_lots, 0);
    }
    state_is(w, 1, PERP_JOB_CLOSED);
    capital_is(ALPHA, 0, 0);
    ck_assert(base_of(w, "BTC").naked == 0);
}
END_TEST

/* 0.3 less twice 0.1 is a hair less than 0.1, which is the least that may be ordered. */
START_TEST(an_exit_of_what_sums_left_a_hair_off_is_of_whole_steps) {
    perp_job job = job_of(1);
    for (int x = ALPHA; x <= BETA; x++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        ok(w, perp_instrument_get(w->core, w->btc[x], &spec));
        spec.qty_step = spec.min_qty = 0.1;
        ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    }
    job.notional = USD(15000);
    job.legs[0].quantity = job.legs[1].quantity = 0.3;
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.3, 0.3, 50000);
    job.job_id = id_of(2); /* so that the exit is not of all there is */
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.3, 0.3, 50000);
    perp_job out = exit_of(3, 1, 1);
    run_job(w, &out);
    filled(3, 0.1, 0.1, 50000);
    filled(3, 0.2, 0.2, 50000);
    finish_pair(w, &out.job_id, 0.2, 0.2, 50000);
    ck_assert(lot_of(w->btc[ALPHA], 0).quantity < 0.1);
    out = exit_of(4, 1, 1);
    ck_assert(out.legs[0].quantity == 0.1 && out.legs[1].quantity == 0.1);
    run_job(w, &out);
}
END_TEST

START_TEST(an_exit_may_be_of_a_part_and_only_of_what_is_open) {
    perp_uuid id = id_of(1), unknown = id_of(9);
    perp_job out;
    hedge(1, 50000);
    perp_job_init(&out);
    expect(w, PERP_E_NOT_FOUND, perp_job_fill_exit(w->core, w->now, &unknown, 1, &out));
    expect(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, &id, 0, &out));
    expect(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, &id, 1.01, &out));
    expect(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, &id, NAN, &out));
    out = exit_of(2, 1, 0.4);
    NEAR(out.legs[0].quantity, 0.1);
    NEAR(out.legs[1].quantity, 0.1);
    ck_assert_uint_eq(out.strategy, PERP_STRATEGY_HEDGE_REBALANCE);
    ck_assert_int_eq(out.ttl_ms, 0);
    ck_assert(same_id(&out.closes, &id));
    run_job(w, &out);
    finish_pair(w, &out.job_id, 0.1, 0.1, 50000);
    lot_is(w->btc[ALPHA], 0, 1, 0.15, 50000, USD(7500));
    state_is(w, 1, PERP_JOB_OPEN);
    /* To name one of which nothing is open is an error. */
    out = exit_of(3, 1, 1);
    out.closes = unknown;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &out));
    out.closes = id_of(2); /* completed */
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &out));
}
END_TEST

/* ---- Capital follows ----------------------------------------------------------------------------
 */

START_TEST(shares_are_floored_and_the_last_fill_takes_all_that_is_left) {
    perp_job job = job_of(1);
    job.notional = USD(12500) + 1;
    run_job(w, &job);
    filled(1, 0.1, 0, 50000); /* 0.4 of it: 5,000.0000004 */
    lot_is(w->btc[ALPHA], 0, 1, 0.1, 50000, USD(5000));
    capital_is(ALPHA, USD(7500) + 1, USD(5000));
    filled(1, 0.2, 0, 50000);
    capital_is(ALPHA, USD(2500) + 1, USD(10000));
    filled(1, 0.25, 0, 50000);
    lot_is(w->btc[ALPHA], 0, 1, 0.25, 50000, USD(12500) + 1);
    capital_is(ALPHA, 0, USD(12500) + 1);
    capital_is(BETA, USD(12500) + 1, 0);
    filled(1, 0.25, 0.25, 50000);
    perp_uuid id = id_of(1);
    finish_all(w, &id, PERP_RESULT_COMPLETED);
    /* Closing a part releases its floored share, closing all of it all. */
    perp_job out = exit_of(2, 1, 1);
    run_job(w, &out);
    filled(2, 0.1, 0, 50000);
    capital_is(ALPHA, 0, USD(7500) + 1);
    filled(2, 0.25, 0, 50000);
    capital_is(ALPHA, 0, 0);
    capital_is(BETA, 0, USD(12500) + 1);
}
END_TEST

START_TEST(at_the_end_of_a_job_what_is_in_flight_is_released) {
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.1, 0.1, 50000);
    capital_is(ALPHA, 0, USD(5000));
    ck_assert_int_eq(info_of(w, 1).held, USD(10000));
    perp_reservation rows[4];
    uint32_t n;
    ok(w, perp_capital_reservations(w->capital, ALPHA, rows, 4, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(rows[0].reserved, USD(12500));
    ck_assert_int_eq(rows[0].used, USD(5000));
}
END_TEST

START_TEST(more_than_was_ordered_is_counted_at_its_price) {
    perp_job job = job_of(1);
    run_job(w, &job);
    filled(1, 0.25, 0.25, 50000);
    filled(1, 0.3, 0.25, 50001); /* 0.05 at (15,000.3 - 12,500) / 0.05 = 50,006 */
    lot_is(w->btc[ALPHA], 0, 1, 0.3, 50001, USD(12500) + USD(2500.3));
    capital_is(ALPHA, 0, USD(15000.3));
    perp_uuid id = id_of(1);
    finish_all(w, &id, PERP_RESULT_COMPLETED);
    state_is(w, 1, PERP_JOB_PARTIAL); /* 0.05 stand alone */
    NEAR(base_of(w, "BTC").naked, 0.05);
}
END_TEST

static void default_limits(perp_config *config) {
    config->capital.max_total_notional_ppm = 300000;
    config->scheduler.max_notional_per_exchange = USD(10000000);
}

START_TEST(ending_jobs_passes_no_limit) {
    uint32_t n = 0;
    world_with(default_limits);
    for (;; n++) {
        perp_job job = job_of(n + 1);
        submit(w, &job);
        if (tick(w)->dispatched == 0)
            break;
        finish_pair(w, &job.job_id, 0.25, 0.25, BTC_MID);
    }
    ck_assert_uint_eq(n, 24); /* of 300,000 each took 12,500 */
    reason_is(info_of(w, 25).last_skip, PERP_REASON_TOTAL_LIMIT);
    /* A way out makes room. */
    perp_job out = exit_of(100, 7, 1);
    out.priority = 1;
    submit(w, &out);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    finish_pair(w, &out.job_id, 0.25, 0.25, BTC_MID);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    state_is(w, 25, PERP_JOB_RUNNING);
}
END_TEST

/* ---- Reports ------------------------------------------------------------------------------------
 */

START_TEST(the_first_report_is_taken_over_where_nothing_was_dispatched) {
    position_at(w, w->btc[ALPHA], w->now, 1, 49000);
    perp_position_state state = position_of(w, w->btc[ALPHA]);
    ck_assert_uint_eq(state.reported, 1);
    ck_assert_int_eq(state.report_time_ns, w->now);
    NEAR(state.foreign, 1);
    quantity_is(w->btc[ALPHA], 1, 49000);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    position_at(w, w->btc[BETA], w->now, -1, 0); /* no entry: the mark, here the mid */
    quantity_is(w->btc[BETA], -1, BTC_MID);
    /* Once a leg was sent there, the first report is one like others. */
    perp_job job = pair_job(1, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &job);
    finish_all(w, &job.job_id, PERP_RESULT_NOTHING);
    reported(w->btc[GAMMA], 1);
    drift_is(w->btc[GAMMA], 1, 0, 1);
}
END_TEST

START_TEST(the_entry_of_a_report_of_nothing_is_none) {
    position_at(w, w->btc[ALPHA], w->now, 0, 49000);
    ck_assert(isnan(position_of(w, w->btc[ALPHA]).entry_price));
    position_at(w, w->btc[ALPHA], w->now, 1, 0); /* no entry: the mark, here the mid */
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).entry_price, BTC_MID);
}
END_TEST

START_TEST(a_report_says_leverage_margin_and_liquidation_too) {
    perp_position_report report = report_of(w->btc[ALPHA], 1, 49000);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).margin_mode, PERP_MARGIN_ISOLATED);
    report.margin_mode = PERP_MARGIN_CROSS;
    report.leverage = 7;
    report.liquidation_price = 31000;
    ok(w, perp_position(w->core, nowc(w), &report, w->now));
    perp_position_state state = position_of(w, w->btc[ALPHA]);
    ck_assert_uint_eq(state.margin_mode, PERP_MARGIN_CROSS);
    ck_assert_double_eq(state.leverage, 7);
    ck_assert_double_eq(state.liquidation_price, 31000);
    reported(w->btc[ALPHA], 1); /* not given any more: the exchange's, and none */
    state = position_of(w, w->btc[ALPHA]);
    ck_assert_uint_eq(state.margin_mode, PERP_MARGIN_ISOLATED);
    ck_assert_double_eq(state.leverage, 0);
    ck_assert_double_eq(state.liquidation_price, 0);
    quantity_is(w->btc[ALPHA], 1, 49000); /* kept while the side is the same */
}
END_TEST

START_TEST(what_a_report_shows_half_way_through_a_job_counts_once) {
    perp_job job = job_of(1);
    run_job(w, &job);
    reported(w->btc[ALPHA], 0.1);
    quantity_is(w->btc[ALPHA], 0.1, BTC_MID);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0); /* it is the leg's, seen */
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 0);
    /* What it had seen of a fill changes lots and capital, not the quantity. */
    filled(1, 0.06, 0, 50000);
    quantity_is(w->btc[ALPHA], 0.1, BTC_MID);
    lot_is(w->btc[ALPHA], 0, 1, 0.06, 50000, USD(3000));
    filled(1, 0.2, 0, 50000);
    quantity_is(w->btc[ALPHA], 0.2, (0.1 * BTC_MID + 0.1 * 50000) / 0.2);
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0);
    drift_is(w->btc[ALPHA], 0, 0, 0);
}
END_TEST

START_TEST(a_later_report_takes_back_what_was_seen) {
    perp_job job = job_of(1);
    run_job(w, &job);
    reported(w->btc[ALPHA], 0.1);
    pass(w, SECOND);
    reported(w->btc[ALPHA], 0.04);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    quantity_is(w->btc[ALPHA], 0.04, BTC_MID);
    filled(1, 0.1, 0, 50000); /* 0.04 were seen */
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.1);
}
END_TEST

START_TEST(running_legs_have_seen_in_the_order_of_dispatch) {
    perp_job one = job_of(1), two = job_of(2);
    run_job(w, &one);
    run_job(w, &two);
    reported(w->btc[ALPHA], 0.4); /* 0.25 of the first, 0.15 of the second */
    filled(2, 0.25, 0, 50000);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.5);
    filled(1, 0.25, 0, 50000);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.5);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    pass(w, SECOND);
    reported(w->btc[ALPHA], 0.55); /* no leg is left to explain it */
    drift_is(w->btc[ALPHA], 0.05, 0, 1);
}
END_TEST

/* The second's fill was in the report, and counted as the first's. */
START_TEST(an_old_fill_uses_up_what_was_seen_of_others_before_it_is_missing) {
    perp_job one = job_of(1), two = job_of(2), three = job_of(3);
    run_job(w, &one);
    run_job(w, &two);
    run_job(w, &three);
    int64_t long_ago = w->now;
    pass(w, 3 * SECOND);
    reported(w->btc[ALPHA], 0.35); /* 0.25 of the first, 0.1 of the second */
    perp_job_result result = pair_result(0.25, 0, 50000);
    result.legs[0].time_ns = long_ago;
    tell(2, &result); /* 0.15 more than was seen of it */
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.35);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0);
    result.legs[0].filled = 0.1;
    result.legs[0].time_ns = w->now;
    tell(1, &result); /* which is all that was seen of it */
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.35);
    tell(3, &result);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.45);
    result.legs[0].filled = 0.25;
    result.legs[0].time_ns = long_ago; /* of none is anything seen any more: the report lacks it */
    tell(1, &result);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.45);
    drift_is(w->btc[ALPHA], -0.15, 0, 1);
}
END_TEST

START_TEST(what_was_seen_and_not_filled_is_offered_to_others_else_it_is_drift) {
    perp_job one = job_of(1), two = job_of(2);
    run_job(w, &one);
    run_job(w, &two);
    reported(w->btc[ALPHA], 0.1);
    finish_all(w, &one.job_id, PERP_RESULT_NOTHING);
    drift_is(w->btc[ALPHA], 0, 0, 0); /* the other one may have filled it */
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0);
    finish_all(w, &two.job_id, PERP_RESULT_UNKNOWN);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &two.job_id));
    checked(w);
    drift_is(w->btc[ALPHA], 0.1, 0, 1);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 0.1);
    ck_assert_uint_eq(alerts_of(PERP_ALERT_POSITION_DRIFT), 1);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0); /* what appeared is somebody's */
}
END_TEST

START_TEST(fills_after_the_time_of_a_report_are_added_to_it) {
    hedge(1, 50000);
    int64_t before = w->now - SECOND;
    position_at(w, w->btc[ALPHA], before, 0, 0);
    quantity_is(w->btc[ALPHA], 0.25, 50000);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    ck_assert_int_eq(position_of(w, w->btc[ALPHA]).report_time_ns, before);
    reported(w->btc[ALPHA], 0.25); /* now it has it */
    pass(w, SECOND);
    reported(w->btc[ALPHA], 0.25);
    quantity_is(w->btc[ALPHA], 0.25, 50000);
    drift_is(w->btc[ALPHA], 0, 0, 0);
}
END_TEST

START_TEST(clocks_may_differ_within_the_window) {
    static const struct {
        int64_t before_ms;
        double unexplained;
    } cases[] = {{100, 0}, {2000, 0}, {2001, 0.25}};
    hedge(1, 50000);
    /* A report from before the fill that has it already. */
    position_at(w, w->btc[ALPHA], w->now - cases[_i].before_ms * MS, 0.25, 0);
    checked(w);
    drift_is(w->btc[ALPHA], cases[_i].unexplained, 0, cases[_i].unexplained > 0);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.25 + cases[_i].unexplained);
    if (cases[_i].unexplained == 0) {
        /* The fill is in the report: the next one from before it finds nothing to add. */
        position_at(w, w->btc[ALPHA], w->now - 50 * MS, 0.25, 0);
        NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.25);
        drift_is(w->btc[ALPHA], 0, 0, 0);
    }
}
END_TEST

START_TEST(a_report_from_after_a_fill_may_not_have_it_yet) {
    hedge(1, 50000);
    pass(w, SECOND);
    reported(w->btc[ALPHA], 0); /* as it was a second ago, before the fill */
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    quantity_is(w->btc[ALPHA], 0.25, 50000);
    drift_is(w->btc[ALPHA], 0, 0, 0);
}
END_TEST

START_TEST(what_is_within_the_tolerance_adds_up) {
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0.2501); /* 5 USD */
    drift_is(w->btc[ALPHA], 0.0001, 0, 0);
    reported(w->btc[ALPHA], 0.2500);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    reported(w->btc[ALPHA], 0.2501);
    reported(w->btc[ALPHA], 0.2502); /* 10.0004 in all */
    drift_is(w->btc[ALPHA], 0.0002, 0, 1);
}
END_TEST

START_TEST(what_appeared_is_foreign_and_stops_new_risk_in_the_base) {
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 1.25);
    drift_is(w->btc[ALPHA], 1, 0, 1);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 1);
    ck_assert_uint_eq(alerts_of(PERP_ALERT_POSITION_DRIFT), 1);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    perp_job btc = pair_job(2, w->btc[GAMMA], w->btc[BETA]),
             eth = pair_job(3, w->eth[ALPHA], w->eth[BETA]);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    reason_is(evaluated(w, &btc).reason, PERP_REASON_POSITION_DRIFT);
    ck_assert_uint_eq(evaluated(w, &eth).accepted, 1);
    perp_job out = exit_of(4, 1, 1);
    ck_assert_uint_eq(evaluated(w, &out).accepted, 1); /* the way out */
    ck_assert_uint_eq(tick(w)->dispatched, 0);         /* and nobody trades it away */
    fails(w, PERP_E_INVALID, perp_accept_position(w->core, nowc(w), w->btc[ALPHA]));
    ok(w, perp_accept_position(w->core, signedc(w), w->btc[ALPHA]));
    drift_is(w->btc[ALPHA], 0, 0, 0);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 1);
    ck_assert_uint_eq(alerts_of(PERP_ALERT_POSITION_DRIFT), 0);
    ck_assert_uint_eq(evaluated(w, &btc).accepted, 1);
}
END_TEST

START_TEST(one_bad_report_does_not_end_a_hedge) {
    world_with(no_repair);
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    perp_position_state state = position_of(w, w->btc[ALPHA]);
    ck_assert_uint_eq(state.in_doubt, 1);
    ck_assert_uint_eq(state.known, 0); /* also where the age is off */
    quantity_is(w->btc[ALPHA], 0.25, 50000);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert_uint_eq(alerts_of(PERP_ALERT_POSITION_IN_DOUBT), 1);
    perp_job next = pair_job(2, w->btc[ALPHA], w->btc[GAMMA]);
    reason_is(evaluated(w, &next).reason, PERP_REASON_NO_ACCOUNT_DATA);
    /* Another one is looked at afresh, and one that agrees with the book ends it. */
    reported(w->btc[ALPHA], 0.1);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 1);
    quantity_is(w->btc[ALPHA], 0.25, 50000);
    reported(w->btc[ALPHA], 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 1);
    reported(w->btc[ALPHA], 0.25);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 1);
    ck_assert_uint_eq(alerts_of(PERP_ALERT_POSITION_IN_DOUBT), 0);
    ck_assert_uint_eq(evaluated(w, &next).accepted, 1);
}
END_TEST

START_TEST(what_two_reports_say_is_lost_is_naked) {
    world_with(no_repair);
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0.00015); /* 7.5 USD off the one before: the same */
    quantity_is(w->btc[ALPHA], 0.00015, 50000);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    drift_is(w->btc[ALPHA], -0.24985, -0.24985, 1);
    NEAR(base_of(w, "BTC").naked, -0.24985);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    NEAR(w->seen.leg_risk_quantity, -0.24985);
    /* Without PnL; the capital of what vanished is released. */
    ck_assert_int_eq(pnl_of(ALPHA), 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, lot_of(w->btc[ALPHA], 0).used);
    ck_assert_int_le(capital_of(w, ALPHA).total_used, USD(7.5));
    capital_is(BETA, 0, USD(12500));
    /* Accepted, what was lost stays naked. */
    ok(w, perp_accept_position(w->core, signedc(w), w->btc[ALPHA]));
    checked(w);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    NEAR(base_of(w, "BTC").naked, -0.24985);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
}
END_TEST

START_TEST(what_is_lost_is_repaired) {
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    perp_uuid repair = repair_id("BTC", 1);
    ck_assert_uint_eq(w->seen.last_orders[0].instrument, w->btc[BETA]);
    ck_assert_uint_eq(w->seen.last_orders[0].side, PERP_SIDE_BUY);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    state_is(w, 1, PERP_JOB_CLOSED);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    ck_assert(base_of(w, "BTC").gross == 0);
    capital_is(BETA, 0, 0);
    drift_is(w->btc[ALPHA], -0.25, -0.25, 1); /* until somebody says what it was */
}
END_TEST

/* What an exchange did is told after its reports have shown it. */
static void liquidated(perp_instrument_id instrument, uint32_t key, double quantity,
                       int64_t before) {
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = instrument;
    fill.side = quantity > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
    fill.quantity = fabs(quantity);
    fill.price = 50000;
    fill.time_ns = w->now - before;
    fill.key = id_of(key);
    ok(w, perp_record_fill(w->core, nowc(w), &fill));
    checked(w);
}

START_TEST(what_was_lost_is_no_less_naked_once_it_is_told) {
    world_with(no_repair);
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    drift_is(w->btc[ALPHA], -0.25, -0.25, 1);
    liquidated(w->btc[ALPHA], 50, -0.1, 30 * SECOND);
    drift_is(w->btc[ALPHA], -0.15, -0.15, 1);
    NEAR(base_of(w, "BTC").naked, -0.25);
    liquidated(w->btc[ALPHA], 51, -0.15, 30 * SECOND);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    quantity_is(w->btc[ALPHA], 0, 0);
    NEAR(base_of(w, "BTC").naked, -0.25);
    NEAR(base_of(w, "BTC").net, -0.25);
}
END_TEST

START_TEST(what_was_lost_and_repaired_is_not_repaired_again_once_it_is_told) {
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    perp_uuid repair = repair_id("BTC", 1);
    finish_all(w, &repair, PERP_RESULT_COMPLETED);
    liquidated(w->btc[ALPHA], 50, -0.25, 30 * SECOND);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert(base_of(w, "BTC").naked == 0);
    ck_assert_uint_eq(tick(w)->dispatched, 0);
}
END_TEST

START_TEST(what_vanished_is_taken_from_what_is_no_jobs_first) {
    position_at(w, w->btc[ALPHA], w->now, 0.5, 49000);
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0.25); /* closes no lot: taken at once */
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    drift_is(w->btc[ALPHA], -0.5, 0, 1);
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0);
    lot_is(w->btc[ALPHA], 0, 1, 0.25, 50000, USD(12500));
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
}
END_TEST

/* ---- Late fills ---------------------------------------------------------------------------------
 */

START_TEST(a_late_fill_explains_drift) {
    perp_job job = job_of(1);
    world_with(no_repair);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0.1, 50000);
    NEAR(base_of(w, "BTC").naked, 0.15);
    pass(w, MINUTE);
    reported(w->btc[BETA], -0.25);
    drift_is(w->btc[BETA], -0.15, 0, 1);
    NEAR(base_of(w, "BTC").to_square, 0); /* it may be the missing fill */
    amended(1, 0.25, 0.25, 50000);
    drift_is(w->btc[BETA], 0, 0, 0);
    quantity_is(w->btc[BETA], -0.25, 50000);
    ck_assert(position_of(w, w->btc[BETA]).foreign == 0);
    lot_is(w->btc[BETA], 0, 1, -0.25, 50000, USD(12500));
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    state_is(w, 1, PERP_JOB_OPEN);
}
END_TEST

START_TEST(a_late_fill_without_drift_changes_the_quantity) {
    hedge(1, 50000);
    amended(1, 0.3, 0.3, 50000);
    quantity_is(w->btc[ALPHA], 0.3, 50000);
    lot_is(w->btc[ALPHA], 0, 1, 0.3, 50000, USD(15000));
    capital_is(ALPHA, 0, USD(15000));
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
}
END_TEST

START_TEST(a_fill_from_well_before_the_last_report_was_in_it_or_is_missing) {
    perp_job job = job_of(1);
    perp_job_result result = pair_result(0.1, 0, 50000);
    run_job(w, &job);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0);
    result.legs[0].time_ns = w->now - 2 * SECOND; /* the window */
    tell(1, &result);
    /* The report, which had it, says that nothing is there: somebody has sold as much. */
    ck_assert(position_of(w, w->btc[ALPHA]).quantity == 0);
    ck_assert(position_of(w, w->btc[ALPHA]).foreign == 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).n_lots, 0);
    capital_is(ALPHA, USD(7500), 0);
    drift_is(w->btc[ALPHA], -0.1, 0, 1);
    /* Of one that is nearer, it is not known. */
    result = pair_result(0.2, 0, 50000);
    result.legs[0].time_ns = w->now - 2 * SECOND + 1;
    tell(1, &result);
    NEAR(position_of(w, w->btc[ALPHA]).quantity, 0.1);
    lot_is(w->btc[ALPHA], 0, 1, 0.1, 50000, USD(5000));
    drift_is(w->btc[ALPHA], -0.1, 0, 1);
}
END_TEST

/* ---- Accounts -----------------------------------------------------------------------------------
 */

static perp_account_report account_of(perp_exchange_id exchange,
                                      const perp_position_report *positions, uint32_t n) {
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = exchange;
    report.n_positions = n;
    report.positions = positions;
    return report;
}

START_TEST(an_account_report_is_of_all_its_instruments) {
    perp_position_report there[2] = {report_of(w->btc[ALPHA], 1, 49000),
                                     report_of(w->eth[ALPHA], -2, 2400)};
    perp_account_report report = account_of(ALPHA, there, 2);
    report.has_equity = 1;
    report.equity = USD(1000001);
    ok(w, perp_account(w->core, nowc(w), &report));
    quantity_is(w->btc[ALPHA], 1, 49000);
    quantity_is(w->eth[ALPHA], -2, 2400);
    ck_assert_int_eq(capital_of(w, ALPHA).equity, USD(1000001));
    ck_assert_uint_eq(position_of(w, w->btc[BETA]).reported, 0);
    /* What it does not list is 0. */
    report = account_of(ALPHA, there, 1);
    ok(w, perp_account(w->core, nowc(w), &report));
    ck_assert_int_eq(capital_of(w, ALPHA).equity, USD(1000001));
    ck_assert(position_of(w, w->eth[ALPHA]).quantity == 0);
    drift_is(w->eth[ALPHA], 2, 0, 1);
    drift_is(w->btc[ALPHA], 0, 0, 0);
}
END_TEST

START_TEST(a_bad_account_report_is_refused_whole) {
    perp_position_report there[2] = {report_of(w->btc[ALPHA], 1, 49000),
                                     report_of(w->eth[ALPHA], -2, 2400)};
    perp_account_report good = account_of(ALPHA, there, 2), report = good;
    report.exchange = N_X;
    fails(w, PERP_E_NOT_FOUND, perp_account(w->core, nowc(w), &report));
    there[1].instrument = w->eth[BETA];
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), &good));
    ck_assert_str_eq(perp_core_error(w->core),
                     "positions[1]: ETH/USDT:USDT is of another exchange");
    there[1].instrument = w->btc[ALPHA]; /* both sides at once */
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), &good));
    ck_assert_str_eq(perp_core_error(w->core), "positions[1]: BTC/USDT:USDT is there twice");
    there[1] = report_of(w->eth[ALPHA], NAN, 2400);
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), &good));
    there[1] = report_of(w->eth[ALPHA], -2, 2400);
    report = good;
    report.has_equity = 2;
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), &report));
    report = good;
    report.positions = NULL;
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), &report));
    ok(w, perp_account(w->core, nowc(w), &good));
    /* None is older than the last of an instrument; the same time is no older. */
    ok(w, perp_account(w->core, nowc(w), &good));
    pass(w, SECOND);
    reported(w->btc[ALPHA], 1);
    report = good;
    report.time_ns = w->now - 1;
    fails(w, PERP_E_STALE, perp_account(w->core, nowc(w), &report));
    perp_position_report one = report_of(w->btc[ALPHA], 1, 49000);
    fails(w, PERP_E_STALE, perp_position(w->core, nowc(w), &one, w->now - 1));
    ok(w, perp_position(w->core, nowc(w), &one, w->now + HOUR)); /* counts as now */
    ck_assert_int_eq(position_of(w, w->btc[ALPHA]).report_time_ns, w->now);
}
END_TEST

static void with_age(perp_config *config) {
    config->risk.account_max_age_ms = 300000;
}

START_TEST(unknown_is_not_zero) {
    world_with(with_age);
    perp_job job = job_of(1);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_ACCOUNT_DATA);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 0);
    /* The equity of each was told; the instruments of one leg, then of both. */
    reported(w->btc[ALPHA], 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 1);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_ACCOUNT_DATA);
    perp_account_report report = account_of(BETA, NULL, 0);
    ok(w, perp_account(w->core, nowc(w), &report));
    ck_assert_uint_eq(position_of(w, w->btc[BETA]).known, 1);
    ck_assert_uint_eq(position_of(w, w->eth[BETA]).known, 1);
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    /* One that could not be read. */
    perp_position_report bad = report_of(w->btc[ALPHA], 0, 0);
    bad.leverage = 0.5;
    fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &bad, w->now));
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 0);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_ACCOUNT_DATA);
    reported(w->btc[ALPHA], 0);
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    /* Five minutes later the equity is too old, too. */
    pass(w, 300 * SECOND);
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    pass(w, 1);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_ACCOUNT_DATA);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[BETA], 0);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_ACCOUNT_DATA);
    ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1000000)));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(1000000)));
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
}
END_TEST

/* An exchange that says the same again, with the time that it had before. */
START_TEST(an_account_report_of_the_same_time_is_heard_again) {
    world_with(with_age);
    perp_account_report report = account_of(ALPHA, NULL, 0);
    report.time_ns = w->now;
    ok(w, perp_account(w->core, nowc(w), &report));
    pass(w, SECOND);
    perp_position_report bad = report_of(w->btc[ALPHA], 0, 0);
    bad.leverage = 0.5;
    fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &bad, w->now));
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 0);
    ok(w, perp_account(w->core, nowc(w), &report));
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 1);
    /* So is its age the one of when it was heard. */
    pass(w, 290 * SECOND);
    ok(w, perp_account(w->core, nowc(w), &report));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1000000)));
    pass(w, 290 * SECOND);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).known, 1);
    ck_assert_uint_eq(position_of(w, w->eth[ALPHA]).known, 1);
}
END_TEST

/* ---- Resolve, close -----------------------------------------------------------------------------
 */

/* Long 0.25 on alpha by job 1, and the host says that it is squared. */
static void resolved(void) {
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, 50000);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    state_is(w, 1, PERP_JOB_OPEN);
}

START_TEST(what_a_resolve_announced_is_no_drift) {
    resolved();
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 0.1); /* the host has sold 0.15 by hand */
    drift_is(w->btc[ALPHA], 0, 0, 0);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).in_doubt, 0);
    lot_is(w->btc[ALPHA], 0, 1, 0.1, 50000, USD(5000));
    reported(w->btc[ALPHA], 0);
    drift_is(w->btc[ALPHA], 0, 0, 0);
    state_is(w, 1, PERP_JOB_CLOSED);
    capital_is(ALPHA, 0, 0);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    reported(w->btc[BETA], -0.1); /* more than was announced */
    drift_is(w->btc[BETA], -0.1, 0, 1);
}
END_TEST

START_TEST(it_is_announced_for_any_instrument_of_the_base_and_only_that_day) {
    resolved();
    if (_i == 1) {
        perp_call call = *signed_at(w, START + DAY);
        ok(w, perp_core_advance(w->core, &call));
        w->now = START + DAY;
    }
    pass(w, MINUTE);
    reported(w->btc[BETA], -0.25);
    drift_is(w->btc[BETA], _i == 0 ? 0 : -0.25, 0, _i != 0);
    NEAR(position_of(w, w->btc[BETA]).foreign, -0.25);
}
END_TEST

START_TEST(resolve_ends_latched_drift_of_the_base) {
    hedge(1, 50000);
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 1.25);
    drift_is(w->btc[ALPHA], 1, 0, 1);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    drift_is(w->btc[ALPHA], 0, 0, 0);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 1);
}
END_TEST

START_TEST(closed_outside_the_position_changes_by_its_lots) {
    perp_job job = job_of(1);
    perp_uuid id = id_of(1);
    position_at(w, w->btc[ALPHA], w->now, 1, 49000);
    world_with(no_repair);
    position_at(w, w->btc[ALPHA], w->now, 1, 49000);
    run_job(w, &job);
    finish_pair(w, &id, 0.25, 0, 50000);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &id, USD(3), USD(12500), USD(1)));
    checked(w);
    state_is(w, 1, PERP_JOB_CLOSED);
    quantity_is(w->btc[ALPHA], 1, (49000 + 0.25 * 50000) / 1.25);
    NEAR(position_of(w, w->btc[ALPHA]).foreign, 1);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0); /* it was balanced */
    capital_is(ALPHA, 0, 0);
    ck_assert_int_eq(pnl_of(ALPHA) + pnl_of(BETA), USD(3));
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_close(w->scheduler, nowc(w), &id, 0, 0, 0));
    /* A report a little later agrees. */
    pass(w, MINUTE);
    reported(w->btc[ALPHA], 1);
    drift_is(w->btc[ALPHA], 0, 0, 0);
}
END_TEST

/* ---- Limits on what is open ---------------------------------------------------------------------
 */

START_TEST(spot_that_can_be_borrowed_is_sold_without_having_it) {
    perp_instrument_spec spec;
    perp_instrument_id spot[2];
    perp_instrument_spec_init(&spec);
    spec.exchange = BETA;
    spec.kind = PERP_KIND_SPOT;
    for (int i = 0; i < 2; i++) {
        snprintf(spec.symbol, sizeof spec.symbol, "BTC/USD%c", i ? 'C' : 'T');
        spec.can_borrow = (uint32_t)i;
        ok(w, perp_instrument_add(w->core, &spec, &spot[i]));
        quote_at(w, spot[i], w->now, BTC_BID, BTC_ASK, 1000);
    }
    perp_job job = pair_job(1, w->btc[ALPHA], spot[0]);
    reason_is(evaluated(w, &job).reason, PERP_REASON_NO_INVENTORY);
    job.legs[1].instrument = spot[1];
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    /* What running jobs sell of it is gone. */
    position_at(w, spot[0], w->now, 0.4, BTC_MID);
    job.legs[1].instrument = spot[0];
    run_job(w, &job);
    job.job_id = id_of(2);
    perp_evaluation e = evaluated(w, &job);
    reason_is(e.reason, PERP_REASON_NO_INVENTORY);
    NEAR(e.rules[PERP_REASON_NO_INVENTORY].limit, 0.15);
}
END_TEST

START_TEST(in_one_tick_no_more_of_a_spot_is_sold_than_is_there) {
    perp_instrument_spec spec;
    perp_instrument_id spot;
    perp_instrument_spec_init(&spec);
    spec.exchange = BETA;
    spec.kind = PERP_KIND_SPOT;
    strcpy(spec.symbol, "BTC/USDT");
    ok(w, perp_instrument_add(w->core, &spec, &spot));
    quote_at(w, spot, w->now, BTC_BID, BTC_ASK, 1000);
    position_at(w, spot, w->now, 0.6, BTC_MID);
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = pair_job(n, w->btc[n == 2 ? GAMMA : ALPHA], spot); /* 0.25 each */
        submit(w, &job);
    }
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2);
    perp_uuid third = id_of(3);
    reason_is(reason_in(result, PERP_TICK_SKIPPED, &third), PERP_REASON_NO_INVENTORY);
    checked(w);
}
END_TEST

START_TEST(limits_on_what_is_open_count_running_legs_and_let_the_way_out) {
    perp_instrument_spec spec;
    perp_instrument_id limited;
    perp_instrument_spec_init(&spec);
    spec.exchange = BETA;
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.max_position_usd = USD(20000);
    spec.min_notional = USD(10000);
    ok(w, perp_instrument_add(w->core, &spec, &limited));
    quote_at(w, limited, w->now, BTC_BID, BTC_ASK, 1000);
    perp_job job = pair_job(1, w->btc[ALPHA], limited), more = pair_job(2, w->btc[ALPHA], limited);
    run_job(w, &job);
    perp_evaluation e = evaluated(w, &more);
    reason_is(e.reason, PERP_REASON_POSITION_LIMIT);
    NEAR(e.rules[PERP_REASON_POSITION_LIMIT].value, 0.5 * BTC_MID);
    finish_pair(w, &job.job_id, 0.25, 0.25, BTC_MID);
    ck_assert(fails_by(&more, PERP_REASON_POSITION_LIMIT));
    /* A part that is worth less than the exchange takes may go, as it reduces. */
    perp_job out = exit_of(3, 1, 0.1);
    e = evaluated(w, &out);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert_uint_eq(e.reasons, 0);
}
END_TEST

/* ---- A restart ----------------------------------------------------------------------------------
 */

static void keep(void *user) {
    (void)user;
}

/* Closes the book and reads it from its store: the hash that it then has. */
static uint64_t hash_again(perp_config *config, const perp_store *store) {
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    config->store = *store;
    ck_assert_msg(perp_core_open(config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->positions = perp_core_positions(w->core);
    return perp_core_hash(w->core);
}

START_TEST(a_resolve_that_cancels_a_repair_stops_none) {
    perp_config config;
    perp_store store;
    world_close(w);
    world_config(&config);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, 50000);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    perp_uuid repair = repair_id("BTC", 1);
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    amended(1, 0.25, 0.25, 50000); /* it was filled: the repair that waits is for nothing */
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
    ck_assert_uint_eq(base_of(w, "BTC").has_repair, 1);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    checked(w);
    ck_assert_uint_eq(base_of(w, "BTC").has_repair, 0);
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 0);
    uint64_t hash = perp_core_hash(w->core);
    ck_assert_uint_eq(hash_again(&config, &store), hash);
    ck_assert_uint_eq(base_of(w, "BTC").stopped, 0);
}
END_TEST

/* The first change of the next day rolls it, and is worked out from what the roll leaves. */
START_TEST(what_was_announced_ends_with_its_day_whatever_comes_first_on_the_next) {
    perp_config config;
    perp_store store;
    world_close(w);
    world_config(&config);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    resolved();
    perp_job job = job_of(2);
    if (_i == 1)
        run_job(w, &job);
    pass(w, DAY);
    if (_i == 1)
        finish_pair(w, &job.job_id, 0.25, 0.2, 50000);
    reported(w->btc[BETA], _i == 1 ? -0.45 : -0.25);
    drift_is(w->btc[BETA], -0.25, 0, 1);
    uint64_t hash = perp_core_hash(w->core);
    ck_assert_uint_eq(hash_again(&config, &store), hash);
    drift_is(w->btc[BETA], -0.25, 0, 1);
}
END_TEST

START_TEST(all_of_it_is_there_after_a_restart) {
    perp_config config;
    perp_store store;
    world_close(w);
    world_config(&config);
    with_age(&config);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    for (uint32_t x = 0; x < N_X; x++) {
        perp_account_report report = account_of(x, NULL, 0);
        ok(w, perp_account(w->core, nowc(w), &report));
    }
    hedge(1, 50000);
    hedge(2, 50100);
    perp_job out = exit_of(3, 2, 0.4), eth = pair_job(4, w->eth[ALPHA], w->eth[BETA]);
    run_job(w, &out);
    filled(3, 0.05, 0.02, 50200);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    run_job(w, &eth);
    reported(w->eth[ALPHA], 2); /* seen */
    reported(w->btc[GAMMA], 1); /* somebody's */
    pass(w, MINUTE);
    reported(w->btc[BETA], 0); /* put aside */
    ck_assert_uint_eq(position_of(w, w->btc[BETA]).in_doubt, 1);
    perp_position_state before[2 * N_X], state;
    perp_lot_state lots[2] = {lot_of(w->btc[ALPHA], 0), lot_of(w->btc[ALPHA], 1)};
    for (uint32_t i = 0; i < 2 * N_X; i++)
        before[i] = position_of(w, i);
    uint64_t hash = perp_core_hash(w->core);
    if (_i == 1)
        ok(w, perp_core_checkpoint(w->core));
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    config.store = store;
    world_reopen(w, &config);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    for (uint32_t i = 0; i < 2 * N_X; i++) {
        state = position_of(w, i);
        ck_assert_uint_eq(state.known, 0); /* nobody has told this process */
        state.known = before[i].known;
        if (isnan(state.entry_price))
            state.entry_price = before[i].entry_price = 0;
        ck_assert_mem_eq(&state, &before[i], sizeof state);
    }
    for (uint32_t i = 0; i < 2; i++) {
        perp_lot_state lot = lot_of(w->btc[ALPHA], i);
        ck_assert_mem_eq(&lot, &lots[i], sizeof lot);
    }
    /* And it goes on as it would have. */
    quotes(w);
    filled(4, 5, 5, ETH_BID);
    NEAR(position_of(w, w->eth[ALPHA]).quantity, 5);
    reported(w->btc[BETA], 0);
    ck_assert_uint_eq(position_of(w, w->btc[BETA]).in_doubt, 0);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("positions");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_fill_opens_the_lot_of_its_leg_and_more_of_it_is_averaged_in);
    tcase_add_test(tcase, a_fill_closes_the_lots_that_its_job_names_before_the_oldest);
    tcase_add_test(tcase, what_a_fill_does_not_close_it_opens_on_the_other_side);
    tcase_add_test(tcase, what_is_no_jobs_is_closed_after_lots_and_realises_against_the_entry);
    tcase_add_test(tcase, what_the_host_says_of_pnl_is_booked_instead);
    tcase_add_test(tcase, three_tenths_close_with_three_fills_of_a_tenth);
    tcase_add_test(tcase, an_exit_of_what_sums_left_a_hair_off_is_of_whole_steps);
    tcase_add_test(tcase, an_exit_may_be_of_a_part_and_only_of_what_is_open);
    tcase_add_test(tcase, shares_are_floored_and_the_last_fill_takes_all_that_is_left);
    tcase_add_test(tcase, at_the_end_of_a_job_what_is_in_flight_is_released);
    tcase_add_test(tcase, more_than_was_ordered_is_counted_at_its_price);
    tcase_add_test(tcase, ending_jobs_passes_no_limit);
    tcase_add_test(tcase, the_first_report_is_taken_over_where_nothing_was_dispatched);
    tcase_add_test(tcase, the_entry_of_a_report_of_nothing_is_none);
    tcase_add_test(tcase, a_report_says_leverage_margin_and_liquidation_too);
    tcase_add_test(tcase, what_a_report_shows_half_way_through_a_job_counts_once);
    tcase_add_test(tcase, a_later_report_takes_back_what_was_seen);
    tcase_add_test(tcase, running_legs_have_seen_in_the_order_of_dispatch);
    tcase_add_test(tcase, an_old_fill_uses_up_what_was_seen_of_others_before_it_is_missing);
    tcase_add_test(tcase, what_was_seen_and_not_filled_is_offered_to_others_else_it_is_drift);
    tcase_add_test(tcase, fills_after_the_time_of_a_report_are_added_to_it);
    tcase_add_loop_test(tcase, clocks_may_differ_within_the_window, 0, 3);
    tcase_add_test(tcase, a_report_from_after_a_fill_may_not_have_it_yet);
    tcase_add_test(tcase, what_is_within_the_tolerance_adds_up);
    tcase_add_test(tcase, what_appeared_is_foreign_and_stops_new_risk_in_the_base);
    tcase_add_test(tcase, one_bad_report_does_not_end_a_hedge);
    tcase_add_test(tcase, what_two_reports_say_is_lost_is_naked);
    tcase_add_test(tcase, what_is_lost_is_repaired);
    tcase_add_test(tcase, what_was_lost_is_no_less_naked_once_it_is_told);
    tcase_add_test(tcase, what_was_lost_and_repaired_is_not_repaired_again_once_it_is_told);
    tcase_add_test(tcase, what_vanished_is_taken_from_what_is_no_jobs_first);
    tcase_add_test(tcase, a_late_fill_explains_drift);
    tcase_add_test(tcase, a_late_fill_without_drift_changes_the_quantity);
    tcase_add_test(tcase, a_fill_from_well_before_the_last_report_was_in_it_or_is_missing);
    tcase_add_test(tcase, an_account_report_is_of_all_its_instruments);
    tcase_add_test(tcase, a_bad_account_report_is_refused_whole);
    tcase_add_test(tcase, unknown_is_not_zero);
    tcase_add_test(tcase, an_account_report_of_the_same_time_is_heard_again);
    tcase_add_test(tcase, what_a_resolve_announced_is_no_drift);
    tcase_add_loop_test(tcase, it_is_announced_for_any_instrument_of_the_base_and_only_that_day, 0,
                        2);
    tcase_add_test(tcase, a_resolve_that_cancels_a_repair_stops_none);
    tcase_add_test(tcase, resolve_ends_latched_drift_of_the_base);
    tcase_add_test(tcase, closed_outside_the_position_changes_by_its_lots);
    tcase_add_test(tcase, spot_that_can_be_borrowed_is_sold_without_having_it);
    tcase_add_test(tcase, in_one_tick_no_more_of_a_spot_is_sold_than_is_there);
    tcase_add_test(tcase, limits_on_what_is_open_count_running_legs_and_let_the_way_out);
    tcase_add_loop_test(
        tcase, what_was_announced_ends_with_its_day_whatever_comes_first_on_the_next, 0, 2);
    tcase_add_loop_test(tcase, all_of_it_is_there_after_a_restart, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
