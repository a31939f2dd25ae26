/* How far positions are from their liquidation: worked cases, and random accounts whose mark is
   walked to the price that was found, where equity must meet maintenance. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define START (INT64_C(1760000000) * 1000 * MS)
#define N 5 /* instruments of an account */

/* An account on one exchange, as a naive host would keep it. */
struct held {
    int base; /* 0: BTC, 1: ETH */
    int spot, inverse, cross;
    double quantity, entry, leverage, liquidation;
    double mark, equity_mark;
    perp_tier tiers[3];
    uint32_t n_tiers;
};

static perp_core *core;
static perp_exchange_id exchange;
static perp_instrument_id ids[N];
static struct held held[N];
static double fee, equity, collateral;
static int64_t now;

static void is_ok(perp_status status) {
    ck_assert_msg(status == PERP_OK, "%s: %s", perp_status_string(status), perp_core_error(core));
}

static const perp_call *call(void) {
    static perp_call made;
    perp_call_init(&made);
    made.now_ns = now;
    return &made;
}

static void open_exchange(double fee_bps, uint32_t margin) {
    perp_exchange_spec spec;
    is_ok(perp_core_open(NULL, &core));
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "alpha");
    spec.margin_mode = margin;
    spec.liquidation_fee_bps = fee_bps;
    is_ok(perp_exchange_add(core, &spec, &exchange));
    fee = fee_bps / 1e4;
    now = START;
    equity = collateral = 0;
    memset(held, 0, sizeof held);
}

static void add(int i) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    snprintf(spec.symbol, sizeof spec.symbol, "%s/USD:%d", held[i].base ? "ETH" : "BTC", i);
    if (held[i].inverse)
        strcpy(spec.contract, "inverse");
    else
        snprintf(spec.contract, sizeof spec.contract, "%d", i);
    spec.kind = held[i].spot ? PERP_KIND_SPOT : PERP_KIND_PERP;
    spec.tiers = held[i].tiers;
    spec.n_tiers = held[i].n_tiers;
    is_ok(perp_instrument_add(core, &spec, &ids[i]));
}

static void quote(int i, double mid) {
    perp_quote quote = {.instrument = ids[i], .time_ns = now};
    quote.bid = mid * (1 - 1e-6);
    quote.ask = mid * (1 + 1e-6);
    quote.bid_size = quote.ask_size = 1e12;
    is_ok(perp_market_on_quote(perp_core_market(core), &quote));
    held[i].mark = (quote.bid + quote.ask) / 2;
}

static void report(int i) {
    perp_position_report position = {.instrument = ids[i]};
    position.margin_mode = held[i].cross ? PERP_MARGIN_CROSS : PERP_MARGIN_ISOLATED;
    position.quantity = held[i].quantity;
    position.entry_price = held[i].entry;
    position.leverage = held[i].leverage;
    position.liquidation_price = held[i].liquidation;
    is_ok(perp_position(core, call(), &position, now));
}

/* Said twice: what is far from the last report is taken when a second one agrees. */
static void set_equity(double usd) {
    for (int k = 0; k < 2; k++)
        is_ok(perp_capital_update_equity(perp_core_capital(core), call(), exchange,
                                         (perp_usd)llround(usd * 1e6)));
    equity = (double)llround(usd * 1e6) / 1e6;
    for (int i = 0; i < N; i++)
        held[i].equity_mark = held[i].mark;
}

static perp_job job_of(int i, double quantity, double leverage) {
    perp_job job;
    perp_job_init(&job);
    job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    job.notional = 1000 * PERP_USD;
    job.n_legs = 1;
    job.legs[0].instrument = ids[i];
    job.legs[0].side = quantity > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
    job.legs[0].quantity = fabs(quantity);
    job.legs[0].leverage = leverage;
    return job;
}

static perp_leg_evaluation leg_of(const perp_job *job, int leg) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    is_ok(perp_risk_evaluate(perp_core_risk(core), now, job, &evaluation));
    ck_assert_int_gt((int)evaluation.n_legs, leg);
    return evaluation.legs[leg];
}

static perp_leg_evaluation after(int i, double quantity, double leverage) {
    perp_job job = job_of(i, quantity, leverage);
    return leg_of(&job, 0);
}

static void shut(void) {
    perp_core_close(core);
    core = NULL;
}

/* One instrument, in margin by itself. */
static void open_single(double fee_bps, double mark) {
    open_exchange(fee_bps, PERP_MARGIN_ISOLATED);
    add(0);
    quote(0, mark);
}

START_TEST(an_isolated_position_is_solved_with_the_fee_in_its_rate) {
    open_single(50, 100);
    perp_leg_evaluation leg = after(0, 1, 4);
    ck_assert_double_eq_tol(leg.liquidation_price, leg.price * 0.75 / (1 - 0.01), 1e-9);
    ck_assert_double_eq_tol(leg.liquidation_distance, 1 - leg.liquidation_price / held[0].mark,
                            1e-12);
    leg = after(0, -1, 4);
    ck_assert_double_eq_tol(leg.liquidation_price, leg.price * 1.25 / (1 + 0.01), 1e-9);
    shut();
}
END_TEST

/* At the mark 10,000 are in the second tier, at the price of the liquidation they are in the first.
 */
START_TEST(the_tier_is_the_one_at_the_price_of_the_liquidation) {
    open_exchange(0, PERP_MARGIN_ISOLATED);
    held[0].n_tiers = 2;
    held[0].tiers[0] = (perp_tier){0, 9000, 0.01, 0, 50};
    held[0].tiers[1] = (perp_tier){9000, 1e9, 0.02, 90, 20};
    add(0);
    quote(0, 100);
    perp_leg_evaluation leg = after(0, 100, 2);
    ck_assert_double_eq_tol(leg.liquidation_price, leg.price * 0.5 / (1 - 0.01), 1e-9);
    leg = after(0, -100, 2);
    ck_assert_double_eq_tol(leg.liquidation_price, (leg.price * 1.5 + 0.9) / 1.02, 1e-9);
    shut();
}
END_TEST

/* With a gap in the amounts each tier's price is in the other one. */
START_TEST(where_tiers_never_agree_the_nearer_price_counts) {
    open_exchange(0, PERP_MARGIN_ISOLATED);
    held[0].n_tiers = 2;
    held[0].tiers[0] = (perp_tier){0, 7000, 0.01, 0, 50};
    held[0].tiers[1] = (perp_tier){7000, 1e9, 0.01, 2500, 20};
    add(0);
    quote(0, 100);
    perp_leg_evaluation leg = after(0, 100, 4);
    double low = (leg.price * 0.75 - 25) / 0.99, high = leg.price * 0.75 / 0.99;
    ck_assert_double_lt(low * 100, 7000);
    ck_assert_double_gt(high * 100, 7000);
    ck_assert_double_eq_tol(leg.liquidation_price, high, 1e-9);
    shut();
}
END_TEST

START_TEST(an_inverse_contract_is_the_reciprocal_form) {
    open_exchange(0, PERP_MARGIN_ISOLATED);
    held[0].inverse = 1;
    add(0);
    quote(0, 20000);
    perp_leg_evaluation leg = after(0, 1, 1);
    ck_assert_double_eq_tol(leg.liquidation_price, leg.price * 1.005 / 2, 1e-7);
    leg = after(0, -1, 1); /* it has as much of the coin as it owes */
    ck_assert_double_nan(leg.liquidation_price);
    ck_assert_double_eq(leg.liquidation_distance, 1);
    leg = after(0, -1, 5);
    ck_assert_double_eq_tol(leg.liquidation_price, leg.price * 0.995 / 0.8, 1e-7);
    shut();
}
END_TEST

START_TEST(an_inverse_contract_in_cross_margin_needs_a_reported_price) {
    open_exchange(0, PERP_MARGIN_CROSS);
    held[0].inverse = held[0].cross = 1;
    add(0);
    quote(0, 20000);
    set_equity(1e6);
    ck_assert_double_eq(after(0, 1, 1).liquidation_distance, 0);
    held[0].quantity = 1;
    held[0].entry = 20000;
    held[0].liquidation = 15000;
    report(0);
    perp_leg_evaluation leg = after(0, 1, 1);
    ck_assert_double_eq_tol(leg.liquidation_distance, 0.25, 1e-9);
    ck_assert_double_nan(leg.liquidation_price);
    ck_assert_double_eq(after(0, -2, 1).liquidation_distance, 0); /* the other side by then */
    shut();
}
END_TEST

START_TEST(the_smaller_of_the_estimate_and_what_the_exchange_says_counts) {
    open_single(0, 100);
    held[0].quantity = 1;
    held[0].entry = 100;
    held[0].liquidation = 90;
    report(0);
    perp_leg_evaluation leg = after(0, 1, 2);
    ck_assert_double_eq_tol(leg.liquidation_distance, 0.1, 1e-9);
    ck_assert_double_lt(leg.liquidation_price, 60);
    held[0].liquidation = 10;
    report(0);
    leg = after(0, 1, 2);
    ck_assert_double_eq_tol(leg.liquidation_distance, 1 - leg.liquidation_price / held[0].mark,
                            1e-12);
    shut();
}
END_TEST

/* 100 of equity, of which an isolated position has 50 for itself; what is won or lost so far is in
   the equity, so the entry is of no matter. */
START_TEST(cross_margin_is_the_account_at_the_marks) {
    open_exchange(0, PERP_MARGIN_CROSS);
    held[0].cross = 1;
    held[1].entry = 80;
    add(0);
    add(1);
    quote(0, 100);
    quote(1, 100);
    held[0].quantity = 2;
    held[1].quantity = 1;
    held[1].leverage = 2;
    for (int k = 0; k < 2; k++) {
        held[0].entry = k ? 150 : 100;
        report(0);
        report(1);
        set_equity(100);
        perp_leg_evaluation leg = after(0, 1, 3);
        double own = 80 / 2.0 + (held[1].mark - 80);
        double surplus = 100 - own - 3 * held[0].mark * 0.005;
        double r = 1 - surplus / (3 * held[0].mark * 0.995);
        ck_assert_double_eq_tol(leg.liquidation_price, r * held[0].mark, 1e-7);
    }
    set_equity(60); /* as much as the isolated position has */
    perp_leg_evaluation leg = after(0, 1, 3);
    ck_assert_double_eq(leg.liquidation_distance, 0);
    ck_assert_double_eq(leg.liquidation_price, held[0].mark);
    shut();
}
END_TEST

START_TEST(collateral_in_the_base_moves_with_it) {
    open_exchange(0, PERP_MARGIN_CROSS);
    held[0].cross = 1;
    add(0);
    quote(0, 100);
    set_equity(200);
    ck_assert_double_lt(after(0, -5, 3).liquidation_distance, 1);
    perp_risk *risk = perp_core_risk(core);
    is_ok(perp_risk_set_collateral(risk, call(), exchange, "BTC", 10, 0.5));
    perp_leg_evaluation leg = after(0, -5, 3); /* it owes what it has: only maintenance grows */
    ck_assert_double_eq(leg.liquidation_distance, 1);
    ck_assert_int_eq(perp_risk_set_collateral(risk, call(), exchange + 1, "BTC", 1, 0),
                     PERP_E_NOT_FOUND);
    ck_assert_int_eq(perp_risk_set_collateral(risk, call(), exchange, "", 1, 0), PERP_E_INVALID);
    ck_assert_int_eq(perp_risk_set_collateral(risk, call(), exchange, "BTC", -1, 0),
                     PERP_E_INVALID);
    ck_assert_int_eq(perp_risk_set_collateral(risk, call(), exchange, "BTC", (double)NAN, 0),
                     PERP_E_INVALID);
    ck_assert_int_eq(perp_risk_set_collateral(risk, call(), exchange, "BTC", 1, 1.5),
                     PERP_E_INVALID);
    is_ok(perp_risk_set_collateral(risk, call(), exchange, "BTC", 0, 0));
    ck_assert_double_lt(after(0, -5, 3).liquidation_distance, 1);
    shut();
}
END_TEST

START_TEST(spot_and_what_is_closed_are_not_liquidated) {
    open_exchange(0, PERP_MARGIN_ISOLATED);
    held[1].spot = 1;
    add(0);
    add(1);
    quote(0, 100);
    quote(1, 100);
    held[0].quantity = 0.3;
    held[0].entry = 100;
    report(0);
    perp_job job = job_of(0, -0.1, 3);
    job.n_legs = 3;
    job.legs[1] = job.legs[2] = job.legs[0];
    perp_leg_evaluation leg = leg_of(&job, 2); /* three slices of 0.1 close 0.3 */
    ck_assert_double_eq(leg.position, 0);
    ck_assert_double_nan(leg.liquidation_price);
    ck_assert_double_eq(leg.liquidation_distance, 1);
    leg = after(1, 1, 3);
    ck_assert_double_nan(leg.liquidation_price);
    ck_assert_double_eq(leg.liquidation_distance, 1);
    shut();
}
END_TEST

/* ---- Random accounts ---------------------------------------------------------------------------
 */

static uint64_t seed = 20260101;

static double draw(double low, double high) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (high - low) * ((double)(seed >> 11) * 0x1p-53);
}

static int one_of(int n) {
    return (int)draw(0, n);
}

/* Tiers whose maintenance has no leaps, as exchanges have them. */
static void random_tiers(struct held *to) {
    double floors[3] = {0, draw(500, 5000), draw(6000, 40000)};
    double rate = draw(0.003, 0.02), amount = 0;
    to->n_tiers = (uint32_t)one_of(4);
    for (uint32_t i = 0; i < to->n_tiers; i++) {
        double next = rate * (i ? draw(1.1, 2.5) : 1);
        amount += i ? floors[i] * (next - rate) : 0;
        rate = next;
        to->tiers[i] = (perp_tier){floors[i], 0, rate, amount, 0};
    }
}

static double maintenance(const struct held *of, double value) {
    if (!of->n_tiers)
        return value * (0.005 + fee);
    uint32_t at = 0;
    for (uint32_t i = 1; i < of->n_tiers && of->tiers[i].floor <= value; i++)
        at = i;
    return value * (of->tiers[at].mmr + fee) - of->tiers[at].amount;
}

/* What the account has beyond maintenance once the marks of the base of a leg are r times what they
   are. Collateral is worth the mark of the leg. */
static double left(const double quantities[N], int at, double r) {
    int base = held[at].base;
    double sum = equity + (r - 1) * (base == 0 ? collateral * held[at].mark : 0);
    for (int i = 0; i < N; i++) {
        const struct held *h = &held[i];
        if (h->spot)
            continue;
        if (!h->cross) {
            if (h->quantity != 0)
                sum -= fabs(h->quantity) * h->entry / (h->leverage > 0 ? h->leverage : 3) +
                       h->quantity * (h->mark - h->entry);
        } else if (h->base == base) {
            sum += (r - 1) * quantities[i] * h->mark;
            sum -= maintenance(h, fabs(quantities[i]) * h->mark * r);
        } else {
            sum -= maintenance(h, fabs(quantities[i]) * h->equity_mark);
        }
    }
    return sum;
}

static void random_account(int with_other_marks) {
    double gross = 0;
    now += MS;
    for (int i = 0; i < N; i++) {
        quote(i, held[i].base ? draw(1000, 4000) : draw(20000, 90000));
        held[i].cross = one_of(4) > 0;
        held[i].quantity = one_of(4) ? draw(-20000, 20000) / held[i].mark : 0;
        held[i].entry = held[i].mark * draw(0.7, 1.4);
        held[i].leverage = one_of(2) ? draw(1, 20) : 0;
        gross += fabs(held[i].quantity) * held[i].mark;
        report(i);
    }
    collateral = one_of(3) ? 0 : draw(0, 0.5);
    is_ok(perp_risk_set_collateral(perp_core_risk(core), call(), exchange, "BTC", collateral, 0));
    set_equity(gross * draw(0.02, 1.5) + 10);
    for (int i = 0; with_other_marks && i < N; i++)
        if (held[i].base)
            quote(i, held[i].mark * draw(0.9, 1.1));
}

/* An isolated position: its own margin and what it won or lost, less maintenance, at a price. */
static double left_alone(const struct held *h, double quantity, double entry, double leverage,
                         double price) {
    double size = fabs(quantity);
    if (h->inverse) /* in the coin */
        return size / leverage + quantity * (1 - entry / price) -
               size * entry / price * (maintenance(h, 1));
    return size * entry / leverage + quantity * (price - entry) - maintenance(h, size * price);
}

static void check_leg(const perp_job *job, int n, int *found) {
    perp_leg_evaluation leg = leg_of(job, n);
    int at = -1;
    double quantities[N];
    for (int i = 0; i < N; i++) {
        quantities[i] = held[i].quantity;
        for (int k = 0; k <= n; k++)
            if (job->legs[k].instrument == ids[i])
                quantities[i] += job->legs[k].side == PERP_SIDE_BUY ? job->legs[k].quantity
                                                                    : -job->legs[k].quantity;
        if (job->legs[n].instrument == ids[i])
            at = i;
    }
    const struct held *h = &held[at];
    double price = leg.liquidation_price, distance = leg.liquidation_distance;
    ck_assert_double_eq_tol(leg.position, quantities[at], 1e-9);
    if (h->spot) {
        ck_assert_double_eq(distance, 1);
        return;
    }
    if (h->cross && h->inverse) { /* only what the exchange says would count */
        ck_assert_double_eq(distance, 0);
        ck_assert_double_nan(price);
        return;
    }
    if (!h->cross) {
        double leverage = fmax(job->legs[n].leverage, held[at].quantity != 0 ? h->leverage : 0);
        double worth = fabs(leg.position) * leg.entry_price;
        if (isnan(price)) { /* by the tiers at the mark it may go to nothing, or nearly so */
            ck_assert_double_eq(distance, 1);
            ck_assert_double_gt(
                left_alone(h, leg.position, leg.entry_price, leverage, 0.2 * h->mark), 0);
            return;
        }
        ck_assert_double_gt(price, 0);
        ck_assert_double_le(fabs(left_alone(h, leg.position, leg.entry_price, leverage, price)),
                            1e-7 * worth);
        int past = leg.position > 0 ? h->mark <= price : h->mark >= price;
        ck_assert_double_eq_tol(distance, past ? 0 : fmin(1, fabs(h->mark - price) / h->mark),
                                1e-9);
        for (int k = 0; k < 20 && !past; k++) { /* nothing happens on the way there */
            double there = h->mark + (price - h->mark) * k / 20;
            ck_assert_double_gt(left_alone(h, leg.position, leg.entry_price, leverage, there), 0);
        }
        (*found)++;
        return;
    }
    double here = left(quantities, at, 1);
    if (here <= 0) {
        ck_assert_double_eq(distance, 0);
        ck_assert_double_eq(price, h->mark);
        return;
    }
    if (isnan(price)) { /* by the tiers at the marks the base may go to nothing, or nearly so */
        ck_assert_double_eq(distance, 1);
        ck_assert_double_gt(left(quantities, at, 0.2), 0);
        return;
    }
    double r = price / h->mark;
    ck_assert_msg(fabs(left(quantities, at, r)) <= 1e-6 * (equity + 1),
                  "seed %llu: %g is left of %g at %g times the mark", (unsigned long long)seed,
                  left(quantities, at, r), equity, r);
    for (int k = 1; k < 20; k++) /* nothing happens on the way there */
        ck_assert_double_gt(left(quantities, at, 1 + (r - 1) * k / 20), 0);
    ck_assert_double_eq_tol(distance, fmin(1, fabs(1 - r)), 1e-9);
    (*found)++;
}

START_TEST(at_the_price_that_is_found_equity_meets_maintenance) {
    int found = 0;
    const char *given = getenv("PERP_TEST_SEED");
    if (given)
        seed = strtoull(given, NULL, 10);
    for (int book = 0; book < 120; book++) {
        open_exchange(one_of(2) ? draw(0, 50) : 0, PERP_MARGIN_ISOLATED);
        for (int i = 0; i < N; i++) {
            held[i].base = i > 2;
            held[i].spot = i == 2;
            held[i].inverse = i == 1 && one_of(2);
            random_tiers(&held[i]);
            if (held[i].inverse) /* no amounts: maintenance would leap from tier to tier */
                held[i].n_tiers = held[i].n_tiers > 0;
            add(i);
        }
        for (int account = 0; account < 100; account++) {
            random_account(account % 2);
            int a = one_of(N), b = one_of(N);
            perp_job job = job_of(a, draw(-9000, 9000) / held[a].mark, draw(1, 15));
            job.n_legs = 2;
            job.legs[1] = job_of(b, draw(-9000, 9000) / held[b].mark, draw(1, 15)).legs[0];
            check_leg(&job, 0, &found);
            check_leg(&job, 1, &found);
        }
        shut();
    }
    ck_assert_int_gt(found, 10000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("liquidation");
    TCase *tcase = tcase_create("worked");
    tcase_add_test(tcase, an_isolated_position_is_solved_with_the_fee_in_its_rate);
    tcase_add_test(tcase, the_tier_is_the_one_at_the_price_of_the_liquidation);
    tcase_add_test(tcase, where_tiers_never_agree_the_nearer_price_counts);
    tcase_add_test(tcase, an_inverse_contract_is_the_reciprocal_form);
    tcase_add_test(tcase, an_inverse_contract_in_cross_margin_needs_a_reported_price);
    tcase_add_test(tcase, the_smaller_of_the_estimate_and_what_the_exchange_says_counts);
    tcase_add_test(tcase, cross_margin_is_the_account_at_the_marks);
    tcase_add_test(tcase, collateral_in_the_base_moves_with_it);
    tcase_add_test(tcase, spot_and_what_is_closed_are_not_liquidated);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("random");
    tcase_add_test(tcase, at_the_price_that_is_found_equity_meets_maintenance);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
