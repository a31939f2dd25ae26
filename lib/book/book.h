/* The whole book: the one room that knows all the others. */
#ifndef PERP_BOOK_BOOK_H
#define PERP_BOOK_BOOK_H

#include "core/batch.h"
#include "orders/orders.h"

/* open.c: an empty book with its store attached but not yet read; frees it with all it has. */
perp_status perp_core_make(const perp_config *config, perp_core **core);
void perp_core_free(perp_core *core);
/* Forgets all that was read of a store, so that another reading can begin. PERP_E_NOMEM. */
perp_status perp_core_empty(perp_core *core);

/* events.c: what each kind of event does, by kind, from the families. */
extern const struct perp_event_row perp_registry_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_capital_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_job_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_story_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_control_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_position_events[PERP_EVENT_COUNT];
extern const struct perp_event_row perp_order_events[PERP_EVENT_COUNT];
void perp_events_set(perp_core *core);

/* position_events.c: the one sheet of a batch: whether it follows from the book, by the event's
   fits, which made it; room for it, by prepare; taken by apply; and the rows for people of what
   stands on it. */
bool perp_sheet_follows(const perp_core *core, const struct perp_sheet *sheet,
                        const struct perp_event *event);
bool perp_sheet_room(perp_core *core, const struct perp_event *event);
struct perp_sheet *perp_sheet_taken(perp_core *core, const struct perp_event *event);
void perp_rows_of_sheet(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to);
/* The rows of bases as the book has them: a store of an older release may lack them. */
void perp_rows_of_bases(const perp_core *core, struct perp_journal *to);
/* job_events.c: a job whose lots came or went gets the state that goes with it; reservations of it
   that have nothing left end, unless it runs. */
void perp_job_settle(perp_core *core, struct perp_job_entry *job);
void perp_job_drop_empty(perp_core *core, struct perp_job_entry *job);
/* Applies the sheet of a batch. Jobs that it touches but `but` get the state that goes with their
   lots. */
void perp_job_apply_sheet(perp_core *core, const struct perp_event *event,
                          const struct perp_job_entry *but);
/* A job no longer runs, its fills are booked: it ends in a state, or stays open; what that counts
   as, and for which exchanges. */
void perp_job_finish(perp_core *core, struct perp_job_entry *job, uint32_t state, bool success,
                     bool failure, uint64_t good, uint64_t bad);
void perp_row_job_finished(struct perp_journal *to, const struct perp_event *event,
                           const perp_uuid *job, uint32_t state);
/* How many legs of partial jobs its bases have. */
void perp_job_count_partial(perp_core *core, const struct perp_job_entry *job, bool on);
/* The row of a job that is in another state. */
void perp_row_job_state(struct perp_journal *to, const struct perp_event *event,
                        const perp_uuid *id, uint32_t state);

/* A configuration as an event, put into the batch at hand. */
void perp_put_config(perp_core *core, const perp_config *config);

/* Rows for people that more than one family writes (capital_events.c): a reservation made;
   a job's reservation as it will be; a booking on an exchange's day. */
void perp_row_reserved(const perp_core *core, struct perp_journal *to,
                       const struct perp_event *event, uint64_t id, const struct perp_need *need,
                       const perp_uuid *job);
void perp_row_held(const perp_core *core, struct perp_journal *to, const struct perp_event *event,
                   uint64_t id, const struct perp_need *need, const struct perp_job_entry *job,
                   perp_usd in_flight, perp_usd used, perp_usd released);
void perp_row_booked(const perp_core *core, struct perp_journal *to, const struct perp_event *event,
                     const struct perp_booking *booking);
/* Whether bookings are of other exchanges each, and their days can take them. */
bool perp_bookings_fit(const perp_core *core, const struct perp_event *event,
                       const struct perp_booking *bookings, uint32_t n);

/* walk.c: every stored row of the book, in the order of a checkpoint. index: of the exchange, where
   there is one row of each. */
struct perp_walked_row {
    enum perp_book_row kind;
    uint32_t index;
    const void *row;
    const struct perp_kept *kept;
};
void perp_book_walk(const perp_core *core,
                    void (*visit)(void *user, const struct perp_walked_row *), void *user);

/* check_orders.c: what perp_core_check looks at of orders. */
perp_status perp_orders_check(const perp_core *core);

/* hash.c: perp_core_hash without the lock. */
uint64_t perp_hash_book(const perp_core *core);

/* A load under way. */
struct perp_load {
    perp_core *core;
    uint64_t to_seq;     /* 0: all */
    perp_config given;   /* what the book was opened with */
    bool configured;     /* the store has a configuration */
    uint64_t unreadable; /* the newest checkpoint that could not be read; 0: none */
    char why[256];       /* of it */
    void (*visit)(void *user, const perp_core *core, uint64_t seq);
    void *user;
    struct perp_arena arena; /* of the event or row at hand */
};
/* recover.c: fills an empty book from its store. */
perp_status perp_load_store(struct perp_load *load, bool from_start);
perp_status perp_write_checkpoint(perp_core *core);

#endif
