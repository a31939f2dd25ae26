/* Times at which something is due, the earliest on top. Who waits has a timer in its own struct, so
   that it can be moved or taken out; the heap's memory is its owner's. */
#ifndef PERP_UTIL_HEAP_H
#define PERP_UTIL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/pieces.h"

/* Without a hole at its end: a million jobs may have two. */
struct perp_timer {
    int64_t at;
    uint32_t place_1; /* in the heap, from 1; 0: it is in none */
} __attribute__((packed, aligned(4)));

struct perp_heap {
    struct perp_pieces pieces; /* of pointers; room for all that can be in it at once */
    uint32_t n;
};

static inline struct perp_timer **perp_heap_at(const struct perp_heap *heap, uint32_t at) {
    return perp_piece_item(&heap->pieces, at, sizeof(struct perp_timer *));
}
static inline bool perp_heap_reserve(struct perp_heap *heap, uint32_t timers,
                                     const struct perp_map_memory *memory) {
    return perp_pieces_reserve(&heap->pieces, timers, sizeof(struct perp_timer *), memory);
}
static inline void perp_heap_free(struct perp_heap *heap, const struct perp_map_memory *memory) {
    perp_pieces_free(&heap->pieces, sizeof(struct perp_timer *), memory);
}

/* Puts it where it belongs, be it in the heap or not. */
void perp_heap_set(struct perp_heap *heap, struct perp_timer *timer, int64_t at);
void perp_heap_remove(struct perp_heap *heap, struct perp_timer *timer);

static inline struct perp_timer *perp_heap_top(const struct perp_heap *heap) {
    return heap->n ? *perp_heap_at(heap, 0) : NULL;
}

#endif
