#include "sim_market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_random.h"

#define INSTRUMENTS (SIM_EXCHANGES * SIM_SYMBOLS)
#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY_S 86400.0
#define LEVELS 5
/* The most that one second can bring beside quotes: a status, a latency, and for each instrument a
   mark, a settlement and a rate. */
#define QUEUE_SIZE (2 * SIM_EXCHANGES + 3 * INSTRUMENTS)

/* What makes an exchange: fees (bps), the usual time of an order (ms), its spreads and depth
   against those of the symbol, hours between funding payments. */
typedef struct exchange_model {
    const char *name;
    double taker_bps, maker_bps;
    double latency_ms, spread, depth, funding_h;
} exchange_model;

static const exchange_model exchange_models[SIM_EXCHANGES] = {
    {"north", 2.5, 0.5, 35, 0.8, 2.5, 8},  {"south", 2.8, 0.2, 60, 1.0, 1.6, 8},
    {"east", 3.0, 1.0, 90, 1.0, 1.2, 8},   {"west", 2.2, -0.2, 45, 1.2, 1.0, 8},
    {"delta", 4.0, 1.5, 120, 1.1, 0.9, 4}, {"ridge", 2.0, 0.8, 80, 1.3, 0.7, 1},
    {"coast", 3.5, 0.0, 150, 1.4, 0.6, 8}, {"mesa", 5.0, 2.0, 200, 1.6, 0.5, 4},
};

/* What makes a symbol: its price at the start, how it moves (per √second), its spread (bps) and
   depth (USD a level) on an ordinary exchange, its steps. */
typedef struct symbol_model {
    const char *base;
    double price, volatility, spread_bps, depth_usd, step, tick;
} symbol_model;

static const symbol_model symbol_models[SIM_SYMBOLS] = {
    {"BTC", 60000, 0.6e-4, 0.4, 60000, 0.001, 0.1},
    {"ETH", 3000, 0.7e-4, 0.5, 45000, 0.001, 0.01},
    {"SOL", 150, 1.0e-4, 0.9, 25000, 0.01, 0.001},
    {"XRP", 0.6, 0.9e-4, 1.1, 18000, 1, 0.00001},
    {"DOGE", 0.15, 1.1e-4, 1.3, 15000, 10, 0.000001},
    {"ADA", 0.45, 1.0e-4, 1.4, 12000, 1, 0.00001},
    {"LINK", 15, 1.0e-4, 1.5, 10000, 0.1, 0.0001},
    {"LTC", 80, 0.8e-4, 1.2, 11000, 0.01, 0.001},
};

/* How often things happen, a day. */
static const double jumps_a_day = 2, market_jumps_a_day = 1, dislocations_a_day = 7;
static const double blowouts_a_day = 5, outages_a_day = 2, slow_periods_a_day = 3;

typedef struct sim_symbol {
    double fair;
    double heat; /* the volatility of now against the usual one */
} sim_symbol;

typedef struct sim_exchange {
    int64_t silent_until; /* gives no data until then */
    int64_t down_from;    /* says that it is down; PERP_TIME_NONE: does not */
    int64_t slow_until;
    double slowness;
    uint32_t api;
} sim_exchange;

typedef struct sim_instrument {
    perp_instrument_id id;
    uint32_t exchange, symbol;
    int64_t phase_ns;   /* of its quotes within the second */
    double drift_bps;   /* against the fair price: wanders around 0 */
    double shock_bps;   /* a dislocation, which decays */
    double shock_decay; /* a second */
    double blowout;     /* spread beyond the usual, in usual spreads */
    double rate;        /* funding per interval */
} sim_instrument;

struct sim_market {
    sim_random random;
    int64_t start_ns, end_ns;
    int64_t now_ns; /* the second that is being played */
    uint32_t next;  /* instrument, in order of phase */
    uint32_t queued, taken;
    sim_symbol symbols[SIM_SYMBOLS];
    sim_exchange exchanges[SIM_EXCHANGES];
    perp_exchange_id exchange_ids[SIM_EXCHANGES];
    sim_instrument instruments[INSTRUMENTS];
    feed_event queue[QUEUE_SIZE];
};

static int sooner(const void *a, const void *b) {
    const sim_instrument *left = a, *right = b;
    if (left->phase_ns != right->phase_ns)
        return left->phase_ns < right->phase_ns ? -1 : 1;
    return left->exchange * SIM_SYMBOLS + left->symbol <
                   right->exchange * SIM_SYMBOLS + right->symbol
               ? -1
               : 1;
}

sim_market *sim_market_new(uint64_t seed, int64_t start_ns, int64_t end_ns) {
    sim_market *market = calloc(1, sizeof *market);
    if (market == NULL)
        return NULL;
    sim_random_seed(&market->random, seed, 1);
    market->start_ns = start_ns;
    market->end_ns = end_ns;
    market->now_ns = start_ns - SECOND;
    market->next = INSTRUMENTS;
    for (uint32_t s = 0; s < SIM_SYMBOLS; s++) {
        market->symbols[s].fair =
            symbol_models[s].price * sim_random_between(&market->random, 0.9, 1.1);
        market->symbols[s].heat = 1;
    }
    for (uint32_t e = 0; e < SIM_EXCHANGES; e++)
        market->exchanges[e].down_from = PERP_TIME_NONE;
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        sim_instrument *instrument = &market->instruments[i];
        instrument->exchange = i / SIM_SYMBOLS;
        instrument->symbol = i % SIM_SYMBOLS;
        instrument->phase_ns = 1 + (int64_t)sim_random_below(&market->random, 999999998);
        instrument->shock_decay = 1;
        instrument->rate = sim_random_normal(&market->random) * 0.8e-4;
    }
    qsort(market->instruments, INSTRUMENTS, sizeof market->instruments[0], sooner);
    return market;
}

void sim_market_free(sim_market *market) {
    free(market);
}

static perp_status register_instrument(sim_market *market, perp_core *core,
                                       sim_instrument *instrument) {
    static const perp_tier tiers[] = {{0, 50000, 0.005, 0, 50},
                                      {50000, 250000, 0.01, 250, 20},
                                      {250000, 5000000, 0.02, 2750, 10}};
    const symbol_model *model = &symbol_models[instrument->symbol];
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    spec.exchange = market->exchange_ids[instrument->exchange];
    snprintf(spec.symbol, sizeof spec.symbol, "%s/USDT:USDT", model->base);
    snprintf(spec.contract, sizeof spec.contract, "linear");
    spec.qty_step = model->step;
    spec.min_qty = model->step;
    spec.price_tick = model->tick;
    spec.min_notional = 5 * PERP_USD;
    spec.funding_interval_h = exchange_models[instrument->exchange].funding_h;
    spec.tiers = tiers;
    spec.n_tiers = sizeof tiers / sizeof tiers[0];
    return perp_instrument_add(core, &spec, &instrument->id);
}

perp_status sim_market_register(sim_market *market, perp_core *core) {
    for (uint32_t e = 0; e < SIM_EXCHANGES; e++) {
        perp_exchange_spec spec;
        perp_exchange_spec_init(&spec);
        snprintf(spec.name, sizeof spec.name, "%s", exchange_models[e].name);
        spec.taker_fee_bps = exchange_models[e].taker_bps;
        spec.maker_fee_bps = exchange_models[e].maker_bps;
        perp_status status = perp_exchange_add(core, &spec, &market->exchange_ids[e]);
        if (status != PERP_OK && status != PERP_E_EXISTS)
            return status;
    }
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        perp_status status = register_instrument(market, core, &market->instruments[i]);
        if (status != PERP_OK && status != PERP_E_EXISTS)
            return status;
    }
    return PERP_OK;
}

static feed_event *put(sim_market *market, uint32_t kind) {
    feed_event *event = &market->queue[market->queued++];
    memset(event, 0, offsetof(feed_event, bids));
    event->kind = kind;
    event->time_ns = market->now_ns;
    return event;
}

static int happens(sim_market *market, double a_day) {
    return sim_random_chance(&market->random, a_day / DAY_S);
}

static double either_side(sim_market *market, double low, double high) {
    double size = sim_random_between(&market->random, low, high);
    return sim_random_chance(&market->random, 0.5) ? size : -size;
}

static void move_prices(sim_market *market) {
    sim_random *random = &market->random;
    double common = sim_random_normal(random);
    double shared_jump =
        happens(market, market_jumps_a_day) ? either_side(market, 0.003, 0.010) : 0;
    for (uint32_t s = 0; s < SIM_SYMBOLS; s++) {
        sim_symbol *symbol = &market->symbols[s];
        double jump = shared_jump;
        if (happens(market, jumps_a_day))
            jump += either_side(market, 0.003, 0.012);
        symbol->heat +=
            0.002 * (1 - symbol->heat) + 0.01 * sim_random_normal(random) * symbol->heat;
        if (jump != 0.0)
            symbol->heat += 1;
        symbol->heat = fmin(fmax(symbol->heat, 0.5), 4);
        double step = 0.7 * common + 0.7 * sim_random_normal(random);
        symbol->fair *= 1 + jump + step * symbol->heat * symbol_models[s].volatility;
        if (jump == 0.0)
            continue;
        /* Some exchanges follow a jump only seconds later. */
        for (uint32_t i = 0; i < INSTRUMENTS; i++) {
            sim_instrument *instrument = &market->instruments[i];
            if (instrument->symbol != s || !sim_random_chance(random, 0.3))
                continue;
            instrument->shock_bps -= jump * sim_random_between(random, 0.1, 0.5) * 1e4;
            instrument->shock_decay = 1 - 0.6931 / sim_random_between(random, 1.5, 6);
        }
    }
}

static void move_instruments(sim_market *market) {
    sim_random *random = &market->random;
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        sim_instrument *instrument = &market->instruments[i];
        instrument->drift_bps += -0.0116 * instrument->drift_bps + 0.18 * sim_random_normal(random);
        instrument->shock_bps *= instrument->shock_decay;
        instrument->blowout *= 0.985;
        if (happens(market, dislocations_a_day)) {
            instrument->shock_bps += either_side(market, 8, 40);
            instrument->shock_decay = 1 - 0.6931 / sim_random_between(random, 20, 150);
        }
        if (happens(market, blowouts_a_day))
            instrument->blowout = sim_random_between(random, 2, 6);
    }
}

static void say_status(sim_market *market, uint32_t e, uint32_t api) {
    feed_event *event = put(market, FEED_STATUS);
    event->u.status.exchange = market->exchange_ids[e];
    event->u.status.time_ns = market->now_ns;
    event->u.status.api = api;
    market->exchanges[e].api = api;
}

/* An outage starts as silence; after some seconds the exchange says that it is down, or never. */
static void move_exchange(sim_market *market, uint32_t e) {
    sim_exchange *exchange = &market->exchanges[e];
    sim_random *random = &market->random;
    int64_t now = market->now_ns;
    if (now >= exchange->silent_until && happens(market, outages_a_day)) {
        exchange->silent_until = now + (int64_t)sim_random_between(random, 40, 420) * SECOND;
        if (sim_random_chance(random, 0.7))
            exchange->down_from = now + (int64_t)sim_random_between(random, 1, 12) * SECOND;
    }
    if (exchange->down_from != PERP_TIME_NONE && now >= exchange->down_from) {
        exchange->down_from = PERP_TIME_NONE;
        say_status(market, e, PERP_API_DOWN);
    }
    if (exchange->api == PERP_API_DOWN && now >= exchange->silent_until)
        say_status(market, e, PERP_API_UP);
    if (now >= exchange->slow_until && happens(market, slow_periods_a_day)) {
        exchange->slow_until = now + (int64_t)sim_random_between(random, 120, 900) * SECOND;
        exchange->slowness = sim_random_between(random, 6, 30);
        if (exchange->api == PERP_API_UP && sim_random_chance(random, 0.5))
            say_status(market, e, PERP_API_DEGRADED);
    }
    if (exchange->api == PERP_API_DEGRADED && now >= exchange->slow_until)
        say_status(market, e, PERP_API_UP);
    if (now < exchange->silent_until || (now / SECOND + e) % 10 != 0)
        return;
    feed_event *event = put(market, FEED_LATENCY);
    event->u.latency.exchange = market->exchange_ids[e];
    event->u.latency.time_ns = now;
    event->u.latency.ms = exchange_models[e].latency_ms * sim_random_between(random, 0.6, 1.5) *
                          (now < exchange->slow_until ? exchange->slowness : 1);
}

static void say_rate(sim_market *market, const sim_instrument *instrument) {
    double hours = exchange_models[instrument->exchange].funding_h;
    int64_t interval = (int64_t)hours * HOUR;
    feed_event *event = put(market, FEED_FUNDING);
    event->u.funding.instrument = instrument->id;
    event->u.funding.time_ns = market->now_ns;
    event->u.funding.rate = instrument->rate;
    event->u.funding.interval_h = hours;
    event->u.funding.next_ns = (market->now_ns / interval + 1) * interval;
}

/* The rate of a symbol leans the same way everywhere; what differs between exchanges is the carry
   that a hedge pays or earns. */
static void move_funding(sim_market *market) {
    if (market->now_ns % HOUR != 0)
        return;
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        sim_instrument *instrument = &market->instruments[i];
        double hours = exchange_models[instrument->exchange].funding_h;
        if (market->now_ns % ((int64_t)hours * HOUR) == 0 && market->now_ns != market->start_ns) {
            feed_event *event = put(market, FEED_SETTLEMENT);
            event->u.settlement.instrument = instrument->id;
            event->u.settlement.rate = instrument->rate;
            event->u.settlement.price = market->symbols[instrument->symbol].fair;
        }
        double target = 1e-4 + 0.8e-4 * sim_random_normal(&market->random);
        instrument->rate += 0.5 * (target * hours / 8 - instrument->rate);
        say_rate(market, instrument);
    }
}

static void say_marks(sim_market *market) {
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        const sim_instrument *instrument = &market->instruments[i];
        if ((market->now_ns / SECOND + i) % 4 != 0 ||
            market->now_ns < market->exchanges[instrument->exchange].silent_until)
            continue;
        feed_event *event = put(market, FEED_MARK);
        event->u.mark.instrument = instrument->id;
        event->u.mark.time_ns = market->now_ns;
        event->u.mark.price =
            market->symbols[instrument->symbol].fair * (1 + 0.3e-4 * instrument->drift_bps);
    }
}

static void play_second(sim_market *market) {
    market->now_ns += SECOND;
    market->next = 0;
    market->queued = 0;
    market->taken = 0;
    move_prices(market);
    move_instruments(market);
    for (uint32_t e = 0; e < SIM_EXCHANGES; e++)
        move_exchange(market, e);
    move_funding(market);
    say_marks(market);
}

static void fill_levels(sim_market *market, const sim_instrument *instrument, feed_event *event,
                        double gap) {
    const symbol_model *model = &symbol_models[instrument->symbol];
    const perp_quote *quote = &event->u.quote;
    event->n_bids = event->n_asks = LEVELS;
    event->bids[0] = (perp_book_level){quote->bid, quote->bid_size};
    event->asks[0] = (perp_book_level){quote->ask, quote->ask_size};
    for (uint32_t l = 1; l < LEVELS; l++) {
        double more = (1 + 0.6 * l) * sim_random_between(&market->random, 0.6, 1.4);
        double size = floor(model->depth_usd * exchange_models[instrument->exchange].depth * more /
                            (quote->ask * model->step)) *
                          model->step +
                      model->step;
        event->bids[l] = (perp_book_level){quote->bid - l * gap, size};
        event->asks[l] = (perp_book_level){quote->ask + l * gap, size};
    }
}

/* Every fourth second the whole book, else the best prices. 0: no data at this moment. */
static int make_quote(sim_market *market, uint32_t i, feed_event *event) {
    const sim_instrument *instrument = &market->instruments[i];
    const exchange_model *exchange = &exchange_models[instrument->exchange];
    const symbol_model *model = &symbol_models[instrument->symbol];
    sim_random *random = &market->random;
    int64_t now = market->now_ns + instrument->phase_ns;
    if (now < market->exchanges[instrument->exchange].silent_until ||
        sim_random_chance(random, 0.08))
        return 0;
    const sim_symbol *symbol = &market->symbols[instrument->symbol];
    double mid = symbol->fair * (1 + 1e-4 * (instrument->drift_bps + instrument->shock_bps));
    double spread = mid * 1e-4 * model->spread_bps * exchange->spread * (0.6 + 0.4 * symbol->heat) *
                    (1 + instrument->blowout + fabs(instrument->shock_bps) / 40) *
                    sim_random_between(random, 0.8, 1.2);
    double ticks = fmax(1, floor(spread / model->tick + 0.5));
    double bid = floor((mid - 0.5 * ticks * model->tick) / model->tick + 0.5) * model->tick;
    double size = model->depth_usd * exchange->depth / (mid * model->step);
    event->u.quote = (perp_quote){
        .instrument = instrument->id,
        .time_ns = now,
        .bid = bid,
        .ask = bid + ticks * model->tick,
        .bid_size = (1 + floor(size * sim_random_between(random, 0.1, 1.2))) * model->step,
        .ask_size = (1 + floor(size * sim_random_between(random, 0.1, 1.2))) * model->step};
    event->kind = FEED_QUOTE;
    event->time_ns = now;
    event->n_bids = event->n_asks = 0;
    if ((market->now_ns / SECOND + i) % 4 == 0) {
        event->kind = FEED_BOOK;
        fill_levels(market, instrument, event, fmax(model->tick, ticks * model->tick / 2));
    }
    return 1;
}

static int next_event(void *user, feed_event *event) {
    sim_market *market = user;
    for (;;) {
        if (market->taken < market->queued) {
            *event = market->queue[market->taken++];
            return 1;
        }
        while (market->next < INSTRUMENTS)
            if (make_quote(market, market->next++, event))
                return 1;
        if (market->now_ns >= market->end_ns)
            return 0;
        play_second(market);
    }
}

void sim_market_feed(sim_market *market, struct feed *out) {
    *out = (struct feed){.user = market,
                         .next = next_event,
                         .title = "Generated market",
                         .start_ns = market->start_ns,
                         .end_ns = market->end_ns,
                         .ends_ns = NULL};
}
