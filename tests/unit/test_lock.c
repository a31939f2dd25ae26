/* The lock of a book: one at a time has it, and who waits for it is woken. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/lock.h"

#define THREADS 4
#define TURNS 20000

static struct perp_lock lock;
static uint64_t counted; /* no atomic: the lock alone keeps it right */

static void *count(void *unused) {
    (void)unused;
    for (int i = 0; i < TURNS; i++) {
        perp_lock_take(&lock);
        counted++;
        perp_lock_give(&lock);
    }
    return NULL;
}

START_TEST(what_is_counted_under_it_is_counted_once) {
    pthread_t threads[THREADS];
    perp_lock_make(&lock);
    counted = 0;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(counted, (uint64_t)THREADS * TURNS);
    ck_assert_uint_eq(atomic_load(&lock.word), PERP_LOCK_FREE);
    perp_lock_unmake(&lock);
}
END_TEST

START_TEST(it_is_taken_once) {
    perp_lock_make(&lock);
    ck_assert(perp_lock_try(&lock));
    ck_assert(!perp_lock_try(&lock));
    perp_lock_give(&lock);
    ck_assert(perp_lock_try(&lock));
    perp_lock_give(&lock);
    perp_lock_unmake(&lock);
}
END_TEST

static void *take(void *unused) {
    (void)unused;
    perp_lock_take(&lock);
    counted++;
    perp_lock_give(&lock);
    return NULL;
}

/* Each that waits has said so in the word before it sleeps: once it is there, giving must wake. */
START_TEST(all_that_wait_are_woken) {
    pthread_t threads[THREADS];
    perp_lock_make(&lock);
    counted = 0;
    perp_lock_take(&lock);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take, NULL), 0);
    while (atomic_load(&lock.word) != PERP_LOCK_AWAITED)
        sched_yield();
    ck_assert_uint_eq(counted, 0);
    perp_lock_give(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(counted, THREADS);
    perp_lock_unmake(&lock);
}
END_TEST

static void await_sleeper(void) {
    for (bool sleeps = false; !sleeps;) {
        pthread_mutex_lock(&lock.sleepers);
        sleeps = lock.n_sleep > 0;
        pthread_mutex_unlock(&lock.sleepers);
        sched_yield();
    }
}

/* Whoever gives way comes after one of those that wait, each time. */
START_TEST(one_that_waits_comes_first_where_way_is_given) {
    pthread_t threads[THREADS];
    perp_lock_make(&lock);
    counted = 0;
    perp_lock_take(&lock);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take, NULL), 0);
        await_sleeper();
        perp_lock_give_way(&lock);
        perp_lock_take(&lock);
        ck_assert_uint_eq(counted, (uint64_t)i + 1);
    }
    perp_lock_give_way(&lock); /* to nobody */
    ck_assert(perp_lock_try(&lock));
    perp_lock_give(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    perp_lock_unmake(&lock);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lock");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, it_is_taken_once);
    tcase_add_test(tests, one_that_waits_comes_first_where_way_is_given);
    tcase_add_test(tests, what_is_counted_under_it_is_counted_once);
    tcase_add_test(tests, all_that_wait_are_woken);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
