/* What each row and payload is, made from rows.def, events.def and config.def. */
#include <math.h>
#include <string.h>

#include "core/events.h"
#include "util/num.h"
#include "util/text.h"

/* A field's description, in a function where T is the struct at hand. */
#define AT(member_) .name = #member_, .offset = (uint32_t)offsetof(T, member_)
#define FIELD_ONE(tag_, KIND, member, default_) {AT(member), .tag = (tag_), .kind = PERP_K_##KIND},
#define FIELD_SHOW(tag_, KIND, member, default_, column_)                                          \
    {AT(member), .tag = (tag_), .kind = PERP_K_##KIND, .column = PERP_SHOWN_##column_},
#define FIELD_UUID(tag_, member) {AT(member), .tag = (tag_), .kind = PERP_K_UUID},
#define FIELD_UUID_SHOW(tag_, member, column_)                                                     \
    {AT(member), .tag = (tag_), .kind = PERP_K_UUID, .column = PERP_SHOWN_##column_},
#define FIELD_TEXT(tag_, KIND, member) {AT(member), .tag = (tag_), .kind = PERP_K_##KIND},
#define FIELD_LONG(tag_, member) {AT(member), .tag = (tag_), .kind = PERP_K_LONG},
#define FIELD_BYTES(tag_, member, most_)                                                           \
    {AT(member), .tag = (tag_), .kind = PERP_K_BYTES, .most = (most_),                             \
     .count_offset = offsetof(T, member##_size)},
#define FIELD_NEST(tag_, row_, member)                                                             \
    {AT(member), .tag = (tag_), .kind = PERP_K_ROW, .row = perp_row_##row_},
#define FIELD_LIST(tag_, row_, member, least_, most_)                                              \
    {AT(member),                                                                                   \
     .tag = (tag_),                                                                                \
     .kind = PERP_K_LIST,                                                                          \
     .least = (least_),                                                                            \
     .most = (most_),                                                                              \
     .count_offset = offsetof(T, n_##member),                                                      \
     .row = perp_row_##row_},
#define FIELD_ROOM(tag_, row_, member, most_)                                                      \
    {AT(member),                                                                                   \
     .tag = (tag_),                                                                                \
     .kind = PERP_K_ROOM,                                                                          \
     .most = (most_),                                                                              \
     .count_offset = offsetof(T, n_##member),                                                      \
     .row = perp_row_##row_},
#define FIELD_NUMBERS(tag_, member, most_)                                                         \
    {AT(member), .tag = (tag_), .kind = PERP_K_NUMBERS, .most = (most_)},

/* What a row has elsewhere, copied. */
#define COPY_ONE(tag, KIND, member, preset)
#define COPY_SHOW(tag, KIND, member, preset, column)
#define COPY_UUID(tag, member)
#define COPY_UUID_SHOW(tag, member, column)
#define COPY_TEXT(tag, KIND, member)
#define COPY_LONG(tag, member)
#define COPY_BYTES(tag, member, most)                                                              \
    row->member = perp_arena_copy(arena, row->member, row->member##_size);                         \
    if (row->member##_size && !row->member)                                                        \
        return false;
#define COPY_NEST(tag, row_, member)                                                               \
    if (!perp_row_copy(arena, perp_row_##row_(), &row->member))                                    \
        return false;
#define COPY_LIST(tag, row_, member, least, most)                                                  \
    row->member = perp_arena_copy(arena, row->member, row->n_##member * sizeof *row->member);      \
    if (row->n_##member && !row->member)                                                           \
        return false;
#define COPY_ROOM(tag, row, member, most)
#define COPY_NUMBERS(tag, member, most)

/* What makes a value of each kind sound. */
#define IS_BOOL(value) true
#define IS_FLAG(value) ((value) <= 1)
#define IS_U32(value) true
#define IS_U64(value) true
#define IS_EXCHANGE(value) ((value) < perp_n_exchanges(core))
#define IS_ANYWHERE(value) ((value) == PERP_ALL_EXCHANGES || (value) < perp_n_exchanges(core))
#define IS_INSTRUMENT(value) ((value) < perp_n_instruments(core))
#define IS_BASE(value) ((value) < core->bases.count)
#define IS_POOL(value) ((value) < PERP_POOL_COUNT)
#define IS_SIDE(value) ((value) < PERP_SIDE_COUNT)
#define IS_STRATEGY(value) ((value) < PERP_STRATEGY_COUNT)
#define IS_STATE(value) ((value) < PERP_JOB_STATE_COUNT)
#define IS_MODE(value) ((value) < PERP_MODE_COUNT)
#define IS_REASON(value) ((value) < PERP_MAX_REASONS)
#define IS_KEY(value) ((value) < PERP_KEY_KIND_COUNT)
#define IS_I32(value) true
#define IS_I64(value) true
#define IS_TIME(value) true
#define IS_SPAN(value) ((value) >= 0 && (value) <= INT64_MAX / PERP_NS_PER_MS)
#define IS_USD(value) ((value) >= -PERP_MOST_USD && (value) <= PERP_MOST_USD)
#define IS_USD0(value) ((value) >= 0 && (value) <= PERP_MOST_USD)
#define IS_USD1(value) ((value) > 0 && (value) <= PERP_MOST_USD)
#define IS_SUM(value) ((value) >= -PERP_MOST_SUM && (value) <= PERP_MOST_SUM)
#define IS_F64(value) true
#define IS_REAL(value) isfinite(value)
#define IS_REAL0(value) perp_not_negative(value)
#define IS_REAL1(value) perp_positive(value)
#define IS_NAME(text) perp_text_is_name((text), PERP_NAME_SIZE - 1)
#define IS_TEXT(text) (!*(text) || perp_text_is_name((text), PERP_NAME_SIZE - 1))
#define IS_LONG(text) (!*(text) || perp_text_is_name((text), PERP_LONG_SIZE - 1))
#define IS_GATE(value) ((value) < PERP_MAX_GATES)

/* The same of a row, in a function where row, core and what are at hand. */
#define HOLD(member, condition)                                                                    \
    if (!(condition)) {                                                                            \
        *what = #member;                                                                           \
        return false;                                                                              \
    }
#define SOUND_ONE(tag, KIND, member, preset) HOLD(member, IS_##KIND(row->member))
#define SOUND_SHOW(tag, KIND, member, preset, column) HOLD(member, IS_##KIND(row->member))
#define SOUND_UUID(tag, member)
#define SOUND_UUID_SHOW(tag, member, column)
#define SOUND_TEXT(tag, KIND, member) HOLD(member, IS_##KIND(row->member))
#define SOUND_LONG(tag, member) HOLD(member, IS_LONG(row->member))
#define SOUND_BYTES(tag, member, most) HOLD(member, row->member##_size <= (most))
#define SOUND_NEST(tag, row_, member)                                                              \
    if (!perp_row_sound(core, perp_row_##row_(), &row->member, what))                              \
        return false;
#define SOUND_ROWS(row_, member, least, most)                                                      \
    HOLD(member, row->n_##member + 1 > (least) && row->n_##member <= (most))                       \
    for (uint32_t i = 0; i < row->n_##member; i++)                                                 \
        if (!perp_row_sound(core, perp_row_##row_(), &row->member[i], what))                       \
            return false;
#define SOUND_LIST(tag, row_, member, least, most) SOUND_ROWS(row_, member, least, most)
#define SOUND_ROOM(tag, row_, member, most) SOUND_ROWS(row_, member, 0, most)
#define SOUND_NUMBERS(tag, member, most)

/* Where the exchange stands that an event is about, + 1. */
#define WHERE_ONE(tag, KIND, member, preset)
#define WHERE_SHOW(tag, KIND, member, preset, column)                                              \
    +(PERP_SHOWN_##column == PERP_SHOWN_EXCHANGE ? offsetof(T, member) + 1 : 0)
#define WHERE_UUID(tag, member)
#define WHERE_UUID_SHOW(tag, member, column)
#define WHERE_TEXT(tag, KIND, member)
#define WHERE_LONG(tag, member)
#define WHERE_BYTES(tag, member, most)
#define WHERE_NEST(tag, row, member)
#define WHERE_LIST(tag, row, member, least, most)
#define WHERE_ROOM(tag, row, member, most)
#define WHERE_NUMBERS(tag, member, most)

/* {0} also stands for a struct whose first member is one. */
#pragma GCC diagnostic ignored "-Wmissing-braces"

/* Defaults: a value of one has one, all else is empty. */
#define PRESET_ONE(tag, KIND, member, preset) .member = (preset),
#define PRESET_SHOW(tag, KIND, member, preset, column) .member = (preset),
#define PRESET_UUID(tag, member) .member = {{0}},
#define PRESET_UUID_SHOW(tag, member, column) .member = {{0}},
#define PRESET_TEXT(tag, KIND, member) .member = "",
#define PRESET_LONG(tag, member) .member = "",
#define PRESET_BYTES(tag, member, most)
#define PRESET_NEST(tag, row, member) .member = {0},
#define PRESET_LIST(tag, row, member, least, most)
#define PRESET_ROOM(tag, row, member, most)
#define PRESET_NUMBERS(tag, member, most)

/* Whether a row has memory elsewhere. */
#define DEEP_ONE(tag, KIND, member, preset)
#define DEEP_SHOW(tag, KIND, member, preset, column)
#define DEEP_UUID(tag, member)
#define DEEP_UUID_SHOW(tag, member, column)
#define DEEP_TEXT(tag, KIND, member)
#define DEEP_LONG(tag, member)
#define DEEP_BYTES(tag, member, most) || 1
#define DEEP_NEST(tag, row, member) || deep_##row
#define DEEP_LIST(tag, row, member, least, most) || 1
#define DEEP_ROOM(tag, row, member, most)
#define DEEP_NUMBERS(tag, member, most)

/* Whether it has rows in place. */
#define NESTS_ONE(tag, KIND, member, preset)
#define NESTS_SHOW(tag, KIND, member, preset, column)
#define NESTS_UUID(tag, member)
#define NESTS_UUID_SHOW(tag, member, column)
#define NESTS_TEXT(tag, KIND, member)
#define NESTS_LONG(tag, member)
#define NESTS_BYTES(tag, member, most)
#define NESTS_NEST(tag, row, member) || 1
#define NESTS_LIST(tag, row, member, least, most)
#define NESTS_ROOM(tag, row, member, most)
#define NESTS_NUMBERS(tag, member, most)

enum {
#define R(row, NAME, ctype, preset) deep_##row = 0 PERP_ROW_##NAME(DEEP_),
    PERP_ROW_TABLE(R)
#undef R
        deep_capital_config = 0,
    deep_risk_config = 0,
    deep_scheduler_config = 0,
    deep_orders_config = 0,
#define X(NAME, event, job) deep_ev_##event = 0 PERP_EV_##NAME(DEEP_),
    PERP_EVENT_LIST(X)
#undef X
};

static void preset_exchange(void *row) {
    ((perp_exchange_spec *)row)->struct_size = sizeof(perp_exchange_spec);
}

static void preset_instrument(void *row) {
    ((perp_instrument_spec *)row)->struct_size = sizeof(perp_instrument_spec);
}

#define TYPE(name_, ctype, FIELDS, preset_)                                                        \
    static bool sound_##name_(const perp_core *core, const void *at, const char **what) {          \
        const ctype *row = at;                                                                     \
        (void)core, (void)row, (void)what;                                                         \
        FIELDS(SOUND_)                                                                             \
        return true;                                                                               \
    }                                                                                              \
    static bool copy_##name_(struct perp_arena *arena, void *at) {                                 \
        ctype *row = at;                                                                           \
        (void)arena, (void)row;                                                                    \
        FIELDS(COPY_)                                                                              \
        return true;                                                                               \
    }                                                                                              \
    const struct perp_row_type *perp_row_##name_(void) {                                           \
        typedef ctype T;                                                                           \
        static const struct perp_field fields[] = {FIELDS(FIELD_)};                                \
        static const T defaults = {FIELDS(PRESET_)};                                               \
        static const struct perp_row_type type = {.name = #name_,                                  \
                                                  .size = sizeof(T),                               \
                                                  .n_fields = sizeof fields / sizeof *fields,      \
                                                  .nests = 0 FIELDS(NESTS_),                       \
                                                  .fields = fields,                                \
                                                  .defaults = &defaults,                           \
                                                  .preset = (preset_),                             \
                                                  .sound = sound_##name_,                          \
                                                  .copy = deep_##name_ ? copy_##name_ : NULL,      \
                                                  .exchange_at_1 = 0 FIELDS(WHERE_)};              \
        return &type;                                                                              \
    }

#define R(name, NAME, ctype, preset) TYPE(name, ctype, PERP_ROW_##NAME, preset)
PERP_ROW_TABLE(R)
#undef R
#define X(NAME, name, job) TYPE(ev_##name, struct perp_ev_##name, PERP_EV_##NAME, NULL)
PERP_EVENT_LIST(X)
#undef X

/* The configuration: each section takes its own fields of config.def. */
#define KIND_PPM PERP_K_U32
#define KIND_U32 PERP_K_U32
#define KIND_I32 PERP_K_I32
#define KIND_I64 PERP_K_I64
#define KIND_F64 PERP_K_F64
#define KIND_USD PERP_K_I64
#define KIND_BOOL PERP_K_U32
#define KIND_MODE PERP_K_U32
#define KIND_ON_REJECT PERP_K_U32
#define KIND_REBALANCE PERP_K_U32
#define KIND_POOLS PERP_K_U32
#define CONFIG_FIELD(tag_, member, type) {AT(member), .tag = (tag_), .kind = KIND_##type},
#define FIELD(section, tag, name, member, type, preset, lowest, highest)                           \
    IN_##section(tag, member, type)
#define NOT_HERE(tag, member, type)

/* Fields up to the tag `always` are of releases whose presets may change, so they are stored
   whatever they are. A later one is left out where it has its preset, or books without it would not
   be the same: its preset stays. */
#define CONFIG_TYPE(section, preset_, always_)                                                     \
    static const struct perp_row_type type = {.name = #section,                                    \
                                              .size = sizeof(T),                                   \
                                              .n_fields = sizeof fields / sizeof *fields,          \
                                              .always = (always_),                                 \
                                              .fields = fields,                                    \
                                              .preset = (preset_)};                                \
    return &type

static void preset_capital(void *row) {
    perp_config config;
    perp_config_init(&config);
    memcpy(row, &config.capital, sizeof config.capital);
}

static void preset_risk(void *row) {
    perp_config config;
    perp_config_init(&config);
    memcpy(row, &config.risk, sizeof config.risk);
}

static void preset_scheduler(void *row) {
    perp_config config;
    perp_config_init(&config);
    memcpy(row, &config.scheduler, sizeof config.scheduler);
}

static void preset_orders(void *row) {
    perp_config config;
    perp_config_init(&config);
    memcpy(row, &config.orders, sizeof config.orders);
}

const struct perp_row_type *perp_row_capital_config(void) {
    typedef perp_capital_config T;
    static const struct perp_field fields[] = {
#define IN_capital CONFIG_FIELD
#define IN_risk NOT_HERE
#define IN_scheduler NOT_HERE
#define IN_orders NOT_HERE
#include "core/config.def"
#undef IN_capital
#undef IN_risk
#undef IN_scheduler
#undef IN_orders
    };
    CONFIG_TYPE(capital, preset_capital, 8);
}

/* The limits of a mode; their tags are their places in the list, which only grows. */
enum {
    mode_limit_tag_0,
#define PERP_X(name, conservative, balanced, aggressive, low, high) mode_limit_tag_##name,
    PERP_MODE_LIMIT_LIST(PERP_X)
#undef PERP_X
};

static const struct perp_row_type *perp_row_mode_limits(void) {
    typedef perp_mode_limits T;
    static const struct perp_field fields[] = {
#define PERP_X(name_, conservative, balanced, aggressive, low, high)                               \
    {AT(name_), .tag = mode_limit_tag_##name_, .kind = PERP_K_F64},
        PERP_MODE_LIMIT_LIST(PERP_X)
#undef PERP_X
    };
    CONFIG_TYPE(mode_limits, NULL, 11);
}

#define TAG_WEIGHTS 100
#define TAG_MODES 101

const struct perp_row_type *perp_row_risk_config(void) {
    typedef perp_risk_config T;
    static const struct perp_field fields[] = {
#define IN_capital NOT_HERE
#define IN_risk CONFIG_FIELD
#define IN_scheduler NOT_HERE
#define IN_orders NOT_HERE
#include "core/config.def"
#undef IN_capital
#undef IN_risk
#undef IN_scheduler
#undef IN_orders
        {AT(weights), .tag = TAG_WEIGHTS, .kind = PERP_K_REALS, .most = PERP_COMPONENT_COUNT},
        {AT(modes), .tag = TAG_MODES, .kind = PERP_K_ARRAY, .most = PERP_MODE_COUNT,
         .row = perp_row_mode_limits},
    };
    CONFIG_TYPE(risk, preset_risk, 19);
}

const struct perp_row_type *perp_row_scheduler_config(void) {
    typedef perp_scheduler_config T;
    static const struct perp_field fields[] = {
#define IN_capital NOT_HERE
#define IN_risk NOT_HERE
#define IN_scheduler CONFIG_FIELD
#define IN_orders NOT_HERE
#include "core/config.def"
#undef IN_capital
#undef IN_risk
#undef IN_scheduler
#undef IN_orders
    };
    CONFIG_TYPE(scheduler, preset_scheduler, 12);
}

const struct perp_row_type *perp_row_orders_config(void) {
    typedef perp_orders_config T;
    static const struct perp_field fields[] = {
#define IN_capital NOT_HERE
#define IN_risk NOT_HERE
#define IN_scheduler NOT_HERE
#define IN_orders CONFIG_FIELD
#include "core/config.def"
#undef IN_capital
#undef IN_risk
#undef IN_scheduler
#undef IN_orders
    };
    CONFIG_TYPE(orders, preset_orders, 6);
}

const struct perp_event_shape perp_event_shapes[PERP_EVENT_COUNT] = {
#define X(NAME, name, job) {#name, perp_row_ev_##name, deep_ev_##name ? copy_ev_##name : NULL, job},
    PERP_EVENT_LIST(X)
#undef X
};

const struct perp_row_type *perp_book_row_type(uint64_t kind) {
    switch (kind) {
#define R(NAME, number, type)                                                                      \
    case number:                                                                                   \
        return perp_row_##type();
        PERP_BOOK_ROW_LIST(R)
#undef R
    default:
        return NULL;
    }
}
