/* What exchanges do, whatever anybody knows of it: orders fill in part, late, too much, after their
   end was told; positions are cut. Nothing here is ever taken back. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double price_of(struct s_world *w, uint32_t instrument) {
    const double mid = w->market.price[s_base_of(w, instrument)];
    return mid + (double)(s_below(w, 2001) - 1000) / 100.0 * (mid > 10000 ? 0.2 : 0.01);
}

static struct s_trade *plan_trade(struct s_world *w, uint32_t instrument, int64_t steps,
                                  int64_t time) {
    if (w->n_trades == S_TRADES)
        s_fail(w, "the simulator has no room for more trades");
    w->waiting[w->n_waiting++] = w->n_trades;
    struct s_trade *t = &w->trades[w->n_trades++];
    *t = (struct s_trade){.time = time, .steps = steps, .instrument = instrument, .order = -1};
    t->price = price_of(w, instrument);
    const double value = t->price * s_quantity(w, instrument, llabs(steps));
    t->fee = (perp_usd)(value * 1e6 * 5e-4);
    t->has_pnl = s_chance(w, 300);
    t->pnl = t->has_pnl ? s_below(w, 2 * PERP_USD) - PERP_USD : 0;
    return t;
}

/* What will become of an order: how much of it fills, and when. */
static void draw_fate(struct s_world *w, uint32_t index) {
    struct s_order *o = &w->orders[index];
    int64_t fills = o->quantity, span = s_has(w, S_LATE) ? 3000 : 600, t = w->now;
    static const uint32_t ends[] = {PERP_NEWS_CANCELLED, PERP_NEWS_EXPIRED, PERP_NEWS_DECLINED};
    o->end = ends[s_below(w, 3)];
    if (s_has(w, S_REJECT) && s_chance(w, 120)) {
        fills = 0;
        o->end = PERP_NEWS_REJECTED;
    } else if (s_has(w, S_PART) && s_chance(w, 350)) {
        fills = s_chance(w, 400) ? 0 : s_below(w, o->quantity + 1);
    } else if (s_has(w, S_OVER) && s_chance(w, 40)) {
        fills = o->quantity + s_below(w, o->quantity);
    }
    while (fills > 0) {
        int64_t part = s_chance(w, 600) ? fills : 1 + s_below(w, fills);
        t += s_below(w, span) * S_MS + 1;
        struct s_trade *trade = plan_trade(w, o->instrument, o->side * part, t);
        trade->order = (int32_t)index;
        fills -= part;
    }
    o->ends = t + s_below(w, span / 2) * S_MS + 1;
    if (s_has(w, S_AFTER) && s_chance(w, 150)) /* the end overtakes the fills */
        o->ends = w->now + s_below(w, span) * S_MS + 1;
}

static uint32_t new_order(struct s_world *w, int32_t job, uint32_t leg, int64_t steps,
                          uint64_t number) {
    if (w->n_orders == S_ORDERS)
        s_fail(w, "the simulator has no room for more orders");
    const uint32_t index = w->n_orders++;
    struct s_order *o = &w->orders[index];
    const struct s_leg *l = &w->m.jobs[job].legs[leg];
    *o = (struct s_order){.job = job, .leg = leg, .instrument = l->instrument, .side = l->side};
    o->quantity = steps;
    o->reduce_only = w->m.jobs[job].reducing;
    o->number = number;
    o->sent = w->now;
    return index;
}

int32_t s_send(struct s_world *w, int32_t job, uint32_t leg, int64_t steps, uint64_t number) {
    const uint32_t index = new_order(w, job, leg, steps, number);
    w->orders[index].live = 1;
    w->orders[index].by_totals = number != 0 && s_chance(w, 250);
    draw_fate(w, index);
    return (int32_t)index;
}

int32_t s_never_sent(struct s_world *w, int32_t job, uint32_t leg, int64_t steps, uint64_t number) {
    const uint32_t index = new_order(w, job, leg, steps, number);
    w->orders[index].end = PERP_NEWS_REJECTED;
    return (int32_t)index;
}

/* What has not happened by now will not. */
void s_cancel_order(struct s_world *w, uint32_t order) {
    struct s_order *o = &w->orders[order];
    if (!o->live)
        return;
    for (uint32_t i = 0; i < w->n_waiting;)
        if (w->trades[w->waiting[i]].order == (int32_t)order)
            w->waiting[i] = w->waiting[--w->n_waiting];
        else
            i++;
    o->ends = w->now;
}

static void tell_later(struct s_world *w, int32_t order, int32_t trade) {
    const int64_t most = s_has(w, S_LATE) ? 2500 : 250;
    for (int again = s_has(w, S_TWICE) && s_chance(w, 200); again >= 0; again--)
        if (w->n_news < S_NEWS)
            w->news[w->n_news++] = (struct s_news){w->now + s_below(w, most) * S_MS, order, trade};
        else
            s_fail(w, "the simulator has no room for more news");
}

static void happens(struct s_world *w, uint32_t trade) {
    struct s_trade *t = &w->trades[trade];
    if (t->order >= 0 && w->orders[t->order].reduce_only) { /* it neither opens nor turns */
        const int64_t there = w->position[t->instrument];
        if ((there > 0) == (t->steps > 0) || there == 0)
            return;
        if (llabs(t->steps) > llabs(there))
            t->steps = -there;
    }
    if (w->spot[t->instrument] && t->steps < 0) { /* nobody sells what is not there */
        const int64_t there = w->position[t->instrument];
        if (there <= 0)
            return;
        t->steps = t->steps < -there ? -there : t->steps;
    }
    t->happened = 1;
    if (w->loud)
        printf("    at the exchange: %+" PRId64 " of instrument %u, order %d, %" PRId64 " ms\n",
               t->steps, t->instrument, t->order, (t->time - S_START) / S_MS);
    w->happened[w->n_happened++] = trade;
    w->position[t->instrument] += t->steps;
    if (t->order < 0)
        return;
    struct s_order *o = &w->orders[t->order];
    o->filled += llabs(t->steps);
    if (o->number != 0)
        tell_later(w, t->order, (int32_t)trade);
}

/* The earliest of the planned ones that has come; -1: none. */
static int32_t next_due(const struct s_world *w) {
    int32_t best = -1;
    for (uint32_t i = 0; i < w->n_waiting; i++)
        if (w->trades[w->waiting[i]].time <= w->now &&
            (best < 0 || w->trades[w->waiting[i]].time < w->trades[w->waiting[best]].time))
            best = (int32_t)i;
    return best;
}

void s_exchanges_move(struct s_world *w) {
    for (int32_t due = next_due(w); due >= 0; due = next_due(w)) {
        const uint32_t trade = w->waiting[due];
        w->waiting[due] = w->waiting[--w->n_waiting];
        happens(w, trade);
    }
    while (w->first_live < w->n_orders && !w->orders[w->first_live].live)
        w->first_live++;
    for (uint32_t i = w->first_live; i < w->n_orders; i++) {
        struct s_order *o = &w->orders[i];
        if (!o->live || o->ends > w->now)
            continue;
        o->live = 0;
        if (o->number != 0)
            tell_later(w, (int32_t)i, -1);
    }
}

/* A liquidation, or a deleveraging: a part of a position is gone, and nobody is told. */
void s_cut(struct s_world *w) {
    const uint32_t i = (uint32_t)s_below(w, w->n_instruments);
    const int64_t there = w->position[i];
    const int64_t gone = s_chance(w, 400) ? llabs(there) : s_below(w, llabs(there) + 1);
    if (gone == 0 || w->spot[i])
        return;
    struct s_trade *t = plan_trade(w, i, there > 0 ? -gone : gone, w->now);
    t->kind = S_CUT;
    w->n.cuts++;
    w->m.positions[i].dirty = 1;
    if (w->saved)
        w->saved->positions[i].dirty = 1;
    s_exchanges_move(w);
}

int32_t s_trade_by_hand(struct s_world *w, uint32_t instrument, int64_t steps) {
    struct s_trade *t = plan_trade(w, instrument, steps, w->now);
    t->kind = S_BY_HAND;
    w->m.positions[instrument].dirty = 1;
    if (w->saved)
        w->saved->positions[instrument].dirty = 1;
    const int32_t index = (int32_t)(t - w->trades);
    s_exchanges_move(w);
    return index;
}

int64_t s_position_at(const struct s_world *w, uint32_t instrument, int64_t time) {
    int64_t steps = w->position[instrument];
    for (uint32_t i = w->n_happened; i > 0; i--) {
        const struct s_trade *t = &w->trades[w->happened[i - 1]];
        if (t->time <= time - 10 * S_SECOND)
            break;
        if (t->instrument == instrument && t->time > time)
            steps -= t->steps;
    }
    return steps;
}

/* Whether trades of one order lie on both sides of a time, and are told as one fill with one time:
   then a report of that time has a part of what the host tells as a whole. */
bool s_splits_a_fill(const struct s_world *w, uint32_t instrument, int64_t time) {
    for (uint32_t i = w->n_happened; i > 0; i--) {
        const struct s_trade *late = &w->trades[w->happened[i - 1]];
        if (late->time <= time)
            return false;
        if (late->instrument != instrument || late->order < 0)
            continue;
        const struct s_order *o = &w->orders[late->order];
        for (uint32_t k = 0; (o->number == 0 || o->by_totals) && k < i - 1; k++)
            if (w->trades[w->happened[k]].order == late->order &&
                w->trades[w->happened[k]].time <= time)
                return true;
    }
    return false;
}

/* Whether the host has yet to tell a trade of a job that does not run any more, or one that is more
   than was ordered: for the library a report that has it shows something that nothing explains. */
bool s_surprises(const struct s_world *w, uint32_t instrument, int64_t time) {
    for (uint32_t i = 0; i < w->n_orders; i++) {
        const struct s_order *o = &w->orders[i];
        const struct s_job *j = &w->m.jobs[o->job];
        const struct s_leg *l = &j->legs[o->leg];
        double price;
        perp_usd fee;
        int64_t last;
        if (o->instrument != instrument || o->filled == 0)
            continue;
        const int64_t there = s_leg_at(w, o->job, o->leg, time, &price, &fee, &last);
        if (there > l->told_steps && (!s_runs(j) || there > l->quantity))
            return true;
    }
    return false;
}

int64_t s_leg_at(const struct s_world *w, int32_t job, uint32_t leg, int64_t time, double *price,
                 perp_usd *fee, int64_t *last) {
    int64_t steps = 0;
    double paid = 0;
    *fee = 0;
    *last = PERP_TIME_NONE;
    for (uint32_t i = 0; i < w->n_happened; i++) {
        const struct s_trade *t = &w->trades[w->happened[i]];
        if (t->order < 0 || t->time > time || w->orders[t->order].job != job ||
            w->orders[t->order].leg != leg)
            continue;
        steps += llabs(t->steps);
        paid += (double)llabs(t->steps) * t->price;
        *fee += t->fee;
        *last = t->time > *last ? t->time : *last;
    }
    *price = steps > 0 ? paid / (double)steps : 0;
    return steps;
}

/* Whether an order of a job worked still at that time. */
bool s_job_works(const struct s_world *w, int32_t job, int64_t time) {
    for (uint32_t i = 0; i < w->n_orders; i++)
        if (w->orders[i].job == job && (w->orders[i].live || w->orders[i].ends > time))
            return true;
    for (uint32_t i = 0; i < w->n_waiting; i++) {
        const int32_t order = w->trades[w->waiting[i]].order;
        if (order >= 0 && w->orders[order].job == job)
            return true;
    }
    return false;
}
