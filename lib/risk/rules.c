/* The risk rules (limits are written so that a NaN fails): one small function each, and the table
   that puts them in their order. Adding one is a row in PERP_RULE_LIST and a function here, named
   after it. Each is true where the job fails it. */
#include "risk/risk.h"

#include <math.h>

#include "util/num.h"

#define NS_PER_MINUTE (60.0 * 1e9)
#define NS_PER_H (3600.0 * 1e9)

static const struct perp_job_leg *leg_of(const struct perp_eval *e, uint32_t n) {
    return &e->job->legs[n];
}

#define EACH_LEG(e, i) (uint32_t i = 0; i < (e)->job->n_legs; i++)

static bool rule_KILLED(const struct perp_eval *e) {
    return e->risk->killed || (e->risk->killed_exchanges & e->job->exchanges);
}

static bool rule_SELF_TRADE(const struct perp_eval *e) {
    return perp_job_self_trades(e->job, e->core) ||
           perp_job_meets_running(e->job, e->core, e->plan);
}

static bool rule_BLACKLISTED(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (e->risk->blacklist[perp_instrument_at(e->core, leg_of(e, i)->instrument)->symbol])
                return true;
    return false;
}

static bool rule_UNRESOLVED_LEG(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (e->risk->unresolved[leg_of(e, i)->base])
                return true;
    return false;
}

static bool host_says_down(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (perp_market_api(e->core->market, leg_of(e, i)->exchange) == PERP_API_DOWN)
                return true;
    return false;
}

static bool rule_EXCHANGE_DOWN(const struct perp_eval *e) {
    if (host_says_down(e))
        return true;
    for
        EACH_LEG(e, i) {
            perp_exchange_id exchange = leg_of(e, i)->exchange;
            uint32_t circuit = perp_circuit_at(e->core, exchange, e->now);
            if (circuit == PERP_CIRCUIT_OPEN || (circuit == PERP_CIRCUIT_HALF_OPEN &&
                                                 perp_running_jobs(e->core, e->plan, exchange)))
                return true;
        }
    return false;
}

static bool rule_NO_MARKET_DATA(const struct perp_eval *e) {
    return e->missing;
}

static bool rule_STALE_QUOTE(const struct perp_eval *e) {
    int64_t most = e->config->max_quote_age_ms * PERP_NS_PER_MS;
    for
        EACH_LEG(e, i) {
            int64_t age = perp_ns_since(e->legs[i].market.quote_time, e->now);
            if (age > most || age < -most)
                return true;
        }
    return false;
}

static bool rule_NOTIONAL_MISMATCH(const struct perp_eval *e) {
    for
        EACH_LEG(e, i) {
            double worth = leg_of(e, i)->quantity * e->legs[i].market.mid;
            double notional = perp_usd_to_double(leg_of(e, i)->notional);
            if (!isfinite(worth) ||
                !(fabs(notional - worth) <= e->config->notional_tolerance * worth))
                return true;
        }
    return false;
}

static bool rule_DAILY_LOSS(const struct perp_eval *e) {
    return e->day.daily_loss;
}

static bool rule_LIQUIDATION_DISTANCE(const struct perp_eval *e) {
    return perp_eval_too_close(e);
}

/* The only rule that leaves a trace: the ledger's refusal is part of the explanation. */
static bool rule_INSUFFICIENT_CAPITAL(const struct perp_eval *e) {
    perp_refusal *refusal = &((struct perp_eval *)(uintptr_t)e)->capital;
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n;
    if (e->reducing)
        return false; /* it needs nothing */
    if (e->job->is_repair)
        return perp_repair_need(e->core, e->job, needs) &&
               !perp_capital_has(e->core->capital, e->plan, needs, refusal);
    if (!perp_job_needs(e->core, e->job, needs, &n))
        return true;
    for (uint32_t i = 0; i < n; i++)
        if (!perp_capital_passes(e->core->capital, e->plan, &needs[i], refusal))
            return true;
    return false;
}

static bool rule_AUTO_HALT(const struct perp_eval *e) {
    return e->risk->auto_halt;
}

static bool rule_EDGE_TOO_SMALL(const struct perp_eval *e) {
    return e->job->strategy == PERP_STRATEGY_ARB && e->job->edge_bps < e->limits->min_edge_bps;
}

/* Bought and sold of leg n's base. */
static void base_sums(const struct perp_eval *e, uint32_t n, double sums[PERP_SIDE_COUNT]) {
    sums[PERP_SIDE_BUY] = sums[PERP_SIDE_SELL] = 0;
    for
        EACH_LEG(e, i)
            if (leg_of(e, i)->base == leg_of(e, n)->base)
                sums[leg_of(e, i)->side] += leg_of(e, i)->quantity;
}

static bool rule_NOT_REBALANCING(const struct perp_eval *e) {
    if (e->job->strategy != PERP_STRATEGY_HEDGE_REBALANCE)
        return false;
    for
        EACH_LEG(e, i) {
            double sums[PERP_SIDE_COUNT];
            base_sums(e, i, sums);
            double change = sums[PERP_SIDE_BUY] - sums[PERP_SIDE_SELL];
            double tolerance = e->core->config.scheduler.hedge_tolerance;
            if (fabs(change) <= tolerance * perp_max(sums[PERP_SIDE_BUY], sums[PERP_SIDE_SELL]))
                continue;
            double net = perp_base_net(e->core, e->plan, leg_of(e, i)->base, e->now);
            if (!(fabs(net + change) < fabs(net)))
                return true;
        }
    return false;
}

static bool rule_COST_EXCEEDS_EDGE(const struct perp_eval *e) {
    return e->job->strategy != PERP_STRATEGY_HEDGE_REBALANCE &&
           !(e->job->edge_bps >= e->cost_bps - e->limits->max_acceptable_loss_bps);
}

static bool rule_FUNDING_CARRY(const struct perp_eval *e) {
    return !(e->carry_bps <= e->limits->max_funding_carry_bps);
}

static bool rule_FUNDING_BLACKOUT(const struct perp_eval *e) {
    if (!(e->config->blackout_minutes > 0))
        return false;
    for
        EACH_LEG(e, i) {
            if (e->legs[i].settlement_distance == PERP_TIME_NONE)
                continue;
            double most = perp_min(e->config->blackout_minutes * NS_PER_MINUTE,
                                   e->legs[i].market.funding.interval_h * NS_PER_H / 12);
            if ((double)e->legs[i].settlement_distance <= most)
                return true;
        }
    return false;
}

static bool rule_INSUFFICIENT_DEPTH(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (!leg_of(e, i)->maker && leg_of(e, i)->quantity > e->legs[i].depth)
                return true;
    return false;
}

static bool rule_SLIPPAGE(const struct perp_eval *e) {
    return !(e->max_slippage <= e->limits->max_slippage_bps);
}

static bool rule_SPREAD_BLOWOUT(const struct perp_eval *e) {
    for
        EACH_LEG(e, i) {
            const struct perp_market_view *market = &e->legs[i].market;
            if (!(market->spread_bps <= e->limits->max_spread_ratio * market->baseline_bps))
                return true;
        }
    return false;
}

static bool rule_FAST_MARKET(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (e->legs[i].market.volatility >= e->limits->volatility_threshold) /* NaN: unknown */
                return true;
    return false;
}

static bool rule_LATENCY(const struct perp_eval *e) {
    for
        EACH_LEG(e, i) {
            uint32_t api = perp_market_api(e->core->market, leg_of(e, i)->exchange);
            if (perp_is_delayed(api, &e->legs[i].latency, e->limits->max_latency_ms))
                return true;
        }
    return false;
}

static bool rule_LEVERAGE(const struct perp_eval *e) {
    for
        EACH_LEG(e, i)
            if (leg_of(e, i)->leverage > e->limits->max_leverage)
                return true;
    return false;
}

static bool rule_DRAWDOWN(const struct perp_eval *e) {
    return e->day.drawdown > e->config->max_drawdown_pct;
}

static bool rule_LOW_SAFETY(const struct perp_eval *e) {
    return !(e->safety >= e->limits->min_safety_score);
}

static const struct rule {
    bool (*fails)(const struct perp_eval *e);
    uint32_t reason;
    bool hard;
    bool reducing_passes;
    bool needs_market;
} rules[PERP_RULE_COUNT] = {
#define PERP_X(NAME, number, text, is_hard, reducing, market)                                      \
    {.fails = rule_##NAME,                                                                         \
     .reason = number,                                                                             \
     .hard = (is_hard) != 0,                                                                       \
     .reducing_passes = (reducing) != 0,                                                           \
     .needs_market = (market) != 0},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

/* Whether a reducing or repair job goes past a rule that it fails. */
static bool way_out(const struct perp_eval *e, const struct rule *rule) {
    if (!e->reducing && !e->job->is_repair)
        return false;
    if (rule->reason == PERP_REASON_EXCHANGE_DOWN)
        return !host_says_down(e);
    if (rule->reason == PERP_REASON_INSUFFICIENT_CAPITAL)
        return false; /* a reducing job needs none and can't fail it, a repair needs its own */
    return rule->reducing_passes;
}

void perp_eval_rules(struct perp_eval *e) {
    bool overridden = false;
    for (const struct rule *rule = rules; rule < rules + PERP_RULE_COUNT; rule++) {
        if ((e->missing && rule->needs_market) || !rule->fails(e))
            continue;
        e->reasons |= PERP_REASON_BIT(rule->reason);
        if (way_out(e, rule))
            continue;
        if (!rule->hard && e->override_holds)
            overridden = true;
        else if (e->reason == PERP_REASON_NONE)
            e->reason = rule->reason;
    }
    e->accepted = e->reason == PERP_REASON_NONE;
    e->override_used = e->accepted && overridden;
}
