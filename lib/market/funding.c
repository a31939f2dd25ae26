#include "market/funding.h"

#include <math.h>

__extension__ typedef __int128 wide;

#define NS_PER_HOUR 3.6e12

int64_t perp_funding_interval_ns(double interval_h) {
    if (!(interval_h > 0 && interval_h <= PERP_MAX_INTERVAL_H))
        return 0;
    return (int64_t)round(interval_h * NS_PER_HOUR);
}

/* How many whole intervals lie in [from, to), rounded down. Most times are within one interval,
   which needs no division, and times of one age need no 128 bits. */
static wide whole_intervals(int64_t from_ns, int64_t interval_ns, int64_t to_ns) {
    int64_t near;
    if (!__builtin_sub_overflow(to_ns, from_ns, &near)) {
        if (near >= -interval_ns && near < interval_ns)
            return near < 0 ? -1 : 0;
        return near / interval_ns - (near % interval_ns < 0);
    }
    wide apart = (wide)to_ns - from_ns;
    return apart / interval_ns - (apart % interval_ns < 0);
}

int64_t perp_settlements_since(int64_t known_ns, int64_t interval_ns, int64_t time_ns) {
    wide whole = whole_intervals(known_ns, interval_ns, time_ns);
    return whole > INT64_MAX ? INT64_MAX : whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}

double perp_settlements_between(const perp_funding *funding, int64_t interval_ns, int64_t from_ns,
                                int64_t to_ns) {
    if (funding->continuous)
        return (double)((uint64_t)to_ns - (uint64_t)from_ns) / (double)interval_ns;
    return (double)perp_settlements_since(funding->next_ns, interval_ns, to_ns) -
           (double)perp_settlements_since(funding->next_ns, interval_ns, from_ns);
}

void perp_settlement_distances(const perp_funding *funding, int64_t interval_ns, int64_t now_ns,
                               int64_t *before, int64_t *after) {
    int64_t next = funding->next_ns;
    if (__builtin_sub_overflow(next, now_ns, after) || *after < 0 || *after >= interval_ns) {
        *after = (next % interval_ns - now_ns % interval_ns) % interval_ns;
        if (*after < 0)
            *after += interval_ns;
    }
    *before = interval_ns - *after;
}

int64_t perp_settlement_after(int64_t known_ns, int64_t interval_ns, int64_t time_ns) {
    wide next = known_ns + (whole_intervals(known_ns, interval_ns, time_ns) + 1) * interval_ns;
    return next > INT64_MAX ? PERP_TIME_NONE : (int64_t)next;
}
