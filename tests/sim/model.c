/* The auditor's book: what must follow from what the host told, worked out the simple way. */
#include "sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool s_ended(uint32_t state) {
    return state != PERP_JOB_PENDING && state != PERP_JOB_RUNNING && state != PERP_JOB_IN_DOUBT;
}

bool s_runs(const struct s_job *job) {
    return job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
}

int32_t s_find(const struct s_world *w, const perp_uuid *id) {
    for (uint32_t j = w->m.n_jobs; j > 0; j--)
        if (memcmp(&w->m.jobs[j - 1].id, id, sizeof *id) == 0)
            return (int32_t)(j - 1);
    return -1;
}

void s_m_touch(struct s_world *w, int32_t job) {
    if (w->n_touched < 64)
        w->touched[w->n_touched++] = (uint32_t)job;
}

/* ---- Time and money -------------------------------------------------------------------------- */

static void roll_day(struct s_world *w) {
    struct s_model *m = &w->m;
    perp_usd starts = 0;
    const bool missed = m->clock >= m->day_ends + S_DAY;
    m->day_ends = m->clock - m->clock % S_DAY + S_DAY;
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        struct s_account *a = &m->accounts[x];
        a->yesterday = missed ? (struct s_figures){0} : a->today;
        a->today = (struct s_figures){0};
        a->start = a->equity;
        starts += a->start;
    }
    m->scaled_start = starts;
    m->scaled_booked = 0;
    m->loss_latched = m->loss_unsure = 0;
    w->n.days++;
}

/* A call took effect at w->now. */
void s_m_time(struct s_world *w) {
    s_m_time_at(w, w->now + w->skew);
}

void s_m_time_at(struct s_world *w, int64_t at) {
    struct s_model *m = &w->m;
    if (!m->has_clock) {
        m->has_clock = 1;
        m->clock = at;
        if (m->day_ends == 0)
            m->day_ends = at - at % S_DAY + S_DAY;
    }
    m->clock = at > m->clock ? at : m->clock;
    if (m->clock >= m->day_ends)
        roll_day(w);
    if (m->override_on && m->clock >= m->override_until)
        m->override_on = 0;
}

/* Whether the day's loss has reached a limit: it then has until the day rolls. */
void s_m_loss(struct s_world *w) {
    struct s_model *m = &w->m;
    const perp_risk_config *c = &w->config.risk;
    perp_usd booked = 0, starts = 0, equity = 0;
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        booked += m->accounts[x].today.fees - m->accounts[x].today.pnl;
        starts += m->accounts[x].start;
        equity += m->accounts[x].equity;
    }
    const perp_usd shown = starts - equity, loss = booked > shown ? booked : shown;
    const perp_usd scaled_shown = m->scaled_start - equity;
    const perp_usd scaled = m->scaled_booked > scaled_shown ? m->scaled_booked : scaled_shown;
    const double limit = floor((double)m->scaled_start * c->daily_loss_limit_pct);
    if (c->daily_loss_limit_usd > 0 && loss > 0 && loss >= c->daily_loss_limit_usd)
        m->loss_latched = 1;
    if (c->daily_loss_limit_pct > 0 && m->scaled_start > 0 && scaled > 0 && (double)scaled >= limit)
        m->loss_latched = 1;
}

void s_m_book(struct s_world *w, uint32_t exchange, perp_usd pnl, perp_usd volume, perp_usd fees) {
    struct s_account *a = &w->m.accounts[exchange];
    a->today.pnl += pnl;
    a->today.volume += volume;
    a->today.fees += fees;
    w->m.scaled_booked += fees - pnl;
    if (!a->unsure)
        s_m_loss(w);
}

static void take_equity(struct s_world *w, uint32_t exchange, perp_usd equity) {
    struct s_account *a = &w->m.accounts[exchange];
    const perp_usd ppm = w->config.capital.drawdown_limit_ppm;
    if (!a->has_equity) {
        a->start = equity;
        w->m.scaled_start += equity;
    }
    a->has_equity = 1;
    a->has_aside = 0;
    a->equity = equity;
    a->equity_at = w->now;
    a->high_water = equity > a->high_water ? equity : a->high_water;
    if (a->high_water > 0 &&
        (s_wide)(a->high_water - equity) * 1000000 >= (s_wide)a->high_water * ppm)
        a->safe = 1;
    s_m_loss(w);
}

static bool within(perp_usd a, perp_usd b, perp_usd ppm) {
    const perp_usd larger = llabs(a) > llabs(b) ? llabs(a) : llabs(b);
    return (s_wide)llabs(a - b) * 1000000 <= (s_wide)larger * ppm;
}

void s_m_equity(struct s_world *w, uint32_t exchange, perp_usd equity) {
    struct s_account *a = &w->m.accounts[exchange];
    const perp_usd jump = w->config.capital.max_equity_jump_ppm;
    const bool believed = !a->has_equity || jump == 0 || within(equity, a->equity, jump) ||
                          (a->has_aside && within(equity, a->aside, 100000));
    if (believed) {
        take_equity(w, exchange, equity);
    } else {
        a->has_aside = 1;
        a->aside = equity;
    }
}

static perp_usd scale(perp_usd x, perp_usd after, perp_usd before) {
    const s_wide product = (s_wide)x * after;
    const s_wide size = product < 0 ? -product : product;
    const s_wide rounded = (2 * size + before) / (2 * (s_wide)before);
    return (perp_usd)(product < 0 ? -rounded : rounded);
}

void s_m_transfer(struct s_world *w, uint32_t exchange, perp_usd amount) {
    struct s_model *m = &w->m;
    struct s_account *a = &m->accounts[exchange];
    perp_usd before = 0;
    for (uint32_t x = 0; x < w->n_exchanges; x++)
        before += m->accounts[x].equity;
    const perp_usd old = a->equity;
    a->equity += amount;
    a->start += amount;
    if (old > 0 && a->equity > 0)
        a->high_water = scale(a->high_water, a->equity, old);
    else
        a->high_water = a->high_water + amount;
    a->high_water = a->high_water > a->equity ? a->high_water : a->equity;
    if (before > 0 && before + amount > 0) {
        m->scaled_start = scale(m->scaled_start, before + amount, before);
        m->scaled_booked = scale(m->scaled_booked, before + amount, before);
    } else {
        m->scaled_start += amount;
    }
    s_m_loss(w);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static int32_t new_job(struct s_world *w, const perp_uuid *id) {
    if (w->m.n_jobs == S_JOBS)
        s_fail(w, "the simulator has no room for more jobs");
    struct s_job *j = &w->m.jobs[w->m.n_jobs];
    memset(j, 0, sizeof *j);
    j->id = *id;
    j->closes = -1;
    j->state = PERP_JOB_PENDING;
    w->m.live[w->m.n_live++] = w->m.n_jobs;
    return (int32_t)w->m.n_jobs++;
}

/* Buys and sells agree in each base. */
static bool is_balanced(const struct s_world *w, const struct s_job *j) {
    for (uint32_t b = 0; b < w->n_bases; b++) {
        double bought = 0, sold = 0;
        for (uint32_t i = 0; i < j->n_legs; i++)
            if (s_base_of(w, j->legs[i].instrument) == b)
                *(j->legs[i].side > 0 ? &bought : &sold) += (double)j->legs[i].quantity;
        if (fabs(bought - sold) > w->config.scheduler.hedge_tolerance * fmax(bought, sold))
            return false;
    }
    return true;
}

void s_m_take_legs(struct s_world *w, struct s_job *j, const perp_job *job) {
    static const perp_uuid none;
    j->n_legs = job->n_legs;
    j->strategy = job->strategy;
    j->notional = job->notional;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct s_leg *l = &j->legs[i];
        l->instrument = job->legs[i].instrument;
        l->exchange = s_exchange_of(w, l->instrument);
        l->side = job->legs[i].side == PERP_SIDE_BUY ? 1 : -1;
        l->quantity = llround(job->legs[i].quantity / w->step_size[s_base_of(w, l->instrument)]);
        l->notional = job->legs[i].notional > 0 ? job->legs[i].notional : job->notional;
    }
    j->balanced = is_balanced(w, j);
    if (memcmp(&job->closes, &none, sizeof none) != 0)
        j->closes = s_find(w, &job->closes);
}

void s_m_submit(struct s_world *w, const perp_job *job) {
    const int32_t index = new_job(w, &job->job_id);
    struct s_job *j = &w->m.jobs[index];
    s_m_take_legs(w, j, job);
    j->submitted = w->m.clock;
    j->ttl_ms = job->ttl_ms;
    j->expires = job->ttl_ms > 0 ? w->m.clock + job->ttl_ms * S_MS : INT64_MAX;
    s_m_touch(w, index);
}

/* What the library plans anew at each tick is as it says. */
int32_t s_m_learn(struct s_world *w, const perp_uuid *id) {
    perp_job_info info = {.struct_size = sizeof info};
    int32_t index = s_find(w, id);
    if (index >= 0 && !w->m.jobs[index].repair && !w->m.jobs[index].flatten)
        return index;
    if (perp_scheduler_job(perp_core_scheduler(w->core), id, &info) != PERP_OK)
        s_fail(w, "a job of the library is not known to it: %s", perp_core_error(w->core));
    if (index < 0) {
        index = new_job(w, id);
        w->m.jobs[index].repair = info.is_repair != 0;
        w->m.jobs[index].flatten = !info.is_repair;
        w->m.jobs[index].expires = INT64_MAX;
        w->n.repairs += info.is_repair;
        if (s_ended(info.state))
            w->m.jobs[index].state = info.state;
    }
    if (w->m.jobs[index].state == PERP_JOB_PENDING)
        s_m_take_legs(w, &w->m.jobs[index], &info.job);
    s_m_touch(w, index);
    return index;
}

static uint32_t pool_of(const struct s_world *w, const struct s_job *j) {
    return j->repair                                      ? (uint32_t)PERP_POOL_RESERVE
           : j->strategy == PERP_STRATEGY_ARB             ? (uint32_t)PERP_POOL_ARB
           : j->strategy == PERP_STRATEGY_HEDGE_REBALANCE ? w->config.scheduler.rebalance_pool
                                                          : (uint32_t)PERP_POOL_WASH;
}

uint32_t s_m_pool(const struct s_world *w, int32_t job) {
    return pool_of(w, &w->m.jobs[job]);
}

void s_m_dispatched(struct s_world *w, int32_t job, uint64_t dispatch) {
    struct s_job *j = &w->m.jobs[job];
    perp_job_info info = {.struct_size = sizeof info};
    if (perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info) != PERP_OK)
        s_fail(w, "a dispatched job is not known: %s", perp_core_error(w->core));
    if (w->loud)
        printf("  job %d is dispatched%s%s, %u legs: %u %+" PRId64 " / %u %+" PRId64
               "%s, closes %d\n",
               job, j->repair ? ", a repair" : "", info.reduce_only ? ", reducing" : "", j->n_legs,
               j->legs[0].instrument, j->legs[0].side * j->legs[0].quantity, j->legs[1].instrument,
               j->legs[1].side * j->legs[1].quantity, j->balanced ? ", balanced" : "", j->closes);
    j->state = PERP_JOB_RUNNING;
    j->dispatch = dispatch;
    j->handed = j->answer = 0;
    j->started = w->now;
    j->reducing = info.reduce_only && !w->m.jobs[job].repair;
    for (uint32_t i = 0; i < j->n_legs; i++)
        j->legs[i].left = info.reduce_only ? 0 : j->legs[i].notional;
    if (info.reduce_only)
        j->reducing = 1;
    w->n.dispatched++;
    s_m_touch(w, job);
}

void s_m_release(struct s_world *w, int32_t job) {
    for (uint32_t i = 0; i < w->m.jobs[job].n_legs; i++)
        w->m.jobs[job].legs[i].left = 0;
}

void s_m_failure(struct s_world *w, bool failed) {
    struct s_model *m = &w->m;
    m->failures = failed ? m->failures + 1 : 0;
    if (failed && m->failures >= w->config.risk.max_consecutive_failures)
        m->halted = 1;
}

bool s_has_lots(const struct s_world *w, int32_t job) {
    for (uint32_t i = 0; i < w->n_instruments; i++)
        for (uint32_t k = 0; k < w->m.positions[i].n_lots; k++)
            if (w->m.positions[i].lots[k].job == job)
                return true;
    return false;
}

/* A job without lots is closed, one that has some again is open. */
static void look_at_lots(struct s_world *w, int32_t job) {
    struct s_job *j = &w->m.jobs[job];
    const bool lots = s_has_lots(w, job);
    if (j->state == PERP_JOB_OPEN && !lots)
        j->state = PERP_JOB_CLOSED;
    else if (s_ended(j->state) && j->state != PERP_JOB_OPEN && j->state != PERP_JOB_PARTIAL && lots)
        j->state = PERP_JOB_OPEN;
    else
        return;
    s_m_touch(w, job);
}

/* ---- Fills ----------------------------------------------------------------------------------- */

/* What of a fill closes lots, in steps; in full: of balanced jobs and repairs. */
static int64_t close_lots(struct s_world *w, const struct s_fill *f, double *realised,
                          int64_t *in_full) {
    const struct s_job *j = &w->m.jobs[f->job];
    const struct s_leg *l = &j->legs[f->leg];
    struct s_position *p = &w->m.positions[l->instrument];
    int64_t left = f->steps;
    for (int own = 1; own >= 0; own--)
        for (uint32_t k = 0; k < p->n_lots && left > 0;) {
            struct s_lot *lot = &p->lots[k];
            const int64_t size = llabs(lot->steps), c = size < left ? size : left;
            if ((lot->steps > 0) == (l->side > 0) || (own && lot->job != j->closes)) {
                k++;
                continue;
            }
            *realised += s_quantity(w, l->instrument, c) * (f->price - lot->price) *
                         (lot->steps > 0 ? 1 : -1);
            if (w->m.jobs[lot->job].balanced || w->m.jobs[lot->job].repair)
                *in_full += c;
            left -= c;
            const int32_t of = lot->job;
            lot->used -= c == size
                             ? lot->used
                             : (perp_usd)floor((double)lot->used * ((double)c / (double)size));
            lot->steps -= lot->steps > 0 ? c : -c;
            if (lot->steps == 0) {
                memmove(lot, lot + 1, sizeof *lot * (--p->n_lots - k));
                look_at_lots(w, of);
            } else {
                k++;
            }
        }
    return f->steps - left;
}

static void open_lot(struct s_world *w, const struct s_fill *f, int64_t opened, perp_usd used) {
    const struct s_leg *l = &w->m.jobs[f->job].legs[f->leg];
    struct s_position *p = &w->m.positions[l->instrument];
    struct s_lot *lot = NULL;
    for (uint32_t k = 0; k < p->n_lots; k++)
        if (p->lots[k].job == f->job && p->lots[k].leg == f->leg)
            lot = &p->lots[k];
    if (!lot) {
        if (p->n_lots == S_LOTS)
            s_fail(w, "the simulator has no room for more lots");
        lot = &p->lots[p->n_lots++];
        *lot = (struct s_lot){.job = f->job, .leg = f->leg};
    }
    const double before = (double)llabs(lot->steps), more = (double)opened;
    lot->price = (lot->price * before + f->price * more) / (before + more);
    lot->steps += l->side * opened;
    lot->used += used;
}

/* What a fill takes out of what is in flight. */
static perp_usd share_of(const struct s_world *w, const struct s_fill *f, const struct s_leg *l) {
    perp_usd share =
        (perp_usd)floor((double)l->notional * (s_quantity(w, l->instrument, f->steps) /
                                               s_quantity(w, l->instrument, l->quantity)));
    if (l->told_steps >= l->quantity || share > l->left)
        share = l->left;
    return share;
}

static void count_naked(struct s_world *w, const struct s_fill *f, int64_t in_full) {
    struct s_job *j = &w->m.jobs[f->job];
    struct s_leg *l = &j->legs[f->leg];
    const uint32_t b = s_base_of(w, l->instrument);
    double *naked = &w->m.naked[b];
    if (j->repair || (j->balanced && !s_runs(j))) {
        *naked += (double)(l->side * f->steps);
        l->counted += f->steps;
    } else if (!j->balanced) {
        *naked += (double)(l->side * in_full);
        const int64_t rest = f->steps - in_full;
        if (*naked * l->side < 0)
            *naked += l->side * fmin((double)rest, fabs(*naked));
    }
}

/* A report that has something of running legs is put down to them in order, and a fill that is told
   later is taken for what was seen of its leg. Where two legs of a side work, or what happened
   before the report is told after what happened since, that can be wrong: what then is a lot and
   what is foreign follows from the order in which all of it was told, and is not worked out here.
 */
bool s_m_is_ambiguous(const struct s_world *w, uint32_t instrument) {
    uint32_t legs[2] = {0, 0};
    for (uint32_t k = 0; k < w->m.n_live; k++) {
        const struct s_job *j = &w->m.jobs[w->m.live[k]];
        for (uint32_t i = 0; s_runs(j) && i < j->n_legs; i++)
            legs[j->legs[i].side > 0] +=
                j->legs[i].instrument == instrument && j->legs[i].told_steps < j->legs[i].quantity;
    }
    return legs[0] > 1 || legs[1] > 1;
}

static bool is_out_of_order(const struct s_world *w, const struct s_fill *f) {
    const struct s_leg *l = &w->m.jobs[f->job].legs[f->leg];
    const struct s_position *p = &w->m.positions[l->instrument];
    return p->reported && f->time <= p->reported_at && l->last > p->reported_at;
}

void s_m_fill(struct s_world *w, const struct s_fill *f) {
    struct s_job *j = &w->m.jobs[f->job];
    struct s_leg *l = &j->legs[f->leg];
    struct s_position *p = &w->m.positions[l->instrument];
    const double quantity = s_quantity(w, l->instrument, f->steps);
    double realised = 0;
    int64_t in_full = 0;
    p->dirty |= is_out_of_order(w, f);
    l->last = f->time > l->last ? f->time : l->last;
    if (w->loud)
        s_print_lots(w);
    if (w->loud)
        printf("  job %d, leg %u: %+" PRId64 " of instrument %u, of %" PRId64 "\n", f->job, f->leg,
               l->side * f->steps, l->instrument, l->quantity);
    l->told_steps += f->steps;
    l->paid += (double)f->steps * f->price;
    l->fee += f->fee;
    p->told += l->side * f->steps;
    const bool in_flight = s_runs(j) && l->left > 0;
    const perp_usd share = in_flight ? share_of(w, f, l) : 0;
    l->left -= share;
    if (!p->dirty) {
        const int64_t closed = close_lots(w, f, &realised, &in_full), opened = f->steps - closed;
        if (opened > 0)
            open_lot(w, f, opened,
                     in_flight
                         ? (perp_usd)floor((double)share * ((double)opened / (double)f->steps))
                         : llround(s_quantity(w, l->instrument, opened) * f->price * 1e6));
    } else {
        w->m.naked_unsure[s_base_of(w, l->instrument)] = 1;
    }
    const perp_usd pnl = f->has_pnl ? f->pnl : llround(realised * 1e6);
    const perp_usd volume = llround(quantity * f->price * 1e6);
    if (p->dirty && !f->has_pnl) {
        w->m.accounts[l->exchange].unsure = j->unsure = 1;
        w->m.loss_unsure = 1;
    }
    count_naked(w, f, in_full);
    s_m_book(w, l->exchange, pnl, volume, f->fee);
    j->pnl += pnl;
    j->volume += volume;
    j->fees += f->fee;
    if (s_ended(j->state))
        w->n.late++;
    look_at_lots(w, f->job);
    w->n.fills++;
    s_m_touch(w, f->job);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

/* The sides of a balanced job are apart. 1: they are, 0: not; -1: too near to the tolerance. */
static int apart(const struct s_world *w, const struct s_job *j) {
    double sum = 0;
    for (uint32_t b = 0; b < w->n_bases; b++) {
        double net = 0, quantity = 0, paid = 0;
        for (uint32_t i = 0; i < j->n_legs; i++)
            if (s_base_of(w, j->legs[i].instrument) == b) {
                net += (double)(j->legs[i].side * j->legs[i].told_steps);
                quantity += (double)j->legs[i].told_steps;
                paid += j->legs[i].paid;
            }
        sum += quantity > 0 ? fabs(net) * w->step_size[b] * paid / quantity : 0;
    }
    const double tolerance = fmax((double)w->config.scheduler.leg_risk_usd,
                                  w->config.scheduler.leg_risk_tolerance * (double)j->notional) /
                             1e6;
    return fabs(sum - tolerance) < 1e-6 * tolerance ? -1 : sum > tolerance;
}

void s_m_end(struct s_world *w, int32_t job, uint32_t state) {
    struct s_job *j = &w->m.jobs[job];
    if (w->loud)
        printf("  job %d: %s\n", job, perp_job_state_string(state));
    /* What a report has seen of it, and nobody told: nothing explains it from now on. */
    for (uint32_t i = 0; i < j->n_legs; i++) {
        struct s_position *p = &w->m.positions[j->legs[i].instrument];
        double price;
        perp_usd fee;
        int64_t last;
        p->dirty |= p->reported && s_leg_at(w, job, i, p->reported_at, &price, &fee, &last) >
                                       j->legs[i].told_steps;
    }
    for (uint32_t i = 0; j->balanced && !j->repair && i < j->n_legs; i++) {
        struct s_leg *l = &j->legs[i];
        w->m.naked[s_base_of(w, l->instrument)] += (double)(l->side * (l->told_steps - l->counted));
        l->counted = l->told_steps;
    }
    j->state = state;
    s_m_release(w, job);
    s_m_touch(w, job);
}

/* The base of a partial job may be square already, where others stood against it: what it then is
   the library says, and audit.c looks whether that can be. */
void s_m_finish(struct s_world *w, int32_t job, uint32_t status, bool per_leg) {
    struct s_job *j = &w->m.jobs[job];
    const bool lots = s_has_lots(w, job);
    const int is_apart = per_leg && j->balanced ? apart(w, j) : 0;
    if (is_apart < 0)
        w->m.failures_unsure = 1;
    const bool partial = is_apart > 0;
    s_m_end(w, job,
            partial                           ? (uint32_t)PERP_JOB_PARTIAL
            : lots                            ? (uint32_t)PERP_JOB_OPEN
            : status == PERP_RESULT_COMPLETED ? (uint32_t)PERP_JOB_COMPLETED
            : status == PERP_RESULT_FAILED    ? (uint32_t)PERP_JOB_FAILED
                                              : (uint32_t)PERP_JOB_CANCELLED);
    if (partial || status == PERP_RESULT_FAILED)
        s_m_failure(w, true);
    else if (status == PERP_RESULT_COMPLETED)
        s_m_failure(w, false);
    w->n.finished++;
}

void s_m_adopt_lots(struct s_world *w, uint32_t instrument) {
    static perp_lot_state rows[S_LOTS];
    struct s_position *p = &w->m.positions[instrument];
    uint32_t n = 0;
    if (perp_positions_lots(perp_core_positions(w->core), instrument, rows, S_LOTS, &n) !=
            PERP_OK ||
        n > S_LOTS)
        s_fail(w, "lots of instrument %u: %u", instrument, n);
    p->n_lots = n;
    for (uint32_t k = 0; k < n; k++) {
        p->lots[k].job = s_find(w, &rows[k].job_id);
        p->lots[k].leg = rows[k].leg;
        p->lots[k].steps = llround(rows[k].quantity / w->step_size[s_base_of(w, instrument)]);
        p->lots[k].price = rows[k].price;
        p->lots[k].used = rows[k].used;
        if (p->lots[k].job < 0)
            s_fail(w, "a lot of a job that nobody knows");
    }
}
