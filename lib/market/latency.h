/* The last latency samples of an exchange. */
#ifndef PERP_MARKET_LATENCY_H
#define PERP_MARKET_LATENCY_H

#include "market/slot.h"

void perp_gauge_add(struct perp_gauge *gauge, int64_t time_ns, double ms);

#endif
