/* The rule table as JSON, with the limits in force. */
#include "risk/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/order.h"
#include "risk/controls.def"
#include "util/json.h"
#include "util/num.h"

static const char *const senses[] = {NULL,
#define PERP_X(NAME, text) text,
                                     PERP_SENSE_LIST(PERP_X)
#undef PERP_X
};

const char *perp_sense_text(uint32_t sense) {
    return sense < sizeof senses / sizeof *senses ? senses[sense] : NULL;
}

static const char *const ways_out[] = {
#define PERP_X(NAME, text) text,
    PERP_WAY_OUT_LIST(PERP_X)
#undef PERP_X
};

/* A row, with the limit in force; NaN: it has none. */
struct row {
    const char *name, *scope, *value, *unit, *limit_unit;
    double limit;
    const char *limit_name;
    uint32_t reason;
    enum perp_way_out way_out;
    enum perp_unknown unknown;
    uint32_t sense;
    bool hard, market;
};

#define LIMIT_MODE(name) PERP_SETTING_MODE(settings, name), #name
#define LIMIT_RISK(name) PERP_SETTING_RISK(settings, name), #name
#define LIMIT_RISK_USD(name) PERP_SETTING_RISK_USD(settings, name), #name
#define LIMIT_SCHEDULER(name) PERP_SETTING_SCHEDULER(settings, name), #name
#define LIMIT_LOSS(name) daily_loss, #name
#define LIMIT_NONE(name) NAN, NULL

static bool add_text(cJSON *json, const char *key, const char *text) {
    return (text && *text ? cJSON_AddStringToObject(json, key, text)
                          : cJSON_AddNullToObject(json, key)) != NULL;
}

/* ---- Controls -----------------------------------------------------------------------------------
 */

struct control {
    const char *regulation, *article, *control, *what, *duty;
};

static const struct control controls[] = {
#define PERP_X(regulation, article, control, what, duty) {regulation, article, control, what, duty},
    PERP_CONTROL_LIST(PERP_X)
#undef PERP_X
};

static const struct {
    const char *name, *what;
} mechanisms[] = {
#define PERP_X(name, what) {name, what},
    PERP_MECHANISM_LIST(PERP_X)
#undef PERP_X
};

/* Whether a list of words has one. */
static bool has_word(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* The controls that a rule or a reason of the gate is a part of. */
static bool put_controls_of(cJSON *json, const char *name) {
    cJSON *list = cJSON_AddArrayToObject(json, "controls");
    for (size_t i = 0; list && i < sizeof controls / sizeof *controls; i++) {
        char text[64];
        if (!has_word(controls[i].what, name))
            continue;
        snprintf(text, sizeof text, "%s %s", controls[i].regulation, controls[i].article);
        cJSON *item = cJSON_CreateString(text);
        if (!item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return list != NULL;
}

static bool put_control(cJSON *list, const struct control *control) {
    cJSON *json = cJSON_CreateObject();
    if (!json || !cJSON_AddItemToArray(list, json)) {
        cJSON_Delete(json);
        return false;
    }
    return add_text(json, "regulation", control->regulation) &&
           add_text(json, "article", control->article) &&
           add_text(json, "control", control->control) && add_text(json, "what", control->what) &&
           add_text(json, "duty", control->duty);
}

static bool put_controls(cJSON *root) {
    cJSON *list = cJSON_AddArrayToObject(root, "controls");
    for (size_t i = 0; list && i < sizeof controls / sizeof *controls; i++)
        if (!put_control(list, &controls[i]))
            return false;
    cJSON *named = list ? cJSON_AddObjectToObject(root, "mechanisms") : NULL;
    for (size_t i = 0; named && i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (!cJSON_AddStringToObject(named, mechanisms[i].name, mechanisms[i].what))
            return false;
    return named != NULL;
}

static bool put_refusals(cJSON *json, uint64_t today, uint64_t last) {
    return perp_json_add_uint64(json, "fired_today", today) &&
           perp_json_add_time(json, "last_refused", last ? (int64_t)last : PERP_TIME_NONE);
}

/* ---- Rules --------------------------------------------------------------------------------------
 */

static const char *missing_input(const struct row *row) {
    if (row->market)
        return "not held";
    return row->unknown == PERP_UNKNOWN_FAILS ? "fails" : "passes";
}

static uint64_t fired_today(const perp_core *core, uint32_t reason) {
    return reason < PERP_REASON_HOST_1
               ? core->risk->refused_today[reason]
               : core->host_names[reason - PERP_REASON_HOST_1].refused_today;
}

static bool put_rule(cJSON *rules, const perp_core *core, const struct row *row) {
    bool passes = row->way_out == PERP_WAY_OUT_PASSES || row->way_out == PERP_WAY_OUT_NEEDS_NONE ||
                  row->way_out == PERP_WAY_OUT_REDUCING;
    cJSON *json = cJSON_CreateObject();
    if (!json || !cJSON_AddItemToArray(rules, json)) {
        cJSON_Delete(json);
        return false;
    }
    return add_text(json, "name", row->name) && cJSON_AddBoolToObject(json, "hard", row->hard) &&
           cJSON_AddBoolToObject(json, "reducing_passes", passes) &&
           add_text(json, "missing_input", missing_input(row)) &&
           perp_json_add_double(json, "limit", row->limit) &&
           add_text(json, "limit_name", row->limit_name) &&
           put_refusals(json, fired_today(core, row->reason),
                        core->risk->refused_last[row->reason]) &&
           put_controls_of(json, row->name) && add_text(json, "scope", row->scope) &&
           add_text(json, "way_out", ways_out[row->way_out]) &&
           add_text(json, "value", row->value) && add_text(json, "unit", row->unit) &&
           add_text(json, "sense", perp_sense_text(row->sense)) &&
           add_text(json, "limit_unit", row->limit_unit) &&
           add_text(json, "unknown", row->unknown == PERP_UNKNOWN_FAILS ? "fails" : "passes");
}

static struct row host_row(const perp_core *core, uint32_t reason) {
    const struct perp_host_entry *own = &core->risk->host[reason - PERP_REASON_HOST_1];
    return (struct row){.name = perp_reason_name(core, reason),
                        .scope = "host",
                        .value = own->value,
                        .unit = own->unit,
                        .limit = NAN,
                        .reason = reason,
                        .way_out = own->repairs_pass ? PERP_WAY_OUT_PASSES : PERP_WAY_OUT_REDUCING,
                        .unknown = PERP_UNKNOWN_FAILS,
                        .sense = PERP_SENSE_NONE,
                        .hard = own->hard};
}

static bool put_rules(cJSON *rules, const perp_core *core) {
    const perp_risk_config *risk = &core->config.risk;
    const struct perp_settings *settings =
        &(struct perp_settings){&risk->modes[risk->mode], risk, &core->config.scheduler};
    perp_usd loss;
    (void)perp_risk_loss(core, &loss);
    double daily_loss = loss > 0 ? perp_usd_to_double(loss) : NAN;
    const struct row rows[PERP_RULE_COUNT] = {
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, value, unit, sense,      \
               place, limit, limit_unit)                                                           \
    {text,                                                                                         \
     #scope,                                                                                       \
     value,                                                                                        \
     unit,                                                                                         \
     limit_unit,                                                                                   \
     LIMIT_##place(limit),                                                                         \
     number,                                                                                       \
     PERP_WAY_OUT_##way_out,                                                                       \
     PERP_UNKNOWN_##unknown,                                                                       \
     PERP_SENSE_##sense,                                                                           \
     PERP_RULE_##hard == PERP_RULE_HARD,                                                           \
     PERP_RULE_##market == PERP_RULE_MARKET},
        PERP_RULE_LIST(PERP_X)
#undef PERP_X
    };
    uint32_t all[PERP_MAX_RULES], n = perp_rules_all(core->risk, all);
    const struct row *next = rows; /* all has the library's in the order of the rows */
    for (uint32_t i = 0; i < n; i++) {
        struct row own;
        bool is_host = all[i] >= PERP_REASON_HOST_1;
        if (is_host)
            own = host_row(core, all[i]);
        if (!put_rule(rules, core, is_host ? &own : next++))
            return false;
    }
    return true;
}

/* ---- The gate -----------------------------------------------------------------------------------
 */

/* A reason of the gate, with the setting that is its limit; NaN: it has none of the book's. */
struct gate {
    uint32_t number;
    const char *limit_name;
    double limit;
};

static bool put_gate(cJSON *list, const perp_core *core, const struct gate *gate) {
    const perp_orders *orders = core->orders;
    cJSON *json = cJSON_CreateObject();
    if (!json || !cJSON_AddItemToArray(list, json)) {
        cJSON_Delete(json);
        return false;
    }
    return add_text(json, "name", perp_gate_string(gate->number)) &&
           add_text(json, "unit", perp_gate_unit(gate->number)) &&
           perp_json_add_double(json, "limit", gate->limit) &&
           add_text(json, "limit_name", gate->limit_name) &&
           put_refusals(json, orders->refused_today[gate->number],
                        orders->refused_last[gate->number]) &&
           put_controls_of(json, perp_gate_string(gate->number));
}

static bool put_gates(cJSON *root, const perp_core *core) {
    const perp_orders_config *config = &core->config.orders;
    cJSON *list = cJSON_AddArrayToObject(root, "gate");
    const struct gate gates[] = {
#define PERP_X(NAME, number, text, unit)                                                           \
    {number,                                                                                       \
     number == PERP_GATE_PRICE_COLLAR   ? "price_collar_bps"                                       \
     : number == PERP_GATE_ORDER_VALUE  ? "max_order_usd"                                          \
     : number == PERP_GATE_REPEATED     ? "repeat_limit"                                           \
     : number == PERP_GATE_NO_REFERENCE ? "max_quote_age_ms"                                       \
                                        : NULL,                                                    \
     number == PERP_GATE_PRICE_COLLAR   ? config->price_collar_bps                                 \
     : number == PERP_GATE_ORDER_VALUE  ? perp_usd_to_double(config->max_order_usd)                \
     : number == PERP_GATE_REPEATED     ? (double)config->repeat_limit                             \
     : number == PERP_GATE_NO_REFERENCE ? (double)core->config.risk.max_quote_age_ms               \
                                        : (double)NAN},
        PERP_GATE_LIST(PERP_X)
#undef PERP_X
    };
    for (size_t i = 0; list && i < sizeof gates / sizeof *gates; i++)
        if (!put_gate(list, core, &gates[i]))
            return false;
    return list != NULL;
}

static cJSON *describe(const perp_core *core) {
    cJSON *root = cJSON_CreateObject();
    bool done =
        root && cJSON_AddStringToObject(root, "mode", perp_mode_string(core->config.risk.mode));
    cJSON *rules = done ? cJSON_AddArrayToObject(root, "rules") : NULL;
    if (rules && put_rules(rules, core) && put_gates(root, core) && put_controls(root))
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
