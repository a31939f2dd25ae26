/* The desk: ticks, and the next step of each job that was poked, and of all of them from time to
   time, since some things happen by the clock alone. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor.h"

#define ROUND_NS (25 * EX_MS) /* all jobs are looked at */
#define TICK_NS (50 * EX_MS)
#define TIDY_NS (2 * EX_S)

void ex_poke(executor *ex, const perp_uuid *job_id) {
    pthread_mutex_lock(&ex->poke_lock);
    bool there = ex->n_pokes > 0 && ex_same(&ex->pokes[ex->n_pokes - 1], job_id);
    if (ex->n_pokes == EX_POKES)
        ex->pokes_all = true;
    else if (!there)
        ex->pokes[ex->n_pokes++] = *job_id;
    pthread_cond_signal(&ex->poked);
    pthread_mutex_unlock(&ex->poke_lock);
}

void ex_poke_all(executor *ex) {
    pthread_mutex_lock(&ex->poke_lock);
    ex->pokes_all = true;
    pthread_cond_signal(&ex->poked);
    pthread_mutex_unlock(&ex->poke_lock);
}

/* ---- callbacks of the book, on whatever thread made the call ---- */

static void on_execute(void *user, const perp_execution *job, uint32_t *outcome) {
    ex_poke(user, &job->job_id);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

static void on_cancel(void *user, const perp_uuid *job_id) {
    ex_poke(user, job_id);
}

static void on_kill(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n_jobs) {
    (void)exchange;
    for (uint32_t i = 0; i < n_jobs; i++)
        ex_poke(user, &jobs[i]);
}

static void on_unhedged(void *user, const perp_uuid *job_id, const char *base, double quantity) {
    executor *ex = user;
    (void)base;
    (void)quantity;
    ex->counts.unhedged++;
    ex_poke(ex, job_id);
}

static void on_alert(void *user, const perp_alert *alert) {
    const executor *ex = user;
    if (!ex->settings->quiet)
        ex_log("%s %s %s: %s", alert->active ? "alert" : "over:", perp_alert_string(alert->code),
               alert->subject, alert->message);
}

static void on_log(void *user, uint32_t level, const char *message) {
    const executor *ex = user;
    if (level >= PERP_LOG_ERROR || !ex->settings->quiet)
        ex_log("book: %s", message);
}

void ex_callbacks(executor *ex, perp_callbacks *callbacks) {
    callbacks->user = ex;
    callbacks->execute = on_execute;
    callbacks->on_cancel = on_cancel;
    callbacks->on_kill = on_kill;
    callbacks->on_unhedged = on_unhedged;
    callbacks->on_alert = on_alert;
    callbacks->log = on_log;
}

/* ---- what is remembered of jobs that run ---- */

ex_work *ex_work_of(executor *ex, const perp_uuid *job_id, bool makes) {
    ex_work *there = NULL;
    for (uint32_t i = 0; i < EX_WORKS; i++) {
        if (ex->works[i].in_use && ex_same(&ex->works[i].job_id, job_id))
            return &ex->works[i];
        if (!ex->works[i].in_use && there == NULL)
            there = &ex->works[i];
    }
    if (!makes || there == NULL)
        return NULL;
    *there = (ex_work){.in_use = true, .job_id = *job_id};
    return there;
}

/* Orders whose end came by a trade were not seen off. */
static void tidy(executor *ex) {
    pthread_mutex_lock(&ex->lock);
    for (uint32_t i = 0; i < EX_ORDERS; i++) {
        perp_order_info info = {.struct_size = sizeof info};
        ex_order *order = &ex->live[i];
        if (order->order != 0 && order->busy == 0 &&
            (perp_orders_get(ex->orders, order->order, &info) != PERP_OK ||
             info.state >= PERP_ORDER_FILLED))
            ex_order_drop(order);
    }
    pthread_mutex_unlock(&ex->lock);
}

/* ---- the loop ---- */

/* Waits for a poke, and takes the pokes that are there. */
static uint32_t take_pokes(executor *ex, perp_uuid *pokes, bool *all) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ROUND_NS;
    until.tv_sec += until.tv_nsec / EX_S;
    until.tv_nsec %= EX_S;
    pthread_mutex_lock(&ex->poke_lock);
    if (ex->n_pokes == 0 && !ex->pokes_all)
        pthread_cond_timedwait(&ex->poked, &ex->poke_lock, &until);
    uint32_t n = ex->n_pokes;
    memcpy(pokes, ex->pokes, n * sizeof *pokes);
    ex->n_pokes = 0;
    *all = ex->pokes_all;
    ex->pokes_all = false;
    pthread_mutex_unlock(&ex->poke_lock);
    return n;
}

static void work_on_all(executor *ex) {
    perp_uuid jobs[EX_WORKS];
    uint32_t n = 0;
    if (perp_scheduler_list(ex->scheduler, PERP_JOB_RUNNING, jobs, EX_WORKS, &n) != PERP_OK)
        return;
    for (uint32_t i = 0; i < n && i < EX_WORKS; i++)
        ex_work_on(ex, &jobs[i]);
}

static void tick(executor *ex, perp_tick_result *result) {
    perp_call call = ex_call();
    result->want_items = 0;
    perp_status status = perp_scheduler_tick(ex->scheduler, &call, result);
    ex_ok(ex, status, "tick");
}

/* Until all jobs are made and have ended, or somebody stops it. */
void ex_desk_run(executor *ex) {
    static perp_uuid pokes[EX_POKES];
    perp_tick_result result;
    int64_t round_ns = 0, tick_ns = 0, tidy_ns = 0;
    perp_tick_result_init(&result);
    while (!ex->stops && !ex_jobs_done(ex)) {
        bool all;
        uint32_t n = take_pokes(ex, pokes, &all);
        for (uint32_t i = 0; i < n; i++)
            ex_work_on(ex, &pokes[i]);
        int64_t now = ex_now();
        if (all || now >= round_ns) {
            round_ns = now + ROUND_NS;
            work_on_all(ex);
            for (uint32_t i = 0; i < ex->n_venues; i++)
                ex_venue_rounds(&ex->venues[i], now);
        }
        if (now >= tick_ns) {
            tick_ns = now + TICK_NS;
            ex_jobs_make(ex, now);
            tick(ex, &result);
        }
        if (now >= tidy_ns) {
            tidy_ns = now + TIDY_NS;
            tidy(ex);
        }
    }
    perp_tick_result_free(&result);
}
