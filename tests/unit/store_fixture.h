/* For tests of stores through their table of functions: hand-made records and rows, and a loader
   that keeps what it was given. A record's data is some text and the chain's checksum. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <perpcore/perpcore.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/chain.h"

#define T0 (INT64_C(1760000000) * 1000000000) /* 2025-10-09T08:53:20Z */
#define MAX_GOT 4096
#define USD(x) ((perp_usd)((x)*PERP_USD))

/* The chain after each event, as made last. */
static uint64_t chains[MAX_GOT + 1] = {PERP_CHAIN_START};
/* Goes into each record: what tells those of one store from another's. */
static unsigned flavour;

#define MAX_ROWS 4
#define MAX_CELLS 20

/* A record with its data, and rows that go with it. */
struct made {
    perp_record record;
    perp_uuid job;
    char data[96];
    uint32_t n_rows;
    perp_row rows[MAX_ROWS];
    perp_column cells[MAX_ROWS][MAX_CELLS];
};

static inline perp_record *make(struct made *made, uint64_t seq, const char *kind) {
    memset(made, 0, sizeof *made);
    made->record = (perp_record){.struct_size = sizeof made->record,
                                 .seq = seq,
                                 .time_ns = T0 + (int64_t)seq * 1000,
                                 .kind = kind};
    return &made->record;
}

/* A row of the change; its cells follow, the keys first. */
static inline void with_row(struct made *made, const char *table, uint32_t n_keys) {
    ck_assert_uint_lt(made->n_rows, MAX_ROWS);
    perp_row *row = &made->rows[made->n_rows];
    *row = (perp_row){.struct_size = sizeof *row,
                      .n_keys = n_keys,
                      .table = table,
                      .columns = made->cells[made->n_rows]};
    made->n_rows++;
}

static inline perp_column *cell(struct made *made, const char *name, uint32_t type) {
    perp_row *row = &made->rows[made->n_rows - 1];
    ck_assert_uint_lt(row->n_columns, MAX_CELLS);
    perp_column *column = &made->cells[made->n_rows - 1][row->n_columns++];
    *column = (perp_column){.name = name, .type = type};
    return column;
}

static inline void with_int(struct made *made, const char *name, int64_t value) {
    cell(made, name, PERP_COLUMN_INTEGER)->integer = value;
}

static inline void with_number(struct made *made, const char *name, double value) {
    cell(made, name, PERP_COLUMN_NUMBER)->number = value;
}

static inline void with_text(struct made *made, const char *name, const char *text) {
    cell(made, name, PERP_COLUMN_TEXT)->text = text;
}

/* The record with its data: that follows on the one before, as made last. */
static inline const perp_record *record_of(struct made *made) {
    perp_record *record = &made->record;
    size_t size = (size_t)snprintf(
        made->data, sizeof made->data - PERP_CHAIN_SIZE, "%s %llu of %lld, %u", record->kind,
        (unsigned long long)record->seq, (long long)record->amount, flavour);
    record->chain = perp_chain(chains[record->seq - 1], made->data, size);
    for (int i = 0; i < PERP_CHAIN_SIZE; i++)
        made->data[size + (size_t)i] = (char)(unsigned char)(record->chain >> (8 * i));
    record->data = made->data;
    record->size = size + PERP_CHAIN_SIZE;
    chains[record->seq] = record->chain;
    return record;
}

static inline void make_reserve(struct made *made, uint64_t seq, uint64_t id, perp_usd amount) {
    perp_record *record = make(made, seq, "reserve");
    record->exchange = "alpha";
    record->pool = PERP_POOL_ARB;
    record->reservation = id;
    record->amount = amount;
    with_row(made, "reservations", 1);
    with_int(made, "id", (int64_t)id);
    with_text(made, "exchange", "alpha");
    with_text(made, "pool", "arb");
    with_int(made, "amount", amount);
    with_int(made, "in_flight", amount);
    with_int(made, "made_ns", record->time_ns);
    with_int(made, "last_seq", (int64_t)seq);
}

/* All of it is given back. */
static inline void make_release(struct made *made, uint64_t seq, uint64_t id, perp_usd amount) {
    perp_record *record = make(made, seq, "release");
    record->exchange = "alpha";
    record->pool = PERP_POOL_ARB;
    record->reservation = id;
    record->amount = amount;
    with_row(made, "reservations", 1);
    with_int(made, "id", (int64_t)id);
    with_int(made, "in_flight", 0);
    with_int(made, "last_seq", (int64_t)seq);
}

static inline perp_uuid job_id(uint32_t n) {
    perp_uuid id = {{0x10}};
    memcpy(id.bytes + 12, &n, sizeof n);
    return id;
}

static inline const char *job_text(uint32_t n) {
    static char texts[8][37];
    static int next;
    perp_uuid id = job_id(n);
    char *text = texts[next++ % 8];
    perp_uuid_format(&id, text);
    return text;
}

/* Something of a job, and what it is then. */
static inline void make_of_job(struct made *made, uint64_t seq, const char *kind, uint32_t job,
                               const char *state) {
    perp_record *record = make(made, seq, kind);
    made->job = job_id(job);
    record->job_id = &made->job;
    with_row(made, "jobs", 1);
    with_text(made, "id", job_text(job));
    with_text(made, "state", state);
    with_int(made, "last_seq", (int64_t)seq);
}

static inline void make_submit(struct made *made, uint64_t seq, uint32_t job, perp_usd notional) {
    make_of_job(made, seq, "submit", job, "pending");
    made->record.amount = notional;
    with_int(made, "seq", (int64_t)seq);
    with_text(made, "strategy", "arb");
    with_int(made, "priority", 3);
    with_int(made, "notional", notional);
    with_number(made, "edge_bps", 12.5);
    with_int(made, "submitted_ns", made->record.time_ns);
}

static inline void make_end(struct made *made, uint64_t seq, const char *kind, uint32_t job,
                            const char *state) {
    make_of_job(made, seq, kind, job, state);
    with_int(made, "ended_ns", made->record.time_ns);
}

static inline perp_status begin(perp_store *store) {
    perp_status status = PERP_E_STORE;
    store->begin(store->user, &status);
    return status;
}

static inline perp_status append(perp_store *store, struct made *made) {
    perp_status status = PERP_E_STORE;
    store->append(store->user, record_of(made), &status);
    for (uint32_t i = 0; i < made->n_rows && status == PERP_OK && store->row; i++) {
        status = PERP_E_STORE;
        store->row(store->user, &made->rows[i], &status);
    }
    return status;
}

static inline perp_status commit(perp_store *store) {
    perp_status status = PERP_E_STORE;
    store->commit(store->user, &status);
    return status;
}

static inline const char *why(perp_store *store) {
    static char text[256];
    store->message(store->user, text, sizeof text);
    return text;
}

/* One commit of the one event made. */
static inline void put(perp_store *store, struct made *made) {
    ck_assert_msg(begin(store) == PERP_OK, "%s", why(store));
    ck_assert_msg(append(store, made) == PERP_OK, "%s", why(store));
    ck_assert_msg(commit(store) == PERP_OK, "%s", why(store));
}

/* Whatever event, one a number: a reserve, with an amount that tells it from others. */
static inline void put_nth(perp_store *store, uint64_t seq) {
    struct made made;
    make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
    put(store, &made);
}

static inline void put_range(perp_store *store, uint64_t from, uint64_t to) {
    for (uint64_t seq = from; seq <= to; seq++)
        put_nth(store, seq);
}

/* What a load gave. */
struct got {
    uint64_t checkpoint; /* 0: none */
    uint64_t hash;
    char image[64];
    size_t image_size;
    uint32_t count;
    uint64_t refuses; /* checkpoints of this event and later ones: PERP_E_CORRUPT */
    uint32_t refused; /* so many */
    uint64_t seqs[MAX_GOT];
    uint64_t sums[MAX_GOT];
};

static inline void got_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data,
                                  size_t size, perp_status *status) {
    struct got *got = user;
    ck_assert_int_eq(*status, PERP_OK);
    ck_assert_uint_eq(got->count, 0);
    ck_assert_uint_le(size, sizeof got->image);
    /* As the library does of a checkpoint that the store can't read, which has no bytes. */
    if (!size || (got->refuses && seq >= got->refuses)) {
        got->refused++;
        *status = PERP_E_CORRUPT;
        return;
    }
    got->checkpoint = seq;
    got->hash = hash;
    got->image_size = size;
    memcpy(got->image, data, size);
}

static inline uint64_t sum_of(const void *data, size_t size) {
    const unsigned char *at = data;
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * UINT64_C(1099511628211);
    return sum;
}

static inline void got_record(void *user, uint64_t seq, const void *data, size_t size,
                              perp_status *status) {
    struct got *got = user;
    ck_assert_int_eq(*status, PERP_OK);
    ck_assert_uint_lt(got->count, MAX_GOT);
    got->seqs[got->count] = seq;
    got->sums[got->count++] = sum_of(data, size);
}

static inline perp_status load(perp_store *store, uint32_t from_start, struct got *got) {
    uint64_t refuses = got->refuses;
    memset(got, 0, sizeof *got);
    got->refuses = refuses;
    perp_loader loader = {.user = got, .checkpoint = got_checkpoint, .record = got_record};
    perp_status status = PERP_E_STORE;
    store->load(store->user, from_start, &loader, &status);
    return status;
}

/* Whether what was given is the events from..to of put_nth, and nothing else. */
static inline int got_range(const struct got *got, uint64_t from, uint64_t to) {
    struct made made;
    if (got->count != (to >= from ? to - from + 1 : 0))
        return 0;
    for (uint32_t i = 0; i < got->count; i++) {
        make_reserve(&made, from + i, from + i, USD(1) + (perp_usd)(from + i));
        record_of(&made);
        if (got->seqs[i] != from + i || got->sums[i] != sum_of(made.data, made.record.size))
            return 0;
    }
    return 1;
}

static inline perp_status checkpoint(perp_store *store, uint64_t seq) {
    char image[32];
    int size = snprintf(image, sizeof image, "the book at %llu", (unsigned long long)seq);
    perp_status status = PERP_E_STORE;
    store->checkpoint(store->user, seq, T0 + (int64_t)seq, seq * 7, image, (size_t)size, &status);
    return status;
}

static inline int got_book(const struct got *got, uint64_t seq) {
    char image[32];
    int size = snprintf(image, sizeof image, "the book at %llu", (unsigned long long)seq);
    return got->checkpoint == seq && got->hash == seq * 7 && got->image_size == (size_t)size &&
           memcmp(got->image, image, got->image_size) == 0;
}

#endif
