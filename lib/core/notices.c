/* Around every call: the lock, and what is told to the host once it is given back. */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/batch.h"

/* The book makes a checkpoint by itself after so many events. It is no part of the call: where it
   fails, the records are still there. */
static void checkpoint_if_due(perp_core *core) {
    uint64_t every = core->config.checkpoint_every;
    if (!every || !core->write_checkpoint || core->corrupt || core->store_failed ||
        perp_batch_waits(core) || /* the store's records end before the book */
        core->seq - core->checkpoint_seq < every)
        return;
    core->checkpoint_seq = core->seq;
    if (core->write_checkpoint(core) != PERP_OK)
        perp_tell_log(core, PERP_LOG_WARNING, "no checkpoint was written: %s",
                      perp_core_error(core));
}

/* A notice that finds no memory is still counted, and said by the next one that does. */
static struct perp_notice *notice_add(perp_core *core) {
    struct perp_notices *notices = core->notices;
    void *items = notices->items;
    if (!perp_grow(core, &items, &notices->capacity, notices->count + 1,
                   sizeof(struct perp_notice))) {
        notices->lost++;
        return NULL;
    }
    notices->items = items;
    struct perp_notice *notice = &notices->items[notices->count++];
    memset(notice, 0, sizeof *notice);
    return notice;
}

void perp_tell_log(perp_core *core, uint32_t level, const char *format, ...) {
    if (!core->config.callbacks.log || core->recovering)
        return;
    struct perp_notice *notice = notice_add(core);
    if (!notice)
        return;
    notice->log_level = level;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(notice->text, sizeof notice->text, format, arguments);
    va_end(arguments);
    if (length < 0)
        notice->text[0] = '\0';
}

void perp_tell(perp_core *core, const perp_alert *alert) {
    if (!core->config.callbacks.on_alert || core->recovering)
        return;
    struct perp_notice *notice = notice_add(core);
    if (!notice)
        return;
    notice->is_alert = true;
    notice->alert = *alert;
}

void perp_tell_alert(perp_core *core, uint32_t code, uint32_t level, bool active,
                     const char *subject, const char *format, ...) {
    if (!core->config.callbacks.on_alert || core->recovering)
        return;
    perp_alert alert = {.struct_size = sizeof alert,
                        .code = code,
                        .level = level,
                        .active = active,
                        .since_ns = core->batch->now};
    snprintf(alert.subject, sizeof alert.subject, "%s", subject);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(alert.message, sizeof alert.message, format, arguments);
    va_end(arguments);
    if (length < 0)
        alert.message[0] = '\0';
    perp_tell(core, &alert);
}

void perp_tell_leg_risk(perp_core *core, const char *base, double quantity) {
    if (!core->config.callbacks.on_leg_risk || core->recovering)
        return;
    struct perp_notice *notice = notice_add(core);
    if (!notice)
        return;
    notice->is_leg_risk = true;
    notice->quantity = quantity;
    snprintf(notice->base, sizeof notice->base, "%s", base);
}

void perp_tell_unhedged(perp_core *core, const perp_uuid *job, const char *base, double quantity) {
    if (!core->config.callbacks.on_unhedged || core->recovering)
        return;
    struct perp_notice *notice = notice_add(core);
    if (!notice)
        return;
    notice->is_unhedged = true;
    notice->job = *job;
    notice->quantity = quantity;
    snprintf(notice->base, sizeof notice->base, "%s", base);
}

static bool tells_of_jobs(const perp_core *core) {
    const perp_callbacks *callbacks = &core->config.callbacks;
    return (callbacks->on_job_end || callbacks->on_cancel) && !core->recovering;
}

bool perp_job_notices_reserve(perp_core *core, uint32_t more) {
    if (!tells_of_jobs(core))
        return true;
    struct perp_notices *notices = core->notices;
    void *jobs = notices->jobs;
    core->prepared.job_notices += more;
    bool done = perp_grow(core, &jobs, &notices->jobs_capacity,
                          notices->n_jobs + core->prepared.job_notices, sizeof *notices->jobs);
    notices->jobs = jobs;
    return done;
}

static void tell_of_job(perp_core *core, const perp_uuid *job, uint32_t state) {
    struct perp_notices *notices = core->notices;
    if (!tells_of_jobs(core))
        return;
    if (PERP_HOLDS(core, notices->n_jobs < notices->jobs_capacity,
                   "job: no room was made for what the host is told of it"))
        notices->jobs[notices->n_jobs++] = (struct perp_job_notice){*job, state};
}

void perp_tell_end(perp_core *core, const perp_uuid *job, uint32_t state) {
    tell_of_job(core, job, state);
}

void perp_tell_cancel(perp_core *core, const perp_uuid *job) {
    tell_of_job(core, job, PERP_JOB_STATE_COUNT);
}

static _Thread_local const struct perp_callback *innermost;

void perp_callback_begin(struct perp_callback *callback, perp_core *core) {
    *callback = (struct perp_callback){.core = core, .outer = innermost};
    innermost = callback;
    atomic_fetch_add_explicit(&core->n_callbacks, 1, memory_order_relaxed);
}

void perp_callback_end(const struct perp_callback *callback) {
    innermost = callback->outer;
    atomic_fetch_sub_explicit(&callback->core->n_callbacks, 1, memory_order_release);
}

bool perp_in_callback(const perp_core *core) {
    const struct perp_callback *at = innermost;
    while (at && at->core != core)
        at = at->outer;
    return at;
}

bool perp_in_source(const perp_core *core) {
    const struct perp_callback *at = innermost;
    while (at && !(at->core == core && at->is_source))
        at = at->outer;
    return at;
}

bool perp_in_rule_now(const perp_core *core) {
    const struct perp_callback *at = innermost;
    while (at && !(at->core == core && at->is_rule))
        at = at->outer;
    return at;
}

perp_status perp_refuse_in_rule(const perp_core *core) {
    return perp_fail(core, PERP_E_STATE, "called from inside a rule of the host");
}

void perp_rule_begin(struct perp_callback *callback, perp_core *core) {
    perp_callback_begin(callback, core);
    callback->is_rule = true;
    atomic_fetch_add_explicit(&core->n_asked, 1, memory_order_relaxed);
}

void perp_rule_end(const struct perp_callback *callback) {
    atomic_fetch_sub_explicit(&callback->core->n_asked, 1, memory_order_relaxed);
    perp_callback_end(callback);
}

/* How many decisions that came later may go before a reader, and how often it looks whether none
   waits any more. */
#define READER_GIVES_WAY 8
#define READER_LOOKS 16

bool perp_decisions_wait(const perp_core *core) {
    return atomic_load_explicit(&core->batch->deciders, memory_order_relaxed) > 0;
}

/* A reader asked: after the few that may still go before it a decision waits, for one turn. */
static void let_readers_pass(struct perp_turns *turns) {
    pthread_mutex_lock(&turns->lock);
    uint64_t before = turns->n_taken;
    if (turns->ahead < READER_GIVES_WAY)
        turns->ahead++;
    else
        while (turns->asked && turns->n_taken == before)
            pthread_cond_wait(&turns->taken, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
}

static void ask_for_turn(struct perp_turns *turns) {
    pthread_mutex_lock(&turns->lock);
    if (turns->asked++ == 0)
        turns->ahead = 0;
    pthread_mutex_unlock(&turns->lock);
}

static void end_turn(struct perp_turns *turns) {
    pthread_mutex_lock(&turns->lock);
    turns->asked--;
    turns->ahead = 0;
    turns->n_taken++;
    pthread_cond_broadcast(&turns->taken);
    pthread_mutex_unlock(&turns->lock);
}

/* As for perp_lock: the lock and its turns are no part of the book. */
void perp_read_begin(const perp_core *read) {
    perp_core *core = (perp_core *)(uintptr_t)read;
    perp_no_error(core);
    if (core->config.threading != PERP_THREADING_SERIALIZED || perp_in_rule(core))
        return;
    bool asks = perp_decisions_wait(core) || !perp_lock_try(&core->lock);
    if (asks) {
        ask_for_turn(&core->turns);
        for (uint32_t i = 0; i < READER_LOOKS && perp_decisions_wait(core); i++)
            sched_yield();
        perp_lock_take(&core->lock);
    }
    core->reader_asked = asks;
}

void perp_read_end(const perp_core *read) {
    perp_core *core = (perp_core *)(uintptr_t)read;
    if (core->config.threading != PERP_THREADING_SERIALIZED || perp_in_rule(core))
        return;
    bool asked = core->reader_asked;
    core->reader_asked = false;
    perp_lock_give(&core->lock);
    if (asked)
        end_turn(&core->turns);
}

/* A reader is to have its turn first, or a thread has the lock. */
void perp_enter_late(perp_core *core) {
    if (atomic_load_explicit(&core->turns.asked, memory_order_relaxed) && !perp_in_rule(core))
        let_readers_pass(&core->turns);
    if (perp_try_lock(core))
        return;
    atomic_fetch_add_explicit(&core->batch->deciders, 1, memory_order_relaxed);
    perp_lock(core);
    atomic_fetch_sub_explicit(&core->batch->deciders, 1, memory_order_relaxed);
}

static void deliver(perp_core *core, const struct perp_notice *notice) {
    const perp_callbacks *callbacks = &core->config.callbacks;
    if (notice->is_leg_risk)
        callbacks->on_leg_risk(callbacks->user, notice->base, notice->quantity);
    else if (notice->is_unhedged)
        callbacks->on_unhedged(callbacks->user, &notice->job, notice->base, notice->quantity);
    else if (notice->is_alert)
        callbacks->on_alert(callbacks->user, &notice->alert);
    else
        callbacks->log(callbacks->user, notice->log_level, notice->text);
}

static void deliver_of_job(perp_core *core, const struct perp_job_notice *notice) {
    const perp_callbacks *callbacks = &core->config.callbacks;
    bool cancel = notice->state == PERP_JOB_STATE_COUNT;
    if (cancel && callbacks->on_cancel)
        callbacks->on_cancel(callbacks->user, &notice->job);
    else if (!cancel && callbacks->on_job_end)
        callbacks->on_job_end(callbacks->user, &notice->job, notice->state);
}

/* The messages are taken along before the lock is given back, so that they come on the thread and
   in the order of the change that made them. */
void perp_deliver(perp_core *core) {
    if (!core->notices->count && !core->notices->n_jobs) {
        perp_unlock(core);
        return;
    }
    struct perp_notices taken = *core->notices;
    memset(core->notices, 0, sizeof *core->notices);
    perp_unlock(core);
    struct perp_callback callback;
    perp_callback_begin(&callback, core);
    for (uint32_t i = 0; i < taken.count; i++)
        deliver(core, &taken.items[i]);
    for (uint32_t i = 0; i < taken.n_jobs; i++)
        deliver_of_job(core, &taken.jobs[i]);
    if (taken.lost && core->config.callbacks.log)
        core->config.callbacks.log(core->config.callbacks.user, PERP_LOG_ERROR,
                                   "messages were lost for want of memory");
    perp_callback_end(&callback);
    perp_lock(core);
    perp_free(core, taken.items, taken.capacity * sizeof(struct perp_notice));
    perp_free(core, taken.jobs, taken.jobs_capacity * sizeof *taken.jobs);
    perp_unlock(core);
}

void perp_leave_telling(perp_core *core) {
    if (core->config.store.checkpoint)
        checkpoint_if_due(core);
    perp_deliver(core);
}

perp_status perp_leave(perp_core *core, perp_status status) {
    return perp_leave_with(core, status);
}
