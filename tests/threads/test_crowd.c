/* Everything at once on one book with a store: four feeds, two threads that submit and tick and a
   third whose executor never comes back, two that tell results, one that requeues what was not
   sent, one that stops and starts, readers, a console, and one that makes changes durable. The
   executor answers late, not at all, or refuses what was taken from it meanwhile. Meant to be run
   under ThreadSanitizer and AddressSanitizer, too. Ends after a number of ticks, or after
   PERP_SECONDS. */
#include "crowd.h"

#include <sched.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

struct crowd crowd;

void fault(const char *format, ...) {
    struct crowd *c = &crowd;
    va_list arguments;
    if (atomic_fetch_add(&c->faults, 1) != 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(c->fault, sizeof c->fault, format, arguments);
    va_end(arguments);
}

perp_call call_now(void) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = START + (int64_t)atomic_fetch_add(&crowd.time, 1) * MS;
    call.actor = "crowd";
    call.reason = "a test";
    return call;
}

perp_job job_of(uint32_t n) {
    uint32_t from = n % N_EXCHANGES, to = (n + 1 + n / 4 % 3) % N_EXCHANGES, base = n / 16 % 2;
    perp_job job = pair_job(n, 2 * from + base, 2 * to + base);
    job.legs[0].quantity = job.legs[1].quantity = base ? 0.4 : 0.02;
    job.notional = USD(1000);
    job.ttl_ms = 0;
    return job;
}

uint32_t number_of(const perp_uuid *id) {
    return (uint32_t)id->bytes[13] << 16 | (uint32_t)id->bytes[14] << 8 | id->bytes[15];
}

void rest_us(long duration) {
    nanosleep(&(struct timespec){.tv_nsec = duration * 1000}, NULL);
}

/* ---- The executor --------------------------------------------------------------------------- */

/* What stood before the turn of the job at hand. */
static _Thread_local uint64_t stop_before;
static _Thread_local uint32_t doubted_before;
static _Thread_local int never_returns; /* the executor of this thread, until the end */

static void host_clock(void *user, int64_t *now_ns) {
    (void)user;
    *now_ns = 0; /* nothing is ever late */
    stop_before = atomic_load(&crowd.stop);
    doubted_before = atomic_load(&crowd.n_doubted);
    atomic_fetch_add(&crowd.turns, 1);
}

static int trades(const perp_execution *job, uint32_t exchange, uint32_t instrument) {
    for (uint32_t i = 0; i < job->n_orders; i++) {
        if (job->orders[i].exchange == exchange || job->orders[i].instrument == instrument) {
            return 1;
        }
    }
    return 0;
}

/* Whether a stop holds against the job. */
static int stops_job(uint64_t stop, const perp_execution *job) {
    uint32_t what = stop >> 8 & 0xff, which = stop & 0xff;
    int way_out = job->reduce_only || job->is_repair;
    switch (stop ? what : STOP_KINDS) {
    case STOP_KILL:
        return 1;
    case STOP_KILL_EXCHANGE:
        return trades(job, which, PERP_NO_ID);
    case STOP_PAUSE:
        return !way_out;
    case STOP_BLACKLIST: /* of BTC */
        return !way_out && job->orders[0].instrument % 2 == 0;
    case STOP_HALT:
        return !way_out && trades(job, PERP_NO_ID, which);
    default:
        return 0;
    }
}

/* Others get on meanwhile. */
static void hangs(uint32_t rounds) {
    uint32_t until = atomic_load(&crowd.progress) + rounds;
    for (int i = 0; i < 200 && (int32_t)(until - atomic_load(&crowd.progress)) > 0; i++) {
        rest_us(50);
    }
    while (never_returns && !atomic_load(&crowd.let_go)) {
        rest_us(1000);
    }
}

/* What must not come here: after a stop has returned, twice, after somebody has said that it is not
   known, beside itself. That the turn was taken just before is possible. */
static void may_come(const perp_execution *job) {
    uint32_t n = number_of(&job->job_id);
    uint64_t stop = atomic_load(&crowd.stop);
    uint32_t doubted = atomic_load(&crowd.doubted[job->dispatch]);
    if (stop && stop == stop_before && stops_job(stop, job)) {
        fault("job %u is handed over after a stop (%u, %u) has returned", n,
              (uint32_t)(stop >> 8 & 0xff), (uint32_t)(stop & 0xff));
    }
    if (atomic_fetch_add(&crowd.executed[job->dispatch], 1)) {
        fault("dispatch %llu is handed over twice", (unsigned long long)job->dispatch);
    }
    if (doubted && doubted <= doubted_before) {
        fault("job %u is handed over by a dispatch that was put in doubt before", n);
    }
}

static void is_handed_over(const perp_execution *job, struct host_job *h) {
    if (h->dispatch >= job->dispatch) { /* it was taken away before it came */
        return;
    }
    if (h->state == HOST_HANDED || h->state == HOST_SENT || h->state == HOST_LOST) {
        fault("job %u is handed over while it is out", number_of(&job->job_id));
    }
    h->state = HOST_HANDED;
    h->dispatch = job->dispatch;
}

static void is_sent(const perp_execution *job, uint32_t *outcome) {
    crowd.ring[crowd.head++ % RING] = (struct sent){job->job_id, job->dispatch, job->is_repair};
    *outcome = PERP_OUTCOME_ACCEPTED;
    if (crowd.head - crowd.tail > RING) {
        fault("more jobs run than may");
    }
}

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    uint32_t n = number_of(&job->job_id);
    struct host_job *h = &crowd.jobs[n % MAX_JOBS];
    uint32_t luck = (uint32_t)(job->dispatch * 2654435761u) >> 16;
    (void)user;
    if ((n >= MAX_JOBS && !job->is_repair) || job->dispatch >= MAX_DISPATCHES) {
        fault("job %u, dispatch %llu: not of this test", n, (unsigned long long)job->dispatch);
        return;
    }
    pthread_mutex_lock(&crowd.lock);
    may_come(job);
    if (job->is_repair) {
        is_sent(job, outcome);
    } else {
        is_handed_over(job, h);
    }
    pthread_mutex_unlock(&crowd.lock);
    if (job->is_repair) {
        return;
    }
    if (never_returns || luck % 8 == 0) {
        hangs(luck % 64);
    }
    pthread_mutex_lock(&crowd.lock);
    if (h->state != HOST_HANDED || h->dispatch != job->dispatch) {
        *outcome =
            PERP_OUTCOME_REFUSED; /* it was taken away: late, and about an earlier dispatch */
        atomic_fetch_add(&crowd.late, 1);
    } else if (luck % 16 == 1 || luck % 16 == 2) {
        h->state = HOST_IDLE;
        *outcome = luck % 16 == 1 ? PERP_OUTCOME_REFUSED : PERP_OUTCOME_DECLINED;
    } else if (luck % 16 == 3) {
        h->state = HOST_LOST; /* and nobody tells what became of it */
    } else {
        h->state = HOST_SENT;
        is_sent(job, outcome);
    }
    pthread_mutex_unlock(&crowd.lock);
}

/* ---- Threads that tick ------------------------------------------------------------------------
 */

static void look_at_result(const perp_tick_result *result) {
    for (uint32_t i = 0; i < result->n_items; i++) {
        const perp_tick_item *item = &result->items[i];
        if (item->dispatch >= MAX_DISPATCHES) {
            fault("too many dispatches for this test");
        } else if (item->kind == PERP_TICK_DISPATCHED) {
            atomic_fetch_add(&crowd.listed[item->dispatch], 1);
        } else if (item->kind == PERP_TICK_WITHDRAWN) {
            atomic_fetch_add(&crowd.withdrawn[item->dispatch], 1);
        }
    }
}

static int time_is_over(uint32_t n) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (atomic_load(&crowd.n_jobs) >= MAX_JOBS) {
        return 1;
    }
    return crowd.ends ? now.tv_sec >= crowd.ends : n >= N_TICKS;
}

static void submit_one(void) {
    uint32_t n = atomic_fetch_add(&crowd.n_jobs, 1);
    if (n >= MAX_JOBS) {
        return;
    }
    perp_job job = job_of(n);
    perp_call call = call_now();
    need(perp_scheduler_submit(SCHEDULER, &call, &job) == PERP_OK);
}

void *tick_main(void *argument) {
    perp_tick_result result;
    perp_tick_result_init(&result);
    never_returns = argument != NULL;
    for (uint32_t n = 0; never_returns ? !atomic_load(&crowd.let_go) : !time_is_over(n); n++) {
        if (!never_returns) {
            submit_one();
        }
        perp_call call = call_now();
        need(perp_scheduler_tick(SCHEDULER, &call, &result) == PERP_OK);
        look_at_result(&result);
        atomic_fetch_add(&crowd.progress, 1);
        if (n % 16 == 0) {
            sched_yield();
        }
    }
    perp_tick_result_free(&result);
    return NULL;
}

/* ---- The test ---------------------------------------------------------------------------------
 */

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    atomic_fetch_add(&crowd.told, alert->active);
}

static void on_job_end(void *user, const perp_uuid *job, uint32_t state) {
    (void)user;
    (void)job;
    atomic_fetch_add(&crowd.told, state != 0);
}

static void on_cancel(void *user, const perp_uuid *job) {
    (void)user; /* its result comes anyway */
    (void)job;
    atomic_fetch_add(&crowd.told, 1);
}

static char folder[64], path[80];

static void make_store(perp_config *config) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = 2000;
    perp_status status = perp_store_sqlite_open(path, &options, &config->store);
    crowd.has_file = status == PERP_OK;
    if (status == PERP_E_STATE) { /* a library without SQLite */
        status = perp_store_memory_open(&config->store);
    }
    ck_assert_msg(status == PERP_OK, "%s", perp_core_error(NULL));
}

static void make_config(perp_config *config, uint32_t durability) {
    world_config(config);
    config->risk.max_quote_age_ms = 86400000;
    config->risk.max_consecutive_failures = 1000000;
    config->risk.circuit_failures = 1000000;
    config->scheduler.max_global_concurrent_jobs = 100;
    config->scheduler.max_concurrent_per_exchange = 100;
    config->scheduler.max_notional_per_exchange = USD(100000000);
    config->orders.auto_finish = 0;
    config->durability = durability;
    config->checkpoint_every = 5000;
    config->callbacks.execute = execute;
    config->callbacks.clock = host_clock;
    config->callbacks.on_alert = on_alert;
    config->callbacks.on_job_end = on_job_end;
    config->callbacks.on_cancel = on_cancel;
}

static void fill_book(void) {
    static const char *const names[N_EXCHANGES] = {"a", "b", "c", "d"};
    for (uint32_t x = 0; x < N_EXCHANGES; x++) {
        perp_exchange_spec spec;
        perp_exchange_id id;
        perp_exchange_spec_init(&spec);
        strcpy(spec.name, names[x]);
        spec.taker_fee_bps = 1;
        ck_assert_int_eq(perp_exchange_add(crowd.core, &spec, &id), PERP_OK);
        for (int k = 0; k < 2; k++) {
            perp_instrument_spec instrument;
            perp_instrument_id number;
            perp_instrument_spec_init(&instrument);
            instrument.exchange = id;
            strcpy(instrument.symbol, k == 0 ? "BTC/USDT:USDT" : "ETH/USDT:USDT");
            ck_assert_int_eq(perp_instrument_add(crowd.core, &instrument, &number), PERP_OK);
        }
        perp_call call = call_now();
        ck_assert_int_eq(
            perp_capital_update_equity(perp_core_capital(crowd.core), &call, id, USD(1000000000)),
            PERP_OK);
    }
}

/* Each dispatch went to the executor once, or was withdrawn, or somebody said of it before its turn
   that it was not known. */
static void each_once(void) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_scheduler_query(SCHEDULER, &state), PERP_OK);
    ck_assert_uint_lt(state.dispatched_total, MAX_DISPATCHES);
    uint32_t out = 0, withdrawn = 0, gone = 0;
    for (uint64_t d = 1; d <= state.dispatched_total; d++) {
        int executed = atomic_load(&crowd.executed[d]), back = atomic_load(&crowd.withdrawn[d]);
        ck_assert_msg(executed + back <= 1, "dispatch %llu: handed over %d times, withdrawn %d",
                      (unsigned long long)d, executed, back);
        ck_assert_msg(atomic_load(&crowd.listed[d]) == executed,
                      "dispatch %llu: handed over %d times, listed %d", (unsigned long long)d,
                      executed, atomic_load(&crowd.listed[d]));
        ck_assert_msg(executed + back == 1 || atomic_load(&crowd.doubted[d]),
                      "dispatch %llu got lost", (unsigned long long)d);
        out += (uint32_t)executed;
        withdrawn += (uint32_t)back;
        gone += (uint32_t) !(executed + back);
    }
    printf("%llu dispatches: %u handed over, %u withdrawn, %u gone before their turn; %u late "
           "answers, %u requeued, %u finished, %u stops, %u reads\n",
           (unsigned long long)state.dispatched_total, out, withdrawn, gone,
           atomic_load(&crowd.late), atomic_load(&crowd.requeued), atomic_load(&crowd.finished),
           atomic_load(&crowd.stops), atomic_load(&crowd.reads));
    ck_assert_uint_gt(out, 0);
    ck_assert_uint_gt(atomic_load(&crowd.requeued), 0);
    ck_assert_uint_gt(atomic_load(&crowd.stops), 0);
}

static void nothing_is_left(void) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_scheduler_query(SCHEDULER, &state), PERP_OK);
    ck_assert_uint_eq(state.running, 0);
    ck_assert_uint_eq(state.pending, 0);
    ck_assert_uint_eq(state.partial, 0);
    for (uint32_t x = 0; x < N_EXCHANGES; x++) {
        perp_capital_state capital = {.struct_size = sizeof capital};
        ck_assert_int_eq(perp_capital_snapshot(perp_core_capital(crowd.core), x, &capital),
                         PERP_OK);
        ck_assert_int_eq(capital.total_in_flight, 0);
    }
}

/* Only one thread is left. */
static void cancel_pending(void) {
    perp_uuid ids[64];
    uint32_t n;
    do {
        ck_assert_int_eq(perp_scheduler_list(SCHEDULER, PERP_JOB_PENDING, ids, 64, &n), PERP_OK);
        for (uint32_t i = 0; i < n && i < 64; i++) {
            perp_call call = call_now();
            ck_assert_int_eq(perp_scheduler_cancel(SCHEDULER, &call, &ids[i]), PERP_OK);
        }
    } while (n > 0);
}

static void comes_back(uint32_t durability) {
    perp_config config;
    uint64_t hash = perp_core_hash(crowd.core);
    ck_assert_int_eq(perp_core_close(crowd.core), PERP_OK);
    if (!crowd.has_file) {
        return;
    }
    make_config(&config, durability);
    make_store(&config);
    ck_assert_msg(perp_core_open(&config, &crowd.core) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert(perp_core_hash(crowd.core) == hash);
    ck_assert_int_eq(perp_core_check(crowd.core), PERP_OK);
    ck_assert_int_eq(perp_core_close(crowd.core), PERP_OK);
}

static void make_crowd(void) {
    static const char *const places[] = {"/dev/shm", "/tmp"};
    const char *seconds = getenv("PERP_SECONDS");
    struct timespec now;
    memset(&crowd, 0, sizeof crowd);
    pthread_mutex_init(&crowd.lock, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    crowd.ends = seconds ? now.tv_sec + 1 + strtol(seconds, NULL, 10) / 2 : 0;
    for (int i = 0; i < 2 && !folder[0]; i++) {
        snprintf(folder, sizeof folder, "%s/perp-crowd-XXXXXX", places[i]);
        if (!mkdtemp(folder)) {
            folder[0] = '\0';
        }
    }
    ck_assert(folder[0]);
    snprintf(path, sizeof path, "%s/book.db", folder);
}

static void unmake_crowd(void) {
    static const char *const parts[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, parts[i]);
        unlink(name);
    }
    rmdir(folder);
    folder[0] = '\0';
    pthread_mutex_destroy(&crowd.lock);
}

START_TEST(all_at_once_and_each_dispatch_is_handed_over_once) {
    enum { LATER = 3 + N_FEEDS }; /* threads that go on until nothing runs */
    static void *(*const mains[])(void *) = {
        finish_main, finish_main, requeue_main, feed_main,    feed_main,    feed_main,  feed_main,
        stop_main,   state_main,  json_main,    console_main, durable_main, cancel_main};
    enum { N = sizeof mains / sizeof *mains };
    pthread_t threads[N], tickers[3];
    const uint32_t durability = _i ? PERP_DURABILITY_BATCH : PERP_DURABILITY_EVERY;
    perp_config config;
    make_crowd();
    make_config(&config, durability);
    make_store(&config);
    ck_assert_msg(perp_core_open(&config, &crowd.core) == PERP_OK, "%s", perp_core_error(NULL));
    fill_book();
    for (uintptr_t i = 0; i < N; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, mains[i], (void *)(i - 3)), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&tickers[i], NULL, tick_main, i == 2 ? &crowd : NULL), 0);
    }
    ck_assert_int_eq(pthread_join(tickers[0], NULL), 0);
    ck_assert_int_eq(pthread_join(tickers[1], NULL), 0);
    atomic_store(&crowd.stopping, 1);
    for (int i = LATER; i < N; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    atomic_store(&crowd.let_go, 1);
    ck_assert_int_eq(pthread_join(tickers[2], NULL), 0);
    atomic_store(&crowd.ending, 1);
    for (int i = 0; i < LATER; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_msg(atomic_load(&crowd.faults) == 0, "%u faults, the first: %s",
                  atomic_load(&crowd.faults), crowd.fault);
    cancel_pending();
    ck_assert_msg(perp_core_check(crowd.core) == PERP_OK, "%s", perp_core_error(crowd.core));
    each_once();
    nothing_is_left();
    comes_back(durability);
    unmake_crowd();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("crowd");
    TCase *all = tcase_create("crowd");
    tcase_set_timeout(all, 600);
    tcase_add_loop_test(all, all_at_once_and_each_dispatch_is_handed_over_once, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
