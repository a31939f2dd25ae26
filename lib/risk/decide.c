/* Evaluating a job: the public call, and the run that a tick makes of it too. */
#include "risk/rules.h"

#include <math.h>
#include <string.h>

#include "core/events.h"
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

void perp_eval_begin(struct perp_eval *e, const perp_core *core, const struct perp_plan *plan,
                     const struct perp_job_entry *job, int64_t now, bool rolled) {
    if (!plan) /* a query; a tick has looked itself */
        perp_facts_refresh((perp_core *)(uintptr_t)core, now, rolled, false);
    e->core = core;
    e->plan = plan;
    e->risk = core->risk;
    e->config = &core->config.risk;
    e->limits = &e->config->modes[e->config->mode];
    perp_day_view_of(core, rolled, &e->day);
    e->job = job;
    e->now = now;
    e->answers = NULL;
    e->answers_stand = e->stands = e->brief = e->afresh = false;
    perp_zero(e->rules, PERP_REASON_RULES_END * sizeof *e->rules);
}

void perp_eval_brief(struct perp_eval *e) {
    struct perp_scope_book scope;
    perp_scope_of_book(e, &scope);
    e->book_fails = perp_fails_book(e->core, &scope, false);
    e->brief = true;
}

/* How near to its limit the leverage of the accounts is. */
static void note_sizes(const struct perp_eval *e) {
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        const struct perp_job_leg *leg = &e->job->legs[i];
        double equity = perp_usd_to_double(e->core->capital->accounts[leg->exchange].equity);
        double limit = e->config->max_account_leverage * perp_max(0, equity);
        if (perp_instrument_at(e->core, leg->instrument)->spec.kind != PERP_KIND_SPOT &&
            e->legs[i].account_size != 0)
            perp_facts_note_size((perp_core *)(uintptr_t)e->core, leg->exchange,
                                 e->legs[i].account_size, e->legs[i].account_size > limit);
    }
}

void perp_eval_run(struct perp_eval *e) {
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
    if (e->stands && !e->missing)
        note_sizes(e);
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
        .mid = measure->market->mid,
        .slippage_bps = measure->slippage_bps,
        .fee_bps = measure->fee_bps,
        .funding_rate = measure->market->has_funding && !measure->market->rate_is_old
                            ? measure->market->funding.rate
                            : NAN,
        .funding_settlements = measure->settlements,
        .volatility = measure->market->volatility,
        .latency_ms = measure->latency->mean,
        .spread_bps = measure->market->spread_bps,
        .spread_baseline_bps = measure->market->baseline_bps,
        .depth = measure->depth,
        .leverage = leg->leverage,
        .position = measure->position,
        .entry_price = measure->entry,
        .liquidation_price = measure->liquidation_price,
        .liquidation_distance = measure->liquidation_distance,
        .quote_age_ns = perp_ns_since(measure->market->quote_time, e->now),
        .settlement_distance_ns = measure->settlement_distance,
    };
}

void perp_eval_explain(const struct perp_eval *e, perp_evaluation *out) {
    const size_t ends = PERP_REASON_RULES_END; /* the library's rules are before */
    uint32_t n = e->missing ? 0 : e->job->n_legs;
    size_t legs = offsetof(perp_evaluation, legs), rest = legs + n * sizeof *out->legs;
    perp_zero(out, legs);
    perp_zero((char *)out + rest, offsetof(perp_evaluation, rules) - rest);
    memcpy(out->rules, e->rules, ends * sizeof *out->rules);
    perp_zero(&out->rules[ends],
              sizeof *out - offsetof(perp_evaluation, rules) - ends * sizeof *out->rules);
    if (e->risk->n_host) {
        memcpy(&out->rules[PERP_REASON_HOST_1], &e->rules[PERP_REASON_HOST_1],
               PERP_MAX_HOST_RULES * sizeof *out->rules);
        memcpy(out->host_senses, e->host_senses, sizeof out->host_senses);
    }
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
    out->edge_bps = e->edge_bps;
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
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
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
    perp_read_begin(core);
    status = perp_job_check_minima(core, &room.job);
    if (status != PERP_OK) {
        perp_read_end(core);
        return status;
    }
    perp_eval_begin(&e, core, NULL, &room.job, perp_query_time(core, now_ns), false);
    perp_eval_run(&e);
    if (evaluation->struct_size == sizeof *evaluation) {
        perp_eval_explain(&e, evaluation);
    } else {
        perp_evaluation full;
        perp_eval_explain(&e, &full);
        perp_struct_out(evaluation, &full, sizeof full);
    }
    perp_read_end(core);
    return PERP_OK;
}
