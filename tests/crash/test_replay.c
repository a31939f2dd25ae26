/* test_replay PERP_SCENARIO SCENARIOS: what a replay makes of a store is the book that wrote it.

   Every scenario is run in this process on a store of its own, with a checkpoint after so many of
   its lines; the store is copied while the book works on, and the copy is read in each way that
   there is: replayed from empty with each checkpoint compared, opened from the newest checkpoint
   and the events after it, and opened from the events alone. All must be the book as it was. The
   first argument, which the programs of this folder share, is not needed.

   PERP_REPLAY_ONLY: what the names of the scenarios to run begin with (all). */
#include "crash.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After so many lines a checkpoint, and after so many a look at a copy. */
struct strides {
    size_t checkpoint, look;
};
/* Of every line once; and so that records are left after the newest. */
static const struct strides all_strides[] = {{1, 500}, {29, 50}};

struct test {
    char home[MAX_PATH], store[MAX_PATH], copy[MAX_PATH];
    size_t looks, failed;
};

static void name_stores(struct test *test) {
    (void)snprintf(test->store, sizeof test->store, "%.400s/live-%zu.db", test->home, test->failed);
    (void)snprintf(test->copy, sizeof test->copy, "%.400s/copy-%zu.db", test->home, test->failed);
}

static uint64_t events_of(const perp_core *core) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    if (perp_core_statistics(core, &stats) != PERP_OK)
        die("%s", perp_core_error(core));
    return stats.events;
}

static bool look(struct test *test, const perp_core *core, char why[MAX_WHY]) {
    struct point end, opened;
    const struct point live = {events_of(core), perp_core_hash(core)};
    store_copy(test->store, test->copy);
    test->looks++;
    bool good = store_look(test->copy, &end, &opened, why);
    if (good && (end.seq != live.seq || end.hash != live.hash)) {
        good = false;
        (void)snprintf(why, MAX_WHY,
                       "the book is %016" PRIx64 " at %" PRIu64 ", replayed %016" PRIx64
                       " at %" PRIu64,
                       live.hash, live.seq, end.hash, end.seq);
    }
    if (good)
        store_remove(test->copy);
    return good;
}

static bool run_lines(struct test *test, const struct lines *lines, const struct strides *strides,
                      size_t *line, char why[MAX_WHY]) {
    struct scenario run;
    bool good = true;
    store_remove(test->store);
    scenario_init(&run);
    run.store_path = test->store;
    for (size_t i = 0; i < lines->n && good; i++) {
        char *answer = scenario_answer(&run, lines->text[i], strlen(lines->text[i]));
        if (!answer)
            die("line %zu was not answered: %s", i, perp_core_error(NULL));
        cJSON_free(answer);
        *line = i;
        if (!run.core)
            continue;
        bool last = i + 1 == lines->n;
        if ((i + 1) % strides->checkpoint == 0 && perp_core_checkpoint(run.core) != PERP_OK)
            die("checkpoint: %s", perp_core_error(run.core));
        if ((i + 1) % strides->look == 0 || last)
            good = look(test, run.core, why);
    }
    scenario_free(&run);
    return good;
}

static void run_scenario(struct test *test, const char *path) {
    struct lines lines = lines_read(path);
    for (size_t i = 0; i < sizeof all_strides / sizeof *all_strides; i++) {
        char why[MAX_WHY] = "";
        size_t line = 0;
        if (run_lines(test, &lines, &all_strides[i], &line, why))
            continue;
        printf("FAILED: %s up to line %zu, a checkpoint each %zu lines: %s\n  the stores are %s "
               "and %s\n",
               path, line, all_strides[i].checkpoint, why, test->store, test->copy);
        test->failed++;
        name_stores(test); /* those of this one stay */
        break;
    }
    lines_free(&lines);
}

static const char *folder(void) {
    const char *names[] = {getenv("PERP_CRASH_DIR"), getenv("TMPDIR"), "/dev/shm", "/tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && access(names[i], W_OK) == 0)
            return names[i];
    die("there is no folder for the stores");
}

int main(int argc, char **argv) {
    if (argc != 3)
        die("usage: test_replay PERP_SCENARIO SCENARIOS");
    const char *only = getenv("PERP_REPLAY_ONLY");
    struct test test = {.looks = 0};
    glob_t scenarios = {.gl_pathc = 0};
    (void)snprintf(test.home, sizeof test.home, "%s/perp-replay-XXXXXX", folder());
    if (!mkdtemp(test.home))
        die("%s can't be made", test.home);
    name_stores(&test);
    for (size_t i = 0; i < 2; i++) {
        char pattern[MAX_PATH];
        (void)snprintf(pattern, sizeof pattern, i ? "%s/store/%s*.in.jsonl" : "%s/%s*.in.jsonl",
                       argv[2], only ? only : "");
        (void)glob(pattern, i ? GLOB_APPEND : 0, NULL, &scenarios);
    }
    if (!scenarios.gl_pathc)
        die("%s has no scenarios", argv[2]);
    size_t n = scenarios.gl_pathc;
    for (size_t i = 0; i < n; i++)
        run_scenario(&test, scenarios.gl_pathv[i]);
    globfree(&scenarios);
    store_remove(test.store);
    store_remove(test.copy);
    if (!test.failed)
        (void)rmdir(test.home);
    printf("%zu looks at stores of %zu scenarios\n%zu passed, %zu failed\n", test.looks, n,
           n - test.failed, test.failed);
    return test.failed != 0;
}
