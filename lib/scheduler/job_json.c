/* Reading a job from JSON. Every fault is PERP_E_INVALID and names the field: a job that is not
   understood to the last name must not become an order. */
#include <perpcore/core.h>
#include <perpcore/scheduler.h>

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "util/json.h"
#include "util/sized.h"
#include "util/text.h"

#define US_TO_NS 1000

/* Where a field is read from: the object, and what stands before its names in a message. */
struct source {
    const perp_core *core;
    const cJSON *object;
    char path[16];
};

static const char *const job_names[] = {
    "job_id",     "strategy_type", "symbol",     "legs",   "notional",   "expected_edge_bps",
    "est_volume", "holding_hours", "created_at", "ttl_ms", "max_run_ms", "priority",
    "metadata",   "closes",        NULL};

static const char *const leg_names[] = {"exchange", "side",     "quantity", "symbol",
                                        "notional", "leverage", "maker",    NULL};

static bool fault(const struct source *from, const char *name, const char *why) {
    (void)perp_fail(from->core, PERP_E_INVALID, "%s%s: %s", from->path, name, why);
    return false;
}

/* A fault that shows a text from outside: what was given, or a name. */
static bool fault_value(const struct source *from, const char *name, const char *value,
                        const char *why) {
    char shown[56];
    perp_text_show(value, shown, sizeof shown);
    (void)perp_fail(from->core, PERP_E_INVALID, "%s%s: %s %s", from->path, name, shown, why);
    return false;
}

static const cJSON *field(const struct source *from, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(from->object, name);
}

static bool only_known(const struct source *from, const char *const *names) {
    const char *odd = perp_json_odd_name(from->object, names);
    char shown[56];
    if (!odd)
        return true;
    perp_text_show(odd, shown, sizeof shown);
    return fault(from, shown, "is an unknown or repeated name");
}

/* Each reader leaves *out as it is where an optional field is absent, and is false after a fault.
 */
static bool read_text(const struct source *from, const char *name, bool required,
                      const char **out) {
    const cJSON *item = field(from, name);
    if (!item)
        return !required || fault(from, name, "is missing");
    if (!perp_json_is_string(item))
        return fault(from, name, "must be a string");
    *out = item->valuestring;
    return true;
}

/* A number within low and high. */
static bool read_number(const struct source *from, const char *name, double low, double high,
                        double *out) {
    const cJSON *item = field(from, name);
    double value = 0;
    if (!item)
        return true;
    if (!perp_json_is_number(item))
        return fault(from, name, "must be a number");
    if (!perp_json_double(item, &value) || !(value >= low && value <= high))
        return fault_value(from, name, perp_json_text(item), "is out of range");
    *out = value;
    return true;
}

static bool read_integer(const struct source *from, const char *name, int64_t low, int64_t high,
                         int64_t *out) {
    const cJSON *item = field(from, name);
    int64_t value = 0;
    if (!item)
        return true;
    if (!perp_json_is_number(item))
        return fault(from, name, "must be an integer");
    if (!perp_json_int64(item, &value) || value < low || value > high)
        return fault_value(from, name, perp_json_text(item), "is no integer or out of range");
    *out = value;
    return true;
}

static bool read_money(const struct source *from, const char *name, perp_usd low, perp_usd *out) {
    const cJSON *item = field(from, name);
    perp_usd value = 0;
    bool range = false;
    if (!item)
        return true;
    if (!perp_json_is_number(item))
        return fault(from, name, "must be a number");
    if (!perp_json_usd(item, &value, &range))
        return fault_value(from, name, perp_json_text(item),
                           range ? "is out of range" : "has more than six decimals");
    if (value < low)
        return fault_value(from, name, perp_json_text(item),
                           low > 0 ? "is not above 0" : "is below 0");
    *out = value;
    return true;
}

static bool read_choice(const struct source *from, const char *name,
                        const char *(*text_of)(uint32_t), uint32_t count, uint32_t *out) {
    const char *text = NULL;
    if (!read_text(from, name, true, &text))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(text, text_of(i)) == 0) {
            *out = i;
            return true;
        }
    return fault_value(from, name, text, "is unknown");
}

static bool read_instrument(const struct source *from, const char *symbol,
                            perp_instrument_id *out) {
    const char *exchange_name = NULL;
    perp_exchange_id exchange = PERP_NO_ID;
    if (!read_text(from, "exchange", true, &exchange_name) ||
        !read_text(from, "symbol", false, &symbol))
        return false;
    if (!symbol)
        return fault(from, "symbol", "is missing, and the job has none");
    if (perp_exchange_find(from->core, exchange_name, &exchange) != PERP_OK)
        return fault_value(from, "exchange", exchange_name, "is unknown");
    if (perp_instrument_find(from->core, exchange, symbol, out) == PERP_OK)
        return true;
    return fault_value(from, "symbol", symbol, "is no instrument of the exchange");
}

static bool read_leg(const struct source *from, const char *symbol, perp_leg *leg) {
    const cJSON *maker = field(from, "maker");
    bool rests = false;
    if (!only_known(from, leg_names) || !read_instrument(from, symbol, &leg->instrument) ||
        !read_choice(from, "side", perp_side_string, PERP_SIDE_COUNT, &leg->side))
        return false;
    if (!field(from, "quantity"))
        return fault(from, "quantity", "is missing");
    if (!read_number(from, "quantity", 0, DBL_MAX, &leg->quantity) ||
        !read_money(from, "notional", 1, &leg->notional) ||
        !read_number(from, "leverage", 1, DBL_MAX, &leg->leverage))
        return false;
    if (!(leg->quantity > 0))
        return fault_value(from, "quantity", perp_json_text(field(from, "quantity")),
                           "is not above 0");
    if (maker && !perp_json_bool(maker, &rests))
        return fault(from, "maker", "must be true or false");
    leg->maker = rests ? 1 : 0;
    return true;
}

static bool read_legs(const struct source *from, perp_job *job) {
    const cJSON *legs = field(from, "legs");
    const cJSON *item = NULL;
    const char *symbol = NULL;
    if (!read_text(from, "symbol", false, &symbol))
        return false;
    if (!cJSON_IsArray(legs))
        return fault(from, "legs", legs ? "must be a list" : "is missing");
    cJSON_ArrayForEach(item, legs) {
        struct source leg = {from->core, item, ""};
        if (job->n_legs == PERP_MAX_LEGS)
            return fault(from, "legs", "has more than 8");
        (void)snprintf(leg.path, sizeof leg.path, "legs[%" PRIu32 "].", job->n_legs);
        if (!cJSON_IsObject(item))
            return fault(from, "legs", "has an entry that is not an object");
        if (!read_leg(&leg, symbol, &job->legs[job->n_legs]))
            return false;
        job->n_legs++;
    }
    return job->n_legs > 0 || fault(from, "legs", "is empty");
}

static bool read_metadata(const struct source *from, perp_job *job, char *buffer) {
    const char *text = NULL;
    size_t size;
    if (!read_text(from, "metadata", false, &text))
        return false;
    if (!text)
        return true;
    size = strlen(text);
    if (!buffer)
        return fault(from, "metadata", "is not taken here");
    if (size > PERP_MAX_METADATA)
        return fault(from, "metadata", "has more than 1024 bytes");
    memcpy(buffer, text, size);
    job->metadata = buffer;
    job->metadata_size = (uint32_t)size;
    return true;
}

static bool read_job(const struct source *from, perp_job *job, char *metadata_buffer) {
    const cJSON *id = field(from, "job_id");
    int64_t created_us = 0;
    int64_t priority = job->priority;
    if (!only_known(from, job_names))
        return false;
    if (!id)
        return fault(from, "job_id", "is missing");
    if (!perp_json_uuid(id, &job->job_id))
        return fault(from, "job_id", "must be a UUID");
    if (!field(from, "notional"))
        return fault(from, "notional", "is missing");
    if (!read_choice(from, "strategy_type", perp_strategy_string, PERP_STRATEGY_COUNT,
                     &job->strategy) ||
        !read_money(from, "notional", 1, &job->notional) ||
        !read_money(from, "est_volume", 0, &job->est_volume) ||
        !read_number(from, "expected_edge_bps", -DBL_MAX, DBL_MAX, &job->expected_edge_bps) ||
        !read_number(from, "holding_hours", 0, 8760, &job->holding_hours) ||
        !read_integer(from, "created_at", INT64_MIN / US_TO_NS, INT64_MAX / US_TO_NS,
                      &created_us) ||
        !read_integer(from, "ttl_ms", 0, INT64_MAX, &job->ttl_ms) ||
        !read_integer(from, "max_run_ms", 0, INT64_MAX, &job->max_run_ms) ||
        !read_integer(from, "priority", -100, 100, &priority) || !read_legs(from, job))
        return false;
    if (field(from, "closes") && !perp_json_uuid(field(from, "closes"), &job->closes))
        return fault(from, "closes", "must be a UUID");
    if (field(from, "created_at"))
        job->created_at_ns = created_us * US_TO_NS;
    job->priority = (int32_t)priority;
    return read_metadata(from, job, metadata_buffer);
}

perp_status perp_job_from_json(const perp_core *core, const char *text, size_t length,
                               perp_job *job, char *metadata_buffer) {
    const char *why = "";
    struct source from = {core, NULL, ""};
    perp_job read;
    cJSON *json;
    bool good;
    if (!core || !text || !job)
        return perp_fail(core, PERP_E_INVALID, "job: core, text and job must not be NULL");
    if (!perp_struct_fits(job, sizeof *job))
        return perp_fail(core, PERP_E_INVALID, "job: struct_size %u is not known (perp_job_init)",
                         job->struct_size);
    json = perp_json_parse(text, length, &why);
    if (!json && strcmp(why, PERP_JSON_NO_MEMORY) == 0)
        return perp_fail(core, PERP_E_NOMEM, "job: %s", why);
    if (!json)
        return perp_fail(core, PERP_E_INVALID, "job: not JSON: %s", why);
    from.object = json;
    perp_job_init(&read);
    good = cJSON_IsObject(json) ? read_job(&from, &read, metadata_buffer)
                                : fault(&from, "job", "must be an object");
    cJSON_Delete(json);
    if (!good)
        return PERP_E_INVALID;
    (void)perp_struct_out(job, &read, sizeof read);
    return PERP_OK;
}
