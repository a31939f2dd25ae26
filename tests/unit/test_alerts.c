/* What a host is told as it happens: each alert once, when it begins and when it ends, with whom it
   is about. */
#include "orders_fixture.h"

static struct world *w;

static struct {
    int n;
    perp_alert alerts[64];
} told;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    told.alerts[told.n++ % 64] = *alert;
}

static void open_told(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = on_alert;
    config.scheduler.auto_repair = 0;
    config.risk.strategy_failures = 3;
    config.risk.circuit_failures = 4;
    w = world_open(&config);
    told.n = 0;
}

static void close_told(void) {
    world_close(w);
}

/* Since the last time one alert was told, and it is this one. */
static void told_only(uint32_t code, uint32_t level, const char *subject, uint32_t active) {
    const perp_alert *alert = &told.alerts[0];
    ck_assert_int_eq(told.n, 1);
    ck_assert_str_eq(perp_alert_string(alert->code), perp_alert_string(code));
    ck_assert_uint_eq(alert->level, level);
    ck_assert_str_eq(alert->subject, subject);
    ck_assert_uint_eq(alert->active, active);
    ck_assert_str_ne(alert->message, "");
    told.n = 0;
}

static void told_nothing(void) {
    ck_assert_int_eq(told.n, 0);
}

START_TEST(a_circuit_that_opens_and_closes) {
    for (int i = 0; i < 3; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
    told_nothing();
    ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
    told_only(PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, "beta", 1);
    pass(w, HOUR);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    told_only(PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, "beta", 0);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    told_nothing();
}
END_TEST

START_TEST(the_halt_after_failures_and_its_reset) {
    for (int i = 0; i < 4; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    told_nothing();
    ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    told_only(PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, "book", 1);
    ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    told_nothing();
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    told_only(PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, "book", 0);
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    told_nothing();
}
END_TEST

START_TEST(a_strategy_that_is_halted_and_reset) {
    perp_job jobs[4];
    for (uint32_t i = 0; i < 4; i++) {
        jobs[i] = pair_job(1 + i, w->btc[i % 2 ? GAMMA : ALPHA], w->btc[BETA]);
        run_job(w, &jobs[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        told_nothing();
        finish_all(w, &jobs[i].job_id, PERP_RESULT_FAILED);
        if (i == 2)
            told_only(PERP_ALERT_STRATEGY_HALT, PERP_ALERT_CRITICAL, "wash", 1);
    }
    told_only(PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, "beta", 1); /* and no more of wash */
    ok(w, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_ARB));
    told_nothing();
    ok(w, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_WASH));
    told_only(PERP_ALERT_STRATEGY_HALT, PERP_ALERT_CRITICAL, "wash", 0);
}
END_TEST

START_TEST(controls_that_are_set_and_lifted) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 3600000, NULL));
    told_only(PERP_ALERT_OVERRIDE_ON, PERP_ALERT_WARNING, "book", 1);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 0, PERP_TIME_NONE, NULL));
    told_only(PERP_ALERT_OVERRIDE_ON, PERP_ALERT_WARNING, "book", 0);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 0, PERP_TIME_NONE, NULL));
    told_nothing();
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), GAMMA, 1));
    told_only(PERP_ALERT_SAFE_MODE, PERP_ALERT_WARNING, "gamma", 1);
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), GAMMA, 1));
    told_nothing();
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), GAMMA, 0));
    told_only(PERP_ALERT_SAFE_MODE, PERP_ALERT_WARNING, "gamma", 0);
}
END_TEST

START_TEST(equity_that_falls_and_what_was_lost_today) {
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(970000)));
    told_nothing();
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, -USD(40000), 0, 0, NULL));
    told_only(PERP_ALERT_DAILY_LOSS, PERP_ALERT_CRITICAL, "book", 1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, -USD(1), 0, 0, NULL));
    told_nothing();
}
END_TEST

START_TEST(a_job_that_is_in_doubt_and_one_that_is_overdue) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    const char *id = "10000000-0000-0000-0000-000000000001";
    job.max_run_ms = 1000;
    run_job(w, &job);
    pass(w, SECOND + MS);
    tick(w);
    told_only(PERP_ALERT_JOB_OVERDUE, PERP_ALERT_WARNING, id, 1);
    tick(w);
    told_nothing();
    finish_all(w, &job.job_id, PERP_RESULT_UNKNOWN);
    told_only(PERP_ALERT_JOB_IN_DOUBT, PERP_ALERT_WARNING, id, 1);
}
END_TEST

START_TEST(a_base_that_is_naked_and_is_squared) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    told_only(PERP_ALERT_NAKED_BASE, PERP_ALERT_CRITICAL, "BTC", 1);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    told_only(PERP_ALERT_NAKED_BASE, PERP_ALERT_CRITICAL, "BTC", 0);
}
END_TEST

START_TEST(a_position_that_nothing_explains) {
    position_at(w, w->btc[ALPHA], w->now, 1, BTC_MID);
    position_at(w, w->btc[ALPHA], w->now, 1, BTC_MID);
    told_nothing(); /* there before the book, or by hand: foreign */
    perp_job job = pair_job(1, w->eth[ALPHA], w->eth[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 4;
    job.notional = USD(10001);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 4, 4, ETH_BID);
    told_nothing();
    pass(w, MINUTE);
    position_at(w, w->eth[ALPHA], w->now, 1, ETH_BID);
    told_only(PERP_ALERT_POSITION_IN_DOUBT, PERP_ALERT_WARNING, "alpha ETH/USDT:USDT", 1);
    pass(w, MINUTE);
    position_at(w, w->eth[ALPHA], w->now, 1, ETH_BID);
    ck_assert_int_ge(told.n, 2);
    for (int i = 0; i < told.n; i++) {
        const perp_alert *alert = &told.alerts[i];
        uint32_t doubt = alert->code == PERP_ALERT_POSITION_IN_DOUBT;
        if (alert->code == PERP_ALERT_NAKED_BASE)
            continue;
        ck_assert(doubt || alert->code == PERP_ALERT_POSITION_DRIFT);
        ck_assert_str_eq(alert->subject, "alpha ETH/USDT:USDT");
        ck_assert_uint_eq(alert->active, !doubt);
        ck_assert_uint_eq(alert->level, doubt ? PERP_ALERT_WARNING : PERP_ALERT_CRITICAL);
    }
    told.n = 0;
    ok(w, perp_accept_position(w->core, signedc(w), w->eth[ALPHA]));
    ck_assert_int_ge(told.n, 1);
    ck_assert_uint_eq(told.alerts[0].code, PERP_ALERT_POSITION_DRIFT);
    ck_assert_uint_eq(told.alerts[0].active, 0);
}
END_TEST

START_TEST(orders_in_doubt_overfilled_late_and_foreign) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    uint64_t order = place(w, 1, 0, 0.125);
    perp_order_info info = order_of(w, order);
    perp_order_news news = news_of(order, PERP_NEWS_UNKNOWN);
    told_of(w, &news);
    told_only(PERP_ALERT_ORDER_IN_DOUBT, PERP_ALERT_WARNING, info.client_id, 1);
    news = news_of(order, PERP_NEWS_ACCEPTED);
    told_of(w, &news);
    told_only(PERP_ALERT_ORDER_IN_DOUBT, PERP_ALERT_WARNING, info.client_id, 0);
    news = fill_of(order, "1", 0.125, BTC_MID);
    told_of(w, &news);
    told_nothing();
    news = fill_of(order, "2", 0.0625, BTC_MID);
    told_of(w, &news);
    told_only(PERP_ALERT_OVERFILLED, PERP_ALERT_CRITICAL, info.client_id, 1);
    news = fill_of(order, "3", 0.0625, BTC_MID);
    told_of(w, &news);
    told_nothing();
    const char *const none = "nobody's";
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, &none, 1, NULL));
    told_only(PERP_ALERT_FOREIGN_ORDER, PERP_ALERT_WARNING, "beta", 1);
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, &none, 1, NULL));
    told_nothing();
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, NULL, 0, NULL));
    told_only(PERP_ALERT_FOREIGN_ORDER, PERP_ALERT_WARNING, "beta", 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alerts");
    TCase *all = tcase_create("told");
    tcase_add_checked_fixture(all, open_told, close_told);
    suite_add_tcase(suite, all);
    tcase_add_test(all, a_circuit_that_opens_and_closes);
    tcase_add_test(all, the_halt_after_failures_and_its_reset);
    tcase_add_test(all, a_strategy_that_is_halted_and_reset);
    tcase_add_test(all, controls_that_are_set_and_lifted);
    tcase_add_test(all, equity_that_falls_and_what_was_lost_today);
    tcase_add_test(all, a_job_that_is_in_doubt_and_one_that_is_overdue);
    tcase_add_test(all, a_base_that_is_naked_and_is_squared);
    tcase_add_test(all, a_position_that_nothing_explains);
    tcase_add_test(all, orders_in_doubt_overfilled_late_and_foreign);
    return run_suite(suite);
}
