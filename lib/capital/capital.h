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
    bool has_equity; /* it ever got one */
    bool safe_mode;
    perp_usd equity;
    perp_usd high_water;
    perp_usd day_start;
    perp_day_figures today;
    perp_day_figures yesterday;
    int64_t last_update;                          /* PERP_TIME_NONE: never */
    struct perp_pool_book pools[PERP_POOL_COUNT]; /* budgets sum to equity */
};

/* reserved = in_flight + used + released; live while in_flight + used > 0. */
struct perp_held {
    uint64_t id;
    perp_exchange_id exchange;
    uint32_t pool;
    perp_usd reserved;
    perp_usd in_flight;
    perp_usd used;
    perp_usd released;
    bool has_job;
    perp_uuid job;
    struct perp_held *next_of_job;     /* in the order they were made */
    struct perp_held *next, *previous; /* live ones by id; free ones by next */
};

/* A key that was given with a reservation, for ever. */
struct perp_key {
    perp_uuid key;
    uint64_t id;
    perp_exchange_id exchange;
    uint32_t pool;
    perp_usd amount;
    struct perp_key *next; /* free ones */
};

struct perp_chunk; /* memory of reservations and keys */

struct perp_capital {
    perp_core *core;
    struct perp_account accounts[PERP_MAX_EXCHANGES];
    perp_usd equity; /* of all exchanges */
    perp_usd peak;   /* of equity, since the start of the day */
    uint64_t next_id;
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

/* What a job needs, one row an exchange, in the order of its legs. */
struct perp_need {
    perp_exchange_id exchange;
    uint32_t pool;
    perp_usd amount;
};

/* Adds one leg's need to the rows; false on overflow. */
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
void perp_capital_add_key(perp_capital *capital, const struct perp_key *key);
struct perp_held *perp_capital_find(const perp_capital *capital, uint64_t id);
void perp_capital_state_of(const perp_capital *capital, perp_exchange_id exchange,
                           perp_capital_state *state);

/* Events' apply functions, and the parts of them that other events share. */
bool perp_capital_prepare(perp_core *core, const struct perp_event *event);
void perp_apply_equity(perp_core *core, const struct perp_event *event);
void perp_apply_transfer(perp_core *core, const struct perp_event *event);
void perp_apply_correct(perp_core *core, const struct perp_event *event);
void perp_apply_safe_mode(perp_core *core, const struct perp_event *event);
void perp_apply_pnl(perp_core *core, const struct perp_event *event);
void perp_apply_reserve(perp_core *core, const struct perp_event *event);
void perp_apply_confirm(perp_core *core, const struct perp_event *event);
void perp_apply_release(perp_core *core, const struct perp_event *event);
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

perp_status perp_capital_check(const perp_capital *capital);
uint64_t perp_capital_hash(const perp_capital *capital, uint64_t hash);

#endif
