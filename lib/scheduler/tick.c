/* One round: who expires, who may run, in which order, with which capital; then one commit, then
   the executor. Decisions read the book and write the plan and the batch; the book changes when the
   store has taken them. */
#include "scheduler/tick.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"

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
    if (tick->list == PERP_LIST_NOTHING)
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

static void expire(struct perp_tick *tick) {
    struct perp_job_array *expired = &tick->core->scheduler->expired;
    tick->no_memory |= !perp_verdicts_expired(tick->core, tick->now, expired);
    for (uint32_t i = 0; !tick->no_memory && i < expired->n; i++) {
        struct perp_job_entry *job = expired->jobs[i];
        perp_put_for_job(tick->core, PERP_EVENT_EXPIRE, &job->id);
        perp_tick_item_add(tick, PERP_TICK_EXPIRED, &job->id, 0);
        perp_verdict_forget(tick->core, job); /* it counts no longer */
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

static bool may_be_unhedged(const struct perp_job_entry *job) {
    return job->run->by_legs || perp_job_has_orders(job) ||
           job->run->unhedged_since != PERP_TIME_NONE;
}

#ifdef PERP_SHADOW
/* Of a job that is not looked at nothing would come. */
static void shadow_unhedged(struct perp_tick *tick) {
    uint32_t events = tick->core->batch->count;
    for (const struct perp_job_entry *job = tick->book->scheduler->running.first; job;
         job = job->next)
        if (!job->run->looks && job->run->unhedged_since == PERP_TIME_NONE && may_be_unhedged(job))
            perp_look_at_unhedged(tick->core, job, NULL, 0, tick->now);
    if (tick->core->batch->count == events ||
        perp_market_news_sum(tick->book->market) != tick->book->risk->facts.news)
        return; /* or a feed came in between */
    fprintf(stderr, "shadow: a job that runs is unhedged and was not looked at\n");
    abort();
}
#endif

/* A job becomes unhedged, or is no longer, with what is filled and what that is worth; where
   neither changed, only how long those are that were. */
static void look_at_unhedged(struct perp_tick *tick) {
#ifdef PERP_SHADOW
    shadow_unhedged(tick);
#endif
    bool *changed = &tick->core->risk->facts.running_changed;
    struct perp_job_entry *job =
        *changed ? tick->book->scheduler->running.first : tick->book->positions->first_unhedged;
    for (; job; job = *changed ? job->next : job->run->next_unhedged) {
        if (!job->run->looks && job->run->unhedged_since == PERP_TIME_NONE)
            continue;
        job->run->looks = false;
        if (may_be_unhedged(job))
            perp_look_at_unhedged(tick->core, job, NULL, 0, tick->now);
    }
    *changed = false;
}

/* The numbers of the evaluation at hand go with the event into the store; a brief one is made in
   full for that. */
static void put_detail(struct perp_tick *tick) {
    struct perp_eval *e = &tick->eval;
    if (!perp_batch_has_store(tick->core))
        return;
    if (!e->explains) {
        e->brief = false;
        perp_eval_run(e);
        e->brief = true;
    }
    perp_batch_detail(tick->core, perp_eval_json(e));
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
    bool drop = drops(tick, job), changes = drop || job->standing != reason;
    bool explained = changes && (drop || explains(tick, waits));
    if (changes && tick->list == PERP_LIST_CHANGES)
        perp_tick_item_add(tick, PERP_TICK_REFUSED, &job->id, reason);
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
    double had = perp_has_run(repair) ? repair->run->legs[0].filled : 0;
    bool short_of;
    bool found = perp_repair_choose(tick->book, repair, tick->now, &leg, &short_of);
    perp_plan_short(tick->core, tick->plan, repair->legs[0].base, short_of,
                    found ? leg.quantity - had : 0);
    if (!found)
        return repair;
    const struct perp_job_leg *old = &repair->legs[0];
    if (leg.instrument == old->instrument && leg.quantity == old->quantity &&
        leg.notional == old->notional && leg.side == old->side)
        return repair;
    struct perp_ev_choose choose = {.job = repair->id};
    perp_leg_row_of(repair, &leg, &choose.leg); /* what the leg had stays with it */
    choose.leg.price = choose.leg.seen = 0;
    choose.leg.flying = 0;
    perp_put_choose(tick->core, &choose);
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

/* What comes of an evaluation stands in the plan and the batch. */
static void take_outcome(struct perp_tick *tick, struct perp_job_entry *waits,
                         const struct perp_job_entry *job) {
    if (!tick->eval.accepted) {
        refused(tick, job, waits);
        return;
    }
    if (job->standing)
        perp_put_refuse(tick->core, &(struct perp_ev_refuse){job->id, PERP_REASON_NONE});
    log_override(tick, job);
}

/* A pause stops new risk, not the way out. */
static bool goes_on(const struct perp_tick *tick, const struct perp_job_entry *job) {
    return !tick->paused || tick->eval.reducing || job->is_repair;
}

/* A job that waits, as this tick makes it; NULL: it ends. */
static struct perp_job_entry *as_changed(const struct perp_plan *plan, struct perp_job_entry *job) {
    for (uint32_t i = 0; i < plan->n_changes; i++)
        if (plan->changes[i].job == job)
            return plan->changes[i].becomes;
    return job;
}

/* Decides a job of the book anew. */
static void decide(struct perp_tick *tick, struct perp_job_entry *waits) {
    const struct perp_job_entry *job = as_changed(tick->plan, waits);
    tick->eval.answers = perp_answers_of(tick->core, waits);
    if (job && waits->is_repair)
        job = choose_repair(tick, waits);
    if (!job) {
        perp_verdict_forget(tick->core, waits);
        return;
    }
    tick->eval.job = job;
    tick->eval.stands = !perp_job_is_special(waits);
    perp_eval_run(&tick->eval);
    tick->eval.stands = false;
    if (tick->book->risk->n_host && !waits->answers)
        tick->eval.holds = tick->now; /* for want of memory the host is asked each time */
    tick->looked_at++;
    perp_verdict_set(tick->core, tick->plan, waits, &tick->eval, goes_on(tick, job));
    if (!waits->verdict.counted)
        return;
    take_outcome(tick, waits, job);
    if (!tick->eval.accepted)
        return;
    if (perp_job_is_special(waits))
        tick->no_memory |= !perp_plan_offer(tick->core, tick->plan, &tick->eval, waits);
}

/* A repair that this tick brings is in no count that stands yet. */
static void decide_fresh(struct perp_tick *tick, struct perp_job_entry *fresh) {
    tick->eval.job = fresh;
    perp_eval_run(&tick->eval);
    tick->looked_at++;
    if (!goes_on(tick, fresh))
        return;
    tick->counts.evaluated++;
    fresh->score = tick->eval.final;
    take_outcome(tick, fresh, fresh);
    if (tick->eval.accepted) {
        tick->no_memory |= !perp_plan_offer(tick->core, tick->plan, &tick->eval, fresh);
        return;
    }
    tick->counts.refused++;
    tick->counts.refused_by[tick->eval.reason]++;
    if (tick->list == PERP_LIST_ALL)
        perp_tick_item_add(tick, PERP_TICK_REFUSED, &fresh->id, tick->eval.reason);
}

/* How the decisions went that stand with this tick. */
static void count_standing(struct perp_tick *tick) {
    const struct perp_standing_tally *tally = &tick->book->scheduler->verdicts.tally;
    tick->counts.evaluated += tally->evaluated;
    tick->counts.refused += tally->refused;
    if (tally->refused)
        for (uint32_t i = 0; i < PERP_MAX_REASONS; i++)
            tick->counts.refused_by[i] += tally->refused_by[i];
}

/* Lists all that are refused, in order of submit. */
static void list_refused(struct perp_tick *tick) {
    const perp_scheduler *scheduler = tick->book->scheduler;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = perp_place_at(scheduler, i)->job;
        if (job && job->verdict.counted && !job->verdict.accepted)
            perp_tick_item_add(tick, PERP_TICK_REFUSED, &job->id, job->verdict.reason);
    }
}

/* Looks anew at the decisions that no longer stand, and at what the tick itself brings. */
static void decide_all(struct perp_tick *tick) {
    struct perp_verdicts *v = &tick->core->scheduler->verdicts;
    struct perp_plan *plan = tick->plan;
    perp_eval_begin(&tick->eval, tick->book, plan, NULL, tick->now, tick->rolled);
    perp_eval_brief(&tick->eval);
    tick->looked_at +=
        perp_verdicts_collect(tick->core, tick->now, tick->paused, tick->killed, plan, &tick->eval);
    for (uint32_t i = 0; i < v->todo.n; i++) {
        struct perp_job_entry *job = *perp_set_at(&v->todo, i);
        job->verdict.todo_1 = 0;
        if (perp_job_is_expired(job, tick->now) || (tick->killed && !job->is_flatten))
            perp_verdict_forget(tick->core, job);
        else
            decide(tick, job);
    }
    v->todo.n = 0;
    if (tick->list == PERP_LIST_ALL)
        list_refused(tick);
    tick->eval.brief = false;  /* from here on values are asked for, too */
    tick->eval.answers = NULL; /* what is new has none */
    for (uint32_t i = 0; i < plan->n_fresh; i++)
        decide_fresh(tick, &plan->fresh[i].job);
    count_standing(tick);
    if (tick->book->risk->n_host)
        perp_host_rules_tell(tick->core);
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
   where a tick writes to the book other than by events, but for scores, which it gives back where
   it is not taken. */
static void remember(struct perp_tick *tick) {
    perp_core *core = tick->core;
    const struct perp_plan *plan = tick->plan;
    for (uint32_t i = 0; i < plan->n_standings; i++) {
        struct perp_job_entry *job = plan->standings[i].job;
        job->refused = (uint8_t)plan->standings[i].refused;
        job->skipped = (uint8_t)plan->standings[i].skipped;
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
    for (uint32_t i = 0; i < plan->n_overridden; i++) {
        struct perp_job_entry *job = perp_job_find(core, &plan->overridden[i]);
        if (job)
            job->override_logged = true;
    }
    if (tick->looked_due)
        remember_due(tick);
}

/* How the stories of bases go on, jobs of flatten cut to what is left, and repairs: in the batch,
   and for this tick in the plan. */
static void plan_repairs(struct perp_tick *tick) {
    perp_core *core = tick->core;
    struct perp_plan *plan = tick->plan;
    if (!perp_plan_reserve_repairs(core, plan, core->scheduler->verdicts.special.n,
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
    perp_facts_refresh(core, tick->now, tick->rolled, true);
    plan_repairs(tick);
    expire(tick);
    report_overdue(tick);
    look_at_unhedged(tick);
    if (!tick->no_memory)
        decide_all(tick);
#ifdef PERP_SHADOW
    if (!tick->no_memory && !tick->plan->failed &&
        perp_shadow_differs(core, tick->plan, tick->now, tick->rolled))
        abort();
#endif
    if (!tick->no_memory)
        perp_tick_choose(tick);
    tick->no_memory |= tick->plan->failed;
    status = tick->no_memory ? perp_batch_drop(core) : perp_decision_commit(d);
    if (status == PERP_OK) {
        remember(tick);
        perp_chosen_wait(tick);
    } else {
        perp_plan_scores_back(tick->plan);
        perp_verdicts_doubt(core); /* what they brought about did not happen */
    }
    perp_plan_end(core, tick->plan);
    return status;
}
