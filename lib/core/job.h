/* A job as the book keeps it. Risk looks at what it is, the scheduler moves it through its life. */
#ifndef PERP_CORE_JOB_H
#define PERP_CORE_JOB_H

#include "core/core.h"
#include "util/heap.h"

/* Of a leg and of a job: so that sums over a job's legs and over a thousand running jobs can't
   overflow. */
#define PERP_MOST_NOTIONAL (INT64_C(1000000000) * PERP_USD)

#define PERP_MOST_PRIORITY 100 /* either way */

struct perp_held;   /* capital.h */
struct perp_answer; /* risk.h */
struct perp_ev_submit;
struct perp_route; /* routes.h */
struct perp_job_entry;

/* A leg as its job wants it, and where it waits. */
struct perp_job_leg {
    double quantity, leverage;
    perp_usd notional;
    struct perp_job_leg *next, *previous; /* that wait on the instrument, in no order */
    perp_instrument_id instrument;
    uint32_t base;
    uint8_t exchange; /* the instrument's, as the base */
    uint8_t side, maker;
    uint8_t n; /* which of its job's legs it is */
};

/* The same once its job was handed over, as it is stored. */
struct perp_run_leg {
    PERP_STORED(perp_leg_row, PERP_ROW_LEG);
    perp_exchange_id exchange;
    uint32_t base;
    struct perp_job_entry *job;
    struct perp_run_leg *next, *previous; /* that run on the instrument, in order of dispatch */
};

/* What only a job has that was handed over at least once. */
struct perp_job_run {
    int64_t started;
    perp_usd pnl, volume, fees;
    uint64_t dispatch;
    int64_t unhedged_since;
    bool overdue, reduce_only, dispatched, by_legs, cancel_asked, unhedged_told;
    bool waits_turn;        /* dispatched by a tick that has not yet handed it over */
    bool looks;             /* something changed that its being unhedged rests on */
    bool linked;            /* its legs are among the running legs */
    uint32_t unsaid;        /* an executor's outcome that the store did not take yet; 0: none */
    uint32_t n_lots;        /* what of it is open */
    uint32_t n_legs;        /* there is room for so many */
    struct perp_held *held; /* its reservations, in the order they were made */
    struct perp_order_entry *orders;      /* order.h, by number; NULL: none was placed */
    struct perp_job_entry *next_unhedged; /* of the running ones that are */
    struct perp_job_run *next_spare;
    struct perp_run_leg legs[];
};

/* What orders jobs of one priority, the largest first: the score, and what it gains while a job
   waits. Made by perp_rank_of alone; time is not in it, since it raises all alike. */
struct perp_rank {
    int64_t high;
    uint64_t low;
};

/* The decision in force of a job that waits: what an evaluation at the last tick gave, or would
   have given. It is derived, and stands until something that it rests on changes. */
struct perp_verdict {
    uint64_t reasons;
    uint32_t leaving_1; /* its place among those that leave, from 1; 0: it is not among them */
    uint32_t todo_1;    /* among those to be decided anew */
    /* Of one that passed and is held to the limits (ranks.c). */
    struct perp_rank rank;
    uint32_t places_1[2]; /* by rank, and at what holds it */
    uint8_t reason;
    uint8_t held;        /* the reason that holds it; 0: it is to be looked at */
    uint8_t exchange;    /* that is full */
    uint8_t held_at : 3; /* what kind of thing that is */
    bool entered : 1;    /* this tick made it wait to be looked at */
    bool made : 1;
    bool counted : 1; /* in what stands: not while it may not go on anyway */
    bool accepted : 1, reducing : 1;
};

/* An id and its content, of a job that is no longer kept. */
struct perp_past {
    struct perp_chained *next_in_chain; /* with the id, which is first in the row: perp_chained */
    PERP_STORED(perp_past_row, PERP_ROW_PAST);
    struct perp_kept *kept;
    struct perp_past *next; /* in the order of their ends */
};

/* A job that waits is nothing but this, since there may be a million of them: what is stored of it
   (PERP_JOB_FIELDS) in fields as small as its values are, and its decision. */
struct perp_job_entry {
    union {
        struct perp_chained chained; /* among those that are kept, or come next, by id */
        struct {
            struct perp_chained *next_in_chain;
            perp_uuid id;
        };
    };
    perp_usd notional, est_volume;
    double edge_bps, holding_hours;
    int64_t given_created, ttl_ms, ttl_from, max_run_ms;
    uint64_t order;
    int64_t submitted;
    double basis_bps;
    uint64_t exchanges; /* of its legs, as bits */
    perp_uuid closes;
    void *metadata;
    struct perp_kept *kept;
    /* Never NULL: of one that was never handed over it is perp_never_ran, which nobody writes. */
    struct perp_job_run *run;
    double score;      /* asked for by perp_job_score (routes.h) */
    int64_t explained; /* when a refusal was last stored with its explanation */
    uint32_t defaulted;
    uint16_t metadata_size;
    uint8_t strategy, state;
    int8_t priority;
    uint8_t n_legs;
    uint8_t last_refusal, standing;
    uint8_t refused; /* the reason that stands by its last evaluation in a tick; 0: none */
    uint8_t skipped; /* why the last tick passed it over; 0: it was not */
    bool is_repair : 1, balanced : 1, is_flatten : 1, has_basis : 1;
    bool override_logged : 1;
    union {
        struct { /* while it waits */
            struct perp_verdict verdict;
            struct perp_timer expiry;    /* the last moment of its ttl */
            struct perp_timer wake;      /* the same as of its route, of one that lies in none or
                                            asks the host's rules */
            struct perp_answer *answers; /* of the host's rules; NULL: none are kept */
            struct perp_route *route;    /* where it lies; NULL: in none */
            uint32_t route_place;
        };
        struct { /* then; next: of one that is not yet in the book, too */
            struct perp_job_entry *next, *previous; /* running, open (or partial), or ended */
            int64_t ended;
        };
    };
    struct perp_job_leg legs[];
};

static inline size_t perp_job_size(uint32_t n_legs) {
    return sizeof(struct perp_job_entry) + n_legs * sizeof(struct perp_job_leg);
}

/* Every stored field of a job, by where it is kept: in the entry as a number that may be smaller
   than the row's, as it is, or in what it has once it ran. */
#define PERP_JOB_FIELDS(SMALL, ENTRY, RUN)                                                         \
    SMALL(strategy, uint8_t)                                                                       \
    SMALL(state, uint8_t)                                                                          \
    SMALL(priority, int8_t)                                                                        \
    SMALL(last_refusal, uint8_t)                                                                   \
    SMALL(standing, uint8_t)                                                                       \
    ENTRY(id)                                                                                      \
    ENTRY(notional)                                                                                \
    ENTRY(est_volume)                                                                              \
    ENTRY(edge_bps)                                                                                \
    ENTRY(holding_hours)                                                                           \
    ENTRY(given_created)                                                                           \
    ENTRY(ttl_ms)                                                                                  \
    ENTRY(ttl_from)                                                                                \
    ENTRY(max_run_ms)                                                                              \
    ENTRY(metadata)                                                                                \
    SMALL(metadata_size, uint16_t)                                                                 \
    ENTRY(order)                                                                                   \
    ENTRY(submitted)                                                                               \
    ENTRY(is_repair)                                                                               \
    ENTRY(closes)                                                                                  \
    ENTRY(balanced)                                                                                \
    ENTRY(defaulted)                                                                               \
    ENTRY(is_flatten)                                                                              \
    ENTRY(has_basis)                                                                               \
    ENTRY(basis_bps)                                                                               \
    RUN(started)                                                                                   \
    RUN(overdue)                                                                                   \
    RUN(reduce_only)                                                                               \
    RUN(pnl)                                                                                       \
    RUN(volume)                                                                                    \
    RUN(fees)                                                                                      \
    RUN(dispatched)                                                                                \
    RUN(by_legs)                                                                                   \
    RUN(dispatch)                                                                                  \
    RUN(cancel_asked)                                                                              \
    RUN(unhedged_since)                                                                            \
    RUN(unhedged_told)

/* Of a job that was never handed over: nothing is filled, held or placed. */
extern struct perp_job_run *const perp_never_ran;
static inline bool perp_has_run(const struct perp_job_entry *job) {
    return job->run != perp_never_ran;
}
/* PERP_TIME_NONE: it has not. */
static inline int64_t perp_job_ended(const struct perp_job_entry *job) {
    return job->state == PERP_JOB_PENDING ? PERP_TIME_NONE : job->ended;
}

static inline size_t perp_run_size(uint32_t n_legs) {
    return sizeof(struct perp_job_run) + n_legs * sizeof(struct perp_run_leg);
}

/* A job's rows, as they are stored, and all of an entry from them but what runs. Metadata stay
   where they are. */
void perp_job_row_of(const struct perp_job_entry *job, struct perp_job_row *row);
void perp_job_legs_of(const struct perp_job_entry *job, struct perp_leg_row legs[PERP_MAX_LEGS]);
void perp_job_set(const perp_core *core, struct perp_job_entry *job,
                  const struct perp_ev_submit *submit);
/* What a job has once it is handed over: as its rows say, or, where they are NULL, as it is at
   first. run->n_legs: it has room for so many. */
void perp_run_set(struct perp_job_entry *job, struct perp_job_run *run,
                  const struct perp_ev_submit *submit);
/* What a job's legs are has changed. */
void perp_run_follow(struct perp_job_entry *job);
/* Whether what only a job has that was handed over is in its rows, or in a leg's. */
bool perp_job_rows_ran(const struct perp_ev_submit *submit);
bool perp_leg_row_ran(const struct perp_leg_row *leg);
/* The row of a job's one leg if it were another, with what it had. */
void perp_leg_row_of(const struct perp_job_entry *job, const struct perp_job_leg *leg,
                     struct perp_leg_row *row);

static inline struct perp_job_entry *perp_leg_job(struct perp_job_leg *leg) {
    return (struct perp_job_entry *)((uintptr_t)(leg - leg->n) -
                                     offsetof(struct perp_job_entry, legs));
}

/* Room for a job on the stack, as evaluate makes one. */
union perp_job_room {
    struct perp_job_entry job;
    char bytes[sizeof(struct perp_job_entry) + PERP_MAX_LEGS * sizeof(struct perp_job_leg)];
};

/* Makes a job of what the host gives, defaults filled in, and checks nothing. false: it can't be
   one, as when an instrument is unknown. room has place for PERP_MAX_LEGS. */
bool perp_job_content(const perp_core *core, const perp_job *spec, int64_t now,
                      union perp_job_room *room);
/* The same, checked: all but the minima of instruments (perp_job_check_minima), hedge and self
   trade. */
perp_status perp_job_from_spec(const perp_core *core, const perp_job *spec, int64_t now,
                               union perp_job_room *room);
/* Whether a quantity is a whole number of steps: within 10^-9 of one or 4 units in the last place
   of the quotient, whichever is larger. */
bool perp_on_step(double quantity, double step);
/* Of a leg: below no minimum of its instrument, and on its step. free: of the minimum notional; a
   leg that is all that is left of a position is held to none of them. */
perp_status perp_leg_check_minima(const perp_core *core, const struct perp_job_leg *leg, uint32_t n,
                                  bool free);
/* A job as the host gives it: itself where it has this library's size, else with its defaults
   filled in, in room. NULL: not given, or a struct_size that is not known. */
const perp_job *perp_job_given(const perp_job *job, perp_job *room);

/* A job as it would be given to submit; its metadata are the entry's. */
void perp_job_spec_of(const struct perp_job_entry *job, perp_job *spec);

/* Whether buy and sell quantities of every base agree within the tolerance. */
bool perp_job_balanced(const struct perp_job_entry *job, double tolerance, uint32_t *odd_base);

/* All jobs of the book, in no order, begun as perp_chains_walk. */
static inline struct perp_job_entry *perp_jobs_next(struct perp_chains_walk *walk) {
    return (struct perp_job_entry *)perp_chains_next(walk);
}

/* A leg from its stored part. */
void perp_leg_set(const perp_core *core, struct perp_job_leg *leg, const struct perp_leg_row *row);
/* A job of the book by its id (NULL: none): in any state, or ended and not yet forgotten. */
struct perp_job_entry *perp_job_find(const perp_core *core, const perp_uuid *id);
/* The same, or one that the batch at hand brings: as its events find it. */
const struct perp_job_entry *perp_job_soon(const perp_core *core, const perp_uuid *id);

#endif
