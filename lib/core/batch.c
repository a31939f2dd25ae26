/* Deciding, committing, applying: the batch of events. */
#include "core/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/batch.h"
#include "util/sized.h"
#include "util/text.h"

static size_t padded(size_t size) {
    return (size + 7) & ~(size_t)7;
}

bool perp_batch_open(perp_core *core) {
    core->batch = perp_alloc(core, sizeof *core->batch);
    core->notices = perp_alloc(core, sizeof *core->notices);
    if (core->batch)
        memset(core->batch, 0, sizeof *core->batch);
    if (core->notices)
        memset(core->notices, 0, sizeof *core->notices);
    return core->batch && core->notices &&
           perp_grow(core, &core->batch->memory, &core->batch->capacity, 1 << 16, 1);
}

static void free_batch(perp_core *core, struct perp_batch *batch) {
    perp_free(core, batch->memory, batch->capacity);
    perp_free(core, batch->encoded, batch->encoded_capacity);
    perp_free(core, batch->details, batch->details_capacity * sizeof *batch->details);
    perp_free(core, batch->waiting, batch->waiting_capacity);
}

void perp_batch_close(perp_core *core) {
    if (core->batch)
        free_batch(core, core->batch);
    if (core->notices)
        perp_free(core, core->notices->items, core->notices->capacity * sizeof(struct perp_notice));
    perp_free(core, core->batch, sizeof *core->batch);
    perp_free(core, core->notices, sizeof *core->notices);
}

static bool text_fits(const char *text, size_t max) {
    if (!text)
        return true;
    size_t length = strnlen(text, max + 1);
    return length <= max && perp_text_is_utf8(text, length);
}

perp_status perp_call_check(const perp_core *core, const perp_call *call) {
    if (!call)
        return perp_fail(core, PERP_E_INVALID, "call: NULL");
    if (call->struct_size != sizeof *call &&
        (call->struct_size < offsetof(perp_call, actor) || !perp_struct_fits(call, sizeof *call) ||
         !perp_struct_tail_is_zero(call, sizeof *call)))
        return perp_fail(core, PERP_E_INVALID, "call: struct_size %u is not known",
                         call->struct_size);
    if (call->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "call.reserved: %u must be 0", call->reserved);
    if (call->now_ns == PERP_TIME_NONE)
        return perp_fail(core, PERP_E_INVALID, "call: now_ns is not given");
    if (!text_fits(perp_call_actor(call), PERP_MAX_ACTOR))
        return perp_fail(core, PERP_E_INVALID, "actor: not UTF-8 of at most %d bytes",
                         PERP_MAX_ACTOR);
    if (!text_fits(perp_call_reason(call), PERP_MAX_REASON))
        return perp_fail(core, PERP_E_INVALID, "reason: not UTF-8 of at most %d bytes",
                         PERP_MAX_REASON);
    if (core->corrupt)
        return perp_corrupt(core);
    return PERP_OK;
}

perp_status perp_call_signed(const perp_core *core, const perp_call *call, const char *what) {
    const char *actor = perp_call_actor(call), *reason = perp_call_reason(call);
    if (!actor || !actor[0])
        return perp_fail(core, PERP_E_INVALID, "%s takes an actor", what);
    if (!reason || !reason[0])
        return perp_fail(core, PERP_E_INVALID, "%s takes a reason", what);
    return PERP_OK;
}

perp_status perp_call_time(perp_core *core, const perp_call *call, int64_t *now) {
    if (perp_too_far_ahead(core, call->now_ns))
        return perp_fail(core, PERP_E_RANGE,
                         "now_ns: %lld is more than 7 days past the clock (%lld); advance first",
                         (long long)call->now_ns, (long long)perp_clock(core));
    int64_t clock = perp_clock(core);
    if (call->now_ns < clock)
        core->late_calls++;
    *now = call->now_ns < clock ? clock : call->now_ns;
    return PERP_OK;
}

int64_t perp_day_of(const perp_core *core, int64_t time_ns) {
    const int64_t day = INT64_C(86400) * PERP_NS_PER_S;
    int64_t offset = core->config.capital.day_offset_minutes * INT64_C(60) * PERP_NS_PER_S;
    /* Quotient and rest are taken before the offset, which could overflow at the ends of time. */
    int64_t days = time_ns / day;
    int64_t rest = time_ns % day - offset;
    while (rest < 0) {
        rest += day;
        days--;
    }
    return days + rest / day;
}

bool perp_day_begins(const perp_core *core, int64_t now) {
    int64_t clock = perp_clock(core);
    return clock != PERP_TIME_NONE && now > clock &&
           perp_day_of(core, now) > perp_day_of(core, clock);
}

void perp_batch_begin(perp_core *core, const perp_call *call, int64_t now) {
    struct perp_batch *batch = core->batch;
    batch->size = 0;
    batch->count = 0;
    batch->failed = false;
    batch->barrier = false;
    batch->told = core->notices->count;
    batch->now = now;
    const char *actor = perp_call_actor(call), *reason = perp_call_reason(call);
    batch->actor = actor;
    batch->reason = reason;
    batch->n_actor = actor ? (uint32_t)strlen(actor) : 0;
    batch->n_reason = reason ? (uint32_t)strlen(reason) : 0;
    if (perp_day_begins(core, now))
        perp_batch_add(core, PERP_EVENT_ROLL, 0, 0)->number =
            perp_day_of(core, now) - perp_day_of(core, perp_clock(core));
}

struct perp_event *perp_batch_add(perp_core *core, uint32_t kind, uint32_t n_items,
                                  uint32_t n_bytes) {
    struct perp_batch *batch = core->batch;
    size_t size = padded(sizeof(struct perp_event) + n_items * sizeof(struct perp_event_item) +
                         n_bytes + batch->n_actor + batch->n_reason);
    struct perp_event *event = &batch->spare.event;
    if (batch->size + size <= UINT32_MAX &&
        perp_grow(core, &batch->memory, &batch->capacity, (uint32_t)(batch->size + size), 1)) {
        event = (struct perp_event *)(void *)((char *)batch->memory + batch->size);
        batch->size += (uint32_t)size;
        batch->count++;
    } else {
        batch->failed = true;
    }
    memset(event, 0, size);
    event->size = (uint32_t)size;
    event->kind = kind;
    event->exchange = PERP_NO_ID;
    event->instrument = PERP_NO_ID;
    event->n_items = n_items;
    event->n_bytes = n_bytes;
    event->n_actor = batch->n_actor;
    event->n_reason = batch->n_reason;
    char *texts = (char *)perp_event_bytes(event) + n_bytes;
    if (batch->n_actor)
        memcpy(texts, batch->actor, batch->n_actor);
    if (batch->n_reason)
        memcpy(texts + batch->n_actor, batch->reason, batch->n_reason);
    return event;
}

bool perp_batch_has_store(const perp_core *core) {
    return core->config.store.begin != NULL;
}

void perp_batch_barrier(perp_core *core) {
    core->batch->barrier = true;
}

void perp_batch_detail(perp_core *core, char *json) {
    struct perp_batch *batch = core->batch;
    void *details = batch->details;
    if (!json || !perp_grow(core, &details, &batch->details_capacity, batch->n_details + 1,
                            sizeof *batch->details)) {
        batch->failed = true;
        cJSON_free(json);
        return;
    }
    batch->details = details;
    batch->details[batch->n_details++] = (struct perp_detail){batch->count - 1, json};
}

static void free_details(struct perp_batch *batch) {
    for (uint32_t i = 0; i < batch->n_details; i++)
        cJSON_free(batch->details[i].text);
    batch->n_details = 0;
}

static perp_status store_append(perp_core *core, const struct perp_event *event,
                                const char *detail) {
    char actor[PERP_MAX_ACTOR + 1], reason[PERP_MAX_REASON + 1];
    const char *texts = (const char *)perp_event_bytes_of(event) + event->n_bytes;
    memcpy(actor, texts, event->n_actor);
    actor[event->n_actor] = '\0';
    memcpy(reason, texts + event->n_actor, event->n_reason);
    reason[event->n_reason] = '\0';
    perp_record record = {
        .struct_size = sizeof record,
        .pool = event->pool,
        .seq = event->seq,
        .time_ns = event->time_ns,
        .kind = core->event_rows[event->kind].name,
        .job_id = event->has_job ? &event->job : NULL,
        .exchange = event->exchange < perp_n_exchanges(core)
                        ? core->exchanges[event->exchange].spec.name
                        : NULL,
        .reservation = event->reservation,
        .amount = event->amount,
        .pnl = event->pnl,
        .volume = event->volume,
        .fees = event->fees,
        .actor = event->n_actor ? actor : NULL,
        .reason = event->n_reason ? reason : NULL,
        .detail = detail,
        .data = core->batch->encoded,
        .size = perp_event_encode(event, core->batch->encoded),
    };
    perp_status status = PERP_E_STORE;
    core->config.store.append(core->config.store.user, &record, &status);
    return status;
}

static perp_status append_all(perp_core *core, const char *at, uint32_t count, bool with_details) {
    const struct perp_batch *batch = core->batch;
    uint32_t d = 0;
    for (uint32_t n = 0; n < count; n++) {
        const struct perp_event *event = (const struct perp_event *)(const void *)at;
        const char *detail = NULL;
        if (with_details && d < batch->n_details && batch->details[d].n == n)
            detail = batch->details[d++].text;
        perp_status status = store_append(core, event, detail);
        if (status != PERP_OK)
            return status;
        at += event->size;
    }
    return PERP_OK;
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
    return perp_fail(core, PERP_E_STORE, "the store failed with %s: nothing was changed; %s",
                     perp_status_string(status), why);
}

/* What waits and the batch on disk, or nothing of them. */
static perp_status store_batch(perp_core *core) {
    const perp_store *store = &core->config.store;
    struct perp_batch *batch = core->batch;
    if (!store->begin || batch->n_waiting + batch->count == 0)
        return PERP_OK;
    perp_status status = PERP_E_STORE;
    store->begin(store->user, &status);
    if (status == PERP_OK)
        status = append_all(core, batch->waiting, batch->n_waiting, false);
    if (status == PERP_OK)
        status = append_all(core, batch->memory, batch->count, true);
    if (status == PERP_OK) {
        status = PERP_E_STORE;
        store->commit(store->user, &status);
    }
    if (status != PERP_OK)
        return store_failed(core, status);
    batch->n_waiting = batch->waiting_size = 0;
    return PERP_OK;
}

/* Events that may wait for the next barrier: so many that a store that fails for long is noticed.
 */
#define MAX_WAITING (UINT32_C(256) << 20)

static perp_status put_to_wait(perp_core *core) {
    struct perp_batch *batch = core->batch;
    if (batch->waiting_size + (uint64_t)batch->size > MAX_WAITING)
        return perp_fail(core, PERP_E_STORE, "too much waits for the store: flush");
    if (!perp_grow(core, &batch->waiting, &batch->waiting_capacity,
                   batch->waiting_size + batch->size, 1))
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    memcpy((char *)batch->waiting + batch->waiting_size, batch->memory, batch->size);
    batch->waiting_size += batch->size;
    batch->n_waiting += batch->count;
    return PERP_OK;
}

static void keep_change(perp_core *core, const struct perp_event *event) {
    perp_change *change = &core->batch->changes[event->seq % PERP_MONITOR_CHANGES];
    change->seq = event->seq;
    change->time_ns = event->time_ns;
    change->kind = core->event_rows[event->kind].name;
    change->exchange = event->exchange;
    change->has_job = event->has_job != 0;
    change->job_id = event->job;
}

const perp_change *perp_change_at(const perp_core *core, uint64_t seq) {
    const perp_change *change = &core->batch->changes[seq % PERP_MONITOR_CHANGES];
    return seq && change->seq == seq ? change : NULL;
}

void perp_event_apply(perp_core *core, const struct perp_event *event) {
    if (event->time_ns > perp_clock(core))
        atomic_store_explicit(&core->clock, event->time_ns, memory_order_release);
    core->seq = event->seq;
    core->event_rows[event->kind].apply(core, event);
}

bool perp_event_prepare(perp_core *core, const struct perp_event *event) {
    const struct perp_event_row *row = &core->event_rows[event->kind];
    return !row->prepare || row->prepare(core, event);
}

/* Numbers the events and makes room for what applying and encoding them needs. */
static bool prepare_batch(perp_core *core) {
    struct perp_batch *batch = core->batch;
    bool ready = !batch->failed;
    memset(&core->prepared, 0, sizeof core->prepared);
    char *at = batch->memory;
    for (uint32_t n = 0; n < batch->count && ready; n++) {
        struct perp_event *event = (struct perp_event *)(void *)at;
        event->seq = core->seq + 1 + n;
        event->time_ns = batch->now;
        ready = perp_event_prepare(core, event);
        if (ready && perp_batch_has_store(core)) {
            void *encoded = batch->encoded;
            ready = perp_grow(core, &encoded, &batch->encoded_capacity,
                              (uint32_t)perp_event_encoded_size(event), 1);
            batch->encoded = encoded;
        }
        at += event->size;
    }
    return ready;
}

static perp_status make_durable(perp_core *core) {
    bool wait = core->config.durability == PERP_DURABILITY_BATCH && !core->batch->barrier &&
                perp_batch_has_store(core);
    return wait ? put_to_wait(core) : store_batch(core);
}

perp_status perp_batch_drop(perp_core *core) {
    core->notices->count = core->batch->told; /* what they say did not happen */
    free_details(core->batch);
    return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
}

perp_status perp_batch_commit(perp_core *core) {
    struct perp_batch *batch = core->batch;
    if (batch->count == 0 && batch->now > perp_clock(core))
        perp_batch_add(core, PERP_EVENT_CLOCK, 0, 0);
    if (!prepare_batch(core))
        return perp_batch_drop(core);
    perp_status status = make_durable(core);
    free_details(batch);
    if (status != PERP_OK)
        return status;
    const char *at = batch->memory;
    for (uint32_t n = 0; n < batch->count; n++) {
        const struct perp_event *event = (const struct perp_event *)(const void *)at;
        perp_event_apply(core, event);
        keep_change(core, event);
        at += event->size;
    }
    return PERP_OK;
}

perp_status perp_core_flush(perp_core *core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_enter(core);
    core->batch->size = core->batch->count = core->batch->n_details = 0;
    core->batch->told = core->notices->count;
    return perp_leave(core, store_batch(core));
}
