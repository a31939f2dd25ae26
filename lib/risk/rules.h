/* What the rules are made of: what each scope shows, what a rule's function answers, and how the
   answer is held against the limit. The rows are PERP_RULE_LIST of lists.h. */
#ifndef PERP_RISK_RULES_H
#define PERP_RISK_RULES_H

#include "risk/risk.h"

/* The scopes: what a rule can look at, and nothing else, so a rule's answer stays as it is while
   that does. setting: the rule's own limit, as its row names it. */
struct perp_scope_book {
    double setting;
    bool daily_loss_reached;
    bool halted;
    double drawdown;
    double unhedged; /* USD, in jobs that run */
};

struct perp_scope_exchange {
    double setting;
    bool killed; /* or all are */
    uint32_t api;
    uint32_t circuit;
    uint32_t running_jobs;
    const struct perp_latency_view *latency;
};

struct perp_scope_base {
    double setting;
    bool naked;        /* and the job does not square it; or a running job of it is unhedged */
    uint32_t drifting; /* instruments of it with latched drift */
};

struct perp_scope_instrument {
    double setting;
    bool blacklisted; /* its symbol is */
    bool halted;
    double price; /* what the leg is reckoned at; 0: nothing is known */
    const struct perp_market_view *market;
    int64_t quote_age_ns;        /* negative: from the future */
    int64_t settlement_distance; /* to the nearest, PERP_TIME_NONE: none */
};

struct perp_scope_leg {
    double setting;
    const perp_core *core;
    const struct perp_plan *plan;     /* what the tick has chosen; NULL: outside of one */
    const struct perp_job_entry *job; /* with the other legs */
    const struct perp_job_leg *leg;
    const struct perp_leg_measure *measure;
    bool known;      /* its exchange and instrument were reported */
    double base_mid; /* mid of the job's first leg of the same base */
};

struct perp_scope_job {
    double setting;
    const perp_core *core;
    const struct perp_plan *plan; /* the same */
    const struct perp_job_entry *job;
    bool meets_running; /* a leg of it would trade with one that runs */
    bool capital_refused;
    bool strategy_halted;
    double edge_bps; /* of now */
    double cost_bps, carry_bps, safety;
    bool rate_unknown; /* of a perpetual leg */
};

/* What a job touches, scope by scope; those of a leg are in the order of the legs. */
struct perp_scopes {
    uint32_t n_legs;
    struct perp_scope_book book[1];
    struct perp_scope_job job[1];
    struct perp_scope_exchange exchange[PERP_MAX_LEGS];
    struct perp_scope_base base[PERP_MAX_LEGS];
    struct perp_scope_instrument instrument[PERP_MAX_LEGS];
    struct perp_scope_leg leg[PERP_MAX_LEGS];
};
void perp_scopes_of(struct perp_eval *e, struct perp_scopes *scopes);
/* Those of the job itself and its legs alone. */
void perp_scopes_own(struct perp_eval *e, struct perp_scopes *scopes);
void perp_scope_of_book(const struct perp_eval *e, struct perp_scope_book *scope);
/* rules.c: the failing rules of one thing of a scope, as bits. missing: what needs a quote is not
   held. */
uint64_t perp_fails_book(const perp_core *core, struct perp_scope_book *shown, bool missing);
uint64_t perp_fails_job(const perp_core *core, struct perp_scope_job *shown, bool missing);
uint64_t perp_fails_exchange(const perp_core *core, struct perp_scope_exchange *shown,
                             bool missing);
uint64_t perp_fails_base(const perp_core *core, struct perp_scope_base *shown, bool missing);
uint64_t perp_fails_instrument(const perp_core *core, struct perp_scope_instrument *shown,
                               bool missing);
uint64_t perp_fails_leg(const perp_core *core, struct perp_scope_leg *shown, bool missing);

enum perp_held_against { PERP_AGAINST_NOTHING, PERP_AGAINST_SETTING, PERP_AGAINST_OWN };

/* A rule's answer. */
struct perp_measured {
    double value;
    double limit; /* of PERP_AGAINST_OWN, in the unit of the value */
    enum perp_held_against against;
};

/* The rule does not concern the job. */
static inline struct perp_measured perp_not_held(void) {
    return (struct perp_measured){0, 0, PERP_AGAINST_NOTHING};
}

/* Held against the limit as it is set (0 where there is no setting). */
static inline struct perp_measured perp_measured(double value) {
    return (struct perp_measured){value, 0, PERP_AGAINST_SETTING};
}

static inline struct perp_measured perp_measured_against(double value, double limit) {
    return (struct perp_measured){value, limit, PERP_AGAINST_OWN};
}

/* The columns of a row as values, and their texts. */
enum { PERP_RULE_SOFT, PERP_RULE_HARD };
enum { PERP_RULE_ALWAYS, PERP_RULE_MARKET };
enum perp_unknown { PERP_UNKNOWN_PASSES, PERP_UNKNOWN_FAILS };

#define PERP_WAY_OUT_LIST(X)                                                                       \
    X(PASSES, "passes")                                                                            \
    X(STOPPED, "stopped")                                                                          \
    X(CIRCUIT, "passes_circuit")                                                                   \
    X(PRICED, "passes_priced")                                                                     \
    X(NEEDS_NONE, "needs_none")                                                                    \
    X(REDUCING, "passes_reducing")

#define PERP_X(NAME, text) PERP_WAY_OUT_##NAME,
enum perp_way_out { PERP_WAY_OUT_LIST(PERP_X) };
#undef PERP_X

/* NULL: none, or not held. */
const char *perp_sense_text(uint32_t sense);
/* What a value makes of its limit; nan: what it is where either is not known. */
perp_rule_evaluation perp_rule_hold(uint32_t sense, enum perp_unknown unknown, double value,
                                    double limit);

/* Where settings are, and the one of a row: PERP_SETTING(&settings, place, limit). */
struct perp_settings {
    const perp_mode_limits *mode;
    const perp_risk_config *risk;
    const perp_scheduler_config *scheduler;
};
#define PERP_SETTING(settings, place, name) PERP_SETTING_##place(settings, name)
#define PERP_SETTING_MODE(settings, name) ((double)(settings)->mode->name)
#define PERP_SETTING_RISK(settings, name) ((double)(settings)->risk->name)
#define PERP_SETTING_RISK_USD(settings, name) perp_usd_to_double((settings)->risk->name)
#define PERP_SETTING_SCHEDULER(settings, name) ((double)(settings)->scheduler->name)
#define PERP_SETTING_LOSS(settings, name) 0.0 /* of two settings and the equity: perp_risk_loss */
#define PERP_SETTING_NONE(settings, name) 0.0

#endif
