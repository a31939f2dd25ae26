/* What decisions see: consistent copies of a slot, and what follows from them at a time. */
#include "market/slot.h"
#include "market/walk.h"

/* What a read takes along beside the view, to be worked out once the read is known to be whole. */
struct raw {
    int64_t bucket, first_bucket, mark_time;
    double previous_mid;
    perp_sum sum, before; /* squared returns up to the current bucket, and up to the window */
};

/* What a leg asks of the side that it takes from, and what it gets. */
struct side {
    bool asks;
    double quantity;
    double price; /* mean of the whole quantity */
    double depth;
};

static perp_sum get_sum(const struct perp_slot_sum *from) {
    uint64_t low = PERP_GET(from->low);
    return (perp_sum)PERP_GET(from->high) << 64 | low;
}

static inline void get_top(const struct perp_slot *slot, struct perp_market_view *view) {
    view->quote_time = PERP_GET(slot->quote_time);
    view->bid = PERP_GET(slot->bid);
    view->bid_size = PERP_GET(slot->bid_size);
    view->ask = PERP_GET(slot->ask);
    view->ask_size = PERP_GET(slot->ask_size);
    view->mid = PERP_GET(slot->mid);
    view->spread_bps = PERP_GET(slot->spread_bps);
    view->baseline_bps = PERP_GET(slot->baseline_bps);
    view->has_quote = view->quote_time != PERP_TIME_NONE && !PERP_GET(slot->withdrawn);
    view->last_mark = PERP_GET(slot->mark);
    view->last = PERP_GET(slot->last);
}

static inline void get_returns(const perp_market *market, const struct perp_slot *slot,
                               struct raw *raw) {
    raw->bucket = PERP_GET(slot->bucket);
    raw->first_bucket = PERP_GET(slot->first_bucket);
    raw->previous_mid = PERP_GET(slot->previous_mid);
    raw->sum = get_sum(&slot->sum);
    int64_t start = raw->bucket - market->window;
    raw->before = 0;
    if (start > raw->first_bucket)
        raw->before = get_sum(&slot->ring[(uint64_t)start & market->ring_mask]);
}

static inline void get_reports(const struct perp_slot *slot, struct perp_market_view *view) {
    perp_funding *funding = &view->funding;
    funding->time_ns = PERP_GET(slot->funding_time);
    funding->rate = PERP_GET(slot->funding_rate);
    funding->interval_h = PERP_GET(slot->funding_interval_h);
    funding->next_ns = PERP_GET(slot->funding_next);
    funding->continuous = PERP_GET(slot->funding_continuous);
    view->funding_interval_ns = PERP_GET(slot->funding_interval_ns);
}

/* Price of walking a book. Levels that the quote has overtaken count at its price, and the last
   level's price serves for what all of them lack. */
static __attribute__((noinline)) double walk(const struct perp_slot_level *levels, uint32_t n,
                                             bool asks, double best, double quantity) {
    struct perp_walked walked;
    double price = best;
    perp_walk_start(&walked, best, quantity);
    for (uint32_t i = 0; i < n; i++) {
        double level = PERP_GET(levels[i].price);
        price = (asks ? level < best : level > best) ? best : level;
        if (i == 0)
            walked.best = price;
        if (perp_walk_level(&walked, price, PERP_GET(levels[i].size)))
            break;
    }
    return walked.best + (walked.excess + (price - walked.best) * walked.left) / quantity;
}

/* The side of the last book if it is fresh, else that of the quote. */
static inline void get_side(const perp_market *market, const struct perp_slot *slot, int64_t now,
                            const struct perp_market_view *view, struct side *side) {
    bool asks = side->asks;
    double best = asks ? view->ask : view->bid;
    int64_t book_time = PERP_GET(slot->book_time);
    if (book_time != PERP_TIME_NONE && perp_within(now, book_time, market->max_quote_age_ns)) {
        side->depth = asks ? PERP_GET(slot->ask_depth) : PERP_GET(slot->bid_depth);
        side->price = asks ? walk(slot->asks, PERP_GET(slot->n_asks), true, best, side->quantity)
                           : walk(slot->bids, PERP_GET(slot->n_bids), false, best, side->quantity);
    } else {
        side->depth = asks ? view->ask_size : view->bid_size;
        side->price = best;
    }
}

/* sqrt of the squared returns in the window that ends with the bucket of the last quote. NaN until
   that is 10 buckets after the first. */
static inline double volatility_of(const struct raw *raw, double mid) {
    if (raw->bucket - raw->first_bucket < 10)
        return (double)NAN;
    perp_sum closed = raw->sum - raw->before;
    double squares = (double)(int64_t)(closed >> 64) * PERP_SUM_HIGH +
                     (double)(int64_t)((uint64_t)closed >> 1) * (2 * PERP_SUM_LOW);
    if (raw->previous_mid > 0 && mid != raw->previous_mid)
        squares += perp_squared_return(mid, raw->previous_mid);
    return sqrt(squares);
}

/* Whether the rate is another by now: from one interval past the next settlement on; where it is
   continuous, past its report. */
static inline bool is_old(const struct perp_market_view *view, int64_t now) {
    int64_t from = view->funding.continuous ? view->funding.time_ns : view->funding.next_ns;
    return now >= perp_ns_after(from, view->funding_interval_ns);
}

/* A mark that is missing or too old is the mid; with no quote either there is none (0). */
static inline void complete(const perp_market *market, perp_instrument_id id, int64_t now,
                            const struct raw *raw, struct perp_market_view *view) {
    uint32_t currency = PERP_GET(market->slots[id])->currency;
    view->has_funding = view->funding_interval_ns > 0;
    view->rate_is_old = view->has_funding && is_old(view, now);
    view->funding.instrument = id;
    view->usd = currency == PERP_NO_ID ? 1 : PERP_GET(market->currencies[currency].usd);
    view->volatility =
        view->quote_time != PERP_TIME_NONE ? volatility_of(raw, view->mid) : (double)NAN;
    view->mark_is_fresh = raw->mark_time != PERP_TIME_NONE &&
                          perp_within(now, raw->mark_time, market->max_quote_age_ns);
    view->mark = view->mark_is_fresh ? view->last_mark : view->has_quote ? view->mid : 0;
}

/* ---- All of an instrument
 * ------------------------------------------------------------------------
 */

/* When it is no longer within an age of a time, or comes to be; `until` is lowered to the last
   moment before. */
static void holds_within(int64_t now, int64_t time_ns, int64_t age_ns, int64_t *until) {
    if (time_ns == PERP_TIME_NONE)
        return;
    if (perp_within(now, time_ns, age_ns))
        perp_lower(until, perp_ns_after(time_ns, age_ns));
    else if (now < time_ns)
        perp_lower(until, time_ns - age_ns - 1); /* it is too far ahead */
}

static void get_whole_side(const struct perp_slot *slot, bool asks, bool is_book,
                           const struct perp_market_view *view, struct perp_market_side *side) {
    double best = asks ? view->ask : view->bid;
    side->price = best;
    side->size = side->depth = asks ? view->ask_size : view->bid_size;
    if (!is_book)
        return;
    const struct perp_slot_level *first = asks ? &slot->asks[0] : &slot->bids[0];
    bool any = (asks ? PERP_GET(slot->n_asks) : PERP_GET(slot->n_bids)) > 0;
    double level = PERP_GET(first->price);
    side->size = any ? PERP_GET(first->size) : 0;
    if (any && !(asks ? level < best : level > best))
        side->price = level;
    side->depth = asks ? PERP_GET(slot->ask_depth) : PERP_GET(slot->bid_depth);
}

static __attribute__((noinline)) bool try_read_whole(const perp_market *market,
                                                     const struct perp_slot *slot, int64_t now,
                                                     struct perp_market_whole *whole,
                                                     struct raw *raw) {
    int64_t most_ns = market->max_quote_age_ns;
    whole->seq = perp_seq_begin(&slot->seq);
    get_top(slot, &whole->view);
    raw->mark_time = PERP_GET(slot->mark_time);
    get_returns(market, slot, raw);
    get_reports(slot, &whole->view);
    int64_t book_time = PERP_GET(slot->book_time);
    whole->is_book = book_time != PERP_TIME_NONE && perp_within(now, book_time, most_ns);
    get_whole_side(slot, true, whole->is_book, &whole->view, &whole->sides[PERP_SIDE_BUY]);
    get_whole_side(slot, false, whole->is_book, &whole->view, &whole->sides[PERP_SIDE_SELL]);
    whole->until = INT64_MAX;
    holds_within(now, book_time, most_ns, &whole->until);
    return !perp_seq_again(&slot->seq, whole->seq);
}

void perp_market_read_whole(const perp_market *market, perp_instrument_id id, int64_t now,
                            struct perp_market_whole *whole) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    struct perp_market_view *view = &whole->view;
    struct raw raw;
    while (!try_read_whole(market, slot, now, whole, &raw))
        continue;
    complete(market, id, now, &raw, view);
    holds_within(now, view->quote_time, market->max_quote_age_ns, &whole->until);
    holds_within(now, raw.mark_time, market->max_quote_age_ns, &whole->until);
    if (view->has_funding && !view->rate_is_old) {
        int64_t from = view->funding.continuous ? view->funding.time_ns : view->funding.next_ns;
        perp_lower(&whole->until, perp_ns_after(from, view->funding_interval_ns) - 1);
    }
}

bool perp_market_walk(const perp_market *market, perp_instrument_id id,
                      const struct perp_market_whole *whole, uint32_t side, double quantity,
                      double *price) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    bool asks = side == PERP_SIDE_BUY;
    if (perp_seq_begin(&slot->seq) != whole->seq)
        return false;
    *price = asks ? walk(slot->asks, PERP_GET(slot->n_asks), true, whole->view.ask, quantity)
                  : walk(slot->bids, PERP_GET(slot->n_bids), false, whole->view.bid, quantity);
    return !perp_seq_again(&slot->seq, whole->seq);
}

/* ---- A leg's part
 * --------------------------------------------------------------------------------
 */

/* One try; false where a feed wrote meanwhile. A function of its own, not the body of a loop:
   compilers would compute the address of every word before the loop. */
static __attribute__((noinline)) bool try_read(const perp_market *market,
                                               const struct perp_slot *slot, int64_t now,
                                               struct perp_market_view *view, struct raw *raw,
                                               struct side *side) {
    uint64_t began = perp_seq_begin(&slot->seq);
    get_top(slot, view);
    raw->mark_time = PERP_GET(slot->mark_time);
    get_returns(market, slot, raw);
    get_reports(slot, view);
    if (side)
        get_side(market, slot, now, view, side);
    return !perp_seq_again(&slot->seq, began);
}

void perp_market_read(const perp_market *market, perp_instrument_id id, int64_t now,
                      struct perp_market_view *view) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    struct raw raw;
    while (!try_read(market, slot, now, view, &raw, NULL))
        continue;
    complete(market, id, now, &raw, view);
}

void perp_market_read_leg(const perp_market *market, perp_instrument_id id, int64_t now,
                          uint32_t side_of_leg, double quantity, struct perp_market_view *view,
                          double *price, double *depth) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    struct raw raw;
    struct side side;
    side.asks = side_of_leg == PERP_SIDE_BUY;
    side.quantity = quantity;
    while (!try_read(market, slot, now, view, &raw, &side))
        continue;
    complete(market, id, now, &raw, view);
    *price = side.price;
    *depth = side.depth;
}

void perp_market_read_price(const perp_market *market, perp_instrument_id id, int64_t now,
                            struct perp_market_view *view) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    int64_t mark_time;
    uint64_t began;
    do {
        began = perp_seq_begin(&slot->seq);
        view->quote_time = PERP_GET(slot->quote_time);
        view->has_quote = view->quote_time != PERP_TIME_NONE && !PERP_GET(slot->withdrawn);
        view->mid = PERP_GET(slot->mid);
        view->last_mark = PERP_GET(slot->mark);
        mark_time = PERP_GET(slot->mark_time);
    } while (perp_seq_again(&slot->seq, began));
    view->mark_is_fresh =
        mark_time != PERP_TIME_NONE && perp_within(now, mark_time, market->max_quote_age_ns);
    view->mark = view->mark_is_fresh ? view->last_mark : view->has_quote ? view->mid : 0;
}

bool perp_market_mid(const perp_market *market, perp_instrument_id id, double *mid) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    bool has_quote;
    uint64_t began;
    do {
        began = perp_seq_begin(&slot->seq);
        has_quote = PERP_GET(slot->quote_time) != PERP_TIME_NONE && !PERP_GET(slot->withdrawn);
        *mid = has_quote ? PERP_GET(slot->mid) : 0;
    } while (perp_seq_again(&slot->seq, began));
    return has_quote;
}

static inline double mark_of(const struct perp_slot *slot, int64_t now, int64_t most_ns) {
    double mark;
    uint64_t began;
    do {
        began = perp_seq_begin(&slot->seq);
        int64_t time = PERP_GET(slot->mark_time);
        if (time != PERP_TIME_NONE && perp_within(now, time, most_ns))
            mark = PERP_GET(slot->mark);
        else if (PERP_GET(slot->quote_time) != PERP_TIME_NONE && !PERP_GET(slot->withdrawn))
            mark = PERP_GET(slot->mid);
        else
            mark = 0;
    } while (perp_seq_again(&slot->seq, began));
    return mark;
}

void perp_market_marks(const perp_market *market, const perp_instrument_id *ids, uint32_t n,
                       int64_t now, double *marks) {
    int64_t most_ns = market->max_quote_age_ns;
    for (uint32_t i = 0; i < n; i++)
        marks[i] = mark_of(PERP_GET(market->slots[ids[i]]), now, most_ns);
}

double perp_market_volatility(const perp_market *market, perp_instrument_id id) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    int64_t quote_time;
    struct raw raw;
    double mid;
    uint64_t began;
    do {
        began = perp_seq_begin(&slot->seq);
        quote_time = PERP_GET(slot->quote_time);
        mid = PERP_GET(slot->mid);
        get_returns(market, slot, &raw);
    } while (perp_seq_again(&slot->seq, began));
    return quote_time != PERP_TIME_NONE ? volatility_of(&raw, mid) : (double)NAN;
}

struct perp_market_version perp_market_version_of(const perp_market *market,
                                                  perp_instrument_id id) {
    const struct perp_slot *slot = PERP_GET(market->slots[id]);
    return (struct perp_market_version){slot, PERP_GET(slot->seq)};
}

int64_t perp_market_quote_time(const perp_market *market, perp_instrument_id id) {
    return PERP_GET(PERP_GET(market->slots[id])->quote_time);
}

uint32_t perp_market_api(const perp_market *market, perp_exchange_id id) {
    const struct perp_gauge *gauge = &market->gauges[id];
    uint32_t api;
    uint64_t began;
    do {
        began = perp_seq_begin(&gauge->seq);
        api = PERP_GET(gauge->api);
    } while (perp_seq_again(&gauge->seq, began));
    return api;
}

uint64_t perp_market_ups(const perp_market *market, perp_exchange_id id) {
    return PERP_GET(market->gauges[id].ups);
}

/* Told once for each topic of a block that has news. */
static void tell_block(struct perp_feed_news *news, uint32_t block, void *user,
                       void (*told)(void *user, perp_instrument_id instrument,
                                    perp_exchange_id exchange)) {
    for (uint32_t topic = block * PERP_NEWS_BLOCK; topic < (block + 1) * PERP_NEWS_BLOCK; topic++) {
        uint32_t version = PERP_GET(news->versions[topic]);
        if (version == news->seen[topic])
            continue;
        news->seen[topic] = version;
        if (topic < PERP_NEWS_OF_EXCHANGE)
            told(user, topic, PERP_NO_ID);
        else if (topic < PERP_NEWS_OF_RATE)
            told(user, PERP_NO_ID, topic - PERP_NEWS_OF_EXCHANGE);
        else
            told(user, PERP_NO_ID, PERP_NO_ID);
    }
}

/* The next block after one that any topic is in. */
static uint32_t next_block(const perp_market *market, uint32_t block) {
    uint32_t n = (perp_n_instruments(market->core) + PERP_NEWS_BLOCK - 1) / PERP_NEWS_BLOCK;
    return block + 1 == n ? PERP_NEWS_OF_EXCHANGE / PERP_NEWS_BLOCK : block + 1;
}

#define EACH_BLOCK(block)                                                                          \
    (uint32_t block = next_block(market, UINT32_MAX); block < PERP_NEWS_BLOCKS;                    \
     block = next_block(market, block))

uint64_t perp_market_news(const perp_market *market, void *user,
                          void (*told)(void *user, perp_instrument_id instrument,
                                       perp_exchange_id exchange)) {
    struct perp_feed_news *news = market->news;
    uint64_t sum = 0;
    for
        EACH_BLOCK(block) {
            uint64_t now = PERP_GET(news->blocks[block]);
            sum += now;
            if (now == news->seen_blocks[block])
                continue;
            news->seen_blocks[block] = now;
            tell_block(news, block, user, told);
        }
    return sum;
}

uint64_t perp_market_news_sum(const perp_market *market) {
    uint64_t sum = 0;
    for
        EACH_BLOCK(block)
    sum += PERP_GET(market->news->blocks[block]);
    return sum;
}
