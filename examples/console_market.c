/* The market that the console plays: the generated one, or recorded files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "recorded_market.h"
#include "sim_market.h"

#define YEARS_NS (20 * 365 * 86400 * CONSOLE_SECOND) /* "for ever" */

struct console_market {
    sim_market *generated;
    recorded_market *recorded;
};

bool console_market_generated(const struct console_options *options) {
    return strcmp(options->market, "sim") == 0;
}

struct console_market *console_market_open(const struct console_options *options, int64_t start_ns,
                                           char *error, size_t size) {
    struct console_market *market = calloc(1, sizeof *market);
    if (market == NULL) {
        snprintf(error, size, "no memory");
        return NULL;
    }
    if (console_market_generated(options)) {
        market->generated = sim_market_new(options->seed, start_ns, start_ns + YEARS_NS);
        if (market->generated == NULL)
            snprintf(error, size, "no memory");
    } else {
        market->recorded =
            recorded_market_new(RECORDED_TWO_EXCHANGES, options->market, error, size);
    }
    if (market->generated == NULL && market->recorded == NULL) {
        free(market);
        return NULL;
    }
    return market;
}

perp_status console_market_enter(struct console_market *market, perp_core *core) {
    return market->generated != NULL ? sim_market_register(market->generated, core)
                                     : recorded_market_register(market->recorded, core);
}

void console_market_feed(struct console_market *market, struct feed *feed) {
    if (market->generated != NULL)
        sim_market_feed(market->generated, feed);
    else
        recorded_market_feed(market->recorded, feed);
}

void console_market_close(struct console_market *market) {
    if (market == NULL)
        return;
    if (market->generated != NULL)
        sim_market_free(market->generated);
    if (market->recorded != NULL)
        recorded_market_free(market->recorded);
    free(market);
}
