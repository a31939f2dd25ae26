/* Later calls than those of test_bad_calls, each without one of its arguments: the documented
   error, a message, and a book that is byte for byte as it was. */
#include "bad_calls.h"

static struct world *w;

static void set_up(void) {
    w = world_open(NULL);
    const perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
}

static void tear_down(void) {
    world_close(w);
}

START_TEST(the_way_out_needs_its_arguments) {
    const perp_uuid key = id_of(9);
    perp_flatten_result result;
    perp_flatten_item item;
    perp_flatten_result_init(&result);
    none(perp_scheduler_flatten(NULL, nowc(w), PERP_ALL_EXCHANGES, NULL, &key, &result));
    bad(perp_scheduler_flatten(w->scheduler, signedc(w), PERP_ALL_EXCHANGES, NULL, NULL, &result));
    result.struct_size = 1;
    bad(perp_scheduler_flatten(w->scheduler, signedc(w), PERP_ALL_EXCHANGES, NULL, &key, &result));
    /* Who wants no list gets none. */
    ok(w, perp_scheduler_flatten(w->scheduler, signedc(w), PERP_ALL_EXCHANGES, NULL, &key, NULL));
    perp_flatten_result_init(&result);
    result.capacity = 0;
    result.items = &item;
    ok(w, perp_scheduler_flatten(w->scheduler, signedc(w), BETA, "ETH", &key, &result));
    ck_assert_uint_eq(result.count, 0);
    fails(w, PERP_E_NOT_FOUND,
          perp_scheduler_flatten(w->scheduler, signedc(w), 40, NULL, &key, &result));
}
END_TEST

START_TEST(what_is_told_of_jobs_needs_its_arguments) {
    const perp_uuid id = id_of(1);
    perp_leg_result legs[2] = {{.time_ns = PERP_TIME_NONE}, {.time_ns = PERP_TIME_NONE}};
    none(perp_scheduler_progress(NULL, nowc(w), &id, legs, 2));
    bad(perp_scheduler_progress(w->scheduler, nowc(w), NULL, legs, 2));
    bad(perp_scheduler_progress(w->scheduler, nowc(w), &id, NULL, 2));
    none(perp_scheduler_amend(NULL, nowc(w), &id, legs, 2));
    bad(perp_scheduler_amend(w->scheduler, nowc(w), NULL, legs, 2));
    bad(perp_scheduler_amend(w->scheduler, nowc(w), &id, NULL, 2));
    none(perp_scheduler_evaluate(NULL, w->now, &id, NULL));
    bad(perp_scheduler_evaluate(w->scheduler, w->now, &id, NULL));
    ck_assert_uint_eq(state_of(w, &id), PERP_JOB_RUNNING);
}
END_TEST

START_TEST(money_and_trades_by_hand_need_their_arguments) {
    const perp_uuid key = id_of(5);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    none(perp_record_fill(NULL, nowc(w), &fill));
    bad(perp_record_fill(w->core, nowc(w), NULL));
    fill.struct_size = 2;
    bad(perp_record_fill(w->core, nowc(w), &fill));
    none(perp_record_cash(NULL, nowc(w), ALPHA, PERP_CASH_FUNDING, 1, &key, PERP_NO_ID));
    bad(perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, 1, NULL, PERP_NO_ID));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, 0);
}
END_TEST

START_TEST(a_base_needs_a_name_that_ends) {
    char name[PERP_NAME_SIZE + 8];
    memset(name, 'B', sizeof name);
    name[sizeof name - 1] = 0;
    bad(perp_resolve(w->core, signedc(w), name));
    bad(perp_resolve(w->core, signedc(w), NULL));
    bad(perp_resume_repair(w->core, signedc(w), name));
    none(perp_resolve(NULL, signedc(w), "BTC"));
    fails(w, PERP_E_NOT_FOUND, perp_resolve(w->core, signedc(w), "NONE"));
}
END_TEST

START_TEST(what_is_asked_needs_a_place_for_the_answer) {
    uint32_t count;
    uint64_t seq;
    size_t length;
    char text[8];
    perp_latch latch;
    perp_job job;
    perp_job_init(&job);
    none(perp_risk_latches(NULL, NULL, 0, &count));
    bad(perp_risk_latches(w->risk, NULL, 0, NULL));
    bad(perp_risk_latches(w->risk, NULL, 1, &count));
    ok(w, perp_risk_latches(w->risk, &latch, 1, &count));
    ck_assert_uint_eq(count, 0);
    none(perp_risk_describe_json(NULL, text, sizeof text, &length));
    bad(perp_risk_describe_json(w->risk, text, sizeof text, NULL));
    bad(perp_risk_describe_json(w->risk, NULL, 9, &length));
    none(perp_core_durable(NULL, &seq));
    bad(perp_core_durable(w->core, NULL));
    none(perp_job_from_json(NULL, "{}", 2, &job, NULL));
    bad(perp_job_from_json(w->core, NULL, 2, &job, NULL));
    bad(perp_job_from_json(w->core, "{}", 2, NULL, NULL));
    bad(perp_evaluation_json(w->core, NULL, text, sizeof text, &length));
}
END_TEST

START_TEST(feeds_need_something_to_tell) {
    const perp_withdrawal withdrawal = {w->btc[ALPHA], 0, START};
    const perp_latency latency = {ALPHA, 0, START, 5};
    const perp_mark mark = {w->btc[ALPHA], 0, START, BTC_MID};
    const perp_rate rate = {"USDT", START, 1};
    none(perp_market_on_withdraw(NULL, &withdrawal));
    bad(perp_market_on_withdraw(w->market, NULL));
    none(perp_market_on_latency(NULL, &latency));
    bad(perp_market_on_latency(w->market, NULL));
    none(perp_market_on_mark(NULL, &mark));
    bad(perp_market_on_mark(w->market, NULL));
    none(perp_market_on_rate(NULL, &rate));
    bad(perp_market_on_rate(w->market, NULL));
}
END_TEST

/* What a later release may bring has no name here, and is no crash. */
START_TEST(a_number_that_is_none_has_no_name) {
    ck_assert_str_eq(perp_gate_string(PERP_MAX_GATES), "?");
    ck_assert_str_eq(perp_gate_unit(PERP_MAX_GATES + 7), "?");
    ck_assert_str_eq(perp_order_state_string(PERP_ORDER_STATE_COUNT), "?");
    ck_assert_str_eq(perp_reason_string(UINT32_MAX), "?");
    ck_assert_str_eq(perp_alert_string(UINT32_MAX), "?");
    ck_assert_str_eq(perp_status_string(-77), "?");
    ck_assert_str_eq(perp_mode_string(PERP_MODE_COUNT), "?");
    ck_assert_str_eq(perp_strategy_string(99), "?");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calls without arguments");
    TCase *tests = tcase_create("calls without arguments");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_way_out_needs_its_arguments);
    tcase_add_test(tests, what_is_told_of_jobs_needs_its_arguments);
    tcase_add_test(tests, money_and_trades_by_hand_need_their_arguments);
    tcase_add_test(tests, a_base_needs_a_name_that_ends);
    tcase_add_test(tests, what_is_asked_needs_a_place_for_the_answer);
    tcase_add_test(tests, feeds_need_something_to_tell);
    tcase_add_test(tests, a_number_that_is_none_has_no_name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
