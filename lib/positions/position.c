/* Positions by instrument: fills into lots, capital that follows them. */
#include "positions/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/num.h"

/* Below this share of the larger, a difference of quantities is rounding. */
#define NEAR PERP_NEAR_ZERO

void perp_holding_trade(struct perp_holding *holding, double quantity, double price) {
    if (quantity == 0)
        return;
    double before = holding->quantity;
    double after = perp_quantity_sum(before, quantity);
    if (before == 0 || (before > 0) == (quantity > 0))
        holding->entry = before == 0 ? price
                                     : (fabs(before) * holding->entry + fabs(quantity) * price) /
                                           (fabs(before) + fabs(quantity));
    else if (after == 0)
        holding->entry = 0;
    else if ((after > 0) != (before > 0))
        holding->entry = price;
    holding->quantity = after;
}

/* ---- The room -----------------------------------------------------------------------------------
 */

perp_status perp_positions_open(perp_core *core, perp_positions **out) {
    perp_positions *positions = perp_alloc(core, sizeof *positions);
    if (!positions)
        return perp_fail(core, PERP_E_NOMEM, "no memory for positions");
    memset(positions, 0, sizeof *positions);
    positions->core = core;
    positions->sheet.core = positions->sheet.arena.core = core;
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        positions->equity_heard[i] = PERP_TIME_NONE;
    *out = positions;
    return PERP_OK;
}

void perp_positions_close(perp_positions *positions) {
    if (!positions)
        return;
    perp_core *core = positions->core;
    for (uint32_t i = 0; i < positions->capacity; i++) {
        struct perp_position_entry *entry = &positions->at[i];
        for (uint32_t j = 0; j < entry->n_lots; j++)
            perp_kept_free(core, &entry->lots[j].kept);
        for (uint32_t j = 0; j < entry->n_owed; j++)
            perp_kept_free(core, &entry->owed[j].kept);
        for (uint32_t j = 0; j < entry->n_since; j++)
            perp_kept_free(core, &entry->since[j].kept);
        perp_kept_free(core, &entry->kept);
        perp_free(core, entry->lots, entry->lots_capacity * sizeof *entry->lots);
        perp_free(core, entry->owed, entry->owed_capacity * sizeof *entry->owed);
        perp_free(core, entry->since, entry->since_capacity * sizeof *entry->since);
    }
    for (uint32_t i = 0; i < positions->bases_capacity; i++)
        perp_kept_free(core, &positions->bases[i].kept);
    perp_free(core, positions->at, positions->capacity * sizeof *positions->at);
    perp_free(core, positions->moved, positions->moved_capacity * sizeof *positions->moved);
    perp_free(core, positions->moved_bases,
              positions->moved_bases_capacity * sizeof *positions->moved_bases);
    perp_free(core, positions->bases, positions->bases_capacity * sizeof *positions->bases);
    perp_arena_free(&positions->sheet.arena);
    perp_free(core, positions, sizeof *positions);
}

/* Each instrument and each base can be told once. */
static bool prepare_moved(perp_core *core) {
    perp_positions *positions = core->positions;
    void *moved = positions->moved, *bases = positions->moved_bases;
    bool done = perp_grow(core, &moved, &positions->moved_capacity, perp_n_instruments(core) + 1,
                          sizeof *positions->moved) &&
                perp_grow(core, &bases, &positions->moved_bases_capacity, core->bases.count + 1,
                          sizeof *positions->moved_bases);
    positions->moved = moved;
    positions->moved_bases = bases;
    return done;
}

bool perp_positions_prepare_tables(perp_core *core) {
    perp_positions *positions = core->positions;
    void *at = positions->at, *bases = positions->bases;
    uint32_t n = positions->capacity, n_bases = positions->bases_capacity;
    bool done = perp_grow(core, &at, &positions->capacity, perp_n_instruments(core) + 1,
                          sizeof *positions->at);
    positions->at = at;
    for (uint32_t i = n; i < positions->capacity; i++) {
        memset(&positions->at[i], 0, sizeof positions->at[i]);
        perp_row_preset(perp_row_position(), &positions->at[i].row);
        positions->at[i].heard = PERP_TIME_NONE;
#ifdef PERP_SHADOW
        positions->at[i].looked.row = positions->at[i].row;
#endif
    }
    done = done && perp_grow(core, &bases, &positions->bases_capacity, core->bases.count + 1,
                             sizeof *positions->bases);
    positions->bases = bases;
    for (uint32_t i = n_bases; i < positions->bases_capacity; i++) {
        memset(&positions->bases[i], 0, sizeof positions->bases[i]);
        perp_row_preset(perp_row_base(), &positions->bases[i].row);
        positions->bases[i].first = positions->bases[i].last = PERP_NO_ID;
#ifdef PERP_SHADOW
        positions->bases[i].looked.row = positions->bases[i].row;
#endif
    }
    return done && prepare_moved(core);
}

void perp_positions_roll(perp_core *core) {
    for (uint32_t i = 0; i < core->bases.count; i++)
        core->positions->bases[i].expected = 0;
}

void perp_positions_join_base(perp_core *core, perp_instrument_id instrument) {
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[instrument]);
    struct perp_base_entry *base = &core->positions->bases[entry->base];
    entry->next_of_base = PERP_NO_ID;
    if (base->first == PERP_NO_ID) {
        base->first = instrument;
    } else {
        struct perp_instrument_entry *last = atomic_load(&core->instruments[base->last]);
        last->next_of_base = instrument;
    }
    base->last = instrument;
}

static void move_open(perp_core *core, perp_instrument_id instrument, bool is_open) {
    perp_positions *positions = core->positions;
    struct perp_position_entry *entry = &positions->at[instrument];
    uint32_t *at = &positions->first_open_1[perp_instrument_at(core, instrument)->spec.exchange];
    while (*at && *at - 1 < instrument)
        at = &positions->at[*at - 1].next_open_1;
    entry->is_open = is_open;
    if (is_open) {
        entry->next_open_1 = *at;
        *at = instrument + 1;
    } else {
        *at = entry->next_open_1;
    }
}

double perp_position_with_running(const struct perp_position_entry *entry,
                                  const struct perp_job_entry *but) {
    double quantity = entry->quantity;
    for (const struct perp_run_leg *leg = entry->first; leg; leg = leg->next)
        if (leg->job != but)
            quantity =
                perp_quantity_sum(quantity, perp_signed(leg->side, perp_leg_unseen(&leg->row)));
    return quantity;
}

bool perp_position_shows(const struct perp_position_entry *entry) {
    return entry->quantity != 0 || entry->n_lots || entry->unexplained != 0 || entry->aside ||
           entry->latched;
}

static void keep_shown(perp_core *core, perp_instrument_id instrument) {
    perp_positions *positions = core->positions;
    struct perp_position_entry *entry = &positions->at[instrument];
    uint64_t bit = UINT64_C(1) << instrument % 64;
    if (perp_position_shows(entry))
        positions->shown[instrument / 64] |= bit;
    else
        positions->shown[instrument / 64] &= ~bit;
    bool is_held = entry->quantity != 0;
    if (is_held != entry->is_held)
        positions->n_held[perp_instrument_at(core, instrument)->spec.exchange] +=
            is_held ? 1u : UINT32_MAX;
    entry->is_held = is_held;
}

void perp_position_moved(perp_core *core, perp_instrument_id instrument) {
    struct perp_position_entry *entry = &core->positions->at[instrument];
    entry->is_summed = false;
    if (!entry->is_moved) {
        entry->is_moved = true;
        core->positions->moved[core->positions->n_moved++] = instrument;
    }
    keep_shown(core, instrument);
    bool is_open = perp_instrument_at(core, instrument)->spec.kind != PERP_KIND_SPOT &&
                   (entry->first || entry->quantity != 0);
    if (is_open != entry->is_open)
        move_open(core, instrument, is_open);
    if (entry->latched == entry->is_latched)
        return;
    entry->is_latched = entry->latched;
    uint32_t base = perp_instrument_at(core, instrument)->base;
    core->positions->bases[base].n_latched += entry->latched ? 1u : UINT32_MAX;
    perp_base_moved(core, base);
}

bool perp_base_is_moving(const struct perp_base_entry *entry) {
    return entry->naked != 0 || entry->n_latched || entry->told || entry->tries || entry->stopped ||
           entry->n_partial || entry->repair;
}

void perp_base_moved(perp_core *core, uint32_t base) {
    perp_positions *positions = core->positions;
    struct perp_base_entry *entry = &positions->bases[base];
    uint32_t *at = &positions->first_moving_1;
    bool is_moving = perp_base_is_moving(entry);
    if (!entry->is_moved) {
        entry->is_moved = true;
        positions->moved_bases[positions->n_moved_bases++] = base;
    }
    if (is_moving == entry->is_moving)
        return;
    while (*at && *at - 1 < base)
        at = &positions->bases[*at - 1].next_moving_1;
    entry->is_moving = is_moving;
    if (is_moving) {
        entry->next_moving_1 = *at;
        *at = base + 1;
    } else {
        *at = entry->next_moving_1;
    }
}

/* ---- What is whose ------------------------------------------------------------------------------
 */

/* What legs that run have seen, with their sign. */
static double seen_on(const struct perp_core *core, const struct perp_sheet *sheet,
                      perp_instrument_id instrument) {
    double sum = 0;
    const struct perp_run_leg *leg = core->positions->at[instrument].first;
    for (; leg; leg = leg->next) {
        double seen = perp_sheet_leg_row(sheet, leg)->seen;
        if (seen != 0)
            sum = perp_quantity_sum(sum, perp_signed(leg->side, seen));
    }
    return sum;
}

static double lots_of(const struct perp_lot *lots, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum = perp_quantity_sum(sum, lots[i].quantity);
    return sum;
}

double perp_sheet_foreign(const struct perp_sheet *sheet,
                          const struct perp_sheet_position *position) {
    double rest =
        perp_quantity_sum(position->row.quantity, -lots_of(position->lots, position->n_lots));
    return perp_quantity_sum(rest, -seen_on(sheet->core, sheet, position->instrument));
}

double perp_position_foreign(const perp_core *core, perp_instrument_id instrument) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    double rest = perp_quantity_sum(entry->quantity, -lots_of(entry->lots, entry->n_lots));
    return perp_quantity_sum(rest, -seen_on(core, NULL, instrument));
}

uint32_t perp_open_positions(const perp_core *core, perp_exchange_id exchange) {
    return core->positions->n_held[exchange];
}

/* ---- Fills --------------------------------------------------------------------------------------
 */

/* A fill on its way through a position. */
struct passage {
    struct perp_sheet *sheet;
    struct perp_sheet_position *position;
    struct perp_job_entry *job; /* NULL: no job's */
    double sign;
    double left;     /* not yet placed, a size */
    double realised; /* USD */
    double alone; /* of lots of balanced jobs and repairs, closed: their other side stands alone */
    double owed;  /* the same of what lots were short of, which no lot shows */
    double sizes; /* of what it met on its way */
    double price;
};

perp_usd perp_share_of(perp_usd amount, double part, double whole) {
    if (amount <= 0 || !(part > 0))
        return 0;
    if (perp_at_most(whole, part))
        return amount;
    perp_usd share = (perp_usd)floor((double)amount * (part / whole));
    return share < amount ? share : amount;
}

static void remove_lot(struct perp_sheet *sheet, struct perp_sheet_position *position, uint32_t n) {
    struct perp_sheet_job *job = perp_sheet_job_of(sheet, position->lots[n].owner);
    if (job)
        job->lots--;
    position->n_lots--;
    memmove(&position->lots[n], &position->lots[n + 1],
            (position->n_lots - n) * sizeof *position->lots);
}

bool perp_sheet_shrink_lot(struct perp_sheet *sheet, struct perp_sheet_position *position,
                           uint32_t n, double size) {
    struct perp_lot *lot = &position->lots[n];
    double whole = fabs(lot->quantity);
    bool all = perp_at_most(whole, size);
    perp_usd amount = all ? lot->used : perp_share_of(lot->used, size, whole);
    perp_sheet_release_used(
        sheet, lot->owner, perp_instrument_at(sheet->core, lot->instrument)->spec.exchange, amount);
    if (all) {
        remove_lot(sheet, position, n);
        return true;
    }
    lot->used -= amount;
    lot->quantity = perp_quantity_sum(lot->quantity, lot->quantity > 0 ? -size : size);
    return false;
}

/* Closes what it can of one lot; whether the lot is gone. */
static bool close_lot(struct passage *p, uint32_t n) {
    const struct perp_lot *lot = &p->position->lots[n];
    double whole = fabs(lot->quantity), sign = lot->quantity > 0 ? 1 : -1;
    double size = perp_at_most(whole, p->left) ? whole : p->left;
    p->realised += size * (p->price - lot->price) * sign;
    p->sizes += whole;
    if (perp_job_counts_in_full(lot->owner))
        p->alone += size;
    p->left = perp_max(0, perp_quantity_sum(p->left, -size));
    return perp_sheet_shrink_lot(p->sheet, p->position, n, size);
}

static bool is_other(const struct passage *p, const struct perp_lot *lot) {
    return (lot->quantity > 0) != (p->sign > 0);
}

static void close_lots(struct passage *p) {
    const perp_uuid none = {{0}};
    struct perp_sheet_position *position = p->position;
    bool names = p->job && memcmp(&p->job->closes, &none, sizeof none) != 0;
    for (uint32_t i = 0; names && i < position->n_lots && p->left > 0;)
        if (!is_other(p, &position->lots[i]) ||
            memcmp(&position->lots[i].job, &p->job->closes, sizeof none) != 0 || !close_lot(p, i))
            i++;
    for (uint32_t i = 0; i < position->n_lots && p->left > 0;)
        if (!is_other(p, &position->lots[i]) || !close_lot(p, i))
            i++;
}

/* How much of it. */
static double close_foreign(struct passage *p, double foreign) {
    if (!(p->left > 0) || foreign == 0 || (foreign > 0) == (p->sign > 0))
        return 0;
    double whole = fabs(foreign), entry = p->position->row.entry;
    double size = perp_at_most(whole, p->left) ? whole : p->left;
    if (entry > 0)
        p->realised += perp_min(size, p->left) * (p->price - entry) * (foreign > 0 ? 1 : -1);
    p->left = perp_max(0, perp_quantity_sum(p->left, -size));
    return size;
}

/* What of the foreign part was closed that may be a fill of which nobody has told yet, or a lot
   that is owed: it is, no longer; or the leg that closed it is short of a lot. How much was owed.
 */
static double settle_owed(struct passage *p, double foreign, double closed,
                          const struct perp_lot *own) {
    struct perp_sheet_position *position = p->position;
    double theirs = perp_quantity_sum(perp_quantity_sum(foreign, -position->row.unexplained),
                                      -perp_sheet_owed(position));
    double surely = (theirs > 0) == (foreign > 0) ? fabs(theirs) : 0;
    double rest = perp_at_most(closed, surely) ? 0 : perp_quantity_sum(closed, -surely);
    if (rest == 0)
        return 0;
    double met = perp_sheet_close_owed(p->sheet, position, p->job, -p->sign * rest, &p->owed);
    rest = perp_max(0, perp_quantity_sum(rest, -met));
    perp_usd used = 0;
    if (own && rest > 0 && perp_usd_from_double(rest * p->price, &used))
        perp_sheet_owe(p->sheet, position, own, rest, used);
    return met;
}

struct perp_lot *perp_sheet_open_lot(struct perp_sheet *sheet, struct perp_sheet_position *position,
                                     struct perp_job_entry *job, const struct perp_holding *more,
                                     uint32_t leg, bool first) {
    struct perp_lot *lot = NULL;
    for (uint32_t i = 0; i < position->n_lots && !lot; i++)
        if (position->lots[i].owner == job && position->lots[i].leg == leg)
            lot = &position->lots[i];
    if (!lot) {
        struct perp_sheet_job *of = perp_sheet_job_of(sheet, job);
        if (!of || position->n_lots == position->capacity) {
            sheet->failed = true;
            return NULL;
        }
        of->lots++;
        lot = &position->lots[first ? 0 : position->n_lots];
        if (first)
            memmove(lot + 1, lot, position->n_lots * sizeof *lot);
        position->n_lots++;
        *lot = (struct perp_lot){.owner = job};
        lot->job = job->id;
        lot->leg = leg;
        lot->instrument = position->instrument;
    }
    struct perp_holding holding = {lot->quantity, lot->price};
    perp_holding_trade(&holding, more->quantity, more->entry);
    lot->quantity = holding.quantity;
    lot->price = holding.entry;
    return lot;
}

/* ---- Capital ------------------------------------------------------------------------------------
 */

/* A leg's fill of a size, of which `opened` went into its lot, moves what is in flight. */
static void move_capital(struct perp_sheet *sheet, struct perp_job_entry *job,
                         struct perp_leg_row *leg, double size, double opened, double price,
                         struct perp_lot *lot) {
    perp_exchange_id exchange = perp_instrument_at(sheet->core, leg->instrument)->spec.exchange;
    perp_usd used = 0;
    if (leg->flying > 0) {
        struct perp_sheet_held *held = perp_sheet_held_of(sheet, job, exchange, false);
        if (!held) {
            sheet->overflow = true; /* of a sound book never */
            return;
        }
        bool full = leg->filled >= leg->quantity * (1 - NEAR);
        perp_usd share = leg->flying;
        double part = (double)leg->notional * (size / leg->quantity);
        if (!full && part < (double)leg->flying)
            share = (perp_usd)floor(part);
        used = perp_share_of(share, opened, size);
        leg->flying -= share;
        held->in_flight -= share;
        held->used += used;
        held->released += share - used;
    } else if (opened > 0) {
        struct perp_sheet_held *held = perp_sheet_held_of(sheet, job, exchange, true);
        if (!perp_usd_from_double(opened * price, &used)) {
            sheet->overflow = true;
            return;
        }
        if (held)
            held->used += used;
    }
    if (lot)
        lot->used += used;
}

/* ---- A leg's fill -------------------------------------------------------------------------------
 */

/* USD of a quantity above what may stay unexplained; of no known price any is. */
bool perp_above_drift_tolerance(const perp_core *core, double quantity, double price) {
    if (quantity == 0)
        return false;
    return !(price > 0) ||
           fabs(quantity) * price > perp_usd_to_double(core->config.capital.drift_tolerance_usd);
}

void perp_position_explain(const perp_core *core, struct perp_position_row *row, double quantity,
                           double price) {
    row->unexplained = perp_quantity_sum(row->unexplained, -quantity);
    if (row->lost != 0 && (row->unexplained == 0 || (row->unexplained > 0) != (row->lost > 0)))
        row->lost = 0;
    else if (fabs(row->lost) > fabs(row->unexplained))
        row->lost = row->unexplained;
    row->latched = perp_above_drift_tolerance(core, row->unexplained, price);
}

/* Whether a fill is so much older than the last report that this had it. */
static bool report_had(const perp_core *core, const struct perp_position_row *row,
                       const struct perp_filled *fill) {
    int64_t window = core->config.capital.drift_window_ms * PERP_NS_PER_MS;
    return fill->time_given && row->reported &&
           perp_ns_since(fill->time_ns, row->report_time) >= window;
}

/* How much of the rest of a fill a report had already: drift is explained. */
static double known_of_drift(const perp_core *core, struct perp_position_row *row, double sign,
                             const struct perp_filled *fill, double rest, bool late) {
    double price = fill->mid > 0 ? fill->mid : fill->price;
    if (rest > 0 && report_had(core, row, fill)) {
        perp_position_explain(core, row, sign * rest, price);
        return rest;
    }
    if (!(rest > 0) || !late || !row->latched || (row->unexplained > 0) != (sign > 0))
        return 0;
    double most = fabs(row->unexplained);
    double taken = perp_at_most(most, rest) ? most : rest;
    perp_position_explain(core, row, sign * taken, price);
    return taken;
}

/* How much of a leg's fill was seen of other running legs of its side: a report had it, and was
   taken for theirs, which would be held to it until they end. Latest first, as it is taken back. */
static double seen_of_others(struct perp_sheet *sheet, const struct perp_leg_row *own,
                             double rest) {
    struct perp_run_leg *leg = sheet->core->positions->at[own->instrument].last;
    uint32_t side = own->side;
    double known = 0;
    for (; leg && rest > 0; leg = leg->previous) {
        struct perp_sheet_leg *of =
            leg->side == side && perp_sheet_leg_row(sheet, leg)->seen > 0
                ? perp_sheet_leg_of(sheet, leg->job, (uint32_t)(leg - leg->job->run->legs))
                : NULL;
        if (!of)
            continue;
        double taken = perp_at_most(of->row.seen, rest) ? of->row.seen : rest;
        of->row.seen = perp_max(0, perp_quantity_sum(of->row.seen, -taken));
        rest = perp_max(0, perp_quantity_sum(rest, -taken));
        known += taken;
    }
    return known;
}

/* How much of a leg's fill a report had already: first its `seen` is used up, then that of
   others. */
static double known_of(struct perp_sheet *sheet, struct perp_position_row *row,
                       struct perp_leg_row *leg, const struct perp_filled *fill, bool late) {
    double known = 0, rest = fill->quantity;
    if (!late && leg->seen > 0) {
        known = perp_at_most(leg->seen, rest) ? leg->seen : rest;
        leg->seen = perp_max(0, perp_quantity_sum(leg->seen, -known));
        rest = perp_max(0, perp_quantity_sum(rest, -known));
    }
    double sign = leg->side == PERP_SIDE_BUY ? 1 : -1;
    if (!late && rest > 0 && report_had(sheet->core, row, fill)) {
        double others = seen_of_others(sheet, leg, rest);
        rest = perp_max(0, perp_quantity_sum(rest, -others));
        known += others;
    }
    known += known_of_drift(sheet->core, row, sign, fill, rest, late);
    return perp_at_most(fill->quantity, known) ? fill->quantity : known;
}

/* What of a leg's fill counts as naked, at once or (late, or not balanced) when its job ends. What
   of a balanced job or repair neither opened its lot nor closed one of another is apart. */
static void count_fill(struct passage *p, struct perp_sheet_base *base, struct perp_leg_row *leg,
                       double quantity, double opened, bool at_once) {
    double apart = quantity - p->alone - opened, sizes = p->sizes + leg->filled;
    if (at_once)
        leg->counted += quantity;
    if (perp_job_counts_in_full(p->job)) {
        perp_base_count(&base->row, at_once ? p->sign * quantity : 0, p->sign * apart, sizes);
        return;
    }
    perp_base_count(&base->row, p->sign * (p->alone + p->owed), p->sign * p->owed, sizes);
    double rest = perp_max(0, perp_quantity_sum(quantity, -(p->alone + p->owed)));
    double naked = perp_base_naked(p->sheet->core, p->sheet, base->base);
    if (naked == 0 || (naked > 0) == (p->sign > 0))
        return;
    double squared = p->sign * perp_min(rest, fabs(naked));
    perp_base_count(&base->row, squared, squared, sizes);
}

/* The leg's figures with the fill added. */
static void add_to_leg(struct perp_sheet *sheet, struct perp_leg_row *leg,
                       const struct perp_filled *fill) {
    double filled = leg->filled + fill->quantity;
    if (fill->quantity > 0)
        leg->average = leg->filled > 0
                           ? (leg->filled * leg->average + fill->quantity * fill->price) / filled
                           : fill->price;
    leg->filled = filled;
    sheet->overflow |= !perp_usd_add(leg->fee, fill->fee, &leg->fee);
}

/* Returns the pnl. */
static perp_usd book_fill(struct perp_sheet *sheet, struct perp_job_entry *job,
                          struct perp_leg_row *leg, const struct perp_filled *fill,
                          double realised) {
    perp_exchange_id exchange = perp_instrument_at(sheet->core, leg->instrument)->spec.exchange;
    perp_usd pnl = fill->pnl, volume = 0;
    if (!perp_usd_from_double(fill->quantity * fill->price, &volume) ||
        (!fill->has_pnl && !perp_usd_from_double(realised, &pnl)) ||
        !perp_usd_add(leg->pnl, pnl, &leg->pnl)) {
        sheet->overflow = true;
        return 0;
    }
    perp_sheet_book(sheet, job, exchange, pnl, volume, fill->fee);
    return pnl;
}

void perp_sheet_fill(struct perp_sheet *sheet, struct perp_job_entry *job,
                     const struct perp_filled *fill, bool late, bool books) {
    struct perp_sheet_leg *of = perp_sheet_leg_of(sheet, job, fill->leg);
    struct perp_sheet_position *position =
        of ? perp_sheet_position_of(sheet, of->row.instrument) : NULL;
    if (!position)
        return;
    const ptrdiff_t at = of - sheet->legs;
    struct perp_leg_row *leg = &of->row;
    struct passage p = {.sheet = sheet,
                        .position = position,
                        .job = job,
                        .sign = leg->side == PERP_SIDE_BUY ? 1 : -1,
                        .left = fill->quantity,
                        .price = fill->price};
    add_to_leg(sheet, leg, fill);
    if (fill->quantity > 0) {
        double known = known_of(sheet, &position->row, leg, fill, late);
        leg = &sheet->legs[at].row; /* the list may have moved */
        double foreign = perp_quantity_sum(perp_sheet_foreign(sheet, position), -p.sign * known);
        close_lots(&p);
        const struct perp_lot own = {.job = job->id,
                                     .leg = fill->leg,
                                     .instrument = leg->instrument,
                                     .quantity = p.sign,
                                     .price = fill->price};
        settle_owed(&p, foreign, close_foreign(&p, foreign), &own);
        double opened = p.left;
        const struct perp_holding more = {p.sign * opened, fill->price};
        struct perp_lot *lot =
            opened > 0 ? perp_sheet_open_lot(sheet, position, job, &more, fill->leg, false) : NULL;
        p.sizes += lot ? fabs(lot->quantity) : 0;
        move_capital(sheet, job, leg, fill->quantity, opened, fill->price, lot);
        double moved = perp_max(0, perp_quantity_sum(fill->quantity, -known));
        struct perp_holding holding = {position->row.quantity, position->row.entry};
        perp_holding_trade(&holding, p.sign * moved, fill->price);
        position->row.quantity = holding.quantity;
        position->row.entry = holding.entry;
        perp_sheet_remember(sheet, leg->instrument, fill->time_ns, p.sign * moved);
        struct perp_sheet_base *base =
            perp_sheet_base_of(sheet, perp_instrument_at(sheet->core, leg->instrument)->base);
        if (base) {
            base->row.price = fill->price;
            count_fill(&p, base, leg, fill->quantity, opened, late || !job->balanced);
        }
    }
    perp_sheet_note(sheet, &(struct perp_sheet_fill){
                               .job = job,
                               .instrument = leg->instrument,
                               .side = leg->side,
                               .fill = *fill,
                               .booked = books,
                               .pnl = books ? book_fill(sheet, job, leg, fill, p.realised) : 0});
}

void perp_sheet_foreign_fill(struct perp_sheet *sheet, struct perp_job_entry *job,
                             perp_instrument_id instrument, uint32_t side,
                             const struct perp_filled *fill) {
    const struct perp_instrument_entry *entry = perp_instrument_at(sheet->core, instrument);
    struct perp_sheet_position *position = perp_sheet_position_of(sheet, instrument);
    struct perp_sheet_base *base = perp_sheet_base_of(sheet, entry->base);
    if (!position || !base)
        return;
    struct passage p = {.sheet = sheet,
                        .position = position,
                        .sign = side == PERP_SIDE_BUY ? 1 : -1,
                        .left = fill->quantity,
                        .price = fill->price};
    double lost = position->row.lost;
    double known = known_of_drift(sheet->core, &position->row, p.sign, fill, fill->quantity, true);
    /* Lots that a report closed already: it is this fill that did, and their other side stands
       alone no less than that of lots that it closes now. */
    lost = perp_quantity_sum(lost, -position->row.lost);
    perp_base_count(&base->row, lost, lost, 0); /* no lot shows it */
    double foreign = perp_quantity_sum(perp_sheet_foreign(sheet, position), -p.sign * known);
    double owed = settle_owed(&p, foreign, close_foreign(&p, foreign), NULL);
    double more = perp_at_most(owed, fabs(lost)) ? 0 : p.sign * (owed - fabs(lost));
    perp_base_count(&base->row, more, more, owed);
    double before = p.left;
    close_lots(&p);
    double alone = perp_quantity_sum(before, -p.left);
    perp_base_count(&base->row, p.sign * alone, p.sign * (alone - p.alone),
                    p.sizes + fill->quantity);
    base->row.price = fill->price;
    double moved = perp_max(0, perp_quantity_sum(fill->quantity, -known));
    struct perp_holding holding = {position->row.quantity, position->row.entry};
    perp_holding_trade(&holding, p.sign * moved, fill->price);
    position->row.quantity = holding.quantity;
    position->row.entry = holding.entry;
    perp_sheet_remember(sheet, instrument, fill->time_ns, p.sign * moved);
    perp_usd pnl = fill->pnl, volume = 0;
    if (!perp_usd_from_double(fill->quantity * fill->price, &volume) ||
        (!fill->has_pnl && !perp_usd_from_double(p.realised, &pnl)))
        sheet->overflow = true;
    else
        perp_sheet_book(sheet, job, entry->spec.exchange, pnl, volume, fill->fee);
    perp_sheet_note(sheet, &(struct perp_sheet_fill){.job = job,
                                                     .instrument = instrument,
                                                     .side = side,
                                                     .fill = *fill,
                                                     .booked = true,
                                                     .pnl = pnl});
}
