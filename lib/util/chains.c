/* Linear hashing: of n chains those from the upper half on were split from one in the lower, and
   the next that is added splits the next. */
#include "util/chains.h"

#include <string.h>

#include "util/num.h"

static uint64_t hash_of(const perp_uuid *id) {
    uint64_t halves[2];
    memcpy(halves, id->bytes, sizeof halves);
    return perp_hash_u64(halves[0], halves[1]);
}

/* The last power of two that is not above n, which is not 0. */
static uint32_t half_of(uint32_t n) {
    return UINT32_C(1) << (31 - __builtin_clz(n));
}

static struct perp_chained **chain_at(const struct perp_chains *chains, uint32_t at) {
    return perp_piece_item(&chains->pieces, at, sizeof(struct perp_chained *));
}

static struct perp_chained **chain_of(const struct perp_chains *chains, uint64_t hash) {
    uint32_t half = half_of(chains->n), at = (uint32_t)hash & (2 * half - 1);
    return chain_at(chains, at < chains->n ? at : at & (half - 1));
}

/* Those of a chain that belong into the new one go there. */
static void split(struct perp_chains *chains) {
    uint32_t n = chains->n++, half = half_of(n);
    struct perp_chained **at = chain_at(chains, n - half), **to = chain_at(chains, n);
    *to = NULL;
    while (*at) {
        struct perp_chained *item = *at;
        if (!(hash_of(&item->id) & half)) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        item->next = NULL;
        *to = item;
        to = &item->next;
    }
}

void perp_chains_add(struct perp_chains *chains, struct perp_chained *item) {
    if (chains->n == 0) {
        chains->n = 1;
        *chain_at(chains, 0) = NULL;
    }
    if (chains->n < ++chains->count)
        split(chains);
    struct perp_chained **chain = chain_of(chains, hash_of(&item->id));
    item->next = *chain;
    *chain = item;
}

struct perp_chained *perp_chains_find(const struct perp_chains *chains, const perp_uuid *id) {
    uint64_t a[2], b[2];
    if (chains->count == 0)
        return NULL;
    memcpy(a, id->bytes, sizeof a);
    struct perp_chained *item = *chain_of(chains, perp_hash_u64(a[0], a[1]));
    for (; item; item = item->next) {
        memcpy(b, item->id.bytes, sizeof b);
        if (a[0] == b[0] && a[1] == b[1])
            break;
    }
    return item;
}

/* The last chain goes back into the one it was split from. */
static void merge(struct perp_chains *chains) {
    uint32_t n = --chains->n;
    struct perp_chained **to = chain_at(chains, n - half_of(n));
    while (*to)
        to = &(*to)->next;
    *to = *chain_at(chains, n);
}

/* So many more chains than items stay, so that they do not come and go with each. */
#define SPARE_CHAINS 64

void perp_chains_remove(struct perp_chains *chains, const struct perp_chained *item,
                        const struct perp_map_memory *memory) {
    struct perp_chained **at = chain_of(chains, hash_of(&item->id));
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    chains->count--;
    for (int i = 0; i < 2 && chains->n > chains->count + chains->count / 8 + SPARE_CHAINS; i++)
        merge(chains);
    if (chains->pieces.n > perp_pieces_kept(chains->n))
        perp_pieces_trim_more(&chains->pieces, chains->n, sizeof *at, memory);
}

struct perp_chained *perp_chains_next(struct perp_chains_walk *walk) {
    while (!walk->next && walk->at < walk->chains->n)
        walk->next = *chain_at(walk->chains, walk->at++);
    struct perp_chained *item = walk->next;
    walk->next = item ? item->next : NULL;
    return item;
}

void perp_chains_free(struct perp_chains *chains, const struct perp_map_memory *memory) {
    perp_pieces_free(&chains->pieces, sizeof(struct perp_chained *), memory);
    chains->n = chains->count = 0;
}
