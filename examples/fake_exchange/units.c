/* Amounts as whole numbers of their last digit. */
#include <stdio.h>
#include <string.h>

#include "fx.h"

__extension__ typedef __int128 wide;

#define MOST (INT64_C(1000000000000000000) - 1) /* 18 digits */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

enum fx_number fx_parse(const char *text, int digits, int64_t *value) {
    int64_t sum = 0;
    int behind = -1; /* digits behind the point; -1: there was none */
    bool precise = false, any = false;
    for (; *text != '\0'; text++) {
        if (*text == '.' && behind < 0) {
            behind = 0;
            continue;
        }
        if (!is_digit(*text))
            return FX_NUMBER_BAD;
        any = true;
        if (behind >= digits) {
            precise = precise || *text != '0';
            continue;
        }
        behind += behind >= 0;
        if (sum > (MOST - (*text - '0')) / 10)
            return FX_NUMBER_LARGE;
        sum = 10 * sum + (*text - '0');
    }
    if (!any)
        return FX_NUMBER_BAD;
    for (int i = behind < 0 ? 0 : behind; i < digits; i++) {
        if (sum > MOST / 10)
            return FX_NUMBER_LARGE;
        sum *= 10;
    }
    *value = sum;
    return precise ? FX_NUMBER_PRECISE : FX_NUMBER_OK;
}

bool fx_parse_whole(const char *text, int64_t *value) {
    size_t n = strlen(text);
    if (n == 0 || n > 18 || strspn(text, "0123456789") != n)
        return false;
    *value = 0;
    for (; *text != '\0'; text++)
        *value = 10 * *value + (*text - '0');
    return true;
}

const char *fx_format(int64_t value, int digits, char text[FX_NUMBER_TEXT]) {
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char *at = text + FX_NUMBER_TEXT - 1;
    *at = '\0';
    for (int i = 0; i <= digits || left > 0; i++) {
        if (i == digits && digits > 0)
            *--at = '.';
        *--at = (char)('0' + left % 10);
        left /= 10;
    }
    if (value < 0)
        *--at = '-';
    return at;
}

int64_t fx_share(int64_t a, int64_t b, int64_t c) {
    wide product = (wide)a * b;
    bool is_negative = (product < 0) != (c < 0);
    wide size = product < 0 ? -product : product, by = c < 0 ? -(wide)c : c;
    wide share = (size + by / 2) / by;
    return (int64_t)(is_negative ? -share : share);
}

void fx_add_number(cJSON *object, const char *name, int64_t value, int digits) {
    char text[FX_NUMBER_TEXT];
    cJSON_AddStringToObject(object, name, fx_format(value, digits, text));
}

void fx_add_average(cJSON *object, const char *name, int64_t cost, int64_t quantity,
                    int quantity_digits) {
    int64_t one = 1;
    for (int i = 0; i < quantity_digits; i++)
        one *= 10;
    fx_add_number(object, name, quantity == 0 ? 0 : fx_share(cost, 100 * one, quantity), 8);
}
