/* The ops of the registry and of capital. */
#include "scenario.h"

#include <float.h>
#include <stdlib.h>

#include "util/json.h"

static perp_capital *capital_of(const struct line *line) {
    return perp_core_capital(line->run->core);
}

/* What the line gives of an exchange; the rest stays as it is in the spec. */
static void read_exchange(struct line *line, perp_exchange_spec *spec) {
    line_name(line, "venue", spec->venue);
    spec->taker_fee_bps = line_number(line, "taker_fee_bps", spec->taker_fee_bps);
    spec->maker_fee_bps = line_number(line, "maker_fee_bps", spec->maker_fee_bps);
    spec->liquidation_fee_bps = line_number(line, "liquidation_fee_bps", spec->liquidation_fee_bps);
    if (line_has(line, "max_concurrent"))
        spec->max_concurrent = line_limit(line, "max_concurrent");
    if (line_has(line, "max_notional"))
        spec->max_notional = line_money_limit(line, "max_notional");
    spec->margin_mode =
        line_choice(line, "margin_mode", perp_margin_string, PERP_MARGIN_COUNT, spec->margin_mode);
    spec->client_id_format = line_choice(line, "client_id_format", perp_client_id_format_string,
                                         PERP_CLIENT_ID_FORMAT_COUNT, spec->client_id_format);
    line_name(line, "client_id_prefix", spec->client_id_prefix);
    spec->order_rate_per_s = line_number(line, "order_rate_per_s", spec->order_rate_per_s);
    spec->order_burst =
        (uint32_t)line_integer(line, "order_burst", 0, UINT32_MAX, spec->order_burst);
}

void scenario_exchange(struct line *line) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    line_name(line, "name", spec.name);
    read_exchange(line, &spec);
    if (line_ready(line))
        (void)line_did(line, perp_exchange_add(line->run->core, &spec, &id));
}

void scenario_exchange_update(struct line *line) {
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    perp_exchange_id id = 0;
    if (!line_did(line, perp_exchange_find(line->run->core, line_text(line, "name"), &id)) ||
        !line_did(line, perp_exchange_get(line->run->core, id, &spec)))
        return;
    read_exchange(line, &spec);
    if (line_ready(line))
        (void)line_did(line, perp_exchange_update(line->run->core, &line->call, &spec));
}

/* The tiers of an instrument, to be freed; NULL: none, or the line failed. */
static perp_tier *read_tiers(struct line *line, uint32_t *n_tiers) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(line->json, "tiers");
    const cJSON *entry;
    perp_tier *tiers;
    uint32_t n = 0;
    if (!list)
        return NULL;
    tiers = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *tiers);
    if (!tiers)
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    cJSON_ArrayForEach(entry, list) {
        if (line->status != PERP_OK || !line_enter(line, entry, "tiers", n, SCENARIO_TIER_FIELDS))
            break;
        tiers[n].floor = line_number(line, "floor", 0);
        tiers[n].cap = line_number(line, "cap", DBL_MAX);
        tiers[n].mmr = line_number(line, "mmr", 0);
        tiers[n].amount = line_number(line, "amount", 0);
        tiers[n].max_leverage = line_number(line, "max_leverage", 0);
        n++;
    }
    line_leave(line);
    *n_tiers = n;
    return tiers;
}

/* What the line gives of an instrument; the rest stays as it is in the spec. tiers: to be freed. */
static perp_tier *read_instrument(struct line *line, perp_instrument_spec *spec) {
    uint32_t n_tiers = 0;
    perp_tier *tiers = read_tiers(line, &n_tiers);
    if (tiers) {
        spec->tiers = tiers;
        spec->n_tiers = n_tiers;
    }
    line_name(line, "base", spec->base);
    line_name(line, "contract", spec->contract);
    line_name(line, "quote", spec->quote);
    spec->kind = line_choice(line, "kind", perp_kind_string, PERP_KIND_COUNT, spec->kind);
    spec->qty_step = line_number(line, "qty_step", spec->qty_step);
    spec->price_tick = line_number(line, "price_tick", spec->price_tick);
    spec->min_qty = line_number(line, "min_qty", spec->min_qty);
    spec->min_notional = line_money(line, "min_notional", spec->min_notional);
    spec->funding_interval_h = line_number(line, "funding_interval_h", spec->funding_interval_h);
    spec->taker_fee_bps = line_number(line, "taker_fee_bps", spec->taker_fee_bps);
    spec->maker_fee_bps = line_number(line, "maker_fee_bps", spec->maker_fee_bps);
    if (line_has(line, "can_borrow"))
        spec->can_borrow = line_flag(line, "can_borrow");
    spec->max_position_usd = line_money(line, "max_position_usd", spec->max_position_usd);
    return tiers;
}

void scenario_instrument(struct line *line) {
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = line_exchange(line);
    line_name(line, "symbol", spec.symbol);
    perp_tier *tiers = read_instrument(line, &spec);
    if (line_ready(line))
        (void)line_did(line, perp_instrument_add(line->run->core, &spec, &id));
    free(tiers);
}

void scenario_instrument_update(struct line *line) {
    perp_instrument_spec spec = {.struct_size = sizeof spec};
    perp_instrument_id id = line_instrument(line);
    if (line->status != PERP_OK || !line_did(line, perp_instrument_get(line->run->core, id, &spec)))
        return;
    perp_tier *tiers = read_instrument(line, &spec);
    if (line_ready(line))
        (void)line_did(line, perp_instrument_update(line->run->core, &line->call, &spec));
    free(tiers);
}

void scenario_equity(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_usd equity = line_money(line, "equity", 0);
    if (line_ready(line))
        (void)line_did(line,
                       perp_capital_update_equity(capital_of(line), &line->call, exchange, equity));
}

void scenario_transfer(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_usd amount = line_money(line, "amount", 0);
    if (line_ready(line))
        (void)line_did(line, perp_capital_transfer(capital_of(line), &line->call, exchange, amount,
                                                   line_flag(line, "in_equity")));
}

void scenario_reserve(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    uint32_t pool = line_choice(line, "pool", perp_pool_string, PERP_POOL_COUNT, 0);
    perp_usd amount = line_money(line, "amount", 0);
    perp_uuid key = line_uuid(line, "key");
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t id = 0;
    perp_status status;
    if (!line_ready(line))
        return;
    status = perp_capital_reserve(capital_of(line), &line->call, exchange, pool, amount,
                                  line_has(line, "key") ? &key : NULL, &id, &refusal);
    if (status == PERP_E_EXISTS)
        line->known_reservation = id;
    if (!line_did(line, status))
        return;
    if (refusal.reason != PERP_REASON_NONE)
        put_refusal(line, &refusal);
    else
        put_count(line, line->answer, "reservation", id);
}

static void put_reservation(struct line *line, cJSON *list, const perp_reservation *row) {
    char exchange[PERP_NAME_SIZE];
    cJSON *entry = add_object(line, list);
    exchange_name(line, row->exchange, exchange);
    put_count(line, entry, "reservation", row->id);
    put_text(line, entry, "exchange", exchange);
    put_text(line, entry, "pool", perp_pool_string(row->pool));
    put_money(line, entry, "in_flight", row->in_flight);
    put_money(line, entry, "used", row->used);
    if (row->has_job)
        put_uuid(line, entry, "job_id", &row->job_id);
    else
        put_text(line, entry, "job_id", NULL);
}

void scenario_reservations(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_capital *capital = capital_of(line);
    perp_reservation *rows;
    uint32_t count = 0;
    cJSON *list;
    if (!line_ready(line) ||
        !line_did(line, perp_capital_reservations(capital, exchange, NULL, 0, &count)))
        return;
    rows = calloc((size_t)count + 1, sizeof *rows);
    if (!rows) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return;
    }
    list = put_list(line, line->answer, "reservations");
    if (line_did(line, perp_capital_reservations(capital, exchange, rows, count, &count)))
        for (uint32_t i = 0; i < count; i++)
            put_reservation(line, list, &rows[i]);
    free(rows);
}

/* An id that fits no reservation is one that is not known. */
static uint64_t read_reservation(struct line *line) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, "reservation");
    uint64_t id = 0;
    if (!perp_json_uint64(item, &id))
        (void)line_fail(line, PERP_E_NOT_FOUND, "reservation: not known");
    line_addresses_reservation(line, id);
    return id;
}

void scenario_confirm(struct line *line) {
    perp_usd amount = line_money(line, "amount", 0);
    uint64_t id = read_reservation(line);
    if (line_ready(line))
        (void)line_did(line, perp_capital_confirm(capital_of(line), &line->call, id, amount));
}

void scenario_release(struct line *line) {
    perp_usd amount = line_money(line, "amount", 0);
    uint64_t id = read_reservation(line);
    if (line_ready(line))
        (void)line_did(line, perp_capital_release(capital_of(line), &line->call, id, amount));
}

void scenario_pnl(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_usd pnl = line_money(line, "pnl", 0);
    perp_usd volume = line_money(line, "volume", 0);
    perp_usd fees = line_money(line, "fees", 0);
    perp_uuid key = line_uuid(line, "key");
    if (line_ready(line))
        (void)line_did(line,
                       perp_capital_record_pnl(capital_of(line), &line->call, exchange, pnl, volume,
                                               fees, line_has(line, "key") ? &key : NULL));
}

void scenario_safe_mode(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    if (line_ready(line))
        (void)line_did(line, perp_capital_set_safe_mode(capital_of(line), &line->call, exchange,
                                                        line_flag(line, "enabled")));
}

void scenario_set_day_offset(struct line *line) {
    int32_t minutes = (int32_t)line_integer(line, "minutes", INT32_MIN, INT32_MAX, 0);
    if (line_ready(line))
        (void)line_did(line, perp_capital_set_day_offset(capital_of(line), &line->call, minutes));
}

void scenario_correct(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    perp_usd day_start = line_money(line, "day_start", 0);
    perp_usd high_water = line_money(line, "high_water", 0);
    if (line_ready(line))
        (void)line_did(line,
                       perp_capital_correct(capital_of(line), &line->call, exchange, day_start,
                                            line_has(line, "high_water") ? &high_water : NULL));
}

static void put_day(struct line *line, cJSON *state, const char *name,
                    const perp_day_figures *day) {
    cJSON *object = put_object(line, state, name);
    put_money(line, object, "pnl", day->pnl);
    put_money(line, object, "volume", day->volume);
    put_money(line, object, "fees", day->fees);
    put_money(line, object, "funding", day->funding);
}

static void put_capital(struct line *line, cJSON *exchanges, perp_exchange_id exchange) {
    perp_capital_state state = {.struct_size = sizeof state};
    char name[PERP_NAME_SIZE];
    cJSON *object;
    cJSON *pools;
    if (!line_did(line, perp_capital_snapshot(capital_of(line), exchange, &state)))
        return;
    exchange_name(line, exchange, name);
    object = put_object(line, exchanges, name);
    put_money(line, object, "equity", state.equity);
    put_money(line, object, "high_water", state.high_water);
    put_number(line, object, "drawdown", state.drawdown);
    put_flag(line, object, "safe_mode", state.safe_mode);
    put_money(line, object, "day_start", state.day_start_equity);
    put_day(line, object, "today", &state.today);
    put_day(line, object, "yesterday", &state.yesterday);
    put_money(line, object, "total_in_flight", state.total_in_flight);
    put_money(line, object, "total_used", state.total_used);
    put_money(line, object, "overcommitted", state.overcommitted);
    pools = put_object(line, object, "pools");
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        cJSON *entry = put_object(line, pools, perp_pool_string(pool));
        put_money(line, entry, "budget", state.pools[pool].budget);
        put_money(line, entry, "in_flight", state.pools[pool].in_flight);
        put_money(line, entry, "used", state.pools[pool].used);
        put_money(line, entry, "available", state.pools[pool].available);
    }
}

static void put_loss(struct line *line) {
    perp_risk_state state = {.struct_size = sizeof state};
    cJSON *loss;
    if (!line_did(line, perp_risk_query(perp_core_risk(line->run->core), &state)))
        return;
    loss = put_object(line, line->answer, "loss");
    put_money(line, loss, "usd", state.loss_usd);
    put_money(line, loss, "scaled", state.loss_scaled);
    put_money(line, loss, "scaled_start", state.scaled_start);
    put_money(line, loss, "peak", state.peak);
    put_flag(line, loss, "reached", state.daily_loss_reached);
}

void scenario_capital(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    uint32_t count = perp_exchange_count(line->run->core);
    cJSON *exchanges;
    if (!line_ready(line))
        return;
    exchanges = put_object(line, line->answer, "exchanges");
    for (perp_exchange_id id = 0; id < count; id++)
        if (exchange == PERP_ALL_EXCHANGES || exchange == id)
            put_capital(line, exchanges, id);
    put_loss(line);
}

void scenario_headroom(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    uint32_t pool = line_choice(line, "pool", perp_pool_string, PERP_POOL_COUNT, 0);
    perp_usd amount = 0;
    uint32_t bound_by = PERP_REASON_NONE;
    if (!line_ready(line) || !line_did(line, perp_capital_headroom(capital_of(line), exchange, pool,
                                                                   &amount, &bound_by)))
        return;
    put_money(line, line->answer, "amount", amount);
    put_text(line, line->answer, "bound_by", perp_reason_string(bound_by));
}
