/* The steps of a job's life: submit, decide, place, fill, finish. */
#include "bench/bench.h"
#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define REFRESHED_EVERY 1000u
#define OTHERS 10000u
#define APART 4u /* symbols that only the deciding job trades */
#define PLACED_A_JOB 32u
#define FILLS_AN_ORDER 8u

/* The job of now, and what a case needs of it. */
static struct {
    perp_job job;
    perp_job_result result;
    perp_quote quote;
    perp_order_request request;
    perp_order_answer answer;
    perp_order_news news;
    char fill_id[24];
    uint64_t jobs, fills, order;
    uint32_t left; /* of the orders or fills of the job */
} now;

static void prepare(void) {
    memset(&now, 0, sizeof now);
}

/* Brings all up to date, with the slot free after that: it goes to a job that has its end. */
static void settle(void) {
    if (world_tick()->dispatched == 0)
        return;
    perp_uuid id = world_newest();
    perp_job another = world_random_job();
    world_finish_flat(&id);
    world_submit(&another);
}

/* The market moves on; now and then all of it, and accounts are reported. */
static void next(uint32_t i) {
    world.call.now_ns += MS;
    if (i % REFRESHED_EVERY != 0)
        return;
    world_move(1);
    world_report();
    settle();
}

static void do_submit(uint32_t i) {
    (void)i;
    world_submit(&now.job);
}

static void next_submit(uint32_t i) {
    next(i);
    now.job = world_job(now.jobs++);
}

static void cancel(uint32_t i) {
    (void)i;
    must(perp_scheduler_cancel(world.scheduler, &world.call, &now.job.job_id), "cancel");
}

/* A job goes before all others. */
static void submit_first(void) {
    now.job.priority = 100;
    now.quote = world_quote(now.job.legs[0].instrument);
    world_submit(&now.job);
}

static void next_decide(uint32_t i) {
    next(i);
    now.job = world_job(now.jobs++);
    submit_first();
}

static void next_decide_apart(uint32_t i) {
    next(i);
    do
        now.job = world_job(now.jobs++);
    while (now.job.legs[0].instrument % world.symbols >= APART);
    submit_first();
}

/* None of the others is of the first symbols. */
static void prepare_apart(void) {
    prepare();
    while (asked.pending < OTHERS) {
        perp_job job = world_random_job();
        if (job.legs[0].instrument % world.symbols < APART)
            continue;
        world_submit(&job);
        asked.pending++;
    }
    settle();
}

static void prepare_beside(void) {
    prepare();
    for (; asked.pending < OTHERS; asked.pending++) {
        perp_job job = world_random_job();
        world_submit(&job);
    }
    settle();
}

static void do_decide(uint32_t i) {
    (void)i;
    must(perp_market_on_quote(world.market, &now.quote), "quote");
    world_tick();
}

/* Ends the program where the job that was to be dispatched was not. */
static void must_run(void) {
    if (world.tick.dispatched == 1)
        return;
    perp_job_info info = {.struct_size = sizeof info};
    must(perp_scheduler_job(world.scheduler, &now.job.job_id, &info), "job");
    fprintf(stderr, "perp-bench: a job was not dispatched: refused %s, skipped %s\n",
            perp_reason_string(info.last_refusal), perp_reason_string(info.last_skip));
    exit(1);
}

static void end_decide(uint32_t i) {
    (void)i;
    must_run();
    world_finish_flat(&now.job.job_id);
}

static void next_finish(uint32_t i) {
    next_decide(i);
    do_decide(i);
    must_run();
    now.result = world_result(&now.job);
}

static void do_finish(uint32_t i) {
    (void)i;
    must(perp_scheduler_finish(world.scheduler, &world.call, &now.job.job_id, &now.result, NULL),
         "finish");
}

static void close_job(uint32_t i) {
    (void)i; /* what is open would leave less room for the next */
    must(perp_scheduler_close(world.scheduler, &world.call, &now.job.job_id, 0, 0, 0), "close");
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* Ends the job, once its last order has ended. */
static void end_from_orders(void) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    must(perp_scheduler_finish(world.scheduler, &world.call, &now.job.job_id, &result, NULL),
         "finish from orders");
    must(perp_scheduler_job(world.scheduler, &now.job.job_id, &info), "job");
    if (info.state == PERP_JOB_OPEN)
        close_job(0);
}

/* A new job where the last one is done with. */
static void next_job(uint32_t left) {
    if (now.left)
        return;
    next_decide((uint32_t)now.jobs % 100 == 0 ? 0 : 1);
    do_decide(0);
    must_run();
    now.left = left;
}

static void next_place(uint32_t i) {
    (void)i;
    next_job(PLACED_A_JOB);
    uint32_t leg = now.left % 2;
    perp_order_request_init(&now.request);
    perp_order_answer_init(&now.answer);
    now.request.job_id = now.job.job_id;
    now.request.leg = leg;
    now.request.quantity = now.job.legs[leg].quantity;
    now.request.price = world.mid[now.job.legs[leg].instrument];
}

static void do_place(uint32_t i) {
    (void)i;
    must(perp_orders_place(world.orders, &world.call, &now.request, &now.answer), "place");
}

static void end_place(uint32_t i) {
    (void)i;
    perp_order_news_init(&now.news);
    now.news.kind = PERP_NEWS_CANCELLED;
    now.news.order = now.answer.order;
    world_tell(&now.news);
    if (--now.left == 0)
        end_from_orders();
}

static void next_fill(uint32_t i) {
    (void)i;
    next_job(2 * FILLS_AN_ORDER);
    uint32_t leg = now.left <= FILLS_AN_ORDER;
    if (now.left % FILLS_AN_ORDER == 0)
        now.order = world_place(&now.job, leg);
    now.news = world_fill(now.order, ++now.fills, now.job.legs[leg].quantity / FILLS_AN_ORDER,
                          world.mid[now.job.legs[leg].instrument], now.fill_id);
}

static void do_fill(uint32_t i) {
    (void)i;
    world_tell(&now.news);
}

static void end_fill(uint32_t i) {
    (void)i;
    if (--now.left == 0)
        end_from_orders();
}

const struct bench_case job_cases[] = {
    {.of = "submit",
     .name = "submit",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare,
     .before = next_submit,
     .run = do_submit,
     .after = cancel},
    {.of = "decide",
     .name = "decide",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare,
     .before = next_decide,
     .run = do_decide,
     .after = end_decide},
    /* The others on any pairs: a fifteenth of them on the instrument that is quoted. */
    {.of = "decide",
     .name = "decide_beside",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare_beside,
     .before = next_decide,
     .run = do_decide,
     .after = end_decide},
    /* The others on other instruments. */
    {.of = "decide",
     .name = "decide_apart",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare_apart,
     .before = next_decide_apart,
     .run = do_decide,
     .after = end_decide},
    {.of = "finish",
     .name = "finish",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare,
     .before = next_finish,
     .run = do_finish,
     .after = close_job},
    {.of = "place",
     .name = "place",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare,
     .before = next_place,
     .run = do_place,
     .after = end_place},
    {.of = "fill",
     .name = "fill",
     .batch = 1,
     .samples = 20000,
     .prepare = prepare,
     .before = next_fill,
     .run = do_fill,
     .after = end_fill},
    {0},
};
