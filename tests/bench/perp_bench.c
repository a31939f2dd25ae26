/* How long the library's operations take, on the workload of world.h.
   usage: perp-bench [--json] [--case NAME]… [--jobs N] [--check]
          perp-bench --case NAME --count N [--jobs N]
   --jobs: the most pending jobs of the large cases (100,000), and how many the soak plays (20,000).
   --count does a case N times, with so many jobs pending, and measures nothing: callgrind counts
   what is inside bench_timed. --check: the exit status is 1 where a budget of the store is missed.
   A look at the clock costs some 25 ns: what it costs is taken off, and what is shorter is timed in
   batches, whose share is the figure. */
#include "bench/bench.h"

#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SAMPLES 20000u
#define LEAST_SAMPLES 5u
#define LONGEST_NS 1.5e9 /* that a case of many samples takes */
#define WARM_NS 2e7
#define MAX_NAMES 32

struct bench_asked asked = {.most = 100000, .soak = 20000};
double clock_cost;

static double samples[MAX_SAMPLES];
static uint32_t taken;
static uint64_t allocations; /* in what was timed */

/* ---- Samples --------------------------------------------------------------------------------- */

double clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void sample(double ns) {
    if (taken < MAX_SAMPLES)
        samples[taken++] = ns > 0 ? ns : 0;
}

uint32_t n_samples(void) {
    return taken;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at_share(double share) {
    return samples[(uint32_t)(share * (taken - 1) + 0.5)];
}

void report(const char *name, uint64_t n) {
    double sum = 0;
    qsort(samples, taken, sizeof *samples, by_value);
    for (uint32_t i = 0; i < taken; i++)
        sum += samples[i];
    double p50 = at_share(0.5), p99 = at_share(0.99), p999 = at_share(0.999);
    unsigned long long count = n;
    if (asked.json)
        printf("{\"case\":\"%s\",\"n\":%llu,\"ns_p50\":%.1f,\"ns_p99\":%.1f,\"ns_p999\":%.1f,"
               "\"ns_mean\":%.1f}\n",
               name, count, p50, p99, p999, sum / taken);
    else
        printf("%-28s %9llu %14.1f %14.1f %14.1f %14.1f\n", name, count, p50, p99, p999,
               sum / taken);
    fflush(stdout);
    taken = 0;
}

void report_bytes(const char *name, uint64_t n, double bytes) {
    unsigned long long count = n;
    if (asked.json)
        printf("{\"case\":\"%s\",\"n\":%llu,\"bytes\":%.0f}\n", name, count, bytes);
    else
        printf("%-28s %9llu %14.0f bytes\n", name, count, bytes);
    fflush(stdout);
}

bool enough(uint32_t wanted, double start) {
    return taken >= wanted || (taken >= LEAST_SAMPLES && clock_ns() - start > LONGEST_NS);
}

static void learn_clock_cost(void) {
    for (uint32_t i = 0; i < MAX_SAMPLES; i++) {
        double start = clock_ns();
        sample(clock_ns() - start);
    }
    qsort(samples, taken, sizeof *samples, by_value);
    clock_cost = at_share(0.5);
    taken = 0;
}

/* ---- One case -------------------------------------------------------------------------------- */

/* What is timed, and what callgrind counts. */
void bench_timed(void (*run)(uint32_t i), uint32_t first, uint32_t n);
__attribute__((noinline)) void bench_timed(void (*run)(uint32_t i), uint32_t first, uint32_t n) {
    for (uint32_t i = first; i < first + n; i++)
        run(i);
}

static double time_once(const struct bench_case *c, uint32_t i) {
    if (c->before)
        c->before(i);
    uint64_t before = world.allocations;
    double start = clock_ns();
    bench_timed(c->run, i, c->batch);
    double took = clock_ns() - start - clock_cost;
    allocations += world.allocations - before;
    if (c->after)
        c->after(i);
    return took / c->batch;
}

static void measure_case(const struct bench_case *c) {
    uint32_t i = 0;
    if (c->prepare)
        c->prepare();
    if (c->world == BENCH_OWN)
        return;
    double start = clock_ns();
    do {
        time_once(c, i);
        i += c->batch;
    } while (clock_ns() - start < WARM_NS);
    allocations = 0;
    for (start = clock_ns(); !enough(c->samples, start); i += c->batch)
        sample(time_once(c, i) / (c->per_job ? asked.pending : 1));
    bool many = c->world != BENCH_EMPTY;
    report(c->name, many ? asked.pending : (uint64_t)taken * c->batch);
    if (c->no_memory && allocations) {
        fprintf(stderr, "perp-bench: %s asked for memory %llu times\n", c->name,
                (unsigned long long)allocations);
        exit(1);
    }
}

void fill_queue(uint32_t n) {
    for (asked.pending = 0; asked.pending < n; asked.pending++) {
        perp_job job = world_random_job();
        world_submit(&job);
    }
    world_move(1);
    world_tick();
}

void take_slot(void) {
    perp_job job = world_job(0);
    world_submit(&job);
    world_tick();
}

/* The world of a case, with so many pending. */
static void open_world(enum bench_world kind, uint32_t pending) {
    static const struct world_options wide = {.symbols = MANY_SYMBOLS};
    asked.pending = 0;
    if (kind == BENCH_OWN)
        return;
    world_open(kind == BENCH_WIDE ? &wide : NULL);
    if (kind == BENCH_EMPTY)
        return;
    take_slot();
    fill_queue(pending);
}

/* ---- All cases ------------------------------------------------------------------------------- */

static const struct bench_case *const all[] = {call_cases,   job_cases,   tick_cases,
                                               thread_cases, store_cases, soak_cases};
static const char *names[MAX_NAMES];
static uint32_t n_names;

static bool is_wanted(const struct bench_case *c) {
    bool found = n_names == 0;
    for (uint32_t i = 0; i < n_names; i++)
        found = found || strcmp(names[i], c->name) == 0 || strcmp(names[i], c->of) == 0;
    return found;
}

/* The cases of a list that share a world of as many pending jobs as --jobs says. */
static void measure_sizes(const struct bench_case *list, enum bench_world kind) {
    for (uint32_t n = 100; n <= asked.most; n *= n == 100 ? 100 : 10) {
        bool is_open = false;
        size_t before = 0;
        for (const struct bench_case *c = list; c->name; c++) {
            if (c->world != kind || c->pending || !is_wanted(c))
                continue;
            if (!is_open) {
                open_world(kind, 0);
                before = world.allocated;
                fill_queue(n);
                if (kind == BENCH_FULL && c->run == NULL)
                    report_bytes(c->name, n, (double)(world.allocated - before) / n);
            }
            is_open = true;
            if (c->run)
                measure_case(c);
        }
        if (is_open)
            world_close();
    }
}

static void measure_list(const struct bench_case *list) {
    for (const struct bench_case *c = list; c->name; c++) {
        bool sizes = (c->world == BENCH_FULL || c->world == BENCH_WIDE) && !c->pending;
        if (sizes || !is_wanted(c))
            continue;
        open_world(c->world, c->pending);
        measure_case(c);
        if (c->world != BENCH_OWN)
            world_close();
    }
    measure_sizes(list, BENCH_FULL);
    measure_sizes(list, BENCH_WIDE);
}

static const struct bench_case *find(const char *name) {
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct bench_case *c = all[i]; c->name; c++)
            if (strcmp(c->name, name) == 0 && c->run)
                return c;
    return NULL;
}

/* One case, count times, warmed up by one more. */
static int count_case(const char *name, uint32_t count, uint32_t pending) {
    const struct bench_case *c = find(name);
    if (!c) {
        fprintf(stderr, "perp-bench: --count goes with --case and one that can be counted\n");
        return 2;
    }
    open_world(c->world, pending ? pending : c->pending);
    if (c->prepare)
        c->prepare();
    for (uint32_t i = 0; i <= count; i++) {
        if (c->before)
            c->before(i);
        if (i == 0)
            c->run(i);
        else
            bench_timed(c->run, i, 1);
        if (c->after)
            c->after(i);
    }
    world_close();
    return 0;
}

static bool is_case(const char *name) {
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct bench_case *c = all[i]; c->name; c++)
            if (strcmp(c->name, name) == 0 || strcmp(c->of, name) == 0)
                return true;
    return false;
}

static int no_case(const char *name) {
    fprintf(stderr, "perp-bench: there is no case %s; there are", name);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct bench_case *c = all[i]; c->name; c++)
            fprintf(stderr, " %s", c->name);
    fprintf(stderr, "\n");
    return 2;
}

static int usage(void) {
    fprintf(stderr,
            "usage: perp-bench [--json] [--case NAME]... [--jobs N] [--check] [--count N]\n");
    return 2;
}

int main(int argc, char **argv) {
    unsigned long jobs = 0, count = 0;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0)
            asked.json = true;
        else if (strcmp(argv[i], "--check") == 0)
            asked.check = true;
        else if (strcmp(argv[i], "--case") == 0 && more && n_names < MAX_NAMES)
            names[n_names++] = argv[++i];
        else if (strcmp(argv[i], "--jobs") == 0 && more)
            jobs = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0 && more)
            count = strtoul(argv[++i], NULL, 10);
        else
            return usage();
    }
    if (count)
        return count_case(n_names ? names[0] : "", (uint32_t)count, (uint32_t)jobs);
    if (jobs)
        asked.most = asked.soak = (uint32_t)jobs;
    for (uint32_t i = 0; i < n_names; i++)
        if (!is_case(names[i]))
            return no_case(names[i]);
    learn_clock_cost();
    if (!asked.json)
        printf("%-28s %9s %14s %14s %14s %14s\n", "case", "n", "p50 ns", "p99", "p99.9", "mean");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        measure_list(all[i]);
    return 0;
}
