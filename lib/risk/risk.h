/* Risk as the scheduler sees it. */
#ifndef PERP_RISK_RISK_H
#define PERP_RISK_RISK_H

#include "capital/capital.h"
#include "core/job.h"
#include "market/market.h"

struct perp_breaker {
    PERP_STORED(perp_circuit_row, PERP_ROW_CIRCUIT);
    struct perp_kept *kept;
    uint64_t ups; /* how often the host had said "up" when it last changed */
};

/* What a finished leg filled, until a position report covers it. */
struct perp_fill {
    int64_t time_ns;
    double quantity; /* signed */
    double price;
};

/* What runs on an instrument, and what was filled since its last report. */
struct perp_exposure {
    struct perp_job_leg *first, *last; /* running legs in order of dispatch */
    uint32_t running[PERP_SIDE_COUNT];
    uint32_t n_fills, fills_capacity;
    struct perp_fill *fills;
};

struct perp_risk {
    perp_core *core;
    PERP_STORED(perp_control_row, PERP_ROW_CONTROL);
    struct perp_kept *kept;
    struct perp_breaker circuits[PERP_MAX_EXCHANGES];
    uint32_t running_jobs[PERP_MAX_EXCHANGES];
    perp_usd running_notional[PERP_MAX_EXCHANGES];
    uint64_t fired_today[PERP_REASON_RULES_END];
    struct perp_exposure *exposures; /* by instrument */
    uint32_t exposures_capacity;
    bool *blacklist; /* by symbol */
    uint32_t blacklist_capacity;
    uint32_t *unresolved; /* by base: partial jobs not yet squared */
    uint32_t unresolved_capacity;
};

perp_status perp_risk_open(perp_core *core, perp_risk **risk);
void perp_risk_close(perp_risk *risk);
/* Room for the tables by instrument, symbol and base that the next instrument or symbol needs. */
bool perp_risk_prepare_tables(perp_core *core);

/* The day as a decision sees it: as it stands, or as it will be once it rolled. */
struct perp_day_view {
    bool daily_loss;
    double drawdown;
    perp_usd volume;
};
void perp_day_view_of(const perp_core *core, bool rolled, struct perp_day_view *view);

/* One leg with all its numbers. */
struct perp_leg_measure {
    struct perp_market_view market;
    struct perp_latency_view latency;
    double price;
    double depth;
    double slippage_bps;
    double fee_bps;
    double settlements;
    int64_t settlement_distance; /* PERP_TIME_NONE: none */
    double position;             /* after the leg */
    double entry;
    double liquidation_price; /* NaN: spot, or no position left */
    double liquidation_distance;
};

/* An evaluation under way and its result. */
struct perp_eval {
    const perp_core *core;
    const perp_risk *risk;
    const struct perp_plan *plan; /* what counts as running and taken beside the book's; or NULL */
    const struct perp_job_entry *job;
    int64_t now;
    int64_t until; /* the end of the holding time */
    struct perp_day_view day;
    const perp_mode_limits *limits;
    const perp_risk_config *config;

    bool missing; /* a leg has no quote */
    bool reducing;
    bool override_holds; /* one is on that covers the job */
    struct perp_leg_measure legs[PERP_MAX_LEGS];
    double weights[PERP_MAX_LEGS];
    double cost_bps, carry_bps, funding_bps;
    bool has_rate;
    double max_slippage; /* of taker legs */
    double max_volatility;
    bool volatility_unknown;
    double max_latency;
    bool latency_unknown;
    double min_distance;
    double components[PERP_MAX_COMPONENTS];
    double safety, volume, final;

    perp_rule_evaluation rules[PERP_MAX_REASONS]; /* by number; what is no rule is zero */
    uint64_t reasons;
    uint32_t reason;
    bool accepted;
    bool override_used;
    perp_refusal capital;
};

/* Evaluates a job at e->now with what perp_eval_begin sets; fills the rest. Reads only. */
void perp_eval_run(struct perp_eval *e);
/* The evaluation as JSON text (cJSON_free), NULL where there is no memory. */
char *perp_eval_json(const struct perp_eval *e);
void perp_eval_explain(const struct perp_eval *e, perp_evaluation *out);
void perp_eval_begin(struct perp_eval *e, const perp_core *core, const struct perp_plan *plan,
                     const struct perp_job_entry *job, int64_t now, bool rolled);

/* facts.c, liquidation.c, scores.c, rules.c */
void perp_eval_measure(struct perp_eval *e);
void perp_eval_liquidation(struct perp_eval *e);
void perp_eval_scores(struct perp_eval *e);
void perp_eval_rules(struct perp_eval *e);
/* perp_liquidation_price without the checks of the struct: NULL, or what is wrong, and *price is
   then unchanged. */
const char *perp_liquidation_solve(const perp_liquidation *p, double *price);
/* Whether the job fails its distance to liquidation; false without market data. */
bool perp_eval_too_close(const struct perp_eval *e);
/* A position to which trades are added in turn. */
struct perp_holding {
    double quantity;
    double entry;
};
/* The position on leg n's instrument once the leg is done. */
struct perp_holding perp_position_after(const struct perp_eval *e, uint32_t n);
/* Whether the job is reducing: by the market as it is now, or as the evaluation has read it. */
bool perp_job_is_reducing(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job, int64_t now);
bool perp_eval_is_reducing(const struct perp_eval *e);
bool perp_job_self_trades(const struct perp_job_entry *job, const perp_core *core);
bool perp_job_meets_running(const struct perp_job_entry *job, const perp_core *core,
                            const struct perp_plan *plan);
double perp_base_net(const perp_core *core, const struct perp_plan *plan, uint32_t base,
                     int64_t now);
bool perp_job_needs(const perp_core *core, const struct perp_job_entry *job,
                    struct perp_need *needs, uint32_t *n);
/* What a repair needs of the reserve pool beyond what its first job holds there; false: nothing. */
bool perp_repair_need(const perp_core *core, const struct perp_job_entry *repair,
                      struct perp_need *need);

/* What runs on an exchange, what the plan has chosen included. */
static inline uint32_t perp_running_jobs(const perp_core *core, const struct perp_plan *plan,
                                         perp_exchange_id exchange) {
    const struct perp_plan_exchange *chosen = perp_plan_at(plan, exchange);
    return core->risk->running_jobs[exchange] + (chosen ? chosen->jobs : 0);
}

static inline perp_usd perp_running_notional(const perp_core *core, const struct perp_plan *plan,
                                             perp_exchange_id exchange) {
    const struct perp_plan_exchange *chosen = perp_plan_at(plan, exchange);
    return core->risk->running_notional[exchange] + (chosen ? chosen->notional : 0);
}

/* Whether buy and sell quantities of every base agree within the tolerance. */
bool perp_job_balanced(const struct perp_job_entry *job, double tolerance, uint32_t *odd_base);

/* What an exchange's circuit is at `now`. */
uint32_t perp_circuit_at(const perp_core *core, perp_exchange_id exchange, int64_t now);
void perp_exchange_state_of(const perp_core *core, perp_exchange_id exchange, int64_t now,
                            perp_exchange_state *state);
bool perp_exchange_killed(const perp_core *core, perp_exchange_id exchange);
/* How slowly an exchange answers, for all that is known: infinite where the host says so, NaN where
   too few samples are there. */
double perp_delay_ms(uint32_t api, const struct perp_latency_view *latency);
/* Whether an exchange answers too slowly. */
bool perp_is_delayed(uint32_t api, const struct perp_latency_view *latency, double max_ms);

/* Puts a job's legs among the running ones, or takes them out. */
void perp_exposure_link(perp_core *core, struct perp_job_entry *job);
void perp_exposure_unlink(perp_core *core, struct perp_job_entry *job);
/* Room for one more fill on each leg's instrument. */
bool perp_exposure_prepare_fill(perp_core *core, perp_instrument_id instrument);
void perp_exposure_fill(perp_core *core, perp_instrument_id instrument, int64_t time_ns,
                        double quantity, double price);

/* Counting results. */
void perp_risk_count(perp_core *core, bool good, uint64_t good_exchanges, uint64_t bad_exchanges);
/* Looks whether the daily loss was reached; lift: it may also be lifted. */
void perp_risk_look_at_loss(perp_core *core, bool lift);
perp_usd perp_risk_loss(const perp_core *core, perp_usd *limit);
/* Puts events into the batch for circuits that the host's "up" closed. */
void perp_risk_put_ups(perp_core *core);
void perp_risk_roll(perp_core *core);

#endif
