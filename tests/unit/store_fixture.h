/* For tests of stores through their table of functions: hand-made records, and a loader that keeps
   what it was given. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <perpcore/perpcore.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "book/book.h"
#include "core/blob.h"
#include "core/events.h"
#include "scheduler/scheduler.h"

#define T0 (INT64_C(1760000000) * 1000000000) /* 2025-10-09T08:53:20Z */
#define MAX_GOT 4096
#define USD(x) ((perp_usd)((x)*PERP_USD))

/* An event as a batch makes it, with the texts of its record. */
struct made {
    struct perp_event_room room;
    perp_record record;
    char data[sizeof(struct perp_event_room) * 2];
};

static inline struct perp_event *make(struct made *made, uint64_t seq, uint32_t kind,
                                      uint32_t n_items, uint32_t n_bytes) {
    memset(made, 0, sizeof *made);
    struct perp_event *event = &made->room.event;
    size_t size = sizeof *event + n_items * sizeof(struct perp_event_item) + n_bytes;
    event->size = (uint32_t)((size + 7) & ~(size_t)7);
    event->kind = kind;
    event->seq = seq;
    event->time_ns = T0 + (int64_t)seq * 1000;
    event->exchange = PERP_NO_ID;
    event->instrument = PERP_NO_ID;
    event->n_items = n_items;
    event->n_bytes = n_bytes;
    return event;
}

/* The record of the event made. exchange: its name, or NULL. */
static inline const perp_record *record_of(struct made *made, const char *exchange) {
    const struct perp_event *event = &made->room.event;
    made->record = (perp_record){
        .struct_size = sizeof made->record,
        .pool = event->pool,
        .seq = event->seq,
        .time_ns = event->time_ns,
        .kind = perp_event_rows[event->kind].name,
        .job_id = event->has_job ? &event->job : NULL,
        .exchange = exchange,
        .reservation = event->reservation,
        .amount = event->amount,
        .pnl = event->pnl,
        .volume = event->volume,
        .fees = event->fees,
        .data = made->data,
        .size = perp_event_encode(event, made->data),
    };
    return &made->record;
}

static inline void make_exchange(struct made *made, uint64_t seq, const char *name) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "%s", name);
    snprintf(spec.venue, sizeof spec.venue, "%s", name);
    memcpy(perp_event_bytes(make(made, seq, PERP_EVENT_EXCHANGE, 0, sizeof spec)), &spec,
           sizeof spec);
}

static inline void make_reserve(struct made *made, uint64_t seq, uint64_t id, perp_usd amount) {
    struct perp_event *event = make(made, seq, PERP_EVENT_RESERVE, 0, 0);
    event->exchange = 0;
    event->pool = PERP_POOL_ARB;
    event->reservation = id;
    event->amount = amount;
}

static inline void make_release(struct made *made, uint64_t seq, uint64_t id, perp_usd amount) {
    make_reserve(made, seq, id, amount);
    made->room.event.kind = PERP_EVENT_RELEASE;
}

static inline perp_uuid job_id(uint32_t n) {
    perp_uuid id = {{0x10}};
    memcpy(id.bytes + 12, &n, sizeof n);
    return id;
}

static inline struct perp_event *make_of_job(struct made *made, uint64_t seq, uint32_t kind,
                                             uint32_t job, uint32_t n_items, uint32_t n_bytes) {
    struct perp_event *event = make(made, seq, kind, n_items, n_bytes);
    event->has_job = 1;
    event->job = job_id(job);
    return event;
}

static inline void make_submit(struct made *made, uint64_t seq, uint32_t job, perp_usd notional) {
    struct perp_job_blob blob = {.strategy = PERP_STRATEGY_ARB, .edge_bps = 12.5, .priority = 3};
    struct perp_event *event =
        make_of_job(made, seq, PERP_EVENT_SUBMIT, job, 2, (uint32_t)sizeof blob);
    event->amount = notional;
    memcpy(perp_event_bytes(event), &blob, sizeof blob);
}

/* Holds half of amount on each of the exchanges 0 and 1. */
static inline void make_dispatch(struct made *made, uint64_t seq, uint32_t job,
                                 uint64_t reservation, perp_usd amount) {
    struct perp_event *event = make_of_job(made, seq, PERP_EVENT_DISPATCH, job, 4, 0);
    event->number = 2;
    event->reservation = reservation;
    event->amount = amount;
    event->x = 81.5;
    for (uint32_t i = 0; i < 2; i++)
        perp_event_items(event)[i] =
            (struct perp_event_item){.exchange = i, .flags = PERP_POOL_ARB, .amount = amount / 2};
}

/* Two fills, and a booking on each of the exchanges 0 and 1. */
static inline void make_finish(struct made *made, uint64_t seq, uint32_t job, uint32_t state,
                               uint32_t flags, perp_usd pnl) {
    struct perp_event *event = make_of_job(made, seq, PERP_EVENT_FINISH, job, 4, 0);
    struct perp_event_item *items = perp_event_items(event);
    event->reason = state;
    event->flags = flags;
    event->pnl = 2 * pnl;
    event->volume = USD(2000);
    event->fees = USD(2);
    for (uint32_t i = 0; i < 2; i++) {
        items[i] = (struct perp_event_item){.flags = PERP_FINISH_FILL, .quantity = 1, .price = 100};
        items[2 + i] = (struct perp_event_item){
            .exchange = i, .pnl = pnl, .volume = USD(1000), .fees = USD(1)};
    }
}

static inline perp_status begin(perp_store *store) {
    perp_status status = PERP_E_STORE;
    store->begin(store->user, &status);
    return status;
}

static inline perp_status append(perp_store *store, struct made *made, const char *exchange) {
    perp_status status = PERP_E_STORE;
    store->append(store->user, record_of(made, exchange), &status);
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
static inline void put(perp_store *store, struct made *made, const char *exchange) {
    ck_assert_msg(begin(store) == PERP_OK, "%s", why(store));
    ck_assert_msg(append(store, made, exchange) == PERP_OK, "%s", why(store));
    ck_assert_msg(commit(store) == PERP_OK, "%s", why(store));
}

/* Whatever event, one a number: a reserve, with an amount that tells it from others. */
static inline void put_nth(perp_store *store, uint64_t seq) {
    struct made made;
    make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
    put(store, &made, "alpha");
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
    uint64_t seqs[MAX_GOT];
    uint64_t sums[MAX_GOT];
};

static inline void got_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data,
                                  size_t size, perp_status *status) {
    struct got *got = user;
    ck_assert_int_eq(*status, PERP_OK);
    ck_assert_uint_eq(got->count, 0);
    ck_assert_uint_le(size, sizeof got->image);
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
    memset(got, 0, sizeof *got);
    perp_loader loader = {.user = got, .checkpoint = got_checkpoint, .record = got_record};
    perp_status status = PERP_E_STORE;
    store->load(store->user, from_start, &loader, &status);
    return status;
}

/* Whether what was given is the events from..to of put_nth, and nothing else. */
static inline int got_range(const struct got *got, uint64_t from, uint64_t to) {
    static struct made made;
    if (got->count != (to >= from ? to - from + 1 : 0))
        return 0;
    for (uint32_t i = 0; i < got->count; i++) {
        make_reserve(&made, from + i, from + i, USD(1) + (perp_usd)(from + i));
        record_of(&made, NULL);
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
