/* What runs on top of positions: what jobs would make of them, self trade, reducing jobs. */
#include "risk/risk.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

static struct perp_position_entry *position_at(const perp_core *core,
                                               perp_instrument_id instrument) {
    return &core->positions->at[instrument];
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
    if (job->run->linked)
        return;
    job->run->linked = true;
    count_job(core, job, true);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_run_leg *leg = &job->run->legs[i];
        struct perp_position_entry *exposure = position_at(core, leg->instrument);
        leg->next = NULL;
        leg->previous = exposure->last;
        if (exposure->last)
            exposure->last->next = leg;
        else
            exposure->first = leg;
        exposure->last = leg;
        exposure->running[leg->side]++;
        perp_position_moved(core, leg->instrument);
    }
}

void perp_exposure_unlink(perp_core *core, struct perp_job_entry *job) {
    if (!job->run->linked)
        return;
    job->run->linked = false;
    count_job(core, job, false);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_run_leg *leg = &job->run->legs[i];
        struct perp_position_entry *exposure = position_at(core, leg->instrument);
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
        perp_position_moved(core, leg->instrument);
    }
}

void perp_position_of(const perp_core *core, perp_instrument_id instrument,
                      const struct perp_market_view *view, struct perp_open *open) {
    const struct perp_position_entry *entry = position_at(core, instrument);
    perp_exchange_id exchange = perp_instrument_at(core, instrument)->spec.exchange;
    bool reported = entry->reported && entry->report_quantity != 0;
    *open = (struct perp_open){.holding = {entry->quantity, entry->entry},
                               .margin_mode = core->exchanges[exchange].spec.margin_mode};
    if (entry->quantity != 0 && !(entry->entry > 0))
        open->holding.entry = view->mark; /* not known: the mark */
    if (reported) {
        open->reported = entry->report_quantity;
        open->leverage = entry->leverage;
        open->liquidation_price = entry->liquidation_price;
    }
    if (entry->reported && entry->margin_mode < PERP_MARGIN_COUNT)
        open->margin_mode = entry->margin_mode;
}

void perp_add_running(const perp_core *core, const struct perp_plan *plan,
                      const struct perp_job_entry *but, perp_instrument_id instrument,
                      struct perp_holding *holding) {
    for (const struct perp_run_leg *leg = position_at(core, instrument)->first; leg;
         leg = leg->next)
        if (leg->job != but)
            perp_holding_trade(holding, perp_signed(leg->side, perp_leg_unseen(&leg->row)),
                               leg->price);
    for (const struct perp_plan_leg *leg = perp_plan_first(plan, instrument); leg;
         leg = perp_plan_next(plan, leg))
        perp_holding_trade(holding, perp_signed(leg->side, leg->quantity), leg->price);
}

void perp_add_legs(const struct perp_eval *e, uint32_t n, perp_instrument_id instrument,
                   struct perp_holding *holding) {
    for (uint32_t i = 0; i < n; i++)
        if (e->job->legs[i].instrument == instrument)
            perp_holding_trade(holding,
                               perp_signed(e->job->legs[i].side, perp_leg_wants(e->job, i)),
                               e->legs[i].price);
}

/* Where a tick has chosen legs on the exchange, each of its instruments is looked at. */
static perp_instrument_id open_from(const struct perp_touched *touched, perp_instrument_id id) {
    const perp_core *core = touched->core;
    while (id != PERP_NO_ID && !(position_at(core, id)->is_open ||
                                 (perp_plan_first(touched->plan, id) &&
                                  perp_instrument_at(core, id)->spec.kind != PERP_KIND_SPOT)))
        id = perp_instrument_at(core, id)->next_on_exchange;
    return id;
}

/* The first instrument of a leg from this one on. */
static perp_instrument_id leg_from(const struct perp_touched *touched, perp_instrument_id id) {
    perp_instrument_id first = PERP_NO_ID;
    for (uint32_t i = 0; i < touched->n_legs; i++) {
        const struct perp_job_leg *leg = &touched->job->legs[i];
        if (leg->exchange == touched->exchange && leg->instrument >= id &&
            leg->instrument < first &&
            perp_instrument_at(touched->core, leg->instrument)->spec.kind != PERP_KIND_SPOT)
            first = leg->instrument;
    }
    return first;
}

void perp_touched_begin(struct perp_touched *touched, const perp_core *core,
                        const struct perp_plan *plan, const struct perp_job_entry *job,
                        uint32_t n_legs, perp_exchange_id exchange) {
    const struct perp_plan_exchange *chosen = perp_plan_at(plan, exchange);
    touched->core = core;
    touched->plan = chosen && chosen->jobs > 0 ? plan : NULL;
    touched->job = job;
    touched->n_legs = n_legs;
    touched->exchange = exchange;
    touched->leg = leg_from(touched, 0);
    touched->open = touched->plan
                        ? open_from(touched, core->exchanges[exchange].first_instrument_1 - 1)
                        : core->positions->first_open_1[exchange] - 1;
}

perp_instrument_id perp_touched_next(struct perp_touched *touched) {
    perp_instrument_id next = touched->open < touched->leg ? touched->open : touched->leg;
    if (next == PERP_NO_ID)
        return next;
    if (next == touched->leg)
        touched->leg = leg_from(touched, next + 1);
    if (next == touched->open)
        touched->open =
            touched->plan
                ? open_from(touched, perp_instrument_at(touched->core, next)->next_on_exchange)
                : position_at(touched->core, next)->next_open_1 - 1;
    return next;
}

void perp_base_sums(const perp_core *core, const struct perp_plan *plan,
                    const struct perp_job_entry *job, uint32_t base, struct perp_base_sums *sums) {
    struct perp_tally net = {0, 0}, net_after = {0, 0};
    *sums = (struct perp_base_sums){0, 0, 0, 0};
    for
        PERP_EACH_OF_BASE(core, id, base) {
            struct perp_holding holding = {position_at(core, id)->quantity, 1};
            perp_add_running(core, plan, job, id, &holding);
            perp_tally_add(&net, holding.quantity);
            sums->gross += fabs(holding.quantity);
            for (uint32_t i = 0; i < job->n_legs; i++)
                if (job->legs[i].instrument == id)
                    perp_holding_trade(&holding,
                                       perp_signed(job->legs[i].side, perp_leg_wants(job, i)), 1);
            perp_tally_add(&net_after, holding.quantity);
            sums->gross_after += fabs(holding.quantity);
        }
    sums->net = perp_tally_of(&net);
    sums->net_after = perp_tally_of(&net_after);
}

bool perp_running_side(const perp_core *core, const struct perp_plan *plan,
                       perp_instrument_id instrument, uint32_t side) {
    const struct perp_position_entry *entry = position_at(core, instrument);
    if (perp_plan_legs(plan, instrument, side))
        return true;
    for (const struct perp_run_leg *leg = entry->running[side] ? entry->first : NULL; leg;
         leg = leg->next)
        if (leg->side == side && perp_leg_unseen(&leg->row) > 0)
            return true;
    return false;
}

double perp_left_beside(const perp_core *core, const struct perp_plan *plan,
                        perp_instrument_id instrument, uint32_t side,
                        const struct perp_job_entry *but) {
    const struct perp_position_entry *entry = position_at(core, instrument);
    struct perp_tally left = {0, 0};
    if (entry->quantity == 0 || (entry->quantity > 0) == (side == PERP_SIDE_BUY))
        return 0;
    perp_tally_add(&left, fabs(entry->quantity));
    for (const struct perp_run_leg *other = entry->first; other; other = other->next)
        if (other->side == side && other->job != but)
            perp_tally_add(&left, -perp_leg_unseen(&other->row));
    for (const struct perp_plan_leg *other = perp_plan_first(plan, instrument); other;
         other = perp_plan_next(plan, other))
        if (other->side == side)
            perp_tally_add(&left, -other->quantity);
    return perp_max(0, perp_tally_of(&left));
}

double perp_left_to_reduce(const perp_core *core, perp_instrument_id instrument, uint32_t side) {
    return perp_left_beside(core, NULL, instrument, side, NULL);
}

bool perp_leg_would_reduce(const perp_core *core, const struct perp_plan *plan,
                           perp_instrument_id instrument, uint32_t side, double quantity) {
    double left = perp_left_beside(core, plan, instrument, side, NULL);
    return left > 0 && perp_at_most(quantity, left);
}

/* What is left of a position for a leg of a job, after its legs before it. */
static double left_for_leg(const perp_core *core, const struct perp_plan *plan,
                           const struct perp_job_entry *job, uint32_t n) {
    const struct perp_job_leg *leg = &job->legs[n];
    double left = perp_left_beside(core, plan, leg->instrument, leg->side, job);
    for (uint32_t i = 0; i < n; i++)
        if (job->legs[i].instrument == leg->instrument && job->legs[i].side == leg->side)
            left = perp_quantity_sum(left, -perp_leg_wants(job, i));
    return left;
}

bool perp_job_leg_reduces(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job, uint32_t n) {
    double left = left_for_leg(core, plan, job, n);
    return left > 0 && perp_at_most(perp_leg_wants(job, n), left);
}

perp_status perp_job_check_minima(const perp_core *core, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        double left = left_for_leg(core, NULL, job, i);
        bool reduces = left > 0 && perp_at_most(leg->quantity, left);
        if (reduces && perp_at_most(left, leg->quantity))
            continue; /* what is left can always be closed */
        perp_status status = perp_leg_check_minima(core, leg, i, reduces);
        if (status != PERP_OK)
            return status;
    }
    return PERP_OK;
}

bool perp_job_is_reducing(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!perp_job_leg_reduces(core, plan, job, i))
            return false;
    return true;
}

/* What the plan, and the job, make of it. */
static double with_job(const struct perp_plan *plan, const struct perp_job_entry *job,
                       perp_instrument_id id, double quantity) {
    for (const struct perp_plan_leg *leg = perp_plan_first(plan, id); leg;
         leg = perp_plan_next(plan, leg))
        quantity = perp_quantity_sum(quantity, perp_signed(leg->side, leg->quantity));
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->legs[i].instrument == id)
            quantity =
                perp_quantity_sum(quantity, perp_signed(job->legs[i].side, perp_leg_wants(job, i)));
    return quantity;
}

/* The sum in the long way: each position that is open or of a leg, one after the other. */
static double size_made(const struct perp_eval *e, perp_exchange_id exchange) {
    struct perp_touched touched;
    perp_exact sum = 0, share;
    perp_touched_begin(&touched, e->core, e->plan, e->job, e->job->n_legs, exchange);
    for (perp_instrument_id id; (id = perp_touched_next(&touched)) != PERP_NO_ID;) {
        const struct perp_position_entry *entry = position_at(e->core, id);
        double mark;
        perp_market_marks(e->core->market, &id, 1, e->now, &mark);
        double quantity =
            with_job(touched.plan, e->job, id, perp_position_with_running(entry, e->job));
        if (!perp_size_share(quantity, mark, entry->entry, &share))
            return (double)NAN;
        sum += share;
    }
    return perp_size_of(sum);
}

static bool has_leg_before(const struct perp_job_entry *job, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (job->legs[i].instrument == job->legs[n].instrument)
            return true;
    return false;
}

/* What is kept of the exchange, and what the job's legs change in it. */
static double size_kept(const struct perp_eval *e, perp_exchange_id exchange) {
    const struct perp_facts *facts = &e->risk->facts;
    perp_exact sum = facts->exchanges[exchange].size, share;
    uint32_t n_unpriced = facts->exchanges[exchange].n_unpriced;
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        const struct perp_job_leg *leg = &e->job->legs[i];
        const struct perp_kept_fact *kept = &facts->at[leg->instrument];
        if (leg->exchange != exchange || has_leg_before(e->job, i) ||
            perp_instrument_at(e->core, leg->instrument)->spec.kind == PERP_KIND_SPOT)
            continue;
        struct perp_position_entry *entry = position_at(e->core, leg->instrument);
        double quantity = with_job(NULL, e->job, leg->instrument, perp_with_running(entry));
        n_unpriced -= kept->unpriced;
        n_unpriced +=
            !perp_size_share(quantity, e->facts[i]->market.view.mark, entry->entry, &share);
        sum += share - kept->share;
    }
    return n_unpriced ? (double)NAN : perp_size_of(sum);
}

double perp_account_size(const struct perp_eval *e, perp_exchange_id exchange) {
    return e->made ? size_made(e, exchange) : size_kept(e, exchange);
}

bool perp_job_squares(const perp_core *core, const struct perp_plan *plan,
                      const struct perp_job_entry *job, uint32_t base) {
    double size = 0, naked = perp_base_naked(core, NULL, base);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        if (leg->base != base)
            continue;
        if ((leg->side == PERP_SIDE_BUY) == (naked > 0))
            return false;
        size += perp_leg_wants(job, i);
    }
    return perp_at_most(size, perp_base_to_square(core, plan, base));
}

bool perp_job_self_trades(const struct perp_job_entry *job, const perp_core *core) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        for (uint32_t j = i + 1; j < job->n_legs; j++)
            if (job->legs[i].side != job->legs[j].side &&
                perp_same_book(core, job->legs[i].instrument, job->legs[j].instrument))
                return true;
    return false;
}

bool perp_leg_meets_running(const perp_core *core, const struct perp_plan *plan,
                            perp_instrument_id instrument, uint32_t side) {
    uint32_t opposite = side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    perp_instrument_id other = instrument;
    do {
        if (perp_running_side(core, plan, other, opposite) &&
            perp_same_book(core, instrument, other))
            return true;
        other = perp_instrument_at(core, other)->next_same_book;
    } while (other != instrument);
    return false;
}

bool perp_job_meets_running(const struct perp_job_entry *job, const perp_core *core,
                            const struct perp_plan *plan) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (perp_leg_meets_running(core, plan, job->legs[i].instrument, job->legs[i].side))
            return true;
    return false;
}

bool perp_job_needs(const perp_core *core, const struct perp_job_entry *job,
                    struct perp_need *needs, uint32_t *n) {
    uint32_t pool = perp_job_pool(core, job);
    *n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!perp_need_add(needs, n, job->legs[i].exchange, pool, job->legs[i].notional))
            return false;
    return true;
}
