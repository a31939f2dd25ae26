/* What each kind of event does to jobs, and the table of all kinds. Nothing here can fail. */

#include <math.h>
#include <string.h>

#include "book/book.h"
#include "core/blob.h"

static struct perp_job_entry *job_of(perp_core *core, const struct perp_event *event) {
    return perp_job_find(core, &event->job);
}

static void count_end(perp_core *core, uint32_t state) {
    core->scheduler->ended_today[state]++;
    core->scheduler->ended_total[state]++;
}

/* A repair is no longer waited for. */
static void forget_repair(perp_core *core, const struct perp_job_entry *repair) {
    struct perp_job_entry *first = perp_job_find(core, &repair->parent);
    if (repair->is_repair && first)
        first->has_repair = false;
}

static struct perp_job_leg leg_from(const perp_core *core, const struct perp_event_item *item) {
    return (struct perp_job_leg){.instrument = item->instrument,
                                 .exchange = item->exchange,
                                 .base = perp_instrument_at(core, item->instrument)->base,
                                 .side = item->side,
                                 .maker = item->flags,
                                 .quantity = item->quantity,
                                 .leverage = item->leverage,
                                 .notional = item->amount};
}

static bool prepare_submit(perp_core *core, const struct perp_event *event) {
    struct perp_job_blob blob;
    memcpy(&blob, perp_event_bytes_of(event), sizeof blob);
    return perp_spare_reserve(core, blob.is_repair ? 2 : event->n_items, blob.metadata_size);
}

void perp_apply_submit(perp_core *core, const struct perp_event *event) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = perp_spare_take(core);
    struct perp_job_blob blob;
    memcpy(&blob, perp_event_bytes_of(event), sizeof blob);
    job->id = event->job;
    job->parent = event->other;
    job->strategy = blob.strategy;
    job->state = PERP_JOB_PENDING;
    job->notional = event->amount;
    job->est_volume = blob.est_volume;
    job->edge_bps = blob.edge_bps;
    job->holding_hours = blob.holding_hours;
    job->given_created = blob.given_created;
    job->ttl_ms = blob.ttl_ms;
    job->ttl_from = blob.ttl_from;
    job->max_run_ms = blob.max_run_ms;
    job->priority = blob.priority;
    job->is_repair = blob.is_repair;
    job->order = scheduler->next_order++;
    job->submitted = perp_clock(core);
    job->started = job->ended = PERP_TIME_NONE;
    job->score = NAN;
    job->n_legs = event->n_items;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        job->legs[i] = leg_from(core, &perp_event_items_of(event)[i]);
        job->exchanges |= UINT64_C(1) << job->legs[i].exchange;
    }
    if (blob.metadata_size)
        memcpy(job->metadata, (const char *)perp_event_bytes_of(event) + sizeof blob,
               blob.metadata_size);
    perp_map_add(&core->jobs, &job->id, job);
    perp_pending_add(scheduler, job);
    scheduler->submitted_today++;
    scheduler->submitted_total++;
    struct perp_job_entry *first = job->is_repair ? perp_job_find(core, &job->parent) : NULL;
    if (first) {
        first->attempts++;
        first->has_repair = true;
    }
}

void perp_apply_leave(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    uint32_t state = event->kind == PERP_EVENT_CANCEL   ? PERP_JOB_CANCELLED
                     : event->kind == PERP_EVENT_EXPIRE ? PERP_JOB_EXPIRED
                                                        : PERP_JOB_REJECTED;
    if (event->kind == PERP_EVENT_REJECT)
        job->last_refusal = event->reason;
    perp_pending_remove(core->scheduler, job);
    forget_repair(core, job);
    count_end(core, state);
    perp_job_end(core, job, state, perp_clock(core));
}

void perp_apply_overdue(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    job->overdue = true;
    perp_uuid_format(&job->id, id);
    perp_tell_alert(core, PERP_ALERT_JOB_OVERDUE, PERP_ALERT_WARNING, true, id,
                    "runs longer than its max_run_ms");
}

void perp_apply_refuse(perp_core *core, const struct perp_event *event) {
    job_of(core, event)->last_refusal = event->reason;
}

void perp_apply_choose(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    struct perp_job_leg leg = leg_from(core, perp_event_items_of(event));
    bool linked = job->linked; /* chosen in the same tick: its links stay */
    struct perp_job_leg links = job->legs[0];
    perp_repair_set(job, &leg);
    if (!linked)
        return;
    job->legs[0].price = links.price;
    job->legs[0].job = links.job;
    job->legs[0].next = links.next;
    job->legs[0].previous = links.previous;
}

static bool prepare_dispatch(perp_core *core, const struct perp_event *event) {
    for (uint64_t left = event->good; left;)
        if (!perp_times_reserve(core, perp_bit_take(&left)))
            return false;
    return perp_capital_prepare_held(core, (uint32_t)event->number);
}

void perp_apply_dispatch(perp_core *core, const struct perp_event *event) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = job_of(core, event);
    const struct perp_event_item *items = perp_event_items_of(event);
    uint32_t n = (uint32_t)event->number;
    perp_pending_remove(scheduler, job);
    struct perp_held **end = &job->held;
    for (uint32_t i = 0; i < n; i++) {
        struct perp_need need = {items[i].exchange, items[i].flags, items[i].amount};
        *end = perp_capital_hold(core, &need, &job->id);
        end = &(*end)->next_of_job;
    }
    for (uint32_t i = 0; i < job->n_legs; i++)
        job->legs[i].price = items[n + i].price;
    perp_exposure_link(core, job);
    for (uint64_t left = event->good; left;)
        perp_times_add(core, perp_bit_take(&left));
    job->state = PERP_JOB_RUNNING;
    job->started = perp_clock(core);
    job->unsaid = 0;
    job->reduce_only = event->flags & 1;
    job->overdue = false;
    if (perp_job_due(job) < scheduler->next_due)
        scheduler->next_due = perp_job_due(job);
    perp_list_add(&scheduler->running, job);
    scheduler->dispatched_today++;
    scheduler->dispatched_total++;
}

void perp_apply_doubt(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    perp_uuid_format(&job->id, id);
    job->state = PERP_JOB_IN_DOUBT;
    job->unsaid = 0;
    core->scheduler->n_in_doubt++;
    perp_tell_alert(core, PERP_ALERT_JOB_IN_DOUBT, PERP_ALERT_WARNING, true, id,
                    "ask the exchange what happened, then finish or requeue");
}

/* Out of the running jobs. */
static void stop_running(perp_core *core, struct perp_job_entry *job) {
    if (job->state == PERP_JOB_IN_DOUBT)
        core->scheduler->n_in_doubt--;
    perp_list_remove(&core->scheduler->running, job);
    perp_exposure_unlink(core, job);
}

static void settle_unresolved(perp_core *core, struct perp_job_entry *job) {
    char id[37];
    perp_uuid_format(&job->id, id);
    for (uint32_t i = 0; i < job->n_naked; i++)
        core->risk->unresolved[job->naked_bases[i]]--;
    job->unresolved = false;
    job->has_repair = false;
    perp_list_remove(&core->scheduler->unresolved, job);
    perp_job_give_back(core, job);
    perp_tell_alert(core, PERP_ALERT_UNRESOLVED_LEG, PERP_ALERT_CRITICAL, false, id,
                    "the position is squared");
    int64_t ended = job->ended; /* when it ended partial, not when it was squared */
    perp_job_end(core, job, PERP_JOB_PARTIAL, ended);
}

static bool prepare_finish(perp_core *core, const struct perp_event *event) {
    const struct perp_event_item *item = perp_event_items_of(event);
    for (uint32_t i = 0; i < event->n_items && item[i].flags == PERP_FINISH_FILL; i++)
        if (!perp_exposure_prepare_fill(core, item[i].instrument))
            return false;
    return true;
}

static void take_naked(perp_core *core, struct perp_job_entry *job,
                       const struct perp_event_item *items, uint32_t n) {
    job->n_naked = n;
    for (uint32_t i = 0; i < n; i++) {
        job->naked_bases[i] = items[i].instrument;
        job->naked[i] = items[i].quantity;
        core->risk->unresolved[items[i].instrument]++;
    }
    job->state = PERP_JOB_PARTIAL;
    job->ended = perp_clock(core);
    job->unresolved = true;
    perp_list_add(&core->scheduler->unresolved, job);
}

/* Fills and bookings of a finish; returns the items after them. */
static const struct perp_event_item *book_items(perp_core *core, struct perp_job_entry *job,
                                                const struct perp_event *event, uint32_t n_naked) {
    const struct perp_event_item *item = perp_event_items_of(event);
    const struct perp_event_item *end = item + event->n_items - n_naked;
    for (; item < end; item++) {
        if (item->flags == PERP_FINISH_FILL) {
            double sign = item->side == PERP_SIDE_BUY ? 1 : -1;
            perp_exposure_fill(core, item->instrument, item->time_ns, sign * item->quantity,
                               item->price);
            continue;
        }
        perp_capital_book(core, item->exchange, item->pnl, item->volume, item->fees);
        job->pnl += item->pnl;
        job->volume += item->volume;
        job->fees += item->fees;
    }
    return item;
}

void perp_apply_finish(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    uint32_t n_naked = (uint32_t)event->number;
    stop_running(core, job);
    const struct perp_event_item *naked = book_items(core, job, event, n_naked);
    perp_risk_count(core, event->flags & PERP_FINISH_GOOD, event->good, event->bad);
    perp_risk_look_at_loss(core, false);
    count_end(core, event->reason);
    struct perp_job_entry *first = job->is_repair ? perp_job_find(core, &job->parent) : NULL;
    if (event->flags & PERP_FINISH_KEEP) {
        take_naked(core, job, naked, n_naked);
    } else if (event->flags & PERP_FINISH_CONFIRM) {
        for (struct perp_held *held = job->held; held; held = held->next_of_job)
            perp_capital_use(core, held);
        job->state = PERP_JOB_OPEN;
        job->ended = perp_clock(core);
        perp_list_add(&core->scheduler->open, job);
    } else {
        perp_job_give_back(core, job);
        perp_job_end(core, job, event->reason, perp_clock(core));
    }
    if (!first || !first->unresolved)
        return;
    first->naked[0] = event->x;
    first->has_repair = false;
    if (event->flags & PERP_FINISH_SQUARED)
        settle_unresolved(core, first);
}

void perp_apply_close(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    perp_list_remove(&core->scheduler->open, job);
    for (uint32_t i = 0; i < event->n_items; i++) {
        const struct perp_event_item *item = &perp_event_items_of(event)[i];
        perp_capital_book(core, item->exchange, item->pnl, item->volume, item->fees);
    }
    job->pnl += event->pnl;
    job->volume += event->volume;
    job->fees += event->fees;
    perp_job_give_back(core, job);
    perp_risk_look_at_loss(core, false);
    count_end(core, PERP_JOB_CLOSED);
    perp_job_end(core, job, PERP_JOB_CLOSED, perp_clock(core));
}

static bool prepare_requeue(perp_core *core, const struct perp_event *event) {
    (void)event;
    return perp_pending_reserve(core);
}

void perp_apply_requeue(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    stop_running(core, job);
    perp_job_give_back(core, job);
    job->state = PERP_JOB_PENDING;
    job->ttl_from = perp_clock(core);
    job->started = PERP_TIME_NONE;
    job->unsaid = 0;
    job->overdue = false;
    job->reduce_only = false;
    perp_pending_add(core->scheduler, job);
}

void perp_apply_resolve(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    perp_uuid id;
    perp_repair_id(job, job->attempts, &id);
    struct perp_job_entry *repair = job->has_repair ? perp_job_find(core, &id) : NULL;
    if (repair) {
        perp_pending_remove(core->scheduler, repair);
        count_end(core, PERP_JOB_CANCELLED);
        perp_job_end(core, repair, PERP_JOB_CANCELLED, perp_clock(core));
    }
    settle_unresolved(core, job);
}

void perp_scheduler_roll(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    scheduler->submitted_today = scheduler->dispatched_today = 0;
    memset(scheduler->ended_today, 0, sizeof scheduler->ended_today);
}

void perp_apply_pause(perp_core *core, const struct perp_event *event) {
    core->scheduler->paused = event->kind == PERP_EVENT_PAUSE;
    perp_tell_log(core, PERP_LOG_INFO, "dispatch is %s",
                  core->scheduler->paused ? "paused" : "resumed");
}

void perp_apply_limits(perp_core *core, const struct perp_event *event) {
    perp_limits limits;
    memcpy(&limits, perp_event_bytes_of(event), sizeof limits);
    if (limits.max_global_concurrent_jobs != PERP_NO_ID)
        core->config.scheduler.max_global_concurrent_jobs = limits.max_global_concurrent_jobs;
    if (limits.max_dispatch_per_minute != PERP_NO_ID)
        core->config.scheduler.max_dispatch_per_minute = limits.max_dispatch_per_minute;
    if (limits.max_concurrent != PERP_NO_ID)
        core->exchanges[limits.exchange].max_concurrent = limits.max_concurrent;
    if (limits.max_notional >= 0)
        core->exchanges[limits.exchange].max_notional = limits.max_notional;
}

static void apply_clock(perp_core *core, const struct perp_event *event) {
    (void)core;
    (void)event; /* every event moves the clock to its time; this one does no more */
}

/* The three parts of a configuration that are stored, as they are in memory. */
struct stored_config {
    perp_capital_config capital;
    perp_risk_config risk;
    perp_scheduler_config scheduler;
};

void perp_put_config(perp_core *core, const perp_config *config) {
    struct stored_config stored;
    memset(&stored, 0, sizeof stored);
    stored.capital = config->capital;
    stored.risk = config->risk;
    stored.scheduler = config->scheduler;
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_CONFIG, 0, sizeof stored);
    memcpy(perp_event_bytes(event), &stored, sizeof stored);
}

static bool prepare_config(perp_core *core, const struct perp_event *event) {
    (void)core;
    return event->n_bytes == sizeof(struct stored_config);
}

static void apply_config(perp_core *core, const struct perp_event *event) {
    struct stored_config stored;
    memcpy(&stored, perp_event_bytes_of(event), sizeof stored);
    core->config.capital = stored.capital;
    core->config.risk = stored.risk;
    core->config.scheduler = stored.scheduler;
    perp_capital_rebudget(core);
}

static void apply_roll(perp_core *core, const struct perp_event *event) {
    perp_capital_roll(core, event->number);
    perp_risk_roll(core);
    perp_scheduler_roll(core);
}

static bool prepare_instrument(perp_core *core, const struct perp_event *event) {
    return perp_prepare_instrument(core, event) &&
           perp_market_add_instrument(core->market, perp_n_instruments(core)) == PERP_OK &&
           perp_risk_prepare_tables(core);
}

static void apply_equity(perp_core *core, const struct perp_event *event) {
    perp_apply_equity(core, event);
    perp_risk_look_at_loss(core, false);
}

static void apply_transfer(perp_core *core, const struct perp_event *event) {
    perp_apply_transfer(core, event);
    perp_risk_look_at_loss(core, false);
}

static void apply_correct(perp_core *core, const struct perp_event *event) {
    perp_apply_correct(core, event);
    perp_risk_look_at_loss(core, true);
}

static void apply_pnl(perp_core *core, const struct perp_event *event) {
    perp_apply_pnl(core, event);
    perp_risk_look_at_loss(core, false);
}

#define ROW(NAME, row_name, prepare_fn, apply_fn)                                                  \
    [PERP_EVENT_##NAME] = {.name = row_name, .prepare = prepare_fn, .apply = apply_fn}

const struct perp_event_row perp_event_rows[PERP_EVENT_COUNT] = {
    ROW(CLOCK, "clock", NULL, apply_clock),
    ROW(ROLL, "day_roll", NULL, apply_roll),
    ROW(CONFIG, "configuration", prepare_config, apply_config),
    ROW(EXCHANGE, "exchange", perp_prepare_exchange, perp_apply_exchange),
    ROW(INSTRUMENT, "instrument", prepare_instrument, perp_apply_instrument),
    ROW(EQUITY, "equity", NULL, apply_equity),
    ROW(TRANSFER, "transfer", NULL, apply_transfer),
    ROW(CORRECT, "correct", NULL, apply_correct),
    ROW(SAFE_MODE, "safe_mode", NULL, perp_apply_safe_mode),
    ROW(PNL, "pnl", NULL, apply_pnl),
    ROW(RESERVE, "reserve", perp_capital_prepare, perp_apply_reserve),
    ROW(CONFIRM, "confirm", NULL, perp_apply_confirm),
    ROW(RELEASE, "release", NULL, perp_apply_release),
    ROW(SUCCESS, "success", NULL, perp_apply_result),
    ROW(FAILURE, "failure", NULL, perp_apply_result),
    ROW(CIRCUIT_UP, "circuit_up", NULL, perp_apply_circuit_up),
    ROW(RESET_HALT, "reset_halt", NULL, perp_apply_reset_halt),
    ROW(MODE, "mode", NULL, perp_apply_mode),
    ROW(OVERRIDE, "override", NULL, perp_apply_override),
    ROW(KILL, "kill", NULL, perp_apply_kill),
    ROW(BLACKLIST, "blacklist", perp_prepare_blacklist, perp_apply_blacklist),
    ROW(SUBMIT, "submit", prepare_submit, perp_apply_submit),
    ROW(CANCEL, "cancel", NULL, perp_apply_leave),
    ROW(EXPIRE, "expire", NULL, perp_apply_leave),
    ROW(OVERDUE, "overdue", NULL, perp_apply_overdue),
    ROW(REFUSE, "refuse", NULL, perp_apply_refuse),
    ROW(REJECT, "reject", NULL, perp_apply_leave),
    ROW(CHOOSE, "choose", NULL, perp_apply_choose),
    ROW(DISPATCH, "dispatch", prepare_dispatch, perp_apply_dispatch),
    ROW(DOUBT, "doubt", NULL, perp_apply_doubt),
    ROW(FINISH, "finish", prepare_finish, perp_apply_finish),
    ROW(CLOSE, "close", NULL, perp_apply_close),
    ROW(REQUEUE, "requeue", prepare_requeue, perp_apply_requeue),
    ROW(RESOLVE, "resolve", NULL, perp_apply_resolve),
    ROW(LIMITS, "limits", NULL, perp_apply_limits),
    ROW(PAUSE, "pause", NULL, perp_apply_pause),
    ROW(RESUME, "resume", NULL, perp_apply_pause),
};
