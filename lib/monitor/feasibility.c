/* The largest job that the limits could ever let pass, so that a host learns at the start what
   would otherwise show as jobs that are refused for ever. */
#include "monitor/monitor.h"

#include <math.h>
#include <stdint.h>

#include "util/num.h"

/* The memory that a walk needs. */
struct scan {
    perp_core *core;
    perp_usd *needs;    /* by instrument: the smallest notional that it trades */
    perp_usd *cheapest; /* by base: the least of those on the first exchange; -1: it has none */
    uint32_t n_instruments;
    uint32_t n_bases;
};

static perp_usd smallest_notional(const perp_core *core, perp_instrument_id id) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, id)->spec;
    if (!(spec->min_qty > 0))
        return spec->min_notional;
    struct perp_market_view view;
    perp_market_read(core->market, id, perp_clock(core), &view);
    if (!view.has_quote)
        return spec->min_notional;
    perp_usd worth;
    if (!perp_usd_from_double(spec->min_qty * view.mid, &worth))
        worth = INT64_MAX;
    return worth > spec->min_notional ? worth : spec->min_notional;
}

static void scan_close(struct scan *scan) {
    perp_free(scan->core, scan->needs, scan->n_instruments * sizeof *scan->needs);
    perp_free(scan->core, scan->cheapest, scan->n_bases * sizeof *scan->cheapest);
}

static perp_status scan_open(const perp_core *core, struct scan *scan) {
    /* Only the count of allocated memory changes, which is not part of the book. */
    *scan = (struct scan){.core = (perp_core *)(uintptr_t)core,
                          .n_instruments = perp_n_instruments(core),
                          .n_bases = core->bases.count};
    if (!scan->n_instruments)
        return PERP_OK;
    scan->needs = perp_alloc(scan->core, scan->n_instruments * sizeof *scan->needs);
    scan->cheapest = perp_alloc(scan->core, scan->n_bases * sizeof *scan->cheapest);
    if (!scan->needs || !scan->cheapest) {
        scan_close(scan);
        return perp_fail(core, PERP_E_NOMEM, "feasibility: no memory");
    }
    for (uint32_t id = 0; id < scan->n_instruments; id++)
        scan->needs[id] = smallest_notional(core, id);
    return PERP_OK;
}

static perp_instrument_id first_on(const perp_core *core, perp_exchange_id exchange) {
    return core->exchanges[exchange].first_instrument_1 - 1;
}

static perp_instrument_id next_on(const perp_core *core, perp_instrument_id id) {
    return perp_instrument_at(core, id)->next_on_exchange;
}

static void set_cheapest(struct scan *scan, perp_exchange_id exchange) {
    const perp_core *core = scan->core;
    for (uint32_t base = 0; base < scan->n_bases && scan->cheapest; base++)
        scan->cheapest[base] = -1;
    for (perp_instrument_id id = first_on(core, exchange); id != PERP_NO_ID;
         id = next_on(core, id)) {
        perp_usd *least = &scan->cheapest[perp_instrument_at(core, id)->base];
        if (*least < 0 || scan->needs[id] < *least)
            *least = scan->needs[id];
    }
}

/* Over the bases that the first exchange and this one have, the least that both trade. */
static perp_usd smallest_common(const struct scan *scan, perp_exchange_id second) {
    const perp_core *core = scan->core;
    perp_usd smallest = -1;
    for (perp_instrument_id id = first_on(core, second); id != PERP_NO_ID; id = next_on(core, id)) {
        perp_usd both = scan->cheapest[perp_instrument_at(core, id)->base];
        if (both < 0)
            continue;
        if (scan->needs[id] > both)
            both = scan->needs[id];
        if (smallest < 0 || both < smallest)
            smallest = both;
    }
    return smallest < 0 ? 0 : smallest;
}

static void bound(perp_usd limit, uint32_t reason, perp_usd *most, uint32_t *bound_by) {
    if (limit >= *most)
        return;
    *most = limit;
    *bound_by = reason;
}

/* The most that one leg could be if nothing were reserved and nothing ran; of equal bounds the
 * first. */
static perp_usd most_on(const perp_core *core, perp_exchange_id exchange, uint32_t pool,
                        uint32_t *bound_by) {
    const struct perp_account *account = &core->capital->accounts[exchange];
    const perp_capital_config *config = &core->config.capital;
    *bound_by = PERP_REASON_SAFE_MODE;
    if (account->safe_mode && !(config->safe_mode_pools & 1u << pool))
        return 0;
    perp_usd budget = account->pools[pool].budget;
    perp_usd most = perp_usd_ppm(budget, config->max_single_reserve_ppm);
    *bound_by = PERP_REASON_SINGLE_LIMIT;
    bound(perp_usd_ppm(account->equity, config->max_total_notional_ppm), PERP_REASON_TOTAL_LIMIT,
          &most, bound_by);
    bound(budget, PERP_REASON_INSUFFICIENT, &most, bound_by);
    bound(perp_exchange_max_notional(core, exchange), PERP_REASON_EXCHANGE_NOTIONAL, &most,
          bound_by);
    return most;
}

static bool take_pair(const struct scan *scan, perp_exchange_id first, perp_exchange_id second,
                      bool (*take)(void *user, const perp_feasibility *row), void *user) {
    perp_usd smallest = smallest_common(scan, second);
    for (uint32_t strategy = 0; strategy < PERP_STRATEGY_COUNT; strategy++) {
        uint32_t pool = perp_pool_of(scan->core, strategy);
        perp_feasibility row = {
            .strategy = strategy, .first = first, .second = second, .smallest = smallest};
        uint32_t bound_by;
        row.largest = most_on(scan->core, first, pool, &row.bound_by);
        perp_usd other = most_on(scan->core, second, pool, &bound_by);
        bound(other, bound_by, &row.largest, &row.bound_by);
        if (!take(user, &row))
            return false;
    }
    return true;
}

perp_status perp_feasibility_each(const perp_core *core,
                                  bool (*take)(void *user, const perp_feasibility *row),
                                  void *user) {
    struct scan scan;
    perp_status status = scan_open(core, &scan);
    if (status != PERP_OK)
        return status;
    uint32_t n = perp_n_exchanges(core);
    bool on = true;
    for (perp_exchange_id first = 0; first < n && on; first++) {
        set_cheapest(&scan, first);
        for (perp_exchange_id second = first + 1; second < n && on; second++)
            if (core->exchanges[first].venue != core->exchanges[second].venue)
                on = take_pair(&scan, first, second, take, user);
    }
    scan_close(&scan);
    return PERP_OK;
}

struct rows {
    perp_feasibility *rows;
    uint32_t capacity;
    uint32_t count;
};

static bool take_row(void *user, const perp_feasibility *row) {
    struct rows *rows = user;
    if (rows->count < rows->capacity)
        rows->rows[rows->count] = *row;
    rows->count++;
    return true;
}

perp_status perp_core_feasibility(const perp_core *core, perp_feasibility *rows, uint32_t capacity,
                                  uint32_t *count) {
    if (!core || !count || (capacity && !rows))
        return perp_fail(core, PERP_E_INVALID, "feasibility: NULL");
    struct rows taken = {rows, capacity, 0};
    perp_lock(core);
    perp_status status = perp_feasibility_each(core, take_row, &taken);
    perp_unlock(core);
    if (status == PERP_OK)
        *count = taken.count;
    return status;
}
