/* The score components and what is made of them. */
#include "risk/risk.h"

#include <math.h>

#include "util/num.h"

/* 100 at nothing, 60 at the limit, 0 from twice the limit on. A limit of 0 allows nothing. */
static double ramp(double x, double limit) {
    if (!(limit > 0))
        return x > 0 ? 0 : 100;
    double used = x / limit;
    if (used <= 1)
        return 100 - 40 * used;
    return used <= 2 ? 60 - 60 * (used - 1) : 0;
}

static double score_funding(const struct perp_eval *e) {
    if (!e->has_perp)
        return 100;
    if (e->rate_unknown)
        return 50;
    return isnan(e->carry_bps) ? 0
                               : ramp(perp_max(0, e->carry_bps), e->limits->max_funding_carry_bps);
}

static double score_spread(const struct perp_eval *e) {
    return ramp(e->max_slippage, e->limits->max_slippage_bps);
}

static double score_volatility(const struct perp_eval *e) {
    return e->volatility_unknown ? 50 : ramp(e->max_volatility, e->limits->volatility_threshold);
}

static double score_latency(const struct perp_eval *e) {
    return e->latency_unknown ? 50 : ramp(e->max_latency, e->limits->max_latency_ms);
}

static double score_of_distance(const perp_risk_config *config, double distance) {
    if (distance > 0)
        return ramp(config->min_liquidation_distance / distance, 1);
    return config->min_liquidation_distance > 0 ? 0 : 100;
}

static double score_leverage(const struct perp_eval *e) {
    return score_of_distance(e->config, e->min_distance);
}

static double score_drawdown(const struct perp_eval *e) {
    return ramp(e->day.drawdown, e->config->max_drawdown_pct);
}

static double score_failures(const struct perp_eval *e) {
    return ramp(e->risk->failures, e->config->max_consecutive_failures);
}

double perp_score_of(const struct perp_eval *e, uint32_t component) {
    switch (component) {
#define PERP_X(NAME, name, weight)                                                                 \
    case PERP_COMPONENT_##NAME:                                                                    \
        return score_##name(e);
        PERP_COMPONENT_LIST(PERP_X)
#undef PERP_X
    default:
        return NAN;
    }
}

double perp_safety_at_best(const perp_risk_config *config, double distance) {
    double leverage = score_of_distance(config, distance), safety = 0;
    for (uint32_t i = 0; i < PERP_COMPONENT_COUNT; i++) /* summed as in perp_eval_scores */
        safety += config->weights[i] * (i == PERP_COMPONENT_LEVERAGE ? leverage : 100);
    return safety;
}

/* What is needed of the day's volume, in steps of 0.01, upward: a step that is missed by no more
   than rounding is not taken. */
static double need_of(double share) {
    return ceil(perp_min(1, perp_max(0, share)) * 100 - 1e-7) / 100;
}

double perp_volume_need(const perp_risk_config *config, perp_usd volume) {
    double target = (double)config->daily_volume_target;
    return config->daily_volume_target > 0 ? need_of((target - (double)volume) / target) : 1;
}

void perp_eval_scores(struct perp_eval *e) {
    const perp_risk_config *config = e->config;
    double safety = 0;
#define PERP_X(NAME, name, weight)                                                                 \
    e->components[PERP_COMPONENT_##NAME] = score_##name(e);                                        \
    safety += config->weights[PERP_COMPONENT_##NAME] * e->components[PERP_COMPONENT_##NAME];
    PERP_COMPONENT_LIST(PERP_X)
#undef PERP_X
    e->safety = safety;
    double size = perp_min(1, (double)e->job->est_volume / (double)config->volume_reference_usd);
    e->volume = 100 * size * perp_volume_need(config, e->day.volume);
    e->final = e->limits->safety_weight * e->safety + e->limits->volume_weight * e->volume;
}
