/* What an order is measured by: the mid, or the mark, and how far from it it may be priced. */
#include "risk/risk.h"

bool perp_quote_is_fresh(const perp_core *core, const struct perp_market_view *market,
                         int64_t now) {
    int64_t most = core->config.risk.max_quote_age_ms * PERP_NS_PER_MS;
    return market->has_quote && perp_ns_since(market->quote_time, now) <= most &&
           perp_ns_since(now, market->quote_time) <= most;
}

double perp_order_reference(const perp_core *core, const struct perp_market_view *market,
                            int64_t now) {
    if (perp_quote_is_fresh(core, market, now))
        return market->mid;
    return market->mark_is_fresh ? market->mark : 0;
}

void perp_order_collar(const perp_core *core, double reference, uint32_t side, bool reduce_only,
                       double *through, double *other) {
    double share = core->config.orders.price_collar_bps / 1e4, wide = 10 * share;
    double sign = side == PERP_SIDE_BUY ? 1 : -1;
    *through = reference * (1 + sign * (reduce_only ? wide : share));
    *other = reference * (1 - sign * wide);
}
