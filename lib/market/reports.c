/* Trades, marks, funding, positions, and what is known of an exchange's API. */
#include <float.h>
#include <math.h>

#include "market/funding.h"
#include "market/latency.h"
#include "market/slot.h"

#define MAX_RATE 0.5
#define NS_PER_H (INT64_C(3600) * PERP_NS_PER_S)

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

static bool is_price(double x) {
    return x > 0 && x <= DBL_MAX;
}

static bool is_size(double x) {
    return x >= 0 && x <= DBL_MAX;
}

/* The checks that follow those of the content: PERP_OK, or the counted error. */
static perp_status check_time(perp_market *market, const char *kind, int64_t time_ns,
                              int64_t last_ns) {
    if (time_ns == PERP_TIME_NONE)
        return perp_market_refuse(
            market, perp_fail(market->core, PERP_E_INVALID, "%s.time_ns is not given", kind));
    if (time_ns < last_ns)
        return perp_market_stale(market, kind, time_ns, last_ns);
    return perp_feed_check(market, kind, time_ns);
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
    perp_news_tell(market, trade->instrument);
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
    perp_news_tell(market, mark->instrument);
    perp_write_end(&slot->seq);
    return PERP_OK;
}

/* What is wrong with a report of a rate: PERP_OK, or the counted error. */
static perp_status check_funding(const perp_market *market, const perp_funding *funding) {
    if (!(fabs(funding->rate) <= MAX_RATE))
        return perp_market_invalid(market, "funding.rate", funding->rate, "within 0.5 of 0");
    int64_t interval = perp_funding_interval_ns(funding->interval_h);
    if (interval == 0)
        return perp_market_invalid(market, "funding.interval_h", funding->interval_h,
                                   "above 0, at most 168");
    if (funding->continuous > 1)
        return perp_market_invalid(market, "funding.continuous", funding->continuous, "0 or 1");
    if (funding->continuous || funding->time_ns == PERP_TIME_NONE)
        return PERP_OK;
    if (funding->next_ns == PERP_TIME_NONE ||
        !perp_within(funding->next_ns, funding->time_ns, interval + NS_PER_H))
        return perp_market_refuse(
            market, perp_fail(market->core, PERP_E_INVALID,
                              "funding.next_ns is %lld, must be within one interval and an hour "
                              "of %lld",
                              (long long)funding->next_ns, (long long)funding->time_ns));
    return PERP_OK;
}

/* Nothing is known of a rate after a report that makes no sense, until a good one comes; one that
   is older than what is known says nothing of it. */
static void forget_rate(const perp_market *market, struct perp_slot *slot,
                        perp_instrument_id instrument, int64_t time_ns) {
    if (time_ns < PERP_OWN(slot->funding_time))
        return;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->funding_interval_ns, 0);
    perp_news_tell(market, instrument);
    perp_write_end(&slot->seq);
}

perp_status perp_market_on_funding(perp_market *market, const perp_funding *funding) {
    if (!market || !funding)
        return perp_market_no_event(market, "funding");
    struct perp_slot *slot = perp_slot_of(market, funding->instrument);
    if (!slot)
        return perp_market_unknown(market, "funding", "instrument", funding->instrument);
    perp_status status = check_funding(market, funding);
    if (status != PERP_OK) {
        forget_rate(market, slot, funding->instrument, funding->time_ns);
        return status;
    }
    status = check_time(market, "funding", funding->time_ns, PERP_OWN(slot->funding_time));
    if (status != PERP_OK)
        return status;
    perp_write_begin(&slot->seq);
    PERP_PUT(slot->funding_time, funding->time_ns);
    PERP_PUT(slot->funding_rate, funding->rate);
    PERP_PUT(slot->funding_interval_h, funding->interval_h);
    PERP_PUT(slot->funding_interval_ns, perp_funding_interval_ns(funding->interval_h));
    PERP_PUT(slot->funding_next, funding->next_ns);
    PERP_PUT(slot->funding_continuous, funding->continuous);
    perp_news_tell(market, funding->instrument);
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
    perp_news_tell(market, PERP_NEWS_OF_EXCHANGE + status->exchange);
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
    perp_news_tell(market, PERP_NEWS_OF_EXCHANGE + latency->exchange);
    perp_gauge_add(gauge, latency->time_ns, latency->ms);
    perp_news_tell(market, PERP_NEWS_OF_EXCHANGE + latency->exchange);
    return PERP_OK;
}
