/* The ledger as the modules to its right see it. */
#ifndef PERP_CAPITAL_CAPITAL_H
#define PERP_CAPITAL_CAPITAL_H

#include "core/events.h"
#include "core/job.h"
#include "core/plan.h"

struct perp_pool_book {
    perp_usd budget;
    perp_usd in_flight; /* sums over live reservations, never negative */
    perp_usd used;
};

struct perp_account {
    PERP_STORED(perp_account_row, PERP_ROW_ACCOUNT);
    struct perp_pool_book pools[PERP_POOL_COUNT]; /* budgets sum to equity */
    struct perp_kept *kept;
};

/* A reservation. */
struct perp_held {
    PERP_STORED(perp_reservation_row, PERP_ROW_RESERVATION);
    struct perp_kept *kept;
    struct perp_held *next_of_job;     /* in the order they were made */
    struct perp_held *next, *previous; /* live ones by id; free ones by next */
};

/* A key that was given with a reservation. */
struct perp_key {
    PERP_STORED(perp_key_row, PERP_ROW_KEY);
    struct perp_kept *kept;
    struct perp_key *next; /* free ones */
};

struct perp_chunk; /* memory of reservations and keys */

struct perp_capital {
    perp_core *core;
    struct perp_account accounts[PERP_MAX_EXCHANGES];
    PERP_STORED(perp_ledger_row, PERP_ROW_LEDGER);
    struct perp_kept *kept;
    perp_usd equity;                /* of all exchanges */
    struct perp_held *first, *last; /* live, by id */
    uint32_t n_live;
    struct perp_map held; /* by id */
    struct perp_map keys; /* by key */
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

/* Whether the ledger lets amount pass, what the plan takes included; fills refusal. */
bool perp_capital_passes(const perp_capital *capital, const struct perp_plan *plan,
                         const struct perp_need *need, perp_refusal *refusal);
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

/* Budgets anew, after the shares changed. */
void perp_capital_rebudget(perp_core *core);
/* A key that is known; room must have been made. */
struct perp_key *perp_capital_add_key(perp_capital *capital, const struct perp_key_row *key);
struct perp_held *perp_capital_find(const perp_capital *capital, uint64_t id);
void perp_capital_state_of(const perp_capital *capital, perp_exchange_id exchange,
                           perp_capital_state *state);

/* The parts of which events' effects are made. */
perp_usd perp_usd_moved(perp_usd amount, perp_usd by); /* at least 0 */
void perp_capital_set_equity(perp_capital *capital, perp_exchange_id exchange, perp_usd equity);
/* Takes amount out of a reservation, from what is in flight first; forgets it when nothing is
   left. */
void perp_capital_give(perp_core *core, struct perp_held *held, perp_usd amount);
/* In flight → used. */
void perp_capital_use_part(perp_core *core, struct perp_held *held, perp_usd amount);
void perp_capital_roll(perp_core *core, int64_t days);
void perp_capital_book(perp_core *core, perp_exchange_id exchange, perp_usd pnl, perp_usd volume,
                       perp_usd fees);

/* Room for so many further reservations and keys in this batch. */
bool perp_capital_prepare_held(perp_core *core, uint32_t more);
bool perp_capital_prepare_keys(perp_core *core, uint32_t more);
/* A reservation for a job (NULL: none holds it). */
struct perp_held *perp_capital_hold(perp_core *core, const struct perp_need *need,
                                    const perp_uuid *job);
/* Gives back all that is left of it and forgets it. */
void perp_capital_give_back(perp_core *core, struct perp_held *held);
/* In flight → used, all of it. */
void perp_capital_use(perp_core *core, struct perp_held *held);

/* Whether the figures can be added to those of the day of `now` without overflow. */
bool perp_capital_can_book(const perp_capital *capital, int64_t now, perp_exchange_id exchange,
                           perp_usd pnl, perp_usd volume, perp_usd fees);

/* Whether the equity can move by amount, and nothing becomes negative or too large. */
bool perp_capital_can_transfer(const perp_capital *capital, perp_exchange_id exchange,
                               perp_usd amount);
/* Whether one more reservation keeps all sums far from overflow. */
bool perp_capital_can_hold(const perp_capital *capital, const struct perp_need *need);

perp_status perp_capital_check(const perp_capital *capital);

#endif
