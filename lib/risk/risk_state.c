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
    *out = risk;
    return PERP_OK;
}

void perp_risk_close(perp_risk *risk) {
    if (!risk)
        return;
    perp_core *core = risk->core;
    perp_kept_free(core, &risk->kept);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        perp_kept_free(core, &risk->circuits[i].kept);
    for (uint32_t i = 0; i < perp_n_instruments(core); i++)
        perp_free(core, risk->exposures[i].fills,
                  risk->exposures[i].fills_capacity * sizeof(struct perp_fill));
    perp_free(core, risk->exposures, risk->exposures_capacity * sizeof *risk->exposures);
    perp_free(core, risk->blacklist, risk->blacklist_capacity * sizeof *risk->blacklist);
    perp_free(core, risk->unresolved, risk->unresolved_capacity * sizeof *risk->unresolved);
    perp_free(core, risk, sizeof *risk);
}

/* Grows a table to `need` rows, the new ones zero. */
static bool grow_zero(perp_core *core, void **items, uint32_t *capacity, uint32_t need,
                      size_t size) {
    uint32_t before = *capacity;
    if (!perp_grow(core, items, capacity, need, size))
        return false;
    memset((char *)*items + before * size, 0, (*capacity - before) * size);
    return true;
}

bool perp_risk_prepare_tables(perp_core *core) {
    perp_risk *risk = core->risk;
    void *exposures = risk->exposures, *blacklist = risk->blacklist, *unresolved = risk->unresolved;
    bool done = grow_zero(core, &exposures, &risk->exposures_capacity, perp_n_instruments(core) + 1,
                          sizeof *risk->exposures);
    risk->exposures = exposures;
    done = done && grow_zero(core, &blacklist, &risk->blacklist_capacity, core->symbols.count + 1,
                             sizeof *risk->blacklist);
    risk->blacklist = blacklist;
    done = done && grow_zero(core, &unresolved, &risk->unresolved_capacity, core->bases.count + 1,
                             sizeof *risk->unresolved);
    risk->unresolved = unresolved;
    return done;
}

bool perp_exchange_killed(const perp_core *core, perp_exchange_id exchange) {
    return core->risk->killed || (core->risk->killed_exchanges >> exchange & 1);
}

perp_usd perp_risk_loss(const perp_core *core, perp_usd *limit) {
    const perp_capital *capital = core->capital;
    const perp_risk_config *config = &core->config.risk;
    perp_usd booked = 0, shown = 0, start = 0;
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        const struct perp_account *account = &capital->accounts[i];
        booked += account->today.fees - account->today.pnl;
        shown += account->day_start - account->equity;
        start += account->day_start;
    }
    *limit = config->daily_loss_limit_usd;
    if (config->daily_loss_limit_pct > 0 && start > 0) {
        /* A thousandth of a micro-dollar is rounding, not money. */
        double share = fmax(1, ceil(config->daily_loss_limit_pct * (double)start - 1e-3));
        if (*limit == 0 || share < (double)*limit)
            *limit = (perp_usd)share;
    }
    perp_usd loss = booked > shown ? booked : shown;
    return loss > 0 ? loss : 0;
}

void perp_risk_look_at_loss(perp_core *core, bool lift) {
    perp_risk *risk = core->risk;
    perp_usd limit;
    perp_usd loss = perp_risk_loss(core, &limit);
    bool reached = limit > 0 && loss > 0 && loss >= limit;
    if (reached && !risk->daily_loss_reached)
        perp_tell_alert(core, PERP_ALERT_DAILY_LOSS, PERP_ALERT_CRITICAL, true, "book",
                        "today's loss reached the limit: no new risk until the day rolls");
    if (reached || lift)
        risk->daily_loss_reached = reached;
}

void perp_risk_roll(perp_core *core) {
    core->risk->daily_loss_reached = false;
    memset(core->risk->fired_today, 0, sizeof core->risk->fired_today);
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
    memcpy(all.rejected_today, risk->fired_today, sizeof risk->fired_today);
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
    uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange) {
        double volatility, quantity;
        perp_market_glance(core->market, id, now, &volatility, &quantity);
        state->open_positions += quantity != 0;
    }
}
