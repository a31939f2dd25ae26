/* The two strategies of the demo. They submit the jobs that they believe in and leave it to the
   library to refuse what must not run. */
#ifndef STRATEGIES_H
#define STRATEGIES_H

#include <perpcore/perpcore.h>

#include "sim_random.h"

struct desk;
struct desk_job;

typedef struct strategy_settings {
    int64_t fresh_ns;      /* older quotes are not looked at */
    int64_t usual_ns;      /* half-life of what counts as the usual difference */
    int64_t warm_up_ns;    /* nothing is opened before so much has been seen */
    int64_t wind_down_ns;  /* nothing is opened so long before the end, all is closed */
    uint32_t same_venue;   /* 1: looks at pairs of one venue too, for the library to refuse */
    uint32_t arb_maker;    /* 1: its orders rest in the book */
    perp_usd arb_notional; /* the most of one job */
    double arb_gain_bps;   /* what must be left of a difference after a round trip */
    double arb_exit_bps;   /* closed when no more than this of the difference is left */
    int64_t arb_ttl_ms;
    int64_t arb_pause_ns;     /* between jobs on one instrument */
    int64_t arb_hold_ns;      /* then it is given up */
    perp_usd volume_notional; /* of one job */
    int64_t volume_every_ns;  /* on average */
    double volume_cost_bps;   /* the most that a round trip may be expected to cost */
    int64_t volume_ttl_ms;
    int64_t volume_hold_ns;
} strategy_settings;

#define STRATEGY_KINDS 2 /* arbitrage and volume hedge, as desk_purpose has them */
#define STRATEGY_BASES 32
#define STRATEGY_MEMBERS 16

/* The instruments that hedge each other. */
typedef struct strategy_base {
    uint32_t n;
    perp_instrument_id members[STRATEGY_MEMBERS];
} strategy_base;

struct strategies {
    uint32_t n_bases;
    strategy_base bases[STRATEGY_BASES];
    strategy_settings settings;
    sim_random random;
    /* By how much jobs have earned less than was expected of them: late and missed fills, orders
       that had to cross the spread. */
    double lesson_bps[STRATEGY_KINDS];
    uint64_t own_refusals; /* pairs of one venue that only the host's own rule keeps apart */
};

void strategy_settings_init(strategy_settings *settings);
void strategies_init(struct strategies *strategies, const strategy_settings *settings,
                     uint64_t seed);

/* From the desk: a job that traded has ended. */
void strategies_learn(struct desk *desk, const struct desk_job *job);

/* Looks at the market, closes what is due and submits new jobs. */
void strategies_step(struct desk *desk, int64_t now_ns);

#endif
