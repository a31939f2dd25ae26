/* A tick under way. */
#ifndef PERP_SCHEDULER_TICK_H
#define PERP_SCHEDULER_TICK_H

#include "scheduler/scheduler.h"

#define PERP_FEW_CHOSEN 64

/* What want_items says: nothing, what changed, or all that is refused and skipped, too. */
enum { PERP_LIST_NOTHING, PERP_LIST_CHANGES, PERP_LIST_ALL };

/* A job that the tick dispatched, and the number of that dispatch. */
struct perp_chosen {
    perp_uuid id;
    uint64_t dispatch;
};

struct perp_tick {
    perp_core *core;       /* for the batch, for memory, and once the store has taken the tick */
    const perp_core *book; /* the same, as decisions see it */
    struct perp_plan *plan;
    int64_t now;
    int64_t began;       /* by the host's own clock; PERP_TIME_NONE: it has none */
    int64_t next_due;    /* of jobs that run and are not overdue by now */
    bool rolled;         /* the day begins with this tick */
    bool paused, killed; /* as it began */
    bool looked_due;     /* next_due is known */
    bool no_memory;
    uint32_t list;      /* PERP_LIST_…: which jobs the result lists */
    uint32_t looked_at; /* decisions that were made anew */
    uint32_t n_chosen;
    uint64_t next_reservation;
    perp_tick_result *result; /* where items go, or NULL */
    perp_tick_result counts;  /* no items */
    struct perp_chosen *more; /* jobs chosen beyond those in few */
    uint32_t more_capacity;
    /* All before is zero when a tick begins; what follows is large and needs not be. */
    struct perp_eval eval;
    struct perp_chosen few[PERP_FEW_CHOSEN]; /* the first jobs chosen */
};

/* ahead.c: a slice, numbered from 0, of what can be done before a tick with this call, under the
   lock; how many decisions were confirmed is added. false: the tick does the rest. */
bool perp_tick_ahead(perp_core *core, const perp_call *call, uint32_t slice, uint32_t *looked_at);

/* Decides and commits, under the lock. */
perp_status perp_tick_decide(struct perp_tick *tick, struct perp_decision *d);

/* choose.c: chooses of what passed. */
void perp_tick_choose(struct perp_tick *tick);
/* Why a candidate is skipped; PERP_REASON_NONE: it goes, and needs what is left in the rows. */
uint32_t perp_tick_skip_reason(struct perp_tick *tick, const struct perp_candidate *candidate,
                               struct perp_need *needs, uint32_t *n, bool *reducing);
#ifdef PERP_SHADOW
/* shadow.c: aborts where looking at each candidate in turn chooses others, or skips one for another
   reason. */
void perp_shadow_choose(struct perp_tick *tick);
#endif

bool perp_items_grow(perp_tick_result *result);
/* Room for as many as there are candidates and places; then adding can't fail. */
bool perp_chosen_reserve(struct perp_tick *tick, uint32_t candidates);
void perp_chosen_add(struct perp_tick *tick, const perp_uuid *id);
void perp_tick_item_add(struct perp_tick *tick, uint32_t kind, const perp_uuid *job,
                        uint32_t reason);
/* handover.c: what was chosen waits for its turn; once the store has taken the tick. */
void perp_chosen_wait(struct perp_tick *tick);
struct perp_chosen *perp_chosen_at(struct perp_tick *tick, uint32_t n);

#endif
