/* Evaluating a job: the public call, and the run that a tick makes of it too. */
#include "risk/risk.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

void perp_day_view_of(const perp_core *core, bool rolled, struct perp_day_view *view) {
    const perp_capital *capital = core->capital;
    *view = (struct perp_day_view){false, 0, 0};
    if (rolled)
        return;
    view->daily_loss = core->risk->daily_loss_reached;
    if (capital->peak > 0)
        view->drawdown = 1 - (double)capital->equity / (double)capital->peak;
    if (core->config.risk.daily_volume_target > 0) /* only the score of the volume asks for it */
        for (uint32_t i = 0; i < perp_n_exchanges(core); i++)
            view->volume += capital->accounts[i].today.volume;
}

static bool override_covers(const perp_risk *risk, const struct perp_job_entry *job, int64_t now) {
    return risk->override_on && now < risk->override_until &&
           (!risk->override_has_job || memcmp(&risk->override_job, &job->id, sizeof job->id) == 0);
}

void perp_eval_begin(struct perp_eval *e, perp_core *core, const struct perp_job_entry *job,
                     int64_t now, bool rolled) {
    e->core = core;
    e->risk = core->risk;
    e->config = &core->config.risk;
    e->limits = &e->config->modes[e->config->mode];
    perp_day_view_of(core, rolled, &e->day);
    e->job = job;
    e->now = now;
}

void perp_eval_run(struct perp_eval *e) {
    e->missing = e->reducing = e->has_rate = false;
    e->volatility_unknown = e->latency_unknown = false;
    e->cost_bps = e->carry_bps = e->funding_bps = 0;
    e->max_slippage = e->max_volatility = e->max_latency = 0;
    e->min_distance = 1;
    e->safety = e->volume = e->final = 0;
    memset(e->components, 0, sizeof e->components);
    memset(&e->capital, 0, sizeof e->capital);
    e->capital.struct_size = sizeof e->capital;
    e->reasons = 0;
    e->reason = PERP_REASON_NONE;
    e->override_holds = override_covers(e->risk, e->job, e->now);
    perp_eval_measure(e);
    if (!e->missing)
        perp_eval_scores(e);
    perp_eval_rules(e);
}

/* Within 10^-9 of a step or 4 units in the last place of the quotient, whichever is larger. */
static bool on_step(double quantity, double step) {
    double quotient = quantity / step;
    double off = fabs(quotient - nearbyint(quotient));
    return off <= 1e-9 || off <= 4 * (nextafter(quotient, INFINITY) - quotient);
}

static perp_status check_minima(const perp_core *core, const struct perp_job_leg *leg, uint32_t n) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, leg->instrument)->spec;
    if (leg->quantity < spec->min_qty)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].quantity: %.17g is below min_qty %g",
                         n, leg->quantity, spec->min_qty);
    if (leg->notional < spec->min_notional)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: %s is below min_notional %s",
                         n, PERP_SHOW_USD(leg->notional), PERP_SHOW_USD(spec->min_notional));
    if (spec->qty_step > 0 && !on_step(leg->quantity, spec->qty_step))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs[%u].quantity: %.17g is not a multiple of %g", n, leg->quantity,
                         spec->qty_step);
    return PERP_OK;
}

static perp_status check_leg(const perp_core *core, const perp_job *spec, uint32_t n,
                             struct perp_job_leg *leg) {
    const perp_leg *given = &spec->legs[n];
    if (given->instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].instrument: no instrument %u", n,
                         given->instrument);
    const struct perp_instrument_entry *instrument = perp_instrument_at(core, given->instrument);
    if (given->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].reserved: %u must be 0", n,
                         given->reserved);
    if (given->side >= PERP_SIDE_COUNT)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].side: %u is not known", n,
                         given->side);
    if (given->maker > 1)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].maker: %u is not 0 or 1", n,
                         given->maker);
    if (!perp_positive(given->quantity))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].quantity: %g is not above 0", n,
                         given->quantity);
    if (given->notional < 0)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: %s is not above 0", n,
                         PERP_SHOW_USD(given->notional));
    if (given->leverage != 0 && (!isfinite(given->leverage) || given->leverage < 1))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].leverage: %g is below 1", n,
                         given->leverage);
    *leg = (struct perp_job_leg){
        .instrument = given->instrument,
        .exchange = instrument->spec.exchange,
        .base = instrument->base,
        .side = given->side,
        .maker = given->maker,
        .quantity = given->quantity,
        .leverage = given->leverage != 0 ? given->leverage : core->config.risk.default_leverage,
        .notional = given->notional ? given->notional : spec->notional,
    };
    return PERP_OK;
}

#define MAX_HOLDING_HOURS 8760.0
#define MAX_TTL_MS (INT64_C(366) * 86400 * 1000)
#define MAX_PRIORITY 100
/* So that sums over a job's legs and over a thousand running jobs can't overflow. */
#define MAX_NOTIONAL (INT64_C(1000000000) * PERP_USD)

static perp_status check_numbers(const perp_core *core, const perp_job *spec) {
    if (spec->strategy >= PERP_STRATEGY_COUNT)
        return perp_fail(core, PERP_E_INVALID, "job.strategy_type: %u is not known",
                         spec->strategy);
    if (spec->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "job.reserved: %u must be 0", spec->reserved);
    if (spec->n_legs < 1 || spec->n_legs > PERP_MAX_LEGS)
        return perp_fail(core, PERP_E_INVALID, "job.legs: %u, must be 1 to %d", spec->n_legs,
                         PERP_MAX_LEGS);
    if (spec->notional <= 0 || spec->notional > MAX_NOTIONAL)
        return perp_fail(core, PERP_E_INVALID, "job.notional: %s is out of range",
                         PERP_SHOW_USD(spec->notional));
    if (spec->est_volume < -1 || spec->est_volume > MAX_NOTIONAL)
        return perp_fail(core, PERP_E_INVALID, "job.est_volume: %s is out of range",
                         PERP_SHOW_USD(spec->est_volume));
    if (!isfinite(spec->expected_edge_bps))
        return perp_fail(core, PERP_E_INVALID, "job.expected_edge_bps: not finite");
    if (!perp_not_negative(spec->holding_hours) || spec->holding_hours > MAX_HOLDING_HOURS)
        return perp_fail(core, PERP_E_INVALID, "job.holding_hours: %g is not in 0 to %g",
                         spec->holding_hours, MAX_HOLDING_HOURS);
    if (spec->ttl_ms < -1 || spec->ttl_ms > MAX_TTL_MS)
        return perp_fail(core, PERP_E_INVALID, "job.ttl_ms: %lld is out of range",
                         (long long)spec->ttl_ms);
    if (spec->max_run_ms < 0 || spec->max_run_ms > MAX_TTL_MS)
        return perp_fail(core, PERP_E_INVALID, "job.max_run_ms: %lld is out of range",
                         (long long)spec->max_run_ms);
    if (spec->priority < -MAX_PRIORITY || spec->priority > MAX_PRIORITY)
        return perp_fail(core, PERP_E_INVALID, "job.priority: %d is not in -100 to 100",
                         spec->priority);
    if (spec->metadata_size > PERP_MAX_METADATA || (spec->metadata_size && !spec->metadata))
        return perp_fail(core, PERP_E_INVALID, "job.metadata: %u bytes, at most %d",
                         spec->metadata_size, PERP_MAX_METADATA);
    return PERP_OK;
}

perp_status perp_job_from_spec(const perp_core *core, const perp_job *given, int64_t now,
                               union perp_job_room *room) {
    perp_job copy;
    const perp_job *spec = perp_job_given(given, &copy);
    if (!spec)
        return perp_fail(core, PERP_E_INVALID, "job: struct_size %u is not known",
                         given->struct_size);
    perp_status status = check_numbers(core, spec);
    struct perp_job_entry *job = &room->job;
    perp_zero(job, sizeof *job);
    perp_usd sum = 0;
    for (uint32_t i = 0; i < spec->n_legs && status == PERP_OK; i++) {
        status = check_leg(core, spec, i, &job->legs[i]);
        if (status != PERP_OK)
            break;
        if (job->legs[i].notional > MAX_NOTIONAL)
            return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: out of range", i);
        status = check_minima(core, &job->legs[i], i);
        sum += job->legs[i].notional;
        job->exchanges |= UINT64_C(1) << job->legs[i].exchange;
    }
    if (status != PERP_OK)
        return status;
    job->id = spec->job_id;
    job->strategy = spec->strategy;
    job->state = PERP_JOB_PENDING;
    job->notional = spec->notional;
    job->est_volume = spec->est_volume >= 0 ? spec->est_volume : sum;
    job->edge_bps = spec->expected_edge_bps;
    job->holding_hours = spec->holding_hours;
    job->given_created = spec->created_at_ns;
    job->ttl_ms = spec->ttl_ms >= 0 ? spec->ttl_ms : core->config.scheduler.default_ttl_ms;
    job->ttl_from = spec->created_at_ns != PERP_TIME_NONE ? spec->created_at_ns : now;
    job->max_run_ms = spec->max_run_ms;
    job->priority = spec->priority;
    job->metadata_size = spec->metadata_size;
    job->metadata = (void *)(uintptr_t)spec->metadata;
    job->submitted = now;
    job->started = job->ended = PERP_TIME_NONE;
    job->score = NAN;
    job->n_legs = spec->n_legs;
    return PERP_OK;
}

void perp_evaluation_init(perp_evaluation *evaluation) {
    if (!evaluation)
        return;
    memset(evaluation, 0, sizeof *evaluation);
    evaluation->struct_size = sizeof *evaluation;
}

static void explain_leg(const struct perp_eval *e, uint32_t n, perp_leg_evaluation *out) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    const struct perp_leg_measure *measure = &e->legs[n];
    *out = (perp_leg_evaluation){
        .exchange = leg->exchange,
        .instrument = leg->instrument,
        .price = measure->price,
        .mid = measure->market.mid,
        .slippage_bps = measure->slippage_bps,
        .fee_bps = measure->fee_bps,
        .funding_rate = measure->market.has_funding ? measure->market.funding.rate : NAN,
        .funding_settlements = measure->settlements,
        .volatility = measure->market.volatility,
        .latency_ms = measure->latency.mean,
        .spread_bps = measure->market.spread_bps,
        .spread_baseline_bps = measure->market.baseline_bps,
        .depth = measure->depth,
        .leverage = leg->leverage,
        .position = measure->position,
        .entry_price = measure->entry,
        .liquidation_price = measure->liquidation_price,
        .liquidation_distance = measure->liquidation_distance,
        .quote_age_ns = perp_ns_since(measure->market.quote_time, e->now),
        .settlement_distance_ns = measure->settlement_distance,
    };
}

void perp_eval_explain(const struct perp_eval *e, perp_evaluation *out) {
    uint32_t n = e->missing ? 0 : e->job->n_legs;
    size_t legs = offsetof(perp_evaluation, legs), rest = legs + n * sizeof *out->legs;
    perp_zero(out, legs);
    perp_zero((char *)out + rest, sizeof *out - rest);
    out->struct_size = sizeof *out;
    out->accepted = e->accepted;
    out->reason = e->reason;
    out->override_used = e->override_used;
    out->reasons = e->reasons;
    out->reducing = e->reducing;
    out->n_legs = n;
    out->safety_score = e->safety;
    out->volume_score = e->volume;
    out->final_score = e->final;
    memcpy(out->components, e->components, sizeof out->components);
    out->cost_bps = e->cost_bps;
    out->carry_bps = e->carry_bps;
    out->funding_bps = e->funding_bps;
    out->expected_edge_bps = e->job->edge_bps;
    out->drawdown = e->day.drawdown;
    out->daily_loss = perp_risk_loss(e->core, &out->daily_loss_limit);
    out->consecutive_failures = e->risk->failures;
    out->mode = e->config->mode;
    out->limits = *e->limits;
    out->capital = e->capital;
    for (uint32_t i = 0; i < n; i++)
        explain_leg(e, i, &out->legs[i]);
}

perp_status perp_risk_evaluate(perp_risk *risk, int64_t now_ns, const perp_job *job,
                               perp_evaluation *evaluation) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_core *core = risk->core;
    if (!job || !evaluation)
        return perp_fail(core, PERP_E_INVALID, "evaluate: NULL");
    if (!perp_struct_fits(evaluation, sizeof *evaluation))
        return perp_fail(core, PERP_E_INVALID, "evaluation: struct_size %u is not known",
                         evaluation->struct_size);
    union perp_job_room room;
    int64_t now = perp_query_time(core, now_ns);
    perp_status status = perp_job_from_spec(core, job, now, &room);
    if (status != PERP_OK)
        return status;
    perp_instrument_id ids[PERP_MAX_LEGS];
    for (uint32_t i = 0; i < room.job.n_legs; i++)
        ids[i] = room.job.legs[i].instrument;
    perp_market_pull(core->market, ids, room.job.n_legs, now);
    struct perp_eval e;
    perp_enter(core);
    perp_eval_begin(&e, core, &room.job, perp_query_time(core, now_ns), false);
    perp_eval_run(&e);
    if (evaluation->struct_size == sizeof *evaluation) {
        perp_eval_explain(&e, evaluation);
    } else {
        perp_evaluation full;
        perp_eval_explain(&e, &full);
        perp_struct_out(evaluation, &full, sizeof full);
    }
    return perp_leave(core, PERP_OK);
}
