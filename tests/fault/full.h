/* A book with content of every kind, and every call of the public interface on it, for tests that
   make something fail in each. */
#ifndef FAULT_FULL_H
#define FAULT_FULL_H

#include <perpcore/perpcore.h>

#include <stddef.h>

struct full {
    perp_core *core;
    perp_config config; /* store, memory and durability are the test's */
    const char *path;   /* of the store; NULL: it has no file */
    int64_t now;
    uint32_t outcome; /* what the executor says */
    uint32_t executed;
    perp_tick_result tick;
};

/* Where the book is, for calls that open or close it. */
extern struct full full;

/* Fills the configuration; the rest is the caller's. */
void full_config(struct full *f);
/* Opens it, with the store that path names, or that of the configuration. */
perp_status full_open(struct full *f);
/* Fills it. */
void full_fill(struct full *f);

/* What a call does to the book. */
enum full_kind {
    FULL_CHANGES,
    FULL_STANDS, /* raises a protection, or tells what has happened: holds where the store fails */
    FULL_HANDS,  /* hands jobs over after its commit, and notes what the executor said */
    FULL_READS,  /* nothing */
    FULL_OPENS,  /* opens the book, which was closed */
    FULL_CLOSES,
};

struct full_call {
    const char *name; /* of the function */
    const char *text;
    enum full_kind kind;
};

int full_calls(void);
const struct full_call *full_call_at(int n);
/* What has to be before it. */
void full_before(struct full *f, int n);
perp_status full_call(struct full *f, int n);

/* Exported functions that no call covers because they can not fail: what they give is theirs
   alone, or constant. */
int full_can_not_fail(const char *name);

#endif
