/* A store that fails at the n-th begin, append, row or commit, for every n of a book's short life:
   what was not committed has not happened, and nobody was told of it. */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RECORDS 512
#define MAX_CALLS 4096

typedef struct row {
    uint64_t seq;
    char kind[48];
    int has_job;
    perp_uuid job;
} row;

typedef struct store {
    row committed[MAX_RECORDS], staged[MAX_RECORDS];
    uint32_t n_committed, n_staged, rollbacks, closes;
    uint32_t calls;   /* begin, append, row, commit so far */
    uint32_t fail_at; /* which one fails; 0: none */
    int in_batch;
    uint32_t commits;
} store;

static int fails_now(store *s) {
    return ++s->calls == s->fail_at;
}

static void store_begin(void *user, perp_status *status) {
    store *s = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    ck_assert(!s->in_batch);
    if (fails_now(s)) {
        return;
    }
    s->in_batch = 1;
    s->n_staged = 0;
    *status = PERP_OK;
}

static void store_append(void *user, const perp_record *record, perp_status *status) {
    store *s = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    ck_assert(s->in_batch);
    if (fails_now(s)) {
        return;
    }
    ck_assert_uint_lt(s->n_staged, MAX_RECORDS);
    row *r = &s->staged[s->n_staged++];
    memset(r, 0, sizeof *r);
    r->seq = record->seq;
    ck_assert_ptr_nonnull(record->kind);
    ck_assert_ptr_nonnull(record->data);
    ck_assert_uint_gt(record->size, 0);
    strncpy(r->kind, record->kind, sizeof r->kind - 1);
    if (record->job_id != NULL) {
        r->has_job = 1;
        r->job = *record->job_id;
    }
    *status = PERP_OK;
}

static void store_row(void *user, const perp_row *changed, perp_status *status) {
    store *s = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    ck_assert(s->in_batch);
    ck_assert_uint_gt(s->n_staged, 0);
    ck_assert_uint_gt(changed->n_keys, 0);
    if (!fails_now(s))
        *status = PERP_OK;
}

static void store_commit(void *user, perp_status *status) {
    store *s = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    ck_assert(s->in_batch);
    if (fails_now(s)) {
        return;
    }
    for (uint32_t i = 0; i < s->n_staged; i++) {
        ck_assert_uint_lt(s->n_committed, MAX_RECORDS);
        /* 1, 2, 3 … without a gap, whatever was rolled back. */
        ck_assert_uint_eq(s->staged[i].seq, s->n_committed + 1);
        s->committed[s->n_committed++] = s->staged[i];
    }
    s->in_batch = 0;
    s->commits++;
    *status = PERP_OK;
}

static void store_rollback(void *user) {
    store *s = user;
    s->in_batch = 0;
    s->n_staged = 0;
    s->rollbacks++;
}

static void store_close(void *user) {
    ((store *)user)->closes++;
}

/* The executor hears of a job only when a record of it is committed and no batch is open. */
static void on_execute(void *user, const perp_execution *job) {
    const store *s = user;
    int found = 0;
    ck_assert(!s->in_batch);
    for (uint32_t i = 0; i < s->n_committed; i++) {
        found |= s->committed[i].has_job && strstr(s->committed[i].kind, "dispatch") != NULL &&
                 memcmp(&s->committed[i].job, &job->job_id, sizeof job->job_id) == 0;
    }
    ck_assert_msg(found, "a job was executed before its dispatch was committed");
}

static void prepare(fault_book *book, perp_config *config, store *s) {
    perp_config_init(config);
    fault_config(book, config);
    book->on_execute = on_execute;
    book->user = s;
    config->store.user = s;
    config->store.begin = store_begin;
    config->store.append = store_append;
    config->store.row = store_row;
    config->store.commit = store_commit;
    config->store.rollback = store_rollback;
    config->store.close = store_close;
}

typedef struct money {
    uint32_t n;
    perp_reservation rows[64];
} money;

static money money_of(const fault_book *book) {
    money m;
    memset(&m, 0, sizeof m);
    ck_assert_int_eq(perp_capital_reservations(perp_core_capital(book->core), PERP_ALL_EXCHANGES,
                                               m.rows, 64, &m.n),
                     PERP_OK);
    return m;
}

static perp_scheduler_state scheduler_of(const fault_book *book) {
    perp_scheduler_state s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    ck_assert_int_eq(perp_scheduler_query(perp_core_scheduler(book->core), &s), PERP_OK);
    return s;
}

static perp_status resume(const fault_book *book) {
    perp_call call;
    perp_call_init(&call);
    int64_t clock = perp_core_clock(book->core);
    call.now_ns = clock == PERP_TIME_NONE ? book->now : clock;
    call.actor = "fault";
    call.reason = "the cause is gone";
    return perp_scheduler_resume(perp_core_scheduler(book->core), &call);
}

/* What must hold after a step whose store failed before anything of it was committed. */
static void nothing_happened(fault_book *book, const store *s, int step, uint64_t hash,
                             const money *before) {
    ck_assert_uint_ne(strlen(perp_core_error(book->core)), 0);
    ck_assert_msg(perp_core_hash(book->core) == hash, "store call %u: %s changed the book",
                  s->fail_at, fault_step_name(step));
    money after = money_of(book);
    ck_assert_mem_eq(&after, before, sizeof after);
    ck_assert_uint_eq(s->rollbacks, 1);
    ck_assert(!s->in_batch);
}

/* Dispatch waits for resume. Repairs and ways out do not, so there is no other tick where one is
   queued. */
static void dispatch_is_paused(fault_book *book, int step) {
    perp_scheduler_state state = scheduler_of(book);
    ck_assert_uint_eq(state.store_failed, 1);
    if (fault_step_ticks(step) && state.partial == 0 && !fault_step_exits(step)) {
        uint32_t executed = book->executed;
        perp_call call;
        perp_call_init(&call);
        call.now_ns = book->now;
        ck_assert_int_eq(perp_scheduler_tick(perp_core_scheduler(book->core), &call, &book->tick),
                         PERP_OK);
        ck_assert_uint_eq(book->tick.status, PERP_TICK_PAUSED);
        ck_assert_uint_eq(book->tick.dispatched, 0);
        ck_assert_uint_eq(book->executed, executed);
    }
    ck_assert_int_eq(resume(book), PERP_OK);
    ck_assert_uint_eq(scheduler_of(book).store_failed, 0);
}

/* Runs all steps with the fail_at-th call of the store failing (0: none). */
static void live_with_failure(uint32_t fail_at, store *s) {
    fault_book book;
    perp_config config;
    memset(s, 0, sizeof *s);
    s->fail_at = fail_at;
    prepare(&book, &config, s);
    perp_status status = fault_open(&book, &config);
    if (status != PERP_OK) {
        ck_assert_int_eq(status, PERP_E_STORE);
        ck_assert_ptr_null(book.core);
        ck_assert_uint_eq(s->closes, 1);
        fault_close(&book);
        return;
    }
    for (int step = 0; step < fault_steps(); step++) {
        uint64_t hash = perp_core_hash(book.core);
        uint32_t executed = book.executed, commits = s->commits, called = s->calls;
        money before = money_of(&book);
        status = fault_step(&book, step);
        int hit = called < fail_at && s->calls >= fail_at;
        ck_assert_uint_lt(s->calls, MAX_CALLS);
        if (hit && status == PERP_OK && s->commits == commits && fault_step_stands(step)) {
            /* What is in doubt already is so again. */
            int changes = strstr(fault_step_name(step), "PERP_RESULT_UNKNOWN") == NULL;
            ck_assert_msg(!changes || perp_core_hash(book.core) != hash, "%s changed nothing",
                          fault_step_name(step));
            ck_assert_uint_eq(scheduler_of(&book).store_failed, 1);
            int paused = scheduler_of(&book).paused != 0;
            ck_assert_int_eq(resume(&book), PERP_OK);
            if (paused) /* the steps go on where resume took that away, too */
                ck_assert_int_eq(fault_step(&book, step), PERP_OK);
            continue;
        }
        ck_assert_msg(hit || status == PERP_OK, "%s: %s (%s)", fault_step_name(step),
                      perp_status_string(status), perp_core_error(book.core));
        if (hit) {
            /* PERP_E_STORE says that nothing happened: not where the batch of a tick is committed
               and its jobs are out, and only noting an executor's answer failed. */
            perp_status wanted = s->commits == commits ? PERP_E_STORE : PERP_OK;
            ck_assert_msg(status == wanted, "store call %u, %s: %s", fail_at, fault_step_name(step),
                          perp_status_string(status));
        }
        ck_assert_msg(perp_core_check(book.core) == PERP_OK, "store call %u, %s: %s", fail_at,
                      fault_step_name(step), perp_core_error(book.core));
        if (hit && s->commits == commits) {
            ck_assert_uint_eq(book.executed, executed);
            nothing_happened(&book, s, step, hash, &before);
            dispatch_is_paused(&book, step);
            status = fault_step(&book, step);
            ck_assert_msg(status == PERP_OK, "store call %u, %s again: %s (%s)", fail_at,
                          fault_step_name(step), perp_status_string(status),
                          perp_core_error(book.core));
        } else if (hit) {
            /* The jobs of such a tick run or are in doubt, and keep their capital; dispatch waits.
               One that was declined was never sent, and is no longer, whatever the store says. The
               steps from here on are those of another life. */
            ck_assert(fault_step_ticks(step));
            ck_assert_msg(scheduler_of(&book).running > 0 || book.outcome == PERP_OUTCOME_DECLINED,
                          "store call %u, %s: nothing runs", fail_at, fault_step_name(step));
            ck_assert_uint_eq(scheduler_of(&book).store_failed, 1);
            ck_assert_int_eq(resume(&book), PERP_OK);
            break;
        }
    }
    fault_close(&book);
    ck_assert_uint_eq(s->closes, 1);
}

START_TEST(records_are_numbered_without_a_gap_and_each_change_is_one_batch) {
    static store s;
    live_with_failure(0, &s);
    ck_assert_uint_eq(s.rollbacks, 0);
    ck_assert_uint_gt(s.n_committed, 50);
    ck_assert_uint_eq(s.committed[0].seq, 1);
}
END_TEST

START_TEST(whatever_the_store_fails_at_nothing_of_the_call_has_happened) {
    static store clean, s;
    live_with_failure(0, &clean);
    for (uint32_t n = 1; n <= clean.calls; n++) {
        live_with_failure(n, &s);
    }
}
END_TEST

START_TEST(after_a_failure_the_same_life_goes_on) {
    static store clean, s;
    live_with_failure(0, &clean);
    for (uint32_t n = 1; n <= clean.calls; n += 3) {
        live_with_failure(n, &s);
        uint32_t k = 0, resumed = 0;
        if (s.n_committed < clean.n_committed) {
            continue;
        }
        for (uint32_t i = 0; i < s.n_committed; i++) {
            if (k < clean.n_committed &&
                strcmp(s.committed[i].kind, clean.committed[k].kind) == 0) {
                k++;
            } else {
                resumed++;
            }
        }
        ck_assert_msg(k == clean.n_committed && resumed <= 2,
                      "store call %u: %u of %u records, %u others", n, k, clean.n_committed,
                      resumed);
    }
}
END_TEST

START_TEST(queries_and_market_data_are_not_stored) {
    static store s;
    fault_book book;
    perp_config config;
    memset(&s, 0, sizeof s);
    prepare(&book, &config, &s);
    ck_assert_int_eq(fault_open(&book, &config), PERP_OK);
    for (int step = 0; step < 12; step++) {
        ck_assert_int_eq(fault_step(&book, step), PERP_OK);
    }
    uint32_t calls = s.calls;
    perp_quote quote = {0, 0, book.now, 50000, 1, 50001, 1};
    ck_assert_int_eq(perp_market_on_quote(perp_core_market(book.core), &quote), PERP_OK);
    perp_usd amount;
    uint32_t bound;
    ck_assert_int_eq(perp_capital_headroom(perp_core_capital(book.core), 0, 0, &amount, &bound),
                     PERP_OK);
    ck_assert_int_eq(perp_core_check(book.core), PERP_OK);
    ck_assert_uint_eq(s.calls, calls);
    fault_close(&book);
    ck_assert_uint_eq(s.closes, 1);
}
END_TEST

START_TEST(a_refused_or_failed_call_stores_no_effect) {
    static store s;
    fault_book book;
    perp_config config;
    memset(&s, 0, sizeof s);
    prepare(&book, &config, &s);
    ck_assert_int_eq(fault_open(&book, &config), PERP_OK);
    for (int step = 0; step < 12; step++) {
        ck_assert_int_eq(fault_step(&book, step), PERP_OK);
    }
    perp_call call;
    uint64_t id;
    perp_refusal refusal;
    perp_call_init(&call);
    call.now_ns = book.now;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    perp_capital *capital = perp_core_capital(book.core);
    uint32_t calls = s.calls;
    ck_assert_int_eq(perp_capital_transfer(capital, &call, 0, INT64_MIN, 0), PERP_E_RANGE);
    ck_assert_uint_eq(s.calls, calls);
    ck_assert_int_eq(perp_capital_reserve(capital, &call, 0, PERP_POOL_WASH, 900000 * PERP_USD,
                                          NULL, &id, &refusal),
                     PERP_OK);
    ck_assert_uint_ne(refusal.reason, PERP_REASON_NONE);
    for (uint32_t i = 0; i < s.n_committed; i++) {
        ck_assert_str_ne(s.committed[i].kind, "reserve");
    }
    fault_close(&book);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, records_are_numbered_without_a_gap_and_each_change_is_one_batch);
    tcase_add_test(tcase, whatever_the_store_fails_at_nothing_of_the_call_has_happened);
    tcase_add_test(tcase, after_a_failure_the_same_life_goes_on);
    tcase_add_test(tcase, queries_and_market_data_are_not_stored);
    tcase_add_test(tcase, a_refused_or_failed_call_stores_no_effect);
    suite_add_tcase(suite, tcase);
    return fault_run(suite);
}
