/* The state of risk and how the host steers it. */
#include "risk/risk.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

perp_status perp_risk_open(perp_core *core, perp_risk **out) {
    perp_risk *risk = perp_alloc(core, sizeof *risk);
    if (!risk)
        return perp_fail(core, PERP_E_NOMEM, "no memory for risk");
    memset(risk, 0, sizeof *risk);
    risk->core = core;
    core->touched = PERP_TOUCHES_ALL;
    *out = risk;
    return PERP_OK;
}

void perp_risk_close(perp_risk *risk) {
    if (!risk)
        return;
    perp_core *core = risk->core;
    perp_kept_free(core, &risk->kept);
    perp_facts_free(core, &risk->facts);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        perp_kept_free(core, &risk->circuits[i].kept);
    for (uint32_t i = 0; i < risk->notes_capacity; i++)
        perp_kept_free(core, &risk->notes[i].kept);
    perp_free(core, risk->notes, risk->notes_capacity * sizeof *risk->notes);
    perp_allowed_free(core, risk);
    for (uint32_t i = 0; i < risk->n_collateral; i++)
        perp_kept_free(core, &risk->collateral[i].kept);
    perp_kept_free(core, &risk->collateral_kept);
    perp_kept_free(core, &risk->host_kept);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        perp_kept_free(core, &core->host_names[i].kept);
    memset(core->host_names, 0, sizeof core->host_names);
    perp_free(core, risk->collateral, risk->collateral_capacity * sizeof *risk->collateral);
    for (uint32_t i = 0; i < risk->blacklist_capacity; i++)
        perp_kept_free(core, &risk->blacklist[i].kept);
    perp_free(core, risk->blacklist, risk->blacklist_capacity * sizeof *risk->blacklist);
    perp_free(core, risk, sizeof *risk);
}

bool perp_risk_prepare_symbol(perp_core *core) {
    perp_risk *risk = core->risk;
    void *blacklist = risk->blacklist;
    uint32_t n = core->symbols.count;
    const size_t size = sizeof *risk->blacklist;
    bool done =
        perp_grow_zero(core, &blacklist, &risk->blacklist_capacity, n + PERP_SPARE_NAMES, size) ||
        perp_grow_zero(core, &blacklist, &risk->blacklist_capacity, n + 1, size);
    risk->blacklist = blacklist;
    return done;
}

bool perp_risk_prepare_tables(perp_core *core) {
    perp_risk *risk = core->risk;
    void *notes = risk->notes;
    bool done = perp_grow_zero(core, &notes, &risk->notes_capacity, perp_n_instruments(core) + 1,
                               sizeof *risk->notes);
    risk->notes = notes;
    return done && perp_risk_prepare_symbol(core) && perp_facts_prepare(core);
}

bool perp_risk_prepare_collateral(perp_core *core, const struct perp_kept *kept) {
    perp_risk *risk = core->risk;
    void *collateral = risk->collateral;
    bool done = perp_grow(core, &collateral, &risk->collateral_capacity, risk->n_collateral + 1,
                          sizeof *risk->collateral);
    risk->collateral = collateral;
    return done && perp_kept_set(core, &risk->collateral_kept, kept);
}

void perp_risk_hold_collateral(perp_core *core, const struct perp_collateral_row *held) {
    perp_risk *risk = core->risk;
    uint32_t at = 0;
    while (at < risk->n_collateral && (risk->collateral[at].exchange != held->exchange ||
                                       strcmp(risk->collateral[at].base, held->base) != 0))
        at++;
    if (at < risk->n_collateral)
        perp_kept_free(core, &risk->collateral[at].kept);
    if (held->quantity > 0) {
        risk->n_collateral += at == risk->n_collateral;
        risk->collateral[at].row = *held;
        risk->collateral[at].kept = risk->collateral_kept;
        risk->collateral_kept = NULL;
    } else if (at < risk->n_collateral) {
        risk->n_collateral--;
        memmove(&risk->collateral[at], &risk->collateral[at + 1],
                (risk->n_collateral - at) * sizeof *risk->collateral);
    }
}

void perp_risk_note_marks(perp_core *core, perp_exchange_id exchange) {
    uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange) {
        struct perp_market_view view;
        perp_market_read(core->market, id, perp_clock(core), &view);
        core->risk->notes[id].equity_mark = view.mark;
    }
    core->touched_accounts |= UINT64_C(1) << exchange;
}

bool perp_exchange_killed(const perp_core *core, perp_exchange_id exchange) {
    return core->risk->killed || (core->risk->killed_exchanges >> exchange & 1);
}

/* The limit of the scaled loss; 0: it is off. */
static perp_usd scaled_limit(const perp_core *core, const struct perp_loss *loss, bool *on) {
    double share = core->config.risk.daily_loss_limit_pct;
    *on = share > 0 && loss->scaled_start > 0;
    return *on ? (perp_usd)floor((double)loss->scaled_start * share) : 0;
}

perp_usd perp_risk_loss(const perp_core *core, perp_usd *limit) {
    struct perp_loss loss;
    bool has_scaled;
    perp_capital_loss(core->capital, &loss);
    perp_usd usd_limit = core->config.risk.daily_loss_limit_usd;
    perp_usd share = scaled_limit(core, &loss, &has_scaled);
    /* Of two that are on the one that is nearer to its limit, of equally near ones the smaller. */
    double near_scaled = fmax((double)loss.scaled, 0) * (double)usd_limit;
    double near_usd = fmax((double)loss.usd, 0) * (double)share;
    bool scaled = has_scaled && (usd_limit == 0 || near_scaled > near_usd ||
                                 (near_scaled == near_usd && share < usd_limit));
    perp_usd shown = scaled ? loss.scaled : loss.usd;
    *limit = scaled ? (share > 0 ? share : 1) : usd_limit;
    return shown > 0 ? shown : 0;
}

static bool loss_reached(const perp_core *core) {
    struct perp_loss loss;
    bool has_scaled;
    perp_capital_loss(core->capital, &loss);
    perp_usd usd_limit = core->config.risk.daily_loss_limit_usd;
    perp_usd share = scaled_limit(core, &loss, &has_scaled);
    return (usd_limit > 0 && loss.usd >= usd_limit) ||
           (has_scaled && loss.scaled > 0 && loss.scaled >= share);
}

void perp_risk_look_at_loss(perp_core *core, bool lift) {
    perp_risk *risk = core->risk;
    bool reached = loss_reached(core);
    if (reached && !risk->daily_loss_reached)
        perp_tell_alert(core, PERP_ALERT_DAILY_LOSS, PERP_ALERT_CRITICAL, true, "book",
                        "today's loss reached the limit: no new risk until the day rolls");
    if (reached || lift)
        risk->daily_loss_reached = reached;
}

void perp_risk_roll(perp_core *core) {
    core->risk->daily_loss_reached = false;
    memset(core->risk->refused_today, 0, sizeof core->risk->refused_today);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        core->host_names[i].refused_today = 0;
}

void perp_risk_count_refusal(perp_core *core, uint32_t reason) {
    uint32_t number = reason - PERP_REASON_HOST_1;
    core->risk->refused_last[reason] = (uint64_t)perp_clock(core);
    if (reason < PERP_REASON_HOST_1)
        core->risk->refused_today[reason]++;
    else if (number < PERP_MAX_HOST_RULES && core->host_names[number].name[0])
        core->host_names[number].refused_today++;
}

perp_status perp_risk_query(const perp_risk *risk, perp_risk_state *state) {
    if (!risk || !state)
        return perp_fail(risk ? risk->core : NULL, PERP_E_INVALID, "risk: NULL");
    perp_core *core = risk->core;
    struct perp_day_view day;
    perp_read_begin(core);
    perp_day_view_of(core, false, &day);
    perp_risk_state all = {
        .struct_size = sizeof all,
        .mode = core->config.risk.mode,
        .consecutive_failures = risk->failures,
        .auto_halt = risk->auto_halt,
        .killed = risk->killed,
        .override_on = risk->override_on && perp_clock(core) < risk->override_until,
        .override_until_ns = risk->override_on ? risk->override_until : PERP_TIME_NONE,
        .override_has_job = risk->override_has_job,
        .daily_loss_reached = risk->daily_loss_reached,
        .override_job = risk->override_job,
        .equity = core->capital->equity,
        .drawdown = day.drawdown,
    };
    all.daily_loss = perp_risk_loss(core, &all.daily_loss_limit);
    struct perp_loss loss;
    perp_capital_loss(core->capital, &loss);
    all.loss_usd = loss.usd;
    all.loss_scaled = loss.scaled;
    all.scaled_start = loss.scaled_start;
    all.peak = core->capital->peak;
    memcpy(all.rejected_today, risk->refused_today, sizeof risk->refused_today);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        all.rejected_today[PERP_REASON_HOST_1 + i] = core->host_names[i].refused_today;
    perp_read_end(core);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

perp_status perp_market_query_exchange(const perp_market *market, perp_exchange_id exchange,
                                       int64_t now_ns, perp_exchange_state *state) {
    perp_core *core = perp_market_core(market);
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "market: NULL");
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (!state)
        return perp_fail(core, PERP_E_INVALID, "state: NULL");
    perp_read_begin(core);
    int64_t now = perp_query_time(core, now_ns);
    perp_exchange_state all;
    perp_exchange_state_of(core, exchange, now, &all);
    perp_read_end(core);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

void perp_exchange_state_of(const perp_core *core, perp_exchange_id exchange, int64_t now,
                            perp_exchange_state *state) {
    struct perp_latency_view latency;
    perp_market_latency(core->market, exchange, now, true, &latency);
    *state = (perp_exchange_state){
        .struct_size = sizeof *state,
        .api = perp_market_api(core->market, exchange),
        .circuit = perp_circuit_at(core, exchange, now),
        .killed = perp_exchange_killed(core, exchange),
        .latency_samples = latency.samples,
        .latency_mean_ms = latency.mean,
        .latency_p50_ms = latency.p50,
        .latency_p99_ms = latency.p99,
        .concurrent_jobs = core->risk->running_jobs[exchange],
        .running_notional = core->risk->running_notional[exchange],
    };
    double limit = core->config.risk.modes[core->config.risk.mode].max_latency_ms;
    state->delayed = perp_is_delayed(state->api, &latency, limit);
    state->open_positions = perp_open_positions(core, exchange);
}
