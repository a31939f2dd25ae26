/* What decisions rest on and what is the same for all of them: facts of instruments, exchanges,
   bases and the book. They are derived, made anew where something they are made of changed, and
   compared by value: a decision that stands is looked at again only where a fact of it differs. */
#ifndef PERP_RISK_FACTS_H
#define PERP_RISK_FACTS_H

#include "market/market.h"
#include "positions/positions.h"
#include "risk/routes.h"
#include "util/heap.h"

/* What is open on an instrument, as far as the book knows. */
struct perp_open {
    struct perp_holding holding;
    double reported; /* quantity of the last report */
    double leverage; /* as reported; 0: not */
    double liquidation_price;
    uint64_t margin_mode; /* of the report, else of the exchange */
};

/* Of an instrument: what every leg there is shown. */
struct perp_fact {
    struct perp_market_whole market;
    struct perp_open open;
    struct perp_holding running;  /* the same with what runs there */
    double left[PERP_SIDE_COUNT]; /* of the position, for legs of a side to reduce */
    double equity_mark;           /* of risk's notes */
    bool meets[PERP_SIDE_COUNT];  /* a leg of the side meets a running one in the same book */
    uint64_t fails;               /* the rules that look at it, as bits */
    bool blacklisted, halted;
    bool heard; /* of its position, lately enough */
    /* What follows is not compared. */
    double slippage_bps[PERP_SIDE_COUNT]; /* of the first level; with a quote */
    double rates_in_8h;                   /* with a rate */
    int64_t until; /* the last moment at which all that is before holds, if nothing else happens */
};

/* Sums of dollars that are the same in any order. */
__extension__ typedef __int128 perp_exact;

struct perp_kept_fact {
    struct perp_fact fact;
    int64_t made;               /* the time it is of; PERP_TIME_NONE: it was never made */
    struct perp_timer wake;     /* what decisions that stand rest on holds up to then */
    perp_exact share;           /* in the size of its exchange */
    bool unpriced;              /* it has one, but nobody knows what it is worth */
    bool stale;                 /* it is to be made anew */
    bool listed, changed;       /* in the lists below */
    bool deep;                  /* a job takes from more than the first level */
    struct perp_job_leg *first; /* legs of jobs that wait and have no route, in no order */
};

/* Of an exchange. The size is that of what is open there, at the marks. */
struct perp_exchange_fact {
    uint64_t fails; /* the rules that look at it, as bits */
    uint32_t api, circuit;
    bool killed, busy, heard;
    double equity; /* where margin is cross, else 0 */
    struct perp_latency_view latency;
    /* What follows is not compared. */
    int64_t made, until;
    bool stale;
    bool sized; /* its size, or what it is held against, changed */
    bool cross; /* an instrument's margin was */
    perp_exact size;
    double room; /* for more, by the leverage */
    uint32_t n_unpriced;
    /* How much the jobs that wait would add at most where the leverage passes them, and at least
       where it fails; and with what that was found. */
    double most_passing, least_failing;
    uint32_t were_unpriced;
};

/* Of a base: whether new risk in it is refused. */
struct perp_base_fact {
    uint64_t fails; /* the rules that look at it, but for what is naked: jobs may square that */
    bool unhedged, is_naked;
    uint32_t n_latched;
    double naked, to_square; /* where it is naked */
};

struct perp_book_fact {
    bool daily_loss, halted, overridden, unhedged;
    uint32_t failures, strategies_halted;
    double drawdown, need;
    uint64_t host_changes; /* of the host's rules */
};

struct perp_facts {
    struct perp_kept_fact *at; /* by instrument */
    struct perp_base_fact *bases;
    perp_instrument_id *stale;   /* to be made anew for jobs that wait */
    perp_instrument_id *changed; /* whose jobs are to be decided anew */
    uint32_t n_stale, n_changed, capacity, stale_capacity, changed_capacity, bases_capacity;
    struct perp_exchange_fact exchanges[PERP_MAX_EXCHANGES];
    struct perp_book_fact book;
    struct perp_heap wakes; /* of facts of instruments */
    struct perp_routes routes;
    int64_t latest;       /* of all that were made */
    uint64_t news;        /* of feeds, when they were last looked at */
    bool sizes_wait;      /* a stale one counts in the size of its exchange */
    bool running_changed; /* a job that runs is to be looked at */
    bool all_changed;     /* every job is to be decided anew */
    uint32_t touched;     /* by events since the last tick: PERP_TOUCHES_… */
    uint32_t n_rebalance; /* jobs that wait and look at sums of bases */
};

struct perp_eval;

bool perp_facts_prepare(perp_core *core);
void perp_facts_free(perp_core *core, struct perp_facts *facts);

/* A fact of an instrument made for one call: with what a plan has chosen, and without a job that
   runs; either may be NULL. */
void perp_fact_make(const perp_core *core, const struct perp_plan *plan,
                    const struct perp_job_entry *but, perp_instrument_id instrument, int64_t now,
                    struct perp_fact *fact);
/* What a leg is reckoned at where there is no quote; 0: nothing is known. */
double perp_price_unquoted(const struct perp_fact *fact);
/* The one that is kept, as it is now: facts were looked at for that time. */
const struct perp_fact *perp_fact_of(perp_core *core, perp_instrument_id instrument, int64_t now);
/* A feed has overtaken it: made anew at once. */
const struct perp_fact *perp_fact_again(perp_core *core, perp_instrument_id instrument,
                                        int64_t now);
/* A job that waits takes more than the first level. */
void perp_fact_is_deep(perp_core *core, perp_instrument_id instrument);

/* Looks what feeds and events changed, and what time did: of instruments; tick: of all that
   decisions which stand rest on. */
void perp_facts_refresh(perp_core *core, int64_t now, bool rolled, bool tick);
/* Ahead of a tick so many facts of instruments, at most; whether there may be more. */
bool perp_facts_ahead(perp_core *core, int64_t now, uint32_t most);
/* What of the facts that a refresh for a tick left is not what would be made now; NULL: nothing. A
   difference is none where feeds wrote meanwhile. */
const char *perp_facts_differ(const perp_core *core, int64_t now, bool rolled);
/* Whatever the first n instruments show is to be looked at by all that rests on it. */
void perp_facts_doubt(struct perp_facts *facts, uint32_t n);
/* Tells of each job that waits and is to be decided anew, of so many instruments at most, but for
   those that have a route: theirs is then doubtful. false: there are more. */
bool perp_facts_take_changed(perp_core *core, uint32_t most, void *user,
                             void (*job)(void *user, struct perp_job_entry *job));

/* A job waits from now on, or no longer. */
void perp_facts_join(perp_core *core, struct perp_job_entry *job);
void perp_facts_leave(perp_core *core, struct perp_job_entry *job);

/* What a quantity is worth of an exchange's size, at a mark, else at the entry; false: no price. */
bool perp_size_share(double quantity, double mark, double entry, perp_exact *share);
double perp_size_of(perp_exact share);
/* Whether the leverage lets an exchange's size grow by at most that, without a closer look; then
   that is noted, as what passed. */
bool perp_facts_have_room(perp_core *core, perp_exchange_id exchange, double adds);
/* How much room there is for that; and what is to be taken off for rounding. Below 0: it is to be
   looked at closely. What passed by it is noted. */
double perp_facts_room(const perp_core *core, perp_exchange_id exchange, double *slack);
void perp_facts_note_passing(perp_core *core, perp_exchange_id exchange, double adds);
/* What a job adds to an exchange's size was held against the leverage. */
void perp_facts_note_size(perp_core *core, perp_exchange_id exchange, double value, bool fails);

/* The latency of an exchange as a decision sees it: what is kept, else made in room. */
const struct perp_latency_view *perp_facts_latency(const perp_core *core, perp_exchange_id exchange,
                                                   int64_t now, struct perp_latency_view *room);
/* Whether its account was reported lately enough. */
bool perp_facts_heard(const perp_core *core, perp_exchange_id exchange, int64_t now);
/* What a price costs against the mid. */
double perp_slippage_bps(uint32_t side, double price, double mid);

/* liquidation.c: what an instrument's position ties down of its account for other bases. */
double perp_fact_ties(const perp_core *core, perp_instrument_id instrument,
                      const struct perp_fact *fact);

/* Whether two are the same for every decision. */
bool perp_fact_same(const struct perp_fact *a, const struct perp_fact *b);

#endif
