/* A tick under way. */
#ifndef PERP_SCHEDULER_TICK_H
#define PERP_SCHEDULER_TICK_H

#include "scheduler/scheduler.h"

#define PERP_FEW_CHOSEN 64

struct perp_tick {
    perp_core *core;       /* for the batch, for memory, and once the store has taken the tick */
    const perp_core *book; /* the same, as decisions see it */
    struct perp_plan *plan;
    int64_t now;
    int64_t next_due; /* of jobs that run and are not overdue by now */
    bool rolled;      /* the day begins with this tick */
    bool paused;
    bool looked_due; /* next_due is known */
    bool no_memory;
    bool list;          /* refused and skipped jobs are listed, too */
    uint32_t n_repairs; /* pending, not expired */
    uint32_t n_chosen;
    uint64_t next_reservation;
    uint32_t fired[PERP_REASON_RULES_END]; /* how often each rule fired */
    perp_tick_result *result;              /* where items go, or NULL */
    perp_tick_result counts;               /* no items */
    perp_uuid *more;                       /* jobs chosen beyond those in few */
    uint32_t more_capacity;
    /* All before is zero when a tick begins; what follows is large and needs not be. */
    struct perp_eval eval;
    perp_uuid few[PERP_FEW_CHOSEN]; /* the first jobs chosen */
};

/* Decides and commits, under the lock. */
perp_status perp_tick_decide(struct perp_tick *tick, struct perp_decision *d);

bool perp_items_grow(perp_tick_result *result);
/* Room for as many as there are candidates; then adding can't fail. */
bool perp_chosen_reserve(struct perp_tick *tick);
void perp_chosen_add(struct perp_tick *tick, const perp_uuid *id);
void perp_tick_item_add(struct perp_tick *tick, uint32_t kind, const perp_uuid *job,
                        uint32_t reason, const perp_uuid *other);
const perp_uuid *perp_chosen_at(const struct perp_tick *tick, uint32_t n);

#endif
