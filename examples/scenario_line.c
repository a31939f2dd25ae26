/* One line of a scenario: its shape, the values of its fields, its faults and its answer. */
#include "scenario.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/num.h"
#include "util/text.h"

#define NS_PER_US 1000
#define SHOWN 64
#define MAX_FIELDS 64

/* ---- Faults --------------------------------------------------------------------------------- */

bool line_fail(struct line *line, perp_status status, const char *format, ...) {
    va_list arguments;
    if (line->status != PERP_OK)
        return false;
    line->status = status;
    va_start(arguments, format);
    (void)vsnprintf(line->message, sizeof line->message, format, arguments);
    va_end(arguments);
    return false;
}

void line_late(struct line *line, perp_status status, const char *format, ...) {
    va_list arguments;
    /* PERP_E_RANGE comes last of all. */
    if (line->late == PERP_E_INVALID || line->late == status)
        return;
    line->late = status;
    va_start(arguments, format);
    (void)vsnprintf(line->late_message, sizeof line->late_message, format, arguments);
    va_end(arguments);
}

bool line_ready(struct line *line) {
    if (line->status == PERP_OK && line->late != PERP_OK)
        (void)line_fail(line, line->late, "%s", line->late_message);
    return line->status == PERP_OK;
}

bool line_did(struct line *line, perp_status status) {
    return status == PERP_OK || line_fail(line, status, "%s", perp_core_error(line->run->core));
}

/* ---- Shape ---------------------------------------------------------------------------------- */

/* One field of a list of fields. */
struct wanted {
    const char *name;
    size_t length;
    bool optional;
    char type;
};

static bool next_wanted(const char **fields, struct wanted *field) {
    const char *at = *fields + strspn(*fields, " ");
    if (*at == '\0')
        return false;
    field->name = at;
    field->length = strcspn(at, "?:");
    at += field->length;
    field->optional = *at == '?';
    at += field->optional ? 2 : 1;
    field->type = *at;
    *fields = at + 1;
    return true;
}

static bool is_integer(const cJSON *item) {
    bool negative;
    uint64_t magnitude;
    return perp_json_is_number(item) && perp_text_to_exact(perp_json_text(item), 0, &negative,
                                                           &magnitude) != PERP_EXACT_DECIMALS;
}

static bool has_type(const cJSON *item, char type) {
    switch (type) {
    case 's':
        return perp_json_is_string(item);
    case 'n':
        return perp_json_is_number(item);
    case 'i':
        return is_integer(item);
    case 'b':
        return cJSON_IsBool(item);
    case 'o':
        return cJSON_IsObject(item);
    default:
        return cJSON_IsArray(item);
    }
}

static const char *type_name(char type) {
    switch (type) {
    case 's':
        return "a string";
    case 'n':
        return "a number";
    case 'i':
        return "an integer";
    case 'b':
        return "true or false";
    case 'o':
        return "an object";
    default:
        return "a list";
    }
}

/* The fields of both lists in one array. */
static size_t all_wanted(const char *fields, const char *more, struct wanted all[MAX_FIELDS]) {
    size_t n = 0;
    while (n < MAX_FIELDS && next_wanted(&fields, &all[n]))
        n++;
    while (n < MAX_FIELDS && next_wanted(&more, &all[n]))
        n++;
    return n;
}

bool line_shape(struct line *line, const cJSON *object, const char *fields, const char *more) {
    struct wanted all[MAX_FIELDS];
    size_t n = all_wanted(fields, more, all);
    uint64_t seen = 0;
    char shown[SHOWN];
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        size_t i = 0;
        while (i < n && (strlen(item->string) != all[i].length ||
                         memcmp(item->string, all[i].name, all[i].length) != 0))
            i++;
        if (i < n && !(seen >> i & 1) && has_type(item, all[i].type)) {
            seen |= UINT64_C(1) << i;
            continue;
        }
        perp_text_show(item->string, shown, sizeof shown);
        if (i == n)
            return line_fail(line, PERP_E_INVALID, "%s%s: an unknown field", line->path, shown);
        if (seen >> i & 1)
            return line_fail(line, PERP_E_INVALID, "%s%s: given twice", line->path, shown);
        return line_fail(line, PERP_E_INVALID, "%s%s: must be %s", line->path, shown,
                         type_name(all[i].type));
    }
    for (size_t i = 0; i < n; i++)
        if (!(seen >> i & 1) && !all[i].optional)
            return line_fail(line, PERP_E_INVALID, "%s%.*s: is missing", line->path,
                             (int)all[i].length, all[i].name);
    return true;
}

bool line_enter(struct line *line, const cJSON *entry, const char *list, size_t index,
                const char *fields) {
    (void)snprintf(line->path, sizeof line->path, "%s[%zu].", list, index);
    line->at = entry;
    if (!cJSON_IsObject(entry))
        return line_fail(line, PERP_E_INVALID, "%s[%zu]: must be an object", list, index);
    return line_shape(line, entry, fields, "");
}

void line_leave(struct line *line) {
    line->path[0] = '\0';
    line->at = line->json;
}

/* ---- Values --------------------------------------------------------------------------------- */

static const cJSON *get(const struct line *line, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(line->at, name);
}

static void late_value(struct line *line, perp_status status, const char *name, const cJSON *item,
                       const char *why) {
    char shown[SHOWN];
    perp_text_show(perp_json_text(item), shown, sizeof shown);
    line_late(line, status, "%s%s: %s %s", line->path, name, shown, why);
}

bool line_has(const struct line *line, const char *name) {
    return get(line, name) != NULL;
}

const char *line_text(const struct line *line, const char *name) {
    const cJSON *item = get(line, name);
    return item ? item->valuestring : NULL;
}

bool line_flag(const struct line *line, const char *name) {
    return cJSON_IsTrue(get(line, name));
}

double line_finite(struct line *line, const cJSON *number, const char *name) {
    double value = 0;
    if (!perp_json_double(number, &value))
        late_value(line, PERP_E_INVALID, name, number, "is not finite");
    return value;
}

double line_number(struct line *line, const char *name, double fallback) {
    const cJSON *item = get(line, name);
    return item ? line_finite(line, item, name) : fallback;
}

perp_usd line_money(struct line *line, const char *name, perp_usd fallback) {
    const cJSON *item = get(line, name);
    perp_usd amount = fallback;
    bool range = false;
    if (item && !perp_json_usd(item, &amount, &range))
        late_value(line, range ? PERP_E_RANGE : PERP_E_INVALID, name, item,
                   range ? "is more than fits" : "has more than six decimals");
    return amount;
}

perp_usd line_rounded_money(struct line *line, const char *name, perp_usd fallback) {
    const cJSON *item = get(line, name);
    perp_usd amount = fallback;
    bool range = false;
    if (item && !perp_json_usd(item, &amount, &range) &&
        (range || !perp_usd_from_double(line_finite(line, item, name), &amount)))
        late_value(line, PERP_E_RANGE, name, item, "is more than fits");
    return amount;
}

int64_t line_integer(struct line *line, const char *name, int64_t low, int64_t high,
                     int64_t fallback) {
    const cJSON *item = get(line, name);
    int64_t value = fallback;
    if (item && (!perp_json_int64(item, &value) || value < low || value > high)) {
        late_value(line, PERP_E_RANGE, name, item, "is out of range");
        return fallback;
    }
    return value;
}

uint32_t line_limit(struct line *line, const char *name) {
    return (uint32_t)line_integer(line, name, 0, PERP_NO_ID - 1, PERP_NO_ID);
}

perp_usd line_money_limit(struct line *line, const char *name) {
    perp_usd amount = line_money(line, name, -1);
    /* The library's -1 stands for "not given": it must not come from a line that gives it. */
    if (amount < 0 && line_has(line, name))
        late_value(line, PERP_E_RANGE, name, get(line, name), "is below 0");
    return amount;
}

int64_t line_time_ns(struct line *line, const char *name, int64_t fallback_ns) {
    if (!line_has(line, name))
        return fallback_ns;
    return NS_PER_US * line_integer(line, name, INT64_MIN / NS_PER_US, INT64_MAX / NS_PER_US, 0);
}

perp_uuid line_uuid(struct line *line, const char *name) {
    const cJSON *item = get(line, name);
    perp_uuid uuid = {{0}};
    if (item && !perp_json_uuid(item, &uuid))
        late_value(line, PERP_E_INVALID, name, item, "is not a UUID");
    return uuid;
}

void line_name(struct line *line, const char *name, char out[PERP_NAME_SIZE]) {
    const char *text = line_text(line, name);
    if (!text)
        return;
    if (strlen(text) < PERP_NAME_SIZE)
        (void)strcpy(out, text);
    else
        late_value(line, PERP_E_INVALID, name, get(line, name), "has more than 63 bytes");
}

uint32_t line_choice(struct line *line, const char *name, const char *(*text_of)(uint32_t),
                     uint32_t count, uint32_t fallback) {
    const char *text = line_text(line, name);
    if (!text)
        return fallback;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(text, text_of(i)) == 0)
            return i;
    late_value(line, PERP_E_INVALID, name, get(line, name), "is unknown");
    return fallback;
}

/* ---- What the line addresses ---------------------------------------------------------------- */

perp_exchange_id line_exchange(struct line *line) {
    const char *name = line_text(line, "exchange");
    perp_exchange_id id = PERP_ALL_EXCHANGES;
    if (name && line->status == PERP_OK)
        (void)line_did(line, perp_exchange_find(line->run->core, name, &id));
    return id;
}

perp_instrument_id line_instrument(struct line *line) {
    return line_instrument_on(line, line_exchange(line));
}

perp_instrument_id line_instrument_on(struct line *line, perp_exchange_id exchange) {
    perp_instrument_id id = PERP_NO_ID;
    if (line->status == PERP_OK)
        (void)line_did(
            line, perp_instrument_find(line->run->core, exchange, line_text(line, "symbol"), &id));
    return id;
}

void line_addresses_job(struct line *line, const perp_uuid *job_id, uint32_t states) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_uuid unknown = {{0}};
    if (line->late == PERP_OK || line->status != PERP_OK ||
        memcmp(job_id, &unknown, sizeof unknown) == 0)
        return;
    if (!line_did(line, perp_scheduler_job(perp_core_scheduler(line->run->core), job_id, &info)))
        return;
    if (!(states >> info.state & 1))
        (void)line_fail(line, PERP_E_NOT_FOUND, "job_id: the job is %s",
                        perp_job_state_string(info.state));
}

void line_addresses_open_job(struct line *line, const perp_uuid *job_id) {
    perp_job_info info = {.struct_size = sizeof info};
    line_addresses_job(line, job_id, ~0U);
    if (line->late != PERP_OK && line->status == PERP_OK &&
        perp_scheduler_job(perp_core_scheduler(line->run->core), job_id, &info) == PERP_OK &&
        info.n_lots == 0)
        (void)line_fail(line, PERP_E_NOT_FOUND, "job_id: nothing of the job is open");
}

void line_addresses_reservation(struct line *line, uint64_t id) {
    perp_capital *capital = perp_core_capital(line->run->core);
    perp_reservation *rows;
    uint32_t count = 0;
    bool found = false;
    if (line->late == PERP_OK || line->status != PERP_OK ||
        !line_did(line, perp_capital_reservations(capital, PERP_ALL_EXCHANGES, NULL, 0, &count)))
        return;
    rows = calloc((size_t)count + 1, sizeof *rows);
    if (!rows) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    if (line_did(line, perp_capital_reservations(capital, PERP_ALL_EXCHANGES, rows, count, &count)))
        for (uint32_t i = 0; i < count && !found; i++)
            found = rows[i].id == id;
    free(rows);
    if (!found)
        (void)line_fail(line, PERP_E_NOT_FOUND, "reservation: %" PRIu64 " is not known", id);
}

/* Numbers become raw text, which cJSON prints as it is. */
static void unmark_numbers(cJSON *item) {
    cJSON *child;
    if (perp_json_is_number(item)) {
        memmove(item->valuestring, item->valuestring + 1, strlen(item->valuestring));
        item->type = (item->type & ~0xFF) | cJSON_Raw;
    }
    cJSON_ArrayForEach(child, item) unmark_numbers(child);
}

char *line_take_text(struct line *line, cJSON *part) {
    char *text;
    unmark_numbers(part);
    text = cJSON_PrintUnformatted(part);
    if (!text)
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    return text;
}

/* ---- The answer ----------------------------------------------------------------------------- */

static void note(struct line *line, bool done) {
    line->no_memory = line->no_memory || !done;
}

void put_text(struct line *line, cJSON *object, const char *name, const char *text) {
    note(line, text ? cJSON_AddStringToObject(object, name, text) != NULL
                    : cJSON_AddNullToObject(object, name) != NULL);
}

void put_flag(struct line *line, cJSON *object, const char *name, bool value) {
    note(line, cJSON_AddBoolToObject(object, name, value) != NULL);
}

void put_number(struct line *line, cJSON *object, const char *name, double value) {
    note(line, perp_json_add_double(object, name, value));
}

void put_money(struct line *line, cJSON *object, const char *name, perp_usd amount) {
    note(line, perp_json_add_usd(object, name, amount));
}

void put_count(struct line *line, cJSON *object, const char *name, uint64_t value) {
    note(line, perp_json_add_uint64(object, name, value));
}

void put_uuid(struct line *line, cJSON *object, const char *name, const perp_uuid *uuid) {
    char text[37];
    perp_uuid_format(uuid, text);
    put_text(line, object, name, text);
}

cJSON *put_object(struct line *line, cJSON *object, const char *name) {
    cJSON *made = cJSON_AddObjectToObject(object, name);
    note(line, made != NULL);
    return made;
}

cJSON *put_list(struct line *line, cJSON *object, const char *name) {
    cJSON *made = cJSON_AddArrayToObject(object, name);
    note(line, made != NULL);
    return made;
}

/* Takes over what is added. */
static cJSON *add(struct line *line, cJSON *list, cJSON *item) {
    bool added = item && cJSON_AddItemToArray(list, item);
    note(line, added);
    if (added)
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *add_object(struct line *line, cJSON *list) {
    return add(line, list, cJSON_CreateObject());
}

void add_text(struct line *line, cJSON *list, const char *text) {
    (void)add(line, list, cJSON_CreateString(text));
}

void add_uuid(struct line *line, cJSON *list, const perp_uuid *uuid) {
    char text[37];
    perp_uuid_format(uuid, text);
    add_text(line, list, text);
}

void add_number(struct line *line, cJSON *list, double value) {
    cJSON *item = cJSON_CreateNumber(value);
    if (!item || !list || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        line->no_memory = true;
    }
}

void exchange_name(const struct line *line, perp_exchange_id id, char name[PERP_NAME_SIZE]) {
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    name[0] = '\0';
    if (perp_exchange_get(line->run->core, id, &spec) == PERP_OK)
        memcpy(name, spec.name, PERP_NAME_SIZE);
}

void put_refusal(struct line *line, const perp_refusal *refusal) {
    char name[PERP_NAME_SIZE];
    exchange_name(line, refusal->exchange, name);
    put_text(line, line->answer, "refused", perp_reason_string(refusal->reason));
    put_text(line, line->answer, "exchange", name);
    put_text(line, line->answer, "pool", perp_pool_string(refusal->pool));
    put_money(line, line->answer, "asked", refusal->asked);
    put_money(line, line->answer, "limit", refusal->limit);
}
