/* The largest job that the limits could ever let pass. */
#include "fixture.h"

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
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
