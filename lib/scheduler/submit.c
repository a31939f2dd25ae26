/* Submit, cancel, requeue: how jobs come to wait and stop waiting. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "core/blob.h"
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

static bool same_leg(const struct perp_job_leg *a, const struct perp_job_leg *b) {
    return a->instrument == b->instrument && a->side == b->side && a->maker == b->maker &&
           a->quantity == b->quantity && a->leverage == b->leverage && a->notional == b->notional;
}

static bool same_content(const struct perp_job_entry *a, const struct perp_job_entry *b) {
    if (a->strategy != b->strategy || a->notional != b->notional ||
        a->est_volume != b->est_volume || a->edge_bps != b->edge_bps ||
        a->holding_hours != b->holding_hours || a->given_created != b->given_created ||
        a->ttl_ms != b->ttl_ms || a->max_run_ms != b->max_run_ms || a->priority != b->priority ||
        a->n_legs != b->n_legs || a->metadata_size != b->metadata_size || a->is_repair)
        return false;
    for (uint32_t i = 0; i < a->n_legs; i++)
        if (!same_leg(&a->legs[i], &b->legs[i]))
            return false;
    return !a->metadata_size || memcmp(a->metadata, b->metadata, a->metadata_size) == 0;
}

void perp_put_submit(perp_core *core, const struct perp_job_entry *job) {
    struct perp_job_blob blob = {
        .given_created = job->given_created,
        .ttl_ms = job->ttl_ms,
        .ttl_from = job->ttl_from,
        .max_run_ms = job->max_run_ms,
        .edge_bps = job->edge_bps,
        .holding_hours = job->holding_hours,
        .est_volume = job->est_volume,
        .priority = job->priority,
        .strategy = job->strategy,
        .metadata_size = job->metadata_size,
        .is_repair = job->is_repair,
    };
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_SUBMIT, job->n_legs,
                                              (uint32_t)sizeof blob + job->metadata_size);
    event->has_job = 1;
    event->job = job->id;
    event->other = job->parent;
    event->amount = job->notional;
    event->pool = job->is_repair ? (uint32_t)PERP_POOL_RESERVE : perp_pool_of(core, job->strategy);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        perp_event_items(event)[i] = (struct perp_event_item){.exchange = leg->exchange,
                                                              .instrument = leg->instrument,
                                                              .side = leg->side,
                                                              .flags = leg->maker,
                                                              .quantity = leg->quantity,
                                                              .leverage = leg->leverage,
                                                              .amount = leg->notional};
    }
    char *bytes = perp_event_bytes(event);
    memcpy(bytes, &blob, sizeof blob);
    if (job->metadata_size)
        memcpy(bytes + sizeof blob, job->metadata, job->metadata_size);
}

static perp_status decide_submit(perp_core *core, const perp_call *call, const perp_job *spec) {
    perp_status status = perp_call_check(core, call);
    if (status != PERP_OK)
        return status;
    if (!spec)
        return perp_fail(core, PERP_E_INVALID, "job: NULL");
    int64_t clock = perp_clock(core);
    int64_t now = call->now_ns > clock ? call->now_ns : clock;
    union perp_job_room room;
    status = perp_job_from_spec(core, spec, now, &room);
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
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    perp_put_submit(core, &room.job);
    return perp_batch_commit(core);
}

perp_status perp_scheduler_submit(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_job *job) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    perp_enter(scheduler->core);
    return perp_leave(scheduler->core, decide_submit(scheduler->core, call, job));
}

/* One event for a job that must be in a state. */
static perp_status commit_job(perp_core *core, const perp_call *call, uint32_t kind,
                              const perp_uuid *job_id) {
    perp_status status = perp_call_check(core, call);
    int64_t now;
    if (status == PERP_OK)
        status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    struct perp_event *event = perp_batch_add(core, kind, 0, 0);
    event->has_job = 1;
    event->job = *job_id;
    return perp_batch_commit(core);
}

static perp_status decide_in_state(perp_core *core, const perp_call *call, uint32_t kind,
                                   const perp_uuid *job_id, uint32_t state) {
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || job->state != state)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such %s job",
                         perp_job_state_string(state));
    return commit_job(core, call, kind, job_id);
}

perp_status perp_scheduler_cancel(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "cancel: NULL");
    perp_core *core = scheduler->core;
    perp_enter(core);
    return perp_leave(core,
                      decide_in_state(core, call, PERP_EVENT_CANCEL, job_id, PERP_JOB_PENDING));
}

perp_status perp_scheduler_requeue(perp_scheduler *scheduler, const perp_call *call,
                                   const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "requeue: NULL");
    perp_core *core = scheduler->core;
    perp_enter(core);
    return perp_leave(core,
                      decide_in_state(core, call, PERP_EVENT_REQUEUE, job_id, PERP_JOB_IN_DOUBT));
}

static perp_status decide_resolve(perp_core *core, const perp_call *call, const perp_uuid *job_id) {
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || !job->unresolved)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such unresolved job");
    perp_status status = perp_call_check(core, call);
    if (status != PERP_OK)
        return status;
    perp_uuid id;
    perp_repair_id(job, job->attempts, &id);
    const struct perp_job_entry *repair = job->has_repair ? perp_job_find(core, &id) : NULL;
    if (repair && repair->state != PERP_JOB_PENDING)
        return perp_fail(core, PERP_E_STATE, "job_id: a repair of it is %s",
                         perp_job_state_string(repair->state));
    return commit_job(core, call, PERP_EVENT_RESOLVE, job_id);
}

perp_status perp_scheduler_resolve(perp_scheduler *scheduler, const perp_call *call,
                                   const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "resolve: NULL");
    perp_enter(scheduler->core);
    return perp_leave(scheduler->core, decide_resolve(scheduler->core, call, job_id));
}
