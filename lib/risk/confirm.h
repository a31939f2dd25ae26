/* What comes of jobs of a route, several at once: to confirm decisions that stand. */
#ifndef PERP_RISK_CONFIRM_H
#define PERP_RISK_CONFIRM_H

#include "risk/risk.h"
#include "risk/routes.h"

/* What a look found of a job. */
struct perp_job_looked {
    bool known; /* else it is to be decided in full, and nothing else is set */
    uint64_t fails;
    double score;
    int64_t holds; /* up to when time alone changes nothing of it */
    double prices[PERP_ROUTE_LEGS];
};
typedef void perp_job_looked_at(void *user, struct perp_job_entry *job,
                                const struct perp_job_looked *looked);

/* Looks at places of a route for a tick, whose facts were looked at, with what perp_eval_begin and
   perp_eval_brief set, and tells of each job. One that is known is held to all rules and reduces
   nothing. */
void perp_route_look(struct perp_eval *e, const struct perp_route_part *part, void *user,
                     perp_job_looked_at *told);

#endif
