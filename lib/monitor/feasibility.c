/* The largest job that the limits could ever let pass, so that a host learns at the start what
   would otherwise show as jobs that are refused for ever. */
#include "monitor/monitor.h"

#include <string.h>

#include "util/num.h"

void perp_budgets_take(const perp_core *core, struct perp_budgets *budgets) {
    budgets->config = core->config.capital;
    budgets->n_exchanges = perp_n_exchanges(core);
    budgets->n_instruments = perp_n_instruments(core);
    budgets->n_bases = core->bases.count;
    for (uint32_t strategy = 0; strategy < PERP_STRATEGY_COUNT; strategy++)
        budgets->pool_of[strategy] = perp_pool_of(core, strategy);
    for (perp_exchange_id id = 0; id < budgets->n_exchanges; id++) {
        const struct perp_account *account = &core->capital->accounts[id];
        struct perp_budget *budget = &budgets->exchanges[id];
        budget->has_equity = account->has_equity;
        budget->safe_mode = account->safe_mode;
        budget->equity = account->equity;
        budget->max_notional = perp_exchange_max_notional(core, id);
        budget->first_instrument = core->exchanges[id].first_instrument_1 - 1;
        for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
            budget->pools[pool] = account->pools[pool].budget;
    }
}

/* What a walk needs: the instruments of an exchange stand together, in the order of their ids. */
struct scan {
    perp_core *core;
    const struct perp_budgets *budgets;
    perp_instrument_id *ids; /* by exchange */
    uint32_t first[PERP_MAX_EXCHANGES + 1];
    perp_usd *needs;    /* by instrument: the smallest notional that it trades */
    perp_usd *cheapest; /* by base: the least of those on the first exchange; -1: it has none */
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
    perp_lock(scan->core);
    perp_free(scan->core, scan->ids, scan->budgets->n_instruments * sizeof *scan->ids);
    perp_free(scan->core, scan->needs, scan->budgets->n_instruments * sizeof *scan->needs);
    perp_free(scan->core, scan->cheapest, scan->budgets->n_bases * sizeof *scan->cheapest);
    perp_unlock(scan->core);
}

static perp_exchange_id exchange_of(const perp_core *core, perp_instrument_id id) {
    return perp_instrument_at(core, id)->spec.exchange;
}

static void sort_by_exchange(struct scan *scan) {
    const perp_core *core = scan->core;
    uint32_t next[PERP_MAX_EXCHANGES + 1] = {0};
    for (uint32_t id = 0; id < scan->budgets->n_instruments; id++)
        next[exchange_of(core, id) + 1]++;
    for (uint32_t x = 0; x < PERP_MAX_EXCHANGES; x++)
        next[x + 1] += next[x];
    memcpy(scan->first, next, sizeof next);
    for (uint32_t id = 0; id < scan->budgets->n_instruments; id++)
        scan->ids[next[exchange_of(core, id)]++] = id;
}

static perp_status scan_open(perp_core *core, const struct perp_budgets *budgets,
                             struct scan *scan) {
    *scan = (struct scan){.core = core, .budgets = budgets};
    uint32_t n = budgets->n_instruments;
    if (!n)
        return PERP_OK;
    perp_lock(core);
    scan->ids = perp_alloc(core, n * sizeof *scan->ids);
    scan->needs = perp_alloc(core, n * sizeof *scan->needs);
    scan->cheapest = perp_alloc(core, budgets->n_bases * sizeof *scan->cheapest);
    perp_unlock(core);
    if (!scan->ids || !scan->needs || !scan->cheapest) {
        scan_close(scan);
        return perp_fail(core, PERP_E_NOMEM, "feasibility: no memory");
    }
    sort_by_exchange(scan);
    for (uint32_t id = 0; id < n; id++)
        scan->needs[id] = smallest_notional(core, id);
    return PERP_OK;
}

static void set_cheapest(struct scan *scan, perp_exchange_id exchange) {
    for (uint32_t base = 0; base < scan->budgets->n_bases && scan->cheapest; base++)
        scan->cheapest[base] = -1;
    for (uint32_t i = scan->first[exchange]; i < scan->first[exchange + 1]; i++) {
        perp_instrument_id id = scan->ids[i];
        perp_usd *least = &scan->cheapest[perp_instrument_at(scan->core, id)->base];
        if (*least < 0 || scan->needs[id] < *least)
            *least = scan->needs[id];
    }
}

/* Over the bases that the first exchange and this one have, the least that both trade. */
static perp_usd smallest_common(const struct scan *scan, perp_exchange_id second) {
    perp_usd smallest = -1;
    for (uint32_t i = scan->first[second]; i < scan->first[second + 1]; i++) {
        perp_instrument_id id = scan->ids[i];
        perp_usd both = scan->cheapest[perp_instrument_at(scan->core, id)->base];
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
static perp_usd most_on(const struct perp_budgets *budgets, perp_exchange_id exchange,
                        uint32_t pool, uint32_t *bound_by) {
    const struct perp_budget *account = &budgets->exchanges[exchange];
    const perp_capital_config *config = &budgets->config;
    *bound_by = PERP_REASON_SAFE_MODE;
    if (account->safe_mode && !(config->safe_mode_pools & 1u << pool))
        return 0;
    perp_usd budget = account->pools[pool];
    perp_usd most = perp_usd_ppm(budget, config->max_single_reserve_ppm);
    *bound_by = PERP_REASON_SINGLE_LIMIT;
    bound(perp_usd_ppm(account->equity, config->max_total_notional_ppm), PERP_REASON_TOTAL_LIMIT,
          &most, bound_by);
    bound(budget, PERP_REASON_INSUFFICIENT, &most, bound_by);
    bound(account->max_notional, PERP_REASON_EXCHANGE_NOTIONAL, &most, bound_by);
    return most;
}

static perp_usd most_on_both(const struct perp_budgets *budgets, perp_exchange_id first,
                             perp_exchange_id second, uint32_t strategy, uint32_t *bound_by) {
    uint32_t pool = budgets->pool_of[strategy];
    uint32_t other_bound;
    perp_usd most = most_on(budgets, first, pool, bound_by);
    perp_usd other = most_on(budgets, second, pool, &other_bound);
    bound(other, other_bound, &most, bound_by);
    return most;
}

static bool take_pair(const struct scan *scan, perp_exchange_id first, perp_exchange_id second,
                      bool (*take)(void *user, const perp_feasibility *row), void *user) {
    perp_usd smallest = smallest_common(scan, second);
    for (uint32_t strategy = 0; strategy < PERP_STRATEGY_COUNT; strategy++) {
        perp_feasibility row = {
            .strategy = strategy, .first = first, .second = second, .smallest = smallest};
        row.largest = most_on_both(scan->budgets, first, second, strategy, &row.bound_by);
        if (!take(user, &row))
            return false;
    }
    return true;
}

static bool same_venue(const perp_core *core, perp_exchange_id first, perp_exchange_id second) {
    return core->exchanges[first].venue == core->exchanges[second].venue;
}

perp_status perp_feasibility_each(perp_core *core, const struct perp_budgets *budgets,
                                  bool (*take)(void *user, const perp_feasibility *row),
                                  void *user) {
    struct scan scan;
    perp_status status = scan_open(core, budgets, &scan);
    if (status != PERP_OK)
        return status;
    bool on = true;
    for (perp_exchange_id first = 0; first < budgets->n_exchanges && on; first++) {
        set_cheapest(&scan, first);
        for (perp_exchange_id second = first + 1; second < budgets->n_exchanges && on; second++)
            if (!same_venue(core, first, second))
                on = take_pair(&scan, first, second, take, user);
    }
    scan_close(&scan);
    return PERP_OK;
}

/* How many instruments are looked at before a proper walk is the cheaper way. */
#define STEPS 256

/* Whether the exchanges are seen to trade a common base at that notional. */
static bool common_at(const perp_core *core, const struct perp_budgets *budgets,
                      perp_exchange_id first, perp_exchange_id second, perp_usd notional,
                      uint32_t *steps) {
    uint32_t n = budgets->n_instruments;
    for (uint32_t a = budgets->exchanges[first].first_instrument; a < n; a++) {
        bool trades = exchange_of(core, a) == first;
        uint32_t b = trades ? budgets->exchanges[second].first_instrument : n;
        if ((*steps)++ >= STEPS)
            return false;
        for (; b < n; b++) {
            if ((*steps)++ >= STEPS)
                return false;
            if (exchange_of(core, b) == second &&
                perp_instrument_at(core, a)->base == perp_instrument_at(core, b)->base &&
                smallest_notional(core, a) <= notional && smallest_notional(core, b) <= notional)
                return true;
        }
    }
    return false;
}

bool perp_feasible_at_sight(const perp_core *core, const struct perp_budgets *budgets,
                            uint32_t strategy) {
    uint32_t bound_by, steps = 0;
    bool seen = false;
    for (perp_exchange_id first = 0; first < budgets->n_exchanges; first++) {
        if (!budgets->exchanges[first].has_equity)
            continue;
        for (perp_exchange_id second = first + 1; second < budgets->n_exchanges; second++) {
            if (!budgets->exchanges[second].has_equity || same_venue(core, first, second))
                continue;
            seen = true;
            perp_usd most = most_on_both(budgets, first, second, strategy, &bound_by);
            if (steps < STEPS && most > 0 && common_at(core, budgets, first, second, most, &steps))
                return true;
        }
    }
    return !seen;
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
    struct perp_budgets budgets;
    perp_read_begin(core);
    perp_budgets_take(core, &budgets);
    perp_read_end(core);
    struct rows taken = {rows, capacity, 0};
    /* Only the count of allocated memory changes, which is not part of the book. */
    perp_status status =
        perp_feasibility_each((perp_core *)(uintptr_t)core, &budgets, take_row, &taken);
    if (status == PERP_OK)
        *count = taken.count;
    return status;
}
