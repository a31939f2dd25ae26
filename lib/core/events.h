/* The one path of change. A call decides (reads only), puts what it decided into the batch as
   events, and commits: the batch goes to the store as one, and then each event is applied by the
   function of its kind, which can't fail. Recovery applies the same events with the same functions.
 */
#ifndef PERP_CORE_EVENTS_H
#define PERP_CORE_EVENTS_H

#include "core/core.h"

enum perp_event_kind {
#define X(NAME, name) PERP_EVENT_##NAME,
#include "core/events.def"
#undef X
    PERP_EVENT_COUNT
};

/* One row of an event: a leg, a result, a booking, a reservation, a tier. */
struct perp_event_item {
    uint32_t exchange;
    uint32_t instrument;
    uint32_t side;
    uint32_t flags;
    double quantity;
    double price;
    double leverage;
    perp_usd amount;
    perp_usd pnl;
    perp_usd volume;
    perp_usd fees;
    int64_t time_ns;
};

/* Plain memory: the event, n_items items, n_bytes bytes, then actor and reason; padded to 8. */
struct perp_event {
    uint32_t size;
    uint32_t kind;
    uint64_t seq;
    int64_t time_ns;
    perp_exchange_id exchange; /* PERP_NO_ID: none */
    perp_instrument_id instrument;
    uint32_t pool;
    uint32_t flags;
    uint32_t reason;
    uint32_t n_items;
    uint32_t n_bytes;
    uint32_t n_actor;
    uint32_t n_reason;
    uint32_t has_job;
    perp_uuid job;
    perp_uuid other;
    uint64_t reservation;
    uint64_t good; /* exchanges that a result counts for, as bits */
    uint64_t bad;
    int64_t number;
    perp_usd amount;
    perp_usd pnl;
    perp_usd volume;
    perp_usd fees;
    double x;
    double y;
};

#define PERP_EVENT_MAX_ITEMS PERP_MAX_TIERS
#define PERP_EVENT_MAX_BYTES 2048
#define PERP_MAX_ACTOR 127
#define PERP_MAX_REASON 255

static inline struct perp_event_item *perp_event_items(struct perp_event *event) {
    return (struct perp_event_item *)(event + 1);
}

static inline const struct perp_event_item *perp_event_items_of(const struct perp_event *event) {
    return (const struct perp_event_item *)(event + 1);
}

static inline void *perp_event_bytes(struct perp_event *event) {
    return perp_event_items(event) + event->n_items;
}

static inline const void *perp_event_bytes_of(const struct perp_event *event) {
    return perp_event_items_of(event) + event->n_items;
}

/* An event of any kind, whole. */
struct perp_event_room {
    struct perp_event event;
    struct perp_event_item items[PERP_EVENT_MAX_ITEMS];
    char bytes[PERP_EVENT_MAX_BYTES + PERP_MAX_ACTOR + PERP_MAX_REASON + 8];
};

/* Events as bytes (encode.c): the most that it can take; writing; reading, NULL where it is no
 * event. */
size_t perp_event_encoded_size(const struct perp_event *event);
size_t perp_event_encode(const struct perp_event *event, void *bytes);
const struct perp_event *perp_event_decode(const void *bytes, size_t size,
                                           struct perp_event_room *room);

/* What a kind of event does. prepare makes room for apply (cumulatively over a batch: *_prepared
   counts in the modules), false where there is no memory; it changes nothing that can be seen. Set
   at open, by the module that knows all others. */
struct perp_event_row {
    const char *name;
    bool (*prepare)(perp_core *core, const struct perp_event *event);
    void (*apply)(perp_core *core, const struct perp_event *event);
};

/* Takes the lock and forgets this thread's message; perp_leave gives it back, delivers what is to
   be told to the host, and returns status: PERP_E_CORRUPT where the change broke the book. */
void perp_enter(perp_core *core);
perp_status perp_leave(perp_core *core, perp_status status);
/* The same where the book was not changed: nothing is written. */
void perp_deliver(perp_core *core);
/* Around what a query reads: takes the lock and forgets this thread's message; never writes, never
   delivers. A reader that finds the book busy lets a few decisions pass, then it is its turn. */
void perp_read_begin(const perp_core *core);
void perp_read_end(const perp_core *core);

/* The fields of a call that an older host's shorter struct may lack. */
static inline const char *perp_call_actor(const perp_call *call) {
    return call && call->struct_size >= offsetof(perp_call, reason) ? call->actor : NULL;
}

static inline const char *perp_call_reason(const perp_call *call) {
    return call && call->struct_size >= offsetof(perp_call, reason) + sizeof call->reason
               ? call->reason
               : NULL;
}

/* PERP_E_INVALID for a bad call, PERP_E_CORRUPT for a broken book. First thing in a decision, after
   the thing addressed was found. */
perp_status perp_call_check(const perp_core *core, const perp_call *call);
/* PERP_E_INVALID where a protection is taken away without actor and reason; what says which. */
perp_status perp_call_signed(const perp_core *core, const perp_call *call, const char *what);
/* The time of the change: call's, or the clock where that is later. PERP_E_RANGE: too far ahead.
   Last thing before the batch. */
perp_status perp_call_time(perp_core *core, const perp_call *call, int64_t *now);

/* Starts a batch at `now` (rolling the day first where one began). */
void perp_batch_begin(perp_core *core, const perp_call *call, int64_t now);
/* Adds an event, all zero but kind, exchange and instrument (PERP_NO_ID), items and bytes. Never
   NULL: where there is no memory the batch is marked and the commit says so. Valid until the next
   one is added. */
struct perp_event *perp_batch_add(perp_core *core, uint32_t kind, uint32_t n_items,
                                  uint32_t n_bytes);
/* Gives the event added last its detail: JSON printed by cJSON, taken over. Only where there is a
 * store. */
void perp_batch_detail(perp_core *core, char *json);
/* Whether details are wanted. */
bool perp_batch_has_store(const perp_core *core);
/* The batch (and all before it) is durable when the commit returns, also with
 * PERP_DURABILITY_BATCH. */
void perp_batch_barrier(perp_core *core);
/* Gives the batch up for want of memory: nothing of it happened. PERP_E_NOMEM. */
perp_status perp_batch_drop(perp_core *core);
/* Makes the batch durable and applies it: all or nothing. */
perp_status perp_batch_commit(perp_core *core);

/* The change of that number, where it is one of the last that were made since open; else NULL.
   Under the lock. */
const perp_change *perp_change_at(const perp_core *core, uint64_t seq);

/* The day that a time lies in, counted from the epoch. */
int64_t perp_day_of(const perp_core *core, int64_t time_ns);
/* Whether a change at `now` is the first of its day. */
bool perp_day_begins(const perp_core *core, int64_t now);

/* Told to the host after the lock is given back. */
void perp_tell_log(perp_core *core, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void perp_tell_alert(perp_core *core, uint32_t code, uint32_t level, bool active,
                     const char *subject, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

void perp_tell(perp_core *core, const perp_alert *alert);

/* Around a host's callback: nested calls can be told from others. */
const perp_core *perp_callback_begin(const perp_core *core);
void perp_callback_end(const perp_core *before);
bool perp_in_callback(const perp_core *core);

#endif
