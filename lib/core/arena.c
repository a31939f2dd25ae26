/* Memory that is given back all at once. */
#include "core/core.h"

#include <string.h>

#define CHUNK ((size_t)1 << 14)

struct perp_arena_chunk {
    struct perp_arena_chunk *next;
    size_t size; /* of what follows */
};

static struct perp_arena_chunk *add_chunk(struct perp_arena *arena, size_t size) {
    struct perp_arena_chunk *chunk = perp_alloc(arena->core, sizeof *chunk + size);
    if (!chunk)
        return NULL;
    *chunk = (struct perp_arena_chunk){NULL, size};
    if (arena->now) {
        chunk->next = arena->now->next;
        arena->now->next = chunk;
    } else {
        arena->first = chunk;
    }
    return chunk;
}

void *perp_arena_take(struct perp_arena *arena, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (arena->now && size <= arena->now->size - arena->used) {
        void *memory = (char *)(arena->now + 1) + arena->used;
        arena->used += size;
        return memory;
    }
    struct perp_arena_chunk *next = arena->now ? arena->now->next : arena->first;
    if (!next || next->size < size)
        next = add_chunk(arena, size > CHUNK ? size : CHUNK);
    if (!next) {
        arena->failed = true;
        return NULL;
    }
    arena->now = next;
    arena->used = size;
    return next + 1;
}

/* Chunks stay for the next time, so that what goes on for long allocates nothing. */
void perp_arena_reset(struct perp_arena *arena) {
    arena->now = arena->first;
    arena->used = 0;
    arena->failed = false;
}

void perp_arena_free(struct perp_arena *arena) {
    for (struct perp_arena_chunk *chunk = arena->first; chunk;) {
        struct perp_arena_chunk *next = chunk->next;
        perp_free(arena->core, chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
    arena->first = arena->now = NULL;
    arena->used = 0;
}

void *perp_arena_copy(struct perp_arena *arena, const void *memory, size_t size) {
    void *copy = size ? perp_arena_take(arena, size) : NULL;
    if (copy)
        memcpy(copy, memory, size);
    return copy;
}
