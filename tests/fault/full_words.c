#include "full_words.h"

#include <float.h>
#include <string.h>

const perp_call *full_at(const struct full *f, int is_signed) {
    static perp_call call;
    perp_call_init(&call);
    call.now_ns = f->now;
    if (is_signed) {
        call.actor = "fault";
        call.reason = "a test";
    }
    return &call;
}

const perp_uuid *full_id(uint8_t n) {
    static perp_uuid ids[4];
    static unsigned at;
    perp_uuid *id = &ids[at++ % 4];
    memset(id, 0, sizeof *id);
    id->bytes[0] = 0x10;
    id->bytes[15] = n;
    return id;
}

/* Of BTC; no job's id where there is none. */
const perp_uuid *full_repair(const struct full *f) {
    static perp_uuid id;
    perp_base_state base = {.struct_size = sizeof base};
    if (perp_positions_base(perp_core_positions(f->core), 0, f->now, &base) != PERP_OK ||
        !base.has_repair)
        return full_id(255);
    id = base.repair;
    return &id;
}

/* ---- Market data ------------------------------------------------------------------------------
 */

static int is_eth(perp_instrument_id instrument) {
    return instrument == 1 || instrument == 3 || instrument == 5;
}

perp_quote full_quote(perp_instrument_id instrument, int64_t now_ns) {
    double bid = is_eth(instrument) ? 2500 : instrument == 6 ? 150 : 50000;
    return (perp_quote){instrument, 0, now_ns, bid, 1000, bid * 1.0001, 1000};
}

static void feed_more(struct full *f, perp_instrument_id i) {
    const perp_quote quote = full_quote(i, f->now);
    const perp_mark mark = {i, 0, f->now, quote.bid};
    const perp_funding funding = {i, 0, f->now, 0.00001, 8, f->now + 14400 * SECOND};
    (void)perp_market_on_mark(MARKET, &mark);
    if (i != 4)
        (void)perp_market_on_funding(MARKET, &funding);
}

void full_feed(struct full *f) {
    for (perp_instrument_id i = 0; i < perp_instrument_count(CORE); i++) {
        const perp_quote quote = full_quote(i, f->now);
        if (i != 6 && perp_market_on_quote(MARKET, &quote) == PERP_E_RANGE)
            (void)perp_market_on_quote(MARKET, &quote); /* a leap of the feed's clock: two agree */
        feed_more(f, i);
    }
}

perp_job full_job(uint8_t n, perp_instrument_id buy, perp_instrument_id sell) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = *full_id(n);
    job.notional = USD(12500);
    job.expected_edge_bps = 50;
    job.ttl_ms = 0;
    job.metadata = "what the host wants to keep";
    job.metadata_size = n % 2 ? 0 : 27;
    job.n_legs = 2;
    job.legs[0].instrument = buy;
    job.legs[0].side = PERP_SIDE_BUY;
    job.legs[1].instrument = sell;
    job.legs[1].side = PERP_SIDE_SELL;
    job.legs[0].quantity = job.legs[1].quantity = is_eth(buy) ? 5 : 0.25;
    return job;
}

/* ---- Calls with their arguments ---------------------------------------------------------------
 */

perp_status full_exchange(struct full *f, const char *name, const char *venue) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, name);
    strcpy(spec.venue, venue);
    spec.taker_fee_bps = 1;
    return perp_exchange_add(CORE, &spec, &id);
}

perp_status full_instrument(struct full *f, perp_exchange_id exchange, const char *symbol,
                            uint32_t kind, const char *contract, uint32_t pulled) {
    static const perp_tier tiers[2] = {{0, 1e6, 0.004, 0, 0}, {1e6, DBL_MAX, 0.01, 6000, 0}};
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    spec.kind = kind;
    spec.pulled = pulled;
    strcpy(spec.symbol, symbol);
    strcpy(spec.contract, contract);
    spec.tiers = kind == PERP_KIND_SPOT ? NULL : tiers;
    spec.n_tiers = kind == PERP_KIND_SPOT ? 0 : 2;
    return perp_instrument_add(CORE, &spec, &id);
}

perp_status full_reserve(struct full *f, uint32_t pool, const perp_uuid *key) {
    uint64_t id;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    return perp_capital_reserve(CAPITAL, CALL, A, pool, USD(100), key, &id, &refusal);
}

perp_status full_submit(struct full *f, uint8_t n, perp_instrument_id buy,
                        perp_instrument_id sell) {
    const perp_job job = full_job(n, buy, sell);
    return perp_scheduler_submit(SCHEDULER, CALL, &job);
}

perp_status full_submit_exit(struct full *f, uint8_t n, uint8_t of) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = *full_id(n);
    perp_status status = perp_job_fill_exit(CORE, f->now, full_id(of), 0.5, &job);
    return status == PERP_OK ? perp_scheduler_submit(SCHEDULER, CALL, &job) : status;
}

static void fill(perp_leg_result legs[2], const perp_job *job, double bought, double sold) {
    for (int i = 0; i < 2; i++) {
        legs[i] = (perp_leg_result){.filled = i ? sold : bought,
                                    .price = is_eth(job->legs[i].instrument) ? 2500 : 50000,
                                    .fee = 3,
                                    .time_ns = PERP_TIME_NONE,
                                    .known = 1};
    }
}

perp_status full_finish(struct full *f, uint8_t n, uint32_t status, double bought, double sold) {
    perp_job_result result;
    perp_job_info info = {.struct_size = sizeof info};
    perp_job_result_init(&result);
    result.status = status;
    result.n_legs = status == PERP_RESULT_COMPLETED ? 2 : 0;
    if (perp_scheduler_job(SCHEDULER, full_id(n), &info) == PERP_OK)
        fill(result.legs, &info.job, bought, sold);
    return perp_scheduler_finish(SCHEDULER, CALL, full_id(n), &result, NULL);
}

perp_status full_progress(struct full *f, uint8_t n, double bought, double sold) {
    perp_leg_result legs[2];
    perp_job_info info = {.struct_size = sizeof info};
    perp_status status = perp_scheduler_job(SCHEDULER, full_id(n), &info);
    fill(legs, &info.job, bought, sold);
    return status == PERP_OK ? perp_scheduler_progress(SCHEDULER, CALL, full_id(n), legs, 2)
                             : status;
}

perp_status full_place(struct full *f, uint8_t job, uint32_t leg, double quantity) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = *full_id(job);
    request.leg = leg;
    request.quantity = quantity;
    request.price = 2500;
    perp_status status = perp_orders_place(ORDERS, CALL, &request, &answer);
    return status == PERP_OK && answer.gate != PERP_GATE_NONE ? PERP_E_STATE : status;
}

perp_status full_hear(struct full *f, uint64_t order, uint32_t kind, const char *fill_id,
                      double quantity) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = order;
    news.kind = kind;
    news.fill_id = fill_id;
    news.text = "as an exchange says it";
    news.exchange_id = kind == PERP_NEWS_ACCEPTED ? "x" : NULL;
    news.quantity = quantity;
    news.price = quantity > 0 ? 2500 : 0;
    news.fee = quantity > 0 ? 9 : 0;
    return perp_orders_tell(ORDERS, CALL, &news, NULL);
}

perp_status full_position(struct full *f, perp_instrument_id instrument, double quantity) {
    const perp_position_report report = {
        .instrument = instrument, .quantity = quantity, .margin_mode = PERP_MARGIN_NOT_GIVEN};
    return perp_position(CORE, CALL, &report, PERP_TIME_NONE);
}

perp_status full_fill_of_ours(struct full *f, uint8_t key, perp_instrument_id instrument) {
    perp_recorded_fill recorded;
    perp_recorded_fill_init(&recorded);
    recorded.instrument = instrument;
    recorded.side = PERP_SIDE_SELL;
    recorded.quantity = 0.5;
    recorded.price = 2500;
    recorded.fee = 3;
    recorded.key = *full_id(key);
    return perp_record_fill(CORE, CALL, &recorded);
}

/* What the book has there, and an equity. */
perp_status full_account(struct full *f, perp_exchange_id exchange) {
    perp_position_report there[2];
    perp_account_report report;
    perp_account_report_init(&report);
    for (uint32_t i = 0; i < 2; i++) {
        perp_position_state state = {.struct_size = sizeof state};
        perp_status status = perp_positions_query(POSITIONS, 2 * exchange + i, f->now, &state);
        if (status != PERP_OK)
            return status;
        there[i] = (perp_position_report){.instrument = 2 * exchange + i,
                                          .quantity = state.quantity,
                                          .margin_mode = PERP_MARGIN_NOT_GIVEN,
                                          .leverage = 3};
    }
    report.exchange = exchange;
    report.has_equity = 1;
    report.equity = USD(1000001);
    report.n_positions = 2;
    report.positions = there;
    return perp_account(CORE, CALL, &report);
}

perp_status full_limits(struct full *f) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = 20;
    limits.exchange = B;
    limits.max_concurrent = 9;
    return perp_scheduler_set_limits(SCHEDULER, CALL, &limits);
}

perp_status full_reconfigure(struct full *f) {
    static const char settings[] = "{\"risk\":{\"max_depeg_bps\":60}}";
    return perp_core_reconfigure(CORE, SIGNED, settings, sizeof settings - 1);
}

perp_status full_update_exchange(struct full *f, double fee) {
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    perp_status status = perp_exchange_get(CORE, C, &spec);
    spec.taker_fee_bps = fee;
    spec.max_concurrent = 7;
    return status == PERP_OK ? perp_exchange_update(CORE, SIGNED, &spec) : status;
}

perp_status full_update_instrument(struct full *f, double step) {
    static const perp_tier tiers[] = {
        {0, 50000, 0.005, 0, 0}, {50000, 200000, 0.01, 250, 0}, {200000, DBL_MAX, 0.02, 2250, 0}};
    perp_instrument_spec spec = {.struct_size = sizeof spec};
    perp_status status = perp_instrument_get(CORE, 6, &spec);
    spec.tiers = tiers;
    spec.n_tiers = 3;
    spec.qty_step = step;
    return status == PERP_OK ? perp_instrument_update(CORE, SIGNED, &spec) : status;
}
