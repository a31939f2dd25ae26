/* The life of jobs: what each event of it does. */
#include <math.h>
#include <string.h>

#include "book/book.h"

#define MOST_PRIORITY 100

static struct perp_job_entry *job_of(const perp_core *core, const struct perp_event *event) {
    return perp_job_find(core, perp_event_job(event));
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

/* ---- Rows for people ----------------------------------------------------------------------------
 */

/* A row of jobs, its key and the event that changes it last. */
static void row_begin(struct perp_journal *to, const struct perp_event *event, const char *id) {
    perp_row_begin(to, PERP_TABLE_JOBS);
    perp_row_text(to, PERP_JOBS_ID, id);
    perp_row_int(to, PERP_JOBS_LAST_SEQ, (int64_t)event->seq);
}

static void row_state(struct perp_journal *to, uint32_t state) {
    perp_row_text(to, PERP_JOBS_STATE, perp_job_state_string(state));
}

static const char *id_text(const perp_uuid *id, char text[37]) {
    perp_uuid_format(id, text);
    return text;
}

/* What a job has booked once this is added. */
static void row_booked(struct perp_journal *to, const struct perp_job_entry *job, perp_usd pnl,
                       perp_usd volume, perp_usd fees) {
    perp_row_int(to, PERP_JOBS_PNL, job->pnl + pnl);
    perp_row_int(to, PERP_JOBS_VOLUME, job->volume + volume);
    perp_row_int(to, PERP_JOBS_FEES, job->fees + fees);
}

static void rows_settled(struct perp_journal *to, const struct perp_event *event,
                         const struct perp_job_entry *first) {
    char id[37];
    row_begin(to, event, id_text(&first->id, id));
    perp_row_int(to, PERP_JOBS_UNRESOLVED, 0);
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    perp_row_end(to);
    perp_row_given_back(to, event, first);
}

/* ---- Submit -------------------------------------------------------------------------------------
 */

static bool fits_submit(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_submit *submit = perp_read_submit(event);
    const struct perp_job_row *job = &submit->job;
    (void)core;
    for (uint32_t i = 0; i < submit->n_legs; i++)
        if (submit->legs[i].notional > PERP_MOST_NOTIONAL)
            return false;
    return job->state == PERP_JOB_PENDING && job->notional <= PERP_MOST_NOTIONAL &&
           job->est_volume <= PERP_MAX_LEGS * PERP_MOST_NOTIONAL &&
           job->priority >= -MOST_PRIORITY && job->priority <= MOST_PRIORITY && job->n_bare == 0 &&
           !job->unresolved &&
           (!job->is_repair ||
            (submit->n_legs == 1 && memcmp(&job->parent, &job->id, sizeof job->id) != 0));
}

static bool prepare_submit(perp_core *core, const struct perp_event *event) {
    return perp_spare_reserve(core, perp_read_submit(event), event->kept);
}

static void rows_submit(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    const struct perp_job_row *job = &perp_read_submit(event)->job;
    const perp_uuid none = {{0}};
    char id[37], parent[37];
    (void)core;
    row_begin(to, event, id_text(&job->id, id));
    perp_row_int(to, PERP_JOBS_SEQ, (int64_t)event->seq);
    perp_row_text(to, PERP_JOBS_STRATEGY, perp_strategy_string(job->strategy));
    row_state(to, PERP_JOB_PENDING);
    perp_row_int(to, PERP_JOBS_PRIORITY, job->priority);
    perp_row_int(to, PERP_JOBS_NOTIONAL, job->notional);
    perp_row_number(to, PERP_JOBS_EDGE_BPS, job->edge_bps);
    perp_row_text(to, PERP_JOBS_PARENT,
                  memcmp(&job->parent, &none, sizeof none) != 0 ? id_text(&job->parent, parent)
                                                                : NULL);
    perp_row_time(to, PERP_JOBS_SUBMITTED_NS, event->time_ns);
    perp_row_end(to);
}

static void apply_submit(perp_core *core, const struct perp_event *event) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = perp_spare_take(core);
    job->order = scheduler->next_order++;
    job->submitted = perp_clock(core);
    (void)event;
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

/* ---- While it waits -----------------------------------------------------------------------------
 */

static uint32_t state_left_to(const struct perp_event *event) {
    return event->kind == PERP_EVENT_CANCEL   ? PERP_JOB_CANCELLED
           : event->kind == PERP_EVENT_EXPIRE ? PERP_JOB_EXPIRED
                                              : PERP_JOB_REJECTED;
}

static void rows_leave(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    char id[37];
    (void)core;
    row_begin(to, event, id_text(perp_event_job(event), id));
    row_state(to, state_left_to(event));
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    if (event->kind == PERP_EVENT_REJECT)
        perp_row_text(to, PERP_JOBS_REFUSAL, perp_reason_string(perp_read_reject(event)->reason));
    perp_row_end(to);
}

static void apply_leave(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    if (event->kind == PERP_EVENT_REJECT)
        job->last_refusal = perp_read_reject(event)->reason;
    perp_pending_remove(core->scheduler, job);
    forget_repair(core, job);
    count_end(core, state_left_to(event));
    perp_job_end(core, job, state_left_to(event), perp_clock(core));
}

static void rows_refuse(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    char id[37];
    (void)core;
    row_begin(to, event, id_text(perp_event_job(event), id));
    perp_row_text(to, PERP_JOBS_REFUSAL, perp_reason_string(perp_read_refuse(event)->reason));
    perp_row_end(to);
}

static void apply_refuse(perp_core *core, const struct perp_event *event) {
    job_of(core, event)->last_refusal = perp_read_refuse(event)->reason;
}

static bool fits_choose(const perp_core *core, const struct perp_event *event) {
    return job_of(core, event)->is_repair &&
           perp_read_choose(event)->leg.notional <= PERP_MOST_NOTIONAL;
}

static void rows_choose(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    char id[37];
    (void)core;
    row_begin(to, event, id_text(perp_event_job(event), id));
    perp_row_int(to, PERP_JOBS_NOTIONAL, perp_read_choose(event)->leg.notional);
    perp_row_end(to);
}

static void apply_choose(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    struct perp_job_leg leg = {0};
    perp_leg_set(core, &leg, &perp_read_choose(event)->leg);
    perp_repair_set(job, &leg);
}

/* ---- While it runs ------------------------------------------------------------------------------
 */

static bool fits_dispatch(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_dispatch *dispatch = perp_read_dispatch(event);
    const struct perp_job_entry *job = job_of(core, event);
    if (dispatch->n_prices != job->n_legs || job->held ||
        (dispatch->n_needs &&
         dispatch->reservation != core->capital->next_id + core->prepared.reservations))
        return false;
    for (uint32_t i = 0; i < dispatch->n_needs; i++)
        if (!perp_capital_can_hold(core->capital, &dispatch->needs[i]))
            return false;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (core->risk->running_notional[job->legs[i].exchange] >
            INT64_MAX / 2 - PERP_MAX_LEGS * PERP_MOST_NOTIONAL)
            return false;
    return true;
}

static bool prepare_dispatch(perp_core *core, const struct perp_event *event) {
    for (uint64_t left = job_of(core, event)->exchanges; left;)
        if (!perp_times_reserve(core, perp_bit_take(&left)))
            return false;
    return perp_capital_prepare_held(core, perp_read_dispatch(event)->n_needs);
}

static void rows_dispatch(const perp_core *core, const struct perp_event *event,
                          struct perp_journal *to) {
    const struct perp_ev_dispatch *dispatch = perp_read_dispatch(event);
    char id[37];
    row_begin(to, event, id_text(&dispatch->job, id));
    row_state(to, PERP_JOB_RUNNING);
    perp_row_time(to, PERP_JOBS_STARTED_NS, event->time_ns);
    perp_row_int(to, PERP_JOBS_REDUCE_ONLY, dispatch->reduce_only);
    perp_row_number(to, PERP_JOBS_SCORE, dispatch->score);
    perp_row_end(to);
    for (uint32_t i = 0; i < dispatch->n_needs; i++)
        perp_row_reserved(core, to, event, dispatch->reservation + i, &dispatch->needs[i],
                          &dispatch->job);
}

static void apply_dispatch(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_dispatch *dispatch = perp_read_dispatch(event);
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = job_of(core, event);
    perp_pending_remove(scheduler, job);
    struct perp_held **end = &job->held;
    for (uint32_t i = 0; i < dispatch->n_needs; i++) {
        *end = perp_capital_hold(core, &dispatch->needs[i], &job->id);
        end = &(*end)->next_of_job;
    }
    for (uint32_t i = 0; i < job->n_legs; i++)
        job->legs[i].price = dispatch->prices[i].price;
    perp_exposure_link(core, job);
    for (uint64_t left = job->exchanges; left;)
        perp_times_add(core, perp_bit_take(&left));
    job->state = PERP_JOB_RUNNING;
    job->started = perp_clock(core);
    job->unsaid = 0;
    job->reduce_only = dispatch->reduce_only;
    job->overdue = false;
    if (perp_job_due(job) < scheduler->next_due)
        scheduler->next_due = perp_job_due(job);
    perp_list_add(&scheduler->running, job);
    scheduler->dispatched_today++;
    scheduler->dispatched_total++;
}

static void apply_overdue(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    job->overdue = true;
    perp_tell_alert(core, PERP_ALERT_JOB_OVERDUE, PERP_ALERT_WARNING, true, id_text(&job->id, id),
                    "runs longer than its max_run_ms");
}

static void rows_doubt(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    char id[37];
    (void)core;
    row_begin(to, event, id_text(perp_event_job(event), id));
    row_state(to, PERP_JOB_IN_DOUBT);
    perp_row_end(to);
}

static void apply_doubt(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    job->state = PERP_JOB_IN_DOUBT;
    job->unsaid = 0;
    core->scheduler->n_in_doubt++;
    perp_tell_alert(core, PERP_ALERT_JOB_IN_DOUBT, PERP_ALERT_WARNING, true, id_text(&job->id, id),
                    "ask the exchange what happened, then finish or requeue");
}

/* Out of the running jobs. */
static void stop_running(perp_core *core, struct perp_job_entry *job) {
    if (job->state == PERP_JOB_IN_DOUBT &&
        PERP_HOLDS(core, core->scheduler->n_in_doubt > 0, "jobs: fewer in doubt than end"))
        core->scheduler->n_in_doubt--;
    perp_list_remove(&core->scheduler->running, job);
    perp_exposure_unlink(core, job);
}

static void rows_requeue(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    char id[37];
    row_begin(to, event, id_text(perp_event_job(event), id));
    row_state(to, PERP_JOB_PENDING);
    perp_row_time(to, PERP_JOBS_STARTED_NS, PERP_TIME_NONE);
    perp_row_int(to, PERP_JOBS_REDUCE_ONLY, 0);
    perp_row_end(to);
    perp_row_given_back(to, event, job_of(core, event));
}

static bool prepare_requeue(perp_core *core, const struct perp_event *event) {
    (void)event;
    return perp_pending_reserve(core);
}

static void apply_requeue(perp_core *core, const struct perp_event *event) {
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

/* ---- Its end ------------------------------------------------------------------------------------
 */

static void settle_unresolved(perp_core *core, struct perp_job_entry *job) {
    char id[37];
    for (uint32_t i = 0; i < job->n_bare; i++)
        if (PERP_HOLDS(core, core->risk->unresolved[job->bare[i].base] > 0,
                       "jobs: fewer unresolved legs of a base than are squared"))
            core->risk->unresolved[job->bare[i].base]--;
    job->unresolved = false;
    job->has_repair = false;
    perp_list_remove(&core->scheduler->unresolved, job);
    perp_job_give_back(core, job);
    perp_tell_alert(core, PERP_ALERT_UNRESOLVED_LEG, PERP_ALERT_CRITICAL, false,
                    id_text(&job->id, id), "the position is squared");
    int64_t ended = job->ended; /* when it ended partial, not when it was squared */
    perp_job_end(core, job, PERP_JOB_PARTIAL, ended);
}

static bool fills_fit(const struct perp_job_entry *job, const struct perp_ev_finish *finish) {
    if (finish->n_fills != job->n_legs)
        return false;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (finish->fills[i].instrument != job->legs[i].instrument ||
            finish->fills[i].side != job->legs[i].side)
            return false;
    return true;
}

static bool fits_finish(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    const struct perp_job_entry *job = job_of(core, event);
    const struct perp_job_entry *first = job->is_repair ? perp_job_find(core, &job->parent) : NULL;
    bool ends = finish->state == PERP_JOB_COMPLETED || finish->state == PERP_JOB_FAILED;
    bool partial = finish->state == PERP_JOB_PARTIAL;
    return (ends || partial || finish->state == PERP_JOB_OPEN) &&
           (partial ? finish->n_bare > 0 : finish->n_bare == 0) && fills_fit(job, finish) &&
           (!finish->squared || (first && first->unresolved)) &&
           perp_bookings_fit(core, event, finish->bookings, finish->n_bookings);
}

static bool prepare_finish(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    for (uint32_t i = 0; i < finish->n_fills; i++)
        if (!perp_exposure_prepare_fill(core, finish->fills[i].instrument))
            return false;
    return true;
}

static void rows_bookings(const perp_core *core, const struct perp_event *event,
                          struct perp_journal *to, const struct perp_booking *bookings,
                          uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        perp_row_booked(core, to, event, &bookings[i]);
}

static void rows_finish(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    const struct perp_job_entry *job = job_of(core, event);
    bool partial = finish->state == PERP_JOB_PARTIAL, open = finish->state == PERP_JOB_OPEN;
    char id[37];
    row_begin(to, event, id_text(&job->id, id));
    row_state(to, finish->state);
    perp_row_time(to, PERP_JOBS_FINISHED_NS, event->time_ns);
    perp_row_time(to, PERP_JOBS_ENDED_NS, partial || open ? PERP_TIME_NONE : event->time_ns);
    perp_row_int(to, PERP_JOBS_UNRESOLVED, partial);
    row_booked(to, job, finish->pnl, finish->volume, finish->fees);
    perp_row_end(to);
    rows_bookings(core, event, to, finish->bookings, finish->n_bookings);
    if (open)
        perp_row_used(to, event, job);
    else if (!partial)
        perp_row_given_back(to, event, job);
    if (finish->squared)
        rows_settled(to, event, perp_job_find(core, &job->parent));
}

static void take_bare(perp_core *core, struct perp_job_entry *job,
                      const struct perp_ev_finish *finish) {
    job->n_bare = finish->n_bare;
    for (uint32_t i = 0; i < finish->n_bare; i++) {
        job->bare[i] = finish->bare[i];
        core->risk->unresolved[job->bare[i].base]++;
    }
    job->state = PERP_JOB_PARTIAL;
    job->ended = perp_clock(core);
    job->unresolved = true;
    perp_list_add(&core->scheduler->unresolved, job);
}

static void book_all(perp_core *core, struct perp_job_entry *job,
                     const struct perp_booking *bookings, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct perp_booking *booking = &bookings[i];
        perp_capital_book(core, booking->exchange, booking->pnl, booking->volume, booking->fees);
        job->pnl += booking->pnl;
        job->volume += booking->volume;
        job->fees += booking->fees;
    }
}

static void apply_finish(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    struct perp_job_entry *job = job_of(core, event);
    stop_running(core, job);
    for (uint32_t i = 0; i < finish->n_fills; i++) {
        const struct perp_filled *fill = &finish->fills[i];
        double sign = fill->side == PERP_SIDE_BUY ? 1 : -1;
        perp_exposure_fill(core, fill->instrument, fill->time_ns, sign * fill->quantity,
                           fill->price);
    }
    book_all(core, job, finish->bookings, finish->n_bookings);
    perp_risk_count(core, finish->success, finish->good, finish->bad);
    perp_risk_look_at_loss(core, false);
    count_end(core, finish->state);
    struct perp_job_entry *first = job->is_repair ? perp_job_find(core, &job->parent) : NULL;
    if (first && !first->unresolved)
        first = NULL; /* squared meanwhile: the end of this job may be what makes it forgotten */
    if (finish->state == PERP_JOB_PARTIAL) {
        take_bare(core, job, finish);
    } else if (finish->state == PERP_JOB_OPEN) {
        for (struct perp_held *held = job->held; held; held = held->next_of_job)
            perp_capital_use(core, held);
        job->state = PERP_JOB_OPEN;
        job->ended = perp_clock(core);
        perp_list_add(&core->scheduler->open, job);
    } else {
        perp_job_give_back(core, job);
        perp_job_end(core, job, finish->state, perp_clock(core));
    }
    if (!first)
        return;
    first->bare[0].quantity = finish->left;
    first->has_repair = false;
    if (finish->squared)
        settle_unresolved(core, first);
}

static bool fits_close(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_close *close = perp_read_close(event);
    return perp_bookings_fit(core, event, close->bookings, close->n_bookings);
}

static void rows_close(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    const struct perp_ev_close *close = perp_read_close(event);
    const struct perp_job_entry *job = job_of(core, event);
    char id[37];
    row_begin(to, event, id_text(&job->id, id));
    row_state(to, PERP_JOB_CLOSED);
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    row_booked(to, job, close->pnl, close->volume, close->fees);
    perp_row_end(to);
    rows_bookings(core, event, to, close->bookings, close->n_bookings);
    perp_row_given_back(to, event, job);
}

static void apply_close(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_close *close = perp_read_close(event);
    struct perp_job_entry *job = job_of(core, event);
    perp_list_remove(&core->scheduler->open, job);
    book_all(core, job, close->bookings, close->n_bookings);
    perp_job_give_back(core, job);
    perp_risk_look_at_loss(core, false);
    count_end(core, PERP_JOB_CLOSED);
    perp_job_end(core, job, PERP_JOB_CLOSED, perp_clock(core));
}

static bool fits_resolve(const perp_core *core, const struct perp_event *event) {
    const struct perp_job_entry *job = job_of(core, event);
    const struct perp_job_entry *repair = perp_repair_of(core, job);
    return job->unresolved && (!repair || repair->state == PERP_JOB_PENDING);
}

static void rows_resolve(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    const struct perp_job_entry *job = job_of(core, event);
    const struct perp_job_entry *repair = perp_repair_of(core, job);
    char id[37];
    if (repair) {
        row_begin(to, event, id_text(&repair->id, id));
        row_state(to, PERP_JOB_CANCELLED);
        perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
        perp_row_end(to);
    }
    rows_settled(to, event, job);
}

static void apply_resolve(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    struct perp_job_entry *repair = perp_repair_of(core, job);
    if (repair) {
        perp_pending_remove(core->scheduler, repair);
        count_end(core, PERP_JOB_CANCELLED);
        perp_job_end(core, repair, PERP_JOB_CANCELLED, perp_clock(core));
    }
    settle_unresolved(core, job);
}

const struct perp_event_row perp_job_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_SUBMIT] = {fits_submit, prepare_submit, rows_submit, apply_submit},
    [PERP_EVENT_CANCEL] = {.rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_EXPIRE] = {.rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_REJECT] = {.rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_REFUSE] = {.rows = rows_refuse, .apply = apply_refuse},
    [PERP_EVENT_CHOOSE] = {fits_choose, NULL, rows_choose, apply_choose},
    [PERP_EVENT_DISPATCH] = {fits_dispatch, prepare_dispatch, rows_dispatch, apply_dispatch},
    [PERP_EVENT_OVERDUE] = {.apply = apply_overdue},
    [PERP_EVENT_DOUBT] = {.rows = rows_doubt, .apply = apply_doubt},
    [PERP_EVENT_FINISH] = {fits_finish, prepare_finish, rows_finish, apply_finish},
    [PERP_EVENT_CLOSE] = {.fits = fits_close, .rows = rows_close, .apply = apply_close},
    [PERP_EVENT_REQUEUE] = {.prepare = prepare_requeue,
                            .rows = rows_requeue,
                            .apply = apply_requeue},
    [PERP_EVENT_RESOLVE] = {.fits = fits_resolve, .rows = rows_resolve, .apply = apply_resolve},
};
