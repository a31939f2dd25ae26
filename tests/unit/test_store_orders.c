/* Orders and fills in a store's tables: what they say is what the book says, after each change and
   after a restart, and each fill is there once, whichever way it was told. */
#include "orders_fixture.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static struct world *w;
static perp_config config;
static perp_sqlite_options options;
static char folder[64], path[96];
static sqlite3 *db;

static void configure(void) {
    const perp_callbacks callbacks = config.callbacks;
    world_config(&config);
    if (w)
        config.callbacks = callbacks;
    config.orders.max_unhedged_ms = 0;
    ck_assert_msg(perp_store_sqlite_open(path, &options, &config.store) == PERP_OK, "%s",
                  perp_core_error(NULL));
}

static void begin(void) {
    snprintf(folder, sizeof folder, "/tmp/perp-orders-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book.db", folder);
    perp_sqlite_options_init(&options);
    memset(&config, 0, sizeof config);
    w = NULL;
    configure();
    w = world_open(&config);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
}

static void end(void) {
    const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    sqlite3_close(db);
    world_close(w);
    for (int i = 0; i < 4; i++) {
        char name[112];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
}

static void restart(void) {
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    configure();
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->positions = perp_core_positions(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    quotes(w);
}

static sqlite3_stmt *ask(const char *sql) {
    sqlite3_stmt *row;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    return row;
}

static int64_t count_of(const char *sql) {
    sqlite3_stmt *row = ask(sql);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return count;
}

static void text_is(sqlite3_stmt *row, int column, const char *text) {
    if (*text)
        ck_assert_pstr_eq((const char *)sqlite3_column_text(row, column), text);
    else
        ck_assert_int_eq(sqlite3_column_type(row, column), SQLITE_NULL);
}

/* 0: there is none. */
static void number_is(sqlite3_stmt *row, int column, double number) {
    if (number == 0)
        ck_assert_int_eq(sqlite3_column_type(row, column), SQLITE_NULL);
    else
        ck_assert_double_eq(sqlite3_column_double(row, column), number);
}

static void time_is(sqlite3_stmt *row, int column, int64_t time_ns) {
    if (time_ns == PERP_TIME_NONE)
        ck_assert_int_eq(sqlite3_column_type(row, column), SQLITE_NULL);
    else
        ck_assert_int_eq(sqlite3_column_int64(row, column), time_ns);
}

static void order_agrees(uint64_t number) {
    perp_order_info info = order_of(w, number);
    perp_exchange_spec exchange = {.struct_size = sizeof exchange};
    perp_instrument_spec instrument = {.struct_size = sizeof instrument};
    char job[37];
    ok(w, perp_exchange_get(w->core, info.exchange, &exchange));
    ok(w, perp_instrument_get(w->core, info.instrument, &instrument));
    perp_uuid_format(&info.job_id, job);
    sqlite3_stmt *row =
        ask("SELECT client_id, job, leg, attempt, exchange, symbol, side, type, tif, price,"
            " quantity, reduce_only, state, filled, average, volume, fees, pnl, exchange_id, text,"
            " cancel_requested, overfilled, placed_ns, ended_ns FROM orders WHERE number = ?");
    sqlite3_bind_int64(row, 1, (int64_t)number);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    text_is(row, 0, info.client_id);
    text_is(row, 1, job);
    ck_assert_int_eq(sqlite3_column_int64(row, 2), info.leg);
    ck_assert_int_eq(sqlite3_column_int64(row, 3), info.attempt);
    text_is(row, 4, exchange.name);
    text_is(row, 5, instrument.symbol);
    text_is(row, 6, perp_side_string(info.side));
    text_is(row, 7, perp_order_type_string(info.type));
    text_is(row, 8, perp_tif_string(info.tif));
    number_is(row, 9, info.limit_price);
    ck_assert_double_eq(sqlite3_column_double(row, 10), info.quantity);
    ck_assert_int_eq(sqlite3_column_int64(row, 11), info.reduce_only);
    text_is(row, 12, perp_order_state_string(info.state));
    ck_assert_double_eq(sqlite3_column_double(row, 13), info.filled);
    number_is(row, 14, info.price);
    ck_assert_int_eq(sqlite3_column_int64(row, 15), info.volume);
    ck_assert_int_eq(sqlite3_column_int64(row, 16), info.fees);
    ck_assert_int_eq(sqlite3_column_int64(row, 17), info.pnl);
    text_is(row, 18, info.exchange_id);
    text_is(row, 19, info.text);
    ck_assert_int_eq(sqlite3_column_int64(row, 20), info.cancel_requested);
    ck_assert_int_eq(sqlite3_column_int64(row, 21), info.overfilled);
    time_is(row, 22, info.placed_ns);
    time_is(row, 23, info.ended_ns);
    sqlite3_finalize(row);
}

/* All orders, and of each that its fills add up to it. */
static void orders_agree(void) {
    uint64_t numbers[64];
    uint32_t count;
    ok(w, perp_orders_list(desk(w), NULL, numbers, 64, &count));
    for (uint32_t i = 0; i < count; i++)
        order_agrees(numbers[i]);
    ck_assert_int_eq(count_of("SELECT count(*) FROM orders"), count);
    ck_assert_int_eq(
        count_of("SELECT count(*) FROM open_orders"),
        count_of("SELECT count(*) FROM orders WHERE state IN ('new', 'open', 'in_doubt')"));
    ck_assert_int_eq(
        count_of("SELECT count(*) FROM orders WHERE abs(filled - (SELECT coalesce(sum(quantity), 0)"
                 " FROM fills WHERE order_number = number)) > 1e-12 OR fees <> (SELECT"
                 " coalesce(sum(fee), 0) FROM fills WHERE order_number = number) OR pnl <> (SELECT"
                 " coalesce(sum(pnl), 0) FROM fills WHERE order_number = number)"),
        0);
    ck_assert_int_eq(perp_core_check(w->core), PERP_OK);
}

START_TEST(an_order_stands_in_its_row_as_the_book_has_it) {
    run_pair(w, 1);
    uint64_t bought = place(w, 1, 0, 0.1);
    orders_agree();
    perp_order_request market = market_order(1, 1, 0.25);
    uint64_t sold = placed(w, &market);
    orders_agree();
    perp_order_news news = news_of(bought, PERP_NEWS_ACCEPTED);
    news.exchange_id = "X-1";
    told_of(w, &news);
    orders_agree();
    news = fill_of(bought, "t1", 0.04, BTC_MID);
    news.fee = USD(1);
    told_of(w, &news);
    orders_agree();
    pass(w, SECOND);
    fill(w, bought, "t2", 0.07, BTC_MID + 1); /* more than it was */
    ck_assert_uint_eq(order_of(w, bought).overfilled, 1);
    orders_agree();
    news = total_of(sold, 0.1, BTC_MID);
    news.fee = USD(2);
    told_of(w, &news);
    orders_agree();
    news.fee = USD(2) + 7; /* a fee alone */
    told_of(w, &news);
    orders_agree();
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), sold));
    orders_agree();
    news = news_of(sold, PERP_NEWS_CANCELLED);
    news.text = "by its owner";
    told_of(w, &news);
    orders_agree();
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 4);
    ck_assert_int_eq(count_of("SELECT last_seq = (SELECT max(seq) FROM events WHERE kind = 'order')"
                              " FROM orders WHERE number = 2"),
                     1);
}
END_TEST

START_TEST(many_at_once_have_a_row_each) {
    perp_order_request requests[3];
    perp_order_answer answers[3];
    run_pair(w, 1);
    for (uint32_t i = 0; i < 3; i++) {
        requests[i] = limit_order(1, i % 2, 0.05, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    requests[1].quantity = 9; /* refused */
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 3, answers));
    ck_assert_uint_eq(answers[1].gate, PERP_GATE_OVER_LEG);
    orders_agree();
    ck_assert_int_eq(count_of("SELECT count(*) FROM orders"), 2);
}
END_TEST

START_TEST(what_nobody_knows_of_is_in_doubt_in_its_row) {
    const char *listed[1];
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.1), b = place(w, 1, 0, 0.1), c = place(w, 1, 1, 0.1);
    tell(w, a, PERP_NEWS_ACCEPTED);
    tell(w, c, PERP_NEWS_REJECTED);
    pass(w, SECOND);
    perp_order_info info = order_of(w, a);
    listed[0] = info.client_id;
    ok(w, perp_orders_reconcile(desk(w), nowc(w), ALPHA, w->now, listed, 1, NULL));
    order_is(w, b, PERP_ORDER_IN_DOUBT);
    orders_agree();
    restart();
    order_is(w, a, PERP_ORDER_IN_DOUBT);
    order_is(w, c, PERP_ORDER_REJECTED);
    orders_agree();
    ck_assert_int_eq(count_of("SELECT count(*) FROM orders WHERE state = 'in_doubt'"), 2);
    tell(w, b, PERP_NEWS_REJECTED);
    fill(w, a, "t", 0.1, BTC_MID);
    orders_agree();
    ck_assert_int_eq(count_of("SELECT count(*) FROM open_orders"), 0);
}
END_TEST

/* ---- Fills whichever way ----------------------------------------------------------------------
 */

/* The newest row of fills. */
static void fill_is(uint64_t order, uint32_t job, int leg, const char *exchange, const char *side,
                    double quantity, double price, const char *fill_id) {
    sqlite3_stmt *row = ask("SELECT coalesce(order_number, 0), job, leg, exchange, symbol, side,"
                            " quantity, price, fill_id, time_ns FROM fills"
                            " ORDER BY seq DESC, n DESC LIMIT 1");
    char id[37] = "";
    if (job) {
        const perp_uuid of = id_of(job);
        perp_uuid_format(&of, id);
    }
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int64(row, 0), (int64_t)order);
    text_is(row, 1, id);
    ck_assert_int_eq(sqlite3_column_type(row, 2), job ? SQLITE_INTEGER : SQLITE_NULL);
    ck_assert_int_eq(sqlite3_column_int(row, 2), leg);
    text_is(row, 3, exchange);
    text_is(row, 4, "BTC/USDT:USDT");
    text_is(row, 5, side);
    ck_assert_double_eq_tol(sqlite3_column_double(row, 6), quantity, 1e-12);
    ck_assert_double_eq_tol(sqlite3_column_double(row, 7), price, 1e-6);
    text_is(row, 8, fill_id);
    ck_assert_int_eq(sqlite3_column_int64(row, 9), w->now);
    sqlite3_finalize(row);
}

/* What fills brought is what the day has. */
static void day_agrees(void) {
    ck_assert_int_eq(count_of("SELECT sum(fee) FROM fills"),
                     count_of("SELECT sum(fees) FROM daily"));
    ck_assert_int_eq(count_of("SELECT sum(pnl) FROM fills"),
                     count_of("SELECT sum(pnl) FROM daily"));
    ck_assert_int_eq(count_of("SELECT count(*) FROM fill_log"),
                     count_of("SELECT count(*) FROM fills"));
}

static void progress(uint32_t n, double bought, double sold) {
    const perp_uuid id = id_of(n);
    perp_job_result result;
    perp_job_result_init(&result);
    fill_leg(&result, 0, bought, bought > 0 ? BTC_MID : 0);
    fill_leg(&result, 1, sold, sold > 0 ? BTC_MID : 0);
    result.legs[0].fee = USD(1);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &id, result.legs, 2));
}

START_TEST(fills_told_by_legs_are_there_as_what_each_adds) {
    run_pair(w, 1);
    progress(1, 0.1, 0);
    fill_is(0, 1, 0, "alpha", "buy", 0.1, BTC_MID, "");
    progress(1, 0.1, 0.2);
    fill_is(0, 1, 1, "beta", "sell", 0.2, BTC_MID, "");
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 2);
    const perp_uuid id = id_of(1);
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    fill_leg(&result, 0, 0.2, BTC_MID);
    fill_leg(&result, 1, 0.25, BTC_MID);
    result.legs[0].fee = USD(3);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 4);
    ck_assert_int_eq(count_of("SELECT count(DISTINCT seq) FROM fills"), 3);
    fill_is(0, 1, 1, "beta", "sell", 0.05, BTC_MID, "");
    day_agrees();
    /* The truth, later. */
    fill_leg(&result, 0, 0.25, BTC_MID);
    ok(w, perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, 2));
    fill_is(0, 1, 0, "alpha", "buy", 0.05, BTC_MID, "");
    day_agrees();
}
END_TEST

/* Of one whose money is only known in all, nobody knows what was whose. */
START_TEST(a_fill_of_a_result_with_totals_has_no_money_of_its_own) {
    const perp_uuid id = id_of(1);
    perp_job_result result;
    run_pair(w, 1);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.volume = USD(25000);
    result.fees = USD(2);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills WHERE fee IS NULL AND pnl IS NULL"), 2);
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 2);
}
END_TEST

START_TEST(a_recorded_fill_is_there_with_its_key_and_no_job) {
    perp_recorded_fill recorded;
    char key[37];
    perp_recorded_fill_init(&recorded);
    recorded.instrument = w->btc[GAMMA];
    recorded.side = PERP_SIDE_SELL;
    recorded.quantity = 0.5;
    recorded.price = BTC_MID;
    recorded.fee = USD(4);
    recorded.key = id_of(77);
    perp_uuid_format(&recorded.key, key);
    ok(w, perp_record_fill(w->core, nowc(w), &recorded));
    fill_is(0, 0, 0, "gamma", "sell", 0.5, BTC_MID, key);
    expect(w, PERP_E_EXISTS, perp_record_fill(w->core, nowc(w), &recorded));
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 1);
    day_agrees();
}
END_TEST

/* Finish books nothing again, and no fill stands twice. */
START_TEST(fills_of_orders_are_there_once_with_late_ones) {
    run_pair(w, 1);
    uint64_t bought = place(w, 1, 0, 0.25), sold = place(w, 1, 1, 0.25);
    fill(w, bought, "b1", 0.25, BTC_MID);
    fill_is(bought, 1, 0, "alpha", "buy", 0.25, BTC_MID, "b1");
    fill(w, sold, "s1", 0.2, BTC_MID);
    perp_order_news news = fill_of(sold, "s1", 0.2, BTC_MID);
    expect(w, PERP_E_EXISTS, hears(w, &news));
    tell(w, sold, PERP_NEWS_CANCELLED);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 2);
    fill(w, sold, "s2", 0.05, BTC_MID); /* late */
    fill_is(sold, 1, 1, "beta", "sell", 0.05, BTC_MID, "s2");
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 3);
    orders_agree();
    day_agrees();
    restart();
    ck_assert_int_eq(count_of("SELECT count(*) FROM fills"), 3);
    orders_agree();
}
END_TEST

/* ---- Refusals ----------------------------------------------------------------------------------
 */

START_TEST(what_the_gate_refused_is_among_the_refusals_with_its_numbers) {
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 1, 0.5, BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.5, 0.25);
    sqlite3_stmt *row =
        ask("SELECT refused_by, job, json_extract(detail, '$.asked'), json_extract(detail,"
            " '$.limit'), json_extract(detail, '$.leg'), json_extract(detail, '$.unit')"
            " FROM refusals WHERE kind = 'order_refused'");
    char id[37];
    const perp_uuid job = id_of(1);
    perp_uuid_format(&job, id);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    text_is(row, 0, "over_leg");
    text_is(row, 1, id);
    ck_assert_double_eq(sqlite3_column_double(row, 2), 0.5);
    ck_assert_double_eq(sqlite3_column_double(row, 3), 0.25);
    ck_assert_int_eq(sqlite3_column_int(row, 4), 1);
    text_is(row, 5, "base");
    ck_assert_int_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
    ck_assert_int_eq(count_of("SELECT count(*) FROM orders"), 0);
}
END_TEST

/* ---- What is old ------------------------------------------------------------------------------
 */

START_TEST(old_orders_and_fills_go_with_their_events) {
    options.keep_events = 20;
    restart();
    run_pair(w, 1);
    uint64_t stays = place(w, 1, 0, 0.01);
    for (uint32_t i = 0; i < 60; i++) {
        char id[16];
        uint64_t order = place(w, 1, 1, 0.001);
        snprintf(id, sizeof id, "t%u", i);
        fill(w, order, id, 0.001, BTC_MID);
        pass(w, SECOND);
        if (i == 40 || i == 50)
            ok(w, perp_core_checkpoint(w->core));
    }
    int64_t pruned = count_of("SELECT pruned FROM head");
    ck_assert_int_gt(pruned, 0);
    ck_assert_int_gt(count_of("SELECT min(seq) FROM fills"), pruned);
    ck_assert_int_gt(count_of("SELECT min(last_seq) FROM orders WHERE ended_ns IS NOT NULL"),
                     pruned);
    ck_assert_int_lt(count_of("SELECT count(*) FROM orders"), 40);
    order_agrees(stays); /* it has not ended */
    /* One that is no longer there comes back whole. */
    ck_assert_int_eq(count_of("SELECT count(*) FROM orders WHERE number = 2"), 0);
    fill(w, 2, "late", 0.0001, BTC_MID);
    order_agrees(2);
}
END_TEST

static Suite *suite_of_orders(void) {
    Suite *suite = suite_create("store_orders");
    TCase *all = tcase_create("sqlite");
    tcase_add_checked_fixture(all, begin, end);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, an_order_stands_in_its_row_as_the_book_has_it);
    tcase_add_test(all, many_at_once_have_a_row_each);
    tcase_add_test(all, what_nobody_knows_of_is_in_doubt_in_its_row);
    tcase_add_test(all, fills_told_by_legs_are_there_as_what_each_adds);
    tcase_add_test(all, a_fill_of_a_result_with_totals_has_no_money_of_its_own);
    tcase_add_test(all, a_recorded_fill_is_there_with_its_key_and_no_job);
    tcase_add_test(all, fills_of_orders_are_there_once_with_late_ones);
    tcase_add_test(all, what_the_gate_refused_is_among_the_refusals_with_its_numbers);
    tcase_add_test(all, old_orders_and_fills_go_with_their_events);
    suite_add_tcase(suite, all);
    return suite;
}

#else

START_TEST(there_is_no_store_in_files) {
    perp_store store;
    ck_assert_int_eq(perp_store_sqlite_open("/tmp/none.db", NULL, &store), PERP_E_STATE);
}
END_TEST

static Suite *suite_of_orders(void) {
    Suite *suite = suite_create("store_orders");
    TCase *all = tcase_create("none");
    tcase_add_test(all, there_is_no_store_in_files);
    suite_add_tcase(suite, all);
    return suite;
}

#endif

int main(void) {
    return run_suite(suite_of_orders());
}
