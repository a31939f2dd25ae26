/* The host: an executor, threads that tell what they heard, and what they do when they please. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULER(w) perp_core_scheduler((w)->core)

/* ---- Effects --------------------------------------------------------------------------------- */

void s_apply(struct s_world *w, struct s_effect *effect) {
    if (!effect->done)
        effect->apply(w, effect);
    effect->done = true;
}

/* ---- Callbacks ------------------------------------------------------------------------------- */

static void act_elsewhere(struct s_world *w);
static void ends_by_itself(struct s_world *w, int32_t job, uint32_t state);

/* What the tick at hand has made of jobs that wait, all at once; its callbacks tell one by one. */
static void know_tick(struct s_world *w) {
    s_know_dispatched(w);
    for (uint32_t k = 0; k < w->m.n_live; k++) {
        const int32_t job = (int32_t)w->m.live[k];
        perp_job_info info = {.struct_size = sizeof info};
        if (w->m.jobs[job].state == PERP_JOB_PENDING &&
            perp_scheduler_job(SCHEDULER(w), &w->m.jobs[job].id, &info) == PERP_OK &&
            s_ended(info.state))
            ends_by_itself(w, job, info.state);
    }
}

/* Another thread of the host acts while this one is inside a callback. */
static void others(struct s_world *w, int per_thousand) {
    if (w->dead || w->depth >= 2)
        return;
    if (!s_has(w, S_THREADS) || !s_chance(w, per_thousand))
        return;
    const char *doing = w->doing;
    struct s_effect *effect = w->effect;
    if (effect) {
        s_m_time(w);
        s_apply(w, effect);
    }
    if (w->in_tick) {
        w->nested_in_tick = 1;
        s_m_time(w);
        know_tick(w);
    }
    w->effect = NULL;
    w->durable_seen = s_store_durable(w); /* the change of the call at hand is made */
    w->depth++;
    w->n.nested++;
    act_elsewhere(w);
    w->depth--;
    w->effect = effect;
    w->doing = doing;
}

/* The leg's order is registered with the library, as far as its gate lets it pass, and sent. */
static void place(struct s_world *w, int32_t job, uint32_t leg, int64_t steps) {
    const struct s_leg *l = &w->m.jobs[job].legs[leg];
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = w->m.jobs[job].id;
    request.leg = leg;
    request.type = PERP_ORDER_MARKET;
    request.quantity = s_quantity(w, l->instrument, steps);
    perp_call call = s_call(w);
    if (!s_took(w, perp_orders_place(perp_core_orders(w->core), &call, &request, &answer),
                S_BIT(PERP_E_NOT_FOUND) | S_BIT(PERP_E_STATE) | S_BIT(PERP_E_INVALID)))
        return;
    if (w->dead) { /* the last thing that the process did */
        const int32_t order = s_never_sent(w, job, leg, steps, w->m.next_order++);
        w->m.order_state[order] = PERP_ORDER_NEW;
        w->m.jobs[job].has_orders = 1;
        return;
    }
    if (answer.gate != PERP_GATE_NONE) {
        w->n.gate++;
        return;
    }
    if (answer.order != w->m.next_order)
        s_fail(w, "an order has the number %" PRIu64 ", and %" PRIu64 " is the next", answer.order,
               w->m.next_order);
    if (w->m.killed || w->m.accounts[l->exchange].killed)
        if (!w->m.jobs[job].flatten)
            s_fail(w, "the gate let an order pass after the kill switch was put on");
    if (steps > l->quantity - l->told_steps)
        s_fail(w, "the gate let more pass than is left of a leg");
    w->m.next_order++;
    w->m.jobs[job].has_orders = 1;
    /* With batches an order is durable at the next barrier, and sent only then. */
    const bool lasts = !w->batch || s_took(w, perp_core_flush(w->core), 0);
    const int32_t order = lasts ? s_send(w, job, leg, steps, answer.order)
                                : s_never_sent(w, job, leg, steps, answer.order);
    w->m.order_state[order] = PERP_ORDER_NEW;
    w->n.orders++;
}

static void send_job(struct s_world *w, int32_t job) {
    struct s_job *j = &w->m.jobs[job];
    const bool by_orders = s_chance(w, 500);
    j->sent = 1;
    for (uint32_t i = 0; i < j->n_legs && !w->dead; i++) {
        const int64_t left = j->legs[i].quantity - j->legs[i].told_steps;
        if (left <= 0)
            continue;
        if (by_orders)
            place(w, job, i, left);
        else if (!j->has_orders)
            s_send(w, job, i, left, 0);
    }
}

static void on_execute(void *user, const perp_execution *execution, uint32_t *outcome) {
    struct s_world *w = user;
    if (w->dead)
        return;
    s_m_time(w);
    w->durable_seen = s_store_durable(w);
    s_handed(w, execution);
    const int32_t job = s_find(w, &execution->job_id);
    others(w, 60);
    if (w->dead)
        return;
    struct s_job *j = &w->m.jobs[job];
    if (s_has(w, S_REFUSE) && s_chance(w, 100) && !j->has_orders) {
        *outcome = s_chance(w, 500) ? PERP_OUTCOME_REFUSED : PERP_OUTCOME_DECLINED;
        j->answer = (uint8_t)*outcome;
        return;
    }
    const bool doubt = s_has(w, S_DOUBT) && s_chance(w, 120);
    if (!doubt || s_chance(w, 500))
        send_job(w, job);
    others(w, 60);
    *outcome = doubt ? PERP_OUTCOME_IN_DOUBT : PERP_OUTCOME_ACCEPTED;
    if (doubt && !w->dead && j->state == PERP_JOB_RUNNING && j->dispatch == execution->dispatch) {
        j->state = PERP_JOB_IN_DOUBT;
        j->answer = PERP_OUTCOME_IN_DOUBT + 10;
        s_m_touch(w, job);
    }
}

/* The library ends jobs by itself: each end must have its reason. */
static void ends_by_itself(struct s_world *w, int32_t job, uint32_t state) {
    struct s_job *j = &w->m.jobs[job];
    const bool answered = j->answer == PERP_OUTCOME_REFUSED || j->answer == PERP_OUTCOME_DECLINED;
    const int64_t slack = w->faults >> S_CLOCKS & 1 ? 3 * S_SECOND : 0;
    const bool unsent = !j->handed || (answered && s_runs(j));
    const int64_t at = w->now + w->skew > w->m.clock ? w->now + w->skew : w->m.clock;
    const bool right =
        state == PERP_JOB_EXPIRED ? j->state == PERP_JOB_PENDING && at > j->expires - slack
        : state == PERP_JOB_REJECTED
            ? j->state == PERP_JOB_PENDING && w->config.scheduler.on_reject == PERP_ON_REJECT_DROP
        : state == PERP_JOB_FAILED ? s_runs(j) && j->answer == PERP_OUTCOME_REFUSED
                                   : unsent || j->repair || j->flatten;
    if (!right)
        s_fail(w, "job %d ended as %s, and nothing says why", job, perp_job_state_string(state));
    if (state == PERP_JOB_FAILED)
        s_m_failure(w, true);
    s_m_end(w, job, state);
}

static void on_job_end(void *user, const perp_uuid *id, uint32_t state) {
    struct s_world *w = user;
    if (w->dead)
        return;
    const int32_t job = s_m_learn(w, id);
    struct s_job *j = &w->m.jobs[job];
    s_trace(w, (uint64_t)job << 8 | state);
    if (job != w->ended_by_call && !s_ended(j->state) &&
        (state == PERP_JOB_EXPIRED || state == PERP_JOB_REJECTED || state == PERP_JOB_FAILED ||
         state == PERP_JOB_CANCELLED)) {
        s_m_time(w);
        ends_by_itself(w, job, state);
    }
    s_m_touch(w, job);
    others(w, 30);
}

static void on_leg_risk(void *user, const char *base, double quantity) {
    struct s_world *w = user;
    (void)base;
    (void)quantity;
    others(w, 100);
}

static void on_kill(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n_jobs) {
    struct s_world *w = user;
    (void)exchange;
    for (uint32_t i = 0; i < n_jobs && !w->dead; i++) {
        const int32_t job = s_find(w, &jobs[i]);
        if (job < 0 ||
            (w->m.jobs[job].last_handed != w->m.jobs[job].dispatch && w->store == S_NO_STORE))
            s_fail(w, "the kill switch lists a job that was not handed over");
        for (uint32_t k = w->first_live; job >= 0 && k < w->n_orders; k++)
            if (w->orders[k].job == job && s_chance(w, 800))
                s_cancel_order(w, k);
    }
    others(w, 100);
}

static void on_cancel(void *user, const perp_uuid *id) {
    struct s_world *w = user;
    if (w->dead)
        return;
    const int32_t job = s_find(w, id);
    for (uint32_t k = w->first_live; k < w->n_orders; k++)
        if (w->orders[k].job == job)
            s_cancel_order(w, k);
    others(w, 200);
}

static void on_unhedged(void *user, const perp_uuid *id, const char *base, double quantity) {
    struct s_world *w = user;
    (void)id;
    (void)base;
    (void)quantity;
    others(w, 100);
}

static void on_alert(void *user, const perp_alert *alert) {
    struct s_world *w = user;
    s_trace(w, alert->code << 1 | alert->active);
    if (alert->code != PERP_ALERT_STORE_FAILED) /* which also calls that fail raise */
        others(w, 20);
}

void s_callbacks(struct s_world *w, perp_callbacks *callbacks) {
    callbacks->user = w;
    callbacks->execute = on_execute;
    callbacks->on_job_end = on_job_end;
    callbacks->on_leg_risk = on_leg_risk;
    callbacks->on_kill = on_kill;
    callbacks->on_cancel = on_cancel;
    callbacks->on_unhedged = on_unhedged;
    callbacks->on_alert = on_alert;
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void apply_submit(struct s_world *w, struct s_effect *e) {
    s_m_submit(w, e->submitted);
}

static void submit(struct s_world *w, const perp_job *job, uint32_t expected) {
    struct s_effect e = {.apply = apply_submit, .submitted = job};
    perp_call call = s_call(w);
    S_MAKE(w, &e, expected, perp_scheduler_submit(SCHEDULER(w), &call, job));
    if (!e.done || !s_has(w, S_RETRY) || !s_chance(w, 200))
        return;
    perp_job other = *job;
    other.priority++;
    perp_status status = perp_scheduler_submit(SCHEDULER(w), &call, job);
    if (!w->dead && status != PERP_E_EXISTS)
        s_fail(w, "a job submitted again: %s", perp_status_string(status));
    status = perp_scheduler_submit(SCHEDULER(w), &call, &other);
    if (!w->dead && status != PERP_E_CONFLICT)
        s_fail(w, "a job submitted again as another: %s", perp_status_string(status));
    w->n.repeated += 2;
}

static void set_leg(struct s_world *w, perp_job *job, uint32_t leg, uint32_t x, uint32_t b,
                    uint32_t side, int64_t steps) {
    perp_leg *l = &job->legs[leg];
    l->instrument = x * w->n_bases + b;
    l->side = side;
    l->quantity = (double)steps * w->step_size[b];
    l->notional = (perp_usd)(l->quantity * w->market.price[b] * 1e6);
}

/* Two legs of a base, or those of both; on two exchanges, or all. */
static void new_job(struct s_world *w) {
    perp_job job;
    perp_job_init(&job);
    w->doing = "submit";
    if (w->m.n_jobs > S_JOBS - 200)
        return;
    job.job_id = s_new_id(w);
    job.strategy = s_chance(w, 650) ? PERP_STRATEGY_WASH : PERP_STRATEGY_ARB;
    job.expected_edge_bps = 60;
    job.priority = (int32_t)s_below(w, 3);
    job.ttl_ms = s_chance(w, 900) ? 1000 + s_below(w, 10000) : 0;
    job.max_run_ms = s_chance(w, 300) ? 500 + s_below(w, 3000) : -1;
    const uint32_t n = w->n_bases > 1 && s_chance(w, 250) ? 2 : 1;
    job.n_legs = 2 * n;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t b = n == 2 ? k : (uint32_t)s_below(w, w->n_bases);
        const uint32_t x = (uint32_t)s_below(w, w->n_exchanges);
        const uint32_t y = (x + 1 + (uint32_t)s_below(w, w->n_exchanges - 1)) % w->n_exchanges;
        const int64_t steps = 20 + s_below(w, s_chance(w, 800) ? 300 : 2000);
        /* What is not there can't be sold; sometimes the host tries. */
        const bool turned = w->spot[y * w->n_bases + b] && s_chance(w, 900);
        set_leg(w, &job, 2 * k, turned ? y : x, b, PERP_SIDE_BUY, steps);
        set_leg(w, &job, 2 * k + 1, turned ? x : y, b, PERP_SIDE_SELL, steps);
        job.notional += job.legs[2 * k].notional;
    }
    /* The venue of the last exchange may be that of the first: INVALID, self trade. */
    submit(w, &job, w->n_exchanges > 3 ? S_BIT(PERP_E_INVALID) : 0);
}

void s_exit(struct s_world *w, int32_t index, bool whole) {
    perp_job job;
    perp_job_init(&job);
    w->doing = "exit";
    if (w->m.n_jobs == S_JOBS)
        return;
    const double fraction = whole || s_chance(w, 600) ? 1 : 0.25 + 0.25 * (double)s_below(w, 3);
    job.job_id = s_new_id(w);
    perp_status status = perp_job_fill_exit(w->core, w->now, &w->m.jobs[index].id, fraction, &job);
    if (status == PERP_E_NOT_FOUND || status == PERP_E_RANGE)
        return;
    if (status != PERP_OK)
        s_fail(w, "exit of job %d: %s", index, perp_status_string(status));
    if (job.n_legs > S_LEGS)
        return;
    submit(w, &job, S_BIT(PERP_E_INVALID));
    w->n.exits++;
}

/* One of those in the given states (bits), drawn; -1: there is none. */
int32_t s_pick(struct s_world *w, uint32_t states) {
    int32_t best = -1;
    uint32_t n = 0;
    const bool live =
        !(states & ~(1u << PERP_JOB_PENDING | 1u << PERP_JOB_RUNNING | 1u << PERP_JOB_IN_DOUBT));
    for (uint32_t k = 0; k < (live ? w->m.n_live : w->m.n_jobs); k++) {
        const uint32_t j = live ? w->m.live[k] : k;
        if (states >> w->m.jobs[j].state & 1 && s_below(w, ++n) == 0)
            best = (int32_t)j;
    }
    return best;
}

/* ---- What else it does ----------------------------------------------------------------------- */

void s_tick(struct s_world *w) {
    w->doing = "tick";
    s_before_tick(w);
    w->in_tick = 1;
    w->nested_in_tick = 0;
    w->tick.want_items = 2;
    perp_call call = s_call(w);
    perp_status status = perp_scheduler_tick(SCHEDULER(w), &call, &w->tick);
    w->in_tick = 0;
    if (s_took(w, status, 0) && !w->dead)
        s_after_tick(w);
    w->n.ticks++;
}

static void apply_cancel(struct s_world *w, struct s_effect *e) {
    struct s_job *j = &w->m.jobs[e->job];
    if (j->state == PERP_JOB_PENDING || (j->state == PERP_JOB_RUNNING && !j->handed))
        s_m_end(w, e->job,
                j->state == PERP_JOB_PENDING && e->state ? (uint32_t)PERP_JOB_OPEN
                                                         : (uint32_t)PERP_JOB_CANCELLED);
}

static void cancel(struct s_world *w, int32_t job) {
    struct s_effect e = {.apply = apply_cancel, .job = job};
    w->doing = "cancel";
    e.state = s_has_lots(w, job);
    w->ended_by_call = job;
    perp_call call = s_call(w);
    S_MAKE(w, &e, 0, perp_scheduler_cancel(SCHEDULER(w), &call, &w->m.jobs[job].id));
    w->ended_by_call = -1;
}

static void cancel_some(struct s_world *w) {
    const int32_t job =
        s_pick(w, 1u << PERP_JOB_PENDING | 1u << PERP_JOB_RUNNING | 1u << PERP_JOB_IN_DOUBT);
    if (job >= 0 && !w->m.jobs[job].repair)
        cancel(w, job);
}

void s_cancel_waiting(struct s_world *w) {
    for (uint32_t j = 0; j < w->m.n_jobs; j++)
        if (w->m.jobs[j].state == PERP_JOB_PENDING && !w->m.jobs[j].repair)
            cancel(w, (int32_t)j);
}

static void apply_requeue(struct s_world *w, struct s_effect *e) {
    struct s_job *j = &w->m.jobs[e->job];
    j->state = PERP_JOB_PENDING;
    j->answer = j->sent = 0;
    j->expires = j->ttl_ms > 0 ? w->m.clock + j->ttl_ms * S_MS : INT64_MAX;
    s_m_release(w, e->job);
    s_m_touch(w, e->job);
}

/* Nothing of it was sent. */
static void requeue_some(struct s_world *w) {
    struct s_effect e = {.apply = apply_requeue};
    w->doing = "requeue";
    e.job = s_pick(w, 1u << PERP_JOB_IN_DOUBT);
    if (e.job < 0 || w->m.jobs[e.job].sent || w->m.jobs[e.job].repair)
        return;
    const struct s_job *j = &w->m.jobs[e.job];
    const bool waits = j->answer && (w->faults >> S_MEMORY & 1 || w->store != S_NO_STORE);
    perp_call call = s_call(w);
    perp_uuid id = j->id;
    const uint64_t dispatch = j->dispatch;
    S_MAKE(w, &e, waits ? S_BIT(PERP_E_NOT_FOUND) : 0,
           perp_scheduler_requeue(SCHEDULER(w), &call, &id));
    if (!e.done || !s_has(w, S_RETRY))
        return;
    perp_job_result r; /* an answer to the dispatch that was taken back */
    perp_job_result_init(&r);
    r.dispatch = dispatch;
    r.status = PERP_RESULT_NOTHING;
    perp_status status = perp_scheduler_finish(SCHEDULER(w), &call, &id, &r, NULL);
    if (!w->dead && status == PERP_OK)
        s_fail(w, "an answer to an earlier dispatch was taken");
}

void s_flatten(struct s_world *w) {
    w->doing = "flatten";
    perp_flatten_item items[S_INSTRUMENTS];
    perp_flatten_result r;
    perp_flatten_result_init(&r);
    r.items = items;
    r.capacity = S_INSTRUMENTS;
    perp_uuid key = s_new_id(w);
    memset(key.bytes + 12, 0, 4);
    key.bytes[1] ^= 0x55;
    perp_call call = s_signed(w);
    if (!s_took(w, perp_scheduler_flatten(SCHEDULER(w), &call, PERP_ALL_EXCHANGES, NULL, &key, &r),
                0))
        return;
    for (uint32_t i = 0; i < r.count && i < S_INSTRUMENTS; i++)
        if (items[i].kind == PERP_FLATTEN_JOB)
            s_m_learn(w, &items[i].job_id);
}

void s_report(struct s_world *w, uint32_t exchange, int64_t as_of, bool lie) {
    perp_position_report rows[S_BASES];
    perp_account_report report;
    perp_account_report_init(&report);
    w->doing = "account report";
    memset(rows, 0, sizeof rows);
    report.exchange = exchange;
    report.has_equity = w->m.accounts[exchange].has_equity;
    report.equity = w->m.accounts[exchange].equity;
    report.time_ns = as_of;
    report.positions = rows;
    uint32_t expected = 0;
    for (uint32_t b = 0; b < w->n_bases; b++) {
        const uint32_t i = exchange * w->n_bases + b;
        int64_t steps = s_position_at(w, i, as_of);
        if (lie && s_chance(w, 500)) {
            steps += s_below(w, 400) - 200;
            w->m.positions[i].dirty = 1;
            if (w->saved)
                w->saved->positions[i].dirty = 1;
        }
        w->m.positions[i].dirty |=
            s_splits_a_fill(w, i, as_of) || s_surprises(w, i, as_of) || s_m_is_ambiguous(w, i);
        if (w->m.positions[i].reported && as_of < w->m.positions[i].reported_at)
            expected = S_BIT(PERP_E_STALE);
        if (w->loud)
            printf("  instrument %u: %" PRId64 " as of %" PRId64 " ms%s\n", i, steps,
                   (as_of - S_START) / S_MS, w->m.positions[i].dirty ? ", dirty" : "");
        if (steps == 0)
            continue;
        perp_position_report *row = &rows[report.n_positions++];
        row->instrument = i;
        row->margin_mode = PERP_MARGIN_NOT_GIVEN;
        row->quantity = s_quantity(w, i, steps);
        row->entry_price = w->market.price[b];
    }
    perp_call call = s_call(w);
    if (!s_took(w, perp_account(w->core, &call, &report), expected))
        return;
    if (expected != 0)
        s_fail(w, "a report older than the last was taken");
    for (uint32_t b = 0; b < w->n_bases; b++) {
        struct s_position *p = &w->m.positions[exchange * w->n_bases + b];
        p->reported = 1;
        p->heard = w->now;
        perp_position_state s = {.struct_size = sizeof s};
        if (perp_positions_query(perp_core_positions(w->core), exchange * w->n_bases + b, w->now,
                                 &s) != PERP_OK)
            s_fail(w, "query of a position");
        p->reported_at = s.report_time_ns; /* that of one that is put aside does not count */
    }
    if (report.has_equity)
        s_m_equity(w, exchange, report.equity);
    w->n.reports++;
}

static void quote(struct s_world *w, uint32_t i) {
    const double mid = w->market.price[s_base_of(w, i)];
    perp_quote q = {.instrument = i, .time_ns = w->now};
    q.bid = mid * (1 - 1e-5);
    q.ask = mid * (1 + 1e-5);
    q.bid_size = q.ask_size = 1000;
    perp_status status = perp_market_on_quote(perp_core_market(w->core), &q);
    if (status == PERP_E_RANGE) /* time has moved: two agree */
        status = perp_market_on_quote(perp_core_market(w->core), &q);
    if (status != PERP_OK)
        s_fail(w, "quote: %s", perp_status_string(status));
    w->market.quoted[i] = w->now;
}

void s_quote_all(struct s_world *w) {
    w->doing = "quotes";
    for (uint32_t i = 0; i < w->n_instruments; i++)
        if (w->quiet || !w->market.silent[i])
            quote(w, i);
}

static void quotes(struct s_world *w) {
    for (uint32_t b = 0; b < w->n_bases; b++)
        w->market.price[b] *= 1 + (double)(s_below(w, 201) - 100) * 1e-6;
    if (s_has(w, S_QUOTES) && s_chance(w, 100)) {
        const uint32_t i = (uint32_t)s_below(w, w->n_instruments);
        w->market.silent[i] = !w->market.silent[i];
        perp_withdrawal gone = {.instrument = i, .time_ns = w->now};
        if (w->market.silent[i] && s_chance(w, 400) &&
            perp_market_on_withdraw(perp_core_market(w->core), &gone) == PERP_OK)
            w->market.quoted[i] = 0;
    }
    s_quote_all(w);
}

static void reports(struct s_world *w) {
    const uint32_t x = (uint32_t)s_below(w, w->n_exchanges);
    const int64_t age = s_below(w, s_chance(w, 800) ? 1000 : 5000) * S_MS;
    if (s_reports(w))
        s_report(w, x, w->now - age, s_has(w, S_LIES) && s_chance(w, 150));
}

/* What other threads do in the middle of a call of this one. */
static void act_elsewhere(struct s_world *w) {
    const int64_t what = s_below(w, 100);
    if (what < 20)
        s_hear(w);
    else if (what < 40)
        s_tell_some(w, true);
    else if (what < 50)
        new_job(w);
    else if (what < 62)
        cancel_some(w);
    else if (what < 75 && s_has(w, S_REQUEUE))
        requeue_some(w);
    else if (what < 90 && s_has(w, S_CONTROL))
        s_person(w);
    else
        s_quote_all(w);
}

static void wrongs(struct s_world *w) {
    if (s_has(w, S_CUTS) && s_chance(w, 8))
        s_cut(w);
    if (s_has(w, S_MEMORY) && s_chance(w, 30))
        s_memory_fails(w, (uint32_t)(1 + s_below(w, 6)));
    if (s_has(w, S_RESTART) && s_chance(w, 2))
        s_restart(w, false);
    if (s_has(w, S_CRASH) && s_chance(w, 4))
        s_store_dies(w, (uint32_t)(1 + s_below(w, 8)));
    if (s_has(w, S_DISK) && !w->failing && s_chance(w, 4))
        s_store_fails(w, true);
    else if (w->failing && s_chance(w, 80)) {
        s_store_fails(w, false);
        s_resume(w);
    }
    if (s_has(w, S_RULES) && s_chance(w, 20))
        s_change_rule(w);
    if (s_has(w, S_BARRIERS) && s_chance(w, 50))
        s_barrier(w);
    w->skew = s_has(w, S_CLOCKS) && s_chance(w, 100) ? -s_below(w, 3000) * S_MS : 0;
}

void s_act(struct s_world *w) {
    wrongs(w);
    const int64_t what = s_below(w, 1000);
    if (what < 220)
        s_tick(w);
    else if (what < 350)
        new_job(w);
    else if (what < 580 && s_hear(w))
        ;
    else if (what < 700)
        s_tell_some(w, false);
    else if (what < 720)
        s_amend_some(w, false);
    else if (what < 790)
        quotes(w);
    else if (what < 830) {
        const int32_t job = s_pick(w, 1u << PERP_JOB_OPEN | 1u << PERP_JOB_PARTIAL);
        if (job >= 0)
            s_exit(w, job, false);
    } else if (what < 860)
        reports(w);
    else if (what < 880)
        cancel_some(w);
    else if (what < 895 && s_has(w, S_REQUEUE))
        requeue_some(w);
    else if (what < 925 && s_has(w, S_CONTROL))
        s_person(w);
    else if (what < 955 && s_has(w, S_MONEY))
        s_money(w);
    else if (what < 965)
        s_clock(w);
    else if (what < 970 && s_has(w, S_TERMS))
        s_terms(w);
    else if (what < 980 && s_has(w, S_HOSTILE))
        s_hostile(w);
    else
        s_quote_all(w);
    if (!w->quiet)
        s_memory_fails(w, 0);
}
