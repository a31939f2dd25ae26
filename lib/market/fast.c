/* Which markets are fast, kept from one look to the next: the volatility of an instrument is worked
   out anew only where a feed wrote since. */
#include <string.h>

#include "market/slot.h"

bool perp_fast_reserve(perp_market *market, uint32_t n) {
    struct perp_fast *fast = &market->fast;
    if (n <= fast->capacity)
        return true;
    pthread_mutex_lock(&fast->lock);
    uint32_t before = fast->capacity;
    bool room =
        perp_grow(market->core, (void **)&fast->seen, &fast->capacity, n, sizeof *fast->seen);
    if (room)
        memset(&fast->seen[before], 0, (fast->capacity - before) * sizeof *fast->seen);
    pthread_mutex_unlock(&fast->lock);
    return room;
}

static __attribute__((noinline)) void look(const perp_market *market, struct perp_fast *fast,
                                           perp_instrument_id id,
                                           struct perp_market_version version) {
    uint64_t bit = UINT64_C(1) << id % 64;
    fast->seen[id] = version;
    if (perp_market_volatility(market, id) >= fast->threshold) /* NaN, unknown, is not */
        fast->bits[id / 64] |= bit;
    else
        fast->bits[id / 64] &= ~bit;
}

/* Where the limit is another, nothing was seen. */
static void take_threshold(struct perp_fast *fast, double threshold) {
    if (fast->threshold == threshold)
        return;
    fast->threshold = threshold;
    if (fast->seen)
        memset(fast->seen, 0, fast->capacity * sizeof *fast->seen);
}

static uint32_t list(const uint64_t *bits, uint32_t n, perp_instrument_id *ids, uint32_t capacity) {
    uint32_t count = 0;
    for (uint32_t word = 0; word * 64 < n; word++) {
        for (uint64_t left = bits[word]; left;) {
            perp_instrument_id id = word * 64 + perp_bit_take(&left);
            if (id >= n)
                break;
            if (count < capacity)
                ids[count] = id;
            count++;
        }
    }
    return count;
}

/* The long way, for a reader that finds another at it. */
static uint32_t look_at_all(const perp_market *market, uint32_t n, double threshold,
                            perp_instrument_id *ids, uint32_t capacity) {
    uint32_t count = 0;
    for (perp_instrument_id id = 0; id < n; id++) {
        if (!(perp_market_volatility(market, id) >= threshold))
            continue;
        if (count < capacity)
            ids[count] = id;
        count++;
    }
    return count;
}

uint32_t perp_market_fast(const perp_market *read, uint32_t n, double threshold,
                          perp_instrument_id *ids, uint32_t capacity) {
    /* What is kept is no part of the book. */
    perp_market *market = (perp_market *)(uintptr_t)read;
    struct perp_fast *fast = &market->fast;
    if (pthread_mutex_trylock(&fast->lock) != 0)
        return look_at_all(market, n, threshold, ids, capacity);
    take_threshold(fast, threshold);
    struct perp_slot *_Atomic *slots = market->slots;
    const struct perp_market_version *seen = fast->seen;
    for (perp_instrument_id id = 0; id < n; id++) {
        const struct perp_slot *slot = PERP_GET(slots[id]);
        struct perp_market_version version = {slot, PERP_GET(slot->seq)};
        if (seen[id].slot != version.slot || seen[id].seq != version.seq)
            look(market, fast, id, version);
    }
    uint32_t count = list(fast->bits, n, ids, capacity);
    pthread_mutex_unlock(&fast->lock);
    return count;
}
