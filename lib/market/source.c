/* Instruments whose quotes are asked of the host. */
#include <string.h>

#include "core/events.h"
#include "market/slot.h"
#include "util/sized.h"

perp_status perp_market_set_source(perp_market *market, const perp_market_source *source) {
    if (!market)
        return perp_fail(NULL, PERP_E_INVALID, "market: NULL");
    perp_market_source copy;
    memset(&copy, 0, sizeof copy);
    if (source && !perp_struct_in(&copy, sizeof copy, source))
        return perp_fail(market->core, PERP_E_INVALID, "source: struct_size %u is not known",
                         source->struct_size);
    if (copy.reserved != 0)
        return perp_fail(market->core, PERP_E_INVALID, "source.reserved: %u must be 0",
                         copy.reserved);
    if (source && !copy.quote)
        return perp_fail(market->core, PERP_E_INVALID, "source.quote: NULL");
    if (perp_in_source(market->core))
        return perp_fail(market->core, PERP_E_STATE, "source: set from inside of it");
    pthread_mutex_lock(&market->pull_lock);
    market->source = copy;
    pthread_mutex_unlock(&market->pull_lock);
    return PERP_OK;
}

static bool same_quote(const perp_quote *a, const perp_quote *b) {
    return a->time_ns == b->time_ns && a->bid == b->bid && a->bid_size == b->bid_size &&
           a->ask == b->ask && a->ask_size == b->ask_size;
}

static bool same_side(const struct perp_slot_level *known, const perp_book_level *given,
                      uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (PERP_OWN(known[i].price) != given[i].price || PERP_OWN(known[i].size) != given[i].size)
            return false;
    return true;
}

static bool same_book(const struct perp_slot *slot, const perp_book *book) {
    return book->time_ns == PERP_OWN(slot->book_time) && book->n_bids == PERP_OWN(slot->n_bids) &&
           book->n_asks == PERP_OWN(slot->n_asks) &&
           same_side(slot->bids, book->bids, book->n_bids) &&
           same_side(slot->asks, book->asks, book->n_asks);
}

/* What the source gave before is no news: taking it again would only make decisions that stand be
   made again, or be counted as stale where the other of quote and book has overtaken it. */
static void take_quote(perp_market *market, struct perp_slot *slot, const perp_quote *quote) {
    if (same_quote(quote, &slot->pulled) && PERP_OWN(slot->quote_time) >= quote->time_ns)
        return;
    if (perp_market_on_quote(market, quote) == PERP_OK)
        slot->pulled = *quote;
}

static void take_book(perp_market *market, struct perp_slot *slot, const perp_book *book) {
    if (!same_book(slot, book))
        (void)perp_market_on_book(market, book); /* its failure is counted and has its message */
}

static void pull(perp_market *market, perp_instrument_id id, int64_t now) {
    struct perp_slot *slot = PERP_GET(market->slots[id]);
    const perp_market_source *source = &market->source;
    perp_quote quote = {.instrument = id, .time_ns = PERP_TIME_NONE};
    perp_book_buffer buffer;
    uint32_t have_quote = 0, have_book = 0;
    source->quote(source->user, id, now, &quote, &have_quote);
    if (source->book) {
        memset(&buffer, 0, sizeof buffer);
        buffer.time_ns = PERP_TIME_NONE;
        source->book(source->user, id, now, &buffer, &have_book);
    }
    quote.instrument = id;
    pthread_mutex_lock(&market->pull_lock);
    perp_book book = {.instrument = id};
    if (have_book) {
        book.n_bids = buffer.n_bids;
        book.n_asks = buffer.n_asks;
        book.time_ns = buffer.time_ns;
        book.bids = buffer.bids;
        book.asks = buffer.asks;
    }
    bool quote_first = have_quote && have_book && quote.time_ns < book.time_ns;
    if (quote_first)
        take_quote(market, slot, &quote);
    if (have_book)
        take_book(market, slot, &book);
    if (have_quote && !quote_first)
        take_quote(market, slot, &quote);
    pthread_mutex_unlock(&market->pull_lock);
}

bool perp_market_has_source(const perp_market *market) {
    return market->source.quote != NULL;
}

void perp_market_pull(perp_market *market, const perp_instrument_id *ids, uint32_t n, int64_t now) {
    /* A source that asks for a decision gets it on what is there: asked again, it would not end. */
    if (!market->source.quote || perp_in_source(market->core) || perp_in_rule(market->core))
        return;
    struct perp_callback callback;
    perp_callback_begin(&callback, market->core);
    callback.is_source = true;
    uint32_t known = perp_n_instruments(market->core);
    uint32_t count = ids ? n : known;
    for (uint32_t i = 0; i < count; i++) {
        perp_instrument_id id = ids ? ids[i] : i;
        if (id < known && perp_instrument_at(market->core, id)->spec.pulled)
            pull(market, id, now);
    }
    perp_callback_end(&callback);
}
