/* What the stream of a venue says: orders and trades of ours, and the books of the market. */
#include <stdlib.h>
#include <string.h>

#include "executor.h"

static void on_order_update(ex_venue *venue, const cJSON *order) {
    ex_said said = {.client_id = ex_text(order, "c"),
                    .exchange_id = (int64_t)ex_number(order, "i"),
                    .status = ex_text(order, "X"),
                    .executed = ex_number(order, "z"),
                    .fresh = false};
    if (strcmp(ex_text(order, "x"), "TRADE") == 0) {
        ex_trade trade = {.id = (int64_t)ex_number(order, "t"),
                          .client_id = said.client_id,
                          .quantity = ex_number(order, "l"),
                          .price = ex_number(order, "L"),
                          .fee = ex_money(order, "n"),
                          .pnl = ex_money(order, "rp"),
                          .time_ms = (int64_t)ex_number(order, "T")};
        ex_tell_fill(venue, &trade);
    }
    ex_learn(venue, &said);
}

static uint32_t read_levels(const cJSON *rows, perp_book_level *levels) {
    uint32_t n = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        const cJSON *price = cJSON_GetArrayItem(row, 0), *size = cJSON_GetArrayItem(row, 1);
        if (n == PERP_MAX_LEVELS || !cJSON_IsString(price) || !cJSON_IsString(size))
            break;
        levels[n++] =
            (perp_book_level){strtod(price->valuestring, NULL), strtod(size->valuestring, NULL)};
    }
    return n;
}

static void on_depth(ex_venue *venue, const cJSON *data) {
    perp_book_level bids[PERP_MAX_LEVELS], asks[PERP_MAX_LEVELS];
    for (uint32_t i = 0; i < venue->n_instruments; i++) {
        if (strcmp(venue->instruments[i].symbol, ex_text(data, "s")) != 0)
            continue;
        perp_book book = {.instrument = venue->instruments[i].id,
                          .time_ns = (int64_t)ex_number(data, "E") * EX_MS,
                          .bids = bids,
                          .asks = asks};
        book.n_bids = read_levels(cJSON_GetObjectItemCaseSensitive(data, "b"), bids);
        book.n_asks = read_levels(cJSON_GetObjectItemCaseSensitive(data, "a"), asks);
        perp_market_on_book(venue->ex->market, &book);
    }
}

void ex_venue_message(ex_venue *venue, const char *text, size_t length) {
    cJSON *json = cJSON_ParseWithLength(text, length);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    const char *kind = ex_text(data, "e");
    if (strcmp(kind, "ORDER_TRADE_UPDATE") == 0)
        on_order_update(venue, cJSON_GetObjectItemCaseSensitive(data, "o"));
    else if (strcmp(kind, "depthUpdate") == 0)
        on_depth(venue, data);
    cJSON_Delete(json);
}
