/* What the demo shows: counters while it runs, a table at the end, charts in one HTML file. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include <perpcore/perpcore.h>

#define REPORT_PURPOSES 4 /* arbitrage, volume hedge, exit, repair */

struct desk;

/* The limits whose largest use is shown. */
#define REPORT_LIMIT_LIST(X)                                                                       \
    X(RUNNING, "jobs running at once")                                                             \
    X(EXCHANGE_RUNNING, "jobs running on an exchange")                                             \
    X(EXCHANGE_NOTIONAL, "notional running on an exchange, USD")                                   \
    X(SINGLE, "one reservation, USD")                                                              \
    X(TOTAL, "all pools of an exchange, USD")                                                      \
    X(WASH, "pool for volume hedges, USD")                                                         \
    X(ARB, "pool for arbitrage, USD")                                                              \
    X(RESERVE, "pool for repairs, USD")                                                            \
    X(DRAWDOWN, "drawdown of the day, %")                                                          \
    X(SAFE_MODE, "drawdown of an exchange, %")                                                     \
    X(DAILY_LOSS, "daily loss, USD")                                                               \
    X(FAILURES, "failures in a row")

enum report_limit {
#define X(name, text) REPORT_##name,
    REPORT_LIMIT_LIST(X)
#undef X
        REPORT_LIMITS
};

typedef struct report_use {
    double most, limit;
    char where[PERP_NAME_SIZE];
} report_use;

typedef struct report_sample {
    int64_t time_ns;
    double equity; /* change since the start, USD */
    double volume, fees, funding;
    double trading[2]; /* profit of ended jobs: arbitrage, volume hedge */
    double use[PERP_POOL_COUNT];
    uint32_t running, open;
    uint32_t met[PERP_MAX_REASONS];
} report_sample;

#define REPORT_BASES 64

/* A base that was naked: how often, for how long, and worth what at most. */
typedef struct report_naked {
    char base[PERP_NAME_SIZE];
    perp_instrument_id instrument; /* whose mid is its price */
    uint32_t is_naked;
    uint64_t times;
    int64_t since_ns, seen_ns, total_ns, longest_ns;
    double usd, most_usd, usd_seconds;
} report_naked;

struct report {
    report_sample *samples;
    uint32_t n_samples, sample_room;
    uint64_t events, ticks, checks, halts, overdue;
    uint64_t naked;                         /* bases that lost a side */
    uint64_t deleverages, in_doubt, drifts; /* done to accounts; what reports showed of it */
    uint64_t accepted, resolved;            /* drifts and bases that somebody looked at */
    uint64_t submitted[REPORT_PURPOSES], dispatched[REPORT_PURPOSES];
    uint64_t ended[REPORT_PURPOSES][PERP_JOB_STATE_COUNT];
    uint64_t at_submit[PERP_MAX_REASONS]; /* refused before they were queued */
    uint32_t met[PERP_MAX_REASONS];       /* how often a job met this reason anew */
    uint64_t refused[PERP_MAX_REASONS];   /* evaluations */
    uint64_t skipped[PERP_MAX_REASONS];
    perp_usd earned[REPORT_PURPOSES]; /* of ended jobs, by what opened them; fees paid */
    uint64_t wins[REPORT_PURPOSES], losses[REPORT_PURPOSES];
    perp_day_figures booked_before; /* of days that are over, as the library booked them */
    int64_t day;
    report_use uses[REPORT_LIMITS];
    report_naked naked_bases[REPORT_BASES];
    uint32_t n_naked_bases;
    char *examples[PERP_MAX_REASONS]; /* of a job that was refused for it, with the numbers */
};

const char *report_purpose(uint32_t purpose);

/* After a tick: counts what it did, and how far limits are used. */
void report_tick(struct desk *desk);
/* Every so often: equity, volume and the rest for the charts. */
void report_sample_now(struct desk *desk, int64_t now_ns);
/* What the library has booked in all, over all days. */
int report_booked(struct desk *desk, perp_day_figures *booked);

/* A base begins to be naked; and what it is now, at each look until it no longer is. */
void report_naked_begins(struct desk *desk, const char *base, double quantity);
void report_naked_look(struct desk *desk, const perp_base_state *state);
/* A tick has refused or skipped a job. */
void report_refused(struct desk *desk, const perp_uuid *id, uint32_t reason);
/* What it comes to, in words, for the top of the report. */
void report_summary(struct desk *desk, FILE *out);
void report_summary_free(struct report *report);

/* The table. 0: the library's books and the paper accounts differ. */
int report_print(struct desk *desk, FILE *out);

/* A page of one section a desk. */
void report_html_begin(FILE *out);
void report_html(struct desk *desk, FILE *out);
void report_html_end(FILE *out);
void report_free(struct report *report);

#endif
