/* An executor built on the orders of the library: what it shares between its files.

   Threads: each venue has one for HTTP and one for its stream; both tell the book at once what they
   hear (book.c). One more, the desk (desk.c), makes the ticks and decides what to do next (work.c),
   and is poked where something of a job has changed. What a decision needs is in the book, not
   here; so a restart in the middle is nothing special. */
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <cjson/cJSON.h>
#include <perpcore/perpcore.h>

#include "sim_random.h"

#define EX_VENUES 8
#define EX_INSTRUMENTS 8
#define EX_ORDERS 4096 /* that have not ended, at most; a power of two */
#define EX_WORKS 512   /* jobs that run */
#define EX_POKES 4096
#define EX_KNOWN 65536 /* exchange ids of orders that are remembered for each venue */

#define EX_MS INT64_C(1000000)
#define EX_S (1000 * EX_MS)

/* How long an order may be under way: the exchange refuses one that comes later. From then on, and
   what its caches may lag behind, "not found" means that it is not there. */
#define EX_RECV_WINDOW_MS 1000
#define EX_CERTAIN_NS ((EX_RECV_WINDOW_MS + 750) * EX_MS)

struct executor;

typedef struct ex_instrument {
    perp_instrument_id id;
    char symbol[32]; /* as the exchange spells it */
    double tick, step, min_quantity, min_notional;
    int price_digits, quantity_digits;
    int64_t cursor;   /* the last trade that is booked, and all before it; of the HTTP thread */
    int64_t swept_ns; /* all trades before this time are booked; likewise */
} ex_instrument;

typedef struct ex_known {
    int64_t exchange_id;
    uint64_t order;
} ex_known;

typedef struct ex_venue {
    struct executor *ex;
    struct ex_http *http;
    struct ex_stream *stream;
    char name[32], url[256];
    perp_exchange_id id;
    ex_instrument instruments[EX_INSTRUMENTS];
    uint32_t n_instruments;
    ex_known *known; /* EX_KNOWN; under the executor's lock */
    char listen_key[128];
    perp_account_report report; /* that waits for trades; n_positions 0: none does; likewise */
    perp_position_report positions[EX_INSTRUMENTS];
    int64_t report_came_ns;
    _Atomic int64_t quiet_until_ns; /* it said that we ask too much */
    atomic_int failures;            /* answers in a row that did not come */
    atomic_bool is_down, asks_account, asks_open, asks_trades[EX_INSTRUMENTS], sweeps_at_once;
    int64_t account_ns, open_ns;  /* when next; of the desk */
    atomic_uint sweeps;           /* of all trades that found nothing new */
    atomic_uint reports, matches; /* of the account; lists of open orders */
} ex_venue;

/* What is under way about an order that has not ended. What it is stands in the book. */
typedef struct ex_order {
    uint64_t order; /* 0: the place is free */
    perp_uuid job_id;
    ex_venue *venue;
    const ex_instrument *instrument;
    char client_id[PERP_NAME_SIZE];
    int64_t placed_ns;
    uint32_t busy;   /* bits 1 << EX_PLACE … of requests without an answer */
    bool wants_ask;  /* what is known of it is not enough */
    bool is_there;   /* the exchange has spoken of it */
    uint32_t end;    /* PERP_NEWS_…; PERP_NEWS_ACCEPTED: it has not ended there */
    double executed; /* in all, as the exchange says */
    int64_t ask_ns, cancel_ns, trades_ns; /* not before */
    char text[PERP_LONG_SIZE];
} ex_order;

/* What is remembered of a job that runs; all of it may be lost. */
typedef struct ex_work {
    perp_uuid job_id;
    bool in_use;
    int64_t retry_ns[PERP_MAX_LEGS]; /* not before: the gate or the exchange said no */
    int64_t over_ns[PERP_MAX_LEGS];  /* since when it says that nothing is left; 0: it does not */
} ex_work;

enum ex_kind { EX_PLACE, EX_ASK, EX_CANCEL, EX_TRADES, EX_SWEEP, EX_OPEN, EX_ACCOUNT, EX_FIND };

typedef struct ex_request {
    enum ex_kind kind;
    const char *method;
    char path[512];      /* with its query */
    uint64_t order;      /* 0: of none */
    uint32_t instrument; /* its place among the venue's */
    int64_t sent_ns, came_ns, retry_after_s;
} ex_request;

typedef struct ex_settings {
    const char *store, *config;
    char *urls[EX_VENUES];
    uint32_t n_venues;
    uint64_t jobs; /* that are submitted in all, over all runs */
    uint64_t seed;
    double usd;            /* notional of a job */
    double maker_chance;   /* that a leg rests */
    double cancel_chance;  /* that a job is cancelled by hand, a tick */
    int64_t kill_every_ns; /* the kill switch goes on for a moment; 0: never */
    int64_t patience_ns;   /* how long a leg may rest */
    int64_t reprice_ns;    /* before it follows the price */
    int64_t give_up_ns;    /* after the patience: what is not hedged by then is left to a repair */
    uint32_t symbol_jobs;  /* that are open in a symbol before they are closed again */
    uint32_t symbols;      /* that are traded */
    const char *dump;      /* where to write what the book says in the end */
    bool quiet;
} ex_settings;

/* What happened in this run. */
typedef struct ex_counts {
    atomic_ulong placed, fills, repeated, conflicts, strangers, lost, asked, not_there, cancels,
        late_cancels, duplicates, errors, foreign, reconnects, unhedged, kills, by_hand;
} ex_counts;

typedef struct executor {
    perp_core *core;
    perp_scheduler *scheduler;
    perp_orders *orders;
    perp_market *market;
    const ex_settings *settings;
    bool has_keys;
    char key_header[128], secret[128];
    ex_venue venues[EX_VENUES];
    uint32_t n_venues;
    atomic_bool stops; /* the threads are to end */
    ex_counts counts;
    sim_random random;

    pthread_mutex_t lock; /* of the orders below, and of what venues know */
    ex_order live[EX_ORDERS];

    pthread_mutex_t poke_lock; /* of the pokes; taken last */
    pthread_cond_t poked;
    perp_uuid pokes[EX_POKES];
    uint32_t n_pokes;
    bool pokes_all;

    ex_work works[EX_WORKS]; /* of the desk */
    int64_t next_job;        /* the number of the job that is made next */
    int64_t kill_ns, unkill_ns;
    struct ex_naked *naked;
} executor;

/* ---- clock, numbers, log (util.c) ---- */
int64_t ex_now(void);
perp_call ex_call(void);
double ex_floor(double value, double step);
double ex_ceil(double value, double step);
double ex_number(const cJSON *object, const char *name);    /* also as text; 0: it is not there */
const char *ex_text(const cJSON *object, const char *name); /* "": it is not there */
perp_usd ex_money(const cJSON *object, const char *name);
void ex_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Logs what a call said that should not have failed, and counts it. */
bool ex_ok(executor *ex, perp_status status, const char *what);
bool ex_same(const perp_uuid *a, const perp_uuid *b);

/* ---- HTTP: answers come on the venue's own thread (http.c) ---- */
/* status 0: there was no answer; json NULL: it was none. */
typedef void ex_answer(ex_venue *venue, ex_request *request, long status, const cJSON *json);
struct ex_http *ex_http_start(ex_venue *venue, ex_answer *answer);
void ex_http_stop(struct ex_http *http);
void ex_http_send(struct ex_http *http, const ex_request *request);
/* Waits for the answer; NULL: none. For the start, when there is nothing else to do. */
cJSON *ex_http_ask(ex_venue *venue, const char *method, const char *path, long *status);
/* ---- keys of the account (sign.c) ---- */
void ex_keys_read(executor *ex);
void ex_sign(const executor *ex, char *path, size_t size); /* a path with its query */

/* ---- the stream (stream.c) ---- */
typedef void ex_message(ex_venue *venue, const char *text, size_t length);
struct ex_stream *ex_stream_start(ex_venue *venue, ex_message *message);
void ex_stream_stop(struct ex_stream *stream);

/* ---- the exchange's dialect (venue.c) ---- */
/* Asks what is traded there, and adds it to the book. */
bool ex_venue_open(executor *ex, ex_venue *venue, const char *url);
void ex_venue_start(ex_venue *venue); /* its threads; when all venues are open */
void ex_venue_close(ex_venue *venue);
void ex_send_place(ex_order *order, const perp_order_info *info);
/* Asks about an order, cancels it, or asks for its trades. */
void ex_send_about(ex_order *order, enum ex_kind kind, const char *exchange_id);
void ex_venue_rounds(ex_venue *venue, int64_t now); /* account, open orders, trades: when due */
void ex_ask_trades(ex_venue *venue, uint32_t i);    /* those of an instrument that are not booked */
/* ---- what it answers (answers.c), what its stream says (news.c) ---- */
void ex_venue_answer(ex_venue *venue, ex_request *request, long status, const cJSON *json);
void ex_venue_message(ex_venue *venue, const char *text, size_t length);
/* ---- how far its trades are booked (cursor.c) ---- */
void ex_cursors_read(ex_venue *venue);
void ex_cursors_write(const ex_venue *venue);
const ex_instrument *ex_instrument_of(const executor *ex, perp_instrument_id id, ex_venue **venue);

/* ---- what the exchange said of an order (book.c) ---- */
typedef struct ex_said {
    const char *client_id;
    int64_t exchange_id;
    const char *status; /* as the exchange writes it */
    double executed;    /* in all so far */
    bool fresh;         /* it answers a question: the order is so now */
} ex_said;

typedef struct ex_trade {
    int64_t id;
    uint64_t order; /* 0: the client id says which */
    const char *client_id;
    double quantity, price;
    perp_usd fee, pnl;
    int64_t time_ms;
} ex_trade;

#define EX_NOTHING_TO_REDUCE "-2022" /* begins the text of such an order's end */
#define EX_NOBODYS UINT64_MAX        /* an order on the account that is none of ours */

/* The record of an order that has not ended; made where there is none. Under the lock. */
ex_order *ex_order_of(executor *ex, uint64_t order, bool makes);
void ex_order_drop(ex_order *order);
void ex_learn(ex_venue *venue, const ex_said *said);
/* False: the order is not known, so nothing was booked. */
bool ex_tell_fill(ex_venue *venue, const ex_trade *trade);
void ex_tell_unknown(executor *ex, uint64_t order);
void ex_tell_end(executor *ex, const ex_order *order);
void ex_know(ex_venue *venue, int64_t exchange_id, uint64_t order);
uint64_t ex_known_order(ex_venue *venue, int64_t exchange_id); /* 0: not known */

/* ---- pokes, the desk (desk.c) ---- */
void ex_poke(executor *ex, const perp_uuid *job_id);
void ex_poke_all(executor *ex);
void ex_callbacks(executor *ex, perp_callbacks *callbacks);
void ex_desk_run(executor *ex);
ex_work *ex_work_of(executor *ex, const perp_uuid *job_id, bool makes);

/* ---- the next step of a job (work.c) ---- */
void ex_work_on(executor *ex, const perp_uuid *job_id);

/* ---- jobs to execute (jobs.c) ---- */
void ex_jobs_make(executor *ex, int64_t now);
bool ex_jobs_done(executor *ex);

/* ---- how long jobs were without another side (naked.c), and the end (report.c) ---- */
struct ex_naked *ex_naked_open(const char *store); /* NULL: it can't be written */
void ex_naked_close(struct ex_naked *naked);
void ex_naked_look(executor *ex, const perp_uuid *job_id);
void ex_report(executor *ex);
/* ---- the same for a program (dump.c) ---- */
bool ex_dump(executor *ex, const char *path);

#endif
