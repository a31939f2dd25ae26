/* Risk: may this job run, and why not. See docs/risk.md. */
#ifndef PERPCORE_RISK_H
#define PERPCORE_RISK_H

#include <perpcore/config.h>
#include <perpcore/market.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct perp_job;

/* What was found for one leg, and what it was held against. */
typedef struct perp_leg_evaluation {
    perp_exchange_id exchange;
    perp_instrument_id instrument;
    double price; /* executable price of the whole quantity */
    double mid;
    double slippage_bps;
    double fee_bps;
    double funding_rate;        /* NaN: not known */
    double funding_settlements; /* that count within the holding time: of income at most 3 */
    double volatility;          /* NaN: unknown */
    double latency_ms;          /* mean; NaN: no samples */
    double spread_bps;
    double spread_baseline_bps;
    double depth; /* known quantity on the side that the leg takes from */
    double leverage;
    double position; /* after the leg */
    double entry_price;
    double liquidation_price; /* NaN for spot, where no position is left, and where there is none */
    double liquidation_distance;
    int64_t quote_age_ns;
    int64_t settlement_distance_ns; /* to the nearest, PERP_TIME_NONE: none */
} perp_leg_evaluation;

/* How a rule fares with a job. */
enum perp_rule_result {
    PERP_RULE_NOT_HELD, /* it does not concern the job, or market data is missing */
    PERP_RULE_PASSES,
    PERP_RULE_FAILS
};

/* What one rule measured, and the limit that it was held against. What the two are, their unit and
   which way the rule fails is in its row (PERP_RULE_LIST, perp_risk_describe_json). */
typedef struct perp_rule_evaluation {
    double value;    /* of the worst leg; NaN: not held, or not known */
    double limit;    /* in the unit of the value; NaN: not held, or not known */
    uint32_t result; /* PERP_RULE_… */
    uint32_t leg;    /* the worst; PERP_NO_ID: not held, or a rule of the book or of the job */
} perp_rule_evaluation;

/* Whether a job may run, why not, and every number behind it. */
typedef struct perp_evaluation {
    uint32_t struct_size;
    uint32_t accepted; /* 1 accept, 0 reject */
    uint32_t reason; /* the first rule that failed and was not passed; PERP_REASON_NONE on accept */
    uint32_t override_used;
    uint64_t reasons; /* PERP_REASON_BIT of every rule that fails, also those that were passed */
    uint32_t reducing;
    uint32_t n_legs; /* 0 where market data is missing */
    double safety_score;
    double volume_score;
    double final_score;
    double components[PERP_MAX_COMPONENTS];
    double cost_bps;
    double carry_bps; /* over 8 h; positive: we pay */
    double funding_bps;
    double expected_edge_bps;
    double edge_bps; /* of now: less what the basis fell since submit (wash, arb) */
    double drawdown;
    perp_usd daily_loss;
    perp_usd daily_loss_limit; /* as in perp_risk_state */
    uint32_t consecutive_failures;
    uint32_t mode;
    perp_mode_limits limits; /* those of the mode */
    perp_refusal capital;    /* what the ledger refused, if it did */
    perp_leg_evaluation legs[PERP_MAX_LEGS];
    perp_rule_evaluation rules[PERP_MAX_REASONS]; /* by number of the rule; zero where none is */
    /* Of the rules of the host, from PERP_REASON_HOST_1 on: the sense that was answered. */
    uint32_t host_senses[PERP_MAX_HOST_RULES];
} perp_evaluation;

/* Fills the size; all else is zero. */
PERP_API void perp_evaluation_init(perp_evaluation *evaluation);

/* Evaluates a job without changing anything. now_ns: for ages and blackouts, the later of it and
   the clock. PERP_E_INVALID: a malformed job (see perp_scheduler_submit; hedge and self trade are
   rules here, not errors). evaluation->struct_size must be set. */
PERP_API perp_status perp_risk_evaluate(perp_risk *risk, int64_t now_ns, const struct perp_job *job,
                                        perp_evaluation *evaluation);

/* An evaluation of this book as JSON, every number of it. Buffer as perp_config_to_json. */
PERP_API perp_status perp_evaluation_json(const perp_core *core, const perp_evaluation *evaluation,
                                          char *buffer, size_t capacity, size_t *length);

/* What a rule of the host answers about a job. It is preset so that the rule fails: a function that
   says nothing, or something that is no answer, refuses. */
typedef struct perp_rule_answer {
    uint32_t struct_size;
    uint32_t sense;   /* which value fails, PERP_SENSE_…; PERP_SENSE_NOT_HELD: the rule does not
                         concern the job. Preset to PERP_SENSE_NONE: it fails */
    double value;     /* what was measured; preset to NaN: not known, and the rule fails */
    double limit;     /* what it is held against, in the unit of the value; not looked at with
                         PERP_SENSE_IS_TRUE; NaN: not known, and the rule fails */
    int64_t until_ns; /* the answer may differ from then on without any other change; preset to
                         PERP_TIME_NONE: it does not change with time */
} perp_rule_answer;

/* A rule of the host. perp_host_rule_init, then set name, ask and what else differs. */
typedef struct perp_host_rule {
    uint32_t struct_size;
    uint32_t hard;         /* 1: nothing overrides it; preset to 0: manual override passes it */
    uint32_t repairs_pass; /* the way out: 1 (preset): a repair that fails it goes all the same; 0
                              only of a hard rule: it does not. Reducing jobs always pass it */
    uint32_t reason;   /* set by perp_risk_add_rule: the number, from PERP_REASON_HOST_1 on, that
                          the rule has in this book, after a restart too */
    const char *name;  /* 1 to 63 of a to z, 0 to 9 and '_', a letter first */
    const char *value; /* what is measured, likewise; NULL: "value" */
    const char *unit;  /* of it, likewise; NULL or "": none */
    /* Asked about a job, with what the library found so far: all its numbers, its rules and those
       of the host that were asked before; accepted and reason as if no rule came after. Called with
       the book's lock held: it must be quick, and must not call back. What only reads answers; what
       changes the book, evaluates or ticks is PERP_E_STATE. Pointers are valid during the call. */
    void (*ask)(void *user, const struct perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *answer);
    void *user;
    uint64_t reserved[4]; /* 0 */
} perp_host_rule;

/* Fill the size and the presets. */
PERP_API void perp_rule_answer_init(perp_rule_answer *answer);
PERP_API void perp_host_rule_init(perp_host_rule *rule);

/* Adds a rule of the host, after those of its kind (hard or soft) that are there; texts are copied.
   It is evaluated, explained, counted, stored and overridden as the library's are. Each opening of
   a book adds its rules anew; what is stored is the name and its number, so that what a rule
   refused keeps its name also where it is no longer added.
   What was answered about a job that waits is kept: the function is asked again when what the
   library found of the job differs (ages aside), when the time of the answer's until_ns has come
   or the clock was set back, or after perp_risk_rule_changed.
   PERP_E_INVALID: NULL, struct_size, a name, value or unit that is none, a flag that is neither 0
   nor 1, repairs_pass 0 of a soft rule, reserved; PERP_E_EXISTS: the name is that of a reason of
   the library, or of a rule that was added; PERP_E_STATE: a job was submitted or a tick was made
   since the book was opened, or called from inside a rule; PERP_E_RANGE: PERP_MAX_HOST_RULES are
   added, or names of rules that are not added hold all numbers: such a name gives way only where it
   refused nothing today and no job that the book knows was refused by it. PERP_E_NOMEM,
   PERP_E_STORE. */
PERP_API perp_status perp_risk_add_rule(perp_risk *risk, perp_host_rule *rule);

/* What the host's rule of that number (perp_host_rule.reason) answers may differ from now on: the
   next tick asks it anew about all jobs that wait. Takes no lock; any thread may call it, also from
   inside a callback or the rule. PERP_E_NOT_FOUND: no such rule was added. */
PERP_API perp_status perp_risk_rule_changed(perp_risk *risk, uint32_t reason);

/* The name of a reason as this book knows it: that of perp_reason_string, of a rule of the host its
   name ("host_1" and so on where none has that number). Valid until the book is closed, or a rule
   that is added takes the number. */
PERP_API const char *perp_risk_reason_string(const perp_risk *risk, uint32_t reason);

/* A result that the host saw outside a job. exchange: or PERP_ALL_EXCHANGES for none in particular;
   with one, its circuit counts too. */
PERP_API perp_status perp_risk_record_success(perp_risk *risk, const perp_call *call,
                                              perp_exchange_id exchange);
PERP_API perp_status perp_risk_record_failure(perp_risk *risk, const perp_call *call,
                                              perp_exchange_id exchange);

/* Clears the halt and the failure count. Takes actor and reason. */
PERP_API perp_status perp_risk_reset_halt(perp_risk *risk, const perp_call *call);

/* The same of a strategy that strategy_failures failures in a row have halted. Takes actor and
   reason. */
PERP_API perp_status perp_risk_reset_strategy(perp_risk *risk, const perp_call *call,
                                              uint32_t strategy);

/* A looser mode (later in the list) takes actor and reason. */
PERP_API perp_status perp_risk_set_mode(perp_risk *risk, const perp_call *call, uint32_t mode);

/* Manual override: soft rules pass while now < start + ttl. On takes actor and reason and replaces
   the one before. ttl_ms: PERP_TIME_NONE for the default; PERP_E_RANGE
   outside 1..max_override_ttl_ms. job_id: NULL, or the one job it is for. Off needs neither actor
   nor reason, and job_id is not looked at; a ttl_ms that is given is checked all the same. */
PERP_API perp_status perp_risk_manual_override(perp_risk *risk, const perp_call *call,
                                               uint32_t enabled, int64_t ttl_ms,
                                               const perp_uuid *job_id);

/* A blacklisted symbol trades on no exchange. Any symbol may be named, also before an instrument
   has it. Off takes actor and reason. */
PERP_API perp_status perp_risk_blacklist(perp_risk *risk, const perp_call *call, const char *symbol,
                                         uint32_t enabled);

/* The allow-list. Once it has a row, a leg that no row names is refused (not_allowed). pattern: a
   symbol, or a base followed by a slash and a star; exchange: PERP_ALL_EXCHANGES: any; strategy:
   PERP_ALL_STRATEGIES: any. The first row puts the protection up; every further one, and taking
   away the last, takes actor and reason. A row that is there stays as it is. PERP_E_NOT_FOUND: no
   such exchange, or no such row to take away; PERP_E_INVALID. */
PERP_API perp_status perp_risk_allow(perp_risk *risk, const perp_call *call, const char *pattern,
                                     perp_exchange_id exchange, uint32_t strategy,
                                     uint32_t enabled);

/* An instrument that is halted takes no new risk. PERP_E_NOT_FOUND: no such instrument. Off takes
   actor and reason. */
PERP_API perp_status perp_risk_halt_instrument(perp_risk *risk, const perp_call *call,
                                               perp_instrument_id instrument, uint32_t enabled);

/* What an account on an exchange holds in a base itself, which is margin that moves with it:
   quantity in base units (0: none), of which haircut (0..1) does not count. Replaces what was said
   before. PERP_E_NOT_FOUND: no such exchange; PERP_E_INVALID: a base, quantity or haircut that is
   none. */
PERP_API perp_status perp_risk_set_collateral(perp_risk *risk, const perp_call *call,
                                              perp_exchange_id exchange, const char *base,
                                              double quantity, double haircut);

/* Mode, halt, override, losses, and how often each rule refused today. */
typedef struct perp_risk_state {
    uint32_t struct_size;
    uint32_t mode;
    uint32_t consecutive_failures;
    uint32_t auto_halt;
    uint32_t killed; /* for all exchanges */
    uint32_t override_on;
    int64_t override_until_ns;
    uint32_t override_has_job;
    uint32_t daily_loss_reached;
    perp_uuid override_job;
    perp_usd daily_loss;       /* of the two below the one that is nearer to its limit, which is */
    perp_usd daily_loss_limit; /* daily_loss_limit; not below 0. 0: no limit is on */
    perp_usd loss_usd;         /* in dollars: the larger of booked and shown by the accounts */
    perp_usd loss_scaled;      /* as if today's transfers had been made before the day began */
    perp_usd scaled_start;     /* what the percentage is of */
    perp_usd peak;             /* of the equity of all exchanges since the start of the day */
    perp_usd equity;           /* of all exchanges */
    double drawdown;           /* since the start of the day */
    uint64_t rejected_today[PERP_MAX_REASONS]; /* how often each rule became what refuses a job */
} perp_risk_state;

/* Fills state, whose struct_size must be set. PERP_E_INVALID: NULL, struct_size. */
PERP_API perp_status perp_risk_query(const perp_risk *risk, perp_risk_state *state);

/* What stays until a person lifts it. */
enum perp_latch_kind {
    PERP_LATCH_HALT,     /* failures in a row halted the book: perp_risk_reset_halt */
    PERP_LATCH_STRATEGY, /* and a strategy: perp_risk_reset_strategy */
    PERP_LATCH_DRIFT,    /* a position that nothing explains: perp_accept_position */
    PERP_LATCH_REPAIR    /* repairs of a base were stopped by hand: perp_resume_repair */
};

/* One of them. */
typedef struct perp_latch {
    uint32_t kind;                 /* PERP_LATCH_… */
    uint32_t strategy;             /* of a strategy */
    perp_instrument_id instrument; /* of drift; else PERP_NO_ID */
    uint32_t reserved;
    int64_t since_ns;
    char base[PERP_NAME_SIZE]; /* of drift and repairs; else "" */
    const char *by;            /* what made it: a static text */
    const char *lifted_by;     /* the call that lifts it: a static text */
} perp_latch;

/* All that is latched: the halt, strategies, drift in the order of instruments, repairs in the
   order of bases. Fills up to capacity; *count gets how many there are. latches may be NULL with
   capacity 0. PERP_E_INVALID: NULL. */
PERP_API perp_status perp_risk_latches(const perp_risk *risk, perp_latch *latches,
                                       uint32_t capacity, uint32_t *count);

/* The rule table with the limits in force, as JSON:
   {"mode":…,"rules":[{"name","hard","reducing_passes","missing_input","limit","limit_name",
   "fired_today","scope","way_out","value","unit","sense","limit_unit","unknown","last_refused",
   "controls"}…],"gate":[{"name","unit","limit","limit_name","fired_today","last_refused",
   "controls"}…],"controls":[{"regulation","article","control","what","duty"}…],"mechanisms":{…}}:
   the columns of PERP_RULE_LIST and PERP_GATE_LIST; null where there is no limit or unit, or
   nothing was refused. Rules of the host that were added stand after the library's of their kind;
   their scope is "host", and sense and limit, which come with each answer, are null. controls: what
   of RTS 6 Art. 12-18 and SEC 15c3-5(c),(d) each implements; duty: what stays the host's. Buffer as
   perp_config_to_json. */
PERP_API perp_status perp_risk_describe_json(const perp_risk *risk, char *buffer, size_t capacity,
                                             size_t *length);

/* Which price the maintenance margin is counted at. */
enum perp_maintenance { PERP_MAINTENANCE_AT_LIQUIDATION, PERP_MAINTENANCE_AT_ENTRY };

/* P = (WB − TMM + UPNL + a − s·Q·E) / (Q·(m + f) − s·Q); with maintenance at the entry price
   P = E − s·(WB − TMM + UPNL − (Q·E·(m + f) − a)) / Q. Sources: Binance FAQ "How to calculate
   liquidation price of USD-M futures contracts"; Bybit help, isolated margin (maintenance at
   entry). */
typedef struct perp_liquidation {
    uint32_t struct_size;
    uint32_t maintenance;        /* PERP_MAINTENANCE_… */
    uint32_t side;               /* PERP_SIDE_BUY: long */
    uint32_t reserved;           /* 0 */
    double quantity;             /* Q > 0, base units */
    double entry_price;          /* E > 0 */
    double wallet_balance;       /* WB, USD */
    double maintenance_rate;     /* m, 0..1 */
    double maintenance_amount;   /* a */
    double liquidation_fee_rate; /* f */
    double other_maintenance;    /* TMM */
    double other_upnl;           /* UPNL */
} perp_liquidation;

/* PERP_E_INVALID: NULL, not finite, not positive, or no price exists (a zero denominator). The
   price may be 0 or negative: the position can't be liquidated. */
PERP_API perp_status perp_liquidation_price(const perp_liquidation *position, double *price);

/* Walks levels (best first) for a quantity > 0. price: quantity-weighted mean of what is there (NaN
   where nothing is); worst: the last level touched; filled: at most quantity. */
typedef struct perp_walk {
    uint32_t struct_size;
    uint32_t reserved;
    double price;
    double worst;
    double filled;
    double slippage_bps; /* of price against the best level; not negative */
} perp_walk;

/* Needs no core. A buyer walks asks, a seller bids. walk->struct_size must be set. PERP_E_INVALID:
   NULL, struct_size, a side, price, size or quantity that is none. */
PERP_API perp_status perp_walk_book(uint32_t side, const perp_book_level *levels, uint32_t n_levels,
                                    double quantity, perp_walk *walk);

/* What a position (side × size) receives at a settlement: −sign × size × price × rate. */
PERP_API perp_status perp_funding_payment(uint32_t side, double size, double price, double rate,
                                          double *received);

/* F = clamp((P + clamp(I − P, ±band)) / divisor, ±cap). band 0.0005 on most exchanges; cap 0: none.
 */
PERP_API perp_status perp_funding_rate(double premium, double interest, double band, double divisor,
                                       double cap, double *rate);

/* How many settlements lie in (from, to]; where continuous, (to − from) / interval. */
PERP_API perp_status perp_funding_settlements(const perp_funding *funding, int64_t from_ns,
                                              int64_t to_ns, double *count);

#ifdef __cplusplus
}
#endif

#endif
