/* Calls about the account. */
#include <stdlib.h>
#include <string.h>

#include "fx.h"

static int64_t unrealized(const struct fx_venue *venue) {
    int64_t sum = 0;
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        sum += fx_unrealized(&venue->markets[i]);
    return sum;
}

static int64_t available(const struct fx_venue *venue) {
    int64_t left = venue->wallet + unrealized(venue) - fx_margin_used(venue);
    return left < 0 ? 0 : left;
}

static int64_t notional(const struct fx_market *market) {
    return market->position * fx_mark(market) * market->spec.scale;
}

static cJSON *position_json(const struct fx_market *market, int64_t now_ms) {
    const struct fx_spec *spec = &market->spec;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", spec->symbol);
    cJSON_AddStringToObject(json, "positionSide", "BOTH");
    fx_add_number(json, "positionAmt", market->position, spec->quantity_digits);
    fx_add_average(json, "entryPrice", market->cost, market->position, spec->quantity_digits);
    fx_add_average(json, "breakEvenPrice", market->cost, market->position, spec->quantity_digits);
    fx_add_number(json, "markPrice", fx_mark(market), spec->price_digits);
    fx_add_number(json, "unRealizedProfit", fx_unrealized(market), 6);
    fx_add_number(json, "unrealizedProfit", fx_unrealized(market), 6);
    cJSON_AddStringToObject(json, "liquidationPrice", "0");
    fx_add_number(json, "leverage", market->leverage, 0);
    cJSON_AddStringToObject(json, "maxNotionalValue", "1000000000");
    cJSON_AddStringToObject(json, "marginType", "cross");
    cJSON_AddBoolToObject(json, "isolated", false);
    cJSON_AddStringToObject(json, "isolatedMargin", "0");
    cJSON_AddStringToObject(json, "isolatedWallet", "0");
    cJSON_AddStringToObject(json, "isAutoAddMargin", "false");
    fx_add_number(json, "notional", notional(market), 6);
    fx_add_number(json, "initialMargin", llabs(notional(market)) / market->leverage, 6);
    fx_add_number(json, "maintMargin", llabs(notional(market)) / 40, 6);
    cJSON_AddStringToObject(json, "marginAsset", "USDT");
    cJSON_AddNumberToObject(json, "updateTime", (double)now_ms);
    return json;
}

static void positions(struct fx_venue *venue, struct fx_call *call) {
    bool all = fx_param(call, "symbol") == NULL;
    const struct fx_market *market = all ? NULL : fx_market_of(venue, call);
    if (!all && market == NULL)
        return;
    call->reply.json = cJSON_CreateArray();
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        if (all || market == &venue->markets[i])
            cJSON_AddItemToArray(call->reply.json,
                                 position_json(&venue->markets[i], fx_now_ms(venue)));
}

static void balance(struct fx_venue *venue, struct fx_call *call) {
    cJSON *json = cJSON_CreateObject();
    call->reply.json = cJSON_CreateArray();
    cJSON_AddItemToArray(call->reply.json, json);
    cJSON_AddStringToObject(json, "accountAlias", venue->name);
    cJSON_AddStringToObject(json, "asset", "USDT");
    fx_add_number(json, "balance", venue->wallet, 6);
    fx_add_number(json, "crossWalletBalance", venue->wallet, 6);
    fx_add_number(json, "crossUnPnl", unrealized(venue), 6);
    fx_add_number(json, "availableBalance", available(venue), 6);
    fx_add_number(json, "maxWithdrawAmount", available(venue), 6);
    cJSON_AddBoolToObject(json, "marginAvailable", true);
    cJSON_AddNumberToObject(json, "updateTime", (double)fx_now_ms(venue));
}

static void add_amounts(const struct fx_venue *venue, cJSON *json, const char *const names[5]) {
    int64_t pnl = unrealized(venue), used = fx_margin_used(venue);
    const int64_t amounts[] = {venue->wallet, pnl, venue->wallet + pnl, used, used / 2};
    for (int i = 0; i < 5; i++)
        fx_add_number(json, names[i], amounts[i], 6);
    fx_add_number(json, "availableBalance", available(venue), 6);
    fx_add_number(json, "maxWithdrawAmount", available(venue), 6);
}

static void account(struct fx_venue *venue, struct fx_call *call) {
    static const char *const totals[] = {"totalWalletBalance", "totalUnrealizedProfit",
                                         "totalMarginBalance", "totalInitialMargin",
                                         "totalMaintMargin"};
    static const char *const of_asset[] = {"walletBalance", "unrealizedProfit", "marginBalance",
                                           "initialMargin", "maintMargin"};
    cJSON *json = call->reply.json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "canTrade", true);
    cJSON_AddBoolToObject(json, "canWithdraw", false);
    cJSON_AddBoolToObject(json, "multiAssetsMargin", false);
    cJSON_AddNumberToObject(json, "updateTime", 0);
    add_amounts(venue, json, totals);
    fx_add_number(json, "totalPositionInitialMargin", fx_margin_used(venue), 6);
    cJSON_AddStringToObject(json, "totalOpenOrderInitialMargin", "0");
    fx_add_number(json, "totalCrossWalletBalance", venue->wallet, 6);
    fx_add_number(json, "totalCrossUnPnl", unrealized(venue), 6);
    cJSON *asset = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "assets"), asset);
    cJSON_AddStringToObject(asset, "asset", "USDT");
    add_amounts(venue, asset, of_asset);
    fx_add_number(asset, "crossWalletBalance", venue->wallet, 6);
    fx_add_number(asset, "crossUnPnl", unrealized(venue), 6);
    cJSON_AddBoolToObject(asset, "marginAvailable", true);
    cJSON_AddNumberToObject(asset, "updateTime", (double)fx_now_ms(venue));
    cJSON *rows = cJSON_AddArrayToObject(json, "positions");
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        cJSON_AddItemToArray(rows, position_json(&venue->markets[i], fx_now_ms(venue)));
}

static void add_rate(cJSON *json, const char *name, int64_t ppm) {
    fx_add_number(json, name, ppm, 6);
}

static void commission(struct fx_venue *venue, struct fx_call *call) {
    const struct fx_market *market = fx_market_of(venue, call);
    if (market == NULL)
        return;
    cJSON *json = call->reply.json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", market->spec.symbol);
    add_rate(json, "makerCommissionRate", market->spec.maker_ppm);
    add_rate(json, "takerCommissionRate", market->spec.taker_ppm);
}

static void brackets(struct fx_venue *venue, struct fx_call *call) {
    bool all = fx_param(call, "symbol") == NULL;
    const struct fx_market *market = all ? NULL : fx_market_of(venue, call);
    if (!all && market == NULL)
        return;
    call->reply.json = cJSON_CreateArray();
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        if (!all && market != &venue->markets[i])
            continue;
        cJSON *row = cJSON_CreateObject(), *bracket = cJSON_CreateObject();
        cJSON_AddItemToArray(call->reply.json, row);
        cJSON_AddStringToObject(row, "symbol", venue->markets[i].spec.symbol);
        cJSON_AddItemToArray(cJSON_AddArrayToObject(row, "brackets"), bracket);
        cJSON_AddNumberToObject(bracket, "bracket", 1);
        cJSON_AddNumberToObject(bracket, "initialLeverage", 125);
        cJSON_AddNumberToObject(bracket, "notionalFloor", 0);
        cJSON_AddNumberToObject(bracket, "notionalCap", 1000000000);
        cJSON_AddNumberToObject(bracket, "maintMarginRatio", 0.025);
        cJSON_AddNumberToObject(bracket, "cum", 0);
    }
}

static void set_leverage(struct fx_venue *venue, struct fx_call *call) {
    struct fx_market *market = fx_market_of(venue, call);
    int64_t leverage = 0;
    if (market == NULL || !fx_param_whole(call, "leverage", &leverage))
        return;
    if (leverage < 1 || leverage > 125) {
        fx_call_fail(call, -4028, "Leverage is not valid.");
        return;
    }
    market->leverage = leverage;
    cJSON *json = call->reply.json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "symbol", market->spec.symbol);
    cJSON_AddNumberToObject(json, "leverage", (double)leverage);
    cJSON_AddStringToObject(json, "maxNotionalValue", "1000000000");
}

static void say_done(struct fx_call *call) {
    call->reply.json = cJSON_CreateObject();
    cJSON_AddNumberToObject(call->reply.json, "code", 200);
    cJSON_AddStringToObject(call->reply.json, "msg", "success");
}

static void margin_type(struct fx_venue *venue, struct fx_call *call) {
    const char *type = fx_param(call, "marginType");
    if (fx_market_of(venue, call) == NULL)
        return;
    if (type != NULL && strcmp(type, "CROSSED") == 0)
        say_done(call);
    else
        fx_call_fail(call, -4052, "marginType: only CROSSED.");
}

static void dual_side(struct fx_venue *venue, struct fx_call *call) {
    (void)venue;
    call->reply.json = cJSON_CreateObject();
    cJSON_AddBoolToObject(call->reply.json, "dualSidePosition", false);
}

static void set_dual_side(struct fx_venue *venue, struct fx_call *call) {
    const char *dual = fx_param(call, "dualSidePosition");
    (void)venue;
    if (dual != NULL && strcmp(dual, "false") == 0)
        say_done(call);
    else
        fx_call_fail(call, -4067, "dualSidePosition: only false.");
}

static void listen_key(struct fx_venue *venue, struct fx_call *call) {
    call->reply.json = cJSON_CreateObject();
    cJSON_AddStringToObject(call->reply.json, "listenKey", venue->listen_key);
}

const struct fx_route fx_account_routes[] = {{"GET", "positionRisk", positions, true},
                                             {"GET", "balance", balance, true},
                                             {"GET", "account", account, true},
                                             {"GET", "commissionRate", commission, true},
                                             {"GET", "leverageBracket", brackets, true},
                                             {"POST", "leverage", set_leverage, true},
                                             {"POST", "marginType", margin_type, true},
                                             {"GET", "positionSide/dual", dual_side, true},
                                             {"POST", "positionSide/dual", set_dual_side, true},
                                             {"POST", "listenKey", listen_key, true},
                                             {"PUT", "listenKey", listen_key, true},
                                             {"DELETE", "listenKey", listen_key, true},
                                             {NULL, NULL, NULL, false}};
