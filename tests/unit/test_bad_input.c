/* Unknown ids, impossible numbers, values outside their lists, malformed jobs and results: the
   documented error, and a book that is byte for byte as it was. */
#include "orders_fixture.h"

#include <math.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

/* Neither finite nor in any range. */
static const double NOT_NUMBERS[] = {NAN, INFINITY, -INFINITY};
#define N_NOT_NUMBERS 3

static perp_refusal refusal_of_size(uint32_t size) {
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = size;
    return refusal;
}

static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

/* Jobs that wait in each state for the calls below. */
enum { PENDING = 1, RUNNING, DOUBTED, OPENED, PARTIAL };

START_TEST(what_was_never_added_is_not_found) {
    static const uint32_t unknown[] = {N_X, 63, 64, 1000, UINT32_MAX - 1};
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    uint32_t n;
    perp_usd usd;
    perp_capital_state state;
    perp_exchange_state exchange;
    perp_exchange_spec spec;
    perp_limits limits;
    perp_capital *c = w->capital;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    memset(&exchange, 0, sizeof exchange);
    exchange.struct_size = sizeof exchange;
    const perp_call *call = nowc(w);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        uint32_t x = unknown[i];
        /* The thing addressed comes before all that is wrong besides. */
        fails(w, PERP_E_NOT_FOUND, perp_capital_update_equity(c, call, x, -1));
        fails(w, PERP_E_NOT_FOUND, perp_capital_transfer(c, call, x, 1, 0));
        fails(w, PERP_E_NOT_FOUND, perp_capital_correct(c, call, x, -1, NULL));
        fails(w, PERP_E_NOT_FOUND, perp_capital_set_safe_mode(c, call, x, 0));
        fails(w, PERP_E_NOT_FOUND, perp_capital_record_pnl(c, call, x, 0, -1, 0, NULL));
        fails(w, PERP_E_NOT_FOUND, perp_capital_reserve(c, call, x, 9, -1, NULL, &r, &refusal));
        fails(w, PERP_E_NOT_FOUND, perp_capital_headroom(c, x, 0, &usd, &n));
        fails(w, PERP_E_NOT_FOUND, perp_capital_snapshot(c, x, &state));
        fails(w, PERP_E_NOT_FOUND, perp_capital_reservations(c, x, NULL, 0, &n));
        fails(w, PERP_E_NOT_FOUND, perp_market_query_exchange(w->market, x, START, &exchange));
        fails(w, PERP_E_NOT_FOUND, perp_risk_record_success(w->risk, call, x));
        fails(w, PERP_E_NOT_FOUND, perp_risk_record_failure(w->risk, call, x));
        fails(w, PERP_E_NOT_FOUND, perp_scheduler_kill(w->scheduler, call, 0, x, NULL, 0, NULL));
        perp_exchange_spec_init(&spec);
        fails(w, PERP_E_NOT_FOUND, perp_exchange_get(w->core, x, &spec));
        fails(w, PERP_E_NOT_FOUND, perp_instrument_find(w->core, x, "BTC/USDT:USDT", &n));
        perp_limits_init(&limits);
        limits.exchange = x;
        limits.max_concurrent = 1;
        fails(w, PERP_E_NOT_FOUND, perp_scheduler_set_limits(w->scheduler, call, &limits));
        perp_instrument_spec instrument;
        perp_instrument_spec_init(&instrument);
        strcpy(instrument.symbol, "Y/USDT");
        instrument.exchange = x;
        fails(w, PERP_E_NOT_FOUND, perp_instrument_add(w->core, &instrument, &n));
    }
    fails(w, PERP_E_NOT_FOUND, perp_exchange_find(w->core, "omega", &n));
    fails(w, PERP_E_NOT_FOUND, perp_exchange_find(w->core, "", &n));
    fails(w, PERP_E_NOT_FOUND, perp_instrument_find(w->core, 0, "BTC", &n));
    fails(w, PERP_E_NOT_FOUND, perp_capital_confirm(c, call, 0, -1));
    fails(w, PERP_E_NOT_FOUND, perp_capital_release(c, call, UINT64_MAX, -1));
}
END_TEST

START_TEST(numbers_beyond_what_is_possible_are_out_of_range) {
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    perp_capital *c = w->capital;
    perp_limits limits;
    const perp_call *call = signedc(w);
    fails(w, PERP_E_RANGE, perp_capital_update_equity(c, call, 0, INT64_MIN));
    fails(w, PERP_E_RANGE, perp_capital_transfer(c, call, 0, INT64_MIN, 0));
    fails(w, PERP_E_RANGE, perp_capital_transfer(c, call, 0, INT64_MAX, 0));
    fails(w, PERP_E_RANGE, perp_capital_correct(c, call, 0, INT64_MIN, NULL));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, INT64_MIN, 0, NULL));
    ok(w, perp_capital_record_pnl(c, call, 0, 1, 1, 1, NULL));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, INT64_MAX, 0, 0, NULL));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, INT64_MAX, 0, NULL));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, 0, INT64_MAX, NULL));
    fails(w, PERP_E_RANGE, perp_capital_reserve(c, call, 0, 0, 0, NULL, &r, &refusal));
    fails(w, PERP_E_RANGE, perp_capital_reserve(c, call, 0, 0, INT64_MIN, NULL, &r, &refusal));
    ok(w, perp_capital_reserve(c, call, 0, 0, INT64_MAX, NULL, &r, &refusal));
    reason_is(refusal.reason, PERP_REASON_SINGLE_LIMIT);
    perp_limits_init(&limits);
    limits.max_dispatch_per_minute = 10001;
    fails(w, PERP_E_RANGE, perp_scheduler_set_limits(w->scheduler, call, &limits));
    perp_limits_init(&limits);
    limits.exchange = ALPHA;
    limits.max_notional = -2;
    fails(w, PERP_E_RANGE, perp_scheduler_set_limits(w->scheduler, call, &limits));
    /* A limit of an exchange without an exchange. */
    perp_limits_init(&limits);
    limits.max_concurrent = 3;
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, call, &limits));
}
END_TEST

/* A figure that no record can hold is named with its value, though the day's sums could hold it. */
static void beyond(perp_status status, const char *wanted) {
    ck_assert_int_eq(status, PERP_E_RANGE);
    ck_assert_str_eq(perp_core_error(w->core), wanted);
    checked(w);
}

START_TEST(a_figure_beyond_the_range_is_named_with_its_value) {
    static const perp_usd MOST = INT64_MAX / 4 / PERP_MAX_EXCHANGES;
#define TOO_MUCH "36028797018.963968 is out of range (36028797018.963967 either way)"
    const perp_call *call = signedc(w);
    for (uint32_t x = 0; x < 3; x++) /* room for it in the day's sums */
        ok(w, perp_capital_record_pnl(w->capital, call, x, -MOST, 0, -MOST, NULL));
    perp_job pairs[] = {job_of(1), job_of(2), job_of(3)};
    for (int i = 0; i < 3; i++)
        run_job(w, &pairs[i]);
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = fill_of(order, "x", 0.1, BTC_MID);
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    news.fee = MOST + 1;
    beyond(perp_orders_tell(desk(w), call, &news, &outcome), "fee: " TOO_MUCH);
    news = total_of(order, 0.1, BTC_MID);
    news.fee = MOST + 1;
    beyond(perp_orders_tell(desk(w), call, &news, &outcome), "fee: " TOO_MUCH);
    news.fee = 0;
    news.has_pnl = 1;
    news.pnl = MOST + 1;
    beyond(perp_orders_tell(desk(w), call, &news, &outcome), "pnl: " TOO_MUCH);
    perp_job_result result = pair_result(0.1, 0.1, BTC_MID);
    result.legs[1].fee = MOST + 1;
    beyond(perp_scheduler_finish(w->scheduler, call, &pairs[1].job_id, &result, NULL),
           "legs[1].fee: " TOO_MUCH);
    result.legs[1].fee = 0;
    result.legs[0].has_pnl = 1;
    result.legs[0].pnl = MOST + 1;
    beyond(perp_scheduler_progress(w->scheduler, call, &pairs[1].job_id, result.legs, 2),
           "legs[0].pnl: " TOO_MUCH);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.fees = MOST + 1;
    beyond(perp_scheduler_finish(w->scheduler, call, &pairs[1].job_id, &result, NULL),
           "fees: " TOO_MUCH);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = w->btc[ALPHA];
    fill.quantity = 0.1;
    fill.price = BTC_MID;
    fill.key.bytes[0] = 1;
    fill.fee = MOST + 1;
    beyond(perp_record_fill(w->core, call, &fill), "fee: " TOO_MUCH);
    beyond(perp_capital_record_pnl(w->capital, call, 0, MOST + 1, 0, 0, NULL), "pnl: " TOO_MUCH);
    finish_pair(w, &pairs[2].job_id, 0.1, 0.1, BTC_MID);
    beyond(perp_scheduler_close(w->scheduler, call, &pairs[2].job_id, 0, 0, MOST + 1),
           "fees: " TOO_MUCH);
    /* Of a total, what it adds to what was known. */
    news = total_of(order, 0.05, BTC_MID);
    news.fee = -MOST;
    for (uint32_t x = 0; x < 3; x++)
        ok(w, perp_capital_record_pnl(w->capital, call, x, MOST, 0, MOST, NULL));
    ok(w, perp_orders_tell(desk(w), call, &news, &outcome));
    news = total_of(order, 0.1, BTC_MID);
    news.fee = 1;
    beyond(perp_orders_tell(desk(w), call, &news, &outcome), "fee: " TOO_MUCH);
}
END_TEST

START_TEST(values_outside_their_lists_are_invalid) {
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    uint32_t n;
    perp_usd usd;
    const perp_call *call = signedc(w);
    static const uint32_t bad[] = {99, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        fails(w, PERP_E_INVALID,
              perp_capital_reserve(w->capital, call, 0, bad[i], 1, NULL, &r, &refusal));
        fails(w, PERP_E_INVALID, perp_capital_headroom(w->capital, 0, bad[i], &usd, &n));
        fails(w, PERP_E_INVALID, perp_risk_set_mode(w->risk, call, bad[i]));
        fails(w, PERP_E_INVALID, perp_scheduler_list(w->scheduler, bad[i], NULL, 0, &n));
        perp_exchange_status status = {ALPHA, bad[i], START};
        fails(w, PERP_E_INVALID, perp_market_on_status(w->market, &status));
        perp_position_report position = {w->btc[0], bad[i], 1, 1, 1, 0};
        fails(w, PERP_E_INVALID, perp_position(w->core, call, &position, START));
        ck_assert_str_eq(perp_reason_string(bad[i]), "?");
        ck_assert_str_eq(perp_pool_string(bad[i]), "?");
        ck_assert_str_eq(perp_strategy_string(bad[i]), "?");
        ck_assert_str_eq(perp_side_string(bad[i]), "?");
        ck_assert_str_eq(perp_mode_string(bad[i]), "?");
        ck_assert_str_eq(perp_kind_string(bad[i]), "?");
        ck_assert_str_eq(perp_margin_string(bad[i]), "?");
        ck_assert_str_eq(perp_api_string(bad[i]), "?");
        ck_assert_str_eq(perp_circuit_string(bad[i]), "?");
        ck_assert_str_eq(perp_job_state_string(bad[i]), "?");
        ck_assert_str_eq(perp_component_string(bad[i]), "?");
        ck_assert_str_eq(perp_alert_string(bad[i]), "?");
    }
    ck_assert_str_eq(perp_status_string((perp_status)77), "?");
    static char long_symbol[PERP_NAME_SIZE + 2];
    memset(long_symbol, 'S', PERP_NAME_SIZE);
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, long_symbol, 1));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, "", 1));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, "a\nb", 1));
}
END_TEST

/* Each line spoils one field of a job that is right. */
static void spoil_job(int i, perp_job *job) {
    perp_leg *leg = &job->legs[1];
    switch (i) {
    case 0:
        job->struct_size = 0;
        break;
    case 1:
        job->strategy = PERP_STRATEGY_COUNT;
        break;
    case 2:
        job->notional = 0;
        break;
    case 3:
        job->notional = INT64_MIN;
        break;
    case 4:
        job->est_volume = -2;
        break;
    case 5:
        job->expected_edge_bps = NAN;
        break;
    case 6:
        job->expected_edge_bps = INFINITY;
        break;
    case 7:
        job->holding_hours = -1e-9;
        break;
    case 8:
        job->holding_hours = 8760.5;
        break;
    case 9:
        job->holding_hours = NAN;
        break;
    case 10:
        job->ttl_ms = -2;
        break;
    case 11:
        job->max_run_ms = -2;
        break;
    case 12:
        job->priority = 101;
        break;
    case 13:
        job->priority = INT32_MIN;
        break;
    case 14:
        job->n_legs = 0;
        break;
    case 15:
        job->n_legs = PERP_MAX_LEGS + 1;
        break;
    case 16:
        job->metadata_size = 1;
        break;
    case 17:
        job->metadata = "x";
        job->metadata_size = PERP_MAX_METADATA + 1;
        break;
    case 18:
        leg->instrument = PERP_NO_ID;
        break;
    case 19:
        leg->side = PERP_SIDE_COUNT;
        break;
    case 20:
        leg->quantity = 0;
        break;
    case 21:
        leg->quantity = -0.25;
        break;
    case 22:
        leg->quantity = NAN;
        break;
    case 23:
        leg->quantity = INFINITY;
        break;
    case 24:
        leg->notional = -1;
        break;
    case 25:
        leg->leverage = 0.999;
        break;
    case 26:
        leg->leverage = NAN;
        break;
    case 27:
        leg->leverage = INFINITY;
        break;
    case 28:
        leg->leverage = -3;
        break;
    case 29:
        leg->maker = 2;
        break;
    case 30:
        job->n_legs = UINT32_MAX;
        break;
    case 31:
        job->ttl_ms = INT64_MAX;
        break;
    case 32:
        job->max_run_ms = INT64_MAX;
        break;
    default:
        job->struct_size = UINT32_MAX;
    }
}
#define N_SPOILED 34

START_TEST(a_malformed_job_is_refused_everywhere) {
    perp_job job = job_of(1);
    perp_evaluation e;
    spoil_job(_i, &job);
    perp_evaluation_init(&e);
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    ck_assert_uint_ne(strlen(perp_core_error(w->core)), 0);
    fails(w, PERP_E_INVALID, perp_risk_evaluate(w->risk, w->now, &job, &e));
}
END_TEST

START_TEST(huge_jobs_neither_wrap_nor_pass) {
    static const double sizes[] = {1e15, 1e100, 1e308};
    for (size_t i = 0; i < 3; i++) {
        perp_job job = job_of(1);
        perp_evaluation e;
        uint64_t ids[PERP_MAX_LEGS];
        uint32_t n;
        perp_refusal refusal = refusal_of_size(sizeof refusal);
        job.legs[0].quantity = job.legs[1].quantity = sizes[i];
        job.notional = INT64_MAX;
        perp_evaluation_init(&e);
        perp_status status = perp_risk_evaluate(w->risk, w->now, &job, &e);
        ck_assert(status == PERP_OK || status == PERP_E_INVALID || status == PERP_E_RANGE);
        if (status == PERP_OK) {
            ck_assert_uint_eq(e.accepted, 0);
        }
        status = perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &refusal);
        ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE ||
                  refusal.reason != PERP_REASON_NONE);
        status = perp_scheduler_submit(w->scheduler, nowc(w), &job);
        if (status == PERP_OK) {
            ck_assert_uint_eq(tick(w)->dispatched, 0);
        }
        checked(w);
        if (status == PERP_OK) {
            ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
        }
    }
    perp_job job = job_of(2);
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    job.legs[1].instrument = w->eth[ALPHA];
    job.notional = INT64_MAX;
    perp_status status = perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &refusal);
    ck_assert(status == PERP_E_RANGE || status == PERP_E_INVALID ||
              refusal.reason != PERP_REASON_NONE);
    checked(w);
}
END_TEST

START_TEST(a_job_that_does_not_hedge_or_trades_with_itself_is_not_queued) {
    perp_job job = job_of(1);
    job.legs[1].side = PERP_SIDE_BUY;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].quantity = 0.2474;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].notional = USD(12374.99);
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].instrument = w->eth[BETA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].instrument = w->btc[ALPHA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[1].instrument = w->btc[DELTA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].quantity = 0.2476;
    job.legs[1].notional = USD(12375);
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}
END_TEST

START_TEST(a_quantity_off_its_step_or_below_a_minimum_is_not_queued) {
    perp_instrument_spec spec;
    perp_instrument_id fine;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.qty_step = 0.001;
    spec.min_qty = 0.01;
    spec.min_notional = USD(600);
    ok(w, perp_instrument_add(w->core, &spec, &fine));
    perp_job job = pair_job(1, fine, w->btc[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 0.2505;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[0].quantity = job.legs[1].quantity = 0.009;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[0].quantity = job.legs[1].quantity = 0.012;
    job.notional = USD(600) - 1;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.notional = USD(600);
    /* 0.012 is no whole number of 0.001 in binary, and is meant as one. */
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}
END_TEST

START_TEST(a_bad_outcome_struct_is_refused_before_anything_is_booked) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_tick_result tick_result;
    perp_tick_result_init(&tick_result);
    tick_result.struct_size = 0;
    submit(w, &job);
    fails(w, PERP_E_INVALID, perp_scheduler_tick(w->scheduler, nowc(w), &tick_result));
    tick(w);
    memset(&outcome, 0, sizeof outcome);
    perp_job_result_init(&result);
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, &outcome));
    result.struct_size = 1;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    perp_job_result_init(&result);
    result.status = PERP_RESULT_NOTHING + 1;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        perp_job_result_init(&result);
        result.n_legs = 2;
        fill_leg(&result, 0, NOT_NUMBERS[k], 1);
        fill_leg(&result, 1, 0, 0);
        fails(w, PERP_E_INVALID,
              perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
        fill_leg(&result, 0, 1, NOT_NUMBERS[k]);
        fails(w, PERP_E_INVALID,
              perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    }
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.volume = INT64_MAX;
    result.pnl = INT64_MIN;
    result.fees = INT64_MAX;
    fails(w, PERP_E_RANGE,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(the_first_call_sets_the_clock_to_any_time) {
    perp_core *core = NULL;
    perp_call call;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    ck_assert_int_eq(perp_core_clock(core), PERP_TIME_NONE);
    perp_call_init(&call);
    call.now_ns = START * 3;
    ck_assert_int_eq(perp_scheduler_pause(perp_core_scheduler(core), &call), PERP_OK);
    ck_assert_int_eq(perp_core_clock(core), START * 3);
    perp_core_close(core);
    ck_assert_int_eq(perp_core_open(NULL, NULL), PERP_E_INVALID);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad input");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, what_was_never_added_is_not_found);
    tcase_add_test(tcase, numbers_beyond_what_is_possible_are_out_of_range);
    tcase_add_test(tcase, a_figure_beyond_the_range_is_named_with_its_value);
    tcase_add_test(tcase, values_outside_their_lists_are_invalid);
    tcase_add_loop_test(tcase, a_malformed_job_is_refused_everywhere, 0, N_SPOILED);
    tcase_add_test(tcase, huge_jobs_neither_wrap_nor_pass);
    tcase_add_test(tcase, a_job_that_does_not_hedge_or_trades_with_itself_is_not_queued);
    tcase_add_test(tcase, a_quantity_off_its_step_or_below_a_minimum_is_not_queued);
    tcase_add_test(tcase, a_bad_outcome_struct_is_refused_before_anything_is_booked);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, the_first_call_sets_the_clock_to_any_time);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
