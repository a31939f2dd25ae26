/* What a host can get wrong, and what it is told: the documented error, and a book that is byte for
   byte as it was. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

/* Neither finite nor in any range. */
static const double NOT_NUMBERS[] = {NAN, INFINITY, -INFINITY};
#define N_NOT_NUMBERS 3

/* ways of changing the book, each with arguments that are right */

static perp_status do_equity(const perp_call *call) {
    return perp_capital_update_equity(w->capital, call, ALPHA, USD(1000000));
}

static perp_status do_transfer(const perp_call *call) {
    return perp_capital_transfer(w->capital, call, ALPHA, 5);
}

static perp_status do_correct(const perp_call *call) {
    return perp_capital_correct(w->capital, call, ALPHA, 5);
}

static perp_status do_safe_mode(const perp_call *call) {
    return perp_capital_set_safe_mode(w->capital, call, ALPHA, 1);
}

static perp_status do_pnl(const perp_call *call) {
    return perp_capital_record_pnl(w->capital, call, ALPHA, 1, 2, 3);
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
enum { PENDING = 1, RUNNING, DOUBTED, OPENED, PARTIAL };

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

static perp_status do_resolve(const perp_call *call) {
    perp_uuid id = id_of(PARTIAL);
    return perp_scheduler_resolve(w->scheduler, call, &id);
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

#define DO(name)                                                                                   \
    { #name, name }
static const struct {
    const char *name;
    perp_status (*make)(const perp_call *call);
} CHANGES[] = {
    DO(do_equity),    DO(do_transfer), DO(do_correct),    DO(do_safe_mode),    DO(do_pnl),
    DO(do_reserve),   DO(do_confirm),  DO(do_release),    DO(do_reserve_wash), DO(do_reserve_arb),
    DO(do_success),   DO(do_failure),  DO(do_reset_halt), DO(do_mode),         DO(do_override),
    DO(do_blacklist), DO(do_submit),   DO(do_cancel),     DO(do_finish),       DO(do_close),
    DO(do_requeue),   DO(do_resolve),  DO(do_pause),      DO(do_resume),       DO(do_kill),
    DO(do_limits),    DO(do_tick),     DO(do_advance),    DO(do_reserve_job),
};
#define N_CHANGES ((int)(sizeof CHANGES / sizeof *CHANGES))

/* One job in each state and one reservation, so that every change has something to change. */
static void arrange(void) {
    perp_job job;
    perp_job_result held;
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    for (uint32_t n = RUNNING; n <= PARTIAL; n++) {
        job = pair_job(n, w->btc[n == PARTIAL ? ALPHA : BETA], w->btc[GAMMA]);
        run_job(w, &job);
    }
    perp_uuid id = id_of(DOUBTED);
    finish_all(w, &id, PERP_RESULT_UNKNOWN);
    perp_job_result_init(&held);
    held.hold = 1;
    id = id_of(OPENED);
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &held, NULL));
    id = id_of(PARTIAL);
    finish_pair(w, &id, 0.25, 0, BTC_MID);
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
    if (CHANGES[_i].make != do_advance) {
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
    ok(w, perp_capital_transfer(w->capital, &call, ALPHA, 1));
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
    no(perp_capital_transfer(NULL, call, 0, 1));
    no(perp_capital_correct(NULL, call, 0, 1));
    no(perp_capital_set_safe_mode(NULL, call, 0, 1));
    no(perp_capital_record_pnl(NULL, call, 0, 1, 1, 1));
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
    no(perp_market_on_position(NULL, NULL));
    no(perp_market_set_source(NULL, NULL));
    no(perp_market_query(NULL, 0, 0, NULL));
    no(perp_market_query_exchange(NULL, 0, 0, NULL));
    no(perp_risk_evaluate(NULL, 0, &job, &e));
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
    no(perp_scheduler_resolve(NULL, call, &id));
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
    fails(w, PERP_E_INVALID, perp_risk_query(w->risk, NULL));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, NULL, 1));
    fails(w, PERP_E_INVALID, perp_risk_describe_json(w->risk, text, sizeof text, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_cancel(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_finish(w->scheduler, call, NULL, NULL, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_close(w->scheduler, call, NULL, 0, 0, 0));
    fails(w, PERP_E_INVALID, perp_scheduler_requeue(w->scheduler, call, NULL));
    fails(w, PERP_E_INVALID, perp_scheduler_resolve(w->scheduler, call, NULL));
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

START_TEST(what_was_never_added_is_not_found) {
    static const uint32_t unknown[] = {N_X, 63, 64, 1000, UINT32_MAX - 1};
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    uint32_t n;
    perp_usd usd;
    perp_capital_state state;
    perp_exchange_state exchange;
    perp_exchange_spec spec;
    perp_limits limits;
    perp_capital *c = w->capital;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    memset(&exchange, 0, sizeof exchange);
    exchange.struct_size = sizeof exchange;
    const perp_call *call = nowc(w);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        uint32_t x = unknown[i];
        /* The thing addressed comes before all that is wrong besides. */
        fails(w, PERP_E_NOT_FOUND, perp_capital_update_equity(c, call, x, -1));
        fails(w, PERP_E_NOT_FOUND, perp_capital_transfer(c, call, x, 1));
        fails(w, PERP_E_NOT_FOUND, perp_capital_correct(c, call, x, -1));
        fails(w, PERP_E_NOT_FOUND, perp_capital_set_safe_mode(c, call, x, 0));
        fails(w, PERP_E_NOT_FOUND, perp_capital_record_pnl(c, call, x, 0, -1, 0));
        fails(w, PERP_E_NOT_FOUND, perp_capital_reserve(c, call, x, 9, -1, NULL, &r, &refusal));
        fails(w, PERP_E_NOT_FOUND, perp_capital_headroom(c, x, 0, &usd, &n));
        fails(w, PERP_E_NOT_FOUND, perp_capital_snapshot(c, x, &state));
        fails(w, PERP_E_NOT_FOUND, perp_capital_reservations(c, x, NULL, 0, &n));
        fails(w, PERP_E_NOT_FOUND, perp_market_query_exchange(w->market, x, START, &exchange));
        fails(w, PERP_E_NOT_FOUND, perp_risk_record_success(w->risk, call, x));
        fails(w, PERP_E_NOT_FOUND, perp_risk_record_failure(w->risk, call, x));
        fails(w, PERP_E_NOT_FOUND, perp_scheduler_kill(w->scheduler, call, 0, x, NULL, 0, NULL));
        perp_exchange_spec_init(&spec);
        fails(w, PERP_E_NOT_FOUND, perp_exchange_get(w->core, x, &spec));
        fails(w, PERP_E_NOT_FOUND, perp_instrument_find(w->core, x, "BTC/USDT:USDT", &n));
        perp_limits_init(&limits);
        limits.exchange = x;
        limits.max_concurrent = 1;
        fails(w, PERP_E_NOT_FOUND, perp_scheduler_set_limits(w->scheduler, call, &limits));
        perp_instrument_spec instrument;
        perp_instrument_spec_init(&instrument);
        strcpy(instrument.symbol, "Y/USDT");
        instrument.exchange = x;
        fails(w, PERP_E_NOT_FOUND, perp_instrument_add(w->core, &instrument, &n));
    }
    fails(w, PERP_E_NOT_FOUND, perp_exchange_find(w->core, "omega", &n));
    fails(w, PERP_E_NOT_FOUND, perp_exchange_find(w->core, "", &n));
    fails(w, PERP_E_NOT_FOUND, perp_instrument_find(w->core, 0, "BTC", &n));
    fails(w, PERP_E_NOT_FOUND, perp_capital_confirm(c, call, 0, -1));
    fails(w, PERP_E_NOT_FOUND, perp_capital_release(c, call, UINT64_MAX, -1));
}
END_TEST

START_TEST(unknown_instruments_are_not_found_by_feeds_and_queries) {
    static const uint32_t unknown[] = {2 * N_X, 16383, 16384, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        perp_quote quote = {unknown[i], 0, START, 1, 1, 2, 1};
        perp_book_level level = {1, 1};
        perp_book book = {unknown[i], 1, 1, 0, START, &level, &level};
        perp_trade trade = {unknown[i], 0, START, 1, 1};
        perp_mark mark = {unknown[i], 0, START, 1};
        perp_funding funding = {unknown[i], 0, START, 0, 8, START};
        perp_position position = {unknown[i], 0, START, 0, 0, 0, 0};
        perp_latency latency = {unknown[i], 0, START, 1};
        perp_exchange_status status = {unknown[i], 0, START};
        perp_market_state state;
        perp_instrument_spec spec;
        memset(&state, 0, sizeof state);
        state.struct_size = sizeof state;
        perp_instrument_spec_init(&spec);
        fails(w, PERP_E_NOT_FOUND, perp_market_on_quote(w->market, &quote));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_book(w->market, &book));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_trade(w->market, &trade));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_mark(w->market, &mark));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_funding(w->market, &funding));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_position(w->market, &position));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_latency(w->market, &latency));
        fails(w, PERP_E_NOT_FOUND, perp_market_on_status(w->market, &status));
        fails(w, PERP_E_NOT_FOUND, perp_market_query(w->market, unknown[i], START, &state));
        fails(w, PERP_E_NOT_FOUND, perp_instrument_get(w->core, unknown[i], &spec));
    }
}
END_TEST

START_TEST(numbers_beyond_what_is_possible_are_out_of_range) {
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    perp_capital *c = w->capital;
    perp_limits limits;
    const perp_call *call = signedc(w);
    fails(w, PERP_E_RANGE, perp_capital_update_equity(c, call, 0, INT64_MIN));
    fails(w, PERP_E_RANGE, perp_capital_transfer(c, call, 0, INT64_MIN));
    fails(w, PERP_E_RANGE, perp_capital_transfer(c, call, 0, INT64_MAX));
    fails(w, PERP_E_RANGE, perp_capital_correct(c, call, 0, INT64_MIN));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, INT64_MIN, 0));
    ok(w, perp_capital_record_pnl(c, call, 0, 1, 1, 1));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, INT64_MAX, 0, 0));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, INT64_MAX, 0));
    fails(w, PERP_E_RANGE, perp_capital_record_pnl(c, call, 0, 0, 0, INT64_MAX));
    fails(w, PERP_E_RANGE, perp_capital_reserve(c, call, 0, 0, 0, NULL, &r, &refusal));
    fails(w, PERP_E_RANGE, perp_capital_reserve(c, call, 0, 0, INT64_MIN, NULL, &r, &refusal));
    ok(w, perp_capital_reserve(c, call, 0, 0, INT64_MAX, NULL, &r, &refusal));
    reason_is(refusal.reason, PERP_REASON_SINGLE_LIMIT);
    perp_limits_init(&limits);
    limits.max_dispatch_per_minute = 10001;
    fails(w, PERP_E_RANGE, perp_scheduler_set_limits(w->scheduler, call, &limits));
    perp_limits_init(&limits);
    limits.exchange = ALPHA;
    limits.max_notional = -2;
    fails(w, PERP_E_RANGE, perp_scheduler_set_limits(w->scheduler, call, &limits));
    /* A limit of an exchange without an exchange. */
    perp_limits_init(&limits);
    limits.max_concurrent = 3;
    fails(w, PERP_E_INVALID, perp_scheduler_set_limits(w->scheduler, call, &limits));
}
END_TEST

START_TEST(values_outside_their_lists_are_invalid) {
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t r;
    uint32_t n;
    perp_usd usd;
    const perp_call *call = signedc(w);
    static const uint32_t bad[] = {99, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        fails(w, PERP_E_INVALID,
              perp_capital_reserve(w->capital, call, 0, bad[i], 1, NULL, &r, &refusal));
        fails(w, PERP_E_INVALID, perp_capital_headroom(w->capital, 0, bad[i], &usd, &n));
        fails(w, PERP_E_INVALID, perp_risk_set_mode(w->risk, call, bad[i]));
        fails(w, PERP_E_INVALID, perp_scheduler_list(w->scheduler, bad[i], NULL, 0, &n));
        perp_exchange_status status = {ALPHA, bad[i], START};
        fails(w, PERP_E_INVALID, perp_market_on_status(w->market, &status));
        perp_position position = {w->btc[0], bad[i], START, 1, 1, 1, 0};
        fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &position));
        ck_assert_str_eq(perp_reason_string(bad[i]), "?");
        ck_assert_str_eq(perp_pool_string(bad[i]), "?");
        ck_assert_str_eq(perp_strategy_string(bad[i]), "?");
        ck_assert_str_eq(perp_side_string(bad[i]), "?");
        ck_assert_str_eq(perp_mode_string(bad[i]), "?");
        ck_assert_str_eq(perp_kind_string(bad[i]), "?");
        ck_assert_str_eq(perp_margin_string(bad[i]), "?");
        ck_assert_str_eq(perp_api_string(bad[i]), "?");
        ck_assert_str_eq(perp_circuit_string(bad[i]), "?");
        ck_assert_str_eq(perp_job_state_string(bad[i]), "?");
        ck_assert_str_eq(perp_component_string(bad[i]), "?");
        ck_assert_str_eq(perp_alert_string(bad[i]), "?");
    }
    ck_assert_str_eq(perp_status_string((perp_status)77), "?");
    static char long_symbol[PERP_NAME_SIZE + 2];
    memset(long_symbol, 'S', PERP_NAME_SIZE);
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, long_symbol, 1));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, "", 1));
    fails(w, PERP_E_INVALID, perp_risk_blacklist(w->risk, call, "a\nb", 1));
}
END_TEST

/* Each line spoils one field of a job that is right. */
static void spoil_job(int i, perp_job *job) {
    perp_leg *leg = &job->legs[1];
    switch (i) {
    case 0:
        job->struct_size = 0;
        break;
    case 1:
        job->strategy = PERP_STRATEGY_COUNT;
        break;
    case 2:
        job->notional = 0;
        break;
    case 3:
        job->notional = INT64_MIN;
        break;
    case 4:
        job->est_volume = -2;
        break;
    case 5:
        job->expected_edge_bps = NAN;
        break;
    case 6:
        job->expected_edge_bps = INFINITY;
        break;
    case 7:
        job->holding_hours = -1e-9;
        break;
    case 8:
        job->holding_hours = 8760.5;
        break;
    case 9:
        job->holding_hours = NAN;
        break;
    case 10:
        job->ttl_ms = -2;
        break;
    case 11:
        job->max_run_ms = -1;
        break;
    case 12:
        job->priority = 101;
        break;
    case 13:
        job->priority = INT32_MIN;
        break;
    case 14:
        job->n_legs = 0;
        break;
    case 15:
        job->n_legs = PERP_MAX_LEGS + 1;
        break;
    case 16:
        job->metadata_size = 1;
        break;
    case 17:
        job->metadata = "x";
        job->metadata_size = PERP_MAX_METADATA + 1;
        break;
    case 18:
        leg->instrument = PERP_NO_ID;
        break;
    case 19:
        leg->side = PERP_SIDE_COUNT;
        break;
    case 20:
        leg->quantity = 0;
        break;
    case 21:
        leg->quantity = -0.25;
        break;
    case 22:
        leg->quantity = NAN;
        break;
    case 23:
        leg->quantity = INFINITY;
        break;
    case 24:
        leg->notional = -1;
        break;
    case 25:
        leg->leverage = 0.999;
        break;
    case 26:
        leg->leverage = NAN;
        break;
    case 27:
        leg->leverage = INFINITY;
        break;
    case 28:
        leg->leverage = -3;
        break;
    case 29:
        leg->maker = 2;
        break;
    case 30:
        job->n_legs = UINT32_MAX;
        break;
    case 31:
        job->ttl_ms = INT64_MAX;
        break;
    case 32:
        job->max_run_ms = INT64_MAX;
        break;
    default:
        job->struct_size = UINT32_MAX;
    }
}
#define N_SPOILED 34

START_TEST(a_malformed_job_is_refused_everywhere) {
    perp_job job = job_of(1);
    perp_evaluation e;
    spoil_job(_i, &job);
    perp_evaluation_init(&e);
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    ck_assert_uint_ne(strlen(perp_core_error(w->core)), 0);
    fails(w, PERP_E_INVALID, perp_risk_evaluate(w->risk, w->now, &job, &e));
}
END_TEST

START_TEST(huge_jobs_neither_wrap_nor_pass) {
    static const double sizes[] = {1e15, 1e100, 1e308};
    for (size_t i = 0; i < 3; i++) {
        perp_job job = job_of(1);
        perp_evaluation e;
        uint64_t ids[PERP_MAX_LEGS];
        uint32_t n;
        perp_refusal refusal = refusal_of_size(sizeof refusal);
        job.legs[0].quantity = job.legs[1].quantity = sizes[i];
        job.notional = INT64_MAX;
        perp_evaluation_init(&e);
        perp_status status = perp_risk_evaluate(w->risk, w->now, &job, &e);
        ck_assert(status == PERP_OK || status == PERP_E_INVALID || status == PERP_E_RANGE);
        if (status == PERP_OK) {
            ck_assert_uint_eq(e.accepted, 0);
        }
        status = perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &refusal);
        ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE ||
                  refusal.reason != PERP_REASON_NONE);
        status = perp_scheduler_submit(w->scheduler, nowc(w), &job);
        if (status == PERP_OK) {
            ck_assert_uint_eq(tick(w)->dispatched, 0);
        }
        checked(w);
        if (status == PERP_OK) {
            ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
        }
    }
    perp_job job = job_of(2);
    perp_refusal refusal = refusal_of_size(sizeof refusal);
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n;
    job.legs[1].instrument = w->eth[ALPHA];
    job.notional = INT64_MAX;
    perp_status status =
        perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &refusal);
    ck_assert(status == PERP_E_RANGE || status == PERP_E_INVALID ||
              refusal.reason != PERP_REASON_NONE);
    checked(w);
}
END_TEST

START_TEST(a_job_that_does_not_hedge_or_trades_with_itself_is_not_queued) {
    perp_job job = job_of(1);
    job.legs[1].side = PERP_SIDE_BUY;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].quantity = 0.2474;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].notional = USD(12374.99);
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].instrument = w->eth[BETA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].instrument = w->btc[ALPHA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[1].instrument = w->btc[DELTA];
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job = job_of(1);
    job.legs[1].quantity = 0.2476;
    job.legs[1].notional = USD(12375);
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}
END_TEST

START_TEST(a_quantity_off_its_step_or_below_a_minimum_is_not_queued) {
    perp_instrument_spec spec;
    perp_instrument_id fine;
    perp_instrument_spec_init(&spec);
    spec.exchange = GAMMA;
    strcpy(spec.symbol, "BTC/USDC:USDC");
    spec.qty_step = 0.001;
    spec.min_qty = 0.01;
    spec.min_notional = USD(600);
    ok(w, perp_instrument_add(w->core, &spec, &fine));
    perp_job job = pair_job(1, fine, w->btc[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 0.2505;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[0].quantity = job.legs[1].quantity = 0.009;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.legs[0].quantity = job.legs[1].quantity = 0.012;
    job.notional = USD(600) - 1;
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    job.notional = USD(600);
    /* 0.012 is no whole number of 0.001 in binary, and is meant as one. */
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}
END_TEST

static void market_is(perp_instrument_id instrument, const perp_market_state *wanted) {
    perp_market_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ok(w, perp_market_query(w->market, instrument, w->now, &state));
    ck_assert_mem_eq(&state, wanted, sizeof state);
}

START_TEST(a_bad_event_leaves_the_market_as_it_was) {
    perp_instrument_id i = w->btc[ALPHA];
    perp_market_state before;
    memset(&before, 0, sizeof before);
    before.struct_size = sizeof before;
    ok(w, perp_market_query(w->market, i, w->now, &before));
    const double zero_or_less[] = {0, -0.0, -1, NAN, INFINITY, -INFINITY};
    const perp_quote good = {i, 0, START, BTC_BID, 1, BTC_ASK, 1};
    for (size_t k = 0; k < 6; k++) {
        double bad = zero_or_less[k];
        perp_quote quote = good;
        quote.bid = bad;
        fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
        quote = good;
        quote.ask = bad;
        fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
        perp_trade trade = {i, 0, START, bad, 1};
        fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, &trade));
        perp_mark mark = {i, 0, START, bad};
        fails(w, PERP_E_INVALID, perp_market_on_mark(w->market, &mark));
        perp_funding funding = {i, 0, START, 0, bad, START};
        fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, &funding));
        perp_book_level bids[2] = {{BTC_BID, 1}, {bad, 1}}, asks[2] = {{BTC_ASK, 1}, {bad, 1}};
        perp_book book = {i, 2, 1, 0, START, bids, asks};
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book));
        book.n_bids = 1;
        book.n_asks = 2;
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book));
        perp_position position = {i, PERP_MARGIN_ISOLATED, START, 1, bad, 3, 0};
        fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &position));
        if (!(bad == 0)) {
            quote = good;
            quote.bid_size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
            quote = good;
            quote.ask_size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &quote));
            trade.price = 1;
            trade.size = bad;
            fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, &trade));
            perp_latency latency = {ALPHA, 0, START, bad};
            fails(w, PERP_E_INVALID, perp_market_on_latency(w->market, &latency));
            perp_position other = {i, PERP_MARGIN_ISOLATED, START, 1, 1, bad, 0};
            fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &other));
            other.leverage = 0;
            other.liquidation_price = bad;
            fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &other));
        }
    }
    for (size_t k = 0; k < N_NOT_NUMBERS; k++) {
        perp_funding funding = {i, 0, START, NOT_NUMBERS[k], 8, START};
        fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, &funding));
        perp_position position = {i, PERP_MARGIN_ISOLATED, START, NOT_NUMBERS[k], 1, 3, 0};
        fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &position));
    }
    perp_position position = {i, PERP_MARGIN_ISOLATED, START, 1, 1, 0.5, 0};
    fails(w, PERP_E_INVALID, perp_market_on_position(w->market, &position));
    perp_funding funding = {i, 0, START, 0, 168.5, START};
    fails(w, PERP_E_RANGE, perp_market_on_funding(w->market, &funding));
    market_is(i, &before);
}
END_TEST

START_TEST(crossed_and_disordered_books_are_refused) {
    perp_instrument_id i = w->btc[ALPHA];
    perp_book_level many[PERP_MAX_LEVELS + 1];
    for (int k = 0; k <= PERP_MAX_LEVELS; k++) {
        many[k].price = 60000 + k;
        many[k].size = 1;
    }
    perp_book_level bid = {BTC_BID, 1}, ask = {BTC_ASK, 1};
    perp_book_level falling[2] = {{BTC_ASK, 1}, {BTC_ASK - 1, 1}}, equal[2] = {{1, 1}, {1, 1}};
    perp_quote crossed = {i, 0, START, 10, 1, 10, 1};
    fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, &crossed));
    fails(w, PERP_E_INVALID, perp_market_on_quote(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_book(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_trade(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_mark(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_funding(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_latency(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_status(w->market, NULL));
    fails(w, PERP_E_INVALID, perp_market_on_position(w->market, NULL));
#define bad_book(n, bids, m, asks)                                                                 \
    do {                                                                                           \
        perp_book book_ = {i, n, m, 0, START, bids, asks};                                         \
        fails(w, PERP_E_INVALID, perp_market_on_book(w->market, &book_));                          \
    } while (0)
    bad_book(0, &bid, 1, &ask);
    bad_book(1, &bid, 0, &ask);
    bad_book(1, NULL, 1, &ask);
    bad_book(1, &bid, 1, NULL);
    bad_book(1, &ask, 1, &bid);
    bad_book(1, &bid, 2, falling);
    bad_book(2, equal, 1, &ask);
    bad_book(1, &bid, PERP_MAX_LEVELS + 1, many);
    bad_book(1, &bid, UINT32_MAX, many);
#undef bad_book
    perp_book book = {i, 1, PERP_MAX_LEVELS, 0, START, &bid, many};
    ok(w, perp_market_on_book(w->market, &book));
}
END_TEST

START_TEST(events_from_the_past_and_from_far_ahead_are_told_apart) {
    perp_quote quote = {w->btc[0], 0, START - 1, 1, 1, 2, 1};
    perp_core_stats before, after;
    memset(&before, 0, sizeof before);
    before.struct_size = sizeof before;
    after = before;
    ok(w, perp_core_statistics(w->core, &before));
    fails(w, PERP_E_STALE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = START + 7 * DAY + 1;
    fails(w, PERP_E_RANGE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = INT64_MAX;
    fails(w, PERP_E_RANGE, perp_market_on_quote(w->market, &quote));
    quote.time_ns = INT64_MIN;
    perp_status status = perp_market_on_quote(w->market, &quote);
    ck_assert(status == PERP_E_STALE || status == PERP_E_INVALID);
    ok(w, perp_core_statistics(w->core, &after));
    ck_assert_uint_ge(after.stale_events, before.stale_events + 1);
    ck_assert_uint_ge(after.rejected_events, before.rejected_events + 2);
}
END_TEST

START_TEST(specs_of_exchanges_and_instruments_are_checked) {
    perp_exchange_spec good, spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&good);
    strcpy(good.name, "epsilon");
#define bad(status) fails(w, status, perp_exchange_add(w->core, &spec, &id))
    spec = good;
    spec.struct_size = 0;
    bad(PERP_E_INVALID);
    spec = good;
    spec.name[0] = 0;
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.name, 'x', sizeof spec.name);
    bad(PERP_E_INVALID);
    spec = good;
    strcpy(spec.name, "a\tb");
    bad(PERP_E_INVALID);
    strcpy(spec.name, "\xff");
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.venue, 'x', sizeof spec.venue);
    bad(PERP_E_INVALID);
    spec = good;
    spec.margin_mode = PERP_MARGIN_COUNT;
    bad(PERP_E_INVALID);
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        spec = good;
        spec.taker_fee_bps = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        spec = good;
        spec.maker_fee_bps = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
    }
    spec = good;
    spec.taker_fee_bps = 1000.5;
    bad(PERP_E_RANGE);
    spec = good;
    spec.maker_fee_bps = -1e308;
    bad(PERP_E_RANGE);
    spec = good;
    spec.max_notional = -2;
    bad(PERP_E_RANGE);
#undef bad
    fails(w, PERP_E_INVALID, perp_exchange_add(w->core, &good, NULL));
    ok(w, perp_exchange_add(w->core, &good, &id));
    checked(w);
}
END_TEST

START_TEST(specs_of_instruments_are_checked) {
    perp_tier tiers[2] = {{0, 10, 0.01, 0, 0}, {10, 20, 0.02, 1, 0}};
    perp_instrument_spec good, spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&good);
    good.exchange = ALPHA;
    strcpy(good.symbol, "NEW/USDT:USDT");
    good.tiers = tiers;
    good.n_tiers = 2;
#define bad(status) fails(w, status, perp_instrument_add(w->core, &spec, &id))
    spec = good;
    spec.symbol[0] = 0;
    bad(PERP_E_INVALID);
    spec = good;
    memset(spec.base, 'x', sizeof spec.base);
    bad(PERP_E_INVALID);
    spec = good;
    spec.kind = PERP_KIND_COUNT;
    bad(PERP_E_INVALID);
    spec = good;
    spec.tiers = NULL;
    bad(PERP_E_INVALID);
    spec = good;
    spec.n_tiers = PERP_MAX_TIERS + 1;
    perp_status status = perp_instrument_add(w->core, &spec, &id);
    ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        double *fields[] = {&spec.qty_step, &spec.price_tick, &spec.min_qty,
                            &spec.funding_interval_h};
        for (int f = 0; f < 4; f++) {
            spec = good;
            *fields[f] = NOT_NUMBERS[k];
            bad(PERP_E_INVALID);
        }
        perp_tier broken[2] = {tiers[0], tiers[1]};
        spec = good;
        spec.tiers = broken;
        broken[1].mmr = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        broken[1] = tiers[1];
        broken[1].floor = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
        broken[1] = tiers[1];
        broken[1].amount = NOT_NUMBERS[k];
        bad(PERP_E_INVALID);
    }
#undef bad
    double *negative[] = {&spec.qty_step, &spec.price_tick, &spec.min_qty};
    for (int f = 0; f < 3; f++) {
        spec = good;
        *negative[f] = -1;
        status = perp_instrument_add(w->core, &spec, &id);
        ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    }
    tiers[1].floor = 0;
    spec = good;
    status = perp_instrument_add(w->core, &spec, &id);
    ck_assert(status == PERP_E_INVALID || status == PERP_E_RANGE);
    tiers[1].floor = 10;
    ok(w, perp_instrument_add(w->core, &good, &id));
    fails(w, PERP_E_EXISTS, perp_instrument_add(w->core, &good, &id));
    tiers[1].mmr = 0.03;
    fails(w, PERP_E_CONFLICT, perp_instrument_add(w->core, &good, &id));
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
    result_of_any_size(perp_refusal, perp_capital_reserve(w->capital, nowc(w), 0, 0, amount, NULL,
                                                          &id, out));
    result_of_any_size(perp_refusal, perp_capital_can_reserve_for_job(w->capital, &job, out));
    result_of_any_size(perp_evaluation, perp_risk_evaluate(w->risk, w->now, &job, out));
    result_of_any_size(perp_risk_state, perp_risk_query(w->risk, out));
    result_of_any_size(perp_job_info, perp_scheduler_job(w->scheduler, &job.job_id, out));
    result_of_any_size(perp_scheduler_state, perp_scheduler_query(w->scheduler, out));
    result_of_any_size(perp_market_state, perp_market_query(w->market, 0, w->now, out));
    result_of_any_size(perp_exchange_state, perp_market_query_exchange(w->market, 0, w->now, out));
    result_of_any_size(perp_core_stats, perp_core_statistics(w->core, out));
    result_of_any_size(perp_config, perp_core_config(w->core, out));
    result_of_any_size(perp_exchange_spec, perp_exchange_get(w->core, 0, out));
    result_of_any_size(perp_instrument_spec, perp_instrument_get(w->core, 0, out));
}
END_TEST

START_TEST(a_bad_outcome_struct_is_refused_before_anything_is_booked) {
    perp_job job = job_of(1);
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_tick_result tick_result;
    perp_tick_result_init(&tick_result);
    tick_result.struct_size = 0;
    submit(w, &job);
    fails(w, PERP_E_INVALID, perp_scheduler_tick(w->scheduler, nowc(w), &tick_result));
    tick(w);
    memset(&outcome, 0, sizeof outcome);
    perp_job_result_init(&result);
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, &outcome));
    result.struct_size = 1;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    perp_job_result_init(&result);
    result.status = PERP_RESULT_UNKNOWN + 1;
    fails(w, PERP_E_INVALID,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        perp_job_result_init(&result);
        result.n_legs = 2;
        fill_leg(&result, 0, NOT_NUMBERS[k], 1);
        fill_leg(&result, 1, 0, 0);
        fails(w, PERP_E_INVALID,
              perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
        fill_leg(&result, 0, 1, NOT_NUMBERS[k]);
        fails(w, PERP_E_INVALID,
              perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    }
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.volume = INT64_MAX;
    result.pnl = INT64_MIN;
    result.fees = INT64_MAX;
    fails(w, PERP_E_RANGE,
          perp_scheduler_finish(w->scheduler, nowc(w), &job.job_id, &result, NULL));
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(the_first_call_sets_the_clock_to_any_time) {
    perp_core *core = NULL;
    perp_call call;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    ck_assert_int_eq(perp_core_clock(core), PERP_TIME_NONE);
    perp_call_init(&call);
    call.now_ns = START * 3;
    ck_assert_int_eq(perp_scheduler_pause(perp_core_scheduler(core), &call), PERP_OK);
    ck_assert_int_eq(perp_core_clock(core), START * 3);
    perp_core_close(core);
    ck_assert_int_eq(perp_core_open(NULL, NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(pure_functions_refuse_what_has_no_answer) {
    perp_liquidation good, l;
    perp_walk walk;
    perp_book_level level = {100, 1};
    perp_funding funding = {0, 0, START, 0.0001, 8, START};
    double out = 7;
    memset(&good, 0, sizeof good);
    good.struct_size = sizeof good;
    good.quantity = good.entry_price = 1;
    good.wallet_balance = 0.1;
#define bad(expression)                                                                            \
    do {                                                                                           \
        out = 7;                                                                                   \
        ck_assert_msg((expression) == PERP_E_INVALID, "%s", #expression);                          \
        ck_assert(out == 7);                                                                       \
    } while (0)
    bad(perp_liquidation_price(NULL, &out));
    bad(perp_liquidation_price(&good, NULL));
    double *fields[] = {&l.quantity,           &l.entry_price,          &l.wallet_balance,
                        &l.maintenance_rate,   &l.maintenance_amount,   &l.liquidation_fee_rate,
                        &l.other_maintenance,  &l.other_upnl};
    for (int k = 0; k < N_NOT_NUMBERS; k++) {
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            l = good;
            *fields[f] = NOT_NUMBERS[k];
            bad(perp_liquidation_price(&l, &out));
        }
        bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, NOT_NUMBERS[k], &walk));
        bad(perp_funding_payment(PERP_SIDE_BUY, NOT_NUMBERS[k], 1, 1, &out));
        bad(perp_funding_payment(PERP_SIDE_BUY, 1, NOT_NUMBERS[k], 1, &out));
        bad(perp_funding_payment(PERP_SIDE_BUY, 1, 1, NOT_NUMBERS[k], &out));
        bad(perp_funding_rate(NOT_NUMBERS[k], 0, 0.0005, 1, 0, &out));
        bad(perp_funding_rate(0, NOT_NUMBERS[k], 0.0005, 1, 0, &out));
        bad(perp_funding_rate(0, 0, NOT_NUMBERS[k], 1, 0, &out));
        bad(perp_funding_rate(0, 0, 0.0005, NOT_NUMBERS[k], 0, &out));
        bad(perp_funding_rate(0, 0, 0.0005, 1, NOT_NUMBERS[k], &out));
    }
    l = good;
    l.quantity = 0;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.entry_price = -1;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.side = 2;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.maintenance = 2;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.struct_size = 0;
    bad(perp_liquidation_price(&l, &out));
    l = good;
    l.maintenance_rate = 1;
    bad(perp_liquidation_price(&l, &out));
    memset(&walk, 0, sizeof walk);
    walk.struct_size = sizeof walk;
    bad(perp_walk_book(2, &level, 1, 1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, NULL, 1, 1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 0, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, -1, &walk));
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 1, NULL));
    walk.struct_size = 0;
    bad(perp_walk_book(PERP_SIDE_BUY, &level, 1, 1, &walk));
    bad(perp_funding_payment(2, 1, 1, 1, &out));
    bad(perp_funding_payment(PERP_SIDE_BUY, 1, 1, 1, NULL));
    bad(perp_funding_rate(0, 0, 0.0005, 0, 0, &out));
    bad(perp_funding_rate(0, 0, 0.0005, 1, 0, NULL));
    bad(perp_funding_settlements(NULL, START, START + HOUR, &out));
    bad(perp_funding_settlements(&funding, START, START + HOUR, NULL));
    funding.interval_h = 0;
    bad(perp_funding_settlements(&funding, START, START + HOUR, &out));
    funding.interval_h = NAN;
    bad(perp_funding_settlements(&funding, START, START + HOUR, &out));
#undef bad
}
END_TEST

static void add_changes(TCase *tcase) {
    tcase_add_loop_test(tcase, a_change_takes_a_sound_call, 0, N_CHANGES);
    tcase_add_loop_test(tcase, an_older_and_a_newer_host_call_alike, 0, N_CHANGES);
    tcase_add_test(tcase, a_host_without_actor_and_reason_in_its_struct_gives_none);
    tcase_add_test(tcase, no_handle_no_call);
    tcase_add_test(tcase, nowhere_to_write_is_refused);
    tcase_add_test(tcase, what_was_never_added_is_not_found);
    tcase_add_test(tcase, unknown_instruments_are_not_found_by_feeds_and_queries);
    tcase_add_test(tcase, numbers_beyond_what_is_possible_are_out_of_range);
    tcase_add_test(tcase, values_outside_their_lists_are_invalid);
}

int main(void) {
    Suite *suite = suite_create("bad input");
    TCase *tcase = tcase_create("bad input");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    add_changes(tcase);
    tcase_add_loop_test(tcase, a_malformed_job_is_refused_everywhere, 0, N_SPOILED);
    tcase_add_test(tcase, huge_jobs_neither_wrap_nor_pass);
    tcase_add_test(tcase, a_job_that_does_not_hedge_or_trades_with_itself_is_not_queued);
    tcase_add_test(tcase, a_quantity_off_its_step_or_below_a_minimum_is_not_queued);
    tcase_add_test(tcase, a_bad_event_leaves_the_market_as_it_was);
    tcase_add_test(tcase, crossed_and_disordered_books_are_refused);
    tcase_add_test(tcase, events_from_the_past_and_from_far_ahead_are_told_apart);
    tcase_add_test(tcase, specs_of_exchanges_and_instruments_are_checked);
    tcase_add_test(tcase, specs_of_instruments_are_checked);
    tcase_add_test(tcase, results_fit_older_and_newer_hosts);
    tcase_add_test(tcase, a_bad_outcome_struct_is_refused_before_anything_is_booked);
    suite_add_tcase(suite, tcase);
    TCase *own = tcase_create("without a world");
    tcase_add_test(own, the_first_call_sets_the_clock_to_any_time);
    tcase_add_test(own, pure_functions_refuse_what_has_no_answer);
    suite_add_tcase(suite, own);
    return run_suite(suite);
}
