/* Which family an event belongs to: each kind is in one of them. */
#include <string.h>

#include "book/book.h"

/* What an event changes for the decisions that stand; where nothing is said, everything. */
static const uint32_t touches[PERP_EVENT_COUNT] = {
    [PERP_EVENT_CLOCK] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_SUBMIT] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_CANCEL] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_EXPIRE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_OVERDUE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_REFUSE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_REJECT] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_ASK_CANCEL] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_RESERVE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_CONFIRM] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_RELEASE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_PLACE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_CANCEL_SENT] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_ORDER_REFUSED] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_PROGRESS] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_AMEND] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_CLOSE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_ACCEPT_POSITION] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_RESOLVE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_CASH] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_FILL] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_PNL] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_STORY] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_UNHEDGED] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_DOUBT] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_POSITIONS] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_DISPATCH] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_FINISH] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_REQUEUE] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_WITHDRAW] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_ORDER] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_SETTLE] = PERP_TOUCHES_NOTHING,
    [PERP_EVENT_EQUITY] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_SUCCESS] = PERP_TOUCHES_MOVED,
    [PERP_EVENT_FAILURE] = PERP_TOUCHES_MOVED,
};

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
        core->event_rows[kind].touches = touches[kind];
    }
}
