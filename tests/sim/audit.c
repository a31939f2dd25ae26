/* The comparison, after each step: the library's book against the auditor's. */
#include "sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const struct s_world *w, uint32_t instrument) {
    static char text[16];
    snprintf(text, sizeof text, "%c/%s", (char)('a' + s_exchange_of(w, instrument)),
             s_base_of(w, instrument) == 0 ? "BTC" : "ETH");
    return text;
}

static void same(struct s_world *w, const char *what, const char *of, int64_t got, int64_t wanted) {
    if (got != wanted)
        s_fail(w, "%s of %s: the library has %" PRId64 ", the auditor %" PRId64, what, of, got,
               wanted);
}

static const char *job_name(const struct s_world *w, uint32_t job) {
    static char text[64];
    const struct s_job *j = &w->m.jobs[job];
    snprintf(text, sizeof text, "job %u%s%s", job, j->repair ? " (repair)" : "",
             j->flatten ? " (flatten)" : "");
    return text;
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static bool touches_dirty(const struct s_world *w, const struct s_job *j) {
    for (uint32_t i = 0; i < j->n_legs; i++)
        if (w->m.positions[j->legs[i].instrument].dirty)
            return true;
    return false;
}

/* Why a state may be another than what the auditor worked out. */
static bool may_be(struct s_world *w, uint32_t index, uint32_t state) {
    const struct s_job *j = &w->m.jobs[index];
    if (j->state == state)
        return true;
    /* The library squares bases, at its own time. */
    if (j->state == PERP_JOB_PARTIAL && (state == PERP_JOB_OPEN || state == PERP_JOB_CLOSED) &&
        s_has_lots(w, (int32_t)index) == (state == PERP_JOB_OPEN))
        return true;
    /* What the executor said waits where it could not be stored. */
    const bool waits = j->state == PERP_JOB_IN_DOUBT && state == PERP_JOB_RUNNING && j->answer;
    if (waits && (w->faults >> S_MEMORY & 1 || w->store != S_NO_STORE))
        return true;
    return touches_dirty(w, j) && s_ended(j->state) && s_ended(state) &&
           (state == PERP_JOB_OPEN || state == PERP_JOB_CLOSED || state == PERP_JOB_PARTIAL ||
            j->state == PERP_JOB_OPEN || j->state == PERP_JOB_CLOSED);
}

static void about(struct s_world *w, const char *what, uint32_t job, perp_usd got, perp_usd *have,
                  bool sure) {
    if (sure && llabs(got - *have) > 2)
        same(w, what, job_name(w, job), got, *have);
    *have = got;
}

static void audit_job(struct s_world *w, uint32_t index) {
    struct s_job *j = &w->m.jobs[index];
    perp_job_info info = {.struct_size = sizeof info};
    perp_status status = perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info);
    if (status == PERP_E_NOT_FOUND && s_ended(j->state))
        return; /* forgotten */
    if (status != PERP_OK)
        s_fail(w, "%s is gone: %s", job_name(w, index), perp_core_error(w->core));
    if (!may_be(w, index, info.state))
        s_fail(w, "state of %s: the library says %s, the auditor %s", job_name(w, index),
               perp_job_state_string(info.state), perp_job_state_string(j->state));
    if (s_ended(info.state) || s_ended(j->state))
        j->state = info.state;
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const double told = s_quantity(w, j->legs[i].instrument, j->legs[i].told_steps);
        if (fabs(info.legs[i].filled - told) > 1e-9 * (1 + told))
            s_fail(w, "leg %u of %s: the library has %.17g filled, told was %.17g", i,
                   job_name(w, index), info.legs[i].filled, told);
    }
    about(w, "volume", index, info.volume, &j->volume, true);
    same(w, "fees", job_name(w, index), info.fees, j->fees);
    about(w, "pnl", index, info.pnl, &j->pnl, !j->unsure);
    j->unsure = 0;
    if (j->state != PERP_JOB_PENDING && j->dispatch != 0)
        same(w, "dispatch", job_name(w, index), (int64_t)info.dispatch, (int64_t)j->dispatch);
}

static void audit_orders(struct s_world *w, uint32_t job) {
    for (uint32_t i = 0; i < w->n_orders; i++) {
        const struct s_order *o = &w->orders[i];
        perp_order_info info = {.struct_size = sizeof info};
        if (o->job != (int32_t)job || o->number == 0)
            continue;
        if (perp_orders_get(perp_core_orders(w->core), o->number, &info) != PERP_OK)
            s_fail(w, "order %" PRIu64 " is gone", o->number);
        same(w, "leg", "an order", info.leg, o->leg);
        if (info.state != w->m.order_state[i])
            s_fail(w, "state of order %" PRIu64 ": the library says %s, the auditor %s", o->number,
                   perp_order_state_string(info.state),
                   perp_order_state_string(w->m.order_state[i]));
        const double told = s_quantity(w, o->instrument, w->m.order_told[i]);
        if (fabs(info.filled - told) > 1e-9 * (1 + told))
            s_fail(w, "order %" PRIu64 ": the library has %.17g filled, told was %.17g", o->number,
                   info.filled, told);
    }
}

/* ---- Positions ------------------------------------------------------------------------------- */

static void audit_lots(struct s_world *w, uint32_t i) {
    static perp_lot_state rows[S_LOTS];
    struct s_position *p = &w->m.positions[i];
    uint32_t n = 0;
    if (perp_positions_lots(perp_core_positions(w->core), i, rows, S_LOTS, &n) != PERP_OK)
        s_fail(w, "query of lots");
    same(w, "number of lots", name_of(w, i), n, p->n_lots);
    for (uint32_t k = 0; k < n; k++) {
        struct s_lot *lot = &p->lots[k];
        if (memcmp(&rows[k].job_id, &w->m.jobs[lot->job].id, sizeof rows[k].job_id) != 0 ||
            rows[k].leg != lot->leg)
            s_fail(w, "lot %u of %s is of another leg", k, name_of(w, i));
        const double quantity = s_quantity(w, i, lot->steps);
        if (fabs(rows[k].quantity - quantity) > 1e-9 * fabs(quantity))
            s_fail(w, "lot %u of %s: the library has %.17g, the auditor %.17g", k, name_of(w, i),
                   rows[k].quantity, quantity);
        if (llabs(rows[k].used - lot->used) > 2)
            same(w, "capital of a lot", name_of(w, i), rows[k].used, lot->used);
        lot->used = rows[k].used;
        lot->price = rows[k].price;
    }
}

static void audit_position(struct s_world *w, uint32_t i) {
    struct s_position *p = &w->m.positions[i];
    if (p->dirty) {
        s_m_adopt_lots(w, i);
        return;
    }
    audit_lots(w, i);
    perp_position_state s = {.struct_size = sizeof s};
    if (perp_positions_query(perp_core_positions(w->core), i, w->now, &s) != PERP_OK)
        s_fail(w, "query of a position");
    double up = 0, down = 0; /* what a report may have seen of running legs */
    const bool reports = s_reports(w);
    for (uint32_t k = 0; reports && k < w->m.n_live; k++) {
        const struct s_job *j = &w->m.jobs[w->m.live[k]];
        for (uint32_t n = 0; s_runs(j) && n < j->n_legs; n++)
            if (j->legs[n].instrument == i && j->legs[n].told_steps < j->legs[n].quantity)
                *(j->legs[n].side > 0 ? &up : &down) +=
                    (double)(j->legs[n].quantity - j->legs[n].told_steps);
    }
    const double steps = s.quantity / w->step_size[s_base_of(w, i)];
    if (!reports && fabs(steps - (double)p->told) > 1e-6)
        s_fail(w, "quantity of %s: the library has %.9g steps, told was %" PRId64, name_of(w, i),
               steps, p->told);
    if (reports && !(w->faults >> S_AFTER & 1) && !(w->faults >> S_FORGET & 1) &&
        (steps > (double)p->told + up + 1e-6 || steps < (double)p->told - down - 1e-6))
        if (s.unexplained == 0)
            s_fail(w,
                   "quantity of %s: the library has %.9g steps, told was %" PRId64
                   ", and running legs have but %g and %g",
                   name_of(w, i), steps, p->told, up, down);
}

static void audit_base(struct s_world *w, uint32_t b) {
    perp_base_state base = {.struct_size = sizeof base};
    if (perp_positions_base(perp_core_positions(w->core), b, w->now, &base) != PERP_OK)
        s_fail(w, "query of a base");
    bool dirty = false;
    for (uint32_t i = b; i < w->n_instruments; i += w->n_bases)
        dirty |= w->m.positions[i].dirty;
    const double steps = base.naked / w->step_size[b];
    if (!dirty && !w->m.naked_unsure[b] && fabs(steps - w->m.naked[b]) > 1e-6)
        s_fail(w, "naked of base %u: the library has %.9g steps, the auditor %.9g", b, steps,
               w->m.naked[b]);
    w->m.naked[b] = fabs(steps - round(steps)) < 1e-6 ? round(steps) : steps;
    w->n.naked += base.is_naked;
    if (w->loud) {
        double net = 0, counted = 0; /* of all fills: what balanced jobs have still to count */
        for (uint32_t i = b; i < w->n_instruments; i += w->n_bases)
            net += (double)w->m.positions[i].told;
        for (uint32_t k = 0; k < w->m.n_live; k++)
            for (uint32_t n = 0; n < w->m.jobs[w->m.live[k]].n_legs; n++) {
                const struct s_leg *l = &w->m.jobs[w->m.live[k]].legs[n];
                if (w->m.jobs[w->m.live[k]].balanced && s_base_of(w, l->instrument) == b)
                    counted += (double)(l->side * (l->told_steps - l->counted));
            }
        static double wanted[S_BASES];
        if (net - counted - w->m.naked[b] != wanted[b])
            printf("  base %u: net %g, naked %g\n", b, net - counted, w->m.naked[b]);
        wanted[b] = net - counted - w->m.naked[b];
    }
}

/* ---- Money ----------------------------------------------------------------------------------- */

void s_sum_capital(struct s_world *w, perp_usd in_flight[S_EXCHANGES][PERP_POOL_COUNT],
                   perp_usd used[S_EXCHANGES][PERP_POOL_COUNT]) {
    struct s_model *m = &w->m;
    memset(in_flight, 0, sizeof(perp_usd) * S_EXCHANGES * PERP_POOL_COUNT);
    memset(used, 0, sizeof(perp_usd) * S_EXCHANGES * PERP_POOL_COUNT);
    for (uint32_t k = 0; k < m->n_live;) {
        const struct s_job *j = &m->jobs[m->live[k]];
        const uint32_t pool = s_m_pool(w, (int32_t)m->live[k]);
        for (uint32_t i = 0; s_runs(j) && i < j->n_legs; i++)
            in_flight[j->legs[i].exchange][pool] += j->legs[i].left;
        if (s_ended(j->state)) {
            memmove(&m->live[k], &m->live[k + 1], sizeof m->live[0] * (m->n_live - k - 1));
            m->n_live--;
        } else {
            k++;
        }
    }
    for (uint32_t i = 0; i < w->n_instruments; i++)
        for (uint32_t k = 0; k < m->positions[i].n_lots; k++) {
            const struct s_lot *lot = &m->positions[i].lots[k];
            used[s_exchange_of(w, i)][s_m_pool(w, lot->job)] += lot->used;
        }
    for (uint32_t k = 0; k < m->n_manual; k++) {
        in_flight[m->manual[k].exchange][m->manual[k].pool] += m->manual[k].in_flight;
        used[m->manual[k].exchange][m->manual[k].pool] += m->manual[k].used;
    }
}

/* The day's pnl, to within what rounding may differ. */
static void audit_day(struct s_world *w, uint32_t x, const perp_capital_state *s) {
    struct s_account *a = &w->m.accounts[x];
    const char of[2] = {(char)('a' + x), 0};
    if (!a->unsure && llabs(s->today.pnl - a->today.pnl) > 8)
        same(w, "pnl of the day", of, s->today.pnl, a->today.pnl);
    if (llabs(s->today.volume - a->today.volume) > 8)
        same(w, "volume of the day", of, s->today.volume, a->today.volume);
    same(w, "fees of the day", of, s->today.fees, a->today.fees);
    same(w, "funding of the day", of, s->today.funding, a->today.funding);
    if (llabs(s->yesterday.pnl - a->yesterday.pnl) > 8 && !a->unsure)
        same(w, "pnl of yesterday", of, s->yesterday.pnl, a->yesterday.pnl);
    same(w, "fees of yesterday", of, s->yesterday.fees, a->yesterday.fees);
    w->m.scaled_booked -= s->today.pnl - a->today.pnl;
    a->today = (struct s_figures){s->today.pnl, s->today.volume, s->today.fees, s->today.funding};
    a->yesterday.pnl = s->yesterday.pnl;
    a->unsure = 0;
}

static void audit_account(struct s_world *w, uint32_t x, const perp_usd in_flight[PERP_POOL_COUNT],
                          const perp_usd used[PERP_POOL_COUNT]) {
    struct s_account *a = &w->m.accounts[x];
    perp_capital_state s = {.struct_size = sizeof s};
    const char of[2] = {(char)('a' + x), 0};
    if (perp_capital_snapshot(perp_core_capital(w->core), x, &s) != PERP_OK)
        s_fail(w, "snapshot of capital");
    same(w, "equity", of, s.equity, a->equity);
    same(w, "equity put aside", of, s.has_aside, a->has_aside);
    same(w, "high water", of, s.high_water, a->high_water);
    same(w, "safe mode", of, s.safe_mode, a->safe);
    same(w, "start of the day", of, s.day_start_equity, a->start);
    for (uint32_t p = 0; p < PERP_POOL_COUNT; p++) {
        char text[32];
        snprintf(text, sizeof text, "%s, pool %s", of, perp_pool_string(p));
        /* Shares of fills are rounded: while a job runs, by one for each of them. */
        if (llabs(s.pools[p].in_flight - in_flight[p]) > 4 * w->m.n_live)
            same(w, "in flight", text, s.pools[p].in_flight, in_flight[p]);
        same(w, "used", text, s.pools[p].used, used[p]);
        const perp_usd left = s.pools[p].budget - s.pools[p].in_flight - used[p];
        same(w, "available", text, s.pools[p].available, left > 0 ? left : 0);
    }
    audit_day(w, x, &s);
}

/* ---- Control --------------------------------------------------------------------------------- */

static void audit_control(struct s_world *w) {
    struct s_model *m = &w->m;
    perp_scheduler_state s = {.struct_size = sizeof s};
    perp_risk_state r = {.struct_size = sizeof r};
    if (perp_scheduler_query(perp_core_scheduler(w->core), &s) != PERP_OK ||
        perp_risk_query(perp_core_risk(w->core), &r) != PERP_OK)
        s_fail(w, "query of control");
    if (s.store_failed && s.paused && !m->paused) /* by itself */
        m->paused = m->paused_itself = 1;
    if (m->paused_itself && !s.paused && w->came_back)
        m->paused = 0; /* that is not stored */
    m->paused_itself &= m->paused;
    w->came_back = false;
    same(w, "paused", "the book", s.paused, m->paused);
    same(w, "killed", "the book", r.killed, m->killed);
    same(w, "mode", "the book", r.mode, m->mode);
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        perp_exchange_state e = {.struct_size = sizeof e};
        if (perp_market_query_exchange(perp_core_market(w->core), x, w->now, &e) != PERP_OK)
            s_fail(w, "query of an exchange");
        same(w, "killed", (const char[]){(char)('a' + x), 0}, e.killed,
             m->killed | m->accounts[x].killed);
        same(w, "api", (const char[]){(char)('a' + x), 0}, e.api, w->market.api[x]);
    }
    if (!m->failures_unsure) {
        same(w, "failures in a row", "the book", r.consecutive_failures, m->failures);
        same(w, "halted", "the book", r.auto_halt, m->halted);
    }
    m->failures = r.consecutive_failures;
    m->halted = r.auto_halt != 0;
    m->failures_unsure = 0;
    if (!m->loss_unsure)
        same(w, "daily loss", "the book", r.daily_loss_reached, m->loss_latched);
    if (m->loss_latched && !r.daily_loss_reached && !m->loss_unsure)
        s_fail(w, "daily loss: the latch is gone before the day has rolled");
    m->loss_latched = r.daily_loss_reached != 0;
    m->loss_unsure = 0;
}

/* For people: both books' lots. */
void s_print_lots(struct s_world *w) {
    static perp_lot_state rows[S_LOTS];
    for (uint32_t i = 0; i < w->n_instruments; i++) {
        perp_position_state s = {.struct_size = sizeof s};
        uint32_t n = 0;
        perp_positions_query(perp_core_positions(w->core), i, w->now, &s);
        perp_positions_lots(perp_core_positions(w->core), i, rows, S_LOTS, &n);
        printf("  %s: %.9g (foreign %g, unexplained %g), at the exchange %" PRId64 "; lots:",
               name_of(w, i), s.quantity / w->step_size[s_base_of(w, i)], s.foreign, s.unexplained,
               w->position[i]);
        for (uint32_t k = 0; k < n; k++)
            printf(" %d:%.9g", s_find(w, &rows[k].job_id),
                   rows[k].quantity / w->step_size[s_base_of(w, i)]);
        printf("; the auditor's:");
        for (uint32_t k = 0; k < w->m.positions[i].n_lots; k++)
            printf(" %d:%" PRId64, w->m.positions[i].lots[k].job, w->m.positions[i].lots[k].steps);
        printf("\n");
    }
    for (uint32_t b = 0; b < w->n_bases; b++) {
        perp_base_state s = {.struct_size = sizeof s};
        perp_positions_base(perp_core_positions(w->core), b, w->now, &s);
        printf("  %s: naked %.9g steps%s, to square %.9g, %u tries, next in %" PRId64 " ms%s%s\n",
               s.base, s.naked / w->step_size[b], s.is_naked ? " (is naked)" : "",
               s.to_square / w->step_size[b], s.tries,
               s.next_try_ns == PERP_TIME_NONE ? 0 : (s.next_try_ns - w->now) / S_MS,
               s.has_repair ? ", has a repair" : "", s.stopped ? ", stopped" : "");
    }
}

/* What was said to be durable stays so, and is. */
static void audit_durable(struct s_world *w) {
    uint64_t durable;
    if (perp_core_durable(w->core, &durable) != PERP_OK)
        s_fail(w, "query of what is durable");
    if (durable < w->lasts)
        s_fail(w, "event %" PRIu64 " was durable, and now is %" PRIu64, w->lasts, durable);
    if (w->store != S_NO_STORE && durable > s_store_durable(w))
        s_fail(w, "event %" PRIu64 " is said to be durable, the store has %" PRIu64, durable,
               s_store_durable(w));
    w->lasts = durable;
}

void s_audit(struct s_world *w) {
    perp_usd in_flight[S_EXCHANGES][PERP_POOL_COUNT], used[S_EXCHANGES][PERP_POOL_COUNT];
    for (uint32_t k = 0; k < w->n_touched; k++)
        audit_job(w, w->touched[k]);
    if (w->n_touched > 0)
        audit_orders(w, w->touched[w->step % w->n_touched]);
    w->n_touched = 0;
    for (uint32_t i = 0; i < w->n_instruments; i++)
        audit_position(w, i);
    for (uint32_t b = 0; b < w->n_bases; b++)
        audit_base(w, b);
    s_sum_capital(w, in_flight, used);
    for (uint32_t x = 0; x < w->n_exchanges; x++)
        audit_account(w, x, in_flight[x], used[x]);
    audit_control(w);
    if (w->faults >> S_BARRIERS & 1)
        audit_durable(w);
    if (w->step % 256 == 255 && w->depth == 0)
        s_audit_all(w);
}

void s_audit_all(struct s_world *w) {
    if (perp_core_check(w->core) != PERP_OK)
        s_fail(w, "perp_core_check: %s", perp_core_error(w->core));
    for (uint32_t j = 0; j < w->m.n_jobs; j++)
        audit_job(w, j);
    for (uint32_t k = 0; k < w->m.n_live; k++)
        audit_orders(w, w->m.live[k]);
    perp_reservation rows[S_RESERVED * 64];
    uint32_t n = 0;
    const uint32_t room = sizeof rows / sizeof *rows;
    if (perp_capital_reservations(perp_core_capital(w->core), PERP_ALL_EXCHANGES, rows, room, &n) !=
        PERP_OK)
        s_fail(w, "query of reservations");
    uint32_t by_hand = 0;
    for (uint32_t i = 0; i < n && i < room; i++) {
        if (rows[i].reserved != rows[i].in_flight + rows[i].used + rows[i].released)
            s_fail(w, "reservation %" PRIu64 " does not add up", rows[i].id);
        by_hand += !rows[i].has_job;
    }
    same(w, "reservations by hand", "the book", by_hand, w->m.n_manual);
    s_trace(w, perp_core_hash(w->core));
}

/* Nothing works, all was told: the book is what the exchanges have. What nobody but its own jobs
   did is its own. */
void s_audit_rest(struct s_world *w) {
    s_audit_all(w);
    for (uint32_t i = 0; i < w->n_instruments; i++) {
        perp_position_state s = {.struct_size = sizeof s};
        if (perp_positions_query(perp_core_positions(w->core), i, w->now, &s) != PERP_OK)
            s_fail(w, "query of a position");
        const double steps = s.quantity / w->step_size[s_base_of(w, i)];
        if (fabs(steps - (double)w->position[i]) > 1e-6)
            s_fail(w, "at rest: the library has %.9g steps of %s, the exchange %" PRId64, steps,
                   name_of(w, i), w->position[i]);
        if (!(w->faults >> S_LIES & 1) &&
            fabs(s.unexplained) > 1e-6 * w->step_size[s_base_of(w, i)])
            s_fail(w, "at rest: %.9g of %s is unexplained, and all was told", s.unexplained,
                   name_of(w, i));
        const uint64_t others =
            UINT64_C(1) << S_LIES | UINT64_C(1) << S_CUTS | UINT64_C(1) << S_MANUAL;
        if (!(w->faults & others) && fabs(s.foreign) > 1e-6 * w->step_size[s_base_of(w, i)])
            s_fail(w, "at rest: %.9g of %s is foreign, and only jobs have traded",
                   s.foreign / w->step_size[s_base_of(w, i)], name_of(w, i));
        if (!w->m.positions[i].dirty && (fabs(s.unexplained) > 0 || s.latched))
            s_fail(w, "at rest: %.9g of %s is unexplained, and exchanges told no lies",
                   s.unexplained, name_of(w, i));
        if (!w->m.positions[i].dirty && w->m.positions[i].told != w->position[i])
            s_fail(w, "at rest: %" PRId64 " steps of %s were told, the exchange has %" PRId64,
                   w->m.positions[i].told, name_of(w, i), w->position[i]);
    }
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        perp_capital_state s = {.struct_size = sizeof s};
        if (perp_capital_snapshot(perp_core_capital(w->core), x, &s) != PERP_OK)
            s_fail(w, "snapshot of capital");
        if (s.total_in_flight != 0)
            s_fail(w, "at rest: %" PRId64 " micro-dollars are in flight on %c", s.total_in_flight,
                   (char)('a' + x));
    }
}
