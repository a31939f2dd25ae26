/* What reports, transfers and correct do to the marks: high water, the start of the day, the peak,
   the two losses. Most figures are worked out by hand from docs/capital.md. */
#include "reopen.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static void report(perp_exchange_id x, perp_usd equity) {
    ok(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
    checked(w);
}

static void transfer(perp_exchange_id x, perp_usd amount, uint32_t in_equity) {
    ok(w, perp_capital_transfer(w->capital, nowc(w), x, amount, in_equity));
    checked(w);
}

static void book(perp_exchange_id x, perp_usd pnl) {
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), x, pnl, 0, 0, NULL));
}

static void marks_are(perp_exchange_id x, perp_usd equity, perp_usd high_water,
                      perp_usd day_start) {
    perp_capital_state s = capital_of(w, x);
    ck_assert_int_eq(s.equity, equity);
    ck_assert_int_eq(s.high_water, high_water);
    ck_assert_int_eq(s.day_start_equity, day_start);
}

static void losses_are(perp_usd usd, perp_usd scaled, perp_usd scaled_start, perp_usd peak) {
    perp_risk_state r = risk_of(w);
    ck_assert_int_eq(r.loss_usd, usd);
    ck_assert_int_eq(r.loss_scaled, scaled);
    ck_assert_int_eq(r.scaled_start, scaled_start);
    ck_assert_int_eq(r.peak, peak);
}

/* ---- Transfers ------------------------------------------------------------------------------ */

START_TEST(a_transfer_keeps_the_ratios_of_the_marks) {
    report(ALPHA, USD(900000)); /* 4 millions became 3.9 */
    book(ALPHA, -USD(39000));
    losses_are(USD(100000), USD(100000), USD(4000000), USD(4000000));
    transfer(ALPHA, USD(390000), 0); /* the total grows by a tenth */
    marks_are(ALPHA, USD(1290000), INT64_C(1433333333333), USD(1390000));
    losses_are(USD(100000), USD(110000), USD(4400000), USD(4400000));
    ck_assert_double_eq_tol(capital_of(w, ALPHA).drawdown, 0.1, 1e-12);
    ck_assert_double_eq_tol(risk_of(w).drawdown, 0.025, 1e-12);
    book(ALPHA, -USD(70000)); /* bookings add to both: 42,900 + 70,000 is the larger */
    losses_are(USD(109000), USD(112900), USD(4400000), USD(4400000));
}
END_TEST

START_TEST(moving_money_between_exchanges_is_no_loss_in_transit_or_arrived) {
    transfer(ALPHA, -USD(800000), 0);
    losses_are(0, 0, USD(3200000), USD(3200000));
    report(ALPHA, USD(200000));
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 0);
    transfer(BETA, USD(800000), 0);
    report(BETA, USD(1800000));
    losses_are(0, 0, USD(4000000), USD(4000000));
    marks_are(ALPHA, USD(200000), USD(200000), USD(200000));
    marks_are(BETA, USD(1800000), USD(1800000), USD(1800000));
}
END_TEST

START_TEST(a_transfer_that_the_equity_has_already_moves_only_the_marks) {
    report(ALPHA, USD(1200000));
    marks_are(ALPHA, USD(1200000), USD(1200000), USD(1000000));
    transfer(ALPHA, USD(200000), 1);
    /* As they were before the report: 1,000,000 x 1,200,000 / 1,000,000. */
    marks_are(ALPHA, USD(1200000), USD(1200000), USD(1200000));
    losses_are(0, 0, USD(4200000), USD(4200000));
    report(BETA, USD(970000));
    transfer(BETA, -USD(20000), 1); /* of which 10,000 was a loss */
    marks_are(BETA, USD(970000), INT64_C(979797979798), USD(980000));
    /* 4,200,000 x 4,170,000 / 4,190,000; what is left of it is lost. */
    losses_are(USD(10000), INT64_C(9952267303), INT64_C(4179952267303), INT64_C(4179952267303));
}
END_TEST

START_TEST(marks_that_something_else_moved_since_the_report_are_not_taken_back) {
    report(ALPHA, USD(1200000));
    transfer(ALPHA, USD(100000), 1);
    transfer(ALPHA, USD(100000), 1); /* 1,200,000 x 12 / 11 */
    marks_are(ALPHA, USD(1200000), INT64_C(1309090909091), USD(1200000));
    report(BETA, USD(1100000));
    pass(w, DAY);
    report(GAMMA, USD(1000000));
    transfer(BETA, USD(100000), 1);
    marks_are(BETA, USD(1100000), USD(1210000), USD(1200000));
}
END_TEST

START_TEST(without_equity_on_both_sides_marks_move_by_the_amount) {
    transfer(ALPHA, -USD(1000000), 0);
    marks_are(ALPHA, 0, 0, 0);
    transfer(ALPHA, USD(500), 0);
    marks_are(ALPHA, USD(500), USD(500), USD(500));
    report(ALPHA, -USD(100));
    report(ALPHA, -USD(100));
    transfer(ALPHA, USD(300), 0); /* the larger of 500 + 300 and 200 */
    marks_are(ALPHA, USD(200), USD(800), USD(800));
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, -USD(201), 0));
    report(ALPHA, -USD(100));
    report(ALPHA, -USD(100));
    transfer(ALPHA, -USD(50), 0); /* it was negative already */
    ck_assert_int_eq(capital_of(w, ALPHA).equity, -USD(150));
}
END_TEST

START_TEST(marks_that_would_grow_too_large_are_refused) {
    report(ALPHA, 1);
    report(ALPHA, 1);
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, USD(1000000), 0));
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, INT64_MAX, 1));
    fails(w, PERP_E_RANGE, perp_capital_transfer(w->capital, nowc(w), ALPHA, INT64_MIN, 1));
    marks_are(ALPHA, 1, USD(1000000), USD(1000000));
}
END_TEST

START_TEST(the_first_equity_of_an_exchange_is_a_transfer_as_far_as_the_totals_go) {
    report(ALPHA, USD(960000)); /* 4 % of a million, 1 % of four */
    perp_exchange_id fifth = world_exchange(w, "epsilon", "");
    report(fifth, USD(396000));
    losses_are(USD(40000), USD(44000), USD(4400000), USD(4400000));
    marks_are(fifth, USD(396000), USD(396000), USD(396000));
}
END_TEST

/* ---- Reports that are put aside ------------------------------------------------------------- */

static void is_aside(perp_exchange_id x, perp_usd aside) {
    perp_capital_state s = capital_of(w, x);
    ck_assert_uint_eq(s.has_aside, 1);
    ck_assert_int_eq(s.aside, aside);
}

static void nothing_aside(perp_exchange_id x) {
    ck_assert_uint_eq(capital_of(w, x).has_aside, 0);
}

START_TEST(one_bad_read_does_not_stop_the_day) {
    report(ALPHA, 0);
    is_aside(ALPHA, 0);
    marks_are(ALPHA, USD(1000000), USD(1000000), USD(1000000));
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 0);
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 0);
    report(ALPHA, USD(1000000));
    nothing_aside(ALPHA);
    marks_are(ALPHA, USD(1000000), USD(1000000), USD(1000000));
}
END_TEST

START_TEST(a_report_is_put_aside_only_beyond_the_jump_and_taken_when_the_next_confirms_it) {
    report(ALPHA, USD(500000)); /* half of the larger, not more */
    nothing_aside(ALPHA);
    report(ALPHA, USD(250000) - 1);
    is_aside(ALPHA, USD(250000) - 1);
    report(ALPHA, USD(225000) - 2); /* a tenth of the larger off, and a bit more */
    is_aside(ALPHA, USD(225000) - 2);
    report(ALPHA, USD(249000));
    nothing_aside(ALPHA);
    ck_assert_int_eq(capital_of(w, ALPHA).equity, USD(249000));
    report(ALPHA, USD(500000));
    is_aside(ALPHA, USD(500000));
    report(ALPHA, USD(260000)); /* not the one put aside, but near the last one */
    nothing_aside(ALPHA);
    report(ALPHA, -USD(260000));
    is_aside(ALPHA, -USD(260000));
}
END_TEST

START_TEST(a_transfer_that_explains_what_was_put_aside_takes_it) {
    report(ALPHA, USD(400000));
    transfer(ALPHA, -USD(550000), 0); /* leads to 450,000: more than a tenth off */
    is_aside(ALPHA, USD(400000));
    marks_are(ALPHA, USD(450000), USD(450000), USD(450000));
    report(BETA, USD(400000));
    transfer(BETA, -USD(590000), 0); /* leads to 410,000 */
    nothing_aside(BETA);
    /* Before it was 990,000: 1,000,000 x 400,000 / 990,000. */
    marks_are(BETA, USD(400000), INT64_C(404040404040), USD(410000));
    ck_assert_uint_eq(capital_of(w, BETA).safe_mode, 0);
}
END_TEST

START_TEST(the_first_report_is_taken_at_once_and_no_jump_is_too_far_where_it_is_off) {
    perp_exchange_id fifth = world_exchange(w, "epsilon", "");
    transfer(fifth, USD(5), 0);
    report(fifth, USD(1000000));
    nothing_aside(fifth);
    close_world();
    perp_config config;
    world_config(&config);
    config.capital.max_equity_jump_ppm = 0;
    w = world_open(&config);
    report(ALPHA, -USD(7));
    nothing_aside(ALPHA);
    ck_assert_int_eq(capital_of(w, ALPHA).equity, -USD(7));
}
END_TEST

/* ---- The two losses ------------------------------------------------------------------------- */

static void open_with_limits(double share, perp_usd limit) {
    perp_config config;
    world_config(&config);
    config.risk.daily_loss_limit_pct = share;
    config.risk.daily_loss_limit_usd = limit;
    w = world_open(&config);
}

START_TEST(the_limit_in_dollars_is_held_against_the_loss_in_dollars) {
    open_with_limits(0, USD(1000));
    transfer(ALPHA, USD(4000000), 0); /* twice as much is at work */
    book(ALPHA, -USD(1000) + 1);
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 0);
    book(ALPHA, -1);
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 1);
    close_world();
}
END_TEST

START_TEST(the_percentage_is_held_against_the_scaled_loss) {
    open_with_limits(0.01, 0);
    book(ALPHA, -USD(39999));
    transfer(ALPHA, -USD(1000000), 0); /* three quarters are left, and so of the loss */
    losses_are(USD(39999), INT64_C(29999250000), USD(3000000), USD(3000000));
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 0);
    ck_assert_int_eq(risk_of(w).daily_loss, INT64_C(29999250000));
    ck_assert_int_eq(risk_of(w).daily_loss_limit, USD(30000));
    book(ALPHA, -749999);
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 0);
    book(ALPHA, -1);
    ck_assert_uint_eq(risk_of(w).daily_loss_reached, 1);
    close_world();
}
END_TEST

START_TEST(a_new_day_begins_with_the_equity_of_now) {
    report(ALPHA, USD(900000));
    book(BETA, -USD(5));
    transfer(ALPHA, USD(390000), 0);
    pass(w, DAY);
    report(BETA, USD(1000000));
    losses_are(0, 0, USD(4290000), USD(4290000));
}
END_TEST

START_TEST(safe_mode_off_is_a_mark_that_a_transfer_does_not_take_back) {
    report(ALPHA, USD(900000));
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 1);
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), ALPHA, 0));
    transfer(ALPHA, -USD(100000), 1); /* 900,000 x 9 / 10, but not below the equity */
    marks_are(ALPHA, USD(900000), USD(900000), USD(900000));
}
END_TEST

#if PERP_WITH_SQLITE
START_TEST(marks_survive_a_restart) {
    struct life life;
    w = life_begin(&life, NULL);
    report(ALPHA, USD(900000));
    book(ALPHA, -USD(39000));
    transfer(ALPHA, USD(390000), 0);
    report(BETA, USD(1100000));
    report(GAMMA, -USD(3));
    life_again(&life, w);
    is_aside(GAMMA, -USD(3));
    losses_are(USD(39000), USD(42900), USD(4400000), USD(4400000));
    transfer(BETA, USD(100000), 1);
    marks_are(BETA, USD(1100000), USD(1100000), USD(1100000));
    report(GAMMA, -USD(3));
    life_again(&life, w);
    ck_assert_int_eq(capital_of(w, GAMMA).equity, -USD(3));
    life_end(&life, w);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("marks");
    TCase *marks = tcase_create("marks");
    tcase_add_checked_fixture(marks, open_world, close_world);
    tcase_add_test(marks, a_transfer_keeps_the_ratios_of_the_marks);
    tcase_add_test(marks, moving_money_between_exchanges_is_no_loss_in_transit_or_arrived);
    tcase_add_test(marks, a_transfer_that_the_equity_has_already_moves_only_the_marks);
    tcase_add_test(marks, marks_that_something_else_moved_since_the_report_are_not_taken_back);
    tcase_add_test(marks, without_equity_on_both_sides_marks_move_by_the_amount);
    tcase_add_test(marks, marks_that_would_grow_too_large_are_refused);
    tcase_add_test(marks, the_first_equity_of_an_exchange_is_a_transfer_as_far_as_the_totals_go);
    tcase_add_test(marks, one_bad_read_does_not_stop_the_day);
    tcase_add_test(marks,
                   a_report_is_put_aside_only_beyond_the_jump_and_taken_when_the_next_confirms_it);
    tcase_add_test(marks, a_transfer_that_explains_what_was_put_aside_takes_it);
    tcase_add_test(marks, the_first_report_is_taken_at_once_and_no_jump_is_too_far_where_it_is_off);
    tcase_add_test(marks, a_new_day_begins_with_the_equity_of_now);
    tcase_add_test(marks, safe_mode_off_is_a_mark_that_a_transfer_does_not_take_back);
    suite_add_tcase(suite, marks);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, the_limit_in_dollars_is_held_against_the_loss_in_dollars);
    tcase_add_test(own, the_percentage_is_held_against_the_scaled_loss);
#if PERP_WITH_SQLITE
    tcase_add_test(own, marks_survive_a_restart);
#endif
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
