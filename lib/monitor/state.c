/* The state as JSON, and the alerts alone: made from a snapshot, without the lock. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

/* A field of a row `stats`, put into the object `json`. */
#define PUT(type, name) perp_out_##type(out, json, #name, stats->name);

static const char *exchange_name(const perp_core *core, perp_exchange_id id) {
    return core->exchanges[id].spec.name;
}

static void put_global(struct perp_out *out, cJSON *root, const perp_monitor_global *stats) {
    cJSON *json = perp_out_object(out, root, "global_stats");
    PERP_MONITOR_GLOBAL_LIST(PUT)
}

static void put_pool(struct perp_out *out, cJSON *json, const perp_monitor_pool *stats) {
    PERP_MONITOR_POOL_LIST(PUT)
}

static void put_capital(struct perp_out *out, cJSON *all, const perp_monitor_capital *stats) {
    cJSON *json = perp_out_object(out, all, stats->exchange);
    PERP_MONITOR_CAPITAL_LIST(PUT)
    cJSON *pools = perp_out_object(out, json, "pools");
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
        put_pool(out, perp_out_object(out, pools, perp_pool_string(pool)), &stats->pools[pool]);
}

/* Returns where the funding rates go. */
static cJSON *put_exchange(struct perp_out *out, cJSON *all, const char *exchange,
                           const perp_monitor_exchange *stats) {
    cJSON *json = perp_out_object(out, all, exchange);
    PERP_MONITOR_EXCHANGE_LIST(PUT)
    return perp_out_object(out, json, "funding_rates");
}

static void put_exchanges_of(struct perp_out *out, cJSON *json, const perp_core *core,
                             const perp_monitor_job *job) {
    cJSON *list = perp_out_array(out, json, "exchanges");
    uint64_t seen = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_exchange_id exchange = perp_instrument_at(core, job->instruments[i])->spec.exchange;
        if (!(seen >> exchange & 1))
            perp_out_item(out, list, exchange_name(core, exchange));
        seen |= UINT64_C(1) << exchange;
    }
}

static void put_job_list(struct perp_out *out, cJSON *parent, const char *name,
                         const perp_core *core, const perp_monitor_job *jobs, uint32_t n) {
    cJSON *list = perp_out_array(out, parent, name);
    for (const perp_monitor_job *stats = jobs; stats < jobs + n; stats++) {
        cJSON *json = perp_out_object(out, list, NULL);
        PERP_MONITOR_JOB_LIST(PUT)
        put_exchanges_of(out, json, core, stats);
    }
}

static void put_jobs(struct perp_out *out, cJSON *root, const struct perp_taken_state *state) {
    const perp_core *core = state->core;
    const perp_monitor_state *s = state->s;
    const perp_monitor_jobs *stats = &s->jobs;
    cJSON *json = perp_out_object(out, root, "jobs_stats");
    PERP_MONITOR_JOBS_LIST(PUT)
    put_job_list(out, json, "running_jobs", core, state->running, s->n_running);
    put_job_list(out, json, "recent_completed", core, s->recent_completed, s->n_recent_completed);
    put_job_list(out, json, "top_pending", core, s->top_pending, s->n_top_pending);
}

/* What the walk over the markets fills beside their own rows. */
struct market_part {
    const struct perp_taken_state *state;
    cJSON *json;
    cJSON *fast;
    cJSON *rates[PERP_MAX_EXCHANGES]; /* by exchange */
};

/* Returns where the fast markets go, which stand first but are found last. */
static cJSON *put_risk(struct perp_out *out, cJSON *root, const struct perp_taken_state *state) {
    const perp_monitor_state *s = state->s;
    const perp_monitor_risk *stats = &s->risk;
    cJSON *json = perp_out_object(out, root, "risk_stats");
    cJSON *fast = perp_out_array(out, json, "fast_markets");
    cJSON *delayed = perp_out_array(out, json, "delayed_exchanges");
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        if (s->exchanges[id].delayed)
            perp_out_item(out, delayed, s->capital[id].exchange);
    PERP_MONITOR_RISK_LIST(PUT)
    cJSON *refusals = perp_out_object(out, json, "refusals");
    for (uint32_t i = 0; i < PERP_RULE_COUNT; i++)
        perp_out_count(out, refusals, perp_reason_string(perp_rules[i]),
                       s->refusals[perp_rules[i]]);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        if (state->host_rules[i][0])
            perp_out_count(out, refusals, state->host_rules[i],
                           s->refusals[PERP_REASON_HOST_1 + i]);
    return fast;
}

static void put_fast(struct perp_out *out, cJSON *list, const char *exchange,
                     const perp_instrument_spec *spec, double volatility) {
    cJSON *row = perp_out_object(out, list, NULL);
    perp_out_text(out, row, "exchange", exchange);
    perp_out_text(out, row, "symbol", spec->symbol);
    perp_out_number(out, row, "short_term_volatility", volatility);
}

static void put_market_row(struct perp_out *out, cJSON *json, const perp_instrument_spec *spec,
                           const perp_market_state *market) {
    struct {
        const char *symbol;
        double last, bid, ask, spread, spread_bps, short_term_volatility, funding_rate;
        int64_t next_funding, timestamp;
    } row = {spec->symbol,
             market->last,
             market->bid,
             market->ask,
             market->ask - market->bid,
             market->spread_bps,
             market->volatility,
             market->funding_rate,
             market->next_funding_ns,
             market->quote_time_ns},
      *stats = &row;
    PERP_MONITOR_MARKET_LIST(PUT)
}

/* symbols: by symbol its object, once there. */
static void put_market(struct perp_out *out, const struct market_part *part, cJSON **symbols,
                       perp_instrument_id id) {
    const perp_core *core = part->state->core;
    const struct perp_instrument_entry *entry = perp_instrument_at(core, id);
    const perp_instrument_spec *spec = &entry->spec;
    const char *exchange = exchange_name(core, spec->exchange);
    perp_market_state market;
    perp_market_state_of(core->market, id, part->state->s->now_ns,
                         part->state->volatility_threshold, &market);
    if (market.fast)
        put_fast(out, part->fast, exchange, spec, market.volatility);
    if (!isnan(market.funding_rate) || spec->kind == PERP_KIND_PERP)
        perp_out_number(out, part->rates[spec->exchange], spec->symbol, market.funding_rate);
    cJSON **symbol = &symbols[entry->symbol];
    if (!*symbol)
        *symbol = perp_out_object(out, part->json, spec->symbol);
    put_market_row(out, perp_out_object(out, *symbol, exchange), spec, &market);
}

/* Where there are more symbols than that, memory is needed. */
#define FEW_SYMBOLS 512

static void walk_markets(struct perp_out *out, const struct market_part *part, cJSON **symbols) {
    memset(symbols, 0, part->state->n_symbols * sizeof *symbols);
    for (perp_instrument_id id = 0; id < part->state->budgets.n_instruments && !out->failed; id++)
        put_market(out, part, symbols, id);
}

static perp_status put_markets(struct perp_out *out, const struct market_part *part) {
    perp_core *core = part->state->core;
    uint32_t n = part->state->n_symbols;
    cJSON *few[FEW_SYMBOLS];
    if (n <= FEW_SYMBOLS) {
        walk_markets(out, part, few);
        return PERP_OK;
    }
    perp_lock(core);
    cJSON **many = perp_alloc(core, n * sizeof *many);
    perp_unlock(core);
    if (!many)
        return PERP_E_NOMEM;
    walk_markets(out, part, many);
    perp_lock(core);
    perp_free(core, many, n * sizeof *many);
    perp_unlock(core);
    return PERP_OK;
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

static perp_status put_state(struct perp_out *out, cJSON *root,
                             const struct perp_taken_state *state) {
    const perp_monitor_state *s = state->s;
    struct market_part part = {.state = state};
    put_global(out, root, &s->global);
    cJSON *capital = perp_out_object(out, root, "capital_stats");
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        put_capital(out, capital, &s->capital[id]);
    cJSON *exchanges = perp_out_object(out, root, "exchange_stats");
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        part.rates[id] = put_exchange(out, exchanges, s->capital[id].exchange, &s->exchanges[id]);
    put_jobs(out, root, state);
    part.fast = put_risk(out, root, state);
    part.json = perp_out_object(out, root, "market_stats");
    perp_status status = put_markets(out, &part);
    perp_out_positions(out, root, state->core, state->shown);
    perp_out_orders(out, root, state->core, s);
    struct alert_list alerts = {out, perp_out_array(out, root, "alerts")};
    if (status == PERP_OK)
        status = perp_alerts_each(state, put_alert, &alerts);
    perp_out_time(out, root, "last_update", s->last_update_ns);
    return status == PERP_OK && out->failed ? PERP_E_NOMEM : status;
}

/* Takes a state and passes it to `use`. The snapshot lies on the stack: an allocator is called
   under the lock, and one that has a large block to find or to take back makes decisions wait.
   shown: where positions go; NULL: nobody asks for them. */
static perp_status with_state(const perp_core *core, int64_t now_ns, struct perp_shown *shown,
                              perp_status (*use)(void *user, const struct perp_taken_state *state),
                              void *user) {
    struct perp_taken_state state;
    state.shown = shown;
    perp_monitor_state s;
    perp_status status = perp_state_take(core, now_ns, &s, &state);
    if (status == PERP_OK)
        status = use(user, &state);
    perp_state_close(&state);
    return status;
}

/* Where the text goes. */
struct text_room {
    char *buffer;
    size_t capacity;
    size_t *length;
};

/* Printed while the state is there: its names are in the JSON. */
static perp_status make_json(void *user, const struct perp_taken_state *state) {
    const struct text_room *room = user;
    struct perp_out out = {false, state->host_rules};
    cJSON *root = cJSON_CreateObject();
    perp_status status = put_state(&out, root, state);
    if (status == PERP_OK)
        return perp_json_finish(root, room->buffer, room->capacity, room->length);
    cJSON_Delete(root);
    return status;
}

perp_status perp_monitor_json(const perp_core *core, int64_t now_ns, char *buffer, size_t capacity,
                              size_t *length) {
    if (!core || !length || (capacity && !buffer))
        return perp_fail(core, PERP_E_INVALID, "monitor: NULL");
    struct text_room room = {buffer, capacity, length};
    struct perp_shown shown;
    shown.all = true;
    perp_status status = with_state(core, now_ns, &shown, make_json, &room);
    if (status == PERP_E_RANGE)
        return perp_fail(core, status, "monitor: needs %zu bytes, has %zu", *length + 1, capacity);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "monitor: no memory");
}

struct alert_rows {
    perp_alert *alerts;
    uint32_t capacity;
    uint32_t count;
};

static void take_alert(void *user, const perp_alert *alert) {
    struct alert_rows *rows = user;
    if (rows->count < rows->capacity)
        rows->alerts[rows->count] = *alert;
    rows->count++;
}

static perp_status list_alerts(void *user, const struct perp_taken_state *state) {
    return perp_alerts_each(state, take_alert, user);
}

perp_status perp_monitor_alerts(const perp_core *core, int64_t now_ns, perp_alert *alerts,
                                uint32_t capacity, uint32_t *count) {
    if (!core || !count || (capacity && !alerts))
        return perp_fail(core, PERP_E_INVALID, "alerts: NULL");
    struct alert_rows rows = {alerts, capacity, 0};
    perp_status status = with_state(core, now_ns, NULL, list_alerts, &rows);
    if (status == PERP_OK)
        *count = rows.count;
    return status;
}
