/* After the commit: each dispatched job is looked at again and goes to the host's executor, with no
   lock held. */
#include "scheduler/tick.h"

#include <string.h>

#include "util/sized.h"

bool perp_chosen_reserve(struct perp_tick *tick, uint32_t candidates) {
    void *more = tick->more;
    uint32_t places = tick->book->config.scheduler.max_global_concurrent_jobs;
    uint32_t free_of_limits = tick->plan->n_candidates, n = candidates;
    if (n - free_of_limits > places)
        n = free_of_limits + places;
    bool done = n <= PERP_FEW_CHOSEN || perp_grow(tick->core, &more, &tick->more_capacity,
                                                  n - PERP_FEW_CHOSEN, sizeof *tick->more);
    tick->more = more;
    return done;
}

void perp_chosen_add(struct perp_tick *tick, const perp_uuid *id) {
    uint32_t n = tick->n_chosen++;
    *perp_chosen_at(tick, n) = (struct perp_chosen){*id, 0};
}

struct perp_chosen *perp_chosen_at(struct perp_tick *tick, uint32_t n) {
    return n < PERP_FEW_CHOSEN ? &tick->few[n] : &tick->more[n - PERP_FEW_CHOSEN];
}

static perp_tick_item *dispatched_item(struct perp_tick *tick, const perp_uuid *id) {
    perp_tick_result *result = tick->result;
    for (uint32_t i = 0; result && i < result->n_items; i++)
        if (result->items[i].kind == PERP_TICK_DISPATCHED &&
            memcmp(&result->items[i].job_id, id, sizeof *id) == 0)
            return &result->items[i];
    return NULL;
}

void perp_chosen_wait(struct perp_tick *tick) {
    bool lists = tick->list != PERP_LIST_NOTHING; /* else its items are those of another tick */
    perp_tick_item *item = lists ? tick->result->items : NULL;
    for (uint32_t i = 0; i < tick->n_chosen; i++) {
        struct perp_chosen *chosen = perp_chosen_at(tick, i);
        struct perp_job_entry *job = perp_job_find(tick->core, &chosen->id);
        if (!job) /* never: it has just begun to run */
            continue;
        job->run->waits_turn = true;
        chosen->dispatch = job->run->dispatch;
        while (item && item->kind != PERP_TICK_DISPATCHED)
            item++; /* items are in the order of what was chosen */
        if (item)
            item++->dispatch = job->run->dispatch;
    }
}

/* What became of a job that the store, or want of memory, did not let the book know yet. */
enum { SAID_REFUSED = 1, SAID_IN_DOUBT, SAID_DECLINED, SAID_WITHDRAWN };

/* A job as the executor sees it: a copy, since the book may change while the host works on it. */
struct parcel {
    perp_execution execution;
    perp_order orders[PERP_MAX_LEGS];
    char metadata[PERP_MAX_METADATA];
};

/* How far its orders may be priced, and what the next one is called. */
static void pack_order(const perp_core *core, const struct perp_job_entry *job, uint32_t n,
                       int64_t now, perp_order *order) {
    const struct perp_job_leg *leg = &job->legs[n];
    struct perp_market_view market;
    double other;
    perp_market_read(core->market, leg->instrument, now, &market);
    double reference = perp_order_reference(core, &market, now);
    order->reduce_only = job->run->reduce_only;
    if (reference > 0)
        perp_order_collar(core, reference, leg->side, job->run->reduce_only, &order->limit_price,
                          &other);
    order->attempt = perp_leg_attempts(job, n) + 1;
    perp_client_id_of(&core->exchanges[leg->exchange].spec, &job->id, n, order->attempt, 0,
                      order->client_id);
}

static void pack(const perp_core *core, const struct perp_job_entry *job, int64_t now,
                 struct parcel *parcel) {
    memset(&parcel->execution, 0, sizeof parcel->execution);
    perp_execution *execution = &parcel->execution;
    execution->struct_size = sizeof *execution;
    execution->strategy = job->strategy;
    execution->job_id = job->id;
    execution->reduce_only = job->run->reduce_only;
    execution->is_repair = job->is_repair;
    execution->dispatch = job->run->dispatch;
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
                                         .price = job->run->legs[i].price,
                                         .leverage = leg->leverage,
                                         .notional = leg->notional};
        pack_order(core, job, i, now, &parcel->orders[i]);
    }
    if (job->metadata_size)
        memcpy(parcel->metadata, job->metadata, job->metadata_size);
}

/* The job runs, and by this dispatch: it was neither finished nor requeued meanwhile. */
static struct perp_job_entry *still_there(perp_core *core, const struct perp_chosen *chosen) {
    struct perp_job_entry *job = perp_job_find(core, &chosen->id);
    return job && job->state == PERP_JOB_RUNNING && job->run->dispatch == chosen->dispatch ? job
                                                                                           : NULL;
}

/* That nothing was sent is not believed of a job that has orders. */
static uint32_t said_of(const struct perp_job_entry *job, uint32_t outcome) {
    if (perp_job_has_orders(job))
        return SAID_IN_DOUBT;
    return outcome == PERP_OUTCOME_REFUSED    ? SAID_REFUSED
           : outcome == PERP_OUTCOME_DECLINED ? SAID_DECLINED
                                              : SAID_IN_DOUBT;
}

/* It was never sent, and nobody is to blame. That holds whatever the store says. */
static perp_status withdraw(struct perp_decision *d, const perp_uuid *id, uint32_t reason) {
    perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    d->protects = false; /* of what the decision does next this is not said */
    if (status != PERP_OK)
        return status;
    struct perp_job_entry *job = perp_job_find(d->core, id);
    struct perp_sheet *sheet = perp_sheet_of_requeue(d->core, job, NULL, d->now);
    perp_put_withdraw(d->core, &(struct perp_ev_withdraw){*id, reason});
    perp_put_stories(d->core, sheet, d->now, NULL, job->is_repair ? job : NULL);
    return perp_decision_commit(d);
}

static perp_status finish_as(struct perp_decision *d, const perp_uuid *id, uint32_t said,
                             perp_finish_outcome *finished) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = said == SAID_REFUSED ? PERP_RESULT_FAILED : PERP_RESULT_UNKNOWN;
    perp_status status = perp_decide_finish(d, id, &result, finished);
    return status == PERP_OK ? perp_decision_commit(d) : status;
}

/* What the executor said of a job, unless the host has already finished it from inside the
   callback. The tick itself is done: an outcome that can't be recorded now stays with the job until
   the next tick. */
static void settle(struct perp_tick *tick, struct perp_decision *d, struct perp_job_entry *job,
                   uint32_t said) {
    const perp_uuid id = job->id;
    perp_finish_outcome finished = {.struct_size = sizeof finished};
    bool nothing = said == SAID_DECLINED || said == SAID_WITHDRAWN;
    perp_status status =
        nothing ? withdraw(d, &id, PERP_REASON_DECLINED) : finish_as(d, &id, said, &finished);
    if (status != PERP_OK) {
        job->run->unsaid = said;
        tick->core->scheduler->some_unsaid = true;
        perp_tell_log(tick->core, PERP_LOG_ERROR, "an executor's outcome waits: %s",
                      perp_core_error(tick->core));
        return;
    }
}

/* Outcomes that an earlier tick could not record. */
static void settle_waiting(struct perp_tick *tick, struct perp_decision *d) {
    perp_scheduler *scheduler = tick->core->scheduler;
    struct perp_job_entry *job = scheduler->some_unsaid ? scheduler->running.first : NULL;
    scheduler->some_unsaid = false;
    while (job) {
        struct perp_job_entry *next = job->next;
        uint32_t said = job->run->unsaid;
        job->run->unsaid = 0;
        if (said && job->state == PERP_JOB_RUNNING)
            settle(tick, d, job, said);
        job = next;
    }
}

/* The host's own time; PERP_TIME_NONE: it has none. */
static int64_t host_time(perp_core *core) {
    const perp_callbacks *callbacks = &core->config.callbacks;
    int64_t now = PERP_TIME_NONE;
    if (!callbacks->clock)
        return now;
    struct perp_callback callback;
    perp_callback_begin(&callback, core);
    callbacks->clock(callbacks->user, &now);
    perp_callback_end(&callback);
    return now;
}

static bool is_late(const struct perp_tick *tick) {
    int64_t now = tick->began == PERP_TIME_NONE ? PERP_TIME_NONE : host_time(tick->core);
    return now != PERP_TIME_NONE &&
           perp_ns_since(tick->began, now) >
               tick->core->config.scheduler.max_handover_ms * PERP_NS_PER_MS;
}

/* Why new risk may not go to where a job trades. */
static uint32_t shut_for(const perp_core *core, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (perp_market_api(core->market, job->legs[i].exchange) == PERP_API_DOWN)
            return PERP_REASON_EXCHANGE_DOWN;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (core->risk->blacklist[perp_instrument_at(core, job->legs[i].instrument)->symbol].on ||
            core->risk->notes[job->legs[i].instrument].halted)
            return PERP_REASON_BLACKLISTED;
    return PERP_REASON_NONE;
}

/* Why a job that was dispatched must not be sent; PERP_REASON_NONE: it goes. */
static uint32_t look_again(const perp_core *core, const struct perp_job_entry *job, bool late) {
    bool way_out = job->run->reduce_only || job->is_repair;
    if (!job->is_flatten && (core->risk->killed || (core->risk->killed_exchanges & job->exchanges)))
        return PERP_REASON_KILLED;
    if (core->scheduler->paused && !way_out)
        return PERP_REASON_PAUSED;
    uint32_t reason = way_out ? PERP_REASON_NONE : shut_for(core, job);
    if (reason != PERP_REASON_NONE)
        return reason;
    return core->store_failed ? PERP_REASON_STORE_FAILED
           : late             ? PERP_REASON_HANDOVER_LATE
                              : PERP_REASON_NONE;
}

/* Somebody has finished or requeued it before its turn: this tick sends it no more, nor does a host
   that takes it from the result. */
static void take_off_list(struct perp_tick *tick, const perp_uuid *id) {
    perp_tick_item *item = dispatched_item(tick, id);
    perp_tick_result *result = tick->result;
    tick->counts.dispatched--;
    if (!item)
        return;
    size_t left = (size_t)(result->items + --result->n_items - item);
    memmove(item, item + 1, left * sizeof *item);
}

/* Under the lock: whether the job is handed over. From here on a kill lists it. */
static bool take_turn(struct perp_tick *tick, struct perp_decision *d,
                      const struct perp_chosen *chosen, bool late, struct parcel *parcel) {
    perp_core *core = tick->core;
    struct perp_job_entry *job = still_there(core, chosen);
    if (!job || core->corrupt) { /* nobody knows what a broken book should send */
        take_off_list(tick, &chosen->id);
        return false;
    }
    uint32_t reason = look_again(core, job, late);
    if (reason == PERP_REASON_NONE) {
        job->run->waits_turn = false;
        pack(core, job, tick->now, parcel);
        return true;
    }
    perp_tick_item *item = dispatched_item(tick, &chosen->id);
    if (item)
        *item = (perp_tick_item){.kind = PERP_TICK_WITHDRAWN,
                                 .reason = reason,
                                 .job_id = chosen->id,
                                 .dispatch = chosen->dispatch};
    tick->counts.dispatched--;
    tick->counts.withdrawn++;
    if (withdraw(d, &chosen->id, reason) != PERP_OK) {
        job->run->unsaid = SAID_WITHDRAWN;
        core->scheduler->some_unsaid = true;
    }
    return false;
}

static void hand_over(struct perp_tick *tick, const perp_call *call) {
    perp_core *core = tick->core;
    const perp_callbacks *callbacks = &core->config.callbacks;
    for (uint32_t i = 0; i < tick->n_chosen; i++) {
        const struct perp_chosen *chosen = perp_chosen_at(tick, i);
        struct parcel parcel;
        struct perp_decision d;
        bool late = is_late(tick);
        perp_decision_open(&d, core, call);
        perp_decision_take_time(&d); /* what happened is not refused for its time */
        bool goes = take_turn(tick, &d, chosen, late, &parcel);
        perp_decision_close(&d, PERP_OK);
        if (!goes || !callbacks->execute)
            continue;
        uint32_t outcome = PERP_OUTCOME_IN_DOUBT;
        struct perp_callback callback;
        perp_callback_begin(&callback, core);
        callbacks->execute(callbacks->user, &parcel.execution, &outcome);
        perp_callback_end(&callback);
        if (outcome == PERP_OUTCOME_ACCEPTED)
            continue;
        perp_decision_open(&d, core, call);
        perp_decision_take_time(&d);
        struct perp_job_entry *job = still_there(core, chosen);
        if (job)
            settle(tick, &d, job, said_of(job, outcome));
        perp_decision_close(&d, PERP_OK);
    }
}

static void fill_result(const struct perp_tick *tick, perp_tick_result *result) {
    const perp_core *core = tick->core;
    result->evaluated = tick->counts.evaluated;
    result->dispatched = tick->counts.dispatched;
    result->withdrawn = tick->counts.withdrawn;
    result->expired = tick->counts.expired;
    result->overdue = tick->counts.overdue;
    result->refused = tick->counts.refused;
    result->skipped = tick->counts.skipped;
    result->looked_at = tick->looked_at;
    memcpy(result->refused_by, tick->counts.refused_by, sizeof result->refused_by);
    memcpy(result->skipped_by, tick->counts.skipped_by, sizeof result->skipped_by);
    perp_lock(core);
    result->pending = core->scheduler->n_pending;
    result->running = core->scheduler->running.count;
    result->status = tick->killed   ? PERP_TICK_KILLED
                     : tick->paused ? PERP_TICK_PAUSED
                                    : PERP_TICK_OK;
    perp_unlock(core);
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
        tick.list = result->want_items < PERP_LIST_ALL ? result->want_items : PERP_LIST_ALL;
        if (!result->items)
            result->allocator = core->config.allocator;
    }
    tick.began = host_time(core);
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    for (uint32_t n = 0; perp_tick_ahead(core, call, n, &tick.looked_at); n++) {
        perp_lock_give_way(&core->lock);
        perp_decision_open(&d, core, call);
    }
    perp_status status = perp_tick_decide(&tick, &d);
    if (status == PERP_OK && !core->store_failed)
        settle_waiting(&tick, &d);
    status = perp_decision_close(&d, status);
    if (status == PERP_OK) { /* of a book that broke nothing is handed over */
        hand_over(&tick, call);
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
