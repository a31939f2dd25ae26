/* Jobs of two legs that wait, by their route: what they trade, and how. What they have of their own
   lies in columns, and so does what stands of them, so that where a fact changed one loop looks
   which of their decisions stand all the same (confirm.c), and touches no job. A job that has no
   place here, as for want of memory, is decided anew instead. */
#ifndef PERP_RISK_ROUTES_H
#define PERP_RISK_ROUTES_H

#include "core/job.h"
#include "util/heap.h"
#include "util/ids.h"

#define PERP_ROUTE_LEGS 2

enum perp_route_column {
    PERP_LANE_QUANTITY,                                        /* a column for each leg */
    PERP_LANE_LEVERAGE = PERP_LANE_QUANTITY + PERP_ROUTE_LEGS, /* likewise */
    PERP_LANE_NOTIONAL = PERP_LANE_LEVERAGE + PERP_ROUTE_LEGS, /* micro-dollars, likewise */
    PERP_LANE_WHOLE = PERP_LANE_NOTIONAL + PERP_ROUTE_LEGS,    /* the job's notional */
    PERP_LANE_VOLUME,                                          /* micro-dollars */
    PERP_LANE_EDGE,
    PERP_LANE_BASIS, /* NaN: it has none */
    PERP_LANE_SCORE, /* the job's (perp_job_score) */
    PERP_LANE_COUNT
};

/* All that jobs of one route have in common. */
struct perp_route_key {
    perp_instrument_id instruments[PERP_ROUTE_LEGS];
    uint8_t sides[PERP_ROUTE_LEGS];
    bool maker[PERP_ROUTE_LEGS];
    uint32_t strategy;
    double holding_hours;
};

struct perp_route;

/* A route among those of one of its instruments. */
struct perp_route_link {
    struct perp_route *route;
    struct perp_route_link *next, *previous;
};

/* How many places are looked at together. */
#define PERP_ROUTE_STEP 4

/* Those places: columns are cut to their length, so that what is looked at lies in one stream. */
struct perp_route_block {
    double columns[PERP_LANE_COUNT][PERP_ROUTE_STEP];
    int64_t stands[PERP_ROUTE_STEP]; /* which rules fail by a decision that may be confirmed */
    struct perp_job_entry *jobs[PERP_ROUTE_STEP];
};

struct perp_route {
    struct perp_route_key key;
    uint32_t n, capacity; /* places, and blocks */
    uint32_t moved;       /* so many of the first have scores that they are not yet ranked by */
    struct perp_route_block *blocks;
    struct perp_route *next_doubtful;
    struct perp_timer wake; /* up to when time alone changes nothing of its jobs */
    bool doubtful;          /* a fact that its jobs rest on changed */
    struct perp_route_link links[PERP_ROUTE_LEGS];
};

/* No decision that may be confirmed: none counts, it is to be made anew, it reduces, or it was not
   the rules alone that made it. */
#define PERP_ROUTE_NOTHING INT64_C(-2)

struct perp_routes {
    struct perp_ids by_key; /* by hash */
    struct perp_heap wakes;
    struct perp_route_link **of;       /* by instrument: the first of its routes */
    struct perp_route *first_doubtful; /* in no order */
    uint32_t looked_at;                /* the first places of that one */
    uint32_t n_doubtful;               /* jobs of all of them */
    struct perp_route *empty; /* the last that lost its jobs, kept for the next one; NULL: none */
    uint32_t capacity;        /* of `of` */
};

static inline struct perp_route_block *perp_route_block_of(const struct perp_route *route,
                                                           uint32_t place) {
    return &route->blocks[place / PERP_ROUTE_STEP];
}
static inline double *perp_route_at(const struct perp_route *route, uint32_t place,
                                    uint32_t column) {
    return &perp_route_block_of(route, place)->columns[column][place % PERP_ROUTE_STEP];
}
static inline int64_t *perp_route_stands_at(const struct perp_route *route, uint32_t place) {
    return &perp_route_block_of(route, place)->stands[place % PERP_ROUTE_STEP];
}
static inline struct perp_job_entry **perp_route_job_at(const struct perp_route *route,
                                                        uint32_t place) {
    return &perp_route_block_of(route, place)->jobs[place % PERP_ROUTE_STEP];
}

/* The score of a job of the book: that of its decision in force, where one counts, else of its last
   evaluation in a tick; NaN: none. */
static inline double *perp_job_score_at(struct perp_job_entry *job) {
    if (job->state == PERP_JOB_PENDING && job->route)
        return perp_route_at(job->route, job->route_place, PERP_LANE_SCORE);
    return &job->score;
}
static inline double perp_job_score(const struct perp_job_entry *job) {
    return *perp_job_score_at((struct perp_job_entry *)(uintptr_t)job);
}
/* What may be confirmed of a job that waits: which rules fail, or PERP_ROUTE_NOTHING. */
static inline void perp_route_stands(const struct perp_job_entry *job, int64_t fails) {
    if (job->route)
        *perp_route_stands_at(job->route, job->route_place) = fails;
}

bool perp_routes_prepare(perp_core *core, struct perp_routes *routes);
void perp_routes_free(perp_core *core, struct perp_routes *routes);

/* A job waits from now on; false: it has no place, since it is of another kind or there is no
   memory. */
bool perp_route_join(perp_core *core, struct perp_routes *routes, struct perp_job_entry *job);
/* One that has a place waits no longer. */
void perp_route_leave(perp_core *core, struct perp_routes *routes, struct perp_job_entry *job);
/* What the routes of an instrument rest on changed. */
void perp_routes_doubt(struct perp_routes *routes, perp_instrument_id instrument);
/* The same of routes whose time has come; and when a route's will come. INT64_MAX: never. */
void perp_routes_wake(struct perp_routes *routes, int64_t now);
void perp_route_holds(struct perp_routes *routes, struct perp_route *route, int64_t until);
/* Places of a route for which something changed. */
struct perp_route_part {
    struct perp_route *route;
    uint32_t from, n; /* from: a multiple of PERP_ROUTE_STEP */
};
/* The next of them, at most so many or PERP_ROUTE_STEP, of which that is then no longer said;
   false: there are none. */
bool perp_routes_next(struct perp_routes *routes, uint32_t most, struct perp_route_part *part);

#endif
