/* Money that comes or goes without a trade, and trades that no job made. */
#include "positions/positions.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

/* ---- Cash ---------------------------------------------------------------------------------------
 */

/* A payment of funding is shared out over the jobs with a lot there, by the size of their lots in
   their order: truncated, the rest to the first. */
static void share_funding(struct perp_sheet *sheet, const struct perp_ev_cash *cash) {
    const struct perp_position_entry *entry = &sheet->core->positions->at[cash->instrument];
    double all = 0;
    perp_usd rest = cash->amount;
    for (uint32_t i = 0; i < entry->n_lots; i++)
        all += fabs(entry->lots[i].quantity);
    for (uint32_t i = entry->n_lots; i-- > 0;) {
        struct perp_sheet_job *job = perp_sheet_job_of(sheet, entry->lots[i].owner);
        perp_usd part =
            i ? (perp_usd)trunc((double)cash->amount * (fabs(entry->lots[i].quantity) / all))
              : rest;
        if (job)
            sheet->overflow |= !perp_usd_add(job->pnl, part, &job->pnl);
        rest -= part;
    }
}

struct perp_sheet *perp_sheet_of_cash(perp_core *core, const struct perp_ev_cash *cash,
                                      int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_book(sheet, NULL, cash->exchange, cash->amount, 0, 0);
    if (cash->kind == PERP_CASH_FUNDING && cash->has_instrument &&
        core->positions->at[cash->instrument].n_lots)
        share_funding(sheet, cash);
    return sheet;
}

struct perp_key_row perp_key_of_cash(const struct perp_ev_cash *cash, int64_t now) {
    uint64_t of = cash->has_instrument ? (uint64_t)cash->instrument + 1 : 0;
    return (struct perp_key_row){.key = cash->key,
                                 .id = of << 8 | cash->kind,
                                 .exchange = cash->exchange,
                                 .amount = cash->amount,
                                 .kind = PERP_KEY_CASH,
                                 .used = now};
}

/* PERP_E_EXISTS: booked already; PERP_E_CONFLICT: with other content. */
static perp_status check_key(const perp_core *core, const struct perp_key_row *row) {
    const struct perp_key *known = perp_key_find(core->capital, row->kind, &row->key);
    if (!known)
        return PERP_OK;
    const char *what = known->exchange != row->exchange   ? "exchange"
                       : known->id != row->id             ? "kind, symbol or side"
                       : known->amount != row->amount     ? "amount"
                       : known->quantity != row->quantity ? "quantity"
                       : known->price != row->price       ? "price"
                       : known->pnl != row->pnl           ? "pnl"
                       : known->fees != row->fees         ? "fee"
                                                          : NULL;
    if (!what)
        return perp_fail(core, PERP_E_EXISTS, "key: it is booked already");
    return perp_fail(core, PERP_E_CONFLICT, "key: it is booked already, with another %s", what);
}

static perp_status check_fits(const perp_core *core, const struct perp_sheet *sheet, int64_t now) {
    if (sheet->failed)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    if (!perp_sheet_fits(sheet, now))
        return perp_fail(core, PERP_E_RANGE, "the day's figures would overflow");
    return PERP_OK;
}

static perp_status decide_cash(struct perp_decision *d, const struct perp_ev_cash *cash) {
    perp_core *core = d->core;
    if (cash->exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", cash->exchange);
    if (cash->has_instrument && cash->instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", cash->instrument);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (cash->kind >= PERP_CASH_COUNT)
        return perp_fail(core, PERP_E_INVALID, "kind: %u is not known", cash->kind);
    if (cash->has_instrument &&
        perp_instrument_at(core, cash->instrument)->spec.exchange != cash->exchange)
        return perp_fail(core, PERP_E_INVALID, "instrument: %u is of another exchange",
                         cash->instrument);
    const struct perp_key_row key = perp_key_of_cash(cash, 0);
    status = check_key(core, &key);
    if (status == PERP_OK)
        status = perp_check_figure(core, PERP_NO_ID, "amount", cash->amount);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    status = check_fits(core, perp_sheet_of_cash(core, cash, d->now), d->now);
    if (status != PERP_OK)
        return status;
    perp_put_cash(core, cash);
    perp_sheet_is_of_last(core);
    return PERP_OK;
}

perp_status perp_record_cash(perp_core *core, const perp_call *call, perp_exchange_id exchange,
                             uint32_t kind, perp_usd amount, const perp_uuid *key,
                             perp_instrument_id instrument) {
    if (!core || !key)
        return perp_fail(core, PERP_E_INVALID, "cash: NULL");
    struct perp_ev_cash cash = {.exchange = exchange, .kind = kind, .amount = amount, .key = *key};
    cash.has_instrument = instrument != PERP_NO_ID;
    cash.instrument = cash.has_instrument ? instrument : 0;
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_cash(&d, &cash));
}

/* ---- Fills that no job made ---------------------------------------------------------------------
 */

struct perp_sheet *perp_sheet_of_fill(perp_core *core, const struct perp_ev_fill *fill,
                                      int64_t now) {
    struct perp_sheet *sheet = perp_sheet_begin(core, now);
    perp_sheet_foreign_fill(sheet, NULL, fill->instrument, fill->side, &fill->fill);
    return sheet;
}

struct perp_key_row perp_key_of_fill(const perp_core *core, const struct perp_ev_fill *fill,
                                     int64_t now) {
    return (struct perp_key_row){.key = fill->key,
                                 .id = (uint64_t)fill->instrument << 1 | fill->side,
                                 .exchange =
                                     perp_instrument_at(core, fill->instrument)->spec.exchange,
                                 .kind = PERP_KEY_FILL,
                                 .used = now,
                                 .pnl = fill->fill.has_pnl ? fill->fill.pnl : 0,
                                 .fees = fill->fill.fee,
                                 .quantity = fill->fill.quantity,
                                 .price = fill->fill.price};
}

static perp_status check_fill(const perp_core *core, const perp_recorded_fill *given) {
    if (given->side >= PERP_SIDE_COUNT)
        return perp_fail(core, PERP_E_INVALID, "side: %u is not known", given->side);
    if (!perp_positive(given->quantity))
        return perp_fail(core, PERP_E_INVALID, "quantity: %g is not above 0", given->quantity);
    if (!perp_positive(given->price))
        return perp_fail(core, PERP_E_INVALID, "price: %g is not above 0", given->price);
    if (given->has_pnl > 1)
        return perp_fail(core, PERP_E_INVALID, "has_pnl: %u is not 0 or 1", given->has_pnl);
    perp_status status = perp_check_figure(core, PERP_NO_ID, "fee", given->fee);
    return status == PERP_OK && given->has_pnl
               ? perp_check_figure(core, PERP_NO_ID, "pnl", given->pnl)
               : status;
}

static perp_status decide_fill(struct perp_decision *d, const perp_recorded_fill *given) {
    perp_core *core = d->core;
    if (given->instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", given->instrument);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = check_fill(core, given);
    if (status != PERP_OK)
        return status;
    int64_t now = perp_decision_time(d);
    bool timed = given->time_ns != PERP_TIME_NONE;
    double mid;
    (void)perp_market_mid(core->market, given->instrument, &mid);
    const struct perp_ev_fill fill = {
        .instrument = given->instrument,
        .side = given->side,
        .key = given->key,
        .fill = {.quantity = given->quantity,
                 .price = given->price,
                 .time_ns = timed && given->time_ns < now ? given->time_ns : now,
                 .time_given = timed,
                 .mid = mid,
                 .fee = given->fee,
                 .has_pnl = given->has_pnl != 0,
                 .pnl = given->has_pnl ? given->pnl : 0}};
    const struct perp_key_row key = perp_key_of_fill(core, &fill, 0);
    status = check_key(core, &key);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_sheet *sheet = perp_sheet_of_fill(core, &fill, d->now);
    status = check_fits(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_batch_stands(core); /* it has happened, whatever the store says */
    perp_put_fill(core, &fill);
    perp_sheet_is_of_last(core);
    perp_put_stories(core, sheet, d->now, NULL, NULL);
    return PERP_OK;
}

perp_status perp_record_fill(perp_core *core, const perp_call *call,
                             const perp_recorded_fill *fill) {
    perp_recorded_fill full;
    if (!core || !fill)
        return perp_fail(core, PERP_E_INVALID, "fill: NULL");
    perp_recorded_fill_init(&full);
    if (!perp_struct_in(&full, sizeof full, fill))
        return perp_fail(core, PERP_E_INVALID, "fill: struct_size %u is not known",
                         fill->struct_size);
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_fill(&d, &full));
}

void perp_recorded_fill_init(perp_recorded_fill *fill) {
    if (!fill)
        return;
    memset(fill, 0, sizeof *fill);
    fill->struct_size = sizeof *fill;
    fill->time_ns = PERP_TIME_NONE;
}
