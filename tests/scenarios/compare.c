/* compare EXPECTED ACTUAL: whether the output of a scenario is what is expected of it. What an
   expected line has must be in the line of the same number: every name of an object (further names
   are allowed, but in the objects that are closed), lists entry by entry, money and counts to
   the micro-dollar, measures to 1e-7 of their size. An expected error without a code stands for
   any. Tells the first difference; exit status 0 none, 1 a difference, 2 a file could not be read.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Names of numbers that are measures, and the bases under naked. */
static const char *const measures[] = {
    "bid",          "ask",         "mid",          "last",         "mark",
    "price",        "spread_bps",  "volatility",   "funding_rate", "spread_baseline_bps",
    "safety_score", "final_score", "volume_score", "funding",      "spread",
    "latency",      "leverage",    "drawdown",     "failures",     "cost_bps",
    "carry_bps",    "funding_bps", "slippage_bps", "fee_bps",      "liquidation_price",
    "BTC",          "ETH",         "SOL",          "naked",        "liquidation_distance",
    "filled",       "quantity",    "limit_price",  "entry_price",  "foreign",
    "unexplained",  "net",         "gross",        "edge_bps"};

/* Sums that may be so large that their last digits are not told by a double. */
static const char *const sums[] = {"asked", "limit"};

/* Objects that must have no further names. */
static const char *const closed[] = {"refused", "skipped", "exchanges", "rules", "bases"};

static bool is_in(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}
#define IS_IN(name, list) is_in(name, list, sizeof list / sizeof list[0])

/* The way to a value, for the message. */
struct path {
    const struct path *parent;
    const char *name; /* NULL: an entry of a list */
    int index;
};

static void print_path(const struct path *path) {
    if (!path)
        return;
    print_path(path->parent);
    if (path->name)
        printf("%s%s", path->parent ? "." : "", path->name);
    else
        printf("[%d]", path->index);
}

static bool differ(const struct path *path, const char *what, const cJSON *want, const cJSON *got) {
    char *wanted = want ? cJSON_PrintUnformatted(want) : NULL;
    char *given = got ? cJSON_PrintUnformatted(got) : NULL;
    print_path(path);
    printf(": %s: expected %s, got %s\n", what, wanted ? wanted : "nothing",
           given ? given : "nothing");
    cJSON_free(wanted);
    cJSON_free(given);
    return false;
}

static bool same(const cJSON *want, const cJSON *got, const struct path *path, const char *key);

static bool same_object(const cJSON *want, const cJSON *got, const struct path *path,
                        const char *key) {
    const cJSON *item;
    if (!cJSON_IsObject(got))
        return differ(path, "no object", want, got);
    cJSON_ArrayForEach(item, want) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(got, item->string);
        struct path inside = {path, item->string, 0};
        if (!other)
            return differ(&inside, "missing", item, NULL);
        if (!same(item, other, &inside, item->string))
            return false;
    }
    if (IS_IN(key, closed))
        cJSON_ArrayForEach(item, got) {
            struct path inside = {path, item->string, 0};
            if (!cJSON_GetObjectItemCaseSensitive(want, item->string))
                return differ(&inside, "not expected", NULL, item);
        }
    return true;
}

static bool same_list(const cJSON *want, const cJSON *got, const struct path *path,
                      const char *key) {
    const cJSON *a = want->child;
    const cJSON *b = got->child;
    struct path inside = {path, NULL, 0};
    if (!cJSON_IsArray(got) || cJSON_GetArraySize(want) != cJSON_GetArraySize(got))
        return differ(path, "another list", want, got);
    for (; a && b; a = a->next, b = b->next, inside.index++)
        if (!same(a, b, &inside, key))
            return false;
    return true;
}

/* key: the name that the value stands under, also where it is an entry of a list. */
static bool same(const cJSON *want, const cJSON *got, const struct path *path, const char *key) {
    double tolerance;
    if (cJSON_IsObject(want))
        return same_object(want, got, path, key);
    if (cJSON_IsArray(want))
        return same_list(want, got, path, key);
    if (!cJSON_IsNumber(want))
        return cJSON_Compare(want, got, true) || differ(path, "another value", want, got);
    tolerance = IS_IN(key, measures) ? 1e-9 + 1e-7 * fabs(want->valuedouble)
                : IS_IN(key, sums)   ? 4e-7 + 1e-11 * fabs(want->valuedouble)
                                     : 4e-7;
    return (cJSON_IsNumber(got) && fabs(want->valuedouble - got->valuedouble) <= tolerance) ||
           differ(path, "another number", want, got);
}

/* The next line as JSON; NULL at the end. A line that is no JSON becomes a raw text, equal to
 * nothing. */
static cJSON *next_line(FILE *file, char **text, size_t *capacity) {
    ssize_t length = getline(text, capacity, file);
    cJSON *json;
    if (length < 0)
        return NULL;
    json = cJSON_ParseWithLength(*text, (size_t)length);
    return json ? json : cJSON_CreateRaw("(not JSON)");
}

static int compare(FILE *expected, FILE *actual) {
    char *text = NULL;
    size_t capacity = 0;
    bool good = true;
    bool more = true;
    for (int line = 1; good && more; line++) {
        cJSON *want = next_line(expected, &text, &capacity);
        cJSON *got = next_line(actual, &text, &capacity);
        struct path path = {NULL, "line", 0};
        char name[24];
        (void)snprintf(name, sizeof name, "line %d", line);
        path.name = name;
        more = want && got;
        if (more)
            good = same(want, got, &path, "");
        else if (want || got)
            good = differ(&path, "another number of lines", want, got);
        cJSON_Delete(want);
        cJSON_Delete(got);
    }
    free(text);
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    FILE *expected = argc == 3 ? fopen(argv[1], "r") : NULL;
    FILE *actual = argc == 3 ? fopen(argv[2], "r") : NULL;
    int result = 2;
    if (expected && actual)
        result = compare(expected, actual);
    else
        (void)fputs("usage: compare EXPECTED ACTUAL, both readable\n", stderr);
    if (expected)
        (void)fclose(expected);
    if (actual)
        (void)fclose(actual);
    return result;
}
