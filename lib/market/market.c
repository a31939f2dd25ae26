/* The module: its memory, the source of hosts that keep their own books, and queries. */
#include "market/market.h"

#include <math.h>
#include <string.h>

#include "core/events.h"
#include "market/funding.h"
#include "market/slot.h"
#include "util/sized.h"

static size_t aligned_size(size_t size) {
    return size + PERP_CACHE_LINE - 1;
}

static void *align(void *memory) {
    uintptr_t address = (uintptr_t)memory;
    size_t off = address % PERP_CACHE_LINE;
    return (char *)memory + (off ? PERP_CACHE_LINE - off : 0);
}

size_t perp_slot_size(const perp_market *market) {
    return aligned_size(sizeof(struct perp_slot) +
                        (market->ring_mask + 1) * sizeof(struct perp_slot_sum));
}

static int64_t ns_of_ms(int64_t ms) {
    return ms > INT64_MAX / PERP_NS_PER_MS ? INT64_MAX : ms * PERP_NS_PER_MS;
}

static void init_gauge(struct perp_gauge *gauge) {
    memset(gauge, 0, sizeof *gauge);
    atomic_init(&gauge->status_time, PERP_TIME_NONE);
    atomic_init(&gauge->api, PERP_API_UP);
    atomic_init(&gauge->oldest, PERP_TIME_NONE);
    atomic_init(&gauge->forgotten, INT64_MAX);
    atomic_init(&gauge->newest, PERP_TIME_NONE);
}

void perp_market_take_ages(perp_market *market) {
    const perp_risk_config *risk = &market->core->config.risk;
    PERP_PUT(market->max_quote_age_ns, ns_of_ms(risk->max_quote_age_ms));
    PERP_PUT(market->latency_max_age_ns, ns_of_ms(risk->latency_max_age_ms));
    PERP_PUT(market->max_ahead_ns, ns_of_ms(risk->max_ahead_ms));
    PERP_PUT(market->feed_until, INT64_MIN);
}

static void take_config(perp_market *market) {
    const perp_risk_config *risk = &market->core->config.risk;
    perp_market_take_ages(market);
    market->half_lives_per_ns = 1 / (risk->spread_half_life_s * (double)PERP_NS_PER_S);
    market->near_ns = (int64_t)(risk->spread_half_life_s * (double)PERP_NS_PER_S * 0x1p-6);
    market->window = risk->volatility_window_s;
    uint64_t ring = 1;
    while (ring < risk->volatility_window_s)
        ring *= 2;
    market->ring_mask = ring - 1;
}

static bool make_locks(perp_market *market) {
    pthread_mutex_t *locks[] = {&market->pull_lock, &market->feed_lock, &market->fast.lock};
    for (uint32_t n = 0; n < sizeof locks / sizeof *locks; n++) {
        if (pthread_mutex_init(locks[n], NULL) == 0)
            continue;
        while (n-- > 0)
            pthread_mutex_destroy(locks[n]);
        return false;
    }
    return true;
}

static void free_tables(perp_market *market) {
    perp_core *core = market->core;
    perp_free(core, market->slots, PERP_MAX_INSTRUMENTS * sizeof *market->slots);
    perp_free(core, market->gauge_memory,
              aligned_size(PERP_MAX_EXCHANGES * sizeof *market->gauges));
    perp_free(core, market->news, sizeof *market->news);
    perp_free(core, market->currencies, PERP_MAX_CURRENCIES * sizeof *market->currencies);
    perp_free(core, market, sizeof *market);
}

perp_status perp_market_open(perp_core *core, perp_market **market) {
    perp_market *made = perp_alloc(core, sizeof *made);
    if (!made)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the market");
    memset(made, 0, sizeof *made);
    made->core = core;
    take_config(made);
    made->slots = perp_alloc(core, PERP_MAX_INSTRUMENTS * sizeof *made->slots);
    made->gauge_memory = perp_alloc(core, aligned_size(PERP_MAX_EXCHANGES * sizeof *made->gauges));
    made->currencies = perp_alloc(core, PERP_MAX_CURRENCIES * sizeof *made->currencies);
    made->news = perp_alloc(core, sizeof *made->news);
    if (!made->slots || !made->gauge_memory || !made->currencies || !made->news ||
        !make_locks(made)) {
        free_tables(made);
        return perp_fail(core, PERP_E_NOMEM, "no memory for the market");
    }
    made->feed_refused = PERP_TIME_NONE;
    memset(made->news, 0, sizeof *made->news);
    for (uint32_t i = 0; i < PERP_MAX_INSTRUMENTS; i++)
        atomic_init(&made->slots[i], NULL);
    made->gauges = align(made->gauge_memory);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        init_gauge(&made->gauges[i]);
    *market = made;
    return PERP_OK;
}

static void free_list(perp_market *market, struct perp_slot **list) {
    while (*list) {
        struct perp_slot *slot = *list;
        *list = slot->next;
        perp_free(market->core, slot->memory, perp_slot_size(market));
    }
}

static void free_slots(perp_market *market) {
    for (uint32_t i = 0; i < PERP_MAX_INSTRUMENTS; i++) {
        struct perp_slot *slot = PERP_GET(market->slots[i]);
        if (!slot)
            break;
        perp_free(market->core, slot->memory, perp_slot_size(market));
        PERP_PUT(market->slots[i], NULL);
    }
    free_list(market, &market->left);
    free_list(market, &market->coming);
}

void perp_market_close(perp_market *market) {
    if (!market)
        return;
    free_slots(market);
    pthread_mutex_destroy(&market->pull_lock);
    pthread_mutex_destroy(&market->feed_lock);
    pthread_mutex_destroy(&market->fast.lock);
    perp_free(market->core, market->fast.seen, market->fast.capacity * sizeof *market->fast.seen);
    free_tables(market);
}

struct perp_slot *perp_slot_make(const perp_market *market, void *memory, double funding_interval_h,
                                 uint32_t currency) {
    struct perp_slot *slot = align(memory);
    memset(slot, 0, sizeof *slot);
    slot->memory = memory;
    slot->pulled.time_ns = PERP_TIME_NONE;
    slot->currency = currency;
    atomic_init(&slot->quote_time, PERP_TIME_NONE);
    atomic_init(&slot->withdrawn_time, PERP_TIME_NONE);
    atomic_init(&slot->bucket_end, INT64_MIN);
    atomic_init(&slot->mark_time, PERP_TIME_NONE);
    atomic_init(&slot->book_time, PERP_TIME_NONE);
    atomic_init(&slot->last_time, PERP_TIME_NONE);
    atomic_init(&slot->funding_time, PERP_TIME_NONE);
    atomic_init(&slot->funding_next, PERP_TIME_NONE);
    atomic_init(&slot->funding_interval_h, funding_interval_h);
    for (uint64_t i = 0; i <= market->ring_mask; i++) {
        atomic_init(&slot->ring[i].low, 0);
        atomic_init(&slot->ring[i].high, 0);
    }
    return slot;
}

/* A slot that an addition left which was not committed is used again. */
perp_status perp_market_add_instrument(perp_market *market, perp_instrument_id id) {
    perp_core *core = market->core;
    struct perp_slot *left = PERP_GET(market->slots[id]);
    void *memory = left ? left->memory : perp_alloc(core, perp_slot_size(market));
    if (memory && !perp_fast_reserve(market, id + 1)) {
        if (!left)
            perp_free(core, memory, perp_slot_size(market));
        memory = NULL;
    }
    if (!memory)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the market data of an instrument");
    const perp_instrument_spec *spec = &perp_instrument_at(core, id)->spec;
    PERP_PUT(market->slots[id], perp_slot_make(market, memory, spec->funding_interval_h,
                                               perp_currency_place(market, spec->quote)));
    return PERP_OK;
}

void perp_market_state_of(const perp_market *market, perp_instrument_id instrument, int64_t now,
                          double threshold, perp_market_state *state) {
    struct perp_market_view view;
    perp_market_read(market, instrument, now, &view);
    double none = (double)NAN;
    bool quoted = view.has_quote, funded = view.has_funding;
    *state = (perp_market_state){
        .struct_size = sizeof *state,
        .has_quote = quoted,
        .bid = quoted ? view.bid : none,
        .bid_size = quoted ? view.bid_size : none,
        .ask = quoted ? view.ask : none,
        .ask_size = quoted ? view.ask_size : none,
        .mid = quoted ? view.mid : none,
        .spread_bps = quoted ? view.spread_bps : none,
        .spread_baseline_bps = quoted ? view.baseline_bps : none,
        .volatility = view.volatility,
        .fast = view.volatility >= threshold,
        .continuous_funding = view.funding.continuous,
        .funding_rate = funded ? view.funding.rate : none,
        .funding_interval_h = view.funding.interval_h,
        .next_funding_ns = PERP_TIME_NONE,
        .last = view.last > 0 ? view.last : none,
        .mark = view.mark > 0 ? view.mark : none,
        .quote_time_ns = view.quote_time,
    };
    if (funded && !view.funding.continuous)
        state->next_funding_ns = perp_settlement_after(
            view.funding.next_ns, perp_funding_interval_ns(view.funding.interval_h), now);
}

perp_status perp_market_query(const perp_market *market, perp_instrument_id instrument,
                              int64_t now_ns, perp_market_state *state) {
    if (!market)
        return perp_fail(NULL, PERP_E_INVALID, "market: NULL");
    const perp_core *core = market->core;
    if (!perp_slot_of(market, instrument))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument has id %u", instrument);
    if (!state)
        return perp_fail(core, PERP_E_INVALID, "state: NULL");
    perp_read_begin(core);
    const perp_risk_config *risk = &core->config.risk;
    double threshold = risk->modes[risk->mode].volatility_threshold;
    perp_read_end(core);
    perp_market_state all;
    perp_market_state_of(market, instrument, perp_query_time(core, now_ns), threshold, &all);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

perp_core *perp_market_core(const perp_market *market) {
    return market ? market->core : NULL;
}

perp_status perp_market_configure(perp_market *market) {
    free_slots(market);
    take_config(market);
    perp_status status = PERP_OK;
    for (uint32_t i = 0; i < perp_n_instruments(market->core) && status == PERP_OK; i++)
        status = perp_market_add_instrument(market, i);
    return status;
}
