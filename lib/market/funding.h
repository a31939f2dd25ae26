/* Settlements of funding: whole intervals away from one that is known. */
#ifndef PERP_MARKET_FUNDING_H
#define PERP_MARKET_FUNDING_H

#include <perpcore/market.h>

#define PERP_MAX_INTERVAL_H 168

/* The interval in nanoseconds; 0 where it is not above 0 and at most 168 hours (or rounds to none).
 */
int64_t perp_funding_interval_ns(double interval_h);

/* How many settlements lie in (from_ns, to_ns], with the interval as above; a fraction where they
   are continuous. */
double perp_settlements_between(const perp_funding *funding, int64_t interval_ns, int64_t from_ns,
                                int64_t to_ns);

/* How many settlements lie in (known_ns, time_ns]; negative where time_ns is before. */
int64_t perp_settlements_since(int64_t known_ns, int64_t interval_ns, int64_t time_ns);

/* How long ago the last settlement before a time was, and how long it is to the first one that is
   not before it; not for what is continuous. */
void perp_settlement_distances(const perp_funding *funding, int64_t interval_ns, int64_t now_ns,
                               int64_t *before, int64_t *after);

/* The first settlement after time_ns; PERP_TIME_NONE where it is past what a time can hold. */
int64_t perp_settlement_after(int64_t known_ns, int64_t interval_ns, int64_t time_ns);

#endif
