/* A run: its configuration, its comparison with the naive book. */
#include "property.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void p_fail(const p_run *run, const char *format, ...) {
    va_list args;
    fprintf(stderr, "seed %" PRIu64 ", call %" PRIu64 " (%s): ", run->seed, run->n_calls,
            run->call);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nlast error: %s\n0 passed, 1 failed\n", perp_core_error(run->core));
    exit(1);
}

uint64_t p_random(p_run *run) {
    uint64_t z = run->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t p_below(p_run *run, int64_t below) {
    return below <= 0 ? 0 : (int64_t)(p_random(run) % (uint64_t)below);
}

int p_chance(p_run *run, int percent) {
    return p_below(run, 100) < percent;
}

/* What a call may not say by itself, advance may. */
static void leap(p_run *run) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = run->now;
    call.actor = "property";
    call.reason = "time passes";
    if (!run->book.has_clock || run->now - run->book.clock <= P_HOUR) {
        return;
    }
    if (perp_core_advance(run->core, &call) != PERP_OK) {
        p_fail(run, "advance: %s", perp_core_error(run->core));
    }
    n_advance(&run->book, run->now);
    run->hash_before = perp_core_hash(run->core);
    run->clock_before = perp_core_clock(run->core);
}

/* A time that is too far ahead is told before what else is wrong with a call, and changes nothing.
 */
static void look_too_far(p_run *run) {
    perp_call call;
    perp_call_init(&call);
    if (!run->book.has_clock) {
        return;
    }
    call.now_ns = run->now + P_HOUR + P_DAY + p_below(run, P_DAY);
    perp_status got = perp_capital_release(run->capital, &call, 0, 0);
    if (got != PERP_E_RANGE || perp_core_clock(run->core) != run->clock_before) {
        p_fail(run, "a call of tomorrow is %s", perp_status_string(got));
    }
}

perp_call p_call(p_run *run, int is_signed) {
    perp_call call;
    perp_call_init(&call);
    if (run->now < run->book.clock) {
        run->now = run->book.clock;
    }
    int64_t pick = p_below(run, 1000);
    if (pick < 600) {
        run->now += p_below(run, 300 * P_MS);
    } else if (pick < 850) {
        run->now += p_below(run, 4 * P_SECOND);
    } else if (pick < 970) {
        run->now += p_below(run, 200);
    } else if (pick < 980) {
        run->now += p_below(run, 10 * P_MINUTE);
    } else if (pick < 984) {
        run->now += p_below(run, 12 * P_HOUR);
    } else if (pick < 985) {
        run->now += p_below(run, 3 * P_DAY);
    }
    leap(run);
    call.now_ns = run->now;
    if (pick >= 990 && pick < 995) {
        call.now_ns = run->now - p_below(run, 20 * P_SECOND);
    } else if (pick >= 995) {
        look_too_far(run);
    }
    if (is_signed) {
        call.actor = "property";
        call.reason = "chosen at random";
    }
    return call;
}

int p_is_signed(const perp_call *call) {
    return call->actor != NULL;
}

void p_expect(p_run *run, perp_status got, perp_status wanted) {
    if (got != wanted) {
        p_fail(run, "%s, wanted %s", perp_status_string(got), perp_status_string(wanted));
    }
    run->n_ok += got == PERP_OK;
    run->n_failed += got != PERP_OK;
    if (got != PERP_OK && (perp_core_hash(run->core) != run->hash_before ||
                           perp_core_clock(run->core) != run->clock_before)) {
        p_fail(run, "%s changed the book", perp_status_string(got));
    }
}

static void random_config(p_run *run, perp_config *config) {
    perp_config_init(config);
    config->threading = p_chance(run, 50) ? PERP_THREADING_NONE : PERP_THREADING_SERIALIZED;
    config->callbacks.user = run;
    config->callbacks.execute = p_execute;
    perp_capital_config *c = &config->capital;
    c->wash_ppm = (uint32_t)(300000 + p_below(run, 400000));
    c->arb_ppm = (uint32_t)(100000 + p_below(run, 800000 - c->wash_ppm));
    c->reserve_ppm = 1000000 - c->wash_ppm - c->arb_ppm;
    c->max_single_reserve_ppm = (uint32_t)(100000 + p_below(run, 900001));
    c->max_total_notional_ppm = (uint32_t)(300000 + p_below(run, 700001));
    c->drawdown_limit_ppm = (uint32_t)(60000 + p_below(run, 200000));
    c->safe_mode_pools = (uint32_t)p_below(run, 8);
    c->max_equity_jump_ppm = p_chance(run, 80) ? 500000 : 0;
    c->day_offset_minutes = (int32_t)p_below(run, 2879) - 1439;
    config->risk.max_quote_age_ms = 600000;
    config->risk.daily_loss_limit_pct = p_chance(run, 40) ? 0 : p_chance(run, 50) ? 0.02 : 0.1;
    config->risk.daily_loss_limit_usd = p_chance(run, 20) ? P_USD(20000) : 0;
    config->risk.blackout_minutes = 1;
    config->orders.max_unhedged_ms = p_chance(run, 30) ? 0 : (int64_t)p_below(run, 20000);
    config->risk.max_drawdown_pct = 0.2;
    config->risk.circuit_failures = 3 + (uint32_t)p_below(run, 6);
    config->risk.notional_tolerance = 0.2;
    config->risk.account_max_age_ms = p_chance(run, 70) ? 0 : 4 * 3600 * 1000;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config->risk.modes[i].min_safety_score = 20;
        config->risk.modes[i].max_acceptable_loss_bps = 10;
        config->risk.modes[i].max_funding_carry_bps = 100;
    }
    perp_scheduler_config *s = &config->scheduler;
    s->max_global_concurrent_jobs = 5 + (uint32_t)p_below(run, 30);
    s->history_size = 80;
    s->on_reject = p_chance(run, 30) ? PERP_ON_REJECT_DROP : PERP_ON_REJECT_KEEP;
    s->auto_repair = p_chance(run, 80) ? 1 : 0;
    s->rebalance_pool = p_chance(run, 50) ? PERP_POOL_WASH : PERP_POOL_RESERVE;
    s->max_notional_per_exchange = P_USD(60000 + p_below(run, 200000));
}

/* Five exchanges, the last one a second account at the first one's venue; per exchange one
   instrument a base, and a few whose book is another one by kind or contract. */
static void add_instruments(p_run *run) {
    static const struct {
        uint32_t exchange;
        const char *symbol, *base, *contract;
        int base_index;
        uint32_t kind;
        int contract_index, symbol_index;
        double step;
    } all[] = {
#define STEP (1.0 / 1024)
#define EXCHANGE(x)                                                                                \
    {x, "BTC/USDT:USDT", "", "", 0, PERP_KIND_PERP, 0, 0, STEP},                                   \
        {x, "ETH/USDT:USDT", "", "linear", 1, PERP_KIND_PERP, 1, 1, STEP},                         \
        {x, "SOL/USDT:USDT", "", "", 2, PERP_KIND_PERP, 0, 2, 0.25}
        EXCHANGE(0),
        EXCHANGE(1),
        EXCHANGE(2),
        EXCHANGE(3),
        EXCHANGE(4),
#undef EXCHANGE
        {0, "BTC/USDT", "", "", 0, PERP_KIND_SPOT, 0, 3, STEP},
        {1, "ETHUSD_PERP", "ETH", "inverse", 1, PERP_KIND_PERP, 2, 4, STEP},
        {0, "XBT", "BTC", "", 0, PERP_KIND_PERP, 0, 5, STEP},
#undef STEP
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        perp_instrument_spec spec;
        perp_instrument_id id;
        perp_instrument_spec_init(&spec);
        spec.exchange = all[i].exchange;
        strcpy(spec.symbol, all[i].symbol);
        strcpy(spec.base, all[i].base);
        strcpy(spec.contract, all[i].contract);
        spec.kind = all[i].kind;
        spec.qty_step = all[i].step;
        p_expect(run, perp_instrument_add(run->core, &spec, &id), PERP_OK);
        n_instrument *n = &run->book.instruments[run->book.n_instruments++];
        n->exchange = all[i].exchange;
        n->base = all[i].base_index;
        n->kind = all[i].kind;
        n->contract = all[i].contract_index;
        n->symbol = all[i].symbol_index;
        n->step = all[i].step;
        n->position = calloc(1, sizeof *n->position);
        if (n->position == NULL) {
            p_fail(run, "no memory");
        }
        n->position->report_time = n->position->heard = PERP_TIME_NONE;
    }
}

static void keep_store(void *user) {
    (void)user;
}

void p_reopen(p_run *run) {
    run->call = "reopen";
    p_doubt_orders(run);
    for (int i = 0; i < run->book.n_active; i++) {
        n_job *j = &run->book.jobs[run->book.active[i]];
        if (j->state == PERP_JOB_RUNNING) { /* as it will be after a restart */
            perp_job_result unknown;
            perp_job_result_init(&unknown);
            unknown.status = PERP_RESULT_UNKNOWN;
            perp_call call;
            perp_call_init(&call);
            call.now_ns = run->book.clock;
            p_expect(run, perp_scheduler_finish(run->scheduler, &call, &j->id, &unknown, NULL),
                     PERP_OK);
        }
    }
    uint64_t hash = perp_core_hash(run->core);
    perp_core_close(run->core);
    run->core = NULL;
    if (perp_core_open(&run->config, &run->core) != PERP_OK) {
        p_fail(run, "opened again: %s", perp_core_error(NULL));
    }
    if (perp_core_check(run->core) != PERP_OK || perp_core_hash(run->core) != hash) {
        p_fail(run, "what was replayed is not the book that was closed");
    }
}

void p_open(p_run *run, uint64_t seed) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    perp_config config;
    memset(run, 0, sizeof *run);
    run->seed = run->random = seed;
    run->now = P_START + p_below(run, P_DAY);
    run->call = "open";
    run->outcomes = 10 + (uint32_t)p_below(run, 6);
    random_config(run, &config);
    run->has_store = p_chance(run, 40);
    if (run->has_store) {
        if (perp_store_memory_open(&run->store) != PERP_OK) {
            p_fail(run, "no memory");
        }
        config.store = run->store;
        config.store.close = keep_store;
    }
    run->config = config;
    if (perp_core_open(&config, &run->core) != PERP_OK) {
        p_fail(run, "%s", perp_core_error(NULL));
    }
    run->capital = perp_core_capital(run->core);
    run->market = perp_core_market(run->core);
    run->positions = perp_core_positions(run->core);
    run->risk = perp_core_risk(run->core);
    run->scheduler = perp_core_scheduler(run->core);
    perp_tick_result_init(&run->tick);
    n_open(&run->book, &config);
    for (uint32_t x = 0; x < 5; x++) {
        perp_exchange_spec spec;
        perp_exchange_id id;
        perp_exchange_spec_init(&spec);
        strcpy(spec.name, names[x]);
        strcpy(spec.venue, x == 4 ? "a" : "");
        spec.taker_fee_bps = 1;
        spec.maker_fee_bps = 0;
        p_expect(run, perp_exchange_add(run->core, &spec, &id), PERP_OK);
        n_exchange *e = &run->book.exchanges[run->book.n_exchanges++];
        e->heard = PERP_TIME_NONE;
        e->venue = x == 4 ? 0 : (int)x;
        e->max_concurrent = config.scheduler.max_concurrent_per_exchange;
        e->max_notional = config.scheduler.max_notional_per_exchange;
        perp_call call;
        perp_call_init(&call);
        call.now_ns = run->now;
        int64_t equity = P_USD(200000 + p_below(run, 800000)) + p_below(run, 1000000);
        p_expect(run, perp_capital_update_equity(run->capital, &call, x, equity), PERP_OK);
        n_update_equity(&run->book, call.now_ns, x, equity);
    }
    add_instruments(run);
    p_quotes(run);
}

void p_close(p_run *run) {
    perp_tick_result_free(&run->tick);
    perp_core_close(run->core);
    if (run->has_store) {
        run->store.close(run->store.user);
    }
    n_close(&run->book);
    free(run->orders);
}

#define same(run, got, wanted)                                                                     \
    do {                                                                                           \
        int64_t got_ = (int64_t)(got), wanted_ = (int64_t)(wanted);                                \
        if (got_ != wanted_) {                                                                     \
            p_fail(run, "%s is %" PRId64 ", wanted %" PRId64 " (%s)", #got, got_, wanted_,         \
                   #wanted);                                                                       \
        }                                                                                          \
    } while (0)

static int is_near(double a, double b) {
    return fabs(a - b) <= 1e-9 * (fabs(a) > fabs(b) ? fabs(a) : fabs(b));
}

#define same_number(run, got, wanted)                                                              \
    do {                                                                                           \
        double got_ = (got), wanted_ = (wanted);                                                   \
        if (!is_near(got_, wanted_)) {                                                             \
            p_fail(run, "%s is %.17g, wanted %.17g (%s)", #got, got_, wanted_, #wanted);           \
        }                                                                                          \
    } while (0)

static void compare_exchange(p_run *run, uint32_t x) {
    const n_book *b = &run->book;
    const n_exchange *e = &b->exchanges[x];
    perp_capital_state s;
    int64_t in_flight = 0, used = 0, over = 0;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    p_expect(run, perp_capital_snapshot(run->capital, x, &s), PERP_OK);
    same(run, s.equity, e->equity);
    same(run, s.high_water, e->high_water);
    same(run, s.day_start_equity, e->day_start);
    same(run, s.has_aside, e->has_aside);
    same(run, s.safe_mode, e->safe);
    same(run, s.today.pnl, e->today.pnl);
    same(run, s.today.volume, e->today.volume);
    same(run, s.today.fees, e->today.fees);
    same(run, s.yesterday.pnl, e->yesterday.pnl);
    same(run, s.yesterday.volume, e->yesterday.volume);
    same(run, s.yesterday.fees, e->yesterday.fees);
    double drawdown = e->high_water > 0 ? 1 - (double)e->equity / (double)e->high_water : 0;
    if (fabs(s.drawdown - drawdown) > 1e-12) {
        p_fail(run, "drawdown of %u is %.17g, wanted %.17g", x, s.drawdown, drawdown);
    }
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        int64_t budget = n_budget(b, x, pool), flying = n_in_flight(b, x, pool);
        int64_t confirmed = n_used(b, x, pool);
        same(run, s.pools[pool].budget, budget);
        same(run, s.pools[pool].in_flight, flying);
        same(run, s.pools[pool].used, confirmed);
        same(run, s.pools[pool].available, n_available(b, x, pool));
        in_flight += flying;
        used += confirmed;
        over += flying + confirmed > budget ? flying + confirmed - budget : 0;
        perp_usd room = -1;
        uint32_t bound = 0, wanted_bound = 0;
        p_expect(run, perp_capital_headroom(run->capital, x, pool, &room, &bound), PERP_OK);
        same(run, room, n_headroom(b, x, pool, &wanted_bound));
        same(run, bound, wanted_bound);
    }
    double worth = 0;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        const n_position *p = b->instruments[i].position;
        for (uint32_t k = 0; b->instruments[i].exchange == x && k < p->n_lots; k++) {
            const n_lot *lot = &p->lots[k];
            const n_job *j = &b->jobs[lot->job];
            /* What one fill has beyond its leg takes no more than what was in flight for it. */
            int beyond = j->legs[lot->leg].filled > j->job.legs[lot->leg].quantity;
            worth += beyond ? 0 : fabs(lot->quantity) * lot->price * 1e6;
        }
    }
    /* A leg's notional may be so far off its worth. */
    if ((double)(in_flight + used) < worth * (1 - b->config.risk.notional_tolerance) - 1e3) {
        p_fail(run, "%.0f is open, and %.0f kept for it", worth, (double)(in_flight + used));
    }
    same(run, s.total_in_flight, in_flight);
    same(run, s.total_used, used);
    same(run, s.overcommitted, over);
    perp_exchange_state m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    p_expect(run, perp_market_query_exchange(run->market, x, b->clock, &m), PERP_OK);
    same(run, m.circuit, n_circuit(b, x));
    same(run, m.killed, e->killed || b->killed);
}

static void compare_reservations(p_run *run) {
    static perp_reservation rows[N_MAX_RESERVATIONS];
    const n_book *b = &run->book;
    uint32_t count = 0, n = 0;
    p_expect(run,
             perp_capital_reservations(run->capital, PERP_ALL_EXCHANGES, rows, N_MAX_RESERVATIONS,
                                       &count),
             PERP_OK);
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        const n_reservation *r = &b->reservations[i];
        if (r->in_flight + r->used == 0 && (r->job < 0 || !n_runs(&b->jobs[r->job]))) {
            continue;
        }
        if (n == count) {
            p_fail(run, "%u reservations are live, and more were expected", count);
        }
        same(run, rows[n].id, r->id);
        same(run, rows[n].exchange, r->exchange);
        same(run, rows[n].pool, r->pool);
        same(run, rows[n].reserved, r->reserved);
        same(run, rows[n].in_flight, r->in_flight);
        same(run, rows[n].used, r->used);
        same(run, rows[n].released, r->released);
        same(run, rows[n].has_job, r->job >= 0);
        if (r->job >= 0 && memcmp(&rows[n].job_id, &b->jobs[r->job].id, sizeof(perp_uuid)) != 0) {
            p_fail(run, "reservation %" PRIu64 " belongs to another job", r->id);
        }
        n++;
    }
    same(run, count, n);
}

static void compare_risk(p_run *run) {
    const n_book *b = &run->book;
    perp_risk_state s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    p_expect(run, perp_risk_query(run->risk, &s), PERP_OK);
    same(run, s.mode, b->mode);
    same(run, s.consecutive_failures, b->failures);
    same(run, s.auto_halt, b->halted);
    same(run, s.killed, b->killed);
    same(run, s.loss_usd, n_loss(b, 0));
    same(run, s.loss_scaled, n_loss(b, 1));
    same(run, s.scaled_start, b->scaled_start);
    same(run, s.peak, b->peak);
    same(run, s.daily_loss_reached, b->loss_latched);
    same(run, s.equity, n_total_equity(b));
    double drawdown = b->peak > 0 ? 1 - (double)n_total_equity(b) / (double)b->peak : 0;
    if (fabs(s.drawdown - drawdown) > 1e-12) {
        p_fail(run, "drawdown of the day is %.17g, wanted %.17g", s.drawdown, drawdown);
    }
}

static void compare_job(p_run *run, int index) {
    const n_job *j = &run->book.jobs[index];
    perp_job_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    p_expect(run, perp_scheduler_job(run->scheduler, &j->id, &info), PERP_OK);
    if (info.state != j->state) {
        p_fail(run, "a job is %s, wanted %s", perp_job_state_string(info.state),
               perp_job_state_string(j->state));
    }
    same(run, info.held, n_held(&run->book, index));
    same(run, info.is_repair, j->is_repair);
    same(run, info.balanced, j->balanced);
    same(run, info.n_lots, n_lots_of(&run->book, index));
    same(run, info.overdue, j->overdue);
    same(run, info.unhedged_since_ns,
         n_runs(j) && j->is_unhedged ? j->unhedged_since : PERP_TIME_NONE);
    same(run, info.pnl, j->booked.pnl);
    same(run, info.volume, j->booked.volume);
    same(run, info.fees, j->booked.fees);
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        same_number(run, info.legs[i].filled, j->legs[i].filled);
        same_number(run, info.legs[i].price, j->legs[i].average);
        same_number(run, info.job.legs[i].quantity, j->job.legs[i].quantity);
        same(run, info.job.legs[i].instrument, j->job.legs[i].instrument);
        same(run, info.legs[i].fee, j->legs[i].fee);
        same(run, info.legs[i].pnl, j->legs[i].pnl);
    }
}

static void compare_jobs(p_run *run) {
    const n_book *b = &run->book;
    uint32_t counts[PERP_JOB_STATE_COUNT] = {0};
    perp_scheduler_state s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        counts[j->state]++;
        compare_job(run, b->active[i]);
    }
    p_expect(run, perp_scheduler_query(run->scheduler, &s), PERP_OK);
    same(run, s.pending, counts[PERP_JOB_PENDING]);
    same(run, s.running, counts[PERP_JOB_RUNNING] + counts[PERP_JOB_IN_DOUBT]);
    same(run, s.in_doubt, counts[PERP_JOB_IN_DOUBT]);
    same(run, s.open, counts[PERP_JOB_OPEN]);
    same(run, s.partial, counts[PERP_JOB_PARTIAL]);
    same(run, s.paused, b->paused);
    same(run, s.dispatched_total, b->n_dispatched);
}

static void compare_position(p_run *run, uint32_t instrument) {
    static perp_lot_state lots[N_MAX_LOTS];
    const n_position *p = run->book.instruments[instrument].position;
    perp_position_state s;
    uint32_t count = 0;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    p_expect(run, perp_positions_query(run->positions, instrument, run->book.clock, &s), PERP_OK);
    double quantity = n_quantity(&run->book, instrument);
    same_number(run, s.quantity, quantity);
    same_number(run, s.foreign, p->foreign);
    same_number(run, s.unexplained, p->unexplained);
    same_number(run, s.lost, p->lost);
    same(run, s.latched, p->latched);
    same(run, s.in_doubt, p->aside);
    same(run, s.reported, p->reported);
    same(run, s.known, n_known(&run->book, instrument));
    if (quantity != 0 && p->entry > 0) {
        same_number(run, s.entry_price, p->entry);
    }
    p_expect(run, perp_positions_lots(run->positions, instrument, lots, N_MAX_LOTS, &count),
             PERP_OK);
    same(run, count, p->n_lots);
    for (uint32_t i = 0; i < count; i++) {
        same(run, memcmp(&lots[i].job_id, &run->book.jobs[p->lots[i].job].id, 16), 0);
        same(run, lots[i].leg, p->lots[i].leg);
        same_number(run, lots[i].quantity, p->lots[i].quantity);
        same_number(run, lots[i].price, p->lots[i].price);
        same(run, lots[i].used, p->lots[i].used);
    }
}

static void compare_base(p_run *run, int base) {
    const n_base *of = &run->book.bases[base];
    perp_base_state s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    p_expect(run, perp_positions_base(run->positions, (uint32_t)base, run->book.clock, &s),
             PERP_OK);
    same_number(run, s.naked, n_naked(&run->book, base));
    same(run, s.is_naked, n_is_naked(&run->book, base));
    same_number(run, s.to_square, n_to_square(&run->book, base));
    same(run, s.has_repair, of->repair >= 0);
    same(run, s.stopped, of->stopped);
    same(run, s.tries, of->tries);
    same(run, s.since_ns != PERP_TIME_NONE, of->told);
    if (of->tries > 0) {
        same(run, s.next_try_ns, of->next_try);
    }
    if (of->repair >= 0) {
        same(run, memcmp(&s.repair, &run->book.jobs[of->repair].id, 16), 0);
    }
}

/* Which of the jobs that have lots to get the book no longer keeps, by the next call. */
static void look_at_owed(p_run *run, uint32_t instrument) {
    const n_position *p = run->book.instruments[instrument].position;
    for (uint32_t i = 0; i < p->n_owed; i++) {
        n_job *j = &run->book.jobs[p->owed[i].job];
        perp_job_info info;
        memset(&info, 0, sizeof info);
        info.struct_size = sizeof info;
        j->forgotten = perp_scheduler_job(run->scheduler, &j->id, &info) == PERP_E_NOT_FOUND;
        if (j->forgotten && p_must_know(run, j) == 1) {
            p_fail(run, "a job is forgotten");
        }
    }
}

void p_compare(p_run *run) {
    n_settle(&run->book);
    if (perp_core_check(run->core) != PERP_OK) {
        p_fail(run, "perp_core_check");
    }
    same(run, perp_core_clock(run->core), run->book.clock);
    for (uint32_t x = 0; x < run->book.n_exchanges; x++) {
        compare_exchange(run, x);
    }
    compare_reservations(run);
    compare_risk(run);
    compare_jobs(run);
    for (uint32_t i = 0; i < run->book.n_instruments; i++) {
        compare_position(run, i);
        look_at_owed(run, i);
    }
    for (int base = 0; base < N_MAX_BASES; base++) {
        compare_base(run, base);
    }
    p_compare_orders(run);
}
