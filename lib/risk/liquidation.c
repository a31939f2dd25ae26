/* How far each leg's position will be from its liquidation. */
#include "risk/risk.h"

#include <math.h>

#include "util/num.h"

static perp_tier tier_of(const perp_instrument_spec *spec, double value) {
    perp_tier none = {.mmr = 0.005};
    if (!spec->n_tiers)
        return none;
    uint32_t found = 0;
    for (uint32_t i = 1; i < spec->n_tiers && spec->tiers[i].floor <= value; i++)
        found = i;
    return spec->tiers[found];
}

/* The maintenance margin of the exchange's other reported positions that are not spot. */
static double other_maintenance(const struct perp_eval *e, const struct perp_job_leg *leg) {
    double sum = 0;
    uint32_t id = e->core->exchanges[leg->exchange].first_instrument_1 - 1;
    for (; id != PERP_NO_ID; id = perp_instrument_at(e->core, id)->next_on_exchange) {
        const perp_instrument_spec *spec = &perp_instrument_at(e->core, id)->spec;
        if (id == leg->instrument || spec->kind == PERP_KIND_SPOT)
            continue;
        struct perp_market_view view;
        perp_market_read(e->core->market, id, e->now, &view);
        if (!view.has_position || view.position.quantity == 0)
            continue;
        double price = view.mark > 0 ? view.mark : view.position.entry_price;
        double value = fabs(view.position.quantity) * price;
        perp_tier tier = tier_of(spec, value);
        sum += value * tier.mmr - tier.amount;
    }
    return sum;
}

static double distance_to(double mark, double price, bool is_long) {
    if (price <= 0)
        return 1;
    if (is_long ? mark <= price : mark >= price)
        return 0;
    return perp_min(1, fabs(mark - price) / mark);
}

static void liquidation_of(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    const perp_instrument_spec *spec = &perp_instrument_at(e->core, leg->instrument)->spec;
    struct perp_holding holding = perp_position_after(e, n);
    measure->position = holding.quantity;
    measure->entry = holding.entry;
    measure->liquidation_price = NAN;
    measure->liquidation_distance = 1;
    if (spec->kind == PERP_KIND_SPOT || holding.quantity == 0)
        return;
    const perp_position *reported = &measure->market.position;
    bool has_reported = measure->market.has_position && reported->quantity != 0;
    double leverage = leg->leverage;
    if (has_reported && reported->leverage > leverage)
        leverage = reported->leverage;
    double size = fabs(holding.quantity);
    double mark = measure->market.mark;
    perp_tier tier = tier_of(spec, size * mark);
    bool is_long = holding.quantity > 0;
    uint32_t margin = e->core->exchanges[leg->exchange].spec.margin_mode;
    if (measure->market.has_position && reported->margin_mode < PERP_MARGIN_COUNT)
        margin = reported->margin_mode;
    perp_liquidation position = {
        .struct_size = sizeof position,
        .side = is_long ? PERP_SIDE_BUY : PERP_SIDE_SELL,
        .quantity = size,
        .entry_price = holding.entry,
        .wallet_balance = size * holding.entry / leverage,
        .maintenance_rate = tier.mmr,
        .maintenance_amount = tier.amount,
    };
    if (margin == PERP_MARGIN_CROSS) {
        position.wallet_balance =
            perp_usd_to_double(e->core->capital->accounts[leg->exchange].equity);
        position.other_maintenance = other_maintenance(e, leg);
    }
    double price;
    if (perp_liquidation_solve(&position, &price)) {
        measure->liquidation_distance = 0; /* no price exists: nothing says that it is safe */
        return;
    }
    measure->liquidation_price = price;
    measure->liquidation_distance = distance_to(mark, price, is_long);
    if (has_reported && reported->liquidation_price > 0 && (reported->quantity > 0) == is_long)
        measure->liquidation_distance = perp_min(
            measure->liquidation_distance, distance_to(mark, reported->liquidation_price, is_long));
}

void perp_eval_liquidation(struct perp_eval *e) {
    e->min_distance = 1;
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        liquidation_of(e, i);
        e->min_distance = perp_min(e->min_distance, e->legs[i].liquidation_distance);
    }
}
