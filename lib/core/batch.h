/* The batch at hand and what is to be told, as the core itself and the whole book look at them. */
#ifndef PERP_CORE_BATCH_H
#define PERP_CORE_BATCH_H

#include "core/events.h"

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

/* perp_leave where there may be something to be told, or a checkpoint is due; and in line. */
void perp_leave_telling(perp_core *core);
static inline perp_status perp_leave_with(perp_core *core, perp_status status) {
    if (perp_in_rule(core)) /* it was not let in */
        return perp_refuse_in_rule(core);
    if (status == PERP_OK && core->broken) /* perhaps by what this call has changed */
        status = perp_corrupt(core);
    if (core->config.store.checkpoint || core->notices->count || core->notices->n_jobs)
        perp_leave_telling(core);
    else
        perp_unlock(core);
    return status;
}

bool perp_batch_open(perp_core *core);
void perp_batch_close(perp_core *core);
/* What waits and the batch at hand on disk, or nothing of them; staged: in the store, at least. */
perp_status perp_batch_store(perp_core *core, bool staged);
/* What waits likewise, where there is no batch at hand. */
perp_status perp_batch_flush(perp_core *core, bool staged);
/* Rows alone for the store, of a book that was just read back; they follow no record. */
perp_status perp_batch_rows(perp_core *core,
                            void (*rows)(const perp_core *core, struct perp_journal *to));
void perp_batch_free_details(struct perp_batch *batch);
/* What events of a large batch took is given back; so much stays. */
#define PERP_BATCH_KEEPS ((size_t)256 << 10)
static inline void perp_batch_clear(struct perp_batch *batch) {
    if (batch->detailed)
        perp_batch_free_details(batch);
    if (batch->arena.total > PERP_BATCH_KEEPS)
        perp_arena_free(&batch->arena);
    perp_arena_reset(&batch->arena);
    batch->first = batch->last = NULL;
    batch->count = 0;
    batch->failed = batch->barrier = batch->stands = false;
    if (batch->journal.bytes.size || batch->journal.bytes.failed)
        perp_journal_clear(&batch->journal);
}

/* A new day of the book, as the first event of the batch. */
void perp_batch_roll(perp_core *core, int64_t now);
/* perp_batch_begin, in line. */
static inline void perp_batch_start(perp_core *core, const perp_call *call, int64_t now) {
    struct perp_batch *batch = core->batch;
    perp_batch_clear(batch);
    core->prepared = (struct perp_prepared){0};
    batch->told = core->notices->count;
    batch->now = now;
    batch->actor = perp_call_actor(call);
    batch->reason = perp_call_reason(call);
    if (perp_day_begins(core, now))
        perp_batch_roll(core, now);
}

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
    if (core->event_rows[event->kind].touches < core->touched)
        core->touched = core->event_rows[event->kind].touches;
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
