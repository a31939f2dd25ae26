/* Configurations, texts and stores that are wrong: refused with the field's path, and nothing of
   them stays. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>

static const double NOT_NUMBERS[] = {NAN, INFINITY, -INFINITY};

/* check and open refuse alike, and say why. */
static void refused(const perp_config *config, perp_status wanted, const char *what) {
    perp_core *core = (perp_core *)&core;
    perp_status status = perp_config_check(config);
    ck_assert_msg(status == wanted, "check of %s: %s", what, perp_status_string(status));
    status = perp_core_open(config, &core);
    ck_assert_msg(status == wanted, "open with %s: %s", what, perp_status_string(status));
    ck_assert_ptr_null(core);
    ck_assert_uint_ne(strlen(perp_core_error(NULL)), 0);
}

#define config_refused(assignment)                                                                 \
    do {                                                                                           \
        perp_config c;                                                                             \
        perp_config_init(&c);                                                                      \
        assignment;                                                                                \
        refused(&c, PERP_E_CONFIG, #assignment);                                                   \
    } while (0)

START_TEST(numbers_out_of_their_range_are_refused) {
    config_refused(c.capital.wash_ppm = 700001);
    config_refused(c.capital.wash_ppm = UINT32_MAX);
    config_refused(c.capital.max_single_reserve_ppm = 1000001);
    config_refused(c.capital.max_total_notional_ppm = UINT32_MAX);
    config_refused(c.capital.drawdown_limit_ppm = 1000001);
    config_refused(c.capital.safe_mode_pools = 8);
    config_refused(c.capital.day_offset_minutes = 1440);
    config_refused(c.capital.day_offset_minutes = -1440);
    config_refused(c.risk.mode = PERP_MODE_COUNT);
    config_refused(c.risk.max_consecutive_failures = 0);
    config_refused(c.risk.daily_loss_limit_usd = -1);
    config_refused(c.risk.max_quote_age_ms = -1);
    config_refused(c.risk.max_quote_age_ms = INT64_MAX);
    config_refused(c.risk.daily_volume_target = -1);
    config_refused(c.risk.volume_reference_usd = 0);
    config_refused(c.risk.default_leverage = 0.5);
    config_refused(c.risk.circuit_failures = 0);
    config_refused(c.risk.circuit_cooldown_ms = -1);
    config_refused(c.risk.latency_max_age_ms = -1);
    config_refused(c.risk.override_ttl_ms = 0);
    config_refused(c.risk.max_override_ttl_ms = 0);
    config_refused(c.risk.volatility_window_s = 0);
    config_refused(c.risk.volatility_window_s = 3601);
    config_refused(c.scheduler.max_global_concurrent_jobs = UINT32_MAX);
    config_refused(c.scheduler.max_notional_per_exchange = -1);
    config_refused(c.scheduler.default_ttl_ms = -1);
    config_refused(c.scheduler.on_reject = 2);
    config_refused(c.scheduler.max_dispatch_per_minute = 10001);
    config_refused(c.scheduler.auto_repair = 2);
    config_refused(c.scheduler.leg_risk_usd = -1);
    config_refused(c.scheduler.rebalance_pool = PERP_POOL_ARB);
    config_refused(c.threading = 2);
    config_refused(c.durability = 2);
}
END_TEST

START_TEST(what_is_no_finite_number_is_refused_in_every_field) {
    for (int k = 0; k < 3; k++) {
        double bad = NOT_NUMBERS[k];
        config_refused(c.risk.min_liquidation_distance = bad);
        config_refused(c.risk.daily_loss_limit_pct = bad);
        config_refused(c.risk.max_drawdown_pct = bad);
        config_refused(c.risk.blackout_minutes = bad);
        config_refused(c.risk.default_leverage = bad);
        config_refused(c.risk.spread_half_life_s = bad);
        config_refused(c.risk.notional_tolerance = bad);
        config_refused(c.scheduler.hedge_tolerance = bad);
        config_refused(c.scheduler.leg_risk_tolerance = bad);
        for (int i = 0; i < PERP_COMPONENT_COUNT; i++) {
            config_refused(c.risk.weights[i] = bad);
        }
        for (int m = 0; m < PERP_MODE_COUNT; m++) {
#define PERP_X(name, conservative, balanced, aggressive, low, high)                                \
    config_refused(c.risk.modes[m].name = bad);                                                    \
    config_refused(c.risk.modes[m].name = nextafter(low, -INFINITY));                              \
    config_refused(c.risk.modes[m].name = nextafter(high, INFINITY));
            PERP_MODE_LIMIT_LIST(PERP_X)
#undef PERP_X
        }
    }
    config_refused(c.risk.weights[0] += 0.01);
}
END_TEST

static void *allocate(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void begin(void *user, perp_status *status) {
    (void)user;
    *status = PERP_OK;
}

START_TEST(half_an_allocator_or_half_a_store_is_refused) {
    perp_config config;
    perp_core *core = NULL;
    perp_config_init(&config);
    config.allocator.allocate = allocate;
    perp_status status = perp_core_open(&config, &core);
    ck_assert(status == PERP_E_CONFIG || status == PERP_E_INVALID);
    ck_assert_ptr_null(core);
    perp_config_init(&config);
    config.store.begin = begin;
    status = perp_core_open(&config, &core);
    ck_assert(status == PERP_E_CONFIG || status == PERP_E_INVALID);
    ck_assert_ptr_null(core);
}
END_TEST

START_TEST(a_config_struct_of_another_size_is_told_apart) {
    struct {
        perp_config config;
        unsigned char tail[24];
    } newer;
    perp_core *core = NULL;
    memset(&newer, 0, sizeof newer);
    perp_config_init(&newer.config);
    newer.config.struct_size = 0;
    refused(&newer.config, PERP_E_INVALID, "struct_size 0");
    newer.config.struct_size = UINT32_MAX;
    refused(&newer.config, PERP_E_INVALID, "struct_size 2^32 - 1");
    newer.config.struct_size = sizeof newer;
    newer.tail[23] = 1;
    refused(&newer.config, PERP_E_INVALID, "a tail that is not zero");
    newer.tail[23] = 0;
    ck_assert_int_eq(perp_core_open(&newer.config, &core), PERP_OK);
    perp_core_close(core);
    /* An older host knows nothing of the last fields: they keep their defaults. */
    newer.config.struct_size = offsetof(perp_config, scheduler);
    newer.config.scheduler.rebalance_pool = 77;
    ck_assert_int_eq(perp_core_open(&newer.config, &core), PERP_OK);
    perp_config_init(&newer.config);
    ck_assert_int_eq(perp_core_config(core, &newer.config), PERP_OK);
    ck_assert_uint_eq(newer.config.scheduler.rebalance_pool, PERP_POOL_WASH);
    perp_core_close(core);
}
END_TEST

START_TEST(text_that_is_no_configuration_changes_nothing) {
    static const struct {
        const char *text;
        perp_status wanted;
    } cases[] = {
        {"", PERP_E_INVALID},
        {"{", PERP_E_INVALID},
        {"[]", PERP_E_INVALID},
        {"null", PERP_E_INVALID},
        {"{} {}", PERP_E_INVALID},
        {"{\"capital\":{\"wash_pct\":0.7,}}", PERP_E_INVALID},
        {"{\"capital\":{\"wash_pct\":NaN}}", PERP_E_INVALID},
        {"{\"capital\":3}", PERP_E_CONFIG},
        {"{\"capitol\":{}}", PERP_E_CONFIG},
        {"{\"risk\":{\"mood\":\"balanced\"}}", PERP_E_CONFIG},
        {"{\"risk\":{\"mode\":\"bold\"}}", PERP_E_CONFIG},
        {"{\"risk\":{\"mode\":\"balanced\",\"mode\":\"balanced\"}}", PERP_E_CONFIG},
        {"{\"risk\":{\"modes\":{\"balanced\":{\"min_edge\":1}}}}", PERP_E_CONFIG},
        {"{\"risk\":{\"daily_loss_limit_usd\":0.0000001}}", PERP_E_CONFIG},
        {"{\"risk\":{\"daily_loss_limit_usd\":1e300}}", PERP_E_CONFIG},
        {"{\"risk\":{\"circuit_failures\":2.5}}", PERP_E_CONFIG},
        {"{\"risk\":{\"circuit_failures\":-1}}", PERP_E_CONFIG},
        {"{\"risk\":{\"circuit_failures\":true}}", PERP_E_CONFIG},
        {"{\"scheduler\":{\"auto_repair\":1}}", PERP_E_CONFIG},
        {"{\"scheduler\":{\"rebalance_pool\":\"arb\"}}", PERP_E_CONFIG},
        {"{\"capital\":{\"safe_mode_pools\":[\"wash\",\"gold\"]}}", PERP_E_CONFIG},
        {"{\"capital\":{\"wash_pct\":0.8}}", PERP_E_CONFIG},
    };
    perp_config config, before;
    perp_config_init(&config);
    before = config;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        perp_status status = perp_config_from_json(cases[i].text, strlen(cases[i].text), &config);
        ck_assert_msg(status == cases[i].wanted, "%s: %s (%s)", cases[i].text,
                      perp_status_string(status), perp_core_error(NULL));
        ck_assert_mem_eq(&config, &before, sizeof config);
        ck_assert_uint_ne(strlen(perp_core_error(NULL)), 0);
    }
    /* A field is named with its path. */
    const char *text = "{\"risk\":{\"modes\":{\"aggressive\":{\"max_leverage\":0}}}}";
    ck_assert_int_eq(perp_config_from_json(text, strlen(text), &config), PERP_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "risk.modes.aggressive.max_leverage"));
    ck_assert_int_eq(perp_config_from_json(NULL, 2, &config), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_from_json("{}", 2, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_check(NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_left_alone) {
    perp_config config;
    size_t length = 0, again = 0;
    char small[8] = "before!";
    perp_config_init(&config);
    ck_assert_int_eq(perp_config_to_json(&config, NULL, 0, &length), PERP_E_RANGE);
    ck_assert_int_eq(perp_config_to_json(&config, small, sizeof small, &again), PERP_E_RANGE);
    ck_assert_uint_eq(again, length);
    ck_assert_str_eq(small, "before!");
    ck_assert_int_eq(perp_config_to_json(&config, small, sizeof small, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_config_to_json(NULL, small, sizeof small, &length), PERP_E_INVALID);
}
END_TEST

START_TEST(text_that_is_no_uuid_is_refused) {
    static const char *const bad[] = {
        "",
        "10000000-0000-0000-0000-00000000000",
        "10000000-0000-0000-0000-0000000000011",
        "10000000-0000-0000-0000-00000000000g",
        "100000000000-0000-0000-0000-00000001",
        "{0000000-0000-0000-0000-000000000001}",
        "10000000-0000-0000-0000 000000000001",
    };
    perp_uuid id = id_of(3), before = id;
    char text[37];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(perp_uuid_parse(bad[i], strlen(bad[i]), &id) == PERP_E_INVALID, "%s", bad[i]);
        ck_assert(same_id(&id, &before));
    }
    ck_assert_int_eq(perp_uuid_parse(NULL, 36, &id), PERP_E_INVALID);
    perp_uuid_format(&id, text);
    ck_assert_int_eq(perp_uuid_parse(text, 36, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_uuid_parse(text, 35, &id), PERP_E_INVALID);
    ck_assert_int_eq(perp_uuid_parse("ABCDEF00-0000-0000-0000-00000000000a", 36, &id), PERP_OK);
    perp_uuid_format(&id, text);
    ck_assert_str_eq(text, "abcdef00-0000-0000-0000-00000000000a");
    ck_assert_str_eq(perp_version_string(), "0.2.0");
    ck_assert_uint_eq(perp_version_number(), 200);
}
END_TEST

START_TEST(nothing_to_fill_is_no_crash) {
    perp_config_init(NULL);
    perp_call_init(NULL);
    perp_job_init(NULL);
    perp_job_result_init(NULL);
    perp_tick_result_init(NULL);
    perp_limits_init(NULL);
    perp_evaluation_init(NULL);
    perp_exchange_spec_init(NULL);
    perp_instrument_spec_init(NULL);
    perp_sqlite_options_init(NULL);
}
END_TEST

START_TEST(a_store_that_is_not_there_is_refused) {
    perp_store store;
    perp_core *core = (perp_core *)&core;
    memset(&store, 0xAB, sizeof store);
    ck_assert_int_eq(perp_store_sqlite_open(NULL, NULL, &store), PERP_E_INVALID);
    ck_assert_int_eq(perp_store_sqlite_open("x", NULL, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_store_memory_open(NULL), PERP_E_INVALID);
    memset(&store, 0xAB, sizeof store);
    ck_assert_int_ne(perp_store_sqlite_open("/nowhere/at/all/book.db", NULL, &store), PERP_OK);
    ck_assert_ptr_null((void *)store.user);
    ck_assert_int_eq(perp_core_flush(NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_checkpoint(NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_replay(NULL, 0, NULL, NULL, NULL), PERP_E_INVALID);
    ck_assert_int_ne(perp_core_replay(NULL, 0, NULL, NULL, &core), PERP_OK);
    ck_assert_ptr_null(core);
    struct world *w = world_open(NULL);
    fails(w, PERP_E_STATE, perp_core_checkpoint(w->core));
    ok(w, perp_core_flush(w->core));
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad config");
    TCase *tcase = tcase_create("bad config");
    tcase_add_test(tcase, numbers_out_of_their_range_are_refused);
    tcase_add_test(tcase, what_is_no_finite_number_is_refused_in_every_field);
    tcase_add_test(tcase, half_an_allocator_or_half_a_store_is_refused);
    tcase_add_test(tcase, a_config_struct_of_another_size_is_told_apart);
    tcase_add_test(tcase, text_that_is_no_configuration_changes_nothing);
    tcase_add_test(tcase, a_buffer_that_is_too_small_is_left_alone);
    tcase_add_test(tcase, text_that_is_no_uuid_is_refused);
    tcase_add_test(tcase, nothing_to_fill_is_no_crash);
    tcase_add_test(tcase, a_store_that_is_not_there_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
