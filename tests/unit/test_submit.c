/* Which jobs come to wait: retries and what tells them from other jobs, defaults, ids remembered by
   time, minima of the way out; and in which order what waits goes. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>

static void keep_open(void *user) {
    (void)user;
}

static perp_store inner;

static struct world *open_book(perp_config *config) {
    ck_assert_int_eq(perp_store_memory_open(&inner), PERP_OK);
    config->store = inner;
    config->store.close = keep_open;
    return world_open(config);
}

static perp_status try_submit(struct world *w, const perp_job *job) {
    return perp_scheduler_submit(w->scheduler, nowc(w), job);
}

/* The same book again, from its records or from a checkpoint; feeds have to come anew. */
static void reopen(struct world *w, perp_config *config, int from_checkpoint) {
    uint64_t hash = perp_core_hash(w->core);
    if (from_checkpoint) {
        ok(w, perp_core_checkpoint(w->core));
    }
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    ck_assert_msg(perp_core_open(config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    checked(w);
    quotes(w);
}

static void close_book(struct world *w) {
    world_close(w);
    inner.close(inner.user);
}

static void end_job(struct world *w, uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
}

START_TEST(ids_are_remembered_by_time_whatever_the_history_size) {
    perp_config config;
    world_config(&config);
    config.scheduler.history_size = 1;
    config.scheduler.id_memory_h = 2;
    struct world *w = open_book(&config);
    perp_job first = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    first.created_at_ns = w->now;
    first.metadata = "note";
    first.metadata_size = 4;
    submit(w, &first);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &first.job_id));
    end_job(w, 2);
    for (int again = 0; again < 3; again++) {
        perp_job_info info = {.struct_size = sizeof info};
        fails(w, PERP_E_NOT_FOUND, perp_scheduler_job(w->scheduler, &first.job_id, &info));
        fails(w, PERP_E_EXISTS, try_submit(w, &first));
        perp_job other = first;
        other.metadata = "Note";
        fails(w, PERP_E_CONFLICT, try_submit(w, &other));
        ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "metadata"));
        if (again < 2) {
            reopen(w, &config, again);
        }
    }
    pass(w, 2 * HOUR);
    end_job(w, 3);
    fails(w, PERP_E_EXISTS, try_submit(w, &first)); /* its time is not yet over */
    pass(w, 1);
    end_job(w, 4);
    fails(w, PERP_E_RANGE, try_submit(w, &first)); /* what was forgotten can't come again */
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "created_at"));
    first.created_at_ns = w->now;
    submit(w, &first);
    close_book(w);
}
END_TEST

#define N_FIELDS 11
static const char *change_field(perp_job *job, struct world *w, int n) {
    switch (n) {
    case 0:
        job->strategy = PERP_STRATEGY_ARB;
        return "strategy_type";
    case 1:
        job->legs[1].instrument = w->btc[GAMMA];
        return "legs";
    case 2:
        job->notional = USD(12500.5);
        job->legs[0].notional = job->legs[1].notional = USD(12500);
        return "notional";
    case 3:
        job->expected_edge_bps = 21;
        return "expected_edge_bps";
    case 4:
        job->est_volume = USD(1);
        return "est_volume";
    case 5:
        job->holding_hours = 1;
        return "holding_hours";
    case 6:
        job->created_at_ns = w->now - 1;
        return "created_at";
    case 7:
        job->ttl_ms = 61000;
        return "ttl_ms";
    case 8:
        job->max_run_ms = 0;
        return "max_run_ms";
    case 9:
        job->priority = 1;
        return "priority";
    default:
        job->metadata = "x";
        job->metadata_size = 1;
        return "metadata";
    }
}

START_TEST(a_conflict_names_the_first_field_that_differs) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.legs[0].notional = job.legs[1].notional = USD(12500);
    submit(w, &job);
    fails(w, PERP_E_EXISTS, try_submit(w, &job));
    perp_job other = job;
    const char *first = change_field(&other, w, _i);
    for (int later = _i + 1; later < N_FIELDS; later++) {
        (void)change_field(&other, w, later);
    }
    fails(w, PERP_E_CONFLICT, try_submit(w, &other));
    char named[40];
    snprintf(named, sizeof named, "another %s", first);
    ck_assert_msg(strstr(perp_core_error(w->core), named) != NULL, "%s: %s", named,
                  perp_core_error(w->core));
    world_close(w);
}
END_TEST

START_TEST(what_is_invalid_comes_before_conflict_and_exists_before_both) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    perp_job bad = job;
    bad.legs[0].quantity = -1;
    fails(w, PERP_E_INVALID, try_submit(w, &bad));
    bad = job;
    bad.n_legs = 0;
    fails(w, PERP_E_INVALID, try_submit(w, &bad));
    bad.n_legs = UINT32_MAX;
    fails(w, PERP_E_INVALID, try_submit(w, &bad));
    bad = job;
    bad.legs[1].instrument = 99;
    fails(w, PERP_E_INVALID, try_submit(w, &bad));
    fails(w, PERP_E_EXISTS, try_submit(w, &job));
    world_close(w);
}
END_TEST

/* A default that was left both times is the same, whatever it has become; given, it is what it is.
 */
START_TEST(defaults_are_part_of_the_content_by_being_left) {
    struct world *w = world_open(NULL);
    position_at(w, w->btc[ALPHA], w->now, 1, BTC_MID);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    submit(w, &job);
    ck_assert_int_eq(info_of(w, 1).job.ttl_ms, 0); /* it reduces */
    ck_assert_int_eq(info_of(w, 1).job.max_run_ms, 600000);
    position_at(w, w->btc[ALPHA], w->now, 0, 0); /* by now it would not */
    fails(w, PERP_E_EXISTS, try_submit(w, &job));
    perp_job other = job;
    other.max_run_ms = 600000; /* the same, said */
    fails(w, PERP_E_EXISTS, try_submit(w, &other));
    other.max_run_ms = 600001;
    fails(w, PERP_E_CONFLICT, try_submit(w, &other));
    other = job;
    other.legs[0].leverage = 3;
    fails(w, PERP_E_EXISTS, try_submit(w, &other));
    other.legs[0].leverage = 4;
    fails(w, PERP_E_CONFLICT, try_submit(w, &other));
    world_close(w);
}
END_TEST

START_TEST(only_the_way_out_never_expires_by_default) {
    struct world *w = world_open(NULL);
    position_at(w, w->btc[ALPHA], w->now, 1, BTC_MID);
    perp_job out = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    perp_job in = one_leg_job(2, w->btc[ALPHA], PERP_SIDE_BUY);
    perp_job said = one_leg_job(3, w->btc[ALPHA], PERP_SIDE_SELL);
    said.ttl_ms = 5;
    submit(w, &out);
    submit(w, &in);
    submit(w, &said);
    ck_assert_int_eq(info_of(w, 1).job.ttl_ms, 0);
    ck_assert_int_eq(info_of(w, 2).job.ttl_ms, 60000);
    ck_assert_int_eq(info_of(w, 3).job.ttl_ms, 5);
    world_close(w);
}
END_TEST

START_TEST(what_is_left_of_a_position_is_held_to_no_minimum) {
    struct world *w = world_open(NULL);
    perp_instrument_spec spec;
    perp_instrument_id coarse = PERP_NO_ID;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "SOL/USDT:USDT");
    spec.qty_step = 0.1;
    spec.min_qty = 1;
    spec.min_notional = USD(100);
    ok(w, perp_instrument_add(w->core, &spec, &coarse));
    quote_at(w, coarse, w->now, 99, 101, 100);
    perp_job job = one_leg_job(1, coarse, PERP_SIDE_SELL);
    job.notional = USD(5);
    job.legs[0].quantity = 0.05;
    fails(w, PERP_E_INVALID, try_submit(w, &job)); /* it opens */
    position_at(w, coarse, w->now, 0.05, 100);
    submit(w, &job); /* it is all that is left, also but for rounding */
    position_at(w, coarse, w->now, 2.0, 100);
    job.job_id = id_of(2);
    fails(w, PERP_E_INVALID, try_submit(w, &job)); /* a part: below min_qty and off the step */
    job.legs[0].quantity = 1;
    submit(w, &job); /* min_notional is held against none that reduces */
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    job.legs[0].quantity = 0.05;
    fails(w, PERP_E_INVALID, perp_risk_evaluate(w->risk, w->now, &job, &evaluation));
    world_close(w);
}
END_TEST

/* Nothing of score s waits behind newer jobs for more than (100 - s) / aging minutes. */
START_TEST(jobs_gain_points_while_they_wait) {
    perp_config config;
    world_config(&config);
    config.scheduler.aging_per_minute = _i ? 10 : 0;
    config.scheduler.max_global_concurrent_jobs = 1;
    struct world *w = world_open(&config);
    perp_job old = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    old.est_volume = USD(5000); /* half the volume score of the other */
    old.ttl_ms = 0;
    submit(w, &old);
    pass(w, MINUTE);
    perp_job new = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    new.ttl_ms = 0;
    submit(w, &new);
    tick(w);
    state_is(w, 2, PERP_JOB_RUNNING); /* 17.5 points more are more than one minute's */
    reason_is(info_of(w, 1).last_skip, PERP_REASON_GLOBAL_CONCURRENCY);
    finish_all(w, &new.job_id, PERP_RESULT_COMPLETED);
    pass(w, MINUTE);
    perp_job newer = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    newer.ttl_ms = 0;
    submit(w, &newer);
    tick(w);
    state_is(w, _i ? 1 : 3, PERP_JOB_RUNNING);
    ck_assert_uint_eq(info_of(w, _i ? 1 : 3).last_skip, PERP_REASON_NONE);
    world_close(w);
}
END_TEST

START_TEST(a_rule_is_counted_when_it_becomes_the_reason_not_once_a_tick) {
    struct world *w = world_open(NULL);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1));
    submit(w, &job);
    for (int n = 0; n < 3; n++) {
        perp_tick_result *result = tick(w);
        ck_assert_uint_eq(result->refused, 1); /* it stands */
        ck_assert_uint_eq(result->evaluated, 1);
    }
    ck_assert_uint_eq(risk_of(w).rejected_today[PERP_REASON_BLACKLISTED], 1);
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALPHA, NULL, 0, NULL));
    tick(w);
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALPHA, NULL, 0, NULL));
    tick(w);
    ck_assert_uint_eq(risk_of(w).rejected_today[PERP_REASON_KILLED], 1);
    ck_assert_uint_eq(risk_of(w).rejected_today[PERP_REASON_BLACKLISTED], 2);
    world_close(w);
}
END_TEST

static int ended;
static uint32_t ended_states[64];

static void job_ended(void *user, const perp_uuid *job, uint32_t state) {
    (void)user;
    (void)job;
    ended_states[ended++ % 64] = state;
}

START_TEST(each_end_is_told_also_of_what_expires) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_job_end = job_ended;
    struct world *w = world_open(&config);
    ended = 0;
    perp_job expires = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job runs = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    runs.ttl_ms = 0;
    run_job(w, &runs);
    finish_all(w, &runs.job_id, PERP_RESULT_COMPLETED);
    submit(w, &expires);
    pass(w, 2 * MINUTE);
    ck_assert_uint_eq(tick(w)->expired, 1);
    end_job(w, 3);
    ck_assert_int_eq(ended, 3);
    ck_assert_uint_eq(ended_states[0], PERP_JOB_OPEN);
    ck_assert_uint_eq(ended_states[1], PERP_JOB_EXPIRED);
    ck_assert_uint_eq(ended_states[2], PERP_JOB_CANCELLED);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &runs.job_id, 0, 0, 0));
    ck_assert_int_eq(ended, 4);
    ck_assert_uint_eq(ended_states[3], PERP_JOB_CLOSED);
    world_close(w);
}
END_TEST

START_TEST(what_runs_too_long_is_reported_once) {
    perp_config config;
    world_config(&config);
    config.scheduler.default_max_run_ms = 1000;
    struct world *w = world_open(&config);
    perp_job late = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job never = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    never.max_run_ms = 0;
    submit(w, &never);
    run_job(w, &late);
    pass(w, SECOND);
    ck_assert_uint_eq(tick(w)->overdue, 0);
    pass(w, 1);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->overdue, 1);
    ck_assert(listed(result, PERP_TICK_OVERDUE, &late.job_id));
    pass(w, HOUR);
    ck_assert_uint_eq(tick(w)->overdue, 0);
    world_close(w);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("submit");
    TCase *c = tcase_create("submit");
    tcase_add_test(c, ids_are_remembered_by_time_whatever_the_history_size);
    tcase_add_loop_test(c, a_conflict_names_the_first_field_that_differs, 0, N_FIELDS);
    tcase_add_test(c, what_is_invalid_comes_before_conflict_and_exists_before_both);
    tcase_add_test(c, defaults_are_part_of_the_content_by_being_left);
    tcase_add_test(c, only_the_way_out_never_expires_by_default);
    tcase_add_test(c, what_is_left_of_a_position_is_held_to_no_minimum);
    tcase_add_loop_test(c, jobs_gain_points_while_they_wait, 0, 2);
    tcase_add_test(c, a_rule_is_counted_when_it_becomes_the_reason_not_once_a_tick);
    tcase_add_test(c, each_end_is_told_also_of_what_expires);
    tcase_add_test(c, what_runs_too_long_is_reported_once);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    return run_suite(suite());
}
