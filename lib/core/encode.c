/* Events as bytes on disk: the 8-byte words of an event that are not zero, behind a bitmap of which
   they are. Most fields of most events are zero. Words are in the machine's byte order: a store is
   read on the kind of machine that wrote it. */
#include "core/batch.h"

#include <string.h>

#define WORD sizeof(uint64_t)
#define GROUP 64 /* words behind one bitmap */

size_t perp_event_encoded_size(const struct perp_event *event) {
    size_t words = event->size / WORD;
    return WORD + (words + (words + GROUP - 1) / GROUP) * WORD;
}

size_t perp_event_encode(const struct perp_event *event, void *bytes) {
    const uint64_t words = event->size / WORD;
    const char *from = (const char *)event;
    char *to = bytes;
    memcpy(to, &words, WORD);
    to += WORD;
    for (uint64_t start = 0; start < words; start += GROUP) {
        uint64_t map = 0;
        char *map_at = to;
        to += WORD;
        for (uint64_t i = start; i < words && i < start + GROUP; i++) {
            uint64_t word;
            memcpy(&word, from + i * WORD, WORD);
            if (!word)
                continue;
            map |= UINT64_C(1) << (i - start);
            memcpy(to, &word, WORD);
            to += WORD;
        }
        memcpy(map_at, &map, WORD);
    }
    return (size_t)(to - (char *)bytes);
}

/* Whether what was decoded is an event that this library could have written. */
static bool is_sound(const struct perp_event *event, size_t size) {
    if (size < sizeof *event || event->size != size || event->kind >= PERP_EVENT_COUNT ||
        event->n_items > PERP_EVENT_MAX_ITEMS || event->n_bytes > PERP_EVENT_MAX_BYTES ||
        event->n_actor > PERP_MAX_ACTOR || event->n_reason > PERP_MAX_REASON)
        return false;
    return sizeof *event + event->n_items * sizeof(struct perp_event_item) + event->n_bytes +
               event->n_actor + event->n_reason <=
           size;
}

const struct perp_event *perp_event_decode(const void *bytes, size_t size,
                                           struct perp_event_room *room) {
    const char *from = bytes, *end = from + size;
    uint64_t words;
    if (size < WORD)
        return NULL;
    memcpy(&words, from, WORD);
    from += WORD;
    if (words > sizeof *room / WORD)
        return NULL;
    char *to = (char *)room;
    memset(to, 0, words * WORD);
    for (uint64_t start = 0; start < words; start += GROUP) {
        uint64_t map;
        if ((size_t)(end - from) < WORD)
            return NULL;
        memcpy(&map, from, WORD);
        from += WORD;
        for (uint64_t i = start; map; i++, map >>= 1) {
            if (!(map & 1))
                continue;
            if (i >= words || (size_t)(end - from) < WORD)
                return NULL;
            memcpy(to + i * WORD, from, WORD);
            from += WORD;
        }
    }
    return from == end && is_sound(&room->event, words * WORD) ? &room->event : NULL;
}
