/* The life of a job: submit, dispatch, results at once and bit by bit, what stays open, memory of
   the past. */
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

START_TEST(a_hedge_buys_where_it_is_cheaper_or_as_it_is_told) {
    perp_job job;
    perp_job_init(&job);
    job.notional = USD(1000);
    quote_at(w, w->btc[BETA], w->now, BTC_BID - 100, BTC_ASK - 100, 1000);
    ok(w, perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    ck_assert_uint_eq(job.n_legs, 2);
    ck_assert_uint_eq(job.legs[0].instrument, w->btc[BETA]);
    ck_assert_uint_eq(job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_double_eq(job.legs[0].quantity, job.legs[1].quantity);
    job.notional = USD(1000);
    job.legs[0].side = PERP_SIDE_BUY; /* of alpha, dearer as it is */
    job.legs[1].side = PERP_SIDE_SELL;
    ok(w, perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    ck_assert_uint_eq(job.legs[0].instrument, w->btc[ALPHA]);
    ck_assert_uint_eq(job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_uint_eq(job.legs[1].instrument, w->btc[BETA]);
    job.legs[0].side = PERP_SIDE_SELL; /* of alpha */
    job.legs[1].side = PERP_SIDE_BUY;
    ok(w, perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    ck_assert_uint_eq(job.legs[0].instrument, w->btc[BETA]);
    ck_assert_uint_eq(job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_uint_eq(job.legs[1].instrument, w->btc[ALPHA]);
    ck_assert_uint_eq(job.legs[1].side, PERP_SIDE_SELL);
    job.legs[1].side = PERP_SIDE_BUY;
    fails(w, PERP_E_INVALID,
          perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    for (int leg = 0; leg < 2; leg++) {
        job.legs[leg].side = PERP_SIDE_COUNT;
        job.legs[1 - leg].side = PERP_SIDE_SELL;
        fails(w, PERP_E_INVALID,
              perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    }
}
END_TEST

START_TEST(an_exit_and_totals_that_make_no_sense) {
    perp_job job = job_of(1), exit;
    run_job(w, &job);
    perp_job_result result;
    perp_job_result_init(&result);
    result.has_totals = result.flat = 1;
    result.volume = -1;
    fails(w, PERP_E_RANGE,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    perp_job_init(&exit);
    ok(w, perp_job_fill_exit(w->core, w->now, &job.job_id, 1, &exit));
    perp_job_init(&exit);
    exit.struct_size = 3;
    fails(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, &job.job_id, 1, &exit));
    perp_job_init(&exit);
    const double fractions[] = {0, -0.5, 1.0001, NAN};
    for (int i = 0; i < 4; i++)
        fails(w, PERP_E_INVALID,
              perp_job_fill_exit(w->core, w->now, &job.job_id, fractions[i], &exit));
    perp_uuid key = id_of(77);
    fails(w, PERP_E_INVALID,
          perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_COUNT, 1, &key, PERP_NO_ID));
}
END_TEST

START_TEST(a_hedge_is_of_a_notional) {
    perp_job job;
    perp_job_init(&job);
    const perp_usd none[] = {0, -1};
    for (int i = 0; i < 2; i++) {
        job.notional = none[i];
        fails(w, PERP_E_INVALID,
              perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job));
    }
}
END_TEST

START_TEST(what_was_submitted_dispatched_and_ended_is_counted) {
    perp_job job = job_of(1);
    submit(w, &job);
    ck_assert_uint_eq(scheduler_of(w).submitted_today, 1);
    ck_assert_uint_eq(scheduler_of(w).dispatched_today, 0);
    tick(w);
    perp_scheduler_state state = scheduler_of(w);
    ck_assert_uint_eq(state.dispatched_today, 1);
    ck_assert_uint_eq(state.dispatched_total, 1);
    finish_flat(w, &job.job_id, USD(25000));
    ck_assert_uint_eq(scheduler_of(w).ended_today[PERP_JOB_COMPLETED], 1);
    ck_assert_uint_eq(scheduler_of(w).ended_total[PERP_JOB_COMPLETED], 1);
    leap_to(w, w->now + DAY);
    state = scheduler_of(w);
    ck_assert_uint_eq(state.submitted_today + state.dispatched_today, 0);
    ck_assert_uint_eq(state.ended_today[PERP_JOB_COMPLETED], 0);
    ck_assert_uint_eq(state.submitted_total, 1);
    ck_assert_uint_eq(state.dispatched_total, 1);
    ck_assert_uint_eq(state.ended_total[PERP_JOB_COMPLETED], 1);
}
END_TEST

/* Also once it is only remembered. */
START_TEST(nothing_below_0_is_nothing_to_who_submits_again) {
    perp_job job = job_of(1);
    job.expected_edge_bps = 0;
    submit(w, &job);
    job.expected_edge_bps = -0.0;
    fails(w, PERP_E_EXISTS, try_submit(&job));
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    fails(w, PERP_E_EXISTS, try_submit(&job));
}
END_TEST

START_TEST(flags_of_told_legs_are_0_or_1) {
    perp_job job = job_of(1);
    run_job(w, &job);
    perp_job_result result = pair_result(0.25, 0.25, BTC_MID);
    result.legs[1].known = 2;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    result.legs[1].known = 1;
    result.legs[1].has_pnl = 2;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
}
END_TEST

static void pulled(void *user, perp_instrument_id instrument, int64_t now_ns, perp_quote *quote,
                   uint32_t *have) {
    (void)now_ns;
    (void)quote;
    *have = 0;
    ((uint32_t *)user)[instrument]++;
}

START_TEST(evaluating_a_pending_job_asks_for_quotes_of_what_it_trades) {
    uint32_t asked[16] = {0};
    perp_market_source source = {.struct_size = sizeof source, .user = asked, .quote = pulled};
    perp_evaluation evaluation;
    perp_instrument_id ids[2];
    for (uint32_t x = 0; x < 2; x++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        spec.exchange = x;
        spec.pulled = 1;
        strcpy(spec.symbol, "XRP/USDT:USDT");
        ok(w, perp_instrument_add(w->core, &spec, &ids[x]));
    }
    ok(w, perp_market_set_source(w->market, &source));
    perp_job job = pair_job(1, ids[0], ids[1]);
    submit(w, &job);
    memset(asked, 0, sizeof asked);
    perp_evaluation_init(&evaluation);
    ok(w, perp_scheduler_evaluate(w->scheduler, w->now, &job.job_id, &evaluation));
    ck_assert_uint_eq(asked[ids[0]], 1);
    ck_assert_uint_eq(asked[ids[1]], 1);
    ok(w, perp_market_set_source(w->market, NULL));
}
END_TEST

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

START_TEST(of_old_jobs_only_the_ids_are_remembered) {
    w = world_changed(short_memory);
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
    fails(w, PERP_E_EXISTS, try_submit(&again));
    again.priority = 3;
    fails(w, PERP_E_CONFLICT, try_submit(&again));
    world_close(w);
}
END_TEST

START_TEST(a_partial_job_is_not_forgotten) {
    w = world_changed(short_memory);
    perp_job job = job_of(1);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    for (uint32_t n = 2; n <= 6; n++) {
        perp_job other = job_of(n);
        submit(w, &other);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &other.job_id));
    }
    state_is(w, 1, PERP_JOB_PARTIAL);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    state_is(w, 1, PERP_JOB_OPEN);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 0, 0, 0));
    state_is(w, 1, PERP_JOB_CLOSED);
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
    ck_assert_uint_eq(outcome.state, PERP_JOB_OPEN);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(12500));
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
    fails(w, PERP_E_EXISTS,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    ck_assert_str_eq(perp_core_error(w->core), "job_id: it has ended as open");
    result.status = 77; /* not looked at */
    fails(w, PERP_E_EXISTS,
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
    r.legs[1].filled = 0.500001; /* more than twice */
    refused_as(PERP_E_INVALID);
    r = good;
    r.status = PERP_RESULT_NOTHING + 1;
    refused_as(PERP_E_INVALID);
    r.status = PERP_RESULT_NOTHING; /* with fills */
    refused_as(PERP_E_INVALID);
    r = good;
    r.legs[0].filled = r.legs[1].filled = 0; /* completed */
    refused_as(PERP_E_INVALID);
    r = good;
    r.flat = 1; /* by leg */
    refused_as(PERP_E_INVALID);
    r = good;
    r.legs[0].known = 0; /* of a job that has ended all is known */
    refused_as(PERP_E_INVALID);
    perp_job_result_init(&r);
    r.has_totals = 1;
    r.status = PERP_RESULT_UNKNOWN;
    refused_as(PERP_E_INVALID);
    r.status = PERP_RESULT_FAILED;
    r.volume = 1;
    refused_as(PERP_E_INVALID);
    r.volume = 0;
    r.flat = 1;
    refused_as(PERP_E_INVALID);
    perp_job_result_init(&r);
    r.has_totals = 1;
    r.volume = -1;
    refused_as(PERP_E_RANGE);
    r = good;
    r.legs[0].price = 1e300;
    refused_as(PERP_E_RANGE);
#undef refused_as
    good.legs[0].time_ns = w->now + 1; /* counts as the time of the finish */
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &good, NULL));
    state_is(w, 1, PERP_JOB_OPEN);
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
    result.legs[0].has_pnl = result.legs[1].has_pnl = 1;
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
    ck_assert_uint_eq(scheduler_of(w).ended_total[PERP_JOB_OPEN], 1);
    /* It counts as filled, at the prices of its dispatch. */
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).quantity, 0.25);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).entry_price, BTC_ASK);
    ck_assert_double_eq(position_of(w, w->btc[BETA]).quantity, -0.25);
    ck_assert_double_eq(position_of(w, w->btc[BETA]).entry_price, BTC_BID);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 0);
}
END_TEST

START_TEST(what_is_open_keeps_its_capital_until_it_is_closed) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    run_job(w, &job);
    perp_job_result_init(&result);
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
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

START_TEST(a_failed_job_that_filled_is_open_and_counts_as_a_failure) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    perp_job_result_init(&result);
    result.status = PERP_RESULT_FAILED;
    result.n_legs = 2;
    fill_leg(&result, 0, 0.1, BTC_MID);
    fill_leg(&result, 1, 0.1, BTC_MID);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &job.job_id, 0, 0, 0));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
}
END_TEST

START_TEST(a_flat_job_opens_nothing_and_a_failed_one_without_legs_neither) {
    perp_job flat = job_of(1), failed = job_of(2);
    perp_job_result result;
    run_job(w, &flat);
    run_job(w, &failed);
    perp_job_result_init(&result);
    result.has_totals = result.flat = 1;
    result.pnl = 3;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &flat.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_COMPLETED);
    finish_all(w, &failed.job_id, PERP_RESULT_FAILED);
    state_is(w, 2, PERP_JOB_FAILED);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).quantity, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, 0);
    figures(ALPHA, 2, 0, 0);
}
END_TEST

START_TEST(nothing_done_is_cancelled_and_nobody_is_to_blame) {
    perp_job job = job_of(1);
    ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    run_job(w, &job);
    ck_assert_uint_eq(finish_all(w, &job.job_id, PERP_RESULT_NOTHING).state, PERP_JOB_CANCELLED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, 0);
}
END_TEST

static void told(perp_job_result *result, double bought, double sold, double price) {
    perp_job_result_init(result);
    result->n_legs = 2;
    fill_leg(result, 0, bought, price);
    fill_leg(result, 1, sold, price);
}

static perp_status tell(const perp_uuid *id, const perp_job_result *result) {
    return perp_scheduler_progress(w->scheduler, nowc(w), id, result->legs, 2);
}

START_TEST(progress_is_cumulative_and_books_what_it_adds) {
    perp_job job = job_of(1);
    perp_job_result result;
    submit(w, &job);
    told(&result, 0.1, 0, 50000);
    fails(w, PERP_E_NOT_FOUND, tell(&job.job_id, &result));
    tick(w);
    result.legs[0].fee = 7;
    ok(w, tell(&job.job_id, &result));
    checked(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    figures(ALPHA, 0, USD(5000), 7);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).quantity, 0.1);
    /* Half-way through it is not naked yet: the other leg may come. */
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    uint64_t seq = perp_core_hash(w->core);
    ok(w, tell(&job.job_id, &result)); /* again: nothing more */
    ck_assert_uint_eq(perp_core_hash(w->core), seq);
    told(&result, 0.09, 0, 50000);
    fails(w, PERP_E_STALE, tell(&job.job_id, &result));
    told(&result, 0.25, 0.25, 50000);
    result.legs[0].fee = 9;
    result.legs[1].fee = -4;
    fails(w, PERP_E_INVALID,
          perp_scheduler_progress(w->scheduler, nowc(w), &job.job_id, result.legs, 1));
    ok(w, tell(&job.job_id, &result));
    figures(ALPHA, 0, USD(12500), 9);
    figures(BETA, 0, USD(12500), -4);
    ck_assert_int_eq(info_of(w, 1).legs[0].fee, 9);
    ck_assert_double_eq(info_of(w, 1).legs[1].filled, 0.25);
    /* Once told by leg, not in all. */
    perp_job_result totals;
    perp_job_result_init(&totals);
    totals.has_totals = 1;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &totals, NULL));
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED); /* adds nothing */
    state_is(w, 1, PERP_JOB_OPEN);
    figures(ALPHA, 0, USD(12500), 9);
}
END_TEST

START_TEST(the_price_of_what_is_added_makes_the_average_right) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    told(&result, 0.1, 0, 50000);
    ok(w, tell(&job.job_id, &result));
    told(&result, 0.2, 0, 50001);
    ok(w, tell(&job.job_id, &result)); /* 0.1 at 50,002 */
    figures(ALPHA, 0, USD(5000) + USD(5000.2), 0);
    told(&result, 0.25, 0, 40000);
    ok(w, tell(&job.job_id, &result)); /* 0.05 at (10,000 - 10,000.2) / 0.05 is below 0: 40,000 */
    figures(ALPHA, 0, USD(10000.2) + USD(2000), 0);
    /* Without a difference in quantity fee and pnl alone are booked; pnl is the difference to all
       that was booked, and not given it is what was realised. */
    result.legs[0].has_pnl = 1;
    result.legs[0].pnl = -5;
    result.legs[0].fee = 3;
    ok(w, tell(&job.job_id, &result));
    figures(ALPHA, -5, USD(12000.2), 3);
    result.legs[0].pnl = 1;
    ok(w, tell(&job.job_id, &result));
    figures(ALPHA, 1, USD(12000.2), 3);
}
END_TEST

START_TEST(what_is_known_of_a_job_in_doubt_counts_at_once) {
    perp_job job = job_of(1);
    perp_job_result result;
    run_job(w, &job);
    told(&result, 0.1, 0, 50000);
    result.status = PERP_RESULT_UNKNOWN;
    result.legs[1].known = 0;
    result.legs[1].filled = 7; /* not looked at */
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    figures(ALPHA, 0, USD(5000), 0);
    figures(BETA, 0, 0, 0);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(5000));
    ck_assert_int_eq(capital_of(w, ALPHA).total_in_flight, USD(7500));
    ck_assert_int_eq(capital_of(w, BETA).total_in_flight, USD(12500));
    told(&result, 0.1, 0.1, 50000);
    ok(w, tell(&job.job_id, &result)); /* and goes on */
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_int_eq(capital_of(w, BETA).total_in_flight, 0);
    ck_assert_int_eq(capital_of(w, BETA).total_used, USD(5000));
}
END_TEST

static perp_status amend(const perp_uuid *id, const perp_job_result *result) {
    return perp_scheduler_amend(w->scheduler, nowc(w), id, result->legs, 2);
}

START_TEST(the_truth_may_come_later) {
    perp_job job = job_of(1), waits = job_of(2);
    perp_job_result result;
    perp_uuid unknown = id_of(9);
    told(&result, 0.25, 0.25, 50000);
    fails(w, PERP_E_NOT_FOUND, amend(&unknown, &result));
    run_job(w, &job);
    fails(w, PERP_E_STATE, amend(&job.job_id, &result));
    finish_pair(w, &job.job_id, 0.2, 0.2, 50000);
    ok(w, amend(&job.job_id, &result));
    checked(w);
    figures(ALPHA, 0, USD(12500), 0);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).quantity, 0.25);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
    /* A late fill is counted whatever the limits say: 10,000 used of what was in flight, which was
       released at the end, and 0.05 x 50,000 more. */
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(12500));
    told(&result, 0.24, 0.25, 50000);
    fails(w, PERP_E_STALE, amend(&job.job_id, &result));
    submit(w, &waits);
    told(&result, 0, 0, 0);
    fails(w, PERP_E_STATE, amend(&waits.job_id, &result)); /* never dispatched */
    /* One that had ended with nothing opens again. */
    tick(w);
    finish_all(w, &waits.job_id, PERP_RESULT_NOTHING);
    state_is(w, 2, PERP_JOB_CANCELLED);
    told(&result, 0.1, 0.1, 50000);
    ok(w, amend(&waits.job_id, &result));
    state_is(w, 2, PERP_JOB_OPEN);
    ck_assert_int_eq(info_of(w, 2).held, USD(10000));
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(17500));
}
END_TEST

START_TEST(a_job_of_which_something_filled_is_not_requeued) {
    perp_job job = job_of(1), clean = job_of(2);
    perp_job_result result;
    run_job(w, &job);
    run_job(w, &clean);
    told(&result, 0.1, 0, 50000);
    result.status = PERP_RESULT_UNKNOWN;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    fails(w, PERP_E_STATE, perp_scheduler_requeue(w->scheduler, nowc(w), &job.job_id));
    finish_all(w, &clean.job_id, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &clean.job_id));
    state_is(w, 2, PERP_JOB_PENDING);
    ck_assert_int_eq(info_of(w, 2).held, 0);
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

static int asked;
static perp_uuid asked_for;

static void cancel_asked(void *user, const perp_uuid *job) {
    (void)user;
    asked++;
    asked_for = *job;
}

START_TEST(cancel_of_a_running_job_is_a_request) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_cancel = cancel_asked;
    struct world *own = world_open(&config);
    perp_job job = pair_job(2, own->btc[ALPHA], own->btc[BETA]);
    asked = 0;
    run_job(own, &job);
    ck_assert_uint_eq(info_of(own, 2).cancel_asked, 0);
    ok(own, perp_scheduler_cancel(own->scheduler, nowc(own), &job.job_id));
    ck_assert_int_eq(asked, 1);
    ck_assert(same_id(&asked_for, &job.job_id));
    ck_assert_uint_eq(info_of(own, 2).cancel_asked, 1);
    state_is(own, 2, PERP_JOB_RUNNING);
    finish_all(own, &job.job_id, PERP_RESULT_UNKNOWN);
    ok(own, perp_scheduler_cancel(own->scheduler, nowc(own), &job.job_id)); /* in doubt, too */
    ck_assert_int_eq(asked, 2);
    ok(own, perp_scheduler_requeue(own->scheduler, nowc(own), &job.job_id));
    ck_assert_uint_eq(info_of(own, 2).cancel_asked, 0);
    ok(own, perp_scheduler_cancel(own->scheduler, nowc(own), &job.job_id)); /* waits: it ends */
    ck_assert_int_eq(asked, 2);
    state_is(own, 2, PERP_JOB_CANCELLED);
    world_close(own);
}
END_TEST

START_TEST(cancel_ends_a_pending_job_and_no_other) {
    perp_job job = job_of(1), running = job_of(2);
    submit(w, &job);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    state_is(w, 1, PERP_JOB_CANCELLED);
    fails(w, PERP_E_NOT_FOUND, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    run_job(w, &running);
    finish_all(w, &running.job_id, PERP_RESULT_COMPLETED);
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
    inner->positions = perp_core_positions(core);
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
    state_is(w, 1, PERP_JOB_OPEN);
    state_is(w, 2, PERP_JOB_OPEN);
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
    tcase_add_test(tcase, a_hedge_buys_where_it_is_cheaper_or_as_it_is_told);
    tcase_add_test(tcase, a_hedge_is_of_a_notional);
    tcase_add_test(tcase, an_exit_and_totals_that_make_no_sense);
    tcase_add_test(tcase, what_was_submitted_dispatched_and_ended_is_counted);
    tcase_add_test(tcase, nothing_below_0_is_nothing_to_who_submits_again);
    tcase_add_test(tcase, flags_of_told_legs_are_0_or_1);
    tcase_add_test(tcase, evaluating_a_pending_job_asks_for_quotes_of_what_it_trades);
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
    tcase_add_test(tcase, what_is_open_keeps_its_capital_until_it_is_closed);
    tcase_add_test(tcase, a_failed_job_that_filled_is_open_and_counts_as_a_failure);
    tcase_add_test(tcase, a_flat_job_opens_nothing_and_a_failed_one_without_legs_neither);
    tcase_add_test(tcase, nothing_done_is_cancelled_and_nobody_is_to_blame);
    tcase_add_test(tcase, progress_is_cumulative_and_books_what_it_adds);
    tcase_add_test(tcase, the_price_of_what_is_added_makes_the_average_right);
    tcase_add_test(tcase, what_is_known_of_a_job_in_doubt_counts_at_once);
    tcase_add_test(tcase, the_truth_may_come_later);
    tcase_add_test(tcase, a_job_of_which_something_filled_is_not_requeued);
    tcase_add_test(tcase, a_refused_executor_ends_the_job_as_failed_with_nothing_held);
    tcase_add_test(tcase, an_unknown_answer_of_the_executor_is_doubt);
    tcase_add_test(tcase, cancel_ends_a_pending_job_and_no_other);
    tcase_add_test(tcase, cancel_of_a_running_job_is_a_request);
    tcase_add_test(tcase, ended_jobs_are_listed_newest_first_and_running_ones_in_order_of_dispatch);
    tcase_add_test(tcase, the_executor_gets_the_orders_that_the_decision_was_made_on);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, of_old_jobs_only_the_ids_are_remembered);
    tcase_add_test(own, a_partial_job_is_not_forgotten);
    tcase_add_test(own, an_executor_may_finish_its_job_at_once_but_not_tick);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
