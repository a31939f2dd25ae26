/* Which of those that passed go now: in the order of their turns, within the limits of what runs.
   A job that is held stays where it is held, and is looked at again only where that may let it go,
   or where something that is looked at before may hold it now. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/tick.h"

static int by_turn(const void *left, const void *right) {
    const struct perp_candidate *a = left, *b = right;
    return perp_goes_before(&a->turn, &b->turn) ? -1 : 1;
}

static int lines_by_turn(const void *left, const void *right) {
    const struct perp_line *a = left, *b = right;
    return perp_goes_before(&a->turn, &b->turn) ? -1 : 1;
}

/* ---- Room ---------------------------------------------------------------------------------------
 */

/* How much room there is on an exchange, with what runs by now. */
static perp_usd room_on(const struct perp_tick *tick, perp_exchange_id exchange, uint32_t room) {
    const perp_core *core = tick->book;
    uint32_t rate = core->config.scheduler.max_dispatch_per_minute;
    switch (room) {
    case PERP_ROOM_JOBS:
        return (perp_usd)perp_exchange_max_jobs(core, exchange) -
               perp_running_jobs(core, tick->plan, exchange);
    case PERP_ROOM_NOTIONAL:
        return perp_exchange_max_notional(core, exchange) -
               perp_running_notional(core, tick->plan, exchange);
    case PERP_ROOM_RATE:
        return rate ? (perp_usd)rate -
                          perp_times_within(&core->scheduler->times[exchange], tick->now) -
                          tick->plan->exchanges[exchange].jobs
                    : INT64_MAX;
    default:
        room -= PERP_ROOM_CAPITAL;
        return perp_capital_room(core->capital, tick->plan, exchange, room % PERP_POOL_COUNT,
                                 perp_capital_limits[room / PERP_POOL_COUNT]);
    }
}

static perp_usd takes(const struct perp_need *need, uint32_t room) {
    return room == PERP_ROOM_JOBS || room == PERP_ROOM_RATE ? 1 : need->amount;
}

static bool has_room(const struct perp_tick *tick, const struct perp_need *need, uint32_t room) {
    return takes(need, room) <= room_on(tick, need->exchange, room);
}

static const uint32_t reasons_of_rooms[PERP_ROOM_CAPITAL] = {
    PERP_REASON_EXCHANGE_CONCURRENCY, PERP_REASON_EXCHANGE_NOTIONAL, PERP_REASON_DISPATCH_RATE};

/* That there was room for a job, or not, holds while this does. */
static bool note_room(struct perp_tick *tick, const struct perp_need *need, uint32_t room) {
    struct perp_room_seen *seen =
        &tick->core->scheduler->verdicts.ranks.rooms[need->exchange][room];
    perp_usd amount = takes(need, room);
    bool fits = has_room(tick, need, room);
    if (fits && amount > seen->passed)
        seen->passed = amount;
    if (!fits && amount < seen->failed)
        seen->failed = amount;
    return fits;
}

/* Notes all room that was looked at to hold a job. */
static void note_rooms(struct perp_tick *tick, const struct perp_need *needs, uint32_t n) {
    bool fits = true;
    for (uint32_t room = PERP_ROOM_JOBS; room < PERP_ROOM_CAPITAL; room++)
        for (uint32_t i = 0; i < n && fits; i++)
            fits = note_room(tick, &needs[i], room);
    for (uint32_t i = 0; i < n && fits; i++)
        for (uint32_t limit = 0; limit < PERP_CAPITAL_LIMITS && fits; limit++)
            fits = note_room(tick, &needs[i],
                             PERP_ROOM_CAPITAL + limit * PERP_POOL_COUNT + needs[i].pool);
}

/* Whether the room on an exchange may now hold, or let go, one of those that are held for room. */
static bool room_differs(const struct perp_tick *tick, perp_exchange_id exchange) {
    const struct perp_room_seen *seen = tick->book->scheduler->verdicts.ranks.rooms[exchange];
    for (uint32_t i = 0; i < PERP_ROOM_COUNT; i++) {
        if (seen[i].passed == INT64_MIN && seen[i].failed == INT64_MAX)
            continue;
        perp_usd room = room_on(tick, exchange, i);
        if (room < seen[i].passed || room >= seen[i].failed)
            return true;
    }
    return false;
}

/* ---- One candidate ------------------------------------------------------------------------------
 */

/* Evaluates a candidate with what the tick chose before it. What the host's rules said stands. */
static void evaluate_again(struct perp_tick *tick, const struct perp_candidate *candidate) {
    tick->eval.job = candidate->job;
    tick->eval.answers = candidate->waits->answers;
    tick->eval.answers_stand = true;
    perp_eval_run(&tick->eval);
    tick->eval.answers_stand = false;
}

/* The legs' distance to liquidation, the account's leverage and what there is of spot to sell, with
   what runs by now. */
static uint32_t limits_refuse(struct perp_tick *tick, const struct perp_candidate *candidate) {
    evaluate_again(tick, candidate);
    return tick->eval.missing ? (uint32_t)PERP_REASON_NONE : perp_eval_open_reason(&tick->eval);
}

static uint32_t exchange_limits(const struct perp_tick *tick, const struct perp_need *needs,
                                uint32_t n) {
    for (uint32_t room = PERP_ROOM_JOBS; room < PERP_ROOM_CAPITAL; room++)
        for (uint32_t i = 0; i < n; i++)
            if (!has_room(tick, &needs[i], room))
                return reasons_of_rooms[room];
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

/* No place is free for what is held to the limits. */
static bool is_full(const struct perp_tick *tick) {
    const perp_core *core = tick->book;
    return core->scheduler->running.count + tick->plan->n_jobs >=
           core->config.scheduler.max_global_concurrent_jobs;
}

uint32_t perp_tick_skip_reason(struct perp_tick *tick, const struct perp_candidate *candidate,
                               struct perp_need *needs, uint32_t *n, bool *reducing) {
    const perp_core *core = tick->book;
    const struct perp_job_entry *job = candidate->job;
    bool free_of_limits = candidate->reducing || job->is_repair;
    *reducing = candidate->reducing && perp_job_is_reducing(core, tick->plan, job);
    if (!free_of_limits && is_full(tick))
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
        reason = limits_refuse(tick, candidate);
    if (reason)
        return reason;
    if (*reducing)
        *n = 0;
    return ledger_refuses(tick, needs, *n, job->is_repair);
}

static void list_line(struct perp_tick *tick, const struct perp_turn *turn, const perp_uuid *id,
                      uint32_t reason) {
    if (tick->list != PERP_LIST_NOTHING)
        perp_plan_line(tick->plan, turn, id, reason);
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
    list_line(tick, &candidate->turn, &job->id, PERP_REASON_NONE);
    tick->counts.dispatched++;
    perp_chosen_add(tick, &job->id);
}

/* What is skipped of those that are held to no limits, in each tick anew. */
static void skip(struct perp_tick *tick, const struct perp_candidate *candidate, uint32_t reason) {
    struct perp_job_entry *waits = candidate->waits;
    perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, reason, waits->explained);
    tick->counts.skipped++;
    tick->counts.skipped_by[reason]++;
    if (tick->list == PERP_LIST_ALL || waits->skipped != reason)
        list_line(tick, &candidate->turn, &waits->id, reason);
}

static void look_at(struct perp_tick *tick, const struct perp_candidate *candidate) {
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n = 0;
    bool reducing;
    struct perp_job_entry *waits = candidate->waits;
    uint32_t reason = perp_tick_skip_reason(tick, candidate, needs, &n, &reducing);
    if (reason != PERP_REASON_NONE) {
        skip(tick, candidate, reason);
        return;
    }
    perp_plan_stand(tick->plan, waits, PERP_REASON_NONE, PERP_REASON_NONE, waits->explained);
    choose(tick, candidate, needs, n, reducing);
}

/* ---- Those that are held to the limits ----------------------------------------------------------
 */

static struct perp_ranks *ranks_of(const struct perp_tick *tick) {
    return &tick->core->scheduler->verdicts.ranks;
}

/* From this tick on that is why a job is skipped. */
static void stands_skipped(struct perp_tick *tick, struct perp_job_entry *job, uint32_t reason) {
    perp_plan_stand(tick->plan, job, PERP_REASON_NONE, reason, job->explained);
    if (tick->list == PERP_LIST_CHANGES && job->skipped != reason) {
        struct perp_turn turn = perp_turn_of(tick->book, job);
        perp_plan_line(tick->plan, &turn, &job->id, reason);
    }
}

static bool is_of_ledger(uint32_t reason) {
    for (uint32_t i = 0; i < PERP_CAPITAL_LIMITS; i++)
        if (perp_capital_limits[i] == reason)
            return true;
    return false;
}

/* The ledger comes last. What else may hold a job there rests on what a tick chose, but where rules
   were passed, or it squares what is naked: of such a job more would have to be watched. */
static bool is_simple(const struct perp_tick *tick, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (perp_base_is_naked(tick->book, NULL, job->legs[i].base, tick->now))
            return false;
    return job->verdict.reasons == 0;
}

/* Where a job waits that is held for that reason. */
static void hold(struct perp_tick *tick, struct perp_job_entry *job, uint32_t reason) {
    struct perp_need needs[PERP_MAX_LEGS] = {{0}};
    uint32_t n = 0, at = PERP_HELD_AT_NOTHING, full = 0;
    bool has_needs = perp_job_needs(tick->book, job, needs, &n);
    if (reason == PERP_REASON_EXCHANGE_CONCURRENCY) {
        at = PERP_HELD_AT_FULL;
        while (has_room(tick, &needs[full], PERP_ROOM_JOBS))
            full++;
    } else if (reason == PERP_REASON_EXCHANGE_NOTIONAL || reason == PERP_REASON_DISPATCH_RATE ||
               (has_needs && is_of_ledger(reason) && is_simple(tick, job))) {
        at = PERP_HELD_AT_ROOM;
        note_rooms(tick, needs, n);
    }
    perp_rank_holds(ranks_of(tick), job, reason, at, needs[full].exchange);
    stands_skipped(tick, job, reason);
}

/* Those that are held for room on one of the exchanges, or may be otherwise by what was chosen on
   the others; all of them, or those that come after a turn. */
static void wake(struct perp_tick *tick, uint64_t changed, uint64_t chosen,
                 const struct perp_turn *after) {
    struct perp_ranks *ranks = ranks_of(tick);
    for (uint32_t i = ranks->for_room.n; (changed | chosen) && i-- > 0;) {
        struct perp_job_entry *job = *perp_set_at(&ranks->for_room, i);
        struct perp_turn turn = perp_turn_of(tick->book, job);
        if (!(job->exchanges & changed) &&
            !((job->exchanges & chosen) && is_of_ledger(job->verdict.held)))
            continue;
        if (!after || perp_goes_before(after, &turn))
            perp_rank_wakes(ranks, job);
    }
}

/* What is to be looked at again since the last tick. */
static void wake_for_tick(struct perp_tick *tick) {
    struct perp_ranks *ranks = ranks_of(tick);
    uint64_t changed = 0;
    for (uint64_t left = ranks->for_room.n ? ranks->exchanges : 0; left;) {
        perp_exchange_id exchange = perp_bit_take(&left);
        if (room_differs(tick, exchange))
            changed |= UINT64_C(1) << exchange;
    }
    if (changed) {
        wake(tick, changed, 0, NULL);
        perp_ranks_forget_rooms(ranks, changed);
    }
    while (ranks->restless.n)
        perp_rank_wakes(ranks, *perp_set_at(&ranks->restless, ranks->restless.n - 1));
}

/* The exchanges of a job, and those where the books of its legs are those of another account. */
static uint64_t met_on(const struct perp_tick *tick, const struct perp_job_entry *job) {
    uint64_t exchanges = job->exchanges;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_instrument_id id = job->legs[i].instrument, first = id;
        do {
            const struct perp_instrument_entry *entry = perp_instrument_at(tick->book, id);
            exchanges |= UINT64_C(1) << entry->spec.exchange;
            id = entry->next_same_book;
        } while (id != first);
    }
    return exchanges;
}

/* What is to be looked at again since a candidate was chosen: what comes after it. */
static void wake_after(struct perp_tick *tick, const struct perp_candidate *chosen) {
    uint64_t changed = 0;
    if (!ranks_of(tick)->for_room.n)
        return;
    for (uint64_t left = chosen->job->exchanges; left;) {
        perp_exchange_id exchange = perp_bit_take(&left);
        if (room_differs(tick, exchange))
            changed |= UINT64_C(1) << exchange;
    }
    wake(tick, changed, met_on(tick, chosen->job), &chosen->turn);
}

static void look_at_ranked(struct perp_tick *tick, struct perp_job_entry *job) {
    struct perp_candidate candidate = {.job = job,
                                       .waits = job,
                                       .score = perp_job_score(job),
                                       .turn = perp_turn_of(tick->book, job),
                                       .reducing = false};
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n = 0;
    bool reducing;
    uint32_t reason = perp_tick_skip_reason(tick, &candidate, needs, &n, &reducing);
    if (reason != PERP_REASON_NONE) {
        hold(tick, job, reason);
        return;
    }
    perp_rank_remove(ranks_of(tick), job);
    tick->no_memory |= !perp_plan_standing(tick->core, tick->plan, &tick->eval, job, &candidate);
    if (tick->no_memory)
        return;
    perp_plan_stand(tick->plan, job, PERP_REASON_NONE, PERP_REASON_NONE, job->explained);
    choose(tick, &candidate, needs, n, reducing);
    wake_after(tick, &candidate);
}

/* Whose turn is next of those that are to be looked at, or wait for an exchange that is not full;
   NULL: nobody's. */
static struct perp_job_entry *next_ranked(struct perp_tick *tick) {
    const struct perp_ranks *ranks = ranks_of(tick);
    struct perp_job_entry *best = perp_ranking_top(&ranks->waiting);
    for (uint32_t i = 0; i < perp_n_exchanges(tick->book); i++) {
        struct perp_job_entry *job = perp_ranking_top(&ranks->full_at[i]);
        if (!job || room_on(tick, i, PERP_ROOM_JOBS) < 1)
            continue;
        struct perp_turn turn = perp_turn_of(tick->book, job), best_turn;
        if (best)
            best_turn = perp_turn_of(tick->book, best);
        if (!best || perp_goes_before(&turn, &best_turn))
            best = job;
    }
    return best;
}

/* Those whose turn comes when no place is left, after that turn or all, wait for one. */
static void let_rest_wait(struct perp_tick *tick, const struct perp_turn *after) {
    struct perp_ranks *ranks = ranks_of(tick);
    for (struct perp_job_entry *last; (last = perp_ranking_top(&ranks->held));) {
        struct perp_turn turn = perp_turn_of(tick->book, last);
        if (after && !perp_goes_before(after, &turn))
            break;
        perp_rank_wakes(ranks, last);
    }
    for (uint32_t i = 0; i < ranks->entered.n; i++) {
        struct perp_job_entry *job = *perp_set_at(&ranks->entered, i);
        if (perp_is_ranked(job) && !job->verdict.held)
            stands_skipped(tick, job, PERP_REASON_GLOBAL_CONCURRENCY);
    }
    tick->counts.skipped_by[PERP_REASON_GLOBAL_CONCURRENCY] += ranks->waiting.set.n;
}

static void count_ranked(struct perp_tick *tick) {
    const struct perp_ranks *ranks = ranks_of(tick);
    tick->counts.skipped += ranks->waiting.set.n + ranks->held.set.n;
    for (uint32_t i = 0; ranks->held.set.n && i < PERP_MAX_REASONS; i++)
        tick->counts.skipped_by[i] += ranks->held_by[i];
}

/* ---- All of them --------------------------------------------------------------------------------
 */

/* By turns. Those that are held to no limits are few, or go: they are candidates in each tick. */
static void look_at_candidates(struct perp_tick *tick) {
    struct perp_candidate *candidates = tick->plan->candidates;
    uint32_t n = tick->plan->n_candidates, i = 0;
    struct perp_turn last;
    const struct perp_turn *cut = NULL; /* the last turn for which there was a place */
    bool full = is_full(tick);
    if (n > 1)
        qsort(candidates, n, sizeof *candidates, by_turn);
    if (!full) {
        (void)perp_ranks_tidy(tick->core, UINT32_MAX);
        wake_for_tick(tick);
    }
    while (!tick->no_memory) {
        struct perp_job_entry *job = full ? NULL : next_ranked(tick);
        struct perp_turn turn;
        if (!job && i == n)
            break;
        if (job)
            turn = perp_turn_of(tick->book, job);
        if (job && (i == n || perp_goes_before(&turn, &candidates[i].turn))) {
            look_at_ranked(tick, job);
        } else {
            uint32_t before = tick->plan->n_jobs;
            turn = candidates[i].turn;
            look_at(tick, &candidates[i]);
            if (tick->plan->n_jobs > before && !full)
                wake_after(tick, &candidates[i]);
            i++;
        }
        if (!full && is_full(tick)) {
            full = true;
            last = turn;
            cut = &last;
        }
    }
    if (full)
        let_rest_wait(tick, cut);
    count_ranked(tick);
}

static void list_turns(struct perp_tick *tick, const struct perp_ranking *turns) {
    for (uint32_t i = 0; i < turns->set.n; i++) {
        const struct perp_job_entry *job = *perp_set_at(&turns->set, i);
        struct perp_turn turn = perp_turn_of(tick->book, job);
        uint32_t reason = job->verdict.held;
        perp_plan_line(tick->plan, &turn, &job->id,
                       reason ? reason : (uint32_t)PERP_REASON_GLOBAL_CONCURRENCY);
    }
}

static void list(struct perp_tick *tick) {
    const struct perp_plan *plan = tick->plan;
    if (tick->list == PERP_LIST_ALL) {
        list_turns(tick, &ranks_of(tick)->waiting);
        list_turns(tick, &ranks_of(tick)->held);
    }
    if (plan->n_lines > 1)
        qsort(plan->lines, plan->n_lines, sizeof *plan->lines, lines_by_turn);
    for (uint32_t i = 0; i < plan->n_lines; i++) {
        const struct perp_line *line = &plan->lines[i];
        perp_tick_item_add(tick, line->reason ? PERP_TICK_SKIPPED : PERP_TICK_DISPATCHED, &line->id,
                           line->reason);
    }
}

void perp_tick_choose(struct perp_tick *tick) {
    const struct perp_verdicts *v = &tick->book->scheduler->verdicts;
    const struct perp_ranking *waiting = &v->ranks.waiting, *held = &v->ranks.held;
    for (uint32_t i = 0; i < v->leaving.n && !tick->no_memory; i++)
        tick->no_memory |= !perp_plan_offer_standing(tick->core, tick->plan, &tick->eval,
                                                     *perp_set_at(&v->leaving, i));
    uint32_t n = tick->plan->n_candidates + waiting->set.n + held->set.n;
    tick->no_memory = tick->no_memory || tick->plan->failed || !perp_chosen_reserve(tick, n);
    if (!tick->no_memory)
        look_at_candidates(tick);
    tick->no_memory |= tick->plan->failed;
    if (tick->no_memory)
        return;
#ifdef PERP_SHADOW
    perp_shadow_choose(tick);
#endif
    list(tick);
    perp_ranks_settle(ranks_of(tick));
}
