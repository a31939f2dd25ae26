/* What the rules of each scope are shown of a job that is evaluated. */
#include "risk/rules.h"

/* Whether the ledger refuses; its refusal is part of the explanation. */
static bool capital_refuses(struct perp_eval *e) {
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n;
    if (e->reducing || e->plan)
        return false; /* it needs nothing, or is looked at later */
    if (!perp_job_needs(e->core, e->job, needs, &n))
        return true;
    for (uint32_t i = 0; i < n; i++)
        if (e->job->is_repair
                ? !perp_capital_has(e->core->capital, e->plan, &needs[i], &e->capital)
                : !perp_capital_passes(e->core->capital, e->plan, &needs[i], &e->capital))
            return true;
    return false;
}

/* Whether a base is naked, and the job does not square it, or a job that runs is unhedged there;
 * how many of its instruments drift. */
static void scopes_of_base(const struct perp_eval *e, uint32_t base,
                           struct perp_scope_base *scope) {
    const perp_core *core = e->core;
    scope->naked = perp_base_unhedged(core, e->plan, base, e->now) ||
                   (perp_base_is_naked(core, NULL, base, e->now) &&
                    !perp_job_squares(core, e->plan, e->job, base));
    scope->drifting = core->positions->bases[base].n_latched;
}

static void scope_of_leg(const struct perp_eval *e, uint32_t i, struct perp_scope_leg *own) {
    const perp_core *core = e->core;
    const struct perp_job_leg *leg = &e->job->legs[i];
    uint32_t first = 0;
    own->core = core;
    own->plan = e->plan;
    own->job = e->job;
    own->leg = leg;
    own->measure = &e->legs[i];
    own->known = e->facts[i]->heard && perp_facts_heard(core, leg->exchange, e->now);
    while (e->job->legs[first].base != leg->base)
        first++;
    own->base_mid = e->legs[first].market->mid;
}

static void scopes_of_leg(const struct perp_eval *e, uint32_t i, struct perp_scopes *scopes) {
    const perp_core *core = e->core;
    const struct perp_job_leg *leg = &e->job->legs[i];
    const struct perp_leg_measure *measure = &e->legs[i];

    struct perp_scope_exchange *exchange = &scopes->exchange[i];
    exchange->killed = perp_exchange_killed(core, leg->exchange) && !e->job->is_flatten;
    exchange->api = perp_market_api(core->market, leg->exchange);
    exchange->circuit = perp_circuit_at(core, leg->exchange, e->now);
    exchange->running_jobs = perp_running_jobs(core, e->plan, leg->exchange);
    exchange->latency = measure->latency;

    scopes_of_base(e, leg->base, &scopes->base[i]);

    struct perp_scope_instrument *instrument = &scopes->instrument[i];
    instrument->blacklisted = e->facts[i]->blacklisted;
    instrument->halted = e->facts[i]->halted;
    instrument->price = measure->price;
    instrument->market = measure->market;
    instrument->quote_age_ns = perp_ns_since(measure->market->quote_time, e->now);
    instrument->settlement_distance = e->missing ? PERP_TIME_NONE : measure->settlement_distance;
}

void perp_scope_of_book(const struct perp_eval *e, struct perp_scope_book *scope) {
    scope->daily_loss_reached = e->day.daily_loss;
    scope->halted = e->risk->auto_halt;
    scope->drawdown = e->day.drawdown;
    scope->unhedged = perp_unhedged_usd(e->core, e->now);
}

static void scope_of_job(struct perp_eval *e, struct perp_scope_job *job) {
    job->core = e->core;
    job->plan = e->plan;
    job->job = e->job;
    job->meets_running = false;
    for (uint32_t i = 0; i < e->job->n_legs; i++)
        job->meets_running |= e->facts[i]->meets[e->job->legs[i].side];
    job->capital_refused = capital_refuses(e);
    job->strategy_halted = e->risk->strategies_halted >> e->job->strategy & 1;
    job->edge_bps = e->edge_bps;
    job->cost_bps = e->cost_bps;
    job->carry_bps = e->carry_bps;
    job->safety = e->safety;
    job->rate_unknown = e->rate_unknown;
}

void perp_scopes_own(struct perp_eval *e, struct perp_scopes *scopes) {
    scopes->n_legs = e->job->n_legs;
    scope_of_job(e, scopes->job);
    for (uint32_t i = 0; i < scopes->n_legs; i++)
        scope_of_leg(e, i, &scopes->leg[i]);
}

void perp_scopes_of(struct perp_eval *e, struct perp_scopes *scopes) {
    perp_scopes_own(e, scopes);
    perp_scope_of_book(e, scopes->book);
    for (uint32_t i = 0; i < scopes->n_legs; i++)
        scopes_of_leg(e, i, scopes);
}
