/* The state as JSON, and the alerts. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_alert found; /* the last one that stands() found */

/* How many alerts of a code stand for a subject (NULL: any). */
static uint32_t stands(uint32_t code, const char *subject) {
    perp_alert alerts[64];
    uint32_t count = 0, n = 0;
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 64, &count));
    ck_assert_uint_le(count, 64);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(alerts[i].struct_size, sizeof *alerts);
        ck_assert_uint_eq(alerts[i].active, 1);
        ck_assert_int_le(alerts[i].since_ns, w->now);
        ck_assert_uint_gt(strlen(alerts[i].message), 0);
        if (i > 0) {
            ck_assert_uint_le(alerts[i].level, alerts[i - 1].level);
        }
        if (alerts[i].code == code && (!subject || !strcmp(alerts[i].subject, subject))) {
            found = alerts[i];
            n++;
        }
    }
    return n;
}

static cJSON *state(void) {
    size_t length = 0, again = 0;
    ck_assert_int_eq(perp_monitor_json(w->core, w->now, NULL, 0, &length), PERP_E_RANGE);
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    ok(w, perp_monitor_json(w->core, w->now, text, length + 1, &again));
    ck_assert_uint_eq(again, length);
    ck_assert_uint_eq(strlen(text), length);
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "not JSON: %s", text);
    free(text);
    return json;
}

/* The item at a path of names, none of which has a '|' ("a|b"); it must be there. */
static const cJSON *at_path(const cJSON *json, const char *path) {
    char name[128];
    for (const char *from = path; *from;) {
        size_t length = strcspn(from, "|");
        snprintf(name, sizeof name, "%.*s", (int)length, from);
        json = cJSON_GetObjectItemCaseSensitive(json, name);
        ck_assert_msg(json != NULL, "%s: no %s", path, name);
        from += length + (from[length] == '|');
    }
    return json;
}

static double number_at(const cJSON *json, const char *path) {
    const cJSON *item = at_path(json, path);
    ck_assert_msg(cJSON_IsNumber(item), "%s is no number", path);
    return item->valuedouble;
}

static const char *text_at(const cJSON *json, const char *path) {
    const cJSON *item = at_path(json, path);
    ck_assert_msg(cJSON_IsString(item), "%s is no string", path);
    return item->valuestring;
}

static void status_is(const char *wanted) {
    cJSON *json = state();
    ck_assert_str_eq(text_at(json, "global_stats|system_status"), wanted);
    cJSON_Delete(json);
}

/* One job completed, one partial, one running, one that risk keeps refusing. */
static void busy(void) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_flat(w, &job.job_id, USD(0.5 * BTC_MID));
    job = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    job.job_id = id_of(3);
    for (int i = 0; i < 2; i++) {
        job.legs[i].instrument = i ? w->eth[BETA] : w->eth[ALPHA];
        job.legs[i].quantity = 5;
    }
    run_job(w, &job);
    finish_pair(w, &job.job_id, 5, 4, 2500);
    job = pair_job(4, w->btc[ALPHA], w->btc[GAMMA]);
    job.legs[0].leverage = 10;
    submit(w, &job);
    tick(w);
}

START_TEST(every_name_of_the_state_is_there) {
    static const char *const names[] = {
        "global_stats|system_status",
        "global_stats|risk_mode",
        "global_stats|today_volume_usd",
        "global_stats|today_fees_usd",
        "global_stats|today_pnl_usd",
        "global_stats|daily_loss_limit",
        "global_stats|daily_loss_used",
        "global_stats|equity_usd",
        "global_stats|drawdown",
        "capital_stats|alpha|exchange",
        "capital_stats|alpha|equity",
        "capital_stats|alpha|wash_used",
        "capital_stats|alpha|wash_budget",
        "capital_stats|alpha|arb_used",
        "capital_stats|alpha|arb_budget",
        "capital_stats|alpha|reserve_used",
        "capital_stats|alpha|reserve_size",
        "capital_stats|alpha|total_in_flight",
        "capital_stats|alpha|total_used",
        "capital_stats|alpha|overcommitted",
        "capital_stats|alpha|safe_mode",
        "capital_stats|delta|pools|wash|budget",
        "capital_stats|delta|pools|arb|in_flight",
        "capital_stats|delta|pools|reserve|used",
        "capital_stats|delta|pools|reserve|available",
        "exchange_stats|beta|api_latency_ms",
        "exchange_stats|beta|latency_p50_ms",
        "exchange_stats|beta|latency_p99_ms",
        "exchange_stats|beta|open_positions_count",
        "exchange_stats|beta|funding_rates|BTC/USDT:USDT",
        "exchange_stats|beta|concurrent_jobs_count",
        "exchange_stats|beta|running_notional",
        "exchange_stats|beta|circuit",
        "exchange_stats|beta|status",
        "exchange_stats|beta|safe_mode",
        "jobs_stats|running_jobs",
        "jobs_stats|pending_jobs_count",
        "jobs_stats|completed_today",
        "jobs_stats|failed_today",
        "jobs_stats|partial_today",
        "jobs_stats|rejected_today",
        "jobs_stats|expired_today",
        "jobs_stats|recent_completed",
        "jobs_stats|top_pending",
        "risk_stats|fast_markets",
        "risk_stats|delayed_exchanges",
        "risk_stats|consecutive_failures",
        "risk_stats|auto_halt",
        "risk_stats|manual_override",
        "risk_stats|killed",
        "risk_stats|refusals|leverage",
        "market_stats|BTC/USDT:USDT|gamma|symbol",
        "market_stats|BTC/USDT:USDT|gamma|last",
        "market_stats|BTC/USDT:USDT|gamma|bid",
        "market_stats|BTC/USDT:USDT|gamma|ask",
        "market_stats|BTC/USDT:USDT|gamma|spread",
        "market_stats|BTC/USDT:USDT|gamma|spread_bps",
        "market_stats|BTC/USDT:USDT|gamma|short_term_volatility",
        "market_stats|BTC/USDT:USDT|gamma|funding_rate",
        "market_stats|BTC/USDT:USDT|gamma|next_funding",
        "market_stats|BTC/USDT:USDT|gamma|timestamp",
        "positions_stats|positions|alpha|ETH/USDT:USDT|base",
        "positions_stats|positions|alpha|ETH/USDT:USDT|quantity",
        "positions_stats|positions|alpha|ETH/USDT:USDT|entry",
        "positions_stats|positions|alpha|ETH/USDT:USDT|mark",
        "positions_stats|positions|alpha|ETH/USDT:USDT|unrealised",
        "positions_stats|positions|alpha|ETH/USDT:USDT|liquidation_price",
        "positions_stats|positions|alpha|ETH/USDT:USDT|liquidation_distance",
        "positions_stats|positions|alpha|ETH/USDT:USDT|foreign",
        "positions_stats|positions|alpha|ETH/USDT:USDT|unexplained",
        "positions_stats|positions|alpha|ETH/USDT:USDT|latched",
        "positions_stats|positions|alpha|ETH/USDT:USDT|in_doubt",
        "positions_stats|positions|alpha|ETH/USDT:USDT|known",
        "positions_stats|positions|alpha|ETH/USDT:USDT|reported",
        "positions_stats|positions|alpha|ETH/USDT:USDT|lots",
        "positions_stats|bases|ETH|net",
        "positions_stats|bases|ETH|gross",
        "positions_stats|bases|ETH|is_naked",
        "positions_stats|bases|ETH|naked|quantity",
        "positions_stats|bases|ETH|naked|usd",
        "positions_stats|bases|ETH|naked|since",
        "positions_stats|bases|ETH|to_square",
        "positions_stats|bases|ETH|repair",
        "positions_stats|bases|ETH|repairs_stopped",
        "positions_stats|bases|ETH|tries",
        "positions_stats|bases|ETH|next_try",
        "alerts",
        "last_update",
    };
    busy();
    cJSON *json = state();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        at_path(json, names[i]);
    }
    cJSON_Delete(json);
}
END_TEST

START_TEST(the_state_says_what_the_book_says) {
    busy();
    cJSON *json = state();
    perp_capital_state alpha = capital_of(w, ALPHA);
    ck_assert_str_eq(text_at(json, "global_stats|system_status"), "running");
    ck_assert_str_eq(text_at(json, "global_stats|risk_mode"), "balanced");
    ck_assert_double_eq(number_at(json, "global_stats|equity_usd"), 4000000);
    ck_assert_double_eq(number_at(json, "global_stats|daily_loss_limit"), 40000);
    ck_assert_double_eq(number_at(json, "global_stats|today_volume_usd"),
                        2 * 0.25 * BTC_MID + 9 * 2500.0);
    /* The running job and what the partial one has open hold 12,500 each on alpha; the repair,
       which reduces there, holds nothing. */
    ck_assert_int_eq(alpha.total_in_flight, USD(12500));
    ck_assert_int_eq(alpha.total_used, USD(12500));
    ck_assert_double_eq(number_at(json, "capital_stats|alpha|wash_used"), 25000);
    ck_assert_double_eq(number_at(json, "capital_stats|alpha|pools|wash|in_flight"), 12500);
    ck_assert_double_eq(number_at(json, "capital_stats|alpha|pools|wash|used"), 12500);
    ck_assert_double_eq(number_at(json, "capital_stats|alpha|pools|wash|available"), 675000);
    ck_assert_double_eq(number_at(json, "jobs_stats|completed_today"), 1);
    ck_assert_double_eq(number_at(json, "jobs_stats|partial_today"), 1);
    ck_assert_double_eq(number_at(json, "jobs_stats|unresolved_jobs_count"), 1);
    ck_assert_double_eq(number_at(json, "risk_stats|refusals|leverage"), 1);
    ck_assert_double_eq(number_at(json, "market_stats|BTC/USDT:USDT|gamma|spread"), 4);
    ck_assert(cJSON_IsNull(at_path(json, "market_stats|BTC/USDT:USDT|gamma|last")));
    ck_assert(cJSON_IsNull(at_path(json, "exchange_stats|alpha|api_latency_ms")));
    ck_assert_str_eq(text_at(json, "last_update"), "2025-10-09T08:53:20.000000000Z");
    cJSON_Delete(json);
}
END_TEST

#define ETH_AT(exchange) "positions_stats|positions|" exchange "|ETH/USDT:USDT|"

START_TEST(positions_are_shown_with_their_lots) {
    busy(); /* job 3 bought 5 on alpha and sold 4 on beta, at 2,500 */
    cJSON *json = state();
    perp_position_state alpha = position_of(w, w->eth[ALPHA]);
    perp_market_state market = {.struct_size = sizeof market};
    ok(w, perp_market_query(w->market, w->eth[ALPHA], w->now, &market));
    double mark = (market.bid + market.ask) / 2;
    ck_assert_double_eq(number_at(json, ETH_AT("alpha") "quantity"), 5);
    ck_assert_double_eq(number_at(json, ETH_AT("alpha") "entry"), 2500);
    ck_assert_double_eq(number_at(json, ETH_AT("alpha") "mark"), mark);
    ck_assert_double_eq_tol(number_at(json, ETH_AT("alpha") "unrealised"), 5 * (mark - 2500), 1e-6);
    ck_assert_double_eq(number_at(json, ETH_AT("alpha") "foreign"), alpha.foreign);
    ck_assert_double_eq(number_at(json, ETH_AT("alpha") "unexplained"), 0);
    const cJSON *lots = at_path(json, ETH_AT("alpha") "lots");
    ck_assert_int_eq(cJSON_GetArraySize(lots), 1);
    ck_assert_str_eq(text_at(lots->child, "job_id"), "10000000-0000-0000-0000-000000000003");
    ck_assert_double_eq(number_at(lots->child, "leg"), 0);
    ck_assert_double_eq(number_at(lots->child, "quantity"), 5);
    ck_assert_double_eq(number_at(lots->child, "price"), 2500);
    ck_assert_double_eq(number_at(lots->child, "used"), 12500);
    ck_assert_double_eq(number_at(json, ETH_AT("beta") "quantity"), -4);
    /* Nothing is filled there. */
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(
        at_path(json, "positions_stats|positions|alpha"), "BTC/USDT:USDT"));
    ck_assert_ptr_null(
        cJSON_GetObjectItemCaseSensitive(at_path(json, "positions_stats|bases"), "BTC"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_naked_base_is_shown_with_its_repair) {
    busy();
    cJSON *json = state();
    perp_base_state eth = base_of(w, "ETH");
    ck_assert_double_eq(number_at(json, "positions_stats|bases|ETH|net"), 1);
    ck_assert_double_eq(number_at(json, "positions_stats|bases|ETH|gross"), 9);
    ck_assert(cJSON_IsTrue(at_path(json, "positions_stats|bases|ETH|is_naked")));
    ck_assert_double_eq(number_at(json, "positions_stats|bases|ETH|naked|quantity"), 1);
    ck_assert_double_eq_tol(number_at(json, "positions_stats|bases|ETH|naked|usd"), 2500, 1);
    ck_assert_str_eq(text_at(json, "positions_stats|bases|ETH|naked|since"),
                     "2025-10-09T08:53:20.000000000Z");
    ck_assert_double_eq(number_at(json, "positions_stats|bases|ETH|to_square"), eth.to_square);
    char repair[37];
    ck_assert_uint_eq(eth.has_repair, 1);
    perp_uuid_format(&eth.repair, repair);
    ck_assert_str_eq(text_at(json, "positions_stats|bases|ETH|repair"), repair);
    cJSON_Delete(json);
    ck_assert_uint_eq(stands(PERP_ALERT_NAKED_BASE, "ETH"), 1);
    ck_assert_ptr_nonnull(strstr(found.message, " USD)"));
}
END_TEST

START_TEST(drift_and_doubt_are_shown) {
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0.25, BTC_MID);
    pass(w, SECOND * 10);
    position_at(w, w->btc[ALPHA], w->now, 0.05, 0);
    cJSON *json = state();
    ck_assert(
        cJSON_IsTrue(at_path(json, "positions_stats|positions|alpha|BTC/USDT:USDT|in_doubt")));
    ck_assert_double_eq(number_at(json, "positions_stats|positions|alpha|BTC/USDT:USDT|quantity"),
                        0.25);
    cJSON_Delete(json);
    pass(w, SECOND);
    position_at(w, w->btc[ALPHA], w->now, 0.05, 0);
    json = state();
    ck_assert(
        cJSON_IsFalse(at_path(json, "positions_stats|positions|alpha|BTC/USDT:USDT|in_doubt")));
    ck_assert(cJSON_IsTrue(at_path(json, "positions_stats|positions|alpha|BTC/USDT:USDT|latched")));
    ck_assert_double_eq_tol(
        number_at(json, "positions_stats|positions|alpha|BTC/USDT:USDT|unexplained"), -0.2, 1e-12);
    ck_assert_double_eq_tol(number_at(json, "positions_stats|bases|BTC|naked|quantity"), -0.2,
                            1e-12);
    cJSON_Delete(json);
    ck_assert_uint_eq(stands(PERP_ALERT_POSITION_DRIFT, "alpha BTC/USDT:USDT"), 1);
    ck_assert_ptr_nonnull(strstr(found.message, " USD) unexplained"));
}
END_TEST

/* The estimate is that of a leg that does next to nothing there. */
START_TEST(liquidations_are_those_of_the_position) {
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0.25, BTC_MID);
    perp_job more = one_leg_job(9, w->btc[ALPHA], PERP_SIDE_BUY);
    more.legs[0].quantity = 1e-9;
    more.legs[0].notional = more.notional = 1;
    perp_evaluation evaluation = evaluated(w, &more);
    cJSON *json = state();
    double price =
        number_at(json, "positions_stats|positions|alpha|BTC/USDT:USDT|liquidation_price");
    ck_assert_double_eq_tol(price, evaluation.legs[0].liquidation_price, price * 1e-6);
    ck_assert_double_eq_tol(
        number_at(json, "positions_stats|positions|alpha|BTC/USDT:USDT|liquidation_distance"),
        evaluation.legs[0].liquidation_distance, 1e-6);
    cJSON_Delete(json);
}
END_TEST

START_TEST(more_positions_than_the_usual_are_shown_too) {
    enum { MANY = 150 };
    char base[16], symbol[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(base, sizeof base, "C%d", i);
        snprintf(symbol, sizeof symbol, "%s/USDT:USDT", base);
        perp_instrument_id id = world_instrument(w, ALPHA, symbol, base, 0.001);
        position_at(w, id, w->now, i + 1, 10);
    }
    cJSON *json = state();
    ck_assert_int_eq(cJSON_GetArraySize(at_path(json, "positions_stats|positions|alpha")), MANY);
    ck_assert_int_eq(cJSON_GetArraySize(at_path(json, "positions_stats|bases")), MANY);
    ck_assert_double_eq(number_at(json, "positions_stats|positions|alpha|C149/USDT:USDT|quantity"),
                        MANY);
    ck_assert(
        cJSON_IsNull(at_path(json, "positions_stats|positions|alpha|C149/USDT:USDT|unrealised")));
    cJSON_Delete(json);
}
END_TEST

START_TEST(jobs_are_listed_with_what_holds_them_back) {
    busy();
    cJSON *json = state();
    const cJSON *running = at_path(json, "jobs_stats|running_jobs");
    ck_assert_int_eq(cJSON_GetArraySize(running), 2); /* the repair of job 3 too */
    ck_assert_str_eq(text_at(running->child, "job_id"), "10000000-0000-0000-0000-000000000002");
    ck_assert_str_eq(text_at(running->child, "strategy"), "wash");
    ck_assert_str_eq(text_at(running->child, "symbol"), "BTC/USDT:USDT");
    ck_assert_str_eq(at_path(running->child, "exchanges")->child->valuestring, "alpha");
    ck_assert_int_eq(cJSON_GetArraySize(at_path(running->child, "exchanges")), 2);
    ck_assert_double_eq(number_at(running->child, "notional"), 12500);
    ck_assert_str_eq(text_at(running->child, "started"), "2025-10-09T08:53:20.000000000Z");
    ck_assert(cJSON_IsFalse(at_path(running->child, "overdue")));
    ck_assert(cJSON_IsTrue(at_path(running->child->next, "is_repair")));
    const cJSON *top = at_path(json, "jobs_stats|top_pending");
    ck_assert_int_eq(cJSON_GetArraySize(top), 1);
    ck_assert_str_eq(text_at(top->child, "last_refusal"), "leverage");
    const cJSON *recent = at_path(json, "jobs_stats|recent_completed");
    ck_assert_int_eq(cJSON_GetArraySize(recent), 1);
    ck_assert_str_eq(text_at(recent->child, "state"), "completed");
    cJSON_Delete(json);
}
END_TEST

START_TEST(the_best_pending_jobs_come_in_the_order_of_a_tick) {
    /* None was scored yet: priority and the order of submit count. */
    for (uint32_t i = 0; i < 30; i++) {
        perp_job job = pair_job(i, w->btc[ALPHA], w->btc[BETA]);
        job.priority = i == 17 ? 5 : i == 3 ? -5 : 0;
        submit(w, &job);
    }
    cJSON *json = state();
    const cJSON *top = at_path(json, "jobs_stats|top_pending");
    ck_assert_int_eq(cJSON_GetArraySize(top), 10);
    static const char *const ends[] = {"11", "00", "01", "02", "04", "05", "06", "07", "08", "09"};
    int i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, top) {
        ck_assert_str_eq(text_at(item, "job_id") + 34, ends[i]);
        i++;
    }
    ck_assert_double_eq(number_at(json, "jobs_stats|pending_jobs_count"), 30);
    cJSON_Delete(json);
}
END_TEST

START_TEST(an_empty_book_has_a_state_too) {
    perp_core *core = NULL;
    size_t length = 0;
    uint32_t count = 9;
    char text[8192];
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    ck_assert_int_eq(perp_monitor_json(core, PERP_TIME_NONE, text, sizeof text, &length), PERP_OK);
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    ck_assert(cJSON_IsNull(at_path(json, "last_update")));
    ck_assert(cJSON_IsNull(at_path(json, "global_stats|daily_loss_limit")));
    ck_assert_str_eq(text_at(json, "global_stats|system_status"), "running");
    cJSON_Delete(json);
    ck_assert_int_eq(perp_monitor_alerts(core, PERP_TIME_NONE, NULL, 0, &count), PERP_OK);
    ck_assert_uint_eq(count, 0);
    perp_core_close(core);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_stays_as_it_was) {
    size_t length = 0, again = 0;
    ck_assert_int_eq(perp_monitor_json(w->core, w->now, NULL, 0, &length), PERP_E_RANGE);
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', length + 1);
    ck_assert_int_eq(perp_monitor_json(w->core, w->now, text, length, &again), PERP_E_RANGE);
    ck_assert_uint_eq(again, length);
    for (size_t i = 0; i <= length; i++) {
        ck_assert_int_eq(text[i], '#');
    }
    free(text);
    ck_assert_int_eq(perp_monitor_json(NULL, w->now, NULL, 0, &length), PERP_E_INVALID);
    ck_assert_int_eq(perp_monitor_json(w->core, w->now, NULL, 1, &length), PERP_E_INVALID);
    ck_assert_int_eq(perp_monitor_json(w->core, w->now, NULL, 0, NULL), PERP_E_INVALID);
    uint32_t count;
    ck_assert_int_eq(perp_monitor_alerts(NULL, w->now, NULL, 0, &count), PERP_E_INVALID);
    ck_assert_int_eq(perp_monitor_alerts(w->core, w->now, NULL, 1, &count), PERP_E_INVALID);
    ck_assert_int_eq(perp_monitor_alerts(w->core, w->now, NULL, 0, NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(looking_changes_nothing) {
    busy();
    uint64_t hash = perp_core_hash(w->core);
    cJSON_Delete(state());
    stands(PERP_ALERT_FEED_SILENT, NULL);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
}
END_TEST

START_TEST(the_status_says_first_what_stops_most) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 1000, NULL));
    status_is("manual_override");
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    status_is("paused");
    for (int i = 0; i < 5; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), ALL_X));
    }
    status_is("halted");
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALL_X, NULL, 0, NULL));
    status_is("killed");
    ok(w, perp_scheduler_kill(w->scheduler, signedc(w), 0, ALL_X, NULL, 0, NULL));
    status_is("halted");
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    status_is("paused");
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    status_is("manual_override");
    w->now += SECOND;
    status_is("running");
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(-40000), 0, 0, NULL));
    status_is("halted");
}
END_TEST

START_TEST(every_exchange_killed_is_killed) {
    for (perp_exchange_id x = 0; x < N_X; x++) {
        status_is("running");
        ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, x, NULL, 0, NULL));
    }
    status_is("killed");
}
END_TEST

START_TEST(a_calm_book_has_no_alerts) {
    uint32_t count = 9;
    ok(w, perp_monitor_alerts(w->core, w->now, NULL, 0, &count));
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_running_leg_without_a_fresh_quote_is_a_silent_feed) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    w->now += 5 * SECOND;
    ck_assert_uint_eq(stands(PERP_ALERT_FEED_SILENT, NULL), 0);
    w->now += 1;
    ck_assert_uint_eq(stands(PERP_ALERT_FEED_SILENT, "BTC/USDT:USDT"), 2);
    ck_assert_int_eq(found.since_ns, START + 5 * SECOND);
    ck_assert_uint_eq(found.level, PERP_ALERT_CRITICAL);
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID, BTC_ASK, 1000);
    ck_assert_uint_eq(stands(PERP_ALERT_FEED_SILENT, NULL), 1);
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(stands(PERP_ALERT_FEED_SILENT, NULL), 0);
}
END_TEST

START_TEST(what_the_host_says_of_an_exchange_is_alerted) {
    world_api(w, GAMMA, PERP_API_DOWN);
    ck_assert_uint_eq(stands(PERP_ALERT_EXCHANGE_DOWN, "gamma"), 1);
    ck_assert_uint_eq(found.level, PERP_ALERT_CRITICAL);
    w->now++;
    world_api(w, GAMMA, PERP_API_DEGRADED);
    ck_assert_uint_eq(stands(PERP_ALERT_EXCHANGE_DOWN, NULL), 0);
    ck_assert_uint_eq(stands(PERP_ALERT_DELAYED, "gamma"), 1);
    cJSON *json = state();
    ck_assert_str_eq(at_path(json, "risk_stats|delayed_exchanges")->child->valuestring, "gamma");
    ck_assert_str_eq(text_at(json, "exchange_stats|gamma|status"), "degraded");
    cJSON_Delete(json);
    w->now++;
    world_api(w, GAMMA, PERP_API_UP);
    ck_assert_uint_eq(stands(PERP_ALERT_DELAYED, NULL), 0);
}
END_TEST

START_TEST(failures_open_a_circuit_and_halt) {
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(stands(PERP_ALERT_CIRCUIT_OPEN, NULL), 0);
        ck_assert_uint_eq(stands(PERP_ALERT_AUTO_HALT, NULL), 0);
        ok(w, perp_risk_record_failure(w->risk, nowc(w), BETA));
    }
    ck_assert_uint_eq(stands(PERP_ALERT_AUTO_HALT, "book"), 1);
    ck_assert_uint_eq(found.level, PERP_ALERT_CRITICAL);
    pass(w, MINUTE); /* half-open: it stands until it is closed */
    ck_assert_uint_eq(stands(PERP_ALERT_CIRCUIT_OPEN, "beta"), 1);
    ck_assert_int_eq(found.since_ns, START);
    ok(w, perp_risk_record_success(w->risk, nowc(w), BETA));
    ok(w, perp_risk_reset_halt(w->risk, signedc(w)));
    ck_assert_uint_eq(stands(PERP_ALERT_CIRCUIT_OPEN, NULL), 0);
    ck_assert_uint_eq(stands(PERP_ALERT_AUTO_HALT, NULL), 0);
}
END_TEST

static void lose(double usd, uint32_t alerts, uint32_t level) {
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, -USD(usd), 0, 0, NULL));
    ck_assert_uint_eq(stands(PERP_ALERT_DAILY_LOSS, "book"), alerts);
    if (alerts) {
        ck_assert_uint_eq(found.level, level);
    }
}

START_TEST(a_loss_is_alerted_at_half_four_fifths_and_the_whole_limit) {
    lose(19999.999999, 0, 0);
    lose(0.000001, 1, PERP_ALERT_INFO);
    lose(11999.999999, 1, PERP_ALERT_INFO);
    lose(0.000001, 1, PERP_ALERT_WARNING);
    lose(8000, 1, PERP_ALERT_CRITICAL);
    lose(-30000, 1, PERP_ALERT_CRITICAL); /* it holds until the day rolls */
    pass(w, DAY);
    lose(0, 0, 0);
}
END_TEST

START_TEST(a_naked_base_is_alerted_until_it_is_resolved) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    pass(w, SECOND);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    pass(w, SECOND);
    ck_assert_uint_eq(stands(PERP_ALERT_NAKED_BASE, "BTC"), 1);
    ck_assert_uint_eq(found.level, PERP_ALERT_CRITICAL);
    ck_assert_int_eq(found.since_ns, START + SECOND);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    ck_assert_uint_eq(stands(PERP_ALERT_NAKED_BASE, NULL), 0);
}
END_TEST

START_TEST(a_job_that_runs_too_long_is_alerted_also_without_a_tick) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.max_run_ms = 2000;
    run_job(w, &job);
    pass(w, 2 * SECOND);
    ck_assert_uint_eq(stands(PERP_ALERT_JOB_OVERDUE, NULL), 0);
    pass(w, SECOND);
    ck_assert_uint_eq(stands(PERP_ALERT_JOB_OVERDUE, "10000000-0000-0000-0000-000000000001"), 1);
    ck_assert_int_eq(found.since_ns, START + 2 * SECOND);
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
    ck_assert_uint_eq(stands(PERP_ALERT_JOB_OVERDUE, NULL), 0);
}
END_TEST

START_TEST(a_job_in_doubt_is_alerted_until_it_is_known) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    submit(w, &job);
    tick(w);
    ck_assert_uint_eq(stands(PERP_ALERT_JOB_IN_DOUBT, "10000000-0000-0000-0000-000000000001"), 1);
    ok(w, perp_scheduler_requeue(w->scheduler, signedc(w), &job.job_id));
    ck_assert_uint_eq(stands(PERP_ALERT_JOB_IN_DOUBT, NULL), 0);
}
END_TEST

START_TEST(an_override_is_alerted_while_it_holds) {
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 1000, NULL));
    ck_assert_uint_eq(stands(PERP_ALERT_OVERRIDE_ON, "book"), 1);
    w->now += SECOND;
    ck_assert_uint_eq(stands(PERP_ALERT_OVERRIDE_ON, NULL), 0);
}
END_TEST

START_TEST(safe_mode_and_too_much_committed_are_alerted) {
    uint64_t id = 0;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    ok(w,
       perp_capital_reserve_for_wash(w->capital, nowc(w), BETA, USD(500000), NULL, &id, &refusal));
    ck_assert_uint_ne(id, 0);
    ck_assert_uint_eq(stands(PERP_ALERT_OVERCOMMITTED, NULL), 0);
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(600000)));
    ck_assert_uint_eq(stands(PERP_ALERT_SAFE_MODE, "beta"), 1);
    ck_assert_uint_eq(stands(PERP_ALERT_OVERCOMMITTED, "beta"), 1);
    ck_assert_ptr_nonnull(strstr(found.message, "80000 USD"));
    ok(w, perp_capital_release(w->capital, nowc(w), id, 0));
    ok(w, perp_capital_set_safe_mode(w->capital, signedc(w), BETA, 0));
    ck_assert_uint_eq(stands(PERP_ALERT_SAFE_MODE, NULL), 0);
    ck_assert_uint_eq(stands(PERP_ALERT_OVERCOMMITTED, NULL), 0);
}
END_TEST

START_TEST(a_strategy_that_can_never_trade_is_alerted) {
    for (perp_exchange_id x = 0; x < N_X; x++) {
        uint32_t wanted = x < DELTA ? 0 : PERP_STRATEGY_COUNT; /* delta alone has no partner */
        ck_assert_uint_eq(stands(PERP_ALERT_INFEASIBLE, NULL), wanted);
        ok(w, perp_capital_transfer(w->capital, nowc(w), x, -USD(1000000), 0));
    }
    ck_assert_uint_eq(stands(PERP_ALERT_INFEASIBLE, NULL), PERP_STRATEGY_COUNT);
    ck_assert_uint_eq(stands(PERP_ALERT_INFEASIBLE, "arb"), 1);
    ok(w, perp_capital_transfer(w->capital, nowc(w), BETA, USD(1), 0));
    ck_assert_uint_eq(stands(PERP_ALERT_INFEASIBLE, "arb"), 1); /* it takes two */
    ok(w, perp_capital_transfer(w->capital, nowc(w), GAMMA, USD(1), 0));
    ck_assert_uint_eq(stands(PERP_ALERT_INFEASIBLE, NULL), 0);
}
END_TEST

static int store_works;

static void store_answer(void *user, perp_status *status) {
    (void)user;
    *status = store_works ? PERP_OK : PERP_E_STORE;
}

static void store_append(void *user, const perp_record *record, perp_status *status) {
    (void)record;
    store_answer(user, status);
}

static void store_rollback(void *user) {
    (void)user;
}

START_TEST(a_failed_store_is_alerted_and_pauses_until_resume) {
    perp_config config;
    world_config(&config);
    config.store.begin = store_answer;
    config.store.append = store_append;
    config.store.commit = store_answer;
    config.store.rollback = store_rollback;
    store_works = 1;
    w = world_open(&config);
    store_works = 0;
    expect(w, PERP_E_STORE, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(7)));
    ck_assert_uint_eq(stands(PERP_ALERT_STORE_FAILED, "store"), 1);
    ck_assert_uint_eq(found.level, PERP_ALERT_CRITICAL);
    status_is("paused");
    store_works = 1;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    ck_assert_uint_eq(stands(PERP_ALERT_STORE_FAILED, NULL), 0);
    status_is("running");
    world_close(w);
}
END_TEST

START_TEST(alerts_in_the_state_carry_level_subject_since_and_message) {
    world_api(w, BETA, PERP_API_DEGRADED);
    world_api(w, GAMMA, PERP_API_DOWN);
    cJSON *json = state();
    const cJSON *alerts = at_path(json, "alerts");
    ck_assert_int_eq(cJSON_GetArraySize(alerts), 2);
    ck_assert_str_eq(text_at(alerts->child, "code"), "exchange_down");
    ck_assert_str_eq(text_at(alerts->child, "level"), "critical");
    ck_assert_str_eq(text_at(alerts->child, "subject"), "gamma");
    ck_assert_str_eq(text_at(alerts->child, "since"), "2025-10-09T08:53:20.000000000Z");
    ck_assert_uint_gt(strlen(text_at(alerts->child, "message")), 0);
    ck_assert_str_eq(text_at(alerts->child->next, "level"), "warning");
    cJSON_Delete(json);
}
END_TEST

START_TEST(alerts_beyond_the_capacity_are_counted_only) {
    perp_alert alerts[2];
    uint32_t count = 0;
    memset(alerts, 0x5a, sizeof alerts);
    world_api(w, BETA, PERP_API_DOWN);
    world_api(w, GAMMA, PERP_API_DOWN);
    ok(w, perp_monitor_alerts(w->core, w->now, alerts, 1, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(alerts[0].subject, "beta");
    ck_assert_uint_eq(alerts[1].struct_size, 0x5a5a5a5a);
}
END_TEST

static cJSON *rules(void) {
    size_t length = 0;
    static char text[65536];
    ok(w, perp_risk_describe_json(w->risk, text, sizeof text, &length));
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    return json;
}

static const cJSON *rule(const cJSON *json, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, at_path(json, "rules")) {
        if (!strcmp(text_at(item, "name"), name)) {
            return item;
        }
    }
    ck_abort_msg("no rule %s", name);
}

START_TEST(the_rule_table_gives_limits_and_what_a_missing_input_means) {
    busy();
    ok(w, perp_risk_set_mode(w->risk, nowc(w), PERP_MODE_CONSERVATIVE));
    cJSON *json = rules();
    ck_assert_str_eq(text_at(json, "mode"), "conservative");
    ck_assert_int_eq(cJSON_GetArraySize(at_path(json, "rules")), PERP_RULE_COUNT);
    const cJSON *leverage = rule(json, "leverage");
    ck_assert_double_eq(number_at(leverage, "limit"), 3);
    ck_assert_str_eq(text_at(leverage, "limit_name"), "max_leverage");
    ck_assert_double_eq(number_at(leverage, "fired_today"), 1);
    ck_assert_str_eq(text_at(leverage, "missing_input"), "passes");
    ck_assert(cJSON_IsFalse(at_path(leverage, "hard")));
    ck_assert(cJSON_IsTrue(at_path(leverage, "reducing_passes")));
    ck_assert_double_eq(number_at(rule(json, "daily_loss"), "limit"), 40000);
    ck_assert_double_eq(number_at(rule(json, "auto_halt"), "limit"), 5);
    ck_assert_double_eq(number_at(rule(json, "stale_quote"), "limit"), 5000);
    ck_assert_double_eq(number_at(rule(json, "not_rebalancing"), "limit"), 0.01);
    ck_assert_str_eq(text_at(rule(json, "stale_quote"), "missing_input"), "not held");
    ck_assert_str_eq(text_at(rule(json, "no_market_data"), "missing_input"), "fails");
    ck_assert(cJSON_IsTrue(at_path(rule(json, "killed"), "hard")));
    ck_assert(cJSON_IsFalse(at_path(rule(json, "killed"), "reducing_passes")));
    ck_assert(cJSON_IsNull(at_path(rule(json, "killed"), "limit")));
    cJSON_Delete(json);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("monitor");
    TCase *tcase = tcase_create("state");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, every_name_of_the_state_is_there);
    tcase_add_test(tcase, the_state_says_what_the_book_says);
    tcase_add_test(tcase, positions_are_shown_with_their_lots);
    tcase_add_test(tcase, a_naked_base_is_shown_with_its_repair);
    tcase_add_test(tcase, drift_and_doubt_are_shown);
    tcase_add_test(tcase, liquidations_are_those_of_the_position);
    tcase_add_test(tcase, more_positions_than_the_usual_are_shown_too);
    tcase_add_test(tcase, jobs_are_listed_with_what_holds_them_back);
    tcase_add_test(tcase, the_best_pending_jobs_come_in_the_order_of_a_tick);
    tcase_add_test(tcase, an_empty_book_has_a_state_too);
    tcase_add_test(tcase, a_buffer_that_is_too_small_stays_as_it_was);
    tcase_add_test(tcase, looking_changes_nothing);
    tcase_add_test(tcase, the_status_says_first_what_stops_most);
    tcase_add_test(tcase, every_exchange_killed_is_killed);
    tcase_add_test(tcase, the_rule_table_gives_limits_and_what_a_missing_input_means);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("alerts");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, a_calm_book_has_no_alerts);
    tcase_add_test(tcase, a_running_leg_without_a_fresh_quote_is_a_silent_feed);
    tcase_add_test(tcase, what_the_host_says_of_an_exchange_is_alerted);
    tcase_add_test(tcase, failures_open_a_circuit_and_halt);
    tcase_add_test(tcase, a_loss_is_alerted_at_half_four_fifths_and_the_whole_limit);
    tcase_add_test(tcase, a_naked_base_is_alerted_until_it_is_resolved);
    tcase_add_test(tcase, a_job_that_runs_too_long_is_alerted_also_without_a_tick);
    tcase_add_test(tcase, a_job_in_doubt_is_alerted_until_it_is_known);
    tcase_add_test(tcase, an_override_is_alerted_while_it_holds);
    tcase_add_test(tcase, safe_mode_and_too_much_committed_are_alerted);
    tcase_add_test(tcase, a_strategy_that_can_never_trade_is_alerted);
    tcase_add_test(tcase, alerts_in_the_state_carry_level_subject_since_and_message);
    tcase_add_test(tcase, alerts_beyond_the_capacity_are_counted_only);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("store");
    tcase_add_test(tcase, a_failed_store_is_alerted_and_pauses_until_resume);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
