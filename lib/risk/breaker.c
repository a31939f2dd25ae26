/* Circuits: an exchange whose results fail in a row is left alone for a while. */
#include "risk/risk.h"

#include <math.h>

uint32_t perp_circuit_at(const perp_core *core, perp_exchange_id exchange, int64_t now) {
    const struct perp_breaker *circuit = &core->risk->circuits[exchange];
    if (!circuit->open || perp_market_ups(core->market, exchange) != circuit->ups)
        return PERP_CIRCUIT_CLOSED;
    int64_t cooldown = core->config.risk.circuit_cooldown_ms * PERP_NS_PER_MS;
    return perp_ns_since(circuit->opened_at, now) >= cooldown ? PERP_CIRCUIT_HALF_OPEN
                                                              : PERP_CIRCUIT_OPEN;
}

void perp_risk_put_ups(perp_core *core) {
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        const struct perp_breaker *circuit = &core->risk->circuits[i];
        uint64_t ups = perp_market_ups(core->market, i);
        perp_batch_set_ups(core, i, ups);
        if (ups == circuit->ups || (!circuit->open && !circuit->failures))
            continue;
        perp_put_circuit_up(core, &(struct perp_ev_circuit_up){i});
    }
}

/* A success closes what is half-open, a failure opens it again; while it is open nothing counts. */
static void count_circuit(perp_core *core, perp_exchange_id exchange, bool good) {
    struct perp_breaker *circuit = &core->risk->circuits[exchange];
    int64_t now = perp_clock(core);
    const char *name = core->exchanges[exchange].spec.name;
    if (circuit->open && perp_ns_since(circuit->opened_at, now) <
                             core->config.risk.circuit_cooldown_ms * PERP_NS_PER_MS)
        return;
    if (good) {
        if (circuit->open)
            perp_tell_alert(core, PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, false, name,
                            "the circuit is closed");
        circuit->open = false;
        circuit->failures = 0;
        return;
    }
    circuit->failures++;
    if (!circuit->open && circuit->failures < core->config.risk.circuit_failures)
        return;
    if (!circuit->open)
        perp_tell_alert(core, PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, true, name,
                        "%u results in a row were not completed", circuit->failures);
    circuit->open = true;
    circuit->opened_at = now;
}

void perp_risk_count(perp_core *core, bool good, uint64_t good_exchanges, uint64_t bad_exchanges) {
    perp_risk *risk = core->risk;
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        struct perp_breaker *circuit = &risk->circuits[i];
        if ((good_exchanges | bad_exchanges) >> i & 1) {
            count_circuit(core, i, good_exchanges >> i & 1);
            circuit->ups = perp_batch_ups(core, i);
        }
    }
    if (good) {
        risk->failures = 0;
        return;
    }
    if (risk->failures < UINT32_MAX)
        risk->failures++;
    if (risk->failures < core->config.risk.max_consecutive_failures || risk->auto_halt)
        return;
    risk->auto_halt = true;
    risk->halted_since = perp_clock(core);
    perp_tell_alert(core, PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, true, "book",
                    "%u failures in a row: halted until reset_halt", risk->failures);
}

void perp_risk_count_strategy(perp_core *core, uint32_t strategy, bool good) {
    perp_risk *risk = core->risk;
    uint64_t *failures = &risk->strategy_failures[strategy];
    uint32_t most = core->config.risk.strategy_failures;
    *failures = good ? 0 : *failures + 1;
    if (good || most == 0 || *failures < most || risk->strategies_halted >> strategy & 1)
        return;
    risk->strategies_halted |= UINT32_C(1) << strategy;
    risk->strategies_since[strategy] = (uint64_t)perp_clock(core);
    perp_tell_alert(
        core, PERP_ALERT_STRATEGY_HALT, PERP_ALERT_CRITICAL, true, perp_strategy_string(strategy),
        "%llu failures in a row: halted until reset_strategy", (unsigned long long)*failures);
}

#define DELAYED_SAMPLES 10

double perp_delay_ms(uint32_t api, const struct perp_latency_view *latency) {
    if (api == PERP_API_DEGRADED)
        return INFINITY;
    return latency->samples >= DELAYED_SAMPLES ? latency->mean : NAN;
}

bool perp_is_delayed(uint32_t api, const struct perp_latency_view *latency, double max_ms) {
    return perp_delay_ms(api, latency) > max_ms;
}
