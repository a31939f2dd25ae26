/* An invariant of money or state that does not hold poisons the book: it is named, what changes the
   book is refused, what reads it works, and the process lives. Books are broken here on purpose. */
#include "fixture.h"

#include <stdio.h>

#include "scheduler/scheduler.h"

static struct world *w;
static int errors;
static char logged[512];

static void on_log(void *user, uint32_t level, const char *message) {
    (void)user;
    if (level == PERP_LOG_ERROR) {
        errors++;
        snprintf(logged, sizeof logged, "%s", message);
    }
}

static void open_world(void) {
    w = world_open(NULL);
    w->core->config.callbacks.log = on_log;
    errors = 0;
    logged[0] = '\0';
}

/* Not world_close, which wants a whole book. */
static void close_world(void) {
    perp_core_close(w->core);
    free(w);
}

static uint64_t reserved(perp_usd amount) {
    uint64_t id = 0;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_ARB, amount, NULL, &id,
                               &refusal));
    ck_assert_uint_ne(id, 0);
    return id;
}

static struct perp_pool_book *pool(void) {
    return &w->core->capital->accounts[ALPHA].pools[PERP_POOL_ARB];
}

/* The call that met it failed with the place, and the book is poisoned from now on. */
static void is_poisoned(perp_status status, const char *what) {
    ck_assert_msg(status == PERP_E_CORRUPT, "%s, wanted corrupt: %s", perp_status_string(status),
                  what);
    ck_assert_msg(strstr(perp_core_error(w->core), what) != NULL, "'%s' does not name '%s'",
                  perp_core_error(w->core), what);
    ck_assert_int_eq(errors, 1);
    ck_assert_ptr_nonnull(strstr(logged, what));
    ck_assert_str_eq(w->core->broken, what);
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_job job = pair_job(77, w->eth[ALPHA], w->eth[BETA]);
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "omega");
    expect(w, PERP_E_CORRUPT, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(1)));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), what));
    expect(w, PERP_E_CORRUPT, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    expect(w, PERP_E_CORRUPT, perp_scheduler_tick(w->scheduler, nowc(w), NULL));
    expect(w, PERP_E_CORRUPT, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_CONSERVATIVE));
    expect(w, PERP_E_CORRUPT, perp_exchange_add(w->core, &spec, &id));
    /* Reading works. */
    static char json[1 << 18];
    static perp_monitor_state snapshot;
    size_t length = 0;
    snapshot.struct_size = sizeof snapshot;
    ok(w, perp_monitor_json(w->core, w->now, json, sizeof json, &length));
    ok(w, perp_monitor_snapshot(w->core, w->now, &snapshot));
    (void)capital_of(w, ALPHA);
    (void)risk_of(w);
    (void)scheduler_of(w);
    (void)evaluated(w, &job);
    ck_assert_uint_ne(perp_core_hash(w->core), 0);
    ck_assert_int_eq(errors, 1);
}

START_TEST(releasing_more_than_was_reserved) {
    uint64_t id = reserved(USD(100));
    perp_capital_find(w->core->capital, id)->in_flight += USD(1);
    is_poisoned(perp_capital_release(w->capital, nowc(w), id, 0),
                "give: reserved is not in flight + used + released");
}
END_TEST

START_TEST(giving_a_pool_back_more_than_it_lent) {
    uint64_t id = reserved(USD(100));
    pool()->in_flight -= USD(1);
    is_poisoned(perp_capital_release(w->capital, nowc(w), id, 0),
                "give: in flight or used of a pool is below 0");
}
END_TEST

START_TEST(confirming_what_a_pool_has_not) {
    uint64_t id = reserved(USD(100));
    pool()->in_flight = 0;
    is_poisoned(perp_capital_confirm(w->capital, nowc(w), id, USD(60)),
                "use: in flight of a pool is below 0");
}
END_TEST

START_TEST(an_equity_of_all_out_of_range) {
    w->core->capital->equity = -PERP_MOST_SUM;
    is_poisoned(perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(999999)),
                "equity: of an exchange or of all is out of range");
}
END_TEST

START_TEST(budgets_that_are_more_than_the_equity) {
    w->core->config.capital.wash_ppm = 900000;
    w->core->config.capital.arb_ppm = 900000;
    is_poisoned(perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(999999)),
                "equity: a budget is below 0");
}
END_TEST

START_TEST(a_volume_below_zero) {
    w->core->capital->accounts[ALPHA].today.volume = -USD(5);
    is_poisoned(perp_capital_record_pnl(w->capital, nowc(w), ALPHA, 0, USD(1), 0, NULL),
                "book: the day's figures overflow, or its volume is below 0");
}
END_TEST

static perp_status finish(const perp_job *job) {
    perp_job_result result;
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    perp_job_result_init(&result);
    result.status = PERP_RESULT_COMPLETED;
    return perp_scheduler_finish(w->scheduler, nowc(w), &job->job_id, &result, &outcome);
}

START_TEST(fewer_jobs_than_run) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    w->core->risk->running_jobs[BETA] = 0;
    is_poisoned(finish(&job), "running: jobs or notional of an exchange are below 0");
}
END_TEST

START_TEST(less_notional_than_runs) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    w->core->risk->running_notional[ALPHA] = 1;
    is_poisoned(finish(&job), "running: jobs or notional of an exchange are below 0");
}
END_TEST

START_TEST(fewer_legs_than_run) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    w->core->positions->at[w->btc[BETA]].running[PERP_SIDE_SELL] = 0;
    is_poisoned(finish(&job), "running: legs of an instrument are below 0");
}
END_TEST

START_TEST(a_reservation_of_another_job) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    w->core->capital->first->job = id_of(2);
    is_poisoned(finish(&job), "fill: a reservation is in another job's list");
}
END_TEST

/* The change is in the store, but no order goes out on the word of a broken book. */
START_TEST(what_a_broken_tick_dispatched_is_not_handed_over) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    w->core->scheduler->n_pending = 0;
    is_poisoned(perp_scheduler_tick(w->scheduler, nowc(w), NULL),
                "pending: a job that leaves does not wait");
    ck_assert_int_eq(w->seen.executed, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("holds");
    TCase *tests = tcase_create("holds");
    tcase_add_checked_fixture(tests, open_world, close_world);
    tcase_add_test(tests, releasing_more_than_was_reserved);
    tcase_add_test(tests, giving_a_pool_back_more_than_it_lent);
    tcase_add_test(tests, confirming_what_a_pool_has_not);
    tcase_add_test(tests, an_equity_of_all_out_of_range);
    tcase_add_test(tests, budgets_that_are_more_than_the_equity);
    tcase_add_test(tests, a_volume_below_zero);
    tcase_add_test(tests, fewer_jobs_than_run);
    tcase_add_test(tests, less_notional_than_runs);
    tcase_add_test(tests, fewer_legs_than_run);
    tcase_add_test(tests, a_reservation_of_another_job);
    tcase_add_test(tests, what_a_broken_tick_dispatched_is_not_handed_over);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
