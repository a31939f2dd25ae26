/* What became of it all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The seconds of all runs; the caller frees them. */
static double *naked_times(const char *store, size_t *n) {
    char path[1024], line[128];
    double *times = NULL;
    size_t room = 0;
    *n = 0;
    snprintf(path, sizeof path, "%s.naked", store);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        long long ns;
        if (sscanf(line, "%*36s %lld", &ns) != 1)
            continue;
        if (*n == room) {
            room = room == 0 ? 1024 : 2 * room;
            double *more = realloc(times, room * sizeof *times);
            if (more == NULL)
                abort();
            times = more;
        }
        times[(*n)++] = (double)ns / 1e9;
    }
    if (file != NULL)
        fclose(file);
    if (times != NULL)
        qsort(times, *n, sizeof *times, by_size);
    return times;
}

static void report_naked(const executor *ex) {
    size_t n;
    double *times = naked_times(ex->settings->store, &n);
    printf("unhedged           %zu times", n);
    if (n > 0)
        printf(": median %.3f s, 90%% %.3f s, 99%% %.3f s, longest %.3f s", times[n / 2],
               times[n * 9 / 10], times[n * 99 / 100], times[n - 1]);
    printf("\n");
    free(times);
}

static void report_jobs(const executor *ex) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    perp_scheduler_query(ex->scheduler, &state);
    printf("jobs               %llu submitted, %llu dispatched, %u run, %u in doubt\n",
           (unsigned long long)state.submitted_total, (unsigned long long)state.dispatched_total,
           state.running, state.in_doubt);
    printf("ended              ");
    const char *comma = "";
    for (uint32_t s = 0; s < PERP_JOB_STATE_COUNT; s++)
        if (state.ended_total[s] > 0) {
            printf("%s%s %llu", comma, perp_job_state_string(s),
                   (unsigned long long)state.ended_total[s]);
            comma = ", ";
        }
    printf("\n");
}

static void report_orders(const executor *ex) {
    perp_orders_state state = {.struct_size = sizeof state};
    perp_orders_query(ex->orders, ex_now(), &state);
    printf("orders             %llu placed, %llu fills today, %u open, %u in doubt\n",
           (unsigned long long)state.placed_total, (unsigned long long)state.fills_today,
           state.open, state.in_doubt);
    printf("refused by gate    ");
    const char *comma = "";
    for (uint32_t g = 0; g < PERP_MAX_GATES; g++)
        if (state.refused_today[g] > 0) {
            printf("%s%s %llu", comma, perp_gate_string(g),
                   (unsigned long long)state.refused_today[g]);
            comma = ", ";
        }
    printf("\n");
}

static void report_run(const executor *ex) {
    const ex_counts *c = &ex->counts;
    printf("this run           %lu sent, %lu answers lost, %lu asked for, %lu not there, "
           "%lu cancels (%lu too late), %lu connections\n",
           c->placed, c->lost, c->asked, c->not_there, c->cancels, c->late_cancels, c->reconnects);
    printf("trades             %lu booked, %lu told again, %lu in conflict, %lu of no order\n",
           c->fills, c->repeated, c->conflicts, c->strangers);
    printf("client ids         %lu refused as used before, %lu orders that should not be open\n",
           c->duplicates, c->foreign);
    printf("by hand            %lu cancelled, %lu kills, %lu unhedged for too long, %lu errors\n",
           c->by_hand, c->kills, c->unhedged, c->errors);
}

static void report_book(const executor *ex) {
    perp_usd in_flight = 0, used = 0;
    for (uint32_t v = 0; v < ex->n_venues; v++) {
        perp_capital_state state = {.struct_size = sizeof state};
        if (perp_capital_snapshot(perp_core_capital(ex->core), ex->venues[v].id, &state) != PERP_OK)
            continue;
        in_flight += state.total_in_flight;
        used += state.total_used;
    }
    printf("capital            %.2f USD in flight, %.2f USD used\n", (double)in_flight / 1e6,
           (double)used / 1e6);
}

void ex_report(executor *ex) {
    report_jobs(ex);
    report_orders(ex);
    report_run(ex);
    report_book(ex);
    report_naked(ex);
}
