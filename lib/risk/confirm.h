/* What comes of jobs of a route, several at once: to confirm decisions that stand. */
#ifndef PERP_RISK_CONFIRM_H
#define PERP_RISK_CONFIRM_H

#include "risk/risk.h"
#include "risk/routes.h"

/* So many places at most are told of at once. */
#define PERP_ROUTE_CHUNK 64

/* What a look found of some places of a route, as bits: of which something else came than what
   stands, so that they are to be decided in full; of which it came to the same, with another score;
   and the scores of all, as they are by now. */
struct perp_route_looked {
    struct perp_route *route;
    uint32_t from, n;
    uint64_t others, moved;
    double scores[PERP_ROUTE_CHUNK];
};
typedef void perp_route_looked_at(void *user, const struct perp_route_looked *looked);

/* Looks at places of a route for a tick, whose facts were looked at, with what perp_eval_begin and
   perp_eval_brief set. */
void perp_route_look(struct perp_eval *e, const struct perp_route_part *part, void *user,
                     perp_route_looked_at *told);

#endif
