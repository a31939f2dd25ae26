/* What a tick has dispatched, and what was handed over, held against the auditor's book as it was
   when the tick began, job after job in the order of dispatch. */
#include "sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct s_tick_view {
    perp_usd in_flight[S_EXCHANGES][PERP_POOL_COUNT], used[S_EXCHANGES][PERP_POOL_COUNT];
    perp_usd budget[S_EXCHANGES][PERP_POOL_COUNT], equity[S_EXCHANGES], notional[S_EXCHANGES];
    uint32_t running, running_on[S_EXCHANGES];
    double position[S_INSTRUMENTS];            /* steps */
    double left[S_INSTRUMENTS][2];             /* running legs still have to fill: buys, sells */
    double naked[S_BASES], to_square[S_BASES]; /* steps */
    uint8_t is_naked[S_BASES], repairing[S_BASES], circuit[S_EXCHANGES];
    uint8_t killed, paused, halted, loss, safe[S_EXCHANGES], killed_on[S_EXCHANGES];
    uint8_t blacklisted[S_BASES], stopped[S_INSTRUMENTS], override_on;
    uint8_t pending[S_JOBS], api[S_EXCHANGES];
    int64_t quoted[S_INSTRUMENTS];
    int64_t clock;
    bool some_latched[S_BASES];
    bool known[S_INSTRUMENTS];
};

static void view_running(struct s_world *w, struct s_tick_view *v) {
    for (uint32_t k = 0; k < w->m.n_live; k++) {
        const struct s_job *j = &w->m.jobs[w->m.live[k]];
        uint32_t on = 0;
        v->pending[w->m.live[k]] = j->state == PERP_JOB_PENDING;
        if (!s_runs(j))
            continue;
        v->running++;
        for (uint32_t i = 0; i < j->n_legs; i++) {
            const struct s_leg *l = &j->legs[i];
            v->in_flight[l->exchange][s_m_pool(w, (int32_t)w->m.live[k])] += l->left;
            /* Of what no report can have seen. */
            if (l->quantity > l->told_steps && w->m.positions[l->instrument].heard < j->started &&
                !w->m.positions[l->instrument].dirty)
                v->left[l->instrument][l->side < 0] += (double)(l->quantity - l->told_steps);
            if (j->repair)
                v->repairing[s_base_of(w, l->instrument)] = 1;
            v->running_on[l->exchange] += !(on >> l->exchange & 1);
            on |= 1u << l->exchange;
        }
    }
}

static void view_positions(struct s_world *w, struct s_tick_view *v) {
    for (uint32_t i = 0; i < w->n_instruments; i++) {
        perp_position_state s = {.struct_size = sizeof s};
        const struct s_position *p = &w->m.positions[i];
        if (perp_positions_query(perp_core_positions(w->core), i, w->now, &s) != PERP_OK)
            s_fail(w, "query of a position");
        if (p->dirty)
            s_m_adopt_lots(w, i);
        v->position[i] = s.quantity / w->step_size[s_base_of(w, i)];
        v->some_latched[s_base_of(w, i)] |= s.latched != 0;
        v->known[i] = s.known != 0;
        for (uint32_t k = 0; k < p->n_lots; k++)
            v->used[s_exchange_of(w, i)][s_m_pool(w, p->lots[k].job)] += p->lots[k].used;
    }
    for (uint32_t b = 0; b < w->n_bases; b++) {
        perp_base_state s = {.struct_size = sizeof s};
        if (perp_positions_base(perp_core_positions(w->core), b, w->now, &s) != PERP_OK)
            s_fail(w, "query of a base");
        v->naked[b] = s.naked / w->step_size[b];
        v->to_square[b] = s.to_square / w->step_size[b];
        v->is_naked[b] = s.is_naked != 0;
    }
}

static void view_accounts(struct s_world *w, struct s_tick_view *v) {
    const perp_capital_config *c = &w->config.capital;
    const struct s_model *m = &w->m;
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        const perp_usd equity = m->accounts[x].equity > 0 ? m->accounts[x].equity : 0;
        perp_exchange_state e = {.struct_size = sizeof e};
        if (perp_market_query_exchange(perp_core_market(w->core), x, w->now, &e) != PERP_OK)
            s_fail(w, "query of an exchange");
        v->circuit[x] = (uint8_t)e.circuit;
        v->equity[x] = equity;
        v->budget[x][0] = (perp_usd)((s_wide)equity * c->wash_ppm / 1000000);
        v->budget[x][1] = (perp_usd)((s_wide)equity * c->arb_ppm / 1000000);
        v->budget[x][2] = equity - v->budget[x][0] - v->budget[x][1];
        v->notional[x] = e.running_notional;
        v->safe[x] = m->accounts[x].safe;
        v->killed_on[x] = m->accounts[x].killed;
    }
    for (uint32_t k = 0; k < m->n_manual; k++) {
        v->in_flight[m->manual[k].exchange][m->manual[k].pool] += m->manual[k].in_flight;
        v->used[m->manual[k].exchange][m->manual[k].pool] += m->manual[k].used;
    }
}

void s_before_tick(struct s_world *w) {
    if (!w->view)
        w->view = calloc(1, sizeof *w->view);
    struct s_tick_view *v = w->view;
    memset(v, 0, sizeof *v);
    view_running(w, v);
    view_positions(w, v);
    view_accounts(w, v);
    v->killed = w->m.killed;
    v->paused = w->m.paused;
    v->halted = w->m.halted;
    v->override_on = w->m.override_on;
    memcpy(v->blacklisted, w->m.blacklisted, sizeof v->blacklisted);
    memcpy(v->stopped, w->m.stopped, sizeof v->stopped);
    memcpy(v->api, w->market.api, sizeof v->api);
    memcpy(v->quoted, w->market.quoted, sizeof v->quoted);
    const int64_t at = w->now + w->skew;
    v->clock = at > w->m.clock ? at : w->m.clock;
    v->loss = w->m.loss_latched && v->clock < w->m.day_ends;
}

/* ---- One job --------------------------------------------------------------------------------- */

static void wrong(struct s_world *w, uint32_t job, const char *what) {
    const struct s_job *j = &w->m.jobs[job];
    s_fail(w, "dispatched although %s: job %u%s%s%s", what, job, j->repair ? ", a repair" : "",
           j->flatten ? ", of flatten" : "", j->reducing ? ", reducing" : "");
}

/* What stops new risk. */
static void look_at_new_risk(struct s_world *w, const struct s_tick_view *v, uint32_t job) {
    const struct s_job *j = &w->m.jobs[job];
    if (v->paused)
        wrong(w, job, "the book is paused");
    if (v->loss && !w->m.loss_unsure)
        wrong(w, job, "the daily loss has reached its limit");
    if (v->halted && !v->override_on)
        wrong(w, job, "the book is halted");
    if (s_rule_refuses(w, &j->id) && (w->rule.hard || !v->override_on))
        wrong(w, job, "a rule of the host refuses it");
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        const uint32_t b = s_base_of(w, l->instrument);
        const int64_t quoted = v->quoted[l->instrument];
        if (v->blacklisted[b])
            wrong(w, job, "a symbol is blacklisted");
        if (v->stopped[l->instrument])
            wrong(w, job, "an instrument is halted");
        if (v->api[l->exchange] == PERP_API_DOWN)
            wrong(w, job, "an exchange is down");
        if (v->circuit[l->exchange] == PERP_CIRCUIT_OPEN)
            wrong(w, job, "the circuit of an exchange is open");
        if (quoted == 0)
            wrong(w, job, "a leg has no quote");
        if (llabs(v->clock - quoted) > w->config.risk.max_quote_age_ms * S_MS)
            wrong(w, job, "a quote is stale");
        if (v->some_latched[b])
            wrong(w, job, "a position of its base has drifted");
        if (!v->known[l->instrument] && w->config.risk.account_max_age_ms > 0)
            wrong(w, job, "an account is not known");
        if (v->is_naked[b] && j->balanced)
            wrong(w, job, "its base is naked");
    }
}

static void look_at_counts(struct s_world *w, struct s_tick_view *v, uint32_t job) {
    const perp_scheduler_config *c = &w->config.scheduler;
    const struct s_job *j = &w->m.jobs[job];
    const bool held = !j->reducing && !j->repair;
    perp_usd needs[S_EXCHANGES] = {0};
    uint32_t on = 0;
    if (held && v->running >= c->max_global_concurrent_jobs)
        wrong(w, job, "as many jobs run as may run in all");
    v->running++;
    for (uint32_t i = 0; i < j->n_legs; i++) {
        needs[j->legs[i].exchange] += j->legs[i].notional;
        on |= 1u << j->legs[i].exchange;
    }
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        if (!(on >> x & 1))
            continue;
        const struct s_account *a = &w->m.accounts[x];
        const uint32_t most =
            a->max_concurrent == PERP_NO_ID ? c->max_concurrent_per_exchange : a->max_concurrent;
        const perp_usd limit = a->max_notional < 0 ? c->max_notional_per_exchange : a->max_notional;
        if (held && v->running_on[x] >= most)
            wrong(w, job, "as many jobs run as may run on an exchange");
        if (held && v->notional[x] + needs[x] > limit)
            wrong(w, job, "the notional of an exchange is above its limit");
        v->running_on[x]++;
        v->notional[x] += needs[x];
    }
}

static void look_at_capital(struct s_world *w, struct s_tick_view *v, uint32_t job) {
    const perp_capital_config *c = &w->config.capital;
    const struct s_job *j = &w->m.jobs[job];
    const uint32_t pool = s_m_pool(w, (int32_t)job);
    if (j->reducing)
        return;
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        perp_usd need = 0, all = 0;
        for (uint32_t i = 0; i < j->n_legs; i++)
            need += j->legs[i].exchange == x ? j->legs[i].notional : 0;
        if (need == 0)
            continue;
        for (uint32_t p = 0; p < PERP_POOL_COUNT; p++)
            all += v->in_flight[x][p] + v->used[x][p];
        const perp_usd budget = v->budget[x][pool];
        const perp_usd left = budget - v->in_flight[x][pool] - v->used[x][pool];
        if (need > (left > 0 ? left : 0))
            wrong(w, job, "its pool has not that much");
        v->in_flight[x][pool] += need;
        if (j->repair)
            continue;
        if (v->safe[x] && !(c->safe_mode_pools >> pool & 1))
            wrong(w, job, "an exchange is in safe mode");
        if ((s_wide)need * 1000000 > (s_wide)budget * c->max_single_reserve_ppm)
            wrong(w, job, "it is above the limit of a single reservation");
        if ((s_wide)(all + need) * 1000000 > (s_wide)v->equity[x] * c->max_total_notional_ppm)
            wrong(w, job, "what is reserved in all is above its limit");
    }
}

/* A leg may not meet one of the other side, of its job or of one that runs, in the same book. */
static void look_at_self_trade(struct s_world *w, struct s_tick_view *v, uint32_t job) {
    const struct s_job *j = &w->m.jobs[job];
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        if (v->left[l->instrument][l->side > 0] > 1e-6)
            wrong(w, job, "it would trade with a job that runs");
    }
    for (uint32_t i = 0; i < j->n_legs; i++)
        v->left[j->legs[i].instrument][j->legs[i].side < 0] += (double)j->legs[i].quantity;
}

/* A repair or any other sells of spot what is there. */
static void look_at_inventory(struct s_world *w, const struct s_tick_view *v, uint32_t job) {
    const struct s_job *j = &w->m.jobs[job];
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        const double there = v->position[l->instrument] - v->left[l->instrument][1];
        if (w->spot[l->instrument] && l->side < 0 &&
            (double)(l->quantity - l->told_steps) > there + 1e-6)
            wrong(w, job, "it sells more of a spot than is there");
        if (w->spot[l->instrument] && l->side > 0 && j->repair &&
            (double)(l->quantity - l->told_steps) > -v->position[l->instrument] + 1e-6)
            wrong(w, job, "a repair buys spot");
    }
}

/* The way out makes positions smaller, and a repair what is naked. */
static void look_at_way_out(struct s_world *w, struct s_tick_view *v, uint32_t job) {
    const struct s_job *j = &w->m.jobs[job];
    for (uint32_t i = 0; j->reducing && !j->repair && i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        const double there = v->position[l->instrument];
        if (there * l->side >= 0 || (double)l->quantity > fabs(there) + 1e-6)
            wrong(w, job, "it is no way out");
    }
    if (!j->repair)
        return;
    const struct s_leg *l = &j->legs[0];
    const uint32_t b = s_base_of(w, l->instrument);
    if (v->repairing[b])
        wrong(w, job, "another repair of its base runs");
    v->repairing[b] = 1;
    if (!v->is_naked[b])
        wrong(w, job, "its base is not naked");
    if (v->naked[b] * l->side >= 0)
        wrong(w, job, "it has the side of what is naked");
    if ((double)(l->quantity - l->told_steps) > fabs(v->naked[b]) + 1e-6)
        wrong(w, job, "it is more than what is naked");
}

static void look_at_job(struct s_world *w, struct s_tick_view *v, uint32_t job) {
    const struct s_job *j = &w->m.jobs[job];
    if (v->killed && !j->flatten)
        wrong(w, job, "the kill switch is on");
    for (uint32_t i = 0; i < j->n_legs; i++)
        if (v->killed_on[j->legs[i].exchange] && !j->flatten)
            wrong(w, job, "the kill switch of an exchange is on");
    if (!j->repair && !j->flatten && !v->pending[job])
        wrong(w, job, "it was not pending");
    const int64_t slack = w->faults >> S_CLOCKS & 1 ? 3 * S_SECOND : 0;
    if (j->expires < INT64_MAX && v->clock > j->expires + slack)
        wrong(w, job, "it has expired");
    look_at_way_out(w, v, job);
    look_at_inventory(w, v, job);
    if (!j->reducing && !j->repair)
        look_at_new_risk(w, v, job);
    look_at_self_trade(w, v, job);
    look_at_counts(w, v, job);
    look_at_capital(w, v, job);
}

/* ---- The tick -------------------------------------------------------------------------------- */

/* Jobs that a tick has dispatched, of which the auditor knows only with their turn. */
void s_know_dispatched(struct s_world *w) {
    for (uint32_t k = 0; k < w->m.n_live; k++) {
        struct s_job *j = &w->m.jobs[w->m.live[k]];
        perp_job_info info = {.struct_size = sizeof info};
        if (j->state == PERP_JOB_PENDING &&
            perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info) == PERP_OK &&
            info.state == PERP_JOB_RUNNING && info.dispatch > j->dispatch)
            s_m_dispatched(w, s_m_learn(w, &j->id), info.dispatch);
    }
}

static int by_dispatch(const void *a, const void *b) {
    const uint64_t x = ((const perp_tick_item *)a)->dispatch,
                   y = ((const perp_tick_item *)b)->dispatch;
    return x < y ? -1 : x > y;
}

void s_after_tick(struct s_world *w) {
    static perp_tick_item items[S_JOBS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->tick.n_items; i++) {
        const perp_tick_item *item = &w->tick.items[i];
        if (item->kind == PERP_TICK_REPAIR)
            s_m_learn(w, &item->job_id);
        if ((item->kind == PERP_TICK_DISPATCHED || item->kind == PERP_TICK_WITHDRAWN) && n < S_JOBS)
            items[n++] = *item;
        if (item->kind == PERP_TICK_WITHDRAWN)
            w->n.withdrawn++;
    }
    qsort(items, n, sizeof *items, by_dispatch);
    for (uint32_t i = 0; i < n; i++) {
        const int32_t job = s_m_learn(w, &items[i].job_id);
        struct s_job *j = &w->m.jobs[job];
        perp_job_info info = {.struct_size = sizeof info};
        if (items[i].kind == PERP_TICK_WITHDRAWN && /* the auditor has not seen it run */
            perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info) == PERP_OK) {
            j->reducing = info.reduce_only != 0;
            s_m_take_legs(w, j, &info.job);
        }
        s_trace(w, items[i].dispatch);
        s_trace(w, (uint64_t)job);
        if (items[i].kind == PERP_TICK_DISPATCHED && j->last_handed != items[i].dispatch &&
            s_runs(j))
            s_fail(w, "job %d was dispatched and not handed over", job);
        look_at_job(w, w->view, (uint32_t)job);
    }
}

/* The executor is given a job. */
void s_handed(struct s_world *w, const perp_execution *e) {
    const int32_t job = s_m_learn(w, &e->job_id);
    struct s_job *j = &w->m.jobs[job];
    if (j->state == PERP_JOB_PENDING)
        s_m_dispatched(w, job, e->dispatch);
    if (j->state != PERP_JOB_RUNNING)
        s_fail(w, "job %d is handed over and %s", job, perp_job_state_string(j->state));
    if (e->dispatch <= j->last_handed)
        s_fail(w, "job %d is handed over again: dispatch %" PRIu64 " after %" PRIu64, job,
               e->dispatch, j->last_handed);
    if (e->n_orders != j->n_legs || (e->reduce_only != 0) != (j->reducing != 0))
        s_fail(w, "job %d is handed over as another", job);
    j->last_handed = e->dispatch;
    j->handed = 1;
    const bool way_out = j->reducing || j->repair;
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        const double quantity = s_quantity(w, l->instrument, l->quantity);
        if (e->orders[i].instrument != l->instrument ||
            fabs(e->orders[i].quantity - quantity) > 1e-9 * quantity ||
            (e->orders[i].side == PERP_SIDE_BUY) != (l->side > 0))
            s_fail(w, "leg %u of job %d is handed over as another", i, job);
        if ((w->m.killed || w->m.accounts[l->exchange].killed) && !j->flatten)
            s_fail(w, "job %d is handed over after the kill switch was put on", job);
        if (!way_out && w->market.api[l->exchange] == PERP_API_DOWN)
            s_fail(w, "job %d is handed over to an exchange that is down", job);
        if (!way_out &&
            (w->m.blacklisted[s_base_of(w, l->instrument)] || w->m.stopped[l->instrument]))
            s_fail(w, "job %d is handed over, and what it trades is stopped", job);
    }
    if (w->m.paused && !way_out)
        s_fail(w, "job %d is handed over after the book was paused", job);
    if (w->store != S_NO_STORE && !s_store_has_dispatch(w, &j->id, e->dispatch))
        s_fail(w, "job %d is handed over before its dispatch is durable", job);
    s_trace(w, (uint64_t)job);
    w->n.handed++;
}
