/* A call's time is looked at before all else: what is refused for it, what agrees, what is never
   refused, the clock that advance sets, and the days that follow from it. */
#include "reopen.h"

#include "core/core.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_status book_at(int64_t now) {
    return perp_capital_record_pnl(w->capital, at(w, now), ALPHA, 1, 0, 0, NULL);
}

static int64_t clock_now(void) {
    return perp_core_clock(w->core);
}

START_TEST(a_call_may_be_an_hour_past_the_clock_and_no_more) {
    ok(w, book_at(START + HOUR));
    fails(w, PERP_E_RANGE, book_at(START + 2 * HOUR + 1));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "more than an hour"));
    ck_assert_int_eq(clock_now(), START + HOUR);
    ok(w, book_at(START + 2 * HOUR));
}
END_TEST

START_TEST(two_calls_that_agree_within_a_minute_move_the_clock) {
    fails(w, PERP_E_RANGE, book_at(START + DAY));
    fails(w, PERP_E_RANGE, book_at(START + DAY + MINUTE + 1));
    fails(w, PERP_E_RANGE, book_at(START + DAY));
    ok(w, book_at(START + DAY + MINUTE));
    ck_assert_int_eq(clock_now(), START + DAY + MINUTE);
    /* Not where a call with a good time came between them. */
    fails(w, PERP_E_RANGE, book_at(START + 3 * DAY));
    ok(w, book_at(START + DAY + MINUTE));
    fails(w, PERP_E_RANGE, book_at(START + 3 * DAY));
    ok(w, book_at(START + 3 * DAY - MINUTE));
}
END_TEST

START_TEST(feeds_that_have_moved_on_let_calls_follow) {
    pass(w, DAY);
    ok(w, book_at(w->now + HOUR));
    fails(w, PERP_E_RANGE, book_at(w->now + 2 * HOUR + 1));
}
END_TEST

START_TEST(the_time_is_told_before_what_else_is_wrong) {
    int64_t far = START + DAY;
    perp_job_result result;
    perp_uuid none = id_of(99);
    perp_job_result_init(&result);
    fails(w, PERP_E_RANGE, perp_capital_update_equity(w->capital, at(w, far), 77, 1));
    far += HOUR;
    fails(w, PERP_E_RANGE, perp_capital_release(w->capital, at(w, far), 77, 0));
    far += HOUR;
    fails(w, PERP_E_RANGE, perp_scheduler_cancel(w->scheduler, at(w, far), &none));
    far += HOUR;
    fails(w, PERP_E_RANGE, perp_scheduler_finish(w->scheduler, at(w, far), &none, &result, NULL));
    far += HOUR;
    fails(w, PERP_E_RANGE, perp_scheduler_kill(w->scheduler, at(w, far), 0, 77, NULL, 0, NULL));
    far += HOUR;
    fails(w, PERP_E_RANGE, perp_capital_set_safe_mode(w->capital, at(w, far), ALPHA, 0));
    /* Then what is addressed, then the values: a range comes last. */
    fails(w, PERP_E_NOT_FOUND, perp_capital_record_pnl(w->capital, nowc(w), 77, 0, -1, 0, NULL));
    fails(w, PERP_E_INVALID, perp_capital_correct(w->capital, nowc(w), ALPHA, INT64_MAX, NULL));
}
END_TEST

START_TEST(a_call_that_raises_a_protection_is_never_refused_for_its_time) {
    int64_t far = START + 30 * DAY;
    ok(w, perp_scheduler_kill(w->scheduler, at(w, far), 1, ALL_X, NULL, 0, NULL));
    ok(w, perp_scheduler_pause(w->scheduler, at(w, far)));
    ok(w, perp_risk_blacklist(w->risk, at(w, far), "BTC/USDT:USDT", 1));
    ok(w, perp_capital_set_safe_mode(w->capital, at(w, far), ALPHA, 1));
    ck_assert_int_eq(clock_now(), START);
    ck_assert_uint_eq(capital_of(w, ALPHA).safe_mode, 1);
    ck_assert_uint_eq(risk_of(w).killed, 1);
    fails(w, PERP_E_NOT_FOUND, perp_capital_set_safe_mode(w->capital, at(w, far), 77, 1));
    /* Taking one away is. */
    fails(w, PERP_E_RANGE, perp_capital_set_safe_mode(w->capital, signed_at(w, far), ALPHA, 0));
}
END_TEST

START_TEST(advance_sets_the_clock_at_once_and_back) {
    fails(w, PERP_E_INVALID, perp_core_advance(w->core, at(w, START + 30 * DAY)));
    ok(w, perp_core_advance(w->core, signed_at(w, START + 30 * DAY)));
    ck_assert_int_eq(clock_now(), START + 30 * DAY);
    ok(w, perp_core_advance(w->core, signed_at(w, START)));
    ck_assert_int_eq(clock_now(), START);
    ok(w, book_at(START + 1));
    ck_assert_int_eq(clock_now(), START + 1);
    checked(w);
}
END_TEST

static perp_market_state market_now(perp_instrument_id instrument) {
    perp_market_state state = {.struct_size = sizeof state};
    ok(w, perp_market_query(w->market, instrument, w->now, &state));
    return state;
}

static void mark_at(perp_instrument_id instrument, int64_t now, double price) {
    perp_mark mark = {.instrument = instrument, .time_ns = now, .price = price};
    fed(w, perp_market_on_mark(w->market, &mark));
}

static void latency_at(int64_t now, double ms) {
    perp_latency latency = {.exchange = ALPHA, .time_ns = now, .ms = ms};
    fed(w, perp_market_on_latency(w->market, &latency));
}

/* One wrong clock does not freeze a feed. */
START_TEST(a_clock_that_is_set_back_forgets_what_feeds_said_of_the_time_after) {
    perp_quote late = {
        .instrument = w->btc[ALPHA], .bid = 49000, .bid_size = 1, .ask = 49001, .ask_size = 1};
    int64_t then = w->now, far = then + 300 * DAY;
    mark_at(w->btc[ALPHA], then, 50010);
    quote_at(w, w->btc[ALPHA], far, 60000, 60001, 1);
    quote_at(w, w->btc[ALPHA], far + SECOND, 60002, 60003, 1);
    latency_at(far, 250);
    ok(w, perp_core_advance(w->core, signed_at(w, far)));
    ck_assert_double_eq(market_now(w->btc[ALPHA]).bid, 60002);
    late.time_ns = then + SECOND;
    fails(w, PERP_E_STALE, perp_market_on_quote(w->market, &late));
    ok(w, perp_core_advance(w->core, signed_at(w, then)));
    ck_assert_int_eq(market_now(w->btc[ALPHA]).has_quote, 0);
    ck_assert_double_eq(market_now(w->btc[ALPHA]).mark, 50010);
    ck_assert_double_eq(market_now(w->btc[BETA]).bid, BTC_BID);
    ck_assert(isnan(exchange_of(w, ALPHA).latency_mean_ms));
    ok(w, perp_market_on_quote(w->market, &late));
    ck_assert_double_eq(market_now(w->btc[ALPHA]).bid, 49000);
    latency_at(then + SECOND, 50);
    ck_assert_double_eq(exchange_of(w, ALPHA).latency_mean_ms, 50);
    /* Again ahead takes two that agree. */
    late.time_ns = then + DAY;
    fails(w, PERP_E_RANGE, perp_market_on_quote(w->market, &late));
    checked(w);
}
END_TEST

START_TEST(a_day_does_not_begin_twice_after_the_clock_was_set_back) {
    const int64_t midnight = (START / DAY + 1) * DAY;
    ok(w, perp_core_advance(w->core, signed_at(w, midnight)));
    ok(w, book_at(midnight));
    ok(w, perp_core_advance(w->core, signed_at(w, midnight - HOUR)));
    ok(w, book_at(midnight));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 2);
    ok(w, perp_core_advance(w->core, signed_at(w, midnight + DAY)));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, 2);
}
END_TEST

static int alert_stands;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    if (alert->code == PERP_ALERT_CLOCK_AHEAD)
        alert_stands = (int)alert->active;
}

START_TEST(an_alert_stands_while_calls_come_in_behind_the_clock) {
    w->core->config.callbacks.on_alert = on_alert;
    alert_stands = 0;
    ok(w, book_at(START - SECOND));
    ck_assert_int_eq(alert_stands, 0);
    ok(w, book_at(START - SECOND - 1));
    ck_assert_int_eq(alert_stands, 1);
    ok(w, book_at(START));
    ck_assert_int_eq(alert_stands, 0);
}
END_TEST

/* ---- The day's offset ----------------------------------------------------------------------- */

static void offset(int64_t now, int32_t minutes) {
    ok(w, perp_core_advance(w->core, signed_at(w, now)));
    ok(w, perp_capital_set_day_offset(w->capital, signed_at(w, now), minutes));
}

static void days_are(int64_t now, perp_usd today, perp_usd yesterday) {
    ok(w, perp_core_advance(w->core, signed_at(w, now)));
    ok(w, book_at(now));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, today);
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, yesterday);
}

START_TEST(the_offset_takes_a_signed_call_and_a_sound_value) {
    fails(w, PERP_E_INVALID, perp_capital_set_day_offset(w->capital, nowc(w), 60));
    fails(w, PERP_E_RANGE, perp_capital_set_day_offset(w->capital, signedc(w), 1440));
    fails(w, PERP_E_RANGE, perp_capital_set_day_offset(w->capital, signedc(w), -1440));
}
END_TEST

START_TEST(a_later_boundary_makes_the_day_of_now_longer) {
    const int64_t midnight = (START / DAY + 1) * DAY;
    ok(w, book_at(START));
    offset(START + HOUR, 120);
    days_are(midnight, 2, 0);
    days_are(midnight + 2 * HOUR - 1, 3, 0);
    days_are(midnight + 2 * HOUR, 1, 3);
    days_are(midnight + DAY + 2 * HOUR - 1, 2, 3);
    days_are(midnight + DAY + 2 * HOUR, 1, 2);
}
END_TEST

START_TEST(an_earlier_boundary_counts_from_the_next_day_on) {
    const int64_t midnight = (START / DAY + 1) * DAY;
    ok(w, book_at(START));
    offset(midnight - HOUR, -120); /* two hours before midnight: that is over already */
    days_are(midnight - 1, 2, 0);
    days_are(midnight, 1, 2);
    days_are(midnight + DAY - 2 * HOUR - 1, 2, 2);
    days_are(midnight + DAY - 2 * HOUR, 1, 2);
    days_are(midnight + 3 * DAY, 1, 0);
}
END_TEST

/* When the day ends is kept, and must follow each new offset. No advance here, which forgets it. */
START_TEST(the_day_ends_by_the_offset_that_was_set_last) {
    const int64_t midnight = (START / DAY + 1) * DAY;
    ok(w, perp_core_advance(w->core, signed_at(w, midnight - HOUR)));
    ok(w, book_at(midnight - 50 * MINUTE));
    ok(w, perp_capital_set_day_offset(w->capital, signed_at(w, midnight - 45 * MINUTE), 120));
    ok(w, book_at(midnight - 40 * MINUTE));
    ok(w, perp_capital_set_day_offset(w->capital, signed_at(w, midnight - 35 * MINUTE), 0));
    ok(w, book_at(midnight - 1));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 3);
    ok(w, book_at(midnight));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 1);
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, 3);
}
END_TEST

#if PERP_WITH_SQLITE
START_TEST(clock_and_day_survive_a_restart) {
    const int64_t midnight = (START / DAY + 1) * DAY;
    struct life life;
    w = life_begin(&life, NULL);
    ok(w, book_at(START));
    offset(midnight - HOUR, -120);
    life_again(&life, w);
    days_are(midnight - 1, 2, 0);
    ok(w, perp_core_advance(w->core, signed_at(w, START)));
    life_again(&life, w);
    ck_assert_int_eq(clock_now(), START);
    /* The first call after a book was opened is not looked at. */
    ok(w, book_at(midnight));
    ck_assert_int_eq(capital_of(w, ALPHA).yesterday.pnl, 2);
    fails(w, PERP_E_RANGE, book_at(midnight + HOUR + 1));
    life_end(&life, w);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("time");
    TCase *time = tcase_create("time");
    tcase_add_checked_fixture(time, open_world, close_world);
    tcase_add_test(time, a_call_may_be_an_hour_past_the_clock_and_no_more);
    tcase_add_test(time, two_calls_that_agree_within_a_minute_move_the_clock);
    tcase_add_test(time, feeds_that_have_moved_on_let_calls_follow);
    tcase_add_test(time, the_time_is_told_before_what_else_is_wrong);
    tcase_add_test(time, a_call_that_raises_a_protection_is_never_refused_for_its_time);
    tcase_add_test(time, advance_sets_the_clock_at_once_and_back);
    tcase_add_test(time, a_clock_that_is_set_back_forgets_what_feeds_said_of_the_time_after);
    tcase_add_test(time, a_day_does_not_begin_twice_after_the_clock_was_set_back);
    tcase_add_test(time, an_alert_stands_while_calls_come_in_behind_the_clock);
    tcase_add_test(time, the_offset_takes_a_signed_call_and_a_sound_value);
    tcase_add_test(time, a_later_boundary_makes_the_day_of_now_longer);
    tcase_add_test(time, an_earlier_boundary_counts_from_the_next_day_on);
    tcase_add_test(time, the_day_ends_by_the_offset_that_was_set_last);
    suite_add_tcase(suite, time);
#if PERP_WITH_SQLITE
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, clock_and_day_survive_a_restart);
    suite_add_tcase(suite, own);
#endif
    return run_suite(suite);
}
