/* Rates of quote currencies, and the clock of feeds: how far ahead an event's time may be. */
#include <string.h>

#include "market/slot.h"
#include "util/text.h"

uint32_t perp_currency_place(perp_market *market, const char *name) {
    uint32_t place = 0;
    pthread_mutex_lock(&market->feed_lock);
    uint32_t n = PERP_GET(market->n_currencies);
    while (place < n && strcmp(market->currencies[place].name, name) != 0)
        place++;
    if (place == n && n < PERP_MAX_CURRENCIES) {
        struct perp_currency *currency = &market->currencies[n];
        memset(currency->name, 0, sizeof currency->name);
        memcpy(currency->name, name, strnlen(name, sizeof currency->name - 1));
        PERP_PUT(currency->time, PERP_TIME_NONE);
        PERP_PUT(currency->usd, 1.0);
        PERP_PUT(market->n_currencies, n + 1);
    }
    pthread_mutex_unlock(&market->feed_lock);
    return place < PERP_MAX_CURRENCIES ? place : PERP_NO_ID;
}

static void later(int64_t *newest, int64_t time_ns) {
    if (time_ns > *newest)
        *newest = time_ns;
}

/* Every slot keeps the time of the last event of each kind, so the newest of all is only looked for
   where it matters: about once in max_ahead_ms of a feed's time. */
int64_t perp_market_newest(const perp_market *market) {
    int64_t newest = PERP_TIME_NONE;
    for (uint32_t i = 0; i < perp_n_instruments(market->core); i++) {
        const struct perp_slot *slot = PERP_GET(market->slots[i]);
        later(&newest, PERP_GET(slot->quote_time));
        later(&newest, PERP_GET(slot->withdrawn_time));
        later(&newest, PERP_GET(slot->mark_time));
        later(&newest, PERP_GET(slot->last_time));
        later(&newest, PERP_GET(slot->funding_time));
    }
    for (uint32_t i = 0; i < perp_n_exchanges(market->core); i++) {
        later(&newest, PERP_GET(market->gauges[i].status_time));
        int64_t sample = PERP_GET(market->gauges[i].newest);
        if (sample <= PERP_GET(market->gauges[i].forgotten))
            later(&newest, sample);
    }
    for (uint32_t i = 0; i < PERP_GET(market->n_currencies); i++)
        later(&newest, PERP_GET(market->currencies[i].time));
    return newest;
}

bool perp_feed_agrees(perp_market *market, int64_t time_ns) {
    if (perp_feed_is_near(market, time_ns))
        return true;
    pthread_mutex_lock(&market->feed_lock);
    int64_t known = perp_market_newest(market), refused = market->feed_refused;
    if (atomic_load_explicit(&market->core->clock_is_told, memory_order_acquire))
        later(&known, perp_clock(market->core));
    bool any = known != PERP_TIME_NONE;
    int64_t until = any ? perp_ns_after(known, market->max_ahead_ns) : INT64_MIN;
    bool agrees = !any || time_ns <= until;
    if (!agrees && refused != PERP_TIME_NONE)
        agrees = perp_within(refused, time_ns, market->max_ahead_ns);
    market->feed_refused = agrees ? PERP_TIME_NONE : time_ns;
    PERP_PUT(market->feed_until, agrees ? until : INT64_MIN);
    pthread_mutex_unlock(&market->feed_lock);
    return agrees;
}

perp_status perp_feed_check(perp_market *market, const char *kind, int64_t time_ns) {
    if (perp_feed_agrees(market, time_ns))
        return PERP_OK;
    return perp_market_refuse(
        market,
        perp_fail(market->core, PERP_E_RANGE,
                  "%s.time_ns is %lld, more than %lld ms past the clock and all that feeds "
                  "said before",
                  kind, (long long)time_ns, (long long)(market->max_ahead_ns / PERP_NS_PER_MS)));
}

perp_status perp_market_on_rate(perp_market *market, const perp_rate *rate) {
    if (!market || !rate)
        return perp_market_no_event(market, "rate");
    size_t length = strnlen(rate->quote, sizeof rate->quote);
    if (length == 0 || length == sizeof rate->quote ||
        !perp_text_is_name(rate->quote, PERP_NAME_SIZE - 1))
        return perp_market_refuse(market, perp_fail(market->core, PERP_E_INVALID,
                                                    "rate.quote: not a name of 1 to %d bytes",
                                                    PERP_NAME_SIZE - 1));
    if (!(rate->usd > 0 && rate->usd <= DBL_MAX))
        return perp_market_invalid(market, "rate.usd", rate->usd, "a finite number above 0");
    if (rate->time_ns == PERP_TIME_NONE)
        return perp_market_refuse(
            market, perp_fail(market->core, PERP_E_INVALID, "rate.time_ns is not given"));
    uint32_t place = perp_currency_place(market, rate->quote);
    if (place == PERP_NO_ID)
        return perp_market_refuse(market, perp_fail(market->core, PERP_E_RANGE,
                                                    "rate.quote: more than %d currencies",
                                                    PERP_MAX_CURRENCIES));
    struct perp_currency *currency = &market->currencies[place];
    if (rate->time_ns < PERP_GET(currency->time))
        return perp_market_stale(market, "rate", rate->time_ns, PERP_GET(currency->time));
    perp_status status = perp_feed_check(market, "rate", rate->time_ns);
    if (status != PERP_OK)
        return status;
    perp_news_tell(market, PERP_NEWS_OF_RATE + place);
    PERP_PUT(currency->usd, rate->usd);
    PERP_PUT(currency->time, rate->time_ns);
    perp_news_tell(market, PERP_NEWS_OF_RATE + place);
    return PERP_OK;
}
