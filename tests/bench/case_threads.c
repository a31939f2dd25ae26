/* Two threads at once: feeds beside ticks, and how long a tick lets others wait. */
#include "bench/bench.h"
#include "bench/world.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PENDING 1000u
#define FEEDS 20000u
#define TICKS 2000u
#define BATCH 16u
#define STEP INT64_C(1000) /* between quotes, in ns: they stay near the time of the ticks */

static atomic_bool stop;
static perp_call call_beside; /* of the other thread: the world's moves on meanwhile */

/* The first half of the instruments is fed by what is measured, the others by the other thread. */
static void feed(uint32_t i, uint32_t first, int64_t time_ns) {
    perp_quote quote = {first + i % (world.instruments / 2), 0, time_ns, 0, 1e4, 0, 1e4};
    double mid = world.mid[quote.instrument], half = mid * 0.5e-4 * (1 + i % 3 * 0.01);
    quote.bid = mid - half;
    quote.ask = mid + half;
    must(perp_market_on_quote(world.market, &quote), "quote");
}

static void *tick_on(void *unused) {
    perp_tick_result tick;
    (void)unused;
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    while (!atomic_load(&stop))
        must(perp_scheduler_tick(world.scheduler, &call_beside, &tick), "tick");
    perp_tick_result_free(&tick);
    return NULL;
}

static void *feed_on(void *unused) {
    (void)unused;
    for (uint32_t i = 0; !atomic_load(&stop); i++)
        feed(i, world.instruments / 2, call_beside.now_ns + i * STEP);
    return NULL;
}

static void feed_samples(void) {
    for (uint32_t i = 0; n_samples() < FEEDS; i += BATCH) {
        double start = clock_ns();
        for (uint32_t k = 0; k < BATCH; k++)
            feed(i + k, 0, world.call.now_ns += STEP);
        sample((clock_ns() - start - clock_cost) / BATCH);
    }
}

/* Each after a quote, so that there is something to decide. */
static void tick_samples(void) {
    perp_tick_result tick;
    double begun = clock_ns();
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    for (uint32_t i = 0; !enough(TICKS, begun); i++) {
        feed(i, 0, world.call.now_ns += STEP);
        double start = clock_ns();
        must(perp_scheduler_tick(world.scheduler, &world.call, &tick), "tick");
        sample(clock_ns() - start - clock_cost);
    }
    perp_tick_result_free(&tick);
}

static pthread_t start_thread(void *(*run)(void *)) {
    pthread_t thread;
    atomic_store(&stop, false);
    call_beside = world.call;
    if (pthread_create(&thread, NULL, run, NULL) != 0) {
        fprintf(stderr, "perp-bench: no thread\n");
        exit(1);
    }
    return thread;
}

static void stop_thread(pthread_t thread) {
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

/* `run` alone, then while another thread does `beside`. */
static void measure_beside(const char *name, void (*run)(void), void *(*beside)(void *),
                           uint64_t n) {
    char line[32];
    run();
    snprintf(line, sizeof line, "%s_alone", name);
    report(line, n);
    pthread_t thread = start_thread(beside);
    run();
    stop_thread(thread);
    snprintf(line, sizeof line, "%s_beside", name);
    report(line, n);
}

static void open_queue(uint32_t n) {
    world_open(NULL);
    take_slot();
    fill_queue(n);
}

static void measure_contention(void) {
    open_queue(PENDING);
    measure_beside("feed_contention_quote", feed_samples, tick_on, (uint64_t)FEEDS * BATCH);
    world_move(1);
    measure_beside("feed_contention_tick", tick_samples, feed_on, PENDING);
    world_close();
}

/* ---- How long the lock is held --------------------------------------------------------------- */

static _Atomic double longest; /* of the calls that ended since it was set to 0 */
static atomic_ullong knocks;   /* how many ended */

/* A decision that changes nothing, again and again: there is no such reservation. */
static void *knock(void *unused) {
    (void)unused;
    while (!atomic_load(&stop)) {
        double start = clock_ns();
        if (perp_capital_release(world.capital, &call_beside, UINT64_MAX, 0) != PERP_E_NOT_FOUND)
            must(PERP_E_STATE, "release of nothing");
        double took = clock_ns() - start - clock_cost;
        if (took > atomic_load(&longest))
            atomic_store(&longest, took);
        atomic_fetch_add(&knocks, 1);
    }
    return NULL;
}

/* The call that is being made ends, and one more. */
static void await_knocks(void) {
    unsigned long long two = atomic_load(&knocks) + 2;
    while (atomic_load(&knocks) < two)
        sched_yield();
}

/* The longest that another thread waits, of each tick. */
static void measure_waits(const char *name) {
    pthread_t thread = start_thread(knock);
    for (double begun = clock_ns(); !enough(200, begun);) {
        world_move(1);
        await_knocks();
        atomic_store(&longest, 0);
        world_tick();
        await_knocks();
        sample(atomic_load(&longest));
    }
    stop_thread(thread);
    report(name, asked.pending);
    world_close();
}

static void measure_lock(void) {
    open_queue(asked.most);
    measure_waits("lock_hold");
}

/* With a slot free, for which those that wait are put in order. */
static void measure_lock_slots(void) {
    open_queue(asked.most);
    world_hold_slots();
    world_tick();
    measure_waits("lock_hold_slots");
}

const struct bench_case thread_cases[] = {
    {.of = "feed_contention",
     .name = "feed_contention",
     .world = BENCH_OWN,
     .prepare = measure_contention},
    {.of = "lock_hold", .name = "lock_hold", .world = BENCH_OWN, .prepare = measure_lock},
    {.of = "lock_hold",
     .name = "lock_hold_slots",
     .world = BENCH_OWN,
     .prepare = measure_lock_slots},
    {0},
};
