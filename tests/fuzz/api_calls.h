/* Bytes as calls of the public interface: each function takes what it needs and makes one. */
#ifndef FUZZ_API_CALLS_H
#define FUZZ_API_CALLS_H

#include "fuzz.h"

/* Of a few jobs and keys; also of a repair, as the book names it. */
static perp_uuid id_of(const perp_core *core, fuzz_bytes *bytes) {
    perp_uuid id;
    memset(&id, 0, sizeof id);
    id.bytes[15] = fuzz_byte(bytes) % 16;
    if (fuzz_byte(bytes) % 4 == 0) {
        perp_base_state base;
        base.struct_size = sizeof base;
        if (perp_positions_base(perp_core_positions((perp_core *)(uintptr_t)core), id.bytes[15] % 2,
                                FUZZ_START, &base) == PERP_OK &&
            base.has_repair) {
            return base.repair;
        }
    }
    return id;
}

/* Small and large amounts of both signs. */
static perp_usd amount_of(fuzz_bytes *bytes) {
    uint8_t kind = fuzz_byte(bytes);
    if (kind < 8) {
        return (perp_usd)fuzz_word(bytes, 8);
    }
    return (perp_usd)(int16_t)fuzz_word(bytes, 2) * (kind < 128 ? PERP_USD : 1);
}

static double number_of(fuzz_bytes *bytes) {
    uint8_t kind = fuzz_byte(bytes);
    if (kind < 8) {
        uint64_t word = fuzz_word(bytes, 8);
        double number;
        memcpy(&number, &word, sizeof number);
        return number;
    }
    return (double)fuzz_word(bytes, 2) / (kind < 128 ? 64 : 1);
}

static void job_of(const perp_core *core, fuzz_bytes *bytes, perp_job *job) {
    perp_job_init(job);
    job->job_id = id_of(core, bytes);
    job->strategy = fuzz_byte(bytes) % 4;
    job->n_legs = fuzz_byte(bytes) % 5;
    job->expected_edge_bps = 100;
    job->notional = amount_of(bytes);
    for (uint32_t i = 0; i < job->n_legs; i++) {
        job->legs[i].instrument = fuzz_byte(bytes) % 5;
        job->legs[i].side = (i + (fuzz_byte(bytes) < 16)) % 2;
        job->legs[i].quantity = number_of(bytes);
        if (fuzz_byte(bytes) < 200 && job->legs[i].quantity > 0 && job->legs[i].quantity < 1000) {
            /* Mostly what belongs to the quantity, or nothing would ever be accepted. */
            double mid = job->legs[i].instrument % 2 == 0 ? 50002.5 : 2500.125;
            job->legs[i].notional = (perp_usd)(job->legs[i].quantity * mid * 1e6);
        }
    }
    job->priority = (int8_t)fuzz_byte(bytes);
    job->ttl_ms = (int64_t)fuzz_word(bytes, 2) - 1;
    if (fuzz_byte(bytes) % 8 == 1) {
        job->closes = id_of(core, bytes);
    }
    job->holding_hours = fuzz_byte(bytes) % 16 == 1 ? number_of(bytes) : 0;
    job->created_at_ns = fuzz_byte(bytes) % 16 == 1
                             ? FUZZ_START - (int64_t)fuzz_word(bytes, 3) * INT64_C(1000000000)
                             : PERP_TIME_NONE;
}

static void result_of(fuzz_bytes *bytes, perp_job_result *result) {
    perp_job_result_init(result);
    result->status = fuzz_byte(bytes) % 4;
    result->n_legs = fuzz_byte(bytes) % 4;
    result->has_totals = fuzz_byte(bytes) % 2;
    result->dispatch = fuzz_byte(bytes) % 8 == 1 ? fuzz_byte(bytes) : 0;
    result->flat = fuzz_byte(bytes) % 4 == 1;
    result->pnl = amount_of(bytes);
    result->volume = amount_of(bytes);
    result->fees = amount_of(bytes);
    for (uint32_t i = 0; i < result->n_legs; i++) {
        result->legs[i].filled = number_of(bytes);
        result->legs[i].price = number_of(bytes);
        result->legs[i].fee = amount_of(bytes);
    }
}

/* What is told of legs: mostly what a job of the fuzzer may have, with a time and a pnl or not. */
static uint32_t legs_of(fuzz_bytes *bytes, perp_leg_result *legs, int64_t now) {
    uint32_t n = fuzz_byte(bytes) % 5;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t how = fuzz_byte(bytes);
        legs[i].filled = how < 128 ? (double)fuzz_byte(bytes) / 64 : number_of(bytes);
        legs[i].price = how < 240 ? 50000 - fuzz_byte(bytes) : number_of(bytes);
        legs[i].fee = fuzz_byte(bytes);
        legs[i].has_pnl = how % 4 == 1;
        legs[i].pnl = legs[i].has_pnl ? amount_of(bytes) : 0;
        legs[i].known = how % 32 != 2;
        legs[i].time_ns =
            how % 4 == 2 ? now - fuzz_byte(bytes) * INT64_C(100000000) : PERP_TIME_NONE;
    }
    return n;
}

/* What would be reserved is: of all legs or none. */
static perp_status reserve_for_job(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_capital *capital = perp_core_capital(core);
    perp_refusal refusal = {.struct_size = sizeof refusal};
    perp_job job;
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n = PERP_MAX_LEGS;
    job_of(core, bytes, &job);
    perp_status can = perp_capital_can_reserve_for_job(capital, &job, &refusal);
    perp_status status = perp_capital_reserve_for_job(capital, call, &job, ids, &n, &refusal);
    must(status != PERP_OK || (can == PERP_OK && n <= job.n_legs), core);
    return status;
}

static perp_status money_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_capital *capital = perp_core_capital(core);
    perp_exchange_id x = fuzz_byte(bytes) % 3;
    perp_refusal refusal;
    uint64_t id;
    perp_uuid key = id_of(core, bytes);
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    switch (fuzz_byte(bytes) % 14) {
    case 10:
        return reserve_for_job(core, call, bytes);
    case 11:
        return perp_capital_reserve_for_wash(capital, call, x, amount_of(bytes), &key, &id,
                                             &refusal);
    case 12:
        return perp_capital_reserve_for_arb(capital, call, x, amount_of(bytes), &key, &id,
                                            &refusal);
    case 0:
        return perp_capital_update_equity(capital, call, x, amount_of(bytes));
    case 1:
        return perp_capital_transfer(capital, call, x, amount_of(bytes), fuzz_byte(bytes) % 3);
    case 2: {
        perp_usd high_water = amount_of(bytes);
        return perp_capital_correct(capital, call, x, amount_of(bytes),
                                    fuzz_byte(bytes) % 2 ? &high_water : NULL);
    }
    case 3:
        return perp_capital_set_safe_mode(capital, call, x, fuzz_byte(bytes) % 2);
    case 4: {
        perp_usd pnl = amount_of(bytes), volume = amount_of(bytes);
        return perp_capital_record_pnl(capital, call, x, pnl, volume, amount_of(bytes),
                                       fuzz_byte(bytes) % 2 ? &key : NULL);
    }
    case 5:
    case 6:
        return perp_capital_reserve(capital, call, x, fuzz_byte(bytes) % 4, amount_of(bytes),
                                    fuzz_byte(bytes) % 2 ? &key : NULL, &id, &refusal);
    case 7:
        return perp_capital_confirm(capital, call, fuzz_byte(bytes), amount_of(bytes));
    case 8:
        return perp_capital_set_day_offset(capital, call, (int16_t)fuzz_word(bytes, 2));
    default:
        return perp_capital_release(capital, call, fuzz_byte(bytes), amount_of(bytes));
    }
}

static perp_position_report position_of(fuzz_bytes *bytes) {
    perp_position_report position = {fuzz_byte(bytes) % 5, fuzz_byte(bytes) % 4, 0, 0, 0, 0};
    position.quantity = number_of(bytes);
    position.entry_price = fuzz_byte(bytes) % 2 ? number_of(bytes) : 0;
    position.leverage = fuzz_byte(bytes) % 4 == 1 ? number_of(bytes) : 0;
    position.liquidation_price = fuzz_byte(bytes) % 4 == 1 ? number_of(bytes) : 0;
    return position;
}

/* Money and trades that no job made. */
static perp_status booking_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_uuid key = id_of(core, bytes);
    perp_recorded_fill fill;
    if (fuzz_byte(bytes) % 2) {
        uint32_t kind = fuzz_byte(bytes) % 8;
        perp_instrument_id i = fuzz_byte(bytes) % 6;
        return perp_record_cash(core, call, fuzz_byte(bytes) % 3, kind, amount_of(bytes), &key,
                                i < 5 ? i : PERP_NO_ID);
    }
    perp_recorded_fill_init(&fill);
    fill.instrument = fuzz_byte(bytes) % 5;
    fill.side = fuzz_byte(bytes) % 3;
    fill.quantity = number_of(bytes);
    fill.price = fill.instrument % 2 == 0 ? 50000 : 2500;
    if (fuzz_byte(bytes) < 32) {
        fill.price = number_of(bytes);
    }
    fill.fee = amount_of(bytes);
    fill.has_pnl = fuzz_byte(bytes) % 4 == 1;
    fill.pnl = fill.has_pnl ? amount_of(bytes) : 0;
    fill.time_ns = fuzz_byte(bytes) % 2 ? call->now_ns - fuzz_byte(bytes) * INT64_C(100000000)
                                        : PERP_TIME_NONE;
    fill.key = key;
    return perp_record_fill(core, call, &fill);
}

/* The way out: of everything, of a base, of what a job has open. */
static perp_status exit_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    static const char *const bases[] = {"BTC", "ETH", "NONE", NULL};
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_uuid key = id_of(core, bytes);
    perp_flatten_item items[2];
    perp_flatten_result result;
    perp_job job;
    perp_status status;
    if (fuzz_byte(bytes) % 2) {
        perp_exchange_id x = fuzz_byte(bytes) % 4;
        perp_flatten_result_init(&result);
        result.capacity = fuzz_byte(bytes) % 3;
        result.items = items;
        return perp_scheduler_flatten(scheduler, call, x < 3 ? x : PERP_ALL_EXCHANGES,
                                      bases[fuzz_byte(bytes) % 4], &key, &result);
    }
    perp_job_init(&job);
    status = perp_job_fill_exit(core, call->now_ns, &key,
                                fuzz_byte(bytes) % 4 ? (double)fuzz_byte(bytes) / 255 : 1, &job);
    if (status == PERP_OK) {
        job.job_id = id_of(core, bytes);
        status = perp_scheduler_submit(scheduler, call, &job);
    }
    return status;
}

static perp_status position_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    static const char *const bases[] = {"BTC", "ETH", "NONE"};
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_uuid id = id_of(core, bytes);
    perp_job_result result;
    perp_position_report positions[2] = {position_of(bytes), position_of(bytes)};
    perp_account_report account;
    const char *base = bases[fuzz_byte(bytes) % 3];
    int64_t time_ns = call->now_ns - fuzz_byte(bytes) * INT64_C(100000000);
    perp_job_result_init(&result);
    switch (fuzz_byte(bytes) % 8) {
    case 0:
        result.n_legs = legs_of(bytes, result.legs, call->now_ns);
        return perp_scheduler_progress(scheduler, call, &id, result.legs, result.n_legs);
    case 1:
        result.n_legs = legs_of(bytes, result.legs, call->now_ns);
        return perp_scheduler_amend(scheduler, call, &id, result.legs, result.n_legs);
    case 2:
        result.status = fuzz_byte(bytes) % 4;
        result.n_legs = legs_of(bytes, result.legs, call->now_ns);
        return perp_scheduler_finish(scheduler, call, &id, &result, NULL);
    case 3:
        perp_account_report_init(&account);
        account.exchange = fuzz_byte(bytes) % 4;
        account.time_ns = fuzz_byte(bytes) % 2 ? time_ns : PERP_TIME_NONE;
        account.has_equity = fuzz_byte(bytes) % 2;
        account.equity = amount_of(bytes);
        account.n_positions = fuzz_byte(bytes) % 3;
        account.positions = positions;
        return perp_account(core, call, &account);
    case 4:
        return perp_accept_position(core, call, positions[0].instrument);
    case 5:
        return perp_resolve(core, call, base);
    case 6:
        return perp_resume_repair(core, call, base);
    default:
        return perp_position(core, call, &positions[0], time_ns);
    }
}

static perp_status job_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_uuid id = id_of(core, bytes);
    perp_job job;
    perp_job_result result;
    switch (fuzz_byte(bytes) % 11) {
    case 0:
    case 1:
        job_of(core, bytes, &job);
        return perp_scheduler_submit(scheduler, call, &job);
    case 2:
    case 3:
        return perp_scheduler_tick(scheduler, call, NULL);
    case 4:
        return perp_scheduler_cancel(scheduler, call, &id);
    case 5:
        return perp_scheduler_requeue(scheduler, call, &id);
    case 6:
        return perp_resume_repair(core, call, "BTC");
    case 7:
        return perp_scheduler_close(scheduler, call, &id, amount_of(bytes), 5, 1);
    case 8:
        perp_job_init(&job);
        job.job_id = id;
        job.notional = amount_of(bytes);
        if (perp_job_fill_hedge(core, call->now_ns, fuzz_byte(bytes) % 4, fuzz_byte(bytes) % 4,
                                &job) == PERP_OK) {
            return perp_scheduler_submit(scheduler, call, &job);
        }
        return perp_scheduler_tick(scheduler, call, NULL);
    default:
        result_of(bytes, &result);
        return perp_scheduler_finish(scheduler, call, &id, &result, NULL);
    }
}

static perp_status control_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_risk *risk = perp_core_risk(core);
    perp_uuid id = id_of(core, bytes);
    uint32_t on = fuzz_byte(bytes) % 2;
    perp_limits limits;
    switch (fuzz_byte(bytes) % 14) {
    case 0:
        return perp_risk_set_mode(risk, call, fuzz_byte(bytes) % 4);
    case 1:
        return perp_risk_manual_override(risk, call, on, amount_of(bytes),
                                         fuzz_byte(bytes) % 2 ? &id : NULL);
    case 2:
        return perp_risk_blacklist(risk, call, "BTC/USDT:USDT", on);
    case 3: {
        perp_exchange_id x = fuzz_byte(bytes) % 4;
        perp_uuid cancel[2];
        uint32_t count;
        return perp_scheduler_kill(scheduler, call, on, x < 3 ? x : PERP_ALL_EXCHANGES, cancel, 2,
                                   &count);
    }
    case 4:
        return perp_scheduler_pause(scheduler, call);
    case 5:
    case 6:
        return perp_scheduler_resume(scheduler, call);
    case 7:
        return perp_risk_reset_halt(risk, call);
    case 8:
        return perp_risk_record_failure(risk, call, fuzz_byte(bytes) % 3);
    case 9:
        return perp_core_advance(core, call);
    case 10:
        return perp_risk_halt_instrument(risk, call, fuzz_byte(bytes) % 5, on);
    case 11:
        return perp_risk_set_collateral(risk, call, fuzz_byte(bytes) % 3,
                                        fuzz_byte(bytes) % 2 ? "BTC" : "DOGE", number_of(bytes),
                                        (double)fuzz_byte(bytes) / 255);
    case 12:
        return perp_risk_record_success(risk, call, fuzz_byte(bytes) % 3);
    default:
        perp_limits_init(&limits);
        limits.max_global_concurrent_jobs = fuzz_byte(bytes);
        limits.max_dispatch_per_minute = fuzz_byte(bytes);
        limits.exchange = fuzz_byte(bytes) % 3;
        limits.max_concurrent = fuzz_byte(bytes);
        limits.max_notional = amount_of(bytes);
        return perp_scheduler_set_limits(scheduler, call, &limits);
    }
}

/* Market data is no part of the hash, but for a host's word that an exchange is up, which closes
   its circuit. */
static perp_status market_call(perp_core *core, int64_t now, fuzz_bytes *bytes) {
    perp_market *market = perp_core_market(core);
    uint32_t i = fuzz_byte(bytes) % 5;
    perp_quote quote = {i, 0, now, 0, 100, 0, 100};
    perp_mark mark = {i, 0, now, 0};
    perp_trade trade = {i, 0, now, 0, 1};
    perp_funding funding = {i, fuzz_byte(bytes) % 2, now, 0, 0, now + 1000};
    perp_book_level levels[2] = {{0, 10}, {0, 10}};
    switch (fuzz_byte(bytes) % 12) {
    case 0:
        quote.bid = number_of(bytes);
        quote.ask = number_of(bytes);
        return perp_market_on_quote(market, &quote);
    case 1:
        mark.price = number_of(bytes);
        return perp_market_on_mark(market, &mark);
    case 2:
        funding.rate = number_of(bytes);
        funding.interval_h = number_of(bytes);
        return perp_market_on_funding(market, &funding);
    case 3:
        funding.rate = ((double)fuzz_byte(bytes) - 128) / 100000;
        funding.interval_h = 8;
        funding.next_ns = now + (int64_t)fuzz_byte(bytes) * INT64_C(120000000000);
        return perp_market_on_funding(market, &funding);
    case 4:
        trade.price = number_of(bytes);
        return perp_market_on_trade(market, &trade);
    case 5: {
        const perp_book book = {i, 1, 1, 0, now, &levels[0], &levels[1]};
        levels[0].price = number_of(bytes);
        levels[1].price = number_of(bytes);
        return perp_market_on_book(market, &book);
    }
    case 6: {
        const perp_withdrawal withdrawal = {i, 0, now};
        return perp_market_on_withdraw(market, &withdrawal);
    }
    case 7: {
        const perp_exchange_status status = {i % 3, fuzz_byte(bytes) % 4, now};
        return perp_market_on_status(market, &status);
    }
    case 8: {
        const perp_latency latency = {i % 3, 0, now, number_of(bytes)};
        return perp_market_on_latency(market, &latency);
    }
    case 9: {
        const perp_rate rate = {"USDT", now, number_of(bytes)};
        return perp_market_on_rate(market, &rate);
    }
    default:
        quote.bid = i % 2 == 0 ? 50000 : 2500;
        quote.ask = quote.bid * 1.0001;
        return perp_market_on_quote(market, &quote);
    }
}

/* What was registered changes, and settings. */
static perp_status update_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    static const char *const settings[] = {
        "{\"risk\":{\"max_depeg_bps\":20,\"max_account_leverage\":1}}",
        "{\"scheduler\":{\"history_size\":2,\"auto_repair\":false}}",
        "{\"scheduler\":{\"history_size\":9,\"auto_repair\":true,\"repair_backoff_ms\":0}}",
        "{\"capital\":{\"wash_pct\":0.5,\"arb_pct\":0.3,\"reserve_pct\":0.2}}",
        "{\"capital\":{\"wash_pct\":0.5}}"};
    static const perp_tier tiers[] = {{0, 1000, 0.01, 0, 50}, {1000, 1e7, 0.05, 40, 3}};
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    uint8_t which = fuzz_byte(bytes) % 8;
    if (which < 5) {
        return perp_core_reconfigure(core, call, settings[which], strlen(settings[which]));
    }
    if (which == 5) {
        exchange.struct_size = sizeof exchange;
        if (perp_exchange_get(core, fuzz_byte(bytes) % 2, &exchange) != PERP_OK) {
            return PERP_OK;
        }
        exchange.taker_fee_bps = number_of(bytes);
        exchange.max_concurrent = fuzz_byte(bytes) % 4;
        exchange.max_notional = amount_of(bytes);
        exchange.margin_mode = fuzz_byte(bytes) % 3;
        return perp_exchange_update(core, call, &exchange);
    }
    instrument.struct_size = sizeof instrument;
    if (perp_instrument_get(core, fuzz_byte(bytes) % 4, &instrument) != PERP_OK) {
        return PERP_OK;
    }
    instrument.qty_step = fuzz_byte(bytes) % 2 ? 0.01 : 0;
    instrument.min_qty = fuzz_byte(bytes) % 4 == 1 ? number_of(bytes) : 0;
    instrument.min_notional = fuzz_byte(bytes) * PERP_USD;
    instrument.max_position_usd = amount_of(bytes);
    instrument.tiers = tiers;
    instrument.n_tiers = fuzz_byte(bytes) % 3;
    return perp_instrument_update(core, call, &instrument);
}

/* ---- Orders -------------------------------------------------------------------------------------
 */

static perp_order_request request_of(const perp_core *core, fuzz_bytes *bytes) {
    perp_order_request request;
    uint8_t how = fuzz_byte(bytes);
    perp_order_request_init(&request);
    request.job_id = id_of(core, bytes);
    request.leg = fuzz_byte(bytes) % 3;
    request.reduce_only = how % 8 == 1;
    request.type = how % 16 == 2 ? fuzz_byte(bytes) % 3 : how % 4 == 0;
    request.tif = how % 16 == 3 ? fuzz_byte(bytes) % 5 : (uint32_t)PERP_TIF_DEFAULT;
    request.quantity = how < 200 ? (double)fuzz_byte(bytes) / 64 : number_of(bytes);
    if (request.type == PERP_ORDER_LIMIT) {
        request.price = how % 2 ? 50000 : 2500;
    }
    if (how > 240) {
        request.price = number_of(bytes);
    }
    return request;
}

static perp_status tell_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    static const char *const words[] = {"a", "b", "c", "", "\xff\xfe", "a word of an exchange"};
    char client_id[PERP_NAME_SIZE];
    perp_order_news news;
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    uint8_t how = fuzz_byte(bytes);
    perp_order_news_init(&news);
    news.kind = how < 240 ? how % PERP_NEWS_COUNT : how;
    news.order = fuzz_byte(bytes) % 24;
    if (news.order == 0) {
        const perp_uuid job = id_of(core, bytes);
        if (perp_orders_client_id(perp_core_orders(core), 0, &job, fuzz_byte(bytes) % 2,
                                  1 + fuzz_byte(bytes) % 4, client_id) == PERP_OK) {
            news.client_id = client_id;
        }
    }
    if (news.kind == PERP_NEWS_FILL) {
        news.fill_id = words[fuzz_byte(bytes) % (how < 200 ? 3 : 6)];
    }
    if (how % 16 < 2) {
        news.exchange_id = words[fuzz_byte(bytes) % 6];
    }
    news.text = how % 2 ? words[fuzz_byte(bytes) % 6] : NULL;
    if (news.kind == PERP_NEWS_FILL || news.kind == PERP_NEWS_TOTAL) {
        uint8_t figures = fuzz_byte(bytes);
        news.quantity = figures < 220 ? (double)fuzz_byte(bytes) / 64 : number_of(bytes);
        news.price = figures < 240 ? 50000 - figures : number_of(bytes);
        news.fee = figures % 2 ? figures : amount_of(bytes);
        news.has_pnl = figures % 4 == 1;
        news.pnl = news.has_pnl ? amount_of(bytes) : 0;
        news.time_ns = figures % 4 == 2 ? call->now_ns - fuzz_byte(bytes) * INT64_C(100000000)
                                        : PERP_TIME_NONE;
    }
    return perp_orders_tell(perp_core_orders(core), call, &news, &outcome);
}

static perp_status list_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_orders *orders = perp_core_orders(core);
    char ids[4][PERP_NAME_SIZE];
    const char *listed[4];
    uint64_t in_doubt[2];
    uint32_t foreign[2], n = fuzz_byte(bytes) % 5;
    perp_reconciled reconciled;
    for (uint32_t i = 0; i < n; i++) {
        perp_order_info info = {.struct_size = sizeof info};
        listed[i] = ids[i];
        strcpy(ids[i], "nobody's");
        if (perp_orders_get(orders, fuzz_byte(bytes) % 24, &info) == PERP_OK) {
            memcpy(ids[i], info.client_id, sizeof ids[i]);
        }
    }
    perp_reconciled_init(&reconciled);
    reconciled.in_doubt = in_doubt;
    reconciled.foreign = foreign;
    reconciled.capacity = reconciled.foreign_capacity = fuzz_byte(bytes) % 3;
    return perp_orders_reconcile(orders, call, fuzz_byte(bytes) % 3,
                                 call->now_ns - fuzz_byte(bytes) * INT64_C(100000000), listed, n,
                                 &reconciled);
}

static perp_status order_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_orders *orders = perp_core_orders(core);
    uint8_t which = fuzz_byte(bytes) % 20;
    perp_order_request requests[3];
    perp_order_answer answers[3];
    perp_job_result result;
    perp_exchange_spec exchange = {.struct_size = sizeof exchange};
    perp_uuid id;
    uint32_t n = which < 6 ? 1 : fuzz_byte(bytes) % 4;
    switch (which) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        for (uint32_t i = 0; i < n; i++) {
            requests[i] = request_of(core, bytes);
            perp_order_answer_init(&answers[i]);
        }
        return which < 6 ? perp_orders_place(orders, call, &requests[0], &answers[0])
                         : perp_orders_place_many(orders, call, requests, n, answers);
    case 8:
        id = id_of(core, bytes);
        return perp_orders_settled(orders, call, &id);
    case 9:
        return list_call(core, call, bytes);
    case 10:
        return perp_orders_cancel_sent(orders, call, fuzz_byte(bytes) % 24);
    case 11:
        id = id_of(core, bytes);
        perp_job_result_init(&result);
        result.from_orders = 1;
        return perp_scheduler_finish(perp_core_scheduler(core), call, &id, &result, NULL);
    case 12:
        return perp_risk_allow(perp_core_risk(core), call, n % 2 ? "BTC/*" : "ETH/USDT:USDT",
                               n ? fuzz_byte(bytes) % 3 : PERP_ALL_EXCHANGES,
                               fuzz_byte(bytes) % 4 ? PERP_ALL_STRATEGIES : fuzz_byte(bytes) % 4u,
                               fuzz_byte(bytes) % 2);
    case 13:
        if (perp_exchange_get(core, n % 2, &exchange) != PERP_OK) {
            return PERP_OK;
        }
        exchange.order_rate_per_s = fuzz_byte(bytes) % 2 ? fuzz_byte(bytes) : number_of(bytes);
        exchange.order_burst = fuzz_byte(bytes);
        return perp_exchange_update(core, call, &exchange);
    default:
        return tell_call(core, call, bytes);
    }
}

/* ---- What only reads
 * -----------------------------------------------------------------------------
 */

/* A buffer that is just large enough is filled, one that is a byte smaller is not. */
static void text_of(perp_core *core, fuzz_bytes *bytes) {
    static char text[1 << 18];
    perp_risk *risk = perp_core_risk(core);
    perp_evaluation evaluation;
    perp_job job;
    size_t length = 0, again = 0;
    must(perp_risk_describe_json(risk, NULL, 0, &length) == PERP_E_RANGE, core);
    must(length + 1 <= sizeof text, core);
    must(perp_risk_describe_json(risk, text, length, &again) == PERP_E_RANGE, core);
    must(perp_risk_describe_json(risk, text, length + 1, &again) == PERP_OK, core);
    must(again == length && strlen(text) == length, core);
    job_of(core, bytes, &job);
    perp_evaluation_init(&evaluation);
    if (perp_risk_evaluate(risk, perp_core_clock(core), &job, &evaluation) == PERP_OK) {
        must(perp_evaluation_json(core, &evaluation, text, sizeof text, &length) == PERP_OK, core);
        must(strlen(text) == length, core);
    }
}

/* What waits is evaluated by its id as by what it is. */
static perp_status job_read(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    perp_scheduler *scheduler = perp_core_scheduler(core);
    const perp_uuid id = id_of(core, bytes);
    perp_job_info info = {.struct_size = sizeof info};
    perp_evaluation evaluation;
    perp_status status = perp_scheduler_job(scheduler, &id, &info);
    perp_evaluation_init(&evaluation);
    perp_status evaluated = perp_scheduler_evaluate(scheduler, call->now_ns, &id, &evaluation);
    must((evaluated == PERP_OK) == (status == PERP_OK && info.state == PERP_JOB_PENDING), core);
    size_t size = 0;
    char metadata[8];
    perp_status told =
        perp_scheduler_job_metadata(scheduler, &id, metadata, sizeof metadata, &size);
    must(status == PERP_OK || told == status, core);
    return told;
}

static perp_status order_read(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    const perp_orders *orders = perp_core_orders(core);
    perp_order_info info = {.struct_size = sizeof info};
    perp_order_filter filter;
    uint64_t number = fuzz_byte(bytes) % 24, found = 0, numbers[4];
    uint32_t count;
    double price;
    perp_order_filter_init(&filter);
    must(perp_orders_list(orders, &filter, numbers, 4, &count) == PERP_OK, core);
    perp_orders_collar(orders, fuzz_byte(bytes) % 5, fuzz_byte(bytes) % 3, fuzz_byte(bytes) % 2,
                       call->now_ns, &price);
    perp_status status = perp_orders_get(orders, number, &info);
    if (status == PERP_OK) {
        must(perp_orders_find(orders, info.client_id, &found) == PERP_OK && found == number, core);
    }
    return status;
}

static perp_status monitor_read(perp_core *core, int64_t now) {
    static perp_monitor_state state;
    perp_alert alerts[4];
    perp_change changes[4];
    perp_latch latches[4];
    perp_core_stats stats = {.struct_size = sizeof stats};
    perp_exchange_state exchange = {.struct_size = sizeof exchange};
    perp_config config;
    uint32_t count;
    uint64_t seq = 0;
    state.struct_size = sizeof state;
    must(perp_monitor_snapshot(core, now, &state) == PERP_OK, core);
    must(perp_monitor_alerts(core, now, alerts, 4, &count) == PERP_OK, core);
    must(perp_monitor_watch(core, now) == PERP_OK, core);
    must(perp_monitor_changes(core, state.seq, changes, 4, &count) == PERP_OK && count == 0, core);
    must(perp_risk_latches(perp_core_risk(core), latches, 4, &count) == PERP_OK, core);
    must(perp_core_statistics(core, &stats) == PERP_OK && stats.events == state.seq, core);
    must(perp_market_query_exchange(perp_core_market(core), 0, now, &exchange) == PERP_OK, core);
    perp_config_init(&config);
    must(perp_core_config(core, &config) == PERP_OK, core);
    must(perp_core_flush(core) == PERP_OK, core);
    must(perp_core_flush_async(core, &seq) == PERP_OK && seq == state.seq, core);
    return perp_core_durable(core, &seq);
}

static perp_status read_call(perp_core *core, const perp_call *call, fuzz_bytes *bytes) {
    const uint64_t hash = perp_core_hash(core);
    perp_status status = PERP_OK;
    switch (fuzz_byte(bytes) % 4) {
    case 0:
        text_of(core, bytes);
        break;
    case 1:
        status = job_read(core, call, bytes);
        break;
    case 2:
        status = order_read(core, call, bytes);
        break;
    default:
        status = monitor_read(core, call->now_ns);
    }
    must(perp_core_hash(core) == hash, core);
    return status;
}

#endif
