/* Running jobs whose legs fill unequally: since when, what it refuses, whom it is told. And
   strategies whose jobs fail in a row. */
#include "reopen.h"

static struct world *w;

/* What the host was told. */
static struct {
    int count;
    perp_uuid job;
    char base[PERP_NAME_SIZE];
    double quantity;
    int raised, cleared;
} told;

static void on_unhedged(void *user, const perp_uuid *job, const char *base, double quantity) {
    (void)user;
    told.count++;
    told.job = *job;
    told.quantity = quantity;
    snprintf(told.base, sizeof told.base, "%s", base);
}

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    if (alert->code == PERP_ALERT_UNHEDGED) {
        told.raised += alert->active != 0;
        told.cleared += alert->active == 0;
    }
}

static void configure(perp_config *config) {
    world_config(config);
    config->callbacks.on_unhedged = on_unhedged;
    config->callbacks.on_alert = on_alert;
    memset(&told, 0, sizeof told);
}

static void open_world(void) {
    perp_config config;
    configure(&config);
    w = world_open(&config);
}

static void close_world(void) {
    world_close(w);
}

/* So much of job n was bought and sold so far. */
static void filled(uint32_t n, double bought, double sold) {
    const perp_uuid id = id_of(n);
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    fill_leg(&result, 0, bought, bought > 0 ? BTC_MID : 0);
    fill_leg(&result, 1, sold, sold > 0 ? BTC_MID : 0);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &id, result.legs, 2));
    checked(w);
}

static void run_pair(uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
}

/* Whether a job of another pair of exchanges, in the same base, is refused for it. */
static int refused(void) {
    perp_job job = pair_job(90, w->btc[GAMMA], w->btc[DELTA]);
    return (evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_UNRESOLVED_LEG)) != 0;
}

START_TEST(it_is_since_the_fill_that_made_it_and_ends_with_the_other_sides) {
    run_pair(1);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, PERP_TIME_NONE);
    pass(w, SECOND);
    filled(1, 0.0024, 0); /* 120 USD: 1 % of its notional is 125 */
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, PERP_TIME_NONE);
    pass(w, SECOND);
    int64_t since = w->now;
    filled(1, 0.1, 0);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, since);
    pass(w, SECOND);
    filled(1, 0.2, 0.05);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, since);
    filled(1, 0.2, 0.2);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, PERP_TIME_NONE);
}
END_TEST

/* How many alerts of a kind stand, and of whom the last is. */
static int standing(uint32_t code, char subject[PERP_NAME_SIZE]) {
    perp_alert alerts[16];
    uint32_t count = 0;
    int n = 0;
    for (int i = 0; i < 16; i++)
        alerts[i] = (perp_alert){.struct_size = sizeof alerts[i]};
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 16, &count));
    for (uint32_t i = 0; i < count && i < 16; i++)
        if (alerts[i].code == code) {
            n++;
            snprintf(subject, PERP_NAME_SIZE, "%s", alerts[i].subject);
        }
    return n;
}

START_TEST(too_long_it_refuses_its_base_and_is_told_once) {
    run_pair(1);
    filled(1, 0.1, 0);
    pass(w, 5 * SECOND);
    tick(w);
    ck_assert(!refused()); /* not longer than 5 s */
    ck_assert_int_eq(told.count, 0);
    pass(w, 1);
    ck_assert(refused());
    tick(w);
    pass(w, SECOND);
    tick(w);
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(told.raised, 1);
    perp_uuid id = id_of(1);
    ck_assert(same_id(&told.job, &id));
    ck_assert_str_eq(told.base, "BTC");
    char subject[PERP_NAME_SIZE], text[37];
    perp_uuid_format(&id, text);
    ck_assert_int_eq(standing(PERP_ALERT_UNHEDGED, subject), 1);
    ck_assert_str_eq(subject, text);
    ck_assert_double_eq(told.quantity, 0.1);
    perp_job other = pair_job(91, w->eth[GAMMA], w->eth[DELTA]);
    other.legs[0].quantity = other.legs[1].quantity = 5;
    ck_assert_uint_eq(evaluated(w, &other).reasons, 0);
    filled(1, 0.1, 0.1);
    ck_assert(!refused());
    ck_assert_int_eq(told.cleared, 1);
    ck_assert_int_eq(standing(PERP_ALERT_UNHEDGED, subject), 0);
}
END_TEST

/* What makes a position smaller, and flatten, get out all the same. */
START_TEST(who_leaves_passes) {
    position_at(w, w->btc[GAMMA], w->now, 1, BTC_MID);
    run_pair(1);
    filled(1, 0.1, 0);
    pass(w, 6 * SECOND);
    ck_assert(refused());
    perp_job exit = one_leg_job(2, w->btc[GAMMA], PERP_SIDE_SELL);
    perp_evaluation e = evaluated(w, &exit);
    ck_assert(e.reasons & PERP_REASON_BIT(PERP_REASON_UNRESOLVED_LEG));
    ck_assert(e.reducing);
    ck_assert(e.accepted);
    run_job(w, &exit);
}
END_TEST

START_TEST(a_tick_finds_what_a_price_made_of_it) {
    run_pair(1);
    filled(1, 0.0024, 0);
    w->now += SECOND;
    for (int x = 0; x < N_X; x++)
        quote_at(w, w->btc[x], w->now, BTC_BID * 1.1, BTC_ASK * 1.1, 1000);
    tick(w);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, w->now);
    pass(w, SECOND); /* as it was */
    tick(w);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, PERP_TIME_NONE);
}
END_TEST

START_TEST(its_end_ends_it) {
    run_pair(1);
    filled(1, 0.1, 0);
    pass(w, 6 * SECOND);
    tick(w);
    perp_uuid id = id_of(1);
    finish_pair(w, &id, 0.25, 0.25, BTC_MID);
    ck_assert_int_eq(told.cleared, 1);
    ck_assert(!refused());
}
END_TEST

START_TEST(max_unhedged_ms_of_0_is_off) {
    perp_config config;
    configure(&config);
    config.orders.max_unhedged_ms = 0;
    w = world_open(&config);
    run_pair(1);
    filled(1, 0.1, 0);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, w->now);
    pass(w, HOUR);
    tick(w);
    ck_assert(!refused());
    ck_assert_int_eq(told.count, 0);
    world_close(w);
}
END_TEST

/* ---- Strategies -------------------------------------------------------------------------------
 */

static perp_config strict(void) {
    perp_config config;
    configure(&config);
    config.risk.strategy_failures = 2;
    return config;
}

static void fails_once(uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_all(w, &job.job_id, PERP_RESULT_FAILED);
}

static int strategy_halted(void) {
    perp_job job = pair_job(90, w->btc[GAMMA], w->btc[DELTA]);
    return (evaluated(w, &job).reasons & PERP_REASON_BIT(PERP_REASON_STRATEGY_HALT)) != 0;
}

START_TEST(a_strategy_that_failed_is_halted_until_somebody_resets_it) {
    perp_config config = strict();
    w = world_open(&config);
    fails_once(1);
    ck_assert(!strategy_halted());
    fails_once(2);
    ck_assert(strategy_halted());
    char subject[PERP_NAME_SIZE];
    ck_assert_int_eq(standing(PERP_ALERT_STRATEGY_HALT, subject), 1);
    ck_assert_str_eq(subject, "wash");
    fails(w, PERP_E_INVALID, perp_risk_reset_strategy(w->risk, nowc(w), PERP_STRATEGY_WASH));
    fails(w, PERP_E_INVALID, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_COUNT));
    ok(w, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_ARB));
    ck_assert(strategy_halted());
    ok(w, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_WASH));
    ck_assert(!strategy_halted());
    fails_once(3); /* the count began anew */
    ck_assert(!strategy_halted());
    world_close(w);
}
END_TEST

#if PERP_WITH_SQLITE
START_TEST(both_come_back) {
    struct life life;
    perp_config config = strict();
    w = life_begin(&life, &config);
    fails_once(1);
    fails_once(2);
    ok(w, perp_risk_reset_strategy(w->risk, signedc(w), PERP_STRATEGY_WASH));
    run_pair(3);
    filled(3, 0.1, 0);
    int64_t since = w->now;
    pass(w, 6 * SECOND);
    tick(w);
    life_again(&life, w);
    quotes(w);
    ck_assert_int_eq(info_of(w, 3).unhedged_since_ns, since);
    ck_assert(refused());
    ck_assert(!strategy_halted());
    tick(w);
    ck_assert_int_eq(told.count, 1); /* not again */
    perp_uuid id = id_of(3);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    filled(3, 0.1, 0.1);
    ck_assert(!refused());
    life_end(&life, w);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("unhedged");
    TCase *unhedged = tcase_create("unhedged");
    tcase_add_checked_fixture(unhedged, open_world, close_world);
    tcase_add_test(unhedged, it_is_since_the_fill_that_made_it_and_ends_with_the_other_sides);
    tcase_add_test(unhedged, too_long_it_refuses_its_base_and_is_told_once);
    tcase_add_test(unhedged, who_leaves_passes);
    tcase_add_test(unhedged, a_tick_finds_what_a_price_made_of_it);
    tcase_add_test(unhedged, its_end_ends_it);
    suite_add_tcase(suite, unhedged);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, max_unhedged_ms_of_0_is_off);
    tcase_add_test(own, a_strategy_that_failed_is_halted_until_somebody_resets_it);
#if PERP_WITH_SQLITE
    tcase_add_test(own, both_come_back);
#endif
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
