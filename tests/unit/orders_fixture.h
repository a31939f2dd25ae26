/* For tests of orders: a world with a pair job that runs, and short ways to place and to tell. */
#ifndef TEST_ORDERS_FIXTURE_H
#define TEST_ORDERS_FIXTURE_H

#include "fixture.h"

#include <math.h>

static inline perp_orders *desk(struct world *w) {
    return perp_core_orders(w->core);
}

/* A limit order at the mid of BTC, or at the price given. */
static inline perp_order_request limit_order(uint32_t job, uint32_t leg, double quantity,
                                             double price) {
    perp_order_request request;
    perp_order_request_init(&request);
    request.job_id = id_of(job);
    request.leg = leg;
    request.quantity = quantity;
    request.price = price;
    return request;
}

static inline perp_order_request market_order(uint32_t job, uint32_t leg, double quantity) {
    perp_order_request request = limit_order(job, leg, quantity, 0);
    request.type = PERP_ORDER_MARKET;
    return request;
}

static inline perp_order_answer asked(struct world *w, const perp_order_request *request) {
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    ok(w, perp_orders_place(desk(w), nowc(w), request, &answer));
    checked(w);
    return answer;
}

/* It passes; its number. */
static inline uint64_t placed(struct world *w, const perp_order_request *request) {
    perp_order_answer answer = asked(w, request);
    ck_assert_msg(answer.gate == PERP_GATE_NONE, "refused: %s, asked %.17g, limit %.17g",
                  perp_gate_string(answer.gate), answer.asked, answer.limit);
    ck_assert_uint_ne(answer.order, 0);
    ck_assert_int_eq(answer.status, PERP_OK);
    return answer.order;
}

static inline uint64_t place(struct world *w, uint32_t job, uint32_t leg, double quantity) {
    perp_order_request request = limit_order(job, leg, quantity, BTC_MID);
    return placed(w, &request);
}

/* Refused for that reason, which is all that the book then knows of it. */
#define refuses(world, request, wanted, asked_value, limit_value)                                  \
    do {                                                                                           \
        perp_orders_state before_ = desk_of(world);                                                \
        perp_order_answer answer_ = asked(world, request);                                         \
        ck_assert_str_eq(perp_gate_string(answer_.gate), perp_gate_string(wanted));                \
        ck_assert_double_eq(answer_.asked, asked_value);                                           \
        ck_assert_double_eq(answer_.limit, limit_value);                                           \
        ck_assert_uint_eq(answer_.order, 0);                                                       \
        ck_assert_str_eq(answer_.client_id, "");                                                   \
        perp_orders_state after_ = desk_of(world);                                                 \
        ck_assert_uint_eq(after_.refused_today[wanted], before_.refused_today[wanted] + 1);        \
        ck_assert_uint_eq(after_.placed_total, before_.placed_total);                              \
        ck_assert_uint_eq(after_.kept, before_.kept);                                              \
    } while (0)

static inline perp_orders_state desk_of(struct world *w) {
    perp_orders_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_orders_query(desk(w), w->now, &state));
    return state;
}

static inline perp_order_info order_of(struct world *w, uint64_t order) {
    perp_order_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_orders_get(desk(w), order, &info));
    return info;
}

static inline perp_order_news news_of(uint64_t order, uint32_t kind) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = order;
    news.kind = kind;
    return news;
}

static inline perp_order_news fill_of(uint64_t order, const char *fill_id, double quantity,
                                      double price) {
    perp_order_news news = news_of(order, PERP_NEWS_FILL);
    news.fill_id = fill_id;
    news.quantity = quantity;
    news.price = price;
    return news;
}

static inline perp_order_news total_of(uint64_t order, double filled, double average) {
    perp_order_news news = news_of(order, PERP_NEWS_TOTAL);
    news.quantity = filled;
    news.price = average;
    return news;
}

static inline perp_status hears(struct world *w, const perp_order_news *news) {
    return perp_orders_tell(desk(w), nowc(w), news, NULL);
}

static inline perp_order_outcome told_of(struct world *w, const perp_order_news *news) {
    perp_order_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    ok(w, perp_orders_tell(desk(w), nowc(w), news, &outcome));
    checked(w);
    return outcome;
}

static inline perp_order_outcome tell(struct world *w, uint64_t order, uint32_t kind) {
    perp_order_news news = news_of(order, kind);
    return told_of(w, &news);
}

static inline perp_order_outcome fill(struct world *w, uint64_t order, const char *fill_id,
                                      double quantity, double price) {
    perp_order_news news = fill_of(order, fill_id, quantity, price);
    return told_of(w, &news);
}

#define order_is(world, order, wanted)                                                             \
    ck_assert_str_eq(perp_order_state_string(order_of(world, order).state),                        \
                     perp_order_state_string(wanted))

/* Job n runs: buys 0.25 BTC at alpha, sells as much at beta. */
static inline void run_pair(struct world *w, uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
}

static inline perp_status finishes(struct world *w, uint32_t n, perp_finish_outcome *outcome) {
    perp_job_result result;
    const perp_uuid id = id_of(n);
    perp_job_result_init(&result);
    result.from_orders = 1;
    if (outcome) {
        memset(outcome, 0, sizeof *outcome);
        outcome->struct_size = sizeof *outcome;
    }
    return perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, outcome);
}

static inline uint32_t finish_by_orders(struct world *w, uint32_t n) {
    perp_finish_outcome outcome;
    ok(w, finishes(w, n, &outcome));
    checked(w);
    return outcome.state;
}

#endif
