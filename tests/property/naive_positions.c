/* Positions by docs/positions.md: lots, what is foreign, drift, what is naked. */
#include "naive_ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define NEAR 1e-9

double n_sum(double a, double b) {
    double sum = a + b, largest = fmax(fabs(a), fabs(b));
    return fabs(sum) <= NEAR * largest ? 0 : sum;
}

int n_at_most(double a, double b) {
    return a - b <= NEAR * fmax(fabs(a), fabs(b));
}

int64_t n_micro(double usd) {
    return (int64_t)round(usd * 1e6);
}

static double at_least_0(double quantity) {
    return quantity > 0 ? quantity : 0;
}

static double smaller(double wish, double most) {
    return n_at_most(most, wish) ? most : wish;
}

static double sign_of(double quantity) {
    return quantity > 0 ? 1 : -1;
}

static double side_sign(uint32_t side) {
    return side == PERP_SIDE_BUY ? 1 : -1;
}

static n_position *position_of(const n_book *b, uint32_t instrument) {
    return b->instruments[instrument].position;
}

static int base_of(const n_book *b, uint32_t instrument) {
    return b->instruments[instrument].base;
}

double n_unseen(const n_job *job, uint32_t leg) {
    const n_leg *l = &job->legs[leg];
    double unfilled = at_least_0(n_sum(job->job.legs[leg].quantity, -l->filled));
    return at_least_0(n_sum(unfilled, -l->seen));
}

/* The job that was dispatched next after that; -1: none. */
static int next_running(const n_book *b, int64_t after) {
    int found = -1;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        if (n_runs(j) && j->order_of_dispatch > after &&
            (found < 0 || j->order_of_dispatch < b->jobs[found].order_of_dispatch)) {
            found = b->active[i];
        }
    }
    return found;
}

static int last_running(const n_book *b, int64_t before) {
    int found = -1;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        if (n_runs(j) && j->order_of_dispatch < before &&
            (found < 0 || j->order_of_dispatch > b->jobs[found].order_of_dispatch)) {
            found = b->active[i];
        }
    }
    return found;
}

double n_lots_on(const n_book *b, uint32_t instrument) {
    const n_position *p = position_of(b, instrument);
    double sum = 0;
    for (uint32_t i = 0; i < p->n_lots; i++) {
        sum = n_sum(sum, p->lots[i].quantity);
    }
    return sum;
}

static double seen_on(const n_book *b, uint32_t instrument) {
    double sum = 0;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(j) && k < j->job.n_legs; k++) {
            if (j->job.legs[k].instrument == instrument) {
                sum = n_sum(sum, side_sign(j->job.legs[k].side) * j->legs[k].seen);
            }
        }
    }
    return sum;
}

double n_quantity(const n_book *b, uint32_t instrument) {
    double own = n_sum(position_of(b, instrument)->foreign, n_lots_on(b, instrument));
    return n_sum(own, seen_on(b, instrument));
}

/* The average of what is open after a trade. */
static double entry_after(double quantity, double entry, double traded, double price) {
    double after = n_sum(quantity, traded);
    if (traded == 0) {
        return entry;
    }
    if (quantity == 0) {
        return price;
    }
    if ((quantity > 0) == (traded > 0)) {
        return (fabs(quantity) * entry + fabs(traded) * price) / (fabs(quantity) + fabs(traded));
    }
    return after == 0 ? 0 : (after > 0) == (quantity > 0) ? entry : price;
}

static void remember(n_position *p, int64_t time, double quantity) {
    if (quantity == 0) {
        return;
    }
    if (p->n_since == N_MAX_FILLS) {
        abort();
    }
    p->since[p->n_since].time = time;
    p->since[p->n_since++].quantity = quantity;
}

/* ---- capital */

/* The one of its last dispatch: late fills while it waited may have made one before. */
static n_reservation *held_there(n_book *b, int job, uint32_t exchange) {
    for (uint32_t i = b->n_reservations; i > 0; i--) {
        n_reservation *r = &b->reservations[i - 1];
        if (r->job == job && r->exchange == exchange) {
            return r;
        }
    }
    return NULL;
}

static void release_used(n_book *b, int job, uint32_t exchange, int64_t amount) {
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        n_reservation *r = &b->reservations[i];
        if (r->job == job && r->exchange == exchange) {
            int64_t part = r->used < amount ? r->used : amount;
            r->used -= part;
            r->released += part;
            amount -= part;
        }
    }
}

static int64_t share_of(int64_t amount, double part, double whole) {
    int64_t share = (int64_t)floor((double)amount * (part / whole));
    return amount <= 0 || part <= 0 ? 0 : n_at_most(whole, part) || share > amount ? amount : share;
}

/* Takes a size out of a lot; whether it is gone. */
static int shrink(n_book *b, uint32_t instrument, uint32_t lot, double size) {
    n_position *p = position_of(b, instrument);
    n_lot *l = &p->lots[lot];
    int64_t released = share_of(l->used, size, fabs(l->quantity));
    release_used(b, l->job, b->instruments[instrument].exchange, released);
    if (n_at_most(fabs(l->quantity), size)) {
        memmove(l, l + 1, (--p->n_lots - lot) * sizeof *l);
        return 1;
    }
    l->used -= released;
    l->quantity -= sign_of(l->quantity) * size;
    return 0;
}

/* A job's lots occupy more, whatever is in flight. */
static void occupy(n_book *b, int job, uint32_t exchange, int64_t used) {
    const n_job *j = &b->jobs[job];
    n_reservation *r = held_there(b, job, exchange);
    if (r == NULL) {
        uint32_t pool = j->is_repair ? (uint32_t)PERP_POOL_RESERVE : n_pool_of(b, j->job.strategy);
        r = n_add_reservation(b, exchange, pool, 0, job);
    }
    r->reserved += used;
    r->used += used;
}

static void move_capital(n_book *b, int job, const n_fill *fill, double opened, n_lot *lot) {
    n_job *j = &b->jobs[job];
    n_leg *leg = &j->legs[fill->leg];
    const perp_leg *of = &j->job.legs[fill->leg];
    uint32_t x = b->instruments[of->instrument].exchange;
    n_reservation *r = held_there(b, job, x);
    int64_t used = 0;
    if (leg->flying > 0) {
        int64_t notional = of->notional > 0 ? of->notional : j->job.notional;
        double part = floor((double)notional * (fill->quantity / of->quantity));
        int full = leg->filled >= of->quantity * (1 - NEAR) || part >= (double)leg->flying;
        int64_t share = full ? leg->flying : (int64_t)part;
        used = share_of(share, opened, fill->quantity);
        leg->flying -= share;
        r->in_flight -= share;
        r->used += used;
        r->released += share - used;
    } else if (opened > 0) {
        used = n_micro(opened * fill->price);
        occupy(b, job, x, used);
    }
    if (lot != NULL) {
        lot->used += used;
    }
}

/* ---- drift */

static int above_tolerance(const n_book *b, uint32_t instrument, double quantity) {
    return quantity != 0 && fabs(quantity) * b->instruments[instrument].mid >
                                (double)b->config.capital.drift_tolerance_usd / 1e6;
}

static void explain(n_book *b, uint32_t instrument, double quantity) {
    n_position *p = position_of(b, instrument);
    p->unexplained = n_sum(p->unexplained, -quantity);
    if (p->unexplained == 0 || (p->lost != 0 && (p->lost > 0) != (p->unexplained > 0))) {
        p->lost = 0;
    } else if (fabs(p->lost) > fabs(p->unexplained)) {
        p->lost = p->unexplained;
    }
    p->latched = above_tolerance(b, instrument, p->unexplained);
}

/* What of a fill a report had already, beside what its leg has seen. */
static double in_drift(n_book *b, uint32_t instrument, double sign, double rest, const n_fill *fill,
                       int late) {
    n_position *p = position_of(b, instrument);
    int64_t window = b->config.capital.drift_window_ms * MS;
    double known = 0;
    if (rest > 0 && fill->time_given && p->reported && fill->time <= p->report_time - window) {
        known = rest;
    } else if (rest > 0 && late && p->latched && p->unexplained * sign > 0) {
        known = smaller(rest, fabs(p->unexplained));
    }
    if (known > 0) {
        explain(b, instrument, sign * known);
    }
    return known;
}

/* ---- naked */

double n_naked(const n_book *b, int base) {
    double naked = b->bases[base].naked;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        if (base_of(b, i) == base && position_of(b, i)->latched) {
            naked = n_sum(naked, position_of(b, i)->lost);
        }
    }
    return naked;
}

static double price_of(const n_book *b, int base) {
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        if (base_of(b, i) == base && b->instruments[i].mid > 0) {
            return b->instruments[i].mid;
        }
    }
    return b->bases[base].price;
}

int n_is_naked(const n_book *b, int base) {
    double lots = 0, price = price_of(b, base), naked = fabs(n_naked(b, base));
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        lots += base_of(b, i) == base ? fabs(n_lots_on(b, i)) : 0;
    }
    double usd = (double)b->config.scheduler.leg_risk_usd / 1e6;
    double share = b->config.scheduler.leg_risk_tolerance * 0.5 * lots * price;
    return naked * price > (share > usd ? share : usd);
}

double n_to_square(const n_book *b, int base) {
    double naked = n_naked(b, base), left = fabs(naked);
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(j) && !j->balanced && k < j->job.n_legs; k++) {
            const perp_leg *leg = &j->job.legs[k];
            if (base_of(b, leg->instrument) == base && side_sign(leg->side) * naked < 0) {
                left = at_least_0(n_sum(left, -n_unseen(j, k)));
            }
        }
    }
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        const n_position *p = position_of(b, i);
        double drift = n_sum(p->unexplained, -p->lost);
        if (base_of(b, i) == base && p->latched && drift * naked < 0) {
            left = at_least_0(n_sum(left, -fabs(drift)));
        }
    }
    return left;
}

/* A fill that counts at once; alone: what it closed of lots of balanced jobs and repairs. */
static void count_at_once(n_book *b, n_job *j, const n_fill *fill, double alone) {
    const perp_leg *leg = &j->job.legs[fill->leg];
    int base = base_of(b, leg->instrument);
    double sign = side_sign(leg->side), *naked = &b->bases[base].naked;
    j->legs[fill->leg].counted += fill->quantity;
    if (j->balanced || j->is_repair) {
        *naked = n_sum(*naked, sign * fill->quantity);
        return;
    }
    *naked = n_sum(*naked, sign * alone);
    double rest = at_least_0(n_sum(fill->quantity, -alone)), is = n_naked(b, base);
    if (is * sign < 0) {
        *naked = n_sum(*naked, sign * fmin(rest, fabs(is)));
    }
}

/* ---- fills */

typedef struct passage {
    uint32_t instrument;
    double sign, left, price, realised, alone, owed;
} passage;

/* ---- what lots are short of */

static double owed_on(const n_position *p) {
    double sum = 0;
    for (uint32_t i = 0; i < p->n_owed; i++) {
        sum = n_sum(sum, p->owed[i].quantity);
    }
    return sum;
}

/* Takes up to a size out of one; whether it is gone. */
static int take_owed(n_position *p, uint32_t i, double size, int64_t *used) {
    n_lot *lot = &p->owed[i];
    *used = share_of(lot->used, size, fabs(lot->quantity));
    if (n_at_most(fabs(lot->quantity), size)) {
        memmove(lot, lot + 1, (--p->n_owed - i) * sizeof *lot);
        return 1;
    }
    lot->used -= *used;
    lot->quantity = n_sum(lot->quantity, -sign_of(lot->quantity) * size);
    return 0;
}

static void owe(n_position *p, const n_lot *lot, double size, int64_t used) {
    int64_t freed;
    double left = size, sign = sign_of(lot->quantity);
    while (left > 0 && p->n_owed > 0 && p->owed[0].quantity * sign < 0) {
        double taken = smaller(left, fabs(p->owed[0].quantity));
        take_owed(p, 0, taken, &freed);
        left = at_least_0(n_sum(left, -taken));
    }
    if (left <= 0) {
        return;
    }
    used = share_of(used, left, size);
    for (uint32_t i = 0; i < p->n_owed; i++) {
        n_lot *to = &p->owed[i];
        if (to->job == lot->job && to->leg == lot->leg) {
            double is = fabs(to->quantity);
            to->price = (is * to->price + left * lot->price) / (is + left);
            to->quantity = n_sum(to->quantity, sign * left);
            to->used += used;
            return;
        }
    }
    if (p->n_owed == N_MAX_OWED) {
        memmove(p->owed, p->owed + 1, --p->n_owed * sizeof *p->owed);
    }
    p->owed[p->n_owed++] = (n_lot){lot->job, lot->leg, sign * left, lot->price, used};
}

/* A fill closed so much of what was foreign, of which some may be owed, or another's fill of which
   nobody has told yet. own: the leg's; NULL: no job's. What was owed is the result. */
static double settle_owed(n_book *b, passage *w, double was, const n_lot *own) {
    n_position *p = position_of(b, w->instrument);
    double closed = fabs(n_sum(was, -p->foreign));
    double theirs = n_sum(n_sum(was, -p->unexplained), -owed_on(p));
    double rest = at_least_0(n_sum(closed, theirs * was > 0 ? -fabs(theirs) : 0)), met = 0;
    const perp_uuid *named = own != NULL ? &b->jobs[own->job].job.closes : NULL;
    if (closed == 0) {
        return 0;
    }
    for (int only = named != NULL; only >= 0; only--) {
        for (uint32_t i = 0; i < p->n_owed && rest > 0;) {
            const n_job *of = &b->jobs[p->owed[i].job];
            if (p->owed[i].quantity * w->sign > 0 ||
                (only && memcmp(named, &of->id, sizeof of->id) != 0)) {
                i++;
                continue;
            }
            int64_t freed;
            double taken = smaller(rest, fabs(p->owed[i].quantity));
            rest = at_least_0(n_sum(rest, -taken));
            met += taken;
            w->owed += !of->forgotten && (of->balanced || of->is_repair) ? taken : 0;
            i += !take_owed(p, i, taken, &freed);
        }
    }
    if (rest > 0 && own != NULL) {
        owe(p, own, rest, n_micro(rest * w->price));
    }
    return met;
}

static void close_lots(n_book *b, passage *w, const perp_uuid *only) {
    n_position *p = position_of(b, w->instrument);
    for (uint32_t i = 0; i < p->n_lots && w->left > 0;) {
        const n_lot lot = p->lots[i];
        const n_job *owner = &b->jobs[lot.job];
        if (lot.quantity * w->sign > 0 ||
            (only != NULL && memcmp(only, &owner->id, sizeof *only) != 0)) {
            i++;
            continue;
        }
        double size = smaller(w->left, fabs(lot.quantity));
        w->realised += size * (w->price - lot.price) * sign_of(lot.quantity);
        w->alone += owner->balanced || owner->is_repair ? size : 0;
        w->left = at_least_0(n_sum(w->left, -size));
        i += !shrink(b, w->instrument, i, size);
    }
}

static void close_foreign(n_book *b, passage *w) {
    n_position *p = position_of(b, w->instrument);
    if (w->left <= 0 || p->foreign * w->sign >= 0) {
        return;
    }
    double size = smaller(w->left, fabs(p->foreign));
    if (p->entry > 0) {
        w->realised += size * (w->price - p->entry) * sign_of(p->foreign);
    }
    p->foreign = n_sum(p->foreign, w->sign * size);
    w->left = at_least_0(n_sum(w->left, -size));
}

static n_lot *open_lot(n_book *b, int job, uint32_t leg, const passage *w) {
    n_position *p = position_of(b, w->instrument);
    for (uint32_t i = 0; i < p->n_lots; i++) {
        n_lot *lot = &p->lots[i];
        if (lot->job == job && lot->leg == leg) {
            double size = fabs(lot->quantity);
            lot->price = (size * lot->price + w->left * w->price) / (size + w->left);
            lot->quantity += w->sign * w->left;
            return lot;
        }
    }
    if (p->n_lots == N_MAX_LOTS) {
        abort();
    }
    n_lot *lot = &p->lots[p->n_lots++];
    lot->job = job;
    lot->leg = leg;
    lot->quantity = w->sign * w->left;
    lot->price = w->price;
    lot->used = 0;
    return lot;
}

static void book_fill(n_book *b, n_job *j, const n_fill *fill, double realised) {
    n_figures *today =
        &b->exchanges[b->instruments[j->job.legs[fill->leg].instrument].exchange].today;
    int64_t pnl = fill->has_pnl ? fill->pnl : n_micro(realised);
    int64_t volume = n_micro(fill->quantity * fill->price);
    j->legs[fill->leg].pnl += pnl;
    j->booked.pnl += pnl;
    j->booked.volume += volume;
    j->booked.fees += fill->fee;
    today->pnl += pnl;
    today->volume += volume;
    today->fees += fill->fee;
}

/* What of a leg's fill an older report had, and was taken for what other legs of its side had
   filled. */
static double seen_of_others(n_book *b, uint32_t instrument, double sign, double rest,
                             const n_fill *fill) {
    int64_t before = INT64_MAX;
    double known = 0;
    const n_position *p = position_of(b, instrument);
    if (!fill->time_given || !p->reported ||
        fill->time > p->report_time - b->config.capital.drift_window_ms * MS) {
        return 0;
    }
    for (int k; rest > 0 && (k = last_running(b, before)) >= 0;) {
        n_job *j = &b->jobs[k];
        before = j->order_of_dispatch;
        for (uint32_t n = j->job.n_legs; n > 0; n--) {
            const perp_leg *of = &j->job.legs[n - 1];
            if (of->instrument == instrument && side_sign(of->side) == sign) {
                double taken = smaller(rest, j->legs[n - 1].seen);
                j->legs[n - 1].seen = at_least_0(n_sum(j->legs[n - 1].seen, -taken));
                rest = at_least_0(n_sum(rest, -taken));
                known += taken;
            }
        }
    }
    return known;
}

void n_fill_leg(n_book *b, int job, const n_fill *fill, int late, int books) {
    static const perp_uuid none;
    n_job *j = &b->jobs[job];
    n_leg *leg = &j->legs[fill->leg];
    const perp_leg *of = &j->job.legs[fill->leg];
    n_position *p = position_of(b, of->instrument);
    passage w = {of->instrument, side_sign(of->side), fill->quantity, fill->price, 0, 0, 0};
    double before = n_quantity(b, of->instrument), f = fill->quantity;
    if (f > 0) {
        leg->average = (leg->filled * leg->average + f * fill->price) / (leg->filled + f);
    }
    leg->filled += f;
    leg->fee += fill->fee;
    if (f > 0) {
        double seen = late ? 0 : smaller(f, leg->seen);
        leg->seen = at_least_0(n_sum(leg->seen, -seen));
        if (!late) {
            seen += seen_of_others(b, of->instrument, w.sign, at_least_0(n_sum(f, -seen)), fill);
        }
        double drift = in_drift(b, of->instrument, w.sign, at_least_0(n_sum(f, -seen)), fill, late);
        p->foreign = n_sum(p->foreign, -w.sign * drift);
        if (memcmp(&j->job.closes, &none, sizeof none) != 0) {
            close_lots(b, &w, &j->job.closes);
        }
        close_lots(b, &w, NULL);
        double foreign = p->foreign;
        const n_lot own = {job, fill->leg, w.sign, fill->price, 0};
        close_foreign(b, &w);
        settle_owed(b, &w, foreign, &own);
        double opened = w.left;
        n_lot *lot = opened > 0 ? open_lot(b, job, fill->leg, &w) : NULL;
        move_capital(b, job, fill, opened, lot);
        double moved = at_least_0(n_sum(f, -n_sum(seen, drift)));
        p->entry = entry_after(before, p->entry, w.sign * moved, fill->price);
        remember(p, fill->time, w.sign * moved);
        b->bases[base_of(b, of->instrument)].price = fill->price;
        if (late || !j->balanced) {
            count_at_once(b, j, fill, w.alone + w.owed);
        }
    }
    if (books) {
        book_fill(b, j, fill, w.realised);
    }
}

void n_foreign_fill(n_book *b, uint32_t instrument, uint32_t side, const n_fill *fill) {
    n_position *p = position_of(b, instrument);
    n_base *base = &b->bases[base_of(b, instrument)];
    n_figures *today = &b->exchanges[b->instruments[instrument].exchange].today;
    passage w = {instrument, side_sign(side), fill->quantity, fill->price, 0, 0, 0};
    double before = n_quantity(b, instrument);
    double lost = p->lost;
    double drift = in_drift(b, instrument, w.sign, fill->quantity, fill, 1);
    lost = fabs(n_sum(lost, -p->lost));
    p->foreign = n_sum(p->foreign, -w.sign * drift);
    double foreign = p->foreign;
    close_foreign(b, &w);
    double owed = settle_owed(b, &w, foreign, NULL);
    base->naked = n_sum(base->naked, w.sign * (n_at_most(owed, lost) ? lost : owed));
    double left = w.left;
    close_lots(b, &w, NULL);
    base->naked = n_sum(base->naked, w.sign * n_sum(left, -w.left));
    base->price = fill->price;
    p->foreign = n_sum(p->foreign, w.sign * w.left);
    double moved = at_least_0(n_sum(fill->quantity, -drift));
    p->entry = entry_after(before, p->entry, w.sign * moved, fill->price);
    remember(p, fill->time, w.sign * moved);
    today->pnl += fill->has_pnl ? fill->pnl : n_micro(w.realised);
    today->volume += n_micro(fill->quantity * fill->price);
    today->fees += fill->fee;
}

void n_legs_end(n_book *b, int job) {
    n_job *j = &b->jobs[job];
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        const perp_leg *of = &j->job.legs[i];
        n_leg *leg = &j->legs[i];
        if (leg->flying > 0) {
            n_reservation *r = held_there(b, job, b->instruments[of->instrument].exchange);
            r->in_flight -= leg->flying;
            r->released += leg->flying;
            leg->flying = 0;
        }
        double seen = leg->seen;
        leg->seen = 0;
        int64_t after = -1;
        for (int k; seen > 0 && (k = next_running(b, after)) >= 0;) {
            n_job *other = &b->jobs[k];
            after = other->order_of_dispatch;
            for (uint32_t n = 0; k != job && n < other->job.n_legs; n++) {
                if (other->job.legs[n].instrument == of->instrument &&
                    other->job.legs[n].side == of->side) {
                    double taken = smaller(seen, n_unseen(other, n));
                    other->legs[n].seen = n_sum(other->legs[n].seen, taken);
                    seen = at_least_0(n_sum(seen, -taken));
                }
            }
        }
        if (seen > 0) {
            n_position *p = position_of(b, of->instrument);
            p->foreign = n_sum(p->foreign, side_sign(of->side) * seen);
            explain(b, of->instrument, -side_sign(of->side) * seen);
        }
    }
}

void n_count_naked(n_book *b, int job) {
    n_job *j = &b->jobs[job];
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        double *naked = &b->bases[base_of(b, j->job.legs[i].instrument)].naked;
        double more = n_sum(j->legs[i].filled, -j->legs[i].counted);
        *naked = n_sum(*naked, side_sign(j->job.legs[i].side) * more);
        j->legs[i].counted = j->legs[i].filled;
    }
}

static double mark_of(const n_book *b, uint32_t instrument) {
    const n_instrument *n = &b->instruments[instrument];
    int old = n->mark <= 0 || b->clock - n->marked > b->config.risk.max_quote_age_ms * MS;
    return old ? n->mid : n->mark;
}

void n_cash(n_book *b, uint32_t exchange, int is_funding, int64_t amount, int64_t instrument) {
    const n_position *p = instrument < 0 ? NULL : position_of(b, (uint32_t)instrument);
    double all = 0;
    int64_t rest = amount;
    b->exchanges[exchange].today.pnl += amount;
    for (uint32_t i = 0; p != NULL && i < p->n_lots; i++) {
        all += fabs(p->lots[i].quantity);
    }
    for (uint32_t i = 1; is_funding && p != NULL && i < p->n_lots; i++) {
        int64_t part = (int64_t)((double)amount * (fabs(p->lots[i].quantity) / all));
        b->jobs[p->lots[i].job].booked.pnl += part;
        rest -= part;
    }
    if (is_funding && all > 0) {
        b->jobs[p->lots[0].job].booked.pnl += rest;
    }
}

void n_close_lots(n_book *b, int job) {
    const n_job *j = &b->jobs[job];
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        n_position *p = position_of(b, i);
        for (uint32_t k = 0; k < p->n_lots;) {
            const n_lot lot = p->lots[k];
            double *naked = &b->bases[base_of(b, i)].naked;
            if (lot.job != job) {
                k++;
                continue;
            }
            p->entry = entry_after(n_quantity(b, i), p->entry, -lot.quantity, mark_of(b, i));
            remember(p, b->clock, -lot.quantity);
            if (j->balanced || j->is_repair) {
                *naked = n_sum(*naked, -lot.quantity);
            }
            shrink(b, i, k, fabs(lot.quantity));
        }
        for (uint32_t k = 0; k < p->n_owed;) {
            int64_t freed;
            k += p->owed[k].job != job || !take_owed(p, k, fabs(p->owed[k].quantity), &freed);
        }
    }
}

/* ---- reports */

/* What of `rest` legs that run explain; sets it where told to. */
static double explained_by_legs(n_book *b, uint32_t instrument, double rest, int set) {
    int64_t after = -1, before = INT64_MAX;
    double sign = sign_of(rest), left = fabs(rest);
    for (int k; left > 0 && (k = next_running(b, after)) >= 0;) {
        n_job *j = &b->jobs[k];
        after = j->order_of_dispatch;
        for (uint32_t n = 0; n < j->job.n_legs; n++) {
            if (j->job.legs[n].instrument == instrument && side_sign(j->job.legs[n].side) == sign) {
                double taken = smaller(left, n_unseen(j, n));
                left = at_least_0(n_sum(left, -taken));
                j->legs[n].seen = set ? n_sum(j->legs[n].seen, taken) : j->legs[n].seen;
            }
        }
    }
    for (int k; left > 0 && (k = last_running(b, before)) >= 0;) {
        n_job *j = &b->jobs[k];
        before = j->order_of_dispatch;
        for (uint32_t n = j->job.n_legs; n > 0; n--) {
            n_leg *leg = &j->legs[n - 1];
            if (j->job.legs[n - 1].instrument == instrument &&
                side_sign(j->job.legs[n - 1].side) != sign) {
                double taken = smaller(left, leg->seen);
                left = at_least_0(n_sum(left, -taken));
                leg->seen = set ? at_least_0(n_sum(leg->seen, -taken)) : leg->seen;
            }
        }
    }
    return sign * left;
}

static double expected_of(const n_book *b, uint32_t instrument, double rest) {
    double expected = b->bases[base_of(b, instrument)].expected;
    return expected * rest > 0 ? sign_of(rest) * smaller(fabs(rest), fabs(expected)) : 0;
}

typedef struct comparison {
    double later, extra, rest, drift;
} comparison;

static comparison compare_at(n_book *b, uint32_t instrument, double quantity, int64_t time) {
    const n_position *p = position_of(b, instrument);
    comparison c = {0, 0, 0, 0};
    for (uint32_t i = 0; i < p->n_since; i++) {
        c.later = p->since[i].time > time ? n_sum(c.later, p->since[i].quantity) : c.later;
    }
    c.extra = n_sum(quantity, -n_sum(n_quantity(b, instrument), -c.later));
    c.rest = explained_by_legs(b, instrument, c.extra, 0);
    c.drift = n_sum(c.rest, -expected_of(b, instrument, c.rest));
    return c;
}

/* The time that leaves no more than the tolerance, the nearest to the report's own. */
static int64_t best_time(n_book *b, uint32_t instrument, double quantity, int64_t time) {
    const n_position *p = position_of(b, instrument);
    int64_t window = b->config.capital.drift_window_ms * MS, best = time, best_apart = INT64_MAX;
    for (uint32_t i = 0; i <= p->n_since; i++) {
        int64_t at = i < p->n_since ? p->since[i].time : time - window;
        int64_t apart = at > time ? at - time : time - at;
        if (apart <= window && (apart < best_apart || (apart == best_apart && at < best)) &&
            !above_tolerance(b, instrument, compare_at(b, instrument, quantity, at).drift)) {
            best = at;
            best_apart = apart;
        }
    }
    return best;
}

static int would_end_a_hedge(const n_book *b, uint32_t instrument, double rest) {
    const n_position *p = position_of(b, instrument);
    double theirs = p->foreign * rest < 0 ? fabs(p->foreign) : 0;
    return p->n_lots > 0 && p->lots[0].quantity * rest < 0 && !n_at_most(fabs(rest), theirs);
}

/* Takes what vanished out of what is no job's, then of lots; what of it closed lots. */
static double take_out(n_book *b, uint32_t instrument, double rest, double drift) {
    n_position *p = position_of(b, instrument);
    double left = fabs(rest), sign = sign_of(rest), lost = 0, owed = fabs(drift);
    if (p->foreign * rest < 0) {
        left = at_least_0(n_sum(left, -fmin(left, fabs(p->foreign))));
    }
    while (left > 0 && p->n_lots > 0 && p->lots[0].quantity * rest < 0) {
        const n_lot lot = p->lots[0];
        double size = smaller(left, fabs(lot.quantity)), back = smaller(owed, size);
        int64_t freed = lot.used - (shrink(b, instrument, 0, size) ? 0 : p->lots[0].used);
        owed = at_least_0(n_sum(owed, -back));
        owe(p, &lot, back, share_of(freed, back, size));
        left = at_least_0(n_sum(left, -size));
        lost += size;
    }
    p->foreign = n_sum(p->foreign, n_sum(rest, -sign * lost));
    return sign * lost;
}

/* What is owed goes back into lots, where nothing runs in the base and nothing is naked, but for as
   much as is unexplained. */
static void give_back(n_book *b, uint32_t instrument) {
    n_position *p = position_of(b, instrument);
    double owed = owed_on(p), left = fabs(owed);
    if (p->unexplained * owed < 0) {
        left = at_least_0(n_sum(left, -fabs(p->unexplained)));
    }
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(j) && k < j->job.n_legs; k++) {
            left = base_of(b, j->job.legs[k].instrument) == base_of(b, instrument) ? 0 : left;
        }
    }
    if (p->latched || n_is_naked(b, base_of(b, instrument))) {
        return;
    }
    while (left > 0 && p->n_owed > 0) {
        const n_lot lot = p->owed[p->n_owed - 1];
        double size = smaller(left, fabs(lot.quantity)), sign = sign_of(lot.quantity), rest = size;
        int64_t used;
        take_owed(p, p->n_owed - 1, size, &used);
        left = at_least_0(n_sum(left, -size));
        if (b->jobs[lot.job].forgotten) {
            continue;
        }
        p->foreign = n_sum(p->foreign, -sign * size);
        while (rest > 0 && p->n_lots > 0 && p->lots[0].quantity * sign < 0) {
            double taken = smaller(rest, fabs(p->lots[0].quantity));
            shrink(b, instrument, 0, taken);
            rest = at_least_0(n_sum(rest, -taken));
        }
        if (rest <= 0) {
            continue;
        }
        passage w = {instrument, sign, rest, lot.price, 0, 0, 0};
        uint32_t n = p->n_lots;
        n_lot *to = open_lot(b, lot.job, lot.leg, &w);
        used = share_of(used, rest, size);
        to->used += used;
        occupy(b, lot.job, b->instruments[instrument].exchange, used);
        if (p->n_lots > n) { /* it is before the others */
            const n_lot back = *to;
            memmove(p->lots + 1, p->lots, n * sizeof *to);
            p->lots[0] = back;
        }
    }
}

void n_report(n_book *b, uint32_t instrument, double quantity, double entry, int64_t time) {
    n_position *p = position_of(b, instrument);
    n_base *base = &b->bases[base_of(b, instrument)];
    int first = !p->reported && !p->traded;
    int64_t taken = time;
    comparison c = compare_at(b, instrument, quantity, time);
    if (!first && above_tolerance(b, instrument, c.drift)) {
        taken = best_time(b, instrument, quantity, time);
        c = compare_at(b, instrument, quantity, taken);
    }
    if (!first && above_tolerance(b, instrument, c.drift) &&
        would_end_a_hedge(b, instrument, c.drift) &&
        !(p->aside && !above_tolerance(b, instrument, n_sum(c.drift, -p->aside_rest)))) {
        p->aside = 1;
        p->aside_rest = c.drift;
        return;
    }
    double before = n_quantity(b, instrument), after = n_sum(quantity, c.later);
    explained_by_legs(b, instrument, c.extra, 1);
    double lost = take_out(b, instrument, c.rest, first ? 0 : c.drift);
    base->expected = n_sum(base->expected, -expected_of(b, instrument, c.rest));
    if (!first) { /* also where it brings nothing: prices have moved */
        p->unexplained = n_sum(p->unexplained, c.drift);
        p->lost = n_sum(p->lost, fabs(lost) > fabs(c.drift) ? c.drift : lost);
        explain(b, instrument, 0);
    }
    give_back(b, instrument);
    if (entry > 0 || after == 0) {
        p->entry = entry;
    } else if ((before != 0 && (before > 0) != (after > 0)) || p->entry <= 0) {
        p->entry = mark_of(b, instrument);
    }
    p->aside = 0;
    p->aside_rest = 0;
    p->reported = 1;
    p->report_time = time;
    p->heard = b->clock;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n_since; i++) {
        if (p->since[i].time > taken) {
            p->since[kept++] = p->since[i];
        }
    }
    p->n_since = kept;
}

int n_known(const n_book *b, uint32_t instrument) {
    const n_position *p = position_of(b, instrument);
    const n_exchange *e = &b->exchanges[b->instruments[instrument].exchange];
    int64_t age = b->config.risk.account_max_age_ms * MS;
    return !p->aside && !e->has_aside &&
           (age == 0 || (p->heard != PERP_TIME_NONE && b->clock - p->heard <= age &&
                         e->heard != PERP_TIME_NONE && b->clock - e->heard <= age));
}

void n_accept(n_book *b, uint32_t instrument) {
    n_position *p = position_of(b, instrument);
    double *naked = &b->bases[base_of(b, instrument)].naked;
    if (p->latched) {
        *naked = n_sum(*naked, p->lost);
    }
    p->unexplained = p->lost = 0;
    p->latched = 0;
    p->n_owed = 0;
}

void n_resolve(n_book *b, int base) {
    n_base *of = &b->bases[base];
    of->expected = n_sum(of->expected, -n_naked(b, base));
    of->naked = 0;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        n_position *p = position_of(b, i);
        if (base_of(b, i) == base && p->latched) {
            p->unexplained = p->lost = 0;
            p->latched = 0;
            p->n_owed = 0;
        }
    }
}

/* ---- what jobs make of them */

double n_left_to_reduce(const n_book *b, uint32_t instrument, uint32_t side, int but) {
    double quantity = n_quantity(b, instrument), left = fabs(quantity);
    if (quantity * side_sign(side) >= 0) {
        return 0;
    }
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(j) && b->active[i] != but && k < j->job.n_legs; k++) {
            if (j->job.legs[k].instrument == instrument && j->job.legs[k].side == side) {
                left = n_sum(left, -n_unseen(j, k));
            }
        }
    }
    return at_least_0(left);
}

static double unfilled(const n_book *b, const perp_job *job, int index, uint32_t leg) {
    double filled = index >= 0 ? b->jobs[index].legs[leg].filled : 0;
    return at_least_0(n_sum(job->legs[leg].quantity, -filled));
}

int n_is_reducing(const n_book *b, const perp_job *job, int index) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const perp_leg *leg = &job->legs[i];
        double left = n_left_to_reduce(b, leg->instrument, leg->side, index);
        for (uint32_t k = 0; k < i; k++) {
            if (job->legs[k].instrument == leg->instrument && job->legs[k].side == leg->side) {
                left = n_sum(left, -unfilled(b, job, index, k));
            }
        }
        if (left <= 0 || !n_at_most(unfilled(b, job, index, i), left)) {
            return 0;
        }
    }
    return 1;
}

int n_squares(const n_book *b, const perp_job *job, int index, int base) {
    double size = 0, naked = n_naked(b, base);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (base_of(b, job->legs[i].instrument) != base) {
            continue;
        }
        if (side_sign(job->legs[i].side) * naked > 0) {
            return 0;
        }
        size += unfilled(b, job, index, i);
    }
    return n_at_most(size, n_to_square(b, base));
}

/* The price of a base as a job sees it: the first of its legs with a quote, else its last fill. */
static double price_for(const n_book *b, const n_job *j, int base) {
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        const n_instrument *on = &b->instruments[j->job.legs[i].instrument];
        if (on->base == base && on->mid > 0) {
            return on->mid;
        }
    }
    return b->bases[base].price;
}

void n_look_unhedged(n_book *b, int job) {
    n_job *j = &b->jobs[job];
    double usd = 0, least = (double)b->config.scheduler.leg_risk_usd / 1e6;
    double share = b->config.scheduler.leg_risk_tolerance * (double)j->job.notional / 1e6;
    for (uint32_t base = 0; base < N_MAX_BASES; base++) {
        double naked = 0;
        for (uint32_t i = 0; i < j->job.n_legs; i++) {
            const perp_leg *leg = &j->job.legs[i];
            if (base_of(b, leg->instrument) == (int)base) {
                naked = n_sum(naked, side_sign(leg->side) * j->legs[i].filled);
            }
        }
        usd += naked == 0 ? 0 : fabs(naked) * price_for(b, j, (int)base);
    }
    int is = j->balanced && n_runs(j) && usd > (share > least ? share : least);
    if (is && !j->is_unhedged) {
        j->unhedged_since = b->clock;
    }
    j->is_unhedged = is;
}

/* Whether a running job of the base has been unhedged for too long. */
static int unhedged_long(const n_book *b, int base) {
    int64_t most = b->config.orders.max_unhedged_ms * 1000000;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; k < j->job.n_legs; k++) {
            if (base_of(b, j->job.legs[k].instrument) == base && n_runs(j) && j->is_unhedged &&
                most > 0 && b->clock - j->unhedged_since > most) {
                return 1;
            }
        }
    }
    return 0;
}

int n_stands_naked(const n_book *b, const perp_job *job, int index) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        int base = base_of(b, job->legs[i].instrument);
        if (unhedged_long(b, base) || (n_is_naked(b, base) && !n_squares(b, job, index, base))) {
            return 1;
        }
    }
    return 0;
}

int n_stands_in_drift(const n_book *b, const perp_job *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        for (uint32_t k = 0; k < b->n_instruments; k++) {
            if (base_of(b, k) == base_of(b, job->legs[i].instrument) &&
                position_of(b, k)->latched) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- how it goes on */

static int is_of(const n_book *b, int job, int base) {
    for (uint32_t i = 0; job >= 0 && i < b->jobs[job].job.n_legs; i++) {
        if (base_of(b, b->jobs[job].job.legs[i].instrument) == base) {
            return 1;
        }
    }
    return 0;
}

static void begin_to_be_naked(n_book *b, n_base *of, int ended_repair) {
    of->told = 1;
    if (ended_repair) {
        int64_t ms = b->config.scheduler.repair_backoff_ms;
        of->tries++;
        for (uint32_t k = 1; k < of->tries && ms < 60000; k++) {
            ms *= 2;
        }
        of->next_try = b->clock + (ms < 60000 ? ms : 60000) * MS;
    }
}

void n_stories(n_book *b, int partial, int repair) {
    int naked[N_MAX_BASES];
    (void)partial; /* it is among the partial jobs by now */
    for (int base = 0; base < N_MAX_BASES; base++) {
        naked[base] = n_is_naked(b, base);
        if (naked[base]) {
            begin_to_be_naked(b, &b->bases[base], is_of(b, repair, base));
            continue;
        }
        n_base *of = &b->bases[base];
        of->told = of->stopped = 0;
        of->tries = 0;
        of->next_try = 0;
    }
    for (int i = 0; i < b->n_active; i++) {
        n_job *j = &b->jobs[b->active[i]];
        int waits = 0;
        for (int base = 0; base < N_MAX_BASES; base++) {
            waits |= b->bases[base].told && is_of(b, b->active[i], base);
        }
        if (j->state == PERP_JOB_PARTIAL && !waits) {
            j->state = PERP_JOB_OPEN;
        }
    }
}

uint32_t n_lots_of(const n_book *b, int job) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        for (uint32_t k = 0; k < position_of(b, i)->n_lots; k++) {
            count += position_of(b, i)->lots[k].job == job;
        }
    }
    return count;
}

void n_settle(n_book *b) {
    uint32_t kept = 0;
    for (int i = 0; i < b->n_active; i++) {
        int job = b->active[i];
        if (b->jobs[job].state == PERP_JOB_OPEN && n_lots_of(b, job) == 0) {
            n_end(b, job, PERP_JOB_CLOSED);
            i--;
        }
    }
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        const n_reservation *r = &b->reservations[i];
        if (r->in_flight + r->used > 0 || (r->job >= 0 && n_runs(&b->jobs[r->job]))) {
            b->reservations[kept++] = *r;
        }
    }
    b->n_reservations = kept;
}
