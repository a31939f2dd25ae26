/* The configuration as struct and as JSON. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"

#define LAST(room) (sizeof(room) / sizeof(room)[0] - 1)

static perp_config config;

static void fresh(void) {
    /* Padding would make comparisons by memcmp depend on what was there before. */
    memset(&config, 0, sizeof config);
    perp_config_init(&config);
}

static perp_status read_text(const char *text) {
    return perp_config_from_json(text, strlen(text), &config);
}

static void refused(const char *text, perp_status status, const char *message) {
    perp_config before;
    memcpy(&before, &config, sizeof before);
    ck_assert_msg(read_text(text) == status, "%s", text);
    ck_assert_str_eq(perp_core_error(NULL), message);
    ck_assert(memcmp(&before, &config, sizeof before) == 0);
}

START_TEST(the_defaults_are_those_of_the_documentation) {
    ck_assert_uint_eq(config.struct_size, sizeof config);
    ck_assert_uint_eq(config.capital.wash_ppm, 700000);
    ck_assert_uint_eq(config.capital.arb_ppm, 200000);
    ck_assert_uint_eq(config.capital.reserve_ppm, 100000);
    ck_assert_uint_eq(config.capital.max_single_reserve_ppm, 100000);
    ck_assert_uint_eq(config.capital.max_total_notional_ppm, 300000);
    ck_assert_uint_eq(config.capital.drawdown_limit_ppm, 50000);
    ck_assert_uint_eq(config.capital.safe_mode_pools, 5);
    ck_assert_int_eq(config.capital.day_offset_minutes, 0);
    ck_assert_uint_eq(config.risk.mode, PERP_MODE_BALANCED);
    ck_assert_int_eq(config.risk.volume_reference_usd, 10000 * PERP_USD);
    ck_assert_int_eq(config.risk.max_override_ttl_ms, 86400000);
    ck_assert_double_eq(config.risk.weights[PERP_COMPONENT_LATENCY], 0.15);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_CONSERVATIVE].min_edge_bps, 5);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_BALANCED].min_edge_bps, 3);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_AGGRESSIVE].volume_weight, 0.45);
    ck_assert_uint_eq(config.scheduler.max_global_concurrent_jobs, 50);
    ck_assert_int_eq(config.scheduler.max_notional_per_exchange, 50000 * PERP_USD);
    ck_assert_uint_eq(config.scheduler.history_size, 1000);
    ck_assert_uint_eq(config.scheduler.auto_repair, 1);
    ck_assert_uint_eq(config.scheduler.rebalance_pool, PERP_POOL_WASH);
    ck_assert_int_eq(perp_config_check(&config), PERP_OK);
}
END_TEST

START_TEST(what_is_given_is_read_and_the_rest_stays) {
    ck_assert_int_eq(
        read_text("{\"capital\":{\"wash_pct\":0.6,\"arb_pct\":0.3000001,\"reserve_pct\":1e-1,"
                  "\"safe_mode_pools\":[\"arb\"],\"day_offset_minutes\":-60},"
                  "\"risk\":{\"mode\":\"aggressive\",\"daily_loss_limit_usd\":2000.000001,"
                  "\"max_quote_age_ms\":20000,\"blackout_minutes\":0.5,"
                  "\"weights\":{\"funding\":0.25,\"failures\":0},"
                  "\"modes\":{\"balanced\":{\"min_safety_score\":40},\"aggressive\":{\"max_"
                  "leverage\":20}}},"
                  "\"scheduler\":{\"on_reject\":\"drop\",\"auto_repair\":false,"
                  "\"rebalance_pool\":\"reserve\",\"max_dispatch_per_minute\":4.0}}"),
        PERP_OK);
    ck_assert_uint_eq(config.capital.wash_ppm, 600000);
    ck_assert_uint_eq(config.capital.arb_ppm, 300000);
    ck_assert_uint_eq(config.capital.safe_mode_pools, 1U << PERP_POOL_ARB);
    ck_assert_int_eq(config.capital.day_offset_minutes, -60);
    ck_assert_uint_eq(config.capital.max_single_reserve_ppm, 100000);
    ck_assert_uint_eq(config.risk.mode, PERP_MODE_AGGRESSIVE);
    ck_assert_int_eq(config.risk.daily_loss_limit_usd, 2000000001);
    ck_assert_int_eq(config.risk.max_quote_age_ms, 20000);
    ck_assert_double_eq(config.risk.blackout_minutes, 0.5);
    ck_assert_double_eq(config.risk.weights[PERP_COMPONENT_FUNDING], 0.25);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_BALANCED].min_safety_score, 40);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_AGGRESSIVE].max_leverage, 20);
    ck_assert_double_eq(config.risk.modes[PERP_MODE_AGGRESSIVE].min_safety_score, 60);
    ck_assert_uint_eq(config.scheduler.on_reject, PERP_ON_REJECT_DROP);
    ck_assert_uint_eq(config.scheduler.auto_repair, 0);
    ck_assert_uint_eq(config.scheduler.rebalance_pool, PERP_POOL_RESERVE);
    ck_assert_uint_eq(config.scheduler.max_dispatch_per_minute, 4);
    ck_assert_int_eq(read_text("{}"), PERP_OK);
    ck_assert_int_eq(read_text("{\"capital\":{\"safe_mode_pools\":[]},\"risk\":{}}"), PERP_OK);
    ck_assert_uint_eq(config.capital.safe_mode_pools, 0);
}
END_TEST

START_TEST(what_is_not_json_or_no_object_is_invalid) {
    refused("{\"risk\":{}", PERP_E_INVALID,
            "config: not JSON: a comma or a closing bracket was expected");
    refused("[]", PERP_E_INVALID, "config: must be a JSON object");
    refused("", PERP_E_INVALID, "config: not JSON: it ends too early");
    ck_assert_int_eq(perp_config_from_json(NULL, 0, &config), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_from_json("{}", 2, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_check(NULL), PERP_E_INVALID);
    config.struct_size = 4;
    refused("{}", PERP_E_INVALID, "config: struct_size 4 is not known");
    perp_config_init(NULL);
}
END_TEST

START_TEST(a_bad_name_is_refused_with_its_path) {
    refused("{\"Risk\":{}}", PERP_E_CONFIG, "Risk: unknown name");
    refused("{\"wash_pct\":1}", PERP_E_CONFIG, "wash_pct: unknown name");
    refused("{\"\":1}", PERP_E_CONFIG, ": unknown name");
    refused("{\"risk.modes\":{}}", PERP_E_CONFIG, "risk.modes: unknown name");
    refused("{\"ris\":{}}", PERP_E_CONFIG, "ris: unknown name");
    refused("{\"risk\":{\"wash_pct\":1}}", PERP_E_CONFIG, "risk.wash_pct: unknown name");
    refused("{\"risk\":{\"modes\":{\"mad\":{}}}}", PERP_E_CONFIG, "risk.modes.mad: unknown name");
    refused("{\"risk\":{\"weights\":{\"a\\nb\":{}}}}", PERP_E_CONFIG,
            "risk.weights.a?b: unknown name");
    refused("{\"risk\":{},\"risk\":{}}", PERP_E_CONFIG, "risk: is there twice");
    refused("{\"capital\":{\"arb_pct\":0.2,\"arb_pct\":0.2}}", PERP_E_CONFIG,
            "capital.arb_pct: is there twice");
    refused("{\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\":1}",
            PERP_E_CONFIG,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: unknown name");
}
END_TEST

START_TEST(a_value_of_the_wrong_type_is_refused_with_its_path) {
    refused("{\"risk\":1}", PERP_E_CONFIG, "risk: must be an object");
    refused("{\"risk\":{\"weights\":[]}}", PERP_E_CONFIG, "risk.weights: must be an object");
    refused("{\"risk\":{\"mode\":1}}", PERP_E_CONFIG, "risk.mode: must be a string");
    refused("{\"risk\":{\"mode\":\"?\"}}", PERP_E_CONFIG,
            "risk.mode: \"?\" is none of the possible values");
    refused("{\"scheduler\":{\"rebalance_pool\":\"arb\"}}", PERP_E_CONFIG,
            "scheduler.rebalance_pool: \"arb\" is none of the possible values");
    refused("{\"risk\":{\"max_drawdown_pct\":\"0.1\"}}", PERP_E_CONFIG,
            "risk.max_drawdown_pct: must be a number");
    refused("{\"risk\":{\"max_drawdown_pct\":null}}", PERP_E_CONFIG,
            "risk.max_drawdown_pct: must be a number");
    refused("{\"risk\":{\"circuit_failures\":2.5}}", PERP_E_CONFIG,
            "risk.circuit_failures: must be a whole number");
    refused("{\"scheduler\":{\"auto_repair\":1}}", PERP_E_CONFIG,
            "scheduler.auto_repair: must be true or false");
    refused("{\"scheduler\":{\"leg_risk_usd\":1.0000001}}", PERP_E_CONFIG,
            "scheduler.leg_risk_usd: must be an amount with at most six decimals");
    refused("{\"capital\":{\"safe_mode_pools\":\"arb\"}}", PERP_E_CONFIG,
            "capital.safe_mode_pools: must be an array of pool names");
    refused("{\"capital\":{\"safe_mode_pools\":[1]}}", PERP_E_CONFIG,
            "capital.safe_mode_pools: must be an array of pool names");
    refused("{\"capital\":{\"safe_mode_pools\":[\"S1\"]}}", PERP_E_CONFIG,
            "capital.safe_mode_pools: \"S1\" is no pool");
    refused("{\"capital\":{\"safe_mode_pools\":[\"arb\",\"arb\"]}}", PERP_E_CONFIG,
            "capital.safe_mode_pools: \"arb\" is there twice");
}
END_TEST

START_TEST(a_value_out_of_range_is_refused_with_its_path_and_range) {
    refused("{\"risk\":{\"modes\":{\"balanced\":{\"min_edge_bps\":1e9}}}}", PERP_E_CONFIG,
            "risk.modes.balanced.min_edge_bps: 1e9 is out of range (-10000 to 10000)");
    refused("{\"risk\":{\"max_drawdown_pct\":1e999}}", PERP_E_CONFIG,
            "risk.max_drawdown_pct: 1e999 is out of range (0.000000001 to 1)");
    refused("{\"risk\":{\"volatility_window_s\":3601}}", PERP_E_CONFIG,
            "risk.volatility_window_s: 3601 is out of range (1 to 3600)");
    refused("{\"risk\":{\"circuit_failures\":-1}}", PERP_E_CONFIG,
            "risk.circuit_failures: -1 is out of range (1 to 1000000)");
    refused("{\"risk\":{\"circuit_failures\":4294967297}}", PERP_E_CONFIG,
            "risk.circuit_failures: 4294967297 is out of range (1 to 1000000)");
    refused("{\"risk\":{\"override_ttl_ms\":99999999999999999999}}", PERP_E_CONFIG,
            "risk.override_ttl_ms: 99999999999999999999 is out of range (1 to 31536000000)");
    refused("{\"scheduler\":{\"leg_risk_usd\":-0.000001}}", PERP_E_CONFIG,
            "scheduler.leg_risk_usd: -0.000001 is out of range (0 to 1000000000000)");
    refused("{\"scheduler\":{\"leg_risk_usd\":1000000000000.000001}}", PERP_E_CONFIG,
            "scheduler.leg_risk_usd: 1000000000000.000001 is out of range (0 to 1000000000000)");
    refused("{\"capital\":{\"wash_pct\":1.1}}", PERP_E_CONFIG,
            "capital.wash_pct: 1.1 is out of range (0 to 1)");
    refused("{\"capital\":{\"day_offset_minutes\":1440}}", PERP_E_CONFIG,
            "capital.day_offset_minutes: 1440 is out of range (-1439 to 1439)");
}
END_TEST

START_TEST(shares_and_weights_must_sum_to_one) {
    refused("{\"capital\":{\"arb_pct\":0.21}}", PERP_E_CONFIG,
            "capital: wash_pct + arb_pct + reserve_pct is 1010000 ppm, must be 1000000");
    refused("{\"risk\":{\"weights\":{\"funding\":0.4}}}", PERP_E_CONFIG,
            "risk.weights: their sum is 1.2, must be 1");
    refused("{\"risk\":{\"weights\":{\"funding\":0.200000002}}}", PERP_E_CONFIG,
            "risk.weights: their sum is 1.000000002, must be 1");
    ck_assert_int_eq(read_text("{\"risk\":{\"weights\":{\"funding\":0.2000000001}}}"), PERP_OK);
    ck_assert_int_eq(
        read_text(
            "{\"risk\":{\"modes\":{\"balanced\":{\"safety_weight\":1,\"volume_weight\":1}}}}"),
        PERP_OK);
}
END_TEST

static void check_refuses(const char *message) {
    ck_assert_int_eq(perp_config_check(&config), PERP_E_CONFIG);
    ck_assert_str_eq(perp_core_error(NULL), message);
    fresh();
}

static void *no_memory(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}

static void no_release(void *user, void *none, size_t size) {
    (void)user;
    (void)none;
    (void)size;
}

START_TEST(a_struct_with_a_bad_value_is_refused_with_its_path) {
    config.risk.max_drawdown_pct = (double)NAN;
    check_refuses("risk.max_drawdown_pct: NaN is out of range (0.000000001 to 1)");
    config.risk.spread_half_life_s = (double)INFINITY;
    check_refuses("risk.spread_half_life_s: infinity is out of range (0.001 to 1000000000)");
    config.risk.modes[PERP_MODE_AGGRESSIVE].max_leverage = 0.5;
    check_refuses("risk.modes.aggressive.max_leverage: 0.5 is out of range (1 to 1000)");
    config.risk.mode = 3;
    check_refuses("risk.mode: 3 is none of the possible values");
    config.scheduler.rebalance_pool = PERP_POOL_ARB;
    check_refuses("scheduler.rebalance_pool: 1 is none of the possible values");
    config.scheduler.auto_repair = 2;
    check_refuses("scheduler.auto_repair: 2 is out of range (0 to 1)");
    config.capital.safe_mode_pools = 8;
    check_refuses("capital.safe_mode_pools: 8 is out of range (0 to 7)");
    config.capital.max_single_reserve_ppm = 1000001;
    check_refuses("capital.max_single_reserve_pct: 1.000001 is out of range (0 to 1)");
    config.capital.wash_ppm = UINT32_MAX;
    check_refuses("capital.wash_pct: 4294.967295 is out of range (0 to 1)");
    config.risk.volume_reference_usd = 0;
    check_refuses("risk.volume_reference_usd: 0 is out of range (0.000001 to 1000000000000)");
    config.risk.daily_volume_target = INT64_MIN;
    check_refuses("risk.daily_volume_target: -9223372036854.775808 is out of range "
                  "(0 to 1000000000000)");
    config.capital.reserve_ppm = 100001;
    check_refuses("capital: wash_pct + arb_pct + reserve_pct is 1000001 ppm, must be 1000000");
    config.risk.reserved2 = 5;
    check_refuses("risk.reserved2: must be 0");
    config.risk.reserved3[LAST(config.risk.reserved3)] = UINT64_MAX;
    check_refuses("risk.reserved3: must be 0");
    config.capital.reserved[0] = 1;
    check_refuses("capital.reserved: must be 0");
    config.scheduler.reserved2[LAST(config.scheduler.reserved2)] = UINT64_C(1) << 63;
    check_refuses("scheduler.reserved2: must be 0");
    config.risk.modes[PERP_MODE_AGGRESSIVE].reserved[4] = 1;
    check_refuses("risk.modes[PERP_MODE_AGGRESSIVE].reserved: must be 0");
    config.risk.weights[PERP_COMPONENT_COUNT] = 0.1;
    check_refuses("risk.weights past the last component: must be 0");
    config.callbacks.reserved[LAST(config.callbacks.reserved)] = &config;
    check_refuses("callbacks.reserved: must be 0");
    config.threading = 2;
    check_refuses("threading: 2 is out of range (0 to 1)");
    config.allocator.allocate = no_memory;
    check_refuses("allocator: only one of allocate and release is set");
}
END_TEST

START_TEST(what_is_written_reads_back_to_the_same_values) {
    static char text[8192];
    static char again[8192];
    size_t length = 0;
    config.capital.safe_mode_pools = 1U << PERP_POOL_ARB | 1U << PERP_POOL_RESERVE;
    config.capital.wash_ppm = 699999;
    config.capital.arb_ppm = 200001;
    config.capital.day_offset_minutes = -1439;
    config.risk.max_drawdown_pct = 1.0 / 3;
    config.risk.daily_volume_target = INT64_C(123456789012345678);
    config.risk.max_override_ttl_ms = INT64_C(31536000000);
    config.risk.mode = PERP_MODE_CONSERVATIVE;
    config.risk.modes[PERP_MODE_AGGRESSIVE].min_edge_bps = -DBL_MIN;
    config.scheduler.on_reject = PERP_ON_REJECT_DROP;
    config.scheduler.auto_repair = 0;
    config.scheduler.rebalance_pool = PERP_POOL_RESERVE;
    ck_assert_int_eq(perp_config_to_json(&config, text, sizeof text, &length), PERP_OK);
    ck_assert_uint_eq(length, strlen(text));
    perp_config other;
    memset(&other, 0, sizeof other);
    perp_config_init(&other);
    ck_assert_int_eq(perp_config_from_json(text, length, &other), PERP_OK);
    ck_assert(memcmp(&other, &config, sizeof other) == 0);
    ck_assert_int_eq(perp_config_to_json(&other, again, length + 1, &length), PERP_OK);
    ck_assert_str_eq(again, text);
    memset(again, '#', sizeof again);
    size_t needed = 0;
    ck_assert_int_eq(perp_config_to_json(&config, again, length, &needed), PERP_E_RANGE);
    ck_assert_uint_eq(needed, length);
    ck_assert_int_eq(again[0], '#');
    ck_assert_int_eq(perp_config_to_json(&config, NULL, 0, &needed), PERP_E_RANGE);
    ck_assert_int_eq(perp_config_to_json(&config, NULL, 9, &needed), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_to_json(&config, again, 9, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_to_json(NULL, again, 9, &needed), PERP_E_INVALID);
    config.risk.mode = 9;
    ck_assert_int_eq(perp_config_to_json(&config, again, 9, &needed), PERP_E_CONFIG);
}
END_TEST

START_TEST(the_callbacks_and_the_rest_of_the_struct_survive_reading) {
    config.allocator.allocate = no_memory;
    config.allocator.release = no_release;
    config.callbacks.user = &config;
    config.threading = PERP_THREADING_NONE;
    ck_assert_int_eq(read_text("{\"scheduler\":{\"history_size\":7}}"), PERP_OK);
    ck_assert(config.allocator.allocate == no_memory && config.callbacks.user == &config);
    ck_assert_uint_eq(config.threading, PERP_THREADING_NONE);
    ck_assert_uint_eq(config.scheduler.history_size, 7);
}
END_TEST

START_TEST(a_shorter_struct_of_an_older_host_works_within_its_size) {
    /* A host that knows nothing from history_size on. */
    size_t size = offsetof(perp_config, scheduler.history_size);
    memset((char *)&config + size, 0xff, sizeof config - size);
    config.struct_size = (uint32_t)size;
    ck_assert_int_eq(perp_config_check(&config), PERP_OK);
    ck_assert_int_eq(read_text("{\"scheduler\":{\"on_reject\":\"drop\"}}"), PERP_OK);
    ck_assert_uint_eq(config.scheduler.on_reject, PERP_ON_REJECT_DROP);
    ck_assert_uint_eq(config.scheduler.history_size, UINT32_MAX);
    ck_assert_uint_eq(config.struct_size, size);
    refused("{\"scheduler\":{\"history_size\":7}}", PERP_E_CONFIG,
            "scheduler.history_size: the host's perp_config does not have it");
}
END_TEST

START_TEST(a_longer_struct_of_a_newer_host_works_while_its_tail_is_zero) {
    struct {
        perp_config known;
        uint64_t later;
    } host;
    memset(&host, 0, sizeof host);
    perp_config_init(&host.known);
    host.known.struct_size = sizeof host;
    ck_assert_int_eq(perp_config_from_json("{\"risk\":{\"circuit_failures\":2}}", 31, &host.known),
                     PERP_OK);
    ck_assert_uint_eq(host.known.risk.circuit_failures, 2);
    ck_assert_uint_eq(host.known.struct_size, sizeof host);
    host.later = 1;
    ck_assert_int_eq(perp_config_check(&host.known), PERP_E_INVALID);
}
END_TEST

START_TEST(the_first_field_that_differs_is_named_and_nothing_else_counts) {
    const char *parts[] = {"{\"capital\":{\"max_total_notional_pct\":0.31}}",
                           "{\"capital\":{\"safe_mode_pools\":[]}}",
                           "{\"risk\":{\"daily_loss_limit_usd\":0.000001}}",
                           "{\"risk\":{\"weights\":{\"funding\":0.15,\"spread\":0.25}}}",
                           "{\"risk\":{\"modes\":{\"aggressive\":{\"volume_weight\":0.46}}}}",
                           "{\"scheduler\":{\"rebalance_pool\":\"reserve\"}}"};
    const char *paths[] = {"capital.max_total_notional_pct",      "capital.safe_mode_pools",
                           "risk.daily_loss_limit_usd",           "risk.weights.funding",
                           "risk.modes.aggressive.volume_weight", "scheduler.rebalance_pool"};
    char path[96] = "";
    perp_config other = config;
    other.callbacks.user = &config;
    other.threading = PERP_THREADING_NONE;
    ck_assert(!perp_config_differs(&config, &other, path, sizeof path));
    config.risk.blackout_minutes = 0;
    other.risk.blackout_minutes = -0.0;
    ck_assert(!perp_config_differs(&config, &other, path, sizeof path));
    ck_assert_str_eq(path, "");
    fresh();
    other = config;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fresh();
        ck_assert_int_eq(read_text(parts[i]), PERP_OK);
        ck_assert(perp_config_differs(&config, &other, path, sizeof path));
        ck_assert_str_eq(path, paths[i]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, fresh, NULL);
    tcase_add_test(tests, the_defaults_are_those_of_the_documentation);
    tcase_add_test(tests, what_is_given_is_read_and_the_rest_stays);
    tcase_add_test(tests, what_is_not_json_or_no_object_is_invalid);
    tcase_add_test(tests, a_bad_name_is_refused_with_its_path);
    tcase_add_test(tests, a_value_of_the_wrong_type_is_refused_with_its_path);
    tcase_add_test(tests, a_value_out_of_range_is_refused_with_its_path_and_range);
    tcase_add_test(tests, shares_and_weights_must_sum_to_one);
    tcase_add_test(tests, a_struct_with_a_bad_value_is_refused_with_its_path);
    tcase_add_test(tests, what_is_written_reads_back_to_the_same_values);
    tcase_add_test(tests, the_callbacks_and_the_rest_of_the_struct_survive_reading);
    tcase_add_test(tests, a_shorter_struct_of_an_older_host_works_within_its_size);
    tcase_add_test(tests, a_longer_struct_of_a_newer_host_works_while_its_tail_is_zero);
    tcase_add_test(tests, the_first_field_that_differs_is_named_and_nothing_else_counts);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
