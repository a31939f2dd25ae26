/* Interned texts: each is kept once, under the number of its place. */
#include <string.h>

#include "core/core.h"
#include "util/num.h"

static size_t length_of(const char *text) {
    return strnlen(text, PERP_NAME_SIZE - 1);
}

uint64_t perp_text_hash(const char *text) {
    return perp_hash_bytes(0, text, length_of(text));
}

/* The place among the slots that has the text, or the empty one where it belongs. */
static uint32_t slot_of(const struct perp_names *names, const char *text) {
    uint32_t mask = names->n_slots - 1;
    uint32_t i = (uint32_t)perp_text_hash(text) & mask;
    while (names->slots[i] != 0 &&
           strncmp(names->items[names->slots[i] - 1], text, PERP_NAME_SIZE - 1) != 0)
        i = (i + 1) & mask;
    return i;
}

uint32_t perp_names_find(const struct perp_names *names, const char *text) {
    /* An empty slot has 0, which becomes PERP_NO_ID. */
    return names->n_slots ? names->slots[slot_of(names, text)] - 1 : PERP_NO_ID;
}

static void free_slots(perp_core *core, struct perp_names *names) {
    perp_free(core, names->slots, names->n_slots * sizeof *names->slots);
}

/* Twice as many slots as there is room for texts, so that a search soon meets an empty one. */
static bool make_slots(perp_core *core, struct perp_names *names) {
    uint32_t n = names->capacity * 2;
    if (n <= names->n_slots)
        return true;
    uint32_t *slots = perp_alloc(core, n * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0, n * sizeof *slots);
    free_slots(core, names);
    names->slots = slots;
    names->n_slots = n;
    for (uint32_t i = 0; i < names->count; i++)
        slots[slot_of(names, names->items[i])] = i + 1;
    return true;
}

bool perp_names_reserve(perp_core *core, struct perp_names *names) {
    void *items = names->items;
    const size_t size = sizeof *names->items;
    bool done = perp_grow(core, &items, &names->capacity, names->count + PERP_SPARE_NAMES, size) ||
                perp_grow(core, &items, &names->capacity, names->count + 1, size);
    names->items = items;
    return done && make_slots(core, names);
}

uint32_t perp_names_add(struct perp_names *names, const char *text) {
    uint32_t slot = slot_of(names, text);
    if (names->slots[slot] == 0) {
        /* Filled with zeros, so that equal texts are equal memory, in hashes and checkpoints too.
         */
        memset(names->items[names->count], 0, PERP_NAME_SIZE);
        memcpy(names->items[names->count], text, length_of(text));
        names->slots[slot] = ++names->count;
    }
    return names->slots[slot] - 1;
}

void perp_names_free(perp_core *core, struct perp_names *names) {
    perp_free(core, names->items, names->capacity * sizeof *names->items);
    free_slots(core, names);
    memset(names, 0, sizeof *names);
}
