/* Rules of the host: they are asked after the library's, named, counted, explained, overridden,
   stored and passed as the library's are, whatever a host's function answers. */
#include "reopen.h"

#include <cjson/cJSON.h>
#include <math.h>
#if PERP_WITH_SQLITE
#include <sqlite3.h>
#endif

#include "core/core.h"

static struct world *w;

/* What the host's function does, and what it saw. */
static struct host {
    perp_rule_answer says;
    bool silent;
    int asked;
    perp_evaluation saw;
    perp_job job;
    char metadata[8];
    void (*inside)(struct host *host);
    uint32_t reason;
} one, two, three;

static void ask(void *user, const perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *answer) {
    struct host *host = user;
    host->asked++;
    host->saw = *so_far;
    host->job = *job;
    if (job->metadata_size && job->metadata_size <= sizeof host->metadata)
        memcpy(host->metadata, job->metadata, job->metadata_size);
    ck_assert_uint_eq(answer->struct_size, sizeof *answer);
    ck_assert_uint_eq(answer->sense, PERP_SENSE_NONE);
    ck_assert_int_eq(answer->until_ns, PERP_TIME_NONE);
    ck_assert(isnan(answer->value) && isnan(answer->limit));
    if (host->inside)
        host->inside(host);
    if (host->silent)
        return;
    answer->sense = host->says.sense;
    answer->value = host->says.value;
    answer->limit = host->says.limit;
    answer->until_ns = host->says.until_ns;
}

static void says(struct host *host, uint32_t sense, double value, double limit) {
    host->says = (perp_rule_answer){
        .sense = sense, .value = value, .limit = limit, .until_ns = PERP_TIME_NONE};
}

static perp_host_rule rule_of(struct host *host, const char *name, uint32_t hard) {
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = name;
    rule.hard = hard;
    rule.ask = ask;
    rule.user = host;
    return rule;
}

static void add(struct host *host, const char *name, uint32_t hard) {
    perp_host_rule rule = rule_of(host, name, hard);
    ok(w, perp_risk_add_rule(w->risk, &rule));
    host->reason = rule.reason;
}

static void forget_hosts(void) {
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    memset(&three, 0, sizeof three);
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    says(&two, PERP_SENSE_ABOVE, 1, 2);
    says(&three, PERP_SENSE_ABOVE, 1, 2);
}

static void open_world(void) {
    forget_hosts();
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_job a_job(uint32_t n) {
    return pair_job(n, w->btc[ALPHA], w->btc[BETA]);
}

static perp_evaluation found(void) {
    perp_job job = a_job(1);
    return evaluated(w, &job);
}

static void fails_for(uint32_t reason) {
    perp_evaluation e = found();
    ck_assert_uint_eq(e.reason, reason);
    ck_assert_uint_eq(e.accepted, reason == PERP_REASON_NONE);
}

#define error_names(text) ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), text))

/* ---- Adding --------------------------------------------------------------------------------- */

START_TEST(what_is_no_rule_is_refused_with_the_field_named) {
    static const char *const bad[] = {
        "",
        "Upper",
        "9lives",
        "_x",
        "with space",
        "quote\"",
        "a\nb",
        "caf\xc3\xa9",
        "\xff",
        "'; DROP TABLE events; --",
        "a234567890123456789012345678901234567890123456789012345678901234"};
    perp_host_rule rule;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rule = rule_of(&one, bad[i], 0);
        fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
        error_names("rule.name");
        rule = rule_of(&one, "fine", 0);
        rule.value = bad[i];
        fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
        error_names("rule.value");
        rule.value = NULL;
        rule.unit = bad[i];
        if (i == 0) /* "" is no unit */
            continue;
        fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
        error_names("rule.unit");
    }
    rule = rule_of(&one, NULL, 0);
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    rule = rule_of(&one, "fine", 2);
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    error_names("rule.hard: 2");
    rule = rule_of(&one, "fine", 1);
    rule.repairs_pass = 7;
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    error_names("rule.repairs_pass: 7");
    rule = rule_of(&one, "fine", 0);
    rule.repairs_pass = 0;
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    error_names("rule.repairs_pass");
    rule = rule_of(&one, "fine", 0);
    rule.ask = NULL;
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    error_names("rule.ask");
    rule = rule_of(&one, "fine", 0);
    rule.reserved[3] = 1;
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    rule = rule_of(&one, "fine", 0);
    rule.struct_size = 8;
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, &rule));
    fails(w, PERP_E_INVALID, perp_risk_add_rule(w->risk, NULL));
    ck_assert_int_eq(perp_risk_add_rule(NULL, &rule), PERP_E_INVALID);
    perp_host_rule_init(NULL);
    perp_rule_answer_init(NULL);
    ck_assert_int_eq(one.asked, 0);
    fails_for(PERP_REASON_NONE);
    ck_assert_int_eq(one.asked, 0);
}
END_TEST

START_TEST(a_name_that_is_taken_exists) {
    static const char *const taken[] = {"killed",       "low_safety", "paused",
                                        "single_limit", "none",       "host_3"};
    perp_host_rule rule;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        rule = rule_of(&one, taken[i], 1);
        fails(w, PERP_E_EXISTS, perp_risk_add_rule(w->risk, &rule));
        error_names(taken[i]);
    }
    add(&one, "news", 1);
    rule = rule_of(&two, "news", 0);
    fails(w, PERP_E_EXISTS, perp_risk_add_rule(w->risk, &rule));
    fails_for(PERP_REASON_NONE);
    ck_assert_int_eq(one.asked, 1);
    ck_assert_int_eq(two.asked, 0);
}
END_TEST

START_TEST(there_is_room_for_sixteen) {
    char name[32];
    for (int i = 0; i < PERP_MAX_HOST_RULES; i++) {
        snprintf(name, sizeof name, "rule_%d", i);
        add(&one, name, (uint32_t)i % 2);
        ck_assert_uint_eq(one.reason, (uint32_t)PERP_REASON_HOST_1 + (uint32_t)i);
        ck_assert_str_eq(perp_risk_reason_string(w->risk, one.reason), name);
    }
    perp_host_rule rule = rule_of(&two, "more", 0);
    fails(w, PERP_E_RANGE, perp_risk_add_rule(w->risk, &rule));
    error_names("16");
    says(&one, PERP_SENSE_ABOVE, 3, 2);
    perp_evaluation e = found();
    ck_assert_int_eq(one.asked, 16);
    ck_assert_uint_eq(e.reason, PERP_REASON_HOST_2); /* the first hard one */
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        ck_assert(e.reasons & PERP_REASON_BIT(PERP_REASON_HOST_1 + i));
}
END_TEST

START_TEST(none_is_added_after_the_first_job_or_tick) {
    perp_host_rule rule = rule_of(&one, "late", 0);
    perp_job job = a_job(1), bad = job;
    bad.notional = 0;
    expect(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &bad));
    add(&two, "in_time", 0); /* there is no job yet */
    submit(w, &job);
    fails(w, PERP_E_STATE, perp_risk_add_rule(w->risk, &rule));
    error_names("late");
    close_world();
    open_world();
    tick(w);
    rule = rule_of(&one, "late", 0);
    fails(w, PERP_E_STATE, perp_risk_add_rule(w->risk, &rule));
}
END_TEST

START_TEST(a_reason_has_its_name_in_the_book_and_no_other) {
    add(&one, "var", 1);
    ck_assert_str_eq(perp_risk_reason_string(w->risk, one.reason), "var");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_KILLED), "killed");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_NONE), "none");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_HOST_2), "host_2");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_END), "?");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, UINT32_MAX), "?");
    ck_assert_str_eq(perp_risk_reason_string(NULL, PERP_REASON_HOST_1), "host_1");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_HOST_16), "host_16");
}
END_TEST

START_TEST(the_bits_of_rules_are_their_own) {
    uint64_t all = 0;
    for (uint32_t reason = 1; reason < PERP_REASON_END + 3; reason++) {
        uint64_t bit = PERP_REASON_BIT(reason);
        bool is_rule = reason < PERP_REASON_RULES_END ||
                       (reason >= PERP_REASON_HOST_1 && reason < PERP_REASON_END);
        ck_assert_int_eq(bit != 0, is_rule);
        ck_assert_uint_eq(all & bit, 0);
        all |= bit;
    }
}
END_TEST

/* ---- Answers -------------------------------------------------------------------------------- */

static const struct answer {
    uint32_t sense;
    double value, limit;
    uint32_t result;
} answers[] = {
    {PERP_SENSE_ABOVE, 2, 2, PERP_RULE_PASSES},
    {PERP_SENSE_ABOVE, 2.5, 2, PERP_RULE_FAILS},
    {PERP_SENSE_AT_LEAST, 1.5, 2, PERP_RULE_PASSES},
    {PERP_SENSE_AT_LEAST, 2, 2, PERP_RULE_FAILS},
    {PERP_SENSE_BELOW, 2, 2, PERP_RULE_PASSES},
    {PERP_SENSE_BELOW, 1.5, 2, PERP_RULE_FAILS},
    {PERP_SENSE_AT_MOST, 2.5, 2, PERP_RULE_PASSES},
    {PERP_SENSE_AT_MOST, 2, 2, PERP_RULE_FAILS},
    {PERP_SENSE_IS_TRUE, 0, 9, PERP_RULE_PASSES},
    {PERP_SENSE_IS_TRUE, 1, 9, PERP_RULE_FAILS},
    {PERP_SENSE_IS_TRUE, -3, NAN, PERP_RULE_FAILS},
    {PERP_SENSE_NOT_HELD, 9, 2, PERP_RULE_NOT_HELD},
    {PERP_SENSE_NOT_HELD, NAN, NAN, PERP_RULE_NOT_HELD},
    /* Infinite values and limits compare. */
    {PERP_SENSE_ABOVE, INFINITY, 2, PERP_RULE_FAILS},
    {PERP_SENSE_ABOVE, 2, INFINITY, PERP_RULE_PASSES},
    {PERP_SENSE_BELOW, -INFINITY, 2, PERP_RULE_FAILS},
    /* What is not known, and what is no answer, fails. */
    {PERP_SENSE_ABOVE, NAN, 2, PERP_RULE_FAILS},
    {PERP_SENSE_BELOW, NAN, 2, PERP_RULE_FAILS},
    {PERP_SENSE_ABOVE, 1, NAN, PERP_RULE_FAILS},
    {PERP_SENSE_IS_TRUE, NAN, 0, PERP_RULE_FAILS},
    {PERP_SENSE_NONE, 1, 2, PERP_RULE_FAILS},
    {PERP_SENSE_NOT_HELD + 1, 1, 2, PERP_RULE_FAILS},
    {UINT32_MAX, 1, 2, PERP_RULE_FAILS},
};

START_TEST(an_answer_is_held_as_it_says_and_what_is_none_fails) {
    const struct answer *answer = &answers[_i];
    add(&one, "var", 1);
    says(&one, answer->sense, answer->value, answer->limit);
    perp_evaluation e = found();
    bool fails_now = answer->result == PERP_RULE_FAILS;
    ck_assert_uint_eq(e.rules[one.reason].result, answer->result);
    ck_assert_uint_eq(e.rules[one.reason].leg, PERP_NO_ID);
    ck_assert_uint_eq(e.accepted, !fails_now);
    ck_assert_uint_eq(e.reason, fails_now ? one.reason : PERP_REASON_NONE);
    ck_assert_uint_eq(e.reasons, fails_now ? PERP_REASON_BIT(one.reason) : 0);
    if (answer->result == PERP_RULE_PASSES) {
        ck_assert_double_eq(e.rules[one.reason].value, answer->value);
        ck_assert_uint_eq(e.host_senses[0], answer->sense);
    }
    size_t length = 0;
    static char json[1 << 16];
    ok(w, perp_evaluation_json(w->core, &e, json, sizeof json, &length));
    cJSON *tree = cJSON_Parse(json), *rules = cJSON_GetObjectItem(tree, "rules"), *row, *var = NULL;
    ck_assert_ptr_nonnull(tree);
    ck_assert_int_eq(cJSON_GetArraySize(rules), PERP_RULE_COUNT + 1);
    cJSON_ArrayForEach(row, rules) if (strcmp(cJSON_GetObjectItem(row, "name")->valuestring,
                                              "var") == 0) var = row;
    ck_assert_ptr_nonnull(var);
    static const char *const results[] = {"not_held", "passes", "fails"};
    ck_assert_str_eq(cJSON_GetObjectItem(var, "result")->valuestring, results[answer->result]);
    cJSON *reason = cJSON_GetObjectItem(tree, "reason");
    ck_assert_int_eq(cJSON_IsNull(reason), !fails_now);
    if (fails_now)
        ck_assert_str_eq(reason->valuestring, "var");
    cJSON_Delete(tree);
}
END_TEST

START_TEST(a_function_that_says_nothing_refuses) {
    add(&one, "var", 0);
    one.silent = true;
    fails_for(one.reason);
    perp_evaluation e = found();
    ck_assert(isnan(e.rules[one.reason].value));
    ck_assert_uint_eq(e.host_senses[0], PERP_SENSE_NONE);
}
END_TEST

static char told[8][256];
static int n_told;
static void keep_log(void *user, uint32_t level, const char *message) {
    (void)user;
    if (level == PERP_LOG_ERROR && n_told < 8)
        snprintf(told[n_told++], sizeof told[0], "%s", message);
}

START_TEST(a_tick_says_once_that_a_rule_gives_no_answer) {
    w->core->config.callbacks.log = keep_log;
    n_told = 0;
    add(&one, "var", 1);
    one.silent = true;
    perp_job job = a_job(1);
    submit(w, &job);
    (void)found();
    ck_assert_int_eq(n_told, 0); /* a query says nothing */
    tick(w);
    ck_assert_int_eq(n_told, 1);
    ck_assert_ptr_nonnull(strstr(told[0], "var"));
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    ck_assert_int_eq(n_told, 1);
    one.silent = false;
    says(&one, PERP_SENSE_ABOVE, 3, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    says(&one, 99, 3, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    ck_assert_int_eq(n_told, 2);
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(it_sees_the_job_and_what_was_found_so_far) {
    add(&one, "first", 1);
    add(&two, "second", 1);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(7);
    job.metadata = "abc";
    job.metadata_size = 3;
    job.priority = 4;
    perp_evaluation e = evaluated(w, &job);
    ck_assert(same_id(&one.job.job_id, &job.job_id));
    ck_assert_int_eq(one.job.priority, 4);
    ck_assert_int_eq(one.job.notional, job.notional);
    ck_assert_uint_eq(one.job.n_legs, 2);
    ck_assert_uint_eq(one.job.legs[1].instrument, w->btc[BETA]);
    ck_assert_double_eq(one.job.legs[1].quantity, 0.25);
    ck_assert_double_gt(one.job.legs[1].leverage, 0); /* defaults are filled in */
    ck_assert_uint_eq(one.saw.accepted, 1);
    ck_assert_uint_eq(one.saw.n_legs, 2);
    ck_assert_double_eq(one.saw.safety_score, e.safety_score);
    ck_assert_double_eq(one.saw.cost_bps, e.cost_bps);
    ck_assert_uint_eq(one.saw.rules[PERP_REASON_STALE_QUOTE].result, PERP_RULE_PASSES);
    ck_assert_uint_eq(one.saw.rules[one.reason].result, PERP_RULE_NOT_HELD);
    ck_assert_uint_eq(two.saw.accepted, 0);
    ck_assert_uint_eq(two.saw.reason, one.reason);
    ck_assert_double_eq(two.saw.rules[one.reason].value, 5);
    ck_assert_uint_eq(two.saw.host_senses[0], PERP_SENSE_ABOVE);
    /* The metadata of a job that was submitted are there too. */
    submit(w, &job);
    tick(w);
    ck_assert_int_eq(memcmp(one.metadata, "abc", 3), 0);
}
END_TEST

START_TEST(it_is_asked_without_market_data_too) {
    add(&one, "var", 1);
    perp_instrument_id dark = world_instrument(w, GAMMA, "SOL/USDT:USDT", "", 0);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.legs[1].instrument = dark;
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_int_eq(one.asked, 1);
    ck_assert_uint_eq(one.saw.n_legs, 0);
    ck_assert_uint_eq(one.job.n_legs, 2);
    ck_assert(e.reasons & PERP_REASON_BIT(one.reason));
}
END_TEST

/* ---- Its place among the rules -------------------------------------------------------------- */

START_TEST(it_stands_after_the_librarys_of_its_kind) {
    add(&one, "soft_one", 0);
    add(&two, "hard_one", 1);
    add(&three, "soft_two", 0);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    says(&two, PERP_SENSE_ABOVE, 5, 2);
    says(&three, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    job.legs[0].leverage = job.legs[1].leverage = 8; /* soft */
    ck_assert_uint_eq(evaluated(w, &job).reason, two.reason);
    ok(w, perp_risk_blacklist(w->risk, nowc(w), "BTC/USDT:USDT", 1)); /* hard */
    ck_assert_uint_eq(evaluated(w, &job).reason, PERP_REASON_BLACKLISTED);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "BTC/USDT:USDT", 0));
    says(&two, PERP_SENSE_ABOVE, 1, 2);
    ck_assert_uint_eq(evaluated(w, &job).reason, PERP_REASON_LEVERAGE);
    job = a_job(1);
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reason, one.reason);
    ck_assert_uint_eq(e.reasons, PERP_REASON_BIT(one.reason) | PERP_REASON_BIT(three.reason));

    /* As it is explained, and described. */
    static char json[1 << 16];
    size_t length = 0;
    ok(w, perp_evaluation_json(w->core, &e, json, sizeof json, &length));
    ck_assert_ptr_nonnull(strstr(json, "\"reasons\":[\"soft_one\",\"soft_two\"]"));
    const char *hard = strstr(json, "{\"name\":\"hard_one\""),
               *halt = strstr(json, "{\"name\":\"auto_halt\""),
               *last = strstr(json, "{\"name\":\"low_safety\""),
               *soft = strstr(json, "{\"name\":\"soft_one\"");
    ck_assert(hard && halt && last && soft && hard < halt && last < soft);
    ok(w, perp_risk_describe_json(w->risk, json, sizeof json, &length));
    hard = strstr(json, "{\"name\":\"hard_one\"");
    halt = strstr(json, "{\"name\":\"auto_halt\"");
    last = strstr(json, "{\"name\":\"low_safety\"");
    soft = strstr(json, "{\"name\":\"soft_one\"");
    ck_assert(hard && halt && last && soft && hard < halt && last < soft);
}
END_TEST

static char *described(const char *name, const char *key) {
    static char json[1 << 16], shown[64];
    size_t length = 0;
    ok(w, perp_risk_describe_json(w->risk, json, sizeof json, &length));
    cJSON *tree = cJSON_Parse(json), *row;
    ck_assert_ptr_nonnull(tree);
    shown[0] = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(tree, "rules")) {
        if (strcmp(cJSON_GetObjectItem(row, "name")->valuestring, name) == 0) {
            char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(row, key));
            snprintf(shown, sizeof shown, "%s", text);
            cJSON_free(text);
        }
    }
    cJSON_Delete(tree);
    return shown;
}

START_TEST(it_is_described) {
    perp_host_rule rule = rule_of(&one, "var", 1);
    rule.value = "var_95";
    rule.unit = "usd";
    rule.repairs_pass = 0;
    ok(w, perp_risk_add_rule(w->risk, &rule));
    add(&two, "news", 0);
    ck_assert_str_eq(described("var", "scope"), "\"host\"");
    ck_assert_str_eq(described("var", "hard"), "true");
    ck_assert_str_eq(described("var", "way_out"), "\"passes_reducing\"");
    ck_assert_str_eq(described("var", "reducing_passes"), "true");
    ck_assert_str_eq(described("var", "value"), "\"var_95\"");
    ck_assert_str_eq(described("var", "unit"), "\"usd\"");
    ck_assert_str_eq(described("var", "missing_input"), "\"fails\"");
    ck_assert_str_eq(described("var", "limit"), "null");
    ck_assert_str_eq(described("var", "sense"), "null");
    ck_assert_str_eq(described("var", "fired_today"), "0");
    ck_assert_str_eq(described("news", "hard"), "false");
    ck_assert_str_eq(described("news", "way_out"), "\"passes\"");
    ck_assert_str_eq(described("news", "value"), "\"value\"");
    ck_assert_str_eq(described("news", "unit"), "null");
}
END_TEST

START_TEST(override_passes_a_soft_one_and_says_so) {
    add(&one, "soft_one", 0);
    add(&two, "hard_one", 1);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    ok(w, perp_risk_manual_override(w->risk, signedc(w), 1, PERP_TIME_NONE, NULL));
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert_uint_eq(e.override_used, 1);
    ck_assert_uint_eq(e.reasons, PERP_REASON_BIT(one.reason));
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    ck_assert_ptr_nonnull(strstr(w->seen.warning, "past: soft_one"));
    says(&two, PERP_SENSE_ABOVE, 5, 2);
    job = a_job(2);
    e = evaluated(w, &job);
    ck_assert_uint_eq(e.reason, two.reason);
    ck_assert_uint_eq(e.override_used, 0);
}
END_TEST

/* ---- The way out ---------------------------------------------------------------------------- */

START_TEST(reducing_jobs_pass_it_whatever_it_says) {
    perp_host_rule rule = rule_of(&one, "var", 1);
    rule.repairs_pass = 0;
    ok(w, perp_risk_add_rule(w->risk, &rule));
    add(&two, "news", 0);
    position_at(w, w->btc[ALPHA], w->now, 0.5, BTC_MID);
    perp_job job = one_leg_job(1, w->btc[ALPHA], PERP_SIDE_SELL);
    one.silent = two.silent = true;
    perp_evaluation e = evaluated(w, &job);
    ck_assert_uint_eq(e.reducing, 1);
    ck_assert_uint_eq(e.accepted, 1);
    ck_assert_uint_eq(e.override_used, 0);
    ck_assert_uint_eq(e.reasons, PERP_REASON_BIT(rule.reason) | PERP_REASON_BIT(two.reason));
    run_job(w, &job);
}
END_TEST

/* A job's sell is filled by half: a repair sells the rest, where it opens a position. */
static perp_job_info repair_after_half(void) {
    perp_job job = a_job(1);
    run_job(w, &job);
    quote_at(w, w->btc[GAMMA], w->now, BTC_BID + 40, BTC_ASK + 40, 1000);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    finish_pair(w, &job.job_id, 0.25, 0.125, BTC_MID);
    pass(w, PERP_NS_PER_S * 2);
    quote_at(w, w->btc[GAMMA], w->now, BTC_BID + 40, BTC_ASK + 40, 1000);
    tick(w);
    perp_uuid id = repair_id("BTC", 1);
    perp_job_info info = {.struct_size = sizeof info};
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    return info;
}

START_TEST(repairs_pass_it_where_it_says_so) {
    add(&one, "var", 1);
    perp_job_info info = repair_after_half();
    ck_assert_uint_eq(info.is_repair, 1);
    ck_assert_uint_eq(info.state, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(a_hard_one_may_stop_a_repair_that_opens) {
    perp_host_rule rule = rule_of(&one, "var", 1);
    rule.repairs_pass = 0;
    ok(w, perp_risk_add_rule(w->risk, &rule));
    one.reason = rule.reason;
    perp_job_info info = repair_after_half();
    ck_assert_uint_eq(info.is_repair, 1);
    if (!info.reduce_only && info.job.legs[0].instrument == w->btc[GAMMA]) {
        ck_assert_uint_eq(info.state, PERP_JOB_PENDING);
        ck_assert_uint_eq(info.last_refusal, one.reason);
    } else {
        ck_abort_msg("the repair reduces: nothing is shown by it");
    }
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    id_state_is(w, &info.job.job_id, PERP_JOB_RUNNING);
}
END_TEST

/* ---- In the queue --------------------------------------------------------------------------- */

START_TEST(what_it_refuses_waits_and_is_counted_by_name) {
    add(&one, "var", 1);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1), other = a_job(2);
    submit(w, &job);
    submit(w, &other);
    const perp_tick_result *result = tick(w);
    ck_assert_uint_eq(result->refused, 2);
    ck_assert_uint_eq(result->refused_by[one.reason], 2);
    ck_assert_uint_eq(reason_in(result, PERP_TICK_REFUSED, &job.job_id), one.reason);
    state_is(w, 1, PERP_JOB_PENDING);
    ck_assert_uint_eq(info_of(w, 1).last_refusal, one.reason);
    ck_assert_uint_eq(risk_of(w).rejected_today[one.reason], 2);
    tick(w); /* standing decisions count once */
    ck_assert_uint_eq(risk_of(w).rejected_today[one.reason], 2);
    ck_assert_str_eq(described("var", "fired_today"), "2");
    static perp_monitor_state snapshot;
    snapshot.struct_size = sizeof snapshot;
    ok(w, perp_monitor_snapshot(w->core, w->now, &snapshot));
    ck_assert_uint_eq(snapshot.refusals[one.reason], 2);
    ck_assert_uint_eq(snapshot.top_pending[0].last_refusal, one.reason);
    static char json[1 << 18];
    size_t length = 0;
    ok(w, perp_monitor_json(w->core, w->now, json, sizeof json, &length));
    ck_assert_ptr_nonnull(strstr(json, "\"var\":2"));
    ck_assert_ptr_nonnull(strstr(json, "\"last_refusal\":\"var\""));
    ck_assert_ptr_null(strstr(json, "host_1"));
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    /* The day rolls. */
    pass(w, INT64_C(24) * 3600 * PERP_NS_PER_S);
    leap_to(w, w->now);
    ok(w, perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(1000000)));
    ck_assert_uint_eq(risk_of(w).rejected_today[one.reason], 0);
}
END_TEST

START_TEST(on_reject_drop_ends_what_it_refuses) {
    close_world();
    forget_hosts();
    perp_config config;
    world_config(&config);
    config.scheduler.on_reject = PERP_ON_REJECT_DROP;
    w = world_open(&config);
    add(&one, "var", 0);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    state_is(w, 1, PERP_JOB_REJECTED);
    ck_assert_uint_eq(info_of(w, 1).last_refusal, one.reason);
    ck_assert_uint_eq(risk_of(w).rejected_today[one.reason], 1);
}
END_TEST

/* What was said of a time says nothing of the time before it. */
START_TEST(an_answer_for_a_time_ends_where_the_clock_is_set_back) {
    add(&one, "var", 1);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    one.says.until_ns = w->now + PERP_NS_PER_S;
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    w->now -= 1;
    ok(w, perp_core_advance(w->core, signedc(w)));
    tick(w);
    ck_assert_int_eq(one.asked, 2);
    w->now += PERP_NS_PER_MS;
    tick(w);
    ck_assert_int_eq(one.asked, 2);
    /* One that holds at any time is kept. */
    one.says.until_ns = PERP_TIME_NONE;
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    w->now -= 1;
    ok(w, perp_core_advance(w->core, signedc(w)));
    tick(w);
    ck_assert_int_eq(one.asked, 3);
}
END_TEST

START_TEST(what_was_answered_is_kept_until_something_says_otherwise) {
    add(&one, "var", 1);
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    ck_assert_int_eq(one.asked, 1);
    ck_assert_double_gt(one.saw.rules[PERP_REASON_ACCOUNT_LEVERAGE].value, 1000); /* of now */
    w->now += PERP_NS_PER_MS; /* only ages differ */
    tick(w);
    ck_assert_int_eq(one.asked, 1);
    /* Unsaid it may answer as it likes. */
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    tick(w);
    ck_assert_int_eq(one.asked, 1);
    state_is(w, 1, PERP_JOB_PENDING);
    /* What was found differs. */
    says(&one, PERP_SENSE_ABOVE, 6, 2);
    quote_at(w, w->btc[ALPHA], w->now, BTC_BID + 1, BTC_ASK + 1, 1000);
    tick(w);
    ck_assert_int_eq(one.asked, 2);
    /* It said until when. */
    one.says.until_ns = w->now + PERP_NS_PER_S;
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    ck_assert_int_eq(one.asked, 3);
    w->now += PERP_NS_PER_S - 1;
    tick(w);
    ck_assert_int_eq(one.asked, 3);
    w->now += 1;
    one.says.until_ns = w->now; /* it has come already: asked each time */
    tick(w);
    ck_assert_int_eq(one.asked, 4);
    tick(w);
    ck_assert_int_eq(one.asked, 5);
    /* evaluate is no job that waits. */
    (void)found();
    (void)found();
    ck_assert_int_eq(one.asked, 7);
    says(&one, PERP_SENSE_ABOVE, 1, 2);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    tick(w);
    ck_assert_int_eq(one.asked, 8); /* once, though the job is chosen beside nobody */
    state_is(w, 1, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(a_tick_asks_once_of_each_job_also_of_those_that_it_chooses) {
    add(&one, "var", 1);
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = a_job(n);
        job.notional = USD(1000);
        job.legs[0].quantity = job.legs[1].quantity = 0.02;
        submit(w, &job);
    }
    tick(w);
    ck_assert_int_eq(one.asked, 3);
    for (uint32_t n = 1; n <= 3; n++)
        state_is(w, n, PERP_JOB_RUNNING);
}
END_TEST

START_TEST(only_what_was_added_can_have_changed) {
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, PERP_REASON_HOST_1));
    add(&one, "var", 1);
    ok(w, perp_risk_rule_changed(w->risk, one.reason));
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, PERP_REASON_HOST_2));
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, PERP_REASON_KILLED));
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, 0));
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, UINT32_MAX));
    ck_assert_int_eq(perp_risk_rule_changed(NULL, one.reason), PERP_E_INVALID);
}
END_TEST

/* ---- Calling back --------------------------------------------------------------------------- */

static int n_inside;

static void calls_back(struct host *host) {
    uint64_t hash = perp_core_hash(w->core);
    int64_t clock = perp_core_clock(w->core);
    perp_job job = pair_job(50, w->btc[ALPHA], w->btc[BETA]);
    perp_evaluation e;
    perp_evaluation_init(&e);
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    perp_exchange_spec_init(&exchange);
    strcpy(exchange.name, "omega");
    perp_instrument_spec_init(&instrument);
    strcpy(instrument.symbol, "XRP/USDT:USDT");
    uint32_t id = 0, count = 0;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t reservation = 0;
    perp_host_rule rule = rule_of(&two, "inner", 0);
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now + INT64_C(7200) * PERP_NS_PER_S; /* would be refused for its time, too */
    if (n_inside++)
        return;
#define IS_REFUSED(what) ck_assert_int_eq(what, PERP_E_STATE)
    IS_REFUSED(perp_scheduler_submit(w->scheduler, nowc(w), &job));
    error_names("rule of the host");
    IS_REFUSED(perp_scheduler_submit(w->scheduler, &call, &job));
    IS_REFUSED(perp_scheduler_submit(w->scheduler, nowc(w), &host->job));
    IS_REFUSED(perp_scheduler_cancel(w->scheduler, nowc(w), &job.job_id));
    IS_REFUSED(perp_scheduler_tick(w->scheduler, nowc(w), NULL));
    IS_REFUSED(perp_scheduler_pause(w->scheduler, nowc(w)));
    IS_REFUSED(perp_scheduler_kill(w->scheduler, nowc(w), 1, PERP_ALL_EXCHANGES, NULL, 0, &count));
    IS_REFUSED(perp_risk_evaluate(w->risk, w->now, &job, &e));
    IS_REFUSED(perp_risk_set_mode(w->risk, signedc(w), PERP_MODE_CONSERVATIVE));
    IS_REFUSED(perp_risk_add_rule(w->risk, &rule));
    IS_REFUSED(perp_capital_update_equity(w->capital, nowc(w), ALPHA, USD(5)));
    IS_REFUSED(perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_ARB, USD(5), NULL,
                                    &reservation, &refusal));
    IS_REFUSED(perp_exchange_add(w->core, &exchange, &id));
    IS_REFUSED(perp_instrument_add(w->core, &instrument, &id));
    IS_REFUSED(perp_core_flush(w->core));
    IS_REFUSED(perp_core_close(w->core));
    IS_REFUSED(perp_monitor_watch(w->core, w->now));
    IS_REFUSED(perp_core_advance(w->core, signedc(w)));
#undef IS_REFUSED
    /* What only reads answers, as does what says that a rule changed. */
    static char json[1 << 18];
    size_t length = 0;
    ok(w, perp_monitor_json(w->core, w->now, json, sizeof json, &length));
    ok(w, perp_risk_describe_json(w->risk, json, sizeof json, &length));
    (void)capital_of(w, ALPHA);
    (void)risk_of(w);
    ok(w, perp_core_check(w->core));
    ok(w, perp_risk_rule_changed(w->risk, host->reason));
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    ck_assert_int_eq(perp_core_clock(w->core), clock);
}

static void call_back_everywhere(void) {
    add(&one, "var", 1);
    one.inside = calls_back;
    n_inside = 0;
    fails_for(PERP_REASON_NONE); /* from evaluate */
    ck_assert_int_eq(n_inside, 1);
    ck_assert_int_eq(w->core->refused_call, PERP_TIME_NONE);
    n_inside = 0;
    perp_job job = a_job(1);
    run_job(w, &job); /* and from a tick */
    ck_assert_int_eq(n_inside, 1);
    checked(w);
    /* The book is no longer inside of one. */
    job = pair_job(2, w->eth[ALPHA], w->eth[BETA]);
    job.legs[0].quantity = job.legs[1].quantity = 5;
    submit(w, &job);
}

START_TEST(it_must_not_call_back) {
    call_back_everywhere();
}
END_TEST

START_TEST(it_must_not_call_back_in_a_book_without_a_lock_either) {
    close_world();
    forget_hosts();
    perp_config config;
    world_config(&config);
    config.threading = PERP_THREADING_NONE;
    w = world_open(&config);
    call_back_everywhere();
}
END_TEST

static struct world *other;

static void calls_another_book(struct host *host) {
    (void)host;
    perp_job job = pair_job(50, other->btc[ALPHA], other->btc[BETA]);
    ok(other, perp_scheduler_submit(other->scheduler, nowc(other), &job));
}

START_TEST(another_book_is_another_matter) {
    add(&one, "var", 1);
    one.inside = calls_another_book;
    other = world_open(NULL);
    fails_for(PERP_REASON_NONE);
    state_is(other, 50, PERP_JOB_PENDING);
    world_close(other);
}
END_TEST

#if PERP_WITH_SQLITE

/* ---- In a store ------------------------------------------------------------------------------ */

static void again(struct life *life) {
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    life_take(life, w);
    quotes(w);
}

START_TEST(what_a_rule_refused_keeps_its_name_where_it_is_no_longer_added) {
    struct life life;
    forget_hosts();
    w = life_begin(&life, NULL);
    add(&one, "var", 1);
    add(&two, "news", 0);
    says(&two, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    ck_assert_uint_eq(info_of(w, 1).last_refusal, two.reason);
    uint32_t var = one.reason, news = two.reason;
    life_again(&life, w); /* by its records, and from a checkpoint */
    quotes(w);
    ck_assert_str_eq(perp_risk_reason_string(w->risk, news), "news");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, var), "var");
    ck_assert_uint_eq(info_of(w, 1).last_refusal, news);
    ck_assert_uint_eq(risk_of(w).rejected_today[news], 1);
    static char json[1 << 18];
    size_t length = 0;
    ok(w, perp_monitor_json(w->core, w->now, json, sizeof json, &length));
    ck_assert_ptr_nonnull(strstr(json, "\"news\":1"));
    ck_assert_ptr_nonnull(strstr(json, "\"last_refusal\":\"news\""));
    expect(w, PERP_E_NOT_FOUND, perp_risk_rule_changed(w->risk, news));
    two.asked = 0;
    fails_for(PERP_REASON_NONE); /* it holds no more */
    ck_assert_int_eq(two.asked, 0);
    /* Added again, in another order, each has its number: a job that waits is held to it. */
    uint64_t hash = perp_core_hash(w->core);
    add(&two, "news", 0);
    add(&one, "var", 1);
    ck_assert_uint_eq(perp_core_hash(w->core), hash); /* nothing is stored twice */
    ck_assert_uint_eq(one.reason, var);
    ck_assert_uint_eq(two.reason, news);
    tick(w);
    state_is(w, 1, PERP_JOB_PENDING);
    ck_assert_uint_eq(risk_of(w).rejected_today[news], 1); /* it stood */
    again(&life);                                          /* without its rules it goes */
    tick(w);
    state_is(w, 1, PERP_JOB_RUNNING);
    life_end(&life, w);
}
END_TEST

static void asks_sql(struct life *life, const char *sql, const char *wanted) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_open_v2(life->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(statement, 0), wanted);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

START_TEST(people_see_its_name_in_the_store) {
    struct life life;
    forget_hosts();
    w = life_begin(&life, NULL);
    add(&two, "news", 0);
    says(&two, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    asks_sql(&life, "SELECT refusal FROM jobs", "news");
    asks_sql(&life, "SELECT group_concat(refused_by) FROM refusals", "news");
    asks_sql(&life,
             "SELECT json_extract(rule.value, '$.result') || json_extract(rule.value, '$.value')"
             " || json_extract(rule.value, '$.sense') FROM refusals, json_each(detail, '$.rules')"
             " AS rule WHERE json_extract(rule.value, '$.name') = 'news'",
             "fails5above");
    says(&two, PERP_SENSE_ABOVE, 1, 2);
    ok(w, perp_risk_rule_changed(w->risk, two.reason));
    tick(w);
    asks_sql(&life,
             "SELECT json_extract(rule.value, '$.result') FROM events,"
             " json_each(detail, '$.rules') AS rule WHERE kind = 'dispatch'"
             " AND json_extract(rule.value, '$.name') = 'news'",
             "passes");
    life_end(&life, w);
}
END_TEST

START_TEST(a_name_that_nothing_speaks_of_gives_way) {
    struct life life;
    char name[32];
    forget_hosts();
    w = life_begin(&life, NULL);
    for (int i = 0; i < PERP_MAX_HOST_RULES; i++) {
        snprintf(name, sizeof name, "old_%d", i);
        add(i == 0 ? &one : &two, name, 1);
    }
    says(&one, PERP_SENSE_ABOVE, 5, 2);
    perp_job job = a_job(1);
    submit(w, &job);
    tick(w);
    ck_assert_uint_eq(info_of(w, 1).last_refusal, PERP_REASON_HOST_1);
    again(&life);
    add(&three, "new", 1);
    ck_assert_uint_eq(three.reason, PERP_REASON_HOST_2); /* old_0 refused something */
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_HOST_1), "old_0");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_HOST_2), "new");
    add(&two, "old_1", 1);
    ck_assert_uint_eq(two.reason, PERP_REASON_HOST_3);
    life_again(&life, w);
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_HOST_2), "new");
    ck_assert_str_eq(perp_risk_reason_string(w->risk, PERP_REASON_HOST_3), "old_1");
    for (int i = 0; i < PERP_MAX_HOST_RULES - 1; i++) {
        snprintf(name, sizeof name, "newer_%d", i);
        add(&two, name, 1);
    }
    perp_host_rule rule = rule_of(&two, "newest", 1);
    fails(w, PERP_E_RANGE, perp_risk_add_rule(w->risk, &rule));
    add(&two, "old_0", 1); /* its own number */
    ck_assert_uint_eq(two.reason, PERP_REASON_HOST_1);
    life_end(&life, w);
}
END_TEST

#endif

static Suite *suite(void) {
    Suite *all = suite_create("host_rules");
    TCase *one_world = tcase_create("in a world");
    tcase_add_checked_fixture(one_world, open_world, close_world);
    tcase_add_test(one_world, what_is_no_rule_is_refused_with_the_field_named);
    tcase_add_test(one_world, a_name_that_is_taken_exists);
    tcase_add_test(one_world, there_is_room_for_sixteen);
    tcase_add_test(one_world, none_is_added_after_the_first_job_or_tick);
    tcase_add_test(one_world, a_reason_has_its_name_in_the_book_and_no_other);
    tcase_add_test(one_world, the_bits_of_rules_are_their_own);
    tcase_add_loop_test(one_world, an_answer_is_held_as_it_says_and_what_is_none_fails, 0,
                        sizeof answers / sizeof *answers);
    tcase_add_test(one_world, a_function_that_says_nothing_refuses);
    tcase_add_test(one_world, a_tick_says_once_that_a_rule_gives_no_answer);
    tcase_add_test(one_world, it_sees_the_job_and_what_was_found_so_far);
    tcase_add_test(one_world, it_is_asked_without_market_data_too);
    tcase_add_test(one_world, it_stands_after_the_librarys_of_its_kind);
    tcase_add_test(one_world, it_is_described);
    tcase_add_test(one_world, override_passes_a_soft_one_and_says_so);
    tcase_add_test(one_world, reducing_jobs_pass_it_whatever_it_says);
    tcase_add_test(one_world, repairs_pass_it_where_it_says_so);
    tcase_add_test(one_world, a_hard_one_may_stop_a_repair_that_opens);
    tcase_add_test(one_world, what_it_refuses_waits_and_is_counted_by_name);
    tcase_add_test(one_world, on_reject_drop_ends_what_it_refuses);
    tcase_add_test(one_world, an_answer_for_a_time_ends_where_the_clock_is_set_back);
    tcase_add_test(one_world, what_was_answered_is_kept_until_something_says_otherwise);
    tcase_add_test(one_world, a_tick_asks_once_of_each_job_also_of_those_that_it_chooses);
    tcase_add_test(one_world, only_what_was_added_can_have_changed);
    tcase_add_test(one_world, it_must_not_call_back);
    tcase_add_test(one_world, it_must_not_call_back_in_a_book_without_a_lock_either);
    tcase_add_test(one_world, another_book_is_another_matter);
    suite_add_tcase(all, one_world);
#if PERP_WITH_SQLITE
    TCase *stored = tcase_create("in a store");
    tcase_add_test(stored, what_a_rule_refused_keeps_its_name_where_it_is_no_longer_added);
    tcase_add_test(stored, people_see_its_name_in_the_store);
    tcase_add_test(stored, a_name_that_nothing_speaks_of_gives_way);
    suite_add_tcase(all, stored);
#endif
    return all;
}

int main(void) {
    return run_suite(suite());
}
