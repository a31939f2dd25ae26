#include "util/text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/digits.h"

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

/* Characters that nobody sees as such, or that turn the direction of what stands beside them: a
   name could look like another one. Unicode's default ignorable ones and its line ends, without the
   selectors of variants, which names of coins may have. */
static bool is_hidden(uint32_t code) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0xad, 0xad},     {0x34f, 0x34f},    {0x61c, 0x61c},   {0x115f, 0x1160},
                  {0x17b4, 0x17b5}, {0x180e, 0x180e},  {0x200b, 0x200f}, {0x2028, 0x202e},
                  {0x2060, 0x206f}, {0x3164, 0x3164},  {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
                  {0xfff0, 0xfffb}, {0xe0000, 0xe00ff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return is_control(code);
}

void perp_text_show(const char *text, char *shown, size_t size) {
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t used = 0;
    size_t cut = 0; /* where "..." goes if not all fits */
    while (left > 0) {
        uint32_t code = 0;
        size_t bytes = utf8_character(at, left, &code);
        bool hidden = bytes == 0 || is_hidden(code);
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

/* digits.h wants more room than a text needs. */
static void end_text(const char *digits, const char *end, char *text) {
    size_t length = (size_t)(end - digits);
    memcpy(text, digits, length);
    text[length] = 0;
}

void perp_text_double(double value, char text[32]) {
    char digits[PERP_DIGITS_ROOM];
    end_text(digits, perp_digits_double(digits, value), text);
}

void perp_text_int64(int64_t value, char text[32]) {
    char digits[PERP_DIGITS_ROOM];
    end_text(digits, perp_digits_int64(digits, value), text);
}

void perp_text_uint64(uint64_t value, char text[32]) {
    char digits[PERP_DIGITS_ROOM];
    end_text(digits, perp_digits_uint64(digits, value), text);
}

void perp_text_usd(perp_usd amount, char text[32]) {
    char digits[PERP_DIGITS_ROOM];
    end_text(digits, perp_digits_usd(digits, amount), text);
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
    *perp_digits_time(text, time_ns) = 0;
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
