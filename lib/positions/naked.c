/* Bases that have no other side. */
#include "positions/positions.h"

#include <float.h>
#include <math.h>

#include "util/num.h"

static const struct perp_position_row *row_of(const perp_core *core, const struct perp_sheet *sheet,
                                              perp_instrument_id instrument) {
    for (uint32_t i = 0; sheet && i < sheet->n_positions; i++)
        if (sheet->positions[i].instrument == instrument)
            return &sheet->positions[i].row;
    return &core->positions->at[instrument].row;
}

static const struct perp_base_row *base_of(const perp_core *core, const struct perp_sheet *sheet,
                                           uint32_t base) {
    for (uint32_t i = 0; sheet && i < sheet->n_bases; i++)
        if (sheet->bases[i].base == base)
            return &sheet->bases[i].row;
    return &core->positions->bases[base].row;
}

/* Rounding of a sum of two, of the larger; four times, to be on the safe side. */
#define ROUNDING (4 * DBL_EPSILON)

void perp_base_count(struct perp_base_row *row, double quantity, double apart, double sizes) {
    if (quantity == 0 && apart == 0) {
        row->rounding += ROUNDING * sizes; /* of lots alone */
        return;
    }
    double sum = row->naked + quantity;
    row->naked = perp_quantity_sum(row->naked, quantity);
    row->apart += apart + (row->naked - sum); /* what is near zero counts as zero */
    row->rounding += ROUNDING * (sizes + fabs(sum) + fabs(apart) + fabs(row->apart));
}

double perp_base_naked_by_lots(const perp_core *core, uint32_t base, double *off) {
    const struct perp_base_entry *entry = &core->positions->bases[base];
    double sum = entry->apart, sizes = fabs(sum) + fabs(entry->naked), n = 1;
    for
        PERP_EACH_OF_BASE(core, i, base) {
            const struct perp_position_entry *at = &core->positions->at[i];
            for (uint32_t j = 0; j < at->n_lots; j++) {
                if (!perp_job_counts_in_full(at->lots[j].owner))
                    continue;
                sum += at->lots[j].quantity;
                sizes += fabs(at->lots[j].quantity);
                n++;
            }
            for (const struct perp_run_leg *leg = at->first; leg; leg = leg->next) {
                if (!leg->job->balanced)
                    continue;
                sum -= perp_signed(leg->side, leg->filled - leg->counted);
                sizes += leg->filled + leg->counted;
                n++;
            }
        }
    *off = entry->rounding + ROUNDING * n * sizes;
    return sum;
}

double perp_base_naked(const perp_core *core, const struct perp_sheet *sheet, uint32_t base) {
    double naked = base_of(core, sheet, base)->naked;
    bool any = core->positions->bases[base].n_latched > 0;
    for (uint32_t i = 0; sheet && i < sheet->n_positions; i++)
        any |= sheet->positions[i].row.latched;
    if (!any)
        return naked;
    for
        PERP_EACH_OF_BASE(core, i, base) {
            const struct perp_position_row *row = row_of(core, sheet, i);
            if (row->latched)
                naked = perp_quantity_sum(naked, row->lost);
        }
    return naked;
}

double perp_base_price(const perp_core *core, const struct perp_sheet *sheet, uint32_t base,
                       int64_t now) {
    for
        PERP_EACH_OF_BASE(core, i, base) {
            double mid;
            if (perp_market_mid(core->market, i, &mid))
                return mid;
        }
    (void)now; /* a mid has no age */
    double last = base_of(core, sheet, base)->price;
    if (last > 0)
        return last;
    for
        PERP_EACH_OF_BASE(core, i, base)
    if (row_of(core, sheet, i)->entry > 0)
        return row_of(core, sheet, i)->entry;
    return 0;
}

static double lots_on(const perp_core *core, const struct perp_sheet *sheet,
                      perp_instrument_id instrument) {
    const struct perp_lot *lots = core->positions->at[instrument].lots;
    uint32_t n = core->positions->at[instrument].n_lots;
    for (uint32_t i = 0; sheet && i < sheet->n_positions; i++)
        if (sheet->positions[i].instrument == instrument) {
            lots = sheet->positions[i].lots;
            n = sheet->positions[i].n_lots;
        }
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum = perp_quantity_sum(sum, lots[i].quantity);
    return sum;
}

bool perp_base_is_naked(const perp_core *core, const struct perp_sheet *sheet, uint32_t base,
                        int64_t now) {
    double naked = perp_base_naked(core, sheet, base), lots = 0;
    if (naked == 0)
        return false;
    double price = perp_base_price(core, sheet, base, now);
    for
        PERP_EACH_OF_BASE(core, i, base)
    lots += fabs(lots_on(core, sheet, i));
    const perp_scheduler_config *config = &core->config.scheduler;
    double tolerance = perp_max(perp_usd_to_double(config->leg_risk_usd),
                                config->leg_risk_tolerance * 0.5 * lots * price);
    return !(price > 0) || fabs(naked) * price > tolerance;
}

void perp_sheet_resolve(struct perp_sheet *sheet, uint32_t base) {
    const perp_core *core = sheet->core;
    double naked = perp_base_naked(core, sheet, base);
    struct perp_sheet_base *row = perp_sheet_base_of(sheet, base);
    if (!row)
        return;
    row->row.expected = perp_quantity_sum(row->row.expected, -naked);
    perp_base_count(&row->row, -row->row.naked, -row->row.naked, 0);
    for
        PERP_EACH_OF_BASE(core, i, base) {
            if (!core->positions->at[i].latched)
                continue;
            struct perp_sheet_position *position = perp_sheet_position_of(sheet, i);
            if (!position)
                return;
            position->row.unexplained = position->row.lost = 0;
            position->row.latched = false;
            perp_sheet_forget_owed(position, NULL);
        }
}

/* ---- What is to square --------------------------------------------------------------------------
 */

/* Whether a leg of that side makes what is naked smaller. */
static bool squares(uint32_t side, double naked) {
    return (side == PERP_SIDE_SELL) == (naked > 0);
}

double perp_base_to_square(const perp_core *core, const struct perp_plan *plan, uint32_t base) {
    double naked = perp_base_naked(core, NULL, base), left = fabs(naked);
    for
        PERP_EACH_OF_BASE(core, i, base) {
            const struct perp_position_entry *entry = &core->positions->at[i];
            for (const struct perp_run_leg *leg = entry->first; leg; leg = leg->next)
                if (!leg->job->balanced && squares(leg->side, naked))
                    left = perp_max(0, perp_quantity_sum(left, -perp_leg_unseen(&leg->row)));
            for (const struct perp_plan_leg *leg = perp_plan_first(plan, i); leg;
                 leg = perp_plan_next(plan, leg))
                if (!leg->balanced && squares(leg->side, naked))
                    left = perp_max(0, perp_quantity_sum(left, -leg->quantity));
            double drift = entry->latched ? perp_quantity_sum(entry->unexplained, -entry->lost) : 0;
            if (drift != 0 && (drift > 0) != (naked > 0))
                left = perp_max(0, perp_quantity_sum(left, -fabs(drift)));
        }
    return left;
}

/* ---- Its story ----------------------------------------------------------------------------------
 */

static bool is_of(const struct perp_job_entry *job, uint32_t base) {
    for (uint32_t i = 0; job && i < job->n_legs; i++)
        if (job->legs[i].base == base)
            return true;
    return false;
}

/* Whether something of a base can move on: it was told as naked, or may be, or has partial jobs. */
static bool has_story(const perp_core *core, const struct perp_sheet *sheet, uint32_t base,
                      const struct perp_job_entry *partial, const struct perp_job_entry *repair) {
    const struct perp_base_entry *entry = &core->positions->bases[base];
    return entry->told || entry->tries || entry->stopped || entry->n_partial ||
           is_of(partial, base) || is_of(repair, base) || perp_base_naked(core, sheet, base) != 0;
}

static void put_story(perp_core *core, uint32_t base, bool naked, bool repair_failed) {
    perp_put_story(core, &(struct perp_ev_story){base, naked, repair_failed});
}

/* The first base from this one on that may have a story. */
static uint32_t base_from(const perp_core *core, const struct perp_sheet *sheet,
                          const struct perp_job_entry *partial, const struct perp_job_entry *repair,
                          uint32_t from) {
    const struct perp_job_entry *jobs[] = {partial, repair};
    uint32_t at_1 = core->positions->first_moving_1, found = PERP_NO_ID;
    while (at_1 && at_1 - 1 < from)
        at_1 = core->positions->bases[at_1 - 1].next_moving_1;
    if (at_1)
        found = at_1 - 1;
#define TRY(base)                                                                                  \
    if ((base) >= from && (base) < found)                                                          \
        found = (base);
    for (uint32_t i = 0; sheet && i < sheet->n_bases; i++)
        TRY(sheet->bases[i].base)
    for (uint32_t i = 0; sheet && i < sheet->n_positions; i++)
        if (sheet->positions[i].row.latched)
            TRY(perp_instrument_at(core, sheet->positions[i].instrument)->base)
    for (uint32_t j = 0; j < 2; j++)
        for (uint32_t i = 0; jobs[j] && i < jobs[j]->n_legs; i++)
            TRY(jobs[j]->legs[i].base)
#undef TRY
    return found;
}

/* Whether any base can have a story: as most often, nothing is naked, nor was. */
static bool any_story(const perp_core *core, const struct perp_sheet *sheet,
                      const struct perp_job_entry *partial, const struct perp_job_entry *repair) {
    bool any = partial || repair || core->positions->first_moving_1;
    for (uint32_t i = 0; sheet && i < sheet->n_bases; i++)
        any |= sheet->bases[i].row.naked != 0;
    for (uint32_t i = 0; sheet && i < sheet->n_positions; i++)
        any |= sheet->positions[i].row.latched;
    return any;
}

void perp_put_stories(perp_core *core, const struct perp_sheet *sheet, int64_t now,
                      const struct perp_job_entry *partial, const struct perp_job_entry *repair) {
    /* Those that begin go first, so that a partial job of several bases does not move on early. */
    uint32_t n = 0;
    if (!any_story(core, sheet, partial, repair))
        return;
    for (uint32_t pass = 0; pass == 0 || (pass == 1 && n); pass++)
        for (uint32_t base = base_from(core, sheet, partial, repair, 0); base != PERP_NO_ID;
             base = base_from(core, sheet, partial, repair, base + 1)) {
            if (!has_story(core, sheet, base, partial, repair))
                continue;
            n++;
            const struct perp_base_entry *entry = &core->positions->bases[base];
            bool naked = perp_base_is_naked(core, sheet, base, now);
            if (pass == 0 && naked && (!entry->told || is_of(repair, base)))
                put_story(core, base, true, is_of(repair, base));
            else if (pass == 1 && !naked &&
                     (entry->told || entry->tries || entry->stopped || entry->n_partial ||
                      is_of(partial, base)))
                put_story(core, base, false, false);
        }
}
