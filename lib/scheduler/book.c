/* The whole book: opening and closing it, its checks and its hash. */
#include "core/book.h"

#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "scheduler/scheduler.h"
#include "util/num.h"
#include "util/sized.h"

static void close_store(const perp_config *config) {
    if (config->store.close)
        config->store.close(config->store.user);
}

static perp_status read_config(const perp_config *given, perp_config *config) {
    perp_config_init(config);
    if (given && !perp_struct_in(config, sizeof *config, given))
        return perp_fail(NULL, PERP_E_INVALID, "config: struct_size %u is not known",
                         given->struct_size);
    const perp_store *store = &config->store;
    if (store->begin && (!store->append || !store->commit || !store->rollback))
        return perp_fail(NULL, PERP_E_CONFIG, "store: append, commit and rollback are needed too");
    return perp_config_check(config);
}

/* A core whose every pointer is there or NULL, so that close can free what open did not finish. */
static perp_status open_modules(perp_core *core) {
    if (!perp_batch_open(core) || !perp_registry_open(core))
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the book");
    perp_status status = perp_capital_open(core, &core->capital);
    if (status == PERP_OK)
        status = perp_market_open(core, &core->market);
    if (status == PERP_OK)
        status = perp_risk_open(core, &core->risk);
    if (status == PERP_OK)
        status = perp_scheduler_open(core, &core->scheduler);
    return status == PERP_OK ? PERP_OK : perp_fail(NULL, status, "no memory for the book");
}

void perp_core_free(perp_core *core) {
    perp_allocator allocator = core->config.allocator;
    perp_scheduler_shut(core->scheduler);
    perp_risk_close(core->risk);
    perp_market_close(core->market);
    perp_capital_close(core->capital);
    perp_registry_close(core);
    perp_batch_close(core);
    perp_free(core, core->watched.alerts, core->watched.capacity * sizeof *core->watched.alerts);
    close_store(&core->config);
    pthread_mutex_destroy(&core->lock);
    if (allocator.release)
        allocator.release(allocator.user, core, sizeof *core);
    else
        free(core);
}

perp_status perp_core_make(const perp_config *given, perp_core **out) {
    perp_config config;
    *out = NULL;
    perp_status status = read_config(given, &config);
    if (status != PERP_OK) {
        if (status != PERP_E_INVALID)
            close_store(&config);
        return status;
    }
    perp_core *core = config.allocator.allocate
                          ? config.allocator.allocate(config.allocator.user, sizeof *core)
                          : malloc(sizeof *core);
    if (!core) {
        close_store(&config);
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the book");
    }
    memset(core, 0, sizeof *core);
    core->config = config;
    core->event_rows = perp_event_rows;
    atomic_init(&core->clock, PERP_TIME_NONE);
    pthread_mutex_init(&core->lock, NULL);
    status = open_modules(core);
    if (status != PERP_OK) {
        perp_core_free(core);
        return status;
    }
    *out = core;
    return PERP_OK;
}

static perp_status decide_advance(perp_core *core, const perp_call *call) {
    perp_status status = perp_call_check(core, call);
    if (status == PERP_OK)
        status = perp_call_signed(core, call, "advance");
    if (status != PERP_OK)
        return status;
    int64_t clock = perp_clock(core);
    core->late_calls += call->now_ns < clock;
    perp_batch_begin(core, call, call->now_ns > clock ? call->now_ns : clock);
    perp_batch_add(core, PERP_EVENT_CLOCK, 0, 0);
    return perp_batch_commit(core);
}

perp_status perp_core_advance(perp_core *core, const perp_call *call) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_enter(core);
    return perp_leave(core, decide_advance(core, call));
}

static uint64_t hash_job(uint64_t hash, const struct perp_job_entry *job) {
    /* In doubt is running whose end is not known: a restart makes the one the other. */
    uint32_t state = job->state == PERP_JOB_IN_DOUBT ? (uint32_t)PERP_JOB_RUNNING : job->state;
    hash = perp_hash_bytes(hash, job->id.bytes, sizeof job->id.bytes);
    hash = perp_hash_bytes(hash, job->parent.bytes, sizeof job->parent.bytes);
    hash =
        perp_hash_u64(hash, state | (uint64_t)job->strategy << 8 | (uint64_t)job->overdue << 16 |
                                (uint64_t)job->reduce_only << 17 | (uint64_t)job->unresolved << 18 |
                                (uint64_t)job->has_repair << 19 | (uint64_t)job->is_repair << 20 |
                                (uint64_t)job->last_refusal << 24 | (uint64_t)job->attempts << 32);
    const int64_t numbers[] = {
        job->notional,   job->est_volume, job->given_created, job->ttl_ms,        job->ttl_from,
        job->max_run_ms, job->priority,   job->submitted,     job->started,       job->ended,
        job->pnl,        job->volume,     job->fees,          (int64_t)job->order};
    hash = perp_hash_bytes(hash, numbers, sizeof numbers);
    hash = perp_hash_bytes(hash, &job->edge_bps, sizeof job->edge_bps);
    hash = perp_hash_bytes(hash, &job->holding_hours, sizeof job->holding_hours);
    hash = perp_hash_bytes(hash, job->naked, job->n_naked * sizeof *job->naked);
    if (job->metadata_size)
        hash = perp_hash_bytes(hash, job->metadata, job->metadata_size);
    bool running = state == PERP_JOB_RUNNING;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        hash = perp_hash_u64(hash, leg->instrument | (uint64_t)leg->side << 32 |
                                       (uint64_t)leg->maker << 33);
        const double values[] = {leg->quantity, leg->leverage, running ? leg->price : 0};
        hash = perp_hash_bytes(hash, values, sizeof values);
        hash = perp_hash_u64(hash, (uint64_t)leg->notional);
    }
    return hash;
}

static uint64_t hash_list(uint64_t hash, const struct perp_job_list *list) {
    hash = perp_hash_u64(hash, list->count);
    for (const struct perp_job_entry *job = list->first; job; job = job->next)
        hash = hash_job(hash, job);
    return hash;
}

static uint64_t hash_scheduler(const perp_core *core, uint64_t hash) {
    const perp_scheduler *scheduler = core->scheduler;
    hash = perp_hash_u64(hash, scheduler->paused);
    for (uint32_t i = 0; i < scheduler->n_places; i++)
        if (scheduler->pending[i].job)
            hash = hash_job(hash, scheduler->pending[i].job);
    hash = hash_list(hash, &scheduler->running);
    hash = hash_list(hash, &scheduler->open);
    hash = hash_list(hash, &scheduler->unresolved);
    hash = hash_list(hash, &scheduler->ended);
    hash = perp_hash_u64(hash, scheduler->next_order);
    hash = perp_hash_u64(hash, scheduler->submitted_today);
    hash = perp_hash_u64(hash, scheduler->dispatched_today);
    hash = perp_hash_bytes(hash, scheduler->ended_today, sizeof scheduler->ended_today);
    hash = perp_hash_u64(hash, scheduler->submitted_total);
    hash = perp_hash_u64(hash, scheduler->dispatched_total);
    hash = perp_hash_bytes(hash, scheduler->ended_total, sizeof scheduler->ended_total);
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++) {
        const struct perp_times *times = &scheduler->times[x];
        hash = perp_hash_bytes(hash, times->at ? times->at + times->first : NULL,
                               times->count * sizeof *times->at);
    }
    return hash;
}

static uint64_t hash_registry(const perp_core *core, uint64_t hash) {
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        const struct perp_exchange_entry *entry = &core->exchanges[i];
        hash = perp_hash_bytes(hash, entry->spec.name, sizeof entry->spec.name);
        hash = perp_hash_bytes(hash, entry->spec.venue, sizeof entry->spec.venue);
        hash = perp_hash_bytes(hash, &entry->spec.taker_fee_bps, sizeof(double));
        hash = perp_hash_bytes(hash, &entry->spec.maker_fee_bps, sizeof(double));
        hash = perp_hash_u64(hash, entry->spec.margin_mode | (uint64_t)entry->max_concurrent << 32);
        hash = perp_hash_u64(hash, (uint64_t)entry->max_notional);
    }
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const perp_instrument_spec *spec = &perp_instrument_at(core, i)->spec;
        hash = perp_hash_bytes(hash, spec->symbol, sizeof spec->symbol);
        hash = perp_hash_bytes(hash, spec->base, sizeof spec->base);
        hash = perp_hash_bytes(hash, spec->contract, sizeof spec->contract);
        hash = perp_hash_u64(hash, spec->exchange | (uint64_t)spec->kind << 32 |
                                       (uint64_t)spec->pulled << 40);
        const double values[] = {spec->qty_step, spec->price_tick, spec->min_qty,
                                 spec->funding_interval_h};
        hash = perp_hash_bytes(hash, values, sizeof values);
        hash = perp_hash_u64(hash, (uint64_t)spec->min_notional);
        hash = perp_hash_bytes(hash, spec->tiers, spec->n_tiers * sizeof *spec->tiers);
    }
    return hash;
}

uint64_t perp_hash_book(const perp_core *core) {
    uint64_t hash = perp_hash_u64(0, (uint64_t)perp_clock(core));
    hash = perp_config_hash(hash, &core->config);
    hash = hash_registry(core, hash);
    hash = perp_capital_hash(core->capital, hash);
    hash = perp_risk_hash(core->risk, hash);
    return hash_scheduler(core, hash);
}

uint64_t perp_core_hash(const perp_core *core) {
    if (!core)
        return 0;
    perp_lock(core);
    uint64_t hash = perp_hash_book(core);
    perp_unlock(core);
    return hash;
}

static perp_status broken(const perp_core *core, const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "jobs: %s", what);
}

/* Every reservation that a job holds is in its list, and the other way round. */
static perp_status check_held(const perp_core *core) {
    const perp_scheduler *scheduler = core->scheduler;
    uint32_t by_jobs = 0, by_ledger = 0;
    for (uint32_t i = 0; i < scheduler->jobs.capacity; i++) {
        const struct perp_job_entry *job = scheduler->jobs.slots[i].value;
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
    if (n != scheduler->n_pending || all != scheduler->jobs.count)
        return broken(core, "jobs are miscounted");
    return PERP_OK;
}

static perp_status check_unresolved(const perp_core *core) {
    for (uint32_t base = 0; base < core->bases.count; base++) {
        uint32_t n = 0;
        const struct perp_job_entry *job = core->scheduler->unresolved.first;
        for (; job; job = job->next)
            for (uint32_t i = 0; i < job->n_naked; i++)
                n += job->naked_bases[i] == base;
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
