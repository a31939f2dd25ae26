/* The largest job that the limits could ever let pass, so that a host learns at the start what
   would otherwise show as jobs that are refused for ever. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

void perp_budgets_take(const perp_core *core, struct perp_budgets *budgets) {
    budgets->config = core->config.capital;
    budgets->risk = core->config.risk;
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

/* What a base's instruments of an exchange, or a pair of instruments, can have at best. */
struct best {
    perp_usd needs; /* the smallest notional that is traded; -1: there is nothing */
    double fee_bps; /* the least */
    double distance[PERP_SIDE_COUNT]; /* to liquidation, of a leg of that side: the most */
};

/* What a walk needs: the instruments of an exchange stand together, in the order of their ids. */
struct scan {
    perp_core *core;
    const struct perp_budgets *budgets;
    perp_instrument_id *ids; /* by exchange */
    uint32_t first[PERP_MAX_EXCHANGES + 1];
    perp_usd *needs;   /* by instrument: the smallest notional that it trades */
    struct best *best; /* by base: of those on the first exchange */
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
    perp_free(scan->core, scan->best, scan->budgets->n_bases * sizeof *scan->best);
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
    scan->best = perp_alloc(core, budgets->n_bases * sizeof *scan->best);
    perp_unlock(core);
    if (!scan->ids || !scan->needs || !scan->best) {
        scan_close(scan);
        return perp_fail(core, PERP_E_NOMEM, "feasibility: no memory");
    }
    sort_by_exchange(scan);
    for (uint32_t id = 0; id < n; id++)
        scan->needs[id] = smallest_notional(core, id);
    return PERP_OK;
}

static struct best best_of(const perp_core *core, perp_instrument_id id, perp_usd needs) {
    const double *fees = perp_instrument_at(core, id)->fee_bps;
    struct best best = {.needs = needs, .fee_bps = perp_min(fees[0], fees[1])};
    for (uint32_t side = 0; side < PERP_SIDE_COUNT; side++)
        best.distance[side] = perp_distance_at_best(core, id, side);
    return best;
}

/* The better of two, each figure by itself. */
static void improve(struct best *best, const struct best *other) {
    if (best->needs < 0) {
        *best = *other;
        return;
    }
    if (other->needs < best->needs)
        best->needs = other->needs;
    best->fee_bps = perp_min(best->fee_bps, other->fee_bps);
    for (uint32_t side = 0; side < PERP_SIDE_COUNT; side++)
        best->distance[side] = perp_max(best->distance[side], other->distance[side]);
}

/* A leg on each of two: their figures together; distance: the smaller of the legs', the first one
 * of the side. */
static struct best both_of(const struct best *a, const struct best *b) {
    struct best both = {.needs = a->needs > b->needs ? a->needs : b->needs,
                        .fee_bps = a->fee_bps + b->fee_bps};
    for (uint32_t side = 0; side < PERP_SIDE_COUNT; side++)
        both.distance[side] = perp_min(a->distance[side], b->distance[!side]);
    return both;
}

static void set_best(struct scan *scan, perp_exchange_id exchange) {
    for (uint32_t base = 0; base < scan->budgets->n_bases && scan->best; base++)
        scan->best[base].needs = -1;
    for (uint32_t i = scan->first[exchange]; i < scan->first[exchange + 1]; i++) {
        perp_instrument_id id = scan->ids[i];
        const struct best own = best_of(scan->core, id, scan->needs[id]);
        improve(&scan->best[perp_instrument_at(scan->core, id)->base], &own);
    }
}

/* Over the bases that the first exchange and this one have; needs -1: they have none in common. */
static struct best best_common(const struct scan *scan, perp_exchange_id second) {
    struct best best = {.needs = -1};
    for (uint32_t i = scan->first[second]; i < scan->first[second + 1]; i++) {
        perp_instrument_id id = scan->ids[i];
        const struct best *first = &scan->best[perp_instrument_at(scan->core, id)->base];
        if (first->needs < 0)
            continue;
        const struct best own = best_of(scan->core, id, scan->needs[id]);
        const struct best both = both_of(first, &own);
        improve(&best, &both);
    }
    return best;
}

/* More than it trades no job can gain. */
#define MOST_EDGE_BPS 1e4

static double safety_of(const struct perp_budgets *budgets, const struct best *best) {
    return perp_safety_at_best(
        &budgets->risk, perp_max(best->distance[PERP_SIDE_BUY], best->distance[PERP_SIDE_SELL]));
}

/* What a job must expect to gain, for its fees alone. NaN: anything. */
static double least_edge(const struct perp_budgets *budgets, uint32_t strategy,
                         const struct best *best) {
    const perp_mode_limits *limits = &budgets->risk.modes[budgets->risk.mode];
    double edge = best->fee_bps - limits->max_acceptable_loss_bps;
    if (strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return NAN;
    return strategy == PERP_STRATEGY_ARB ? perp_max(edge, limits->min_edge_bps) : edge;
}

/* Which rule no job passes on such a pair, whatever the market. */
static uint32_t rule_never(const struct perp_budgets *budgets, uint32_t strategy,
                           const struct best *best) {
    if (safety_of(budgets, best) < budgets->risk.modes[budgets->risk.mode].min_safety_score)
        return PERP_REASON_LOW_SAFETY;
    return least_edge(budgets, strategy, best) > MOST_EDGE_BPS ? PERP_REASON_COST_EXCEEDS_EDGE
                                                               : PERP_REASON_NONE;
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

static perp_feasibility row_of(const struct scan *scan, perp_exchange_id first,
                               perp_exchange_id second, uint32_t strategy,
                               const struct best *best) {
    const struct perp_budgets *budgets = scan->budgets;
    perp_feasibility row = {.strategy = strategy,
                            .first = first,
                            .second = second,
                            .smallest = best->needs < 0 ? 0 : best->needs,
                            .safety_score = NAN,
                            .cost_bps = NAN,
                            .least_edge_bps = NAN,
                            .min_safety_score =
                                budgets->risk.modes[budgets->risk.mode].min_safety_score};
    row.largest = most_on_both(budgets, first, second, strategy, &row.bound_by);
    if (best->needs >= 0) {
        row.safety_score = safety_of(budgets, best);
        row.cost_bps = best->fee_bps;
        row.least_edge_bps = least_edge(budgets, strategy, best);
        row.never_for = rule_never(budgets, strategy, best);
    }
    if (row.largest == 0 || row.largest < row.smallest)
        row.never_for = row.bound_by;
    return row;
}

static bool take_pair(const struct scan *scan, perp_exchange_id first, perp_exchange_id second,
                      bool (*take)(void *user, const perp_feasibility *row), void *user) {
    const struct best best = best_common(scan, second);
    for (uint32_t strategy = 0; strategy < PERP_STRATEGY_COUNT; strategy++) {
        const perp_feasibility row = row_of(scan, first, second, strategy, &best);
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
        set_best(&scan, first);
        for (perp_exchange_id second = first + 1; second < budgets->n_exchanges && on; second++)
            if (!same_venue(core, first, second))
                on = take_pair(&scan, first, second, take, user);
    }
    scan_close(&scan);
    return PERP_OK;
}

/* How many instruments are looked at before a proper walk is the cheaper way. */
#define STEPS 256

/* Whether two instruments are a pair that a job of the strategy could be on. */
static bool could_be(const perp_core *core, const struct perp_budgets *budgets,
                     perp_instrument_id a, perp_instrument_id b, uint32_t strategy,
                     perp_usd notional) {
    if (perp_instrument_at(core, a)->base != perp_instrument_at(core, b)->base)
        return false;
    const struct best first = best_of(core, a, smallest_notional(core, a)),
                      second = best_of(core, b, smallest_notional(core, b)),
                      both = both_of(&first, &second);
    return both.needs <= notional && rule_never(budgets, strategy, &both) == PERP_REASON_NONE;
}

/* Whether the exchanges are seen to trade a common base at that notional. */
static bool common_at(const perp_core *core, const struct perp_budgets *budgets,
                      perp_exchange_id first, perp_exchange_id second, uint32_t strategy,
                      perp_usd notional, uint32_t *steps) {
    uint32_t n = budgets->n_instruments;
    for (uint32_t a = budgets->exchanges[first].first_instrument; a < n; a++) {
        bool trades = exchange_of(core, a) == first;
        uint32_t b = trades ? budgets->exchanges[second].first_instrument : n;
        if ((*steps)++ >= STEPS)
            return false;
        for (; b < n; b++) {
            if ((*steps)++ >= STEPS)
                return false;
            if (exchange_of(core, b) == second && could_be(core, budgets, a, b, strategy, notional))
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
            if (steps < STEPS && most > 0 &&
                common_at(core, budgets, first, second, strategy, most, &steps))
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
