/* The ops of control: modes, limits, switches. */
#include "scenario.h"

#include <stdlib.h>

static perp_scheduler *scheduler_of(const struct line *line) {
    return perp_core_scheduler(line->run->core);
}

static perp_risk *risk_of(const struct line *line) {
    return perp_core_risk(line->run->core);
}

void scenario_limits(struct line *line) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.exchange = line_exchange(line);
    limits.max_global_concurrent_jobs = line_limit(line, "max_global_concurrent_jobs");
    limits.max_dispatch_per_minute = line_limit(line, "max_dispatch_per_minute");
    limits.max_concurrent = line_limit(line, "max_concurrent");
    limits.max_notional = line_money_limit(line, "max_notional");
    if (line_ready(line))
        (void)line_did(line, perp_scheduler_set_limits(scheduler_of(line), &line->call, &limits));
}

void scenario_mode(struct line *line) {
    uint32_t mode = line_choice(line, "mode", perp_mode_string, PERP_MODE_COUNT, 0);
    if (line_ready(line))
        (void)line_did(line, perp_risk_set_mode(risk_of(line), &line->call, mode));
}

void scenario_pause(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_scheduler_pause(scheduler_of(line), &line->call));
}

void scenario_resume(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_scheduler_resume(scheduler_of(line), &line->call));
}

void scenario_reset_strategy(struct line *line) {
    uint32_t strategy = line_choice(line, "strategy", perp_strategy_string, PERP_STRATEGY_COUNT, 0);
    if (line_ready(line))
        (void)line_did(line, perp_risk_reset_strategy(risk_of(line), &line->call, strategy));
}

void scenario_reset_halt(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_risk_reset_halt(risk_of(line), &line->call));
}

void scenario_override(struct line *line) {
    /* A given ttl of this value must not be taken for none. */
    int64_t ttl_ms = line_integer(line, "ttl_ms", PERP_TIME_NONE + 1, INT64_MAX, PERP_TIME_NONE);
    perp_uuid job_id = line_uuid(line, "job_id");
    if (line_ready(line))
        (void)line_did(line, perp_risk_manual_override(risk_of(line), &line->call,
                                                       line_flag(line, "enabled"), ttl_ms,
                                                       line_has(line, "job_id") ? &job_id : NULL));
}

void scenario_kill(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    bool on = line_flag(line, "enabled");
    perp_scheduler_state state = {.struct_size = sizeof state};
    perp_uuid *jobs;
    uint32_t count = 0;
    if (!line_ready(line) || !line_did(line, perp_scheduler_query(scheduler_of(line), &state)))
        return;
    jobs = calloc((size_t)state.running + 1, sizeof *jobs);
    if (!jobs) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    if (line_did(line, perp_scheduler_kill(scheduler_of(line), &line->call, on, exchange, jobs,
                                           state.running, &count)) &&
        on) {
        cJSON *cancel = put_list(line, line->answer, "cancel");
        for (uint32_t i = 0; i < count; i++)
            add_uuid(line, cancel, &jobs[i]);
        put_orders(line, "orders",
                   &(perp_order_filter){.struct_size = sizeof(perp_order_filter),
                                        .state = PERP_ORDER_NOT_ENDED,
                                        .exchange = exchange});
    }
    free(jobs);
}

void scenario_blacklist(struct line *line) {
    if (line_ready(line))
        (void)line_did(line,
                       perp_risk_blacklist(risk_of(line), &line->call, line_text(line, "symbol"),
                                           line_flag(line, "enabled")));
}

void scenario_allow(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    uint32_t strategy = line_choice(line, "strategy", perp_strategy_string, PERP_STRATEGY_COUNT,
                                    PERP_ALL_STRATEGIES);
    bool on = !line_has(line, "enabled") || line_flag(line, "enabled");
    if (line_ready(line))
        (void)line_did(line, perp_risk_allow(risk_of(line), &line->call, line_text(line, "symbol"),
                                             exchange, strategy, on));
}

void scenario_halt_instrument(struct line *line) {
    perp_instrument_id instrument = line_instrument(line);
    if (line_ready(line))
        (void)line_did(line, perp_risk_halt_instrument(risk_of(line), &line->call, instrument,
                                                       line_flag(line, "enabled")));
}

/* What refused jobs today, and how often. */
void scenario_rules(struct line *line) {
    perp_risk_state state = {.struct_size = sizeof state};
    cJSON *rules;
    if (!line_ready(line) || !line_did(line, perp_risk_query(risk_of(line), &state)))
        return;
    rules = put_object(line, line->answer, "rules");
#define PERP_X(name, number, text, ...)                                                            \
    if (state.rejected_today[number])                                                              \
        put_count(line, rules, text, state.rejected_today[number]);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    for (uint32_t reason = PERP_REASON_HOST_1; reason < PERP_REASON_END; reason++)
        if (state.rejected_today[reason])
            put_count(line, rules, perp_risk_reason_string(risk_of(line), reason),
                      state.rejected_today[reason]);
}

static void record(struct line *line,
                   perp_status (*call)(perp_risk *, const perp_call *, perp_exchange_id)) {
    perp_exchange_id exchange = line_exchange(line);
    perp_risk_state state = {.struct_size = sizeof state};
    if (!line_ready(line) || !line_did(line, call(risk_of(line), &line->call, exchange)) ||
        !line_did(line, perp_risk_query(risk_of(line), &state)))
        return;
    put_count(line, line->answer, "consecutive_failures", state.consecutive_failures);
    put_flag(line, line->answer, "auto_halt", state.auto_halt);
}

void scenario_success(struct line *line) {
    record(line, perp_risk_record_success);
}

void scenario_failure(struct line *line) {
    record(line, perp_risk_record_failure);
}
