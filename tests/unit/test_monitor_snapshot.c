/* The state as a struct: it agrees with the JSON, is of one moment, and waits for nothing. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>

static struct world *w;
static perp_monitor_state s; /* 90 KB */

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static void take(void) {
    memset(&s, 0x5a, sizeof s);
    s.struct_size = sizeof s;
    ok(w, perp_monitor_snapshot(w->core, w->now, &s));
    ck_assert_uint_eq(s.struct_size, sizeof s);
}

static cJSON *json_of(perp_core *core) {
    size_t length = 0;
    ck_assert_int_eq(perp_monitor_json(core, w->now, NULL, 0, &length), PERP_E_RANGE);
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    ok(w, perp_monitor_json(core, w->now, text, length + 1, &length));
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "not JSON: %s", text);
    free(text);
    return json;
}

static const cJSON *in(const cJSON *json, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    ck_assert_msg(item != NULL, "no %s", name);
    return item;
}

/* One function a type of field: whether the JSON shows the value. */
static void same_text(const cJSON *item, const char *text) {
    ck_assert_msg(cJSON_IsString(item), "%s is no string", item->string);
    ck_assert_str_eq(item->valuestring, text);
}

static void same_number(const cJSON *item, double value) {
    if (isnan(value)) {
        ck_assert_msg(cJSON_IsNull(item), "%s is not null", item->string);
        return;
    }
    ck_assert_msg(cJSON_IsNumber(item), "%s is no number", item->string);
    ck_assert_double_eq(item->valuedouble, value);
}

#define same_system(item, value) same_text(item, perp_system_string(value))
#define same_mode(item, value) same_text(item, perp_mode_string(value))
#define same_circuit(item, value) same_text(item, perp_circuit_string(value))
#define same_api(item, value) same_text(item, perp_api_string(value))
#define same_strategy(item, value) same_text(item, perp_strategy_string(value))
#define same_state(item, value) same_text(item, perp_job_state_string(value))
#define same_name(item, value) same_text(item, value)
#define same_usd(item, value) same_number(item, (double)(value) / (double)PERP_USD)
#define same_worth(item, value) same_number(item, round((value)*1e6) / 1e6)
#define same_count(item, value) same_number(item, (double)(value))
#define same_integer(item, value) same_number(item, (value))

static void same_limit(const cJSON *item, perp_usd value) {
    same_number(item, value ? (double)value / (double)PERP_USD : (double)NAN);
}

static void same_flag(const cJSON *item, uint32_t value) {
    ck_assert_msg(value ? cJSON_IsTrue(item) : cJSON_IsFalse(item), "%s differs", item->string);
}

static void same_reason(const cJSON *item, uint32_t value) {
    if (value == PERP_REASON_NONE) {
        ck_assert(cJSON_IsNull(item));
    } else {
        same_text(item, perp_reason_string(value));
    }
}

static void same_uuid(const cJSON *item, perp_uuid value) {
    char text[37];
    perp_uuid_format(&value, text);
    same_text(item, text);
}

static void same_one_job(const cJSON *item, perp_one_job value) {
    if (value.given) {
        same_uuid(item, value.job_id);
    } else {
        ck_assert(cJSON_IsNull(item));
    }
}

/* Times of this test are whole seconds after START, of one hour. */
static void same_time(const cJSON *item, int64_t value) {
    if (value == PERP_TIME_NONE) {
        ck_assert_msg(cJSON_IsNull(item), "%s is not null", item->string);
        return;
    }
    char text[40];
    int64_t second = (value - START) / SECOND + 53 * 60 + 20;
    snprintf(text, sizeof text, "2025-10-09T%02d:%02d:%02d.000000000Z", (int)(8 + second / 3600),
             (int)(second / 60 % 60), (int)(second % 60));
    same_text(item, text);
}

#define SAME(type, name) same_##type(in(json, #name), row->name);

static void same_jobs(const cJSON *list, const perp_monitor_job *rows, uint32_t n) {
    ck_assert_int_eq(cJSON_GetArraySize(list), (int)n);
    const cJSON *json = list->child;
    for (const perp_monitor_job *row = rows; row < rows + n; row++, json = json->next) {
        PERP_MONITOR_JOB_LIST(SAME)
    }
}

static void same_exchange(const cJSON *root, uint32_t id) {
    const cJSON *json = in(in(root, "capital_stats"), s.capital[id].exchange);
    {
        const perp_monitor_capital *row = &s.capital[id];
        PERP_MONITOR_CAPITAL_LIST(SAME)
    }
    const cJSON *pools = in(json, "pools");
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        const perp_monitor_pool *row = &s.capital[id].pools[pool];
        json = in(pools, perp_pool_string(pool));
        PERP_MONITOR_POOL_LIST(SAME)
    }
    json = in(in(root, "exchange_stats"), s.capital[id].exchange);
    const perp_monitor_exchange *row = &s.exchanges[id];
    PERP_MONITOR_EXCHANGE_LIST(SAME)
}

static void same_risk(const cJSON *root) {
    const cJSON *json = in(root, "risk_stats");
    const perp_monitor_risk *row = &s.risk;
    PERP_MONITOR_RISK_LIST(SAME)
#define PERP_X(name, number, text, ...)                                                            \
    same_count(in(in(json, "refusals"), text), s.refusals[number]);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    const cJSON *delayed = in(json, "delayed_exchanges")->child;
    for (uint32_t id = 0; id < s.n_exchanges; id++) {
        if (s.exchanges[id].delayed) {
            ck_assert_ptr_nonnull(delayed);
            same_text(delayed, s.capital[id].exchange);
            delayed = delayed->next;
        }
    }
    ck_assert_ptr_null(delayed);
    const cJSON *fast = in(json, "fast_markets");
    ck_assert_int_eq(cJSON_GetArraySize(fast), (int)s.n_fast_markets);
    fast = fast->child;
    for (uint32_t i = 0; i < s.n_fast_markets; i++, fast = fast->next) {
        perp_instrument_spec spec = {.struct_size = sizeof spec};
        ok(w, perp_instrument_get(w->core, s.fast_markets[i], &spec));
        same_text(in(fast, "symbol"), spec.symbol);
    }
}

static void same_positions(const cJSON *root) {
    const cJSON *all = in(in(root, "positions_stats"), "positions"), *exchange;
    int n = 0;
    cJSON_ArrayForEach(exchange, all) {
        n += cJSON_GetArraySize(exchange);
    }
    ck_assert_int_eq(n, (int)s.n_positions);
    for (uint32_t i = 0; i < s.n_positions; i++) {
        const perp_monitor_position *row = &s.positions[i];
        perp_instrument_spec spec = {.struct_size = sizeof spec};
        ok(w, perp_instrument_get(w->core, row->instrument, &spec));
        const cJSON *json = in(in(all, s.capital[spec.exchange].exchange), spec.symbol);
        PERP_MONITOR_POSITION_LIST(SAME)
        ck_assert_int_eq(cJSON_GetArraySize(in(json, "lots")), (int)row->n_lots);
    }
}

static void same_bases(const cJSON *root) {
    const cJSON *all = in(in(root, "positions_stats"), "bases");
    ck_assert_int_eq(cJSON_GetArraySize(all), (int)s.n_bases);
    for (uint32_t i = 0; i < s.n_bases; i++) {
        const cJSON *json = in(all, s.bases[i].base);
        {
            const perp_monitor_base *row = &s.bases[i];
            PERP_MONITOR_BASE_LIST(SAME)
        }
        json = in(json, "naked");
        const perp_monitor_naked *row = &s.bases[i].naked;
        PERP_MONITOR_NAKED_LIST(SAME)
    }
}

static void same_as_json(void) {
    cJSON *root = json_of(w->core);
    take();
    {
        const cJSON *json = in(root, "global_stats");
        const perp_monitor_global *row = &s.global;
        PERP_MONITOR_GLOBAL_LIST(SAME)
    }
    for (uint32_t id = 0; id < s.n_exchanges; id++) {
        same_exchange(root, id);
    }
    same_risk(root);
    same_positions(root);
    same_bases(root);
    const cJSON *json = in(root, "jobs_stats");
    const perp_monitor_jobs *row = &s.jobs;
    PERP_MONITOR_JOBS_LIST(SAME)
    same_jobs(in(json, "running_jobs"), s.running_jobs, s.n_running);
    same_jobs(in(json, "top_pending"), s.top_pending, s.n_top_pending);
    same_jobs(in(json, "recent_completed"), s.recent_completed, s.n_recent_completed);
    const cJSON *alerts = in(root, "alerts");
    ck_assert_int_eq(cJSON_GetArraySize(alerts), (int)s.n_alerts);
    json = alerts->child;
    for (uint32_t i = 0; i < s.n_alerts; i++, json = json->next) {
        same_text(in(json, "code"), perp_alert_string(s.alerts[i].code));
        same_text(in(json, "subject"), s.alerts[i].subject);
        same_text(in(json, "message"), s.alerts[i].message);
        same_time(in(json, "since"), s.alerts[i].since_ns);
    }
    same_time(in(root, "last_update"), s.last_update_ns);
    cJSON_Delete(root);
}

static void latency(perp_exchange_id exchange, double ms) {
    perp_latency sample = {exchange, 0, w->now, ms};
    ok(w, perp_market_on_latency(w->market, &sample));
}

START_TEST(the_struct_says_what_the_json_says) {
    same_as_json();
    ck_assert_uint_eq(s.n_exchanges, N_X);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    finish_flat(w, &job.job_id, 0);
    job = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    job.max_run_ms = 1000;
    job.priority = -7;
    run_job(w, &job);
    job = pair_job(4, w->btc[ALPHA], w->btc[GAMMA]);
    job.legs[0].leverage = 10;
    submit(w, &job);
    tick(w);
    w->seen.outcome = PERP_OUTCOME_IN_DOUBT;
    job = pair_job(5, w->btc[GAMMA], w->btc[BETA]);
    submit(w, &job);
    tick(w);
    same_as_json();
    ck_assert_uint_gt(s.n_running, 1);
    job = pair_job(3, w->eth[GAMMA], w->eth[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 5;
    w->seen.outcome = PERP_OUTCOME_ACCEPTED;
    run_job(w, &job);
    finish_pair(w, &job.job_id, 5, 0, 2500);
    same_as_json();
    ck_assert_uint_eq(s.n_top_pending, 1);
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    w->seen.outcome = PERP_OUTCOME_REFUSED;
    tick(w); /* plans a repair, which is refused */
    ck_assert_uint_eq(base_of(w, "ETH").tries, 1);
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    same_as_json();
    ck_assert_uint_eq(s.n_recent_completed, 2); /* and the repair */
    ck_assert_uint_eq(s.n_alerts, 2);
    for (int i = 0; i < 20; i++) {
        latency(BETA, 5 + i % 7);
        latency(GAMMA, 5000 + i);
    }
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, 60000, &job.job_id));
    position_at(w, w->btc[BETA], w->now, 2, BTC_MID);
    w->now += 2 * SECOND; /* job 2 is overdue */
    same_as_json();
    ck_assert_uint_eq(s.risk.override_job.given, 1);
    ck_assert_uint_eq(s.exchanges[BETA].open_positions_count, 1);
    ck_assert_uint_eq(s.n_positions, 2); /* the other is of ETH */
    ck_assert_uint_eq(s.n_bases, 2);
    ck_assert_double_eq(s.bases[1].naked.quantity, 5);
    ck_assert_uint_eq(s.exchanges[GAMMA].delayed, 1);
    w->now += 9 * SECOND; /* feeds are silent */
    quote_at(w, w->eth[DELTA], w->now, ETH_BID * 2, ETH_ASK * 2, 1);
    w->now += SECOND;
    quote_at(w, w->eth[DELTA], w->now, ETH_BID * 2, ETH_ASK * 2, 1);
    same_as_json();
    ck_assert_uint_eq(s.n_fast_markets, 1);
    ck_assert_uint_eq(s.fast_markets[0], w->eth[DELTA]);
    for (int i = 0; i < 5; i++) {
        ok(w, perp_risk_record_failure(w->risk, nowc(w), DELTA));
    }
    ok(w, perp_capital_update_equity(w->capital, nowc(w), DELTA, USD(900000)));
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALPHA, NULL, 0, NULL));
    same_as_json();
    ck_assert_uint_eq(s.global.system_status, PERP_SYSTEM_HALTED);
    ck_assert_uint_eq(s.exchanges[DELTA].circuit, PERP_CIRCUIT_OPEN);
    ck_assert_uint_eq(s.capital[DELTA].safe_mode, 1);
    ck_assert_uint_eq(s.exchanges[ALPHA].killed, 1);
}
END_TEST

/* What is earned is what is left after fees; funding is part of pnl. */
START_TEST(the_net_of_the_day_is_after_fees) {
    const perp_uuid key = id_of(900);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(30), USD(1000), USD(4), NULL));
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, -USD(5), USD(1000), USD(2), NULL));
    ok(w, perp_record_cash(w->core, nowc(w), BETA, PERP_CASH_FUNDING, -USD(3), &key, PERP_NO_ID));
    take();
    ck_assert_int_eq(s.global.today_pnl_usd, USD(22));
    ck_assert_int_eq(s.global.today_fees_usd, USD(6));
    ck_assert_int_eq(s.global.today_net_usd, USD(16));
    ck_assert_int_eq(s.global.today_funding_usd, -USD(3));
    same_as_json();
}
END_TEST

/* The first ones are there, and all are counted. */
START_TEST(more_positions_than_fit_are_counted) {
    enum { MANY = PERP_MONITOR_POSITIONS + 20 };
    perp_instrument_id first = 0;
    perp_core_stats before = {.struct_size = sizeof before}, after = before;
    for (int i = 0; i < MANY; i++) {
        char base[16], symbol[32];
        snprintf(base, sizeof base, "C%d", i);
        snprintf(symbol, sizeof symbol, "%s/USDT:USDT", base);
        perp_instrument_id id = world_instrument(w, ALPHA, symbol, base, 0.001);
        first = i ? first : id;
        position_at(w, id, w->now, i + 1, 10);
    }
    ok(w, perp_core_statistics(w->core, &before));
    take();
    ok(w, perp_core_statistics(w->core, &after));
    ck_assert_uint_eq(after.allocations, before.allocations);
    ck_assert_uint_eq(s.n_positions, MANY);
    ck_assert_uint_eq(s.n_bases, MANY);
    ck_assert_uint_eq(s.positions[0].instrument, first);
    ck_assert_double_eq(s.positions[PERP_MONITOR_POSITIONS - 1].quantity, PERP_MONITOR_POSITIONS);
    ck_assert_str_eq(s.positions[1].base, "C1");
    ck_assert_str_eq(s.bases[PERP_MONITOR_BASES - 1].base, "C31");
    ck_assert_double_eq(s.positions[0].foreign, 1);
    ck_assert(isnan(s.positions[0].mark) && isnan(s.positions[0].unrealised));
}
END_TEST

START_TEST(it_says_of_which_change_it_is) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    take();
    ok(w, perp_core_statistics(w->core, &stats));
    ck_assert_uint_eq(s.seq, stats.events);
    ck_assert_int_eq(s.now_ns, w->now);
    uint64_t before = s.seq;
    ok(w, perp_capital_update_equity(w->capital, nowc(w), BETA, USD(999999)));
    take();
    ck_assert_uint_eq(s.seq, before + 1);
    ck_assert_int_eq(s.capital[BETA].equity, USD(999999));
}
END_TEST

START_TEST(taking_it_changes_and_allocates_nothing) {
    perp_core_stats before = {.struct_size = sizeof before}, after = before;
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &job);
    uint64_t hash = perp_core_hash(w->core);
    ok(w, perp_core_statistics(w->core, &before));
    take();
    ok(w, perp_core_statistics(w->core, &after));
    ck_assert_uint_eq(after.allocations, before.allocations);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
}
END_TEST

/* The threshold of the mode in force is what the market has, or as little more as there is. */
START_TEST(a_market_is_fast_from_its_threshold_on) {
    perp_market_state market = {.struct_size = sizeof market};
    for (int i = 1; i <= 12; i++) {
        pass(w, SECOND);
        quote_at(w, w->btc[BETA], w->now, BTC_BID + 100 * (i % 2), BTC_ASK + 100 * (i % 2), 1000);
    }
    ok(w, perp_market_query(w->market, w->btc[BETA], w->now, &market));
    ck_assert_double_gt(market.volatility, 0);
    for (int above = 0; above < 2; above++) {
        char text[128];
        double threshold = above ? nextafter(market.volatility, 1) : market.volatility;
        snprintf(text, sizeof text,
                 "{\"risk\":{\"modes\":{\"balanced\":{\"volatility_threshold\":%.17g}}}}",
                 threshold);
        ok(w, perp_core_reconfigure(w->core, signedc(w), text, strlen(text)));
        ok(w, perp_market_query(w->market, w->btc[BETA], w->now, &market));
        ck_assert_uint_eq(market.fast, above ? 0 : 1);
        take();
        ck_assert_uint_eq(s.n_fast_markets, above ? 0 : 1);
        if (!above)
            ck_assert_uint_eq(s.fast_markets[0], w->btc[BETA]);
        cJSON *json = json_of(w->core);
        ck_assert_int_eq(cJSON_GetArraySize(in(in(json, "risk_stats"), "fast_markets")), !above);
        cJSON_Delete(json);
    }
}
END_TEST

static void latency_of(perp_exchange_id exchange, double ms) {
    perp_latency latency = {.exchange = exchange, .time_ns = w->now, .ms = ms};
    ok(w, perp_market_on_latency(w->market, &latency));
}

/* p50 and p99: the least sample that so many in a hundred are not above. */
START_TEST(latency_figures_are_those_of_the_samples) {
    ck_assert_uint_eq(exchange_of(w, BETA).latency_samples, 0);
    ck_assert_double_nan(exchange_of(w, BETA).latency_p50_ms);
    ck_assert_double_nan(exchange_of(w, BETA).latency_p99_ms);
    for (int ms = 50; ms > 0; ms--)
        latency_of(BETA, ms);
    latency_of(ALPHA, 7);
    perp_exchange_state state = exchange_of(w, BETA);
    ck_assert_uint_eq(state.latency_samples, 50);
    ck_assert_double_eq(state.latency_mean_ms, 25.5);
    ck_assert_double_eq(state.latency_p50_ms, 25);
    ck_assert_double_eq(state.latency_p99_ms, 50);
    take();
    ck_assert_double_eq(s.exchanges[BETA].api_latency_ms, 25.5);
    ck_assert_double_eq(s.exchanges[BETA].latency_p50_ms, 25);
    ck_assert_double_eq(s.exchanges[BETA].latency_p99_ms, 50);
    ck_assert_uint_eq(exchange_of(w, ALPHA).latency_samples, 1);
    ck_assert_double_eq(exchange_of(w, ALPHA).latency_p50_ms, 7);
    ck_assert_double_eq(exchange_of(w, ALPHA).latency_p99_ms, 7);
}
END_TEST

START_TEST(an_empty_book_has_a_snapshot_too) {
    perp_core *core = NULL;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    memset(&s, 0x5a, sizeof s);
    s.struct_size = sizeof s;
    ck_assert_int_eq(perp_monitor_snapshot(core, PERP_TIME_NONE, &s), PERP_OK);
    ck_assert_uint_eq(s.n_exchanges, 0);
    ck_assert_uint_eq(s.n_running, 0);
    ck_assert_uint_eq(s.n_alerts, 0);
    ck_assert_int_eq(s.last_update_ns, PERP_TIME_NONE);
    perp_core_close(core);
}
END_TEST

START_TEST(older_and_newer_hosts_get_what_they_have_room_for) {
    static struct {
        perp_monitor_state s;
        unsigned char tail[64];
    } room;
    memset(&room, 0xab, sizeof room);
    room.s.struct_size = sizeof room;
    ok(w, perp_monitor_snapshot(w->core, w->now, &room.s));
    ck_assert_uint_eq(room.s.struct_size, sizeof room);
    for (size_t i = 0; i < sizeof room.tail; i++) {
        ck_assert_uint_eq(room.tail[i], 0);
    }
    memset(&room, 0xab, sizeof room);
    room.s.struct_size = offsetof(perp_monitor_state, jobs);
    ok(w, perp_monitor_snapshot(w->core, w->now, &room.s));
    ck_assert_uint_eq(room.s.struct_size, offsetof(perp_monitor_state, jobs));
    ck_assert_int_eq(room.s.global.equity_usd, USD(4000000));
    ck_assert_uint_eq(((unsigned char *)&room)[offsetof(perp_monitor_state, jobs)], 0xab);
}
END_TEST

START_TEST(bad_input_is_refused_and_nothing_is_written) {
    static const uint32_t sizes[] = {0, 4, UINT32_MAX, (uint32_t)sizeof s + 100000};
    memset(&s, 0x5a, sizeof s);
    fails(w, PERP_E_INVALID, perp_monitor_snapshot(w->core, w->now, NULL));
    ck_assert_int_eq(perp_monitor_snapshot(NULL, w->now, &s), PERP_E_INVALID);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s.struct_size = sizes[i];
        fails(w, PERP_E_INVALID, perp_monitor_snapshot(w->core, w->now, &s));
        ck_assert_uint_eq(s.n_exchanges, 0x5a5a5a5a);
    }
    ck_assert_str_eq(perp_system_string(PERP_SYSTEM_COUNT), "?");
}
END_TEST

/* A world where any number of small jobs may run. */
static void open_wide(void *(*allocate)(void *, size_t), void (*release)(void *, void *, size_t)) {
    perp_config config;
    world_config(&config);
    config.scheduler.max_global_concurrent_jobs = 1000;
    config.scheduler.max_concurrent_per_exchange = 1000;
    config.scheduler.max_notional_per_exchange = USD(100000000);
    config.scheduler.default_ttl_ms = 0;
    config.allocator.allocate = allocate;
    config.allocator.release = release;
    w = world_open(&config);
}

static perp_job small_job(uint32_t n) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
    job.notional = USD(50);
    job.legs[0].quantity = job.legs[1].quantity = 0.001;
    return job;
}

START_TEST(more_running_and_partial_jobs_than_fit_are_counted_and_all_in_the_json) {
    open_wide(NULL, NULL);
    for (uint32_t n = 0; n < 100; n++) {
        perp_job job = small_job(n);
        job.max_run_ms = 1000;
        submit(w, &job);
    }
    tick(w);
    for (uint32_t n = 0; n < 35; n++) {
        perp_uuid id = id_of(n);
        finish_pair(w, &id, 0.001, 0, BTC_MID);
    }
    pass(w, 2 * SECOND);
    take();
    ck_assert_uint_eq(s.n_running, 65);
    ck_assert_uint_eq(s.jobs.unresolved_jobs_count, 35);
    ck_assert(same_id(&s.running_jobs[0].job_id, &(perp_uuid){.bytes = {0x10, [15] = 35}}));
    ck_assert_str_eq(s.running_jobs[63].symbol, "BTC/USDT:USDT");
    ck_assert_uint_eq(s.n_alerts, 68); /* and a naked base, the halt, and a circuit */
    ck_assert_uint_eq(s.alerts[0].code, PERP_ALERT_AUTO_HALT);
    ck_assert_uint_eq(s.alerts[1].code, PERP_ALERT_NAKED_BASE);
    ck_assert_uint_eq(s.alerts[2].code, PERP_ALERT_CIRCUIT_OPEN);
    ck_assert_uint_eq(s.alerts[3].code, PERP_ALERT_JOB_OVERDUE);
    cJSON *json = json_of(w->core);
    ck_assert_int_eq(cJSON_GetArraySize(in(in(json, "jobs_stats"), "running_jobs")), 65);
    ck_assert_int_eq(cJSON_GetArraySize(in(json, "alerts")), 68);
    cJSON_Delete(json);
    world_close(w);
}
END_TEST

static int memory_left;

static void *allocate(void *user, size_t size) {
    (void)user;
    return memory_left ? malloc(size) : NULL;
}

static void release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

START_TEST(without_memory_for_many_jobs_it_is_said) {
    memory_left = 1;
    open_wide(allocate, release);
    for (uint32_t n = 0; n < 64; n++) {
        perp_job job = small_job(n);
        submit(w, &job);
    }
    tick(w);
    memory_left = 0;
    take();
    s.struct_size = 64;
    fails(w, PERP_E_NOMEM, perp_monitor_snapshot(w->core, w->now, &s));
    memory_left = 1;
    perp_job job = small_job(64);
    run_job(w, &job);
    memory_left = 0;
    s.struct_size = sizeof s;
    fails(w, PERP_E_NOMEM, perp_monitor_snapshot(w->core, w->now, &s));
    memory_left = 1;
    take();
    ck_assert_uint_eq(s.n_running, 65);
    world_close(w);
}
END_TEST

START_TEST(the_best_of_many_waiting_jobs_come_first) {
    open_wide(NULL, NULL);
    for (uint32_t n = 0; n < 1000; n++) {
        perp_job job = small_job(n);
        job.priority = n == 999 ? 9 : n == 500 ? 8 : n == 127 || n == 128 ? 7 : (int32_t)(n % 3);
        submit(w, &job);
    }
    for (uint32_t n = 0; n < 300; n += 3) { /* gaps among the places */
        perp_uuid id = id_of(n);
        ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &id));
    }
    take();
    static const uint32_t best[] = {999, 500, 127, 128, 2, 5, 8, 11, 14, 17};
    ck_assert_uint_eq(s.n_top_pending, 10);
    ck_assert_uint_eq(s.jobs.pending_jobs_count, 900);
    for (uint32_t i = 0; i < 10; i++) {
        perp_uuid id = id_of(best[i]);
        ck_assert_msg(same_id(&s.top_pending[i].job_id, &id), "place %u is not job %u", i, best[i]);
        ck_assert_str_eq(s.top_pending[i].symbol, "BTC/USDT:USDT");
    }
    world_close(w);
}
END_TEST

START_TEST(jobs_that_were_sent_are_found_behind_many_that_were_not) {
    open_wide(NULL, NULL);
    for (uint32_t n = 0; n < 30; n++) {
        perp_job job = small_job(n);
        run_job(w, &job);
        finish_flat(w, &job.job_id, 0);
        for (uint32_t k = 0; n == 15 && k < 400; k++) {
            perp_job other = small_job(1000 + k);
            submit(w, &other);
            ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &other.job_id));
        }
    }
    take();
    ck_assert_uint_eq(s.n_recent_completed, PERP_MONITOR_RECENT);
    for (uint32_t i = 0; i < PERP_MONITOR_RECENT; i++) {
        perp_uuid id = id_of(29 - i);
        ck_assert(same_id(&s.recent_completed[i].job_id, &id));
    }
    world_close(w);
}
END_TEST

START_TEST(symbols_that_no_instrument_has_do_no_harm) {
    char symbol[PERP_NAME_SIZE];
    for (int i = 0; i < 600; i++) {
        if (i == 300) {
            world_instrument(w, BETA, "SOL/USDT", "", 0);
        }
        snprintf(symbol, sizeof symbol, "X%d/USDT", i);
        ok(w, perp_risk_blacklist(w->risk, nowc(w), symbol, 1));
    }
    cJSON *json = json_of(w->core);
    in(in(in(json, "market_stats"), "SOL/USDT"), "beta");
    cJSON_Delete(json);
    world_instrument(w, ALPHA, "XRP/USDT", "", 0);
    json = json_of(w->core);
    in(in(in(json, "market_stats"), "XRP/USDT"), "alpha");
    cJSON_Delete(json);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("monitor snapshot");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, the_struct_says_what_the_json_says);
    tcase_add_test(tcase, the_net_of_the_day_is_after_fees);
    tcase_add_test(tcase, more_positions_than_fit_are_counted);
    tcase_add_test(tcase, it_says_of_which_change_it_is);
    tcase_add_test(tcase, taking_it_changes_and_allocates_nothing);
    tcase_add_test(tcase, a_market_is_fast_from_its_threshold_on);
    tcase_add_test(tcase, latency_figures_are_those_of_the_samples);
    tcase_add_test(tcase, an_empty_book_has_a_snapshot_too);
    tcase_add_test(tcase, older_and_newer_hosts_get_what_they_have_room_for);
    tcase_add_test(tcase, bad_input_is_refused_and_nothing_is_written);
    tcase_add_test(tcase, symbols_that_no_instrument_has_do_no_harm);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("with many jobs");
    tcase_add_test(tcase, more_running_and_partial_jobs_than_fit_are_counted_and_all_in_the_json);
    tcase_add_test(tcase, without_memory_for_many_jobs_it_is_said);
    tcase_add_test(tcase, the_best_of_many_waiting_jobs_come_first);
    tcase_add_test(tcase, jobs_that_were_sent_are_found_behind_many_that_were_not);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
