/* Keys that hosts gave with reservations and bookings, so that an answer that was lost can be asked
   for again. They are remembered for key_memory_h hours, and at least the last ones of each kind.
 */
#include "capital/capital.h"

#include <string.h>

#define NS_PER_H (INT64_C(3600) * PERP_NS_PER_S)

/* How many a change may forget: what a shorter memory brings is given back in small steps. */
#define MOST_FORGOTTEN 16

void perp_keys_close(perp_capital *capital) {
    struct perp_map_memory memory = perp_map_memory_of(capital->core);
    for (uint32_t kind = 0; kind < PERP_KEY_KIND_COUNT; kind++) {
        struct perp_key *key = capital->keys[kind].oldest;
        for (; key; key = key->next)
            perp_kept_free(capital->core, &key->kept);
        perp_map_free(&capital->keys[kind].by_key, &memory);
    }
}

const struct perp_key *perp_key_find(const perp_capital *capital, uint32_t kind,
                                     const perp_uuid *key) {
    return perp_map_find(&capital->keys[kind].by_key, key);
}

static void forget_oldest(perp_capital *capital, struct perp_keys *keys) {
    struct perp_key *key = keys->oldest;
    keys->oldest = key->next;
    if (!key->next)
        keys->newest = NULL;
    perp_map_remove(&keys->by_key, &key->key);
    perp_kept_free(capital->core, &key->kept);
    key->next = capital->free_keys;
    capital->free_keys = key;
    capital->n_free_keys++;
}

struct perp_key *perp_key_add(perp_capital *capital, const struct perp_key_row *row) {
    struct perp_keys *keys = &capital->keys[row->kind];
    struct perp_key *key = capital->free_keys;
    capital->free_keys = key->next;
    capital->n_free_keys--;
    memset(key, 0, sizeof *key);
    key->row = *row;
    if (keys->newest)
        keys->newest->next = key;
    else
        keys->oldest = key;
    keys->newest = key;
    perp_map_add(&keys->by_key, &key->key, key);
    return key;
}

void perp_key_use(perp_capital *capital, const struct perp_key_row *row) {
    struct perp_keys *keys = &capital->keys[row->kind];
    int64_t memory_ns = capital->core->config.capital.key_memory_h * NS_PER_H;
    perp_key_add(capital, row);
    for (uint32_t n = 0; n < MOST_FORGOTTEN && keys->by_key.count > PERP_KEYS_KEPT; n++) {
        if (perp_ns_since(keys->oldest->used, row->used) <= memory_ns)
            return;
        forget_oldest(capital, keys);
    }
}
