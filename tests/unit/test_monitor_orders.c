/* Orders in what is monitored: the numbers, what an exchange still takes, and the alerts. */
#include "orders_fixture.h"

#include <cjson/cJSON.h>

static struct world *w;
static perp_monitor_state s;

/* What on_alert was told, by code. */
static struct told {
    int raised, cleared;
    perp_alert last;
} told[PERP_ALERT_COUNT];

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    told[alert->code].raised += alert->active != 0;
    told[alert->code].cleared += alert->active == 0;
    told[alert->code].last = *alert;
}

static void open_world(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = on_alert;
    config.orders.repeat_limit = 0;
    memset(told, 0, sizeof told);
    w = world_open(&config);
}

static void close_world(void) {
    world_close(w);
}

static void take(void) {
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    ok(w, perp_monitor_snapshot(w->core, w->now, &s));
}

static cJSON *json_of(void) {
    static char text[1 << 18];
    size_t length;
    ok(w, perp_monitor_json(w->core, w->now, text, sizeof text, &length));
    cJSON *root = cJSON_Parse(text);
    ck_assert_ptr_nonnull(root);
    return root;
}

static const cJSON *in(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    ck_assert_msg(item != NULL, "no %s", name);
    return item;
}

static double number_in(const cJSON *object, const char *name) {
    const cJSON *item = in(object, name);
    ck_assert_msg(cJSON_IsNumber(item), "%s is no number", name);
    return item->valuedouble;
}

/* What stands of a code, its subject the last one's. */
static uint32_t standing(uint32_t code, char subject[PERP_NAME_SIZE]) {
    uint32_t n = 0;
    take();
    for (uint32_t i = 0; i < s.n_alerts; i++)
        if (s.alerts[i].code == code) {
            n++;
            memcpy(subject, s.alerts[i].subject, PERP_NAME_SIZE);
        }
    return n;
}

START_TEST(orders_are_counted_as_they_stand) {
    run_pair(w, 1);
    take();
    ck_assert_uint_eq(s.orders.open, 0);
    ck_assert_int_eq(s.orders.unhedged_since, PERP_TIME_NONE);
    uint64_t a = place(w, 1, 0, 0.1), b = place(w, 1, 1, 0.1);
    perp_order_request request = limit_order(1, 0, 3, BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, 3, 0.15);
    refuses(w, &request, PERP_GATE_OVER_LEG, 3, 0.15);
    int64_t since = w->now;
    fill(w, a, "t1", 0.1, BTC_MID);
    tell(w, b, PERP_NEWS_UNKNOWN);
    pass(w, SECOND);
    take();
    ck_assert_uint_eq(s.orders.open, 1);
    ck_assert_uint_eq(s.orders.in_doubt, 1);
    ck_assert_uint_eq(s.orders.placed_today, 2);
    ck_assert_uint_eq(s.orders.placed_total, 2);
    ck_assert_uint_eq(s.orders.fills_today, 1);
    ck_assert_uint_eq(s.orders.refused_today, 2);
    ck_assert_uint_eq(s.order_refusals[PERP_GATE_OVER_LEG], 2);
    ck_assert_uint_eq(s.orders.unhedged_jobs_count, 1);
    ck_assert_int_eq(s.orders.unhedged_usd, (perp_usd)(0.1 * BTC_MID * PERP_USD));
    ck_assert_int_eq(s.orders.unhedged_since, since);
    ck_assert_uint_eq(s.n_unhedged, 1);
    ck_assert_str_eq(s.unhedged[0].base, "BTC");
    ck_assert_double_eq(s.unhedged[0].quantity, 0.1);
    ck_assert_int_eq(s.unhedged[0].since, since);
    perp_orders_state desk = desk_of(w);
    ck_assert_int_eq(desk.unhedged_usd, s.orders.unhedged_usd);
}
END_TEST

START_TEST(the_json_says_what_the_struct_says) {
    char id[37];
    const perp_uuid job = id_of(1);
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.1);
    fill(w, a, "t1", 0.1, BTC_MID);
    perp_order_request request = limit_order(1, 0, 3, BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, 3, 0.15);
    cJSON *root = json_of();
    const cJSON *orders = in(root, "orders_stats");
    ck_assert_double_eq(number_in(orders, "open"), 0);
    ck_assert_double_eq(number_in(orders, "placed_today"), 1);
    ck_assert_double_eq(number_in(orders, "refused_today"), 1);
    ck_assert_double_eq(number_in(in(orders, "refused"), "over_leg"), 1);
    ck_assert_double_eq(number_in(in(orders, "refused"), "repeated"), 0);
    ck_assert_int_eq(cJSON_GetArraySize(in(orders, "refused")), 12);
    ck_assert_double_eq_tol(number_in(orders, "unhedged_usd"), 0.1 * BTC_MID, 1e-6);
    ck_assert_int_eq(cJSON_GetArraySize(in(orders, "foreign")), 0);
    const cJSON *unhedged = cJSON_GetArrayItem(in(orders, "unhedged_jobs"), 0);
    perp_uuid_format(&job, id);
    ck_assert_str_eq(cJSON_GetStringValue(in(unhedged, "job_id")), id);
    ck_assert_str_eq(cJSON_GetStringValue(in(unhedged, "base")), "BTC");
    ck_assert_double_eq_tol(number_in(unhedged, "usd"), 0.1 * BTC_MID, 1e-6);
    ck_assert(cJSON_IsNull(in(in(in(root, "exchange_stats"), "alpha"), "order_rate_left")));
    cJSON_Delete(root);
}
END_TEST

/* Four a second, three at once: what the gate lets pass now, to the nanosecond. */
START_TEST(what_an_exchange_still_takes_is_what_the_gate_lets_pass) {
    perp_exchange_spec spec;
    perp_exchange_id slow;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "slow");
    spec.order_rate_per_s = 4;
    spec.order_burst = 3;
    ok(w, perp_exchange_add(w->core, &spec, &slow));
    perp_instrument_id btc = world_instrument(w, slow, "BTC/USDT:USDT", "", 0);
    ok(w, perp_capital_update_equity(w->capital, nowc(w), slow, USD(1000000)));
    quote_at(w, btc, w->now, BTC_BID, BTC_ASK, 1000);
    perp_job job = pair_job(1, btc, w->btc[BETA]);
    run_job(w, &job);
    take();
    ck_assert(isnan(s.exchanges[ALPHA].order_rate_left));
    for (int left = 3; left > 0; left--) {
        take();
        ck_assert_double_eq(s.exchanges[slow].order_rate_left, left);
        place(w, 1, 0, 0.01);
    }
    int64_t full = w->now;
    const int64_t steps[] = {249999999, 250000000, 499999999, 500000000, 749999999, 750000000};
    const double left[] = {0, 1, 1, 2, 2, 3};
    for (int i = 0; i < 6; i++) {
        w->now = full + steps[i];
        quotes(w);
        quote_at(w, btc, w->now, BTC_BID, BTC_ASK, 1000);
        take();
        ck_assert_double_eq(s.exchanges[slow].order_rate_left, left[i]);
        if (i == 0) {
            perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
            refuses(w, &request, PERP_GATE_ORDER_RATE, 0, 1);
        }
    }
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), 1));
    take();
    ck_assert_double_eq(s.exchanges[slow].order_rate_left, 2);
}
END_TEST

START_TEST(an_order_in_doubt_is_an_alert_until_somebody_knows) {
    char subject[PERP_NAME_SIZE] = "";
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.1), b = place(w, 1, 1, 0.1);
    ck_assert_uint_eq(standing(PERP_ALERT_ORDER_IN_DOUBT, subject), 0);
    tell(w, b, PERP_NEWS_UNKNOWN);
    ck_assert_uint_eq(standing(PERP_ALERT_ORDER_IN_DOUBT, subject), 1);
    perp_order_info info = order_of(w, b);
    ck_assert_str_eq(subject, info.client_id);
    ck_assert_int_eq(told[PERP_ALERT_ORDER_IN_DOUBT].raised, 1);
    tell(w, a, PERP_NEWS_UNKNOWN);
    ck_assert_uint_eq(standing(PERP_ALERT_ORDER_IN_DOUBT, subject), 2);
    tell(w, b, PERP_NEWS_ACCEPTED);
    tell(w, a, PERP_NEWS_REJECTED);
    ck_assert_uint_eq(standing(PERP_ALERT_ORDER_IN_DOUBT, subject), 0);
    ck_assert_int_eq(told[PERP_ALERT_ORDER_IN_DOUBT].raised, 2);
    ck_assert_int_eq(told[PERP_ALERT_ORDER_IN_DOUBT].cleared, 2);
    info = order_of(w, a);
    ck_assert_str_eq(told[PERP_ALERT_ORDER_IN_DOUBT].last.subject, info.client_id);
    tell(w, b, PERP_NEWS_CANCELLED); /* known: nothing more to clear */
    ck_assert_int_eq(told[PERP_ALERT_ORDER_IN_DOUBT].cleared, 2);
}
END_TEST

/* More than the few rows that lie ready. */
START_TEST(many_orders_in_doubt_are_an_alert_each) {
    char subject[PERP_NAME_SIZE];
    run_pair(w, 1);
    for (int i = 0; i < 50; i++)
        tell(w, place(w, 1, 0, 0.001), PERP_NEWS_UNKNOWN);
    ck_assert_uint_eq(standing(PERP_ALERT_ORDER_IN_DOUBT, subject), 50);
    ck_assert_uint_eq(s.orders.in_doubt, 50);
    perp_order_info info = order_of(w, 50);
    ck_assert_str_eq(subject, info.client_id);
}
END_TEST

START_TEST(foreign_orders_are_an_alert_until_a_list_has_none) {
    char subject[PERP_NAME_SIZE] = "";
    const char *listed[] = {"somebody", "else"};
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, listed, 2, NULL));
    ck_assert_uint_eq(standing(PERP_ALERT_FOREIGN_ORDER, subject), 1);
    ck_assert_str_eq(subject, "beta");
    ck_assert_uint_eq(s.foreign_orders, UINT64_C(1) << BETA);
    ck_assert_int_eq(told[PERP_ALERT_FOREIGN_ORDER].raised, 1);
    cJSON *root = json_of();
    ck_assert_str_eq(
        cJSON_GetStringValue(cJSON_GetArrayItem(in(in(root, "orders_stats"), "foreign"), 0)),
        "beta");
    cJSON_Delete(root);
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, listed, 1, NULL));
    ck_assert_int_eq(told[PERP_ALERT_FOREIGN_ORDER].raised, 1);
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, NULL, 0, NULL));
    ck_assert_uint_eq(standing(PERP_ALERT_FOREIGN_ORDER, subject), 0);
    ck_assert_int_eq(told[PERP_ALERT_FOREIGN_ORDER].cleared, 1);
    ok(w, perp_monitor_watch(w->core, w->now)); /* it is told with its change, not again */
    ck_assert_int_eq(told[PERP_ALERT_FOREIGN_ORDER].raised, 1);
}
END_TEST

START_TEST(too_much_and_too_late_is_told_once_and_does_not_stand) {
    char subject[PERP_NAME_SIZE];
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25), b = place(w, 1, 1, 0.25);
    fill(w, a, "a1", 0.26, BTC_MID);
    fill(w, a, "a2", 0.01, BTC_MID);
    ck_assert_int_eq(told[PERP_ALERT_OVERFILLED].raised, 1);
    perp_order_info info = order_of(w, a);
    ck_assert_str_eq(told[PERP_ALERT_OVERFILLED].last.subject, info.client_id);
    ck_assert_uint_eq(told[PERP_ALERT_OVERFILLED].last.level, PERP_ALERT_CRITICAL);
    tell(w, b, PERP_NEWS_CANCELLED);
    finish_by_orders(w, 1);
    ck_assert_int_eq(told[PERP_ALERT_LATE_FILL].raised, 0);
    fill(w, b, "b1", 0.1, BTC_MID);
    ck_assert_int_eq(told[PERP_ALERT_LATE_FILL].raised, 1);
    ck_assert_uint_eq(told[PERP_ALERT_LATE_FILL].last.level, PERP_ALERT_WARNING);
    ck_assert_uint_eq(standing(PERP_ALERT_OVERFILLED, subject), 0);
    ck_assert_uint_eq(standing(PERP_ALERT_LATE_FILL, subject), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("monitor orders");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, orders_are_counted_as_they_stand);
    tcase_add_test(tcase, the_json_says_what_the_struct_says);
    tcase_add_test(tcase, what_an_exchange_still_takes_is_what_the_gate_lets_pass);
    tcase_add_test(tcase, an_order_in_doubt_is_an_alert_until_somebody_knows);
    tcase_add_test(tcase, many_orders_in_doubt_are_an_alert_each);
    tcase_add_test(tcase, foreign_orders_are_an_alert_until_a_list_has_none);
    tcase_add_test(tcase, too_much_and_too_late_is_told_once_and_does_not_stand);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
