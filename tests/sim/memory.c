/* Memory of a book: it can fail, every block's size is known, and it can have its addresses in
   another order, so that nothing may hang on them. */
#include "sim.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct s_memory {
    struct s_world *w;
    uint64_t blocks, bytes;
    uint32_t fails_in;
    bool failed, other;
    uint64_t random;
};

union header {
    size_t size;
    max_align_t align;
};

/* Of several blocks one is taken, and the others are given back. */
static union header *some_block(struct s_memory *m, size_t size) {
    union header *blocks[4];
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    const uint32_t taken = (uint32_t)(m->random >> 33) % 4;
    for (uint32_t i = 0; i < 4; i++)
        blocks[i] = malloc(sizeof **blocks + size);
    for (uint32_t i = 0; i < 4; i++)
        if (i != taken)
            free(blocks[i]);
    return blocks[taken];
}

static void *allocate(void *user, size_t size) {
    struct s_memory *m = user;
    if (m->fails_in > 0 && --m->fails_in == 0) {
        m->failed = true;
        return NULL;
    }
    union header *block =
        m->other && size < 65536 ? some_block(m, size) : malloc(sizeof *block + size);
    if (!block)
        s_fail(m->w, "out of memory");
    block->size = size;
    m->blocks++;
    m->bytes += size;
    return block + 1;
}

static void release(void *user, void *memory, size_t size) {
    struct s_memory *m = user;
    union header *block = (union header *)memory - 1;
    if (block->size != size)
        s_fail(m->w, "memory: %zu bytes are released as %zu", block->size, size);
    m->blocks--;
    m->bytes -= size;
    free(block);
}

perp_allocator s_allocator(struct s_world *w, bool other_addresses) {
    if (!w->memory) {
        w->memory = calloc(1, sizeof *w->memory);
        if (!w->memory)
            abort();
    }
    w->memory->w = w;
    w->memory->other = other_addresses;
    w->memory->random = w->seed;
    return (perp_allocator){.user = w->memory, .allocate = allocate, .release = release};
}

void s_memory_fails(struct s_world *w, uint32_t in) {
    w->memory->fails_in = in;
    w->memory->failed = false;
}

bool s_memory_failed(struct s_world *w) {
    return w->memory->failed;
}

void s_memory_end(struct s_world *w) {
    if (w->memory->blocks != 0)
        s_fail(w, "memory: %llu blocks are left", (unsigned long long)w->memory->blocks);
    free(w->memory);
    w->memory = NULL;
}
