/* The market and the book that every case is timed on: 8 exchanges, 32 symbols, 5-level books, full
   volatility and latency windows, known funding, 50 running jobs. The same on every machine. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <perpcore/perpcore.h>

#define EXCHANGES 8u
#define SYMBOLS 32u
#define INSTRUMENTS (EXCHANGES * SYMBOLS)
#define RUNNING 50u
#define LEVELS 5u
#define JOBS 1024u

struct world {
    perp_core *core;
    perp_capital *capital;
    perp_market *market;
    perp_risk *risk;
    perp_scheduler *scheduler;
    perp_call call; /* its time is the time of the market */
    uint64_t random;
    double mid[INSTRUMENTS]; /* instrument = exchange × SYMBOLS + symbol */
    perp_book_level bids[INSTRUMENTS][LEVELS], asks[INSTRUMENTS][LEVELS];
    perp_job jobs[JOBS];  /* two legs on random pairs; each with an id of its own */
    uint64_t next_id;     /* of a job */
    size_t allocated;     /* bytes that the core holds */
    uint64_t allocations; /* how often it asked for memory */
};

/* Ends the program with the core's message where a call failed. */
void must(struct world *w, perp_status status, const char *what);
void world_open(struct world *w);
void world_close(struct world *w);
uint64_t world_random(struct world *w);
/* What an instrument quotes now, moved a little from what it quoted last. */
perp_quote world_quote(struct world *w, perp_instrument_id id);
perp_book world_book(struct world *w, perp_instrument_id id);
/* A new job like jobs[i % JOBS]. */
perp_job world_job(struct world *w, uint64_t i);
/* Every instrument's book anew, ms later. */
void world_move(struct world *w, int64_t ms);
/* The host reports its accounts, as hosts do now and then: nothing is open. */
void world_report(struct world *w);

#endif
