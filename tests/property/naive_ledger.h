/* A second book, written only for the test: arrays, loops and 128-bit sums, no index, no cache. It
   knows what the documentation says about money, days, jobs, failures and circuits, and it learns
   from the library only what it can't know: which jobs a tick chose. A function named after a call
   returns the status that the call must return and changes the book where that is PERP_OK. */
#ifndef NAIVE_LEDGER_H
#define NAIVE_LEDGER_H

#include <perpcore/perpcore.h>

#define N_MAX_EXCHANGES 6
#define N_MAX_INSTRUMENTS 32
#define N_MAX_RESERVATIONS 10000
#define N_MAX_JOBS 100000
#define N_MAX_KEYS 200000
#define N_MAX_SYMBOLS 8
#define N_MAX_BASES 3
#define N_MAX_LOTS 4096
#define N_MAX_OWED 64
#define N_MAX_FILLS 8192

typedef struct n_figures {
    int64_t pnl, volume, fees;
} n_figures;

typedef struct n_exchange {
    int64_t equity, high_water, day_start;
    int had_equity, safe, killed, down;
    /* A report that waits, and the marks before the last report while they can be taken back. */
    int has_aside, can_undo;
    int64_t aside, high_before, peak_before;
    int64_t heard; /* of its equity */
    n_figures today, yesterday;
    uint32_t max_concurrent;
    int64_t max_notional;
    int venue;
    /* The circuit: open_since counts while it is open, half-open included. */
    int circuit_open;
    uint32_t circuit_failures;
    int64_t open_since;
    /* Times of the dispatches there. */
    int64_t *dispatches;
    uint32_t n_dispatches, dispatch_room;
} n_exchange;

typedef struct n_instrument {
    uint32_t exchange;
    int base, symbol;
    uint32_t kind;
    int contract;         /* 0: not named */
    double step;          /* 0: any quantity */
    double bid, ask, mid; /* of the last quote */
    double mark;          /* 0: none yet */
    int64_t quoted, marked;
    int halted;
    struct n_position *position;
} n_instrument;

/* The open part of a job's leg. */
typedef struct n_lot {
    int job;
    uint32_t leg;
    double quantity, price;
    int64_t used;
} n_lot;

/* A position: what is no job's is kept, and the quantity is the sum of it, of the lots, and of what
   running legs have seen (the library keeps the quantity, and what is no job's is the rest). */
typedef struct n_position {
    double foreign, entry, unexplained, lost, aside_rest;
    int latched, reported, traded, aside;
    int64_t report_time, heard;
    uint32_t n_lots, n_since;
    n_lot lots[N_MAX_LOTS];
    uint32_t n_owed;
    n_lot owed[N_MAX_OWED]; /* what lots are short of, since a report could not know of fills */
    struct {
        int64_t time;
        double quantity;
    } since[N_MAX_FILLS]; /* fills that the last report did not have */
} n_position;

typedef struct n_base {
    double naked, price, expected;
    int told, stopped, repair; /* repair: index of the job, -1: none */
    uint32_t tries;
    uint64_t repairs;
    int64_t next_try;
} n_base;

typedef struct n_reservation {
    uint64_t id;
    uint32_t exchange, pool;
    int64_t reserved, in_flight, used, released;
    int job; /* index, or -1: the host's */
} n_reservation;

/* What a key was used for; it stays when the reservation is gone. */
typedef struct n_key {
    perp_uuid key;
    uint64_t id;
    uint32_t exchange, pool;
    int64_t reserved;
} n_key;

/* What became of a leg so far. */
typedef struct n_leg {
    double filled, average;
    int64_t fee, pnl;
    double counted; /* of filled, what naked has */
    double seen;    /* in reports, and not filled yet */
    double price;   /* executable at dispatch */
    int64_t flying; /* of the reservation, what is in flight for it */
} n_leg;

typedef struct n_job {
    perp_uuid id;
    perp_job job; /* as submitted; of a repair as last chosen */
    n_leg legs[PERP_MAX_LEGS];
    uint32_t state;
    int64_t ttl_from, started, order_of_dispatch;
    int overdue, reduce_only, dispatched, balanced, is_repair, is_flatten, by_legs;
    int is_unhedged;
    int64_t unhedged_since;
    uint32_t n_orders, n_standing; /* its orders, and those of them that have not ended */
    uint64_t rejected;             /* legs of which an order was rejected, as bits */
    n_figures booked;
    uint64_t ended; /* which end it was, from 1; 0: not yet */
    int forgotten;  /* looked at where lots of it are owed */
} n_job;

/* A fill of a leg. */
typedef struct n_fill {
    uint32_t leg;
    double quantity, price;
    int64_t fee, pnl, time;
    int has_pnl, time_given;
} n_fill;

typedef struct n_book {
    perp_config config;
    int64_t clock;
    int has_clock;
    int64_t day;
    uint32_t n_exchanges, n_instruments;
    n_exchange exchanges[N_MAX_EXCHANGES];
    n_instrument instruments[N_MAX_INSTRUMENTS];
    n_base bases[N_MAX_BASES];
    n_reservation *reservations;
    uint32_t n_reservations;
    uint64_t next_id;
    n_key *keys;
    uint32_t n_keys;
    n_job *jobs;
    int n_jobs;
    int *active;
    int n_active;
    int64_t peak;
    int64_t scaled_start;
    int64_t moved_booked; /* what transfers added to the booked loss */
    int loss_latched;
    uint32_t failures;
    int halted, killed, paused;
    int64_t n_dispatched;
    uint64_t n_ended;
    int blacklisted[N_MAX_SYMBOLS];
    uint32_t mode;
    int override_on, override_has_job;
    int64_t override_until;
    perp_uuid override_job;
} n_book;

void n_open(n_book *b, const perp_config *config);
void n_close(n_book *b);

/* 0 where the time is acceptable. */
int n_too_far(const n_book *b, int64_t now);
/* The time of a call that raises a protection, or does not: one out of range is the clock. */
int64_t n_time_of(const n_book *b, int64_t now, int raises);
/* The clock goes to now, unless it is further, and the day rolls. */
void n_advance(n_book *b, int64_t now);

int64_t n_budget(const n_book *b, uint32_t exchange, uint32_t pool);
int64_t n_available(const n_book *b, uint32_t exchange, uint32_t pool);
int64_t n_in_flight(const n_book *b, uint32_t exchange, uint32_t pool);
int64_t n_used(const n_book *b, uint32_t exchange, uint32_t pool);
int64_t n_total_equity(const n_book *b);
int64_t n_loss(const n_book *b, int scaled); /* negative: a gain */
int64_t n_scaled_limit(const n_book *b);     /* -1: off */
void n_look_at_loss(n_book *b);
/* What the ledger says to an amount, without taking it; the reason, PERP_REASON_NONE for yes. */
uint32_t n_refusal(const n_book *b, uint32_t exchange, uint32_t pool, int64_t amount,
                   int64_t *limit);
int64_t n_headroom(const n_book *b, uint32_t exchange, uint32_t pool, uint32_t *bound_by);

n_reservation *n_add_reservation(n_book *b, uint32_t exchange, uint32_t pool, int64_t amount,
                                 int job);
void n_give_back(n_reservation *r, int64_t amount);

perp_status n_update_equity(n_book *b, int64_t now, uint32_t exchange, int64_t equity);
perp_status n_transfer(n_book *b, int64_t now, uint32_t exchange, int64_t amount, int in_equity);
perp_status n_correct(n_book *b, int64_t now, int signed_call, uint32_t exchange, int64_t start,
                      const int64_t *high_water);
perp_status n_safe_mode(n_book *b, int64_t now, int signed_call, uint32_t exchange, uint32_t on);
perp_status n_record_pnl(n_book *b, int64_t now, uint32_t exchange, int64_t pnl, int64_t volume,
                         int64_t fees);
perp_status n_reserve(n_book *b, int64_t now, uint32_t exchange, uint32_t pool, int64_t amount,
                      const perp_uuid *key, uint64_t *id, perp_refusal *refusal);
perp_status n_confirm(n_book *b, int64_t now, uint64_t id, int64_t amount);
perp_status n_release(n_book *b, int64_t now, uint64_t id, int64_t amount);
uint32_t n_pool_of(const n_book *b, uint32_t strategy);
/* The exchanges of a job in the order of its legs with what it needs there; how many there are. */
uint32_t n_needs(const n_book *b, const perp_job *job, uint32_t *exchanges, int64_t *needs);
uint32_t n_can_reserve_for_job(const n_book *b, const perp_job *job, perp_refusal *refusal);
perp_status n_reserve_for_job(n_book *b, int64_t now, const perp_job *job, uint64_t *ids,
                              uint32_t *n_ids, perp_refusal *refusal);

int n_find_job(const n_book *b, const perp_uuid *id);
int n_runs(const n_job *job);
int n_same_book(const n_book *b, uint32_t one, uint32_t other);
/* Whether a job has legs of both sides in one book. */
int n_meets_itself(const n_book *b, const perp_job *job);
/* Whether a job's leg would meet one of the other side in its book that runs and is not full. */
int n_meets_running(const n_book *b, const perp_job *job);
int64_t n_held(const n_book *b, int job);
uint32_t n_lots_of(const n_book *b, int job);
/* Whether a leg's symbol is blacklisted, or its instrument halted. */
int n_is_shut(const n_book *b, uint32_t instrument);
int n_add_job(n_book *b, const perp_job *job, int is_repair);
perp_status n_cancel(n_book *b, int64_t now, const perp_uuid *id);
perp_status n_requeue(n_book *b, int64_t now, const perp_uuid *id);
perp_status n_close_job(n_book *b, int64_t now, const perp_uuid *id, int64_t pnl, int64_t volume,
                        int64_t fees);
void n_end(n_book *b, int job, uint32_t state);
/* The end of one that waits, or was never sent: what is open of it stays. */
void n_leave(n_book *b, int job, uint32_t state);
/* A job of the tick at the clock. Returns NULL, or which protection it should not have passed. */
const char *n_dispatch(n_book *b, int job, int reduce_only);
/* What a result of a job that runs must return. */
perp_status n_judge(const n_book *b, int job, const perp_job_result *result);
/* Books it; fills what the outcome must say. uncertain is set where a figure is too near its limit
   for another rounding not to decide. */
void n_finish(n_book *b, int job, const perp_job_result *result, perp_finish_outcome *outcome,
              int *uncertain);
/* What progress or amend of a job must return, and its booking. */
perp_status n_judge_legs(const n_book *b, int job, const perp_leg_result *legs, uint32_t n,
                         int late);
void n_tell_legs(n_book *b, int job, const perp_leg_result *legs, int late);
/* What a tick handed over and the executor declined. */
void n_decline(n_book *b, int job);
void n_set_in_doubt(n_book *b, int job);
void n_success(n_book *b, uint32_t exchange);
void n_failure(n_book *b, uint32_t exchange);
uint32_t n_circuit(const n_book *b, uint32_t exchange);
/* Jobs that run on an exchange. */
uint32_t n_running_there(const n_book *b, uint32_t exchange);

/* naive_positions.c */

/* A sum in which next to nothing is nothing; whether a is at most b, but for rounding. */
double n_sum(double a, double b);
int n_at_most(double a, double b);
int64_t n_micro(double usd);
double n_quantity(const n_book *b, uint32_t instrument);
double n_lots_on(const n_book *b, uint32_t instrument);
double n_unseen(const n_job *job, uint32_t leg);
void n_fill_leg(n_book *b, int job, const n_fill *fill, int late, int books);
/* The legs of a job no longer run. */
void n_legs_end(n_book *b, int job);
/* The fills of a balanced job that were not counted yet are naked. */
void n_count_naked(n_book *b, int job);
void n_close_lots(n_book *b, int job);
/* Money without a trade: funding is the jobs' that have lots there. */
void n_cash(n_book *b, uint32_t exchange, int is_funding, int64_t amount, int64_t instrument);
/* One instrument's part of a report, at the clock. */
void n_report(n_book *b, uint32_t instrument, double quantity, double entry, int64_t time);
void n_accept(n_book *b, uint32_t instrument);
/* A fill that no job made. */
void n_foreign_fill(n_book *b, uint32_t instrument, uint32_t side, const n_fill *fill);
void n_resolve(n_book *b, int base);
int n_known(const n_book *b, uint32_t instrument);
double n_naked(const n_book *b, int base);
int n_is_naked(const n_book *b, int base);
double n_to_square(const n_book *b, int base);
/* How many of a side a position still has for jobs that reduce it, but for one job's legs. */
double n_left_to_reduce(const n_book *b, uint32_t instrument, uint32_t side, int but);
int n_is_reducing(const n_book *b, const perp_job *job, int index);
/* Whether a job makes what is naked of a base smaller, and no more. */
int n_squares(const n_book *b, const perp_job *job, int index, int base);
/* Whether a base of the job is naked, and the job does not square it. */
/* Looks whether a running job's legs have filled unequally, and since when. */
void n_look_unhedged(n_book *b, int job);
int n_stands_naked(const n_book *b, const perp_job *job, int index);
int n_stands_in_drift(const n_book *b, const perp_job *job);
/* How the story of each base goes on; partial, repair: jobs that the call makes or ends, or -1. */
void n_stories(n_book *b, int partial, int repair);
/* Jobs have the state that goes with their lots, and what is empty of reservations is gone. */
void n_settle(n_book *b);

/* naive_repairs.c */

/* Where what is naked of a base would be squared best; 0: nowhere. */
int n_choose_repair(const n_book *b, int base, perp_job *job);
int n_wants_repair(const n_book *b, int base);
perp_uuid n_repair_id(int base, uint64_t number);

#endif
