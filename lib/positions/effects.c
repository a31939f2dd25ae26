/* What each kind of event makes of positions, on the book's sheet: one function for the decision,
   which looks at it, and for the event, which is applied from it. */
#include "positions/positions.h"

#include "util/num.h"

static void book_shared(struct perp_sheet *sheet, struct perp_job_entry *job,
                        const struct perp_booking *bookings, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        perp_sheet_book(sheet, job, bookings[i].exchange, bookings[i].pnl, bookings[i].volume,
                        bookings[i].fees);
}

struct perp_sheet *perp_sheet_of_fills(perp_core *core, struct perp_job_entry *job,
                                       const struct perp_ev_progress *progress, bool late,
                                       int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    for (uint32_t i = 0; i < progress->n_fills; i++)
        perp_sheet_fill(sheet, job, &progress->fills[i], late, true);
    return sheet;
}

struct perp_sheet *perp_sheet_of_finish(perp_core *core, struct perp_job_entry *job,
                                        const struct perp_ev_finish *finish, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    for (uint32_t i = 0; i < finish->n_fills; i++)
        perp_sheet_fill(sheet, job, &finish->fills[i], false, !finish->shared);
    book_shared(sheet, job, finish->bookings, finish->n_bookings);
    perp_sheet_legs_end(sheet, job, finish->mids);
    if (job->balanced)
        perp_sheet_count_naked(sheet, job);
    return sheet;
}

/* A fill of an order whose repair was chosen anew since, elsewhere: the trade is there where the
   order was, no leg of the job is; it counts as naked in full, as a repair's does. */
static void fill_elsewhere(struct perp_sheet *sheet, const struct perp_order_entry *order,
                           const struct perp_filled *fill) {
    uint32_t of = perp_instrument_at(sheet->core, order->instrument)->base;
    struct perp_sheet_base *base = perp_sheet_base_of(sheet, of);
    if (!base)
        return;
    if (!(fill->quantity > 0)) { /* figures alone */
        perp_sheet_book(sheet, order->job, order->exchange, fill->pnl, 0, fill->fee);
        perp_sheet_note(sheet, &(struct perp_sheet_fill){.job = order->job,
                                                         .instrument = order->instrument,
                                                         .side = order->side,
                                                         .fill = *fill,
                                                         .booked = true,
                                                         .pnl = fill->pnl});
        return;
    }
    double before = base->row.naked, filled = perp_signed(order->side, fill->quantity);
    perp_sheet_foreign_fill(sheet, order->job, order->instrument, order->side, fill);
    base = perp_sheet_base_of(sheet, of);
    if (!base)
        return;
    double more = perp_quantity_sum(before, filled) - base->row.naked;
    perp_base_count(&base->row, more, more, fill->quantity);
}

struct perp_sheet *perp_sheet_of_order(perp_core *core, const struct perp_order_entry *order,
                                       const struct perp_ev_order *news, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    struct perp_job_entry *job = order->job;
    const struct perp_job_leg *leg = &job->legs[order->leg];
    bool late = job->state != PERP_JOB_RUNNING && job->state != PERP_JOB_IN_DOUBT;
    for (uint32_t i = 0; i < news->n_fills; i++)
        if (leg->instrument == order->instrument && leg->side == order->side)
            perp_sheet_fill(sheet, job, &news->fills[i], late, true);
        else
            fill_elsewhere(sheet, order, &news->fills[i]);
    if (news->finishes)
        perp_sheet_end_by_orders(sheet, job, news->mids);
    return sheet;
}

void perp_sheet_end_by_orders(struct perp_sheet *sheet, struct perp_job_entry *job,
                              const struct perp_price *mids) {
    perp_sheet_legs_end(sheet, job, mids);
    if (job->balanced)
        perp_sheet_count_naked(sheet, job);
}

struct perp_sheet *perp_sheet_of_requeue(perp_core *core, struct perp_job_entry *job,
                                         const struct perp_price *mids, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_legs_end(sheet, job, mids);
    return sheet;
}

struct perp_sheet *perp_sheet_of_close(perp_core *core, struct perp_job_entry *job,
                                       const struct perp_ev_close *close, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_close_lots(sheet, job, close);
    book_shared(sheet, job, close->bookings, close->n_bookings);
    return sheet;
}

bool perp_position_is_plain(const perp_core *core, perp_instrument_id instrument) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    return entry->quantity == 0 && entry->entry == 0 && entry->n_lots == 0 && entry->n_since == 0 &&
           !entry->first && !entry->aside;
}

struct perp_sheet *perp_sheet_of_positions(perp_core *core,
                                           const struct perp_ev_positions *positions, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    for (uint32_t i = 0; i < positions->n_reports; i++)
        perp_sheet_report(sheet, &positions->reports[i], positions->time_ns);
    sheet->whole = positions->all ? positions->exchange : PERP_NO_ID;
    sheet->whole_time = positions->time_ns;
    return sheet;
}

struct perp_sheet *perp_sheet_of_accept(perp_core *core, perp_instrument_id instrument,
                                        int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_accept(sheet, instrument);
    return sheet;
}

struct perp_sheet *perp_sheet_of_resolve(perp_core *core, uint32_t base, int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_resolve(sheet, base);
    return sheet;
}
