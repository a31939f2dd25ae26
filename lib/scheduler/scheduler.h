/* Jobs and their lives. */
#ifndef PERP_SCHEDULER_SCHEDULER_H
#define PERP_SCHEDULER_SCHEDULER_H

#include "risk/risk.h"

#define PERP_MAX_REPAIRS 3
#define PERP_REPAIR_PRIORITY 100
#define PERP_MAX_RATE 10000u /* dispatches a minute */
#define PERP_RATE_WINDOW_NS (INT64_C(60) * PERP_NS_PER_S)

/* A place among the pending jobs; job is NULL where it left. Places are in the order of submit. */
struct perp_place {
    uint64_t order;
    struct perp_job_entry *job;
};

struct perp_job_list {
    struct perp_job_entry *first, *last;
    uint32_t count;
};

/* Times of dispatch to one exchange, oldest first. */
struct perp_times {
    int64_t *at;
    uint32_t first, count, capacity;
};

struct perp_scheduler {
    perp_core *core;
    PERP_STORED(perp_queue_row, PERP_ROW_QUEUE);
    struct perp_kept *kept;
    struct perp_place *pending;
    uint32_t n_places, places_capacity, n_pending;
    struct perp_job_list running;    /* and in doubt, in order of dispatch */
    struct perp_job_list open;       /* in order of finish */
    struct perp_job_list unresolved; /* partial, in order of finish */
    struct perp_job_list ended;      /* oldest first */
    uint32_t n_in_doubt;
    struct perp_times times[PERP_MAX_EXCHANGES];
    struct perp_job_entry *spare; /* made by prepare for the job that apply adds */
    uint32_t spare_legs;
    struct perp_plan plan; /* of the tick at hand; its memory is kept for the next */
    int64_t next_due; /* no running job becomes overdue before; it may be that none does then */
    bool some_unsaid; /* no running job has an unsaid outcome where this is false */
};

/* When a running job becomes overdue: any time after. INT64_MAX: never, or it was said. */
static inline int64_t perp_job_due(const struct perp_job_entry *job) {
    if (!job->max_run_ms || job->overdue)
        return INT64_MAX;
    return perp_ns_after(job->started, job->max_run_ms * PERP_NS_PER_MS);
}

perp_status perp_scheduler_open(perp_core *core, perp_scheduler **scheduler);
void perp_scheduler_shut(perp_scheduler *scheduler);

/* waiting.c: the containers. */
void perp_list_add(struct perp_job_list *list, struct perp_job_entry *job);
void perp_list_remove(struct perp_job_list *list, struct perp_job_entry *job);
void perp_pending_add(perp_scheduler *scheduler, struct perp_job_entry *job);
void perp_pending_remove(perp_scheduler *scheduler, struct perp_job_entry *job);
bool perp_pending_reserve(perp_core *core);
/* The first place whose order is not below `order`. */
uint32_t perp_pending_place(const perp_scheduler *scheduler, uint64_t order);
void perp_scheduler_roll(perp_core *core);
/* Room for one more job, which is made here, unseen, and taken by apply. */
bool perp_spare_reserve(perp_core *core, const struct perp_ev_submit *submit,
                        const struct perp_kept *kept);
struct perp_job_entry *perp_spare_take(perp_core *core);
/* A job that ended: counted, and remembered among the last history_size. */
void perp_job_end(perp_core *core, struct perp_job_entry *job, uint32_t state, int64_t ended);
void perp_job_give_back(perp_core *core, struct perp_job_entry *job);
/* How many of them lie within the minute before now. */
uint32_t perp_times_within(const struct perp_times *times, int64_t now);
bool perp_times_reserve(perp_core *core, perp_exchange_id exchange);
void perp_times_add(perp_core *core, perp_exchange_id exchange);

/* plan.c: an empty plan with room for all that waits, NULL where there is no memory. */
struct perp_plan *perp_plan_begin(perp_core *core);
void perp_plan_free(perp_core *core, struct perp_plan *plan);
bool perp_plan_reserve_repairs(perp_core *core, struct perp_plan *plan, uint32_t n);
/* The repair as it will be with its new leg; room must have been reserved. */
const struct perp_job_entry *perp_plan_move(struct perp_plan *plan,
                                            const struct perp_job_entry *repair,
                                            const struct perp_job_leg *leg);
/* The score of a job that stays, or of one that is rejected. */
void perp_plan_score(struct perp_plan *plan, struct perp_job_entry *job, double score);
void perp_plan_score_last(struct perp_plan *plan, const perp_uuid *id, double score);
/* All that follow are false where there is no memory. */
bool perp_plan_overrides(perp_core *core, struct perp_plan *plan, const perp_uuid *id);
/* The job evaluated is a candidate. */
bool perp_plan_offer(perp_core *core, struct perp_plan *plan, const struct perp_eval *e);
/* A candidate runs, and takes that much. */
bool perp_plan_choose(perp_core *core, struct perp_plan *plan,
                      const struct perp_candidate *candidate, const struct perp_need *taken,
                      uint32_t n_taken);

/* Puts a SUBMIT event for a job into the batch. */
void perp_put_job(perp_core *core, const struct perp_job_entry *job);
/* Checks what submit refuses and evaluate reports as a rule: hedge and self trade. */
perp_status perp_check_shape(const perp_core *core, const struct perp_job_entry *job);

/* repair.c */
bool perp_repair_choose(const perp_core *core, const struct perp_job_entry *first, int64_t now,
                        struct perp_job_leg *leg);
void perp_repair_set(struct perp_job_entry *repair, const struct perp_job_leg *leg);
/* Puts the next repair of `first`, with `naked` left, into the batch; false where none can be. */
bool perp_put_repair(perp_core *core, const struct perp_job_entry *first, double naked, int64_t now,
                     perp_uuid *id);
void perp_repair_id(const struct perp_job_entry *first, uint32_t attempt, perp_uuid *id);
/* The repair of `first` that waits or runs; NULL: none. */
struct perp_job_entry *perp_repair_of(const perp_core *core, const struct perp_job_entry *first);
double perp_leg_risk_tolerance(const perp_core *core, const struct perp_job_entry *job);

/* finish.c: the decision without the lock. outcome: of this library's size, all zero but that; it
   says what the batch would make of the job, also where its commit fails. */
perp_status perp_decide_finish(struct perp_decision *d, const perp_uuid *job_id,
                               const perp_job_result *result, perp_finish_outcome *outcome);

/* Limits of an exchange as they are now. */
uint32_t perp_exchange_max_jobs(const perp_core *core, perp_exchange_id exchange);
perp_usd perp_exchange_max_notional(const perp_core *core, perp_exchange_id exchange);

#endif
