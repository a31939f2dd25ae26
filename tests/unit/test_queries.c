/* Queries read: none of them calls the store, not even where a checkpoint is due, and none changes
   the book or tells anything. */
#include "fixture.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>

#include "core/events.h"

/* A store that counts its calls and keeps nothing. */
static void counted(void *user, perp_status *status) {
    ++*(uint32_t *)user;
    *status = PERP_OK;
}

static void counted_append(void *user, const perp_record *record, perp_status *status) {
    (void)record;
    counted(user, status);
}

static void counted_rollback(void *user) {
    ++*(uint32_t *)user;
}

static void counted_checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash,
                               const void *data, size_t size, perp_status *status) {
    (void)seq, (void)time_ns, (void)hash, (void)data, (void)size;
    counted(user, status);
}

static void counted_message(void *user, char *text, size_t capacity) {
    ++*(uint32_t *)user;
    if (capacity > 0) {
        text[0] = '\0';
    }
}

static uint32_t calls;

static struct world *open_counted(void) {
    perp_config config;
    world_config(&config);
    config.checkpoint_every = 1;
    config.store.user = &calls;
    config.store.begin = counted;
    config.store.append = counted_append;
    config.store.commit = counted;
    config.store.rollback = counted_rollback;
    config.store.checkpoint = counted_checkpoint;
    config.store.message = counted_message;
    return world_open(&config);
}

static char text[1 << 20];

/* What one query does, on a checkpoint that is due. */
#define asks(wanted, expression)                                                                   \
    do {                                                                                           \
        uint64_t hash_ = perp_core_hash(w->core);                                                  \
        w->core->checkpoint_seq = 0;                                                               \
        calls = 0;                                                                                 \
        expect(w, wanted, expression);                                                             \
        ck_assert_msg(calls == 0, "%s called the store", #expression);                             \
        ck_assert_msg(w->core->checkpoint_seq == 0, "%s made a checkpoint", #expression);          \
        ck_assert_msg(perp_core_hash(w->core) == hash_, "%s changed the book", #expression);       \
        asked++;                                                                                   \
    } while (0)

static void used(bool value) {
    (void)value;
}

/* The same for those that return no status. */
#define asks_value(expression) asks(PERP_OK, (used(expression != 0), PERP_OK))

START_TEST(no_query_calls_the_store) {
    struct world *w = open_counted();
    uint32_t asked = 0, count = 0, bound_by = 0;
    perp_usd amount = 0;
    size_t length = 0;
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]), waits = job, made = job;
    waits.job_id = id_of(2);
    waits.priority = -1;
    run_job(w, &job);
    submit(w, &waits);
    /* A change does make the checkpoint, so that the test can fail. */
    w->core->checkpoint_seq = 0;
    calls = 0;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1000000)));
    ck_assert_uint_eq(calls, 4);

    perp_config config;
    perp_config_init(&config);
    perp_core_stats stats = {.struct_size = sizeof stats};
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    perp_exchange_spec_init(&exchange);
    perp_instrument_spec_init(&instrument);
    perp_exchange_id x = 0;
    perp_instrument_id id = 0;
    perp_feasibility lines[64];
    asks(PERP_OK, perp_core_config(w->core, &config));
    asks(PERP_OK, perp_core_statistics(w->core, &stats));
    asks(PERP_OK, perp_core_check(w->core));
    asks_value(perp_core_hash(w->core));
    asks_value(perp_core_error(w->core));
    asks_value(perp_core_clock(w->core));
    asks_value(perp_core_capital(w->core));
    asks_value(perp_core_market(w->core));
    asks_value(perp_core_risk(w->core));
    asks_value(perp_core_scheduler(w->core));
    asks_value(perp_exchange_count(w->core));
    asks_value(perp_instrument_count(w->core));
    asks(PERP_OK, perp_exchange_find(w->core, "alpha", &x));
    asks(PERP_E_NOT_FOUND, perp_exchange_find(w->core, "omega", &x));
    asks(PERP_OK, perp_instrument_find(w->core, ALPHA, "BTC/USDT:USDT", &id));
    asks(PERP_OK, perp_exchange_get(w->core, ALPHA, &exchange));
    asks(PERP_OK, perp_instrument_get(w->core, id, &instrument));
    asks(PERP_OK, perp_core_feasibility(w->core, lines, 64, &count));

    perp_refusal refusal = {.struct_size = sizeof refusal};
    perp_capital_state capital = {.struct_size = sizeof capital};
    perp_reservation reservations[8];
    asks(PERP_OK, perp_capital_can_reserve_for_job(w->capital, &made, &refusal));
    made.n_legs = 0;
    asks(PERP_E_INVALID, perp_capital_can_reserve_for_job(w->capital, &made, &refusal));
    made.n_legs = 2;
    asks(PERP_OK, perp_capital_headroom(w->capital, ALPHA, PERP_POOL_WASH, &amount, &bound_by));
    asks(PERP_OK, perp_capital_snapshot(w->capital, ALPHA, &capital));
    asks(PERP_OK, perp_capital_reservations(w->capital, ALL_X, reservations, 8, &count));

    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    perp_risk_state risk = {.struct_size = sizeof risk};
    asks(PERP_OK, perp_risk_evaluate(w->risk, w->now, &made, &evaluation));
    asks(PERP_OK, perp_evaluation_json(w->core, &evaluation, text, sizeof text, &length));
    asks(PERP_OK, perp_risk_query(w->risk, &risk));
    asks(PERP_OK, perp_risk_describe_json(w->risk, text, sizeof text, &length));

    perp_market_state market = {.struct_size = sizeof market};
    perp_exchange_state state = {.struct_size = sizeof state};
    asks(PERP_OK, perp_market_query(w->market, w->btc[ALPHA], w->now, &market));
    asks(PERP_OK, perp_market_query_exchange(w->market, ALPHA, w->now, &state));

    perp_scheduler_state scheduler = {.struct_size = sizeof scheduler};
    perp_job_info info = {.struct_size = sizeof info};
    perp_uuid jobs[8];
    const char *json = "{\"strategy\":\"wash\"}";
    asks(PERP_OK, perp_scheduler_query(w->scheduler, &scheduler));
    asks(PERP_OK, perp_scheduler_job(w->scheduler, &job.job_id, &info));
    asks(PERP_E_NOT_FOUND, perp_scheduler_evaluate(w->scheduler, w->now, &job.job_id, &evaluation));
    for (uint32_t s = 0; s < PERP_JOB_STATE_COUNT; s++) {
        asks(PERP_OK, perp_scheduler_list(w->scheduler, s, jobs, 8, &count));
    }
    asks(PERP_OK, perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &made));
    asks_value(perp_job_from_json(w->core, json, strlen(json), &made, NULL));

    static perp_monitor_state snapshot;
    perp_alert alerts[8];
    perp_change changes[4];
    memset(alerts, 0, sizeof alerts);
    for (int i = 0; i < 8; i++) {
        alerts[i].struct_size = sizeof alerts[i];
    }
    snapshot.struct_size = sizeof snapshot;
    asks(PERP_OK, perp_monitor_snapshot(w->core, w->now, &snapshot));
    snapshot.struct_size = offsetof(perp_monitor_state, capital);
    asks(PERP_OK, perp_monitor_snapshot(w->core, w->now, &snapshot));
    asks(PERP_OK, perp_monitor_json(w->core, w->now, text, sizeof text, &length));
    asks(PERP_OK, perp_monitor_alerts(w->core, w->now, alerts, 8, &count));
    asks(PERP_OK, perp_monitor_changes(w->core, snapshot.seq, changes, 4, &count));
    asks(PERP_OK, perp_monitor_watch(w->core, w->now));
    ck_assert_uint_ge(asked, 40);
    world_close(w);
}
END_TEST

static uint32_t told;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user, (void)alert;
    told++;
}

/* The one that tells does not write either. */
START_TEST(watching_tells_and_writes_nothing) {
    perp_config config;
    world_config(&config);
    config.checkpoint_every = 1;
    config.callbacks.on_alert = on_alert;
    config.store.user = &calls;
    config.store.begin = counted;
    config.store.append = counted_append;
    config.store.commit = counted;
    config.store.rollback = counted_rollback;
    config.store.checkpoint = counted_checkpoint;
    struct world *w = world_open(&config);
    uint32_t asked = 0;
    perp_exchange_status status = {ALPHA, PERP_API_DOWN, w->now};
    ok(w, perp_market_on_status(w->market, &status));
    told = 0;
    asks(PERP_OK, perp_monitor_watch(w->core, w->now));
    ck_assert_uint_eq(told, 1);
    world_close(w);
}
END_TEST

/* As every call does, so that the message is that of the last one. */
START_TEST(a_query_forgets_the_message_of_the_call_before) {
    struct world *w = world_open(NULL);
    perp_risk_state risk = {.struct_size = sizeof risk};
    expect(w, PERP_E_RANGE, perp_capital_update_equity(w->capital, nowc(w), ALPHA, INT64_MAX));
    ck_assert_str_ne(perp_core_error(w->core), "");
    ok(w, perp_risk_query(w->risk, &risk));
    ck_assert_str_eq(perp_core_error(w->core), "");
    world_close(w);
}
END_TEST

static perp_evaluation of_waiting(struct world *w, const perp_uuid *id) {
    perp_evaluation found;
    perp_evaluation_init(&found);
    ok(w, perp_scheduler_evaluate(w->scheduler, w->now, id, &found));
    return found;
}

/* A job's struct does not tell what its legs quoted when it was submitted. */
START_TEST(a_pending_job_is_evaluated_by_what_was_learnt_at_submit) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation given;
    perp_evaluation_init(&given);
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    quote_at(w, w->btc[BETA], w->now + 1, BTC_BID - 50, BTC_ASK - 50, 1000);
    uint64_t hash = perp_core_hash(w->core);
    ok(w, perp_risk_evaluate(w->risk, w->now, &job, &given));
    perp_evaluation found = of_waiting(w, &job.job_id);
    ck_assert_double_eq(given.edge_bps, 20);
    ck_assert_double_eq_tol(found.edge_bps, 10, 0.1);
    ck_assert_double_eq(found.expected_edge_bps, 20);
    ck_assert_double_eq(found.cost_bps, given.cost_bps);
    ck_assert_uint_eq(found.n_legs, 2);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    world_close(w);
}
END_TEST

START_TEST(a_tick_decides_as_the_evaluation_of_a_pending_job_says) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job_info info = {.struct_size = sizeof info};
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    perp_evaluation found = of_waiting(w, &job.job_id);
    ck_assert_uint_eq(found.accepted, 0);
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), NULL));
    ok(w, perp_scheduler_job(w->scheduler, &job.job_id, &info));
    ck_assert_uint_eq(info.last_refusal, found.reason);
    ck_assert_double_eq(info.score, found.final_score);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0));
    ck_assert_uint_eq(of_waiting(w, &job.job_id).accepted, 1);
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), NULL));
    fails(w, PERP_E_NOT_FOUND, /* it runs */
          perp_scheduler_evaluate(w->scheduler, w->now, &job.job_id, &found));
    world_close(w);
}
END_TEST

/* ---- Under the lock -----------------------------------------------------------------------------
 */

#define ROOM(type, name) type name = {.struct_size = sizeof name}

static perp_evaluation known;

static perp_status ask_evaluation_json(struct world *w) {
    size_t length;
    return perp_evaluation_json(w->core, &known, text, sizeof text, &length);
}

static perp_status ask_describe(struct world *w) {
    size_t length;
    return perp_risk_describe_json(w->risk, text, sizeof text, &length);
}

static perp_status ask_latches(struct world *w) {
    uint32_t n;
    return perp_risk_latches(w->risk, NULL, 0, &n);
}

static perp_status ask_risk(struct world *w) {
    ROOM(perp_risk_state, state);
    return perp_risk_query(w->risk, &state);
}

static perp_status ask_exchange(struct world *w) {
    ROOM(perp_exchange_state, state);
    return perp_market_query_exchange(w->market, ALPHA, w->now, &state);
}

static perp_status ask_evaluate(struct world *w) {
    perp_job job = pair_job(9, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    return perp_risk_evaluate(w->risk, w->now, &job, &evaluation);
}

static perp_status ask_evaluate_pending(struct world *w) {
    perp_uuid id = id_of(1);
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    return perp_scheduler_evaluate(w->scheduler, w->now, &id, &evaluation);
}

static perp_status ask_capital(struct world *w) {
    ROOM(perp_capital_state, state);
    return perp_capital_snapshot(w->capital, ALPHA, &state);
}

static perp_status ask_can_reserve(struct world *w) {
    perp_job job = pair_job(9, w->btc[ALPHA], w->btc[BETA]);
    ROOM(perp_refusal, refusal);
    return perp_capital_can_reserve_for_job(w->capital, &job, &refusal);
}

static perp_status ask_headroom(struct world *w) {
    perp_usd amount;
    uint32_t by;
    return perp_capital_headroom(w->capital, ALPHA, PERP_POOL_WASH, &amount, &by);
}

static perp_status ask_reservations(struct world *w) {
    uint32_t n;
    return perp_capital_reservations(w->capital, ALL_X, NULL, 0, &n);
}

static perp_status ask_position(struct world *w) {
    ROOM(perp_position_state, state);
    return perp_positions_query(w->positions, w->btc[ALPHA], w->now, &state);
}

static perp_status ask_lots(struct world *w) {
    uint32_t n;
    return perp_positions_lots(w->positions, w->btc[ALPHA], NULL, 0, &n);
}

static perp_status ask_base(struct world *w) {
    ROOM(perp_base_state, state);
    return perp_positions_base(w->positions, 0, w->now, &state);
}

static perp_status ask_base_count(struct world *w) {
    return perp_positions_base_count(w->positions) == 2 ? PERP_OK : PERP_E_INVALID;
}

static perp_status ask_scheduler(struct world *w) {
    ROOM(perp_scheduler_state, state);
    return perp_scheduler_query(w->scheduler, &state);
}

static perp_status ask_job(struct world *w) {
    perp_uuid id = id_of(1);
    ROOM(perp_job_info, info);
    return perp_scheduler_job(w->scheduler, &id, &info);
}

static perp_status ask_list(struct world *w) {
    uint32_t n;
    return perp_scheduler_list(w->scheduler, PERP_JOB_PENDING, NULL, 0, &n);
}

static perp_status ask_hedge(struct world *w) {
    perp_job job;
    perp_job_init(&job);
    job.notional = USD(1000);
    return perp_job_fill_hedge(w->core, w->now, w->btc[ALPHA], w->btc[BETA], &job);
}

static perp_status ask_orders(struct world *w) {
    ROOM(perp_orders_state, state);
    return perp_orders_query(perp_core_orders(w->core), w->now, &state);
}

static perp_status ask_order_list(struct world *w) {
    uint32_t n;
    return perp_orders_list(perp_core_orders(w->core), NULL, NULL, 0, &n);
}

static perp_status ask_order(struct world *w) {
    ROOM(perp_order_info, info);
    perp_status status = perp_orders_get(perp_core_orders(w->core), 1, &info);
    return status == PERP_E_NOT_FOUND ? PERP_OK : status;
}

static perp_status ask_client_id(struct world *w) {
    perp_uuid id = id_of(1);
    char name[PERP_NAME_SIZE];
    return perp_orders_client_id(perp_core_orders(w->core), ALPHA, &id, 0, 1, name);
}

static perp_status (*const under_lock[])(struct world *) = {
    ask_evaluation_json,
    ask_describe,
    ask_latches,
    ask_risk,
    ask_exchange,
    ask_evaluate,
    ask_capital,
    ask_can_reserve,
    ask_headroom,
    ask_reservations,
    ask_position,
    ask_lots,
    ask_base,
    ask_base_count,
    ask_scheduler,
    ask_job,
    ask_list,
    ask_evaluate_pending,
    ask_hedge,
    ask_orders,
    ask_order_list,
    ask_order,
    ask_client_id,
};

/* A query on a thread of its own. */
static struct {
    struct world *w;
    perp_status (*ask)(struct world *);
    perp_status status;
    _Atomic bool ended;
} asking;

static void *ask_it(void *unused) {
    (void)unused;
    asking.status = asking.ask(asking.w);
    atomic_store(&asking.ended, true);
    return NULL;
}

/* A decision on another thread may be changing what they read. */
START_TEST(a_query_waits_for_the_lock_and_gives_it_back) {
    struct world *w = asking.w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    pthread_t thread;
    submit(w, &job);
    perp_evaluation_init(&known);
    ok(w, perp_risk_evaluate(w->risk, w->now, &job, &known));
    asking.ask = under_lock[_i];
    atomic_store(&asking.ended, false);
    perp_lock(w->core);
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_it, NULL), 0);
    while (atomic_load(&w->core->lock.word) != PERP_LOCK_AWAITED && !atomic_load(&asking.ended))
        sched_yield();
    bool early = atomic_load(&asking.ended);
    perp_unlock(w->core);
    pthread_join(thread, NULL);
    ck_assert(!early);
    ck_assert_int_eq(asking.status, PERP_OK);
    ck_assert_uint_eq(atomic_load(&w->core->lock.word), PERP_LOCK_FREE);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("queries");
    TCase *tests = tcase_create("queries");
    tcase_add_test(tests, no_query_calls_the_store);
    tcase_add_test(tests, watching_tells_and_writes_nothing);
    tcase_add_loop_test(tests, a_query_waits_for_the_lock_and_gives_it_back, 0,
                        (int)(sizeof under_lock / sizeof *under_lock));
    tcase_add_test(tests, a_query_forgets_the_message_of_the_call_before);
    tcase_add_test(tests, a_pending_job_is_evaluated_by_what_was_learnt_at_submit);
    tcase_add_test(tests, a_tick_decides_as_the_evaluation_of_a_pending_job_says);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
