/* Clock, numbers, log. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor.h"

int64_t ex_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * EX_S + now.tv_nsec;
}

perp_call ex_call(void) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = ex_now();
    return call;
}

/* Whole steps, to within what sums of them are off. */
double ex_floor(double value, double step) {
    return step > 0 ? floor(value / step + 1e-6) * step : value;
}

double ex_ceil(double value, double step) {
    return step > 0 ? ceil(value / step - 1e-6) * step : value;
}

double ex_number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsString(item))
        return strtod(item->valuestring, NULL);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *ex_text(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text == NULL ? "" : text;
}

/* Amounts have six decimals at most, so that the nearest micro-dollar is exact. */
perp_usd ex_money(const cJSON *object, const char *name) {
    return (perp_usd)llround(ex_number(object, name) * (double)PERP_USD);
}

void ex_log(const char *format, ...) {
    char line[512];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    int64_t now = ex_now();
    fprintf(stderr, "%lld.%03lld %s\n", (long long)(now / EX_S), (long long)(now / EX_MS % 1000),
            line);
}

bool ex_ok(executor *ex, perp_status status, const char *what) {
    if (status == PERP_OK)
        return true;
    ex->counts.errors++;
    ex_log("%s: %s: %s", what, perp_status_string(status), perp_core_error(ex->core));
    return false;
}

bool ex_same(const perp_uuid *a, const perp_uuid *b) {
    return memcmp(a, b, sizeof *a) == 0;
}
