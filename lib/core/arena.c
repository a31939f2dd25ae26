/* Memory that is given back all at once. */
#include "core/core.h"

#include <string.h>

#define CHUNK ((size_t)1 << 14)

static struct perp_arena_chunk *add_chunk(struct perp_arena *arena, size_t size) {
    struct perp_arena_chunk *chunk = perp_alloc(arena->core, sizeof *chunk + size);
    if (!chunk)
        return NULL;
    *chunk = (struct perp_arena_chunk){NULL, size};
    arena->total += size;
    if (arena->now) {
        chunk->next = arena->now->next;
        arena->now->next = chunk;
    } else {
        arena->first = chunk;
    }
    return chunk;
}

void *perp_arena_take_more(struct perp_arena *arena, size_t size) {
    struct perp_arena_chunk *next = arena->now ? arena->now->next : arena->first;
    if (!next || next->size < size)
        next = add_chunk(arena, size > CHUNK ? size : CHUNK);
    if (!next) {
        arena->failed = true;
        return NULL;
    }
    arena->now = next;
    arena->free = (char *)(next + 1) + size;
    arena->end = (char *)(next + 1) + next->size;
    return next + 1;
}

void perp_arena_free(struct perp_arena *arena) {
    for (struct perp_arena_chunk *chunk = arena->first; chunk;) {
        struct perp_arena_chunk *next = chunk->next;
        perp_free(arena->core, chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
    arena->first = NULL;
    arena->total = 0;
    perp_arena_reset(arena);
}

void *perp_arena_copy(struct perp_arena *arena, const void *memory, size_t size) {
    void *copy = size ? perp_arena_take(arena, size) : NULL;
    if (copy)
        memcpy(copy, memory, size);
    return copy;
}
