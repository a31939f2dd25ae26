/* Feeds, evaluations, the ledger and the state: single calls. */
#include "bench/bench.h"
#include "bench/world.h"

#include <stdlib.h>

#define MS INT64_C(1000000)
#define PREPARED 4096u
#define WAITING 1000u

static perp_quote quotes[PREPARED];
static perp_book books[PREPARED];
static perp_evaluation evaluation;
static perp_uuid waiting[WAITING];
static perp_monitor_state state;
static char text[1 << 20];

static void prepare_quotes(void) {
    for (uint32_t i = 0; i < PREPARED; i++)
        quotes[i] = world_quote(i % world.instruments);
}

/* The levels of a book are its instrument's, so that they are prepared, too. */
static void prepare_books(void) {
    for (uint32_t i = 0; i < PREPARED; i++)
        books[i] = world_book(i % world.instruments);
}

static void do_quote(uint32_t i) {
    perp_quote *quote = &quotes[i % PREPARED];
    quote->time_ns = world.call.now_ns += MS;
    must(perp_market_on_quote(world.market, quote), "quote");
}

static void do_book(uint32_t i) {
    perp_book *book = &books[i % PREPARED];
    book->time_ns = world.call.now_ns += MS;
    must(perp_market_on_book(world.market, book), "book");
}

static void prepare_evaluation(void) {
    perp_evaluation_init(&evaluation);
}

static void do_evaluate(uint32_t i) {
    must(perp_risk_evaluate(world.risk, world.call.now_ns, &world.jobs[i % JOBS], &evaluation),
         "evaluate");
}

static void prepare_waiting(void) {
    uint32_t n;
    prepare_evaluation();
    must(perp_scheduler_list(world.scheduler, PERP_JOB_PENDING, waiting, WAITING, &n), "list");
}

static void do_evaluate_pending(uint32_t i) {
    must(perp_scheduler_evaluate(world.scheduler, world.call.now_ns, &waiting[i % WAITING],
                                 &evaluation),
         "evaluate a pending job");
}

/* One for each job, of one of its legs. */
static void prepare_leg_quotes(void) {
    prepare_evaluation();
    for (uint32_t i = 0; i < JOBS; i++)
        quotes[i] = world_quote(world.jobs[i].legs[i % 2].instrument);
}

static void do_quote_evaluate(uint32_t i) {
    perp_quote *quote = &quotes[i % JOBS];
    quote->time_ns = world.call.now_ns;
    must(perp_market_on_quote(world.market, quote), "quote");
    do_evaluate(i);
}

static void do_reserve_release(uint32_t i) {
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    must(perp_capital_reserve_for_job(world.capital, &world.call, &world.jobs[i % JOBS], ids, &n,
                                      &refusal),
         "reserve");
    for (uint32_t k = 0; k < n; k++)
        must(perp_capital_release(world.capital, &world.call, ids[k], 0), "release");
}

static void prepare_state(void) {
    state.struct_size = sizeof state;
}

static void move_tenth(uint32_t i) {
    uint32_t n = world.instruments / 10;
    world_move_some(1, i * n, n);
}

static void move_all(uint32_t i) {
    (void)i;
    world_move(1);
}

static void do_snapshot(uint32_t i) {
    (void)i;
    must(perp_monitor_snapshot(world.core, world.call.now_ns, &state), "snapshot");
}

static void do_json(uint32_t i) {
    size_t length;
    (void)i;
    must(perp_monitor_json(world.core, world.call.now_ns, text, sizeof text, &length), "json");
}

/* What is as long as a look at the clock is timed in batches. */
const struct bench_case call_cases[] = {
    {.of = "quote",
     .name = "quote",
     .batch = 64,
     .samples = 20000,
     .no_memory = true,
     .prepare = prepare_quotes,
     .run = do_quote},
    {.of = "book5",
     .name = "book5",
     .batch = 64,
     .samples = 20000,
     .no_memory = true,
     .prepare = prepare_books,
     .run = do_book},
    {.of = "evaluate",
     .name = "evaluate",
     .batch = 16,
     .samples = 20000,
     .no_memory = true,
     .prepare = prepare_evaluation,
     .run = do_evaluate},
    {.of = "evaluate_pending",
     .name = "evaluate_pending",
     .world = BENCH_FULL,
     .pending = WAITING,
     .batch = 16,
     .samples = 20000,
     .no_memory = true,
     .prepare = prepare_waiting,
     .run = do_evaluate_pending},
    {.of = "quote_evaluate",
     .name = "quote_evaluate",
     .batch = 16,
     .samples = 20000,
     .no_memory = true,
     .prepare = prepare_leg_quotes,
     .run = do_quote_evaluate},
    {.of = "reserve_release",
     .name = "reserve_release",
     .batch = 16,
     .samples = 20000,
     .no_memory = true,
     .run = do_reserve_release},
    {.of = "snapshot",
     .name = "snapshot",
     .batch = 1,
     .samples = 2000,
     .prepare = prepare_state,
     .before = move_tenth,
     .run = do_snapshot},
    {.of = "json",
     .name = "json",
     .batch = 1,
     .samples = 2000,
     .before = move_tenth,
     .run = do_json},
    {.of = "json",
     .name = "json_all",
     .batch = 1,
     .samples = 2000,
     .before = move_all,
     .run = do_json},
    {0},
};
