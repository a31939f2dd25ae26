/* From a line to its answer: the table of ops, and the ops of the book as a whole. */
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/text.h"

#define US_TO_NS 1000

struct op {
    const char *name;
    void (*work)(struct line *line);
    const char *fields;
    bool changes;
};

static const struct op ops[] = {
#define X(name, changes, fields) {#name, scenario_##name, fields, changes},
    SCENARIO_OPS(X)
#undef X
};
#define N_OPS (sizeof ops / sizeof ops[0])

void scenario_init(struct scenario *run) {
    memset(run, 0, sizeof *run);
    perp_tick_result_init(&run->tick);
    run->tick.want_items = 2;
}

void scenario_free(struct scenario *run) {
    perp_tick_result_free(&run->tick);
    perp_core_close(run->core);
    run->core = NULL;
}

perp_status scenario_open(struct scenario *run, perp_config *config) {
    if (run->store_path) {
        perp_status status = perp_store_sqlite_open(run->store_path, NULL, &config->store);
        if (status != PERP_OK)
            return status;
    }
    config->threading = PERP_THREADING_NONE;
    config->callbacks.user = run;
    config->callbacks.execute = scenario_execute;
    return perp_core_open(config, &run->core);
}

static const struct op *find_op(struct line *line) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(line->json, "op");
    char shown[64];
    if (!cJSON_IsObject(line->json)) {
        (void)line_fail(line, PERP_E_INVALID, "a line must be an object");
        return NULL;
    }
    if (!perp_json_is_string(name)) {
        (void)line_fail(line, PERP_E_INVALID, "op: %s", name ? "must be a string" : "is missing");
        return NULL;
    }
    for (size_t i = 0; i < N_OPS; i++)
        if (strcmp(ops[i].name, name->valuestring) == 0)
            return &ops[i];
    perp_text_show(name->valuestring, shown, sizeof shown);
    (void)line_fail(line, PERP_E_INVALID, "op: %s is unknown", shown);
    return NULL;
}

static bool open_default(struct scenario *run) {
    perp_config config;
    perp_config_init(&config);
    return scenario_open(run, &config) == PERP_OK;
}

static void work(struct line *line) {
    const struct op *op = find_op(line);
    if (!op || !line_shape(line, line->json, op->fields,
                           op->changes ? "op:s t?:i actor?:s reason?:s" : "op:s t?:i"))
        return;
    line->call.now_ns = line_time_ns(line, "t", line->run->latest_us * US_TO_NS);
    line->call.actor = line_text(line, "actor");
    line->call.reason = line_text(line, "reason");
    op->work(line);
}

/* The answer of a failed line in place of what was written so far. */
static void write_error(struct line *line) {
    char message[sizeof line->message];
    cJSON_Delete(line->answer);
    line->answer = cJSON_CreateObject();
    perp_text_show(line->message, message, sizeof message);
    put_flag(line, line->answer, "ok", false);
    put_text(line, line->answer, "error", perp_status_string(line->status));
    put_text(line, line->answer, "message", message);
    if (line->known_reservation)
        put_count(line, line->answer, "reservation", line->known_reservation);
}

static char *write_answer(struct line *line) {
    char *text = NULL;
    if (line->status == PERP_OK && line->no_memory)
        (void)line_fail(line, PERP_E_NOMEM, "no memory for the answer");
    line->no_memory = false;
    if (line->status != PERP_OK)
        write_error(line);
    if (!line->no_memory)
        text = cJSON_PrintUnformatted(line->answer);
    cJSON_Delete(line->answer);
    return text;
}

char *scenario_answer(struct scenario *run, const char *text, size_t length) {
    struct line line = {.run = run};
    const char *why = "";
    int64_t now_us;
    bool is_config = false;
    bool has_time;
    char *answer;
    perp_call_init(&line.call);
    line.answer = cJSON_CreateObject();
    put_flag(&line, line.answer, "ok", true);
    line.json = perp_json_parse(text, length, &why);
    line.at = line.json;
    if (!line.json)
        (void)line_fail(&line, PERP_E_INVALID, "not JSON: %s", why);
    else
        is_config = cJSON_IsObject(line.json) && line_text(&line, "op") &&
                    strcmp(line_text(&line, "op"), "config") == 0;
    /* A book that config does not open is opened with the defaults, before other lines and after a
       config that failed. */
    if (!run->core && !is_config && !open_default(run))
        goto lost;
    if (line.json)
        work(&line);
    if (!run->core && !open_default(run))
        goto lost;
    has_time = line.status == PERP_OK && line_has(&line, "t");
    now_us = line.call.now_ns / US_TO_NS;
    answer = write_answer(&line);
    if (has_time && now_us > run->latest_us)
        run->latest_us = now_us;
    cJSON_Delete(line.json);
    return answer;
lost:
    cJSON_Delete(line.answer);
    cJSON_Delete(line.json);
    return NULL;
}

/* ---- The book as a whole -------------------------------------------------------------------- */

/* The configuration that a line gives, as text; NULL: the line failed. */
static char *config_text(struct line *line) {
    static const char *const others[] = {"op", "t", "actor", "reason"};
    if (!line_ready(line))
        return NULL;
    cJSON *parts = cJSON_Duplicate(line->json, true);
    for (size_t i = 0; parts && i < sizeof others / sizeof others[0]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(parts, others[i]);
    char *text = parts ? line_take_text(line, parts) : NULL;
    cJSON_Delete(parts);
    if (!text)
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    return text;
}

void scenario_config(struct line *line) {
    perp_config config;
    if (line->run->core) {
        (void)line_fail(line, PERP_E_STATE, "config: only as the first line");
        return;
    }
    char *text = config_text(line);
    if (!text)
        return;
    perp_config_init(&config);
    perp_status status = perp_config_from_json(text, strlen(text), &config);
    cJSON_free(text);
    if (status == PERP_OK)
        status = scenario_open(line->run, &config);
    if (status != PERP_OK)
        (void)line_fail(line, status, "%s", perp_core_error(NULL));
}

void scenario_reconfigure(struct line *line) {
    char *text = config_text(line);
    if (text)
        (void)line_did(line,
                       perp_core_reconfigure(line->run->core, &line->call, text, strlen(text)));
    cJSON_free(text);
}

void scenario_advance(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_core_advance(line->run->core, &line->call));
}

void scenario_state(struct line *line) {
    const perp_core *core = line->run->core;
    size_t length = 0;
    char *text = NULL;
    perp_status status;
    if (!line_ready(line))
        return;
    status = perp_monitor_json(core, line->call.now_ns, NULL, 0, &length);
    if (status == PERP_E_RANGE) {
        text = malloc(length + 1);
        status = text ? perp_monitor_json(core, line->call.now_ns, text, length + 1, &length)
                      : PERP_E_NOMEM;
    }
    if (line_did(line, status) && !cJSON_AddRawToObject(line->answer, "state", text))
        line->no_memory = true;
    free(text);
}

void scenario_check(struct line *line) {
    char hash[17];
    if (!line_ready(line) || !line_did(line, perp_core_check(line->run->core)))
        return;
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, perp_core_hash(line->run->core));
    put_text(line, line->answer, "hash", hash);
}

static void put_warning(struct line *line, cJSON *list, const perp_feasibility *row) {
    char name[PERP_NAME_SIZE];
    cJSON *warning = add_object(line, list);
    cJSON *exchanges;
    put_text(line, warning, "strategy", perp_strategy_string(row->strategy));
    exchanges = put_list(line, warning, "exchanges");
    exchange_name(line, row->first, name);
    add_text(line, exchanges, name);
    exchange_name(line, row->second, name);
    add_text(line, exchanges, name);
    put_money(line, warning, "largest", row->largest);
    put_money(line, warning, "smallest", row->smallest);
    put_text(line, warning, "bound_by", perp_reason_string(row->bound_by));
    if (row->never_for == row->bound_by)
        return;
    put_text(line, warning, "never_for", perp_reason_string(row->never_for));
    put_number(line, warning, "safety_score", row->safety_score);
    put_number(line, warning, "min_safety_score", row->min_safety_score);
    put_number(line, warning, "cost_bps", row->cost_bps);
    put_number(line, warning, "least_edge_bps", row->least_edge_bps);
}

/* Warns of the pairs where no job of a strategy could ever pass: none that is large enough for
   their instruments, or none whatever the market. */
void scenario_feasibility(struct line *line) {
    const perp_core *core = line->run->core;
    perp_feasibility *rows;
    uint32_t count = 0;
    cJSON *list;
    if (!line_ready(line) || !line_did(line, perp_core_feasibility(core, NULL, 0, &count)))
        return;
    rows = calloc((size_t)count + 1, sizeof *rows);
    if (!rows) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    list = put_list(line, line->answer, "warnings");
    if (line_did(line, perp_core_feasibility(core, rows, count, &count)))
        for (uint32_t i = 0; i < count; i++)
            if (rows[i].never_for != PERP_REASON_NONE)
                put_warning(line, list, &rows[i]);
    free(rows);
}

void scenario_checkpoint(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_core_checkpoint(line->run->core));
}

void scenario_reopen(struct line *line) {
    struct scenario *run = line->run;
    perp_config config;
    perp_status status;
    if (!line_ready(line))
        return;
    if (!run->store_path) {
        (void)line_fail(line, PERP_E_STATE, "this book has no store");
        return;
    }
    perp_core_close(run->core);
    run->core = NULL;
    perp_config_init(&config);
    status = scenario_open(run, &config);
    if (status != PERP_OK)
        (void)line_fail(line, status, "%s", perp_core_error(NULL));
}
