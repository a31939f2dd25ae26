/* Deciding, committing, applying: the batch of events. */
#include "core/batch.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "core/chain.h"

/* Made at open, so that a protection never lacks memory for its record: room for one change, and
   for dozens of them while the store fails and no memory is left. */
#define ROOM_FOR_ONE (UINT32_C(4) << 10)
#define ROOM_FOR_MANY (UINT32_C(64) << 10)

static bool bytes_reserve(struct perp_bytes *bytes, uint32_t size) {
    void *memory = bytes->memory;
    bool done = perp_grow(bytes->core, &memory, &bytes->capacity, size, 1);
    bytes->memory = memory;
    return done;
}

bool perp_batch_open(perp_core *core) {
    core->batch = perp_alloc(core, sizeof *core->batch);
    core->notices = perp_alloc(core, sizeof *core->notices);
    if (core->notices)
        memset(core->notices, 0, sizeof *core->notices);
    if (!core->batch)
        return false;
    struct perp_batch *batch = core->batch;
    memset(batch, 0, sizeof *batch);
    batch->arena.core = batch->encoded.core = core;
    batch->journal.bytes.core = batch->waiting.bytes.core = batch->kept.bytes.core = core;
    batch->now = PERP_TIME_NONE;
    bool made = core->notices && perp_arena_take(&batch->arena, 1) != NULL &&
                bytes_reserve(&batch->encoded, ROOM_FOR_ONE) &&
                bytes_reserve(&batch->journal.bytes, ROOM_FOR_ONE) &&
                bytes_reserve(&batch->kept.bytes, ROOM_FOR_MANY);
    perp_arena_reset(&batch->arena);
    return made;
}

/* Details of events that were not committed, or were. */
void perp_batch_free_details(struct perp_batch *batch) {
    batch->detailed = false;
    for (struct perp_event *event = batch->first; event; event = event->next) {
        cJSON_free(event->detail);
        event->detail = NULL;
    }
}

void perp_batch_close(perp_core *core) {
    struct perp_batch *batch = core->batch;
    if (batch) {
        perp_batch_free_details(batch);
        perp_arena_free(&batch->arena);
        perp_bytes_free(&batch->encoded);
        perp_bytes_free(&batch->journal.bytes);
        perp_bytes_free(&batch->waiting.bytes);
        perp_bytes_free(&batch->kept.bytes);
    }
    if (core->notices) {
        struct perp_notices *notices = core->notices;
        perp_free(core, notices->items, notices->capacity * sizeof(struct perp_notice));
        perp_free(core, notices->jobs, notices->jobs_capacity * sizeof *notices->jobs);
    }
    perp_free(core, core->batch, sizeof *core->batch);
    perp_free(core, core->notices, sizeof *core->notices);
}

static int64_t day_by(int32_t offset_minutes, int64_t time_ns) {
    const int64_t day = INT64_C(86400) * PERP_NS_PER_S;
    int64_t offset = offset_minutes * INT64_C(60) * PERP_NS_PER_S;
    /* Quotient and rest are taken before the offset, which could overflow at the ends of time. */
    int64_t days = time_ns / day;
    int64_t rest = time_ns % day - offset;
    while (rest < 0) {
        rest += day;
        days--;
    }
    return days + rest / day;
}

int64_t perp_day_now(const perp_core *core) {
    return core->day != PERP_TIME_NONE
               ? core->day
               : day_by(core->config.capital.day_offset_minutes, perp_clock(core));
}

/* Where the day ends by an offset; INT64_MAX: not before the end of time. */
static int64_t end_by(int32_t offset_minutes, int64_t day) {
    int64_t offset = offset_minutes * INT64_C(60) * PERP_NS_PER_S, end;
    if (__builtin_mul_overflow(day + 1, INT64_C(86400) * PERP_NS_PER_S, &end) ||
        __builtin_add_overflow(end, offset, &end))
        return day < 0 ? INT64_MIN : INT64_MAX;
    return end;
}

/* A day ends at its own boundary, and the next begins where it has not begun before by the offset
   of now. */
bool perp_day_is_over(perp_core *core, int64_t now) {
    int64_t day = perp_day_now(core), end = end_by(core->config.capital.day_offset_minutes, day);
    if (core->day != PERP_TIME_NONE) {
        int64_t own = end_by(core->day_offset, day);
        end = own > end ? own : end;
    }
    core->day_ends = end;
    return now >= end;
}

int64_t perp_day_of(const perp_core *core, int64_t time_ns) {
    if (perp_clock(core) == PERP_TIME_NONE || perp_day_begins(core, time_ns))
        return day_by(core->config.capital.day_offset_minutes, time_ns);
    return perp_day_now(core);
}

void perp_batch_roll(perp_core *core, int64_t now) {
    int64_t days = perp_day_of(core, now) - perp_day_now(core);
    perp_put_day_roll(core, &(struct perp_ev_day_roll){.days = days});
}

void perp_batch_begin(perp_core *core, const perp_call *call, int64_t now) {
    perp_batch_start(core, call, now);
}

void *perp_batch_memory(perp_core *core, size_t size) {
    return perp_arena_take(&core->batch->arena, size);
}

const struct perp_event *perp_batch_last(const perp_core *core) {
    return core->batch->last;
}

void perp_batch_set_ups(perp_core *core, perp_exchange_id exchange, uint64_t ups) {
    core->batch->ups[exchange] = ups;
}

uint64_t perp_batch_ups(const perp_core *core, perp_exchange_id exchange) {
    return core->batch->ups[exchange];
}

bool perp_batch_has_store(const perp_core *core) {
    return core->config.store.begin != NULL;
}

void perp_batch_barrier(perp_core *core) {
    core->batch->barrier = true;
}

void perp_batch_stands(perp_core *core) {
    core->batch->stands = true;
}

void perp_batch_detail(perp_core *core, char *json) {
    struct perp_event *last = core->batch->last;
    if (json && last && !last->detail && !core->batch->failed) {
        last->detail = json;
        core->batch->detailed = true;
        return;
    }
    core->batch->failed = true;
    cJSON_free(json);
}

static perp_status store_failed(perp_core *core, perp_status status) {
    const perp_store *store = &core->config.store;
    char why[128] = "";
    if (store->message)
        store->message(store->user, why, sizeof why);
    why[sizeof why - 1] = '\0';
    store->rollback(store->user);
    core->notices->count = core->batch->told; /* what they say did not happen */
    if (!core->store_failed)
        perp_tell_alert(core, PERP_ALERT_STORE_FAILED, PERP_ALERT_CRITICAL, true, "store",
                        "the store failed (%s %s): dispatch is paused until resume",
                        perp_status_string(status), why);
    core->store_failed = true;
    /* A store that turns out damaged while it is opened is none. */
    bool damaged = core->recovering && status == PERP_E_CORRUPT;
    return perp_fail(core, damaged ? status : PERP_E_STORE,
                     "the store failed with %s: nothing was changed; %s",
                     perp_status_string(status), why);
}

/* How many records wait for the store. */
static uint32_t n_waiting(const struct perp_batch *batch) {
    return batch->waiting.n_records + batch->kept.n_records;
}

bool perp_batch_waits(const perp_core *core) {
    return n_waiting(core->batch) > 0 || perp_is_staged(core);
}

perp_status perp_batch_store(perp_core *core, bool staged) {
    const perp_store *store = &core->config.store;
    struct perp_batch *batch = core->batch;
    /* A barrier of nothing makes durable what was only staged. */
    if (!store->begin ||
        (n_waiting(batch) + batch->journal.n_records == 0 && (staged || !perp_is_staged(core))))
        return PERP_OK;
    staged = staged && core->durable.more.begin_staged;
    perp_status status = PERP_E_STORE;
    (staged ? core->durable.more.begin_staged : store->begin)(store->user, &status);
    if (status == PERP_OK)
        status = perp_journal_play(&batch->waiting, store);
    if (status == PERP_OK)
        status = perp_journal_play(&batch->kept, store);
    if (status == PERP_OK)
        status = perp_journal_play(&batch->journal, store);
    if (status == PERP_OK) {
        status = PERP_E_STORE;
        store->commit(store->user, &status);
    }
    if (status != PERP_OK)
        return store_failed(core, status);
    perp_journal_clear(&batch->waiting);
    perp_journal_clear(&batch->kept);
    perp_stored(core, batch->last ? batch->last->seq : core->seq, staged);
    return PERP_OK;
}

/* A store that is only read says PERP_E_STATE, and keeps the rows that it has. */
perp_status perp_batch_rows(perp_core *core,
                            void (*rows)(const perp_core *core, struct perp_journal *to)) {
    const perp_store *store = &core->config.store;
    struct perp_journal *journal = &core->batch->journal;
    perp_status status = PERP_E_STORE;
    if (!store->begin || !store->row)
        return PERP_OK;
    perp_batch_clear(core->batch);
    core->batch->told = core->notices->count;
    rows(core, journal);
    if (journal->bytes.failed)
        return perp_batch_drop(core);
    if (!journal->bytes.size)
        return PERP_OK;
    store->begin(store->user, &status);
    if (status == PERP_E_STATE)
        return PERP_OK;
    if (status == PERP_OK)
        status = perp_journal_play(journal, store);
    if (status == PERP_OK) {
        status = PERP_E_STORE;
        store->commit(store->user, &status);
    }
    return status == PERP_OK ? PERP_OK : store_failed(core, status);
}

/* What may wait for the next barrier: so much that a store that fails for long is noticed. */
#define MAX_WAITING (UINT32_C(256) << 20)

/* Adds the journal of the batch at hand to one that waits; false: no memory. */
static bool add_journal(struct perp_journal *to, const struct perp_journal *journal) {
    perp_bytes_put(&to->bytes, journal->bytes.memory, journal->bytes.size);
    bool added = !to->bytes.failed;
    to->bytes.failed = false;
    if (added)
        to->n_records += journal->n_records;
    return added;
}

static perp_status put_to_wait(perp_core *core) {
    struct perp_batch *batch = core->batch;
    const struct perp_journal *journal = &batch->journal;
    /* Records wait in their order: behind what is in the kept room nothing goes before it. */
    bool before = batch->kept.n_records > 0;
    if (!batch->stands &&
        (before || batch->waiting.bytes.size + (uint64_t)journal->bytes.size > MAX_WAITING))
        return perp_fail(core, PERP_E_STORE, "too much waits for the store: flush");
    if ((!before && add_journal(&batch->waiting, journal)) ||
        (batch->stands && add_journal(&batch->kept, journal)))
        return PERP_OK;
    return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
}

/* What stands holds though the store failed; the host is told that it is not yet stored. */
static perp_status stand(perp_core *core, perp_status failed) {
    if (put_to_wait(core) != PERP_OK)
        return failed;
    perp_no_error(core);
    perp_tell_alert(core, PERP_ALERT_STORE_FAILED, PERP_ALERT_CRITICAL, true, "store",
                    "%s holds, but is not stored: it will be with the next change that is",
                    perp_event_shapes[core->batch->last->kind].name);
    return PERP_OK;
}

static void keep_change(perp_core *core, const struct perp_event *event) {
    const struct perp_event_row *row = &core->event_rows[event->kind];
    struct perp_change_kept *kept = &core->batch->changes[event->seq % PERP_MONITOR_CHANGES];
    kept->seq = event->seq;
    kept->time_ns = event->time_ns;
    kept->kind = event->kind;
    kept->exchange = PERP_NO_ID;
    if (row->exchange_at_1)
        memcpy(&kept->exchange, (const char *)event->payload + row->exchange_at_1 - 1,
               sizeof kept->exchange);
    if (row->job != PERP_NO_JOB)
        kept->job = *perp_event_job(event);
}

bool perp_change_at(const perp_core *core, uint64_t seq, perp_change *change) {
    const struct perp_change_kept *kept = &core->batch->changes[seq % PERP_MONITOR_CHANGES];
    if (!seq || kept->seq != seq)
        return false;
    *change = (perp_change){.seq = seq,
                            .time_ns = kept->time_ns,
                            .kind = perp_event_shapes[kept->kind].name,
                            .exchange = kept->exchange,
                            .has_job = core->event_rows[kept->kind].job != PERP_NO_JOB};
    if (change->has_job)
        change->job_id = kept->job;
    return true;
}

/* The records of the batch, and then the rows that it leaves changed, for the store. */
static void write_journal(perp_core *core) {
    struct perp_batch *batch = core->batch;
    batch->chain = core->chain;
    for (const struct perp_event *event = batch->first; event; event = event->next) {
        batch->encoded.size = 0;
        perp_event_write(&batch->encoded, event, batch->chain);
        if (batch->encoded.failed ||
            !perp_chain_of(batch->encoded.memory, batch->encoded.size, &batch->chain))
            break;
        perp_journal_record(&batch->journal, core, event, batch->encoded.memory,
                            batch->encoded.size, batch->chain);
    }
    if (!core->config.store.row)
        return;
    for (const struct perp_event *event = batch->first; event; event = event->next)
        if (core->event_rows[event->kind].rows)
            core->event_rows[event->kind].rows(core, event, &batch->journal);
}

/* Whether an event can follow on the book, as far as its decision has not established that. */
static bool follows(const perp_core *core, const struct perp_event *event, const char **what) {
#ifndef PERP_SHADOW
    enum perp_established established = core->event_rows[event->kind].established;
    if (established == PERP_ESTABLISHED_ALL)
        return true;
    if (established == PERP_ESTABLISHED_FIT)
        return perp_row_sound(core, perp_event_shapes[event->kind].payload(), event->payload, what);
#endif
    return perp_event_fits(core, event, what);
}

/* Numbers the events, looks whether they follow from the book, and makes room for what applying and
   storing them needs. */
static perp_status prepare_batch(perp_core *core) {
    struct perp_batch *batch = core->batch;
    const char *what;
    uint64_t seq = core->seq;
    if (batch->failed)
        return perp_batch_drop(core);
    for (struct perp_event *event = batch->first; event; event = event->next) {
        event->seq = ++seq;
        event->time_ns = batch->now;
        if (!follows(core, event, &what)) {
            perp_batch_drop(core);
            return perp_fail(core, PERP_E_CORRUPT, "%s: %s: nothing was changed",
                             perp_event_shapes[event->kind].name, what);
        }
        if (!perp_event_prepare(core, event))
            return perp_batch_drop(core);
    }
    return PERP_OK;
}

/* What the batch writes is made, and goes to the store, or waits for it. */
static perp_status make_durable(perp_core *core) {
    struct perp_batch *batch = core->batch;
    write_journal(core);
    bool written = !batch->encoded.failed && !batch->journal.bytes.failed;
    batch->encoded.failed = false;
    if (!written)
        return perp_batch_drop(core);
    bool wait = core->config.durability == PERP_DURABILITY_BATCH && !batch->barrier;
    perp_status status = wait ? put_to_wait(core) : perp_batch_store(core, false);
    return status == PERP_E_STORE && batch->stands && batch->last ? stand(core, status) : status;
}

perp_status perp_batch_drop(perp_core *core) {
    core->notices->count = core->batch->told; /* what they say did not happen */
    perp_batch_free_details(core->batch);
    return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
}

perp_status perp_batch_commit(perp_core *core) {
    struct perp_batch *batch = core->batch;
    if (batch->count == 0 && batch->now > perp_clock(core))
        perp_put_plain(core, PERP_EVENT_CLOCK);
    perp_status status = prepare_batch(core);
    if (status == PERP_OK && perp_batch_has_store(core))
        status = make_durable(core);
    if (batch->detailed)
        perp_batch_free_details(batch);
    if (status != PERP_OK)
        return status;
    if (perp_batch_has_store(core))
        core->chain = batch->chain;
    for (const struct perp_event *event = batch->first; event; event = event->next) {
        perp_event_apply(core, event);
        keep_change(core, event);
    }
    return PERP_OK;
}
