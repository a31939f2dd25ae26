/* The ops of positions: reports, what the book believes, what has no other side. */
#include "scenario.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static perp_positions *positions_of(const struct line *line) {
    return perp_core_positions(line->run->core);
}

/* What a report and an account's entry have in common; the instrument is set. */
static void read_report(struct line *line, perp_position_report *report) {
    report->quantity = line_number(line, "quantity", 0);
    report->entry_price = line_number(line, "entry_price", 0);
    report->leverage = line_number(line, "leverage", 0);
    report->liquidation_price = line_number(line, "liquidation_price", 0);
    report->margin_mode = line_choice(line, "margin_mode", perp_margin_string, PERP_MARGIN_COUNT,
                                      PERP_MARGIN_NOT_GIVEN);
}

void scenario_position(struct line *line) {
    perp_position_report report = {.instrument = line_instrument(line)};
    int64_t time_ns = line_time_ns(line, "report_t", PERP_TIME_NONE);
    read_report(line, &report);
    if (line_ready(line))
        (void)line_did(line, perp_position(line->run->core, &line->call, &report, time_ns));
}

static perp_position_report *read_reports(struct line *line, perp_exchange_id exchange,
                                          uint32_t *n) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(line->json, "positions");
    const cJSON *entry;
    perp_position_report *reports = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *reports);
    *n = 0;
    if (!reports) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return NULL;
    }
    cJSON_ArrayForEach(entry, list) {
        if (!line_enter(line, entry, "positions", *n, SCENARIO_POSITION_FIELDS))
            break;
        reports[*n].instrument = line_instrument_on(line, exchange);
        read_report(line, &reports[*n]);
        ++*n;
    }
    line_leave(line);
    return reports;
}

void scenario_account(struct line *line) {
    perp_account_report report;
    perp_position_report *reports;
    perp_account_report_init(&report);
    report.exchange = line_exchange(line);
    report.time_ns = line_time_ns(line, "report_t", PERP_TIME_NONE);
    report.has_equity = line_has(line, "equity");
    report.equity = line_money(line, "equity", 0);
    reports = read_reports(line, report.exchange, &report.n_positions);
    report.positions = reports;
    if (line_ready(line))
        (void)line_did(line, perp_account(line->run->core, &line->call, &report));
    free(reports);
}

void scenario_cash(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_instrument_id instrument =
        line_has(line, "symbol") ? line_instrument_on(line, exchange) : PERP_NO_ID;
    uint32_t kind = line_choice(line, "kind", perp_cash_string, PERP_CASH_COUNT, 0);
    perp_usd amount = line_money(line, "amount", 0);
    perp_uuid key = line_uuid(line, "key");
    if (line_ready(line))
        (void)line_did(line, perp_record_cash(line->run->core, &line->call, exchange, kind, amount,
                                              &key, instrument));
}

void scenario_fill(struct line *line) {
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = line_instrument(line);
    fill.side = line_choice(line, "side", perp_side_string, PERP_SIDE_COUNT, 0);
    fill.quantity = line_number(line, "quantity", 0);
    fill.price = line_number(line, "price", 0);
    fill.fee = line_rounded_money(line, "fee", 0);
    fill.has_pnl = line_has(line, "pnl");
    fill.pnl = line_rounded_money(line, "pnl", 0);
    fill.time_ns = line_time_ns(line, "fill_t", PERP_TIME_NONE);
    fill.key = line_uuid(line, "key");
    if (line_ready(line))
        (void)line_did(line, perp_record_fill(line->run->core, &line->call, &fill));
}

static void put_flattened(struct line *line, const perp_flatten_result *result, bool jobs) {
    static const char *const why[] = {"", "no_price", "min_qty"};
    cJSON *list = put_list(line, line->answer, jobs ? "jobs" : "left");
    for (uint32_t i = 0; i < result->count && i < result->capacity; i++) {
        const perp_flatten_item *item = &result->items[i];
        perp_instrument_spec spec;
        char exchange[PERP_NAME_SIZE];
        perp_instrument_spec_init(&spec);
        if ((item->kind == PERP_FLATTEN_JOB) != jobs ||
            !line_did(line, perp_instrument_get(line->run->core, item->instrument, &spec)))
            continue;
        cJSON *entry = add_object(line, list);
        if (jobs)
            put_uuid(line, entry, "job_id", &item->job_id);
        exchange_name(line, spec.exchange, exchange);
        put_text(line, entry, "exchange", exchange);
        put_text(line, entry, "symbol", spec.symbol);
        if (jobs)
            put_number(line, entry, "quantity", item->quantity);
        else
            put_text(line, entry, "why", why[item->kind]);
    }
}

void scenario_flatten(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_uuid key = line_uuid(line, "key");
    perp_flatten_result result;
    perp_flatten_result_init(&result);
    if (!line_ready(line))
        return;
    result.capacity = perp_instrument_count(line->run->core);
    result.items = calloc(result.capacity + 1, sizeof *result.items);
    if (!result.items) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    if (line_did(line, perp_scheduler_flatten(perp_core_scheduler(line->run->core), &line->call,
                                              exchange, line_text(line, "base"), &key, &result))) {
        put_flattened(line, &result, true);
        put_flattened(line, &result, false);
    }
    free(result.items);
}

void scenario_accept_position(struct line *line) {
    perp_instrument_id instrument = line_instrument(line);
    if (line_ready(line))
        (void)line_did(line, perp_accept_position(line->run->core, &line->call, instrument));
}

void scenario_resolve(struct line *line) {
    if (line_ready(line))
        (void)line_did(line, perp_resolve(line->run->core, &line->call, line_text(line, "base")));
}

void scenario_resume_repair(struct line *line) {
    if (line_ready(line))
        (void)line_did(line,
                       perp_resume_repair(line->run->core, &line->call, line_text(line, "base")));
}

static void put_lots(struct line *line, cJSON *entry, perp_instrument_id instrument, uint32_t n) {
    perp_lot_state *lots = calloc(n + 1, sizeof *lots);
    cJSON *list = put_list(line, entry, "lots");
    uint32_t count = 0;
    if (!lots) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    if (line_did(line, perp_positions_lots(positions_of(line), instrument, lots, n, &count)))
        for (uint32_t i = 0; i < n && i < count; i++) {
            cJSON *lot = add_object(line, list);
            put_uuid(line, lot, "job_id", &lots[i].job_id);
            put_count(line, lot, "leg", lots[i].leg);
            put_number(line, lot, "quantity", lots[i].quantity);
            put_number(line, lot, "price", lots[i].price);
            put_money(line, lot, "used", lots[i].used);
        }
    free(lots);
}

static void put_position(struct line *line, cJSON *list, perp_instrument_id instrument,
                         const perp_instrument_spec *spec) {
    perp_position_state state = {.struct_size = sizeof state};
    char exchange[PERP_NAME_SIZE];
    if (!line_did(line, perp_positions_query(positions_of(line), instrument, line->call.now_ns,
                                             &state)) ||
        (state.quantity == 0 && state.unexplained == 0 && state.n_lots == 0))
        return;
    cJSON *entry = add_object(line, list);
    exchange_name(line, spec->exchange, exchange);
    put_text(line, entry, "exchange", exchange);
    put_text(line, entry, "symbol", spec->symbol);
    put_number(line, entry, "quantity", state.quantity);
    put_number(line, entry, "entry_price", state.entry_price);
    put_number(line, entry, "foreign", state.foreign);
    put_number(line, entry, "unexplained", state.unexplained);
    put_flag(line, entry, "latched", state.latched);
    put_flag(line, entry, "known", state.known);
    put_lots(line, entry, instrument, state.n_lots);
}

void scenario_positions(struct line *line) {
    perp_exchange_id only = line_exchange(line);
    if (!line_ready(line))
        return;
    cJSON *list = put_list(line, line->answer, "positions");
    for (uint32_t i = 0; i < perp_instrument_count(line->run->core); i++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        if (line_did(line, perp_instrument_get(line->run->core, i, &spec)) &&
            (only == PERP_ALL_EXCHANGES || spec.exchange == only))
            put_position(line, list, i, &spec);
    }
}

void scenario_bases(struct line *line) {
    if (!line_ready(line))
        return;
    cJSON *bases = put_object(line, line->answer, "bases");
    for (uint32_t i = 0; i < perp_positions_base_count(positions_of(line)); i++) {
        perp_base_state state = {.struct_size = sizeof state};
        if (!line_did(line,
                      perp_positions_base(positions_of(line), i, line->call.now_ns, &state)) ||
            (state.gross == 0 && state.naked == 0))
            continue;
        cJSON *base = put_object(line, bases, state.base);
        put_number(line, base, "net", state.net);
        put_number(line, base, "gross", state.gross);
        put_number(line, base, "naked", state.naked);
        put_flag(line, base, "is_naked", state.is_naked);
        if (state.has_repair)
            put_uuid(line, base, "repair", &state.repair);
        else
            put_text(line, base, "repair", NULL);
    }
}
