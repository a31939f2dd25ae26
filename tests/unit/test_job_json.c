/* Jobs as JSON: every field, every default, every fault named. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "0a0b0c0d-0000-4000-8000-0000000000ff"
#define HEAD "{\"job_id\":\"" ID "\",\"strategy_type\":\"arb\","
#define LEG "{\"exchange\":\"okx\",\"side\":\"buy\",\"quantity\":0.5}"

static perp_core *core;
static perp_instrument_id okx_btc, okx_eth, bybit_btc;

static perp_instrument_id instrument(perp_exchange_id exchange, const char *symbol) {
    perp_instrument_spec spec;
    perp_instrument_id id = PERP_NO_ID;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    (void)snprintf(spec.symbol, sizeof spec.symbol, "%s", symbol);
    ck_assert_int_eq(perp_instrument_add(core, &spec, &id), PERP_OK);
    return id;
}

static perp_exchange_id exchange(const char *name) {
    perp_exchange_spec spec;
    perp_exchange_id id = PERP_NO_ID;
    perp_exchange_spec_init(&spec);
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_OK);
    return id;
}

static void setup(void) {
    perp_exchange_id okx;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    okx = exchange("okx");
    okx_btc = instrument(okx, "BTC/USDT");
    okx_eth = instrument(okx, "ETH/USDT");
    bybit_btc = instrument(exchange("bybit"), "BTC/USDT");
}

static void teardown(void) {
    perp_core_close(core);
}

static perp_status read_job(const char *text, perp_job *job) {
    return perp_job_from_json(core, text, strlen(text), job, NULL);
}

START_TEST(every_field_is_read) {
    static const char text[] =
        "{\"job_id\":\"" ID "\",\"strategy_type\":\"hedge_rebalance\",\"symbol\":\"BTC/USDT\","
        "\"notional\":1234.567891,\"est_volume\":0,\"expected_edge_bps\":-4.25,"
        "\"holding_hours\":0.5,\"created_at\":1760000000000001,\"ttl_ms\":0,\"max_run_ms\":2000,"
        "\"priority\":-100,\"metadata\":\"caf\\u00e9 \\\"x\\\"\",\"legs\":["
        "{\"exchange\":\"bybit\",\"side\":\"buy\",\"quantity\":0.25,\"notional\":0.000001,"
        "\"leverage\":1,\"maker\":true},"
        "{\"exchange\":\"okx\",\"side\":\"sell\",\"quantity\":1e-3,\"symbol\":\"ETH/USDT\","
        "\"maker\":false}]}";
    char metadata[PERP_MAX_METADATA];
    char id[37];
    perp_job job = {.struct_size = sizeof job};
    ck_assert_int_eq(perp_job_from_json(core, text, sizeof text - 1, &job, metadata), PERP_OK);
    perp_uuid_format(&job.job_id, id);
    ck_assert_str_eq(id, ID);
    ck_assert_uint_eq(job.struct_size, sizeof job);
    ck_assert_uint_eq(job.strategy, PERP_STRATEGY_HEDGE_REBALANCE);
    ck_assert_int_eq(job.notional, 1234567891);
    ck_assert_int_eq(job.est_volume, 0);
    ck_assert_double_eq(job.expected_edge_bps, -4.25);
    ck_assert_double_eq(job.holding_hours, 0.5);
    ck_assert_int_eq(job.created_at_ns, INT64_C(1760000000000001000));
    ck_assert_int_eq(job.ttl_ms, 0);
    ck_assert_int_eq(job.max_run_ms, 2000);
    ck_assert_int_eq(job.priority, -100);
    ck_assert_uint_eq(job.metadata_size, 9);
    ck_assert_mem_eq(job.metadata, "caf\xc3\xa9 \"x\"", 9);
    ck_assert_uint_eq(job.n_legs, 2);
    ck_assert_uint_eq(job.legs[0].instrument, bybit_btc);
    ck_assert_uint_eq(job.legs[0].side, PERP_SIDE_BUY);
    ck_assert_double_eq(job.legs[0].quantity, 0.25);
    ck_assert_int_eq(job.legs[0].notional, 1);
    ck_assert_double_eq(job.legs[0].leverage, 1);
    ck_assert_uint_eq(job.legs[0].maker, 1);
    ck_assert_uint_eq(job.legs[1].instrument, okx_eth);
    ck_assert_uint_eq(job.legs[1].side, PERP_SIDE_SELL);
    ck_assert_int_eq(job.legs[1].notional, 0);
    ck_assert_double_eq(job.legs[1].leverage, 0);
    ck_assert_uint_eq(job.legs[1].maker, 0);
}
END_TEST

START_TEST(what_is_not_given_has_its_default) {
    perp_job job = {.struct_size = sizeof job};
    perp_job plain = {.struct_size = sizeof plain};
    perp_job_init(&plain);
    ck_assert_int_eq(
        read_job(HEAD "\"symbol\":\"BTC/USDT\",\"notional\":5,\"legs\":[" LEG "]}", &job), PERP_OK);
    ck_assert_uint_eq(job.legs[0].instrument, okx_btc);
    ck_assert_int_eq(job.est_volume, plain.est_volume);
    ck_assert_int_eq(job.created_at_ns, PERP_TIME_NONE);
    ck_assert_int_eq(job.ttl_ms, -1);
    ck_assert_int_eq(job.max_run_ms, -1);
    ck_assert_int_eq(job.priority, 0);
    ck_assert_double_eq(job.holding_hours, 0);
    ck_assert_ptr_null(job.metadata);
    ck_assert_uint_eq(job.metadata_size, 0);
}
END_TEST

/* The field that the message must start with, and what takes the place of the job's or leg's
 * fields. */
struct fault {
    const char *field;
    const char *text;
};

#define JOB(fields) HEAD "\"symbol\":\"BTC/USDT\"," fields "}"
#define WITH(fields) JOB("\"notional\":5,\"legs\":[" LEG "]," fields)
#define WITH_LEG(fields)                                                                           \
    JOB("\"notional\":5,\"legs\":[" LEG ",{\"exchange\":\"bybit\",\"side\":\"sell\"," fields "}]")

static const struct fault faults[] = {
    {"job: not JSON", ""},
    {"job: not JSON", "{"},
    {"job: not JSON", JOB("\"notional\":5,\"legs\":[" LEG "]") " x"},
    {"job: must be an object", "[]"},
    {"job: must be an object", "7"},
    {"colour:", WITH("\"colour\":1")},
    {"notional:", WITH("\"notional\":5")},
    {"Priority:", WITH("\"Priority\":1")},
    {"job_id:", "{}"},
    {"job_id:", "{\"job_id\":7}"},
    {"job_id:", "{\"job_id\":\"0a0b0c0d\"}"},
    {"notional:", JOB("\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":0,\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":-1,\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":\"5\",\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":0.0000001,\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":1e300,\"legs\":[" LEG "]")},
    {"notional:", JOB("\"notional\":null,\"legs\":[" LEG "]")},
    {"strategy_type:", "{\"job_id\":\"" ID "\",\"notional\":1}"},
    {"strategy_type:", "{\"job_id\":\"" ID "\",\"notional\":1,\"strategy_type\":\"WASH\"}"},
    {"est_volume:", WITH("\"est_volume\":-0.01")},
    {"expected_edge_bps:", WITH("\"expected_edge_bps\":1e999")},
    {"expected_edge_bps:", WITH("\"expected_edge_bps\":\"3\"")},
    {"holding_hours:", WITH("\"holding_hours\":-1")},
    {"holding_hours:", WITH("\"holding_hours\":8761")},
    {"created_at:", WITH("\"created_at\":9223372036854776")},
    {"created_at:", WITH("\"created_at\":1.5")},
    {"ttl_ms:", WITH("\"ttl_ms\":-1")},
    {"ttl_ms:", WITH("\"ttl_ms\":9223372036854775808")},
    {"max_run_ms:", WITH("\"max_run_ms\":-1")},
    {"max_run_ms:", WITH("\"max_run_ms\":true")},
    {"priority:", WITH("\"priority\":101")},
    {"priority:", WITH("\"priority\":-101")},
    {"priority:", WITH("\"priority\":0.5")},
    {"symbol:", HEAD "\"notional\":5,\"symbol\":7,\"legs\":[" LEG "]}"},
    {"legs:", JOB("\"notional\":5")},
    {"legs:", JOB("\"notional\":5,\"legs\":{}")},
    {"legs:", JOB("\"notional\":5,\"legs\":[]")},
    {"legs:", JOB("\"notional\":5,\"legs\":[7]")},
    {"legs:", JOB("\"notional\":5,\"legs\":[" LEG "," LEG "," LEG "," LEG "," LEG "," LEG "," LEG
                  "," LEG "," LEG "]")},
    {"legs[0].symbol:", HEAD "\"notional\":5,\"legs\":[" LEG "]}"},
    {"legs[0].exchange:", JOB("\"notional\":5,\"legs\":[{\"side\":\"buy\"}]")},
    {"legs[0].exchange:", JOB("\"notional\":5,\"legs\":[{\"exchange\":\"nowhere\"}]")},
    {"legs[0].side:", JOB("\"notional\":5,\"legs\":[{\"exchange\":\"okx\",\"quantity\":1}]")},
    {"legs[1].symbol:", WITH_LEG("\"quantity\":1,\"symbol\":\"ETH/USDT\"")},
    {"legs[1].quantity:", WITH_LEG("\"maker\":true")},
    {"legs[1].quantity:", WITH_LEG("\"quantity\":0")},
    {"legs[1].quantity:", WITH_LEG("\"quantity\":-1")},
    {"legs[1].quantity:", WITH_LEG("\"quantity\":1e400")},
    {"legs[1].quantity:", WITH_LEG("\"quantity\":\"1\"")},
    {"legs[1].notional:", WITH_LEG("\"quantity\":1,\"notional\":0")},
    {"legs[1].notional:", WITH_LEG("\"quantity\":1,\"notional\":-1")},
    {"legs[1].leverage:", WITH_LEG("\"quantity\":1,\"leverage\":0")},
    {"legs[1].leverage:", WITH_LEG("\"quantity\":1,\"leverage\":0.999")},
    {"legs[1].maker:", WITH_LEG("\"quantity\":1,\"maker\":1")},
    {"legs[1].price:", WITH_LEG("\"quantity\":1,\"price\":1")},
    {"legs[1].side:", WITH_LEG("\"quantity\":1,\"side\":\"buy\"")},
    {"metadata: is not taken", WITH("\"metadata\":\"x\"")},
    {"metadata: must be", WITH("\"metadata\":7")},
};

START_TEST(a_fault_is_invalid_names_the_field_and_changes_nothing) {
    const struct fault *fault = &faults[_i];
    perp_job job = {.struct_size = sizeof job};
    perp_job before;
    memset(&job, 7, sizeof job);
    job.struct_size = sizeof job;
    memcpy(&before, &job, sizeof before);
    ck_assert_msg(read_job(fault->text, &job) == PERP_E_INVALID, "%s", fault->text);
    ck_assert_msg(strncmp(perp_core_error(core), fault->field, strlen(fault->field)) == 0, "%s: %s",
                  fault->text, perp_core_error(core));
    ck_assert(memcmp(&job, &before, sizeof job) == 0);
}
END_TEST

START_TEST(metadata_may_fill_its_buffer_and_no_more) {
    char metadata[PERP_MAX_METADATA];
    char text[2 * PERP_MAX_METADATA];
    char filling[PERP_MAX_METADATA + 2];
    perp_job job = {.struct_size = sizeof job};
    memset(filling, 'm', sizeof filling);
    filling[PERP_MAX_METADATA] = '\0';
    (void)snprintf(text, sizeof text, WITH("\"metadata\":\"%s\""), filling);
    ck_assert_int_eq(perp_job_from_json(core, text, strlen(text), &job, metadata), PERP_OK);
    ck_assert_uint_eq(job.metadata_size, PERP_MAX_METADATA);
    ck_assert_mem_eq(job.metadata, filling, PERP_MAX_METADATA);
    filling[PERP_MAX_METADATA] = 'm';
    filling[PERP_MAX_METADATA + 1] = '\0';
    (void)snprintf(text, sizeof text, WITH("\"metadata\":\"%s\""), filling);
    ck_assert_int_eq(perp_job_from_json(core, text, strlen(text), &job, metadata), PERP_E_INVALID);
}
END_TEST

START_TEST(null_is_invalid) {
    perp_job job = {.struct_size = sizeof job};
    ck_assert_int_eq(perp_job_from_json(NULL, "{}", 2, &job, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_job_from_json(core, NULL, 0, &job, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_job_from_json(core, "{}", 2, NULL, NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(the_text_ends_at_its_length) {
    static const char text[] = WITH("\"priority\":1") "and more";
    perp_job job = {.struct_size = sizeof job};
    ck_assert_int_eq(perp_job_from_json(core, text, sizeof text - 1, &job, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_job_from_json(core, text, sizeof text - sizeof "and more", &job, NULL),
                     PERP_OK);
    ck_assert_int_eq(job.priority, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("job_json");
    TCase *all = tcase_create("all");
    SRunner *runner;
    int failed;
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_field_is_read);
    tcase_add_test(all, what_is_not_given_has_its_default);
    tcase_add_loop_test(all, a_fault_is_invalid_names_the_field_and_changes_nothing, 0,
                        (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(all, metadata_may_fill_its_buffer_and_no_more);
    tcase_add_test(all, null_is_invalid);
    tcase_add_test(all, the_text_ends_at_its_length);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
