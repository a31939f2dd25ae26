/* What lots are short of since reports did not know of fills: it goes back into them once a report
   finds it there. The numbers are worked out by hand from docs/positions.md. */
#include "fixture.h"

#include <math.h>

static struct world *w;

static void no_repair(perp_config *config) {
    config->scheduler.auto_repair = 0;
}

static void open_world(void) {
    w = world_changed(no_repair);
}

static void close_world(void) {
    world_close(w);
}

static void ends(uint32_t n, double bought, double sold) {
    perp_uuid id = id_of(n);
    if (bought > 0 || sold > 0)
        finish_pair(w, &id, bought, sold, 50000);
    else
        finish_all(w, &id, PERP_RESULT_NOTHING);
    checked(w);
}

static void amended(uint32_t n, double bought, double sold) {
    perp_job_result result = pair_result(bought, sold, 50000);
    perp_uuid id = id_of(n);
    ok(w, perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, 2));
    checked(w);
}

/* 0.25 long on alpha, 0.25 short on beta. */
static void hedge(uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    ends(n, 0.25, 0.25);
}

static void reported(perp_instrument_id instrument, double quantity) {
    pass(w, MINUTE);
    position_at(w, instrument, w->now, quantity, 0);
    checked(w);
}

/* Lots of alpha are what their jobs (0: there is none) have, and occupy so much. */
static void lots_are(uint32_t first, uint32_t second, double quantity, double foreign) {
    perp_lot_state lots[8];
    const uint32_t jobs[] = {first, second};
    uint32_t count, wanted = first && second ? 2 : first ? 1 : 0;
    ok(w, perp_positions_lots(w->positions, w->btc[ALPHA], lots, 8, &count));
    ck_assert_uint_eq(count, wanted);
    for (uint32_t i = 0; i < count; i++) {
        perp_uuid id = id_of(jobs[i]);
        ck_assert(same_id(&lots[i].job_id, &id));
        ck_assert_double_eq_tol(lots[i].quantity, quantity, 1e-9);
        ck_assert_int_eq(lots[i].used, USD(12500));
    }
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, count * USD(12500));
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).foreign, foreign, 1e-9);
}

START_TEST(a_lot_that_reports_took_is_back_with_the_one_that_has_it) {
    hedge(1);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    lots_are(0, 0, 0, 0);
    ck_assert_uint_eq(info_of(w, 1).state, PERP_JOB_OPEN); /* beta */
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    reported(w->btc[ALPHA], 0.25);
    lots_are(1, 0, 0.25, 0);
    ck_assert(base_of(w, "BTC").naked == 0);
    perp_job out;
    perp_uuid id = id_of(1);
    perp_job_init(&out);
    ok(w, perp_job_fill_exit(w->core, w->now, &id, 1, &out));
    ck_assert_uint_eq(out.n_legs, 2);
}
END_TEST

START_TEST(a_job_that_had_closed_is_open_again) {
    hedge(1);
    for (int i = 0; i < 2; i++) {
        reported(w->btc[ALPHA], 0);
        reported(w->btc[BETA], 0);
    }
    ck_assert_uint_eq(info_of(w, 1).state, PERP_JOB_CLOSED);
    reported(w->btc[ALPHA], 0.25);
    reported(w->btc[BETA], -0.25);
    ck_assert_uint_eq(info_of(w, 1).state, PERP_JOB_OPEN);
    reported(w->btc[ALPHA], 0.25); /* it was naked on one side before */
    lots_are(1, 0, 0.25, 0);
}
END_TEST

/* The exit of one hedge is told after reports have shown it, and closes the lot of another. */
START_TEST(what_was_closed_twice_is_there_once) {
    hedge(1);
    hedge(2);
    perp_job out = pair_job(3, w->btc[BETA], w->btc[ALPHA]);
    run_job(w, &out);
    ends(3, 0.25, 0);
    reported(w->btc[ALPHA], 0.25);
    reported(w->btc[ALPHA], 0.25);
    lots_are(2, 0, 0.25, 0);
    amended(3, 0.25, 0.25);
    lots_are(0, 0, 0, 0.25);
    reported(w->btc[ALPHA], 0.25);
    lots_are(1, 0, 0.25, 0);
    ck_assert(base_of(w, "BTC").naked == 0);
}
END_TEST

/* A fill closed what a report had of another that nobody had told, and opened no lot for it. */
START_TEST(a_fill_that_closed_one_which_was_told_later_has_its_lot) {
    perp_job buys = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job sells = pair_job(2, w->btc[GAMMA], w->btc[ALPHA]), too = sells;
    too.job_id = id_of(3);
    run_job(w, &buys);
    ends(1, 0, 0);
    run_job(w, &sells);
    run_job(w, &too);
    reported(w->btc[ALPHA], 0.25);
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).latched, 1);
    ends(2, 0.25, 0.25);
    lots_are(0, 0, 0, 0);
    ends(3, 0.25, 0.25);
    lots_are(3, 0, -0.25, 0);
    amended(1, 0.25, 0.25); /* which closes what there is */
    lots_are(0, 0, 0, -0.25);
    reported(w->btc[ALPHA], -0.25);
    lots_are(2, 0, -0.25, 0);
    ck_assert(base_of(w, "BTC").naked == 0);
}
END_TEST

START_TEST(nothing_goes_back_while_something_runs_in_the_base) {
    hedge(1);
    perp_job other = pair_job(2, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &other);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0.25);
    lots_are(0, 0, 0, 0.25);
    ends(2, 0, 0);
    reported(w->btc[ALPHA], 0.25);
    lots_are(1, 0, 0.25, 0);
}
END_TEST

/* What is naked is held against lots: it does not end because there are more of them. */
START_TEST(nothing_goes_back_while_the_base_is_naked) {
    hedge(1);
    perp_job apart = pair_job(2, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &apart);
    ends(2, 0.25, 0.2);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0.25);
    lots_are(0, 0, 0, 0.25);
    amended(2, 0.25, 0.25);
    reported(w->btc[ALPHA], 0.25);
    lots_are(1, 0, 0.25, 0);
}
END_TEST

static void ends_of_it(int how) {
    perp_recorded_fill fill;
    perp_uuid id = id_of(1);
    switch (how) {
    case 0:
        ok(w, perp_accept_position(w->core, signedc(w), w->btc[ALPHA]));
        break;
    case 1:
        ok(w, perp_resolve(w->core, signedc(w), "BTC"));
        break;
    case 2: /* what is left of it was closed outside, too */
        ok(w, perp_scheduler_close(w->scheduler, nowc(w), &id, 0, 0, 0));
        break;
    default: /* it was a liquidation */
        perp_recorded_fill_init(&fill);
        fill.instrument = w->btc[ALPHA];
        fill.side = PERP_SIDE_SELL;
        fill.quantity = 0.25;
        fill.price = 50000;
        fill.time_ns = w->now - 90 * SECOND;
        fill.key = id_of(50);
        ok(w, perp_record_fill(w->core, nowc(w), &fill));
    }
    checked(w);
}

/* What somebody buys afterwards is somebody's. */
START_TEST(what_is_known_to_be_gone_does_not_come_back) {
    hedge(1);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    ends_of_it(_i);
    reported(w->btc[ALPHA], 0.25);
    reported(w->btc[ALPHA], 0.25);
    if (_i != 2) {
        ok(w, perp_resolve(w->core, signedc(w), "BTC"));
        reported(w->btc[ALPHA], 0.25);
    }
    lots_are(0, 0, 0, 0.25);
}
END_TEST

static void keep(void *user) {
    (void)user;
}

START_TEST(it_is_there_after_a_restart) {
    perp_config config;
    perp_store store;
    world_close(w);
    world_config(&config);
    no_repair(&config);
    ck_assert_int_eq(perp_store_memory_open(&store), PERP_OK);
    config.store = store;
    config.store.close = keep;
    w = world_open(&config);
    hedge(1);
    reported(w->btc[ALPHA], 0);
    reported(w->btc[ALPHA], 0);
    uint64_t hash = perp_core_hash(w->core);
    if (_i == 1)
        ok(w, perp_core_checkpoint(w->core));
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    config.store = store;
    world_reopen(w, &config);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    quotes(w);
    reported(w->btc[ALPHA], 0.25);
    lots_are(1, 0, 0.25, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("owed");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_lot_that_reports_took_is_back_with_the_one_that_has_it);
    tcase_add_test(tcase, a_job_that_had_closed_is_open_again);
    tcase_add_test(tcase, what_was_closed_twice_is_there_once);
    tcase_add_test(tcase, a_fill_that_closed_one_which_was_told_later_has_its_lot);
    tcase_add_test(tcase, nothing_goes_back_while_something_runs_in_the_base);
    tcase_add_test(tcase, nothing_goes_back_while_the_base_is_naked);
    tcase_add_loop_test(tcase, what_is_known_to_be_gone_does_not_come_back, 0, 4);
    tcase_add_loop_test(tcase, it_is_there_after_a_restart, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
