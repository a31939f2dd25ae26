/* Each rule of the table with a case that passes, one exactly at the limit, and one that fails. A
   rule NAME has its three in CASES_NAME; one without them does not compile. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <strings.h>

enum place { PASSING, EDGE, FAILING, N_PLACES };

/* What a rule is to have measured, and held it against. */
struct measured {
    double value, limit;
};

/* given: what the three cases differ by. configure may be NULL. */
struct cases {
    struct measured (*arrange)(struct world *w, perp_job *job, double given);
    double given[N_PLACES];
    void (*configure)(perp_config *config, double given);
};

/* ---- Rules that something is true: at the edge it is nearly so --------------------------------
 */

static struct measured killed(struct world *w, perp_job *job, double given) {
    (void)job;
    if (given > 0) {
        uint32_t exchange = given > 1 ? BETA : GAMMA;
        ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, exchange, NULL, 0, NULL));
    }
    return (struct measured){given > 1, 0};
}
#define CASES_KILLED killed, {0, 1, 2}, NULL

/* A job that runs there with the other side; at the edge with the same side. */
static struct measured self_trade(struct world *w, perp_job *job, double given) {
    (void)job;
    perp_job other =
        pair_job(50, w->btc[given > 1 ? GAMMA : ALPHA], w->btc[given > 1 ? DELTA : GAMMA]);
    if (given > 0) {
        run_job(w, &other);
    }
    return (struct measured){given > 1, 0};
}
#define CASES_SELF_TRADE self_trade, {0, 1, 2}, NULL

static struct measured blacklisted(struct world *w, perp_job *job, double given) {
    (void)job;
    const char *symbol = given > 1 ? "BTC/USDT:USDT" : "ETH/USDT:USDT";
    if (given > 0) {
        ok(w, perp_risk_blacklist(w->risk, nowc(w), symbol, 1));
    }
    return (struct measured){given > 1, 0};
}
#define CASES_BLACKLISTED blacklisted, {0, 1, 2}, NULL

/* At the edge the list names just what the job needs; failing, one leg's exchange is another. */
static struct measured not_allowed(struct world *w, perp_job *job, double given) {
    perp_call call = *nowc(w);
    call.actor = "ops";
    call.reason = "test";
    uint32_t strategy = job->strategy;
    if (given > 0) {
        ok(w, perp_risk_allow(w->risk, &call, "BTC/*", ALPHA, strategy, 1));
        ok(w, perp_risk_allow(w->risk, &call, "BTC/USDT:USDT", given > 1 ? GAMMA : BETA,
                              PERP_ALL_STRATEGIES, 1));
    }
    return (struct measured){given > 1, 0};
}
#define CASES_NOT_ALLOWED not_allowed, {0, 1, 2}, NULL

/* At the edge a quote of the greatest age. */
static struct measured no_quote(struct world *w, perp_job *job, double given) {
    if (given == 1) {
        w->now += 5000 * MS;
    }
    if (given == 2) {
        job->legs[1].instrument = world_instrument(w, BETA, "BTC/USD:BTC", "", 0);
    }
    return (struct measured){given > 1 ? 2 : 0, 0};
}
#define CASES_NO_MARKET_DATA no_quote, {0, 1, 2}, NULL

/* Of 4 million 1 % is lost, or a micro-dollar less. */
static struct measured daily_loss(struct world *w, perp_job *job, double given) {
    (void)job;
    perp_usd loss = USD(40000) - 1 + (perp_usd)given;
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), GAMMA, -loss, 0, 0, NULL));
    return (struct measured){given > 0, 0};
}
#define CASES_DAILY_LOSS daily_loss, {-1000000, 0, 1}, NULL

/* As much as the job needs is left in the pool, or a micro-dollar less. */
static struct measured capital(struct world *w, perp_job *job, double given) {
    uint64_t id = 0;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    perp_usd left = job->notional + (perp_usd)given;
    perp_usd free = capital_of(w, ALPHA).pools[PERP_POOL_WASH].available;
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_WASH, free - left, NULL, &id,
                               &refusal));
    return (struct measured){given < 0, 0};
}
#define CASES_INSUFFICIENT_CAPITAL capital, {1000000, 0, -1}, NULL

static struct measured halted(struct world *w, perp_job *job, double given) {
    (void)job;
    for (int i = 0; i < (int)given; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    }
    return (struct measured){given >= 5, 0};
}
#define CASES_AUTO_HALT halted, {0, 4, 5}, NULL

/* So many jobs of the strategy failed; at the edge the last of them was one of another. */
static struct measured strategy_halted(struct world *w, perp_job *job, double given) {
    (void)job;
    for (uint32_t i = 0; i < 3; i++) {
        perp_job other = pair_job(50 + i, w->btc[GAMMA], w->btc[DELTA]);
        if (i == 2 && given < 3) {
            other.strategy = PERP_STRATEGY_ARB;
        }
        run_job(w, &other);
        finish_all(w, &other.job_id, given > 0 ? PERP_RESULT_FAILED : PERP_RESULT_NOTHING);
    }
    return (struct measured){given >= 3, 0};
}

static void three_failures(perp_config *config, double given) {
    (void)given;
    config->risk.strategy_failures = 3;
    config->capital.wash_ppm = 450000;
    config->capital.arb_ppm = 450000;
}
#define CASES_STRATEGY_HALT strategy_halted, {0, 2, 3}, three_failures

/* One leg of a job that runs has filled so much of another base. */
static struct measured unhedged(struct world *w, perp_job *job, double given) {
    (void)job;
    perp_job other = pair_job(50, w->eth[GAMMA], w->eth[DELTA]);
    other.legs[0].quantity = other.legs[1].quantity = 5;
    perp_job_result told;
    perp_job_result_init(&told);
    told.n_legs = 2;
    fill_leg(&told, 0, given, ETH_BID);
    run_job(w, &other);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &other.job_id, told.legs, 2));
    return (struct measured){given * ((ETH_BID + ETH_ASK) / 2), 2500.1};
}

static void little_unhedged(perp_config *config, double given) {
    (void)given;
    config->risk.max_unhedged_usd = USD(2500.1);
}
#define CASES_UNHEDGED unhedged, {0.9, 1, 1.1}, little_unhedged

/* ---- Rules that count --------------------------------------------------------------------------
 */

/* None is unresolved, or one of another base, or one of this. */
static void no_repair(perp_config *config, double given) {
    (void)given;
    config->scheduler.auto_repair = 0;
}

static struct measured unresolved(struct world *w, perp_job *job, double given) {
    (void)job;
    perp_job other = pair_job(50, w->eth[GAMMA], w->eth[BETA]);
    other.legs[0].quantity = other.legs[1].quantity = 5;
    if (given > 1) {
        other = pair_job(50, w->btc[GAMMA], w->btc[BETA]);
    }
    if (given > 0) {
        run_job(w, &other);
        finish_pair(w, &other.job_id, other.legs[0].quantity, 0, given > 1 ? BTC_MID : ETH_BID);
    }
    return (struct measured){given > 1, 0};
}
#define CASES_UNRESOLVED_LEG unresolved, {0, 1, 2}, no_repair

/* What a second report shows of an instrument of the base, and no fill explains: of a quarter at
   the mid, all is within the tolerance. */
static void some_drift(perp_config *config, double given) {
    (void)given;
    config->capital.drift_tolerance_usd = USD(0.25 * BTC_MID);
}

static struct measured drift(struct world *w, perp_job *job, double given) {
    (void)job;
    position_at(w, w->btc[GAMMA], w->now, 1, BTC_MID);
    position_at(w, w->btc[GAMMA], w->now, 1 - given, BTC_MID);
    return (struct measured){given > 0.25, 0};
}
#define CASES_POSITION_DRIFT drift, {0.125, 0.25, 0.375}, some_drift

/* 0 to 5 failures of the exchange; the fifth opens its circuit. */
static void no_halt(perp_config *config, double given) {
    (void)given;
    config->risk.max_consecutive_failures = 100;
}

static struct measured outage(struct world *w, perp_job *job, double given) {
    (void)job;
    for (int i = 0; i < (int)given; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
    }
    return (struct measured){given >= 5, 0};
}
#define CASES_EXCHANGE_DOWN outage, {0, 4, 5}, no_halt

/* ---- Rules of the book -------------------------------------------------------------------------
 */

static void no_daily_loss(perp_config *config, double given) {
    (void)given;
    config->risk.daily_loss_limit_pct = 0;
    config->risk.max_drawdown_pct = 0.0625;
}

/* 1/16 of four million is a quarter of one. */
static struct measured drawdown(struct world *w, perp_job *job, double given) {
    (void)job;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), GAMMA, USD(1000000 - given)));
    return (struct measured){1 - (4000000 - given) / 4000000, 0.0625};
}
#define CASES_DRAWDOWN drawdown, {249999, 250000, 250000.01}, no_daily_loss

/* ---- Rules of exchanges, instruments and legs
 * ---------------------------------------------------- */

static struct measured stale(struct world *w, perp_job *job, double given) {
    quote_at(w, job->legs[0].instrument, w->now, BTC_BID, BTC_ASK, 1000);
    w->now += 5000 * MS + (int64_t)given;
    return (struct measured){5000 + given / 1e6, 5000};
}
#define CASES_STALE_QUOTE stale, {-1, 0, 1}, NULL

static void tolerant(perp_config *config, double given) {
    (void)given;
    config->risk.notional_tolerance = 0.0625;
}

static void reported(perp_config *config, double given) {
    (void)given;
    config->risk.account_max_age_ms = 300000;
}

/* The reports of both accounts are five minutes old, or a nanosecond more. */
static struct measured unreported(struct world *w, perp_job *job, double given) {
    (void)job;
    for (uint32_t x = ALPHA; x <= BETA; x++) {
        perp_account_report report;
        perp_account_report_init(&report);
        report.exchange = x;
        report.has_equity = 1;
        report.equity = USD(1000000);
        ok(w, perp_account(w->core, nowc(w), &report));
    }
    pass(w, 300 * SECOND + (int64_t)given);
    return (struct measured){given > 0, 0};
}
#define CASES_NO_ACCOUNT_DATA unreported, {-1, 0, 1}, reported

/* Beta's side on an instrument of its own; the quarter is worth 12,500.50 there. */
static perp_instrument_spec own_instrument(const char *symbol) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    spec.exchange = BETA;
    strcpy(spec.symbol, symbol);
    return spec;
}

static void sell_there(struct world *w, perp_job *job, const perp_instrument_spec *spec) {
    perp_instrument_id id = PERP_NO_ID;
    ok(w, perp_instrument_add(w->core, spec, &id));
    quote_at(w, id, w->now, BTC_BID, BTC_ASK, 1000);
    job->legs[1].instrument = id;
}

/* The cap of the last tier. */
static struct measured capped(struct world *w, perp_job *job, double given) {
    perp_tier tier = {.cap = given, .mmr = 0.005};
    perp_instrument_spec spec = own_instrument("BTC/USDC:USDC");
    spec.tiers = &tier;
    spec.n_tiers = 1;
    sell_there(w, job, &spec);
    return (struct measured){12500.5 > given, 0};
}
#define CASES_EXCHANGE_LIMITS capped, {12501, 12500.5, 12500}, NULL

static struct measured large(struct world *w, perp_job *job, double given) {
    perp_instrument_spec spec = own_instrument("BTC/USDC:USDC");
    spec.max_position_usd = USD(given);
    sell_there(w, job, &spec);
    return (struct measured){12500.5, given};
}
#define CASES_POSITION_LIMIT large, {12501, 12500.5, 12500}, NULL

static struct measured inventory(struct world *w, perp_job *job, double given) {
    perp_instrument_spec spec = own_instrument("BTC/USDT");
    spec.kind = PERP_KIND_SPOT;
    sell_there(w, job, &spec);
    position_at(w, job->legs[1].instrument, w->now, given, BTC_MID);
    return (struct measured){0.25, given};
}
#define CASES_NO_INVENTORY inventory, {0.375, 0.25, 0.125}, NULL

/* An eightieth of a million is 12,500: a quarter at 50,000. */
static void leveraged(perp_config *config, double given) {
    (void)given;
    config->risk.max_account_leverage = 0.0125;
}

static struct measured account(struct world *w, perp_job *job, double given) {
    double mid = 50000 + given;
    for (int i = 0; i < 2; i++) {
        quote_at(w, job->legs[i].instrument, w->now, mid - 2, mid + 2, 1000);
    }
    return (struct measured){0.25 * mid, 12500};
}
#define CASES_ACCOUNT_LEVERAGE account, {-4, 0, 4}, leveraged

/* A quarter at the mid is 12,500.50: a sixteenth of that is 781.28125. */
static struct measured mismatch(struct world *w, perp_job *job, double given) {
    (void)w;
    job->legs[1].notional = USD(12500.5 + given);
    return (struct measured){given, 781.28125};
}
#define CASES_NOTIONAL_MISMATCH mismatch, {781.25, 781.28125, 781.3125}, tolerant

/* The exchange says where the long is liquidated. */
static void near_liquidation(perp_config *config, double given) {
    (void)given;
    config->risk.min_liquidation_distance = (BTC_MID - 49000) / BTC_MID;
}

static struct measured liquidation(struct world *w, perp_job *job, double given) {
    perp_position_report position = report_of(job->legs[0].instrument, 1, BTC_MID);
    position.liquidation_price = given;
    ok(w, perp_position(w->core, nowc(w), &position, w->now));
    return (struct measured){(BTC_MID - given) / BTC_MID, (BTC_MID - 49000) / BTC_MID};
}
#define CASES_LIQUIDATION_DISTANCE liquidation, {48999, 49000, 49001}, near_liquidation

/* What the job buys of a base whose net position is `given`. */
static struct measured rebalance(struct world *w, perp_job *job, double given) {
    position_at(w, w->btc[GAMMA], w->now, given, BTC_MID);
    *job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_BUY);
    return (struct measured){fabs(given + 0.25), fabs(given)};
}
#define CASES_NOT_REBALANCING rebalance, {-0.25, -0.125, 0}, NULL

static struct measured blackout(struct world *w, perp_job *job, double given) {
    funding_of(w, job->legs[0].instrument, 0, w->now + 10 * MINUTE + (int64_t)given);
    return (struct measured){10 * MINUTE + given, 10 * MINUTE};
}
#define CASES_FUNDING_BLACKOUT blackout, {1, 0, -1}, NULL

/* A 256th of a dollar is exact. */
static void pegged(perp_config *config, double given) {
    (void)given;
    config->risk.max_depeg_bps = 1e4 / 256;
}

static struct measured depeg(struct world *w, perp_job *job, double given) {
    (void)job;
    perp_rate rate = {.quote = "USDT", .time_ns = w->now, .usd = 1 - given};
    ok(w, perp_market_on_rate(w->market, &rate));
    return (struct measured){given * 1e4, 1e4 / 256};
}
#define CASES_DEPEG depeg, {1.0 / 512, 1.0 / 256, 1.0 / 128}, pegged

/* A quarter is bought on one exchange and sold on another, where 0.75 long is open elsewhere. */
static void exposed(perp_config *config, double given) {
    config->risk.max_gross_exposure_usd = given > 0 ? USD(given) : 0;
    config->risk.max_net_exposure_usd = given < 0 ? USD(-given) : 0;
}

static struct measured gross(struct world *w, perp_job *job, double given) {
    (void)job;
    position_at(w, w->btc[GAMMA], w->now, 0.75, BTC_MID);
    return (struct measured){1.25 * BTC_MID, given};
}
#define CASES_GROSS_EXPOSURE                                                                       \
    gross, {1.25 * BTC_MID + 1, 1.25 * BTC_MID, 1.25 * BTC_MID - 1}, exposed

/* The base is 0.25 long; a third leg buys another quarter. */
static struct measured net(struct world *w, perp_job *job, double given) {
    position_at(w, w->btc[GAMMA], w->now, 0.25, BTC_MID);
    job->n_legs = 3;
    job->legs[2] = job->legs[0];
    job->legs[2].instrument = w->btc[DELTA];
    return (struct measured){0.5 * BTC_MID, -given};
}
#define CASES_NET_EXPOSURE net, {-0.5 * BTC_MID - 1, -0.5 * BTC_MID, -0.5 * BTC_MID + 1}, exposed

static struct measured depth(struct world *w, perp_job *job, double given) {
    quote_at(w, job->legs[0].instrument, w->now, BTC_BID, BTC_ASK, given);
    return (struct measured){0.25, given};
}
#define CASES_INSUFFICIENT_DEPTH depth, {0.26, 0.25, 0.24}, NULL

#define SLIPPED(by) (((BTC_MID + (by)) - BTC_MID) / BTC_MID * 1e4)
static void slip(perp_config *config, double given) {
    (void)given;
    config->risk.modes[PERP_MODE_BALANCED].max_slippage_bps = SLIPPED(4);
}

static struct measured slippage(struct world *w, perp_job *job, double given) {
    quote_at(w, job->legs[0].instrument, w->now, BTC_MID - given, BTC_MID + given, 1000);
    return (struct measured){SLIPPED(given), SLIPPED(4)};
}
#define CASES_SLIPPAGE slippage, {3, 4, 5}, slip

/* Four times the spread that was: the baseline has no time to move. */
static void wide(perp_config *config, double given) {
    (void)given;
    config->risk.modes[PERP_MODE_BALANCED].max_spread_ratio = 4;
}

static struct measured spread(struct world *w, perp_job *job, double given) {
    double limit = 4 * ((BTC_ASK - BTC_BID) / BTC_MID * 1e4);
    quote_at(w, job->legs[0].instrument, w->now, BTC_MID - given, BTC_MID + given, 1000);
    return (struct measured){2 * given / BTC_MID * 1e4, limit};
}
#define CASES_SPREAD_BLOWOUT spread, {7, 8, 9}, wide

/* A minute of quotes that jump; the limit is what one world measured of the edge's. */
static double measured_volatility;

static struct measured fast(struct world *w, perp_job *job, double given) {
    for (int i = 1; i <= 12; i++) {
        double shift = i % 2 == 0 ? 0 : given;
        pass(w, SECOND);
        quote_at(w, job->legs[0].instrument, w->now, BTC_BID + shift, BTC_ASK + shift, 1000);
    }
    return (struct measured){evaluated(w, job).legs[0].volatility, measured_volatility};
}

static void calm(perp_config *config, double given) {
    (void)given;
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    measured_volatility = fast(w, &job, 100).value;
    world_close(w);
    config->risk.modes[PERP_MODE_BALANCED].volatility_threshold = measured_volatility;
}
#define CASES_FAST_MARKET fast, {99, 100, 101}, calm

static struct measured latency(struct world *w, perp_job *job, double given) {
    (void)job;
    for (int i = 0; i < 10; i++) {
        perp_latency sample;
        memset(&sample, 0, sizeof sample);
        sample.exchange = BETA;
        sample.time_ns = w->now;
        sample.ms = given;
        ok(w, perp_market_on_latency(w->market, &sample));
    }
    return (struct measured){given, 1000};
}
#define CASES_LATENCY latency, {999.5, 1000, 1000.5}, NULL

static struct measured leverage(struct world *w, perp_job *job, double given) {
    (void)w;
    job->legs[1].leverage = given;
    return (struct measured){given, 5};
}
#define CASES_LEVERAGE leverage, {4.99, 5, 5.01}, NULL

/* ---- Rules of the job --------------------------------------------------------------------------
 */

static struct measured edge(struct world *w, perp_job *job, double given) {
    (void)w;
    job->strategy = PERP_STRATEGY_ARB;
    job->expected_edge_bps = given;
    return (struct measured){given, 3};
}
#define CASES_EDGE_TOO_SMALL edge, {3.01, 3, 2.99}, NULL

/* Two basis points less than the cost are acceptable. */
static struct measured cost(struct world *w, perp_job *job, double given) {
    double limit = evaluated(w, job).cost_bps - 2;
    job->expected_edge_bps = limit + given;
    return (struct measured){limit + given, limit};
}
#define CASES_COST_EXCEEDS_EDGE cost, {0.01, 0, -0.01}, NULL

/* One leg of two pays it, with the whole notional for its weight. */
static struct measured carry(struct world *w, perp_job *job, double given) {
    funding_of(w, job->legs[0].instrument, given / 1e4, w->now + 4 * HOUR);
    return (struct measured){given / 1e4 * 1e4, 5};
}
#define CASES_FUNDING_CARRY carry, {4.99, 5, 5.01}, NULL

/* Against what one world's job scored. */
static double scored;

static struct measured safety(struct world *w, perp_job *job, double given) {
    return (struct measured){evaluated(w, job).safety_score, scored + given};
}

static void demanding(perp_config *config, double given) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    scored = evaluated(w, &job).safety_score;
    world_close(w);
    config->risk.modes[PERP_MODE_BALANCED].min_safety_score = scored + given;
}
#define CASES_LOW_SAFETY safety, {-0.25, 0, 0.25}, demanding

/* ---- The table ---------------------------------------------------------------------------------
 */

enum sense { ABOVE, AT_LEAST, BELOW, AT_MOST, IS_TRUE };

static const struct rule {
    uint32_t reason;
    const char *scope;
    enum sense sense;
    struct cases cases;
} RULES[] = {
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, value, unit, sense, ...) \
    {number, #scope, sense, {CASES_##NAME}},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

static int is_past(enum sense sense, double value, double limit) {
    switch (sense) {
    case ABOVE:
        return value > limit;
    case AT_LEAST:
        return value >= limit;
    case BELOW:
        return value < limit;
    case AT_MOST:
        return value <= limit;
    default:
        return value != 0;
    }
}

#define same(got, wanted, name, what)                                                              \
    ck_assert_msg((got) == (wanted), "%s: %s %.17g, wanted %.17g", name, what, got, wanted)

START_TEST(a_rule_passes_fails_and_has_its_edge_where_the_table_says) {
    const struct rule *rule = &RULES[_i / N_PLACES];
    enum place place = (enum place)(_i % N_PLACES);
    const char *name = perp_reason_string(rule->reason);
    double given = rule->cases.given[place];
    perp_config config;
    world_config(&config);
    if (rule->cases.configure != NULL) {
        rule->cases.configure(&config, given);
    }
    struct world *w = world_open(&config);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    struct measured wanted = rule->cases.arrange(w, &job, given);
    int fails = is_past(rule->sense, wanted.value, wanted.limit);
    ck_assert_msg(place == EDGE || fails == (place == FAILING), "%s: a case at the wrong place",
                  name);
    if (place == EDGE && rule->sense != IS_TRUE) {
        same(wanted.value, wanted.limit, name, "the edge is");
    }

    perp_evaluation e = evaluated(w, &job);
    const perp_rule_evaluation *found = &e.rules[rule->reason];
    ck_assert_msg(e.reasons == (fails ? PERP_REASON_BIT(rule->reason) : 0), "%s: reasons %llx",
                  name, (unsigned long long)e.reasons);
    ck_assert_msg(found->result == (uint32_t)(fails ? PERP_RULE_FAILS : PERP_RULE_PASSES),
                  "%s: result %u", name, found->result);
    same(found->value, wanted.value, name, "value");
    same(found->limit, wanted.limit, name, "limit");
    if (!strcmp(rule->scope, "book") || !strcmp(rule->scope, "job")) {
        ck_assert_uint_eq(found->leg, PERP_NO_ID);
    } else {
        ck_assert_uint_lt(found->leg, job.n_legs);
    }
    world_close(w);
}
END_TEST

static cJSON *described(struct world *w) {
    static char text[32768];
    size_t length;
    ok(w, perp_risk_describe_json(w->risk, text, sizeof text, &length));
    return cJSON_Parse(text);
}

static cJSON *explained(struct world *w, const perp_evaluation *evaluation) {
    static char text[32768];
    size_t length;
    ok(w, perp_evaluation_json(w->core, evaluation, text, sizeof text, &length));
    return cJSON_Parse(text);
}

static const cJSON *row_of(const cJSON *json, int i) {
    return cJSON_GetArrayItem(cJSON_GetObjectItem(json, "rules"), i);
}

/* NaN: null. */
static double number_in(const cJSON *row, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(row, key);
    ck_assert_msg(item != NULL, "no %s", key);
    return cJSON_IsNull(item) ? NAN : item->valuedouble;
}

/* "": null. */
static const char *text_in(const cJSON *row, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(row, key);
    ck_assert_msg(item != NULL, "no %s", key);
    return cJSON_IsNull(item) ? "" : item->valuestring;
}

static int agree(double a, double b) {
    return isnan(a) || isinf(a) ? isnan(b) : a == b;
}

START_TEST(description_and_explanation_are_made_from_the_table) {
    struct world *w = world_open(NULL);
    perp_job two = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation e = evaluated(w, &two);
    cJSON *description = described(w), *explanation = explained(w, &e);
    int i = 0;
#define PERP_X(NAME, number, text, scope_, hard, way_out, market, unknown_, value_, unit_, sense_, \
               place, limit_, limit_unit_)                                                         \
    {                                                                                              \
        const cJSON *row = row_of(description, i), *found = row_of(explanation, i);                \
        i++;                                                                                       \
        ck_assert_str_eq(text_in(row, "name"), text);                                              \
        ck_assert_str_eq(text_in(row, "scope"), #scope_);                                          \
        ck_assert_int_eq(cJSON_IsTrue(cJSON_GetObjectItem(row, "hard")), !strcmp(#hard, "HARD"));  \
        ck_assert_str_eq(text_in(row, "value"), value_);                                           \
        ck_assert_str_eq(text_in(row, "unit"), unit_);                                             \
        ck_assert_str_eq(text_in(row, "limit_unit"), limit_unit_);                                 \
        if (strcmp(#place, "NONE"))                                                                \
            ck_assert_str_eq(text_in(row, "limit_name"), #limit_);                                 \
        ck_assert(!strcasecmp(text_in(row, "sense"), #sense_));                                    \
        ck_assert(!strcasecmp(text_in(row, "unknown"), #unknown_));                                \
        ck_assert_str_eq(text_in(found, "name"), text);                                            \
        ck_assert_str_eq(text_in(found, "unit"), unit_);                                           \
        ck_assert(!strcasecmp(text_in(found, "sense"), #sense_));                                  \
        ck_assert(agree(e.rules[number].value, number_in(found, "value")));                        \
        ck_assert(agree(e.rules[number].limit, number_in(found, "limit")));                        \
    }
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    ck_assert_ptr_null(row_of(description, i));
    ck_assert_ptr_null(row_of(explanation, i));
    cJSON_Delete(description);
    cJSON_Delete(explanation);
    world_close(w);
}
END_TEST

START_TEST(the_worst_leg_is_shown) {
    struct world *w = world_open(NULL);
    perp_job two = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    two.legs[0].leverage = 7;
    two.legs[1].leverage = 9;
    ck_assert_uint_eq(evaluated(w, &two).rules[PERP_REASON_LEVERAGE].leg, 1);
    two.legs[1].leverage = 5;
    ck_assert_uint_eq(evaluated(w, &two).rules[PERP_REASON_LEVERAGE].leg, 0);
    two.legs[0].leverage = 2;
    two.legs[1].leverage = 3;
    perp_evaluation e = evaluated(w, &two);
    ck_assert_uint_eq(e.rules[PERP_REASON_LEVERAGE].leg, 1);
    ck_assert_double_eq(e.rules[PERP_REASON_LEVERAGE].value, 3);
    /* One that is known before one that is not. */
    latency(w, &two, 50);
    e = evaluated(w, &two);
    ck_assert_uint_eq(e.rules[PERP_REASON_LATENCY].leg, 1);
    ck_assert_double_eq(e.rules[PERP_REASON_LATENCY].value, 50);
    world_close(w);
}
END_TEST

START_TEST(a_rule_that_is_not_held_has_no_value) {
    struct world *w = world_open(NULL);
    perp_job two = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation e = evaluated(w, &two);
    const perp_rule_evaluation *found = &e.rules[PERP_REASON_EDGE_TOO_SMALL]; /* only of arb */
    ck_assert_uint_eq(found->result, PERP_RULE_NOT_HELD);
    ck_assert(isnan(found->value) && isnan(found->limit));
    ck_assert_uint_eq(found->leg, PERP_NO_ID);
    no_quote(w, &two, 2);
    e = evaluated(w, &two);
#define PERP_X(NAME, number, text, scope, hard, way_out, market, ...)                              \
    if (!strcmp(#market, "MARKET"))                                                                \
        ck_assert_uint_eq(e.rules[number].result, PERP_RULE_NOT_HELD);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    ck_assert_uint_eq(e.rules[PERP_REASON_NO_MARKET_DATA].result, PERP_RULE_FAILS);
    ck_assert_uint_eq(e.rules[PERP_REASON_NO_MARKET_DATA].leg, 1);
    ck_assert_uint_eq(e.rules[PERP_REASON_KILLED].result, PERP_RULE_PASSES);
    ck_assert_uint_eq(e.rules[0].result, PERP_RULE_NOT_HELD);
    world_close(w);
}
END_TEST

START_TEST(what_the_host_says_is_worse_than_a_circuit) {
    struct world *w = world_open(NULL);
    perp_job two = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_exchange_status status;
    memset(&status, 0, sizeof status);
    status.exchange = ALPHA;
    status.api = PERP_API_DEGRADED;
    status.time_ns = w->now;
    ok(w, perp_market_on_status(w->market, &status));
    perp_evaluation e = evaluated(w, &two);
    ck_assert(isinf(e.rules[PERP_REASON_LATENCY].value));
    ck_assert_uint_eq(e.rules[PERP_REASON_LATENCY].leg, 0);
    status.api = PERP_API_DOWN;
    ok(w, perp_market_on_status(w->market, &status));
    outage(w, &two, 5);
    e = evaluated(w, &two);
    ck_assert_double_eq(e.rules[PERP_REASON_EXCHANGE_DOWN].value, 2);
    ck_assert_uint_eq(e.rules[PERP_REASON_EXCHANGE_DOWN].leg, 0);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rule cases");
    TCase *tcase = tcase_create("rule cases");
    tcase_add_loop_test(tcase, a_rule_passes_fails_and_has_its_edge_where_the_table_says, 0,
                        (int)(sizeof RULES / sizeof *RULES) * N_PLACES);
    tcase_add_test(tcase, description_and_explanation_are_made_from_the_table);
    tcase_add_test(tcase, the_worst_leg_is_shown);
    tcase_add_test(tcase, a_rule_that_is_not_held_has_no_value);
    tcase_add_test(tcase, what_the_host_says_is_worse_than_a_circuit);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
