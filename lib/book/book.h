/* The whole book: the one room that knows all the others. */
#ifndef PERP_BOOK_BOOK_H
#define PERP_BOOK_BOOK_H

#include "core/batch.h"
#include "scheduler/scheduler.h"

/* open.c: an empty book with its store attached but not yet read; frees it with all it has. */
perp_status perp_core_make(const perp_config *config, perp_core **core);
void perp_core_free(perp_core *core);

/* perp_core_hash without the lock. */
uint64_t perp_hash_book(const perp_core *core);
/* A configuration as an event, put into the batch at hand. */
void perp_put_config(perp_core *core, const perp_config *config);

/* apply.c */
extern const struct perp_event_row perp_event_rows[PERP_EVENT_COUNT];

void perp_apply_submit(perp_core *core, const struct perp_event *event);
void perp_apply_leave(perp_core *core, const struct perp_event *event); /* cancel, expire, reject */
void perp_apply_overdue(perp_core *core, const struct perp_event *event);
void perp_apply_refuse(perp_core *core, const struct perp_event *event);
void perp_apply_choose(perp_core *core, const struct perp_event *event);
void perp_apply_dispatch(perp_core *core, const struct perp_event *event);
void perp_apply_doubt(perp_core *core, const struct perp_event *event);
void perp_apply_finish(perp_core *core, const struct perp_event *event);
void perp_apply_close(perp_core *core, const struct perp_event *event);
void perp_apply_requeue(perp_core *core, const struct perp_event *event);
void perp_apply_resolve(perp_core *core, const struct perp_event *event);
void perp_apply_limits(perp_core *core, const struct perp_event *event);
void perp_apply_pause(perp_core *core, const struct perp_event *event);
void perp_scheduler_roll(perp_core *core);

/* A load under way. */
struct perp_load {
    perp_core *core;
    uint64_t to_seq; /* 0: all */
    bool configured; /* the store has a configuration */
    void (*visit)(void *user, const perp_core *core, uint64_t seq);
    void *user;
    struct perp_event_room room;
};
/* recover.c: fills an empty book from its store. */
perp_status perp_load_store(struct perp_load *load, bool from_start);
perp_status perp_write_checkpoint(perp_core *core);

#endif
