/* Configuration of a book: memory, log, callbacks, store and all limits. */
#ifndef PERPCORE_CONFIG_H
#define PERPCORE_CONFIG_H

#include <perpcore/store.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory of a core. All NULL (the default): malloc and free. allocate returns NULL when there is no
   memory (the call then fails with PERP_E_NOMEM and changes nothing); the memory must be aligned as
   malloc's. Called under the library's lock: it must not call back into the library. */
typedef struct perp_allocator {
    void *user;
    /* Gives size bytes, or NULL. */
    void *(*allocate)(void *user, size_t size);
    /* Takes back what allocate gave; size is what was asked for then. */
    void (*release)(void *user, void *memory, size_t size);
} perp_allocator;

/* One leg as the executor gets it. */
typedef struct perp_order {
    perp_exchange_id exchange;
    perp_instrument_id instrument;
    uint32_t side;
    uint32_t maker;
    double quantity;
    double price; /* the executable price that the decision was made on */
    double leverage;
    perp_usd notional;
    double limit_price; /* the furthest that the collar lets pass, before it is rounded to the tick
                           (perp_orders_collar); 0: no reference is fresh */
    uint32_t reduce_only;           /* 1: orders of it must not open or turn a position */
    uint32_t attempt;               /* which order of the leg the next one will be, from 1 */
    char client_id[PERP_NAME_SIZE]; /* what that one is called (perp_orders_place gives the same);
                                       "": it is known once placed */
} perp_order;

/* A job to execute now. Valid during the callback. */
typedef struct perp_execution {
    uint32_t struct_size;
    uint32_t strategy;
    perp_uuid job_id;
    uint32_t reduce_only; /* 1: orders must not open or turn a position */
    uint32_t is_repair;   /* 1: squares what is naked of a base */
    uint64_t dispatch;    /* the number of this dispatch: what answers it may carry it */
    perp_usd notional;
    int64_t now_ns;
    uint32_t n_orders;
    uint32_t metadata_size;
    const perp_order *orders;
    const void *metadata;
} perp_execution;

/* What the executor says. The outcome is preset to PERP_OUTCOME_IN_DOUBT. PERP_OUTCOME_REFUSED:
   nothing was sent; the job finishes as failed with nothing filled, which counts as a failure.
   PERP_OUTCOME_DECLINED: nothing was sent and nobody is to blame; the job is cancelled. */
enum perp_outcome {
    PERP_OUTCOME_IN_DOUBT,
    PERP_OUTCOME_ACCEPTED,
    PERP_OUTCOME_REFUSED,
    PERP_OUTCOME_DECLINED
};

/* Quantity of one base that was filled on one side only: positive long, negative short. */
typedef struct perp_naked {
    char base[PERP_NAME_SIZE];
    double quantity;
} perp_naked;

/* Something that a person should know of. Its code is one of PERP_ALERT_LIST. */
typedef struct perp_alert {
    uint32_t struct_size;
    uint32_t code;
    uint32_t level;
    uint32_t active; /* 1 raised, 0 cleared */
    int64_t since_ns;
    char subject[PERP_NAME_SIZE];
    char message[192];
    uint64_t reserved[2]; /* 0 */
} perp_alert;

/* What the library tells the host. Each may be NULL. They run on the thread that made the call,
   after its change was made, with no lock held, and may call back into the library (not
   perp_core_close, perp_scheduler_tick and perp_monitor_watch: PERP_E_STATE). Pointers are valid
   during the callback only. */
typedef struct perp_callbacks {
    void *user;
    /* A job was dispatched: send its orders. Not set: the host polls the result of the tick. Before
       each the library looks again: what was killed, paused or blacklisted meanwhile, by another
       thread or from inside an earlier execute, is withdrawn and never comes here. */
    void (*execute)(void *user, const perp_execution *job, uint32_t *outcome);
    /* A base is naked from now on: so much of it (signed, base units) has no other side. Called
       once when that begins; with auto_repair the next tick plans a repair. */
    void (*on_leg_risk)(void *user, const char *base, double quantity);
    /* The kill switch was put on for an exchange (or PERP_ALL_EXCHANGES): cancel the orders of
       these jobs. Called at each such call, but not where a callback kills again what is killed. */
    void (*on_kill)(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n_jobs);
    /* An alert was raised, or cleared (active 0): by the change that was made, or since the last
       perp_monitor_watch, which tells those that come from feeds or with time. */
    void (*on_alert)(void *user, const perp_alert *alert);
    /* One line for a log; level is PERP_LOG_…. */
    void (*log)(void *user, uint32_t level, const char *message);
    /* The host's own time, in nanoseconds of any clock that runs evenly, into *now_ns (preset to
       PERP_TIME_NONE, which says nothing). A tick asks when it begins and before each hand-over:
       what waited longer than max_handover_ms is withdrawn. Not set: nothing ever is for that. */
    void (*clock)(void *user, int64_t *now_ns);
    /* A job ended its run or its life: state is PERP_JOB_OPEN, _PARTIAL, _COMPLETED, _FAILED,
       _REJECTED, _EXPIRED, _CANCELLED or _CLOSED. Each end is told once, in order. */
    void (*on_job_end)(void *user, const perp_uuid *job_id, uint32_t state);
    /* Somebody asked to cancel a job that runs: cancel its orders, then finish it. */
    void (*on_cancel)(void *user, const perp_uuid *job_id);
    /* A running job is unhedged for longer than max_unhedged_ms: so much of base (signed, base
       units) of its fills has no other side yet. Told once, until it is hedged again. */
    void (*on_unhedged)(void *user, const perp_uuid *job_id, const char *base, double quantity);
    void *reserved[2]; /* NULL: room for callbacks of later releases */
} perp_callbacks;

/* Shares and limits of the ledger, in parts per million. The comments have the defaults. */
typedef struct perp_capital_config {
    uint32_t wash_ppm;               /* 700,000 */
    uint32_t arb_ppm;                /* 200,000 */
    uint32_t reserve_ppm;            /* 100,000; the three sum to 1,000,000 */
    uint32_t max_single_reserve_ppm; /* 100,000 of a pool's budget */
    uint32_t max_total_notional_ppm; /* 300,000 of the equity */
    uint32_t drawdown_limit_ppm;     /* 50,000 */
    uint32_t safe_mode_pools;        /* bits 1 << pool that go on in safe mode: wash, reserve */
    int32_t day_offset_minutes;      /* the day starts at 00:00 UTC + this, -1439..1439 */
    uint32_t max_equity_jump_ppm;    /* 500,000: a report further off is put aside; 0: off */
    uint32_t key_memory_h;           /* 24 hours that keys are remembered after their last use */
    perp_usd drift_tolerance_usd;    /* 10 USD: what may stay unexplained of a position */
    int64_t drift_window_ms;         /* 2,000: how late a fill may be in a report */
    uint64_t reserved[5];            /* 0: room for settings of later releases */
} perp_capital_config;

/* What a mode presets; see PERP_MODE_LIMIT_LIST for defaults and ranges. */
typedef struct perp_mode_limits {
#define PERP_X(name, conservative, balanced, aggressive, low, high) double name;
    PERP_MODE_LIMIT_LIST(PERP_X)
#undef PERP_X
    uint64_t reserved[5]; /* 0: room for limits of later releases */
} perp_mode_limits;

/* Limits of the risk rules. The comments have the defaults. */
typedef struct perp_risk_config {
    uint32_t mode;                       /* PERP_MODE_BALANCED */
    uint32_t max_consecutive_failures;   /* 5 */
    double min_liquidation_distance;     /* 0.05 of the mark price */
    double daily_loss_limit_pct;         /* 0.01 of the equity at the start of the day; 0: off */
    perp_usd daily_loss_limit_usd;       /* 0: off */
    double max_drawdown_pct;             /* 0.05 */
    double blackout_minutes;             /* 10; 0: off */
    int64_t max_quote_age_ms;            /* 5,000 */
    perp_usd daily_volume_target;        /* 0: none */
    perp_usd volume_reference_usd;       /* 10,000 USD */
    double default_leverage;             /* 3 */
    uint32_t circuit_failures;           /* 5 */
    uint32_t reserved;                   /* 0 */
    int64_t circuit_cooldown_ms;         /* 30,000 */
    int64_t latency_max_age_ms;          /* 600,000 */
    int64_t override_ttl_ms;             /* 900,000 */
    int64_t max_override_ttl_ms;         /* 86,400,000 */
    double spread_half_life_s;           /* 60 */
    uint32_t volatility_window_s;        /* 300, at most 3,600 */
    uint32_t reserved2;                  /* 0 */
    double notional_tolerance;           /* 0.05 */
    double weights[PERP_MAX_COMPONENTS]; /* of the safety score; sum 1 */
    perp_mode_limits modes[PERP_MODE_COUNT];
    int64_t account_max_age_ms;      /* 300,000: older accounts are unknown; 0: off, for paper */
    double max_account_leverage;     /* 5 */
    perp_usd max_net_exposure_usd;   /* 0: off; of a base, over all exchanges */
    perp_usd max_gross_exposure_usd; /* 0: off; the same of sizes */
    double max_depeg_bps;            /* 50 off 1 USD; 0: off */
    int64_t max_ahead_ms;            /* 60,000: how far ahead of all others a feed's clock may be */
    perp_usd max_unhedged_usd;       /* 0: off; unhedged in running jobs, above it no new ones */
    uint32_t strategy_failures;      /* 0: off; failures in a row that halt a strategy */
    uint32_t reserved4;              /* 0 */
    uint64_t reserved3[8];           /* 0: room for settings of later releases */
} perp_risk_config;

/* With PERP_DURABILITY_EVERY a call returns PERP_OK only after its record is committed. */
enum perp_durability { PERP_DURABILITY_EVERY, PERP_DURABILITY_BATCH };

/* What becomes of a job that risk refuses in a tick: it waits on, or ends as rejected. */
enum perp_on_reject { PERP_ON_REJECT_KEEP, PERP_ON_REJECT_DROP };

/* Limits of the scheduler. The comments have the defaults. */
typedef struct perp_scheduler_config {
    uint32_t max_global_concurrent_jobs;  /* 50 */
    uint32_t max_concurrent_per_exchange; /* 10 */
    perp_usd max_notional_per_exchange;   /* 50,000 USD */
    int64_t default_ttl_ms;               /* 60,000; 0: never expires */
    uint32_t on_reject;                   /* PERP_ON_REJECT_KEEP */
    uint32_t history_size;                /* 1,000 ended jobs are remembered */
    uint32_t max_dispatch_per_minute;     /* 0: off, at most 10,000 */
    uint32_t auto_repair;                 /* 1 */
    double hedge_tolerance;               /* 0.01 */
    perp_usd leg_risk_usd;                /* 10 USD */
    double leg_risk_tolerance;            /* 0.01 */
    uint32_t rebalance_pool;              /* PERP_POOL_WASH, or PERP_POOL_RESERVE */
    uint32_t id_memory_h;                 /* 24: ids are remembered so long after their end */
    double aging_per_minute;              /* 0: points that a job gains while it waits */
    int64_t default_max_run_ms;           /* 600,000; 0: never overdue */
    int64_t max_handover_ms;              /* 5,000 */
    int64_t repair_backoff_ms;            /* 1,000: after a repair that did not do, then doubled */
    uint64_t reserved2[4];                /* 0: room for settings of later releases */
} perp_scheduler_config;

/* Limits of orders (orders.h); max_unhedged_ms holds for every running job. The comments have the
   defaults. */
typedef struct perp_orders_config {
    int64_t max_unhedged_ms;  /* 5,000: how long a running job may be unhedged; 0: off */
    double price_collar_bps;  /* 100: how far through the reference an order may be priced */
    perp_usd max_order_usd;   /* 0: off; of one order */
    uint32_t repeat_limit;    /* 0: off; equal orders within the window */
    uint32_t auto_finish;     /* 0; 1: a job all of whose legs are filled finishes by itself */
    int64_t repeat_window_ms; /* 1,000 */
    uint64_t reserved[6];     /* 0: room for settings of later releases */
} perp_orders_config;

/* All that perp_core_open takes: perp_config_init, then set what differs. */
typedef struct perp_config {
    uint32_t struct_size;
    uint32_t
        threading; /* PERP_THREADING_SERIALIZED, or PERP_THREADING_NONE for a host of one thread */
    perp_allocator allocator;
    perp_callbacks callbacks;
    perp_store store;    /* all zero: memory only. perp_core_open takes it over: the core closes it,
                            also where open fails */
    uint32_t durability; /* PERP_DURABILITY_EVERY, or _BATCH: tick and perp_core_flush are the
                            barriers */
    uint32_t config_wins;      /* 0: where the store has a configuration, capital, risk, scheduler
                                  and orders are that one, and a log line names the first difference; 1:
                                  what is      given here, stored as a change by actor and for reason,
                                  without      which      a difference is PERP_E_CONFIG */
    uint64_t checkpoint_every; /* events between checkpoints that the book makes by itself: 100,000;
                                  0: none */
    perp_capital_config capital;
    perp_risk_config risk;
    perp_scheduler_config scheduler;
    perp_orders_config orders;
    const char *actor;  /* of config_wins; used by perp_core_open only */
    const char *reason; /* likewise */
} perp_config;

/* Fills size and defaults (balanced mode, no store, malloc, no callbacks). */
PERP_API void perp_config_init(perp_config *config);

/* Reads a JSON object {"capital":{…},"risk":{…},"scheduler":{…},"orders":{…}}, each part optional,
   over what config holds (perp_config_init first). Fractions named …_pct are rounded to ppm; money
   is in USD with at most six decimals. text needs no terminating zero. PERP_E_INVALID: NULL, or not
   JSON, or not an object. PERP_E_CONFIG: an unknown or repeated name, a value of the wrong type or
   out of range, shares that do not sum to 1; perp_core_error(NULL) has the path of the field. On an
   error config is unchanged. */
PERP_API perp_status perp_config_from_json(const char *text, size_t length, perp_config *config);

/* Checks ranges and sums as perp_core_open does. PERP_E_CONFIG with the path of the field. */
PERP_API perp_status perp_config_check(const perp_config *config);

/* Writes the capital, risk, scheduler and orders parts as JSON that perp_config_from_json reads
   back to the same values. *length gets the length without the terminating zero; PERP_E_RANGE:
   capacity is too small
   (*length says what is needed, nothing is written). */
PERP_API perp_status perp_config_to_json(const perp_config *config, char *buffer, size_t capacity,
                                         size_t *length);

#ifdef __cplusplus
}
#endif

#endif
