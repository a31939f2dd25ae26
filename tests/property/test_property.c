/* 100,000 random calls over the whole API. After each the library checks its own invariants and is
   compared with a naive book that only follows the documentation; a failed call must leave the hash
   of the book as it was.
   usage: test_property [SEED [CALLS]]   (or PERP_SEED in the environment) */
#include "property.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void one_call(p_run *run) {
    int64_t before = run->book.clock, pick = p_below(run, 100);
    uint64_t refused = run->n_refused;
    run->n_calls++;
    run->hash_before = perp_core_hash(run->core);
    run->clock_before = perp_core_clock(run->core);
    if (pick < 12) {
        p_money_call(run);
    } else if (pick < 54) {
        p_job_call(run);
    } else if (pick < 70) {
        p_order_call(run);
    } else if (pick < 78) {
        p_position_call(run);
    } else if (pick < 92) {
        p_control_call(run);
    } else {
        p_market_call(run);
    }
    if (run->n_refused != refused && run->book.clock == before &&
        perp_core_hash(run->core) != run->hash_before) {
        p_fail(run, "a refused call changed more than the clock");
    }
    run->call = run->call == NULL ? "?" : run->call;
    p_compare(run);
    if (run->book.clock > before + 20 * P_SECOND && p_chance(run, 90)) {
        p_quotes(run);
    }
}

int main(int argc, char **argv) {
    static p_run run;
    const char *given = argc > 1 ? argv[1] : getenv("PERP_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20251122;
    /* Ten books of other configurations; with a seed given as an argument that one alone.
       PERP_CALLS: so many calls in all, for a build in which each takes long. */
    const char *most = getenv("PERP_CALLS");
    uint64_t all = most != NULL ? strtoull(most, NULL, 10) : 100000;
    uint64_t calls = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 10000 : all;
    uint64_t runs = argc > 1 ? 1 : 10, totals[11] = {0};
    printf("seed %" PRIu64 ", %" PRIu64 " calls\n", seed, calls);
    fflush(stdout);
    for (uint64_t n = 0; n < runs; n++) {
        p_open(&run, seed + n);
        p_compare(&run);
        for (uint64_t i = 0; i < calls / runs; i++) {
            one_call(&run);
        }
        totals[0] += run.n_dispatched;
        totals[1] += run.n_ended;
        totals[2] += run.n_partial;
        totals[3] += run.n_repairs;
        totals[4] += run.n_refused;
        totals[5] += run.n_failed;
        totals[6] += run.n_told;
        totals[7] += run.n_exits;
        totals[8] += run.n_reports;
        totals[9] += run.n_orders;
        totals[10] += run.n_fills;
        if (run.has_store) {
            p_reopen(&run);
        }
        p_close(&run);
    }
    printf("%" PRIu64 " dispatched, %" PRIu64 " results, %" PRIu64 " partial, %" PRIu64
           " repairs, %" PRIu64 " refusals, %" PRIu64 " errors, %" PRIu64 " told, %" PRIu64
           " exits, %" PRIu64 " reports, %" PRIu64 " orders, %" PRIu64 " fills\n",
           totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], totals[6], totals[7],
           totals[8], totals[9], totals[10]);
    if (calls >= 100000 && (totals[0] < 1000 || totals[2] < 50 || totals[3] < 50 ||
                            totals[9] < 1000 || totals[10] < 1000)) {
        printf("too little happened\n0 passed, 1 failed\n");
        return 1;
    }
    printf("1 passed, 0 failed\n");
    return 0;
}
