/* One round: who expires, who may run, in which order, with which capital; then one commit, then
   the executor. Until the commit nothing but scratch is written: the running legs and the capital
   of chosen jobs are linked and taken as if, and undone where the store fails. */
#include "scheduler/tick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void items_free(perp_tick_result *result) {
    const perp_allocator *allocator = &result->allocator;
    if (!result->items)
        return;
    if (allocator->release)
        allocator->release(allocator->user, result->items,
                           result->capacity * sizeof *result->items);
    else
        free(result->items);
}

/* Room for one more item, in memory of the core that fills the result. */
bool perp_items_grow(perp_tick_result *result) {
    if (result->n_items < result->capacity)
        return true;
    if (result->capacity > UINT32_MAX / 2)
        return false;
    uint32_t wanted = result->capacity ? result->capacity * 2 : 64;
    const perp_allocator *allocator = &result->allocator;
    size_t size = wanted * sizeof *result->items;
    perp_tick_item *items =
        allocator->allocate ? allocator->allocate(allocator->user, size) : malloc(size);
    if (!items)
        return false;
    if (result->n_items)
        memcpy(items, result->items, result->n_items * sizeof *items);
    items_free(result);
    result->items = items;
    result->capacity = wanted;
    return true;
}

void perp_tick_result_init(perp_tick_result *result) {
    if (!result)
        return;
    memset(result, 0, sizeof *result);
    result->struct_size = sizeof *result;
    result->want_items = 1;
}

void perp_tick_result_free(perp_tick_result *result) {
    if (!result)
        return;
    items_free(result);
    result->items = NULL;
    result->n_items = result->capacity = 0;
}

void perp_tick_item_add(struct perp_tick *tick, uint32_t kind, const perp_uuid *job,
                        uint32_t reason, const perp_uuid *other) {
    perp_tick_result *result = tick->result;
    if (!result)
        return;
    if (!perp_items_grow(result)) {
        tick->no_memory = true;
        return;
    }
    perp_tick_item *item = &result->items[result->n_items++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->reason = reason;
    item->job_id = *job;
    if (other)
        item->other = *other;
}

static bool is_expired(const struct perp_job_entry *job, int64_t now) {
    if (job->ttl_ms == 0)
        return false;
    int64_t ttl = job->ttl_ms * PERP_NS_PER_MS;
    return job->ttl_from <= INT64_MAX - ttl && now > job->ttl_from + ttl;
}

static void expire(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->core->scheduler;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job || !is_expired(job, tick->now))
            continue;
        perp_put_for_job(tick->core, PERP_EVENT_EXPIRE, &job->id);
        perp_tick_item_add(tick, PERP_TICK_EXPIRED, &job->id, 0, NULL);
        tick->counts.expired++;
    }
}

static void report_overdue(struct perp_tick *tick) {
    perp_scheduler *scheduler = tick->core->scheduler;
    if (tick->now <= scheduler->next_due)
        return;
    scheduler->next_due = INT64_MAX;
    for (const struct perp_job_entry *job = scheduler->running.first; job; job = job->next) {
        int64_t due = perp_job_due(job);
        if (due < scheduler->next_due)
            scheduler->next_due = due; /* of those said now, too: the store may yet fail */
        if (tick->now <= due)
            continue;
        perp_put_for_job(tick->core, PERP_EVENT_OVERDUE, &job->id);
        perp_tick_item_add(tick, PERP_TICK_OVERDUE, &job->id, 0, NULL);
        tick->counts.overdue++;
    }
}

/* The numbers of the evaluation at hand go with the event into the store. */
static void put_detail(struct perp_tick *tick) {
    if (perp_batch_has_store(tick->core))
        perp_batch_detail(tick->core, perp_eval_json(&tick->eval));
}

static void refused(struct perp_tick *tick, struct perp_job_entry *job) {
    perp_core *core = tick->core;
    uint32_t reason = tick->eval.reason;
    for (uint64_t left = tick->eval.reasons; left;)
        tick->fired[perp_bit_take(&left)]++;
    tick->counts.refused++;
    tick->counts.refused_by[reason]++;
    if (tick->list)
        perp_tick_item_add(tick, PERP_TICK_REFUSED, &job->id, reason, NULL);
    bool drop = core->config.scheduler.on_reject == PERP_ON_REJECT_DROP && !job->is_repair;
    if (!drop && job->last_refusal == reason)
        return;
    perp_put(core, drop ? PERP_EVENT_REJECT : PERP_EVENT_REFUSE,
             &(struct perp_ev_refuse){job->id, reason});
    put_detail(tick);
}

/* A pending repair goes where it is cheapest now. Its leg of before stays beside, for undo. */
static void choose_repair(struct perp_tick *tick, struct perp_job_entry *repair) {
    const struct perp_job_entry *first = perp_job_find(tick->core, &repair->parent);
    struct perp_job_leg leg;
    repair->legs[1] = repair->legs[0];
    if (!first || !perp_repair_choose(tick->core, first, tick->now, &leg))
        return;
    const struct perp_job_leg *old = &repair->legs[0];
    if (leg.instrument == old->instrument && leg.quantity == old->quantity &&
        leg.notional == old->notional)
        return;
    perp_repair_set(repair, &leg);
    perp_put_choose(tick->core, &(struct perp_ev_choose){.job = repair->id, .leg = leg.row});
}

static void undo_repairs(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->core->scheduler;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job || !job->is_repair || is_expired(job, tick->now))
            continue;
        struct perp_job_leg before = job->legs[1];
        perp_repair_set(job, &before);
    }
}

static void log_override(struct perp_tick *tick, struct perp_job_entry *job) {
    if (!tick->eval.override_used || job->override_logged)
        return;
    job->override_logged = true;
    tick->overrides = true;
    char id[37], passed[400];
    size_t length = 0;
    passed[0] = '\0';
    perp_uuid_format(&job->id, id);
    for (uint32_t i = 0; i < PERP_RULE_COUNT; i++) {
        const char *name = perp_reason_string(perp_rules[i]);
        if (!(tick->eval.reasons & PERP_REASON_BIT(perp_rules[i])) ||
            length + strlen(name) + 2 > sizeof passed)
            continue;
        passed[length++] = ' ';
        memcpy(passed + length, name, strlen(name) + 1);
        length += strlen(name);
    }
    perp_tell_log(tick->core, PERP_LOG_WARNING, "job %s accepted under override, past:%s", id,
                  passed);
}

static void evaluate_all(struct perp_tick *tick) {
    perp_core *core = tick->core;
    perp_scheduler *scheduler = core->scheduler;
    perp_eval_begin(&tick->eval, core, NULL, tick->now, tick->rolled);
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job || is_expired(job, tick->now))
            continue;
        if (job->is_repair)
            choose_repair(tick, job);
        tick->eval.job = job;
        perp_eval_run(&tick->eval);
        if (tick->paused && !tick->eval.reducing && !job->is_repair)
            continue;
        tick->counts.evaluated++;
        job->score = tick->eval.final;
        if (!tick->eval.accepted) {
            refused(tick, job);
            continue;
        }
        log_override(tick, job);
        for (uint32_t n = 0; n < job->n_legs; n++)
            job->legs[n].price = tick->eval.legs[n].price;
        scheduler->candidates[tick->n_candidates++] =
            (struct perp_candidate){job, tick->eval.final, tick->eval.reducing};
    }
}

static int by_rank(const void *left, const void *right) {
    const struct perp_candidate *a = left, *b = right;
    if (a->job->priority != b->job->priority)
        return a->job->priority > b->job->priority ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->job->order < b->job->order ? -1 : 1;
}

/* The legs' distance to liquidation with what runs by now. */
static bool too_close(struct perp_tick *tick, const struct perp_candidate *candidate) {
    tick->eval.job = candidate->job;
    perp_eval_run(&tick->eval);
    return !tick->eval.missing && perp_eval_too_close(&tick->eval);
}

static uint32_t exchange_limits(struct perp_tick *tick, const struct perp_need *needs, uint32_t n) {
    const perp_core *core = tick->core;
    for (uint32_t i = 0; i < n; i++)
        if (core->risk->running_jobs[needs[i].exchange] >=
            perp_exchange_max_jobs(core, needs[i].exchange))
            return PERP_REASON_EXCHANGE_CONCURRENCY;
    for (uint32_t i = 0; i < n; i++)
        if (core->risk->running_notional[needs[i].exchange] + needs[i].amount >
            perp_exchange_max_notional(core, needs[i].exchange))
            return PERP_REASON_EXCHANGE_NOTIONAL;
    uint32_t rate = core->config.scheduler.max_dispatch_per_minute;
    for (uint32_t i = 0; rate && i < n; i++)
        if (perp_times_within(&core->scheduler->times[needs[i].exchange], tick->now) >= rate)
            return PERP_REASON_DISPATCH_RATE;
    return PERP_REASON_NONE;
}

static bool half_open_and_busy(const struct perp_tick *tick, const struct perp_need *needs,
                               uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (perp_circuit_at(tick->core, needs[i].exchange, tick->now) == PERP_CIRCUIT_HALF_OPEN &&
            tick->core->risk->running_jobs[needs[i].exchange])
            return true;
    return false;
}

static uint32_t ledger_refuses(const struct perp_tick *tick, const struct perp_need *needs,
                               uint32_t n, bool is_repair) {
    const perp_capital *capital = tick->core->capital;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    for (uint32_t i = 0; i < n; i++) {
        bool passes = is_repair ? perp_capital_has(capital, &needs[i], &refusal)
                                : perp_capital_passes(capital, &needs[i], &refusal);
        if (!passes)
            return refusal.reason;
    }
    return PERP_REASON_NONE;
}

/* Why a candidate is skipped; PERP_REASON_NONE: it goes, and needs what is left in the rows. */
static uint32_t skip_reason(struct perp_tick *tick, const struct perp_candidate *candidate,
                            struct perp_need *needs, uint32_t *n, bool *reducing) {
    perp_core *core = tick->core;
    const struct perp_job_entry *job = candidate->job;
    bool free_of_limits = candidate->reducing || job->is_repair;
    *reducing = candidate->reducing && perp_job_is_reducing(core, job, tick->now);
    if (!free_of_limits && core->scheduler->running.count + tick->n_chosen >=
                               core->config.scheduler.max_global_concurrent_jobs)
        return PERP_REASON_GLOBAL_CONCURRENCY;
    if (candidate->reducing && !*reducing && !job->is_repair)
        return PERP_REASON_NOT_REDUCING;
    if (!perp_job_needs(core, job, needs, n))
        return PERP_REASON_INSUFFICIENT;
    uint32_t reason = free_of_limits ? PERP_REASON_NONE : exchange_limits(tick, needs, *n);
    if (reason)
        return reason;
    if (perp_job_meets_running(job, core))
        return PERP_REASON_SELF_TRADE;
    if (!free_of_limits && half_open_and_busy(tick, needs, *n))
        return PERP_REASON_EXCHANGE_DOWN;
    if (!free_of_limits && tick->n_chosen && too_close(tick, candidate))
        return PERP_REASON_LIQUIDATION_DISTANCE;
    if (*reducing)
        *n = 0;
    else if (job->is_repair)
        *n = perp_repair_need(core, job, needs);
    return ledger_refuses(tick, needs, *n, job->is_repair);
}

static void choose(struct perp_tick *tick, struct perp_job_entry *job,
                   const struct perp_need *needs, uint32_t n, bool reducing) {
    perp_core *core = tick->core;
    char *detail = NULL;
    if (perp_batch_has_store(core)) { /* before the job itself counts as running */
        tick->eval.job = job;
        perp_eval_run(&tick->eval);
        detail = perp_eval_json(&tick->eval);
    }
    perp_exposure_link(core, job);
    for (uint32_t i = 0; i < n; i++)
        perp_capital_take(core->capital, &needs[i]);
    for (uint64_t left = job->exchanges; left;)
        core->scheduler->times[perp_bit_take(&left)].chosen++;
    struct perp_price prices[PERP_MAX_LEGS];
    struct perp_ev_dispatch dispatch = {.job = job->id,
                                        .reduce_only = reducing,
                                        .score = job->score,
                                        .reservation = n ? tick->next_reservation : 0,
                                        .n_needs = n,
                                        .needs = needs,
                                        .n_prices = job->n_legs,
                                        .prices = prices};
    tick->next_reservation += n;
    for (uint32_t i = 0; i < n; i++)
        dispatch.amount += needs[i].amount;
    for (uint32_t i = 0; i < job->n_legs; i++)
        prices[i].price = job->legs[i].price;
    perp_put_dispatch(core, &dispatch);
    if (perp_batch_has_store(core))
        perp_batch_detail(core, detail);
    perp_tick_item_add(tick, PERP_TICK_DISPATCHED, &job->id, 0, NULL);
    tick->counts.dispatched++;
    perp_chosen_add(tick, &job->id);
}

static void choose_all(struct perp_tick *tick) {
    struct perp_candidate *candidates = tick->core->scheduler->candidates;
    if (tick->n_candidates > 1)
        qsort(candidates, tick->n_candidates, sizeof *candidates, by_rank);
    for (uint32_t i = 0; i < tick->n_candidates; i++) {
        struct perp_need needs[PERP_MAX_LEGS];
        uint32_t n = 0;
        bool reducing;
        uint32_t reason = skip_reason(tick, &candidates[i], needs, &n, &reducing);
        if (reason == PERP_REASON_NONE) {
            choose(tick, candidates[i].job, needs, n, reducing);
            continue;
        }
        tick->counts.skipped++;
        tick->counts.skipped_by[reason]++;
        if (tick->list)
            perp_tick_item_add(tick, PERP_TICK_SKIPPED, &candidates[i].job->id, reason, NULL);
    }
}

/* Scratch back to what it was. After a commit the links of dispatched jobs are the book's own. */
static void clear_scratch(struct perp_tick *tick, bool committed) {
    perp_core *core = tick->core;
    perp_capital_untake(core->capital);
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++)
        core->scheduler->times[x].chosen = 0;
    if (committed)
        return;
    for (uint32_t i = 0; tick->overrides && i < tick->n_candidates; i++)
        core->scheduler->candidates[i].job->override_logged = false; /* to be said again */
    for (uint32_t i = 0; i < tick->n_chosen; i++) {
        struct perp_job_entry *job = perp_job_find(core, perp_chosen_at(tick, i));
        if (job)
            perp_exposure_unlink(core, job);
    }
    if (tick->evaluated)
        undo_repairs(tick);
}

static perp_status candidates_reserve(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    void *candidates = scheduler->candidates;
    bool done = perp_grow(core, &candidates, &scheduler->candidates_capacity, scheduler->n_pending,
                          sizeof *scheduler->candidates);
    scheduler->candidates = candidates;
    return done ? PERP_OK : perp_fail(core, PERP_E_NOMEM, "no memory for the tick");
}

perp_status perp_tick_decide(struct perp_tick *tick, struct perp_decision *d) {
    perp_core *core = tick->core;
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = candidates_reserve(core);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    tick->now = d->now;
    tick->rolled = perp_day_begins(core, tick->now);
    tick->paused = core->scheduler->paused || core->store_failed;
    tick->next_reservation = core->capital->next_id;
    perp_batch_barrier(core);
    perp_risk_put_ups(core);
    expire(tick);
    report_overdue(tick);
    if (!core->risk->killed) {
        tick->evaluated = true;
        evaluate_all(tick);
        if (perp_chosen_reserve(tick))
            choose_all(tick);
        else
            tick->no_memory = true;
    }
    if (tick->no_memory)
        status = perp_batch_drop(core);
    else
        status = perp_decision_commit(d);
    clear_scratch(tick, status == PERP_OK);
    bool fired = status == PERP_OK && tick->counts.refused;
    for (uint32_t rule = 1; fired && rule < PERP_REASON_RULES_END; rule++)
        core->risk->fired_today[rule] += tick->fired[rule];
    return status;
}
