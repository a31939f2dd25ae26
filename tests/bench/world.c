#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1760000000000000000)
#define MS INT64_C(1000000)
#define WINDOW_S 310
#define LATENCIES 100

void must(struct world *w, perp_status status, const char *what) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "perp-bench: %s: %s: %s\n", what, perp_status_string(status),
            perp_core_error(w->core));
    exit(1);
}

uint64_t world_random(struct world *w) {
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return w->random * UINT64_C(0x2545F4914F6CDD1D);
}

static double unit(struct world *w) {
    return (double)(world_random(w) >> 11) * 0x1p-53;
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

static void add_exchange(struct world *w, uint32_t n) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "exchange%u", n);
    must(w, perp_exchange_add(w->core, &spec, &id), "exchange");
    for (uint32_t s = 0; s < SYMBOLS; s++) {
        perp_instrument_spec symbol;
        perp_instrument_id instrument;
        perp_instrument_spec_init(&symbol);
        symbol.exchange = id;
        snprintf(symbol.symbol, sizeof symbol.symbol, "C%u/USDT:USDT", s);
        symbol.qty_step = 0.001;
        must(w, perp_instrument_add(w->core, &symbol, &instrument), "instrument");
    }
}

/* The mid wanders slowly about its symbol's price, so that exchanges stay near each other. */
static void wander(struct world *w, perp_instrument_id id) {
    double home = 10 * (1 + id % SYMBOLS);
    w->mid[id] = home * (1 + (unit(w) - 0.5) * 1e-5);
}

perp_quote world_quote(struct world *w, perp_instrument_id id) {
    wander(w, id);
    double half = w->mid[id] * 0.5e-4;
    perp_quote quote = {id, 0, w->call.now_ns, w->mid[id] - half, 1e4, w->mid[id] + half, 1e4};
    return quote;
}

perp_book world_book(struct world *w, perp_instrument_id id) {
    wander(w, id);
    for (uint32_t i = 0; i < LEVELS; i++) {
        double off = w->mid[id] * 0.5e-4 * (1 + i);
        w->bids[id][i] = (perp_book_level){w->mid[id] - off, 1e3 * (1 + i)};
        w->asks[id][i] = (perp_book_level){w->mid[id] + off, 1e3 * (1 + i)};
    }
    perp_book book = {id, LEVELS, LEVELS, 0, w->call.now_ns, w->bids[id], w->asks[id]};
    return book;
}

void world_move(struct world *w, int64_t ms) {
    w->call.now_ns += ms * MS;
    for (perp_instrument_id id = 0; id < INSTRUMENTS; id++) {
        perp_book book = world_book(w, id);
        must(w, perp_market_on_book(w->market, &book), "book");
    }
}

void world_report(struct world *w) {
    for (perp_exchange_id id = 0; id < EXCHANGES; id++) {
        perp_account_report report;
        perp_account_report_init(&report);
        report.exchange = id;
        report.has_equity = 1;
        report.equity = 10000000 * PERP_USD;
        must(w, perp_account(w->core, &w->call, &report), "account");
    }
}

static void fill_windows(struct world *w) {
    for (uint32_t s = 0; s < WINDOW_S; s++) {
        w->call.now_ns += 1000 * MS;
        for (perp_instrument_id id = 0; id < INSTRUMENTS; id++) {
            perp_quote quote = world_quote(w, id);
            must(w, perp_market_on_quote(w->market, &quote), "quote");
        }
    }
    for (perp_instrument_id id = 0; id < INSTRUMENTS; id++) {
        perp_funding funding = {id, 0, w->call.now_ns, 1e-6, 8, w->call.now_ns + 4 * 3600000 * MS};
        must(w, perp_market_on_funding(w->market, &funding), "funding");
    }
    for (uint32_t n = 0; n < EXCHANGES * LATENCIES; n++) {
        perp_latency latency = {n % EXCHANGES, 0, w->call.now_ns, 20 + 10 * unit(w)};
        must(w, perp_market_on_latency(w->market, &latency), "latency");
    }
    world_move(w, 100);
}

/* 1,000 USD, long on one exchange and short on another, which is enough to pass the rules. */
static void make_job(struct world *w, perp_job *job) {
    uint32_t symbol = (uint32_t)(world_random(w) % SYMBOLS);
    uint32_t buy = (uint32_t)(world_random(w) % EXCHANGES);
    uint32_t sell = (buy + 1 + (uint32_t)(world_random(w) % (EXCHANGES - 1))) % EXCHANGES;
    perp_job_init(job);
    job->strategy = PERP_STRATEGY_WASH;
    job->notional = 1000 * PERP_USD;
    job->expected_edge_bps = 15;
    job->ttl_ms = 0;
    job->n_legs = 2;
    for (uint32_t i = 0; i < 2; i++) {
        job->legs[i].instrument = (i == 0 ? buy : sell) * SYMBOLS + symbol;
        job->legs[i].side = i == 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        double lots = 1000 * 1000 / (10.0 * (1 + symbol));
        job->legs[i].quantity = (double)(int64_t)lots / 1000;
    }
}

perp_job world_job(struct world *w, uint64_t i) {
    perp_job job = w->jobs[i % JOBS];
    uint64_t id = ++w->next_id;
    memcpy(job.job_id.bytes, &id, sizeof id);
    return job;
}

/* Submits until RUNNING jobs run; those that may not run now are withdrawn. */
static void fill_running(struct world *w) {
    perp_tick_result tick;
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    for (uint64_t i = 0; tick.running < RUNNING; i++) {
        perp_job job = world_job(w, i);
        must(w, perp_scheduler_submit(w->scheduler, &w->call, &job), "submit");
        must(w, perp_scheduler_tick(w->scheduler, &w->call, &tick), "tick");
        if (tick.pending)
            must(w, perp_scheduler_cancel(w->scheduler, &w->call, &job.job_id), "cancel");
    }
    perp_tick_result_free(&tick);
}

void world_open(struct world *w) {
    perp_config config;
    memset(w, 0, sizeof *w);
    w->random = UINT64_C(0x9E3779B97F4A7C15);
    perp_config_init(&config);
    config.allocator = (perp_allocator){w, allocate, release};
    config.scheduler.max_global_concurrent_jobs = RUNNING + 1;
    config.scheduler.max_concurrent_per_exchange = 2 * RUNNING;
    config.scheduler.max_notional_per_exchange = 1000000 * PERP_USD;
    config.risk.account_max_age_ms = 86400000; /* accounts are reported where a case says so */
    must(w, perp_core_open(&config, &w->core), "open");
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    perp_call_init(&w->call);
    w->call.now_ns = START;
    for (uint32_t n = 0; n < EXCHANGES; n++)
        add_exchange(w, n);
    fill_windows(w);
    world_report(w);
    for (uint32_t i = 0; i < JOBS; i++)
        make_job(w, &w->jobs[i]);
    fill_running(w);
}

void world_close(struct world *w) {
    must(w, perp_core_check(w->core), "check");
    perp_core_close(w->core);
}
