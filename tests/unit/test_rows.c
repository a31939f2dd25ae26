/* Rows as bytes: what each type's descriptors say comes back as it was, what a later release added
   is kept, and what makes no sense is refused. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/events.h"

/* Where bytes stand in others; NULL: nowhere. */
static const char *found(const char *in, size_t size, const void *bytes, size_t n) {
    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(in + i, bytes, n) == 0)
            return in + i;
    return NULL;
}

#define ROW_SIZE 16384
#define MAX_TYPES 128

static perp_core *core;
static struct perp_arena arena;
static const struct perp_row_type *types[MAX_TYPES];
static uint32_t n_types;

static void add_type(const struct perp_row_type *type) {
    for (uint32_t i = 0; i < n_types; i++)
        if (types[i] == type)
            return;
    ck_assert_uint_lt(n_types, MAX_TYPES);
    types[n_types++] = type;
    for (uint32_t f = 0; f < type->n_fields; f++)
        if (type->fields[f].row)
            add_type(type->fields[f].row());
}

static size_t allocated; /* so far, however much of it was given back */

static void *allocate(void *user, size_t size) {
    (void)user;
    allocated += size;
    return malloc(size);
}

static void release(void *user, void *memory, size_t size) {
    (void)user, (void)size;
    free(memory);
}

static void start(void) {
    perp_config config;
    perp_config_init(&config);
    config.allocator.allocate = allocate;
    config.allocator.release = release;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    arena.core = core;
    n_types = 0;
#define R(name, NAME, ctype, preset) add_type(perp_row_##name());
    PERP_ROW_TABLE(R)
#undef R
    for (uint32_t i = 0; i < PERP_EVENT_COUNT; i++)
        add_type(perp_event_shapes[i].payload());
    for (uint32_t i = 0; i < n_types; i++)
        ck_assert_uint_le(types[i]->size, ROW_SIZE);
}

static void stop(void) {
    perp_arena_free(&arena);
    perp_core_close(core);
}

/* ---- Rows of whatever type -------------------------------------------------------------------
 */

struct row {
    _Alignas(16) char bytes[ROW_SIZE];
};

static bool read_bytes(const void *bytes, size_t size, const struct perp_row_type *type,
                       struct row *row, struct perp_kept **kept) {
    /* Memory of exactly that size, so that a read past its end is seen. */
    unsigned char *copy = malloc(size + !size);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, bytes, size);
    struct perp_reader reader = {copy, copy + size, false};
    memset(row, 0xA5, sizeof *row);
    bool fine = perp_row_read(&reader, type, row->bytes, &arena, kept);
    free(copy);
    return fine;
}

static struct perp_bytes written(const struct perp_row_type *type, const void *row,
                                 const struct perp_kept *kept) {
    struct perp_bytes bytes = {.core = core};
    perp_row_write(&bytes, type, row, kept);
    ck_assert(!bytes.failed);
    return bytes;
}

/* The row of which no field is given. */
static void empty(const struct perp_row_type *type, struct row *row) {
    ck_assert_msg(read_bytes("", 0, type, row, NULL), "%s", type->name);
}

static uint64_t seed;

static uint64_t any(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void any_text(char *text, size_t size) {
    size_t n = 1 + any() % (size - 1);
    memset(text, 0, size);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + any() % 26);
}

static void fill(const struct perp_row_type *type, void *row);

static void fill_rows(const struct perp_field *field, char *row) {
    const struct perp_row_type *type = field->row();
    char *rows = row + field->offset;
    uint32_t n = field->most;
    if (field->kind == PERP_K_ROW)
        n = 1;
    if (field->kind == PERP_K_LIST || field->kind == PERP_K_ROOM) {
        n = 1 + (uint32_t)(any() % field->most);
        memcpy(row + field->count_offset, &n, sizeof n);
    }
    if (field->kind == PERP_K_LIST) {
        rows = perp_arena_take(&arena, (size_t)n * type->size);
        ck_assert_ptr_nonnull(rows);
        memset(rows, 0, (size_t)n * type->size);
        memcpy(row + field->offset, &rows, sizeof rows);
    }
    for (uint32_t i = 0; i < n; i++)
        fill(type, rows + (size_t)i * type->size);
}

/* Any value that the kind's C type can have; those of the kind alone are the book's business. */
static void fill_field(const struct perp_field *field, char *row) {
    char *value = row + field->offset;
    uint64_t word = any() >> any() % 64;
    uint32_t size;
    char *bytes;
    switch (field->kind) {
    case PERP_K_BOOL:
        *(bool *)value = word & 1;
        break;
    case PERP_K_U64:
    case PERP_K_I64:
    case PERP_K_TIME:
    case PERP_K_SPAN:
    case PERP_K_USD:
    case PERP_K_USD0:
    case PERP_K_USD1:
        word = any() & 1 ? word : ~word;
        memcpy(value, &word, sizeof word);
        break;
    case PERP_K_F64:
    case PERP_K_REAL:
    case PERP_K_REAL0:
    case PERP_K_REAL1:
        *(double *)value = (double)word / 7;
        break;
    case PERP_K_UUID:
        memcpy(value, &word, sizeof word);
        break;
    case PERP_K_NAME:
    case PERP_K_TEXT:
        any_text(value, PERP_NAME_SIZE);
        break;
    case PERP_K_LONG:
        any_text(value, PERP_LONG_SIZE);
        break;
    case PERP_K_BYTES:
        size = (uint32_t)(1 + word % field->most);
        bytes = perp_arena_take(&arena, size);
        memset(bytes, 'x', size);
        memcpy(value, &bytes, sizeof bytes);
        memcpy(row + field->count_offset, &size, sizeof size);
        break;
    case PERP_K_NUMBERS:
    case PERP_K_REALS:
        for (uint32_t i = 0; i < field->most; i++)
            if (field->kind == PERP_K_NUMBERS)
                ((uint64_t *)value)[i] = any() >> any() % 64;
            else
                ((double *)value)[i] = (double)(any() % 1000);
        break;
    case PERP_K_ROW:
    case PERP_K_ARRAY:
    case PERP_K_LIST:
    case PERP_K_ROOM:
        fill_rows(field, row);
        break;
    default: /* 32 bits */
        memcpy(value, &word, sizeof(uint32_t));
    }
}

static void fill(const struct perp_row_type *type, void *row) {
    for (uint32_t i = 0; i < type->n_fields; i++)
        fill_field(&type->fields[i], row);
}

/* ---- What is written comes back --------------------------------------------------------------
 */

START_TEST(every_row_comes_back_as_it_was_written) {
    seed = UINT64_C(88172645463325252);
    for (uint32_t round = 0; round < 50; round++)
        for (uint32_t i = 0; i < n_types; i++) {
            struct row row, again;
            perp_arena_reset(&arena);
            empty(types[i], &row);
            fill(types[i], row.bytes);
            struct perp_bytes first = written(types[i], row.bytes, NULL);
            ck_assert_msg(read_bytes(first.memory, first.size, types[i], &again, NULL), "%s",
                          types[i]->name);
            ck_assert_msg(perp_row_same(types[i], row.bytes, again.bytes, 0), "%s", types[i]->name);
            struct perp_bytes second = written(types[i], again.bytes, NULL);
            ck_assert_uint_eq(first.size, second.size);
            ck_assert_msg(!first.size || memcmp(first.memory, second.memory, first.size) == 0, "%s",
                          types[i]->name);
            perp_bytes_free(&first);
            perp_bytes_free(&second);
        }
}
END_TEST

START_TEST(rows_that_differ_in_a_field_are_not_the_same) {
    seed = 4711;
    for (uint32_t i = 0; i < n_types; i++) {
        const struct perp_row_type *type = types[i];
        for (uint32_t f = 0; f < type->n_fields; f++) {
            struct row row, other;
            perp_arena_reset(&arena);
            empty(type, &row);
            other = row;
            for (int tries = 0; tries < 9 && !memcmp(&row, &other, sizeof row); tries++)
                fill_field(&type->fields[f], other.bytes);
            ck_assert_msg(!perp_row_same(type, row.bytes, other.bytes, 0), "%s.%s", type->name,
                          type->fields[f].name);
            if (type->fields[f].tag < 64)
                ck_assert(perp_row_same(type, row.bytes, other.bytes,
                                        UINT64_C(1) << type->fields[f].tag));
        }
    }
}
END_TEST

/* But what has presets of its own, which may change: the configuration's rows are always written
   whole. */
START_TEST(a_default_is_not_written) {
    for (uint32_t i = 0; i < n_types; i++) {
        struct row row;
        perp_arena_reset(&arena);
        empty(types[i], &row);
        if (!types[i]->defaults)
            continue;
        struct perp_bytes bytes = written(types[i], row.bytes, NULL);
        bool holds_config = strcmp(types[i]->name, "ev_configuration") == 0;
        ck_assert_msg(bytes.size == 0 || holds_config, "%s: %u bytes", types[i]->name, bytes.size);
        perp_bytes_free(&bytes);
    }
}
END_TEST

/* What a host gets from an init and what a field is where it is absent are two things; while they
   are the same, one row of each kind of spec must say so. */
START_TEST(an_absent_field_has_its_default) {
    for (uint32_t i = 0; i < n_types; i++) {
        const struct perp_row_type *type = types[i];
        struct row row;
        perp_arena_reset(&arena);
        empty(type, &row);
        bool whole = type->defaults != NULL; /* those of rows in place are their own */
        for (uint32_t f = 0; f < type->n_fields; f++)
            whole &= type->fields[f].kind != PERP_K_ROW;
        ck_assert_msg(!whole || perp_row_same(type, row.bytes, type->defaults, 0), "%s",
                      type->name);
    }
    struct row row;
    perp_config config;
    perp_config_init(&config);
    empty(perp_row_ev_configuration(), &row);
    const struct perp_ev_configuration *read = (const void *)row.bytes;
    ck_assert(memcmp(&read->capital, &config.capital, sizeof config.capital) == 0);
    ck_assert(memcmp(&read->risk, &config.risk, sizeof config.risk) == 0);
    ck_assert(memcmp(&read->scheduler, &config.scheduler, sizeof config.scheduler) == 0);
    perp_exchange_spec exchange;
    perp_exchange_spec_init(&exchange);
    empty(perp_row_ev_exchange(), &row);
    ck_assert(memcmp(row.bytes, &exchange, sizeof exchange) == 0);
    perp_instrument_spec instrument;
    perp_instrument_spec_init(&instrument);
    empty(perp_row_ev_instrument(), &row);
    ck_assert(memcmp(row.bytes, &instrument, sizeof instrument) == 0);
}
END_TEST

/* A limit that a later release adds to the modes is absent in what this one wrote. */
START_TEST(a_mode_without_a_limit_has_that_mode_s_own) {
    struct row row;
    perp_config config;
    perp_config_init(&config);
    /* modes (tag 101): three rows, of which nothing is given. */
    static const unsigned char bytes[] = {0xAC, 0x06, 0, 0xAC, 0x06, 0, 0xAC, 0x06, 0};
    ck_assert(read_bytes(bytes, sizeof bytes, perp_row_risk_config(), &row, NULL));
    const perp_risk_config *risk = (const void *)row.bytes;
    ck_assert(memcmp(risk->modes, config.risk.modes, sizeof config.risk.modes) == 0);
}
END_TEST

/* ---- What a later release wrote --------------------------------------------------------------
 */

static void put_unknown(struct perp_bytes *to, uint32_t tag, enum perp_wire wire) {
    perp_bytes_unsigned(to, (uint64_t)tag << 3 | wire);
    switch (wire) {
    case PERP_WIRE_REAL:
        perp_bytes_word(to, UINT64_C(0x4045000000000000));
        break;
    case PERP_WIRE_BYTES:
    case PERP_WIRE_ROW:
        perp_bytes_unsigned(to, 3);
        perp_bytes_put(to, "\x08\x01\x10", 3);
        break;
    default:
        perp_bytes_unsigned(to, 300);
    }
}

static void put_all_unknown(struct perp_bytes *to, uint32_t tag) {
    for (uint32_t wire = PERP_WIRE_UNSIGNED; wire <= PERP_WIRE_ROW; wire++)
        put_unknown(to, tag + wire, wire);
}

/* Bytes with unknown fields are read, written, and are the same. */
static void comes_back(const struct perp_row_type *type, const struct perp_bytes *bytes) {
    struct row row;
    struct perp_kept *kept = NULL, *copy = NULL;
    ck_assert_msg(read_bytes(bytes->memory, bytes->size, type, &row, &kept), "%s", type->name);
    ck_assert_ptr_nonnull(kept);
    ck_assert(perp_kept_set(core, &copy, kept));
    struct perp_bytes again = written(type, row.bytes, copy);
    ck_assert_msg(again.size == bytes->size && memcmp(again.memory, bytes->memory, again.size) == 0,
                  "%s: %u of %u bytes", type->name, again.size, bytes->size);
    ck_assert_msg(read_bytes(again.memory, again.size, type, &row, &kept), "%s", type->name);
    perp_bytes_free(&again);
    perp_kept_free(core, &copy);
}

START_TEST(unknown_fields_come_back_where_they_were) {
    seed = 99;
    for (uint32_t i = 0; i < n_types; i++) {
        struct row row;
        perp_arena_reset(&arena);
        empty(types[i], &row);
        fill(types[i], row.bytes);
        struct perp_bytes bytes = written(types[i], row.bytes, NULL);
        put_all_unknown(&bytes, 200);
        put_unknown(&bytes, 210, PERP_WIRE_SIGNED);
        put_unknown(&bytes, 210, PERP_WIRE_SIGNED); /* a list */
        comes_back(types[i], &bytes);
        perp_bytes_free(&bytes);
    }
}
END_TEST

START_TEST(unknown_fields_in_a_row_within_come_back_in_it) {
    for (uint32_t i = 0; i < n_types; i++)
        for (uint32_t f = 0; f < types[i]->n_fields; f++) {
            const struct perp_field *field = &types[i]->fields[f];
            struct perp_bytes bytes = {.core = core}, inner = {.core = core};
            if (!field->row || field->row()->n_fields == 0 || !field->row()->defaults)
                continue;
            perp_arena_reset(&arena);
            /* Two items, of which the last has unknown fields; or the one that there can be. */
            uint32_t n = field->kind == PERP_K_ROW || field->most == 1 ? 1 : 2;
            put_all_unknown(&inner, 200);
            for (uint32_t k = 0; k < n; k++) {
                perp_bytes_unsigned(&bytes, (uint64_t)field->tag << 3 | PERP_WIRE_ROW);
                perp_bytes_unsigned(&bytes, k + 1 == n ? inner.size : 0);
                perp_bytes_put(&bytes, inner.memory, k + 1 == n ? inner.size : 0);
            }
            struct row row;
            struct perp_kept *kept = NULL;
            ck_assert(read_bytes(bytes.memory, bytes.size, types[i], &row, &kept));
            struct perp_bytes again = written(types[i], row.bytes, kept);
            ck_assert_msg(found(again.memory, again.size, inner.memory, inner.size), "%s.%s",
                          types[i]->name, field->name);
            ck_assert(read_bytes(again.memory, again.size, types[i], &row, &kept));
            struct perp_bytes third = written(types[i], row.bytes, kept);
            ck_assert(third.size == again.size &&
                      memcmp(third.memory, again.memory, third.size) == 0);
            perp_bytes_free(&bytes);
            perp_bytes_free(&inner);
            perp_bytes_free(&again);
            perp_bytes_free(&third);
        }
}
END_TEST

/* The risk section's own fields have room up to tag 99 for those to come. */
START_TEST(an_unknown_field_between_known_ones_comes_back_between_them) {
    struct row row;
    struct perp_kept *kept = NULL;
    empty(perp_row_risk_config(), &row);
    struct perp_bytes known = written(perp_row_risk_config(), row.bytes, NULL);
    struct perp_bytes bytes = {.core = core};
    const char *weights = found(known.memory, known.size, "\xA2\x06", 2); /* tag 100 */
    ck_assert_ptr_nonnull(weights);
    size_t before = (size_t)(weights - known.memory);
    perp_bytes_put(&bytes, known.memory, before);
    put_unknown(&bytes, 50, PERP_WIRE_UNSIGNED);
    perp_bytes_put(&bytes, weights, known.size - before);
    ck_assert(read_bytes(bytes.memory, bytes.size, perp_row_risk_config(), &row, &kept));
    comes_back(perp_row_risk_config(), &bytes);
    perp_bytes_free(&known);
    perp_bytes_free(&bytes);
}
END_TEST

START_TEST(many_unknown_fields_take_little_memory) {
    struct perp_bytes bytes = {.core = core};
    struct row row;
    struct perp_kept *kept = NULL;
    for (uint32_t i = 0; i < 1500; i++)
        put_unknown(&bytes, 200 + i, PERP_WIRE_UNSIGNED);
    size_t before = allocated;
    ck_assert(read_bytes(bytes.memory, bytes.size, perp_row_ledger(), &row, &kept));
    ck_assert_uint_le(allocated - before, 1 << 20);
    comes_back(perp_row_ledger(), &bytes);
    perp_bytes_free(&bytes);
}
END_TEST

/* ---- What makes no sense ---------------------------------------------------------------------
 */

static bool fits(const struct perp_row_type *type, const char *bytes, size_t size) {
    struct row row;
    struct perp_kept *kept;
    return read_bytes(bytes, size, type, &row, &kept);
}

START_TEST(bytes_that_are_cut_off_are_refused_or_a_shorter_row) {
    seed = 7;
    for (uint32_t i = 0; i < n_types; i++) {
        struct row row;
        perp_arena_reset(&arena);
        empty(types[i], &row);
        fill(types[i], row.bytes);
        struct perp_bytes bytes = written(types[i], row.bytes, NULL);
        uint32_t refused = 0;
        for (uint32_t size = 0; size < bytes.size && size < 2000; size++)
            refused += !fits(types[i], bytes.memory, size);
        ck_assert_msg(refused > 0 || bytes.size == 0, "%s", types[i]->name);
        perp_bytes_free(&bytes);
    }
}
END_TEST

START_TEST(another_wire_type_is_refused) {
    for (uint32_t i = 0; i < n_types; i++)
        for (uint32_t f = 0; f < types[i]->n_fields; f++) {
            uint32_t good = 0;
            for (uint32_t wire = 0; wire < 8; wire++) {
                struct perp_bytes bytes = {.core = core};
                perp_bytes_unsigned(&bytes, (uint64_t)types[i]->fields[f].tag << 3 | wire);
                perp_bytes_put(&bytes, "\0\0\0\0\0\0\0\0", wire == PERP_WIRE_REAL ? 8 : 1);
                good += fits(types[i], bytes.memory, bytes.size);
                perp_bytes_free(&bytes);
            }
            /* Of an UUID no bytes are none. */
            ck_assert_msg(good == (types[i]->fields[f].kind != PERP_K_UUID), "%s.%s",
                          types[i]->name, types[i]->fields[f].name);
        }
}
END_TEST

START_TEST(tags_that_fall_or_come_again_are_refused) {
    const struct perp_row_type *type = perp_row_key();
    ck_assert(fits(type, "\x10\x01\x18\x01", 4));
    ck_assert(!fits(type, "\x18\x01\x10\x01", 4));
    ck_assert(!fits(type, "\x10\x01\x10\x01", 4));
    ck_assert(!fits(type, "\x00\x01", 2));                       /* tag 0 */
    ck_assert(!fits(type, "\x80\x80\x20\x01", 4));               /* above 65535 */
    ck_assert(!fits(perp_row_account(), "\x34\x00\x34\x00", 4)); /* one row, twice */
    ck_assert(fits(type, "\xC0\x0C\x01\xC0\x0C\x01", 6));        /* unknown: it may be a list */
    ck_assert(!fits(type, "\xC0\x0C\x01\xB8\x0C\x01", 6));       /* unknown, falling */
    ck_assert(!fits(type, "\xC5\x0C\x01", 3));                   /* no wire type */
    ck_assert(!fits(type, "\xC3\x0C\xFF\xFF\xFF\xFF\x0F", 7));   /* a text longer than all */
}
END_TEST

START_TEST(numbers_that_are_too_long_or_too_large_are_refused) {
    const struct perp_row_type *type = perp_row_key();
    ck_assert(fits(type, "\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11));
    ck_assert(!fits(type, "\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 11));
    ck_assert(!fits(type, "\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\x01", 12));
    ck_assert(!fits(type, "\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12));
    ck_assert(fits(type, "\x18\xFF\xFF\xFF\xFF\x0F", 6)); /* 32 bits */
    ck_assert(!fits(type, "\x18\xFF\xFF\xFF\xFF\x1F", 6));
    ck_assert(!fits(perp_row_control(), "\x10\x02", 2)); /* a truth */
}
END_TEST

START_TEST(more_items_than_there_may_be_are_refused) {
    for (uint32_t i = 0; i < n_types; i++)
        for (uint32_t f = 0; f < types[i]->n_fields; f++) {
            const struct perp_field *field = &types[i]->fields[f];
            struct perp_bytes bytes = {.core = core}, item = {.core = core};
            bool rows = field->row && field->kind != PERP_K_ROW;
            if (!rows && field->kind != PERP_K_NUMBERS && field->kind != PERP_K_REALS)
                continue;
            perp_arena_reset(&arena);
            put_unknown(&item, field->tag,
                        rows                            ? PERP_WIRE_ROW
                        : field->kind == PERP_K_NUMBERS ? PERP_WIRE_UNSIGNED
                                                        : PERP_WIRE_REAL);
            if (rows) {
                item.size -= 4;
                perp_bytes_unsigned(&item, 0);
            }
            for (uint32_t n = 0; n < field->most; n++)
                perp_bytes_put(&bytes, item.memory, item.size);
            ck_assert_msg(fits(types[i], bytes.memory, bytes.size), "%s.%s", types[i]->name,
                          field->name);
            perp_bytes_put(&bytes, item.memory, item.size);
            ck_assert_msg(!fits(types[i], bytes.memory, bytes.size), "%s.%s", types[i]->name,
                          field->name);
            perp_bytes_free(&bytes);
            perp_bytes_free(&item);
        }
}
END_TEST

START_TEST(texts_that_are_too_long_or_have_an_end_within_are_refused) {
    char bytes[2 + PERP_NAME_SIZE];
    memset(bytes, 'a', sizeof bytes);
    bytes[0] = 0x0B;
    bytes[1] = PERP_NAME_SIZE - 1;
    ck_assert(fits(perp_row_blacklisted(), bytes, sizeof bytes - 1));
    bytes[5] = 0;
    ck_assert(!fits(perp_row_blacklisted(), bytes, sizeof bytes - 1));
    bytes[5] = 'a';
    bytes[1] = PERP_NAME_SIZE;
    ck_assert(!fits(perp_row_blacklisted(), bytes, sizeof bytes));
    memcpy(bytes, "\x0B\x0F", 2); /* 15 of 16 bytes of an UUID */
    ck_assert(!fits(perp_row_key(), bytes, 17));
}
END_TEST

/* ---- What each kind may be -------------------------------------------------------------------
 */

static bool sound_with(const struct perp_row_type *type, size_t offset, const void *value,
                       size_t size) {
    struct row row;
    const char *what;
    empty(type, &row);
    memcpy(row.bytes + offset, value, size);
    return perp_row_sound(core, type, row.bytes, &what);
}

#define SOUND(name, ctype, member, type, value)                                                    \
    sound_with(perp_row_##name(), offsetof(ctype, member), &(type){value}, sizeof(type))

START_TEST(each_kind_has_its_limits) {
    typedef struct perp_ledger_row ledger;
    ck_assert(SOUND(ledger, ledger, peak, int64_t, 0));
    ck_assert(SOUND(ledger, ledger, peak, int64_t, -PERP_MOST_SUM));
    ck_assert(!SOUND(ledger, ledger, peak, int64_t, PERP_MOST_SUM + 1));
    ck_assert(!SOUND(ledger, ledger, peak, int64_t, -PERP_MOST_SUM - 1));
    ck_assert(SOUND(figures, perp_day_figures, pnl, int64_t, -PERP_MOST_USD));
    ck_assert(!SOUND(figures, perp_day_figures, pnl, int64_t, -PERP_MOST_USD - 1));
    ck_assert(!SOUND(figures, perp_day_figures, pnl, int64_t, PERP_MOST_USD + 1));
    ck_assert(SOUND(price, struct perp_price, price, double, -DBL_MAX));
    ck_assert(!SOUND(price, struct perp_price, price, double, (double)INFINITY));
    ck_assert(!SOUND(price, struct perp_price, price, double, (double)NAN));
    ck_assert(SOUND(tier, perp_tier, floor, double, 0));
    ck_assert(!SOUND(tier, perp_tier, floor, double, -1e-300));
    ck_assert(SOUND(ev_day_roll, struct perp_ev_day_roll, days, int64_t, 1));
    ck_assert(!SOUND(ev_day_roll, struct perp_ev_day_roll, days, int64_t, -1));
    ck_assert(!SOUND(ev_day_roll, struct perp_ev_day_roll, days, int64_t, INT64_MAX));
    ck_assert(SOUND(ev_mode, struct perp_ev_mode, mode, uint32_t, PERP_MODE_COUNT - 1));
    ck_assert(!SOUND(ev_mode, struct perp_ev_mode, mode, uint32_t, PERP_MODE_COUNT));
    ck_assert(SOUND(ev_success, struct perp_ev_success, exchange, uint32_t, PERP_ALL_EXCHANGES));
    ck_assert(
        !SOUND(ev_success, struct perp_ev_success, exchange, uint32_t, 0)); /* there is none */
    ck_assert(!SOUND(ev_kill, struct perp_ev_kill, exchange, uint32_t, 7));
    struct row row;
    const char *what;
    empty(perp_row_blacklisted(), &row);
    ck_assert(!perp_row_sound(core, perp_row_blacklisted(), row.bytes, &what)); /* no name */
    ck_assert_str_eq(what, "symbol");
    empty(perp_row_leg(), &row);
    ck_assert(!perp_row_sound(core, perp_row_leg(), row.bytes, &what)); /* no such instrument */
    ck_assert_str_eq(what, "instrument");
    perp_exchange_spec spec;
    perp_exchange_id first;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "a");
    ck_assert_int_eq(perp_exchange_add(core, &spec, &first), PERP_OK);
    ck_assert(SOUND(ev_success, struct perp_ev_success, exchange, uint32_t, first));
    ck_assert(SOUND(key, struct perp_key_row, volume, int64_t, PERP_MOST_USD));
    ck_assert(!SOUND(key, struct perp_key_row, volume, int64_t, PERP_MOST_USD + 1));
    ck_assert(!SOUND(key, struct perp_key_row, volume, int64_t, -1));
    ck_assert(SOUND(key, struct perp_key_row, kind, uint32_t, PERP_KEY_KIND_COUNT - 1));
    ck_assert(!SOUND(key, struct perp_key_row, kind, uint32_t, PERP_KEY_KIND_COUNT));
}
END_TEST

/* ---- What never changes ----------------------------------------------------------------------
 */

static const char *const kinds[] = {
#define K(KIND, wire, ctype) #KIND,
    PERP_KIND_TABLE(K)
#undef K
        "UUID",
    "NAME",
    "TEXT",
    "LONG",
    "BYTES",
    "ROW",
    "ARRAY",
    "LIST",
    "ROOM",
    "NUMBERS",
    "REALS"};

START_TEST(tags_rise_from_1_on) {
    for (uint32_t i = 0; i < n_types; i++)
        for (uint32_t f = 0; f < types[i]->n_fields; f++)
            ck_assert_msg(types[i]->fields[f].tag > (f ? types[i]->fields[f - 1].tag : 0), "%s.%s",
                          types[i]->name, types[i]->fields[f].name);
}
END_TEST

static void say_field(char *line, size_t size, const struct perp_row_type *type,
                      const struct perp_field *field) {
    snprintf(line, size, "%s %u %s %s%s%s\n", type->name, field->tag, field->name,
             kinds[field->kind], field->row ? " " : "", field->row ? field->row()->name : "");
}

/* Whether a field is what it was, or takes more than it did: what a release wrote is still read. */
static bool is_or_takes_more(const char *was, const char *is) {
    const char *const wider[][2] = {{" USD0\n", " USD\n"}, {" USD0\n", " SUM\n"}};
    if (strcmp(was, is) == 0)
        return true;
    for (size_t i = 0; i < sizeof wider / sizeof *wider; i++) {
        size_t length = strlen(was), end = strlen(wider[i][0]);
        if (length > end && strcmp(was + length - end, wider[i][0]) == 0 &&
            strncmp(was, is, length - end) == 0 && strcmp(is + length - end, wider[i][1]) == 0)
            return true;
    }
    return false;
}

/* The list of a release: each of its fields must still be what it was. ROWS_OUT: a file to write
   the list of this build to. */
START_TEST(no_field_of_a_release_has_changed) {
    char line[256], now[256];
    uint32_t n = 0;
    const char *out = getenv("ROWS_OUT");
    if (out) {
        FILE *file = fopen(out, "w");
        ck_assert_ptr_nonnull(file);
        for (uint32_t i = 0; i < n_types; i++)
            for (uint32_t f = 0; f < types[i]->n_fields; f++) {
                say_field(line, sizeof line, types[i], &types[i]->fields[f]);
                fputs(line, file);
            }
        fclose(file);
    }
    FILE *file = fopen("tests/unit/rows-0.2.txt", "r");
    ck_assert_msg(file, "tests/unit/rows-0.2.txt is not there: run from the sources' folder");
    while (fgets(line, sizeof line, file)) {
        bool there = false;
        for (uint32_t i = 0; i < n_types && !there; i++)
            for (uint32_t f = 0; f < types[i]->n_fields && !there; f++) {
                say_field(now, sizeof now, types[i], &types[i]->fields[f]);
                there = is_or_takes_more(line, now);
            }
        ck_assert_msg(there, "is no more: %s", line);
        n++;
    }
    fclose(file);
    ck_assert_uint_gt(n, 200);
}
END_TEST

/* Numbers on disk, of kinds of events and of a checkpoint's rows. */
START_TEST(no_kind_of_a_release_has_another_number) {
    static const char *const names[] = {
        "clock",    "day_roll",   "configuration", "exchange", "instrument", "equity",  "transfer",
        "correct",  "safe_mode",  "pnl",           "reserve",  "confirm",    "release", "success",
        "failure",  "circuit_up", "reset_halt",    "mode",     "override",   "kill",    "blacklist",
        "submit",   "cancel",     "expire",        "overdue",  "refuse",     "reject",  "choose",
        "dispatch", "doubt",      "finish",        "close",    "requeue",    "resolve", "limits",
        "pause",    "resume"};
    static const char *const rows[] = {"ev_configuration", "ev_exchange", "exchange_limits",
                                       "ev_instrument",    "ledger",      "account",
                                       "reservation",      "key",         "control",
                                       "circuit",          "blacklisted", "queue",
                                       "dispatched",       "ev_submit"};
    ck_assert_uint_ge(PERP_EVENT_COUNT, sizeof names / sizeof *names);
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_str_eq(perp_event_shapes[i].name, names[i]);
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(perp_book_row_type(i + 1)->name, rows[i]);
    ck_assert_ptr_null(perp_book_row_type(0));
    ck_assert_ptr_null(perp_book_row_type(PERP_BOOK_ROW_END));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rows");
    TCase *all = tcase_create("rows");
    tcase_add_checked_fixture(all, start, stop);
    tcase_add_test(all, every_row_comes_back_as_it_was_written);
    tcase_add_test(all, rows_that_differ_in_a_field_are_not_the_same);
    tcase_add_test(all, a_default_is_not_written);
    tcase_add_test(all, an_absent_field_has_its_default);
    tcase_add_test(all, a_mode_without_a_limit_has_that_mode_s_own);
    tcase_add_test(all, unknown_fields_come_back_where_they_were);
    tcase_add_test(all, unknown_fields_in_a_row_within_come_back_in_it);
    tcase_add_test(all, an_unknown_field_between_known_ones_comes_back_between_them);
    tcase_add_test(all, many_unknown_fields_take_little_memory);
    tcase_add_test(all, bytes_that_are_cut_off_are_refused_or_a_shorter_row);
    tcase_add_test(all, another_wire_type_is_refused);
    tcase_add_test(all, tags_that_fall_or_come_again_are_refused);
    tcase_add_test(all, numbers_that_are_too_long_or_too_large_are_refused);
    tcase_add_test(all, more_items_than_there_may_be_are_refused);
    tcase_add_test(all, texts_that_are_too_long_or_have_an_end_within_are_refused);
    tcase_add_test(all, each_kind_has_its_limits);
    tcase_add_test(all, tags_rise_from_1_on);
    tcase_add_test(all, no_field_of_a_release_has_changed);
    tcase_add_test(all, no_kind_of_a_release_has_another_number);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
