/* Market data, specs and arguments of pure functions that are wrong: the documented error, and
   nothing of it stays. */
#include "fixture.h"

#include <math.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

/* Neither finite nor in any range. */
static const double NOT_NUMBERS[] = {NAN, INFINITY, -INFINITY};
#define N_NOT_NUMBERS 3

/* Jobs that wait in each state for the calls below. */
enum { PENDING = 1, RUNNING, DOUBTED, OPENED, PARTIAL };

START_TEST(unknown_instruments_are_not_found_by_feeds_and_queries) {
    static const uint32_t unknown[] = {2 * N_X, 16383, 16384, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        perp_quote quote = {unknown[i], 0, START, 1, 1, 2, 1};
        perp_book_level level = {1, 1};
        perp_book book = {unknown[i], 1, 1, 0, START, &level, &level};
        perp_trade trade = {unknown[i], 0, START, 1, 1};
        perp_mark mark = {unknown[i], 0, START, 1};
        perp_funding funding = {unknown[i], 0, START, 0, 8, START};
        perp_position_report position = {unknown[i], 0, 0, 0, 0, 0};
        perp_account_report account;
        perp_position_state there = {.struct_size = sizeof there};
        perp_account_report_init(&account);
        account.n_positions = 1;
        account.positions = &position;
        perp_latency latency = {unknown[i], 0, START, 1};
        perp_exchange_status status = {unknown[i], 0, START};
        perp_market_state state;
        perp_instrument_spec spec;
        memset(&state, 0, sizeof state);
        state.struct_size = sizeof state;
        perp_instrument_spec_init(&spec);
        fails(w, PERP_E_NOT_FOUND, perp_market_on_quote(w->market, &quote));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_book(w->market, &book));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_trade(w->market, &trade));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_mark(w->market, &mark));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_funding(w->market, &funding));
        fails(w, PERP_E_NOT_FOUND, perp_position(w->core, nowc(w), &position, START));
        fails(w, PERP_E_NOT_FOUND, perp_account(w->core, nowc(w), &account));
        fails(w, PERP_E_NOT_FOUND, perp_accept_position(w->core, signedc(w), unknown[i]));
        fails(w, PERP_E_NOT_FOUND, perp_positions_query(w->positions, unknown[i], START, &there));
        fails(w, PERP_E_NOT_FOUND,
              perp_positions_lots(w->positions, unknown[i], NULL, 0, &(uint32_t){0}));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_latency(w->market, &latency));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_status(w->market, &status));
        fails(w, PERP_E_NOT_FOUND, perp_market_query(w->market, unknown[i], START, &state));
        fails(w, PERP_E_NOT_FOUND, perp_instrument_get(w->core, unknown[i], &spec));
    }
}
END_TEST

static void market_is(perp_instrument_id instrument, const perp_market_state *wanted) {
    perp_market_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_market_query(w->market, instrument, w->now, &state));
    ck_assert_mem_eq(&state, wanted, sizeof state);
}

START_TEST(a_bad_event_leaves_the_market_as_it_was) {
    perp_instrument_id i = w->btc[ALPHA];
    perp_market_state before;
    memset(&before, 0, sizeof before);
    before.struct_size = sizeof before;
    ok(w, perp_market_query(w->market, i, w->now, &before));
    const double zero_or_less[] = {0, -0.0, -1, NAN, INFINITY, -INFINITY};
    const perp_quote good = {i, 0, START, BTC_BID, 1, BTC_ASK, 1};
    for (size_t k = 0; k < 6; k++) {
        double bad = zero_or_less[k];
        perp_quote quote = good;
        quote.bid = bad;
        fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
        quote = good;
        quote.ask = bad;
        fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
        perp_trade trade = {i, 0, START, bad, 1};
        fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, &trade));
        perp_mark mark = {i, 0, START, bad};
        fails(w, PERP_E_INVALID, perp_market_on_mark(w->market, &mark));
        perp_funding funding = {i, 0, START, 0, bad, START};
        fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, &funding));
        perp_book_level bids[2] = {{BTC_BID, 1}, {bad, 1}}, asks[2] = {{BTC_ASK, 1}, {bad, 1}};
        perp_book book = {i, 2, 1, 0, START, bids, asks};
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book));
        book.n_bids = 1;
        book.n_asks = 2;
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book));
        if (!(bad == 0)) {
            quote = good;
            quote.bid_size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
            quote = good;
            quote.ask_size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
            trade.price = 1;
            trade.size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, &trade));
            perp_latency latency = {ALPHA, 0, START, bad};
            fails(w, PERP_E_INVALID, perp_market_on_latency(w->market, &latency));
            perp_position_report other = {i, PERP_MARGIN_ISOLATED, 1, bad, 3, 0};
            fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &other, START));
            other.entry_price = 1;
            other.leverage = bad;
            fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &other, START));
            other.leverage = 0;
            other.liquidation_price = bad;
            fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &other, START));
        }
    }
    for (size_t k = 0; k < N_NOT_NUMBERS; k++) {
        perp_funding funding = {i, 0, START, NOT_NUMBERS[k], 8, START};
        fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, &funding));
        perp_position_report position = {i, PERP_MARGIN_ISOLATED, NOT_NUMBERS[k], 1, 3, 0};
        fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &position, START));
    }
    perp_position_report position = {i, PERP_MARGIN_ISOLATED, 1, 1, 0.5, 0};
    fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &position, START));
    perp_funding funding = {i, 0, START, 0, 168.5, START};
    fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, &funding));
    market_is(i, &before);
}
END_TEST

START_TEST(crossed_and_disordered_books_are_refused) {
    perp_instrument_id i = w->btc[ALPHA];
    perp_book_level many[PERP_MAX_LEVELS + 1];
    for (int k = 0; k <= PERP_MAX_LEVELS; k++) {
        many[k].price = 60000 + k;
        many[k].size = 1;
    }
    perp_book_level bid = {BTC_BID, 1}, ask = {BTC_ASK, 1};
    perp_book_level falling[2] = {{BTC_ASK, 1}, {BTC_ASK - 1, 1}}, equal[2] = {{1, 1}, {1, 1}};
    perp_quote crossed = {i, 0, START, 10, 1, 10, 1};
    fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &crossed));
    fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_book(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_mark(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_latency(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_status(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_position(w->core, nowc(w), NULL, START));
    fails(w, PERP_E_INVALID, perp_account(w->core, nowc(w), NULL));
#define bad_book(n, bids, m, asks)                                                                 \
    do {                                                                                           \
        perp_book book_ = {i, n, m, 0, START, bids, asks};                                         \
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book_));                          \
    } while (0)
    bad_book(0, &bid, 0, &ask);
    bad_book(0, &bid, 1, NULL);
    bad_book(1, NULL, 0, &ask);
    bad_book(1, falling, 0, &ask); /* meets the last ask */
    bad_book(1, NULL, 1, &ask);
    bad_book(1, &bid, 1, NULL);
    bad_book(1, &ask, 1, &bid);
    bad_book(1, &bid, 2, falling);
    bad_book(2, equal, 1, &ask);
    many[1].price = many[0].price;
    bad_book(1, &bid, PERP_MAX_LEVELS + 1, many);
    bad_book(1, &bid, UINT32_MAX, many);
    many[1].price += 1;
#undef bad_book
    perp_book book = {i, 1, PERP_MAX_LEVELS, 0, START, &bid, many};
    ok(w, perp_market_on_book(w->market, &book));
}
END_TEST

START_TEST(events_from_the_past_and_from_far_ahead_are_told_apart) {
    perp_quote quote = {w->btc[0], 0, START - 1, 1, 1, 2, 1};
    perp_core_stats before, after;
    memset(&before, 0, sizeof before);
    before.struct_size = sizeof before;
    after = before;
    ok(w, perp_core_statistics(w->core, &before));
    fails(w, PERP_E_STALE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = START + 7 * DAY + 1;
    fails(w, PERP_E_RANGE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = INT64_MAX;
    fails(w, PERP_E_RANGE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = INT64_MIN;
    perp_status status = perp_market_on_quote(w->market, &quote);
    ck_assert(status == PERP_E_STALE || status == PERP_E_INVALID);
    ok(w, perp_core_statistics(w->core, &after));
    ck_assert_uint_ge(after.stale_events, before.stale_events + 1);
    ck_assert_uint_ge(after.rejected_events, before.rejected_events + 2);
}
END_TEST

START_TEST(specs_of_exchanges_and_instruments_are_checked) {
    perp_exchange_spec good, spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&good);
    strcpy(good.name, "epsilon");
#define bad(status) fails(w, status, perp_exchange_add(w->core, &spec, &id))
    spec = good;
    spec.struct_size = 0;
    bad(PERP_E_INVALID);
    spec = good;
    spec.name[0] = 0;
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.name, 'x', sizeof spec.name);
    bad(PERP_E_INVALID);
    spec = good;
    strcpy(spec.name, "a\tb");
    bad(PERP_E_INVALID);
    strcpy(spec.name, "\xff");
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.venue, 'x', sizeof spec.venue);
    bad(PERP_E_INVALID);
    spec = good;
    spec.margin_mode = PERP_MARGIN_COUNT;
    bad(PERP_E_INVALID);
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        spec = good;
        spec.taker_fee_bps = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        spec = good;
        spec.maker_fee_bps = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
    }
    spec = good;
    spec.taker_fee_bps = 1000.5;
    bad(PERP_E_RANGE);
    spec = good;
    spec.maker_fee_bps = -1e308;
    bad(PERP_E_RANGE);
    spec = good;
    spec.max_notional = -2;
    bad(PERP_E_RANGE);
#undef bad
    fails(w, PERP_E_INVALID, perp_exchange_add(w->core, &good, NULL));
    ok(w, perp_exchange_add(w->core, &good, &id));
    checked(w);
}
END_TEST

START_TEST(specs_of_instruments_are_checked) {
    perp_tier tiers[2] = {{0, 10, 0.01, 0, 0}, {10, 20, 0.02, 1, 0}};
    perp_instrument_spec good, spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&good);
    good.exchange = ALPHA;
    strcpy(good.symbol, "NEW/USDT:USDT");
    good.tiers = tiers;
    good.n_tiers = 2;
#define bad(status) fails(w, status, perp_instrument_add(w->core, &spec, &id))
    spec = good;
    spec.symbol[0] = 0;
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.base, 'x', sizeof spec.base);
    bad(PERP_E_INVALID);
    spec = good;
    spec.kind = PERP_KIND_COUNT;
    bad(PERP_E_INVALID);
    spec = good;
    spec.tiers = NULL;
    bad(PERP_E_INVALID);
    spec = good;
    spec.n_tiers = PERP_MAX_TIERS + 1;
    perp_status status = perp_instrument_add(w->core, &spec, &id);
    ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        double *fields[] = {&spec.qty_step, &spec.price_tick, &spec.min_qty,
                            &spec.funding_interval_h};
        for (int f = 0; f < 4; f++) {
            spec = good;
            *fields[f] = NOT_NUMBERS[k];
            bad(PERP_E_INVALID);
        }
        perp_tier broken[2] = {tiers[0], tiers[1]};
        spec = good;
        spec.tiers = broken;
        broken[1].mmr = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        broken[1] = tiers[1];
        broken[1].floor = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        broken[1] = tiers[1];
        broken[1].amount = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
    }
#undef bad
    double *negative[] = {&spec.qty_step, &spec.price_tick, &spec.min_qty};
    for (int f = 0; f < 3; f++) {
        spec = good;
        *negative[f] = -1;
        status = perp_instrument_add(w->core, &spec, &id);
        ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    }
    tiers[1].floor = 0;
    spec = good;
    status = perp_instrument_add(w->core, &spec, &id);
    ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    tiers[1].floor = 10;
    ok(w, perp_instrument_add(w->core, &good, &id));
    fails(w, PERP_E_EXISTS, perp_instrument_add(w->core, &good, &id));
    tiers[1].mmr = 0.03;
    fails(w, PERP_E_CONFLICT, perp_instrument_add(w->core, &good, &id));
}
END_TEST

START_TEST(pure_functions_refuse_what_has_no_answer) {
    perp_liquidation good, l;
    perp_walk walk;
    perp_book_level level = {100, 1};
    perp_funding funding = {0, 0, START, 0.0001, 8, START};
    double out = 7;
    memset(&good, 0, sizeof good);
    good.struct_size = sizeof good;
    good.quantity = good.entry_price = 1;
    good.wallet_balance = 0.1;
#define bad(expression)                                                                            \
    do {                                                                                           \
        out = 7;                                                                                   \
        ck_assert_msg((expression) == PERP_E_INVALID, "%s", #expression);                          \
        ck_assert(out == 7);                                                                       \
    } while (0)
    bad(perp_liquidation_price(NULL, &out));
    bad(perp_liquidation_price(&good, NULL));
    double *fields[] = {&l.quantity,          &l.entry_price,        &l.wallet_balance,
                        &l.maintenance_rate,  &l.maintenance_amount, &l.liquidation_fee_rate,
                        &l.other_maintenance, &l.other_upnl};
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            l = good;
            *fields[f] = NOT_NUMBERS[k];
            bad(perp_liquidation_price(&l, &out));
        }
        bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, NOT_NUMBERS[k], &walk));
        bad(perp_funding_payment(PERP_SIDE_BUY, NOT_NUMBERS[k], 1, 1, &out));
        bad(perp_funding_payment(PERP_SIDE_BUY, 1, NOT_NUMBERS[k], 1, &out));
        bad(perp_funding_payment(PERP_SIDE_BUY, 1, 1, NOT_NUMBERS[k], &out));
        bad(perp_funding_rate(NOT_NUMBERS[k], 0, 0.0005, 1, 0, &out));
        bad(perp_funding_rate(0, NOT_NUMBERS[k], 0.0005, 1, 0, &out));
        bad(perp_funding_rate(0, 0, NOT_NUMBERS[k], 1, 0, &out));
        bad(perp_funding_rate(0, 0, 0.0005, NOT_NUMBERS[k], 0, &out));
        bad(perp_funding_rate(0, 0, 0.0005, 1, NOT_NUMBERS[k], &out));
    }
    l = good;
    l.quantity = 0;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.entry_price = -1;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.side = 2;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.maintenance = 2;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.struct_size = 0;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.maintenance_rate = 1;
    bad(perp_liquidation_price(&l, &out));
    memset(&walk, 0, sizeof walk);
    walk.struct_size = sizeof walk;
    bad(perp_walk_book(2, &level, 1, 1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, NULL, 1, 1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 0, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, -1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 1, NULL));
    walk.struct_size = 0;
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 1, &walk));
    bad(perp_funding_payment(2, 1, 1, 1, &out));
    bad(perp_funding_payment(PERP_SIDE_BUY, 1, 1, 1, NULL));
    bad(perp_funding_rate(0, 0, 0.0005, 0, 0, &out));
    bad(perp_funding_rate(0, 0, 0.0005, 1, 0, NULL));
    bad(perp_funding_settlements(NULL, START, START + HOUR, &out));
    bad(perp_funding_settlements(&funding, START, START + HOUR, NULL));
    funding.interval_h = 0;
    bad(perp_funding_settlements(&funding, START, START + HOUR, &out));
    funding.interval_h = NAN;
    bad(perp_funding_settlements(&funding, START, START + HOUR, &out));
#undef bad
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad market");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, unknown_instruments_are_not_found_by_feeds_and_queries);
    tcase_add_test(tcase, a_bad_event_leaves_the_market_as_it_was);
    tcase_add_test(tcase, crossed_and_disordered_books_are_refused);
    tcase_add_test(tcase, events_from_the_past_and_from_far_ahead_are_told_apart);
    tcase_add_test(tcase, specs_of_exchanges_and_instruments_are_checked);
    tcase_add_test(tcase, specs_of_instruments_are_checked);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, pure_functions_refuse_what_has_no_answer);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
