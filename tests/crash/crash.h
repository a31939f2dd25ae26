/* The crash test's parts: scenarios as lines, the run that nothing disturbs, the process that is
   killed, and what a store is found to hold. */
#ifndef TEST_CRASH_H
#define TEST_CRASH_H

#include "../../examples/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_PATH 512
#define MAX_WHY 512

/* A scenario's lines, without those that are skipped; further lines are put in between. */
struct lines {
    char **text;
    size_t n;
};

/* A book: after so many events it has this hash. */
struct point {
    uint64_t seq;
    uint64_t hash;
};

/* What each line answers and leaves behind: after[i] and answer[i] belong to line i. */
struct truth {
    struct point *after;
    char **answer;
    size_t n;
};

/* How a book is run: as perp-scenario does, or with the durability "batch", where every
   FLUSH_LINES-th line is followed by a flush before it is answered. */
struct manner {
    bool batch;
    const char *program; /* perp-scenario */
};
#define FLUSH_LINES 25

/* splitmix64 */
uint64_t random_next(uint64_t *state);
size_t random_below(uint64_t *state, size_t n);

/* lines.c. A fault of the test's own surroundings (no file, no memory) ends it. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
struct lines lines_read(const char *path);
struct lines lines_busy(uint64_t *random);
struct lines lines_sprinkle(const struct lines *lines, uint64_t *random, bool reopens);
void lines_free(struct lines *lines);

/* truth.c */
/* Opens a book of a manner that perp-scenario has no option for. */
perp_status book_open(struct scenario *run, const char *store, const char *first_line);
/* Runs the lines from `from` on, on the store. False: a reopen changed the book; why says how. */
bool truth_run(struct truth *truth, const struct manner *manner, const char *store,
               const struct lines *lines, size_t from, char why[MAX_WHY]);
void truth_free(struct truth *truth);

/* victim.c */
/* When a process is killed: at its `calls`-th stop on the way into or out of a system call, which
   is the same instruction each time; or, where that is 0, `delay_us` after its `answers`-th answer
   (0: after its start). A moment that does not come lets it end by itself. */
struct moment {
    size_t calls;
    size_t answers;
    int64_t delay_us;
};
/* Feeds the lines from `from` on to a process and kills it; killed: 0 where it ended before that.
   answers gets what it wrote; returns how many lines that are. */
size_t victim_run(const struct manner *manner, const char *store, const struct lines *lines,
                  size_t from, const struct moment *moment, char ***answers, bool *killed);
/* Whether system calls can be counted here. */
bool victim_counts_calls(void);
void answers_free(char **answers, size_t n);

/* found.c */
void store_copy(const char *from, const char *to);
void store_remove(const char *path);
/* What the store holds, read in every way that there is: replayed from empty with each checkpoint
   compared, opened from the newest checkpoint, and opened without one. Leaves the store opened once
   and closed. end gets the book before it was opened, opened after it. False: they differ. */
bool store_look(const char *path, struct point *end, struct point *opened, char why[MAX_WHY]);
/* The hash after so many of a store's events; the kind of the event after those. */
uint64_t store_hash_at(const char *path, uint64_t seq);
void store_kind_after(const char *path, uint64_t seq, char kind[32]);

#endif
