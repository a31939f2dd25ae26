/* A map from 128-bit keys to pointers: open addressing over the core's memory. Adding can't fail
   once room was reserved, so a change can be decided before it is committed. */
#ifndef PERP_UTIL_MAP_H
#define PERP_UTIL_MAP_H

#include <perpcore/types.h>

#include <stdbool.h>

struct perp_map_slot {
    perp_uuid key;
    void *value; /* NULL: empty */
};

struct perp_map {
    struct perp_map_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

/* Memory for the map; the owner passes its own. allocate returns NULL where there is none. */
struct perp_map_memory {
    void *user;
    void *(*allocate)(void *user, size_t size);
    void (*release)(void *user, void *memory, size_t size);
};

/* Makes room for `more` further keys; false where there is no memory (the map is unchanged). */
bool perp_map_reserve(struct perp_map *map, uint32_t more, const struct perp_map_memory *memory);
/* Adds a key that is not there; room must have been reserved; value is not NULL. */
void perp_map_add(struct perp_map *map, const perp_uuid *key, void *value);
/* The value, or NULL. */
void *perp_map_find(const struct perp_map *map, const perp_uuid *key);
/* Removes a key and returns its value, or NULL where it was not there. */
void *perp_map_remove(struct perp_map *map, const perp_uuid *key);
void perp_map_free(struct perp_map *map, const struct perp_map_memory *memory);

#endif
