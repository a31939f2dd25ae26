/* What monitoring reads of the whole book. Nothing here changes it. */
#ifndef PERP_MONITOR_MONITOR_H
#define PERP_MONITOR_MONITOR_H

#include "scheduler/scheduler.h"
#include "util/json.h"

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
void perp_out_positions(struct perp_out *out, cJSON *root, const perp_core *core,
                        const struct perp_shown *shown);

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
void perp_out_orders(struct perp_out *out, cJSON *root, const perp_core *core,
                     const perp_monitor_state *s);

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

/* Writing JSON: where memory runs out, failed is set and the rest does nothing. Names must last as
   long as what is made of them. */
struct perp_out {
    bool failed;
    const char (*host_rules)[PERP_NAME_SIZE]; /* names of the host's rules */
};
cJSON *perp_out_object(struct perp_out *out, cJSON *parent, const char *name);
cJSON *perp_out_array(struct perp_out *out, cJSON *parent, const char *name);
void perp_out_item(struct perp_out *out, cJSON *array, const char *text);
void perp_out_text(struct perp_out *out, cJSON *object, const char *name, const char *text);

/* A field, by the type that its table gives. */
void perp_out_system(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_mode(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_circuit(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_api(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_strategy(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_state(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_reason(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_flag(struct perp_out *out, cJSON *object, const char *name, uint32_t value);
void perp_out_integer(struct perp_out *out, cJSON *object, const char *name, int32_t value);
void perp_out_count(struct perp_out *out, cJSON *object, const char *name, uint64_t value);
void perp_out_worth(struct perp_out *out, cJSON *object, const char *name, double usd);
void perp_out_usd(struct perp_out *out, cJSON *object, const char *name, perp_usd value);
void perp_out_limit(struct perp_out *out, cJSON *object, const char *name, perp_usd value);
void perp_out_number(struct perp_out *out, cJSON *object, const char *name, double value);
void perp_out_time(struct perp_out *out, cJSON *object, const char *name, int64_t value);
void perp_out_uuid(struct perp_out *out, cJSON *object, const char *name, perp_uuid value);
void perp_out_one_job(struct perp_out *out, cJSON *object, const char *name, perp_one_job value);
void perp_out_name(struct perp_out *out, cJSON *object, const char *name, const char *value);

#endif
