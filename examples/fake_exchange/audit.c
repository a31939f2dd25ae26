/* The truth, for whoever tests a client. */
#include "fx.h"

static cJSON *order_row(const struct fx_venue *venue, const struct fx_order *order) {
    cJSON *json = fx_order_json(venue, order);
    cJSON *ids = cJSON_CreateArray();
    for (int64_t id = order->first_trade; id != 0; id = venue->trades[id - 1].next)
        cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)id));
    cJSON_AddNumberToObject(json, "code", order->code);
    cJSON_AddBoolToObject(json, "late", order->is_late);
    cJSON_AddItemToObject(json, "trades", ids);
    return json;
}

static cJSON *trade_row(const struct fx_venue *venue, const struct fx_trade *trade) {
    cJSON *json = fx_trade_json(venue, trade);
    cJSON_AddStringToObject(json, "clientOrderId", trade->order->client_id);
    return json;
}

static void add_positions(cJSON *json, const struct fx_venue *venue) {
    cJSON *rows = cJSON_AddArrayToObject(json, "positions");
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        const struct fx_market *market = &venue->markets[i];
        const struct fx_spec *spec = &market->spec;
        if (market->position == 0)
            continue;
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(rows, row);
        cJSON_AddStringToObject(row, "symbol", spec->symbol);
        fx_add_number(row, "positionAmt", market->position, spec->quantity_digits);
        fx_add_average(row, "entryPrice", market->cost, market->position, spec->quantity_digits);
        fx_add_number(row, "cost", market->cost, 6);
    }
}

static void add_counts(cJSON *json, const struct fx_venue *venue) {
    const struct fx_counts *counts = &venue->counts;
    cJSON *object = cJSON_AddObjectToObject(json, "counts");
    cJSON_AddNumberToObject(object, "placed", (double)counts->placed);
    cJSON_AddNumberToObject(object, "remembered", (double)counts->remembered);
    cJSON_AddNumberToObject(object, "duplicates", (double)counts->duplicates);
    cJSON_AddNumberToObject(object, "malformed", (double)counts->malformed);
    cJSON_AddNumberToObject(object, "too_late", (double)counts->too_late);
    cJSON_AddNumberToObject(object, "cancelled", (double)counts->cancelled);
    cJSON_AddNumberToObject(object, "requests", (double)counts->requests);
    cJSON_AddNumberToObject(object, "streams", (double)fx_streams_of(venue, false));
    cJSON_AddNumberToObject(object, "news", (double)counts->news);
    cJSON_AddNumberToObject(object, "delivered", (double)counts->delivered);
    cJSON_AddNumberToObject(object, "undelivered", (double)counts->undelivered);
    cJSON_AddNumberToObject(object, "waiting", (double)fx_waiting(venue));
    object = cJSON_AddObjectToObject(json, "faults");
    for (int i = 0; i < FX_N_FAULTS; i++)
        cJSON_AddNumberToObject(object, fx_fault_names[i], (double)counts->faults[i]);
}

static cJSON *venue_json(const struct fx_venue *venue, bool with_orders) {
    cJSON *json = cJSON_CreateObject();
    cJSON *orders = with_orders ? cJSON_AddArrayToObject(json, "orders") : NULL;
    cJSON *trades = with_orders ? cJSON_AddArrayToObject(json, "trades") : NULL;
    for (size_t i = 0; with_orders && i < venue->n_orders; i++)
        cJSON_AddItemToArray(orders, order_row(venue, venue->orders[i]));
    for (size_t i = 0; with_orders && i < venue->n_trades; i++)
        cJSON_AddItemToArray(trades, trade_row(venue, &venue->trades[i]));
    add_positions(json, venue);
    fx_add_number(json, "wallet", venue->wallet, 6);
    fx_add_number(json, "start", venue->start, 6);
    add_counts(json, venue);
    cJSON_AddBoolToObject(json, "down", fx_is_down(venue));
    return json;
}

cJSON *fx_audit(const struct fx_exchange *exchange, bool with_orders) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "seed", (double)exchange->seed);
    cJSON_AddNumberToObject(json, "time", (double)(exchange->now_us / 1000));
    cJSON *venues = cJSON_AddObjectToObject(json, "venues");
    for (int i = 0; i < exchange->n_venues; i++)
        cJSON_AddItemToObject(venues, exchange->venues[i].name,
                              venue_json(&exchange->venues[i], with_orders));
    return json;
}
