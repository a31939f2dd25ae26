/* What monitoring reads of the whole book. Nothing here changes it. */
#ifndef PERP_MONITOR_MONITOR_H
#define PERP_MONITOR_MONITOR_H

#include "scheduler/scheduler.h"
#include "util/json_text.h"

/* What the limits of capital depend on. */
struct perp_budget {
    bool has_equity; /* it ever got one */
    bool safe_mode;
    perp_usd equity;
    perp_usd max_notional;               /* of what runs there */
    perp_instrument_id first_instrument; /* PERP_NO_ID: none */
    perp_usd pools[PERP_POOL_COUNT];
};

struct perp_budgets {
    perp_capital_config config;
    perp_risk_config risk;
    uint32_t pool_of[PERP_STRATEGY_COUNT];
    uint32_t n_exchanges;
    uint32_t n_instruments;
    uint32_t n_bases;
    struct perp_budget exchanges[PERP_MAX_EXCHANGES];
};

/* Under the lock. */
void perp_budgets_take(const perp_core *core, struct perp_budgets *budgets);

/* Calls `take` with each row until it returns false. PERP_E_NOMEM. Without the lock. */
perp_status perp_feasibility_each(perp_core *core, const struct perp_budgets *budgets,
                                  bool (*take)(void *user, const perp_feasibility *row),
                                  void *user);

/* Whether the strategy has a pair that it could trade on, or none that has equity, as far as that
   is seen with little work and no memory; false is no proof. Without the lock. */
bool perp_feasible_at_sight(const perp_core *core, const struct perp_budgets *budgets,
                            uint32_t strategy);

/* What stands alone: a base that is naked (with how its repair stands), or the position of an
   instrument that drifts, or that a report leaves in doubt, or a running job that has been unhedged
   for too long; or an order of which nobody knows. */
struct perp_exposed {
    enum {
        PERP_EXPOSED_NAKED,
        PERP_EXPOSED_DRIFT,
        PERP_EXPOSED_IN_DOUBT,
        PERP_EXPOSED_SHORT, /* the reserve lacks capital for the base's repair */
        PERP_EXPOSED_UNHEDGED,
        PERP_EXPOSED_ORDER /* in doubt */
    } what;
    uint32_t of; /* the base, the instrument, or the exchange */
    double quantity;
    double usd; /* of it; NaN: no price is known */
    int64_t since;
    bool has_repair, stopped;
    perp_uuid job;                  /* that is unhedged */
    char client_id[PERP_NAME_SIZE]; /* of the order */
};

#define PERP_FEW_EXPOSED 32

/* jobs.c, under the lock: what stands alone, into the rows where they are not NULL; *n gets how
   much there is. */
void perp_expose(const perp_core *core, uint32_t *n, struct perp_exposed *rows);

struct perp_out;

#define PERP_FEW_LOTS 256

/* What is open, as it is shown: of a snapshot as many as its arrays hold, for JSON all, with their
   lots, those of one position after those of the one before. */
struct perp_shown {
    bool all;
    perp_monitor_position *positions; /* of the snapshot, where they fit there */
    perp_monitor_base *bases;
    perp_lot_state *lots;
    uint32_t n_positions, n_bases, n_lots; /* that there are; without all, no lots are taken */
    uint32_t positions_capacity, bases_capacity, lots_capacity;
    perp_lot_state few_lots[PERP_FEW_LOTS];
};

/* shown.c. Nothing yet, in the rows of the snapshot. */
void perp_shown_begin(perp_monitor_state *s, struct perp_shown *shown);
/* Under the lock: makes room for what there is to show; false: no memory. Then the rows. */
bool perp_shown_room(perp_core *core, perp_monitor_state *s, struct perp_shown *shown);
void perp_shown_take(const perp_core *core, int64_t now, struct perp_shown *shown);
/* Without the lock, which it takes for each position in turn: names, marks and liquidations. */
void perp_shown_complete(const perp_core *core, perp_monitor_state *s, struct perp_shown *shown);
/* Gives back what room took, with the lock where it must. */
void perp_shown_close(perp_core *core, const perp_monitor_state *s, struct perp_shown *shown);
/* Writes positions_stats. */
void perp_out_positions(struct perp_out *out, const perp_core *core,
                        const struct perp_shown *shown);

struct perp_texts;

/* All that a state is made of: copied under the lock into the snapshot and beside it, then
   completed without the lock. */
struct perp_taken_state {
    perp_core *core;
    perp_monitor_state *s;
    perp_monitor_job *running; /* s->n_running; those of the snapshot where they fit there */
    uint32_t running_capacity;
    struct perp_exposed *exposed;
    uint32_t n_exposed, exposed_capacity;
    struct perp_exposed few[PERP_FEW_EXPOSED];
    struct perp_shown *shown; /* NULL: positions are not wanted; set before it is taken */
    struct perp_texts *texts; /* for JSON; NULL: not wanted, or no memory */
    bool store_failed;
    bool clock_ahead;
    bool wal_held;
    uint64_t wal_bytes;
    uint32_t strategies_halted; /* bits */
    bool daily_loss_reached;
    uint32_t n_symbols;
    int64_t max_quote_age_ms;
    double volatility_threshold;
    double max_latency_ms;
    struct {
        uint32_t failures;
        int64_t opened_at;
    } circuits[PERP_MAX_EXCHANGES];
    char host_rules[PERP_MAX_HOST_RULES][PERP_NAME_SIZE]; /* their names; empty: none */
    struct perp_budgets budgets;
};

/* Takes the lock, fills state and s with all that belongs to the book, gives the lock back and
   completes the lists. now_ns: the caller's. Close it, also where it failed. PERP_E_NOMEM. */
perp_status perp_state_take(const perp_core *core, int64_t now_ns, perp_monitor_state *s,
                            struct perp_taken_state *state);
void perp_state_close(struct perp_taken_state *state);

/* monitor_orders.c. Under the lock: orders, and the jobs that are unhedged; orders that are in
   doubt, behind what is exposed already. */
void perp_copy_orders(const perp_core *core, int64_t now, perp_monitor_state *s);
void perp_expose_orders(const perp_core *core, uint32_t *n, struct perp_exposed *rows);
/* Writes orders_stats. */
void perp_out_orders(struct perp_out *out, const perp_core *core, const perp_monitor_state *s);

/* jobs.c. Under the lock: the counts; what runs and what stands alone, for which there is room. */
void perp_copy_jobs(struct perp_taken_state *state);

/* The walks over the jobs that wait and those that ended, which may be many: as many at a time as a
   decision can wait for. */
struct perp_list_walk {
    bool pending_done, ended_done;
    uint32_t n_top;
    uint64_t next_order, end_order; /* of those that wait: from where on, and where to stop */
    struct perp_waiting {
        double score;
        int32_t priority;
        uint32_t slot; /* where its row is */
        uint64_t order;
        const struct perp_job_entry *fresh; /* found in this hold and not yet copied */
    } top[PERP_MONITOR_TOP_PENDING + 1];
    perp_monitor_job rows[PERP_MONITOR_TOP_PENDING];
    bool at_end;       /* `ended` says where to go on */
    perp_uuid ended;   /* the last one seen */
    uint64_t ended_of; /* its order of submit */
};
void perp_walk_begin(struct perp_list_walk *walk, struct perp_taken_state *state);
/* One piece of both. Under the lock. */
void perp_walk_on(struct perp_list_walk *walk, struct perp_taken_state *state);
/* Without the lock: the rows in their order, with their names. */
void perp_walk_end(struct perp_list_walk *walk, struct perp_taken_state *state);

/* Calls `take` with each alert that stands, most severe first. The state must be completed. Without
   the lock. PERP_E_NOMEM. */
perp_status perp_alerts_each(const struct perp_taken_state *state,
                             void (*take)(void *user, const perp_alert *alert), void *user);

const char *perp_alert_level_string(uint32_t level);

/* Writing JSON, which is complete where text.failed is not set. */
struct perp_out {
    struct perp_json_text text;
    const char (*host_rules)[PERP_NAME_SIZE]; /* names of the host's rules; NULL: none */
};
/* An object or a list: a member with PERP_KEY(name), or with any name, or an element. */
void perp_out_begin(struct perp_out *out, const char *key, size_t length);
void perp_out_begin_list(struct perp_out *out, const char *key, size_t length);
void perp_out_begin_named(struct perp_out *out, const char *name);
void perp_out_begin_item(struct perp_out *out);
void perp_out_end(struct perp_out *out);
void perp_out_end_list(struct perp_out *out);
void perp_out_item(struct perp_out *out, const char *text);
/* NULL: null. */
void perp_out_text(struct perp_out *out, const char *key, size_t length, const char *value);
void perp_out_named_count(struct perp_out *out, const char *name, uint64_t value);
void perp_out_named_number(struct perp_out *out, const char *name, double value);

/* A field, by the type that its table gives. */
void perp_out_system(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_mode(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_circuit(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_api(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_strategy(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_state(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_reason(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_flag(struct perp_out *out, const char *key, size_t length, uint32_t value);
void perp_out_integer(struct perp_out *out, const char *key, size_t length, int32_t value);
void perp_out_count(struct perp_out *out, const char *key, size_t length, uint64_t value);
void perp_out_worth(struct perp_out *out, const char *key, size_t length, double value);
void perp_out_usd(struct perp_out *out, const char *key, size_t length, perp_usd value);
void perp_out_limit(struct perp_out *out, const char *key, size_t length, perp_usd value);
void perp_out_number(struct perp_out *out, const char *key, size_t length, double value);
void perp_out_time(struct perp_out *out, const char *key, size_t length, int64_t value);
void perp_out_uuid(struct perp_out *out, const char *key, size_t length, perp_uuid value);
void perp_out_one_job(struct perp_out *out, const char *key, size_t length, perp_one_job value);
void perp_out_name(struct perp_out *out, const char *key, size_t length, const char *value);
#define PERP_MARKET_TEXT_SIZE 768
#define PERP_RATE_TEXT_SIZE 448

/* An instrument as the state shows it: what stands under its symbol in market_stats, and under its
   exchange in funding_rates. Nothing in it is of `now` but the next settlement, which is the same
   for all times from `from` on and before `until`. */
struct perp_market_text {
    struct perp_market_version version; /* slot NULL: nothing yet */
    int64_t from, until;
    double volatility;    /* NaN: unknown */
    uint32_t length;      /* of market, from its second byte on */
    uint32_t rate_length; /* likewise; 0: no rate is shown */
    char market[PERP_MARKET_TEXT_SIZE];
    char rate[PERP_RATE_TEXT_SIZE];
};

#define PERP_TEXT_PAGE 16

/* The orders in which the state has instruments: those of one symbol together, in order of id,
   symbols as their first instruments; and those of one exchange. PERP_NO_ID: the last. The book's
   own links are not read without its lock. */
struct perp_text_link {
    perp_instrument_id next_of_symbol, next_on_exchange;
    bool is_first; /* of its symbol */
};

struct perp_text_ends {
    perp_instrument_id first, last; /* PERP_NO_ID: none yet */
};

/* What is kept from one JSON to the next. Its lock is taken with no other held, but by a rule of
   the host, which is asked under the book's, and does not wait. The book's is taken inside, for
   memory alone. */
struct perp_texts {
    pthread_mutex_t lock;
    char *room; /* where a whole state is written */
    size_t room_size;
    struct perp_market_text **pages; /* of PERP_TEXT_PAGE instruments, as far as there was memory */
    uint32_t n_pages, pages_capacity;
    struct perp_text_link *links; /* by instrument */
    uint32_t n_links, links_capacity;
    struct perp_text_ends on_exchange[PERP_MAX_EXCHANGES];
    struct perp_text_ends *of_symbol;
    uint32_t n_symbols, symbols_capacity;
};

/* texts.c. Under the lock: those of the core, made where there are none; NULL: no memory. */
struct perp_texts *perp_texts_of(perp_core *core);
/* Locks them and gives them back; where they can't be had gives `own`, which then has nothing and
   is freed by the end. */
struct perp_texts *perp_texts_begin(const perp_core *core, struct perp_texts *texts,
                                    struct perp_texts *own);
void perp_texts_end(perp_core *core, struct perp_texts *texts, struct perp_texts *own);
/* Makes anew what is kept of the state's instruments and has changed. PERP_E_NOMEM. */
perp_status perp_texts_take(struct perp_texts *texts, const struct perp_taken_state *state);
/* The text of an instrument; where none is kept it is made into *spare, of what its market is then.
   NULL: it has no room. */
const struct perp_market_text *perp_texts_at(const struct perp_texts *texts,
                                             const struct perp_taken_state *state,
                                             perp_instrument_id id, struct perp_market_text *spare);
/* Begins to write into the room, which grows as it is needed. */
struct perp_text_room {
    perp_core *core;
    struct perp_texts *texts;
};
void perp_texts_write(struct perp_text_room *room, struct perp_json_text *text);

/* A field of a row `stats`. */
#define PERP_OUT(type, name) perp_out_##type(out, PERP_KEY(#name), stats->name);

#endif
