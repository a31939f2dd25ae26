/* The gate: each of its checks where it just passes and just refuses, their order, and what is
   wrong with a request before it comes there. */
#include "orders_fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_instrument_spec spec_of(perp_instrument_id instrument) {
    perp_instrument_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.struct_size = sizeof spec;
    ok(w, perp_instrument_get(w->core, instrument, &spec));
    return spec;
}

static void set_minima(double qty_step, double min_qty, perp_usd min_notional, double price_tick) {
    perp_instrument_spec spec = spec_of(w->btc[ALPHA]);
    spec.qty_step = qty_step;
    spec.min_qty = min_qty;
    spec.min_notional = min_notional;
    spec.price_tick = price_tick;
    ok(w, perp_instrument_update(w->core, signedc(w), &spec));
}

static void set_rate(perp_exchange_id exchange, double rate, uint32_t burst) {
    perp_exchange_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.struct_size = sizeof spec;
    ok(w, perp_exchange_get(w->core, exchange, &spec));
    spec.order_rate_per_s = rate;
    spec.order_burst = burst;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
}

/* Job n runs, and reduces: 0.25 BTC are held at alpha, the job sells them. */
static void run_reducing(uint32_t n) {
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    perp_job job = one_leg_job(n, w->btc[ALPHA], PERP_SIDE_SELL);
    run_job(w, &job);
    ck_assert_uint_eq(info_of(w, n).reduce_only, 1);
}

static void kill(perp_exchange_id exchange, uint32_t on) {
    uint32_t n;
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), on, exchange, NULL, 0, &n));
}

static void api(perp_exchange_id exchange, uint32_t state) {
    perp_exchange_status status = {exchange, state, w->now};
    ok(w, perp_market_on_status(w->market, &status));
}

/* ---- One check each -----------------------------------------------------------------------------
 */

static void pulled(void *user, perp_instrument_id instrument, int64_t now_ns, perp_quote *quote,
                   uint32_t *have) {
    (void)now_ns;
    (void)quote;
    *have = 0;
    ((uint32_t *)user)[instrument]++;
}

/* One by one and many at once. */
START_TEST(an_order_is_looked_at_by_quotes_that_are_asked_for) {
    uint32_t asked[16] = {0};
    perp_market_source source = {.struct_size = sizeof source, .user = asked, .quote = pulled};
    perp_instrument_id ids[2];
    for (uint32_t x = 0; x < 2; x++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        spec.exchange = x;
        spec.pulled = 1;
        strcpy(spec.symbol, "XRP/USDT:USDT");
        ok(w, perp_instrument_add(w->core, &spec, &ids[x]));
        quote_at(w, ids[x], w->now, BTC_BID, BTC_ASK, 1000);
    }
    perp_job job = pair_job(1, ids[0], ids[1]);
    run_job(w, &job);
    ok(w, perp_market_set_source(w->market, &source));
    perp_order_request request = limit_order(1, 1, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    ok(w, perp_orders_place(desk(w), nowc(w), &request, &answer));
    ck_assert_uint_eq(asked[ids[1]], 1);
    ok(w, perp_orders_place_many(desk(w), nowc(w), &request, 1, &answer));
    ck_assert_uint_eq(asked[ids[1]], 2);
    ck_assert_uint_eq(asked[ids[0]], 0);
    ok(w, perp_market_set_source(w->market, NULL));
}
END_TEST

/* Of those that come together each counts for the next. */
START_TEST(orders_placed_at_once_are_not_faster_than_the_exchange_allows) {
    run_pair(w, 1);
    set_rate(ALPHA, 1, 2);
    perp_order_request requests[3];
    perp_order_answer answers[3];
    for (int i = 0; i < 3; i++) {
        requests[i] = limit_order(1, 0, 0.05, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 3, answers));
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(perp_gate_string(answers[i].gate),
                         perp_gate_string(i < 2 ? PERP_GATE_NONE : PERP_GATE_ORDER_RATE));
}
END_TEST

START_TEST(orders_are_listed_of_exchanges_that_are_there) {
    perp_order_filter filter;
    uint64_t numbers[4];
    uint32_t n;
    perp_order_filter_init(&filter);
    filter.exchange = N_X;
    fails(w, PERP_E_NOT_FOUND, perp_orders_list(desk(w), &filter, numbers, 4, &n));
    filter.exchange = N_X - 1;
    ok(w, perp_orders_list(desk(w), &filter, numbers, 4, &n));
}
END_TEST

START_TEST(a_client_id_is_of_a_job) {
    const perp_uuid id = id_of(1);
    char text[PERP_NAME_SIZE];
    ok(w, perp_orders_client_id(desk(w), ALPHA, &id, 0, 1, text));
    fails(w, PERP_E_INVALID, perp_orders_client_id(desk(w), ALPHA, NULL, 0, 1, text));
    fails(w, PERP_E_INVALID, perp_orders_client_id(desk(w), ALPHA, &id, 0, 1, NULL));
    ck_assert_int_eq(perp_orders_client_id(NULL, ALPHA, &id, 0, 1, text), PERP_E_INVALID);
    fails(w, PERP_E_NOT_FOUND, perp_orders_client_id(desk(w), N_X, &id, 0, 1, text));
}
END_TEST

START_TEST(a_kill_refuses_there_and_nowhere_else) {
    run_pair(w, 1);
    kill(ALPHA, 1);
    perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    refuses(w, &request, PERP_GATE_KILLED, 0, 0);
    place(w, 1, 1, 0.1); /* the other leg is at beta */
    kill(ALPHA, 0);
    place(w, 1, 0, 0.1);
    kill(PERP_ALL_EXCHANGES, 1);
    refuses(w, &request, PERP_GATE_KILLED, 0, 0);
}
END_TEST

START_TEST(what_reduces_is_killed_too_but_flattening_passes) {
    run_reducing(1);
    kill(PERP_ALL_EXCHANGES, 1);
    perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    refuses(w, &request, PERP_GATE_KILLED, 0, 0);
    perp_job_result result;
    perp_uuid id = id_of(1);
    perp_job_result_init(&result);
    result.status = PERP_RESULT_NOTHING;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
    perp_flatten_result left;
    perp_flatten_result_init(&left);
    id = id_of(2);
    ok(w, perp_scheduler_flatten(w->scheduler, signedc(w), PERP_ALL_EXCHANGES, NULL, &id, &left));
    tick(w);
    state_is(w, 2, PERP_JOB_RUNNING);
    place(w, 2, 0, 0.25);
}
END_TEST

START_TEST(an_exchange_that_is_down_gets_no_orders) {
    run_pair(w, 1);
    api(BETA, PERP_API_DOWN);
    perp_order_request request = limit_order(1, 1, 0.1, BTC_MID);
    refuses(w, &request, PERP_GATE_EXCHANGE_DOWN, 0, 0);
    place(w, 1, 0, 0.1);
    api(BETA, PERP_API_UP);
    place(w, 1, 1, 0.1);
}
END_TEST

START_TEST(no_more_than_what_is_left_of_the_leg) {
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 0, 0.25 * (1 + 2e-9), BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, request.quantity, 0.25);
    uint64_t first = place(w, 1, 0, 0.1);
    request.quantity = 0.2;
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.2, 0.15);
    fill(w, first, "f1", 0.04, BTC_MID); /* what it fills is no longer what it may fill */
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.2, 0.15);
    tell(w, first, PERP_NEWS_CANCELLED); /* 0.06 of it come back */
    request.quantity = 0.22;
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.22, 0.25 - 0.04);
    request.quantity = 0.21;
    placed(w, &request);
}
END_TEST

START_TEST(what_is_left_to_a_billionth_passes) {
    run_pair(w, 1);
    place(w, 1, 0, 0.1);
    place(w, 1, 0, 0.15 + 0.9e-9 * 0.25);
    perp_order_request request = limit_order(1, 0, 0.001, BTC_MID);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq(answer.limit, 0); /* never below */
}
END_TEST

START_TEST(what_a_report_has_shown_already_is_not_ordered_again) {
    run_pair(w, 1);
    pass(w, 10 * SECOND);
    position_at(w, w->btc[ALPHA], w->now, 0.1, BTC_MID); /* of the leg, though nobody told a fill */
    perp_order_request request = limit_order(1, 0, 0.2, BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.2, 0.15);
    /* The larger of what is ordered and what was seen is taken: the order may be what was seen. */
    place(w, 1, 0, 0.15);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0.1, 1e-15);
}
END_TEST

START_TEST(whole_steps_but_of_what_closes_all) {
    run_pair(w, 1);
    set_minima(0.01, 0, 0, 0);
    perp_order_request request = limit_order(1, 0, 0.105, BTC_MID);
    refuses(w, &request, PERP_GATE_QTY_STEP, 0.105, 0.01);
    request.quantity = 0.3 / 3; /* off by rounding */
    placed(w, &request);
    request.quantity = 0.1 + 1e-8;
    refuses(w, &request, PERP_GATE_QTY_STEP, request.quantity, 0.01);
}
END_TEST

START_TEST(a_reducing_order_of_the_whole_leg_is_held_to_no_minimum_but_a_part_is) {
    set_minima(0, 0, 0, 0);
    run_reducing(1);
    set_minima(0.1, 0.3, USD(1000000), 0);
    perp_order_request request = limit_order(1, 0, 0.2, BTC_MID);
    refuses(w, &request, PERP_GATE_MIN_QTY, 0.2, 0.3);
    request.quantity = 0.15;
    refuses(w, &request, PERP_GATE_QTY_STEP, 0.15, 0.1);
    request.quantity = 0.25;
    placed(w, &request); /* and to no least notional */
}
END_TEST

START_TEST(a_flag_set_by_the_host_counts_as_reducing) {
    run_pair(w, 1);
    set_minima(0, 0, USD(5000.2), 0);
    perp_order_request request = limit_order(1, 0, 0.05, BTC_MID);
    refuses(w, &request, PERP_GATE_MIN_NOTIONAL, 0.05 * BTC_MID, 5000.2);
    request.reduce_only = 1;
    ck_assert_uint_eq(order_of(w, placed(w, &request)).reduce_only, 1);
    request.reduce_only = 0;
    request.quantity = 0.1; /* 5,000.20 */
    ck_assert_uint_eq(order_of(w, placed(w, &request)).reduce_only, 0);
}
END_TEST

START_TEST(the_least_quantity_itself_passes) {
    run_pair(w, 1);
    set_minima(0, 0.1, 0, 0);
    perp_order_request request = limit_order(1, 0, nextafter(0.1, 0), BTC_MID);
    refuses(w, &request, PERP_GATE_MIN_QTY, request.quantity, 0.1);
    place(w, 1, 0, 0.1);
}
END_TEST

START_TEST(a_price_is_whole_ticks) {
    run_pair(w, 1);
    set_minima(0, 0, 0, 0.5);
    perp_order_request request = limit_order(1, 0, 0.1, 50000.25);
    refuses(w, &request, PERP_GATE_PRICE_TICK, 50000.25, 0.5);
    request.price = 50000.5;
    placed(w, &request);
    request = market_order(1, 0, 0.1); /* has none */
    placed(w, &request);
}
END_TEST

START_TEST(without_a_fresh_quote_only_what_reduces_goes) {
    run_pair(w, 1);
    int64_t most = 5 * SECOND;
    perp_config config;
    perp_config_init(&config);
    most = config.risk.max_quote_age_ms * MS;
    w->now += most;
    place(w, 1, 0, 0.05); /* just fresh */
    w->now += 1;
    perp_order_request request = limit_order(1, 0, 0.05, BTC_MID);
    refuses(w, &request, PERP_GATE_NO_REFERENCE, 0, 0);
    request.reduce_only = 1;
    request.price = 1; /* and to no collar then */
    placed(w, &request);
}
END_TEST

START_TEST(a_price_keeps_within_the_collar_on_both_sides) {
    run_pair(w, 1);
    double through = BTC_MID * (1 + 0.01), other = BTC_MID * (1 - 0.1);
    perp_order_request request = limit_order(1, 0, 0.01, nextafter(through, 1e9));
    refuses(w, &request, PERP_GATE_PRICE_COLLAR, request.price, through);
    request.price = through;
    placed(w, &request);
    request.price = nextafter(other, 0);
    refuses(w, &request, PERP_GATE_PRICE_COLLAR, request.price, other);
    request.price = other;
    placed(w, &request);
    through = BTC_MID * (1 - 0.01);
    other = BTC_MID * (1 + 0.1);
    request = limit_order(1, 1, 0.01, nextafter(through, 0)); /* a sell below it */
    refuses(w, &request, PERP_GATE_PRICE_COLLAR, request.price, through);
    request.price = through;
    placed(w, &request);
    request.price = nextafter(other, 1e9);
    refuses(w, &request, PERP_GATE_PRICE_COLLAR, request.price, other);
    request.price = other;
    placed(w, &request);
}
END_TEST

START_TEST(what_reduces_has_ten_times_the_collar) {
    run_pair(w, 1);
    double through = BTC_MID * (1 + 0.1);
    perp_order_request request = limit_order(1, 0, 0.01, nextafter(through, 1e9));
    request.reduce_only = 1;
    refuses(w, &request, PERP_GATE_PRICE_COLLAR, request.price, through);
    request.price = through;
    placed(w, &request);
}
END_TEST

START_TEST(a_market_order_is_held_to_what_it_would_pay) {
    run_pair(w, 1);
    /* Far from the mid: the mid is between, what is there for a buy is 2 % through it. */
    perp_book_level bids[] = {{50000, 10}}, asks[] = {{50004, 0.05}, {52500, 10}};
    perp_book book = {w->btc[ALPHA], 1, 2, 0, w->now, bids, asks};
    ok(w, perp_market_on_book(w->market, &book));
    perp_order_request request = market_order(1, 0, 0.05);
    placed(w, &request);
    request.quantity = 0.2;
    double pays = (0.05 * 50004 + 0.15 * 52500) / 0.2, limit = BTC_MID * (1 + 0.01);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_PRICE_COLLAR);
    ck_assert_double_eq_tol(answer.asked, pays, 1e-6);
    ck_assert_double_eq(answer.limit, limit);
    request.reduce_only = 1; /* within ten times of it */
    placed(w, &request);
}
END_TEST

START_TEST(the_collar_that_is_shown_is_the_one_that_holds) {
    run_pair(w, 1);
    double price;
    ok(w, perp_orders_collar(desk(w), w->btc[ALPHA], PERP_SIDE_BUY, 0, w->now, &price));
    ck_assert_double_eq(price, BTC_MID * (1 + 0.01));
    ok(w, perp_orders_collar(desk(w), w->btc[ALPHA], PERP_SIDE_SELL, 1, w->now, &price));
    ck_assert_double_eq(price, BTC_MID * (1 - 0.1));
    expect(w, PERP_E_STATE,
           perp_orders_collar(desk(w), w->btc[ALPHA], PERP_SIDE_SELL, 1, w->now + HOUR, &price));
    expect(w, PERP_E_NOT_FOUND, perp_orders_collar(desk(w), 99, PERP_SIDE_SELL, 1, w->now, &price));
    expect(w, PERP_E_INVALID, perp_orders_collar(desk(w), w->btc[ALPHA], 2, 1, w->now, &price));
    expect(w, PERP_E_INVALID, perp_orders_collar(desk(w), w->btc[ALPHA], 0, 2, w->now, &price));
}
END_TEST

static void open_strict(uint32_t repeat_limit, perp_usd max_order, int64_t window_ms) {
    perp_config config;
    world_config(&config);
    config.orders.repeat_limit = repeat_limit;
    config.orders.max_order_usd = max_order;
    config.orders.repeat_window_ms = window_ms;
    w = world_open(&config);
}

START_TEST(an_order_is_worth_no_more_than_what_one_may_be) {
    open_strict(0, USD(5000.2), 1000);
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 0, 0.1001, BTC_MID);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_ORDER_VALUE);
    ck_assert_double_eq_tol(answer.asked, 5005.2002, 1e-6);
    ck_assert_double_eq(answer.limit, 5000.2);
    request.price = 45100; /* worth is by the reference, not by what it names */
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_ORDER_VALUE);
    place(w, 1, 0, 0.1);
    request.reduce_only = 1;
    placed(w, &request);
    world_close(w);
}
END_TEST

START_TEST(the_same_order_again_is_refused_until_the_window_is_over) {
    open_strict(2, 0, 1000);
    run_pair(w, 1);
    place(w, 1, 0, 0.01);
    pass(w, SECOND / 2);
    place(w, 1, 0, 0.01);
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    refuses(w, &request, PERP_GATE_REPEATED, 3, 2);
    request.quantity = 0.0101;
    placed(w, &request); /* another quantity */
    request.quantity = 0.01;
    request.price = BTC_MID + 1;
    placed(w, &request); /* another price */
    request = limit_order(1, 1, 0.01, BTC_MID);
    placed(w, &request); /* another instrument */
    pass(w, SECOND / 2 - 1);
    request = limit_order(1, 0, 0.01, BTC_MID);
    refuses(w, &request, PERP_GATE_REPEATED, 3, 2);
    pass(w, 1); /* the first is a second old */
    placed(w, &request);
    refuses(w, &request, PERP_GATE_REPEATED, 3, 2);
    request.reduce_only = 1; /* neither held to it nor counted */
    placed(w, &request);
    pass(w, SECOND / 2);
    request.reduce_only = 0;
    placed(w, &request);
    world_close(w);
}
END_TEST

START_TEST(many_at_once_are_refused_as_one_after_the_other) {
    open_strict(2, 0, 1000);
    run_pair(w, 1);
    perp_order_request requests[5];
    perp_order_answer answers[5];
    for (int i = 0; i < 5; i++) {
        requests[i] = limit_order(1, 0, 0.01, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    requests[0].reduce_only = requests[1].reduce_only = 1; /* of no account */
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 5, answers));
    checked(w);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(answers[i].gate == PERP_GATE_NONE, "%d: %s", i,
                      perp_gate_string(answers[i].gate));
    ck_assert_uint_eq(answers[4].gate, PERP_GATE_REPEATED);
    ck_assert_double_eq(answers[4].asked, 3);
    world_close(w);
}
END_TEST

/* ---- Messages -----------------------------------------------------------------------------------
 */

START_TEST(the_allowance_is_a_leaky_bucket_by_times) {
    run_pair(w, 1);
    set_rate(ALPHA, 3, 2); /* one each 333,333,333 ns, two at once */
    const int64_t step = 333333333;
    place(w, 1, 0, 0.01); /* due: now + step */
    place(w, 1, 0, 0.01); /* due: now + 2 step */
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, (double)step);
    w->now += step - 1;
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, 1); /* what is refused uses nothing up */
    w->now += 1;
    placed(w, &request);
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, (double)step);
    place(w, 1, 1, 0.01); /* beta has its own */
    w->now += 10 * step;  /* no more than the burst is saved up */
    quotes(w);
    placed(w, &request);
    placed(w, &request);
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, (double)step);
}
END_TEST

START_TEST(a_cancel_is_never_refused_and_takes_its_part) {
    run_pair(w, 1);
    set_rate(ALPHA, 1, 1);
    uint64_t order = place(w, 1, 0, 0.01);
    ck_assert_uint_eq(order_of(w, order).cancel_requested, 0);
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), order));
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), order));
    checked(w);
    ck_assert_uint_eq(order_of(w, order).cancel_requested, 1);
    order_is(w, order, PERP_ORDER_NEW);
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, (double)(3 * SECOND));
    fails(w, PERP_E_NOT_FOUND, perp_orders_cancel_sent(desk(w), nowc(w), order + 1));
    fails(w, PERP_E_NOT_FOUND, perp_orders_cancel_sent(desk(w), nowc(w), 0));
    expect(w, PERP_E_INVALID, perp_orders_cancel_sent(NULL, nowc(w), order));
}
END_TEST

START_TEST(many_in_one_call_share_the_allowance_and_the_leg) {
    run_pair(w, 1);
    set_rate(ALPHA, 1, 2);
    perp_order_request requests[5];
    perp_order_answer answers[5];
    for (int i = 0; i < 5; i++) {
        requests[i] = limit_order(1, 0, 0.1, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    requests[1].leg = 1;
    requests[4].leg = 1;
    requests[4].quantity = 0.2;
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 5, answers));
    checked(w);
    ck_assert_uint_eq(answers[0].gate, PERP_GATE_NONE);
    ck_assert_uint_eq(answers[1].gate, PERP_GATE_NONE);
    ck_assert_uint_eq(answers[2].gate, PERP_GATE_NONE);
    ck_assert_uint_eq(answers[3].gate, PERP_GATE_OVER_LEG); /* of 0.05 that are left */
    ck_assert_double_eq_tol(answers[3].limit, 0.05, 1e-15);
    ck_assert_uint_eq(answers[4].gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answers[4].limit, 0.15, 1e-15);
    ck_assert_uint_eq(answers[2].order, 3); /* numbers rise by one, refusals take none */
    ck_assert_uint_eq(order_of(w, 3).attempt, 2);
    perp_order_request request = limit_order(1, 0, 0.05, BTC_MID);
    refuses(w, &request, PERP_GATE_ORDER_RATE, 0, (double)SECOND);
}
END_TEST

START_TEST(a_clock_set_back_does_not_lock_an_exchange) {
    run_pair(w, 1);
    set_rate(ALPHA, 1, 1);
    place(w, 1, 0, 0.01);
    leap_to(w, w->now - HOUR);
    quotes(w);
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    ck_assert_uint_ne(asked(w, &request).gate, PERP_GATE_ORDER_RATE);
}
END_TEST

/* ---- Their order --------------------------------------------------------------------------------
 */

START_TEST(the_first_that_fails_is_the_refusal) {
    static const uint32_t order[] = {
        PERP_GATE_KILLED,      PERP_GATE_EXCHANGE_DOWN, PERP_GATE_OVER_LEG,
        PERP_GATE_QTY_STEP,    PERP_GATE_MIN_QTY,       PERP_GATE_MIN_NOTIONAL,
        PERP_GATE_PRICE_TICK,  PERP_GATE_NO_REFERENCE,  PERP_GATE_PRICE_COLLAR,
        PERP_GATE_ORDER_VALUE, PERP_GATE_ORDER_RATE,    PERP_GATE_REPEATED};
    open_strict(1, USD(0.000001), 1000000);
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 0, 1e-12, 50002.3);
    placed(w, &request); /* the same as the one below, but for what is then changed */
    set_rate(ALPHA, 0.001, 1);
    request = limit_order(1, 0, 1e-7, 50002.3);
    request.reduce_only = 1;
    placed(w, &request); /* uses the allowance up */
    request = limit_order(1, 0, 1.05, 60000.3);
    set_minima(0.1, 2, USD(1e9), 1);
    kill(ALPHA, 1);
    api(ALPHA, PERP_API_DOWN);
    w->now += MINUTE;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        perp_order_answer answer = asked(w, &request);
        ck_assert_str_eq(perp_gate_string(answer.gate), perp_gate_string(order[i]));
        switch (order[i]) { /* and what was wrong is made good */
        case PERP_GATE_KILLED:
            kill(ALPHA, 0);
            break;
        case PERP_GATE_EXCHANGE_DOWN:
            api(ALPHA, PERP_API_UP);
            break;
        case PERP_GATE_OVER_LEG:
            request.quantity = 1e-7;
            break;
        case PERP_GATE_QTY_STEP:
            set_minima(1e-12, 2, USD(1e9), 1);
            break;
        case PERP_GATE_MIN_QTY:
            set_minima(1e-12, 0, USD(1e9), 1);
            break;
        case PERP_GATE_MIN_NOTIONAL:
            set_minima(1e-12, 0, 0, 1);
            break;
        case PERP_GATE_PRICE_TICK:
            set_minima(1e-12, 0, 0, 0);
            break;
        case PERP_GATE_NO_REFERENCE:
            quotes(w);
            break;
        case PERP_GATE_PRICE_COLLAR:
            request.price = 50002.3;
            request.quantity = 1e-8; /* 500 micro-dollars */
            break;
        case PERP_GATE_ORDER_VALUE:
            request.quantity = 1e-12;
            break;
        case PERP_GATE_ORDER_RATE:
            set_rate(ALPHA, 0, 1);
            break;
        default:
            break;
        }
    }
    world_close(w);
}
END_TEST

/* ---- What is wrong before the gate --------------------------------------------------------------
 */

#define invalid(change)                                                                            \
    do {                                                                                           \
        perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);                              \
        perp_order_answer answer;                                                                  \
        perp_order_answer_init(&answer);                                                           \
        change;                                                                                    \
        fails(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), &request, &answer));          \
        ck_assert_uint_eq(answer.order, 0);                                                        \
    } while (0)

START_TEST(a_request_is_whole_or_refused_with_its_field) {
    run_pair(w, 1);
    invalid(request.quantity = 0);
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "order.quantity: 0"));
    invalid(request.quantity = -0.1);
    invalid(request.quantity = NAN);
    invalid(request.quantity = INFINITY);
    invalid(request.price = 0);
    invalid(request.price = -1);
    invalid(request.price = NAN);
    invalid(request.price = INFINITY);
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "order.price: inf"));
    invalid(request.type = PERP_ORDER_TYPE_COUNT);
    invalid(request.tif = PERP_TIF_COUNT);
    invalid(request.reduce_only = 2);
    invalid(request.reserved = 1);
    invalid(request.type = PERP_ORDER_MARKET); /* with a price */
    invalid((request.type = PERP_ORDER_MARKET, request.price = 0, request.tif = PERP_TIF_GTC));
    invalid(
        (request.type = PERP_ORDER_MARKET, request.price = 0, request.tif = PERP_TIF_POST_ONLY));
    invalid(request.struct_size = 3);
    invalid(answer.struct_size = 3);
    ck_assert_uint_eq(desk_of(w).placed_total, 0);
    perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    expect(w, PERP_E_INVALID, perp_orders_place(NULL, nowc(w), &request, &answer));
    expect(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), NULL, &answer));
    expect(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), &request, NULL));
    expect(w, PERP_E_INVALID, perp_orders_place(desk(w), NULL, &request, &answer));
}
END_TEST

START_TEST(how_long_it_stands_is_kept) {
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    ck_assert_uint_eq(order_of(w, placed(w, &request)).tif, PERP_TIF_GTC);
    for (uint32_t tif = 0; tif < PERP_TIF_COUNT; tif++) {
        request.tif = tif;
        ck_assert_uint_eq(order_of(w, placed(w, &request)).tif, tif);
    }
    request = market_order(1, 0, 0.01);
    perp_order_info info = order_of(w, placed(w, &request));
    ck_assert_uint_eq(info.tif, PERP_TIF_IOC);
    ck_assert_double_eq(info.limit_price, 0);
    request.tif = PERP_TIF_IOC;
    placed(w, &request);
}
END_TEST

START_TEST(what_is_not_there_is_said_before_what_is_wrong) {
    run_pair(w, 1);
    perp_order_request request = limit_order(2, 0, -1, BTC_MID);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    fails(w, PERP_E_NOT_FOUND, perp_orders_place(desk(w), nowc(w), &request, &answer));
    request = limit_order(1, 2, -1, BTC_MID);
    fails(w, PERP_E_NOT_FOUND, perp_orders_place(desk(w), nowc(w), &request, &answer));
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    request = limit_order(3, 0, 0.1, BTC_MID); /* it waits */
    fails(w, PERP_E_NOT_FOUND, perp_orders_place(desk(w), nowc(w), &request, &answer));
    perp_uuid id = id_of(1);
    finish_all(w, &id, PERP_RESULT_NOTHING);
    request = limit_order(1, 0, 0.1, BTC_MID); /* it has ended */
    fails(w, PERP_E_NOT_FOUND, perp_orders_place(desk(w), nowc(w), &request, &answer));
}
END_TEST

START_TEST(a_job_that_is_told_by_legs_or_in_doubt_takes_none) {
    run_pair(w, 1);
    run_pair(w, 2);
    perp_uuid id = id_of(1);
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    fill_leg(&result, 0, 0.01, BTC_MID);
    fill_leg(&result, 1, 0, 0);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &id, result.legs, 2));
    perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    fails(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), &request, &answer));
    id = id_of(2);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    request = limit_order(2, 0, 0.1, BTC_MID);
    fails(w, PERP_E_STATE, perp_orders_place(desk(w), nowc(w), &request, &answer));
    request.quantity = 0; /* what is wrong with it is said first */
    fails(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), &request, &answer));
    ok(w, perp_orders_settled(desk(w), nowc(w), &id));
    state_is(w, 2, PERP_JOB_RUNNING);
    place(w, 2, 0, 0.1);
    /* And the other way round. */
    fails(w, PERP_E_INVALID, perp_scheduler_progress(w->scheduler, nowc(w), &id, result.legs, 2));
    result.n_legs = 2;
    fails(w, PERP_E_INVALID, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
}
END_TEST

START_TEST(a_leg_has_no_more_than_255_orders) {
    run_pair(w, 1);
    for (int i = 0; i < PERP_MAX_ATTEMPTS; i++)
        tell(w, place(w, 1, 0, 0.25), PERP_NEWS_CANCELLED);
    perp_order_request requests[2] = {limit_order(1, 0, 0.1, BTC_MID),
                                      limit_order(1, 1, 0.1, BTC_MID)};
    perp_order_answer answers[2];
    perp_order_answer_init(&answers[0]);
    perp_order_answer_init(&answers[1]);
    fails(w, PERP_E_INVALID, perp_orders_place(desk(w), nowc(w), &requests[0], &answers[0]));
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 2, answers));
    ck_assert_int_eq(answers[0].status, PERP_E_INVALID);
    ck_assert_uint_eq(answers[0].order, 0);
    ck_assert_int_eq(answers[1].status, PERP_OK);
    ck_assert_uint_eq(order_of(w, answers[1].order).attempt, 1);
}
END_TEST

START_TEST(within_one_call_the_attempts_are_counted_too) {
    run_pair(w, 1);
    for (int i = 0; i < PERP_MAX_ATTEMPTS - 1; i++)
        tell(w, place(w, 1, 0, 0.25), PERP_NEWS_CANCELLED);
    perp_order_request requests[2] = {limit_order(1, 0, 0.1, BTC_MID),
                                      limit_order(1, 0, 0.1, BTC_MID)};
    perp_order_answer answers[2];
    perp_order_answer_init(&answers[0]);
    perp_order_answer_init(&answers[1]);
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 2, answers));
    checked(w);
    ck_assert_int_eq(answers[0].status, PERP_OK);
    ck_assert_uint_eq(order_of(w, answers[0].order).attempt, PERP_MAX_ATTEMPTS);
    ck_assert_int_eq(answers[1].status, PERP_E_INVALID);
}
END_TEST

START_TEST(many_are_64_at_most_and_none_is_none) {
    run_pair(w, 1);
    static perp_order_request requests[PERP_MAX_PLACED + 1];
    static perp_order_answer answers[PERP_MAX_PLACED + 1];
    for (int i = 0; i <= PERP_MAX_PLACED; i++) {
        requests[i] = limit_order(1, 0, 0.25 / 64, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    fails(w, PERP_E_INVALID,
          perp_orders_place_many(desk(w), nowc(w), requests, PERP_MAX_PLACED + 1, answers));
    fails(w, PERP_E_INVALID, perp_orders_place_many(desk(w), nowc(w), NULL, 1, answers));
    fails(w, PERP_E_INVALID, perp_orders_place_many(desk(w), nowc(w), requests, 1, NULL));
    ok(w, perp_orders_place_many(desk(w), nowc(w), NULL, 0, NULL));
    requests[7].struct_size = 1;
    fails(w, PERP_E_INVALID, perp_orders_place_many(desk(w), nowc(w), requests, 8, answers));
    requests[7].struct_size = sizeof requests[7];
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, PERP_MAX_PLACED, answers));
    checked(w);
    for (int i = 0; i < PERP_MAX_PLACED; i++)
        ck_assert_uint_eq(answers[i].order, (uint64_t)i + 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("orders_gate");
    TCase *own = tcase_create("own world"), *strict = tcase_create("strict");
    tcase_add_checked_fixture(own, open_world, close_world);
    tcase_add_test(own, orders_placed_at_once_are_not_faster_than_the_exchange_allows);
    tcase_add_test(own, a_client_id_is_of_a_job);
    tcase_add_test(own, orders_are_listed_of_exchanges_that_are_there);
    tcase_add_test(own, an_order_is_looked_at_by_quotes_that_are_asked_for);
    tcase_add_test(own, a_kill_refuses_there_and_nowhere_else);
    tcase_add_test(own, what_reduces_is_killed_too_but_flattening_passes);
    tcase_add_test(own, an_exchange_that_is_down_gets_no_orders);
    tcase_add_test(own, no_more_than_what_is_left_of_the_leg);
    tcase_add_test(own, what_is_left_to_a_billionth_passes);
    tcase_add_test(own, what_a_report_has_shown_already_is_not_ordered_again);
    tcase_add_test(own, whole_steps_but_of_what_closes_all);
    tcase_add_test(own, a_reducing_order_of_the_whole_leg_is_held_to_no_minimum_but_a_part_is);
    tcase_add_test(own, a_flag_set_by_the_host_counts_as_reducing);
    tcase_add_test(own, the_least_quantity_itself_passes);
    tcase_add_test(own, a_price_is_whole_ticks);
    tcase_add_test(own, without_a_fresh_quote_only_what_reduces_goes);
    tcase_add_test(own, a_price_keeps_within_the_collar_on_both_sides);
    tcase_add_test(own, what_reduces_has_ten_times_the_collar);
    tcase_add_test(own, a_market_order_is_held_to_what_it_would_pay);
    tcase_add_test(own, the_collar_that_is_shown_is_the_one_that_holds);
    tcase_add_test(own, the_allowance_is_a_leaky_bucket_by_times);
    tcase_add_test(own, a_cancel_is_never_refused_and_takes_its_part);
    tcase_add_test(own, many_in_one_call_share_the_allowance_and_the_leg);
    tcase_add_test(own, a_clock_set_back_does_not_lock_an_exchange);
    tcase_add_test(own, a_request_is_whole_or_refused_with_its_field);
    tcase_add_test(own, how_long_it_stands_is_kept);
    tcase_add_test(own, what_is_not_there_is_said_before_what_is_wrong);
    tcase_add_test(own, a_job_that_is_told_by_legs_or_in_doubt_takes_none);
    tcase_add_test(own, a_leg_has_no_more_than_255_orders);
    tcase_add_test(own, within_one_call_the_attempts_are_counted_too);
    tcase_add_test(own, many_are_64_at_most_and_none_is_none);
    tcase_add_test(strict, an_order_is_worth_no_more_than_what_one_may_be);
    tcase_add_test(strict, the_same_order_again_is_refused_until_the_window_is_over);
    tcase_add_test(strict, many_at_once_are_refused_as_one_after_the_other);
    tcase_add_test(strict, the_first_that_fails_is_the_refusal);
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, strict);
    return run_suite(suite);
}
