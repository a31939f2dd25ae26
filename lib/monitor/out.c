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

void perp_out_usd(struct perp_out *out, cJSON *object, const char *name, perp_usd amount) {
    keep(out, object && perp_json_add_usd(object, name, amount));
}

void perp_out_limit(struct perp_out *out, cJSON *object, const char *name, perp_usd amount) {
    if (amount)
        perp_out_usd(out, object, name, amount);
    else
        perp_out_text(out, object, name, NULL);
}

void perp_out_number(struct perp_out *out, cJSON *object, const char *name, double value) {
    keep(out, object && perp_json_add_double(object, name, value));
}

void perp_out_count(struct perp_out *out, cJSON *object, const char *name, uint64_t value) {
    keep(out, object && perp_json_add_uint64(object, name, value));
}

void perp_out_flag(struct perp_out *out, cJSON *object, const char *name, bool value) {
    (void)add(out, object, name, cJSON_CreateBool(value));
}

void perp_out_time(struct perp_out *out, cJSON *object, const char *name, int64_t time_ns) {
    keep(out, object && perp_json_add_time(object, name, time_ns));
}
