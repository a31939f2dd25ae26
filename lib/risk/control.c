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

bool perp_prepare_blacklist(perp_core *core, const struct perp_event *event) {
    return event->n_bytes > 0 && perp_names_reserve(core, &core->symbols) &&
           perp_risk_prepare_tables(core);
}

uint32_t perp_circuit_at(const perp_core *core, perp_exchange_id exchange, int64_t now) {
    const struct perp_breaker *circuit = &core->risk->circuits[exchange];
    if (!circuit->open || perp_market_ups(core->market, exchange) != circuit->ups)
        return PERP_CIRCUIT_CLOSED;
    int64_t cooldown = core->config.risk.circuit_cooldown_ms * PERP_NS_PER_MS;
    return perp_ns_since(circuit->opened_at, now) >= cooldown ? PERP_CIRCUIT_HALF_OPEN
                                                              : PERP_CIRCUIT_OPEN;
}

bool perp_exchange_killed(const perp_core *core, perp_exchange_id exchange) {
    return core->risk->killed || (core->risk->killed_exchanges >> exchange & 1);
}

void perp_risk_put_ups(perp_core *core) {
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        struct perp_breaker *circuit = &core->risk->circuits[i];
        uint64_t ups = perp_market_ups(core->market, i);
        circuit->deciding = ups; /* an "up" that comes after this decision stays to be seen */
        if (ups == circuit->ups || (!circuit->open && !circuit->failures))
            continue;
        struct perp_event *event = perp_batch_add(core, PERP_EVENT_CIRCUIT_UP, 0, 0);
        event->exchange = i;
    }
}

void perp_apply_circuit_up(perp_core *core, const struct perp_event *event) {
    struct perp_breaker *circuit = &core->risk->circuits[event->exchange];
    if (circuit->open)
        perp_tell_alert(core, PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, false,
                        core->exchanges[event->exchange].spec.name, "the host says up");
    circuit->open = false;
    circuit->failures = 0;
    circuit->ups = circuit->deciding;
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
            circuit->ups = circuit->deciding;
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
    perp_tell_alert(core, PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, true, "book",
                    "%u failures in a row: halted until reset_halt", risk->failures);
}

void perp_apply_result(perp_core *core, const struct perp_event *event) {
    perp_risk_count(core, event->kind == PERP_EVENT_SUCCESS, event->good, event->bad);
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

/* One event of a kind with flags, no more. */
static perp_status commit_flag(perp_core *core, const perp_call *call, uint32_t kind,
                               uint32_t flags) {
    int64_t now;
    perp_status status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    perp_batch_add(core, kind, 0, 0)->flags = flags;
    return perp_batch_commit(core);
}

static perp_status decide_result(perp_core *core, const perp_call *call, perp_exchange_id exchange,
                                 bool good) {
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    perp_status status = perp_call_check(core, call);
    int64_t now;
    if (status == PERP_OK)
        status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    uint64_t bits = exchange == PERP_ALL_EXCHANGES ? 0 : UINT64_C(1) << exchange;
    perp_batch_begin(core, call, now);
    perp_risk_put_ups(core);
    struct perp_event *event =
        perp_batch_add(core, good ? PERP_EVENT_SUCCESS : PERP_EVENT_FAILURE, 0, 0);
    event->exchange = exchange;
    event->good = good ? bits : 0;
    event->bad = good ? 0 : bits;
    return perp_batch_commit(core);
}

perp_status perp_risk_record_success(perp_risk *risk, const perp_call *call,
                                     perp_exchange_id exchange) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_result(risk->core, call, exchange, true));
}

perp_status perp_risk_record_failure(perp_risk *risk, const perp_call *call,
                                     perp_exchange_id exchange) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_result(risk->core, call, exchange, false));
}

static perp_status decide_reset(perp_core *core, const perp_call *call) {
    perp_status status = perp_call_check(core, call);
    if (status == PERP_OK)
        status = perp_call_signed(core, call, "reset_halt");
    return status == PERP_OK ? commit_flag(core, call, PERP_EVENT_RESET_HALT, 0) : status;
}

perp_status perp_risk_reset_halt(perp_risk *risk, const perp_call *call) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_reset(risk->core, call));
}

void perp_apply_reset_halt(perp_core *core, const struct perp_event *event) {
    (void)event;
    if (core->risk->auto_halt)
        perp_tell_alert(core, PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, false, "book",
                        "the halt was reset");
    core->risk->auto_halt = false;
    core->risk->failures = 0;
}

static perp_status decide_mode(perp_core *core, const perp_call *call, uint32_t mode) {
    perp_status status = perp_call_check(core, call);
    if (status != PERP_OK)
        return status;
    if (mode >= PERP_MODE_COUNT)
        return perp_fail(core, PERP_E_INVALID, "mode: %u is not known", mode);
    if (mode > core->config.risk.mode)
        status = perp_call_signed(core, call, "a looser mode");
    return status == PERP_OK ? commit_flag(core, call, PERP_EVENT_MODE, mode) : status;
}

perp_status perp_risk_set_mode(perp_risk *risk, const perp_call *call, uint32_t mode) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_mode(risk->core, call, mode));
}

void perp_apply_mode(perp_core *core, const struct perp_event *event) {
    core->config.risk.mode = event->flags;
    perp_tell_log(core, PERP_LOG_INFO, "mode: %s", perp_mode_string(event->flags));
}

static perp_status decide_override(perp_core *core, const perp_call *call, bool enabled,
                                   int64_t ttl_ms, const perp_uuid *job_id) {
    perp_status status = perp_call_check(core, call);
    if (status == PERP_OK && enabled)
        status = perp_call_signed(core, call, "override on");
    if (status != PERP_OK)
        return status;
    bool given = ttl_ms != PERP_TIME_NONE;
    if (!given)
        ttl_ms = core->config.risk.override_ttl_ms;
    if ((given || enabled) && (ttl_ms <= 0 || ttl_ms > core->config.risk.max_override_ttl_ms))
        return perp_fail(core, PERP_E_RANGE, "ttl_ms: %lld is not in 1 to %lld", (long long)ttl_ms,
                         (long long)core->config.risk.max_override_ttl_ms);
    int64_t now;
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_OVERRIDE, 0, 0);
    event->flags = enabled;
    event->number = enabled ? perp_ns_after(now, ttl_ms * PERP_NS_PER_MS) : 0;
    event->has_job = enabled && job_id;
    if (event->has_job)
        event->job = *job_id;
    return perp_batch_commit(core);
}

perp_status perp_risk_manual_override(perp_risk *risk, const perp_call *call, uint32_t enabled,
                                      int64_t ttl_ms, const perp_uuid *job_id) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_override(risk->core, call, enabled != 0, ttl_ms, job_id));
}

void perp_apply_override(perp_core *core, const struct perp_event *event) {
    perp_risk *risk = core->risk;
    bool on = event->flags & 1;
    if (on || risk->override_on)
        perp_tell_alert(core, PERP_ALERT_OVERRIDE_ON, PERP_ALERT_WARNING, on, "book",
                        "manual override %s", on ? "on: soft rules pass" : "off");
    risk->override_on = on;
    risk->override_until = event->number;
    risk->override_has_job = event->has_job;
    risk->override_job = event->job;
}

void perp_apply_kill(perp_core *core, const struct perp_event *event) {
    perp_risk *risk = core->risk;
    bool on = event->flags & 1;
    if (event->exchange == PERP_ALL_EXCHANGES) {
        risk->killed = on;
    } else if (on) {
        risk->killed_exchanges |= UINT64_C(1) << event->exchange;
    } else {
        risk->killed_exchanges &= ~(UINT64_C(1) << event->exchange);
    }
}

static perp_status decide_blacklist(perp_core *core, const perp_call *call, const char *symbol,
                                    bool enabled) {
    perp_status status = perp_call_check(core, call);
    if (status != PERP_OK)
        return status;
    if (!symbol || !perp_text_is_name(symbol, PERP_NAME_SIZE - 1))
        return perp_fail(core, PERP_E_INVALID, "symbol: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (!enabled)
        status = perp_call_signed(core, call, "blacklist off");
    int64_t now;
    if (status == PERP_OK)
        status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    size_t size = strlen(symbol) + 1;
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_BLACKLIST, 0, (uint32_t)size);
    event->flags = enabled;
    memcpy(perp_event_bytes(event), symbol, size);
    return perp_batch_commit(core);
}

perp_status perp_risk_blacklist(perp_risk *risk, const perp_call *call, const char *symbol,
                                uint32_t enabled) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_enter(risk->core);
    return perp_leave(risk->core, decide_blacklist(risk->core, call, symbol, enabled != 0));
}

void perp_apply_blacklist(perp_core *core, const struct perp_event *event) {
    uint32_t symbol = perp_names_add(&core->symbols, perp_event_bytes_of(event));
    core->risk->blacklist[symbol] = event->flags & 1;
}

perp_status perp_risk_query(const perp_risk *risk, perp_risk_state *state) {
    if (!risk || !state)
        return perp_fail(risk ? risk->core : NULL, PERP_E_INVALID, "risk: NULL");
    perp_core *core = risk->core;
    struct perp_day_view day;
    perp_lock(core);
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
    perp_unlock(core);
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
    perp_lock(core);
    int64_t now = perp_query_time(core, now_ns);
    perp_exchange_state all;
    perp_exchange_state_of(core, exchange, now, &all);
    perp_unlock(core);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

#define DELAYED_SAMPLES 10

bool perp_is_delayed(uint32_t api, const struct perp_latency_view *latency, double max_ms) {
    return api == PERP_API_DEGRADED ||
           (latency->samples >= DELAYED_SAMPLES && latency->mean > max_ms);
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

uint64_t perp_risk_hash(const perp_risk *risk, uint64_t hash) {
    hash = perp_hash_u64(hash, risk->failures);
    hash = perp_hash_u64(
        hash, risk->auto_halt | (uint64_t)risk->killed << 1 | (uint64_t)risk->override_on << 2 |
                  (uint64_t)risk->override_has_job << 3 | (uint64_t)risk->daily_loss_reached << 4);
    hash = perp_hash_u64(hash, risk->killed_exchanges);
    hash = perp_hash_u64(hash, (uint64_t)risk->override_until);
    hash = perp_hash_bytes(hash, risk->override_job.bytes, 16);
    for (uint32_t i = 0; i < perp_n_exchanges(risk->core); i++) {
        const struct perp_breaker *circuit = &risk->circuits[i];
        hash = perp_hash_u64(hash, circuit->open | (uint64_t)circuit->failures << 1);
        hash = perp_hash_u64(hash, (uint64_t)circuit->opened_at);
    }
    for (uint32_t i = 0; i < risk->core->symbols.count; i++)
        if (risk->blacklist[i])
            hash = perp_hash_bytes(hash, risk->core->symbols.items[i], PERP_NAME_SIZE);
    return hash;
}
