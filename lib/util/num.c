#include "util/num.h"

#include <math.h>
#include <string.h>

__extension__ typedef __int128 wide;

bool perp_usd_from_double(double usd, perp_usd *out) {
    /* round() goes away from zero at one half. 2^63 is the first double that does not fit; the test
       is written so that NaN fails it. */
    double micro = round(usd * 1e6);
    if (!(micro >= -0x1p63 && micro < 0x1p63)) {
        return false;
    }
    *out = (perp_usd)micro;
    return true;
}

void perp_usd_share(perp_usd total, const perp_usd *weights, uint32_t n, perp_usd *parts) {
    wide sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += weights[i];
    }
    wide rest = total;
    for (uint32_t i = 0; i < n; i++) {
        parts[i] = sum == 0 ? 0 : (perp_usd)((wide)total * weights[i] / sum);
        rest -= parts[i];
    }
    if (n > 0) {
        parts[0] += (perp_usd)rest;
    }
}

bool perp_usd_at_least_ppm(perp_usd a, perp_usd b, uint32_t ppm) {
    return (wide)a * PERP_PPM >= (wide)b * ppm;
}

static wide size_of(wide amount) {
    return amount < 0 ? -amount : amount;
}

bool perp_usd_scale(perp_usd amount, perp_usd to, perp_usd from, perp_usd *out) {
    wide size = (size_of((wide)amount) * to + from / 2) / from;
    /* Half of an odd `from` is no whole number: what is cut off above is less than a half. */
    if (size > INT64_MAX)
        return false;
    *out = (perp_usd)(amount < 0 ? -size : size);
    return true;
}

bool perp_usd_apart(perp_usd a, perp_usd b, uint32_t ppm) {
    wide larger = size_of(a) > size_of(b) ? size_of(a) : size_of(b);
    return size_of((wide)a - b) * PERP_PPM > larger * ppm;
}

uint64_t perp_hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    size_t left = size;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = perp_hash_u64(hash, word);
    }
    uint64_t tail = 0;
    if (left > 0) {
        memcpy(&tail, at, left);
    }
    /* The length keeps a tail of zeros apart from none. */
    return perp_hash_u64(perp_hash_u64(hash, tail), size);
}
