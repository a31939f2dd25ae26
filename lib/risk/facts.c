/* The numbers behind a decision: prices, cost, carry, per leg and for the job. */
#include "risk/risk.h"

#include <math.h>

#include "market/funding.h"
#include "util/num.h"

#define BPS 1e4
#define NS_PER_H (3600.0 * 1e9)

#define MOST_INCOME 3 /* settlements: later rates are not known */

static uint32_t kind_of(const struct perp_eval *e, uint32_t n) {
    return perp_instrument_at(e->core, e->job->legs[n].instrument)->spec.kind;
}

static double sign_of(const struct perp_job_leg *leg) {
    return leg->side == PERP_SIDE_BUY ? 1 : -1;
}

static double weight_of(const struct perp_job_entry *job, uint32_t n) {
    return (double)job->legs[n].notional / (double)job->notional;
}

/* What a leg without a quote is reckoned at. */
static double price_without_quote(const struct perp_eval *e, uint32_t n) {
    const struct perp_market_view *market = &e->legs[n].market;
    struct perp_open open;
    if (market->last_mark > 0)
        return market->last_mark;
    if (market->last > 0)
        return market->last;
    perp_position_of(e->core, e->job->legs[n].instrument, market, &open);
    return open.holding.quantity != 0 ? open.holding.entry : 0;
}

static void measure_price(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_market_view *market = &measure->market;
    measure->fee_bps = perp_instrument_at(e->core, leg->instrument)->fee_bps[leg->maker ? 1 : 0];
    measure->slippage_bps = 0;
    if (!market->has_quote) {
        measure->price = price_without_quote(e, n);
        return;
    }
    if (leg->maker) {
        measure->price = leg->side == PERP_SIDE_BUY ? market->bid : market->ask;
        return;
    }
    measure->slippage_bps =
        perp_max(0, sign_of(leg) * (measure->price - market->mid) / market->mid * BPS);
    e->max_slippage = perp_max(e->max_slippage, measure->slippage_bps);
}

/* The distance to the nearest settlement, before or after. */
static int64_t nearest_settlement(const struct perp_market_view *market, int64_t now) {
    if (market->funding.continuous)
        return PERP_TIME_NONE;
    int64_t interval = market->funding_interval_ns, next = market->funding.next_ns;
    int64_t offset; /* from now to the first settlement that is not before it */
    if (__builtin_sub_overflow(next, now, &offset) || offset < 0 || offset >= interval) {
        offset = (next % interval - now % interval) % interval;
        if (offset < 0)
            offset += interval;
    }
    return offset < interval - offset ? offset : interval - offset;
}

/* How many settlements within the holding time count; of income only the first ones. */
static double settlements_of(const struct perp_eval *e, const struct perp_market_view *market,
                             bool income) {
    if (e->now == PERP_TIME_NONE)
        return 0;
    double n =
        perp_settlements_between(&market->funding, market->funding_interval_ns, e->now, e->until);
    return income ? perp_min(n, MOST_INCOME) : n;
}

static void measure_funding(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_market_view *market = &measure->market;
    uint32_t kind = kind_of(e, n);
    measure->settlement_distance = PERP_TIME_NONE;
    measure->settlements = 0;
    e->has_perp = e->has_perp || kind == PERP_KIND_PERP;
    bool known = market->has_funding && !market->rate_is_old;
    if (kind == PERP_KIND_PERP && !known)
        e->rate_unknown = true;
    if (!known || kind == PERP_KIND_SPOT)
        return;
    double paid = sign_of(leg) * e->weights[n] * market->funding.rate * BPS;
    measure->settlements = settlements_of(e, market, paid < 0);
    e->funding_bps += paid * measure->settlements;
    e->carry_bps += paid * (8 / market->funding.interval_h);
    measure->settlement_distance = nearest_settlement(market, e->now);
}

static void measure_latency(struct perp_eval *e, uint32_t n) {
    struct perp_leg_measure *measure = &e->legs[n];
    perp_market_latency(e->core->market, e->job->legs[n].exchange, e->now, false,
                        &measure->latency);
    if (measure->latency.samples == 0)
        e->latency_unknown = true;
    else
        e->max_latency = perp_max(e->max_latency, measure->latency.mean);
}

static void measure_volatility(struct perp_eval *e, uint32_t n) {
    double volatility = e->legs[n].market.volatility;
    if (isnan(volatility))
        e->volatility_unknown = true;
    else
        e->max_volatility = perp_max(e->max_volatility, volatility);
}

bool perp_job_basis(const struct perp_job_entry *job, const double mids[PERP_MAX_LEGS],
                    double *basis_bps) {
    if (job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return false;
    double mean = 0, apart = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (job->legs[i].base != job->legs[0].base)
            return false;
        mean += mids[i] / job->n_legs;
        apart += sign_of(&job->legs[i]) * weight_of(job, i) * mids[i];
    }
    *basis_bps = -apart / mean * BPS;
    return isfinite(*basis_bps);
}

void perp_job_note_basis(const perp_core *core, struct perp_job_entry *job, int64_t now) {
    double mids[PERP_MAX_LEGS];
    (void)now; /* a mid has no age */
    job->has_basis = false;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (!perp_market_mid(core->market, job->legs[i].instrument, &mids[i]))
            return;
    }
    job->has_basis = perp_job_basis(job, mids, &job->basis_bps);
    if (!job->has_basis)
        job->basis_bps = 0;
}

/* An edge that went while the job waited is not traded on. */
static double edge_of_now(const struct perp_eval *e) {
    double mids[PERP_MAX_LEGS], basis;
    if (!e->job->has_basis || e->missing)
        return e->job->edge_bps;
    for (uint32_t i = 0; i < e->job->n_legs; i++)
        mids[i] = e->legs[i].market.mid;
    if (!perp_job_basis(e->job, mids, &basis))
        return e->job->edge_bps;
    return e->job->edge_bps - perp_max(0, e->job->basis_bps - basis);
}

/* The position before and after a leg, also where no market data is there. */
static void measure_position(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    struct perp_open open;
    perp_position_of(e->core, leg->instrument, &measure->market, &open);
    perp_add_running(e->core, e->plan, e->job, leg->instrument, &open.holding);
    perp_add_legs(e, n, leg->instrument, &open.holding);
    measure->position_before = open.holding.quantity;
    perp_holding_trade(&open.holding, perp_signed(leg->side, perp_leg_unfilled(&leg->row)),
                       measure->price);
    measure->position = open.holding.quantity;
    measure->entry = open.holding.entry;
}

void perp_eval_measure(struct perp_eval *e) {
    const struct perp_job_entry *job = e->job;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        struct perp_leg_measure *measure = &e->legs[i];
        perp_market_read_leg(e->core->market, leg->instrument, e->now, leg->side, leg->quantity,
                             &measure->market, &measure->price, &measure->depth);
        if (!measure->market.has_quote)
            e->missing = true;
        measure_price(e, i);
        measure_latency(e, i);
    }
    for (uint32_t i = 0; i < job->n_legs; i++)
        measure_position(e, i);
    e->reducing = perp_job_is_reducing(e->core, e->plan, e->job);
    e->edge_bps = edge_of_now(e);
    if (e->missing)
        return;
    e->until = perp_ns_after(e->now, (int64_t)llround(job->holding_hours * NS_PER_H));
    /* What is held must be left again. */
    double trips = job->holding_hours > 0 ? 2 : 1;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_leg_measure *measure = &e->legs[i];
        e->weights[i] = weight_of(job, i);
        measure_funding(e, i);
        measure_volatility(e, i);
        e->cost_bps += e->weights[i] * (measure->slippage_bps + measure->fee_bps) * trips;
    }
    e->cost_bps += e->funding_bps;
    perp_eval_liquidation(e);
}
