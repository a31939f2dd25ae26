/* Orders as the book keeps them: what was placed for a leg, and what became of it. They live as
   long as their job is kept. The scheduler looks whether a job has any, lib/orders decides about
   them. */
#ifndef PERP_CORE_ORDER_H
#define PERP_CORE_ORDER_H

#include "core/job.h"

/* By what the fills of an order were told; another form then is refused. Stored. */
enum perp_told { PERP_TOLD_NOTHING, PERP_TOLD_FILLS, PERP_TOLD_TOTALS, PERP_TOLD_COUNT };

/* A fill that was told, so that it is known when it comes again. */
struct perp_order_fill {
    PERP_STORED(perp_trade_row, PERP_ROW_TRADE);
    struct perp_kept *kept;
    struct perp_order_fill *next; /* the one told before */
};

struct perp_order_entry {
    PERP_STORED(perp_order_row, PERP_ROW_ORDER);
    struct perp_kept *kept;
    perp_exchange_id exchange; /* its instrument's */
    struct perp_job_entry *job;
    struct perp_order_fill *trades;                 /* newest first */
    struct perp_order_entry *next, *previous;       /* all, by number */
    struct perp_order_entry *next_of_job;           /* by number */
    struct perp_order_entry *last_of_job;           /* of the first one alone */
    struct perp_order_entry *next_live, *last_live; /* those that have not ended, by number */
};

/* An order that counts for repeat_limit. */
struct perp_placed {
    PERP_STORED(perp_placed_row, PERP_ROW_PLACED);
    struct perp_kept *kept;
};

struct perp_order_chunk;
struct perp_order_fill_chunk;

struct perp_orders {
    perp_core *core;
    PERP_STORED(perp_desk_row, PERP_ROW_DESK);
    struct perp_kept *kept;
    struct perp_ids by_number;
    struct perp_ids by_client; /* by a hash of the client id */
    struct perp_order_entry *first, *last;
    struct perp_order_entry *first_live, *last_live;
    uint32_t n_live, n_in_doubt;
    /* Those placed last, oldest first, as far as they may still count. */
    struct perp_placed *placed;
    uint32_t first_placed, n_placed, placed_capacity;
    /* Memory that is not in use: entries are used again and again. */
    struct perp_order_chunk *order_chunks;
    struct perp_order_fill_chunk *trade_chunks;
    struct perp_order_entry *free_orders;
    struct perp_order_fill *free_trades;
    uint32_t n_free_orders, n_free_trades;
};

perp_status perp_orders_open(perp_core *core, perp_orders **orders);
void perp_orders_close(perp_orders *orders);

/* Room for one more order or trade than the batch at hand brings already. false: no memory. */
bool perp_order_reserve(perp_core *core);
bool perp_trade_reserve(perp_core *core);
/* Adds one, for which room was made; its job and its leg are there. */
struct perp_order_entry *perp_order_add(perp_core *core, const struct perp_order_row *row);
struct perp_order_fill *perp_trade_add(perp_core *core, struct perp_order_entry *order,
                                       const struct perp_trade_row *row);
/* Behind those that it has: as they are read back. */
struct perp_order_fill *perp_trade_add_last(perp_core *core, struct perp_order_entry *order,
                                            const struct perp_trade_row *row);
/* Whether an order that a store gives can be one: of a leg of its job, in a state that goes with
   the job's, its figures and its client id such as they must be. */
bool perp_order_is_sound(const perp_core *core, const struct perp_order_row *row);
/* NULL: none of that number, of that client id. */
struct perp_order_entry *perp_order_find(const perp_core *core, uint64_t number);
struct perp_order_entry *perp_order_by_client(const perp_core *core, const char *client_id);
const struct perp_order_fill *perp_trade_find(const struct perp_order_entry *order,
                                              const char *fill_id);
/* Its state, and the lists that go with it. */
void perp_order_set_state(perp_core *core, struct perp_order_entry *order, uint32_t state);
/* A job is no longer kept, nor are its orders. */
void perp_job_forget_orders(perp_core *core, struct perp_job_entry *job);

/* Room for one more that counts for repeat_limit; it comes; those that no longer count at `now`
   leave. Where the clock is set back to `now`, they count from there. */
bool perp_placed_reserve(perp_core *core);
void perp_placed_add(perp_core *core, const struct perp_placed_row *row);
void perp_placed_trim(perp_core *core, int64_t now);
void perp_placed_set_back(perp_core *core, int64_t now);
/* How many of them are the same and still count. */
uint32_t perp_placed_same(const perp_core *core, const struct perp_placed_row *row);

static inline bool perp_order_ended(uint32_t state) {
    return state >= PERP_ORDER_FILLED;
}

/* Whether news say that an order has ended. */
static inline bool perp_news_is_end(uint32_t news) {
    return news >= PERP_NEWS_CANCELLED && news <= PERP_NEWS_REJECTED;
}

/* Whether a job runs, or is in doubt: its orders may stand, and its fills are not late. */
static inline bool perp_job_runs(const struct perp_job_entry *job) {
    return job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
}

/* The first of a job's orders that has not ended; NULL: none. */
const struct perp_order_entry *perp_job_live_order(const struct perp_job_entry *job);
bool perp_job_has_orders(const struct perp_job_entry *job);
/* How many orders a leg had; whether the exchange rejected one. */
uint32_t perp_leg_attempts(const struct perp_job_entry *job, uint32_t leg);
bool perp_leg_rejected(const struct perp_job_entry *job, uint32_t leg);
/* Whether it is full with so much more; what news make of its state, with what they add. */
bool perp_order_is_full(const struct perp_order_entry *order, double more);
uint32_t perp_order_state_after(const struct perp_order_entry *order, uint32_t news, double more);
/* What orders of a leg that have not ended may still fill. */
double perp_leg_ordered(const struct perp_job_entry *job, uint32_t leg);

/* When the next message may go to an exchange whose bucket is due at `due`: at or before now, at
   once. PERP_TIME_NONE: any time. And what is due once one went. */
int64_t perp_rate_next(const perp_exchange_spec *spec, int64_t due);
int64_t perp_rate_taken(const perp_exchange_spec *spec, int64_t due, int64_t now);
/* How many messages may go at once; NaN: there is no limit. */
double perp_rate_left(const perp_exchange_spec *spec, int64_t due, int64_t now);

/* Client ids: what the n-th order of a leg is called on an exchange; "" where its number has to be
   known (number 0). */
void perp_client_id_of(const perp_exchange_spec *spec, const perp_uuid *job, uint32_t leg,
                       uint32_t attempt, uint64_t number, char text[PERP_NAME_SIZE]);

#endif
