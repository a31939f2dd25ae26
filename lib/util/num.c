#include "util/num.h"

#include <math.h>
#include <string.h>

__extension__ typedef __int128 wide;

bool perp_usd_add(perp_usd a, perp_usd b, perp_usd *out) {
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
        return false;
    }
    *out = a + b;
    return true;
}

bool perp_usd_sub(perp_usd a, perp_usd b, perp_usd *out) {
    if (b > 0 ? a < INT64_MIN + b : a > INT64_MAX + b) {
        return false;
    }
    *out = a - b;
    return true;
}

perp_usd perp_usd_ppm(perp_usd amount, uint32_t ppm) {
    return (perp_usd)((wide)amount * ppm / PERP_PPM);
}

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

double perp_usd_to_double(perp_usd amount) {
    return (double)amount / 1e6;
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

bool perp_positive(double x) {
    return isfinite(x) && x > 0;
}

bool perp_not_negative(double x) {
    return isfinite(x) && x >= 0;
}

uint64_t perp_hash_u64(uint64_t hash, uint64_t value) {
    /* The finaliser of SplitMix64 over a running state: every bit of value reaches every bit. */
    uint64_t x = (hash ^ value) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    /* Keeps (hash, value) and (value, hash) apart. */
    return x + (hash << 1);
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
