/* Working out what an event makes of positions, beside the book; and writing it into the book. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "positions/positions.h"
#include "util/num.h"
#include "util/sized.h"

struct perp_sheet *perp_sheet_begin(perp_core *core, int64_t now) {
    struct perp_sheet *sheet = &core->positions->sheet;
    core->prepared.worked_out = NULL;
    sheet->core = core;
    sheet->now = now;
    sheet->arena.core = core;
    perp_arena_reset(&sheet->arena);
#define PERP_X(name)                                                                               \
    sheet->name##s = sheet->name##s_room;                                                          \
    sheet->n_##name##s = 0;                                                                        \
    sheet->name##s_capacity = PERP_SHEET_ROOM;
    PERP_SHEET_LIST(PERP_X)
#undef PERP_X
    sheet->since = sheet->since_room;
    sheet->n_since = 0;
    sheet->since_capacity = PERP_SHEET_ROOM;
    sheet->booked = 0;
    sheet->whole = PERP_NO_ID;
    sheet->failed = sheet->overflow = false;
    return sheet;
}

/* A shadow build works it out a second time, as for an event that a store gives. */
void perp_sheet_is_of_last(perp_core *core) {
#ifdef PERP_SHADOW
    (void)core;
#else
    core->prepared.worked_out = perp_batch_last(core);
#endif
}

struct perp_sheet *perp_sheet_worked_out(perp_core *core, const struct perp_event *event) {
    return core->prepared.worked_out == event ? &core->positions->sheet : NULL;
}

/* Room for more items of a list, in the sheet's memory; false: no memory. */
static __attribute__((noinline)) bool grow(struct perp_sheet *sheet, void **items, uint32_t n,
                                           uint32_t *capacity, size_t size) {
    uint32_t wanted = *capacity * 2;
    void *room = perp_arena_take(&sheet->arena, wanted * size);
    if (!room) {
        sheet->failed = true;
        return false;
    }
    memcpy(room, *items, n * size);
    *items = room;
    *capacity = wanted;
    return true;
}

/* add_position(sheet) and so on: one more, which is to be set; NULL: no memory. */
#define PERP_X(name)                                                                               \
    static inline struct perp_sheet_##name *add_##name(struct perp_sheet *sheet) {                 \
        if (sheet->n_##name##s == sheet->name##s_capacity) {                                       \
            void *items = sheet->name##s;                                                          \
            if (!grow(sheet, &items, sheet->n_##name##s, &sheet->name##s_capacity,                 \
                      sizeof *sheet->name##s))                                                     \
                return NULL;                                                                       \
            sheet->name##s = items;                                                                \
        }                                                                                          \
        return &sheet->name##s[sheet->n_##name##s++];                                              \
    }
PERP_SHEET_LIST(PERP_X)
#undef PERP_X

void perp_sheet_note(struct perp_sheet *sheet, const struct perp_sheet_fill *fill) {
    struct perp_sheet_fill *item = add_fill(sheet);
    if (item)
        *item = *fill;
}

struct perp_sheet_position *perp_sheet_position_of(struct perp_sheet *sheet,
                                                   perp_instrument_id instrument) {
    for (uint32_t i = 0; i < sheet->n_positions; i++)
        if (sheet->positions[i].instrument == instrument)
            return &sheet->positions[i];
    const struct perp_position_entry *entry = &sheet->core->positions->at[instrument];
    uint32_t capacity = entry->n_lots + entry->n_owed + PERP_MAX_LEGS + 1;
    struct perp_lot *lots = perp_arena_take(&sheet->arena, capacity * sizeof *lots);
    struct perp_lot *owed =
        entry->n_owed ? perp_arena_take(&sheet->arena, entry->n_owed * sizeof *owed) : NULL;
    struct perp_sheet_position *position =
        lots && (owed || !entry->n_owed) ? add_position(sheet) : NULL;
    sheet->failed |= !position;
    if (!position)
        return NULL;
    if (entry->n_lots)
        memcpy(lots, entry->lots, entry->n_lots * sizeof *lots);
    if (entry->n_owed)
        memcpy(owed, entry->owed, entry->n_owed * sizeof *owed);
    *position = (struct perp_sheet_position){.instrument = instrument,
                                             .row = entry->row,
                                             .lots = lots,
                                             .n_lots = entry->n_lots,
                                             .capacity = capacity,
                                             .owed = owed,
                                             .n_owed = entry->n_owed,
                                             .owed_capacity = entry->n_owed};
    return position;
}

struct perp_sheet_leg *perp_sheet_leg_of(struct perp_sheet *sheet, struct perp_job_entry *job,
                                         uint32_t n) {
    for (uint32_t i = 0; i < sheet->n_legs; i++)
        if (sheet->legs[i].job == job && sheet->legs[i].n == n)
            return &sheet->legs[i];
    struct perp_sheet_leg *leg = add_leg(sheet);
    if (leg)
        *leg = (struct perp_sheet_leg){job, n, job->run->legs[n].row};
    return leg;
}

const struct perp_leg_row *perp_sheet_leg_row(const struct perp_sheet *sheet,
                                              const struct perp_run_leg *leg) {
    for (uint32_t i = 0; sheet && i < sheet->n_legs; i++)
        if (&sheet->legs[i].job->run->legs[sheet->legs[i].n] == leg)
            return &sheet->legs[i].row;
    return &leg->row;
}

struct perp_sheet_base *perp_sheet_base_of(struct perp_sheet *sheet, uint32_t base) {
    for (uint32_t i = 0; i < sheet->n_bases; i++)
        if (sheet->bases[i].base == base)
            return &sheet->bases[i];
    struct perp_sheet_base *found = add_base(sheet);
    if (!found)
        return NULL;
    *found = (struct perp_sheet_base){base, sheet->core->positions->bases[base].row};
    /* The day's roll goes before it in the same batch: what was announced was for that day. */
    if (perp_day_begins(sheet->core, sheet->now))
        found->row.expected = 0;
    return found;
}

struct perp_sheet_job *perp_sheet_job_of(struct perp_sheet *sheet, struct perp_job_entry *job) {
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        if (sheet->jobs[i].job == job)
            return &sheet->jobs[i];
    struct perp_sheet_job *found = add_job(sheet);
    if (found)
        *found = (struct perp_sheet_job){.job = job};
    return found;
}

int64_t perp_sheet_lots(const struct perp_sheet *sheet, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        if (sheet->jobs[i].job == job)
            return (int64_t)job->run->n_lots + sheet->jobs[i].lots;
    return job->run->n_lots;
}

/* The copy of a reservation (NULL: a new one of the job there). */
static struct perp_sheet_held *copy_of(struct perp_sheet *sheet, struct perp_job_entry *job,
                                       perp_exchange_id exchange, struct perp_held *held,
                                       bool make) {
    for (uint32_t i = 0; i < sheet->n_helds; i++)
        if (sheet->helds[i].job == job && sheet->helds[i].need.exchange == exchange &&
            sheet->helds[i].held == held)
            return &sheet->helds[i];
    struct perp_sheet_held *found = held || make ? add_held(sheet) : NULL;
    if (!found)
        return NULL;
    *found = (struct perp_sheet_held){.held = held, .job = job};
    if (!held) {
        found->need = (struct perp_need){exchange, perp_job_pool(sheet->core, job), 0};
        return found;
    }
    found->need = (struct perp_need){exchange, held->pool, held->reserved};
    found->in_flight = held->in_flight;
    found->used = held->used;
    found->released = held->released;
    return found;
}

/* The last one: that of its last dispatch. An earlier one is there where late fills came while the
   job waited to be dispatched again. */
struct perp_sheet_held *perp_sheet_held_of(struct perp_sheet *sheet, struct perp_job_entry *job,
                                           perp_exchange_id exchange, bool make) {
    struct perp_held *last = NULL;
    for (struct perp_held *held = job->run->held; held; held = held->next_of_job)
        if (held->exchange == exchange)
            last = held;
    return copy_of(sheet, job, exchange, last, make);
}

void perp_sheet_release_used(struct perp_sheet *sheet, struct perp_job_entry *job,
                             perp_exchange_id exchange, perp_usd amount) {
    struct perp_held *held = job->run->held;
    while (amount > 0) {
        while (held && held->exchange != exchange)
            held = held->next_of_job;
        struct perp_sheet_held *copy = copy_of(sheet, job, exchange, held, false);
        if (!copy)
            return;
        perp_usd part = copy->used < amount ? copy->used : amount;
        copy->used -= part;
        copy->released += part;
        amount -= part;
        if (!held)
            return;
        held = held->next_of_job;
    }
}

void perp_sheet_book(struct perp_sheet *sheet, struct perp_job_entry *job,
                     perp_exchange_id exchange, perp_usd pnl, perp_usd volume, perp_usd fees) {
    struct perp_booking *booking = &sheet->bookings[exchange];
    if (!(sheet->booked >> exchange & 1))
        *booking = (struct perp_booking){.exchange = exchange};
    sheet->booked |= UINT64_C(1) << exchange;
    struct perp_sheet_job *whole = job ? perp_sheet_job_of(sheet, job) : NULL;
    bool fits = perp_usd_add(booking->pnl, pnl, &booking->pnl) &&
                perp_usd_add(booking->volume, volume, &booking->volume) &&
                perp_usd_add(booking->fees, fees, &booking->fees);
    if (whole)
        fits = fits && perp_usd_add(whole->pnl, pnl, &whole->pnl) &&
               perp_usd_add(whole->volume, volume, &whole->volume) &&
               perp_usd_add(whole->fees, fees, &whole->fees);
    sheet->overflow |= !fits;
}

void perp_sheet_remember(struct perp_sheet *sheet, perp_instrument_id instrument, int64_t time_ns,
                         double quantity) {
    if (quantity == 0)
        return;
    void *items = sheet->since;
    if (sheet->n_since == sheet->since_capacity &&
        !grow(sheet, &items, sheet->n_since, &sheet->since_capacity, sizeof *sheet->since))
        return;
    sheet->since = items;
    sheet->since[sheet->n_since++] = (struct perp_since_row){instrument, time_ns, quantity};
}

/* ---- Looking at it ------------------------------------------------------------------------------
 */

static bool finite_rows(const struct perp_sheet *sheet) {
    for (uint32_t i = 0; i < sheet->n_positions; i++) {
        const struct perp_sheet_position *position = &sheet->positions[i];
        if (!isfinite(position->row.quantity) || !isfinite(position->row.entry) ||
            !isfinite(position->row.unexplained) || !isfinite(position->row.lost))
            return false;
        for (uint32_t j = 0; j < position->n_lots; j++)
            if (!isfinite(position->lots[j].quantity) || !isfinite(position->lots[j].price))
                return false;
        for (uint32_t j = 0; j < position->n_owed; j++)
            if (!isfinite(position->owed[j].quantity) || !isfinite(position->owed[j].price) ||
                position->owed[j].used > PERP_MOST_USD)
                return false;
    }
    for (uint32_t i = 0; i < sheet->n_bases; i++)
        if (!isfinite(sheet->bases[i].row.naked) || !isfinite(sheet->bases[i].row.expected) ||
            !isfinite(sheet->bases[i].row.apart) || !isfinite(sheet->bases[i].row.rounding))
            return false;
    for (uint32_t i = 0; i < sheet->n_legs; i++)
        if (!isfinite(sheet->legs[i].row.filled) || !isfinite(sheet->legs[i].row.average) ||
            llabs(sheet->legs[i].row.pnl) > PERP_MOST_USD ||
            llabs(sheet->legs[i].row.fee) > PERP_MOST_USD)
            return false;
    return true;
}

static bool jobs_fit(const struct perp_sheet *sheet) {
    for (uint32_t i = 0; i < sheet->n_jobs; i++) {
        const struct perp_sheet_job *add = &sheet->jobs[i];
        perp_usd sum;
        if (!perp_usd_add(add->job->run->pnl, add->pnl, &sum) || llabs(sum) > PERP_MOST_USD ||
            !perp_usd_add(add->job->run->volume, add->volume, &sum) || llabs(sum) > PERP_MOST_USD ||
            !perp_usd_add(add->job->run->fees, add->fees, &sum) || llabs(sum) > PERP_MOST_USD)
            return false;
    }
    return true;
}

static bool held_fits(const struct perp_sheet *sheet) {
    for (uint32_t i = 0; i < sheet->n_helds; i++) {
        const struct perp_sheet_held *held = &sheet->helds[i];
        perp_usd before = held->held ? held->held->in_flight + held->held->used : 0;
        if (held->in_flight < 0 || held->used < 0 || held->used > PERP_MOST_USD ||
            held->released > PERP_MOST_USD)
            return false;
        const struct perp_need more = {held->need.exchange, held->need.pool,
                                       held->in_flight + held->used - before};
        if (more.amount > 0 && !perp_capital_can_hold(sheet->core->capital, &more))
            return false;
    }
    return true;
}

bool perp_sheet_fits(const struct perp_sheet *sheet, int64_t now) {
    if (sheet->overflow || !finite_rows(sheet) || !jobs_fit(sheet) || !held_fits(sheet))
        return false;
    for (uint64_t left = sheet->booked; left;) {
        const struct perp_booking *booking = &sheet->bookings[perp_bit_take(&left)];
        if (!perp_capital_can_book(sheet->core->capital, now, booking->exchange, booking->pnl,
                                   booking->volume, booking->fees))
            return false;
    }
    return true;
}

/* ---- Applying it --------------------------------------------------------------------------------
 */

static bool prepare_position(perp_core *core, const struct perp_sheet *sheet,
                             const struct perp_sheet_position *position) {
    struct perp_position_entry *entry = &core->positions->at[position->instrument];
    uint32_t more = 0;
    for (uint32_t i = 0; i < sheet->n_since; i++)
        more += sheet->since[i].instrument == position->instrument;
    void *lots = entry->lots, *owed = entry->owed, *since = entry->since;
    bool done =
        perp_grow(core, &lots, &entry->lots_capacity, position->n_lots, sizeof *entry->lots) &&
        perp_grow(core, &owed, &entry->owed_capacity, position->n_owed, sizeof *entry->owed) &&
        perp_grow(core, &since, &entry->since_capacity, entry->n_since + more,
                  sizeof *entry->since);
    entry->lots = lots;
    entry->owed = owed;
    entry->since = since;
    return done;
}

bool perp_sheet_prepare(struct perp_sheet *sheet) {
    uint32_t made = 0;
    for (uint32_t i = 0; i < sheet->n_positions; i++)
        if (!prepare_position(sheet->core, sheet, &sheet->positions[i]))
            return false;
    for (uint32_t i = 0; i < sheet->n_helds; i++)
        made += !sheet->helds[i].held;
    return !sheet->failed && perp_capital_prepare_held(sheet->core, made);
}

/* Fills without a report are merged beyond this, oldest first, so that a host that never reports
   does not grow without end. */
#define MAX_SINCE 1024

static void remember(perp_core *core, const struct perp_since_row *since) {
    struct perp_position_entry *entry = &core->positions->at[since->instrument];
    if (entry->n_since >= MAX_SINCE) {
        struct perp_since *a = &entry->since[0], *b = &entry->since[1];
        b->quantity = perp_quantity_sum(a->quantity, b->quantity);
        b->time_ns = a->time_ns > b->time_ns ? a->time_ns : b->time_ns;
        entry->n_since--;
        perp_kept_free(core, &a->kept);
        memmove(a, b, entry->n_since * sizeof *a);
    }
    entry->since[entry->n_since++] = (struct perp_since){.row = *since};
}

/* A list of lots becomes another, for which it has room. */
static void apply_lots(perp_core *core, struct perp_lot *lots, uint32_t *n,
                       const struct perp_lot *after, uint32_t n_after) {
    for (uint32_t i = 0; i < *n; i++) {
        bool stays = false;
        for (uint32_t j = 0; j < n_after && !stays; j++)
            stays = after[j].leg == lots[i].leg &&
                    memcmp(&after[j].job, &lots[i].job, sizeof lots[i].job) == 0;
        if (!stays)
            perp_kept_free(core, &lots[i].kept);
    }
    if (n_after)
        memcpy(lots, after, n_after * sizeof *lots);
    *n = n_after;
}

static void apply_position(perp_core *core, const struct perp_sheet_position *position) {
    struct perp_position_entry *entry = &core->positions->at[position->instrument];
    apply_lots(core, entry->lots, &entry->n_lots, position->lots, position->n_lots);
    apply_lots(core, entry->owed, &entry->n_owed, position->owed, position->n_owed);
    int64_t since = entry->latched_since;
    entry->row = position->row;
    if (!entry->latched)
        entry->latched_since = PERP_TIME_NONE;
    else
        entry->latched_since = since != PERP_TIME_NONE ? since : perp_clock(core);
    perp_position_moved(core, position->instrument);
    if (!position->reported)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < entry->n_since; i++)
        if (entry->since[i].time_ns > position->taken)
            entry->since[kept++] = entry->since[i];
        else
            perp_kept_free(core, &entry->since[i].kept);
    entry->n_since = kept;
    if (!core->recovering)
        entry->heard = perp_clock(core);
}

/* Whether the last report said that nothing is there. */
static bool says_nothing(const struct perp_position_entry *entry) {
    return entry->reported && entry->report_quantity == 0 && entry->leverage == 0 &&
           entry->liquidation_price == 0 && entry->margin_mode == PERP_MARGIN_NOT_GIVEN;
}

/* An account report says of all else on the exchange, where nothing is, that nothing is there. */
static void report_none(perp_core *core, const struct perp_sheet *sheet) {
    uint32_t id = sheet->whole == PERP_NO_ID ? PERP_NO_ID
                                             : core->exchanges[sheet->whole].first_instrument_1 - 1;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange) {
        struct perp_position_entry *entry = &core->positions->at[id];
        if (!perp_position_is_plain(core, id))
            continue;
        int64_t until = INT64_MAX;
        if (!perp_position_heard(core, id, perp_clock(core), &until) || !says_nothing(entry))
            perp_position_moved(core, id);
        if (!core->recovering) /* also where the same report was taken before, and then lost */
            entry->heard = perp_clock(core);
        if (entry->report_time == sheet->whole_time)
            continue;
        entry->reported = true;
        entry->report_time = sheet->whole_time;
        entry->report_quantity = entry->leverage = entry->liquidation_price = 0;
        entry->margin_mode = PERP_MARGIN_NOT_GIVEN;
    }
}

static void apply_held(perp_core *core, struct perp_sheet_held *held) {
    if (!held->held) {
        if (held->in_flight + held->used + held->released <= 0)
            return;
        held->need.amount = held->in_flight + held->used + held->released;
        held->held = perp_capital_hold(core, &held->need, &held->job->id);
        struct perp_held **end = &held->job->run->held;
        while (*end)
            end = &(*end)->next_of_job;
        *end = held->held;
    }
    PERP_HOLDS(core,
               held->held->has_job &&
                   memcmp(&held->held->job, &held->job->id, sizeof held->job->id) == 0,
               "fill: a reservation is in another job's list");
    perp_capital_set(core, held->held, held->in_flight, held->used, held->released);
}

void perp_sheet_apply(struct perp_sheet *sheet) {
    perp_core *core = sheet->core;
    for (uint32_t i = 0; i < sheet->n_positions; i++)
        apply_position(core, &sheet->positions[i]);
    for (uint32_t i = 0; i < sheet->n_since; i++)
        remember(core, &sheet->since[i]);
    report_none(core, sheet);
    for (uint32_t i = 0; i < sheet->n_legs; i++) {
        struct perp_run_leg *leg = &sheet->legs[i].job->run->legs[sheet->legs[i].n];
        leg->row = sheet->legs[i].row; /* its position is on the sheet, too, or it runs no longer */
    }
    for (uint32_t i = 0; i < sheet->n_helds; i++)
        apply_held(core, &sheet->helds[i]);
    for (uint32_t i = 0; i < sheet->n_bases; i++) {
        core->positions->bases[sheet->bases[i].base].row = sheet->bases[i].row;
        perp_base_moved(core, sheet->bases[i].base);
    }
    for (uint32_t i = 0; i < sheet->n_jobs; i++) {
        const struct perp_sheet_job *change = &sheet->jobs[i];
        change->job->run->pnl += change->pnl;
        change->job->run->volume += change->volume;
        change->job->run->fees += change->fees;
        change->job->run->n_lots = (uint32_t)((int64_t)change->job->run->n_lots + change->lots);
    }
    for (uint64_t left = sheet->booked; left;) {
        const struct perp_booking *booking = &sheet->bookings[perp_bit_take(&left)];
        perp_capital_book(core, booking->exchange, booking->pnl, booking->volume, booking->fees);
    }
}
