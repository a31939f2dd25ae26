/* Quotes and books: the top of the book with its baseline and volatility, and the depth. */
#include "market/slot.h"

double perp_far_squared_return(double p, double q) {
    double ratio = p / q;
    double r = isnormal(ratio) ? log(ratio) : log(p) - log(q);
    return r * r;
}

/* The sum of two huge prices may overflow where their mid does not. */
static inline double mid_of(double bid, double ask) {
    return ask <= DBL_MAX / 2 ? (bid + ask) / 2 : bid / 2 + ask / 2;
}

/* What of the old baseline has passed, 1 − 2^(−dt / half-life), after a short time: the series of
   1 − e^(−y), exact to the last bit for up to 2^-6 half-lives. */
static inline double near_share(const perp_market *market, int64_t elapsed_ns) {
    double y = (double)elapsed_ns * market->half_lives_per_ns * 0.69314718055994530942;
    return y *
           (1 - y * (1.0 / 2 - y * (1.0 / 6 - y * (1.0 / 24 - y * (1.0 / 120 - y * (1.0 / 720))))));
}

static double passed_share(const perp_market *market, int64_t time_ns, int64_t last_ns) {
    uint64_t elapsed = (uint64_t)time_ns - (uint64_t)last_ns;
    if (elapsed <= (uint64_t)market->near_ns)
        return near_share(market, (int64_t)elapsed);
    return 1 - exp2(-((double)elapsed * market->half_lives_per_ns));
}

static perp_status check_price(const perp_market *market, const char *field, double price) {
    if (price > 0 && price <= DBL_MAX)
        return PERP_OK;
    return perp_market_invalid(market, field, price, "a finite number above 0");
}

static perp_status check_size(const perp_market *market, const char *field, double size) {
    if (size >= 0 && size <= DBL_MAX)
        return PERP_OK;
    return perp_market_invalid(market, field, size, "a finite number, not negative");
}

static perp_status check_quote(const perp_market *market, const perp_quote *quote) {
    if (quote->reserved != 0)
        return perp_market_invalid(market, "quote.reserved", quote->reserved, "0");
    perp_status status = check_price(market, "quote.bid", quote->bid);
    if (status == PERP_OK)
        status = check_size(market, "quote.bid_size", quote->bid_size);
    if (status == PERP_OK)
        status = check_price(market, "quote.ask", quote->ask);
    if (status == PERP_OK)
        status = check_size(market, "quote.ask_size", quote->ask_size);
    if (status == PERP_OK && quote->ask <= quote->bid)
        status = perp_market_invalid(market, "quote.ask", quote->ask, "above the bid");
    if (status == PERP_OK && quote->time_ns == PERP_TIME_NONE)
        status = perp_market_invalid(market, "quote.time_ns", (double)quote->time_ns, "given");
    return status;
}

/* Closes the current bucket: its return joins the sum, which stands until the new one. */
static void close_bucket(const perp_market *market, struct perp_slot *slot, int64_t bucket) {
    int64_t current = PERP_OWN(slot->bucket);
    double sample = PERP_OWN(slot->mid);
    double previous = PERP_OWN(slot->previous_mid);
    perp_sum sum = (perp_sum)PERP_OWN(slot->sum.high) << 64 | PERP_OWN(slot->sum.low);
    if (previous > 0)
        sum += (perp_sum)(perp_squared_return(sample, previous) * PERP_SUM_SCALE);
    uint64_t low = (uint64_t)sum, high = (uint64_t)(sum >> 64);
    int64_t ring = (int64_t)market->ring_mask + 1;
    for (int64_t k = bucket - current > ring ? bucket - ring : current; k < bucket; k++) {
        struct perp_slot_sum *entry = &slot->ring[(uint64_t)k & market->ring_mask];
        PERP_PUT(entry->low, low);
        PERP_PUT(entry->high, high);
    }
    PERP_PUT(slot->sum.low, low);
    PERP_PUT(slot->sum.high, high);
    PERP_PUT(slot->previous_mid, sample);
    PERP_PUT(slot->bucket, bucket);
}

/* For a time past the current bucket. The first quote enters as if its spread had stood before. */
static void enter_bucket(const perp_market *market, struct perp_slot *slot, int64_t time_ns,
                         double spread_bps) {
    int64_t bucket = perp_bucket_of(time_ns);
    if (PERP_OWN(slot->quote_time) == PERP_TIME_NONE) {
        PERP_PUT(slot->first_bucket, bucket);
        PERP_PUT(slot->bucket, bucket);
        PERP_PUT(slot->baseline_bps, spread_bps);
        PERP_PUT(slot->spread_bps, spread_bps);
        PERP_PUT(slot->quote_time, time_ns);
    } else if (bucket != PERP_OWN(slot->bucket)) {
        close_bucket(market, slot, bucket);
    }
    int64_t last_bucket = INT64_MAX / PERP_NS_PER_S;
    PERP_PUT(slot->bucket_end, bucket < last_bucket ? (bucket + 1) * PERP_NS_PER_S : INT64_MAX);
}

static inline __attribute__((always_inline)) void put_words(struct perp_slot *slot, int64_t time_ns,
                                                            perp_book_level bid,
                                                            perp_book_level ask, double mid,
                                                            double spread, double passed) {
    double baseline = PERP_OWN(slot->baseline_bps);
    PERP_PUT(slot->baseline_bps, baseline + (PERP_OWN(slot->spread_bps) - baseline) * passed);
    PERP_PUT(slot->quote_time, time_ns);
    PERP_PUT(slot->bid, bid.price);
    PERP_PUT(slot->bid_size, bid.size);
    PERP_PUT(slot->ask, ask.price);
    PERP_PUT(slot->ask_size, ask.size);
    PERP_PUT(slot->mid, mid);
    PERP_PUT(slot->spread_bps, spread);
}

static inline double spread_of(perp_book_level bid, perp_book_level ask, double mid) {
    return (ask.price - bid.price) / mid * 1e4;
}

/* Puts a new top in place; between perp_write_begin and perp_write_end. */
static void put_top(const perp_market *market, struct perp_slot *slot, int64_t time_ns,
                    perp_book_level bid, perp_book_level ask) {
    double mid = mid_of(bid.price, ask.price);
    double spread = spread_of(bid, ask, mid);
    if (time_ns >= PERP_OWN(slot->bucket_end))
        enter_bucket(market, slot, time_ns, spread);
    double passed = passed_share(market, time_ns, PERP_OWN(slot->quote_time));
    PERP_PUT(slot->withdrawn, 0);
    put_words(slot, time_ns, bid, ask, mid, spread, passed);
}

/* The time that an event of this kind must not be before. */
static inline int64_t last_time(const struct perp_slot *slot) {
    int64_t quote = PERP_OWN(slot->quote_time), withdrawn = PERP_OWN(slot->withdrawn_time);
    return quote > withdrawn ? quote : withdrawn;
}

/* The checks of time that follow those of the content. */
static inline perp_status check_quote_time(perp_market *market, const struct perp_slot *slot,
                                           const char *kind, int64_t time_ns) {
    if (time_ns < last_time(slot))
        return perp_market_stale(market, kind, time_ns, last_time(slot));
    return perp_feed_is_near(market, time_ns) ? PERP_OK : perp_feed_check(market, kind, time_ns);
}

/* Any quote, with all that may be wrong with it. */
static __attribute__((noinline)) perp_status take_quote(perp_market *market, struct perp_slot *slot,
                                                        const perp_quote *quote) {
    perp_status status = check_quote(market, quote);
    if (status == PERP_OK)
        status = check_quote_time(market, slot, "quote", quote->time_ns);
    if (status != PERP_OK)
        return status;
    perp_book_level bid = {quote->bid, quote->bid_size};
    perp_book_level ask = {quote->ask, quote->ask_size};
    perp_write_begin(&slot->seq);
    put_top(market, slot, quote->time_ns, bid, ask);
    perp_news_tell(market, quote->instrument);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

/* Most quotes are sound and soon follow another in its second: they are taken here, with no call.
 */
perp_status perp_market_on_quote(perp_market *market, const perp_quote *quote) {
    if (!market || !quote)
        return perp_market_no_event(market, "quote");
    struct perp_slot *slot = perp_slot_of(market, quote->instrument);
    if (!slot)
        return perp_market_unknown(market, "quote", "instrument", quote->instrument);
    perp_book_level bid = {quote->bid, quote->bid_size};
    perp_book_level ask = {quote->ask, quote->ask_size};
    int64_t time_ns = quote->time_ns;
    int64_t last_ns = PERP_OWN(slot->quote_time);
    bool plain = quote->reserved == 0 && bid.price > 0 && ask.price > bid.price &&
                 ask.price <= DBL_MAX / 2 && bid.size >= 0 && bid.size <= DBL_MAX &&
                 ask.size >= 0 && ask.size <= DBL_MAX && time_ns >= last_ns &&
                 time_ns < PERP_OWN(slot->bucket_end) && time_ns - last_ns <= market->near_ns &&
                 perp_feed_is_near(market, time_ns);
    if (!plain)
        return take_quote(market, slot, quote);
    double mid = (bid.price + ask.price) / 2;
    double spread = spread_of(bid, ask, mid);
    double passed = near_share(market, time_ns - last_ns);
    perp_write_begin(&slot->seq);
    put_words(slot, time_ns, bid, ask, mid, spread, passed);
    perp_news_tell(market, quote->instrument);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

/* Prices of a side must move strictly away from the best. A size of 0 says that the side is empty:
   all of them are, or none is. */
static perp_status check_side(const perp_market *market, const char *const names[4],
                              const perp_book_level *levels, uint32_t n, bool rising) {
    if (n < 1 || n > PERP_MAX_LEVELS)
        return perp_market_invalid(market, names[0], n, "1 to 32");
    if (!levels)
        return perp_market_invalid(market, names[1], 0, "given");
    bool some = false, empty = false;
    for (uint32_t i = 0; i < n; i++) {
        perp_status status = check_price(market, names[2], levels[i].price);
        if (status == PERP_OK)
            status = check_size(market, names[3], levels[i].size);
        if (status != PERP_OK)
            return status;
        if (i > 0 && (rising ? levels[i].price <= levels[i - 1].price
                             : levels[i].price >= levels[i - 1].price))
            return perp_market_invalid(market, names[2], levels[i].price,
                                       rising ? "above the level before"
                                              : "below the level before");
        some = some || levels[i].size > 0;
        empty = empty || levels[i].size <= 0;
    }
    if (some && empty)
        return perp_market_invalid(market, names[3], 0, "above 0 where the side is not empty");
    return PERP_OK;
}

static perp_status check_book(const perp_market *market, const perp_book *book) {
    if (book->reserved != 0)
        return perp_market_invalid(market, "book.reserved", book->reserved, "0");
    static const char *const bid_names[4] = {"book.n_bids", "book.bids", "book.bids price",
                                             "book.bids size"};
    static const char *const ask_names[4] = {"book.n_asks", "book.asks", "book.asks price",
                                             "book.asks size"};
    perp_status status = check_side(market, bid_names, book->bids, book->n_bids, false);
    if (status == PERP_OK)
        status = check_side(market, ask_names, book->asks, book->n_asks, true);
    if (status == PERP_OK && book->asks[0].price <= book->bids[0].price)
        status = perp_market_invalid(market, "book.asks price", book->asks[0].price,
                                     "above the best bid");
    if (status == PERP_OK && book->time_ns == PERP_TIME_NONE)
        status = perp_market_invalid(market, "book.time_ns", (double)book->time_ns, "given");
    return status;
}

/* Whether a book is sound at first sight: no empty side, and sizes whose sum is finite. Others are
   looked at in full. Gives the depth of both sides. */
static inline bool book_is_plain(const perp_book *book, double *bid_depth, double *ask_depth) {
    if (book->n_bids - 1 >= PERP_MAX_LEVELS || book->n_asks - 1 >= PERP_MAX_LEVELS || !book->bids ||
        !book->asks || book->time_ns == PERP_TIME_NONE || book->reserved != 0)
        return false;
    double depth = 0, before = (double)INFINITY;
    for (uint32_t i = 0; i < book->n_bids; i++) {
        const perp_book_level *level = &book->bids[i];
        if (!(level->price < before && level->size > 0))
            return false;
        before = level->price;
        depth += level->size;
    }
    if (!(before > 0 && depth <= DBL_MAX))
        return false;
    *bid_depth = depth;
    depth = 0;
    before = book->bids[0].price;
    for (uint32_t i = 0; i < book->n_asks; i++) {
        const perp_book_level *level = &book->asks[i];
        if (!(level->price > before && level->size > 0))
            return false;
        before = level->price;
        depth += level->size;
    }
    *ask_depth = depth;
    return before <= DBL_MAX && depth <= DBL_MAX;
}

static double depth_of(const perp_book_level *levels, uint32_t n) {
    double depth = 0;
    for (uint32_t i = 0; i < n; i++)
        depth += levels[i].size;
    return depth;
}

static inline void put_levels(struct perp_slot_level *to, const perp_book_level *from, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        PERP_PUT(to[i].price, from[i].price);
        PERP_PUT(to[i].size, from[i].size);
    }
}

/* A book with one side: a quote whose other side is empty at the price that it had. */
static perp_status take_one_side(perp_market *market, struct perp_slot *slot,
                                 const perp_book *book) {
    bool bids = book->n_bids > 0;
    if (book->reserved != 0)
        return perp_market_invalid(market, "book.reserved", book->reserved, "0");
    if (bids ? !book->bids : !book->asks)
        return perp_market_invalid(market, bids ? "book.bids" : "book.asks", 0, "given");
    if (PERP_OWN(slot->quote_time) == PERP_TIME_NONE || PERP_OWN(slot->withdrawn))
        return perp_market_invalid(market, bids ? "book.n_asks" : "book.n_bids", 0,
                                   "1 to 32 where there was no quote");
    perp_quote quote = {.instrument = book->instrument, .time_ns = book->time_ns};
    quote.bid = bids ? book->bids[0].price : PERP_OWN(slot->bid);
    quote.bid_size = bids ? book->bids[0].size : 0;
    quote.ask = bids ? PERP_OWN(slot->ask) : book->asks[0].price;
    quote.ask_size = bids ? 0 : book->asks[0].size;
    return take_quote(market, slot, &quote);
}

/* Takes what is sound of a book with two sides of at most PERP_MAX_LEVELS levels. */
static perp_status take_book(perp_market *market, struct perp_slot *slot, const perp_book *book) {
    double bid_depth, ask_depth;
    perp_status status = PERP_OK;
    if (!book_is_plain(book, &bid_depth, &ask_depth)) {
        status = check_book(market, book);
        if (status != PERP_OK)
            return status;
        bid_depth = depth_of(book->bids, book->n_bids);
        ask_depth = depth_of(book->asks, book->n_asks);
    }
    status = check_quote_time(market, slot, "book", book->time_ns);
    if (status != PERP_OK)
        return status;
    perp_write_begin(&slot->seq);
    put_top(market, slot, book->time_ns, book->bids[0], book->asks[0]);
    PERP_PUT(slot->book_time, book->time_ns);
    PERP_PUT(slot->n_bids, book->n_bids);
    PERP_PUT(slot->n_asks, book->n_asks);
    PERP_PUT(slot->bid_depth, bid_depth);
    PERP_PUT(slot->ask_depth, ask_depth);
    put_levels(slot->bids, book->bids, book->n_bids);
    put_levels(slot->asks, book->asks, book->n_asks);
    perp_news_tell(market, book->instrument);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

perp_status perp_market_on_book(perp_market *market, const perp_book *book) {
    if (!market || !book)
        return perp_market_no_event(market, "book");
    struct perp_slot *slot = perp_slot_of(market, book->instrument);
    if (!slot)
        return perp_market_unknown(market, "book", "instrument", book->instrument);
    if ((book->n_bids == 0) != (book->n_asks == 0))
        return take_one_side(market, slot, book);
    perp_book top;
    if (book->n_bids > PERP_MAX_LEVELS || book->n_asks > PERP_MAX_LEVELS) {
        top = *book;
        top.n_bids = top.n_bids < PERP_MAX_LEVELS ? top.n_bids : PERP_MAX_LEVELS;
        top.n_asks = top.n_asks < PERP_MAX_LEVELS ? top.n_asks : PERP_MAX_LEVELS;
        book = &top;
    }
    return take_book(market, slot, book);
}

perp_status perp_market_on_withdraw(perp_market *market, const perp_withdrawal *withdrawal) {
    if (!market || !withdrawal)
        return perp_market_no_event(market, "withdraw");
    struct perp_slot *slot = perp_slot_of(market, withdrawal->instrument);
    if (!slot)
        return perp_market_unknown(market, "withdraw", "instrument", withdrawal->instrument);
    if (withdrawal->reserved != 0)
        return perp_market_invalid(market, "withdraw.reserved", withdrawal->reserved, "0");
    if (withdrawal->time_ns == PERP_TIME_NONE)
        return perp_market_invalid(market, "withdraw.time_ns", (double)withdrawal->time_ns,
                                   "given");
    perp_status status = check_quote_time(market, slot, "withdraw", withdrawal->time_ns);
    if (status != PERP_OK)
        return status;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->withdrawn, 1);
    PERP_PUT(slot->withdrawn_time, withdrawal->time_ns);
    PERP_PUT(slot->book_time, PERP_TIME_NONE);
    PERP_PUT(slot->bucket_end, INT64_MIN); /* the next quote is looked at in full */
    perp_news_tell(market, withdrawal->instrument);
    perp_write_end(&slot->seq);
    return PERP_OK;
}
