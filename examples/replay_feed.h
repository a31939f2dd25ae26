/* How a market, generated or recorded, reaches the host: one event at a time, in order of time. */
#ifndef REPLAY_FEED_H
#define REPLAY_FEED_H

#include <perpcore/perpcore.h>

#define FEED_LEVELS 10

enum feed_kind {
    FEED_QUOTE,
    FEED_BOOK, /* quote is its top; the levels are beside it */
    FEED_TRADE,
    FEED_MARK,
    FEED_FUNDING,
    FEED_SETTLEMENT,
    FEED_LATENCY,
    FEED_STATUS
};

/* A funding payment is due: the library learns of rates, the accounts of payments. */
typedef struct feed_settlement {
    perp_instrument_id instrument;
    double rate;
    double price; /* 0: the host's mid stands in */
} feed_settlement;

typedef struct feed_event {
    uint32_t kind;
    uint32_t n_bids;
    uint32_t n_asks;
    int64_t time_ns;
    union {
        perp_quote quote;
        perp_trade trade;
        perp_mark mark;
        perp_funding funding;
        feed_settlement settlement;
        perp_latency latency;
        perp_exchange_status status;
    } u;
    perp_book_level bids[FEED_LEVELS];
    perp_book_level asks[FEED_LEVELS];
} feed_event;

/* ends_ns: by instrument, when its data end (a host knows when a contract expires); NULL: none
   does. next gives 1, or 0 at the end. tell: NULL; or other threads give this market to the
   library, the desk only looks at it, and what the desk itself learns (latencies of orders) goes
   through here, for the host to keep apart what the library wants kept apart. */
struct feed {
    void *user;
    int (*next)(void *user, feed_event *event);
    perp_status (*tell)(void *user, const feed_event *event);
    const char *title;
    int64_t start_ns;
    int64_t end_ns;
    const int64_t *ends_ns;
};

/* Gives an event to the library; a settlement is none of its business. */
perp_status feed_tell(perp_market *market, const feed_event *event);

#endif
