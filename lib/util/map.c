#include "util/map.h"

#include <string.h>

#include "util/num.h"

#define SMALLEST 16
#define LARGEST (UINT32_C(1) << 31)

static uint32_t slot_of(const struct perp_map *map, const perp_uuid *key) {
    uint64_t halves[2];
    memcpy(halves, key->bytes, sizeof halves);
    return (uint32_t)perp_hash_u64(halves[0], halves[1]) & (map->capacity - 1);
}

static inline bool same_key(const perp_uuid *a, const perp_uuid *b) {
    uint64_t x[2], y[2];
    memcpy(x, a->bytes, sizeof x);
    memcpy(y, b->bytes, sizeof y);
    return x[0] == y[0] && x[1] == y[1];
}

bool perp_map_reserve(struct perp_map *map, uint32_t more, const struct perp_map_memory *memory) {
    uint64_t need = (uint64_t)map->count + more;
    uint64_t capacity = map->capacity == 0 ? SMALLEST : map->capacity;
    /* At most half are full, so that a search soon meets an empty slot. */
    while (need > capacity / 2) {
        capacity *= 2;
    }
    if (capacity == map->capacity) {
        return true;
    }
    if (capacity > LARGEST || capacity > SIZE_MAX / sizeof(struct perp_map_slot)) {
        return false;
    }
    size_t size = (size_t)capacity * sizeof(struct perp_map_slot);
    struct perp_map grown = {memory->allocate(memory->user, size), (uint32_t)capacity, 0};
    if (grown.slots == NULL) {
        return false;
    }
    memset(grown.slots, 0, size);
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != NULL) {
            perp_map_add(&grown, &map->slots[i].key, map->slots[i].value);
        }
    }
    perp_map_free(map, memory);
    *map = grown;
    return true;
}

void perp_map_add(struct perp_map *map, const perp_uuid *key, void *value) {
    uint32_t i = slot_of(map, key);
    while (map->slots[i].value != NULL) {
        i = (i + 1) & (map->capacity - 1);
    }
    map->slots[i].key = *key;
    map->slots[i].value = value;
    map->count++;
}

/* The slot that holds key, or capacity. */
static uint32_t find(const struct perp_map *map, const perp_uuid *key) {
    if (map->count == 0) {
        return map->capacity;
    }
    uint32_t i = slot_of(map, key);
    while (map->slots[i].value != NULL) {
        if (same_key(&map->slots[i].key, key)) {
            return i;
        }
        i = (i + 1) & (map->capacity - 1);
    }
    return map->capacity;
}

void *perp_map_find(const struct perp_map *map, const perp_uuid *key) {
    uint32_t i = find(map, key);
    return i == map->capacity ? NULL : map->slots[i].value;
}

void *perp_map_remove(struct perp_map *map, const perp_uuid *key) {
    uint32_t hole = find(map, key);
    if (hole == map->capacity) {
        return NULL;
    }
    void *value = map->slots[hole].value;
    uint32_t mask = map->capacity - 1;
    /* Later entries of the run move up where their own slot allows it, so that no search stops
       early at the hole and none has to step over a tombstone. */
    for (uint32_t i = (hole + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        uint32_t home = slot_of(map, &map->slots[i].key);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    memset(&map->slots[hole], 0, sizeof map->slots[hole]);
    map->count--;
    return value;
}

void perp_map_free(struct perp_map *map, const struct perp_map_memory *memory) {
    if (map->slots != NULL) {
        memory->release(memory->user, map->slots, (size_t)map->capacity * sizeof *map->slots);
    }
    *map = (struct perp_map){NULL, 0, 0};
}
