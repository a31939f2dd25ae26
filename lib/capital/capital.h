/* The ledger as the modules to its right see it. */
#ifndef PERP_CAPITAL_CAPITAL_H
#define PERP_CAPITAL_CAPITAL_H

#include "core/events.h"
#include "core/job.h"
#include "core/plan.h"

struct perp_pool_book {
    perp_usd budget;
    perp_usd most_single; /* of it, one reservation */
    perp_usd in_flight;   /* sums over live reservations, never negative */
    perp_usd used;
};

struct perp_account {
    PERP_STORED(perp_account_row, PERP_ROW_ACCOUNT);
    struct perp_pool_book pools[PERP_POOL_COUNT]; /* budgets sum to equity */
    perp_usd most_total;                          /* of the equity, all reservations */
    struct perp_kept *kept;
};

/* A reservation. */
struct perp_held {
    PERP_STORED(perp_reservation_row, PERP_ROW_RESERVATION);
    struct perp_kept *kept;
    struct perp_held *next_of_job;     /* in the order they were made */
    struct perp_held *next, *previous; /* live ones by id; free ones by next */
};

/* A key that was given with a reservation or a booking. */
struct perp_key {
    PERP_STORED(perp_key_row, PERP_ROW_KEY);
    struct perp_kept *kept;
    struct perp_key *next; /* used later; of free ones the next free one */
};

/* At least so many keys of a kind are remembered. */
#define PERP_KEYS_KEPT 10000

/* The keys of one kind, in the order of their use. */
struct perp_keys {
    struct perp_map by_key;
    struct perp_key *oldest, *newest;
};

struct perp_chunk; /* memory of reservations and keys */

struct perp_capital {
    perp_core *core;
    struct perp_account accounts[PERP_MAX_EXCHANGES];
    PERP_STORED(perp_ledger_row, PERP_ROW_LEDGER);
    struct perp_kept *kept;
    perp_usd equity;                /* of all exchanges */
    perp_usd booked, starts;        /* of all: fees less pnl of today; starts of the day */
    struct perp_held *first, *last; /* live, by id */
    uint32_t n_live;
    struct perp_ids held; /* by id */
    struct perp_keys keys[PERP_KEY_KIND_COUNT];
    struct perp_held *free_held;
    struct perp_key *free_keys;
    uint32_t n_free_held, n_free_keys;
    struct perp_chunk *chunks;
};

perp_status perp_capital_open(perp_core *core, perp_capital **capital);
void perp_capital_close(perp_capital *capital);

/* What a job needs is one row (struct perp_need) an exchange, in the order of its legs. Adds one
   leg's need to the rows; false on overflow. */
bool perp_need_add(struct perp_need *needs, uint32_t *n, perp_exchange_id exchange, uint32_t pool,
                   perp_usd amount);
/* The needs of a job as the host gives it. PERP_E_INVALID, PERP_E_RANGE. */
perp_status perp_needs_of_spec(const perp_core *core, const perp_job *job, struct perp_need *needs,
                               uint32_t *n);

/* The limits that an account keeps, worked out: of one reservation of a pool, and of all. */
perp_usd perp_capital_most_single(const perp_core *core, const struct perp_account *account,
                                  uint32_t pool);
perp_usd perp_capital_most_total(const perp_core *core, const struct perp_account *account);

/* Whether the ledger lets amount pass, what the plan takes included; fills refusal. */
bool perp_capital_passes(const perp_capital *capital, const struct perp_plan *plan,
                         const struct perp_need *need, perp_refusal *refusal);
/* What the ledger holds an amount to, in this order: by the reason that it gives. */
#define PERP_CAPITAL_LIMITS 4
extern const uint32_t perp_capital_limits[PERP_CAPITAL_LIMITS];
/* The most that passes one of them. */
perp_usd perp_capital_room(const perp_capital *capital, const struct perp_plan *plan,
                           perp_exchange_id exchange, uint32_t pool, uint32_t reason);
/* The same for a repair: only what is available counts. */
bool perp_capital_has(const perp_capital *capital, const struct perp_plan *plan,
                      const struct perp_need *need, perp_refusal *refusal);
/* Whether all of a job's needs pass; fills refusal with the first that does not. */
bool perp_capital_passes_all(const perp_capital *capital, const struct perp_need *needs, uint32_t n,
                             perp_refusal *refusal);
/* PERP_E_INVALID for a refusal that can't be filled. */
perp_status perp_refusal_check(const perp_core *core, const perp_refusal *refusal);
perp_usd perp_capital_available(const perp_capital *capital, const struct perp_plan *plan,
                                perp_exchange_id exchange, uint32_t pool);

uint32_t perp_pool_of(const perp_core *core, uint32_t strategy);
/* That of a job: a repair's is the reserve. */
static inline uint32_t perp_job_pool(const perp_core *core, const struct perp_job_entry *job) {
    return job->is_repair ? (uint32_t)PERP_POOL_RESERVE : perp_pool_of(core, job->strategy);
}

/* Budgets anew, after the shares changed. */
void perp_capital_rebudget(perp_core *core);
static inline struct perp_held *perp_capital_find(const perp_capital *capital, uint64_t id) {
    return perp_ids_find(&capital->held, id);
}
void perp_capital_state_of(const perp_capital *capital, perp_exchange_id exchange,
                           perp_capital_state *state);

/* PERP_E_RANGE: no account is worth that, or it would make the totals too large. */
perp_status perp_capital_check_equity(const perp_core *core, perp_exchange_id exchange,
                                      perp_usd equity);
/* Today's loss: in dollars, and scaled as if all transfers of the day had been made before it
   began. Negative: a gain. */
struct perp_loss {
    perp_usd usd, scaled;
    perp_usd scaled_start;
    perp_usd booked, starts; /* sums over exchanges */
};
/* PERP_E_RANGE, with the name of the figure, where it is more than any may be, either way. leg:
   whose it is; PERP_NO_ID: none's. */
perp_status perp_refuse_figure(const perp_core *core, uint32_t leg, const char *name,
                               perp_usd figure);
static inline perp_status perp_check_figure(const perp_core *core, uint32_t leg, const char *name,
                                            perp_usd figure) {
    return figure >= -PERP_MOST_USD && figure <= PERP_MOST_USD
               ? PERP_OK
               : perp_refuse_figure(core, leg, name, figure);
}
/* The same of what is booked. */
perp_status perp_check_figures(const perp_core *core, perp_usd pnl, perp_usd volume, perp_usd fees);
void perp_capital_loss(const perp_capital *capital, struct perp_loss *loss);

/* Marks of an exchange and of the book, as a change leaves them. */
struct perp_marks {
    perp_usd equity, high_water, day_start;
    perp_usd peak, scaled_start, scaled_booked;
};
/* A report within this of one that was put aside confirms it, and a transfer that leads there
   explains it. */
#define PERP_CONFIRMS_PPM 100000
/* Whether a report is so far from the last one that it is to be put aside. */
bool perp_capital_reports_apart(const perp_core *core, perp_exchange_id exchange, perp_usd equity);
/* Whether a transfer explains the report that was put aside. */
bool perp_capital_explains(const perp_capital *capital, perp_exchange_id exchange, perp_usd amount);
/* The marks after a transfer; false: the equity would be negative where it was not, or a figure
   would be too large. After the first equity of an exchange; false: too large. */
bool perp_capital_moved(const perp_capital *capital, perp_exchange_id exchange, perp_usd amount,
                        bool in_equity, struct perp_marks *marks);
bool perp_capital_first(const perp_capital *capital, perp_exchange_id exchange, perp_usd equity,
                        struct perp_marks *marks);

/* The parts of which events' effects are made. */
void perp_capital_set_marks(perp_core *core, perp_exchange_id exchange,
                            const struct perp_marks *marks);
/* Takes a report that is not the first. */
void perp_capital_take(perp_core *core, perp_exchange_id exchange, perp_usd equity);
void perp_capital_corrected(perp_core *core, perp_exchange_id exchange, perp_usd day_start,
                            const perp_usd *high_water);
void perp_capital_set_equity(perp_capital *capital, perp_exchange_id exchange, perp_usd equity);
/* Takes amount out of a reservation, from what is in flight first; forgets it when nothing is
   left. */
void perp_capital_give(perp_core *core, struct perp_held *held, perp_usd amount);
/* In flight → used. */
void perp_capital_use_part(perp_core *core, struct perp_held *held, perp_usd amount);
void perp_capital_roll(perp_core *core, int64_t days);
/* The book stays in its day, and in the offset that it ends by, until it rolls: before the clock is
   set back, or the offset changed. */
void perp_capital_keep_day(perp_core *core);
static inline bool perp_is_day_offset(int32_t minutes) {
    return minutes >= -1439 && minutes <= 1439;
}
void perp_capital_book(perp_core *core, perp_exchange_id exchange, perp_usd pnl, perp_usd volume,
                       perp_usd fees);

/* keys.c: a key that was given; NULL: it is not known. One more, for which room must have been
   made: as a checkpoint has it, or because it was used, which makes the oldest forgotten. */
const struct perp_key *perp_key_find(const perp_capital *capital, uint32_t kind,
                                     const perp_uuid *key);
struct perp_key *perp_key_add(perp_capital *capital, const struct perp_key_row *row);
void perp_key_use(perp_capital *capital, const struct perp_key_row *row);
void perp_keys_close(perp_capital *capital);

/* Room for so many further reservations, and keys of a kind, in this batch. */
bool perp_capital_prepare_held(perp_core *core, uint32_t more);
bool perp_capital_prepare_keys(perp_core *core, uint32_t kind, uint32_t more);
/* A reservation for a job (NULL: none holds it). */
struct perp_held *perp_capital_hold(perp_core *core, const struct perp_need *need,
                                    const perp_uuid *job);
/* Gives back all that is left of it and forgets it. */
void perp_capital_give_back(perp_core *core, struct perp_held *held);
/* What is in flight, used and released of one that a job holds; forgotten only by giving it back.
 */
void perp_capital_set(perp_core *core, struct perp_held *held, perp_usd in_flight, perp_usd used,
                      perp_usd released);
/* In flight → used, all of it. */
void perp_capital_use(perp_core *core, struct perp_held *held);

/* Whether the figures can be added to those of the day of `now` without overflow. */
bool perp_capital_can_book(const perp_capital *capital, int64_t now, perp_exchange_id exchange,
                           perp_usd pnl, perp_usd volume, perp_usd fees);

/* Whether one more reservation keeps all sums far from overflow. */
bool perp_capital_can_hold(const perp_capital *capital, const struct perp_need *need);

perp_status perp_capital_check(const perp_capital *capital);

#endif
