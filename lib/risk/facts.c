/* The numbers behind a decision: prices, cost, carry, per leg and for the job. */
#include "risk/risk.h"

#include <math.h>

#include "market/funding.h"
#include "util/num.h"

#define BPS 1e4
#define NS_PER_H (3600.0 * 1e9)

static bool is_spot(const struct perp_eval *e, uint32_t n) {
    return perp_instrument_at(e->core, e->job->legs[n].instrument)->spec.kind == PERP_KIND_SPOT;
}

static void measure_price(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    double sign = leg->side == PERP_SIDE_BUY ? 1 : -1;
    const struct perp_market_view *market = &measure->market;
    measure->fee_bps = perp_instrument_at(e->core, leg->instrument)->fee_bps[leg->maker ? 1 : 0];
    measure->slippage_bps = 0;
    if (leg->maker) {
        measure->price = leg->side == PERP_SIDE_BUY ? market->bid : market->ask;
        return;
    }
    measure->slippage_bps = perp_max(0, sign * (measure->price - market->mid) / market->mid * BPS);
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

static void measure_funding(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    measure->settlement_distance = PERP_TIME_NONE;
    measure->settlements = 0;
    if (!measure->market.has_funding || is_spot(e, n))
        return;
    const perp_funding *funding = &measure->market.funding;
    double sign = leg->side == PERP_SIDE_BUY ? 1 : -1;
    if (e->now != PERP_TIME_NONE)
        measure->settlements = perp_settlements_between(
            funding, measure->market.funding_interval_ns, e->now, e->until);
    double paid = sign * e->weights[n] * funding->rate * BPS;
    e->funding_bps += paid * measure->settlements;
    e->carry_bps += paid * (8 / funding->interval_h);
    e->has_rate = true;
    measure->settlement_distance = nearest_settlement(&measure->market, e->now);
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

void perp_eval_measure(struct perp_eval *e) {
    const struct perp_job_entry *job = e->job;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        struct perp_leg_measure *measure = &e->legs[i];
        perp_market_read_leg(e->core->market, leg->instrument, e->now, leg->side, leg->quantity,
                             &measure->market, &measure->price, &measure->depth);
        if (!measure->market.has_quote)
            e->missing = true;
        measure_latency(e, i);
    }
    if (e->missing)
        return;
    e->until = perp_ns_after(e->now, (int64_t)llround(job->holding_hours * NS_PER_H));
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_leg_measure *measure = &e->legs[i];
        e->weights[i] = (double)job->legs[i].notional / (double)job->notional;
        measure_price(e, i);
        measure_funding(e, i);
        measure_volatility(e, i);
        e->cost_bps += e->weights[i] * (measure->slippage_bps + measure->fee_bps);
    }
    e->cost_bps += e->funding_bps;
    perp_eval_liquidation(e);
    e->reducing = perp_eval_is_reducing(e);
}
