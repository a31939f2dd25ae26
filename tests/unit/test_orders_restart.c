/* Orders across a restart: in doubt, the same book from records and from a checkpoint, what is
   asked of the exchange; lists of what it has open. */
#include "orders_fixture.h"
#include "reopen.h"

#if PERP_WITH_SQLITE

static struct world *w;
static struct life life;

/* Alerts of orders that stand, by the host's callback. */
static struct { int in_doubt, foreign_on, foreign_off; } told;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    told.in_doubt += alert->code == PERP_ALERT_ORDER_IN_DOUBT && alert->active;
    told.foreign_on += alert->code == PERP_ALERT_FOREIGN_ORDER && alert->active;
    told.foreign_off += alert->code == PERP_ALERT_FOREIGN_ORDER && !alert->active;
}

static void begin(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = on_alert;
    config.orders.repeat_limit = 50;
    config.orders.repeat_window_ms = 3600000;
    config.orders.auto_finish = 1;
    memset(&told, 0, sizeof told);
    w = life_begin(&life, &config);
}

static void end(void) {
    life_end(&life, w);
}

static void die(void) {
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    life_take(&life, w);
    w->positions = perp_core_positions(w->core);
    quotes(w);
    checked(w);
}

static uint32_t in_doubt(uint64_t numbers[16]) {
    perp_order_filter filter;
    uint32_t n;
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_IN_DOUBT;
    ok(w, perp_orders_list(desk(w), &filter, numbers, 16, &n));
    return n;
}

START_TEST(what_had_not_ended_is_in_doubt_and_is_asked_about_by_its_client_id) {
    run_pair(w, 1);
    uint64_t fresh = place(w, 1, 0, 0.1), open = place(w, 1, 1, 0.1), ended = place(w, 1, 0, 0.05);
    tell(w, open, PERP_NEWS_ACCEPTED);
    fill(w, open, "a", 0.04, BTC_MID);
    tell(w, ended, PERP_NEWS_EXPIRED);
    die();
    uint64_t numbers[16];
    ck_assert_uint_eq(in_doubt(numbers), 2);
    ck_assert_uint_eq(numbers[0], fresh);
    ck_assert_uint_eq(numbers[1], open);
    ck_assert_uint_eq(desk_of(w).in_doubt, 2);
    ck_assert_uint_eq(desk_of(w).open, 2);
    order_is(w, ended, PERP_ORDER_EXPIRED);
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    ck_assert_double_eq(order_of(w, open).filled, 0.04);
    die(); /* nothing more to doubt */
    ck_assert_uint_eq(in_doubt(numbers), 2);
    /* Of the one the exchange knows nothing, the other filled meanwhile. */
    perp_order_info info = order_of(w, open);
    perp_order_news news = fill_of(0, "b", 0.06, BTC_MID);
    news.client_id = info.client_id;
    told_of(w, &news);
    order_is(w, open, PERP_ORDER_FILLED);
    tell(w, fresh, PERP_NEWS_REJECTED);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
}
END_TEST

START_TEST(each_answer_takes_an_order_out_of_doubt) {
    run_pair(w, 1);
    uint64_t orders[6];
    for (int i = 0; i < 6; i++)
        orders[i] = place(w, 1, 0, 0.02);
    die();
    tell(w, orders[0], PERP_NEWS_ACCEPTED);
    order_is(w, orders[0], PERP_ORDER_OPEN);
    fill(w, orders[1], "a", 0.01, BTC_MID);
    order_is(w, orders[1], PERP_ORDER_OPEN);
    perp_order_news news = total_of(orders[2], 0.02, BTC_MID);
    told_of(w, &news);
    order_is(w, orders[2], PERP_ORDER_FILLED);
    tell(w, orders[3], PERP_NEWS_CANCELLED);
    tell(w, orders[4], PERP_NEWS_REJECTED);
    perp_uuid id = id_of(1);
    fails(w, PERP_E_STATE, perp_orders_settled(desk(w), nowc(w), &id));
    tell(w, orders[5], PERP_NEWS_EXPIRED);
    ok(w, perp_orders_settled(desk(w), nowc(w), &id));
    ck_assert_uint_eq(desk_of(w).in_doubt, 0);
    ck_assert_uint_eq(desk_of(w).open, 2);
    place(w, 1, 0, 0.02);
}
END_TEST

/* All kinds of events, late fills and refusals too. */
static void live(void) {
    run_pair(w, 1);
    run_pair(w, 2);
    uint64_t a = place(w, 1, 0, 0.25), b = place(w, 1, 1, 0.25), c = place(w, 2, 0, 0.2);
    perp_order_request over = limit_order(1, 0, 1, BTC_MID);
    ck_assert_uint_eq(asked(w, &over).gate, PERP_GATE_OVER_LEG);
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), c));
    perp_order_news news = news_of(a, PERP_NEWS_ACCEPTED);
    news.exchange_id = "ex-1";
    told_of(w, &news);
    fill(w, a, "1", 0.1, 50001.1);
    fill(w, a, "2", 0.15, 50002.2);
    pass(w, SECOND);
    news = total_of(b, 0.25, 50003.3);
    news.fee = USD(1.25);
    ck_assert_uint_eq(told_of(w, &news).finished, 1);
    news = news_of(c, PERP_NEWS_CANCELLED);
    news.text = "as asked";
    told_of(w, &news);
    place(w, 2, 1, 0.1);
    tell(w, place(w, 2, 1, 0.1), PERP_NEWS_REJECTED);
    fill(w, c, "late", 0.05, 50000);
    fill(w, c, "more", 0.2, 50000); /* and more than it was */
    const char *const none = "nobody's";
    ok(w, perp_orders_reconcile(desk(w), nowc(w), BETA, w->now, &none, 1, NULL));
    ok(w, perp_risk_allow(w->risk, nowc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 1));
}

static uint64_t changes_of(const perp_core *core) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ck_assert_int_eq(perp_core_statistics(core, &stats), PERP_OK);
    return stats.events;
}

/* What a replay was asked to tell: each record once, in order, with the book as it was then. */
struct visits {
    uint64_t n, told, last_hash;
};

static void visited(void *user, const perp_core *core, uint64_t seq) {
    struct visits *visits = user;
    visits->n++;
    visits->told += seq == visits->n && changes_of(core) == seq;
    visits->last_hash = perp_core_hash(core);
}

START_TEST(a_replay_shows_the_book_after_each_record) {
    live();
    perp_config replay = life.config;
    uint64_t all = changes_of(w->core), hash = perp_core_hash(w->core);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    const uint64_t ends[] = {0, all, all / 2};
    for (int i = 0; i < 3; i++) {
        struct visits visits = {0};
        perp_core *core;
        ck_assert_int_eq(perp_store_sqlite_open(life.path, NULL, &replay.store), PERP_OK);
        ck_assert_msg(perp_core_replay(&replay, ends[i], visited, &visits, &core) == PERP_OK, "%s",
                      perp_core_error(NULL));
        ck_assert_uint_eq(visits.n, i < 2 ? all : all / 2);
        ck_assert_uint_eq(visits.told, visits.n);
        ck_assert_uint_eq(perp_core_hash(core), visits.last_hash);
        ck_assert(i == 2 || visits.last_hash == hash);
        ck_assert_int_eq(perp_core_close(core), PERP_OK);
    }
    life_take(&life, w);
}
END_TEST

START_TEST(records_and_checkpoint_give_the_same_book) {
    live();
    uint64_t hash = perp_core_hash(w->core), seq = changes_of(w->core);
    die();
    uint64_t again = perp_core_hash(w->core);
    ck_assert_uint_eq(again, hash); /* though what stood is in doubt */
    perp_config replay = life.config;
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    perp_core *core;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(perp_store_sqlite_open(life.path, NULL, &replay.store), PERP_OK);
        ck_assert_msg(perp_core_replay(&replay, i ? 0 : seq, NULL, NULL, &core) == PERP_OK, "%s",
                      perp_core_error(NULL));
        ck_assert_uint_eq(perp_core_hash(core), i ? again : hash);
        ck_assert_int_eq(perp_core_check(core), PERP_OK);
        ck_assert_int_eq(perp_core_close(core), PERP_OK);
    }
    life_take(&life, w);
    ck_assert_uint_eq(perp_core_hash(w->core), again);
    life_again(&life, w); /* and with a checkpoint */
    w->positions = perp_core_positions(w->core);
    quotes(w);
    /* It still knows each fill, who was overfilled, what was said. */
    perp_order_news news = fill_of(1, "1", 0.1, 50001.1);
    fails(w, PERP_E_EXISTS, hears(w, &news));
    news = fill_of(3, "late", 0.05, 50000);
    fails(w, PERP_E_EXISTS, hears(w, &news));
    news = total_of(2, 0.2, 50003.3);
    fails(w, PERP_E_STALE, hears(w, &news));
    ck_assert_uint_eq(order_of(w, 3).overfilled, 1);
    ck_assert_uint_eq(order_of(w, 3).cancel_requested, 1);
    ck_assert_str_eq(order_of(w, 3).text, "as asked");
    ck_assert_str_eq(order_of(w, 1).exchange_id, "ex-1");
    ck_assert_uint_eq(desk_of(w).refused_today[PERP_GATE_OVER_LEG], 1);
    ck_assert_uint_eq(desk_of(w).foreign, UINT64_C(1) << BETA);
    ck_assert_uint_eq(desk_of(w).placed_total, 5);
}
END_TEST

START_TEST(a_new_day_begins_at_nothing) {
    live();
    ck_assert_uint_eq(desk_of(w).placed_today, 5);
    ck_assert_uint_eq(desk_of(w).fills_today, 5);
    leap_to(w, w->now + DAY);
    ck_assert_uint_eq(desk_of(w).placed_today, 0);
    ck_assert_uint_eq(desk_of(w).fills_today, 0);
    ck_assert_uint_eq(desk_of(w).refused_today[PERP_GATE_OVER_LEG], 0);
    ck_assert_uint_eq(desk_of(w).placed_total, 5);
}
END_TEST

START_TEST(a_clock_set_back_leaves_nothing_that_waits_for_the_old_one) {
    live();
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    ok(w, perp_exchange_get(w->core, BETA, &spec));
    spec.order_rate_per_s = 0.001;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
    place(w, 2, 1, 0.05);
    leap_to(w, w->now - 2 * HOUR);
    quotes(w);
    checked(w);
    place(w, 2, 1, 0.03); /* though the next was due in a thousand seconds, two hours on */
    die();
    life_again(&life, w);
    w->positions = perp_core_positions(w->core);
}
END_TEST

/* ---- Lists of what is open ----------------------------------------------------------------------
 */

static perp_reconciled reconciled(perp_exchange_id exchange, int64_t time_ns,
                                  const char *const *ids, uint32_t n) {
    static uint64_t numbers[16];
    static uint32_t foreign[16];
    perp_reconciled out;
    perp_reconciled_init(&out);
    out.in_doubt = numbers;
    out.capacity = 16;
    out.foreign = foreign;
    out.foreign_capacity = 16;
    ok(w, perp_orders_reconcile(desk(w), nowc(w), exchange, time_ns, ids, n, &out));
    checked(w);
    return out;
}

START_TEST(what_is_not_listed_is_in_doubt_if_it_was_placed_before) {
    run_pair(w, 1);
    uint64_t listed = place(w, 1, 0, 0.01), unlisted = place(w, 1, 0, 0.02),
             elsewhere = place(w, 1, 1, 0.01), ended = place(w, 1, 0, 0.03);
    tell(w, ended, PERP_NEWS_CANCELLED);
    pass(w, SECOND);
    uint64_t young = place(w, 1, 0, 0.04); /* at the very time of the list */
    perp_order_info info = order_of(w, listed);
    const char *const ids[] = {info.client_id, info.client_id};
    perp_reconciled out = reconciled(ALPHA, w->now, ids, 2);
    ck_assert_uint_eq(out.n_foreign, 0);
    ck_assert_uint_eq(out.n_in_doubt, 1);
    ck_assert_uint_eq(out.in_doubt[0], unlisted);
    order_is(w, listed, PERP_ORDER_NEW);
    order_is(w, unlisted, PERP_ORDER_IN_DOUBT);
    order_is(w, elsewhere, PERP_ORDER_NEW);
    order_is(w, ended, PERP_ORDER_CANCELLED);
    order_is(w, young, PERP_ORDER_NEW);
    out = reconciled(ALPHA, w->now, ids, 1); /* again: nothing new */
    ck_assert_uint_eq(out.n_in_doubt, 0);
    ck_assert_int_eq(told.in_doubt, 1);
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(what_is_listed_and_none_of_ours_stands_as_an_alert_until_it_is_gone) {
    run_pair(w, 1);
    uint64_t ours = place(w, 1, 0, 0.01), others = place(w, 1, 1, 0.01), ended;
    ended = place(w, 1, 0, 0.02);
    tell(w, ended, PERP_NEWS_CANCELLED);
    int64_t end_of_it = w->now;
    perp_order_info a = order_of(w, ours), b = order_of(w, others), c = order_of(w, ended);
    const char *const ids[] = {"nobody's", a.client_id, b.client_id, c.client_id};
    /* At the time of its end it might be listed; another exchange's is not ours here. */
    perp_reconciled out = reconciled(ALPHA, end_of_it, ids, 4);
    ck_assert_uint_eq(out.n_foreign, 2);
    ck_assert_uint_eq(out.foreign[0], 0);
    ck_assert_uint_eq(out.foreign[1], 2);
    ck_assert_uint_eq(desk_of(w).foreign, UINT64_C(1) << ALPHA);
    ck_assert_int_eq(told.foreign_on, 1);
    pass(w, SECOND);
    out = reconciled(ALPHA, w->now, ids + 1, 1);
    ck_assert_uint_eq(out.n_foreign, 0);
    ck_assert_int_eq(told.foreign_off, 1);
    out = reconciled(ALPHA, w->now, ids + 3, 1); /* it had ended before */
    ck_assert_uint_eq(out.n_foreign, 1);
    ck_assert_int_eq(told.foreign_on, 2);
    ck_assert_uint_eq(out.n_in_doubt, 1); /* ours, which this list has not */
    out = reconciled(BETA, w->now, NULL, 0);
    ck_assert_uint_eq(out.n_in_doubt, 1);
    ck_assert_uint_eq(desk_of(w).foreign, UINT64_C(1) << ALPHA);
}
END_TEST

START_TEST(a_list_that_is_wrong_changes_nothing) {
    run_pair(w, 1);
    place(w, 1, 0, 0.01);
    pass(w, SECOND);
    const char *const ids[] = {"a", NULL};
    perp_reconciled out;
    perp_reconciled_init(&out);
    fails(w, PERP_E_INVALID, perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, ids, 2, &out));
    fails(w, PERP_E_INVALID, perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, NULL, 1, &out));
    fails(w, PERP_E_NOT_FOUND, perp_orders_reconcile(desk(w), nowc(w), 40, w->now, ids, 1, &out));
    expect(w, PERP_E_INVALID, perp_orders_reconcile(NULL, nowc(w), ALPHA, w->now, ids, 1, &out));
    out.struct_size = 1;
    fails(w, PERP_E_INVALID, perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, ids, 1, &out));
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("orders_restart");
#if PERP_WITH_SQLITE
    TCase *tcase = tcase_create("restart");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, what_had_not_ended_is_in_doubt_and_is_asked_about_by_its_client_id);
    tcase_add_test(tcase, each_answer_takes_an_order_out_of_doubt);
    tcase_add_test(tcase, a_replay_shows_the_book_after_each_record);
    tcase_add_test(tcase, records_and_checkpoint_give_the_same_book);
    tcase_add_test(tcase, a_new_day_begins_at_nothing);
    tcase_add_test(tcase, a_clock_set_back_leaves_nothing_that_waits_for_the_old_one);
    tcase_add_test(tcase, what_is_not_listed_is_in_doubt_if_it_was_placed_before);
    tcase_add_test(tcase, what_is_listed_and_none_of_ours_stands_as_an_alert_until_it_is_gone);
    tcase_add_test(tcase, a_list_that_is_wrong_changes_nothing);
    suite_add_tcase(suite, tcase);
#endif
    return run_suite(suite);
}
