/* What is open on every instrument, as the rooms to the right see it. */
#ifndef PERP_POSITIONS_POSITIONS_H
#define PERP_POSITIONS_POSITIONS_H

#include "capital/capital.h"
#include "core/events.h"
#include "core/job.h"
#include "core/order.h"
#include "market/market.h"
#include "util/num.h"

/* No more rows of what lots of an instrument are short of are kept: the oldest go. */
#define PERP_MOST_OWED 64

/* The open part of a job's leg. */
struct perp_lot {
    PERP_STORED(perp_lot_row, PERP_ROW_LOT);
    struct perp_kept *kept;
    struct perp_job_entry *owner;
};

/* A fill that the last report did not have. */
struct perp_since {
    PERP_STORED(perp_since_row, PERP_ROW_SINCE);
    struct perp_kept *kept;
};

#ifdef PERP_SHADOW
/* What decisions may rest on of a position, and of a base, as it was when they looked last. */
struct perp_position_looked {
    struct perp_position_row row;
    double running[PERP_SIDE_COUNT]; /* what is still to fill and was not seen */
    uint32_t n_running;
};
struct perp_base_looked {
    struct perp_base_row row;
    const struct perp_job_entry *repair;
    uint32_t n_partial, n_latched;
};
#endif

/* A position as the book has it, and what runs there. */
struct perp_position_entry {
    PERP_STORED(perp_position_row, PERP_ROW_POSITION);
    struct perp_kept *kept;
    struct perp_lot *lots; /* oldest first; all of one sign */
    uint32_t n_lots, lots_capacity;
    struct perp_lot *owed; /* what lots are short of (owed.c); all of one sign, and of no owner */
    uint32_t n_owed, owed_capacity;
    struct perp_since *since; /* in order of booking */
    uint32_t n_since, since_capacity;
    int64_t heard; /* when a report was taken last since the book was opened; PERP_TIME_NONE: not
                      yet, or a bad one came after it */
    struct perp_run_leg *first, *last; /* running legs in order of dispatch */
    uint32_t running[PERP_SIDE_COUNT];
    /* Kept by perp_position_moved. */
    uint32_t next_open_1; /* the next one on the exchange that is open; from 1, 0: none */
    bool is_open;         /* it is not spot, and something is open there, or runs */
    bool is_latched;      /* counted with its base */
    bool is_moved;        /* among perp_positions.moved */
    bool is_held;         /* its quantity is not 0: counted with its exchange */
    bool is_summed;       /* with_running is known */
    double with_running;  /* perp_position_with_running of all legs */
#ifdef PERP_SHADOW
    struct perp_position_looked looked;
#endif
};

struct perp_base_entry {
    PERP_STORED(perp_base_row, PERP_ROW_BASE);
    struct perp_kept *kept;
    perp_instrument_id first, last; /* its instruments, in order; PERP_NO_ID: none */
    struct perp_job_entry *repair;  /* that waits, runs or is in doubt; NULL: none */
    uint32_t n_partial;             /* legs of partial jobs */
    bool short_of;                  /* the reserve lacks capital for its repair; not stored */
    uint32_t n_latched;             /* instruments with latched drift */
    /* Kept by perp_base_moved. */
    uint32_t next_moving_1; /* the next base that is; from 1, 0: none */
    bool is_moving;         /* something of it is naked, or may be, or has to do with that */
    bool is_moved;          /* among perp_positions.moved_bases */
#ifdef PERP_SHADOW
    struct perp_base_looked looked;
#endif
};

/* ---- The sheet ----------------------------------------------------------------------------------
 */

/* What one event makes of positions and all that follows from them, worked out beside the book:
   copies of what it touches, as they will be. The same sheet tells a decision its result, gives
   the rows for people, and is what apply writes into the book. */
struct perp_sheet_position {
    perp_instrument_id instrument;
    struct perp_position_row row;
    struct perp_lot *lots;
    uint32_t n_lots, capacity;
    struct perp_lot *owed;
    uint32_t n_owed, owed_capacity;
    bool reported; /* fills up to `taken` are in the report */
    int64_t taken;
};

struct perp_sheet_leg {
    struct perp_job_entry *job;
    uint32_t n;
    struct perp_leg_row row;
};

/* A reservation: held, or (NULL) a new one. */
struct perp_sheet_held {
    struct perp_held *held;
    struct perp_job_entry *job;
    struct perp_need need;
    perp_usd in_flight, used, released;
};

struct perp_sheet_base {
    uint32_t base;
    struct perp_base_row row;
};

/* What a job gets booked, and how many lots more it has. */
struct perp_sheet_job {
    struct perp_job_entry *job;
    perp_usd pnl, volume, fees;
    int32_t lots;
};

/* A fill that the event tells, for its row. job: NULL: no job made it. booked: pnl and the fill's
   fee are its own; else they are only known with those of the others. */
struct perp_sheet_fill {
    const struct perp_job_entry *job;
    perp_instrument_id instrument;
    uint32_t side;
    struct perp_filled fill;
    bool booked;
    perp_usd pnl;
};

#define PERP_SHEET_ROOM 8 /* as many as most events need */
#define PERP_SHEET_LIST(X) X(position) X(leg) X(held) X(base) X(job) X(fill)

struct perp_sheet {
    perp_core *core;
    struct perp_arena arena;
    /* Lists begin in their own room and move to the arena where they grow. */
#define PERP_X(name)                                                                               \
    struct perp_sheet_##name *name##s;                                                             \
    uint32_t n_##name##s, name##s_capacity;                                                        \
    struct perp_sheet_##name name##s_room[PERP_SHEET_ROOM];
    PERP_SHEET_LIST(PERP_X)
#undef PERP_X
    struct perp_since_row *since; /* to be remembered */
    uint32_t n_since, since_capacity;
    struct perp_since_row since_room[PERP_SHEET_ROOM];
    uint64_t booked; /* exchanges, as bits */
    struct perp_booking bookings[PERP_MAX_EXCHANGES];
    perp_exchange_id whole; /* what of it is not on the sheet was reported as 0, at whole_time */
    int64_t whole_time;
    int64_t now;
    bool failed;   /* no memory */
    bool overflow; /* a figure is out of range */
};

struct perp_positions {
    perp_core *core;
    struct perp_position_entry *at; /* by instrument */
    uint32_t capacity;
    struct perp_base_entry *bases; /* by base */
    uint32_t bases_capacity;
    int64_t equity_heard[PERP_MAX_EXCHANGES]; /* as heard, of the exchange's equity */
    struct perp_job_entry *first_unhedged;    /* running jobs that are */
    /* The first instrument of each exchange that is open: by id, which is the order in which they
       were added; from 1, 0: none. */
    uint32_t first_open_1[PERP_MAX_EXCHANGES];
    uint32_t first_moving_1; /* the first base that is, by id; from 1, 0: none */
    /* Where something changed since decisions last looked; room for all. */
    perp_instrument_id *moved;
    uint32_t *moved_bases;
    uint32_t n_moved, n_moved_bases, moved_capacity, moved_bases_capacity;
    /* Instruments that have something to show (perp_position_shows), as bits; and how many of an
       exchange have a quantity. */
    uint64_t shown[PERP_MAX_INSTRUMENTS / 64];
    uint32_t n_held[PERP_MAX_EXCHANGES];
    struct perp_sheet sheet;
};

perp_status perp_positions_open(perp_core *core, perp_positions **positions);
void perp_positions_close(perp_positions *positions);
/* Room for one more instrument and base. */
bool perp_positions_prepare_tables(perp_core *core);

/* A new day: what resolves announced is no longer expected. */
void perp_positions_roll(perp_core *core);
/* An instrument that was added is one of its base. */
void perp_positions_join_base(perp_core *core, perp_instrument_id instrument);
/* The quantity once all that runs there is filled, but for legs of the job `but`. */
double perp_position_with_running(const struct perp_position_entry *entry,
                                  const struct perp_job_entry *but);
/* The same with all that runs, kept. */
static inline double perp_with_running(struct perp_position_entry *entry) {
    if (!entry->is_summed) {
        entry->with_running = perp_position_with_running(entry, NULL);
        entry->is_summed = true;
    }
    return entry->with_running;
}
/* To be called where the row of a position has changed, or what runs there. */
void perp_position_moved(perp_core *core, perp_instrument_id instrument);
/* To be called where the row of a base has changed, its repair or how many partial legs it has. */
void perp_base_moved(perp_core *core, uint32_t base);
bool perp_base_is_moving(const struct perp_base_entry *entry);
#define PERP_EACH_OF_BASE(core, i, base)                                                           \
    (perp_instrument_id i = (core)->positions->bases[base].first; i != PERP_NO_ID;                 \
     i = perp_instrument_at((core), i)->next_of_base)

/* sheet.c: an empty sheet; the one of the book is used again and again. */
struct perp_sheet *perp_sheet_begin(perp_core *core, int64_t now);
/* The decision at hand: the sheet as it is, which fits, is what the event that was put last makes
   of the book. So it is not worked out again to look whether the event follows from the book. */
void perp_sheet_is_of_last(perp_core *core);
/* The sheet, where a decision left it for this event; else NULL. */
struct perp_sheet *perp_sheet_worked_out(perp_core *core, const struct perp_event *event);
/* Finds or copies what the sheet is to have; NULL: no memory. */
struct perp_sheet_position *perp_sheet_position_of(struct perp_sheet *sheet,
                                                   perp_instrument_id instrument);
struct perp_sheet_leg *perp_sheet_leg_of(struct perp_sheet *sheet, struct perp_job_entry *job,
                                         uint32_t n);
struct perp_sheet_base *perp_sheet_base_of(struct perp_sheet *sheet, uint32_t base);
struct perp_sheet_job *perp_sheet_job_of(struct perp_sheet *sheet, struct perp_job_entry *job);
struct perp_sheet_held *perp_sheet_held_of(struct perp_sheet *sheet, struct perp_job_entry *job,
                                           perp_exchange_id exchange, bool make);
/* Gives back capital that a job's lots on an exchange occupied, of its first reservations first. */
void perp_sheet_release_used(struct perp_sheet *sheet, struct perp_job_entry *job,
                             perp_exchange_id exchange, perp_usd amount);
/* A leg's, a position's and a base's rows as they are on the sheet, else in the book. */
const struct perp_leg_row *perp_sheet_leg_row(const struct perp_sheet *sheet,
                                              const struct perp_run_leg *leg);
/* A fill is remembered until a report has it. */
void perp_sheet_remember(struct perp_sheet *sheet, perp_instrument_id instrument, int64_t time_ns,
                         double quantity);
/* What is to be shown of a fill. */
void perp_sheet_note(struct perp_sheet *sheet, const struct perp_sheet_fill *fill);
void perp_sheet_book(struct perp_sheet *sheet, struct perp_job_entry *job,
                     perp_exchange_id exchange, perp_usd pnl, perp_usd volume, perp_usd fees);
/* Whether the sheet can be applied at `now`: memory, and no figure out of range. */
bool perp_sheet_fits(const struct perp_sheet *sheet, int64_t now);
/* Room for all that applying needs. */
bool perp_sheet_prepare(struct perp_sheet *sheet);
void perp_sheet_apply(struct perp_sheet *sheet);
/* How many lots a job has, on the sheet. */
int64_t perp_sheet_lots(const struct perp_sheet *sheet, const struct perp_job_entry *job);

/* ---- Quantities ---------------------------------------------------------------------------------
 */

static inline double perp_signed(uint32_t side, double quantity) {
    return side == PERP_SIDE_BUY ? quantity : -quantity;
}

/* A position to which trades are added in turn. */
struct perp_holding {
    double quantity; /* signed */
    double entry;    /* 0: none, or not known */
};
void perp_holding_trade(struct perp_holding *holding, double quantity, double price);

/* What a leg has still to fill; and of that, what no report has shown. */
static inline double perp_leg_unfilled(const struct perp_leg_row *leg) {
    return leg->filled == 0 ? leg->quantity
                            : perp_max(0, perp_quantity_sum(leg->quantity, -leg->filled));
}

/* The same of a job's leg, be it that it was never handed over. */
static inline double perp_leg_wants(const struct perp_job_entry *job, uint32_t n) {
    double filled = job->run->legs[n].filled;
    return filled == 0 ? job->legs[n].quantity
                       : perp_max(0, perp_quantity_sum(job->legs[n].quantity, -filled));
}

static inline double perp_leg_unseen(const struct perp_leg_row *leg) {
    double unfilled = perp_leg_unfilled(leg);
    return leg->seen == 0 ? unfilled : perp_max(0, perp_quantity_sum(unfilled, -leg->seen));
}

/* ---- What happens to positions (position.c, report.c, naked.c)
 * -----------------------------------
 */

/* A fill of a leg; late: its job does not run. */
void perp_sheet_fill(struct perp_sheet *sheet, struct perp_job_entry *job,
                     const struct perp_filled *fill, bool late, bool books);
/* A fill that no job made, or none of its legs did; job: whose totals get it, NULL: nobody's. */
void perp_sheet_foreign_fill(struct perp_sheet *sheet, struct perp_job_entry *job,
                             perp_instrument_id instrument, uint32_t side,
                             const struct perp_filled *fill);
/* A job's legs no longer run: what was seen of them and not filled is offered to others, else it is
   unexplained; what is in flight is released. mids: by leg; NULL: not known. */
void perp_sheet_legs_end(struct perp_sheet *sheet, struct perp_job_entry *job,
                         const struct perp_price *mids);
/* What of a balanced job's fills was not counted yet is naked. */
void perp_sheet_count_naked(struct perp_sheet *sheet, struct perp_job_entry *job);
/* A job's lots are closed outside the library; at the prices of its event. */
void perp_sheet_close_lots(struct perp_sheet *sheet, struct perp_job_entry *job,
                           const struct perp_ev_close *close);
/* The instruments where a job has lots, and their leg is elsewhere now, as its event has them; how
   many there are. at: room for all, or NULL. */
uint32_t perp_lots_elsewhere(const perp_core *core, const struct perp_job_entry *job,
                             perp_instrument_id *at);
void perp_sheet_report(struct perp_sheet *sheet, const struct perp_report *report, int64_t time_ns);
void perp_sheet_accept(struct perp_sheet *sheet, perp_instrument_id instrument);
void perp_sheet_resolve(struct perp_sheet *sheet, uint32_t base);

/* Takes a size out of a lot of the sheet, with its capital; true: it is gone, and the next one is
   in its place. */
bool perp_sheet_shrink_lot(struct perp_sheet *sheet, struct perp_sheet_position *position,
                           uint32_t n, double size);
/* Opens, or adds to, the lot of a job's leg; first: before the others, where it is new. NULL: no
   memory. */
struct perp_lot *perp_sheet_open_lot(struct perp_sheet *sheet, struct perp_sheet_position *position,
                                     struct perp_job_entry *job, const struct perp_holding *more,
                                     uint32_t leg, bool first);
/* floor(amount × (part / whole)), all where the part is the whole. */
perp_usd perp_share_of(perp_usd amount, double part, double whole);

/* owed.c: what lots are short of, signed. */
double perp_sheet_owed(const struct perp_sheet_position *position);
/* So much more of a lot is: its sign, job, leg and price; used: what it would occupy. */
void perp_sheet_owe(struct perp_sheet *sheet, struct perp_sheet_position *position,
                    const struct perp_lot *lot, double size, perp_usd used);
/* A signed quantity was closed without its lot: those of the job `closes` first. How much of it was
   owed, a size; in_full: of that, to jobs that count in full. */
double perp_sheet_close_owed(struct perp_sheet *sheet, struct perp_sheet_position *position,
                             const struct perp_job_entry *by, double quantity, double *in_full);
/* What nothing unexplained is the reason for any more goes back into lots. */
void perp_sheet_give_back(struct perp_sheet *sheet, struct perp_sheet_position *position);
/* What is owed to a job (NULL: to all) will not come back. */
void perp_sheet_forget_owed(struct perp_sheet_position *position, const struct perp_job_entry *job);

/* A quantity is no longer unexplained, or (of the other sign) it is; price: of a unit in USD. */
void perp_position_explain(const perp_core *core, struct perp_position_row *row, double quantity,
                           double price);
bool perp_above_drift_tolerance(const perp_core *core, double quantity, double price);

/* effects.c: the sheet of an event, as its decision looks at it and as it is applied. */
struct perp_sheet *perp_sheet_of_fills(perp_core *core, struct perp_job_entry *job,
                                       const struct perp_ev_progress *progress, bool late,
                                       int64_t now);
struct perp_sheet *perp_sheet_of_finish(perp_core *core, struct perp_job_entry *job,
                                        const struct perp_ev_finish *finish, int64_t now);
struct perp_sheet *perp_sheet_of_order(perp_core *core, const struct perp_order_entry *order,
                                       const struct perp_ev_order *news, int64_t now);
/* The end of a job that its orders say, on the sheet that has the last of their fills. */
void perp_sheet_end_by_orders(struct perp_sheet *sheet, struct perp_job_entry *job,
                              const struct perp_price *mids);
struct perp_sheet *perp_sheet_of_requeue(perp_core *core, struct perp_job_entry *job,
                                         const struct perp_price *mids, int64_t now);
struct perp_sheet *perp_sheet_of_close(perp_core *core, struct perp_job_entry *job,
                                       const struct perp_ev_close *close, int64_t now);
struct perp_sheet *perp_sheet_of_positions(perp_core *core,
                                           const struct perp_ev_positions *positions, int64_t now);
struct perp_sheet *perp_sheet_of_accept(perp_core *core, perp_instrument_id instrument,
                                        int64_t now);
struct perp_sheet *perp_sheet_of_resolve(perp_core *core, uint32_t base, int64_t now);
struct perp_sheet *perp_sheet_of_cash(perp_core *core, const struct perp_ev_cash *cash,
                                      int64_t now);
struct perp_sheet *perp_sheet_of_fill(perp_core *core, const struct perp_ev_fill *fill,
                                      int64_t now);
/* bookings.c: the keys that these were given with. */
struct perp_key_row perp_key_of_cash(const struct perp_ev_cash *cash, int64_t now);
struct perp_key_row perp_key_of_fill(const perp_core *core, const struct perp_ev_fill *fill,
                                     int64_t now);
/* Whether nothing is, runs or is expected on an instrument. */
bool perp_position_is_plain(const perp_core *core, perp_instrument_id instrument);

/* Puts into the batch how bases' being naked goes on, with what the sheet makes of the book (NULL:
   as it is): which begin or end to be, and with them partial jobs. partial: a job that the batch
   makes partial; repair: one that the batch ends or takes back. Either may be NULL. */
void perp_put_stories(perp_core *core, const struct perp_sheet *sheet, int64_t now,
                      const struct perp_job_entry *partial, const struct perp_job_entry *repair);

/* unhedged.c: below it an unbalanced fill of a job is no matter. */
double perp_leg_risk_tolerance(const perp_core *core, const struct perp_job_entry *job);
enum perp_unhedged_state { PERP_HEDGED, PERP_UNHEDGED, PERP_UNHEDGED_TOO_LONG };
/* Puts into the batch how a running job's being unhedged goes on, with what is told of it just
   now. */
void perp_look_at_unhedged(perp_core *core, const struct perp_job_entry *job,
                           const struct perp_filled *fills, uint32_t n, int64_t now);
/* The same, applied; that a job no longer runs; that one was read back. */
void perp_job_unhedged(perp_core *core, struct perp_job_entry *job,
                       const struct perp_ev_unhedged *unhedged);
void perp_job_hedged(perp_core *core, struct perp_job_entry *job);
void perp_job_link_unhedged(perp_core *core, struct perp_job_entry *job);
/* Whether a running job of the base is unhedged for too long. */
bool perp_base_unhedged(const perp_core *core, const struct perp_plan *plan, uint32_t base,
                        int64_t now);
/* What a running job has unhedged, in USD; of the base that has most of it: how much. */
double perp_job_unhedged_usd(const perp_core *core, const struct perp_job_entry *job, int64_t now,
                             uint32_t *base, double *quantity);
/* What all running jobs have unhedged. */
double perp_unhedged_usd(const perp_core *core, int64_t now);

/* The rest of a position that is no job's: what legs have seen is theirs. */
double perp_sheet_foreign(const struct perp_sheet *sheet,
                          const struct perp_sheet_position *position);
double perp_position_foreign(const perp_core *core, perp_instrument_id instrument);

uint32_t perp_open_positions(const perp_core *core, perp_exchange_id exchange);
/* Whether a position has a quantity or lots, drifts, or is in doubt. */
bool perp_position_shows(const struct perp_position_entry *entry);
/* The first instrument from `from` on whose position does; PERP_NO_ID: none. */
static inline perp_instrument_id perp_shown_from(const perp_core *core, perp_instrument_id from) {
    const uint64_t *shown = core->positions->shown;
    uint32_t words = (perp_n_instruments(core) + 63) / 64;
    for (uint32_t word = from / 64; word < words; word++) {
        uint64_t bits = word == from / 64 ? shown[word] >> from % 64 << from % 64 : shown[word];
        if (bits)
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return PERP_NO_ID;
}
#define PERP_EACH_SHOWN(core, i)                                                                   \
    (perp_instrument_id i = perp_shown_from(core, 0); i != PERP_NO_ID;                             \
     i = perp_shown_from(core, i + 1))
/* Whether an instrument's position, an exchange's equity are known at `now`; `until` is lowered to
   the last moment at which that holds for time alone. Whether both are. */
bool perp_position_heard(const perp_core *core, perp_instrument_id instrument, int64_t now,
                         int64_t *until);
bool perp_account_heard(const perp_core *core, perp_exchange_id exchange, int64_t now,
                        int64_t *until);
bool perp_position_known(const perp_core *core, perp_instrument_id instrument, int64_t now);

/* Whether all that a job fills counts as naked in full, so that what it has open is hedged by what
   else such jobs have open: then naked of a base is what their lots sum up to, less what is not
   counted yet, and what is apart. */
static inline bool perp_job_counts_in_full(const struct perp_job_entry *job) {
    return job->balanced || job->is_repair;
}
/* A quantity counts as naked, of which so much is apart: `apart` is no lot of such a job, nor is
   such a lot gone with it. sizes: of the quantities that all this was worked out from. */
void perp_base_count(struct perp_base_row *row, double quantity, double apart, double sizes);
/* What is naked of a base, by what is open and runs, and by how much it may be off by rounding. */
double perp_base_naked_by_lots(const perp_core *core, uint32_t base, double *off);
/* A base that has no other side: how much, with what is lost of latched drift; on a sheet (NULL:
   in the book). */
double perp_base_naked(const perp_core *core, const struct perp_sheet *sheet, uint32_t base);
/* Its price: the mid of the first instrument of it with a quote, else its last fill's; 0: none. */
double perp_base_price(const perp_core *core, const struct perp_sheet *sheet, uint32_t base,
                       int64_t now);
/* What of it jobs may yet square: less what running repairs and jobs that are not balanced have
   still to fill against it (plan: what a tick chose included), and less drift that may be its
   other side. A size. */
double perp_base_to_square(const perp_core *core, const struct perp_plan *plan, uint32_t base);
bool perp_base_is_naked(const perp_core *core, const struct perp_sheet *sheet, uint32_t base,
                        int64_t now);

#endif
