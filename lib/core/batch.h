/* The batch at hand and what is to be told, as the core itself and the whole book look at them. */
#ifndef PERP_CORE_BATCH_H
#define PERP_CORE_BATCH_H

#include "core/events.h"

/* A change as it is kept: of which kind, by its number. */
struct perp_change_kept {
    uint64_t seq;
    int64_t time_ns;
    uint32_t kind;
    perp_exchange_id exchange; /* PERP_NO_ID: none in particular */
    perp_uuid job;             /* of a kind that is about one */
};

struct perp_batch {
    struct perp_arena arena; /* of the events */
    struct perp_event *first, *last;
    uint32_t count;
    bool failed;   /* an event found no memory */
    bool detailed; /* an event has a detail, to be freed */
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
    struct perp_change_kept changes[PERP_MONITOR_CHANGES]; /* the last; number n at n % their count */
};

struct perp_notice {
    bool is_alert;
    bool is_leg_risk;
    bool is_unhedged;
    perp_uuid job;             /* of unhedged */
    char base[PERP_NAME_SIZE]; /* of both */
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
/* What waits and the batch at hand on disk, or nothing of them; staged: in the store, at least. */
perp_status perp_batch_store(perp_core *core, bool staged);
/* Rows alone for the store, of a book that was just read back; they follow no record. */
perp_status perp_batch_rows(perp_core *core,
                            void (*rows)(const perp_core *core, struct perp_journal *to));
void perp_batch_clear(struct perp_batch *batch);

/* durable.c: what the store offers beyond its table; false: none of what it gives makes sense. */
bool perp_durable_open(perp_core *core);
/* Whether the store has something that may not be on disk. */
bool perp_is_staged(const perp_core *core);
/* The store has all up to an event; staged: which need not be on disk. */
void perp_stored(perp_core *core, uint64_t seq, bool staged);
/* Of one event, of a batch or of a store: room for it, and making it so. */
static inline bool perp_event_prepare(perp_core *core, const struct perp_event *event) {
    const struct perp_event_row *row = &core->event_rows[event->kind];
    return (row->job == PERP_NO_JOB || perp_job_notices_reserve(core, 2)) &&
           (!row->prepare || row->prepare(core, event));
}

static inline void perp_event_apply(perp_core *core, const struct perp_event *event) {
    if (event->time_ns > perp_clock(core))
        atomic_store_explicit(&core->clock, event->time_ns, memory_order_release);
    core->seq = event->seq;
    core->event_rows[event->kind].apply(core, event);
}

/* registry.c */
bool perp_registry_open(perp_core *core);
void perp_registry_close(perp_core *core);
/* Whether a spec that a store gives is one that add would take. */
bool perp_exchange_fits(const perp_core *core, const perp_exchange_spec *spec);
bool perp_instrument_fits(const perp_core *core, const perp_instrument_spec *spec);
/* The same without what only a new one must be. */
bool perp_exchange_sound(const perp_core *core, const perp_exchange_spec *spec);
bool perp_instrument_sound(const perp_core *core, const perp_instrument_spec *spec);
/* What a host gives, tidied and checked but for ranges; and these. */
perp_status perp_exchange_given(const perp_core *core, const perp_exchange_spec *given,
                                perp_exchange_spec *spec);
perp_status perp_instrument_given(const perp_core *core, const perp_instrument_spec *given,
                                  perp_instrument_spec *spec);
perp_status perp_exchange_ranges(const perp_core *core, const perp_exchange_spec *spec);
perp_status perp_instrument_ranges(const perp_core *core, const perp_instrument_spec *spec);
/* Of what is known: PERP_E_EXISTS, or PERP_E_CONFLICT where the content is another. */
perp_status perp_spec_known(const perp_core *core, const char *what, const char *name,
                            const struct perp_row_type *type, const void *known, const void *given);

/* What an update may change; instruments have their tiers, too. */
#define PERP_EXCHANGE_UPDATES(X)                                                                   \
    X(margin_mode)                                                                                 \
    X(taker_fee_bps)                                                                               \
    X(maker_fee_bps)                                                                               \
    X(liquidation_fee_bps)                                                                         \
    X(max_concurrent)                                                                              \
    X(max_notional)                                                                                \
    X(order_rate_per_s)                                                                            \
    X(order_burst)
#define PERP_INSTRUMENT_UPDATES(X)                                                                 \
    X(qty_step)                                                                                    \
    X(price_tick)                                                                                  \
    X(min_qty)                                                                                     \
    X(min_notional)                                                                                \
    X(funding_interval_h)                                                                          \
    X(taker_fee_bps)                                                                               \
    X(maker_fee_bps)                                                                               \
    X(can_borrow)                                                                                  \
    X(max_position_usd)
/* PERP_E_CONFLICT: the spec differs from what is there in what never changes. */
perp_status perp_exchange_updates(const perp_core *core, perp_exchange_id exchange,
                                  const perp_exchange_spec *spec);
perp_status perp_instrument_updates(const perp_core *core, perp_instrument_id instrument,
                                    const perp_instrument_spec *spec);
struct perp_tiers *perp_tiers_make(perp_core *core, const perp_instrument_spec *spec);
void perp_tiers_free(perp_core *core, struct perp_tiers *tiers);
/* The quote currency that a symbol names: from the '/' to a ':', else USD. */
void perp_preset_quote(perp_instrument_spec *spec);
void perp_instrument_entry_free(perp_core *core, struct perp_instrument_entry *entry);

#endif
