/* Four feeds, a thread that submits and ticks, one that finishes, and a reader, all at once. Meant
   to be run under ThreadSanitizer, too. A quote is a function of one counter, so that a torn one
   shows. The threads end after a number of ticks, not after a time. */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define N_FEEDS 4
/* Some seconds of work; ThreadSanitizer makes each tick a dozen times slower. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define SLOW 1
#endif
#ifdef SLOW
#define N_TICKS 1500
#else
#define N_TICKS 8000
#endif
#define BASE 1000000.0
#define N_VALUES 4096
#define RING 1024

struct shared {
    perp_core *core;
    atomic_int stop;
    atomic_uint faults;
    char fault[256]; /* of the first one */
    atomic_uint quotes, reads, dispatched, finished;
    pthread_mutex_t lock;
    perp_uuid ring[RING]; /* dispatched and not yet finished */
    uint32_t head, tail;
};

struct feed {
    struct shared *shared;
    uint32_t number;
};

static void fault(struct shared *s, const char *what) {
    if (atomic_fetch_add(&s->faults, 1) == 0) {
        snprintf(s->fault, sizeof s->fault, "%s: %s", what, perp_core_error(s->core));
    }
}

#define need(s, expression)                                                                        \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            fault(s, #expression);                                                                 \
        }                                                                                          \
    } while (0)

/* The quote of a counter: all of it follows from k, and all of it is exact. */
static perp_quote quote_of(uint32_t instrument, uint32_t k, int64_t now) {
    perp_quote q = {instrument, 0, now, 0, 0, 0, 0};
    q.bid = BASE + (double)k / 16;
    q.ask = q.bid + (double)(1 + k % 8) / 16;
    q.bid_size = 1000 + (double)k;
    q.ask_size = 2000 + (double)k;
    return q;
}

static int is_whole_quote(double bid, double bid_size, double ask, double ask_size) {
    double k = (bid - BASE) * 16;
    if (!(k >= 0 && k < N_VALUES) || k != (double)(uint32_t)k) {
        return 0;
    }
    perp_quote wanted = quote_of(0, (uint32_t)k, 0);
    return ask == wanted.ask && bid_size == wanted.bid_size && ask_size == wanted.ask_size;
}

static void feed_book(struct shared *s, uint32_t instrument, uint32_t k, int64_t now) {
    perp_quote q = quote_of(instrument, k, now);
    perp_book_level bids[5], asks[5];
    for (int i = 0; i < 5; i++) {
        bids[i].price = q.bid - i;
        bids[i].size = q.bid_size;
        asks[i].price = q.ask + i;
        asks[i].size = q.ask_size;
    }
    perp_book book = {instrument, 5, 5, 0, now, bids, asks};
    need(s, perp_market_on_book(perp_core_market(s->core), &book) == PERP_OK);
}

/* Of one instrument nothing, as its jobs leave nothing open; of the other, which no job trades,
   what nobody explains. */
static void feed_position(struct shared *s, uint32_t instrument, uint32_t n, int64_t now) {
    perp_position_report position = report_of(instrument, instrument % 2 ? n % 300 : 0, 0);
    perp_call call;
    perp_call_init(&call);
    call.now_ns = START;
    need(s, perp_position(s->core, &call, &position, now) == PERP_OK);
}

/* One exchange and its two instruments. */
static void *feed_main(void *argument) {
    struct feed *f = argument;
    struct shared *s = f->shared;
    perp_market *market = perp_core_market(s->core);
    for (uint32_t n = 1; !atomic_load(&s->stop); n++) {
        int64_t now = START + (int64_t)n * 10000;
        uint32_t k = (n * 2654435761u >> 8) % N_VALUES;
        for (uint32_t i = 2 * f->number; i < 2 * f->number + 2; i++) {
            perp_quote quote = quote_of(i, k, now);
            if (n % 7 == 0) {
                feed_book(s, i, k, now);
            } else {
                need(s, perp_market_on_quote(market, &quote) == PERP_OK);
            }
            perp_mark mark = {i, 0, now, quote.bid};
            perp_trade trade = {i, 0, now, quote.bid, 1};
            perp_funding funding = {i, 0, now, 0.00001, 8, now + 4 * HOUR};
            need(s, perp_market_on_mark(market, &mark) == PERP_OK);
            need(s, perp_market_on_trade(market, &trade) == PERP_OK);
            need(s, perp_market_on_funding(market, &funding) == PERP_OK);
            if (n % 50 == 0) {
                feed_position(s, i, n, now);
            }
        }
        perp_latency latency = {f->number, 0, now, 20 + n % 10};
        perp_exchange_status status = {f->number, PERP_API_UP, now};
        need(s, perp_market_on_latency(market, &latency) == PERP_OK);
        need(s, perp_market_on_status(market, &status) == PERP_OK);
        atomic_fetch_add(&s->quotes, 1);
        if (n % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* The executor runs on the ticking thread and hands the job to the finishing one. */
static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    struct shared *s = user;
    *outcome = PERP_OUTCOME_REFUSED;
    pthread_mutex_lock(&s->lock);
    if (s->head - s->tail < RING) {
        s->ring[s->head++ % RING] = job->job_id;
        *outcome = PERP_OUTCOME_ACCEPTED;
    }
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->dispatched, 1);
}

static void *tick_main(void *argument) {
    struct shared *s = argument;
    perp_scheduler *scheduler = perp_core_scheduler(s->core);
    perp_tick_result result;
    perp_call call;
    perp_tick_result_init(&result);
    for (uint32_t n = 1; n <= N_TICKS; n++) {
        perp_call_init(&call);
        call.now_ns = START + (int64_t)n * MS;
        perp_job job = pair_job(n, n % N_FEEDS * 2, (n + 1) % N_FEEDS * 2);
        job.legs[0].quantity = job.legs[1].quantity = 0.01;
        job.notional = USD(10000);
        job.ttl_ms = 50;
        need(s, perp_scheduler_submit(scheduler, &call, &job) == PERP_OK);
        need(s, perp_scheduler_tick(scheduler, &call, &result) == PERP_OK);
        if (n % 16 == 0) {
            sched_yield();
        }
    }
    perp_tick_result_free(&result);
    atomic_store(&s->stop, 1);
    return NULL;
}

static int pop(struct shared *s, perp_uuid *id) {
    pthread_mutex_lock(&s->lock);
    int there = s->head != s->tail;
    if (there) {
        *id = s->ring[s->tail++ % RING];
    }
    pthread_mutex_unlock(&s->lock);
    return there;
}

static void *finish_main(void *argument) {
    struct shared *s = argument;
    perp_uuid id;
    for (int left = 1; left;) {
        /* Looked at before the ring, so that the last jobs are not left behind. */
        int stopping = atomic_load(&s->stop);
        left = pop(s, &id);
        if (left) {
            perp_job_result result;
            perp_call call;
            perp_job_result_init(&result);
            result.has_totals = result.flat = 1;
            result.pnl = 10;
            result.volume = 20;
            result.fees = 1;
            perp_call_init(&call);
            call.now_ns = START;
            need(s, perp_scheduler_finish(perp_core_scheduler(s->core), &call, &id, &result,
                                          NULL) == PERP_OK);
            atomic_fetch_add(&s->finished, 1);
        } else {
            left = !stopping;
            sched_yield();
        }
    }
    return NULL;
}

static void read_instrument(struct shared *s, uint32_t instrument) {
    perp_market_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    need(s, perp_market_query(perp_core_market(s->core), instrument, START, &state) == PERP_OK);
    if (state.has_quote) {
        need(s, is_whole_quote(state.bid, state.bid_size, state.ask, state.ask_size));
        need(s, state.mid == (state.bid + state.ask) / 2);
    }
}

static void read_position(struct shared *s, uint32_t instrument) {
    perp_position_state state = {.struct_size = sizeof state};
    perp_base_state base = {.struct_size = sizeof base};
    perp_lot_state lots[4];
    uint32_t n;
    const perp_positions *positions = perp_core_positions(s->core);
    need(s, perp_positions_query(positions, instrument, START, &state) == PERP_OK);
    need(s, state.quantity == (double)(uint32_t)state.quantity && state.quantity < 300);
    need(s, state.quantity == state.foreign);
    need(s, perp_positions_lots(positions, instrument, lots, 4, &n) == PERP_OK && n == 0);
    need(s, perp_positions_base(positions, instrument % 2, START, &base) == PERP_OK);
    need(s, base.net == base.gross && !base.is_naked);
}

static void read_evaluation(struct shared *s, uint32_t n) {
    perp_evaluation e;
    perp_job job = pair_job(1000000 + n, n % N_FEEDS * 2, (n + 2) % N_FEEDS * 2);
    job.legs[0].quantity = job.legs[1].quantity = 0.01;
    job.notional = USD(10000);
    perp_evaluation_init(&e);
    need(s, perp_risk_evaluate(perp_core_risk(s->core), START, &job, &e) == PERP_OK);
    for (uint32_t i = 0; i < e.n_legs; i++) {
        double spread = e.legs[i].spread_bps * e.legs[i].mid / 1e4;
        double k = (e.legs[i].mid - spread / 2 - BASE) * 16;
        double whole = (double)(int64_t)(k + 0.5);
        need(s, k > -0.01 && k - whole < 0.01 && whole - k < 0.01);
        need(s, (int)(spread * 16 + 0.5) == 1 + (int)whole % 8);
    }
}

static void *read_main(void *argument) {
    struct shared *s = argument;
    size_t length = 0, room = 1 << 20;
    char *text = malloc(room);
    if (text == NULL) {
        fault(s, "no memory");
        return NULL;
    }
    for (uint32_t n = 0; !atomic_load(&s->stop); n++) {
        read_instrument(s, n % (2 * N_FEEDS));
        read_position(s, n % (2 * N_FEEDS));
        read_evaluation(s, n);
        if (n % 32 == 0) {
            perp_capital_state capital;
            memset(&capital, 0, sizeof capital);
            capital.struct_size = sizeof capital;
            need(s, perp_capital_snapshot(perp_core_capital(s->core), n % N_FEEDS, &capital) ==
                        PERP_OK);
            need(s, perp_core_check(s->core) == PERP_OK);
            need(s, perp_monitor_json(s->core, START, text, room, &length) == PERP_OK);
            (void)perp_core_hash(s->core);
        }
        if (atomic_fetch_add(&s->reads, 1) % 16 == 0) {
            sched_yield();
        }
    }
    free(text);
    return NULL;
}

static perp_core *open_core(struct shared *s) {
    perp_config config;
    perp_core *core = NULL;
    static const char *names[N_FEEDS] = {"a", "b", "c", "d"};
    world_config(&config);
    config.risk.max_quote_age_ms = 86400000;
    config.callbacks.user = s;
    config.callbacks.execute = execute;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    for (uint32_t x = 0; x < N_FEEDS; x++) {
        perp_exchange_spec spec;
        perp_exchange_id id;
        perp_call call;
        perp_exchange_spec_init(&spec);
        strcpy(spec.name, names[x]);
        spec.taker_fee_bps = 1;
        ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_OK);
        for (int k = 0; k < 2; k++) {
            perp_instrument_spec instrument;
            perp_instrument_id number;
            perp_instrument_spec_init(&instrument);
            instrument.exchange = id;
            strcpy(instrument.symbol, k == 0 ? "BTC/USDT:USDT" : "ETH/USDT:USDT");
            ck_assert_int_eq(perp_instrument_add(core, &instrument, &number), PERP_OK);
            ck_assert_uint_eq(number, 2 * x + (uint32_t)k);
        }
        perp_call_init(&call);
        call.now_ns = START;
        ck_assert_int_eq(
            perp_capital_update_equity(perp_core_capital(core), &call, id, USD(1000000)), PERP_OK);
    }
    return core;
}

START_TEST(feeds_decisions_results_and_readers_run_at_once) {
    static struct shared s;
    struct feed feeds[N_FEEDS];
    pthread_t threads[N_FEEDS + 3];
    memset(&s, 0, sizeof s);
    pthread_mutex_init(&s.lock, NULL);
    s.core = open_core(&s);
    for (uint32_t i = 0; i < N_FEEDS; i++) {
        feeds[i].shared = &s;
        feeds[i].number = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, feed_main, &feeds[i]), 0);
    }
    ck_assert_int_eq(pthread_create(&threads[N_FEEDS], NULL, read_main, &s), 0);
    ck_assert_int_eq(pthread_create(&threads[N_FEEDS + 1], NULL, finish_main, &s), 0);
    ck_assert_int_eq(pthread_create(&threads[N_FEEDS + 2], NULL, tick_main, &s), 0);
    for (int i = 0; i < N_FEEDS + 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    printf("%u rounds of quotes, %u reads, %u dispatched, %u finished\n", atomic_load(&s.quotes),
           atomic_load(&s.reads), atomic_load(&s.dispatched), atomic_load(&s.finished));
    ck_assert_msg(atomic_load(&s.faults) == 0, "%u faults, the first: %s", atomic_load(&s.faults),
                  s.fault);
    ck_assert_uint_eq(atomic_load(&s.dispatched), atomic_load(&s.finished));
    ck_assert_uint_gt(atomic_load(&s.finished), 0);
    /* All that was dispatched was given back and booked once. */
    perp_usd pnl = 0;
    for (uint32_t x = 0; x < N_FEEDS; x++) {
        perp_capital_state state;
        memset(&state, 0, sizeof state);
        state.struct_size = sizeof state;
        ck_assert_int_eq(perp_capital_snapshot(perp_core_capital(s.core), x, &state), PERP_OK);
        ck_assert_int_eq(state.total_in_flight, 0);
        pnl += state.today.pnl;
    }
    ck_assert_int_eq(pnl, 10 * (perp_usd)atomic_load(&s.finished));
    ck_assert_int_eq(perp_core_check(s.core), PERP_OK);
    perp_core_close(s.core);
    pthread_mutex_destroy(&s.lock);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("threads");
    TCase *tcase = tcase_create("threads");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, feeds_decisions_results_and_readers_run_at_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
