/* The numbers behind a decision: prices, cost, carry, per leg and for the job. */
#include "risk/risk.h"

#include <math.h>

#include "market/funding.h"
#include "util/num.h"

#define BPS 1e4
#define NS_PER_H (3600.0 * 1e9)

#define MOST_INCOME 3 /* settlements: later rates are not known */

static double sign_of(uint32_t side) {
    return side == PERP_SIDE_BUY ? 1 : -1;
}

static double weight_of(const struct perp_job_entry *job, uint32_t n) {
    return (double)job->legs[n].notional / (double)job->notional;
}

double perp_price_unquoted(const struct perp_fact *fact) {
    if (fact->market.view.last_mark > 0)
        return fact->market.view.last_mark;
    if (fact->market.view.last > 0)
        return fact->market.view.last;
    return fact->open.holding.quantity != 0 ? fact->open.holding.entry : 0;
}

/* ---- Facts --------------------------------------------------------------------------------------
 */

/* Those that are kept know nothing of what a plan chose, nor that the job itself runs. */
static bool has_own_facts(const struct perp_eval *e) {
    return e->afresh || e->job->run->linked || (e->plan && e->plan->n_jobs > 0);
}

static void take_leg(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    const struct perp_instrument_entry *entry = perp_instrument_at(e->core, leg->instrument);
    struct perp_leg_measure *measure = &e->legs[n];
    measure->spec = &entry->spec;
    measure->fee_bps = entry->fee_bps[leg->maker ? 1 : 0];
    measure->sign = sign_of(leg->side);
    measure->unfilled = perp_leg_wants(e->job, n);
}

static void take_fact(struct perp_eval *e, uint32_t n) {
    perp_instrument_id instrument = e->job->legs[n].instrument;
    if (e->made) {
        perp_fact_make(e->core, e->plan, e->job, instrument, e->now, &e->own[n]);
        e->facts[n] = &e->own[n];
    } else {
        e->facts[n] = perp_fact_of((perp_core *)(uintptr_t)e->core, instrument, e->now);
    }
}

static void take_fact_again(struct perp_eval *e, uint32_t n) {
    if (e->made)
        take_fact(e, n);
    else
        e->facts[n] =
            perp_fact_again((perp_core *)(uintptr_t)e->core, e->job->legs[n].instrument, e->now);
}

/* The executable price: of the first level where that is enough. Beyond it the book is walked as it
   is now, and where a feed has overtaken the fact, that is made anew. */
static void take_price(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    for (;;) {
        const struct perp_market_whole *market = &e->facts[n]->market;
        const struct perp_market_side *side = &market->sides[leg->side];
        measure->market = &market->view;
        measure->price = side->price;
        measure->depth = side->depth;
        if (!market->is_book || leg->quantity <= side->size)
            return;
        if (perp_market_walk(e->core->market, leg->instrument, market, leg->side, leg->quantity,
                             &measure->price))
            break;
        take_fact_again(e, n);
    }
    if (e->stands)
        perp_fact_is_deep((perp_core *)(uintptr_t)e->core, leg->instrument);
}

double perp_slippage_bps(uint32_t side, double price, double mid) {
    return perp_max(0, sign_of(side) * (price - mid) / mid * BPS);
}

static void measure_price(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_market_view *market = measure->market;
    measure->slippage_bps = 0;
    if (!market->has_quote) {
        measure->price = perp_price_unquoted(e->facts[n]);
        return;
    }
    if (leg->maker) {
        measure->price = leg->side == PERP_SIDE_BUY ? market->bid : market->ask;
        return;
    }
    measure->slippage_bps = measure->price == e->facts[n]->market.sides[leg->side].price
                                ? e->facts[n]->slippage_bps[leg->side]
                                : perp_slippage_bps(leg->side, measure->price, market->mid);
    e->max_slippage = perp_max(e->max_slippage, measure->slippage_bps);
}

/* The distance to the nearest settlement, before or after. */
static int64_t nearest_settlement(const struct perp_market_view *market, int64_t now) {
    int64_t before, after;
    if (market->funding.continuous)
        return PERP_TIME_NONE;
    perp_settlement_distances(&market->funding, market->funding_interval_ns, now, &before, &after);
    return after < before ? after : before;
}

/* A settlement that comes, or that the holding time reaches, counts. */
static void hold_until_settlement(struct perp_eval *e, const struct perp_market_view *market) {
    int64_t held = e->until - e->now, next, reached;
    if (held <= 0 || market->funding.continuous)
        return;
    next = perp_settlement_after(market->funding.next_ns, market->funding_interval_ns, e->now);
    reached = perp_settlement_after(market->funding.next_ns, market->funding_interval_ns, e->until);
    if (next != PERP_TIME_NONE && next - 1 < e->holds)
        e->holds = next - 1;
    if (reached != PERP_TIME_NONE && reached - held - 1 < e->holds)
        e->holds = reached - held - 1;
}

/* How many settlements within the holding time count; of income only the first ones. */
static double settlements_of(const struct perp_eval *e, const struct perp_market_view *market,
                             bool income) {
    if (e->now == PERP_TIME_NONE || e->until == e->now)
        return 0;
    double n =
        perp_settlements_between(&market->funding, market->funding_interval_ns, e->now, e->until);
    return income ? perp_min(n, MOST_INCOME) : n;
}

static void measure_funding(struct perp_eval *e, uint32_t n) {
    struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_market_view *market = measure->market;
    uint32_t kind = measure->spec->kind;
    measure->settlement_distance = PERP_TIME_NONE;
    measure->settlements = 0;
    e->has_perp = e->has_perp || kind == PERP_KIND_PERP;
    bool known = market->has_funding && !market->rate_is_old;
    if (kind == PERP_KIND_PERP && !known)
        e->rate_unknown = true;
    if (!known || kind == PERP_KIND_SPOT)
        return;
    double paid = measure->sign * e->weights[n] * market->funding.rate * BPS;
    measure->settlements = settlements_of(e, market, paid < 0);
    hold_until_settlement(e, market);
    e->funding_bps += paid * measure->settlements;
    e->carry_bps += paid * e->facts[n]->rates_in_8h;
    if (e->explains) /* else the fact says what it comes to */
        measure->settlement_distance = nearest_settlement(market, e->now);
}

static void measure_latency(struct perp_eval *e, uint32_t n) {
    struct perp_leg_measure *measure = &e->legs[n];
    perp_exchange_id exchange = e->job->legs[n].exchange;
    measure->latency = &e->own_latency[n];
    if (e->made)
        perp_market_latency(e->core->market, exchange, e->now, false, &e->own_latency[n]);
    else
        measure->latency = perp_facts_latency(e->core, exchange, e->now, &e->own_latency[n]);
    if (measure->latency->samples == 0)
        e->latency_unknown = true;
    else
        e->max_latency = perp_max(e->max_latency, measure->latency->mean);
}

static void measure_volatility(struct perp_eval *e, uint32_t n) {
    double volatility = e->legs[n].market->volatility;
    if (isnan(volatility))
        e->volatility_unknown = true;
    else
        e->max_volatility = perp_max(e->max_volatility, volatility);
}

bool perp_job_basis(const struct perp_job_entry *job, const double mids[PERP_MAX_LEGS],
                    double *basis_bps) {
    if (job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return false;
    double mean = 0, apart = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (job->legs[i].base != job->legs[0].base)
            return false;
        mean += mids[i] / job->n_legs;
        apart += sign_of(job->legs[i].side) * weight_of(job, i) * mids[i];
    }
    *basis_bps = -apart / mean * BPS;
    return isfinite(*basis_bps);
}

void perp_job_note_basis(const perp_core *core, struct perp_job_entry *job, int64_t now) {
    double mids[PERP_MAX_LEGS];
    (void)now; /* a mid has no age */
    job->has_basis = false;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        if (!perp_market_mid(core->market, job->legs[i].instrument, &mids[i]))
            return;
    }
    job->has_basis = perp_job_basis(job, mids, &job->basis_bps);
    if (!job->has_basis)
        job->basis_bps = 0;
}

/* An edge that went while the job waited is not traded on. */
static double edge_of_now(const struct perp_eval *e) {
    double mids[PERP_MAX_LEGS], basis;
    if (!e->job->has_basis || e->missing)
        return e->job->edge_bps;
    for (uint32_t i = 0; i < e->job->n_legs; i++)
        mids[i] = e->legs[i].market->mid;
    if (!perp_job_basis(e->job, mids, &basis))
        return e->job->edge_bps;
    return e->job->edge_bps - perp_max(0, e->job->basis_bps - basis);
}

/* What is left of the position for a leg, after the job's legs before it. */
static double left_for(const struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    double left = e->facts[n]->left[leg->side];
    for (uint32_t i = 0; i < n; i++)
        if (e->job->legs[i].instrument == leg->instrument && e->job->legs[i].side == leg->side)
            left = perp_quantity_sum(left, -perp_leg_wants(e->job, i));
    return left;
}

/* The position before and after a leg, also where no market data is there. */
static void measure_position(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    struct perp_holding holding = e->facts[n]->running;
    double unfilled = measure->unfilled;
    perp_add_legs(e, n, leg->instrument, &holding);
    measure->position_before = holding.quantity;
    perp_holding_trade(&holding, perp_signed(leg->side, unfilled), measure->price);
    measure->position = holding.quantity;
    measure->entry = holding.entry;
    measure->left = left_for(e, n);
    measure->reduces = measure->left > 0 && perp_at_most(unfilled, measure->left);
    e->reducing = e->reducing && measure->reduces;
}

/* Whether all that the job's legs on an exchange can add to the account's size fits by far. */
static bool has_room(const struct perp_eval *e, perp_exchange_id exchange) {
    double adds = 0;
    for (uint32_t i = 0; i < e->job->n_legs; i++)
        if (e->job->legs[i].exchange == exchange) {
            double mark = e->legs[i].market->mark;
            adds += mark > 0 ? e->legs[i].unfilled * mark : INFINITY;
        }
    return perp_facts_have_room((perp_core *)(uintptr_t)e->core, exchange, adds);
}

/* The size of a leg's account; of its exchange, so that it is worked out once for each. */
static void measure_account(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    measure->account_size = 0;
    if (!e->explains && has_room(e, leg->exchange))
        return; /* it passes, however much it is */
    if (measure->spec->kind == PERP_KIND_SPOT)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (e->job->legs[i].exchange == leg->exchange && e->legs[i].account_size != 0) {
            measure->account_size = e->legs[i].account_size;
            return;
        }
    measure->account_size = perp_account_size(e, leg->exchange);
}

/* Also a brief one's values are looked at where the way out asks by how much a rule fails, or rules
   of the host see all that was found. */
static bool wants_values(const struct perp_eval *e) {
    return !e->brief || e->made || e->reducing || e->risk->n_host || e->job->is_repair ||
           e->job->is_flatten;
}

static void price_leg(struct perp_eval *e, uint32_t n) {
    take_leg(e, n);
    take_fact(e, n);
    take_price(e, n);
    measure_price(e, n);
}

void perp_eval_prices(struct perp_eval *e, const struct perp_job_entry *job, double *prices) {
    e->job = job;
    e->made = false;
    e->max_slippage = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        price_leg(e, i);
        prices[i] = e->legs[i].price;
    }
}

static void measure_nothing(struct perp_eval *e) {
    e->holds = INT64_MAX;
    e->missing = e->has_perp = e->rate_unknown = false;
    e->volatility_unknown = e->latency_unknown = false;
    e->cost_bps = e->carry_bps = e->funding_bps = 0;
    e->max_slippage = e->max_volatility = e->max_latency = 0;
    e->min_distance = 1;
}

void perp_eval_measure_route(struct perp_eval *e) {
    measure_nothing(e);
    e->made = e->explains = false;
    e->until = perp_ns_after(e->now, (int64_t)llround(e->job->holding_hours * NS_PER_H));
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        struct perp_leg_measure *measure = &e->legs[i];
        take_leg(e, i);
        take_fact(e, i);
        const struct perp_market_side *side = &e->facts[i]->market.sides[e->job->legs[i].side];
        measure->market = &e->facts[i]->market.view;
        measure->price = side->price;
        measure->depth = side->depth;
        e->weights[i] = 1; /* any share has its sign */
        measure_price(e, i);
        measure_latency(e, i);
        measure_funding(e, i);
        measure_volatility(e, i);
    }
}

void perp_eval_measure(struct perp_eval *e) {
    const struct perp_job_entry *job = e->job;
    measure_nothing(e);
    e->made = has_own_facts(e);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        price_leg(e, i);
        if (!e->legs[i].market->has_quote)
            e->missing = true;
        measure_latency(e, i);
    }
    e->reducing = true;
    for (uint32_t i = 0; i < job->n_legs; i++)
        measure_position(e, i);
    e->explains = wants_values(e);
    e->edge_bps = edge_of_now(e);
    if (e->missing)
        return;
    e->until = perp_ns_after(e->now, (int64_t)llround(job->holding_hours * NS_PER_H));
    /* What is held must be left again. */
    double trips = job->holding_hours > 0 ? 2 : 1;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_leg_measure *measure = &e->legs[i];
        e->weights[i] = weight_of(job, i);
        measure_funding(e, i);
        measure_volatility(e, i);
        measure_account(e, i);
        e->cost_bps += e->weights[i] * (measure->slippage_bps + measure->fee_bps) * trips;
    }
    e->cost_bps += e->funding_bps;
    perp_eval_liquidation(e);
}
