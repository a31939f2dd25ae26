/* Reports, accepts, resolves: what each event of these does; and the rows for people of all that
   changes positions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "book/book.h"

/* ---- The sheet of the batch at hand -------------------------------------------------------------
 */

bool perp_sheet_follows(const perp_core *book, const struct perp_sheet *sheet,
                        const struct perp_event *event) {
    /* The sheet and its mark are scratch, no part of the book that is held const. */
    perp_core *core = (perp_core *)(uintptr_t)book;
    if (core->prepared.sheet)
        return false;
    core->prepared.sheet = event;
    return sheet->failed || core->prepared.worked_out == event ||
           perp_sheet_fits(sheet, event->time_ns);
}

/* How many jobs it may leave without lots, and so end. */
static uint32_t n_ends(const struct perp_sheet *sheet) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        n += (int64_t)sheet->jobs[i].job->run->n_lots + sheet->jobs[i].lots == 0;
    return n;
}

bool perp_sheet_room(perp_core *core, const struct perp_event *event) {
    /* One that fits by its decision was not looked at. */
    if (!core->prepared.sheet && core->prepared.worked_out == event)
        core->prepared.sheet = event;
    struct perp_sheet *sheet = perp_sheet_taken(core, event);
    return !sheet->failed && perp_sheet_prepare(sheet) &&
           perp_job_notices_reserve(core, sheet->n_jobs) && perp_past_reserve(core, n_ends(sheet));
}

struct perp_sheet *perp_sheet_taken(perp_core *core, const struct perp_event *event) {
    PERP_HOLDS(core, core->prepared.sheet == event, "positions: two changes of them in one batch");
    return &core->positions->sheet;
}

/* ---- Rows for people ----------------------------------------------------------------------------
 */

static void row_position(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to, const struct perp_sheet_position *position) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, position->instrument)->spec;
    const struct perp_position_row *row = &position->row;
    perp_row_begin(to, PERP_TABLE_POSITIONS);
    perp_row_text(to, PERP_POSITIONS_EXCHANGE, core->exchanges[spec->exchange].spec.name);
    perp_row_text(to, PERP_POSITIONS_SYMBOL, spec->symbol);
    perp_row_number(to, PERP_POSITIONS_QUANTITY, row->quantity);
    perp_row_number(to, PERP_POSITIONS_ENTRY_PRICE,
                    row->quantity != 0 && row->entry > 0 ? row->entry : (double)NAN);
    perp_row_number(to, PERP_POSITIONS_UNEXPLAINED, row->unexplained);
    perp_row_int(to, PERP_POSITIONS_LATCHED, row->latched);
    perp_row_time(to, PERP_POSITIONS_REPORTED_NS, row->report_time);
    perp_row_int(to, PERP_POSITIONS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

static void row_lot(const perp_core *core, const struct perp_event *event, struct perp_journal *to,
                    const struct perp_lot *lot, double quantity, perp_usd used) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, lot->instrument)->spec;
    char id[37];
    perp_uuid_format(&lot->job, id);
    perp_row_begin(to, PERP_TABLE_LOTS);
    perp_row_text(to, PERP_LOTS_JOB, id);
    perp_row_int(to, PERP_LOTS_LEG, lot->leg);
    perp_row_text(to, PERP_LOTS_EXCHANGE, core->exchanges[spec->exchange].spec.name);
    perp_row_text(to, PERP_LOTS_SYMBOL, spec->symbol);
    perp_row_number(to, PERP_LOTS_QUANTITY, quantity);
    perp_row_number(to, PERP_LOTS_PRICE, lot->price);
    perp_row_int(to, PERP_LOTS_USED, used);
    perp_row_int(to, PERP_LOTS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

static const struct perp_lot *same_lot(const struct perp_lot *lots, uint32_t n,
                                       const struct perp_lot *lot) {
    for (uint32_t i = 0; i < n; i++)
        if (lots[i].owner == lot->owner && lots[i].leg == lot->leg)
            return &lots[i];
    return NULL;
}

static void rows_lots(const perp_core *core, const struct perp_event *event,
                      struct perp_journal *to, const struct perp_sheet_position *position) {
    const struct perp_position_entry *entry = &core->positions->at[position->instrument];
    for (uint32_t i = 0; i < entry->n_lots; i++)
        if (!same_lot(position->lots, position->n_lots, &entry->lots[i]))
            row_lot(core, event, to, &entry->lots[i], 0, 0);
    for (uint32_t i = 0; i < position->n_lots; i++) {
        const struct perp_lot *lot = &position->lots[i];
        const struct perp_lot *old = same_lot(entry->lots, entry->n_lots, lot);
        if (!old || old->quantity != lot->quantity || old->used != lot->used)
            row_lot(core, event, to, lot, lot->quantity, lot->used);
    }
}

/* What of a base is naked; that it is, and since when, its story says. */
static void row_base(const perp_core *core, const struct perp_event *event, struct perp_journal *to,
                     uint32_t base) {
    const struct perp_sheet *sheet = &core->positions->sheet;
    double price = core->positions->bases[base].price;
    for (uint32_t i = 0; i < sheet->n_bases; i++)
        if (sheet->bases[i].base == base)
            price = sheet->bases[i].row.price;
    perp_row_begin(to, PERP_TABLE_BASES);
    perp_row_text(to, PERP_BASES_BASE, core->bases.items[base]);
    perp_row_number(to, PERP_BASES_NAKED, perp_base_naked(core, sheet, base));
    perp_row_number(to, PERP_BASES_PRICE, price > 0 ? price : (double)NAN);
    perp_row_int(to, PERP_BASES_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

/* Of each base that the sheet touches, by itself or by a position whose drift counts, one. */
static void rows_bases(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    const struct perp_sheet *sheet = &core->positions->sheet;
    for (uint32_t i = 0; i < sheet->n_bases; i++)
        row_base(core, event, to, sheet->bases[i].base);
    for (uint32_t i = 0; i < sheet->n_positions; i++) {
        uint32_t base = perp_instrument_at(core, sheet->positions[i].instrument)->base;
        bool is_new = true;
        for (uint32_t j = 0; j < sheet->n_bases; j++)
            is_new = is_new && sheet->bases[j].base != base;
        for (uint32_t j = 0; j < i; j++)
            is_new =
                is_new && perp_instrument_at(core, sheet->positions[j].instrument)->base != base;
        if (is_new)
            row_base(core, event, to, base);
    }
}

void perp_rows_of_bases(const perp_core *core, struct perp_journal *to) {
    for (uint32_t i = 0; i < core->bases.count; i++) {
        const struct perp_base_entry *base = &core->positions->bases[i];
        double naked = perp_base_naked(core, NULL, i);
        if (naked == 0 && base->price == 0 && !base->told)
            continue;
        perp_row_begin(to, PERP_TABLE_BASES);
        perp_row_text(to, PERP_BASES_BASE, core->bases.items[i]);
        perp_row_number(to, PERP_BASES_NAKED, naked);
        perp_row_number(to, PERP_BASES_PRICE, base->price > 0 ? base->price : (double)NAN);
        perp_row_int(to, PERP_BASES_IS_NAKED, base->told);
        perp_row_time(to, PERP_BASES_SINCE_NS, base->since);
        perp_row_end(to);
    }
}

/* Cash, and what of it each job gets. */
static void rows_cash(const perp_core *core, const struct perp_event *event,
                      struct perp_journal *to) {
    const struct perp_ev_cash *cash = perp_read_cash(event);
    const struct perp_sheet *sheet = &core->positions->sheet;
    char id[37];
    perp_uuid_format(&cash->key, id);
    perp_row_begin(to, PERP_TABLE_CASH);
    perp_row_int(to, PERP_CASH_SEQ, (int64_t)event->seq);
    perp_row_time(to, PERP_CASH_TIME_NS, event->time_ns);
    perp_row_text(to, PERP_CASH_EXCHANGE, core->exchanges[cash->exchange].spec.name);
    perp_row_text(to, PERP_CASH_SYMBOL,
                  cash->has_instrument ? perp_instrument_at(core, cash->instrument)->spec.symbol
                                       : NULL);
    perp_row_text(to, PERP_CASH_KIND, perp_cash_string(cash->kind));
    perp_row_int(to, PERP_CASH_AMOUNT, cash->amount);
    perp_row_text(to, PERP_CASH_KEY, id);
    perp_row_int(to, PERP_CASH_JOBS, sheet->n_jobs);
    perp_row_end(to);
    for (uint32_t i = 0; i < sheet->n_jobs; i++) {
        perp_uuid_format(&sheet->jobs[i].job->id, id);
        perp_row_begin(to, PERP_TABLE_CASH_SHARES);
        perp_row_int(to, PERP_CASH_SHARES_SEQ, (int64_t)event->seq);
        perp_row_text(to, PERP_CASH_SHARES_JOB, id);
        perp_row_int(to, PERP_CASH_SHARES_AMOUNT, sheet->jobs[i].pnl);
        perp_row_end(to);
    }
    perp_rows_of_sheet(core, event, to);
}

static void row_job(const struct perp_event *event, struct perp_journal *to,
                    const struct perp_sheet_job *job) {
    char id[37];
    perp_uuid_format(&job->job->id, id);
    perp_row_begin(to, PERP_TABLE_JOBS);
    perp_row_text(to, PERP_JOBS_ID, id);
    perp_row_int(to, PERP_JOBS_LAST_SEQ, (int64_t)event->seq);
    perp_row_int(to, PERP_JOBS_PNL, job->job->run->pnl + job->pnl);
    perp_row_int(to, PERP_JOBS_VOLUME, job->job->run->volume + job->volume);
    perp_row_int(to, PERP_JOBS_FEES, job->job->run->fees + job->fees);
    if (job->job->state == PERP_JOB_OPEN && (int64_t)job->job->run->n_lots + job->lots == 0) {
        perp_row_text(to, PERP_JOBS_STATE, perp_job_state_string(PERP_JOB_CLOSED));
        perp_row_time(to, PERP_JOBS_ENDED_NS, event->time_ns);
    } else if (job->job->state > PERP_JOB_PARTIAL && job->lots > 0) {
        perp_row_text(to, PERP_JOBS_STATE, perp_job_state_string(PERP_JOB_OPEN));
    }
    perp_row_end(to);
}

/* A fill of an order is of its order's job, wherever the job's leg went since; a recorded one has a
   key. */
static void row_fill(const perp_core *core, const struct perp_event *event, struct perp_journal *to,
                     const struct perp_sheet_fill *fill, uint32_t n) {
    const struct perp_ev_order *news =
        event->kind == PERP_EVENT_ORDER ? perp_read_order(event) : NULL;
    const perp_instrument_spec *spec = &perp_instrument_at(core, fill->instrument)->spec;
    const perp_uuid *job = news ? &news->job : fill->job ? &fill->job->id : NULL;
    const char *id = news && news->fill_id[0] ? news->fill_id : NULL;
    char job_text[37], key[37];
    if (job)
        perp_uuid_format(job, job_text);
    if (event->kind == PERP_EVENT_FILL) {
        perp_uuid_format(&perp_read_fill(event)->key, key);
        id = key;
    }
    perp_row_begin(to, PERP_TABLE_FILLS);
    perp_row_int(to, PERP_FILLS_SEQ, (int64_t)event->seq);
    perp_row_int(to, PERP_FILLS_N, n);
    if (news)
        perp_row_int(to, PERP_FILLS_ORDER_NUMBER, (int64_t)news->order);
    if (job) {
        perp_row_text(to, PERP_FILLS_JOB, job_text);
        perp_row_int(to, PERP_FILLS_LEG, fill->fill.leg);
    }
    perp_row_text(to, PERP_FILLS_EXCHANGE, core->exchanges[spec->exchange].spec.name);
    perp_row_text(to, PERP_FILLS_SYMBOL, spec->symbol);
    perp_row_text(to, PERP_FILLS_SIDE, perp_side_string(fill->side));
    perp_row_number(to, PERP_FILLS_QUANTITY, fill->fill.quantity);
    perp_row_number(to, PERP_FILLS_PRICE, fill->fill.price > 0 ? fill->fill.price : (double)NAN);
    if (fill->booked) {
        perp_row_int(to, PERP_FILLS_FEE, fill->fill.fee);
        perp_row_int(to, PERP_FILLS_PNL, fill->pnl);
    }
    perp_row_time(to, PERP_FILLS_TIME_NS, fill->fill.time_ns);
    perp_row_text(to, PERP_FILLS_FILL_ID, id);
    perp_row_end(to);
}

void perp_rows_of_sheet(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    const struct perp_sheet *sheet = &core->positions->sheet;
    uint64_t next_id = core->capital->next_id;
    for (uint32_t i = 0; i < sheet->n_positions; i++) {
        row_position(core, event, to, &sheet->positions[i]);
        rows_lots(core, event, to, &sheet->positions[i]);
    }
    rows_bases(core, event, to);
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        row_job(event, to, &sheet->jobs[i]);
    for (uint32_t i = 0; i < sheet->n_helds; i++) {
        const struct perp_sheet_held *held = &sheet->helds[i];
        if (!held->held && held->used == 0)
            continue;
        perp_row_held(core, to, event, held->held ? held->held->id : next_id, &held->need,
                      held->job, held->in_flight, held->used, held->released);
        next_id += !held->held;
    }
    for (uint64_t left = sheet->booked; left;)
        perp_row_booked(core, to, event, &sheet->bookings[perp_bit_take(&left)]);
    for (uint32_t i = 0; i < sheet->n_fills; i++)
        row_fill(core, event, to, &sheet->fills[i], i);
}

/* ---- Events -------------------------------------------------------------------------------------
 */

static struct perp_sheet *sheet_of(perp_core *core, const struct perp_event *event) {
    struct perp_sheet *sheet = perp_sheet_worked_out(core, event);
    if (sheet)
        return sheet;
    if (event->kind == PERP_EVENT_POSITIONS)
        return perp_sheet_of_positions(core, perp_read_positions(event), event->time_ns);
    if (event->kind == PERP_EVENT_CASH)
        return perp_sheet_of_cash(core, perp_read_cash(event), event->time_ns);
    if (event->kind == PERP_EVENT_FILL)
        return perp_sheet_of_fill(core, perp_read_fill(event), event->time_ns);
    if (event->kind == PERP_EVENT_RESOLVE)
        return perp_sheet_of_resolve(core, perp_read_resolve(event)->base, event->time_ns);
    return perp_sheet_of_accept(core, perp_read_accept_position(event)->instrument, event->time_ns);
}

static bool fits(const perp_core *core, const struct perp_event *event) {
    return perp_sheet_follows(core, sheet_of((perp_core *)(uintptr_t)core, event), event);
}

static bool fits_positions(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_positions *positions = perp_read_positions(event);
    for (uint32_t i = 0; i < positions->n_reports; i++) {
        const struct perp_report *report = &positions->reports[i];
        const struct perp_instrument_entry *entry = perp_instrument_at(core, report->instrument);
        if (entry->spec.exchange != positions->exchange ||
            (report->margin_mode >= PERP_MARGIN_COUNT &&
             report->margin_mode != PERP_MARGIN_NOT_GIVEN) ||
            (report->leverage != 0 && report->leverage < 1))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (positions->reports[j].instrument == report->instrument)
                return false;
    }
    return fits(core, event);
}

static void tell_drift(perp_core *core, const struct perp_sheet_position *position,
                       const struct perp_position_row *before) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, position->instrument)->spec;
    const struct perp_position_row *row = &position->row;
    char subject[2 * PERP_NAME_SIZE];
    snprintf(subject, sizeof subject, "%s %s", core->exchanges[spec->exchange].spec.name,
             spec->symbol);
    if (row->latched != before->latched)
        perp_tell_alert(core, PERP_ALERT_POSITION_DRIFT, PERP_ALERT_CRITICAL, row->latched, subject,
                        row->latched ? "%g unexplained: a trade by hand, a liquidation, an "
                                       "auto-deleveraging, or a fill still to come"
                                     : "%g unexplained: within the tolerance",
                        row->unexplained);
    if (row->aside != before->aside)
        perp_tell_alert(core, PERP_ALERT_POSITION_IN_DOUBT, PERP_ALERT_WARNING, row->aside, subject,
                        row->aside ? "a report would close %g of a hedge: it waits for a second one"
                                   : "a second report came (%g)",
                        row->aside_rest);
}

static void settle_jobs(perp_core *core, const struct perp_sheet *sheet) {
    for (uint32_t i = 0; i < sheet->n_helds; i++)
        perp_job_drop_empty(core, sheet->helds[i].job);
    for (uint32_t i = 0; i < sheet->n_jobs; i++)
        if (sheet->jobs[i].lots)
            perp_job_settle(core, sheet->jobs[i].job);
}

static void apply(perp_core *core, const struct perp_event *event) {
    struct perp_sheet *sheet = perp_sheet_taken(core, event);
    for (uint32_t i = 0; i < sheet->n_positions; i++) {
        const struct perp_sheet_position *position = &sheet->positions[i];
        tell_drift(core, position, &core->positions->at[position->instrument].row);
    }
    perp_sheet_apply(sheet);
    settle_jobs(core, sheet);
}

static bool fits_cash(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_cash *cash = perp_read_cash(event);
    const perp_day_figures *today = &core->capital->accounts[cash->exchange].today;
    bool its = !cash->has_instrument ||
               perp_instrument_at(core, cash->instrument)->spec.exchange == cash->exchange;
    return its && cash->kind < PERP_CASH_COUNT &&
           llabs(today->funding) <= PERP_MOST_USD - llabs(cash->amount) &&
           !perp_key_find(core->capital, PERP_KEY_CASH, &cash->key) && fits(core, event);
}

static bool prepare_cash(perp_core *core, const struct perp_event *event) {
    return perp_sheet_room(core, event) && perp_capital_prepare_keys(core, PERP_KEY_CASH, 1);
}

static void apply_cash(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_cash *cash = perp_read_cash(event);
    const struct perp_key_row key = perp_key_of_cash(cash, event->time_ns);
    perp_sheet_apply(perp_sheet_taken(core, event));
    if (cash->kind == PERP_CASH_FUNDING)
        core->capital->accounts[cash->exchange].today.funding += cash->amount;
    perp_key_use(core->capital, &key);
    perp_risk_look_at_loss(core, false);
}

static bool fits_fill(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_fill *fill = perp_read_fill(event);
    return fill->fill.quantity > 0 && fill->fill.price > 0 &&
           !perp_key_find(core->capital, PERP_KEY_FILL, &fill->key) && fits(core, event);
}

static bool prepare_fill(perp_core *core, const struct perp_event *event) {
    return perp_sheet_room(core, event) && perp_capital_prepare_keys(core, PERP_KEY_FILL, 1);
}

static void apply_fill(perp_core *core, const struct perp_event *event) {
    const struct perp_key_row key = perp_key_of_fill(core, perp_read_fill(event), event->time_ns);
    apply(core, event);
    perp_key_use(core->capital, &key);
    perp_risk_look_at_loss(core, false);
}

const struct perp_event_row perp_position_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_POSITIONS] = {.fits = fits_positions,
                              .prepare = perp_sheet_room,
                              .rows = perp_rows_of_sheet,
                              .apply = apply},
    [PERP_EVENT_ACCEPT_POSITION] = {.fits = fits,
                                    .prepare = perp_sheet_room,
                                    .rows = perp_rows_of_sheet,
                                    .apply = apply},
    [PERP_EVENT_CASH] = {.fits = fits_cash,
                         .prepare = prepare_cash,
                         .rows = rows_cash,
                         .apply = apply_cash},
    [PERP_EVENT_FILL] = {.fits = fits_fill,
                         .prepare = prepare_fill,
                         .rows = perp_rows_of_sheet,
                         .apply = apply_fill},
    [PERP_EVENT_RESOLVE] = {.fits = fits,
                            .prepare = perp_sheet_room,
                            .rows = perp_rows_of_sheet,
                            .apply = apply},
};
