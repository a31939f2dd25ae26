/* The largest job that the limits could ever let pass. */
#include "fixture.h"

#include <math.h>

/* Two exchanges with a market each of BTC (least 100 and 150 USD) and ETH (least 20 and 10); a
   third has only DOGE; a fourth is another account at the first one's venue. Limits are the
   defaults: 10 % of a pool, 30 % of the equity, 50,000 USD an exchange. */
static struct world small;
static struct world *w = &small;

static perp_instrument_id market(perp_exchange_id exchange, const char *symbol, double least,
                                 double min_qty) {
    perp_instrument_spec spec;
    perp_instrument_id id = PERP_NO_ID;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    strcpy(spec.symbol, symbol);
    spec.min_notional = USD(least);
    spec.min_qty = min_qty;
    ok(w, perp_instrument_add(w->core, &spec, &id));
    return id;
}

static void open_small(void) {
    memset(w, 0, sizeof *w);
    ck_assert_int_eq(perp_core_open(NULL, &w->core), PERP_OK);
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    w->now = START;
    world_exchange(w, "alpha", "");
    world_exchange(w, "beta", "");
    w->btc[ALPHA] = market(ALPHA, "BTC/USDT", 100, 0);
    w->btc[BETA] = market(BETA, "BTC/USDC", 150, 0);
    market(ALPHA, "ETH/USDT", 20, 0);
    market(BETA, "ETH/USDC", 10, 0);
}

static void close_small(void) {
    checked(w);
    perp_core_close(w->core);
}

static void equity(perp_exchange_id exchange, double usd) {
    /* Twice: a report that is far off is taken when the next one says the same. */
    ok(w, perp_capital_update_equity(w->capital, nowc(w), exchange, USD(usd)));
    ok(w, perp_capital_update_equity(w->capital, nowc(w), exchange, USD(usd)));
}

static perp_feasibility row_of(uint32_t strategy, perp_exchange_id first, perp_exchange_id second) {
    perp_feasibility rows[64];
    uint32_t count = 0;
    ok(w, perp_core_feasibility(w->core, rows, 64, &count));
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].strategy == strategy && rows[i].first == first && rows[i].second == second) {
            return rows[i];
        }
    }
    ck_abort_msg("no row of %s", perp_strategy_string(strategy));
}

static void largest_is(uint32_t strategy, double usd, uint32_t bound_by) {
    perp_feasibility row = row_of(strategy, ALPHA, BETA);
    ck_assert_int_eq(row.largest, USD(usd));
    reason_is(row.bound_by, bound_by);
}

START_TEST(the_smaller_exchange_and_its_tightest_limit_bound_the_job) {
    equity(ALPHA, 1000);
    equity(BETA, 100000);
    largest_is(PERP_STRATEGY_WASH, 70, PERP_REASON_SINGLE_LIMIT);
    largest_is(PERP_STRATEGY_ARB, 20, PERP_REASON_SINGLE_LIMIT);
    equity(ALPHA, 1000000);
    largest_is(PERP_STRATEGY_WASH, 7000, PERP_REASON_SINGLE_LIMIT);
    equity(BETA, 1000000);
    largest_is(PERP_STRATEGY_WASH, 50000, PERP_REASON_EXCHANGE_NOTIONAL);
}
END_TEST

START_TEST(what_is_reserved_now_does_not_matter) {
    perp_refusal refusal;
    uint64_t id = 0;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    equity(ALPHA, 1000);
    equity(BETA, 1000);
    ok(w, perp_capital_reserve_for_wash(w->capital, nowc(w), ALPHA, USD(70), NULL, &id, &refusal));
    ck_assert_uint_ne(id, 0);
    largest_is(PERP_STRATEGY_WASH, 70, PERP_REASON_SINGLE_LIMIT);
}
END_TEST

START_TEST(an_exchange_has_limits_of_its_own) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.exchange = BETA;
    limits.max_notional = USD(30);
    equity(ALPHA, 1000);
    equity(BETA, 1000);
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    largest_is(PERP_STRATEGY_WASH, 30, PERP_REASON_EXCHANGE_NOTIONAL);
    largest_is(PERP_STRATEGY_ARB, 20, PERP_REASON_SINGLE_LIMIT);
}
END_TEST

START_TEST(safe_mode_holds_back_the_pools_that_are_not_in_its_list) {
    equity(ALPHA, 1000);
    equity(BETA, 1000);
    ok(w, perp_capital_set_safe_mode(w->capital, nowc(w), BETA, 1));
    largest_is(PERP_STRATEGY_ARB, 0, PERP_REASON_SAFE_MODE);
    largest_is(PERP_STRATEGY_WASH, 70, PERP_REASON_SINGLE_LIMIT);
}
END_TEST

START_TEST(the_smallest_is_the_cheapest_base_that_both_can_trade) {
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, BETA).smallest, USD(20));
    perp_exchange_id gamma = world_exchange(w, "gamma", "");
    market(gamma, "DOGE/USDT", 5, 0);
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, gamma).smallest, 0);
    market(gamma, "BTC/USDT", 120, 0);
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, gamma).smallest, USD(120));
    market(gamma, "BTC/USDT:USDT", 5, 0);
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, gamma).smallest, USD(100));
}
END_TEST

START_TEST(a_least_quantity_counts_once_a_quote_says_what_it_is_worth) {
    perp_exchange_id gamma = world_exchange(w, "gamma", "");
    perp_instrument_id btc = market(gamma, "BTC/USDT", 5, 0.01);
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, gamma).smallest, USD(100));
    quote_at(w, btc, START, 49999, 50001, 1);
    ck_assert_int_eq(row_of(PERP_STRATEGY_WASH, ALPHA, gamma).smallest, USD(500));
}
END_TEST

START_TEST(accounts_of_one_venue_are_no_pair) {
    uint32_t count = 0;
    ok(w, perp_core_feasibility(w->core, NULL, 0, &count));
    ck_assert_uint_eq(count, PERP_STRATEGY_COUNT);
    world_exchange(w, "second", "alpha");
    ok(w, perp_core_feasibility(w->core, NULL, 0, &count));
    ck_assert_uint_eq(count, 2 * PERP_STRATEGY_COUNT); /* with beta only */
}
END_TEST

START_TEST(rows_beyond_the_capacity_are_counted_only) {
    perp_feasibility rows[2];
    uint32_t count = 0;
    memset(rows, 0x5a, sizeof rows);
    ok(w, perp_core_feasibility(w->core, rows, 1, &count));
    ck_assert_uint_eq(count, PERP_STRATEGY_COUNT);
    ck_assert_uint_eq(rows[0].strategy, PERP_STRATEGY_WASH);
    ck_assert_uint_eq(rows[1].strategy, 0x5a5a5a5a);
    expect(w, PERP_E_INVALID, perp_core_feasibility(w->core, NULL, 1, &count));
    expect(w, PERP_E_INVALID, perp_core_feasibility(w->core, rows, 1, NULL));
    ck_assert_int_eq(perp_core_feasibility(NULL, rows, 1, &count), PERP_E_INVALID);
}
END_TEST

START_TEST(an_account_below_the_least_notional_is_alerted_once_its_equity_is_known) {
    uint32_t count = 0;
    ok(w, perp_monitor_alerts(w->core, w->now, NULL, 0, &count));
    ck_assert_uint_eq(count, 0);
    equity(ALPHA, 500);
    ok(w, perp_monitor_alerts(w->core, w->now, NULL, 0, &count));
    ck_assert_uint_eq(count, 0);
    equity(BETA, 500); /* arb: 10 USD at most, 20 needed; wash: 35 */
    perp_alert alerts[4];
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 4, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(alerts[0].code, PERP_ALERT_INFEASIBLE);
    ck_assert_str_eq(alerts[0].subject, "arb");
    ck_assert_ptr_nonnull(strstr(alerts[0].message, "single_limit"));
}
END_TEST

/* ---- Whatever the market ---- */

static void configured(double min_safety, double max_loss, double weight_of_leverage) {
    perp_config config;
    perp_core_close(w->core);
    perp_config_init(&config);
    config.risk.modes[PERP_MODE_BALANCED].min_safety_score = min_safety;
    config.risk.modes[PERP_MODE_BALANCED].max_acceptable_loss_bps = max_loss;
    config.risk.weights[PERP_COMPONENT_FUNDING] +=
        config.risk.weights[PERP_COMPONENT_LEVERAGE] - weight_of_leverage;
    config.risk.weights[PERP_COMPONENT_LEVERAGE] = weight_of_leverage;
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->risk = perp_core_risk(w->core);
    w->positions = perp_core_positions(w->core);
    w->scheduler = perp_core_scheduler(w->core);
}

/* A BTC market, of which what is not given is as an exchange has it by default. */
static perp_instrument_id perp_of(const char *exchange_name, uint32_t margin, double taker,
                                  double maker, double mmr, const char *contract) {
    perp_exchange_spec exchange;
    perp_instrument_spec spec;
    perp_exchange_id x = PERP_NO_ID;
    perp_instrument_id id = PERP_NO_ID;
    perp_tier tier = {0, 1e9, mmr, 0, 125};
    perp_exchange_spec_init(&exchange);
    strcpy(exchange.name, exchange_name);
    exchange.margin_mode = margin;
    exchange.taker_fee_bps = taker;
    exchange.maker_fee_bps = maker;
    ok(w, perp_exchange_add(w->core, &exchange, &x));
    perp_instrument_spec_init(&spec);
    spec.exchange = x;
    strcpy(spec.symbol, "BTC/USDT:USDT");
    strcpy(spec.contract, contract);
    if (mmr > 0) {
        spec.tiers = &tier;
        spec.n_tiers = 1;
    }
    ok(w, perp_instrument_add(w->core, &spec, &id));
    return id;
}

START_TEST(a_row_tells_the_best_score_and_the_least_cost) {
    configured(70, 2, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 4, 6, 0, "");
    perp_feasibility row = row_of(PERP_STRATEGY_ARB, 0, 1);
    /* The short at leverage 1 is liquidated at 2 / 1.005 of its entry. */
    double leverage = 100 - 40 * 0.05 / (2 / 1.005 - 1);
    ck_assert_double_eq_tol(row.safety_score, 85 + 0.15 * leverage, 1e-9);
    ck_assert_double_eq(row.min_safety_score, 70);
    ck_assert_double_eq(row.cost_bps, 2 + 4);
    ck_assert_double_eq(row.least_edge_bps, 4); /* 6 less the loss of 2; min_edge is 3 */
    ck_assert_double_eq(row_of(PERP_STRATEGY_WASH, 0, 1).least_edge_bps, 4);
    ck_assert(isnan(row_of(PERP_STRATEGY_HEDGE_REBALANCE, 0, 1).least_edge_bps));
}
END_TEST

START_TEST(an_edge_is_at_least_min_edge_where_that_is_held) {
    configured(70, 20, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 4, 6, 0, "");
    ck_assert_double_eq(row_of(PERP_STRATEGY_ARB, 0, 1).least_edge_bps, 3);
    ck_assert_double_eq(row_of(PERP_STRATEGY_WASH, 0, 1).least_edge_bps, 6 - 20);
}
END_TEST

START_TEST(without_a_common_base_nothing_is_told) {
    configured(100, 2, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_exchange_id x = world_exchange(w, "two", "");
    market(x, "DOGE/USDT", 5, 0);
    equity(0, 100000);
    equity(1, 100000);
    perp_feasibility row = row_of(PERP_STRATEGY_ARB, 0, 1);
    ck_assert(isnan(row.safety_score) && isnan(row.cost_bps) && isnan(row.least_edge_bps));
    ck_assert_uint_eq(row.never_for, PERP_REASON_NONE);
}
END_TEST

/* The one alert of a strategy, or "". */
static const char *infeasible(const char *strategy) {
    static perp_alert alerts[16];
    uint32_t count = 0;
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 16, &count));
    for (uint32_t i = 0; i < count && i < 16; i++)
        if (alerts[i].code == PERP_ALERT_INFEASIBLE && strcmp(alerts[i].subject, strategy) == 0)
            return alerts[i].message;
    return "";
}

static void two_accounts(void) {
    equity(0, 100000);
    equity(1, 100000);
}

START_TEST(a_score_that_is_out_of_reach_is_warned_of_with_both_numbers) {
    configured(99.7, 2, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 4, 6, 0, "");
    two_accounts();
    for (uint32_t s = 0; s < PERP_STRATEGY_COUNT; s++)
        ck_assert_uint_eq(row_of(s, 0, 1).never_for, PERP_REASON_LOW_SAFETY);
    const char *message = infeasible("wash");
    ck_assert_ptr_nonnull(strstr(message, "min_safety_score is 99.7"));
    ck_assert_ptr_nonnull(strstr(message, "99.69")); /* 85 + 0.15 × 97.98 */
    ck_assert_str_ne(infeasible("hedge_rebalance"), "");
    /* A hair less is within reach. */
    configured(99.69, 2, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 4, 6, 0, "");
    two_accounts();
    ck_assert_uint_eq(row_of(PERP_STRATEGY_WASH, 0, 1).never_for, PERP_REASON_NONE);
    ck_assert_str_eq(infeasible("wash"), "");
}
END_TEST

START_TEST(what_bounds_the_distance_bounds_the_score) {
    static const struct {
        uint32_t margin;
        double mmr;
        const char *contract;
        double distance;
    } cases[] = {
        {PERP_MARGIN_ISOLATED, 0.1, "", 2 / 1.1 - 1},
        {PERP_MARGIN_CROSS, 0.1, "", 1},
        {PERP_MARGIN_ISOLATED, 0.1, "inverse", 1 - 1.1 / 2}, /* of the long */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        configured(70, 2, 0.15);
        perp_of("one", cases[i].margin, 5, 2, cases[i].mmr, cases[i].contract);
        perp_of("two", cases[i].margin, 5, 2, cases[i].mmr, cases[i].contract);
        double leverage = 100 - 40 * 0.05 / cases[i].distance;
        ck_assert_double_eq_tol(row_of(PERP_STRATEGY_WASH, 0, 1).safety_score, 85 + 0.15 * leverage,
                                1e-9);
    }
    /* The side with room goes where there is least: short the linear, long the inverse... */
    configured(70, 2, 0.15);
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0.1, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 5, 2, 0.1, "inverse");
    ck_assert_double_eq_tol(row_of(PERP_STRATEGY_WASH, 0, 1).safety_score, 85 + 0.15 * 98, 1e-9);
}
END_TEST

/* The best that is told is reached by a job on perfect data, and no job has more. */
START_TEST(the_best_score_is_that_of_a_job_in_a_perfect_market) {
    configured(70, 2, 0.15);
    perp_instrument_id one = perp_of("one", PERP_MARGIN_ISOLATED, 0, 0, 0, ""),
                       two = perp_of("two", PERP_MARGIN_ISOLATED, 0, 0, 0, "");
    two_accounts();
    double best = row_of(PERP_STRATEGY_WASH, 0, 1).safety_score;
    for (int i = 0; i < 400; i++) {
        w->now += INT64_C(1000000000);
        quote_at(w, one, w->now, 50000, 50000.0001, 1000);
        quote_at(w, two, w->now, 50000, 50000.0001, 1000);
    }
    funding_of(w, one, 0, w->now + INT64_C(3600000000000));
    funding_of(w, two, 0, w->now + INT64_C(3600000000000));
    for (uint32_t x = 0; x < 2; x++) {
        for (int i = 0; i < 100; i++) {
            perp_latency latency = {x, 0, w->now, 0};
            ok(w, perp_market_on_latency(w->market, &latency));
        }
    }
    perp_job job = pair_job(1, one, two);
    job.notional = USD(5000);
    for (int i = 0; i < 2; i++) {
        job.legs[i].quantity = 0.1;
        job.legs[i].leverage = 1;
    }
    double score = evaluated(w, &job).safety_score;
    ck_assert_double_le(score, best + 1e-9);
    ck_assert_double_gt(score, best - 0.01);
}
END_TEST

START_TEST(costs_that_no_job_can_gain_are_warned_of_with_their_numbers) {
    configured(70, -9998, 0.15); /* each job is to gain that much, after its costs */
    perp_of("one", PERP_MARGIN_ISOLATED, 5, 2, 0, "");
    perp_of("two", PERP_MARGIN_ISOLATED, 4, 6, 0, "");
    two_accounts();
    perp_feasibility row = row_of(PERP_STRATEGY_ARB, 0, 1);
    ck_assert_double_eq(row.least_edge_bps, 10004);
    ck_assert_uint_eq(row.never_for, PERP_REASON_COST_EXCEEDS_EDGE);
    ck_assert_uint_eq(row_of(PERP_STRATEGY_HEDGE_REBALANCE, 0, 1).never_for, PERP_REASON_NONE);
    ck_assert_ptr_nonnull(strstr(infeasible("arb"), "fees of 6 bps ask for an edge of 10004"));
    ck_assert_str_ne(infeasible("wash"), "");
    ck_assert_str_eq(infeasible("hedge_rebalance"), "");
    /* Some pair with lower fees is enough. */
    perp_of("three", PERP_MARGIN_ISOLATED, 4, -4, 0, "");
    equity(2, 100000);
    ck_assert_double_eq(row_of(PERP_STRATEGY_ARB, 0, 2).least_edge_bps, 9996);
    ck_assert_uint_eq(row_of(PERP_STRATEGY_ARB, 0, 2).never_for, PERP_REASON_NONE);
    ck_assert_str_eq(infeasible("arb"), "");
}
END_TEST

START_TEST(a_size_that_never_fits_is_told_first) {
    configured(100, 2, 0.15);
    perp_exchange_id x = world_exchange(w, "one", ""), y = world_exchange(w, "two", "");
    market(x, "BTC/USDT", 100, 0);
    market(y, "BTC/USDT", 100, 0);
    equity(x, 100);
    equity(y, 100);
    ck_assert_uint_eq(row_of(PERP_STRATEGY_WASH, 0, 1).never_for, PERP_REASON_SINGLE_LIMIT);
    ck_assert_ptr_nonnull(strstr(infeasible("wash"), "single_limit"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("feasibility");
    TCase *tcase = tcase_create("feasibility");
    tcase_add_checked_fixture(tcase, open_small, close_small);
    tcase_add_test(tcase, the_smaller_exchange_and_its_tightest_limit_bound_the_job);
    tcase_add_test(tcase, what_is_reserved_now_does_not_matter);
    tcase_add_test(tcase, an_exchange_has_limits_of_its_own);
    tcase_add_test(tcase, safe_mode_holds_back_the_pools_that_are_not_in_its_list);
    tcase_add_test(tcase, the_smallest_is_the_cheapest_base_that_both_can_trade);
    tcase_add_test(tcase, a_least_quantity_counts_once_a_quote_says_what_it_is_worth);
    tcase_add_test(tcase, accounts_of_one_venue_are_no_pair);
    tcase_add_test(tcase, rows_beyond_the_capacity_are_counted_only);
    tcase_add_test(tcase, an_account_below_the_least_notional_is_alerted_once_its_equity_is_known);
    tcase_add_test(tcase, a_row_tells_the_best_score_and_the_least_cost);
    tcase_add_test(tcase, an_edge_is_at_least_min_edge_where_that_is_held);
    tcase_add_test(tcase, without_a_common_base_nothing_is_told);
    tcase_add_test(tcase, a_score_that_is_out_of_reach_is_warned_of_with_both_numbers);
    tcase_add_test(tcase, what_bounds_the_distance_bounds_the_score);
    tcase_add_test(tcase, the_best_score_is_that_of_a_job_in_a_perfect_market);
    tcase_add_test(tcase, costs_that_no_job_can_gain_are_warned_of_with_their_numbers);
    tcase_add_test(tcase, a_size_that_never_fits_is_told_first);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
