/* What the host hears of its orders and of the legs that it keeps itself, and what it makes of it.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULER(w) perp_core_scheduler((w)->core)

/* ---- News of orders -------------------------------------------------------------------------- */

static bool order_ended(const struct s_world *w, int32_t order) {
    return w->m.order_state[order] >= PERP_ORDER_FILLED;
}

/* auto_finish: the last order ends, and every leg is full. */
static void maybe_finishes(struct s_world *w, struct s_effect *e) {
    struct s_job *j = &w->m.jobs[e->job];
    bool full = w->config.orders.auto_finish && s_runs(j);
    for (uint32_t i = 0; full && i < w->n_orders; i++)
        full = w->orders[i].job != e->job || w->orders[i].number == 0 || order_ended(w, (int32_t)i);
    for (uint32_t i = 0; full && i < j->n_legs; i++)
        full = j->legs[i].told_steps >= j->legs[i].quantity;
    e->finishes = full;
    if (full)
        s_m_finish(w, e->job, PERP_RESULT_COMPLETED, true);
}

static void apply_order(struct s_world *w, struct s_effect *e) {
    const struct s_order *o = &w->orders[e->order];
    uint8_t *state = &w->m.order_state[e->order];
    const bool news_of_fill = e->kind == PERP_NEWS_FILL || e->kind == PERP_NEWS_TOTAL;
    const bool had_ended = *state >= PERP_ORDER_FILLED;
    if (news_of_fill && e->steps[0] > 0) {
        struct s_fill f = {o->job,    o->leg, e->steps[0], e->price[0],
                           e->fee[0], 0,      false,       e->time[0]};
        if (e->trade >= 0) {
            f.has_pnl = w->trades[e->trade].has_pnl && e->kind == PERP_NEWS_FILL;
            f.pnl = f.has_pnl ? w->trades[e->trade].pnl : 0;
            w->m.trade_told[e->trade] = e->kind == PERP_NEWS_FILL;
        }
        w->m.order_told[e->order] += f.steps;
        s_m_fill(w, &f);
        if (w->m.order_told[e->order] >= o->quantity)
            *state = PERP_ORDER_FILLED;
        else if (!had_ended)
            *state = PERP_ORDER_OPEN;
    } else if (e->kind == PERP_NEWS_ACCEPTED) {
        if (*state == PERP_ORDER_NEW || *state == PERP_ORDER_IN_DOUBT)
            *state = PERP_ORDER_OPEN;
    } else if (e->kind == PERP_NEWS_UNKNOWN) {
        *state = PERP_ORDER_IN_DOUBT;
    } else if (!news_of_fill) {
        const bool plain = w->m.order_told[e->order] > 0;
        *state = e->kind == PERP_NEWS_EXPIRED              ? PERP_ORDER_EXPIRED
                 : plain || e->kind == PERP_NEWS_CANCELLED ? PERP_ORDER_CANCELLED
                 : e->kind == PERP_NEWS_DECLINED           ? PERP_ORDER_DECLINED
                                                           : PERP_ORDER_REJECTED;
    }
    s_m_touch(w, o->job);
    if (!had_ended && *state >= PERP_ORDER_FILLED)
        maybe_finishes(w, e);
}

/* How much an order has filled up to a trade of it, for interfaces that tell totals. */
static void total_at(const struct s_world *w, int32_t order, int64_t time, int64_t *steps,
                     double *price, perp_usd *fee) {
    double paid = 0;
    *steps = 0;
    *fee = 0;
    for (uint32_t i = 0; i < w->n_happened; i++) {
        const struct s_trade *t = &w->trades[w->happened[i]];
        if (t->order != order || t->time > time)
            continue;
        *steps += llabs(t->steps);
        paid += (double)llabs(t->steps) * t->price;
        *fee += t->fee;
    }
    *price = *steps > 0 ? paid / (double)*steps : 0;
}

static void fill_in_trade(struct s_world *w, struct s_effect *e, perp_order_news *news,
                          char id[24]) {
    const struct s_trade *t = &w->trades[e->trade];
    e->kind = news->kind = PERP_NEWS_FILL;
    snprintf(id, 24, "t%d", e->trade);
    news->fill_id = id;
    e->steps[0] = llabs(t->steps);
    news->quantity = s_quantity(w, t->instrument, e->steps[0]);
    news->price = e->price[0] = t->price;
    news->fee = e->fee[0] = t->fee;
    news->has_pnl = t->has_pnl;
    news->pnl = t->pnl;
    news->time_ns = e->time[0] = t->time;
}

/* The difference to what was told is the fill. */
static void fill_in_total(struct s_world *w, struct s_effect *e, perp_order_news *news,
                          uint32_t *expected) {
    const struct s_trade *t = &w->trades[e->trade];
    const struct s_order *o = &w->orders[e->order];
    int64_t steps, told = w->m.order_told[e->order], told_steps;
    double price, told_price = 0;
    perp_usd fee, told_fee = 0;
    total_at(w, e->order, t->time, &steps, &price, &fee);
    e->kind = news->kind = PERP_NEWS_TOTAL;
    news->quantity = s_quantity(w, o->instrument, steps);
    news->price = price;
    news->fee = fee;
    news->time_ns = e->time[0] = t->time;
    for (uint32_t i = 0; told > 0 && i < w->n_happened; i++) { /* the moment of what was told */
        const struct s_trade *k = &w->trades[w->happened[i]];
        if (k->order != e->order)
            continue;
        total_at(w, e->order, k->time, &told_steps, &told_price, &told_fee);
        if (told_steps == told)
            break;
    }
    e->steps[0] = steps - told;
    if (e->steps[0] > 0)
        e->price[0] = (price * (double)steps - told_price * (double)told) / (double)e->steps[0];
    e->fee[0] = fee - told_fee;
    if (steps < told)
        *expected |= S_BIT(PERP_E_STALE);
}

static void tell_order(struct s_world *w, int32_t order, int32_t trade, uint32_t kind) {
    struct s_order *o = &w->orders[order];
    struct s_effect e = {.apply = apply_order, .job = o->job, .order = order, .trade = trade};
    perp_order_news news;
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    char id[24];
    uint32_t expected = 0;
    perp_order_news_init(&news);
    news.order = o->number;
    e.kind = news.kind = kind;
    w->doing = "news of an order";
    const bool ended = order_ended(w, order);
    if (trade >= 0 && o->by_totals)
        fill_in_total(w, &e, &news, &expected);
    else if (trade >= 0)
        fill_in_trade(w, &e, &news, id);
    const bool known = trade >= 0 && !o->by_totals && w->m.trade_told[trade];
    if (known || (trade < 0 && ended && kind != PERP_NEWS_ACCEPTED))
        expected |= S_BIT(PERP_E_EXISTS);
    if (known)
        e.steps[0] = 0;
    w->ended_by_call = o->job;
    perp_call call = s_call(w);
    S_MAKE(w, &e, expected, perp_orders_tell(perp_core_orders(w->core), &call, &news, &outcome));
    w->ended_by_call = -1;
    if (!e.done || w->dead)
        w->n.repeated += known;
    else if (known)
        s_fail(w, "a fill is booked again");
    else if (outcome.finished != e.finishes)
        s_fail(w, "job %d %s by itself", o->job,
               outcome.finished ? "finished" : "is full, and did not finish");
}

static void hear(struct s_world *w, uint32_t index) {
    const struct s_news n = w->news[index];
    memmove(&w->news[index], &w->news[index + 1], sizeof n * (w->n_news - index - 1));
    w->n_news--;
    tell_order(w, n.order, n.trade, n.trade >= 0 ? PERP_NEWS_FILL : w->orders[n.order].end);
}

/* One piece of news that is due; false: none is. */
bool s_hear(struct s_world *w) {
    int32_t best = -1;
    uint32_t due = 0;
    for (uint32_t i = 0; i < w->n_news; i++)
        if (w->news[i].at <= w->now || w->quiet) {
            due++;
            if (best < 0 ||
                (s_has(w, S_DISORDER) ? s_below(w, due) == 0 : w->news[i].at < w->news[best].at))
                best = (int32_t)i;
        }
    if (best < 0)
        return false;
    hear(w, (uint32_t)best);
    return true;
}

/* All that an exchange knows of an order. */
void s_hear_all(struct s_world *w, uint32_t order) {
    struct s_order *o = &w->orders[order];
    for (uint32_t i = 0; i < w->n_happened && !w->dead; i++)
        if (w->trades[w->happened[i]].order == (int32_t)order && !w->m.trade_told[w->happened[i]] &&
            !(o->by_totals && w->m.order_told[order] >= o->filled))
            tell_order(w, (int32_t)order, (int32_t)w->happened[i], PERP_NEWS_FILL);
    if (!w->dead)
        tell_order(w, (int32_t)order, -1, o->live ? (uint32_t)PERP_NEWS_ACCEPTED : o->end);
}

/* ---- Legs ------------------------------------------------------------------------------------ */

static void apply_legs(struct s_world *w, struct s_effect *e) {
    for (uint32_t i = 0; i < w->m.jobs[e->job].n_legs; i++)
        if (e->steps[i] > 0) {
            struct s_fill f = {e->job,    i, e->steps[i], e->price[i],
                               e->fee[i], 0, false,       e->time[i]};
            s_m_fill(w, &f);
        }
    if (e->kind != 0)
        s_m_finish(w, e->job, e->state, true);
    else if (e->state == PERP_RESULT_UNKNOWN) {
        w->m.jobs[e->job].state = PERP_JOB_IN_DOUBT;
        s_m_touch(w, e->job);
    }
}

/* What legs had filled by some time, and what of it is new. */
static bool legs_at(struct s_world *w, struct s_effect *e, int64_t as_of,
                    perp_leg_result legs[PERP_MAX_LEGS], bool *any) {
    const struct s_job *j = &w->m.jobs[e->job];
    bool stale = false;
    *any = false;
    for (uint32_t i = 0; i < j->n_legs; i++) {
        const struct s_leg *l = &j->legs[i];
        perp_usd fee;
        int64_t last;
        const int64_t steps = s_leg_at(w, e->job, i, as_of, &legs[i].price, &fee, &last);
        legs[i].filled = s_quantity(w, l->instrument, steps);
        legs[i].fee = fee;
        legs[i].time_ns = e->time[i] = last;
        e->steps[i] = steps - l->told_steps;
        if (e->steps[i] > 0)
            e->price[i] = (legs[i].price * (double)steps - l->paid) / (double)e->steps[i];
        e->fee[i] = fee - l->fee;
        stale |= e->steps[i] < 0;
        *any |= steps > 0;
    }
    return stale;
}

/* The host tells how far a job is, or how far it was. */
static void tell_legs(struct s_world *w, int32_t job, int64_t as_of) {
    struct s_effect e = {.apply = apply_legs, .job = job, .state = PERP_RESULT_COMPLETED};
    perp_job_result r;
    bool any;
    perp_job_result_init(&r);
    const struct s_job *j = &w->m.jobs[job];
    w->doing = s_runs(j) ? "progress" : "amend";
    const uint32_t expected = legs_at(w, &e, as_of, r.legs, &any) ? S_BIT(PERP_E_STALE) : 0;
    perp_call call = s_call(w);
    if (s_runs(j))
        S_MAKE(w, &e, expected,
               perp_scheduler_progress(SCHEDULER(w), &call, &j->id, r.legs, j->n_legs));
    else
        S_MAKE(w, &e, expected,
               perp_scheduler_amend(SCHEDULER(w), &call, &j->id, r.legs, j->n_legs));
}

static void repeat_finish(struct s_world *w, int32_t job, const perp_job_result *r) {
    perp_call call = s_call(w);
    perp_status status = perp_scheduler_finish(SCHEDULER(w), &call, &w->m.jobs[job].id, r, NULL);
    if (!w->dead && status != PERP_E_EXISTS)
        s_fail(w, "a job finished again: %s", perp_status_string(status));
    w->n.repeated++;
}

static void finish_orders(struct s_world *w, int32_t job) {
    struct s_effect e = {.apply = apply_legs, .job = job, .kind = 1};
    perp_job_result r;
    perp_job_result_init(&r);
    r.from_orders = 1;
    r.dispatch = s_chance(w, 500) ? w->m.jobs[job].dispatch : 0;
    bool all = true, rejected = false, filled = false;
    for (uint32_t i = 0; i < w->n_orders; i++)
        if (w->orders[i].job == job && w->orders[i].number != 0) {
            all &= order_ended(w, (int32_t)i);
            rejected |= w->m.order_state[i] == PERP_ORDER_REJECTED;
        }
    for (uint32_t i = 0; i < w->m.jobs[job].n_legs; i++)
        filled |= w->m.jobs[job].legs[i].told_steps > 0;
    e.state = filled ? PERP_RESULT_COMPLETED : rejected ? PERP_RESULT_FAILED : PERP_RESULT_NOTHING;
    w->ended_by_call = job;
    perp_call call = s_call(w);
    perp_uuid id = w->m.jobs[job].id;
    S_MAKE(w, &e, all ? 0 : S_BIT(PERP_E_STATE),
           perp_scheduler_finish(SCHEDULER(w), &call, &id, &r, NULL));
    w->ended_by_call = -1;
    if (!all && e.done)
        s_fail(w, "job %d finished, and an order of it has not ended", job);
    if (e.done && s_has(w, S_RETRY) && s_chance(w, 300))
        repeat_finish(w, job, &r);
}

/* The host finishes a job by what it believes; truth: by what is. */
void s_finish(struct s_world *w, int32_t job, bool truth) {
    const struct s_job *j = &w->m.jobs[job];
    struct s_effect e = {.apply = apply_legs, .job = job, .kind = 1};
    perp_job_result r;
    bool any;
    perp_job_result_init(&r);
    w->doing = "finish";
    if (j->has_orders) {
        finish_orders(w, job);
        return;
    }
    const int64_t as_of = truth ? w->now : w->now - s_below(w, 800) * S_MS;
    uint32_t expected = legs_at(w, &e, as_of, r.legs, &any) ? S_BIT(PERP_E_STALE) : 0;
    r.n_legs = j->n_legs;
    r.status = any                ? (uint32_t)PERP_RESULT_COMPLETED
               : s_chance(w, 500) ? (uint32_t)PERP_RESULT_FAILED
                                  : (uint32_t)PERP_RESULT_NOTHING;
    if (any && s_has(w, S_REJECT) && s_chance(w, 50))
        r.status = PERP_RESULT_FAILED;
    e.state = r.status;
    if (!truth && s_has(w, S_DOUBT) && s_chance(w, 100)) {
        e.kind = 0;
        e.state = r.status = PERP_RESULT_UNKNOWN;
    }
    if (expected != 0 && !any)
        expected |= S_BIT(PERP_E_INVALID);
    w->ended_by_call = job;
    perp_call call = s_call(w);
    perp_uuid id = j->id;
    S_MAKE(w, &e, expected, perp_scheduler_finish(SCHEDULER(w), &call, &id, &r, NULL));
    w->ended_by_call = -1;
    if (e.done && e.kind && s_has(w, S_RETRY) && s_chance(w, 300))
        repeat_finish(w, job, &r);
}

/* The exchange is asked what became of a job: all is told, and it ends, if nothing of it works. */
void s_ask_about(struct s_world *w, int32_t job) {
    struct s_job *j = &w->m.jobs[job];
    w->doing = "ask about a job";
    for (uint32_t i = 0; j->has_orders && i < w->n_orders && !w->dead; i++)
        if (w->orders[i].job == job && w->orders[i].number != 0 && !order_ended(w, (int32_t)i))
            s_hear_all(w, i);
    if (!w->dead && s_runs(j) && !s_job_works(w, job, w->now))
        s_finish(w, job, true);
}

void s_tell_some(struct s_world *w, bool nested) {
    const uint32_t run = 1u << PERP_JOB_RUNNING | 1u << PERP_JOB_IN_DOUBT;
    const int32_t job = s_pick(w, run);
    if (job < 0 || (s_has(w, S_FORGET) && s_chance(w, 700)))
        return;
    struct s_job *j = &w->m.jobs[job];
    if (!j->handed && j->state == PERP_JOB_RUNNING)
        return; /* it waits for its turn in a tick */
    const bool works = s_job_works(w, job, w->now - (s_has(w, S_LATE) ? 1000 : 100) * S_MS);
    if (j->has_orders) {
        if (!works || s_chance(w, 30))
            s_ask_about(w, job);
    } else if (!works || (s_chance(w, 60) && s_has(w, S_AFTER))) {
        s_finish(w, job, !works || nested);
    } else {
        tell_legs(w, job, w->now - s_below(w, 1500) * S_MS);
    }
}

/* Jobs that were finished too early: the rest of the truth. */
void s_amend_some(struct s_world *w, bool all) {
    for (uint32_t n = 0; n < w->m.n_jobs; n++) {
        const uint32_t j = all ? n : (uint32_t)s_below(w, w->m.n_jobs);
        const struct s_job *job = &w->m.jobs[j];
        if (!all && n >= 8)
            return;
        if (s_runs(job) || job->has_orders || !job->sent || job->dispatch == 0)
            continue;
        for (uint32_t i = 0; i < job->n_legs; i++) {
            double price;
            perp_usd fee;
            int64_t last;
            if (s_leg_at(w, (int32_t)j, i, w->now, &price, &fee, &last) > job->legs[i].told_steps) {
                tell_legs(w, (int32_t)j, w->now);
                if (!all)
                    return;
                break;
            }
        }
        if (w->dead)
            return;
    }
}

/* News that got lost with a process: exchanges list trades and ends. */
static void tell_lost(struct s_world *w) {
    for (uint32_t i = 0; i < w->n_orders && !w->dead; i++) {
        const struct s_order *o = &w->orders[i];
        if (o->number == 0 || o->live ||
            (w->m.order_told[i] >= o->filled && order_ended(w, (int32_t)i)))
            continue;
        s_hear_all(w, i);
    }
}

void s_amend_all(struct s_world *w) {
    tell_lost(w);
    s_amend_some(w, true);
}
