/* Jobs and their lives. */
#ifndef PERP_SCHEDULER_SCHEDULER_H
#define PERP_SCHEDULER_SCHEDULER_H

#include "risk/risk.h"

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

/* When something was dispatched to an exchange. */
struct perp_dispatched {
    PERP_STORED(perp_dispatched_row, PERP_ROW_DISPATCHED);
    struct perp_kept *kept;
};

/* Those of one exchange, oldest first. */
struct perp_times {
    struct perp_dispatched *at;
    uint32_t first, count, capacity;
};

/* Pieces for sets in which no job is twice: together they need little more than all that waits. */
struct perp_set_room {
    char *spare; /* each has the next at its head */
    uint32_t n_spare, n_pieces;
};

/* Jobs that wait, in no order. */
struct perp_job_set {
    struct perp_pieces pieces; /* of pointers */
    uint32_t n;
    struct perp_set_room *room; /* where pieces come from; NULL: they are its own */
};

static inline struct perp_job_entry **perp_set_at(const struct perp_job_set *set, uint32_t i) {
    return perp_piece_item(&set->pieces, i, sizeof(struct perp_job_entry *));
}

/* Some jobs, for the time of a call. */
struct perp_job_array {
    struct perp_job_entry **jobs;
    uint32_t n, capacity;
};

/* How the decisions in force went. */
struct perp_standing_tally {
    uint32_t evaluated, refused;
    uint32_t refused_by[PERP_MAX_REASONS];
};

/* Jobs in a heap: on top the one whose turn is first, or last. */
struct perp_ranking {
    struct perp_job_set set;
    bool last_on_top;
    uint8_t place;  /* which of a job's places are those in it */
    uint32_t loose; /* so many of the first are in no order, until perp_ranks_tidy */
};

/* What an exchange holds a job to in a tick, by how much room there is: for one more job and one
   more dispatch, or for dollars. */
enum perp_room {
    PERP_ROOM_JOBS,
    PERP_ROOM_NOTIONAL,
    PERP_ROOM_RATE,
    PERP_ROOM_CAPITAL, /* from here on those of the ledger, each for each pool */
    PERP_ROOM_COUNT = PERP_ROOM_CAPITAL + PERP_CAPITAL_LIMITS * PERP_POOL_COUNT
};

/* Of jobs that are held at what there is room for: the most for which there was, and the least for
   which there was not. Between them the room may change and nothing comes of it. */
struct perp_room_seen {
    perp_usd passed, failed;
};

/* Those that passed and are held to the limits of a tick, by what they wait for. Between ticks one
   is in `waiting` if the last tick had no place left when its turn came, or no tick looked at it
   yet; else in `held`, and at what holds it: a full exchange, an exchange's room, or neither, when
   each tick looks at it again. */
struct perp_ranks {
    struct perp_set_room of_all, of_held; /* of waiting and held; of those at what holds them */
    bool loose;                           /* all the rankings are */
    uint32_t ranked_to; /* then: routes of instruments before have the ranks of their scores */
    struct perp_ranking waiting, held;
    struct perp_ranking full_at[PERP_MAX_EXCHANGES];
    uint32_t n_at[PERP_MAX_EXCHANGES]; /* jobs that wait with a leg there: there is room for them */
    struct perp_job_set for_room, restless;
    uint64_t exchanges; /* of those for room, or more */
    struct perp_room_seen rooms[PERP_MAX_EXCHANGES][PERP_ROOM_COUNT];
    uint32_t held_by[PERP_MAX_REASONS];
    struct perp_job_set entered; /* in this tick into `waiting` */
};

/* Decisions in force, and what there is to be done about them (verdicts.c). */
struct perp_verdicts {
    struct perp_standing_tally tally;
    struct perp_job_set todo;    /* to be decided anew */
    struct perp_ranks ranks;     /* accepted, and held to the limits of a tick */
    struct perp_job_set leaving; /* accepted, and held to none: they reduce */
    struct perp_job_set special; /* repairs and jobs of flatten, decided in each tick; by order */
    struct perp_heap expiries, wakes;
    uint32_t room; /* for so many jobs that wait, in all of these */
    bool paused;   /* as they stand */
    bool all_todo;
};

struct perp_scheduler {
    perp_core *core;
    PERP_STORED(perp_queue_row, PERP_ROW_QUEUE);
    struct perp_kept *kept;
    struct perp_pieces pending; /* of places */
    uint32_t n_places, n_pending;
    struct perp_job_list running; /* and in doubt, in order of dispatch */
    struct perp_job_list open;    /* and partial, in order of finish */
    struct perp_job_list ended;   /* oldest first */
    uint32_t n_in_doubt;
    struct perp_past *first_past, *last_past; /* in the order of their ends */
    struct perp_times times[PERP_MAX_EXCHANGES];
    /* Made by prepare for jobs that are handed over, by their legs, and for those that are only
       remembered from then on. A few of the first stay for the next. */
    struct perp_job_run *spare_runs[PERP_MAX_LEGS + 1];
    uint32_t n_spare_runs[PERP_MAX_LEGS + 1];
    uint32_t coming_runs[PERP_MAX_LEGS + 1]; /* that the batch at hand may take */
    struct perp_past *spare_pasts;
    uint32_t n_spare_pasts;
    /* Made by prepare for the jobs that apply adds, in their order. */
    struct perp_job_entry *first_spare, *last_spare;
    struct perp_verdicts verdicts;
    struct perp_job_array expired; /* by the tick at hand; its memory is kept, too */
    struct perp_plan plan;         /* of the tick at hand; its memory is kept for the next */
    int64_t next_due; /* no running job becomes overdue before; it may be that none does then */
    bool some_unsaid; /* no running job has an unsaid outcome where this is false */
};

static inline struct perp_place *perp_place_at(const struct perp_scheduler *scheduler, uint32_t i) {
    return perp_piece_item(&scheduler->pending, i, sizeof(struct perp_place));
}

/* How many partial jobs there are. */
static inline uint32_t perp_n_partial(const struct perp_scheduler *scheduler) {
    uint32_t n = 0;
    for (const struct perp_job_entry *job = scheduler->open.first; job; job = job->next)
        n += job->state == PERP_JOB_PARTIAL;
    return n;
}

/* When a running job becomes overdue: any time after. INT64_MAX: never, or it was said. */
static inline int64_t perp_job_due(const struct perp_job_entry *job) {
    if (!job->max_run_ms || job->run->overdue)
        return INT64_MAX;
    return perp_ns_after(job->run->started, job->max_run_ms * PERP_NS_PER_MS);
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
/* What a job has once it is handed over: room for one of so many legs, and that it has it; false:
   no memory. */
bool perp_run_reserve(perp_core *core, uint32_t n_legs);
void perp_run_begin(perp_core *core, struct perp_job_entry *job, const struct perp_ev_submit *as);
/* How many of them lie within the minute before now. */
uint32_t perp_times_within(const struct perp_times *times, int64_t now);
bool perp_times_reserve(perp_core *core, perp_exchange_id exchange);
void perp_times_add(perp_core *core, perp_exchange_id exchange);

/* ranks.c: the one place that says in which order jobs of a priority go. */
struct perp_rank perp_rank_of(const perp_core *core, const struct perp_job_entry *job,
                              double score);
/* By the score as it is. */
struct perp_turn perp_turn_of(const perp_core *core, const struct perp_job_entry *job);
void perp_ranks_open(struct perp_ranks *ranks);
bool perp_ranks_reserve(perp_core *core, uint32_t places);
/* So many more at what holds them. */
bool perp_ranks_reserve_at(perp_core *core, uint32_t more);
void perp_ranks_trim(perp_core *core, struct perp_ranks *ranks, uint32_t places);
void perp_ranks_free(perp_core *core, struct perp_ranks *ranks);
/* A job with a leg on exchanges waits from now on, or no longer: for the room in perp_ranks. */
void perp_ranks_count(struct perp_ranks *ranks, const struct perp_job_entry *job, bool on);
static inline bool perp_is_ranked(const struct perp_job_entry *job) {
    return job->verdict.places_1[0] != 0;
}
/* One that passed; it is to be looked at, or what holds it still does, at its new rank. */
void perp_rank_set(perp_core *core, struct perp_job_entry *job);
void perp_rank_remove(struct perp_ranks *ranks, struct perp_job_entry *job);
/* It is to be looked at. */
void perp_rank_wakes(struct perp_ranks *ranks, struct perp_job_entry *job);
/* What holds it: an exchange that is full, room, or something that each tick looks at again. */
enum { PERP_HELD_AT_FULL, PERP_HELD_AT_ROOM, PERP_HELD_AT_NOTHING };
void perp_rank_holds(struct perp_ranks *ranks, struct perp_job_entry *job, uint32_t reason,
                     uint32_t at, perp_exchange_id exchange);
/* Nobody is held for room on these exchanges any more. */
void perp_ranks_forget_rooms(struct perp_ranks *ranks, uint64_t exchanges);
/* So many jobs get another rank that they are put in order afterwards, and only where somebody asks
   for one of them: so many at most, or a few more. Whether there are more. */
void perp_ranks_expect(struct perp_ranks *ranks, uint32_t n);
bool perp_ranks_tidy(perp_core *core, uint32_t most);
/* Those that entered in this tick are forgotten. */
void perp_ranks_settle(struct perp_ranks *ranks);
/* One of them waits no longer. */
void perp_ranks_leave(struct perp_ranks *ranks, struct perp_job_entry *job);
static inline struct perp_job_entry *perp_ranking_top(const struct perp_ranking *turns) {
    return turns->set.n ? *perp_set_at(&turns->set, 0) : NULL;
}

/* verdicts.c: room for so many places; a job waits from now on, or no longer. */
bool perp_verdicts_reserve(perp_core *core, uint32_t places, uint32_t more);
/* What jobs that went leave is given back. */
void perp_verdicts_trim(perp_core *core, uint32_t places);
bool perp_job_array_grow(perp_core *core, struct perp_job_array *jobs, uint32_t need);
void perp_job_array_free(perp_core *core, struct perp_job_array *jobs);
/* sets.c: room for all of so many jobs in sets that share it; for a set of up to so many. */
bool perp_set_room_reserve(perp_core *core, struct perp_set_room *room, uint32_t jobs,
                           uint32_t n_sets);
void perp_set_room_trim(perp_core *core, struct perp_set_room *room, uint32_t jobs,
                        uint32_t n_sets);
void perp_set_room_free(perp_core *core, struct perp_set_room *room);
bool perp_job_set_reserve(perp_core *core, struct perp_job_set *set, uint32_t jobs);
void perp_job_set_free(perp_core *core, struct perp_job_set *set);
/* One more place, the last; the last goes. */
void perp_job_set_widen(struct perp_job_set *set);
void perp_job_set_narrow(struct perp_job_set *set);
static inline struct perp_job_entry **perp_job_set_push(struct perp_job_set *set) {
    if (set->room && set->n == set->pieces.n * PERP_PIECE)
        perp_job_set_widen(set);
    return perp_set_at(set, set->n++);
}
static inline struct perp_job_entry *perp_job_set_pop(struct perp_job_set *set) {
    struct perp_job_entry *last = *perp_set_at(set, --set->n);
    if (set->room && set->n + 2 * PERP_PIECE <= set->pieces.n * PERP_PIECE)
        perp_job_set_narrow(set);
    return last;
}
/* *place_1 is where a job keeps its place there; of the one that takes another's it is at the same
   offset. */
void perp_job_set_add(struct perp_job_set *set, struct perp_job_entry *job, uint32_t *place_1);
void perp_job_set_remove(struct perp_job_set *set, struct perp_job_entry *job, uint32_t *place_1);
void perp_verdicts_free(perp_core *core, struct perp_verdicts *verdicts);
void perp_verdict_join(perp_core *core, struct perp_job_entry *job);
void perp_verdict_leave(perp_core *core, struct perp_job_entry *job);
static inline bool perp_job_is_special(const struct perp_job_entry *job) {
    return job->is_repair || job->is_flatten;
}
/* All are decided anew by the next tick. */
void perp_verdicts_doubt(perp_core *core);
/* Collects what is to be decided anew at `now`, once facts were looked at: in order of submit, in
   verdicts.todo. e: a tick's, with which decisions may be confirmed, their scores going into the
   plan; how many were. NULL: all that may have changed is collected. */
uint32_t perp_verdicts_collect(perp_core *core, int64_t now, bool paused, bool killed,
                               struct perp_plan *plan, struct perp_eval *e);
/* Ahead of a tick, which begins by it, with facts looked at as for it: takes so many facts that
   changed, or, where that was all, confirms so many decisions or a few more; how many. What is not
   confirmed is left to the tick. */
uint32_t perp_verdicts_ahead(perp_core *core, struct perp_eval *e, uint32_t facts, uint32_t most);
/* What the evaluation gave stands; counted: it may go on, and that is its score. */
void perp_verdict_set(perp_core *core, struct perp_plan *plan, struct perp_job_entry *job,
                      const struct perp_eval *e, bool counted);
/* Nothing stands of a job. */
void perp_verdict_forget(perp_core *core, struct perp_job_entry *job);
bool perp_job_is_expired(const struct perp_job_entry *job, int64_t now);
/* Those that are, in order of submit; false: no memory. */
bool perp_verdicts_expired(perp_core *core, int64_t now, struct perp_job_array *into);

/* shadow.c: what of the decisions in force is not what it would be if nothing were kept, as a tick
   at `now` has them, once facts were looked at; NULL: nothing. plan: a tick's, which has chosen
   nothing. A shadow build prints it, too. */
const char *perp_shadow_differs(const perp_core *core, const struct perp_plan *plan, int64_t now,
                                bool rolled);
/* The same at any time under the lock, but not while a tick is under way. What is to be decided
   anew is marked as that, which the next tick would do, and the rest compared; the host is not
   asked. */
const char *perp_decisions_differ(perp_core *core);

/* past.c: what a job was submitted with. */
void perp_content_of(const struct perp_job_entry *job, uint64_t parts[PERP_CONTENT_PARTS]);
/* The name of the first field in which two contents differ; NULL: they are the same. */
const char *perp_content_differs(const uint64_t *known, const uint64_t *parts);
/* Whether an id is one of a job that is kept, or is remembered; the same, and its content. */
bool perp_id_known(const perp_core *core, const perp_uuid *id);
bool perp_content_known(const perp_core *core, const perp_uuid *id,
                        uint64_t parts[PERP_CONTENT_PARTS]);
void perp_past_free(perp_core *core, struct perp_past *past);
/* So many more jobs may end with the batch: room for what then is remembered. false: no memory. */
static inline uint32_t perp_past_need(const perp_core *core) {
    uint32_t kept = core->scheduler->ended.count + core->prepared.ends;
    uint32_t history = core->config.scheduler.history_size;
    return kept > history ? kept - history : 0;
}
bool perp_past_reserve_more(perp_core *core);
static inline bool perp_past_reserve(perp_core *core, uint32_t ends) {
    core->prepared.ends += ends;
    return perp_past_need(core) == 0 || perp_past_reserve_more(core);
}
/* Room for one more to be added. */
bool perp_past_room(perp_core *core);
/* A job is remembered, and no longer kept; false: no room was made. */
bool perp_past_take(perp_core *core, const struct perp_job_entry *job);
void perp_past_add(perp_core *core, struct perp_past *past);
void perp_past_forget(perp_core *core);
void perp_past_shut(perp_core *core);
/* How long an id is remembered after its job's end. */
int64_t perp_id_memory(const perp_core *core);

/* plan.c: an empty plan, NULL where there is no memory; and what is given back after a tick. */
struct perp_plan *perp_plan_begin(perp_core *core);
void perp_plan_end(perp_core *core, struct perp_plan *plan);
void perp_plan_free(perp_core *core, struct perp_plan *plan);
/* Room for so many repairs and jobs of flatten that wait, and repairs that are new. */
bool perp_plan_reserve_repairs(perp_core *core, struct perp_plan *plan, uint32_t waiting,
                               uint32_t fresh);
/* All three need that room. The job as it will be with its new leg. */
struct perp_job_entry *perp_plan_move(struct perp_plan *plan, const struct perp_job_entry *job,
                                      const struct perp_job_leg *leg);
/* A job that waits is looked at as that; NULL: it ends with this tick. */
void perp_plan_change(struct perp_plan *plan, const struct perp_job_entry *job,
                      struct perp_job_entry *becomes);
/* The reserve lacks capital for all of a base's repair, which squares so much, or does not. */
void perp_plan_short(perp_core *core, struct perp_plan *plan, uint32_t base, bool is,
                     double squares);
/* A repair that this tick brings is looked at after all that waits. */
void perp_plan_fresh(const perp_core *core, struct perp_plan *plan,
                     const struct perp_job_entry *repair);
/* Scores are about to be others: what they were is kept, and is there again where the tick is not
   taken. false: no memory, and the plan has failed. */
bool perp_plan_scores(struct perp_plan *plan, double *at, uint32_t n);
void perp_plan_scores_back(struct perp_plan *plan);
/* What stands of a job from this tick on; once a tick. */
void perp_plan_stand(struct perp_plan *plan, struct perp_job_entry *job, uint32_t refused,
                     uint32_t skipped, int64_t explained);
/* All that follow are false where there is no memory. */
bool perp_plan_overrides(perp_core *core, struct perp_plan *plan, const perp_uuid *id);
/* The job evaluated is a candidate; waits: what stands of it is kept there. */
bool perp_plan_offer(perp_core *core, struct perp_plan *plan, const struct perp_eval *e,
                     struct perp_job_entry *waits);
/* The same of one whose decision stands; and made without being offered. e: the tick's. */
bool perp_plan_offer_standing(perp_core *core, struct perp_plan *plan, struct perp_eval *e,
                              struct perp_job_entry *job);
bool perp_plan_standing(perp_core *core, struct perp_plan *plan, struct perp_eval *e,
                        struct perp_job_entry *job, struct perp_candidate *candidate);
void perp_plan_line(struct perp_plan *plan, const struct perp_turn *turn, const perp_uuid *id,
                    uint32_t reason);
/* A candidate runs, and takes that much. */
bool perp_plan_choose(perp_core *core, struct perp_plan *plan,
                      const struct perp_candidate *candidate, const struct perp_need *taken,
                      uint32_t n_taken);

/* Puts a SUBMIT event for a job into the batch. */
void perp_put_job(perp_core *core, const struct perp_job_entry *job);
/* Checks what submit refuses and evaluate reports as a rule: hedge and self trade. */
perp_status perp_check_shape(const perp_core *core, const struct perp_job_entry *job);

/* repair.c: the leg with which a repair that waits squares its base best now; false: none does.
   short_of: for want of capital not all of it. */
bool perp_repair_choose(const perp_core *core, const struct perp_job_entry *repair, int64_t now,
                        struct perp_job_leg *leg, bool *short_of);
/* Down to the step; a quotient that is a whole number but for rounding counts as that number. */
double perp_round_down(double quantity, double step);
/* flatten.c: jobs that leave, cut to what is left. */
void perp_put_flatten_cuts(perp_core *core, struct perp_plan *plan);
void perp_repair_set(struct perp_job_entry *repair, const struct perp_job_leg *leg);
/* Puts into the batch and the plan the repairs that bases want now, and ends those that are no
   longer wanted. */
void perp_plan_repairs(perp_core *core, struct perp_plan *plan, int64_t now);
/* How many of them there can be. */
uint32_t perp_repairs_wanted(const perp_core *core, int64_t now);
void perp_repair_id(const char *base, uint64_t n, perp_uuid *id);
/* How long to wait after so many repairs in a row that did not do. */
int64_t perp_repair_backoff_ns(const perp_core *core, uint32_t tries);
/* The mid of an instrument; 0: no quote. */
double perp_mid_of(const perp_core *core, perp_instrument_id instrument);
/* A job in doubt waits again. */
perp_status perp_decide_requeue(struct perp_decision *d, const perp_uuid *job_id);

/* finish.c: the decision without the lock. outcome: of this library's size, all zero but that; it
   says what the batch would make of the job, also where its commit fails. */
perp_status perp_decide_finish(struct perp_decision *d, const perp_uuid *job_id,
                               const perp_job_result *result, perp_finish_outcome *outcome);

/* Whether every leg is filled, on the sheet. */
bool perp_job_is_full(const struct perp_job_entry *job, const struct perp_sheet *sheet);
/* What a job becomes whose last order ended with these news, whose fill is on the book's sheet. */
void perp_finish_by_order(perp_core *core, struct perp_job_entry *job, struct perp_ev_order *news);

/* Limits of an exchange as they are now. */
uint32_t perp_exchange_max_jobs(const perp_core *core, perp_exchange_id exchange);
perp_usd perp_exchange_max_notional(const perp_core *core, perp_exchange_id exchange);

#endif
