/* After the commit: each dispatched job goes to the host's executor, with no lock held. */
#include "scheduler/tick.h"

#include <string.h>

#include "util/sized.h"

bool perp_chosen_reserve(struct perp_tick *tick) {
    void *more = tick->more;
    uint32_t n = tick->plan->n_candidates;
    bool done = n <= PERP_FEW_CHOSEN || perp_grow(tick->core, &more, &tick->more_capacity,
                                                  n - PERP_FEW_CHOSEN, sizeof *tick->more);
    tick->more = more;
    return done;
}

void perp_chosen_add(struct perp_tick *tick, const perp_uuid *id) {
    uint32_t n = tick->n_chosen++;
    if (n < PERP_FEW_CHOSEN)
        tick->few[n] = *id;
    else
        tick->more[n - PERP_FEW_CHOSEN] = *id;
}

const perp_uuid *perp_chosen_at(const struct perp_tick *tick, uint32_t n) {
    return n < PERP_FEW_CHOSEN ? &tick->few[n] : &tick->more[n - PERP_FEW_CHOSEN];
}

enum { SAID_REFUSED = 1, SAID_IN_DOUBT };

/* A job as the executor sees it: a copy, since the book may change while the host works on it. */
struct parcel {
    perp_execution execution;
    perp_order orders[PERP_MAX_LEGS];
    char metadata[PERP_MAX_METADATA];
};

static bool pack(const struct perp_job_entry *job, int64_t now, struct parcel *parcel) {
    if (!job || job->state != PERP_JOB_RUNNING)
        return false;
    memset(&parcel->execution, 0, sizeof parcel->execution);
    perp_execution *execution = &parcel->execution;
    execution->struct_size = sizeof *execution;
    execution->strategy = job->strategy;
    execution->job_id = job->id;
    execution->reduce_only = job->reduce_only;
    execution->is_repair = job->is_repair;
    execution->repairs_job = job->parent;
    execution->notional = job->notional;
    execution->now_ns = now;
    execution->n_orders = job->n_legs;
    execution->metadata_size = job->metadata_size;
    execution->orders = parcel->orders;
    execution->metadata = parcel->metadata;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        parcel->orders[i] = (perp_order){.exchange = leg->exchange,
                                         .instrument = leg->instrument,
                                         .side = leg->side,
                                         .maker = leg->maker,
                                         .quantity = leg->quantity,
                                         .price = leg->price,
                                         .leverage = leg->leverage,
                                         .notional = leg->notional};
    }
    if (job->metadata_size)
        memcpy(parcel->metadata, job->metadata, job->metadata_size);
    return true;
}

/* What the executor said of a job, unless the host has already finished it from inside the
   callback. The tick itself is done: an outcome that can't be recorded now stays with the job until
   the next tick. */
static void settle(struct perp_tick *tick, struct perp_decision *d, const perp_uuid *id,
                   uint32_t outcome) {
    struct perp_job_entry *job = perp_job_find(tick->core, id);
    if (outcome == PERP_OUTCOME_ACCEPTED || !job || job->state != PERP_JOB_RUNNING)
        return;
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = outcome == PERP_OUTCOME_REFUSED ? PERP_RESULT_FAILED : PERP_RESULT_UNKNOWN;
    perp_finish_outcome finished = {.struct_size = sizeof finished};
    perp_status status = perp_decide_finish(d, id, &result, &finished);
    if (status == PERP_OK)
        status = perp_decision_commit(d);
    if (status != PERP_OK) {
        job->unsaid = outcome == PERP_OUTCOME_REFUSED ? SAID_REFUSED : SAID_IN_DOUBT;
        tick->core->scheduler->some_unsaid = true;
        perp_tell_log(tick->core, PERP_LOG_ERROR, "an executor's outcome waits: %s",
                      perp_core_error(tick->core));
        return;
    }
    if (!finished.has_repair || !tick->result)
        return;
    perp_tick_item *item = NULL;
    for (uint32_t i = 0; i < tick->result->n_items && !item; i++)
        if (tick->result->items[i].kind == PERP_TICK_DISPATCHED &&
            memcmp(&tick->result->items[i].job_id, id, sizeof *id) == 0)
            item = &tick->result->items[i];
    if (item)
        item->other = finished.repair_job_id;
    else /* dispatched by an earlier tick */
        perp_tick_item_add(tick, PERP_TICK_REPAIR, id, 0, &finished.repair_job_id);
}

/* Outcomes that an earlier tick could not record. */
static void settle_waiting(struct perp_tick *tick, struct perp_decision *d) {
    perp_scheduler *scheduler = tick->core->scheduler;
    struct perp_job_entry *job = scheduler->some_unsaid ? scheduler->running.first : NULL;
    scheduler->some_unsaid = false;
    while (job) {
        struct perp_job_entry *next = job->next;
        perp_uuid id = job->id;
        uint32_t said = job->unsaid;
        job->unsaid = 0;
        if (said)
            settle(tick, d, &id,
                   said == SAID_REFUSED ? PERP_OUTCOME_REFUSED : PERP_OUTCOME_IN_DOUBT);
        job = next;
    }
}

static void execute_all(struct perp_tick *tick, const perp_call *call) {
    perp_core *core = tick->core;
    const perp_callbacks *callbacks = &core->config.callbacks;
    for (uint32_t i = 0; callbacks->execute && i < tick->n_chosen; i++) {
        const perp_uuid *id = perp_chosen_at(tick, i);
        struct parcel parcel;
        perp_lock(core);
        bool there = pack(perp_job_find(core, id), tick->now, &parcel);
        perp_unlock(core);
        if (!there)
            continue;
        uint32_t outcome = PERP_OUTCOME_IN_DOUBT;
        struct perp_callback callback;
        perp_callback_begin(&callback, core);
        callbacks->execute(callbacks->user, &parcel.execution, &outcome);
        perp_callback_end(&callback);
        struct perp_decision d;
        perp_decision_open(&d, core, call);
        settle(tick, &d, id, outcome);
        perp_decision_close(&d, PERP_OK);
    }
}

/* Items of the next repairs come last, so that the list of dispatched jobs stays in one piece. */
static void list_repairs(perp_tick_result *result) {
    const perp_uuid none = {{0}};
    uint32_t n = result->n_items;
    for (uint32_t i = 0; i < n; i++) {
        perp_tick_item *item = &result->items[i];
        if (item->kind != PERP_TICK_DISPATCHED || memcmp(&item->other, &none, sizeof none) == 0)
            continue;
        if (!perp_items_grow(result))
            return; /* the dispatched item names it, too */
        item = &result->items[i];
        perp_tick_item *repair = &result->items[result->n_items++];
        *repair = *item;
        repair->kind = PERP_TICK_REPAIR;
    }
}

static void fill_result(const struct perp_tick *tick, perp_tick_result *result) {
    const perp_core *core = tick->core;
    result->evaluated = tick->counts.evaluated;
    result->dispatched = tick->counts.dispatched;
    result->expired = tick->counts.expired;
    result->overdue = tick->counts.overdue;
    result->refused = tick->counts.refused;
    result->skipped = tick->counts.skipped;
    memcpy(result->refused_by, tick->counts.refused_by, sizeof result->refused_by);
    memcpy(result->skipped_by, tick->counts.skipped_by, sizeof result->skipped_by);
    perp_lock(core);
    result->pending = core->scheduler->n_pending;
    result->running = core->scheduler->running.count;
    result->status = tick->paused ? PERP_TICK_PAUSED : PERP_TICK_OK;
    if (core->risk->killed)
        result->status = PERP_TICK_KILLED;
    perp_unlock(core);
    list_repairs(result);
}

perp_status perp_scheduler_tick(perp_scheduler *scheduler, const perp_call *call,
                                perp_tick_result *result) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    perp_core *core = scheduler->core;
    if (result &&
        (result->struct_size < sizeof *result || !perp_struct_fits(result, sizeof *result) ||
         !perp_struct_tail_is_zero(result, sizeof *result)))
        return perp_fail(core, PERP_E_INVALID, "result: struct_size %u is not known",
                         result->struct_size);
    if (perp_in_callback(core))
        return perp_fail(core, PERP_E_STATE, "tick: called from inside a callback");
    if (call && call->now_ns != PERP_TIME_NONE)
        perp_market_pull(core->market, NULL, 0, perp_query_time(core, call->now_ns));
    struct perp_tick tick;
    perp_zero(&tick, offsetof(struct perp_tick, eval));
    tick.core = core;
    tick.book = core;
    tick.result = result;
    if (result) {
        result->n_items = 0;
        tick.list = result->want_items != 0;
        if (!result->items)
            result->allocator = core->config.allocator;
    }
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    perp_status status = perp_tick_decide(&tick, &d);
    if (status == PERP_OK && !core->store_failed)
        settle_waiting(&tick, &d);
    status = perp_decision_close(&d, status);
    if (status == PERP_OK) { /* of a book that broke nothing is handed over */
        execute_all(&tick, call);
        if (result)
            fill_result(&tick, result);
    } else if (result) {
        result->n_items = 0;
    }
    if (tick.more) {
        perp_lock(core);
        perp_free(core, tick.more, tick.more_capacity * sizeof *tick.more);
        perp_unlock(core);
    }
    return status;
}
