/* The rule table as JSON, with the limits in force. */
#include "risk/risk.h"

#include <math.h>
#include <stddef.h>

#include "util/json.h"

/* What a rule is held against, and what it does where its input is missing. */
enum limit_kind {
    NO_LIMIT,
    DOUBLE, /* in the mode, the risk or the scheduler part, at the offset */
    COUNT,
    MILLISECONDS,
    DAILY_LOSS
};

enum limit_place { NOWHERE, IN_MODE, IN_RISK, IN_SCHEDULER };

struct rule_limit {
    enum limit_kind kind;
    enum limit_place place;
    size_t offset;
    const char *name;
    bool fails_without; /* no equity, no positions, no quote: nothing shows that the job may run */
};

#define MODE(field) DOUBLE, IN_MODE, offsetof(perp_mode_limits, field), #field, false
#define RISK(kind, field) kind, IN_RISK, offsetof(perp_risk_config, field), #field, false

static const struct rule_limit limits[PERP_REASON_RULES_END] = {
    [PERP_REASON_NO_MARKET_DATA] = {NO_LIMIT, NOWHERE, 0, NULL, true},
    [PERP_REASON_STALE_QUOTE] = {RISK(MILLISECONDS, max_quote_age_ms)},
    [PERP_REASON_NOTIONAL_MISMATCH] = {RISK(DOUBLE, notional_tolerance)},
    [PERP_REASON_DAILY_LOSS] = {DAILY_LOSS, NOWHERE, 0, "daily_loss_limit", false},
    [PERP_REASON_LIQUIDATION_DISTANCE] = {RISK(DOUBLE, min_liquidation_distance)},
    [PERP_REASON_INSUFFICIENT_CAPITAL] = {NO_LIMIT, NOWHERE, 0, NULL, true},
    [PERP_REASON_AUTO_HALT] = {RISK(COUNT, max_consecutive_failures)},
    [PERP_REASON_EDGE_TOO_SMALL] = {MODE(min_edge_bps)},
    [PERP_REASON_NOT_REBALANCING] = {DOUBLE, IN_SCHEDULER,
                                     offsetof(perp_scheduler_config, hedge_tolerance),
                                     "hedge_tolerance", true},
    [PERP_REASON_COST_EXCEEDS_EDGE] = {MODE(max_acceptable_loss_bps)},
    [PERP_REASON_FUNDING_CARRY] = {MODE(max_funding_carry_bps)},
    [PERP_REASON_FUNDING_BLACKOUT] = {RISK(DOUBLE, blackout_minutes)},
    [PERP_REASON_SLIPPAGE] = {MODE(max_slippage_bps)},
    [PERP_REASON_SPREAD_BLOWOUT] = {MODE(max_spread_ratio)},
    [PERP_REASON_FAST_MARKET] = {MODE(volatility_threshold)},
    [PERP_REASON_LATENCY] = {MODE(max_latency_ms)},
    [PERP_REASON_LEVERAGE] = {MODE(max_leverage)},
    [PERP_REASON_DRAWDOWN] = {RISK(DOUBLE, max_drawdown_pct)},
    [PERP_REASON_LOW_SAFETY] = {MODE(min_safety_score)},
};

static const void *limit_at(const perp_core *core, const struct rule_limit *limit) {
    const perp_risk_config *risk = &core->config.risk;
    const void *place = limit->place == IN_MODE   ? (const void *)&risk->modes[risk->mode]
                        : limit->place == IN_RISK ? (const void *)risk
                                                  : (const void *)&core->config.scheduler;
    return (const char *)place + limit->offset;
}

static bool put_limit(cJSON *json, const perp_core *core, const struct rule_limit *limit) {
    perp_usd loss;
    switch (limit->kind) {
    case DOUBLE:
        return perp_json_add_double(json, "limit", *(const double *)limit_at(core, limit));
    case COUNT:
        return perp_json_add_int64(json, "limit", *(const uint32_t *)limit_at(core, limit));
    case MILLISECONDS:
        return perp_json_add_int64(json, "limit", *(const int64_t *)limit_at(core, limit));
    case DAILY_LOSS:
        (void)perp_risk_loss(core, &loss);
        if (loss > 0)
            return perp_json_add_usd(json, "limit", loss);
        break;
    case NO_LIMIT:
        break;
    }
    return cJSON_AddNullToObject(json, "limit") != NULL;
}

struct rule_text {
    const char *name;
    bool hard, reducing_passes, needs_market;
};

static const struct rule_text texts[PERP_REASON_RULES_END] = {
#define PERP_X(NAME, number, text, is_hard, reducing, market)                                      \
    [PERP_REASON_##NAME] = {text, (is_hard) != 0, (reducing) != 0, (market) != 0},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

static const char *missing_input(uint32_t reason) {
    if (texts[reason].needs_market)
        return "not held";
    return limits[reason].fails_without ? "fails" : "passes";
}

static bool put_rule(cJSON *rules, const perp_core *core, uint32_t reason) {
    const char *limit_name = limits[reason].name;
    cJSON *json = cJSON_CreateObject();
    if (!json || !cJSON_AddItemToArray(rules, json)) {
        cJSON_Delete(json);
        return false;
    }
    return cJSON_AddStringToObject(json, "name", texts[reason].name) &&
           cJSON_AddBoolToObject(json, "hard", texts[reason].hard) &&
           cJSON_AddBoolToObject(json, "reducing_passes", texts[reason].reducing_passes) &&
           cJSON_AddStringToObject(json, "missing_input", missing_input(reason)) &&
           put_limit(json, core, &limits[reason]) &&
           (limit_name ? cJSON_AddStringToObject(json, "limit_name", limit_name)
                       : cJSON_AddNullToObject(json, "limit_name")) &&
           perp_json_add_uint64(json, "fired_today", core->risk->fired_today[reason]);
}

static cJSON *describe(const perp_core *core) {
    cJSON *root = cJSON_CreateObject();
    bool done =
        root && cJSON_AddStringToObject(root, "mode", perp_mode_string(core->config.risk.mode));
    cJSON *rules = done ? cJSON_AddArrayToObject(root, "rules") : NULL;
    done = rules != NULL;
    for (uint32_t i = 0; i < PERP_RULE_COUNT && done; i++)
        done = put_rule(rules, core, perp_rules[i]);
    if (done)
        return root;
    cJSON_Delete(root);
    return NULL;
}

perp_status perp_risk_describe_json(const perp_risk *risk, char *buffer, size_t capacity,
                                    size_t *length) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    const perp_core *core = risk->core;
    if (!length || (capacity && !buffer))
        return perp_fail(core, PERP_E_INVALID, "describe: NULL");
    perp_read_begin(core);
    cJSON *json = describe(core);
    perp_read_end(core);
    perp_status status = perp_json_finish(json, buffer, capacity, length);
    if (status == PERP_E_RANGE)
        return perp_fail(core, status, "describe: needs %zu bytes, has %zu", *length + 1, capacity);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "describe: no memory");
}
