/* Positions: what is really open on every instrument, by the book's fills and by what exchanges
   report; which bases have no other side. See docs/positions.md. */
#ifndef PERPCORE_POSITIONS_H
#define PERPCORE_POSITIONS_H

#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A position as its exchange reports it. */
typedef struct perp_position_report {
    perp_instrument_id instrument;
    uint32_t margin_mode;     /* PERP_MARGIN_NOT_GIVEN: the exchange's */
    double quantity;          /* signed, base units; 0: none */
    double entry_price;       /* 0: not given */
    double leverage;          /* 0: not given; else at least 1 */
    double liquidation_price; /* 0: not given */
} perp_position_report;

/* An account as its exchange reports it: all open positions at one time, and what it is worth. */
typedef struct perp_account_report {
    uint32_t struct_size;
    perp_exchange_id exchange;
    int64_t time_ns; /* the exchange's time; PERP_TIME_NONE: the time of the call */
    uint32_t has_equity;
    uint32_t n_positions;
    perp_usd equity; /* unrealised PnL included */
    const perp_position_report *positions;
} perp_account_report;

/* Fills size and defaults: no equity, no position. */
PERP_API void perp_account_report_init(perp_account_report *report);

/* Takes an account report: instruments of the exchange that it does not list have no position. A
   time after the call's counts as the call's.
   PERP_E_NOT_FOUND: unknown exchange or instrument. PERP_E_INVALID: a number that is not finite, a
   price below 0, a leverage below 1, an instrument of another exchange, or one listed twice (both
   sides open at once are not modelled): the instruments concerned count as not reported until a
   good report comes, and nothing else changes. PERP_E_STALE: older than the last report of an
   instrument of the exchange. PERP_E_RANGE: equity as in perp_capital_update_equity. */
PERP_API perp_status perp_account(perp_core *core, const perp_call *call,
                                  const perp_account_report *report);

/* Takes the report of one position; time_ns and errors as of an account's. */
PERP_API perp_status perp_position(perp_core *core, const perp_call *call,
                                   const perp_position_report *report, int64_t time_ns);

/* The host knows what an instrument's drift is, and wants it: what is unexplained there becomes 0,
   what it closed of lots stays naked. Takes actor and reason. PERP_E_NOT_FOUND: unknown instrument.
 */
PERP_API perp_status perp_accept_position(perp_core *core, const perp_call *call,
                                          perp_instrument_id instrument);

/* The host says that a base is squared, or wanted as it is: nothing of it is naked or drift any
   more, and reports that bring the opposite until the day rolls are no drift. Takes actor and
   reason. PERP_E_NOT_FOUND: unknown base; PERP_E_STATE: a repair of it runs or is in doubt (one
   that waits is cancelled). */
PERP_API perp_status perp_resolve(perp_core *core, const perp_call *call, const char *base);

/* Repairs of a base go on at the next tick: after one was cancelled by hand, or without waiting for
   the next try. PERP_E_NOT_FOUND: unknown base. */
PERP_API perp_status perp_resume_repair(perp_core *core, const perp_call *call, const char *base);

/* Money that came or went without a trade; kind is PERP_CASH_…; amount is signed, and adds to the
   exchange's pnl of the day (funding to its figure of funding, too). key: as in
   perp_capital_reserve. With an instrument (else PERP_NO_ID), funding is shared out over the jobs
   that have something open there. PERP_E_NOT_FOUND: unknown exchange or instrument; PERP_E_INVALID:
   an unknown kind, an instrument of another exchange; PERP_E_EXISTS, PERP_E_CONFLICT: the key is
   known, and nothing is booked; PERP_E_RANGE. */
PERP_API perp_status perp_record_cash(perp_core *core, const perp_call *call,
                                      perp_exchange_id exchange, uint32_t kind, perp_usd amount,
                                      const perp_uuid *key, perp_instrument_id instrument);

/* A trade that no job made: by hand, by another bot on the account, a liquidation. */
typedef struct perp_recorded_fill {
    uint32_t struct_size;
    perp_instrument_id instrument;
    uint32_t side;
    uint32_t has_pnl; /* 1: pnl is what it realised; 0: what the book finds is booked */
    double quantity;  /* base units, above 0 */
    double price;
    perp_usd fee;    /* may be negative: a rebate */
    perp_usd pnl;    /* before fees */
    int64_t time_ns; /* PERP_TIME_NONE: the time of the call; never later */
    perp_uuid key;   /* as in perp_record_cash */
} perp_recorded_fill;

/* Fills size and defaults. */
PERP_API void perp_recorded_fill_init(perp_recorded_fill *fill);

/* Books it: it closes what is no job's first, then lots, oldest first, whose other side stands
   alone from then on. What a report had already is explained by it. PERP_E_NOT_FOUND: unknown
   instrument; PERP_E_INVALID with the field named; PERP_E_EXISTS, PERP_E_CONFLICT: the key is
   known; PERP_E_RANGE: figures overflow. */
PERP_API perp_status perp_record_fill(perp_core *core, const perp_call *call,
                                      const perp_recorded_fill *fill);

/* What the book believes of an instrument's position. */
typedef struct perp_position_state {
    uint32_t struct_size;
    uint32_t known;    /* its exchange and itself were reported, and not too long ago */
    uint32_t reported; /* ever */
    uint32_t latched;  /* unexplained is above drift_tolerance_usd */
    uint32_t in_doubt; /* a report that would end a hedge waits for a second one */
    uint32_t n_lots;
    double quantity;    /* signed, base units */
    double entry_price; /* average; NaN: none, or not known */
    double foreign;     /* of quantity, what is no job's */
    double unexplained; /* signed: what reports showed and no fill explains */
    double lost;        /* of it, what closed lots */
    double leverage;    /* of the last report, as what follows; 0: not given */
    double liquidation_price;
    uint32_t margin_mode; /* the exchange's where not given */
    uint32_t reserved;
    int64_t report_time_ns; /* PERP_TIME_NONE: never */
} perp_position_state;

/* Fills state, whose struct_size must be set, as of now_ns or the clock, whichever is later.
   PERP_E_NOT_FOUND: unknown instrument; PERP_E_INVALID: NULL, struct_size. */
PERP_API perp_status perp_positions_query(const perp_positions *positions,
                                          perp_instrument_id instrument, int64_t now_ns,
                                          perp_position_state *state);

/* The open part of a job's leg. */
typedef struct perp_lot_state {
    perp_uuid job_id;
    uint32_t leg;
    uint32_t reserved;
    double quantity; /* signed, base units */
    double price;    /* average of its fills */
    perp_usd used;   /* capital that it occupies */
} perp_lot_state;

/* The lots of an instrument, oldest first. Fills up to capacity; *count gets how many there are.
   PERP_E_NOT_FOUND: unknown instrument. */
PERP_API perp_status perp_positions_lots(const perp_positions *positions,
                                         perp_instrument_id instrument, perp_lot_state *lots,
                                         uint32_t capacity, uint32_t *count);

/* A base over all its instruments. */
typedef struct perp_base_state {
    uint32_t struct_size;
    uint32_t is_naked;
    char base[PERP_NAME_SIZE];
    double net;       /* signed sum of positions */
    double gross;     /* sum of their sizes */
    double naked;     /* signed: what has no other side */
    double to_square; /* of it, what no running job is to fill */
    uint32_t has_repair;
    uint32_t stopped; /* a repair was cancelled by hand: none until perp_resume_repair */
    uint32_t tries;   /* repairs in a row that did not do */
    uint32_t reserved;
    perp_uuid repair;    /* that waits, runs or is in doubt */
    int64_t next_try_ns; /* PERP_TIME_NONE: at once */
    int64_t since_ns;    /* it is naked; PERP_TIME_NONE: it is not */
} perp_base_state;

/* How many bases there are, and the n-th (from 0) in the order in which instruments brought them.
   PERP_E_NOT_FOUND: no such base. */
PERP_API uint32_t perp_positions_base_count(const perp_positions *positions);
PERP_API perp_status perp_positions_base(const perp_positions *positions, uint32_t n,
                                         int64_t now_ns, perp_base_state *state);

#ifdef __cplusplus
}
#endif

#endif
