/* Deciding what a result means: which fills it tells, what the job becomes. The event carries the
   decision, book/job_events.c makes it so. */
#include "scheduler/scheduler.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

void perp_job_result_init(perp_job_result *result) {
    if (!result)
        return;
    memset(result, 0, sizeof *result);
    result->struct_size = sizeof *result;
    for (uint32_t i = 0; i < PERP_MAX_LEGS; i++) {
        result->legs[i].time_ns = PERP_TIME_NONE;
        result->legs[i].known = 1;
    }
}

/* A result under way. */
struct finish {
    perp_core *core;
    struct perp_job_entry *job;
    const perp_job_result *result; /* as given, or completed in copy */
    int64_t now;
    bool by_legs; /* its fills are told by leg, now or before */
    bool partial;
    uint32_t n_fills, n_bookings, n_naked;
    perp_usd pnl, volume, fees;
    /* All before is zero at first. Of what follows only the rows that are there have a meaning. */
    struct perp_filled fills[PERP_MAX_LEGS];
    struct perp_booking bookings[PERP_MAX_LEGS];
    perp_naked naked[PERP_MAX_LEGS];
    perp_job_result copy;
};

/* ---- What is given ------------------------------------------------------------------------------
 */

/* Of a leg, at most so many times its quantity is believed. */
#define MOST_OVERFILL 2.0

static perp_status check_figures(const perp_core *core, uint32_t n, perp_usd fee, bool has_pnl,
                                 perp_usd pnl) {
    perp_status status = perp_check_figure(core, n, "fee", fee);
    return status == PERP_OK && has_pnl ? perp_check_figure(core, n, "pnl", pnl) : status;
}

static perp_status check_leg(const perp_core *core, const struct perp_job_entry *job,
                             const perp_leg_result *leg, uint32_t n) {
    if (leg->known > 1 || leg->has_pnl > 1)
        return perp_fail(core, PERP_E_INVALID, "legs[%u]: known and has_pnl are 0 or 1", n);
    if (!leg->known)
        return PERP_OK;
    if (!perp_not_negative(leg->filled))
        return perp_fail(core, PERP_E_INVALID, "legs[%u].filled: %g is below 0", n, leg->filled);
    if (leg->filled > MOST_OVERFILL * job->legs[n].quantity)
        return perp_fail(core, PERP_E_INVALID, "legs[%u].filled: %g is more than twice %g", n,
                         leg->filled, job->legs[n].quantity);
    if (leg->filled > 0 ? !perp_positive(leg->price) : !isfinite(leg->price))
        return perp_fail(core, PERP_E_INVALID, "legs[%u].price: %g is not above 0", n, leg->price);
    return check_figures(core, n, leg->fee, leg->has_pnl, leg->pnl);
}

static perp_status check_legs(const perp_core *core, const struct perp_job_entry *job,
                              const perp_leg_result *legs, uint32_t n) {
    perp_status status = PERP_OK;
    if (n != job->n_legs)
        return perp_fail(core, PERP_E_INVALID, "legs: %u, the job has %u", n, job->n_legs);
    for (uint32_t i = 0; i < n && status == PERP_OK; i++)
        status = check_leg(core, job, &legs[i], i);
    return status;
}

static bool any_filled(const struct finish *f) {
    for (uint32_t i = 0; i < f->job->n_legs; i++)
        if (f->job->run->legs[i].filled > 0 ||
            (f->result->n_legs && f->result->legs[i].known && f->result->legs[i].filled > 0))
            return true;
    return false;
}

/* Whether what is given makes sense with the status that is given. */
static perp_status check_sense(const struct finish *f) {
    const perp_job_result *result = f->result;
    const perp_core *core = f->core;
    bool did = result->status == PERP_RESULT_COMPLETED;
    if (result->has_totals && (result->n_legs || f->job->run->by_legs))
        return perp_fail(core, PERP_E_INVALID, "result: given both per leg and in all");
    if (result->has_totals && result->status == PERP_RESULT_UNKNOWN)
        return perp_fail(core, PERP_E_INVALID, "result: totals of what is not known");
    if (result->has_totals && !did && result->volume != 0)
        return perp_fail(core, PERP_E_INVALID, "volume: %s of a job that %s",
                         PERP_SHOW_USD(result->volume),
                         result->status == PERP_RESULT_FAILED ? "failed" : "did nothing");
    if (result->flat && (result->n_legs || f->job->run->by_legs || !did))
        return perp_fail(core, PERP_E_INVALID, "flat: only with totals of a completed job");
    if (result->status == PERP_RESULT_NOTHING && any_filled(f))
        return perp_fail(core, PERP_E_INVALID, "status: nothing was done, but a leg filled");
    if (did && f->by_legs && !any_filled(f))
        return perp_fail(core, PERP_E_INVALID, "status: completed, but no leg filled");
    for (uint32_t i = 0; i < result->n_legs; i++)
        if (!result->legs[i].known && result->status != PERP_RESULT_UNKNOWN)
            return perp_fail(core, PERP_E_INVALID, "legs[%u].known: only with status unknown", i);
    return result->has_totals ? perp_check_figures(core, result->pnl, result->volume, result->fees)
                              : PERP_OK;
}

/* A job with orders is finished by what they say. */
static perp_status check_orders(struct finish *f) {
    const perp_job_result *result = f->result;
    const perp_core *core = f->core;
    bool has = perp_job_has_orders(f->job),
         says = result->n_legs || result->has_totals || result->flat;
    if (result->from_orders > 1)
        return perp_fail(core, PERP_E_INVALID, "from_orders: %u is not 0 or 1",
                         result->from_orders);
    if (result->from_orders && !has)
        return perp_fail(core, PERP_E_INVALID, "from_orders: the job has none");
    if (result->from_orders && (says || result->status != PERP_RESULT_COMPLETED))
        return perp_fail(core, PERP_E_INVALID,
                         "from_orders: status, legs or totals are given too, and its orders say "
                         "them");
    if (has && !result->from_orders && (says || result->status != PERP_RESULT_UNKNOWN))
        return perp_fail(core, PERP_E_INVALID, "result: the job has orders: finish it from_orders");
    return PERP_OK;
}

/* What its orders say: once all of them have ended. */
static perp_status read_orders(struct finish *f) {
    const struct perp_order_entry *live = perp_job_live_order(f->job);
    bool filled = false, rejected = false;
    if (live)
        return perp_fail(
            f->core, PERP_E_STATE, "order %llu (%s) of the job has not ended: it is %s",
            (unsigned long long)live->id, live->client_id, perp_order_state_string(live->state));
    for (uint32_t i = 0; i < f->job->n_legs; i++) {
        filled |= f->job->run->legs[i].filled > 0;
        rejected |= perp_leg_rejected(f->job, i);
    }
    if (f->result != &f->copy)
        f->copy = *f->result;
    f->copy.status = filled     ? PERP_RESULT_COMPLETED
                     : rejected ? PERP_RESULT_FAILED
                                : PERP_RESULT_NOTHING;
    f->result = &f->copy;
    f->by_legs = true;
    return PERP_OK;
}

static perp_status check_result(struct finish *f, const perp_job_result *given) {
    if (!given)
        return perp_fail(f->core, PERP_E_INVALID, "result: NULL");
    f->result = given;
    if (given->struct_size != sizeof *given) {
        f->result = &f->copy;
        perp_job_result_init(&f->copy);
        if (!perp_struct_in(&f->copy, sizeof f->copy, given))
            return perp_fail(f->core, PERP_E_INVALID, "result: struct_size %u is not known",
                             given->struct_size);
    }
    const perp_job_result *result = f->result;
    if (result->status > PERP_RESULT_NOTHING)
        return perp_fail(f->core, PERP_E_INVALID, "status: %u is not known", result->status);
    perp_status status = check_orders(f);
    if (status != PERP_OK || result->from_orders)
        return status == PERP_OK ? read_orders(f) : status;
    status = result->n_legs ? check_legs(f->core, f->job, result->legs, result->n_legs) : PERP_OK;
    f->by_legs = result->n_legs || f->job->run->by_legs;
    return status == PERP_OK ? check_sense(f) : status;
}

/* ---- Fills --------------------------------------------------------------------------------------
 */

double perp_mid_of(const perp_core *core, perp_instrument_id instrument) {
    double mid;
    (void)perp_market_mid(core->market, instrument, &mid);
    return mid;
}

/* What cumulative figures of a leg add to what was known. PERP_E_STALE: they are less; *there:
   whether they add anything. */
static perp_status fill_of(const perp_core *core, const struct perp_job_entry *job, uint32_t n,
                           const perp_leg_result *given, int64_t now, struct perp_filled *fill,
                           bool *there) {
    const struct perp_run_leg *leg = &job->run->legs[n];
    double more = perp_quantity_sum(given->filled, -leg->filled);
    if (more < 0)
        return perp_fail(core, PERP_E_STALE, "legs[%u].filled: %g is less than %g before", n,
                         given->filled, leg->filled);
    double price = given->price;
    if (more > 0 && leg->filled > 0) {
        price = (given->filled * given->price - leg->filled * leg->average) / more;
        if (!perp_positive(price))
            price = given->price;
    }
    bool timed = given->time_ns != PERP_TIME_NONE;
    *fill = (struct perp_filled){.leg = n,
                                 .quantity = more,
                                 .price = more > 0 ? price : 0,
                                 .time_ns = timed && given->time_ns < now ? given->time_ns : now,
                                 .time_given = timed,
                                 .mid = perp_mid_of(core, leg->instrument),
                                 .has_pnl = given->has_pnl != 0};
    /* Neither overflows: each is a figure. What is between them need not be one. */
    fill->fee = given->fee - leg->fee;
    fill->pnl = given->has_pnl ? given->pnl - leg->pnl : 0;
    perp_status status = check_figures(core, n, fill->fee, true, fill->pnl);
    if (status != PERP_OK)
        return status;
    *there = more > 0 || fill->fee != 0 || fill->pnl != 0;
    return PERP_OK;
}

static perp_status fills_of(const perp_core *core, const struct perp_job_entry *job,
                            const perp_leg_result *legs, int64_t now, struct perp_filled *fills,
                            uint32_t *n) {
    *n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        bool there = false;
        perp_status status =
            legs[i].known ? fill_of(core, job, i, &legs[i], now, &fills[*n], &there) : PERP_OK;
        if (status != PERP_OK)
            return status;
        *n += there;
    }
    return PERP_OK;
}

/* Without legs: all of each where it completed and is not flat, else nothing. */
static void fills_in_all(struct finish *f) {
    f->n_fills = 0;
    for (uint32_t i = 0; i < f->job->n_legs && !f->result->flat; i++) {
        const struct perp_run_leg *leg = &f->job->run->legs[i];
        if (f->result->status == PERP_RESULT_COMPLETED && leg->price > 0)
            f->fills[f->n_fills++] =
                (struct perp_filled){.leg = i,
                                     .quantity = leg->quantity,
                                     .price = leg->price,
                                     .time_ns = f->now,
                                     .mid = perp_mid_of(f->core, leg->instrument),
                                     .has_pnl = true};
    }
}

/* ---- Bookings -----------------------------------------------------------------------------------
 */

/* Shares totals over the job's exchanges by leg notional, in the order of its legs: the parts sum
   to the whole. */
static uint32_t share_totals(const struct perp_job_entry *job, perp_usd pnl, perp_usd volume,
                             perp_usd fees, struct perp_booking *bookings) {
    perp_usd weights[PERP_MAX_LEGS] = {0}, parts[3][PERP_MAX_LEGS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        uint32_t at = 0;
        while (at < n && bookings[at].exchange != job->legs[i].exchange)
            at++;
        if (at == n)
            bookings[n++] = (struct perp_booking){.exchange = job->legs[i].exchange};
        weights[at] += job->legs[i].notional;
    }
    perp_usd_share(pnl, weights, n, parts[0]);
    perp_usd_share(volume, weights, n, parts[1]);
    perp_usd_share(fees, weights, n, parts[2]);
    for (uint32_t i = 0; i < n; i++) {
        bookings[i].pnl = parts[0][i];
        bookings[i].volume = parts[1][i];
        bookings[i].fees = parts[2][i];
    }
    return n;
}

static perp_status check_volume(const perp_core *core, perp_usd volume) {
    if (volume < 0)
        return perp_fail(core, PERP_E_RANGE, "volume: %s is negative", PERP_SHOW_USD(volume));
    return PERP_OK;
}

/* The fills and bookings of a result that ends the job. */
static perp_status read_result(struct finish *f) {
    const perp_job_result *result = f->result;
    if (result->n_legs)
        return fills_of(f->core, f->job, result->legs, f->now, f->fills, &f->n_fills);
    if (f->by_legs)
        return PERP_OK; /* all of it was told before */
    fills_in_all(f);
    f->n_bookings = share_totals(f->job, result->pnl, result->volume, result->fees, f->bookings);
    return check_volume(f->core, result->volume);
}

/* ---- What it becomes ----------------------------------------------------------------------------
 */

/* What a leg has filled with what the result tells. */
static const struct perp_leg_row *leg_after(const struct finish *f, uint32_t n) {
    return perp_sheet_leg_row(&f->core->positions->sheet, &f->job->run->legs[n]);
}

/* Leg risk: whether the legs filled so unequally that the job ends as partial. */
static void look_at_leg_risk(struct finish *f) {
    const struct perp_job_entry *job = f->job;
    uint64_t seen = 0; /* legs whose base was looked at */
    double value = 0;
    if (!f->by_legs || !job->balanced)
        return;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (seen >> i & 1)
            continue;
        double naked = 0, size = 0, paid = 0;
        for (uint32_t j = i; j < job->n_legs; j++) {
            const struct perp_leg_row *leg = leg_after(f, j);
            if (job->legs[j].base != job->legs[i].base)
                continue;
            seen |= UINT64_C(1) << j;
            naked = perp_quantity_sum(naked, perp_signed(leg->side, leg->filled));
            size += leg->filled;
            paid += leg->filled * leg->average;
        }
        perp_naked *row = &f->naked[f->n_naked++];
        memcpy(row->base, f->core->bases.items[job->legs[i].base], sizeof row->base);
        row->quantity = naked;
        if (size > 0)
            value += fabs(naked) * (paid / size);
    }
    f->partial = value > perp_leg_risk_tolerance(f->core, job);
}

/* Exchanges whose legs were filled less than they should have been. */
static uint64_t blamed(const struct finish *f) {
    if (!f->by_legs)
        return f->job->exchanges;
    uint64_t bits = 0;
    double least = 1 - f->core->config.scheduler.leg_risk_tolerance;
    bool orders = perp_job_has_orders(f->job);
    for (uint32_t i = 0; i < f->job->n_legs; i++)
        if (leg_after(f, i)->filled < f->job->legs[i].quantity * least &&
            (!orders || perp_leg_rejected(f->job, i)))
            bits |= UINT64_C(1) << f->job->legs[i].exchange;
    return bits;
}

static uint32_t end_state(const struct finish *f) {
    if (f->partial)
        return PERP_JOB_PARTIAL;
    if (perp_sheet_lots(&f->core->positions->sheet, f->job) > 0)
        return PERP_JOB_OPEN;
    switch (f->result->status) {
    case PERP_RESULT_COMPLETED:
        return PERP_JOB_COMPLETED;
    case PERP_RESULT_NOTHING:
        return PERP_JOB_CANCELLED;
    default:
        return PERP_JOB_FAILED;
    }
}

static void sum_figures(struct finish *f, const struct perp_sheet *sheet) {
    for (uint64_t left = sheet->booked; left;) {
        const struct perp_booking *booking = &sheet->bookings[perp_bit_take(&left)];
        f->pnl += booking->pnl;
        f->volume += booking->volume;
        f->fees += booking->fees;
    }
}

static perp_status check_sheet(const perp_core *core, const struct perp_sheet *sheet, int64_t now) {
    if (sheet->failed)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    if (!perp_sheet_fits(sheet, now))
        return perp_fail(core, PERP_E_RANGE, "result: the figures would overflow");
    return PERP_OK;
}

static void mids_of(const perp_core *core, const struct perp_job_entry *job,
                    struct perp_price mids[PERP_MAX_LEGS]) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        mids[i].price = perp_mid_of(core, job->legs[i].instrument);
}

static perp_status put_finish(struct finish *f) {
    perp_core *core = f->core;
    bool good = f->result->status == PERP_RESULT_COMPLETED && !f->partial;
    bool bad = f->partial || f->result->status == PERP_RESULT_FAILED;
    struct perp_price mids[PERP_MAX_LEGS];
    mids_of(core, f->job, mids);
    struct perp_ev_finish finish = {.job = f->job->id,
                                    .state = PERP_JOB_FAILED,
                                    .success = good,
                                    .failure = bad,
                                    .n_fills = f->n_fills,
                                    .fills = f->fills,
                                    .shared = !f->by_legs,
                                    .n_bookings = f->n_bookings,
                                    .bookings = f->bookings,
                                    .n_mids = f->job->n_legs,
                                    .mids = mids};
    struct perp_sheet *sheet = perp_sheet_of_finish(core, f->job, &finish, f->now);
    perp_status status = check_sheet(core, sheet, f->now);
    if (status != PERP_OK)
        return status;
    look_at_leg_risk(f);
    good = good && !f->partial;
    bad = bad || f->partial;
    sum_figures(f, sheet);
    finish.state = end_state(f);
    finish.success = good;
    finish.failure = bad;
    finish.good = good ? f->job->exchanges : 0;
    finish.bad = bad ? blamed(f) : 0;
    finish.pnl = f->pnl;
    finish.volume = f->volume;
    finish.fees = f->fees;
    perp_risk_put_ups(core);
    perp_put_finish(core, &finish);
    perp_sheet_is_of_last(core);
    perp_put_stories(core, sheet, f->now, f->partial ? f->job : NULL,
                     f->job->is_repair ? f->job : NULL);
    return PERP_OK;
}

bool perp_job_is_full(const struct perp_job_entry *job, const struct perp_sheet *sheet) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (perp_sheet_leg_row(sheet, &job->run->legs[i])->filled <
            job->legs[i].quantity * (1 - PERP_NEAR_ZERO))
            return false;
    return true;
}

void perp_finish_by_order(perp_core *core, struct perp_job_entry *job, struct perp_ev_order *news) {
    struct finish f;
    perp_zero(&f, offsetof(struct finish, fills));
    perp_job_result_init(&f.copy);
    f.core = core;
    f.job = job;
    f.result = &f.copy;
    f.by_legs = true;
    look_at_leg_risk(&f);
    news->finishes = true;
    news->becomes = end_state(&f);
    news->success = !f.partial;
    news->failure = f.partial;
    news->good = f.partial ? 0 : job->exchanges;
    news->bad = f.partial ? blamed(&f) : 0;
}

/* ---- The calls ----------------------------------------------------------------------------------
 */

static perp_status find_running(const perp_core *core, const perp_uuid *job_id,
                                struct perp_job_entry **job) {
    *job = perp_job_find(core, job_id);
    if (*job && ((*job)->state == PERP_JOB_RUNNING || (*job)->state == PERP_JOB_IN_DOUBT))
        return PERP_OK;
    if (*job && (*job)->state != PERP_JOB_PENDING)
        return perp_fail(core, PERP_E_EXISTS, "job_id: it has ended as %s",
                         perp_job_state_string((*job)->state));
    return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job is running or in doubt");
}

static void put_progress(perp_core *core, uint32_t kind, struct perp_job_entry *job,
                         const struct perp_filled *fills, uint32_t n,
                         const struct perp_sheet *sheet) {
    struct perp_ev_progress progress = {.job = job->id, .n_fills = n, .fills = fills};
    for (uint64_t left = sheet->booked; left;) {
        const struct perp_booking *booking = &sheet->bookings[perp_bit_take(&left)];
        progress.pnl += booking->pnl;
        progress.volume += booking->volume;
        progress.fees += booking->fees;
    }
    perp_put(core, kind, &progress);
    perp_sheet_is_of_last(core);
}

/* Fills of a job that goes on as it is. */
static perp_status decide_fills(struct perp_decision *d, struct perp_job_entry *job,
                                const perp_leg_result *legs, bool late) {
    perp_core *core = d->core;
    struct perp_filled fills[PERP_MAX_LEGS];
    uint32_t n;
    perp_status status = fills_of(core, job, legs, d->now, fills, &n);
    if (status != PERP_OK)
        return status;
    const struct perp_ev_progress progress = {.job = job->id, .n_fills = n, .fills = fills};
    struct perp_sheet *sheet = perp_sheet_of_fills(core, job, &progress, late, d->now);
    status = check_sheet(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_batch_stands(core);
    put_progress(core, late ? PERP_EVENT_AMEND : PERP_EVENT_PROGRESS, job, fills, n, sheet);
    if (!late)
        perp_look_at_unhedged(core, job, fills, n, d->now);
    perp_put_stories(core, sheet, d->now, NULL, NULL);
    return PERP_OK;
}

static perp_status decide_doubt(struct finish *f, struct perp_decision *d,
                                perp_finish_outcome *outcome) {
    perp_status status = perp_decision_begin(d);
    if (status == PERP_OK && f->result->n_legs)
        status = decide_fills(d, f->job, f->result->legs, false);
    if (status != PERP_OK)
        return status;
    if (f->job->state == PERP_JOB_RUNNING)
        perp_put_for_job(f->core, PERP_EVENT_DOUBT, &f->job->id);
    outcome->state = PERP_JOB_IN_DOUBT;
    return PERP_OK;
}

/* The number of the dispatch that a result answers; 0: it does not say. */
static uint64_t answered(const perp_job_result *result) {
    const size_t end = offsetof(perp_job_result, dispatch) + sizeof result->dispatch;
    return result && result->struct_size >= end ? result->dispatch : 0;
}

/* A late answer to a dispatch that is no longer the job's: it was requeued meanwhile. */
static bool is_of_earlier(const struct perp_job_entry *job, uint64_t dispatch) {
    return dispatch && (job->state == PERP_JOB_PENDING || dispatch != job->run->dispatch);
}

perp_status perp_decide_finish(struct perp_decision *d, const perp_uuid *job_id,
                               const perp_job_result *result, perp_finish_outcome *outcome) {
    perp_core *core = d->core;
    struct finish f;
    perp_zero(&f, offsetof(struct finish, fills));
    f.core = core;
    f.job = perp_job_find(core, job_id);
    if (f.job && is_of_earlier(f.job, answered(result)))
        return perp_fail(core, PERP_E_CONFLICT, "dispatch: %llu is not the last of the job, %llu",
                         (unsigned long long)answered(result),
                         (unsigned long long)f.job->run->dispatch);
    perp_status status = find_running(core, job_id, &f.job);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    f.now = perp_decision_time(d);
    status = check_result(&f, result);
    if (status != PERP_OK)
        return status;
    if (f.result->status == PERP_RESULT_UNKNOWN)
        return decide_doubt(&f, d, outcome);
    status = read_result(&f);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    f.now = d->now;
    status = put_finish(&f);
    if (status != PERP_OK)
        return status;
    /* Made before the job may be forgotten. */
    outcome->state = f.partial ? (uint32_t)PERP_JOB_PARTIAL : end_state(&f);
    outcome->n_naked = f.partial ? f.n_naked : 0;
    memcpy(outcome->naked, f.naked, outcome->n_naked * sizeof *f.naked);
    return PERP_OK;
}

perp_status perp_scheduler_finish(perp_scheduler *scheduler, const perp_call *call,
                                  const perp_uuid *job_id, const perp_job_result *result,
                                  perp_finish_outcome *outcome) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "finish: NULL");
    perp_core *core = scheduler->core;
    if (outcome && !perp_struct_fits(outcome, sizeof *outcome))
        return perp_fail(core, PERP_E_INVALID, "outcome: struct_size %u is not known",
                         outcome->struct_size);
    perp_finish_outcome full;
    perp_zero(&full, sizeof full);
    full.struct_size = sizeof full;
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    perp_status status = perp_decide_finish(&d, job_id, result, &full);
    if (status == PERP_OK)
        perp_batch_stands(core); /* it has happened, whatever the store says */
    status = perp_decision_close(&d, status);
    if (status == PERP_OK && outcome)
        perp_struct_out(outcome, &full, sizeof full);
    return status;
}

static perp_status decide_progress(struct perp_decision *d, const perp_uuid *job_id,
                                   const perp_leg_result *legs, uint32_t n) {
    struct perp_job_entry *job;
    perp_status status = find_running(d->core, job_id, &job);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK && perp_job_has_orders(job))
        status = perp_fail(d->core, PERP_E_INVALID, "job_id: its orders tell its progress");
    if (status == PERP_OK)
        status = check_legs(d->core, job, legs, n);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    return status == PERP_OK ? decide_fills(d, job, legs, false) : status;
}

perp_status perp_scheduler_progress(perp_scheduler *scheduler, const perp_call *call,
                                    const perp_uuid *job_id, const perp_leg_result *legs,
                                    uint32_t n_legs) {
    if (!scheduler || !job_id || !legs)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "progress: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_progress(&d, job_id, legs, n_legs));
}

static perp_status decide_amend(struct perp_decision *d, const perp_uuid *job_id,
                                const perp_leg_result *legs, uint32_t n) {
    perp_core *core = d->core;
    struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job");
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK && perp_job_has_orders(job))
        status = perp_fail(core, PERP_E_INVALID, "job_id: its orders tell what it filled");
    if (status == PERP_OK)
        status = check_legs(core, job, legs, n);
    if (status != PERP_OK)
        return status;
    if (!job->run->dispatched || job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT)
        return perp_fail(core, PERP_E_STATE, "job_id: %s",
                         job->run->dispatched ? "it runs: tell its progress, or finish it"
                                              : "it was never dispatched");
    status = perp_decision_begin(d);
    return status == PERP_OK ? decide_fills(d, job, legs, true) : status;
}

perp_status perp_scheduler_amend(perp_scheduler *scheduler, const perp_call *call,
                                 const perp_uuid *job_id, const perp_leg_result *legs,
                                 uint32_t n_legs) {
    if (!scheduler || !job_id || !legs)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "amend: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_amend(&d, job_id, legs, n_legs));
}

/* Prices of lots that are where a repair's leg was before; false: no memory. */
static bool price_elsewhere(const struct perp_decision *d, const struct perp_job_entry *job,
                            struct perp_ev_close *close) {
    const uint32_t n = perp_lots_elsewhere(d->core, job, NULL);
    perp_instrument_id *at = n ? perp_batch_memory(d->core, n * sizeof *at) : NULL;
    struct perp_price *prices = n ? perp_batch_memory(d->core, n * sizeof *prices) : NULL;
    if (n && (!at || !prices))
        return false;
    (void)perp_lots_elsewhere(d->core, job, at);
    for (uint32_t i = 0; i < n; i++)
        perp_market_marks(d->core->market, &at[i], 1, d->now, &prices[i].price);
    close->n_elsewhere = n;
    close->elsewhere = prices;
    return true;
}

static perp_status decide_close(struct perp_decision *d, const perp_uuid *job_id, perp_usd pnl,
                                perp_usd volume, perp_usd fees) {
    perp_core *core = d->core;
    struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || !job->run->n_lots)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no job of that id has anything open");
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = check_volume(core, volume);
    if (status == PERP_OK)
        status = perp_check_figures(core, pnl, volume, fees);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_booking bookings[PERP_MAX_LEGS];
    struct perp_price prices[PERP_MAX_LEGS];
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const perp_instrument_id instrument = job->legs[i].instrument;
        perp_market_marks(core->market, &instrument, 1, d->now, &prices[i].price);
    }
    struct perp_ev_close close = {
        .job = *job_id,
        .pnl = pnl,
        .volume = volume,
        .fees = fees,
        .n_bookings = share_totals(job, pnl, volume, fees, bookings),
        .bookings = bookings,
        .n_prices = job->n_legs,
        .prices = prices,
    };
    if (!price_elsewhere(d, job, &close))
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    struct perp_sheet *sheet = perp_sheet_of_close(core, job, &close, d->now);
    status = check_sheet(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_put_close(core, &close);
    perp_sheet_is_of_last(core);
    perp_put_stories(core, sheet, d->now, NULL, NULL);
    return PERP_OK;
}

perp_status perp_scheduler_close(perp_scheduler *scheduler, const perp_call *call,
                                 const perp_uuid *job_id, perp_usd pnl, perp_usd volume,
                                 perp_usd fees) {
    if (!scheduler || !job_id)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "close: NULL");
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    return perp_decision_close(&d, decide_close(&d, job_id, pnl, volume, fees));
}

static bool orders_or_fills(const struct perp_job_entry *job) {
    if (perp_job_live_order(job))
        return true;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->run->legs[i].filled > 0)
            return true;
    return false;
}

perp_status perp_decide_requeue(struct perp_decision *d, const perp_uuid *job_id) {
    perp_core *core = d->core;
    struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || job->state != PERP_JOB_IN_DOUBT)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job is in doubt");
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK && orders_or_fills(job))
        status = perp_fail(core, PERP_E_STATE,
                           "job_id: some of it was filled, or an order of it has not ended");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_price mids[PERP_MAX_LEGS];
    mids_of(core, job, mids);
    const struct perp_ev_requeue requeue = {.job = *job_id, .n_mids = job->n_legs, .mids = mids};
    struct perp_sheet *sheet = perp_sheet_of_requeue(core, job, mids, d->now);
    status = check_sheet(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_put_requeue(core, &requeue);
    perp_sheet_is_of_last(core);
    perp_put_stories(core, sheet, d->now, NULL, job->is_repair ? job : NULL);
    return PERP_OK;
}
