/* The state as a struct: copied under the lock, completed without it. */
#include "monitor/monitor.h"

#include <string.h>

#include "util/sized.h"

const char *perp_system_string(uint32_t system) {
    static const char *const names[] = {
#define PERP_X(name, text) text,
        PERP_SYSTEM_LIST(PERP_X)
#undef PERP_X
    };
    return system < PERP_SYSTEM_COUNT ? names[system] : "?";
}

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

static uint32_t system_status(const perp_core *core, int64_t now) {
    const perp_risk *risk = core->risk;
    if (all_killed(core))
        return PERP_SYSTEM_KILLED;
    if (risk->auto_halt || risk->daily_loss_reached)
        return PERP_SYSTEM_HALTED;
    if (core->scheduler->paused || core->store_failed)
        return PERP_SYSTEM_PAUSED;
    return override_holds(risk, now) ? PERP_SYSTEM_MANUAL_OVERRIDE : PERP_SYSTEM_RUNNING;
}

static void copy_global(const perp_core *core, int64_t now, perp_monitor_global *global) {
    struct perp_day_view day;
    perp_day_view_of(core, false, &day);
    *global = (perp_monitor_global){
        .system_status = system_status(core, now),
        .risk_mode = core->config.risk.mode,
        .equity_usd = core->capital->equity,
        .drawdown = day.drawdown,
    };
    global->daily_loss_used = perp_risk_loss(core, &global->daily_loss_limit);
    for (perp_exchange_id id = 0; id < perp_n_exchanges(core); id++) {
        const perp_day_figures *today = &core->capital->accounts[id].today;
        global->today_volume_usd += today->volume;
        global->today_fees_usd += today->fees;
        global->today_pnl_usd += today->pnl;
        global->today_funding_usd += today->funding;
    }
    global->today_net_usd = global->today_pnl_usd - global->today_fees_usd;
}

static void copy_capital(const perp_core *core, perp_exchange_id id, perp_monitor_capital *row) {
    perp_capital_state state;
    perp_capital_state_of(core->capital, id, &state);
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
        row->pools[pool] = (perp_monitor_pool){.budget = state.pools[pool].budget,
                                               .in_flight = state.pools[pool].in_flight,
                                               .used = state.pools[pool].used,
                                               .available = state.pools[pool].available};
    row->equity = state.equity;
    row->total_in_flight = state.total_in_flight;
    row->total_used = state.total_used;
    row->overcommitted = state.overcommitted;
    row->safe_mode = state.safe_mode;
}

static void copy_exchange(const perp_core *core, perp_exchange_id id, int64_t now,
                          perp_monitor_exchange *row) {
    row->concurrent_jobs_count = core->risk->running_jobs[id];
    row->max_concurrent_jobs = perp_exchange_max_jobs(core, id);
    row->running_notional = core->risk->running_notional[id];
    row->max_notional = perp_exchange_max_notional(core, id);
    row->circuit = perp_circuit_at(core, id, now);
    row->safe_mode = core->capital->accounts[id].safe_mode;
    row->killed = perp_exchange_killed(core, id);
    row->order_rate_left =
        perp_rate_left(&core->exchanges[id].spec, core->exchanges[id].order_due, now);
    row->reserved0 = 0;
    row->open_positions_count = perp_open_positions(core, id);
}

static void copy_risk(const perp_risk *risk, int64_t now, perp_monitor_state *s) {
    bool on = override_holds(risk, now);
    s->risk = (perp_monitor_risk){
        .consecutive_failures = risk->failures,
        .auto_halt = risk->auto_halt,
        .manual_override = on,
        .override_until = on ? risk->override_until : PERP_TIME_NONE,
        .killed = risk->killed,
    };
    if (on && risk->override_has_job)
        s->risk.override_job = (perp_one_job){1, risk->override_job};
    memset(s->refusals, 0, sizeof s->refusals);
    for (uint32_t reason = 1; reason < PERP_REASON_RULES_END; reason++)
        s->refusals[reason] = risk->refused_today[reason];
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        s->refusals[PERP_REASON_HOST_1 + i] = risk->core->host_names[i].refused_today;
}

/* Under the lock. */
static void copy_book(struct perp_taken_state *state, int64_t now) {
    const perp_core *core = state->core;
    const perp_risk_config *config = &core->config.risk;
    perp_monitor_state *s = state->s;
    s->n_exchanges = perp_n_exchanges(core);
    s->seq = core->seq;
    s->now_ns = now;
    s->last_update_ns = perp_clock(core);
    copy_global(core, now, &s->global);
    copy_risk(core->risk, now, s);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        memcpy(state->host_rules[i], core->host_names[i].name, PERP_NAME_SIZE);
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++) {
        copy_capital(core, id, &s->capital[id]);
        copy_exchange(core, id, now, &s->exchanges[id]);
        state->circuits[id].failures = core->risk->circuits[id].failures;
        state->circuits[id].opened_at = core->risk->circuits[id].opened_at;
    }
    perp_copy_jobs(state);
    perp_copy_orders(core, now, s);
    state->store_failed = core->store_failed;
    state->clock_ahead = core->behind;
    state->wal_held = core->durable.wal_held;
    state->wal_bytes = core->durable.wal_bytes;
    state->strategies_halted = core->risk->strategies_halted;
    state->daily_loss_reached = core->risk->daily_loss_reached;
    state->n_symbols = core->symbols.count;
    state->max_quote_age_ms = config->max_quote_age_ms;
    state->volatility_threshold = config->modes[config->mode].volatility_threshold;
    state->max_latency_ms = config->modes[config->mode].max_latency_ms;
    perp_budgets_take(core, &state->budgets);
}

/* Room for all jobs that run or stand alone; more than usual need memory. Under the lock. */
static perp_status make_room(struct perp_taken_state *state) {
    perp_core *core = state->core;
    uint32_t n_running = core->scheduler->running.count;
    uint32_t n_exposed;
    perp_expose(core, &n_exposed, NULL);
    if (n_running > state->running_capacity) {
        state->running = perp_alloc(core, n_running * sizeof *state->running);
        state->running_capacity = n_running;
    }
    if (n_exposed > state->exposed_capacity) {
        state->exposed = perp_alloc(core, n_exposed * sizeof *state->exposed);
        state->exposed_capacity = n_exposed;
    }
    state->texts = state->shown && state->shown->all ? perp_texts_of(core) : NULL;
    bool room = state->running && state->exposed &&
                (!state->shown || perp_shown_room(core, state->s, state->shown));
    return room ? PERP_OK : PERP_E_NOMEM;
}

void perp_state_close(struct perp_taken_state *state) {
    perp_core *core = state->core;
    if (state->shown)
        perp_shown_close(core, state->s, state->shown);
    if (state->running == state->s->running_jobs && state->exposed == state->few)
        return;
    perp_lock(core);
    if (state->running != state->s->running_jobs)
        perp_free(core, state->running, state->running_capacity * sizeof *state->running);
    if (state->exposed != state->few)
        perp_free(core, state->exposed, state->exposed_capacity * sizeof *state->exposed);
    perp_unlock(core);
}

static void complete_exchange(const struct perp_taken_state *state, perp_exchange_id id) {
    const perp_core *core = state->core;
    perp_monitor_capital *capital = &state->s->capital[id];
    perp_monitor_exchange *row = &state->s->exchanges[id];
    memcpy(capital->exchange, core->exchanges[id].spec.name, sizeof capital->exchange);
    capital->wash_budget = capital->pools[PERP_POOL_WASH].budget;
    capital->arb_budget = capital->pools[PERP_POOL_ARB].budget;
    capital->reserve_size = capital->pools[PERP_POOL_RESERVE].budget;
    const perp_monitor_pool *pools = capital->pools;
    capital->wash_used = pools[PERP_POOL_WASH].in_flight + pools[PERP_POOL_WASH].used;
    capital->arb_used = pools[PERP_POOL_ARB].in_flight + pools[PERP_POOL_ARB].used;
    capital->reserve_used = pools[PERP_POOL_RESERVE].in_flight + pools[PERP_POOL_RESERVE].used;
    struct perp_latency_view latency;
    perp_market_latency(core->market, id, state->s->now_ns, true, &latency);
    row->api_latency_ms = latency.mean;
    row->latency_p50_ms = latency.p50;
    row->latency_p99_ms = latency.p99;
    row->status = perp_market_api(core->market, id);
    row->delayed = perp_is_delayed(row->status, &latency, state->max_latency_ms);
    memset(row->reserved, 0, sizeof row->reserved);
    memset(capital->reserved, 0, sizeof capital->reserved);
}

static void walk_lists(struct perp_list_walk *walk, struct perp_taken_state *state) {
    while (!walk->pending_done || !walk->ended_done) {
        perp_read_begin(state->core);
        perp_walk_on(walk, state);
        perp_read_end(state->core);
    }
    perp_walk_end(walk, state);
}

perp_status perp_state_take(const perp_core *core, int64_t now_ns, perp_monitor_state *s,
                            struct perp_taken_state *state) {
    struct perp_list_walk walk;
    /* Only the count of allocated memory changes, which is not part of the book. */
    state->core = (perp_core *)(uintptr_t)core;
    state->s = s;
    state->running = s->running_jobs;
    state->running_capacity = PERP_MONITOR_RUNNING;
    state->exposed = state->few;
    state->exposed_capacity = PERP_FEW_EXPOSED;
    if (state->shown)
        perp_shown_begin(s, state->shown);
    perp_read_begin(core);
    perp_status status = make_room(state);
    if (status == PERP_OK) {
        copy_book(state, perp_query_time(core, now_ns));
        if (state->shown)
            perp_shown_take(core, s->now_ns, state->shown);
        perp_walk_begin(&walk, state);
        perp_walk_on(&walk, state);
    }
    perp_read_end(core);
    if (status != PERP_OK)
        return perp_fail(core, status, "monitor: no memory");
    walk_lists(&walk, state);
    if (state->running != s->running_jobs)
        memcpy(s->running_jobs, state->running, sizeof s->running_jobs);
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        complete_exchange(state, id);
    s->n_fast_markets =
        perp_market_fast(core->market, state->budgets.n_instruments, state->volatility_threshold,
                         s->fast_markets, PERP_MONITOR_FAST);
    if (state->shown)
        perp_shown_complete(core, s, state->shown);
    return PERP_OK;
}

static void add_alert(void *user, const perp_alert *alert) {
    perp_monitor_state *s = user;
    if (s->n_alerts < PERP_MONITOR_ALERTS)
        s->alerts[s->n_alerts] = *alert;
    s->n_alerts++;
}

static perp_status fill(const perp_core *core, int64_t now_ns, perp_monitor_state *s) {
    struct perp_taken_state state;
    struct perp_shown shown;
    shown.all = false;
    state.shown = &shown;
    s->n_alerts = 0;
    s->reserved = 0;
    perp_status status = perp_state_take(core, now_ns, s, &state);
    if (status == PERP_OK)
        status = perp_alerts_each(&state, add_alert, s);
    perp_state_close(&state);
    return status;
}

/* Of an older host, whose struct is shorter: filled elsewhere and cut. */
static perp_status fill_shorter(perp_core *core, int64_t now_ns, perp_monitor_state *snapshot) {
    perp_lock(core);
    perp_monitor_state *whole = perp_alloc(core, sizeof *whole);
    perp_unlock(core);
    if (!whole)
        return perp_fail(core, PERP_E_NOMEM, "monitor: no memory");
    memset(whole, 0, sizeof *whole);
    perp_status status = fill(core, now_ns, whole);
    if (status == PERP_OK)
        (void)perp_struct_out(snapshot, whole, sizeof *whole);
    perp_lock(core);
    perp_free(core, whole, sizeof *whole);
    perp_unlock(core);
    return status;
}

perp_status perp_monitor_snapshot(const perp_core *core, int64_t now_ns,
                                  perp_monitor_state *snapshot) {
    if (!core || !snapshot)
        return perp_fail(core, PERP_E_INVALID, "monitor: NULL");
    uint32_t size = snapshot->struct_size;
    if (!perp_struct_fits(snapshot, sizeof *snapshot))
        return perp_fail(core, PERP_E_INVALID, "snapshot: struct_size %u is not known", size);
    if (size < sizeof *snapshot)
        return fill_shorter((perp_core *)(uintptr_t)core, now_ns, snapshot);
    perp_status status = fill(core, now_ns, snapshot);
    memset((char *)snapshot + sizeof *snapshot, 0, size - sizeof *snapshot);
    return status;
}
