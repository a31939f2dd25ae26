/* Calls without a handle, a place for the answer, a sound perp_call, or with structs of another
   size: the documented error, and a book that is byte for byte as it was. */
#include "fixture.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_status do_equity(const perp_call *call) {
    return perp_capital_update_equity(w->capital, call, ALPHA, USD(1000000));
}

static perp_status do_transfer(const perp_call *call) {
    return perp_capital_transfer(w->capital, call, ALPHA, 5, 0);
}

static perp_status do_correct(const perp_call *call) {
    return perp_capital_correct(w->capital, call, ALPHA, 5, NULL);
}

static perp_status do_safe_mode(const perp_call *call) {
    return perp_capital_set_safe_mode(w->capital, call, ALPHA, 1);
}

static perp_status do_pnl(const perp_call *call) {
    return perp_capital_record_pnl(w->capital, call, ALPHA, 1, 2, 3, NULL);
}

static perp_refusal refusal_of_size(uint32_t size) {
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = size;
    return refusal;
}

static perp_status do_reserve(const perp_call *call) {
    uint64_t id;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    return perp_capital_reserve(w->capital, call, ALPHA, PERP_POOL_WASH, 1, NULL, &id, &refusal);
}

static perp_status do_reserve_wash(const perp_call *call) {
    uint64_t id;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    return perp_capital_reserve_for_wash(w->capital, call, ALPHA, 1, NULL, &id, &refusal);
}

static perp_status do_reserve_arb(const perp_call *call) {
    uint64_t id;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    return perp_capital_reserve_for_arb(w->capital, call, ALPHA, 1, NULL, &id, &refusal);
}

static uint64_t reservation;

static perp_status do_confirm(const perp_call *call) {
    return perp_capital_confirm(w->capital, call, reservation, 1);
}

static perp_status do_release(const perp_call *call) {
    return perp_capital_release(w->capital, call, reservation, 1);
}

static perp_job job_of(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

static perp_status do_reserve_job(const perp_call *call) {
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    perp_job job = job_of(900);
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    return perp_capital_reserve_for_job(w->capital, call, &job, ids, &n, &refusal);
}

static perp_status do_success(const perp_call *call) {
    return perp_risk_record_success(w->risk, call, ALPHA);
}

static perp_status do_failure(const perp_call *call) {
    return perp_risk_record_failure(w->risk, call, ALPHA);
}

static perp_status do_reset_halt(const perp_call *call) {
    return perp_risk_reset_halt(w->risk, call);
}

static perp_status do_mode(const perp_call *call) {
    return perp_risk_set_mode(w->risk, call, PERP_MODE_CONSERVATIVE);
}

static perp_status do_override(const perp_call *call) {
    return perp_risk_manual_override(w->risk, call, 1, 1000, NULL);
}

static perp_status do_blacklist(const perp_call *call) {
    return perp_risk_blacklist(w->risk, call, "X/USDT", 1);
}

static uint32_t next_job;

static perp_status do_submit(const perp_call *call) {
    perp_job job = job_of(1000 + next_job++);
    return perp_scheduler_submit(w->scheduler, call, &job);
}

/* Jobs that wait in each state for the calls below. */
enum { PENDING = 1, RUNNING, DOUBTED, OPENED, PARTIAL, ORDERED };

static perp_status do_cancel(const perp_call *call) {
    perp_uuid id = id_of(PENDING);
    return perp_scheduler_cancel(w->scheduler, call, &id);
}

static perp_status do_finish(const perp_call *call) {
    perp_uuid id = id_of(RUNNING);
    perp_job_result result;
    perp_job_result_init(&result);
    return perp_scheduler_finish(w->scheduler, call, &id, &result, NULL);
}

static perp_status do_close(const perp_call *call) {
    perp_uuid id = id_of(OPENED);
    return perp_scheduler_close(w->scheduler, call, &id, 1, 2, 3);
}

static perp_status do_requeue(const perp_call *call) {
    perp_uuid id = id_of(DOUBTED);
    return perp_scheduler_requeue(w->scheduler, call, &id);
}

static perp_status do_progress(const perp_call *call) {
    perp_uuid id = id_of(RUNNING);
    perp_job_result result;
    perp_job_result_init(&result);
    fill_leg(&result, 0, 0.1, BTC_MID);
    return perp_scheduler_progress(w->scheduler, call, &id, result.legs, 2);
}

static perp_status do_amend(const perp_call *call) {
    perp_uuid id = id_of(PARTIAL);
    perp_job_result result;
    perp_job_result_init(&result);
    fill_leg(&result, 0, 0.25, BTC_MID);
    fill_leg(&result, 1, 0.25, BTC_MID);
    return perp_scheduler_amend(w->scheduler, call, &id, result.legs, 2);
}

/* Alpha says what the book has. */
static perp_status do_account(const perp_call *call) {
    perp_position_report there = report_of(w->btc[ALPHA], 0.25, BTC_MID);
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = ALPHA;
    report.has_equity = 1;
    report.equity = USD(999999);
    report.n_positions = 1;
    report.positions = &there;
    return perp_account(w->core, call, &report);
}

static perp_status do_position(const perp_call *call) {
    perp_position_report report = report_of(w->eth[DELTA], 1, ETH_BID);
    return perp_position(w->core, call, &report, START);
}

static perp_status do_accept(const perp_call *call) {
    return perp_accept_position(w->core, call, w->btc[ALPHA]);
}

static perp_status do_resolve(const perp_call *call) {
    return perp_resolve(w->core, call, "BTC");
}

static perp_status do_resume_repair(const perp_call *call) {
    return perp_resume_repair(w->core, call, "BTC");
}

static perp_status do_pause(const perp_call *call) {
    return perp_scheduler_pause(w->scheduler, call);
}

static perp_status do_resume(const perp_call *call) {
    return perp_scheduler_resume(w->scheduler, call);
}

static perp_status do_kill(const perp_call *call) {
    return perp_scheduler_kill(w->scheduler, call, 1, GAMMA, NULL, 0, NULL);
}

static perp_status do_limits(const perp_call *call) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.max_global_concurrent_jobs = 40;
    return perp_scheduler_set_limits(w->scheduler, call, &limits);
}

static perp_status do_tick(const perp_call *call) {
    return perp_scheduler_tick(w->scheduler, call, NULL);
}

static perp_status do_advance(const perp_call *call) {
    return perp_core_advance(w->core, call);
}

static perp_status do_day_offset(const perp_call *call) {
    return perp_capital_set_day_offset(w->capital, call, 60);
}

static perp_status do_reconfigure(const perp_call *call) {
    const char *sound = "{\"risk\":{\"max_drawdown_pct\":0.2}}";
    return perp_core_reconfigure(w->core, call, sound, strlen(sound));
}

static perp_status do_exchange(const perp_call *call) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    ok(w, perp_exchange_get(w->core, ALPHA, &spec));
    spec.taker_fee_bps = 3;
    return perp_exchange_update(w->core, call, &spec);
}

static perp_status do_instrument(const perp_call *call) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    ok(w, perp_instrument_get(w->core, w->btc[ALPHA], &spec));
    spec.max_position_usd = USD(7000000);
    return perp_instrument_update(w->core, call, &spec);
}

static perp_order_request request_of(void) {
    perp_order_request request;
    perp_order_request_init(&request);
    request.job_id = id_of(ORDERED);
    request.quantity = 0.1;
    request.price = ETH_BID;
    return request;
}

static perp_status do_place(const perp_call *call) {
    perp_order_request request = request_of();
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    return perp_orders_place(perp_core_orders(w->core), call, &request, &answer);
}

static perp_status do_place_many(const perp_call *call) {
    perp_order_request request = request_of();
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    return perp_orders_place_many(perp_core_orders(w->core), call, &request, 1, &answer);
}

static perp_status do_cancel_sent(const perp_call *call) {
    return perp_orders_cancel_sent(perp_core_orders(w->core), call, 1);
}

static perp_status do_tell(const perp_call *call) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = 1;
    news.kind = PERP_NEWS_CANCELLED;
    return perp_orders_tell(perp_core_orders(w->core), call, &news, NULL);
}

static perp_status do_reconcile(const perp_call *call) {
    return perp_orders_reconcile(perp_core_orders(w->core), call, BETA, START, NULL, 0, NULL);
}

static perp_status do_cash(const perp_call *call) {
    perp_uuid key = id_of(70);
    return perp_record_cash(w->core, call, ALPHA, PERP_CASH_FUNDING, 1, &key, PERP_NO_ID);
}

static perp_status do_fill(const perp_call *call) {
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = w->eth[DELTA];
    fill.quantity = 1;
    fill.price = ETH_BID;
    fill.key = id_of(71);
    return perp_record_fill(w->core, call, &fill);
}

static perp_status do_allow(const perp_call *call) {
    return perp_risk_allow(w->risk, call, "BTC/USDT:USDT", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES,
                           1);
}

static perp_status do_halt(const perp_call *call) {
    return perp_risk_halt_instrument(w->risk, call, w->btc[DELTA], 1);
}

static perp_status do_reset_strategy(const perp_call *call) {
    return perp_risk_reset_strategy(w->risk, call, PERP_STRATEGY_WASH);
}

static perp_status do_collateral(const perp_call *call) {
    return perp_risk_set_collateral(w->risk, call, ALPHA, "BTC", 1, 0.1);
}

static perp_status do_flatten(const perp_call *call) {
    perp_uuid key = id_of(72);
    perp_flatten_result result;
    perp_flatten_result_init(&result);
    return perp_scheduler_flatten(w->scheduler, call, ALPHA, "BTC", &key, &result);
}

/* PROTECT: raises a protection, which is never refused for its time. */
#define DO(name)                                                                                   \
    { #name, name, 0 }
#define PROTECT(name)                                                                              \
    { #name, name, 1 }
static const struct {
    const char *name;
    perp_status (*make)(const perp_call *call);
    int protects;
} CHANGES[] = {
    DO(do_equity),         DO(do_transfer),      DO(do_correct),
    PROTECT(do_safe_mode), DO(do_pnl),           DO(do_reserve),
    DO(do_confirm),        DO(do_release),       DO(do_reserve_wash),
    DO(do_reserve_arb),    DO(do_success),       DO(do_failure),
    DO(do_reset_halt),     DO(do_mode),          DO(do_override),
    PROTECT(do_blacklist), DO(do_submit),        DO(do_cancel),
    DO(do_finish),         DO(do_close),         DO(do_requeue),
    DO(do_resolve),        PROTECT(do_pause),    DO(do_resume),
    PROTECT(do_kill),      DO(do_limits),        DO(do_tick),
    DO(do_advance),        DO(do_reserve_job),   DO(do_progress),
    DO(do_amend),          DO(do_account),       DO(do_position),
    DO(do_accept),         DO(do_resume_repair), DO(do_day_offset),
    DO(do_reconfigure),    DO(do_exchange),      DO(do_instrument),
    DO(do_place),          DO(do_place_many),    DO(do_cancel_sent),
    DO(do_tell),           DO(do_reconcile),     DO(do_cash),
    DO(do_fill),           DO(do_allow),         PROTECT(do_halt),
    DO(do_reset_strategy), DO(do_collateral),    DO(do_flatten),
};
#define N_CHANGES ((int)(sizeof CHANGES / sizeof *CHANGES))

/* One job in each state and one reservation, so that every change has something to change. */
static void arrange(void) {
    perp_job job;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    for (uint32_t n = RUNNING; n <= PARTIAL; n++) {
        job = pair_job(n, w->btc[n == PARTIAL ? ALPHA : BETA], w->btc[GAMMA]);
        run_job(w, &job);
    }
    job = pair_job(ORDERED, w->eth[BETA], w->eth[ALPHA]);
    job.legs[0].quantity = job.legs[1].quantity = 4;
    job.notional = USD(10001);
    run_job(w, &job);
    perp_uuid id = id_of(DOUBTED);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    id = id_of(OPENED);
    finish_all(w, &id, PERP_RESULT_COMPLETED);
    id = id_of(PARTIAL);
    finish_pair(w, &id, 0.25, 0, BTC_MID);
    ok(w, do_place(nowc(w)));
    job = job_of(PENDING);
    submit(w, &job);
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_WASH, 100, NULL, &reservation,
                               &refusal));
}

#define change_fails(wanted, call)                                                                 \
    do {                                                                                           \
        uint64_t hash_ = perp_core_hash(w->core);                                                  \
        perp_status got_ = CHANGES[_i].make(call);                                                 \
        ck_assert_msg(got_ == (wanted), "%s: got %s, wanted %s", CHANGES[_i].name,                 \
                      perp_status_string(got_), perp_status_string(wanted));                       \
        ck_assert_msg(perp_core_hash(w->core) == hash_, "%s changed the book", CHANGES[_i].name);  \
        ck_assert_int_eq(perp_core_clock(w->core), START);                                         \
    } while (0)

/* Those that raise a protection: texts are cut, and a time out of range is the clock's
   (test_protect.c). */
static int protects(int n) {
    return CHANGES[n].make == do_safe_mode || CHANGES[n].make == do_mode ||
           CHANGES[n].make == do_blacklist || CHANGES[n].make == do_pause ||
           CHANGES[n].make == do_kill || CHANGES[n].make == do_limits || CHANGES[n].make == do_halt;
}

START_TEST(a_change_takes_a_sound_call) {
    static char text[400];
    arrange();
    perp_call good = *signedc(w), call;
    change_fails(PERP_E_INVALID, NULL);
    call = good;
    call.struct_size = 0;
    change_fails(PERP_E_INVALID, &call);
    call.struct_size = 3;
    change_fails(PERP_E_INVALID, &call);
    call.struct_size = UINT32_MAX;
    change_fails(PERP_E_INVALID, &call);
    call = good;
    call.reserved = 1;
    change_fails(PERP_E_INVALID, &call);
    if (protects(_i))
        return;
    memset(text, 'x', sizeof text - 1);
    call = good;
    call.actor = text;
    change_fails(PERP_E_INVALID, &call);
    call = good;
    call.reason = text;
    change_fails(PERP_E_INVALID, &call);
    call = good;
    call.actor = "\xc3(";
    change_fails(PERP_E_INVALID, &call);
    call.actor = "\xed\xa0\x80";
    change_fails(PERP_E_INVALID, &call);
    call = good;
    call.now_ns = START + 7 * DAY + 1;
    if (CHANGES[_i].make != do_advance && !CHANGES[_i].protects) {
        change_fails(PERP_E_RANGE, &call);
        call.now_ns = INT64_MAX;
        change_fails(PERP_E_RANGE, &call);
    }
    /* And nothing of it was the change's own fault. */
    text[127] = 0;
    call = good;
    call.actor = text;
    perp_status got = CHANGES[_i].make(&call);
    ck_assert_msg(got == PERP_OK, "%s: %s", CHANGES[_i].name, perp_core_error(w->core));
    checked(w);
}
END_TEST

START_TEST(an_older_and_a_newer_host_call_alike) {
    struct {
        perp_call call;
        unsigned char tail[16];
    } newer;
    arrange();
    memset(&newer, 0, sizeof newer);
    newer.call = *signedc(w);
    newer.call.struct_size = sizeof newer;
    newer.tail[15] = 1;
    change_fails(PERP_E_INVALID, &newer.call);
    newer.tail[15] = 0;
    perp_status got = CHANGES[_i].make(&newer.call);
    ck_assert_msg(got == PERP_OK, "%s: %s", CHANGES[_i].name, perp_core_error(w->core));
    checked(w);
}
END_TEST

START_TEST(a_host_without_actor_and_reason_in_its_struct_gives_none) {
    perp_call call = *signedc(w);
    call.struct_size = offsetof(perp_call, actor);
    fails(w, PERP_E_INVALID, perp_core_advance(w->core, &call));
    ok(w, perp_capital_transfer(w->capital, &call, ALPHA, 1, 0));
}
END_TEST

START_TEST(no_handle_no_call) {
    const perp_call *call = signedc(w);
    perp_job job = job_of(1);
    perp_uuid id = id_of(1);
    perp_job_result result;
    perp_limits limits;
    uint64_t r;
    uint32_t n;
    size_t length;
    perp_usd usd;
    char text[64];
    perp_evaluation e;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    perp_job_result_init(&result);
    perp_limits_init(&limits);
    perp_evaluation_init(&e);
#define no(expression) ck_assert_msg((expression) == PERP_E_INVALID, "%s", #expression)
    no(perp_capital_update_equity(NULL, call, 0, 1));
    no(perp_capital_transfer(NULL, call, 0, 1, 0));
    no(perp_capital_correct(NULL, call, 0, 1, NULL));
    no(perp_capital_set_safe_mode(NULL, call, 0, 1));
    no(perp_capital_record_pnl(NULL, call, 0, 1, 1, 1, NULL));
    no(perp_capital_reserve(NULL, call, 0, 0, 1, NULL, &r, &refusal));
    no(perp_capital_reserve_for_wash(NULL, call, 0, 1, NULL, &r, &refusal));
    no(perp_capital_reserve_for_arb(NULL, call, 0, 1, NULL, &r, &refusal));
    no(perp_capital_confirm(NULL, call, 1, 0));
    no(perp_capital_release(NULL, call, 1, 0));
    no(perp_capital_can_reserve_for_job(NULL, &job, &refusal));
    no(perp_capital_reserve_for_job(NULL, call, &job, &r, &n, &refusal));
    no(perp_capital_headroom(NULL, 0, 0, &usd, &n));
    no(perp_capital_snapshot(NULL, 0, NULL));
    no(perp_capital_reservations(NULL, 0, NULL, 0, &n));
    no(perp_core_check(NULL));
    no(perp_core_config(NULL, NULL));
    no(perp_core_advance(NULL, call));
    no(perp_exchange_add(NULL, NULL, &n));
    no(perp_instrument_add(NULL, NULL, &n));
    no(perp_exchange_find(NULL, "alpha", &n));
    no(perp_instrument_find(NULL, 0, "BTC/USDT:USDT", &n));
    no(perp_exchange_get(NULL, 0, NULL));
    no(perp_instrument_get(NULL, 0, NULL));
    no(perp_core_statistics(NULL, NULL));
    no(perp_core_feasibility(NULL, NULL, 0, &n));
    no(perp_market_on_quote(NULL, NULL));
    no(perp_market_on_book(NULL, NULL));
    no(perp_market_on_trade(NULL, NULL));
    no(perp_market_on_mark(NULL, NULL));
    no(perp_market_on_funding(NULL, NULL));
    no(perp_market_on_latency(NULL, NULL));
    no(perp_market_on_status(NULL, NULL));
    no(perp_position(NULL, call, NULL, 0));
    no(perp_account(NULL, call, NULL));
    no(perp_accept_position(NULL, call, 0));
    no(perp_resolve(NULL, call, "BTC"));
    no(perp_resume_repair(NULL, call, "BTC"));
    no(perp_positions_query(NULL, 0, 0, NULL));
    no(perp_positions_lots(NULL, 0, NULL, 0, &n));
    no(perp_positions_base(NULL, 0, 0, NULL));
    no(perp_market_set_source(NULL, NULL));
    no(perp_market_query(NULL, 0, 0, NULL));
    no(perp_market_query_exchange(NULL, 0, 0, NULL));
    no(perp_risk_evaluate(NULL, 0, &job, &e));
    no(perp_scheduler_evaluate(NULL, 0, &job.job_id, &e));
    no(perp_evaluation_json(NULL, &e, text, sizeof text, &length));
    no(perp_risk_record_success(NULL, call, 0));
    no(perp_risk_record_failure(NULL, call, 0));
    no(perp_risk_reset_halt(NULL, call));
    no(perp_risk_set_mode(NULL, call, 0));
    no(perp_risk_manual_override(NULL, call, 1, 1, NULL));
    no(perp_risk_blacklist(NULL, call, "X", 1));
    no(perp_risk_query(NULL, NULL));
    no(perp_risk_describe_json(NULL, text, sizeof text, &length));
    no(perp_job_from_json(NULL, "{}", 2, &job, NULL));
    no(perp_job_fill_hedge(NULL, 0, 0, 1, &job));
    no(perp_scheduler_submit(NULL, call, &job));
    no(perp_scheduler_cancel(NULL, call, &id));
    no(perp_scheduler_tick(NULL, call, NULL));
    no(perp_scheduler_finish(NULL, call, &id, &result, NULL));
    no(perp_scheduler_close(NULL, call, &id, 1, 1, 1));
    no(perp_scheduler_requeue(NULL, call, &id));
    no(perp_scheduler_progress(NULL, call, &id, result.legs, 2));
    no(perp_scheduler_amend(NULL, call, &id, result.legs, 2));
    no(perp_job_fill_exit(NULL, 0, &id, 1, &job));
    no(perp_scheduler_pause(NULL, call));
    no(perp_scheduler_resume(NULL, call));
    no(perp_scheduler_kill(NULL, call, 1, ALL_X, NULL, 0, NULL));
    no(perp_scheduler_set_limits(NULL, call, &limits));
    no(perp_scheduler_job(NULL, &id, NULL));
    no(perp_scheduler_list(NULL, 0, NULL, 0, &n));
    no(perp_scheduler_query(NULL, NULL));
    no(perp_monitor_json(NULL, 0, text, sizeof text, &length));
    no(perp_monitor_alerts(NULL, 0, NULL, 0, &n));
#undef no
    ck_assert_uint_eq(perp_core_hash(NULL), 0);
    ck_assert_int_eq(perp_core_clock(NULL), PERP_TIME_NONE);
    ck_assert_uint_eq(perp_exchange_count(NULL), 0);
    ck_assert_uint_eq(perp_instrument_count(NULL), 0);
    ck_assert_ptr_null(perp_core_capital(NULL));
    ck_assert_ptr_null(perp_core_market(NULL));
    ck_assert_ptr_null(perp_core_positions(NULL));
    ck_assert_uint_eq(perp_positions_base_count(NULL), 0);
    ck_assert_ptr_null(perp_core_risk(NULL));
    ck_assert_ptr_null(perp_core_scheduler(NULL));
    ck_assert_ptr_nonnull(perp_core_error(NULL));
    perp_core_close(NULL);
    perp_tick_result_free(NULL);
}
END_TEST

START_TEST(nowhere_to_write_is_refused) {
    perp_job job = job_of(1);
    perp_uuid id = id_of(1);
    uint64_t r;
    uint32_t n;
    char text[8];
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    perp_usd usd;
    perp_capital *c = w->capital;
    submit(w, &job);
    const perp_call *call = signedc(w);
    fails(w, PERP_E_INVALID, perp_capital_reserve(c, call, 0, 0, 1, NULL, NULL, &refusal));
    fails(w, PERP_E_INVALID, perp_capital_reserve(c, call, 0, 0, 1, NULL, &r, NULL));
    fails(w, PERP_E_INVALID, perp_capital_headroom(c, 0, 0, NULL, &n));
    fails(w, PERP_E_INVALID, perp_capital_headroom(c, 0, 0, &usd, NULL));
    fails(w, PERP_E_INVALID, perp_capital_snapshot(c, 0, NULL));
    fails(w, PERP_E_INVALID, perp_capital_reservations(c, 0, NULL, 0, NULL));
    fails(w, PERP_E_INVALID, perp_capital_reservations(c, 0, NULL, 5, &n));
    fails(w, PERP_E_INVALID, perp_capital_can_reserve_for_job(c, NULL, &refusal));
    fails(w, PERP_E_INVALID, perp_capital_can_reserve_for_job(c, &job, NULL));
    fails(w, PERP_E_INVALID, perp_capital_reserve_for_job(c, call, NULL, &r, &n, &refusal));
    fails(w, PERP_E_INVALID, perp_capital_reserve_for_job(c, call, &job, NULL, &n, &refusal));
    fails(w, PERP_E_INVALID, perp_capital_reserve_for_job(c, call, &job, &r, NULL, &refusal));
    fails(w, PERP_E_INVALID, perp_core_config(w->core, NULL));
    fails(w, PERP_E_INVALID, perp_exchange_add(w->core, NULL, &n));
    fails(w, PERP_E_INVALID, perp_instrument_add(w->core, NULL, &n));
    fails(w, PERP_E_INVALID, perp_exchange_find(w->core, NULL, &n));
    fails(w, PERP_E_INVALID, perp_exchange_find(w->core, "alpha", NULL));
    fails(w, PERP_E_INVALID, perp_instrument_find(w->core, 0, NULL, &n));
    fails(w, PERP_E_INVALID, perp_exchange_get(w->core, 0, NULL));
    fails(w, PERP_E_INVALID, perp_instrument_get(w->core, 0, NULL));
    fails(w, PERP_E_INVALID, perp_core_statistics(w->core, NULL));
    fails(w, PERP_E_INVALID, perp_core_feasibility(w->core, NULL, 0, NULL));
    fails(w, PERP_E_INVALID, perp_core_feasibility(w->core, NULL, 1, &n));
    fails(w, PERP_E_INVALID, perp_market_query(w->market, 0, 0, NULL));
    fails(w, PERP_E_INVALID, perp_market_query_exchange(w->market, 0, 0, NULL));
    fails(w, PERP_E_INVALID, perp_risk_evaluate(w->risk, 0, &job, NULL));
    fails(w, PERP_E_INVALID, perp_risk_evaluate(w->risk, 0, NULL, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_evaluate(w->scheduler, 0, &job.job_id, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_evaluate(w->scheduler, 0, NULL, NULL));
    perp_evaluation e;
    size_t length;
    perp_evaluation_init(&e);
    fails(w, PERP_E_INVALID, perp_evaluation_json(w->core, NULL, text, sizeof text, &length));
    fails(w, PERP_E_INVALID, perp_evaluation_json(w->core, &e, text, sizeof text, NULL));
    fails(w, PERP_E_INVALID, perp_evaluation_json(w->core, &e, NULL, 8, &length));
    fails(w, PERP_E_RANGE, perp_evaluation_json(w->core, &e, text, sizeof text, &length));
    fails(w, PERP_E_INVALID, perp_risk_query(w->risk, NULL));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, NULL, 1));
    fails(w, PERP_E_INVALID, perp_risk_describe_json(w->risk, text, sizeof text, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_cancel(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_finish(w->scheduler, call, NULL, NULL, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_close(w->scheduler, call, NULL, 0, 0, 0));
    fails(w, PERP_E_INVALID, perp_scheduler_requeue(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_progress(w->scheduler, call, &id, NULL, 2));
    fails(w, PERP_E_INVALID, perp_scheduler_amend(w->scheduler, call, &id, NULL, 2));
    fails(w, PERP_E_INVALID, perp_resolve(w->core, call, NULL));
    fails(w, PERP_E_INVALID, perp_resume_repair(w->core, call, NULL));
    fails(w, PERP_E_INVALID, perp_positions_query(w->positions, 0, w->now, NULL));
    fails(w, PERP_E_INVALID, perp_positions_lots(w->positions, 0, NULL, 0, NULL));
    fails(w, PERP_E_INVALID, perp_positions_lots(w->positions, 0, NULL, 3, &n));
    fails(w, PERP_E_INVALID, perp_positions_base(w->positions, 0, w->now, NULL));
    fails(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, &id, 1, NULL));
    fails(w, PERP_E_INVALID, perp_job_fill_exit(w->core, w->now, NULL, 1, &job));
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_job(w->scheduler, &id, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_job(w->scheduler, NULL, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_list(w->scheduler, 0, NULL, 0, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_list(w->scheduler, 0, NULL, 3, &n));
    fails(w, PERP_E_INVALID, perp_scheduler_query(w->scheduler, NULL));
    fails(w, PERP_E_INVALID, perp_monitor_json(w->core, 0, text, sizeof text, NULL));
    fails(w, PERP_E_INVALID, perp_monitor_alerts(w->core, 0, NULL, 0, NULL));
    fails(w, PERP_E_INVALID, perp_job_fill_hedge(w->core, START, w->btc[0], w->btc[1], NULL));
    fails(w, PERP_E_INVALID, perp_job_from_json(w->core, NULL, 3, &job, NULL));
    fails(w, PERP_E_INVALID, perp_job_from_json(w->core, "{}", 2, NULL, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_kill(w->scheduler, call, 1, ALL_X, NULL, 4, &n));
}
END_TEST

/* Structs of results: too small to hold their own size is invalid, short gets what fits, long gets
   zeros where nothing is known. */
#define result_of_any_size(type, call)                                                             \
    do {                                                                                           \
        struct {                                                                                   \
            type r;                                                                                \
            unsigned char tail[32];                                                                \
        } room;                                                                                    \
        type *out = &room.r;                                                                       \
        memset(&room, 0xAB, sizeof room);                                                          \
        out->struct_size = 0;                                                                      \
        fails(w, PERP_E_INVALID, call);                                                            \
        out->struct_size = 4;                                                                      \
        fails(w, PERP_E_INVALID, call);                                                            \
        out->struct_size = UINT32_MAX;                                                             \
        fails(w, PERP_E_INVALID, call);                                                            \
        out->struct_size = 8;                                                                      \
        ok(w, call);                                                                               \
        ck_assert_uint_eq(out->struct_size, 8);                                                    \
        ck_assert_uint_eq(((unsigned char *)out)[8], 0xAB);                                        \
        out->struct_size = sizeof room;                                                            \
        ok(w, call);                                                                               \
        ck_assert_uint_eq(out->struct_size, sizeof room);                                          \
        ck_assert_uint_eq(room.tail[31], 0);                                                       \
    } while (0)

START_TEST(results_fit_older_and_newer_hosts) {
    perp_job job = job_of(1);
    perp_usd amount = INT64_MAX;
    uint64_t id;
    submit(w, &job);
    result_of_any_size(perp_capital_state, perp_capital_snapshot(w->capital, 0, out));
    result_of_any_size(perp_refusal,
                       perp_capital_reserve(w->capital, nowc(w), 0, 0, amount, NULL, &id, out));
    result_of_any_size(perp_refusal, perp_capital_can_reserve_for_job(w->capital, &job, out));
    result_of_any_size(perp_evaluation, perp_risk_evaluate(w->risk, w->now, &job, out));
    result_of_any_size(perp_evaluation,
                       perp_scheduler_evaluate(w->scheduler, w->now, &job.job_id, out));
    result_of_any_size(perp_risk_state, perp_risk_query(w->risk, out));
    result_of_any_size(perp_job_info, perp_scheduler_job(w->scheduler, &job.job_id, out));
    result_of_any_size(perp_scheduler_state, perp_scheduler_query(w->scheduler, out));
    result_of_any_size(perp_position_state, perp_positions_query(w->positions, 0, w->now, out));
    result_of_any_size(perp_base_state, perp_positions_base(w->positions, 0, w->now, out));
    result_of_any_size(perp_market_state, perp_market_query(w->market, 0, w->now, out));
    result_of_any_size(perp_exchange_state, perp_market_query_exchange(w->market, 0, w->now, out));
    result_of_any_size(perp_core_stats, perp_core_statistics(w->core, out));
    result_of_any_size(perp_config, perp_core_config(w->core, out));
    result_of_any_size(perp_exchange_spec, perp_exchange_get(w->core, 0, out));
    result_of_any_size(perp_instrument_spec, perp_instrument_get(w->core, 0, out));
}
END_TEST

/* What a later release may give a meaning to must not hold rubbish today. */
START_TEST(reserved_fields_must_be_zero) {
    perp_book_level bid = {BTC_BID, 1}, ask = {BTC_ASK, 1};
    perp_quote quote = {w->btc[ALPHA], 1, w->now, BTC_BID, 1, BTC_ASK, 1};
    fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
    perp_book book = {w->btc[ALPHA], 1, 1, 1, w->now, &bid, &ask};
    fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book));
    perp_trade trade = {w->btc[ALPHA], 1, w->now, BTC_BID, 1};
    fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, &trade));
    perp_mark mark = {w->btc[ALPHA], 1, w->now, BTC_BID};
    fails(w, PERP_E_INVALID, perp_market_on_mark(w->market, &mark));
    perp_latency latency = {ALPHA, 1, w->now, 5};
    fails(w, PERP_E_INVALID, perp_market_on_latency(w->market, &latency));
    perp_market_source source = {.struct_size = sizeof source, .reserved = 1};
    fails(w, PERP_E_INVALID, perp_market_set_source(w->market, &source));
    perp_call call = *nowc(w);
    call.reserved = 1;
    fails(w, PERP_E_INVALID, perp_scheduler_pause(w->scheduler, &call));
    perp_exchange_spec exchange;
    perp_exchange_spec_init(&exchange);
    strcpy(exchange.name, "new");
    exchange.reserved = 1;
    uint32_t id;
    fails(w, PERP_E_INVALID, perp_exchange_add(w->core, &exchange, &id));
    perp_instrument_spec symbol;
    perp_instrument_spec_init(&symbol);
    strcpy(symbol.symbol, "X/USDT");
    symbol.exchange = ALPHA;
    symbol.can_borrow = 2;
    fails(w, PERP_E_INVALID, perp_instrument_add(w->core, &symbol, &id));
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.reserved = 1;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.reserved = 0;
    job.legs[1].reserved = 1;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[1].reserved = 0;
    run_job(w, &job);
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 2;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    perp_limits limits;
    perp_limits_init(&limits);
    limits.reserved = 1;
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    perp_liquidation position = {.struct_size = sizeof position,
                                 .reserved = 1,
                                 .quantity = 1,
                                 .entry_price = 100,
                                 .wallet_balance = 10};
    double price;
    ck_assert_int_eq(perp_liquidation_price(&position, &price), PERP_E_INVALID);
    position.reserved = 0;
    ck_assert_int_eq(perp_liquidation_price(&position, &price), PERP_OK);
}
END_TEST

static uint32_t kills;

static void kill_again(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n) {
    struct world *world = user;
    (void)exchange;
    (void)jobs;
    (void)n;
    ck_assert_uint_lt(++kills, 10);
    ok(world, perp_scheduler_kill(world->scheduler, nowc(world), 1, ALL_X, NULL, 0, NULL));
}

START_TEST(a_callback_that_kills_ends) {
    perp_core *core;
    perp_config config;
    perp_config_init(&config);
    struct world other = {.now = START};
    config.callbacks.user = &other;
    config.callbacks.on_kill = kill_again;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    other.core = core;
    other.scheduler = perp_core_scheduler(core);
    kills = 0;
    ok(&other, perp_scheduler_kill(other.scheduler, nowc(&other), 1, ALL_X, NULL, 0, NULL));
    ck_assert_uint_eq(kills, 1);
    ok(&other, perp_scheduler_kill(other.scheduler, nowc(&other), 1, ALL_X, NULL, 0, NULL));
    ck_assert_uint_eq(kills, 2); /* from outside each call is told */
    perp_core_close(core);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad calls");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_loop_test(tcase, a_change_takes_a_sound_call, 0, N_CHANGES);
    tcase_add_loop_test(tcase, an_older_and_a_newer_host_call_alike, 0, N_CHANGES);
    tcase_add_test(tcase, reserved_fields_must_be_zero);
    tcase_add_test(tcase, a_callback_that_kills_ends);
    tcase_add_test(tcase, a_host_without_actor_and_reason_in_its_struct_gives_none);
    tcase_add_test(tcase, no_handle_no_call);
    tcase_add_test(tcase, nowhere_to_write_is_refused);
    tcase_add_test(tcase, results_fit_older_and_newer_hosts);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
