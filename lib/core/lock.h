/* The lock of a book: one word while nobody waits for it, so that taking and giving it are one
   atomic step each; who finds it taken sleeps, and never spins. */
#ifndef PERP_CORE_LOCK_H
#define PERP_CORE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* AWAITED: taken, and who gives it back has to look for sleepers. */
enum { PERP_LOCK_FREE, PERP_LOCK_TAKEN, PERP_LOCK_AWAITED };

struct perp_lock {
    _Atomic uint32_t word;
    pthread_mutex_t sleepers; /* around going to sleep, so that none misses being woken */
    pthread_cond_t given;
    pthread_cond_t taken; /* by one who slept */
    uint32_t n_sleep;     /* under sleepers, as what follows */
    uint32_t n_woken;
};

void perp_lock_make(struct perp_lock *lock);
void perp_lock_unmake(struct perp_lock *lock);
/* Sleeps until it has the lock; wakes one who sleeps. */
void perp_lock_wait(struct perp_lock *lock);
void perp_lock_wake(struct perp_lock *lock);
/* Gives it back, and where others sleep waits until one of them has it: who gives and takes it in
   turn would else be faster than they wake. */
void perp_lock_give_way(struct perp_lock *lock);

/* false: a thread has the lock; also this one. */
static inline bool perp_lock_try(struct perp_lock *lock) {
    uint32_t free = PERP_LOCK_FREE;
    return atomic_compare_exchange_strong_explicit(&lock->word, &free, PERP_LOCK_TAKEN,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void perp_lock_take(struct perp_lock *lock) {
    if (__builtin_expect(!perp_lock_try(lock), 0))
        perp_lock_wait(lock);
}

static inline void perp_lock_give(struct perp_lock *lock) {
    if (__builtin_expect(atomic_exchange_explicit(&lock->word, PERP_LOCK_FREE,
                                                  memory_order_release) == PERP_LOCK_AWAITED,
                         0))
        perp_lock_wake(lock);
}

#endif
