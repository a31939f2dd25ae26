/* Ticks over many pending jobs, with all slots full, after this or that has changed. */
#include "bench/bench.h"
#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>

#define US INT64_C(1000)
#define SECOND INT64_C(1000000000)
#define SLOT_JOBS 10000u

static perp_order_news news;
static uint64_t n_fills;

/* All is fresh, and decided. */
static void prepare(void) {
    world_move(1000);
    world_tick();
}

static void do_tick(uint32_t i) {
    (void)i;
    world_tick();
}

static void next_hot(uint32_t i) {
    (void)i;
    world_move(1);
}

static void next_idle(uint32_t i) {
    (void)i;
    world.call.now_ns += US;
}

static void next_second(uint32_t i) {
    (void)i;
    world_move(1);
    world_tick();
    world.call.now_ns += SECOND;
}

static void quote_one(uint32_t i) {
    perp_quote quote = world_quote(i * 37 % world.instruments);
    must(perp_market_on_quote(world.market, &quote), "quote");
}

static void next_one(uint32_t i) {
    world.call.now_ns += 100 * US;
    quote_one(i);
}

/* A slot is free; another job took the place of the one that will take it. */
static void next_finish(uint32_t i) {
    perp_job job = world_job(i);
    perp_uuid newest = world_newest();
    if (i % 1000 == 0)
        world_move(1);
    world.call.now_ns += 100 * US;
    world_submit(&job);
    world_tick();
    world_finish_flat(&newest);
}

static void end_finish(uint32_t i) {
    (void)i;
    if (world.tick.dispatched == 1)
        return;
    fprintf(stderr, "perp-bench: a tick with a free slot dispatched nothing\n");
    exit(1);
}

static void next_equity(uint32_t i) {
    world.call.now_ns += 100 * US;
    must(perp_capital_update_equity(world.capital, &world.call, i % EXCHANGES,
                                    10000000 * PERP_USD + (i / EXCHANGES % 2) * PERP_USD),
         "equity");
}

/* Of the running jobs' orders in turn: a little of each leg. */
static void next_fill(uint32_t i) {
    char id[24];
    const struct world_order *order = &world.running[i % (2 * RUNNING)];
    world.call.now_ns += 100 * US;
    news = world_fill(order->order, ++n_fills, order->quantity / 10000,
                      world.mid[order->instrument], id);
    world_tell(&news);
}

static void next_slot(uint32_t i) {
    next_finish(i);
    quote_one(i);
}

static void prepare_held(void) {
    world_hold_slots();
    prepare();
}

#define FULL_TICK(case_of, case_name, case_world, before_it, ...)                                  \
    {                                                                                              \
        .of = case_of, .name = case_name, .world = case_world, .batch = 1, .prepare = prepare,     \
        .before = before_it, .run = do_tick, __VA_ARGS__                                           \
    }

/* Those of many samples move little in time: quotes grow old, too. */
const struct bench_case tick_cases[] = {
    {.of = "memory", .name = "memory", .world = BENCH_FULL},
    FULL_TICK("tick_hot", "tick_hot", BENCH_FULL, next_hot, .samples = 1000, .per_job = true),
    FULL_TICK("tick_idle", "tick_idle", BENCH_FULL, next_idle, .samples = 10000),
    FULL_TICK("tick_idle", "tick_idle_second", BENCH_FULL, next_second, .samples = 200),
    FULL_TICK("tick_one", "tick_one", BENCH_FULL, next_one, .samples = 10000),
    FULL_TICK("tick_event", "tick_event_finish", BENCH_FULL, next_finish, .samples = 2000,
              .after = end_finish),
    FULL_TICK("tick_event", "tick_event_equity", BENCH_FULL, next_equity, .samples = 2000),
    FULL_TICK("tick_event", "tick_event_fill", BENCH_FULL, next_fill, .samples = 2000),
    FULL_TICK("tick_idle", "tick_idle_4096", BENCH_WIDE, next_idle, .samples = 10000),
    FULL_TICK("tick_idle", "tick_idle_4096_second", BENCH_WIDE, next_second, .samples = 200),
    FULL_TICK("tick_slots", "tick_slots", BENCH_FULL, next_slot, .pending = SLOT_JOBS,
              .samples = 2000, .after = end_finish),
    {.of = "tick_slots",
     .name = "tick_slots_held",
     .world = BENCH_FULL,
     .pending = SLOT_JOBS,
     .batch = 1,
     .samples = 2000,
     .prepare = prepare_held,
     .before = next_one,
     .run = do_tick},
    {0},
};
