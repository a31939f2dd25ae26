/* The risk rules: a small pure function each, which says what it measures of what its scope shows.
   Below them, the one place where a value is held against a limit. Adding a rule is a row in
   PERP_RULE_LIST and a function here, named after it. */
#include "risk/rules.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

#define NS_PER_MINUTE (60.0 * 1e9)
#define NS_PER_H (3600.0 * 1e9)
#define BPS 1e4

/* A function's argument follows from its row: one of another scope does not compile. */
#define PERP_X(NAME, number, text, scope, ...)                                                     \
    static struct perp_measured rule_##NAME(const struct perp_scope_##scope *);
PERP_RULE_LIST(PERP_X)
#undef PERP_X

static struct perp_measured rule_KILLED(const struct perp_scope_exchange *exchange) {
    return perp_measured(exchange->killed);
}

static struct perp_measured rule_SELF_TRADE(const struct perp_scope_job *scope) {
    return perp_measured(scope->meets_running || perp_job_self_trades(scope->job, scope->core));
}

static struct perp_measured rule_BLACKLISTED(const struct perp_scope_instrument *instrument) {
    return perp_measured(instrument->blacklisted || instrument->halted);
}

static struct perp_measured rule_NOT_ALLOWED(const struct perp_scope_leg *scope) {
    return perp_measured(!perp_leg_is_allowed(scope->core, scope->leg, scope->job->strategy));
}

static struct perp_measured rule_UNRESOLVED_LEG(const struct perp_scope_base *base) {
    return perp_measured(base->naked);
}

static struct perp_measured rule_POSITION_DRIFT(const struct perp_scope_base *base) {
    return perp_measured(base->drifting);
}

static struct perp_measured rule_NO_ACCOUNT_DATA(const struct perp_scope_leg *scope) {
    return perp_measured(!scope->known);
}

/* What the exchange would refuse: a leverage or a size above its tiers where the position grows,
   and what is worth too little, unless it reduces. */
static struct perp_measured rule_EXCHANGE_LIMITS(const struct perp_scope_leg *scope) {
    const perp_instrument_spec *spec = scope->measure->spec;
    const struct perp_leg_measure *measure = scope->measure;
    double worth = scope->measure->unfilled * measure->price;
    double size = fabs(measure->position), value = size * measure->market->mark;
    bool grows = size > fabs(measure->position_before);
    if (grows && spec->n_tiers) {
        perp_tier tier = perp_tier_of(spec, value), top = spec->tiers[spec->n_tiers - 1];
        if ((tier.max_leverage > 0 && scope->leg->leverage > tier.max_leverage) || value > top.cap)
            return perp_measured(1);
    }
    if (!isfinite(worth))
        return perp_measured(NAN);
    return perp_measured(worth < perp_usd_to_double(spec->min_notional) && !measure->reduces);
}

static struct perp_measured rule_POSITION_LIMIT(const struct perp_scope_leg *scope) {
    perp_usd most = scope->measure->spec->max_position_usd;
    const struct perp_leg_measure *measure = scope->measure;
    double mark = measure->market->mark;
    if (most == 0 || fabs(measure->position) <= fabs(measure->position_before))
        return perp_not_held();
    return perp_measured_against(mark > 0 ? fabs(measure->position) * mark : (double)NAN,
                                 perp_usd_to_double(most));
}

static struct perp_measured rule_ACCOUNT_LEVERAGE(const struct perp_scope_leg *scope) {
    const struct perp_account *account = &scope->core->capital->accounts[scope->leg->exchange];
    double equity = perp_max(0, perp_usd_to_double(account->equity));
    if (scope->measure->spec->kind == PERP_KIND_SPOT)
        return perp_not_held();
    return perp_measured_against(scope->measure->account_size, scope->setting * equity);
}

static struct perp_measured rule_NO_INVENTORY(const struct perp_scope_leg *scope) {
    const perp_instrument_spec *spec = scope->measure->spec;
    if (spec->kind != PERP_KIND_SPOT || spec->can_borrow || scope->leg->side == PERP_SIDE_BUY)
        return perp_not_held();
    double has = perp_max(0, scope->measure->left);
    double wants = scope->measure->unfilled;
    return perp_measured_against(perp_at_most(wants, has) ? perp_min(wants, has) : wants, has);
}

/* 2: reported down; 1: the circuit is open, or half-open with a job running. */
static struct perp_measured rule_EXCHANGE_DOWN(const struct perp_scope_exchange *exchange) {
    if (exchange->api == PERP_API_DOWN)
        return perp_measured(2);
    return perp_measured(exchange->circuit == PERP_CIRCUIT_OPEN ||
                         (exchange->circuit == PERP_CIRCUIT_HALF_OPEN && exchange->running_jobs));
}

/* 1: there is a mark, a last price or an entry; 2: nothing at all. */
static struct perp_measured rule_NO_MARKET_DATA(const struct perp_scope_instrument *instrument) {
    if (instrument->market->has_quote)
        return perp_measured(0);
    return perp_measured(instrument->price > 0 ? 1 : 2);
}

static struct perp_measured rule_STALE_QUOTE(const struct perp_scope_instrument *instrument) {
    return perp_measured(fabs((double)instrument->quote_age_ns) / (double)PERP_NS_PER_MS);
}

static struct perp_measured rule_NOTIONAL_MISMATCH(const struct perp_scope_leg *scope) {
    double worth = scope->leg->quantity * scope->measure->market->mid;
    double notional = perp_usd_to_double(scope->leg->notional);
    double deviation = isfinite(worth) ? fabs(notional - worth) : NAN;
    return perp_measured_against(deviation, scope->setting * worth);
}

static struct perp_measured rule_DAILY_LOSS(const struct perp_scope_book *book) {
    return perp_measured(book->daily_loss_reached);
}

static struct perp_measured rule_LIQUIDATION_DISTANCE(const struct perp_scope_leg *scope) {
    return perp_measured(scope->measure->liquidation_distance);
}

static struct perp_measured rule_INSUFFICIENT_CAPITAL(const struct perp_scope_job *scope) {
    if (scope->plan) /* a tick looks at capital once it knows what goes before */
        return perp_not_held();
    return perp_measured(scope->capital_refused);
}

static struct perp_measured rule_AUTO_HALT(const struct perp_scope_book *book) {
    return perp_measured(book->halted);
}

static struct perp_measured rule_STRATEGY_HALT(const struct perp_scope_job *scope) {
    return perp_measured(scope->strategy_halted);
}

static struct perp_measured rule_UNHEDGED(const struct perp_scope_book *book) {
    return book->setting > 0 ? perp_measured(book->unhedged) : perp_not_held();
}

static struct perp_measured rule_EDGE_TOO_SMALL(const struct perp_scope_job *scope) {
    if (scope->job->strategy != PERP_STRATEGY_ARB)
        return perp_not_held();
    return perp_measured(scope->edge_bps);
}

/* Bought and sold of a base. */
static void base_sums(const struct perp_job_entry *job, uint32_t base,
                      double sums[PERP_SIDE_COUNT]) {
    sums[PERP_SIDE_BUY] = sums[PERP_SIDE_SELL] = 0;
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->legs[i].base == base)
            sums[job->legs[i].side] += job->legs[i].quantity;
}

/* A base that is in balance within the setting is no matter; else its net position must become
   smaller in size. */
static struct perp_measured rule_NOT_REBALANCING(const struct perp_scope_leg *scope) {
    if (scope->job->strategy != PERP_STRATEGY_HEDGE_REBALANCE)
        return perp_not_held();
    double sums[PERP_SIDE_COUNT];
    base_sums(scope->job, scope->leg->base, sums);
    double change = sums[PERP_SIDE_BUY] - sums[PERP_SIDE_SELL];
    double larger = perp_max(sums[PERP_SIDE_BUY], sums[PERP_SIDE_SELL]);
    if (fabs(change) <= scope->setting * larger)
        return perp_not_held();
    struct perp_base_sums base;
    perp_base_sums(scope->core, scope->plan, scope->job, scope->leg->base, &base);
    return perp_measured_against(fabs(base.net_after), fabs(base.net));
}

static struct perp_measured rule_COST_EXCEEDS_EDGE(const struct perp_scope_job *scope) {
    if (scope->job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return perp_not_held();
    return perp_measured_against(scope->edge_bps, scope->cost_bps - scope->setting);
}

static struct perp_measured rule_FUNDING_CARRY(const struct perp_scope_job *scope) {
    bool unknown = scope->rate_unknown && scope->job->holding_hours > 0;
    return perp_measured(unknown ? (double)NAN : scope->carry_bps);
}

static struct perp_measured rule_FUNDING_BLACKOUT(const struct perp_scope_instrument *instrument) {
    if (!(instrument->setting > 0) || instrument->settlement_distance == PERP_TIME_NONE)
        return perp_not_held();
    return perp_measured_against((double)instrument->settlement_distance,
                                 perp_min(instrument->setting * NS_PER_MINUTE,
                                          instrument->market->funding.interval_h * NS_PER_H / 12));
}

static struct perp_measured rule_DEPEG(const struct perp_scope_instrument *instrument) {
    if (!(instrument->setting > 0))
        return perp_not_held();
    return perp_measured(fabs(instrument->market->usd - 1) * BPS);
}

static struct perp_measured rule_INSUFFICIENT_DEPTH(const struct perp_scope_leg *scope) {
    if (scope->leg->maker)
        return perp_not_held();
    return perp_measured_against(scope->leg->quantity, scope->measure->depth);
}

static struct perp_measured rule_SLIPPAGE(const struct perp_scope_leg *scope) {
    return perp_measured(scope->measure->slippage_bps);
}

static struct perp_measured rule_SPREAD_BLOWOUT(const struct perp_scope_instrument *instrument) {
    const struct perp_market_view *market = instrument->market;
    return perp_measured_against(market->spread_bps, instrument->setting * market->baseline_bps);
}

static struct perp_measured rule_FAST_MARKET(const struct perp_scope_instrument *instrument) {
    return perp_measured(instrument->market->volatility);
}

static struct perp_measured rule_LATENCY(const struct perp_scope_exchange *exchange) {
    return perp_measured(perp_delay_ms(exchange->api, exchange->latency));
}

static struct perp_measured rule_LEVERAGE(const struct perp_scope_leg *scope) {
    return perp_measured(scope->leg->leverage);
}

/* An exposure in USD fails where it is above the limit and larger than it was before the job. */
static struct perp_measured exposure_held(double before, double after, double mid, double limit) {
    double least = perp_at_most(after, before) ? perp_max(before, after) : before;
    return perp_measured_against(after * mid, perp_max(limit, least * mid));
}

static struct perp_measured rule_NET_EXPOSURE(const struct perp_scope_leg *scope) {
    struct perp_base_sums base;
    if (!(scope->setting > 0))
        return perp_not_held();
    perp_base_sums(scope->core, scope->plan, scope->job, scope->leg->base, &base);
    return exposure_held(fabs(base.net), fabs(base.net_after), scope->base_mid, scope->setting);
}

static struct perp_measured rule_GROSS_EXPOSURE(const struct perp_scope_leg *scope) {
    struct perp_base_sums base;
    if (!(scope->setting > 0))
        return perp_not_held();
    perp_base_sums(scope->core, scope->plan, scope->job, scope->leg->base, &base);
    return exposure_held(base.gross, base.gross_after, scope->base_mid, scope->setting);
}

static struct perp_measured rule_DRAWDOWN(const struct perp_scope_book *book) {
    return perp_measured(book->drawdown);
}

static struct perp_measured rule_LOW_SAFETY(const struct perp_scope_job *scope) {
    return perp_measured(scope->safety);
}

/* How a rule's answers are held against its limit. All of it but the setting is known when this
   file is compiled, so that each rule becomes a comparison or two. */
struct comparison {
    enum perp_sense sense;
    enum perp_unknown unknown;
    double setting;
};

/* An answer that was held against its limit. */
struct held {
    perp_rule_evaluation found;
    double past; /* how far the value is past the limit; the least where one is not known */
};

static const struct held nothing = {{NAN, NAN, PERP_RULE_NOT_HELD, PERP_NO_ID}, -INFINITY};

static inline struct held result(bool fails, double value, double limit, double past,
                                 uint32_t leg) {
    return (struct held){{value, limit, fails ? PERP_RULE_FAILS : PERP_RULE_PASSES, leg}, past};
}

static inline struct held hold(struct comparison how, struct perp_measured measured, uint32_t leg) {
    if (measured.against == PERP_AGAINST_NOTHING)
        return nothing;
    double value = measured.value;
    double limit = measured.against == PERP_AGAINST_OWN ? measured.limit : how.setting;
    if (how.sense == PERP_SENSE_IS_TRUE)
        return result(value != 0, value, 0, value, leg);
    if (isunordered(value, limit))
        return result(how.unknown == PERP_UNKNOWN_FAILS, value, limit, -INFINITY, leg);
    if (how.sense == PERP_SENSE_ABOVE)
        return result(value > limit, value, limit, value - limit, leg);
    if (how.sense == PERP_SENSE_AT_LEAST)
        return result(value >= limit, value, limit, value - limit, leg);
    if (how.sense == PERP_SENSE_BELOW)
        return result(value < limit, value, limit, limit - value, leg);
    return result(value <= limit, value, limit, limit - value, leg); /* AT_MOST */
}

perp_rule_evaluation perp_rule_hold(uint32_t sense, enum perp_unknown unknown, double value,
                                    double limit) {
    return hold((struct comparison){sense, unknown, limit}, perp_measured(value), PERP_NO_ID).found;
}

/* Whether an answer is worse: it fails, or is held, where the other isn't, or is further past. */
static inline bool is_worse(const struct held *a, const struct held *than) {
    if (a->found.result != than->found.result)
        return a->found.result > than->found.result;
    return a->past > than->past;
}

/* hold_SCOPE: one rule against all that the job touches of its scope; the worst answer. */
#define HOLD(scope, count, leg)                                                                    \
    static inline __attribute__((always_inline)) perp_rule_evaluation hold_##scope(                \
        struct perp_scopes *scopes, struct comparison how,                                         \
        struct perp_measured (*rule)(const struct perp_scope_##scope *)) {                         \
        scopes->scope[0].setting = how.setting;                                                    \
        struct held worst = hold(how, rule(&scopes->scope[0]), leg);                               \
        for (uint32_t i = 1; i < (count); i++) {                                                   \
            scopes->scope[i].setting = how.setting;                                                \
            struct held other = hold(how, rule(&scopes->scope[i]), i);                             \
            if (is_worse(&other, &worst))                                                          \
                worst = other;                                                                     \
        }                                                                                          \
        return worst.found;                                                                        \
    }
HOLD(book, 1, PERP_NO_ID)
HOLD(job, 1, PERP_NO_ID)
HOLD(exchange, scopes->n_legs, 0)
HOLD(base, scopes->n_legs, 0)
HOLD(instrument, scopes->n_legs, 0)
HOLD(leg, scopes->n_legs, 0)

/* ---- Which rules fail, and no more --------------------------------------------------------------
 */

enum scope { SCOPE_book, SCOPE_job, SCOPE_exchange, SCOPE_base, SCOPE_instrument, SCOPE_leg };

/* The rules of one scope, held against what one thing of it shows: the same functions and limits as
   below, but nothing is kept of them. The scope is known when this file is compiled, so that only
   its own rules are left in each of what follows. */
static inline __attribute__((always_inline)) uint64_t fails_of(enum scope of, const perp_core *core,
                                                               void *shown, bool missing) {
    const perp_risk_config *risk = &core->config.risk;
    struct perp_settings settings = {&risk->modes[risk->mode], risk, &core->config.scheduler};
    uint64_t fails = 0;
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, value, unit, sense,      \
               place, limit, limit_unit)                                                           \
    if (of == SCOPE_##scope && !(PERP_RULE_##market == PERP_RULE_MARKET && missing)) {             \
        struct perp_scope_##scope *one = shown;                                                    \
        one->setting = PERP_SETTING(&settings, place, limit);                                      \
        struct comparison how = {PERP_SENSE_##sense, PERP_UNKNOWN_##unknown, one->setting};        \
        if (hold(how, rule_##NAME(one), 0).found.result == PERP_RULE_FAILS)                        \
            fails |= PERP_REASON_BIT(number);                                                      \
    }
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    return fails;
}

/* perp_fails_book and so on. */
#define FAILS(scope)                                                                               \
    uint64_t perp_fails_##scope(const perp_core *core, struct perp_scope_##scope *shown,           \
                                bool missing) {                                                    \
        return fails_of(SCOPE_##scope, core, shown, missing);                                      \
    }
FAILS(book)
FAILS(job)
FAILS(exchange)
FAILS(base)
FAILS(instrument)
FAILS(leg)

#define PERP_X(NAME, number, text, scope, hard, way_out, market, ...)                              \
    | (PERP_RULE_##market == PERP_RULE_MARKET ? PERP_REASON_BIT(number) : 0)
static const uint64_t market_rules = 0 PERP_RULE_LIST(PERP_X);
#undef PERP_X

/* Of a job whose explanation nobody asked for: what fails of its own, and of the facts that it
   rests on. */
static uint64_t failing(struct perp_eval *e) {
    struct perp_scopes scopes;
    perp_scopes_own(e, &scopes);
    uint64_t fails = e->book_fails | perp_fails_job(e->core, scopes.job, e->missing);
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        const struct perp_job_leg *leg = &e->job->legs[i];
        const struct perp_base_fact *base = &e->risk->facts.bases[leg->base];
        fails |= perp_fails_leg(e->core, &scopes.leg[i], e->missing) | e->facts[i]->fails |
                 e->risk->facts.exchanges[leg->exchange].fails | base->fails;
        if (base->is_naked && !base->unhedged &&
            !perp_job_squares(e->core, e->plan, e->job, leg->base))
            fails |= PERP_REASON_BIT(PERP_REASON_UNRESOLVED_LEG);
    }
    return e->missing ? fails & ~market_rules : fails;
}

/* ---- Which fail, and by how much ----------------------------------------------------------------
 */

static void hold_rules(struct perp_eval *e, struct perp_scopes *scopes) {
    struct perp_settings settings = {e->limits, e->config, &e->core->config.scheduler};
    uint64_t reasons = 0;
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, value, unit, sense,      \
               place, limit, limit_unit)                                                           \
    if (PERP_RULE_##market == PERP_RULE_MARKET && e->missing)                                      \
        e->rules[number] = nothing.found;                                                          \
    else                                                                                           \
        e->rules[number] =                                                                         \
            hold_##scope(scopes,                                                                   \
                         (struct comparison){PERP_SENSE_##sense, PERP_UNKNOWN_##unknown,           \
                                             PERP_SETTING(&settings, place, limit)},               \
                         rule_##NAME);                                                             \
    if (e->rules[number].result == PERP_RULE_FAILS)                                                \
        reasons |= PERP_REASON_BIT(number);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    e->reasons = reasons;
}

static const struct rule {
    uint64_t bit;
    uint32_t reason;
    bool hard;
    enum perp_way_out way_out;
} rules[PERP_RULE_COUNT] = {
#define PERP_X(NAME, number, text, scope, hard, way_out, ...)                                      \
    {PERP_REASON_BIT(number), number, PERP_RULE_##hard == PERP_RULE_HARD, PERP_WAY_OUT_##way_out},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

#define PERP_X(NAME, number, text, scope, hard, ...) +(PERP_RULE_##hard == PERP_RULE_HARD)
enum { HARD_RULES = 0 PERP_RULE_LIST(PERP_X) }; /* the first ones */
#undef PERP_X

/* Their bits. */
#define PERP_X(NAME, number, text, scope, hard, ...)                                               \
    | (PERP_RULE_##hard == PERP_RULE_HARD ? PERP_REASON_BIT(number) : 0)
static const uint64_t hard_rules = 0 PERP_RULE_LIST(PERP_X);
#undef PERP_X
#define PERP_X(NAME, number, text, scope, hard, ...)                                               \
    | (PERP_RULE_##hard == PERP_RULE_SOFT ? PERP_REASON_BIT(number) : 0)
static const uint64_t soft_rules = 0 PERP_RULE_LIST(PERP_X);
#undef PERP_X

uint32_t perp_rules_all(const perp_risk *risk, uint32_t all[PERP_MAX_RULES]) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < PERP_RULE_COUNT; i++) {
        for (uint32_t k = 0; i == HARD_RULES && k < risk->n_host_hard; k++)
            all[n++] = PERP_REASON_HOST_1 + risk->host_order[k];
        all[n++] = rules[i].reason;
    }
    for (uint32_t k = risk->n_host_hard; k < risk->n_host; k++)
        all[n++] = PERP_REASON_HOST_1 + risk->host_order[k];
    return n;
}

/* Whether a reducing or repair job goes past a rule that it fails. */
static bool way_out(const struct perp_eval *e, const struct rule *rule) {
    if (!e->reducing && !e->job->is_repair)
        return false;
    return rule->way_out == PERP_WAY_OUT_PASSES ||
           (rule->way_out == PERP_WAY_OUT_REDUCING && e->reducing) ||
           ((rule->way_out == PERP_WAY_OUT_CIRCUIT || rule->way_out == PERP_WAY_OUT_PRICED) &&
            e->rules[rule->reason].value <= 1);
}

/* One rule that fails, of those in order; true: only the override passes it. */
static bool judge(struct perp_eval *e, const struct rule *rule) {
    if (way_out(e, rule))
        return false;
    if (!rule->hard && e->override_holds)
        return true;
    if (e->reason == PERP_REASON_NONE)
        e->reason = rule->reason;
    return false;
}

/* Of the failing ones (left) those of a part of the library's. */
static inline bool judge_own(struct perp_eval *e, uint64_t left, uint32_t first, uint32_t end) {
    bool overridden = false;
    for (uint32_t i = first; left && i < end; i++) {
        if (!(left & rules[i].bit))
            continue;
        overridden |= judge(e, &rules[i]);
        left &= ~rules[i].bit;
    }
    return overridden;
}

static bool judge_host(struct perp_eval *e, uint32_t first, uint32_t end) {
    bool overridden = false;
    for (uint32_t i = first; i < end; i++) {
        const struct perp_host_entry *own = &e->risk->host[e->risk->host_order[i]];
        uint32_t reason = PERP_REASON_HOST_1 + e->risk->host_order[i];
        const struct rule rule = {PERP_REASON_BIT(reason), reason, own->hard,
                                  own->repairs_pass ? PERP_WAY_OUT_PASSES : PERP_WAY_OUT_REDUCING};
        if (e->reasons & rule.bit)
            overridden |= judge(e, &rule);
    }
    return overridden;
}

void perp_eval_judge(struct perp_eval *e) {
    const perp_risk *risk = e->risk;
    e->reason = PERP_REASON_NONE;
    bool overridden = judge_own(e, e->reasons & hard_rules, 0, HARD_RULES);
    if (risk->n_host_hard)
        overridden |= judge_host(e, 0, risk->n_host_hard);
    overridden |= judge_own(e, e->reasons & soft_rules, HARD_RULES, PERP_RULE_COUNT);
    if (risk->n_host > risk->n_host_hard)
        overridden |= judge_host(e, risk->n_host_hard, risk->n_host);
    e->accepted = e->reason == PERP_REASON_NONE;
    e->override_used = e->accepted && overridden;
}

void perp_eval_rules(struct perp_eval *e) {
    if (!e->explains) {
        e->reasons = failing(e);
        perp_eval_judge(e);
        return;
    }
    struct perp_scopes scopes;
    perp_scopes_of(e, &scopes);
    hold_rules(e, &scopes);
    perp_eval_judge(e);
    if (e->risk->n_host)
        perp_eval_host_rules(e);
}

uint32_t perp_eval_open_reason(const struct perp_eval *e) {
    static const uint32_t of_what_is_open[] = {
        PERP_REASON_LIQUIDATION_DISTANCE, PERP_REASON_ACCOUNT_LEVERAGE, PERP_REASON_NO_INVENTORY};
    for (uint32_t i = 0; i < sizeof of_what_is_open / sizeof *of_what_is_open; i++)
        if (e->reasons & PERP_REASON_BIT(of_what_is_open[i]))
            return of_what_is_open[i];
    return PERP_REASON_NONE;
}
