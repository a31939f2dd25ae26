/* perp_monitor_watch: on_alert hears of what no change of the book raises. */
#include "fixture.h"

static struct world *w;
static perp_alert told[32];
static uint32_t n_told;
static perp_status nested;

static void hear(void *user, const perp_alert *alert) {
    (void)user;
    ck_assert_uint_lt(n_told, 32);
    told[n_told++] = *alert;
    nested = perp_monitor_watch(w->core, w->now);
}

static void open_world(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = hear;
    w = world_open(&config);
    ok(w, perp_monitor_watch(w->core, w->now));
    n_told = 0;
}

static void close_world(void) {
    world_close(w);
}

static void watch(void) {
    n_told = 0;
    ok(w, perp_monitor_watch(w->core, w->now));
}

static void alert_is(uint32_t n, uint32_t code, const char *subject, uint32_t active) {
    ck_assert_uint_lt(n, n_told);
    ck_assert_str_eq(perp_alert_string(told[n].code), perp_alert_string(code));
    ck_assert_str_eq(told[n].subject, subject);
    ck_assert_uint_eq(told[n].active, active);
    ck_assert_uint_eq(told[n].struct_size, sizeof told[n]);
    ck_assert_int_le(told[n].since_ns, w->now);
}

static void api_of(perp_exchange_id exchange, uint32_t api) {
    w->now += SECOND;
    quotes(w);
    perp_exchange_status status = {exchange, api, w->now};
    ok(w, perp_market_on_status(w->market, &status));
}

START_TEST(an_exchange_that_goes_down_is_told_once_and_its_return_once) {
    api_of(BETA, PERP_API_DOWN);
    ck_assert_uint_eq(n_told, 0);
    watch();
    ck_assert_uint_eq(n_told, 1);
    alert_is(0, PERP_ALERT_EXCHANGE_DOWN, "beta", 1);
    ck_assert_str_ne(told[0].message, "");
    watch();
    ck_assert_uint_eq(n_told, 0);
    api_of(BETA, PERP_API_UP);
    watch();
    ck_assert_uint_eq(n_told, 1);
    alert_is(0, PERP_ALERT_EXCHANGE_DOWN, "beta", 0);
    ck_assert_int_eq(told[0].since_ns, w->now);
    watch();
    ck_assert_uint_eq(n_told, 0);
}
END_TEST

START_TEST(a_feed_that_falls_silent_under_a_running_job_is_told) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    watch();
    ck_assert_uint_eq(n_told, 0);
    w->now += HOUR;
    watch();
    ck_assert_uint_eq(n_told, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(told[i].code, PERP_ALERT_FEED_SILENT);
        ck_assert_uint_eq(told[i].active, 1);
    }
    quotes(w);
    watch();
    ck_assert_uint_eq(n_told, 2);
    ck_assert_uint_eq(told[0].active + told[1].active, 0);
}
END_TEST

START_TEST(what_a_change_tells_is_not_told_again) {
    n_told = 0;
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), BETA, 1));
    ck_assert_uint_eq(n_told, 1);
    alert_is(0, PERP_ALERT_SAFE_MODE, "beta", 1);
    ck_assert_int_eq(nested, PERP_E_STATE); /* from inside the callback */
    watch();
    for (uint32_t i = 0; i < n_told; i++)
        ck_assert_uint_ne(told[i].code, PERP_ALERT_SAFE_MODE);
}
END_TEST

START_TEST(two_at_once_come_and_go_each_for_itself) {
    api_of(BETA, PERP_API_DOWN);
    api_of(GAMMA, PERP_API_DOWN);
    watch();
    ck_assert_uint_eq(n_told, 2);
    api_of(BETA, PERP_API_UP);
    watch();
    ck_assert_uint_eq(n_told, 1);
    alert_is(0, PERP_ALERT_EXCHANGE_DOWN, "beta", 0);
    watch();
    ck_assert_uint_eq(n_told, 0);
}
END_TEST

START_TEST(bad_input_is_refused_and_without_on_alert_nothing_is_done) {
    ck_assert_int_eq(perp_monitor_watch(NULL, START), PERP_E_INVALID);
    struct world *other = world_open(NULL);
    ok(other, perp_monitor_watch(other->core, other->now));
    world_close(other);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("watch");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, an_exchange_that_goes_down_is_told_once_and_its_return_once);
    tcase_add_test(tcase, a_feed_that_falls_silent_under_a_running_job_is_told);
    tcase_add_test(tcase, what_a_change_tells_is_not_told_again);
    tcase_add_test(tcase, two_at_once_come_and_go_each_for_itself);
    tcase_add_test(tcase, bad_input_is_refused_and_without_on_alert_nothing_is_done);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
