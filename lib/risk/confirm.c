/* Whether decisions of a route stand, for several jobs at once. What a job's decision rests on is
   the same for all jobs of a route but for its own quantities: a loop reckons what measure.c,
   liquidation.c, scores.c and rules.c would, in the same order and so to the same bit, and says
   which rules fail and what the score is. It only ever confirms: where something else comes of it
   than what stands, or a job is not of the plain kind that it knows, that job is decided anew by
   them. Where a rule of a leg or a job is added there, nothing is plain until it is known here
   (KNOWN_LIST); shadow mode, which decides all that stands in the long way, finds one that is not
   reckoned alike. */
#include "risk/confirm.h"

#include <math.h>

#include "market/funding.h"
#include "risk/rules.h"
#include "util/num.h"

#include "risk/lanes.h"

/* A function for each kind of processor, of which the dynamic linker takes one: gcc and glibc know
   how. Sanitizers are not there yet when it asks. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) &&                            \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define BPS 1e4
#define NS_PER_H (3600.0 * 1e9)

/* ---- Rules --------------------------------------------------------------------------------------
 */

enum scope { SCOPE_book, SCOPE_job, SCOPE_exchange, SCOPE_base, SCOPE_instrument, SCOPE_leg };

/* The rules of a leg or a job. */
#define PERP_X(NAME, number, text, scope, ...)                                                     \
    | (SCOPE_##scope == SCOPE_leg || SCOPE_##scope == SCOPE_job ? PERP_REASON_BIT(number) : 0)
static const uint64_t own_rules = 0 PERP_RULE_LIST(PERP_X);
#undef PERP_X

/* Those that are reckoned below, or that a plain job passes. Where there is another one, no job is
   plain. */
#define KNOWN_LIST(X)                                                                              \
    X(SELF_TRADE)                                                                                  \
    X(NOT_ALLOWED)                                                                                 \
    X(NO_ACCOUNT_DATA)                                                                             \
    X(NOTIONAL_MISMATCH)                                                                           \
    X(EXCHANGE_LIMITS)                                                                             \
    X(POSITION_LIMIT)                                                                              \
    X(LIQUIDATION_DISTANCE)                                                                        \
    X(ACCOUNT_LEVERAGE)                                                                            \
    X(NO_INVENTORY)                                                                                \
    X(INSUFFICIENT_CAPITAL)                                                                        \
    X(STRATEGY_HALT)                                                                               \
    X(EDGE_TOO_SMALL)                                                                              \
    X(NOT_REBALANCING)                                                                             \
    X(COST_EXCEEDS_EDGE)                                                                           \
    X(FUNDING_CARRY)                                                                               \
    X(INSUFFICIENT_DEPTH)                                                                          \
    X(SLIPPAGE)                                                                                    \
    X(LEVERAGE)                                                                                    \
    X(NET_EXPOSURE)                                                                                \
    X(GROSS_EXPOSURE)                                                                              \
    X(LOW_SAFETY)
#define KNOWN(NAME) | PERP_REASON_BIT(PERP_REASON_##NAME)
static const uint64_t known_rules = 0 KNOWN_LIST(KNOWN);

/* Whether values fail a rule, as its row says. */
PERP_IN_LINE perp_masks fails(enum perp_sense sense, enum perp_unknown unknown, perp_lanes value,
                              perp_lanes limit) {
    perp_masks unordered = perp_lanes_nan(value) | perp_lanes_nan(limit);
    perp_masks of_unknown = unknown == PERP_UNKNOWN_FAILS ? unordered : perp_none();
    if (sense == PERP_SENSE_IS_TRUE)
        return value != perp_all(0);
    if (sense == PERP_SENSE_ABOVE)
        return (value > limit) | of_unknown;
    if (sense == PERP_SENSE_AT_LEAST)
        return (value >= limit) | of_unknown;
    if (sense == PERP_SENSE_BELOW)
        return (value < limit) | of_unknown;
    return (value <= limit) | of_unknown; /* AT_MOST */
}

/* fails_NAME: its bit where values fail the rule; one_fails_NAME: whether one does; setting_NAME:
   its limit as it is set. */
#define PERP_X(NAME, number, text, scope, hard, way_out, market, unknown, unit_name, unit, sense,  \
               place, limit_name, limit_unit)                                                      \
    PERP_IN_LINE perp_masks fails_##NAME(perp_lanes values, perp_lanes limits) {                   \
        return fails(PERP_SENSE_##sense, PERP_UNKNOWN_##unknown, values, limits) &                 \
               (int64_t)PERP_REASON_BIT(number);                                                   \
    }                                                                                              \
    static inline __attribute__((unused)) bool one_fails_##NAME(double value, double limit) {      \
        return perp_rule_hold(PERP_SENSE_##sense, PERP_UNKNOWN_##unknown, value, limit).result ==  \
               PERP_RULE_FAILS;                                                                    \
    }                                                                                              \
    static inline                                                                                  \
        __attribute__((unused)) double setting_##NAME(const struct perp_settings *settings) {      \
        (void)settings;                                                                            \
        return PERP_SETTING(settings, place, limit_name);                                          \
    }
PERP_RULE_LIST(PERP_X)
#undef PERP_X

/* ---- What is the same for all jobs of a route ---------------------------------------------------
 */

/* Of a leg. */
struct same_leg {
    double sign, price, mid, mark;
    double size;  /* up to which that is the price */
    double depth; /* infinite for one that waits at its own side */
    double cost_bps;
    bool has_rate;
    double rate, rates_in_8h, settlements;
    struct perp_holding before; /* the position, with what runs */
    bool grows;                 /* with any quantity */
    double left;                /* of it, for the leg to reduce */
    bool margined, inverse;
    double leverage;                    /* as reported */
    double liquidation_fee;             /* as a share */
    double said_of_short, said_of_long; /* how far liquidation is, as the exchange says */
    double min_notional, most_position;
    double room, slack; /* for what jobs add to the size of its account */
    const perp_instrument_spec *spec;
    perp_exchange_id exchange;
};

/* Limits as they are set. */
struct set_limits {
    double tolerance, distance, edge, loss, carry, leverage, safety;
};

struct same {
    struct same_leg legs[PERP_ROUTE_LEGS];
    struct set_limits limits;
    double trips;
    bool has_basis, is_arb, carry_counts, carry_is_unknown, same_exchange;
    double mean;                         /* of the mids */
    double scores[PERP_COMPONENT_COUNT]; /* but for those of the carry and the distance */
    const perp_risk_config *config;
    const perp_mode_limits *mode;
    double need; /* of the day's volume */
    uint64_t fails;
};

/* Nothing but quantities is left to look at. Where a base is naked a job may square it; what an
   account in cross margin is worth, and what is held of a coin to sell, is looked at in full. */
static bool leg_is_plain(const struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    const struct perp_market_view *view = e->legs[n].market;
    const struct perp_base_fact *base = &e->risk->facts.bases[leg->base];
    const perp_instrument_spec *spec = e->legs[n].spec;
    if (!view->has_quote || !(view->mark > 0) || (base->is_naked && !base->unhedged))
        return false;
    if (spec->kind != PERP_KIND_SPOT)
        return e->facts[n]->open.margin_mode != PERP_MARGIN_CROSS;
    return spec->can_borrow || leg->side == PERP_SIDE_BUY;
}

static void take_margin(const struct perp_eval *e, const struct perp_open *open,
                        struct same_leg *leg) {
    bool is_said = open->reported != 0 && open->liquidation_price > 0;
    leg->leverage = open->leverage;
    leg->liquidation_fee = e->core->exchanges[leg->exchange].spec.liquidation_fee_bps / BPS;
    leg->said_of_short = leg->said_of_long = 1;
    if (is_said && open->reported > 0)
        leg->said_of_long = perp_distance_to(leg->mark, open->liquidation_price, true);
    if (is_said && open->reported < 0)
        leg->said_of_short = perp_distance_to(leg->mark, open->liquidation_price, false);
}

static void take_leg(const struct perp_eval *e, uint32_t n, struct same_leg *leg) {
    const struct perp_job_leg *job_leg = &e->job->legs[n];
    const struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_fact *fact = e->facts[n];
    const struct perp_market_view *view = measure->market;
    leg->spec = measure->spec;
    leg->exchange = job_leg->exchange;
    leg->sign = measure->sign;
    leg->price = measure->price;
    leg->mid = view->mid;
    leg->mark = view->mark;
    leg->size =
        job_leg->maker || !fact->market.is_book ? INFINITY : fact->market.sides[job_leg->side].size;
    leg->depth = job_leg->maker ? INFINITY : measure->depth;
    leg->cost_bps = measure->slippage_bps + measure->fee_bps;
    leg->margined = leg->spec->kind != PERP_KIND_SPOT;
    leg->has_rate = leg->margined && view->has_funding && !view->rate_is_old;
    leg->rate = view->funding.rate;
    leg->rates_in_8h = fact->rates_in_8h;
    leg->settlements = measure->settlements;
    leg->before = fact->running;
    leg->grows = leg->before.quantity == 0 || (leg->before.quantity > 0) == (leg->sign > 0);
    leg->left = fact->left[job_leg->side];
    leg->inverse = perp_instrument_at(e->core, job_leg->instrument)->inverse;
    leg->min_notional = perp_usd_to_double(leg->spec->min_notional);
    leg->most_position = perp_usd_to_double(leg->spec->max_position_usd);
    leg->room = leg->slack = INFINITY;
    if (leg->margined)
        leg->room = perp_facts_room(e->core, leg->exchange, &leg->slack);
    take_margin(e, &fact->open, leg);
}

/* Which rules all jobs of the route fail. */
static uint64_t fails_of(const struct perp_eval *e, const struct perp_settings *settings) {
    uint64_t all = e->book_fails;
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        const struct perp_job_leg *leg = &e->job->legs[i];
        all |= e->facts[i]->fails | e->risk->facts.exchanges[leg->exchange].fails |
               e->risk->facts.bases[leg->base].fails;
        if (!e->facts[i]->heard || !perp_facts_heard(e->core, leg->exchange, e->now))
            all |= PERP_REASON_BIT(PERP_REASON_NO_ACCOUNT_DATA);
        if (!perp_leg_is_allowed(e->core, leg, e->job->strategy))
            all |= PERP_REASON_BIT(PERP_REASON_NOT_ALLOWED);
        if (e->facts[i]->meets[leg->side])
            all |= PERP_REASON_BIT(PERP_REASON_SELF_TRADE);
        if (one_fails_SLIPPAGE(e->legs[i].slippage_bps, setting_SLIPPAGE(settings)))
            all |= PERP_REASON_BIT(PERP_REASON_SLIPPAGE);
    }
    if (perp_job_self_trades(e->job, e->core))
        all |= PERP_REASON_BIT(PERP_REASON_SELF_TRADE);
    if (e->risk->strategies_halted >> e->job->strategy & 1)
        all |= PERP_REASON_BIT(PERP_REASON_STRATEGY_HALT);
    return all;
}

static void take_limits(const struct perp_settings *settings, struct set_limits *limits) {
    *limits = (struct set_limits){.tolerance = setting_NOTIONAL_MISMATCH(settings),
                                  .distance = setting_LIQUIDATION_DISTANCE(settings),
                                  .edge = setting_EDGE_TOO_SMALL(settings),
                                  .loss = setting_COST_EXCEEDS_EDGE(settings),
                                  .carry = setting_FUNDING_CARRY(settings),
                                  .leverage = setting_LEVERAGE(settings),
                                  .safety = setting_LOW_SAFETY(settings)};
}

/* Whether jobs of the book can be plain, whatever they trade. */
static bool book_is_plain(const struct perp_eval *e) {
    return !(own_rules & ~known_rules) && !e->risk->n_host && !e->risk->facts.book.overridden &&
           !(e->config->max_net_exposure_usd > 0) && !(e->config->max_gross_exposure_usd > 0);
}

static bool take(struct perp_eval *e, struct same *same) {
    const struct perp_job_entry *job = e->job;
    struct perp_settings settings = {e->limits, e->config, &e->core->config.scheduler};
    if (!book_is_plain(e) || job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return false;
    perp_eval_measure_route(e);
    if (!leg_is_plain(e, 0) || !leg_is_plain(e, 1))
        return false;
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++)
        take_leg(e, i, &same->legs[i]);
    take_limits(&settings, &same->limits);
    same->trips = job->holding_hours > 0 ? 2 : 1;
    same->has_basis = job->legs[0].base == job->legs[1].base;
    same->mean = 0 + e->legs[0].market->mid / 2 + e->legs[1].market->mid / 2;
    same->is_arb = job->strategy == PERP_STRATEGY_ARB;
    same->same_exchange = job->legs[0].exchange == job->legs[1].exchange;
    same->carry_counts = e->has_perp && !e->rate_unknown;
    same->carry_is_unknown = e->rate_unknown && job->holding_hours > 0;
    for (uint32_t i = 0; i < PERP_COMPONENT_COUNT; i++)
        same->scores[i] = perp_score_of(e, i);
    same->config = e->config;
    same->mode = e->limits;
    same->need = perp_volume_need(e->config, e->day.volume);
    same->fails = fails_of(e, &settings);
    return true;
}

/* ---- Each job's own -----------------------------------------------------------------------------
 */

struct own_leg {
    perp_lanes quantity, leverage, notional, weight;
    perp_lanes position, entry, distance;
    perp_masks reduces;
};

struct own {
    struct own_leg legs[PERP_ROUTE_LEGS];
    perp_masks plain, fails;
    perp_lanes cost, carry, distance, edge, safety, score;
    perp_lanes adds[PERP_ROUTE_LEGS]; /* to the sizes of accounts */
};

/* perp_holding_trade */
PERP_IN_LINE void trade(const struct same_leg *same, struct own_leg *own) {
    perp_lanes before = perp_all(same->before.quantity), entry = perp_all(same->before.entry);
    perp_lanes price = perp_all(same->price), size = perp_lanes_abs(before);
    own->position = perp_lanes_sum(before, own->quantity * same->sign);
    if (same->before.quantity == 0)
        own->entry = price;
    else if (same->grows)
        own->entry = (size * entry + own->quantity * price) / (size + own->quantity);
    else
        own->entry = perp_pick(own->position == 0, perp_all(0),
                               perp_pick((own->position > 0) ^ (before > 0), price, entry));
    own->reduces = perp_none();
    if (same->left > 0)
        own->reduces = perp_lanes_at_most(own->quantity, perp_all(same->left));
}

/* tier_at: below 2^31 of them. */
PERP_IN_LINE perp_lanes tier_of(const perp_instrument_spec *spec, perp_lanes value) {
    perp_lanes tier = perp_all(0);
    for (uint32_t i = 1; i < spec->n_tiers; i++)
        tier = perp_pick(perp_all(spec->tiers[i].floor) <= value, perp_all(i), tier);
    return tier;
}

/* maintenance_of: rates with the liquidation's fee, and amounts. */
PERP_IN_LINE void maintain(const struct same_leg *same, perp_lanes tier, perp_lanes *rate,
                           perp_lanes *amount) {
    const perp_instrument_spec *spec = same->spec;
    *amount = perp_all(spec->n_tiers ? spec->tiers[0].amount : 0);
    *rate = perp_all((spec->n_tiers ? spec->tiers[0].mmr : 0.005) + same->liquidation_fee);
    for (uint32_t i = 1; i < spec->n_tiers; i++) {
        perp_masks is = tier == perp_all(i);
        *rate = perp_pick(is, perp_all(spec->tiers[i].mmr + same->liquidation_fee), *rate);
        *amount = perp_pick(is, perp_all(spec->tiers[i].amount), *amount);
    }
}

/* liquidation_of, in isolated margin; where the tiers are others at the price that is found, the
   job is not plain. */
PERP_IN_LINE void liquidate(const struct same_leg *same, struct own_leg *own, perp_masks *plain) {
    perp_lanes mark = perp_all(same->mark), size = perp_lanes_abs(own->position), one = perp_all(1);
    perp_lanes tier = tier_of(same->spec, size * mark), rate, amount, price, found;
    perp_masks is_long = own->position > 0;
    perp_lanes s = perp_pick(is_long, one, -one);
    perp_lanes entry = perp_pick(own->entry > 0, own->entry, mark);
    perp_lanes share = one / perp_lanes_max(own->leverage, perp_all(same->leverage));
    perp_lanes above, below;
    maintain(same, tier, &rate, &amount);
    if (same->inverse) {
        above = entry * (one + s * rate);
        below = one + s * share;
    } else {
        above = entry * (one - s * share) - s * amount / size;
        below = one - s * rate;
    }
    price = above / below;
    found = perp_lanes_min(one, perp_lanes_abs(mark - price) / mark);
    found = perp_pick(perp_pick(is_long, price, mark) >= perp_pick(is_long, mark, price),
                      perp_all(0), found);
    found = perp_pick(price > 0, found, one);
    found = perp_pick(perp_lanes_finite(price), found, perp_all(0));
    found = perp_pick(below > 0, found, perp_all(same->inverse ? 1 : 0));
    if (same->spec->n_tiers > 1)
        *plain &= (tier_of(same->spec, size * price) == tier) | ~(price > 0) | ~(below > 0) |
                  ~perp_lanes_finite(price);
    found = perp_lanes_min(
        found, perp_pick(is_long, perp_all(same->said_of_long), perp_all(same->said_of_short)));
    own->distance = perp_pick(own->position == 0, one, found);
}

/* The rules of a leg that look at quantities. */
PERP_IN_LINE perp_masks fails_of_leg(const struct same_leg *same, const struct set_limits *limits,
                                     const struct own_leg *own) {
    const perp_instrument_spec *spec = same->spec;
    perp_lanes size = perp_lanes_abs(own->position), value = size * same->mark;
    perp_lanes before = perp_all(fabs(same->before.quantity));
    perp_lanes worth = own->quantity * same->price, at_mid = own->quantity * same->mid;
    perp_lanes usd = own->notional / 1e6;
    perp_masks grows = size > before;
    perp_masks refused = ((worth < same->min_notional) & ~own->reduces) | ~perp_lanes_finite(worth);
    if (spec->n_tiers) {
        perp_lanes most = perp_all(spec->tiers[0].max_leverage);
        for (uint32_t i = 1; i < spec->n_tiers; i++)
            most = perp_pick(perp_all(spec->tiers[i].floor) <= value,
                             perp_all(spec->tiers[i].max_leverage), most);
        refused |= grows & (((most > 0) & (own->leverage > most)) |
                            (value > spec->tiers[spec->n_tiers - 1].cap));
    }
    perp_masks all =
        fails_EXCHANGE_LIMITS(perp_pick(refused, perp_all(1), perp_all(0)), perp_all(0));
    if (spec->max_position_usd != 0)
        all |= fails_POSITION_LIMIT(value, perp_all(same->most_position)) & ~(size <= before);
    all |= fails_NOTIONAL_MISMATCH(
        perp_pick(perp_lanes_finite(at_mid), perp_lanes_abs(usd - at_mid), perp_all(NAN)),
        limits->tolerance * at_mid);
    all |= fails_LIQUIDATION_DISTANCE(own->distance, perp_all(limits->distance));
    all |= fails_INSUFFICIENT_DEPTH(own->quantity, perp_all(same->depth));
    return all | fails_LEVERAGE(own->leverage, perp_all(limits->leverage));
}

/* ramp */
PERP_IN_LINE perp_lanes ramp(perp_lanes x, double limit) {
    if (!(limit > 0))
        return perp_pick(x > 0, perp_all(0), perp_all(100));
    perp_lanes used = x / limit;
    return perp_pick(used <= 1, 100 - 40 * used,
                     perp_pick(used <= 2, 60 - 60 * (used - 1), perp_all(0)));
}

PERP_IN_LINE perp_lanes score_of_carry(const struct same *same, const struct own *own) {
    perp_lanes score =
        ramp(perp_lanes_max(perp_all(0), own->carry), same->mode->max_funding_carry_bps);
    return perp_pick(perp_lanes_nan(own->carry), perp_all(0), score);
}

PERP_IN_LINE perp_lanes score_of_distance(const struct same *same, const struct own *own) {
    double least = same->config->min_liquidation_distance;
    return perp_pick(own->distance > 0, ramp(least / own->distance, 1),
                     perp_all(least > 0 ? 0 : 100));
}

/* perp_eval_scores */
PERP_IN_LINE void score(const struct same *same, struct own *own, perp_lanes est_volume) {
    own->safety = perp_all(0);
    for (uint32_t i = 0; i < PERP_COMPONENT_COUNT; i++) {
        perp_lanes component = perp_all(same->scores[i]);
        if (i == PERP_COMPONENT_FUNDING && same->carry_counts)
            component = score_of_carry(same, own);
        if (i == PERP_COMPONENT_LEVERAGE)
            component = score_of_distance(same, own);
        own->safety += same->config->weights[i] * component;
    }
    perp_lanes size =
        perp_lanes_min(perp_all(1), est_volume / (double)same->config->volume_reference_usd);
    perp_lanes volume = 100 * size * same->need;
    own->score = same->mode->safety_weight * own->safety + same->mode->volume_weight * volume;
}

/* edge_of_now: less what the legs' mids came nearer since the job was submitted. */
PERP_IN_LINE perp_lanes edge_of(const struct same *same, const struct own *own, perp_lanes edge,
                                perp_lanes then) {
    perp_lanes apart = perp_all(0);
    if (!same->has_basis)
        return edge;
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++)
        apart += same->legs[i].sign * own->legs[i].weight * same->legs[i].mid;
    perp_lanes basis = -apart / same->mean * BPS;
    perp_masks known = perp_lanes_finite(basis) & ~perp_lanes_nan(then);
    return perp_pick(known, edge - perp_lanes_max(perp_all(0), then - basis), edge);
}

/* The rules of a job that look at more than the route. */
PERP_IN_LINE perp_masks fails_of_job(const struct same *same, const struct own *own) {
    const struct set_limits *limits = &same->limits;
    perp_masks all = fails_COST_EXCEEDS_EDGE(own->edge, own->cost - limits->loss);
    if (same->is_arb)
        all |= fails_EDGE_TOO_SMALL(own->edge, perp_all(limits->edge));
    all |= fails_FUNDING_CARRY(same->carry_is_unknown ? perp_all(NAN) : own->carry,
                               perp_all(limits->carry));
    return all | fails_LOW_SAFETY(own->safety, perp_all(limits->safety));
}

PERP_IN_LINE void look_at_leg(const struct same *same, uint32_t n, struct own *own) {
    const struct same_leg *leg = &same->legs[n];
    struct own_leg *its = &own->legs[n];
    own->plain &= its->quantity <= leg->size;
    trade(leg, its);
    its->distance = perp_all(1);
    if (leg->margined)
        liquidate(leg, its, &own->plain);
    own->distance = perp_lanes_min(own->distance, its->distance);
    own->fails |= fails_of_leg(leg, &same->limits, its);
}

/* cost_bps and carry_bps */
PERP_IN_LINE void add_costs(const struct same *same, struct own *own) {
    perp_lanes funding = perp_all(0);
    own->cost = own->carry = perp_all(0);
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        const struct same_leg *leg = &same->legs[i];
        perp_lanes paid = leg->sign * own->legs[i].weight * leg->rate * BPS;
        own->cost += own->legs[i].weight * leg->cost_bps * same->trips;
        if (!leg->has_rate)
            continue;
        funding += paid * leg->settlements;
        own->carry += paid * leg->rates_in_8h;
    }
    own->cost += funding;
}

/* What jobs add to the accounts of their legs; where that is not below all the room there is, they
   are not plain. */
PERP_IN_LINE void add_sizes(const struct same *same, struct own *own) {
    own->adds[0] = own->legs[0].quantity * same->legs[0].mark;
    own->adds[1] = own->legs[1].quantity * same->legs[1].mark;
    if (same->same_exchange)
        own->adds[0] = own->adds[1] = own->adds[0] + own->adds[1];
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        perp_lanes slack = 1e-9 * perp_lanes_abs(own->adds[i]) + 1e-6;
        if (same->legs[i].margined)
            own->plain &= own->adds[i] + slack + same->legs[i].slack <= same->legs[i].room;
    }
}

PERP_IN_LINE void look(const struct same *same, const struct perp_route_block *block,
                       struct own *own) {
    perp_lanes whole = perp_lanes_at(block->columns[PERP_LANE_WHOLE]);
    own->plain = ~perp_none();
    own->fails = perp_none();
    own->distance = perp_all(1);
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        struct own_leg *leg = &own->legs[i];
        leg->quantity = perp_lanes_at(block->columns[PERP_LANE_QUANTITY + i]);
        leg->leverage = perp_lanes_at(block->columns[PERP_LANE_LEVERAGE + i]);
        leg->notional = perp_lanes_at(block->columns[PERP_LANE_NOTIONAL + i]);
        leg->weight = leg->notional / whole;
        look_at_leg(same, i, own);
    }
    own->plain &= ~(own->legs[0].reduces & own->legs[1].reduces);
    add_sizes(same, own);
    add_costs(same, own);
    own->edge = edge_of(same, own, perp_lanes_at(block->columns[PERP_LANE_EDGE]),
                        perp_lanes_at(block->columns[PERP_LANE_BASIS]));
    score(same, own, perp_lanes_at(block->columns[PERP_LANE_VOLUME]));
    own->fails |= fails_of_job(same, own);
}

/* ---- A route ------------------------------------------------------------------------------------
 */

/* What a loop finds of places: in order of lanes, to be put together. */
struct found {
    perp_masks others, moved;
    perp_lanes adds[PERP_ROUTE_LEGS];
};

/* What came of four places, against what stands: a plain job of which the same came is confirmed.
 */
PERP_IN_LINE void compare(const struct same *same, const struct perp_route_block *block,
                          const struct own *own, perp_masks bits, struct found *found,
                          double *scores) {
    perp_masks stands;
    memcpy(&stands, block->stands, sizeof stands);
    perp_lanes before = perp_lanes_at(block->columns[PERP_LANE_SCORE]);
    perp_masks confirmed = ((own->fails | (int64_t)same->fails) == stands) & own->plain;
    perp_masks moved = confirmed & (own->score != before);
    perp_lanes after = perp_pick(moved, own->score, before);
    memcpy(scores, &after, sizeof after);
    found->others |= ~confirmed & bits;
    found->moved |= moved & bits;
    for (uint32_t k = 0; k < PERP_ROUTE_LEGS; k++)
        found->adds[k] =
            perp_lanes_max(found->adds[k], perp_pick(own->plain, own->adds[k], perp_all(0)));
}

#define BLOCKS_AHEAD 3

FOR_EACH_PROCESSOR
static void look_at(const struct same *same, struct perp_route_looked *looked,
                    struct found *found) {
    perp_masks bits = {1, 2, 4, 8};
    found->others = found->moved = perp_none();
    found->adds[0] = found->adds[1] = perp_all(0);
    for (uint32_t i = 0; i < looked->n; i += PERP_LANES) {
        const struct perp_route_block *block = perp_route_block_of(looked->route, looked->from + i);
        struct own own;
        for (uint32_t k = 0; k < sizeof *block;
             k += 64) /* where it is then, in a few blocks' time */
            __builtin_prefetch((const char *)(block + BLOCKS_AHEAD) + k);
        look(same, block, &own);
        compare(same, block, &own, bits, found, &looked->scores[i]);
        bits <<= PERP_LANES;
    }
}

static void note_sizes(const struct perp_eval *e, const struct same *same,
                       const struct found *found) {
    for (uint32_t k = 0; k < PERP_ROUTE_LEGS; k++) {
        double most = 0;
        for (uint32_t i = 0; i < PERP_LANES; i++)
            most = perp_max(most, found->adds[k][i]);
        if (same->legs[k].margined)
            perp_facts_note_passing((perp_core *)(uintptr_t)e->core, same->legs[k].exchange, most);
    }
}

static uint64_t any_of(perp_masks masks) {
    return (uint64_t)(masks[0] | masks[1] | masks[2] | masks[3]);
}

void perp_route_look(struct perp_eval *e, const struct perp_route_part *part, void *user,
                     perp_route_looked_at *told) {
    struct same same;
    struct found found;
    struct perp_route_looked looked; /* but for scores, which are large */
    uint32_t end = part->from + part->n;
    looked.route = part->route;
    e->job = *perp_route_job_at(part->route, part->from);
    bool plain = take(e, &same);
    if (plain)
        perp_route_holds((struct perp_routes *)(uintptr_t)&e->risk->facts.routes, part->route,
                         e->holds);
    for (looked.from = part->from; looked.from < end; looked.from += PERP_ROUTE_CHUNK) {
        uint32_t left = end - looked.from;
        looked.n = left < PERP_ROUTE_CHUNK ? left : PERP_ROUTE_CHUNK;
        uint64_t all = UINT64_MAX >> (PERP_ROUTE_CHUNK - looked.n);
        looked.others = all;
        looked.moved = 0;
        if (plain) {
            look_at(&same, &looked, &found);
            note_sizes(e, &same, &found);
            looked.others = any_of(found.others) & all;
            looked.moved = any_of(found.moved) & all;
        }
        told(user, &looked);
    }
}
