/* A map from numbers that are given out in turn to pointers: open addressing over the core's
   memory, at most half full. Adding can't fail once room was reserved. Numbers in turn would lie
   side by side and make every search step over all of them: they are spread by a multiplication
   with 2^64 divided by the golden ratio. */
#ifndef PERP_UTIL_IDS_H
#define PERP_UTIL_IDS_H

#include "util/map.h"

struct perp_ids_slot {
    uint64_t id;
    void *value; /* NULL: empty */
};

struct perp_ids {
    struct perp_ids_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
    uint32_t shift; /* what of a product is not its place */
};

static inline uint32_t perp_ids_home(const struct perp_ids *ids, uint64_t id) {
    return (uint32_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> ids->shift);
}

static inline bool perp_ids_have_room(const struct perp_ids *ids, uint32_t more) {
    return (uint64_t)ids->count + more <= ids->capacity / 2;
}
bool perp_ids_grow(struct perp_ids *ids, uint32_t more, const struct perp_map_memory *memory);
/* Makes room for `more` further ids; false where there is no memory (the map is unchanged). */
static inline bool perp_ids_reserve(struct perp_ids *ids, uint32_t more,
                                    const struct perp_map_memory *memory) {
    return perp_ids_have_room(ids, more) || perp_ids_grow(ids, more, memory);
}

/* The value, or NULL. */
static inline void *perp_ids_find(const struct perp_ids *ids, uint64_t id) {
    if (!ids->count)
        return NULL;
    uint32_t i = perp_ids_home(ids, id);
    while (ids->slots[i].value && ids->slots[i].id != id)
        i = (i + 1) & (ids->capacity - 1);
    return ids->slots[i].value;
}

/* Where an id is kept with several values (hashes may be equal): the first slot that may have it,
   the next one; one without a value ends the search. */
static inline const struct perp_ids_slot *perp_ids_first(const struct perp_ids *ids, uint64_t id) {
    return &ids->slots[perp_ids_home(ids, id)];
}
static inline const struct perp_ids_slot *perp_ids_next(const struct perp_ids *ids,
                                                        const struct perp_ids_slot *slot) {
    return &ids->slots[((uint32_t)(slot - ids->slots) + 1) & (ids->capacity - 1)];
}

/* Adds an id; room must have been reserved; value is not NULL. */
static inline void perp_ids_add(struct perp_ids *ids, uint64_t id, void *value) {
    uint32_t i = perp_ids_home(ids, id);
    while (ids->slots[i].value)
        i = (i + 1) & (ids->capacity - 1);
    ids->slots[i] = (struct perp_ids_slot){id, value};
    ids->count++;
}

/* Removes an id with its value; false: it was not there. */
bool perp_ids_remove(struct perp_ids *ids, uint64_t id, const void *value);
void perp_ids_free(struct perp_ids *ids, const struct perp_map_memory *memory);

#endif
