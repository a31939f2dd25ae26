/* What must hold in every book, looked at from scratch. */
#include <string.h>

#include "book/book.h"

static perp_status broken(const perp_core *core, const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "jobs: %s", what);
}

/* Every reservation that a job holds is in its list, and the other way round. */
static perp_status check_held(const perp_core *core) {
    uint32_t by_jobs = 0, by_ledger = 0;
    for (uint32_t i = 0; i < core->jobs.capacity; i++) {
        const struct perp_job_entry *job = core->jobs.slots[i].value;
        for (const struct perp_held *held = job ? job->held : NULL; held;
             held = held->next_of_job) {
            if (!held->has_job || memcmp(&held->job, &job->id, sizeof job->id) != 0)
                return broken(core, "a reservation is in another job's list");
            by_jobs++;
        }
        bool holds = job && (job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT ||
                             job->state == PERP_JOB_OPEN || job->unresolved);
        if (job && job->held && !holds)
            return broken(core, "an ended or pending job holds capital");
    }
    for (const struct perp_held *held = core->capital->first; held; held = held->next)
        by_ledger += held->has_job;
    return by_jobs == by_ledger ? PERP_OK : broken(core, "a reservation's job is gone");
}

/* Counts by exchange and instrument agree with the running jobs. */
static perp_status check_running(const perp_core *core) {
    const perp_risk *risk = core->risk;
    uint32_t jobs[PERP_MAX_EXCHANGES] = {0}, legs = 0, linked = 0, in_doubt = 0, n = 0;
    perp_usd notional[PERP_MAX_EXCHANGES] = {0};
    for (const struct perp_job_entry *job = core->scheduler->running.first; job; job = job->next) {
        for (uint32_t x = 0; x < PERP_MAX_EXCHANGES; x++)
            jobs[x] += (uint32_t)(job->exchanges >> x & 1);
        for (uint32_t i = 0; i < job->n_legs; i++)
            notional[job->legs[i].exchange] += job->legs[i].notional;
        if (perp_job_due(job) < core->scheduler->next_due)
            return broken(core, "a running job may be overdue unseen");
        if (job->unsaid && !core->scheduler->some_unsaid)
            return broken(core, "an executor's outcome would be forgotten");
        legs += job->n_legs;
        in_doubt += job->state == PERP_JOB_IN_DOUBT;
        n++;
    }
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++)
        if (jobs[x] != risk->running_jobs[x] || notional[x] != risk->running_notional[x])
            return broken(core, "running jobs of an exchange are not what runs");
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_exposure *exposure = &risk->exposures[i];
        uint32_t sides[PERP_SIDE_COUNT] = {0, 0};
        for (const struct perp_job_leg *leg = exposure->first; leg; leg = leg->next, linked++)
            sides[leg->side]++;
        if (memcmp(sides, exposure->running, sizeof sides) != 0)
            return broken(core, "running legs of an instrument are miscounted");
    }
    if (legs != linked || in_doubt != core->scheduler->n_in_doubt ||
        n != core->scheduler->running.count)
        return broken(core, "running jobs are miscounted");
    return PERP_OK;
}

static perp_status check_places(const perp_core *core) {
    const perp_scheduler *scheduler = core->scheduler;
    uint32_t n = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_place *place = &scheduler->pending[i];
        if (i && place->order <= scheduler->pending[i - 1].order)
            return broken(core, "pending jobs are out of order");
        if (place->job &&
            (place->job->state != PERP_JOB_PENDING || place->job->order != place->order))
            return broken(core, "a job that is not pending waits");
        n += place->job != NULL;
    }
    uint32_t all = n + scheduler->running.count + scheduler->open.count +
                   scheduler->unresolved.count + scheduler->ended.count;
    if (n != scheduler->n_pending || all != core->jobs.count)
        return broken(core, "jobs are miscounted");
    return PERP_OK;
}

static perp_status check_unresolved(const perp_core *core) {
    for (uint32_t base = 0; base < core->bases.count; base++) {
        uint32_t n = 0;
        const struct perp_job_entry *job = core->scheduler->unresolved.first;
        for (; job; job = job->next)
            for (uint32_t i = 0; i < job->n_bare; i++)
                n += job->bare[i].base == base;
        if (n != core->risk->unresolved[base])
            return broken(core, "unresolved legs of a base are miscounted");
    }
    return PERP_OK;
}

perp_status perp_core_check(const perp_core *core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_lock(core);
    perp_status status = perp_capital_check(core->capital);
    if (status == PERP_OK)
        status = check_places(core);
    if (status == PERP_OK)
        status = check_running(core);
    if (status == PERP_OK)
        status = check_held(core);
    if (status == PERP_OK)
        status = check_unresolved(core);
    if (status != PERP_OK) /* the mark is not part of the book that a caller holds const */
        ((perp_core *)(uintptr_t)core)->corrupt = true;
    perp_unlock(core);
    return status;
}
