/* Building JSON without a check at every field. */
#include "monitor/monitor.h"

/* An item that a parent does not take is freed here, so that nothing leaks where memory runs out.
 */
static cJSON *add(struct perp_out *out, cJSON *parent, const char *name, cJSON *item) {
    if (!out->failed && item && parent &&
        (name ? cJSON_AddItemToObject(parent, name, item) : cJSON_AddItemToArray(parent, item)))
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

static void keep(struct perp_out *out, bool done) {
    out->failed = out->failed || !done;
}

void perp_out_usd(struct perp_out *out, cJSON *object, const char *name, perp_usd value) {
    keep(out, object && perp_json_add_usd(object, name, value));
}

void perp_out_limit(struct perp_out *out, cJSON *object, const char *name, perp_usd value) {
    if (value)
        perp_out_usd(out, object, name, value);
    else
        perp_out_text(out, object, name, NULL);
}

void perp_out_number(struct perp_out *out, cJSON *object, const char *name, double value) {
    keep(out, object && perp_json_add_double(object, name, value));
}

void perp_out_integer(struct perp_out *out, cJSON *object, const char *name, int32_t value) {
    keep(out, object && perp_json_add_int64(object, name, value));
}

void perp_out_count(struct perp_out *out, cJSON *object, const char *name, uint64_t value) {
    keep(out, object && perp_json_add_uint64(object, name, value));
}

void perp_out_flag(struct perp_out *out, cJSON *object, const char *name, uint32_t value) {
    (void)add(out, object, name, cJSON_CreateBool(value != 0));
}

void perp_out_time(struct perp_out *out, cJSON *object, const char *name, int64_t value) {
    keep(out, object && perp_json_add_time(object, name, value));
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
    perp_out_text(out, object, name, value == PERP_REASON_NONE ? NULL : perp_reason_string(value));
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
