/* What runs and what was filled, by instrument: positions, self trade, reducing jobs. */
#include "risk/risk.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

/* Fills without a position report are merged beyond this, oldest first, so that a host that never
   reports does not grow without end. */
#define MAX_FILLS 1024

static struct perp_exposure *exposure_at(const perp_core *core, perp_instrument_id instrument) {
    return &core->risk->exposures[instrument];
}

static void count_job(perp_core *core, const struct perp_job_entry *job, bool on) {
    perp_risk *risk = core->risk;
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n;
    if (!perp_job_needs(core, job, needs, &n))
        return; /* checked at submit: notionals that overflow were refused */
    for (uint32_t i = 0; i < n; i++) {
        risk->running_jobs[needs[i].exchange] += on ? 1u : UINT32_MAX;
        risk->running_notional[needs[i].exchange] += on ? needs[i].amount : -needs[i].amount;
        PERP_HOLDS(core,
                   risk->running_jobs[needs[i].exchange] != (on ? 0 : UINT32_MAX) &&
                       risk->running_notional[needs[i].exchange] >= 0,
                   "running: jobs or notional of an exchange are below 0");
    }
}

void perp_exposure_link(perp_core *core, struct perp_job_entry *job) {
    if (job->linked)
        return;
    job->linked = true;
    count_job(core, job, true);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_job_leg *leg = &job->legs[i];
        struct perp_exposure *exposure = exposure_at(core, leg->instrument);
        leg->job = job;
        leg->next = NULL;
        leg->previous = exposure->last;
        if (exposure->last)
            exposure->last->next = leg;
        else
            exposure->first = leg;
        exposure->last = leg;
        exposure->running[leg->side]++;
    }
}

void perp_exposure_unlink(perp_core *core, struct perp_job_entry *job) {
    if (!job->linked)
        return;
    job->linked = false;
    count_job(core, job, false);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_job_leg *leg = &job->legs[i];
        struct perp_exposure *exposure = exposure_at(core, leg->instrument);
        if (leg->previous)
            leg->previous->next = leg->next;
        else
            exposure->first = leg->next;
        if (leg->next)
            leg->next->previous = leg->previous;
        else
            exposure->last = leg->previous;
        PERP_HOLDS(core, exposure->running[leg->side] > 0,
                   "running: legs of an instrument are below 0");
        exposure->running[leg->side]--;
    }
}

bool perp_exposure_prepare_fill(perp_core *core, perp_instrument_id instrument) {
    struct perp_exposure *exposure = exposure_at(core, instrument);
    void *fills = exposure->fills;
    bool done = perp_grow(core, &fills, &exposure->fills_capacity,
                          exposure->n_fills + PERP_MAX_LEGS + 1, sizeof *exposure->fills);
    exposure->fills = fills;
    return done;
}

static void trade(struct perp_holding *holding, double quantity, double price) {
    if (quantity == 0)
        return;
    double before = holding->quantity;
    double after = before + quantity;
    if (before == 0 || (before > 0) == (quantity > 0))
        holding->entry = (fabs(before) * holding->entry + fabs(quantity) * price) / fabs(after);
    else if (after != 0 && (after > 0) != (before > 0))
        holding->entry = price;
    holding->quantity = after;
}

void perp_exposure_fill(perp_core *core, perp_instrument_id instrument, int64_t time_ns,
                        double quantity, double price) {
    struct perp_exposure *exposure = exposure_at(core, instrument);
    struct perp_market_view view;
    perp_market_read(core->market, instrument, perp_clock(core), &view);
    int64_t covered = view.has_position ? view.position.time_ns : PERP_TIME_NONE;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < exposure->n_fills; i++)
        if (!view.has_position || exposure->fills[i].time_ns > covered)
            exposure->fills[kept++] = exposure->fills[i];
    exposure->n_fills = kept;
    if (quantity == 0 || (view.has_position && time_ns <= covered))
        return;
    if (exposure->n_fills >= MAX_FILLS) {
        struct perp_fill *a = &exposure->fills[0], *b = &exposure->fills[1];
        struct perp_holding both = {a->quantity, a->price};
        trade(&both, b->quantity, b->price);
        b->quantity = both.quantity;
        b->price = both.entry;
        b->time_ns = a->time_ns > b->time_ns ? a->time_ns : b->time_ns;
        uint32_t gone = both.quantity == 0 ? 2 : 1;
        exposure->n_fills -= gone;
        memmove(a, a + gone, exposure->n_fills * sizeof *a);
    }
    exposure->fills[exposure->n_fills++] = (struct perp_fill){time_ns, quantity, price};
}

static double signed_quantity(uint32_t side, double quantity) {
    return side == PERP_SIDE_BUY ? quantity : -quantity;
}

/* Whether a fill is not yet in the report. */
static bool counts(const struct perp_market_view *view, const struct perp_fill *fill) {
    return !view->has_position || fill->time_ns > view->position.time_ns;
}

static double net_of(const perp_core *core, const struct perp_plan *plan,
                     perp_instrument_id instrument, int64_t now) {
    struct perp_market_view view;
    perp_market_read(core->market, instrument, now, &view);
    const struct perp_exposure *exposure = exposure_at(core, instrument);
    double net = view.has_position ? view.position.quantity : 0;
    for (uint32_t i = 0; i < exposure->n_fills; i++)
        if (counts(&view, &exposure->fills[i]))
            net += exposure->fills[i].quantity;
    for (const struct perp_job_leg *leg = exposure->first; leg; leg = leg->next)
        net += signed_quantity(leg->side, leg->quantity);
    for (const struct perp_plan_leg *leg = perp_plan_first(plan, instrument); leg;
         leg = perp_plan_next(plan, leg))
        net += signed_quantity(leg->side, leg->quantity);
    return net;
}

double perp_base_net(const perp_core *core, const struct perp_plan *plan, uint32_t base,
                     int64_t now) {
    double net = 0;
    for (uint32_t i = 0; i < perp_n_instruments(core); i++)
        if (perp_instrument_at(core, i)->base == base)
            net += net_of(core, plan, i, now);
    return net;
}

/* What is left of the reported position for legs of this side, and how large the leg may be. */
static bool leg_reduces(const perp_core *core, const struct perp_plan *plan,
                        const struct perp_job_entry *job, uint32_t n,
                        const struct perp_market_view *view) {
    const struct perp_job_leg *leg = &job->legs[n];
    double reported = view->has_position ? view->position.quantity : 0;
    if (reported == 0 || (reported > 0) == (leg->side == PERP_SIDE_BUY))
        return false;
    double left = fabs(reported);
    const struct perp_exposure *exposure = exposure_at(core, leg->instrument);
    for (uint32_t i = 0; i < exposure->n_fills; i++) {
        const struct perp_fill *fill = &exposure->fills[i];
        if (counts(view, fill) && (fill->quantity > 0) == (leg->side == PERP_SIDE_BUY))
            left -= fabs(fill->quantity);
    }
    for (const struct perp_job_leg *other = exposure->first; other; other = other->next)
        if (other->side == leg->side && other->job != job)
            left -= other->quantity;
    for (const struct perp_plan_leg *other = perp_plan_first(plan, leg->instrument); other;
         other = perp_plan_next(plan, other))
        if (other->side == leg->side)
            left -= other->quantity;
    for (uint32_t i = 0; i < n; i++)
        if (job->legs[i].instrument == leg->instrument && job->legs[i].side == leg->side)
            left -= job->legs[i].quantity;
    return leg->quantity <= left;
}

bool perp_job_is_reducing(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job, int64_t now) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_market_view view;
        perp_market_read(core->market, job->legs[i].instrument, now, &view);
        if (!leg_reduces(core, plan, job, i, &view))
            return false;
    }
    return true;
}

bool perp_eval_is_reducing(const struct perp_eval *e) {
    for (uint32_t i = 0; i < e->job->n_legs; i++)
        if (!leg_reduces(e->core, e->plan, e->job, i, &e->legs[i].market))
            return false;
    return true;
}

bool perp_job_self_trades(const struct perp_job_entry *job, const perp_core *core) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        for (uint32_t j = i + 1; j < job->n_legs; j++)
            if (job->legs[i].side != job->legs[j].side &&
                perp_same_book(core, job->legs[i].instrument, job->legs[j].instrument))
                return true;
    return false;
}

bool perp_job_meets_running(const struct perp_job_entry *job, const perp_core *core,
                            const struct perp_plan *plan) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        uint32_t opposite = leg->side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        perp_instrument_id other = leg->instrument;
        do {
            if ((exposure_at(core, other)->running[opposite] ||
                 perp_plan_legs(plan, other, opposite)) &&
                perp_same_book(core, leg->instrument, other))
                return true;
            other = perp_instrument_at(core, other)->next_same_book;
        } while (other != leg->instrument);
    }
    return false;
}

bool perp_job_needs(const perp_core *core, const struct perp_job_entry *job,
                    struct perp_need *needs, uint32_t *n) {
    uint32_t pool = perp_pool_of(core, job->strategy);
    *n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!perp_need_add(needs, n, job->legs[i].exchange, pool, job->legs[i].notional))
            return false;
    return true;
}

bool perp_repair_need(const perp_core *core, const struct perp_job_entry *repair,
                      struct perp_need *need) {
    const struct perp_job_entry *first = perp_job_find(core, &repair->parent);
    const struct perp_job_leg *leg = &repair->legs[0];
    perp_usd lacks = leg->notional;
    for (const struct perp_held *held = first ? first->held : NULL; held; held = held->next_of_job)
        if (held->exchange == leg->exchange)
            lacks -= held->in_flight + held->used;
    *need = (struct perp_need){leg->exchange, PERP_POOL_RESERVE, lacks};
    return lacks > 0;
}

bool perp_job_balanced(const struct perp_job_entry *job, double tolerance, uint32_t *odd_base) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        uint32_t base = job->legs[i].base;
        double sums[PERP_SIDE_COUNT] = {0, 0};
        for (uint32_t j = 0; j < job->n_legs; j++)
            if (job->legs[j].base == base)
                sums[job->legs[j].side] += job->legs[j].quantity;
        double larger = perp_max(sums[0], sums[1]);
        if (fabs(sums[0] - sums[1]) > tolerance * larger) {
            *odd_base = base;
            return false;
        }
    }
    return true;
}

struct perp_holding perp_position_after(const struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    const struct perp_market_view *view = &e->legs[n].market;
    const struct perp_exposure *exposure = exposure_at(e->core, leg->instrument);
    struct perp_holding holding = {0, 0};
    if (view->has_position && view->position.quantity != 0)
        holding = (struct perp_holding){view->position.quantity, view->position.entry_price};
    for (uint32_t i = 0; i < exposure->n_fills; i++)
        if (counts(view, &exposure->fills[i]))
            trade(&holding, exposure->fills[i].quantity, exposure->fills[i].price);
    for (const struct perp_job_leg *other = exposure->first; other; other = other->next)
        if (other->job != e->job)
            trade(&holding, signed_quantity(other->side, other->quantity), other->price);
    for (const struct perp_plan_leg *other = perp_plan_first(e->plan, leg->instrument); other;
         other = perp_plan_next(e->plan, other))
        trade(&holding, signed_quantity(other->side, other->quantity), other->price);
    for (uint32_t i = 0; i <= n; i++)
        if (e->job->legs[i].instrument == leg->instrument)
            trade(&holding, signed_quantity(e->job->legs[i].side, e->job->legs[i].quantity),
                  e->legs[i].price);
    return holding;
}
