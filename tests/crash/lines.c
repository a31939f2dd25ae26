/* Scenarios as lines. */
#include "crash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(2);
}

uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

size_t random_below(uint64_t *state, size_t n) {
    return n ? (size_t)(random_next(state) % n) : 0;
}

static void add(struct lines *lines, const char *text, size_t length) {
    char **grown = realloc(lines->text, (lines->n + 1) * sizeof *grown);
    char *copy = malloc(length + 1);
    if (!grown || !copy)
        die("no memory");
    memcpy(copy, text, length);
    copy[length] = '\0';
    lines->text = grown;
    lines->text[lines->n++] = copy;
}

struct lines lines_read(const char *path) {
    struct lines lines = {NULL, 0};
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    if (!file)
        die("%s can't be read", path);
    while ((length = getline(&text, &capacity, file)) > 0) {
        length -= text[length - 1] == '\n';
        if (length > 0 && text[0] == '{')
            add(&lines, text, (size_t)length);
    }
    free(text);
    (void)fclose(file);
    if (!lines.n)
        die("%s has no lines", path);
    return lines;
}

static void put(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct lines *lines, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        die("a line is too long");
    add(lines, text, (size_t)length);
}

#define BUSY_JOBS 5
#define JOB_ID "00000000-0000-4000-8000-0000%08u"

static void put_round(struct lines *lines, uint64_t *random, unsigned round, int64_t now_us) {
    static const char *const names[] = {"north", "south"};
    static const char half[] =
        "\"status\":\"failed\",\"legs\":[{\"filled\":0.1,\"price\":50004,\"fee\":0.5,\"pnl\":0},"
        "{\"filled\":0.03,\"price\":50000,\"fee\":0.2,\"pnl\":0}]";
    static const char *const ends[] = {"\"status\":\"completed\"", "\"status\":\"failed\"",
                                       "\"status\":\"unknown\"", half};
    char outcomes[512] = "";
    size_t length = 0;
    for (int x = 0; x < 2; x++)
        put(lines,
            "{\"op\":\"quote\",\"t\":%" PRId64 ",\"exchange\":\"%s\",\"symbol\":\"BTC/USDT:USDT\","
            "\"bid\":50000,\"bid_size\":100,\"ask\":50004,\"ask_size\":100}",
            now_us, names[x]);
    for (unsigned i = 0; i < BUSY_JOBS; i++) {
        const char *outcome = random_below(random, 3) ? "refused" : "in_doubt";
        put(lines,
            "{\"op\":\"submit\",\"t\":%" PRId64 ",\"job\":{\"job_id\":\"" JOB_ID "\","
            "\"strategy_type\":\"wash\",\"symbol\":\"BTC/USDT:USDT\",\"notional\":5000,"
            "\"expected_edge_bps\":20,\"legs\":[{\"exchange\":\"north\",\"side\":\"buy\","
            "\"quantity\":0.1},{\"exchange\":\"south\",\"side\":\"sell\",\"quantity\":0.1}]}}",
            now_us, round * BUSY_JOBS + i);
        length +=
            (size_t)snprintf(outcomes + length, sizeof outcomes - length, "%s\"" JOB_ID "\":\"%s\"",
                             i ? "," : "", round * BUSY_JOBS + i, outcome);
    }
    put(lines, "{\"op\":\"tick\",\"t\":%" PRId64 ",\"outcomes\":{%s}}", now_us, outcomes);
    unsigned first = round < 3 ? 0 : (round - 3) * BUSY_JOBS;
    for (unsigned i = 0; i < 2 * BUSY_JOBS; i++) {
        unsigned job = first + (unsigned)random_below(random, 4 * BUSY_JOBS);
        size_t end = random_below(random, sizeof ends / sizeof *ends + 1);
        if (end == sizeof ends / sizeof *ends)
            put(lines, "{\"op\":\"requeue\",\"job_id\":\"" JOB_ID "\"}", job);
        else
            put(lines, "{\"op\":\"finish\",\"job_id\":\"" JOB_ID "\",%s}", job, ends[end]);
        if (random_below(random, 4))
            put(lines, "{\"op\":\"resolve\",\"job_id\":\"" JOB_ID "\"}", job);
    }
    put(lines, "{\"op\":\"reset_halt\",\"actor\":\"test\",\"reason\":\"goes on\"}");
}

/* Ticks after each of which the executor says something of each job: many changes a line. */
struct lines lines_busy(uint64_t *random) {
    struct lines lines = {NULL, 0};
    put(&lines, "{\"op\":\"config\",\"capital\":{\"max_single_reserve_pct\":1,"
                "\"max_total_notional_pct\":1},\"risk\":{\"blackout_minutes\":0,"
                "\"circuit_failures\":1000,\"daily_loss_limit_pct\":0,"
                "\"modes\":{\"balanced\":{\"min_safety_score\":0}}},\"scheduler\":{"
                "\"max_global_concurrent_jobs\":1000,\"max_concurrent_per_exchange\":1000,"
                "\"max_notional_per_exchange\":100000000}}");
    for (int x = 0; x < 2; x++) {
        const char *name = x ? "south" : "north";
        put(&lines, "{\"op\":\"exchange\",\"name\":\"%s\",\"taker_fee_bps\":1}", name);
        put(&lines, "{\"op\":\"instrument\",\"exchange\":\"%s\",\"symbol\":\"BTC/USDT:USDT\"}",
            name);
        put(&lines,
            "{\"op\":\"equity\",\"t\":1760000000000000,\"exchange\":\"%s\",\"equity\":100000000}",
            name);
    }
    for (unsigned round = 0; round < 40; round++)
        put_round(&lines, random, round, INT64_C(1760000001000000) + round * INT64_C(700000));
    return lines;
}

/* Line 0 stays first: it may be the configuration. */
struct lines lines_sprinkle(const struct lines *lines, uint64_t *random, bool reopens) {
    static const char checkpoint[] = "{\"op\":\"checkpoint\"}", reopen[] = "{\"op\":\"reopen\"}",
                      check[] = "{\"op\":\"check\"}";
    struct lines out = {NULL, 0};
    for (size_t i = 0; i < lines->n; i++) {
        add(&out, lines->text[i], strlen(lines->text[i]));
        if (random_below(random, 40) == 0)
            add(&out, checkpoint, sizeof checkpoint - 1);
        if (random_below(random, 80) == 0)
            add(&out, check, sizeof check - 1);
        if (reopens && random_below(random, 150) == 0)
            add(&out, reopen, sizeof reopen - 1);
    }
    return out;
}

void lines_free(struct lines *lines) {
    for (size_t i = 0; i < lines->n; i++)
        free(lines->text[i]);
    free(lines->text);
    *lines = (struct lines){NULL, 0};
}
