/* jobs_stats: the counts, what runs, what waits next, what ended. */
#include "monitor/monitor.h"

#include <math.h>

#define TOP_PENDING 10
#define RECENT 20

static perp_field_text reason_text(uint32_t reason) {
    return reason == PERP_REASON_NONE ? NULL : perp_reason_string(reason);
}

static void put_exchanges(struct perp_out *out, cJSON *json, const perp_core *core,
                          const struct perp_job_entry *job) {
    cJSON *list = perp_out_array(out, json, "exchanges");
    uint64_t seen = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_exchange_id exchange = job->legs[i].exchange;
        if (!(seen >> exchange & 1))
            perp_out_item(out, list, core->exchanges[exchange].spec.name);
        seen |= UINT64_C(1) << exchange;
    }
}

static void put_job(struct perp_out *out, cJSON *list, const perp_core *core,
                    const struct perp_job_entry *job) {
    char id[37];
    perp_uuid_format(&job->id, id);
    struct perp_job_stats stats = {
        .job_id = id,
        .strategy = perp_strategy_string(job->strategy),
        .symbol = perp_instrument_at(core, job->legs[0].instrument)->spec.symbol,
        .state = perp_job_state_string(job->state),
        .notional = job->notional,
        .score = job->score,
        .priority = job->priority,
        .last_refusal = reason_text(job->last_refusal),
        .is_repair = job->is_repair,
        .overdue = job->overdue,
        .submitted = job->submitted,
        .started = job->started,
        .ended = job->ended,
        .pnl = job->pnl,
        .volume = job->volume,
        .fees = job->fees,
    };
    cJSON *json = perp_out_object(out, list, NULL);
#define JOB(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    put_exchanges(out, json, core, job);
}

/* Whether a goes before b, as a tick orders them; a job that was never scored goes last of its
   priority. */
static bool before(const struct perp_job_entry *a, const struct perp_job_entry *b) {
    double x = isnan(a->score) ? -HUGE_VAL : a->score;
    double y = isnan(b->score) ? -HUGE_VAL : b->score;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return x > y || (x == y && a->order < b->order);
}

static void put_top(struct perp_out *out, cJSON *json, const perp_core *core) {
    const struct perp_scheduler *scheduler = core->scheduler;
    const struct perp_job_entry *top[TOP_PENDING + 1];
    uint32_t n = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job)
            continue;
        uint32_t at = n;
        for (; at > 0 && before(job, top[at - 1]); at--)
            top[at] = top[at - 1];
        top[at] = job;
        n += n < TOP_PENDING;
    }
    cJSON *list = perp_out_array(out, json, "top_pending");
    for (uint32_t i = 0; i < n; i++)
        put_job(out, list, core, top[i]);
}

/* The newest that were sent to the exchanges. */
static void put_recent(struct perp_out *out, cJSON *json, const perp_core *core) {
    cJSON *list = perp_out_array(out, json, "recent_completed");
    uint32_t n = 0;
    const struct perp_job_entry *job = core->scheduler->ended.last;
    for (; job && n < RECENT; job = job->previous) {
        if (job->state == PERP_JOB_REJECTED || job->state == PERP_JOB_EXPIRED ||
            job->state == PERP_JOB_CANCELLED)
            continue;
        put_job(out, list, core, job);
        n++;
    }
}

void perp_out_jobs(struct perp_out *out, cJSON *root, const perp_core *core) {
    const struct perp_scheduler *s = core->scheduler;
    struct perp_jobs_stats stats = {
        .running_jobs_count = s->running.count,
        .in_doubt_jobs_count = s->n_in_doubt,
        .open_jobs_count = s->open.count,
        .unresolved_jobs_count = s->unresolved.count,
        .pending_jobs_count = s->n_pending,
        .submitted_today = s->submitted_today,
        .dispatched_today = s->dispatched_today,
        .completed_today = s->ended_today[PERP_JOB_COMPLETED],
        .failed_today = s->ended_today[PERP_JOB_FAILED],
        .partial_today = s->ended_today[PERP_JOB_PARTIAL],
        .rejected_today = s->ended_today[PERP_JOB_REJECTED],
        .expired_today = s->ended_today[PERP_JOB_EXPIRED],
        .cancelled_today = s->ended_today[PERP_JOB_CANCELLED],
        .submitted_total = s->submitted_total,
        .dispatched_total = s->dispatched_total,
        .completed_total = s->ended_total[PERP_JOB_COMPLETED],
        .failed_total = s->ended_total[PERP_JOB_FAILED],
        .partial_total = s->ended_total[PERP_JOB_PARTIAL],
        .rejected_total = s->ended_total[PERP_JOB_REJECTED],
        .expired_total = s->ended_total[PERP_JOB_EXPIRED],
        .cancelled_total = s->ended_total[PERP_JOB_CANCELLED],
    };
    cJSON *json = perp_out_object(out, root, "jobs_stats");
#define JOBS(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    cJSON *running = perp_out_array(out, json, "running_jobs");
    for (const struct perp_job_entry *job = s->running.first; job; job = job->next)
        put_job(out, running, core, job);
    put_recent(out, json, core);
    put_top(out, json, core);
}
