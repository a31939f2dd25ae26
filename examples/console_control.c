/* What people may do through the console. Each action has the fields that it takes; all of them
   take an actor and a reason, and the library says where it must have them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "console.h"
#include "util/json.h"
#include "util/text.h"

struct request {
    const cJSON *body;
    struct console_host *host;
    perp_call call;
    struct console_control *control;
    cJSON *answer;
    char bad[160]; /* a field that can't be used; nothing was tried */
};

static const cJSON *field(const struct request *request, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->body, name);
    return item == NULL || cJSON_IsNull(item) ? NULL : item;
}

static bool bad(struct request *request, const char *name, const char *what) {
    snprintf(request->bad, sizeof request->bad, "%s: %s", name, what);
    return false;
}

static bool flag_of(struct request *request, const char *name, bool *value) {
    const cJSON *item = field(request, name);
    if (item == NULL || !perp_json_bool(item, value))
        return bad(request, name, "must be true or false");
    request->control->enabled = *value;
    return true;
}

/* given is NULL where the job must be named. */
static bool job_of(struct request *request, perp_uuid *id, bool *given) {
    const cJSON *item = field(request, "job_id");
    if (given != NULL)
        *given = item != NULL;
    if (item == NULL)
        return given != NULL || bad(request, "job_id", "is missing");
    if (!perp_json_uuid(item, id))
        return bad(request, "job_id", "must be a UUID");
    char text[37];
    perp_uuid_format(id, text);
    snprintf(request->control->subject, sizeof request->control->subject, "job %s", text);
    return true;
}

static perp_status do_pause(struct request *request) {
    return perp_scheduler_pause(perp_core_scheduler(request->host->core), &request->call);
}

/* Where nobody decides any more nothing would go on: what is left to do is said. */
static perp_status do_resume(struct request *request) {
    const char *why;
    if (!console_host_healthy(request->host, &why)) {
        snprintf(request->bad, sizeof request->bad, "%.120s: start the console again", why);
        return PERP_E_STATE;
    }
    return perp_scheduler_resume(perp_core_scheduler(request->host->core), &request->call);
}

static perp_status do_reset_halt(struct request *request) {
    return perp_risk_reset_halt(perp_core_risk(request->host->core), &request->call);
}

static perp_status do_set_mode(struct request *request) {
    const cJSON *item = field(request, "mode");
    uint32_t mode = 0;
    while (perp_json_is_string(item) && mode < PERP_MODE_COUNT &&
           strcmp(perp_json_text(item), perp_mode_string(mode)) != 0)
        mode++;
    if (!perp_json_is_string(item) || mode == PERP_MODE_COUNT) {
        bad(request, "mode", "must be conservative, balanced or aggressive");
        return PERP_E_INVALID;
    }
    snprintf(request->control->subject, sizeof request->control->subject, "%s",
             perp_mode_string(mode));
    return perp_risk_set_mode(perp_core_risk(request->host->core), &request->call, mode);
}

static perp_status do_override(struct request *request) {
    bool enabled, one_job;
    int64_t ttl_ms = PERP_TIME_NONE;
    perp_uuid job;
    if (!flag_of(request, "enabled", &enabled) || !job_of(request, &job, &one_job))
        return PERP_E_INVALID;
    const cJSON *item = field(request, "ttl_ms");
    if (item != NULL && (!perp_json_is_number(item) || !perp_json_int64(item, &ttl_ms))) {
        bad(request, "ttl_ms", "must be a whole number");
        return PERP_E_INVALID;
    }
    return perp_risk_manual_override(perp_core_risk(request->host->core), &request->call, enabled,
                                     ttl_ms, one_job ? &job : NULL);
}

static bool add_killed(struct request *request, const perp_uuid *jobs, uint32_t count) {
    cJSON *list = cJSON_AddArrayToObject(request->answer, "cancelled_orders_of");
    bool good = list != NULL;
    for (uint32_t i = 0; i < count && good; i++) {
        char text[37];
        perp_uuid_format(&jobs[i], text);
        good = cJSON_AddItemToArray(list, cJSON_CreateString(text));
    }
    return good;
}

/* What may still fill there. */
static bool add_not_ended(struct request *request, perp_exchange_id exchange) {
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_NOT_ENDED;
    filter.exchange = exchange;
    cJSON *list = cJSON_AddArrayToObject(request->answer, "orders");
    return list != NULL &&
           console_add_orders(list, request->host->core, &filter, CONSOLE_MOST_ORDERS,
                              request->call.now_ns, NULL) == PERP_OK;
}

static perp_status do_kill(struct request *request) {
    bool enabled;
    perp_exchange_id exchange = PERP_ALL_EXCHANGES;
    if (!flag_of(request, "enabled", &enabled))
        return PERP_E_INVALID;
    const cJSON *item = field(request, "exchange");
    if (item != NULL && !perp_json_is_string(item)) {
        bad(request, "exchange", "must be a name");
        return PERP_E_INVALID;
    }
    perp_text_show(item != NULL ? perp_json_text(item) : "all exchanges", request->control->subject,
                   sizeof request->control->subject);
    if (item != NULL) {
        perp_status found =
            perp_exchange_find(request->host->core, perp_json_text(item), &exchange);
        if (found != PERP_OK) {
            bad(request, "exchange", "there is none of this name");
            return found;
        }
    }
    perp_uuid jobs[256];
    uint32_t count = 0;
    perp_status status =
        perp_scheduler_kill(perp_core_scheduler(request->host->core), &request->call, enabled,
                            exchange, jobs, sizeof jobs / sizeof *jobs, &count);
    if (status == PERP_OK && enabled &&
        (!add_killed(request, jobs, count < 256 ? count : 256) ||
         !add_not_ended(request, exchange)))
        fputs("perpcore-console: no memory for an answer\n", stderr);
    return status;
}

static bool name_of(struct request *request, const char *name, const char **text) {
    const cJSON *item = field(request, name);
    if (item == NULL)
        return bad(request, name, "is missing");
    if (!perp_json_is_string(item))
        return bad(request, name, "must be a name");
    *text = perp_json_text(item);
    return true;
}

static bool base_of(struct request *request, const char **base) {
    if (!name_of(request, "base", base))
        return false;
    perp_text_show(*base, request->control->subject, sizeof request->control->subject);
    return true;
}

static perp_status do_resolve(struct request *request) {
    const char *base;
    if (!base_of(request, &base))
        return PERP_E_INVALID;
    return perp_resolve(request->host->core, &request->call, base);
}

static perp_status do_resume_repair(struct request *request) {
    const char *base;
    if (!base_of(request, &base))
        return PERP_E_INVALID;
    return perp_resume_repair(request->host->core, &request->call, base);
}

static perp_status do_accept_position(struct request *request) {
    const perp_core *core = request->host->core;
    const char *exchange, *symbol;
    perp_exchange_id exchange_id;
    perp_instrument_id id;
    if (!name_of(request, "exchange", &exchange) || !name_of(request, "symbol", &symbol))
        return PERP_E_INVALID;
    char both[2 * PERP_NAME_SIZE];
    snprintf(both, sizeof both, "%.60s %.60s", exchange, symbol);
    perp_text_show(both, request->control->subject, sizeof request->control->subject);
    perp_status status = perp_exchange_find(core, exchange, &exchange_id);
    if (status == PERP_OK)
        status = perp_instrument_find(core, exchange_id, symbol, &id);
    if (status != PERP_OK) {
        bad(request, "symbol", "there is none of this name on an exchange of that name");
        return status;
    }
    return perp_accept_position(request->host->core, &request->call, id);
}

static bool add_flattened(const struct request *request, const perp_flatten_item *item) {
    const bool is_job = item->kind == PERP_FLATTEN_JOB;
    perp_instrument_spec spec;
    perp_exchange_spec exchange;
    perp_instrument_spec_init(&spec);
    perp_exchange_spec_init(&exchange);
    if (perp_instrument_get(request->host->core, item->instrument, &spec) != PERP_OK ||
        perp_exchange_get(request->host->core, spec.exchange, &exchange) != PERP_OK)
        return false;
    cJSON *row = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(
            cJSON_GetObjectItemCaseSensitive(request->answer, is_job ? "jobs" : "left"), row))
        return false;
    char id[37];
    perp_uuid_format(&item->job_id, id);
    bool good = !is_job || cJSON_AddStringToObject(row, "job_id", id) != NULL;
    good = good && cJSON_AddStringToObject(row, "exchange", exchange.name) != NULL;
    good = good && cJSON_AddStringToObject(row, "symbol", spec.symbol) != NULL;
    if (is_job)
        return good && perp_json_add_double(row, "quantity", item->quantity);
    return good && cJSON_AddStringToObject(row, "why",
                                           item->kind == PERP_FLATTEN_NO_PRICE ? "no_price"
                                                                               : "min_qty") != NULL;
}

/* Of an exchange, a base, or all. A key that is not given is a new one. */
static bool flatten_of(struct request *request, perp_exchange_id *exchange, const char **base,
                       perp_uuid *key) {
    const char *name = NULL;
    *exchange = PERP_ALL_EXCHANGES;
    *base = NULL;
    if (field(request, "exchange") != NULL && !name_of(request, "exchange", &name))
        return false;
    if (field(request, "base") != NULL && !name_of(request, "base", base))
        return false;
    if (name != NULL && perp_exchange_find(request->host->core, name, exchange) != PERP_OK)
        return bad(request, "exchange", "there is none of this name");
    if (field(request, "key") != NULL && !perp_json_uuid(field(request, "key"), key))
        return bad(request, "key", "must be a UUID");
    if (field(request, "key") == NULL && getrandom(key, sizeof *key, 0) != sizeof *key)
        return bad(request, "key", "is missing");
    char both[2 * PERP_NAME_SIZE];
    snprintf(both, sizeof both, "%.60s on %.60s", *base != NULL ? *base : "all",
             name != NULL ? name : "all exchanges");
    perp_text_show(both, request->control->subject, sizeof request->control->subject);
    return true;
}

static perp_status do_flatten(struct request *request) {
    perp_core *core = request->host->core;
    perp_exchange_id exchange;
    const char *base;
    perp_uuid key;
    if (!flatten_of(request, &exchange, &base, &key))
        return PERP_E_INVALID;
    perp_flatten_result result;
    perp_flatten_result_init(&result);
    result.capacity = perp_instrument_count(core) + 1;
    result.items = calloc(result.capacity, sizeof *result.items);
    if (result.items == NULL)
        return PERP_E_NOMEM;
    perp_status status = perp_scheduler_flatten(perp_core_scheduler(core), &request->call, exchange,
                                                base, &key, &result);
    bool good = status != PERP_OK || (cJSON_AddArrayToObject(request->answer, "jobs") != NULL &&
                                      cJSON_AddArrayToObject(request->answer, "left") != NULL);
    for (uint32_t i = 0; i < result.count && i < result.capacity && good && status == PERP_OK; i++)
        good = add_flattened(request, &result.items[i]);
    if (!good)
        fputs("perpcore-console: no memory for an answer\n", stderr);
    free(result.items);
    return status;
}

static perp_status do_cancel(struct request *request) {
    perp_uuid job;
    if (!job_of(request, &job, NULL))
        return PERP_E_INVALID;
    return console_host_cancel(request->host, &request->call, &job);
}

#define MORE_FIELDS 4
static const struct action {
    const char *name;
    const char *fields[MORE_FIELDS]; /* besides actor and reason */
    perp_status (*act)(struct request *request);
} actions[] = {{"pause", {NULL}, do_pause},
               {"resume", {NULL}, do_resume},
               {"set_risk_mode", {"mode", NULL}, do_set_mode},
               {"manual_override", {"enabled", "ttl_ms", "job_id", NULL}, do_override},
               {"kill", {"enabled", "exchange", NULL}, do_kill},
               {"reset_halt", {NULL}, do_reset_halt},
               {"resolve", {"base", NULL}, do_resolve},
               {"resume_repair", {"base", NULL}, do_resume_repair},
               {"accept_position", {"exchange", "symbol", NULL}, do_accept_position},
               {"flatten", {"exchange", "base", "key", NULL}, do_flatten},
               {"cancel", {"job_id", NULL}, do_cancel}};

static const struct action *action_of(const char *name) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

bool console_control_known(const char *name) {
    return action_of(name) != NULL;
}

static unsigned http_of(perp_status status) {
    switch (status) {
    case PERP_OK:
        return 200;
    case PERP_E_NOT_FOUND:
        return 404;
    case PERP_E_EXISTS:
    case PERP_E_CONFLICT:
    case PERP_E_STATE:
    case PERP_E_STALE:
        return 409;
    case PERP_E_NOMEM:
    case PERP_E_STORE:
    case PERP_E_BUSY:
        return 503;
    case PERP_E_CORRUPT:
        return 500;
    default:
        return 400;
    }
}

static bool text_field(struct request *request, const char *name, const char **text) {
    const cJSON *item = field(request, name);
    *text = NULL;
    if (item == NULL)
        return true;
    if (!perp_json_is_string(item))
        return bad(request, name, "must be a text");
    *text = perp_json_text(item);
    return true;
}

/* Who and why, and nothing that the action does not know. */
static bool read_common(struct request *request, const struct action *action) {
    const char *names[MORE_FIELDS + 2] = {"actor", "reason"};
    for (size_t i = 0; action->fields[i] != NULL; i++)
        names[2 + i] = action->fields[i];
    if (!cJSON_IsObject(request->body))
        return bad(request, "body", "must be a JSON object");
    const char *odd = perp_json_odd_name(request->body, names);
    if (odd != NULL) {
        char shown[64];
        perp_text_show(odd, shown, sizeof shown);
        return bad(request, shown, "is no field of this action, or is there twice");
    }
    return text_field(request, "actor", &request->call.actor) &&
           text_field(request, "reason", &request->call.reason);
}

static void act(struct request *request, const struct action *action,
                struct console_answer *answer) {
    struct console_control *control = request->control;
    perp_status status = action->act(request);
    if (status == PERP_OK && perp_core_flush(request->host->core) != PERP_OK)
        status = PERP_E_STORE; /* done, but it may not outlive the process */
    control->status = status;
    if (status != PERP_OK)
        snprintf(control->result, sizeof control->result, "%s",
                 *request->bad != '\0' ? request->bad : perp_core_error(request->host->core));
    answer->status = http_of(status);
}

static void start_control(struct request *request, const struct action *action) {
    struct console_control *control = request->control;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    control->wall_ns = time.tv_sec * CONSOLE_SECOND + time.tv_nsec;
    control->time_ns = request->call.now_ns;
    snprintf(control->action, sizeof control->action, "%s", action->name);
    if (request->call.actor != NULL)
        perp_text_show(request->call.actor, control->actor, sizeof control->actor);
    if (request->call.reason != NULL)
        perp_text_show(request->call.reason, control->reason, sizeof control->reason);
}

static void say_error(struct console_answer *answer, const char *why, const char *code) {
    cJSON_AddBoolToObject(answer->json, "ok", false);
    cJSON_AddStringToObject(answer->json, "error", why);
    cJSON_AddStringToObject(answer->json, "status", code);
}

void console_control(struct console_host *host, struct console_events *events, const char *name,
                     const char *body, size_t length, struct console_answer *answer) {
    const struct action *action = action_of(name);
    struct console_control control = {.enabled = -1};
    struct request request = {.host = host, .control = &control};
    const char *why = NULL;
    cJSON *json = perp_json_parse(body, length, &why);
    answer->json = request.answer = cJSON_CreateObject();
    answer->status = 400;
    perp_call_init(&request.call);
    request.call.now_ns = console_host_now(host);
    request.body = json;
    if (json == NULL) {
        char text[160];
        snprintf(text, sizeof text, "not valid JSON: %s", why);
        say_error(answer, text, "PERP_E_INVALID");
    } else if (action == NULL || !read_common(&request, action)) {
        say_error(answer, request.bad, "PERP_E_INVALID");
    } else {
        start_control(&request, action);
        act(&request, action, answer);
        if (control.status == PERP_OK)
            cJSON_AddBoolToObject(answer->json, "ok", true);
        else
            say_error(answer, control.result, perp_status_string(control.status));
        fprintf(stderr, "perpcore-console: %s %s: %s\n", control.action, control.subject,
                control.status == PERP_OK ? "done" : control.result);
        console_events_control(events, &control);
    }
    cJSON_Delete(json);
}
