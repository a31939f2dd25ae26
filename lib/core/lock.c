/* The long way of the book's lock: sleeping, and being woken. */
#include "core/lock.h"

void perp_lock_make(struct perp_lock *lock) {
    atomic_init(&lock->word, PERP_LOCK_FREE);
    pthread_mutex_init(&lock->sleepers, NULL);
    pthread_cond_init(&lock->given, NULL);
}

void perp_lock_unmake(struct perp_lock *lock) {
    pthread_cond_destroy(&lock->given);
    pthread_mutex_destroy(&lock->sleepers);
}

/* Whoever comes this way leaves the word awaited, with the lock, too: others may sleep beside it.
   Then one look too many is made for sleepers, never one too few. */
void perp_lock_wait(struct perp_lock *lock) {
    pthread_mutex_lock(&lock->sleepers);
    while (atomic_exchange_explicit(&lock->word, PERP_LOCK_AWAITED, memory_order_acquire) !=
           PERP_LOCK_FREE)
        pthread_cond_wait(&lock->given, &lock->sleepers);
    pthread_mutex_unlock(&lock->sleepers);
}

void perp_lock_wake(struct perp_lock *lock) {
    pthread_mutex_lock(&lock->sleepers);
    pthread_cond_signal(&lock->given);
    pthread_mutex_unlock(&lock->sleepers);
}
