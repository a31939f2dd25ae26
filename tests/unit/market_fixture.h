/* One exchange with one instrument, fed by hand. */
#ifndef MARKET_FIXTURE_H
#define MARKET_FIXTURE_H

#include <perpcore/perpcore.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define START (INT64_C(1760000000) * SECOND)
#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))
#define NOT_A_NUMBER ((double)NAN)
#define INFINITE ((double)INFINITY)

static perp_core *the_core;
static perp_market *market;
static perp_instrument_id btc;

static inline void open_with(const perp_config *config) {
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    perp_exchange_id id;
    ck_assert_int_eq(perp_core_open(config, &the_core), PERP_OK);
    perp_exchange_spec_init(&exchange);
    snprintf(exchange.name, sizeof exchange.name, "alpha");
    ck_assert_int_eq(perp_exchange_add(the_core, &exchange, &id), PERP_OK);
    perp_instrument_spec_init(&instrument);
    instrument.exchange = id;
    snprintf(instrument.symbol, sizeof instrument.symbol, "BTC/USDT:USDT");
    ck_assert_int_eq(perp_instrument_add(the_core, &instrument, &btc), PERP_OK);
    market = perp_core_market(the_core);
}

static inline void open_window(uint32_t window_s) {
    perp_config config;
    perp_config_init(&config);
    config.risk.volatility_window_s = window_s;
    open_with(&config);
}

static inline void setup(void) {
    open_with(NULL);
}

static inline void teardown(void) {
    perp_core_close(the_core);
    the_core = NULL;
}

static inline perp_quote quote_at(int64_t time_ns, double bid, double ask) {
    perp_quote quote = {.instrument = btc, .time_ns = time_ns};
    quote.bid = bid;
    quote.bid_size = 1;
    quote.ask = ask;
    quote.ask_size = 2;
    return quote;
}

static inline perp_status put_quote(int64_t time_ns, double bid, double ask) {
    perp_quote quote = quote_at(time_ns, bid, ask);
    return perp_market_on_quote(market, &quote);
}

/* A quote after a leap of the feed's clock: the first is refused, the second agrees. */
static inline perp_status feed_quote(int64_t time_ns, double bid, double ask) {
    perp_status status = put_quote(time_ns, bid, ask);
    return status == PERP_E_RANGE ? put_quote(time_ns, bid, ask) : status;
}

static inline perp_market_state state_at(int64_t now_ns) {
    perp_market_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_market_query(market, btc, now_ns, &state), PERP_OK);
    return state;
}

static inline perp_core_stats statistics(void) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ck_assert_int_eq(perp_core_statistics(the_core, &stats), PERP_OK);
    return stats;
}

static inline void set_clock(int64_t now_ns) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = now_ns;
    call.actor = "test";
    call.reason = "test";
    ck_assert_int_eq(perp_core_advance(the_core, &call), PERP_OK);
}

static inline int run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
