/* Readers and those who change the book take turns: neither keeps the other out. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N_DECIDERS = 4, N_SNAPSHOTS = 200, MOST_DECISIONS = 20000000 };

struct busy {
    perp_core *core;
    atomic_int stop;
    atomic_uint decisions;
    atomic_uint failures;
};

static void *decide_main(void *argument) {
    struct busy *busy = argument;
    perp_call call;
    perp_call_init(&call);
    call.now_ns = START;
    for (perp_usd n = 0; !atomic_load(&busy->stop); n++) {
        if (atomic_fetch_add(&busy->decisions, 1) >= MOST_DECISIONS) {
            break;
        }
        if (perp_capital_update_equity(perp_core_capital(busy->core), &call, ALPHA,
                                       USD(1000000) + n) != PERP_OK) {
            atomic_fetch_add(&busy->failures, 1);
        }
    }
    return NULL;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Decisions are counted, not time. A snapshot of few jobs is one hold of the lock: those that were
   already under way, and the few that a reader lets pass, may go before it; the system may also
   take the reader from its processor before it has asked, so that the bound is held by most. */
START_TEST(a_reader_gets_its_turn_beside_four_that_decide) {
    struct world *w = world_open(NULL);
    struct busy busy = {.core = w->core};
    pthread_t threads[N_DECIDERS];
    static perp_monitor_state snapshot;
    static uint32_t waited[N_SNAPSHOTS];
    for (int i = 0; i < N_DECIDERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decide_main, &busy), 0);
    }
    while (atomic_load(&busy.decisions) < 100) {
    }
    uint64_t seq = 0;
    for (int i = 0; i < N_SNAPSHOTS; i++) {
        snapshot.struct_size = sizeof snapshot;
        uint32_t before = atomic_load(&busy.decisions);
        ok(w, perp_monitor_snapshot(w->core, START, &snapshot));
        waited[i] = atomic_load(&busy.decisions) - before;
        ck_assert_uint_ge(snapshot.seq, seq);
        seq = snapshot.seq;
    }
    uint32_t decisions = atomic_load(&busy.decisions);
    atomic_store(&busy.stop, 1);
    for (int i = 0; i < N_DECIDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    qsort(waited, N_SNAPSHOTS, sizeof *waited, by_size);
    ck_assert_uint_lt(decisions, MOST_DECISIONS);
    ck_assert_msg(waited[N_SNAPSHOTS / 2] <= 1000, "half of the snapshots waited for %u decisions",
                  waited[N_SNAPSHOTS / 2]);
    ck_assert_uint_eq(atomic_load(&busy.failures), 0);
    world_close(w);
}
END_TEST

struct readers {
    perp_core *core;
    atomic_int stop;
};

static void *read_main(void *argument) {
    struct readers *readers = argument;
    perp_monitor_state *snapshot = malloc(sizeof *snapshot);
    while (snapshot && !atomic_load(&readers->stop)) {
        snapshot->struct_size = sizeof *snapshot;
        (void)perp_monitor_snapshot(readers->core, START, snapshot);
    }
    free(snapshot);
    return NULL;
}

START_TEST(a_decision_gets_through_beside_four_that_read) {
    struct world *w = world_open(NULL);
    struct readers readers = {.core = w->core};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_main, &readers), 0);
    }
    for (perp_usd n = 0; n < 500; n++) {
        ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1000000) + n));
    }
    atomic_store(&readers.stop, 1);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("turns");
    TCase *tests = tcase_create("turns");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_reader_gets_its_turn_beside_four_that_decide);
    tcase_add_test(tests, a_decision_gets_through_beside_four_that_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
