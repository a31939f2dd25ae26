/* Orders as the console answers and perpctl shows them, of a book that has some of each kind. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/orders_fixture.h"

#include "../../examples/console.h"
#include "../../examples/perpctl.h"

static struct world *w;
static char in_doubt[PERP_NAME_SIZE];

/* 1 filled, 2 stands half filled, 3 in doubt, 4 declined; 5 of another job at gamma. */
static void set_up(void) {
    w = world_open(NULL);
    perp_job job = pair_job(2, w->btc[GAMMA], w->btc[BETA]);
    run_pair(w, 1);
    run_job(w, &job);
    fill(w, place(w, 1, 0, 0.1), "a", 0.1, BTC_MID);
    pass(w, SECOND);
    uint64_t half = place(w, 1, 1, 0.1);
    perp_order_news news = news_of(half, PERP_NEWS_ACCEPTED);
    news.exchange_id = "X-7";
    told_of(w, &news);
    fill(w, half, "b", 0.05, BTC_MID);
    ok(w, perp_orders_cancel_sent(desk(w), nowc(w), half));
    uint64_t lost = place(w, 1, 1, 0.01);
    tell(w, lost, PERP_NEWS_UNKNOWN);
    perp_order_info info = order_of(w, lost);
    memcpy(in_doubt, info.client_id, sizeof in_doubt);
    news = news_of(place(w, 1, 0, 0.02), PERP_NEWS_DECLINED);
    news.text = "would cross";
    told_of(w, &news);
    place(w, 2, 0, 0.25);
    pass(w, 2 * SECOND);
}

static void tear_down(void) {
    world_close(w);
}

static cJSON *asked_for(const char *job, const char *state, const char *exchange,
                        perp_status wanted) {
    const struct console_query query = {.job = job, .state = state, .exchange = exchange};
    const char *why = NULL;
    cJSON *json = NULL;
    ck_assert_int_eq(console_orders_json(w->core, w->now, &query, &json, &why), wanted);
    ck_assert((json != NULL) == (wanted == PERP_OK));
    ck_assert(wanted == PERP_OK || strlen(why) > 0);
    return json;
}

/* The numbers of the orders that are listed, as in "3 5 2". */
static void orders_are(const char *job, const char *state, const char *exchange,
                       const char *wanted) {
    cJSON *json = asked_for(job, state, exchange, PERP_OK);
    const cJSON *row;
    char text[128] = "";
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "orders")) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "",
                 cJSON_GetObjectItem(row, "order")->valuestring);
    }
    ck_assert_str_eq(text, wanted);
    cJSON_Delete(json);
}

START_TEST(those_in_doubt_come_first_then_those_that_stand) {
    orders_are(NULL, NULL, NULL, "3 5 2 4 1");
}
END_TEST

START_TEST(a_query_lets_pass_what_it_names) {
    char id[37];
    perp_uuid job = id_of(1);
    perp_uuid_format(&job, id);
    orders_are(id, NULL, NULL, "3 2 4 1");
    orders_are(id, "not_ended", NULL, "3 2");
    orders_are(NULL, "not_ended", NULL, "3 5 2");
    orders_are(NULL, "filled", NULL, "1");
    orders_are(NULL, NULL, "gamma", "5");
    orders_are(NULL, "expired", NULL, "");
    asked_for("x", NULL, NULL, PERP_E_INVALID);
    asked_for(NULL, "gone", NULL, PERP_E_INVALID);
    asked_for(NULL, NULL, "nowhere", PERP_E_NOT_FOUND);
    asked_for("11111111-1111-1111-1111-111111111111", NULL, NULL, PERP_E_NOT_FOUND);
}
END_TEST

static void has(const cJSON *json, const char *text) {
    char *made = cJSON_PrintUnformatted(json);
    ck_assert_msg(strstr(made, text) != NULL, "no %s in %s", text, made);
    cJSON_free(made);
}

START_TEST(an_order_says_all_of_itself) {
    char text[256];
    cJSON *json = asked_for(NULL, NULL, NULL, PERP_OK);
    const cJSON *rows = cJSON_GetObjectItem(json, "orders");
    snprintf(text, sizeof text, "\"client_id\":\"%s\",\"state\":\"in_doubt\"", in_doubt);
    has(cJSON_GetArrayItem(rows, 0), text);
    has(cJSON_GetArrayItem(rows, 0), "\"average\":null");
    const cJSON *half = cJSON_GetArrayItem(rows, 2);
    has(half, "\"leg\":1,\"attempt\":1,\"exchange\":\"beta\",\"symbol\":\"BTC/USDT:USDT\","
              "\"side\":\"sell\",\"type\":\"limit\",\"tif\":\"gtc\"");
    has(half, "\"filled\":0.05,\"average\":50002");
    has(half, "\"exchange_id\":\"X-7\",\"text\":null,\"cancel_requested\":true");
    has(half, "\"ended\":null,\"age_ms\":2000");
    has(cJSON_GetArrayItem(rows, 3), "\"state\":\"declined\"");
    has(cJSON_GetArrayItem(rows, 3), "\"text\":\"would cross\"");
    has(json, "\"count\":5");
    cJSON_Delete(json);
}
END_TEST

/* The newest are given, and how many there are is said. */
START_TEST(more_than_a_page_are_counted) {
    perp_order_filter filter;
    uint32_t there = 0;
    perp_order_filter_init(&filter);
    cJSON *list = cJSON_CreateArray();
    ck_assert_int_eq(console_add_orders(list, w->core, &filter, 2, w->now, &there), PERP_OK);
    ck_assert_int_eq(cJSON_GetArraySize(list), 2);
    ck_assert_uint_eq(there, 5);
    ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "order")->valuestring, "5");
    cJSON_Delete(list);
}
END_TEST

/* What perpctl prints, without a terminal. */
static void printed(const cJSON *json, char *text, size_t size) {
    char name[] = "/tmp/perp-orders-XXXXXX";
    int file = mkstemp(name), own = dup(STDOUT_FILENO);
    ck_assert_int_ge(file, 0);
    unlink(name);
    fflush(stdout);
    ck_assert_int_ge(dup2(file, STDOUT_FILENO), 0);
    perpctl_show_orders(json, false);
    fflush(stdout);
    ck_assert_int_ge(dup2(own, STDOUT_FILENO), 0);
    close(own);
    ck_assert_int_eq((int)lseek(file, 0, SEEK_SET), 0);
    ssize_t length = read(file, text, size - 1);
    ck_assert_int_gt((int)length, 0);
    text[length] = '\0';
    close(file);
}

START_TEST(the_shell_shows_a_line_each) {
    static char text[8192];
    char *made;
    cJSON *json = asked_for(NULL, NULL, NULL, PERP_OK);
    made = cJSON_PrintUnformatted(json); /* as it goes over the wire */
    cJSON_Delete(json);
    json = cJSON_Parse(made);
    cJSON_free(made);
    printed(json, text, sizeof text);
    cJSON_Delete(json);
    const char *first = strstr(text, in_doubt);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(strstr(first, "in_doubt "));
    ck_assert_ptr_nonnull(strstr(text, "2.0 s"));
    ck_assert_ptr_nonnull(strstr(text, "cancel sent"));
    ck_assert_ptr_nonnull(strstr(text, "would cross"));
    ck_assert_ptr_nonnull(strstr(text, "5 orders\n"));
    ck_assert_ptr_nonnull(strstr(text, "10000000-0000-0000-0000-000000000002"));
}
END_TEST

/* A job that was let pass has no refusal because the gate refused an order of it. */
START_TEST(a_refused_order_is_no_refusal_of_its_job) {
    static struct console_decisions decisions;
    const perp_uuid job = id_of(1);
    char *refusal, *dispatch;
    int64_t refused_ns, dispatched_ns;
    perp_config config;
    world_config(&config);
    ck_assert(console_decisions_open(&decisions, &config.store));
    struct world *own = world_open(&config);
    run_pair(own, 1);
    perp_order_request request = limit_order(1, 0, 9, BTC_MID);
    refuses(own, &request, PERP_GATE_OVER_LEG, 9, 0.25);
    console_decisions_of(&decisions, &job, &refusal, &refused_ns, &dispatch, &dispatched_ns);
    ck_assert_ptr_null(refusal);
    ck_assert_ptr_nonnull(dispatch);
    free(dispatch);
    world_close(own);
    console_decisions_close(&decisions);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("console orders");
    TCase *tcase = tcase_create("in a world");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, those_in_doubt_come_first_then_those_that_stand);
    tcase_add_test(tcase, a_query_lets_pass_what_it_names);
    tcase_add_test(tcase, an_order_says_all_of_itself);
    tcase_add_test(tcase, more_than_a_page_are_counted);
    tcase_add_test(tcase, the_shell_shows_a_line_each);
    tcase_add_test(tcase, a_refused_order_is_no_refusal_of_its_job);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
