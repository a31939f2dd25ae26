/* Each field of each record and of a checkpoint of the story, with values that nobody wrote: the
   store is refused, with the place, or makes a sound book that comes back as it is. What makes the
   sums of bytes right is no help to who damages a store on purpose. */
#include "odd_fields.h"
#include "story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain.h"
#include "core/rows.h"

#define MOST_RECORDS 400
#define MOST_SIZE 65536
#define MOST_PATHS 4096
#define TIMES 2 /* a field of one place is tried in so many records */

struct bytes {
    uint8_t *data;
    size_t size;
};

static struct bytes records[MOST_RECORDS], image;
static uint64_t image_seq;
static uint32_t n_records;
static unsigned long n_tried, n_sound;

/* Where a field is: its kind of record or row, and the tags down to it. */
static struct path {
    uint64_t hash;
    uint32_t times;
} paths[MOST_PATHS];

static void fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    exit(1);
}

/* ---- What is stored ------------------------------------------------------------------------- */

static struct bytes copy_of(const void *data, size_t size) {
    struct bytes copy = {malloc(size + 1), size};
    if (!copy.data)
        fail("odd fields", "no memory");
    memcpy(copy.data, data, size);
    return copy;
}

static void take_record(void *user, uint64_t seq, const void *data, size_t size,
                        perp_status *status) {
    (void)user;
    *status = PERP_OK;
    if (seq != n_records + 1 || n_records == MOST_RECORDS)
        fail("odd fields", "too many records");
    records[n_records++] = copy_of(data, size - PERP_CHAIN_SIZE);
}

static void take_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                            perp_status *status) {
    (void)user, (void)hash;
    *status = PERP_OK;
    free(image.data);
    image = copy_of(data, size - PERP_CHAIN_SIZE);
    image_seq = seq;
}

static void keep_open(void *user) {
    (void)user;
}

/* Bytes that grow. */
struct buffer {
    uint8_t *data;
    size_t size, room;
};

static void put(struct buffer *to, const void *data, size_t size) {
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size);
        to->data = realloc(to->data, to->room);
        if (!to->data)
            fail("odd fields", "no memory");
    }
    if (size)
        memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void put_unsigned(struct buffer *to, uint64_t value) {
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)(value & 127) | (value > 127 ? 128 : 0);
        value >>= 7;
    } while (value);
    put(to, bytes, n);
}

static void put_word(struct buffer *to, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put(to, bytes, sizeof bytes);
}

static void drop(struct buffer *bytes) {
    free(bytes->data);
}

static void put_chain(struct buffer *to, uint64_t *chain, const void *data, size_t size) {
    *chain = perp_chain(*chain, data, size);
    to->size = 0;
    put(to, data, size);
    put_word(to, *chain);
}

/* ---- Trying one ----------------------------------------------------------------------------- */

/* Opens what the store has; a book that opens works, is sound, and is the same once more. */
static void try_store(const perp_store *store, const char *what) {
    perp_config config;
    perp_core *core = NULL;
    perp_config_init(&config);
    config.store = *store;
    config.store.close = keep_open;
    n_tried++;
    const perp_status status = perp_core_open(&config, &core);
    if (status == PERP_E_CORRUPT && !core && perp_core_error(NULL)[0])
        return;
    if (status != PERP_OK)
        fail(what, perp_core_error(NULL));
    n_sound++;
    perp_call call;
    perp_call_init(&call);
    call.now_ns = perp_core_clock(core);
    if (perp_core_check(core) != PERP_OK)
        fail(what, perp_core_error(core));
    if (perp_scheduler_tick(perp_core_scheduler(core), &call, NULL) == PERP_E_CORRUPT ||
        perp_core_check(core) != PERP_OK)
        fail(what, perp_core_error(core));
    const uint64_t hash = perp_core_hash(core);
    if (perp_core_checkpoint(core) != PERP_OK || perp_core_close(core) != PERP_OK ||
        perp_core_open(&config, &core) != PERP_OK)
        fail(what, perp_core_error(NULL));
    if (perp_core_hash(core) != hash || perp_core_check(core) != PERP_OK)
        fail(what, "another book comes back");
    perp_core_close(core);
}

/* The records up to one, which is replaced; n_records + 1: none is. */
static void try_record(uint32_t at, const uint8_t *data, size_t size, const char *what) {
    static struct buffer whole;
    perp_store store;
    perp_status status;
    uint64_t chain = PERP_CHAIN_START;
    if (perp_store_memory_open(&store) != PERP_OK)
        fail(what, "no store");
    store.begin(store.user, &status);
    for (uint32_t i = 0; i <= at && i < n_records; i++) {
        perp_record record = {.struct_size = sizeof record, .seq = i + 1, .kind = ""};
        if (i == at)
            put_chain(&whole, &chain, data, size);
        else
            put_chain(&whole, &chain, records[i].data, records[i].size);
        record.data = whole.data;
        record.size = whole.size;
        store.append(store.user, &record, &status);
    }
    store.commit(store.user, &status);
    try_store(&store, what);
    store.close(store.user);
}

static void try_image(const uint8_t *data, size_t size, const char *what) {
    static struct buffer whole;
    perp_store store;
    perp_status status;
    uint64_t chain = PERP_CHAIN_START;
    if (perp_store_memory_open(&store) != PERP_OK)
        fail(what, "no store");
    put_chain(&whole, &chain, data, size);
    store.checkpoint(store.user, image_seq, 0, 0, whole.data, whole.size, &status);
    try_store(&store, what);
    store.close(store.user);
}

/* ---- The fields of a row -------------------------------------------------------------------- */

enum { UNSIGNED, SIGNED, REAL, BYTES, ROW };

/* A field as it is written: its key, and where its value begins and ends. */
struct field {
    uint64_t tag;
    uint32_t how;
    const uint8_t *key, *value, *end;
};

static bool next_field(struct perp_reader *reader, struct field *field) {
    if (reader->at == reader->end || reader->failed)
        return false;
    field->key = reader->at;
    const uint64_t key = perp_read_long(reader);
    field->tag = key / 8;
    field->how = (uint32_t)(key % 8);
    field->value = reader->at;
    if (field->how == REAL)
        perp_read_word(reader);
    else if (field->how == BYTES || field->how == ROW)
        perp_read_bytes(reader, perp_read_long(reader));
    else
        perp_read_long(reader);
    field->end = reader->at;
    return !reader->failed;
}

/* What surrounds the row that is looked at: rows in rows, each with its length, and at the outside
   the bytes of a record or an image. */
struct outside {
    const struct outside *next; /* NULL: this is the outermost */
    const uint8_t *before, *before_end, *after, *after_end;
    uint64_t hash;   /* of the way to here */
    uint32_t record; /* n_records: the image */
};

static void try_bytes(const struct outside *out, const struct buffer *row);

/* The row put where it was: with its length, and all around it. */
static void put_outside(const struct outside *out, const uint8_t *row, size_t size) {
    struct buffer bytes = {0};
    put(&bytes, out->before, (size_t)(out->before_end - out->before));
    if (out->next || out->record == n_records)
        put_unsigned(&bytes, size);
    put(&bytes, row, size);
    put(&bytes, out->after, (size_t)(out->after_end - out->after));
    try_bytes(out, &bytes);
    drop(&bytes);
}

static void try_bytes(const struct outside *out, const struct buffer *bytes) {
    char what[64];
    if (out->next) {
        put_outside(out->next, bytes->data, bytes->size);
    } else if (out->record == n_records) {
        snprintf(what, sizeof what, "the checkpoint, byte %zu",
                 (size_t)(out->before_end - out->before));
        try_image(bytes->data, bytes->size, what);
    } else {
        snprintf(what, sizeof what, "record %u", out->record + 1);
        try_record(out->record, bytes->data, bytes->size, what);
    }
}

/* The row with the bytes from `from` to `to` replaced. */
static void replace(const struct outside *out, const uint8_t *row, const uint8_t *end,
                    const uint8_t *from, const uint8_t *to, const struct buffer *by) {
    struct buffer changed = {0};
    put(&changed, row, (size_t)(from - row));
    put(&changed, by->data, by->size);
    put(&changed, to, (size_t)(end - to));
    put_outside(out, changed.data, changed.size);
    drop(&changed);
}

static void odd_number(const struct outside *out, const uint8_t *row, const uint8_t *end,
                       const struct field *field) {
    static const uint64_t odd[] = {0,
                                   1,
                                   2,
                                   3,
                                   77,
                                   UINT32_MAX,
                                   UINT64_C(2000000000000000), /* 10^9 USD, signed */
                                   UINT64_C(1) << 62,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};
    struct perp_reader reader = {field->value, field->end, false};
    const uint64_t there = perp_read_long(&reader);
    struct buffer by = {0};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0] + 2; i++) {
        by.size = 0;
        put_unsigned(&by, i < sizeof odd / sizeof odd[0]    ? odd[i]
                          : i == sizeof odd / sizeof odd[0] ? there + 1
                                                            : there ^ 1);
        replace(out, row, end, field->value, field->end, &by);
    }
    drop(&by);
}

static void odd_real(const struct outside *out, const uint8_t *row, const uint8_t *end,
                     const struct field *field) {
    const double odd[] = {0, -0.0, -1, 1e-300, 1.5, 1e18, 1e308, (double)INFINITY, (double)NAN};
    struct buffer by = {0};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        uint64_t word;
        memcpy(&word, &odd[i], sizeof word);
        by.size = 0;
        put_word(&by, word);
        replace(out, row, end, field->value, field->end, &by);
    }
    drop(&by);
}

/* None, one that is another, one that is longer, one that is no text. */
static void odd_bytes(const struct outside *out, const uint8_t *row, const uint8_t *end,
                      const struct field *field) {
    struct perp_reader reader = {field->value, field->end, false};
    const uint64_t size = perp_read_long(&reader);
    uint8_t text[300];
    const size_t kept = size < 200 ? (size_t)size : 200;
    for (int i = 0; i < 4; i++) {
        struct buffer by = {0};
        const size_t length = i == 0 ? 0 : i == 2 ? kept + 90 : kept;
        memset(text, 'x', sizeof text);
        memcpy(text, reader.at, kept);
        if (i == 1 && kept)
            text[kept - 1] ^= 1;
        if (i == 3 && kept)
            text[0] = 0x1b;
        put_unsigned(&by, length);
        put(&by, text, length);
        replace(out, row, end, field->value, field->end, &by);
        drop(&by);
    }
}

/* Whether a place was not yet tried as often as is wanted. */
static bool is_new(uint64_t hash) {
    for (size_t i = hash % MOST_PATHS;; i = (i + 1) % MOST_PATHS) {
        if (paths[i].times == 0 || paths[i].hash == hash) {
            paths[i].hash = hash;
            return paths[i].times++ < TIMES;
        }
    }
}

static void odd_row(const struct outside *out, const uint8_t *row, const uint8_t *end) {
    struct perp_reader reader = {row, end, false};
    struct field field;
    while (next_field(&reader, &field)) {
        const uint64_t hash = (out->hash ^ (field.tag + 1)) * UINT64_C(1099511628211);
        const struct buffer nothing = {0};
        if (field.how == ROW && is_new(hash ^ 1)) {
            struct perp_reader inner = {field.value, field.end, false};
            perp_read_long(&inner);
            const struct outside inside = {out, row,  field.value, field.end,
                                           end, hash, out->record};
            odd_row(&inside, inner.at, field.end);
        }
        if (!is_new(hash))
            continue;
        replace(out, row, end, field.key, field.end, &nothing);
        struct buffer twice = {0};
        put(&twice, field.key, (size_t)(field.end - field.key));
        replace(out, row, end, field.key, field.key, &twice);
        drop(&twice);
        if (field.how == REAL)
            odd_real(out, row, end, &field);
        else if (field.how == BYTES)
            odd_bytes(out, row, end, &field);
        else if (field.how != ROW)
            odd_number(out, row, end, &field);
    }
}

/* ---- Records and rows ----------------------------------------------------------------------- */

/* The head of a record, and its payload, which has no length. */
static void odd_record(uint32_t at) {
    const uint8_t *data = records[at].data, *end = data + records[at].size;
    struct perp_reader reader = {data, end, false};
    perp_read_long(&reader);
    const uint64_t kind = perp_read_long(&reader);
    const uint8_t *payload = reader.at;
    while (payload < end && *payload != 0x34) {
        struct perp_reader field = {payload, end, false};
        struct field skipped;
        if (!next_field(&field, &skipped))
            fail("odd fields", "a record can't be read");
        payload = field.at;
    }
    const struct outside head = {NULL, data, data, payload, end, ~kind, at};
    odd_row(&head, data, payload);
    if (payload < end) {
        const struct outside out = {NULL, data, payload + 1, end, end, kind, at};
        odd_row(&out, payload + 1, end);
    }
}

static void odd_image(void) {
    const uint8_t *end = image.data + image.size;
    struct perp_reader reader = {image.data, end, false};
    perp_read_long(&reader);
    perp_read_long(&reader);
    perp_read_word(&reader);
    perp_read_word(&reader);
    while (reader.at < end && !reader.failed) {
        const uint8_t *start = reader.at;
        const uint64_t kind = perp_read_long(&reader);
        perp_read_long(&reader);
        const uint8_t *length_at = reader.at;
        const uint64_t size = perp_read_long(&reader);
        const uint8_t *row = perp_read_bytes(&reader, size);
        if (reader.failed)
            fail("odd fields", "a checkpoint can't be read");
        const struct outside out = {NULL, image.data,  length_at, reader.at,
                                    end,  kind + 1000, n_records};
        odd_row(&out, row, reader.at);
        if (is_new(kind + 2000)) {
            /* Without the row, with it twice, with another index. */
            struct buffer changed = {0};
            put(&changed, image.data, (size_t)(start - image.data));
            put(&changed, reader.at, (size_t)(end - reader.at));
            try_image(changed.data, changed.size, "a checkpoint without a row");
            changed.size = 0;
            put(&changed, image.data, (size_t)(reader.at - image.data));
            put(&changed, start, (size_t)(end - start));
            try_image(changed.data, changed.size, "a checkpoint with a row twice");
            changed.size = 0;
            put(&changed, image.data, (size_t)(start - image.data));
            put_unsigned(&changed, kind);
            put_unsigned(&changed, 63);
            put(&changed, length_at, (size_t)(end - length_at));
            try_image(changed.data, changed.size, "a checkpoint with a row of another");
            drop(&changed);
        }
    }
}

int odd_fields(void) {
    perp_store store;
    perp_status status;
    perp_loader loader = {.record = take_record, .checkpoint = take_checkpoint};
    if (perp_store_memory_open(&store) != PERP_OK)
        fail("odd fields", "no store");
    story_play(&store);
    perp_core *core = story_open(&store, 0);
    if (perp_core_checkpoint(core) != PERP_OK)
        fail("odd fields", perp_core_error(core));
    perp_core_close(core);
    store.load(store.user, 1, &loader, &status);
    store.load(store.user, 0, &loader, &status);
    store.close(store.user);
    for (uint32_t i = 0; i < n_records; i++)
        odd_record(i);
    odd_image();
    printf("%lu stores, %lu of them sound\n", n_tried, n_sound);
    return n_tried > 1000 && n_sound > 100 && n_sound < n_tried ? 0 : 1;
}
