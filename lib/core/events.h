/* The one path of change. A call decides (reads only), puts what it decided into the batch as
   events, and commits: the batch goes to the store as one, and then each event is applied by the
   function of its kind, which can't fail. Recovery applies the same events with the same functions.
 */
#ifndef PERP_CORE_EVENTS_H
#define PERP_CORE_EVENTS_H

#include "core/events.def"
#include "core/journal.h"

enum perp_event_kind {
#define X(NAME, name, job) PERP_EVENT_##NAME,
    PERP_EVENT_LIST(X)
#undef X
        PERP_EVENT_COUNT
};

/* What each kind carries: struct perp_ev_reserve and so on. */
#define X(NAME, name, job)                                                                         \
    struct perp_ev_##name {                                                                        \
        PERP_EV_##NAME(PERP_MEMBER_)                                                               \
    };
PERP_EVENT_LIST(X)
#undef X

/* A change: when, by whom and why, and what it carries. Lives in the arena of its batch. */
struct perp_event {
    struct perp_event *next;
    uint32_t kind;
    uint64_t seq;
    int64_t time_ns;
    const char *actor, *reason;   /* NULL: not given */
    const void *payload;          /* the struct of its kind */
    const struct perp_kept *kept; /* fields of it that this release does not know */
    char *detail;                 /* JSON for people, printed by cJSON; or NULL */
};

/* A change as it is kept: of which kind, by its number. */
struct perp_change_kept {
    uint64_t seq;
    int64_t time_ns;
    uint32_t kind;
    perp_exchange_id exchange; /* PERP_NO_ID: none in particular */
    perp_uuid job;             /* of a kind that is about one */
};

/* The events of the call at hand. */
struct perp_batch {
    struct perp_arena arena; /* of the events */
    struct perp_event *first, *last;
    uint32_t count;
    bool failed;   /* an event found no memory */
    bool detailed; /* an event has a detail, to be freed */
    bool barrier;  /* durable before the call returns, whatever the configuration says */
    bool stands;   /* applied whatever the store says (perp_batch_stands) */
    uint32_t told; /* messages before the batch began */
    int64_t now;
    const char *actor, *reason;  /* of the call */
    struct perp_bytes encoded;   /* room for one event as bytes */
    struct perp_journal journal; /* what the batch writes to the store */
    struct perp_journal
        waiting; /* of batches applied but not yet durable: with PERP_DURABILITY_BATCH, and what
                    stands though the store failed */
    struct perp_journal kept; /* what stands and found no memory to wait in: of room made at open */
    uint64_t ups[PERP_MAX_EXCHANGES]; /* how often the host had said "up", as the decision saw it */
    uint64_t chain;                   /* as the batch at hand leaves it */
    _Atomic uint32_t deciders;        /* threads that wait for the lock to change the book */
    struct perp_change_kept
        changes[PERP_MONITOR_CHANGES]; /* the last; number n at n % their count */
};

#define PERP_MAX_ACTOR 127
#define PERP_MAX_REASON 255

/* The shape of a kind: its name, its payload, and which job it needs (PERP_NO_JOB, PERP_NEW_JOB, or
   a set of states). */
struct perp_event_shape {
    const char *name;
    const struct perp_row_type *(*payload)(void);
    bool (*copy)(struct perp_arena *arena, void *payload); /* as that of the payload */
    uint32_t job;
};
extern const struct perp_event_shape perp_event_shapes[PERP_EVENT_COUNT];
/* perp_row_ev_reserve() and so on: what a payload is. */
#define X(NAME, name, job) const struct perp_row_type *perp_row_ev_##name(void);
PERP_EVENT_LIST(X)
#undef X

/* What a kind does; set at open by the room that knows all others. fits: whether the event can be
   applied to the book as it is, beyond what its shape says. prepare: makes room for apply
   (cumulatively over a batch, core->prepared counts); false: no memory. rows: what it changes in
   the tables for people. apply: makes it so, and can't fail. Each but apply may be NULL.
   established: what every decision that puts the kind has looked at itself, under the same lock, so
   that for an event that was decided here it is not looked at again: that it fits, or its values,
   too. An event that a store gives, and each of a shadow build, is looked at in whole. */
enum perp_established { PERP_ESTABLISHED_NOTHING, PERP_ESTABLISHED_FIT, PERP_ESTABLISHED_ALL };

struct perp_event_row {
    bool (*fits)(const perp_core *core, const struct perp_event *event);
    bool (*prepare)(perp_core *core, const struct perp_event *event);
    void (*rows)(const perp_core *core, const struct perp_event *event, struct perp_journal *to);
    void (*apply)(perp_core *core, const struct perp_event *event);
    enum perp_established established;
    uint32_t touches; /* set at open, as what follows */
    /* Of its shape, set at open. */
    uint32_t exchange_at_1;
    uint32_t job;
};

/* What decisions that stand have to look at again after an event: everything (so it is where a row
   says nothing); what is announced where it changes (perp_position_moved, perp_base_moved) and the
   few sums of exchanges and the book; or nothing. */
enum { PERP_TOUCHES_ALL, PERP_TOUCHES_MOVED, PERP_TOUCHES_NOTHING };

/* perp_put_reserve(core, &payload) and so on: puts an event into the batch at hand; what the
   payload points to is copied. Where there is no memory the batch is marked and the commit says so.
   perp_read_reserve(event): what an event of that kind carries. */
void perp_put(perp_core *core, uint32_t kind, const void *payload);
/* An event of the kind at the end of the batch, with room for a payload of that size; NULL: no
   memory. Its payload is to be filled, and what that points to copied. */
static inline void *perp_event_add(perp_core *core, uint32_t kind, size_t size) {
    struct perp_batch *batch = core->batch;
    struct perp_event *event = perp_arena_take(&batch->arena, sizeof *event + size);
    if (!event) {
        batch->failed = true;
        return NULL;
    }
    *event = (struct perp_event){
        .kind = kind, .actor = batch->actor, .reason = batch->reason, .payload = event + 1};
    *(batch->last ? &batch->last->next : &batch->first) = event;
    batch->last = event;
    batch->count++;
    return event + 1;
}
static inline void perp_event_copy(perp_core *core, uint32_t kind, void *payload) {
    bool (*copy)(struct perp_arena *, void *) = perp_event_shapes[kind].copy;
    if (copy && !copy(&core->batch->arena, payload))
        core->batch->failed = true;
}
#define X(NAME, name, job)                                                                         \
    static inline void perp_put_##name(perp_core *core, const struct perp_ev_##name *payload) {    \
        struct perp_ev_##name *put = perp_event_add(core, PERP_EVENT_##NAME, sizeof *put);         \
        if (put) {                                                                                 \
            *put = *payload;                                                                       \
            perp_event_copy(core, PERP_EVENT_##NAME, put);                                         \
        }                                                                                          \
    }                                                                                              \
    static inline const struct perp_ev_##name *perp_read_##name(const struct perp_event *event) {  \
        return event->payload;                                                                     \
    }
PERP_EVENT_LIST(X)
#undef X
/* An event that carries nothing, or only which job. */
void perp_put_plain(perp_core *core, uint32_t kind);
void perp_put_for_job(perp_core *core, uint32_t kind, const perp_uuid *job);

/* The job that an event is about; NULL: it needs none. */
const perp_uuid *perp_event_job(const struct perp_event *event);
/* Whether the book can take the event: its shape, its values, its job's state, and its kind's own
   conditions. One place for what was decided here and what a store gives. *what: why not. */
bool perp_event_fits(const perp_core *core, const struct perp_event *event, const char **what);

/* An event as a record (docs/format.md), its checksum at the end, which follows on `before`. */
void perp_event_write(struct perp_bytes *to, const struct perp_event *event, uint64_t before);
/* Reads one whose checksum was looked at; memory from the arena. NULL: *why, or no memory
   (arena->failed). */
struct perp_event *perp_event_read(const void *record, size_t size, struct perp_arena *arena,
                                   const char **why);

/* A host's function that runs on this thread, on the stack of the call that it was called from.
   Callbacks of several books may be inside of each other: what is below is in `outer`. */
struct perp_callback {
    perp_core *core;
    const struct perp_callback *outer;
    bool is_source; /* a market source is asked */
    bool is_rule;   /* a rule of the host is asked: this thread has the lock */
};

/* Around a host's function: calls from inside of it can be told from others, and the book is in
   use. */
void perp_callback_begin(struct perp_callback *callback, perp_core *core);
void perp_callback_end(const struct perp_callback *callback);
/* Whether this thread is inside a callback (a source) of the book, or inside one of another book
   that was called from there. */
bool perp_in_callback(const perp_core *core);
bool perp_in_source(const perp_core *core);
/* The same of a rule of the host, which is asked under the lock: what only reads reads on; what
   changes the book, or evaluates, is refused. PERP_E_STATE. */
bool perp_in_rule_now(const perp_core *core);
static inline bool perp_in_rule(const perp_core *core) {
    return __builtin_expect(atomic_load_explicit(&core->n_asked, memory_order_relaxed) != 0, 0) &&
           perp_in_rule_now(core);
}
perp_status perp_refuse_in_rule(const perp_core *core);
/* Around asking one. */
void perp_rule_begin(struct perp_callback *callback, perp_core *core);
void perp_rule_end(const struct perp_callback *callback);

/* The lock is part of what a reader of a const book uses; it is not part of the book. */
static inline void perp_lock(const perp_core *core) {
    if (core->config.threading == PERP_THREADING_SERIALIZED && !perp_in_rule(core))
        perp_lock_take(&((perp_core *)(uintptr_t)core)->lock);
}

static inline void perp_unlock(const perp_core *core) {
    if (core->config.threading == PERP_THREADING_SERIALIZED && !perp_in_rule(core))
        perp_lock_give(&((perp_core *)(uintptr_t)core)->lock);
}

/* false: a thread has the lock; also this one. */
static inline bool perp_try_lock(perp_core *core) {
    return core->config.threading != PERP_THREADING_SERIALIZED || perp_in_rule(core) ||
           perp_lock_try(&core->lock);
}

/* Takes the lock and forgets this thread's message; perp_leave gives it back, delivers what is to
   be told to the host, and returns status: PERP_E_CORRUPT where the change broke the book. */
void perp_enter_late(perp_core *core);
static inline void perp_enter(perp_core *core) {
    if (__builtin_expect(atomic_load_explicit(&core->turns.asked, memory_order_relaxed) != 0, 0) ||
        !perp_try_lock(core))
        perp_enter_late(core);
    perp_no_error(core);
}
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

/* PERP_E_INVALID for a bad call, PERP_E_CORRUPT for a broken book. */
perp_status perp_call_check(const perp_core *core, const perp_call *call);
/* PERP_E_INVALID where a protection is taken away without actor and reason; what says which. */
perp_status perp_call_signed(const perp_core *core, const perp_call *call, const char *what);

/* A change under way, from the call to its end: every public call that changes the book goes
   through these in this order. open: the lock is taken, and the call's time is looked at: where it
   is too far ahead, begin is PERP_E_RANGE, and so is close, whatever else was wrong. Then the thing
   addressed is found. check: of the call. Then its values are looked at. begin: the batch is begun;
   events are put into it. close: commits the batch where status is PERP_OK and it was begun (commit
   does so before, for what is to be done after it under the lock), gives the lock back and tells
   the host what is to be told. */
struct perp_decision {
    perp_core *core;
    const perp_call *call;
    int64_t now; /* of the change, once begun */
    bool begun;
    bool too_far;           /* the call's time is one that it is refused for */
    bool takes_time;        /* but then it is made at the clock's time instead */
    bool protects;          /* perp_decision_protect */
    bool looked;            /* at a call from the past */
    bool near;              /* its time is the clock's, or not an hour past it */
    bool in_rule;           /* made from inside a rule of the host: it is refused */
    int64_t refused_before; /* the last call that was refused for its time */
    perp_call own;          /* the call of one that protects: its texts are these */
    char actor[PERP_MAX_ACTOR + 1], reason[PERP_MAX_REASON + 1];
};
void perp_decision_open(struct perp_decision *decision, perp_core *core, const perp_call *call);
/* Before begin: what the call tells has happened, and is not refused for its time: one that is out
   of range counts as the clock. */
void perp_decision_take_time(struct perp_decision *decision);
/* Before check: the decision raises a protection, which nothing outside itself may stop. A time out
   of range counts as the clock, a text that is too long is cut, one that is not UTF-8 is shown with
   '?', and where the store fails the change stands. */
void perp_decision_protect(struct perp_decision *decision);
static inline perp_status perp_decision_check(const struct perp_decision *decision) {
    const perp_call *call = decision->call;
    if (decision->in_rule)
        return perp_refuse_in_rule(decision->core);
    if (call && call->struct_size == sizeof *call && !call->reserved && !call->actor &&
        !call->reason && call->now_ns != PERP_TIME_NONE && !decision->core->corrupt)
        return PERP_OK; /* as most are */
    return perp_call_check(decision->core, call);
}
/* The time that begin will say, unless it refuses; the call was checked. */
int64_t perp_decision_time(const struct perp_decision *decision);
perp_status perp_decision_begin(struct perp_decision *decision);
perp_status perp_decision_commit(struct perp_decision *decision);
perp_status perp_decision_close(struct perp_decision *decision, perp_status status);

/* Starts a batch at `now` (rolling the day first where one began). */
void perp_batch_begin(perp_core *core, const perp_call *call, int64_t now);
/* The event put last; NULL: none was. */
const struct perp_event *perp_batch_last(const perp_core *core);
/* How often the host had said that an exchange is up, as the decision at hand sees it: what apply
   takes for seen. An "up" that comes later stays to be seen. */
void perp_batch_set_ups(perp_core *core, perp_exchange_id exchange, uint64_t ups);
uint64_t perp_batch_ups(const perp_core *core, perp_exchange_id exchange);
/* Gives the event added last its detail: JSON printed by cJSON, taken over. Only where there is a
   store. */
void perp_batch_detail(perp_core *core, char *json);
/* Whether details are wanted. */
bool perp_batch_has_store(const perp_core *core);
/* The batch (and all before it) is durable when the commit returns, also with
   PERP_DURABILITY_BATCH. */
void perp_batch_barrier(perp_core *core);
/* What the batch says holds, whatever the store says: a protection, or what has happened. Where the
   store fails it is applied, and stored first by the next commit that works. */
void perp_batch_stands(perp_core *core);
/* Whether anything that was applied is not yet stored. */
bool perp_batch_waits(const perp_core *core);
/* Gives the batch up for want of memory: nothing of it happened. PERP_E_NOMEM. */
perp_status perp_batch_drop(perp_core *core);
/* Makes the batch durable and applies it: all or nothing. */
perp_status perp_batch_commit(perp_core *core);

/* The change of that number, where it is one of the last that were made since open; else false.
   Under the lock. */
bool perp_change_at(const perp_core *core, uint64_t seq, perp_change *change);
/* Whether a thread waits for the lock to change the book. */
bool perp_decisions_wait(const perp_core *core);

/* The day that the book is in, counted from the epoch, and the one that it is in after a change at
   that time; with a clock. */
int64_t perp_day_now(const perp_core *core);
int64_t perp_day_of(const perp_core *core, int64_t time_ns);
/* Whether a change at `now`, after the clock, is the first of its day. */
bool perp_day_is_over(perp_core *core, int64_t now);
static inline bool perp_day_begins(const perp_core *core, int64_t now) {
    int64_t clock = perp_clock(core);
    /* When the day ends is kept, which is no part of the book. */
    return clock != PERP_TIME_NONE && now > clock && now >= core->day_ends &&
           perp_day_is_over((perp_core *)(uintptr_t)core, now);
}
/* To be called where the day or the offset changes, or where the clock goes back. */
static inline void perp_day_forget(perp_core *core) {
    core->day_ends = INT64_MIN;
}

/* Told to the host after the lock is given back. */
void perp_tell_log(perp_core *core, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void perp_tell_alert(perp_core *core, uint32_t code, uint32_t level, bool active,
                     const char *subject, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

void perp_tell(perp_core *core, const perp_alert *alert);
/* A base is naked from now on. */
void perp_tell_leg_risk(perp_core *core, const char *base, double quantity);
void perp_tell_unhedged(perp_core *core, const perp_uuid *job, const char *base, double quantity);
/* Memory that lasts as long as the batch at hand; NULL: none. */
void *perp_batch_memory(perp_core *core, size_t size);
/* on_job_end and on_cancel, from apply. Each event about a job has room for two by itself;
   perp_job_notices_reserve makes room for `more`, counted over the batch. */
void perp_tell_end(perp_core *core, const perp_uuid *job, uint32_t state);
void perp_tell_cancel(perp_core *core, const perp_uuid *job);
bool perp_job_notices_reserve(perp_core *core, uint32_t more);

#endif
