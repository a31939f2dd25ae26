/* The whole state in one piece, for people and programs that watch. See docs/monitoring.md. */
#ifndef PERPCORE_MONITOR_H
#define PERPCORE_MONITOR_H

#include <perpcore/config.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The fields of the state in the order of its JSON: X(type, name). The structs below, the JSON and
   whatever else shows the state are made from these tables. The types are those of the
   perp_field_… below. */
#define PERP_MONITOR_GLOBAL_LIST(X)                                                                \
    X(system, system_status)                                                                       \
    X(mode, risk_mode)                                                                             \
    X(usd, today_volume_usd)                                                                       \
    X(usd, today_fees_usd)                                                                         \
    X(usd, today_pnl_usd)                                                                          \
    X(limit, daily_loss_limit)                                                                     \
    X(usd, daily_loss_used)                                                                        \
    X(usd, equity_usd)                                                                             \
    X(number, drawdown)                                                                            \
    X(usd, today_net_usd)                                                                          \
    X(usd, today_funding_usd)

#define PERP_MONITOR_CAPITAL_LIST(X)                                                               \
    X(name, exchange)                                                                              \
    X(usd, equity)                                                                                 \
    X(usd, wash_used)                                                                              \
    X(usd, wash_budget)                                                                            \
    X(usd, arb_used)                                                                               \
    X(usd, arb_budget)                                                                             \
    X(usd, reserve_used)                                                                           \
    X(usd, reserve_size)                                                                           \
    X(usd, total_in_flight)                                                                        \
    X(usd, total_used)                                                                             \
    X(usd, overcommitted)                                                                          \
    X(flag, safe_mode)

#define PERP_MONITOR_POOL_LIST(X) X(usd, budget) X(usd, in_flight) X(usd, used) X(usd, available)

#define PERP_MONITOR_EXCHANGE_LIST(X)                                                              \
    X(number, api_latency_ms)                                                                      \
    X(number, latency_p50_ms)                                                                      \
    X(number, latency_p99_ms)                                                                      \
    X(count, open_positions_count)                                                                 \
    X(count, concurrent_jobs_count)                                                                \
    X(count, max_concurrent_jobs)                                                                  \
    X(usd, running_notional)                                                                       \
    X(usd, max_notional)                                                                           \
    X(circuit, circuit)                                                                            \
    X(api, status)                                                                                 \
    X(flag, safe_mode)                                                                             \
    X(flag, killed)                                                                                \
    X(number, order_rate_left)

#define PERP_MONITOR_JOBS_LIST(X)                                                                  \
    X(count, running_jobs_count)                                                                   \
    X(count, in_doubt_jobs_count)                                                                  \
    X(count, open_jobs_count)                                                                      \
    X(count, unresolved_jobs_count)                                                                \
    X(count, pending_jobs_count)                                                                   \
    X(count, submitted_today)                                                                      \
    X(count, dispatched_today)                                                                     \
    X(count, completed_today)                                                                      \
    X(count, failed_today)                                                                         \
    X(count, partial_today)                                                                        \
    X(count, rejected_today)                                                                       \
    X(count, expired_today)                                                                        \
    X(count, cancelled_today)                                                                      \
    X(count, submitted_total)                                                                      \
    X(count, dispatched_total)                                                                     \
    X(count, completed_total)                                                                      \
    X(count, failed_total)                                                                         \
    X(count, partial_total)                                                                        \
    X(count, rejected_total)                                                                       \
    X(count, expired_total)                                                                        \
    X(count, cancelled_total)

#define PERP_MONITOR_JOB_LIST(X)                                                                   \
    X(uuid, job_id)                                                                                \
    X(strategy, strategy)                                                                          \
    X(name, symbol)                                                                                \
    X(state, state)                                                                                \
    X(usd, notional)                                                                               \
    X(number, score)                                                                               \
    X(integer, priority)                                                                           \
    X(reason, last_refusal)                                                                        \
    X(flag, is_repair)                                                                             \
    X(flag, overdue)                                                                               \
    X(time, submitted)                                                                             \
    X(time, started)                                                                               \
    X(time, ended)                                                                                 \
    X(usd, pnl)                                                                                    \
    X(usd, volume)                                                                                 \
    X(usd, fees)

#define PERP_MONITOR_RISK_LIST(X)                                                                  \
    X(count, consecutive_failures)                                                                 \
    X(flag, auto_halt)                                                                             \
    X(flag, manual_override)                                                                       \
    X(time, override_until)                                                                        \
    X(one_job, override_job)                                                                       \
    X(flag, killed)

#define PERP_MONITOR_MARKET_LIST(X)                                                                \
    X(name, symbol)                                                                                \
    X(number, last)                                                                                \
    X(number, bid)                                                                                 \
    X(number, ask)                                                                                 \
    X(number, spread)                                                                              \
    X(number, spread_bps)                                                                          \
    X(number, short_term_volatility)                                                               \
    X(number, funding_rate)                                                                        \
    X(time, next_funding)                                                                          \
    X(time, timestamp)

#define PERP_MONITOR_POSITION_LIST(X)                                                              \
    X(name, base)                                                                                  \
    X(number, quantity)                                                                            \
    X(number, entry)                                                                               \
    X(number, mark)                                                                                \
    X(worth, unrealised)                                                                           \
    X(number, liquidation_price)                                                                   \
    X(number, liquidation_distance)                                                                \
    X(number, foreign)                                                                             \
    X(number, unexplained)                                                                         \
    X(time, reported)                                                                              \
    X(flag, latched)                                                                               \
    X(flag, in_doubt)                                                                              \
    X(flag, known)

#define PERP_MONITOR_NAKED_LIST(X) X(number, quantity) X(worth, usd) X(time, since)

#define PERP_MONITOR_BASE_LIST(X)                                                                  \
    X(number, net)                                                                                 \
    X(number, gross)                                                                               \
    X(number, to_square)                                                                           \
    X(time, next_try)                                                                              \
    X(count, tries)                                                                                \
    X(one_job, repair)                                                                             \
    X(flag, is_naked)                                                                              \
    X(flag, repairs_stopped)

#define PERP_MONITOR_ORDERS_LIST(X)                                                                \
    X(count, open)                                                                                 \
    X(count, in_doubt)                                                                             \
    X(count, placed_today)                                                                         \
    X(count, fills_today)                                                                          \
    X(count, refused_today)                                                                        \
    X(count, placed_total)                                                                         \
    X(count, unhedged_jobs_count)                                                                  \
    X(usd, unhedged_usd)                                                                           \
    X(time, unhedged_since)

#define PERP_MONITOR_UNHEDGED_LIST(X)                                                              \
    X(uuid, job_id)                                                                                \
    X(name, base)                                                                                  \
    X(number, quantity)                                                                            \
    X(worth, usd)                                                                                  \
    X(time, since)

/* Whether anything is traded: of several that hold the one that stops most. */
#define PERP_SYSTEM_LIST(X)                                                                        \
    X(RUNNING, "running")                                                                          \
    X(MANUAL_OVERRIDE, "manual_override")                                                          \
    X(PAUSED, "paused")                                                                            \
    X(HALTED, "halted")                                                                            \
    X(KILLED, "killed")

/* The states of PERP_SYSTEM_LIST. */
enum perp_system {
#define PERP_X(name, text) PERP_SYSTEM_##name,
    PERP_SYSTEM_LIST(PERP_X)
#undef PERP_X
        PERP_SYSTEM_COUNT
};

/* "?" for a value that is in no list. */
PERP_API const char *perp_system_string(uint32_t system);

/* The one job that something is for; given 0: none in particular. */
typedef struct perp_one_job {
    uint32_t given;
    perp_uuid job_id;
} perp_one_job;

/* Texts are enumerators in the struct where a closed list has them, and their names in the JSON. */
typedef uint32_t perp_field_system;   /* PERP_SYSTEM_… */
typedef uint32_t perp_field_mode;     /* PERP_MODE_… */
typedef uint32_t perp_field_circuit;  /* PERP_CIRCUIT_… */
typedef uint32_t perp_field_api;      /* PERP_API_… */
typedef uint32_t perp_field_strategy; /* PERP_STRATEGY_… */
typedef uint32_t perp_field_state;    /* PERP_JOB_… */
typedef uint32_t perp_field_reason;   /* PERP_REASON_…; NONE: null in JSON */
typedef uint32_t perp_field_flag;     /* 0 or 1 */
typedef int32_t perp_field_integer;
typedef uint64_t perp_field_count;
typedef perp_usd perp_field_usd;
typedef perp_usd perp_field_limit; /* 0: none, null in JSON */
typedef double perp_field_number;  /* NaN: not known, null in JSON */
typedef double perp_field_worth;   /* USD at a price; NaN: not known, null in JSON */
typedef int64_t perp_field_time;   /* PERP_TIME_NONE: null in JSON */
typedef perp_uuid perp_field_uuid;
typedef perp_one_job perp_field_one_job;
typedef char perp_field_name[PERP_NAME_SIZE];

/* A field that a later release appends to a table takes the place of one that is reserved (0). */
#define PERP_X(type, name) perp_field_##type name;
/* The book as a whole. */
typedef struct perp_monitor_global {
    PERP_MONITOR_GLOBAL_LIST(PERP_X)
    uint64_t reserved[2];
} perp_monitor_global;

/* One pool of an exchange. */
typedef struct perp_monitor_pool {
    PERP_MONITOR_POOL_LIST(PERP_X)
    uint64_t reserved[2];
} perp_monitor_pool;

/* …_used: in flight and used. */
typedef struct perp_monitor_capital {
    perp_monitor_pool pools[PERP_POOL_COUNT];
    PERP_MONITOR_CAPITAL_LIST(PERP_X)
    uint64_t reserved[4];
} perp_monitor_capital;

/* What runs on an exchange, and how it answers. order_rate_left: how many messages about orders it
   takes at once now; NaN: there is no limit. */
typedef struct perp_monitor_exchange {
    uint32_t delayed; /* 1: it answers slowly or is degraded */
    uint32_t reserved0;
    PERP_MONITOR_EXCHANGE_LIST(PERP_X)
    uint64_t reserved[3];
} perp_monitor_exchange;

/* How many jobs there are, and were. */
typedef struct perp_monitor_jobs {
    PERP_MONITOR_JOBS_LIST(PERP_X)
    uint64_t reserved[8];
} perp_monitor_jobs;

/* One job. */
typedef struct perp_monitor_job {
    int64_t max_run_ms; /* 0: never overdue */
    uint32_t reserved0;
    uint32_t n_legs;
    perp_instrument_id instruments[PERP_MAX_LEGS]; /* of the legs; symbol is that of the first */
    PERP_MONITOR_JOB_LIST(PERP_X)
    uint64_t reserved[4];
} perp_monitor_job;

/* What is open on an instrument, or unexplained there. mark: the mark, else the mid. */
typedef struct perp_monitor_position {
    perp_instrument_id instrument;
    uint32_t n_lots; /* perp_positions_lots gives them */
    PERP_MONITOR_POSITION_LIST(PERP_X)
    uint32_t reserved0;
    uint64_t reserved[4];
} perp_monitor_position;

/* What of a base has no other side. since: PERP_TIME_NONE while it is within the tolerance. */
typedef struct perp_monitor_naked {
    PERP_MONITOR_NAKED_LIST(PERP_X)
    uint64_t reserved[2];
} perp_monitor_naked;

/* A base over all its instruments, where something of it is open or naked, or is repaired. */
typedef struct perp_monitor_base {
    char base[PERP_NAME_SIZE];
    perp_monitor_naked naked;
    PERP_MONITOR_BASE_LIST(PERP_X)
    uint32_t reserved0;
    uint64_t reserved[4];
} perp_monitor_base;

/* Orders. open: that have not ended, those in doubt included. unhedged_…: of running jobs that have
   filled unequally; since: of the one that has been so longest. */
typedef struct perp_monitor_orders {
    PERP_MONITOR_ORDERS_LIST(PERP_X)
    uint64_t reserved[4];
} perp_monitor_orders;

/* A running job that is unhedged: of the base that has most of it how much has no other side, and
   what all of it is worth. */
typedef struct perp_monitor_unhedged {
    PERP_MONITOR_UNHEDGED_LIST(PERP_X)
    uint64_t reserved[2];
} perp_monitor_unhedged;

/* Halt, override and kill switch. */
typedef struct perp_monitor_risk {
    PERP_MONITOR_RISK_LIST(PERP_X)
    uint64_t reserved[4];
} perp_monitor_risk;
#undef PERP_X

#define PERP_MONITOR_RUNNING 64
#define PERP_MONITOR_TOP_PENDING 10
#define PERP_MONITOR_RECENT 20
#define PERP_MONITOR_ALERTS 64
#define PERP_MONITOR_FAST 64
#define PERP_MONITOR_POSITIONS 64
#define PERP_MONITOR_BASES 32
#define PERP_MONITOR_UNHEDGED 32

/* The state as a struct, the caller's; some 90 KB, so not for a small stack. n_… is how many there
   are; an array holds the first of them, as many as fit, and what lies past them is left as it was.
 */
typedef struct perp_monitor_state {
    uint32_t struct_size;
    uint32_t n_exchanges;
    uint64_t seq;           /* the newest change in it: what perp_monitor_changes goes on from */
    int64_t now_ns;         /* what ages were counted to */
    int64_t last_update_ns; /* of the newest change; PERP_TIME_NONE: none yet */
    perp_monitor_global global;
    perp_monitor_jobs jobs;
    perp_monitor_risk risk;
    uint64_t refusals[PERP_MAX_REASONS]; /* by reason: how often it fired today */
    uint32_t n_running;                  /* those in doubt included */
    uint32_t n_top_pending;              /* at most PERP_MONITOR_TOP_PENDING */
    uint32_t n_recent_completed;         /* at most PERP_MONITOR_RECENT */
    uint32_t n_alerts;
    uint32_t n_fast_markets;
    uint32_t reserved;
    perp_monitor_job top_pending[PERP_MONITOR_TOP_PENDING]; /* the best first */
    perp_monitor_job recent_completed[PERP_MONITOR_RECENT]; /* the newest first */
    perp_monitor_job running_jobs[PERP_MONITOR_RUNNING];    /* in order of dispatch */
    perp_alert alerts[PERP_MONITOR_ALERTS];                 /* the most severe first */
    perp_instrument_id fast_markets[PERP_MONITOR_FAST];     /* in order of id */
    perp_monitor_capital capital[PERP_MAX_EXCHANGES];       /* by exchange */
    perp_monitor_exchange exchanges[PERP_MAX_EXCHANGES];    /* by exchange */
    uint32_t n_positions;
    uint32_t n_bases;
    perp_monitor_position positions[PERP_MONITOR_POSITIONS]; /* in order of instruments */
    perp_monitor_base
        bases[PERP_MONITOR_BASES]; /* in the order in which instruments brought them */
    perp_monitor_orders orders;
    uint64_t order_refusals[PERP_MAX_GATES]; /* by PERP_GATE_…: how often today */
    uint64_t foreign_orders;                 /* exchanges that list orders of others, as bits */
    uint32_t n_unhedged;
    uint32_t reserved1;
    perp_monitor_unhedged unhedged[PERP_MONITOR_UNHEDGED]; /* in order of dispatch */
} perp_monitor_state;

/* Fills snapshot; its struct_size must be set. All that belongs to the book is of one moment, that
   of change `seq`, and is copied under the lock that decisions take, which is held for some
   microseconds. What feeds write is read after that without any lock: latency, status, marks,
   fast markets, and the alerts that follow from them; liquidations of positions in a short hold
   each. Where more than 128 jobs wait, or ended
   lately without having been sent, top_pending and recent_completed are completed in further short
   holds, and are then of the moments of those; between them a few decisions that wait go first.
   now_ns: for ages; the later of it and the clock. PERP_E_INVALID: NULL, struct_size. PERP_E_NOMEM:
   memory is needed where more than 64 jobs run or 32 are unresolved, where a strategy may be
   infeasible, and for a struct_size below that of this header; what the struct then holds is
   undefined. */
PERP_API perp_status perp_monitor_snapshot(const perp_core *core, int64_t now_ns,
                                           perp_monitor_state *snapshot);

/* A snapshot as JSON, with the names of docs/monitoring.md, all running jobs, alerts and fast
   markets, and what is known of each market. *length gets the length without the terminating zero;
   PERP_E_RANGE: capacity is too small (*length says what is needed, nothing is written). buffer may
   be NULL with capacity 0. now_ns: as above. PERP_E_NOMEM: nothing is written; texts of markets are
   kept for the next call, in memory of the book that is given back when it is closed: 1.3 KB for
   each instrument, and up to twice the length of the whole. This, perp_monitor_alerts and
   perp_monitor_watch take some 120 KB of stack, perp_monitor_snapshot some 20. */
PERP_API perp_status perp_monitor_json(const perp_core *core, int64_t now_ns, char *buffer,
                                       size_t capacity, size_t *length);

/* The alerts that stand now, most severe first. Fills up to capacity; *count gets how many there
 * are. */
PERP_API perp_status perp_monitor_alerts(const perp_core *core, int64_t now_ns, perp_alert *alerts,
                                         uint32_t capacity, uint32_t *count);

/* Tells on_alert of the alerts that no change of the book raises, since they come from feeds or
   with time: feed_silent, exchange_down, delayed, overcommitted, infeasible. Those that stand now
   and did not at the last call are told as raised, those that stood then and don't now as cleared.
   A host calls it in its loop as often as it wants to know, say once a second; all other alerts are
   told with the change that raises or clears them. The book stays as it is, and nothing is done
   where no on_alert is set. now_ns: as above. PERP_E_INVALID: NULL; PERP_E_STATE: from inside a
   callback; PERP_E_NOMEM: nothing was told, the next call tells it. */
PERP_API perp_status perp_monitor_watch(const perp_core *core, int64_t now_ns);

#define PERP_MONITOR_CHANGES 1024

/* One change of the book. */
typedef struct perp_change {
    uint64_t seq; /* from 1, without gaps, also across restarts with a store */
    int64_t time_ns;
    const char *kind;          /* a static text: "equity", "dispatch", "finish", … */
    perp_exchange_id exchange; /* PERP_NO_ID: none in particular */
    uint32_t has_job;          /* 1: job_id is the job that it is about */
    perp_uuid job_id;
} perp_change;

/* The changes after number after_seq, oldest first. Fills up to capacity; *count gets how many
   there are, so that what was left out is asked for with the number of the last row. rows may be
   NULL with capacity 0. The last PERP_MONITOR_CHANGES are kept, of those that were made since open.
   PERP_E_RANGE: some of what was asked for is no longer kept, or after_seq is past the newest
   change: nothing is written; take a snapshot and go on from its seq. PERP_E_INVALID: NULL. */
PERP_API perp_status perp_monitor_changes(const perp_core *core, uint64_t after_seq,
                                          perp_change *rows, uint32_t capacity, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
