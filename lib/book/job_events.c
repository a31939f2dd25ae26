/* The life of jobs: what each event of it does. */
#include <math.h>
#include <string.h>

#include "book/book.h"

static struct perp_job_entry *job_of(const perp_core *core, const struct perp_event *event) {
    return perp_job_find(core, perp_event_job(event));
}

/* A job ends its run, or its life, in a state: counted and told. */
static void count_end(perp_core *core, const struct perp_job_entry *job, uint32_t state) {
    core->scheduler->ended_today[state]++;
    core->scheduler->ended_total[state]++;
    perp_tell_end(core, &job->id, state);
}

/* A repair is no longer waited for. */
static void forget_repair(perp_core *core, const struct perp_job_entry *repair) {
    struct perp_base_entry *base = &core->positions->bases[repair->legs[0].base];
    if (!repair->is_repair || base->repair != repair)
        return;
    base->repair = NULL;
    perp_base_moved(core, repair->legs[0].base);
}

void perp_job_count_partial(perp_core *core, const struct perp_job_entry *job, bool on) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        uint32_t *n = &core->positions->bases[job->legs[i].base].n_partial;
        if (PERP_HOLDS(core, on || *n > 0, "jobs: fewer partial legs of a base than end"))
            *n += on ? 1u : UINT32_MAX;
        perp_base_moved(core, job->legs[i].base);
    }
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

void perp_row_job_state(struct perp_journal *to, const struct perp_event *event,
                        const perp_uuid *id, uint32_t state) {
    char text[37];
    perp_uuid_format(id, text);
    row_begin(to, event, text);
    row_state(to, state);
    perp_row_end(to);
}

static const char *id_text(const perp_uuid *id, char text[37]) {
    perp_uuid_format(id, text);
    return text;
}

/* ---- Submit -------------------------------------------------------------------------------------
 */

static bool fits_submit(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_submit *submit = perp_read_submit(event);
    const struct perp_job_row *job = &submit->job;
    if (perp_chains_find(&core->past, &job->id))
        return false;
    for (uint32_t i = 0; i < submit->n_legs; i++)
        if (submit->legs[i].notional > PERP_MOST_NOTIONAL)
            return false;
    return job->state == PERP_JOB_PENDING && job->notional <= PERP_MOST_NOTIONAL &&
           job->est_volume <= PERP_MAX_LEGS * PERP_MOST_NOTIONAL &&
           job->priority >= -PERP_MOST_PRIORITY && job->priority <= PERP_MOST_PRIORITY &&
           ((!job->is_repair && !job->is_flatten) || submit->n_legs == 1);
}

static bool prepare_submit(perp_core *core, const struct perp_event *event) {
    return perp_spare_reserve(core, perp_read_submit(event), event->kept);
}

static void rows_submit(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    const struct perp_job_row *job = &perp_read_submit(event)->job;
    char id[37];
    (void)core;
    row_begin(to, event, id_text(&job->id, id));
    perp_row_int(to, PERP_JOBS_SEQ, (int64_t)event->seq);
    perp_row_text(to, PERP_JOBS_STRATEGY, perp_strategy_string(job->strategy));
    row_state(to, PERP_JOB_PENDING);
    perp_row_int(to, PERP_JOBS_PRIORITY, job->priority);
    perp_row_int(to, PERP_JOBS_NOTIONAL, job->notional);
    perp_row_number(to, PERP_JOBS_EDGE_BPS, job->edge_bps);
    perp_row_int(to, PERP_JOBS_IS_REPAIR, job->is_repair);
    perp_row_time(to, PERP_JOBS_SUBMITTED_NS, event->time_ns);
    perp_row_end(to);
}

static void apply_submit(perp_core *core, const struct perp_event *event) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = perp_spare_take(core);
    job->order = scheduler->next_order++;
    job->submitted = perp_clock(core);
    (void)event;
    perp_chains_add(&core->jobs, &job->chained);
    perp_pending_add(scheduler, job);
    scheduler->submitted_today++;
    scheduler->submitted_total++;
    core->risk->jobs_began |= !core->recovering; /* those of the store are older than any rule */
    if (job->is_repair) {
        struct perp_base_entry *base = &core->positions->bases[job->legs[0].base];
        base->repair = job;
        base->repairs++;
        perp_base_moved(core, job->legs[0].base);
    }
}

/* ---- While it waits -----------------------------------------------------------------------------
 */

/* A job goes to its end; while something of it is open it is open. */
static void end_or_stay_open(perp_core *core, struct perp_job_entry *job, uint32_t state) {
    if (job->run->n_lots) {
        job->state = PERP_JOB_OPEN;
        job->ended = perp_clock(core);
        perp_list_add(&core->scheduler->open, job);
        count_end(core, job, PERP_JOB_OPEN);
        return;
    }
    count_end(core, job, state);
    perp_job_end(core, job, state, perp_clock(core));
}

static bool prepare_leave(perp_core *core, const struct perp_event *event) {
    (void)event;
    return perp_past_reserve(core, 1);
}

static uint32_t state_left_to(const struct perp_event *event) {
    return event->kind == PERP_EVENT_CANCEL   ? PERP_JOB_CANCELLED
           : event->kind == PERP_EVENT_EXPIRE ? PERP_JOB_EXPIRED
                                              : PERP_JOB_REJECTED;
}

static void rows_leave(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    char id[37];
    row_begin(to, event, id_text(perp_event_job(event), id));
    row_state(to, state_left_to(event));
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    if (event->kind == PERP_EVENT_REJECT)
        perp_row_text(to, PERP_JOBS_REFUSAL,
                      perp_reason_name(core, perp_read_reject(event)->reason));
    perp_row_end(to);
}

static void apply_leave(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    if (event->kind == PERP_EVENT_REJECT) {
        job->last_refusal = job->standing = (uint8_t)perp_read_reject(event)->reason;
        perp_risk_count_refusal(core, job->last_refusal);
    }
    perp_pending_remove(core->scheduler, job);
    if (event->kind == PERP_EVENT_CANCEL && job->is_repair) {
        core->positions->bases[job->legs[0].base].stopped = true;
        core->positions->bases[job->legs[0].base].stopped_since = perp_clock(core);
    }
    forget_repair(core, job);
    end_or_stay_open(core, job, state_left_to(event));
}

static void rows_refuse(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    char id[37];
    if (perp_read_refuse(event)->reason == PERP_REASON_NONE)
        return;
    row_begin(to, event, id_text(perp_event_job(event), id));
    perp_row_text(to, PERP_JOBS_REFUSAL, perp_reason_name(core, perp_read_refuse(event)->reason));
    perp_row_end(to);
}

static void apply_refuse(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    uint32_t reason = perp_read_refuse(event)->reason;
    job->standing = (uint8_t)reason;
    if (reason == PERP_REASON_NONE)
        return;
    job->last_refusal = (uint8_t)reason;
    perp_risk_count_refusal(core, reason);
}

static bool fits_choose(const perp_core *core, const struct perp_event *event) {
    const struct perp_job_entry *job = job_of(core, event);
    const struct perp_leg_row *leg = &perp_read_choose(event)->leg;
    return (job->is_repair || job->is_flatten) && leg->notional <= PERP_MOST_NOTIONAL &&
           (perp_has_run(job) || !perp_leg_row_ran(leg));
}

static bool prepare_choose(perp_core *core, const struct perp_event *event) {
    if (!core->prepared.chosen)
        core->prepared.chosen = event;
    return true;
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
    const struct perp_leg_row *row = &perp_read_choose(event)->leg;
    struct perp_job_leg leg = {0};
    perp_leg_set(core, &leg, row);
    perp_repair_set(job, &leg);
    if (!perp_has_run(job))
        return;
    job->run->legs[0].row = *row;
    perp_run_follow(job);
}

/* ---- While it runs ------------------------------------------------------------------------------
 */

/* The one leg of a repair as it was chosen anew in the batch at hand, before this event; NULL: its
   job stays as the book has it. */
static const struct perp_leg_row *chosen_leg(const perp_core *core, const struct perp_event *event,
                                             const perp_uuid *id) {
    const struct perp_leg_row *leg = NULL;
    for (const struct perp_event *at = core->prepared.chosen; at && at != event; at = at->next)
        if (at->kind == PERP_EVENT_CHOOSE &&
            memcmp(&perp_read_choose(at)->job, id, sizeof *id) == 0)
            leg = &perp_read_choose(at)->leg;
    return leg;
}

static void count_leg(perp_usd *taken, uint64_t *exchanges, perp_exchange_id exchange,
                      perp_usd notional) {
    taken[exchange] += notional;
    *exchanges |= UINT64_C(1) << exchange;
}

/* What the legs of a job that is dispatched put in flight, and on which exchanges. */
static uint64_t dispatched_legs(const perp_core *core, const struct perp_event *event,
                                perp_usd *taken) {
    const struct perp_job_entry *job = perp_job_soon(core, perp_event_job(event));
    const struct perp_leg_row *chosen = chosen_leg(core, event, &job->id);
    uint64_t exchanges = 0;
    memset(taken, 0, PERP_MAX_EXCHANGES * sizeof *taken);
    if (chosen)
        count_leg(taken, &exchanges, perp_instrument_at(core, chosen->instrument)->spec.exchange,
                  chosen->notional);
    for (uint32_t i = 0; !chosen && i < job->n_legs; i++)
        count_leg(taken, &exchanges, job->legs[i].exchange, job->legs[i].notional);
    return exchanges;
}

/* Whether what is taken is what its legs put in flight. */
static bool needs_fit(const struct perp_ev_dispatch *dispatch, perp_usd *taken) {
    for (uint32_t i = 0; i < dispatch->n_needs; i++)
        taken[dispatch->needs[i].exchange] -= dispatch->needs[i].amount;
    for (uint32_t x = 0; dispatch->n_needs && x < PERP_MAX_EXCHANGES; x++)
        if (taken[x] != 0)
            return false;
    return true;
}

static bool fits_dispatch(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_dispatch *dispatch = perp_read_dispatch(event);
    const struct perp_job_entry *job = perp_job_soon(core, perp_event_job(event));
    perp_usd taken[PERP_MAX_EXCHANGES];
    if (dispatch->n_prices != job->n_legs ||
        (dispatch->n_needs &&
         dispatch->reservation != core->capital->next_id + core->prepared.reservations))
        return false;
    for (uint32_t i = 0; i < dispatch->n_needs; i++)
        if (!perp_capital_can_hold(core->capital, &dispatch->needs[i]))
            return false;
    uint64_t exchanges = dispatched_legs(core, event, taken);
    if (!needs_fit(dispatch, taken))
        return false;
    while (exchanges)
        if (core->risk->running_notional[perp_bit_take(&exchanges)] >
            INT64_MAX / 2 - PERP_MAX_LEGS * PERP_MOST_NOTIONAL)
            return false;
    return true;
}

static bool prepare_dispatch(perp_core *core, const struct perp_event *event) {
    perp_usd taken[PERP_MAX_EXCHANGES];
    /* One that was handed over before does without. */
    if (!perp_run_reserve(core, perp_read_dispatch(event)->n_prices))
        return false;
    for (uint64_t left = dispatched_legs(core, event, taken); left;)
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

static void start_leg(perp_core *core, struct perp_run_leg *leg,
                      const struct perp_ev_dispatch *dispatch, uint32_t n) {
    leg->price = dispatch->prices[n].price;
    leg->flying = dispatch->n_needs ? leg->notional : 0;
    core->positions->at[leg->instrument].traded = true;
}

static void apply_dispatch(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_dispatch *dispatch = perp_read_dispatch(event);
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = job_of(core, event);
    perp_pending_remove(scheduler, job);
    perp_run_begin(core, job, NULL);
    struct perp_held **end = &job->run->held;
    while (*end) /* of late fills while it waited to be dispatched again */
        end = &(*end)->next_of_job;
    for (uint32_t i = 0; i < dispatch->n_needs; i++) {
        *end = perp_capital_hold(core, &dispatch->needs[i], &job->id);
        end = &(*end)->next_of_job;
    }
    for (uint32_t i = 0; i < job->n_legs; i++)
        start_leg(core, &job->run->legs[i], dispatch, i);
    perp_exposure_link(core, job);
    for (uint64_t left = job->exchanges; left;)
        perp_times_add(core, perp_bit_take(&left));
    job->state = PERP_JOB_RUNNING;
    job->ended = PERP_TIME_NONE;
    job->run->dispatch = scheduler->dispatched_total + 1;
    job->run->started = perp_clock(core);
    job->run->unsaid = 0;
    job->run->reduce_only = dispatch->reduce_only;
    job->run->dispatched = true;
    job->run->overdue = job->run->cancel_asked = false;
    if (perp_job_due(job) < scheduler->next_due)
        scheduler->next_due = perp_job_due(job);
    perp_list_add(&scheduler->running, job);
    scheduler->dispatched_today++;
    scheduler->dispatched_total++;
}

static void apply_overdue(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    job->run->overdue = true;
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
    job->run->unsaid = 0;
    core->scheduler->n_in_doubt++;
    perp_tell_alert(core, PERP_ALERT_JOB_IN_DOUBT, PERP_ALERT_WARNING, true, id_text(&job->id, id),
                    "ask the exchange what happened, then finish or requeue");
}

/* Out of the running jobs. */
static void stop_running(perp_core *core, struct perp_job_entry *job) {
    if (job->state == PERP_JOB_IN_DOUBT &&
        PERP_HOLDS(core, core->scheduler->n_in_doubt > 0, "jobs: fewer in doubt than end"))
        core->scheduler->n_in_doubt--;
    perp_job_hedged(core, job);
    perp_list_remove(&core->scheduler->running, job);
    perp_exposure_unlink(core, job);
}

/* ---- Fills, and what follows from them ----------------------------------------------------------
 */

/* What an event makes of positions. */
static struct perp_sheet *sheet_of(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    struct perp_sheet *sheet = perp_sheet_worked_out(core, event);
    if (sheet)
        return sheet;
    switch (event->kind) {
    case PERP_EVENT_FINISH:
        return perp_sheet_of_finish(core, job, perp_read_finish(event), event->time_ns);
    case PERP_EVENT_CLOSE:
        return perp_sheet_of_close(core, job, perp_read_close(event), event->time_ns);
    case PERP_EVENT_REQUEUE:
        return perp_sheet_of_requeue(core, job, perp_read_requeue(event)->mids, event->time_ns);
    case PERP_EVENT_WITHDRAW:
        return perp_sheet_of_requeue(core, job, NULL, event->time_ns);
    default:
        return perp_sheet_of_fills(core, job, perp_read_progress(event),
                                   event->kind == PERP_EVENT_AMEND, event->time_ns);
    }
}

static bool fills_fit(const struct perp_job_entry *job, const struct perp_filled *fills,
                      uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (fills[i].leg >= job->n_legs || (i && fills[i].leg <= fills[i - 1].leg) ||
            (fills[i].quantity > 0 ? fills[i].price <= 0 : fills[i].price != 0))
            return false;
    return true;
}

/* The sheet is scratch, no part of the book that is held const. */
static bool sheet_follows(const perp_core *core, const struct perp_event *event) {
    return perp_sheet_follows(core, sheet_of((perp_core *)(uintptr_t)core, event), event);
}

static bool fits_progress(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_progress *progress = perp_read_progress(event);
    const struct perp_job_entry *job = job_of(core, event);
    bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
    return fills_fit(job, progress->fills, progress->n_fills) && job->run->dispatched &&
           (event->kind == PERP_EVENT_AMEND) != runs && sheet_follows(core, event);
}

static void rows_fills(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    perp_rows_of_sheet(core, event, to);
}

/* A job whose lots came or went has the state that goes with it. */
void perp_job_settle(perp_core *core, struct perp_job_entry *job) {
    perp_scheduler *scheduler = core->scheduler;
    if (job->state == PERP_JOB_OPEN && !job->run->n_lots) {
        perp_list_remove(&scheduler->open, job);
        perp_job_give_back(core, job);
        count_end(core, job, PERP_JOB_CLOSED);
        perp_job_end(core, job, PERP_JOB_CLOSED, perp_clock(core));
    } else if (job->run->n_lots && job->state > PERP_JOB_PARTIAL) {
        perp_list_remove(&scheduler->ended, job);
        job->state = PERP_JOB_OPEN;
        perp_list_add(&scheduler->open, job);
    }
}

/* Reservations of jobs that do not run and of which nothing is left. */
void perp_job_drop_empty(perp_core *core, struct perp_job_entry *job) {
    struct perp_held **at = &job->run->held;
    if (job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT)
        return;
    while (*at) {
        struct perp_held *held = *at;
        if (held->in_flight || held->used) {
            at = &held->next_of_job;
            continue;
        }
        *at = held->next_of_job;
        perp_capital_give_back(core, held);
    }
}

/* Applies the sheet. Jobs that it touches but `but` get the state that goes with their lots. */
void perp_job_apply_sheet(perp_core *core, const struct perp_event *event,
                          const struct perp_job_entry *but) {
    struct perp_sheet *sheet = perp_sheet_taken(core, event);
    perp_sheet_apply(sheet);
    for (uint32_t i = 0; i < sheet->n_helds; i++)
        if (sheet->helds[i].job != but)
            perp_job_drop_empty(core, sheet->helds[i].job);
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        if (sheet->jobs[i].job != but && sheet->jobs[i].lots)
            perp_job_settle(core, sheet->jobs[i].job);
    if (sheet->booked)
        perp_risk_look_at_loss(core, false);
}

static void apply_progress(perp_core *core, const struct perp_event *event) {
    job_of(core, event)->run->by_legs = true;
    perp_job_apply_sheet(core, event, NULL);
}

/* ---- Its end ------------------------------------------------------------------------------------
 */

static bool fits_finish(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    const struct perp_job_entry *job = job_of(core, event);
    uint32_t may = PERP_IN(COMPLETED) | PERP_IN(FAILED) | PERP_IN(PARTIAL) | PERP_IN(OPEN) |
                   PERP_IN(CANCELLED);
    return (may >> finish->state & 1) && finish->n_mids == job->n_legs &&
           fills_fit(job, finish->fills, finish->n_fills) &&
           (finish->shared || finish->n_bookings == 0) &&
           perp_bookings_fit(core, event, finish->bookings, finish->n_bookings) &&
           sheet_follows(core, event);
}

static bool prepare_finish(perp_core *core, const struct perp_event *event) {
    return perp_sheet_room(core, event) && perp_pending_reserve(core) && perp_past_reserve(core, 1);
}

void perp_row_job_finished(struct perp_journal *to, const struct perp_event *event,
                           const perp_uuid *job, uint32_t state) {
    bool stays = state == PERP_JOB_PARTIAL || state == PERP_JOB_OPEN;
    char id[37];
    row_begin(to, event, id_text(job, id));
    row_state(to, state);
    perp_row_time(to, PERP_JOBS_FINISHED_NS, event->time_ns);
    perp_row_time(to, PERP_JOBS_ENDED_NS, stays ? PERP_TIME_NONE : event->time_ns);
    perp_row_end(to);
}

static void rows_finish(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    rows_fills(core, event, to);
    perp_row_job_finished(to, event, &finish->job, finish->state);
}

void perp_job_finish(perp_core *core, struct perp_job_entry *job, uint32_t state, bool success,
                     bool failure, uint64_t good, uint64_t bad) {
    stop_running(core, job);
    forget_repair(core, job);
    if (success || failure)
        perp_risk_count(core, success, good, bad);
    if ((success || failure) && !job->is_repair)
        perp_risk_count_strategy(core, job->strategy, success);
    count_end(core, job, state);
    if (state == PERP_JOB_PARTIAL || job->run->n_lots) {
        job->state = state == PERP_JOB_PARTIAL ? PERP_JOB_PARTIAL : PERP_JOB_OPEN;
        job->ended = perp_clock(core);
        perp_list_add(&core->scheduler->open, job);
        if (job->state == PERP_JOB_PARTIAL)
            perp_job_count_partial(core, job, true);
        perp_job_drop_empty(core, job);
    } else {
        perp_job_give_back(core, job);
        perp_job_end(core, job, state, perp_clock(core));
    }
}

static void apply_finish(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_finish *finish = perp_read_finish(event);
    struct perp_job_entry *job = job_of(core, event);
    perp_job_apply_sheet(core, event, job);
    job->run->by_legs |= !finish->shared;
    perp_job_finish(core, job, finish->state, finish->success, finish->failure, finish->good,
                    finish->bad);
}

static bool fits_requeue(const perp_core *core, const struct perp_event *event) {
    const struct perp_job_entry *job = job_of(core, event);
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->run->legs[i].filled > 0)
            return false;
    return perp_read_requeue(event)->n_mids == job->n_legs && sheet_follows(core, event);
}

static void rows_requeue(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    char id[37];
    rows_fills(core, event, to);
    row_begin(to, event, id_text(perp_event_job(event), id));
    row_state(to, PERP_JOB_PENDING);
    perp_row_time(to, PERP_JOBS_STARTED_NS, PERP_TIME_NONE);
    perp_row_int(to, PERP_JOBS_REDUCE_ONLY, 0);
    perp_row_end(to);
}

static bool prepare_requeue(perp_core *core, const struct perp_event *event) {
    return perp_sheet_room(core, event) && perp_pending_reserve(core);
}

static void apply_requeue(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    perp_job_apply_sheet(core, event, job);
    stop_running(core, job);
    perp_job_give_back(core, job);
    job->state = PERP_JOB_PENDING;
    job->ttl_from = perp_clock(core);
    job->run->started = PERP_TIME_NONE;
    job->run->unsaid = 0;
    job->run->overdue = job->run->cancel_asked = false;
    job->run->reduce_only = false;
    perp_pending_add(core->scheduler, job);
}

static void apply_ask_cancel(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    job->run->cancel_asked = true;
    perp_tell_cancel(core, &job->id);
}

static bool fits_close(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_close *close = perp_read_close(event);
    const struct perp_job_entry *job = job_of(core, event);
    return job->run->n_lots > 0 && close->n_prices == job->n_legs &&
           close->n_elsewhere == perp_lots_elsewhere(core, job, NULL) &&
           perp_bookings_fit(core, event, close->bookings, close->n_bookings) &&
           sheet_follows(core, event);
}

static void rows_close(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    const struct perp_job_entry *job = job_of(core, event);
    char id[37];
    rows_fills(core, event, to);
    if (job->state != PERP_JOB_OPEN)
        return;
    row_begin(to, event, id_text(&job->id, id));
    row_state(to, PERP_JOB_CLOSED);
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    perp_row_end(to);
}

static void apply_close(perp_core *core, const struct perp_event *event) {
    perp_job_apply_sheet(core, event, NULL);
}

static bool prepare_withdraw(perp_core *core, const struct perp_event *event) {
    return perp_sheet_room(core, event) && perp_past_reserve(core, 1);
}

static void rows_withdraw(const perp_core *core, const struct perp_event *event,
                          struct perp_journal *to) {
    const struct perp_job_entry *job = job_of(core, event);
    char id[37];
    rows_fills(core, event, to);
    row_begin(to, event, id_text(&job->id, id));
    row_state(to, PERP_JOB_CANCELLED);
    perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    perp_row_end(to);
}

static void apply_withdraw(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = job_of(core, event);
    char id[37];
    perp_job_apply_sheet(core, event, job);
    stop_running(core, job);
    forget_repair(core, job);
    perp_tell_log(core, PERP_LOG_WARNING, "job %s was dispatched, but not sent: %s",
                  id_text(&job->id, id), perp_reason_string(perp_read_withdraw(event)->reason));
    if (!job->run->n_lots)
        perp_job_give_back(core, job);
    end_or_stay_open(core, job, PERP_JOB_CANCELLED);
}

const struct perp_event_row perp_job_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_SUBMIT] = {.fits = fits_submit,
                           .prepare = prepare_submit,
                           .rows = rows_submit,
                           .apply = apply_submit},
    [PERP_EVENT_CANCEL] = {.prepare = prepare_leave, .rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_EXPIRE] = {.prepare = prepare_leave, .rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_REJECT] = {.prepare = prepare_leave, .rows = rows_leave, .apply = apply_leave},
    [PERP_EVENT_REFUSE] = {.rows = rows_refuse, .apply = apply_refuse},
    [PERP_EVENT_CHOOSE] = {.fits = fits_choose,
                           .prepare = prepare_choose,
                           .rows = rows_choose,
                           .apply = apply_choose},
    [PERP_EVENT_DISPATCH] = {.fits = fits_dispatch,
                             .prepare = prepare_dispatch,
                             .rows = rows_dispatch,
                             .apply = apply_dispatch},
    [PERP_EVENT_OVERDUE] = {.apply = apply_overdue},
    [PERP_EVENT_DOUBT] = {.rows = rows_doubt, .apply = apply_doubt},
    [PERP_EVENT_FINISH] = {.fits = fits_finish,
                           .prepare = prepare_finish,
                           .rows = rows_finish,
                           .apply = apply_finish},
    [PERP_EVENT_PROGRESS] = {.fits = fits_progress,
                             .prepare = perp_sheet_room,
                             .rows = rows_fills,
                             .apply = apply_progress},
    [PERP_EVENT_AMEND] = {.fits = fits_progress,
                          .prepare = perp_sheet_room,
                          .rows = rows_fills,
                          .apply = apply_progress},
    [PERP_EVENT_CLOSE] = {.fits = fits_close,
                          .prepare = perp_sheet_room,
                          .rows = rows_close,
                          .apply = apply_close},
    [PERP_EVENT_REQUEUE] = {.fits = fits_requeue,
                            .prepare = prepare_requeue,
                            .rows = rows_requeue,
                            .apply = apply_requeue},
    [PERP_EVENT_ASK_CANCEL] = {.apply = apply_ask_cancel},
    [PERP_EVENT_WITHDRAW] = {.fits = sheet_follows,
                             .prepare = prepare_withdraw,
                             .rows = rows_withdraw,
                             .apply = apply_withdraw},
};
