/* The state of one instrument and of one exchange, written by feeds and read by decisions without a
   lock.

   Each is behind a sequence number: odd while it is being written, and a reader that sees it odd or
   changed reads again. Every word is an atomic, stored with release and loaded with acquire, which
   costs nothing on x86 and needs no fence: a reader that gets a word of a write in progress has
   thereby also got that write's odd number, and finds it when it looks at the number again. */
#ifndef PERP_MARKET_SLOT_H
#define PERP_MARKET_SLOT_H

#include <float.h>
#include <math.h>
#include <sched.h>

#include "market/market.h"

#define PERP_CACHE_LINE 64
#define PERP_LATENCY_SAMPLES 100
#define PERP_MAX_CURRENCIES 256

/* Sums of squared returns are integers in units of 2^-94: a difference of two prefix sums is exact
   however long a feed ran. The largest window of the largest returns that doubles allow is below
   2^34, so a difference is right even where the prefix itself wrapped. */
__extension__ typedef unsigned __int128 perp_sum;
#define PERP_SUM_SCALE 0x1p94
#define PERP_SUM_LOW 0x1p-94
#define PERP_SUM_HIGH 0x1p-30

#define PERP_GET(word) atomic_load_explicit(&(word), memory_order_acquire)
#define PERP_PUT(word, value) atomic_store_explicit(&(word), (value), memory_order_release)
/* For the writer, which reads what it alone writes. */
#define PERP_OWN(word) atomic_load_explicit(&(word), memory_order_relaxed)

struct perp_slot_sum {
    _Atomic uint64_t low, high;
};

struct perp_slot_level {
    _Atomic double price, size;
};

/* Times are PERP_TIME_NONE where nothing came yet. */
struct perp_slot {
    _Atomic uint64_t seq;
    _Atomic int64_t quote_time;
    _Atomic int64_t withdrawn_time; /* when the host last said that the book is broken */
    _Atomic double bid, bid_size, ask, ask_size;
    _Atomic double mid, spread_bps;

    _Atomic double baseline_bps;
    _Atomic int64_t bucket;       /* of the last quote */
    _Atomic int64_t bucket_end;   /* time of the next one; for the writer */
    _Atomic int64_t first_bucket; /* of the first quote */
    _Atomic double previous_mid;  /* sample of the bucket before `bucket`; 0: there is none */
    struct perp_slot_sum sum;     /* squared returns of all buckets before `bucket` */
    _Atomic double mark;
    _Atomic int64_t mark_time;

    _Atomic int64_t book_time;
    _Atomic uint32_t n_bids, n_asks;
    _Atomic double bid_depth, ask_depth; /* sums of the levels' sizes */
    _Atomic double last;
    _Atomic int64_t last_time;
    _Atomic int64_t funding_time;
    _Atomic double funding_rate, funding_interval_h; /* the interval is known before a rate is */
    _Atomic int64_t funding_next, funding_interval_ns;

    _Atomic uint32_t funding_continuous;
    _Atomic uint32_t withdrawn; /* no quote came since it was broken */

    struct perp_slot_level bids[PERP_MAX_LEVELS];
    struct perp_slot_level asks[PERP_MAX_LEVELS];

    perp_quote pulled;      /* last quote that the source gave; under the pull lock */
    void *memory;           /* what was allocated; the slot lies aligned inside */
    struct perp_slot *next; /* in the lists of the market */
    uint32_t currency;      /* its quote currency, a place among the rates; PERP_NO_ID: no room */

    /* ring[k & mask]: squared returns of all buckets up to k, for the mask + 1 before `bucket`. */
    struct perp_slot_sum ring[];
};

/* What is known of an exchange's API. */
struct perp_gauge {
    _Atomic uint64_t seq;
    _Atomic uint64_t ups;
    _Atomic int64_t status_time;
    _Atomic uint32_t api;
    _Atomic uint32_t count;    /* samples, at most PERP_LATENCY_SAMPLES */
    _Atomic uint32_t next;     /* place of the next sample; where the ring is full, of the oldest */
    _Atomic int64_t oldest;    /* earliest time of a sample */
    _Atomic int64_t newest;    /* latest time of all that ever came */
    _Atomic int64_t forgotten; /* the writer forgets samples after it; INT64_MAX: none */
    _Atomic double mean, p50, p99;       /* of all samples, however old */
    double sorted[PERP_LATENCY_SAMPLES]; /* all samples by size, for the writer */
    _Atomic int64_t times[PERP_LATENCY_SAMPLES];
    _Atomic double ms[PERP_LATENCY_SAMPLES];
};

/* What one unit of a quote currency is worth in USD: 1 until told. */
struct perp_currency {
    char name[PERP_NAME_SIZE]; /* set before the count that includes it */
    _Atomic int64_t time;
    _Atomic double usd;
};

/* What feeds wrote, for decisions that want to know where they have to look again. A writer raises
   its topic's version once what it wrote can be read, and then gives the topic's block a value that
   none had before (version and topic): no two of its stores are the same, so a reader that finds a
   block as it left it has seen all of it, with plain stores and however many feeds there are. */
#define PERP_NEWS_OF_EXCHANGE PERP_MAX_INSTRUMENTS /* its topics: instruments, then exchanges, */
#define PERP_NEWS_OF_RATE (PERP_NEWS_OF_EXCHANGE + PERP_MAX_EXCHANGES) /* then currencies */
#define PERP_NEWS_TOPICS (PERP_NEWS_OF_RATE + PERP_MAX_CURRENCIES)
#define PERP_NEWS_BLOCK 64u
#define PERP_NEWS_BLOCKS (PERP_NEWS_TOPICS / PERP_NEWS_BLOCK)

struct perp_feed_news {
    _Atomic uint64_t blocks[PERP_NEWS_BLOCKS];
    _Atomic uint32_t versions[PERP_NEWS_TOPICS];
    /* As decisions last saw them, under the lock. */
    uint64_t seen_blocks[PERP_NEWS_BLOCKS];
    uint32_t seen[PERP_NEWS_TOPICS];
};

/* Which instruments are fast, as their slots were when they were looked at last (fast.c). */
struct perp_fast {
    pthread_mutex_t lock; /* a reader that finds it taken does without; growing waits for it */
    double threshold;
    struct perp_market_version *seen; /* by instrument; slot NULL: never */
    uint32_t capacity;
    uint64_t bits[PERP_MAX_INSTRUMENTS / 64];
};

struct perp_market {
    perp_core *core;
    /* PERP_MAX_INSTRUMENTS; one is there once its id was given out. Where the clock is set back, a
       slot with data that is forgotten makes way for another. */
    struct perp_slot *_Atomic *slots;
    struct perp_feed_news *news;
    struct perp_slot *left;    /* slots that made way: a feed or a reader may still be in them */
    struct perp_slot *coming;  /* made for that, not yet in place */
    struct perp_gauge *gauges; /* PERP_MAX_EXCHANGES */
    void *gauge_memory;        /* what was allocated; the gauges lie aligned inside */
    _Atomic int64_t max_quote_age_ns; /* these follow a reconfiguration */
    _Atomic int64_t latency_max_age_ns;
    double half_lives_per_ns;
    int64_t near_ns; /* 2^-6 half-lives */
    int64_t window;  /* of the volatility, in buckets */
    uint64_t ring_mask;
    perp_market_source source;        /* both functions NULL: none */
    pthread_mutex_t pull_lock;        /* one at a time applies what the source gave */
    struct perp_currency *currencies; /* PERP_MAX_CURRENCIES */
    _Atomic uint32_t n_currencies;
    /* Of feeds among each other, for what is rare: a new currency, and times past feed_until. No
       decision takes it. */
    pthread_mutex_t feed_lock;
    /* No event up to this time can be too far ahead, and none was just refused for that; INT64_MIN:
       the next one is looked at in full. */
    _Atomic int64_t feed_until;
    int64_t feed_refused; /* time of the event that was just refused so; under the feed lock */
    _Atomic int64_t max_ahead_ns;
    struct perp_fast fast;
};

/* The slot of an instrument, or NULL where it is not known. */
static inline struct perp_slot *perp_slot_of(const perp_market *market, perp_instrument_id id) {
    return id < perp_n_instruments(market->core) ? PERP_GET(market->slots[id]) : NULL;
}

/* Room to keep n instruments. Under the book's lock. */
bool perp_fast_reserve(perp_market *market, uint32_t n);

/* An empty one, in memory of slot_size bytes (market.c). */
struct perp_slot *perp_slot_make(const perp_market *market, void *memory, double funding_interval_h,
                                 uint32_t currency);
size_t perp_slot_size(const perp_market *market);

static inline struct perp_gauge *perp_gauge_of(const perp_market *market, perp_exchange_id id) {
    return id < perp_n_exchanges(market->core) ? &market->gauges[id] : NULL;
}

static inline void perp_write_begin(_Atomic uint64_t *seq) {
    atomic_store_explicit(seq, atomic_load_explicit(seq, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline void perp_write_end(_Atomic uint64_t *seq) {
    atomic_store_explicit(seq, atomic_load_explicit(seq, memory_order_relaxed) + 1,
                          memory_order_release);
}

/* The last of what is written before perp_write_end: whoever sees the news waits for the rest, and
   whoever sees what was written sees that there is news. What has no sequence number of its own to
   put it in is told of before and after. One writer at a time has a topic. */
static inline void perp_news_tell(const perp_market *market, uint32_t topic) {
    struct perp_feed_news *news = market->news;
    uint32_t version = PERP_OWN(news->versions[topic]) + 1;
    PERP_PUT(news->versions[topic], version);
    PERP_PUT(news->blocks[topic / PERP_NEWS_BLOCK], (uint64_t)version << 32 | topic);
}

/* Waits until nothing is being written; a writer that lost its processor gets the reader's. */
static inline uint64_t perp_seq_begin(const _Atomic uint64_t *seq) {
    for (uint32_t spins = 1;; spins++) {
        uint64_t began = atomic_load_explicit(seq, memory_order_acquire);
        if (!(began & 1))
            return began;
        if (spins % 128 == 0)
            sched_yield();
    }
}

/* Whether what was read since may be of two moments. */
static inline bool perp_seq_again(const _Atomic uint64_t *seq, uint64_t began) {
    return atomic_load_explicit(seq, memory_order_relaxed) != began;
}

/* floor(time / 1 s); the unsigned division is the cheaper one. */
static inline int64_t perp_bucket_of(int64_t time_ns) {
    const uint64_t second = (uint64_t)PERP_NS_PER_S;
    if (time_ns >= 0)
        return (int64_t)((uint64_t)time_ns / second);
    return -1 - (int64_t)(~(uint64_t)time_ns / second);
}

/* Whether two times are at most `age_ns` apart; whatever they are, nothing overflows. */
static inline bool perp_within(int64_t now_ns, int64_t time_ns, int64_t age_ns) {
    uint64_t apart = now_ns > time_ns ? (uint64_t)now_ns - (uint64_t)time_ns
                                      : (uint64_t)time_ns - (uint64_t)now_ns;
    return apart <= (uint64_t)age_ns;
}

/* (ln p − ln q)², both positive and finite. */
double perp_far_squared_return(double p, double q);

/* The same. For near prices by the series of 2·artanh((p − q) / (p + q)), four terms, which is
   exact to the last bit and several times faster than a logarithm. */
static inline double perp_squared_return(double p, double q) {
    double sum = p + q;
    double s = (p - q) / sum;
    if (!(fabs(s) < 0x1p-8 && sum <= DBL_MAX))
        return perp_far_squared_return(p, q);
    double s2 = s * s;
    double r = 2 * s * (1 + s2 * (1.0 / 3 + s2 * (1.0 / 5 + s2 * (1.0 / 7))));
    return r * r;
}

/* Counts an event that was not taken and gives its status back. */
perp_status perp_market_refuse(const perp_market *market, perp_status status);

/* The errors that all events share. Each counts the event and sets the message. */
perp_status perp_market_no_event(const perp_market *market, const char *kind);
perp_status perp_market_unknown(const perp_market *market, const char *kind, const char *what,
                                uint32_t id);
perp_status perp_market_invalid(const perp_market *market, const char *field, double value,
                                const char *must);
perp_status perp_market_stale(const perp_market *market, const char *kind, int64_t time_ns,
                              int64_t last_ns);

/* Whether an event's time is one that a feed may have: at most max_ahead_ms past the clock and past
   the newest event that was taken, or near the one that was just refused for that. */
bool perp_feed_agrees(perp_market *market, int64_t time_ns);
/* Whether that is seen without looking further. */
static inline bool perp_feed_is_near(const perp_market *market, int64_t time_ns) {
    return time_ns <= PERP_GET(market->feed_until);
}
/* The same as a check: PERP_OK, or the counted error. */
perp_status perp_feed_check(perp_market *market, const char *kind, int64_t time_ns);
/* The place of a currency, new ones added; PERP_NO_ID: there is no room. */
uint32_t perp_currency_place(perp_market *market, const char *name);

#endif
