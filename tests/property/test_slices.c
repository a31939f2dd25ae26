/* Positions that are opened and left in slices of any size: what was closed is exactly nothing;
   what is open is never worth more than what is reserved and used for it; and no way of ending jobs
   lets the sum pass the limit. usage: test_slices [SEED]   (or PERP_SEED in the environment) */
#include "lives.h"

#include <math.h>

#define N_OPEN 12

typedef struct world {
    perp_core *core;
    perp_scheduler *scheduler;
    uint64_t seed, random, n_job, n_fills, n_closed, n_refused;
    int64_t now;
    double price;
    perp_uuid open[N_OPEN];
    uint32_t n_open;
} world;

static void fail(const world *w, const char *what, double got) {
    fprintf(stderr, "seed %" PRIu64 ": %s (%.17g)\nlast error: %s\n0 passed, 1 failed\n", w->seed,
            what, got, perp_core_error(w->core));
    exit(1);
}

static void ok(const world *w, perp_status status) {
    if (status != PERP_OK) {
        fail(w, perp_status_string(status), 0);
    }
}

static uint32_t below(world *w, uint32_t most) {
    return (uint32_t)(mixed_random(&w->random) % most);
}

static perp_call call_of(world *w) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now += 20 * MS;
    return call;
}

static perp_uuid fresh_id(world *w) {
    perp_uuid id = {{1}};
    w->n_job++;
    memcpy(id.bytes + 8, &w->n_job, sizeof w->n_job);
    return id;
}

static void quote(world *w) {
    ok(w, quotes_of(w->core, w->now, w->price * (1 - 1e-6), w->price * (1 + 1e-6), 1e15));
}

static void open_world(world *w, uint64_t seed) {
    perp_config config;
    memset(w, 0, sizeof *w);
    w->seed = w->random = seed;
    w->now = START;
    nothing_refused(&config);
    config.risk.max_quote_age_ms = INT64_C(86400000);
    config.scheduler.auto_repair = 0;
    config.scheduler.leg_risk_usd = INT64_C(1) << 50; /* what is naked is not looked at here */
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config.risk.modes[i].max_spread_ratio = 1e6;
        config.risk.modes[i].volatility_threshold = 1e3;
    }
    ok(w, perp_core_open(&config, &w->core));
    w->scheduler = perp_core_scheduler(w->core);
    for (uint32_t i = 0; i < N_EXCHANGES; i++) {
        perp_call call = call_of(w);
        ok(w, exchange_of(w->core, &call, i, 0, INT64_C(10000) * 1000000));
    }
}

/* What is open, against what is kept for it: a slice loses less than two micro-dollars to rounding.
 */
static void look(world *w) {
    if (perp_core_check(w->core) != PERP_OK) {
        fail(w, "perp_core_check", 0);
    }
    for (uint32_t i = 0; i < N_EXCHANGES; i++) {
        perp_capital_state capital;
        perp_lot_state lots[8 * N_OPEN];
        uint32_t n = 0;
        double worth = 0;
        memset(&capital, 0, sizeof capital);
        capital.struct_size = sizeof capital;
        ok(w, perp_capital_snapshot(perp_core_capital(w->core), i, &capital));
        ok(w, perp_positions_lots(perp_core_positions(w->core), i, lots, 8 * N_OPEN, &n));
        for (uint32_t k = 0; k < n && k < 8 * N_OPEN; k++) {
            worth += fabs(lots[k].quantity) * lots[k].price * 1e6;
        }
        double kept = (double)(capital.total_used + capital.total_in_flight);
        if (kept < worth * (1 - 1e-9) - 2 * (double)(w->n_fills + 1)) {
            fail(w, "what is open is worth more than what is kept for it", worth - kept);
        }
        if (kept > 0.3 * (double)capital.equity + 1) {
            fail(w, "more is in flight and used than the limit", kept);
        }
        if (n == 0 && capital.total_used != 0) {
            fail(w, "used without lots", (double)capital.total_used);
        }
    }
}

static perp_job_info info_of(world *w, const perp_uuid *id) {
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ok(w, perp_scheduler_job(w->scheduler, id, &info));
    return info;
}

/* Fills the legs of a running job up to shares of them, in slices, one leg now and then another.
   How the sums come about is up to the host: added up, or multiplied. */
static void fill_in_slices(world *w, const perp_uuid *id, double share) {
    perp_job_info info = info_of(w, id);
    perp_leg_result legs[PERP_MAX_LEGS];
    uint32_t slices[PERP_MAX_LEGS], done[PERP_MAX_LEGS] = {0}, left = 0;
    double sums[PERP_MAX_LEGS] = {0};
    int adds = (int)below(w, 2);
    memcpy(legs, info.legs, sizeof legs);
    for (uint32_t i = 0; i < info.job.n_legs; i++) {
        left += slices[i] = 1 + below(w, below(w, 4) == 0 ? 40 : 6);
        legs[i].has_pnl = 0;
    }
    while (left > 0) {
        uint32_t i = below(w, info.job.n_legs);
        if (done[i] == slices[i]) {
            continue;
        }
        double all = info.job.legs[i].quantity * share;
        done[i]++;
        left--;
        sums[i] = adds ? sums[i] + all / slices[i] : all * done[i] / slices[i];
        legs[i].filled = sums[i];
        legs[i].price = w->price;
        perp_call call = call_of(w);
        ok(w, perp_scheduler_progress(w->scheduler, &call, id, legs, info.job.n_legs));
        w->n_fills++;
        look(w);
    }
}

static int runs(world *w, const perp_uuid *id) {
    perp_call call = call_of(w);
    ok(w, perp_scheduler_tick(w->scheduler, &call, NULL));
    if (info_of(w, id).state == PERP_JOB_RUNNING) {
        return 1;
    }
    call = call_of(w);
    ok(w, perp_scheduler_cancel(w->scheduler, &call, id));
    w->n_refused++;
    return 0;
}

static void finish(world *w, const perp_uuid *id, uint32_t status) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = status;
    perp_call call = call_of(w);
    ok(w, perp_scheduler_finish(w->scheduler, &call, id, &result, NULL));
    look(w);
}

static void open_one(world *w) {
    static const double steps[] = {0.1, 0.001, 1e-8, 0.3, 7, 1.0 / 3, 0.07, 1e-5};
    perp_job job;
    double notional = 50 + below(w, 1500), step = steps[below(w, 8)];
    double quantity = floor(notional / w->price / step + 1) * step;
    perp_job_init(&job);
    job.job_id = fresh_id(w);
    job.strategy = PERP_STRATEGY_WASH;
    job.expected_edge_bps = 100;
    job.n_legs = 2;
    uint32_t first = below(w, N_EXCHANGES);
    for (uint32_t i = 0; i < 2; i++) {
        job.legs[i].instrument = (first + i) % N_EXCHANGES;
        job.legs[i].side = i;
        job.legs[i].quantity = quantity;
    }
    job.notional = (int64_t)ceil(quantity * w->price * 1e6);
    perp_call call = call_of(w);
    ok(w, perp_scheduler_submit(w->scheduler, &call, &job));
    if (!runs(w, &job.job_id)) {
        return;
    }
    double share = below(w, 3) == 0 ? (1 + below(w, 99)) / 100.0 : 1;
    fill_in_slices(w, &job.job_id, share);
    finish(w, &job.job_id, below(w, 4) == 0 ? PERP_RESULT_FAILED : PERP_RESULT_COMPLETED);
    w->open[w->n_open++] = job.job_id;
}

/* Leaves an open job in parts, each in slices. */
static void leave_one(world *w) {
    uint32_t n = below(w, w->n_open);
    perp_uuid id = w->open[n];
    for (uint32_t parts = below(w, 3);; parts--) {
        perp_job job;
        perp_job_init(&job);
        job.job_id = fresh_id(w);
        double fraction = parts == 0 ? 1 : (1 + below(w, 90)) / 100.0;
        if (info_of(w, &id).n_lots == 0) { /* a job after it has closed them */
            break;
        }
        ok(w, perp_job_fill_exit(w->core, w->now, &id, fraction, &job));
        perp_call call = call_of(w);
        ok(w, perp_scheduler_submit(w->scheduler, &call, &job));
        if (!runs(w, &job.job_id)) {
            fail(w, "the way out is shut", 0);
        }
        fill_in_slices(w, &job.job_id, 1);
        finish(w, &job.job_id, PERP_RESULT_COMPLETED);
        if (info_of(w, &job.job_id).n_lots != 0) {
            fail(w, "what leaves has opened something", 0);
        }
        if (parts == 0) {
            break;
        }
    }
    if (info_of(w, &id).state <= PERP_JOB_PARTIAL) {
        fail(w, "what was left is not closed", info_of(w, &id).n_lots);
    }
    w->open[n] = w->open[--w->n_open];
    w->n_closed++;
}

/* Nothing is open: exactly. */
static void look_at_nothing(world *w) {
    for (uint32_t i = 0; i < N_EXCHANGES; i++) {
        perp_position_state s;
        memset(&s, 0, sizeof s);
        s.struct_size = sizeof s;
        ok(w, perp_positions_query(perp_core_positions(w->core), i, w->now, &s));
        if (s.quantity != 0 || s.foreign != 0 || s.n_lots != 0) {
            fail(w, "all is closed, and a position is left", s.quantity);
        }
    }
    perp_base_state base;
    memset(&base, 0, sizeof base);
    base.struct_size = sizeof base;
    ok(w, perp_positions_base(perp_core_positions(w->core), 0, w->now, &base));
    if (base.net != 0 || base.gross != 0) {
        fail(w, "all is closed, and the base has a rest", base.net);
    }
}

/* Trades by hand, bought in slices of one size and sold in slices of another. */
static void by_hand(world *w) {
    uint32_t n = 1 + below(w, 30), m = 1 + below(w, 30), instrument = below(w, N_EXCHANGES);
    uint32_t side = below(w, 2);
    double all = (1 + below(w, 1000)) * 0.1 / w->price;
    for (uint32_t i = 0; i < n + m; i++) {
        perp_recorded_fill fill;
        perp_recorded_fill_init(&fill);
        fill.instrument = instrument;
        fill.side = i < n ? side : 1 - side;
        fill.quantity = all / (i < n ? n : m);
        fill.price = w->price;
        fill.key = fresh_id(w);
        perp_call call = call_of(w);
        ok(w, perp_record_fill(w->core, &call, &fill));
    }
}

static void one_life(uint64_t seed, world *totals) {
    static world w;
    open_world(&w, seed);
    w.price = exp((double)below(&w, 2000) / 100 - 8); /* from 0.0003 to 160,000 USD */
    quote(&w);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 25; i++) {
            if (w.n_open < N_OPEN && (w.n_open == 0 || below(&w, 100) < 60)) {
                open_one(&w);
            } else {
                leave_one(&w);
            }
        }
        while (w.n_open > 0) {
            leave_one(&w);
        }
        look_at_nothing(&w);
        by_hand(&w);
        look_at_nothing(&w);
    }
    totals->n_fills += w.n_fills;
    totals->n_closed += w.n_closed;
    totals->n_refused += w.n_refused;
    perp_core_close(w.core);
}

int main(int argc, char **argv) {
    static world totals;
    uint64_t seed, lives = lives_from(argc, argv, 20251127, &seed);
    for (uint64_t i = 0; i < lives; i++) {
        one_life(seed + i, &totals);
    }
    printf("%" PRIu64 " fills, %" PRIu64 " jobs closed, %" PRIu64 " refused\n", totals.n_fills,
           totals.n_closed, totals.n_refused);
    int little = argc <= 1 && (totals.n_closed < 50 || totals.n_refused < 10);
    return lives_end(little);
}
