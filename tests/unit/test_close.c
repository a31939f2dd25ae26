/* A book in use is not closed, and what is asked of it from inside a source or callback is refused
   or answered on what is there. */
#include "fixture.h"

#include <pthread.h>
#include <stdbool.h>

static struct world *world, *other, *third;
static void (*world_acts)(void), (*other_acts)(void); /* on an alert that is raised */

static void on_alert(void *user, const perp_alert *alert) {
    void (*act)(void) = user == world ? world_acts : other_acts;
    if (alert->active && act)
        act();
}

static struct world *open_with_alerts(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = on_alert;
    return world_open(&config);
}

static void open_worlds(void) {
    world_acts = other_acts = NULL;
    world = open_with_alerts();
    other = open_with_alerts();
}

static void close_worlds(void) {
    world_close(world);
    world_close(other);
}

/* What the source or callback did, and what came of it. */
static struct {
    void (*act)(void);
    perp_status status;
    char error[128];
    int asked;
} inside;

static void close_it(void) {
    inside.status = perp_core_close(world->core);
    strncpy(inside.error, perp_core_error(NULL), sizeof inside.error - 1);
}

static void nothing(void) {
}

static void tick_other(void) {
    tick(other);
}

static void tick_it(void) {
    inside.status = perp_scheduler_tick(world->scheduler, nowc(world), NULL);
}

static void tell_quote(void *user, perp_instrument_id instrument, int64_t now_ns, perp_quote *quote,
                       uint32_t *have) {
    (void)user;
    (void)instrument;
    inside.asked++;
    quote->time_ns = now_ns;
    quote->bid = BTC_BID;
    quote->bid_size = 1000;
    quote->ask = BTC_ASK;
    quote->ask_size = 1000;
    *have = 1;
    inside.act();
}

static perp_instrument_id pulled_instrument(struct world *w) {
    perp_instrument_spec spec;
    perp_instrument_id id = PERP_NO_ID;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    spec.pulled = 1;
    strcpy(spec.symbol, "BTC/USDC:USDC");
    ok(w, perp_instrument_add(w->core, &spec, &id));
    return id;
}

static const perp_market_source source = {.struct_size = sizeof source, .quote = tell_quote};

static perp_instrument_id with_source(struct world *w, void (*act)(void)) {
    memset(&inside, 0, sizeof inside);
    inside.act = act;
    ok(w, perp_market_set_source(w->market, &source));
    return pulled_instrument(w);
}

START_TEST(closing_nothing_is_done_at_once) {
    ck_assert_int_eq(perp_core_close(NULL), PERP_OK);
}
END_TEST

START_TEST(a_book_is_not_closed_from_inside_its_source) {
    with_source(world, close_it);
    tick(world);
    ck_assert_int_eq(inside.asked, 1);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
    ck_assert_str_eq(inside.error, "close: a callback or source of the book runs");
}
END_TEST

START_TEST(a_source_that_ticks_is_refused) {
    with_source(world, tick_it);
    tick(world);
    ck_assert_int_eq(inside.asked, 1);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
}
END_TEST

static perp_job asked_job;

static void evaluate_it(void) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    inside.status = perp_risk_evaluate(world->risk, world->now, &asked_job, &evaluation);
}

START_TEST(a_source_that_asks_for_a_decision_is_not_asked_for_it_again) {
    perp_instrument_id id = with_source(world, evaluate_it);
    asked_job = pair_job(1, id, world->btc[ALPHA]);
    evaluated(world, &asked_job);
    ck_assert_int_eq(inside.asked, 1);
    ck_assert_int_eq(inside.status, PERP_OK);
}
END_TEST

static void replace_it(void) {
    inside.status = perp_market_set_source(world->market, NULL);
}

START_TEST(a_source_is_not_taken_away_from_inside_of_it) {
    with_source(world, replace_it);
    tick(world);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
    tick(world);
    ck_assert_int_eq(inside.asked, 2);
    ok(world, perp_market_set_source(world->market, NULL));
    tick(world);
    ck_assert_int_eq(inside.asked, 2);
}
END_TEST

static void change_it(void) {
    perp_job job = pair_job(100 + (uint32_t)inside.asked, world->btc[ALPHA], world->btc[BETA]);
    submit(world, &job);
    run_job(other, &job);
}

/* A book may be changed before the round that its source is asked for. */
START_TEST(what_a_source_changes_is_there_when_the_tick_decides) {
    with_source(world, change_it);
    ck_assert_uint_eq(tick(world)->dispatched, 1);
    state_is(world, 101, PERP_JOB_RUNNING);
    state_is(other, 101, PERP_JOB_RUNNING);
}
END_TEST

/* An override raises an alert. */
static void alert_of(struct world *w) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 60000, NULL));
}

static void alert_other(void) {
    alert_of(other);
}

static void act_on_alert(struct world *w, void (*act)(void)) {
    *(w == world ? &world_acts : &other_acts) = act;
}

START_TEST(a_book_is_not_closed_from_inside_its_callback) {
    act_on_alert(world, close_it);
    alert_of(world);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
}
END_TEST

/* The callback of world makes other call its own, inside of it. */
START_TEST(a_book_is_not_closed_from_another_book_s_callback_inside_its_own) {
    act_on_alert(world, alert_other);
    act_on_alert(other, close_it);
    alert_of(world);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
}
END_TEST

START_TEST(a_tick_from_another_book_s_callback_inside_its_own_is_refused) {
    act_on_alert(world, alert_other);
    act_on_alert(other, tick_it);
    alert_of(world);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
    tick(world);
}
END_TEST

/* Also from inside a source of one within a source of the other. */
START_TEST(a_book_is_not_closed_from_another_book_s_source) {
    with_source(other, close_it);
    act_on_alert(world, tick_other);
    alert_of(world);
    ck_assert_int_eq(inside.status, PERP_E_STATE);
    inside.status = PERP_OK;
    inside.act = nothing;
}
END_TEST

static void close_third(void) {
    inside.status = perp_core_close(third->core);
}

/* No call of it runs, whoever else's callback does. */
START_TEST(a_book_that_no_call_is_in_is_closed_from_another_book_s_callback) {
    third = world_open(NULL);
    act_on_alert(world, close_third);
    alert_of(world);
    ck_assert_int_eq(inside.status, PERP_OK);
    free(third);
}
END_TEST

static pthread_barrier_t met;

static void wait_twice(void) {
    pthread_barrier_wait(&met);
    pthread_barrier_wait(&met);
}

static void *alert_on_thread(void *user) {
    (void)user;
    alert_of(world);
    return NULL;
}

START_TEST(a_book_whose_callback_runs_on_another_thread_is_not_closed) {
    pthread_t thread;
    pthread_barrier_init(&met, NULL, 2);
    act_on_alert(world, wait_twice);
    pthread_create(&thread, NULL, alert_on_thread, NULL);
    pthread_barrier_wait(&met);
    perp_status status = perp_core_close(world->core);
    pthread_barrier_wait(&met);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&met);
    ck_assert_int_eq(status, PERP_E_STATE);
    ck_assert_str_eq(perp_core_error(NULL), "close: another call is running");
}
END_TEST

/* A store of which a commit can be held up, or fail. */
static struct {
    bool fails, waits;
    int closed, logged;
    perp_status status;
} store;

static void store_begin(void *user, perp_status *status) {
    (void)user;
    *status = PERP_OK;
}

static void store_append(void *user, const perp_record *record, perp_status *status) {
    (void)user;
    (void)record;
    *status = PERP_OK;
}

static void store_commit(void *user, perp_status *status) {
    (void)user;
    if (store.waits)
        wait_twice();
    *status = store.fails ? PERP_E_STORE : PERP_OK;
}

static void store_rollback(void *user) {
    (void)user;
}

static void store_close(void *user) {
    (void)user;
    store.closed++;
}

static void log_and_close(void *user, uint32_t level, const char *message) {
    (void)user;
    if (level == PERP_LOG_ERROR && strstr(message, "closed without")) {
        store.logged++;
        store.status = perp_core_close(third->core);
    }
}

static void open_stored(uint32_t durability) {
    perp_config config;
    perp_config_init(&config);
    memset(&store, 0, sizeof store);
    config.durability = durability;
    config.store.begin = store_begin;
    config.store.append = store_append;
    config.store.commit = store_commit;
    config.store.rollback = store_rollback;
    config.store.close = store_close;
    config.callbacks.log = log_and_close;
    third = calloc(1, sizeof *third);
    ck_assert_int_eq(perp_core_open(&config, &third->core), PERP_OK);
}

static void *add_exchange(void *user) {
    (void)user;
    world_exchange(third, "alpha", "");
    return NULL;
}

START_TEST(a_book_that_another_thread_changes_is_not_closed) {
    pthread_t thread;
    open_stored(PERP_DURABILITY_EVERY);
    store.waits = true;
    pthread_barrier_init(&met, NULL, 2);
    pthread_create(&thread, NULL, add_exchange, NULL);
    pthread_barrier_wait(&met);
    perp_status status = perp_core_close(third->core);
    pthread_barrier_wait(&met);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&met);
    ck_assert_int_eq(status, PERP_E_STATE);
    ck_assert_int_eq(store.closed, 0);
    store.waits = false;
    ck_assert_int_eq(perp_core_close(third->core), PERP_OK);
    ck_assert_int_eq(store.closed, 1);
    free(third);
}
END_TEST

START_TEST(a_book_whose_last_commit_fails_is_closed_and_says_so) {
    open_stored(PERP_DURABILITY_BATCH);
    world_exchange(third, "alpha", "");
    store.fails = true;
    ck_assert_int_eq(perp_core_close(third->core), PERP_E_STORE);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "closed without the changes since"));
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "the store failed"));
    ck_assert_int_eq(store.closed, 1);
    ck_assert_int_eq(store.logged, 1);
    ck_assert_int_eq(store.status, PERP_E_STATE); /* a second time, from inside the log */
    free(third);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("close");
    TCase *tcase = tcase_create("close");
    tcase_add_checked_fixture(tcase, open_worlds, close_worlds);
    tcase_add_test(tcase, closing_nothing_is_done_at_once);
    tcase_add_test(tcase, a_book_is_not_closed_from_inside_its_source);
    tcase_add_test(tcase, a_source_that_ticks_is_refused);
    tcase_add_test(tcase, a_source_that_asks_for_a_decision_is_not_asked_for_it_again);
    tcase_add_test(tcase, a_source_is_not_taken_away_from_inside_of_it);
    tcase_add_test(tcase, what_a_source_changes_is_there_when_the_tick_decides);
    tcase_add_test(tcase, a_book_is_not_closed_from_inside_its_callback);
    tcase_add_test(tcase, a_book_is_not_closed_from_another_book_s_callback_inside_its_own);
    tcase_add_test(tcase, a_tick_from_another_book_s_callback_inside_its_own_is_refused);
    tcase_add_test(tcase, a_book_is_not_closed_from_another_book_s_source);
    tcase_add_test(tcase, a_book_that_no_call_is_in_is_closed_from_another_book_s_callback);
    tcase_add_test(tcase, a_book_whose_callback_runs_on_another_thread_is_not_closed);
    tcase_add_test(tcase, a_book_that_another_thread_changes_is_not_closed);
    tcase_add_test(tcase, a_book_whose_last_commit_fails_is_closed_and_says_so);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
