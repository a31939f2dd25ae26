/* A job as the book keeps it. Risk looks at what it is, the scheduler moves it through its life. */
#ifndef PERP_CORE_JOB_H
#define PERP_CORE_JOB_H

#include "core/core.h"
#include "util/heap.h"

/* Of a leg and of a job: so that sums over a job's legs and over a thousand running jobs can't
   overflow. */
#define PERP_MOST_NOTIONAL (INT64_C(1000000000) * PERP_USD)

struct perp_held;   /* capital.h */
struct perp_answer; /* risk.h */
struct perp_route;  /* routes.h */
struct perp_job_entry;

struct perp_job_leg {
    PERP_STORED(perp_leg_row, PERP_ROW_LEG);
    perp_exchange_id exchange; /* the instrument's, as the base */
    uint32_t base;
    struct perp_job_entry *job;
    /* Running legs of the instrument, in order of dispatch; or those that wait, in none. */
    struct perp_job_leg *next, *previous;
    double offered; /* the price of the decision in force, while it waits */
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
    double score;
    uint32_t reason;
    uint32_t leaving_1; /* its place among those that leave, from 1; 0: it is not among them */
    uint32_t todo_1;    /* among those to be decided anew */
    /* Of one that passed and is held to the limits (ranks.c). */
    struct perp_rank rank;
    uint32_t places_1[2]; /* by rank, and at what holds it */
    uint32_t held;        /* the reason that holds it; 0: it is to be looked at */
    uint8_t held_at;      /* what kind of thing that is */
    uint8_t exchange;     /* that is full */
    bool entered;         /* this tick made it wait to be looked at */
    bool made;
    bool counted; /* in what stands: not while it may not go on anyway */
    bool accepted, reducing;
};

/* An id and its content; a live job has its own, which outlives it. */
struct perp_past {
    PERP_STORED(perp_past_row, PERP_ROW_PAST);
    struct perp_kept *kept;
    struct perp_past *next; /* in the order of their ends */
};

struct perp_job_entry {
    PERP_STORED(perp_job_row, PERP_ROW_JOB);
    uint64_t exchanges;              /* of its legs, as bits */
    struct perp_held *held;          /* its reservations, in the order they were made */
    struct perp_order_entry *orders; /* order.h, by number; NULL: none was placed */
    double score;                    /* of the last evaluation in a tick; NaN: none */
    uint32_t refused;  /* the reason that stands by its last evaluation in a tick; 0: none */
    uint32_t skipped;  /* why the last tick passed it over; 0: it was not */
    int64_t explained; /* when a refusal was last stored with its explanation */
    uint32_t unsaid;   /* an executor's outcome that the store did not take yet; 0: none */
    uint32_t n_lots;   /* what of it is open */
    bool override_logged;
    bool waits_turn; /* dispatched by a tick that has not yet handed it over */
    struct perp_verdict verdict;
    struct perp_route *route; /* where it lies while it waits; NULL: in none */
    uint32_t route_place;
    struct perp_timer expiry;    /* the last moment of its ttl, while it waits */
    struct perp_timer wake;      /* up to when time alone changes nothing of its own */
    bool looks;                  /* something changed that its being unhedged rests on */
    bool linked;                 /* its legs are among the running legs */
    struct perp_answer *answers; /* of the host's rules, while it waits; NULL: none are kept */
    struct perp_kept *kept;
    struct perp_past *past;
    struct perp_job_entry *next, *previous; /* running, open (or partial), or ended */
    struct perp_job_entry *next_unhedged;   /* of the running ones that are */
    uint32_t n_legs;
    struct perp_job_leg legs[];
};

static inline size_t perp_job_size(uint32_t n_legs) {
    return sizeof(struct perp_job_entry) + n_legs * sizeof(struct perp_job_leg);
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

/* A leg from its stored part. */
void perp_leg_set(const perp_core *core, struct perp_job_leg *leg, const struct perp_leg_row *row);
/* A job of the book by its id (NULL: none): in any state, or ended and not yet forgotten. */
struct perp_job_entry *perp_job_find(const perp_core *core, const perp_uuid *id);
/* The same, or one that the batch at hand brings: as its events find it. */
const struct perp_job_entry *perp_job_soon(const perp_core *core, const perp_uuid *id);

#endif
