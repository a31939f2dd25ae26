/* Between the commit of a tick and the executor: what is looked at again before each job is handed
   over, what the executor may say, and which dispatch an answer belongs to. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BATCH = 40 };

/* What the executor does at one of the jobs, before it returns. */
struct stage {
    struct world *w;
    int executed;
    perp_uuid ids[64];
    uint64_t dispatches[64];
    int act_at; /* the how-manieth it acts at, from 1; 0: never */
    void (*act)(struct stage *stage);
    uint32_t outcome;
    uint32_t outcome_of_first; /* of the first; PERP_OUTCOME_ACCEPTED unless set */
    int64_t host_now;
    int64_t host_step; /* what passes at each hand-over */
    int ended;
    perp_uuid ended_ids[256];
    uint32_t ended_states[256];
    perp_uuid killed[64];
    uint32_t n_killed;
    atomic_int started, killing, done;
};

static struct stage stage;

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    int n = stage.executed++;
    ck_assert_uint_eq(*outcome, PERP_OUTCOME_IN_DOUBT);
    ck_assert_uint_gt(job->dispatch, 0);
    stage.ids[n % 64] = job->job_id;
    stage.dispatches[n % 64] = job->dispatch;
    stage.host_now += stage.host_step;
    if (stage.executed == stage.act_at) {
        stage.act(&stage);
    }
    *outcome = n == 0 ? stage.outcome_of_first : stage.outcome;
}

static void host_clock(void *user, int64_t *now_ns) {
    (void)user;
    ck_assert_int_eq(*now_ns, PERP_TIME_NONE);
    *now_ns = stage.host_now;
}

static void job_ended(void *user, const perp_uuid *job, uint32_t state) {
    (void)user;
    stage.ended_ids[stage.ended % 256] = *job;
    stage.ended_states[stage.ended++ % 256] = state;
}

static struct world *open_stage(perp_config *config) {
    perp_config own;
    if (config == NULL) {
        world_config(&own);
        config = &own;
    }
    config->scheduler.max_concurrent_per_exchange = 100;
    config->scheduler.max_notional_per_exchange = USD(100000000);
    config->callbacks.clock = host_clock;
    config->callbacks.on_job_end = job_ended;
    memset(&stage, 0, sizeof stage);
    stage.outcome = stage.outcome_of_first = PERP_OUTCOME_ACCEPTED;
    struct world *w = world_open_with(config, execute);
    all_have(w, USD(100000000));
    stage.w = w;
    return w;
}

static void submit_batch(struct world *w, uint32_t n) {
    for (uint32_t i = 1; i <= n; i++) {
        perp_job job = pair_job(i, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
    }
}

static perp_usd in_flight(struct world *w) {
    perp_usd sum = 0;
    for (uint32_t x = 0; x < N_X; x++) {
        sum += capital_of(w, x).total_in_flight;
    }
    return sum;
}

/* Each of the batch from the n-th on was withdrawn for a reason: cancelled, nothing held, nobody to
   blame. */
static void withdrawn_from(struct world *w, const perp_tick_result *result, uint32_t n,
                           uint32_t reason) {
    ck_assert_uint_eq(result->dispatched, n - 1);
    ck_assert_uint_eq(result->withdrawn, BATCH - (n - 1));
    for (uint32_t i = 1; i <= BATCH; i++) {
        perp_uuid id = id_of(i);
        ck_assert_int_eq(listed(result, PERP_TICK_DISPATCHED, &id), i < n);
        ck_assert_int_eq(listed(result, PERP_TICK_WITHDRAWN, &id), i >= n);
        if (i >= n) {
            reason_is(reason_in(result, PERP_TICK_WITHDRAWN, &id), reason);
            state_is(w, i, PERP_JOB_CANCELLED);
            ck_assert_int_eq(info_of(w, i).held, 0);
        } else {
            state_is(w, i, PERP_JOB_RUNNING);
        }
    }
    ck_assert_int_eq(in_flight(w), 2 * (n - 1) * USD(12500));
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    ck_assert_uint_eq(scheduler_of(w).running, n - 1);
    checked(w);
}

static void kill_all(struct stage *s) {
    ok(s->w,
       perp_scheduler_kill(s->w->scheduler, nowc(s->w), 1, ALL_X, s->killed, 64, &s->n_killed));
}

START_TEST(nothing_is_handed_over_after_a_kill_from_inside_execute) {
    struct world *w = open_stage(NULL);
    stage.act_at = 5;
    stage.act = kill_all;
    submit_batch(w, BATCH);
    perp_tick_result *result = tick(w);
    ck_assert_int_eq(stage.executed, 5);
    ck_assert_uint_eq(stage.n_killed, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert(same_id(&stage.killed[i], &stage.ids[i]));
    }
    ck_assert_uint_eq(result->status, PERP_TICK_OK);
    withdrawn_from(w, result, 6, PERP_REASON_KILLED);
    ck_assert_int_eq(stage.ended, BATCH - 5);
    for (int i = 0; i < stage.ended; i++) {
        ck_assert_uint_eq(stage.ended_states[i], PERP_JOB_CANCELLED);
    }
    ck_assert_uint_eq(tick(w)->status, PERP_TICK_KILLED);
    world_close(w);
}
END_TEST

static void *kill_thread(void *user) {
    struct stage *s = user;
    while (!atomic_load(&s->started)) {
    }
    perp_call call;
    perp_call_init(&call);
    call.now_ns = s->w->now;
    atomic_store(&s->killing, 1);
    ok(s->w, perp_scheduler_kill(s->w->scheduler, &call, 1, ALL_X, s->killed, 64, &s->n_killed));
    atomic_store(&s->done, 1);
    return NULL;
}

/* Waits for the kill to be under way at the third job, and for its end at the fifth: how many of
   the batch go out depends on the threads, that none goes after it does not. */
static int over_after_kill;

static void execute_threaded(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    int done = atomic_load(&stage.done);
    int n = stage.executed++;
    stage.ids[n % 64] = job->job_id;
    if (done) {
        int in_list = 0;
        for (uint32_t i = 0; i < stage.n_killed; i++) {
            in_list |= same_id(&stage.killed[i], &job->job_id);
        }
        over_after_kill += !in_list;
    }
    if (n == 2) {
        atomic_store(&stage.started, 1);
        while (!atomic_load(&stage.killing)) {
        }
    }
    if (n == 4) {
        while (!atomic_load(&stage.done)) {
        }
    }
    *outcome = PERP_OUTCOME_ACCEPTED;
}

START_TEST(nothing_is_handed_over_after_a_kill_from_another_thread) {
    perp_config config;
    world_config(&config);
    config.scheduler.max_concurrent_per_exchange = 100;
    config.scheduler.max_notional_per_exchange = USD(100000000);
    memset(&stage, 0, sizeof stage);
    over_after_kill = 0;
    struct world *w = world_open_with(&config, execute_threaded);
    stage.w = w;
    all_have(w, USD(100000000));
    submit_batch(w, BATCH);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_thread, &stage), 0);
    perp_tick_result *result = tick(w);
    pthread_join(thread, NULL);
    ck_assert_int_eq(over_after_kill, 0);
    ck_assert_int_ge(stage.executed, 3);
    ck_assert_int_le(stage.executed, 5);
    /* The list of the kill is what went out, neither more nor less. */
    ck_assert_uint_eq(stage.n_killed, (uint32_t)stage.executed);
    for (int i = 0; i < stage.executed; i++) {
        ck_assert(same_id(&stage.killed[i], &stage.ids[i]));
    }
    withdrawn_from(w, result, (uint32_t)stage.executed + 1, PERP_REASON_KILLED);
    world_close(w);
}
END_TEST

static void kill_alpha(struct stage *s) {
    ok(s->w, perp_scheduler_kill(s->w->scheduler, nowc(s->w), 1, ALPHA, NULL, 0, NULL));
}

static void pause_now(struct stage *s) {
    ok(s->w, perp_scheduler_pause(s->w->scheduler, nowc(s->w)));
}

static void blacklist_btc(struct stage *s) {
    ok(s->w, perp_risk_blacklist(s->w->risk, nowc(s->w), "BTC/USDT:USDT", 1));
}

static void beta_down(struct stage *s) {
    ok(s->w, perp_market_on_status(s->w->market, &(perp_exchange_status){.exchange = BETA,
                                                                         .time_ns = s->w->now,
                                                                         .api = PERP_API_DOWN}));
}

static void halt_btc(struct stage *s) {
    ok(s->w, perp_risk_halt_instrument(s->w->risk, nowc(s->w), s->w->btc[BETA], 1));
}

static void (*const stops[])(struct stage *) = {kill_all,      kill_alpha, pause_now,
                                                blacklist_btc, beta_down,  halt_btc};
static const uint32_t stop_reasons[] = {PERP_REASON_KILLED,        PERP_REASON_KILLED,
                                        PERP_REASON_PAUSED,        PERP_REASON_BLACKLISTED,
                                        PERP_REASON_EXCHANGE_DOWN, PERP_REASON_BLACKLISTED};

START_TEST(each_stop_withdraws_what_was_not_handed_over) {
    struct world *w = open_stage(NULL);
    stage.act_at = 3;
    stage.act = stops[_i];
    submit_batch(w, BATCH);
    perp_tick_result *result = tick(w);
    withdrawn_from(w, result, 4, stop_reasons[_i]);
    world_close(w);
}
END_TEST

/* A job on other exchanges than the killed one is none of the switch's business. */
START_TEST(a_stop_of_one_exchange_leaves_the_others) {
    struct world *w = open_stage(NULL);
    stage.act_at = 1;
    stage.act = kill_alpha;
    submit_batch(w, 2);
    perp_job other = pair_job(3, w->btc[GAMMA], w->btc[BETA]);
    submit(w, &other);
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2);
    ck_assert_uint_eq(result->withdrawn, 1);
    state_is(w, 2, PERP_JOB_CANCELLED);
    state_is(w, 3, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

/* Of the stops only kill, a failed store and lateness hold against what only makes positions
   smaller. */
START_TEST(the_way_out_passes_pause_blacklist_and_down) {
    struct world *w = open_stage(NULL);
    position_at(w, w->eth[BETA], w->now, 100, ETH_BID);
    perp_job first = pair_job(1, w->btc[ALPHA], w->btc[GAMMA]);
    first.priority = 100;
    submit(w, &first);
    perp_job exit = one_leg_job(2, w->eth[BETA], PERP_SIDE_SELL);
    exit.notional = USD(625.02);
    submit(w, &exit);
    stage.act_at = 1;
    stage.act = stops[_i];
    if (stops[_i] == blacklist_btc) {
        ok(w, perp_risk_blacklist(w->risk, signedc(w), "ETH/USDT:USDT", 0));
    }
    perp_tick_result *result = tick(w);
    int goes = stops[_i] != kill_all;
    ck_assert_uint_eq(result->withdrawn, goes ? 0 : 1);
    state_is(w, 2, goes ? PERP_JOB_RUNNING : PERP_JOB_CANCELLED);
    world_close(w);
}
END_TEST

START_TEST(what_waits_too_long_by_the_hosts_clock_is_withdrawn) {
    perp_config config;
    world_config(&config);
    config.scheduler.max_handover_ms = 100;
    struct world *w = open_stage(&config);
    stage.host_now = 7 * SECOND;
    stage.host_step = 50 * MS; /* the third is handed over 100 ms after the tick began: not more */
    submit_batch(w, BATCH);
    perp_tick_result *result = tick(w);
    ck_assert_int_eq(stage.executed, 3);
    withdrawn_from(w, result, 4, PERP_REASON_HANDOVER_LATE);
    world_close(w);
}
END_TEST

START_TEST(a_host_without_a_clock_is_never_late) {
    perp_config config;
    world_config(&config);
    config.scheduler.max_handover_ms = 1;
    struct world *w = open_stage(&config);
    stage.host_now = PERP_TIME_NONE;
    submit_batch(w, BATCH);
    ck_assert_uint_eq(tick(w)->dispatched, BATCH);
    world_close(w);
}
END_TEST

START_TEST(a_declined_job_is_cancelled_and_nobody_is_to_blame) {
    struct world *w = open_stage(NULL);
    submit_batch(w, 2);
    stage.outcome = stage.outcome_of_first = PERP_OUTCOME_DECLINED;
    perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->dispatched, 2); /* whatever the executor answered */
    ck_assert_uint_eq(result->running, 0);
    state_is(w, 1, PERP_JOB_CANCELLED);
    ck_assert_int_eq(in_flight(w), 0);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    ck_assert_uint_eq(exchange_of(w, ALPHA).concurrent_jobs, 0);
    stage.outcome = PERP_OUTCOME_REFUSED;
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    tick(w);
    state_is(w, 3, PERP_JOB_FAILED);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 1);
    world_close(w);
}
END_TEST

static void finish_next(struct stage *s) {
    perp_uuid next = id_of((uint32_t)s->executed + 1);
    finish_all(s->w, &next, PERP_RESULT_FAILED);
}

static void requeue_next(struct stage *s) {
    perp_uuid next = id_of((uint32_t)s->executed + 1);
    finish_all(s->w, &next, PERP_RESULT_UNKNOWN);
    ok(s->w, perp_scheduler_requeue(s->w->scheduler, nowc(s->w), &next));
}

/* Also of another thread: it makes the same calls between two turns. */
START_TEST(what_was_finished_or_requeued_before_its_turn_is_not_handed_out) {
    struct world *w = open_stage(NULL);
    submit_batch(w, 3);
    stage.act_at = 1;
    stage.act = _i ? requeue_next : finish_next;
    perp_tick_result *result = tick(w);
    ck_assert_int_eq(stage.executed, 2);
    perp_uuid third = id_of(3);
    ck_assert(same_id(&stage.ids[1], &third));
    ck_assert_uint_eq(result->withdrawn, 0);
    state_is(w, 2, _i ? PERP_JOB_PENDING : PERP_JOB_FAILED);
    if (_i) {
        tick(w); /* and the requeued one has its next turn, by another number */
        ck_assert_int_eq(stage.executed, 3);
        ck_assert_uint_gt(stage.dispatches[2], stage.dispatches[1]);
        state_is(w, 2, PERP_JOB_RUNNING);
    }
    world_close(w);
}
END_TEST

static perp_job_result answer(uint32_t status, uint64_t dispatch) {
    perp_job_result result;
    perp_job_result_init(&result);
    result.status = status;
    result.dispatch = dispatch;
    return result;
}

START_TEST(an_answer_to_an_earlier_dispatch_changes_nothing) {
    struct world *w = open_stage(NULL);
    perp_uuid id = id_of(1);
    stage.outcome_of_first = PERP_OUTCOME_IN_DOUBT;
    submit_batch(w, 1);
    perp_tick_result *result = tick(w);
    uint64_t first = info_of(w, 1).dispatch;
    ck_assert_uint_eq(first, stage.dispatches[0]);
    ck_assert_uint_eq(result->items[0].dispatch, first);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
    perp_job_result late = answer(PERP_RESULT_COMPLETED, first);
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    fails(w, PERP_E_CONFLICT, /* while it waits */
          perp_scheduler_finish(w->scheduler, nowc(w), &id, &late, &outcome));
    tick(w);
    uint64_t second = info_of(w, 1).dispatch;
    ck_assert_uint_gt(second, first);
    fails(w, PERP_E_CONFLICT, /* and while it runs again */
          perp_scheduler_finish(w->scheduler, nowc(w), &id, &late, &outcome));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "dispatch: "));
    state_is(w, 1, PERP_JOB_RUNNING);
    perp_job_result right = answer(PERP_RESULT_COMPLETED, second);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &right, &outcome));
    state_is(w, 1, PERP_JOB_OPEN);
    world_close(w);
}
END_TEST

static void requeue_self(struct stage *s) {
    perp_uuid id = id_of(1);
    s->act_at = 0;
    finish_all(s->w, &id, PERP_RESULT_UNKNOWN);
    ok(s->w, perp_scheduler_requeue(s->w->scheduler, nowc(s->w), &id));
}

/* The executor's own answer comes when the job waits again: it is of an earlier dispatch. */
START_TEST(an_executor_that_answers_after_a_requeue_is_not_heard) {
    struct world *w = open_stage(NULL);
    stage.act_at = 1;
    stage.act = requeue_self;
    stage.outcome_of_first = PERP_OUTCOME_REFUSED;
    submit_batch(w, 1);
    tick(w);
    state_is(w, 1, PERP_JOB_PENDING);
    ck_assert_uint_eq(risk_of(w).consecutive_failures, 0);
    world_close(w);
}
END_TEST

/* ---- A tick whose executor hangs, and other threads beside it ----------------------------------
 */

/* The executor of the hanging tick holds its first job until it is let go; those of other ticks
   answer at once. */
static struct {
    struct world *w;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int hangs, let_go;
    uint32_t outcome; /* of the one that hangs */
    uint32_t n_out;
    perp_uuid out[64]; /* what was handed over, in order, by any tick */
    perp_tick_result result;
} hang;

static void execute_hanging(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    pthread_mutex_lock(&hang.lock);
    hang.out[hang.n_out++ % 64] = job->job_id;
    *outcome = PERP_OUTCOME_ACCEPTED;
    if (!hang.hangs) {
        hang.hangs = 1;
        *outcome = hang.outcome;
        pthread_cond_broadcast(&hang.changed);
        while (!hang.let_go) {
            pthread_cond_wait(&hang.changed, &hang.lock);
        }
    }
    pthread_mutex_unlock(&hang.lock);
}

static void *tick_thread(void *user) {
    struct world *w = user;
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now;
    ok(w, perp_scheduler_tick(w->scheduler, &call, &hang.result));
    return NULL;
}

/* Starts a tick of a batch in another thread, and returns when its executor has the first job. */
static pthread_t tick_that_hangs(uint32_t n, uint32_t outcome) {
    perp_config config;
    pthread_t thread;
    world_config(&config);
    config.scheduler.max_concurrent_per_exchange = 100;
    config.scheduler.max_notional_per_exchange = USD(100000000);
    memset(&hang, 0, sizeof hang);
    memset(&stage, 0, sizeof stage);
    pthread_mutex_init(&hang.lock, NULL);
    pthread_cond_init(&hang.changed, NULL);
    hang.outcome = outcome;
    hang.w = stage.w = world_open_with(&config, execute_hanging);
    all_have(hang.w, USD(100000000));
    submit_batch(hang.w, n);
    perp_tick_result_init(&hang.result);
    ck_assert_int_eq(pthread_create(&thread, NULL, tick_thread, hang.w), 0);
    pthread_mutex_lock(&hang.lock);
    while (!hang.hangs) {
        pthread_cond_wait(&hang.changed, &hang.lock);
    }
    pthread_mutex_unlock(&hang.lock);
    return thread;
}

static void let_go(pthread_t thread) {
    pthread_mutex_lock(&hang.lock);
    hang.let_go = 1;
    pthread_cond_broadcast(&hang.changed);
    pthread_mutex_unlock(&hang.lock);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void hang_ends(void) {
    perp_tick_result_free(&hang.result);
    world_close(hang.w);
    pthread_cond_destroy(&hang.changed);
    pthread_mutex_destroy(&hang.lock);
}

static uint32_t times_out(uint32_t n) {
    uint32_t times = 0;
    perp_uuid id = id_of(n);
    for (uint32_t i = 0; i < hang.n_out; i++) {
        times += (uint32_t)same_id(&hang.out[i], &id);
    }
    return times;
}

/* Somebody who knows that nothing of it was sent. */
static void requeue_job(struct world *w, uint32_t n) {
    perp_uuid id = id_of(n);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    ok(w, perp_scheduler_requeue(w->scheduler, nowc(w), &id));
}

START_TEST(no_stop_waits_for_an_executor_that_hangs_and_nothing_goes_after_it) {
    pthread_t thread = tick_that_hangs(BATCH, PERP_OUTCOME_ACCEPTED);
    stops[_i](&stage); /* returns while the executor hangs */
    let_go(thread);
    ck_assert_uint_eq(hang.n_out, 1);
    withdrawn_from(hang.w, &hang.result, 2, stop_reasons[_i]);
    hang_ends();
}
END_TEST

/* Its turn in the first tick comes when it runs by the second one. */
START_TEST(what_was_requeued_and_runs_again_is_not_handed_over_a_second_time) {
    pthread_t thread = tick_that_hangs(3, PERP_OUTCOME_ACCEPTED);
    requeue_job(hang.w, 2);
    perp_tick_result *second = tick(hang.w);
    perp_uuid id = id_of(2);
    uint64_t dispatch = info_of(hang.w, 2).dispatch;
    ck_assert_uint_eq(second->dispatched, 1);
    ck_assert_uint_eq(times_out(2), 1);
    let_go(thread);
    ck_assert_uint_eq(times_out(1), 1);
    ck_assert_uint_eq(times_out(2), 1);
    ck_assert_uint_eq(times_out(3), 1);
    ck_assert_uint_eq(info_of(hang.w, 2).dispatch, dispatch);
    state_is(hang.w, 2, PERP_JOB_RUNNING);
    /* The first tick does not claim it: a host that takes what was dispatched from the result
       would send it again. */
    ck_assert(!listed(&hang.result, PERP_TICK_DISPATCHED, &id));
    ck_assert(!listed(&hang.result, PERP_TICK_WITHDRAWN, &id));
    ck_assert_uint_eq(hang.result.dispatched, 2);
    ck_assert_uint_eq(hang.result.withdrawn, 0);
    hang_ends();
}
END_TEST

static const uint32_t late_answers[] = {PERP_OUTCOME_REFUSED, PERP_OUTCOME_DECLINED,
                                        PERP_OUTCOME_IN_DOUBT};

START_TEST(a_late_answer_of_the_executor_leaves_alone_what_runs_again) {
    pthread_t thread = tick_that_hangs(1, late_answers[_i]);
    requeue_job(hang.w, 1);
    ck_assert_uint_eq(tick(hang.w)->dispatched, 1);
    uint64_t dispatch = info_of(hang.w, 1).dispatch;
    uint64_t hash = perp_core_hash(hang.w->core);
    let_go(thread);
    ck_assert(perp_core_hash(hang.w->core) == hash);
    ck_assert_uint_eq(info_of(hang.w, 1).dispatch, dispatch);
    state_is(hang.w, 1, PERP_JOB_RUNNING);
    ck_assert_uint_eq(risk_of(hang.w).consecutive_failures, 0);
    ck_assert_int_eq(in_flight(hang.w), 2 * USD(12500));
    hang_ends();
}
END_TEST

/* A host that polls: its clock is all that is asked between the commit and its turn. */
static void clock_requeues(void *user, int64_t *now_ns) {
    struct world *w = user;
    *now_ns = 0;
    if (w->core && ++stage.executed == stage.act_at) {
        requeue_job(w, 1);
    }
}

START_TEST(a_host_that_polls_is_not_given_what_was_requeued_before_its_turn) {
    perp_config config;
    world_config(&config);
    config.callbacks.clock = clock_requeues;
    memset(&stage, 0, sizeof stage);
    struct world *w = world_open_with(&config, NULL);
    stage.act_at = 2; /* the tick begins, the first job's turn */
    submit_batch(w, 2);
    perp_tick_result *result = tick(w);
    perp_uuid first = id_of(1), second = id_of(2);
    ck_assert_int_eq(stage.executed, 3);
    ck_assert_uint_eq(result->dispatched, 1);
    ck_assert(!listed(result, PERP_TICK_DISPATCHED, &first));
    ck_assert(listed(result, PERP_TICK_DISPATCHED, &second));
    state_is(w, 1, PERP_JOB_PENDING);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    state_is(w, 1, PERP_JOB_RUNNING);
    world_close(w);
}
END_TEST

/* Before the n-th turn the repair of BTC is cancelled. */
static void clock_cancels_repair(void *user, int64_t *now_ns) {
    struct world *w = user;
    *now_ns = 0;
    if (w->core && ++stage.executed == stage.act_at) {
        perp_uuid repair = base_of(w, "BTC").repair;
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &repair));
    }
}

START_TEST(a_repair_that_is_cancelled_before_its_turn_is_planned_again) {
    perp_config config;
    world_config(&config);
    config.callbacks.clock = clock_cancels_repair;
    memset(&stage, 0, sizeof stage);
    struct world *w = world_open(&config);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_uuid id = id_of(1);
    run_job(w, &job);
    finish_pair(w, &id, 0.25, 0, BTC_MID);
    ck_assert(base_of(w, "BTC").is_naked);
    stage.executed = 0;
    stage.act_at = 2;
    int before = w->seen.executed;
    tick(w);
    ck_assert_int_ge(stage.executed, 2);
    ck_assert_int_eq(w->seen.executed, before);
    ck_assert(base_of(w, "BTC").is_naked && !base_of(w, "BTC").has_repair);
    pass(w, SECOND);
    tick(w);
    ck_assert_int_eq(w->seen.executed, before + 1);
    ck_assert(base_of(w, "BTC").has_repair);
    world_close(w);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("handover");
    TCase *c = tcase_create("handover");
    int n_stops = (int)(sizeof stops / sizeof stops[0]);
    tcase_add_test(c, nothing_is_handed_over_after_a_kill_from_inside_execute);
    tcase_add_test(c, nothing_is_handed_over_after_a_kill_from_another_thread);
    tcase_add_loop_test(c, each_stop_withdraws_what_was_not_handed_over, 0, n_stops);
    tcase_add_test(c, a_stop_of_one_exchange_leaves_the_others);
    tcase_add_loop_test(c, the_way_out_passes_pause_blacklist_and_down, 0, n_stops);
    tcase_add_test(c, what_waits_too_long_by_the_hosts_clock_is_withdrawn);
    tcase_add_test(c, a_host_without_a_clock_is_never_late);
    tcase_add_test(c, a_declined_job_is_cancelled_and_nobody_is_to_blame);
    tcase_add_loop_test(c, what_was_finished_or_requeued_before_its_turn_is_not_handed_out, 0, 2);
    tcase_add_test(c, an_answer_to_an_earlier_dispatch_changes_nothing);
    tcase_add_test(c, an_executor_that_answers_after_a_requeue_is_not_heard);
    tcase_add_loop_test(c, no_stop_waits_for_an_executor_that_hangs_and_nothing_goes_after_it, 0,
                        n_stops);
    tcase_add_test(c, what_was_requeued_and_runs_again_is_not_handed_over_a_second_time);
    tcase_add_loop_test(c, a_late_answer_of_the_executor_leaves_alone_what_runs_again, 0, 3);
    tcase_add_test(c, a_host_that_polls_is_not_given_what_was_requeued_before_its_turn);
    tcase_add_test(c, a_repair_that_is_cancelled_before_its_turn_is_planned_again);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    return run_suite(suite());
}
