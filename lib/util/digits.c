/* Digits. Most doubles go the way that R. Giulietti describes in "The Schubfach way to render
   doubles" (2020), written anew here for those whose neighbours are equally far on both sides and
   whose size is an ordinary one; the few others go through the C library's printf and strtod. */
#include "util/digits.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define S_PER_DAY 86400

__extension__ typedef unsigned __int128 wide;

/* ---- Integers -----------------------------------------------------------------------------------
 */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static const uint64_t powers[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  UINT64_C(10000000000),
                                  UINT64_C(100000000000),
                                  UINT64_C(1000000000000),
                                  UINT64_C(10000000000000),
                                  UINT64_C(100000000000000),
                                  UINT64_C(1000000000000000),
                                  UINT64_C(10000000000000000),
                                  UINT64_C(100000000000000000),
                                  UINT64_C(1000000000000000000),
                                  UINT64_C(10000000000000000000)};

/* How many digits a number above 0 has. */
static inline uint32_t digits_of(uint64_t value) {
    /* 1233 / 4096 is the logarithm of 2, from above: one too many at most. */
    uint32_t most = (64 - (uint32_t)__builtin_clzll(value | 1)) * 1233 >> 12;
    return most + (value >= powers[most]);
}

static inline void put_pair(char *to, uint32_t value) {
    memcpy(to, &pairs[2 * value], 2);
}

static inline void put_eight(char *to, uint32_t value) {
    uint32_t high = value / 10000, low = value % 10000;
    put_pair(to, high / 100);
    put_pair(to + 2, high % 100);
    put_pair(to + 4, low / 100);
    put_pair(to + 6, low % 100);
}

/* The last n digits. */
static inline void put_digits(char *to, uint64_t value, uint32_t n) {
    for (; n >= 8; n -= 8) {
        uint64_t rest = value / 100000000;
        put_eight(to + n - 8, (uint32_t)(value - rest * 100000000));
        value = rest;
    }
    uint32_t few = (uint32_t)(value % 100000000);
    for (; n >= 2; n -= 2) {
        put_pair(to + n - 2, few % 100);
        few /= 100;
    }
    if (n)
        *to = (char)('0' + few % 10);
}

char *perp_digits_uint64(char *to, uint64_t value) {
    uint32_t n = value ? digits_of(value) : 1;
    put_digits(to, value, n);
    return to + n;
}

char *perp_digits_int64(char *to, int64_t value) {
    *to = '-';
    return perp_digits_uint64(to + (value < 0), value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* whole / 10^decimals, with a digit before the point. */
static char *put_decimal(char *to, uint64_t whole, uint32_t decimals) {
    uint32_t n = whole ? digits_of(whole) : 1;
    if (decimals == 0) {
        put_digits(to, whole, n);
        return to + n;
    }
    if (n > decimals) {
        put_digits(to + 1, whole, n);
        memmove(to, to + 1, n - decimals);
        to[n - decimals] = '.';
        return to + n + 1;
    }
    to[0] = '0';
    to[1] = '.';
    put_digits(to + 2, whole, decimals);
    return to + 2 + decimals;
}

char *perp_digits_usd(char *to, perp_usd amount) {
    uint64_t micro = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    uint32_t decimals = 6;
    if (micro % 1000000 == 0) {
        micro /= 1000000;
        decimals = 0;
    }
    for (; decimals > 0 && micro % 10 == 0; decimals--)
        micro /= 10;
    *to = '-';
    return put_decimal(to + (amount < 0), micro, decimals);
}

/* ---- Doubles ------------------------------------------------------------------------------------
 */

/* Powers of ten from 10^-16 to 10^47: their first 128 bits, those of the negative ones rounded up,
   the others exact. With them a double of 1e-30 to 1e30 is scaled to an integer of 16 or 17 digits
   and a remainder of which enough is known. */
#define FIRST_POWER (-16)
#define LAST_POWER 47
static const struct {
    uint64_t high, low;
} tens[LAST_POWER - FIRST_POWER + 1] = {
    {0xe69594bec44de15b, 0x4c2ebe687989a9b4}, {0x901d7cf73ab0acd9, 0x0f9d37014bf60a11},
    {0xb424dc35095cd80f, 0x538484c19ef38c95}, {0xe12e13424bb40e13, 0x2865a5f206b06fba},
    {0x8cbccc096f5088cb, 0xf93f87b7442e45d4}, {0xafebff0bcb24aafe, 0xf78f69a51539d749},
    {0xdbe6fecebdedd5be, 0xb573440e5a884d1c}, {0x89705f4136b4a597, 0x31680a88f8953031},
    {0xabcc77118461cefc, 0xfdc20d2b36ba7c3e}, {0xd6bf94d5e57a42bc, 0x3d32907604691b4d},
    {0x8637bd05af6c69b5, 0xa63f9a49c2c1b110}, {0xa7c5ac471b478423, 0x0fcf80dc33721d54},
    {0xd1b71758e219652b, 0xd3c36113404ea4a9}, {0x83126e978d4fdf3b, 0x645a1cac083126ea},
    {0xa3d70a3d70a3d70a, 0x3d70a3d70a3d70a4}, {0xcccccccccccccccc, 0xcccccccccccccccd},
    {0x8000000000000000, 0x0000000000000000}, {0xa000000000000000, 0x0000000000000000},
    {0xc800000000000000, 0x0000000000000000}, {0xfa00000000000000, 0x0000000000000000},
    {0x9c40000000000000, 0x0000000000000000}, {0xc350000000000000, 0x0000000000000000},
    {0xf424000000000000, 0x0000000000000000}, {0x9896800000000000, 0x0000000000000000},
    {0xbebc200000000000, 0x0000000000000000}, {0xee6b280000000000, 0x0000000000000000},
    {0x9502f90000000000, 0x0000000000000000}, {0xba43b74000000000, 0x0000000000000000},
    {0xe8d4a51000000000, 0x0000000000000000}, {0x9184e72a00000000, 0x0000000000000000},
    {0xb5e620f480000000, 0x0000000000000000}, {0xe35fa931a0000000, 0x0000000000000000},
    {0x8e1bc9bf04000000, 0x0000000000000000}, {0xb1a2bc2ec5000000, 0x0000000000000000},
    {0xde0b6b3a76400000, 0x0000000000000000}, {0x8ac7230489e80000, 0x0000000000000000},
    {0xad78ebc5ac620000, 0x0000000000000000}, {0xd8d726b7177a8000, 0x0000000000000000},
    {0x878678326eac9000, 0x0000000000000000}, {0xa968163f0a57b400, 0x0000000000000000},
    {0xd3c21bcecceda100, 0x0000000000000000}, {0x84595161401484a0, 0x0000000000000000},
    {0xa56fa5b99019a5c8, 0x0000000000000000}, {0xcecb8f27f4200f3a, 0x0000000000000000},
    {0x813f3978f8940984, 0x4000000000000000}, {0xa18f07d736b90be5, 0x5000000000000000},
    {0xc9f2c9cd04674ede, 0xa400000000000000}, {0xfc6f7c4045812296, 0x4d00000000000000},
    {0x9dc5ada82b70b59d, 0xf020000000000000}, {0xc5371912364ce305, 0x6c28000000000000},
    {0xf684df56c3e01bc6, 0xc732000000000000}, {0x9a130b963a6c115c, 0x3c7f400000000000},
    {0xc097ce7bc90715b3, 0x4b9f100000000000}, {0xf0bdc21abb48db20, 0x1e86d40000000000},
    {0x96769950b50d88f4, 0x1314448000000000}, {0xbc143fa4e250eb31, 0x17d955a000000000},
    {0xeb194f8e1ae525fd, 0x5dcfab0800000000}, {0x92efd1b8d0cf37be, 0x5aa1cae500000000},
    {0xb7abc627050305ad, 0xf14a3d9e40000000}, {0xe596b7b0c643c719, 0x6d9ccd05d0000000},
    {0x8f7e32ce7bea5c6f, 0xe4820023a2000000}, {0xb35dbf821ae4f38b, 0xdda2802c8a800000},
    {0xe0352f62a19e306e, 0xd50b2037ad200000}, {0x8c213d9da502de45, 0x4526f422cc340000},
};

/* digits × 10^power. */
struct shortest {
    uint64_t digits; /* does not end in 0 */
    int32_t power;
};

/* The integer part of a power of ten × by / 2^128; its lowest bit also says whether anything
   follows that matters ("round to odd"), so that it compares right with integers. */
static inline uint64_t scaled(uint64_t high, uint64_t low, uint64_t by) {
    wide first = (wide)low * by;
    wide second = (wide)high * by + (uint64_t)(first >> 64);
    return (uint64_t)(second >> 64) | ((uint64_t)second > 1);
}

/* Takes n zeros off where there are so many. */
static inline void strip(struct shortest *found, uint64_t ten_to_the_n, int32_t n) {
    uint64_t rest = found->digits / ten_to_the_n;
    if (rest * ten_to_the_n != found->digits)
        return;
    found->digits = rest;
    found->power += n;
}

/* At most 15, as 16 digits end in. */
static inline void strip_zeros(struct shortest *found) {
    if (found->digits % 10 != 0)
        return;
    strip(found, 100000000, 8);
    strip(found, 10000, 4);
    strip(found, 100, 2);
    strip(found, 10, 1);
}

/* The shortest decimal that rounds to the double of these bits, the nearest where there are
   several. false where the double is none of those that this serves: it is 0, a power of two (its
   lower neighbour is nearer than its upper), or very large or small. In the names of the paper: the
   double is c × 2^q, k the power of the last digit that can matter. */
static bool find_shortest(uint64_t bits, struct shortest *found) {
    uint64_t fraction = bits & (UINT64_MAX >> 12);
    int32_t exponent = (int32_t)(bits >> 52 & 0x7ff);
    int32_t q = exponent - 1075;
    int32_t k = q * 1262611 >> 22; /* floor(log10(2^q)); the shift rounds down */
    if (fraction == 0 || exponent == 0 || -k < FIRST_POWER || -k > LAST_POWER)
        return false;
    uint64_t c = fraction | UINT64_C(1) << 52;
    uint64_t high = tens[-k - FIRST_POWER].high, low = tens[-k - FIRST_POWER].low;
    int32_t shift = q + (-k * 1741647 >> 19) + 1; /* floor(log2(10^-k)) */
    /* Four times the double in units of 10^k, and the ends of what rounds to it; a double with an
       even last bit is rounded to from the very ends too. */
    uint64_t value = scaled(high, low, 4 * c << shift);
    uint64_t lower = scaled(high, low, (4 * c - 2) << shift) + (c & 1);
    uint64_t upper = scaled(high, low, (4 * c + 2) << shift) - (c & 1);
    uint64_t s = value / 4;
    /* One digit less, below or above: at most one of them is within. */
    uint64_t tenth = s / 10;
    bool below = lower <= 40 * tenth, above = 40 * tenth + 40 <= upper;
    if (below != above) {
        *found = (struct shortest){tenth + above, k + 1};
        strip_zeros(found);
        return true;
    }
    below = lower <= 4 * s;
    above = 4 * s + 4 <= upper;
    uint64_t middle = 4 * s + 2;
    bool up = below != above ? above : value > middle || (value == middle && (s & 1));
    *found = (struct shortest){s + up, k};
    return true;
}

/* As %g does it where a number of `digits` digits is large or small. */
static char *put_scientific(char *to, uint64_t digits, uint32_t n, int32_t exponent) {
    put_digits(to + 1, digits, n);
    to[0] = to[1];
    to[1] = '.';
    to += n > 1 ? n + 1 : 1;
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    uint64_t size = (uint64_t)(exponent < 0 ? -exponent : exponent);
    uint32_t wide_enough = size < 100 ? 2 : 3;
    put_digits(to, size, wide_enough);
    return to + wide_enough;
}

/* Up to nine decimals are written out; else as by %.*g with 15 digits, or with as many as it has:
   written out from 0.0001 up to where the digits end. */
static char *put_shortest(char *to, const struct shortest *found) {
    uint32_t n = digits_of(found->digits);
    int32_t exponent = (int32_t)n + found->power - 1;
    bool few = found->power >= -9 && found->digits < powers[15];
    bool plain = exponent >= -4 && exponent < (n > 15 ? (int32_t)n : 15);
    if (found->power <= 0 && (few || plain))
        return put_decimal(to, found->digits, (uint32_t)-found->power);
    return put_scientific(to, found->digits, n, exponent);
}

/* The same for any double, slowly. Whether a text reads back is tried. */
static char *put_by_printf(char *to, double value) {
    double size = fabs(value);
    /* A quotient of two exact doubles is rounded once, as reading the decimal is: where it gives
       the value, the decimal reads back to it. The first that does is the shortest. */
    for (uint32_t decimals = 0; decimals <= 9 && size < 1e15; decimals++) {
        double whole = rint(size * (double)powers[decimals]);
        if (whole >= 1e15)
            break;
        if (whole / (double)powers[decimals] == size)
            return put_decimal(to, (uint64_t)whole, decimals);
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(to, 32, "%.*g", digits, size);
        if (strtod(to, NULL) == size)
            break;
    }
    /* Printed and read back in the host's locale; what is neither digit, sign nor exponent is its
       decimal point, which may be more than one byte. */
    size_t point = strspn(to, "-0123456789e");
    size_t bytes = strcspn(to + point, "-+0123456789e");
    if (bytes > 0) {
        to[point] = '.';
        memmove(to + point + 1, to + point + bytes, strlen(to + point + bytes) + 1);
    }
    return to + strlen(to);
}

char *perp_digits_double(char *to, double value) {
    double size = fabs(value);
    uint64_t bits;
    struct shortest found;
    *to = '-';
    to += value < 0;
    if (size < 1e15 && (double)(uint64_t)size == size)
        return perp_digits_uint64(to, (uint64_t)size);
    memcpy(&bits, &size, sizeof bits);
    return find_shortest(bits, &found) ? put_shortest(to, &found) : put_by_printf(to, size);
}

/* ---- Times --------------------------------------------------------------------------------------
 */

struct date {
    uint32_t year, month, day;
};

/* The proleptic Gregorian calendar counted from 0000-03-01, so that a leap day ends its year. Times
   of 64-bit nanoseconds lie in 1677 to 2262. */
static struct date date_of(int64_t days) {
    uint32_t shifted = (uint32_t)(days + 719468);
    uint32_t era = shifted / 146097;
    uint32_t of_era = shifted % 146097;
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153;
    uint32_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return (struct date){year + era * 400 + (month <= 2), month, day};
}

/* n digits, zeros in front, and what follows them. */
static inline char *put_part(char *to, uint64_t value, uint32_t n, char then) {
    put_digits(to, value, n);
    to[n] = then;
    return to + n + 1;
}

char *perp_digits_time(char *to, int64_t time_ns) {
    int64_t seconds = time_ns / NS_PER_S;
    int64_t ns = time_ns % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    int64_t days = seconds / S_PER_DAY;
    int64_t left = seconds % S_PER_DAY;
    if (left < 0) {
        left += S_PER_DAY;
        days--;
    }
    struct date date = date_of(days);
    uint32_t second = (uint32_t)left;
    to = put_part(to, date.year, 4, '-');
    to = put_part(to, date.month, 2, '-');
    to = put_part(to, date.day, 2, 'T');
    to = put_part(to, second / 3600, 2, ':');
    to = put_part(to, second / 60 % 60, 2, ':');
    to = put_part(to, second % 60, 2, '.');
    return put_part(to, (uint64_t)ns, 9, 'Z');
}
