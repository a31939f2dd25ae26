/* Submit, cancel, requeue: how jobs come to wait and stop waiting. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "util/sized.h"
#include "util/text.h"

static perp_status check_hedge(const perp_core *core, const struct perp_job_entry *job) {
    double tolerance = core->config.scheduler.hedge_tolerance;
    perp_usd sums[PERP_SIDE_COUNT] = {0, 0};
    for (uint32_t i = 0; i < job->n_legs; i++)
        sums[job->legs[i].side] += job->legs[i].notional;
    double bought = (double)sums[PERP_SIDE_BUY], sold = (double)sums[PERP_SIDE_SELL];
    if (fabs(bought - sold) > tolerance * fmax(bought, sold))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs: bought notional %s and sold %s do not hedge",
                         PERP_SHOW_USD(sums[PERP_SIDE_BUY]), PERP_SHOW_USD(sums[PERP_SIDE_SELL]));
    uint32_t base;
    if (!perp_job_balanced(job, tolerance, &base))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs: bought and sold quantity of %s do not hedge",
                         core->bases.items[base]);
    return PERP_OK;
}

perp_status perp_check_shape(const perp_core *core, const struct perp_job_entry *job) {
    if (perp_job_self_trades(job, core))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs: self trade: two legs of opposite sides in the same book");
    return job->strategy == PERP_STRATEGY_HEDGE_REBALANCE ? PERP_OK : check_hedge(core, job);
}

/* Whether a job that is known was submitted with the same content. */
static bool same_content(const struct perp_job_entry *known, const struct perp_job_entry *job) {
    /* What only the book gives: all but what perp_job_from_spec filled in. */
    enum { STATE = 3, TTL_FROM = 10, FIRST_OF_BOOK = 14 };
    const uint64_t but =
        UINT64_C(1) << STATE | UINT64_C(1) << TTL_FROM | ~((UINT64_C(1) << FIRST_OF_BOOK) - 1);
    const uint64_t price = UINT64_C(1) << 7;
    if (known->is_repair || known->n_legs != job->n_legs ||
        !perp_row_same(perp_row_job(), &known->row, &job->row, but))
        return false;
    for (uint32_t i = 0; i < known->n_legs; i++)
        if (!perp_row_same(perp_row_leg(), &known->legs[i].row, &job->legs[i].row, price))
            return false;
    return true;
}

void perp_put_job(perp_core *core, const struct perp_job_entry *job) {
    struct perp_leg_row legs[PERP_MAX_LEGS];
    for (uint32_t i = 0; i < job->n_legs; i++)
        legs[i] = job->legs[i].row;
    perp_put_submit(core,
                    &(struct perp_ev_submit){.job = job->row, .n_legs = job->n_legs, .legs = legs});
}

static perp_status decide_submit(struct perp_decision *d, const perp_job *spec) {
    perp_core *core = d->core;
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (!spec)
        return perp_fail(core, PERP_E_INVALID, "job: NULL");
    union perp_job_room room;
    status = perp_job_from_spec(core, spec, perp_decision_time(d), &room);
    if (status == PERP_OK)
        status = perp_check_shape(core, &room.job);
    if (status != PERP_OK)
        return status;
    const struct perp_job_entry *known = perp_job_find(core, &room.job.id);
    if (known) {
        bool same = same_content(known, &room.job);
        return perp_fail(core, same ? PERP_E_EXISTS : PERP_E_CONFLICT,
                         "job_id: known, with %s content", same ? "the same" : "other");
    }
    status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_job(core, &room.job);
    return status;
}

perp_status perp_scheduler_submit(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_job *job) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_submit(&d, job));
}

/* One event for a job, which was found in the state that the event is for. */
static perp_status put_one(struct perp_decision *d, uint32_t kind, const perp_uuid *job_id) {
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_for_job(d->core, kind, job_id);
    return status;
}

static perp_status decide_in_state(struct perp_decision *d, uint32_t kind, const perp_uuid *job_id,
                                   uint32_t state) {
    const struct perp_job_entry *job = perp_job_find(d->core, job_id);
    if (!job || job->state != state)
        return perp_fail(d->core, PERP_E_NOT_FOUND, "job_id: no such %s job",
                         perp_job_state_string(state));
    return put_one(d, kind, job_id);
}

perp_status perp_scheduler_cancel(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "cancel: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d,
                               decide_in_state(&d, PERP_EVENT_CANCEL, job_id, PERP_JOB_PENDING));
}

perp_status perp_scheduler_requeue(perp_scheduler *scheduler, const perp_call *call,
                                   const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "requeue: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d,
                               decide_in_state(&d, PERP_EVENT_REQUEUE, job_id, PERP_JOB_IN_DOUBT));
}

static perp_status decide_resolve(struct perp_decision *d, const perp_uuid *job_id) {
    perp_core *core = d->core;
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || !job->unresolved)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such unresolved job");
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    const struct perp_job_entry *repair = perp_repair_of(core, job);
    if (repair && repair->state != PERP_JOB_PENDING)
        return perp_fail(core, PERP_E_STATE, "job_id: a repair of it is %s",
                         perp_job_state_string(repair->state));
    return put_one(d, PERP_EVENT_RESOLVE, job_id);
}

perp_status perp_scheduler_resolve(perp_scheduler *scheduler, const perp_call *call,
                                   const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "resolve: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_resolve(&d, job_id));
}
