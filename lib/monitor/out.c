/* Building JSON without a check at every field. */
#include "monitor/monitor.h"

#include <math.h>

#include "util/text.h"

/* An item that a parent does not take is freed here, so that nothing leaks where memory runs out.
   Names are not copied. */
static cJSON *add(struct perp_out *out, cJSON *parent, const char *name, cJSON *item) {
    if (!out->failed && item && parent &&
        (name ? cJSON_AddItemToObjectCS(parent, name, item) : cJSON_AddItemToArray(parent, item)))
        return item;
    cJSON_Delete(item);
    out->failed = true;
    return NULL;
}

cJSON *perp_out_object(struct perp_out *out, cJSON *parent, const char *name) {
    return add(out, parent, name, cJSON_CreateObject());
}

cJSON *perp_out_array(struct perp_out *out, cJSON *parent, const char *name) {
    return add(out, parent, name, cJSON_CreateArray());
}

void perp_out_item(struct perp_out *out, cJSON *array, const char *text) {
    (void)add(out, array, NULL, cJSON_CreateString(text));
}

void perp_out_text(struct perp_out *out, cJSON *object, const char *name, const char *text) {
    (void)add(out, object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* A number that was written as perp_json_add_… write it. */
static void add_digits(struct perp_out *out, cJSON *object, const char *name, const char *digits) {
    (void)add(out, object, name, cJSON_CreateRaw(digits));
}

void perp_out_usd(struct perp_out *out, cJSON *object, const char *name, perp_usd value) {
    char digits[32];
    perp_text_usd(value, digits);
    add_digits(out, object, name, digits);
}

void perp_out_limit(struct perp_out *out, cJSON *object, const char *name, perp_usd value) {
    if (value)
        perp_out_usd(out, object, name, value);
    else
        perp_out_text(out, object, name, NULL);
}

void perp_out_number(struct perp_out *out, cJSON *object, const char *name, double value) {
    char digits[32];
    if (!isfinite(value)) {
        perp_out_text(out, object, name, NULL);
        return;
    }
    perp_text_double(value, digits);
    add_digits(out, object, name, digits);
}

/* Money that is no ledger's, rounded to the micro-dollar. */
void perp_out_worth(struct perp_out *out, cJSON *object, const char *name, double usd) {
    if (isfinite(usd) && fabs(usd) < 9e12)
        perp_out_usd(out, object, name, llround(usd * (double)PERP_USD));
    else
        perp_out_text(out, object, name, NULL);
}

void perp_out_integer(struct perp_out *out, cJSON *object, const char *name, int32_t value) {
    char digits[32];
    perp_text_int64(value, digits);
    add_digits(out, object, name, digits);
}

void perp_out_count(struct perp_out *out, cJSON *object, const char *name, uint64_t value) {
    char digits[32];
    perp_text_uint64(value, digits);
    add_digits(out, object, name, digits);
}

void perp_out_flag(struct perp_out *out, cJSON *object, const char *name, uint32_t value) {
    (void)add(out, object, name, cJSON_CreateBool(value != 0));
}

void perp_out_time(struct perp_out *out, cJSON *object, const char *name, int64_t value) {
    char text[40];
    if (value != PERP_TIME_NONE)
        perp_text_time(value, text);
    perp_out_text(out, object, name, value != PERP_TIME_NONE ? text : NULL);
}

void perp_out_name(struct perp_out *out, cJSON *object, const char *name, const char *value) {
    perp_out_text(out, object, name, value);
}

void perp_out_uuid(struct perp_out *out, cJSON *object, const char *name, perp_uuid value) {
    char text[37];
    perp_uuid_format(&value, text);
    perp_out_text(out, object, name, text);
}

void perp_out_one_job(struct perp_out *out, cJSON *object, const char *name, perp_one_job value) {
    if (value.given)
        perp_out_uuid(out, object, name, value.job_id);
    else
        perp_out_text(out, object, name, NULL);
}

void perp_out_reason(struct perp_out *out, cJSON *object, const char *name, uint32_t value) {
    uint32_t number = value - PERP_REASON_HOST_1;
    bool is_host = number < PERP_MAX_HOST_RULES && out->host_rules && out->host_rules[number][0];
    const char *text = is_host ? out->host_rules[number] : perp_reason_string(value);
    perp_out_text(out, object, name, value == PERP_REASON_NONE ? NULL : text);
}

/* The fields whose values are names of a closed list. */
#define LISTED(type, string)                                                                       \
    void perp_out_##type(struct perp_out *out, cJSON *object, const char *name, uint32_t value) {  \
        perp_out_text(out, object, name, string(value));                                           \
    }
LISTED(system, perp_system_string)
LISTED(mode, perp_mode_string)
LISTED(circuit, perp_circuit_string)
LISTED(api, perp_api_string)
LISTED(strategy, perp_strategy_string)
LISTED(state, perp_job_state_string)
