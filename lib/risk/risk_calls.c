/* How the host steers risk: the public calls. */
#include "risk/risk.h"

#include <string.h>

#include "util/text.h"

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
