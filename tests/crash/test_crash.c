/* test_crash PERP_SCENARIO SCENARIOS [ROUNDS [SEED]]: kills books while they work.

   A round takes a scenario, puts checkpoints (and, in some rounds, reopens) between its lines, and
   runs it twice: undisturbed in this process, and as a perp-scenario process that is killed with
   SIGKILL: at its n-th system call, or at a random moment of time. What the killed one left must be
   what the other was after some line, at or after the last line that was answered, whichever way
   the store is read. Then the next process goes on from there, with the lines that are left, and is
   killed in turn.

   ROUNDS (or PERP_CRASHES; 20) counts the kills. The seed is printed; with SEED (or
   PERP_CRASH_SEED) the same scenarios are run and killed at the same system calls; kills by time
   come after the same answers, though not at the same instruction. Stores lie in PERP_CRASH_DIR,
   TMPDIR, or /dev/shm where there is one: a killed process loses no page that it wrote, so a disk
   would add nothing but time. */
#include "crash.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct test {
    struct manner manner;
    bool counts_calls;
    uint64_t random;
    char store[MAX_PATH];  /* of the process that is killed */
    char beside[MAX_PATH]; /* of the undisturbed run */
    size_t kills, wanted, failed;
    size_t ahead;  /* of the kills: a change was durable but not yet answered */
    size_t inside; /* of the kills: of a line that makes several changes, some were durable */
};

/* One run from a line on, killed somewhere. */
struct life {
    const struct lines *lines;
    size_t from;
    struct point start; /* the book before it */
    struct truth truth;
    size_t answered; /* lines up to here, not counted from `from` */
    size_t durable;  /* of those, what must be there */
    struct point end;
    struct point opened; /* the book as the next life finds it */
    char why[MAX_WHY];
};

static bool fail(struct life *life, const char *what, size_t line) {
    (void)snprintf(life->why, MAX_WHY, "%s: line %zu (%.200s)", what, line,
                   line < life->lines->n ? life->lines->text[line] : "");
    return false;
}

/* The undisturbed run answers the same. */
static bool same_answers(struct life *life, char **answers) {
    for (size_t i = life->from; i < life->answered; i++)
        if (strcmp(answers[i - life->from], life->truth.answer[i]) != 0)
            return fail(life, "another answer", i);
    return true;
}

/* The book after so many lines have been done. */
static struct point after(const struct life *life, size_t lines) {
    return lines > life->from ? life->truth.after[lines - 1] : life->start;
}

/* A tick is a call of its own and one more for each job that the executor declines, refuses or
   leaves in doubt; the first line of an empty store also stores the configuration before it. */
static bool between_calls(struct test *test, struct life *life, size_t line) {
    char kind[32];
    store_kind_after(test->beside, life->end.seq, kind);
    bool is_cut = strcmp(kind, "withdraw") == 0 || strcmp(kind, "finish") == 0 ||
                  strcmp(kind, "doubt") == 0 || strcmp(kind, "circuit_up") == 0;
    bool is_first = line == 0 && life->end.seq == 1;
    if (!is_first && (!is_cut || !strstr(life->lines->text[line], "\"tick\"")))
        return fail(life, "half of a line is there", line);
    if (store_hash_at(test->beside, life->end.seq) != life->end.hash)
        return fail(life, "inside of a line the book is another", line);
    test->inside++;
    return true;
}

/* The line that the store ends after; sets where the next life goes on. */
static bool is_prefix(struct test *test, struct life *life, size_t *next) {
    for (size_t done = life->durable; done <= life->lines->n && done <= life->answered + 1;
         done++) {
        struct point book = after(life, done);
        if (book.seq < life->end.seq)
            continue;
        *next = done > life->answered ? done : life->answered;
        if (test->manner.batch)
            *next = done;
        if (book.seq > life->end.seq)
            return done > life->durable ? between_calls(test, life, done - 1)
                                        : fail(life, "an answered line is lost", done - 1);
        bool nothing = book.seq == 0; /* made to a store, or not even that */
        return nothing || book.hash == life->end.hash ||
               fail(life, "the book is another", done - 1);
    }
    return fail(life, "there is more than was asked for", life->answered);
}

/* What must be there: with "batch" what a flush has answered for. */
static size_t durable_lines(const struct test *test, const struct life *life) {
    if (!test->manner.batch)
        return life->answered;
    for (size_t i = life->answered; i > life->from; i--)
        if ((i - 1) % FLUSH_LINES == 0)
            return i;
    return life->from;
}

/* Up to about as many system calls as the undisturbed run made. */
static struct moment moment_of(struct test *test, const struct life *life) {
    size_t lines = life->lines->n - life->from;
    size_t events = (size_t)(life->truth.after[life->lines->n - 1].seq - life->start.seq);
    struct moment moment = {0, 0, 0};
    bool starts = random_below(&test->random, 8) == 0;
    if (test->counts_calls && random_below(&test->random, 4)) {
        moment.calls =
            1 + random_below(&test->random, starts ? 300 : 300 + 4 * lines + 16 * events);
        return moment;
    }
    moment.answers = starts ? 0 : 1 + random_below(&test->random, lines);
    size_t scale = starts ? 12000 : (size_t)64 << random_below(&test->random, 7);
    moment.delay_us = (int64_t)random_below(&test->random, scale);
    return moment;
}

static bool live(struct test *test, struct life *life, size_t *next) {
    char **answers;
    bool killed;
    store_copy(test->store, test->beside);
    if (!truth_run(&life->truth, &test->manner, test->beside, life->lines, life->from, life->why))
        return false;
    struct moment moment = moment_of(test, life);
    size_t n =
        victim_run(&test->manner, test->store, life->lines, life->from, &moment, &answers, &killed);
    life->answered = life->from + n;
    bool good = life->answered <= life->lines->n && same_answers(life, answers);
    answers_free(answers, n);
    life->durable = durable_lines(test, life);
    test->kills += killed;
    if (!good || !store_look(test->store, &life->end, &life->opened, life->why) ||
        !is_prefix(test, life, next))
        return false;
    test->ahead += life->end.seq > after(life, life->answered).seq;
    return true;
}

static void report(const struct test *test, const struct life *life, const char *scenario) {
    printf("FAILED after %zu kills: %s from line %zu, %zu answered, store at %" PRIu64
           " with %016" PRIx64 "\n  %s\n  the stores are %s and %s\n",
           test->kills, scenario, life->from, life->answered, life->end.seq, life->end.hash,
           life->why, test->store, test->beside);
}

#define MOST_LIVES 4
#define FEWEST_LINES 30

/* Lives one after the other on one store. scenario: NULL for lines that are made. */
static bool round_of(struct test *test, const char *scenario) {
    struct lines all = scenario ? lines_read(scenario) : lines_busy(&test->random);
    struct lines lines = lines_sprinkle(&all, &test->random, random_below(&test->random, 3) == 0);
    struct point start = {0, 0};
    size_t from = 0;
    bool good = true;
    test->manner.batch = random_below(&test->random, 4) == 0;
    store_remove(test->store);
    for (int n = 0; n < MOST_LIVES && good && from + FEWEST_LINES < lines.n; n++) {
        if (test->kills == test->wanted)
            break;
        struct life life = {.lines = &lines, .from = from, .start = start};
        good = live(test, &life, &from);
        if (!good)
            report(test, &life, scenario ? scenario : "made lines");
        start = life.opened;
        truth_free(&life.truth);
    }
    lines_free(&lines);
    lines_free(&all);
    return good;
}

static uint64_t number_from(const char *text, const char *variable, uint64_t otherwise) {
    if (!text)
        text = getenv(variable);
    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

static const char *folder(void) {
    const char *names[] = {getenv("PERP_CRASH_DIR"), getenv("TMPDIR"), "/dev/shm", "/tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && access(names[i], W_OK) == 0)
            return names[i];
    die("there is no folder for the stores");
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 5)
        die("usage: test_crash PERP_SCENARIO SCENARIOS [ROUNDS [SEED]]");
    struct test test = {.manner = {.program = argv[1]}};
    char pattern[MAX_PATH], stored[MAX_PATH], home[MAX_PATH];
    glob_t scenarios;
    uint64_t seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 20;
    test.wanted = (size_t)number_from(argc > 3 ? argv[3] : NULL, "PERP_CRASHES", 20);
    test.random = seed = number_from(argc > 4 ? argv[4] : NULL, "PERP_CRASH_SEED", seed);
    (void)snprintf(pattern, sizeof pattern, "%s/*.in.jsonl", argv[2]);
    (void)snprintf(stored, sizeof stored, "%s/store/*.in.jsonl", argv[2]);
    (void)snprintf(home, sizeof home, "%s/perp-crash-XXXXXX", folder());
    if (access(argv[1], X_OK) != 0 || glob(pattern, 0, NULL, &scenarios) != 0 ||
        glob(stored, GLOB_APPEND, NULL, &scenarios) != 0 || !mkdtemp(home))
        die("%s, %s or %s: %s", argv[1], pattern, home, strerror(errno));
    (void)snprintf(test.store, sizeof test.store, "%.400s/killed.db", home);
    (void)snprintf(test.beside, sizeof test.beside, "%.400s/beside.db", home);
    (void)signal(SIGPIPE, SIG_IGN);
    test.counts_calls = victim_counts_calls();
    printf("seed %" PRIu64 "%s\n", seed,
           test.counts_calls ? "" : "; system calls can't be counted here");
    while (test.kills < test.wanted && !test.failed) {
        size_t n = random_below(&test.random, scenarios.gl_pathc * 4 / 3);
        test.failed += !round_of(&test, n < scenarios.gl_pathc ? scenarios.gl_pathv[n] : NULL);
    }
    globfree(&scenarios);
    if (!test.failed) {
        store_remove(test.store);
        store_remove(test.beside);
        (void)rmdir(home);
    }
    printf("%zu kills, %zu of them with a change that was not answered yet, %zu inside of a line\n",
           test.kills, test.ahead, test.inside);
    printf("%zu passed, %zu failed\n", test.kills, test.failed);
    return test.failed != 0;
}
