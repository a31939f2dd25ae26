/* The market and the book that every case is timed on: 8 exchanges, 32 symbols (or more), 5-level
   books, full volatility and latency windows, known funding, reported accounts, 30 open hedges with
   lots, 50 running jobs whose orders are filled by half. The same on every machine. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <perpcore/perpcore.h>

#include <stdbool.h>

#define EXCHANGES 8u
#define SYMBOLS 32u
#define MANY_SYMBOLS 512u
#define MAX_INSTRUMENTS (EXCHANGES * MANY_SYMBOLS)
#define RUNNING 50u
#define SLOTS (RUNNING + 1) /* one is left for a case's own job */
#define HEDGES 30u
#define LEVELS 5u
#define JOBS 1024u
#define FAR 1000000 /* USD: what is not to be a limit */

/* How a world differs from the usual one. */
struct world_options {
    uint32_t symbols;  /* 0: SYMBOLS */
    const char *store; /* the path of a new SQLite store, which keeps little; NULL: none */
};

/* An order of a running job. */
struct world_order {
    uint64_t order;
    perp_instrument_id instrument;
    double quantity;
};

struct world {
    perp_core *core;
    perp_capital *capital;
    perp_market *market;
    perp_risk *risk;
    perp_scheduler *scheduler;
    perp_orders *orders;
    perp_call call; /* its time is the time of the market */
    uint64_t random;
    uint32_t symbols, instruments;
    double mid[MAX_INSTRUMENTS]; /* instrument = exchange × symbols + symbol */
    perp_book_level bids[MAX_INSTRUMENTS][LEVELS], asks[MAX_INSTRUMENTS][LEVELS];
    perp_job jobs[JOBS];  /* two legs on random pairs, accepted; they close nothing */
    uint64_t next_id;     /* of a job */
    size_t allocated;     /* bytes that the core holds */
    uint64_t allocations; /* how often it asked for memory */
    struct world_order running[2 * RUNNING];
    perp_tick_result tick; /* of every tick: counts only */
};

extern struct world world; /* the one that is open */

/* Ends the program with the core's message where a call failed. */
void must(perp_status status, const char *what);
void world_open(const struct world_options *options);
void world_close(void);
uint64_t world_random(void);
/* What an instrument quotes now, moved a little from what it quoted last. */
perp_quote world_quote(perp_instrument_id id);
perp_book world_book(perp_instrument_id id);
/* A new job like jobs[i % JOBS], and one on any pair, which may be refused, but reduces nothing: it
   would need no slot. */
perp_job world_job(uint64_t i);
perp_job world_random_job(void);
/* ms later: every instrument's book anew, or those of so many instruments from one on. */
void world_move(int64_t ms);
void world_move_some(int64_t ms, uint32_t first, uint32_t n);
/* Accounts as the book believes them, latencies and funding, as feeds bring them now and then. */
void world_report(void);
/* One tick; what it did is in world.tick. */
const perp_tick_result *world_tick(void);
/* From now on there is a slot, but each exchange runs as many as it may. */
void world_hold_slots(void);
void world_submit(const perp_job *job);
/* The job that was dispatched last. */
perp_uuid world_newest(void);
/* Finishes a job without orders: it opened and closed within itself. */
void world_finish_flat(const perp_uuid *job_id);
/* All legs of a job filled in full, at the mids of now. */
perp_job_result world_result(const perp_job *job);
/* Registers an order for the whole of a leg. */
uint64_t world_place(const perp_job *job, uint32_t leg);
void world_tell(const perp_order_news *news);
/* What the n-th of many fills of an order would be told as; id is written into. */
perp_order_news world_fill(uint64_t order, uint64_t n, double quantity, double price, char id[24]);

#endif
