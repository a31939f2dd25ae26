/* Telling the alerts that no change of the book raises: they come from feeds or with time. */
#include <string.h>

#include "monitor/monitor.h"

/* Changes tell the others as they are made. */
static bool is_watched(uint32_t code) {
    switch (code) {
    case PERP_ALERT_FEED_SILENT:
    case PERP_ALERT_EXCHANGE_DOWN:
    case PERP_ALERT_DELAYED:
    case PERP_ALERT_OVERCOMMITTED:
    case PERP_ALERT_INFEASIBLE:
        return true;
    default:
        return false;
    }
}

static bool is_same(const perp_alert *a, const perp_alert *b) {
    return a->code == b->code && strcmp(a->subject, b->subject) == 0;
}

static bool is_among(const perp_alert *alert, const perp_alert *alerts, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (is_same(alert, &alerts[i]))
            return true;
    return false;
}

static void tell(perp_core *core, const perp_alert *alert, uint32_t active, int64_t since_ns) {
    perp_alert told = *alert;
    told.active = active;
    told.since_ns = since_ns;
    perp_tell(core, &told);
}

/* Those of `now` that were not there before are raised, those from before that are gone cleared. */
static void tell_differences(perp_core *core, const struct perp_watched *before,
                             const struct perp_watched *now, int64_t now_ns) {
    for (uint32_t i = 0; i < now->count; i++)
        if (!is_among(&now->alerts[i], before->alerts, before->count))
            tell(core, &now->alerts[i], 1, now->alerts[i].since_ns);
    for (uint32_t i = 0; i < before->count; i++)
        if (!is_among(&before->alerts[i], now->alerts, now->count))
            tell(core, &before->alerts[i], 0, now_ns);
}

/* Counts, and keeps those for which there is room. */
static void collect(void *user, const perp_alert *alert) {
    struct perp_watched *watched = user;
    if (!is_watched(alert->code))
        return;
    if (watched->count < watched->capacity)
        watched->alerts[watched->count] = *alert;
    watched->count++;
}

static perp_status collect_all(const struct perp_taken_state *state, struct perp_watched *watched) {
    perp_status status = perp_alerts_each(state, collect, watched);
    if (status != PERP_OK || watched->count == 0)
        return status;
    perp_lock(state->core);
    watched->alerts = perp_alloc(state->core, watched->count * sizeof *watched->alerts);
    perp_unlock(state->core);
    if (!watched->alerts)
        return PERP_E_NOMEM;
    watched->capacity = watched->count;
    watched->count = 0;
    return perp_alerts_each(state, collect, watched);
}

/* Under the lock. */
static void forget(perp_core *core, struct perp_watched *watched) {
    perp_free(core, watched->alerts, watched->capacity * sizeof *watched->alerts);
}

perp_status perp_monitor_watch(const perp_core *watched, int64_t now_ns) {
    if (!watched)
        return perp_fail(NULL, PERP_E_INVALID, "watch: NULL");
    if (perp_in_callback(watched))
        return perp_fail(watched, PERP_E_STATE, "watch: called from inside a callback");
    if (!watched->config.callbacks.on_alert)
        return PERP_OK;
    struct perp_taken_state state;
    state.shown = NULL;
    perp_monitor_state s;
    struct perp_watched now = {NULL, 0, 0};
    perp_status status = perp_state_take(watched, now_ns, &s, &state);
    perp_core *core = state.core;
    if (status == PERP_OK)
        status = collect_all(&state, &now);
    perp_state_close(&state);
    perp_enter(core);
    if (status == PERP_OK) {
        struct perp_watched before = core->watched;
        tell_differences(core, &before, &now, s.now_ns);
        core->watched = now;
        now = before;
    }
    forget(core, &now);
    perp_deliver(core);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "watch: no memory");
}
