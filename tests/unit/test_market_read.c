/* What decisions read of the market: executable prices, latency, versions, pulled quotes, and reads
   that are of one moment while a feed writes. */
#include "market/slot.h" /* before the fixture, whose market would hide parameters */

#include "market_fixture.h"

#include <pthread.h>

static struct perp_market_view view_at(int64_t now) {
    struct perp_market_view view;
    perp_market_read(market, btc, now, &view);
    return view;
}

static double leg_price(int64_t now, uint32_t side, double quantity, double *depth) {
    struct perp_market_view view;
    double price;
    perp_market_read_leg(market, btc, now, side, quantity, &view, &price, depth);
    return price;
}

static void put_book(int64_t time_ns) {
    static const perp_book_level bids[] = {{99, 1}, {98, 3}}, asks[] = {{101, 2}, {103, 4}};
    perp_book book = {.instrument = btc, .time_ns = time_ns, .n_bids = 2, .n_asks = 2};
    book.bids = bids;
    book.asks = asks;
    ck_assert_int_eq(perp_market_on_book(market, &book), PERP_OK);
}

START_TEST(a_leg_walks_the_book_of_the_side_that_it_takes_from) {
    double depth;
    put_book(START);
    ck_assert_double_eq(leg_price(START, PERP_SIDE_BUY, 1.5, &depth), 101);
    ck_assert_double_eq(depth, 6);
    ck_assert_double_eq_tol(leg_price(START, PERP_SIDE_BUY, 4, &depth), 102, 1e-12);
    ck_assert_double_eq_tol(leg_price(START, PERP_SIDE_SELL, 2, &depth), 98.5, 1e-12);
    ck_assert_double_eq(depth, 4);
}
END_TEST

START_TEST(the_last_level_serves_for_what_the_book_lacks) {
    double depth;
    put_book(START);
    ck_assert_double_eq_tol(leg_price(START, PERP_SIDE_SELL, 10, &depth), (99 + 9 * 98) / 10.0,
                            1e-12);
    ck_assert_double_eq(depth, 4);
}
END_TEST

START_TEST(a_book_that_is_too_old_gives_way_to_the_quote) {
    double depth;
    put_book(START);
    ck_assert_int_eq(put_quote(START + 1, 99.5, 100.5), PERP_OK);
    leg_price(START + 5000 * MS, PERP_SIDE_BUY, 4, &depth);
    ck_assert_double_eq(depth, 6);
    ck_assert_double_eq(leg_price(START + 5000 * MS + 1, PERP_SIDE_BUY, 4, &depth), 100.5);
    ck_assert_double_eq(depth, 2);
    leg_price(START - 5000 * MS - 1, PERP_SIDE_BUY, 4, &depth);
    ck_assert_double_eq(depth, 2);
}
END_TEST

START_TEST(no_level_counts_as_better_than_the_best_of_a_newer_quote) {
    double depth;
    put_book(START);
    ck_assert_int_eq(put_quote(START + 1, 98.5, 102), PERP_OK);
    ck_assert_double_eq_tol(leg_price(START + 1, PERP_SIDE_BUY, 4, &depth), 102.5, 1e-12);
    ck_assert_double_eq(depth, 6);
    ck_assert_double_eq_tol(leg_price(START + 1, PERP_SIDE_SELL, 2, &depth), 98.25, 1e-12);
    /* A quote that is better than the book adds nothing: the book's depth is what is known. */
    ck_assert_int_eq(put_quote(START + 2, 99.5, 100.5), PERP_OK);
    ck_assert_double_eq(leg_price(START + 2, PERP_SIDE_BUY, 2, &depth), 101);
}
END_TEST

START_TEST(an_empty_side_has_the_price_of_the_quote_and_no_depth) {
    double depth = 1;
    perp_quote quote = quote_at(START, 99, 101);
    quote.ask_size = 0;
    ck_assert_int_eq(perp_market_on_quote(market, &quote), PERP_OK);
    ck_assert_double_eq(leg_price(START, PERP_SIDE_BUY, 3, &depth), 101);
    ck_assert_double_eq(depth, 0);
}
END_TEST

START_TEST(without_data_a_view_has_no_nan_but_the_volatility) {
    double depth = 1;
    struct perp_market_view view = view_at(START);
    ck_assert(!view.has_quote && !view.has_funding);
    ck_assert_double_nan(view.volatility);
    ck_assert_double_eq(view.mid, 0);
    ck_assert_double_eq(view.mark, 0);
    ck_assert_double_eq(view.funding.rate, 0);
    ck_assert_double_eq(view.funding.interval_h, 8);
    ck_assert_double_eq(leg_price(START, PERP_SIDE_BUY, 3, &depth), 0);
    ck_assert_double_eq(depth, 0);
}
END_TEST

/* Of the data: a writer makes it another one, and nobody else. */
static uint64_t version_of(perp_instrument_id id) {
    return PERP_GET(PERP_GET(market->slots[id])->seq);
}

static uint64_t version_of_exchange(perp_exchange_id id) {
    return PERP_GET(market->gauges[id].seq);
}

START_TEST(every_change_and_no_refusal_raises_the_version) {
    uint64_t before = version_of(btc);
    ck_assert_int_eq(put_quote(START, 99, 101), PERP_OK);
    uint64_t after = version_of(btc);
    ck_assert_uint_gt(after, before);
    ck_assert_int_eq(put_quote(START - 1, 99, 101), PERP_E_STALE);
    ck_assert_int_eq(put_quote(START, 101, 99), PERP_E_INVALID);
    ck_assert_uint_eq(version_of(btc), after);
    perp_mark mark = {.instrument = btc, .time_ns = START, .price = 90};
    ck_assert_int_eq(perp_market_on_mark(market, &mark), PERP_OK);
    ck_assert_uint_gt(version_of(btc), after);
}
END_TEST

static perp_status put_latency(int64_t time_ns, double ms) {
    perp_latency latency = {.exchange = 0, .time_ns = time_ns, .ms = ms};
    return perp_market_on_latency(market, &latency);
}

static struct perp_latency_view latency_at(int64_t now, bool with_quantiles) {
    struct perp_latency_view view;
    perp_market_latency(market, 0, now, with_quantiles, &view);
    return view;
}

START_TEST(the_last_100_latencies_count_in_the_order_they_came) {
    ck_assert_double_nan(latency_at(START, true).mean);
    for (int i = 1; i <= 250; i++) {
        ck_assert_int_eq(put_latency(START - i * MS, i), PERP_OK); /* ever older */
        uint32_t n = i < 100 ? (uint32_t)i : 100;
        double mean = (2 * i - (int)n + 1) / 2.0;
        ck_assert_uint_eq(latency_at(START, false).samples, n);
        ck_assert_double_eq(latency_at(START, false).mean, mean);
        ck_assert_double_eq(latency_at(START, true).mean, mean);
    }
    ck_assert_double_eq(latency_at(START, true).p50, 200);
    ck_assert_double_eq(latency_at(START, true).p99, 249);
    ck_assert_double_nan(latency_at(START, false).p50);
}
END_TEST

START_TEST(latencies_that_are_too_old_do_not_count_and_future_ones_do) {
    const int64_t age = 600000 * MS;
    ck_assert_int_eq(put_latency(START - age, 100), PERP_OK);
    ck_assert_int_eq(put_latency(START, 200), PERP_E_RANGE); /* two agree that time has moved */
    ck_assert_int_eq(put_latency(START, 200), PERP_OK);
    ck_assert_int_eq(put_latency(START + 2 * age, 600), PERP_E_RANGE);
    ck_assert_int_eq(put_latency(START + 2 * age, 600), PERP_OK);
    ck_assert_uint_eq(latency_at(START, false).samples, 3);
    ck_assert_double_eq(latency_at(START, false).mean, 300);
    ck_assert_uint_eq(latency_at(START + 1, false).samples, 2);
    ck_assert_double_eq(latency_at(START + 1, false).mean, 400);
    ck_assert_double_eq(latency_at(START + age, true).p50, 200);
    ck_assert_uint_eq(latency_at(START + 3 * age + 1, false).samples, 0);
    ck_assert_double_nan(latency_at(START + 3 * age + 1, true).mean);
}
END_TEST

START_TEST(malformed_latencies_and_statuses_are_refused) {
    uint64_t version = version_of_exchange(0);
    perp_latency latency = {.exchange = 1, .time_ns = START, .ms = 1};
    ck_assert_int_eq(perp_market_on_latency(market, &latency), PERP_E_NOT_FOUND);
    ck_assert_int_eq(put_latency(START, -1), PERP_E_INVALID);
    ck_assert_int_eq(put_latency(START, NOT_A_NUMBER), PERP_E_INVALID);
    ck_assert_int_eq(put_latency(START, INFINITE), PERP_E_INVALID);
    ck_assert_int_eq(put_latency(PERP_TIME_NONE, 1), PERP_E_INVALID);
    set_clock(START);
    ck_assert_int_eq(put_latency(START + 8 * DAY, 1), PERP_E_RANGE);
    perp_exchange_status status = {.exchange = 0, .api = PERP_API_COUNT, .time_ns = START};
    ck_assert_int_eq(perp_market_on_status(market, &status), PERP_E_INVALID);
    ck_assert_uint_eq(version_of_exchange(0), version);
    ck_assert_uint_eq(statistics().rejected_events, 7);
}
END_TEST

START_TEST(each_up_of_the_host_is_counted) {
    perp_exchange_status status = {.exchange = 0, .api = PERP_API_DOWN, .time_ns = START};
    ck_assert_uint_eq(perp_market_api(market, 0), PERP_API_UP);
    ck_assert_int_eq(perp_market_on_status(market, &status), PERP_OK);
    ck_assert_uint_eq(perp_market_api(market, 0), PERP_API_DOWN);
    ck_assert_uint_eq(perp_market_ups(market, 0), 0);
    status.api = PERP_API_UP;
    ck_assert_int_eq(perp_market_on_status(market, &status), PERP_OK);
    ck_assert_int_eq(perp_market_on_status(market, &status), PERP_OK);
    ck_assert_uint_eq(perp_market_ups(market, 0), 2);
    status.time_ns--;
    status.api = PERP_API_DOWN;
    ck_assert_int_eq(perp_market_on_status(market, &status), PERP_E_STALE);
    ck_assert_uint_eq(perp_market_api(market, 0), PERP_API_UP);
}
END_TEST

/* ---- A host that keeps its own books ---- */

struct own_books {
    perp_quote quote;
    int64_t book_time;
    uint32_t have_book;
    int asked;
};

static void give_quote(void *user, perp_instrument_id instrument, int64_t now_ns, perp_quote *quote,
                       uint32_t *have) {
    struct own_books *own = user;
    ck_assert_uint_eq(quote->instrument, instrument);
    (void)now_ns;
    own->asked++;
    *quote = own->quote;
    *have = 1;
}

static void give_book(void *user, perp_instrument_id instrument, int64_t now_ns,
                      perp_book_buffer *book, uint32_t *have) {
    struct own_books *own = user;
    (void)instrument;
    (void)now_ns;
    book->time_ns = own->book_time;
    book->n_bids = book->n_asks = 1;
    book->bids[0] = (perp_book_level){90, 5};
    book->asks[0] = (perp_book_level){110, 5};
    *have = own->have_book;
}

static void open_pulled(struct own_books *own) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    spec.exchange = 0; /* the only one */
    spec.pulled = 1;
    snprintf(spec.symbol, sizeof spec.symbol, "ETH/USDT:USDT");
    ck_assert_int_eq(perp_instrument_add(the_core, &spec, &btc), PERP_OK);
    perp_market_source source = {.struct_size = sizeof source, .user = own};
    source.quote = give_quote;
    source.book = give_book;
    ck_assert_int_eq(perp_market_set_source(market, &source), PERP_OK);
}

START_TEST(pulled_instruments_and_no_others_are_asked_of_the_source) {
    struct own_books own = {.quote = quote_at(START, 99, 101)};
    open_pulled(&own);
    perp_market_pull(market, NULL, 0, START);
    ck_assert_int_eq(own.asked, 1);
    ck_assert_double_eq(view_at(START).bid, 99);
    perp_instrument_id other = 0;
    perp_market_pull(market, &other, 1, START);
    ck_assert_int_eq(own.asked, 1);
    perp_market_pull(market, &btc, 1, START);
    ck_assert_int_eq(own.asked, 2);
    ck_assert_int_eq(perp_market_set_source(market, NULL), PERP_OK);
    perp_market_pull(market, &btc, 1, START);
    ck_assert_int_eq(own.asked, 2);
}
END_TEST

START_TEST(what_the_source_gave_before_is_no_news) {
    struct own_books own = {.quote = quote_at(START, 99, 101)};
    open_pulled(&own);
    own.have_book = 1;
    own.book_time = START + 1;
    for (int i = 0; i < 2; i++) { /* the book, then the quote is the newer one */
        perp_market_pull(market, &btc, 1, START + 1);
        uint64_t version = version_of(btc);
        perp_market_pull(market, &btc, 1, START + 2);
        ck_assert_uint_eq(version_of(btc), version);
        ck_assert_double_eq(view_at(START).bid, i == 0 ? 90 : 99);
        own.quote.time_ns = START + 2;
    }
    ck_assert_uint_eq(statistics().stale_events, 0);
    own.quote.time_ns = START - 1;
    perp_market_pull(market, &btc, 1, START + 2);
    ck_assert_uint_eq(statistics().stale_events, 1);
    own.quote.time_ns = START + 3;
    own.quote.ask = 1;
    perp_market_pull(market, &btc, 1, START + 3);
    ck_assert_uint_eq(statistics().rejected_events, 1);
    ck_assert_double_eq(view_at(START).ask, 101);
}
END_TEST

START_TEST(a_malformed_source_is_refused) {
    perp_market_source source = {.struct_size = sizeof source, .book = give_book};
    ck_assert_int_eq(perp_market_set_source(market, &source), PERP_E_INVALID);
    source.quote = give_quote;
    source.struct_size = 0;
    ck_assert_int_eq(perp_market_set_source(market, &source), PERP_E_INVALID);
    ck_assert_int_eq(perp_market_set_source(NULL, &source), PERP_E_INVALID);
}
END_TEST

/* ---- Reads while a feed writes ---- */

#define WRITES 1000000

/* Every number of the i-th update follows from i, so a reader can tell a mixture. */
static void *feed(void *unused) {
    (void)unused;
    for (int i = 1; i <= WRITES; i++) {
        perp_book_level bid = {i, i + 0.25}, ask = {i + 1, i + 0.5};
        perp_book book = {.instrument = btc, .time_ns = START + i * MS, .n_bids = 1, .n_asks = 1};
        book.bids = &bid;
        book.asks = &ask;
        if (perp_market_on_book(market, &book) != PERP_OK)
            return &btc;
    }
    return NULL;
}

START_TEST(a_reader_never_sees_a_torn_quote) {
    pthread_t thread;
    void *failed = NULL;
    int64_t seen = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, feed, NULL), 0);
    while (seen < WRITES) {
        struct perp_market_view view;
        double price, depth;
        perp_market_read_leg(market, btc, START, PERP_SIDE_BUY, 0.5, &view, &price, &depth);
        if (!view.has_quote)
            continue;
        int64_t i = (view.quote_time - START) / MS;
        ck_assert(i >= seen);
        seen = i;
        double x = (double)i;
        ck_assert(view.bid == x && view.bid_size == x + 0.25 && view.ask == x + 1 &&
                  view.ask_size == x + 0.5 && view.mid == x + 0.5 && price == x + 1 &&
                  depth == x + 0.5);
        ck_assert(isnan(view.volatility) || view.volatility >= 0);
    }
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("market read");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_leg_walks_the_book_of_the_side_that_it_takes_from);
    tcase_add_test(all, the_last_level_serves_for_what_the_book_lacks);
    tcase_add_test(all, a_book_that_is_too_old_gives_way_to_the_quote);
    tcase_add_test(all, no_level_counts_as_better_than_the_best_of_a_newer_quote);
    tcase_add_test(all, an_empty_side_has_the_price_of_the_quote_and_no_depth);
    tcase_add_test(all, without_data_a_view_has_no_nan_but_the_volatility);
    tcase_add_test(all, every_change_and_no_refusal_raises_the_version);
    tcase_add_test(all, the_last_100_latencies_count_in_the_order_they_came);
    tcase_add_test(all, latencies_that_are_too_old_do_not_count_and_future_ones_do);
    tcase_add_test(all, malformed_latencies_and_statuses_are_refused);
    tcase_add_test(all, each_up_of_the_host_is_counted);
    tcase_add_test(all, pulled_instruments_and_no_others_are_asked_of_the_source);
    tcase_add_test(all, what_the_source_gave_before_is_no_news);
    tcase_add_test(all, a_malformed_source_is_refused);
    tcase_add_test(all, a_reader_never_sees_a_torn_quote);
    suite_add_tcase(suite, all);
    return run(suite);
}
