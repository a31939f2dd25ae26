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

void perp_put_job(perp_core *core, const struct perp_job_entry *job) {
    struct perp_ev_submit submit = {.n_legs = job->n_legs};
    struct perp_leg_row legs[PERP_MAX_LEGS];
    perp_job_row_of(job, &submit.job);
    perp_job_legs_of(job, legs);
    submit.legs = legs;
    perp_put_submit(core, &submit);
}

static perp_status check_closes(const perp_core *core, const struct perp_job_entry *job) {
    const perp_uuid none = {{0}};
    if (memcmp(&job->closes, &none, sizeof none) == 0)
        return PERP_OK;
    const struct perp_job_entry *closed = perp_job_find(core, &job->closes);
    if (!closed || (closed->state != PERP_JOB_OPEN && closed->state != PERP_JOB_PARTIAL))
        return perp_fail(core, PERP_E_INVALID, "job.closes: no job of that id is open");
    return PERP_OK;
}

/* The field in which a job differs from the known content of its id; NULL: in none. */
static const char *difference(const struct perp_job_entry *job, const uint64_t *known) {
    uint64_t parts[PERP_CONTENT_PARTS];
    perp_content_of(job, parts);
    return perp_content_differs(known, parts);
}

static perp_status check_job(const perp_core *core, struct perp_job_entry *job) {
    perp_status status = perp_job_check_minima(core, job);
    if (status == PERP_OK)
        status = perp_check_shape(core, job);
    if (status == PERP_OK)
        status = check_closes(core, job);
    /* The way out does not expire, unless the host says so. */
    if (status == PERP_OK && (job->defaulted >> PERP_DEFAULTED_TTL & 1) &&
        perp_job_is_reducing(core, NULL, job))
        job->ttl_ms = 0;
    return status;
}

/* An id that may have been forgotten can't be told from a new one. */
static perp_status check_created(const perp_core *core, const struct perp_job_entry *job,
                                 int64_t now) {
    if (job->given_created == PERP_TIME_NONE ||
        perp_ns_since(job->given_created, now) <= perp_id_memory(core))
        return PERP_OK;
    return perp_fail(core, PERP_E_RANGE,
                     "job.created_at: %lld is longer ago than ids are remembered (id_memory_h %u)",
                     (long long)job->given_created, core->config.scheduler.id_memory_h);
}

/* The content that the id is known with, and that of the spec in the room; false: it is not known,
   or the spec has none. */
static bool known_of(const perp_core *core, const perp_job *spec, int64_t now,
                     union perp_job_room *room, uint64_t parts[PERP_CONTENT_PARTS]) {
    perp_job copy;
    const perp_job *given = perp_job_given(spec, &copy);
    return given && perp_content_known(core, &given->job_id, parts) &&
           perp_job_content(core, spec, now, room);
}

static perp_status decide_submit(struct perp_decision *d, const perp_job *spec) {
    perp_core *core = d->core;
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (!spec)
        return perp_fail(core, PERP_E_INVALID, "job: NULL");
    union perp_job_room room;
    int64_t now = perp_decision_time(d);
    uint64_t parts[PERP_CONTENT_PARTS];
    bool known = known_of(core, spec, now, &room, parts);
    const char *differs = known ? difference(&room.job, parts) : NULL;
    if (known && !differs) /* whatever became of it, and of what it names */
        return perp_fail(core, PERP_E_EXISTS, "job_id: known, with the same content");
    status = perp_job_from_spec(core, spec, now, &room);
    if (status == PERP_OK)
        status = check_job(core, &room.job);
    if (status != PERP_OK)
        return status;
    if (known)
        return perp_fail(core, PERP_E_CONFLICT, "job_id: known, with another %s", differs);
    status = check_created(core, &room.job, now);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    perp_job_note_basis(core, &room.job, d->now);
    perp_put_job(core, &room.job);
    return PERP_OK;
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

/* Of a job that runs it is a request, unless it was not handed over yet: then it never is. */
static perp_status decide_cancel(struct perp_decision *d, const perp_uuid *job_id) {
    const struct perp_job_entry *job = perp_job_find(d->core, job_id);
    if (job && job->state == PERP_JOB_PENDING)
        return put_one(d, PERP_EVENT_CANCEL, job_id);
    if (!job || (job->state != PERP_JOB_RUNNING && job->state != PERP_JOB_IN_DOUBT))
        return perp_fail(d->core, PERP_E_NOT_FOUND, "job_id: no such job is pending or running");
    if (!job->run->waits_turn || job->state != PERP_JOB_RUNNING)
        return put_one(d, PERP_EVENT_ASK_CANCEL, job_id);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_withdraw(d->core, &(struct perp_ev_withdraw){*job_id, PERP_REASON_CANCELLED});
    return status;
}

perp_status perp_scheduler_cancel(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "cancel: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_cancel(&d, job_id));
}

perp_status perp_scheduler_requeue(perp_scheduler *scheduler, const perp_call *call,
                                   const perp_uuid *job_id) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "requeue: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, perp_decide_requeue(&d, job_id));
}
