#include "util/text.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define S_PER_DAY 86400

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define LARGEST_EXACT_POWER 22

/* The bytes of the UTF-8 character at `at`, or 0 where there is no valid one. *code gets it. */
static size_t utf8_character(const unsigned char *at, size_t left, uint32_t *code) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || at[0] > 0xf4) {
        return 0;
    }
    uint32_t value = size == 1 ? at[0] : at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3fU);
    }
    if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    *code = value;
    return size;
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Whether each byte is a character of ASCII that is none of control, as of most names. Eight at a
   time: the highest bit of a byte is set where it is above 0x7f, below 0x20 (one such without a
   borrow from below is found) or 0x7f. */
static bool is_plain(const char *text, size_t length) {
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word = 0x20 * each, bad = 0;
    for (; length >= sizeof word; length -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        bad |= word | (word - 0x20 * each) | (word + each);
    }
    word = 0x20 * each;
    memcpy(&word, text, length);
    bad |= word | (word - 0x20 * each) | (word + each);
    return (bad & 0x80 * each) == 0;
}

bool perp_text_is_name(const char *text, size_t max) {
    size_t length = strnlen(text, max + 1);
    if (length == 0 || length > max) {
        return false;
    }
    if (is_plain(text, length)) {
        return true;
    }
    const unsigned char *at = (const unsigned char *)text;
    while (length > 0) {
        uint32_t code = 0;
        size_t size = utf8_character(at, length, &code);
        if (size == 0 || is_control(code)) {
            return false;
        }
        at += size;
        length -= size;
    }
    return true;
}

bool perp_text_is_utf8(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    while (length > 0) {
        uint32_t code = 0;
        size_t size = utf8_character(at, length, &code);
        if (size == 0 || code == 0) {
            return false;
        }
        at += size;
        length -= size;
    }
    return true;
}

void perp_text_show(const char *text, char *shown, size_t size) {
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t used = 0;
    size_t cut = 0; /* where "..." goes if not all fits */
    while (left > 0) {
        uint32_t code = 0;
        size_t bytes = utf8_character(at, left, &code);
        bool hidden = bytes == 0 || is_control(code);
        size_t width = hidden ? 1 : bytes;
        if (used + width >= size) {
            memcpy(shown + cut, "...", 3);
            used = cut + 3;
            break;
        }
        memcpy(shown + used, hidden ? (const void *)"?" : at, width);
        used += width;
        cut = used + 3 < size ? used : cut;
        at += bytes > 0 ? bytes : 1;
        left -= bytes > 0 ? bytes : 1;
    }
    shown[used] = 0;
}

/* Writes whole / 10^decimals; whole does not end in 0 unless decimals is 0. The digits come from
   the back: those after the point, the point, and at least one before it. */
static void print_decimal(bool negative, uint64_t whole, int decimals, char text[32]) {
    char backwards[32];
    int n = 0;
    for (int left = decimals; whole > 0 || left >= 0; left--) {
        if (left == 0 && decimals > 0) {
            backwards[n++] = '.';
        }
        backwards[n++] = (char)('0' + whole % 10);
        whole /= 10;
    }
    if (negative) {
        backwards[n++] = '-';
    }
    for (int i = 0; i < n; i++) {
        text[i] = backwards[n - 1 - i];
    }
    text[n] = 0;
}

void perp_text_double(double value, char text[32]) {
    double size = fabs(value);
    /* A quotient of two exact doubles is rounded once, as reading the decimal is: where it gives
       the value, the decimal reads back to it. The first that does is the shortest. */
    for (int decimals = 0; decimals <= 9 && size < 1e15; decimals++) {
        double scaled = rint(size * exact_powers[decimals]);
        if (scaled >= 1e15) {
            break;
        }
        if (scaled / exact_powers[decimals] == size) {
            print_decimal(signbit(value) && size > 0, (uint64_t)scaled, decimals, text);
            return;
        }
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    /* Printed and read back in the host's locale; what is neither digit, sign nor exponent is its
       decimal point, which may be more than one byte. */
    size_t point = strspn(text, "-0123456789e");
    size_t bytes = strcspn(text + point, "-+0123456789e");
    if (bytes > 0) {
        text[point] = '.';
        memmove(text + point + 1, text + point + bytes, strlen(text + point + bytes) + 1);
    }
}

void perp_text_int64(int64_t value, char text[32]) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    print_decimal(value < 0, magnitude, 0, text);
}

void perp_text_uint64(uint64_t value, char text[32]) {
    print_decimal(false, value, 0, text);
}

void perp_text_usd(perp_usd amount, char text[32]) {
    uint64_t micro = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    int decimals = 6;
    while (decimals > 0 && micro % 10 == 0) {
        micro /= 10;
        decimals--;
    }
    print_decimal(amount < 0, micro, decimals, text);
}

void perp_text_end_whole(char *text) {
    size_t length = strlen(text);
    for (int i = 0; i < 3 && length > 0 && !perp_text_is_utf8(text, length); i++) {
        text[--length] = 0;
    }
}

const char *perp_show_usd(perp_usd amount, char text[32]) {
    perp_text_usd(amount, text);
    return text;
}

void perp_text_time(int64_t time_ns, char text[40]) {
    int64_t seconds = time_ns / NS_PER_S;
    int64_t ns = time_ns % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    int64_t days = seconds / S_PER_DAY;
    int64_t second = seconds % S_PER_DAY;
    if (second < 0) {
        second += S_PER_DAY;
        days--;
    }
    /* The proleptic Gregorian calendar counted from 0000-03-01, so that a leap day ends its year.
     */
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2 ? 1 : 0);
    snprintf(text, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", (int)year, (int)month, (int)day,
             (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60), (int)ns);
}

/* A JSON number taken apart: digits × 10^power, the digits without zeros at either end (none: 0)
   and perhaps with a point among them. */
struct decimal {
    bool negative;
    const char *digits;
    const char *end;
    int64_t count;
    int64_t power;
};

static struct decimal take_apart(const char *text) {
    struct decimal d = {text[0] == '-', text + (text[0] == '-'), NULL, 0, 0};
    d.end = d.digits + strspn(d.digits, "0123456789.");
    const char *point = memchr(d.digits, '.', (size_t)(d.end - d.digits));
    int64_t power = 0;
    if (*d.end != 0) {
        const char *at = d.end + 1;
        bool down = *at == '-';
        at += *at == '-' || *at == '+';
        for (; *at != 0; at++) {
            /* Far more than any text is long. */
            power = power > INT64_C(1000000000000) ? power : power * 10 + (*at - '0');
        }
        power = down ? -power : power;
    }
    if (point != NULL) {
        power -= d.end - point - 1;
    }
    while (d.end > d.digits && (d.end[-1] == '0' || d.end[-1] == '.')) {
        d.end--;
        power += *d.end == '0';
    }
    while (d.digits < d.end && (*d.digits == '0' || *d.digits == '.')) {
        d.digits++;
    }
    d.count = d.end - d.digits;
    if (point != NULL && d.digits <= point && point < d.end) {
        d.count--;
    }
    d.power = power;
    return d;
}

/* The digits as an integer; at most 19 of them. */
static uint64_t digits_value(const struct decimal *d) {
    uint64_t value = 0;
    for (const char *at = d->digits; at < d->end; at++) {
        value = *at == '.' ? value : value * 10 + (uint64_t)(*at - '0');
    }
    return value;
}

enum perp_exact perp_text_to_exact(const char *text, int decimals, bool *negative,
                                   uint64_t *magnitude) {
    struct decimal d = take_apart(text);
    int64_t power = d.power + decimals;
    *negative = d.negative && d.count > 0;
    *magnitude = 0;
    if (d.count == 0) {
        return PERP_EXACT_OK;
    }
    if (power < 0) {
        return PERP_EXACT_DECIMALS;
    }
    if (d.count + power > 20) {
        return PERP_EXACT_RANGE;
    }
    uint64_t value = 0;
    int64_t zeros = power;
    for (const char *at = d.digits; at < d.end || zeros > 0;) {
        uint64_t digit = 0;
        if (at >= d.end) {
            zeros--;
        } else if (*at == '.') {
            at++;
            continue;
        } else {
            digit = (uint64_t)(*at++ - '0');
        }
        if (value > (UINT64_MAX - digit) / 10) {
            return PERP_EXACT_RANGE;
        }
        value = value * 10 + digit;
    }
    *magnitude = value;
    return PERP_EXACT_OK;
}

bool perp_text_to_double(const char *text, double *out) {
    struct decimal d = take_apart(text);
    if (d.count == 0) {
        *out = d.negative ? -0.0 : 0.0;
        return true;
    }
    if (d.count <= 15 && d.power >= -LARGEST_EXACT_POWER && d.power <= LARGEST_EXACT_POWER) {
        /* Both are exact, so the one operation rounds as it must. */
        double value = (double)digits_value(&d);
        value = d.power < 0 ? value / exact_powers[-d.power] : value * exact_powers[d.power];
        *out = d.negative ? -value : value;
        return true;
    }
    /* strtod reads the point of the thread's locale. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0) {
        return false;
    }
    locale_t before = uselocale(c_locale);
    double value = strtod(text, NULL);
    uselocale(before);
    freelocale(c_locale);
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool perp_text_to_uuid(const char *text, size_t length, perp_uuid *uuid) {
    if (length != 36) {
        return false;
    }
    perp_uuid read = {{0}};
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (text[at++] != '-') {
                return false;
            }
        }
        int high = hex_digit(text[at]);
        int low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        read.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *uuid = read;
    return true;
}
