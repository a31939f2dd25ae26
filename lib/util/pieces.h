/* A long array in pieces of PERP_PIECE items: it grows and shrinks by one of them, and what is
   there stays where it is. */
#ifndef PERP_UTIL_PIECES_H
#define PERP_UTIL_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/map.h"

#define PERP_PIECE 64u

struct perp_pieces {
    char **at;
    uint32_t n, capacity;
};

static inline void *perp_piece_item(const struct perp_pieces *pieces, uint32_t i, size_t size) {
    return pieces->at[i / PERP_PIECE] + i % PERP_PIECE * size;
}

/* How many pieces so many items need. */
static inline uint32_t perp_pieces_for(uint32_t items) {
    return items / PERP_PIECE + 1;
}

/* Room for the list of so many pieces; false: no memory. */
bool perp_pieces_list(struct perp_pieces *pieces, uint32_t n, const struct perp_map_memory *memory);
/* Room for so many items of a size; false: no memory. */
bool perp_pieces_reserve_more(struct perp_pieces *pieces, uint32_t items, size_t size,
                              const struct perp_map_memory *memory);
static inline bool perp_pieces_reserve(struct perp_pieces *pieces, uint32_t items, size_t size,
                                       const struct perp_map_memory *memory) {
    return perp_pieces_for(items) <= pieces->n ||
           perp_pieces_reserve_more(pieces, items, size, memory);
}
/* Pieces behind so many items are given back, but for one in eight of them and a few, so that none
   is given back and asked for by turns. */
void perp_pieces_trim_more(struct perp_pieces *pieces, uint32_t items, size_t size,
                           const struct perp_map_memory *memory);
static inline uint32_t perp_pieces_kept(uint32_t items) {
    return perp_pieces_for(items) + items / (8 * PERP_PIECE) + 2;
}
void perp_pieces_free(struct perp_pieces *pieces, size_t size,
                      const struct perp_map_memory *memory);

#endif
