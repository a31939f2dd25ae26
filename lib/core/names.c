#include "core/core.h"

#include <string.h>

#include "util/text.h"

#define STRING(x) #x
#define VERSION(major, minor, patch) STRING(major) "." STRING(minor) "." STRING(patch)

static const char *pick(const char *const *texts, size_t count, uint32_t value) {
    return value < count ? texts[value] : "?";
}

#define PICK(texts, value) pick(texts, sizeof(texts) / sizeof(texts)[0], value)

/* The function of a list whose columns are name and text. */
#define PERP_X(name, text) text,
#define DEFINE(function, list)                                                                     \
    const char *function(uint32_t value) {                                                         \
        static const char *const texts[] = {list(PERP_X)};                                         \
        return PICK(texts, value);                                                                 \
    }

DEFINE(perp_pool_string, PERP_POOL_LIST)
DEFINE(perp_strategy_string, PERP_STRATEGY_LIST)
DEFINE(perp_side_string, PERP_SIDE_LIST)
DEFINE(perp_mode_string, PERP_MODE_LIST)
DEFINE(perp_kind_string, PERP_KIND_LIST)
DEFINE(perp_margin_string, PERP_MARGIN_LIST)
DEFINE(perp_cash_string, PERP_CASH_LIST)
DEFINE(perp_api_string, PERP_API_LIST)
DEFINE(perp_circuit_string, PERP_CIRCUIT_LIST)
DEFINE(perp_job_state_string, PERP_JOB_STATE_LIST)
DEFINE(perp_alert_string, PERP_ALERT_LIST)
DEFINE(perp_order_type_string, PERP_ORDER_TYPE_LIST)
DEFINE(perp_tif_string, PERP_TIF_LIST)
DEFINE(perp_order_state_string, PERP_ORDER_STATE_LIST)
DEFINE(perp_news_string, PERP_NEWS_LIST)
DEFINE(perp_client_id_format_string, PERP_CLIENT_ID_FORMAT_LIST)

#undef PERP_X

const char *perp_status_string(perp_status status) {
    switch ((int)status) {
#define PERP_X(name, value)                                                                        \
    case value:                                                                                    \
        return #name;
        PERP_STATUS_LIST(PERP_X)
#undef PERP_X
    default:
        return "?";
    }
}

const char *perp_reason_string(uint32_t reason) {
    static const char *const texts[PERP_MAX_REASONS] = {"none",
#define PERP_X(name, number, text, ...) [number] = text,
                                                        PERP_RULE_LIST(PERP_X)
#undef PERP_X
#define PERP_X(name, number, text) [number] = text,
                                                            PERP_OTHER_REASON_LIST(PERP_X)
                                                                PERP_HOST_REASON_LIST(PERP_X)
#undef PERP_X
    };
    return reason < PERP_MAX_REASONS && texts[reason] != NULL ? texts[reason] : "?";
}

const char *perp_gate_string(uint32_t gate) {
    static const char *const texts[PERP_MAX_GATES] = {"none",
#define PERP_X(name, number, text, unit) [number] = text,
                                                      PERP_GATE_LIST(PERP_X)
#undef PERP_X
    };
    return gate < PERP_MAX_GATES && texts[gate] != NULL ? texts[gate] : "?";
}

const char *perp_gate_unit(uint32_t gate) {
    static const char *const texts[PERP_MAX_GATES] = {
#define PERP_X(name, number, text, unit) [number] = unit,
        PERP_GATE_LIST(PERP_X)
#undef PERP_X
    };
    return gate < PERP_MAX_GATES && texts[gate] != NULL ? texts[gate] : "?";
}

const char *perp_reason_name(const perp_core *core, uint32_t reason) {
    uint32_t number = reason - PERP_REASON_HOST_1;
    return number < PERP_MAX_HOST_RULES && core->host_names[number].name[0]
               ? core->host_names[number].name
               : perp_reason_string(reason);
}

bool perp_rule_name_is_one(const char *name) {
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[0] >= 'a' && name[0] <= 'z' && length < PERP_NAME_SIZE && name[length] == 0;
}

const uint32_t perp_rules[PERP_RULE_COUNT] = {
#define PERP_X(name, number, text, ...) number,
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

const char *perp_component_string(uint32_t component) {
    static const char *const texts[] = {
#define PERP_X(name, field, weight) #field,
        PERP_COMPONENT_LIST(PERP_X)
#undef PERP_X
    };
    return PICK(texts, component);
}

const char *perp_version_string(void) {
    return VERSION(PERP_VERSION_MAJOR, PERP_VERSION_MINOR, PERP_VERSION_PATCH);
}

uint32_t perp_version_number(void) {
    return PERP_VERSION_NUMBER;
}

perp_status perp_uuid_parse(const char *text, size_t length, perp_uuid *uuid) {
    if (text == NULL || uuid == NULL) {
        return perp_fail(NULL, PERP_E_INVALID, "uuid: NULL");
    }
    if (!perp_text_to_uuid(text, length, uuid)) {
        return perp_fail(NULL, PERP_E_INVALID, "uuid: not 8-4-4-4-12 hex digits");
    }
    return PERP_OK;
}

/* Each nibble in a byte of its own, the first one in the highest, and then made a digit. */
static void write_eight(char to[8], uint64_t x) {
    x = (x | x << 16) & UINT64_C(0x0000FFFF0000FFFF);
    x = (x | x << 8) & UINT64_C(0x00FF00FF00FF00FF);
    x = (x | x << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    memcpy(to, &x, sizeof x);
}

void perp_hex_digits(const perp_uuid *uuid, char digits[32]) {
    for (size_t i = 0; i < 2; i++) {
        uint64_t half = perp_eight_bytes(uuid->bytes + 8 * i);
        write_eight(digits + 16 * i, half >> 32);
        write_eight(digits + 16 * i + 8, half & UINT32_MAX);
    }
}

void perp_uuid_format(const perp_uuid *uuid, char text[37]) {
    char digits[32];
    if (uuid == NULL || text == NULL) {
        return;
    }
    perp_hex_digits(uuid, digits);
    memcpy(text, digits, 8);
    memcpy(text + 9, digits + 8, 4);
    memcpy(text + 14, digits + 12, 4);
    memcpy(text + 19, digits + 16, 4);
    memcpy(text + 24, digits + 20, 12);
    text[8] = text[13] = text[18] = text[23] = '-';
    text[36] = 0;
}

void perp_call_init(perp_call *call) {
    if (call != NULL) {
        memset(call, 0, sizeof *call);
        call->struct_size = sizeof *call;
    }
}
