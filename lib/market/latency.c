#include "market/latency.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    int64_t time_ns;
    double ms;
};

/* n at least 1. Two huge samples may overflow a sum where they do not overflow a mean. */
static double mean_of(const double *ms, uint32_t n) {
    double sum = 0, mean = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += ms[i];
    if (sum <= DBL_MAX)
        return sum / n;
    for (uint32_t i = 0; i < n; i++)
        mean += ms[i] / n;
    return mean;
}

/* The samples in the order they came. */
static uint32_t copy_samples(const struct perp_gauge *gauge, struct sample *samples) {
    uint32_t count = PERP_GET(gauge->count);
    uint32_t place = count < PERP_LATENCY_SAMPLES ? 0 : PERP_GET(gauge->next);
    for (uint32_t i = 0; i < count; i++) {
        samples[i] = (struct sample){PERP_GET(gauge->times[place]), PERP_GET(gauge->ms[place])};
        place = place + 1 < PERP_LATENCY_SAMPLES ? place + 1 : 0;
    }
    return count;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that at least that share of all is not above. */
static double quantile(const double *sorted, uint32_t n, uint32_t percent) {
    return sorted[(n * percent + 99) / 100 - 1];
}

/* The first place whose sample is not below ms. */
static uint32_t sorted_place(const double *sorted, uint32_t n, double ms) {
    uint32_t at = 0;
    while (at < n && sorted[at] < ms)
        at++;
    return at;
}

/* n samples become n + 1. */
static void sorted_insert(double *sorted, uint32_t n, double ms) {
    uint32_t at = sorted_place(sorted, n, ms);
    memmove(&sorted[at + 1], &sorted[at], (n - at) * sizeof *sorted);
    sorted[at] = ms;
}

/* n samples, of which ms is one, become n - 1. */
static void sorted_remove(double *sorted, uint32_t n, double ms) {
    uint32_t at = sorted_place(sorted, n, ms);
    memmove(&sorted[at], &sorted[at + 1], (n - at - 1) * sizeof *sorted);
}

/* Once a sample was of a time that is forgotten, none counts; they say how an exchange answers by
   now, and new ones come soon. */
static void forget(struct perp_gauge *gauge) {
    if (PERP_OWN(gauge->newest) > PERP_GET(gauge->forgotten)) {
        PERP_PUT(gauge->count, 0);
        PERP_PUT(gauge->next, 0);
        PERP_PUT(gauge->oldest, PERP_TIME_NONE);
        PERP_PUT(gauge->newest, PERP_TIME_NONE);
    }
    PERP_PUT(gauge->forgotten, INT64_MAX);
}

/* Sums up all samples again, which keeps the mean exact; latencies are rare beside quotes. */
void perp_gauge_add(struct perp_gauge *gauge, int64_t time_ns, double ms) {
    bool forgets = PERP_GET(gauge->forgotten) != INT64_MAX;
    perp_write_begin(&gauge->seq);
    if (forgets)
        forget(gauge);
    uint32_t place = PERP_OWN(gauge->next);
    uint32_t count = PERP_OWN(gauge->count);
    bool full = count == PERP_LATENCY_SAMPLES;
    if (full)
        sorted_remove(gauge->sorted, count, PERP_OWN(gauge->ms[place]));
    sorted_insert(gauge->sorted, full ? count - 1 : count, ms);
    PERP_PUT(gauge->times[place], time_ns);
    PERP_PUT(gauge->ms[place], ms);
    PERP_PUT(gauge->next, place + 1 < PERP_LATENCY_SAMPLES ? place + 1 : 0);
    if (!full)
        PERP_PUT(gauge->count, count + 1);
    struct sample samples[PERP_LATENCY_SAMPLES];
    double all[PERP_LATENCY_SAMPLES];
    uint32_t n = copy_samples(gauge, samples);
    int64_t oldest = time_ns;
    for (uint32_t i = 0; i < n; i++) {
        all[i] = samples[i].ms;
        if (samples[i].time_ns < oldest)
            oldest = samples[i].time_ns;
    }
    PERP_PUT(gauge->oldest, oldest);
    if (time_ns > PERP_OWN(gauge->newest))
        PERP_PUT(gauge->newest, time_ns);
    PERP_PUT(gauge->mean, mean_of(all, n));
    PERP_PUT(gauge->p50, quantile(gauge->sorted, n, 50));
    PERP_PUT(gauge->p99, quantile(gauge->sorted, n, 99));
    perp_write_end(&gauge->seq);
}

void perp_market_latency(const perp_market *market, perp_exchange_id id, int64_t now,
                         bool with_quantiles, struct perp_latency_view *view) {
    const struct perp_gauge *gauge = &market->gauges[id];
    struct sample samples[PERP_LATENCY_SAMPLES];
    double mean, p50, p99;
    uint32_t count;
    int64_t oldest, until = INT64_MAX;
    uint64_t began;
    bool whole; /* all samples are young enough */
    do {
        began = perp_seq_begin(&gauge->seq);
        count = PERP_GET(gauge->count);
        mean = PERP_GET(gauge->mean);
        p50 = PERP_GET(gauge->p50);
        p99 = PERP_GET(gauge->p99);
        if (PERP_GET(gauge->newest) > PERP_GET(gauge->forgotten))
            count = 0;
        oldest = PERP_GET(gauge->oldest);
        whole = oldest >= now || perp_within(now, oldest, market->latency_max_age_ns);
        if (!whole && count)
            count = copy_samples(gauge, samples);
    } while (perp_seq_again(&gauge->seq, began));
    double nan = (double)NAN;
    *view = (struct perp_latency_view){count, nan, nan, nan, INT64_MAX};
    if (count == 0)
        return;
    if (whole) {
        view->until = perp_ns_after(oldest, market->latency_max_age_ns);
        view->mean = mean;
        view->p50 = with_quantiles ? p50 : nan;
        view->p99 = with_quantiles ? p99 : nan;
        return;
    }
    double young[PERP_LATENCY_SAMPLES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (samples[i].time_ns >= now ||
            perp_within(now, samples[i].time_ns, market->latency_max_age_ns)) {
            perp_lower(&until, perp_ns_after(samples[i].time_ns, market->latency_max_age_ns));
            young[n++] = samples[i].ms;
        }
    *view = (struct perp_latency_view){n, n ? mean_of(young, n) : nan, nan, nan, until};
    if (n == 0 || !with_quantiles)
        return;
    qsort(young, n, sizeof young[0], by_size);
    view->p50 = quantile(young, n, 50);
    view->p99 = quantile(young, n, 99);
}
