/* A short life of a book, one call a step, for tests that make something fail at every place. A
   step that failed can be made again: its arguments are fixed. */
#ifndef FAULT_STEPS_H
#define FAULT_STEPS_H

#include <perpcore/perpcore.h>

#include <check.h>

typedef struct fault_book {
    perp_core *core;
    int64_t now;
    uint32_t outcome; /* what the executor answers */
    uint32_t executed;
    void (*on_execute)(void *user, const perp_execution *job);
    void *user;
    perp_tick_result tick;
} fault_book;

/* Fills callbacks; the rest of config is the caller's. */
void fault_config(fault_book *book, perp_config *config);
perp_status fault_open(fault_book *book, const perp_config *config);
void fault_close(fault_book *book);

int fault_steps(void);
/* Of the places at which something can fail, each so many is tried: PERP_FAULTS_EVERY, for a build
   in which each takes long; else 1, all of them. */
uint64_t fault_every(void);
const char *fault_step_name(int step);
perp_status fault_step(fault_book *book, int step);
/* Whether the step is a tick. */
int fault_step_ticks(int step);
/* Whether it sends a way out, which a pause does not stop. */
int fault_step_exits(int step);
/* Whether it raises a protection, or tells what has happened: that holds where the store fails, and
   is stored by the next change. */
int fault_step_stands(int step);

/* The main of a test file: runs its one suite. */
int fault_run(Suite *suite);

#endif
