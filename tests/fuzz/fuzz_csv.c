/* Bytes as the files of a recorded market: they are read or refused with a place, and what was read
   comes in order of time, for instruments that there are, and leaves the book sound.
   The first byte says which market; then its files, with a zero byte between them. A file that
   starts with '!' is as it stands, any other one gets its header. */
#include "fuzz.h"

#include <unistd.h>

#include "recorded_market.h"

struct table {
    const char *name, *header;
};

static const char funding[] = "ts_ns,exchange,symbol,rate,interval_hours,next_funding_ns\n";
static const char bars[] = "ts_ns,exchange,symbol,open,high,low,close,volume\n";
static const char trades[] = "ts_ns,exchange,symbol,price,size\n";
static const char depth[] = "ts_ns,exchange,symbol,side,level,price,size\n";
static const char quotes[] = "ts_ns,exchange,symbol,bid,bid_size,ask,ask_size\n";

#define TABLES 3
static const struct table tables[RECORDED_PARTS][TABLES] = {
    {{"quotes_binance_bybit_btc_20221213_1m.csv", quotes},
     {"bars_binance_bybit_btc_20221213_1m.csv", bars},
     {"funding_binance_bybit_btc_20221213.csv", funding}},
    {{"quotes_binance_btc_20240808_100ms.csv", quotes},
     {"depth_binance_btc_20240808_1s.csv", depth},
     {"trades_binance_btc_20240808_60s.csv", trades}}};

static char folder[64];

static void path_of(const struct table *table, char path[160]) {
    snprintf(path, 160, "%s/%s", folder, table->name);
}

static void forget(void) {
    char path[160];
    for (uint32_t part = 0; part < RECORDED_PARTS; part++) {
        for (uint32_t i = 0; i < TABLES; i++) {
            path_of(&tables[part][i], path);
            unlink(path);
        }
    }
    rmdir(folder);
}

static void make_folder(void) {
    if (folder[0] == 0) {
        strcpy(folder, "/tmp/perp-csv-XXXXXX");
        must(mkdtemp(folder) != NULL && atexit(forget) == 0, NULL);
    }
}

static void put_file(const struct table *table, fuzz_bytes *bytes) {
    char path[160];
    const uint8_t *end = bytes->size > 0 ? memchr(bytes->data, 0, bytes->size) : NULL;
    size_t size = end == NULL ? bytes->size : (size_t)(end - bytes->data);
    const size_t passed = end == NULL ? size : size + 1;
    path_of(table, path);
    FILE *file = fopen(path, "w");
    must(file != NULL, NULL);
    if (size > 0 && bytes->data[0] == '!') {
        fwrite(bytes->data + 1, 1, size - 1, file);
    } else {
        fputs(table->header, file);
        fwrite(bytes->data, 1, size, file);
    }
    must(fclose(file) == 0, NULL);
    bytes->data += passed;
    bytes->size -= passed;
}

static perp_instrument_id instrument_of(const feed_event *event) {
    switch (event->kind) {
    case FEED_TRADE:
        return event->u.trade.instrument;
    case FEED_FUNDING:
        return event->u.funding.instrument;
    case FEED_SETTLEMENT:
        return event->u.settlement.instrument;
    default:
        return event->u.quote.instrument;
    }
}

/* Plays the market into a book. */
static void play(recorded_market *market) {
    perp_core *core = NULL;
    struct feed feed;
    feed_event event;
    int64_t before = INT64_MIN;
    must(perp_core_open(NULL, &core) == PERP_OK, NULL);
    must(recorded_market_register(market, core) == PERP_OK, core);
    recorded_market_feed(market, &feed);
    const uint64_t hash = perp_core_hash(core);
    while (feed.next(feed.user, &event)) {
        must(event.time_ns >= before, core);
        must(instrument_of(&event) < perp_instrument_count(core), core);
        must(event.n_bids <= FEED_LEVELS && event.n_asks <= FEED_LEVELS, core);
        must(feed_tell(perp_core_market(core), &event) != PERP_E_CORRUPT, core);
        before = event.time_ns;
    }
    must(perp_core_hash(core) == hash && perp_core_check(core) == PERP_OK, core);
    must(perp_core_close(core) == PERP_OK, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    const uint32_t part = fuzz_byte(&bytes) % RECORDED_PARTS;
    char message[256] = "";
    make_folder();
    for (uint32_t i = 0; i < TABLES; i++) {
        put_file(&tables[part][i], &bytes);
    }
    recorded_market *market = recorded_market_new(part, folder, message, sizeof message);
    if (market == NULL) {
        must(strstr(message, ".csv") != NULL, NULL);
        return 0;
    }
    play(market);
    recorded_market_free(market);
    return 0;
}
