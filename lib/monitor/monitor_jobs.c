/* The jobs of a state: the counts, what runs, what waits next, what ended. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

/* How many places or ended jobs are looked at in one hold of the lock. */
#define PIECE 128

/* All but the name of the symbol, which needs no lock. */
static void expose(uint32_t *n, struct perp_exposed *rows, const struct perp_exposed *row) {
    if (rows)
        rows[*n] = *row;
    ++*n;
}

static double worth(double quantity, double price) {
    return price > 0 ? fabs(quantity) * price : (double)NAN;
}

/* Where nothing is to be filled in the price is not looked for. */
static double base_worth(const perp_core *core, const struct perp_exposed *rows, uint32_t base,
                         double quantity) {
    if (!rows)
        return NAN;
    return worth(quantity, perp_base_price(core, NULL, base, perp_clock(core)));
}

static void expose_bases(const perp_core *core, uint32_t *n, struct perp_exposed *rows) {
    const perp_positions *positions = core->positions;
    for (uint32_t at = positions->first_moving_1; at; at = positions->bases[at - 1].next_moving_1) {
        uint32_t i = at - 1;
        const struct perp_base_entry *base = &positions->bases[i];
        if (!base->told)
            continue;
        double naked = perp_base_naked(core, NULL, i);
        struct perp_exposed row = {.what = PERP_EXPOSED_NAKED,
                                   .of = i,
                                   .quantity = naked,
                                   .usd = base_worth(core, rows, i, naked),
                                   .since = base->since,
                                   .has_repair = base->repair != NULL,
                                   .stopped = base->stopped};
        expose(n, rows, &row);
        row.what = PERP_EXPOSED_SHORT;
        if (base->short_of)
            expose(n, rows, &row);
    }
}

static void expose_position(const perp_core *core, perp_instrument_id id, uint32_t *n,
                            struct perp_exposed *rows) {
    const struct perp_position_entry *entry = &core->positions->at[id];
    if (!entry->latched && !entry->aside)
        return;
    uint32_t base = perp_instrument_at(core, id)->base;
    struct perp_exposed row = {.what = PERP_EXPOSED_DRIFT,
                               .of = id,
                               .quantity = entry->unexplained,
                               .usd = base_worth(core, rows, base, entry->unexplained),
                               .since = entry->report_time};
    if (entry->latched)
        expose(n, rows, &row);
    row.what = PERP_EXPOSED_IN_DOUBT;
    row.quantity = entry->aside_rest;
    row.usd = base_worth(core, rows, base, entry->aside_rest);
    if (entry->aside)
        expose(n, rows, &row);
}

static void expose_positions(const perp_core *core, uint32_t *n, struct perp_exposed *rows) {
    for
        PERP_EACH_SHOWN(core, i)
    expose_position(core, i, n, rows);
}

void perp_expose(const perp_core *core, uint32_t *n, struct perp_exposed *rows) {
    *n = 0;
    expose_bases(core, n, rows);
    expose_positions(core, n, rows);
    for (const struct perp_job_entry *job = core->positions->first_unhedged; job;
         job = job->run->next_unhedged) {
        struct perp_exposed row = {
            .what = PERP_EXPOSED_UNHEDGED, .since = job->run->unhedged_since, .job = job->id};
        if (!job->run->unhedged_told)
            continue;
        if (rows)
            row.usd = perp_job_unhedged_usd(core, job, perp_clock(core), &row.of, &row.quantity);
        expose(n, rows, &row);
    }
    perp_expose_orders(core, n, rows);
}

static void copy_job(const struct perp_job_entry *job, perp_monitor_job *row) {
    row->job_id = job->id;
    row->strategy = job->strategy;
    row->state = job->state;
    row->notional = job->notional;
    row->score = perp_job_score(job);
    row->priority = job->priority;
    row->last_refusal = job->last_refusal;
    row->is_repair = job->is_repair;
    row->overdue = job->run->overdue;
    row->submitted = job->submitted;
    row->started = job->run->started;
    row->ended = perp_job_ended(job);
    row->pnl = job->run->pnl;
    row->volume = job->run->volume;
    row->fees = job->run->fees;
    row->max_run_ms = job->max_run_ms;
    row->reserved0 = 0;
    memset(row->reserved, 0, sizeof row->reserved);
    row->n_legs = job->n_legs;
    memset(row->instruments, 0xff, sizeof row->instruments); /* PERP_NO_ID */
    for (uint32_t i = 0; i < job->n_legs; i++)
        row->instruments[i] = job->legs[i].instrument;
}

static void name_jobs(const perp_core *core, perp_monitor_job *rows, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        memcpy(rows[i].symbol, perp_instrument_at(core, rows[i].instruments[0])->spec.symbol,
               sizeof rows[i].symbol);
}

static void copy_counts(const struct perp_scheduler *s, perp_monitor_jobs *jobs) {
    *jobs = (perp_monitor_jobs){
        .running_jobs_count = s->running.count,
        .in_doubt_jobs_count = s->n_in_doubt,
        .open_jobs_count = s->open.count - perp_n_partial(s),
        .unresolved_jobs_count = perp_n_partial(s),
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
}

void perp_copy_jobs(struct perp_taken_state *state) {
    const struct perp_scheduler *scheduler = state->core->scheduler;
    perp_monitor_job *row = state->running;
    copy_counts(scheduler, &state->s->jobs);
    state->s->n_running = scheduler->running.count;
    for (const struct perp_job_entry *job = scheduler->running.first; job; job = job->next)
        copy_job(job, row++);
    perp_expose(state->core, &state->n_exposed, state->exposed);
}

void perp_walk_begin(struct perp_list_walk *walk, struct perp_taken_state *state) {
    walk->pending_done = walk->ended_done = walk->at_end = false;
    walk->n_top = 0;
    walk->next_order = 0;
    walk->end_order = state->core->scheduler->next_order;
    state->s->n_recent_completed = 0;
}

/* Whether a goes before b, as a tick orders them; a job that was never scored goes last of its
   priority. */
static bool before(const struct perp_waiting *a, const struct perp_waiting *b) {
    double x = isnan(a->score) ? -HUGE_VAL : a->score;
    double y = isnan(b->score) ? -HUGE_VAL : b->score;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return x > y || (x == y && a->order < b->order);
}

static void offer(struct perp_list_walk *walk, const struct perp_job_entry *job) {
    struct perp_waiting key = {.score = perp_job_score(job),
                               .priority = job->priority,
                               .order = job->order,
                               .slot = PERP_MONITOR_TOP_PENDING,
                               .fresh = job};
    uint32_t at = walk->n_top;
    for (; at > 0 && before(&key, &walk->top[at - 1]); at--)
        walk->top[at] = walk->top[at - 1];
    walk->top[at] = key;
    walk->n_top += walk->n_top < PERP_MONITOR_TOP_PENDING;
}

/* Rows are copied once it is known which are among the best so far, while their jobs are there. */
static void keep_rows(struct perp_list_walk *walk) {
    uint32_t taken = 0;
    for (uint32_t i = 0; i < walk->n_top; i++)
        if (!walk->top[i].fresh)
            taken |= UINT32_C(1) << walk->top[i].slot;
    uint32_t slot = 0;
    for (uint32_t i = 0; i < walk->n_top; i++) {
        struct perp_waiting *key = &walk->top[i];
        if (!key->fresh)
            continue;
        while (taken >> slot & 1)
            slot++;
        copy_job(key->fresh, &walk->rows[slot]);
        key->slot = slot++;
        key->fresh = NULL;
    }
}

static void walk_pending(struct perp_list_walk *walk, const struct perp_scheduler *scheduler) {
    uint32_t i = perp_pending_place(scheduler, walk->next_order);
    uint32_t end = scheduler->n_places - i > PIECE ? i + PIECE : scheduler->n_places;
    walk->pending_done = end == scheduler->n_places;
    for (; i < end; i++) {
        const struct perp_place *place = perp_place_at(scheduler, i);
        if (place->order >= walk->end_order) {
            walk->pending_done = true;
            break;
        }
        walk->next_order = place->order + 1;
        if (place->job)
            offer(walk, place->job);
    }
    keep_rows(walk);
}

/* The ended job to go on with. What ended does not change, so it does not matter when it is read;
   where the last one seen was forgotten meanwhile, so were all before it. */
static const struct perp_job_entry *ended_from(const struct perp_list_walk *walk,
                                               const struct perp_scheduler *scheduler) {
    if (!walk->at_end)
        return scheduler->ended.last;
    const struct perp_job_entry *job = perp_job_find(scheduler->core, &walk->ended);
    return job && job->order == walk->ended_of ? job->previous : NULL;
}

static bool was_sent(const struct perp_job_entry *job) {
    return job->state != PERP_JOB_REJECTED && job->state != PERP_JOB_EXPIRED &&
           job->state != PERP_JOB_CANCELLED;
}

static void walk_ended(struct perp_list_walk *walk, const struct perp_scheduler *scheduler,
                       perp_monitor_state *s) {
    const struct perp_job_entry *job = ended_from(walk, scheduler), *last = NULL;
    for (uint32_t n = 0; job && n < PIECE && s->n_recent_completed < PERP_MONITOR_RECENT; n++) {
        if (was_sent(job))
            copy_job(job, &s->recent_completed[s->n_recent_completed++]);
        last = job;
        job = job->previous;
    }
    walk->ended_done = !job || s->n_recent_completed == PERP_MONITOR_RECENT;
    if (walk->ended_done || !last)
        return;
    walk->at_end = true;
    walk->ended = last->id;
    walk->ended_of = last->order;
}

void perp_walk_on(struct perp_list_walk *walk, struct perp_taken_state *state) {
    const struct perp_scheduler *scheduler = state->core->scheduler;
    if (!walk->pending_done)
        walk_pending(walk, scheduler);
    if (!walk->ended_done)
        walk_ended(walk, scheduler, state->s);
}

void perp_walk_end(struct perp_list_walk *walk, struct perp_taken_state *state) {
    perp_monitor_state *s = state->s;
    s->n_top_pending = walk->n_top;
    for (uint32_t i = 0; i < walk->n_top; i++)
        s->top_pending[i] = walk->rows[walk->top[i].slot];
    name_jobs(state->core, s->top_pending, s->n_top_pending);
    name_jobs(state->core, s->recent_completed, s->n_recent_completed);
    name_jobs(state->core, state->running, s->n_running);
}
