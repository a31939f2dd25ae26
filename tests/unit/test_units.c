/* What a unit costs makes no difference: a coin of an eighth of a dollar is decided, booked, exited
   and flattened as one that costs 8192 times as much, of which there are so many less. A power of
   two, so that not even the last digits differ. */
#include "fixture.h"

#include <math.h>

#define CHEAP 0.125
#define TIMES 8192.0
#define MOST 4096

static double seen[2][MOST];
static int n_seen;
static int life;

static void note(double value) {
    ck_assert_int_lt(n_seen, MOST);
    seen[life][n_seen++] = value;
}

static struct world *w;
static double unit;
static perp_instrument_id coin[3];

static void coins_cost(double factor) {
    for (int i = 0; i < 3; i++)
        quote_at(w, coin[i], w->now, unit * factor, unit * factor * 1.0001220703125,
                 1e6 * CHEAP / unit);
}

static void note_evaluation(const perp_job *job) {
    perp_evaluation e = evaluated(w, job);
    note(e.accepted);
    note(e.safety_score);
    note(e.cost_bps);
    note(e.carry_bps);
    for (int i = 0; i < PERP_MAX_COMPONENTS; i++)
        note(e.components[i]);
    for (int i = 0; i < PERP_MAX_REASONS; i++)
        note(e.rules[i].result);
    note(e.legs[0].liquidation_distance);
}

static void note_book(void) {
    for (uint32_t x = 0; x < 3; x++) {
        perp_capital_state state = capital_of(w, x);
        note((double)state.total_in_flight);
        note((double)state.total_used);
        note((double)state.today.pnl);
        note((double)state.today.volume);
        perp_position_state position = position_of(w, coin[x]);
        note(position.quantity * unit);
        note(position.foreign * unit);
        note(position.entry_price / unit);
        note(position.latched);
        note((double)exchange_of(w, x).running_notional);
    }
    perp_base_state base = base_of(w, "DOGE");
    note(base.naked * unit);
    note(base.is_naked);
    note(base.gross * unit);
}

static void report(int x, double quantity) {
    position_at(w, coin[x], w->now, quantity * CHEAP / unit, unit);
    note_book();
}

/* quantity: of the cheap coin. */
static perp_job job_over(uint32_t n, int buys, int sells, double quantity) {
    perp_job job = pair_job(n, coin[buys], coin[sells]);
    job.legs[0].quantity = job.legs[1].quantity = quantity * CHEAP / unit;
    job.notional = USD(quantity * CHEAP);
    return job;
}

static void live(double price) {
    perp_config config;
    world_config(&config);
    config.risk.max_gross_exposure_usd = USD(1000000);
    config.risk.max_net_exposure_usd = USD(1000000);
    w = world_open(&config);
    unit = price;
    n_seen = 0;
    for (uint32_t x = 0; x < 3; x++)
        coin[x] = world_instrument(w, x, "DOGE/USDT:USDT", "", 0);
    for (uint32_t x = 0; x < 3; x++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        ok(w, perp_instrument_get(w->core, coin[x], &spec));
        spec.max_position_usd = USD(50000);
        ok(w, perp_instrument_update(w->core, signedc(w), &spec));
        perp_mark mark = {.instrument = coin[x], .time_ns = w->now, .price = unit};
        if (x != BETA)
            ok(w, perp_market_on_mark(w->market, &mark));
    }
    coins_cost(1);
    perp_job hedge = job_over(1, ALPHA, BETA, 80000);
    note_evaluation(&hedge);
    run_job(w, &hedge);
    note_book();
    perp_job_result result = pair_result(hedge.legs[0].quantity, hedge.legs[1].quantity, unit);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &hedge.job_id, &result, NULL));
    note_book();
    perp_job apart = job_over(2, GAMMA, BETA, 40000);
    run_job(w, &apart);
    result = pair_result(apart.legs[0].quantity, apart.legs[1].quantity / 2, unit);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &apart.job_id, &result, NULL));
    note_book();
    perp_job more = job_over(3, GAMMA, BETA, 40000);
    note_evaluation(&more);
    pass(w, SECOND);
    coins_cost(1.03125);
    note(tick(w)->dispatched); /* of what is apart */
    note_book();
    report(ALPHA, 60000); /* some of the hedge is gone */
    pass(w, MINUTE);
    report(ALPHA, 60000);
    report(GAMMA, 40000);
    perp_job exit;
    perp_job_init(&exit);
    ok(w, perp_job_fill_exit(w->core, w->now, &hedge.job_id, 0.5, &exit));
    note((double)exit.notional);
    note(exit.legs[0].quantity * unit);
    /* Nobody quotes it any more: what it was last is what it is worth. */
    pass(w, HOUR);
    perp_flatten_result flat;
    perp_uuid key = id_of(90);
    perp_flatten_result_init(&flat);
    ok(w, perp_scheduler_flatten(w->scheduler, signedc(w), ALL_X, "DOGE", &key, &flat));
    note(flat.count);
    note_book();
    ck_assert_int_eq(perp_core_check(w->core), PERP_OK);
    world_close(w);
}

START_TEST(what_a_unit_costs_makes_no_difference) {
    life = 0;
    live(CHEAP);
    int n = n_seen;
    life = 1;
    live(CHEAP * TIMES);
    ck_assert_int_eq(n_seen, n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(seen[0][i] == seen[1][i] || (isnan(seen[0][i]) && isnan(seen[1][i])),
                      "value %d: %.17g where it is cheap, %.17g where it is dear", i, seen[0][i],
                      seen[1][i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("units");
    TCase *all = tcase_create("coins");
    suite_add_tcase(suite, all);
    tcase_add_test(all, what_a_unit_costs_makes_no_difference);
    return run_suite(suite);
}
