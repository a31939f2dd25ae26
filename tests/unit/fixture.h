/* A small world for tests: exchanges alpha, beta, gamma and delta (delta is a second account at
   alpha's venue), each with BTC and ETH perpetuals, fed with calm quotes, so that the pair job
   below is accepted and every test needs to break one thing only. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <perpcore/perpcore.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START (INT64_C(1760000000) * SECOND) /* 2025-10-09 08:53:20 UTC */
#define USD(x) ((perp_usd)((x)*PERP_USD))
#define ALL_X PERP_ALL_EXCHANGES

enum { ALPHA, BETA, GAMMA, DELTA, N_X };

#define BTC_BID 50000.0
#define BTC_ASK 50004.0
#define BTC_MID 50002.0
#define ETH_BID 2500.0
#define ETH_ASK 2500.2

/* What the callbacks were told, newest last. */
struct seen {
    uint32_t outcome; /* what the executor answers */
    uint32_t preset;  /* what the outcome was preset to */
    int executed;
    perp_uuid executed_ids[256];
    perp_execution last;
    perp_order last_orders[PERP_MAX_LEGS];
    int leg_risk;
    char leg_risk_base[PERP_NAME_SIZE];
    double leg_risk_quantity;
    int kills;
    uint32_t kill_exchange;
    uint32_t kill_jobs;
    perp_uuid kill_ids[64];
    int warnings;
    char warning[512];
};

struct world {
    perp_core *core;
    perp_capital *capital;
    perp_market *market;
    perp_positions *positions;
    perp_risk *risk;
    perp_scheduler *scheduler;
    int64_t now;
    perp_instrument_id btc[N_X];
    perp_instrument_id eth[N_X];
    perp_call call;
    struct seen seen;
};

static inline void world_execute(void *user, const perp_execution *job, uint32_t *outcome) {
    struct seen *seen = &((struct world *)user)->seen;
    if (seen->executed < 256) {
        seen->executed_ids[seen->executed] = job->job_id;
    }
    seen->executed++;
    seen->last = *job;
    memcpy(seen->last_orders, job->orders, job->n_orders * sizeof *job->orders);
    seen->preset = *outcome;
    *outcome = seen->outcome;
}

static inline void world_leg_risk(void *user, const char *base, double quantity) {
    struct seen *seen = &((struct world *)user)->seen;
    seen->leg_risk++;
    snprintf(seen->leg_risk_base, sizeof seen->leg_risk_base, "%s", base);
    seen->leg_risk_quantity = quantity;
}

static inline void world_kill(void *user, perp_exchange_id exchange, const perp_uuid *jobs,
                              uint32_t n_jobs) {
    struct seen *seen = &((struct world *)user)->seen;
    seen->kills++;
    seen->kill_exchange = exchange;
    seen->kill_jobs = n_jobs;
    for (uint32_t i = 0; i < n_jobs && i < 64; i++) {
        seen->kill_ids[i] = jobs[i];
    }
}

static inline void world_log(void *user, uint32_t level, const char *message) {
    struct seen *seen = &((struct world *)user)->seen;
    if (level == PERP_LOG_WARNING) {
        seen->warnings++;
        strncpy(seen->warning, message, sizeof seen->warning - 1);
    }
}

/* The message of the core with a failed status, so that a failure says why. */
#define ok(world, expression) expect(world, PERP_OK, expression)
#define expect(world, wanted, expression)                                                          \
    do {                                                                                           \
        perp_status status_ = (expression);                                                        \
        ck_assert_msg(status_ == (wanted), "%s: got %s (%s), wanted %s", #expression,              \
                      perp_status_string(status_), perp_core_error((world)->core),                 \
                      perp_status_string(wanted));                                                 \
    } while (0)

/* An error, and the book is byte for byte as it was. */
#define fails(world, wanted, expression)                                                           \
    do {                                                                                           \
        uint64_t before_ = perp_core_hash((world)->core);                                          \
        int64_t clock_ = perp_core_clock((world)->core);                                           \
        expect(world, wanted, expression);                                                         \
        ck_assert_msg(perp_core_hash((world)->core) == before_, "%s changed the book",             \
                      #expression);                                                                \
        ck_assert_int_eq(perp_core_clock((world)->core), clock_);                                  \
    } while (0)

#define checked(world)                                                                             \
    ck_assert_msg(perp_core_check((world)->core) == PERP_OK, "%s", perp_core_error((world)->core))

static inline const perp_call *at(struct world *w, int64_t now) {
    perp_call_init(&w->call);
    w->call.now_ns = now;
    return &w->call;
}

static inline const perp_call *nowc(struct world *w) {
    return at(w, w->now);
}

/* The same after the clock was set to that time, which may be far ahead of it. */
static inline const perp_call *leap_to(struct world *w, int64_t now) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now = now;
    call.actor = "tester";
    call.reason = "time passes";
    ck_assert_msg(perp_core_advance(w->core, &call) == PERP_OK, "%s", perp_core_error(w->core));
    return at(w, now);
}

/* With an actor and a reason. */
static inline const perp_call *signed_at(struct world *w, int64_t now) {
    perp_call_init(&w->call);
    w->call.now_ns = now;
    w->call.actor = "tester";
    w->call.reason = "a test";
    return &w->call;
}

static inline const perp_call *signedc(struct world *w) {
    return signed_at(w, w->now);
}

static inline perp_exchange_id world_exchange(struct world *w, const char *name,
                                              const char *venue) {
    perp_exchange_spec spec;
    perp_exchange_id id = PERP_NO_ID;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, name);
    strcpy(spec.venue, venue);
    spec.taker_fee_bps = 1;
    spec.maker_fee_bps = 0;
    ok(w, perp_exchange_add(w->core, &spec, &id));
    return id;
}

static inline perp_instrument_id world_instrument(struct world *w, perp_exchange_id exchange,
                                                  const char *symbol, const char *base,
                                                  double qty_step) {
    perp_instrument_spec spec;
    perp_instrument_id id = PERP_NO_ID;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    strcpy(spec.symbol, symbol);
    strcpy(spec.base, base);
    spec.qty_step = qty_step;
    ok(w, perp_instrument_add(w->core, &spec, &id));
    return id;
}

/* What a feed says after a leap of its clock: the first event is refused, the second agrees. */
#define fed(w, call)                                                                               \
    do {                                                                                           \
        perp_status fed_ = (call);                                                                 \
        if (fed_ == PERP_E_RANGE)                                                                  \
            fed_ = (call);                                                                         \
        ok((w), fed_);                                                                             \
    } while (0)

static inline void quote_at(struct world *w, perp_instrument_id instrument, int64_t now, double bid,
                            double ask, double size) {
    perp_quote quote;
    memset(&quote, 0, sizeof quote);
    quote.instrument = instrument;
    quote.time_ns = now;
    quote.bid = bid;
    quote.bid_size = size;
    quote.ask = ask;
    quote.ask_size = size;
    fed(w, perp_market_on_quote(w->market, &quote));
}

static inline void funding_of(struct world *w, perp_instrument_id instrument, double rate,
                              int64_t next_ns) {
    perp_funding funding;
    memset(&funding, 0, sizeof funding);
    funding.instrument = instrument;
    funding.time_ns = w->now;
    funding.rate = rate;
    funding.interval_h = 8;
    funding.next_ns = next_ns;
    fed(w, perp_market_on_funding(w->market, &funding));
}

/* Equity everywhere, said twice: what is far from the last report is taken when a second one
 * agrees. */
static inline void all_have(struct world *w, perp_usd equity) {
    for (uint32_t x = 0; x < N_X; x++) {
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
    }
}

/* Fresh calm quotes everywhere at the world's time. */
static inline void quotes(struct world *w) {
    for (int x = 0; x < N_X; x++) {
        quote_at(w, w->btc[x], w->now, BTC_BID, BTC_ASK, 1000);
        quote_at(w, w->eth[x], w->now, ETH_BID, ETH_ASK, 10000);
    }
}

static inline void pass(struct world *w, int64_t duration) {
    w->now += duration;
    quotes(w);
}

/* The defaults but for what would make a test of one rule fail for another one: no mode demands a
   safety score, a job may take the whole of a pool, and an account that was never reported is known
   all the same. */
static inline void world_config(perp_config *config) {
    perp_config_init(config);
    config->capital.max_single_reserve_ppm = 1000000;
    config->capital.max_total_notional_ppm = 1000000;
    config->risk.account_max_age_ms = 0;
    for (int mode = 0; mode < PERP_MODE_COUNT; mode++) {
        config->risk.modes[mode].min_safety_score = 0;
    }
}

/* The modules of the book that is open now. */
static inline void world_handles(struct world *w) {
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->positions = perp_core_positions(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
}

typedef void world_executor(void *user, const perp_execution *job, uint32_t *outcome);

static inline struct world *world_open_with(perp_config *config, world_executor *executor) {
    static const char *names[N_X] = {"alpha", "beta", "gamma", "delta"};
    struct world *w = calloc(1, sizeof *w);
    perp_config defaults;
    ck_assert_ptr_nonnull(w);
    if (config == NULL) {
        world_config(&defaults);
        config = &defaults;
    }
    w->now = START;
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    config->callbacks.user = w;
    config->callbacks.execute = executor;
    config->callbacks.on_leg_risk = world_leg_risk;
    config->callbacks.on_kill = world_kill;
    config->callbacks.log = world_log;
    ck_assert_msg(perp_core_open(config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    world_handles(w);
    for (uint32_t x = 0; x < N_X; x++) {
        ck_assert_uint_eq(world_exchange(w, names[x], x == DELTA ? "alpha" : ""), x);
        w->btc[x] = world_instrument(w, x, "BTC/USDT:USDT", "", 0);
        w->eth[x] = world_instrument(w, x, "ETH/USDT:USDT", "", 0);
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x, USD(1000000)));
    }
    quotes(w);
    return w;
}

static inline struct world *world_open(perp_config *config) {
    return world_open_with(config, world_execute);
}

/* With a configuration that is changed first. */
static inline struct world *world_changed(void (*change)(perp_config *)) {
    perp_config config;
    world_config(&config);
    change(&config);
    return world_open(&config);
}

/* Opens the book again that was closed, with the configuration and its store. */
static inline void world_reopen(struct world *w, perp_config *config) {
    ck_assert_msg(perp_core_open(config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    world_handles(w);
}

static inline void world_close(struct world *w) {
    checked(w);
    perp_core_close(w->core);
    free(w);
}

static inline perp_uuid id_of(uint32_t n) {
    perp_uuid id;
    memset(&id, 0, sizeof id);
    id.bytes[0] = 0x10;
    id.bytes[12] = (uint8_t)(n >> 24);
    id.bytes[13] = (uint8_t)(n >> 16);
    id.bytes[14] = (uint8_t)(n >> 8);
    id.bytes[15] = (uint8_t)n;
    return id;
}

static inline int same_id(const perp_uuid *a, const perp_uuid *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static inline uint64_t id_mixed(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* The id of the n-th repair of a base, from 1. */
static inline perp_uuid repair_id(const char *base, uint64_t n) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325), words[2];
    perp_uuid id;
    for (; *base; base++) {
        hash = (hash ^ (uint8_t)*base) * UINT64_C(0x100000001b3);
    }
    words[0] = id_mixed(hash + UINT64_C(0x9E3779B97F4A7C15) * n);
    words[1] = id_mixed(hash ^ words[0]);
    for (int i = 0; i < 16; i++) {
        id.bytes[i] = (uint8_t)(words[i / 8] >> (56 - 8 * (i % 8)));
    }
    return id;
}

/* Buys 0.25 of an instrument and sells it on another: 12,500 USD a side at the BTC quotes. */
static inline perp_job pair_job(uint32_t n, perp_instrument_id buy, perp_instrument_id sell) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = id_of(n);
    job.strategy = PERP_STRATEGY_WASH;
    job.notional = USD(12500);
    job.expected_edge_bps = 20;
    job.n_legs = 2;
    job.legs[0].instrument = buy;
    job.legs[0].side = PERP_SIDE_BUY;
    job.legs[0].quantity = 0.25;
    job.legs[1].instrument = sell;
    job.legs[1].side = PERP_SIDE_SELL;
    job.legs[1].quantity = 0.25;
    return job;
}

static inline perp_job one_leg_job(uint32_t n, perp_instrument_id instrument, uint32_t side) {
    perp_job job = pair_job(n, instrument, instrument);
    job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    job.n_legs = 1;
    job.legs[0].side = side;
    return job;
}

/* An exchange says what an instrument's position is, and was at a time. */
static inline perp_position_report report_of(perp_instrument_id instrument, double quantity,
                                             double entry) {
    perp_position_report report;
    memset(&report, 0, sizeof report);
    report.instrument = instrument;
    report.margin_mode = PERP_MARGIN_NOT_GIVEN;
    report.quantity = quantity;
    report.entry_price = entry;
    return report;
}

static inline void position_at(struct world *w, perp_instrument_id instrument, int64_t time_ns,
                               double quantity, double entry) {
    perp_position_report report = report_of(instrument, quantity, entry);
    ok(w, perp_position(w->core, nowc(w), &report, time_ns));
}

static inline perp_position_state position_of(struct world *w, perp_instrument_id instrument) {
    perp_position_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_positions_query(w->positions, instrument, w->now, &state));
    return state;
}

/* What the host says of an exchange. */
static inline void world_api(struct world *w, perp_exchange_id exchange, uint32_t api) {
    perp_exchange_status status;
    memset(&status, 0, sizeof status);
    status.exchange = exchange;
    status.api = api;
    status.time_ns = w->now;
    ok(w, perp_market_on_status(w->market, &status));
}

static inline perp_base_state base_of(struct world *w, const char *base) {
    perp_base_state state;
    uint32_t n = perp_positions_base_count(w->positions);
    for (uint32_t i = 0; i < n; i++) {
        memset(&state, 0, sizeof state);
        state.struct_size = sizeof state;
        ok(w, perp_positions_base(w->positions, i, w->now, &state));
        if (strcmp(state.base, base) == 0) {
            return state;
        }
    }
    ck_abort_msg("no base %s", base);
}

static inline void submit(struct world *w, const perp_job *job) {
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), job));
}

/* One tick; the counts stay readable in the result, its items only until the next tick. */
static inline perp_tick_result *tick(struct world *w) {
    static perp_tick_result result;
    static int ready;
    if (!ready) {
        perp_tick_result_init(&result);
        result.want_items = 2;
        ready = 1;
    }
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &result));
    checked(w);
    return &result;
}

static inline perp_job_info info_of(struct world *w, uint32_t n) {
    perp_job_info info;
    perp_uuid id = id_of(n);
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    return info;
}

static inline uint32_t state_of(struct world *w, const perp_uuid *id) {
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_scheduler_job(w->scheduler, id, &info));
    return info.state;
}

#define state_is(world, n, wanted)                                                                 \
    do {                                                                                           \
        perp_uuid id_ = id_of(n);                                                                  \
        ck_assert_str_eq(perp_job_state_string(state_of(world, &id_)),                             \
                         perp_job_state_string(wanted));                                           \
    } while (0)

#define id_state_is(world, id, wanted)                                                             \
    ck_assert_str_eq(perp_job_state_string(state_of(world, id)), perp_job_state_string(wanted))

/* Submits and dispatches a job; it must run. */
static inline void run_job(struct world *w, const perp_job *job) {
    submit(w, job);
    tick(w);
    id_state_is(w, &job->job_id, PERP_JOB_RUNNING);
}

static inline void fill_leg(perp_job_result *result, uint32_t leg, double filled, double price) {
    result->legs[leg].filled = filled;
    result->legs[leg].price = price;
    result->legs[leg].time_ns = PERP_TIME_NONE;
}

/* What a two-leg job filled, at the price given. */
static inline perp_job_result pair_result(double bought, double sold, double price) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    fill_leg(&result, 0, bought, price);
    fill_leg(&result, 1, sold, price);
    return result;
}

/* Finishes a two-leg job with the quantities given, at the price given. */
static inline perp_finish_outcome finish_pair(struct world *w, const perp_uuid *id, double bought,
                                              double sold, double price) {
    perp_job_result result = pair_result(bought, sold, price);
    perp_finish_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), id, &result, &outcome));
    checked(w);
    return outcome;
}

/* Finishes a job as a whole. */
static inline perp_finish_outcome finish_all(struct world *w, const perp_uuid *id,
                                             uint32_t status) {
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_job_result_init(&result);
    result.status = status;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), id, &result, &outcome));
    checked(w);
    return outcome;
}

/* Finishes a job that opened and closed within itself. */
static inline void finish_flat(struct world *w, const perp_uuid *id, perp_usd volume) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.has_totals = result.flat = 1;
    result.volume = volume;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), id, &result, NULL));
    checked(w);
    id_state_is(w, id, PERP_JOB_COMPLETED);
}

static inline perp_capital_state capital_of(struct world *w, perp_exchange_id exchange) {
    perp_capital_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_capital_snapshot(w->capital, exchange, &state));
    return state;
}

static inline perp_risk_state risk_of(struct world *w) {
    perp_risk_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_risk_query(w->risk, &state));
    return state;
}

static inline perp_scheduler_state scheduler_of(struct world *w) {
    perp_scheduler_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_scheduler_query(w->scheduler, &state));
    return state;
}

static inline perp_exchange_state exchange_of(struct world *w, perp_exchange_id exchange) {
    perp_exchange_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_market_query_exchange(w->market, exchange, w->now, &state));
    return state;
}

static inline perp_evaluation evaluated(struct world *w, const perp_job *job) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    ok(w, perp_risk_evaluate(w->risk, w->now, job, &evaluation));
    return evaluation;
}

/* Why a tick skipped or refused a job; PERP_REASON_NONE where it is not in the list. */
static inline uint32_t reason_in(const perp_tick_result *result, uint32_t kind,
                                 const perp_uuid *id) {
    for (uint32_t i = 0; i < result->n_items; i++) {
        if (result->items[i].kind == kind && same_id(&result->items[i].job_id, id)) {
            return result->items[i].reason;
        }
    }
    return PERP_REASON_NONE;
}

static inline int listed(const perp_tick_result *result, uint32_t kind, const perp_uuid *id) {
    for (uint32_t i = 0; i < result->n_items; i++) {
        if (result->items[i].kind == kind && same_id(&result->items[i].job_id, id)) {
            return 1;
        }
    }
    return 0;
}

#define reason_is(got, wanted) ck_assert_str_eq(perp_reason_string(got), perp_reason_string(wanted))

/* The main of a test file: runs its one suite. */
static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
