/* What a decision in force rests on: each thing alone changes here, or each time comes at which one
   ends, and perp_core_check, which makes every fact and decision anew, finds nothing that differs.
   So a mark that is left out, or a deadline that is a nanosecond late, fails here. */
#include "orders_fixture.h"
#include "reopen.h"

#include <math.h>
#include <stdio.h>

#include "scheduler/scheduler.h"

#define MS INT64_C(1000000)
#define HOUR (60 * MINUTE)

static struct world *w;

/* Ages that end nothing, and one running job at most: others wait, accepted. */
static void calm(perp_config *config) {
    world_config(config);
    config->risk.max_quote_age_ms = 24 * 3600 * 1000;
    config->risk.latency_max_age_ms = 24 * 3600 * 1000;
    config->risk.blackout_minutes = 0;
    for (int mode = 0; mode < PERP_MODE_COUNT; mode++)
        config->risk.modes[mode].max_acceptable_loss_bps = 0;
    config->scheduler.auto_repair = 0;
    config->scheduler.max_global_concurrent_jobs = 1;
}

static void close_world(void) {
    world_close(w);
}

/* The clock at a time; nothing else changes that a decision rests on. */
static void clock_at(int64_t time_ns) {
    uint64_t id;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    fed(w, perp_capital_reserve(w->capital, at(w, time_ns), DELTA, PERP_POOL_RESERVE, 1, NULL, &id,
                                &refusal)); /* a leap: the second one agrees */
    w->now = time_ns;
}

/* All that waits stands: what a tick itself brings about is looked at by the next one. A decision
   that is to be made anew is none that could be wrong. */
static void settle(void) {
    tick(w);
    tick(w);
    ck_assert_uint_eq(w->scheduler->verdicts.todo.n, w->scheduler->verdicts.special.n);
}

/* Up to a moment, at it, and right after it. */
static void around(int64_t moment) {
    for (int64_t apart = -1; apart <= 1; apart++) {
        clock_at(moment + apart);
        checked(w);
    }
    settle();
}

/* Jobs that wait: one that buys BTC on alpha and sells it on beta, and the other way round. */
static void some_wait(void) {
    perp_job busy = pair_job(99, w->eth[GAMMA], w->eth[DELTA]);
    busy.legs[0].quantity = busy.legs[1].quantity = 5;
    run_job(w, &busy);
    perp_job there = pair_job(1, w->btc[ALPHA], w->btc[BETA]),
             back = pair_job(2, w->btc[BETA], w->btc[ALPHA]);
    there.ttl_ms = back.ttl_ms = 0;
    submit(w, &there);
    submit(w, &back);
    settle();
}

static void rates_until(int64_t next, double rate) {
    for (int x = 0; x < N_X; x++)
        funding_of(w, w->btc[x], rate * (x + 1), next);
}

/* ---- What ends with time ------------------------------------------------------------------------
 */

static void with_blackout(perp_config *config) {
    calm(config);
    config->risk.blackout_minutes = 10;
}

START_TEST(a_blackout_begins_and_ends_with_its_minutes) {
    w = world_changed(with_blackout);
    int64_t next = w->now + 20 * MINUTE;
    rates_until(next, 1e-5);
    some_wait();
    around(next - 10 * MINUTE);
    around(next);
    around(next + 10 * MINUTE);
    rates_until(next + 8 * HOUR, 1e-5);
    around(next + 8 * HOUR - 10 * MINUTE);
}
END_TEST

START_TEST(a_settlement_that_comes_or_is_reached_counts) {
    w = world_changed(calm);
    int64_t next = w->now + 3 * HOUR;
    perp_job busy = pair_job(99, w->eth[GAMMA], w->eth[DELTA]);
    perp_job job = pair_job(1, w->btc[BETA], w->btc[ALPHA]);
    busy.legs[0].quantity = busy.legs[1].quantity = 5;
    run_job(w, &busy);
    rates_until(next, 1e-4); /* alpha's; beta's is twice that */
    job.holding_hours = 10;  /* reaches the settlement of 11 hours from now in one hour */
    job.ttl_ms = 0;
    job.expected_edge_bps = evaluated(w, &job).cost_bps + 0.5;
    submit(w, &job);
    settle();
    ck_assert_uint_eq(tick(w)->refused, 0);
    int64_t start = w->now;
    around(start + 1 * HOUR);
    ck_assert_uint_eq(tick(w)->refused, 1); /* two settlements cost more than is to be earned */
    around(next);
    ck_assert_uint_eq(tick(w)->refused, 0);
}
END_TEST

static void with_old_accounts(perp_config *config) {
    calm(config);
    config->risk.account_max_age_ms = 10000;
}

START_TEST(an_account_and_a_position_grow_old) {
    w = world_changed(with_old_accounts);
    int64_t reported = w->now;
    w->now += SECOND;
    for (int x = 0; x < N_X; x++) {
        position_at(w, w->btc[x], w->now, 0, 0);
        position_at(w, w->eth[x], w->now, 0, 0);
    }
    some_wait();
    around(reported + 10 * SECOND); /* the equity, of all */
    all_have(w, USD(1000000));
    settle();
    around(reported + 11 * SECOND); /* and the positions */
}
END_TEST

static void with_old_quotes(perp_config *config) {
    calm(config);
    config->risk.max_quote_age_ms = 5000;
}

static void book_at(perp_instrument_id instrument, int64_t time_ns, double first, double second) {
    const perp_book_level bids[] = {{BTC_BID, 1000}}, asks[] = {{first, 0.1}, {second, 1000}};
    const perp_book book = {.instrument = instrument,
                            .n_bids = 1,
                            .n_asks = 2,
                            .time_ns = time_ns,
                            .bids = bids,
                            .asks = asks};
    fed(w, perp_market_on_book(w->market, &book));
}

static void mark_at(perp_instrument_id instrument, int64_t time_ns, double price) {
    const perp_mark mark = {.instrument = instrument, .time_ns = time_ns, .price = price};
    fed(w, perp_market_on_mark(w->market, &mark));
}

START_TEST(a_book_a_mark_and_a_quote_grow_old) {
    w = world_changed(with_old_quotes);
    int64_t start = w->now;
    book_at(w->btc[ALPHA], start, BTC_ASK, BTC_ASK + 5);
    mark_at(w->btc[ALPHA], start + SECOND, 1.01 * BTC_ASK);
    w->now += 2 * SECOND;
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID, BTC_ASK, 7);
    quote_at(w, w->btc[BETA], w->now + SECOND, BTC_BID, BTC_ASK, 7);
    some_wait();
    around(start + 5 * SECOND);
    around(start + 6 * SECOND);
    around(start + 7 * SECOND);
    around(start + 8 * SECOND);
}
END_TEST

START_TEST(a_quote_that_is_too_far_ahead_comes_to_be) {
    w = world_changed(with_old_quotes);
    some_wait();
    int64_t ahead = w->now + 20 * SECOND;
    quote_at(w, w->btc[ALPHA], ahead, BTC_BID, BTC_ASK, 7);
    settle();
    around(ahead - 5 * SECOND);
    around(ahead + 5 * SECOND);
}
END_TEST

START_TEST(a_rate_grows_old) {
    w = world_changed(calm);
    int64_t next = w->now + HOUR;
    perp_funding funding = {
        .instrument = w->btc[BETA], .continuous = 1, .time_ns = w->now, .rate = 1e-5};
    funding.interval_h = 3;
    rates_until(next, 1e-5);
    fed(w, perp_market_on_funding(w->market, &funding));
    some_wait();
    around(w->now + 3 * HOUR);
    around(next + 8 * HOUR);
}
END_TEST

static void with_short_circuits(perp_config *config) {
    calm(config);
    config->risk.circuit_failures = 2;
    config->risk.circuit_cooldown_ms = 7000;
    config->risk.latency_max_age_ms = 10000;
}

START_TEST(a_circuit_is_half_open_after_its_time) {
    w = world_changed(with_short_circuits);
    some_wait();
    for (int i = 0; i < 2; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    settle();
    around(w->now + 7 * SECOND);
}
END_TEST

START_TEST(each_sample_of_a_latency_grows_old) {
    w = world_changed(with_short_circuits);
    int64_t start = w->now;
    for (int i = 0; i < 3; i++) {
        const perp_latency latency = {.exchange = ALPHA, .time_ns = start + i * SECOND};
        perp_latency told = latency;
        told.ms = 100 * (i + 1);
        fed(w, perp_market_on_latency(w->market, &told));
    }
    w->now += 3 * SECOND;
    some_wait();
    for (int i = 0; i < 3; i++)
        around(start + i * SECOND + 10 * SECOND);
}
END_TEST

static void answer_until(void *user, const perp_job *job, const perp_evaluation *so_far,
                         perp_rule_answer *answer) {
    const int64_t *until = user;
    (void)job;
    (void)so_far;
    answer->sense = PERP_SENSE_ABOVE;
    answer->value = w->call.now_ns < *until ? 1 : 3;
    answer->limit = 2;
    answer->until_ns = w->call.now_ns < *until ? *until : PERP_TIME_NONE;
}

/* It is asked again at that very time, and not before. */
START_TEST(an_answer_of_the_host_ends_with_its_time) {
    w = world_changed(calm);
    int64_t until = w->now + 3 * SECOND;
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = "until";
    rule.ask = answer_until;
    rule.user = &until;
    ok(w, perp_risk_add_rule(w->risk, &rule));
    some_wait();
    w->now = until - 1;
    ck_assert_uint_eq(tick(w)->refused, 0);
    w->now = until;
    ck_assert_uint_eq(tick(w)->refused, 2);
}
END_TEST

/* An age that is exact to the nanosecond in no double is looked at again and again. */
static void with_ages_of_years(perp_config *config) {
    calm(config);
    config->risk.max_quote_age_ms = 200 * INT64_C(24) * 3600 * 1000;
}

START_TEST(an_age_that_no_double_holds_is_looked_at_each_time) {
    w = world_changed(with_ages_of_years);
    some_wait();
    int64_t old = w->now + 200 * 24 * HOUR;
    for (int apart = -4; apart <= 8; apart++) {
        clock_at(old + apart);
        checked(w);
        if (apart % 3 == 0)
            settle();
    }
}
END_TEST

/* A query of a time to come makes facts of that time; what then was, a tick before it has not. */
START_TEST(what_a_query_of_a_later_time_made_is_not_of_now) {
    w = world_changed(with_old_quotes);
    some_wait();
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    int64_t now = w->now;
    w->now += 30 * SECOND;
    ck_assert_uint_eq(evaluated(w, &job).reason, PERP_REASON_STALE_QUOTE);
    w->now = now;
    if (_i)
        ck_assert_uint_eq(evaluated(w, &job).reason, PERP_REASON_NONE);
    clock_at(now + SECOND);
    checked(w);
    ck_assert_uint_eq(tick(w)->refused, 0);
}
END_TEST

/* Timers of facts lie in the table of instruments, which moves as it grows. */
START_TEST(timers_stand_where_the_table_moved_to) {
    w = world_changed(with_old_quotes);
    some_wait();
    int64_t quoted = w->now;
    for (int i = 0; i < 600; i++) {
        char symbol[32];
        snprintf(symbol, sizeof symbol, "C%d/USDT:USDT", i);
        world_instrument(w, ALPHA, symbol, "", 0);
        if (i % 50 == 0)
            checked(w);
    }
    around(quoted + 5 * SECOND);
}
END_TEST

/* ---- What feeds bring ---------------------------------------------------------------------------
 */

START_TEST(a_last_price_counts_where_there_is_nothing_else) {
    w = world_changed(calm);
    perp_instrument_id here = world_instrument(w, ALPHA, "SOL/USDT:USDT", "", 0),
                       there = world_instrument(w, BETA, "SOL/USDT:USDT", "", 0);
    perp_job job = pair_job(1, here, there);
    submit(w, &job);
    settle();
    for (int i = 0; i < 3; i++) {
        const perp_trade trade = {
            .instrument = here, .time_ns = w->now, .price = 50000 + 100 * i, .size = 1};
        fed(w, perp_market_on_trade(w->market, &trade));
        checked(w);
        settle();
    }
}
END_TEST

/* What is behind the first level moves no number of the market, only what such a job pays. */
START_TEST(a_job_that_takes_the_second_level_sees_it_move) {
    w = world_changed(calm);
    book_at(w->btc[ALPHA], w->now, BTC_ASK, BTC_ASK + 5);
    some_wait();
    for (int i = 0; i < 3; i++) {
        book_at(w->btc[ALPHA], w->now, BTC_ASK, BTC_ASK + 6 + i);
        checked(w);
        settle();
    }
}
END_TEST

/* The account has as much open as leaves room for one of the jobs, and moves through all amounts up
   to none for both, and back. */
START_TEST(the_room_of_an_account_passes_and_fails_jobs) {
    w = world_changed(calm);
    perp_call call;
    const char *json = "{\"risk\":{\"max_account_leverage\":0.1}}"; /* 100,000 USD */
    position_at(w, w->eth[ALPHA], w->now, 10, ETH_BID);
    some_wait();
    perp_job small = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    small.legs[0].quantity = small.legs[1].quantity = 0.05;
    small.notional = USD(2500);
    submit(w, &small);
    call = *signedc(w);
    ok(w, perp_core_reconfigure(w->core, &call, json, strlen(json)));
    uint32_t most = 0, least = UINT32_MAX;
    for (int i = 0; i <= 80; i++) { /* 60,000 USD to 110,000, and back */
        int step = i <= 40 ? i : 80 - i;
        mark_at(w->eth[ALPHA], w->now, 6000 + 125 * step);
        checked(w);
        settle();
        uint32_t refused = tick(w)->refused;
        most = refused > most ? refused : most;
        least = refused < least ? refused : least;
    }
    ck_assert_uint_eq(least, 0);
    ck_assert_uint_eq(most, 3);
    /* To the last digits of where one passes and fails, from both sides. */
    double passes = 6000, fails = 11000;
    for (int i = 0; i < 60; i++) {
        double between = (passes + fails) / 2;
        mark_at(w->eth[ALPHA], w->now, between);
        checked(w);
        settle();
        *(tick(w)->refused > 0 ? &fails : &passes) = between;
    }
}
END_TEST

static double leverage_of_alpha(void) {
    perp_job job = pair_job(9, w->btc[ALPHA], w->btc[BETA]);
    return evaluated(w, &job).rules[PERP_REASON_ACCOUNT_LEVERAGE].value;
}

/* Ahead of a tick facts are made one after the other: who asks in between sees all of them. */
START_TEST(what_is_put_off_ahead_of_a_tick_is_there_for_who_asks) {
    w = world_changed(calm);
    position_at(w, w->eth[ALPHA], w->now, 10, ETH_BID);
    some_wait();
    mark_at(w->eth[ALPHA], w->now, 2 * ETH_BID);
    double before = leverage_of_alpha();
    mark_at(w->eth[ALPHA], w->now, 3 * ETH_BID);
    (void)perp_facts_ahead(w->core, w->now, 0);
    double ahead = leverage_of_alpha();
    ck_assert_double_gt(ahead, 1.2 * before);
    settle();
    ck_assert_double_eq(leverage_of_alpha(), ahead);
}
END_TEST

/* ---- What runs ----------------------------------------------------------------------------------
 */

static void hedge_runs(double bought, double sold) {
    perp_job job = pair_job(99, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    perp_job_result result = pair_result(bought, sold, BTC_MID);
    ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &job.job_id, result.legs, result.n_legs));
    tick(w);
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, PERP_TIME_NONE);
}

/* The same quantity apart, which is worth more now. */
START_TEST(a_price_makes_a_job_unhedged) {
    w = world_changed(calm);
    hedge_runs(0.25, 0.2477);
    quote_at(w, w->btc[ALPHA], w->now, 1.2 * BTC_BID, 1.2 * BTC_ASK, 1000);
    tick(w);
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, w->now);
}
END_TEST

static void soon_too_long(perp_config *config) {
    calm(config);
    config->orders.max_unhedged_ms = 1000;
}

/* And another price makes it a matter no more, for its base neither. */
START_TEST(a_base_is_free_again_once_its_job_is_hedged_by_the_price) {
    w = world_changed(soon_too_long);
    hedge_runs(0.25, 0.2477);
    perp_job waits = pair_job(1, w->btc[GAMMA], w->btc[BETA]);
    submit(w, &waits);
    for (int i = 0; i < 3; i++) {
        quote_at(w, w->btc[ALPHA], w->now, 1.2 * BTC_BID, 1.2 * BTC_ASK, 1000);
        settle();
        w->now += 2 * SECOND;
        settle();
        ck_assert_uint_eq(tick(w)->refused_by[PERP_REASON_UNRESOLVED_LEG], 1);
        quote_at(w, w->btc[ALPHA], w->now, BTC_BID, BTC_ASK, 1000);
        settle();
        ck_assert_uint_eq(tick(w)->refused, 0);
    }
}
END_TEST

/* While a circuit is half open one job may run there: whether one does, each of these changes. */
START_TEST(what_runs_at_a_half_open_circuit_is_seen) {
    w = world_changed(with_short_circuits);
    perp_job busy = pair_job(99, w->eth[GAMMA], w->eth[DELTA]), jobs[4];
    busy.legs[0].quantity = busy.legs[1].quantity = 5;
    run_job(w, &busy);
    for (int i = 0; i < 2; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    settle();
    clock_at(w->now + 8 * SECOND);
    for (uint32_t i = 0; i < 4; i++) {
        jobs[i] = pair_job(i, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &jobs[i]);
    }
    settle();
    finish_all(w, &busy.job_id, PERP_RESULT_NOTHING);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    settle(); /* the others may not go there meanwhile */
    ck_assert_uint_eq(tick(w)->refused_by[PERP_REASON_EXCHANGE_DOWN], 3);
    finish_all(w, &jobs[0].job_id, PERP_RESULT_NOTHING);
    w->seen.outcome = PERP_OUTCOME_DECLINED;
    ck_assert_uint_eq(tick(w)->dispatched, 1); /* and withdrawn */
    state_is(w, 1, PERP_JOB_CANCELLED);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    settle();
    ck_assert_uint_eq(tick(w)->refused_by[PERP_REASON_EXCHANGE_DOWN], 1);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &jobs[2].job_id));
    checked(w);
    settle();
    ok(w, perp_risk_record_success(w->risk, nowc(w), ALPHA));
    checked(w);
}
END_TEST

static void with_auto_finish(perp_config *config) {
    with_short_circuits(config);
    config->orders.auto_finish = 1;
}

/* The last fill of its orders ends the job, and closes the circuit. */
START_TEST(an_end_by_orders_is_seen_at_its_exchanges) {
    w = world_changed(with_auto_finish);
    for (int i = 0; i < 2; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    settle();
    clock_at(w->now + 8 * SECOND);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]), waits = job;
    waits.job_id = id_of(2);
    run_job(w, &job);
    submit(w, &waits);
    uint64_t buys = place(w, 1, 0, 0.25), sells = place(w, 1, 1, 0.25);
    fill(w, buys, "a", 0.25, BTC_MID);
    settle();
    fill(w, sells, "b", 0.25, BTC_MID);
    checked(w);
    state_is(w, 1, PERP_JOB_OPEN);
}
END_TEST

/* Without a quote the last fill of the base says what it is worth, wherever that was. */
START_TEST(a_fill_elsewhere_makes_a_job_unhedged) {
    w = world_changed(calm);
    hedge_runs(0.25, 0.2477);
    for (int x = 0; x < N_X; x++) {
        const perp_withdrawal withdrawal = {.instrument = w->btc[x], .time_ns = w->now};
        fed(w, perp_market_on_withdraw(w->market, &withdrawal));
    }
    tick(w);
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, PERP_TIME_NONE);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = w->btc[GAMMA];
    fill.quantity = 0.001;
    fill.price = 1.2 * BTC_MID;
    fill.key.bytes[0] = 1;
    ok(w, perp_record_fill(w->core, nowc(w), &fill));
    tick(w);
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, w->now);
}
END_TEST

/* ---- What is kept of bases ----------------------------------------------------------------------
 */

static void with_net(perp_config *config) {
    calm(config);
    config->risk.max_net_exposure_usd = USD(30000);
}

static void with_gross(perp_config *config) {
    calm(config);
    config->risk.max_gross_exposure_usd = USD(50000);
}

/* A position on an exchange that the jobs have nothing to do with. */
START_TEST(a_limit_of_exposure_sees_positions_of_all_exchanges) {
    w = world_changed(_i ? with_net : with_gross);
    some_wait();
    perp_job more = pair_job(3, w->btc[ALPHA], w->btc[BETA]); /* a little more net, too */
    more.legs[1].quantity = 0.2495;
    submit(w, &more);
    settle();
    for (int i = 0; i < 4; i++) {
        perp_recorded_fill fill;
        perp_recorded_fill_init(&fill);
        fill.instrument = w->btc[GAMMA];
        fill.quantity = 0.2;
        fill.price = BTC_MID;
        fill.key.bytes[0] = (uint8_t)(i + 1);
        ok(w, perp_record_fill(w->core, nowc(w), &fill));
        checked(w);
        settle();
        uint32_t refused = tick(w)->refused;
        ck_assert_uint_eq(refused > 0, i >= 2);
    }
}
END_TEST

#if (PERP_WITH_SQLITE) /* of the store */
static void repairs_wait(perp_config *config) {
    calm(config);
    config->scheduler.auto_repair = 1;
    config->scheduler.max_global_concurrent_jobs = 9;
}

/* Opened twice, the second time from a checkpoint, which is sound: nothing is made from records. */
static void again(struct life *life) {
    life_again(life, w);
    ck_assert_uint_gt(w->core->checkpoint_seq, 0);
}

/* A job that ended apart, a base that is naked, its repair that waits, one that was cancelled, and
   drift that latched: of a book that comes back from a checkpoint, too. */
START_TEST(bases_come_back_with_their_stories) {
    struct life life;
    perp_config config;
    repairs_wait(&config);
    w = life_begin(&life, &config);
    perp_job apart = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job waits = pair_job(3, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &apart);
    finish_pair(w, &apart.job_id, 0.25, 0.1, BTC_MID);
    ck_assert_uint_eq(base_of(w, "BTC").is_naked, 1);
    submit(w, &waits);
    again(&life);
    quotes(w);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    tick(w); /* and its repair runs */
    perp_uuid repair = repair_id("BTC", 1);
    again(&life);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    checked(w);
    quotes(w);
    again(&life); /* and waits */
    id_state_is(w, &repair, PERP_JOB_PENDING);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    checked(w);
    again(&life); /* and is stopped */
    quotes(w);
    tick(w);
    ok(w, perp_resume_repair(w->core, signedc(w), "BTC"));
    checked(w);
    position_at(w, w->eth[GAMMA], w->now, 0, 0);
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    perp_job eth = pair_job(4, w->eth[GAMMA], w->eth[BETA]);
    eth.legs[0].quantity = eth.legs[1].quantity = 5;
    run_job(w, &eth);
    position_at(w, w->eth[GAMMA], w->now += SECOND, 9, 0);
    checked(w);
    again(&life); /* drift */
    repair = repair_id("BTC", 2);
    finish_all(w, &repair, PERP_RESULT_NOTHING);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    checked(w);
    tick(w);
    again(&life);
    life_end(&life, w);
}
END_TEST

/* What a repair opened before it was chosen elsewhere is its lot there all the same. */
START_TEST(a_lot_of_a_repair_that_moved_comes_back) {
    struct life life;
    perp_config config;
    repairs_wait(&config);
    w = life_begin(&life, &config);
    perp_job apart = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &apart);
    finish_pair(w, &apart.job_id, 0.25, 0, BTC_MID);
    world_api(w, ALPHA, PERP_API_DOWN);
    world_api(w, DELTA, PERP_API_DOWN);
    tick(w);
    perp_uuid repair = repair_id("BTC", 1);
    perp_order_request request = limit_order(0, 0, 0.1, BTC_MID);
    request.job_id = repair;
    uint64_t order = placed(w, &request);
    perp_instrument_id was = order_of(w, order).instrument;
    tell(w, order, PERP_NEWS_CANCELLED);
    finish_all(w, &repair, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &repair));
    fill(w, order, "late", 0.1, BTC_MID); /* it opens a lot */
    ck_assert_double_eq(position_of(w, was).quantity, -0.1);
    world_api(w, was == w->btc[BETA] ? BETA : GAMMA, PERP_API_DOWN);
    world_api(w, ALPHA, PERP_API_UP);
    pass(w, 5 * SECOND);
    tick(w);
    perp_job_info job = {.struct_size = sizeof job};
    ok(w, perp_scheduler_job(w->scheduler, &repair, &job));
    ck_assert_uint_ne(job.job.legs[0].instrument, was);
    again(&life);
    life_end(&life, w);
}
END_TEST
#endif

/* ---- Order --------------------------------------------------------------------------------------
 */

/* Many scores moved while nobody could go; who goes first then is first by those. */
START_TEST(who_is_first_follows_from_scores_that_moved_while_no_place_was_free) {
    enum { EACH = 100 };
    w = world_changed(calm);
    rates_until(w->now + 8 * HOUR, 1e-4);
    perp_job busy = pair_job(99, w->eth[GAMMA], w->eth[DELTA]);
    busy.legs[0].quantity = busy.legs[1].quantity = 5;
    run_job(w, &busy); /* in the one place */
    for (uint32_t n = 0; n < 2 * EACH; n++) {
        bool there = n % 2 == 0;
        perp_job job =
            pair_job(100 + n, w->btc[there ? ALPHA : BETA], w->btc[there ? BETA : ALPHA]);
        job.holding_hours = 24;
        job.expected_edge_bps = 500;
        job.ttl_ms = 0;
        submit(w, &job);
    }
    settle();
    bool first_was = info_of(w, 100).score > info_of(w, 101).score;
    rates_until(w->now + 8 * HOUR, -1e-4);
    tick(w);
    bool first_is = info_of(w, 100).score > info_of(w, 101).score;
    ck_assert(first_was != first_is);
    finish_pair(w, &busy.job_id, 5, 5, ETH_BID);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    uint32_t chosen = 100;
    while (chosen < 100 + 2 * EACH && info_of(w, chosen).state != PERP_JOB_RUNNING)
        chosen++;
    ck_assert_uint_eq(chosen, first_is ? 100 : 101); /* of equals the first that came */
    checked(w);
}
END_TEST

/* ---- Ticks that the store does not take ---------------------------------------------------------
 */

static bool store_fails;

static void store_begins(void *user, perp_status *status) {
    (void)user;
    *status = store_fails ? PERP_E_STORE : PERP_OK;
}

static void store_appends(void *user, const perp_record *record, perp_status *status) {
    (void)user;
    (void)record;
    *status = PERP_OK;
}

static void store_commits(void *user, perp_status *status) {
    (void)user;
    *status = PERP_OK;
}

static void store_does_nothing(void *user) {
    (void)user;
}

static void with_store(perp_config *config) {
    with_short_circuits(config);
    store_fails = false;
    config->store.begin = store_begins;
    config->store.append = store_appends;
    config->store.commit = store_commits;
    config->store.rollback = store_does_nothing;
    config->store.close = store_does_nothing;
}

static void tick_fails(void) {
    store_fails = true;
    ck_assert_int_eq(perp_scheduler_tick(w->scheduler, nowc(w), NULL), PERP_E_STORE);
    store_fails = false;
}

/* What a tick had brought about did not happen: the next one says it. */
START_TEST(a_refusal_that_the_store_did_not_take_is_told_by_the_next_tick) {
    w = world_changed(with_store);
    perp_job hedge = pair_job(1, w->btc[ALPHA], w->btc[BETA]), exit;
    run_job(w, &hedge);
    finish_pair(w, &hedge.job_id, 0.25, 0.25, BTC_MID);
    perp_job_init(&exit);
    ok(w, perp_job_fill_exit(w->core, w->now, &hedge.job_id, 1, &exit));
    exit.job_id = id_of(2);
    perp_instrument_id sol = world_instrument(w, ALPHA, "SOL/USDT:USDT", "", 0);
    perp_job unpriced = one_leg_job(3, sol, PERP_SIDE_BUY);
    submit(w, &unpriced);
    tick_fails(); /* from now on it is paused */
    ck_assert_uint_eq(info_of(w, 3).last_refusal, PERP_REASON_NONE);
    world_api(w, BETA, PERP_API_DOWN);
    submit(w, &exit);
    tick_fails();
    ck_assert_uint_eq(info_of(w, 2).last_refusal, PERP_REASON_NONE);
    tick(w);
    ck_assert_uint_eq(info_of(w, 2).last_refusal, PERP_REASON_EXCHANGE_DOWN);
}
END_TEST

/* Scores are those of the last tick that was taken. */
START_TEST(scores_of_a_tick_that_the_store_did_not_take_are_not_shown) {
    enum { JOBS = 6 };
    double before[JOBS];
    w = world_changed(with_store);
    some_wait();
    for (uint32_t n = 0; n < JOBS; n++) {
        perp_job job = pair_job(10 + n, w->btc[ALPHA], w->btc[BETA]);
        job.legs[0].leverage = 1 + n;
        submit(w, &job);
    }
    settle();
    double first = info_of(w, 10).score;
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID - 10, BTC_ASK + 10, 1000);
    settle();
    for (uint32_t n = 0; n < JOBS; n++)
        before[n] = info_of(w, 10 + n).score;
    ck_assert_double_ne(before[0], first);
    perp_instrument_id sol = world_instrument(w, ALPHA, "SOL/USDT:USDT", "", 0);
    perp_job unpriced = one_leg_job(3, sol, PERP_SIDE_BUY);
    submit(w, &unpriced); /* of which there is something to be stored */
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID - 20, BTC_ASK + 20, 1000);
    tick_fails();
    for (uint32_t n = 0; n < JOBS; n++)
        ck_assert_double_eq(info_of(w, 10 + n).score, before[n]);
}
END_TEST

/* A job was unhedged in it, but nobody heard. */
START_TEST(an_unhedged_job_that_the_store_did_not_take_is_looked_at_again) {
    w = world_changed(with_store);
    hedge_runs(0.25, 0.2477);
    quote_at(w, w->btc[ALPHA], w->now, 1.2 * BTC_BID, 1.2 * BTC_ASK, 1000);
    tick_fails();
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, PERP_TIME_NONE);
    tick(w);
    ck_assert_int_eq(info_of(w, 99).unhedged_since_ns, w->now);
}
END_TEST

/* It looked at a time that then was not: circuits and latencies of it are not those of now. */
START_TEST(a_tick_before_one_that_failed_looks_at_its_own_time) {
    w = world_changed(with_store);
    for (int i = 0; i < 40; i++) {
        const perp_latency latency = {
            .exchange = i % 2 ? BETA : GAMMA, .time_ns = w->now, .ms = 90};
        fed(w, perp_market_on_latency(w->market, &latency));
    }
    some_wait();
    for (int i = 0; i < 2; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALPHA));
    settle();
    perp_job job = pair_job(3, w->btc[GAMMA], w->btc[BETA]);
    double latency = evaluated(w, &job).components[PERP_COMPONENT_LATENCY];
    ck_assert_double_ne(latency, 50); /* it is known */
    int64_t start = w->now;
    w->now = start + 20 * SECOND;
    tick_fails();
    w->now = start + SECOND;
    ck_assert_double_eq(evaluated(w, &job).components[PERP_COMPONENT_LATENCY], latency);
    clock_at(start + SECOND);
    checked(w);
    clock_at(start + 2 * SECOND);
    checked(w);
}
END_TEST

/* The store failed beside a tick: the next one dispatches nothing, however much waits. */
START_TEST(a_store_that_failed_between_ticks_pauses_what_stands) {
    w = world_changed(with_store);
    some_wait();
    store_fails = true;
    uint64_t id;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    ck_assert_int_eq(
        perp_capital_reserve(w->capital, nowc(w), DELTA, PERP_POOL_RESERVE, 1, NULL, &id, &refusal),
        PERP_E_STORE);
    store_fails = false;
    perp_uuid busy = id_of(99);
    finish_all(w, &busy, PERP_RESULT_NOTHING);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->status, PERP_TICK_PAUSED);
    ck_assert_uint_eq(result->dispatched, 0);
    ck_assert_uint_eq(result->evaluated, 0);
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    ck_assert_uint_eq(tick(w)->dispatched, 1);
}
END_TEST

/* ---- What each call changes ---------------------------------------------------------------------
 */

#define CALL(name, call)                                                                           \
    static void name(void) {                                                                       \
        ok(w, call);                                                                               \
    }
CALL(equity, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1100000)))
CALL(transfer, perp_capital_transfer(w->capital, nowc(w), BETA, USD(-50000), 0))
CALL(correct, perp_capital_correct(w->capital, signedc(w), ALPHA, USD(1050000), NULL))
CALL(safe_mode, perp_capital_set_safe_mode(w->capital, signedc(w), ALPHA, 1))
CALL(no_safe_mode, perp_capital_set_safe_mode(w->capital, signedc(w), ALPHA, 0))
CALL(pnl, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(-20000), USD(9), USD(1), NULL))
CALL(day_offset, perp_capital_set_day_offset(w->capital, signedc(w), 5))
CALL(fails_once, perp_risk_record_failure(w->risk, nowc(w), ALPHA))
CALL(fails_nowhere, perp_risk_record_failure(w->risk, nowc(w), PERP_ALL_EXCHANGES))
CALL(does_well, perp_risk_record_success(w->risk, nowc(w), ALPHA))
CALL(reset_halt, perp_risk_reset_halt(w->risk, signedc(w)))
CALL(aggressive, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_AGGRESSIVE))
CALL(conservative, perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_CONSERVATIVE))
CALL(override, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL))
CALL(no_override, perp_risk_manual_override(w->risk, signedc(w), 0, PERP_TIME_NONE, NULL))
CALL(blacklist, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 1))
CALL(no_blacklist, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0))
CALL(halt, perp_risk_halt_instrument(w->risk, signedc(w), w->btc[ALPHA], 1))
CALL(no_halt, perp_risk_halt_instrument(w->risk, signedc(w), w->btc[ALPHA], 0))
CALL(allow,
     perp_risk_allow(w->risk, signedc(w), "ETH/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1))
CALL(no_allow,
     perp_risk_allow(w->risk, signedc(w), "ETH/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 0))
CALL(collateral, perp_risk_set_collateral(w->risk, signedc(w), GAMMA, "BTC", 3, 0.1))
CALL(pause_all, perp_scheduler_pause(w->scheduler, signedc(w)))
CALL(resume_all, perp_scheduler_resume(w->scheduler, signedc(w)))
CALL(kill_one, perp_scheduler_kill(w->scheduler, signedc(w), 1, BETA, NULL, 0, NULL))
CALL(no_kill_one, perp_scheduler_kill(w->scheduler, signedc(w), 0, BETA, NULL, 0, NULL))
CALL(kill_all, perp_scheduler_kill(w->scheduler, signedc(w), 1, PERP_ALL_EXCHANGES, NULL, 0, NULL))
CALL(no_kill_all,
     perp_scheduler_kill(w->scheduler, signedc(w), 0, PERP_ALL_EXCHANGES, NULL, 0, NULL))
CALL(advance, perp_core_advance(w->core, signed_at(w, w->now += 2 * HOUR)))
CALL(set_back, perp_core_advance(w->core, signed_at(w, w->now -= HOUR)))
CALL(accept, perp_accept_position(w->core, signedc(w), w->btc[GAMMA]))
CALL(resolve, perp_resolve(w->core, signedc(w), "BTC"))
CALL(resume_repair, perp_resume_repair(w->core, signedc(w), "BTC"))
CALL(funding_paid, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, USD(-30000),
                                    &(perp_uuid){{7}}, w->btc[ALPHA]))
CALL(ends, perp_scheduler_finish(w->scheduler, nowc(w), &(perp_uuid){{0x10, [15] = 99}},
                                 &(perp_job_result){.struct_size = sizeof(perp_job_result),
                                                    .status = PERP_RESULT_NOTHING},
                                 NULL))
CALL(ticks, perp_scheduler_tick(w->scheduler, nowc(w), NULL))
#undef CALL

static void reconfigure(const char *json) {
    ok(w, perp_core_reconfigure(w->core, signedc(w), json, strlen(json)));
}

static void other_weights(void) {
    reconfigure("{\"risk\":{\"weights\":{\"funding\":0.1,\"spread\":0.3}}}");
}

static void other_capital(void) {
    reconfigure("{\"capital\":{\"max_single_reserve_pct\":0.001}}");
}

static void other_fees(void) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    ok(w, perp_exchange_get(w->core, ALPHA, &spec));
    spec.taker_fee_bps = 9;
    spec.margin_mode = PERP_MARGIN_CROSS;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
}

static void other_minimum(void) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    ok(w, perp_instrument_get(w->core, w->btc[ALPHA], &spec));
    spec.min_notional = USD(99000);
    spec.taker_fee_bps = 3;
    ok(w, perp_instrument_update(w->core, signedc(w), &spec));
}

static void lower_limits(void) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.exchange = ALPHA;
    limits.max_notional = USD(5000);
    ok(w, perp_scheduler_set_limits(w->scheduler, signedc(w), &limits));
}

static void by_hand(void) {
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = w->btc[ALPHA];
    fill.quantity = 2;
    fill.price = BTC_MID;
    fill.key.bytes[0] = 8;
    ok(w, perp_record_fill(w->core, nowc(w), &fill));
}

static void reported(void) {
    position_at(w, w->btc[GAMMA], w->now += SECOND, 0.5, BTC_MID);
    position_at(w, w->btc[GAMMA], w->now += SECOND, 0.75, BTC_MID);
}

static void badly_reported(void) {
    perp_position_report report = report_of(w->btc[ALPHA], (double)NAN, 0);
    expect(w, PERP_E_INVALID, perp_position(w->core, nowc(w), &report, PERP_TIME_NONE));
}

static void another_day(void) {
    clock_at(w->now + 20 * HOUR);
}

static void one_more(void) {
    world_instrument(w, world_exchange(w, "omega", ""), "BTC/USDT:USDT", "", 0);
}

static const struct {
    const char *name;
    void (*happens)(void);
} THINGS[] = {
#define T(name)                                                                                    \
    { #name, name }
    T(equity),
    T(transfer),
    T(correct),
    T(pnl),
    T(safe_mode),
    T(no_safe_mode),
    T(day_offset),
    T(fails_once),
    T(does_well),
    T(fails_once),
    T(fails_once),
    T(fails_nowhere),
    T(fails_nowhere),
    T(ticks),
    T(fails_nowhere),
    T(reset_halt),
    T(does_well),
    T(aggressive),
    T(conservative),
    T(aggressive),
    T(override),
    T(no_override),
    T(blacklist),
    T(no_blacklist),
    T(halt),
    T(no_halt),
    T(allow),
    T(no_allow),
    T(collateral),
    T(pause_all),
    T(ticks),
    T(resume_all),
    T(ticks),
    T(kill_one),
    T(ticks),
    T(no_kill_one),
    T(kill_all),
    T(ticks),
    T(no_kill_all),
    T(resume_all),
    T(ticks),
    T(other_weights),
    T(other_capital),
    T(other_fees),
    T(other_minimum),
    T(lower_limits),
    T(by_hand),
    T(reported),
    T(accept),
    T(badly_reported),
    T(funding_paid),
    T(resolve),
    T(resume_repair),
    T(one_more),
    T(ends),
    T(ticks),
    T(advance),
    T(set_back),
    T(another_day),
    T(ticks)
#undef T
};

static void with_all(perp_config *config) {
    calm(config);
    config->risk.account_max_age_ms = 24 * 3600 * 1000;
    config->risk.circuit_failures = 2;
    config->risk.max_consecutive_failures = 5;
    config->risk.daily_volume_target = USD(100000);
    config->risk.max_drawdown_pct = 0.001;
}

/* One after the other, with a tick before each, or none. */
START_TEST(each_thing_that_happens_is_seen) {
    w = world_changed(with_all);
    for (int x = 0; x < N_X; x++) {
        position_at(w, w->btc[x], w->now, 0, 0);
        position_at(w, w->eth[x], w->now, 0, 0);
    }
    some_wait();
    perp_job exit = one_leg_job(3, w->btc[ALPHA], PERP_SIDE_SELL);
    exit.ttl_ms = 0;
    submit(w, &exit);
    for (size_t i = 0; i < sizeof THINGS / sizeof *THINGS; i++) {
        if (_i)
            settle();
        THINGS[i].happens();
        ck_assert_msg(perp_core_check(w->core) == PERP_OK, "%s: %s", THINGS[i].name,
                      perp_core_error(w->core));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("in force");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, NULL, close_world);
    tcase_add_test(tcase, a_blackout_begins_and_ends_with_its_minutes);
    tcase_add_test(tcase, a_settlement_that_comes_or_is_reached_counts);
    tcase_add_test(tcase, an_account_and_a_position_grow_old);
    tcase_add_test(tcase, a_book_a_mark_and_a_quote_grow_old);
    tcase_add_test(tcase, a_quote_that_is_too_far_ahead_comes_to_be);
    tcase_add_test(tcase, a_rate_grows_old);
    tcase_add_test(tcase, a_circuit_is_half_open_after_its_time);
    tcase_add_test(tcase, each_sample_of_a_latency_grows_old);
    tcase_add_test(tcase, an_answer_of_the_host_ends_with_its_time);
    tcase_add_test(tcase, an_age_that_no_double_holds_is_looked_at_each_time);
    tcase_add_loop_test(tcase, what_a_query_of_a_later_time_made_is_not_of_now, 0, 2);
    tcase_add_test(tcase, timers_stand_where_the_table_moved_to);
    tcase_add_test(tcase, a_last_price_counts_where_there_is_nothing_else);
    tcase_add_test(tcase, a_job_that_takes_the_second_level_sees_it_move);
    tcase_add_test(tcase, the_room_of_an_account_passes_and_fails_jobs);
    tcase_add_test(tcase, what_is_put_off_ahead_of_a_tick_is_there_for_who_asks);
    tcase_add_test(tcase, a_price_makes_a_job_unhedged);
    tcase_add_test(tcase, a_base_is_free_again_once_its_job_is_hedged_by_the_price);
    tcase_add_test(tcase, what_runs_at_a_half_open_circuit_is_seen);
    tcase_add_test(tcase, an_end_by_orders_is_seen_at_its_exchanges);
    tcase_add_test(tcase, a_fill_elsewhere_makes_a_job_unhedged);
    tcase_add_loop_test(tcase, a_limit_of_exposure_sees_positions_of_all_exchanges, 0, 2);
    tcase_add_test(tcase, a_refusal_that_the_store_did_not_take_is_told_by_the_next_tick);
    tcase_add_test(tcase, who_is_first_follows_from_scores_that_moved_while_no_place_was_free);
    tcase_add_test(tcase, scores_of_a_tick_that_the_store_did_not_take_are_not_shown);
    tcase_add_test(tcase, an_unhedged_job_that_the_store_did_not_take_is_looked_at_again);
    tcase_add_test(tcase, a_tick_before_one_that_failed_looks_at_its_own_time);
    tcase_add_test(tcase, a_store_that_failed_between_ticks_pauses_what_stands);
    tcase_add_loop_test(tcase, each_thing_that_happens_is_seen, 0, 2);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("in a store");
#if (PERP_WITH_SQLITE)
    tcase_add_test(tcase, bases_come_back_with_their_stories);
    tcase_add_test(tcase, a_lot_of_a_repair_that_moved_comes_back);
#endif
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
