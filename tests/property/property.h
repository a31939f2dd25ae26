/* Random calls over the whole API, each predicted by the naive book and compared with it. */
#ifndef PROPERTY_H
#define PROPERTY_H

#include "naive_ledger.h"

#define P_MS INT64_C(1000000)
#define P_SECOND (1000 * P_MS)
#define P_MINUTE (60 * P_SECOND)
#define P_HOUR (60 * P_MINUTE)
#define P_DAY (24 * P_HOUR)
#define P_START (INT64_C(1760000000) * P_SECOND)
#define P_USD(x) ((int64_t)(x)*1000000)

#define N_ALL_LEGS PERP_MAX_LEGS

/* What the executor was handed in a tick and did about it, to be applied to the naive book when the
   tick is over. */
typedef struct p_action {
    perp_uuid id;
    uint32_t reduce_only, is_repair, outcome;
    perp_order order;
    int64_t notional, now;
    int finished;
    perp_status finish_status;
    perp_job_result result;
    perp_finish_outcome finish_outcome;
} p_action;

#define P_MAX_TRADES 24

/* An order as the naive book knows it: what it was told of. */
typedef struct p_order {
    uint64_t number;
    int job;
    uint32_t leg, attempt, instrument, side, state, told, overfilled, n_trades;
    double quantity, filled, average;
    int64_t volume, fees, pnl;
    struct {
        double quantity, price;
    } trades[P_MAX_TRADES];
} p_order;

typedef struct p_run {
    perp_core *core;
    perp_capital *capital;
    perp_market *market;
    perp_positions *positions;
    perp_risk *risk;
    perp_scheduler *scheduler;
    n_book book;
    uint64_t seed, random;
    int64_t now;  /* the host's clock */
    int64_t feed; /* the newest time of a feed */
    uint64_t n_calls, n_job, n_key;
    const char *call;
    uint64_t hash_before;
    int64_t clock_before;
    uint64_t n_ok, n_refused, n_failed, n_dispatched, n_partial, n_repairs, n_ended;
    uint64_t n_told, n_exits, n_reports;
    p_action actions[256];
    uint32_t n_actions;
    perp_tick_result tick;
    perp_config config;
    perp_store store; /* of books that are opened again in the end */
    int has_store;
    p_order *orders; /* number 1 first */
    uint64_t n_orders, orders_room, n_fills, n_over_leg;
    uint32_t outcomes; /* how reliable the executor is: of 16 */
} p_run;

/* Says where and with which seed, and ends the program. */
void p_fail(const p_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

uint64_t p_random(p_run *run);
/* 0 … below − 1. */
int64_t p_below(p_run *run, int64_t below);
int p_chance(p_run *run, int percent);

/* The arguments of a call at a time of the near past or future, signed or not. */
perp_call p_call(p_run *run, int is_signed);
int p_is_signed(const perp_call *call);

/* The status must be the one predicted; a failed call has changed nothing. */
void p_expect(p_run *run, perp_status got, perp_status wanted);

void p_open(p_run *run, uint64_t seed);
void p_close(p_run *run);
/* What the store has replayed is the book that was closed. */
void p_reopen(p_run *run);
void p_compare(p_run *run);

void p_valid_job(p_run *run, perp_job *job);
perp_uuid p_fresh_id(p_run *run);
/* Whether the library must still know the job: 1 yes, 0 no longer, -1 either. */
int p_must_know(const p_run *run, const n_job *j);
/* Mostly one that runs; -1: none. */
int p_some_running(p_run *run);
/* Cumulative figures of a leg: mostly no less than what is known. */
void p_leg_of_result(p_run *run, const n_job *j, uint32_t n, int exact, perp_leg_result *leg);
void p_quotes(p_run *run);

void p_money_call(p_run *run);
void p_job_call(p_run *run);
void p_position_call(p_run *run);
void p_control_call(p_run *run);
void p_market_call(p_run *run);

void p_execute(void *user, const perp_execution *job, uint32_t *outcome);

/* property_orders.c */
void p_order_call(p_run *run);
void p_compare_orders(p_run *run);
/* As a restart leaves them. */
void p_doubt_orders(p_run *run);

#endif
