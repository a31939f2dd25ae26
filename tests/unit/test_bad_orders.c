/* Calls about orders without a handle, a place for the answer, or with structs of another size: the
   documented error, a message, and a book that is byte for byte as it was; and orders on quotes
   that the host keeps itself. */
#include "bad_calls.h"
#include "orders_fixture.h"

static struct world *w;
static uint64_t order;

static void set_up(void) {
    w = world_open(NULL);
    run_pair(w, 1);
    order = place(w, 1, 0, 0.1);
}

static void tear_down(void) {
    world_close(w);
}

START_TEST(nothing_is_done_without_a_desk_or_a_place_for_the_answer) {
    const perp_uuid job = id_of(1);
    const perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_news news = news_of(order, PERP_NEWS_ACCEPTED);
    perp_order_info info = {.struct_size = sizeof info};
    perp_orders_state state = {.struct_size = sizeof state};
    char text[PERP_NAME_SIZE];
    uint64_t found;
    uint32_t count;
    double price;
    perp_order_answer_init(&answer);
    none(perp_orders_place(NULL, nowc(w), &request, &answer));
    bad(perp_orders_place(desk(w), nowc(w), NULL, &answer));
    bad(perp_orders_place(desk(w), nowc(w), &request, NULL));
    none(perp_orders_place_many(NULL, nowc(w), &request, 1, &answer));
    bad(perp_orders_place_many(desk(w), nowc(w), NULL, 1, &answer));
    bad(perp_orders_place_many(desk(w), nowc(w), &request, 1, NULL));
    none(perp_orders_tell(NULL, nowc(w), &news, NULL));
    bad(perp_orders_tell(desk(w), nowc(w), NULL, NULL));
    none(perp_orders_cancel_sent(NULL, nowc(w), order));
    none(perp_orders_settled(NULL, nowc(w), &job));
    bad(perp_orders_settled(desk(w), nowc(w), NULL));
    none(perp_orders_reconcile(NULL, nowc(w), ALPHA, w->now, NULL, 0, NULL));
    bad(perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, NULL, 1, NULL));
    none(perp_orders_get(NULL, order, &info));
    bad(perp_orders_get(desk(w), order, NULL));
    none(perp_orders_find(NULL, "x", &found));
    bad(perp_orders_find(desk(w), NULL, &found));
    bad(perp_orders_find(desk(w), "x", NULL));
    none(perp_orders_list(NULL, NULL, NULL, 0, &count));
    bad(perp_orders_list(desk(w), NULL, NULL, 0, NULL));
    bad(perp_orders_list(desk(w), NULL, NULL, 1, &count));
    none(perp_orders_query(NULL, w->now, &state));
    bad(perp_orders_query(desk(w), w->now, NULL));
    none(perp_orders_client_id(NULL, ALPHA, &job, 0, 1, text));
    bad(perp_orders_client_id(desk(w), ALPHA, NULL, 0, 1, text));
    bad(perp_orders_client_id(desk(w), ALPHA, &job, 0, 1, NULL));
    none(perp_orders_collar(NULL, w->btc[ALPHA], PERP_SIDE_BUY, 0, w->now, &price));
    bad(perp_orders_collar(desk(w), w->btc[ALPHA], PERP_SIDE_BUY, 0, w->now, NULL));
    ck_assert_uint_eq(desk_of(w).placed_total, 1);
}
END_TEST

START_TEST(nothing_is_done_with_a_struct_of_another_size) {
    perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_news news = news_of(order, PERP_NEWS_ACCEPTED);
    perp_order_outcome outcome = {.struct_size = 3};
    perp_order_info info = {.struct_size = 0};
    perp_orders_state state = {.struct_size = 1};
    perp_order_filter filter;
    perp_reconciled reconciled;
    uint32_t count;
    perp_order_answer_init(&answer);
    answer.struct_size = 2;
    bad(perp_orders_place(desk(w), nowc(w), &request, &answer));
    bad(perp_orders_place_many(desk(w), nowc(w), &request, 1, &answer));
    perp_order_answer_init(&answer);
    request.struct_size = 5;
    bad(perp_orders_place(desk(w), nowc(w), &request, &answer));
    news.struct_size = 1;
    bad(perp_orders_tell(desk(w), nowc(w), &news, NULL));
    news = news_of(order, PERP_NEWS_ACCEPTED);
    bad(perp_orders_tell(desk(w), nowc(w), &news, &outcome));
    bad(perp_orders_get(desk(w), order, &info));
    bad(perp_orders_query(desk(w), w->now, &state));
    perp_order_filter_init(&filter);
    filter.struct_size = 1;
    bad(perp_orders_list(desk(w), &filter, NULL, 0, &count));
    perp_reconciled_init(&reconciled);
    reconciled.struct_size = 1;
    bad(perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, NULL, 0, &reconciled));
    order_is(w, order, PERP_ORDER_NEW);
}
END_TEST

START_TEST(a_list_is_only_of_what_there_is) {
    perp_order_filter filter;
    uint64_t numbers[4];
    uint32_t count;
    perp_order_filter_init(&filter);
    filter.has_job = 2;
    bad(perp_orders_list(desk(w), &filter, numbers, 4, &count));
    filter.has_job = 0;
    filter.state = PERP_ORDER_STATE_COUNT;
    bad(perp_orders_list(desk(w), &filter, numbers, 4, &count));
    perp_order_filter_init(&filter);
    filter.exchange = 40;
    fails(w, PERP_E_NOT_FOUND, perp_orders_list(desk(w), &filter, numbers, 4, &count));
    filter.exchange = BETA;
    ok(w, perp_orders_list(desk(w), &filter, numbers, 4, &count));
    ck_assert_uint_eq(count, 0);
    filter.exchange = ALPHA;
    filter.state = PERP_ORDER_NOT_ENDED;
    ok(w, perp_orders_list(desk(w), &filter, numbers, 4, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(numbers[0], order);
    tell(w, order, PERP_NEWS_CANCELLED);
    ok(w, perp_orders_list(desk(w), &filter, numbers, 4, &count));
    ck_assert_uint_eq(count, 0);
    uint64_t found = 7;
    fails(w, PERP_E_NOT_FOUND, perp_orders_find(desk(w), "nobody's", &found));
    fails(w, PERP_E_NOT_FOUND, perp_orders_get(desk(w), 99, &(perp_order_info){.struct_size = 64}));
}
END_TEST

/* ---- Quotes that the host keeps itself ----------------------------------------------------------
 */

struct shelf {
    double bid;
    uint32_t asked;
};

static void quote_of_shelf(void *user, perp_instrument_id instrument, int64_t now_ns,
                           perp_quote *quote, uint32_t *have) {
    struct shelf *shelf = user;
    shelf->asked++;
    *quote = (perp_quote){instrument, 0, now_ns, shelf->bid, 100, shelf->bid + 1, 100};
    *have = 1;
}

/* The gate looks at the price of now, not at the one that the job was decided on. */
START_TEST(an_order_is_held_against_the_quote_that_the_host_has_now) {
    struct shelf shelf = {BTC_MID, 0};
    const perp_market_source source = {
        .struct_size = sizeof source, .user = &shelf, .quote = quote_of_shelf};
    perp_instrument_id pulled[2];
    for (uint32_t x = 0; x < 2; x++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        spec.exchange = x;
        strcpy(spec.symbol, "BTC/USD:BTC");
        spec.pulled = 1;
        ok(w, perp_instrument_add(w->core, &spec, &pulled[x]));
    }
    ok(w, perp_market_set_source(w->market, &source));
    perp_job job = pair_job(2, pulled[0], pulled[1]);
    run_job(w, &job);
    shelf.asked = 0;
    const perp_order_request request = limit_order(2, 0, 0.1, BTC_MID);
    placed(w, &request);
    ck_assert_uint_ge(shelf.asked, 1);
    shelf.bid = BTC_MID / 2; /* the market halved: a buy at the old price is far above it */
    w->now += 1;
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_PRICE_COLLAR);
    const perp_order_request nobodys = limit_order(77, 0, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    fails(w, PERP_E_NOT_FOUND, perp_orders_place(desk(w), nowc(w), &nobodys, &answer));
    ok(w, perp_market_set_source(w->market, NULL));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad calls about orders");
    TCase *tests = tcase_create("bad calls about orders");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nothing_is_done_without_a_desk_or_a_place_for_the_answer);
    tcase_add_test(tests, nothing_is_done_with_a_struct_of_another_size);
    tcase_add_test(tests, a_list_is_only_of_what_there_is);
    tcase_add_test(tests, an_order_is_held_against_the_quote_that_the_host_has_now);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
