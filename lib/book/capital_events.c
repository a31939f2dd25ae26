/* Equity, reservations, bookings: what each event of these does. */
#include <stdio.h>
#include <string.h>

#include "book/book.h"
#include "util/num.h"
#include "util/text.h"

/* ---- Rows for people ----------------------------------------------------------------------------
 */

/* A reservation as it will be. */
struct reserved {
    uint64_t id;
    perp_usd in_flight, used;
};

static void row_left(struct perp_journal *to, const struct perp_event *event,
                     const struct reserved *left) {
    perp_row_begin(to, PERP_TABLE_RESERVATIONS);
    perp_row_int(to, PERP_RESERVATIONS_ID, (int64_t)left->id);
    perp_row_int(to, PERP_RESERVATIONS_IN_FLIGHT, left->in_flight);
    perp_row_int(to, PERP_RESERVATIONS_USED, left->used);
    perp_row_int(to, PERP_RESERVATIONS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

void perp_row_held(const perp_core *core, struct perp_journal *to, const struct perp_event *event,
                   uint64_t id, const struct perp_need *need, const struct perp_job_entry *job,
                   perp_usd in_flight, perp_usd used, perp_usd released) {
    char text[37];
    perp_uuid_format(&job->id, text);
    perp_row_begin(to, PERP_TABLE_RESERVATIONS);
    perp_row_int(to, PERP_RESERVATIONS_ID, (int64_t)id);
    perp_row_text(to, PERP_RESERVATIONS_EXCHANGE, core->exchanges[need->exchange].spec.name);
    perp_row_text(to, PERP_RESERVATIONS_POOL, perp_pool_string(need->pool));
    perp_row_int(to, PERP_RESERVATIONS_AMOUNT, in_flight + used + released);
    perp_row_int(to, PERP_RESERVATIONS_IN_FLIGHT, in_flight);
    perp_row_int(to, PERP_RESERVATIONS_USED, used);
    perp_row_text(to, PERP_RESERVATIONS_JOB, text);
    perp_row_int(to, PERP_RESERVATIONS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

void perp_row_reserved(const perp_core *core, struct perp_journal *to,
                       const struct perp_event *event, uint64_t id, const struct perp_need *need,
                       const perp_uuid *job) {
    char text[37];
    if (job)
        perp_uuid_format(job, text);
    perp_row_begin(to, PERP_TABLE_RESERVATIONS);
    perp_row_int(to, PERP_RESERVATIONS_ID, (int64_t)id);
    perp_row_text(to, PERP_RESERVATIONS_EXCHANGE, core->exchanges[need->exchange].spec.name);
    perp_row_text(to, PERP_RESERVATIONS_POOL, perp_pool_string(need->pool));
    perp_row_int(to, PERP_RESERVATIONS_AMOUNT, need->amount);
    perp_row_int(to, PERP_RESERVATIONS_IN_FLIGHT, need->amount);
    perp_row_int(to, PERP_RESERVATIONS_USED, 0);
    perp_row_text(to, PERP_RESERVATIONS_JOB, job ? text : NULL);
    perp_row_time(to, PERP_RESERVATIONS_MADE_NS, event->time_ns);
    perp_row_int(to, PERP_RESERVATIONS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

/* The book's day, which day_offset_minutes moves, as a date. */
static void day_text(int64_t day, char text[16]) {
    /* Days to years, by the calendar's eras of 400 years (Howard Hinnant, chrono-compatible
       low-level date algorithms). */
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153, date = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    snprintf(text, 16, "%04d-%02d-%02d", (int)(year + era * 400 + (month <= 2)), (int)month,
             (int)date);
}

void perp_row_booked(const perp_core *core, struct perp_journal *to, const struct perp_event *event,
                     const struct perp_booking *booking) {
    const perp_day_figures none = {0};
    const perp_day_figures *before = perp_day_begins(core, event->time_ns)
                                         ? &none
                                         : &core->capital->accounts[booking->exchange].today;
    char day[16];
    if (event->time_ns == PERP_TIME_NONE)
        return;
    day_text(perp_day_of(core, event->time_ns), day);
    perp_row_begin(to, PERP_TABLE_DAILY);
    perp_row_text(to, PERP_DAILY_DAY, day);
    perp_row_text(to, PERP_DAILY_EXCHANGE, core->exchanges[booking->exchange].spec.name);
    perp_row_int(to, PERP_DAILY_PNL, before->pnl + booking->pnl);
    perp_row_int(to, PERP_DAILY_VOLUME, before->volume + booking->volume);
    perp_row_int(to, PERP_DAILY_FEES, before->fees + booking->fees);
    perp_row_int(to, PERP_DAILY_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

bool perp_bookings_fit(const perp_core *core, const struct perp_event *event,
                       const struct perp_booking *bookings, uint32_t n) {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << bookings[i].exchange;
        if ((seen & bit) ||
            !perp_capital_can_book(core->capital, event->time_ns, bookings[i].exchange,
                                   bookings[i].pnl, bookings[i].volume, bookings[i].fees))
            return false;
        seen |= bit;
    }
    return true;
}

/* ---- Events -------------------------------------------------------------------------------------
 */

/* Puts the exchange into safe mode where its equity fell to the drawdown limit. */
static void look_at_drawdown(perp_core *core, perp_exchange_id exchange) {
    struct perp_account *account = &core->capital->accounts[exchange];
    bool fallen = account->high_water > 0 &&
                  perp_usd_at_least_ppm(account->high_water - account->equity, account->high_water,
                                        core->config.capital.drawdown_limit_ppm);
    if (!fallen || account->safe_mode)
        return;
    account->safe_mode = true;
    perp_tell_alert(core, PERP_ALERT_SAFE_MODE, PERP_ALERT_WARNING, true,
                    core->exchanges[exchange].spec.name,
                    "safe mode: the equity fell to the drawdown limit");
}

static bool fits_equity(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_equity *report = perp_read_equity(event);
    const perp_capital *capital = core->capital;
    struct perp_marks marks;
    if (capital->accounts[report->exchange].has_equity)
        return true;
    return !report->aside && perp_capital_first(capital, report->exchange, report->amount, &marks);
}

static void put_aside(perp_core *core, const struct perp_ev_equity *report) {
    struct perp_account *account = &core->capital->accounts[report->exchange];
    account->has_aside = true;
    account->aside = report->amount;
    perp_tell_log(core, PERP_LOG_WARNING,
                  "equity of %s: a report of %s after %s is put aside until the next",
                  core->exchanges[report->exchange].spec.name, PERP_SHOW_USD(report->amount),
                  PERP_SHOW_USD(account->equity));
}

static void apply_equity(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_equity *report = perp_read_equity(event);
    struct perp_account *account = &core->capital->accounts[report->exchange];
    if (report->aside) {
        put_aside(core, report);
        return;
    }
    struct perp_marks marks;
    bool first = !account->has_equity &&
                 perp_capital_first(core->capital, report->exchange, report->amount, &marks);
    if (first) {
        account->can_undo = true;
        account->high_before = account->high_water;
        account->peak_before = core->capital->peak;
        perp_capital_set_marks(core, report->exchange, &marks);
    } else {
        perp_capital_take(core, report->exchange, report->amount);
    }
    account->has_equity = true;
    account->has_aside = false;
    account->aside = 0;
    if (!core->recovering)
        core->positions->equity_heard[report->exchange] = perp_clock(core);
    perp_risk_note_marks(core, report->exchange);
    look_at_drawdown(core, report->exchange);
    perp_risk_look_at_loss(core, false);
}

static bool fits_transfer(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_transfer *transfer = perp_read_transfer(event);
    struct perp_marks marks;
    return perp_capital_moved(core->capital, transfer->exchange, transfer->amount,
                              transfer->in_equity, &marks);
}

static void apply_transfer(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_transfer *transfer = perp_read_transfer(event);
    perp_capital *capital = core->capital;
    struct perp_account *account = &capital->accounts[transfer->exchange];
    struct perp_marks marks;
    if (!PERP_HOLDS(core,
                    perp_capital_moved(capital, transfer->exchange, transfer->amount,
                                       transfer->in_equity, &marks),
                    "transfer: its marks do not fit"))
        return;
    bool explains = perp_capital_explains(capital, transfer->exchange, transfer->amount);
    perp_capital_set_marks(core, transfer->exchange, &marks);
    account->can_undo = false;
    if (explains) {
        account->has_aside = false;
        account->aside = 0;
        look_at_drawdown(core, transfer->exchange);
    }
    perp_risk_look_at_loss(core, false);
}

static void apply_correct(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_correct *correct = perp_read_correct(event);
    perp_capital_corrected(core, correct->exchange, correct->amount,
                           correct->has_high_water ? &correct->high_water : NULL);
    perp_risk_look_at_loss(core, true);
}

static bool fits_day_offset(const perp_core *core, const struct perp_event *event) {
    (void)core;
    return perp_is_day_offset(perp_read_day_offset(event)->minutes);
}

static void apply_day_offset(perp_core *core, const struct perp_event *event) {
    perp_capital_keep_day(core);
    core->config.capital.day_offset_minutes = perp_read_day_offset(event)->minutes;
    perp_day_forget(core);
}

static void apply_safe_mode(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_safe_mode *change = perp_read_safe_mode(event);
    struct perp_account *account = &core->capital->accounts[change->exchange];
    bool on = change->on;
    if (account->safe_mode && !on) {
        account->high_water = account->equity;
        account->can_undo = false;
    }
    if (account->safe_mode != on)
        perp_tell_alert(core, PERP_ALERT_SAFE_MODE, PERP_ALERT_WARNING, on,
                        core->exchanges[change->exchange].spec.name, "safe mode is %s",
                        on ? "on" : "off");
    account->safe_mode = on;
    account->last_update = perp_clock(core);
}

static bool fits_pnl(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_pnl *pnl = perp_read_pnl(event);
    return perp_capital_can_book(core->capital, event->time_ns, pnl->exchange, pnl->pnl,
                                 pnl->volume, pnl->fees) &&
           (!pnl->has_key || !perp_key_find(core->capital, PERP_KEY_PNL, &pnl->key));
}

static bool prepare_pnl(perp_core *core, const struct perp_event *event) {
    return !perp_read_pnl(event)->has_key || perp_capital_prepare_keys(core, PERP_KEY_PNL, 1);
}

static void rows_pnl(const perp_core *core, const struct perp_event *event,
                     struct perp_journal *to) {
    const struct perp_ev_pnl *pnl = perp_read_pnl(event);
    perp_row_booked(core, to, event,
                    &(struct perp_booking){pnl->exchange, pnl->pnl, pnl->volume, pnl->fees});
}

static void apply_pnl(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_pnl *pnl = perp_read_pnl(event);
    perp_capital_book(core, pnl->exchange, pnl->pnl, pnl->volume, pnl->fees);
    if (pnl->has_key)
        perp_key_use(core->capital, &(struct perp_key_row){.key = pnl->key,
                                                           .exchange = pnl->exchange,
                                                           .kind = PERP_KEY_PNL,
                                                           .used = event->time_ns,
                                                           .pnl = pnl->pnl,
                                                           .volume = pnl->volume,
                                                           .fees = pnl->fees});
    perp_risk_look_at_loss(core, false);
}

static struct perp_need need_of(const struct perp_ev_reserve *reserve) {
    return (struct perp_need){reserve->exchange, reserve->pool, reserve->amount};
}

static bool fits_reserve(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_reserve *reserve = perp_read_reserve(event);
    const struct perp_need need = need_of(reserve);
    return reserve->reservation == core->capital->next_id + core->prepared.reservations &&
           perp_capital_can_hold(core->capital, &need) &&
           (!reserve->has_key ||
            !perp_key_find(core->capital, PERP_KEY_RESERVATION, &reserve->key));
}

static bool prepare_reserve(perp_core *core, const struct perp_event *event) {
    return perp_capital_prepare_held(core, 1) &&
           (!perp_read_reserve(event)->has_key ||
            perp_capital_prepare_keys(core, PERP_KEY_RESERVATION, 1));
}

static void rows_reserve(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    const struct perp_ev_reserve *reserve = perp_read_reserve(event);
    const struct perp_need need = need_of(reserve);
    perp_row_reserved(core, to, event, reserve->reservation, &need, NULL);
}

static void apply_reserve(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_reserve *reserve = perp_read_reserve(event);
    const struct perp_need need = need_of(reserve);
    struct perp_held *held = perp_capital_hold(core, &need, NULL);
    if (reserve->has_key)
        perp_key_use(core->capital, &(struct perp_key_row){.key = reserve->key,
                                                           .id = held->id,
                                                           .exchange = reserve->exchange,
                                                           .pool = reserve->pool,
                                                           .amount = reserve->amount,
                                                           .kind = PERP_KEY_RESERVATION,
                                                           .used = event->time_ns});
}

/* The reservation that a confirm or release is of; NULL: none that it could be. */
static const struct perp_held *held_by(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_confirm *settle = perp_read_confirm(event);
    const struct perp_held *held = perp_capital_find(core->capital, settle->reservation);
    bool same =
        held && !held->has_job && held->exchange == settle->exchange && held->pool == settle->pool;
    return same ? held : NULL;
}

static bool fits_confirm(const perp_core *core, const struct perp_event *event) {
    const struct perp_held *held = held_by(core, event);
    return held && perp_read_confirm(event)->amount <= held->in_flight;
}

static bool fits_release(const perp_core *core, const struct perp_event *event) {
    const struct perp_held *held = held_by(core, event);
    return held && perp_read_release(event)->amount <= held->in_flight + held->used;
}

static void rows_confirm(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    const struct perp_held *held = held_by(core, event);
    perp_usd amount = perp_read_confirm(event)->amount;
    row_left(to, event,
             &(struct reserved){held->id, held->in_flight - amount, held->used + amount});
}

static void rows_release(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to) {
    const struct perp_held *held = held_by(core, event);
    perp_usd amount = perp_read_release(event)->amount;
    perp_usd flying = amount < held->in_flight ? amount : held->in_flight;
    row_left(
        to, event,
        &(struct reserved){held->id, held->in_flight - flying, held->used - (amount - flying)});
}

static void apply_confirm(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_confirm *confirm = perp_read_confirm(event);
    perp_capital_use_part(core, perp_capital_find(core->capital, confirm->reservation),
                          confirm->amount);
}

static void apply_release(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_release *release = perp_read_release(event);
    perp_capital_give(core, perp_capital_find(core->capital, release->reservation),
                      release->amount);
}

const struct perp_event_row perp_capital_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_EQUITY] = {.fits = fits_equity, .apply = apply_equity},
    [PERP_EVENT_TRANSFER] = {.fits = fits_transfer, .apply = apply_transfer},
    [PERP_EVENT_CORRECT] = {.apply = apply_correct},
    [PERP_EVENT_DAY_OFFSET] = {.fits = fits_day_offset, .apply = apply_day_offset},
    [PERP_EVENT_SAFE_MODE] = {.apply = apply_safe_mode},
    [PERP_EVENT_PNL] = {.fits = fits_pnl,
                        .prepare = prepare_pnl,
                        .rows = rows_pnl,
                        .apply = apply_pnl},
    [PERP_EVENT_RESERVE] = {.fits = fits_reserve,
                            .prepare = prepare_reserve,
                            .rows = rows_reserve,
                            .apply = apply_reserve,
                            .established = PERP_ESTABLISHED_ALL},
    [PERP_EVENT_CONFIRM] = {.fits = fits_confirm,
                            .rows = rows_confirm,
                            .apply = apply_confirm,
                            .established = PERP_ESTABLISHED_ALL},
    [PERP_EVENT_RELEASE] = {.fits = fits_release,
                            .rows = rows_release,
                            .apply = apply_release,
                            .established = PERP_ESTABLISHED_ALL},
};
