/* Memory, messages, the lock and the look-ups of the registry. */
#include "core/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/sized.h"
#include "util/text.h"

/* A call's message belongs to the thread that made it: another thread's failure can't overwrite it.
 */
static _Thread_local struct {
    const perp_core *core;
    char text[512];
} last_error;

perp_status perp_fail(const perp_core *core, perp_status status, const char *format, ...) {
    char text[sizeof last_error.text]; /* the old message may be a part of the new one */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= sizeof text)
        perp_text_end_whole(text);
    /* What a host was given by others may be in it, and goes to a terminal and a page. */
    perp_text_show(text, last_error.text, sizeof last_error.text);
    last_error.core = core;
    return status;
}

void perp_no_error(const perp_core *core) {
    last_error.text[0] = '\0';
    last_error.core = core;
}

const char *perp_core_error(const perp_core *core) {
    return last_error.core == core ? last_error.text : "";
}

void *perp_alloc(perp_core *core, size_t size) {
    const perp_allocator *allocator = &core->config.allocator;
    void *memory = allocator->allocate ? allocator->allocate(allocator->user, size) : malloc(size);
    if (memory) {
        core->allocated_bytes += size;
        core->allocations++;
    }
    return memory;
}

void perp_free(perp_core *core, void *memory, size_t size) {
    if (!memory)
        return;
    const perp_allocator *allocator = &core->config.allocator;
    core->allocated_bytes -= size;
    if (allocator->release)
        allocator->release(allocator->user, memory, size);
    else
        free(memory);
}

bool perp_grow_more(perp_core *core, void **items, uint32_t *capacity, uint32_t need, size_t size) {
    uint32_t wanted = *capacity ? *capacity : 16;
    while (wanted < need) {
        if (wanted > UINT32_MAX / 2)
            return false;
        wanted *= 2;
    }
    if (wanted > SIZE_MAX / size)
        return false;
    void *grown = perp_alloc(core, wanted * size);
    if (!grown)
        return false;
    if (*items)
        memcpy(grown, *items, *capacity * size);
    perp_free(core, *items, *capacity * size);
    *items = grown;
    *capacity = wanted;
    return true;
}

bool perp_grow_zero(perp_core *core, void **items, uint32_t *capacity, uint32_t need, size_t size) {
    uint32_t before = *capacity;
    if (!perp_grow(core, items, capacity, need, size))
        return false;
    memset((char *)*items + before * size, 0, (*capacity - before) * size);
    return true;
}

static void *map_allocate(void *core, size_t size) {
    return perp_alloc(core, size);
}

static void map_release(void *core, void *memory, size_t size) {
    perp_free(core, memory, size);
}

struct perp_map_memory perp_map_memory_of(perp_core *core) {
    return (struct perp_map_memory){core, map_allocate, map_release};
}

bool perp_broken(perp_core *core, const char *what) {
    core->corrupt = true;
    if (core->broken) /* what follows from it need not be said */
        return false;
    core->broken = what;
    perp_tell_log(core, PERP_LOG_ERROR, "the book is corrupt, only reading works: %s", what);
    return false;
}

perp_status perp_corrupt(const perp_core *core) {
    return perp_fail(core, PERP_E_CORRUPT, "the book is corrupt: only reading works (%s)",
                     core->broken ? core->broken : "perp_core_check says where");
}

void perp_lock_open(perp_core *core) {
    perp_lock_make(&core->lock);
    pthread_mutex_init(&core->turns.lock, NULL);
    pthread_cond_init(&core->turns.taken, NULL);
    pthread_mutex_init(&core->durable.lock, NULL);
}

void perp_lock_close(perp_core *core) {
    pthread_mutex_destroy(&core->durable.lock);
    pthread_cond_destroy(&core->turns.taken);
    pthread_mutex_destroy(&core->turns.lock);
    perp_lock_unmake(&core->lock);
}

perp_capital *perp_core_capital(perp_core *core) {
    return core ? core->capital : NULL;
}

perp_market *perp_core_market(perp_core *core) {
    return core ? core->market : NULL;
}

perp_risk *perp_core_risk(perp_core *core) {
    return core ? core->risk : NULL;
}

perp_scheduler *perp_core_scheduler(perp_core *core) {
    return core ? core->scheduler : NULL;
}

perp_orders *perp_core_orders(perp_core *core) {
    return core ? core->orders : NULL;
}

int64_t perp_core_clock(const perp_core *core) {
    return core ? perp_clock(core) : PERP_TIME_NONE;
}

perp_status perp_core_config(const perp_core *core, perp_config *config) {
    if (!core || !config)
        return perp_fail(core, PERP_E_INVALID, "config: NULL");
    perp_read_begin(core);
    perp_config copy = core->config;
    perp_read_end(core);
    copy.struct_size = sizeof copy;
    memset(&copy.allocator, 0, sizeof copy.allocator);
    memset(&copy.callbacks, 0, sizeof copy.callbacks);
    memset(&copy.store, 0, sizeof copy.store);
    if (!perp_struct_out(config, &copy, sizeof copy))
        return perp_fail(core, PERP_E_INVALID, "config: struct_size %u is not known",
                         config->struct_size);
    return PERP_OK;
}

perp_status perp_core_statistics(const perp_core *core, perp_core_stats *stats) {
    if (!core || !stats)
        return perp_fail(core, PERP_E_INVALID, "stats: NULL");
    perp_core_stats all = {.struct_size = sizeof all};
    perp_read_begin(core);
    all.late_calls = core->late_calls;
    all.stale_events = atomic_load(&core->stale_events);
    all.rejected_events = atomic_load(&core->rejected_events);
    all.allocated_bytes = core->allocated_bytes;
    all.allocations = core->allocations;
    all.events = core->seq;
    perp_read_end(core);
    if (!perp_struct_out(stats, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "stats: struct_size %u is not known",
                         stats->struct_size);
    return PERP_OK;
}
