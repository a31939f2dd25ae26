#include "util/ids.h"

#include <string.h>

#define SMALLEST 16
#define LARGEST (UINT32_C(1) << 31)

static uint32_t bits_of(uint32_t capacity) {
    return (uint32_t)__builtin_ctz(capacity);
}

bool perp_ids_grow(struct perp_ids *ids, uint32_t more, const struct perp_map_memory *memory) {
    uint64_t need = (uint64_t)ids->count + more;
    uint64_t capacity = ids->capacity ? ids->capacity : SMALLEST;
    while (need > capacity / 2)
        capacity *= 2;
    if (capacity > LARGEST || capacity > SIZE_MAX / sizeof(struct perp_ids_slot))
        return false;
    size_t size = (size_t)capacity * sizeof(struct perp_ids_slot);
    struct perp_ids grown = {memory->allocate(memory->user, size), (uint32_t)capacity, 0,
                             64 - bits_of((uint32_t)capacity)};
    if (!grown.slots)
        return false;
    memset(grown.slots, 0, size);
    for (uint32_t i = 0; i < ids->capacity; i++)
        if (ids->slots[i].value)
            perp_ids_add(&grown, ids->slots[i].id, ids->slots[i].value);
    perp_ids_free(ids, memory);
    *ids = grown;
    return true;
}

/* Later entries of the run move up where their home allows it, so that no search stops early at the
   hole and none has to step over a tombstone. */
bool perp_ids_remove(struct perp_ids *ids, uint64_t id, const void *value) {
    if (!ids->count)
        return false;
    struct perp_ids_slot *slots = ids->slots;
    uint32_t hole = perp_ids_home(ids, id), mask = ids->capacity - 1;
    while (slots[hole].value && (slots[hole].id != id || slots[hole].value != value))
        hole = (hole + 1) & mask;
    if (!slots[hole].value)
        return false;
    for (uint32_t i = (hole + 1) & mask; slots[i].value; i = (i + 1) & mask)
        if (((i - perp_ids_home(ids, slots[i].id)) & mask) >= ((i - hole) & mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    slots[hole].value = NULL;
    ids->count--;
    return true;
}

void perp_ids_free(struct perp_ids *ids, const struct perp_map_memory *memory) {
    if (ids->slots)
        memory->release(memory->user, ids->slots, (size_t)ids->capacity * sizeof *ids->slots);
    *ids = (struct perp_ids){NULL, 0, 0, 0};
}
