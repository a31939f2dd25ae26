/* One event: made, looked at, written and read. */
#include <string.h>

#include "core/batch.h"
#include "core/chain.h"
#include "core/job.h"

/* Tags of a record before those of its payload, which stands behind PERP_TAG_PAYLOAD as a row. */
enum { TAG_KIND = 1, TAG_SEQ, TAG_TIME, TAG_ACTOR, TAG_REASON, TAG_PAYLOAD };

void perp_put(perp_core *core, uint32_t kind, const void *payload) {
    size_t size = perp_event_shapes[kind].payload()->size;
    void *put = perp_event_add(core, kind, size);
    if (!put)
        return;
    memcpy(put, payload, size);
    perp_event_copy(core, kind, put);
}

void perp_put_plain(perp_core *core, uint32_t kind) {
    const struct perp_ev_clock nothing = {0};
    perp_put(core, kind, &nothing);
}

void perp_put_for_job(perp_core *core, uint32_t kind, const perp_uuid *job) {
    const struct perp_ev_cancel payload = {.job = *job};
    perp_put(core, kind, &payload);
}

const perp_uuid *perp_event_job(const struct perp_event *event) {
    uint32_t needs = perp_event_shapes[event->kind].job;
    if (needs == PERP_NEW_JOB)
        return &perp_read_submit(event)->job.id;
    return needs == PERP_NO_JOB ? NULL : &perp_read_cancel(event)->job; /* its first field */
}

bool perp_event_fits(const perp_core *core, const struct perp_event *event, const char **what) {
    const struct perp_event_shape *shape = &perp_event_shapes[event->kind];
    const perp_uuid *id = perp_event_job(event);
    if (!perp_row_sound(core, shape->payload(), event->payload, what))
        return false;
    *what = "job";
    if (id) {
        const struct perp_job_entry *job = perp_job_soon(core, id);
        if (shape->job == PERP_NEW_JOB ? job != NULL : !job || !(shape->job >> job->state & 1))
            return false;
    }
    *what = "it does not follow from the book";
    const struct perp_event_row *row = &core->event_rows[event->kind];
    return !row->fits || row->fits(core, event);
}

static void write_key(struct perp_bytes *to, uint32_t tag, enum perp_wire wire) {
    perp_bytes_unsigned(to, (uint64_t)tag << 3 | wire);
}

static void write_text(struct perp_bytes *to, uint32_t tag, const char *text) {
    if (!text || !*text)
        return;
    write_key(to, tag, PERP_WIRE_BYTES);
    perp_bytes_unsigned(to, strlen(text));
    perp_bytes_put(to, text, strlen(text));
}

void perp_event_write(struct perp_bytes *to, const struct perp_event *event, uint64_t before) {
    uint32_t start = to->size;
    write_key(to, TAG_KIND, PERP_WIRE_UNSIGNED);
    perp_bytes_unsigned(to, event->kind);
    write_key(to, TAG_SEQ, PERP_WIRE_UNSIGNED);
    perp_bytes_unsigned(to, event->seq);
    if (event->time_ns != PERP_TIME_NONE) {
        write_key(to, TAG_TIME, PERP_WIRE_SIGNED);
        perp_bytes_unsigned(to,
                            (uint64_t)event->time_ns << 1 ^ (event->time_ns < 0 ? UINT64_MAX : 0));
    }
    write_text(to, TAG_ACTOR, event->actor);
    write_text(to, TAG_REASON, event->reason);
    write_key(to, TAG_PAYLOAD, PERP_WIRE_ROW);
    perp_row_write(to, perp_event_shapes[event->kind].payload(), event->payload, event->kept);
    if (!to->failed)
        perp_bytes_word(to, perp_chain(before, to->memory + start, to->size - start));
}

static bool read_text(struct perp_reader *reader, size_t most, struct perp_arena *arena,
                      const char **text) {
    uint64_t size = perp_read_unsigned(reader);
    const void *bytes = perp_read_bytes(reader, size);
    char *copy = bytes && size && size <= most && !memchr(bytes, '\0', size)
                     ? perp_arena_take(arena, size + 1)
                     : NULL;
    if (!copy)
        return false;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    *text = copy;
    return true;
}

/* What stands before the payload. */
static bool read_head(struct perp_reader *reader, struct perp_event *event,
                      struct perp_arena *arena) {
    uint64_t last = 0, kind = PERP_EVENT_COUNT, time;
    event->time_ns = PERP_TIME_NONE;
    for (;;) {
        uint64_t key = perp_read_unsigned(reader), tag = key >> 3;
        if (reader->failed || tag <= last)
            return false;
        last = tag;
        switch (key) {
        case TAG_KIND << 3 | PERP_WIRE_UNSIGNED:
            kind = perp_read_unsigned(reader);
            event->kind = (uint32_t)kind;
            break;
        case TAG_SEQ << 3 | PERP_WIRE_UNSIGNED:
            event->seq = perp_read_unsigned(reader);
            break;
        case TAG_TIME << 3 | PERP_WIRE_SIGNED:
            time = perp_read_unsigned(reader);
            event->time_ns = (int64_t)(time >> 1) ^ -(int64_t)(time & 1);
            break;
        case TAG_ACTOR << 3 | PERP_WIRE_BYTES:
            if (!read_text(reader, PERP_MAX_ACTOR, arena, &event->actor))
                return false;
            break;
        case TAG_REASON << 3 | PERP_WIRE_BYTES:
            if (!read_text(reader, PERP_MAX_REASON, arena, &event->reason))
                return false;
            break;
        case TAG_PAYLOAD << 3 | PERP_WIRE_ROW:
            return !reader->failed && kind < PERP_EVENT_COUNT;
        default:
            return false;
        }
    }
}

struct perp_event *perp_event_read(const void *record, size_t size, struct perp_arena *arena,
                                   const char **why) {
    const unsigned char *at = record;
    struct perp_event *event = perp_arena_take(arena, sizeof *event);
    *why = "no memory";
    if (!event)
        return NULL;
    memset(event, 0, sizeof *event);
    *why = "not an event";
    if (size < PERP_CHAIN_SIZE)
        return NULL;
    struct perp_reader reader = {at, at + size - PERP_CHAIN_SIZE, false};
    if (!read_head(&reader, event, arena))
        return NULL;
    const struct perp_row_type *type = perp_event_shapes[event->kind].payload();
    void *payload = perp_arena_take(arena, type->size);
    struct perp_kept *kept = NULL;
    *why = "its fields are not those of its kind";
    if (!payload || !perp_row_read(&reader, type, payload, arena, &kept))
        return NULL;
    event->payload = payload;
    event->kept = kept;
    return event;
}
