/* Rows as bytes: (key, value) after (key, value), the key being tag × 8 + how the value is written.
   Numbers are written seven bits a byte, the lowest first, the top bit saying that more follow;
   signed ones with their sign in the lowest bit; doubles as eight bytes; texts, UUIDs and rows
   behind their length. Tags rise; those of a list or an array come again for each of its items. A
   value that is its field's default is left out. */
#include "core/core.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

#define MAX_DEPTH 4

/* ---- Fields -------------------------------------------------------------------------------------
 */

static const uint8_t wires[] = {
#define K(KIND, wire, ctype) PERP_WIRE_##wire,
    PERP_KIND_TABLE(K)
#undef K
        PERP_WIRE_BYTES, /* UUID */
    PERP_WIRE_BYTES,     /* NAME */
    PERP_WIRE_BYTES,     /* TEXT */
    PERP_WIRE_BYTES,     /* LONG */
    PERP_WIRE_BYTES,     /* BYTES */
    PERP_WIRE_ROW,       /* ROW */
    PERP_WIRE_ROW,       /* ARRAY */
    PERP_WIRE_ROW,       /* LIST */
    PERP_WIRE_ROW,       /* ROOM */
    PERP_WIRE_UNSIGNED,  /* NUMBERS */
    PERP_WIRE_REAL,      /* REALS */
};

/* The size in memory of one value of a kind; 0: it is no kind of one value. */
static const uint8_t sizes[] = {
#define K(KIND, wire, ctype) sizeof(ctype),
    PERP_KIND_TABLE(K)
#undef K
        sizeof(perp_uuid),
    PERP_NAME_SIZE,
    PERP_NAME_SIZE,
    PERP_LONG_SIZE,
    0,
    0,
    0,
    0,
    0,
    sizeof(uint64_t),
    sizeof(double),
};

static bool is_text(const struct perp_field *field) {
    return field->kind >= PERP_K_NAME && field->kind <= PERP_K_LONG;
}

static uint32_t count_at(const struct perp_field *field, const void *row) {
    uint32_t count;
    if (field->kind == PERP_K_ROW)
        return 1;
    if (field->kind == PERP_K_ARRAY || field->kind == PERP_K_NUMBERS || field->kind == PERP_K_REALS)
        return field->most;
    memcpy(&count, (const char *)row + field->count_offset, sizeof count);
    return count;
}

/* The rows that a field holds, in place or elsewhere. */
static const void *rows_at(const struct perp_field *field, const void *row) {
    const void *rows = (const char *)row + field->offset;
    if (field->kind == PERP_K_LIST)
        memcpy(&rows, (const char *)row + field->offset, sizeof rows);
    return rows;
}

static bool holds_rows(const struct perp_field *field) {
    return field->kind >= PERP_K_ROW && field->kind <= PERP_K_ROOM;
}

static uint64_t unsigned_at(const void *value, size_t size) {
    uint64_t number = 0;
    if (size == sizeof(uint64_t)) {
        memcpy(&number, value, sizeof number);
    } else if (size == sizeof(uint32_t)) {
        uint32_t small;
        memcpy(&small, value, sizeof small);
        number = small;
    } else {
        bool flag;
        memcpy(&flag, value, sizeof flag);
        number = flag;
    }
    return number;
}

static int64_t signed_at(const void *value, size_t size) {
    int64_t number;
    int32_t small;
    if (size == sizeof number) {
        memcpy(&number, value, sizeof number);
        return number;
    }
    memcpy(&small, value, sizeof small);
    return small;
}

/* ---- What is kept -------------------------------------------------------------------------------
 */

/* Where in a row a kept field stood: the tags and places of the rows that it lies in. */
struct path {
    uint32_t depth;
    uint32_t steps[MAX_DEPTH]; /* tag × 65536 + place */
};

struct kept_entry {
    struct path path;
    uint32_t tag;
    uint32_t size; /* of the bytes behind it, which are padded to 4 */
};

static uint32_t padded(uint32_t size) {
    return (size + 3) & ~UINT32_C(3);
}

static bool same_path(const struct path *a, const struct path *b) {
    return a->depth == b->depth && memcmp(a->steps, b->steps, a->depth * sizeof *a->steps) == 0;
}

/* Those with tags from `from` on and below `until`: between the fields that are known, so that tags
 * rise. */
static void write_kept(struct perp_bytes *to, const struct perp_kept *kept, const struct path *path,
                       uint32_t from, uint32_t until) {
    const char *at = (const char *)(kept + 1), *end = at + kept->size;
    while (at < end) {
        struct kept_entry entry;
        memcpy(&entry, at, sizeof entry);
        at += sizeof entry;
        if (entry.tag >= from && entry.tag < until && same_path(&entry.path, path))
            perp_bytes_put(to, at, entry.size);
        at += padded(entry.size);
    }
}

/* What a read takes along. */
struct reading {
    struct perp_arena *arena;
    struct perp_kept **kept;
    uint32_t room; /* for what is kept */
};

/* One more field to keep. Where there is no room for it, what is kept so far moves to a place in
   the arena twice as large. */
static bool keep(struct reading *reading, const struct path *path, uint64_t tag, const void *bytes,
                 size_t size) {
    struct perp_kept *kept = *reading->kept;
    uint32_t before = kept ? kept->size : 0;
    if (size > UINT16_MAX || before > UINT16_MAX)
        return false;
    struct kept_entry entry = {*path, (uint32_t)tag, (uint32_t)size};
    uint32_t after = before + (uint32_t)sizeof entry + padded(entry.size);
    if (!kept || after > reading->room) {
        struct perp_kept *grown = perp_arena_take(reading->arena, sizeof *grown + 2 * after);
        if (!grown)
            return false;
        if (kept)
            memcpy(grown, kept, sizeof *kept + before);
        reading->room = 2 * after;
        *reading->kept = kept = grown;
    }
    char *at = (char *)(kept + 1) + before;
    memset(at, 0, after - before);
    memcpy(at, &entry, sizeof entry);
    memcpy(at + sizeof entry, bytes, size);
    kept->size = after;
    return true;
}

bool perp_kept_set(perp_core *core, struct perp_kept **to, const struct perp_kept *kept) {
    struct perp_kept *copy = NULL;
    if (kept) {
        copy = perp_alloc(core, sizeof *copy + kept->size);
        if (!copy)
            return false;
        memcpy(copy, kept, sizeof *copy + kept->size);
    }
    perp_kept_free(core, to);
    *to = copy;
    return true;
}

void perp_kept_free(perp_core *core, struct perp_kept **kept) {
    if (*kept)
        perp_free(core, *kept, sizeof **kept + (*kept)->size);
    *kept = NULL;
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

static void write_row(struct perp_bytes *to, const struct perp_row_type *type, const void *row,
                      const void *defaults, const struct perp_kept *kept, const struct path *path);

static void write_key(struct perp_bytes *to, const struct perp_field *field) {
    perp_bytes_unsigned(to, (uint64_t)field->tag << 3 | wires[field->kind]);
}

static void write_text(struct perp_bytes *to, const struct perp_field *field, const void *text,
                       size_t size) {
    write_key(to, field);
    perp_bytes_unsigned(to, size);
    perp_bytes_put(to, text, size);
}

/* Rows go behind their length: written, and moved for it; where nothing is to be moved, counted and
   then written. One in place of which nothing differs is left out, and so is the end of an array
   whose numbers are all 0. */
static void write_rows(struct perp_bytes *to, const struct perp_field *field, const void *row,
                       const void *defaults, const struct perp_kept *kept,
                       const struct path *path) {
    const struct perp_row_type *type = field->row();
    const char *rows = rows_at(field, row);
    const bool moved = !to->counted && !to->chaining;
    uint32_t n = count_at(field, row);
    for (uint32_t i = 0; i < n && path->depth < MAX_DEPTH; i++, rows += type->size) {
        struct path inner = *path;
        const char *usual = type->defaults;
        if (!usual && field->kind == PERP_K_ARRAY && defaults)
            usual = (const char *)defaults + field->offset + (size_t)i * type->size;
        inner.steps[inner.depth++] = (uint32_t)field->tag << 16 | i;
        if (moved) {
            const uint32_t before = to->size;
            write_key(to, field);
            const uint32_t at = to->size;
            write_row(to, type, rows, usual, kept, &inner);
            if (to->size == at && field->kind == PERP_K_ROW)
                to->size = before;
            else
                perp_bytes_put_length(to, at);
            continue;
        }
        struct perp_bytes part = {.core = to->core, .counted = true};
        write_row(&part, type, rows, usual, kept, &inner);
        if (!part.size && field->kind == PERP_K_ROW)
            continue;
        write_key(to, field);
        perp_bytes_unsigned(to, part.size);
        write_row(to, type, rows, usual, kept, &inner);
    }
}

static void write_numbers(struct perp_bytes *to, const struct perp_field *field, const void *row) {
    uint64_t word;
    uint32_t n = field->most;
    for (; field->kind == PERP_K_NUMBERS && n > 0; n--) {
        memcpy(&word, (const char *)row + field->offset + (n - 1) * sizeof word, sizeof word);
        if (word)
            break;
    }
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&word, (const char *)row + field->offset + i * sizeof word, sizeof word);
        write_key(to, field);
        if (field->kind == PERP_K_NUMBERS)
            perp_bytes_unsigned(to, word);
        else
            perp_bytes_word(to, word);
    }
}

static void write_field(struct perp_bytes *to, const struct perp_field *field, const void *row) {
    const void *value = (const char *)row + field->offset;
    uint64_t word;
    int64_t number;
    switch (wires[field->kind]) {
    case PERP_WIRE_UNSIGNED:
        write_key(to, field);
        perp_bytes_unsigned(to, unsigned_at(value, sizes[field->kind]));
        break;
    case PERP_WIRE_SIGNED:
        write_key(to, field);
        number = signed_at(value, sizes[field->kind]);
        perp_bytes_unsigned(to, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
        break;
    case PERP_WIRE_REAL:
        write_key(to, field);
        memcpy(&word, value, sizeof word);
        perp_bytes_word(to, word);
        break;
    default:
        if (field->kind == PERP_K_BYTES) {
            const void *bytes;
            memcpy(&bytes, value, sizeof bytes);
            write_text(to, field, bytes, count_at(field, row));
        } else {
            write_text(to, field, value,
                       field->kind == PERP_K_UUID ? sizeof(perp_uuid)
                                                  : strnlen(value, sizes[field->kind]));
        }
    }
}

/* The configuration's sections, whose presets are more than rows.def can say. */
union sections {
    perp_capital_config capital;
    perp_risk_config risk;
    perp_scheduler_config scheduler;
    perp_orders_config orders;
};

static bool same_bytes(const char *a, const char *b, size_t size) {
    uint64_t x, y;
    if (size != sizeof x)
        return memcmp(a, b, size) == 0;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y;
}

static bool is_default(const struct perp_row_type *type, const struct perp_field *field,
                       const void *row, const void *defaults) {
    const char *value = (const char *)row + field->offset;
    if (field->kind == PERP_K_BYTES)
        return count_at(field, row) == 0;
    return defaults && field->tag > type->always && sizes[field->kind] &&
           field->kind < PERP_K_ROW &&
           same_bytes(value, (const char *)defaults + field->offset, sizes[field->kind]);
}

static void write_row(struct perp_bytes *to, const struct perp_row_type *type, const void *row,
                      const void *defaults, const struct perp_kept *kept, const struct path *path) {
    uint32_t next = 1;
    union sections made;
    if (type->preset && !type->defaults) {
        type->preset(&made);
        defaults = &made;
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const struct perp_field *field = &type->fields[i];
        if (kept)
            write_kept(to, kept, path, next, field->tag);
        next = field->tag + 1u;
        if (is_default(type, field, row, defaults))
            continue;
        if (holds_rows(field))
            write_rows(to, field, row, defaults, kept, path);
        else if (field->kind == PERP_K_NUMBERS || field->kind == PERP_K_REALS)
            write_numbers(to, field, row);
        else
            write_field(to, field, row);
    }
    if (kept)
        write_kept(to, kept, path, next, UINT16_MAX + 1);
}

void perp_row_write(struct perp_bytes *to, const struct perp_row_type *type, const void *row,
                    const struct perp_kept *kept) {
    const struct path path = {0, {0}};
    write_row(to, type, row, type->defaults, kept, &path);
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

static bool read_row(struct perp_reader *reader, const struct perp_row_type *type, void *row,
                     struct reading *reading, const struct path *path);

/* A row of which nothing is given. */
void perp_row_preset(const struct perp_row_type *type, void *row) {
    if (type->defaults)
        memcpy(row, type->defaults, type->size);
    else
        memset(row, 0, type->size);
    if (type->preset)
        type->preset(row);
    for (uint32_t i = 0; type->nests && i < type->n_fields; i++) {
        const struct perp_field *field = &type->fields[i];
        if (type->defaults && (field->kind == PERP_K_ROW || field->kind == PERP_K_ARRAY))
            for (uint32_t n = 0; n < count_at(field, row); n++)
                perp_row_preset(field->row(), (char *)row + field->offset + n * field->row()->size);
    }
}

static bool store_unsigned(void *value, size_t size, uint64_t number) {
    uint32_t small = (uint32_t)number;
    bool flag = number != 0;
    if (size == sizeof number)
        memcpy(value, &number, sizeof number);
    else if (size == sizeof small && number <= UINT32_MAX)
        memcpy(value, &small, sizeof small);
    else if (size == sizeof flag && number <= 1)
        memcpy(value, &flag, sizeof flag);
    else
        return false;
    return true;
}

static bool store_signed(void *value, size_t size, uint64_t zigzag) {
    int64_t number = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    int32_t small = (int32_t)number;
    if (size == sizeof number)
        memcpy(value, &number, sizeof number);
    else if (small == number)
        memcpy(value, &small, sizeof small);
    else
        return false;
    return true;
}

static bool read_text(struct perp_reader *reader, const struct perp_field *field, void *row,
                      struct reading *reading) {
    uint64_t size = perp_read_unsigned(reader);
    const void *bytes = perp_read_bytes(reader, size);
    char *value = (char *)row + field->offset;
    if (!bytes)
        return false;
    if (field->kind == PERP_K_UUID) {
        if (size == sizeof(perp_uuid))
            memcpy(value, bytes, sizeof(perp_uuid));
        return size == sizeof(perp_uuid);
    }
    if (field->kind != PERP_K_BYTES) {
        if (size >= sizes[field->kind] || memchr(bytes, '\0', size))
            return false;
        memcpy(value, bytes, size);
        return true;
    }
    if (size > field->most)
        return false;
    void *copy = size ? perp_arena_take(reading->arena, size) : NULL;
    if (size && !copy)
        return false;
    if (size)
        memcpy(copy, bytes, size);
    uint32_t count = (uint32_t)size;
    memcpy(value, &copy, sizeof copy);
    memcpy((char *)row + field->count_offset, &count, sizeof count);
    return true;
}

/* Where item n of a field goes; a list is made at its first. NULL: too many, or no memory. */
static void *place_of(const struct perp_field *field, void *row, uint32_t n,
                      struct reading *reading) {
    if (n >= (field->kind == PERP_K_ROW ? 1u : field->most))
        return NULL;
    size_t size = field->row()->size;
    char *rows = (char *)row + field->offset;
    if (field->kind == PERP_K_LIST) {
        if (n == 0) {
            rows = perp_arena_take(reading->arena, size * field->most);
            memcpy((char *)row + field->offset, &rows, sizeof rows);
        } else {
            memcpy(&rows, (char *)row + field->offset, sizeof rows);
        }
        if (!rows)
            return NULL;
    }
    uint32_t count = n + 1;
    if (field->kind == PERP_K_LIST || field->kind == PERP_K_ROOM)
        memcpy((char *)row + field->count_offset, &count, sizeof count);
    return rows + n * size;
}

static bool read_one_row(struct perp_reader *reader, const struct perp_field *field, void *row,
                         uint32_t n, struct reading *reading, const struct path *path) {
    uint64_t size = perp_read_unsigned(reader);
    const unsigned char *bytes = perp_read_bytes(reader, size);
    void *place = bytes ? place_of(field, row, n, reading) : NULL;
    if (!place || path->depth >= MAX_DEPTH)
        return false;
    struct path inner = *path;
    inner.steps[inner.depth++] = (uint32_t)field->tag << 16 | n;
    struct perp_reader part = {bytes, bytes + size, false};
    if (field->kind == PERP_K_LIST || field->kind == PERP_K_ROOM)
        perp_row_preset(field->row(), place); /* one in place has what the row around it says */
    return read_row(&part, field->row(), place, reading, &inner);
}

/* Value n of a field that was met. */
static bool read_value(struct perp_reader *reader, const struct perp_field *field, void *row,
                       uint32_t n, struct reading *reading, const struct path *path) {
    char *value = (char *)row + field->offset;
    uint64_t number;
    if (holds_rows(field))
        return read_one_row(reader, field, row, n, reading, path);
    bool many = field->kind == PERP_K_NUMBERS || field->kind == PERP_K_REALS;
    if (n >= (many ? field->most : 1u))
        return false;
    if (many)
        value += n * sizeof(uint64_t);
    switch (wires[field->kind]) {
    case PERP_WIRE_UNSIGNED:
        number = perp_read_unsigned(reader);
        return store_unsigned(value, sizes[field->kind], number);
    case PERP_WIRE_SIGNED:
        number = perp_read_unsigned(reader);
        return store_signed(value, sizes[field->kind], number);
    case PERP_WIRE_REAL:
        number = perp_read_word(reader);
        memcpy(value, &number, sizeof number);
        return true;
    default:
        return read_text(reader, field, row, reading);
    }
}

static void skip_value(struct perp_reader *reader, uint64_t wire) {
    switch (wire) {
    case PERP_WIRE_UNSIGNED:
    case PERP_WIRE_SIGNED:
        perp_read_unsigned(reader);
        break;
    case PERP_WIRE_REAL:
        perp_read_word(reader);
        break;
    case PERP_WIRE_BYTES:
    case PERP_WIRE_ROW:
        perp_read_bytes(reader, perp_read_unsigned(reader));
        break;
    default:
        reader->failed = true;
    }
}

static bool read_row(struct perp_reader *reader, const struct perp_row_type *type, void *row,
                     struct reading *reading, const struct path *path) {
    uint64_t last = 0;
    uint32_t n = 0, f = 0;
    while (reader->at < reader->end && !reader->failed) {
        const unsigned char *start = reader->at;
        uint64_t key = perp_read_unsigned(reader), tag = key >> 3;
        if (reader->failed || tag == 0 || tag > UINT16_MAX || tag < last)
            return false;
        n = tag == last ? n + 1 : 0;
        last = tag;
        while (f < type->n_fields && type->fields[f].tag < tag)
            f++;
        if (f < type->n_fields && type->fields[f].tag == tag) {
            if ((key & 7) != wires[type->fields[f].kind] ||
                !read_value(reader, &type->fields[f], row, n, reading, path))
                return false;
            continue;
        }
        skip_value(reader, key & 7);
        if (reader->failed ||
            (reading->kept && !keep(reading, path, tag, start, (size_t)(reader->at - start))))
            return false;
    }
    return !reader->failed;
}

bool perp_row_read(struct perp_reader *reader, const struct perp_row_type *type, void *row,
                   struct perp_arena *arena, struct perp_kept **kept) {
    struct reading reading = {arena, kept, 0};
    const struct path path = {0, {0}};
    if (kept)
        *kept = NULL;
    perp_row_preset(type, row);
    return read_row(reader, type, row, &reading, &path);
}

/* ---- Comparing --------------------------------------------------------------------------------
 */

static const char *bytes_at(const struct perp_field *field, const void *row) {
    const char *at;
    memcpy(&at, (const char *)row + field->offset, sizeof at);
    return at;
}

static bool same_rows(const struct perp_field *field, const void *a, const void *b) {
    const char *x = rows_at(field, a), *y = rows_at(field, b);
    size_t size = field->row()->size;
    for (uint32_t k = 0; k < count_at(field, a); k++)
        if (!perp_row_same(field->row(), x + k * size, y + k * size, 0))
            return false;
    return true;
}

static bool same_reals(const char *x, const char *y, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        double left, right; /* -0 is 0 */
        memcpy(&left, x + k * sizeof left, sizeof left);
        memcpy(&right, y + k * sizeof right, sizeof right);
        if (left != right && !(isnan(left) && isnan(right)))
            return false;
    }
    return true;
}

static bool same_field(const struct perp_field *field, const void *a, const void *b) {
    const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
    uint32_t n = holds_rows(field) || field->kind >= PERP_K_BYTES ? count_at(field, a) : 1;
    if ((holds_rows(field) || field->kind == PERP_K_BYTES) && n != count_at(field, b))
        return false;
    if (holds_rows(field))
        return same_rows(field, a, b);
    if (field->kind == PERP_K_BYTES)
        return n == 0 || memcmp(bytes_at(field, a), bytes_at(field, b), n) == 0;
    if (wires[field->kind] == PERP_WIRE_REAL)
        return same_reals(x, y, n);
    if (is_text(field))
        return strncmp(x, y, sizes[field->kind]) == 0;
    return memcmp(x, y, n * sizes[field->kind]) == 0;
}

const struct perp_field *perp_row_differs(const struct perp_row_type *type, const void *a,
                                          const void *b, uint64_t but) {
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const struct perp_field *field = &type->fields[i];
        bool left_out = field->tag < 64 && but >> field->tag & 1;
        if (!left_out && !same_field(field, a, b))
            return field;
    }
    return NULL;
}

/* The name of a value of a closed list; NULL: the field holds none. Stored, the lists of
   specifications are plain numbers. */
static const char *listed(const struct perp_field *field, uint32_t number) {
    switch (field->kind) {
    case PERP_K_POOL:
        return perp_pool_string(number);
    case PERP_K_SIDE:
        return perp_side_string(number);
    case PERP_K_STRATEGY:
        return perp_strategy_string(number);
    case PERP_K_MODE:
        return perp_mode_string(number);
    case PERP_K_U32:
        if (strcmp(field->name, "kind") == 0)
            return perp_kind_string(number);
        return strcmp(field->name, "margin_mode") == 0 ? perp_margin_string(number) : NULL;
    default:
        return NULL;
    }
}

void perp_field_show(const struct perp_field *field, const void *row, char *text, size_t size) {
    const char *at = (const char *)row + field->offset;
    double real = 0;
    int64_t whole = 0;
    if (holds_rows(field) || field->kind >= PERP_K_ROW) {
        snprintf(text, size, "%u of them", count_at(field, row));
    } else if (is_text(field)) {
        snprintf(text, size, "'%.*s'", (int)sizes[field->kind], at);
    } else if (wires[field->kind] == PERP_WIRE_REAL) {
        memcpy(&real, at, sizeof real);
        snprintf(text, size, "%.10g", real);
    } else if (field->kind == PERP_K_USD || field->kind == PERP_K_USD0 ||
               field->kind == PERP_K_USD1) {
        memcpy(&whole, at, sizeof whole);
        snprintf(text, size, "%s USD", PERP_SHOW_USD(whole));
    } else if (sizes[field->kind] == sizeof whole) {
        memcpy(&whole, at, sizeof whole);
        snprintf(text, size, "%" PRId64, whole);
    } else {
        uint32_t number = 0;
        memcpy(&number, at,
               sizes[field->kind] < sizeof number ? sizes[field->kind] : sizeof number);
        const char *name = listed(field, number);
        if (name)
            snprintf(text, size, "%s", name);
        else
            snprintf(text, size, "%" PRIu32, number);
    }
}
