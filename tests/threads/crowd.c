/* The threads beside those that tick. */
#include "crowd.h"

#include <sched.h>

static double price_of(uint32_t instrument) {
    return instrument % 2 ? 2500 : 50000;
}

/* ---- Feeds ------------------------------------------------------------------------------------
 */

static void feed_book(uint32_t instrument, double bid, int64_t now) {
    perp_book_level bids[5], asks[5];
    for (int i = 0; i < 5; i++) {
        bids[i] = (perp_book_level){bid - i, 1000};
        asks[i] = (perp_book_level){bid + 1 + i, 1000};
    }
    perp_book book = {instrument, 5, 5, 0, now, bids, asks};
    need(perp_market_on_book(perp_core_market(crowd.core), &book) == PERP_OK);
}

static void feed_instrument(uint32_t instrument, uint32_t n, int64_t now) {
    perp_market *market = perp_core_market(crowd.core);
    double bid = price_of(instrument) + n % 3;
    perp_quote quote = {instrument, 0, now, bid, 1000, bid + 1, 1000};
    if (n % 7 == 0) {
        feed_book(instrument, bid, now);
    } else {
        need(perp_market_on_quote(market, &quote) == PERP_OK);
    }
    perp_mark mark = {instrument, 0, now, bid};
    perp_trade trade = {instrument, 0, now, bid, 1};
    perp_funding funding = {instrument, 0, now, 0.00001, 8, now + 4 * HOUR};
    need(perp_market_on_mark(market, &mark) == PERP_OK);
    need(perp_market_on_trade(market, &trade) == PERP_OK);
    need(perp_market_on_funding(market, &funding) == PERP_OK);
}

void *feed_main(void *argument) {
    uint32_t exchange = (uint32_t)(uintptr_t)argument;
    perp_market *market = perp_core_market(crowd.core);
    for (uint32_t n = 1; !atomic_load(&crowd.stopping); n++) {
        int64_t now = START + (int64_t)n * 10000;
        feed_instrument(2 * exchange, n, now);
        feed_instrument(2 * exchange + 1, n, now);
        perp_latency latency = {exchange, 0, now, 20 + n % 10};
        perp_exchange_status status = {exchange, PERP_API_UP, now};
        need(perp_market_on_latency(market, &latency) == PERP_OK);
        need(perp_market_on_status(market, &status) == PERP_OK);
        if (n % 16 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* ---- Results ----------------------------------------------------------------------------------
 */

static int next_sent(struct sent *sent) {
    pthread_mutex_lock(&crowd.lock);
    int there = crowd.head != crowd.tail;
    if (there) {
        *sent = crowd.ring[crowd.tail++ % RING];
    }
    pthread_mutex_unlock(&crowd.lock);
    return there;
}

static void fill_legs(perp_leg_result legs[2], const perp_job *job, double share) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        legs[i].filled = job->legs[i].quantity * share;
        legs[i].price = price_of(job->legs[i].instrument);
        legs[i].fee = 1;
    }
}

/* Half of it, and all of it a little later. */
static void tell_legs(const perp_uuid *id, const perp_job *job, perp_job_result *result) {
    perp_leg_result legs[2] = {{.time_ns = PERP_TIME_NONE, .known = 1},
                               {.time_ns = PERP_TIME_NONE, .known = 1}};
    perp_call call = call_now();
    fill_legs(legs, job, 0.5);
    need(perp_scheduler_progress(SCHEDULER, &call, id, legs, 2) == PERP_OK);
    result->n_legs = 2;
    fill_legs(result->legs, job, 1);
}

static uint64_t place(const perp_uuid *id, const perp_job *job, uint32_t leg) {
    perp_order_request request;
    perp_order_answer answer;
    perp_call call = call_now();
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = *id;
    request.leg = leg;
    request.type = PERP_ORDER_MARKET;
    request.quantity = job->legs[leg].quantity;
    perp_status status = perp_orders_place(perp_core_orders(crowd.core), &call, &request, &answer);
    need(status == PERP_OK || status == PERP_E_STATE); /* it was put in doubt */
    return status == PERP_OK ? answer.order : 0;
}

/* quantity 0: it ended with nothing filled. */
static void tell_order(uint64_t order, double quantity, double price) {
    perp_order_news news;
    perp_call call = call_now();
    perp_order_news_init(&news);
    news.order = order;
    news.kind = quantity > 0 ? PERP_NEWS_TOTAL : PERP_NEWS_CANCELLED;
    news.quantity = quantity;
    news.price = quantity > 0 ? price : 0;
    need(perp_orders_tell(perp_core_orders(crowd.core), &call, &news, NULL) == PERP_OK);
}

/* An order of each leg, both filled or, where the gate refused one, none. */
static void tell_orders(const perp_uuid *id, const perp_job *job, perp_job_result *result) {
    uint64_t orders[2] = {place(id, job, 0), 0};
    orders[1] = orders[0] ? place(id, job, 1) : 0;
    for (int i = 0; i < 2; i++) {
        if (orders[i]) {
            tell_order(orders[i], orders[1] ? job->legs[i].quantity : 0,
                       price_of(job->legs[i].instrument));
        }
    }
    result->from_orders = orders[0] != 0;
    result->status = orders[0] ? PERP_RESULT_COMPLETED : PERP_RESULT_NOTHING;
}

/* Of a hedge whose lots another job has closed in part, this leaves a leg alone: it is repaired. */
static void close_open(const perp_uuid *id) {
    perp_call call = call_now();
    perp_status status = perp_scheduler_close(SCHEDULER, &call, id, 7, 20, 1);
    need(status == PERP_OK || status == PERP_E_NOT_FOUND); /* others have closed its lots */
}

static void finish_one(const struct sent *sent) {
    const perp_uuid id = sent->job;
    perp_job_info info = {.struct_size = sizeof info};
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    perp_job_result result;
    perp_job_result_init(&result);
    need(perp_scheduler_job(SCHEDULER, &id, &info) == PERP_OK);
    need(info.dispatch == sent->dispatch);
    result.dispatch = sent->dispatch;
    switch (sent->is_repair ? 8 : number_of(&id) % 8) {
    case 0:
        result.status = PERP_RESULT_NOTHING;
        break;
    case 1:
        result.status = PERP_RESULT_FAILED;
        break;
    case 2:
    case 3:
        tell_legs(&id, &info.job, &result);
        break;
    case 4:
    case 5:
        tell_orders(&id, &info.job, &result);
        break;
    case 8:
        result.n_legs = info.job.n_legs;
        fill_legs(result.legs, &info.job, 1);
        break;
    default:
        result.has_totals = result.flat = 1;
        result.pnl = 10;
        result.volume = 20;
        result.fees = 1;
    }
    perp_call call = call_now();
    need(perp_scheduler_finish(SCHEDULER, &call, &id, &result, &outcome) == PERP_OK);
    atomic_fetch_add(&crowd.finished, 1);
    atomic_fetch_add(&crowd.progress, 1);
    if (outcome.state == PERP_JOB_OPEN) {
        close_open(&id);
    }
}

/* A fault has left who knows what: it is told, and nobody waits for the end of all. */
static int still_runs(void) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    need(perp_scheduler_query(SCHEDULER, &state) == PERP_OK);
    return state.running > 0 && atomic_load(&crowd.faults) == 0;
}

void *finish_main(void *argument) {
    struct sent sent;
    (void)argument;
    for (;;) {
        int ending = atomic_load(&crowd.ending);
        if (next_sent(&sent)) {
            finish_one(&sent);
        } else if (ending && !still_runs()) {
            return NULL;
        } else {
            rest_us(100);
        }
    }
}

/* ---- Taking back what was not sent ------------------------------------------------------------
 */

static uint32_t host_state(uint32_t n) {
    pthread_mutex_lock(&crowd.lock);
    uint32_t state = crowd.jobs[n].state;
    pthread_mutex_unlock(&crowd.lock);
    return state;
}

static void goes_no_more(uint64_t dispatch) {
    pthread_mutex_lock(&crowd.lock);
    atomic_store(&crowd.doubted[dispatch], atomic_fetch_add(&crowd.n_doubted, 1) + 1);
    pthread_mutex_unlock(&crowd.lock);
}

/* Also of one that is in doubt already. */
static int put_in_doubt(const perp_uuid *id, uint64_t dispatch) {
    perp_job_result result;
    perp_call call = call_now();
    perp_job_result_init(&result);
    result.status = PERP_RESULT_UNKNOWN;
    result.dispatch = dispatch;
    perp_status status = perp_scheduler_finish(SCHEDULER, &call, id, &result, NULL);
    if (status != PERP_OK) {
        need(status == PERP_E_EXISTS || status == PERP_E_NOT_FOUND || status == PERP_E_CONFLICT);
        return 0;
    }
    goes_no_more(dispatch);
    return 1;
}

static void finish_lost(const perp_uuid *id, uint64_t dispatch) {
    perp_job_result result;
    perp_call call = call_now();
    perp_job_result_init(&result);
    result.status = PERP_RESULT_NOTHING;
    result.dispatch = dispatch;
    need(perp_scheduler_finish(SCHEDULER, &call, id, &result, NULL) == PERP_OK);
    atomic_fetch_add(&crowd.finished, 1);
}

/* What the executor has and did not send is taken from it, what was not handed over does not reach
   it, and of what is lost the exchange is asked: it has nothing. */
static void take_back(const perp_uuid *id) {
    uint32_t n = number_of(id);
    perp_job_info info = {.struct_size = sizeof info};
    if (n >= MAX_JOBS || host_state(n) == HOST_SENT ||
        perp_scheduler_job(SCHEDULER, id, &info) != PERP_OK || info.dispatch >= MAX_DISPATCHES ||
        (info.state != PERP_JOB_RUNNING && info.state != PERP_JOB_IN_DOUBT) ||
        !put_in_doubt(id, info.dispatch)) {
        return;
    }
    pthread_mutex_lock(&crowd.lock);
    struct host_job *h = &crowd.jobs[n];
    uint32_t state = h->state;
    if (state != HOST_SENT) { /* else its result is on its way */
        *h = (struct host_job){HOST_TAKEN, info.dispatch};
    }
    pthread_mutex_unlock(&crowd.lock);
    if (state == HOST_LOST && n % 2) {
        finish_lost(id, info.dispatch);
    } else if (state != HOST_SENT) {
        perp_call call = call_now();
        need(perp_scheduler_requeue(SCHEDULER, &call, id) == PERP_OK);
        atomic_fetch_add(&crowd.requeued, 1);
    }
    atomic_fetch_add(&crowd.progress, 1);
}

void *requeue_main(void *argument) {
    perp_uuid ids[128];
    uint32_t n, round = 0;
    (void)argument;
    do {
        uint32_t state = round++ % 2 ? PERP_JOB_RUNNING : PERP_JOB_IN_DOUBT;
        need(perp_scheduler_list(SCHEDULER, state, ids, 128, &n) == PERP_OK);
        for (uint32_t i = 0; i < n && i < 128; i++) {
            take_back(&ids[i]);
        }
        rest_us(200);
    } while (!atomic_load(&crowd.ending) || still_runs());
    return NULL;
}

/* ---- Stopping and starting --------------------------------------------------------------------
 */

static perp_status switch_stop(uint32_t kind, uint32_t which, uint32_t on) {
    perp_risk *risk = perp_core_risk(crowd.core);
    perp_call call = call_now();
    switch (kind) {
    case STOP_KILL:
        return perp_scheduler_kill(SCHEDULER, &call, on, PERP_ALL_EXCHANGES, NULL, 0, NULL);
    case STOP_KILL_EXCHANGE:
        return perp_scheduler_kill(SCHEDULER, &call, on, which, NULL, 0, NULL);
    case STOP_PAUSE:
        return on ? perp_scheduler_pause(SCHEDULER, &call)
                  : perp_scheduler_resume(SCHEDULER, &call);
    case STOP_BLACKLIST:
        return perp_risk_blacklist(risk, &call, "BTC/USDT:USDT", on);
    default:
        return perp_risk_halt_instrument(risk, &call, which, on);
    }
}

void *stop_main(void *argument) {
    (void)argument;
    for (uint32_t n = 1; !atomic_load(&crowd.stopping); n++) {
        uint32_t kind = n % STOP_KINDS, which = n / STOP_KINDS % N_EXCHANGES;
        uint32_t until = atomic_load(&crowd.turns) + 1 + n % 16;
        while ((int32_t)(until - atomic_load(&crowd.turns)) > 0 && !atomic_load(&crowd.stopping)) {
            rest_us(50);
        }
        need(switch_stop(kind, which, 1) == PERP_OK);
        atomic_store(&crowd.stop, (uint64_t)n << 16 | kind << 8 | which);
        until = atomic_load(&crowd.turns) + 1 + n % 8;
        while ((int32_t)(until - atomic_load(&crowd.turns)) > 0 && !atomic_load(&crowd.stopping)) {
            rest_us(50);
        }
        atomic_store(&crowd.stop, 0);
        need(switch_stop(kind, which, 0) == PERP_OK);
        atomic_fetch_add(&crowd.stops, 1);
    }
    return NULL;
}

/* One that was dispatched and waits for its turn never gets it. */
static void cancel_one(const perp_uuid *id) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_call call = call_now();
    perp_status status = perp_scheduler_cancel(SCHEDULER, &call, id);
    need(status == PERP_OK || status == PERP_E_NOT_FOUND || status == PERP_E_EXISTS);
    if (status == PERP_OK && perp_scheduler_job(SCHEDULER, id, &info) == PERP_OK &&
        info.state == PERP_JOB_CANCELLED && info.dispatch < MAX_DISPATCHES) {
        goes_no_more(info.dispatch);
    }
}

/* Of what waits and what runs; the host answers the latter with the result that comes anyway. */
void *cancel_main(void *argument) {
    perp_uuid ids[128];
    uint32_t n;
    (void)argument;
    for (uint32_t round = 1; !atomic_load(&crowd.stopping); round++) {
        uint32_t state = round % 4 ? PERP_JOB_RUNNING : PERP_JOB_PENDING;
        need(perp_scheduler_list(SCHEDULER, state, ids, 128, &n) == PERP_OK);
        if (n > 0) {
            cancel_one(&ids[round % n % 128]);
        }
        rest_us(1000);
    }
    return NULL;
}

/* ---- Readers ----------------------------------------------------------------------------------
 */

static void read_lists(uint32_t n) {
    perp_uuid ids[16];
    perp_reservation rows[16];
    perp_position_state position = {.struct_size = sizeof position};
    perp_capital_state capital = {.struct_size = sizeof capital};
    uint32_t count;
    need(perp_scheduler_list(SCHEDULER, n % 8, ids, 16, &count) == PERP_OK);
    need(perp_capital_reservations(perp_core_capital(crowd.core), n % N_EXCHANGES, rows, 16,
                                   &count) == PERP_OK);
    need(perp_capital_snapshot(perp_core_capital(crowd.core), n % N_EXCHANGES, &capital) ==
         PERP_OK);
    need(capital.total_in_flight >= 0);
    need(perp_positions_query(perp_core_positions(crowd.core), n % (2 * N_EXCHANGES), START,
                              &position) == PERP_OK);
}

void *state_main(void *argument) {
    perp_monitor_state *state = calloc(1, sizeof *state);
    (void)argument;
    if (!state) {
        fault("no memory");
        return NULL;
    }
    state->struct_size = sizeof *state;
    for (uint32_t n = 0; !atomic_load(&crowd.stopping); n++) {
        need(perp_monitor_snapshot(crowd.core, START, state) == PERP_OK);
        read_lists(n);
        if (n % 32 == 0) {
            need(perp_core_check(crowd.core) == PERP_OK);
            (void)perp_core_hash(crowd.core);
        }
        atomic_fetch_add(&crowd.reads, 1);
        rest_us(500);
    }
    free(state);
    return NULL;
}

static void evaluate_one(uint32_t n, char *text, size_t room) {
    perp_evaluation e;
    perp_uuid id;
    uint32_t count;
    size_t length;
    perp_job job = job_of(MAX_JOBS + n % 256);
    perp_evaluation_init(&e);
    need(perp_risk_evaluate(perp_core_risk(crowd.core), START, &job, &e) == PERP_OK);
    need(perp_evaluation_json(crowd.core, &e, text, room, &length) == PERP_OK);
    need(perp_scheduler_list(SCHEDULER, PERP_JOB_PENDING, &id, 1, &count) == PERP_OK);
    if (count > 0) {
        perp_status status = perp_scheduler_evaluate(SCHEDULER, START, &id, &e);
        need(status == PERP_OK || status == PERP_E_NOT_FOUND);
    }
}

void *json_main(void *argument) {
    size_t length, room = 4 << 20;
    char *text = malloc(room);
    (void)argument;
    if (!text) {
        fault("no memory");
        return NULL;
    }
    for (uint32_t n = 0; !atomic_load(&crowd.stopping); n++) {
        need(perp_monitor_json(crowd.core, START, text, room, &length) == PERP_OK);
        need(perp_risk_describe_json(perp_core_risk(crowd.core), text, room, &length) == PERP_OK);
        for (uint32_t i = 0; i < 16; i++) {
            evaluate_one(16 * n + i, text, room);
        }
        atomic_fetch_add(&crowd.reads, 1);
        rest_us(2000);
    }
    free(text);
    return NULL;
}

/* Follows all changes, none left out, but where it was too slow. */
void *console_main(void *argument) {
    static perp_change rows[PERP_MONITOR_CHANGES];
    static perp_alert alerts[64];
    uint64_t seen = 0;
    uint32_t n;
    (void)argument;
    while (!atomic_load(&crowd.stopping)) {
        perp_status status = perp_monitor_changes(crowd.core, seen, rows, PERP_MONITOR_CHANGES, &n);
        need(status == PERP_OK || status == PERP_E_RANGE);
        for (uint32_t i = 0; status == PERP_OK && i < n && i < PERP_MONITOR_CHANGES; i++) {
            need(rows[i].seq == ++seen);
        }
        if (status == PERP_E_RANGE) {
            perp_core_stats stats = {.struct_size = sizeof stats};
            need(perp_core_statistics(crowd.core, &stats) == PERP_OK);
            seen = stats.events;
        }
        need(perp_monitor_alerts(crowd.core, START, alerts, 64, &n) == PERP_OK);
        need(perp_monitor_watch(crowd.core, START) == PERP_OK);
        atomic_fetch_add(&crowd.reads, 1);
        rest_us(500);
    }
    return NULL;
}

/* ---- Durability -------------------------------------------------------------------------------
 */

void *durable_main(void *argument) {
    uint64_t durable = 0, handed, now;
    (void)argument;
    for (uint32_t n = 1; !atomic_load(&crowd.stopping); n++) {
        need(perp_core_flush_async(crowd.core, &handed) == PERP_OK);
        need(perp_store_sync(crowd.core) == PERP_OK);
        need(perp_core_durable(crowd.core, &now) == PERP_OK);
        if (now < durable || now < handed) {
            fault("durable up to %llu, where it was %llu and %llu was synced",
                  (unsigned long long)now, (unsigned long long)durable, (unsigned long long)handed);
        }
        durable = now;
        if (n % 64 == 0) {
            perp_status status = perp_core_checkpoint(crowd.core);
            need(status == PERP_OK || (!crowd.has_file && status == PERP_E_STATE));
        }
        if (n % 16 == 0) {
            need(perp_core_flush(crowd.core) == PERP_OK);
        }
        rest_us(500);
    }
    return NULL;
}
