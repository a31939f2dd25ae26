/* A host that plays through the whole library with the structs of the headers that it was compiled
   with, which may be those of an older or a newer release. What it prints is the same with all of
   them: what an older host does not know has its default. Behind each struct lie bytes that the
   library must never touch.
   SAME: compiled with the library's own headers. NEWER: each struct has `newer` at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <perpcore/perpcore.h>

#define PATTERN 0xA5
#define SECOND INT64_C(1000000000)
#define START INT64_C(1767225600000000000)

/* Every struct that the host hands to the library. */
#define STRUCTS(X)                                                                                 \
    X(perp_config, config)                                                                         \
    X(perp_sqlite_options, options)                                                                \
    X(perp_call, call)                                                                             \
    X(perp_exchange_spec, exchange)                                                                \
    X(perp_instrument_spec, instrument)                                                            \
    X(perp_core_stats, stats)                                                                      \
    X(perp_refusal, refusal)                                                                       \
    X(perp_capital_state, capital)                                                                 \
    X(perp_market_source, source)                                                                  \
    X(perp_market_state, market)                                                                   \
    X(perp_exchange_state, exchange_state)                                                         \
    X(perp_job, job)                                                                               \
    X(perp_evaluation, evaluation)                                                                 \
    X(perp_tick_result, tick)                                                                      \
    X(perp_job_result, result)                                                                     \
    X(perp_finish_outcome, outcome)                                                                \
    X(perp_job_info, info)                                                                         \
    X(perp_limits, limits)                                                                         \
    X(perp_scheduler_state, scheduler)                                                             \
    X(perp_risk_state, risk)                                                                       \
    X(perp_account_report, account)                                                                \
    X(perp_recorded_fill, fill)                                                                    \
    X(perp_position_state, position)                                                               \
    X(perp_base_state, base)                                                                       \
    X(perp_flatten_result, flattened)                                                              \
    X(perp_host_rule, rule)                                                                        \
    X(perp_order_request, request)                                                                 \
    X(perp_order_answer, answer)                                                                   \
    X(perp_order_news, news)                                                                       \
    X(perp_order_outcome, told)                                                                    \
    X(perp_order_info, order_info)                                                                 \
    X(perp_order_filter, filter)                                                                   \
    X(perp_reconciled, reconciled)                                                                 \
    X(perp_orders_state, desk)                                                                     \
    X(perp_monitor_state, snapshot)                                                                \
    X(perp_liquidation, liquidation)                                                               \
    X(perp_walk, walk)

#define DEFINE(type, name)                                                                         \
    static struct {                                                                                \
        type it;                                                                                   \
        unsigned char behind[64];                                                                  \
    } name##_room;                                                                                 \
    static type *const name = &name##_room.it;
STRUCTS(DEFINE)

static const struct {
    const char *name;
    unsigned char *behind;
    size_t size;
} guards[] = {
#define GUARD(type, name) {#name, name##_room.behind, sizeof name##_room.behind},
    STRUCTS(GUARD)};
#define N_GUARDS (sizeof guards / sizeof guards[0])

static perp_core *core;
static perp_instrument_id instruments[2];
static unsigned failures;

static void check(int holds, const char *what, int line) {
    if (!holds) {
        printf("line %d: %s\n", line, what);
        failures++;
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)

static void guards_set(void) {
    for (size_t i = 0; i < N_GUARDS; i++)
        memset(guards[i].behind, PATTERN, guards[i].size);
}

static void guards_hold(int line) {
    for (size_t i = 0; i < N_GUARDS; i++)
        for (size_t k = 0; k < guards[i].size; k++)
            if (guards[i].behind[k] != PATTERN) {
                printf("line %d: what lies behind %s was written to\n", line, guards[i].name);
                failures++;
                guards_set();
            }
}

static void must(perp_status status, const char *what, int line) {
    guards_hold(line);
    if (status == PERP_OK)
        return;
    printf("line %d: %s: %s: %s (%s)\n", line, what, perp_status_string(status),
           perp_core_error(core), perp_core_error(NULL));
    exit(1);
}
#define MUST(expression) must(expression, #expression, __LINE__)

/* An init function fills the struct of the release that brought it. Here that is the library's,
   so that a host of another release gets as much of it as it knows. */
#ifdef SAME
#define INIT(type, name) type##_init(name)
#else
static union {
    uint64_t aligned;
    unsigned char bytes[1 << 16];
} release;
#define INIT(type, name)                                                                           \
    do {                                                                                           \
        memset(&release, 0, sizeof release);                                                       \
        type##_init((type *)(void *)release.bytes);                                                \
        memcpy(name, release.bytes, sizeof *name);                                                 \
        name->struct_size = sizeof *name;                                                          \
    } while (0)
#endif

/* A call that fills a struct: whatever was in it is overwritten or made zero, its size stays. */
#define FILL_FIXED(name, expression)                                                               \
    do {                                                                                           \
        memset(name, PATTERN, sizeof *name);                                                       \
        name->struct_size = sizeof *name;                                                          \
        MUST(expression);                                                                          \
        CHECK(name->struct_size == sizeof *name);                                                  \
    } while (0)
#define FILL(name, expression)                                                                     \
    do {                                                                                           \
        FILL_FIXED(name, expression);                                                              \
        TAIL_IS_ZERO(name);                                                                        \
    } while (0)

/* What the library does not know must be zero, since it could not do what it asks for. */
#ifdef NEWER
#define TAIL_IS_ZERO(name) CHECK(name->newer[0] == 0 && name->newer[1] == 0)
#define UNKNOWN_IS_REFUSED(name, expression)                                                       \
    do {                                                                                           \
        name->newer[1] = UINT64_C(1) << 56;                                                        \
        CHECK((expression) == PERP_E_INVALID);                                                     \
        name->newer[1] = 0;                                                                        \
        guards_hold(__LINE__);                                                                     \
    } while (0)
#else
#define TAIL_IS_ZERO(name) (void)name
#define UNKNOWN_IS_REFUSED(name, expression) (void)name
#endif

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    printf("execute %s, %u orders\n", perp_strategy_string(job->strategy), job->n_orders);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    printf("alert %s %u\n", perp_alert_string(alert->code), alert->active);
}

static void pulled_quote(void *user, perp_instrument_id id, int64_t now_ns, perp_quote *quote,
                         uint32_t *have) {
    (void)user, (void)now_ns, (void)quote;
    printf("asked for instrument %u\n", id);
    *have = 0;
}

static void quote_both(void) {
    call->now_ns += SECOND;
    for (int i = 0; i < 2; i++) {
        perp_quote quote = {.instrument = instruments[i], .time_ns = call->now_ns};
        quote.bid = 59999 + 60 * i;
        quote.ask = 60001 + 60 * i;
        quote.bid_size = quote.ask_size = 2;
        MUST(perp_market_on_quote(perp_core_market(core), &quote));
    }
}

static void open_core(void) {
    INIT(perp_config, config);
    MUST(perp_config_from_json("{}", 2, config));
    MUST(perp_config_check(config));
    config->callbacks.execute = execute;
    config->callbacks.on_alert = on_alert;
    UNKNOWN_IS_REFUSED(config, perp_core_open(config, &core));
    UNKNOWN_IS_REFUSED(config, perp_config_check(config));
    MUST(perp_core_open(config, &core));
    FILL(config, perp_core_config(core, config));
    char json[8192];
    size_t length;
    MUST(perp_config_to_json(config, json, sizeof json, &length));
    printf("threading %u\n", config->threading);

    INIT(perp_sqlite_options, options);
#ifdef NEWER
    perp_store store;
    options->newer[0] = 1;
    perp_status status = perp_store_sqlite_open("never made", options, &store);
    CHECK(status == PERP_E_INVALID || status == PERP_E_STATE); /* built without SQLite */
#endif
}

static void add_exchange(int i) {
    perp_exchange_id id;
    INIT(perp_exchange_spec, exchange);
    snprintf(exchange->name, sizeof exchange->name, i == 0 ? "north" : "south");
    UNKNOWN_IS_REFUSED(exchange, perp_exchange_add(core, exchange, &id));
    MUST(perp_exchange_add(core, exchange, &id));
    FILL(exchange, perp_exchange_get(core, id, exchange));
    INIT(perp_instrument_spec, instrument);
    instrument->exchange = id;
    snprintf(instrument->symbol, sizeof instrument->symbol, "BTC/USDT:USDT");
    UNKNOWN_IS_REFUSED(instrument, perp_instrument_add(core, instrument, &instruments[i]));
    MUST(perp_instrument_add(core, instrument, &instruments[i]));
    FILL(instrument, perp_instrument_get(core, instruments[i], instrument));
    printf("%s on %s\n", instrument->symbol, exchange->name);
    MUST(perp_capital_update_equity(perp_core_capital(core), call, id, 100000 * PERP_USD));
    INIT(perp_account_report, account);
    account->exchange = id;
    account->has_equity = 1;
    account->equity = 100000 * PERP_USD;
    UNKNOWN_IS_REFUSED(account, perp_account(core, call, account));
    MUST(perp_account(core, call, account));
}

static void add_market(void) {
    INIT(perp_call, call);
    call->now_ns = START;
    UNKNOWN_IS_REFUSED(call, perp_risk_record_success(perp_core_risk(core), call, PERP_NO_ID));
    add_exchange(0);
    add_exchange(1);
    memset(source, 0, sizeof *source);
    source->struct_size = sizeof *source;
    source->quote = pulled_quote;
    UNKNOWN_IS_REFUSED(source, perp_market_set_source(perp_core_market(core), source));
    MUST(perp_market_set_source(perp_core_market(core), source));
    for (int i = 0; i < 12; i++) /* until volatility is known */
        quote_both();
    FILL(market, perp_market_query(perp_core_market(core), 0, call->now_ns, market));
    printf("quoted %u\n", market->has_quote);
    FILL(exchange_state,
         perp_market_query_exchange(perp_core_market(core), 0, call->now_ns, exchange_state));
    printf("api %u\n", exchange_state->api);
}

static void reserve(void) {
    uint64_t id;
    FILL_FIXED(refusal, perp_capital_reserve(perp_core_capital(core), call, 0, PERP_POOL_ARB,
                                             1000 * PERP_USD, NULL, &id, refusal));
    printf("reserved: %s\n", perp_reason_string(refusal->reason));
    MUST(perp_capital_release(perp_core_capital(core), call, id, 0));
    FILL_FIXED(refusal, perp_capital_reserve(perp_core_capital(core), call, 0, PERP_POOL_ARB,
                                             90000 * PERP_USD, NULL, &id, refusal));
    printf("reserved: %s\n", perp_reason_string(refusal->reason));
    FILL(capital, perp_capital_snapshot(perp_core_capital(core), 0, capital));
    printf("safe mode %u\n", capital->safe_mode);
}

static void limit(void) {
    INIT(perp_limits, limits);
    limits->max_global_concurrent_jobs = 7;
    UNKNOWN_IS_REFUSED(limits, perp_scheduler_set_limits(perp_core_scheduler(core), call, limits));
    MUST(perp_scheduler_set_limits(perp_core_scheduler(core), call, limits));
}

static void submit(void) {
    static const char text[] =
        "{\"job_id\":\"00000000-0000-0000-0000-000000000001\",\"strategy_type\":\"arb\","
        "\"symbol\":\"BTC/USDT:USDT\",\"notional\":1500,\"legs\":["
        "{\"exchange\":\"north\",\"side\":\"buy\",\"quantity\":0.025},"
        "{\"exchange\":\"south\",\"side\":\"sell\",\"quantity\":0.025}]}";
    INIT(perp_job, job);
    MUST(perp_job_from_json(core, text, strlen(text), job, NULL));
    INIT(perp_job, job);
    job->job_id.bytes[15] = 1;
    job->strategy = PERP_STRATEGY_ARB;
    job->notional = 1500 * PERP_USD;
    job->expected_edge_bps = 30;
    MUST(perp_job_fill_hedge(core, call->now_ns, instruments[0], instruments[1], job));
    CHECK(job->n_legs == 2 && job->legs[1].quantity > 0);
    MUST(perp_capital_can_reserve_for_job(perp_core_capital(core), job, refusal));
    FILL(evaluation, perp_risk_evaluate(perp_core_risk(core), call->now_ns, job, evaluation));
    printf("accepted %u\n", evaluation->accepted);
    char json[16384];
    size_t length;
    MUST(perp_evaluation_json(core, evaluation, json, sizeof json, &length));
    UNKNOWN_IS_REFUSED(evaluation,
                       perp_evaluation_json(core, evaluation, json, sizeof json, &length));
    UNKNOWN_IS_REFUSED(job,
                       perp_risk_evaluate(perp_core_risk(core), call->now_ns, job, evaluation));
    UNKNOWN_IS_REFUSED(job, perp_scheduler_submit(perp_core_scheduler(core), call, job));
    MUST(perp_scheduler_submit(perp_core_scheduler(core), call, job));
}

static void run(void) {
    perp_scheduler *jobs = perp_core_scheduler(core);
    INIT(perp_tick_result, tick);
    quote_both();
    MUST(perp_scheduler_tick(jobs, call, tick));
    TAIL_IS_ZERO(tick);
    CHECK(tick->items != NULL && tick->capacity > 0 && tick->allocator.user == NULL);
    printf("tick: %u dispatched, %u items\n", tick->dispatched, tick->n_items);
    FILL(info, perp_scheduler_job(jobs, &job->job_id, info));
    printf("job: %s\n", perp_job_state_string(info->state));

    INIT(perp_job_result, result);
    result->n_legs = 2;
    for (int i = 0; i < 2; i++) {
        result->legs[i].filled = job->legs[i].quantity;
        result->legs[i].price = 60000 + 60 * i;
        result->legs[i].time_ns = PERP_TIME_NONE;
    }
    UNKNOWN_IS_REFUSED(result, perp_scheduler_finish(jobs, call, &job->job_id, result, NULL));
    FILL(outcome, perp_scheduler_finish(jobs, call, &job->job_id, result, outcome));
    printf("finished: %s\n", perp_job_state_string(outcome->state));
    MUST(perp_scheduler_tick(jobs, call, tick));
    perp_tick_result_free(tick);
    guards_hold(__LINE__);
    FILL(scheduler, perp_scheduler_query(jobs, scheduler));
    printf("paused %u\n", scheduler->paused);
}

static void leg_rule(void *user, const perp_job *asked, const perp_evaluation *so_far,
                     perp_rule_answer *answers) {
    (void)user, (void)so_far;
    answers->sense = PERP_SENSE_ABOVE;
    answers->value = asked->n_legs;
    answers->limit = 4;
}

static void add_rule(void) {
    INIT(perp_host_rule, rule);
    rule->name = "few_legs";
    rule->ask = leg_rule;
    UNKNOWN_IS_REFUSED(rule, perp_risk_add_rule(perp_core_risk(core), rule));
    MUST(perp_risk_add_rule(perp_core_risk(core), rule));
    printf("rule %s\n", perp_risk_reason_string(perp_core_risk(core), rule->reason));
}

static void order_leg(perp_orders *orders, uint32_t leg) {
    INIT(perp_order_request, request);
    request->job_id = job->job_id;
    request->leg = leg;
    request->type = PERP_ORDER_MARKET;
    request->quantity = job->legs[leg].quantity;
    UNKNOWN_IS_REFUSED(request, perp_orders_place(orders, call, request, answer));
    INIT(perp_order_answer, answer);
    FILL(answer, perp_orders_place(orders, call, request, answer));
    printf("order %llu %s\n", (unsigned long long)answer->order, answer->client_id);
    INIT(perp_order_news, news);
    news->order = answer->order;
    news->kind = PERP_NEWS_FILL;
    news->fill_id = "a";
    news->quantity = request->quantity;
    news->price = 60000 + 60 * leg;
    UNKNOWN_IS_REFUSED(news, perp_orders_tell(orders, call, news, NULL));
    FILL(told, perp_orders_tell(orders, call, news, told));
    FILL(order_info, perp_orders_get(orders, answer->order, order_info));
    printf("%s %g\n", perp_order_state_string(order_info->state), order_info->filled);
}

/* A job whose orders the library keeps. */
static void order(void) {
    perp_orders *orders = perp_core_orders(core);
    perp_scheduler *jobs = perp_core_scheduler(core);
    uint32_t count = 0;
    job->job_id.bytes[15] = 2;
    MUST(perp_scheduler_submit(jobs, call, job));
    INIT(perp_tick_result, tick);
    quote_both();
    MUST(perp_scheduler_tick(jobs, call, tick));
    perp_tick_result_free(tick);
    order_leg(orders, 0);
    order_leg(orders, 1);
    INIT(perp_order_filter, filter);
    UNKNOWN_IS_REFUSED(filter, perp_orders_list(orders, filter, NULL, 0, &count));
    MUST(perp_orders_list(orders, filter, NULL, 0, &count));
    INIT(perp_reconciled, reconciled);
    UNKNOWN_IS_REFUSED(reconciled,
                       perp_orders_reconcile(orders, call, 0, call->now_ns, NULL, 0, reconciled));
    MUST(perp_orders_reconcile(orders, call, 0, call->now_ns, NULL, 0, reconciled));
    FILL(desk, perp_orders_query(orders, call->now_ns, desk));
    printf("%u orders, %u open, %u in doubt\n", count, desk->open, reconciled->n_in_doubt);
    INIT(perp_job_result, result);
    result->from_orders = 1;
    FILL(outcome, perp_scheduler_finish(jobs, call, &job->job_id, result, outcome));
    printf("finished: %s\n", perp_job_state_string(outcome->state));
}

/* Somebody buys by hand, and all of it is left again. */
static void leave(void) {
    const perp_uuid key = {{7}};
    INIT(perp_recorded_fill, fill);
    fill->instrument = instruments[0];
    fill->side = PERP_SIDE_BUY;
    fill->quantity = 0.5;
    fill->price = 60000;
    fill->key = key;
    UNKNOWN_IS_REFUSED(fill, perp_record_fill(core, call, fill));
    MUST(perp_record_fill(core, call, fill));
    const perp_positions *positions = perp_core_positions(core);
    FILL(position, perp_positions_query(positions, instruments[0], call->now_ns, position));
    printf("position %g\n", position->quantity);
    FILL(base, perp_positions_base(positions, 0, call->now_ns, base));
    printf("base %s net %g\n", base->base, base->net);
    INIT(perp_flatten_result, flattened);
    call->actor = "host";
    call->reason = "leaves";
    UNKNOWN_IS_REFUSED(flattened,
                       perp_scheduler_flatten(perp_core_scheduler(core), call, PERP_ALL_EXCHANGES,
                                              NULL, &key, flattened));
    MUST(perp_scheduler_flatten(perp_core_scheduler(core), call, PERP_ALL_EXCHANGES, NULL, &key,
                                flattened));
    printf("to leave: %u\n", flattened->count);
    call->actor = call->reason = NULL;
}

static void watch(void) {
    static char json[65536];
    size_t length;
    FILL(risk, perp_risk_query(perp_core_risk(core), risk));
    FILL(stats, perp_core_statistics(core, stats));
    FILL(snapshot, perp_monitor_snapshot(core, call->now_ns, snapshot));
    printf("mode %u, %u exchanges\n", risk->mode, snapshot->n_exchanges);
    MUST(perp_monitor_json(core, call->now_ns, json, sizeof json, &length));
    puts(json);
    MUST(perp_risk_describe_json(perp_core_risk(core), json, sizeof json, &length));
    puts(json);
    printf("hash %016llx\n", (unsigned long long)perp_core_hash(core));
}

static void formulas(void) {
    perp_book_level level = {100, 2};
    FILL(walk, perp_walk_book(PERP_SIDE_BUY, &level, 1, 1, walk));
    memset(liquidation, 0, sizeof *liquidation);
    liquidation->struct_size = sizeof *liquidation;
    liquidation->quantity = 1;
    liquidation->entry_price = 100;
    liquidation->wallet_balance = 20;
    double price;
    MUST(perp_liquidation_price(liquidation, &price));
    printf("liquidated at %g\n", price);
    UNKNOWN_IS_REFUSED(liquidation, perp_liquidation_price(liquidation, &price));
}

int main(void) {
    guards_set();
    open_core();
    add_market();
    reserve();
    limit();
    add_rule();
    submit();
    run();
    order();
    leave();
    watch();
    formulas();
    MUST(perp_core_check(core));
    perp_core_close(core);
    guards_hold(__LINE__);
    return failures != 0;
}
