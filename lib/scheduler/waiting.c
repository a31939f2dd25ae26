/* Where jobs are kept: by id, in the order of submit, of dispatch, of their end. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

perp_status perp_scheduler_open(perp_core *core, perp_scheduler **out) {
    perp_scheduler *scheduler = perp_alloc(core, sizeof *scheduler);
    if (!scheduler)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the scheduler");
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->core = core;
    scheduler->next_order = 1;
    scheduler->next_due = INT64_MIN; /* what a checkpoint holds is not known */
    scheduler->some_unsaid = true;
    perp_ranks_open(&scheduler->verdicts.ranks);
    /* What leaves, or is special, is in no rank. */
    scheduler->verdicts.leaving.room = &scheduler->verdicts.ranks.of_all;
    scheduler->verdicts.special.room = &scheduler->verdicts.ranks.of_all;
    *out = scheduler;
    return PERP_OK;
}

/* ---- What a job has once it is handed over ------------------------------------------------------
 */

#define SPARE_RUNS 4 /* that stay, for jobs of so many legs */

static void free_runs(perp_core *core, uint32_t n_legs, uint32_t keep) {
    perp_scheduler *scheduler = core->scheduler;
    while (scheduler->n_spare_runs[n_legs] > keep) {
        struct perp_job_run *run = scheduler->spare_runs[n_legs];
        scheduler->spare_runs[n_legs] = run->next_spare;
        scheduler->n_spare_runs[n_legs]--;
        perp_free(core, run, perp_run_size(n_legs));
    }
}

static void give_run(perp_core *core, struct perp_job_run *run) {
    perp_scheduler *scheduler = core->scheduler;
    run->next_spare = scheduler->spare_runs[run->n_legs];
    scheduler->spare_runs[run->n_legs] = run;
    scheduler->n_spare_runs[run->n_legs]++;
    /* What was made for events of the batch at hand stays for them. */
    uint32_t coming = core->prepared.some_run ? scheduler->coming_runs[run->n_legs] : 0;
    free_runs(core, run->n_legs, coming > SPARE_RUNS ? coming : SPARE_RUNS);
}

static bool spare_runs(perp_core *core, uint32_t n_legs, uint32_t n) {
    perp_scheduler *scheduler = core->scheduler;
    while (scheduler->n_spare_runs[n_legs] < n) {
        struct perp_job_run *run = perp_alloc(core, perp_run_size(n_legs));
        if (!run)
            return false;
        run->n_legs = n_legs;
        run->next_spare = scheduler->spare_runs[n_legs];
        scheduler->spare_runs[n_legs] = run;
        scheduler->n_spare_runs[n_legs]++;
    }
    return true;
}

bool perp_run_reserve(perp_core *core, uint32_t n_legs) {
    uint32_t *coming = core->scheduler->coming_runs;
    if (!core->prepared.some_run)
        memset(coming, 0, sizeof core->scheduler->coming_runs);
    core->prepared.some_run = true;
    return spare_runs(core, n_legs, ++coming[n_legs]);
}

void perp_run_begin(perp_core *core, struct perp_job_entry *job, const struct perp_ev_submit *as) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_run *run = scheduler->spare_runs[job->n_legs];
    if (perp_has_run(job)) {
        perp_run_follow(job);
        return;
    }
    if (!PERP_HOLDS(core, run != NULL, "dispatch: no room was made for what runs"))
        return;
    scheduler->spare_runs[job->n_legs] = run->next_spare;
    scheduler->n_spare_runs[job->n_legs]--;
    perp_run_set(job, run, as);
}

/* ---- Jobs ---------------------------------------------------------------------------------------
 */

static void free_job(perp_core *core, struct perp_job_entry *job, uint32_t n_legs) {
    perp_free(core, job->metadata, job->metadata_size);
    perp_kept_free(core, &job->kept);
    if (perp_has_run(job))
        give_run(core, job->run);
    perp_free(core, job, perp_job_size(n_legs));
}

/* Those of jobs that were not committed. */
static void free_spares(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    while (scheduler->first_spare) {
        struct perp_job_entry *job = scheduler->first_spare;
        scheduler->first_spare = job->next;
        free_job(core, job, job->n_legs);
    }
    scheduler->last_spare = NULL;
}

static void free_times(perp_core *core, struct perp_times *times) {
    for (uint32_t i = 0; i < times->count; i++)
        perp_kept_free(core, &times->at[times->first + i].kept);
    perp_free(core, times->at, times->capacity * sizeof *times->at);
}

void perp_scheduler_shut(perp_scheduler *scheduler) {
    if (!scheduler)
        return;
    perp_core *core = scheduler->core;
    struct perp_map_memory memory = perp_map_memory_of(core);
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (struct perp_job_entry *job; (job = perp_jobs_next(&jobs));) {
        if (job->state == PERP_JOB_PENDING)
            perp_answers_free(core, job);
        free_job(core, job, job->n_legs);
    }
    free_spares(core);
    for (uint32_t i = 0; i <= PERP_MAX_LEGS; i++)
        free_runs(core, i, 0);
    perp_chains_free(&core->jobs, &memory);
    perp_past_shut(core);
    perp_kept_free(core, &scheduler->kept);
    perp_pieces_free(&scheduler->pending, sizeof(struct perp_place), &memory);
    perp_plan_free(core, &scheduler->plan);
    perp_verdicts_free(core, &scheduler->verdicts);
    perp_job_array_free(core, &scheduler->expired);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        free_times(core, &scheduler->times[i]);
    perp_free(core, scheduler, sizeof *scheduler);
}

void perp_list_add(struct perp_job_list *list, struct perp_job_entry *job) {
    job->next = NULL;
    job->previous = list->last;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

void perp_list_remove(struct perp_job_list *list, struct perp_job_entry *job) {
    if (job->previous)
        job->previous->next = job->next;
    else
        list->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        list->last = job->previous;
    list->count--;
}

uint32_t perp_pending_place(const perp_scheduler *scheduler, uint64_t order) {
    uint32_t low = 0, high = scheduler->n_places;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (perp_place_at(scheduler, middle)->order < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Places that were left are dropped once they are more than those that are taken. */
static void tidy_places(perp_scheduler *scheduler) {
    if (!scheduler->n_pending)
        scheduler->n_places = 0;
    if (scheduler->n_places < 64 || scheduler->n_places / 2 < scheduler->n_pending)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++)
        if (perp_place_at(scheduler, i)->job)
            *perp_place_at(scheduler, kept++) = *perp_place_at(scheduler, i);
    scheduler->n_places = kept;
}

bool perp_pending_reserve(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    uint32_t more = core->prepared.jobs + 1, places = scheduler->n_places + more;
    if (perp_pieces_for(places) > scheduler->pending.n) {
        struct perp_map_memory memory = perp_map_memory_of(core);
        if (!perp_pieces_reserve(&scheduler->pending, places, sizeof(struct perp_place), &memory))
            return false;
    }
    return perp_verdicts_reserve(core, scheduler->n_pending + more, more);
}

/* Memory that jobs which went had, but for what the batch at hand may need. */
static void trim(perp_scheduler *scheduler) {
    perp_core *core = scheduler->core;
    uint32_t coming = core->prepared.jobs + 1, places = scheduler->n_places + coming;
    if (scheduler->pending.n > perp_pieces_kept(places)) {
        struct perp_map_memory memory = perp_map_memory_of(core);
        perp_pieces_trim_more(&scheduler->pending, places, sizeof(struct perp_place), &memory);
    }
    perp_verdicts_trim(core, scheduler->n_pending + coming);
}

void perp_pending_add(perp_scheduler *scheduler, struct perp_job_entry *job) {
    uint32_t at = perp_pending_place(scheduler, job->order);
    scheduler->n_pending++;
    perp_verdict_join(scheduler->core, job);
    if (at < scheduler->n_places && perp_place_at(scheduler, at)->order == job->order) {
        perp_place_at(scheduler, at)->job = job;
        return;
    }
    for (uint32_t i = scheduler->n_places; i > at; i--)
        *perp_place_at(scheduler, i) = *perp_place_at(scheduler, i - 1);
    *perp_place_at(scheduler, at) = (struct perp_place){job->order, job};
    scheduler->n_places++;
}

void perp_pending_remove(perp_scheduler *scheduler, struct perp_job_entry *job) {
    uint32_t at = perp_pending_place(scheduler, job->order);
    if (!PERP_HOLDS(scheduler->core,
                    at < scheduler->n_places && perp_place_at(scheduler, at)->job == job &&
                        scheduler->n_pending > 0,
                    "pending: a job that leaves does not wait"))
        return;
    perp_place_at(scheduler, at)->job = NULL;
    scheduler->n_pending--;
    perp_verdict_leave(scheduler->core, job);
    tidy_places(scheduler);
    trim(scheduler);
}

/* A job with its legs, whole but for its place in the book; NULL: no memory. */
static struct perp_job_entry *make_job(perp_core *core, const struct perp_ev_submit *submit,
                                       const struct perp_kept *kept) {
    const uint32_t legs = submit->n_legs;
    struct perp_job_entry *job = perp_alloc(core, perp_job_size(legs));
    if (!job)
        return NULL;
    memset(job, 0, perp_job_size(legs));
    perp_job_set(core, job, submit);
    job->metadata = job->metadata_size ? perp_alloc(core, job->metadata_size) : NULL;
    if ((job->metadata_size && !job->metadata) || !perp_kept_set(core, &job->kept, kept)) {
        perp_free(core, job->metadata, job->metadata_size);
        perp_free(core, job, perp_job_size(legs));
        return NULL;
    }
    if (job->metadata_size)
        memcpy(job->metadata, submit->job.metadata, job->metadata_size);
    return job;
}

bool perp_spare_reserve(perp_core *core, const struct perp_ev_submit *submit,
                        const struct perp_kept *kept) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_map_memory memory = perp_map_memory_of(core);
    if (core->prepared.jobs == 0)
        free_spares(core);
    uint32_t n = ++core->prepared.jobs;
    if (!perp_chains_reserve(&core->jobs, n, &memory) || !perp_pending_reserve(core) ||
        !spare_runs(core, submit->n_legs, 1)) /* so that a hand-over seldom needs memory */
        return false;
    struct perp_job_entry *job = make_job(core, submit, kept);
    if (!job)
        return false;
    if (scheduler->last_spare)
        scheduler->last_spare->next = job;
    else
        scheduler->first_spare = job;
    scheduler->last_spare = job;
    core->prepared.new_jobs = scheduler->first_spare;
    return true;
}

struct perp_job_entry *perp_spare_take(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = scheduler->first_spare;
    scheduler->first_spare = job->next;
    if (!job->next)
        scheduler->last_spare = NULL;
    core->prepared.new_jobs = scheduler->first_spare;
    job->next = NULL;
    return job;
}

void perp_job_end(perp_core *core, struct perp_job_entry *job, uint32_t state, int64_t ended) {
    perp_scheduler *scheduler = core->scheduler;
    job->state = (uint8_t)state;
    job->ended = ended;
    perp_list_add(&scheduler->ended, job);
    while (scheduler->ended.count > core->config.scheduler.history_size) {
        struct perp_job_entry *oldest = scheduler->ended.first;
        if (!perp_past_take(core, oldest))
            break; /* never: there is room for all that ends */
        perp_list_remove(&scheduler->ended, oldest);
        struct perp_map_memory memory = perp_map_memory_of(core);
        perp_chains_remove(&core->jobs, &oldest->chained, &memory);
        perp_job_forget_orders(core, oldest);
        free_job(core, oldest, oldest->n_legs);
    }
    perp_past_forget(core);
}

void perp_job_give_back(perp_core *core, struct perp_job_entry *job) {
    while (job->run->held) {
        struct perp_held *held = job->run->held;
        PERP_HOLDS(core, held->has_job && memcmp(&held->job, &job->id, sizeof job->id) == 0,
                   "give back: a reservation is in another job's list");
        job->run->held = held->next_of_job;
        perp_capital_give_back(core, held);
    }
}

uint32_t perp_times_within(const struct perp_times *times, int64_t now) {
    uint32_t count = times->count, first = times->first;
    while (count && perp_ns_since(times->at[first].time_ns, now) >= PERP_RATE_WINDOW_NS) {
        first++;
        count--;
    }
    return count;
}

bool perp_times_reserve(perp_core *core, perp_exchange_id exchange) {
    struct perp_times *times = &core->scheduler->times[exchange];
    core->prepared.dispatches++;
    if (times->first && times->first >= times->count) {
        memmove(times->at, times->at + times->first, times->count * sizeof *times->at);
        times->first = 0;
    }
    void *at = times->at;
    bool done =
        perp_grow(core, &at, &times->capacity,
                  times->first + times->count + core->prepared.dispatches, sizeof *times->at);
    times->at = at;
    return done;
}

void perp_times_add(perp_core *core, perp_exchange_id exchange) {
    struct perp_times *times = &core->scheduler->times[exchange];
    int64_t now = perp_clock(core);
    while (times->count &&
           perp_ns_since(times->at[times->first].time_ns, now) >= PERP_RATE_WINDOW_NS) {
        perp_kept_free(core, &times->at[times->first].kept);
        times->first++;
        times->count--;
    }
    if (PERP_HOLDS(core, times->first + times->count < times->capacity,
                   "dispatch: no room was made for its time"))
        times->at[times->first + times->count++] =
            (struct perp_dispatched){.exchange = exchange, .time_ns = now};
}

uint32_t perp_exchange_max_jobs(const perp_core *core, perp_exchange_id exchange) {
    uint32_t own = core->exchanges[exchange].max_concurrent;
    return own != PERP_NO_ID ? own : core->config.scheduler.max_concurrent_per_exchange;
}

perp_usd perp_exchange_max_notional(const perp_core *core, perp_exchange_id exchange) {
    perp_usd own = core->exchanges[exchange].max_notional;
    return own >= 0 ? own : core->config.scheduler.max_notional_per_exchange;
}

void perp_scheduler_roll(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    scheduler->submitted_today = scheduler->dispatched_today = 0;
    memset(scheduler->ended_today, 0, sizeof scheduler->ended_today);
}
