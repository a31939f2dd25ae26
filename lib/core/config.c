#include "core/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "util/json.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

enum type { PPM, U32, I32, I64, F64, USD, BOOL, MODE, ON_REJECT, REBALANCE, POOLS };

/* One field; the numbers are as in JSON: fractions, dollars. */
struct field {
    const char *parent; /* path of the object that it stands in */
    const char *name;
    size_t offset; /* in perp_config */
    enum type type;
    double preset;
    double lowest;
    double highest;
};

static const struct field fields[] = {
#define FIELD(section, tag, name, member, type, preset, lowest, highest)                           \
    {#section, #name, offsetof(perp_config, section.member), type, preset, lowest, highest},
#include "core/config.def"
#undef FIELD

#define PERP_X(NAME, name, weight)                                                                 \
    {"risk.weights",                                                                               \
     #name,                                                                                        \
     offsetof(perp_config, risk.weights[PERP_COMPONENT_##NAME]),                                   \
     F64,                                                                                          \
     weight,                                                                                       \
     0,                                                                                            \
     1},
    PERP_COMPONENT_LIST(PERP_X)
#undef PERP_X

#define MODE_FIELD(MODE, text, name, preset, lowest, highest)                                      \
    {"risk.modes." text,                                                                           \
     #name,                                                                                        \
     offsetof(perp_config, risk.modes[PERP_MODE_##MODE].name),                                     \
     F64,                                                                                          \
     preset,                                                                                       \
     lowest,                                                                                       \
     highest},
#define CONSERVATIVE_FIELD(name, first, second, third, lowest, highest)                            \
    MODE_FIELD(CONSERVATIVE, "conservative", name, first, lowest, highest)
#define BALANCED_FIELD(name, first, second, third, lowest, highest)                                \
    MODE_FIELD(BALANCED, "balanced", name, second, lowest, highest)
#define AGGRESSIVE_FIELD(name, first, second, third, lowest, highest)                              \
    MODE_FIELD(AGGRESSIVE, "aggressive", name, third, lowest, highest)
        PERP_MODE_LIMIT_LIST(CONSERVATIVE_FIELD) PERP_MODE_LIMIT_LIST(BALANCED_FIELD)
            PERP_MODE_LIMIT_LIST(AGGRESSIVE_FIELD)};

#define N_FIELDS (sizeof fields / sizeof fields[0])

/* PERP_MODE_LIMIT_LIST has a column for each mode, and so has the table above. */
_Static_assert(PERP_MODE_COUNT == 3, "a mode has no fields");

static const char *on_reject_string(uint32_t value) {
    return value == PERP_ON_REJECT_KEEP ? "keep" : value == PERP_ON_REJECT_DROP ? "drop" : "?";
}

/* The names of the values of a field, or NULL where it has none. */
static const char *(*texts_of(enum type type))(uint32_t value) {
    return type == MODE        ? perp_mode_string
           : type == ON_REJECT ? on_reject_string
           : type == REBALANCE ? perp_pool_string
                               : NULL;
}

static double scale_of(enum type type) {
    return type == PPM || type == USD ? 1e6 : 1;
}

static size_t size_of(enum type type) {
    return type == I64 || type == F64 || type == USD ? 8 : 4;
}

/* A bound or default of a field as the field holds it (not of type F64). */
static int64_t held(const struct field *field, double value) {
    return (int64_t)round(value * scale_of(field->type));
}

static double get_double(const perp_config *config, const struct field *field) {
    double value;
    memcpy(&value, (const char *)config + field->offset, sizeof value);
    return value;
}

static int64_t get(const perp_config *config, const struct field *field) {
    const char *at = (const char *)config + field->offset;
    if (size_of(field->type) == 8) {
        int64_t value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    if (field->type == I32) {
        int32_t value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void set_double(perp_config *config, const struct field *field, double value) {
    memcpy((char *)config + field->offset, &value, sizeof value);
}

/* value is in the range of the field, so it fits. */
static void set(perp_config *config, const struct field *field, int64_t value) {
    char *at = (char *)config + field->offset;
    if (size_of(field->type) == 8) {
        memcpy(at, &value, sizeof value);
    } else if (field->type == I32) {
        int32_t narrow = (int32_t)value;
        memcpy(at, &narrow, sizeof narrow);
    } else {
        uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof narrow);
    }
}

static bool in_range(const struct field *field, int64_t value) {
    /* The pools between the two are no choice. */
    bool chosen = field->type != REBALANCE || value == PERP_POOL_WASH || value == PERP_POOL_RESERVE;
    return chosen && value >= held(field, field->lowest) && value <= held(field, field->highest);
}

static bool double_in_range(const struct field *field, double value) {
    return value >= field->lowest && value <= field->highest; /* NaN is not */
}

static perp_status out_of_range(const struct field *field, const char *value) {
    char lowest[32];
    char highest[32];
    char shown[48];
    perp_text_show(value, shown, sizeof shown);
    perp_text_double(field->lowest, lowest);
    perp_text_double(field->highest, highest);
    return perp_fail(NULL, PERP_E_CONFIG, "%s.%s: %s is out of range (%s to %s)", field->parent,
                     field->name, shown, lowest, highest);
}

void perp_config_init(perp_config *config) {
    if (config == NULL) {
        return;
    }
    memset(config, 0, sizeof *config);
    config->struct_size = sizeof *config;
    config->threading = PERP_THREADING_SERIALIZED;
    config->durability = PERP_DURABILITY_EVERY;
    config->checkpoint_every = 100000;
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].type == F64) {
            set_double(config, &fields[i], fields[i].preset);
        } else {
            set(config, &fields[i], held(&fields[i], fields[i].preset));
        }
    }
}

static perp_status check_field(const perp_config *config, const struct field *field) {
    char text[32];
    if (field->type == F64) {
        double value = get_double(config, field);
        if (double_in_range(field, value)) {
            return PERP_OK;
        }
        if (isfinite(value)) {
            perp_text_double(value, text);
        } else {
            snprintf(text, sizeof text, "%s", isnan(value) ? "NaN" : "infinity");
        }
        return out_of_range(field, text);
    }
    int64_t value = get(config, field);
    if (in_range(field, value)) {
        return PERP_OK;
    }
    if (texts_of(field->type) != NULL && value >= 0 && value <= UINT32_MAX) {
        return perp_fail(NULL, PERP_E_CONFIG, "%s.%s: %" PRId64 " is none of the possible values",
                         field->parent, field->name, value);
    }
    if (scale_of(field->type) > 1) {
        perp_text_usd(value, text);
    } else {
        snprintf(text, sizeof text, "%" PRId64, value);
    }
    return out_of_range(field, text);
}

static perp_status check_sums(const perp_config *config) {
    const perp_capital_config *capital = &config->capital;
    uint64_t shares = (uint64_t)capital->wash_ppm + capital->arb_ppm + capital->reserve_ppm;
    if (shares != PERP_PPM) {
        return perp_fail(NULL, PERP_E_CONFIG,
                         "capital: wash_pct + arb_pct + reserve_pct is %" PRIu64 " ppm, must be %d",
                         shares, PERP_PPM);
    }
    double weights = 0;
    for (size_t i = 0; i < PERP_COMPONENT_COUNT; i++) {
        weights += config->risk.weights[i];
    }
    if (fabs(weights - 1) > 1e-9) {
        char text[32];
        perp_text_double(round(weights * 1e12) / 1e12, text);
        return perp_fail(NULL, PERP_E_CONFIG, "risk.weights: their sum is %s, must be 1", text);
    }
    return PERP_OK;
}

/* Room that later releases may use: a host that sets it means something that is not known here. */
static perp_status check_reserved(const perp_config *config) {
#define PLACE(member)                                                                              \
    { #member, offsetof(perp_config, member), sizeof config->member }
    static const struct place {
        const char *path;
        size_t offset, size;
    } places[] = {
        PLACE(callbacks.reserved),
        PLACE(store.reserved),
        PLACE(capital.reserved),
        PLACE(risk.reserved),
        PLACE(risk.reserved2),
        PLACE(risk.reserved3),
        PLACE(risk.reserved4),
        PLACE(scheduler.reserved2),
        PLACE(orders.reserved),
        PLACE(risk.modes[PERP_MODE_CONSERVATIVE].reserved),
        PLACE(risk.modes[PERP_MODE_BALANCED].reserved),
        PLACE(risk.modes[PERP_MODE_AGGRESSIVE].reserved),
        {"risk.weights past the last component",
         offsetof(perp_config, risk.weights) + PERP_COMPONENT_COUNT * sizeof(double),
         (PERP_MAX_COMPONENTS - PERP_COMPONENT_COUNT) * sizeof(double)},
    };
#undef PLACE
    _Static_assert(PERP_MODE_COUNT == 3, "every mode is looked at");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t byte = 0; byte < places[i].size; byte++)
            if (((const char *)config)[places[i].offset + byte] != 0)
                return perp_fail(NULL, PERP_E_CONFIG, "%s: must be 0", places[i].path);
    return PERP_OK;
}

/* Checks a configuration of this library's size. */
static perp_status check(const perp_config *config) {
    if (config->threading > PERP_THREADING_NONE) {
        return perp_fail(NULL, PERP_E_CONFIG, "threading: %" PRIu32 " is out of range (0 to %d)",
                         config->threading, PERP_THREADING_NONE);
    }
    if (config->durability > PERP_DURABILITY_BATCH) {
        return perp_fail(NULL, PERP_E_CONFIG, "durability: %" PRIu32 " is out of range (0 to %d)",
                         config->durability, PERP_DURABILITY_BATCH);
    }
    if (config->config_wins > 1) {
        return perp_fail(NULL, PERP_E_CONFIG, "config_wins: %" PRIu32 " is not 0 or 1",
                         config->config_wins);
    }
    if ((config->allocator.allocate == NULL) != (config->allocator.release == NULL)) {
        return perp_fail(NULL, PERP_E_CONFIG, "allocator: only one of allocate and release is set");
    }
    perp_status status = check_reserved(config);
    for (size_t i = 0; i < N_FIELDS && status == PERP_OK; i++) {
        status = check_field(config, &fields[i]);
    }
    return status == PERP_OK ? check_sums(config) : status;
}

/* A host's configuration as one of this library's size. */
static perp_status take(perp_config *full, const perp_config *config) {
    perp_config_init(full);
    if (perp_struct_in(full, sizeof *full, config)) {
        return PERP_OK;
    }
    return config == NULL
               ? perp_fail(NULL, PERP_E_INVALID, "config: NULL")
               : perp_fail(NULL, PERP_E_INVALID, "config: struct_size %" PRIu32 " is not known",
                           config->struct_size);
}

perp_status perp_config_check(const perp_config *config) {
    perp_config full;
    perp_status status = take(&full, config);
    return status == PERP_OK ? check(&full) : status;
}

bool perp_config_differs(const perp_config *a, const perp_config *b, char *path, size_t size) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *field = &fields[i];
        bool same = field->type == F64 ? get_double(a, field) == get_double(b, field)
                                       : get(a, field) == get(b, field);
        if (!same) {
            snprintf(path, size, "%s.%s", field->parent, field->name);
            return true;
        }
    }
    return false;
}

static perp_status wrong_type(const struct field *field, const char *expected) {
    return perp_fail(NULL, PERP_E_CONFIG, "%s.%s: must be %s", field->parent, field->name,
                     expected);
}

/* A name out of the values of a field. */
static perp_status read_name(perp_config *config, const struct field *field, const cJSON *item) {
    const char *(*text)(uint32_t) = texts_of(field->type);
    if (!perp_json_is_string(item)) {
        return wrong_type(field, "a string");
    }
    for (int64_t value = 0; value <= (int64_t)field->highest; value++) {
        if (in_range(field, value) && strcmp(text((uint32_t)value), perp_json_text(item)) == 0) {
            set(config, field, value);
            return PERP_OK;
        }
    }
    char shown[48];
    perp_text_show(perp_json_text(item), shown, sizeof shown);
    return perp_fail(NULL, PERP_E_CONFIG, "%s.%s: \"%s\" is none of the possible values",
                     field->parent, field->name, shown);
}

static perp_status read_pools(perp_config *config, const struct field *field, const cJSON *item) {
    int64_t pools = 0;
    const cJSON *entry;
    if (!cJSON_IsArray(item)) {
        return wrong_type(field, "an array of pool names");
    }
    cJSON_ArrayForEach(entry, item) {
        uint32_t pool = 0;
        if (!perp_json_is_string(entry)) {
            return wrong_type(field, "an array of pool names");
        }
        while (pool < PERP_POOL_COUNT &&
               strcmp(perp_pool_string(pool), perp_json_text(entry)) != 0) {
            pool++;
        }
        if (pool == PERP_POOL_COUNT || (pools & (INT64_C(1) << pool)) != 0) {
            char shown[48];
            perp_text_show(perp_json_text(entry), shown, sizeof shown);
            return perp_fail(NULL, PERP_E_CONFIG, "%s.%s: \"%s\" is %s", field->parent, field->name,
                             shown, pool == PERP_POOL_COUNT ? "no pool" : "there twice");
        }
        pools |= INT64_C(1) << pool;
    }
    set(config, field, pools);
    return PERP_OK;
}

static perp_status read_number(perp_config *config, const struct field *field, const cJSON *item) {
    double value = 0;
    int64_t whole = 0;
    bool range = true;
    if (!perp_json_is_number(item)) {
        return wrong_type(field, "a number");
    }
    if (field->type == F64 || field->type == PPM) {
        if (!perp_json_double(item, &value) || !double_in_range(field, value)) {
            return out_of_range(field, perp_json_text(item));
        }
        if (field->type == F64) {
            set_double(config, field, value);
            return PERP_OK;
        }
        whole = held(field, value);
    } else if (field->type == USD) {
        if (!perp_json_usd(item, &whole, &range)) {
            return range ? out_of_range(field, perp_json_text(item))
                         : wrong_type(field, "an amount with at most six decimals");
        }
    } else if (!perp_json_int64(item, &whole)) {
        double any = 0;
        bool fraction = perp_json_double(item, &any) && any != trunc(any);
        return fraction ? wrong_type(field, "a whole number")
                        : out_of_range(field, perp_json_text(item));
    }
    if (!in_range(field, whole)) {
        return out_of_range(field, perp_json_text(item));
    }
    set(config, field, whole);
    return PERP_OK;
}

static perp_status read_field(perp_config *config, const struct field *field, const cJSON *item) {
    bool on = false;
    switch (field->type) {
    case MODE:
    case ON_REJECT:
    case REBALANCE:
        return read_name(config, field, item);
    case POOLS:
        return read_pools(config, field, item);
    case BOOL:
        if (!perp_json_bool(item, &on)) {
            return wrong_type(field, "true or false");
        }
        set(config, field, on);
        return PERP_OK;
    default:
        return read_number(config, field, item);
    }
}

/* The field of that name in the object at that path, or NULL. */
static const struct field *find_field(const char *parent, const char *name) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (strcmp(fields[i].parent, parent) == 0 && strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* Whether an object at that path has fields, of its own or further inside. */
static bool is_object_path(const char *path) {
    size_t length = strlen(path);
    for (size_t i = 0; i < N_FIELDS; i++) {
        const char *parent = fields[i].parent;
        if (strncmp(parent, path, length) == 0 && (parent[length] == '.' || parent[length] == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_repeated(const cJSON *object, const cJSON *item) {
    const cJSON *before = object->child;
    while (before != item && strcmp(before->string, item->string) != 0) {
        before = before->next;
    }
    return before != item;
}

/* Reads the object at `path` ("": the whole). host_size: fields past it are not in the host's
   struct. Its depth is that of the table, since an unknown name ends it. */
static perp_status read_object(perp_config *config, size_t host_size, const char *path,
                               const cJSON *object) {
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        char shown[64];
        char inner[160];
        perp_text_show(item->string, shown, sizeof shown);
        snprintf(inner, sizeof inner, "%s%s%s", path, *path != 0 ? "." : "", shown);
        const struct field *field = find_field(path, item->string);
        /* A name that was cut for the message is longer than any that is known, and one with a
           point in it is no path. */
        bool inside = strcmp(shown, item->string) == 0 && strchr(shown, '.') == NULL;
        inside = inside && is_object_path(inner);
        if (field == NULL && !inside) {
            return perp_fail(NULL, PERP_E_CONFIG, "%s: unknown name", inner);
        }
        if (is_repeated(object, item)) {
            return perp_fail(NULL, PERP_E_CONFIG, "%s: is there twice", inner);
        }
        perp_status status = PERP_OK;
        if (field == NULL) {
            status = cJSON_IsObject(item)
                         ? read_object(config, host_size, inner, item)
                         : perp_fail(NULL, PERP_E_CONFIG, "%s: must be an object", inner);
        } else if (field->offset + size_of(field->type) > host_size) {
            status = perp_fail(NULL, PERP_E_CONFIG, "%s: the host's perp_config does not have it",
                               inner);
        } else {
            status = read_field(config, field, item);
        }
        if (status != PERP_OK) {
            return status;
        }
    }
    return PERP_OK;
}

perp_status perp_config_from_json(const char *text, size_t length, perp_config *config) {
    perp_config full;
    const char *why = NULL;
    if (text == NULL) {
        return perp_fail(NULL, PERP_E_INVALID, "text: NULL");
    }
    perp_status status = take(&full, config);
    if (status != PERP_OK) {
        return status;
    }
    cJSON *json = perp_json_parse(text, length, &why);
    if (json == NULL) {
        bool memory = strcmp(why, PERP_JSON_NO_MEMORY) == 0;
        return memory ? perp_fail(NULL, PERP_E_NOMEM, "config: %s", why)
                      : perp_fail(NULL, PERP_E_INVALID, "config: not JSON: %s", why);
    }
    if (!cJSON_IsObject(json)) {
        status = perp_fail(NULL, PERP_E_INVALID, "config: must be a JSON object");
    } else {
        status = read_object(&full, config->struct_size, "", json);
    }
    cJSON_Delete(json);
    if (status == PERP_OK) {
        status = check(&full);
    }
    if (status == PERP_OK && !perp_struct_out(config, &full, sizeof full)) {
        status = perp_fail(NULL, PERP_E_INVALID, "config: struct_size is not known");
    }
    return status;
}

/* The object at that path below root, made where it is not there yet; NULL: no memory. */
static cJSON *object_at(cJSON *root, const char *path) {
    cJSON *at = root;
    while (at != NULL && *path != 0) {
        char name[64];
        size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        cJSON *inner = cJSON_GetObjectItemCaseSensitive(at, name);
        at = inner != NULL ? inner : cJSON_AddObjectToObject(at, name);
        path += length + (path[length] == '.');
    }
    return at;
}

static bool write_pools(cJSON *object, const char *name, int64_t pools) {
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (uint32_t pool = 0; array != NULL && pool < PERP_POOL_COUNT; pool++) {
        if ((pools & (INT64_C(1) << pool)) == 0) {
            continue;
        }
        cJSON *text = cJSON_CreateString(perp_pool_string(pool));
        if (text == NULL || !cJSON_AddItemToArray(array, text)) {
            cJSON_Delete(text);
            return false;
        }
    }
    return array != NULL;
}

static bool write_field(cJSON *root, const perp_config *config, const struct field *field) {
    cJSON *object = object_at(root, field->parent);
    if (object == NULL) {
        return false;
    }
    if (field->type == F64) {
        return perp_json_add_double(object, field->name, get_double(config, field));
    }
    int64_t value = get(config, field);
    const char *(*text)(uint32_t) = texts_of(field->type);
    if (text != NULL) {
        return cJSON_AddStringToObject(object, field->name, text((uint32_t)value)) != NULL;
    }
    switch (field->type) {
    case POOLS:
        return write_pools(object, field->name, value);
    case BOOL:
        return cJSON_AddBoolToObject(object, field->name, value != 0) != NULL;
    case PPM:
    case USD:
        return perp_json_add_usd(object, field->name, value);
    default:
        return perp_json_add_int64(object, field->name, value);
    }
}

perp_status perp_config_to_json(const perp_config *config, char *buffer, size_t capacity,
                                size_t *length) {
    perp_config full;
    if (length == NULL || (buffer == NULL && capacity > 0)) {
        return perp_fail(NULL, PERP_E_INVALID, "%s: NULL", length == NULL ? "length" : "buffer");
    }
    perp_status status = take(&full, config);
    if (status == PERP_OK) {
        status = check(&full);
    }
    if (status != PERP_OK) {
        return status;
    }
    cJSON *json = cJSON_CreateObject();
    bool written = json != NULL;
    for (size_t i = 0; i < N_FIELDS && written; i++) {
        written = write_field(json, &full, &fields[i]);
    }
    if (!written) {
        cJSON_Delete(json);
        json = NULL;
    }
    status = perp_json_finish(json, buffer, capacity, length);
    if (status == PERP_E_RANGE) {
        return perp_fail(NULL, status, "buffer: %zu bytes are needed, capacity is %zu", *length + 1,
                         capacity);
    }
    return status == PERP_OK ? status : perp_fail(NULL, status, "config: no memory");
}
