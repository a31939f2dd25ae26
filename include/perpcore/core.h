/* One trading book: opening, closing, its exchanges and instruments, its clock, its checks. */
#ifndef PERPCORE_CORE_H
#define PERPCORE_CORE_H

#include <perpcore/config.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a book. config: NULL for the defaults; copied.
   PERP_E_INVALID: core is NULL, a wrong struct_size; PERP_E_CONFIG: a value out of range;
   PERP_E_NOMEM; PERP_E_CORRUPT: the store's records do not make a sound book (the message has the
   place); PERP_E_STORE. On an error *core is NULL and perp_core_error(NULL) has the message.
   With a store, the book comes back as it was; jobs that ran are in doubt (perp_scheduler_list)
   until the host has asked the exchange and calls finish or requeue. Market data must be fed again.
 */
PERP_API perp_status perp_core_open(const perp_config *config, perp_core **core);

/* The book as it was after record to_seq (0: after the last) of a store, made from its records from
   the first on, without checkpoints. The book is not attached to the store, which is closed; its
   jobs are as they were then. config gives the store, memory and callbacks; visit (may be NULL) is
   called after each record and may only read. Errors as perp_core_open; PERP_E_CORRUPT: records are
   missing. */
PERP_API perp_status perp_core_replay(const perp_config *config, uint64_t to_seq,
                                      void (*visit)(void *user, const perp_core *core,
                                                    uint64_t seq),
                                      void *user, perp_core **core);

/* With PERP_DURABILITY_BATCH: makes all changes so far durable. Else there is nothing to do.
   PERP_E_STORE: the store failed; the changes wait for the next barrier. */
PERP_API perp_status perp_core_flush(perp_core *core);

/* The same without waiting for the disk, for a host whose thread has other things to do: hands all
   changes so far to the store, and *seq gets the number of the last one. They are durable once
   perp_core_durable has reached it, which perp_store_sync (store.h) on another thread, or the next
   barrier, brings about. A process that is killed before loses none of them; a machine that fails
   may lose the last ones, always from an end on, and never a dispatch. A store that can't tell the
   two apart (the memory store, one of the host's own without begin_staged and sync, SQLite on a VFS
   without powersafe overwrite) makes them durable before this returns. Without a store there is
   nothing to do. PERP_E_INVALID: NULL; PERP_E_STORE: the store failed; the changes wait for the
   next barrier. */
PERP_API perp_status perp_core_flush_async(perp_core *core, uint64_t *seq);

/* *seq gets the number of the event up to which all is on disk: each that came with a call of
   PERP_DURABILITY_EVERY, before a barrier, or before a perp_store_sync that returned PERP_OK. 0:
   none yet. It never falls, and waits for no other call. A book without a store keeps nothing, and
   has nothing to wait for: there it is the last event. PERP_E_INVALID: NULL. */
PERP_API perp_status perp_core_durable(const perp_core *core, uint64_t *seq);

/* Writes a checkpoint, so that opening need not read the records before it. PERP_E_STATE: there is
   no store, or it keeps none. PERP_E_STORE, PERP_E_NOMEM. */
PERP_API perp_status perp_core_checkpoint(perp_core *core);

/* Makes what waits for a barrier durable, then frees the book and all that belongs to it. PERP_OK:
   it is closed, also for NULL.
   PERP_E_STATE: the book is in use, so it was not closed and nothing was changed: a callback of it
   or its market source runs on this thread, in whatever book's callback this call is made, or
   another thread is seen to be inside a call or callback. Not every call can be seen: that none
   runs on another thread, and none starts, is up to the host.
   PERP_E_STORE: what waited could not be made durable. The book is closed all the same, without the
   changes since the last barrier, and the log is told; call perp_core_flush before to keep the book
   where that fails.
   On an error perp_core_error(NULL) has the message. */
PERP_API perp_status perp_core_close(perp_core *core);

/* The message of this thread's last failed call on this core or on a module of it: one line, what,
   which value, which limit. "" if none failed. core NULL: of the last failed call that had no core
   (open, close, config, a store, a formula). Valid until this thread's next call. */
PERP_API const char *perp_core_error(const perp_core *core);

/* Checks every invariant of the book, and that decisions in force are those that would be made now.
   The host's rules are not asked. PERP_E_CORRUPT: the message names the first that is broken,
   and from then on calls that change the book return PERP_E_CORRUPT while reading still works.
   PERP_E_INVALID: NULL. */
PERP_API perp_status perp_core_check(const perp_core *core);

/* A 64-bit hash of all that is stored: money, reservations, jobs, control, configuration. Market
   data is not part of it. Equal books have equal hashes, also across a restart. Needs no
   memory, and can't fail: 0 is for NULL. */
PERP_API uint64_t perp_core_hash(const perp_core *core);

/* The modules; owned by the core. NULL for NULL. */
PERP_API perp_capital *perp_core_capital(perp_core *core);
PERP_API perp_market *perp_core_market(perp_core *core);
PERP_API perp_positions *perp_core_positions(perp_core *core);
PERP_API perp_risk *perp_core_risk(perp_core *core);
PERP_API perp_scheduler *perp_core_scheduler(perp_core *core);

/* The configuration in force, limits changed since open included; callbacks and store are zero.
   config->struct_size must be set (perp_config_init). */
PERP_API perp_status perp_core_config(const perp_core *core, perp_config *config);

/* The latest time of a call that changed the book; PERP_TIME_NONE before the first. */
PERP_API int64_t perp_core_clock(const perp_core *core);

/* Sets the clock to call->now_ns at once, however far ahead, and also back. All other calls that
   change the book are PERP_E_RANGE where their time is more than an hour past both the clock and
   the newest event of a feed, unless the call before was refused so, too, and within a minute of
   it: two agree. The first call after a book was opened is not looked at. One that raises a
   protection (kill, pause, blacklist, halt, safe mode on) is made at the clock's time instead. A
   day does not begin twice: a clock that is set back leaves the book in its day until the next
   begins. Actor and reason are required (PERP_E_INVALID). */
PERP_API perp_status perp_core_advance(perp_core *core, const perp_call *call);

/* Changes settings while the book is open, all or nothing: text is JSON as perp_config_from_json
   reads it, with just what changes. Always takes an actor and a reason. day_offset_minutes holds
   from the next boundary on. PERP_E_INVALID: not JSON, no actor or no reason; PERP_E_CONFIG: as
   perp_config_from_json; PERP_E_STATE: spread_half_life_s or volatility_window_s, which change with
   the next open only; PERP_E_NOMEM; PERP_E_STORE. */
PERP_API perp_status perp_core_reconfigure(perp_core *core, const perp_call *call, const char *text,
                                           size_t length);

/* An exchange, or one account on it. Two entries with the same venue may never trade with each
 * other. */
typedef struct perp_exchange_spec {
    uint32_t struct_size;
    uint32_t margin_mode;       /* PERP_MARGIN_ISOLATED */
    char name[PERP_NAME_SIZE];  /* required: UTF-8 without control characters */
    char venue[PERP_NAME_SIZE]; /* "": the name */
    double taker_fee_bps;       /* 5; -1,000..1,000 */
    double maker_fee_bps;       /* 2; may be negative: a rebate */
    double liquidation_fee_bps; /* 0; 0..1,000: joins the maintenance rate */
    uint32_t max_concurrent;    /* PERP_NO_ID: the scheduler's max_concurrent_per_exchange */
    uint32_t client_id_format;  /* PERP_CLIENT_ID_HEX */
    perp_usd max_notional;      /* -1: the scheduler's max_notional_per_exchange */
    double order_rate_per_s;    /* 0: off; orders and cancels a second, at most 1,000,000 */
    uint32_t order_burst;       /* 1, at most 1,000,000: so many at once */
    uint32_t reserved;          /* 0 */
    char client_id_prefix[PERP_NAME_SIZE]; /* "": none; at most PERP_MAX_CLIENT_PREFIX letters,
                                              digits, '-' and '_' */
    uint64_t reserved2[8];                 /* 0: room for later releases */
} perp_exchange_spec;

/* Fills size and defaults; set the name. */
PERP_API void perp_exchange_spec_init(perp_exchange_spec *spec);

/* Adds an exchange. Does not move the clock. PERP_E_INVALID: NULL, bad name, NaN; PERP_E_EXISTS:
   there already with the content that it has now (*id is set), PERP_E_CONFLICT: with other content,
   and the message names the first field that differs, with both values; PERP_E_RANGE: a fee or
   limit out of range, or more than PERP_MAX_EXCHANGES; PERP_E_NOMEM; PERP_E_STORE. */
PERP_API perp_status perp_exchange_add(perp_core *core, const perp_exchange_spec *spec,
                                       perp_exchange_id *id);

/* One row of a maintenance-margin table, by notional (quantity × mark) in USD. */
typedef struct perp_tier {
    double floor;
    double cap;          /* where it ends; of the last tier: no position may grow above it. DBL_MAX:
                            none */
    double mmr;          /* maintenance rate, 0..1 (below 1) */
    double amount;       /* maintenance amount, USD */
    double max_leverage; /* above it no position may grow; 0: not given */
} perp_tier;

/* An order book on an exchange. The comments have the defaults. */
typedef struct perp_instrument_spec {
    uint32_t struct_size;
    perp_exchange_id exchange;
    char symbol[PERP_NAME_SIZE];   /* required */
    char base[PERP_NAME_SIZE];     /* "": the symbol up to the '/' */
    char contract[PERP_NAME_SIZE]; /* "": not named. "linear", "inverse", an expiry */
    char quote[PERP_NAME_SIZE];    /* "": the symbol from the '/' to a ':', else "USD" */
    uint32_t kind;                 /* PERP_KIND_PERP */
    uint32_t pulled;               /* 1: its quotes are asked of the perp_market_source */
    double qty_step;               /* 0: any quantity */
    double price_tick;             /* 0: any price; information for the host */
    double min_qty;                /* 0 */
    perp_usd min_notional;         /* 0 */
    double funding_interval_h;     /* 8: until a funding update says otherwise */
    uint32_t n_tiers;              /* at most PERP_MAX_TIERS, floors rising */
    uint32_t can_borrow;           /* 1: spot may be sold that is not there */
    const perp_tier *tiers;        /* copied */
    perp_usd max_position_usd;     /* 0: off; the position may not grow above it */
    double taker_fee_bps;          /* PERP_FEE_OF_EXCHANGE, or -1,000..1,000 */
    double maker_fee_bps;          /* likewise */
    uint64_t reserved[8];          /* 0: room for later releases */
} perp_instrument_spec;

/* A fee of an instrument that is not given: its exchange's holds. */
#define PERP_FEE_OF_EXCHANGE (-1e300)

/* Fills size and defaults; set exchange and symbol. */
PERP_API void perp_instrument_spec_init(perp_instrument_spec *spec);

/* Adds an instrument. Errors as perp_exchange_add; PERP_E_NOT_FOUND: no such exchange. */
PERP_API perp_status perp_instrument_add(perp_core *core, const perp_instrument_spec *spec,
                                         perp_instrument_id *id);

/* Sets what exchanges change while the book is open: fees, limits, margin mode; steps, minima,
   tiers, fees, max_position_usd, can_borrow. All that is decided from then on follows it. spec is
   what perp_exchange_get or perp_instrument_get gives, with what changes; it is found by its name
   (by exchange and symbol). A limit of an exchange that spec leaves as it is stays as
   perp_scheduler_set_limits made it. To raise max_concurrent, max_notional, max_position_usd
   or what may be ordered in a time takes an actor and a reason. PERP_E_NOT_FOUND: unknown;
   PERP_E_INVALID: as add; PERP_E_CONFLICT: name, venue, form and prefix of client ids, base, kind,
   contract, quote or pulled never change; PERP_E_RANGE; PERP_E_NOMEM; PERP_E_STORE. */
PERP_API perp_status perp_exchange_update(perp_core *core, const perp_call *call,
                                          const perp_exchange_spec *spec);
PERP_API perp_status perp_instrument_update(perp_core *core, const perp_call *call,
                                            const perp_instrument_spec *spec);

/* Look-ups. PERP_E_NOT_FOUND: unknown. A spec is what was added, or updated since: limits that
   perp_scheduler_set_limits changed are in perp_monitor_snapshot. Its tiers are owned by the core,
   valid until close. */
PERP_API perp_status perp_exchange_find(const perp_core *core, const char *name,
                                        perp_exchange_id *id);
PERP_API perp_status perp_instrument_find(const perp_core *core, perp_exchange_id exchange,
                                          const char *symbol, perp_instrument_id *id);
PERP_API perp_status perp_exchange_get(const perp_core *core, perp_exchange_id id,
                                       perp_exchange_spec *spec);
PERP_API perp_status perp_instrument_get(const perp_core *core, perp_instrument_id id,
                                         perp_instrument_spec *spec);
PERP_API uint32_t perp_exchange_count(const perp_core *core);
PERP_API uint32_t perp_instrument_count(const perp_core *core);

/* What the library met since open, for a host that wants to know how well it is fed. */
typedef struct perp_core_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t late_calls;      /* calls whose time was before the clock */
    uint64_t stale_events;    /* market events older than the last of their kind */
    uint64_t rejected_events; /* market events refused with another error */
    uint64_t allocated_bytes; /* in use now, through the allocator */
    uint64_t allocations;     /* made since open */
    uint64_t events; /* changes of the book since it began: the number of the last record */
} perp_core_stats;

/* Fills stats, whose struct_size must be set. PERP_E_INVALID: NULL, struct_size. */
PERP_API perp_status perp_core_statistics(const perp_core *core, perp_core_stats *stats);

/* One line of feasibility: the largest job (USD a side) of a strategy that could pass the capital
   limits and the limits per exchange on these two exchanges with the equity and limits of now, if
   nothing were reserved; 0 where none can, with the check that bounds it. */
typedef struct perp_feasibility {
    uint32_t strategy;
    perp_exchange_id first;
    perp_exchange_id second;
    uint32_t bound_by; /* a reason: single_limit, total_limit, insufficient, exchange_notional,
                          safe_mode */
    perp_usd largest;
    perp_usd smallest; /* the smallest min_notional that both could trade in a common base, 0: none
                          known */
    /* With perfect market data (no slippage, carry, volatility or delay, rates that are known), at
       leverage 1 and from nothing held, over what the two trade in a common base; NaN: they have
       none. */
    double safety_score;     /* the best that could be reached */
    double min_safety_score; /* what it is held against, of the mode */
    double cost_bps;         /* the least: the fees of two legs, each taker or maker, once */
    double least_edge_bps;   /* the least that a job must expect to pass the rules of edge and cost;
                                NaN: they are not held (hedge_rebalance) */
    uint32_t never_for;      /* why no job of the row can ever pass: bound_by where the largest is 0
                                or below the smallest; low_safety where the best score is too low;
                                cost_exceeds_edge where a job would have to gain more than it trades
                                (10,000 bps). PERP_REASON_NONE: one can */
    uint32_t reserved;       /* 0 */
} perp_feasibility;

/* Fills up to capacity rows (each strategy × unordered pair of exchanges of different venues);
 *count gets how many there are. rows may be NULL with capacity 0. */
PERP_API perp_status perp_core_feasibility(const perp_core *core, perp_feasibility *rows,
                                           uint32_t capacity, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
