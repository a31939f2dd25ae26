/* Items by a 128-bit id: chains by hash, about one for each. A chain is added, and taken away, with
   an item, so that none waits until a million are put in order anew; and the memory follows their
   number, both ways. Adding can't fail once room was made. */
#ifndef PERP_UTIL_CHAINS_H
#define PERP_UTIL_CHAINS_H

#include "util/map.h"
#include "util/pieces.h"

/* An item begins with this. */
struct perp_chained {
    struct perp_chained *next;
    perp_uuid id;
};

struct perp_chains {
    struct perp_pieces pieces; /* of pointers to the first of each chain */
    uint32_t n, count;         /* chains and items */
};

/* Room for so many more; false: no memory. */
static inline bool perp_chains_reserve(struct perp_chains *chains, uint32_t more,
                                       const struct perp_map_memory *memory) {
    return perp_pieces_reserve(&chains->pieces, chains->count + more, sizeof(struct perp_chained *),
                               memory);
}
/* One that is not there, for which room was made. */
void perp_chains_add(struct perp_chains *chains, struct perp_chained *item);
/* NULL: none has the id. */
struct perp_chained *perp_chains_find(const struct perp_chains *chains, const perp_uuid *id);
/* One that is there. */
void perp_chains_remove(struct perp_chains *chains, const struct perp_chained *item,
                        const struct perp_map_memory *memory);
/* All of them, in no order: begun with the chains and zeros. NULL: that was the last. The one that
   is given may go before the next is asked for. */
struct perp_chains_walk {
    const struct perp_chains *chains;
    uint32_t at;
    struct perp_chained *next;
};
struct perp_chained *perp_chains_next(struct perp_chains_walk *walk);
void perp_chains_free(struct perp_chains *chains, const struct perp_map_memory *memory);

#endif
