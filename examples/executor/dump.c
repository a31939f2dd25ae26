/* What the book says in the end, as JSON, to be held against what the exchange says. */
#include <stdio.h>
#include <stdlib.h>

#include "executor.h"

static void add_order(const executor *ex, uint64_t number, cJSON *rows) {
    perp_order_info info = {.struct_size = sizeof info};
    perp_exchange_spec exchange;
    perp_exchange_spec_init(&exchange);
    if (perp_orders_get(ex->orders, number, &info) != PERP_OK ||
        perp_exchange_get(ex->core, info.exchange, &exchange) != PERP_OK)
        return;
    cJSON *row = cJSON_CreateObject();
    char id[37];
    perp_uuid_format(&info.job_id, id);
    cJSON_AddItemToArray(rows, row);
    cJSON_AddNumberToObject(row, "order", (double)info.order);
    cJSON_AddStringToObject(row, "job", id);
    cJSON_AddStringToObject(row, "exchange", exchange.name);
    cJSON_AddStringToObject(row, "client_id", info.client_id);
    cJSON_AddStringToObject(row, "exchange_id", info.exchange_id);
    cJSON_AddStringToObject(row, "state", perp_order_state_string(info.state));
    cJSON_AddNumberToObject(row, "filled", info.filled);
    cJSON_AddNumberToObject(row, "volume", (double)info.volume);
    cJSON_AddNumberToObject(row, "fees", (double)info.fees);
    cJSON_AddNumberToObject(row, "pnl", (double)info.pnl);
    cJSON_AddStringToObject(row, "text", info.text);
}

static cJSON *orders_json(const executor *ex) {
    perp_order_filter filter;
    uint32_t n = 0;
    cJSON *rows = cJSON_CreateArray();
    perp_order_filter_init(&filter);
    perp_orders_list(ex->orders, &filter, NULL, 0, &n);
    uint64_t *numbers = calloc((size_t)n + 1, sizeof *numbers);
    if (numbers == NULL)
        abort();
    perp_orders_list(ex->orders, &filter, numbers, n, &n);
    for (uint32_t i = 0; i < n; i++)
        add_order(ex, numbers[i], rows);
    free(numbers);
    return rows;
}

static cJSON *venue_json(const executor *ex, const ex_venue *venue) {
    cJSON *json = cJSON_CreateObject();
    perp_capital_state state = {.struct_size = sizeof state};
    if (perp_capital_snapshot(perp_core_capital(ex->core), venue->id, &state) == PERP_OK) {
        cJSON_AddNumberToObject(json, "equity", (double)state.equity);
        cJSON_AddNumberToObject(json, "in_flight", (double)state.total_in_flight);
        cJSON_AddNumberToObject(json, "used", (double)state.total_used);
    }
    cJSON *rows = cJSON_AddObjectToObject(json, "positions");
    for (uint32_t i = 0; i < venue->n_instruments; i++) {
        perp_position_state position = {.struct_size = sizeof position};
        if (perp_positions_query(perp_core_positions(ex->core), venue->instruments[i].id, ex_now(),
                                 &position) != PERP_OK)
            continue;
        cJSON *row = cJSON_AddObjectToObject(rows, venue->instruments[i].symbol);
        cJSON_AddNumberToObject(row, "quantity", position.quantity);
        cJSON_AddNumberToObject(row, "unexplained", position.unexplained);
        cJSON_AddBoolToObject(row, "latched", position.latched != 0);
        cJSON_AddNumberToObject(row, "step", venue->instruments[i].step);
        cJSON_AddNumberToObject(row, "lots", position.n_lots);
    }
    return json;
}

static cJSON *bases_json(const executor *ex) {
    cJSON *rows = cJSON_CreateObject();
    const perp_positions *positions = perp_core_positions(ex->core);
    for (uint32_t n = 0; n < perp_positions_base_count(positions); n++) {
        perp_base_state base = {.struct_size = sizeof base};
        if (perp_positions_base(positions, n, ex_now(), &base) != PERP_OK)
            continue;
        cJSON *row = cJSON_AddObjectToObject(rows, base.base);
        cJSON_AddNumberToObject(row, "naked", base.naked);
        cJSON_AddBoolToObject(row, "is_naked", base.is_naked != 0);
    }
    return rows;
}

static void add_counts(const executor *ex, cJSON *json) {
    perp_scheduler_state jobs = {.struct_size = sizeof jobs};
    perp_orders_state orders = {.struct_size = sizeof orders};
    perp_scheduler_query(ex->scheduler, &jobs);
    perp_orders_query(ex->orders, ex_now(), &orders);
    cJSON *row = cJSON_AddObjectToObject(json, "jobs");
    cJSON_AddNumberToObject(row, "submitted", (double)jobs.submitted_total);
    cJSON_AddNumberToObject(row, "dispatched", (double)jobs.dispatched_total);
    cJSON_AddNumberToObject(row, "running", jobs.running);
    cJSON_AddNumberToObject(row, "in_doubt", jobs.in_doubt);
    cJSON_AddNumberToObject(row, "pending", jobs.pending);
    for (uint32_t s = 0; s < PERP_JOB_STATE_COUNT; s++)
        if (jobs.ended_total[s] > 0)
            cJSON_AddNumberToObject(row, perp_job_state_string(s), (double)jobs.ended_total[s]);
    row = cJSON_AddObjectToObject(json, "counts");
    cJSON_AddNumberToObject(row, "placed", (double)orders.placed_total);
    cJSON_AddNumberToObject(row, "open", orders.open);
    cJSON_AddNumberToObject(row, "in_doubt", orders.in_doubt);
    cJSON_AddNumberToObject(row, "conflicts", (double)ex->counts.conflicts);
    cJSON_AddNumberToObject(row, "strangers", (double)ex->counts.strangers);
    cJSON_AddNumberToObject(row, "errors", (double)ex->counts.errors);
    row = cJSON_AddObjectToObject(json, "refused");
    for (uint32_t g = 0; g < PERP_MAX_GATES; g++)
        if (orders.refused_today[g] > 0)
            cJSON_AddNumberToObject(row, perp_gate_string(g), (double)orders.refused_today[g]);
}

bool ex_dump(executor *ex, const char *path) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "sound", perp_core_check(ex->core) == PERP_OK);
    add_counts(ex, json);
    cJSON *venues = cJSON_AddObjectToObject(json, "venues");
    for (uint32_t v = 0; v < ex->n_venues; v++)
        cJSON_AddItemToObject(venues, ex->venues[v].name, venue_json(ex, &ex->venues[v]));
    cJSON_AddItemToObject(json, "bases", bases_json(ex));
    cJSON_AddItemToObject(json, "orders", orders_json(ex));
    char *text = cJSON_Print(json);
    FILE *file = fopen(path, "w");
    bool good = file != NULL && text != NULL && fputs(text, file) >= 0;
    good = (file == NULL || fclose(file) == 0) && good;
    cJSON_free(text);
    cJSON_Delete(json);
    return good;
}
