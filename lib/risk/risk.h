/* Risk as the scheduler sees it. */
#ifndef PERP_RISK_RISK_H
#define PERP_RISK_RISK_H

#include "capital/capital.h"
#include "core/job.h"
#include "market/market.h"
#include "positions/positions.h"
#include "risk/facts.h"

struct perp_breaker {
    PERP_STORED(perp_circuit_row, PERP_ROW_CIRCUIT);
    struct perp_kept *kept;
    uint64_t ups; /* how often the host had said "up" when it last changed */
};

/* What else is known of an instrument. equity_mark: its mark (else mid) when the equity of its
   exchange was last reported; 0: there was none. It is market data: a restart forgets it. */
struct perp_note {
    double equity_mark;
    struct perp_kept *kept; /* of the row that says that it is halted */
    bool halted;            /* by the host */
};

/* Whether a symbol is blacklisted; of the row that says so. */
struct perp_symbol_note {
    struct perp_kept *kept;
    bool on;
};

/* What an account holds in a base itself. */
struct perp_held_base {
    PERP_STORED(perp_collateral_row, PERP_ROW_COLLATERAL);
    struct perp_kept *kept;
};

/* A row of the allow-list. */
struct perp_allowed {
    PERP_STORED(perp_allowed_row, PERP_ROW_ALLOWED);
    struct perp_kept *kept;
};

/* A rule of the host, of this process. changes: how often it was said to have changed. bad: its
   last answer in a tick was none; told: the log says so. */
struct perp_host_entry {
    bool added, hard, repairs_pass, bad, told;
    char value[PERP_NAME_SIZE], unit[PERP_NAME_SIZE];
    void (*ask)(void *user, const perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *answer);
    void *user;
    _Atomic uint64_t changes;
};

/* What one answered about a job that waits. seen: a hash of what it was shown. */
struct perp_answer {
    bool given;
    uint32_t sense;
    double value, limit;
    int64_t from, until; /* it stands between; until PERP_TIME_NONE: whatever the time */
    uint64_t changes, seen;
};

struct perp_risk {
    perp_core *core;
    PERP_STORED(perp_control_row, PERP_ROW_CONTROL);
    struct perp_kept *kept;
    struct perp_breaker circuits[PERP_MAX_EXCHANGES];
    uint32_t running_jobs[PERP_MAX_EXCHANGES];
    perp_usd running_notional[PERP_MAX_EXCHANGES];
    struct perp_note *notes; /* by instrument */
    uint32_t notes_capacity;
    struct perp_held_base *collateral; /* in the order of the first report; none of 0 */
    uint32_t n_collateral, collateral_capacity;
    struct perp_kept *collateral_kept; /* of the one that is prepared */
    struct perp_allowed *allowed;      /* rows of the allow-list, in the order in which they came */
    uint32_t n_allowed, allowed_capacity;
    struct perp_kept *allowed_kept;     /* of the one that is prepared */
    struct perp_symbol_note *blacklist; /* by symbol */
    uint32_t blacklist_capacity;
    struct perp_host_entry host[PERP_MAX_HOST_RULES]; /* by number */
    uint32_t host_order[PERP_MAX_HOST_RULES];         /* numbers: hard ones, then soft ones */
    uint32_t n_host, n_host_hard;
    struct perp_facts facts;
    bool jobs_began;             /* no rule can be added any more */
    struct perp_kept *host_kept; /* of the name that is prepared */
};

perp_status perp_risk_open(perp_core *core, perp_risk **risk);
void perp_risk_close(perp_risk *risk);
/* Room for the tables by instrument, symbol and base that the next instrument or symbol needs. */
bool perp_risk_prepare_tables(perp_core *core);
/* Room for collateral in one more base; what is held of one from now on. */
bool perp_risk_prepare_collateral(perp_core *core, const struct perp_kept *kept);
void perp_risk_hold_collateral(perp_core *core, const struct perp_collateral_row *held);
/* allow.c: whether there is no allow-list, or a row of it lets a leg of a strategy pass. Which row
   is the same (PERP_NO_ID: none). Room for one more; it comes, or goes. */
bool perp_leg_is_allowed(const perp_core *core, const struct perp_job_leg *leg, uint32_t strategy);
uint32_t perp_allowed_find(const perp_core *core, const struct perp_allowed_row *row);
bool perp_allowed_prepare(perp_core *core, const struct perp_kept *kept);
void perp_allowed_set(perp_core *core, const struct perp_allowed_row *row, bool on);
void perp_allowed_free(perp_core *core, perp_risk *risk);
/* The equity of an exchange was reported: its other figures are of the marks of now. */
void perp_risk_note_marks(perp_core *core, perp_exchange_id exchange);
bool perp_risk_prepare_symbol(perp_core *core);

/* Counts what a rule refused today. */
void perp_risk_count_refusal(perp_core *core, uint32_t reason);

/* The day as a decision sees it: as it stands, or as it will be once it rolled. */
struct perp_day_view {
    bool daily_loss;
    double drawdown;
    perp_usd volume;
};
void perp_day_view_of(const perp_core *core, bool rolled, struct perp_day_view *view);

/* One leg with all its numbers. */
struct perp_leg_measure {
    const perp_instrument_spec *spec;
    const struct perp_market_view *market;
    const struct perp_latency_view *latency;
    double sign; /* 1: it buys, -1 */
    double unfilled;
    double price; /* executable; without a quote the mark, the last price or the entry; 0: none */
    double depth;
    double slippage_bps;
    double fee_bps;
    double settlements;          /* that count, within the holding time */
    int64_t settlement_distance; /* PERP_TIME_NONE: none */
    double left;                 /* of the position, for the leg to reduce */
    bool reduces;                /* it does nothing else */
    double account_size;         /* of the exchange, after the job */
    double position_before;      /* with what runs and the job's legs before it */
    double position;             /* after the leg */
    double entry;
    double liquidation_price; /* NaN: spot, no position left, or there is none */
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
    int64_t holds; /* up to when nothing of the job's own changes with time alone */
    bool made;     /* its facts are made for it alone, not those that are kept */
    bool stands;   /* it becomes the decision of a job that waits: what it rests on is noted */
    bool brief;    /* only what comes of it is asked for, not the values behind it */
    bool explains; /* all the same they are there: something else looks at them */
    bool afresh;   /* nothing that is kept is to be looked at */
    const struct perp_fact *facts[PERP_MAX_LEGS];
    struct perp_day_view day;
    uint64_t book_fails; /* the rules that look at the book, as bits; of a brief one */
    const perp_mode_limits *limits;
    const perp_risk_config *config;

    bool missing; /* a leg has no quote: no scores, costs and distances */
    bool reducing;
    bool override_holds; /* one is on that covers the job */
    struct perp_leg_measure legs[PERP_MAX_LEGS];
    double weights[PERP_MAX_LEGS];
    double cost_bps, carry_bps, funding_bps;
    double edge_bps;     /* of now */
    bool has_perp;       /* a leg is a perpetual */
    bool rate_unknown;   /* of a perpetual leg, or old */
    double max_slippage; /* of taker legs */
    double max_volatility;
    bool volatility_unknown;
    double max_latency;
    bool latency_unknown;
    double min_distance;
    double components[PERP_MAX_COMPONENTS];
    double safety, volume, final;

    perp_rule_evaluation rules[PERP_MAX_REASONS]; /* by number; what is no rule is zero, and those
                                                     of the host are written where there are any */
    uint32_t host_senses[PERP_MAX_HOST_RULES];    /* likewise */
    struct perp_answer
        *answers;       /* of the job, by number: kept from one tick to the next; or NULL */
    bool answers_stand; /* the host is asked only where none is kept */
    uint64_t reasons;
    uint32_t reason;
    bool accepted;
    bool override_used;
    perp_refusal capital;
    struct perp_fact own[PERP_MAX_LEGS];                 /* where its facts are made for it */
    struct perp_latency_view own_latency[PERP_MAX_LEGS]; /* likewise */
};

/* Evaluates a job at e->now with what perp_eval_begin sets; fills the rest. Reads only. */
void perp_eval_run(struct perp_eval *e);
/* The evaluation as JSON text (cJSON_free), NULL where there is no memory. */
char *perp_eval_json(const struct perp_eval *e);
void perp_eval_explain(const struct perp_eval *e, perp_evaluation *out);
/* For brief ones, from now on: what is the same for all of them. */
void perp_eval_brief(struct perp_eval *e);
void perp_eval_begin(struct perp_eval *e, const perp_core *core, const struct perp_plan *plan,
                     const struct perp_job_entry *job, int64_t now, bool rolled);

/* What the legs' prices differ by: −Σ σ × weight × mid / (mean of the mids), in bps; false: the job
   has none, as one of several bases or of another strategy than wash and arb. */
bool perp_job_basis(const struct perp_job_entry *job, const double mids[PERP_MAX_LEGS],
                    double *basis_bps);
/* The basis of a job at its submit, kept with it; none where a leg has no quote. */
void perp_job_note_basis(const perp_core *core, struct perp_job_entry *job, int64_t now);

/* What is needed of the day's volume; 1 where there is no target. */
double perp_volume_need(const perp_risk_config *config, perp_usd volume);
/* The safety score where all is at its best but for the distance to liquidation. */
double perp_safety_at_best(const perp_risk_config *config, double distance);
/* The distance to liquidation that a leg of a side can have at best on an instrument: at leverage
   1, from nothing held, at the mark. */
double perp_distance_at_best(const perp_core *core, perp_instrument_id instrument, uint32_t side);
/* How far a mark is from where a position would be liquidated, as a share; 1: never. */
double perp_distance_to(double mark, double price, bool is_long);
/* One component of the score, of what is measured. */
double perp_score_of(const struct perp_eval *e, uint32_t component);
/* measure.c, liquidation.c, scores.c, rules.c */
void perp_eval_measure(struct perp_eval *e);
/* What is the same for all jobs that trade what e->job does, whatever their quantities: as for the
   first level. */
void perp_eval_measure_route(struct perp_eval *e);
/* What the legs of a job are offered at, by the facts that are kept. */
void perp_eval_prices(struct perp_eval *e, const struct perp_job_entry *job, double *prices);
void perp_eval_liquidation(struct perp_eval *e);
void perp_eval_scores(struct perp_eval *e);
void perp_eval_rules(struct perp_eval *e);
/* host_rules.c: asks the host's rules, after the library's; the evaluation holds their answers. */
void perp_eval_host_rules(struct perp_eval *e);
/* Which of the failing rules are not passed: reason, accepted and override_used. */
void perp_eval_judge(struct perp_eval *e);
/* The numbers of all rules in their order, the host's after the library's of their kind. */
#define PERP_MAX_RULES (PERP_RULE_COUNT + PERP_MAX_HOST_RULES)
uint32_t perp_rules_all(const perp_risk *risk, uint32_t rules[PERP_MAX_RULES]);
/* Room for what the host's rules answer about a job that waits; NULL: there are none, or there is
   no memory, and they are asked each time. Freed by perp_answers_free. */
struct perp_answer *perp_answers_of(perp_core *core, struct perp_job_entry *job);
void perp_answers_free(perp_core *core, struct perp_job_entry *job);
/* Logs which of the host's rules began to answer with what is none. */
void perp_host_rules_tell(perp_core *core);
/* Where a position as it stands would be liquidated (NaN: never, or there is none), and how far its
   mark is from that, as a share; as a job's leg there would be measured. */
void perp_position_liquidation(const perp_core *core, perp_instrument_id instrument, int64_t now,
                               double *price, double *distance);
/* perp_liquidation_price without the checks of the struct: NULL, or what is wrong, and *price is
   then unchanged. */
const char *perp_liquidation_solve(const perp_liquidation *p, double *price);
/* The first of the limits on what is open that a tick holds with what it chose before (distance to
   liquidation, account's leverage, what is there of a spot) that the job fails; the first two are
   not held without market data. */
uint32_t perp_eval_open_reason(const struct perp_eval *e);
/* The only place that says where it is kept what is open. */
void perp_position_of(const perp_core *core, perp_instrument_id instrument,
                      const struct perp_market_view *view, struct perp_open *open);
/* Adds what runs there, but for legs of the job `but`; the first n legs of the job evaluated. */
void perp_add_running(const perp_core *core, const struct perp_plan *plan,
                      const struct perp_job_entry *but, perp_instrument_id instrument,
                      struct perp_holding *holding);
void perp_add_legs(const struct perp_eval *e, uint32_t n, perp_instrument_id instrument,
                   struct perp_holding *holding);
/* The instruments of an exchange that are not spot and where something is open or runs, and those
   of the job's first legs (n_legs), in order. */
struct perp_touched {
    const perp_core *core;
    const struct perp_plan *plan; /* NULL: it has nothing there */
    const struct perp_job_entry *job;
    uint32_t n_legs;
    perp_exchange_id exchange;
    perp_instrument_id open; /* the next of those that are open; PERP_NO_ID: none */
    perp_instrument_id leg;  /* of those of legs */
};
void perp_touched_begin(struct perp_touched *touched, const perp_core *core,
                        const struct perp_plan *plan, const struct perp_job_entry *job,
                        uint32_t n_legs, perp_exchange_id exchange);
/* PERP_NO_ID: that was the last. */
perp_instrument_id perp_touched_next(struct perp_touched *touched);

/* Of a base over all exchanges, spot too: positions after what runs, and after the job. */
struct perp_base_sums {
    double net, net_after;
    double gross, gross_after;
};
void perp_base_sums(const perp_core *core, const struct perp_plan *plan,
                    const struct perp_job_entry *job, uint32_t base, struct perp_base_sums *sums);
/* Whether the job is reducing: by the market as it is now, or as the evaluation has read it. */
bool perp_job_is_reducing(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job);
bool perp_job_leg_reduces(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *job, uint32_t n);
/* The minima and steps of instruments; what reduces is free of them as far as it must be. */
perp_status perp_job_check_minima(const perp_core *core, const struct perp_job_entry *job);
bool perp_job_self_trades(const struct perp_job_entry *job, const perp_core *core);
bool perp_job_meets_running(const struct perp_job_entry *job, const perp_core *core,
                            const struct perp_plan *plan);
/* The same of one leg. */
bool perp_leg_meets_running(const perp_core *core, const struct perp_plan *plan,
                            perp_instrument_id instrument, uint32_t side);
bool perp_job_needs(const perp_core *core, const struct perp_job_entry *job,
                    struct perp_need *needs, uint32_t *n);
/* Whether legs of a side run on an instrument with something left to fill, the plan's included. */
bool perp_running_side(const perp_core *core, const struct perp_plan *plan,
                       perp_instrument_id instrument, uint32_t side);
/* Whether so much of a side would only make the instrument's position smaller. */
bool perp_leg_would_reduce(const perp_core *core, const struct perp_plan *plan,
                           perp_instrument_id instrument, uint32_t side, double quantity);
/* What is left of a position for legs of a side, after what runs there but of one job; the same
   outside of a tick. */
double perp_left_beside(const perp_core *core, const struct perp_plan *plan,
                        perp_instrument_id instrument, uint32_t side,
                        const struct perp_job_entry *but);
double perp_left_to_reduce(const perp_core *core, perp_instrument_id instrument, uint32_t side);
/* The worth of an exchange's positions that are not spot, after what runs and the job, at the
   marks. NaN: no price is known of one. */
double perp_account_size(const struct perp_eval *e, perp_exchange_id exchange);
/* The margin tier of a notional; without a table 0.5 % of maintenance. */
perp_tier perp_tier_of(const perp_instrument_spec *spec, double value);
/* Whether a job is one-sided in a base, and makes what is naked of it smaller by at most what is to
   square. */
bool perp_job_squares(const perp_core *core, const struct perp_plan *plan,
                      const struct perp_job_entry *job, uint32_t base);

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
/* reference.c: whether there is a quote, and it is fresh. What a unit is worth for an order: the
   mid, or the mark where that is fresh and the quote is not; 0: neither. How far from it an order
   may be priced: the furthest price through it, and on the other side. */
bool perp_quote_is_fresh(const perp_core *core, const struct perp_market_view *market, int64_t now);
double perp_order_reference(const perp_core *core, const struct perp_market_view *market,
                            int64_t now);
void perp_order_collar(const perp_core *core, double reference, uint32_t side, bool reduce_only,
                       double *through, double *other);
/* Counting results. */
/* A strategy's job ended: so many failures in a row halt it. */
void perp_risk_count_strategy(perp_core *core, uint32_t strategy, bool good);
void perp_risk_count(perp_core *core, bool good, uint64_t good_exchanges, uint64_t bad_exchanges);
/* Looks whether the daily loss was reached; lift: it may also be lifted. */
void perp_risk_look_at_loss(perp_core *core, bool lift);
perp_usd perp_risk_loss(const perp_core *core, perp_usd *limit);
/* Puts events into the batch for circuits that the host's "up" closed. */
void perp_risk_put_ups(perp_core *core);
void perp_risk_roll(perp_core *core);

#endif
