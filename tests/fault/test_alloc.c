/* The n-th allocation fails, for every n of a book's short life: the call says so and has changed
   nothing, and made again it succeeds. */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

typedef struct memory {
    size_t bytes;     /* handed out and not yet given back */
    uint64_t count;   /* allocations so far */
    uint64_t fail_at; /* which one fails; 0: none */
} memory;

/* Each block remembers its size, so that a wrong size at release is seen. */
typedef union header {
    size_t size;
    max_align_t align;
} header;

static void *allocate(void *user, size_t size) {
    memory *m = user;
    if (++m->count == m->fail_at) {
        return NULL;
    }
    header *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    m->bytes += size;
    memset(block + 1, 0xA5, size);
    return block + 1;
}

static void release(void *user, void *block, size_t size) {
    memory *m = user;
    header *head = (header *)block - 1;
    /* No assertion where it holds: Check writes a line to a file for each, which takes longer than
       all else here. */
    if (head->size != size) {
        ck_abort_msg("%zu bytes are released as %zu", head->size, size);
    }
    m->bytes -= size;
    free(head);
}

static void prepare(fault_book *book, perp_config *config, memory *m) {
    perp_config_init(config);
    fault_config(book, config);
    config->allocator.user = m;
    config->allocator.allocate = allocate;
    config->allocator.release = release;
}

/* Whether a tick sent its jobs out and had no memory to note what the executor said of them: they
   stay in doubt, and the steps after it are those of another life. */
static int answers_are_lost(const fault_book *book, int step) {
    perp_scheduler_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ck_assert_int_eq(perp_scheduler_query(perp_core_scheduler(book->core), &state), PERP_OK);
    return fault_step_ticks(step) && book->outcome == PERP_OUTCOME_REFUSED && state.running > 0;
}

/* Runs all steps with the allocation fail_at failing (0: none); how many allocations there were.
 *final_hash: 0 where the life ended early. */
static uint64_t live_with_failure(uint64_t fail_at, uint64_t *final_hash) {
    memory m = {0, 0, fail_at};
    fault_book book;
    perp_config config;
    prepare(&book, &config, &m);
    perp_status status = fault_open(&book, &config);
    if (status != PERP_OK) {
        ck_assert_int_eq(status, PERP_E_NOMEM);
        ck_assert_ptr_null(book.core);
        ck_assert_uint_eq(m.bytes, 0);
        fault_close(&book);
        return m.count;
    }
    for (int step = 0; step < fault_steps(); step++) {
        const uint64_t taken = m.count;
        uint64_t hash = perp_core_hash(book.core);
        ck_assert_uint_eq(m.count, taken); /* it can be told when there is no memory */
        int64_t clock = perp_core_clock(book.core);
        uint32_t executed = book.executed;
        int before = m.count < fail_at;
        status = fault_step(&book, step);
        if (status != PERP_OK) {
            ck_assert_msg(status == PERP_E_NOMEM, "allocation %llu, %s: %s (%s)",
                          (unsigned long long)fail_at, fault_step_name(step),
                          perp_status_string(status), perp_core_error(book.core));
            ck_assert_msg(perp_core_hash(book.core) == hash && perp_core_clock(book.core) == clock,
                          "allocation %llu: %s changed the book", (unsigned long long)fail_at,
                          fault_step_name(step));
            ck_assert_uint_eq(book.executed, executed);
            ck_assert_uint_ne(strlen(perp_core_error(book.core)), 0);
            status = fault_step(&book, step);
            ck_assert_msg(status == PERP_OK, "allocation %llu, %s again: %s (%s)",
                          (unsigned long long)fail_at, fault_step_name(step),
                          perp_status_string(status), perp_core_error(book.core));
        }
        ck_assert_msg(perp_core_check(book.core) == PERP_OK, "allocation %llu, %s: %s",
                      (unsigned long long)fail_at, fault_step_name(step),
                      perp_core_error(book.core));
        if (before && m.count >= fail_at && answers_are_lost(&book, step)) {
            *final_hash = 0;
            break;
        }
    }
    if (*final_hash != 0) {
        *final_hash = perp_core_hash(book.core);
    }
    fault_close(&book);
    ck_assert_msg(m.bytes == 0, "allocation %llu: %zu bytes leak", (unsigned long long)fail_at,
                  m.bytes);
    return m.count;
}

START_TEST(a_book_gives_back_all_its_memory) {
    uint64_t hash = 1;
    ck_assert_uint_gt(live_with_failure(0, &hash), 0);
}
END_TEST

START_TEST(whatever_allocation_fails_the_call_fails_whole_and_can_be_made_again) {
    uint64_t clean = 1;
    uint64_t allocations = live_with_failure(0, &clean);
    for (uint64_t n = 1; n <= allocations; n += fault_every()) {
        uint64_t hash = clean;
        live_with_failure(n, &hash);
        ck_assert_msg(hash == clean || hash == 0, "allocation %llu: another book came of it",
                      (unsigned long long)n);
    }
}
END_TEST

START_TEST(a_core_counts_its_own_memory) {
    memory m = {0, 0, 0};
    fault_book book;
    perp_config config;
    perp_core_stats stats;
    prepare(&book, &config, &m);
    ck_assert_int_eq(fault_open(&book, &config), PERP_OK);
    for (int step = 0; step < 30; step++) {
        ck_assert_int_eq(fault_step(&book, step), PERP_OK);
    }
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    ck_assert_int_eq(perp_core_statistics(book.core, &stats), PERP_OK);
    ck_assert_uint_le(stats.allocated_bytes, m.bytes);
    ck_assert_uint_gt(stats.allocated_bytes, 0);
    fault_close(&book);
}
END_TEST

/* The hot path: quotes, evaluation, reserving, releasing, a tick that dispatches. */
START_TEST(the_hot_path_allocates_nothing) {
    memory m = {0, 0, 0};
    fault_book book;
    perp_config config;
    perp_evaluation e;
    perp_job job;
    perp_call call;
    prepare(&book, &config, &m);
    ck_assert_int_eq(fault_open(&book, &config), PERP_OK);
    for (int step = 0; step < 30; step++) {
        ck_assert_int_eq(fault_step(&book, step), PERP_OK);
    }
    perp_evaluation_init(&e);
    perp_job_init(&job);
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = PERP_USD;
    job.n_legs = 1;
    job.legs[0].quantity = 0.00002;
    perp_call_init(&call);
    call.now_ns = book.now;
    /* Once to warm up. */
    for (int i = 0; i < 100; i++) {
        uint64_t before = m.count, id = 0;
        perp_refusal refusal;
        double bid = 50000 + i;
        perp_quote quote = {0, 0, book.now, bid, 1, bid + 1, 1};
        memset(&refusal, 0, sizeof refusal);
        refusal.struct_size = sizeof refusal;
        ck_assert_int_eq(perp_market_on_quote(perp_core_market(book.core), &quote), PERP_OK);
        ck_assert_int_eq(perp_risk_evaluate(perp_core_risk(book.core), book.now, &job, &e),
                         PERP_OK);
        ck_assert_int_eq(perp_capital_reserve(perp_core_capital(book.core), &call, 0,
                                              PERP_POOL_WASH, PERP_USD, NULL, &id, &refusal),
                         PERP_OK);
        ck_assert_uint_ne(id, 0);
        ck_assert_int_eq(perp_capital_release(perp_core_capital(book.core), &call, id, 0), PERP_OK);
        ck_assert(i == 0 || m.count == before);
    }
    fault_close(&book);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("allocation");
    TCase *tcase = tcase_create("allocation");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, a_book_gives_back_all_its_memory);
    tcase_add_test(tcase, whatever_allocation_fails_the_call_fails_whole_and_can_be_made_again);
    tcase_add_test(tcase, a_core_counts_its_own_memory);
    tcase_add_test(tcase, the_hot_path_allocates_nothing);
    suite_add_tcase(suite, tcase);
    return fault_run(suite);
}
