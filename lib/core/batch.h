/* The batch at hand and what is to be told, as the core itself and the whole book look at them. */
#ifndef PERP_CORE_BATCH_H
#define PERP_CORE_BATCH_H

#include "core/events.h"

struct perp_batch {
    struct perp_arena arena; /* of the events */
    struct perp_event *first, *last;
    uint32_t count;
    bool failed;   /* an event found no memory */
    bool barrier;  /* durable before the call returns, whatever the configuration says */
    bool stands;   /* applied whatever the store says (perp_batch_stands) */
    uint32_t told; /* messages before the batch began */
    int64_t now;
    const char *actor, *reason;  /* of the call */
    struct perp_bytes encoded;   /* room for one event as bytes */
    struct perp_journal journal; /* what the batch writes to the store */
    struct perp_journal
        waiting; /* of batches applied but not yet durable: with PERP_DURABILITY_BATCH, and what
                    stands though the store failed */
    struct perp_journal kept; /* what stands and found no memory to wait in: of room made at open */
    uint64_t ups[PERP_MAX_EXCHANGES]; /* how often the host had said "up", as the decision saw it */
    uint64_t chain;                   /* as the batch at hand leaves it */
    _Atomic uint32_t deciders;        /* threads that wait for the lock to change the book */
    perp_change changes[PERP_MONITOR_CHANGES]; /* the last ones; number n is at n % their count */
};

struct perp_notice {
    bool is_alert;
    bool is_leg_risk;
    char base[PERP_NAME_SIZE]; /* of it */
    double quantity;
    uint32_t log_level;
    perp_alert alert;
    char text[512]; /* of a log line */
};

/* That a job ended, or is to be cancelled: what the host must hear is not lost for want of memory,
   so room for it is made before its event is applied. */
struct perp_job_notice {
    perp_uuid job;
    uint32_t state; /* in which it ended; PERP_JOB_STATE_COUNT: on_cancel */
};

struct perp_notices {
    struct perp_notice *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t lost;
    struct perp_job_notice *jobs;
    uint32_t n_jobs, jobs_capacity;
};

bool perp_batch_open(perp_core *core);
void perp_batch_close(perp_core *core);
/* What waits and the batch at hand on disk, or nothing of them. */
perp_status perp_batch_store(perp_core *core);
/* Of one event, of a batch or of a store: room for it, and making it so. */
bool perp_event_prepare(perp_core *core, const struct perp_event *event);
void perp_event_apply(perp_core *core, const struct perp_event *event);

/* registry.c */
bool perp_registry_open(perp_core *core);
void perp_registry_close(perp_core *core);
/* Whether a spec that a store gives is one that add would take. */
bool perp_exchange_fits(const perp_core *core, const perp_exchange_spec *spec);
bool perp_instrument_fits(const perp_core *core, const perp_instrument_spec *spec);
/* The quote currency that a symbol names: from the '/' to a ':', else USD. */
void perp_preset_quote(perp_instrument_spec *spec);
void perp_instrument_entry_free(perp_core *core, struct perp_instrument_entry *entry);

#endif
