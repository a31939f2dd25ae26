/* What hosts report of positions, accept, and ask: the public calls. */
#include "positions/positions.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

perp_positions *perp_core_positions(perp_core *core) {
    return core ? core->positions : NULL;
}

void perp_account_report_init(perp_account_report *report) {
    if (!report)
        return;
    memset(report, 0, sizeof *report);
    report->struct_size = sizeof *report;
    report->time_ns = PERP_TIME_NONE;
}

/* A report that makes no sense: its instrument counts as not reported until a good one comes. */
static perp_status bad(perp_core *core, perp_instrument_id instrument, perp_status status) {
    core->positions->at[instrument].heard = PERP_TIME_NONE;
    perp_position_moved(core, instrument);
    return status;
}

static perp_status check_report(perp_core *core, const perp_position_report *report) {
    const char *field = NULL;
    double value = 0;
    if (!isfinite(report->quantity))
        field = "quantity", value = report->quantity;
    else if (!perp_not_negative(report->entry_price))
        field = "entry_price", value = report->entry_price;
    else if (report->leverage != 0 && (!isfinite(report->leverage) || report->leverage < 1))
        field = "leverage", value = report->leverage;
    else if (!perp_not_negative(report->liquidation_price))
        field = "liquidation_price", value = report->liquidation_price;
    if (field)
        return bad(core, report->instrument,
                   perp_fail(core, PERP_E_INVALID, "%s: %g of %s is not possible", field, value,
                             perp_instrument_at(core, report->instrument)->spec.symbol));
    if (report->margin_mode >= PERP_MARGIN_COUNT && report->margin_mode != PERP_MARGIN_NOT_GIVEN)
        return bad(
            core, report->instrument,
            perp_fail(core, PERP_E_INVALID, "margin_mode: %u is not known", report->margin_mode));
    return PERP_OK;
}

static perp_status check_instrument(const perp_core *core, perp_instrument_id instrument) {
    if (instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", instrument);
    return PERP_OK;
}

static perp_status check_age(const perp_core *core, perp_instrument_id instrument,
                             int64_t time_ns) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    if (entry->report_time != PERP_TIME_NONE && time_ns < entry->report_time)
        return perp_fail(core, PERP_E_STALE, "report_t: %lld of %s, the last one was at %lld",
                         (long long)time_ns, perp_instrument_at(core, instrument)->spec.symbol,
                         (long long)entry->report_time);
    return PERP_OK;
}

/* A report as it is stored: with what the book sees of the market now. */
static struct perp_report report_of(const perp_core *core, const perp_position_report *given,
                                    int64_t now) {
    const struct perp_position_entry *entry = &core->positions->at[given->instrument];
    struct perp_market_view view;
    perp_market_read(core->market, given->instrument, now, &view);
    struct perp_report report = {
        .instrument = given->instrument,
        .quantity = given->quantity,
        .entry = given->entry_price,
        .leverage = given->leverage,
        .margin_mode = given->margin_mode,
        .liquidation_price = given->liquidation_price,
        .mark = view.mark,
        .price = view.has_quote           ? view.mid
                 : given->entry_price > 0 ? given->entry_price
                                          : entry->entry,
    };
    return report;
}

static int64_t time_of(int64_t given, int64_t now) {
    return given == PERP_TIME_NONE || given > now ? now : given;
}

static perp_status check_sheet(const perp_core *core, const struct perp_sheet *sheet, int64_t now) {
    if (sheet->failed)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    if (!perp_sheet_fits(sheet, now))
        return perp_fail(core, PERP_E_RANGE, "position: the figures would overflow");
    return PERP_OK;
}

static perp_status put_positions(struct perp_decision *d,
                                 const struct perp_ev_positions *positions) {
    struct perp_sheet *sheet = perp_sheet_of_positions(d->core, positions, d->now);
    perp_status status = check_sheet(d->core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_put_positions(d->core, positions);
    perp_sheet_is_of_last(d->core);
    perp_put_stories(d->core, sheet, d->now, NULL, NULL);
    return PERP_OK;
}

static perp_status decide_position(struct perp_decision *d, const perp_position_report *given,
                                   int64_t time_ns) {
    perp_core *core = d->core;
    perp_status status = check_instrument(core, given->instrument);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK)
        status = check_report(core, given);
    if (status == PERP_OK)
        status = check_age(core, given->instrument, time_of(time_ns, perp_decision_time(d)));
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    const struct perp_report report = report_of(core, given, d->now);
    const struct perp_ev_positions positions = {
        .exchange = perp_instrument_at(core, given->instrument)->spec.exchange,
        .time_ns = time_of(time_ns, d->now),
        .n_reports = 1,
        .reports = &report};
    return put_positions(d, &positions);
}

perp_status perp_position(perp_core *core, const perp_call *call,
                          const perp_position_report *report, int64_t time_ns) {
    if (!core || !report)
        return perp_fail(core, PERP_E_INVALID, "position: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_position(&d, report, time_ns));
}

/* The instruments of the exchange that the report lists, looked at one by one; where both sides of
   one are open at once, it counts as not reported. */
static perp_status check_listed(perp_core *core, const perp_account_report *given) {
    perp_status status = PERP_OK;
    for (uint32_t i = 0; i < given->n_positions && status == PERP_OK; i++)
        status = check_instrument(core, given->positions[i].instrument);
    for (uint32_t i = 0; i < given->n_positions && status == PERP_OK; i++) {
        const perp_position_report *report = &given->positions[i];
        const perp_instrument_spec *spec = &perp_instrument_at(core, report->instrument)->spec;
        if (spec->exchange != given->exchange)
            return perp_fail(core, PERP_E_INVALID, "positions[%u]: %s is of another exchange", i,
                             spec->symbol);
        status = check_report(core, report);
        for (uint32_t j = 0; j < i && status == PERP_OK; j++)
            if (given->positions[j].instrument == report->instrument)
                status = bad(core, report->instrument,
                             perp_fail(core, PERP_E_INVALID, "positions[%u]: %s is there twice", i,
                                       spec->symbol));
    }
    return status;
}

static perp_status check_ages(const perp_core *core, perp_exchange_id exchange, int64_t time_ns) {
    perp_status status = PERP_OK;
    uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
    for (; id != PERP_NO_ID && status == PERP_OK;
         id = perp_instrument_at(core, id)->next_on_exchange)
        status = check_age(core, id, time_ns);
    return status;
}

/* The reports of an account: those listed, and none of those that have something and are not. In
   the batch's memory. */
static perp_status list_reports(struct perp_decision *d, const perp_account_report *given,
                                struct perp_ev_positions *positions) {
    perp_core *core = d->core;
    uint32_t n = given->n_positions, id = core->exchanges[given->exchange].first_instrument_1 - 1;
    for (uint32_t i = id; i != PERP_NO_ID; i = perp_instrument_at(core, i)->next_on_exchange)
        n += !perp_position_is_plain(core, i);
    struct perp_report *reports = n ? perp_batch_memory(core, n * sizeof *reports) : NULL;
    if (n && !reports)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    for (uint32_t i = 0; i < given->n_positions; i++)
        reports[i] = report_of(core, &given->positions[i], d->now);
    positions->n_reports = given->n_positions;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange) {
        const perp_position_report none = {.instrument = id, .margin_mode = PERP_MARGIN_NOT_GIVEN};
        bool listed = perp_position_is_plain(core, id);
        for (uint32_t i = 0; i < given->n_positions && !listed; i++)
            listed = given->positions[i].instrument == id;
        if (!listed)
            reports[positions->n_reports++] = report_of(core, &none, d->now);
    }
    positions->reports = reports;
    return PERP_OK;
}

static perp_status decide_account(struct perp_decision *d, const perp_account_report *given) {
    perp_core *core = d->core;
    if (given->exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", given->exchange);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = check_listed(core, given);
    int64_t time_ns = status == PERP_OK ? time_of(given->time_ns, perp_decision_time(d)) : 0;
    if (status == PERP_OK && given->has_equity)
        status = perp_capital_check_equity(core, given->exchange, given->equity);
    if (status == PERP_OK)
        status = check_ages(core, given->exchange, time_ns);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_ev_positions positions = {
        .exchange = given->exchange, .time_ns = time_of(given->time_ns, d->now), .all = true};
    status = list_reports(d, given, &positions);
    if (status == PERP_OK && given->has_equity)
        perp_put_equity(core, &(struct perp_ev_equity){given->exchange, given->equity,
                                                       perp_capital_reports_apart(
                                                           core, given->exchange, given->equity)});
    return status == PERP_OK ? put_positions(d, &positions) : status;
}

perp_status perp_account(perp_core *core, const perp_call *call,
                         const perp_account_report *report) {
    if (!core || !report)
        return perp_fail(core, PERP_E_INVALID, "account: NULL");
    perp_account_report full;
    perp_account_report_init(&full);
    if (!perp_struct_in(&full, sizeof full, report))
        return perp_fail(core, PERP_E_INVALID, "report: struct_size %u is not known",
                         report->struct_size);
    if ((full.n_positions && !full.positions) || full.n_positions > PERP_MAX_INSTRUMENTS ||
        full.has_equity > 1)
        return perp_fail(core, PERP_E_INVALID, "report: %u positions, has_equity %u",
                         full.n_positions, full.has_equity);
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_account(&d, &full));
}

static perp_status decide_accept(struct perp_decision *d, perp_instrument_id instrument) {
    perp_core *core = d->core;
    perp_status status = check_instrument(core, instrument);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "accept_position");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_sheet *sheet = perp_sheet_of_accept(core, instrument, d->now);
    status = check_sheet(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_put_accept_position(core, &(struct perp_ev_accept_position){instrument});
    perp_sheet_is_of_last(core);
    perp_put_stories(core, sheet, d->now, NULL, NULL);
    return PERP_OK;
}

perp_status perp_accept_position(perp_core *core, const perp_call *call,
                                 perp_instrument_id instrument) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_accept(&d, instrument));
}

static perp_status find_base(const perp_core *core, const char *name, uint32_t *base) {
    if (!name || strnlen(name, PERP_NAME_SIZE) == PERP_NAME_SIZE)
        return perp_fail(core, PERP_E_INVALID, "base: NULL or too long");
    *base = perp_names_find(&core->bases, name);
    if (*base == PERP_NO_ID)
        return perp_fail(core, PERP_E_NOT_FOUND, "no base %s", name);
    return PERP_OK;
}

static perp_status decide_resolve(struct perp_decision *d, const char *name) {
    perp_core *core = d->core;
    uint32_t base = PERP_NO_ID;
    perp_status status = find_base(core, name, &base);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "resolve");
    if (status != PERP_OK)
        return status;
    const struct perp_job_entry *repair = core->positions->bases[base].repair;
    if (repair && repair->state != PERP_JOB_PENDING)
        return perp_fail(core, PERP_E_STATE, "base: a repair of %s is %s", name,
                         perp_job_state_string(repair->state));
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    struct perp_sheet *sheet = perp_sheet_of_resolve(core, base, d->now);
    status = check_sheet(core, sheet, d->now);
    if (status != PERP_OK)
        return status;
    perp_put_resolve(core, &(struct perp_ev_resolve){base});
    perp_sheet_is_of_last(core);
    /* After it: its sheet has the base as it is before. Nobody stopped repairs by hand. */
    if (repair)
        perp_put_for_job(core, PERP_EVENT_CANCEL, &repair->id);
    perp_put_stories(core, sheet, d->now, NULL, NULL);
    if (repair)
        perp_put_story(core, &(struct perp_ev_story){.base = base});
    return PERP_OK;
}

perp_status perp_resolve(perp_core *core, const perp_call *call, const char *base) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_resolve(&d, base));
}

static perp_status decide_resume_repair(struct perp_decision *d, const char *name) {
    uint32_t base;
    perp_status status = find_base(d->core, name, &base);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_resume_repair(d->core, &(struct perp_ev_resume_repair){base});
    return status;
}

perp_status perp_resume_repair(perp_core *core, const perp_call *call, const char *base) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_resume_repair(&d, base));
}

/* ---- Queries ------------------------------------------------------------------------------------
 */

static void describe(const perp_core *core, perp_instrument_id instrument, int64_t now,
                     perp_position_state *state) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    const perp_exchange_spec *exchange =
        &core->exchanges[perp_instrument_at(core, instrument)->spec.exchange].spec;
    memset(state, 0, sizeof *state);
    state->struct_size = sizeof *state;
    state->known = perp_position_known(core, instrument, now);
    state->reported = entry->reported;
    state->latched = entry->latched;
    state->in_doubt = entry->aside;
    state->n_lots = entry->n_lots;
    state->quantity = entry->quantity;
    state->entry_price = entry->quantity != 0 && entry->entry > 0 ? entry->entry : (double)NAN;
    state->foreign = perp_position_foreign(core, instrument);
    state->unexplained = entry->unexplained;
    state->lost = entry->lost;
    state->leverage = entry->leverage;
    state->liquidation_price = entry->liquidation_price;
    state->margin_mode =
        entry->margin_mode != PERP_MARGIN_NOT_GIVEN ? entry->margin_mode : exchange->margin_mode;
    state->report_time_ns = entry->report_time;
}

perp_status perp_positions_query(const perp_positions *positions, perp_instrument_id instrument,
                                 int64_t now_ns, perp_position_state *state) {
    if (!positions || !state)
        return perp_fail(positions ? positions->core : NULL, PERP_E_INVALID, "positions: NULL");
    const perp_core *core = positions->core;
    perp_status status = check_instrument(core, instrument);
    if (status != PERP_OK)
        return status;
    perp_position_state full;
    perp_read_begin(core);
    describe(core, instrument, perp_query_time(core, now_ns), &full);
    perp_read_end(core);
    if (!perp_struct_out(state, &full, sizeof full))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

perp_status perp_positions_lots(const perp_positions *positions, perp_instrument_id instrument,
                                perp_lot_state *lots, uint32_t capacity, uint32_t *count) {
    if (!positions || !count || (capacity && !lots))
        return perp_fail(positions ? positions->core : NULL, PERP_E_INVALID, "lots: NULL");
    const perp_core *core = positions->core;
    perp_status status = check_instrument(core, instrument);
    if (status != PERP_OK)
        return status;
    perp_read_begin(core);
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    *count = entry->n_lots;
    for (uint32_t i = 0; i < entry->n_lots && i < capacity; i++) {
        const struct perp_lot *lot = &entry->lots[i];
        lots[i] = (perp_lot_state){.job_id = lot->job,
                                   .leg = lot->leg,
                                   .quantity = lot->quantity,
                                   .price = lot->price,
                                   .used = lot->used};
    }
    perp_read_end(core);
    return PERP_OK;
}

static double base_sum(const perp_core *core, uint32_t base, bool sizes) {
    double sum = 0;
    for
        PERP_EACH_OF_BASE(core, i, base) {
            double quantity = core->positions->at[i].quantity;
            sum = perp_quantity_sum(sum, sizes ? fabs(quantity) : quantity);
        }
    return sum;
}

perp_status perp_positions_base(const perp_positions *positions, uint32_t n, int64_t now_ns,
                                perp_base_state *state) {
    if (!positions || !state)
        return perp_fail(positions ? positions->core : NULL, PERP_E_INVALID, "base: NULL");
    const perp_core *core = positions->core;
    perp_base_state full;
    memset(&full, 0, sizeof full);
    full.struct_size = sizeof full;
    perp_read_begin(core);
    bool there = n < core->bases.count;
    if (there) {
        const struct perp_base_entry *base = &positions->bases[n];
        int64_t now = perp_query_time(core, now_ns);
        memcpy(full.base, core->bases.items[n], sizeof full.base);
        full.is_naked = perp_base_is_naked(core, NULL, n, now);
        full.net = base_sum(core, n, false);
        full.gross = base_sum(core, n, true);
        full.naked = perp_base_naked(core, NULL, n);
        full.to_square = perp_base_to_square(core, NULL, n);
        full.stopped = base->stopped;
        full.tries = base->tries;
        full.next_try_ns = base->tries ? base->next_try : PERP_TIME_NONE;
        full.since_ns = base->since;
        full.has_repair = base->repair != NULL;
        if (base->repair)
            full.repair = base->repair->id;
    }
    perp_read_end(core);
    if (!there)
        return perp_fail(core, PERP_E_NOT_FOUND, "no base %u", n);
    if (!perp_struct_out(state, &full, sizeof full))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

uint32_t perp_positions_base_count(const perp_positions *positions) {
    if (!positions)
        return 0;
    perp_read_begin(positions->core);
    uint32_t n = positions->core->bases.count;
    perp_read_end(positions->core);
    return n;
}
