/* Jobs: submit, tick, finish. See docs/scheduler.md. */
#ifndef PERPCORE_SCHEDULER_H
#define PERPCORE_SCHEDULER_H

#include <perpcore/config.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One side of a job on one exchange. */
typedef struct perp_leg {
    perp_instrument_id instrument; /* names the exchange too */
    uint32_t side;                 /* PERP_SIDE_… */
    double quantity;               /* base units, > 0 */
    perp_usd notional;             /* 0: the job's */
    double leverage;               /* 0: default_leverage; else at least 1 */
    uint32_t maker;                /* 1: rests in the book, 0: takes */
    uint32_t reserved;             /* 0 */
} perp_leg;

/* A hedge job. perp_job_init fills the defaults, then set id, strategy, notional and legs. */
typedef struct perp_job {
    uint32_t struct_size;
    uint32_t strategy; /* PERP_STRATEGY_… */
    perp_uuid job_id;
    perp_usd notional;        /* of one side, > 0 */
    perp_usd est_volume;      /* -1: the sum of the legs' notionals */
    double expected_edge_bps; /* before fees and slippage */
    double holding_hours;     /* 0..8,760 */
    int64_t created_at_ns;    /* PERP_TIME_NONE: the time of submit */
    int64_t ttl_ms;           /* -1: the configured default, or 0 where it is reducing at submit;
                                 0: never expires */
    int64_t max_run_ms;       /* -1: the configured default; 0: never overdue */
    int32_t priority;         /* -100..100 */
    uint32_t n_legs;          /* 1..PERP_MAX_LEGS */
    perp_leg legs[PERP_MAX_LEGS];
    const void *metadata;   /* copied at submit */
    uint32_t metadata_size; /* at most PERP_MAX_METADATA */
    uint32_t reserved;      /* 0 */
    perp_uuid closes;       /* an open job whose lots its fills close first; all zeros: none */
} perp_job;

/* Fills size and defaults. */
PERP_API void perp_job_init(perp_job *job);

/* Reads a job as JSON, over what perp_job_init set: job_id, strategy_type, symbol, legs [{exchange,
   side, quantity, symbol, notional, leverage, maker}], notional, expected_edge_bps, est_volume,
   holding_hours, created_at (microseconds), ttl_ms, max_run_ms, priority, metadata (a string).
   Money in USD. metadata, if there, is written into metadata_buffer (PERP_MAX_METADATA bytes; may
   be NULL: then metadata is PERP_E_INVALID). PERP_E_INVALID with the field named: unknown names of
   fields, exchanges, symbols; wrong types. PERP_E_NOMEM. */
PERP_API perp_status perp_job_from_json(const perp_core *core, const char *text, size_t length,
                                        perp_job *job, char *metadata_buffer);

/* Fills the two legs of job from two instruments of one base and a notional (job->notional): buys
   where the executable price net of taker fees is lower, or, where job->n_legs is 2, as the sides
   of legs[0] (of first) and legs[1] (of second) say: one of each. Both quantities are the same,
   rounded down to both steps, and job->notional becomes what that is worth at the first
   instrument's mid. PERP_E_NOT_FOUND: unknown instrument; PERP_E_INVALID: same book, other bases;
   PERP_E_STATE: no fresh quote; PERP_E_RANGE: the quantity would be 0 or below a minimum. */
PERP_API perp_status perp_job_fill_hedge(const perp_core *core, int64_t now_ns,
                                         perp_instrument_id first, perp_instrument_id second,
                                         perp_job *job);

/* Fills in the job that closes what an open (or partial) job has open, or a fraction of it (above
   0, at most 1; rounded down to whole steps): a leg for each of its lots with the other side,
   strategy hedge_rebalance, no ttl, closes set. What was set of job stays otherwise (its job_id,
   which must be a new one, priority, metadata). PERP_E_NOT_FOUND: nothing of the job is open;
   PERP_E_INVALID: NULL, fraction; PERP_E_RANGE: less than a step. */
PERP_API perp_status perp_job_fill_exit(const perp_core *core, int64_t now_ns,
                                        const perp_uuid *job_id, double fraction, perp_job *job);

/* Queues a job. Submitted again with the same content it is PERP_E_EXISTS, before anything of it is
   looked at; with other content it is PERP_E_CONFLICT, with the first field that differs named. So
   a retry is safe, also after the job ended: its id is remembered for id_memory_h after that, and a
   created_at longer ago than that is PERP_E_RANGE. A field that was left to its default both times
   is the same, whatever the default is by now. PERP_E_INVALID with the field named: no legs or more
   than 8, unknown instrument, quantity or notional not positive and finite, sides that do not hedge
   (wash, arb), below the instrument's minima or off its step (a leg that is all that is left of a
   position is held to neither, one that reduces not to min_notional), leverage below 1, self trade,
   a number out of its range. PERP_E_NOMEM. */
PERP_API perp_status perp_scheduler_submit(perp_scheduler *scheduler, const perp_call *call,
                                           const perp_job *job);

/* Ends a pending job, or a queued repair (which leaves the repair to the host). Of a job that runs
   or is in doubt it is a request: on_cancel is called, its cancel_asked is set, and the host
   answers by finishing it; one that a tick has dispatched but not yet handed over ends at once.
   PERP_E_NOT_FOUND: no such job is pending or running. */
PERP_API perp_status perp_scheduler_cancel(perp_scheduler *scheduler, const perp_call *call,
                                           const perp_uuid *job_id);

/* What happened to a job in a tick. */
enum perp_tick_item_kind {
    PERP_TICK_DISPATCHED, /* in order of dispatch */
    PERP_TICK_EXPIRED,    /* in order of submit */
    PERP_TICK_OVERDUE,
    PERP_TICK_REFUSED,  /* reason */
    PERP_TICK_SKIPPED,  /* reason */
    PERP_TICK_REPAIR,   /* planned */
    PERP_TICK_WITHDRAWN /* dispatched, and then not handed over: never sent, cancelled; reason */
};

/* One job that a tick had to do with; kind is PERP_TICK_…. */
typedef struct perp_tick_item {
    uint32_t kind;
    uint32_t reason;
    perp_uuid job_id;
    uint64_t dispatch; /* of a dispatched or withdrawn one: the number of the dispatch; else 0 */
} perp_tick_item;

/* Whether a tick could dispatch, as it began. */
enum perp_tick_status { PERP_TICK_OK, PERP_TICK_PAUSED, PERP_TICK_KILLED };

/* What a tick did. Init once, pass to every tick (its memory is used again), free at the end. */
typedef struct perp_tick_result {
    uint32_t struct_size;
    uint32_t status; /* PERP_TICK_…; killed wins */
    /* Set by the caller. 0: only counts. 1 (default): lists what was dispatched, withdrawn, planned
       as a repair, expired and overdue, and refused and skipped jobs whose reason changed. 2: lists
       all that are refused or skipped. */
    uint32_t want_items;
    uint32_t n_items;
    perp_tick_item *items; /* owned by the result */
    uint32_t evaluated;
    uint32_t dispatched;
    uint32_t expired;
    uint32_t overdue;
    uint32_t refused;
    uint32_t skipped;
    uint32_t pending; /* left */
    uint32_t running; /* with those in doubt */
    uint32_t refused_by[PERP_MAX_REASONS];
    uint32_t skipped_by[PERP_MAX_REASONS];
    uint32_t capacity;        /* of items; the library's */
    uint32_t withdrawn;       /* of what was dispatched; dispatched has the others */
    uint32_t looked_at;       /* decisions that were made anew; all others stood */
    uint32_t reserved;        /* 0 */
    perp_allocator allocator; /* of items: that of the core that first filled it */
} perp_tick_result;

/* Fills size and defaults; it holds no memory yet. */
PERP_API void perp_tick_result_init(perp_tick_result *result);
/* Frees the items. NULL is allowed. */
PERP_API void perp_tick_result_free(perp_tick_result *result);

/* One round: expire, evaluate, order, dispatch, commit, hand over. result may be NULL.
   Before each hand-over the library looks again. A job that is killed by now, or paused, down or
   blacklisted (unless it reduces or is a repair), or that waited longer than max_handover_ms, and
   all once the store failed, are withdrawn: never sent, cancelled, their capital released, no
   failure counted. One that was finished or requeued meanwhile, by another thread or from inside a
   callback, is not handed over either, and does not count as dispatched. Kill from another thread
   or from inside execute lists what was handed over; what was not is no longer. A host that polls
   (execute is not set) takes what is dispatched from the result as handed over.
   PERP_E_STORE: nothing of it happened, dispatch is paused until perp_scheduler_resume.
   PERP_E_STATE: called from inside a callback. Once the batch is durable the tick has happened and
   returns PERP_OK: where the store then fails to take what the executor answered, the job runs on
   and the answer is recorded by the next tick after resume. */
PERP_API perp_status perp_scheduler_tick(perp_scheduler *scheduler, const perp_call *call,
                                         perp_tick_result *result);

/* How a job went; unknown puts it in doubt; nothing: nothing was done, and nobody is to blame. */
enum perp_result_status {
    PERP_RESULT_COMPLETED,
    PERP_RESULT_FAILED,
    PERP_RESULT_UNKNOWN,
    PERP_RESULT_NOTHING
};

/* What became of one leg so far, in all: since the job was dispatched first. */
typedef struct perp_leg_result {
    double filled;    /* base units, 0 to twice the leg's quantity */
    double price;     /* average; > 0 where filled is */
    perp_usd fee;     /* may be negative: a rebate */
    perp_usd pnl;     /* before fees, where has_pnl; else the library takes what was realised */
    int64_t time_ns;  /* of the last fill; PERP_TIME_NONE: the time of the call; never later */
    uint32_t has_pnl; /* 0 */
    uint32_t known;   /* 1; 0: nothing is known of this leg (only with PERP_RESULT_UNKNOWN) */
} perp_leg_result;

/* How a job went. Per leg (n_legs = the job's), or in all (has_totals), or neither (zeros); of a
   job that has orders: from_orders, or PERP_RESULT_UNKNOWN. From its orders it completed where
   anything was filled, else it failed where an exchange rejected one, else nothing was done. */
typedef struct perp_job_result {
    uint32_t struct_size;
    uint32_t status; /* PERP_RESULT_… */
    uint32_t n_legs;
    uint32_t has_totals;
    uint32_t flat;        /* with totals, 1: it opened and closed within itself */
    uint32_t from_orders; /* 1: its orders say it, and nothing else here is set */
    uint64_t dispatch;    /* the number of the dispatch that this answers; 0: not said */
    perp_usd pnl;
    perp_usd volume; /* not negative */
    perp_usd fees;
    perp_leg_result legs[PERP_MAX_LEGS];
} perp_job_result;

/* Fills size and defaults: completed, with neither legs nor totals. */
PERP_API void perp_job_result_init(perp_job_result *result);

/* What finish has made of a result. */
typedef struct perp_finish_outcome {
    uint32_t struct_size;
    uint32_t state;   /* PERP_JOB_COMPLETED, _FAILED, _PARTIAL, _OPEN, _CANCELLED, _IN_DOUBT */
    uint32_t n_naked; /* of a partial job: every base of it, with what its own legs left */
    uint32_t reserved;
    perp_naked naked[PERP_MAX_LEGS];
} perp_finish_outcome;

/* Books a result. What was told before is not booked again. outcome may be NULL. PERP_E_NOT_FOUND:
   no such job running or in doubt; PERP_E_EXISTS: it has ended (a second report changes nothing).
   PERP_E_INVALID: both forms, another number of legs, filled below 0 or above twice the leg's,
   filled without a price, volume of a job that failed, nothing with a fill, completed with none.
   PERP_E_CONFLICT: it says the number of an earlier dispatch of the job, which was requeued
   meanwhile. PERP_E_STATE: an order of it has not ended. PERP_E_STALE: less filled than was told.
   PERP_E_RANGE: negative volume, overflow. */
PERP_API perp_status perp_scheduler_finish(perp_scheduler *scheduler, const perp_call *call,
                                           const perp_uuid *job_id, const perp_job_result *result,
                                           perp_finish_outcome *outcome);

/* Tells how far a job is that runs or is in doubt; as many legs as the job has. Errors as finish.
 */
PERP_API perp_status perp_scheduler_progress(perp_scheduler *scheduler, const perp_call *call,
                                             const perp_uuid *job_id, const perp_leg_result *legs,
                                             uint32_t n_legs);

/* Tells the truth later: what a job that does not run any more has filled in all. What is more than
   was known is booked as late fills. PERP_E_NOT_FOUND: unknown; PERP_E_STATE: it runs, is in doubt,
   or was never dispatched; PERP_E_STALE: less than was known. */
PERP_API perp_status perp_scheduler_amend(perp_scheduler *scheduler, const perp_call *call,
                                          const perp_uuid *job_id, const perp_leg_result *legs,
                                          uint32_t n_legs);

/* What a job has open was closed outside the library: its lots are closed, what they hold is
   released, and the totals are booked, shared out over its exchanges. PERP_E_NOT_FOUND: nothing of
   it is open. */
PERP_API perp_status perp_scheduler_close(perp_scheduler *scheduler, const perp_call *call,
                                          const perp_uuid *job_id, perp_usd pnl, perp_usd volume,
                                          perp_usd fees);

/* A job in doubt goes back to pending: nothing was sent. Keeps its place; released; its ttl starts
   again. PERP_E_NOT_FOUND: no such job in doubt; PERP_E_STATE: some of it was filled. */
PERP_API perp_status perp_scheduler_requeue(perp_scheduler *scheduler, const perp_call *call,
                                            const perp_uuid *job_id);

/* What flatten made of an instrument with a position of which something is left to reduce. */
enum perp_flatten_kind {
    PERP_FLATTEN_JOB,      /* job_id reduces it, by quantity */
    PERP_FLATTEN_NO_PRICE, /* no quote, mark, last price or entry says what it is worth */
    PERP_FLATTEN_MIN_QTY,  /* less than a step is left */
    PERP_FLATTEN_NOTHING   /* never told: nothing is left to reduce */
};

/* What it made of one instrument; kind is PERP_FLATTEN_…. */
typedef struct perp_flatten_item {
    uint32_t kind;
    perp_instrument_id instrument;
    perp_uuid job_id;
    double quantity;
} perp_flatten_item;

/* Set items and capacity; count gets how many there are. */
typedef struct perp_flatten_result {
    uint32_t struct_size;
    uint32_t capacity;
    uint32_t count;
    uint32_t reserved;
    perp_flatten_item *items; /* the caller's; NULL: only counts */
} perp_flatten_result;

/* Fills size and defaults: no room. */
PERP_API void perp_flatten_result_init(perp_flatten_result *result);

/* Leaves: queues for every position (of an exchange, or PERP_ALL_EXCHANGES; of a base, or NULL) a
   job that reduces what is left of it to nothing, in the order in which instruments were added.
   They don't expire, are held to no minima, and pass pause and kill switch; a tick cuts them to
   what is left. Their ids are key with 0, 1, 2, … added to its last four bytes. Takes actor and
   reason. PERP_E_NOT_FOUND: unknown exchange or base; PERP_E_EXISTS: the key was used. result may
   be NULL. */
PERP_API perp_status perp_scheduler_flatten(perp_scheduler *scheduler, const perp_call *call,
                                            perp_exchange_id exchange, const char *base,
                                            const perp_uuid *key, perp_flatten_result *result);

/* Pause stops new risk; reducing and repair jobs go on. Resume takes actor and reason. */
PERP_API perp_status perp_scheduler_pause(perp_scheduler *scheduler, const perp_call *call);
PERP_API perp_status perp_scheduler_resume(perp_scheduler *scheduler, const perp_call *call);

/* The kill switch, for one exchange or PERP_ALL_EXCHANGES. On: fills jobs (up to capacity; *count
   has all) with what runs there, in order of dispatch, whose orders the host must cancel. jobs and
   count may be NULL. Off takes actor and reason. The switch for all and those of single exchanges
   are independent: each is lifted by name. */
PERP_API perp_status perp_scheduler_kill(perp_scheduler *scheduler, const perp_call *call,
                                         uint32_t enabled, perp_exchange_id exchange,
                                         perp_uuid *jobs, uint32_t capacity, uint32_t *count);

/* New limits; fields left as perp_limits_init set them stay. Raising one takes actor and reason.
   Lower than what runs is accepted: nothing is revoked. */
typedef struct perp_limits {
    uint32_t struct_size;
    uint32_t max_global_concurrent_jobs; /* PERP_NO_ID: as it is */
    uint32_t max_dispatch_per_minute;    /* PERP_NO_ID: as it is; 0: off, the highest */
    perp_exchange_id exchange;           /* whose, for the two below; PERP_NO_ID: none */
    uint32_t max_concurrent;             /* PERP_NO_ID: as it is */
    uint32_t reserved;                   /* 0 */
    perp_usd max_notional;               /* -1: as it is */
} perp_limits;

/* Fills size and defaults: nothing changes. */
PERP_API void perp_limits_init(perp_limits *limits);
/* Sets them, for all that is decided from now on. PERP_E_NOT_FOUND: unknown exchange;
   PERP_E_INVALID: raised without actor and reason; PERP_E_RANGE: a limit out of range. */
PERP_API perp_status perp_scheduler_set_limits(perp_scheduler *scheduler, const perp_call *call,
                                               const perp_limits *limits);

/* All that is known of one job. */
typedef struct perp_job_info {
    uint32_t struct_size;
    uint32_t state;        /* PERP_JOB_… */
    uint32_t last_refusal; /* the last reason of risk; kept when the job goes on */
    uint32_t overdue;
    uint32_t n_lots; /* what of it is open */
    uint32_t is_repair;
    uint32_t balanced; /* its buys and sells agree */
    uint32_t reduce_only;
    uint32_t cancel_asked; /* 1: somebody asked to cancel it while it ran */
    uint32_t last_skip;    /* why a tick passed it over; PERP_REASON_NONE: it was not */
    perp_leg_result legs[PERP_MAX_LEGS]; /* what was told of each leg so far */
    perp_usd held;                       /* in flight and used, in all */
    double score;                        /* of the last evaluation in a tick; NaN: none */
    int64_t submitted_ns;
    int64_t started_ns;        /* PERP_TIME_NONE: not yet */
    int64_t ended_ns;          /* PERP_TIME_NONE: not yet */
    int64_t unhedged_since_ns; /* its legs have filled unequally; PERP_TIME_NONE: they have not */
    uint64_t dispatch;         /* the number of its last dispatch; 0: none yet */
    perp_usd pnl;              /* booked so far */
    perp_usd volume;
    perp_usd fees;
    uint64_t order; /* place in the order of submit */
    perp_job job;   /* as submitted, defaults filled in; metadata NULL (its size stays:
                       perp_scheduler_job_metadata has it) */
} perp_job_info;

/* PERP_E_NOT_FOUND: not known, or no longer among the last history_size. */
PERP_API perp_status perp_scheduler_job(const perp_scheduler *scheduler, const perp_uuid *job_id,
                                        perp_job_info *info);

/* What a tick at now_ns would decide of a pending job, or a queued repair, with every number behind
   it, as perp_risk_evaluate tells it, without changing anything; by its id, so that what was learnt
   at submit counts: the edge that went while it waited, an override for this job alone. now_ns: for
   ages and blackouts, the later of it and the clock. PERP_E_NOT_FOUND: no such job is pending;
   PERP_E_STATE: called from inside a rule; PERP_E_INVALID: NULL, struct_size (which must be set).
 */
struct perp_evaluation;
PERP_API perp_status perp_scheduler_evaluate(perp_scheduler *scheduler, int64_t now_ns,
                                             const perp_uuid *job_id,
                                             struct perp_evaluation *evaluation);

/* Writes the metadata that a job was submitted with, as long as perp_scheduler_job knows the job,
   also after a restart; a repair has none. *size gets its size, with which no terminating zero is
   counted or written. PERP_E_NOT_FOUND: as above; PERP_E_RANGE: capacity is too small (*size says
   what is needed, nothing is written; buffer may be NULL with capacity 0; PERP_MAX_METADATA always
   suffices); PERP_E_INVALID: NULL. */
PERP_API perp_status perp_scheduler_job_metadata(const perp_scheduler *scheduler,
                                                 const perp_uuid *job_id, void *buffer,
                                                 size_t capacity, size_t *size);

/* Ids of jobs in a state: pending ones in order of submit, running ones in order of dispatch (those
   in doubt among them; asked for by PERP_JOB_IN_DOUBT, only those), ended ones newest first. Fills
   up to capacity; *count gets how many there are. */
PERP_API perp_status perp_scheduler_list(const perp_scheduler *scheduler, uint32_t state,
                                         perp_uuid *jobs, uint32_t capacity, uint32_t *count);

/* How many jobs there are in each state, and what the scheduler may do. */
typedef struct perp_scheduler_state {
    uint32_t struct_size;
    uint32_t paused;
    uint32_t store_failed; /* the store failed: paused until resume */
    uint32_t pending;
    uint32_t running; /* with those in doubt */
    uint32_t in_doubt;
    uint32_t open;            /* without partial ones */
    uint32_t partial;         /* whose base is not squared yet */
    uint64_t submitted_today; /* since the day rolled */
    uint64_t dispatched_today;
    uint64_t ended_today[PERP_MAX_JOB_STATES]; /* by end state */
    uint64_t submitted_total;
    uint64_t dispatched_total;
    uint64_t ended_total[PERP_MAX_JOB_STATES];
} perp_scheduler_state;

/* Fills state, whose struct_size must be set. PERP_E_INVALID: NULL, struct_size. */
PERP_API perp_status perp_scheduler_query(const perp_scheduler *scheduler,
                                          perp_scheduler_state *state);

#ifdef __cplusplus
}
#endif

#endif
