/* The numbers behind a decision: prices, cost, carry, per leg and for the job. */
#include "risk/risk.h"

#include <math.h>

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
    measure->slippage_bps = fmax(0, sign * (measure->price - market->mid) / market->mid * BPS);
    e->max_slippage = fmax(e->max_slippage, measure->slippage_bps);
}

/* The distance to the nearest settlement, before or after. */
static int64_t nearest_settlement(const perp_funding *funding, int64_t now) {
    int64_t interval = (int64_t)llround(funding->interval_h * NS_PER_H);
    if (funding->continuous || interval <= 0)
        return PERP_TIME_NONE;
    int64_t offset = (funding->next_ns % interval - now % interval) % interval;
    if (offset < 0)
        offset += interval;
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
    int64_t until = perp_ns_after(e->now, (int64_t)llround(e->job->holding_hours * NS_PER_H));
    if (perp_funding_settlements(funding, e->now, until, &measure->settlements) != PERP_OK)
        measure->settlements = 0; /* the feed was checked: its interval is positive */
    double paid = sign * e->weights[n] * funding->rate * BPS;
    e->funding_bps += paid * measure->settlements;
    e->carry_bps += paid * (8 / funding->interval_h);
    e->has_rate = true;
    measure->settlement_distance = nearest_settlement(funding, e->now);
}

static void measure_latency(struct perp_eval *e, uint32_t n) {
    struct perp_leg_measure *measure = &e->legs[n];
    perp_market_latency(e->core->market, e->job->legs[n].exchange, e->now, false,
                        &measure->latency);
    if (measure->latency.samples == 0)
        e->latency_unknown = true;
    else
        e->max_latency = fmax(e->max_latency, measure->latency.mean);
}

static void measure_volatility(struct perp_eval *e, uint32_t n) {
    double volatility = e->legs[n].market.volatility;
    if (isnan(volatility))
        e->volatility_unknown = true;
    else
        e->max_volatility = fmax(e->max_volatility, volatility);
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
    e->reducing = perp_job_is_reducing(e->core, job, e->now);
}
