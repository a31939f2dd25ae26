/* Market data in, and what is known of it. See docs/risk.md.
   Feeds may be given these functions as they are, with the market handle as their user pointer.
   They take no lock that a decision takes; one thread per instrument (per exchange for latency and
   status) at a time, any number of threads in all. Errors: PERP_E_NOT_FOUND: unknown instrument or
   exchange; PERP_E_INVALID: NULL, NaN, infinity, not positive, crossed, out of order; PERP_E_STALE:
   older than the last of its kind (counted); PERP_E_RANGE: more than max_ahead_ms past both the
   clock and the newest event of a feed that was taken, unless the event that was refused so just
   before it (of any kind) was within max_ahead_ms of it: two agree. On an error the old state
   stays, but for a funding rate that makes no sense (perp_funding). */
#ifndef PERPCORE_MARKET_H
#define PERPCORE_MARKET_H

#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* bid < ask; a size may be 0 (that side is empty). Sizes are in units of the base. */
typedef struct perp_quote {
    perp_instrument_id instrument;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
    double bid;
    double bid_size;
    double ask;
    double ask_size;
} perp_quote;

/* One level of a side; the size is in units of the base. */
typedef struct perp_book_level {
    double price;
    double size;
} perp_book_level;

/* Best first: bids fall, asks rise. Of more than PERP_MAX_LEVELS levels a side the first are taken.
   Its top is also the quote. One without levels on a side is taken as a quote: that side is empty
   at the price that it had, and the depth stays (PERP_E_INVALID where there was no quote). */
typedef struct perp_book {
    perp_instrument_id instrument;
    uint32_t n_bids;
    uint32_t n_asks;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
    const perp_book_level *bids;
    const perp_book_level *asks;
} perp_book;

/* A trade that was made by anyone. */
typedef struct perp_trade {
    perp_instrument_id instrument;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
    double price;
    double size; /* may be 0: not known */
} perp_trade;

/* The mark price of the exchange. */
typedef struct perp_mark {
    perp_instrument_id instrument;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
    double price;
} perp_mark;

/* rate: per interval, as a fraction, within 0.5 of 0; positive: longs pay shorts. next_ns: a
   settlement (others are whole intervals away), within one interval and an hour of time_ns.
   interval_h: more than 0, at most 168. continuous: 1 where it is paid all the time (next_ns is
   then not looked at). After a report that is PERP_E_INVALID the rate is unknown until a good one
   comes, and it is old (unknown) from one interval past next_ns on; where continuous, past time_ns.
 */
typedef struct perp_funding {
    perp_instrument_id instrument;
    uint32_t continuous;
    int64_t time_ns;
    double rate;
    double interval_h;
    int64_t next_ns;
} perp_funding;

/* How long one order took, from sending it to its answer. */
typedef struct perp_latency {
    perp_exchange_id exchange;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
    double ms; /* not negative */
} perp_latency;

/* What the host knows of the API of an exchange. */
typedef struct perp_exchange_status {
    perp_exchange_id exchange;
    uint32_t api; /* PERP_API_UP, _DEGRADED, _DOWN */
    int64_t time_ns;
} perp_exchange_status;

/* What one unit of a quote currency (perp_instrument_spec.quote) is worth in USD; 1 until told. At
   most 256 currencies (PERP_E_RANGE). */
typedef struct perp_rate {
    char quote[PERP_NAME_SIZE];
    int64_t time_ns;
    double usd; /* above 0 */
} perp_rate;

/* The book of an instrument is broken, as by a gap in the sequence of its updates. */
typedef struct perp_withdrawal {
    perp_instrument_id instrument;
    uint32_t reserved; /* 0 */
    int64_t time_ns;
} perp_withdrawal;

/* A new best bid and ask. Errors of all nine: see the top of this file. */
PERP_API perp_status perp_market_on_quote(perp_market *market, const perp_quote *quote);
/* A new book; quote and book are of one kind, the newer one holds. */
PERP_API perp_status perp_market_on_book(perp_market *market, const perp_book *book);
/* A new last price. */
PERP_API perp_status perp_market_on_trade(perp_market *market, const perp_trade *trade);
/* A new mark price. */
PERP_API perp_status perp_market_on_mark(perp_market *market, const perp_mark *mark);
/* A new funding rate, with its interval and next settlement. */
PERP_API perp_status perp_market_on_funding(perp_market *market, const perp_funding *funding);
/* A sample of the latency of an exchange. */
PERP_API perp_status perp_market_on_latency(perp_market *market, const perp_latency *latency);
/* The API of an exchange is up, degraded or down. */
PERP_API perp_status perp_market_on_status(perp_market *market, const perp_exchange_status *status);
/* A quote currency's worth. */
PERP_API perp_status perp_market_on_rate(perp_market *market, const perp_rate *rate);
/* There is no quote and no depth until the next quote or book. Of the kind of quotes and books. */
PERP_API perp_status perp_market_on_withdraw(perp_market *market,
                                             const perp_withdrawal *withdrawal);

/* A book that a perp_market_source fills, best first. */
typedef struct perp_book_buffer {
    int64_t time_ns;
    uint32_t n_bids;
    uint32_t n_asks;
    perp_book_level bids[PERP_MAX_LEVELS];
    perp_book_level asks[PERP_MAX_LEVELS];
} perp_book_buffer;

/* For a host that keeps its own books: asked for the quote or book of instruments marked `pulled`,
   before a decision looks at them, with no lock held. now_ns: the time of the decision. The
   function fills quote->… (instrument is preset) or the levels, and sets *have to 1; what it gives
   is checked like a feed's. book may be NULL. They may call back into the library as callbacks may
   (perp_callbacks); decisions that they ask for are made on the quotes that are there. */
typedef struct perp_market_source {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    void *user;
    /* The quote of an instrument; *have is preset to 0, there is none. */
    void (*quote)(void *user, perp_instrument_id instrument, int64_t now_ns, perp_quote *quote,
                  uint32_t *have);
    /* The book of an instrument, likewise. */
    void (*book)(void *user, perp_instrument_id instrument, int64_t now_ns, perp_book_buffer *book,
                 uint32_t *have);
} perp_market_source;

/* Registers (copied) or, with NULL, removes the source. Not while decisions run on other threads;
   PERP_E_STATE: called from inside the source. */
PERP_API perp_status perp_market_set_source(perp_market *market, const perp_market_source *source);

/* What is known of an instrument at now_ns (the later of it and the clock). Fields without data are
   NaN (times: PERP_TIME_NONE). */
typedef struct perp_market_state {
    uint32_t struct_size;
    uint32_t has_quote;
    double bid;
    double bid_size;
    double ask;
    double ask_size;
    double mid;
    double spread_bps;
    double spread_baseline_bps;
    double volatility; /* up to the last quote; NaN: unknown */
    uint32_t fast;
    uint32_t continuous_funding;
    double funding_rate;
    double funding_interval_h;
    int64_t next_funding_ns; /* the next settlement after now; PERP_TIME_NONE where not known */
    double last;
    double mark; /* the mid where there is none or it is too old */
    int64_t quote_time_ns;
} perp_market_state;

/* Fills state, whose struct_size must be set. PERP_E_NOT_FOUND: unknown instrument; PERP_E_INVALID:
   NULL, struct_size. */
PERP_API perp_status perp_market_query(const perp_market *market, perp_instrument_id instrument,
                                       int64_t now_ns, perp_market_state *state);

/* What is known of an exchange, and what runs there. */
typedef struct perp_exchange_state {
    uint32_t struct_size;
    uint32_t api;
    uint32_t circuit; /* PERP_CIRCUIT_… */
    uint32_t delayed;
    uint32_t killed;
    uint32_t latency_samples;
    double latency_mean_ms; /* NaN without samples; p50 and p99 likewise */
    double latency_p50_ms;
    double latency_p99_ms;
    uint32_t open_positions;
    uint32_t concurrent_jobs;
    perp_usd running_notional;
} perp_exchange_state;

/* Fills state, whose struct_size must be set; now_ns as in perp_market_query. PERP_E_NOT_FOUND:
   unknown exchange; PERP_E_INVALID: NULL, struct_size. */
PERP_API perp_status perp_market_query_exchange(const perp_market *market,
                                                perp_exchange_id exchange, int64_t now_ns,
                                                perp_exchange_state *state);

#ifdef __cplusplus
}
#endif

#endif
