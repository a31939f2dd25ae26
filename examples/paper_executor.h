/* The paper executor: takes the jobs that the library dispatches and fills their orders against the
   book that the host sees when they arrive, which is later than the decision. Orders are sometimes
   refused, filled in part or lost in an outage, so that every way a job can go is walked. The
   library keeps the orders: each is placed before it is sent, what becomes of it is told when it
   happens, and a job is finished from its orders. */
#ifndef PAPER_EXECUTOR_H
#define PAPER_EXECUTOR_H

#include <perpcore/perpcore.h>

#include "sim_random.h"

#define PAPER_TICKETS 64

struct desk;

/* Chances are per job or per order. */
typedef struct paper_settings {
    double refuse_chance;      /* the executor sends nothing and says so */
    double timeout_chance;     /* it does not know whether it sent anything */
    double reject_chance;      /* the exchange takes one order back */
    double thin_chance;        /* the book holds less than it showed */
    double limit_bps;          /* a taker pays at most so much more than was decided on */
    double exit_limit_bps;     /* the same on the way out */
    double maker_rate;         /* fills of an order at the best price, a second */
    int64_t maker_patience_ns; /* then what is left crosses the spread, or is cancelled */
    int64_t silence_ns;        /* an exchange that gave no quote for so long does not answer */
    double latency_ms;         /* where the market tells nothing of it */
} paper_settings;

enum paper_phase { PAPER_SENDING, PAPER_RESTING, PAPER_LOST, PAPER_DONE };

typedef struct paper_leg {
    perp_order order; /* what the leg is to do */
    uint32_t phase;
    uint32_t sent;       /* orders of it */
    uint64_t number;     /* of the order that is out; 0: none is */
    int64_t due_ns;      /* when something next happens to it */
    int64_t deadline_ns; /* of a leg that rests: then it rests no longer */
    double price;        /* of the order that is out */
    double quantity;     /* likewise */
    double latency_ms;
    double filled; /* of the leg */
} paper_leg;

/* One job at work. lost: nothing was sent, but nobody knows yet. */
typedef struct paper_ticket {
    perp_uuid job_id;
    uint32_t in_use, lost, is_repair, reduce_only, n_legs;
    paper_leg legs[PERP_MAX_LEGS];
} paper_ticket;

typedef struct paper_counts {
    uint64_t orders, filled, partly, unfilled, resting, crossed;
    uint64_t refused, in_doubt, requeued, lost, gated, trades;
} paper_counts;

typedef struct paper_executor {
    paper_settings settings;
    sim_random random;
    int64_t next_ns; /* when paper_advance has something to do */
    paper_counts counts;
    paper_ticket tickets[PAPER_TICKETS];
} paper_executor;

void paper_settings_init(paper_settings *settings);
void paper_executor_init(paper_executor *executor, const paper_settings *settings, uint64_t seed);

/* For the execute callback: takes the job (or not) and returns a perp_outcome. */
uint32_t paper_execute(struct desk *desk, const perp_execution *job);

/* Works all orders whose time has come and finishes the jobs that are done. */
void paper_advance(struct desk *desk, int64_t now_ns);

/* Takes back the orders that are under way or rest on an exchange, or on PERP_ALL_EXCHANGES. */
void paper_cancel(struct desk *desk, int64_t now_ns, perp_exchange_id exchange);

/* The same of one job. */
void paper_cancel_job(struct desk *desk, int64_t now_ns, const perp_uuid *job_id);

/* A trade that went through the price of resting orders fills them. */
void paper_trade(struct desk *desk, int64_t now_ns, perp_instrument_id instrument, double price);

#endif
