/* A case of the bench: what is done before, timed, and after; and how it is measured. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The world that a case is measured in. */
enum bench_world {
    BENCH_EMPTY, /* nothing is pending, one slot is free */
    BENCH_FULL,  /* jobs are pending, all slots full */
    BENCH_WIDE,  /* the same, over 4,096 instruments */
    BENCH_OWN    /* the case opens what it needs: prepare is all of it */
};

struct bench_case {
    const char *of;   /* the case of the specification, which --case takes, too */
    const char *name; /* as printed */
    enum bench_world world;
    uint32_t pending; /* how many jobs are: 0: 100, 10,000 and so on up to --jobs */
    uint32_t batch;   /* so many are timed together; above 1 there is nothing before and after */
    uint32_t samples; /* at most; fewer where they take too long */
    bool per_job;     /* the figures are of one pending job */
    bool no_memory;   /* it asks for none */
    void (*prepare)(void);      /* may be NULL */
    void (*before)(uint32_t i); /* of the i-th, not timed; may be NULL */
    void (*run)(uint32_t i);
    void (*after)(uint32_t i); /* as before */
};

extern const struct bench_case call_cases[], job_cases[], tick_cases[], thread_cases[],
    store_cases[], soak_cases[]; /* each ends with an empty row */

/* What was asked for. */
extern struct bench_asked {
    bool json;
    bool check;       /* store: fail where a budget is missed */
    uint32_t most;    /* pending jobs of the large cases */
    uint32_t soak;    /* jobs of the soak */
    uint32_t pending; /* how many are now */
} asked;

/* Nanoseconds of a clock that runs evenly, and what two looks at it take. */
double clock_ns(void);
extern double clock_cost;
/* One more figure of the case, in nanoseconds. */
void sample(double ns);
uint32_t n_samples(void);
/* Prints a line of the samples and forgets them; n: of how many. */
void report(const char *name, uint64_t n);
/* Prints a line of something else than times. */
void report_bytes(const char *name, uint64_t n, double bytes);
/* Whether a case that may take long has enough, having begun at start. */
bool enough(uint32_t wanted, double start);
/* Dispatches a job into the last slot. */
void take_slot(void);
/* Puts n jobs on random pairs into the queue, and brings them up to date. */
void fill_queue(uint32_t n);

#endif
