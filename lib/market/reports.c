/* Trades, marks, funding, positions, and what is known of an exchange's API. */
#include <float.h>
#include <math.h>

#include "market/funding.h"
#include "market/latency.h"
#include "market/slot.h"

perp_status perp_market_refuse(const perp_market *market, perp_status status) {
    if (!market)
        return status;
    perp_core *core = market->core;
    atomic_fetch_add_explicit(status == PERP_E_STALE ? &core->stale_events : &core->rejected_events,
                              1, memory_order_relaxed);
    return status;
}

perp_status perp_market_no_event(const perp_market *market, const char *kind) {
    return perp_market_refuse(market, perp_fail(market ? market->core : NULL, PERP_E_INVALID,
                                                "%s: the market or the event is NULL", kind));
}

perp_status perp_market_unknown(const perp_market *market, const char *kind, const char *what,
                                uint32_t id) {
    return perp_market_refuse(
        market, perp_fail(market->core, PERP_E_NOT_FOUND, "%s: no %s has id %u", kind, what, id));
}

perp_status perp_market_invalid(const perp_market *market, const char *field, double value,
                                const char *must) {
    return perp_market_refuse(market, perp_fail(market->core, PERP_E_INVALID,
                                                "%s is %.17g, must be %s", field, value, must));
}

perp_status perp_market_stale(const perp_market *market, const char *kind, int64_t time_ns,
                              int64_t last_ns) {
    return perp_market_refuse(market, perp_fail(market->core, PERP_E_STALE,
                                                "%s.time_ns is %lld, the last one was at %lld",
                                                kind, (long long)time_ns, (long long)last_ns));
}

perp_status perp_market_ahead(const perp_market *market, const char *kind, int64_t time_ns) {
    return perp_market_refuse(
        market, perp_fail(market->core, PERP_E_RANGE,
                          "%s.time_ns is %lld, more than 7 days past the clock, %lld", kind,
                          (long long)time_ns, (long long)perp_clock(market->core)));
}

static bool is_price(double x) {
    return x > 0 && x <= DBL_MAX;
}

static bool is_size(double x) {
    return x >= 0 && x <= DBL_MAX;
}

/* The checks that follow those of the content: PERP_OK, or the counted error. */
static perp_status check_time(const perp_market *market, const char *kind, int64_t time_ns,
                              int64_t last_ns) {
    if (time_ns == PERP_TIME_NONE)
        return perp_market_refuse(
            market, perp_fail(market->core, PERP_E_INVALID, "%s.time_ns is not given", kind));
    if (time_ns < last_ns)
        return perp_market_stale(market, kind, time_ns, last_ns);
    if (perp_too_far_ahead(market->core, time_ns))
        return perp_market_ahead(market, kind, time_ns);
    return PERP_OK;
}

perp_status perp_market_on_trade(perp_market *market, const perp_trade *trade) {
    if (!market || !trade)
        return perp_market_no_event(market, "trade");
    struct perp_slot *slot = perp_slot_of(market, trade->instrument);
    if (!slot)
        return perp_market_unknown(market, "trade", "instrument", trade->instrument);
    if (trade->reserved != 0)
        return perp_market_invalid(market, "trade.reserved", trade->reserved, "0");
    if (!is_price(trade->price))
        return perp_market_invalid(market, "trade.price", trade->price, "a finite number above 0");
    if (!is_size(trade->size))
        return perp_market_invalid(market, "trade.size", trade->size,
                                   "a finite number, not negative");
    perp_status status = check_time(market, "trade", trade->time_ns, PERP_OWN(slot->last_time));
    if (status != PERP_OK)
        return status;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->last, trade->price);
    PERP_PUT(slot->last_time, trade->time_ns);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

perp_status perp_market_on_mark(perp_market *market, const perp_mark *mark) {
    if (!market || !mark)
        return perp_market_no_event(market, "mark");
    struct perp_slot *slot = perp_slot_of(market, mark->instrument);
    if (!slot)
        return perp_market_unknown(market, "mark", "instrument", mark->instrument);
    if (mark->reserved != 0)
        return perp_market_invalid(market, "mark.reserved", mark->reserved, "0");
    if (!is_price(mark->price))
        return perp_market_invalid(market, "mark.price", mark->price, "a finite number above 0");
    perp_status status = check_time(market, "mark", mark->time_ns, PERP_OWN(slot->mark_time));
    if (status != PERP_OK)
        return status;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->mark, mark->price);
    PERP_PUT(slot->mark_time, mark->time_ns);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

perp_status perp_market_on_funding(perp_market *market, const perp_funding *funding) {
    if (!market || !funding)
        return perp_market_no_event(market, "funding");
    struct perp_slot *slot = perp_slot_of(market, funding->instrument);
    if (!slot)
        return perp_market_unknown(market, "funding", "instrument", funding->instrument);
    if (!isfinite(funding->rate))
        return perp_market_invalid(market, "funding.rate", funding->rate, "finite");
    bool too_long = funding->interval_h > PERP_MAX_INTERVAL_H && funding->interval_h <= DBL_MAX;
    if (!too_long && perp_funding_interval_ns(funding->interval_h) == 0)
        return perp_market_invalid(market, "funding.interval_h", funding->interval_h,
                                   "above 0, at most 168");
    if (funding->continuous > 1)
        return perp_market_invalid(market, "funding.continuous", funding->continuous, "0 or 1");
    if (!funding->continuous && funding->next_ns == PERP_TIME_NONE)
        return perp_market_refuse(
            market, perp_fail(market->core, PERP_E_INVALID, "funding.next_ns is not given"));
    perp_status status =
        check_time(market, "funding", funding->time_ns, PERP_OWN(slot->funding_time));
    if (status != PERP_OK)
        return status;
    if (too_long)
        return perp_market_refuse(market, perp_fail(market->core, PERP_E_RANGE,
                                                    "funding.interval_h is %.17g, at most 168",
                                                    funding->interval_h));
    int64_t interval_ns = perp_funding_interval_ns(funding->interval_h);
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->funding_time, funding->time_ns);
    PERP_PUT(slot->funding_rate, funding->rate);
    PERP_PUT(slot->funding_interval_h, funding->interval_h);
    PERP_PUT(slot->funding_interval_ns, interval_ns);
    PERP_PUT(slot->funding_next, funding->next_ns);
    PERP_PUT(slot->funding_continuous, funding->continuous);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

static perp_status check_position(const perp_market *market, const perp_position *position) {
    if (!isfinite(position->quantity))
        return perp_market_invalid(market, "position.quantity", position->quantity, "finite");
    if (position->quantity != 0 && !is_price(position->entry_price))
        return perp_market_invalid(market, "position.entry_price", position->entry_price,
                                   "a finite number above 0");
    if (position->leverage != 0 && !(position->leverage >= 1 && position->leverage <= DBL_MAX))
        return perp_market_invalid(market, "position.leverage", position->leverage,
                                   "0 or at least 1");
    if (!is_size(position->liquidation_price))
        return perp_market_invalid(market, "position.liquidation_price",
                                   position->liquidation_price, "a finite number, not negative");
    if (position->margin_mode >= PERP_MARGIN_COUNT &&
        position->margin_mode != PERP_MARGIN_NOT_GIVEN)
        return perp_market_invalid(market, "position.margin_mode", position->margin_mode,
                                   "a margin mode");
    return PERP_OK;
}

perp_status perp_market_on_position(perp_market *market, const perp_position *position) {
    if (!market || !position)
        return perp_market_no_event(market, "position");
    struct perp_slot *slot = perp_slot_of(market, position->instrument);
    if (!slot)
        return perp_market_unknown(market, "position", "instrument", position->instrument);
    perp_status status = check_position(market, position);
    if (status == PERP_OK)
        status = check_time(market, "position", position->time_ns, PERP_OWN(slot->position_time));
    if (status != PERP_OK)
        return status;
    bool open = position->quantity != 0;
    bool given = position->margin_mode != PERP_MARGIN_NOT_GIVEN;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->position_time, position->time_ns);
    PERP_PUT(slot->position_quantity, open ? position->quantity : 0.0);
    PERP_PUT(slot->position_entry, open ? position->entry_price : 0.0);
    PERP_PUT(slot->position_leverage, position->leverage);
    PERP_PUT(slot->position_liquidation, position->liquidation_price);
    PERP_PUT(slot->position_margin, given ? position->margin_mode : slot->exchange_margin);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

perp_status perp_market_on_status(perp_market *market, const perp_exchange_status *status) {
    if (!market || !status)
        return perp_market_no_event(market, "status");
    struct perp_gauge *gauge = perp_gauge_of(market, status->exchange);
    if (!gauge)
        return perp_market_unknown(market, "status", "exchange", status->exchange);
    if (status->api >= PERP_API_COUNT)
        return perp_market_invalid(market, "status.api", status->api, "up, degraded or down");
    perp_status checked =
        check_time(market, "status", status->time_ns, PERP_OWN(gauge->status_time));
    if (checked != PERP_OK)
        return checked;
    perp_write_begin(&gauge->seq);
    PERP_PUT(gauge->api, status->api);
    PERP_PUT(gauge->status_time, status->time_ns);
    if (status->api == PERP_API_UP)
        PERP_PUT(gauge->ups, PERP_OWN(gauge->ups) + 1);
    perp_write_end(&gauge->seq);
    return PERP_OK;
}

perp_status perp_market_on_latency(perp_market *market, const perp_latency *latency) {
    if (!market || !latency)
        return perp_market_no_event(market, "latency");
    struct perp_gauge *gauge = perp_gauge_of(market, latency->exchange);
    if (!gauge)
        return perp_market_unknown(market, "latency", "exchange", latency->exchange);
    if (latency->reserved != 0)
        return perp_market_invalid(market, "latency.reserved", latency->reserved, "0");
    if (!is_size(latency->ms))
        return perp_market_invalid(market, "latency.ms", latency->ms,
                                   "a finite number, not negative");
    /* Samples count in any order, so none is stale. */
    perp_status status = check_time(market, "latency", latency->time_ns, latency->time_ns);
    if (status != PERP_OK)
        return status;
    perp_gauge_add(gauge, latency->time_ns, latency->ms);
    return PERP_OK;
}
