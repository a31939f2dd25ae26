/* One round: who expires, who may run, in which order, with which capital; then one commit, then
   the executor. Decisions read the book and write the plan and the batch; the book changes when the
   store has taken them. */
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
                        uint32_t reason) {
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
}

static bool is_expired(const struct perp_job_entry *job, int64_t now) {
    if (job->ttl_ms == 0)
        return false;
    int64_t ttl = job->ttl_ms * PERP_NS_PER_MS;
    return job->ttl_from <= INT64_MAX - ttl && now > job->ttl_from + ttl;
}

static void expire(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->book->scheduler;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job)
            continue;
        if (!is_expired(job, tick->now))
            continue;
        perp_put_for_job(tick->core, PERP_EVENT_EXPIRE, &job->id);
        perp_tick_item_add(tick, PERP_TICK_EXPIRED, &job->id, 0);
        tick->counts.expired++;
    }
}

static void report_overdue(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->book->scheduler;
    if (tick->now <= scheduler->next_due)
        return;
    tick->looked_due = true;
    tick->next_due = INT64_MAX;
    for (const struct perp_job_entry *job = scheduler->running.first; job; job = job->next) {
        int64_t due = perp_job_due(job);
        if (tick->now <= due) {
            if (due < tick->next_due)
                tick->next_due = due;
            continue;
        }
        perp_put_for_job(tick->core, PERP_EVENT_OVERDUE, &job->id);
        perp_tick_item_add(tick, PERP_TICK_OVERDUE, &job->id, 0);
        tick->counts.overdue++;
    }
}

static void look_at_unhedged(struct perp_tick *tick) {
    const struct perp_job_entry *job = tick->book->scheduler->running.first;
    for (; job; job = job->next)
        if (job->by_legs || perp_job_has_orders(job) || job->unhedged_since != PERP_TIME_NONE)
            perp_look_at_unhedged(tick->core, job, NULL, 0, tick->now);
}

/* The numbers of the evaluation at hand go with the event into the store. */
static void put_detail(struct perp_tick *tick) {
    if (perp_batch_has_store(tick->core))
        perp_batch_detail(tick->core, perp_eval_json(&tick->eval));
}

static bool drops(const struct perp_tick *tick, const struct perp_job_entry *job) {
    return tick->book->config.scheduler.on_reject == PERP_ON_REJECT_DROP && !job->is_repair &&
           !job->is_flatten && !tick->eval.reducing;
}

#define EXPLAINED_EVERY_NS (INT64_C(60) * PERP_NS_PER_S)

/* Whether a refusal of a job that waits is stored with its explanation: at most once a minute. */
static bool explains(const struct perp_tick *tick, const struct perp_job_entry *waits) {
    return waits->explained == PERP_TIME_NONE ||
           perp_ns_since(waits->explained, tick->now) >= EXPLAINED_EVERY_NS;
}

/* What a rule refused is counted by what stands: each time that it becomes a job's reason. */
static void refused(struct perp_tick *tick, const struct perp_job_entry *job,
                    struct perp_job_entry *waits) {
    uint32_t reason = tick->eval.reason;
    tick->counts.refused++;
    tick->counts.refused_by[reason]++;
    if (tick->list)
        perp_tick_item_add(tick, PERP_TICK_REFUSED, &job->id, reason);
    bool drop = drops(tick, job), changes = drop || job->standing != reason;
    bool explained = changes && (drop || explains(tick, waits));
    if (!drop)
        perp_plan_stand(tick->plan, waits, reason, PERP_REASON_NONE,
                        explained ? tick->now : waits->explained);
    if (!changes)
        return;
    perp_put(tick->core, drop ? PERP_EVENT_REJECT : PERP_EVENT_REFUSE,
             &(struct perp_ev_refuse){job->id, reason});
    if (explained)
        put_detail(tick);
}

/* A pending repair goes where it squares best now: itself where it stays, else as it will be. */
static const struct perp_job_entry *choose_repair(struct perp_tick *tick,
                                                  const struct perp_job_entry *repair) {
    struct perp_job_leg leg = {0};
    bool short_of;
    bool found = perp_repair_choose(tick->book, repair, tick->now, &leg, &short_of);
    perp_plan_short(tick->core, tick->plan, repair->legs[0].base, short_of,
                    found ? leg.quantity : 0);
    if (!found)
        return repair;
    const struct perp_job_leg *old = &repair->legs[0];
    if (leg.instrument == old->instrument && leg.quantity == old->quantity &&
        leg.notional == old->notional && leg.side == old->side)
        return repair;
    perp_put_choose(tick->core, &(struct perp_ev_choose){.job = repair->id, .leg = leg.row});
    return perp_plan_move(tick->plan, repair, &leg);
}

static void log_override(struct perp_tick *tick, const struct perp_job_entry *job) {
    if (!tick->eval.override_used || job->override_logged)
        return;
    tick->no_memory |= !perp_plan_overrides(tick->core, tick->plan, &job->id);
    char id[37], passed[400];
    size_t length = 0;
    passed[0] = '\0';
    perp_uuid_format(&job->id, id);
    uint32_t rules[PERP_MAX_RULES], n = perp_rules_all(tick->book->risk, rules);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = perp_reason_name(tick->book, rules[i]);
        if (!(tick->eval.reasons & PERP_REASON_BIT(rules[i])) ||
            length + strlen(name) + 2 > sizeof passed)
            continue;
        passed[length++] = ' ';
        memcpy(passed + length, name, strlen(name) + 1);
        length += strlen(name);
    }
    perp_tell_log(tick->core, PERP_LOG_WARNING, "job %s accepted under override, past:%s", id,
                  passed);
}

/* Evaluates a job that waits, as it will be; what comes of it stands in the plan and the batch. */
static void evaluate(struct perp_tick *tick, struct perp_job_entry *waits,
                     const struct perp_job_entry *job) {
    tick->eval.job = job;
    perp_eval_run(&tick->eval);
    if (tick->paused && !tick->eval.reducing && !job->is_repair)
        return;
    tick->counts.evaluated++;
    if (!tick->eval.accepted && drops(tick, job))
        perp_plan_score_last(tick->plan, &job->id, tick->eval.final);
    else if (!(waits->score == tick->eval.final)) /* none yet: NaN */
        perp_plan_score(tick->plan, waits, tick->eval.final);
    if (!tick->eval.accepted) {
        refused(tick, job, waits);
        return;
    }
    if (job->standing)
        perp_put_refuse(tick->core, &(struct perp_ev_refuse){job->id, PERP_REASON_NONE});
    log_override(tick, job);
    tick->no_memory |= !perp_plan_offer(tick->core, tick->plan, &tick->eval);
}

/* A job that waits, as this tick makes it; NULL: it ends. */
static struct perp_job_entry *as_changed(const struct perp_plan *plan, struct perp_job_entry *job) {
    for (uint32_t i = 0; i < plan->n_changes; i++)
        if (plan->changes[i].job == job)
            return plan->changes[i].becomes;
    return job;
}

static void evaluate_all(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->book->scheduler;
    struct perp_plan *plan = tick->plan;
    perp_facts_refresh(tick->core, tick->now, tick->rolled, true);
    perp_eval_begin(&tick->eval, tick->book, plan, NULL, tick->now, tick->rolled);
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job || is_expired(job, tick->now) || (tick->killed && !job->is_flatten))
            continue;
        const struct perp_job_entry *becomes = as_changed(plan, job);
        tick->eval.answers = perp_answers_of(tick->core, job);
        if (becomes)
            evaluate(tick, job, job->is_repair ? choose_repair(tick, job) : becomes);
    }
    tick->eval.answers = NULL; /* what is new has none */
    for (uint32_t i = 0; i < plan->n_fresh; i++)
        evaluate(tick, &plan->fresh[i].job, &plan->fresh[i].job);
    if (tick->book->risk->n_host)
        perp_host_rules_tell(tick->core);
}

static int by_rank(const void *left, const void *right) {
    const struct perp_candidate *a = left, *b = right;
    if (a->job->priority != b->job->priority)
        return a->job->priority > b->job->priority ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    return a->job->order < b->job->order ? -1 : 1;
}

/* Where what stands of a candidate is kept: in the book, or in the plan, which brings it. */
static struct perp_job_entry *waiting(const struct perp_tick *tick,
                                      const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < tick->plan->n_fresh; i++)
        if (job == &tick->plan->fresh[i].job)
            return &tick->plan->fresh[i].job;
    return perp_job_find(tick->core, &job->id);
}

/* Evaluates a candidate with what the tick chose before it. What the host's rules said stands. */
static void evaluate_again(struct perp_tick *tick, const struct perp_job_entry *job) {
    const struct perp_job_entry *waits = waiting(tick, job);
    tick->eval.job = job;
    tick->eval.answers = waits ? waits->answers : NULL;
    tick->eval.answers_stand = true;
    perp_eval_run(&tick->eval);
    tick->eval.answers_stand = false;
}

/* The legs' distance to liquidation and the account's leverage, with what runs by now. */
static uint32_t margin_refuses(struct perp_tick *tick, const struct perp_candidate *candidate) {
    evaluate_again(tick, candidate->job);
    return tick->eval.missing ? (uint32_t)PERP_REASON_NONE : perp_eval_margin_reason(&tick->eval);
}

static uint32_t exchange_limits(const struct perp_tick *tick, const struct perp_need *needs,
                                uint32_t n) {
    const perp_core *core = tick->book;
    for (uint32_t i = 0; i < n; i++)
        if (perp_running_jobs(core, tick->plan, needs[i].exchange) >=
            perp_exchange_max_jobs(core, needs[i].exchange))
            return PERP_REASON_EXCHANGE_CONCURRENCY;
    for (uint32_t i = 0; i < n; i++)
        if (perp_running_notional(core, tick->plan, needs[i].exchange) + needs[i].amount >
            perp_exchange_max_notional(core, needs[i].exchange))
            return PERP_REASON_EXCHANGE_NOTIONAL;
    uint32_t rate = core->config.scheduler.max_dispatch_per_minute;
    for (uint32_t i = 0; rate && i < n; i++)
        if (perp_times_within(&core->scheduler->times[needs[i].exchange], tick->now) +
                tick->plan->exchanges[needs[i].exchange].jobs >=
            rate)
            return PERP_REASON_DISPATCH_RATE;
    return PERP_REASON_NONE;
}

static bool half_open_and_busy(const struct perp_tick *tick, const struct perp_need *needs,
                               uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (perp_circuit_at(tick->book, needs[i].exchange, tick->now) == PERP_CIRCUIT_HALF_OPEN &&
            perp_running_jobs(tick->book, tick->plan, needs[i].exchange))
            return true;
    return false;
}

static uint32_t ledger_refuses(const struct perp_tick *tick, const struct perp_need *needs,
                               uint32_t n, bool is_repair) {
    const perp_capital *capital = tick->book->capital;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    for (uint32_t i = 0; i < n; i++) {
        bool passes = is_repair ? perp_capital_has(capital, tick->plan, &needs[i], &refusal)
                                : perp_capital_passes(capital, tick->plan, &needs[i], &refusal);
        if (!passes)
            return refusal.reason;
    }
    return PERP_REASON_NONE;
}

/* Whether a base of the job is naked with what now runs, and the job does not square it. */
static bool stands_naked(const struct perp_tick *tick, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (perp_base_unhedged(tick->book, tick->plan, job->legs[i].base, tick->now) ||
            (perp_base_is_naked(tick->book, NULL, job->legs[i].base, tick->now) &&
             !perp_job_squares(tick->book, tick->plan, job, job->legs[i].base)))
            return true;
    return false;
}

/* Why a candidate is skipped; PERP_REASON_NONE: it goes, and needs what is left in the rows. */
static uint32_t skip_reason(struct perp_tick *tick, const struct perp_candidate *candidate,
                            struct perp_need *needs, uint32_t *n, bool *reducing) {
    const perp_core *core = tick->book;
    const struct perp_job_entry *job = candidate->job;
    bool free_of_limits = candidate->reducing || job->is_repair;
    *reducing = candidate->reducing && perp_job_is_reducing(core, tick->plan, job);
    if (!free_of_limits && core->scheduler->running.count + tick->plan->n_jobs >=
                               core->config.scheduler.max_global_concurrent_jobs)
        return PERP_REASON_GLOBAL_CONCURRENCY;
    if (candidate->reducing && !*reducing && !job->is_repair)
        return PERP_REASON_NOT_REDUCING;
    if (!perp_job_needs(core, job, needs, n))
        return PERP_REASON_INSUFFICIENT;
    uint32_t reason = free_of_limits ? PERP_REASON_NONE : exchange_limits(tick, needs, *n);
    if (reason)
        return reason;
    if (perp_job_meets_running(job, core, tick->plan))
        return PERP_REASON_SELF_TRADE;
    if (!free_of_limits && half_open_and_busy(tick, needs, *n))
        return PERP_REASON_EXCHANGE_DOWN;
    if (!*reducing && !job->is_repair && stands_naked(tick, job))
        return PERP_REASON_UNRESOLVED_LEG;
    if (!free_of_limits && tick->plan->n_jobs)
        reason = margin_refuses(tick, candidate);
    if (reason)
        return reason;
    if (*reducing)
        *n = 0;
    return ledger_refuses(tick, needs, *n, job->is_repair);
}

static void choose(struct perp_tick *tick, const struct perp_candidate *candidate,
                   const struct perp_need *needs, uint32_t n, bool reducing) {
    perp_core *core = tick->core;
    const struct perp_job_entry *job = candidate->job;
    char *detail = NULL;
    if (perp_batch_has_store(core)) { /* before the job itself counts as running */
        evaluate_again(tick, job);
        detail = perp_eval_json(&tick->eval);
    }
    tick->no_memory |= !perp_plan_choose(core, tick->plan, candidate, needs, n);
    struct perp_price prices[PERP_MAX_LEGS];
    struct perp_ev_dispatch dispatch = {.job = job->id,
                                        .reduce_only = reducing,
                                        .score = candidate->score,
                                        .reservation = n ? tick->next_reservation : 0,
                                        .n_needs = n,
                                        .needs = needs,
                                        .n_prices = job->n_legs,
                                        .prices = prices};
    tick->next_reservation += n;
    for (uint32_t i = 0; i < n; i++)
        dispatch.amount += needs[i].amount;
    for (uint32_t i = 0; i < job->n_legs; i++)
        prices[i].price = tick->plan->prices[candidate->prices + i];
    perp_put_dispatch(core, &dispatch);
    if (perp_batch_has_store(core))
        perp_batch_detail(core, detail);
    perp_tick_item_add(tick, PERP_TICK_DISPATCHED, &job->id, 0);
    tick->counts.dispatched++;
    perp_chosen_add(tick, &job->id);
}

static void choose_all(struct perp_tick *tick) {
    struct perp_candidate *candidates = tick->plan->candidates;
    uint32_t n_candidates = tick->plan->n_candidates;
    if (n_candidates > 1)
        qsort(candidates, n_candidates, sizeof *candidates, by_rank);
    for (uint32_t i = 0; i < n_candidates; i++) {
        struct perp_need needs[PERP_MAX_LEGS];
        uint32_t n = 0;
        bool reducing;
        uint32_t reason = skip_reason(tick, &candidates[i], needs, &n, &reducing);
        struct perp_job_entry *waits = waiting(tick, candidates[i].job);
        perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, reason, waits->explained);
        if (reason == PERP_REASON_NONE) {
            choose(tick, &candidates[i], needs, n, reducing);
            continue;
        }
        tick->counts.skipped++;
        tick->counts.skipped_by[reason]++;
        if (tick->list)
            perp_tick_item_add(tick, PERP_TICK_SKIPPED, &candidates[i].job->id, reason);
    }
}

/* When the next running job becomes overdue, those of this tick included. */
static void remember_due(struct perp_tick *tick) {
    int64_t next = tick->next_due;
    for (uint32_t i = 0; i < tick->n_chosen; i++) {
        const struct perp_job_entry *job = perp_job_find(tick->book, &perp_chosen_at(tick, i)->id);
        if (job && perp_job_due(job) < next)
            next = perp_job_due(job);
    }
    tick->core->scheduler->next_due = next;
}

/* What is shown or spares work but is not stored, once the store has taken the tick: the only place
   where a tick writes to the book other than by events. */
static void remember(struct perp_tick *tick) {
    perp_core *core = tick->core;
    const struct perp_plan *plan = tick->plan;
    for (uint32_t i = 0; i < plan->n_scores; i++)
        plan->scores[i].job->score = plan->scores[i].score;
    for (uint32_t i = 0; i < plan->n_standings; i++) {
        struct perp_job_entry *job = plan->standings[i].job;
        job->refused = plan->standings[i].refused;
        job->skipped = plan->standings[i].skipped;
        job->explained = plan->standings[i].explained;
    }
    for (uint32_t i = 0; i < plan->n_fresh; i++) {
        struct perp_job_entry *job = perp_job_find(core, &plan->fresh[i].job.id);
        if (!job) /* never: the tick brought it */
            continue;
        job->score = plan->fresh[i].job.score;
        job->refused = plan->fresh[i].job.refused;
        job->skipped = plan->fresh[i].job.skipped;
        job->explained = plan->fresh[i].job.explained;
    }
    for (uint32_t i = 0; i < plan->n_shorts; i++)
        core->positions->bases[plan->shorts[i].base].short_of = plan->shorts[i].is;
    for (uint32_t i = 0; i < plan->n_last_scores; i++) {
        struct perp_job_entry *job = perp_job_find(core, &plan->last_scores[i].id);
        if (job)
            job->score = plan->last_scores[i].score;
    }
    for (uint32_t i = 0; i < plan->n_overridden; i++) {
        struct perp_job_entry *job = perp_job_find(core, &plan->overridden[i]);
        if (job)
            job->override_logged = true;
    }
    if (tick->looked_due)
        remember_due(tick);
}

/* How many jobs wait that the tick may change before it looks at them. */
static uint32_t n_changeable(const perp_scheduler *scheduler) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        n += job && (job->is_repair || job->is_flatten);
    }
    return n;
}

/* How the stories of bases go on, jobs of flatten cut to what is left, and repairs: in the batch,
   and for this tick in the plan. */
static void plan_repairs(struct perp_tick *tick) {
    perp_core *core = tick->core;
    struct perp_plan *plan = tick->plan;
    if (!perp_plan_reserve_repairs(core, plan, n_changeable(core->scheduler),
                                   perp_repairs_wanted(core, tick->now))) {
        tick->no_memory = true;
        return;
    }
    perp_put_stories(core, NULL, tick->now, NULL, NULL);
    perp_put_flatten_cuts(core, plan);
    perp_plan_repairs(core, plan, tick->now);
    for (uint32_t i = 0; i < plan->n_fresh; i++)
        perp_tick_item_add(tick, PERP_TICK_REPAIR, &plan->fresh[i].job.id, 0);
}

perp_status perp_tick_decide(struct perp_tick *tick, struct perp_decision *d) {
    perp_core *core = tick->core;
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    tick->plan = perp_plan_begin(core);
    if (!tick->plan)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the tick");
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    core->risk->jobs_began = true;
    tick->now = d->now;
    tick->rolled = perp_day_begins(core, tick->now);
    tick->paused = core->scheduler->paused || core->store_failed;
    tick->killed = core->risk->killed;
    tick->next_reservation = core->capital->next_id;
    perp_batch_barrier(core);
    perp_risk_put_ups(core);
    plan_repairs(tick);
    expire(tick);
    report_overdue(tick);
    look_at_unhedged(tick);
    if (!tick->no_memory)
        evaluate_all(tick);
    tick->no_memory |= !perp_chosen_reserve(tick);
    if (!tick->no_memory)
        choose_all(tick);
    status = tick->no_memory ? perp_batch_drop(core) : perp_decision_commit(d);
    if (status == PERP_OK) {
        remember(tick);
        perp_chosen_wait(tick);
    }
    return status;
}
