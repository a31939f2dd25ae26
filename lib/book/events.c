/* Which family an event belongs to: each kind is in one of them. */
#include <string.h>

#include "book/book.h"

void perp_events_set(perp_core *core) {
    static const struct perp_event_row *const families[] = {
        perp_registry_events, perp_capital_events,  perp_job_events,  perp_story_events,
        perp_control_events,  perp_position_events, perp_order_events};
    for (uint32_t kind = 0; kind < PERP_EVENT_COUNT; kind++)
        for (size_t i = 0; i < sizeof families / sizeof *families; i++)
            if (families[i][kind].apply)
                core->event_rows[kind] = families[i][kind];
    for (uint32_t kind = 0; kind < PERP_EVENT_COUNT; kind++) {
        const struct perp_event_shape *shape = &perp_event_shapes[kind];
        core->event_rows[kind].exchange_at_1 = shape->payload()->exchange_at_1;
        core->event_rows[kind].job = shape->job;
    }
}
