/* The fields of the state as JSON, by the types that their tables give. */
#include <math.h>
#include <string.h>

#include "monitor/monitor.h"
#include "util/digits.h"

/* Of a text: two quotes and 36 bytes. */
#define UUID_ROOM 38

void perp_out_begin(struct perp_out *out, const char *key, size_t length) {
    if (perp_json_text_key(&out->text, key, length, 1))
        *out->text.at++ = '{';
}

void perp_out_begin_list(struct perp_out *out, const char *key, size_t length) {
    if (perp_json_text_key(&out->text, key, length, 1))
        *out->text.at++ = '[';
}

void perp_out_begin_named(struct perp_out *out, const char *name) {
    perp_json_text_name(&out->text, name);
    perp_json_text_put(&out->text, "{", 1);
}

void perp_out_begin_item(struct perp_out *out) {
    perp_json_text_item(&out->text);
    perp_json_text_put(&out->text, "{", 1);
}

void perp_out_end(struct perp_out *out) {
    perp_json_text_put(&out->text, "}", 1);
}

void perp_out_end_list(struct perp_out *out) {
    perp_json_text_put(&out->text, "]", 1);
}

void perp_out_item(struct perp_out *out, const char *text) {
    perp_json_text_item(&out->text);
    perp_json_text_string(&out->text, text);
}

static void put_null(struct perp_json_text *text) {
    perp_json_text_put(text, "null", 4);
}

void perp_out_text(struct perp_out *out, const char *key, size_t length, const char *value) {
    if (!perp_json_text_key(&out->text, key, length, 4))
        return;
    if (value)
        perp_json_text_string(&out->text, value);
    else
        put_null(&out->text);
}

/* Where a number may be written: the end of the key, with room for digits; else NULL. */
static inline char *place(struct perp_out *out, const char *key, size_t length) {
    return perp_json_text_key(&out->text, key, length, PERP_DIGITS_ROOM) ? out->text.at : NULL;
}

void perp_out_usd(struct perp_out *out, const char *key, size_t length, perp_usd value) {
    char *at = place(out, key, length);
    if (at)
        out->text.at = perp_digits_usd(at, value);
}

void perp_out_limit(struct perp_out *out, const char *key, size_t length, perp_usd value) {
    if (value)
        perp_out_usd(out, key, length, value);
    else
        perp_out_text(out, key, length, NULL);
}

void perp_out_number(struct perp_out *out, const char *key, size_t length, double value) {
    if (!isfinite(value)) {
        perp_out_text(out, key, length, NULL);
        return;
    }
    char *at = place(out, key, length);
    if (at)
        out->text.at = perp_digits_double(at, value);
}

/* Money that is no ledger's, rounded to the micro-dollar. */
void perp_out_worth(struct perp_out *out, const char *key, size_t length, double usd) {
    if (isfinite(usd) && fabs(usd) < 9e12)
        perp_out_usd(out, key, length, llround(usd * (double)PERP_USD));
    else
        perp_out_text(out, key, length, NULL);
}

void perp_out_integer(struct perp_out *out, const char *key, size_t length, int32_t value) {
    char *at = place(out, key, length);
    if (at)
        out->text.at = perp_digits_int64(at, value);
}

void perp_out_count(struct perp_out *out, const char *key, size_t length, uint64_t value) {
    char *at = place(out, key, length);
    if (at)
        out->text.at = perp_digits_uint64(at, value);
}

void perp_out_named_count(struct perp_out *out, const char *name, uint64_t value) {
    perp_json_text_name(&out->text, name);
    if (perp_json_text_room(&out->text, PERP_DIGITS_ROOM))
        out->text.at = perp_digits_uint64(out->text.at, value);
}

void perp_out_named_number(struct perp_out *out, const char *name, double value) {
    perp_json_text_name(&out->text, name);
    if (!isfinite(value))
        put_null(&out->text);
    else if (perp_json_text_room(&out->text, PERP_DIGITS_ROOM))
        out->text.at = perp_digits_double(out->text.at, value);
}

void perp_out_flag(struct perp_out *out, const char *key, size_t length, uint32_t value) {
    if (perp_json_text_key(&out->text, key, length, 5))
        perp_json_text_put(&out->text, value ? "true" : "false", value ? 4 : 5);
}

void perp_out_time(struct perp_out *out, const char *key, size_t length, int64_t value) {
    if (value == PERP_TIME_NONE) {
        perp_out_text(out, key, length, NULL);
        return;
    }
    if (!perp_json_text_key(&out->text, key, length, PERP_DIGITS_ROOM + 2))
        return;
    *out->text.at++ = '"';
    out->text.at = perp_digits_time(out->text.at, value);
    *out->text.at++ = '"';
}

void perp_out_name(struct perp_out *out, const char *key, size_t length, const char *value) {
    perp_out_text(out, key, length, value);
}

void perp_out_uuid(struct perp_out *out, const char *key, size_t length, perp_uuid value) {
    if (!perp_json_text_key(&out->text, key, length, UUID_ROOM + 1))
        return;
    *out->text.at++ = '"';
    perp_uuid_format(&value, out->text.at);
    out->text.at += UUID_ROOM - 2;
    *out->text.at++ = '"';
}

void perp_out_one_job(struct perp_out *out, const char *key, size_t length, perp_one_job value) {
    if (value.given)
        perp_out_uuid(out, key, length, value.job_id);
    else
        perp_out_text(out, key, length, NULL);
}

void perp_out_reason(struct perp_out *out, const char *key, size_t length, uint32_t value) {
    uint32_t number = value - PERP_REASON_HOST_1;
    bool is_host = number < PERP_MAX_HOST_RULES && out->host_rules && out->host_rules[number][0];
    const char *text = is_host ? out->host_rules[number] : perp_reason_string(value);
    perp_out_text(out, key, length, value == PERP_REASON_NONE ? NULL : text);
}

/* The fields whose values are names of a closed list. */
#define LISTED(type, string)                                                                       \
    void perp_out_##type(struct perp_out *out, const char *key, size_t length, uint32_t value) {   \
        perp_out_text(out, key, length, string(value));                                            \
    }
LISTED(system, perp_system_string)
LISTED(mode, perp_mode_string)
LISTED(circuit, perp_circuit_string)
LISTED(api, perp_api_string)
LISTED(strategy, perp_strategy_string)
LISTED(state, perp_job_state_string)
