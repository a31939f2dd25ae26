/* Whoever wants more sent than the gate lets pass: in pieces, in one call, by two threads, by dying
   between the order and its answer. */
#include "orders_fixture.h"
#include "reopen.h"

#include <pthread.h>

static struct world *w;

static void close_world(void) {
    world_close(w);
}

/* ---- In pieces ----------------------------------------------------------------------------------
 */

static void open_world(void) {
    w = world_open(NULL);
}

/* What the orders of a leg may have filled in the end. */
static double most_of_leg(uint32_t job, uint32_t leg) {
    perp_order_filter filter;
    static uint64_t numbers[1024];
    uint32_t n = 0;
    double sum = 0;
    perp_order_filter_init(&filter);
    filter.has_job = 1;
    filter.job_id = id_of(job);
    ok(w, perp_orders_list(desk(w), &filter, numbers, 1024, &n));
    ck_assert_uint_le(n, 1024);
    for (uint32_t i = 0; i < n; i++) {
        perp_order_info info = order_of(w, numbers[i]);
        if (info.leg == leg)
            sum += info.state >= PERP_ORDER_FILLED ? info.filled : info.quantity;
    }
    return sum;
}

START_TEST(pieces_add_up_to_the_leg_and_no_more) {
    run_pair(w, 1);
    int n_placed = 0;
    for (int i = 0; i < 40; i++) {
        perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
        n_placed += asked(w, &request).gate == PERP_GATE_NONE;
    }
    ck_assert_int_eq(n_placed, 25);
    ck_assert_double_eq_tol(most_of_leg(1, 0), 0.25, 1e-12);
}
END_TEST

START_TEST(neither_a_cancel_nor_doubt_makes_room_only_an_end_does) {
    run_pair(w, 1);
    uint64_t order = place(w, 1, 0, 0.25);
    perp_order_request request = limit_order(1, 0, 0.01, BTC_MID);
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), order));
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_OVER_LEG);
    tell(w, order, PERP_NEWS_UNKNOWN);
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_OVER_LEG);
    tell(w, order, PERP_NEWS_CANCELLED);
    placed(w, &request);
    /* It had filled after all: what is left is that much less, and never below nothing. */
    fill(w, order, "late", 0.25, BTC_MID);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq(answer.limit, 0);
}
END_TEST

/* A report shows what the second job filled, and it is taken for the first's. */
START_TEST(a_leg_is_not_held_for_ever_to_what_another_one_filled) {
    run_pair(w, 1);
    run_pair(w, 2);
    uint64_t order = place(w, 2, 0, 0.25);
    perp_order_news news = fill_of(order, "x", 0.25, BTC_MID);
    news.time_ns = w->now;
    pass(w, 3 * SECOND);
    perp_position_report report = {.instrument = w->btc[ALPHA], .quantity = 0.25};
    report.margin_mode = PERP_MARGIN_NOT_GIVEN;
    ok(w, perp_position(w->core, nowc(w), &report, PERP_TIME_NONE));
    perp_order_request request = limit_order(1, 0, 0.25, BTC_MID);
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_OVER_LEG);
    told_of(w, &news);
    quotes(w);
    placed(w, &request);
    ck_assert_double_eq(position_of(w, w->btc[ALPHA]).unexplained, 0);
}
END_TEST

START_TEST(two_jobs_in_one_call_are_kept_apart) {
    run_pair(w, 1);
    run_pair(w, 2);
    perp_order_request requests[4] = {
        limit_order(1, 0, 0.25, BTC_MID), limit_order(2, 0, 0.25, BTC_MID),
        limit_order(1, 0, 0.01, BTC_MID), limit_order(2, 0, 0.01, BTC_MID)};
    perp_order_answer answers[4];
    for (int i = 0; i < 4; i++)
        perp_order_answer_init(&answers[i]);
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 4, answers));
    checked(w);
    ck_assert_uint_eq(answers[0].gate, PERP_GATE_NONE);
    ck_assert_uint_eq(answers[1].gate, PERP_GATE_NONE);
    ck_assert_uint_eq(answers[2].gate, PERP_GATE_OVER_LEG);
    ck_assert_uint_eq(answers[3].gate, PERP_GATE_OVER_LEG);
}
END_TEST

START_TEST(what_is_filled_twice_over_leaves_nothing) {
    run_pair(w, 1);
    uint64_t order = place(w, 1, 0, 0.1);
    fill(w, order, "a", 0.2, BTC_MID); /* twice of it: it happened */
    ck_assert_uint_eq(order_of(w, order).overfilled, 1);
    perp_order_request request = limit_order(1, 0, 0.06, BTC_MID);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0.05, 1e-15);
}
END_TEST

/* ---- A repair -----------------------------------------------------------------------------------
 */

static void open_repairing(void) {
    perp_config config;
    world_config(&config);
    config.scheduler.auto_repair = 1;
    w = world_open(&config);
}

/* 0.25 BTC were bought at alpha and nothing sold: a repair runs. */
static perp_uuid run_repair(void) {
    run_pair(w, 1);
    uint64_t order = place(w, 1, 0, 0.25);
    fill(w, order, "a", 0.25, BTC_MID);
    ck_assert_uint_eq(finish_by_orders(w, 1), PERP_JOB_PARTIAL);
    tick(w);
    perp_uuid id = repair_id("BTC", 1);
    id_state_is(w, &id, PERP_JOB_RUNNING);
    return id;
}

static perp_order_request repair_order(const perp_uuid *id, double quantity) {
    perp_order_request request = limit_order(0, 0, quantity, BTC_MID);
    request.job_id = *id;
    return request;
}

/* A trade by hand sold some of it meanwhile. */
static void sold_by_hand(double quantity) {
    perp_recorded_fill by_hand;
    perp_recorded_fill_init(&by_hand);
    by_hand.instrument = w->btc[ALPHA];
    by_hand.side = PERP_SIDE_SELL;
    by_hand.quantity = quantity;
    by_hand.price = BTC_MID;
    by_hand.key = id_of(900);
    ok(w, perp_record_fill(w->core, nowc(w), &by_hand));
    checked(w);
}

START_TEST(a_repair_orders_what_is_naked_and_no_more_in_pieces_either) {
    perp_uuid id = run_repair();
    sold_by_hand(0.1);
    ck_assert_double_eq_tol(base_of(w, "BTC").naked, 0.15, 1e-12);
    perp_order_request request = repair_order(&id, 0.2);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0.15, 1e-12);
    request.quantity = 0.1;
    uint64_t first = placed(w, &request);
    answer = asked(w, &request); /* 0.1 of the 0.15 may be filled already */
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0.05, 1e-12);
    request.quantity = 0.05;
    placed(w, &request);
    fill(w, first, "a", 0.1, BTC_MID);
    answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq_tol(answer.limit, 0, 1e-12);
}
END_TEST

START_TEST(a_repair_orders_nothing_once_the_other_side_is_naked) {
    perp_uuid id = run_repair();
    sold_by_hand(0.25);
    perp_order_request request = repair_order(&id, 0.001);
    perp_order_answer answer = asked(w, &request);
    ck_assert_uint_eq(answer.gate, PERP_GATE_OVER_LEG);
    ck_assert_double_eq(answer.limit, 0);
}
END_TEST

/* ---- Client ids that would be the same ----------------------------------------------------------
 */

START_TEST(two_orders_never_have_one_client_id_not_even_in_one_call) {
    /* The 2nd order at the first, the 12th at the other: both "12". */
    perp_exchange_spec spec;
    perp_exchange_id x[2];
    perp_instrument_id of[2];
    const char *const names[2] = {"one", "two"}, *const prefixes[2] = {"1", ""};
    for (int i = 0; i < 2; i++) {
        perp_exchange_spec_init(&spec);
        strcpy(spec.name, names[i]);
        strcpy(spec.client_id_prefix, prefixes[i]);
        spec.client_id_format = PERP_CLIENT_ID_U32;
        ok(w, perp_exchange_add(w->core, &spec, &x[i]));
        of[i] = world_instrument(w, x[i], "BTC/USDT:USDT", "", 0);
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x[i], USD(1000000)));
        quote_at(w, of[i], w->now, BTC_BID, BTC_ASK, 1000);
    }
    perp_job job = pair_job(1, of[0], of[1]);
    run_job(w, &job);
    place(w, 1, 1, 0.001);
    perp_order_request requests[11];
    perp_order_answer answers[11];
    for (int i = 0; i < 11; i++) {
        requests[i] = limit_order(1, i != 0, 0.001, BTC_MID);
        perp_order_answer_init(&answers[i]);
    }
    ok(w, perp_orders_place_many(desk(w), nowc(w), requests, 11, answers));
    checked(w);
    ck_assert_str_eq(answers[0].client_id, "12");
    ck_assert_str_eq(answers[9].client_id, "11");
    ck_assert_int_eq(answers[10].status, PERP_E_CONFLICT);
    ck_assert_uint_eq(answers[10].order, 0);
    uint64_t number;
    ok(w, perp_orders_find(desk(w), "12", &number));
    ck_assert_uint_eq(number, 2);
}
END_TEST

/* ---- By two threads -----------------------------------------------------------------------------
 */

enum { N_THREADS = 4, N_TRIES = 60 };

struct placer {
    pthread_t thread;
    uint32_t leg;
    uint64_t numbers[N_TRIES];
    int n, faults;
};

/* Tries to place more than the leg; tells some of what it placed, as an exchange would. */
static void *place_much(void *argument) {
    struct placer *p = argument;
    for (int i = 0; i < N_TRIES; i++) {
        perp_order_request request = limit_order(1, p->leg, 0.005, BTC_MID);
        perp_order_answer answer;
        perp_call call;
        perp_call_init(&call);
        call.now_ns = START;
        perp_order_answer_init(&answer);
        p->faults += perp_orders_place(desk(w), &call, &request, &answer) != PERP_OK;
        if (answer.gate != PERP_GATE_NONE)
            continue;
        p->numbers[p->n++] = answer.order;
        perp_order_news news = fill_of(answer.order, "f", 0.005, BTC_MID);
        if (i % 3 == 0)
            news = news_of(answer.order, PERP_NEWS_ACCEPTED);
        else if (i % 3 == 1)
            news = news_of(answer.order, PERP_NEWS_UNKNOWN);
        p->faults += perp_orders_tell(desk(w), &call, &news, NULL) != PERP_OK;
    }
    return NULL;
}

static void *cancel_much(void *argument) {
    struct placer *p = argument;
    for (int i = 0; i < 2 * N_TRIES; i++) {
        perp_orders_state state = {.struct_size = sizeof state};
        perp_call call;
        perp_call_init(&call);
        call.now_ns = START;
        p->faults += perp_orders_query(desk(w), START, &state) != PERP_OK;
        perp_order_info info = {.struct_size = sizeof info};
        if (state.placed_total)
            p->faults += perp_orders_get(desk(w), state.placed_total, &info) != PERP_OK ||
                         perp_orders_cancel_sent(desk(w), &call, state.placed_total) != PERP_OK;
    }
    return NULL;
}

START_TEST(threads_together_place_no_more_than_one) {
    static struct placer placers[N_THREADS + 1];
    memset(placers, 0, sizeof placers);
    run_pair(w, 1);
    for (uint32_t i = 0; i <= N_THREADS; i++) {
        placers[i].leg = i % 2;
        ck_assert_int_eq(pthread_create(&placers[i].thread, NULL,
                                        i < N_THREADS ? place_much : cancel_much, &placers[i]),
                         0);
    }
    int n = 0;
    uint64_t seen[4] = {0, 0, 0, 0};
    for (int i = 0; i <= N_THREADS; i++) {
        pthread_join(placers[i].thread, NULL);
        ck_assert_int_eq(placers[i].faults, 0);
        n += placers[i].n;
        for (int k = 0; k < placers[i].n; k++) {
            uint64_t number = placers[i].numbers[k];
            ck_assert_uint_lt(number, 256);
            ck_assert_uint_eq(seen[number / 64] >> number % 64 & 1, 0); /* each once */
            seen[number / 64] |= UINT64_C(1) << number % 64;
        }
    }
    checked(w);
    ck_assert_int_eq(n, 100); /* 50 a leg */
    ck_assert_uint_eq(desk_of(w).placed_total, 100);
    ck_assert_double_eq_tol(most_of_leg(1, 0), 0.25, 1e-12);
    ck_assert_double_eq_tol(most_of_leg(1, 1), 0.25, 1e-12);
}
END_TEST

/* ---- By dying in between ------------------------------------------------------------------------
 */

#if PERP_WITH_SQLITE

/* The process dies with the order durable and its answer unheard: the book is closed and opened. */
static void die(struct life *life) {
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    life_take(life, w);
    quotes(w);
    checked(w);
}

START_TEST(an_order_whose_answer_was_not_heard_counts_and_cant_be_placed_again) {
    struct life life;
    w = life_begin(&life, NULL);
    run_pair(w, 1);
    perp_order_request request = limit_order(1, 0, 0.25, BTC_MID);
    perp_order_answer unheard = asked(w, &request);
    die(&life);
    state_is(w, 1, PERP_JOB_IN_DOUBT);
    order_is(w, unheard.order, PERP_ORDER_IN_DOUBT);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    fails(w, PERP_E_STATE, perp_orders_place(desk(w), nowc(w), &request, &answer));
    perp_uuid id = id_of(1);
    fails(w, PERP_E_STATE, perp_orders_settled(desk(w), nowc(w), &id));
    /* What it was called is known without having heard it. */
    char client_id[PERP_NAME_SIZE];
    uint64_t number;
    ok(w, perp_orders_client_id(desk(w), ALPHA, &id, 0, 1, client_id));
    ck_assert_str_eq(client_id, unheard.client_id);
    ok(w, perp_orders_find(desk(w), client_id, &number));
    ck_assert_uint_eq(number, unheard.order);
    /* It is there: no room for another. */
    tell(w, number, PERP_NEWS_ACCEPTED);
    ok(w, perp_orders_settled(desk(w), nowc(w), &id));
    ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_OVER_LEG);
    /* It was never there: the next has another name. */
    tell(w, number, PERP_NEWS_REJECTED);
    perp_order_answer second = asked(w, &request);
    ck_assert_uint_eq(second.order, number + 1);
    ck_assert_str_ne(second.client_id, unheard.client_id);
    life_end(&life, w);
    w = NULL;
}
END_TEST

START_TEST(a_fill_heard_before_and_after_is_booked_once) {
    struct life life;
    w = life_begin(&life, NULL);
    run_pair(w, 1);
    uint64_t order = place(w, 1, 0, 0.25);
    fill(w, order, "f1", 0.1, BTC_MID);
    perp_usd volume = info_of(w, 1).volume;
    for (int i = 0; i < 2; i++) {
        perp_order_news again = fill_of(order, "f1", 0.1, BTC_MID);
        fails(w, PERP_E_EXISTS, hears(w, &again));
        again.price += 1;
        fails(w, PERP_E_CONFLICT, hears(w, &again));
        die(&life);
    }
    life_again(&life, w); /* and from a checkpoint */
    perp_order_news again = fill_of(order, "f1", 0.1, BTC_MID);
    fails(w, PERP_E_EXISTS, hears(w, &again));
    ck_assert_int_eq(info_of(w, 1).volume, volume);
    ck_assert_double_eq(order_of(w, order).filled, 0.1);
    life_end(&life, w);
    w = NULL;
}
END_TEST

START_TEST(what_was_used_up_of_an_allowance_stays_so) {
    struct life life;
    perp_config config;
    world_config(&config);
    config.orders.repeat_limit = 1;
    config.orders.repeat_window_ms = 60000;
    w = life_begin(&life, &config);
    run_pair(w, 1);
    perp_exchange_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.struct_size = sizeof spec;
    ok(w, perp_exchange_get(w->core, ALPHA, &spec));
    spec.order_rate_per_s = 0.1;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
    tell(w, place(w, 1, 0, 0.1), PERP_NEWS_ACCEPTED);
    tell(w, place(w, 1, 1, 0.1), PERP_NEWS_ACCEPTED);
    for (int with_checkpoint = 0; with_checkpoint < 2; with_checkpoint++) {
        if (with_checkpoint)
            ck_assert_int_eq(perp_core_checkpoint(w->core), PERP_OK);
        die(&life);
        for (uint64_t order = 1; order <= 2; order++)
            tell(w, order, PERP_NEWS_ACCEPTED);
        perp_uuid id = id_of(1);
        ok(w, perp_orders_settled(desk(w), nowc(w), &id));
        perp_order_request request = limit_order(1, 0, 0.1, BTC_MID);
        ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_ORDER_RATE);
        request.leg = 1;
        ck_assert_uint_eq(asked(w, &request).gate, PERP_GATE_REPEATED);
    }
    life_end(&life, w);
    w = NULL;
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("orders_attack");
    TCase *own = tcase_create("pieces"), *repair = tcase_create("repair"),
          *dying = tcase_create("dying");
    tcase_add_checked_fixture(own, open_world, close_world);
    tcase_add_checked_fixture(repair, open_repairing, close_world);
    tcase_add_test(own, pieces_add_up_to_the_leg_and_no_more);
    tcase_add_test(own, neither_a_cancel_nor_doubt_makes_room_only_an_end_does);
    tcase_add_test(own, a_leg_is_not_held_for_ever_to_what_another_one_filled);
    tcase_add_test(own, two_jobs_in_one_call_are_kept_apart);
    tcase_add_test(own, what_is_filled_twice_over_leaves_nothing);
    tcase_add_test(own, two_orders_never_have_one_client_id_not_even_in_one_call);
    tcase_add_test(own, threads_together_place_no_more_than_one);
    tcase_add_test(repair, a_repair_orders_what_is_naked_and_no_more_in_pieces_either);
    tcase_add_test(repair, a_repair_orders_nothing_once_the_other_side_is_naked);
#if PERP_WITH_SQLITE
    tcase_add_test(dying, an_order_whose_answer_was_not_heard_counts_and_cant_be_placed_again);
    tcase_add_test(dying, a_fill_heard_before_and_after_is_booked_once);
    tcase_add_test(dying, what_was_used_up_of_an_allowance_stays_so);
#endif
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, repair);
    suite_add_tcase(suite, dying);
    return run_suite(suite);
}
