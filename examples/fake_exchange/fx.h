/* The exchange that is faked: what its files share. All of it runs in one thread. */
#ifndef FX_H
#define FX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "sim_random.h"

#define FX_MOST_VENUES 8
#define FX_INSTRUMENTS 4
#define FX_LEVELS 10
#define FX_CLIENT_ID 36
#define FX_STEP_US 100000

/* ---- amounts: whole units, so that nothing is rounded but fees ---- */

enum fx_number { FX_NUMBER_OK, FX_NUMBER_BAD, FX_NUMBER_PRECISE, FX_NUMBER_LARGE };

/* Reads a decimal as a whole number of 10^-digits. PRECISE: it has more digits than that. */
enum fx_number fx_parse(const char *text, int digits, int64_t *value);
/* A whole number up to 18 digits. */
bool fx_parse_whole(const char *text, int64_t *value);
#define FX_NUMBER_TEXT 32
const char *fx_format(int64_t value, int digits, char text[FX_NUMBER_TEXT]);
/* a × b / c, rounded half away from zero. */
int64_t fx_share(int64_t a, int64_t b, int64_t c);
/* cost / quantity with 8 decimals; 0 where the quantity is. */
void fx_add_average(cJSON *object, const char *name, int64_t cost, int64_t quantity,
                    int quantity_digits);
void fx_add_number(cJSON *object, const char *name, int64_t value, int digits);

/* ---- faults ---- */

/* X(name, in light, in all) */
#define FX_FAULT_LIST(X)                                                                           \
    X(lost_before, 0.005, 0.03)                                                                    \
    X(lost_after, 0.005, 0.03)                                                                     \
    X(unknown_error, 0.002, 0.02)                                                                  \
    X(reject, 0.005, 0.03)                                                                         \
    X(decline, 0.01, 0.05)                                                                         \
    X(lag, 0.02, 0.1)                                                                              \
    X(partial, 0.02, 0.2)                                                                          \
    X(cancel_race, 0.01, 0.1)                                                                      \
    X(late_fill, 0, 0.01)                                                                          \
    X(stale_query, 0, 0.05)                                                                        \
    X(repeat, 0.01, 0.1)                                                                           \
    X(reorder, 0.01, 0.1)                                                                          \
    X(delay, 0.02, 0.1)                                                                            \
    X(ws_drop, 0.001, 0.01)                                                                        \
    X(rate_limit, 0.001, 0.005)                                                                    \
    X(down, 0, 0.0005)
#define FX_TIME_LIST(X)                                                                            \
    X(lag_ms, 300, 2000)                                                                           \
    X(late_ms, 1000, 1000)                                                                         \
    X(stale_ms, 500, 500)                                                                          \
    X(delay_ms, 300, 3000)                                                                         \
    X(rate_ms, 1000, 2000)                                                                         \
    X(down_ms, 1000, 3000)

#define FX_ENUM(name, light, all) FX_##name,
enum fx_fault { FX_FAULT_LIST(FX_ENUM) FX_N_FAULTS };
enum fx_time { FX_TIME_LIST(FX_ENUM) FX_N_TIMES };

struct fx_script {
    double chance[FX_N_FAULTS];
    int64_t ms[FX_N_TIMES];
};

/* ---- a venue ---- */

struct fx_spec {
    const char *symbol, *base;
    double price; /* that its walk begins with */
    int price_digits, quantity_digits;
    int64_t tick, step;       /* in units of these digits */
    int64_t most, most_price; /* of an order */
    int64_t scale;            /* price units × quantity units × scale: micro-dollars */
    int64_t maker_ppm, taker_ppm;
};

struct fx_level {
    int64_t price, quantity;
};

enum fx_side { FX_BUY = 1, FX_SELL = -1 };
enum fx_tif { FX_GTC, FX_IOC, FX_FOK, FX_GTX };
enum fx_status { FX_NEW, FX_PARTIALLY_FILLED, FX_FILLED, FX_CANCELED, FX_EXPIRED, FX_REJECTED };

struct fx_order {
    int64_t id; /* its place in the venue's list, from 1 */
    char client_id[FX_CLIENT_ID + 1];
    int instrument;
    enum fx_side side;
    bool is_market, reduce_only, is_late;
    enum fx_tif tif;
    int64_t price, quantity, filled;
    int64_t quote; /* micro-dollars, of what is filled */
    enum fx_status status;
    int code; /* why it is REJECTED */
    int64_t time_ms, update_ms;
    int64_t first_trade, last_trade;  /* ids; 0: none */
    struct fx_order *next, *previous; /* open orders */
};

struct fx_trade {
    int64_t id; /* its place in the venue's list, from 1 */
    struct fx_order *order;
    int64_t next; /* of the same order; 0: none */
    int64_t price, quantity, fee, pnl, time_ms;
    bool is_maker;
};

struct fx_market {
    struct fx_spec spec;
    double basis_bps, shift; /* the venue's difference to the common walk; what `move` did */
    double mid;
    struct fx_level levels[2][FX_LEVELS]; /* bids, asks: the best first */
    int64_t update_id;
    int64_t position, cost; /* signed; cost in micro-dollars: its average is cost / position */
    int64_t leverage;
};

struct fx_counts {
    uint64_t placed, remembered, duplicates, malformed, too_late, cancelled, requests;
    uint64_t news, delivered, undelivered;
    uint64_t faults[FX_N_FAULTS];
};

struct fx_venue {
    struct fx_exchange *exchange;
    char name[32];
    char listen_key[65];
    struct fx_market markets[FX_INSTRUMENTS];
    struct fx_order **orders;
    size_t n_orders, room_orders;
    struct fx_trade *trades;
    size_t n_trades, room_trades;
    struct fx_order *first_open, *last_open;
    void *by_client_id;    /* a tree of tsearch */
    int64_t wallet, start; /* micro-dollars */
    struct fx_script script;
    sim_random dice, walk;
    int64_t down_until_us, limited_until_us;
    bool down_closes, is_stopped; /* closed without an answer, else 503; the market stands */
    struct fx_counts counts;
};

/* What is to come: news, late fills, lagging requests. */
struct fx_later {
    int64_t due_us;
    uint64_t number; /* of two due at once the older comes first */
    struct fx_venue *venue;
    /* NULL: news. Called once; it owns `what`. */
    void (*run)(struct fx_venue *venue, void *what, int64_t amount);
    void *what;
    int64_t amount;
    bool is_held; /* news that waits for another to pass it */
    struct fx_later *next;
};

struct fx_streams;

struct fx_exchange {
    struct fx_venue venues[FX_MOST_VENUES];
    int n_venues;
    uint64_t seed;
    bool is_manual;
    double speed;
    const char *key, *secret; /* NULL: not looked at */
    int64_t now_us, next_step_us;
    double walks[FX_INSTRUMENTS];
    sim_random walk;
    struct fx_later *later;
    uint64_t n_later; /* numbers given */
    struct fx_streams *streams;
};

/* exchange.c */
/* names: separated by commas. NULL or what is wrong. */
const char *fx_open(struct fx_exchange *exchange, const char *names, uint64_t seed,
                    int64_t balance);
void fx_close(struct fx_exchange *exchange);
struct fx_venue *fx_venue_of(struct fx_exchange *exchange, const char *name, size_t length);
/* -1: none. */
int fx_instrument_of(const struct fx_venue *venue, const char *symbol);
static inline int64_t fx_now_ms(const struct fx_venue *venue) {
    return venue->exchange->now_us / 1000;
}
/* Everything that is due until then happens, each at its time. */
void fx_run_until(struct fx_exchange *exchange, int64_t until_us);
/* When something is due next. */
int64_t fx_next_due(const struct fx_exchange *exchange);
struct fx_later *fx_later(struct fx_venue *venue, int64_t due_us,
                          void (*run)(struct fx_venue *, void *, int64_t), void *what,
                          int64_t amount);
/* All that the venue is waiting for happens now. */
void fx_settle(struct fx_venue *venue);
uint64_t fx_waiting(const struct fx_venue *venue);
/* Memory that a program of tests can't go on without. */
void *fx_memory(void *old, size_t size);

/* faults.c */
/* Draws, without counting it. */
bool fx_roll(struct fx_venue *venue, enum fx_fault fault);
/* Draws, and counts it where it happens. */
bool fx_chance(struct fx_venue *venue, enum fx_fault fault);
/* From 1 to so many milliseconds, in microseconds. */
int64_t fx_some_us(struct fx_venue *venue, enum fx_time time);
/* A part of so many steps: from 1 to all of them. */
int64_t fx_part(struct fx_venue *venue, int64_t steps);
bool fx_profile(const char *name, struct fx_script *script);
/* The name of a profile, or an object. True, or what is wrong is in `error`. */
bool fx_script_read(const cJSON *json, struct fx_script *script, char *error, size_t size);
/* A profile's name or a file. */
bool fx_script_open(const char *name, struct fx_script *script, char *error, size_t size);
extern const char *const fx_fault_names[FX_N_FAULTS];
void fx_down(struct fx_venue *venue, int64_t us);
bool fx_is_down(const struct fx_venue *venue);

/* market.c */
void fx_specs(struct fx_venue *venue, bool is_odd);
/* The walks and each venue's books move on. */
void fx_market_step(struct fx_exchange *exchange);
void fx_books_renew(struct fx_venue *venue);
int64_t fx_mark(const struct fx_market *market); /* the mid in price units */

/* matching.c */
/* The first level that has something left, or the last one. */
const struct fx_level *fx_best(const struct fx_level levels[FX_LEVELS]);
/* What the book has for an order of this side up to this price (0: any). */
int64_t fx_available(const struct fx_market *market, enum fx_side side, int64_t price);
bool fx_would_cross(const struct fx_market *market, enum fx_side side, int64_t price);
/* The most that may still be filled of an order: less where it only reduces. */
int64_t fx_fillable(const struct fx_venue *venue, const struct fx_order *order);
void fx_fill(struct fx_venue *venue, struct fx_order *order, int64_t quantity, int64_t price,
             bool is_maker);
/* Takes from the book up to `most`. */
void fx_take(struct fx_venue *venue, struct fx_order *order, int64_t most);
/* Resting orders that the market has reached. */
void fx_match(struct fx_venue *venue, bool at_touch);
int64_t fx_unrealized(const struct fx_market *market);
int64_t fx_margin_used(const struct fx_venue *venue);

/* orders.c */
struct fx_order *fx_order_of(const struct fx_venue *venue, const char *client_id);
/* A copy of what was asked for gets its number and is known from now on. */
struct fx_order *fx_order_add(struct fx_venue *venue, const struct fx_order *asked);
void fx_order_rest(struct fx_venue *venue, struct fx_order *order);
/* No longer open, in its last state; it is not told. */
void fx_order_end(struct fx_venue *venue, struct fx_order *order, enum fx_status status);
static inline bool fx_is_open(const struct fx_order *order) {
    return order->status == FX_NEW || order->status == FX_PARTIALLY_FILLED;
}
/* Carries out a valid order that was added, or refuses it: then it has a code. */
void fx_order_place(struct fx_venue *venue, struct fx_order *order);
void fx_order_cancel(struct fx_venue *venue, struct fx_order *order);
void fx_orders_drop(struct fx_venue *venue);
/* As GET order shows it. */
cJSON *fx_order_json(const struct fx_venue *venue, const struct fx_order *order);
cJSON *fx_trade_json(const struct fx_venue *venue, const struct fx_trade *trade);
extern const char *const fx_status_names[], *const fx_tif_names[];
const char *fx_side_name(enum fx_side side);

/* news.c */
/* trade: NULL where there is none. */
void fx_tell_order(struct fx_venue *venue, const struct fx_order *order, const char *what,
                   const struct fx_trade *trade);
void fx_tell_account(struct fx_venue *venue, const struct fx_market *market);
/* Takes the news over. */
void fx_deliver(struct fx_venue *venue, char *news);

/* streams.c */
void fx_stream_user(struct fx_venue *venue, const char *news);
void fx_stream_market(struct fx_venue *venue);
void fx_streams_cut(struct fx_venue *venue);
uint64_t fx_streams_of(const struct fx_venue *venue, bool of_user);

/* ---- calls ---- */

#define FX_MOST_PARAMS 32
#define FX_PARAM_NAME 32
#define FX_PARAM_VALUE 256

struct fx_reply {
    int status;
    cJSON *json;    /* NULL: text */
    char text[128]; /* of an answer that is no JSON */
    int retry_after_s;
    bool is_lost; /* the connection is closed without an answer */
};

struct fx_call {
    char method[8];
    char *path;             /* decoded, without the query */
    char *query;            /* as it came; NULL: none */
    char *body;             /* ended with a zero byte; NULL: none */
    const char *key;        /* X-MBX-APIKEY */
    struct fx_venue *venue; /* NULL: /audit, /control, or there is nothing */
    int n_params;
    char names[FX_MOST_PARAMS][FX_PARAM_NAME];
    char values[FX_MOST_PARAMS][FX_PARAM_VALUE];
    const char *wrong;  /* why the parameters can't be read; NULL: they can */
    enum fx_fault ends; /* what becomes of its answer: lost_after, unknown_error; else N_FAULTS */
    struct fx_reply reply;
};

/* The faults of a request are drawn before it is carried out. */
struct fx_plan {
    int64_t lag_us;
    bool runs_first; /* carried out now and answered later, else all of it later */
    bool is_done;    /* answered; nothing is to be carried out */
};

/* calls.c */
/* What will become of a call; where it is not done, fx_call_run carries it out, now or later. */
struct fx_plan fx_call_plan(struct fx_exchange *exchange, struct fx_call *call);
void fx_call_run(struct fx_exchange *exchange, struct fx_call *call);
/* The venue that a path is below of; `rest` begins with the slash behind its name. */
struct fx_venue *fx_venue_below(struct fx_exchange *exchange, const char *path, const char **rest);
const char *fx_param(const struct fx_call *call, const char *name);
void fx_call_fail(struct fx_call *call, int code, const char *message);
struct fx_market *fx_market_of(struct fx_venue *venue, struct fx_call *call);
/* A parameter that may be missing; false: it is no number from 0 up, and the call has failed. */
bool fx_param_whole(struct fx_call *call, const char *name, int64_t *value);

struct fx_route {
    const char *method, *path; /* below /VENUE/fapi/vN/ */
    void (*run)(struct fx_venue *venue, struct fx_call *call);
    bool is_private;
};
extern const struct fx_route fx_order_routes[], fx_market_routes[], fx_account_routes[];

/* audit.c, control.c */
cJSON *fx_audit(const struct fx_exchange *exchange, bool with_orders);
void fx_control(struct fx_exchange *exchange, struct fx_call *call);
/* calls_market.c */
cJSON *fx_book_ticker(const struct fx_market *market, int64_t now_ms);
void fx_add_depth(cJSON *object, const struct fx_market *market, int levels, const char *bids,
                  const char *asks);

#endif
