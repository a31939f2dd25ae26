/* Books of three exchanges that live through a random life each: what their tests share. */
#ifndef LIVES_H
#define LIVES_H

#include <perpcore/perpcore.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define START (INT64_C(1760000000) * SECOND)
#define N_EXCHANGES 3

static inline uint64_t mixed_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Nothing of risk and limits is in the way. */
static inline void nothing_refused(perp_config *config) {
    perp_config_init(config);
    config->capital.max_single_reserve_ppm = 1000000;
    config->risk.account_max_age_ms = 0;
    config->risk.daily_loss_limit_pct = 0;
    config->risk.max_account_leverage = 100;
    config->risk.max_consecutive_failures = 1000000;
    config->scheduler.max_notional_per_exchange = INT64_C(1) << 50;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config->risk.modes[i].min_safety_score = 0;
        config->risk.modes[i].max_acceptable_loss_bps = 1000;
    }
}

/* An exchange with BTC, whose instrument has its number, and equity. */
static inline perp_status exchange_of(perp_core *core, const perp_call *call, uint32_t n,
                                      double qty_step, perp_usd equity) {
    static const char *const names[N_EXCHANGES] = {"a", "b", "c"};
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    uint32_t id = n;
    perp_exchange_spec_init(&exchange);
    strcpy(exchange.name, names[n]);
    perp_status status = perp_exchange_add(core, &exchange, &id);
    perp_instrument_spec_init(&instrument);
    instrument.exchange = id;
    strcpy(instrument.symbol, "BTC/USDT:USDT");
    instrument.qty_step = qty_step;
    if (status == PERP_OK)
        status = perp_instrument_add(core, &instrument, &id);
    if (status == PERP_OK)
        status = perp_capital_update_equity(perp_core_capital(core), call, n, equity);
    return status;
}

/* The same quote everywhere. */
static inline perp_status quotes_of(perp_core *core, int64_t now, double bid, double ask,
                                    double size) {
    perp_status status = PERP_OK;
    for (uint32_t i = 0; i < N_EXCHANGES && status == PERP_OK; i++) {
        perp_quote q;
        memset(&q, 0, sizeof q);
        q.instrument = i;
        q.time_ns = now;
        q.bid = bid;
        q.ask = ask;
        q.bid_size = q.ask_size = size;
        status = perp_market_on_quote(perp_core_market(core), &q);
    }
    return status;
}

/* How many lives, from which seed: PERP_CALLS wants more or fewer; a seed that is given is one. */
static inline uint64_t lives_from(int argc, char **argv, uint64_t preset, uint64_t *seed) {
    const char *given = argc > 1 ? argv[1] : getenv("PERP_SEED"), *most = getenv("PERP_CALLS");
    *seed = given != NULL ? strtoull(given, NULL, 10) : preset;
    uint64_t lives = argc > 1 ? 1 : most != NULL ? 2 + strtoull(most, NULL, 10) / 2500 : 40;
    printf("seed %" PRIu64 ", %" PRIu64 " books\n", *seed, lives);
    fflush(stdout);
    return lives;
}

/* The last line, and the exit status. */
static inline int lives_end(int little) {
    printf(little ? "too little happened\n0 passed, 1 failed\n" : "1 passed, 0 failed\n");
    return little;
}

#endif
