/* Jobs that wait on instruments of all kinds, while markets and accounts move: after each tick
   every decision in force is what perp_core_check makes of it from nothing. That is what most ticks
   only confirm, several jobs at once. usage: test_routes [SEED]   (or PERP_SEED in the environment)
 */
#include "lives.h"

#include <stdbool.h>

enum { LINEAR, TIERED, INVERSE, CROSS, COIN, LENT_COIN, N_X };
#define SECOND_LINEAR N_X /* another instrument of the first exchange */
#define N_INSTRUMENTS (N_X + 1)
#define N_JOBS 48
#define N_STEPS 60

typedef struct world {
    perp_core *core;
    perp_market *market;
    uint64_t seed, random, n_job, looked_at, accepted, refused;
    int64_t now;
    double mid[N_INSTRUMENTS];
    perp_position_report position[N_X]; /* as reported last, of each exchange's first instrument */
    perp_uuid running[N_JOBS];
    uint32_t n_running;
    bool lists; /* what may be traded */
} world;

static void fail(const world *w, const char *what) {
    fprintf(stderr, "seed %" PRIu64 ": %s\nlast error: %s\n0 passed, 1 failed\n", w->seed, what,
            perp_core_error(w->core));
    exit(1);
}

static void ok(const world *w, perp_status status) {
    if (status != PERP_OK)
        fail(w, perp_status_string(status));
}

static uint32_t below(world *w, uint32_t most) {
    return (uint32_t)(mixed_random(&w->random) % most);
}

static double between(world *w, double least, double most) {
    return least + (most - least) * below(w, 10001) / 10000;
}

static const perp_call *call(world *w) {
    static perp_call made;
    perp_call_init(&made);
    made.now_ns = w->now += 5 * MS;
    made.actor = "somebody";
    made.reason = "of chance";
    return &made;
}

/* ---- The world ----------------------------------------------------------------------------------
 */

static void add_exchange(world *w, uint32_t n) {
    static const perp_tier tiers[] = {
        {0, 5000, 0.004, 25, 0}, {5000, 50000, 0.01, 10, 30}, {50000, 2000000, 0.05, 4, 2030}};
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    uint32_t id;
    perp_exchange_spec_init(&exchange);
    snprintf(exchange.name, sizeof exchange.name, "x%u", n);
    exchange.liquidation_fee_bps = below(w, 2) ? 30 : 0;
    exchange.margin_mode = n == CROSS ? PERP_MARGIN_CROSS : PERP_MARGIN_ISOLATED;
    ok(w, perp_exchange_add(w->core, &exchange, &id));
    perp_instrument_spec_init(&instrument);
    instrument.exchange = id;
    strcpy(instrument.symbol, "BTC/USDT:USDT");
    if (n == INVERSE) {
        strcpy(instrument.symbol, "BTC/USD:BTC");
        strcpy(instrument.contract, "inverse");
    }
    if (n == COIN || n == LENT_COIN) {
        strcpy(instrument.symbol, "BTC/USDT");
        instrument.kind = PERP_KIND_SPOT;
        instrument.can_borrow = n == LENT_COIN;
    }
    if (n == TIERED) {
        instrument.tiers = tiers;
        instrument.n_tiers = sizeof tiers / sizeof *tiers;
        instrument.max_position_usd = 100000 * PERP_USD;
    }
    instrument.min_notional = (perp_usd)below(w, 3) * 500 * PERP_USD;
    ok(w, perp_instrument_add(w->core, &instrument, &id));
}

static void add_second(world *w) {
    perp_instrument_spec instrument;
    uint32_t id;
    perp_instrument_spec_init(&instrument);
    instrument.exchange = LINEAR;
    instrument.kind = PERP_KIND_FUTURE;
    strcpy(instrument.symbol, "BTC/USDT:USDT-260626");
    strcpy(instrument.contract, "260626");
    ok(w, perp_instrument_add(w->core, &instrument, &id));
}

/* Near the limits of every rule, so that small moves take jobs past them. */
static void configure(world *w, perp_config *config) {
    perp_config_init(config);
    config->capital.max_single_reserve_ppm = 1000000;
    config->risk.daily_loss_limit_pct = 0;
    config->risk.max_drawdown_pct = 0.5;
    config->risk.max_account_leverage = between(w, 1, 4);
    config->risk.blackout_minutes = 0;
    config->risk.default_leverage = 2;
    config->scheduler.max_notional_per_exchange = PERP_USD; /* so that all wait */
    config->capital.drift_tolerance_usd = INT64_C(1) << 50;
    config->scheduler.default_ttl_ms = 0;
    config->scheduler.hedge_tolerance = 0.35;
    config->risk.strategy_failures = 1;
    config->risk.max_consecutive_failures = 1000000;
    config->risk.max_quote_age_ms = 60000;
    if (below(w, 2))
        config->risk.max_net_exposure_usd = (perp_usd)(5000 + below(w, 30000)) * PERP_USD;
    if (below(w, 4) == 0)
        config->risk.account_max_age_ms = 60000;
    config->scheduler.auto_repair = 0;
    config->scheduler.leg_risk_usd = INT64_C(1) << 50;
    config->scheduler.on_reject = PERP_ON_REJECT_KEEP;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config->risk.modes[i].max_acceptable_loss_bps = between(w, 0, 8);
        config->risk.modes[i].max_leverage = between(w, 3, 12);
        config->risk.modes[i].max_funding_carry_bps = between(w, 0.5, 3);
        config->risk.modes[i].max_slippage_bps = between(w, 0.4, 2);
        config->risk.modes[i].max_spread_ratio = 1e6;
        config->risk.modes[i].volatility_threshold = 1e3;
        config->risk.modes[i].min_safety_score = between(w, 50, 90);
    }
}

static void quote(world *w, uint32_t n) {
    double half = w->mid[n] * between(w, 1e-5, 1e-4);
    perp_quote q = {
        n, 0, w->now, w->mid[n] - half, between(w, 0.3, 3), w->mid[n] + half, between(w, 0.3, 3)};
    ok(w, perp_market_on_quote(w->market, &q));
}

static void book(world *w, uint32_t n) {
    perp_book_level bids[3], asks[3];
    double step = w->mid[n] * between(w, 1e-5, 1e-4);
    for (int i = 0; i < 3; i++) {
        bids[i] = (perp_book_level){w->mid[n] - step * (1 + i), between(w, 0.2, 2)};
        asks[i] = (perp_book_level){w->mid[n] + step * (1 + i), between(w, 0.2, 2)};
    }
    perp_book b = {n, 3, 3, 0, w->now, bids, asks};
    ok(w, perp_market_on_book(w->market, &b));
}

static void funding(world *w, uint32_t n) {
    perp_funding f = {n, 0, w->now, between(w, -5e-4, 5e-4), below(w, 2) ? 8 : 4, 0};
    f.next_ns = w->now + INT64_C(3600) * SECOND * (1 + below(w, 3));
    if (below(w, 6) == 0)
        f.rate = 1; /* no rate at all: from here on none is known */
    perp_status status = perp_market_on_funding(w->market, &f);
    if (status != (f.rate < 1 ? PERP_OK : PERP_E_INVALID))
        ok(w, status);
}

static void mark(world *w, uint32_t n) {
    perp_mark m = {n, 0, w->now, w->mid[n] * between(w, 0.999, 1.001)};
    ok(w, perp_market_on_mark(w->market, &m));
}

/* What an exchange says of a position is now and then another one. */
static void change_position(world *w, uint32_t n) {
    perp_position_report *position = &w->position[n];
    *position = (perp_position_report){n, PERP_MARGIN_NOT_GIVEN, 0, 0, 0, 0};
    if (below(w, 3) == 0)
        return;
    position->quantity = between(w, n == COIN ? 0 : -1, 1);
    position->entry_price = w->mid[n] * between(w, 0.9, 1.1);
    if (n == COIN || n == LENT_COIN)
        return;
    position->leverage = below(w, 2) ? between(w, 1, 15) : 0;
    if (below(w, 2))
        position->liquidation_price =
            w->mid[n] * (position->quantity > 0 ? between(w, 0.8, 0.99) : between(w, 1.01, 1.2));
}

/* Its equity is another one each time. */
static void account(world *w, uint32_t n) {
    perp_account_report report;
    if (below(w, 2))
        change_position(w, n);
    perp_account_report_init(&report);
    report.exchange = n;
    report.has_equity = 1;
    report.equity = (10000 + (perp_usd)below(w, 70000)) * PERP_USD;
    report.positions = &w->position[n];
    report.n_positions = w->position[n].quantity != 0;
    for (int i = 0; i < 2; i++) { /* the first may be put aside, until another one agrees */
        ok(w, perp_account(w->core, call(w), &report));
        w->now += 3 * SECOND;
    }
}

static void latency(world *w, uint32_t n) {
    perp_latency l = {n, 0, w->now, between(w, 5, 400)};
    ok(w, perp_market_on_latency(w->market, &l));
}

/* ---- Jobs ---------------------------------------------------------------------------------------
 */

static void submit(world *w) {
    perp_job job;
    uint32_t first = below(w, N_INSTRUMENTS);
    uint32_t second = (first + 1 + below(w, N_INSTRUMENTS - 1)) % N_INSTRUMENTS;
    perp_job_init(&job);
    w->n_job++;
    memcpy(job.job_id.bytes, &w->n_job, sizeof w->n_job);
    job.job_id.bytes[15] = 1;
    job.strategy = below(w, 8) == 0 ? PERP_STRATEGY_HEDGE_REBALANCE
                   : below(w, 2)    ? PERP_STRATEGY_ARB
                                    : PERP_STRATEGY_WASH;
    job.n_legs = 2;
    job.expected_edge_bps = between(w, -2, 14);
    job.holding_hours = below(w, 3) ? 0 : below(w, 2) ? 9 : 30;
    double quantity = below(w, 8) ? between(w, 0.02, 0.3) : between(w, 0.3, 3);
    if (below(w, 6) == 0)
        quantity = between(w, 0.005, 0.05); /* below a minimum, unless it reduces */
    job.notional = (perp_usd)(quantity * w->mid[first] * 1e6);
    job.est_volume = below(w, 2) ? -1 : (perp_usd)below(w, 20000) * PERP_USD;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t n = i ? second : first;
        job.legs[i].instrument = n;
        job.legs[i].side = i == below(w, 2) ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        if (i && job.strategy == PERP_STRATEGY_HEDGE_REBALANCE)
            quantity *= 0.5;
        else if (i && below(w, 4) == 0)
            quantity *= 0.8;
        job.legs[i].quantity = quantity;
        job.legs[i].notional = (perp_usd)(quantity * w->mid[n] * between(w, 0.945, 1.055) * 1e6);
        job.legs[i].leverage = n == COIN || n == LENT_COIN ? 1 : between(w, 1, 14);
        job.legs[i].maker = below(w, 3) == 0;
    }
    job.legs[1].side = job.legs[0].side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    perp_status status = perp_scheduler_submit(perp_core_scheduler(w->core), call(w), &job);
    if (status != PERP_E_INVALID) /* below a minimum, which it would only be by chance */
        ok(w, status);
}

/* One that nobody knows anything of waits again, and then something was filled after all. */
static void doubt(world *w, const perp_uuid *id) {
    perp_scheduler *scheduler = perp_core_scheduler(w->core);
    perp_leg_result legs[2];
    memset(legs, 0, sizeof legs);
    for (int i = 0; i < 2; i++)
        legs[i] = (perp_leg_result){.price = 20000, .time_ns = PERP_TIME_NONE, .known = 1};
    legs[0].filled = 0.001;
    perp_status status = perp_scheduler_requeue(scheduler, call(w), id);
    if (status == PERP_E_STATE)
        return; /* something is filled already: it stays in doubt */
    ok(w, status);
    if (below(w, 3))
        ok(w, perp_scheduler_amend(scheduler, call(w), id, legs, 2));
}

/* What leaves is held to no limit, and runs for a while; then another one waits instead. */
static void end(world *w) {
    static const uint32_t ends[] = {PERP_RESULT_NOTHING, PERP_RESULT_FAILED, PERP_RESULT_UNKNOWN};
    perp_job_result result;
    perp_uuid id = w->running[--w->n_running];
    perp_job_result_init(&result);
    result.status = ends[below(w, 3)];
    perp_scheduler *scheduler = perp_core_scheduler(w->core);
    perp_status status = perp_scheduler_finish(scheduler, call(w), &id, &result, NULL);
    if (status == PERP_E_INVALID) { /* something is filled already: it was not nothing */
        result.status = PERP_RESULT_FAILED;
        status = perp_scheduler_finish(scheduler, call(w), &id, &result, NULL);
    }
    ok(w, status);
    if (result.status == PERP_RESULT_UNKNOWN)
        doubt(w, &id);
    else
        submit(w);
}

static void tick(world *w) {
    perp_tick_result result;
    perp_tick_result_init(&result);
    ok(w, perp_scheduler_tick(perp_core_scheduler(w->core), call(w), &result));
    for (uint32_t i = 0; i < result.n_items; i++)
        if (result.items[i].kind == PERP_TICK_DISPATCHED)
            w->running[w->n_running++] = result.items[i].job_id;
    w->looked_at += result.looked_at;
    w->accepted += result.evaluated - result.refused;
    w->refused += result.refused;
    perp_tick_result_free(&result);
    if (perp_core_check(w->core) != PERP_OK)
        fail(w, "a decision in force is not what it should be");
}

/* While there is a list, only linear perpetuals may be traded. */
static void list(world *w, bool on) {
    w->lists = on;
    ok(w, perp_risk_allow(perp_core_risk(w->core), call(w), "BTC/USDT:USDT", PERP_ALL_EXCHANGES,
                          PERP_ALL_STRATEGIES, on));
}

static void control(world *w) {
    perp_risk *risk = perp_core_risk(w->core);
    if (w->n_running && below(w, 2))
        end(w);
    if (w->lists && below(w, 3) == 0)
        list(w, false);
    switch (below(w, 16)) {
    case 0:
        ok(w, perp_risk_set_mode(risk, call(w), below(w, PERP_MODE_COUNT)));
        break;
    case 1:
        ok(w, perp_risk_manual_override(risk, call(w), 1, 60000, NULL));
        break;
    case 2:
        ok(w, perp_risk_manual_override(risk, call(w), 0, PERP_TIME_NONE, NULL));
        break;
    case 3:
        ok(w, perp_scheduler_pause(perp_core_scheduler(w->core), call(w)));
        tick(w);
        ok(w, perp_scheduler_resume(perp_core_scheduler(w->core), call(w)));
        break;
    case 4:
        ok(w, perp_risk_reset_strategy(risk, call(w), PERP_STRATEGY_ARB));
        ok(w, perp_risk_reset_strategy(risk, call(w), PERP_STRATEGY_WASH));
        break;
    case 5:
        list(w, !w->lists);
        break;
    default:
        break;
    }
}

static void open_world(world *w, uint64_t seed) {
    perp_config config;
    memset(w, 0, sizeof *w);
    w->seed = w->random = seed;
    w->now = START;
    configure(w, &config);
    ok(w, perp_core_open(&config, &w->core));
    w->market = perp_core_market(w->core);
    for (uint32_t n = 0; n < N_X; n++) {
        w->mid[n] = 20000 * between(w, 0.9998, 1.0002);
        add_exchange(w, n);
        account(w, n);
        book(w, n);
        quote(w, n);
        for (int i = 0; i < 30; i++)
            latency(w, n);
        if (n < COIN && below(w, 5))
            funding(w, n);
    }
    w->mid[SECOND_LINEAR] = 20000;
    add_second(w);
    quote(w, SECOND_LINEAR);
    for (int i = 0; i < N_JOBS; i++)
        submit(w);
}

static void move(world *w) {
    uint32_t n = below(w, N_X);
    w->mid[SECOND_LINEAR] *= between(w, 0.9999, 1.0001);
    w->mid[n] *= between(w, 0.9997, 1.0003);
    switch (below(w, 8)) {
    case 0:
        account(w, n);
        break;
    case 1:
        if (n < COIN)
            funding(w, n);
        break;
    case 2:
        mark(w, n);
        break;
    case 3:
        latency(w, n);
        break;
    case 4:
        book(w, n);
        break;
    default:
        quote(w, n);
    }
}

static void live(world *w, uint64_t seed) {
    open_world(w, seed);
    for (int step = 0; step < N_STEPS; step++) {
        for (uint32_t i = 0, n = 1 + below(w, 4); i < n; i++)
            move(w);
        control(w);
        w->now += (int64_t)below(w, 1000) * MS;
        if (below(w, 50) == 0) {
            w->now += INT64_C(3000) * SECOND * (1 + below(w, 20)); /* what is known grows old */
            ok(w, perp_core_advance(w->core, call(w)));
            for (uint32_t n = below(w, 3); n < N_X; n++)
                account(w, n);
        }
        bool all = below(w, 2);
        for (uint32_t n = 0; n < N_INSTRUMENTS; n++)
            if (all || below(w, 8) == 0)
                quote(w, n);
        tick(w);
    }
}

int main(int argc, char **argv) {
    uint64_t seed, lives = lives_from(argc, argv, 1, &seed);
    uint64_t looked_at = 0, accepted = 0, refused = 0;
    for (uint64_t i = 0; i < lives; i++) {
        world w;
        live(&w, seed + i);
        looked_at += w.looked_at;
        accepted += w.accepted;
        refused += w.refused;
        perp_core_close(w.core);
    }
    printf("%" PRIu64 " decisions looked at, %" PRIu64 " accepted, %" PRIu64 " refused\n",
           looked_at, accepted, refused);
    return lives_end(looked_at < lives * N_JOBS * 10 || accepted < lives * N_STEPS ||
                     refused < lives * N_STEPS);
}
