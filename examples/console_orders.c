/* Orders as the console shows them: those of which nobody knows first, then those that stand, then
   those that ended, the newest first. */
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "util/json.h"

static bool add_text(cJSON *json, const char *name, const char *text) {
    return (text != NULL && *text != '\0' ? cJSON_AddStringToObject(json, name, text)
                                          : cJSON_AddNullToObject(json, name)) != NULL;
}

static bool add_flag(cJSON *json, const char *name, uint32_t flag) {
    return cJSON_AddBoolToObject(json, name, flag != 0) != NULL;
}

/* 0: there is none. */
static bool add_price(cJSON *json, const char *name, double price) {
    return price > 0 ? perp_json_add_double(json, name, price)
                     : cJSON_AddNullToObject(json, name) != NULL;
}

static bool add_what(cJSON *json, const perp_core *core, const perp_order_info *order) {
    perp_instrument_spec instrument;
    perp_exchange_spec exchange;
    char job[37];
    perp_instrument_spec_init(&instrument);
    perp_exchange_spec_init(&exchange);
    perp_uuid_format(&order->job_id, job);
    return perp_instrument_get(core, order->instrument, &instrument) == PERP_OK &&
           perp_exchange_get(core, order->exchange, &exchange) == PERP_OK &&
           perp_json_add_uint64(json, "order", order->order) &&
           add_text(json, "client_id", order->client_id) &&
           add_text(json, "state", perp_order_state_string(order->state)) &&
           add_text(json, "job_id", job) && perp_json_add_uint64(json, "leg", order->leg) &&
           perp_json_add_uint64(json, "attempt", order->attempt) &&
           add_text(json, "exchange", exchange.name) &&
           add_text(json, "symbol", instrument.symbol) &&
           add_text(json, "side", perp_side_string(order->side)) &&
           add_text(json, "type", perp_order_type_string(order->type)) &&
           add_text(json, "tif", perp_tif_string(order->tif)) &&
           add_price(json, "price", order->limit_price) &&
           perp_json_add_double(json, "quantity", order->quantity) &&
           add_flag(json, "reduce_only", order->reduce_only);
}

/* age_ms: how long it stands, or stood. */
bool console_add_order(cJSON *json, const perp_core *core, const perp_order_info *order,
                       int64_t now_ns) {
    int64_t until = order->ended_ns == PERP_TIME_NONE ? now_ns : order->ended_ns;
    int64_t age = until > order->placed_ns ? (until - order->placed_ns) / 1000000 : 0;
    return json != NULL && add_what(json, core, order) &&
           perp_json_add_double(json, "filled", order->filled) &&
           add_price(json, "average", order->price) &&
           perp_json_add_usd(json, "volume", order->volume) &&
           perp_json_add_usd(json, "fees", order->fees) &&
           perp_json_add_usd(json, "pnl", order->pnl) &&
           add_text(json, "exchange_id", order->exchange_id) &&
           add_text(json, "text", order->text) &&
           add_flag(json, "cancel_requested", order->cancel_requested) &&
           add_flag(json, "overfilled", order->overfilled) &&
           perp_json_add_time(json, "placed", order->placed_ns) &&
           perp_json_add_time(json, "ended", order->ended_ns) &&
           perp_json_add_int64(json, "age_ms", age);
}

static int rank_of(const perp_order_info *order) {
    return order->state == PERP_ORDER_IN_DOUBT ? 0 : order->ended_ns == PERP_TIME_NONE ? 1 : 2;
}

static int compare(const void *a, const void *b) {
    const perp_order_info *one = a, *two = b;
    int x = rank_of(one), y = rank_of(two);
    if (x != y)
        return x - y;
    return one->order > two->order ? -1 : one->order < two->order;
}

/* The numbers that a filter lets pass, to be freed. */
static perp_status numbers_of(const perp_core *core, const perp_order_filter *filter,
                              uint64_t **numbers, uint32_t *n) {
    const perp_orders *orders = perp_core_orders((perp_core *)(uintptr_t)core);
    uint32_t there = 0, room;
    *numbers = NULL;
    *n = 0;
    perp_status status = perp_orders_list(orders, filter, NULL, 0, &there);
    if (status != PERP_OK)
        return status;
    room = there + 16; /* some may come between */
    *numbers = calloc(room, sizeof **numbers);
    if (*numbers == NULL)
        return PERP_E_NOMEM;
    status = perp_orders_list(orders, filter, *numbers, room, &there);
    *n = there < room ? there : room;
    return status;
}

/* The newest `most` of those that a filter lets pass, in the order in which they are shown; one
   that is forgotten between the list and the question is left out. */
static perp_status rows_of(const perp_core *core, const perp_order_filter *filter, uint32_t most,
                           perp_order_info **rows, uint32_t *n, uint32_t *there) {
    const perp_orders *orders = perp_core_orders((perp_core *)(uintptr_t)core);
    uint64_t *numbers;
    perp_status status = numbers_of(core, filter, &numbers, there);
    *n = 0;
    *rows = NULL;
    if (status == PERP_OK) {
        *rows = calloc((*there < most ? *there : most) + 1u, sizeof **rows);
        status = *rows == NULL ? PERP_E_NOMEM : PERP_OK;
    }
    for (uint32_t i = *there; i-- > 0 && *n < most && status == PERP_OK;) {
        perp_order_info *row = &(*rows)[*n];
        row->struct_size = sizeof *row;
        *n += perp_orders_get(orders, numbers[i], row) == PERP_OK;
    }
    free(numbers);
    if (*n > 0)
        qsort(*rows, *n, sizeof **rows, compare);
    return status;
}

perp_status console_add_orders(cJSON *list, const perp_core *core, const perp_order_filter *filter,
                               uint32_t most, int64_t now_ns, uint32_t *there) {
    perp_order_info *rows;
    uint32_t n, all;
    perp_status status = rows_of(core, filter, most, &rows, &n, there != NULL ? there : &all);
    for (uint32_t i = 0; i < n && status == PERP_OK; i++) {
        cJSON *json = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, json) || !console_add_order(json, core, &rows[i], now_ns))
            status = PERP_E_NOMEM;
    }
    free(rows);
    return status;
}

/* ---- The answer to a question -------------------------------------------------------------------
 */

static bool state_of(const char *text, uint32_t *state) {
    if (strcmp(text, "not_ended") == 0) {
        *state = PERP_ORDER_NOT_ENDED;
        return true;
    }
    for (*state = 0; *state < PERP_ORDER_STATE_COUNT; ++*state)
        if (strcmp(text, perp_order_state_string(*state)) == 0)
            return true;
    return false;
}

perp_status console_orders_json(const perp_core *core, int64_t now_ns,
                                const struct console_query *query, cJSON **json, const char **why) {
    perp_order_filter filter;
    uint32_t there = 0;
    perp_order_filter_init(&filter);
    *json = NULL;
    *why = "no memory";
    if (query->job != NULL &&
        perp_uuid_parse(query->job, strlen(query->job), &filter.job_id) != PERP_OK) {
        *why = "job: must be a UUID";
        return PERP_E_INVALID;
    }
    filter.has_job = query->job != NULL;
    if (query->state != NULL && !state_of(query->state, &filter.state)) {
        *why = "state: must be a state of orders, or not_ended";
        return PERP_E_INVALID;
    }
    if (query->exchange != NULL &&
        perp_exchange_find(core, query->exchange, &filter.exchange) != PERP_OK) {
        *why = "exchange: there is none of this name";
        return PERP_E_NOT_FOUND;
    }
    *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(*json, "orders");
    perp_status status =
        list == NULL ? PERP_E_NOMEM
                     : console_add_orders(list, core, &filter, CONSOLE_MOST_ORDERS, now_ns, &there);
    if (status == PERP_E_NOT_FOUND)
        *why = "no such job is known (any more)";
    if (status == PERP_OK && (!perp_json_add_uint64(*json, "count", there) ||
                              !perp_json_add_time(*json, "time", now_ns)))
        status = PERP_E_NOMEM;
    if (status != PERP_OK) {
        cJSON_Delete(*json);
        *json = NULL;
    }
    return status;
}
