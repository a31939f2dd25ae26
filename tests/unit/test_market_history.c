/* Spread baseline and volatility: against a second computation over the whole history, and against
   published numbers. */
#include "market_fixture.h"

#include "golden_volatility.h"

#define HISTORY 3000

static struct {
    int64_t time_ns;
    double bid, ask;
} history[HISTORY];

static uint64_t seed = 20221213;

static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

static int64_t bucket_of(int64_t time_ns) {
    return (int64_t)floorl((long double)time_ns / SECOND);
}

static long double mid_at(int64_t bucket, int n) {
    for (int i = n - 1; i >= 0; i--)
        if (bucket_of(history[i].time_ns) <= bucket)
            return ((long double)history[i].bid + history[i].ask) / 2;
    return 0;
}

static double batch_volatility(int n, int64_t window) {
    int64_t end = bucket_of(history[n - 1].time_ns), first = bucket_of(history[0].time_ns);
    if (end - first < 10)
        return NOT_A_NUMBER;
    long double sum = 0;
    for (int64_t k = end - window + 1; k <= end; k++) {
        if (k <= first)
            continue;
        long double r = logl(mid_at(k, n) / mid_at(k - 1, n));
        sum += r * r;
    }
    return (double)sqrtl(sum);
}

/* The weight of a spread is what of it the later ones left over. */
static double batch_baseline(int n, double half_life_s) {
    long double sum = 0;
    for (int i = -1; i < n - 1; i++) {
        int k = i < 0 ? 0 : i;
        long double mid = ((long double)history[k].bid + history[k].ask) / 2;
        long double spread = ((long double)history[k].ask - history[k].bid) / mid * 1e4L;
        int64_t from = history[k].time_ns, to = history[i + 1].time_ns;
        int64_t end = history[n - 1].time_ns;
        long double weight =
            i < 0 ? 1 : 1 - exp2l(-(long double)(to - from) / SECOND / half_life_s);
        sum += spread * weight * exp2l(-(long double)(end - to) / SECOND / half_life_s);
    }
    return (double)sum;
}

static int64_t random_gap(uint32_t window) {
    switch (draw(8)) {
    case 0:
        return 0;
    case 1:
        return draw(5) * SECOND;
    case 2:
        return (int64_t)draw(window) * SECOND + draw(1000) * MS;
    case 3:
        return draw(20) == 0 ? (int64_t)draw(3000) * SECOND : 1;
    default:
        return draw(400) * MS;
    }
}

static const uint32_t windows[] = {1, 2, 7, 30, 64, 300, 3600};

START_TEST(baseline_and_volatility_are_those_of_the_whole_history) {
    const char *given = getenv("PERP_TEST_SEED");
    if (given)
        seed = strtoull(given, NULL, 10);
    seed += (uint64_t)_i + 1;
    uint64_t started = seed;
    uint32_t window = windows[_i];
    open_window(window);
    int64_t now = START - 5 * SECOND + draw(1000) * MS;
    double price = 100;
    for (int n = 1; n <= HISTORY; n++) {
        now += random_gap(window);
        price *= 1 + ((int)draw(2001) - 1000) * (draw(50) == 0 ? 1e-4 : 1e-7);
        history[n - 1].time_ns = now;
        history[n - 1].bid = price - price * (draw(20) + 1) * 1e-6;
        history[n - 1].ask = price;
        ck_assert_int_eq(feed_quote(now, history[n - 1].bid, price), PERP_OK);
        if (n > 40 && draw(60) != 0)
            continue;
        int64_t at = draw(3) == 0 ? now - SECOND : now + random_gap(window);
        perp_market_state state = state_at(at);
        double expected = batch_volatility(n, window);
        ck_assert_msg(isnan(expected) ? isnan(state.volatility)
                                      : fabs(state.volatility - expected) <= 1e-10 * expected,
                      "seed %llu window %u quote %d: volatility %.17g, batch %.17g",
                      (unsigned long long)started, window, n, state.volatility, expected);
        double baseline = batch_baseline(n, 60);
        ck_assert_msg(fabs(state.spread_baseline_bps - baseline) <= 1e-12 * baseline,
                      "seed %llu window %u quote %d: baseline %.17g, batch %.17g",
                      (unsigned long long)started, window, n, state.spread_baseline_bps, baseline);
    }
    teardown();
}
END_TEST

START_TEST(volatility_is_unknown_until_the_last_quote_is_10_buckets_after_the_first) {
    int64_t half = START + SECOND / 2;
    ck_assert_int_eq(feed_quote(half, 99, 101), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 10 * SECOND - 1, 99, 101), PERP_OK);
    ck_assert_double_nan(state_at(START + 1000 * SECOND).volatility);
    ck_assert_int_eq(feed_quote(START + 10 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_eq_tol(state_at(START).volatility, log(1.01), 1e-15);
}
END_TEST

START_TEST(a_return_leaves_the_window_with_its_bucket) {
    ck_assert_int_eq(feed_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 20 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_gt(state_at(START + 5000 * SECOND).volatility, 0.009); /* as of the quote */
    ck_assert_int_eq(feed_quote(START + 319 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_gt(state_at(START).volatility, 0.009);
    ck_assert_int_eq(feed_quote(START + 320 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_eq(state_at(START).volatility, 0);
    ck_assert_int_eq(feed_quote(START + 5000 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_eq(state_at(START + 5000 * SECOND).volatility, 0);
}
END_TEST

START_TEST(the_first_return_leaves_the_window_with_its_bucket_too) {
    ck_assert_int_eq(feed_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(feed_quote(START + SECOND, 100, 102), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 300 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_eq_tol(state_at(START).volatility, log1p(0.01), 1e-15);
    ck_assert_int_eq(feed_quote(START + 301 * SECOND, 101, 103), PERP_OK);
    ck_assert_double_eq_tol(state_at(START).volatility, log(102.0 / 101), 1e-15);
}
END_TEST

START_TEST(an_old_jump_leaves_no_trace_however_large_it_was) {
    ck_assert_int_eq(feed_quote(START, 1e-9, 2e-9), PERP_OK);
    ck_assert_int_eq(feed_quote(START + SECOND, 99999, 100001), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 1000 * SECOND, 99999, 100001), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 1001 * SECOND, 100000, 100002), PERP_OK);
    ck_assert_double_eq_tol(state_at(START).volatility, log1p(1 / 100000.0), 1e-20);
}
END_TEST

START_TEST(a_market_is_fast_from_the_threshold_of_the_mode_on) {
    ck_assert_int_eq(feed_quote(START, 99, 101), PERP_OK);
    ck_assert_int_eq(feed_quote(START + 10 * SECOND, 99.5, 101.5), PERP_OK);
    ck_assert_double_lt(state_at(START).volatility, 0.006);
    ck_assert_uint_eq(state_at(START).fast, 0);
    ck_assert_int_eq(feed_quote(START + 11 * SECOND, 100, 102), PERP_OK);
    ck_assert_double_gt(state_at(START).volatility, 0.006);
    ck_assert_uint_eq(state_at(START).fast, 1);
}
END_TEST

/* One close a bucket, the first one twice, since 10 buckets must have passed: 9 returns. */
START_TEST(published_close_to_close_volatility_is_reproduced) {
    open_window(9);
    ck_assert_int_eq(
        feed_quote(START - SECOND, close_rows[0].close - 0.01, close_rows[0].close + 0.01),
        PERP_OK);
    int compared = 0;
    for (int i = 0; i < COUNT(close_rows); i++) {
        int64_t now = START + i * SECOND;
        ck_assert_int_eq(feed_quote(now, close_rows[i].close - 0.01, close_rows[i].close + 0.01),
                         PERP_OK);
        if (close_rows[i].mean0 <= 0)
            continue;
        double volatility = state_at(now).volatility * sqrt(260.0 / 8);
        ck_assert_msg(fabs(volatility - close_rows[i].mean0) <= 1e-12, "row %d: %.17g, not %.17g",
                      i, volatility, close_rows[i].mean0);
        compared++;
    }
    ck_assert_int_eq(compared, 51);
    teardown();
}
END_TEST

#define MAX_CLOSES 1500

static int read_closes(double *closes) {
    const char *folder = getenv("PERPCORE_DATA");
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/bars_binance_bybit_btc_20221213_1m.csv",
             folder ? folder : "../shared/data");
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    int n = 0;
    while (n < MAX_CLOSES && fgets(line, sizeof line, file))
        if (sscanf(line, "%*[^,],binance-coinm,BTCUSD_PERP,%*[^,],%*[^,],%*[^,],%lf", &closes[n]) ==
            1)
            n++;
    fclose(file);
    return n;
}

/* One close a minute. Realised variance adds up, so periods longer than the largest window of an
   hour are the sum of windows that divide them. */
START_TEST(recorded_realised_volatility_is_reproduced) {
    static double closes[MAX_CLOSES];
    int n = read_closes(closes), first = realised_rows[_i].first_bar;
    int returns = realised_rows[_i].n_returns, part = 60;
    if (n == 0) {
        printf("recorded bars: not found (PERPCORE_DATA), not compared\n");
        return;
    }
    ck_assert_int_gt(n, first + returns);
    while (returns % part != 0)
        part--;
    open_window((uint32_t)part * 60);
    double variance = 0;
    for (int i = 0; i <= returns; i++) {
        int64_t now = START + i * 60 * SECOND;
        double close = closes[first + i];
        ck_assert_int_eq(feed_quote(now, close - 0.5, close + 0.5), PERP_OK);
        if (i > 0 && i % part == 0)
            variance += pow(state_at(now).volatility, 2);
    }
    ck_assert_double_eq_tol(variance, realised_rows[_i].variance,
                            1e-9 * realised_rows[_i].variance);
    ck_assert_double_eq_tol(sqrt(variance), realised_rows[_i].volatility, 1e-11);
    teardown();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("market history");
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_test(rules, volatility_is_unknown_until_the_last_quote_is_10_buckets_after_the_first);
    tcase_add_test(rules, a_return_leaves_the_window_with_its_bucket);
    tcase_add_test(rules, the_first_return_leaves_the_window_with_its_bucket_too);
    tcase_add_test(rules, an_old_jump_leaves_no_trace_however_large_it_was);
    tcase_add_test(rules, a_market_is_fast_from_the_threshold_of_the_mode_on);
    suite_add_tcase(suite, rules);
    TCase *history_case = tcase_create("history");
    tcase_set_timeout(history_case, 120);
    tcase_add_loop_test(history_case, baseline_and_volatility_are_those_of_the_whole_history, 0,
                        COUNT(windows));
    tcase_add_test(history_case, published_close_to_close_volatility_is_reproduced);
    tcase_add_loop_test(history_case, recorded_realised_volatility_is_reproduced, 0,
                        COUNT(realised_rows));
    suite_add_tcase(suite, history_case);
    return run(suite);
}
