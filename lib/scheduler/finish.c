/* Deciding what a result means: bookings, leg risk, repairs. The event carries the decision,
   book/job_events.c makes it so. */
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
    for (uint32_t i = 0; i < PERP_MAX_LEGS; i++)
        result->legs[i].time_ns = PERP_TIME_NONE;
}

/* A booking on one exchange, and the notional that weighs its share. */
struct booking {
    struct perp_booking row;
    perp_usd notional;
};

/* A finish under way. */
struct finish {
    perp_core *core;
    const struct perp_job_entry *job;
    const struct perp_job_entry *first; /* whose repair it is, or NULL */
    const perp_job_result *result;      /* as given, or completed in copy */
    int64_t now;
    uint32_t n_bookings;
    uint32_t n_bare;
    bool partial;
    bool squared; /* its first job is resolved */
    double left;  /* naked quantity that a repair left */
    bool queued;
    perp_uuid repair;
    /* All before is zero at first. Of what follows only the rows that are there have a meaning. */
    struct booking bookings[PERP_MAX_LEGS];
    double filled[PERP_MAX_LEGS]; /* also where the result has no legs */
    double prices[PERP_MAX_LEGS];
    struct perp_bare bare[PERP_MAX_LEGS];
    perp_job_result copy;
};

static perp_status check_leg_result(const struct finish *f, uint32_t n) {
    const perp_leg_result *leg = &f->result->legs[n];
    if (!perp_not_negative(leg->filled))
        return perp_fail(f->core, PERP_E_INVALID, "legs[%u].filled: %g is below 0", n, leg->filled);
    if (leg->filled > 0 ? !perp_positive(leg->price) : !isfinite(leg->price))
        return perp_fail(f->core, PERP_E_INVALID, "legs[%u].price: %g is not above 0", n,
                         leg->price);
    if (leg->time_ns != PERP_TIME_NONE && leg->time_ns > f->now)
        return perp_fail(f->core, PERP_E_INVALID, "legs[%u].t: %lld is after the finish", n,
                         (long long)leg->time_ns);
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
    if (result->status > PERP_RESULT_UNKNOWN)
        return perp_fail(f->core, PERP_E_INVALID, "status: %u is not known", result->status);
    if (result->reserved != 0)
        return perp_fail(f->core, PERP_E_INVALID, "result.reserved: %u must be 0",
                         result->reserved);
    if (result->n_legs && result->has_totals)
        return perp_fail(f->core, PERP_E_INVALID, "result: given both per leg and in all");
    if (result->n_legs && result->n_legs != f->job->n_legs)
        return perp_fail(f->core, PERP_E_INVALID, "legs: %u, the job has %u", result->n_legs,
                         f->job->n_legs);
    for (uint32_t i = 0; i < result->n_legs; i++) {
        perp_status status = check_leg_result(f, i);
        if (status != PERP_OK)
            return status;
    }
    return PERP_OK;
}

static struct booking *booking_on(struct booking *bookings, uint32_t *n,
                                  perp_exchange_id exchange) {
    for (uint32_t i = 0; i < *n; i++)
        if (bookings[i].row.exchange == exchange)
            return &bookings[i];
    bookings[*n] = (struct booking){.row.exchange = exchange};
    return &bookings[(*n)++];
}

static bool book_leg(struct perp_booking *booking, const perp_leg_result *leg) {
    perp_usd volume;
    return perp_usd_from_double(leg->filled * leg->price, &volume) &&
           perp_usd_add(booking->volume, volume, &booking->volume) &&
           perp_usd_add(booking->pnl, leg->pnl, &booking->pnl) &&
           perp_usd_add(booking->fees, leg->fee, &booking->fees);
}

/* The rows, one an exchange in the order of the job's legs, with the notional that weighs shares.
 */
static uint32_t booking_rows(const struct perp_job_entry *job, struct booking *bookings) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++)
        booking_on(bookings, &n, job->legs[i].exchange)->notional += job->legs[i].notional;
    return n;
}

/* Shares totals over the job's exchanges by leg notional: the parts sum to the whole. */
static void share_totals(struct booking *bookings, uint32_t n, perp_usd pnl, perp_usd volume,
                         perp_usd fees) {
    perp_usd weights[PERP_MAX_LEGS] = {0}, parts[PERP_MAX_LEGS];
    for (uint32_t i = 0; i < n; i++)
        weights[i] = bookings[i].notional;
    perp_usd_share(pnl, weights, n, parts);
    for (uint32_t i = 0; i < n; i++)
        bookings[i].row.pnl = parts[i];
    perp_usd_share(volume, weights, n, parts);
    for (uint32_t i = 0; i < n; i++)
        bookings[i].row.volume = parts[i];
    perp_usd_share(fees, weights, n, parts);
    for (uint32_t i = 0; i < n; i++)
        bookings[i].row.fees = parts[i];
}

static perp_status check_bookings(const perp_core *core, int64_t now,
                                  const struct booking *bookings, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct perp_booking *row = &bookings[i].row;
        if (!perp_capital_can_book(core->capital, now, row->exchange, row->pnl, row->volume,
                                   row->fees))
            return perp_fail(core, PERP_E_RANGE, "result: the figures of %s would overflow",
                             core->exchanges[row->exchange].spec.name);
    }
    return PERP_OK;
}

static perp_status make_bookings(struct finish *f) {
    const perp_job_result *result = f->result;
    f->n_bookings = booking_rows(f->job, f->bookings);
    for (uint32_t i = 0; i < result->n_legs; i++) {
        struct booking *booking = booking_on(f->bookings, &f->n_bookings, f->job->legs[i].exchange);
        if (!book_leg(&booking->row, &result->legs[i]))
            return perp_fail(f->core, PERP_E_RANGE, "legs[%u]: the figures overflow", i);
    }
    if (result->has_totals) {
        if (result->volume < 0)
            return perp_fail(f->core, PERP_E_RANGE, "volume: %s is negative",
                             PERP_SHOW_USD(result->volume));
        share_totals(f->bookings, f->n_bookings, result->pnl, result->volume, result->fees);
    }
    return check_bookings(f->core, f->now, f->bookings, f->n_bookings);
}

/* What each leg filled; without legs all if completed, nothing if failed. */
static void make_fills(struct finish *f) {
    for (uint32_t i = 0; i < f->job->n_legs; i++) {
        const struct perp_job_leg *leg = &f->job->legs[i];
        f->filled[i] = f->result->status == PERP_RESULT_COMPLETED ? leg->quantity : 0;
        f->prices[i] = leg->price;
        if (f->result->n_legs) {
            f->filled[i] = f->result->legs[i].filled;
            f->prices[i] = f->result->legs[i].price;
        }
    }
}

static double sign_of(const struct perp_job_leg *leg) {
    return leg->side == PERP_SIDE_BUY ? 1 : -1;
}

/* Leg risk: whether the legs filled so unequally that the job ends as partial. */
static void look_at_leg_risk(struct finish *f) {
    const struct perp_job_entry *job = f->job;
    if (!f->result->n_legs || job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return;
    double value = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < f->n_bare; j++)
            seen |= f->bare[j].base == job->legs[i].base;
        if (seen)
            continue;
        double naked = 0, size = 0, paid = 0;
        for (uint32_t j = i; j < job->n_legs; j++) {
            if (job->legs[j].base != job->legs[i].base)
                continue;
            naked += sign_of(&job->legs[j]) * f->filled[j];
            size += f->filled[j];
            paid += f->filled[j] * f->prices[j];
        }
        f->bare[f->n_bare++] = (struct perp_bare){job->legs[i].base, naked};
        if (size > 0)
            value += fabs(naked) * (paid / size);
    }
    f->partial = value > perp_leg_risk_tolerance(f->core, job);
}

/* What a repair left of its first job's naked quantity, and whether that is little enough. */
static void look_at_repair(struct finish *f) {
    const struct perp_job_leg *leg = &f->job->legs[0];
    f->left = f->first->bare[0].quantity + sign_of(leg) * f->filled[0];
    struct perp_market_view view;
    perp_market_read(f->core->market, leg->instrument, f->now, &view);
    double mid = view.has_quote ? view.mid : leg->price;
    f->squared = fabs(f->left) * mid <= perp_leg_risk_tolerance(f->core, f->first);
}

/* Exchanges whose legs were filled less than they should have been. */
static uint64_t blamed(const struct finish *f) {
    if (!f->result->n_legs)
        return f->job->exchanges;
    uint64_t bits = 0;
    double least = 1 - f->core->config.scheduler.leg_risk_tolerance;
    for (uint32_t i = 0; i < f->job->n_legs; i++)
        if (f->filled[i] < f->job->legs[i].quantity * least)
            bits |= UINT64_C(1) << f->job->legs[i].exchange;
    return bits;
}

static uint32_t end_state(const struct finish *f) {
    if (f->partial)
        return PERP_JOB_PARTIAL;
    if (f->result->hold && !f->first)
        return PERP_JOB_OPEN;
    return f->result->status == PERP_RESULT_COMPLETED ? PERP_JOB_COMPLETED : PERP_JOB_FAILED;
}

/* The rows of the bookings, for an event. */
static uint32_t rows_of(const struct booking *bookings, uint32_t n, struct perp_booking *rows) {
    for (uint32_t i = 0; i < n; i++)
        rows[i] = bookings[i].row;
    return n;
}

static void put_finish(struct finish *f) {
    const struct perp_job_entry *job = f->job;
    bool good = f->result->status == PERP_RESULT_COMPLETED && !f->partial;
    struct perp_filled fills[PERP_MAX_LEGS];
    struct perp_booking bookings[PERP_MAX_LEGS];
    struct perp_ev_finish finish = {.job = job->id,
                                    .state = end_state(f),
                                    .success = good,
                                    .good = good ? job->exchanges : 0,
                                    .bad = good ? 0 : blamed(f),
                                    .squared = f->squared,
                                    .left = f->left,
                                    .n_fills = job->n_legs,
                                    .fills = fills,
                                    .n_bookings = rows_of(f->bookings, f->n_bookings, bookings),
                                    .bookings = bookings,
                                    .n_bare = f->partial ? f->n_bare : 0,
                                    .bare = f->bare};
    for (uint32_t i = 0; i < job->n_legs; i++) {
        int64_t filled_at = f->result->n_legs ? f->result->legs[i].time_ns : PERP_TIME_NONE;
        fills[i] =
            (struct perp_filled){.instrument = job->legs[i].instrument,
                                 .side = job->legs[i].side,
                                 .quantity = f->filled[i],
                                 .price = f->prices[i],
                                 .time_ns = filled_at != PERP_TIME_NONE ? filled_at : f->now};
    }
    for (uint32_t i = 0; i < f->n_bookings; i++) {
        finish.pnl += bookings[i].pnl;
        finish.volume += bookings[i].volume;
        finish.fees += bookings[i].fees;
    }
    perp_put_finish(f->core, &finish);
}

/* The next repair: of the job that just ended partial, or of the job that this repair was for. */
static void queue_repair(struct finish *f) {
    if (f->first) {
        if (!f->squared)
            f->queued = perp_put_repair(f->core, f->first, f->left, f->now, &f->repair);
        return;
    }
    if (!f->partial)
        return;
    union perp_job_room copy;
    memcpy(&copy, f->job, perp_job_size(f->job->n_legs));
    copy.job.n_bare = f->n_bare;
    f->queued = perp_put_repair(f->core, &copy.job, f->bare[0].quantity, f->now, &f->repair);
}

static void tell_partial(struct finish *f) {
    char id[37];
    perp_uuid_format(&f->job->id, id);
    perp_tell_alert(f->core, PERP_ALERT_UNRESOLVED_LEG, PERP_ALERT_CRITICAL, true, id,
                    "the legs filled unequally: %s",
                    f->queued ? "a repair is queued" : "the host must square the position");
}

static void fill_outcome(const struct finish *f, perp_finish_outcome *outcome) {
    outcome->state = end_state(f);
    outcome->has_repair = f->queued;
    outcome->repair_job_id = f->repair;
    for (uint32_t i = 0; f->partial && i < f->n_bare; i++) {
        memcpy(outcome->naked[i].base, f->core->bases.items[f->bare[i].base], PERP_NAME_SIZE);
        outcome->naked[i].quantity = f->bare[i].quantity;
        outcome->n_naked = i + 1;
    }
}

static perp_status decide_doubt(struct finish *f, struct perp_decision *d,
                                perp_finish_outcome *outcome) {
    perp_status status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    if (f->job->state == PERP_JOB_RUNNING)
        perp_put_for_job(f->core, PERP_EVENT_DOUBT, &f->job->id);
    outcome->state = PERP_JOB_IN_DOUBT;
    return PERP_OK;
}

perp_status perp_decide_finish(struct perp_decision *d, const perp_uuid *job_id,
                               const perp_job_result *result, perp_finish_outcome *outcome) {
    perp_core *core = d->core;
    struct finish f;
    perp_zero(&f, offsetof(struct finish, bookings));
    f.core = core;
    f.job = perp_job_find(core, job_id);
    if (!f.job || (f.job->state != PERP_JOB_RUNNING && f.job->state != PERP_JOB_IN_DOUBT))
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job is running or in doubt");
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    f.now = perp_decision_time(d);
    status = check_result(&f, result);
    if (status != PERP_OK)
        return status;
    if (f.result->status == PERP_RESULT_UNKNOWN)
        return decide_doubt(&f, d, outcome);
    if (f.job->is_repair)
        f.first = perp_job_find(core, &f.job->parent);
    status = make_bookings(&f);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    f.now = d->now;
    make_fills(&f);
    look_at_leg_risk(&f);
    if (f.first)
        look_at_repair(&f);
    perp_risk_put_ups(core);
    put_finish(&f);
    queue_repair(&f);
    /* Made before the job may be forgotten. Messages of a batch that fails are dropped with it. */
    fill_outcome(&f, outcome);
    if (f.partial)
        tell_partial(&f);
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
        status = perp_decision_commit(&d);
    /* Of a broken book leg risk is told, too. */
    perp_status left = perp_decision_close(&d, status);
    if (status != PERP_OK)
        return status;
    if (outcome)
        perp_struct_out(outcome, &full, sizeof full);
    const perp_callbacks *callbacks = &core->config.callbacks;
    if (full.state == PERP_JOB_PARTIAL && callbacks->on_leg_risk) {
        struct perp_callback callback;
        perp_callback_begin(&callback, core);
        callbacks->on_leg_risk(callbacks->user, job_id, full.naked, full.n_naked,
                               full.has_repair ? &full.repair_job_id : NULL);
        perp_callback_end(&callback);
    }
    return left;
}

static perp_status decide_close(struct perp_decision *d, const perp_uuid *job_id, perp_usd pnl,
                                perp_usd volume, perp_usd fees) {
    perp_core *core = d->core;
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || job->state != PERP_JOB_OPEN)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such open job");
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (volume < 0)
        return perp_fail(core, PERP_E_RANGE, "volume: %s is negative", PERP_SHOW_USD(volume));
    struct booking bookings[PERP_MAX_LEGS];
    struct perp_booking rows[PERP_MAX_LEGS];
    uint32_t n = booking_rows(job, bookings);
    share_totals(bookings, n, pnl, volume, fees);
    status = check_bookings(core, perp_decision_time(d), bookings, n);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_close(core, &(struct perp_ev_close){.job = *job_id,
                                                     .pnl = pnl,
                                                     .volume = volume,
                                                     .fees = fees,
                                                     .n_bookings = rows_of(bookings, n, rows),
                                                     .bookings = rows});
    return status;
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
