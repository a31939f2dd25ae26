/* Every risk rule with the least that makes it fail: the same job passes without it. */
#include "fixture.h"

#define BIT PERP_REASON_BIT

/* How a way out (a reducing job) fares where the rule fails. */
enum way_out { PASSES, STOPPED, NO_WAY_OUT };

struct rule_case {
    uint32_t reason;
    void (*configure)(perp_config *config);
    void (*arrange)(struct world *w, perp_job *job);
    enum way_out way_out;
};

static void arrange_killed(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, NULL, 0, NULL));
}

static void arrange_killed_exchange(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, BETA, NULL, 0, NULL));
}

/* Delta is a second account at alpha's venue. */
static void arrange_self_trade(struct world *w, perp_job *job) {
    job->legs[1].instrument = w->btc[DELTA];
}

static void arrange_self_trade_with_running(struct world *w, perp_job *job) {
    (void)job;
    perp_job other = pair_job(50, w->btc[GAMMA], w->btc[DELTA]);
    run_job(w, &other);
}

static void arrange_blacklisted(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
}

static void no_repair(perp_config *config) {
    config->scheduler.auto_repair = 0;
}

static void arrange_unresolved(struct world *w, perp_job *job) {
    (void)job;
    perp_job other = pair_job(50, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &other);
    perp_finish_outcome outcome = finish_pair(w, &other.job_id, 0.25, 0, BTC_MID);
    ck_assert_uint_eq(outcome.state, PERP_JOB_PARTIAL);
}

/* A trade by hand on an instrument of the base. */
static void arrange_drift(struct world *w, perp_job *job) {
    (void)job;
    position_at(w, w->btc[GAMMA], w->now, 0, 0);
    position_at(w, w->btc[GAMMA], w->now, 0.001, BTC_MID);
}

static void with_account_data(perp_config *config) {
    config->risk.account_max_age_ms = 300000;
}

static void arrange_unreported(struct world *w, perp_job *job) {
    (void)job;
    pass(w, 300 * SECOND + 1);
}

/* The other side on an instrument of its own. */
static void sell_on(struct world *w, perp_job *job, perp_instrument_spec *spec) {
    spec->exchange = BETA;
    ok(w, perp_instrument_add(w->core, spec, &job->legs[1].instrument));
    quote_at(w, job->legs[1].instrument, w->now, BTC_BID, BTC_ASK, 1000);
}

/* Three times is what jobs take by default. */
static void arrange_tier(struct world *w, perp_job *job) {
    perp_tier tier = {.cap = 1e9, .mmr = 0.005, .max_leverage = 2.99};
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.tiers = &tier;
    spec.n_tiers = 1;
    sell_on(w, job, &spec);
}

/* Held against the executable price: what submit could not know. */
static void arrange_min_notional(struct world *w, perp_job *job) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.min_notional = USD(12500);
    sell_on(w, job, &spec);
    quote_at(w, job->legs[1].instrument, w->now, BTC_BID - 1, BTC_ASK - 1, 1000);
}

static void arrange_position_limit(struct world *w, perp_job *job) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.max_position_usd = USD(12500);
    sell_on(w, job, &spec);
}

static void low_leverage(perp_config *config) {
    config->risk.max_account_leverage = 0.0125;
}

static void arrange_inventory(struct world *w, perp_job *job) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    strcpy(spec.symbol, "BTC/USDT");
    spec.kind = PERP_KIND_SPOT;
    sell_on(w, job, &spec);
}

static void arrange_nothing(struct world *w, perp_job *job) {
    (void)w;
    (void)job;
}

static void report_down(struct world *w, perp_exchange_id x, uint32_t api) {
    perp_exchange_status status;
    memset(&status, 0, sizeof status);
    status.exchange = x;
    status.api = api;
    status.time_ns = w->now;
    ok(w, perp_market_on_status(w->market, &status));
}

static void arrange_down(struct world *w, perp_job *job) {
    (void)job;
    report_down(w, BETA, PERP_API_DOWN);
}

/* One failure opens the circuit of an exchange; the count of failures stays below the halt. */
static void quick_circuit(perp_config *config) {
    config->risk.circuit_failures = 1;
}

static void arrange_circuit(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
}

static void arrange_no_quote(struct world *w, perp_job *job) {
    job->legs[1].instrument = world_instrument(w, BETA, "BTC/USD:BTC", "", 0);
}

static void arrange_stale(struct world *w, perp_job *job) {
    (void)job;
    w->now += 5000 * MS + 1;
    quote_at(w, w->btc[BETA], w->now, BTC_BID, BTC_ASK, 1000);
}

static void arrange_from_the_future(struct world *w, perp_job *job) {
    (void)job;
    quote_at(w, w->btc[ALPHA], w->now + 5000 * MS + 1, BTC_BID, BTC_ASK, 1000);
}

/* 0.25 at the mid is 12,500.50: 5 % is 625.025. */
static void arrange_mismatch(struct world *w, perp_job *job) {
    (void)w;
    job->legs[0].notional = USD(13125.53);
}

static void arrange_mismatch_below(struct world *w, perp_job *job) {
    (void)w;
    job->legs[0].notional = USD(11875.47);
}

static void arrange_daily_loss(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), GAMMA, -USD(40000), 0, 0, NULL));
}

static void arrange_daily_loss_of_equity(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), GAMMA, USD(960000)));
}

/* The exchange itself says that the position is near its liquidation. */
static void arrange_liquidation(struct world *w, perp_job *job) {
    int buys = job->legs[0].side == PERP_SIDE_BUY;
    perp_position_report position = report_of(job->legs[0].instrument, buys ? 1 : -1, BTC_MID);
    position.liquidation_price = buys ? 49000 : 51000;
    ok(w, perp_position(w->core, nowc(w), &position, w->now));
}

static void arrange_capital(struct world *w, perp_job *job) {
    (void)job;
    uint64_t id = 0;
    perp_refusal r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_WASH, USD(690000), NULL, &id,
                               &r));
}

static void arrange_halt(struct world *w, perp_job *job) {
    (void)job;
    for (int i = 0; i < 5; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    }
}

static void arrange_edge(struct world *w, perp_job *job) {
    (void)w;
    job->strategy = PERP_STRATEGY_ARB;
    job->expected_edge_bps = 2.99;
}

static void arrange_not_rebalancing(struct world *w, perp_job *job) {
    (void)w;
    job->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    job->n_legs = 1;
}

/* Both legs cost half a spread of 0.4 bps and 1 bps of fee: 2.8 bps; 2 of them are acceptable. */
static void arrange_cost(struct world *w, perp_job *job) {
    (void)w;
    job->expected_edge_bps = 0.79;
}

static void arrange_carry(struct world *w, perp_job *job) {
    double sign = job->legs[0].side == PERP_SIDE_BUY ? 1 : -1;
    funding_of(w, job->legs[0].instrument, sign * 0.000501, w->now + 4 * HOUR);
}

static void arrange_blackout(struct world *w, perp_job *job) {
    funding_of(w, job->legs[0].instrument, 0, w->now + 10 * MINUTE);
}

/* Ten minutes after a settlement is as near as ten minutes before one. */
static void arrange_blackout_after(struct world *w, perp_job *job) {
    funding_of(w, job->legs[0].instrument, 0, w->now - 10 * MINUTE);
}

static void arrange_depth(struct world *w, perp_job *job) {
    quote_at(w, job->legs[0].instrument, w->now, BTC_BID, BTC_ASK, 0.24);
}

static void arrange_slippage(struct world *w, perp_job *job) {
    perp_book_level asks[2] = {{BTC_ASK, 0.125}, {50120, 100}};
    perp_book_level bids[2] = {{BTC_BID, 0.125}, {49880, 100}};
    perp_book book;
    memset(&book, 0, sizeof book);
    book.instrument = job->legs[0].instrument;
    book.time_ns = w->now;
    book.n_asks = book.n_bids = 2;
    book.asks = asks;
    book.bids = bids;
    ok(w, perp_market_on_book(w->market, &book));
}

/* 3.2 bps where 0.8 is the rule; the baseline has no time to move. */
static void arrange_spread(struct world *w, perp_job *job) {
    quote_at(w, job->legs[0].instrument, w->now, BTC_MID - 8, BTC_MID + 8, 1000);
}

static void arrange_fast(struct world *w, perp_job *job) {
    for (int i = 1; i <= 12; i++) {
        double shift = i % 2 == 0 ? 0 : 150;
        pass(w, SECOND);
        quote_at(w, job->legs[0].instrument, w->now, BTC_BID + shift, BTC_ASK + shift, 1000);
    }
}

static void arrange_latency(struct world *w, perp_job *job) {
    (void)job;
    for (int i = 0; i < 10; i++) {
        perp_latency latency;
        memset(&latency, 0, sizeof latency);
        latency.exchange = BETA;
        latency.time_ns = w->now;
        latency.ms = 1000.5;
        ok(w, perp_market_on_latency(w->market, &latency));
    }
}

static void arrange_degraded(struct world *w, perp_job *job) {
    (void)job;
    report_down(w, BETA, PERP_API_DEGRADED);
}

static void arrange_leverage(struct world *w, perp_job *job) {
    (void)w;
    job->legs[0].leverage = 5.01;
}

static void no_daily_loss(perp_config *config) {
    config->risk.daily_loss_limit_pct = 0;
}

/* Of four million, 5 % and a cent are gone. */
static void arrange_drawdown(struct world *w, perp_job *job) {
    (void)job;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), GAMMA, USD(799999.99)));
}

static void demanding(perp_config *config) {
    config->risk.modes[PERP_MODE_BALANCED].min_safety_score = 95;
}

static const struct rule_case CASES[] = {
    {PERP_REASON_KILLED, NULL, arrange_killed, STOPPED},
    {PERP_REASON_KILLED, NULL, arrange_killed_exchange, STOPPED},
    {PERP_REASON_SELF_TRADE, NULL, arrange_self_trade, NO_WAY_OUT},
    {PERP_REASON_SELF_TRADE, NULL, arrange_self_trade_with_running, NO_WAY_OUT},
    {PERP_REASON_BLACKLISTED, NULL, arrange_blacklisted, PASSES},
    {PERP_REASON_UNRESOLVED_LEG, no_repair, arrange_unresolved, PASSES},
    {PERP_REASON_POSITION_DRIFT, NULL, arrange_drift, PASSES},
    {PERP_REASON_NO_ACCOUNT_DATA, with_account_data, arrange_nothing, NO_WAY_OUT},
    {PERP_REASON_NO_ACCOUNT_DATA, with_account_data, arrange_unreported, PASSES},
    {PERP_REASON_EXCHANGE_LIMITS, NULL, arrange_tier, NO_WAY_OUT},
    {PERP_REASON_EXCHANGE_LIMITS, NULL, arrange_min_notional, NO_WAY_OUT},
    {PERP_REASON_POSITION_LIMIT, NULL, arrange_position_limit, NO_WAY_OUT},
    {PERP_REASON_ACCOUNT_LEVERAGE, low_leverage, arrange_nothing, NO_WAY_OUT},
    {PERP_REASON_NO_INVENTORY, NULL, arrange_inventory, NO_WAY_OUT},
    {PERP_REASON_EXCHANGE_DOWN, NULL, arrange_down, STOPPED},
    {PERP_REASON_EXCHANGE_DOWN, quick_circuit, arrange_circuit, PASSES},
    {PERP_REASON_NO_MARKET_DATA, NULL, arrange_no_quote, NO_WAY_OUT},
    {PERP_REASON_STALE_QUOTE, NULL, arrange_stale, PASSES},
    {PERP_REASON_STALE_QUOTE, NULL, arrange_from_the_future, PASSES},
    {PERP_REASON_NOTIONAL_MISMATCH, NULL, arrange_mismatch, PASSES},
    {PERP_REASON_NOTIONAL_MISMATCH, NULL, arrange_mismatch_below, PASSES},
    {PERP_REASON_DAILY_LOSS, NULL, arrange_daily_loss, PASSES},
    {PERP_REASON_DAILY_LOSS, NULL, arrange_daily_loss_of_equity, PASSES},
    {PERP_REASON_LIQUIDATION_DISTANCE, NULL, arrange_liquidation, NO_WAY_OUT},
    {PERP_REASON_INSUFFICIENT_CAPITAL, NULL, arrange_capital, NO_WAY_OUT},
    {PERP_REASON_AUTO_HALT, NULL, arrange_halt, PASSES},
    {PERP_REASON_EDGE_TOO_SMALL, NULL, arrange_edge, PASSES},
    {PERP_REASON_NOT_REBALANCING, NULL, arrange_not_rebalancing, NO_WAY_OUT},
    {PERP_REASON_COST_EXCEEDS_EDGE, NULL, arrange_cost, PASSES},
    {PERP_REASON_FUNDING_CARRY, NULL, arrange_carry, PASSES},
    {PERP_REASON_FUNDING_BLACKOUT, NULL, arrange_blackout, PASSES},
    {PERP_REASON_FUNDING_BLACKOUT, NULL, arrange_blackout_after, PASSES},
    {PERP_REASON_INSUFFICIENT_DEPTH, NULL, arrange_depth, PASSES},
    {PERP_REASON_SLIPPAGE, NULL, arrange_slippage, PASSES},
    {PERP_REASON_SPREAD_BLOWOUT, NULL, arrange_spread, PASSES},
    {PERP_REASON_FAST_MARKET, NULL, arrange_fast, PASSES},
    {PERP_REASON_LATENCY, NULL, arrange_latency, PASSES},
    {PERP_REASON_LATENCY, NULL, arrange_degraded, PASSES},
    {PERP_REASON_LEVERAGE, NULL, arrange_leverage, PASSES},
    {PERP_REASON_DRAWDOWN, no_daily_loss, arrange_drawdown, PASSES},
    {PERP_REASON_LOW_SAFETY, demanding, arrange_nothing, PASSES},
};
#define N_CASES ((int)(sizeof CASES / sizeof *CASES))

static struct world *world_of(const struct rule_case *c) {
    perp_config config;
    world_config(&config);
    if (c->configure != NULL) {
        c->configure(&config);
    }
    return world_open(&config);
}

static int is_hard(uint32_t reason) {
    enum { HARD = 1, SOFT = 0 };
#define PERP_X(NAME, number, text, scope, hard, ...)                                               \
    if (reason == (number))                                                                        \
        return hard;
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    return 0;
}

#define only(evaluation, wanted)                                                                   \
    ck_assert_msg((evaluation).reasons == BIT(wanted), "%s wanted, first is %s, set %llx",         \
                  perp_reason_string(wanted), perp_reason_string((evaluation).reason),             \
                  (unsigned long long)(evaluation).reasons)

START_TEST(the_job_of_these_tests_passes_every_rule) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reasons, 0);
    ck_assert_uint_eq(e.accepted, 1);
    reason_is(e.reason, PERP_REASON_NONE);
    ck_assert_uint_eq(e.override_used, 0);
    ck_assert_uint_eq(e.reducing, 0);
    ck_assert_uint_eq(e.n_legs, 2);
    run_job(w, &job);
    world_close(w);
}
END_TEST

START_TEST(a_rule_alone_refuses_a_job) {
    const struct rule_case *c = &CASES[_i];
    struct world *w = world_of(c);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    c->arrange(w, &job);
    uint64_t hash = perp_core_hash(w->core);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    only(e, c->reason);
    ck_assert_uint_eq(e.accepted, 0);
    reason_is(e.reason, c->reason);
    ck_assert_uint_eq(e.override_used, 0);
    world_close(w);
}
END_TEST

START_TEST(an_override_passes_soft_rules_and_no_hard_one) {
    const struct rule_case *c = &CASES[_i];
    struct world *w = world_of(c);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    c->arrange(w, &job);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    perp_evaluation e = evaluated(w, &job);
    only(e, c->reason);
    ck_assert_uint_eq(e.accepted, is_hard(c->reason) ? 0 : 1);
    ck_assert_uint_eq(e.override_used, is_hard(c->reason) ? 0 : 1);
    reason_is(e.reason, is_hard(c->reason) ? c->reason : PERP_REASON_NONE);
    if (!is_hard(c->reason)) {
        run_job(w, &job);
    }
    world_close(w);
}
END_TEST

START_TEST(a_tick_refuses_for_the_same_reason) {
    const struct rule_case *c = &CASES[_i];
    struct world *w = world_of(c);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    c->arrange(w, &job);
    if (c->reason == PERP_REASON_SELF_TRADE && c->arrange == arrange_self_trade) {
        fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
        world_close(w);
        return;
    }
    if (c->arrange == arrange_mismatch || c->arrange == arrange_mismatch_below) {
        /* Both sides alike, or submit would refuse the hedge. */
        job.legs[1].notional = job.legs[0].notional;
    }
    submit(w, &job);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 0);
    if (c->arrange == arrange_killed) {
        ck_assert_uint_eq(result->status, PERP_TICK_KILLED);
    } else if (c->arrange == arrange_capital) {
        /* A tick looks at capital last, and says what the ledger does. */
        reason_is(reason_in(result, PERP_TICK_SKIPPED, &job.job_id), PERP_REASON_INSUFFICIENT);
        reason_is(info_of(w, 1).last_skip, PERP_REASON_INSUFFICIENT);
    } else {
        reason_is(reason_in(result, PERP_TICK_REFUSED, &job.job_id), c->reason);
        ck_assert_uint_eq(result->refused_by[c->reason], 1);
        reason_is(info_of(w, 1).last_refusal, c->reason);
    }
    state_is(w, 1, PERP_JOB_PENDING);
    world_close(w);
}
END_TEST

/* Alpha is long and beta short; the job closes both. */
static perp_job way_out(struct world *w) {
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    position_at(w, w->btc[BETA], w->now, -0.25, BTC_MID);
    return pair_job(1, w->btc[BETA], w->btc[ALPHA]);
}

START_TEST(a_limit_that_was_hit_does_not_stop_the_way_out) {
    const struct rule_case *c = &CASES[_i];
    if (c->way_out == NO_WAY_OUT) {
        return;
    }
    struct world *w = world_of(c);
    perp_job job = way_out(w);
    ck_assert_uint_eq(evaluated(w, &job).reducing, 1);
    c->arrange(w, &job);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reducing, 1);
    only(e, c->reason);
    ck_assert_uint_eq(e.accepted, c->way_out == PASSES ? 1 : 0);
    ck_assert_uint_eq(e.override_used, 0);
    reason_is(e.reason, c->way_out == PASSES ? PERP_REASON_NONE : c->reason);
    world_close(w);
}
END_TEST

START_TEST(a_one_sided_reducing_job_passes_not_rebalancing) {
    struct world *w = world_open(NULL);
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    position_at(w, w->btc[BETA], w->now, -1.0, BTC_MID);
    /* Selling alpha's long makes the net of -0.75 larger. */
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    perp_evaluation e = evaluated(w, &job);
    only(e, PERP_REASON_NOT_REBALANCING);
    ck_assert_uint_eq(e.reducing, 1);
    ck_assert_uint_eq(e.accepted, 1);
    world_close(w);
}
END_TEST

START_TEST(a_reducing_job_passes_the_liquidation_rule_and_needs_no_capital) {
    struct world *w = world_open(NULL);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    perp_job buy = one_leg_job(2, w->btc[ALPHA], PERP_SIDE_BUY);
    arrange_liquidation(w, &buy);
    arrange_capital(w, &job);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reducing, 1);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert(e.reasons & BIT(PERP_REASON_LIQUIDATION_DISTANCE));
    run_job(w, &job);
    ck_assert_int_eq(info_of(w, 1).held, 0);
    ck_assert_uint_eq(w->seen.last.reduce_only, 1);
    ck_assert_uint_eq(info_of(w, 1).reduce_only, 1);
    world_close(w);
}
END_TEST

START_TEST(a_job_larger_than_the_position_does_not_reduce) {
    struct world *w = world_open(NULL);
    position_at(w, w->btc[ALPHA], w->now, 0.2499, BTC_MID);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    ck_assert_uint_eq(evaluated(w, &job).reducing, 0);
    position_at(w, w->btc[ALPHA], w->now, 0.25, BTC_MID);
    ck_assert_uint_eq(evaluated(w, &job).reducing, 1);
    job.legs[0].side = PERP_SIDE_BUY;
    ck_assert_uint_eq(evaluated(w, &job).reducing, 0);
    /* Two legs of the job may not both take the same position. */
    job.legs[0].side = PERP_SIDE_SELL;
    job.n_legs = 2;
    job.legs[1] = job.legs[0];
    ck_assert_uint_eq(evaluated(w, &job).reducing, 0);
    world_close(w);
}
END_TEST

START_TEST(every_failing_rule_is_reported_in_order_and_the_first_not_passed_is_primary) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    arrange_blacklisted(w, &job);
    arrange_down(w, &job);
    arrange_halt(w, &job);
    arrange_leverage(w, &job);
    uint64_t all = BIT(PERP_REASON_BLACKLISTED) | BIT(PERP_REASON_EXCHANGE_DOWN) |
                   BIT(PERP_REASON_AUTO_HALT) | BIT(PERP_REASON_LEVERAGE);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reasons, all);
    reason_is(e.reason, PERP_REASON_BLACKLISTED);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    e = evaluated(w, &job);
    ck_assert_uint_eq(e.reasons, all);
    ck_assert_uint_eq(e.accepted, 0);
    ck_assert_uint_eq(e.override_used, 0);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0));
    reason_is(evaluated(w, &job).reason, PERP_REASON_EXCHANGE_DOWN);
    world_close(w);
}
END_TEST

START_TEST(without_market_data_nothing_is_scored) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    arrange_no_quote(w, &job);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.n_legs, 0);
    ck_assert_double_eq(e.safety_score, 0.0);
    ck_assert_double_eq(e.final_score, 0.0);
    ck_assert_double_eq(e.cost_bps, 0.0);
    for (int i = 0; i < PERP_COMPONENT_COUNT; i++) {
        ck_assert_double_eq(e.components[i], 0.0);
    }
    world_close(w);
}
END_TEST

START_TEST(a_kill_of_another_exchange_is_no_matter) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, GAMMA, NULL, 0, NULL));
    ck_assert_uint_eq(evaluated(w, &job).accepted, 1);
    world_close(w);
}
END_TEST

/* Just inside each limit. */
START_TEST(at_its_limit_a_rule_holds_still) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.legs[0].notional = USD(13125.52);
    job.legs[1].leverage = 5;
    job.strategy = PERP_STRATEGY_ARB;
    job.expected_edge_bps = 3;
    funding_of(w, w->btc[ALPHA], 0.0004, w->now + 10 * MINUTE + 5 * SECOND + 1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), GAMMA, -USD(40000) + 1, 0, 0, NULL));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), GAMMA, USD(960000) + 1));
    for (int i = 0; i < 4; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
    }
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID, BTC_ASK, 0.25);
    w->now += 5000 * MS;
    perp_evaluation e = evaluated(w, &job);
    ck_assert_msg(e.reasons == 0, "%s", perp_reason_string(e.reason));
    ck_assert_uint_eq(e.accepted, 1);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("rules");
    tcase_add_test(tcase, the_job_of_these_tests_passes_every_rule);
    tcase_add_loop_test(tcase, a_rule_alone_refuses_a_job, 0, N_CASES);
    tcase_add_loop_test(tcase, an_override_passes_soft_rules_and_no_hard_one, 0, N_CASES);
    tcase_add_loop_test(tcase, a_tick_refuses_for_the_same_reason, 0, N_CASES);
    tcase_add_loop_test(tcase, a_limit_that_was_hit_does_not_stop_the_way_out, 0, N_CASES);
    tcase_add_test(tcase, a_one_sided_reducing_job_passes_not_rebalancing);
    tcase_add_test(tcase, a_reducing_job_passes_the_liquidation_rule_and_needs_no_capital);
    tcase_add_test(tcase, a_job_larger_than_the_position_does_not_reduce);
    tcase_add_test(tcase,
                   every_failing_rule_is_reported_in_order_and_the_first_not_passed_is_primary);
    tcase_add_test(tcase, without_market_data_nothing_is_scored);
    tcase_add_test(tcase, a_kill_of_another_exchange_is_no_matter);
    tcase_add_test(tcase, at_its_limit_a_rule_holds_still);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
