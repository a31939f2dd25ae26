/* The life of an order. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "fx.h"

const char *const fx_status_names[] = {"NEW",      "PARTIALLY_FILLED", "FILLED",
                                       "CANCELED", "EXPIRED",          "REJECTED"};
const char *const fx_tif_names[] = {"GTC", "IOC", "FOK", "GTX"};

const char *fx_side_name(enum fx_side side) {
    return side == FX_BUY ? "BUY" : "SELL";
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct fx_order *)a)->client_id, ((const struct fx_order *)b)->client_id);
}

struct fx_order *fx_order_of(const struct fx_venue *venue, const char *client_id) {
    struct fx_order key;
    if (strlen(client_id) > FX_CLIENT_ID)
        return NULL;
    strcpy(key.client_id, client_id);
    void *found = tfind(&key, &venue->by_client_id, compare);
    return found == NULL ? NULL : *(struct fx_order **)found;
}

struct fx_order *fx_order_add(struct fx_venue *venue, const struct fx_order *asked) {
    struct fx_order *order = fx_memory(NULL, sizeof *order);
    if (venue->n_orders == venue->room_orders) {
        venue->room_orders = venue->room_orders == 0 ? 1024 : 2 * venue->room_orders;
        venue->orders = fx_memory(venue->orders, venue->room_orders * sizeof *venue->orders);
    }
    *order = *asked;
    order->id = (int64_t)venue->n_orders + 1;
    order->time_ms = order->update_ms = fx_now_ms(venue);
    venue->orders[venue->n_orders++] = order;
    if (tsearch(order, &venue->by_client_id, compare) == NULL)
        abort();
    return order;
}

void fx_orders_drop(struct fx_venue *venue) {
    for (size_t i = 0; i < venue->n_orders; i++) {
        tdelete(venue->orders[i], &venue->by_client_id, compare);
        free(venue->orders[i]);
    }
    free(venue->orders);
    free(venue->trades);
}

void fx_order_rest(struct fx_venue *venue, struct fx_order *order) {
    order->previous = venue->last_open;
    order->next = NULL;
    if (venue->last_open != NULL)
        venue->last_open->next = order;
    else
        venue->first_open = order;
    venue->last_open = order;
}

static void unlink_open(struct fx_venue *venue, struct fx_order *order) {
    if (venue->first_open != order && order->previous == NULL)
        return; /* it never rested */
    if (order->previous != NULL)
        order->previous->next = order->next;
    else
        venue->first_open = order->next;
    if (order->next != NULL)
        order->next->previous = order->previous;
    else
        venue->last_open = order->previous;
    order->next = order->previous = NULL;
}

void fx_order_end(struct fx_venue *venue, struct fx_order *order, enum fx_status status) {
    unlink_open(venue, order);
    order->status = status;
    order->update_ms = fx_now_ms(venue);
}

static bool has_margin(const struct fx_venue *venue, const struct fx_order *order) {
    const struct fx_market *market = &venue->markets[order->instrument];
    int64_t after = market->position + (int64_t)order->side * order->quantity;
    int64_t more = llabs(after) - llabs(market->position);
    int64_t price = order->is_market ? fx_mark(market) : order->price;
    int64_t equity = venue->wallet;
    if (order->reduce_only || more <= 0)
        return true;
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        equity += fx_unrealized(&venue->markets[i]);
    return more * price * market->spec.scale / market->leverage <= equity - fx_margin_used(venue);
}

/* Why the exchange will not have it; 0: it will. The dice are thrown in the same order always. */
static int refusal(struct fx_venue *venue, const struct fx_order *order) {
    const struct fx_market *market = &venue->markets[order->instrument];
    bool post_only = order->tif == FX_GTX;
    if (fx_chance(venue, FX_reject))
        return -2010;
    if (post_only &&
        (fx_would_cross(market, order->side, order->price) || fx_chance(venue, FX_decline)))
        return -5022;
    if (order->reduce_only && fx_fillable(venue, order) == 0)
        return -2022;
    return has_margin(venue, order) ? 0 : -2019;
}

/* Of what the book has for the order, what it finds. */
static int64_t found(struct fx_venue *venue, const struct fx_order *order) {
    const struct fx_market *market = &venue->markets[order->instrument];
    int64_t most = fx_fillable(venue, order);
    int64_t there = fx_available(market, order->side, order->price);
    int64_t steps;
    most = there < most ? there : most;
    steps = most / market->spec.step;
    if (steps > 1 && fx_chance(venue, FX_partial))
        most = fx_part(venue, steps - 1) * market->spec.step;
    return order->tif == FX_FOK && most < order->quantity ? 0 : most;
}

void fx_order_place(struct fx_venue *venue, struct fx_order *order) {
    order->code = refusal(venue, order);
    if (order->code != 0) {
        order->status = FX_REJECTED;
        venue->counts.remembered++;
        return;
    }
    venue->counts.placed++;
    fx_tell_order(venue, order, "NEW", NULL);
    fx_take(venue, order, found(venue, order));
    if (order->status == FX_FILLED)
        return;
    if (order->tif == FX_GTC || order->tif == FX_GTX) {
        fx_order_rest(venue, order);
    } else {
        fx_order_end(venue, order, FX_EXPIRED);
        fx_tell_order(venue, order, "EXPIRED", NULL);
    }
}

/* What `late_fill` leaves for later. */
static void fill_late(struct fx_venue *venue, void *what, int64_t quantity) {
    struct fx_order *order = what;
    int64_t left = fx_fillable(venue, order);
    quantity = left < quantity ? left : quantity;
    if (quantity > 0)
        fx_fill(venue, order, quantity, order->price, true);
}

void fx_order_cancel(struct fx_venue *venue, struct fx_order *order) {
    int64_t step = venue->markets[order->instrument].spec.step;
    int64_t left = fx_fillable(venue, order);
    if (left > 0 && fx_chance(venue, FX_cancel_race)) {
        bool whole = sim_random_chance(&venue->dice, 0.5);
        int64_t part = fx_part(venue, left / step) * step;
        fx_fill(venue, order, whole || part > left ? left : part, order->price, true);
        left = fx_is_open(order) ? fx_fillable(venue, order) : 0;
    }
    if (!fx_is_open(order))
        return;
    fx_order_end(venue, order, FX_CANCELED);
    venue->counts.cancelled++;
    fx_tell_order(venue, order, "CANCELED", NULL);
    if (left > 0 && fx_chance(venue, FX_late_fill))
        fx_later(venue, venue->exchange->now_us + fx_some_us(venue, FX_late_ms), fill_late, order,
                 fx_part(venue, left / step) * step);
}

cJSON *fx_order_json(const struct fx_venue *venue, const struct fx_order *order) {
    const struct fx_spec *spec = &venue->markets[order->instrument].spec;
    const char *type = order->is_market ? "MARKET" : "LIMIT";
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "orderId", (double)order->id);
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    cJSON_AddStringToObject(json, "status", fx_status_names[order->status]);
    cJSON_AddStringToObject(json, "clientOrderId", order->client_id);
    fx_add_number(json, "price", order->price, spec->price_digits);
    fx_add_average(json, "avgPrice", order->quote, order->filled, spec->quantity_digits);
    fx_add_number(json, "origQty", order->quantity, spec->quantity_digits);
    fx_add_number(json, "executedQty", order->filled, spec->quantity_digits);
    fx_add_number(json, "cumQty", order->filled, spec->quantity_digits);
    fx_add_number(json, "cumQuote", order->quote, 6);
    cJSON_AddStringToObject(json, "timeInForce", fx_tif_names[order->tif]);
    cJSON_AddStringToObject(json, "type", type);
    cJSON_AddBoolToObject(json, "reduceOnly", order->reduce_only);
    cJSON_AddBoolToObject(json, "closePosition", false);
    cJSON_AddStringToObject(json, "side", fx_side_name(order->side));
    cJSON_AddStringToObject(json, "positionSide", "BOTH");
    cJSON_AddStringToObject(json, "stopPrice", "0");
    cJSON_AddStringToObject(json, "workingType", "CONTRACT_PRICE");
    cJSON_AddBoolToObject(json, "priceProtect", false);
    cJSON_AddStringToObject(json, "origType", type);
    cJSON_AddNumberToObject(json, "time", (double)order->time_ms);
    cJSON_AddNumberToObject(json, "updateTime", (double)order->update_ms);
    return json;
}

cJSON *fx_trade_json(const struct fx_venue *venue, const struct fx_trade *trade) {
    const struct fx_spec *spec = &venue->markets[trade->order->instrument].spec;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    cJSON_AddNumberToObject(json, "id", (double)trade->id);
    cJSON_AddNumberToObject(json, "orderId", (double)trade->order->id);
    cJSON_AddStringToObject(json, "side", fx_side_name(trade->order->side));
    fx_add_number(json, "price", trade->price, spec->price_digits);
    fx_add_number(json, "qty", trade->quantity, spec->quantity_digits);
    fx_add_number(json, "realizedPnl", trade->pnl, 6);
    cJSON_AddStringToObject(json, "marginAsset", "USDT");
    fx_add_number(json, "quoteQty", trade->price * trade->quantity * spec->scale, 6);
    fx_add_number(json, "commission", trade->fee, 6);
    cJSON_AddStringToObject(json, "commissionAsset", "USDT");
    cJSON_AddNumberToObject(json, "time", (double)trade->time_ms);
    cJSON_AddStringToObject(json, "positionSide", "BOTH");
    cJSON_AddBoolToObject(json, "buyer", trade->order->side == FX_BUY);
    cJSON_AddBoolToObject(json, "maker", trade->is_maker);
    return json;
}
