/* What the scheduler shows. Nothing here changes it. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"

static void describe(const struct perp_job_entry *job, perp_job_info *info) {
    memset(info, 0, sizeof *info);
    info->struct_size = sizeof *info;
    info->state = job->state;
    info->last_refusal = job->last_refusal;
    info->overdue = job->run->overdue;
    info->n_lots = job->run->n_lots;
    info->balanced = job->balanced;
    info->is_repair = job->is_repair;
    info->reduce_only = job->run->reduce_only;
    info->cancel_asked = job->run->cancel_asked;
    info->last_skip = job->skipped;
    for (const struct perp_held *held = job->run->held; held; held = held->next_of_job)
        info->held += held->in_flight + held->used;
    info->score = perp_job_score(job);
    info->submitted_ns = job->submitted;
    info->started_ns = job->run->started;
    info->ended_ns = perp_job_ended(job);
    info->unhedged_since_ns = job->run->unhedged_since;
    info->dispatch = job->run->dispatch;
    info->pnl = job->run->pnl;
    info->volume = job->run->volume;
    info->fees = job->run->fees;
    info->order = job->order;
    perp_job_spec_of(job, &info->job);
    info->job.metadata = NULL; /* perp_scheduler_job_metadata copies it */
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_run_leg *leg = &job->run->legs[i];
        info->legs[i] = (perp_leg_result){.filled = leg->filled,
                                          .price = leg->average,
                                          .fee = leg->fee,
                                          .pnl = leg->pnl,
                                          .time_ns = PERP_TIME_NONE,
                                          .has_pnl = 1,
                                          .known = 1};
    }
}

perp_status perp_scheduler_job(const perp_scheduler *scheduler, const perp_uuid *job_id,
                               perp_job_info *info) {
    if (!scheduler || !job_id || !info)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "job: NULL");
    perp_core *core = scheduler->core;
    perp_job_info full;
    perp_read_begin(core);
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (job)
        describe(job, &full);
    perp_read_end(core);
    if (!job)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: not known");
    if (!perp_struct_out(info, &full, sizeof full))
        return perp_fail(core, PERP_E_INVALID, "info: struct_size %u is not known",
                         info->struct_size);
    return PERP_OK;
}

/* The instruments of a job that waits: how many; 0: no such job does. */
static uint32_t instruments_of(const perp_core *core, const perp_uuid *job_id,
                               perp_instrument_id *ids) {
    perp_read_begin(core);
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    uint32_t n = job && job->state == PERP_JOB_PENDING ? job->n_legs : 0;
    for (uint32_t i = 0; i < n; i++)
        ids[i] = job->legs[i].instrument;
    perp_read_end(core);
    return n;
}

static bool evaluate_waiting(const perp_core *core, int64_t now_ns, const perp_uuid *job_id,
                             perp_evaluation *evaluation) {
    struct perp_eval e;
    perp_read_begin(core);
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    bool waits = job && job->state == PERP_JOB_PENDING;
    if (waits) {
        perp_eval_begin(&e, core, NULL, job, perp_query_time(core, now_ns), false);
        perp_eval_run(&e);
        perp_eval_explain(&e, evaluation);
    }
    perp_read_end(core);
    return waits;
}

perp_status perp_scheduler_evaluate(perp_scheduler *scheduler, int64_t now_ns,
                                    const perp_uuid *job_id, perp_evaluation *evaluation) {
    if (!scheduler || !job_id || !evaluation)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "evaluate: NULL");
    perp_core *core = scheduler->core;
    perp_evaluation full;
    perp_instrument_id ids[PERP_MAX_LEGS];
    if (!perp_struct_fits(evaluation, sizeof *evaluation))
        return perp_fail(core, PERP_E_INVALID, "evaluation: struct_size %u is not known",
                         evaluation->struct_size);
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    uint32_t n = instruments_of(core, job_id, ids);
    if (n)
        perp_market_pull(core->market, ids, n, perp_query_time(core, now_ns));
    bool is_whole = evaluation->struct_size == sizeof *evaluation;
    if (n == 0 || !evaluate_waiting(core, now_ns, job_id, is_whole ? evaluation : &full))
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: not pending");
    if (!is_whole)
        perp_struct_out(evaluation, &full, sizeof full);
    return PERP_OK;
}

perp_status perp_scheduler_job_metadata(const perp_scheduler *scheduler, const perp_uuid *job_id,
                                        void *buffer, size_t capacity, size_t *size) {
    if (!scheduler || !job_id || !size || (capacity && !buffer))
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "metadata: NULL");
    perp_core *core = scheduler->core;
    size_t needed = 0;
    perp_lock(core);
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (job) {
        needed = job->metadata_size;
        if (needed && needed <= capacity)
            memcpy(buffer, job->metadata, needed);
    }
    perp_unlock(core);
    if (!job)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: not known");
    *size = needed;
    if (needed > capacity)
        return perp_fail(core, PERP_E_RANGE, "metadata: needs %zu bytes, has %zu", needed,
                         capacity);
    return PERP_OK;
}

/* Collects ids of a list in order, of one state where that is asked. */
static uint32_t collect(const struct perp_job_entry *job, bool forward, uint32_t state,
                        perp_uuid *jobs, uint32_t capacity) {
    uint32_t n = 0;
    for (; job; job = forward ? job->next : job->previous) {
        if (state != PERP_JOB_STATE_COUNT && job->state != state)
            continue;
        if (n < capacity)
            jobs[n] = job->id;
        n++;
    }
    return n;
}

static uint32_t collect_pending(const perp_scheduler *scheduler, perp_uuid *jobs,
                                uint32_t capacity) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        if (!perp_place_at(scheduler, i)->job)
            continue;
        if (n < capacity)
            jobs[n] = perp_place_at(scheduler, i)->job->id;
        n++;
    }
    return n;
}

static uint32_t collect_state(const perp_scheduler *scheduler, uint32_t state, perp_uuid *jobs,
                              uint32_t capacity) {
    switch (state) {
    case PERP_JOB_PENDING:
        return collect_pending(scheduler, jobs, capacity);
    case PERP_JOB_RUNNING:
        return collect(scheduler->running.first, true, PERP_JOB_STATE_COUNT, jobs, capacity);
    case PERP_JOB_IN_DOUBT:
        return collect(scheduler->running.first, true, PERP_JOB_IN_DOUBT, jobs, capacity);
    case PERP_JOB_OPEN:
    case PERP_JOB_PARTIAL:
        return collect(scheduler->open.first, true, state, jobs, capacity);
    default:
        return collect(scheduler->ended.last, false, state, jobs, capacity);
    }
}

perp_status perp_scheduler_list(const perp_scheduler *scheduler, uint32_t state, perp_uuid *jobs,
                                uint32_t capacity, uint32_t *count) {
    if (!scheduler || !count || (capacity && !jobs))
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "list: NULL");
    if (state >= PERP_JOB_STATE_COUNT)
        return perp_fail(scheduler->core, PERP_E_INVALID, "state: %u is not known", state);
    perp_read_begin(scheduler->core);
    *count = collect_state(scheduler, state, jobs, capacity);
    perp_read_end(scheduler->core);
    return PERP_OK;
}

perp_status perp_scheduler_query(const perp_scheduler *scheduler, perp_scheduler_state *state) {
    if (!scheduler || !state)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "state: NULL");
    perp_core *core = scheduler->core;
    perp_scheduler_state all = {.struct_size = sizeof all};
    perp_read_begin(core);
    all.paused = scheduler->paused;
    all.store_failed = core->store_failed;
    all.pending = scheduler->n_pending;
    all.running = scheduler->running.count;
    all.in_doubt = scheduler->n_in_doubt;
    all.partial = perp_n_partial(scheduler);
    all.open = scheduler->open.count - all.partial;
    all.submitted_today = scheduler->submitted_today;
    all.dispatched_today = scheduler->dispatched_today;
    all.submitted_total = scheduler->submitted_total;
    all.dispatched_total = scheduler->dispatched_total;
    memcpy(all.ended_today, scheduler->ended_today, sizeof scheduler->ended_today);
    memcpy(all.ended_total, scheduler->ended_total, sizeof scheduler->ended_total);
    perp_read_end(core);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}
