/* An evaluation as JSON: every number, and the limit it was held against. */
#include "risk/rules.h"

#include <math.h>
#include <stdio.h>

#include "util/json.h"
#include "util/sized.h"

static bool add_reasons(const perp_core *core, cJSON *object, uint64_t reasons) {
    cJSON *list = cJSON_AddArrayToObject(object, "reasons");
    bool done = list != NULL;
    uint32_t rules[PERP_MAX_RULES], n = perp_rules_all(core->risk, rules);
    for (uint32_t i = 0; i < n; i++)
        if (reasons & PERP_REASON_BIT(rules[i]))
            done = done &&
                   cJSON_AddItemToArray(list, cJSON_CreateString(perp_reason_name(core, rules[i])));
    return done;
}

/* What the numbers of a rule are: those who read a stored decision have no other table. */
struct rule_text {
    const char *name, *unit;
    uint32_t sense;
};

static struct rule_text text_of(const perp_core *core, const perp_evaluation *evaluation,
                                uint32_t reason) {
    static const struct rule_text texts[PERP_REASON_RULES_END] = {
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, value, unit, sense, ...) \
    [number] = {text, unit, PERP_SENSE_##sense},
        PERP_RULE_LIST(PERP_X)
#undef PERP_X
    };
    if (reason < PERP_REASON_RULES_END)
        return texts[reason];
    uint32_t number = reason - PERP_REASON_HOST_1;
    return (struct rule_text){perp_reason_name(core, reason), core->risk->host[number].unit,
                              evaluation->host_senses[number]};
}

static bool add_rule(cJSON *list, const struct rule_text *rule, const perp_rule_evaluation *found) {
    static const char *const results[] = {"not_held", "passes", "fails"};
    bool held = found->result == PERP_RULE_PASSES || found->result == PERP_RULE_FAILS;
    const char *sense = perp_sense_text(rule->sense);
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return false;
    }
    return cJSON_AddStringToObject(object, "name", rule->name) &&
           cJSON_AddStringToObject(object, "result", results[held ? found->result : 0]) &&
           perp_json_add_double(object, "value", held ? found->value : NAN) &&
           perp_json_add_double(object, "limit", held ? found->limit : NAN) &&
           cJSON_AddStringToObject(object, "unit", rule->unit) &&
           (sense ? cJSON_AddStringToObject(object, "sense", sense)
                  : cJSON_AddNullToObject(object, "sense")) &&
           (held && found->leg != PERP_NO_ID ? perp_json_add_uint64(object, "leg", found->leg)
                                             : cJSON_AddNullToObject(object, "leg") != NULL);
}

static bool add_rules(const perp_core *core, cJSON *object, const perp_evaluation *evaluation) {
    cJSON *list = cJSON_AddArrayToObject(object, "rules");
    bool done = list != NULL;
    uint32_t rules[PERP_MAX_RULES], n = perp_rules_all(core->risk, rules);
    for (uint32_t i = 0; i < n && done; i++) {
        struct rule_text text = text_of(core, evaluation, rules[i]);
        done = add_rule(list, &text, &evaluation->rules[rules[i]]);
    }
    return done;
}

static bool add_leg(const perp_core *core, cJSON *list, const perp_leg_evaluation *leg) {
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(list, object))
        return false;
    bool done =
        cJSON_AddStringToObject(object, "exchange", core->exchanges[leg->exchange].spec.name);
    done = done && cJSON_AddStringToObject(object, "symbol",
                                           perp_instrument_at(core, leg->instrument)->spec.symbol);
#define PERP_X(name) done = done && perp_json_add_double(object, #name, leg->name);
    PERP_X(price)
    PERP_X(mid)
    PERP_X(slippage_bps)
    PERP_X(fee_bps)
    PERP_X(funding_rate)
    PERP_X(funding_settlements)
    PERP_X(volatility)
    PERP_X(latency_ms)
    PERP_X(spread_bps)
    PERP_X(spread_baseline_bps)
    PERP_X(depth)
    PERP_X(leverage)
    PERP_X(position)
    PERP_X(entry_price)
    PERP_X(liquidation_price)
    PERP_X(liquidation_distance)
#undef PERP_X
    return done && perp_json_add_double(object, "quote_age_ms", (double)leg->quote_age_ns / 1e6);
}

static bool add_numbers(cJSON *object, const perp_evaluation *evaluation) {
    bool done = true;
#define PERP_X(name) done = done && perp_json_add_double(object, #name, evaluation->name);
    PERP_X(safety_score)
    PERP_X(volume_score)
    PERP_X(final_score)
    PERP_X(cost_bps)
    PERP_X(carry_bps)
    PERP_X(funding_bps)
    PERP_X(expected_edge_bps)
    PERP_X(edge_bps)
    PERP_X(drawdown)
#undef PERP_X
    cJSON *components = cJSON_AddObjectToObject(object, "components");
    for (uint32_t i = 0; i < PERP_COMPONENT_COUNT; i++)
        done = done && perp_json_add_double(components, perp_component_string(i),
                                            evaluation->components[i]);
    cJSON *limits = cJSON_AddObjectToObject(object, "limits");
#define PERP_X(name, conservative, balanced, aggressive, low, high)                                \
    done = done && perp_json_add_double(limits, #name, evaluation->limits.name);
    PERP_MODE_LIMIT_LIST(PERP_X)
#undef PERP_X
    return done && components && limits;
}

static bool add_capital(const perp_core *core, cJSON *object, const perp_refusal *refusal) {
    if (refusal->reason == PERP_REASON_NONE)
        return cJSON_AddNullToObject(object, "capital") != NULL;
    cJSON *capital = cJSON_AddObjectToObject(object, "capital");
    return capital &&
           cJSON_AddStringToObject(capital, "refused", perp_reason_string(refusal->reason)) &&
           cJSON_AddStringToObject(capital, "exchange",
                                   core->exchanges[refusal->exchange].spec.name) &&
           cJSON_AddStringToObject(capital, "pool", perp_pool_string(refusal->pool)) &&
           perp_json_add_usd(capital, "asked", refusal->asked) &&
           perp_json_add_usd(capital, "limit", refusal->limit);
}

static bool fill(const perp_core *core, cJSON *object, const perp_evaluation *evaluation) {
    bool done =
        cJSON_AddStringToObject(object, "decision", evaluation->accepted ? "accept" : "reject");
    done = done &&
           (evaluation->reason ? cJSON_AddStringToObject(object, "reason",
                                                         perp_reason_name(core, evaluation->reason))
                               : cJSON_AddNullToObject(object, "reason"));
    done = done && add_reasons(core, object, evaluation->reasons);
    done = done && cJSON_AddBoolToObject(object, "override", evaluation->override_used != 0);
    done = done && cJSON_AddBoolToObject(object, "reducing", evaluation->reducing != 0);
    done = done && cJSON_AddStringToObject(object, "mode", perp_mode_string(evaluation->mode));
    done = done && add_numbers(object, evaluation);
    done = done && perp_json_add_usd(object, "daily_loss", evaluation->daily_loss);
    done = done && perp_json_add_usd(object, "daily_loss_limit", evaluation->daily_loss_limit);
    done = done && cJSON_AddNumberToObject(object, "consecutive_failures",
                                           evaluation->consecutive_failures);
    done = done && add_capital(core, object, &evaluation->capital);
    done = done && add_rules(core, object, evaluation);
    cJSON *legs = cJSON_AddArrayToObject(object, "legs");
    for (uint32_t i = 0; i < evaluation->n_legs && done; i++)
        done = add_leg(core, legs, &evaluation->legs[i]);
    return done && legs;
}

static cJSON *evaluation_json(const perp_core *core, const perp_evaluation *evaluation) {
    cJSON *object = cJSON_CreateObject();
    if (object && !fill(core, object, evaluation)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

char *perp_eval_json(const struct perp_eval *e) {
    perp_evaluation evaluation;
    perp_eval_explain(e, &evaluation);
    cJSON *object = evaluation_json(e->core, &evaluation);
    char *text = object ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    return text;
}

perp_status perp_evaluation_json(const perp_core *core, const perp_evaluation *given, char *buffer,
                                 size_t capacity, size_t *length) {
    if (!core || !length || (capacity && !buffer))
        return perp_fail(core, PERP_E_INVALID, "evaluation: NULL");
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    if (!given || !perp_struct_in(&evaluation, sizeof evaluation, given))
        return perp_fail(core, PERP_E_INVALID, "evaluation: NULL, or struct_size is not known");
    for (uint32_t i = 0; i < evaluation.n_legs; i++)
        if (evaluation.n_legs > PERP_MAX_LEGS ||
            evaluation.legs[i].exchange >= perp_n_exchanges(core) ||
            evaluation.legs[i].instrument >= perp_n_instruments(core))
            return perp_fail(core, PERP_E_INVALID, "evaluation.legs[%u]: not of this book", i);
    if (evaluation.capital.reason && evaluation.capital.exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_INVALID, "evaluation.capital: not of this book");
    perp_read_begin(core);
    cJSON *object = evaluation_json(core, &evaluation);
    perp_read_end(core);
    perp_status status = perp_json_finish(object, buffer, capacity, length);
    if (status == PERP_E_RANGE)
        return perp_fail(core, status, "evaluation: needs %zu bytes, has %zu", *length + 1,
                         capacity);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "evaluation: no memory");
}
