#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1760000000000000000)
#define MS INT64_C(1000000)
#define WINDOW_S 310
#define LATENCIES 100
#define KEPT_EVENTS 5000u

struct world world;

void must(perp_status status, const char *what) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "perp-bench: %s: %s: %s\n", what, perp_status_string(status),
            perp_core_error(world.core));
    exit(1);
}

uint64_t world_random(void) {
    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;
    return world.random * UINT64_C(0x2545F4914F6CDD1D);
}

static double unit(void) {
    return (double)(world_random() >> 11) * 0x1p-53;
}

static void *allocate(void *user, size_t size) {
    struct world *w = user;
    void *memory = malloc(size);
    if (memory) {
        w->allocated += size;
        w->allocations++;
    }
    return memory;
}

static void release(void *user, void *memory, size_t size) {
    struct world *w = user;
    if (memory)
        w->allocated -= size;
    free(memory);
}

/* ---- The market ------------------------------------------------------------------------------ */

static void add_exchange(uint32_t n) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "exchange%u", n);
    must(perp_exchange_add(world.core, &spec, &id), "exchange");
    for (uint32_t s = 0; s < world.symbols; s++) {
        perp_instrument_spec symbol;
        perp_instrument_id instrument;
        perp_instrument_spec_init(&symbol);
        symbol.exchange = id;
        snprintf(symbol.symbol, sizeof symbol.symbol, "C%u/USDT:USDT", s);
        symbol.qty_step = 0.001;
        must(perp_instrument_add(world.core, &symbol, &instrument), "instrument");
    }
}

/* The mid wanders slowly about its symbol's price, so that exchanges stay near each other. */
static void wander(perp_instrument_id id) {
    double home = 10 * (1 + id % world.symbols);
    world.mid[id] = home * (1 + (unit() - 0.5) * 1e-5);
}

perp_quote world_quote(perp_instrument_id id) {
    wander(id);
    double half = world.mid[id] * 0.5e-4;
    perp_quote quote = {id, 0, world.call.now_ns, world.mid[id] - half, 1e4, world.mid[id] + half,
                        1e4};
    return quote;
}

perp_book world_book(perp_instrument_id id) {
    wander(id);
    for (uint32_t i = 0; i < LEVELS; i++) {
        double off = world.mid[id] * 0.5e-4 * (1 + i);
        world.bids[id][i] = (perp_book_level){world.mid[id] - off, 1e3 * (1 + i)};
        world.asks[id][i] = (perp_book_level){world.mid[id] + off, 1e3 * (1 + i)};
    }
    perp_book book = {id, LEVELS, LEVELS, 0, world.call.now_ns, world.bids[id], world.asks[id]};
    return book;
}

void world_move_some(int64_t ms, uint32_t first, uint32_t n) {
    world.call.now_ns += ms * MS;
    for (uint32_t i = 0; i < n; i++) {
        perp_book book = world_book((first + i) % world.instruments);
        must(perp_market_on_book(world.market, &book), "book");
    }
}

void world_move(int64_t ms) {
    world_move_some(ms, 0, world.instruments);
}

static void report_market(void) {
    for (perp_instrument_id id = 0; id < world.instruments; id++) {
        perp_funding funding = {id,   0, world.call.now_ns,
                                1e-6, 8, world.call.now_ns + 4 * 3600000 * MS};
        must(perp_market_on_funding(world.market, &funding), "funding");
    }
    for (uint32_t n = 0; n < EXCHANGES * LATENCIES; n++) {
        perp_latency latency = {n % EXCHANGES, 0, world.call.now_ns, 20 + 10 * unit()};
        must(perp_market_on_latency(world.market, &latency), "latency");
    }
}

static void report_account(perp_exchange_id exchange) {
    static perp_position_report open[MANY_SYMBOLS];
    perp_positions *positions = perp_core_positions(world.core);
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = exchange;
    report.has_equity = 1;
    report.equity = 10000000 * PERP_USD;
    report.positions = open;
    for (uint32_t s = 0; s < world.symbols; s++) {
        perp_position_state state = {.struct_size = sizeof state};
        perp_instrument_id id = exchange * world.symbols + s;
        must(perp_positions_query(positions, id, world.call.now_ns, &state), "position");
        if (state.quantity != 0)
            open[report.n_positions++] = (perp_position_report){
                id, PERP_MARGIN_NOT_GIVEN, state.quantity, state.entry_price, 3, 0};
    }
    must(perp_account(world.core, &world.call, &report), "account");
}

void world_report(void) {
    report_market();
    for (perp_exchange_id id = 0; id < EXCHANGES; id++)
        report_account(id);
}

static void fill_windows(void) {
    for (uint32_t s = 0; s < WINDOW_S; s++) {
        world.call.now_ns += 1000 * MS;
        for (perp_instrument_id id = 0; id < world.instruments; id++) {
            perp_quote quote = world_quote(id);
            must(perp_market_on_quote(world.market, &quote), "quote");
        }
    }
    world_move(100);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

/* 1,000 USD, long on one exchange and short on another, which is enough to pass the rules. */
static void make_job(perp_job *job) {
    uint32_t symbol = (uint32_t)(world_random() % world.symbols);
    uint32_t buy = (uint32_t)(world_random() % EXCHANGES);
    uint32_t sell = (buy + 1 + (uint32_t)(world_random() % (EXCHANGES - 1))) % EXCHANGES;
    perp_job_init(job);
    job->strategy = PERP_STRATEGY_WASH;
    job->notional = 1000 * PERP_USD;
    job->expected_edge_bps = 15;
    job->ttl_ms = 0;
    job->n_legs = 2;
    for (uint32_t i = 0; i < 2; i++) {
        job->legs[i].instrument = (i == 0 ? buy : sell) * world.symbols + symbol;
        job->legs[i].side = i == 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        double lots = 1000 * 1000 / (10.0 * (1 + symbol));
        job->legs[i].quantity = (double)(int64_t)lots / 1000;
    }
}

static void name_job(perp_job *job) {
    uint64_t id = ++world.next_id;
    memcpy(job->job_id.bytes, &id, sizeof id);
}

perp_job world_job(uint64_t i) {
    perp_job job = world.jobs[i % JOBS];
    name_job(&job);
    return job;
}

static perp_evaluation evaluate(const perp_job *job) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    must(perp_risk_evaluate(world.risk, world.call.now_ns, job, &evaluation), "evaluate");
    return evaluation;
}

perp_job world_random_job(void) {
    perp_job job;
    do
        make_job(&job);
    while (evaluate(&job).reducing);
    name_job(&job);
    return job;
}

/* Whether a leg of it would close what another job has open. */
static bool opposes(const perp_job *job) {
    const perp_positions *positions = perp_core_positions(world.core);
    bool found = false;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_position_state state = {.struct_size = sizeof state};
        must(perp_positions_query(positions, job->legs[i].instrument, world.call.now_ns, &state),
             "position");
        found |= job->legs[i].side == PERP_SIDE_BUY ? state.quantity < 0 : state.quantity > 0;
    }
    return found;
}

/* Templates of jobs that may run beside those that run, and leave alone what is open. */
static void make_jobs(void) {
    for (uint32_t i = 0; i < JOBS;) {
        make_job(&world.jobs[i]);
        i += evaluate(&world.jobs[i]).accepted && !opposes(&world.jobs[i]);
    }
}

void world_hold_slots(void) {
    perp_limits limits;
    perp_call call = world.call;
    call.actor = "bench";
    call.reason = "slots that nobody may take";
    for (perp_exchange_id id = 0; id < EXCHANGES; id++) {
        perp_limits_init(&limits);
        limits.exchange = id;
        limits.max_concurrent = 1;
        must(perp_scheduler_set_limits(world.scheduler, &call, &limits), "limits");
    }
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = SLOTS + 1;
    must(perp_scheduler_set_limits(world.scheduler, &call, &limits), "limits");
}

const perp_tick_result *world_tick(void) {
    must(perp_scheduler_tick(world.scheduler, &world.call, &world.tick), "tick");
    return &world.tick;
}

void world_submit(const perp_job *job) {
    must(perp_scheduler_submit(world.scheduler, &world.call, job), "submit");
}

perp_uuid world_newest(void) {
    perp_uuid ids[4 * RUNNING] = {{{0}}};
    uint32_t n;
    must(perp_scheduler_list(world.scheduler, PERP_JOB_RUNNING, ids, 4 * RUNNING, &n), "list");
    return ids[n - 1];
}

void world_finish_flat(const perp_uuid *job_id) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.has_totals = result.flat = 1;
    result.volume = 2000 * PERP_USD;
    result.fees = PERP_USD;
    must(perp_scheduler_finish(world.scheduler, &world.call, job_id, &result, NULL), "finish");
}

perp_job_result world_result(const perp_job *job) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = job->n_legs;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        result.legs[i].filled = job->legs[i].quantity;
        result.legs[i].price = world.mid[job->legs[i].instrument];
        result.legs[i].fee = PERP_USD / 2;
    }
    return result;
}

uint64_t world_place(const perp_job *job, uint32_t leg) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = job->job_id;
    request.leg = leg;
    request.quantity = job->legs[leg].quantity;
    request.price = world.mid[job->legs[leg].instrument];
    must(perp_orders_place(world.orders, &world.call, &request, &answer), "place");
    if (!answer.order) {
        fprintf(stderr, "perp-bench: place: refused: %s\n", perp_gate_string(answer.gate));
        exit(1);
    }
    return answer.order;
}

void world_tell(const perp_order_news *news) {
    must(perp_orders_tell(world.orders, &world.call, news, NULL), "tell");
}

perp_order_news world_fill(uint64_t order, uint64_t n, double quantity, double price, char id[24]) {
    perp_order_news news;
    perp_order_news_init(&news);
    snprintf(id, 24, "%llu", (unsigned long long)n);
    news.kind = PERP_NEWS_FILL;
    news.order = order;
    news.fill_id = id;
    news.quantity = quantity;
    news.price = price;
    news.fee = 1;
    return news;
}

/* One more runs. */
static perp_job start_job(void) {
    for (;;) {
        perp_job job;
        make_job(&job);
        if (!evaluate(&job).accepted || opposes(&job))
            continue;
        name_job(&job);
        world_submit(&job);
        must(world_tick()->dispatched == 1 ? PERP_OK : PERP_E_STATE, "dispatch");
        return job;
    }
}

static void open_hedges(void) {
    for (uint32_t i = 0; i < HEDGES; i++) {
        perp_job job = start_job();
        perp_job_result result = world_result(&job);
        must(perp_scheduler_finish(world.scheduler, &world.call, &job.job_id, &result, NULL),
             "finish");
    }
}

static void start_running(void) {
    char id[24];
    for (uint32_t i = 0; i < RUNNING; i++) {
        perp_job job = start_job();
        for (uint32_t leg = 0; leg < 2; leg++) {
            perp_instrument_id on = job.legs[leg].instrument;
            struct world_order *order = &world.running[2 * i + leg];
            *order = (struct world_order){world_place(&job, leg), on, job.legs[leg].quantity};
            perp_order_news half =
                world_fill(order->order, 0, order->quantity / 2, world.mid[on], id);
            world_tell(&half);
        }
    }
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void use_store(const char *path, perp_config *config) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = KEPT_EVENTS;
    config->durability = PERP_DURABILITY_BATCH;
    config->checkpoint_every = KEPT_EVENTS;
    config->scheduler.id_memory_h = 1;
    must(perp_store_sqlite_open(path, &options, &config->store), "store");
}

void world_open(const struct world_options *options) {
    struct world *w = &world;
    perp_config config;
    memset(w, 0, sizeof *w);
    w->random = UINT64_C(0x9E3779B97F4A7C15);
    w->symbols = options && options->symbols ? options->symbols : SYMBOLS;
    w->instruments = EXCHANGES * w->symbols;
    perp_config_init(&config);
    config.allocator = (perp_allocator){w, allocate, release};
    config.scheduler.max_global_concurrent_jobs = SLOTS;
    config.scheduler.max_concurrent_per_exchange = 4 * RUNNING;
    config.scheduler.max_notional_per_exchange = FAR * PERP_USD;
    config.risk.account_max_age_ms = 86400000; /* accounts are reported where a case says so */
    if (options && options->store)
        use_store(options->store, &config);
    must(perp_core_open(&config, &w->core), "open");
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    w->orders = perp_core_orders(w->core);
    perp_tick_result_init(&w->tick);
    w->tick.want_items = 0;
    perp_call_init(&w->call);
    w->call.now_ns = START;
    for (uint32_t n = 0; n < EXCHANGES; n++)
        add_exchange(n);
    fill_windows();
    world_report();
    open_hedges();
    start_running();
    world_move(100);
    world_report();
    make_jobs();
}

void world_close(void) {
    must(perp_core_check(world.core), "check");
    perp_tick_result_free(&world.tick);
    must(perp_core_close(world.core), "close");
}
