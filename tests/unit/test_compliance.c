/* What the library says of itself to those who must answer for it: controls, latches, last
 * refusals. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "risk/controls.def"

static cJSON *described(const struct world *w) {
    size_t length;
    ck_assert_int_eq(perp_risk_describe_json(w->risk, NULL, 0, &length), PERP_E_RANGE);
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(perp_risk_describe_json(w->risk, text, length + 1, &length), PERP_OK);
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    free(text);
    return json;
}

static bool is_reason(const char *name) {
    for (uint32_t i = 1; i < PERP_MAX_REASONS; i++)
        if (strcmp(perp_reason_string(i), name) == 0)
            return true;
    for (uint32_t i = 1; i < PERP_MAX_GATES; i++)
        if (strcmp(perp_gate_string(i), name) == 0)
            return true;
    return false;
}

static bool is_mechanism(const char *name) {
#define PERP_X(mechanism, what)                                                                    \
    if (strcmp(mechanism, name) == 0)                                                              \
        return true;
    PERP_MECHANISM_LIST(PERP_X)
#undef PERP_X
    return false;
}

START_TEST(each_control_names_what_is_there){
#define PERP_X(regulation, article, control, what, duty)                                           \
    {                                                                                              \
        char words[] = what;                                                                       \
        ck_assert_msg(words[0], "%s %s: nothing does it", regulation, article);                    \
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))                      \
            ck_assert_msg(is_reason(word) || is_mechanism(word), "%s %s: %s", regulation, article, \
                          word);                                                                   \
    }
    PERP_CONTROL_LIST(PERP_X)
#undef PERP_X
} END_TEST

    static const cJSON *row_of(const cJSON *list, const char *name) {
    const cJSON *row;
    cJSON_ArrayForEach(row, list) {
        if (strcmp(cJSON_GetObjectItem(row, "name")->valuestring, name) == 0)
            return row;
    }
    ck_abort_msg("no row %s", name);
    return NULL;
}

static bool lists(const cJSON *row, const char *control) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(row, "controls")) {
        if (strcmp(item->valuestring, control) == 0)
            return true;
    }
    return false;
}

START_TEST(a_row_says_its_controls_its_limit_and_when_it_last_refused) {
    struct world *w = world_open(NULL);
    cJSON *json = described(w);
    const cJSON *rules = cJSON_GetObjectItem(json, "rules"),
                *gate = cJSON_GetObjectItem(json, "gate");
    ck_assert(lists(row_of(rules, "killed"), "RTS 6 12(1)"));
    ck_assert(lists(row_of(gate, "price_collar"), "RTS 6 15(1)(a)"));
    ck_assert(lists(row_of(gate, "price_collar"), "SEC 15c3-5 (c)(1)(ii)"));
    ck_assert_double_eq(cJSON_GetObjectItem(row_of(gate, "price_collar"), "limit")->valuedouble,
                        100);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(row_of(rules, "killed"), "last_refused")));
    cJSON_Delete(json);
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, PERP_ALL_EXCHANGES, NULL, 0, NULL));
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    ok(w, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    perp_call call = *nowc(w);
    call.actor = "ops";
    call.reason = "test";
    ok(w, perp_scheduler_kill(w->scheduler, &call, 0, PERP_ALL_EXCHANGES, NULL, 0, NULL));
    ok(w, perp_scheduler_kill(w->scheduler, nowc(w), 1, ALPHA, NULL, 0, NULL));
    ok(w, perp_scheduler_tick(w->scheduler, nowc(w), NULL));
    json = described(w);
    const cJSON *killed = row_of(cJSON_GetObjectItem(json, "rules"), "killed");
    ck_assert_double_eq(cJSON_GetObjectItem(killed, "fired_today")->valuedouble, 1);
    ck_assert(cJSON_IsString(cJSON_GetObjectItem(killed, "last_refused")));
    cJSON_Delete(json);
    world_close(w);
}
END_TEST

START_TEST(what_is_latched_says_since_when_and_what_lifts_it) {
    struct world *w = world_open(NULL);
    perp_latch latches[8];
    uint32_t n;
    ok(w, perp_risk_latches(w->risk, latches, 8, &n));
    ck_assert_uint_eq(n, 0);
    for (int i = 0; i < 5; i++)
        ok(w, perp_risk_record_failure(w->risk, nowc(w), PERP_ALL_EXCHANGES));
    int64_t halted = w->now;
    w->now += 1000000000;
    ok(w, perp_risk_record_failure(w->risk, nowc(w), PERP_ALL_EXCHANGES));
    ok(w, perp_risk_latches(w->risk, latches, 8, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(latches[0].kind, PERP_LATCH_HALT);
    ck_assert_int_eq(latches[0].since_ns, halted);
    ck_assert_str_eq(latches[0].lifted_by, "reset_halt");
    /* A position that nobody traded. */
    position_at(w, w->btc[ALPHA], w->now, 0, 0);
    w->now += 1000000000;
    position_at(w, w->btc[ALPHA], w->now, 1, 50000);
    ok(w, perp_risk_latches(w->risk, latches, 8, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(latches[1].kind, PERP_LATCH_DRIFT);
    ck_assert_uint_eq(latches[1].instrument, w->btc[ALPHA]);
    ck_assert_int_eq(latches[1].since_ns, w->now);
    ck_assert_str_eq(latches[1].base, "BTC");
    perp_call call = *nowc(w);
    call.actor = "ops";
    call.reason = "test";
    ok(w, perp_risk_reset_halt(w->risk, &call));
    ok(w, perp_accept_position(w->core, &call, w->btc[ALPHA]));
    ok(w, perp_risk_latches(w->risk, latches, 8, &n));
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(perp_risk_latches(w->risk, NULL, 1, &n), PERP_E_INVALID);
    world_close(w);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("compliance");
    TCase *c = tcase_create("compliance");
    tcase_add_test(c, each_control_names_what_is_there);
    tcase_add_test(c, a_row_says_its_controls_its_limit_and_when_it_last_refused);
    tcase_add_test(c, what_is_latched_says_since_when_and_what_lifts_it);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    return run_suite(suite());
}
