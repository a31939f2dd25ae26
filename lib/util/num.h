/* Exact arithmetic on money, and small numeric helpers. */
#ifndef PERP_UTIL_NUM_H
#define PERP_UTIL_NUM_H

#include <perpcore/types.h>

#include <stdbool.h>

#define PERP_PPM 1000000

/* Sum and difference; false on overflow (*out is then not set). */
bool perp_usd_add(perp_usd a, perp_usd b, perp_usd *out);
bool perp_usd_sub(perp_usd a, perp_usd b, perp_usd *out);
/* floor(amount × ppm / 10^6) in 128 bits; amount not negative, ppm at most 10^6. */
perp_usd perp_usd_ppm(perp_usd amount, uint32_t ppm);
/* Rounds dollars half away from zero to the micro-dollar; false where not finite or out of range.
 */
bool perp_usd_from_double(double usd, perp_usd *out);
double perp_usd_to_double(perp_usd amount);
/* Shares total over n weights (not negative, not all 0: then everything goes to the first): each
   part total × weight / sum truncated toward zero in 128 bits, the rest added to parts[0]. */
void perp_usd_share(perp_usd total, const perp_usd *weights, uint32_t n, perp_usd *parts);
/* Whether a × 10^6 ≥ b × ppm, in 128 bits. */
bool perp_usd_at_least_ppm(perp_usd a, perp_usd b, uint32_t ppm);

/* True where x is a finite number above 0 / not below 0. */
bool perp_positive(double x);
bool perp_not_negative(double x);

/* Mixes bytes into a 64-bit hash (for perp_core_hash; the same on every machine of one byte order).
 */
uint64_t perp_hash_bytes(uint64_t hash, const void *bytes, size_t size);
uint64_t perp_hash_u64(uint64_t hash, uint64_t value);

#endif
