/* Calls about orders and trades. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fx.h"

#define MOST_ROWS 1000
#define ROWS 500

static const struct {
    int code;
    const char *message;
} messages[] = {
    {-1106, "Parameter sent when not required."},
    {-1111, "Precision is over the maximum defined for this asset."},
    {-1115, "Invalid timeInForce."},
    {-1116, "Invalid orderType."},
    {-1117, "Invalid side."},
    {-2010, "NEW_ORDER_REJECTED"},
    {-2019, "Margin is insufficient."},
    {-2022, "ReduceOnly Order is rejected."},
    {-4001, "Price less than or equal to zero."},
    {-4002, "Price greater than max price."},
    {-4003, "Quantity less than or equal to zero."},
    {-4005, "Quantity greater than max quantity."},
    {-4014, "Price not increased by tick size."},
    {-4015, "Client order id is not valid."},
    {-4023, "Qty not increased by step size."},
    {-4061, "Order's position side does not match user's setting."},
    {-4116, "ClientOrderId is duplicated."},
    {-4164, "Order's notional must be no smaller than 5.0 (unless you choose reduce only)"},
    {-5022,
     "Due to the order could not be executed as maker, the Post Only order will be rejected."},
};

static void fail(struct fx_call *call, int code) {
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (messages[i].code == code) {
            fx_call_fail(call, code, messages[i].message);
            return;
        }
    fx_call_fail(call, code, "");
}

/* A positive decimal. False: the call has failed. */
static bool read_amount(struct fx_call *call, const char *name, int digits, int64_t most,
                        int too_small, int too_large, int64_t *value) {
    const char *text = fx_param(call, name);
    char message[128];
    if (text == NULL || *text == '\0') {
        snprintf(message, sizeof message,
                 "Mandatory parameter '%s' was not sent, was empty/null, or malformed.", name);
        fx_call_fail(call, -1102, message);
        return false;
    }
    switch (fx_parse(text, digits, value)) {
    case FX_NUMBER_BAD:
        snprintf(message, sizeof message, "Illegal characters found in parameter '%s'.", name);
        fx_call_fail(call, -1100, message);
        return false;
    case FX_NUMBER_PRECISE:
        fail(call, -1111);
        return false;
    case FX_NUMBER_LARGE:
        fail(call, too_large);
        return false;
    case FX_NUMBER_OK:
        break;
    }
    if (*value > 0 && *value <= most)
        return true;
    fail(call, *value == 0 ? too_small : too_large);
    return false;
}

/* One of the words; -1: another or, without `otherwise`, none. */
static int word_of(const struct fx_call *call, const char *name, const char *const *words, int n,
                   int otherwise) {
    const char *text = fx_param(call, name);
    if (text == NULL)
        return otherwise;
    for (int i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static bool is_client_id(const char *text) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:/";
    size_t n = strlen(text);
    return n > 0 && n <= FX_CLIENT_ID && strspn(text, letters) == n;
}

static bool read_words(struct fx_call *call, struct fx_order *order) {
    static const char *const sides[] = {"BUY", "SELL"}, *const types[] = {"LIMIT", "MARKET"};
    static const char *const truths[] = {"false", "true"}, *const modes[] = {"BOTH"};
    int side = word_of(call, "side", sides, 2, -1), type = word_of(call, "type", types, 2, -1);
    int tif = word_of(call, "timeInForce", fx_tif_names, 4, type == 1 ? FX_IOC : -1);
    int reduces = word_of(call, "reduceOnly", truths, 2, 0);
    int mode = word_of(call, "positionSide", modes, 1, 0);
    bool is_bare = fx_param(call, "timeInForce") == NULL && fx_param(call, "price") == NULL;
    const char *client_id = fx_param(call, "newClientOrderId");
    int code = side < 0                                        ? -1117
               : type < 0                                      ? -1116
               : type == 1 && !is_bare                         ? -1106
               : tif < 0                                       ? -1115
               : mode < 0                                      ? -4061
               : client_id != NULL && !is_client_id(client_id) ? -4015
                                                               : 0;
    if (code == 0 && reduces < 0)
        fx_call_fail(call, -1100, "Illegal characters found in parameter 'reduceOnly'.");
    else if (code != 0)
        fail(call, code);
    if (code != 0 || reduces < 0)
        return false;
    order->side = side == 0 ? FX_BUY : FX_SELL;
    order->is_market = type == 1;
    order->tif = (enum fx_tif)tif;
    order->reduce_only = reduces == 1;
    if (client_id != NULL)
        strcpy(order->client_id, client_id);
    return true;
}

static bool read_order(struct fx_venue *venue, struct fx_call *call, struct fx_order *order) {
    const struct fx_market *market = fx_market_of(venue, call);
    if (market == NULL || !read_words(call, order))
        return false;
    const struct fx_spec *spec = &market->spec;
    order->instrument = (int)(market - venue->markets);
    if (!read_amount(call, "quantity", spec->quantity_digits, spec->most, -4003, -4005,
                     &order->quantity))
        return false;
    if (!order->is_market && !read_amount(call, "price", spec->price_digits, spec->most_price,
                                          -4001, -4002, &order->price))
        return false;
    int64_t price = order->is_market ? fx_mark(market) : order->price;
    int code = order->quantity % spec->step != 0                                        ? -4023
               : !order->is_market && price % spec->tick != 0                           ? -4014
               : !order->reduce_only && order->quantity * price * spec->scale < 5000000 ? -4164
                                                                                        : 0;
    if (code != 0)
        fail(call, code);
    return code == 0;
}

static void make_client_id(const struct fx_venue *venue, struct fx_order *order) {
    for (size_t i = venue->n_orders + 1; order->client_id[0] == '\0'; i++) {
        snprintf(order->client_id, sizeof order->client_id, "fx-%zu", i);
        if (fx_order_of(venue, order->client_id) != NULL)
            order->client_id[0] = '\0';
    }
}

static void place(struct fx_venue *venue, struct fx_call *call) {
    struct fx_order asked = {.status = FX_NEW};
    if (!read_order(venue, call, &asked)) {
        venue->counts.malformed++;
        return;
    }
    if (fx_order_of(venue, asked.client_id) != NULL) {
        venue->counts.duplicates++;
        fail(call, -4116);
        return;
    }
    make_client_id(venue, &asked);
    struct fx_order *order = fx_order_add(venue, &asked);
    fx_order_place(venue, order);
    if (order->code != 0)
        fail(call, order->code);
    else
        call->reply.json = fx_order_json(venue, order);
}

/* The order that a call names, by its number or client id; NULL: the call has failed with `code`.
 */
static struct fx_order *find(struct fx_venue *venue, struct fx_call *call, int code,
                             const char *message) {
    const struct fx_market *market = fx_market_of(venue, call);
    const char *client_id = fx_param(call, "origClientOrderId");
    int64_t id = 0;
    struct fx_order *order = NULL;
    if (market == NULL || !fx_param_whole(call, "orderId", &id))
        return NULL;
    if (client_id == NULL && fx_param(call, "orderId") == NULL) {
        fx_call_fail(call, -1102, "Either 'origClientOrderId' or 'orderId' must be sent.");
        return NULL;
    }
    if (fx_param(call, "orderId") == NULL)
        order = fx_order_of(venue, client_id);
    else if (id >= 1 && id <= (int64_t)venue->n_orders)
        order = venue->orders[id - 1];
    if (order != NULL && &venue->markets[order->instrument] != market)
        order = NULL;
    if (order != NULL && fx_now_ms(venue) < order->time_ms + venue->script.ms[FX_stale_ms] &&
        fx_chance(venue, FX_stale_query))
        order = NULL;
    if (order == NULL)
        fx_call_fail(call, code, message);
    return order;
}

static void show(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_order *order = find(venue, call, -2013, "Order does not exist.");
    if (order != NULL)
        call->reply.json = fx_order_json(venue, order);
}

static void cancel(struct fx_venue *venue, struct fx_call *call) {
    static const char unknown[] = "Unknown order sent.";
    struct fx_order *order = find(venue, call, -2011, unknown);
    if (order == NULL)
        return;
    bool was_open = fx_is_open(order);
    if (was_open)
        fx_order_cancel(venue, order);
    if (was_open && order->status == FX_CANCELED)
        call->reply.json = fx_order_json(venue, order);
    else
        fx_call_fail(call, -2011, unknown);
}

static void cancel_all(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_market *market = fx_market_of(venue, call);
    struct fx_order *next;
    if (market == NULL)
        return;
    for (struct fx_order *order = venue->first_open; order != NULL; order = next) {
        next = order->next;
        if (&venue->markets[order->instrument] == market)
            fx_order_cancel(venue, order);
    }
    call->reply.json = cJSON_CreateObject();
    cJSON_AddNumberToObject(call->reply.json, "code", 200);
    cJSON_AddStringToObject(call->reply.json, "msg",
                            "The operation of cancel all open order is done.");
}

static void open_orders(struct fx_venue *venue, struct fx_call *call) {
    bool all = fx_param(call, "symbol") == NULL;
    const struct fx_market *market = all ? NULL : fx_market_of(venue, call);
    if (!all && market == NULL)
        return;
    call->reply.json = cJSON_CreateArray();
    for (const struct fx_order *order = venue->first_open; order != NULL; order = order->next)
        if (all || &venue->markets[order->instrument] == market)
            cJSON_AddItemToArray(call->reply.json, fx_order_json(venue, order));
}

/* How many rows are wanted, and from which on (0: the last ones). False: the call has failed. */
static bool read_rows(struct fx_call *call, const char *from, int64_t *first, int64_t *limit) {
    *first = 0;
    *limit = ROWS;
    if (!fx_param_whole(call, from, first) || !fx_param_whole(call, "limit", limit))
        return false;
    if (*limit >= 1 && *limit <= MOST_ROWS)
        return true;
    fx_call_fail(call, -1130, "Data sent for parameter 'limit' is not valid.");
    return false;
}

static void add_row(cJSON *rows, bool at_front, cJSON *row) {
    if (at_front)
        cJSON_InsertItemInArray(rows, 0, row);
    else
        cJSON_AddItemToArray(rows, row);
}

static void all_orders(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_market *market = fx_market_of(venue, call);
    int64_t first, limit, n = (int64_t)venue->n_orders;
    if (market == NULL || !read_rows(call, "orderId", &first, &limit))
        return;
    cJSON *rows = cJSON_CreateArray();
    bool last_ones = fx_param(call, "orderId") == NULL;
    int64_t way = last_ones ? -1 : 1;
    for (int64_t id = last_ones   ? n
                      : first < 1 ? 1
                                  : first;
         id >= 1 && id <= n && limit > 0; id += way) {
        const struct fx_order *order = venue->orders[id - 1];
        if (&venue->markets[order->instrument] != market)
            continue;
        add_row(rows, last_ones, fx_order_json(venue, order));
        limit--;
    }
    call->reply.json = rows;
}

/* The trades of one order. */
static void trades_of(const struct fx_venue *venue, const struct fx_order *order, int64_t from,
                      int64_t limit, cJSON *rows) {
    for (int64_t id = order->first_trade; id != 0 && limit > 0; id = venue->trades[id - 1].next)
        if (id >= from) {
            cJSON_AddItemToArray(rows, fx_trade_json(venue, &venue->trades[id - 1]));
            limit--;
        }
}

static void trades(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_market *market = fx_market_of(venue, call);
    int64_t first, limit, id = 0, n = (int64_t)venue->n_trades;
    if (market == NULL || !read_rows(call, "fromId", &first, &limit) ||
        !fx_param_whole(call, "orderId", &id))
        return;
    cJSON *rows = cJSON_CreateArray();
    call->reply.json = rows;
    if (fx_param(call, "orderId") != NULL) {
        const struct fx_order *order =
            id >= 1 && id <= (int64_t)venue->n_orders ? venue->orders[id - 1] : NULL;
        if (order != NULL && &venue->markets[order->instrument] == market)
            trades_of(venue, order, first, limit, rows);
        return;
    }
    bool last_ones = fx_param(call, "fromId") == NULL;
    int64_t way = last_ones ? -1 : 1;
    for (int64_t i = last_ones   ? n
                     : first < 1 ? 1
                                 : first;
         i >= 1 && i <= n && limit > 0; i += way) {
        const struct fx_trade *trade = &venue->trades[i - 1];
        if (&venue->markets[trade->order->instrument] != market)
            continue;
        add_row(rows, last_ones, fx_trade_json(venue, trade));
        limit--;
    }
}

const struct fx_route fx_order_routes[] = {
    {"POST", "order", place, true},           {"GET", "order", show, true},
    {"DELETE", "order", cancel, true},        {"DELETE", "allOpenOrders", cancel_all, true},
    {"GET", "openOrders", open_orders, true}, {"GET", "allOrders", all_orders, true},
    {"GET", "userTrades", trades, true},      {NULL, NULL, NULL, false}};
