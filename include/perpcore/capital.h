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

/* What the account is worth now, unrealised PnL included, within 36 billion USD either way (else
   PERP_E_RANGE): sets the equity and its budgets; what is committed stays. May put the exchange
   into safe mode (drawdown) and set the daily loss. A report that differs from the last by more
   than max_equity_jump_ppm of the larger of the two in size is put aside
   (perp_capital_state.has_aside): nothing else changes, and the next one that is within 10 % of it
   is taken. The first report is taken at once. */
PERP_API perp_status perp_capital_update_equity(perp_capital *capital, const perp_call *call,
                                                perp_exchange_id exchange, perp_usd equity);

/* A deposit (positive) or withdrawal: no gain and no loss. Moves the equity and the start of the
   day; high water, the peak of the day and the scaled start and booked loss keep their ratios to
   the equity. in_equity: the equity report came first, so only the marks move, from where they were
   before that report. A transfer that explains a report that was put aside takes it. PERP_E_RANGE:
   the equity would be negative where it was not, or a figure too large. */
PERP_API perp_status perp_capital_transfer(perp_capital *capital, const perp_call *call,
                                           perp_exchange_id exchange, perp_usd amount,
                                           uint32_t in_equity);

/* After reports and transfers crossed each other: sets the exchange's start of the day, its
   high-water mark (NULL: to the larger of equity and day_start), the scaled start to the sum of the
   starts, the scaled booked loss to the booked one, the peak of the day to the larger of the total
   equity and that sum, and looks at the daily loss anew: this alone can lift it. Actor and reason
   required. PERP_E_RANGE: a figure beyond 36 billion USD. */
PERP_API perp_status perp_capital_correct(perp_capital *capital, const perp_call *call,
                                          perp_exchange_id exchange, perp_usd day_start,
                                          const perp_usd *high_water);

/* When days begin: 00:00 UTC and so many minutes, -1439 to 1439 (PERP_E_RANGE). From the next
   boundary on: the day of now ends when it would have, and the next one where it has not begun
   before. Actor and reason required. */
PERP_API perp_status perp_capital_set_day_offset(perp_capital *capital, const perp_call *call,
                                                 int32_t minutes);

/* Safe mode by hand. Off takes actor and reason and, where it was on, resets the high-water mark.
 */
PERP_API perp_status perp_capital_set_safe_mode(perp_capital *capital, const perp_call *call,
                                                perp_exchange_id exchange, uint32_t enabled);

/* Adds to today's figures. pnl is before fees; volume is not negative (PERP_E_RANGE); fees may be:
   a rebate. key may be NULL; the same key again is PERP_E_EXISTS, or PERP_E_CONFLICT where anything
   differs, and books nothing. */
PERP_API perp_status perp_capital_record_pnl(perp_capital *capital, const perp_call *call,
                                             perp_exchange_id exchange, perp_usd pnl,
                                             perp_usd volume, perp_usd fees, const perp_uuid *key);

/* Reserves amount (> 0: PERP_E_RANGE) in a pool. key may be NULL; the same key again is
   PERP_E_EXISTS with the id in *id, or PERP_E_CONFLICT where exchange, pool or amount differ, also
   after the release; it is remembered for key_memory_h hours, and as one of the last 10,000.
   PERP_OK with refusal->reason set: refused, *id is 0. refusal->struct_size must be set. */
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
    perp_usd funding; /* part of pnl */
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
    perp_usd aside;     /* the report that was put aside, where has_aside */
    uint32_t has_aside; /* 1: the equity is in doubt until the next report */
    uint32_t reserved;
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
