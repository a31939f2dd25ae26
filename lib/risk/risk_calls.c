/* How the host steers risk: the public calls. */
#include "risk/risk.h"

#include <string.h>

#include "util/num.h"
#include "util/text.h"

static perp_status decide_result(struct perp_decision *d, perp_exchange_id exchange,
                                 uint32_t kind) {
    perp_core *core = d->core;
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    perp_risk_put_ups(core);
    perp_put(core, kind, &(struct perp_ev_success){exchange});
    return PERP_OK;
}

perp_status perp_risk_record_success(perp_risk *risk, const perp_call *call,
                                     perp_exchange_id exchange) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_result(&d, exchange, PERP_EVENT_SUCCESS));
}

perp_status perp_risk_record_failure(perp_risk *risk, const perp_call *call,
                                     perp_exchange_id exchange) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_result(&d, exchange, PERP_EVENT_FAILURE));
}

static perp_status decide_reset(struct perp_decision *d) {
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(d->core, d->call, "reset_halt");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_plain(d->core, PERP_EVENT_RESET_HALT);
    return status;
}

perp_status perp_risk_reset_halt(perp_risk *risk, const perp_call *call) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_reset(&d));
}

static perp_status decide_reset_strategy(struct perp_decision *d, uint32_t strategy) {
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (strategy >= PERP_STRATEGY_COUNT)
        return perp_fail(d->core, PERP_E_INVALID, "strategy: %u is not known", strategy);
    status = perp_call_signed(d->core, d->call, "reset_strategy");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_reset_strategy(d->core, &(struct perp_ev_reset_strategy){strategy});
    return status;
}

perp_status perp_risk_reset_strategy(perp_risk *risk, const perp_call *call, uint32_t strategy) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_reset_strategy(&d, strategy));
}

static perp_status decide_mode(struct perp_decision *d, uint32_t mode) {
    perp_core *core = d->core;
    if (mode <= core->config.risk.mode)
        perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (mode >= PERP_MODE_COUNT)
        return perp_fail(core, PERP_E_INVALID, "mode: %u is not known", mode);
    if (mode > core->config.risk.mode)
        status = perp_call_signed(core, d->call, "a looser mode");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_mode(core, &(struct perp_ev_mode){mode});
    return status;
}

perp_status perp_risk_set_mode(perp_risk *risk, const perp_call *call, uint32_t mode) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_mode(&d, mode));
}

static perp_status decide_override(struct perp_decision *d, bool enabled, int64_t ttl_ms,
                                   const perp_uuid *job_id) {
    perp_core *core = d->core;
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK && enabled)
        status = perp_call_signed(core, d->call, "override on");
    if (status != PERP_OK)
        return status;
    bool given = ttl_ms != PERP_TIME_NONE;
    if (!given)
        ttl_ms = core->config.risk.override_ttl_ms;
    if ((given || enabled) && (ttl_ms <= 0 || ttl_ms > core->config.risk.max_override_ttl_ms))
        return perp_fail(core, PERP_E_RANGE, "ttl_ms: %lld is not in 1 to %lld", (long long)ttl_ms,
                         (long long)core->config.risk.max_override_ttl_ms);
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_ev_override override = {.on = enabled, .has_job = enabled && job_id};
    if (enabled)
        override.until = perp_ns_after(d->now, ttl_ms * PERP_NS_PER_MS);
    if (override.has_job)
        override.job = *job_id;
    perp_put_override(core, &override);
    return PERP_OK;
}

perp_status perp_risk_manual_override(perp_risk *risk, const perp_call *call, uint32_t enabled,
                                      int64_t ttl_ms, const perp_uuid *job_id) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_override(&d, enabled != 0, ttl_ms, job_id));
}

static perp_status decide_blacklist(struct perp_decision *d, const char *symbol, bool enabled) {
    perp_core *core = d->core;
    if (enabled)
        perp_decision_protect(d);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (!symbol || !perp_text_is_name(symbol, PERP_NAME_SIZE - 1))
        return perp_fail(core, PERP_E_INVALID, "symbol: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (!enabled)
        status = perp_call_signed(core, d->call, "blacklist off");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_ev_blacklist blacklist = {.on = enabled};
    memcpy(blacklist.symbol, symbol, strlen(symbol));
    perp_put_blacklist(core, &blacklist);
    return PERP_OK;
}

perp_status perp_risk_blacklist(perp_risk *risk, const perp_call *call, const char *symbol,
                                uint32_t enabled) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_blacklist(&d, symbol, enabled != 0));
}

static perp_status decide_halt(struct perp_decision *d, perp_instrument_id instrument,
                               bool enabled) {
    perp_core *core = d->core;
    if (enabled)
        perp_decision_protect(d);
    if (instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", instrument);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK && !enabled)
        status = perp_call_signed(core, d->call, "halt_instrument off");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_halt_instrument(core, &(struct perp_ev_halt_instrument){instrument, enabled});
    return status;
}

perp_status perp_risk_halt_instrument(perp_risk *risk, const perp_call *call,
                                      perp_instrument_id instrument, uint32_t enabled) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_halt(&d, instrument, enabled != 0));
}

static perp_status decide_collateral(struct perp_decision *d, perp_exchange_id exchange,
                                     const char *base, double quantity, double haircut) {
    perp_core *core = d->core;
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (!base || !perp_text_is_name(base, PERP_NAME_SIZE - 1))
        return perp_fail(core, PERP_E_INVALID, "collateral.base: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (!perp_not_negative(quantity))
        return perp_fail(core, PERP_E_INVALID,
                         "collateral.quantity: %g is not a finite number of at least 0", quantity);
    if (!(haircut >= 0 && haircut <= 1))
        return perp_fail(core, PERP_E_INVALID, "collateral.haircut: %g is not in 0 to 1", haircut);
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_ev_collateral collateral = {
        .held = {.exchange = exchange, .quantity = quantity, .haircut = haircut}};
    memcpy(collateral.held.base, base, strlen(base));
    perp_put_collateral(core, &collateral);
    return PERP_OK;
}

perp_status perp_risk_set_collateral(perp_risk *risk, const perp_call *call,
                                     perp_exchange_id exchange, const char *base, double quantity,
                                     double haircut) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide_collateral(&d, exchange, base, quantity, haircut));
}
