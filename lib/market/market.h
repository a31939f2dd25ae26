/* What decisions read of the market. Feeds write with no lock; a read is consistent. */
#ifndef PERP_MARKET_MARKET_H
#define PERP_MARKET_MARKET_H

#include "core/core.h"

perp_status perp_market_open(perp_core *core, perp_market **market);
void perp_market_close(perp_market *market);
/* The book it belongs to; NULL for NULL. */
perp_core *perp_market_core(const perp_market *market);
/* Called under the lock when one was added, before its id is given out. */
perp_status perp_market_add_instrument(perp_market *market, perp_instrument_id id);

/* Takes the configuration in force and forgets all data of instruments: while opening, before
 * feeds. */
perp_status perp_market_configure(perp_market *market);
/* Where the clock is set back: what is of times after the limit is forgotten. Room for that first;
   false: no memory. */
bool perp_market_prepare_forget(perp_market *market, int64_t limit);
void perp_market_forget(perp_market *market, int64_t limit);
/* How old data may be, and how far ahead, as the configuration says now. */
void perp_market_take_ages(perp_market *market);

/* One instrument as a decision at `now` sees it, read in one piece. Nothing here is NaN but where
 * said. */
struct perp_market_view {
    bool has_quote;
    bool has_funding; /* a rate was reported */
    bool rate_is_old; /* and may have changed since */
    int64_t quote_time;
    double bid, bid_size, ask, ask_size;
    double mid, spread_bps, baseline_bps;
    double volatility; /* NaN: unknown */
    bool mark_is_fresh;
    double mark;      /* mid where none, or none fresh; 0: neither */
    double last_mark; /* of whatever age; 0: none */
    double last;      /* the last price; 0: none */
    double usd;       /* what one unit of the quote currency is worth */
    perp_funding funding;
    int64_t funding_interval_ns; /* above 0 where has_funding */
};
void perp_market_read(const perp_market *market, perp_instrument_id id, int64_t now,
                      struct perp_market_view *view);

/* The same, and the executable price of taking `quantity` on the side that a leg of `side` takes
   from: the last book if fresh, else the quote's level; no level better than the quote's best.
   depth: the known quantity on that side. Both come from the same moment as the view. */
void perp_market_read_leg(const perp_market *market, perp_instrument_id id, int64_t now,
                          uint32_t side, double quantity, struct perp_market_view *view,
                          double *price, double *depth);

/* What a leg of a side takes from: the first level, and all that is known. */
struct perp_market_side {
    double price, size;
    double depth;
};

/* An instrument with both sides, for legs of any quantity, read in one piece. is_book: the last
   book is fresh; else the quote's level stands for all. until: up to then, now or later, time alone
   changes nothing of it but the quote's age. seq: which moment it is of. */
struct perp_market_whole {
    struct perp_market_view view;
    struct perp_market_side sides[PERP_SIDE_COUNT];
    bool is_book;
    int64_t until;
    uint64_t seq;
};
void perp_market_read_whole(const perp_market *market, perp_instrument_id id, int64_t now,
                            struct perp_market_whole *whole);
/* The executable price of a quantity beyond the first level; false: it is of another moment. */
bool perp_market_walk(const perp_market *market, perp_instrument_id id,
                      const struct perp_market_whole *whole, uint32_t side, double quantity,
                      double *price);

/* Calls `told` for all that feeds wrote on since it was last asked for: an instrument, an exchange,
   or (PERP_NO_ID twice) a rate. Under the lock. Its value is another after each thing that a feed
   writes; it is that of now that perp_market_news_sum gives. */
uint64_t perp_market_news(const perp_market *market, void *user,
                          void (*told)(void *user, perp_instrument_id instrument,
                                       perp_exchange_id exchange));
uint64_t perp_market_news_sum(const perp_market *market);

/* What a price to refer to takes of a view, for little: whether it has a quote, its time and mid,
   and the mark. All else of the view is not set. */
void perp_market_read_price(const perp_market *market, perp_instrument_id id, int64_t now,
                            struct perp_market_view *view);
/* The mid of a view alone, for little; false, and 0: it has no quote. */
bool perp_market_mid(const perp_market *market, perp_instrument_id id, double *mid);
/* The marks of views alone, for little. */
void perp_market_marks(const perp_market *market, const perp_instrument_id *ids, uint32_t n,
                       int64_t now, double *marks);
/* Of the first n instruments those whose volatility is at least the threshold, in order of id, up
   to capacity; how many there are. From any thread. */
uint32_t perp_market_fast(const perp_market *market, uint32_t n, double threshold,
                          perp_instrument_id *ids, uint32_t capacity);
/* The volatility alone, for little; NaN: unknown. */
double perp_market_volatility(const perp_market *market, perp_instrument_id id);
/* The time of the newest event that feeds brought; PERP_TIME_NONE: none. */
int64_t perp_market_newest(const perp_market *market);
/* The time of the last quote; PERP_TIME_NONE: none. */
int64_t perp_market_quote_time(const perp_market *market, perp_instrument_id id);

/* A name for all that feeds have said of the instrument so far: while the pair is the same, so is
   what is read of it at one time. Take it before what is to be kept is read. */
struct perp_market_version {
    const void *slot;
    uint64_t seq;
};
struct perp_market_version perp_market_version_of(const perp_market *market, perp_instrument_id id);

/* What a query of the instrument shows; fast: its volatility is at least the threshold. No lock. */
void perp_market_state_of(const perp_market *market, perp_instrument_id instrument, int64_t now,
                          double threshold, perp_market_state *state);

/* What the host says of an exchange, and how often it said "up": a rise means that the circuit is
   to be closed. */
uint32_t perp_market_api(const perp_market *market, perp_exchange_id id);
uint64_t perp_market_ups(const perp_market *market, perp_exchange_id id);

struct perp_latency_view {
    uint32_t samples;      /* of the last 100 that are young enough */
    double mean, p50, p99; /* NaN without samples */
    int64_t until;         /* the last moment at which none of them is too old */
};
/* with_quantiles: p50 and p99 are wanted (where a sample is too old they cost a sort). */
void perp_market_latency(const perp_market *market, perp_exchange_id id, int64_t now,
                         bool with_quantiles, struct perp_latency_view *view);

/* Whether the host gave one. */
bool perp_market_has_source(const perp_market *market);
/* Asks the source for the instruments that are `pulled`: of ids, or of all where ids is NULL. Call
   with no lock held, before a decision. */
void perp_market_pull(perp_market *market, const perp_instrument_id *ids, uint32_t n, int64_t now);

#endif
