/* What is sent to a venue: its dialect is that of Binance's USD-M futures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

#define ACCOUNT_NS (2 * EX_S)
#define OPEN_NS (5 * EX_S)
#define RATE_PER_S 100
#define RATE_BURST 20

const ex_instrument *ex_instrument_of(const executor *ex, perp_instrument_id id, ex_venue **venue) {
    for (uint32_t v = 0; v < ex->n_venues; v++)
        for (uint32_t i = 0; i < ex->venues[v].n_instruments; i++)
            if (ex->venues[v].instruments[i].id == id) {
                *venue = (ex_venue *)(uintptr_t)&ex->venues[v];
                return &ex->venues[v].instruments[i];
            }
    return NULL;
}

/* ---- about orders ---- */

static void send(ex_order *order, enum ex_kind kind, ex_request *request) {
    request->kind = kind;
    request->order = order->order;
    request->instrument = (uint32_t)(order->instrument - order->venue->instruments);
    order->busy |= 1u << kind;
    ex_http_send(order->venue->http, request);
}

void ex_send_place(ex_order *order, const perp_order_info *info) {
    static const char *const tifs[] = {"GTC", "IOC", "FOK", "GTX"};
    const ex_instrument *instrument = order->instrument;
    ex_request request = {.method = "POST"};
    int n =
        snprintf(request.path, sizeof request.path,
                 "/fapi/v1/order?symbol=%s&side=%s&type=%s&quantity=%.*f&newClientOrderId=%s"
                 "&timestamp=%lld&recvWindow=%d%s",
                 instrument->symbol, info->side == PERP_SIDE_BUY ? "BUY" : "SELL",
                 info->type == PERP_ORDER_LIMIT ? "LIMIT" : "MARKET", instrument->quantity_digits,
                 info->quantity, info->client_id, (long long)(info->placed_ns / EX_MS),
                 EX_RECV_WINDOW_MS, info->reduce_only ? "&reduceOnly=true" : "");
    if (info->type == PERP_ORDER_LIMIT)
        snprintf(request.path + n, sizeof request.path - (size_t)n, "&timeInForce=%s&price=%.*f",
                 tifs[info->tif], instrument->price_digits, info->limit_price);
    order->venue->ex->counts.placed++;
    send(order, EX_PLACE, &request);
}

void ex_send_about(ex_order *order, enum ex_kind kind, const char *exchange_id) {
    ex_request request = {.method = kind == EX_CANCEL ? "DELETE" : "GET"};
    const char *symbol = order->instrument->symbol;
    if (kind == EX_TRADES)
        snprintf(request.path, sizeof request.path,
                 "/fapi/v1/userTrades?symbol=%s&orderId=%s&limit=1000", symbol, exchange_id);
    else
        snprintf(request.path, sizeof request.path, "/fapi/v1/order?symbol=%s&origClientOrderId=%s",
                 symbol, order->client_id);
    if (kind == EX_ASK)
        order->venue->ex->counts.asked++;
    send(order, kind, &request);
}

/* ---- from time to time ---- */

static void ask_account(ex_venue *venue) {
    ex_request request = {.kind = EX_ACCOUNT, .method = "GET", .path = "/fapi/v3/account"};
    if (!atomic_exchange(&venue->asks_account, true))
        ex_http_send(venue->http, &request);
}

static void ask_open(ex_venue *venue) {
    ex_request request = {.kind = EX_OPEN, .method = "GET", .path = "/fapi/v1/openOrders"};
    if (!atomic_exchange(&venue->asks_open, true))
        ex_http_send(venue->http, &request);
}

void ex_ask_trades(ex_venue *venue, uint32_t i) {
    ex_request request = {.kind = EX_SWEEP, .method = "GET", .instrument = i};
    if (atomic_exchange(&venue->asks_trades[i], true))
        return;
    snprintf(request.path, sizeof request.path,
             "/fapi/v1/userTrades?symbol=%s&fromId=%lld&limit=1000", venue->instruments[i].symbol,
             (long long)venue->instruments[i].cursor + 1);
    ex_http_send(venue->http, &request);
}

void ex_venue_rounds(ex_venue *venue, int64_t now) {
    if (now < venue->quiet_until_ns)
        return;
    if (atomic_exchange(&venue->sweeps_at_once, false))
        venue->open_ns = venue->account_ns = now;
    if (now >= venue->account_ns) {
        venue->account_ns = now + ACCOUNT_NS;
        ask_account(venue);
    }
    if (now >= venue->open_ns) {
        venue->open_ns = now + OPEN_NS;
        ask_open(venue);
    }
}

/* ---- what is traded there ---- */

static cJSON *ask_at_start(ex_venue *venue, const char *method, const char *path) {
    for (int tries = 0; tries < 50; tries++) {
        long status;
        cJSON *json = ex_http_ask(venue, method, path, &status);
        if (status == 200 && json != NULL)
            return json;
        cJSON_Delete(json);
        struct timespec pause = {.tv_nsec = 200 * EX_MS};
        nanosleep(&pause, NULL);
    }
    ex_log("%s%s: no answer", venue->url, path);
    return NULL;
}

static const cJSON *filter_of(const cJSON *symbol, const char *type) {
    const cJSON *filter;
    cJSON_ArrayForEach(filter, cJSON_GetObjectItemCaseSensitive(
                                   symbol, "filters")) if (strcmp(ex_text(filter, "filterType"),
                                                                  type) == 0) return filter;
    return NULL;
}

static bool add_instrument(executor *ex, ex_venue *venue, const cJSON *symbol) {
    ex_instrument *instrument = &venue->instruments[venue->n_instruments];
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    const char *base = ex_text(symbol, "baseAsset"), *quote = ex_text(symbol, "quoteAsset");
    snprintf(instrument->symbol, sizeof instrument->symbol, "%s", ex_text(symbol, "symbol"));
    instrument->tick = ex_number(filter_of(symbol, "PRICE_FILTER"), "tickSize");
    instrument->step = ex_number(filter_of(symbol, "LOT_SIZE"), "stepSize");
    instrument->min_quantity = ex_number(filter_of(symbol, "LOT_SIZE"), "minQty");
    instrument->min_notional = ex_number(filter_of(symbol, "MIN_NOTIONAL"), "notional");
    instrument->price_digits = (int)ex_number(symbol, "pricePrecision");
    instrument->quantity_digits = (int)ex_number(symbol, "quantityPrecision");
    spec.exchange = venue->id;
    snprintf(spec.symbol, sizeof spec.symbol, "%.20s/%.20s:%.20s", base, quote, quote);
    snprintf(spec.contract, sizeof spec.contract, "linear");
    spec.qty_step = instrument->step;
    spec.price_tick = instrument->tick;
    spec.min_qty = instrument->min_quantity;
    spec.min_notional = (perp_usd)llround(instrument->min_notional * (double)PERP_USD);
    perp_status status = perp_instrument_add(ex->core, &spec, &instrument->id);
    venue->n_instruments++;
    return status == PERP_E_EXISTS || ex_ok(ex, status, "instrument");
}

static bool add_exchange(executor *ex, ex_venue *venue) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "%s", venue->name);
    spec.margin_mode = PERP_MARGIN_CROSS;
    spec.order_rate_per_s = RATE_PER_S;
    spec.order_burst = RATE_BURST;
    spec.max_concurrent = 500;
    spec.max_notional = 1000000 * PERP_USD;
    cJSON *rate = ask_at_start(venue, "GET", "/fapi/v1/commissionRate?symbol=BTCUSDT");
    if (rate == NULL)
        return false;
    spec.maker_fee_bps = round(ex_number(rate, "makerCommissionRate") * 1e6) / 100;
    spec.taker_fee_bps = round(ex_number(rate, "takerCommissionRate") * 1e6) / 100;
    cJSON_Delete(rate);
    perp_status status = perp_exchange_add(ex->core, &spec, &venue->id);
    return status == PERP_E_EXISTS || ex_ok(ex, status, "exchange");
}

/* Ids of orders that the book still has: trades name orders by them. */
static void know_orders(executor *ex, ex_venue *venue) {
    perp_order_filter filter;
    uint32_t n = 0;
    perp_order_filter_init(&filter);
    filter.exchange = venue->id;
    if (perp_orders_list(ex->orders, &filter, NULL, 0, &n) != PERP_OK || n == 0)
        return;
    uint64_t *numbers = calloc(n, sizeof *numbers);
    if (numbers == NULL)
        abort();
    perp_orders_list(ex->orders, &filter, numbers, n, &n);
    for (uint32_t i = n > EX_KNOWN / 2 ? n - EX_KNOWN / 2 : 0; i < n; i++) {
        perp_order_info info = {.struct_size = sizeof info};
        if (perp_orders_get(ex->orders, numbers[i], &info) == PERP_OK)
            ex_know(venue, strtoll(info.exchange_id, NULL, 10), info.order);
    }
    free(numbers);
}

bool ex_venue_open(executor *ex, ex_venue *venue, const char *url) {
    const char *slash = strrchr(url, '/');
    venue->ex = ex;
    snprintf(venue->url, sizeof venue->url, "%s", url);
    snprintf(venue->name, sizeof venue->name, "%.31s", slash == NULL ? url : slash + 1);
    venue->known = calloc(EX_KNOWN, sizeof *venue->known);
    if (venue->known == NULL)
        abort();
    cJSON *key = ask_at_start(venue, "POST", "/fapi/v1/listenKey");
    cJSON *info = key == NULL ? NULL : ask_at_start(venue, "GET", "/fapi/v1/exchangeInfo");
    bool good = info != NULL && add_exchange(ex, venue);
    const cJSON *symbol;
    snprintf(venue->listen_key, sizeof venue->listen_key, "%s", ex_text(key, "listenKey"));
    cJSON_ArrayForEach(symbol, cJSON_GetObjectItemCaseSensitive(
                                   info, "symbols")) if (good && venue->n_instruments <
                                                                     ex->settings->symbols) good =
        add_instrument(ex, venue, symbol);
    cJSON_Delete(key);
    cJSON_Delete(info);
    if (!good)
        return false;
    know_orders(ex, venue);
    ex_cursors_read(venue);
    return true;
}

void ex_venue_start(ex_venue *venue) {
    venue->http = ex_http_start(venue, ex_venue_answer);
    venue->stream = ex_stream_start(venue, ex_venue_message);
}

void ex_venue_close(ex_venue *venue) {
    ex_stream_stop(venue->stream);
    ex_http_stop(venue->http);
    free(venue->known);
}
