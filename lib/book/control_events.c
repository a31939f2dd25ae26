/* Time, results of exchanges, modes and protections, limits: what each event of these does. */
#include <string.h>

#include "book/book.h"

static void apply_clock(perp_core *core, const struct perp_event *event) {
    (void)core;
    (void)event; /* every event moves the clock to its time; this one does no more */
}

/* The clock is set as it is said, back too. A day does not begin twice: the book stays in the one
   it is in until the next begins. */
/* What feeds may say of the time to come, once the clock is set. */
static int64_t feeds_until(const perp_core *core, const struct perp_event *event) {
    return perp_ns_after(event->time_ns, core->config.risk.max_ahead_ms * PERP_NS_PER_MS);
}

static bool prepare_advance(perp_core *core, const struct perp_event *event) {
    return event->time_ns >= perp_clock(core) ||
           perp_market_prepare_forget(core->market, feeds_until(core, event));
}

static void apply_advance(perp_core *core, const struct perp_event *event) {
    if (event->time_ns < perp_clock(core)) {
        perp_capital_keep_day(core);
        perp_market_forget(core->market, feeds_until(core, event));
        perp_desk_set_back(core, event->time_ns);
    }
    atomic_store_explicit(&core->clock, event->time_ns, memory_order_release);
    perp_day_forget(core);
    perp_tell_log(core, PERP_LOG_WARNING, "the clock was set to %lld", (long long)event->time_ns);
}

static void apply_roll(perp_core *core, const struct perp_event *event) {
    perp_capital_roll(core, perp_read_day_roll(event)->days);
    perp_risk_roll(core);
    perp_scheduler_roll(core);
    perp_positions_roll(core);
    perp_desk_roll(core);
}

static void apply_result(perp_core *core, const struct perp_event *event) {
    perp_exchange_id exchange = perp_read_success(event)->exchange;
    uint64_t bits = exchange == PERP_ALL_EXCHANGES ? 0 : UINT64_C(1) << exchange;
    bool good = event->kind == PERP_EVENT_SUCCESS;
    perp_risk_count(core, good, good ? bits : 0, good ? 0 : bits);
}

static void apply_circuit_up(perp_core *core, const struct perp_event *event) {
    perp_exchange_id exchange = perp_read_circuit_up(event)->exchange;
    struct perp_breaker *circuit = &core->risk->circuits[exchange];
    if (circuit->open)
        perp_tell_alert(core, PERP_ALERT_CIRCUIT_OPEN, PERP_ALERT_WARNING, false,
                        core->exchanges[exchange].spec.name, "the host says up");
    circuit->open = false;
    circuit->failures = 0;
    circuit->ups = perp_batch_ups(core, exchange);
}

static void apply_reset_halt(perp_core *core, const struct perp_event *event) {
    (void)event;
    if (core->risk->auto_halt)
        perp_tell_alert(core, PERP_ALERT_AUTO_HALT, PERP_ALERT_CRITICAL, false, "book",
                        "the halt was reset");
    core->risk->auto_halt = false;
    core->risk->halted_since = PERP_TIME_NONE;
    core->risk->failures = 0;
}

static void apply_reset_strategy(perp_core *core, const struct perp_event *event) {
    uint32_t strategy = perp_read_reset_strategy(event)->strategy;
    if (core->risk->strategies_halted >> strategy & 1)
        perp_tell_alert(core, PERP_ALERT_STRATEGY_HALT, PERP_ALERT_CRITICAL, false,
                        perp_strategy_string(strategy), "it was reset");
    core->risk->strategy_failures[strategy] = 0;
    core->risk->strategies_since[strategy] = 0;
    core->risk->strategies_halted &= ~(UINT32_C(1) << strategy);
}

static void apply_mode(perp_core *core, const struct perp_event *event) {
    core->config.risk.mode = perp_read_mode(event)->mode;
    perp_tell_log(core, PERP_LOG_INFO, "mode: %s", perp_mode_string(core->config.risk.mode));
}

static void apply_override(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_override *override = perp_read_override(event);
    perp_risk *risk = core->risk;
    if (override->on || risk->override_on)
        perp_tell_alert(core, PERP_ALERT_OVERRIDE_ON, PERP_ALERT_WARNING, override->on, "book",
                        "manual override %s", override->on ? "on: soft rules pass" : "off");
    risk->override_on = override->on;
    risk->override_until = override->until;
    risk->override_has_job = override->has_job;
    risk->override_job = override->job;
}

static void apply_kill(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_kill *kill = perp_read_kill(event);
    perp_risk *risk = core->risk;
    if (kill->exchange == PERP_ALL_EXCHANGES) {
        risk->killed = kill->on;
    } else if (kill->on) {
        risk->killed_exchanges |= UINT64_C(1) << kill->exchange;
    } else {
        risk->killed_exchanges &= ~(UINT64_C(1) << kill->exchange);
    }
}

static bool prepare_blacklist(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_blacklist *blacklist = perp_read_blacklist(event);
    uint32_t known = perp_names_find(&core->symbols, blacklist->symbol);
    if (known != PERP_NO_ID && known < core->risk->blacklist_capacity)
        return true; /* without memory a symbol can still be blacklisted */
    return perp_names_reserve(core, &core->symbols) && perp_risk_prepare_symbol(core);
}

static void apply_blacklist(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_blacklist *blacklist = perp_read_blacklist(event);
    uint32_t symbol = perp_names_add(&core->symbols, blacklist->symbol);
    core->risk->blacklist[symbol].on = blacklist->on;
    if (!blacklist->on)
        perp_kept_free(core, &core->risk->blacklist[symbol].kept);
}

static void apply_halt_instrument(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_halt_instrument *halt = perp_read_halt_instrument(event);
    struct perp_note *note = &core->risk->notes[halt->instrument];
    note->halted = halt->on;
    if (!halt->on)
        perp_kept_free(core, &note->kept);
}

static bool fits_allow(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_allow *allow = perp_read_allow(event);
    bool there = perp_allowed_find(core, &allow->row) != PERP_NO_ID;
    return there != allow->on && (allow->row.strategy < PERP_STRATEGY_COUNT ||
                                  allow->row.strategy == PERP_ALL_STRATEGIES);
}

static bool prepare_allow(perp_core *core, const struct perp_event *event) {
    return !perp_read_allow(event)->on || perp_allowed_prepare(core, event->kept);
}

static void apply_allow(perp_core *core, const struct perp_event *event) {
    perp_allowed_set(core, &perp_read_allow(event)->row, perp_read_allow(event)->on);
}

static bool fits_collateral(const perp_core *core, const struct perp_event *event) {
    (void)core;
    return perp_read_collateral(event)->held.haircut <= 1;
}

static bool prepare_collateral(perp_core *core, const struct perp_event *event) {
    return perp_risk_prepare_collateral(core, event->kept);
}

static void apply_collateral(perp_core *core, const struct perp_event *event) {
    perp_risk_hold_collateral(core, &perp_read_collateral(event)->held);
}

static bool fits_host_rule(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_host_rule *rule = perp_read_host_rule(event);
    if (rule->number >= PERP_MAX_HOST_RULES || !perp_rule_name_is_one(rule->name))
        return false;
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        if (i != rule->number && strcmp(core->host_names[i].name, rule->name) == 0)
            return false;
    return true;
}

static bool prepare_host_rule(perp_core *core, const struct perp_event *event) {
    return perp_kept_set(core, &core->risk->host_kept, event->kept);
}

static void apply_host_rule(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_host_rule *rule = perp_read_host_rule(event);
    struct perp_host_name *known = &core->host_names[rule->number];
    perp_kept_free(core, &known->kept);
    memcpy(known->name, rule->name, sizeof known->name);
    known->refused_today = rule->refused_today;
    known->kept = core->risk->host_kept;
    core->risk->host_kept = NULL;
}

static bool fits_limits(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_limits *limits = perp_read_limits(event);
    bool own = limits->max_concurrent != PERP_NO_ID || limits->max_notional >= 0;
    (void)core;
    return limits->max_notional >= -1 && (!own || limits->exchange != PERP_NO_ID) &&
           (limits->max_dispatch_per_minute == PERP_NO_ID ||
            limits->max_dispatch_per_minute <= PERP_MAX_RATE);
}

static void apply_limits(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_limits *limits = perp_read_limits(event);
    if (limits->max_global_concurrent_jobs != PERP_NO_ID)
        core->config.scheduler.max_global_concurrent_jobs = limits->max_global_concurrent_jobs;
    if (limits->max_dispatch_per_minute != PERP_NO_ID)
        core->config.scheduler.max_dispatch_per_minute = limits->max_dispatch_per_minute;
    if (limits->max_concurrent != PERP_NO_ID)
        core->exchanges[limits->exchange].max_concurrent = limits->max_concurrent;
    if (limits->max_notional >= 0)
        core->exchanges[limits->exchange].max_notional = limits->max_notional;
}

static void apply_pause(perp_core *core, const struct perp_event *event) {
    core->scheduler->paused = event->kind == PERP_EVENT_PAUSE;
    perp_tell_log(core, PERP_LOG_INFO, "dispatch is %s",
                  core->scheduler->paused ? "paused" : "resumed");
}

const struct perp_event_row perp_control_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_CLOCK] = {.apply = apply_clock},
    [PERP_EVENT_ADVANCE] = {.prepare = prepare_advance, .apply = apply_advance},
    [PERP_EVENT_ROLL] = {.apply = apply_roll},
    [PERP_EVENT_SUCCESS] = {.apply = apply_result},
    [PERP_EVENT_FAILURE] = {.apply = apply_result},
    [PERP_EVENT_CIRCUIT_UP] = {.apply = apply_circuit_up},
    [PERP_EVENT_RESET_HALT] = {.apply = apply_reset_halt},
    [PERP_EVENT_RESET_STRATEGY] = {.apply = apply_reset_strategy},
    [PERP_EVENT_MODE] = {.apply = apply_mode},
    [PERP_EVENT_OVERRIDE] = {.apply = apply_override},
    [PERP_EVENT_KILL] = {.apply = apply_kill},
    [PERP_EVENT_BLACKLIST] = {.prepare = prepare_blacklist, .apply = apply_blacklist},
    [PERP_EVENT_HALT_INSTRUMENT] = {.apply = apply_halt_instrument},
    [PERP_EVENT_ALLOW] = {.fits = fits_allow, .prepare = prepare_allow, .apply = apply_allow},
    [PERP_EVENT_COLLATERAL] = {.fits = fits_collateral,
                               .prepare = prepare_collateral,
                               .apply = apply_collateral},
    [PERP_EVENT_HOST_RULE] = {.fits = fits_host_rule,
                              .prepare = prepare_host_rule,
                              .apply = apply_host_rule},
    [PERP_EVENT_LIMITS] = {.fits = fits_limits, .apply = apply_limits},
    [PERP_EVENT_PAUSE] = {.apply = apply_pause},
    [PERP_EVENT_RESUME] = {.apply = apply_pause},
};
