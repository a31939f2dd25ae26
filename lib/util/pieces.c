#include "util/pieces.h"

#include <string.h>

bool perp_pieces_list(struct perp_pieces *pieces, uint32_t n,
                      const struct perp_map_memory *memory) {
    if (n <= pieces->capacity)
        return true;
    uint32_t capacity = pieces->capacity ? pieces->capacity : 8;
    while (capacity < n)
        capacity *= 2;
    char **at = memory->allocate(memory->user, capacity * sizeof *at);
    if (!at)
        return false;
    if (pieces->n)
        memcpy(at, pieces->at, pieces->n * sizeof *at);
    if (pieces->at)
        memory->release(memory->user, pieces->at, pieces->capacity * sizeof *at);
    pieces->at = at;
    pieces->capacity = capacity;
    return true;
}

bool perp_pieces_reserve_more(struct perp_pieces *pieces, uint32_t items, size_t size,
                              const struct perp_map_memory *memory) {
    uint32_t need = perp_pieces_for(items);
    if (!perp_pieces_list(pieces, need, memory))
        return false;
    while (pieces->n < need) {
        char *piece = memory->allocate(memory->user, PERP_PIECE * size);
        if (!piece)
            return false;
        pieces->at[pieces->n++] = piece;
    }
    return true;
}

void perp_pieces_trim_more(struct perp_pieces *pieces, uint32_t items, size_t size,
                           const struct perp_map_memory *memory) {
    uint32_t kept = perp_pieces_kept(items);
    while (pieces->n > kept)
        memory->release(memory->user, pieces->at[--pieces->n], PERP_PIECE * size);
}

void perp_pieces_free(struct perp_pieces *pieces, size_t size,
                      const struct perp_map_memory *memory) {
    while (pieces->n)
        memory->release(memory->user, pieces->at[--pieces->n], PERP_PIECE * size);
    if (pieces->at)
        memory->release(memory->user, pieces->at, pieces->capacity * sizeof *pieces->at);
    *pieces = (struct perp_pieces){NULL, 0, 0};
}
