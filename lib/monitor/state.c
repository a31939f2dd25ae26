/* The whole state as JSON. Everything but the market is read under the lock, in one piece. */
#include "monitor/monitor.h"

#include <string.h>

#include "util/num.h"

/* Whether nothing at all may be dispatched, or nothing on an exchange. */
static bool all_killed(const perp_core *core) {
    bool all = perp_n_exchanges(core) > 0;
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++)
        all = all && perp_exchange_killed(core, id);
    return all || core->risk->killed;
}

static bool override_holds(const perp_risk *risk, int64_t now) {
    return risk->override_on && now < risk->override_until;
}

static const char *system_status(const perp_core *core, int64_t now) {
    const perp_risk *risk = core->risk;
    if (all_killed(core))
        return "killed";
    if (risk->auto_halt || risk->daily_loss_reached)
        return "halted";
    if (core->scheduler->paused || core->store_failed)
        return "paused";
    return override_holds(risk, now) ? "manual_override" : "running";
}

static void put_global(struct perp_out *out, cJSON *root, const perp_core *core, int64_t now) {
    struct perp_day_view day;
    perp_day_view_of(core, false, &day);
    struct perp_global_stats stats = {
        .system_status = system_status(core, now),
        .risk_mode = perp_mode_string(core->config.risk.mode),
        .equity_usd = core->capital->equity,
        .drawdown = day.drawdown,
    };
    stats.daily_loss_used = perp_risk_loss(core, &stats.daily_loss_limit);
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++) {
        const perp_day_figures *today = &core->capital->accounts[id].today;
        stats.today_volume_usd += today->volume;
        stats.today_fees_usd += today->fees;
        stats.today_pnl_usd += today->pnl;
    }
    cJSON *json = perp_out_object(out, root, "global_stats");
#define GLOBAL(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
}

static void put_pools(struct perp_out *out, cJSON *json, const perp_capital_state *state) {
    cJSON *pools = perp_out_object(out, json, "pools");
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        struct perp_pool_stats stats = {
            .budget = state->pools[pool].budget,
            .in_flight = state->pools[pool].in_flight,
            .used = state->pools[pool].used,
            .available = state->pools[pool].available,
        };
        cJSON *row = perp_out_object(out, pools, perp_pool_string(pool));
#define POOL(type, name) perp_out_##type(out, row, #name, stats.name);
#include "monitor/fields.def"
    }
}

static perp_usd taken(const perp_capital_state *state, uint32_t pool) {
    return state->pools[pool].in_flight + state->pools[pool].used;
}

static void put_capital(struct perp_out *out, cJSON *all, const perp_core *core,
                        perp_exchange_id id) {
    perp_capital_state state;
    perp_capital_state_of(core->capital, id, &state);
    struct perp_capital_stats stats = {
        .exchange = core->exchanges[id].spec.name,
        .equity = state.equity,
        .wash_used = taken(&state, PERP_POOL_WASH),
        .wash_budget = state.pools[PERP_POOL_WASH].budget,
        .arb_used = taken(&state, PERP_POOL_ARB),
        .arb_budget = state.pools[PERP_POOL_ARB].budget,
        .reserve_used = taken(&state, PERP_POOL_RESERVE),
        .reserve_size = state.pools[PERP_POOL_RESERVE].budget,
        .total_in_flight = state.total_in_flight,
        .total_used = state.total_used,
        .overcommitted = state.overcommitted,
        .safe_mode = state.safe_mode,
    };
    cJSON *json = perp_out_object(out, all, stats.exchange);
#define CAPITAL(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    put_pools(out, json, &state);
}

static void put_rates(struct perp_out *out, cJSON *json, const perp_core *core, perp_exchange_id id,
                      int64_t now) {
    cJSON *rates = perp_out_object(out, json, "funding_rates");
    perp_instrument_id instrument = core->exchanges[id].first_instrument_1 - 1;
    while (instrument != PERP_NO_ID) {
        const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
        struct perp_market_view view;
        perp_market_read(core->market, instrument, now, &view);
        if (view.has_funding)
            perp_out_number(out, rates, entry->spec.symbol, view.funding.rate);
        else if (entry->spec.kind == PERP_KIND_PERP)
            perp_out_text(out, rates, entry->spec.symbol, NULL);
        instrument = entry->next_on_exchange;
    }
}

static void put_exchange(struct perp_out *out, cJSON *all, const perp_core *core,
                         perp_exchange_id id, int64_t now) {
    perp_exchange_state state;
    perp_exchange_state_of(core, id, now, &state);
    struct perp_exchange_stats stats = {
        .api_latency_ms = state.latency_mean_ms,
        .latency_p50_ms = state.latency_p50_ms,
        .latency_p99_ms = state.latency_p99_ms,
        .open_positions_count = state.open_positions,
        .concurrent_jobs_count = state.concurrent_jobs,
        .max_concurrent_jobs = perp_exchange_max_jobs(core, id),
        .running_notional = state.running_notional,
        .max_notional = perp_exchange_max_notional(core, id),
        .circuit = perp_circuit_string(state.circuit),
        .status = perp_api_string(state.api),
        .safe_mode = core->capital->accounts[id].safe_mode,
        .killed = state.killed,
    };
    cJSON *json = perp_out_object(out, all, core->exchanges[id].spec.name);
#define EXCHANGE(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    put_rates(out, json, core, id, now);
}

static void put_fast(struct perp_out *out, cJSON *json, const perp_core *core, int64_t now) {
    const perp_risk_config *config = &core->config.risk;
    double threshold = config->modes[config->mode].volatility_threshold;
    cJSON *list = perp_out_array(out, json, "fast_markets");
    for (perp_instrument_id id = 0; id < perp_n_instruments(core); id++) {
        struct perp_market_view view;
        perp_market_read(core->market, id, now, &view);
        if (!(view.volatility >= threshold)) /* NaN: unknown */
            continue;
        const perp_instrument_spec *spec = &perp_instrument_at(core, id)->spec;
        cJSON *row = perp_out_object(out, list, NULL);
        perp_out_text(out, row, "exchange", core->exchanges[spec->exchange].spec.name);
        perp_out_text(out, row, "symbol", spec->symbol);
        perp_out_number(out, row, "short_term_volatility", view.volatility);
    }
}

static void put_risk(struct perp_out *out, cJSON *root, const perp_core *core, int64_t now) {
    const perp_risk *risk = core->risk;
    bool on = override_holds(risk, now);
    char job[37];
    perp_uuid_format(&risk->override_job, job);
    struct perp_risk_stats stats = {
        .consecutive_failures = risk->failures,
        .auto_halt = risk->auto_halt,
        .manual_override = on,
        .override_until = on ? risk->override_until : PERP_TIME_NONE,
        .override_job = on && risk->override_has_job ? job : NULL,
        .killed = risk->killed,
    };
    cJSON *json = perp_out_object(out, root, "risk_stats");
    put_fast(out, json, core, now);
    cJSON *delayed = perp_out_array(out, json, "delayed_exchanges");
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++) {
        perp_exchange_state state;
        perp_exchange_state_of(core, id, now, &state);
        if (state.delayed)
            perp_out_item(out, delayed, core->exchanges[id].spec.name);
    }
#define RISK(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    cJSON *refusals = perp_out_object(out, json, "refusals");
    for (uint32_t reason = 1; reason < PERP_REASON_RULES_END; reason++)
        perp_out_count(out, refusals, perp_reason_string(reason), risk->fired_today[reason]);
}

struct alert_list {
    struct perp_out *out;
    cJSON *list;
};

static void put_alert(void *user, const perp_alert *alert) {
    struct alert_list *alerts = user;
    struct perp_out *out = alerts->out;
    cJSON *json = perp_out_object(out, alerts->list, NULL);
    perp_out_text(out, json, "code", perp_alert_string(alert->code));
    perp_out_text(out, json, "level", perp_alert_level_string(alert->level));
    perp_out_text(out, json, "subject", alert->subject);
    perp_out_time(out, json, "since", alert->since_ns);
    perp_out_text(out, json, "message", alert->message);
}

/* The market is read without the lock, as feeds write it. */
struct market_part {
    cJSON *json;
    cJSON **symbols; /* by symbol: its object, once there */
    uint32_t n_symbols;
    uint32_t n_instruments;
};

static void put_market(struct perp_out *out, const struct market_part *part, const perp_core *core,
                       int64_t now) {
    for (perp_instrument_id id = 0; id < part->n_instruments && !out->failed; id++) {
        const struct perp_instrument_entry *entry = perp_instrument_at(core, id);
        perp_market_state state = {.struct_size = sizeof state};
        /* It can't fail: the instrument is there. */
        (void)perp_market_query(core->market, id, now, &state);
        struct perp_market_stats stats = {
            .symbol = entry->spec.symbol,
            .last = state.last,
            .bid = state.bid,
            .ask = state.ask,
            .spread = state.ask - state.bid,
            .spread_bps = state.spread_bps,
            .short_term_volatility = state.volatility,
            .funding_rate = state.funding_rate,
            .next_funding = state.next_funding_ns,
            .timestamp = state.quote_time_ns,
        };
        cJSON **symbol = &part->symbols[entry->symbol];
        if (!*symbol)
            *symbol = perp_out_object(out, part->json, entry->spec.symbol);
        cJSON *json =
            perp_out_object(out, *symbol, core->exchanges[entry->spec.exchange].spec.name);
#define MARKET(type, name) perp_out_##type(out, json, #name, stats.name);
#include "monitor/fields.def"
    }
}

/* All but what market_stats holds, which is left to be filled. */
static perp_status put_locked(struct perp_out *out, cJSON *root, perp_core *core, int64_t now,
                              struct market_part *part) {
    put_global(out, root, core, now);
    cJSON *capital = perp_out_object(out, root, "capital_stats");
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++)
        put_capital(out, capital, core, id);
    cJSON *exchanges = perp_out_object(out, root, "exchange_stats");
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++)
        put_exchange(out, exchanges, core, id, now);
    perp_out_jobs(out, root, core);
    put_risk(out, root, core, now);
    part->json = perp_out_object(out, root, "market_stats");
    part->n_instruments = perp_n_instruments(core);
    part->n_symbols = core->symbols.count;
    size_t size = part->n_symbols * sizeof *part->symbols;
    if (size) {
        part->symbols = perp_alloc(core, size);
        if (!part->symbols)
            return PERP_E_NOMEM;
        memset(part->symbols, 0, size);
    }
    struct alert_list alerts = {out, perp_out_array(out, root, "alerts")};
    perp_status status = perp_alerts_each(core, now, put_alert, &alerts);
    perp_out_time(out, root, "last_update", perp_clock(core));
    return status;
}

perp_status perp_monitor_json(const perp_core *core, int64_t now_ns, char *buffer, size_t capacity,
                              size_t *length) {
    if (!core || !length || (capacity && !buffer))
        return perp_fail(core, PERP_E_INVALID, "monitor: NULL");
    /* Only the count of allocated memory changes, which is not part of the book. */
    perp_core *memory = (perp_core *)(uintptr_t)core;
    struct perp_out out = {false};
    struct market_part part = {NULL, NULL, 0, 0};
    cJSON *root = cJSON_CreateObject();
    perp_lock(core);
    int64_t now = perp_query_time(core, now_ns);
    perp_status status = put_locked(&out, root, memory, now, &part);
    perp_unlock(core);
    if (status == PERP_OK)
        put_market(&out, &part, core, now);
    perp_lock(core);
    perp_free(memory, part.symbols, part.n_symbols * sizeof *part.symbols);
    perp_unlock(core);
    if (status != PERP_OK || out.failed) {
        cJSON_Delete(root);
        root = NULL;
    }
    status = perp_json_finish(root, buffer, capacity, length);
    if (status == PERP_E_RANGE)
        return perp_fail(core, status, "monitor: needs %zu bytes, has %zu", *length + 1, capacity);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "monitor: no memory");
}
