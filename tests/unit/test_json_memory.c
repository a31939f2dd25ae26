/* Memory for JSON runs out at the first allocation, the second, and so on: each time the call says
   so, gives back what it took, and changes nothing; when there is enough it gives the same as ever.
 */
#include "orders_fixture.h"

#include <cjson/cJSON.h>

static struct world *w;

/* ---- Memory that ends ---------------------------------------------------------------------------
 */

static long left = -1; /* allocations that still succeed; -1: all */
static long live;      /* blocks that were not given back */
static int failed;

static void *limited(size_t size) {
    if (left == 0) {
        failed = 1;
        return NULL;
    }
    left -= left > 0;
    live++;
    return malloc(size);
}

static void given_back(void *memory) {
    live -= memory != NULL;
    free(memory);
}

static void set_up(void) {
    cJSON_Hooks hooks = {limited, given_back};
    perp_config config;
    world_config(&config);
    ck_assert_int_eq(perp_store_memory_open(&config.store), PERP_OK);
    w = world_open(&config);
    run_pair(w, 1);
    const perp_job waits = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &waits);
    cJSON_InitHooks(&hooks);
}

static void tear_down(void) {
    cJSON_InitHooks(NULL);
    world_close(w);
}

/* ---- What makes or reads JSON -------------------------------------------------------------------
 */

static char text[65536];
static size_t length;

static perp_status write_config(void) {
    perp_config config;
    world_config(&config);
    return perp_config_to_json(&config, text, sizeof text, &length);
}

static perp_status describe(void) {
    return perp_risk_describe_json(w->risk, text, sizeof text, &length);
}

/* A job that is refused for capital, too, so that the evaluation has all its parts. */
static perp_status evaluate(void) {
    perp_evaluation evaluation;
    perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 25;
    job.notional = job.legs[0].notional = job.legs[1].notional = USD(1250000);
    perp_evaluation_init(&evaluation);
    ok(w, perp_risk_evaluate(w->risk, w->now, &job, &evaluation));
    return perp_evaluation_json(w->core, &evaluation, text, sizeof text, &length);
}

static perp_status read_config(void) {
    static const char json[] =
        "{\"risk\":{\"max_depeg_bps\":20,\"modes\":{\"balanced\":{\"min_safety_score\":5}}},"
        "\"capital\":{\"wash_pct\":0.5,\"arb_pct\":0.3,\"reserve_pct\":0.2}}";
    perp_config config, before;
    world_config(&config);
    before = config;
    const perp_status status = perp_config_from_json(json, sizeof json - 1, &config);
    ck_assert(status == PERP_OK || memcmp(&config, &before, sizeof config) == 0);
    length = 0;
    return status;
}

static perp_status read_job(void) {
    static const char json[] =
        "{\"job_id\":\"10000000-0000-0000-0000-000000000009\",\"strategy_type\":\"arb\","
        "\"symbol\":\"BTC/USDT:USDT\",\"expected_edge_bps\":100,\"notional\":12500,\"legs\":["
        "{\"exchange\":\"alpha\",\"side\":\"buy\",\"quantity\":0.25},"
        "{\"exchange\":\"beta\",\"side\":\"sell\",\"quantity\":0.25}]}";
    perp_job job;
    length = 0;
    perp_job_init(&job);
    return perp_job_from_json(w->core, json, sizeof json - 1, &job, NULL);
}

/* A buffer that is too small is told, too. */
static perp_status evaluate_into_little(char *buffer, size_t capacity) {
    perp_evaluation evaluation;
    const perp_job job = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation_init(&evaluation);
    ok(w, perp_risk_evaluate(w->risk, w->now, &job, &evaluation));
    return perp_evaluation_json(w->core, &evaluation, buffer, capacity, &length);
}

START_TEST(an_evaluation_says_how_much_room_it_needs) {
    char few[16] = "as it was";
    expect(w, PERP_E_RANGE, evaluate_into_little(few, sizeof few));
    ck_assert_str_eq(few, "as it was");
    char wanted[64];
    snprintf(wanted, sizeof wanted, "evaluation: needs %zu bytes, has 16", length + 1);
    ck_assert_str_eq(perp_core_error(w->core), wanted);
    expect(w, PERP_E_RANGE, evaluate_into_little(text, length));
    ok(w, evaluate_into_little(text, length + 1));
}
END_TEST

#define EACH(X) X(write_config) X(describe) X(evaluate) X(read_config) X(read_job)
#define ROW(name) {#name, name},
static const struct {
    const char *name;
    perp_status (*call)(void);
} calls[] = {EACH(ROW)};

START_TEST(a_call_that_finds_no_memory_for_json_says_so_and_gives_all_back) {
    static char whole[sizeof text];
    const uint64_t hash = perp_core_hash(w->core);
    left = -1;
    const perp_status status = calls[_i].call();
    ck_assert_msg(status == PERP_OK, "%s: %s", calls[_i].name, perp_core_error(w->core));
    ck_assert_int_eq(live, 0);
    const size_t whole_length = length;
    memcpy(whole, text, length);
    long n = 0;
    for (failed = 1; failed; n++) {
        memset(text, 'x', sizeof text);
        failed = 0;
        left = n;
        const perp_status got = calls[_i].call();
        left = -1;
        ck_assert_msg(live == 0, "%s: %ld blocks are lost at allocation %ld", calls[_i].name, live,
                      n);
        if (!failed) {
            break;
        }
        ck_assert_msg(got == PERP_E_NOMEM, "%s: %s at allocation %ld", calls[_i].name,
                      perp_status_string(got), n);
        ck_assert_msg(perp_core_error(w->core)[0] != 0 || perp_core_error(NULL)[0] != 0,
                      "%s says nothing at allocation %ld", calls[_i].name, n);
        ck_assert_int_eq(text[0], 'x');
    }
    ck_assert_int_gt(n, 3);
    ck_assert_uint_eq(length, whole_length);
    ck_assert_int_eq(memcmp(text, whole, length), 0);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
}
END_TEST

/* ---- What is stored of a decision ---------------------------------------------------------------
 */

START_TEST(a_tick_without_memory_to_explain_a_refusal_changes_nothing_and_can_be_made_again) {
    perp_tick_result result;
    perp_job job = pair_job(4, w->btc[ALPHA], w->btc[BETA]);
    job.expected_edge_bps = 0.01; /* less than it costs */
    submit(w, &job);
    long n = 0;
    for (failed = 1; failed; n++) {
        failed = 0;
        left = n;
        perp_tick_result_init(&result);
        const uint64_t hash = perp_core_hash(w->core);
        const perp_status got = perp_scheduler_tick(w->scheduler, nowc(w), &result);
        left = -1;
        ck_assert_int_eq(live, 0);
        if (failed) {
            ck_assert_msg(got == PERP_E_NOMEM, "%s at allocation %ld", perp_status_string(got), n);
            ck_assert_str_ne(perp_core_error(w->core), "");
            ck_assert_uint_eq(perp_core_hash(w->core), hash);
        } else {
            ok(w, got);
        }
        perp_tick_result_free(&result);
        checked(w);
    }
    ck_assert_int_gt(n, 3);
    ck_assert_uint_eq(state_of(w, &job.job_id), PERP_JOB_PENDING);
    const perp_uuid second = id_of(2);
    ck_assert_uint_eq(state_of(w, &second), PERP_JOB_RUNNING);
}
END_TEST

START_TEST(an_order_without_memory_to_explain_its_refusal_is_not_refused) {
    const perp_order_request far = limit_order(1, 0, 0.1, BTC_MID * 2);
    perp_order_answer answer;
    const perp_orders_state before = desk_of(w);
    long n = 0;
    for (failed = 1; failed; n++) {
        failed = 0;
        left = n;
        perp_order_answer_init(&answer);
        const uint64_t hash = perp_core_hash(w->core);
        const perp_status got = perp_orders_place(desk(w), nowc(w), &far, &answer);
        left = -1;
        ck_assert_int_eq(live, 0);
        if (failed) {
            ck_assert_msg(got == PERP_E_NOMEM, "%s at allocation %ld", perp_status_string(got), n);
            ck_assert_str_ne(perp_core_error(w->core), "");
            ck_assert_uint_eq(perp_core_hash(w->core), hash);
        } else {
            ok(w, got);
        }
        checked(w);
    }
    ck_assert_int_gt(n, 3);
    ck_assert_uint_ne(answer.gate, PERP_GATE_NONE);
    ck_assert_uint_eq(desk_of(w).refused_today[answer.gate], before.refused_today[answer.gate] + 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("JSON without memory");
    TCase *tests = tcase_create("JSON without memory");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_call_that_finds_no_memory_for_json_says_so_and_gives_all_back, 0,
                        sizeof calls / sizeof calls[0]);
    tcase_add_test(tests, an_evaluation_says_how_much_room_it_needs);
    tcase_add_test(
        tests, a_tick_without_memory_to_explain_a_refusal_changes_nothing_and_can_be_made_again);
    tcase_add_test(tests, an_order_without_memory_to_explain_its_refusal_is_not_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
