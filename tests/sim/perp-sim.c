/* perp-sim: worlds from seeds, until the time or their number is up.
   usage: perp-sim [--seed N] [--seeds N] [--steps N] [--seconds N] [--faults a,b|all|none] [-v]
              worlds of so many steps from a seed on; faults: those instead of each seed's own
                   [--kept FOLDER] first the lives that are kept there
                   [--keep FOLDER] a seed that fails is cut down, and what is left kept there
          perp-sim --replay FILE...: what was kept
          perp-sim --shrink FILE --seed N ...: cuts a seed that fails down
   SIM_LOUD=1: each call, fill and report is printed */
#include "sim.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    uint64_t seed, seeds, faults;
    uint32_t steps;
    double seconds;
    bool given_faults, verbose;
    const char *shrink, *kept;
};

static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* A swarm: each seed has each fault or not, few or many. */
uint64_t s_draw_faults(uint64_t seed) {
    uint64_t faults = 0, r = mixed(seed ^ UINT64_C(0x5eed));
    const uint64_t share = 5 + r % 75;
    for (uint32_t f = 0; f < S_FAULTS; f++) {
        r = mixed(r + f + 1);
        faults |= (uint64_t)(r % 100 < share) << f;
    }
    if (mixed(r) % 100 >= 15) /* files are slow */
        faults &= ~(UINT64_C(1) << S_SQLITE);
    return seed % 16 == 0 ? 0 : faults;
}

static bool read_faults(const char *text, uint64_t *faults) {
    char copy[512], *rest = copy;
    *faults = 0;
    snprintf(copy, sizeof copy, "%s", text);
    if (strcmp(text, "all") == 0)
        *faults = (UINT64_C(1) << S_FAULTS) - 1;
    if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
        return true;
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        uint32_t f = 0;
        while (f < S_FAULTS && strcmp(name, s_fault_names[f]) != 0)
            f++;
        if (f == S_FAULTS)
            return false;
        *faults |= UINT64_C(1) << f;
    }
    return true;
}

static void add(struct s_counts *all, const struct s_counts *one) {
    uint64_t *to = (uint64_t *)(void *)all;
    const uint64_t *from = (const uint64_t *)(const void *)one;
    for (size_t i = 0; i < sizeof *all / sizeof *to; i++)
        to[i] += from[i];
}

/* One world, whose steps are all from first to last, or those that are listed. */
uint64_t s_live(struct s_world *w, uint64_t seed, uint32_t n_steps, uint64_t faults,
                bool other_addresses, const uint8_t *leave_out) {
    s_begin(w, seed, n_steps, faults);
    w->loud = getenv("SIM_LOUD") != NULL;
    if (other_addresses)
        w->config.allocator = s_allocator(w, true);
    s_open_core(w);
    s_set_up(w);
    /* A file is slower than memory, and one that is watched must stay small. */
    const uint32_t made = w->store == S_SQLITE_STORE && n_steps > 400 ? 400 : n_steps;
    for (uint32_t i = 0; i < made; i++)
        if (!leave_out || !leave_out[i])
            s_one_step(w, i);
    s_wind_up(w);
    s_end(w);
    return w->trace;
}

static void print_faults(uint64_t faults) {
    for (uint32_t f = 0; f < S_FAULTS; f++)
        if (faults >> f & 1)
            printf(" %s", s_fault_names[f]);
    printf("\n");
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool next_option(int argc, char **argv, int *i, struct options *o) {
    const char *name = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (strcmp(name, "-v") == 0) {
        o->verbose = true;
        return true;
    }
    if (!value)
        return false;
    ++*i;
    if (strcmp(name, "--seed") == 0)
        o->seed = strtoull(value, NULL, 10);
    else if (strcmp(name, "--seeds") == 0)
        o->seeds = strtoull(value, NULL, 10);
    else if (strcmp(name, "--steps") == 0)
        o->steps = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--seconds") == 0)
        o->seconds = strtod(value, NULL);
    else if (strcmp(name, "--shrink") == 0)
        o->shrink = value;
    else if (strcmp(name, "--kept") == 0)
        o->kept = value;
    else if (strcmp(name, "--keep") == 0)
        s_keep_in = value;
    else if (strcmp(name, "--faults") == 0)
        return o->given_faults = read_faults(value, &o->faults);
    else
        return false;
    return true;
}

static void print_counts(const struct s_counts *n, uint64_t worlds) {
    printf("%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " calls (%" PRIu64 " errors), %" PRIu64
           " ticks, %" PRIu64 " days\n",
           worlds, n->steps, n->calls, n->errors, n->ticks, n->days);
    printf("%" PRIu64 " dispatched, %" PRIu64 " handed over, %" PRIu64 " withdrawn, %" PRIu64
           " finished, %" PRIu64 " exits, %" PRIu64 " repairs, %" PRIu64 " kills\n",
           n->dispatched, n->handed, n->withdrawn, n->finished, n->exits, n->repairs, n->kills);
    printf("%" PRIu64 " orders (%" PRIu64 " refused), %" PRIu64 " fills, %" PRIu64 " late, %" PRIu64
           " told again, %" PRIu64 " reports, %" PRIu64 " cuts, %" PRIu64 " other threads\n",
           n->orders, n->gate, n->fills, n->late, n->repeated, n->reports, n->cuts, n->nested);
    printf("%" PRIu64 " restarts, %" PRIu64 " crashes, %" PRIu64 " failures of the store, %" PRIu64
           " of memory, %" PRIu64 " hostile calls, %" PRIu64 " rests\n",
           n->restarts, n->crashes, n->store_errors, n->nomem, n->hostile, n->rests);
}

/* Lives that failed once; how many there are. */
static uint32_t live_kept(const char *folder) {
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.life", folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (s_replay(found.gl_pathv[i]) != 0)
            exit(1);
    const uint32_t n = (uint32_t)found.gl_pathc;
    globfree(&found);
    return n;
}

int main(int argc, char **argv) {
    static struct s_world w;
    static struct s_counts all;
    struct options o = {.seed = 1, .seeds = 1, .steps = 5000};
    if (argc > 2 && strcmp(argv[1], "--replay") == 0) {
        for (int i = 2; i < argc; i++)
            if (s_replay(argv[i]) != 0)
                return 1;
        printf("%d passed, 0 failed\n", argc - 2);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        if (!next_option(argc, argv, &i, &o)) {
            fprintf(stderr, "perp-sim: what is %s?\n", argv[i]);
            return 2;
        }
    if (o.shrink)
        return s_shrink(o.seed, o.steps, o.given_faults ? o.faults : s_draw_faults(o.seed),
                        o.shrink);
    const uint32_t kept = o.kept ? live_kept(o.kept) : 0;
    printf("worlds of %u steps from seed %" PRIu64 "\n", o.steps, o.seed);
    fflush(stdout);
    const double began = now_s();
    uint64_t n = 0;
    for (; o.seconds > 0 ? now_s() - began < o.seconds : n < o.seeds; n++) {
        const uint64_t seed = o.seed + n;
        const uint64_t faults = o.given_faults ? o.faults : s_draw_faults(seed);
        if (o.verbose) {
            printf("seed %" PRIu64 ":", seed);
            print_faults(faults);
            fflush(stdout);
        }
        const uint64_t trace = s_live(&w, seed, o.steps, faults, false, NULL);
        add(&all, &w.n);
        if (seed % 8 == 0 && s_live(&w, seed, o.steps, faults, true, NULL) != trace) {
            fprintf(stderr, "seed %" PRIu64 ": it hangs on the addresses of memory\n", seed);
            return 1;
        }
    }
    s_sqlite_end();
    print_counts(&all, n);
    printf("%u passed, 0 failed\n", kept + 1);
    return 0;
}
