/* The ops of market data. */
#include "scenario.h"

#include <stdlib.h>

#include "util/json.h"

static perp_market *market_of(const struct line *line) {
    return perp_core_market(line->run->core);
}

void scenario_quote(struct line *line) {
    perp_quote quote = {.instrument = line_instrument(line), .time_ns = line->call.now_ns};
    quote.bid = line_number(line, "bid", 0);
    quote.bid_size = line_number(line, "bid_size", 0);
    quote.ask = line_number(line, "ask", 0);
    quote.ask_size = line_number(line, "ask_size", 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_quote(market_of(line), &quote));
}

/* One side of a book, to be freed; NULL: the line failed. */
static perp_book_level *read_levels(struct line *line, const char *name, uint32_t *n_levels) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(line->json, name);
    const cJSON *entry;
    perp_book_level *levels = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *levels);
    uint32_t n = 0;
    if (!levels) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return NULL;
    }
    cJSON_ArrayForEach(entry, list) {
        const cJSON *price = cJSON_IsArray(entry) ? entry->child : NULL;
        const cJSON *size = price ? price->next : NULL;
        if (!size || size->next || !perp_json_is_number(price) || !perp_json_is_number(size)) {
            (void)line_fail(line, PERP_E_INVALID, "%s[%u]: must be [price, size]", name,
                            (unsigned)n);
            break;
        }
        levels[n].price = line_finite(line, price, name);
        levels[n].size = line_finite(line, size, name);
        n++;
    }
    *n_levels = n;
    return levels;
}

void scenario_book(struct line *line) {
    perp_book book = {.time_ns = line->call.now_ns};
    perp_book_level *bids = read_levels(line, "bids", &book.n_bids);
    perp_book_level *asks = read_levels(line, "asks", &book.n_asks);
    book.bids = bids;
    book.asks = asks;
    book.instrument = line_instrument(line);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_book(market_of(line), &book));
    free(bids);
    free(asks);
}

void scenario_trade(struct line *line) {
    perp_trade trade = {.instrument = line_instrument(line), .time_ns = line->call.now_ns};
    trade.price = line_number(line, "price", 0);
    trade.size = line_number(line, "size", 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_trade(market_of(line), &trade));
}

void scenario_mark(struct line *line) {
    perp_mark mark = {.instrument = line_instrument(line), .time_ns = line->call.now_ns};
    mark.price = line_number(line, "price", 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_mark(market_of(line), &mark));
}

void scenario_withdraw(struct line *line) {
    perp_withdrawal withdrawal = {.instrument = line_instrument(line),
                                  .time_ns = line->call.now_ns};
    if (line_ready(line))
        (void)line_did(line, perp_market_on_withdraw(market_of(line), &withdrawal));
}

void scenario_rate(struct line *line) {
    perp_rate rate = {.time_ns = line->call.now_ns};
    line_name(line, "quote", rate.quote);
    rate.usd = line_number(line, "usd", 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_rate(market_of(line), &rate));
}

void scenario_collateral(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    double quantity = line_number(line, "quantity", 0);
    double haircut = line_number(line, "haircut", 0);
    if (line_ready(line))
        (void)line_did(line, perp_risk_set_collateral(perp_core_risk(line->run->core), &line->call,
                                                      exchange, line_text(line, "base"), quantity,
                                                      haircut));
}

void scenario_funding(struct line *line) {
    perp_funding funding = {.instrument = line_instrument(line), .time_ns = line->call.now_ns};
    funding.rate = line_number(line, "rate", 0);
    funding.interval_h = line_number(line, "interval_h", 0);
    funding.next_ns = line_time_ns(line, "next_t", 0);
    funding.continuous = line_flag(line, "continuous");
    if (line_ready(line))
        (void)line_did(line, perp_market_on_funding(market_of(line), &funding));
}

void scenario_latency(struct line *line) {
    perp_latency latency = {.exchange = line_exchange(line), .time_ns = line->call.now_ns};
    latency.ms = line_number(line, "ms", 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_latency(market_of(line), &latency));
}

void scenario_exchange_status(struct line *line) {
    perp_exchange_status status = {.exchange = line_exchange(line), .time_ns = line->call.now_ns};
    status.api = line_choice(line, "status", perp_api_string, PERP_API_COUNT, 0);
    if (line_ready(line))
        (void)line_did(line, perp_market_on_status(market_of(line), &status));
}

void scenario_market(struct line *line) {
    perp_instrument_id instrument = line_instrument(line);
    perp_market_state state = {.struct_size = sizeof state};
    if (!line_ready(line) ||
        !line_did(line, perp_market_query(market_of(line), instrument, line->call.now_ns, &state)))
        return;
    put_number(line, line->answer, "bid", state.bid);
    if (!state.has_quote) {
        put_number(line, line->answer, "volatility", state.volatility);
        return;
    }
    put_number(line, line->answer, "ask", state.ask);
    put_number(line, line->answer, "mid", state.mid);
    put_number(line, line->answer, "spread_bps", state.spread_bps);
    put_number(line, line->answer, "spread_baseline_bps", state.spread_baseline_bps);
    put_number(line, line->answer, "volatility", state.volatility);
    put_flag(line, line->answer, "fast", state.fast);
    put_number(line, line->answer, "funding_rate", state.funding_rate);
    put_number(line, line->answer, "last", state.last);
    put_number(line, line->answer, "mark", state.mark);
}
