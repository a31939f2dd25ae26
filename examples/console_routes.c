/* What the console answers, path by path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "util/json.h"

static const char json_type[] = "application/json";

void console_reply_error(struct console_reply *reply, unsigned status, const char *why) {
    reply->status = status;
    cJSON_Delete(reply->json);
    reply->json = cJSON_CreateObject();
    if (cJSON_AddStringToObject(reply->json, "error", why) == NULL) {
        cJSON_Delete(reply->json);
        reply->json = NULL;
    }
}

static void reply_json(struct console_reply *reply, cJSON *json) {
    reply->status = 200;
    reply->json = json;
    if (json == NULL)
        console_reply_error(reply, 503, "no memory");
}

static void reply_text(struct console_reply *reply, struct console_text *text, const char *type) {
    reply->status = 200;
    reply->text = text;
    reply->type = type;
    if (text == NULL)
        console_reply_error(reply, 503, "no memory");
}

#define ROUTE(name)                                                                                \
    static void name(struct console_host *host, struct console_events *events,                     \
                     const struct console_figures *figures, struct console_reply *reply)

ROUTE(get_state) {
    (void)host;
    (void)figures;
    reply_text(reply, console_events_state(events), json_type);
}

/* A part of the state as everybody sees it. */
ROUTE(get_positions) {
    (void)host;
    (void)figures;
    struct console_text *text = console_events_state(events);
    cJSON *state = text == NULL ? NULL : cJSON_ParseWithLength(text->bytes, text->length);
    console_text_drop(text);
    reply_json(reply, cJSON_DetachItemFromObjectCaseSensitive(state, "positions_stats"));
    cJSON_Delete(state);
}

ROUTE(get_capital) {
    (void)events;
    (void)figures;
    reply_json(reply, console_capital_json(host));
}

ROUTE(get_running) {
    static const uint32_t states[] = {PERP_JOB_RUNNING};
    (void)events;
    (void)figures;
    reply_json(reply, console_jobs_json(host, states, 1));
}

ROUTE(get_pending) {
    static const uint32_t states[] = {PERP_JOB_PENDING};
    (void)events;
    (void)figures;
    reply_json(reply, console_jobs_json(host, states, 1));
}

ROUTE(get_open) {
    static const uint32_t states[] = {PERP_JOB_OPEN};
    (void)events;
    (void)figures;
    reply_json(reply, console_jobs_json(host, states, 1));
}

ROUTE(get_rules) {
    (void)events;
    (void)figures;
    size_t length = 0;
    const perp_risk *risk = perp_core_risk(host->core);
    struct console_text *text = NULL;
    if (perp_risk_describe_json(risk, NULL, 0, &length) == PERP_E_RANGE)
        text = console_text_new(NULL, length + 64); /* counts may grow by some digits */
    if (text != NULL &&
        perp_risk_describe_json(risk, text->bytes, text->length + 1, &length) == PERP_OK) {
        text->length = length;
    } else {
        console_text_drop(text);
        text = NULL;
    }
    reply_text(reply, text, json_type);
}

/* What waits for a person. */
static cJSON *latches_json(const struct console_host *host, const perp_latch *latches, uint32_t n) {
    static const char *const kinds[] = {"halt", "strategy", "drift", "repair"};
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "latches");
    bool good = list != NULL;
    for (uint32_t i = 0; i < n && good; i++) {
        const perp_latch *latch = &latches[i];
        perp_instrument_spec instrument = {.struct_size = sizeof instrument};
        perp_exchange_spec exchange = {.struct_size = sizeof exchange};
        char subject[2 * PERP_NAME_SIZE];
        snprintf(subject, sizeof subject, "%s",
                 latch->kind == PERP_LATCH_HALT       ? "book"
                 : latch->kind == PERP_LATCH_STRATEGY ? perp_strategy_string(latch->strategy)
                                                      : latch->base);
        if (latch->kind == PERP_LATCH_DRIFT &&
            perp_instrument_get(host->core, latch->instrument, &instrument) == PERP_OK &&
            perp_exchange_get(host->core, instrument.exchange, &exchange) == PERP_OK)
            snprintf(subject, sizeof subject, "%s %s", exchange.name, instrument.symbol);
        cJSON *row = cJSON_CreateObject();
        good = row != NULL && cJSON_AddItemToArray(list, row) &&
               cJSON_AddStringToObject(row, "kind", kinds[latch->kind]) != NULL &&
               cJSON_AddStringToObject(row, "subject", subject) != NULL &&
               perp_json_add_time(row, "since", latch->since_ns) &&
               cJSON_AddStringToObject(row, "by", latch->by) != NULL &&
               cJSON_AddStringToObject(row, "lifted_by", latch->lifted_by) != NULL;
    }
    if (good)
        return json;
    cJSON_Delete(json);
    return NULL;
}

ROUTE(get_latches) {
    (void)events;
    (void)figures;
    const perp_risk *risk = perp_core_risk(host->core);
    perp_latch *latches = NULL;
    uint32_t n = 0, more = 0;
    cJSON *json = NULL;
    if (perp_risk_latches(risk, NULL, 0, &n) == PERP_OK)
        latches = calloc((size_t)n + 1, sizeof *latches);
    if (latches != NULL && perp_risk_latches(risk, latches, n, &more) == PERP_OK)
        json = latches_json(host, latches, more < n ? more : n);
    free(latches);
    reply_json(reply, json);
}

ROUTE(get_feasibility) {
    (void)events;
    (void)figures;
    reply_json(reply, console_feasibility_json(host));
}

ROUTE(get_log) {
    (void)host;
    (void)figures;
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "actions");
    bool good = list != NULL;
    pthread_mutex_lock(&events->lock);
    uint64_t n = events->n_controls;
    for (uint64_t i = 0; i < n && i < CONSOLE_CONTROLS && good; i++) {
        cJSON *row = cJSON_CreateObject();
        good = row != NULL && cJSON_AddItemToArray(list, row) &&
               console_add_control(row, &events->controls[(n - 1 - i) % CONSOLE_CONTROLS]);
    }
    pthread_mutex_unlock(&events->lock);
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    reply_json(reply, json);
}

ROUTE(get_console) {
    (void)events;
    (void)figures;
    const char *why;
    bool healthy = console_host_healthy(host, &why);
    cJSON *json = cJSON_CreateObject();
    bool good = cJSON_AddStringToObject(json, "version", perp_version_string()) != NULL;
    good = good && cJSON_AddStringToObject(json, "market", host->options->market) != NULL;
    good = good && perp_json_add_double(json, "speed", host->options->speed);
    good = good && perp_json_add_time(json, "market_time", console_host_now(host));
    good = good && cJSON_AddBoolToObject(json, "ended", atomic_load(&host->ended)) != NULL;
    good = good && cJSON_AddBoolToObject(json, "stored", host->options->store != NULL) != NULL;
    good = good && cJSON_AddBoolToObject(json, "deciding", healthy) != NULL;
    good = good && cJSON_AddStringToObject(json, "failure", why) != NULL;
    if (!good) {
        cJSON_Delete(json);
        json = NULL;
    }
    reply_json(reply, json);
}

ROUTE(get_metrics) {
    (void)host;
    reply_text(reply, console_events_metrics(events, figures),
               "text/plain; version=0.0.4; charset=utf-8");
}

ROUTE(get_health) {
    (void)events;
    (void)figures;
    const char *why;
    bool healthy = console_host_healthy(host, &why);
    cJSON *json = cJSON_CreateObject();
    /* Anybody may ask: why it fails is not for anybody. */
    if (cJSON_AddStringToObject(json, "status", healthy ? "ok" : "failing") == NULL) {
        cJSON_Delete(json);
        json = NULL;
    }
    reply_json(reply, json);
    if (!healthy && json != NULL)
        reply->status = 503;
}

static const struct console_route routes[] = {
    {"/healthz", true, false, get_health, false},
    {"/metrics", false, false, get_metrics, false},
    {"/api/monitoring/state", false, false, get_state, false},
    {"/api/events", false, true, get_state, false},
    {"/api/capital/snapshot", false, false, get_capital, false},
    {"/api/positions", false, false, get_positions, false},
    {"/api/orders", false, false, get_state, true},
    {"/api/jobs/running", false, false, get_running, false},
    {"/api/jobs/pending", false, false, get_pending, false},
    {"/api/jobs/open", false, false, get_open, false},
    {"/api/risk/rules", false, false, get_rules, false},
    {"/api/latches", false, false, get_latches, false},
    {"/api/feasibility", false, false, get_feasibility, false},
    {"/api/control/log", false, false, get_log, false},
    {"/api/console", false, false, get_console, false},
};

const struct console_route *console_route_of(const char *path, const char **job) {
    static const struct console_route control = {"/api/control/", false, false, NULL, false};
    static const struct console_route one_job = {"/api/jobs/", false, false, get_running, false};
    *job = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(path, routes[i].path) == 0)
            return &routes[i];
    size_t length = strlen(control.path);
    if (strncmp(path, control.path, length) == 0)
        return console_control_known(path + length) ? &control : NULL;
    length = strlen(one_job.path);
    if (strncmp(path, one_job.path, length) != 0 || path[length] == '\0' ||
        strchr(path + length, '/') != NULL)
        return NULL;
    *job = path + length;
    return &one_job;
}

void console_reply_orders(struct console_host *host, const struct console_query *query,
                          struct console_reply *reply) {
    cJSON *json;
    const char *why;
    perp_status status =
        console_orders_json(host->core, console_host_now(host), query, &json, &why);
    if (status == PERP_OK)
        reply_json(reply, json);
    else
        console_reply_error(reply,
                            status == PERP_E_INVALID     ? 400
                            : status == PERP_E_NOT_FOUND ? 404
                                                         : 503,
                            why);
}

void console_reply_job(struct console_host *host, const char *id, struct console_reply *reply) {
    perp_uuid uuid;
    cJSON *json = NULL;
    if (perp_uuid_parse(id, strlen(id), &uuid) != PERP_OK) {
        console_reply_error(reply, 400, "the id of a job is a UUID");
        return;
    }
    perp_status status = console_job_json(host, &uuid, &json);
    if (status == PERP_E_NOT_FOUND)
        console_reply_error(reply, 404, "no such job is known (any more)");
    else
        reply_json(reply, json);
}
