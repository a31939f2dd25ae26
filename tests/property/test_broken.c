/* perp_core_check works out from what is stored of reports, fills and jobs what positions, lots,
   capital and bases must be: each kind of value, changed behind the book's back, is found. */
#include <perpcore/perpcore.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book/book.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1760000000) * SECOND)

typedef struct world {
    perp_core *core;
    perp_scheduler *scheduler;
    int64_t now;
    uint64_t n_job;
    uint32_t found, missed;
} world;

static void ok(const world *w, perp_status status) {
    if (status != PERP_OK) {
        fprintf(stderr, "%s: %s\n0 passed, 1 failed\n", perp_status_string(status),
                perp_core_error(w->core));
        exit(1);
    }
}

static perp_call call_of(world *w) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now += SECOND / 10;
    return call;
}

static void quote(world *w, uint32_t instrument) {
    const perp_quote quote = {.instrument = instrument,
                              .time_ns = w->now,
                              .bid = 999.9,
                              .bid_size = 1000,
                              .ask = 1000.1,
                              .ask_size = 1000};
    ok(w, perp_market_on_quote(perp_core_market(w->core), &quote));
}

static perp_uuid run_legs(world *w, perp_job *job, uint32_t n, double quantity) {
    job->job_id.bytes[0] = 1;
    job->job_id.bytes[15] = (uint8_t)++w->n_job;
    job->strategy = n == 1 ? PERP_STRATEGY_HEDGE_REBALANCE : PERP_STRATEGY_WASH;
    job->n_legs = n;
    job->legs[0].quantity = job->legs[1].quantity = quantity;
    job->notional = (int64_t)(quantity * 1000 * 1e6);
    job->expected_edge_bps = 50;
    for (uint32_t i = 0; i < n; i++)
        quote(w, job->legs[i].instrument);
    perp_call call = call_of(w);
    ok(w, perp_scheduler_submit(w->scheduler, &call, job));
    call = call_of(w);
    ok(w, perp_scheduler_tick(w->scheduler, &call, NULL));
    return job->job_id;
}

static perp_uuid run(world *w, uint32_t buys, uint32_t sells, double quantity) {
    perp_job job;
    perp_job_init(&job);
    job.legs[0].instrument = buys;
    job.legs[0].side = PERP_SIDE_BUY;
    job.legs[1].instrument = sells;
    job.legs[1].side = PERP_SIDE_SELL;
    return run_legs(w, &job, 2, quantity);
}

static void tell(world *w, const perp_uuid *id, double first, double second, int ends) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.n_legs = 2;
    result.legs[0].filled = first;
    result.legs[1].filled = second;
    result.legs[0].price = result.legs[1].price = 1000;
    perp_call call = call_of(w);
    ok(w, ends ? perp_scheduler_finish(w->scheduler, &call, id, &result, NULL)
               : perp_scheduler_progress(w->scheduler, &call, id, result.legs, 2));
}

/* A job of one leg, which is filled. */
static void trade(world *w, uint32_t instrument, uint32_t side, double quantity) {
    perp_job job;
    perp_job_result result;
    perp_job_init(&job);
    perp_job_result_init(&result);
    job.legs[0].instrument = instrument;
    job.legs[0].side = side;
    perp_uuid id = run_legs(w, &job, 1, quantity);
    result.n_legs = 1;
    result.legs[0].filled = quantity;
    result.legs[0].price = 1000;
    perp_call call = call_of(w);
    ok(w, perp_scheduler_finish(w->scheduler, &call, &id, &result, NULL));
}

static void trade_by_hand(world *w, uint32_t instrument, uint32_t side, double quantity) {
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = instrument;
    fill.side = side;
    fill.quantity = quantity;
    fill.price = 1000;
    fill.key.bytes[0] = 9;
    fill.key.bytes[15] = (uint8_t)++w->n_job;
    perp_call call = call_of(w);
    ok(w, perp_record_fill(w->core, &call, &fill));
}

static void report(world *w, uint32_t instrument, double quantity) {
    perp_position_report row;
    memset(&row, 0, sizeof row);
    row.instrument = instrument;
    row.quantity = quantity;
    row.margin_mode = PERP_MARGIN_NOT_GIVEN;
    perp_call call = call_of(w);
    ok(w, perp_position(w->core, &call, &row, PERP_TIME_NONE));
}

static uint64_t place(world *w, const perp_uuid *id, uint32_t leg, double quantity) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = *id;
    request.leg = leg;
    request.quantity = quantity;
    request.price = 1000;
    perp_call call = call_of(w);
    ok(w, perp_orders_place(perp_core_orders(w->core), &call, &request, &answer));
    return answer.order;
}

static void hear(world *w, uint64_t order, uint32_t kind, const char *fill, double quantity) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = order;
    news.kind = kind;
    news.fill_id = fill;
    news.quantity = quantity;
    news.price = quantity > 0 ? 1000 : 0;
    news.fee = quantity > 0 ? 100000 : 0;
    perp_call call = call_of(w);
    ok(w, perp_orders_tell(perp_core_orders(w->core), &call, &news, NULL));
}

/* A job with orders: 1 filled by trades in part, 2 was cancelled, 3 filled by a total in part, 4 is
   in doubt, 5 is full. */
static void orders_of(world *w, const perp_uuid *id) {
    place(w, id, 0, 0.4);
    place(w, id, 0, 0.3);
    place(w, id, 1, 0.5);
    place(w, id, 1, 0.2);
    place(w, id, 1, 0.1);
    hear(w, 1, PERP_NEWS_FILL, "a", 0.1);
    hear(w, 1, PERP_NEWS_FILL, "b", 0.2);
    hear(w, 2, PERP_NEWS_CANCELLED, NULL, 0);
    hear(w, 3, PERP_NEWS_TOTAL, NULL, 0.2);
    hear(w, 4, PERP_NEWS_UNKNOWN, NULL, 0);
    hear(w, 5, PERP_NEWS_FILL, "a", 0.1);
}

/* Three exchanges. */
static void open_world(world *w) {
    static const char *const names[] = {"a", "b", "c"};
    perp_config config;
    memset(w, 0, sizeof *w);
    w->now = START;
    perp_config_init(&config);
    config.capital.max_single_reserve_ppm = config.capital.max_total_notional_ppm = 1000000;
    config.risk.account_max_age_ms = 0;
    config.scheduler.auto_repair = 0;
    config.orders.repeat_limit = 9;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config.risk.modes[i].min_safety_score = 0;
        config.risk.modes[i].max_acceptable_loss_bps = 1000;
    }
    ok(w, perp_core_open(&config, &w->core));
    w->scheduler = perp_core_scheduler(w->core);
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const symbols[] = {"BTC/USDT:USDT", "ETH/USDT:USDT"};
        perp_exchange_spec exchange;
        uint32_t id;
        perp_exchange_spec_init(&exchange);
        strcpy(exchange.name, names[i]);
        ok(w, perp_exchange_add(w->core, &exchange, &id));
        perp_call call = call_of(w);
        ok(w, perp_capital_update_equity(perp_core_capital(w->core), &call, i,
                                         INT64_C(1000000) * 1000000));
        for (int k = 0; k < 2; k++) { /* 0, 2, 4: BTC; 1, 3, 5: ETH */
            perp_instrument_spec instrument;
            perp_instrument_spec_init(&instrument);
            instrument.exchange = i;
            strcpy(instrument.symbol, symbols[k]);
            ok(w, perp_instrument_add(w->core, &instrument, &id));
            quote(w, id);
        }
    }
}

/* A hedge that is open, one that ended apart, one that runs and is half told and half seen, one
   that runs by orders, a position by hand, and one of which something was lost. */
static void live(world *w) {
    perp_instrument_spec unused; /* SOL, of which nothing is ever filled */
    perp_instrument_spec_init(&unused);
    unused.exchange = 0;
    strcpy(unused.symbol, "SOL/USDT:USDT");
    ok(w, perp_instrument_add(w->core, &unused, &(uint32_t){0}));
    perp_uuid open = run(w, 0, 2, 3);
    tell(w, &open, 3, 3, 1);
    report(w, 0, 3);
    perp_uuid running = run(w, 0, 4, 2);
    tell(w, &running, 0.5, 1, 0);
    report(w, 0, 4); /* 0.5 of it is still to be told */
    perp_uuid by_orders = run(w, 2, 4, 1);
    orders_of(w, &by_orders);
    perp_uuid lost = run(w, 1, 3, 2);
    tell(w, &lost, 2, 2, 1);
    report(w, 1, 1.5);
    w->now += 5 * SECOND;
    report(w, 1, 1.5); /* a second one says the same: it is lost */
    trade_by_hand(w, 5, PERP_SIDE_BUY, 0.25);
    ok(w, perp_core_check(w->core));
}

/* Found, and the book is marked; by the check that says so. */
static void must_find_as(world *w, const char *what, const char *words) {
    perp_status status = perp_core_check(w->core);
    bool found =
        status == PERP_E_CORRUPT && w->core->corrupt && strstr(perp_core_error(w->core), words);
    w->core->corrupt = false;
    w->found += found;
    w->missed += !found;
    if (!found) {
        fprintf(stderr, "%s: changed, and not found: \"%s\", not \"%s\"\n", what,
                status == PERP_OK ? "" : perp_core_error(w->core), words);
    }
}

#define BREAK(w, lvalue, value) BREAK_AS(w, lvalue, value, "")
#define BREAK_AS(w, lvalue, value, words)                                                          \
    do {                                                                                           \
        const struct perp_core *core_ = (w)->core;                                                 \
        (void)core_;                                                                               \
        __typeof__(lvalue) kept_ = (lvalue);                                                       \
        (lvalue) = (value);                                                                        \
        must_find_as((w), #lvalue " = " #value, words);                                            \
        (lvalue) = kept_;                                                                          \
        ok((w), perp_core_check((w)->core));                                                       \
    } while (0)

/* The same of one bit. */
#define BREAK_BIT(w, lvalue, value) BREAK_BIT_AS(w, lvalue, value, "")
#define BREAK_BIT_AS(w, lvalue, value, words)                                                      \
    do {                                                                                           \
        bool kept_ = (lvalue);                                                                     \
        (lvalue) = (value);                                                                        \
        must_find_as((w), #lvalue " = " #value, words);                                            \
        (lvalue) = kept_;                                                                          \
        ok((w), perp_core_check((w)->core));                                                       \
    } while (0)

static struct perp_job_entry *job_of(world *w, uint8_t n) {
    perp_uuid id = {{1}};
    id.bytes[15] = n;
    return perp_job_find(w->core, &id);
}

static void positions(world *w) {
    struct perp_position_entry *p = &w->core->positions->at[0], *lost = &w->core->positions->at[1];
    BREAK(w, p->quantity, p->quantity + 1);
    BREAK(w, p->quantity, 0);
    BREAK(w, p->report_quantity, p->report_quantity - 1);
    BREAK(w, p->reported, false);
    BREAK(w, w->core->positions->at[2].since[0].quantity, 7);
    BREAK(w, w->core->positions->at[5].quantity, 0);
    BREAK(w, lost->lost, -1);
    BREAK(w, lost->lost, 0.5);
    BREAK(w, lost->unexplained, 0);
    BREAK(w, lost->unexplained, 0.5);
    BREAK(w, lost->aside_rest, 1);
    BREAK(w, lost->owed[0].quantity, 0);
    BREAK(w, lost->owed[0].quantity, (double)NAN);
    BREAK(w, lost->owed[0].quantity, lost->owed[0].quantity * 1000);
    BREAK(w, lost->owed[0].price, 0);
    BREAK(w, lost->owed[0].used, -1);
}

static void lots(world *w) {
    struct perp_lot *lot = &w->core->positions->at[0].lots[0];
    BREAK(w, lot->quantity, 3.5);
    BREAK(w, lot->quantity, -lot->quantity);
    BREAK(w, lot->quantity, 0);
    BREAK(w, lot->price, 0);
    BREAK(w, lot->used, lot->used + 1);
    BREAK(w, lot->used, -1);
    BREAK(w, lot->leg, 1);
    BREAK(w, lot->job.bytes[3], 1);
    BREAK(w, w->core->positions->at[0].n_lots, 1);
    BREAK(w, job_of(w, 1)->run->n_lots, 1);
}

static void legs(world *w) {
    struct perp_run_leg *open = &job_of(w, 1)->run->legs[0], *runs = &job_of(w, 2)->run->legs[0];
    BREAK(w, open->filled, 2);
    BREAK(w, open->filled, 4);
    BREAK(w, open->counted, 2);
    BREAK(w, open->seen, 1);
    BREAK(w, open->flying, 1);
    BREAK(w, runs->flying, runs->flying - 1);
    BREAK(w, runs->flying, 0);
    BREAK(w, runs->counted, 1);
    BREAK(w, runs->seen, 5);
    BREAK(w, runs->seen, -0.1);
    BREAK(w, runs->filled, 0.25);
    BREAK(w, runs->quantity, runs->quantity / 2);
    BREAK(w, runs->job, job_of(w, 1));
}

static void capital(world *w) {
    struct perp_held *held = job_of(w, 1)->run->held;
    struct perp_account *account = &w->core->capital->accounts[0];
    BREAK(w, held->used, held->used + 1);
    BREAK(w, held->in_flight, held->in_flight + 1);
    BREAK(w, held->released, held->released + 1);
    BREAK(w, held->reserved, held->reserved - 1);
    BREAK(w, account->pools[0].used, 0);
    /* Each below nothing while the sums are right. */
    for (uint32_t i = 0; i < 3; i++) {
        perp_usd *parts[] = {&held->in_flight, &held->used, &held->released}, kept[3];
        for (uint32_t j = 0; j < 3; j++)
            kept[j] = *parts[j];
        *parts[(i + 1) % 3] += *parts[i] + 1;
        *parts[i] = -1;
        must_find_as(w, "a part of a reservation = -1", "reserved is not in flight");
        for (uint32_t j = 0; j < 3; j++)
            *parts[j] = kept[j];
    }
    BREAK(w, account->pools[0].in_flight, 0);
    BREAK(w, account->pools[1].budget, 0);
    BREAK(w, account->pools[1].most_single, 1);
    BREAK(w, account->most_total, 1);
    BREAK(w, account->equity, account->equity + 1);
    BREAK(w, account->day_start, account->day_start + 1);
    BREAK(w, account->today.pnl, account->today.pnl + 1);
    BREAK(w, account->today.fees, account->today.fees + 1);
    BREAK(w, w->core->capital->booked, w->core->capital->booked + 1);
    BREAK(w, w->core->capital->starts, w->core->capital->starts + 1);
}

static void bases(world *w) {
    struct perp_base_entry *base = &w->core->positions->bases[0];
    struct perp_base_entry *untouched = &w->core->positions->bases[2];
    BREAK(w, base->naked, (double)NAN);
    BREAK(w, base->naked, (double)INFINITY);
    BREAK(w, base->expected, (double)NAN);
    BREAK(w, base->naked, base->naked + 1);
    BREAK(w, base->naked, base->naked - 1e-11);
    BREAK(w, base->apart, 1);
    BREAK(w, base->price, -1);
    BREAK(w, base->price, (double)NAN);
    BREAK(w, base->price, 0); /* it has lots */
    BREAK(w, base->tries, 1);
    BREAK(w, base->next_try, 7);
    BREAK(w, untouched->naked, 1);
    BREAK(w, untouched->naked, 1e-300);
    BREAK(w, untouched->apart, 1);
    BREAK(w, untouched->expected, -1);
    BREAK(w, untouched->repairs, 1);
    BREAK(w, untouched->stopped, true);
    BREAK(w, base->told, !base->told);
    BREAK(w, base->n_partial, base->n_partial + 1);
    BREAK(w, base->repair, job_of(w, 1));
}

/* Counts and lists of jobs that run, and of what they hold. */
static void running(world *w) {
    perp_scheduler *scheduler = w->scheduler;
    struct perp_held *held = job_of(w, 1)->run->held;
    struct perp_job_entry *job = job_of(w, 2);
    BREAK(w, w->core->risk->running_jobs[0], 5);
    BREAK(w, w->core->risk->running_notional[2], w->core->risk->running_notional[2] + 1);
    BREAK(w, w->core->positions->at[0].running[PERP_SIDE_BUY], 0);
    BREAK(w, scheduler->running.count, scheduler->running.count + 1);
    BREAK(w, scheduler->open.count, scheduler->open.count - 1);
    BREAK(w, scheduler->n_in_doubt, 1);
    BREAK(w, scheduler->n_pending, scheduler->n_pending + 1);
    BREAK(w, scheduler->next_due, INT64_MAX);
    BREAK(w, w->core->jobs.count, w->core->jobs.count + 1);
    BREAK(w, w->core->past.count, w->core->past.count + 1);
    BREAK(w, held->has_job, 0);
    BREAK(w, held->job.bytes[3], 9);
    BREAK_BIT(w, job->run->unsaid, true);
    BREAK(w, job->run->held, NULL);
    BREAK(w, job_of(w, 1)->run->held, NULL);
}

/* A leg that ran is that of its job. */
static void legs_of_jobs(world *w) {
    struct perp_run_leg *leg = &job_of(w, 1)->run->legs[0];
    BREAK(w, job_of(w, 1)->legs[1].n, 0);
    BREAK(w, leg->job, job_of(w, 2));
    BREAK(w, leg->instrument, 2);
    BREAK(w, leg->side, PERP_SIDE_SELL);
    BREAK(w, leg->maker, 1);
    BREAK(w, leg->quantity, 4);
    BREAK(w, leg->leverage, 7);
    BREAK(w, leg->notional, leg->notional + 1);
    BREAK(w, leg->exchange, 1);
    BREAK(w, leg->base, 1);
    BREAK(w, leg->flying, -1);
    BREAK(w, job_of(w, 2)->run->legs[0].flying, INT64_C(1) << 50);
}

/* What is kept of positions and bases beside them. */
static void kept(world *w) {
    perp_positions *positions = w->core->positions;
    struct perp_position_entry *entry = &positions->at[0], *flat = &positions->at[6];
    BREAK(w, positions->shown[0], positions->shown[0] ^ 1);
    BREAK(w, entry->is_held, false);
    BREAK(w, flat->is_held, true);
    BREAK(w, positions->n_held[1], positions->n_held[1] + 1);
    BREAK(w, entry->is_open, false);
    BREAK(w, flat->is_open, true);
    BREAK(w, entry->is_latched, true);
    BREAK(w, positions->first_open_1[0], 0);
    BREAK(w, positions->first_open_1[0], positions->first_open_1[1]);
    BREAK(w, positions->bases[0].n_latched, 2);
    BREAK(w, positions->bases[2].is_moving, true);
    BREAK(w, positions->bases[0].since, positions->bases[0].told ? PERP_TIME_NONE : START);
    BREAK(w, entry->latched, true);
}

/* However it came to be, what is naked is known to the last digits. */
static void naked_must_be(world *w, double naked) {
    struct perp_base_entry *base = &w->core->positions->bases[0];
    ok(w, perp_core_check(w->core));
    if (fabs(base->naked - naked) > 1e-9) {
        fprintf(stderr, "%g is naked, not %g\n", base->naked, naked);
        w->missed++;
    }
    BREAK(w, base->naked, base->naked + 1e-11);
    BREAK(w, base->naked, base->naked - 1e-11);
    BREAK(w, base->naked, base->naked + 0.5);
    BREAK(w, base->apart, base->apart + 1e-11);
    for (uint32_t i = 0; i < 6; i += 2)
        if (w->core->positions->at[i].n_lots &&
            perp_job_counts_in_full(w->core->positions->at[i].lots[0].owner))
            BREAK(w, w->core->positions->at[i].lots[0].quantity,
                  w->core->positions->at[i].lots[0].quantity * (1 - 1e-10));
}

/* What can make and unmake what is naked, but for repairs. */
static void ways_to_be_naked(world *w) {
    perp_call call;
    perp_uuid hedge = run(w, 0, 2, 3);
    tell(w, &hedge, 1.1, 2.3, 0); /* it runs: nothing counts yet */
    naked_must_be(w, 0);
    tell(w, &hedge, 3, 3, 1);
    naked_must_be(w, 0);
    trade(w, 0, PERP_SIDE_SELL, 1); /* of the hedge: its other side stands alone */
    naked_must_be(w, -1);
    trade(w, 4, PERP_SIDE_BUY, 0.4); /* squares as much, though it hedges nothing */
    naked_must_be(w, -0.6);
    trade_by_hand(w, 4, PERP_SIDE_SELL, 0.3); /* of that lot */
    naked_must_be(w, -0.9);
    trade_by_hand(w, 0, PERP_SIDE_SELL, 0.5); /* of the hedge's */
    naked_must_be(w, -1.4);
    report(w, 2, -2);
    w->now += 5 * SECOND;
    report(w, 2, -2); /* lost, and latched: told apart from what is stored as naked */
    naked_must_be(w, -1.4);
    call = call_of(w);
    call.actor = "a", call.reason = "b";
    ok(w, perp_accept_position(w->core, &call, 2));
    naked_must_be(w, -0.4);
    ok(w, perp_resolve(w->core, &call, "BTC"));
    naked_must_be(w, 0);
    call = call_of(w);
    ok(w, perp_scheduler_close(w->scheduler, &call, &hedge, 0, 0, 0)); /* 1.5 bought, 2 sold */
    naked_must_be(w, 0.5);
    call.actor = "a", call.reason = "b";
    ok(w, perp_resolve(w->core, &call, "BTC"));
    trade_by_hand(w, 0, PERP_SIDE_BUY, 0.7);
    naked_must_be(w, 0);
    perp_uuid other = run(w, 2, 0, 2);
    tell(w, &other, 0.1, 1, 0); /* sells what was bought by hand, too */
    naked_must_be(w, 0);
    tell(w, &other, 1.5, 2, 1);
    naked_must_be(w, -0.5);
    report(w, 2, 1.495);
    naked_must_be(w, -0.5); /* within the tolerance: lost, and not latched */
}

/* What is counted or listed twice: each has a check of its own. */
static void counts(world *w) {
    perp_core *core = w->core;
    perp_scheduler *s = w->scheduler;
    perp_positions *p = core->positions;
    struct perp_job_entry *open = job_of(w, 1), *runs = job_of(w, 2);
    BREAK_AS(w, open->run->held->job.bytes[3], 1, "a reservation is in another job's list");
    BREAK_AS(w, open->run->held->has_job, false, "a reservation is in another job's list");
    BREAK_AS(w, open->run->n_lots, 0, "a job of which nothing is open holds capital");
    BREAK_AS(w, open->run->held, NULL, "a reservation's job is gone");
    BREAK_AS(w, runs->run->unsaid, 1, "an executor's outcome would be forgotten");
    for (uint32_t x = 0; x < 3; x++) {
        const char *words = "running jobs of an exchange are not what runs";
        BREAK_AS(w, core->risk->running_jobs[x], core_->risk->running_jobs[x] + 1, words);
        BREAK_AS(w, core->risk->running_notional[x], core_->risk->running_notional[x] + 1, words);
        BREAK_AS(w, p->n_held[x], p->n_held[x] + 1, "positions of an exchange are miscounted");
    }
    for (uint32_t side = 0; side < PERP_SIDE_COUNT; side++)
        BREAK_AS(w, p->at[0].running[side], p->at[0].running[side] + 1,
                 "running legs of an instrument are miscounted");
    BREAK_AS(w, s->n_in_doubt, 1, "running jobs are miscounted");
    BREAK_AS(w, s->running.count, s->running.count + 1, "miscounted");
    BREAK_AS(w, s->n_pending, s->n_pending + 1, "jobs are miscounted");
    BREAK_AS(w, s->ended.count, s->ended.count + 1, "jobs are miscounted");
    BREAK_AS(w, core->past.count, core_->past.count + 1, "jobs are miscounted");
    BREAK_AS(w, open->run->n_lots, 1, "lots of a job are miscounted");
    for (uint32_t i = 0; i < 6; i++) {
        BREAK_AS(w, p->at[i].is_held, !p->at[i].is_held, "something to show");
        BREAK_AS(w, p->shown[0], p->shown[0] ^ UINT64_C(1) << i, "something to show");
        BREAK_AS(w, p->at[i].is_latched, !p->at[i].is_latched, "what is kept of it");
        BREAK_AS(w, p->at[i].is_open, !p->at[i].is_open, "");
    }
    BREAK_AS(w, p->first_open_1[0], 0, "are miscounted");
    BREAK_AS(w, p->first_open_1[1], p->first_open_1[0], "in the wrong list of what is open");
    BREAK_AS(w, p->first_moving_1, 0, "may be naked, are miscounted");
    for (uint32_t base = 0; base < 3; base++) {
        struct perp_base_entry *entry = &p->bases[base];
        BREAK_AS(w, entry->n_latched, entry->n_latched + 1, "with latched drift are miscounted");
        BREAK_AS(w, entry->is_moving, !entry->is_moving, "may be naked would be forgotten");
        BREAK_AS(w, entry->n_partial, entry->n_partial + 1,
                 entry->is_moving ? "partial jobs of a base are miscounted" : "");
        BREAK_AS(w, entry->since, entry->told ? PERP_TIME_NONE : START, "naked since no time");
    }
}

static void signs_and_owners_of_lots(world *w) {
    struct perp_lot *lots = w->core->positions->at[0].lots;
    BREAK_AS(w, lots[0].quantity, 0, "lots have two signs");
    BREAK_AS(w, lots[1].quantity, -lots[1].quantity, "lots have two signs");
    BREAK_AS(w, lots[0].leg, 2, "a lot's job is gone");
    BREAK_AS(w, lots[0].job.bytes[3], 1, "a lot's job is gone");
    BREAK_AS(w, lots[0].leg, 1, "a lot is not what its leg filled");
    BREAK_AS(w, lots[0].quantity, 4, "a lot is not what its leg filled");
    BREAK_AS(w, lots[0].price, 0, "a lot without a price");
    BREAK_AS(w, lots[0].used, -1, "with less than nothing");
}

/* No repair was made: what looks like one is found. */
static void repairs(world *w) {
    struct perp_base_entry *base = &w->core->positions->bases[1];
    const char *none_made = "repairs of a base failed, or there is one, and none was made";
    struct perp_job_entry *open = job_of(w, 1), *runs = job_of(w, 2);
    BREAK_AS(w, base->tries, 1, none_made);
    BREAK_AS(w, base->repair, runs, none_made);
    BREAK_AS(w, base->next_try, 7, "a base waits for a repair after none that failed");
    base->repairs = 1;
    perp_base_moved(w->core, 1);
    BREAK_AS(w, base->repair, runs, "a base's repair is none");
    BREAK_AS(w, base->repair, open, "a base's repair is none");
    base->repairs = 0;
    perp_base_moved(w->core, 1);
}

static void figures_of_orders(world *w) {
    struct perp_order_entry *trades = perp_order_find(w->core, 1), *plain;
    BREAK(w, trades->filled, 0.2);
    BREAK(w, trades->filled, 0.4);
    BREAK(w, trades->average, 999);
    BREAK(w, trades->told, PERP_TOLD_TOTALS);
    BREAK(w, trades->told, PERP_TOLD_NOTHING);
    BREAK(w, trades->trades->quantity, 0.1);
    BREAK(w, trades->trades->price, 1);
    BREAK(w, trades->trades->next, NULL);
    BREAK(w, trades->overfilled, true);
    BREAK(w, trades->quantity, 0.3);
    BREAK(w, trades->fees, trades->fees + 1);
    BREAK(w, trades->pnl, trades->pnl - 1);
    plain = perp_order_find(w->core, 2);
    BREAK(w, plain->filled, 0.1);
    BREAK(w, plain->volume, 1);
    BREAK(w, plain->fees, 1);
    BREAK(w, plain->pnl, 1);
    BREAK(w, perp_order_find(w->core, 3)->filled, 0.3);
    BREAK(w, perp_order_find(w->core, 5)->overfilled, true);
    BREAK(w, job_of(w, 3)->run->legs[0].filled, 0.31);
    BREAK(w, job_of(w, 3)->run->legs[1].fee, 1);
    BREAK(w, job_of(w, 3)->run->legs[1].pnl, 1);
}

static void states_of_orders(world *w) {
    perp_orders *orders = w->core->orders;
    struct perp_order_entry *first = orders->first, *ended = first->next, *full = orders->last;
    BREAK(w, first->state, PERP_ORDER_CANCELLED);
    BREAK(w, first->state, PERP_ORDER_FILLED);
    BREAK(w, first->state, PERP_ORDER_IN_DOUBT);
    BREAK(w, perp_order_find(w->core, 4)->state, PERP_ORDER_OPEN);
    BREAK(w, ended->state, PERP_ORDER_OPEN);
    BREAK(w, ended->state, PERP_ORDER_FILLED);
    BREAK(w, ended->ended, PERP_TIME_NONE);
    BREAK(w, first->ended, START);
    BREAK(w, full->state, PERP_ORDER_CANCELLED);
    BREAK(w, orders->n_live, orders->n_live + 1);
    BREAK(w, orders->n_in_doubt, 0);
    BREAK(w, orders->first_live, first->next_live);
    BREAK(w, first->next_live, ended);
    BREAK(w, orders->last_live, first);
}

static void lists_of_orders(world *w) {
    perp_orders *orders = w->core->orders;
    struct perp_order_entry *first = orders->first, *second = first->next;
    BREAK(w, second->id, 3);
    BREAK(w, second->id, 1);
    BREAK(w, second->client_id[3], 'x');
    BREAK(w, orders->next_order, 5);
    BREAK(w, orders->first, second);
    BREAK(w, orders->last, second);
    BREAK(w, second->previous, NULL);
    BREAK(w, second->next, second->next->next);
    BREAK(w, second->attempt, 1);
    BREAK(w, second->leg, 1);
    BREAK(w, second->exchange, 0);
    BREAK(w, second->job, job_of(w, 2));
    BREAK(w, second->job_id.bytes[15], 2);
    BREAK(w, second->next_of_job, NULL);
    BREAK(w, first->last_of_job, first->previous);
    BREAK(w, job_of(w, 3)->run->orders, second);
    BREAK(w, job_of(w, 2)->run->orders, first);
    BREAK(w, orders->by_number.count, 4);
    BREAK(w, orders->by_client.count, 6);
    BREAK(w, orders->foreign, UINT64_C(1) << 3);
    BREAK(w, orders->placed[orders->first_placed].time_ns, w->now + 1);
}

static perp_uuid wait_with(world *w, double edge_bps) {
    perp_job job;
    perp_job_init(&job);
    job.job_id.bytes[0] = 1;
    job.job_id.bytes[15] = (uint8_t)++w->n_job;
    job.n_legs = 2;
    job.legs[0].instrument = 7;
    job.legs[0].side = PERP_SIDE_BUY;
    job.legs[1].instrument = 8;
    job.legs[1].side = PERP_SIDE_SELL;
    job.legs[0].quantity = job.legs[1].quantity = 1;
    job.notional = INT64_C(1000000000);
    job.expected_edge_bps = edge_bps;
    perp_call call = call_of(w);
    ok(w, perp_scheduler_submit(w->scheduler, &call, &job));
    return job.job_id;
}

/* Two jobs wait by decisions in force: one is accepted, and no place is free; one is refused. */
static void let_wait(world *w, struct perp_job_entry **passes, struct perp_job_entry **refused) {
    perp_limits limits;
    for (uint32_t x = 0; x < 2; x++) {
        perp_instrument_spec instrument; /* 7 and 8 */
        perp_instrument_spec_init(&instrument);
        instrument.exchange = x;
        strcpy(instrument.symbol, "XRP/USDT:USDT");
        ok(w, perp_instrument_add(w->core, &instrument, &(uint32_t){0}));
    }
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = 1;
    perp_call call = call_of(w);
    ok(w, perp_scheduler_set_limits(w->scheduler, &call, &limits));
    perp_uuid first = wait_with(w, 50), second = wait_with(w, -5000);
    call = call_of(w);
    for (uint32_t i = 0; i < 9; i++)
        quote(w, i);
    ok(w, perp_scheduler_tick(w->scheduler, &call, NULL));
    *passes = perp_job_find(w->core, &first);
    *refused = perp_job_find(w->core, &second);
    if (!(*passes)->verdict.places_1[0] || !(*refused)->verdict.made ||
        (*refused)->verdict.accepted)
        fprintf(stderr, "no job waits as it should: %s, %s\n",
                perp_reason_string((*passes)->verdict.reason),
                perp_reason_string((*refused)->verdict.reason));
}

static void decisions(world *w) {
    struct perp_job_entry *passes, *refused;
    let_wait(w, &passes, &refused);
    struct perp_verdicts *v = &w->scheduler->verdicts;
    uint32_t reason = refused->verdict.reason;
    struct perp_place *second = perp_place_at(w->scheduler, 1);
    BREAK_AS(w, second->order, perp_place_at(w->scheduler, 0)->order, "are out of order");
    BREAK_AS(w, passes->state, PERP_JOB_RUNNING, "a job that is not pending waits");
    BREAK_AS(w, passes->order, passes->order + 1, "a job that is not pending waits");
    BREAK(w, passes->verdict.reasons, 4);
    BREAK(w, refused->verdict.reasons, 0);
    BREAK(w, refused->verdict.reason, PERP_REASON_KILLED);
    BREAK_BIT(w, passes->verdict.accepted, false);
    BREAK_BIT(w, refused->verdict.accepted, true);
    BREAK_BIT(w, passes->verdict.reducing, true);
    BREAK(w, *perp_job_score_at(passes), perp_job_score(passes) + 1e-9);
    BREAK(w, *perp_route_stands_at(passes->route, passes->route_place), 4);
    BREAK(w, *perp_route_stands_at(refused->route, refused->route_place), 0);
    BREAK(w, *perp_route_job_at(passes->route, passes->route_place), refused);
    BREAK(w, passes->verdict.places_1[0], 0);
    BREAK_BIT(w, passes->verdict.counted, false);
    BREAK_BIT(w, refused->verdict.counted, false);
    BREAK(w, v->tally.evaluated, 3);
    BREAK(w, v->tally.refused, 0);
    BREAK(w, v->tally.refused_by[reason], 2);
    BREAK(w, v->ranks.held.set.n, v->ranks.held.set.n + 1);
    BREAK(w, v->ranks.waiting.set.n, v->ranks.waiting.set.n + 1);
    BREAK(w, v->leaving.n, 1);
    BREAK(w, passes->order, passes->order + 9);
    BREAK(w, refused->state, PERP_JOB_OPEN);
    BREAK(w, w->scheduler->n_pending, 1);
}

static void facts(world *w) {
    struct perp_facts *facts = &w->core->risk->facts;
    struct perp_kept_fact *kept = &facts->at[0];
    struct perp_exchange_fact *exchange = &facts->exchanges[0];
    BREAK(w, kept->fact.market.view.mid, 1001);
    BREAK(w, kept->fact.market.sides[1].depth, 7);
    BREAK(w, kept->fact.running.quantity, 0);
    BREAK(w, kept->fact.left[PERP_SIDE_SELL], 0);
    BREAK(w, kept->fact.fails, 1);
    BREAK(w, kept->fact.heard, !kept->fact.heard);
    BREAK(w, kept->share, kept->share + 1);
    BREAK(w, kept->unpriced, true);
    BREAK(w, exchange->size, 0);
    BREAK(w, exchange->n_unpriced, 1);
    BREAK(w, exchange->fails, 1);
    BREAK(w, exchange->circuit, PERP_CIRCUIT_OPEN);
    BREAK(w, exchange->killed, true);
    BREAK(w, exchange->latency.samples, 5);
    /* A base of which nothing is naked, which no look makes anew; the book is made at each. */
    BREAK(w, facts->bases[3].n_latched, 9);
    BREAK(w, facts->bases[3].fails, 1);
    BREAK(w, facts->bases[3].is_naked, true);
}

int main(void) {
    static world w;
    open_world(&w);
    ways_to_be_naked(&w);
    uint32_t found = w.found, missed = w.missed;
    perp_core_close(w.core);
    open_world(&w);
    live(&w);
    positions(&w);
    lots(&w);
    legs(&w);
    capital(&w);
    bases(&w);
    counts(&w);
    signs_and_owners_of_lots(&w);
    repairs(&w);
    running(&w);
    legs_of_jobs(&w);
    kept(&w);
    figures_of_orders(&w);
    states_of_orders(&w);
    lists_of_orders(&w);
    decisions(&w);
    facts(&w);
    perp_core_close(w.core);
    w.found += found;
    w.missed += missed;
    printf("%u found, %u missed\n", w.found, w.missed);
    printf(w.missed > 0 ? "0 passed, 1 failed\n" : "1 passed, 0 failed\n");
    return w.missed > 0;
}
