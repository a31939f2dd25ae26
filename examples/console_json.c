/* What the console shows beside the state: jobs with their reasons, capital, feasibility. */
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "util/json.h"

static bool add_text(cJSON *json, const char *name, const char *text) {
    return (text != NULL ? cJSON_AddStringToObject(json, name, text)
                         : cJSON_AddNullToObject(json, name)) != NULL;
}

static bool add_flag(cJSON *json, const char *name, uint32_t flag) {
    return cJSON_AddBoolToObject(json, name, flag != 0) != NULL;
}

static bool add_uuid(cJSON *json, const char *name, const perp_uuid *uuid) {
    char text[37];
    perp_uuid_format(uuid, text);
    return add_text(json, name, text);
}

static const char *reason_or_null(uint32_t reason) {
    return reason == PERP_REASON_NONE ? NULL : perp_reason_string(reason);
}

/* ---- jobs ---- */

static bool add_leg(cJSON *list, const perp_core *core, const perp_leg *leg, char *symbol) {
    perp_instrument_spec instrument;
    perp_exchange_spec exchange;
    perp_instrument_spec_init(&instrument);
    perp_exchange_spec_init(&exchange);
    cJSON *json = cJSON_CreateObject();
    bool good = json != NULL && cJSON_AddItemToArray(list, json);
    good = good && perp_instrument_get(core, leg->instrument, &instrument) == PERP_OK &&
           perp_exchange_get(core, instrument.exchange, &exchange) == PERP_OK;
    good = good && add_text(json, "exchange", exchange.name);
    good = good && add_text(json, "symbol", instrument.symbol);
    good = good && add_text(json, "side", perp_side_string(leg->side));
    good = good && perp_json_add_double(json, "quantity", leg->quantity);
    good = good && perp_json_add_usd(json, "notional", leg->notional);
    good = good && perp_json_add_double(json, "leverage", leg->leverage);
    good = good && add_flag(json, "maker", leg->maker);
    if (good && *symbol == '\0')
        memcpy(symbol, instrument.symbol, sizeof instrument.symbol);
    return good;
}

static bool add_asked(cJSON *json, const perp_core *core, const perp_job *job) {
    char symbol[PERP_NAME_SIZE] = "";
    bool good = perp_json_add_usd(json, "notional", job->notional);
    good = good && perp_json_add_usd(json, "est_volume", job->est_volume);
    good = good && perp_json_add_double(json, "expected_edge_bps", job->expected_edge_bps);
    good = good && perp_json_add_double(json, "holding_hours", job->holding_hours);
    good = good && perp_json_add_int64(json, "priority", job->priority);
    good = good && perp_json_add_int64(json, "ttl_ms", job->ttl_ms);
    good = good && perp_json_add_int64(json, "max_run_ms", job->max_run_ms);
    cJSON *legs = good ? cJSON_AddArrayToObject(json, "legs") : NULL;
    good = legs != NULL;
    for (uint32_t i = 0; i < job->n_legs && good; i++)
        good = add_leg(legs, core, &job->legs[i], symbol);
    return good && add_text(json, "symbol", *symbol == '\0' ? NULL : symbol);
}

bool console_add_job(cJSON *json, perp_core *core, const perp_job_info *info) {
    bool good = json != NULL && add_uuid(json, "job_id", &info->job.job_id);
    good = good && add_text(json, "state", perp_job_state_string(info->state));
    good = good && add_text(json, "strategy", perp_strategy_string(info->job.strategy));
    good =
        good && add_text(json, "last_refusal",
                         info->last_refusal == PERP_REASON_NONE
                             ? NULL
                             : perp_risk_reason_string(perp_core_risk(core), info->last_refusal));
    good = good && perp_json_add_double(json, "score", info->score);
    good = good && add_asked(json, core, &info->job);
    good = good && add_flag(json, "reduce_only", info->reduce_only);
    good = good && add_flag(json, "overdue", info->overdue);
    good = good && add_flag(json, "is_repair", info->is_repair);
    good = good && add_flag(json, "cancel_asked", info->cancel_asked);
    good = good && perp_json_add_int64(json, "lots", info->n_lots);
    good = good && perp_json_add_usd(json, "held", info->held);
    good = good && perp_json_add_time(json, "submitted", info->submitted_ns);
    good = good && perp_json_add_time(json, "started", info->started_ns);
    good = good && perp_json_add_time(json, "ended", info->ended_ns);
    good = good && perp_json_add_usd(json, "pnl", info->pnl);
    good = good && perp_json_add_usd(json, "volume", info->volume);
    return good && perp_json_add_usd(json, "fees", info->fees);
}

/* A job that ends between the list and the question is left out. */
static bool add_jobs(cJSON *list, struct console_host *host, uint32_t state, uint32_t *count) {
    const perp_scheduler *scheduler = perp_core_scheduler(host->core);
    uint32_t there = 0;
    if (perp_scheduler_list(scheduler, state, NULL, 0, &there) != PERP_OK)
        return false;
    uint32_t room = there + 16;
    perp_uuid *ids = calloc(room, sizeof *ids);
    bool good = ids != NULL && perp_scheduler_list(scheduler, state, ids, room, &there) == PERP_OK;
    for (uint32_t i = 0; good && i < there && i < room; i++) {
        perp_job_info info = {.struct_size = sizeof info};
        if (perp_scheduler_job(scheduler, &ids[i], &info) != PERP_OK)
            continue;
        cJSON *json = cJSON_CreateObject();
        good = json != NULL && cJSON_AddItemToArray(list, json) &&
               console_add_job(json, host->core, &info);
        (*count)++;
    }
    free(ids);
    return good;
}

cJSON *console_jobs_json(struct console_host *host, const uint32_t *states, uint32_t n_states) {
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "jobs");
    uint32_t count = 0;
    bool good = list != NULL;
    for (uint32_t s = 0; s < n_states && good; s++)
        good = add_jobs(list, host, states[s], &count);
    if (good && perp_json_add_int64(json, "count", count))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool add_evaluation(cJSON *json, struct console_host *host, const perp_job *job) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    int64_t now = console_host_now(host);
    perp_status status = perp_risk_evaluate(perp_core_risk(host->core), now, job, &evaluation);
    if (status != PERP_OK)
        return add_text(json, "evaluation", NULL) &&
               add_text(json, "evaluation_error", perp_core_error(host->core));
    size_t length = 0;
    status = perp_evaluation_json(host->core, &evaluation, NULL, 0, &length);
    char *text = status == PERP_E_RANGE ? malloc(length + 1) : NULL;
    bool good = text != NULL &&
                perp_evaluation_json(host->core, &evaluation, text, length + 1, &length) == PERP_OK;
    good = good && perp_json_add_time(json, "evaluated", now) &&
           cJSON_AddRawToObject(json, "evaluation", text) != NULL;
    free(text);
    return good;
}

/* What the library wrote down when it decided: a job that no longer waits is not decided on again,
   and what counts is why it was let pass, or why it never was. */
static bool add_decisions(cJSON *json, struct console_host *host, const perp_job_info *info) {
    char *refusal, *dispatch;
    int64_t refused_ns, dispatched_ns;
    bool good = true;
    console_decisions_of(&host->decisions, &info->job.job_id, &refusal, &refused_ns, &dispatch,
                         &dispatched_ns);
    if (info->state != PERP_JOB_PENDING) {
        const char *text = dispatch != NULL ? dispatch : refusal;
        good = perp_json_add_time(json, "evaluated", dispatch != NULL ? dispatched_ns : refused_ns);
        good = good && (text != NULL ? cJSON_AddRawToObject(json, "evaluation", text)
                                     : cJSON_AddNullToObject(json, "evaluation")) != NULL;
    }
    if (refusal != NULL && good) {
        cJSON *refused = cJSON_AddObjectToObject(json, "refused");
        good = refused != NULL && perp_json_add_time(refused, "time", refused_ns) &&
               cJSON_AddRawToObject(refused, "evaluation", refusal) != NULL;
    }
    free(refusal);
    free(dispatch);
    return good;
}

static bool add_orders(cJSON *json, struct console_host *host, const perp_uuid *id) {
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    filter.has_job = 1;
    filter.job_id = *id;
    cJSON *list = cJSON_AddArrayToObject(json, "orders");
    perp_status status = list == NULL
                             ? PERP_E_NOMEM
                             : console_add_orders(list, host->core, &filter, CONSOLE_MOST_ORDERS,
                                                  console_host_now(host), NULL);
    return status == PERP_OK || status == PERP_E_NOT_FOUND; /* forgotten meanwhile */
}

perp_status console_job_json(struct console_host *host, const perp_uuid *id, cJSON **json) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_status status = perp_scheduler_job(perp_core_scheduler(host->core), id, &info);
    if (status != PERP_OK)
        return status;
    *json = cJSON_CreateObject();
    if (console_add_job(*json, host->core, &info) &&
        (info.state != PERP_JOB_PENDING || add_evaluation(*json, host, &info.job)) &&
        add_decisions(*json, host, &info) && add_orders(*json, host, id))
        return PERP_OK;
    cJSON_Delete(*json);
    *json = NULL;
    return PERP_E_NOMEM;
}

/* ---- capital ---- */

static bool add_day(cJSON *json, const char *name, const perp_day_figures *day) {
    cJSON *object = cJSON_AddObjectToObject(json, name);
    return object != NULL && perp_json_add_usd(object, "pnl", day->pnl) &&
           perp_json_add_usd(object, "volume", day->volume) &&
           perp_json_add_usd(object, "fees", day->fees) &&
           perp_json_add_usd(object, "funding", day->funding);
}

static bool add_pool(cJSON *pools, struct console_host *host, perp_exchange_id id, uint32_t pool,
                     const perp_pool_state *state) {
    perp_usd most = 0;
    uint32_t bound = PERP_REASON_NONE;
    if (perp_capital_headroom(perp_core_capital(host->core), id, pool, &most, &bound) != PERP_OK)
        return false;
    cJSON *json = cJSON_AddObjectToObject(pools, perp_pool_string(pool));
    return json != NULL && perp_json_add_usd(json, "budget", state->budget) &&
           perp_json_add_usd(json, "in_flight", state->in_flight) &&
           perp_json_add_usd(json, "used", state->used) &&
           perp_json_add_usd(json, "available", state->available) &&
           perp_json_add_double(json, "utilisation", state->utilisation) &&
           perp_json_add_usd(json, "headroom", most) &&
           add_text(json, "bound_by", reason_or_null(bound));
}

static bool add_capital(cJSON *all, struct console_host *host, perp_exchange_id id) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    perp_capital_state state = {.struct_size = sizeof state};
    if (perp_exchange_get(host->core, id, &spec) != PERP_OK ||
        perp_capital_snapshot(perp_core_capital(host->core), id, &state) != PERP_OK)
        return false;
    cJSON *json = cJSON_AddObjectToObject(all, spec.name);
    bool good = json != NULL && perp_json_add_usd(json, "equity", state.equity) &&
                perp_json_add_usd(json, "high_water", state.high_water) &&
                perp_json_add_double(json, "drawdown", state.drawdown) &&
                perp_json_add_usd(json, "day_start_equity", state.day_start_equity) &&
                add_day(json, "today", &state.today) &&
                add_day(json, "yesterday", &state.yesterday) &&
                perp_json_add_usd(json, "total_in_flight", state.total_in_flight) &&
                perp_json_add_usd(json, "total_used", state.total_used) &&
                perp_json_add_usd(json, "overcommitted", state.overcommitted) &&
                add_flag(json, "safe_mode", state.safe_mode) &&
                perp_json_add_time(json, "last_update", state.last_update_ns);
    cJSON *pools = good ? cJSON_AddObjectToObject(json, "pools") : NULL;
    good = pools != NULL;
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT && good; pool++)
        good = add_pool(pools, host, id, pool, &state.pools[pool]);
    return good;
}

cJSON *console_capital_json(struct console_host *host) {
    cJSON *json = cJSON_CreateObject();
    cJSON *all = cJSON_AddObjectToObject(json, "exchanges");
    bool good = all != NULL;
    for (perp_exchange_id id = 0; id < perp_exchange_count(host->core) && good; id++)
        good = add_capital(all, host, id);
    if (good)
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* ---- feasibility ---- */

static bool add_row(cJSON *list, struct console_host *host, const perp_feasibility *row) {
    perp_exchange_spec specs[2];
    perp_exchange_spec_init(&specs[0]);
    perp_exchange_spec_init(&specs[1]);
    cJSON *json = cJSON_CreateObject();
    return json != NULL && cJSON_AddItemToArray(list, json) &&
           perp_exchange_get(host->core, row->first, &specs[0]) == PERP_OK &&
           perp_exchange_get(host->core, row->second, &specs[1]) == PERP_OK &&
           add_text(json, "strategy", perp_strategy_string(row->strategy)) &&
           add_text(json, "first", specs[0].name) && add_text(json, "second", specs[1].name) &&
           perp_json_add_usd(json, "largest", row->largest) &&
           add_text(json, "bound_by", reason_or_null(row->bound_by)) &&
           perp_json_add_usd(json, "smallest", row->smallest) &&
           perp_json_add_double(json, "safety_score", row->safety_score) &&
           perp_json_add_double(json, "min_safety_score", row->min_safety_score) &&
           perp_json_add_double(json, "cost_bps", row->cost_bps) &&
           perp_json_add_double(json, "least_edge_bps", row->least_edge_bps) &&
           add_text(json, "never_for", reason_or_null(row->never_for));
}

cJSON *console_feasibility_json(struct console_host *host) {
    uint32_t exchanges = perp_exchange_count(host->core), count = 0;
    uint32_t room = PERP_STRATEGY_COUNT * exchanges * (exchanges + 1) / 2;
    perp_feasibility *rows = calloc(room + 1, sizeof *rows);
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "pairs");
    bool good = rows != NULL && list != NULL &&
                perp_core_feasibility(host->core, rows, room, &count) == PERP_OK;
    for (uint32_t i = 0; good && i < count && i < room; i++)
        good = add_row(list, host, &rows[i]);
    free(rows);
    if (good)
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* ---- the control log ---- */

bool console_add_control(cJSON *json, const struct console_control *control) {
    const char *text = control->result;
    return perp_json_add_time(json, "time", control->time_ns) &&
           perp_json_add_time(json, "wall_time", control->wall_ns) &&
           add_text(json, "action", control->action) &&
           add_text(json, "actor", *control->actor == '\0' ? NULL : control->actor) &&
           add_text(json, "reason", *control->reason == '\0' ? NULL : control->reason) &&
           (control->enabled < 0 || add_flag(json, "enabled", control->enabled > 0)) &&
           add_flag(json, "ok", control->status == PERP_OK) &&
           add_text(json, "detail", *text != '\0' ? text : control->subject);
}
