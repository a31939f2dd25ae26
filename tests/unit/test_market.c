/* Market data in and queries of it: what is taken and what is refused. */
#include "market_fixture.h"

START_TEST(without_data_all_is_unknown) {
    perp_market_state state = state_at(START);
    ck_assert_uint_eq(state.has_quote, 0);
    ck_assert_double_nan(state.bid);
    ck_assert_double_nan(state.ask_size);
    ck_assert_double_nan(state.mid);
    ck_assert_double_nan(state.spread_bps);
    ck_assert_double_nan(state.spread_baseline_bps);
    ck_assert_double_nan(state.volatility);
    ck_assert_uint_eq(state.fast, 0);
    ck_assert_double_nan(state.funding_rate);
    ck_assert_double_nan(state.last);
    ck_assert_double_nan(state.mark);
    ck_assert(state.quote_time_ns == PERP_TIME_NONE);
    ck_assert(state.next_funding_ns == PERP_TIME_NONE);
}
END_TEST

START_TEST(a_quote_gives_mid_and_spread) {
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    perp_market_state state = state_at(START);
    ck_assert_uint_eq(state.has_quote, 1);
    ck_assert_double_eq(state.bid, 99);
    ck_assert_double_eq(state.bid_size, 1);
    ck_assert_double_eq(state.ask, 101);
    ck_assert_double_eq(state.ask_size, 2);
    ck_assert_double_eq(state.mid, 100);
    ck_assert_double_eq(state.spread_bps, 200);
    ck_assert_double_eq(state.spread_baseline_bps, 200);
    ck_assert_double_eq(state.mark, 100);
    ck_assert(state.quote_time_ns == START);
}
END_TEST

START_TEST(an_older_quote_is_stale_and_counted_and_one_of_the_same_time_replaces) {
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(put_quote(START - 1, 50, 51), PERP_E_STALE);
    ck_assert_double_eq(state_at(START).bid, 99);
    ck_assert_uint_eq(statistics().stale_events, 1);
    ck_assert_uint_eq(statistics().rejected_events, 0);
    ck_assert_int_eq(put_quote(START, 98, 100), PERP_OK);
    ck_assert_double_eq(state_at(START).bid, 98);
}
END_TEST

START_TEST(a_malformed_quote_is_refused_and_changes_nothing) {
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    perp_quote bad[16];
    for (int i = 0; i < COUNT(bad); i++)
        bad[i] = quote_at(START + SECOND, 49, 51);
    bad[0].bid = NOT_A_NUMBER;
    bad[1].bid = 0;
    bad[2].bid = -1;
    bad[3].bid = INFINITE;
    bad[4].ask = NOT_A_NUMBER;
    bad[5].ask = INFINITE;
    bad[6].ask = 49; /* equal to the bid */
    bad[7].ask = 48;
    bad[8].bid_size = -1;
    bad[9].bid_size = NOT_A_NUMBER;
    bad[10].bid_size = INFINITE;
    bad[11].ask_size = -1e-9;
    bad[12].ask_size = NOT_A_NUMBER;
    bad[13].ask_size = INFINITE;
    bad[14].time_ns = PERP_TIME_NONE;
    bad[15].bid = -INFINITE;
    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(perp_market_on_quote(market, &bad[i]) == PERP_E_INVALID, "case %d", i);
        ck_assert_str_ne(perp_core_error(the_core), "");
    }
    perp_market_state state = state_at(START + SECOND);
    ck_assert_double_eq(state.bid, 99);
    ck_assert(state.quote_time_ns == START);
    ck_assert_uint_eq(statistics().rejected_events, (uint64_t)COUNT(bad));
    ck_assert_uint_eq(statistics().stale_events, 0);
}
END_TEST

START_TEST(errors_come_in_their_order) {
    set_clock(START);
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    perp_quote quote = quote_at(START + 8 * DAY, 101, 99);
    quote.instrument = btc + 1;
    ck_assert_int_eq(perp_market_on_quote(market, &quote), PERP_E_NOT_FOUND);
    quote.instrument = btc;
    ck_assert_int_eq(perp_market_on_quote(market, &quote), PERP_E_INVALID);
    quote.time_ns = START - SECOND;
    ck_assert_int_eq(perp_market_on_quote(market, &quote), PERP_E_INVALID);
    ck_assert_int_eq(perp_market_on_quote(market, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_market_on_quote(NULL, &quote), PERP_E_INVALID);
    ck_assert_int_eq(put_quote(START + 60 * SECOND + 1, 99, 101), PERP_E_RANGE);
    ck_assert(state_at(START).quote_time_ns == START);
    ck_assert_int_eq(put_quote(START + 60 * SECOND, 99, 101), PERP_OK);
    ck_assert_int_eq(put_quote(START + 120 * SECOND + 1, 99, 101), PERP_E_RANGE);
}
END_TEST

START_TEST(a_feed_may_start_at_any_time_before_the_clock_is_set_and_does_not_set_it) {
    ck_assert_int_eq(put_quote(START + 1000 * DAY, 99, 101), PERP_OK);
    ck_assert(perp_core_clock(the_core) == PERP_TIME_NONE);
}
END_TEST

START_TEST(an_empty_side_has_size_0) {
    perp_quote quote = quote_at(START, 99, 101);
    quote.bid_size = 0;
    quote.ask_size = 0;
    ck_assert_int_eq(perp_market_on_quote(market, &quote), PERP_OK);
    ck_assert_double_eq(state_at(START).bid_size, 0);
}
END_TEST

START_TEST(extreme_prices_and_times_give_finite_numbers) {
    ck_assert_int_eq(put_quote(INT64_MIN + 1, 1e-308, 2e-308), PERP_OK);
    ck_assert_int_eq(feed_quote(0, 1e308, 1.7e308), PERP_OK);
    ck_assert_int_eq(feed_quote(INT64_MAX - SECOND, 1e-300, 1), PERP_OK);
    ck_assert_int_eq(put_quote(INT64_MAX, 1e308, 1.7e308), PERP_OK);
    perp_market_state state = state_at(INT64_MAX);
    ck_assert_double_finite(state.mid);
    ck_assert_double_finite(state.spread_baseline_bps);
    /* Both returns of the last two buckets: from the huge price down to 0.5 and back up. */
    ck_assert_double_eq_tol(state.volatility, sqrt(2) * (log(1.35e308) - log(0.5)), 1e-9);
}
END_TEST

START_TEST(a_book_is_also_a_quote_and_of_one_kind_with_it) {
    const perp_book_level bids[] = {{99, 1}, {98, 3}}, asks[] = {{101, 2}, {103, 4}};
    perp_book book = {.instrument = btc, .time_ns = START, .n_bids = 2, .n_asks = 2};
    book.bids = bids;
    book.asks = asks;
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_OK);
    perp_market_state state = state_at(START);
    ck_assert_double_eq(state.bid, 99);
    ck_assert_double_eq(state.ask_size, 2);
    ck_assert_double_eq(state.spread_baseline_bps, 200);
    ck_assert_int_eq(put_quote(START - 1, 99, 101), PERP_E_STALE);
    ck_assert_int_eq(put_quote(START + 1, 99, 101), PERP_OK);
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_E_STALE);
    ck_assert_uint_eq(statistics().stale_events, 2);
}
END_TEST

START_TEST(a_malformed_book_is_refused_and_changes_nothing) {
    perp_book_level bids[13][2], asks[13][2];
    perp_book bad[13];
    for (int i = 0; i < 13; i++) {
        bids[i][0] = (perp_book_level){99, 1};
        bids[i][1] = (perp_book_level){98, 1};
        asks[i][0] = (perp_book_level){101, 1};
        asks[i][1] = (perp_book_level){102, 1};
        bad[i] = (perp_book){.instrument = btc, .n_bids = 2, .n_asks = 2, .time_ns = START + 1};
        bad[i].bids = bids[i];
        bad[i].asks = asks[i];
    }
    ck_assert_int_eq(put_quote(START, 49, 51), PERP_OK);
    bad[0].n_bids = bad[0].n_asks = 0;
    bad[1].n_bids = 0;
    bad[1].asks = NULL;
    bad[2].bids = NULL;
    bids[3][1].price = 99;
    bids[4][1].price = 100;
    asks[5][1].price = 101;
    asks[6][0].price = 99; /* meets the best bid */
    bids[7][1].price = -1;
    bids[8][0].price = NOT_A_NUMBER;
    asks[9][1].price = INFINITE;
    asks[10][1].size = NOT_A_NUMBER;
    bids[11][0].size = 0; /* a side with a level is not empty */
    bad[12].time_ns = PERP_TIME_NONE;
    for (int i = 0; i < 13; i++)
        ck_assert_msg(perp_market_on_book(market, &bad[i]) == PERP_E_INVALID, "case %d", i);
    ck_assert_double_eq(state_at(START).bid, 49);
    ck_assert_uint_eq(statistics().rejected_events, 13);
}
END_TEST

START_TEST(the_mid_stands_in_for_a_mark_that_is_missing_or_too_old_either_way) {
    perp_mark mark = {.instrument = btc, .time_ns = START, .price = 90};
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    ck_assert_double_eq(state_at(START).mark, 100);
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_OK);
    ck_assert_double_eq(state_at(START).mark, 90);
    ck_assert_double_eq(state_at(START + 5000 * MS).mark, 90);
    ck_assert_double_eq(state_at(START + 5000 * MS + 1).mark, 100);
    ck_assert_double_eq(state_at(START - 5000 * MS).mark, 90);
    ck_assert_double_eq(state_at(START - 5000 * MS - 1).mark, 100);
    mark.time_ns--;
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_E_STALE);
    mark.price = 0;
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_E_INVALID);
}
END_TEST

START_TEST(a_query_is_not_before_the_clock) {
    perp_mark mark = {.instrument = btc, .time_ns = START, .price = 90};
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_OK);
    set_clock(START + 6 * SECOND);
    ck_assert_double_eq(state_at(START).mark, 100);
}
END_TEST

START_TEST(trades_give_the_last_price) {
    perp_trade trade = {.instrument = btc, .time_ns = START, .price = 77};
    ck_assert_int_eq(perp_market_on_trade(market, &trade), PERP_OK);
    ck_assert_double_eq(state_at(START).last, 77);
    trade.size = -1;
    ck_assert_int_eq(perp_market_on_trade(market, &trade), PERP_E_INVALID);
    trade.size = 1;
    trade.price = NOT_A_NUMBER;
    ck_assert_int_eq(perp_market_on_trade(market, &trade), PERP_E_INVALID);
    trade.price = 78;
    trade.time_ns--;
    ck_assert_int_eq(perp_market_on_trade(market, &trade), PERP_E_STALE);
    ck_assert_double_eq(state_at(START).last, 77);
}
END_TEST

START_TEST(the_next_settlement_follows_from_any_that_is_known) {
    perp_funding funding = {.instrument = btc, .time_ns = START, .rate = 1e-4};
    funding.interval_h = 8;
    funding.next_ns = START + HOUR;
    ck_assert_int_eq(perp_market_on_funding(market, &funding), PERP_OK);
    ck_assert_double_eq(state_at(START).funding_rate, 1e-4);
    ck_assert(state_at(START).next_funding_ns == START + HOUR);
    ck_assert(state_at(START + HOUR - 1).next_funding_ns == START + HOUR);
    ck_assert(state_at(START + HOUR).next_funding_ns == START + 9 * HOUR);
    ck_assert(state_at(START - 10 * HOUR).next_funding_ns == START - 7 * HOUR);
    funding.interval_h = 1; /* may change at any update */
    ck_assert_int_eq(perp_market_on_funding(market, &funding), PERP_OK);
    ck_assert(state_at(START + HOUR).next_funding_ns == START + 2 * HOUR);
    funding.continuous = 1;
    ck_assert_int_eq(perp_market_on_funding(market, &funding), PERP_OK);
    ck_assert(state_at(START).next_funding_ns == PERP_TIME_NONE);
}
END_TEST

START_TEST(a_book_with_one_side_is_a_quote_whose_other_side_is_empty) {
    perp_book_level levels[2] = {{98, 5}, {97, 6}};
    perp_book book = {.instrument = btc, .n_bids = 2, .time_ns = START, .bids = levels};
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_E_INVALID); /* no price of asks */
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    book.time_ns = START + 1;
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_OK);
    ck_assert_double_eq(state_at(START).bid, 98);
    ck_assert_double_eq(state_at(START).bid_size, 5);
    ck_assert_double_eq(state_at(START).ask, 101);
    ck_assert_double_eq(state_at(START).ask_size, 0);
    levels[0].price = 102; /* meets the price of the other side */
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_E_INVALID);
    ck_assert_double_eq(state_at(START).bid, 98);
}
END_TEST

START_TEST(of_a_deep_book_the_first_levels_are_taken) {
    perp_book_level asks[40], bid = {99, 1};
    for (int i = 0; i < 40; i++)
        asks[i] = (perp_book_level){100 + i, 1};
    asks[PERP_MAX_LEVELS].price = NOT_A_NUMBER; /* not looked at */
    perp_book book = {.instrument = btc, .n_bids = 1, .n_asks = 40, .time_ns = START};
    book.bids = &bid;
    book.asks = asks;
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_OK);
    ck_assert_double_eq(state_at(START).ask, 100);
}
END_TEST

START_TEST(a_book_that_is_withdrawn_is_no_quote_until_the_next) {
    perp_withdrawal gone = {.instrument = btc, .time_ns = START + SECOND};
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    double baseline = state_at(START).spread_baseline_bps;
    ck_assert_int_eq(perp_market_on_withdraw(market, &gone), PERP_OK);
    ck_assert_uint_eq(state_at(START).has_quote, 0);
    ck_assert_double_nan(state_at(START).mark);
    ck_assert_int_eq(put_quote(START + SECOND - 1, 99, 101), PERP_E_STALE); /* of one kind */
    gone.time_ns--;
    ck_assert_int_eq(perp_market_on_withdraw(market, &gone), PERP_E_STALE);
    ck_assert_int_eq(put_quote(START + SECOND, 99, 101), PERP_OK);
    ck_assert_uint_eq(state_at(START).has_quote, 1);
    ck_assert_double_eq(state_at(START).spread_baseline_bps, baseline);
    gone.reserved = 1;
    ck_assert_int_eq(perp_market_on_withdraw(market, &gone), PERP_E_INVALID);
    gone.instrument = btc + 1;
    ck_assert_int_eq(perp_market_on_withdraw(market, &gone), PERP_E_NOT_FOUND);
    ck_assert_int_eq(perp_market_on_withdraw(market, NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(rates_are_checked_as_all_that_feeds_say) {
    perp_rate rate = {.quote = "USDT", .time_ns = START, .usd = 0.99};
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_OK);
    rate.time_ns--;
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_STALE);
    rate.time_ns = PERP_TIME_NONE;
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_INVALID);
    rate.time_ns = START + 61 * SECOND;
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_RANGE);
    rate.usd = 0;
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_INVALID);
    rate.usd = 1;
    rate.quote[0] = '\0';
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_INVALID);
    memset(rate.quote, 'x', sizeof rate.quote);
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_INVALID);
    ck_assert_int_eq(perp_market_on_rate(market, NULL), PERP_E_INVALID);
    rate.time_ns = START;
    for (int i = 1; i < 256; i++) {
        snprintf(rate.quote, sizeof rate.quote, "Q%d", i);
        ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_OK);
    }
    snprintf(rate.quote, sizeof rate.quote, "one too many");
    ck_assert_int_eq(perp_market_on_rate(market, &rate), PERP_E_RANGE);
}
END_TEST

START_TEST(one_wrong_clock_does_not_freeze_a_feed_and_two_agree) {
    perp_mark mark = {.instrument = btc, .price = 100};
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(put_quote(START + DAY, 99, 101), PERP_E_RANGE);
    ck_assert_int_eq(put_quote(START + SECOND, 99, 101), PERP_OK); /* it was wrong */
    ck_assert_int_eq(put_quote(START + DAY, 99, 101), PERP_E_RANGE);
    mark.time_ns = START + DAY + 61 * SECOND; /* too far from the one before to agree */
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_E_RANGE);
    mark.time_ns += 60 * SECOND;
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_OK); /* time has moved */
    ck_assert_int_eq(put_quote(START + DAY, 99, 101), PERP_OK);
    ck_assert(perp_core_clock(the_core) == PERP_TIME_NONE); /* feeds don't move it */
    set_clock(START + 3 * DAY);
    ck_assert_int_eq(put_quote(START + 3 * DAY + 60 * SECOND, 99, 101), PERP_OK);
    ck_assert_uint_eq(statistics().rejected_events, 3);
}
END_TEST

START_TEST(a_rate_that_makes_no_sense_is_unknown_until_a_good_one_comes) {
    perp_funding good = {.instrument = btc, .time_ns = START, .rate = 1e-4, .interval_h = 8};
    perp_funding bad[4];
    good.next_ns = START + HOUR;
    for (int i = 0; i < COUNT(bad); i++)
        bad[i] = good;
    bad[0].rate = 0.51;
    bad[1].next_ns = START + 9 * HOUR + 1;
    bad[2].next_ns = START - 9 * HOUR - 1;
    bad[3].interval_h = 169;
    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_int_eq(perp_market_on_funding(market, &good), PERP_OK);
        ck_assert_double_eq(state_at(START).funding_rate, 1e-4);
        ck_assert_int_eq(perp_market_on_funding(market, &bad[i]), PERP_E_INVALID);
        ck_assert_double_nan(state_at(START).funding_rate);
    }
    ck_assert_int_eq(perp_market_on_funding(market, &good), PERP_OK);
    bad[0].time_ns--; /* older than what is known: it says nothing of it */
    ck_assert_int_eq(perp_market_on_funding(market, &bad[0]), PERP_E_INVALID);
    ck_assert_double_eq(state_at(START).funding_rate, 1e-4);
}
END_TEST

START_TEST(malformed_funding_is_refused) {
    perp_funding good = {.instrument = btc, .time_ns = START, .interval_h = 8, .next_ns = START};
    perp_funding bad[6];
    for (int i = 0; i < COUNT(bad); i++)
        bad[i] = good;
    bad[0].rate = NOT_A_NUMBER;
    bad[1].interval_h = 0;
    bad[2].interval_h = NOT_A_NUMBER;
    bad[3].interval_h = INFINITE;
    bad[4].continuous = 2;
    bad[5].next_ns = PERP_TIME_NONE;
    for (int i = 0; i < COUNT(bad); i++)
        ck_assert_msg(perp_market_on_funding(market, &bad[i]) == PERP_E_INVALID, "case %d", i);
    perp_funding long_one = good;
    long_one.interval_h = 168.5;
    ck_assert_int_eq(perp_market_on_funding(market, &long_one), PERP_E_INVALID);
    ck_assert_double_nan(state_at(START).funding_rate);
    good.interval_h = 168;
    ck_assert_int_eq(perp_market_on_funding(market, &good), PERP_OK);
}
END_TEST

START_TEST(kinds_of_events_are_stale_each_for_itself) {
    perp_trade trade = {.instrument = btc, .time_ns = START - HOUR, .price = 77};
    perp_mark mark = {.instrument = btc, .time_ns = START - HOUR, .price = 77};
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(perp_market_on_trade(market, &trade), PERP_OK);
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_OK);
}
END_TEST

START_TEST(a_query_needs_a_known_instrument_and_a_place_for_the_answer) {
    perp_market_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_market_query(market, btc + 1, START, NULL), PERP_E_NOT_FOUND);
    ck_assert_int_eq(perp_market_query(market, btc, START, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_market_query(NULL, btc, START, &state), PERP_E_INVALID);
    state.struct_size = 0;
    ck_assert_int_eq(perp_market_query(market, btc, START, &state), PERP_E_INVALID);
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    memset(&state, 0x7f, sizeof state);
    state.struct_size = offsetof(perp_market_state, bid_size);
    ck_assert_int_eq(perp_market_query(market, btc, START, &state), PERP_OK);
    ck_assert_double_eq(state.bid, 99);
    ck_assert_double_eq_tol(state.bid_size, 1.38e306, 1e305); /* untouched */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("market");
    TCase *events = tcase_create("events");
    tcase_add_checked_fixture(events, setup, teardown);
    tcase_add_test(events, without_data_all_is_unknown);
    tcase_add_test(events, a_book_with_one_side_is_a_quote_whose_other_side_is_empty);
    tcase_add_test(events, of_a_deep_book_the_first_levels_are_taken);
    tcase_add_test(events, a_book_that_is_withdrawn_is_no_quote_until_the_next);
    tcase_add_test(events, rates_are_checked_as_all_that_feeds_say);
    tcase_add_test(events, one_wrong_clock_does_not_freeze_a_feed_and_two_agree);
    tcase_add_test(events, a_rate_that_makes_no_sense_is_unknown_until_a_good_one_comes);
    tcase_add_test(events, a_quote_gives_mid_and_spread);
    tcase_add_test(events, an_older_quote_is_stale_and_counted_and_one_of_the_same_time_replaces);
    tcase_add_test(events, a_malformed_quote_is_refused_and_changes_nothing);
    tcase_add_test(events, errors_come_in_their_order);
    tcase_add_test(events,
                   a_feed_may_start_at_any_time_before_the_clock_is_set_and_does_not_set_it);
    tcase_add_test(events, an_empty_side_has_size_0);
    tcase_add_test(events, extreme_prices_and_times_give_finite_numbers);
    tcase_add_test(events, a_book_is_also_a_quote_and_of_one_kind_with_it);
    tcase_add_test(events, a_malformed_book_is_refused_and_changes_nothing);
    tcase_add_test(events, the_mid_stands_in_for_a_mark_that_is_missing_or_too_old_either_way);
    tcase_add_test(events, a_query_is_not_before_the_clock);
    tcase_add_test(events, trades_give_the_last_price);
    tcase_add_test(events, the_next_settlement_follows_from_any_that_is_known);
    tcase_add_test(events, malformed_funding_is_refused);
    tcase_add_test(events, kinds_of_events_are_stale_each_for_itself);
    tcase_add_test(events, a_query_needs_a_known_instrument_and_a_place_for_the_answer);
    suite_add_tcase(suite, events);
    return run(suite);
}
