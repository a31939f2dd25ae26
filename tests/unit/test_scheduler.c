/* The life of a job: submit, dispatch, results, holding, memory of the past. */
#include "fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

static perp_status try_submit(const perp_job *job) {
    return perp_scheduler_submit(w->scheduler, nowc(w), job);
}

static void open_with(void (*change)(perp_config *)) {
    perp_config config;
    world_config(&config);
    change(&config);
    w = world_open(&config);
}

START_TEST(submitting_again_is_safe_also_after_the_end) {
    perp_job job = job_of(1), other = job;
    other.priority = 1;
    submit(w, &job);
    pass(w, SECOND);
    fails(w, PERP_E_EXISTS, try_submit(&job));
    fails(w, PERP_E_CONFLICT, try_submit(&other));
    tick(w);
    fails(w, PERP_E_EXISTS, try_submit(&job));
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    fails(w, PERP_E_EXISTS, try_submit(&job));
    fails(w, PERP_E_CONFLICT, try_submit(&other));
    ck_assert_uint_eq(scheduler_of(w).submitted_total, 1);
}
END_TEST

START_TEST(metadata_is_part_of_the_content_and_comes_back_with_the_execution) {
    perp_job job = job_of(1), other;
    char text[] = "abc";
    job.metadata = text;
    job.metadata_size = 3;
    other = job;
    submit(w, &job);
    fails(w, PERP_E_EXISTS, try_submit(&job));
    other.metadata = "abd";
    fails(w, PERP_E_CONFLICT, try_submit(&other));
    other.metadata_size = 2;
    fails(w, PERP_E_CONFLICT, try_submit(&other));
    text[0] = 'X';
    tick(w);
    ck_assert_uint_eq(w->seen.last.metadata_size, 3);
    ck_assert_uint_eq(info_of(w, 1).job.metadata_size, 3);
}
END_TEST

static void short_memory(perp_config *config) {
    config->scheduler.history_size = 2;
}

START_TEST(only_the_last_ended_jobs_are_remembered) {
    open_with(short_memory);
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = job_of(n);
        submit(w, &job);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    }
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    perp_uuid first = id_of(1);
    expect(w, PERP_E_NOT_FOUND, perp_scheduler_job(w->scheduler, &first, &info));
    perp_job again = job_of(2);
    fails(w, PERP_E_EXISTS, try_submit(&again));
    again = job_of(1);
    again.priority = 3;
    submit(w, &again);
    world_close(w);
}
END_TEST

START_TEST(an_unresolved_job_is_not_forgotten) {
    open_with(short_memory);
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    for (uint32_t n = 2; n <= 6; n++) {
        perp_job other = job_of(n);
        submit(w, &other);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &other.job_id));
    }
    ck_assert_uint_eq(info_of(w, 1).unresolved, 1);
    ok(w, perp_scheduler_resolve(w->scheduler, nowc(w), &job.job_id));
    world_close(w);
}
END_TEST

START_TEST(a_job_in_doubt_counts_as_running_and_keeps_its_capital) {
    perp_job job = job_of(1);
    run_job(w, &job);
    perp_finish_outcome outcome = finish_all(w, &job.job_id, PERP_RESULT_UNKNOWN);
    ck_assert_uint_eq(outcome.state, PERP_JOB_IN_DOUBT);
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    ck_assert_int_eq(info_of(w, 1).held, USD(25000));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->running, 1);
    ck_assert_uint_eq(result->dispatched, 0);
    ck_assert_uint_eq(scheduler_of(w).running, 1);
    ck_assert_uint_eq(scheduler_of(w).in_doubt, 1);
    ck_assert_uint_eq(exchange_of(w, ALPHA).concurrent_jobs, 1);
    outcome = finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(outcome.state, PERP_JOB_COMPLETED);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
}
END_TEST

START_TEST(a_second_report_of_the_same_fill_changes_nothing) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.pnl = 9;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    fails(w, PERP_E_NOT_FOUND,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    perp_uuid unknown = id_of(99);
    fails(w, PERP_E_NOT_FOUND,
          perp_scheduler_finish(w->scheduler, nowc(w), &unknown, &result, NULL));
    perp_job pending = job_of(2);
    submit(w, &pending);
    fails(w, PERP_E_NOT_FOUND,
          perp_scheduler_finish(w->scheduler, nowc(w), &pending.job_id, &result, NULL));
}
END_TEST

START_TEST(a_result_in_two_forms_or_of_a_wrong_shape_is_refused) {
    perp_job job = job_of(1);
    perp_job_result r, good;
    run_job(w, &job);
    perp_job_result_init(&good);
    good.n_legs = 2;
    fill_leg(&good, 0, 0.25, BTC_MID);
    fill_leg(&good, 1, 0.25, BTC_MID);
#define refused_as(status)                                                                         \
    fails(w, status, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &r, NULL))
    r = good;
    r.has_totals = 1;
    refused_as(PERP_E_INVALID);
    r = good;
    r.n_legs = 1;
    refused_as(PERP_E_INVALID);
    r.n_legs = 3;
    refused_as(PERP_E_INVALID);
    r = good;
    r.legs[1].filled = -1e-9;
    refused_as(PERP_E_INVALID);
    r = good;
    r.legs[1].price = 0;
    refused_as(PERP_E_INVALID);
    r = good;
    r.legs[0].time_ns = w->now + 1;
    refused_as(PERP_E_INVALID);
    r = good;
    r.status = 3;
    refused_as(PERP_E_INVALID);
    perp_job_result_init(&r);
    r.has_totals = 1;
    r.volume = -1;
    refused_as(PERP_E_RANGE);
    r = good;
    r.legs[0].filled = 1e300;
    r.legs[0].price = 1e300;
    refused_as(PERP_E_RANGE);
#undef refused_as
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &good, NULL));
}
END_TEST

static void figures(perp_exchange_id x, perp_usd pnl, perp_usd volume, perp_usd fees) {
    perp_capital_state s = capital_of(w, x);
    ck_assert_int_eq(s.today.pnl, pnl);
    ck_assert_int_eq(s.today.volume, volume);
    ck_assert_int_eq(s.today.fees, fees);
}

START_TEST(a_result_in_all_is_shared_out_truncated_and_the_rest_goes_to_the_first_leg) {
    perp_job job = pair_job(1, w->btc[BETA], w->btc[ALPHA]);
    perp_job_result result;
    job.n_legs = 3;
    job.legs[1].quantity = job.legs[2].quantity = 0.125;
    job.legs[1].notional = job.legs[2].notional = USD(6250);
    job.legs[2].side = PERP_SIDE_SELL;
    job.legs[2].instrument = w->btc[GAMMA];
    job.legs[2].leverage = 0;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.pnl = -7;
    result.volume = 7;
    result.fees = 5;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    /* Halves and quarters: -3, -1, -1 and the rest of -2; 3, 1, 1 and 2; 2, 1, 1 and 1. */
    figures(BETA, -5, 5, 3);
    figures(ALPHA, -1, 1, 1);
    figures(GAMMA, -1, 1, 1);
    ck_assert_int_eq(info_of(w, 1).pnl, -7);
    ck_assert_int_eq(info_of(w, 1).volume, 7);
    ck_assert_int_eq(info_of(w, 1).fees, 5);
}
END_TEST

START_TEST(a_huge_result_is_shared_out_without_overflow) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.pnl = -INT64_C(1000000000000001);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    figures(ALPHA, -INT64_C(500000000000001), 0, 0);
    figures(BETA, -INT64_C(500000000000000), 0, 0);
}
END_TEST

START_TEST(a_result_by_leg_is_booked_where_it_happened_and_volume_is_rounded_half_away) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.n_legs = 2;
    /* A quarter of 1/32 USD is 7,812.5 micro-dollars. */
    fill_leg(&result, 0, 0.25, 50000);
    fill_leg(&result, 1, 0.25, 50000.03125);
    result.legs[0].pnl = -3;
    result.legs[0].fee = 2;
    result.legs[1].pnl = 5;
    result.legs[1].fee = -1;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    figures(ALPHA, -3, USD(12500), 2);
    figures(BETA, 5, USD(12500) + 7813, -1);
}
END_TEST

START_TEST(neither_form_books_zeros) {
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    figures(ALPHA, 0, 0, 0);
    ck_assert_uint_eq(scheduler_of(w).ended_total[PERP_JOB_COMPLETED], 1);
}
END_TEST

START_TEST(a_held_position_keeps_its_capital_until_it_is_closed) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    run_job(w, &job);
    perp_job_result_init(&result);
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    result.hold = 1;
    result.has_totals = 1;
    result.fees = 10;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, &outcome));
    ck_assert_uint_eq(outcome.state, PERP_JOB_OPEN);
    checked(w);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(12500));
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    ck_assert_int_eq(info_of(w, 1).held, USD(25000));
    ck_assert_uint_eq(scheduler_of(w).open, 1);
    ck_assert_uint_eq(scheduler_of(w).running, 0);
    ck_assert_uint_eq(exchange_of(w, ALPHA).concurrent_jobs, 0);
    fails(w, PERP_E_RANGE, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 1, -1, 0));
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 101, 2, 3));
    checked(w);
    state_is(w, 1, PERP_JOB_CLOSED);
    figures(ALPHA, 51, 1, 7);
    figures(BETA, 50, 1, 6);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, 0);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 1, 1, 1));
}
END_TEST

START_TEST(a_failed_job_with_hold_is_open_and_counts_as_a_failure) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.hold = 1;
    result.status = PERP_RESULT_FAILED;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 0, 0, 0));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
}
END_TEST

START_TEST(a_refused_executor_ends_the_job_as_failed_with_nothing_held) {
    perp_job job = job_of(1);
    w->seen.outcome = PERP_OUTCOME_REFUSED;
    submit(w, &job);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert_uint_eq(result->running, 0);
    state_is(w, 1, PERP_JOB_FAILED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
}
END_TEST

START_TEST(an_unknown_answer_of_the_executor_is_doubt) {
    perp_job job = job_of(1);
    w->seen.outcome = 77;
    submit(w, &job);
    tick(w);
    state_is(w, 1, PERP_JOB_IN_DOUBT);
}
END_TEST

START_TEST(cancel_ends_a_pending_job_and_no_other) {
    perp_job job = job_of(1), running = job_of(2);
    submit(w, &job);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    state_is(w, 1, PERP_JOB_CANCELLED);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    run_job(w, &running);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_cancel(w->scheduler, nowc(w), &running.job_id));
}
END_TEST

START_TEST(ended_jobs_are_listed_newest_first_and_running_ones_in_order_of_dispatch) {
    perp_uuid ids[4];
    uint32_t count = 0;
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = job_of(n);
        submit(w, &job);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    }
    ok(w, perp_scheduler_list(w->scheduler, PERP_JOB_CANCELLED, ids, 2, &count));
    ck_assert_uint_eq(count, 3);
    perp_uuid newest = id_of(3);
    ck_assert(same_id(&ids[0], &newest));
    perp_job a = job_of(4), b = job_of(5);
    run_job(w, &b);
    run_job(w, &a);
    finish_all(w, &b.job_id, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_list(w->scheduler, PERP_JOB_RUNNING, ids, 4, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(same_id(&ids[0], &b.job_id));
    ck_assert(same_id(&ids[1], &a.job_id));
}
END_TEST

/* What the callback below found. */
static perp_status inner_tick, inner_finish;

static void execute_and_finish(void *user, const perp_execution *job, uint32_t *outcome) {
    struct world *world = user;
    perp_call call;
    perp_call_init(&call);
    call.now_ns = world->now;
    inner_tick = perp_scheduler_tick(world->scheduler, &call, NULL);
    perp_job_result result;
    perp_job_result_init(&result);
    perp_uuid id = job->job_id;
    inner_finish = perp_scheduler_finish(world->scheduler, &call, &id, &result, NULL);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

START_TEST(an_executor_may_finish_its_job_at_once_but_not_tick) {
    perp_config config;
    perp_core *core = NULL;
    struct world *inner = world_open(NULL);
    perp_core_close(inner->core);
    world_config(&config);
    config.callbacks.user = inner;
    config.callbacks.execute = execute_and_finish;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    inner->core = core;
    inner->capital = perp_core_capital(core);
    inner->market = perp_core_market(core);
    inner->risk = perp_core_risk(core);
    inner->scheduler = perp_core_scheduler(core);
    w = inner;
    for (uint32_t x = 0; x < 2; x++) {
        world_exchange(w, x == ALPHA ? "alpha" : "beta", "");
        w->btc[x] = world_instrument(w, x, "BTC/USDT:USDT", "", 0);
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x, USD(1000000)));
        quote_at(w, w->btc[x], w->now, BTC_BID, BTC_ASK, 1000);
    }
    perp_job one = job_of(1), two = job_of(2);
    submit(w, &one);
    submit(w, &two);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2);
    ck_assert_uint_eq(result->running, 0);
    ck_assert_int_eq(inner_tick, PERP_E_STATE);
    ck_assert_int_eq(inner_finish, PERP_OK);
    state_is(w, 1, PERP_JOB_COMPLETED);
    state_is(w, 2, PERP_JOB_COMPLETED);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    world_close(w);
}
END_TEST

START_TEST(the_executor_gets_the_orders_that_the_decision_was_made_on) {
    perp_job job = job_of(1);
    job.legs[1].maker = 1;
    job.legs[1].leverage = 2;
    run_job(w, &job);
    ck_assert_uint_eq(w->seen.last.n_orders, 2);
    ck_assert_uint_eq(w->seen.last.reduce_only, 0);
    ck_assert_uint_eq(w->seen.last.is_repair, 0);
    ck_assert_int_eq(w->seen.last.notional, USD(12500));
    const perp_order *orders = w->seen.last_orders;
    ck_assert_uint_eq(orders[0].exchange, ALPHA);
    ck_assert_uint_eq(orders[0].side, PERP_SIDE_BUY);
    ck_assert_double_eq(orders[0].price, BTC_ASK);
    ck_assert_double_eq(orders[0].leverage, 3.0);
    ck_assert_int_eq(orders[0].notional, USD(12500));
    ck_assert_uint_eq(orders[1].maker, 1);
    ck_assert_double_eq(orders[1].price, BTC_ASK);
    ck_assert_double_eq(orders[1].leverage, 2.0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scheduler");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, submitting_again_is_safe_also_after_the_end);
    tcase_add_test(tcase, metadata_is_part_of_the_content_and_comes_back_with_the_execution);
    tcase_add_test(tcase, a_job_in_doubt_counts_as_running_and_keeps_its_capital);
    tcase_add_test(tcase, a_second_report_of_the_same_fill_changes_nothing);
    tcase_add_test(tcase, a_result_in_two_forms_or_of_a_wrong_shape_is_refused);
    tcase_add_test(tcase,
                   a_result_in_all_is_shared_out_truncated_and_the_rest_goes_to_the_first_leg);
    tcase_add_test(tcase, a_huge_result_is_shared_out_without_overflow);
    tcase_add_test(tcase,
                   a_result_by_leg_is_booked_where_it_happened_and_volume_is_rounded_half_away);
    tcase_add_test(tcase, neither_form_books_zeros);
    tcase_add_test(tcase, a_held_position_keeps_its_capital_until_it_is_closed);
    tcase_add_test(tcase, a_failed_job_with_hold_is_open_and_counts_as_a_failure);
    tcase_add_test(tcase, a_refused_executor_ends_the_job_as_failed_with_nothing_held);
    tcase_add_test(tcase, an_unknown_answer_of_the_executor_is_doubt);
    tcase_add_test(tcase, cancel_ends_a_pending_job_and_no_other);
    tcase_add_test(tcase, ended_jobs_are_listed_newest_first_and_running_ones_in_order_of_dispatch);
    tcase_add_test(tcase, the_executor_gets_the_orders_that_the_decision_was_made_on);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, only_the_last_ended_jobs_are_remembered);
    tcase_add_test(own, an_unresolved_job_is_not_forgotten);
    tcase_add_test(own, an_executor_may_finish_its_job_at_once_but_not_tick);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
