/* What is left of jobs that end, and lots that are closed outside the library. */
#include "positions/positions.h"

#include <math.h>

#include "util/num.h"

/* ---- The end of a job's legs --------------------------------------------------------------------
 */

/* What an ended leg had seen and did not fill is offered to the legs that run on. */
static double offer_seen(struct perp_sheet *sheet, const struct perp_job_entry *ended,
                         const struct perp_leg_row *from, double seen) {
    struct perp_run_leg *leg = sheet->core->positions->at[from->instrument].first;
    for (; leg && seen > 0; leg = leg->next) {
        if (leg->job == ended || leg->side != from->side)
            continue;
        struct perp_sheet_leg *to =
            perp_sheet_leg_of(sheet, leg->job, (uint32_t)(leg - leg->job->run->legs));
        if (!to)
            return seen;
        double room = perp_leg_unseen(&to->row);
        double taken = perp_at_most(seen, room) ? seen : room;
        to->row.seen = perp_quantity_sum(to->row.seen, taken);
        seen = perp_max(0, perp_quantity_sum(seen, -taken));
    }
    return seen;
}

static void release_flying(struct perp_sheet *sheet, struct perp_job_entry *job,
                           struct perp_leg_row *leg) {
    perp_exchange_id exchange = perp_instrument_at(sheet->core, leg->instrument)->spec.exchange;
    struct perp_sheet_held *held =
        leg->flying ? perp_sheet_held_of(sheet, job, exchange, false) : NULL;
    if (held) {
        held->in_flight -= leg->flying;
        held->released += leg->flying;
    }
    leg->flying = 0;
}

void perp_sheet_legs_end(struct perp_sheet *sheet, struct perp_job_entry *job,
                         const struct perp_price *mids) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_sheet_leg *leg = perp_sheet_leg_of(sheet, job, i);
        if (!leg)
            return;
        release_flying(sheet, job, &leg->row);
        double seen = leg->row.seen;
        if (seen == 0)
            continue;
        leg->row.seen = 0;
        const struct perp_leg_row row = leg->row; /* the list may move */
        seen = offer_seen(sheet, job, &row, seen);
        struct perp_sheet_position *position =
            seen > 0 ? perp_sheet_position_of(sheet, row.instrument) : NULL;
        if (position)
            perp_position_explain(sheet->core, &position->row, -perp_signed(row.side, seen),
                                  mids && mids[i].price > 0 ? mids[i].price : row.price);
    }
}

void perp_sheet_count_naked(struct perp_sheet *sheet, struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_sheet_leg *leg = perp_sheet_leg_of(sheet, job, i);
        struct perp_sheet_base *base = perp_sheet_base_of(sheet, job->legs[i].base);
        if (!leg || !base)
            return;
        double more = perp_quantity_sum(leg->row.filled, -leg->row.counted);
        perp_base_count(&base->row, perp_signed(leg->row.side, more), 0, leg->row.filled);
        leg->row.counted = leg->row.filled;
    }
}

static const struct perp_lot *lot_on(const perp_core *core, perp_instrument_id instrument,
                                     const struct perp_job_entry *job, uint32_t leg) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    for (uint32_t n = 0; n < entry->n_lots; n++)
        if (entry->lots[n].owner == job && entry->lots[n].leg == leg)
            return &entry->lots[n];
    return NULL;
}

uint32_t perp_lots_elsewhere(const perp_core *core, const struct perp_job_entry *job,
                             perp_instrument_id *at) {
    uint32_t count = 0;
    for (uint32_t leg = 0; leg < job->n_legs; leg++)
        for
            PERP_EACH_OF_BASE(core, i, job->legs[leg].base) {
                if (i == job->legs[leg].instrument || !lot_on(core, i, job, leg))
                    continue;
                if (at)
                    at[count] = i;
                count++;
            }
    return count;
}

static void close_lot_outside(struct perp_sheet *sheet, struct perp_job_entry *job, uint32_t leg,
                              perp_instrument_id instrument, double price) {
    struct perp_sheet_position *position = perp_sheet_position_of(sheet, instrument);
    struct perp_sheet_base *base = perp_sheet_base_of(sheet, job->legs[leg].base);
    if (!position || !base)
        return;
    for (uint32_t n = 0; n < position->n_lots; n++) {
        const struct perp_lot lot = position->lots[n];
        if (lot.owner != job || lot.leg != leg)
            continue;
        struct perp_holding holding = {position->row.quantity, position->row.entry};
        perp_holding_trade(&holding, -lot.quantity, price > 0 ? price : lot.price);
        position->row.quantity = holding.quantity;
        position->row.entry = holding.entry;
        perp_sheet_remember(sheet, instrument, sheet->now, -lot.quantity);
        if (perp_job_counts_in_full(job))
            perp_base_count(&base->row, -lot.quantity, 0, fabs(lot.quantity));
        (void)perp_sheet_shrink_lot(sheet, position, n, fabs(lot.quantity));
        break;
    }
    perp_sheet_forget_owed(position, job);
}

void perp_sheet_close_lots(struct perp_sheet *sheet, struct perp_job_entry *job,
                           const struct perp_ev_close *close) {
    uint32_t n = 0;
    for (uint32_t leg = 0; leg < job->n_legs; leg++) {
        close_lot_outside(sheet, job, leg, job->legs[leg].instrument, close->prices[leg].price);
        for
            PERP_EACH_OF_BASE(sheet->core, i, job->legs[leg].base)
        if (i != job->legs[leg].instrument && lot_on(sheet->core, i, job, leg) &&
            n < close->n_elsewhere)
            close_lot_outside(sheet, job, leg, i, close->elsewhere[n++].price);
    }
}
