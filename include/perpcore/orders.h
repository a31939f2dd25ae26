/* The child orders of running jobs: a gate before each is sent, ids that survive a crash, fills
   that count at once and only once, and after a restart the list of what to ask the exchange about.
   A host may keep its orders itself and never call anything here. */
#ifndef PERPCORE_ORDERS_H
#define PERPCORE_ORDERS_H

#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The module of a book; owned by it. NULL for NULL. */
PERP_API perp_orders *perp_core_orders(perp_core *core);

/* An order that is to be sent for a leg of a running job. */
typedef struct perp_order_request {
    uint32_t struct_size;
    uint32_t leg;         /* index from 0 */
    uint32_t type;        /* PERP_ORDER_LIMIT, or _MARKET */
    uint32_t tif;         /* PERP_TIF_DEFAULT: IOC of a market order, GTC of a limit order */
    uint32_t reduce_only; /* 0 or 1; of a job that reduces always 1 */
    uint32_t reserved;    /* 0 */
    double price;         /* of a limit order; 0 of a market order */
    double quantity;      /* base units, above 0 */
    perp_uuid job_id;
} perp_order_request;

/* Fills size and defaults: a limit order of the first leg. */
PERP_API void perp_order_request_init(perp_order_request *request);

/* What the gate says. gate is PERP_GATE_NONE where it let the order pass: it is registered, and may
   be sent under client_id. Else asked and limit say what was too much, in perp_gate_unit(gate); the
   limit is what would just pass: of a price the price, of the message allowance the nanoseconds
   until the next may go. */
typedef struct perp_order_answer {
    uint32_t struct_size;
    int32_t status; /* of this one, a perp_status; what perp_orders_place returns */
    uint32_t gate;  /* PERP_GATE_… */
    uint32_t reserved;
    uint64_t order; /* its number, from 1; 0: there is none */
    double asked;
    double limit;
    char client_id[PERP_NAME_SIZE];
} perp_order_answer;

/* Fills size and defaults. */
PERP_API void perp_order_answer_init(perp_order_answer *answer);

/* At most so many at once. */
#define PERP_MAX_PLACED 64

/* Asks the gate, and registers the order where it passes: durable when the call returns (with
   PERP_DURABILITY_BATCH at the next barrier), counted against its leg. A refusal is a result,
   counted by its reason, and changes nothing else. PERP_E_NOT_FOUND: no such job runs, or no such
   leg; PERP_E_INVALID: NULL, type, tif, quantity, price, more than PERP_MAX_ATTEMPTS orders of a
   leg, a job whose progress is told by legs; PERP_E_STATE: the job is in doubt, or was not yet
   handed over; PERP_E_NOMEM, PERP_E_STORE: nothing may be sent. */
PERP_API perp_status perp_orders_place(perp_orders *orders, const perp_call *call,
                                       const perp_order_request *request,
                                       perp_order_answer *answer);

/* Many, decided in their order, in one commit: each has its own answer, its status in it. PERP_OK:
   all were looked at. PERP_E_INVALID: NULL, more than PERP_MAX_PLACED; PERP_E_NOMEM, PERP_E_STORE:
   none of them was registered, whatever the answers say. */
PERP_API perp_status perp_orders_place_many(perp_orders *orders, const perp_call *call,
                                            const perp_order_request *requests, uint32_t n,
                                            perp_order_answer *answers);

/* What an exchange says of an order. */
typedef struct perp_order_news {
    uint32_t struct_size;
    uint32_t kind;           /* PERP_NEWS_… */
    uint64_t order;          /* its number; 0: client_id says which */
    const char *client_id;   /* NULL: not given */
    const char *exchange_id; /* the exchange's own id of it, up to 63 bytes; NULL: not given */
    const char *fill_id;     /* of a fill: 1 to 63 bytes, of that order its own */
    const char *text;        /* why it ended, in words; NULL: not given; cut to 127 bytes */
    double quantity;         /* of a fill: of that trade; of a total: in all so far */
    double price;            /* of a fill: of that trade; of a total: the average */
    perp_usd fee;            /* of the trade, or in all; may be negative: a rebate */
    perp_usd pnl;      /* before fees, where has_pnl; else the library takes what it realised */
    int64_t time_ns;   /* of the fill; PERP_TIME_NONE: the time of the call; never later */
    uint32_t has_pnl;  /* 0 */
    uint32_t reserved; /* 0 */
} perp_order_news;

/* Fills size and defaults: accepted. */
PERP_API void perp_order_news_init(perp_order_news *news);

/* What the book made of news. */
typedef struct perp_order_outcome {
    uint32_t struct_size;
    uint32_t state;    /* of the order, PERP_ORDER_… */
    uint64_t order;    /* its number */
    uint32_t finished; /* 1: with it its job finished by itself (auto_finish) */
    uint32_t becomes;  /* what the job then is, PERP_JOB_… */
} perp_order_outcome;

/* Tells what an exchange says of an order; a fill is booked at once: positions, capital, the day's
   figures. outcome may be NULL. PERP_E_NOT_FOUND: no such order, or its job is no longer kept;
   PERP_E_INVALID: a kind, a quantity that is not above 0 or takes the order above twice its own, a
   price that is not, fills after totals or totals after fills, a quantity, price, fee or pnl of
   what is neither a fill nor a total; PERP_E_EXISTS: the fill is booked, or the order has ended,
   already; PERP_E_CONFLICT: the fill is booked with another quantity or price; PERP_E_STALE: a
   total below what is known; PERP_E_RANGE: figures overflow. On an error nothing changed. Where the
   store fails, fills hold in memory and are stored with what is stored next. */
PERP_API perp_status perp_orders_tell(perp_orders *orders, const perp_call *call,
                                      const perp_order_news *news, perp_order_outcome *outcome);

/* Notes that a cancel of an order was sent: it takes its part of the exchange's message allowance,
   and is never refused. PERP_E_NOT_FOUND. */
PERP_API perp_status perp_orders_cancel_sent(perp_orders *orders, const perp_call *call,
                                             uint64_t order);

/* The host has asked the exchange about all orders of a job in doubt: it runs on. PERP_E_NOT_FOUND:
   no such job in doubt; PERP_E_STATE: an order of it is in doubt. */
PERP_API perp_status perp_orders_settled(perp_orders *orders, const perp_call *call,
                                         const perp_uuid *job_id);

/* What a list of open orders told. Set the arrays and their capacities; counts get how many there
   are. */
typedef struct perp_reconciled {
    uint32_t struct_size;
    uint32_t capacity; /* of in_doubt */
    uint32_t n_in_doubt;
    uint32_t foreign_capacity;
    uint32_t n_foreign;
    uint32_t reserved;
    uint64_t *in_doubt; /* ours that were not listed; NULL: only counted */
    uint32_t *foreign;  /* indexes into the list that was given, of ids that are not ours; NULL */
} perp_reconciled;

/* Fills size and defaults: no room. */
PERP_API void perp_reconciled_init(perp_reconciled *reconciled);

/* All orders that an exchange lists as open at time_ns, by client ids. Ours that are new or open,
   were placed before and are not listed, are in doubt from then on; listed ids that are none of
   ours, or had ended before, are foreign, and an alert stands until a call finds none. reconciled
   may be NULL. PERP_E_NOT_FOUND: no such exchange; PERP_E_INVALID: NULL; PERP_E_NOMEM;
   PERP_E_STORE. */
PERP_API perp_status perp_orders_reconcile(perp_orders *orders, const perp_call *call,
                                           perp_exchange_id exchange, int64_t time_ns,
                                           const char *const *client_ids, uint32_t n,
                                           perp_reconciled *reconciled);

/* All that is known of an order. */
typedef struct perp_order_info {
    uint32_t struct_size;
    uint32_t leg;
    uint64_t order;
    perp_uuid job_id;
    uint32_t attempt; /* the n-th order of its leg */
    uint32_t type;
    uint32_t tif;
    uint32_t state; /* PERP_ORDER_… */
    uint32_t side;
    uint32_t reduce_only;
    uint32_t cancel_requested; /* 1: a cancel was sent */
    uint32_t overfilled;       /* 1: more was filled than its quantity */
    perp_exchange_id exchange;
    perp_instrument_id instrument;
    double limit_price; /* 0: a market order */
    double quantity;
    double filled;
    double price; /* the average of what was filled; 0: nothing was */
    perp_usd volume;
    perp_usd fees;
    perp_usd pnl; /* as booked */
    int64_t placed_ns;
    int64_t ended_ns; /* PERP_TIME_NONE: it has not */
    char client_id[PERP_NAME_SIZE];
    char exchange_id[PERP_NAME_SIZE]; /* "": not known */
    char text[PERP_LONG_SIZE];        /* why it ended; "": nothing was said */
} perp_order_info;

/* Fills info, whose struct_size must be set. PERP_E_NOT_FOUND: no such order, or no longer kept (an
   order is kept as long as its job is). */
PERP_API perp_status perp_orders_get(const perp_orders *orders, uint64_t order,
                                     perp_order_info *info);
/* The number of the order of a client id. PERP_E_NOT_FOUND. */
PERP_API perp_status perp_orders_find(const perp_orders *orders, const char *client_id,
                                      uint64_t *order);

/* Which orders a list has: all that each field lets pass. */
typedef struct perp_order_filter {
    uint32_t struct_size;
    uint32_t state;            /* PERP_NO_ID: any; PERP_ORDER_NOT_ENDED */
    perp_exchange_id exchange; /* PERP_ALL_EXCHANGES */
    uint32_t has_job;          /* 0 */
    perp_uuid job_id;          /* where has_job */
} perp_order_filter;

#define PERP_ORDER_NOT_ENDED 254u

/* Fills size and defaults: all. */
PERP_API void perp_order_filter_init(perp_order_filter *filter);

/* The numbers of orders, in their order. Fills up to capacity; *count gets how many there are.
   PERP_E_NOT_FOUND: the job is not known. */
PERP_API perp_status perp_orders_list(const perp_orders *orders, const perp_order_filter *filter,
                                      uint64_t *numbers, uint32_t capacity, uint32_t *count);

/* What the n-th order (from 1) of a leg of any job would be called on an exchange: text gets its
   client id, "" where that follows from its number, which is known once it is placed.
   PERP_E_NOT_FOUND: no such exchange; PERP_E_INVALID: NULL, leg or attempt. */
PERP_API perp_status perp_orders_client_id(const perp_orders *orders, perp_exchange_id exchange,
                                           const perp_uuid *job_id, uint32_t leg, uint32_t attempt,
                                           char text[PERP_NAME_SIZE]);

/* The furthest price that the collar lets pass an order of a side now, before it is rounded to the
   tick. PERP_E_NOT_FOUND: no such instrument; PERP_E_STATE: no quote or mark is fresh that it could
   be measured from. */
PERP_API perp_status perp_orders_collar(const perp_orders *orders, perp_instrument_id instrument,
                                        uint32_t side, uint32_t reduce_only, int64_t now_ns,
                                        double *price);

/* How the desk stands. */
typedef struct perp_orders_state {
    uint32_t struct_size;
    uint32_t open; /* that have not ended, with those in doubt */
    uint32_t in_doubt;
    uint32_t kept; /* in all */
    uint64_t placed_today;
    uint64_t fills_today;
    uint64_t placed_total; /* since the book began */
    uint64_t refused_today[PERP_MAX_GATES];
    uint32_t unhedged_jobs;
    uint32_t reserved;
    perp_usd unhedged_usd;     /* what running jobs have without another side */
    int64_t unhedged_since_ns; /* of the one that has been so longest; PERP_TIME_NONE: none is */
    uint64_t foreign;          /* exchanges that list orders which are none of ours, as bits */
} perp_orders_state;

/* Fills state, whose struct_size must be set, as of now_ns (the later of it and the clock). */
PERP_API perp_status perp_orders_query(const perp_orders *orders, int64_t now_ns,
                                       perp_orders_state *state);

#ifdef __cplusplus
}
#endif

#endif
