/* Calls about the market, which anyone may make. */
#include <string.h>

#include "fx.h"

#define FUNDING_MS 28800000
#define EXCHANGE_DAY_MS INT64_C(1569398400000) /* since when the instruments are traded */
#define NEVER_MS INT64_C(4133404800000)

static void ping(struct fx_venue *venue, struct fx_call *call) {
    (void)venue;
    call->reply.json = cJSON_CreateObject();
}

static void show_time(struct fx_venue *venue, struct fx_call *call) {
    call->reply.json = cJSON_CreateObject();
    cJSON_AddNumberToObject(call->reply.json, "serverTime", (double)fx_now_ms(venue));
}

static cJSON *add_filter(cJSON *filters, const char *kind) {
    cJSON *filter = cJSON_CreateObject();
    cJSON_AddItemToArray(filters, filter);
    cJSON_AddStringToObject(filter, "filterType", kind);
    return filter;
}

static void add_filters(cJSON *symbol, const struct fx_spec *spec) {
    static const char *const lots[] = {"LOT_SIZE", "MARKET_LOT_SIZE"};
    cJSON *filters = cJSON_AddArrayToObject(symbol, "filters");
    cJSON *filter = add_filter(filters, "PRICE_FILTER");
    fx_add_number(filter, "minPrice", spec->tick, spec->price_digits);
    fx_add_number(filter, "maxPrice", spec->most_price, spec->price_digits);
    fx_add_number(filter, "tickSize", spec->tick, spec->price_digits);
    for (int i = 0; i < 2; i++) {
        filter = add_filter(filters, lots[i]);
        fx_add_number(filter, "minQty", spec->step, spec->quantity_digits);
        fx_add_number(filter, "maxQty", spec->most, spec->quantity_digits);
        fx_add_number(filter, "stepSize", spec->step, spec->quantity_digits);
    }
    cJSON_AddStringToObject(add_filter(filters, "MIN_NOTIONAL"), "notional", "5");
}

static cJSON *symbol_json(const struct fx_spec *spec) {
    static const char *const tifs[] = {"GTC", "IOC", "FOK", "GTX"};
    static const char *const types[] = {"LIMIT", "MARKET"};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    cJSON_AddStringToObject(json, "pair", spec->symbol);
    cJSON_AddStringToObject(json, "contractType", "PERPETUAL");
    cJSON_AddNumberToObject(json, "deliveryDate", (double)NEVER_MS);
    cJSON_AddNumberToObject(json, "onboardDate", (double)EXCHANGE_DAY_MS);
    cJSON_AddStringToObject(json, "status", "TRADING");
    cJSON_AddStringToObject(json, "maintMarginPercent", "2.5000");
    cJSON_AddStringToObject(json, "requiredMarginPercent", "5.0000");
    cJSON_AddStringToObject(json, "baseAsset", spec->base);
    cJSON_AddStringToObject(json, "quoteAsset", "USDT");
    cJSON_AddStringToObject(json, "marginAsset", "USDT");
    cJSON_AddNumberToObject(json, "pricePrecision", spec->price_digits);
    cJSON_AddNumberToObject(json, "quantityPrecision", spec->quantity_digits);
    cJSON_AddNumberToObject(json, "baseAssetPrecision", 8);
    cJSON_AddNumberToObject(json, "quotePrecision", 8);
    cJSON_AddStringToObject(json, "underlyingType", "COIN");
    add_filters(json, spec);
    cJSON_AddItemToObject(json, "orderTypes", cJSON_CreateStringArray(types, 2));
    cJSON_AddItemToObject(json, "timeInForce", cJSON_CreateStringArray(tifs, 4));
    return json;
}

static void exchange_info(struct fx_venue *venue, struct fx_call *call) {
    cJSON *json = call->reply.json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "timezone", "UTC");
    cJSON_AddNumberToObject(json, "serverTime", (double)fx_now_ms(venue));
    cJSON_AddStringToObject(json, "futuresType", "U_MARGINED");
    cJSON_AddArrayToObject(json, "rateLimits");
    cJSON_AddArrayToObject(json, "exchangeFilters");
    cJSON *asset = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "assets"), asset);
    cJSON_AddStringToObject(asset, "asset", "USDT");
    cJSON_AddBoolToObject(asset, "marginAvailable", true);
    cJSON *symbols = cJSON_AddArrayToObject(json, "symbols");
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        cJSON_AddItemToArray(symbols, symbol_json(&venue->markets[i].spec));
}

cJSON *fx_book_ticker(const struct fx_market *market, int64_t now_ms) {
    const struct fx_spec *spec = &market->spec;
    const struct fx_level *bid = fx_best(market->levels[0]), *ask = fx_best(market->levels[1]);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    fx_add_number(json, "bidPrice", bid->price, spec->price_digits);
    fx_add_number(json, "bidQty", bid->quantity, spec->quantity_digits);
    fx_add_number(json, "askPrice", ask->price, spec->price_digits);
    fx_add_number(json, "askQty", ask->quantity, spec->quantity_digits);
    cJSON_AddNumberToObject(json, "time", (double)now_ms);
    return json;
}

/* The rows of all instruments, or the one that the call names. */
static void show_each(struct fx_venue *venue, struct fx_call *call,
                      cJSON *(*row)(const struct fx_market *, int64_t now_ms)) {
    if (fx_param(call, "symbol") != NULL) {
        const struct fx_market *market = fx_market_of(venue, call);
        if (market != NULL)
            call->reply.json = row(market, fx_now_ms(venue));
        return;
    }
    call->reply.json = cJSON_CreateArray();
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        cJSON_AddItemToArray(call->reply.json, row(&venue->markets[i], fx_now_ms(venue)));
}

static void book_ticker(struct fx_venue *venue, struct fx_call *call) {
    show_each(venue, call, fx_book_ticker);
}

static void add_side(cJSON *object, const char *name, const struct fx_spec *spec,
                     const struct fx_level *levels, int most) {
    cJSON *side = cJSON_AddArrayToObject(object, name);
    char price[FX_NUMBER_TEXT], quantity[FX_NUMBER_TEXT];
    for (int i = 0; i < FX_LEVELS && most > 0; i++) {
        if (levels[i].quantity == 0)
            continue;
        const char *const pair[] = {fx_format(levels[i].price, spec->price_digits, price),
                                    fx_format(levels[i].quantity, spec->quantity_digits, quantity)};
        cJSON_AddItemToArray(side, cJSON_CreateStringArray(pair, 2));
        most--;
    }
}

void fx_add_depth(cJSON *object, const struct fx_market *market, int levels, const char *bids,
                  const char *asks) {
    add_side(object, bids, &market->spec, market->levels[0], levels);
    add_side(object, asks, &market->spec, market->levels[1], levels);
}

static void depth(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_market *market = fx_market_of(venue, call);
    int64_t limit = FX_LEVELS;
    if (market == NULL || !fx_param_whole(call, "limit", &limit))
        return;
    if (limit < 1) {
        fx_call_fail(call, -1130, "Data sent for parameter 'limit' is not valid.");
        return;
    }
    cJSON *json = call->reply.json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "lastUpdateId", (double)market->update_id);
    cJSON_AddNumberToObject(json, "E", (double)fx_now_ms(venue));
    cJSON_AddNumberToObject(json, "T", (double)fx_now_ms(venue));
    fx_add_depth(json, market, limit < FX_LEVELS ? (int)limit : FX_LEVELS, "bids", "asks");
}

static cJSON *premium(const struct fx_market *market, int64_t now_ms) {
    const struct fx_spec *spec = &market->spec;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    fx_add_number(json, "markPrice", fx_mark(market), spec->price_digits);
    fx_add_number(json, "indexPrice", fx_mark(market), spec->price_digits);
    cJSON_AddStringToObject(json, "lastFundingRate", "0.00010000");
    cJSON_AddStringToObject(json, "interestRate", "0.00010000");
    cJSON_AddNumberToObject(json, "nextFundingTime",
                            (double)((now_ms / FUNDING_MS + 1) * FUNDING_MS));
    cJSON_AddNumberToObject(json, "time", (double)now_ms);
    return json;
}

static void premium_index(struct fx_venue *venue, struct fx_call *call) {
    show_each(venue, call, premium);
}

const struct fx_route fx_market_routes[] = {{"GET", "ping", ping, false},
                                            {"GET", "time", show_time, false},
                                            {"GET", "exchangeInfo", exchange_info, false},
                                            {"GET", "ticker/bookTicker", book_ticker, false},
                                            {"GET", "depth", depth, false},
                                            {"GET", "premiumIndex", premium_index, false},
                                            {NULL, NULL, NULL, false}};
