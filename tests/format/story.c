/* The story: each part is some calls whose events a later release must still read. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define START (INT64_C(1760000000) * S)
#define USD(x) ((perp_usd)(x)*PERP_USD)
#define N_X 3

/* The book as the story goes. */
struct told {
    perp_core *core;
    perp_capital *capital;
    perp_risk *risk;
    perp_scheduler *scheduler;
    int64_t now;
    perp_call call;
    uint32_t n_jobs;
    uint32_t n_keys;
    uint32_t best; /* where prices are best for who sells */
};

void story_end(const char *what, const perp_core *core) {
    fprintf(stderr, "%s: %s\n", what, perp_core_error(core));
    exit(1);
}

#define ok(expression)                                                                             \
    do {                                                                                           \
        if ((expression) != PERP_OK)                                                               \
            story_end(#expression, t->core);                                                       \
    } while (0)

static void keep_open(void *user) {
    (void)user;
}

/* What the executor says of each job, and the call that it makes before it says so. */
static uint32_t answer = PERP_OUTCOME_ACCEPTED;
static const struct told *pauses;

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user, (void)job;
    *outcome = answer;
    if (pauses)
        (void)perp_scheduler_pause(pauses->scheduler, &pauses->call);
    pauses = NULL;
}

static void config_of(perp_config *config, const perp_store *store, int drop) {
    perp_config_init(config);
    config->store = *store;
    config->store.close = keep_open;
    config->config_wins = drop ? 1 : 0;
    config->actor = "ops";
    config->reason = "drops from now on";
    config->scheduler.on_reject = drop ? PERP_ON_REJECT_DROP : PERP_ON_REJECT_KEEP;
    config->checkpoint_every = 0;
    config->callbacks.execute = execute;
    config->capital.max_single_reserve_ppm = config->capital.max_total_notional_ppm = 1000000;
    config->scheduler.history_size = 6; /* the others are remembered as past */
    config->orders.repeat_limit = 9;
    config->orders.repeat_window_ms = 600000;
    config->orders.auto_finish = 1;
    for (int i = 0; i < PERP_MODE_COUNT; i++)
        config->risk.modes[i].min_safety_score = 0;
}

static perp_core *opened(perp_status status, perp_core **core) {
    if (status != PERP_OK)
        story_end("open", NULL);
    return *core;
}

perp_core *story_open_to(const perp_store *store, uint64_t seq) {
    perp_core *core = NULL;
    perp_config config;
    config_of(&config, store, 0);
    return opened(perp_core_replay(&config, seq, NULL, NULL, &core), &core);
}

perp_core *story_open(const perp_store *store, int from_start) {
    perp_core *core = NULL;
    perp_config config;
    if (from_start)
        return story_open_to(store, 0);
    config_of(&config, store, 0);
    return opened(perp_core_open(&config, &core), &core);
}

static void open_told(struct told *t, const perp_store *store, int drop) {
    perp_config config;
    config_of(&config, store, drop);
    t->core = NULL;
    ok(perp_core_open(&config, &t->core));
    t->capital = perp_core_capital(t->core);
    t->risk = perp_core_risk(t->core);
    t->scheduler = perp_core_scheduler(t->core);
}

static const perp_call *at(struct told *t) {
    t->now += 10 * MS;
    perp_call_init(&t->call);
    t->call.now_ns = t->now;
    t->call.actor = "frozen";
    t->call.reason = "a story";
    return &t->call;
}

static perp_uuid id_of(uint32_t n) {
    perp_uuid id = {{0x10}};
    id.bytes[14] = (uint8_t)(n >> 8);
    id.bytes[15] = (uint8_t)n;
    return id;
}

static perp_uuid key_of(struct told *t) {
    return id_of(9000 + ++t->n_keys);
}

static void quotes(struct told *t) {
    for (uint32_t i = 0; i < perp_instrument_count(t->core); i++) {
        double bid = (i % 2 ? 2500 : 50000) * (i / 2 == t->best ? 1.00005 : 1);
        const perp_quote quote = {i, 0, t->now, bid, 1000, bid * 1.0001, 1000};
        ok(perp_market_on_quote(perp_core_market(t->core), &quote));
    }
}

static void registry(struct told *t) {
    static const char *const names[] = {"alpha", "beta", "gamma"};
    for (uint32_t x = 0; x < N_X; x++) {
        perp_exchange_spec exchange;
        perp_exchange_id id;
        perp_exchange_spec_init(&exchange);
        strcpy(exchange.name, names[x]);
        strcpy(exchange.venue, x == 2 ? "alpha" : "");
        exchange.taker_fee_bps = 1;
        ok(perp_exchange_add(t->core, &exchange, &id));
        for (uint32_t i = 0; i < 2; i++) {
            static const perp_tier tiers[2] = {{0, 50000, 0.004, 0, 125},
                                               {50000, 1e9, 0.005, 50, 100}};
            perp_instrument_spec instrument;
            perp_instrument_id number;
            perp_instrument_spec_init(&instrument);
            instrument.exchange = id;
            strcpy(instrument.symbol, i ? "ETH/USDT:USDT" : "BTC/USDT:USDT");
            instrument.qty_step = i ? 0 : 0.001;
            instrument.tiers = x == 1 ? tiers : NULL;
            instrument.n_tiers = x == 1 ? 2 : 0;
            instrument.max_position_usd = i ? USD(90000) : 0;
            if (x == 2)
                instrument.taker_fee_bps = 0.5;
            ok(perp_instrument_add(t->core, &instrument, &number));
        }
        ok(perp_capital_update_equity(t->capital, at(t), x, USD(1000000) + x));
    }
}

static void stay_away(void *user, const perp_job *job, const perp_evaluation *so_far,
                      perp_rule_answer *said) {
    (void)user, (void)job, (void)so_far;
    said->sense = PERP_SENSE_NOT_HELD;
}

/* Of the host; only their names are stored. */
static void rules(struct told *t) {
    static const char *const names[] = {"desk_limit", "event_calendar"};
    for (uint32_t i = 0; i < 2; i++) {
        perp_host_rule rule;
        perp_host_rule_init(&rule);
        rule.name = names[i];
        rule.hard = i;
        rule.ask = stay_away;
        ok(perp_risk_add_rule(t->risk, &rule));
    }
}

/* Exchanges change what they take and let pass; so does the host. */
static void updates(struct told *t) {
    static const char settings[] = "{\"risk\":{\"max_depeg_bps\":60}}";
    static const perp_tier tier = {0, 1e9, 0.006, 0, 50};
    perp_exchange_spec exchange = {.struct_size = sizeof exchange};
    perp_instrument_spec instrument = {.struct_size = sizeof instrument};
    ok(perp_exchange_get(t->core, 1, &exchange));
    exchange.taker_fee_bps += 0.25;
    exchange.max_concurrent = 12;
    ok(perp_exchange_update(t->core, at(t), &exchange));
    ok(perp_instrument_get(t->core, 5, &instrument));
    instrument.min_notional += USD(1);
    instrument.n_tiers = 1;
    instrument.tiers = &tier;
    ok(perp_instrument_update(t->core, at(t), &instrument));
    ok(perp_core_reconfigure(t->core, at(t), settings, sizeof settings - 1));
}

static void capital(struct told *t) {
    perp_refusal refusal;
    uint64_t id;
    const perp_uuid key = key_of(t), booked = key_of(t);
    const perp_usd high_water = USD(1000002);
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    ok(perp_capital_transfer(t->capital, at(t), 0, USD(1000), 1));
    ok(perp_capital_transfer(t->capital, at(t), 1, -USD(100), 0));
    ok(perp_capital_correct(t->capital, at(t), 2, USD(1000001), NULL));
    ok(perp_capital_correct(t->capital, at(t), 2, USD(1000001), &high_water));
    ok(perp_capital_set_safe_mode(t->capital, at(t), 2, 1));
    ok(perp_capital_set_safe_mode(t->capital, at(t), 2, 0));
    ok(perp_capital_record_pnl(t->capital, at(t), 1, -USD(3), USD(1000), 500000, NULL));
    ok(perp_capital_record_pnl(t->capital, at(t), 1, USD(3), USD(1), -500000, &booked));
    ok(perp_capital_set_day_offset(t->capital, at(t), 30));
    ok(perp_capital_reserve(t->capital, at(t), 0, PERP_POOL_ARB, USD(300), &key, &id, &refusal));
    ok(perp_capital_confirm(t->capital, at(t), id, USD(200)));
    ok(perp_capital_release(t->capital, at(t), id, USD(50)));
    ok(perp_capital_reserve(t->capital, at(t), 1, PERP_POOL_WASH, USD(7), NULL, &id, &refusal));
    ok(perp_capital_release(t->capital, at(t), id, USD(7)));
}

static void control(struct told *t) {
    const perp_uuid job = id_of(77);
    perp_limits limits;
    perp_limits_init(&limits);
    limits.max_dispatch_per_minute = 500;
    limits.exchange = 1;
    limits.max_concurrent = 9;
    limits.max_notional = USD(40000);
    ok(perp_scheduler_set_limits(t->scheduler, at(t), &limits));
    ok(perp_risk_record_failure(t->risk, at(t), 2));
    ok(perp_risk_record_success(t->risk, at(t), 2));
    for (int i = 0; i < 5; i++)
        ok(perp_risk_record_failure(t->risk, at(t), 2));
    const perp_exchange_status up = {.exchange = 2, .api = PERP_API_UP, .time_ns = t->now};
    ok(perp_market_on_status(perp_core_market(t->core), &up));
    ok(perp_risk_reset_halt(t->risk, at(t)));
    ok(perp_risk_set_mode(t->risk, at(t), PERP_MODE_CONSERVATIVE));
    ok(perp_risk_set_mode(t->risk, at(t), PERP_MODE_BALANCED));
    ok(perp_risk_manual_override(t->risk, at(t), 1, 1000, &job));
    ok(perp_risk_manual_override(t->risk, at(t), 0, PERP_TIME_NONE, NULL));
    ok(perp_scheduler_kill(t->scheduler, at(t), 1, 2, NULL, 0, NULL));
    ok(perp_scheduler_kill(t->scheduler, at(t), 0, 2, NULL, 0, NULL));
    ok(perp_risk_blacklist(t->risk, at(t), "DOGE/USDT:USDT", 1));
    ok(perp_risk_blacklist(t->risk, at(t), "SOL/USDT:USDT", 1));
    ok(perp_risk_blacklist(t->risk, at(t), "SOL/USDT:USDT", 0));
    ok(perp_scheduler_pause(t->scheduler, at(t)));
    ok(perp_scheduler_resume(t->scheduler, at(t)));
    ok(perp_core_advance(t->core, at(t)));
}

/* A pair job: buys an instrument at alpha, sells it at beta. */
static perp_uuid submit_of(struct told *t, uint32_t instrument, double quantity, int64_t ttl_ms) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = id_of(++t->n_jobs);
    job.strategy = PERP_STRATEGY_WASH;
    job.notional = USD(5000);
    job.expected_edge_bps = 20;
    job.n_legs = 2;
    job.ttl_ms = ttl_ms;
    job.max_run_ms = 50;
    job.priority = (int32_t)(t->n_jobs % 7) - 3;
    job.metadata = "{\"desk\":\"a\"}";
    job.metadata_size = 12;
    for (uint32_t i = 0; i < 2; i++) {
        job.legs[i].instrument = instrument + 2 * i;
        job.legs[i].side = i ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        job.legs[i].quantity = quantity;
    }
    ok(perp_scheduler_submit(t->scheduler, at(t), &job));
    return job.job_id;
}

static perp_uuid submit(struct told *t, int64_t ttl_ms) {
    return submit_of(t, 0, 0.1, ttl_ms);
}

static void tick(struct told *t) {
    quotes(t);
    ok(perp_scheduler_tick(t->scheduler, at(t), NULL));
}

/* What a pair job has filled, in all. */
static void legs_of(perp_leg_result legs[2], double bought, double sold) {
    for (int i = 0; i < 2; i++)
        legs[i] = (perp_leg_result){.filled = i ? sold : bought,
                                    .price = 50001,
                                    .fee = 250000,
                                    .time_ns = PERP_TIME_NONE,
                                    .known = 1};
}

static void finish(struct told *t, const perp_uuid *id, double bought, double sold) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    legs_of(result.legs, bought, sold);
    ok(perp_scheduler_finish(t->scheduler, at(t), id, &result, NULL));
}

static void finish_in_all(struct told *t, const perp_uuid *id) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.flat = 1;
    result.pnl = USD(2);
    result.volume = USD(10001);
    result.fees = USD(1);
    ok(perp_scheduler_finish(t->scheduler, at(t), id, &result, NULL));
}

static double quantity_of(struct told *t, perp_instrument_id instrument) {
    perp_position_state state = {.struct_size = sizeof state};
    ok(perp_positions_query(perp_core_positions(t->core), instrument, t->now, &state));
    return state.quantity;
}

static void report(struct told *t, perp_instrument_id instrument, double quantity) {
    const perp_position_report position = {.instrument = instrument,
                                           .margin_mode = PERP_MARGIN_NOT_GIVEN,
                                           .quantity = quantity,
                                           .leverage = 3};
    ok(perp_position(t->core, at(t), &position, PERP_TIME_NONE));
}

/* What every account has, as the book knows it; one of them has something more. */
static void accounts(struct told *t) {
    for (uint32_t x = 0; x < N_X; x++) {
        perp_position_report positions[2];
        perp_account_report account;
        perp_account_report_init(&account);
        for (uint32_t i = 0; i < 2; i++) {
            double quantity = quantity_of(t, 2 * x + i), price = i ? 2500 : 50000;
            positions[i] =
                (perp_position_report){.instrument = 2 * x + i,
                                       .margin_mode = PERP_MARGIN_ISOLATED,
                                       .quantity = quantity,
                                       .entry_price = price,
                                       .leverage = 4,
                                       .liquidation_price = price * (quantity < 0 ? 1.5 : 0.5)};
        }
        account.exchange = x;
        account.has_equity = 1;
        account.equity = USD(1000000) + x;
        account.n_positions = 2;
        account.positions = positions;
        ok(perp_account(t->core, at(t), &account));
    }
}

/* Money and fills that no job made. */
static void bookings(struct told *t) {
    const perp_uuid keys[] = {key_of(t), key_of(t), key_of(t)};
    perp_recorded_fill fill;
    ok(perp_record_cash(t->core, at(t), 0, PERP_CASH_FUNDING, -USD(5), &keys[0], 0));
    ok(perp_record_cash(t->core, at(t), 1, PERP_CASH_REBATE, USD(1), &keys[1], PERP_NO_ID));
    perp_recorded_fill_init(&fill);
    fill.instrument = 5;
    fill.side = PERP_SIDE_BUY;
    fill.quantity = 0.5;
    fill.price = 2500;
    fill.fee = 125000;
    fill.key = keys[2];
    ok(perp_record_fill(t->core, at(t), &fill));
    ok(perp_risk_set_collateral(t->risk, at(t), 1, "BTC", 0.5, 0.1));
}

/* A job that is told while it runs, then ends, is told of again, and is left by two ways. */
static void told_job(struct told *t) {
    perp_leg_result legs[2];
    perp_job job;
    perp_uuid done = submit(t, 60000);
    tick(t);
    ok(perp_scheduler_cancel(t->scheduler, at(t), &done)); /* a request: it was filled by then */
    legs_of(legs, 0.05, 0.04);
    ok(perp_scheduler_progress(t->scheduler, at(t), &done, legs, 2));
    finish(t, &done, 0.09, 0.09);
    legs_of(legs, 0.1, 0.1);
    ok(perp_scheduler_amend(t->scheduler, at(t), &done, legs, 2));
    perp_job_init(&job);
    job.job_id = id_of(++t->n_jobs);
    quotes(t);
    ok(perp_job_fill_exit(t->core, t->now, &done, 0.5, &job));
    ok(perp_scheduler_submit(t->scheduler, at(t), &job));
    tick(t);
    finish(t, &job.job_id, 0.05, 0.05);
    ok(perp_scheduler_close(t->scheduler, at(t), &done, USD(1), USD(10000), USD(1)));
    done = submit(t, 60000);
    tick(t);
    finish_in_all(t, &done);
}

/* A repair that is in doubt comes back: nothing was sent. */
static perp_uuid doubted_repair(struct told *t) {
    perp_base_state base = {.struct_size = sizeof base};
    answer = PERP_OUTCOME_IN_DOUBT;
    tick(t);
    answer = PERP_OUTCOME_ACCEPTED;
    ok(perp_positions_base(perp_core_positions(t->core), 0, t->now, &base));
    ok(perp_scheduler_requeue(t->scheduler, at(t), &base.repair));
    return base.repair;
}

/* A job whose second leg went wrong: its repair comes back, goes elsewhere, and is cancelled; the
   next one is refused, and the host squares the base by its own means. */
static void naked(struct told *t) {
    perp_uuid id = submit(t, 60000);
    tick(t);
    finish(t, &id, 0.1, 0.02);
    doubted_repair(t);
    ok(perp_risk_halt_instrument(t->risk, at(t), 0, 1));
    t->best = (t->best + 1) % N_X;
    id = doubted_repair(t);
    ok(perp_scheduler_cancel(t->scheduler, at(t), &id));
    ok(perp_resume_repair(t->core, at(t), "BTC"));
    answer = PERP_OUTCOME_REFUSED;
    tick(t);
    answer = PERP_OUTCOME_ACCEPTED;
    ok(perp_risk_halt_instrument(t->risk, at(t), 0, 0));
    ok(perp_risk_reset_strategy(t->risk, at(t), PERP_STRATEGY_ARB));
    ok(perp_resolve(t->core, at(t), "BTC"));
}

/* Reports that nothing explains: one that would end a hedge, twice; one that brings something. */
static void drift(struct told *t) {
    double held = quantity_of(t, 2);
    report(t, 2, 0);
    report(t, 2, 0);
    ok(perp_accept_position(t->core, at(t), 2));
    ok(perp_resolve(t->core, at(t), "BTC"));
    report(t, 2, held);
    ok(perp_accept_position(t->core, at(t), 2));
    report(t, 0, quantity_of(t, 0) + 0.5);
    ok(perp_accept_position(t->core, at(t), 0));
    ok(perp_capital_update_equity(t->capital, at(t), 2, USD(2)));
    ok(perp_capital_update_equity(t->capital, at(t), 2, USD(1000000)));
}

static void open_pair(struct told *t) {
    perp_uuid id = submit(t, 60000);
    tick(t);
    finish(t, &id, 0.1, 0.1);
}

static uint64_t place(struct told *t, const perp_uuid *id, uint32_t leg, double quantity) {
    perp_order_request request;
    perp_order_answer answered;
    perp_order_request_init(&request);
    perp_order_answer_init(&answered);
    request.job_id = *id;
    request.leg = leg;
    request.quantity = quantity;
    request.price = 2500.1;
    ok(perp_orders_place(perp_core_orders(t->core), at(t), &request, &answered));
    return answered.order;
}

static void news(struct told *t, uint64_t order, uint32_t kind, const char *word, double quantity) {
    perp_order_news said;
    perp_order_news_init(&said);
    said.order = order;
    said.kind = kind;
    said.exchange_id = kind == PERP_NEWS_ACCEPTED ? word : NULL;
    said.fill_id = kind == PERP_NEWS_FILL ? word : NULL;
    said.text = word;
    said.quantity = quantity;
    said.price = quantity > 0 ? 2500.05 : 0;
    said.fee = quantity > 0 ? 125000 : 0;
    ok(perp_orders_tell(perp_core_orders(t->core), at(t), &said, NULL));
}

/* A job whose orders the book keeps: one is cancelled, some fill, one is refused; a list of an
   exchange does not know one of them; one stands over the restart. */
static void orders(struct told *t) {
    static const char *const listed[] = {"nobody's"};
    ok(perp_risk_allow(t->risk, at(t), "BTC/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1));
    ok(perp_risk_allow(t->risk, at(t), "ETH/*", PERP_ALL_EXCHANGES, PERP_STRATEGY_WASH, 1));
    ok(perp_risk_allow(t->risk, at(t), "SOL/USDT:USDT", 1, PERP_ALL_STRATEGIES, 1));
    ok(perp_risk_allow(t->risk, at(t), "SOL/USDT:USDT", 1, PERP_ALL_STRATEGIES, 0));
    ok(perp_risk_halt_instrument(t->risk, at(t), 3, 0));
    accounts(t);
    perp_uuid id = submit_of(t, 1, 2, 60000);
    tick(t);
    uint64_t first = place(t, &id, 0, 1.2), second = place(t, &id, 1, 1);
    place(t, &id, 0, 10); /* refused */
    news(t, first, PERP_NEWS_ACCEPTED, "x-1", 0);
    news(t, first, PERP_NEWS_FILL, "f1", 0.4);
    news(t, first, PERP_NEWS_FILL, "f2", 0.2);
    ok(perp_orders_cancel_sent(perp_core_orders(t->core), at(t), first));
    news(t, first, PERP_NEWS_CANCELLED, "as asked", 0);
    news(t, second, PERP_NEWS_TOTAL, NULL, 0.6);
    place(t, &id, 0, 0.8);
    const int64_t listed_at = t->now; /* before the call; not left to the order of arguments */
    ok(perp_orders_reconcile(perp_core_orders(t->core), at(t), 0, listed_at, listed, 1, NULL));
    ok(perp_risk_halt_instrument(t->risk, at(t), 3, 1));
}

/* The exchanges were asked: all of them stand. */
static void settle_orders(struct told *t) {
    perp_order_filter filter;
    uint64_t numbers[16];
    uint32_t count;
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_IN_DOUBT;
    ok(perp_orders_list(perp_core_orders(t->core), &filter, numbers, 16, &count));
    for (uint32_t i = 0; i < count && i < 16; i++) {
        perp_order_info info = {.struct_size = sizeof info};
        ok(perp_orders_get(perp_core_orders(t->core), numbers[i], &info));
        news(t, numbers[i], PERP_NEWS_ACCEPTED, NULL, 0);
        if (i + 1 == count)
            ok(perp_orders_settled(perp_core_orders(t->core), at(t), &info.job_id));
    }
}

/* They fill, but for the rest of a leg, which another order has: with that the job finishes. */
static void end_orders(struct told *t) {
    perp_order_filter filter;
    uint64_t numbers[16];
    uint32_t count;
    perp_order_info info = {.struct_size = sizeof info};
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_NOT_ENDED;
    ok(perp_orders_list(perp_core_orders(t->core), &filter, numbers, 16, &count));
    for (uint32_t i = 0; i < count && i < 16; i++) {
        ok(perp_orders_get(perp_core_orders(t->core), numbers[i], &info));
        news(t, numbers[i], info.leg ? PERP_NEWS_TOTAL : PERP_NEWS_FILL, info.leg ? NULL : "f1",
             info.quantity);
    }
    quotes(t);
    news(t, place(t, &info.job_id, 0, 0.6), PERP_NEWS_FILL, "all", 0.6);
    news(t, place(t, &info.job_id, 1, 1), PERP_NEWS_FILL, "all", 1);
}

static void jobs(struct told *t) {
    accounts(t);
    told_job(t);
    submit(t, 60000);
    answer = PERP_OUTCOME_DECLINED;
    tick(t);
    answer = PERP_OUTCOME_ACCEPTED;
    open_pair(t);
    naked(t);
    open_pair(t);
    bookings(t);
    drift(t);
    open_pair(t);
    perp_uuid cancelled = submit(t, 60000);
    ok(perp_scheduler_cancel(t->scheduler, at(t), &cancelled));
    submit(t, 5); /* expires */
    ok(perp_risk_blacklist(t->risk, at(t), "BTC/USDT:USDT", 1));
    submit(t, 60000); /* refused */
    t->now += S;
    tick(t);
    ok(perp_risk_blacklist(t->risk, at(t), "BTC/USDT:USDT", 0));
    tick(t);
    submit(t, 60000);
    submit(t, 60000);
    pauses = t;
    tick(t); /* one runs, over the restart; the other is withdrawn */
    ok(perp_scheduler_resume(t->scheduler, at(t)));
    submit(t, 60000);
    tick(t);
    t->now += S;
    tick(t); /* and are overdue */
    report(t, 4, 0.5);
    ok(perp_risk_halt_instrument(t->risk, at(t), 3, 1));
    submit(t, 600000);
}

static void doubts(struct told *t) {
    perp_uuid ids[16];
    uint32_t count;
    ok(perp_scheduler_list(t->scheduler, PERP_JOB_IN_DOUBT, ids, 16, &count));
    for (uint32_t i = 0; i < count && i < 16; i++) {
        if (i % 2) {
            ok(perp_scheduler_requeue(t->scheduler, at(t), &ids[i]));
            ok(perp_scheduler_cancel(t->scheduler, at(t), &ids[i]));
        } else {
            finish(t, &ids[i], 0.1, 0.1);
        }
    }
    ok(perp_accept_position(t->core, at(t), 4));
}

/* Two reports take what is open of an instrument: it is owed to its lots. */
static perp_instrument_id lose(struct told *t) {
    perp_instrument_id instrument = 0;
    uint32_t count = 0;
    while (count == 0) {
        ok(perp_positions_lots(perp_core_positions(t->core), instrument, NULL, 0, &count));
        instrument += count == 0;
    }
    report(t, instrument, 0);
    report(t, instrument, 0);
    return instrument;
}

perp_core *story_begin(const perp_store *store) {
    struct told told = {.now = START}, *t = &told;
    open_told(t, store, 0);
    registry(t);
    return t->core;
}

void story_play(const perp_store *store) {
    struct told told = {.now = START}, *t = &told;
    open_told(t, store, 0);
    registry(t);
    rules(t);
    capital(t);
    updates(t);
    control(t);
    jobs(t);
    t->now += 60000 * S; /* into the next day */
    ok(perp_core_advance(t->core, at(t)));
    capital(t);
    orders(t);
    if (perp_core_close(t->core) != PERP_OK)
        story_end("close", NULL);
    open_told(t, store, 1); /* what ran is in doubt, another configuration */
    settle_orders(t);
    doubts(t);
    perp_instrument_id lost = lose(t);
    ok(perp_core_checkpoint(t->core));
    ok(perp_accept_position(t->core, at(t), lost));
    ok(perp_resolve(t->core, at(t), "BTC"));
    ok(perp_risk_halt_instrument(t->risk, at(t), 3, 0));
    updates(t);
    control(t);
    jobs(t);
    capital(t);
    end_orders(t);
    if (perp_core_close(t->core) != PERP_OK)
        story_end("close", NULL);
}
