/* Repairs: jobs that square what is naked of a base. It is a standing order: while a base is naked
   and none of it waits, runs or is in doubt, each tick plans one. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

#define BPS 1e4
#define MOST_BACKOFF_MS 60000

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static void put_big_endian(uint8_t *to, uint64_t word) {
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(word >> (56 - 8 * i));
}

/* Of the n-th repair of a base (from 1): two words mixed of the FNV-1a hash of its name. */
void perp_repair_id(const char *base, uint64_t n, perp_uuid *id) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = base; *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    uint64_t high = mix(hash + UINT64_C(0x9E3779B97F4A7C15) * n);
    put_big_endian(id->bytes, high);
    put_big_endian(id->bytes + 8, mix(hash ^ high));
}

static bool is_fresh(const perp_core *core, const struct perp_market_view *view, int64_t now) {
    int64_t most = core->config.risk.max_quote_age_ms * PERP_NS_PER_MS;
    int64_t age = perp_ns_since(view->quote_time, now);
    return view->has_quote && age <= most && age >= -most;
}

double perp_round_down(double quantity, double step) {
    if (!(step > 0))
        return quantity;
    double quotient = quantity / step;
    double whole = nearbyint(quotient);
    double ulp = nextafter(quotient, INFINITY) - quotient;
    if (fabs(quotient - whole) > perp_max(1e-9, 4 * ulp))
        whole = floor(quotient);
    return whole * step;
}

/* A repair that is looked for. */
struct search {
    const perp_core *core;
    const struct perp_plan *plan;
    int64_t now;
    uint32_t side;
    double quantity; /* to square */
    bool short_of;   /* somewhere capital was lacking */
};

/* Whether a running leg of the other side has something left to fill in the same book. */
static bool would_meet(const struct search *s, perp_instrument_id instrument) {
    const perp_core *core = s->core;
    uint32_t opposite = s->side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    perp_instrument_id other = instrument;
    do {
        if (perp_running_side(core, s->plan, other, opposite) &&
            perp_same_book(core, instrument, other))
            return true;
        other = perp_instrument_at(core, other)->next_same_book;
    } while (other != instrument);
    return false;
}

static bool is_closed_to(const struct search *s, perp_instrument_id instrument) {
    const perp_core *core = s->core;
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    perp_exchange_id exchange = entry->spec.exchange;
    uint32_t circuit = perp_circuit_at(core, exchange, s->now);
    return perp_market_api(core->market, exchange) == PERP_API_DOWN ||
           perp_exchange_killed(core, exchange) || circuit == PERP_CIRCUIT_OPEN ||
           (circuit == PERP_CIRCUIT_HALF_OPEN && perp_running_jobs(core, s->plan, exchange)) ||
           core->risk->blacklist[entry->symbol].on || core->risk->notes[instrument].halted;
}

/* How much of a leg the reserve has capital for; rounded down to the step where that is less. */
static void fit_capital(struct search *s, const struct perp_instrument_entry *entry,
                        struct perp_job_leg *leg, double mid) {
    perp_usd has =
        perp_capital_available(s->core->capital, s->plan, entry->spec.exchange, PERP_POOL_RESERVE);
    if (leg->notional <= has)
        return;
    s->short_of = true;
    leg->quantity = perp_round_down(perp_usd_to_double(has) / mid, entry->spec.qty_step);
    if (!perp_usd_from_double(leg->quantity * mid, &leg->notional))
        leg->notional = 0;
    if (leg->notional > has) /* by the rounding to the micro-dollar */
        leg->notional = has;
}

/* The leg on one instrument; false where it can't go there. price: net of the taker fee. */
static bool leg_on(struct search *s, perp_instrument_id instrument, struct perp_job_leg *leg,
                   double *price) {
    const perp_core *core = s->core;
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    *leg = (struct perp_job_leg){
        .instrument = instrument,
        .exchange = (uint8_t)entry->spec.exchange,
        .base = entry->base,
        .side = (uint8_t)s->side,
        .quantity = perp_round_down(s->quantity, entry->spec.qty_step),
        .leverage = core->config.risk.default_leverage,
    };
    bool reduces = leg->quantity > 0 &&
                   perp_leg_would_reduce(core, s->plan, instrument, s->side, leg->quantity);
    struct perp_market_view view;
    double depth;
    if (!(leg->quantity > 0) || is_closed_to(s, instrument) || would_meet(s, instrument) ||
        (!reduces &&
         (entry->spec.kind != PERP_KIND_PERP || !perp_position_known(core, instrument, s->now))))
        return false;
    perp_market_read_leg(core->market, instrument, s->now, leg->side, leg->quantity, &view, price,
                         &depth);
    if (!is_fresh(core, &view, s->now) ||
        !perp_usd_from_double(leg->quantity * view.mid, &leg->notional))
        return false;
    if (!reduces) {
        fit_capital(s, entry, leg, view.mid);
        if (!(leg->quantity > 0) || leg->quantity < entry->spec.min_qty ||
            leg->notional < entry->spec.min_notional)
            return false;
    }
    if (leg->notional <= 0)
        leg->notional = 1;
    double fee = entry->fee_bps[0] / BPS * (reduces ? 1 : 2);
    *price *= leg->side == PERP_SIDE_BUY ? 1 + fee : 1 - fee;
    return true;
}

static bool choose(struct search *s, uint32_t base, struct perp_job_leg *best) {
    bool found = false;
    double best_price = 0;
    for
        PERP_EACH_OF_BASE(s->core, i, base) {
            struct perp_job_leg leg;
            double price;
            if (!leg_on(s, i, &leg, &price))
                continue;
            bool better = leg.side == PERP_SIDE_BUY ? price < best_price : price > best_price;
            if (found && !better)
                continue;
            *best = leg;
            best_price = price;
            found = true;
        }
    return found;
}

/* What is to square of a base, as a search; false: nothing. */
static bool search_for(struct search *s, uint32_t base) {
    double naked = perp_base_naked(s->core, NULL, base);
    s->side = naked > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    s->quantity = perp_base_to_square(s->core, s->plan, base);
    return s->quantity > 0;
}

/* Whether what was found is less than is to square because capital was lacking. */
static bool is_short(const struct search *s, bool found, const struct perp_job_leg *leg) {
    double step = found ? perp_instrument_at(s->core, leg->instrument)->spec.qty_step : 0;
    return s->short_of && (!found || leg->quantity < perp_round_down(s->quantity, step));
}

bool perp_repair_choose(const perp_core *core, const struct perp_job_entry *repair, int64_t now,
                        struct perp_job_leg *leg, bool *short_of) {
    struct search s = {.core = core, .now = now};
    uint32_t base = repair->legs[0].base;
    bool found = search_for(&s, base) && choose(&s, base, leg);
    *short_of = is_short(&s, found, leg);
    /* What it filled stays with it: what is to square now is still to be filled. */
    if (found && perp_has_run(repair) && repair->run->legs[0].filled > 0)
        leg->quantity = perp_quantity_sum(leg->quantity, repair->run->legs[0].filled);
    return found;
}

void perp_repair_set(struct perp_job_entry *repair, const struct perp_job_leg *leg) {
    repair->legs[0] = *leg;
    repair->notional = leg->notional;
    repair->est_volume = leg->notional;
    repair->exchanges = UINT64_C(1) << leg->exchange;
}

static void put_repair(perp_core *core, struct perp_plan *plan, uint32_t base,
                       const struct perp_job_leg *leg, int64_t now) {
    perp_uuid id;
    union perp_job_room room;
    memset(&room, 0, sizeof room);
    struct perp_job_entry *repair = &room.job;
    perp_repair_id(core->bases.items[base], core->positions->bases[base].repairs + 1, &id);
    if (perp_id_known(core, &id))
        return; /* the host took the id for a job of its own */
    repair->id = id;
    repair->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    repair->priority = PERP_REPAIR_PRIORITY;
    repair->run = perp_never_ran;
    repair->given_created = repair->ttl_from = repair->submitted = now;
    repair->max_run_ms = core->config.scheduler.default_max_run_ms;
    repair->is_repair = true;
    repair->n_legs = 1;
    perp_repair_set(repair, leg);
    perp_put_job(core, repair);
    perp_plan_fresh(core, plan, repair);
}

/* Whether a repair of a base is wanted now. */
static bool wants_repair(const perp_core *core, uint32_t base, int64_t now) {
    const struct perp_base_entry *entry = &core->positions->bases[base];
    return core->config.scheduler.auto_repair && !core->risk->killed && !entry->stopped &&
           !entry->repair && now >= entry->next_try && perp_base_is_naked(core, NULL, base, now);
}

uint32_t perp_repairs_wanted(const perp_core *core, int64_t now) {
    uint32_t n = 0;
    for (uint32_t at = core->positions->first_moving_1; at;
         at = core->positions->bases[at - 1].next_moving_1)
        n += wants_repair(core, at - 1, now);
    return n;
}

static void plan_repair(perp_core *core, struct perp_plan *plan, uint32_t base, int64_t now) {
    struct search s = {.core = core, .now = now};
    struct perp_job_leg leg;
    if (!search_for(&s, base))
        return;
    bool found = choose(&s, base, &leg);
    perp_plan_short(core, plan, base, is_short(&s, found, &leg), found ? leg.quantity : 0);
    if (found)
        put_repair(core, plan, base, &leg, now);
}

void perp_plan_repairs(perp_core *core, struct perp_plan *plan, int64_t now) {
    for (uint32_t at = core->positions->first_moving_1; at;
         at = core->positions->bases[at - 1].next_moving_1) {
        uint32_t base = at - 1;
        const struct perp_job_entry *repair = core->positions->bases[base].repair;
        bool waits = repair && repair->state == PERP_JOB_PENDING && !core->risk->killed;
        if (waits && !perp_base_is_naked(core, NULL, base, now)) {
            perp_put_for_job(core, PERP_EVENT_CANCEL, &repair->id);
            perp_put_story(core, &(struct perp_ev_story){.base = base});
            perp_plan_change(plan, repair, NULL);
        } else if (wants_repair(core, base, now)) {
            plan_repair(core, plan, base, now);
        }
    }
}

int64_t perp_repair_backoff_ns(const perp_core *core, uint32_t tries) {
    int64_t ms = core->config.scheduler.repair_backoff_ms;
    for (uint32_t i = 1; i < tries && ms < MOST_BACKOFF_MS; i++)
        ms *= 2;
    return (ms < MOST_BACKOFF_MS ? ms : MOST_BACKOFF_MS) * PERP_NS_PER_MS;
}
