/* The host of the demo: what it sees of the market, its paper accounts, its jobs, and the loop that
   plays a feed through the library. A console can drive it with desk_run. */
#ifndef REPLAY_DESK_H
#define REPLAY_DESK_H

#include "paper_executor.h"
#include "replay_feed.h"
#include "report.h"
#include "strategies.h"

#define DESK_SECOND INT64_C(1000000000)
#define DESK_LEGS 2
#define DESK_INSTRUMENTS 128
#define DESK_LOTS 192 /* of an instrument */
#define DESK_NONE UINT32_MAX

typedef struct desk_settings {
    uint64_t seed;
    perp_usd equity;     /* of each exchange at the start */
    int64_t step_ns;     /* between two looks of the strategies and ticks of the scheduler */
    int64_t sample_ns;   /* between two reports of equity */
    int64_t check_ns;    /* between two perp_core_check */
    int64_t operator_ns; /* so long after a halt or a drift somebody has looked, and lets go on */
    double deleverages_a_day; /* an exchange closes half of a position, unasked */
    uint64_t run;             /* part of the ids of jobs, for a book that outlives a run */
    paper_settings paper;
    strategy_settings strategies;
} desk_settings;

typedef struct desk_exchange {
    char name[PERP_NAME_SIZE];
    uint32_t venue; /* the first exchange of the same venue */
    uint32_t api;
    double taker_bps, maker_bps;
    double latency_ms; /* 0: not known */
    /* The paper account: equity = deposit + realised + funding - fees + what is open. */
    perp_usd deposit, realised, funding, fees, volume;
    uint64_t fills;
} desk_exchange;

typedef struct desk_instrument {
    perp_exchange_id exchange;
    uint32_t base; /* the first instrument of the same base */
    uint32_t kind;
    double step, tick, min_qty, min_notional;
    int64_t ends_ns;
    int64_t time_ns; /* of the quote; PERP_TIME_NONE before the first */
    double mid;
    uint32_t n_bids, n_asks;
    perp_book_level bids[FEED_LEVELS], asks[FEED_LEVELS];
    perp_funding funding; /* interval_h 0: none known */
    double deviation_bps; /* of the mid from the median of its base */
    double usual_bps;
    int64_t measured_since_ns, measured_ns, pause_until_ns;
    double position, entry;  /* the paper account */
    int64_t drifts_since_ns; /* what the book says; PERP_TIME_NONE: it agrees */
    uint32_t in_doubt, n_lots;
    perp_lot_state lots[DESK_LOTS]; /* what the book had when it was last looked at */
} desk_instrument;

enum desk_purpose { DESK_ARB, DESK_VOLUME, DESK_EXIT, DESK_REPAIR, DESK_PURPOSES };

/* Held: the library calls it open or partial: something of it is open. */
enum desk_stage { DESK_PENDING, DESK_RUNNING, DESK_HELD, DESK_ENDED };

/* expected: what the strategy thought that it would earn. */
typedef struct desk_job {
    perp_uuid id;
    uint32_t purpose, stage;
    uint32_t end_state; /* PERP_JOB_…, partial if it ever was; PERP_JOB_STATE_COUNT: not ended */
    uint32_t last_reason; /* why it was last refused or skipped */
    uint32_t parent;      /* of an exit: whose position it closes; else DESK_NONE */
    uint32_t exit;        /* the exit that is under way, or DESK_NONE */
    uint32_t counted;     /* it has ended, and is in the report */
    uint32_t n_legs;
    int64_t since_ns; /* when it came to its stage */
    int64_t retry_ns;
    perp_usd notional, expected;
    perp_usd cash; /* what its lots brought in, fees paid: its profit when nothing is left */
    perp_instrument_id legs[DESK_LEGS];
} desk_job;

struct desk {
    desk_settings settings;
    perp_core *core;
    struct feed feed;
    feed_event event; /* the next one */
    int have_event;
    int64_t now_ns, next_step_ns, next_sample_ns, next_check_ns, halted_since_ns;
    uint32_t n_exchanges, n_instruments;
    desk_exchange exchanges[PERP_MAX_EXCHANGES];
    desk_instrument instruments[DESK_INSTRUMENTS];
    desk_job *jobs;
    uint32_t n_jobs, job_room;
    uint32_t *live; /* jobs that have not ended */
    uint32_t n_live;
    uint32_t look_at_bases; /* one of them may be naked */
    struct strategies strategies;
    sim_random random; /* what happens to accounts */
    paper_executor paper;
    struct report report;
    perp_tick_result tick;
    void (*ticked)(void *user, int64_t ns); /* NULL, or told how long each tick took */
    void *ticked_user;
    int failed; /* a call failed that must not: error says which; nothing goes on */
    char error[320];
};

void desk_settings_init(desk_settings *settings);

/* What fits a market of one quote a minute: what counts as fresh, how long orders rest. */
void desk_settings_fit_minutes(desk_settings *settings);

/* Starts a desk on a core that the market was registered with, and whose execute callback is
   desk_execute with the desk as its user. The paper accounts start with the equity that the core
   knows, else with that of the settings. 0: desk->error says why. */
int desk_open(struct desk *desk, perp_core *core, const struct feed *feed,
              const desk_settings *settings);
void desk_close(struct desk *desk);

/* What the library calls, with the desk as its user. */
void desk_execute(void *user, const perp_execution *job, uint32_t *outcome);
void desk_job_end(void *user, const perp_uuid *id, uint32_t state);
void desk_leg_risk(void *user, const char *base, double quantity);
void desk_cancel_asked(void *user, const perp_uuid *id);

/* Plays until a time. 0: the feed has ended or a call failed (desk->failed). */
int desk_run(struct desk *desk, int64_t until_ns);
/* The last report of equity, sample and check. */
void desk_end(struct desk *desk);

/* What only the other parts of the host call. */

/* 1 where the call went well, else notes the first failure. */
int desk_ok(struct desk *desk, perp_status status, const char *what);
perp_call desk_call(int64_t now_ns);
perp_usd desk_usd(double usd);
perp_usd desk_equity(const struct desk *desk, uint32_t exchange);
/* A job that has not ended, or one of the desk's own; else DESK_NONE. */
uint32_t desk_find_job(const struct desk *desk, const perp_uuid *id);

/* Books a fill on the paper account: the cash it moves (negative: paid), fee and profit apart. */
perp_usd desk_fill(struct desk *desk, perp_instrument_id instrument, uint32_t side, double quantity,
                   double price, double fee_bps, perp_usd *fee, perp_usd *pnl);
/* Gives the library what the desk itself learned. */
void desk_tell(struct desk *desk, const feed_event *event, const char *what);
/* After anything that may have moved lots: what they brought in, at this price, goes to their jobs.
 */
void desk_learn_lots(struct desk *desk, perp_instrument_id instrument, double price);

/* Submits; the legs become those of the desk's job. DESK_NONE: refused at once. */
uint32_t desk_submit(struct desk *desk, int64_t now_ns, perp_job *job, uint32_t purpose,
                     uint32_t parent);
/* Submits the job that closes what a job has open. */
void desk_unwind(struct desk *desk, int64_t now_ns, uint32_t index);
/* Each step: what repairs left is closed, what has ended is counted. */
void desk_look_after(struct desk *desk, int64_t now_ns);
void desk_cancel(struct desk *desk, int64_t now_ns, uint32_t index);
/* From the executor: it told the library of a fill. */
void desk_filled(struct desk *desk, const perp_uuid *job_id, perp_instrument_id instrument,
                 double quantity, double price, perp_usd fee);
void desk_requeued(struct desk *desk, int64_t now_ns, const paper_ticket *ticket);

#endif
