/* A host of many threads on one book: what they share. */
#ifndef THREADS_CROWD_H
#define THREADS_CROWD_H

#include "unit/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define N_EXCHANGES 4
#define N_FEEDS N_EXCHANGES
/* Some seconds of work; sanitizers make each tick many times slower. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define N_TICKS 120
#elif __has_feature(address_sanitizer)
#define N_TICKS 300
#endif
#elif defined(__SANITIZE_THREAD__)
#define N_TICKS 120
#elif defined(__SANITIZE_ADDRESS__)
#define N_TICKS 300
#endif
#ifndef N_TICKS
#define N_TICKS 1000
#endif
#define MAX_JOBS (1u << 20)
#define MAX_DISPATCHES (1u << 22)
#define RING 1024

/* What the host knows of a job. TAKEN: from the executor, before it was sent; LOST: it may have
   been sent, and nobody will say. */
enum host_state { HOST_IDLE, HOST_HANDED, HOST_SENT, HOST_LOST, HOST_TAKEN };

struct host_job {
    uint32_t state;
    uint64_t dispatch; /* the last that was handed over, or taken from the executor */
};

struct sent {
    perp_uuid job;
    uint64_t dispatch;
    uint32_t is_repair;
};

enum stop_kind { STOP_KILL, STOP_KILL_EXCHANGE, STOP_PAUSE, STOP_BLACKLIST, STOP_HALT, STOP_KINDS };

struct crowd {
    perp_core *core;
    int has_file;        /* its store */
    time_t ends;         /* of the clock that never goes back; 0: after so many ticks */
    atomic_int stopping; /* nobody ticks any more but the one that hangs */
    atomic_int let_go;   /* that one comes back */
    atomic_int ending;   /* nobody ticks, and those who finish end when nothing runs */
    atomic_uint faults;
    char fault[512]; /* of the first one */
    atomic_ullong time;
    atomic_uint n_jobs, turns, progress, told;
    atomic_uint late, requeued, finished, stops, reads;
    /* What has stopped and whose call has returned: number << 16 | kind << 8 | which; 0: nothing.
     */
    atomic_ullong stop;
    pthread_mutex_t lock; /* of all that follows */
    struct host_job jobs[MAX_JOBS];
    struct sent ring[RING]; /* sent and not yet finished */
    uint32_t head, tail;
    /* By dispatch, how often. */
    _Atomic unsigned char executed[MAX_DISPATCHES], withdrawn[MAX_DISPATCHES],
        listed[MAX_DISPATCHES];
    /* By dispatch, when the call that put it in doubt or cancelled it returned, counted by such
       calls; 0: none. */
    _Atomic uint32_t doubted[MAX_DISPATCHES];
    _Atomic uint32_t n_doubted;
};

extern struct crowd crowd;

#define SCHEDULER perp_core_scheduler(crowd.core)

void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define need(expression)                                                                           \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            fault("%s: %s", #expression, perp_core_error(crowd.core));                             \
        }                                                                                          \
    } while (0)

/* Each a millisecond later than the one before. */
perp_call call_now(void);
perp_job job_of(uint32_t n);
uint32_t number_of(const perp_uuid *id);
/* Lets others go on for so many microseconds. */
void rest_us(long duration);

/* The mains of threads; argument of a feed: its exchange; of one that ticks: not NULL where its
   executor never comes back. */
void *tick_main(void *argument);
void *feed_main(void *argument);
void *finish_main(void *argument);
void *requeue_main(void *argument);
void *stop_main(void *argument);
void *cancel_main(void *argument);
void *state_main(void *argument);
void *json_main(void *argument);
void *console_main(void *argument);
void *durable_main(void *argument);

#endif
