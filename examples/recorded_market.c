#include "recorded_market.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * INT64_C(1000000000))
#define LATEST INT64_C(7258118400000000000)
#define MARKETS 3
#define COLUMNS 12
#define BOOK_DEPTH 10

/* How a recorded market maps to an exchange and an instrument. usd_a_contract: sizes are contracts
   of so many USD whose number of coins depends on the price; 0: sizes are coins. */
typedef struct market_model {
    const char *exchange, *venue, *recorded_symbol, *symbol, *contract;
    uint32_t kind;
    double taker_bps, maker_bps, usd_a_contract, step, tick;
} market_model;

typedef struct part_model {
    const char *title, *quotes, *bars, *depth, *trades, *funding;
    int64_t start_ns, end_ns;
    market_model markets[MARKETS + 1];
} part_model;

/* Fees are those of an account with much turnover. In the second part no contract is named: with
   one venue, all that the host trades there of one base and kind counts as one book, so that the
   library refuses to hedge it with itself. */
static const part_model parts[RECORDED_PARTS] = {
    {"Binance COIN-M and Bybit, 2022-12-13, one quote a minute",
     "quotes_binance_bybit_btc_20221213_1m.csv",
     "bars_binance_bybit_btc_20221213_1m.csv",
     NULL,
     NULL,
     "funding_binance_bybit_btc_20221213.csv",
     INT64_C(1670889600000000000),
     INT64_C(1670976000000000000),
     {{"binance-coinm", "binance", "BTCUSD_PERP", "BTC/USD:BTC", "inverse", PERP_KIND_PERP, 3, 0,
       100, 0.001, 0.1},
      {"bybit", "bybit", "BTCUSD", "BTC/USD:BTC", "inverse", PERP_KIND_PERP, 3, 0, 1, 0.001, 0.5},
      {"bybit", "bybit", "BTCUSDT", "BTC/USDT:USDT", "linear", PERP_KIND_PERP, 3, 0, 0, 0.001, 0.5},
      {"bybit-spot", "bybit", "BTCUSDT", "BTC/USDT", "", PERP_KIND_SPOT, 10, 10, 0, 0.000001,
       0.01}}},
    {"Three Binance markets, 2024-08-08, 345 seconds",
     "quotes_binance_btc_20240808_100ms.csv",
     NULL,
     "depth_binance_btc_20240808_1s.csv",
     "trades_binance_btc_20240808_60s.csv",
     NULL,
     INT64_C(1723161254000000000),
     INT64_C(1723161600000000000),
     {{"binance-spot", "binance", "BTCUSDT", "BTC/USDT", "", PERP_KIND_SPOT, 10, 10, 0, 0.00001,
       0.01},
      {"binance-usdm", "binance", "BTCUSDT", "BTC/USDT:USDT", "", PERP_KIND_PERP, 5, 2, 0, 0.001,
       0.1},
      {"binance-coinm", "binance", "BTCUSD_PERP", "BTC/USD:BTC", "", PERP_KIND_PERP, 5, 1, 100,
       0.001, 0.1},
      {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0}}},
};

/* One event of a file. Of a book, `book` is its place in the levels. */
typedef struct record {
    int64_t time_ns;
    uint32_t order; /* of reading: events of one moment stay in it */
    uint32_t kind;
    uint32_t market;
    uint32_t book;
    double a, b, c, d;
} record;

typedef struct levels {
    uint32_t n_bids, n_asks;
    perp_book_level bids[BOOK_DEPTH], asks[BOOK_DEPTH];
} levels;

struct recorded_market {
    const part_model *model;
    uint32_t n_markets;
    record *records;
    size_t n_records, record_room, next;
    levels *books;
    size_t n_books, book_room;
    int64_t ends_ns[MARKETS + 1];
    perp_instrument_id ids[MARKETS + 1];
    char *message;
    size_t message_size;
};

/* A CSV file being read: the cells of its current line. */
typedef struct csv_table {
    recorded_market *market;
    const char *name;
    FILE *file;
    unsigned line;
    uint32_t n_cells;
    char text[512];
    char *cells[COLUMNS];
} csv_table;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static int
fail(recorded_market *market, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(market->message, market->message_size, format, arguments);
    va_end(arguments);
    return 0;
}

/* 1: a line was read, 0: the end, -1: it is no line of this file. */
static int next_line(csv_table *table) {
    if (fgets(table->text, sizeof table->text, table->file) == NULL)
        return ferror(table->file) ? fail(table->market, "%s: cannot be read", table->name) - 1 : 0;
    table->line++;
    size_t length = strlen(table->text);
    if (length + 1 == sizeof table->text && table->text[length - 1] != '\n')
        return fail(table->market, "%s:%u: the line is too long", table->name, table->line) - 1;
    while (length > 0 && (table->text[length - 1] == '\n' || table->text[length - 1] == '\r'))
        table->text[--length] = '\0';
    table->n_cells = 0;
    for (char *cell = table->text; cell != NULL;) {
        if (table->n_cells == COLUMNS)
            return fail(table->market, "%s:%u: too many columns", table->name, table->line) - 1;
        table->cells[table->n_cells++] = cell;
        cell = strchr(cell, ',');
        if (cell != NULL)
            *cell++ = '\0';
    }
    return 1;
}

static int number(csv_table *table, uint32_t column, double *value) {
    char *end = NULL;
    if (column < table->n_cells && table->cells[column][0] != '\0') {
        *value = strtod(table->cells[column], &end);
        if (*end == '\0')
            return 1;
    }
    return fail(table->market, "%s:%u: column %u is no number", table->name, table->line,
                column + 1);
}

/* Nanoseconds since 1970, up to the year 2200: what is counted with them does not overflow. */
static int stamp(csv_table *table, uint32_t column, int64_t *value) {
    char *end = NULL;
    if (column < table->n_cells && table->cells[column][0] != '\0') {
        *value = strtoll(table->cells[column], &end, 10);
        if (*end == '\0' && *value >= 0 && *value < LATEST)
            return 1;
    }
    return fail(table->market, "%s:%u: column %u is no time", table->name, table->line, column + 1);
}

/* MARKETS + 1 where the line is of a market that is not played. */
static uint32_t market_of(const csv_table *table) {
    const recorded_market *market = table->market;
    for (uint32_t i = 0; table->n_cells > 2 && i < market->n_markets; i++)
        if (strcmp(table->cells[1], market->model->markets[i].exchange) == 0 &&
            strcmp(table->cells[2], market->model->markets[i].recorded_symbol) == 0)
            return i;
    return MARKETS + 1;
}

static double coins(const recorded_market *market, uint32_t i, double size, double price) {
    double usd = market->model->markets[i].usd_a_contract;
    return usd > 0 ? size * usd / price : size;
}

static void *more_room(void *rows, size_t row_size, size_t n, size_t *room) {
    if (n < *room)
        return rows;
    size_t wanted = *room == 0 ? 1024 : *room * 2;
    void *larger = realloc(rows, wanted * row_size);
    if (larger != NULL)
        *room = wanted;
    return larger;
}

static int add(recorded_market *market, const record *row) {
    record *records =
        more_room(market->records, sizeof *records, market->n_records, &market->record_room);
    if (records == NULL)
        return fail(market, "no memory");
    market->records = records;
    records[market->n_records] = *row;
    records[market->n_records].order = (uint32_t)market->n_records;
    market->n_records++;
    return 1;
}

/* ts_ns,exchange,symbol,bid,bid_size,ask,ask_size */
static int quote_row(csv_table *table, uint32_t i) {
    recorded_market *market = table->market;
    record row = {.kind = FEED_QUOTE, .market = i};
    if (!stamp(table, 0, &row.time_ns) || !number(table, 3, &row.a) || !number(table, 4, &row.b) ||
        !number(table, 5, &row.c) || !number(table, 6, &row.d))
        return 0;
    row.b = coins(market, i, row.b, row.a);
    row.d = coins(market, i, row.d, row.c);
    if (row.time_ns > market->ends_ns[i])
        market->ends_ns[i] = row.time_ns;
    return add(market, &row);
}

/* ts_ns,exchange,symbol,open,high,low,close,volume, stamped at the start of the minute. What was
   traded in a minute is known at its end: the lowest, the highest and the last price. */
static int bar_row(csv_table *table, uint32_t i) {
    double volume;
    record row = {.kind = FEED_TRADE, .market = i};
    if (!stamp(table, 0, &row.time_ns) || !number(table, 7, &volume))
        return 0;
    row.time_ns += MINUTE;
    static const uint32_t low_high_close[] = {5, 4, 6};
    for (uint32_t k = 0; volume > 0 && k < 3; k++)
        if (!number(table, low_high_close[k], &row.a) || !add(table->market, &row))
            return 0;
    return 1;
}

/* ts_ns,exchange,symbol,price,size,… */
static int trade_row(csv_table *table, uint32_t i) {
    record row = {.kind = FEED_TRADE, .market = i};
    if (!stamp(table, 0, &row.time_ns) || !number(table, 3, &row.a) || !number(table, 4, &row.b))
        return 0;
    row.b = coins(table->market, i, row.b, row.a);
    return add(table->market, &row);
}

/* ts_ns,exchange,symbol,rate,interval_hours,next_funding_ns: the rate that was paid at ts_ns. Until
   the next payment it is the best guess of the next rate. */
static int funding_row(csv_table *table, uint32_t i) {
    int64_t next;
    record row = {.kind = FEED_SETTLEMENT, .market = i};
    if (!stamp(table, 0, &row.time_ns) || !number(table, 3, &row.a) || !number(table, 4, &row.b) ||
        !stamp(table, 5, &next))
        return 0;
    if (row.time_ns > table->market->model->start_ns && !add(table->market, &row))
        return 0;
    row.kind = FEED_FUNDING;
    /* Whole minutes from the payment: exact in a double, as nanoseconds since 1970 are not. */
    row.c = (double)((next - row.time_ns) / MINUTE);
    return add(table->market, &row);
}

/* ts_ns,exchange,symbol,side,level,price,size: the lines of a book follow each other. */
static int depth_row(csv_table *table, uint32_t i) {
    recorded_market *market = table->market;
    int64_t time_ns;
    double level, price, size;
    if (!stamp(table, 0, &time_ns) || !number(table, 4, &level) || !number(table, 5, &price) ||
        !number(table, 6, &size))
        return 0;
    const record *last = market->n_records > 0 ? &market->records[market->n_records - 1] : NULL;
    if (last == NULL || last->kind != FEED_BOOK || last->market != i || last->time_ns != time_ns) {
        levels *books =
            more_room(market->books, sizeof *books, market->n_books, &market->book_room);
        if (books == NULL)
            return fail(market, "no memory");
        market->books = books;
        memset(&books[market->n_books], 0, sizeof *books);
        record row = {.kind = FEED_BOOK,
                      .market = i,
                      .time_ns = time_ns,
                      .book = (uint32_t)market->n_books++};
        if (!add(market, &row))
            return 0;
    }
    levels *book = &market->books[market->n_books - 1];
    int is_bid = strcmp(table->cells[3], "bid") == 0;
    if (!is_bid && strcmp(table->cells[3], "ask") != 0)
        return fail(market, "%s:%u: column 4 is neither bid nor ask", table->name, table->line);
    uint32_t *n = is_bid ? &book->n_bids : &book->n_asks;
    if (*n == BOOK_DEPTH || (double)*n != level)
        return fail(market, "%s:%u: level out of order", table->name, table->line);
    (is_bid ? book->bids : book->asks)[(*n)++] =
        (perp_book_level){price, coins(market, i, size, price)};
    return 1;
}

/* Reads a file whose header starts as given; a NULL name is a file that this part does not have. */
static int read_table(recorded_market *market, const char *directory, const char *name,
                      const char *header, int (*row)(csv_table *, uint32_t)) {
    if (name == NULL)
        return 1;
    char path[1024];
    csv_table table = {.market = market, .name = name};
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return fail(market, "%s: the path is too long", directory);
    table.file = fopen(path, "r");
    if (table.file == NULL)
        return fail(market, "%s: %s", path, strerror(errno));
    int good = fgets(table.text, sizeof table.text, table.file) != NULL &&
               strncmp(table.text, header, strlen(header)) == 0;
    if (!good)
        fail(market, "%s: the header is not \"%s\"", path, header);
    table.line = 1;
    int read = 1;
    while (good && (read = next_line(&table)) > 0) {
        uint32_t i = market_of(&table);
        good = i > MARKETS || row(&table, i);
    }
    fclose(table.file);
    return good && read == 0;
}

static int by_time(const void *a, const void *b) {
    const record *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return left->order < right->order ? -1 : 1;
}

recorded_market *recorded_market_new(uint32_t part, const char *directory, char *message,
                                     size_t size) {
    const part_model *model = &parts[part];
    recorded_market *market = calloc(1, sizeof *market);
    if (market == NULL) {
        snprintf(message, size, "no memory");
        return NULL;
    }
    market->model = model;
    market->message = message;
    market->message_size = size;
    while (market->n_markets <= MARKETS && model->markets[market->n_markets].exchange != NULL)
        market->n_markets++;
    /* Bars before quotes: what traded in a minute comes before the quote at its end. */
    if (!read_table(market, directory, model->funding,
                    "ts_ns,exchange,symbol,rate,interval_hours,next_funding_ns", funding_row) ||
        !read_table(market, directory, model->bars,
                    "ts_ns,exchange,symbol,open,high,low,close,volume", bar_row) ||
        !read_table(market, directory, model->trades, "ts_ns,exchange,symbol,price,size",
                    trade_row) ||
        !read_table(market, directory, model->depth, "ts_ns,exchange,symbol,side,level,price,size",
                    depth_row) ||
        !read_table(market, directory, model->quotes,
                    "ts_ns,exchange,symbol,bid,bid_size,ask,ask_size", quote_row)) {
        recorded_market_free(market);
        return NULL;
    }
    if (market->n_records > 0)
        qsort(market->records, market->n_records, sizeof market->records[0], by_time);
    return market;
}

void recorded_market_free(recorded_market *market) {
    if (market == NULL)
        return;
    free(market->records);
    free(market->books);
    free(market);
}

perp_status recorded_market_register(recorded_market *market, perp_core *core) {
    for (uint32_t i = 0; i < market->n_markets; i++) {
        const market_model *model = &market->model->markets[i];
        perp_exchange_id exchange;
        perp_exchange_spec exchange_spec;
        perp_exchange_spec_init(&exchange_spec);
        snprintf(exchange_spec.name, sizeof exchange_spec.name, "%s", model->exchange);
        snprintf(exchange_spec.venue, sizeof exchange_spec.venue, "%s", model->venue);
        exchange_spec.taker_fee_bps = model->taker_bps;
        exchange_spec.maker_fee_bps = model->maker_bps;
        perp_status status = perp_exchange_add(core, &exchange_spec, &exchange);
        if (status != PERP_OK && status != PERP_E_EXISTS)
            return status;
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        spec.exchange = exchange;
        snprintf(spec.symbol, sizeof spec.symbol, "%s", model->symbol);
        snprintf(spec.contract, sizeof spec.contract, "%s", model->contract);
        spec.kind = model->kind;
        /* A contract of so many USD is no fixed number of coins: the host rounds to a step that is
           finer than any difference it cares for. */
        spec.qty_step = model->step;
        spec.min_qty = model->step;
        spec.price_tick = model->tick;
        spec.min_notional = 5 * PERP_USD;
        status = perp_instrument_add(core, &spec, &market->ids[i]);
        if (status != PERP_OK && status != PERP_E_EXISTS)
            return status;
    }
    return PERP_OK;
}

static void set_quote(perp_quote *quote, perp_instrument_id id, int64_t time_ns,
                      const perp_book_level *bid, const perp_book_level *ask) {
    *quote = (perp_quote){.instrument = id,
                          .time_ns = time_ns,
                          .bid = bid->price,
                          .bid_size = bid->size,
                          .ask = ask->price,
                          .ask_size = ask->size};
}

static int next_event(void *user, feed_event *event) {
    recorded_market *market = user;
    if (market->next == market->n_records)
        return 0;
    const record *row = &market->records[market->next++];
    perp_instrument_id id = market->ids[row->market];
    event->kind = row->kind;
    event->time_ns = row->time_ns;
    event->n_bids = event->n_asks = 0;
    if (row->kind == FEED_QUOTE) {
        set_quote(&event->u.quote, id, row->time_ns, &(perp_book_level){row->a, row->b},
                  &(perp_book_level){row->c, row->d});
    } else if (row->kind == FEED_BOOK) {
        const levels *book = &market->books[row->book];
        event->n_bids = book->n_bids;
        event->n_asks = book->n_asks;
        memcpy(event->bids, book->bids, sizeof book->bids);
        memcpy(event->asks, book->asks, sizeof book->asks);
        set_quote(&event->u.quote, id, row->time_ns, &book->bids[0], &book->asks[0]);
    } else if (row->kind == FEED_TRADE) {
        event->u.trade = (perp_trade){
            .instrument = id, .time_ns = row->time_ns, .price = row->a, .size = row->b};
    } else if (row->kind == FEED_FUNDING) {
        event->u.funding = (perp_funding){.instrument = id,
                                          .time_ns = row->time_ns,
                                          .rate = row->a,
                                          .interval_h = row->b,
                                          .next_ns = row->time_ns + (int64_t)row->c * MINUTE};
    } else {
        event->u.settlement = (feed_settlement){.instrument = id, .rate = row->a, .price = 0};
    }
    return 1;
}

void recorded_market_feed(recorded_market *market, struct feed *out) {
    *out = (struct feed){.user = market,
                         .next = next_event,
                         .title = market->model->title,
                         .start_ns = market->model->start_ns,
                         .end_ns = market->model->end_ns,
                         .ends_ns = market->ends_ns};
}
