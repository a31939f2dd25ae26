/* One seed makes a world: exchanges, a host of several threads, a store, and what goes wrong with
   each. The world drives the public interface alone; the auditor keeps a book of its own from what
   the exchanges did and what the host told, and compares after each step.

   All that happens in step n is drawn from the seed and n, so that a step that is left out changes
   no other: what fails can be cut down. */
#ifndef SIM_H
#define SIM_H

#include <perpcore/perpcore.h>

#include <setjmp.h>
#include <stdbool.h>

/* Products of money. */
__extension__ typedef __int128 s_wide;

#define S_MS INT64_C(1000000)
#define S_SECOND (1000 * S_MS)
#define S_HOUR (3600 * S_SECOND)
#define S_DAY (24 * S_HOUR)
#define S_START (INT64_C(1760000000) * S_SECOND)

#define S_EXCHANGES 4
#define S_BASES 2
#define S_INSTRUMENTS (S_EXCHANGES * S_BASES)
#define S_LEGS 4
#define S_JOBS 1200
#define S_ORDERS 4000
#define S_TRADES 16000
#define S_LOTS 256
#define S_NEWS 400
#define S_RESERVED 24

/* What may go wrong: name, text. Each seed has a mix of its own. */
#define S_FAULT_LIST(X)                                                                            \
    X(LATE, "late")         /* news comes late */                                                  \
    X(TWICE, "twice")       /* and again */                                                        \
    X(DISORDER, "disorder") /* and not in order */                                                 \
    X(PART, "part")         /* orders fill in part */                                              \
    X(REJECT, "reject")     /* exchanges reject orders */                                          \
    X(OVER, "over")         /* orders fill with more than was ordered */                           \
    X(AFTER, "after")       /* orders fill after the host heard of their end */                    \
    X(REFUSE, "refuse")     /* executors refuse or decline */                                      \
    X(DOUBT, "doubt")       /* executors can't say what happened */                                \
    X(REPORTS, "reports")   /* accounts are reported while orders work, of any age */              \
    X(LIES, "lies")         /* reports are wrong */                                                \
    X(CUTS, "cuts")         /* exchanges liquidate and deleverage, and tell nobody */              \
    X(MANUAL, "manual")     /* somebody trades by hand */                                          \
    X(TERMS, "terms")       /* tiers, fees and steps change */                                     \
    X(DOWN, "down")         /* exchanges are down */                                               \
    X(QUOTES, "quotes")     /* feeds are silent, withdrawn, stale */                               \
    X(CLOCKS, "clocks")     /* clocks jump */                                                      \
    X(MONEY, "money")       /* transfers, cash, reservations by hand, equity that jumps */         \
    X(FORGET, "forget")     /* the host forgets what runs, for a while */                          \
    X(RETRY, "retry")       /* the host makes calls again */                                       \
    X(CONTROL, "control")   /* persons kill, pause, halt, blacklist, change modes */               \
    X(REQUEUE, "requeue")   /* another thread puts jobs in doubt back */                           \
    X(THREADS, "threads")   /* other threads of the host act inside callbacks */                   \
    X(HOSTILE, "hostile")   /* calls with arguments that make no sense */                          \
    X(MEMORY, "memory")     /* allocations fail */                                                 \
    X(DISK, "disk")         /* the store fails for a while */                                      \
    X(CRASH, "crash")       /* the process is killed at any write, the host forgets all */         \
    X(RESTART, "restart")   /* the book is closed and opened again */                              \
    X(SQLITE, "sqlite")     /* the store is a file, and the machine may fail */                    \
    X(KINDS, "kinds")       /* some instruments are spot, or inverse contracts */                  \
    X(RULES, "rules")       /* the host has a rule, and changes its mind */                        \
    X(BARRIERS, "barriers") /* what is durable is asked for, and looked at */

enum s_fault {
#define S_X(name, text) S_##name,
    S_FAULT_LIST(S_X)
#undef S_X
        S_FAULTS
};

enum s_store_kind { S_NO_STORE, S_MEMORY_STORE, S_SQLITE_STORE };

/* ---- What exchanges did: never taken back ---------------------------------------------------- */

enum s_trade_kind { S_OF_ORDER, S_CUT, S_BY_HAND };

struct s_trade {
    int64_t time;
    int64_t steps; /* signed */
    uint32_t instrument;
    int32_t order; /* index; -1: of none */
    double price;
    perp_usd fee, pnl;
    uint8_t kind, happened, has_pnl;
};

struct s_order {
    int32_t job;
    uint32_t leg, instrument;
    int32_t side; /* 1 buys, -1 sells */
    int64_t quantity, filled;
    uint64_t number; /* the library's; 0: the host keeps it */
    int64_t sent, ends;
    uint8_t by_totals, live, reduce_only;
    uint32_t end; /* PERP_NEWS_… */
};

/* What is on its way to the host. */
struct s_news {
    int64_t at;
    int32_t order;
    int32_t trade; /* -1: the order's end */
};

/* ---- What the auditor keeps ------------------------------------------------------------------ */

struct s_leg {
    uint32_t instrument, exchange;
    int32_t side;
    int64_t quantity; /* steps */
    perp_usd notional;
    double paid;                 /* steps times price, as was told */
    int64_t told_steps, counted; /* counted: in what is naked */
    perp_usd fee, left;          /* left: in flight */
    int64_t last;                /* time of the latest fill that was told; 0: none */
};

struct s_job {
    perp_uuid id;
    uint32_t strategy, state, n_legs;
    uint8_t balanced, repair, flatten, reducing, has_orders, by_orders, handed, answer, sent, exit;
    uint8_t unsure; /* its pnl */
    uint32_t ends_told, end_state;
    int32_t closes; /* index; -1 */
    uint64_t dispatch, last_handed;
    int64_t submitted, started, ttl_ms, expires;
    perp_usd notional, pnl, volume, fees;
    struct s_leg legs[S_LEGS];
};

struct s_lot {
    int32_t job;
    uint32_t leg;
    int64_t steps; /* signed */
    double price;
    perp_usd used;
};

struct s_position {
    struct s_lot lots[S_LOTS];
    uint32_t n_lots;
    int64_t told;  /* steps: what was told, in all */
    uint8_t dirty; /* something happened that only the exchange can explain */
    uint8_t reported;
    int64_t reported_at; /* the exchange's time */
    int64_t heard;       /* when the last report came */
};

struct s_figures {
    perp_usd pnl, volume, fees, funding;
};

struct s_account {
    perp_usd equity, start, high_water, aside;
    uint8_t has_equity, has_aside, safe, killed;
    int64_t equity_at;
    struct s_figures today, yesterday;
    uint8_t unsure; /* today's pnl */
    uint32_t max_concurrent;
    perp_usd max_notional;
};

struct s_reserved {
    uint64_t id;
    uint32_t exchange, pool;
    perp_usd in_flight, used;
    perp_uuid key;
};

/* The auditor's book: a plain value, which is copied where something may be taken back. */
struct s_model {
    struct s_job jobs[S_JOBS];
    uint32_t n_jobs;
    uint32_t live[S_JOBS]; /* those that have not ended, and some that have */
    uint32_t n_live;
    struct s_position positions[S_INSTRUMENTS];
    struct s_account accounts[S_EXCHANGES];
    struct s_reserved manual[S_RESERVED];
    uint32_t n_manual;
    double naked[S_BASES];
    uint8_t naked_unsure[S_BASES];
    uint8_t order_state[S_ORDERS]; /* PERP_ORDER_… */
    uint8_t trade_told[S_TRADES];
    int64_t order_told[S_ORDERS]; /* steps */
    int64_t clock, day_ends;
    uint8_t has_clock, killed, paused, paused_itself, halted, loss_latched, override_on;
    uint8_t blacklisted[S_BASES], stopped[S_INSTRUMENTS];
    uint32_t failures, mode;
    int64_t override_until;
    perp_usd scaled_start, scaled_booked;
    uint64_t next_dispatch, next_reservation, next_order;
    uint8_t loss_unsure, failures_unsure;
};

/* ---- The world ------------------------------------------------------------------------------- */

struct s_market {
    double price[S_BASES];
    int64_t quoted[S_INSTRUMENTS]; /* time of the last quote that was taken; 0: none stands */
    int64_t feed;                  /* the newest time of any feed */
    uint8_t silent[S_INSTRUMENTS];
    uint8_t api[S_EXCHANGES];
    int64_t told_api[S_EXCHANGES];
};

struct s_counts {
    uint64_t steps, calls, errors, ticks, dispatched, withdrawn, handed, fills, late, repeated;
    uint64_t finished, exits, repairs, cuts, reports, nested, restarts, crashes, lost, rests, naked;
    uint64_t orders, gate, kills, nomem, store_errors, hostile, days, open;
};

struct s_world;
struct s_tick_view; /* what the auditor saw before a tick */

/* What a call does to the auditor's book if it takes effect. Callbacks run before a call returns,
   and find its change made: where another thread acts in one, the effect is applied first. */
struct s_effect {
    void (*apply)(struct s_world *w, struct s_effect *effect);
    bool done, finishes;
    int32_t job, order, trade;
    uint32_t state, kind;
    int64_t steps[S_LEGS];
    double price[S_LEGS];
    perp_usd fee[S_LEGS];
    int64_t time[S_LEGS]; /* of the last fill */
    const perp_job *submitted;
};

struct s_world {
    uint64_t seed, random;
    uint32_t n_steps, step; /* step: the one at hand */
    uint64_t faults;        /* bits */
    const char *doing;
    bool quiet; /* the end: nothing goes wrong any more */
    bool loud;  /* each call is printed */
    perp_core *core;
    perp_config config;
    int64_t now;  /* true time */
    int64_t skew; /* of the thread that calls */
    uint32_t n_exchanges, n_bases, n_instruments;
    uint8_t spot[S_INSTRUMENTS];
    uint32_t cross; /* exchanges, as bits */
    uint64_t lasts; /* the last event that was said to be durable */
    struct {
        uint32_t refused, reason; /* of S_CLASSES classes of jobs; the rule's number */
        bool hard;
    } rule;
    double step_size[S_BASES];
    double start_price[S_BASES];
    struct s_market market;
    /* truth */
    struct s_trade trades[S_TRADES];
    uint32_t n_trades;
    uint32_t happened[S_TRADES]; /* in order of time */
    uint32_t n_happened;
    uint32_t waiting[S_TRADES]; /* planned trades */
    uint32_t n_waiting;
    struct s_order orders[S_ORDERS];
    uint32_t n_orders;
    uint32_t first_live;             /* orders before it have ended */
    int64_t position[S_INSTRUMENTS]; /* steps */
    /* the host */
    struct s_news news[S_NEWS];
    uint32_t n_news;
    uint32_t depth; /* of callbacks */
    uint64_t n_ids, n_far;
    perp_tick_result tick;
    struct s_tick_view *view;
    uint8_t in_tick, nested_in_tick;
    int32_t ended_by_call;   /* the job that a finish of this thread ends; -1 */
    struct s_effect *effect; /* of the call at hand, until it is applied */
    /* the store */
    enum s_store_kind store;
    bool batch, failing, dead, came_back;
    uint64_t durable_seen; /* records, as of the end of the last call */
    struct s_store *disk;
    /* the auditor */
    struct s_model m;
    struct s_model *saved; /* what is durable; NULL: all that was told is */
    uint64_t trace;        /* of all that the library did */
    uint32_t touched[64], n_touched;
    struct s_memory *memory;
    struct s_counts n;
};

extern const char *const s_fault_names[S_FAULTS];

/* sim.c: the world, chance, failure. */
void s_fail(struct s_world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
uint64_t s_random(struct s_world *w);
int64_t s_below(struct s_world *w, int64_t below);
bool s_chance(struct s_world *w, int per_thousand);
bool s_has(const struct s_world *w, enum s_fault fault);
bool s_reports(const struct s_world *w);
double s_quantity(const struct s_world *w, uint32_t instrument, int64_t steps);
uint32_t s_base_of(const struct s_world *w, uint32_t instrument);
uint32_t s_exchange_of(const struct s_world *w, uint32_t instrument);
perp_call s_call(const struct s_world *w);
perp_call s_signed(const struct s_world *w);
perp_uuid s_new_id(struct s_world *w);
/* What the host's rule goes by. */
#define S_CLASSES 6
uint32_t s_class_of(const perp_uuid *id);
bool s_rule_refuses(const struct s_world *w, const perp_uuid *id);
void s_trace(struct s_world *w, uint64_t what);
/* Whether a call took effect; where it did, the auditor's clock moves. Any error but those that are
   expected (EXPECTED: bits 1 << -status) ends the run; an error must change nothing. */
bool s_took(struct s_world *w, perp_status status, uint32_t expected);
#define S_BIT(status) (UINT32_C(1) << -(int)(status))

void s_begin(struct s_world *w, uint64_t seed, uint32_t n_steps, uint64_t faults);
void s_set_up(struct s_world *w);
void s_open_core(struct s_world *w);
void s_end(struct s_world *w);
void s_one_step(struct s_world *w, uint32_t step);
/* Faults off: all jobs end, all capital is free, nothing is naked. */
void s_wind_up(struct s_world *w);

/* memory.c: an allocator that fails, and whose addresses are in another order. */
perp_allocator s_allocator(struct s_world *w, bool other_addresses);
void s_memory_fails(struct s_world *w, uint32_t in);
bool s_memory_failed(struct s_world *w);
void s_memory_end(struct s_world *w);

/* exchange.c */
/* It was registered, and never sent. */
int32_t s_never_sent(struct s_world *w, int32_t job, uint32_t leg, int64_t steps, uint64_t number);
int32_t s_send(struct s_world *w, int32_t job, uint32_t leg, int64_t steps, uint64_t number);
void s_cancel_order(struct s_world *w, uint32_t order);
/* All that happens up to now. */
void s_exchanges_move(struct s_world *w);
void s_cut(struct s_world *w);
int32_t s_trade_by_hand(struct s_world *w, uint32_t instrument, int64_t steps);
int64_t s_position_at(const struct s_world *w, uint32_t instrument, int64_t time);
bool s_splits_a_fill(const struct s_world *w, uint32_t instrument, int64_t time);
bool s_surprises(const struct s_world *w, uint32_t instrument, int64_t time);
/* What a leg had filled by some time: steps, and what was paid for it; last: its last trade. */
int64_t s_leg_at(const struct s_world *w, int32_t job, uint32_t leg, int64_t time, double *price,
                 perp_usd *fee, int64_t *last);
bool s_job_works(const struct s_world *w, int32_t job, int64_t time);

/* host.c: what the host does. */
void s_apply(struct s_world *w, struct s_effect *effect);
/* A call with its effect on the auditor's book. */
#define S_MAKE(w, e, expected, CALL)                                                               \
    do {                                                                                           \
        struct s_effect *s_outer = (w)->effect;                                                    \
        (w)->effect = (e);                                                                         \
        if (s_took((w), (CALL), (expected)))                                                       \
            s_apply((w), (e));                                                                     \
        else if ((e)->done && !(w)->dead)                                                          \
            s_fail((w), "a callback ran, and then its call failed");                               \
        (w)->effect = s_outer;                                                                     \
    } while (0)

void s_callbacks(struct s_world *w, perp_callbacks *callbacks);
void s_act(struct s_world *w);
void s_tick(struct s_world *w);

/* hear.c: what it hears. */
bool s_hear(struct s_world *w);
void s_tell_some(struct s_world *w, bool nested);
void s_amend_some(struct s_world *w, bool all);
void s_hear_all(struct s_world *w, uint32_t order);
void s_amend_all(struct s_world *w);
void s_cancel_waiting(struct s_world *w);
void s_finish(struct s_world *w, int32_t job, bool truth);
void s_quote_all(struct s_world *w);
void s_report(struct s_world *w, uint32_t exchange, int64_t as_of, bool lie);
void s_exit(struct s_world *w, int32_t job, bool whole);
void s_flatten(struct s_world *w);
void s_ask_about(struct s_world *w, int32_t job);
int32_t s_pick(struct s_world *w, uint32_t states);

/* control.c: what persons and clocks do. */
void s_person(struct s_world *w);
void s_change_rule(struct s_world *w);
void s_barrier(struct s_world *w);
void s_resume(struct s_world *w);
void s_undo_control(struct s_world *w);
void s_money(struct s_world *w);
void s_clock(struct s_world *w);
void s_terms(struct s_world *w);
void s_hostile(struct s_world *w);
void s_tell_foreign(struct s_world *w);
void s_accept(struct s_world *w);

/* store.c */
void s_store_open(struct s_world *w, perp_store *store);
void s_store_new(struct s_world *w);
void s_store_end(struct s_world *w);
void s_store_fails(struct s_world *w, bool on);
void s_store_dies(struct s_world *w, uint32_t in);
bool s_store_has_dispatch(const struct s_world *w, const perp_uuid *job, uint64_t dispatch);
uint64_t s_store_durable(const struct s_world *w);
/* What is about to change in memory alone is lost with the process. */
void s_store_keep(struct s_world *w);
void s_restart(struct s_world *w, bool crash);

/* sqlite.c: the store that others use. */
void s_sqlite_new(struct s_world *w);
void s_sqlite_end(void);
perp_status s_sqlite_open(perp_store *store);
void s_sqlite_cut(uint32_t writes);
void s_sqlite_die(void);
void s_sqlite_heal(unsigned luck);
uint64_t s_sqlite_last(void);

/* model.c: what the auditor makes of what was told. */
int32_t s_find(const struct s_world *w, const perp_uuid *id);
void s_m_time(struct s_world *w);
void s_m_time_at(struct s_world *w, int64_t at);
void s_m_submit(struct s_world *w, const perp_job *job);
struct s_fill {
    int32_t job;
    uint32_t leg;
    int64_t steps; /* above 0 */
    double price;
    perp_usd fee, pnl;
    bool has_pnl;
    int64_t time;
};
void s_m_fill(struct s_world *w, const struct s_fill *fill);
/* The run of a job ends; status: PERP_RESULT_… */
void s_m_finish(struct s_world *w, int32_t job, uint32_t status, bool per_leg);
void s_m_end(struct s_world *w, int32_t job, uint32_t state);
void s_m_adopt_lots(struct s_world *w, uint32_t instrument);
uint32_t s_m_pool(const struct s_world *w, int32_t job);
/* A job that the library made. */
/* Whether a report that comes now may be put down to the wrong leg. */
bool s_m_is_ambiguous(const struct s_world *w, uint32_t instrument);
int32_t s_m_learn(struct s_world *w, const perp_uuid *id);
void s_m_take_legs(struct s_world *w, struct s_job *j, const perp_job *job);
bool s_has_lots(const struct s_world *w, int32_t job);
bool s_ended(uint32_t state);
bool s_runs(const struct s_job *job);
void s_m_failure(struct s_world *w, bool failed);
void s_m_book(struct s_world *w, uint32_t exchange, perp_usd pnl, perp_usd volume, perp_usd fees);
void s_m_equity(struct s_world *w, uint32_t exchange, perp_usd equity);
void s_m_transfer(struct s_world *w, uint32_t exchange, perp_usd amount);
void s_m_loss(struct s_world *w);
void s_m_touch(struct s_world *w, int32_t job);
void s_m_release(struct s_world *w, int32_t job);
void s_m_dispatched(struct s_world *w, int32_t job, uint64_t dispatch);

/* audit.c: the comparison. */
void s_sum_capital(struct s_world *w, perp_usd in_flight[S_EXCHANGES][PERP_POOL_COUNT],
                   perp_usd used[S_EXCHANGES][PERP_POOL_COUNT]);
void s_audit(struct s_world *w);
void s_print_lots(struct s_world *w);
void s_audit_all(struct s_world *w);
void s_audit_rest(struct s_world *w);
void s_before_tick(struct s_world *w);
void s_after_tick(struct s_world *w);
void s_handed(struct s_world *w, const perp_execution *job);
void s_know_dispatched(struct s_world *w);
void s_after_restart(struct s_world *w, bool crash);

/* perp-sim.c */
uint64_t s_draw_faults(uint64_t seed);
/* A whole world; gives its trace. leave_out: by step, may be NULL. */
uint64_t s_live(struct s_world *w, uint64_t seed, uint32_t n_steps, uint64_t faults,
                bool other_addresses, const uint8_t *leave_out);

/* shrink.c */
extern const char *s_keep_in; /* a folder for what fails; NULL: none */
int s_shrink(uint64_t seed, uint32_t n_steps, uint64_t faults, const char *file);
int s_replay(const char *file);

#endif
