/* What the targets share: a finding ends the program, and bytes are read as arguments. */
#ifndef FUZZ_H
#define FUZZ_H

#include <perpcore/perpcore.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_START (INT64_C(1760000000) * 1000000000)

#define must(condition, core)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold: %s\n", __FILE__, __LINE__, #condition,       \
                    perp_core_error(core));                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A book of two exchanges with BTC and ETH, fed with quotes and funded. */
static inline perp_core *fuzz_book(perp_config *config) {
    static const char *const names[] = {"alpha", "beta"};
    static const char *const symbols[] = {"BTC/USDT:USDT", "ETH/USDT:USDT"};
    perp_core *core = NULL;
    perp_call call;
    must(perp_core_open(config, &core) == PERP_OK, NULL);
    perp_call_init(&call);
    call.now_ns = FUZZ_START;
    for (uint32_t x = 0; x < 2; x++) {
        perp_exchange_spec exchange;
        perp_exchange_id id;
        perp_exchange_spec_init(&exchange);
        strcpy(exchange.name, names[x]);
        must(perp_exchange_add(core, &exchange, &id) == PERP_OK, core);
        for (uint32_t s = 0; s < 2; s++) {
            perp_instrument_spec instrument;
            perp_instrument_id number;
            perp_instrument_spec_init(&instrument);
            instrument.exchange = id;
            strcpy(instrument.symbol, symbols[s]);
            must(perp_instrument_add(core, &instrument, &number) == PERP_OK, core);
            double bid = s == 0 ? 50000 : 2500;
            perp_quote quote = {number, 0, FUZZ_START, bid, 100, bid * 1.0001, 100};
            must(perp_market_on_quote(perp_core_market(core), &quote) == PERP_OK, core);
        }
        must(perp_capital_update_equity(perp_core_capital(core), &call, id, 1000000 * PERP_USD) ==
                 PERP_OK,
             core);
    }
    return core;
}

/* The input, byte by byte; zeros when it has ended. */
typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
} fuzz_bytes;

static inline uint8_t fuzz_byte(fuzz_bytes *bytes) {
    if (bytes->size == 0) {
        return 0;
    }
    bytes->size--;
    return *bytes->data++;
}

static inline uint64_t fuzz_word(fuzz_bytes *bytes, int width) {
    uint64_t word = 0;
    for (int i = 0; i < width; i++) {
        word = word << 8 | fuzz_byte(bytes);
    }
    return word;
}

#endif
