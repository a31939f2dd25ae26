/* The capital ledger through its public functions. */
#include "fixture.h"

static struct world *w;

/* The defaults of the library: 70/20/10, single 10 %, total 30 %. */
static void open_default(void) {
    perp_config config;
    perp_config_init(&config);
    config.risk.account_max_age_ms = 0;
    w = world_open(&config);
}

static void close_world(void) {
    world_close(w);
}

/* A fresh world whose limits are as given (ppm), so that one check at a time bounds. */
static void open_limits(uint32_t single, uint32_t total) {
    perp_config config;
    perp_config_init(&config);
    config.risk.account_max_age_ms = 0;
    config.capital.max_single_reserve_ppm = single;
    config.capital.max_total_notional_ppm = total;
    w = world_open(&config);
}

static perp_refusal reserve_as(perp_exchange_id x, uint32_t pool, perp_usd amount, uint64_t *id) {
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    ok(w, perp_capital_reserve(w->capital, nowc(w), x, pool, amount, NULL, id, &refusal));
    checked(w);
    return refusal;
}

static uint64_t reserved(perp_exchange_id x, uint32_t pool, perp_usd amount) {
    uint64_t id = 0;
    perp_refusal refusal = reserve_as(x, pool, amount, &id);
    reason_is(refusal.reason, PERP_REASON_NONE);
    ck_assert_uint_ne(id, 0);
    return id;
}

static void refused(perp_exchange_id x, uint32_t pool, perp_usd amount, uint32_t reason,
                    perp_usd limit) {
    uint64_t id = 77;
    perp_refusal refusal = reserve_as(x, pool, amount, &id);
    reason_is(refusal.reason, reason);
    ck_assert_uint_eq(id, 0);
    ck_assert_uint_eq(refusal.exchange, x);
    ck_assert_uint_eq(refusal.pool, pool);
    ck_assert_int_eq(refusal.asked, amount);
    ck_assert_int_eq(refusal.limit, limit);
}

/* Reported twice: one report that is far off is put aside until the next says the same. */
static void set_equity(perp_exchange_id x, perp_usd equity) {
    ok(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
    checked(w);
    ok(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
    checked(w);
    ck_assert_int_eq(capital_of(w, x).equity, equity);
}

START_TEST(a_pool_without_a_budget_is_not_used) {
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, 0));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, 0));
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        ck_assert_int_eq(capital_of(w, BETA).pools[pool].budget, 0);
        ck_assert_double_eq(capital_of(w, BETA).pools[pool].utilisation, 0);
    }
}
END_TEST

START_TEST(budgets_are_floored_and_sum_to_the_equity_exactly) {
    set_equity(ALPHA, INT64_C(12345678901));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.pools[PERP_POOL_WASH].budget, INT64_C(8641975230));
    ck_assert_int_eq(s.pools[PERP_POOL_ARB].budget, INT64_C(2469135780));
    ck_assert_int_eq(s.pools[PERP_POOL_RESERVE].budget, INT64_C(1234567891));
    set_equity(ALPHA, 1);
    s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.pools[PERP_POOL_WASH].budget, 0);
    ck_assert_int_eq(s.pools[PERP_POOL_RESERVE].budget, 1);
}
END_TEST

START_TEST(budgets_of_the_largest_equity_do_not_overflow) {
    perp_status status = perp_capital_update_equity(w->capital, nowc(w), GAMMA, INT64_MAX / 2);
    ck_assert(status == PERP_OK || status == PERP_E_RANGE);
    checked(w);
    if (status == PERP_OK) {
        perp_capital_state s = capital_of(w, GAMMA);
        ck_assert_int_eq(s.pools[0].budget + s.pools[1].budget + s.pools[2].budget, s.equity);
        ck_assert_int_gt(s.pools[PERP_POOL_WASH].budget, INT64_MAX / 4);
    }
}
END_TEST

START_TEST(of_a_negative_equity_budgets_and_limits_are_those_of_nothing) {
    fails(w, PERP_E_RANGE, perp_capital_update_equity(w->capital, nowc(w), ALPHA, INT64_MIN));
    fails(w, PERP_E_RANGE, perp_capital_update_equity(w->capital, nowc(w), ALPHA, INT64_MIN / 200));
    set_equity(ALPHA, -USD(500));
    perp_capital_state s = capital_of(w, ALPHA);
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        ck_assert_int_eq(s.pools[pool].budget, 0);
        ck_assert_int_eq(s.pools[pool].available, 0);
    }
    refused(ALPHA, PERP_POOL_WASH, 1, PERP_REASON_SINGLE_LIMIT, 0);
    ck_assert_double_eq(s.drawdown, 1.0005);
    ck_assert_uint_eq(s.safe_mode, 1);
    set_equity(ALPHA, 0);
}
END_TEST

START_TEST(a_refusal_names_the_first_check_that_fails_and_what_it_would_pass) {
    /* 1,000,000 USD: wash 700,000, single 70,000, total 300,000. */
    refused(ALPHA, PERP_POOL_WASH, USD(70000) + 1, PERP_REASON_SINGLE_LIMIT, USD(70000));
    for (int i = 0; i < 4; i++) {
        reserved(ALPHA, PERP_POOL_WASH, USD(70000));
    }
    refused(ALPHA, PERP_POOL_WASH, USD(20000) + 1, PERP_REASON_TOTAL_LIMIT, USD(20000));
    refused(ALPHA, PERP_POOL_WASH, USD(70001), PERP_REASON_SINGLE_LIMIT, USD(70000));
    refused(ALPHA, PERP_POOL_ARB, USD(20000) + 1, PERP_REASON_SINGLE_LIMIT, USD(20000));
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), ALPHA, 1));
    refused(ALPHA, PERP_POOL_ARB, USD(900000), PERP_REASON_SAFE_MODE, 0);
    refused(ALPHA, PERP_POOL_WASH, USD(900000), PERP_REASON_SINGLE_LIMIT, USD(70000));
    reserved(ALPHA, PERP_POOL_RESERVE, USD(1));
    set_equity(ALPHA, USD(800000));
    refused(ALPHA, PERP_POOL_RESERVE, 1, PERP_REASON_TOTAL_LIMIT, 0);
}
END_TEST

START_TEST(a_pool_gives_no_more_than_is_available) {
    reserved(ALPHA, PERP_POOL_RESERVE, USD(99999));
    refused(ALPHA, PERP_POOL_RESERVE, USD(2), PERP_REASON_INSUFFICIENT, USD(1));
    reserved(ALPHA, PERP_POOL_RESERVE, USD(1));
    refused(ALPHA, PERP_POOL_RESERVE, 1, PERP_REASON_INSUFFICIENT, 0);
    reserved(ALPHA, PERP_POOL_ARB, USD(200000));
}
END_TEST

START_TEST(confirmed_money_keeps_counting_against_the_total) {
    for (int i = 0; i < 4; i++) {
        uint64_t id = reserved(ALPHA, PERP_POOL_WASH, USD(70000));
        ok(w, perp_capital_confirm(w->capital, nowc(w), id, 0));
    }
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(280000));
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    refused(ALPHA, PERP_POOL_WASH, USD(30000), PERP_REASON_TOTAL_LIMIT, USD(20000));
}
END_TEST

START_TEST(ids_rise_by_one_and_a_refused_or_failed_call_takes_none) {
    uint64_t id = 0;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    ck_assert_uint_eq(reserved(ALPHA, PERP_POOL_WASH, 1), 1);
    refused(ALPHA, PERP_POOL_WASH, USD(900000), PERP_REASON_SINGLE_LIMIT, USD(70000));
    fails(w, PERP_E_RANGE,
          perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_WASH, 0, NULL, &id, &refusal));
    ck_assert_uint_eq(reserved(BETA, PERP_POOL_ARB, 1), 2);
    ok(w, perp_capital_release(w->capital, nowc(w), 2, 0));
    ck_assert_uint_eq(reserved(BETA, PERP_POOL_ARB, 1), 3);
}
END_TEST

START_TEST(a_key_is_reserved_once) {
    perp_uuid key = id_of(5), other = id_of(6);
    uint64_t first = 0, id = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    perp_capital *c = w->capital;
    /* A refused call leaves no key. */
    ok(w, perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_WASH, USD(900000), &key, &first, &r));
    reason_is(r.reason, PERP_REASON_SINGLE_LIMIT);
    ok(w, perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_WASH, 5, &key, &first, &r));
    reason_is(r.reason, PERP_REASON_NONE);
    fails(w, PERP_E_EXISTS,
          perp_capital_reserve(c, at(w, w->now + SECOND), ALPHA, PERP_POOL_WASH, 5, &key, &id, &r));
    ck_assert_uint_eq(id, first);
    fails(w, PERP_E_CONFLICT,
          perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_WASH, 6, &key, &id, &r));
    fails(w, PERP_E_CONFLICT,
          perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_ARB, 5, &key, &id, &r));
    fails(w, PERP_E_CONFLICT,
          perp_capital_reserve(c, nowc(w), BETA, PERP_POOL_WASH, 5, &key, &id, &r));
    ok(w, perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_WASH, 5, &other, &id, &r));
    ck_assert_uint_eq(id, first + 1);
    ok(w, perp_capital_release(c, nowc(w), first, 0));
    id = 0;
    fails(w, PERP_E_EXISTS,
          perp_capital_reserve(c, nowc(w), ALPHA, PERP_POOL_WASH, 5, &key, &id, &r));
    ck_assert_uint_eq(id, first);
}
END_TEST

START_TEST(confirm_and_release_move_exactly_what_they_say) {
    uint64_t id = reserved(ALPHA, PERP_POOL_WASH, 100);
    perp_reservation row;
    uint32_t count = 0;
    fails(w, PERP_E_RANGE, perp_capital_confirm(w->capital, nowc(w), id, 101));
    fails(w, PERP_E_RANGE, perp_capital_confirm(w->capital, nowc(w), id, -1));
    fails(w, PERP_E_RANGE, perp_capital_release(w->capital, nowc(w), id, 101));
    fails(w, PERP_E_RANGE, perp_capital_release(w->capital, nowc(w), id, -1));
    ok(w, perp_capital_confirm(w->capital, nowc(w), id, 60));
    /* 40 in flight go first, then 10 of what is used. */
    ok(w, perp_capital_release(w->capital, nowc(w), id, 50));
    ok(w, perp_capital_reservations(w->capital, ALPHA, &row, 1, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(row.reserved, 100);
    ck_assert_int_eq(row.in_flight, 0);
    ck_assert_int_eq(row.used, 50);
    ck_assert_int_eq(row.released, 50);
    ck_assert_uint_eq(row.has_job, 0);
    /* Confirming all of nothing is no error. */
    ok(w, perp_capital_confirm(w->capital, nowc(w), id, 0));
    fails(w, PERP_E_RANGE, perp_capital_confirm(w->capital, nowc(w), id, 1));
    ok(w, perp_capital_release(w->capital, nowc(w), id, 0));
    fails(w, PERP_E_NOT_FOUND, perp_capital_release(w->capital, nowc(w), id, 0));
    fails(w, PERP_E_NOT_FOUND, perp_capital_confirm(w->capital, nowc(w), id, 0));
    fails(w, PERP_E_NOT_FOUND, perp_capital_release(w->capital, nowc(w), 999, 0));
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_WASH].available, USD(700000));
}
END_TEST

START_TEST(equity_that_falls_takes_nothing_back_and_shows_what_is_overcommitted) {
    reserved(ALPHA, PERP_POOL_WASH, USD(70000));
    set_equity(ALPHA, USD(10000));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.overcommitted, USD(63000));
    ck_assert_int_eq(s.pools[PERP_POOL_WASH].in_flight, USD(70000));
    ck_assert_int_eq(s.pools[PERP_POOL_WASH].available, 0);
    ck_assert_double_eq_tol(s.pools[PERP_POOL_WASH].utilisation, 10.0, 1e-12);
}
END_TEST

START_TEST(headroom_is_the_largest_amount_that_passes) {
    static const uint32_t pools[] = {PERP_POOL_WASH, PERP_POOL_ARB, PERP_POOL_RESERVE};
    for (size_t i = 0; i < 3; i++) {
        for (int round = 0; round < 6; round++) {
            perp_usd amount = -1;
            uint32_t bound = 0;
            ok(w, perp_capital_headroom(w->capital, BETA, pools[i], &amount, &bound));
            uint64_t id = 0;
            perp_refusal r = reserve_as(BETA, pools[i], amount + 1, &id);
            reason_is(r.reason, bound);
            ck_assert_int_eq(r.limit, amount);
            if (amount > 0) {
                reserved(BETA, pools[i], amount);
            }
        }
    }
}
END_TEST

START_TEST(of_equal_bounds_headroom_names_the_first) {
    perp_usd amount = -1;
    uint32_t bound = 0;
    /* A reserve pool of 100,000 of which 100 % may go at once: single and available are equal. */
    ok(w, perp_capital_headroom(w->capital, ALPHA, PERP_POOL_RESERVE, &amount, &bound));
    ck_assert_int_eq(amount, USD(100000));
    reason_is(bound, PERP_REASON_SINGLE_LIMIT);
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), ALPHA, 1));
    ok(w, perp_capital_headroom(w->capital, ALPHA, PERP_POOL_ARB, &amount, &bound));
    ck_assert_int_eq(amount, 0);
    reason_is(bound, PERP_REASON_SAFE_MODE);
}
END_TEST

START_TEST(a_transfer_is_no_loss_and_no_gain) {
    ok(w, perp_capital_transfer(w->capital, nowc(w), ALPHA, -USD(400000), 0));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.equity, USD(600000));
    ck_assert_int_eq(s.high_water, USD(600000));
    ck_assert_int_eq(s.day_start_equity, USD(600000));
    ck_assert_uint_eq(s.safe_mode, 0);
    ck_assert_double_eq(s.drawdown, 0.0);
    perp_risk_state r = risk_of(w);
    ck_assert_uint_eq(r.daily_loss_reached, 0);
    ck_assert_int_eq(r.daily_loss, 0);
    ck_assert_double_eq(r.drawdown, 0.0);
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, -USD(600000) - 1, 0));
    ok(w, perp_capital_transfer(w->capital, nowc(w), ALPHA, USD(1), 0));
    ck_assert_int_eq(capital_of(w, ALPHA).high_water, USD(600001));
}
END_TEST

START_TEST(a_withdrawal_of_what_was_earned_today_moves_the_start_of_the_day_below_zero) {
    set_equity(ALPHA, USD(2000000));
    ok(w, perp_capital_transfer(w->capital, nowc(w), ALPHA, -USD(1500000), 0));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.day_start_equity, -USD(500000));
    ck_assert_int_eq(s.equity, USD(500000));
    ck_assert_int_eq(s.high_water, USD(500000));
}
END_TEST

START_TEST(safe_mode_comes_at_the_drawdown_limit_and_not_before) {
    set_equity(ALPHA, USD(950000) + 1);
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 0);
    set_equity(ALPHA, USD(950000));
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 1);
    set_equity(ALPHA, USD(1000000));
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 1);
    ck_assert_uint_eq(capital_of(w, BETA).safe_mode, 0);
}
END_TEST

START_TEST(leaving_safe_mode_resets_the_high_water_mark_only_where_it_was_on) {
    set_equity(ALPHA, USD(990000));
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), ALPHA, 0));
    ck_assert_int_eq(capital_of(w, ALPHA).high_water, USD(1000000));
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), ALPHA, 1));
    fails(w, PERP_E_INVALID, perp_capital_set_safe_mode(w->capital, nowc(w), ALPHA, 0));
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), ALPHA, 0));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.high_water, USD(990000));
    ck_assert_uint_eq(s.safe_mode, 0);
}
END_TEST

START_TEST(correct_sets_the_start_of_the_day_and_the_marks) {
    set_equity(ALPHA, USD(1100000));
    set_equity(ALPHA, USD(1080000));
    fails(w, PERP_E_INVALID, perp_capital_correct(w->capital, nowc(w), ALPHA, USD(1), NULL));
    perp_usd high = INT64_MAX;
    fails(w, PERP_E_RANGE, perp_capital_correct(w->capital, signedc(w), ALPHA, 1, &high));
    fails(w, PERP_E_RANGE, perp_capital_correct(w->capital, signedc(w), ALPHA, INT64_MIN, NULL));
    ok(w, perp_capital_correct(w->capital, signedc(w), ALPHA, USD(1085000), NULL));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.day_start_equity, USD(1085000));
    ck_assert_int_eq(s.high_water, USD(1085000));
    perp_risk_state r = risk_of(w);
    ck_assert_int_eq(r.peak, USD(4085000));
    ck_assert_int_eq(r.scaled_start, USD(4085000));
    ck_assert_int_eq(r.daily_loss, USD(5000));
    high = USD(1200000);
    ok(w, perp_capital_correct(w->capital, signedc(w), ALPHA, USD(1070000), &high));
    ck_assert_int_eq(capital_of(w, ALPHA).high_water, USD(1200000));
    ck_assert_int_eq(risk_of(w).peak, USD(4080000));
}
END_TEST

START_TEST(figures_go_to_yesterday_at_the_day_boundary) {
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, 7, 100, -2, NULL));
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, -3, 50, 5, NULL));
    perp_capital_state s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.today.pnl, 4);
    ck_assert_int_eq(s.today.volume, 150);
    ck_assert_int_eq(s.today.fees, 3);
    int64_t midnight = (START / DAY + 1) * DAY;
    ok(w, perp_capital_record_pnl(w->capital, leap_to(w, midnight - 1), ALPHA, 1, 0, 0, NULL));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 5);
    ok(w, perp_capital_record_pnl(w->capital, leap_to(w, midnight), ALPHA, 11, 0, 0, NULL));
    s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.today.pnl, 11);
    ck_assert_int_eq(s.yesterday.pnl, 5);
    ck_assert_int_eq(s.yesterday.volume, 150);
    ck_assert_int_eq(s.yesterday.fees, 3);
    ok(w, perp_capital_record_pnl(w->capital, leap_to(w, midnight + 2 * DAY), BETA, 1, 0, 0, NULL));
    s = capital_of(w, ALPHA);
    ck_assert_int_eq(s.today.pnl, 0);
    ck_assert_int_eq(s.yesterday.pnl, 0);
}
END_TEST

START_TEST(a_refused_call_rolls_the_day_and_a_failed_one_does_not) {
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, 7, 1, 1, NULL));
    pass(w, DAY);
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, -USD(5000000), 0));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 7);
    refused(ALPHA, PERP_POOL_WASH, USD(900000), PERP_REASON_SINGLE_LIMIT, USD(70000));
    ck_assert_int_eq(perp_core_clock(w->core), w->now);
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, 7);
}
END_TEST

START_TEST(the_day_boundary_moves_with_the_offset) {
    perp_config config;
    perp_config_init(&config);
    config.capital.day_offset_minutes = -90;
    w = world_open(&config);
    int64_t boundary = (START / DAY + 1) * DAY - 90 * MINUTE;
    ok(w, perp_capital_record_pnl(w->capital, leap_to(w, boundary - 1), ALPHA, 1, 0, 0, NULL));
    ok(w, perp_capital_record_pnl(w->capital, leap_to(w, boundary), ALPHA, 2, 0, 0, NULL));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 2);
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, 1);
    world_close(w);
}
END_TEST

START_TEST(figures_that_would_overflow_are_refused_whole) {
    perp_usd step = INT64_MAX / 1000;
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, step, 1, 0, NULL));
    for (int i = 0; i < 1001; i++) {
        uint64_t before = perp_core_hash(w->core);
        perp_status status =
            perp_capital_record_pnl(w->capital, nowc(w), ALPHA, step, step, 0, NULL);
        if (status != PERP_OK) {
            ck_assert_int_eq(status, PERP_E_RANGE);
            ck_assert_uint_eq(perp_core_hash(w->core), before);
        }
        checked(w);
    }
    fails(w, PERP_E_RANGE,
          perp_capital_record_pnl(w->capital, nowc(w), ALPHA, INT64_MAX, INT64_MAX, 0, NULL));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, 0, -1, 0, NULL));
}
END_TEST

START_TEST(a_job_is_reserved_whole_or_not_at_all) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    uint64_t ids[PERP_MAX_LEGS] = {0};
    uint32_t n = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    ok(w, perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &r));
    reason_is(r.reason, PERP_REASON_NONE);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(ids[0], 1);
    ck_assert_uint_eq(ids[1], 2);
    ck_assert_int_eq(capital_of(w, BETA).pools[PERP_POOL_WASH].in_flight, USD(12500));
    /* The second exchange refuses: nothing is taken on the first. */
    job.legs[1].notional = USD(70001);
    ok(w, perp_capital_can_reserve_for_job(w->capital, &job, &r));
    reason_is(r.reason, PERP_REASON_SINGLE_LIMIT);
    ck_assert_uint_eq(r.exchange, BETA);
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    ok(w, perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &r));
    reason_is(r.reason, PERP_REASON_SINGLE_LIMIT);
    ck_assert_int_eq(r.asked, USD(70001));
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, USD(12500));
    ck_assert_uint_eq(reserved(GAMMA, PERP_POOL_WASH, 1), 3);
}
END_TEST

START_TEST(a_job_needs_the_sum_of_its_legs_on_an_exchange) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->eth[ALPHA]);
    uint64_t ids[PERP_MAX_LEGS] = {0};
    uint32_t n = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    job.strategy = PERP_STRATEGY_ARB;
    job.n_legs = 3;
    job.legs[2] = job.legs[0];
    job.legs[2].instrument = w->btc[BETA];
    job.legs[2].notional = USD(3);
    job.legs[1].notional = USD(7500);
    job.notional = USD(12501);
    /* Each of the two alone would pass the single limit of the arb pool, 20,000. */
    ok(w, perp_capital_can_reserve_for_job(w->capital, &job, &r));
    reason_is(r.reason, PERP_REASON_SINGLE_LIMIT);
    ck_assert_int_eq(r.asked, USD(20001));
    ck_assert_int_eq(r.limit, USD(20000));
    ck_assert_uint_eq(r.pool, PERP_POOL_ARB);
    job.notional = USD(12500);
    ok(w, perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &r));
    reason_is(r.reason, PERP_REASON_NONE);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_ARB].in_flight, USD(20000));
    ck_assert_int_eq(capital_of(w, BETA).pools[PERP_POOL_ARB].in_flight, USD(3));
}
END_TEST

START_TEST(what_a_job_holds_is_not_the_hosts_to_move) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_reservation rows[4];
    uint32_t count = 0;
    run_job(w, &job);
    ok(w, perp_capital_reservations(w->capital, ALL_X, rows, 4, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(rows[0].has_job, 1);
    ck_assert(same_id(&rows[0].job_id, &job.job_id));
    fails(w, PERP_E_STATE, perp_capital_confirm(w->capital, nowc(w), rows[0].id, 0));
    fails(w, PERP_E_STATE, perp_capital_release(w->capital, nowc(w), rows[1].id, 0));
    /* The list tells how many there are where the room is short. */
    ok(w, perp_capital_reservations(w->capital, ALL_X, NULL, 0, &count));
    ck_assert_uint_eq(count, 2);
    ok(w, perp_capital_reservations(w->capital, GAMMA, rows, 4, &count));
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_call_from_the_past_uses_the_clock_and_is_counted) {
    perp_core_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    ok(w, perp_capital_record_pnl(w->capital, at(w, START - DAY), ALPHA, 1, 0, 0, NULL));
    ck_assert_int_eq(perp_core_clock(w->core), START);
    ck_assert_int_eq(capital_of(w, ALPHA).last_update_ns, START);
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 1);
    ok(w, perp_core_statistics(w->core, &stats));
    ck_assert_uint_eq(stats.late_calls, 1);
}
END_TEST

START_TEST(shares_that_do_not_sum_to_one_are_refused_with_the_sum) {
    perp_config config;
    perp_core *core = NULL;
    perp_config_init(&config);
    config.capital.wash_ppm = 600000;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_CONFIG);
    ck_assert_ptr_null(core);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "900000"));
}
END_TEST

START_TEST(feasibility_says_where_no_job_can_ever_pass) {
    perp_feasibility rows[64];
    uint32_t count = 0;
    set_equity(BETA, USD(0));
    ok(w, perp_core_feasibility(w->core, rows, 64, &count));
    /* Three strategies on the five pairs of different venues (alpha and delta are one). */
    ck_assert_uint_eq(count, 15);
    for (uint32_t i = 0; i < count; i++) {
        int beta = rows[i].first == BETA || rows[i].second == BETA;
        if (beta) {
            ck_assert_int_eq(rows[i].largest, 0);
            ck_assert_uint_ne(rows[i].bound_by, PERP_REASON_NONE);
        } else if (rows[i].strategy == PERP_STRATEGY_ARB) {
            ck_assert_int_eq(rows[i].largest, USD(20000));
            reason_is(rows[i].bound_by, PERP_REASON_SINGLE_LIMIT);
        } else if (rows[i].strategy == PERP_STRATEGY_WASH) {
            ck_assert_int_eq(rows[i].largest, USD(50000));
            reason_is(rows[i].bound_by, PERP_REASON_EXCHANGE_NOTIONAL);
        }
    }
}
END_TEST

START_TEST(adding_what_is_there_says_so_and_gives_its_id) {
    perp_exchange_spec spec;
    perp_exchange_id id = 9;
    ok(w, (perp_exchange_spec_init(&spec), perp_exchange_get(w->core, BETA, &spec)));
    expect(w, PERP_E_EXISTS, perp_exchange_add(w->core, &spec, &id));
    ck_assert_uint_eq(id, BETA);
    spec.taker_fee_bps = 3;
    fails(w, PERP_E_CONFLICT, perp_exchange_add(w->core, &spec, &id));
}
END_TEST

static void open_free(void) {
    open_limits(1000000, 1000000);
}

int main(void) {
    Suite *suite = suite_create("capital");
    TCase *defaults = tcase_create("defaults");
    tcase_add_checked_fixture(defaults, open_default, close_world);
    tcase_add_test(defaults, a_pool_without_a_budget_is_not_used);
    tcase_add_test(defaults, budgets_are_floored_and_sum_to_the_equity_exactly);
    tcase_add_test(defaults, budgets_of_the_largest_equity_do_not_overflow);
    tcase_add_test(defaults, of_a_negative_equity_budgets_and_limits_are_those_of_nothing);
    tcase_add_test(defaults, a_refusal_names_the_first_check_that_fails_and_what_it_would_pass);
    tcase_add_test(defaults, confirmed_money_keeps_counting_against_the_total);
    tcase_add_test(defaults, ids_rise_by_one_and_a_refused_or_failed_call_takes_none);
    tcase_add_test(defaults, a_key_is_reserved_once);
    tcase_add_test(defaults, confirm_and_release_move_exactly_what_they_say);
    tcase_add_test(defaults, equity_that_falls_takes_nothing_back_and_shows_what_is_overcommitted);
    tcase_add_test(defaults, headroom_is_the_largest_amount_that_passes);
    tcase_add_test(defaults, a_transfer_is_no_loss_and_no_gain);
    tcase_add_test(defaults,
                   a_withdrawal_of_what_was_earned_today_moves_the_start_of_the_day_below_zero);
    tcase_add_test(defaults, safe_mode_comes_at_the_drawdown_limit_and_not_before);
    tcase_add_test(defaults, leaving_safe_mode_resets_the_high_water_mark_only_where_it_was_on);
    tcase_add_test(defaults, correct_sets_the_start_of_the_day_and_the_marks);
    tcase_add_test(defaults, figures_go_to_yesterday_at_the_day_boundary);
    tcase_add_test(defaults, a_refused_call_rolls_the_day_and_a_failed_one_does_not);
    tcase_add_test(defaults, figures_that_would_overflow_are_refused_whole);
    tcase_add_test(defaults, a_job_is_reserved_whole_or_not_at_all);
    tcase_add_test(defaults, a_job_needs_the_sum_of_its_legs_on_an_exchange);
    tcase_add_test(defaults, a_call_from_the_past_uses_the_clock_and_is_counted);
    tcase_add_test(defaults, feasibility_says_where_no_job_can_ever_pass);
    tcase_add_test(defaults, adding_what_is_there_says_so_and_gives_its_id);
    suite_add_tcase(suite, defaults);
    TCase *open = tcase_create("whole pools");
    tcase_add_checked_fixture(open, open_free, close_world);
    tcase_add_test(open, a_pool_gives_no_more_than_is_available);
    tcase_add_test(open, of_equal_bounds_headroom_names_the_first);
    tcase_add_test(open, what_a_job_holds_is_not_the_hosts_to_move);
    suite_add_tcase(suite, open);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, the_day_boundary_moves_with_the_offset);
    tcase_add_test(own, shares_that_do_not_sum_to_one_are_refused_with_the_sum);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
