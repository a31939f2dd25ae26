/* Exact arithmetic on money, and small numeric helpers. */
#ifndef PERP_UTIL_NUM_H
#define PERP_UTIL_NUM_H

#include <perpcore/types.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define PERP_PPM 1000000

/* Sum and difference; false on overflow (*out is then not set). */
static inline bool perp_usd_add(perp_usd a, perp_usd b, perp_usd *out) {
    perp_usd sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool perp_usd_sub(perp_usd a, perp_usd b, perp_usd *out) {
    perp_usd rest;
    if (__builtin_sub_overflow(a, b, &rest))
        return false;
    *out = rest;
    return true;
}

/* floor(amount × ppm / 10^6), exact; amount not negative, ppm at most 10^6. Millions and the rest
   are taken apart: amount = 10^6 × m + r gives m × ppm, which is whole, and r × ppm / 10^6. Neither
   product can overflow. */
static inline perp_usd perp_usd_ppm(perp_usd amount, uint32_t ppm) {
    perp_usd millions = amount / PERP_PPM;
    perp_usd rest = amount % PERP_PPM;
    return millions * ppm + rest * ppm / PERP_PPM;
}

/* Rounds dollars half away from zero to the micro-dollar; false where not finite or out of range.
 */
bool perp_usd_from_double(double usd, perp_usd *out);
static inline double perp_usd_to_double(perp_usd amount) {
    return (double)amount / 1e6;
}
/* Shares total over n weights (not negative, not all 0: then everything goes to the first): each
   part total × weight / sum truncated toward zero in 128 bits, the rest added to parts[0]. */
void perp_usd_share(perp_usd total, const perp_usd *weights, uint32_t n, perp_usd *parts);
/* Whether a × 10^6 ≥ b × ppm, in 128 bits. */
bool perp_usd_at_least_ppm(perp_usd a, perp_usd b, uint32_t ppm);
/* amount × to / from, half away from zero, in 128 bits; from and to above 0. false on overflow. */
bool perp_usd_scale(perp_usd amount, perp_usd to, perp_usd from, perp_usd *out);
/* Whether a and b differ by more than ppm of the larger of the two in size, in 128 bits. */
bool perp_usd_apart(perp_usd a, perp_usd b, uint32_t ppm);

/* A quantity near zero is zero: of a sum, at most 10^-9 of the largest of its terms. */
#define PERP_NEAR_ZERO 1e-9

struct perp_tally {
    double sum, largest;
};

static inline void perp_tally_add(struct perp_tally *tally, double quantity) {
    double size = fabs(quantity);
    tally->sum += quantity;
    if (size > tally->largest)
        tally->largest = size;
}

static inline double perp_tally_of(const struct perp_tally *tally) {
    return fabs(tally->sum) <= PERP_NEAR_ZERO * tally->largest ? 0 : tally->sum;
}

static inline double perp_quantity_sum(double a, double b) {
    struct perp_tally tally = {0, 0};
    perp_tally_add(&tally, a);
    perp_tally_add(&tally, b);
    return perp_tally_of(&tally);
}

/* Whether a quantity exceeds another by no more than 10^-9 of the larger. */
static inline bool perp_at_most(double a, double b) {
    return a <= b || a - b <= PERP_NEAR_ZERO * (fabs(a) > fabs(b) ? fabs(a) : fabs(b));
}

/* fmax and fmin without a call; of two zeros the second. */
static inline double perp_max(double a, double b) {
    return a > b || isnan(b) ? a : b;
}

static inline double perp_min(double a, double b) {
    return a < b || isnan(b) ? a : b;
}

/* Whether two are the same to the bit; of NaN, too. */
static inline bool perp_same_bits(double a, double b) {
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

/* True where x is a finite number above 0 / not below 0. */
static inline bool perp_positive(double x) {
    return isfinite(x) && x > 0;
}

static inline bool perp_not_negative(double x) {
    return isfinite(x) && x >= 0;
}

/* Mixes bytes into a 64-bit hash (the same on every machine of one byte order: for what is not
   stored as a part of the book).
 */
uint64_t perp_hash_bytes(uint64_t hash, const void *bytes, size_t size);

static inline uint64_t perp_hash_u64(uint64_t hash, uint64_t value) {
    /* The finaliser of SplitMix64 over a running state: every bit of value reaches every bit. */
    uint64_t x = (hash ^ value) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    /* Keeps (hash, value) and (value, hash) apart. */
    return x + (hash << 1);
}

#endif
