/* The pure functions of risk: liquidation price, book walk, funding. They need no core. */
#include <perpcore/risk.h>

#include <math.h>

#include "core/core.h"
#include "market/funding.h"
#include "market/walk.h"
#include "risk/risk.h"
#include "util/num.h"
#include "util/sized.h"

static perp_status invalid(const char *what) {
    return perp_fail(NULL, PERP_E_INVALID, "%s", what);
}

static double sign_of(uint32_t side) {
    return side == PERP_SIDE_BUY ? 1 : -1;
}

static const char *liquidation_flaw(const perp_liquidation *p) {
    if (p->reserved != 0)
        return "liquidation.reserved: must be 0";
    if (p->side >= PERP_SIDE_COUNT)
        return "liquidation.side: neither buy nor sell";
    if (p->maintenance > PERP_MAINTENANCE_AT_ENTRY)
        return "liquidation.maintenance: not known";
    if (!perp_positive(p->quantity))
        return "liquidation.quantity: not a finite number above 0";
    if (!perp_positive(p->entry_price))
        return "liquidation.entry_price: not a finite number above 0";
    if (!(p->maintenance_rate >= 0 && p->maintenance_rate <= 1))
        return "liquidation.maintenance_rate: not in 0..1";
    if (!perp_not_negative(p->liquidation_fee_rate))
        return "liquidation.liquidation_fee_rate: not a finite number of at least 0";
    if (!isfinite(p->wallet_balance) || !isfinite(p->maintenance_amount) ||
        !isfinite(p->other_maintenance) || !isfinite(p->other_upnl))
        return "liquidation: an amount is not finite";
    return NULL;
}

const char *perp_liquidation_solve(const perp_liquidation *p, double *price) {
    const char *flaw = liquidation_flaw(p);
    if (flaw)
        return flaw;
    double s = sign_of(p->side);
    double rate = p->maintenance_rate + p->liquidation_fee_rate;
    double value = p->quantity * p->entry_price;
    double margin = p->wallet_balance - p->other_maintenance + p->other_upnl;
    double found;
    if (p->maintenance == PERP_MAINTENANCE_AT_ENTRY)
        found =
            p->entry_price - s * (margin - (value * rate - p->maintenance_amount)) / p->quantity;
    else
        found =
            (margin + p->maintenance_amount - s * value) / (p->quantity * rate - s * p->quantity);
    if (!isfinite(found))
        return "liquidation: no price exists for these numbers";
    *price = found;
    return NULL;
}

perp_status perp_liquidation_price(const perp_liquidation *position, double *price) {
    perp_liquidation p = {.struct_size = sizeof p};
    if (!price)
        return invalid("price: NULL");
    if (!perp_struct_in(&p, sizeof p, position))
        return invalid("liquidation: NULL or a struct_size that is not known");
    const char *flaw = perp_liquidation_solve(&p, price);
    return flaw ? invalid(flaw) : PERP_OK;
}

perp_status perp_walk_book(uint32_t side, const perp_book_level *levels, uint32_t n_levels,
                           double quantity, perp_walk *walk) {
    if (!perp_struct_fits(walk, sizeof *walk))
        return invalid("walk: NULL or a struct_size that is not known");
    if (side >= PERP_SIDE_COUNT)
        return invalid("side: neither buy nor sell");
    if (!levels && n_levels > 0)
        return invalid("levels: NULL");
    if (!perp_positive(quantity))
        return invalid("quantity: not a finite number above 0");
    double s = sign_of(side);
    for (uint32_t i = 0; i < n_levels; i++) {
        if (!perp_positive(levels[i].price))
            return invalid("levels: a price is not a finite number above 0");
        if (!perp_not_negative(levels[i].size))
            return invalid("levels: a size is not a finite number of at least 0");
        if (i > 0 && s * levels[i].price < s * levels[i - 1].price)
            return invalid("levels: not best first");
    }
    perp_walk result = {.struct_size = sizeof result, .price = (double)NAN, .worst = (double)NAN};
    struct perp_walked walked;
    perp_walk_start(&walked, n_levels > 0 ? levels[0].price : 0, quantity);
    for (uint32_t i = 0; i < n_levels; i++)
        if (perp_walk_level(&walked, levels[i].price, levels[i].size))
            break;
    if (walked.filled > 0) {
        double shift = walked.excess / walked.filled;
        result.price = walked.best + shift;
        result.worst = walked.worst;
        result.filled = walked.filled;
        result.slippage_bps = fmax(0, s * shift / walked.best * 1e4);
    }
    perp_struct_out(walk, &result, sizeof result);
    return PERP_OK;
}

perp_status perp_funding_payment(uint32_t side, double size, double price, double rate,
                                 double *received) {
    if (!received)
        return invalid("received: NULL");
    if (side >= PERP_SIDE_COUNT)
        return invalid("side: neither buy nor sell");
    if (!perp_not_negative(size) || !perp_positive(price) || !isfinite(rate))
        return invalid("funding: size, price or rate is not finite, or negative");
    double paid = sign_of(side) * size * price * rate;
    if (!isfinite(paid))
        return invalid("funding: the payment is not finite");
    *received = paid == 0 ? 0 : -paid;
    return PERP_OK;
}

static double clamp(double x, double bound) {
    return x < -bound ? -bound : x > bound ? bound : x;
}

perp_status perp_funding_rate(double premium, double interest, double band, double divisor,
                              double cap, double *rate) {
    if (!rate)
        return invalid("rate: NULL");
    if (!isfinite(premium) || !isfinite(interest))
        return invalid("funding: premium or interest is not finite");
    if (!perp_not_negative(band) || !perp_not_negative(cap))
        return invalid("funding: band or cap is not a finite number of at least 0");
    if (!perp_positive(divisor))
        return invalid("divisor: not a finite number above 0");
    double found = (premium + clamp(interest - premium, band)) / divisor;
    if (!isfinite(found))
        return invalid("funding: the rate is not finite");
    *rate = cap > 0 ? clamp(found, cap) : found;
    return PERP_OK;
}

perp_status perp_funding_settlements(const perp_funding *funding, int64_t from_ns, int64_t to_ns,
                                     double *count) {
    if (!funding || !count)
        return invalid("funding or count: NULL");
    int64_t interval = perp_funding_interval_ns(funding->interval_h);
    if (interval == 0)
        return invalid("funding.interval_h: not above 0 and at most 168");
    if (from_ns == PERP_TIME_NONE || to_ns == PERP_TIME_NONE || to_ns < from_ns)
        return invalid("funding: the times are not given, or the end is before the start");
    if (!funding->continuous && funding->next_ns == PERP_TIME_NONE)
        return invalid("funding.next_ns: not given");
    *count = perp_settlements_between(funding, interval, from_ns, to_ns);
    return PERP_OK;
}
