/* Every call of the public interface, on the full book. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "full_words.h"

#define ROOM (1 << 20)

/* Where reads write to. */
static struct {
    char text[ROOM];
    size_t length;
    uint32_t n, m;
    uint64_t number;
    double value;
    perp_usd amount;
    perp_uuid ids[64];
    perp_evaluation evaluation;
    perp_monitor_state state;
    perp_refusal refusal;
    perp_config config;
} out;

#define TEXT out.text, sizeof out.text, &out.length
#define SIZED(type) (&(type){.struct_size = sizeof(type)})

static perp_refusal *refusal(void) {
    out.refusal = (perp_refusal){.struct_size = sizeof out.refusal};
    return &out.refusal;
}

static perp_evaluation *evaluation(void) {
    perp_evaluation_init(&out.evaluation);
    return &out.evaluation;
}

static const perp_job *job_of(uint8_t n, perp_instrument_id buy, perp_instrument_id sell) {
    static perp_job job;
    job = full_job(n, buy, sell);
    return &job;
}

static perp_monitor_state *snapshot(void) {
    memset(&out.state, 0, sizeof out.state);
    out.state.struct_size = sizeof out.state;
    return &out.state;
}

static perp_status evaluation_json(struct full *f) {
    perp_status status = perp_risk_evaluate(RISK, f->now, job_of(98, 1, 3), evaluation());
    return status == PERP_OK ? perp_evaluation_json(CORE, &out.evaluation, TEXT) : status;
}

static perp_status config_json(void) {
    perp_config_init(&out.config);
    return perp_config_to_json(&out.config, TEXT);
}

static perp_status config_of_text(void) {
    static const char text[] = "{\"risk\":{\"max_depeg_bps\":60}}";
    perp_config_init(&out.config);
    return perp_config_from_json(text, sizeof text - 1, &out.config);
}

static perp_status config_check(void) {
    perp_config_init(&out.config);
    return perp_config_check(&out.config);
}

static perp_status core_config(struct full *f) {
    perp_config_init(&out.config);
    return perp_core_config(CORE, &out.config);
}

static perp_status job_of_text(struct full *f) {
    static const char text[] =
        "{\"job_id\":\"10000000-0000-0000-0000-000000000063\",\"strategy_type\":\"arb\","
        "\"notional\":100,\"legs\":[{\"exchange\":\"a\",\"symbol\":"
        "\"ETH/USDT:USDT\",\"side\":\"buy\",\"quantity\":1}]}";
    static char metadata[PERP_MAX_METADATA];
    perp_job job;
    perp_job_init(&job);
    return perp_job_from_json(CORE, text, sizeof text - 1, &job, metadata);
}

static perp_status fill_hedge(struct full *f) {
    perp_job job;
    perp_job_init(&job);
    job.notional = USD(1000);
    return perp_job_fill_hedge(CORE, f->now, 1, 3, &job);
}

static perp_status fill_exit(struct full *f) {
    perp_job job;
    perp_job_init(&job);
    return perp_job_fill_exit(CORE, f->now, ID(1), 1, &job);
}

/* A leg's rest twice: the gate refuses the second. */
static perp_status place_many(struct full *f) {
    perp_order_request requests[2];
    perp_order_answer answers[2];
    for (int i = 0; i < 2; i++) {
        perp_order_request_init(&requests[i]);
        perp_order_answer_init(&answers[i]);
        requests[i].job_id = *ID(8);
        requests[i].leg = 1;
        requests[i].quantity = 3;
        requests[i].price = 2500;
    }
    return perp_orders_place_many(ORDERS, CALL, requests, 2, answers);
}

static perp_status reconcile(struct full *f) {
    static const char *const listed[] = {"nobody's", "nor this one"};
    return perp_orders_reconcile(ORDERS, CALL, A, f->now + 2, listed, 2, NULL);
}

static perp_status list_orders(struct full *f) {
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    return perp_orders_list(ORDERS, &filter, &out.number, 1, &out.n);
}

static perp_status finish_in_all(struct full *f, uint8_t n) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.pnl = 77;
    result.volume = USD(25000);
    return perp_scheduler_finish(SCHEDULER, CALL, ID(n), &result, NULL);
}

static perp_status finish_repair(struct full *f, uint32_t status) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = status;
    return perp_scheduler_finish(SCHEDULER, CALL, REPAIR, &result, NULL);
}

static perp_status finish_by_orders(struct full *f) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    return perp_scheduler_finish(SCHEDULER, CALL, ID(8), &result, NULL);
}

static perp_status amend(struct full *f) {
    perp_leg_result legs[2] = {
        {.filled = 0.26, .price = 50000, .fee = 4, .time_ns = PERP_TIME_NONE, .known = 1},
        {.filled = 0.25, .price = 50000, .fee = 4, .time_ns = PERP_TIME_NONE, .known = 1}};
    return perp_scheduler_amend(SCHEDULER, CALL, ID(1), legs, 2);
}

static perp_status tick_with(struct full *f, uint32_t outcome) {
    f->outcome = outcome;
    return perp_scheduler_tick(SCHEDULER, CALL, &f->tick);
}

static perp_status kill(struct full *f, uint32_t on, perp_exchange_id exchange) {
    return perp_scheduler_kill(SCHEDULER, on ? CALL : SIGNED, on, exchange, out.ids, 64, &out.n);
}

static perp_status feed_book(struct full *f) {
    const perp_book_level bid = {2500, 10}, ask = {2501, 10};
    const perp_book book = {1, 1, 1, 0, f->now, &bid, &ask};
    return perp_market_on_book(MARKET, &book);
}

static perp_status walk_book(void) {
    const perp_book_level levels[] = {{2500, 1}, {2501, 10}};
    perp_walk walk = {.struct_size = sizeof walk};
    return perp_walk_book(PERP_SIDE_BUY, levels, 2, 3, &walk);
}

static perp_status liquidation(void) {
    const perp_liquidation position = {.struct_size = sizeof position,
                                       .side = PERP_SIDE_BUY,
                                       .quantity = 1,
                                       .entry_price = 100,
                                       .wallet_balance = 20,
                                       .maintenance_rate = 0.005};
    return perp_liquidation_price(&position, &out.value);
}

static perp_status settlements(void) {
    const perp_funding funding = {0, 0, START, 0.0001, 8, START + SECOND};
    return perp_funding_settlements(&funding, START, START + 2 * SECOND, &out.value);
}

static perp_status parse_uuid(void) {
    return perp_uuid_parse("10000000-0000-0000-0000-000000000001", 36, &out.ids[0]);
}

/* A store that nobody takes over. */
static perp_status memory_store(void) {
    perp_store store;
    perp_status status = perp_store_memory_open(&store);
    if (status == PERP_OK)
        store.close(store.user);
    return status;
}

static void close_book(struct full *f) {
    (void)perp_core_close(CORE);
    CORE = NULL;
}

static perp_status close_it(struct full *f) {
    perp_status status = perp_core_close(CORE);
    CORE = NULL;
    return status;
}

#if PERP_WITH_SQLITE
/* Closed again: it is what the next call begins with. */
static perp_status sqlite_store(struct full *f) {
    perp_sqlite_options options;
    perp_store store;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    perp_status status = perp_store_sqlite_open(f->path, &options, &store);
    if (status != PERP_OK)
        return status;
    store.close(store.user);
    return full_open(f);
}
#endif

/* Of the records of the file; the book itself is opened beside it after that. */
static perp_status replay(struct full *f) {
    perp_core *core = NULL;
    perp_config config = f->config;
#if PERP_WITH_SQLITE
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    options.read_only = 1;
    perp_status opened =
        f->path ? perp_store_sqlite_open(f->path, &options, &config.store) : PERP_OK;
    if (opened != PERP_OK)
        return opened;
#endif
    perp_status status = perp_core_replay(&config, 0, NULL, NULL, &core);
    perp_core_close(core);
    return status == PERP_OK ? full_open(f) : status;
}

/* A rule comes before the first job and tick of a run. */
static perp_status open_with_rule(struct full *f) {
    perp_status status = full_open(f);
    if (status != PERP_OK)
        return status;
    status = full_rule(f, "desk_limit");
    if (status != PERP_OK)
        close_book(f);
    return status;
}

static void many_changes(struct full *f) {
    for (int i = 0; i < 30; i++)
        (void)perp_capital_record_pnl(CAPITAL, CALL, B, 1, 1, 1, NULL);
}

static void later(struct full *f, int64_t seconds) {
    f->now += seconds * SECOND;
    full_feed(f);
}

static void no_stops(struct full *f) {
    (void)perp_resolve(CORE, SIGNED, "BTC");
    (void)perp_accept_position(CORE, SIGNED, 6);
    later(f, 1);
}

/* X(function, what it does to the book, what is done before it, the call) */
#define NOTHING ((void)0)
#define CALLS(X)                                                                                   \
    X(perp_core_open, OPENS, close_book(f), full_open(f))                                          \
    X(perp_core_open, OPENS, (many_changes(f), close_book(f)), full_open(f))                       \
    X(perp_core_close, CLOSES, NOTHING, close_it(f))                                               \
    X(perp_core_flush, READS, NOTHING, perp_core_flush(CORE))                                      \
    X(perp_core_flush_async, READS, NOTHING, perp_core_flush_async(CORE, &out.number))             \
    X(perp_core_durable, READS, NOTHING, perp_core_durable(CORE, &out.number))                     \
    X(perp_store_sync, READS, NOTHING, perp_store_sync(CORE))                                      \
    X(perp_core_checkpoint, READS, NOTHING, perp_core_checkpoint(CORE))                            \
    X(perp_core_checkpoint, READS,                                                                 \
      (many_changes(f), (void)perp_core_checkpoint(CORE), many_changes(f)),                        \
      perp_core_checkpoint(CORE))                                                                  \
    X(perp_core_check, READS, NOTHING, perp_core_check(CORE))                                      \
    X(perp_core_config, READS, NOTHING, core_config(f))                                            \
    X(perp_core_advance, CHANGES, later(f, 1000), perp_core_advance(CORE, SIGNED))                 \
    X(perp_core_advance, CHANGES, later(f, 90000), perp_core_advance(CORE, SIGNED))                \
    X(perp_core_reconfigure, CHANGES, NOTHING,                                                     \
      perp_core_reconfigure(CORE, SIGNED, "{\"risk\":{\"max_depeg_bps\":70}}", 29))                \
    X(perp_core_statistics, READS, NOTHING, perp_core_statistics(CORE, SIZED(perp_core_stats)))    \
    X(perp_core_feasibility, READS, NOTHING, perp_core_feasibility(CORE, NULL, 0, &out.n))         \
    X(perp_exchange_add, CHANGES, NOTHING, full_exchange(f, "e", ""))                              \
    X(perp_exchange_update, CHANGES, NOTHING, full_update_exchange(f, 3))                          \
    X(perp_exchange_find, READS, NOTHING, perp_exchange_find(CORE, "b", &out.n))                   \
    X(perp_exchange_get, READS, NOTHING, perp_exchange_get(CORE, B, SIZED(perp_exchange_spec)))    \
    X(perp_instrument_add, CHANGES, NOTHING,                                                       \
      full_instrument(f, B, "DOGE/USDT:USDT", PERP_KIND_PERP, "", 0))                              \
    X(perp_instrument_update, CHANGES, NOTHING, full_update_instrument(f, 0.5))                    \
    X(perp_instrument_find, READS, NOTHING,                                                        \
      perp_instrument_find(CORE, A, "ETH/USDT:USDT", &out.n))                                      \
    X(perp_instrument_get, READS, NOTHING,                                                         \
      perp_instrument_get(CORE, 3, SIZED(perp_instrument_spec)))                                   \
    X(perp_core_replay, OPENS, close_book(f), replay(f))                                           \
    X(perp_store_memory_open, READS, NOTHING, memory_store())                                      \
    X(perp_capital_update_equity, CHANGES, NOTHING,                                                \
      perp_capital_update_equity(CAPITAL, CALL, A, USD(1000007)))                                  \
    X(perp_capital_update_equity, CHANGES, NOTHING,                                                \
      perp_capital_update_equity(CAPITAL, CALL, C, USD(1)))                                        \
    X(perp_capital_transfer, CHANGES, NOTHING, perp_capital_transfer(CAPITAL, CALL, A, 5, 1))      \
    X(perp_capital_correct, CHANGES, NOTHING,                                                      \
      perp_capital_correct(CAPITAL, SIGNED, C, USD(900000), NULL))                                 \
    X(perp_capital_set_day_offset, CHANGES, NOTHING,                                               \
      perp_capital_set_day_offset(CAPITAL, SIGNED, 90))                                            \
    X(perp_capital_set_safe_mode, STANDS, NOTHING,                                                 \
      perp_capital_set_safe_mode(CAPITAL, CALL, B, 1))                                             \
    X(perp_capital_set_safe_mode, CHANGES, NOTHING,                                                \
      perp_capital_set_safe_mode(CAPITAL, SIGNED, D, 0))                                           \
    X(perp_capital_record_pnl, CHANGES, NOTHING,                                                   \
      perp_capital_record_pnl(CAPITAL, CALL, B, 5, 6, 7, ID(44)))                                  \
    X(perp_capital_record_pnl, CHANGES, later(f, 90000),                                           \
      perp_capital_record_pnl(CAPITAL, CALL, B, 5, 6, 7, NULL))                                    \
    X(perp_capital_reserve, CHANGES, NOTHING, full_reserve(f, PERP_POOL_WASH, ID(45)))             \
    X(perp_capital_reserve_for_wash, CHANGES, NOTHING,                                             \
      perp_capital_reserve_for_wash(CAPITAL, CALL, B, USD(9), NULL, &out.number, refusal()))       \
    X(perp_capital_reserve_for_arb, CHANGES, NOTHING,                                              \
      perp_capital_reserve_for_arb(CAPITAL, CALL, B, USD(9), ID(46), &out.number, refusal()))      \
    X(perp_capital_confirm, CHANGES, NOTHING, perp_capital_confirm(CAPITAL, CALL, 1, USD(10)))     \
    X(perp_capital_release, CHANGES, NOTHING, perp_capital_release(CAPITAL, CALL, 1, 0))           \
    X(perp_capital_release, CHANGES, NOTHING, perp_capital_release(CAPITAL, CALL, 2, USD(20)))     \
    X(perp_capital_can_reserve_for_job, READS, NOTHING,                                            \
      perp_capital_can_reserve_for_job(CAPITAL, job_of(97, 1, 3), refusal()))                      \
    X(perp_capital_reserve_for_job, CHANGES, NOTHING,                                              \
      perp_capital_reserve_for_job(CAPITAL, CALL, job_of(97, 1, 3), (uint64_t[PERP_MAX_LEGS]){0},  \
                                   &out.n, refusal()))                                             \
    X(perp_capital_headroom, READS, NOTHING,                                                       \
      perp_capital_headroom(CAPITAL, A, PERP_POOL_ARB, &out.amount, &out.n))                       \
    X(perp_capital_snapshot, READS, NOTHING,                                                       \
      perp_capital_snapshot(CAPITAL, A, SIZED(perp_capital_state)))                                \
    X(perp_capital_reservations, READS, NOTHING,                                                   \
      perp_capital_reservations(CAPITAL, PERP_ALL_EXCHANGES, NULL, 0, &out.n))                     \
    X(perp_config_from_json, READS, NOTHING, config_of_text())                                     \
    X(perp_config_check, READS, NOTHING, config_check())                                           \
    X(perp_config_to_json, READS, NOTHING, config_json())                                          \
    X(perp_market_on_quote, READS, NOTHING,                                                        \
      perp_market_on_quote(MARKET, &(perp_quote){1, 0, f->now, 2499, 1, 2500, 1}))                 \
    X(perp_market_on_book, READS, NOTHING, feed_book(f))                                           \
    X(perp_market_on_trade, READS, NOTHING,                                                        \
      perp_market_on_trade(MARKET, &(perp_trade){1, 0, f->now, 2500, 1}))                          \
    X(perp_market_on_mark, READS, NOTHING,                                                         \
      perp_market_on_mark(MARKET, &(perp_mark){1, 0, f->now, 2501}))                               \
    X(perp_market_on_funding, READS, NOTHING,                                                      \
      perp_market_on_funding(MARKET,                                                               \
                             &(perp_funding){1, 0, f->now, 0.0002, 8, f->now + 9000 * SECOND}))    \
    X(perp_market_on_latency, READS, NOTHING,                                                      \
      perp_market_on_latency(MARKET, &(perp_latency){A, 0, f->now, 20}))                           \
    X(perp_market_on_status, READS, NOTHING,                                                       \
      perp_market_on_status(MARKET, &(perp_exchange_status){A, PERP_API_DOWN, f->now}))            \
    X(perp_market_on_rate, READS, NOTHING,                                                         \
      perp_market_on_rate(MARKET, &(perp_rate){"USDT", f->now, 0.999}))                            \
    X(perp_market_on_withdraw, READS, NOTHING,                                                     \
      perp_market_on_withdraw(MARKET, &(perp_withdrawal){1, 0, f->now}))                           \
    X(perp_market_set_source, READS, NOTHING, perp_market_set_source(MARKET, &full_source))        \
    X(perp_market_query, READS, NOTHING,                                                           \
      perp_market_query(MARKET, 6, f->now, SIZED(perp_market_state)))                              \
    X(perp_market_query_exchange, READS, NOTHING,                                                  \
      perp_market_query_exchange(MARKET, A, f->now, SIZED(perp_exchange_state)))                   \
    X(perp_monitor_snapshot, READS, NOTHING, perp_monitor_snapshot(CORE, f->now, snapshot()))      \
    X(perp_monitor_json, READS, NOTHING, perp_monitor_json(CORE, f->now, TEXT))                    \
    X(perp_monitor_alerts, READS, NOTHING, perp_monitor_alerts(CORE, f->now, NULL, 0, &out.n))     \
    X(perp_monitor_watch, READS, NOTHING, perp_monitor_watch(CORE, f->now))                        \
    X(perp_monitor_changes, READS, NOTHING, perp_monitor_changes(CORE, 1, NULL, 0, &out.n))        \
    X(perp_orders_place, CHANGES, NOTHING, full_place(f, 8, 0, 1))                                 \
    X(perp_orders_place_many, CHANGES, NOTHING, place_many(f))                                     \
    X(perp_orders_tell, STANDS, NOTHING, full_hear(f, 1, PERP_NEWS_FILL, "f2", 0.5))               \
    X(perp_orders_tell, STANDS, NOTHING, full_hear(f, 3, PERP_NEWS_TOTAL, NULL, 2))                \
    X(perp_orders_tell, STANDS, NOTHING, full_hear(f, 2, PERP_NEWS_FILL, "late", 0.5))             \
    X(perp_orders_tell, CHANGES, NOTHING, full_hear(f, 3, PERP_NEWS_REJECTED, NULL, 0))            \
    X(perp_orders_cancel_sent, CHANGES, NOTHING, perp_orders_cancel_sent(ORDERS, CALL, 1))         \
    X(perp_orders_settled, CHANGES,                                                                \
      ((void)full_finish(f, 8, PERP_RESULT_UNKNOWN, 0, 0),                                         \
       (void)full_hear(f, 3, PERP_NEWS_ACCEPTED, NULL, 0),                                         \
       (void)full_hear(f, 1, PERP_NEWS_ACCEPTED, NULL, 0)),                                        \
      perp_orders_settled(ORDERS, CALL, ID(8)))                                                    \
    X(perp_orders_reconcile, CHANGES, NOTHING, reconcile(f))                                       \
    X(perp_orders_get, READS, NOTHING, perp_orders_get(ORDERS, 1, SIZED(perp_order_info)))         \
    X(perp_orders_find, READS, NOTHING,                                                            \
      (perp_orders_client_id(ORDERS, A, ID(8), 0, 1, out.text) == PERP_OK                          \
           ? perp_orders_find(ORDERS, out.text, &out.number)                                       \
           : PERP_E_INVALID))                                                                      \
    X(perp_orders_list, READS, NOTHING, list_orders(f))                                            \
    X(perp_orders_client_id, READS, NOTHING,                                                       \
      perp_orders_client_id(ORDERS, A, ID(8), 0, 1, out.text))                                     \
    X(perp_orders_collar, READS, NOTHING,                                                          \
      perp_orders_collar(ORDERS, 1, PERP_SIDE_BUY, 0, f->now, &out.value))                         \
    X(perp_orders_query, READS, NOTHING,                                                           \
      perp_orders_query(ORDERS, f->now, SIZED(perp_orders_state)))                                 \
    X(perp_account, CHANGES, NOTHING, full_account(f, A))                                          \
    X(perp_position, CHANGES, NOTHING, full_position(f, 3, -7))                                    \
    X(perp_accept_position, CHANGES, NOTHING, perp_accept_position(CORE, SIGNED, 6))               \
    X(perp_resolve, CHANGES,                                                                       \
      ((void)perp_scheduler_requeue(SCHEDULER, CALL, REPAIR),                                      \
       (void)perp_scheduler_cancel(SCHEDULER, CALL, REPAIR)),                                      \
      perp_resolve(CORE, SIGNED, "BTC"))                                                           \
    X(perp_resume_repair, CHANGES,                                                                 \
      ((void)perp_scheduler_requeue(SCHEDULER, CALL, REPAIR),                                      \
       (void)perp_scheduler_cancel(SCHEDULER, CALL, REPAIR)),                                      \
      perp_resume_repair(CORE, CALL, "BTC"))                                                       \
    X(perp_record_cash, CHANGES, NOTHING,                                                          \
      perp_record_cash(CORE, CALL, A, PERP_CASH_FUNDING, -7, ID(47), 1))                           \
    X(perp_record_fill, STANDS, NOTHING, full_fill_of_ours(f, 48, 5))                              \
    X(perp_record_fill, STANDS, NOTHING, full_fill_of_ours(f, 49, 1))                              \
    X(perp_positions_query, READS, NOTHING,                                                        \
      perp_positions_query(POSITIONS, 0, f->now, SIZED(perp_position_state)))                      \
    X(perp_positions_lots, READS, NOTHING, perp_positions_lots(POSITIONS, 0, NULL, 0, &out.n))     \
    X(perp_positions_base, READS, NOTHING,                                                         \
      perp_positions_base(POSITIONS, 0, f->now, SIZED(perp_base_state)))                           \
    X(perp_risk_evaluate, READS, NOTHING,                                                          \
      perp_risk_evaluate(RISK, f->now, job_of(98, 1, 3), evaluation()))                            \
    X(perp_evaluation_json, READS, NOTHING, evaluation_json(f))                                    \
    X(perp_risk_add_rule, OPENS, close_book(f), open_with_rule(f))                                 \
    X(perp_risk_rule_changed, READS, NOTHING, perp_risk_rule_changed(RISK, PERP_REASON_HOST_1))    \
    X(perp_risk_record_success, CHANGES, NOTHING, perp_risk_record_success(RISK, CALL, C))         \
    X(perp_risk_record_failure, CHANGES, NOTHING, perp_risk_record_failure(RISK, CALL, A))         \
    X(perp_risk_reset_halt, CHANGES, NOTHING, perp_risk_reset_halt(RISK, SIGNED))                  \
    X(perp_risk_reset_strategy, CHANGES, NOTHING,                                                  \
      perp_risk_reset_strategy(RISK, SIGNED, PERP_STRATEGY_ARB))                                   \
    X(perp_risk_set_mode, STANDS, NOTHING, perp_risk_set_mode(RISK, CALL, PERP_MODE_CONSERVATIVE)) \
    X(perp_risk_set_mode, CHANGES, NOTHING,                                                        \
      perp_risk_set_mode(RISK, SIGNED, PERP_MODE_AGGRESSIVE))                                      \
    X(perp_risk_manual_override, CHANGES, NOTHING,                                                 \
      perp_risk_manual_override(RISK, SIGNED, 1, 5000, NULL))                                      \
    X(perp_risk_manual_override, CHANGES, NOTHING,                                                 \
      perp_risk_manual_override(RISK, CALL, 0, PERP_TIME_NONE, ID(6)))                             \
    X(perp_risk_blacklist, STANDS, NOTHING, perp_risk_blacklist(RISK, CALL, "NEW/USDT", 1))        \
    X(perp_risk_blacklist, CHANGES, NOTHING, perp_risk_blacklist(RISK, SIGNED, "BTC/USDT", 0))     \
    X(perp_risk_allow, CHANGES, NOTHING,                                                           \
      perp_risk_allow(RISK, SIGNED, "SOL/*", A, PERP_STRATEGY_ARB, 1))                             \
    X(perp_risk_allow, CHANGES, NOTHING,                                                           \
      perp_risk_allow(RISK, CALL, "BTC/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 0))            \
    X(perp_risk_halt_instrument, STANDS, NOTHING, perp_risk_halt_instrument(RISK, CALL, 1, 1))     \
    X(perp_risk_halt_instrument, CHANGES, NOTHING, perp_risk_halt_instrument(RISK, SIGNED, 6, 0))  \
    X(perp_risk_set_collateral, CHANGES, NOTHING,                                                  \
      perp_risk_set_collateral(RISK, CALL, B, "ETH", 1.5, 0.1))                                    \
    X(perp_risk_query, READS, NOTHING, perp_risk_query(RISK, SIZED(perp_risk_state)))              \
    X(perp_risk_latches, READS, NOTHING, perp_risk_latches(RISK, NULL, 0, &out.n))                 \
    X(perp_risk_describe_json, READS, NOTHING, perp_risk_describe_json(RISK, TEXT))                \
    X(perp_liquidation_price, READS, NOTHING, liquidation())                                       \
    X(perp_walk_book, READS, NOTHING, walk_book())                                                 \
    X(perp_funding_payment, READS, NOTHING,                                                        \
      perp_funding_payment(PERP_SIDE_BUY, 1, 100, 0.0001, &out.value))                             \
    X(perp_funding_rate, READS, NOTHING,                                                           \
      perp_funding_rate(0.0001, 0.0001, 0.0005, 1, 0.02, &out.value))                              \
    X(perp_funding_settlements, READS, NOTHING, settlements())                                     \
    X(perp_uuid_parse, READS, NOTHING, parse_uuid())                                               \
    X(perp_job_from_json, READS, NOTHING, job_of_text(f))                                          \
    X(perp_job_fill_hedge, READS, NOTHING, fill_hedge(f))                                          \
    X(perp_job_fill_exit, READS, NOTHING, fill_exit(f))                                            \
    X(perp_scheduler_submit, CHANGES, NOTHING, full_submit(f, 20, 1, 3))                           \
    X(perp_scheduler_submit, CHANGES, NOTHING, full_submit_exit(f, 21, 1))                         \
    X(perp_scheduler_cancel, CHANGES, NOTHING, perp_scheduler_cancel(SCHEDULER, CALL, ID(6)))      \
    X(perp_scheduler_cancel, CHANGES, NOTHING, perp_scheduler_cancel(SCHEDULER, CALL, ID(4)))      \
    X(perp_scheduler_tick, HANDS, later(f, 1), tick_with(f, PERP_OUTCOME_ACCEPTED))                \
    X(perp_scheduler_tick, HANDS, no_stops(f), tick_with(f, PERP_OUTCOME_ACCEPTED))                \
    X(perp_scheduler_tick, HANDS, no_stops(f), tick_with(f, PERP_OUTCOME_REFUSED))                 \
    X(perp_scheduler_tick, HANDS, no_stops(f), tick_with(f, PERP_OUTCOME_DECLINED))                \
    X(perp_scheduler_tick, HANDS, no_stops(f), tick_with(f, PERP_OUTCOME_IN_DOUBT))                \
    X(perp_tick_result_free, READS, NOTHING, (perp_tick_result_free(&f->tick), PERP_OK))           \
    X(perp_scheduler_finish, STANDS, NOTHING, full_finish(f, 3, PERP_RESULT_COMPLETED, 5, 5))      \
    X(perp_scheduler_finish, STANDS, NOTHING, full_finish(f, 3, PERP_RESULT_COMPLETED, 4, 1))      \
    X(perp_scheduler_finish, STANDS, NOTHING, finish_in_all(f, 4))                                 \
    X(perp_scheduler_finish, STANDS, NOTHING, full_finish(f, 4, PERP_RESULT_FAILED, 0, 0))         \
    X(perp_scheduler_finish, STANDS, NOTHING, full_finish(f, 15, PERP_RESULT_NOTHING, 0, 0))       \
    X(perp_scheduler_finish, STANDS, NOTHING, full_finish(f, 15, PERP_RESULT_UNKNOWN, 0, 0))       \
    X(perp_scheduler_finish, STANDS, NOTHING, finish_repair(f, PERP_RESULT_COMPLETED))             \
    X(perp_scheduler_finish, STANDS, NOTHING, finish_repair(f, PERP_RESULT_FAILED))                \
    X(perp_scheduler_finish, STANDS,                                                               \
      ((void)full_hear(f, 1, PERP_NEWS_CANCELLED, NULL, 0),                                        \
       (void)full_hear(f, 3, PERP_NEWS_TOTAL, NULL, 2)),                                           \
      finish_by_orders(f))                                                                         \
    X(perp_scheduler_progress, STANDS, NOTHING, full_progress(f, 3, 3, 1))                         \
    X(perp_scheduler_progress, STANDS, NOTHING, full_progress(f, 4, 1, 1))                         \
    X(perp_scheduler_amend, STANDS, NOTHING, amend(f))                                             \
    X(perp_scheduler_close, CHANGES, NOTHING,                                                      \
      perp_scheduler_close(SCHEDULER, CALL, ID(1), 10, 20, 30))                                    \
    X(perp_scheduler_requeue, CHANGES, NOTHING, perp_scheduler_requeue(SCHEDULER, CALL, ID(5)))    \
    X(perp_scheduler_requeue, CHANGES, NOTHING, perp_scheduler_requeue(SCHEDULER, CALL, REPAIR))   \
    X(perp_scheduler_flatten, CHANGES, NOTHING,                                                    \
      perp_scheduler_flatten(SCHEDULER, SIGNED, PERP_ALL_EXCHANGES, NULL, ID(60), NULL))           \
    X(perp_scheduler_pause, STANDS, NOTHING, perp_scheduler_pause(SCHEDULER, CALL))                \
    X(perp_scheduler_resume, CHANGES, NOTHING, perp_scheduler_resume(SCHEDULER, SIGNED))           \
    X(perp_scheduler_kill, STANDS, NOTHING, kill(f, 1, PERP_ALL_EXCHANGES))                        \
    X(perp_scheduler_kill, STANDS, NOTHING, kill(f, 1, B))                                         \
    X(perp_scheduler_kill, CHANGES, NOTHING, kill(f, 0, D))                                        \
    X(perp_scheduler_set_limits, STANDS, NOTHING, full_limits(f))                                  \
    X(perp_scheduler_job, READS, NOTHING,                                                          \
      perp_scheduler_job(SCHEDULER, ID(3), SIZED(perp_job_info)))                                  \
    X(perp_scheduler_evaluate, READS, NOTHING,                                                     \
      perp_scheduler_evaluate(SCHEDULER, f->now, ID(6), evaluation()))                             \
    X(perp_scheduler_job_metadata, READS, NOTHING,                                                 \
      perp_scheduler_job_metadata(SCHEDULER, ID(6), TEXT))                                         \
    X(perp_scheduler_list, READS, NOTHING,                                                         \
      perp_scheduler_list(SCHEDULER, PERP_JOB_RUNNING, out.ids, 64, &out.n))                       \
    X(perp_scheduler_query, READS, NOTHING,                                                        \
      perp_scheduler_query(SCHEDULER, SIZED(perp_scheduler_state)))                                \
    SQLITE_CALLS(X)

#if PERP_WITH_SQLITE
#define SQLITE_CALLS(X) X(perp_store_sqlite_open, OPENS, close_book(f), sqlite_store(f))
#else
#define SQLITE_CALLS(X)
#endif

static const struct full_call CALLS_OF[] = {
#define X(function, kind, before, expression) {#function, #expression, FULL_##kind},
    CALLS(X)
#undef X
};

int full_calls(void) {
    return (int)(sizeof CALLS_OF / sizeof *CALLS_OF);
}

const struct full_call *full_call_at(int n) {
    return &CALLS_OF[n];
}

void full_before(struct full *f, int n) {
    int at = 0;
#define X(function, kind, before, expression)                                                      \
    if (n == at++) {                                                                               \
        before;                                                                                    \
        return;                                                                                    \
    }
    CALLS(X)
#undef X
}

perp_status full_call(struct full *f, int n) {
    int at = 0;
#define X(function, kind, before, expression)                                                      \
    if (n == at++) {                                                                               \
        (void)sizeof(&function);                                                                   \
        return expression;                                                                         \
    }
    CALLS(X)
#undef X
    return PERP_E_INVALID;
}

static int ends_in(const char *text, const char *end) {
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

int full_can_not_fail(const char *name) {
    static const char *const names[] = {"perp_core_capital",
                                        "perp_core_market",
                                        "perp_core_positions",
                                        "perp_core_risk",
                                        "perp_core_scheduler",
                                        "perp_core_orders",
                                        "perp_core_error",
                                        "perp_core_hash",
                                        "perp_core_clock",
                                        "perp_exchange_count",
                                        "perp_gate_unit",
                                        "perp_instrument_count",
                                        "perp_positions_base_count",
                                        "perp_uuid_format",
                                        "perp_version_number"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return ends_in(name, "_init") || ends_in(name, "_string");
}
