/* That a tick leaves those alone that nothing lets go, or holds otherwise, is invisible. Two books
   are told the same; in one of them a kill forgets where everybody waits, so that its next tick
   looks at all that passed. */
#include "fixture.h"

#include <stdbool.h>

enum { MORE_X = 4, ALL = N_X + MORE_X, N_BASES = 2, MOST_JOBS = 4000, STEPS = 600 };

struct twin {
    struct world *w;
    perp_tick_result result;
};

/* What happens in both. */
struct life {
    struct twin twins[2]; /* the second one forgets */
    perp_instrument_id at[ALL][N_BASES];
    uint64_t random;
    uint32_t n_jobs;
    uint32_t seen[PERP_MAX_REASONS]; /* how often each was why a job was skipped */
    uint32_t chosen, changed;
};

static const double mids[N_BASES] = {50000, 2500};

static uint32_t below(struct life *life, uint32_t n) {
    life->random ^= life->random << 13;
    life->random ^= life->random >> 7;
    life->random ^= life->random << 17;
    return (uint32_t)(life->random >> 11) % n;
}

static void busy_config(perp_config *config) {
    config->scheduler.max_global_concurrent_jobs = 6;
    config->scheduler.max_concurrent_per_exchange = 3;
    config->scheduler.max_notional_per_exchange = USD(3000);
    config->scheduler.max_dispatch_per_minute = 8;
    config->capital.max_single_reserve_ppm = 600000;
    config->capital.max_total_notional_ppm = 800000;
    config->capital.max_equity_jump_ppm = 1000000;
    config->capital.drawdown_limit_ppm = 1000000;
    config->risk.max_drawdown_pct = 1;
    config->risk.daily_loss_limit_pct = 0;
    config->risk.max_consecutive_failures = 1000000;
    config->risk.circuit_failures = 1000000;
}

static void aging_config(perp_config *config) {
    busy_config(config);
    config->scheduler.aging_per_minute = 0.37;
}

static void quote_all(struct life *life) {
    for (uint32_t x = 0; x < ALL; x++)
        for (uint32_t base = 0; base < N_BASES; base++) {
            double mid = mids[base] * (1 + (below(life, 21) - 10.0) * 1e-6);
            for (int i = 0; i < 2; i++)
                quote_at(life->twins[i].w, life->at[x][base], life->twins[i].w->now, mid * 0.99999,
                         mid * 1.00001, 1000);
        }
}

static void open_life(struct life *life, void (*change)(perp_config *), uint64_t seed) {
    static const char *names[MORE_X] = {"epsilon", "zeta", "eta", "theta"};
    memset(life, 0, sizeof *life);
    life->random = seed;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_changed(change);
        life->twins[i].w = w;
        perp_tick_result_init(&life->twins[i].result);
        for (uint32_t x = 0; x < ALL; x++) {
            if (x >= N_X)
                ck_assert_uint_eq(world_exchange(w, names[x - N_X], ""), x);
            life->at[x][0] = x < N_X ? w->btc[x] : world_instrument(w, x, "BTC/USDT:USDT", "", 0);
            life->at[x][1] = x < N_X ? w->eth[x] : world_instrument(w, x, "ETH/USDT:USDT", "", 0);
            for (int twice = 0; twice < 2; twice++)
                ok(w, perp_capital_update_equity(w->capital, nowc(w), x, USD(5000)));
        }
    }
    quote_all(life);
}

static void close_life(struct life *life) {
    for (int i = 0; i < 2; i++) {
        perp_tick_result_free(&life->twins[i].result);
        world_close(life->twins[i].w);
    }
}

#define BOTH(one, expression)                                                                      \
    do {                                                                                           \
        perp_status each_[2];                                                                      \
        for (int twin_ = 0; twin_ < 2; twin_++) {                                                  \
            struct world *one = life->twins[twin_].w;                                              \
            each_[twin_] = (expression);                                                           \
        }                                                                                          \
        ck_assert_msg(each_[0] == each_[1], "%s: %s and %s (%s)", #expression,                     \
                      perp_status_string(each_[0]), perp_status_string(each_[1]),                  \
                      perp_core_error(life->twins[0].w->core));                                    \
    } while (0)

static void submit_one(struct life *life) {
    uint32_t buy = below(life, ALL), sell = (buy + 1 + below(life, ALL - 1)) % ALL;
    uint32_t base = below(life, N_BASES), dollars = 50 + below(life, 24) * 50;
    if (life->n_jobs == MOST_JOBS)
        return;
    perp_job job = pair_job(++life->n_jobs, life->at[buy][base], life->at[sell][base]);
    job.notional = USD(dollars);
    job.legs[0].quantity = job.legs[1].quantity = dollars / mids[base];
    job.priority = (int32_t)below(life, 3) - 1;
    job.expected_edge_bps = 10 + below(life, 20);
    job.est_volume = USD(100 + below(life, 1000));
    job.ttl_ms = below(life, 4) ? 0 : 60000;
    job.strategy = below(life, 4) ? PERP_STRATEGY_WASH : PERP_STRATEGY_ARB;
    if (below(life, 8) == 0) { /* it may reduce */
        job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
        job.n_legs = 1;
        job.legs[0].side = below(life, 2) ? PERP_SIDE_BUY : PERP_SIDE_SELL;
    }
    BOTH(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}

static bool find(struct life *life, uint32_t state, perp_uuid *id) {
    static perp_uuid ids[MOST_JOBS];
    uint32_t count = 0;
    struct world *w = life->twins[0].w;
    ok(w, perp_scheduler_list(w->scheduler, state, ids, MOST_JOBS, &count));
    if (count == 0)
        return false;
    *id = ids[below(life, count)];
    return true;
}

static void finish_one(struct life *life) {
    perp_uuid id;
    perp_job_result result;
    if (!find(life, PERP_JOB_RUNNING, &id))
        return;
    perp_job_result_init(&result);
    uint32_t how = below(life, 8);
    if (how == 0) {
        result.status = PERP_RESULT_NOTHING;
    } else if (how > 2) {
        result.has_totals = result.flat = 1;
        result.volume = USD(100);
    }
    BOTH(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
}

static void limit_one(struct life *life) {
    perp_limits limits;
    perp_limits_init(&limits);
    switch (below(life, 4)) {
    case 0:
        limits.max_global_concurrent_jobs = below(life, 12);
        break;
    case 1:
        limits.max_dispatch_per_minute = below(life, 12);
        break;
    case 2:
        limits.exchange = below(life, ALL);
        limits.max_concurrent = below(life, 5);
        break;
    default:
        limits.exchange = below(life, ALL);
        limits.max_notional = USD(below(life, 5) * 1000);
    }
    BOTH(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
}

static void move_capital(struct life *life) {
    uint32_t x = below(life, ALL);
    perp_usd equity = USD(200 + below(life, 30) * 200);
    for (int twice = 0; twice < 2; twice++)
        BOTH(w, perp_capital_update_equity(w->capital, nowc(w), x, equity));
}

static void happens(struct life *life) {
    perp_uuid id;
    uint32_t x = below(life, ALL), what = below(life, 40);
    bool on = below(life, 2) == 1, down = what == 34 && on;
    if (what < 14)
        submit_one(life);
    else if (what < 22)
        finish_one(life);
    else if (what < 25)
        limit_one(life);
    else if (what < 29)
        move_capital(life);
    else if (what == 29 && find(life, PERP_JOB_PENDING, &id))
        BOTH(w, perp_scheduler_cancel(w->scheduler, nowc(w), &id));
    else if (what == 30)
        BOTH(w, perp_capital_set_safe_mode(w->capital, signedc(w), x, on ? 1 : 0));
    else if (what == 31 && on)
        BOTH(w, perp_scheduler_pause(w->scheduler, signedc(w)));
    else if (what < 34)
        BOTH(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    else if (what >= 34)
        for (int i = 0; i < 2; i++)
            world_api(life->twins[i].w, x, down ? PERP_API_DEGRADED : PERP_API_UP);
}

static void time_passes(struct life *life) {
    int64_t step = below(life, 10) ? below(life, 3) * SECOND : 20 * SECOND;
    for (int i = 0; i < 2; i++)
        life->twins[i].w->now += step;
    quote_all(life);
}

/* Where it forgets, one more tick comes before, in which nothing goes. */
static void tick_of(struct twin *twin, uint32_t want, bool forgets) {
    struct world *w = twin->w;
    if (forgets) {
        ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 1, ALL_X, NULL, 0, NULL));
        ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &twin->result));
        ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALL_X, NULL, 0, NULL));
    }
    twin->result.want_items = want;
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), &twin->result));
}

static const perp_tick_item *next_item(const perp_tick_result *result, uint32_t *i) {
    for (; *i < result->n_items; (*i)++)
        if (result->items[*i].kind == PERP_TICK_DISPATCHED ||
            result->items[*i].kind == PERP_TICK_SKIPPED)
            return &result->items[(*i)++];
    return NULL;
}

static void items_are_the_same(struct life *life, uint32_t step) {
    uint32_t i = 0, j = 0;
    for (;;) {
        const perp_tick_item *a = next_item(&life->twins[0].result, &i);
        const perp_tick_item *b = next_item(&life->twins[1].result, &j);
        if (!a && !b)
            return;
        ck_assert_msg(a && b && a->kind == b->kind && a->reason == b->reason &&
                          same_id(&a->job_id, &b->job_id),
                      "step %u, item %u: %s and %s", step, i,
                      a ? perp_reason_string(a->reason) : "none",
                      b ? perp_reason_string(b->reason) : "none");
        life->changed += a->kind == PERP_TICK_SKIPPED;
    }
}

/* What is shown of those that wait. */
static void skips_are_the_same(struct life *life, uint32_t step) {
    static perp_uuid ids[2][MOST_JOBS];
    uint32_t counts[2] = {0}, skips[2];
    for (int i = 0; i < 2; i++)
        ok(life->twins[i].w, perp_scheduler_list(life->twins[i].w->scheduler, PERP_JOB_PENDING,
                                                 ids[i], MOST_JOBS, &counts[i]));
    ck_assert_uint_eq(counts[0], counts[1]);
    for (uint32_t n = 0; n < counts[0]; n++) {
        for (int i = 0; i < 2; i++) {
            perp_job_info info;
            memset(&info, 0, sizeof info);
            info.struct_size = sizeof info;
            ok(life->twins[i].w,
               perp_scheduler_job(life->twins[i].w->scheduler, &ids[i][n], &info));
            skips[i] = info.last_skip;
        }
        ck_assert(same_id(&ids[0][n], &ids[1][n]));
        ck_assert_msg(skips[0] == skips[1], "step %u, job %u: %s and %s", step, n,
                      perp_reason_string(skips[0]), perp_reason_string(skips[1]));
    }
}

static void ticks(struct life *life, uint32_t step) {
    const perp_tick_result *a = &life->twins[0].result, *b = &life->twins[1].result;
    uint32_t want = below(life, 3);
    for (int i = 0; i < 2; i++)
        tick_of(&life->twins[i], want, i == 1);
    ck_assert_msg(a->dispatched == b->dispatched, "step %u: %u and %u chosen", step, a->dispatched,
                  b->dispatched);
    for (uint32_t i = 0; i < PERP_MAX_REASONS; i++) {
        ck_assert_msg(a->skipped_by[i] == b->skipped_by[i], "step %u: skipped by %s: %u and %u",
                      step, perp_reason_string(i), a->skipped_by[i], b->skipped_by[i]);
        life->seen[i] += a->skipped_by[i];
    }
    life->chosen += a->dispatched;
    items_are_the_same(life, step);
    skips_are_the_same(life, step);
}

static void live(void (*change)(perp_config *), uint64_t seed) {
    static const uint32_t wanted[] = {
        PERP_REASON_GLOBAL_CONCURRENCY, PERP_REASON_EXCHANGE_CONCURRENCY,
        PERP_REASON_EXCHANGE_NOTIONAL,  PERP_REASON_DISPATCH_RATE,
        PERP_REASON_SELF_TRADE,         PERP_REASON_SAFE_MODE,
        PERP_REASON_SINGLE_LIMIT,       PERP_REASON_TOTAL_LIMIT,
        PERP_REASON_INSUFFICIENT};
    static struct life life;
    open_life(&life, change, seed);
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t n = below(&life, 4); n > 0; n--)
            happens(&life);
        if (below(&life, 3) == 0)
            time_passes(&life);
        ticks(&life, step);
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        ck_assert_msg(life.seen[wanted[i]] > 0, "nobody was skipped by %s",
                      perp_reason_string(wanted[i]));
    ck_assert_uint_gt(life.chosen, STEPS / 20);
    ck_assert_uint_gt(life.changed, STEPS);
    close_life(&life);
}

START_TEST(where_jobs_wait_is_invisible) {
    live(busy_config, UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(_i + 1));
}
END_TEST

START_TEST(where_jobs_wait_is_invisible_while_they_age) {
    live(aging_config, UINT64_C(0xBF58476D1CE4E5B9) * (uint64_t)(_i + 1));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ranks");
    TCase *tcase = tcase_create("lives");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, where_jobs_wait_is_invisible, 0, 3);
    tcase_add_loop_test(tcase, where_jobs_wait_is_invisible_while_they_age, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
