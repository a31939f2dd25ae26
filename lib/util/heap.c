#include "util/heap.h"

static void put(struct perp_heap *heap, uint32_t at, struct perp_timer *timer) {
    (*perp_heap_at(heap, at)) = timer;
    timer->place_1 = at + 1;
}

static void rise(struct perp_heap *heap, uint32_t at, struct perp_timer *timer) {
    while (at > 0 && (*perp_heap_at(heap, (at - 1) / 2))->at > timer->at) {
        put(heap, at, (*perp_heap_at(heap, (at - 1) / 2)));
        at = (at - 1) / 2;
    }
    put(heap, at, timer);
}

static void sink(struct perp_heap *heap, uint32_t at, struct perp_timer *timer) {
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->n)
            break;
        if (child + 1 < heap->n &&
            (*perp_heap_at(heap, child + 1))->at < (*perp_heap_at(heap, child))->at)
            child++;
        if ((*perp_heap_at(heap, child))->at >= timer->at)
            break;
        put(heap, at, (*perp_heap_at(heap, child)));
        at = child;
    }
    put(heap, at, timer);
}

void perp_heap_set(struct perp_heap *heap, struct perp_timer *timer, int64_t at) {
    uint32_t place = timer->place_1 ? timer->place_1 - 1 : heap->n++;
    bool later = timer->place_1 && at > timer->at;
    timer->at = at;
    if (later)
        sink(heap, place, timer);
    else
        rise(heap, place, timer);
}

void perp_heap_remove(struct perp_heap *heap, struct perp_timer *timer) {
    if (!timer->place_1)
        return;
    uint32_t place = timer->place_1 - 1;
    struct perp_timer *last = (*perp_heap_at(heap, --heap->n));
    timer->place_1 = 0;
    if (last == timer)
        return;
    if (place > 0 && (*perp_heap_at(heap, (place - 1) / 2))->at > last->at)
        rise(heap, place, last);
    else
        sink(heap, place, last);
}
