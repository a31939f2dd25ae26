/* One number for all that is stored. */
#include <string.h>

#include "book/book.h"
#include "core/config.h"
#include "util/num.h"

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
