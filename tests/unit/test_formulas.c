/* The pure functions against published numbers, and against arguments that mean nothing. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "golden_funding.h"
#include "golden_liquidation.h"
#include "golden_walk.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))
#define HOUR INT64_C(3600000000000)
#define NOT_A_NUMBER ((double)NAN)
#define INFINITE ((double)INFINITY)

static uint32_t side_of(int sign) {
    return sign > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
}

static perp_liquidation simple_position(void) {
    perp_liquidation p = {.struct_size = sizeof p, .side = PERP_SIDE_BUY};
    p.quantity = 2;
    p.entry_price = 100;
    p.wallet_balance = 40;
    p.maintenance_rate = 0.01;
    return p;
}

START_TEST(every_published_liquidation_is_reproduced) {
    perp_liquidation p = {.struct_size = sizeof p};
    p.maintenance =
        liquidation_rows[_i].at_entry ? PERP_MAINTENANCE_AT_ENTRY : PERP_MAINTENANCE_AT_LIQUIDATION;
    p.side = side_of(liquidation_rows[_i].side);
    p.quantity = liquidation_rows[_i].size;
    p.entry_price = liquidation_rows[_i].reference;
    p.wallet_balance = liquidation_rows[_i].wallet;
    p.maintenance_rate = liquidation_rows[_i].rate;
    p.maintenance_amount = liquidation_rows[_i].amount;
    p.liquidation_fee_rate = liquidation_rows[_i].fee;
    p.other_maintenance = liquidation_rows[_i].other_maintenance;
    p.other_upnl = liquidation_rows[_i].other_upnl;
    double price = 0;
    ck_assert_int_eq(perp_liquidation_price(&p, &price), PERP_OK);
    double expected = liquidation_rows[_i].expected, exact = liquidation_rows[_i].exact;
    ck_assert_msg(fabs(price - expected) <= liquidation_rows[_i].rel_tol * fabs(expected),
                  "%s: %.15g, published %.15g (%s)", liquidation_rows[_i].id, price, expected,
                  liquidation_sources[liquidation_rows[_i].source]);
    ck_assert_msg(fabs(price - exact) <= 1e-12 + 1e-12 * fabs(exact), "%s: %.17g, exact %.17g",
                  liquidation_rows[_i].id, price, exact);
}
END_TEST

START_TEST(every_walk_is_reproduced) {
    perp_walk walk = {.struct_size = sizeof walk};
    ck_assert_int_eq(perp_walk_book(walk_rows[_i].side, walk_rows[_i].levels,
                                    walk_rows[_i].n_levels, walk_rows[_i].quantity, &walk),
                     PERP_OK);
    const char *source = walk_sources[walk_rows[_i].source];
    ck_assert_msg(fabs(walk.price - walk_rows[_i].price) <= 1e-12 + 4e-16 * walk_rows[_i].price,
                  "%s: price %.17g (%s)", walk_rows[_i].id, walk.price, source);
    ck_assert_msg(fabs(walk.filled - walk_rows[_i].filled) <= 1e-12 * walk_rows[_i].filled,
                  "%s: filled %.17g (%s)", walk_rows[_i].id, walk.filled, source);
    ck_assert_msg(walk.worst == walk_rows[_i].worst, "%s: worst %.17g (%s)", walk_rows[_i].id,
                  walk.worst, source);
    ck_assert_msg(fabs(walk.slippage_bps - walk_rows[_i].slippage_bps) <= 5.01e-7,
                  "%s: slippage %.17g (%s)", walk_rows[_i].id, walk.slippage_bps, source);
}
END_TEST

START_TEST(every_funding_payment_is_reproduced) {
    double received = 0, other = 0;
    uint32_t side = side_of(payment_rows[_i].side);
    ck_assert_int_eq(perp_funding_payment(side, payment_rows[_i].size, payment_rows[_i].price,
                                          payment_rows[_i].rate, &received),
                     PERP_OK);
    ck_assert_msg(fabs(received - payment_rows[_i].received) <= 1e-15,
                  "%s: %.17g, published %.17g (%s)", payment_rows[_i].id, received,
                  payment_rows[_i].received, funding_sources[payment_rows[_i].source]);
    ck_assert_int_eq(perp_funding_payment(side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY,
                                          payment_rows[_i].size, payment_rows[_i].price,
                                          payment_rows[_i].rate, &other),
                     PERP_OK);
    ck_assert_double_eq(other, -received);
}
END_TEST

START_TEST(every_funding_rate_is_reproduced) {
    double rate = 0;
    ck_assert_int_eq(perp_funding_rate(rate_rows[_i].premium, rate_rows[_i].interest,
                                       rate_rows[_i].band, rate_rows[_i].divisor, rate_rows[_i].cap,
                                       &rate),
                     PERP_OK);
    ck_assert_msg(fabs(rate - rate_rows[_i].rate) <= 5e-11, "%s: %.17g, published %.17g (%s)",
                  rate_rows[_i].id, rate, rate_rows[_i].rate,
                  funding_sources[rate_rows[_i].source]);
}
END_TEST

START_TEST(all_published_rows_are_there) {
    ck_assert_int_eq(COUNT(liquidation_rows), 72);
    ck_assert_int_eq(COUNT(walk_rows), 38);
    ck_assert_int_eq(COUNT(payment_rows) + COUNT(rate_rows), 125);
}
END_TEST

START_TEST(the_general_liquidation_price_is_that_of_an_isolated_position) {
    /* long (E × (1 − 1/L) − a/Q) / (1 − m), short (E × (1 + 1/L) + a/Q) / (1 + m) */
    perp_liquidation p = simple_position();
    p.wallet_balance = p.quantity * p.entry_price / 5;
    p.maintenance_amount = 0.6;
    double price = 0;
    ck_assert_int_eq(perp_liquidation_price(&p, &price), PERP_OK);
    ck_assert_double_eq_tol(price, (100 * (1 - 1 / 5.0) - 0.6 / 2) / (1 - 0.01), 1e-12);
    p.side = PERP_SIDE_SELL;
    ck_assert_int_eq(perp_liquidation_price(&p, &price), PERP_OK);
    ck_assert_double_eq_tol(price, (100 * (1 + 1 / 5.0) + 0.6 / 2) / (1 + 0.01), 1e-12);
}
END_TEST

START_TEST(a_liquidation_price_may_be_negative) {
    perp_liquidation p = simple_position();
    p.wallet_balance = 1000;
    double price = 0;
    ck_assert_int_eq(perp_liquidation_price(&p, &price), PERP_OK);
    ck_assert_double_lt(price, 0);
}
END_TEST

START_TEST(a_malformed_liquidation_is_an_error_and_gives_no_price) {
    double price = 7;
    ck_assert_int_eq(perp_liquidation_price(NULL, &price), PERP_E_INVALID);
    perp_liquidation good = simple_position();
    ck_assert_int_eq(perp_liquidation_price(&good, NULL), PERP_E_INVALID);
    perp_liquidation bad[16];
    for (int i = 0; i < 16; i++)
        bad[i] = good;
    bad[0].struct_size = 0;
    bad[1].side = PERP_SIDE_COUNT;
    bad[2].maintenance = PERP_MAINTENANCE_AT_ENTRY + 1;
    bad[3].quantity = 0;
    bad[4].quantity = -1;
    bad[5].quantity = NOT_A_NUMBER;
    bad[6].entry_price = 0;
    bad[7].entry_price = INFINITE;
    bad[8].maintenance_rate = -0.01;
    bad[9].maintenance_rate = 1.01;
    bad[10].liquidation_fee_rate = -1;
    bad[11].wallet_balance = NOT_A_NUMBER;
    bad[12].other_upnl = INFINITE;
    bad[13].other_maintenance = NOT_A_NUMBER;
    bad[14].maintenance_amount = INFINITE;
    bad[15].maintenance_rate = 1; /* of a long: the denominator is 0 */
    for (int i = 0; i < 16; i++) {
        ck_assert_msg(perp_liquidation_price(&bad[i], &price) == PERP_E_INVALID, "case %d", i);
        ck_assert_double_eq(price, 7);
        ck_assert_str_ne(perp_core_error(NULL), "");
    }
}
END_TEST

START_TEST(walking_an_empty_side_fills_nothing) {
    perp_walk walk = {.struct_size = sizeof walk};
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, NULL, 0, 1, &walk), PERP_OK);
    ck_assert_double_eq(walk.filled, 0);
    ck_assert_double_nan(walk.price);
    ck_assert_double_nan(walk.worst);
    ck_assert_double_eq(walk.slippage_bps, 0);
    const perp_book_level empty[] = {{100, 0}, {101, 0}};
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, empty, 2, 1, &walk), PERP_OK);
    ck_assert_double_eq(walk.filled, 0);
    ck_assert_double_nan(walk.price);
}
END_TEST

START_TEST(a_walk_within_the_first_level_has_exactly_its_price) {
    perp_walk walk = {.struct_size = sizeof walk};
    const perp_book_level levels[] = {{0.1, 0.3}, {0.2, 5}};
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, levels, 2, 0.3, &walk), PERP_OK);
    ck_assert_double_eq(walk.price, 0.1);
    ck_assert_double_eq(walk.worst, 0.1);
    ck_assert_double_eq(walk.filled, 0.3);
}
END_TEST

START_TEST(a_malformed_walk_is_an_error) {
    perp_walk walk = {.struct_size = sizeof walk};
    const perp_book_level good[] = {{100, 1}, {101, 1}};
    const perp_book_level falling[] = {{101, 1}, {100, 1}};
    const perp_book_level no_price[] = {{0, 1}};
    const perp_book_level no_size[] = {{100, NOT_A_NUMBER}};
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, good, 2, 1, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_COUNT, good, 2, 1, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, NULL, 2, 1, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, good, 2, 0, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, good, 2, NOT_A_NUMBER, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, falling, 2, 1, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_SELL, good, 2, 1, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, no_price, 1, 1, &walk), PERP_E_INVALID);
    ck_assert_int_eq(perp_walk_book(PERP_SIDE_BUY, no_size, 1, 1, &walk), PERP_E_INVALID);
}
END_TEST

static double settlements(perp_funding funding, int64_t from, int64_t to) {
    double count = -1;
    ck_assert_int_eq(perp_funding_settlements(&funding, from, to, &count), PERP_OK);
    return count;
}

START_TEST(settlements_lie_in_an_interval_open_at_its_start) {
    /* Settlements at 16, 0 and 8 o'clock, as next_ns and whole intervals around it say. */
    perp_funding funding = {.interval_h = 8, .next_ns = 24 * HOUR};
    ck_assert_double_eq(settlements(funding, 0, 8 * HOUR), 1);
    ck_assert_double_eq(settlements(funding, 1, 8 * HOUR), 1);
    ck_assert_double_eq(settlements(funding, 0, 8 * HOUR - 1), 0);
    ck_assert_double_eq(settlements(funding, -1, 8 * HOUR), 2);
    ck_assert_double_eq(settlements(funding, 24 * HOUR, 24 * HOUR), 0);
    ck_assert_double_eq(settlements(funding, 24 * HOUR, 48 * HOUR), 3);
    ck_assert_double_eq(settlements(funding, -100 * HOUR, -76 * HOUR), 3);
    funding.interval_h = 1;
    ck_assert_double_eq(settlements(funding, 10 * HOUR, 18 * HOUR), 8);
    funding.interval_h = 0.25;
    ck_assert_double_eq(settlements(funding, 10 * HOUR, 11 * HOUR), 4);
}
END_TEST

START_TEST(continuous_funding_counts_parts_of_an_interval) {
    perp_funding funding = {.interval_h = 8, .continuous = 1, .next_ns = PERP_TIME_NONE};
    ck_assert_double_eq_tol(settlements(funding, HOUR, 3 * HOUR), 0.25, 1e-15);
    ck_assert_double_eq(settlements(funding, HOUR, HOUR), 0);
}
END_TEST

START_TEST(settlements_of_far_times_do_not_overflow) {
    perp_funding funding = {.interval_h = 1, .next_ns = INT64_MIN + 1};
    double count = settlements(funding, INT64_MIN + 1, INT64_MAX);
    ck_assert_double_eq_tol(count, 0x1p64 / 3.6e12, 1);
    funding.next_ns = INT64_MAX;
    ck_assert_double_eq_tol(settlements(funding, INT64_MIN + 1, INT64_MAX), count, 1.5);
}
END_TEST

START_TEST(malformed_settlements_are_errors) {
    double count = 7;
    perp_funding good = {.interval_h = 8, .next_ns = HOUR};
    ck_assert_int_eq(perp_funding_settlements(NULL, 0, HOUR, &count), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_settlements(&good, 0, HOUR, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_settlements(&good, HOUR, 0, &count), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_settlements(&good, PERP_TIME_NONE, 0, &count), PERP_E_INVALID);
    const double bad_intervals[] = {0, -1, 168.5, 1e-20, NOT_A_NUMBER, INFINITE};
    for (int i = 0; i < COUNT(bad_intervals); i++) {
        perp_funding bad = good;
        bad.interval_h = bad_intervals[i];
        ck_assert_int_eq(perp_funding_settlements(&bad, 0, HOUR, &count), PERP_E_INVALID);
    }
    good.next_ns = PERP_TIME_NONE;
    ck_assert_int_eq(perp_funding_settlements(&good, 0, HOUR, &count), PERP_E_INVALID);
    ck_assert_double_eq(count, 7);
}
END_TEST

START_TEST(the_rate_is_the_interest_inside_the_band_and_capped_outside) {
    double rate = 0;
    ck_assert_int_eq(perp_funding_rate(0.0003, 0.0001, 0.0005, 1, 0, &rate), PERP_OK);
    ck_assert_double_eq_tol(rate, 0.0001, 1e-18);
    ck_assert_int_eq(perp_funding_rate(-0.01, 0.0001, 0.0005, 1, 0.004, &rate), PERP_OK);
    ck_assert_double_eq(rate, -0.004);
    ck_assert_int_eq(perp_funding_rate(0.01, 0.0001, 0.0005, 1, 0, &rate), PERP_OK);
    ck_assert_double_eq_tol(rate, 0.0095, 1e-17);
}
END_TEST

START_TEST(malformed_funding_is_an_error) {
    double out = 7;
    ck_assert_int_eq(perp_funding_rate(0, 0, 0, 1, 0, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_rate(NOT_A_NUMBER, 0, 0, 1, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_rate(0, INFINITE, 0, 1, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_rate(0, 0, -1, 1, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_rate(0, 0, 0, 0, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_rate(0, 0, 0, 1, -1, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_BUY, 1, 1, 0, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_COUNT, 1, 1, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_BUY, -1, 1, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_BUY, 1, 0, 0, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_BUY, 1, 1, NOT_A_NUMBER, &out), PERP_E_INVALID);
    ck_assert_int_eq(perp_funding_payment(PERP_SIDE_BUY, 1e300, 1e300, 1, &out), PERP_E_INVALID);
    ck_assert_double_eq(out, 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("formulas");
    TCase *golden = tcase_create("published");
    tcase_add_test(golden, all_published_rows_are_there);
    tcase_add_loop_test(golden, every_published_liquidation_is_reproduced, 0,
                        COUNT(liquidation_rows));
    tcase_add_loop_test(golden, every_walk_is_reproduced, 0, COUNT(walk_rows));
    tcase_add_loop_test(golden, every_funding_payment_is_reproduced, 0, COUNT(payment_rows));
    tcase_add_loop_test(golden, every_funding_rate_is_reproduced, 0, COUNT(rate_rows));
    suite_add_tcase(suite, golden);
    TCase *rules = tcase_create("rules");
    tcase_add_test(rules, the_general_liquidation_price_is_that_of_an_isolated_position);
    tcase_add_test(rules, a_liquidation_price_may_be_negative);
    tcase_add_test(rules, a_malformed_liquidation_is_an_error_and_gives_no_price);
    tcase_add_test(rules, walking_an_empty_side_fills_nothing);
    tcase_add_test(rules, a_walk_within_the_first_level_has_exactly_its_price);
    tcase_add_test(rules, a_malformed_walk_is_an_error);
    tcase_add_test(rules, settlements_lie_in_an_interval_open_at_its_start);
    tcase_add_test(rules, continuous_funding_counts_parts_of_an_interval);
    tcase_add_test(rules, settlements_of_far_times_do_not_overflow);
    tcase_add_test(rules, malformed_settlements_are_errors);
    tcase_add_test(rules, the_rate_is_the_interest_inside_the_band_and_capped_outside);
    tcase_add_test(rules, malformed_funding_is_an_error);
    suite_add_tcase(suite, rules);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
