#include "steps.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1760000000) * SECOND)
#define USD(x) ((x)*PERP_USD)

enum { A, B, C };

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    fault_book *book = user;
    book->executed++;
    if (book->on_execute != NULL) {
        book->on_execute(book->user, job);
    }
    *outcome = book->outcome;
}

void fault_config(fault_book *book, perp_config *config) {
    memset(book, 0, sizeof *book);
    config->callbacks.user = book;
    config->callbacks.execute = execute;
    config->risk.account_max_age_ms = 0;
    config->orders.repeat_limit = 5;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config->risk.modes[i].min_safety_score = 0;
    }
    book->now = START;
    book->outcome = PERP_OUTCOME_ACCEPTED;
}

perp_status fault_open(fault_book *book, const perp_config *config) {
    perp_tick_result_init(&book->tick);
    return perp_core_open(config, &book->core);
}

void fault_close(fault_book *book) {
    perp_tick_result_free(&book->tick);
    perp_core_close(book->core);
}

static perp_call call_at(const fault_book *book, int is_signed) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = book->now;
    if (is_signed) {
        call.actor = "fault";
        call.reason = "a test";
    }
    return call;
}

static perp_uuid id_of(uint8_t n) {
    perp_uuid id;
    memset(&id, 0, sizeof id);
    id.bytes[0] = 0x10;
    id.bytes[15] = n;
    return id;
}

/* The repair of BTC that waits, runs or is in doubt. */
static perp_uuid repair_of(const fault_book *book) {
    perp_base_state base = {.struct_size = sizeof base};
    if (perp_positions_base(perp_core_positions(book->core), 0, book->now, &base) != PERP_OK ||
        !base.has_repair) {
        return id_of(255);
    }
    return base.repair;
}

/* Instruments 2x and 2x + 1 are BTC and ETH on exchange x. */
static perp_job job_of(uint8_t n, uint32_t buy, uint32_t sell) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = id_of(n);
    job.notional = USD(12500);
    job.expected_edge_bps = 50;
    job.n_legs = 2;
    job.legs[0].instrument = buy;
    job.legs[0].side = PERP_SIDE_BUY;
    job.legs[1].instrument = sell;
    job.legs[1].side = PERP_SIDE_SELL;
    job.legs[0].quantity = job.legs[1].quantity = buy % 2 == 0 ? 0.25 : 5;
    return job;
}

static perp_status add_exchange(fault_book *book, const char *name) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, name);
    spec.taker_fee_bps = 1;
    return perp_exchange_add(book->core, &spec, &id);
}

static perp_status add_instrument(fault_book *book, uint32_t exchange, const char *symbol) {
    perp_tier tiers[2] = {{0, 100000, 0.004, 0, 0}, {100000, DBL_MAX, 0.01, 600, 0}};
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    strcpy(spec.symbol, symbol);
    spec.tiers = tiers;
    spec.n_tiers = 2;
    return perp_instrument_add(book->core, &spec, &id);
}

static perp_status equity(fault_book *book, uint32_t exchange) {
    perp_call call = call_at(book, 0);
    return perp_capital_update_equity(perp_core_capital(book->core), &call, exchange, USD(1000000));
}

static perp_status quotes(fault_book *book) {
    for (uint32_t i = 0; i < perp_instrument_count(book->core); i++) {
        double bid = i % 2 == 0 ? 50000 : 2500;
        perp_quote quote = {i, 0, book->now, bid, 1000, bid * 1.0001, 1000};
        perp_status status = perp_market_on_quote(perp_core_market(book->core), &quote);
        if (status == PERP_E_RANGE) { /* a leap of the feed's clock: two agree */
            status = perp_market_on_quote(perp_core_market(book->core), &quote);
        }
        if (status != PERP_OK) {
            return status;
        }
    }
    return PERP_OK;
}

/* Later, with fresh quotes; a second time it is no later. */
static perp_status at_second(fault_book *book, int64_t seconds) {
    book->now = START + seconds * SECOND;
    return quotes(book);
}

static perp_status without_quotes_at(fault_book *book, int64_t seconds) {
    book->now = START + seconds * SECOND;
    return PERP_OK;
}

static perp_status submit(fault_book *book, perp_job job) {
    perp_call call = call_at(book, 0);
    return perp_scheduler_submit(perp_core_scheduler(book->core), &call, &job);
}

static perp_status tick_with(fault_book *book, uint32_t outcome) {
    perp_call call = call_at(book, 0);
    book->outcome = outcome;
    return perp_scheduler_tick(perp_core_scheduler(book->core), &call, &book->tick);
}

/* Plans a repair, too. */
static perp_status tick_repairs(fault_book *book, uint32_t outcome) {
    return tick_with(book, outcome);
}

/* Sends a way out. */
static perp_status tick_exits(fault_book *book, uint32_t outcome) {
    return tick_with(book, outcome);
}

static perp_status progress(fault_book *book, perp_uuid id, double bought, double sold, int late) {
    perp_call call = call_at(book, 0);
    perp_scheduler *scheduler = perp_core_scheduler(book->core);
    perp_job_result result;
    perp_job_result_init(&result);
    result.legs[0].filled = bought;
    result.legs[1].filled = sold;
    result.legs[0].price = result.legs[1].price = 50000;
    return late ? perp_scheduler_amend(scheduler, &call, &id, result.legs, 2)
                : perp_scheduler_progress(scheduler, &call, &id, result.legs, 2);
}

static perp_job exit_of(const fault_book *book, uint8_t n, uint8_t of) {
    perp_job job;
    perp_uuid id = id_of(of);
    perp_job_init(&job);
    job.job_id = id_of(n);
    if (perp_job_fill_exit(book->core, book->now, &id, 1, &job) != PERP_OK) {
        abort();
    }
    return job;
}

static perp_status position(fault_book *book, uint32_t instrument, double quantity) {
    perp_call call = call_at(book, 0);
    perp_position_report report = {.instrument = instrument, .quantity = quantity};
    report.margin_mode = PERP_MARGIN_NOT_GIVEN;
    return perp_position(book->core, &call, &report, PERP_TIME_NONE);
}

/* Of B: a short position of BTC and nothing else. */
static perp_status account(fault_book *book, double quantity) {
    perp_call call = call_at(book, 0);
    perp_position_report there = {.instrument = 2, .quantity = quantity, .leverage = 3};
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = B;
    report.has_equity = 1;
    report.equity = USD(1000001);
    report.n_positions = 1;
    report.positions = &there;
    return perp_account(book->core, &call, &report);
}

static perp_status finish(fault_book *book, perp_uuid id, uint32_t n_legs, double bought,
                          uint32_t status, uint32_t flat) {
    perp_call call = call_at(book, 0);
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = status;
    result.flat = flat;
    result.n_legs = n_legs;
    result.has_totals = n_legs == 0 && status != PERP_RESULT_UNKNOWN;
    result.pnl = result.has_totals ? 77 : 0;
    result.legs[0].filled = bought;
    result.legs[0].price = 50000;
    for (uint32_t i = 0; i < n_legs; i++) {
        result.legs[i].time_ns = PERP_TIME_NONE;
    }
    return perp_scheduler_finish(perp_core_scheduler(book->core), &call, &id, &result, NULL);
}

/* All of it was told before. */
static perp_status complete(fault_book *book, perp_uuid id) {
    perp_call call = call_at(book, 0);
    perp_job_result result;
    perp_job_result_init(&result);
    return perp_scheduler_finish(perp_core_scheduler(book->core), &call, &id, &result, NULL);
}

#define ORDERS perp_core_orders(book->core)

static perp_order_request request_of(uint8_t job, uint32_t leg, double quantity) {
    perp_order_request request;
    perp_order_request_init(&request);
    request.job_id = id_of(job);
    request.leg = leg;
    request.quantity = quantity;
    request.price = 2500;
    return request;
}

static perp_status place(fault_book *book, uint8_t job, uint32_t leg, double quantity) {
    perp_call call = call_at(book, 0);
    perp_order_request request = request_of(job, leg, quantity);
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    return perp_orders_place(ORDERS, &call, &request, &answer);
}

/* A leg's rest twice: the second is refused. */
static perp_status place_twice(fault_book *book, uint8_t job, uint32_t leg, double quantity) {
    perp_call call = call_at(book, 0);
    perp_order_request requests[2] = {request_of(job, leg, quantity),
                                      request_of(job, leg, quantity)};
    perp_order_answer answers[2];
    perp_order_answer_init(&answers[0]);
    perp_order_answer_init(&answers[1]);
    return perp_orders_place_many(ORDERS, &call, requests, 2, answers);
}

/* fill: the id of a trade; NULL: a total, or another kind without a quantity. */
static perp_status hear(fault_book *book, uint64_t order, uint32_t kind, const char *fill,
                        double quantity) {
    perp_call call = call_at(book, 0);
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = order;
    news.kind = kind;
    news.fill_id = fill;
    news.text = "as an exchange says it";
    news.exchange_id = kind == PERP_NEWS_ACCEPTED ? "x" : NULL;
    news.quantity = quantity;
    news.price = quantity > 0 ? 2500 : 0;
    news.fee = quantity > 0 ? 9 : 0;
    return perp_orders_tell(ORDERS, &call, &news, NULL);
}

static perp_status filled(fault_book *book, uint64_t order, const char *fill, double quantity) {
    return hear(book, order, fill ? PERP_NEWS_FILL : PERP_NEWS_TOTAL, fill, quantity);
}

/* Of A the second order is not among those that it lists, and one that is nobody's is. */
static perp_status reconcile(fault_book *book) {
    static const char *const listed[] = {"nobody's"};
    perp_call call = call_at(book, 0);
    return perp_orders_reconcile(ORDERS, &call, A, book->now + 1, listed, 1, NULL);
}

static perp_status by_orders(fault_book *book, uint8_t job) {
    perp_call call = call_at(book, 0);
    perp_uuid id = id_of(job);
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    return perp_scheduler_finish(perp_core_scheduler(book->core), &call, &id, &result, NULL);
}

static perp_status reserve(fault_book *book, const perp_uuid *key) {
    perp_call call = call_at(book, 0);
    uint64_t id;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    return perp_capital_reserve(perp_core_capital(book->core), &call, A, PERP_POOL_ARB, USD(100),
                                key, &id, &refusal);
}

static perp_status reserve_for_job(fault_book *book) {
    perp_call call = call_at(book, 0);
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    perp_refusal refusal;
    perp_job job = job_of(99, 0, 2);
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    return perp_capital_reserve_for_job(perp_core_capital(book->core), &call, &job, ids, &n,
                                        &refusal);
}

static perp_status limits(fault_book *book) {
    perp_call call = call_at(book, 1);
    perp_limits l;
    perp_limits_init(&l);
    l.max_global_concurrent_jobs = 20;
    l.exchange = B;
    l.max_concurrent = 5;
    return perp_scheduler_set_limits(perp_core_scheduler(book->core), &call, &l);
}

static perp_status json(fault_book *book) {
    size_t length = 0, room = 1 << 20;
    char *text = malloc(room);
    if (text == NULL) {
        abort();
    }
    perp_status status = perp_monitor_json(book->core, book->now, text, room, &length);
    free(text);
    return status;
}

static perp_status evaluate(fault_book *book) {
    perp_evaluation e;
    perp_job job = job_of(98, 1, 3);
    perp_evaluation_init(&e);
    return perp_risk_evaluate(perp_core_risk(book->core), book->now, &job, &e);
}

/* By hand, of the position that is no job's. */
static perp_status record_fill(fault_book *book, uint8_t key, double quantity) {
    perp_call call = call_at(book, 0);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = 4;
    fill.side = PERP_SIDE_SELL;
    fill.quantity = quantity;
    fill.price = 50000;
    fill.fee = 3;
    fill.key = id_of(key);
    return perp_record_fill(book->core, &call, &fill);
}

static perp_status update_exchange(fault_book *book) {
    perp_call call = call_at(book, 1);
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    perp_status status = perp_exchange_get(book->core, C, &spec);
    spec.taker_fee_bps = 2;
    spec.max_concurrent = 7;
    return status == PERP_OK ? perp_exchange_update(book->core, &call, &spec) : status;
}

static perp_status update_instrument(fault_book *book) {
    perp_call call = call_at(book, 1);
    const perp_tier tiers[] = {
        {0, 50000, 0.005, 0, 0}, {50000, 200000, 0.01, 250, 0}, {200000, DBL_MAX, 0.02, 2250, 0}};
    perp_instrument_spec spec = {.struct_size = sizeof spec};
    perp_status status = perp_instrument_get(book->core, 4, &spec);
    spec.tiers = tiers;
    spec.n_tiers = 3;
    spec.qty_step = 0.25;
    return status == PERP_OK ? perp_instrument_update(book->core, &call, &spec) : status;
}

/* The first job's id is the key. */
static perp_status flatten(fault_book *book, uint8_t key) {
    perp_call call = call_at(book, 1);
    perp_uuid first = id_of(key);
    return perp_scheduler_flatten(perp_core_scheduler(book->core), &call, C, "BTC", &first, NULL);
}

static perp_job with_metadata(void) {
    perp_job job = job_of(3, 1, 3);
    job.metadata = "what the host wants to keep";
    job.metadata_size = 27;
    return job;
}

/* X(call on `book`): the steps. CALL and SIGNED give the call's arguments; SCH and so on the
   modules. */
#define CALL (call = call_at(book, 0), &call)
#define SIGNED (call = call_at(book, 1), &call)
#define ID(n) (id = id_of(n), &id)
#define REPAIR (id = repair_of(book), &id)
#define CAP perp_core_capital(book->core)
#define RISK perp_core_risk(book->core)
#define SCH perp_core_scheduler(book->core)
#define STEPS(X)                                                                                   \
    X(add_exchange(book, "a"))                                                                     \
    X(add_exchange(book, "b"))                                                                     \
    X(add_exchange(book, "c"))                                                                     \
    X(add_instrument(book, A, "BTC/USDT:USDT"))                                                    \
    X(add_instrument(book, A, "ETH/USDT:USDT"))                                                    \
    X(add_instrument(book, B, "BTC/USDT:USDT"))                                                    \
    X(add_instrument(book, B, "ETH/USDT:USDT"))                                                    \
    X(add_instrument(book, C, "BTC/USDT:USDT"))                                                    \
    X(add_instrument(book, C, "ETH/USDT:USDT"))                                                    \
    X(equity(book, A))                                                                             \
    X(equity(book, B))                                                                             \
    X(equity(book, C))                                                                             \
    X(quotes(book))                                                                                \
    X(perp_capital_transfer(CAP, CALL, C, USD(5), 0))                                              \
    X(reserve(book, NULL))                                                                         \
    X(reserve(book, ID(40)))                                                                       \
    X(perp_capital_confirm(CAP, CALL, 1, USD(50)))                                                 \
    X(perp_capital_release(CAP, CALL, 1, USD(60)))                                                 \
    X(reserve_for_job(book))                                                                       \
    X(perp_capital_record_pnl(CAP, CALL, B, 5, 6, 7, NULL))                                        \
    X(submit(book, job_of(1, 0, 2)))                                                               \
    X(submit(book, job_of(2, 0, 4)))                                                               \
    X(submit(book, with_metadata()))                                                               \
    X(evaluate(book))                                                                              \
    X(tick_with(book, PERP_OUTCOME_ACCEPTED))                                                      \
    X(json(book))                                                                                  \
    X(finish(book, id_of(1), 0, 0, PERP_RESULT_COMPLETED, 0))                                      \
    X(finish(book, id_of(2), 2, 0.25, PERP_RESULT_COMPLETED, 0))                                   \
    X(tick_repairs(book, PERP_OUTCOME_ACCEPTED))                                                   \
    X(finish(book, repair_of(book), 1, 0.125, PERP_RESULT_FAILED, 0))                              \
    X(at_second(book, 1))                                                                          \
    X(tick_repairs(book, PERP_OUTCOME_REFUSED))                                                    \
    X(perp_resume_repair(book->core, CALL, "BTC"))                                                 \
    X(tick_repairs(book, PERP_OUTCOME_IN_DOUBT))                                                   \
    X(perp_scheduler_requeue(SCH, CALL, REPAIR))                                                   \
    X(perp_scheduler_cancel(SCH, CALL, REPAIR))                                                    \
    X(perp_resume_repair(book->core, CALL, "BTC"))                                                 \
    X(finish(book, id_of(3), 0, 0, PERP_RESULT_COMPLETED, 1))                                      \
    X(perp_scheduler_close(SCH, CALL, ID(2), 10, 20, 30))                                          \
    X(perp_resolve(book->core, SIGNED, "BTC"))                                                     \
    X(submit(book, exit_of(book, 6, 1)))                                                           \
    X(tick_exits(book, PERP_OUTCOME_ACCEPTED))                                                     \
    X(progress(book, id_of(6), 0.1, 0, 0))                                                         \
    X(account(book, -0.25))                                                                        \
    X(progress(book, id_of(6), 0.125, 0.2, 0))                                                     \
    X(complete(book, id_of(6)))                                                                    \
    X(progress(book, id_of(6), 0.125, 0.25, 1))                                                    \
    X(position(book, 4, 1))                                                                        \
    X(perp_accept_position(book->core, SIGNED, 4))                                                 \
    X(perp_resolve(book->core, SIGNED, "BTC"))                                                     \
    X(at_second(book, 2))                                                                          \
    X(submit(book, job_of(4, 3, 5)))                                                               \
    X(tick_with(book, PERP_OUTCOME_IN_DOUBT))                                                      \
    X(perp_scheduler_requeue(SCH, CALL, ID(4)))                                                    \
    X(tick_with(book, PERP_OUTCOME_ACCEPTED))                                                      \
    X(finish(book, id_of(4), 0, 0, PERP_RESULT_UNKNOWN, 0))                                        \
    X(finish(book, id_of(4), 0, 0, PERP_RESULT_FAILED, 0))                                         \
    X(submit(book, job_of(5, 1, 5)))                                                               \
    X(at_second(book, 120))                                                                        \
    X(tick_with(book, PERP_OUTCOME_ACCEPTED))                                                      \
    X(submit(book, job_of(7, 1, 5)))                                                               \
    X(tick_with(book, PERP_OUTCOME_ACCEPTED))                                                      \
    X(place(book, 7, 0, 3))                                                                        \
    X(place_twice(book, 7, 1, 4))                                                                  \
    X(hear(book, 1, PERP_NEWS_ACCEPTED, NULL, 0))                                                  \
    X(filled(book, 1, "f1", 1))                                                                    \
    X(filled(book, 2, NULL, 2))                                                                    \
    X(perp_orders_cancel_sent(ORDERS, CALL, 1))                                                    \
    X(hear(book, 1, PERP_NEWS_CANCELLED, NULL, 0))                                                 \
    X(place(book, 7, 0, 4))                                                                        \
    X(reconcile(book))                                                                             \
    X(finish(book, id_of(7), 0, 0, PERP_RESULT_UNKNOWN, 0))                                        \
    X(filled(book, 3, "f1", 4))                                                                    \
    X(perp_orders_settled(ORDERS, CALL, ID(7)))                                                    \
    X(filled(book, 2, NULL, 4))                                                                    \
    X(place(book, 7, 1, 1))                                                                        \
    X(hear(book, 4, PERP_NEWS_REJECTED, NULL, 0))                                                  \
    X(by_orders(book, 7))                                                                          \
    X(filled(book, 4, "late", 1))                                                                  \
    X(perp_risk_allow(RISK, CALL, "BTC/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1))            \
    X(perp_risk_allow(RISK, SIGNED, "ETH/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1))          \
    X(perp_resolve(book->core, SIGNED, "ETH"))                                                     \
    X(perp_risk_set_mode(RISK, CALL, PERP_MODE_CONSERVATIVE))                                      \
    X(perp_risk_manual_override(RISK, SIGNED, 1, 5000, ID(6)))                                     \
    X(perp_risk_blacklist(RISK, CALL, "ETH/USDT:USDT", 1))                                         \
    X(perp_risk_blacklist(RISK, SIGNED, "ETH/USDT:USDT", 0))                                       \
    X(perp_risk_halt_instrument(RISK, CALL, 3, 1))                                                 \
    X(perp_risk_halt_instrument(RISK, SIGNED, 3, 0))                                               \
    X(perp_scheduler_kill(SCH, CALL, 1, B, NULL, 0, NULL))                                         \
    X(perp_scheduler_kill(SCH, SIGNED, 0, B, NULL, 0, NULL))                                       \
    X(perp_scheduler_pause(SCH, CALL))                                                             \
    X(perp_scheduler_resume(SCH, SIGNED))                                                          \
    X(limits(book))                                                                                \
    X(perp_risk_record_failure(RISK, CALL, A))                                                     \
    X(perp_risk_record_success(RISK, CALL, A))                                                     \
    X(perp_risk_reset_halt(RISK, SIGNED))                                                          \
    X(perp_capital_set_safe_mode(CAP, CALL, C, 1))                                                 \
    X(perp_capital_set_safe_mode(CAP, SIGNED, C, 0))                                               \
    X(perp_capital_correct(CAP, SIGNED, C, USD(900000), NULL))                                     \
    X(perp_capital_set_day_offset(CAP, SIGNED, 60))                                                \
    X(perp_risk_set_collateral(RISK, CALL, A, "BTC", 1.5, 0.1))                                    \
    X(perp_record_cash(book->core, CALL, C, PERP_CASH_FUNDING, 5, ID(41), 4))                      \
    X(record_fill(book, 42, 0.5))                                                                  \
    X(update_exchange(book))                                                                       \
    X(update_instrument(book))                                                                     \
    X(flatten(book, 50))                                                                           \
    X(tick_exits(book, PERP_OUTCOME_DECLINED))                                                     \
    X(flatten(book, 60))                                                                           \
    X(tick_exits(book, PERP_OUTCOME_ACCEPTED))                                                     \
    X(perp_scheduler_cancel(SCH, CALL, ID(60)))                                                    \
    X(finish(book, id_of(60), 1, 0.25, PERP_RESULT_COMPLETED, 0))                                  \
    X(at_second(book, 86400))                                                                      \
    X(perp_capital_record_pnl(CAP, CALL, A, 1, 1, 1, NULL))                                        \
    X(without_quotes_at(book, 900000))                                                             \
    X(perp_core_advance(book->core, SIGNED))                                                       \
    X(json(book))

static const char *const NAMES[] = {
#define X(expression) #expression,
    STEPS(X)
#undef X
};

uint64_t fault_every(void) {
    const char *given = getenv("PERP_FAULTS_EVERY");
    uint64_t every = given ? strtoull(given, NULL, 10) : 1;
    return every > 0 ? every : 1;
}

int fault_steps(void) {
    return (int)(sizeof NAMES / sizeof *NAMES);
}

const char *fault_step_name(int step) {
    return NAMES[step];
}

int fault_step_ticks(int step) {
    return strncmp(NAMES[step], "tick_", 5) == 0;
}

int fault_step_exits(int step) {
    return strncmp(NAMES[step], "tick_exits", 10) == 0;
}

int fault_step_stands(int step) {
    static const char *const calls[] = {"set_mode(RISK, CALL, PERP_MODE_CONSERVATIVE)",
                                        "blacklist(RISK, CALL, \"ETH/USDT:USDT\", 1)",
                                        "halt_instrument(RISK, CALL, 3, 1)",
                                        "kill(SCH, CALL, 1,",
                                        "pause(SCH, CALL)",
                                        "set_safe_mode(CAP, CALL, C, 1)",
                                        "limits(book)",
                                        "finish(book",
                                        "complete(book",
                                        "progress(book",
                                        "filled(book",
                                        "by_orders(book",
                                        "record_fill(book"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strstr(NAMES[step], calls[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

perp_status fault_step(fault_book *book, int step) {
    perp_call call;
    perp_uuid id;
    int n = 0;
    (void)call;
    (void)id;
#define X(expression)                                                                              \
    if (step == n++) {                                                                             \
        return expression;                                                                         \
    }
    STEPS(X)
#undef X
    return PERP_E_INVALID;
}

int fault_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
