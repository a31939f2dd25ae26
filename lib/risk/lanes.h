/* A few doubles at once, by the compiler's vectors: the same operations in the same order as on
   one, and so the same bits, whatever the processor has. A mask has all bits of a lane set, or
   none. */
#ifndef PERP_RISK_LANES_H
#define PERP_RISK_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/num.h"

#define PERP_LANES 4

typedef double perp_lanes __attribute__((vector_size(PERP_LANES * 8)));
typedef int64_t perp_masks __attribute__((vector_size(PERP_LANES * 8)));

/* In line always: a function of vectors would be called in different ways on different processors.
 */
#define PERP_IN_LINE static inline __attribute__((always_inline, unused))

PERP_IN_LINE perp_lanes perp_all(double x) {
    return (perp_lanes){x, x, x, x};
}

PERP_IN_LINE perp_masks perp_none(void) {
    return (perp_masks){0, 0, 0, 0};
}

PERP_IN_LINE perp_masks perp_whether(bool is) {
    return perp_none() - (is ? 1 : 0);
}

PERP_IN_LINE perp_lanes perp_lanes_at(const double *from) {
    perp_lanes lanes;
    memcpy(&lanes, from, sizeof lanes); /* not on a boundary */
    return lanes;
}

PERP_IN_LINE perp_lanes perp_pick(perp_masks which, perp_lanes a, perp_lanes b) {
    return (perp_lanes)((which & (perp_masks)a) | (~which & (perp_masks)b));
}

PERP_IN_LINE perp_lanes perp_lanes_abs(perp_lanes a) {
    return (perp_lanes)((perp_masks)a & INT64_MAX);
}

PERP_IN_LINE perp_masks perp_lanes_nan(perp_lanes a) {
    return a != a;
}

PERP_IN_LINE perp_masks perp_lanes_finite(perp_lanes a) {
    return perp_lanes_abs(a) <= perp_all(0x1.fffffffffffffp1023);
}

/* perp_max and perp_min. */
PERP_IN_LINE perp_lanes perp_lanes_max(perp_lanes a, perp_lanes b) {
    return perp_pick((a > b) | perp_lanes_nan(b), a, b);
}

PERP_IN_LINE perp_lanes perp_lanes_min(perp_lanes a, perp_lanes b) {
    return perp_pick((a < b) | perp_lanes_nan(b), a, b);
}

/* perp_quantity_sum and perp_at_most. */
PERP_IN_LINE perp_lanes perp_lanes_sum(perp_lanes a, perp_lanes b) {
    perp_lanes sum = a + b, size = perp_lanes_abs(a), other = perp_lanes_abs(b);
    perp_lanes largest = perp_pick(other > size, other, size);
    return perp_pick(perp_lanes_abs(sum) <= PERP_NEAR_ZERO * largest, perp_all(0), sum);
}

PERP_IN_LINE perp_masks perp_lanes_at_most(perp_lanes a, perp_lanes b) {
    perp_lanes size = perp_lanes_abs(a), other = perp_lanes_abs(b);
    return (a <= b) | (a - b <= PERP_NEAR_ZERO * perp_pick(size > other, size, other));
}

#endif
