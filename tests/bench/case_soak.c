/* Many jobs through their whole life, with a store that keeps little: what the process holds and
   what the store takes must not grow with their number. */
#include "bench/bench.h"
#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define A_ROUND 50u
#define ROUND_MS 60000 /* of the book's time, so that ids are forgotten */
#define QUARTERS 4u

#if PERP_WITH_SQLITE
static double file_size(const char *path, const char *ending) {
    char name[300];
    struct stat found;
    snprintf(name, sizeof name, "%s%s", path, ending);
    return stat(name, &found) == 0 ? (double)found.st_size : 0;
}

static double store_size(const char *path) {
    return file_size(path, "") + file_size(path, "-wal");
}

static void forget_store(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm", "-lock", "-journal"};
    char name[300];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        if (remove(name) != 0)
            continue; /* it was not there */
    }
}

/* Bytes that the process has in memory; 0: the system does not say. */
static double resident(void) {
    unsigned long all = 0, there = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &all, &there) != 2)
        there = 0;
    fclose(file);
    return (double)there * (double)sysconf(_SC_PAGESIZE);
}

static void allow_more(void) {
    perp_limits limits;
    perp_call call = world.call;
    call.actor = "bench";
    call.reason = "a round of jobs at once";
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = RUNNING + A_ROUND;
    must(perp_scheduler_set_limits(world.scheduler, &call, &limits), "limits");
}

/* Of those that buy on even exchanges and sell on odd ones: no two trade with each other. */
static perp_job next_job(void) {
    static uint64_t n;
    for (;;) {
        const perp_job *job = &world.jobs[n++ % JOBS];
        uint32_t buys = job->legs[0].instrument / world.symbols;
        uint32_t sells = job->legs[1].instrument / world.symbols;
        if (buys % 2 == 0 && sells % 2 == 1)
            return world_job(n - 1);
    }
}

/* Submitted, dispatched, filled, closed, and all of it on the disk; how long it took. */
static double play_round(void) {
    static perp_job jobs[A_ROUND];
    static perp_job_result results[A_ROUND];
    for (uint32_t i = 0; i < A_ROUND; i++) {
        jobs[i] = next_job();
        results[i] = world_result(&jobs[i]);
    }
    double start = clock_ns();
    for (uint32_t i = 0; i < A_ROUND; i++)
        world_submit(&jobs[i]);
    if (world_tick()->dispatched != A_ROUND) {
        fprintf(stderr, "perp-bench: soak: not all jobs were dispatched\n");
        exit(1);
    }
    for (uint32_t i = 0; i < A_ROUND; i++) {
        const perp_uuid *id = &jobs[i].job_id;
        must(perp_scheduler_finish(world.scheduler, &world.call, id, &results[i], NULL), "finish");
        must(perp_scheduler_close(world.scheduler, &world.call, id, 0, 0, 0), "close");
    }
    must(perp_core_flush(world.core), "flush");
    return clock_ns() - start - clock_cost;
}

static void measure_soak(void) {
    char path[256];
    const char *folder = getenv("TMPDIR");
    double memory[QUARTERS] = {0}, store[QUARTERS] = {0};
    uint32_t rounds = asked.soak / A_ROUND / QUARTERS;
    snprintf(path, sizeof path, "%s/perp-bench-soak-%ld.db", folder ? folder : "/tmp",
             (long)getpid());
    forget_store(path);
    world_open(&(struct world_options){.store = path});
    allow_more();
    for (uint64_t round = 0; round < (uint64_t)rounds * QUARTERS; round++) {
        world_move(ROUND_MS);
        world_report();
        sample(play_round() / A_ROUND);
        memory[round / rounds] = resident();
        store[round / rounds] = store_size(path);
    }
    uint64_t n = (uint64_t)rounds * QUARTERS * A_ROUND;
    report("soak", n);
    for (uint32_t i = 0; i < QUARTERS; i++) {
        report_bytes("soak_resident", n * (i + 1) / QUARTERS, memory[i]);
        report_bytes("soak_store", n * (i + 1) / QUARTERS, store[i]);
    }
    world_close();
    forget_store(path);
}

const struct bench_case soak_cases[] = {
    {.of = "soak", .name = "soak", .world = BENCH_OWN, .prepare = measure_soak},
    {0},
};
#else
const struct bench_case soak_cases[] = {{0}}; /* built without SQLite */
#endif
