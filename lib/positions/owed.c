/* What lots are short of. A report can't know of fills that nobody told yet: it may close lots that
   are there, or show as foreign what is a job's, so that the fill of another closes that instead of
   opening its own. Once nothing unexplained is the reason for it any more, what was closed so is
   foreign for good, although it is all known whose it is. So it is remembered, job by job, and goes
   back into lots with the report that finds it there. */
#include "positions/positions.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

double perp_sheet_owed(const struct perp_sheet_position *position) {
    double sum = 0;
    for (uint32_t i = 0; i < position->n_owed; i++)
        sum = perp_quantity_sum(sum, position->owed[i].quantity);
    return sum;
}

static void remove_owed(struct perp_sheet_position *position, uint32_t n) {
    position->n_owed--;
    memmove(&position->owed[n], &position->owed[n + 1],
            (position->n_owed - n) * sizeof *position->owed);
}

/* Takes up to a size out of one: how much, and what it would occupy. */
static double take_owed(struct perp_sheet_position *position, uint32_t n, double size,
                        perp_usd *used) {
    struct perp_lot *lot = &position->owed[n];
    double whole = fabs(lot->quantity);
    bool all = perp_at_most(whole, size);
    *used = all ? lot->used : perp_share_of(lot->used, size, whole);
    if (all) {
        remove_owed(position, n);
        return whole;
    }
    lot->used -= *used;
    lot->quantity = perp_quantity_sum(lot->quantity, lot->quantity > 0 ? -size : size);
    return size;
}

static bool make_room(struct perp_sheet *sheet, struct perp_sheet_position *position) {
    if (position->n_owed < position->owed_capacity)
        return true;
    uint32_t capacity = 2 * position->n_owed + 2;
    struct perp_lot *owed = perp_arena_take(&sheet->arena, capacity * sizeof *owed);
    if (!owed) {
        sheet->failed = true;
        return false;
    }
    if (position->n_owed)
        memcpy(owed, position->owed, position->n_owed * sizeof *owed);
    position->owed = owed;
    position->owed_capacity = capacity;
    return true;
}

static void add_owed(struct perp_sheet *sheet, struct perp_sheet_position *position,
                     const struct perp_lot *lot, double quantity, perp_usd used) {
    struct perp_lot *to = NULL;
    for (uint32_t i = 0; i < position->n_owed && !to; i++)
        if (position->owed[i].leg == lot->leg &&
            memcmp(&position->owed[i].job, &lot->job, sizeof lot->job) == 0)
            to = &position->owed[i];
    if (!to) {
        if (position->n_owed == PERP_MOST_OWED)
            remove_owed(position, 0);
        if (!make_room(sheet, position))
            return;
        to = &position->owed[position->n_owed++];
        *to = *lot;
        to->owner = NULL;
        to->kept = NULL;
        to->quantity = to->price = 0;
        to->used = 0;
    }
    struct perp_holding holding = {to->quantity, to->price};
    perp_holding_trade(&holding, quantity, lot->price);
    to->quantity = holding.quantity;
    to->price = holding.entry;
    to->used += used;
}

/* What is owed on the other side is owed no longer: given back together, one would close the
   other. */
void perp_sheet_owe(struct perp_sheet *sheet, struct perp_sheet_position *position,
                    const struct perp_lot *lot, double size, perp_usd used) {
    double left = size, sign = lot->quantity > 0 ? 1 : -1;
    perp_usd freed;
    while (left > 0 && position->n_owed && (position->owed[0].quantity > 0) != (sign > 0))
        left = perp_max(0, perp_quantity_sum(left, -take_owed(position, 0, left, &freed)));
    if (left > 0)
        add_owed(sheet, position, lot, sign * left, perp_share_of(used, left, size));
}

double perp_sheet_close_owed(struct perp_sheet *sheet, struct perp_sheet_position *position,
                             const struct perp_job_entry *by, double quantity, double *in_full) {
    double left = fabs(quantity);
    if (!position->n_owed || (position->owed[0].quantity > 0) != (quantity > 0))
        return 0;
    for (int named = by ? 1 : 0; named >= 0; named--)
        for (uint32_t i = 0; i < position->n_owed && left > 0;) {
            const perp_uuid of = position->owed[i].job;
            if (named && memcmp(&of, &by->closes, sizeof of) != 0) {
                i++;
                continue;
            }
            perp_usd freed;
            const struct perp_job_entry *job = perp_job_find(sheet->core, &of);
            uint32_t before = position->n_owed;
            double taken = take_owed(position, i, left, &freed);
            left = perp_max(0, perp_quantity_sum(left, -taken));
            if (job && perp_job_counts_in_full(job))
                *in_full += taken;
            i += position->n_owed == before;
        }
    return perp_max(0, perp_quantity_sum(fabs(quantity), -left));
}

void perp_sheet_forget_owed(struct perp_sheet_position *position,
                            const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < position->n_owed;)
        if (!job || memcmp(&position->owed[i].job, &job->id, sizeof job->id) == 0)
            remove_owed(position, i);
        else
            i++;
}

/* A part of a lot is there again: it closes what lots there are of the other sign, as its fill
   would have; the rest is in its lot. */
static void reopen(struct perp_sheet *sheet, struct perp_sheet_position *position,
                   struct perp_job_entry *job, const struct perp_lot *lot, double size,
                   perp_usd used) {
    const struct perp_instrument_entry *entry = perp_instrument_at(sheet->core, lot->instrument);
    struct perp_sheet_base *base = perp_sheet_base_of(sheet, entry->base);
    double sign = lot->quantity > 0 ? 1 : -1, left = size, more = 0, sizes = size;
    while (left > 0 && position->n_lots && (position->lots[0].quantity > 0) != (sign > 0)) {
        double whole = fabs(position->lots[0].quantity);
        double taken = perp_at_most(whole, left) ? whole : left;
        if (perp_job_counts_in_full(position->lots[0].owner))
            more += taken;
        sizes += whole;
        left = perp_max(0, perp_quantity_sum(left, -taken));
        (void)perp_sheet_shrink_lot(sheet, position, 0, taken);
    }
    if (left > 0) {
        const struct perp_holding back = {sign * left, lot->price};
        struct perp_lot *to = perp_sheet_open_lot(sheet, position, job, &back, lot->leg, true);
        struct perp_sheet_held *held =
            to ? perp_sheet_held_of(sheet, job, entry->spec.exchange, true) : NULL;
        perp_usd again = perp_share_of(used, left, size);
        if (!held) {
            sheet->failed = true;
            return;
        }
        to->used += again;
        held->used += again;
        sizes += fabs(to->quantity);
        if (perp_job_counts_in_full(job))
            more += left;
    }
    if (base) /* lots show it now */
        perp_base_count(&base->row, 0, -sign * more, sizes);
}

/* Whether nothing of a base is on its way, and nothing naked: that is held against its lots, and is
   not to end because there are more of them. */
static bool is_at_rest(const struct perp_sheet *sheet, uint32_t base) {
    for
        PERP_EACH_OF_BASE(sheet->core, i, base)
    if (sheet->core->positions->at[i].first)
        return false;
    return !perp_base_is_naked(sheet->core, sheet, base, sheet->now);
}

/* How much of what is owed nothing unexplained stands for any more. */
static double to_give_back(const struct perp_sheet_position *position) {
    double owed = perp_sheet_owed(position), unexplained = position->row.unexplained;
    if (unexplained == 0 || (unexplained > 0) == (owed > 0))
        return fabs(owed);
    return perp_max(0, perp_quantity_sum(fabs(owed), -fabs(unexplained)));
}

void perp_sheet_give_back(struct perp_sheet *sheet, struct perp_sheet_position *position) {
    uint32_t base = perp_instrument_at(sheet->core, position->instrument)->base;
    if (!position->n_owed || position->row.latched || !is_at_rest(sheet, base))
        return;
    for (double left = to_give_back(position); left > 0 && position->n_owed && !sheet->failed;) {
        const uint32_t last = position->n_owed - 1;
        const struct perp_lot lot = position->owed[last];
        struct perp_job_entry *job = perp_job_find(sheet->core, &lot.job);
        perp_usd used;
        double taken = take_owed(position, last, left, &used);
        left = perp_max(0, perp_quantity_sum(left, -taken));
        if (job && perp_has_run(job)) /* else nobody knows it any more */
            reopen(sheet, position, job, &lot, taken, used);
    }
}
