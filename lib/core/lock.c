/* The long way of the book's lock: sleeping, and being woken. */
#include "core/lock.h"

void perp_lock_make(struct perp_lock *lock) {
    atomic_init(&lock->word, PERP_LOCK_FREE);
    pthread_mutex_init(&lock->sleepers, NULL);
    pthread_cond_init(&lock->given, NULL);
    pthread_cond_init(&lock->taken, NULL);
    lock->n_sleep = lock->n_woken = 0;
}

void perp_lock_unmake(struct perp_lock *lock) {
    pthread_cond_destroy(&lock->taken);
    pthread_cond_destroy(&lock->given);
    pthread_mutex_destroy(&lock->sleepers);
}

/* Whoever comes this way leaves the word awaited, with the lock, too: others may sleep beside it.
   Then one look too many is made for sleepers, never one too few. */
void perp_lock_wait(struct perp_lock *lock) {
    pthread_mutex_lock(&lock->sleepers);
    lock->n_sleep++;
    while (atomic_exchange_explicit(&lock->word, PERP_LOCK_AWAITED, memory_order_acquire) !=
           PERP_LOCK_FREE)
        pthread_cond_wait(&lock->given, &lock->sleepers);
    lock->n_sleep--;
    lock->n_woken++;
    pthread_cond_broadcast(&lock->taken);
    pthread_mutex_unlock(&lock->sleepers);
}

void perp_lock_give_way(struct perp_lock *lock) {
    if (atomic_exchange_explicit(&lock->word, PERP_LOCK_FREE, memory_order_release) !=
        PERP_LOCK_AWAITED)
        return;
    pthread_mutex_lock(&lock->sleepers);
    uint32_t before = lock->n_woken;
    pthread_cond_signal(&lock->given);
    while (lock->n_sleep && lock->n_woken == before)
        pthread_cond_wait(&lock->taken, &lock->sleepers);
    pthread_mutex_unlock(&lock->sleepers);
}

void perp_lock_wake(struct perp_lock *lock) {
    pthread_mutex_lock(&lock->sleepers);
    pthread_cond_signal(&lock->given);
    pthread_mutex_unlock(&lock->sleepers);
}
