/* News for the user: made, and late, twice or in the wrong order as the script says. */
#include <stdlib.h>
#include <string.h>

#include "fx.h"

#define HELD_US 1000000 /* the longest that news waits for another to pass it */

/* Takes the object over. */
static void send(struct fx_venue *venue, cJSON *json) {
    int64_t now = venue->exchange->now_us;
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text == NULL)
        abort();
    venue->counts.news++;
    bool repeats = fx_chance(venue, FX_repeat);
    bool is_held = fx_chance(venue, FX_reorder);
    bool is_late = fx_chance(venue, FX_delay);
    if (repeats) {
        char *copy = fx_memory(NULL, strlen(text) + 1);
        strcpy(copy, text);
        fx_later(venue, now + fx_some_us(venue, FX_delay_ms), NULL, copy, 0);
    }
    int64_t due = is_late ? now + fx_some_us(venue, FX_delay_ms) : is_held ? now + HELD_US : now;
    fx_later(venue, due, NULL, text, 0)->is_held = is_held && !is_late;
}

void fx_deliver(struct fx_venue *venue, char *news) {
    uint64_t listeners = fx_streams_of(venue, true);
    if (listeners > 0 && fx_chance(venue, FX_ws_drop)) {
        fx_streams_cut(venue);
        listeners = 0;
    }
    if (listeners == 0)
        venue->counts.undelivered++;
    venue->counts.delivered += listeners;
    fx_stream_user(venue, news);
    free(news);
}

static cJSON *message(const struct fx_venue *venue, const char *kind) {
    double now = (double)fx_now_ms(venue);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "e", kind);
    cJSON_AddNumberToObject(json, "T", now);
    cJSON_AddNumberToObject(json, "E", now);
    return json;
}

static void add_trade(cJSON *o, const struct fx_spec *spec, const struct fx_trade *trade) {
    static const struct fx_trade nothing;
    const struct fx_trade *shown = trade == NULL ? &nothing : trade;
    fx_add_number(o, "l", shown->quantity, spec->quantity_digits);
    fx_add_number(o, "L", shown->price, spec->price_digits);
    cJSON_AddNumberToObject(o, "t", (double)shown->id);
    cJSON_AddStringToObject(o, "N", "USDT");
    fx_add_number(o, "n", shown->fee, 6);
    cJSON_AddBoolToObject(o, "m", shown->is_maker);
    fx_add_number(o, "rp", shown->pnl, 6);
}

void fx_tell_order(struct fx_venue *venue, const struct fx_order *order, const char *what,
                   const struct fx_trade *trade) {
    const struct fx_spec *spec = &venue->markets[order->instrument].spec;
    const char *type = order->is_market ? "MARKET" : "LIMIT";
    cJSON *json = message(venue, "ORDER_TRADE_UPDATE");
    cJSON *o = cJSON_AddObjectToObject(json, "o");
    cJSON_AddStringToObject(o, "s", spec->symbol);
    cJSON_AddStringToObject(o, "c", order->client_id);
    cJSON_AddStringToObject(o, "S", fx_side_name(order->side));
    cJSON_AddStringToObject(o, "o", type);
    cJSON_AddStringToObject(o, "f", fx_tif_names[order->tif]);
    fx_add_number(o, "q", order->quantity, spec->quantity_digits);
    fx_add_number(o, "p", order->price, spec->price_digits);
    fx_add_average(o, "ap", order->quote, order->filled, spec->quantity_digits);
    cJSON_AddStringToObject(o, "sp", "0");
    cJSON_AddStringToObject(o, "x", what);
    cJSON_AddStringToObject(o, "X", fx_status_names[order->status]);
    cJSON_AddNumberToObject(o, "i", (double)order->id);
    fx_add_number(o, "z", order->filled, spec->quantity_digits);
    add_trade(o, spec, trade);
    cJSON_AddNumberToObject(o, "T", (double)order->update_ms);
    cJSON_AddBoolToObject(o, "R", order->reduce_only);
    cJSON_AddStringToObject(o, "wt", "CONTRACT_PRICE");
    cJSON_AddStringToObject(o, "ot", type);
    cJSON_AddStringToObject(o, "ps", "BOTH");
    cJSON_AddBoolToObject(o, "cp", false);
    send(venue, json);
}

void fx_tell_account(struct fx_venue *venue, const struct fx_market *market) {
    const struct fx_spec *spec = &market->spec;
    cJSON *json = message(venue, "ACCOUNT_UPDATE");
    cJSON *a = cJSON_AddObjectToObject(json, "a");
    cJSON_AddStringToObject(a, "m", "ORDER");
    cJSON *balance = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(a, "B"), balance);
    cJSON_AddStringToObject(balance, "a", "USDT");
    fx_add_number(balance, "wb", venue->wallet, 6);
    fx_add_number(balance, "cw", venue->wallet, 6);
    cJSON_AddStringToObject(balance, "bc", "0");
    cJSON *position = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(a, "P"), position);
    cJSON_AddStringToObject(position, "s", spec->symbol);
    fx_add_number(position, "pa", market->position, spec->quantity_digits);
    fx_add_average(position, "ep", market->cost, market->position, spec->quantity_digits);
    fx_add_number(position, "up", fx_unrealized(market), 6);
    cJSON_AddStringToObject(position, "mt", "cross");
    cJSON_AddStringToObject(position, "iw", "0");
    cJSON_AddStringToObject(position, "ps", "BOTH");
    send(venue, json);
}
