/* The clock set back: what feeds said of times that are not to come for long is forgotten, so that
   one wrong clock does not freeze a feed. A slot has one writer, which takes no lock; so a slot is
   not changed here, another takes its place. An event that a feed writes into the old one at that
   moment is lost with it. */
#include "market/slot.h"

static bool is_after(int64_t time_ns, int64_t limit) {
    return time_ns != PERP_TIME_NONE && time_ns > limit;
}

static bool quote_forgotten(const struct perp_slot *slot, int64_t limit) {
    return is_after(PERP_GET(slot->quote_time), limit) ||
           is_after(PERP_GET(slot->withdrawn_time), limit);
}

static bool some_forgotten(const struct perp_slot *slot, int64_t limit) {
    return quote_forgotten(slot, limit) || is_after(PERP_GET(slot->mark_time), limit) ||
           is_after(PERP_GET(slot->book_time), limit) ||
           is_after(PERP_GET(slot->last_time), limit) ||
           is_after(PERP_GET(slot->funding_time), limit);
}

#define COPY(member) PERP_PUT(to->member, PERP_GET(from->member))

static void copy_quote(const perp_market *market, const struct perp_slot *from,
                       struct perp_slot *to) {
    COPY(quote_time);
    COPY(withdrawn_time);
    COPY(withdrawn);
    COPY(bid);
    COPY(bid_size);
    COPY(ask);
    COPY(ask_size);
    COPY(mid);
    COPY(spread_bps);
    COPY(baseline_bps);
    COPY(bucket);
    COPY(bucket_end);
    COPY(first_bucket);
    COPY(previous_mid);
    COPY(sum.low);
    COPY(sum.high);
    for (uint64_t i = 0; i <= market->ring_mask; i++) {
        COPY(ring[i].low);
        COPY(ring[i].high);
    }
}

static void copy_book(const struct perp_slot *from, struct perp_slot *to) {
    COPY(book_time);
    COPY(n_bids);
    COPY(n_asks);
    COPY(bid_depth);
    COPY(ask_depth);
    for (uint32_t i = 0; i < PERP_MAX_LEVELS; i++) {
        COPY(bids[i].price);
        COPY(bids[i].size);
        COPY(asks[i].price);
        COPY(asks[i].size);
    }
}

static void copy_reports(const struct perp_slot *from, struct perp_slot *to, int64_t limit) {
    if (!is_after(PERP_GET(from->mark_time), limit)) {
        COPY(mark);
        COPY(mark_time);
    }
    if (!is_after(PERP_GET(from->last_time), limit)) {
        COPY(last);
        COPY(last_time);
    }
    if (is_after(PERP_GET(from->funding_time), limit))
        return;
    COPY(funding_time);
    COPY(funding_rate);
    COPY(funding_interval_h);
    COPY(funding_next);
    COPY(funding_interval_ns);
    COPY(funding_continuous);
}

#undef COPY

/* What is not forgotten, of one moment. */
static void copy_kept(const perp_market *market, const struct perp_slot *from, struct perp_slot *to,
                      int64_t limit) {
    uint64_t began;
    do {
        began = perp_seq_begin(&from->seq);
        if (!quote_forgotten(from, limit))
            copy_quote(market, from, to);
        if (!is_after(PERP_GET(from->book_time), limit))
            copy_book(from, to);
        copy_reports(from, to, limit);
    } while (perp_seq_again(&from->seq, began));
    atomic_init(&to->seq, began + 2); /* another version of the data */
}

bool perp_market_prepare_forget(perp_market *market, int64_t limit) {
    perp_core *core = market->core;
    uint32_t have = 0, wanted = 0;
    for (const struct perp_slot *slot = market->coming; slot; slot = slot->next)
        have++;
    for (uint32_t i = 0; i < perp_n_instruments(core); i++)
        wanted += some_forgotten(PERP_GET(market->slots[i]), limit);
    for (; have < wanted; have++) {
        void *memory = perp_alloc(core, perp_slot_size(market));
        if (!memory)
            return false;
        struct perp_slot *slot = perp_slot_make(market, memory, 0, PERP_NO_ID);
        slot->next = market->coming;
        market->coming = slot;
    }
    return true;
}

static void replace(perp_market *market, perp_instrument_id id, int64_t limit) {
    struct perp_slot *from = PERP_GET(market->slots[id]), *to = market->coming;
    market->coming = to->next;
    to = perp_slot_make(market, to->memory,
                        perp_instrument_at(market->core, id)->spec.funding_interval_h,
                        from->currency);
    copy_kept(market, from, to, limit);
    PERP_PUT(market->slots[id], to);
    from->next = market->left;
    market->left = from;
}

void perp_market_forget(perp_market *market, int64_t limit) {
    for (uint32_t i = 0; i < perp_n_instruments(market->core) && market->coming; i++)
        if (some_forgotten(PERP_GET(market->slots[i]), limit))
            replace(market, i, limit);
    for (uint32_t i = 0; i < perp_n_exchanges(market->core); i++) {
        struct perp_gauge *gauge = &market->gauges[i];
        /* What an exchange said of itself stands until it says something else. */
        if (is_after(PERP_GET(gauge->status_time), limit))
            PERP_PUT(gauge->status_time, PERP_TIME_NONE);
        if (limit < PERP_GET(gauge->forgotten) && is_after(PERP_GET(gauge->newest), limit))
            PERP_PUT(gauge->forgotten, limit);
    }
    for (uint32_t i = 0; i < PERP_GET(market->n_currencies); i++)
        if (is_after(PERP_GET(market->currencies[i].time), limit))
            PERP_PUT(market->currencies[i].time, PERP_TIME_NONE);
    pthread_mutex_lock(&market->feed_lock);
    market->feed_refused = PERP_TIME_NONE;
    PERP_PUT(market->feed_until, INT64_MIN);
    pthread_mutex_unlock(&market->feed_lock);
}
