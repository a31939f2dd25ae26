/* How jobs with orders end: by what their orders say, by themselves, with fills that come late;
   what executors say of them, and which orders are forgotten. */
#include "orders_fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void open_auto(void) {
    perp_config config;
    world_config(&config);
    config.orders.auto_finish = 1;
    w = world_open(&config);
}

static void close_world(void) {
    world_close(w);
}

static uint64_t full(uint32_t job, uint32_t leg, double quantity, double price) {
    uint64_t order = place(w, job, leg, quantity);
    fill(w, order, "all", quantity, price);
    return order;
}

#define circuit_is(x, wanted)                                                                      \
    ck_assert_str_eq(perp_circuit_string(exchange_of(w, x).circuit), perp_circuit_string(wanted))

/* ---- finish from orders -------------------------------------------------------------------------
 */

START_TEST(what_its_orders_filled_is_what_it_did) {
    run_pair(w, 1);
    uint64_t first = place(w, 1, 0, 0.1);
    fill(w, first, "a", 0.05, 50000);
    tell(w, first, PERP_NEWS_CANCELLED);
    full(1, 0, 0.2, 50010);
    full(1, 1, 0.25, 50005);
    perp_usd volume = info_of(w, 1).volume, pnl = capital_of(w, ALPHA).today.pnl;
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_OPEN);
    perp_job_info info = info_of(w, 1);
    ck_assert_double_eq_tol(info.legs[0].filled, 0.25, 1e-15);
    ck_assert_double_eq_tol(info.legs[0].price, (0.05 * 50000 + 0.2 * 50010) / 0.25, 1e-6);
    ck_assert_int_eq(info.volume, volume); /* nothing is booked again */
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, pnl);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    fails(w, PERP_E_EXISTS, finishes(w, 1, NULL));
}
END_TEST

START_TEST(none_that_stands_is_left_behind) {
    run_pair(w, 1);
    full(1, 0, 0.25, BTC_MID);
    uint64_t order = place(w, 1, 1, 0.25);
    char number[40];
    snprintf(number, sizeof number, "order %llu (", (unsigned long long)order);
    for (int i = 0; i < 3; i++) {
        fails(w, PERP_E_STATE, finishes(w, 1, NULL));
        ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), number));
        tell(w, order, i == 0 ? PERP_NEWS_ACCEPTED : PERP_NEWS_UNKNOWN);
    }
    tell(w, order, PERP_NEWS_CANCELLED);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
}
END_TEST

START_TEST(a_job_is_told_by_its_orders_or_by_its_host_not_by_both) {
    run_pair(w, 1);
    run_pair(w, 2);
    fails(w, PERP_E_INVALID, finishes(w, 2, NULL)); /* it has none */
    full(1, 0, 0.25, BTC_MID);
    full(1, 1, 0.25, BTC_MID);
    perp_job_result result;
    perp_uuid id = id_of(1);
    for (int i = 0; i < 10; i++) {
        perp_job_result_init(&result);
        result.from_orders = i < 6;
        if (i == 0)
            result.status = PERP_RESULT_FAILED;
        else if (i == 1)
            result.status = PERP_RESULT_NOTHING;
        else if (i == 2)
            result.status = PERP_RESULT_UNKNOWN;
        else if (i == 3 || i == 6)
            result.n_legs = 2;
        else if (i == 4 || i == 7)
            result.has_totals = 1;
        else if (i == 5)
            result.from_orders = 2;
        else if (i == 8)
            result.status = PERP_RESULT_FAILED;
        fails(w, PERP_E_INVALID, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
    }
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_OPEN);
    fails(w, PERP_E_INVALID,
          perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, 2)); /* by orders, too */
}
END_TEST

START_TEST(with_nothing_filled_it_failed_or_did_nothing) {
    run_pair(w, 1);
    tell(w, place(w, 1, 0, 0.25), PERP_NEWS_CANCELLED);
    tell(w, place(w, 1, 1, 0.25), PERP_NEWS_DECLINED);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_CANCELLED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    run_pair(w, 2);
    tell(w, place(w, 2, 0, 0.25), PERP_NEWS_EXPIRED);
    tell(w, place(w, 2, 1, 0.25), PERP_NEWS_REJECTED);
    ck_assert_uint_eq(finish_by_orders(w, 2), PERP_JOB_FAILED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
}
END_TEST

START_TEST(only_an_exchange_that_rejected_is_blamed) {
    for (uint32_t n = 1; n <= 5; n++) {
        pass(w, SECOND);
        run_pair(w, n);
        /* Alpha did not fill, and was asked to cancel; beta rejected. */
        tell(w, place(w, n, 0, 0.25), PERP_NEWS_CANCELLED);
        tell(w, place(w, n, 1, 0.25), PERP_NEWS_REJECTED);
        ck_assert_uint_eq(finish_by_orders(w, n), PERP_JOB_FAILED);
        ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    }
    circuit_is(ALPHA, PERP_CIRCUIT_CLOSED);
    circuit_is(BETA, PERP_CIRCUIT_OPEN);
}
END_TEST

START_TEST(an_exchange_that_rejected_and_then_filled_is_not) {
    for (uint32_t n = 1; n <= 5; n++) {
        pass(w, SECOND);
        run_pair(w, n);
        tell(w, place(w, n, 1, 0.25), PERP_NEWS_REJECTED);
        full(n, 1, 0.25, BTC_MID);
        tell(w, place(w, n, 0, 0.25), PERP_NEWS_REJECTED);
        ck_assert_uint_eq(finish_by_orders(w, n), PERP_JOB_PARTIAL);
        ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
        ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    }
    circuit_is(ALPHA, PERP_CIRCUIT_OPEN);
    circuit_is(BETA, PERP_CIRCUIT_CLOSED);
}
END_TEST

START_TEST(unknown_puts_it_in_doubt_and_leaves_its_orders) {
    run_pair(w, 1);
    uint64_t order = place(w, 1, 0, 0.25);
    tell(w, order, PERP_NEWS_ACCEPTED);
    perp_uuid id = id_of(1);
    ck_assert_uint_eq(finish_all(w, &id, PERP_RESULT_UNKNOWN).state, PERP_JOB_IN_DOUBT);
    order_is(w, order, PERP_ORDER_OPEN);
    fill(w, order, "a", 0.25, BTC_MID); /* what happens is heard all the same */
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL); /* and from doubt it finishes */
}
END_TEST

START_TEST(out_of_doubt_only_once_no_order_is) {
    run_pair(w, 1);
    perp_uuid id = id_of(1), none = id_of(2);
    fails(w, PERP_E_NOT_FOUND, perp_orders_settled(desk(w), nowc(w), &id)); /* it runs */
    fails(w, PERP_E_NOT_FOUND, perp_orders_settled(desk(w), nowc(w), &none));
    uint64_t one = place(w, 1, 0, 0.1), other = place(w, 1, 1, 0.1);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    tell(w, one, PERP_NEWS_UNKNOWN);
    tell(w, other, PERP_NEWS_UNKNOWN);
    tell(w, other, PERP_NEWS_REJECTED);
    fails(w, PERP_E_STATE, perp_orders_settled(desk(w), nowc(w), &id));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "order 1 ("));
    tell(w, one, PERP_NEWS_ACCEPTED);
    ok(w, perp_orders_settled(desk(w), nowc(w), &id));
    checked(w);
    ck_assert_uint_eq(scheduler_of(w).in_doubt, 0);
    state_is(w, 1, PERP_JOB_RUNNING);
    place(w, 1, 1, 0.25);
    expect(w, PERP_E_INVALID, perp_orders_settled(NULL, nowc(w), &id));
    expect(w, PERP_E_INVALID, perp_orders_settled(desk(w), nowc(w), NULL));
}
END_TEST

START_TEST(a_tick_finds_what_prices_have_made_unhedged) {
    run_pair(w, 1);
    fill(w, place(w, 1, 0, 0.25), "a", 0.00245, BTC_MID); /* 122 USD; a hundredth of it is 125 */
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, PERP_TIME_NONE);
    w->now += SECOND;
    quote_at(w, w->btc[ALPHA], w->now, 51500, 51504, 1000);
    tick(w);
    ck_assert_int_eq(info_of(w, 1).unhedged_since_ns, w->now);
}
END_TEST

/* ---- By itself ----------------------------------------------------------------------------------
 */

START_TEST(it_finishes_with_the_last_fill_in_the_same_commit) {
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25), b = place(w, 1, 1, 0.25);
    ck_assert_uint_eq(fill(w, a, "a", 0.25, BTC_MID).finished, 0);
    perp_order_outcome outcome = fill(w, b, "b", 0.25, BTC_MID);
    ck_assert_uint_eq(outcome.finished, 1);
    ck_assert_uint_eq(outcome.becomes, PERP_JOB_OPEN);
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0, 1e-15);
    fails(w, PERP_E_EXISTS, finishes(w, 1, NULL));
}
END_TEST

START_TEST(not_while_another_stands_nor_with_a_leg_that_is_not_full) {
    run_pair(w, 1);
    full(1, 0, 0.25, BTC_MID);
    uint64_t b = place(w, 1, 1, 0.2), c = place(w, 1, 1, 0.05);
    ck_assert_uint_eq(fill(w, b, "b", 0.2, BTC_MID).finished, 0);
    ck_assert_uint_eq(tell(w, c, PERP_NEWS_CANCELLED).finished, 0);
    ck_assert_uint_eq(
        fill(w, place(w, 1, 1, 0.05 * (1 - 1e-8)), "d", 0.05 * (1 - 1e-8), BTC_MID).finished, 0);
    state_is(w, 1, PERP_JOB_RUNNING);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_OPEN);
}
END_TEST

START_TEST(the_end_of_one_that_is_not_needed_any_more_finishes_it) {
    run_pair(w, 1);
    full(1, 1, 0.25, BTC_MID);
    uint64_t a = place(w, 1, 0, 0.2), b = place(w, 1, 0, 0.05);
    fill(w, a, "a", 0.25, BTC_MID); /* more than it was */
    perp_order_outcome outcome = tell(w, b, PERP_NEWS_CANCELLED);
    ck_assert_uint_eq(outcome.finished, 1);
    ck_assert_uint_eq(outcome.becomes, PERP_JOB_OPEN);
}
END_TEST

START_TEST(full_and_apart_it_is_partial_in_the_same_commit) {
    run_pair(w, 1);
    full(1, 1, 0.25, BTC_MID);
    uint64_t a = place(w, 1, 0, 0.25);
    perp_order_outcome outcome = fill(w, a, "a", 0.35, BTC_MID);
    ck_assert_uint_eq(outcome.finished, 1);
    ck_assert_uint_eq(outcome.becomes, PERP_JOB_PARTIAL);
    state_is(w, 1, PERP_JOB_PARTIAL);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.1, 1e-12);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    ck_assert_int_eq(w->seen.leg_risk, 1);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    circuit_is(ALPHA, PERP_CIRCUIT_CLOSED);
}
END_TEST

START_TEST(a_job_in_doubt_finishes_by_itself_too) {
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25), b = place(w, 1, 1, 0.25);
    perp_uuid id = id_of(1);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    perp_order_news news = total_of(a, 0.25, BTC_MID);
    told_of(w, &news);
    news = total_of(b, 0.25, BTC_MID);
    ck_assert_uint_eq(told_of(w, &news).finished, 1);
    ck_assert_uint_eq(scheduler_of(w).in_doubt, 0);
}
END_TEST

/* ---- Late fills ---------------------------------------------------------------------------------
 */

START_TEST(a_late_fill_counts_as_naked_at_once_and_opens_the_job_again) {
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25);
    tell(w, a, PERP_NEWS_CANCELLED);
    tell(w, place(w, 1, 1, 0.25), PERP_NEWS_CANCELLED);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_CANCELLED);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, 0);
    perp_order_outcome outcome = fill(w, a, "late", 0.1, 50000);
    ck_assert_uint_eq(outcome.finished, 0);
    state_is(w, 1, PERP_JOB_OPEN);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.1, 1e-15);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    ck_assert_int_eq(capital_of(w, ALPHA).total_used, USD(5000)); /* what is open is counted */
    order_is(w, a, PERP_ORDER_CANCELLED);
    perp_order_news again = fill_of(a, "late", 0.1, 50000);
    fails(w, PERP_E_EXISTS, hears(w, &again));
}
END_TEST

START_TEST(drift_is_what_a_late_fill_explains_first) {
    position_at(w, w->btc[ALPHA], w->now, 0, 0);
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25);
    tell(w, a, PERP_NEWS_CANCELLED);
    tell(w, place(w, 1, 1, 0.25), PERP_NEWS_CANCELLED);
    finish_by_orders(w, 1);
    pass(w, 10 * SECOND);
    position_at(w, w->btc[ALPHA], w->now, 0.1, 50000); /* the report shows it first */
    ck_assert_uint_eq(position_of(w, w->btc[ALPHA]).latched, 1);
    fill(w, a, "late", 0.15, 50000);
    perp_position_state state = position_of(w, w->btc[ALPHA]);
    ck_assert_double_eq_tol(state.quantity, 0.15, 1e-15); /* 0.05 of it are news */
    ck_assert_double_eq(state.unexplained, 0);
    ck_assert_uint_eq(state.latched, 0);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-15);
    ck_assert_double_eq(state.foreign, 0);
}
END_TEST

START_TEST(a_job_that_waits_again_keeps_what_came_late) {
    run_pair(w, 1);
    uint64_t a = place(w, 1, 0, 0.25);
    tell(w, a, PERP_NEWS_CANCELLED);
    perp_uuid id = id_of(1);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
    state_is(w, 1, PERP_JOB_PENDING);
    fill(w, a, "late", 0.1, BTC_MID);
    state_is(w, 1, PERP_JOB_PENDING);
    ck_assert_double_eq(info_of(w, 1).legs[0].filled, 0.1);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.1, 1e-15); /* at once */
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    perp_order_request request = limit_order(1, 0, 0.2, BTC_MID);
    refuses(w, &request, PERP_GATE_OVER_LEG, 0.2, 0.15);
    ck_assert_uint_eq(order_of(w, place(w, 1, 0, 0.15)).attempt, 2);
    perp_order_info info = order_of(w, a);
    ck_assert_double_eq(info.filled, 0.1);
}
END_TEST

/* The world of a repair: 0.25 were bought at alpha and nothing sold. */
static void open_repairing(void) {
    perp_config config;
    world_config(&config);
    config.scheduler.auto_repair = 1;
    w = world_open(&config);
    run_pair(w, 1);
    full(1, 0, 0.25, BTC_MID);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
}

START_TEST(a_repair_that_is_requeued_again_and_again_leaves_a_sound_book) {
    perp_uuid repair = repair_id("BTC", 1);
    for (uint32_t i = 1; i <= 3; i++) {
        pass(w, MINUTE);
        tick(w);
        id_state_is(w, &repair, PERP_JOB_RUNNING);
        finish_all(w, &repair, PERP_RESULT_UNKNOWN);
        ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
        checked(w);
        ck_assert_uint_eq(base_of(w, "BTC").tries, i);
    }
}
END_TEST

/* A repair that placed an order, was requeued, and runs elsewhere now. */
static struct {
    perp_uuid id;
    uint64_t order;
    perp_instrument_id was, is;
    perp_order_request request;
} moved;

static void move_repair(void) {
    tick(w);
    perp_uuid repair = moved.id = repair_id("BTC", 1);
    id_state_is(w, &repair, PERP_JOB_RUNNING);
    perp_order_request request = limit_order(0, 0, 0.1, BTC_MID);
    request.job_id = repair;
    uint64_t order = moved.order = placed(w, &request);
    moved.was = order_of(w, order).instrument;
    tell(w, order, PERP_NEWS_CANCELLED);
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    /* Where it was is down now: it is chosen anew elsewhere. */
    perp_exchange_status status = {order_of(w, order).exchange, PERP_API_DOWN, w->now};
    ok(w, perp_market_on_status(w->market, &status));
    pass(w, 5 * SECOND);
    tick(w);
    id_state_is(w, &repair, PERP_JOB_RUNNING);
    request.quantity = 0.05;
    uint64_t second = placed(w, &request);
    moved.is = order_of(w, second).instrument;
    ck_assert_uint_ne(moved.was, moved.is);
    ck_assert_uint_eq(order_of(w, second).attempt, 2);
    moved.request = request;
}

START_TEST(a_fill_of_where_a_repair_was_before_counts_there_and_once) {
    move_repair();
    perp_uuid repair = moved.id;
    uint64_t order = moved.order;
    perp_instrument_id was = moved.was, is = moved.is;
    perp_order_request request = moved.request;
    double before = position_of(w, was).quantity;
    perp_usd volume = capital_of(w, order_of(w, order).exchange).today.volume;
    fill(w, order, "late", 0.1, BTC_MID);
    ck_assert_double_eq_tol(position_of(w, was).quantity, before - 0.1, 1e-15);
    ck_assert_double_eq(position_of(w, is).quantity, 0);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-15); /* in full, as a repair's */
    ck_assert_int_eq(capital_of(w, order_of(w, order).exchange).today.volume - volume,
                     USD(0.1 * BTC_MID));
    perp_job_info job = {.struct_size = sizeof job};
    ok(w, perp_scheduler_job(w->scheduler, &repair, &job));
    ck_assert_int_eq(job.volume, USD(0.1 * BTC_MID)); /* and to its job */
    ck_assert_int_eq(job.pnl, order_of(w, order).pnl);
    perp_order_news again = fill_of(order, "late", 0.1, BTC_MID);
    fails(w, PERP_E_EXISTS, hears(w, &again));
    /* What it may still sell elsewhere is that much less. */
    request.quantity = 0.15;
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0.1, 1e-12);
}
END_TEST

/* What it opened there is its lot, and is closed with it. */
START_TEST(a_repair_is_closed_outside_wherever_it_has_lots) {
    world_api(w, ALPHA, PERP_API_DOWN);
    world_api(w, DELTA, PERP_API_DOWN);
    tick(w);
    perp_uuid repair = repair_id("BTC", 1);
    perp_order_request request = limit_order(0, 0, 0.1, BTC_MID);
    request.job_id = repair;
    uint64_t order = placed(w, &request);
    perp_instrument_id was = order_of(w, order).instrument;
    double before = position_of(w, was).quantity;
    perp_usd used = capital_of(w, order_of(w, order).exchange).total_used;
    tell(w, order, PERP_NEWS_CANCELLED);
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    fill(w, order, "late", 0.1, BTC_MID);
    world_api(w, order_of(w, order).exchange, PERP_API_DOWN);
    world_api(w, ALPHA, PERP_API_UP);
    pass(w, 5 * SECOND);
    tick(w);
    perp_job_info job = {.struct_size = sizeof job};
    ok(w, perp_scheduler_job(w->scheduler, &repair, &job));
    ck_assert_uint_ne(job.job.legs[0].instrument, was);
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &repair, &result, NULL));
    id_state_is(w, &repair, PERP_JOB_OPEN);
    ck_assert_double_eq_tol(position_of(w, was).quantity, before - 0.1, 1e-15);
    double naked = base_of(w, "BTC").naked;
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &repair, 0, 0, 0));
    checked(w);
    id_state_is(w, &repair, PERP_JOB_CLOSED);
    ck_assert_double_eq_tol(position_of(w, was).quantity, before, 1e-15);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, naked + 0.1, 1e-12);
    ck_assert_int_eq(capital_of(w, order_of(w, order).exchange).total_used, used);
}
END_TEST

/* It was requeued, and then an order of it turned out to have filled in part. */
START_TEST(a_repair_with_a_late_fill_is_ordered_for_all_that_is_left_to_square) {
    tick(w);
    perp_uuid repair = repair_id("BTC", 1);
    perp_order_request request = limit_order(0, 0, 0.1, BTC_MID);
    request.job_id = repair;
    uint64_t order = placed(w, &request);
    tell(w, order, PERP_NEWS_CANCELLED);
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    fill(w, order, "late", 0.1, BTC_MID);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-15);
    ck_assert_double_eq_tol(base_of(w, "BTC").to_square, 0.15, 1e-15);
    pass(w, 5 * SECOND);
    tick(w);
    id_state_is(w, &repair, PERP_JOB_RUNNING);
    perp_job_info job = {.struct_size = sizeof job};
    ok(w, perp_scheduler_job(w->scheduler, &repair, &job));
    ck_assert_double_eq_tol(job.job.legs[0].quantity, 0.25, 1e-15); /* with what it filled */
    ck_assert_int_eq(job.job.notional, 7500300000);
    ck_assert_double_eq_tol(base_of(w, "BTC").to_square, 0, 1e-15);
    request.quantity = 0.16;
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_OVER_LEG);
    request.quantity = 0.15;
    uint64_t second = placed(w, &request);
    checked(w);
    fill(w, second, "rest", 0.15, BTC_MID);
    ck_assert_double_eq(base_of(w, "BTC").naked, 0);
}
END_TEST

START_TEST(what_a_total_says_of_where_a_repair_was_before_is_booked_once_too) {
    move_repair();
    perp_order_news news = total_of(moved.order, 0.1, BTC_MID);
    news.fee = USD(1);
    told_of(w, &news);
    news.fee = USD(3); /* no more was filled */
    news.has_pnl = 1;
    news.pnl = USD(-2);
    for (int i = 0; i < 2; i++) {
        told_of(w, &news);
        perp_order_info info = order_of(w, moved.order);
        ck_assert_int_eq(info.fees, USD(3));
        ck_assert_int_eq(info.pnl, USD(-2));
        ck_assert_int_eq(capital_of(w, info.exchange).today.fees, USD(3));
        ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-15);
    }
}
END_TEST

/* ---- What executors say of jobs that have orders ------------------------------------------------
 */

static struct {
    uint32_t outcome;
    uint64_t order;
    int n;
    perp_status of_second[4]; /* placing for job 2, at each turn */
} executed;

/* Places an order, and then says that nothing was sent. */
static void execute_and_place(void *user, const perp_execution *job, uint32_t *outcome) {
    struct world *world = user;
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = job->job_id;
    request.quantity = 0.1;
    request.price = job->orders[0].limit_price;
    perp_call call;
    perp_call_init(&call);
    call.now_ns = world->now;
    if (perp_orders_place(perp_core_orders(world->core), &call, &request, &answer) == PERP_OK)
        executed.order = answer.order;
    /* One that was dispatched with it and was not handed over yet. */
    request.job_id = id_of(2);
    executed.of_second[executed.n++] =
        perp_orders_place(perp_core_orders(world->core), &call, &request, &answer);
    *outcome = executed.outcome;
}

START_TEST(that_nothing_was_sent_is_not_believed_of_a_job_with_orders) {
    const uint32_t outcomes[] = {PERP_OUTCOME_REFUSED, PERP_OUTCOME_DECLINED,
                                 PERP_OUTCOME_IN_DOUBT};
    for (int i = 0; i < 3; i++) {
        memset(&executed, 0, sizeof executed);
        executed.outcome = outcomes[i];
        w = world_open_with(NULL, execute_and_place);
        perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
        tick(w);
        ck_assert_uint_eq(executed.order, 1);
        state_is(w, 1, PERP_JOB_IN_DOUBT);
        order_is(w, 1, PERP_ORDER_NEW);
        ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
        perp_uuid id = id_of(1);
        fails(w, PERP_E_STATE, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
        fill(w, 1, "a", 0.1, BTC_MID);
        fails(w, PERP_E_STATE, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
        ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
        world_close(w);
    }
}
END_TEST

START_TEST(a_job_takes_no_orders_before_its_turn) {
    memset(&executed, 0, sizeof executed);
    executed.outcome = PERP_OUTCOME_ACCEPTED;
    w = world_open_with(NULL, execute_and_place);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.priority = 50;
    submit(w, &job);
    job = pair_job(2, w->btc[BETA], w->btc[GAMMA]);
    job.legs[0].side = PERP_SIDE_SELL; /* as the first there, which it must not meet */
    job.legs[1].side = PERP_SIDE_BUY;
    job.priority = 1;
    submit(w, &job);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2);
    ck_assert_int_eq(executed.of_second[0], PERP_E_STATE); /* at the first's turn */
    ck_assert_int_eq(executed.of_second[1], PERP_OK);
    ck_assert_uint_eq(desk_of(w).placed_total, 3);
    world_close(w);
}
END_TEST

/* ---- Which are forgotten ------------------------------------------------------------------------
 */

START_TEST(orders_are_kept_as_long_as_their_job) {
    perp_config config;
    world_config(&config);
    config.scheduler.history_size = 1;
    w = world_open(&config);
    uint64_t orders[3];
    for (uint32_t n = 1; n <= 3; n++) {
        run_pair(w, n);
        orders[n - 1] = place(w, n, 0, 0.1);
        tell(w, orders[n - 1], PERP_NEWS_CANCELLED);
        tell(w, place(w, n, 1, 0.1), PERP_NEWS_REJECTED);
        finish_by_orders(w, n);
        ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    }
    ck_assert_uint_eq(desk_of(w).kept, 2);
    ck_assert_uint_eq(desk_of(w).placed_total, 6);
    perp_order_info info = {.struct_size = sizeof info};
    expect(w, PERP_E_NOT_FOUND, perp_orders_get(desk(w), orders[0], &info));
    perp_order_news news = fill_of(orders[1], "late", 0.1, BTC_MID);
    fails(w, PERP_E_NOT_FOUND, hears(w, &news));
    news = fill_of(orders[2], "late", 0.1, BTC_MID);
    told_of(w, &news); /* of the last, which is then open and none of the ended */
    state_is(w, 3, PERP_JOB_OPEN);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    run_pair(w, 4);
    ck_assert_uint_eq(place(w, 4, 0, 0.1), 7); /* numbers are never used again */
    world_close(w);
}
END_TEST

static uint64_t allocations(void) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ok(w, perp_core_statistics(w->core, &stats));
    return stats.allocations;
}

/* A job with some orders and fills that ends flat by a trade by hand. */
static void whole_way(uint32_t n, uint64_t *in_orders) {
    static const char *const ids[] = {"1", "2", "3", "4"};
    run_pair(w, n);
    uint64_t before = allocations();
    for (uint32_t leg = 0; leg < 2; leg++) {
        tell(w, place(w, n, leg, 0.1), PERP_NEWS_CANCELLED);
        uint64_t order = place(w, n, leg, 0.2);
        tell(w, order, PERP_NEWS_ACCEPTED);
        for (int i = 0; i < 4; i++)
            fill(w, order, ids[i], 0.05, BTC_MID);
        order = place(w, n, leg, 0.05);
        ok(w, perp_orders_cancel_sent(desk(w), nowc(w), order));
        perp_order_news news = total_of(order, 0.05, BTC_MID);
        told_of(w, &news);
    }
    *in_orders += allocations() - before;
    finish_by_orders(w, n);
    perp_uuid id = id_of(n);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &id, 0, 0, 0));
    pass(w, SECOND);
}

START_TEST(once_warm_neither_orders_nor_fills_ask_for_memory) {
    perp_config config;
    world_config(&config);
    config.scheduler.history_size = 4;
    config.orders.repeat_limit = 100;
    w = world_open(&config);
    uint64_t in_orders = 0;
    for (uint32_t n = 1; n <= 400; n++) {
        if (n == 201) {
            ck_assert_uint_gt(in_orders, 0); /* there was something to make */
            in_orders = 0;
        }
        whole_way(n, &in_orders);
    }
    ck_assert_uint_eq(in_orders, 0);
    world_close(w);
}
END_TEST

/* ---- The allow-list -----------------------------------------------------------------------------
 */

static int allowed(const perp_job *job) {
    return (evaluated(w, job).reasons & PERP_REASON_BIT(PERP_REASON_NOT_ALLOWED)) == 0;
}

START_TEST(once_it_has_a_row_what_none_names_is_refused) {
    perp_job btc = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job eth = pair_job(2, w->eth[ALPHA], w->eth[BETA]);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    ck_assert(allowed(&btc) && allowed(&eth));
    fails(w, PERP_E_INVALID, perp_risk_allow(w->risk, nowc(w), "", ALL_X, PERP_ALL_STRATEGIES, 1));
    fails(w, PERP_E_NOT_FOUND,
          perp_risk_allow(w->risk, nowc(w), "BTC/*", 50, PERP_ALL_STRATEGIES, 1));
    fails(w, PERP_E_NOT_FOUND,
          perp_risk_allow(w->risk, signedc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 0));
    ok(w, perp_risk_allow(w->risk, nowc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 1));
    ck_assert(allowed(&btc) && !allowed(&eth));
    ok(w, perp_risk_allow(w->risk, nowc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 1)); /* is there */
    fails(w, PERP_E_INVALID,
          perp_risk_allow(w->risk, nowc(w), "ETH/USDT:USDT", ALPHA, PERP_STRATEGY_WASH, 1));
    ok(w, perp_risk_allow(w->risk, signedc(w), "ETH/USDT:USDT", ALPHA, PERP_STRATEGY_WASH, 1));
    ck_assert(!allowed(&eth)); /* its other leg is at beta */
    ok(w, perp_risk_allow(w->risk, signedc(w), "ETH/USDT:USDT", BETA, PERP_STRATEGY_WASH, 1));
    ck_assert(allowed(&eth));
    eth.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    ck_assert(!allowed(&eth));
    ok(w, perp_risk_allow(w->risk, nowc(w), "ETH/USDT:USDT", BETA, PERP_STRATEGY_WASH, 0));
    ok(w, perp_risk_allow(w->risk, nowc(w), "ETH/USDT:USDT", ALPHA, PERP_STRATEGY_WASH, 0));
    fails(w, PERP_E_INVALID,
          perp_risk_allow(w->risk, nowc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 0)); /* the last */
    ok(w, perp_risk_allow(w->risk, signedc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 0));
    ck_assert(allowed(&btc) && allowed(&eth));
}
END_TEST

START_TEST(a_base_is_not_the_beginning_of_another) {
    ok(w, perp_risk_allow(w->risk, nowc(w), "BT/*", ALL_X, PERP_ALL_STRATEGIES, 1));
    perp_job btc = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    ck_assert(!allowed(&btc));
    ok(w, perp_risk_allow(w->risk, signedc(w), "BTC/USDT:USD", ALL_X, PERP_ALL_STRATEGIES, 1));
    ck_assert(!allowed(&btc));
    ok(w, perp_risk_allow(w->risk, signedc(w), "BTC/USDT:USDT", ALL_X, PERP_ALL_STRATEGIES, 1));
    ck_assert(allowed(&btc));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("orders_end");
    TCase *own = tcase_create("own world"), *itself = tcase_create("by itself"),
          *repair = tcase_create("repair"), *other = tcase_create("other worlds");
    tcase_add_checked_fixture(own, open_world, close_world);
    tcase_add_checked_fixture(itself, open_auto, close_world);
    tcase_add_checked_fixture(repair, open_repairing, close_world);
    tcase_add_test(own, what_its_orders_filled_is_what_it_did);
    tcase_add_test(own, none_that_stands_is_left_behind);
    tcase_add_test(own, a_job_is_told_by_its_orders_or_by_its_host_not_by_both);
    tcase_add_test(own, with_nothing_filled_it_failed_or_did_nothing);
    tcase_add_test(own, only_an_exchange_that_rejected_is_blamed);
    tcase_add_test(own, an_exchange_that_rejected_and_then_filled_is_not);
    tcase_add_test(own, unknown_puts_it_in_doubt_and_leaves_its_orders);
    tcase_add_test(own, out_of_doubt_only_once_no_order_is);
    tcase_add_test(own, a_tick_finds_what_prices_have_made_unhedged);
    tcase_add_test(own, a_late_fill_counts_as_naked_at_once_and_opens_the_job_again);
    tcase_add_test(own, drift_is_what_a_late_fill_explains_first);
    tcase_add_test(own, a_job_that_waits_again_keeps_what_came_late);
    tcase_add_test(own, once_it_has_a_row_what_none_names_is_refused);
    tcase_add_test(own, a_base_is_not_the_beginning_of_another);
    tcase_add_test(itself, it_finishes_with_the_last_fill_in_the_same_commit);
    tcase_add_test(itself, not_while_another_stands_nor_with_a_leg_that_is_not_full);
    tcase_add_test(itself, the_end_of_one_that_is_not_needed_any_more_finishes_it);
    tcase_add_test(itself, full_and_apart_it_is_partial_in_the_same_commit);
    tcase_add_test(itself, a_job_in_doubt_finishes_by_itself_too);
    tcase_add_test(repair, a_repair_that_is_requeued_again_and_again_leaves_a_sound_book);
    tcase_add_test(repair, a_fill_of_where_a_repair_was_before_counts_there_and_once);
    tcase_add_test(repair, a_repair_is_closed_outside_wherever_it_has_lots);
    tcase_add_test(repair, a_repair_with_a_late_fill_is_ordered_for_all_that_is_left_to_square);
    tcase_add_test(repair, what_a_total_says_of_where_a_repair_was_before_is_booked_once_too);
    tcase_add_test(other, that_nothing_was_sent_is_not_believed_of_a_job_with_orders);
    tcase_add_test(other, a_job_takes_no_orders_before_its_turn);
    tcase_add_test(other, orders_are_kept_as_long_as_their_job);
    tcase_add_test(other, once_warm_neither_orders_nor_fills_ask_for_memory);
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, itself);
    suite_add_tcase(suite, repair);
    suite_add_tcase(suite, other);
    return run_suite(suite);
}
