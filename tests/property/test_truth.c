/* Honest exchanges whose news is late, doubled and out of order, and whose snapshots are of any
   age, of legs as a whole or of the library's orders, trade by trade: when all was told, the book
   has the positions that the exchanges have, nothing is unexplained or foreign, what is open uses
   its capital, and what is naked is what stands alone. usage: test_truth [SEED]   (or PERP_SEED in
   the environment) */
#include "lives.h"

#include <math.h>

#define STEP 0.0001
#define MID 60000.0
#define MAX_JOBS 4000
#define MAX_TRADES 40000
#define MAX_NEWS 40000

/* What happened at an exchange. */
typedef struct trade {
    int64_t time, steps; /* signed */
    uint32_t exchange, job, leg;
    double price;
    uint64_t order; /* 0: of none that the library keeps */
} trade;

typedef struct sim_job {
    perp_uuid id;
    uint32_t n_legs;
    uint32_t exchange[2], side[2];
    int64_t last; /* trade of it */
    int64_t told; /* up to when the library knows */
    int finished, by_orders;
    uint64_t order[2];
} sim_job;

/* What the host is to tell, and when. */
typedef struct news {
    int64_t deliver, as_of;
    uint32_t kind, job, exchange;
    uint32_t of; /* the trade of a FILL; the leg whose order it is, of an END */
} news;

enum { PROGRESS, FINISH, AMEND, REPORT, FILL, END, TOLD };

typedef struct world {
    perp_core *core;
    perp_scheduler *scheduler;
    uint64_t seed, random, n_job;
    int64_t now;
    sim_job jobs[MAX_JOBS];
    trade trades[MAX_TRADES];
    news news[MAX_NEWS];
    uint32_t n_jobs, n_trades, n_news;
    int times_given;         /* in percent */
    int exits, cuts, orders; /* orders: in percent */
    double appeared;         /* what was accepted as somebody's */
    uint64_t n_cuts;
    uint64_t n_told, n_reports, n_stale, n_repairs, n_rests, n_fills, n_late, n_again;
} world;

static void fail(const world *w, const char *what, double got, double wanted) {
    fprintf(stderr,
            "seed %" PRIu64 ", %" PRId64 " ms: %s: %.17g, wanted %.17g\nlast error: %s\n0 passed, "
            "1 failed\n",
            w->seed, (w->now - START) / MS, what, got, wanted, perp_core_error(w->core));
    exit(1);
}

static void is(const world *w, perp_status status, perp_status wanted) {
    if (status != wanted) {
        fail(w, perp_status_string(status), status, wanted);
    }
}

static int64_t below(world *w, int64_t most) {
    return most <= 0 ? 0 : (int64_t)(mixed_random(&w->random) % (uint64_t)most);
}

static int chance(world *w, int percent) {
    return below(w, 100) < percent;
}

static perp_call call_of(const world *w) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now;
    return call;
}

static double position_at(const world *w, uint32_t exchange, int64_t time) {
    int64_t steps = 0;
    for (uint32_t i = 0; i < w->n_trades; i++) {
        const trade *t = &w->trades[i];
        steps += t->exchange == exchange && t->time <= time ? t->steps : 0;
    }
    return (double)steps * STEP;
}

/* What a job's legs had filled by some time. */
static void legs_at(world *w, uint32_t job, int64_t time, perp_leg_result *legs) {
    perp_job_result fresh;
    perp_job_result_init(&fresh);
    memcpy(legs, fresh.legs, sizeof fresh.legs);
    for (uint32_t i = 0; i < w->jobs[job].n_legs; i++) {
        int64_t steps = 0, last = PERP_TIME_NONE;
        double paid = 0;
        for (uint32_t k = 0; k < w->n_trades; k++) {
            const trade *t = &w->trades[k];
            if (t->job == job && t->leg == i && t->time <= time) {
                int64_t size = t->steps < 0 ? -t->steps : t->steps;
                steps += size;
                paid += (double)size * t->price;
                last = t->time > last ? t->time : last;
            }
        }
        legs[i].filled = (double)steps * STEP;
        legs[i].price = steps > 0 ? paid / (double)steps : 0;
        legs[i].time_ns = chance(w, w->times_given) ? last : PERP_TIME_NONE;
    }
}

static void tell_later(world *w, uint32_t kind, uint32_t job, uint32_t exchange, int64_t as_of,
                       int64_t deliver) {
    if (w->n_news == MAX_NEWS) {
        abort();
    }
    w->news[w->n_news++] = (news){deliver, as_of, kind, job, exchange, 0};
}

/* The leg's order is placed as the library's; 0: the gate refused it, and nothing is sent. */
static uint64_t place(world *w, const perp_execution *job, uint32_t leg) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = job->job_id;
    request.leg = leg;
    request.type = PERP_ORDER_MARKET;
    request.quantity = job->orders[leg].quantity;
    perp_call call = call_of(w);
    is(w, perp_orders_place(perp_core_orders(w->core), &call, &request, &answer), PERP_OK);
    return answer.order;
}

/* Each trade is told once or twice, and so is the end, which may overtake them. */
static void tell_orders_later(world *w, uint32_t job, uint32_t first_trade) {
    const sim_job *j = &w->jobs[job];
    for (uint32_t k = first_trade; k < w->n_trades; k++) {
        for (int again = chance(w, 25); again >= 0; again--) {
            int64_t at = w->trades[k].time + below(w, chance(w, 80) ? 700 : 3000) * MS;
            tell_later(w, FILL, job, 0, w->trades[k].time, at);
            w->news[w->n_news - 1].of = k;
        }
    }
    for (uint32_t i = 0; i < j->n_legs; i++) {
        if (j->order[i] != 0) {
            tell_later(w, END, job, 0, j->last, j->last + below(w, 900) * MS);
            w->news[w->n_news - 1].of = i;
        }
    }
}

/* The orders go out: what will become of them is decided now, and when the host will hear of it. */
static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    world *w = user;
    if (w->n_jobs == MAX_JOBS) {
        abort();
    }
    uint32_t index = w->n_jobs++;
    sim_job *j = &w->jobs[index];
    memset(j, 0, sizeof *j);
    j->id = job->job_id;
    j->n_legs = job->n_orders;
    j->last = w->now;
    w->n_repairs += job->is_repair;
    *outcome = chance(w, 5) ? PERP_OUTCOME_IN_DOUBT : PERP_OUTCOME_ACCEPTED;
    uint32_t first_trade = w->n_trades;
    j->by_orders = chance(w, w->orders);
    for (uint32_t i = 0; j->by_orders && i < job->n_orders; i++) {
        j->order[i] = place(w, job, i);
    }
    j->by_orders = j->order[0] != 0 || j->order[1] != 0;
    for (uint32_t i = 0; i < job->n_orders; i++) {
        int64_t steps = (int64_t)(job->orders[i].quantity / STEP + 0.5);
        int64_t fills = chance(w, 75) ? steps : chance(w, 70) ? below(w, steps + 1) : 0;
        j->exchange[i] = job->orders[i].exchange;
        j->side[i] = job->orders[i].side;
        fills = j->by_orders && j->order[i] == 0 ? 0 : fills;
        while (fills > 0) {
            int64_t size = chance(w, 50) ? fills : 1 + below(w, fills);
            trade *t = &w->trades[w->n_trades++];
            if (w->n_trades == MAX_TRADES) {
                abort();
            }
            t->time = w->now + MS + below(w, 1500) * MS;
            t->steps = j->side[i] == PERP_SIDE_BUY ? size : -size;
            t->exchange = j->exchange[i];
            t->job = index;
            t->leg = i;
            t->order = j->order[i];
            t->price = MID + (double)below(w, 100) / 100;
            j->last = t->time > j->last ? t->time : j->last;
            fills -= size;
        }
    }
    if (j->by_orders) {
        tell_orders_later(w, index, first_trade);
    }
    for (int64_t n = j->by_orders ? 0 : below(w, 4); n > 0; n--) {
        int64_t as_of = w->now + below(w, 2000) * MS;
        tell_later(w, PROGRESS, index, 0, as_of, as_of + below(w, 1200) * MS);
        if (chance(w, 30)) {
            tell_later(w, PROGRESS, index, 0, as_of, as_of + below(w, 1200) * MS);
        }
    }
    int64_t end = chance(w, 70) ? j->last + below(w, 500) * MS : w->now + below(w, 1500) * MS;
    tell_later(w, FINISH, index, 0, end, end + below(w, 800) * MS);
}

static void hear_of_order(world *w, const news *n) {
    sim_job *j = &w->jobs[n->job];
    perp_order_news said;
    perp_order_news_init(&said);
    char id[24];
    if (n->kind == FILL) {
        const trade *t = &w->trades[n->of];
        snprintf(id, sizeof id, "t%u", n->of);
        said.order = t->order;
        said.kind = PERP_NEWS_FILL;
        said.fill_id = id;
        said.quantity = (double)(t->steps < 0 ? -t->steps : t->steps) * STEP;
        said.price = t->price;
        said.time_ns = chance(w, w->times_given) ? t->time : PERP_TIME_NONE;
    } else {
        static const uint32_t ends[] = {PERP_NEWS_CANCELLED, PERP_NEWS_EXPIRED, PERP_NEWS_DECLINED,
                                        PERP_NEWS_REJECTED};
        said.order = j->order[n->of];
        said.kind = ends[below(w, 4)];
    }
    perp_call call = call_of(w);
    perp_status status = perp_orders_tell(perp_core_orders(w->core), &call, &said, NULL);
    if (status == PERP_E_EXISTS) {
        w->n_again++;
        return;
    }
    is(w, status, PERP_OK);
    w->n_fills += n->kind == FILL;
    w->n_late += n->kind == FILL && j->finished;
}

/* By its orders, once the last of them is known to have ended. */
static void finish_by_orders(world *w, uint32_t job) {
    sim_job *j = &w->jobs[job];
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    perp_call call = call_of(w);
    perp_status status = perp_scheduler_finish(w->scheduler, &call, &j->id, &result, NULL);
    if (status == PERP_E_STATE) {
        tell_later(w, FINISH, job, 0, w->now, w->now + below(w, 300) * MS);
        return;
    }
    is(w, status, PERP_OK);
    j->finished = 1;
}

static void finish(world *w, uint32_t job) {
    sim_job *j = &w->jobs[job];
    perp_job_result result;
    int filled = 0;
    perp_job_result_init(&result);
    result.n_legs = j->n_legs;
    legs_at(w, job, j->told, result.legs);
    for (uint32_t i = 0; i < j->n_legs; i++) {
        filled |= result.legs[i].filled > 0;
    }
    result.status = filled          ? (uint32_t)PERP_RESULT_COMPLETED
                    : chance(w, 50) ? (uint32_t)PERP_RESULT_FAILED
                                    : (uint32_t)PERP_RESULT_NOTHING;
    perp_call call = call_of(w);
    is(w, perp_scheduler_finish(w->scheduler, &call, &j->id, &result, NULL), PERP_OK);
    j->finished = 1;
    if (j->told < j->last) {
        int64_t at = (w->now > j->last ? w->now : j->last) + below(w, 1000) * MS;
        tell_later(w, AMEND, job, 0, j->last, at);
    }
}

static void tell_legs(world *w, const news *n) {
    sim_job *j = &w->jobs[n->job];
    perp_leg_result legs[PERP_MAX_LEGS];
    legs_at(w, n->job, n->as_of, legs);
    perp_call call = call_of(w);
    perp_status status =
        j->finished ? perp_scheduler_amend(w->scheduler, &call, &j->id, legs, j->n_legs)
                    : perp_scheduler_progress(w->scheduler, &call, &j->id, legs, j->n_legs);
    if (status == PERP_E_STALE && n->as_of < j->told) {
        w->n_stale++; /* overtaken */
        return;
    }
    is(w, status, PERP_OK);
    j->told = n->as_of > j->told ? n->as_of : j->told;
    w->n_told++;
}

static void report(world *w, uint32_t exchange, int64_t as_of) {
    perp_position_report r;
    memset(&r, 0, sizeof r);
    r.instrument = exchange;
    r.margin_mode = PERP_MARGIN_NOT_GIVEN;
    r.quantity = position_at(w, exchange, as_of);
    r.entry_price = r.quantity != 0 ? MID : 0;
    perp_call call = call_of(w);
    perp_status status;
    if (chance(w, 50)) {
        status = perp_position(w->core, &call, &r, as_of);
    } else {
        perp_account_report account;
        perp_account_report_init(&account);
        account.exchange = exchange;
        account.time_ns = as_of;
        account.n_positions = r.quantity != 0 ? 1 : 0;
        account.positions = &r;
        status = perp_account(w->core, &call, &account);
    }
    w->n_stale += status == PERP_E_STALE;
    w->n_reports += status == PERP_OK;
    if (status != PERP_E_STALE) {
        is(w, status, PERP_OK);
    }
}

static int deliver(world *w) {
    int left = 0;
    for (uint32_t i = 0; i < w->n_news; i++) {
        const news n = w->news[i];
        if (n.kind == TOLD) {
            continue;
        }
        if (n.deliver > w->now) {
            left = 1;
            continue;
        }
        w->news[i].kind = TOLD;
        if (n.kind == REPORT) {
            report(w, n.exchange, n.as_of);
        } else if (n.kind == FILL || n.kind == END) {
            hear_of_order(w, &n);
        } else if (n.kind == FINISH && w->jobs[n.job].by_orders) {
            finish_by_orders(w, n.job);
        } else if (n.kind == FINISH) {
            sim_job *j = &w->jobs[n.job];
            j->told = n.as_of > j->told ? n.as_of : j->told;
            finish(w, n.job);
        } else {
            tell_legs(w, &n);
        }
        if (perp_core_check(w->core) != PERP_OK) {
            fail(w, "perp_core_check", 0, 0);
        }
        left = 1;
    }
    return left;
}

static void quote(world *w) {
    is(w, quotes_of(w->core, w->now, MID - 1, MID + 1, 1000), PERP_OK);
}

static void open_world(world *w, uint64_t seed) {
    perp_config config;
    memset(w, 0, sizeof *w);
    w->seed = w->random = seed;
    w->now = START;
    w->times_given = chance(w, 60) ? 100 : (int)below(w, 101);
    w->exits = (int)below(w, 2);
    w->cuts = chance(w, 40);
    w->orders = chance(w, 60) ? (int)below(w, 101) : 0;
    nothing_refused(&config);
    config.callbacks.user = w;
    config.callbacks.execute = execute;
    config.capital.max_total_notional_ppm = 1000000;
    config.capital.drift_tolerance_usd = (1 + below(w, 10)) * 1000000;
    config.risk.circuit_failures = 1000000;
    is(w, perp_core_open(&config, &w->core), PERP_OK);
    w->scheduler = perp_core_scheduler(w->core);
    for (uint32_t i = 0; i < N_EXCHANGES; i++) {
        perp_call call = call_of(w);
        is(w, exchange_of(w->core, &call, i, STEP, INT64_C(1000000) * 1000000), PERP_OK);
        report(w, i, w->now);
    }
    quote(w);
}

static void submit(world *w) {
    perp_job job;
    perp_job_init(&job);
    w->n_job++;
    job.job_id.bytes[0] = 1;
    memcpy(job.job_id.bytes + 8, &w->n_job, sizeof w->n_job);
    uint32_t first = (uint32_t)below(w, N_EXCHANGES);
    job.strategy = PERP_STRATEGY_WASH;
    job.n_legs = 2;
    for (uint32_t i = 0; i < 2; i++) {
        job.legs[i].instrument = (first + i + (uint32_t)(i > 0 && chance(w, 50))) % N_EXCHANGES;
        job.legs[i].side = i;
    }
    job.legs[0].quantity = job.legs[1].quantity = (double)(20 + below(w, 300)) * STEP;
    job.notional = (int64_t)(job.legs[0].quantity * MID * 1e6);
    job.expected_edge_bps = 50;
    job.ttl_ms = 2000;
    if (w->exits && w->n_jobs > 0 && chance(w, 40)) {
        perp_job way_out = job;
        const perp_uuid *id = &w->jobs[below(w, w->n_jobs)].id;
        /* One with two sides: what a job of one side opens is wanted, and not naked. */
        if (perp_job_fill_exit(w->core, w->now, id, 1, &way_out) == PERP_OK &&
            way_out.n_legs == 2 && way_out.legs[0].side != way_out.legs[1].side &&
            way_out.legs[0].quantity == way_out.legs[1].quantity) {
            job = way_out;
            job.ttl_ms = 2000;
        }
    }
    perp_call call = call_of(w);
    perp_status status = perp_scheduler_submit(w->scheduler, &call, &job);
    if (status != PERP_E_INVALID) { /* what it closes runs still */
        is(w, status, PERP_OK);
    }
}

/* The exchange takes away a part of a position, and tells nobody. */
static void cut(world *w) {
    uint32_t exchange = (uint32_t)below(w, N_EXCHANGES);
    int64_t steps = (int64_t)round(position_at(w, exchange, w->now) / STEP);
    int64_t size = chance(w, 40) ? llabs(steps) : below(w, llabs(steps) + 1);
    if (size > 0 && w->n_trades < MAX_TRADES - 1) {
        w->trades[w->n_trades++] =
            (trade){w->now, steps > 0 ? -size : size, exchange, UINT32_MAX, 0, MID, 0};
        w->n_cuts++;
    }
}

static void step(world *w, int busy) {
    w->now += (20 + below(w, 200)) * MS;
    quote(w);
    deliver(w);
    if (busy && chance(w, 25)) {
        submit(w);
    }
    if (busy && chance(w, 25)) {
        int64_t as_of = w->now - below(w, chance(w, 80) ? 1000 : 5000) * MS;
        tell_later(w, REPORT, 0, (uint32_t)below(w, N_EXCHANGES), as_of,
                   w->now + below(w, 1500) * MS);
    }
    if (busy && w->cuts && chance(w, 3)) {
        cut(w);
    }
    perp_call call = call_of(w);
    is(w, perp_scheduler_tick(w->scheduler, &call, NULL), PERP_OK);
}

/* All was told, nothing runs, and all was reported twice. */
static void look_at_rest(world *w) {
    double net = 0;
    for (uint32_t i = 0; i < N_EXCHANGES; i++) {
        perp_position_state s;
        double is_there = position_at(w, i, w->now);
        memset(&s, 0, sizeof s);
        s.struct_size = sizeof s;
        net += is_there;
        is(w, perp_positions_query(perp_core_positions(w->core), i, w->now, &s), PERP_OK);
        if (fabs(s.quantity - is_there) > 1e-9) {
            fail(w, "quantity", s.quantity, is_there);
        }
        if (!w->cuts && fabs(s.foreign) > 1e-9) {
            fail(w, "foreign", s.foreign, 0);
        }
        perp_capital_state capital;
        memset(&capital, 0, sizeof capital);
        capital.struct_size = sizeof capital;
        is(w, perp_capital_snapshot(perp_core_capital(w->core), i, &capital), PERP_OK);
        double used = (double)capital.total_used / 1e6, worth = fabs(is_there) * MID;
        if (!w->cuts && fabs(used - worth) > 1e-4 * worth + 0.001) {
            fail(w, "used", used, worth);
        }
        if (!w->cuts && (fabs(s.unexplained) > 1e-9 || s.latched)) {
            fail(w, "unexplained", s.unexplained, 0);
        }
        /* What vanished of lots is naked while it is latched; what appeared is somebody's. */
        w->appeared += s.unexplained - (s.latched ? s.lost : 0);
    }
    perp_base_state base;
    memset(&base, 0, sizeof base);
    base.struct_size = sizeof base;
    is(w, perp_positions_base(perp_core_positions(w->core), 0, w->now, &base), PERP_OK);
    if (fabs(base.naked + w->appeared - net) > 1e-9) {
        fail(w, "naked", base.naked + w->appeared, net);
    }
    for (uint32_t i = 0; w->cuts && i < N_EXCHANGES; i++) {
        perp_call call = call_of(w);
        call.actor = "property";
        call.reason = "it was cut";
        is(w, perp_accept_position(w->core, &call, i), PERP_OK);
    }
    w->n_rests++;
}

static int runs(const world *w) {
    perp_scheduler_state s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    is(w, perp_scheduler_query(w->scheduler, &s), PERP_OK);
    perp_base_state base;
    memset(&base, 0, sizeof base);
    base.struct_size = sizeof base;
    is(w, perp_positions_base(perp_core_positions(w->core), 0, w->now, &base), PERP_OK);
    return s.running > 0 || s.pending > 0 || (base.is_naked && !w->cuts);
}

/* What reports show may be repaired, and then is to be reported in its turn. */
static void come_to_rest(world *w) {
    for (int more = 1, tries = 0; more != 0 && tries < 20; tries++) {
        for (int i = 0; i < 2000 && (deliver(w) || runs(w)); i++) {
            step(w, 0);
        }
        for (uint32_t i = 0; i < 2 * N_EXCHANGES; i++) {
            w->now += 3 * SECOND;
            quote(w);
            report(w, i / 2, w->now);
        }
        more = runs(w);
    }
}

static void one_life(uint64_t seed, world *totals) {
    static world w;
    open_world(&w, seed);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 150; i++) {
            step(&w, 1);
        }
        come_to_rest(&w);
        look_at_rest(&w);
        w.n_news = 0;
    }
    totals->n_jobs += w.n_jobs;
    totals->n_told += w.n_told;
    totals->n_reports += w.n_reports;
    totals->n_stale += w.n_stale;
    totals->n_repairs += w.n_repairs;
    totals->n_rests += w.n_rests;
    totals->n_fills += w.n_fills;
    totals->n_late += w.n_late;
    totals->n_again += w.n_again;
    perp_core_close(w.core);
}

int main(int argc, char **argv) {
    static world totals;
    uint64_t seed, lives = lives_from(argc, argv, 20251128, &seed);
    for (uint64_t i = 0; i < lives; i++) {
        one_life(seed + i, &totals);
    }
    printf("%u jobs sent, %" PRIu64 " repairs, %" PRIu64 " told, %" PRIu64 " reports, %" PRIu64
           " overtaken, %" PRIu64 " rests; %" PRIu64 " fills of orders, %" PRIu64 " late, %" PRIu64
           " again\n",
           totals.n_jobs, totals.n_repairs, totals.n_told, totals.n_reports, totals.n_stale,
           totals.n_rests, totals.n_fills, totals.n_late, totals.n_again);
    int little = argc <= 1 && (totals.n_jobs < 50 || totals.n_repairs < 5 || totals.n_late < 5);
    return lives_end(little);
}
