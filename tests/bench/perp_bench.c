/* How long the library's operations take, on the workload of world.h.
   usage: perp-bench [--json] [--case NAME] [--jobs N]
          perp-bench --case NAME --count N   does it N times and measures nothing, for callgrind
   --jobs: the most pending jobs of the tick and memory cases (1,000,000). Times are taken around
   batches, since a look at the clock costs some 20 ns; a line's figures are those of its samples.
 */
#include "bench/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SAMPLES 20000u

static struct world world;
static double samples[MAX_SAMPLES];
static uint32_t n_samples;
static bool as_json;

static double clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void sample(double ns) {
    if (n_samples < MAX_SAMPLES)
        samples[n_samples++] = ns;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at_share(double share) {
    return samples[(uint32_t)(share * (n_samples - 1))];
}

/* Prints and forgets the samples. */
static void report(const char *name, uint64_t n, const char *unit) {
    double sum = 0;
    qsort(samples, n_samples, sizeof *samples, by_value);
    for (uint32_t i = 0; i < n_samples; i++)
        sum += samples[i];
    double p50 = at_share(0.5), p99 = at_share(0.99), p999 = at_share(0.999);
    if (as_json)
        printf("{\"case\":\"%s\",\"n\":%llu,\"unit\":\"%s\",\"ns_p50\":%.1f,\"ns_p99\":%.1f,"
               "\"ns_p999\":%.1f,\"ns_mean\":%.1f}\n",
               name, (unsigned long long)n, unit, p50, p99, p999, sum / n_samples);
    else
        printf("%-16s %9llu %-6s %12.1f %12.1f %12.1f %12.1f\n", name, (unsigned long long)n, unit,
               p50, p99, p999, sum / n_samples);
    fflush(stdout);
    n_samples = 0;
}

/* ---- Operations, the i-th of many ------------------------------------------------------------ */

#define PREPARED 4096u
static perp_quote quotes[PREPARED];
static perp_book books[PREPARED];

static void prepare_quotes(void) {
    for (uint32_t i = 0; i < PREPARED; i++)
        quotes[i] = world_quote(&world, i % INSTRUMENTS);
}

/* The levels of a book are its instrument's, so that they are prepared, too. */
static void prepare_books(void) {
    for (uint32_t i = 0; i < PREPARED; i++)
        books[i] = world_book(&world, i % INSTRUMENTS);
}

static void do_quote(uint32_t i) {
    perp_quote *quote = &quotes[i % PREPARED];
    quote->time_ns = world.call.now_ns += 1000000;
    must(&world, perp_market_on_quote(world.market, quote), "quote");
}

static void do_book(uint32_t i) {
    perp_book *book = &books[i % PREPARED];
    book->time_ns = world.call.now_ns += 1000000;
    must(&world, perp_market_on_book(world.market, book), "book");
}

static perp_evaluation evaluation;

static void prepare_evaluation(void) {
    perp_evaluation_init(&evaluation);
}

static void do_evaluate(uint32_t i) {
    must(&world,
         perp_risk_evaluate(world.risk, world.call.now_ns, &world.jobs[i % JOBS], &evaluation),
         "evaluate");
}

static void do_reserve_release(uint32_t i) {
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    must(&world,
         perp_capital_reserve_for_job(world.capital, &world.call, &world.jobs[i % JOBS], ids, &n,
                                      &refusal),
         "reserve");
    for (uint32_t k = 0; k < n; k++)
        must(&world, perp_capital_release(world.capital, &world.call, ids[k], 0), "release");
}

static void do_nothing(void) {
}

static perp_monitor_state state;
static char text[1 << 20];

static void prepare_state(void) {
    state.struct_size = sizeof state;
}

static void do_snapshot(uint32_t i) {
    (void)i;
    must(&world, perp_monitor_snapshot(world.core, world.call.now_ns, &state), "snapshot");
}

static void do_json(uint32_t i) {
    size_t length;
    (void)i;
    must(&world, perp_monitor_json(world.core, world.call.now_ns, text, sizeof text, &length),
         "json");
}

/* A quote for one instrument of so many. */
static void move_every(uint32_t nth, uint32_t i) {
    for (perp_instrument_id id = i % nth; id < INSTRUMENTS; id += nth) {
        perp_quote quote = world_quote(&world, id);
        must(&world, perp_market_on_quote(world.market, &quote), "quote");
    }
}

static void do_json_tenth(uint32_t i) {
    move_every(10, i);
    do_json(i);
}

static void do_json_all(uint32_t i) {
    move_every(1, i);
    do_json(i);
}

static void prepare_way(void);
static void do_way(uint32_t i);
static void do_place(uint32_t i);
static void do_fill(uint32_t i);

/* batch 0: measured elsewhere, and only counted here. */
static const struct repeated {
    const char *name;
    void (*prepare)(void);
    void (*run)(uint32_t i);
    uint32_t batch;
} repeated[] = {
    {"quote", prepare_quotes, do_quote, 64},
    {"book5", prepare_books, do_book, 64},
    {"evaluate", prepare_evaluation, do_evaluate, 16},
    {"reserve_release", do_nothing, do_reserve_release, 16},
    {"way", prepare_way, do_way, 0},
    {"place", prepare_way, do_place, 0},
    {"fill", prepare_way, do_fill, 0},
    {"snapshot", prepare_state, do_snapshot, 0},
    {"json", prepare_state, do_json, 0},
    {"json_tenth", prepare_state, do_json_tenth, 0},
    {"json_all", prepare_state, do_json_all, 0},
};
#define N_REPEATED (sizeof repeated / sizeof *repeated)

static void measure_repeated(const struct repeated *r) {
    uint32_t done = 0;
    uint64_t before = world.allocations;
    r->prepare();
    for (; done < 10000; done++)
        r->run(done);
    for (uint32_t s = 0; s < MAX_SAMPLES; s++) {
        double start = clock_ns();
        for (uint32_t i = 0; i < r->batch; i++)
            r->run(done++);
        sample((clock_ns() - start) / r->batch);
    }
    report(r->name, (uint64_t)MAX_SAMPLES * r->batch, "ns");
    if (world.allocations != before) {
        fprintf(stderr, "perp-bench: %s asked for memory %llu times\n", r->name,
                (unsigned long long)(world.allocations - before));
        exit(1);
    }
}

/* ---- A job's way: submit, quote and tick, finish --------------------------------------------- */

static perp_job_result result_of(const perp_job *job) {
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

enum step { SUBMIT, DECIDE, FINISH };

/* One job through all three; how long the step took. */
static double run_job(uint32_t i, enum step step, perp_tick_result *tick, bool *dispatched) {
    double times[4];
    perp_job job = world_job(&world, i);
    perp_job_result result = result_of(&job);
    world.call.now_ns += 1000000;
    perp_quote quote = world_quote(&world, job.legs[0].instrument);
    times[0] = clock_ns();
    must(&world, perp_scheduler_submit(world.scheduler, &world.call, &job), "submit");
    times[1] = clock_ns();
    must(&world, perp_market_on_quote(world.market, &quote), "quote");
    must(&world, perp_scheduler_tick(world.scheduler, &world.call, tick), "tick");
    times[2] = clock_ns();
    *dispatched = tick->dispatched == 1;
    if (*dispatched)
        must(&world,
             perp_scheduler_finish(world.scheduler, &world.call, &job.job_id, &result, NULL),
             "finish");
    else
        must(&world, perp_scheduler_cancel(world.scheduler, &world.call, &job.job_id), "cancel");
    times[3] = clock_ns();
    if (*dispatched) /* what it opened would leave less room for the next */
        must(&world, perp_scheduler_close(world.scheduler, &world.call, &job.job_id, 0, 0, 0),
             "close");
    return times[step + 1] - times[step];
}

static perp_tick_result way_tick;

static void prepare_way(void) {
    perp_tick_result_init(&way_tick);
    way_tick.want_items = 0;
    world_move(&world, 1000);
}

/* A job's whole way; what a dispatched job lists goes into memory that a tick asked for. */
static void do_way(uint32_t i) {
    bool dispatched;
    run_job(i, FINISH, &way_tick, &dispatched);
}

/* ---- Orders: placed and ended, filled -------------------------------------------------------- */

/* The job whose orders they are; a new one after so many of a case. */
static struct {
    perp_job job;
    uint32_t n, left; /* jobs tried; what is left of this one's */
    uint64_t order;   /* that fills */
} desk;

/* Ends the job, once its last order has ended. */
static void end_desk(void) {
    perp_job_result result;
    perp_job_info info = {.struct_size = sizeof info};
    perp_job_result_init(&result);
    result.from_orders = 1;
    must(&world,
         perp_scheduler_finish(world.scheduler, &world.call, &desk.job.job_id, &result, NULL),
         "finish from orders");
    must(&world, perp_scheduler_job(world.scheduler, &desk.job.job_id, &info), "job");
    if (info.state == PERP_JOB_OPEN)
        must(&world, perp_scheduler_close(world.scheduler, &world.call, &desk.job.job_id, 0, 0, 0),
             "close");
}

static void open_desk(uint32_t left) {
    way_tick.dispatched = 0;
    while (!way_tick.dispatched) {
        desk.job = world_job(&world, desk.n++);
        world.call.now_ns += 1000000;
        perp_quote quote = world_quote(&world, desk.job.legs[0].instrument);
        must(&world, perp_scheduler_submit(world.scheduler, &world.call, &desk.job), "submit");
        must(&world, perp_market_on_quote(world.market, &quote), "quote");
        must(&world, perp_scheduler_tick(world.scheduler, &world.call, &way_tick), "tick");
        if (!way_tick.dispatched)
            must(&world, perp_scheduler_cancel(world.scheduler, &world.call, &desk.job.job_id),
                 "cancel");
    }
    desk.left = left;
}

static uint64_t place(uint32_t leg) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = desk.job.job_id;
    request.leg = leg;
    request.quantity = desk.job.legs[leg].quantity;
    request.price = world.mid[desk.job.legs[leg].instrument];
    must(&world, perp_orders_place(perp_core_orders(world.core), &world.call, &request, &answer),
         "place");
    if (!answer.order) {
        fprintf(stderr, "perp-bench: place: refused: %s\n", perp_gate_string(answer.gate));
        exit(1);
    }
    return answer.order;
}

static void tell(const perp_order_news *news) {
    must(&world, perp_orders_tell(perp_core_orders(world.core), &world.call, news, NULL), "tell");
}

#define PLACED_A_JOB 32u
#define FILLS_AN_ORDER 8u

/* One order placed, of either leg in turn, and cancelled; how long the first took. */
static double run_place(void) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.kind = PERP_NEWS_CANCELLED;
    if (!desk.left)
        open_desk(PLACED_A_JOB);
    double start = clock_ns();
    news.order = place(desk.left % 2);
    double end = clock_ns();
    tell(&news);
    if (!--desk.left)
        end_desk();
    return end - start;
}

static void do_place(uint32_t i) {
    (void)i;
    run_place();
}

/* One of the eight fills of an order; how long it took. */
static double run_fill(void) {
    static const char *const ids[FILLS_AN_ORDER] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    perp_order_news news;
    perp_order_news_init(&news);
    if (!desk.left)
        open_desk(2 * FILLS_AN_ORDER);
    uint32_t leg = desk.left <= FILLS_AN_ORDER, n = desk.left % FILLS_AN_ORDER;
    if (n == 0)
        desk.order = place(leg);
    news.kind = PERP_NEWS_FILL;
    news.order = desk.order;
    news.fill_id = ids[n];
    news.quantity = desk.job.legs[leg].quantity / FILLS_AN_ORDER;
    news.price = world.mid[desk.job.legs[leg].instrument];
    news.fee = 1;
    double start = clock_ns();
    tell(&news);
    double end = clock_ns();
    if (!--desk.left)
        end_desk();
    return end - start;
}

static void do_fill(uint32_t i) {
    (void)i;
    run_fill();
}

static void measure_orders(const char *name, double (*run)(void)) {
    prepare_way();
    for (uint32_t i = 0; n_samples < MAX_SAMPLES; i++) {
        if (desk.left == 0 && i % 100 == 0) {
            world_move(&world, 1);
            world_report(&world);
        }
        sample(run());
    }
    while (desk.left) /* the next case has a job of its own */
        run();
    report(name, MAX_SAMPLES, "ns");
}

static void measure_step(const char *name, enum step step) {
    perp_tick_result tick;
    bool dispatched;
    perp_tick_result_init(&tick);
    world_move(&world, 1000);
    for (uint32_t i = 0; n_samples < MAX_SAMPLES; i++) {
        if (i % 1000 == 0) {
            world_move(&world, 1);
            world_report(&world);
        }
        double ns = run_job(i, step, &tick, &dispatched);
        if (dispatched)
            sample(ns);
    }
    report(name, MAX_SAMPLES, "ns");
    perp_tick_result_free(&tick);
}

/* ---- Ticks over many pending jobs ------------------------------------------------------------ */

static void move_nothing(uint32_t round) {
    (void)round;
}

static void move_one(uint32_t round) {
    perp_quote quote = world_quote(&world, round % INSTRUMENTS);
    must(&world, perp_market_on_quote(world.market, &quote), "quote");
}

static void move_all(uint32_t round) {
    (void)round;
    world_move(&world, 1);
}

/* Jobs that wait because RUNNING + 1 run. Times are of a whole tick, or of a job of it. */
static void measure_tick(const char *name, uint32_t pending, void (*move)(uint32_t), bool a_job) {
    perp_tick_result tick;
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    uint32_t rounds = pending >= 100000 ? 5 : 50;
    world_move(&world, 1000);
    must(&world, perp_scheduler_tick(world.scheduler, &world.call, &tick), "tick");
    for (uint32_t i = 0; i < rounds; i++) {
        world.call.now_ns += 1000000;
        move(i);
        double start = clock_ns();
        must(&world, perp_scheduler_tick(world.scheduler, &world.call, &tick), "tick");
        sample((clock_ns() - start) / (a_job ? pending : 1));
    }
    report(name, pending, a_job ? "ns/job" : "ns");
    perp_tick_result_free(&tick);
}

static void submit_until(uint32_t *pending, uint32_t wanted) {
    for (; *pending < wanted; ++*pending) {
        perp_job job = world_job(&world, *pending);
        must(&world, perp_scheduler_submit(world.scheduler, &world.call, &job), "submit");
    }
}

static void measure_ticks(uint32_t most) {
    perp_limits limits;
    uint32_t pending = 0;
    size_t before = world.allocated;
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = RUNNING;
    must(&world, perp_scheduler_set_limits(world.scheduler, &world.call, &limits), "limits");
    for (uint32_t n = 100; n <= most; n *= n == 100 ? 100 : 10) {
        submit_until(&pending, n);
        measure_tick("tick_hot", n, move_all, true);
        measure_tick("tick_idle", n, move_nothing, false);
        measure_tick("tick_one", n, move_one, false);
    }
    size_t each = pending ? (world.allocated - before) / pending : 0;
    if (as_json)
        printf("{\"case\":\"memory\",\"n\":%u,\"bytes_per_job\":%zu}\n", pending, each);
    else
        printf("%-16s %9u jobs  %12zu bytes each\n", "memory", pending, each);
}

/* ---- The whole state ------------------------------------------------------------------------- */

/* nth: one of so many instruments moves between two; 0: none. */
static void measure_json(const char *name, uint32_t nth) {
    for (uint32_t i = 0; i < 200; i++) {
        if (nth)
            move_every(nth, i);
        double start = clock_ns();
        do_json(i);
        sample(clock_ns() - start);
    }
    report(name, 200, "ns");
}

static void measure_state(void) {
    prepare_state();
    for (uint32_t i = 0; i < 2000; i++) {
        double start = clock_ns();
        do_snapshot(i);
        sample(clock_ns() - start);
    }
    report("snapshot", 2000, "ns");
    measure_json("json", 0);
    measure_json("json_tenth", 10);
    measure_json("json_all", 1);
}

/* ---- Feeds beside decisions ------------------------------------------------------------------ */

static atomic_bool stop;
static perp_call call_beside; /* of the other thread: the world's moves on meanwhile */

/* Ticks as fast as it can, or feeds one instrument that is not fed otherwise meanwhile. */
static void *tick_on(void *user) {
    perp_tick_result tick;
    (void)user;
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    while (!atomic_load(&stop))
        must(&world, perp_scheduler_tick(world.scheduler, &call_beside, &tick), "tick");
    perp_tick_result_free(&tick);
    return NULL;
}

static void *feed_on(void *user) {
    perp_quote quote = *(perp_quote *)user;
    while (!atomic_load(&stop)) {
        quote.time_ns += 1000;
        must(&world, perp_market_on_quote(world.market, &quote), "quote");
    }
    return NULL;
}

static void feed_samples(void) {
    for (uint32_t i = 0; n_samples < MAX_SAMPLES; i += 64) {
        double start = clock_ns();
        for (uint32_t k = 0; k < 64; k++)
            do_quote(i + k);
        sample((clock_ns() - start) / 64);
    }
}

static void tick_samples(void) {
    perp_tick_result tick;
    perp_tick_result_init(&tick);
    tick.want_items = 0;
    while (n_samples < MAX_SAMPLES / 10) {
        double start = clock_ns();
        must(&world, perp_scheduler_tick(world.scheduler, &world.call, &tick), "tick");
        sample(clock_ns() - start);
    }
    perp_tick_result_free(&tick);
}

/* `run` alone, then while another thread does `beside`. */
static void measure_beside(const char *name, void (*run)(void), void *(*beside)(void *)) {
    char alone[32], both[32];
    pthread_t thread;
    perp_quote quote = world_quote(&world, 0);
    snprintf(alone, sizeof alone, "%s_alone", name);
    snprintf(both, sizeof both, "%s_beside", name);
    run();
    report(alone, MAX_SAMPLES, "ns");
    atomic_store(&stop, false);
    call_beside = world.call;
    if (pthread_create(&thread, NULL, beside, &quote) != 0) {
        fprintf(stderr, "perp-bench: no thread\n");
        exit(1);
    }
    run();
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    report(both, MAX_SAMPLES, "ns");
}

static void measure_contention(void) {
    uint32_t pending = 0;
    prepare_quotes();
    submit_until(&pending, 100);
    measure_beside("feed", feed_samples, tick_on);
    measure_beside("tick", tick_samples, feed_on);
}

/* ---- The program ----------------------------------------------------------------------------- */

static bool wanted(const char *only, const char *name) {
    return !only || strcmp(only, name) == 0;
}

/* Each in a world of its own. */
static void measure(const char *only, uint32_t most) {
    for (size_t i = 0; i < N_REPEATED; i++) {
        if (!repeated[i].batch || !wanted(only, repeated[i].name))
            continue;
        world_open(&world);
        measure_repeated(&repeated[i]);
        world_close(&world);
    }
    static const char *const steps[] = {"submit", "decide", "finish"};
    for (int step = SUBMIT; step <= FINISH; step++) {
        if (!wanted(only, steps[step]))
            continue;
        world_open(&world);
        measure_step(steps[step], (enum step)step);
        world_close(&world);
    }
    for (int fills = 0; fills < 2; fills++) {
        if (!wanted(only, fills ? "fill" : "place"))
            continue;
        world_open(&world);
        measure_orders(fills ? "fill" : "place", fills ? run_fill : run_place);
        world_close(&world);
    }
    if (wanted(only, "state")) {
        world_open(&world);
        measure_state();
        world_close(&world);
    }
    if (wanted(only, "feed_contention")) {
        world_open(&world);
        measure_contention();
        world_close(&world);
    }
    if (wanted(only, "tick")) {
        world_open(&world);
        measure_ticks(most);
        world_close(&world);
    }
}

/* One case, `count` times, and nothing else that depends on count. */
static int run_only(const char *only, uint32_t count) {
    for (size_t i = 0; i < N_REPEATED; i++) {
        if (!only || strcmp(only, repeated[i].name) != 0)
            continue;
        world_open(&world);
        repeated[i].prepare();
        for (uint32_t k = 0; k < count; k++)
            repeated[i].run(k);
        world_close(&world);
        return 0;
    }
    fprintf(stderr, "perp-bench: --count goes with --case and one of");
    for (size_t i = 0; i < N_REPEATED; i++)
        fprintf(stderr, " %s", repeated[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv) {
    const char *only = NULL;
    unsigned long most = 1000000, count = 0;
    bool counting = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            as_json = true;
        } else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc) {
            most = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc) {
            count = strtoul(argv[++i], NULL, 10);
            counting = true;
        } else {
            fprintf(stderr, "usage: perp-bench [--json] [--case NAME] [--jobs N] [--count N]\n");
            return 2;
        }
    }
    if (counting)
        return run_only(only, (uint32_t)count);
    if (!as_json)
        printf("%-16s %9s %-6s %12s %12s %12s %12s\n", "case", "n", "unit", "p50", "p99", "p99.9",
               "mean");
    measure(only, (uint32_t)most);
    return 0;
}
