/* Pause, resume, the kill switch, limits. */
#include "scheduler/scheduler.h"

#include <string.h>

#include "util/sized.h"
#include "util/text.h"

static perp_status decide_plain(struct perp_decision *d, uint32_t kind) {
    if (kind == PERP_EVENT_PAUSE)
        perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_plain(d->core, kind);
    return status;
}

perp_status perp_scheduler_pause(perp_scheduler *scheduler, const perp_call *call) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_plain(&d, PERP_EVENT_PAUSE));
}

/* The store must take this change before dispatch goes on. */
static perp_status resume(struct perp_decision *d) {
    perp_core *core = d->core;
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "resume");
    if (status == PERP_OK)
        status = decide_plain(d, PERP_EVENT_RESUME);
    if (status == PERP_OK)
        status = perp_decision_commit(d);
    if (status == PERP_OK && core->store_failed) {
        core->store_failed = false;
        perp_tell_alert(core, PERP_ALERT_STORE_FAILED, PERP_ALERT_CRITICAL, false, "store",
                        "the store works again: dispatch goes on");
    }
    return status;
}

perp_status perp_scheduler_resume(perp_scheduler *scheduler, const perp_call *call) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, resume(&d));
}

static perp_status decide_kill(struct perp_decision *d, bool enabled, perp_exchange_id exchange) {
    perp_core *core = d->core;
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (enabled)
        perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK && !enabled)
        status = perp_call_signed(core, d->call, "kill off");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_kill(core, &(struct perp_ev_kill){exchange, enabled});
    return status;
}

/* What runs on an exchange (or anywhere) and was handed over, in order of dispatch, from dispatch
   number *from on; *from is behind the last that had room. */
static uint32_t list_running(const perp_core *core, perp_exchange_id exchange, uint64_t *from,
                             perp_uuid *jobs, uint32_t capacity) {
    uint32_t n = 0;
    uint64_t next = *from;
    for (const struct perp_job_entry *job = core->scheduler->running.first; job; job = job->next) {
        if ((exchange != PERP_ALL_EXCHANGES && !(job->exchanges >> exchange & 1)) ||
            job->run->waits_turn || job->run->dispatch < *from)
            continue;
        if (n < capacity) {
            jobs[n] = job->id;
            next = job->run->dispatch + 1;
        }
        n++;
    }
    *from = next;
    return n;
}

static void tell_killed(perp_core *core, perp_exchange_id exchange, const perp_uuid *jobs,
                        uint32_t n) {
    const perp_callbacks *callbacks = &core->config.callbacks;
    struct perp_callback callback;
    perp_callback_begin(&callback, core);
    callbacks->on_kill(callbacks->user, exchange, jobs, n);
    perp_callback_end(&callback);
}

/* Where there is no memory for the list: as many calls as it takes. */
static void tell_killed_in_parts(perp_core *core, perp_exchange_id exchange) {
    enum { PART = 64 };
    perp_uuid part[PART];
    uint64_t from = 0;
    uint32_t left;
    do {
        perp_lock(core);
        left = list_running(core, exchange, &from, part, PART);
        perp_unlock(core);
        tell_killed(core, exchange, part, left < PART ? left : PART);
    } while (left > PART);
}

perp_status perp_scheduler_kill(perp_scheduler *scheduler, const perp_call *call, uint32_t enabled,
                                perp_exchange_id exchange, perp_uuid *jobs, uint32_t capacity,
                                uint32_t *count) {
    if (!scheduler || (capacity && !jobs))
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "kill: NULL");
    perp_core *core = scheduler->core;
    bool tell = enabled && core->config.callbacks.on_kill;
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    /* A callback that kills again what is killed is not called for it: it would never end. */
    if (tell && perp_in_callback(core))
        tell = exchange == PERP_ALL_EXCHANGES ? !core->risk->killed
                                              : exchange >= PERP_MAX_EXCHANGES ||
                                                    !(core->risk->killed_exchanges >> exchange & 1);
    perp_status status = decide_kill(&d, enabled != 0, exchange);
    if (status == PERP_OK)
        status = perp_decision_commit(&d);
    bool killed = status == PERP_OK && enabled;
    tell = tell && killed;
    uint32_t n = scheduler->running.count, running = 0;
    perp_uuid *told = tell && n ? perp_alloc(core, n * sizeof *told) : NULL;
    uint64_t from = 0;
    if (killed)
        running = list_running(core, exchange, &from, jobs, capacity);
    from = 0;
    if (told)
        list_running(core, exchange, &from, told, n);
    if (status == PERP_OK && count)
        *count = running;
    perp_status left = perp_decision_close(&d, status);
    if (tell && n && !told)
        tell_killed_in_parts(core, exchange);
    else if (tell)
        tell_killed(core, exchange, told, running);
    if (told) {
        perp_lock(core);
        perp_free(core, told, n * sizeof *told);
        perp_unlock(core);
    }
    return status == PERP_OK ? PERP_OK : left;
}

void perp_limits_init(perp_limits *limits) {
    if (!limits)
        return;
    memset(limits, 0, sizeof *limits);
    limits->struct_size = sizeof *limits;
    limits->max_global_concurrent_jobs = PERP_NO_ID;
    limits->max_dispatch_per_minute = PERP_NO_ID;
    limits->exchange = PERP_NO_ID;
    limits->max_concurrent = PERP_NO_ID;
    limits->max_notional = -1;
}

/* Whether one of the limits given is above what holds now. A rate of 0 is the highest. */
static bool raises(const perp_core *core, const perp_limits *limits) {
    const perp_scheduler_config *config = &core->config.scheduler;
    uint32_t jobs = limits->max_global_concurrent_jobs, rate = limits->max_dispatch_per_minute;
    if (jobs != PERP_NO_ID && jobs > config->max_global_concurrent_jobs)
        return true;
    if (rate != PERP_NO_ID && config->max_dispatch_per_minute != 0 &&
        (rate == 0 || rate > config->max_dispatch_per_minute))
        return true;
    if (limits->max_concurrent != PERP_NO_ID &&
        limits->max_concurrent > perp_exchange_max_jobs(core, limits->exchange))
        return true;
    return limits->max_notional >= 0 &&
           limits->max_notional > perp_exchange_max_notional(core, limits->exchange);
}

static perp_status decide_limits(struct perp_decision *d, const perp_limits *given) {
    perp_core *core = d->core;
    perp_limits limits;
    perp_limits_init(&limits);
    if (!given || !perp_struct_in(&limits, sizeof limits, given))
        return perp_fail(core, PERP_E_INVALID, "limits: NULL, or struct_size is not known");
    if (limits.reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "limits.reserved: %u must be 0", limits.reserved);
    bool own = limits.max_concurrent != PERP_NO_ID || limits.max_notional != -1;
    bool sane = limits.max_notional >= -1 && limits.max_notional <= PERP_MOST_USD &&
                (limits.max_dispatch_per_minute == PERP_NO_ID ||
                 limits.max_dispatch_per_minute <= PERP_MAX_RATE);
    if (limits.exchange != PERP_NO_ID && limits.exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", limits.exchange);
    bool lowers = sane && !(own && limits.exchange == PERP_NO_ID) && !raises(core, &limits);
    if (lowers)
        perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (own && limits.exchange == PERP_NO_ID)
        return perp_fail(core, PERP_E_INVALID,
                         "limits: max_concurrent and max_notional need an exchange");
    if (sane && !lowers)
        status = perp_call_signed(core, d->call, "raising a limit");
    if (status == PERP_OK && !sane)
        status = perp_fail(core, PERP_E_RANGE,
                           "limits: max_notional %s or max_dispatch_per_minute %u is out of range",
                           PERP_SHOW_USD(limits.max_notional), limits.max_dispatch_per_minute);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_limits(core, &(struct perp_ev_limits){
                                  .max_global_concurrent_jobs = limits.max_global_concurrent_jobs,
                                  .max_dispatch_per_minute = limits.max_dispatch_per_minute,
                                  .exchange = limits.exchange,
                                  .max_concurrent = limits.max_concurrent,
                                  .max_notional = limits.max_notional});
    return status;
}

perp_status perp_scheduler_set_limits(perp_scheduler *scheduler, const perp_call *call,
                                      const perp_limits *limits) {
    if (!scheduler)
        return perp_fail(NULL, PERP_E_INVALID, "scheduler: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_limits(&d, limits));
}
