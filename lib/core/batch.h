/* What only the core and the module that puts the book together look at. */
#ifndef PERP_CORE_BATCH_H
#define PERP_CORE_BATCH_H

#include "core/events.h"

/* JSON for people about one event of the batch; freed with cJSON_free. */
struct perp_detail {
    uint32_t n; /* which event */
    char *text;
};

struct perp_batch {
    void *memory;
    uint32_t capacity;
    uint32_t size;
    uint32_t count;
    bool failed;   /* an event found no memory and went to spare */
    uint32_t told; /* messages before the batch began */
    int64_t now;
    const char *actor, *reason; /* of the call, with their lengths */
    uint32_t n_actor, n_reason;
    bool barrier;  /* durable before the call returns, whatever the configuration says */
    char *encoded; /* room for one event as bytes */
    uint32_t encoded_capacity;
    struct perp_detail *details; /* of events of this batch, in their order */
    uint32_t n_details, details_capacity;
    void *waiting; /* events applied but not yet durable (PERP_DURABILITY_BATCH) */
    uint32_t waiting_size, waiting_capacity, n_waiting;
    struct perp_event_room spare;
    _Atomic uint32_t deciders; /* threads that wait for the lock to change the book */
    perp_change changes[PERP_MONITOR_CHANGES]; /* the last ones; number n is at n % their count */
};

struct perp_notice {
    bool is_alert;
    uint32_t log_level;
    perp_alert alert;
    char text[512]; /* of a log line */
};

struct perp_notices {
    struct perp_notice *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t lost;
};

bool perp_batch_open(perp_core *core);
void perp_batch_close(perp_core *core);
bool perp_event_prepare(perp_core *core, const struct perp_event *event);
void perp_event_apply(perp_core *core, const struct perp_event *event);

/* registry.c */
bool perp_registry_open(perp_core *core);
void perp_registry_close(perp_core *core);
bool perp_prepare_exchange(perp_core *core, const struct perp_event *event);
void perp_apply_exchange(perp_core *core, const struct perp_event *event);
bool perp_prepare_instrument(perp_core *core, const struct perp_event *event);
void perp_apply_instrument(perp_core *core, const struct perp_event *event);

#endif
