/* Capital: per exchange equity, three pools, reservations, today's PnL, safe mode. See
 * docs/capital.md. */
#ifndef PERPCORE_CAPITAL_H
#define PERPCORE_CAPITAL_H

#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that takes a perp_call can also return PERP_E_INVALID (NULL, bad call),
   PERP_E_RANGE (time, overflow), PERP_E_STORE, PERP_E_CORRUPT, PERP_E_NOMEM; an unknown exchange is
   PERP_E_NOT_FOUND. A failed call changes nothing; a refused one only the clock. */

/* Sets an exchange's equity (0 to 36 billion USD: else PERP_E_RANGE) and its budgets; what is
   committed stays. May put the exchange into safe mode (drawdown) and set the daily loss. */
PERP_API perp_status perp_capital_update_equity(perp_capital *capital, const perp_call *call,
                                                perp_exchange_id exchange, perp_usd equity);

/* A deposit (positive) or withdrawal: moves equity, high-water mark, equity at the start of the day
   and peak together. PERP_E_RANGE: the equity would be negative. */
PERP_API perp_status perp_capital_transfer(perp_capital *capital, const perp_call *call,
                                           perp_exchange_id exchange, perp_usd amount);

/* After an equity report and a transfer crossed each other: sets the equity at the start of the day
   (not negative), the high-water mark to the equity and the book's peak of the day to the equity of
   now, and looks at the daily loss anew. Actor and reason required. */
PERP_API perp_status perp_capital_correct(perp_capital *capital, const perp_call *call,
                                          perp_exchange_id exchange, perp_usd day_start);

/* Safe mode by hand. Off takes actor and reason and, where it was on, resets the high-water mark.
 */
PERP_API perp_status perp_capital_set_safe_mode(perp_capital *capital, const perp_call *call,
                                                perp_exchange_id exchange, uint32_t enabled);

/* Adds to today's figures. pnl is before fees; volume is not negative (PERP_E_RANGE); fees may be.
 */
PERP_API perp_status perp_capital_record_pnl(perp_capital *capital, const perp_call *call,
                                             perp_exchange_id exchange, perp_usd pnl,
                                             perp_usd volume, perp_usd fees);

/* Reserves amount (> 0: PERP_E_RANGE) in a pool. key may be NULL; the same key again is
   PERP_E_EXISTS with the id in *id, or PERP_E_CONFLICT where exchange, pool or amount differ, also
   after the release. PERP_OK with refusal->reason set: refused, *id is 0. refusal->struct_size must
   be set. */
PERP_API perp_status perp_capital_reserve(perp_capital *capital, const perp_call *call,
                                          perp_exchange_id exchange, uint32_t pool, perp_usd amount,
                                          const perp_uuid *key, uint64_t *id,
                                          perp_refusal *refusal);
PERP_API perp_status perp_capital_reserve_for_wash(perp_capital *capital, const perp_call *call,
                                                   perp_exchange_id exchange, perp_usd amount,
                                                   const perp_uuid *key, uint64_t *id,
                                                   perp_refusal *refusal);
PERP_API perp_status perp_capital_reserve_for_arb(perp_capital *capital, const perp_call *call,
                                                  perp_exchange_id exchange, perp_usd amount,
                                                  const perp_uuid *key, uint64_t *id,
                                                  perp_refusal *refusal);

/* In flight → used. 0: all that is in flight. PERP_E_RANGE: more than that, or negative.
   PERP_E_NOT_FOUND: unknown or fully released. PERP_E_STATE: a job holds it. */
PERP_API perp_status perp_capital_confirm(perp_capital *capital, const perp_call *call, uint64_t id,
                                          perp_usd amount);
/* Gives back, from what is in flight first. 0: all that is left. Errors as confirm. */
PERP_API perp_status perp_capital_release(perp_capital *capital, const perp_call *call, uint64_t id,
                                          perp_usd amount);

/* What a job needs of an exchange, reserved by hand and all or nothing: as perp_capital_reserve for
   each exchange of the job in the order of its legs. ids has room for PERP_MAX_LEGS. The
   reservations belong to the caller. can_reserve only asks. Only legs and notionals are looked at,
   not the job's shape, nor whether it is reducing: the ledger knows no positions. */
struct perp_job;
PERP_API perp_status perp_capital_can_reserve_for_job(const perp_capital *capital,
                                                      const struct perp_job *job,
                                                      perp_refusal *refusal);
PERP_API perp_status perp_capital_reserve_for_job(perp_capital *capital, const perp_call *call,
                                                  const struct perp_job *job, uint64_t *ids,
                                                  uint32_t *n_ids, perp_refusal *refusal);

/* The largest amount that reserve would let pass now, and the check that bounds it (of equal ones
   the first). */
PERP_API perp_status perp_capital_headroom(const perp_capital *capital, perp_exchange_id exchange,
                                           uint32_t pool, perp_usd *amount, uint32_t *bound_by);

/* A pool of an exchange: budget = in_flight + used + available, unless it is overcommitted. */
typedef struct perp_pool_state {
    perp_usd budget;
    perp_usd in_flight;
    perp_usd used;
    perp_usd available;
    double utilisation; /* (in_flight + used) / budget; 0 where the budget is 0 */
} perp_pool_state;

/* What was booked on one day: pnl before fees. */
typedef struct perp_day_figures {
    perp_usd pnl;
    perp_usd volume;
    perp_usd fees;
} perp_day_figures;

/* The account of one exchange. */
typedef struct perp_capital_state {
    uint32_t struct_size;
    uint32_t safe_mode;
    perp_usd equity;
    perp_usd high_water;
    double drawdown; /* 1 − equity / high water; 0 where that is 0 */
    perp_usd day_start_equity;
    perp_day_figures today;
    perp_day_figures yesterday;
    perp_usd total_in_flight;
    perp_usd total_used;
    perp_usd overcommitted;
    int64_t last_update_ns; /* PERP_TIME_NONE: never */
    perp_pool_state pools[PERP_POOL_COUNT];
} perp_capital_state;

/* Fills state, whose struct_size must be set. PERP_E_NOT_FOUND: unknown exchange; PERP_E_INVALID:
   NULL, struct_size. */
PERP_API perp_status perp_capital_snapshot(const perp_capital *capital, perp_exchange_id exchange,
                                           perp_capital_state *state);

/* A reservation that holds something. */
typedef struct perp_reservation {
    uint64_t id;
    perp_exchange_id exchange;
    uint32_t pool;
    perp_usd reserved; /* = in_flight + used + released */
    perp_usd in_flight;
    perp_usd used;
    perp_usd released;
    uint32_t has_job; /* 1: job_id holds it */
    uint32_t reserved0;
    perp_uuid job_id;
} perp_reservation;

/* The live reservations of an exchange (or PERP_ALL_EXCHANGES) by id. Fills up to capacity; *count
   gets how many there are. rows may be NULL with capacity 0. */
PERP_API perp_status perp_capital_reservations(const perp_capital *capital,
                                               perp_exchange_id exchange, perp_reservation *rows,
                                               uint32_t capacity, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
