/* Repairs: jobs that square what a partial job left naked. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

#define BPS 1e4

void perp_repair_id(const struct perp_job_entry *first, uint32_t attempt, perp_uuid *id) {
    *id = first->id;
    id->bytes[0] = (uint8_t)(id->bytes[0] ^ (0xA0 + attempt));
}

struct perp_job_entry *perp_repair_of(const perp_core *core, const struct perp_job_entry *first) {
    perp_uuid id;
    perp_repair_id(first, first->attempts, &id);
    return first->has_repair ? perp_job_find(core, &id) : NULL;
}

double perp_leg_risk_tolerance(const perp_core *core, const struct perp_job_entry *job) {
    const perp_scheduler_config *config = &core->config.scheduler;
    return fmax(perp_usd_to_double(config->leg_risk_usd),
                config->leg_risk_tolerance * perp_usd_to_double(job->notional));
}

static bool is_fresh(const perp_core *core, const struct perp_market_view *view, int64_t now) {
    int64_t most = core->config.risk.max_quote_age_ms * PERP_NS_PER_MS;
    int64_t age = perp_ns_since(view->quote_time, now);
    return view->has_quote && age <= most && age >= -most;
}

/* Down to the step; a quotient that is a whole number but for rounding counts as that number. */
static double round_down(double quantity, double step) {
    if (!(step > 0))
        return quantity;
    double quotient = quantity / step;
    double whole = nearbyint(quotient);
    double ulp = nextafter(quotient, INFINITY) - quotient;
    if (fabs(quotient - whole) > fmax(1e-9, 4 * ulp))
        whole = floor(quotient);
    return whole * step;
}

/* The leg on one instrument; false where it can't go there. price: net of the taker fee. */
static bool leg_on(const perp_core *core, perp_instrument_id instrument, double naked, int64_t now,
                   struct perp_job_leg *leg, double *price) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    perp_exchange_id exchange = entry->spec.exchange;
    double quantity = round_down(fabs(naked), entry->spec.qty_step);
    if (!(quantity > 0) || quantity < entry->spec.min_qty ||
        perp_market_api(core->market, exchange) == PERP_API_DOWN ||
        perp_exchange_killed(core, exchange))
        return false;
    *leg = (struct perp_job_leg){
        .instrument = instrument,
        .exchange = exchange,
        .base = entry->base,
        .side = naked > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY,
        .quantity = quantity,
        .leverage = core->config.risk.default_leverage,
    };
    struct perp_market_view view;
    double depth;
    perp_market_read_leg(core->market, instrument, now, leg->side, quantity, &view, price, &depth);
    if (!is_fresh(core, &view, now) || !perp_usd_from_double(quantity * view.mid, &leg->notional) ||
        leg->notional <= 0 || leg->notional < entry->spec.min_notional)
        return false;
    double fee = entry->fee_bps[0] / BPS;
    *price *= leg->side == PERP_SIDE_BUY ? 1 + fee : 1 - fee;
    return true;
}

bool perp_repair_choose(const perp_core *core, const struct perp_job_entry *first, int64_t now,
                        struct perp_job_leg *best) {
    bool found = false;
    double best_price = 0;
    for (uint32_t i = 0; i < first->n_legs; i++) {
        struct perp_job_leg leg;
        double price;
        if (!leg_on(core, first->legs[i].instrument, first->bare[0].quantity, now, &leg, &price))
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

void perp_repair_set(struct perp_job_entry *repair, const struct perp_job_leg *leg) {
    repair->legs[0] = *leg;
    repair->notional = leg->notional;
    repair->est_volume = leg->notional;
    repair->exchanges = UINT64_C(1) << leg->exchange;
}

bool perp_put_repair(perp_core *core, const struct perp_job_entry *first, double naked, int64_t now,
                     perp_uuid *id) {
    if (!core->config.scheduler.auto_repair || first->n_bare != 1 ||
        first->attempts >= PERP_MAX_REPAIRS)
        return false;
    union perp_job_room copy, room;
    memcpy(&copy, first, perp_job_size(first->n_legs));
    copy.job.bare[0].quantity = naked;
    struct perp_job_leg leg;
    if (!perp_repair_choose(core, &copy.job, now, &leg))
        return false;
    memset(&room, 0, sizeof room);
    struct perp_job_entry *repair = &room.job;
    perp_repair_id(first, first->attempts + 1, &repair->id);
    if (perp_job_find(core, &repair->id))
        return false; /* the host took the id for a job of its own */
    repair->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    repair->priority = PERP_REPAIR_PRIORITY;
    repair->started = repair->ended = PERP_TIME_NONE;
    repair->given_created = now;
    repair->ttl_from = now;
    repair->is_repair = true;
    repair->parent = first->id;
    repair->n_legs = 1;
    perp_repair_set(repair, &leg);
    perp_put_job(core, repair);
    *id = repair->id;
    return true;
}
