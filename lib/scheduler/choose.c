/* Which of those that passed go now: in the order of their ranks, within the limits of what runs.
 */
#include <stdlib.h>
#include <string.h>

#include "scheduler/tick.h"

static int by_rank(const void *left, const void *right) {
    const struct perp_candidate *a = left, *b = right;
    if (a->job->priority != b->job->priority)
        return a->job->priority > b->job->priority ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    return a->job->order < b->job->order ? -1 : 1;
}

/* Evaluates a candidate with what the tick chose before it. What the host's rules said stands. */
static void evaluate_again(struct perp_tick *tick, const struct perp_candidate *candidate) {
    tick->eval.job = candidate->job;
    tick->eval.answers = candidate->waits->answers;
    tick->eval.answers_stand = true;
    perp_eval_run(&tick->eval);
    tick->eval.answers_stand = false;
}

/* The legs' distance to liquidation and the account's leverage, with what runs by now. */
static uint32_t margin_refuses(struct perp_tick *tick, const struct perp_candidate *candidate) {
    evaluate_again(tick, candidate);
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
        evaluate_again(tick, candidate);
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

static void list_skipped(struct perp_tick *tick, const struct perp_job_entry *waits,
                         uint32_t reason) {
    if (tick->list == PERP_LIST_ALL ||
        (tick->list == PERP_LIST_CHANGES && waits->skipped != reason))
        perp_tick_item_add(tick, PERP_TICK_SKIPPED, &waits->id, reason);
}

static void skip(struct perp_tick *tick, struct perp_job_entry *waits, uint32_t reason) {
    perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, reason, waits->explained);
    tick->counts.skipped++;
    tick->counts.skipped_by[reason]++;
    list_skipped(tick, waits, reason);
}

static void look_at_candidates(struct perp_tick *tick) {
    struct perp_candidate *candidates = tick->plan->candidates;
    uint32_t n_candidates = tick->plan->n_candidates;
    if (n_candidates > 1)
        qsort(candidates, n_candidates, sizeof *candidates, by_rank);
    for (uint32_t i = 0; i < n_candidates; i++) {
        struct perp_need needs[PERP_MAX_LEGS];
        uint32_t n = 0;
        bool reducing;
        struct perp_job_entry *waits = candidates[i].waits;
        uint32_t reason = skip_reason(tick, &candidates[i], needs, &n, &reducing);
        if (reason != PERP_REASON_NONE) {
            skip(tick, waits, reason);
            continue;
        }
        perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, PERP_REASON_NONE, waits->explained);
        choose(tick, &candidates[i], needs, n, reducing);
    }
}

static bool offer(struct perp_tick *tick, const struct perp_job_set *set) {
    for (uint32_t i = 0; i < set->n; i++)
        if (!perp_plan_offer_standing(tick->core, tick->plan, set->jobs[i], tick->now))
            return false;
    return true;
}

void perp_tick_wait_for_place(struct perp_tick *tick, struct perp_job_entry *waits) {
    perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, PERP_REASON_GLOBAL_CONCURRENCY,
                    waits->explained);
    list_skipped(tick, waits, PERP_REASON_GLOBAL_CONCURRENCY);
}

/* Where no place is free all that is held to it waits for one, in whatever order; what did by the
   last tick is only counted. */
static void let_all_wait(struct perp_tick *tick) {
    const struct perp_verdicts *v = &tick->book->scheduler->verdicts;
    tick->counts.skipped += v->passed.n;
    tick->counts.skipped_by[PERP_REASON_GLOBAL_CONCURRENCY] += v->passed.n;
    for (uint32_t i = 0; !v->all_wait && i < v->passed.n; i++)
        perp_tick_wait_for_place(tick, v->passed.jobs[i]);
}

void perp_tick_choose(struct perp_tick *tick) {
    const struct perp_verdicts *v = &tick->book->scheduler->verdicts;
    bool some = tick->full && tick->list != PERP_LIST_ALL;
    tick->no_memory |= !offer(tick, &v->leaving) || (!some && !offer(tick, &v->passed)) ||
                       !perp_chosen_reserve(tick);
    if (tick->no_memory)
        return;
    look_at_candidates(tick);
    if (some)
        let_all_wait(tick);
}
