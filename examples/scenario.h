/* perp-scenario: drives the library from JSON Lines. Each input line is one call, each gives one
   output line; docs/scenario.md has the language. The runner uses the public headers only, and its
   JSON is read with the strict reader that the library reads its own with. */
#ifndef PERP_EXAMPLES_SCENARIO_H
#define PERP_EXAMPLES_SCENARIO_H

#include <perpcore/perpcore.h>

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(op, changes, fields): every op, whether it changes the book (and so takes an actor and a
   reason), and its fields. A field is written name:type, or name?:type where it is optional, with
   the types s text, n number, i integer, b true or false, o object, a list. op and t are understood
   everywhere. */
#define SCENARIO_OPS(X)                                                                            \
    X(config, true, "capital?:o risk?:o scheduler?:o orders?:o")                                   \
    X(reconfigure, true, "capital?:o risk?:o scheduler?:o orders?:o")                              \
    X(exchange, true,                                                                              \
      "name:s taker_fee_bps?:n maker_fee_bps?:n max_concurrent?:i max_notional?:n margin_mode?:s " \
      "venue?:s liquidation_fee_bps?:n client_id_format?:s client_id_prefix?:s "                   \
      "order_rate_per_s?:n order_burst?:i")                                                        \
    X(instrument, true,                                                                            \
      "exchange:s symbol:s kind?:s base?:s quote?:s contract?:s qty_step?:n price_tick?:n "        \
      "min_qty?:n min_notional?:n funding_interval_h?:n tiers?:a can_borrow?:b "                   \
      "max_position_usd?:n taker_fee_bps?:n maker_fee_bps?:n")                                     \
    X(exchange_update, true,                                                                       \
      "name:s taker_fee_bps?:n maker_fee_bps?:n max_concurrent?:i max_notional?:n margin_mode?:s " \
      "venue?:s liquidation_fee_bps?:n client_id_format?:s client_id_prefix?:s "                   \
      "order_rate_per_s?:n order_burst?:i")                                                        \
    X(instrument_update, true,                                                                     \
      "exchange:s symbol:s kind?:s base?:s quote?:s contract?:s qty_step?:n price_tick?:n "        \
      "min_qty?:n min_notional?:n funding_interval_h?:n tiers?:a can_borrow?:b "                   \
      "max_position_usd?:n taker_fee_bps?:n maker_fee_bps?:n")                                     \
    X(equity, true, "exchange:s equity:n")                                                         \
    X(transfer, true, "exchange:s amount:n in_equity?:b")                                          \
    X(reserve, true, "exchange:s pool:s amount:n key?:s")                                          \
    X(reservations, false, "exchange?:s")                                                          \
    X(confirm, true, "reservation:i amount?:n")                                                    \
    X(release, true, "reservation:i amount?:n")                                                    \
    X(pnl, true, "exchange:s pnl:n volume:n fees:n key?:s")                                        \
    X(safe_mode, true, "exchange:s enabled:b")                                                     \
    X(correct, true, "exchange:s day_start:n high_water?:n")                                       \
    X(set_day_offset, true, "minutes:i")                                                           \
    X(advance, true, "")                                                                           \
    X(capital, false, "exchange?:s")                                                               \
    X(quote, false, "exchange:s symbol:s bid:n bid_size:n ask:n ask_size:n")                       \
    X(book, false, "exchange:s symbol:s bids:a asks:a")                                            \
    X(trade, false, "exchange:s symbol:s price:n size?:n")                                         \
    X(mark, false, "exchange:s symbol:s price:n")                                                  \
    X(withdraw, false, "exchange:s symbol:s")                                                      \
    X(rate, false, "quote:s usd:n")                                                                \
    X(funding, false, "exchange:s symbol:s rate:n interval_h:n next_t:i continuous?:b")            \
    X(latency, false, "exchange:s ms:n")                                                           \
    X(exchange_status, false, "exchange:s status:s")                                               \
    X(collateral, true, "exchange:s base:s quantity:n haircut?:n")                                 \
    X(account, true, "exchange:s positions:a equity?:n report_t?:i")                               \
    X(position, true,                                                                              \
      "exchange:s symbol:s quantity:n entry_price?:n leverage?:n margin_mode?:s "                  \
      "liquidation_price?:n report_t?:i")                                                          \
    X(cash, true, "exchange:s kind:s amount:n key:s symbol?:s")                                    \
    X(fill, true, "exchange:s symbol:s side:s quantity:n price:n key:s fee?:n pnl?:n fill_t?:i")   \
    X(positions, false, "exchange?:s")                                                             \
    X(bases, false, "")                                                                            \
    X(accept_position, true, "exchange:s symbol:s")                                                \
    X(market, false, "exchange:s symbol:s")                                                        \
    X(evaluate, false, "job:o")                                                                    \
    X(submit, true, "job:o")                                                                       \
    X(cancel, true, "job_id:s")                                                                    \
    X(tick, true, "outcomes?:o")                                                                   \
    X(finish, true, "job_id:s status?:s legs?:a pnl?:n volume?:n fees?:n flat?:b from_orders?:b")  \
    X(progress, true, "job_id:s legs:a")                                                           \
    X(amend, true, "job_id:s legs:a")                                                              \
    X(close, true, "job_id:s pnl:n volume:n fees:n")                                               \
    X(job, false, "job_id:s")                                                                      \
    X(limits, true,                                                                                \
      "max_global_concurrent_jobs?:i max_dispatch_per_minute?:i exchange?:s max_concurrent?:i "    \
      "max_notional?:n")                                                                           \
    X(flatten, true, "exchange?:s base?:s key:s")                                                  \
    X(requeue, true, "job_id:s")                                                                   \
    X(place, true, "job_id:s leg:i type:s tif?:s price?:n quantity:n reduce_only?:b")              \
    X(on_order, true,                                                                              \
      "order?:i client_id?:s kind:s exchange_id?:s fill_id?:s quantity?:n filled?:n price?:n "     \
      "fee?:n pnl?:n fill_t?:i text?:s")                                                           \
    X(cancel_sent, true, "order:i")                                                                \
    X(order, false, "order:i")                                                                     \
    X(orders, false, "job_id?:s state?:s")                                                         \
    X(settled, true, "job_id:s")                                                                   \
    X(reconcile_orders, true, "exchange:s at?:i client_ids:a")                                     \
    X(allow, true, "symbol:s exchange?:s strategy?:s enabled?:b")                                  \
    X(resolve, true, "base:s")                                                                     \
    X(resume_repair, true, "base:s")                                                               \
    X(mode, true, "mode:s")                                                                        \
    X(pause, true, "")                                                                             \
    X(resume, true, "")                                                                            \
    X(reset_strategy, true, "strategy:s")                                                          \
    X(reset_halt, true, "")                                                                        \
    X(override, true, "enabled:b ttl_ms?:i job_id?:s")                                             \
    X(kill, true, "enabled:b exchange?:s")                                                         \
    X(blacklist, true, "symbol:s enabled:b")                                                       \
    X(halt_instrument, true, "exchange:s symbol:s enabled:b")                                      \
    X(success, true, "exchange?:s")                                                                \
    X(failure, true, "exchange?:s")                                                                \
    X(rules, false, "")                                                                            \
    X(state, false, "")                                                                            \
    X(check, false, "")                                                                            \
    X(headroom, false, "exchange:s pool:s")                                                        \
    X(feasibility, false, "")                                                                      \
    X(checkpoint, true, "")                                                                        \
    X(reopen, true, "")

#define SCENARIO_TIER_FIELDS "floor:n cap?:n mmr:n amount?:n max_leverage?:n"
#define SCENARIO_FILL_FIELDS "filled:n price:n fee:n pnl?:n t?:i known?:b"
#define SCENARIO_POSITION_FIELDS                                                                   \
    "symbol:s quantity:n entry_price?:n leverage?:n margin_mode?:s liquidation_price?:n"

/* What the executor of the next tick says of a job, and the call that it makes before it returns.
 */
enum scenario_stop { SCENARIO_GOES_ON, SCENARIO_KILLS, SCENARIO_KILLS_EXCHANGE, SCENARIO_PAUSES };

struct scenario_outcome {
    perp_uuid job_id;
    uint32_t outcome;
    uint32_t stop; /* enum scenario_stop */
};

/* A run: one book and what lines leave behind for the lines after them. */
struct scenario {
    perp_core *core;        /* opened at the first line */
    const char *store_path; /* NULL: memory only */
    int64_t latest_us;      /* the latest t of the lines that succeeded */
    perp_tick_result tick;
    struct scenario_outcome *outcomes; /* of the tick that runs, sorted by job_id (its first
                                           field) */
    size_t n_outcomes;
    const perp_call *call; /* of that tick */
};

/* One line while it is worked on. A fault in its shape counts at once; a fault in a value only
   after what the line addresses was found (an unknown exchange is told before a wrong amount), so
   values are noted here and line_ready decides. The first fault of a rank is the one that is told.
 */
struct line {
    struct scenario *run;
    cJSON *json;
    const cJSON *at; /* the object that fields are read from: json, or an entry of a list */
    char path[32];   /* stands before its fields in messages */
    cJSON *answer;
    perp_call call;
    perp_status status;
    char message[256];
    perp_status late; /* PERP_E_INVALID or PERP_E_RANGE of a value */
    char late_message[160];
    uint64_t known_reservation; /* of a key that exists; 0: none */
    bool no_memory;             /* the answer could not be written */
};

void scenario_init(struct scenario *run);
void scenario_free(struct scenario *run);
/* Works on one line (without its newline) and gives the answer as one line of JSON, to be freed;
   NULL: no memory, or the book could not be opened. */
char *scenario_answer(struct scenario *run, const char *text, size_t length);
/* Opens the book with the run's executor. A failure leaves its message in perp_core_error(NULL). */
perp_status scenario_open(struct scenario *run, perp_config *config);
/* The executor: accepts a job unless the line of the tick says otherwise. user is the run. */
void scenario_execute(void *user, const perp_execution *job, uint32_t *outcome);

#define X(op, changes, fields) void scenario_##op(struct line *line);
SCENARIO_OPS(X)
#undef X

/* Faults. line_fail is the line's end; line_late waits for line_ready; did notes what the library
   said. Each is false where the line has failed. */
bool line_fail(struct line *line, perp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void line_late(struct line *line, perp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool line_ready(struct line *line);
bool line_did(struct line *line, perp_status status);

/* Whether an object has the fields of the two lists, all that it must have and no other, in their
   types. Fails the line. */
bool line_shape(struct line *line, const cJSON *object, const char *fields, const char *more);
/* Makes an entry of a list the object that fields are read from, after its shape was checked; leave
   makes it the line again. */
bool line_enter(struct line *line, const cJSON *entry, const char *list, size_t index,
                const char *fields);
void line_leave(struct line *line);

/* Values of fields whose shape was checked; the fallback (or NULL) where the field is absent. */
bool line_has(const struct line *line, const char *name);
const char *line_text(const struct line *line, const char *name);
bool line_flag(const struct line *line, const char *name);
double line_number(struct line *line, const char *name, double fallback);
double line_finite(struct line *line, const cJSON *number, const char *name);
perp_usd line_money(struct line *line, const char *name, perp_usd fallback);
/* The same, where more than six decimals are rounded half away from zero. */
perp_usd line_rounded_money(struct line *line, const char *name, perp_usd fallback);
int64_t line_integer(struct line *line, const char *name, int64_t low, int64_t high,
                     int64_t fallback);
uint32_t line_limit(struct line *line, const char *name);       /* PERP_NO_ID: absent */
perp_usd line_money_limit(struct line *line, const char *name); /* -1: absent */
int64_t line_time_ns(struct line *line, const char *name, int64_t fallback_ns);
perp_uuid line_uuid(struct line *line, const char *name);
void line_name(struct line *line, const char *name, char out[PERP_NAME_SIZE]);
uint32_t line_choice(struct line *line, const char *name, const char *(*text_of)(uint32_t),
                     uint32_t count, uint32_t fallback);

/* What the line addresses: PERP_E_NOT_FOUND at once. */
perp_exchange_id line_exchange(struct line *line); /* PERP_ALL_EXCHANGES where absent */
perp_instrument_id line_instrument(struct line *line);
perp_instrument_id line_instrument_on(struct line *line, perp_exchange_id exchange);
/* A job in one of some states (bits 1 << state) or with something open, a live reservation: the
   library looks for them itself, so that only a line with a fault in a value needs to know first
   whether they are there.
 */
void line_addresses_job(struct line *line, const perp_uuid *job_id, uint32_t states);
void line_addresses_open_job(struct line *line, const perp_uuid *job_id);
void line_addresses_reservation(struct line *line, uint64_t id);

/* The text of a part of the line as it was given, for the library to read; to be freed with
   cJSON_free. The part can't be read as fields afterwards. NULL: the line failed, no memory. */
char *line_take_text(struct line *line, cJSON *part);

/* The answer. */
void put_text(struct line *line, cJSON *object, const char *name, const char *text);
void put_flag(struct line *line, cJSON *object, const char *name, bool value);
void put_number(struct line *line, cJSON *object, const char *name, double value);
void put_money(struct line *line, cJSON *object, const char *name, perp_usd amount);
void put_count(struct line *line, cJSON *object, const char *name, uint64_t value);
void put_uuid(struct line *line, cJSON *object, const char *name, const perp_uuid *uuid);
/* NULL where there is no memory, which all of these take. */
cJSON *put_object(struct line *line, cJSON *object, const char *name);
cJSON *put_list(struct line *line, cJSON *object, const char *name);
cJSON *add_object(struct line *line, cJSON *list);
void add_text(struct line *line, cJSON *list, const char *text);
void add_uuid(struct line *line, cJSON *list, const perp_uuid *uuid);
void add_number(struct line *line, cJSON *list, double value);
/* The numbers of the orders that a filter lets pass. */
void put_orders(struct line *line, const char *name, const perp_order_filter *filter);
void put_refusal(struct line *line, const perp_refusal *refusal);

/* The name of an exchange. */
void exchange_name(const struct line *line, perp_exchange_id id, char name[PERP_NAME_SIZE]);

#endif
