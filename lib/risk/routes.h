/* Jobs of two legs that wait, by their route: what they trade, and how. What they have of their own
   lies in columns, so that where a fact changed one loop looks which of their decisions stand all
   the same (confirm.c). A job that has no place here, as for want of memory, is decided anew
   instead. */
#ifndef PERP_RISK_ROUTES_H
#define PERP_RISK_ROUTES_H

#include "core/job.h"
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
    PERP_LANE_COUNT
};

/* All that jobs of one route have in common. */
struct perp_route_key {
    perp_instrument_id instruments[PERP_ROUTE_LEGS];
    uint32_t sides[PERP_ROUTE_LEGS];
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

struct perp_route {
    struct perp_route_key key;
    uint32_t n, capacity; /* a multiple of PERP_ROUTE_STEP */
    double *columns;      /* PERP_LANE_COUNT of them, each of capacity */
    struct perp_job_entry **jobs;
    struct perp_route_link links[PERP_ROUTE_LEGS];
    struct perp_route *next_doubtful;
    bool doubtful; /* a fact that its jobs rest on changed */
};

/* How many places are looked at together. */
#define PERP_ROUTE_STEP 4

struct perp_routes {
    struct perp_ids by_key;            /* by hash */
    struct perp_route_link **of;       /* by instrument: the first of its routes */
    struct perp_route *first_doubtful; /* in no order */
    uint32_t looked_at;                /* the first places of that one */
    uint32_t n_doubtful;               /* jobs of all of them */
    struct perp_route *empty; /* the last that lost its jobs, kept for the next one; NULL: none */
    uint32_t capacity;        /* of `of` */
};

static inline const double *perp_column_of(const struct perp_route *route, uint32_t column) {
    return route->columns + (size_t)column * route->capacity;
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
/* Places of a route for which something changed. */
struct perp_route_part {
    const struct perp_route *route;
    uint32_t from, n; /* from: a multiple of PERP_ROUTE_STEP */
};
/* The next of them, at most so many or PERP_ROUTE_STEP, of which that is then no longer said;
   false: there are none. */
bool perp_routes_next(struct perp_routes *routes, uint32_t most, struct perp_route_part *part);

#endif
