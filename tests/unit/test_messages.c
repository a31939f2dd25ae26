/* A message is one line that a terminal and a page can show, whatever a caller was given by others:
   nothing of it clears a screen, rings, begins a new line or turns the text around. */
#include "fixture.h"

/* Clears, rings, ends the line, turns the direction, and is no UTF-8. */
#define HOSTILE "\x1b[2J\a\r\n\xe2\x80\xae\xc2\x9b\xff"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_status find_exchange(void) {
    perp_exchange_id id;
    return perp_exchange_find(w->core, HOSTILE, &id);
}

static perp_status find_instrument(void) {
    perp_instrument_id id;
    return perp_instrument_find(w->core, ALPHA, HOSTILE, &id);
}

static perp_status add_exchange(void) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, HOSTILE);
    return perp_exchange_add(w->core, &spec, &id);
}

static perp_status add_instrument(void) {
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = ALPHA;
    strcpy(spec.symbol, HOSTILE);
    return perp_instrument_add(w->core, &spec, &id);
}

static perp_status resolve(void) {
    return perp_resolve(w->core, signedc(w), HOSTILE);
}

static perp_status resume_repair(void) {
    return perp_resume_repair(w->core, signedc(w), HOSTILE);
}

static perp_status blacklist(void) {
    return perp_risk_blacklist(w->risk, signedc(w), HOSTILE, 1);
}

static perp_status allow(void) {
    return perp_risk_allow(w->risk, signedc(w), HOSTILE, PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES,
                           1);
}

static perp_status collateral(void) {
    return perp_risk_set_collateral(w->risk, signedc(w), ALPHA, HOSTILE, 1, 1);
}

static perp_status flatten(void) {
    const perp_uuid key = id_of(77);
    perp_flatten_result result;
    perp_flatten_result_init(&result);
    return perp_scheduler_flatten(w->scheduler, signedc(w), PERP_ALL_EXCHANGES, HOSTILE, &key,
                                  &result);
}

static perp_status rate(void) {
    const perp_rate told = {HOSTILE, START, 1};
    return perp_market_on_rate(w->market, &told);
}

static perp_status find_order(void) {
    uint64_t order;
    return perp_orders_find(perp_core_orders(w->core), HOSTILE, &order);
}

static perp_status reconfigure(void) {
    static const char text[] = "{\"risk\":{\"" HOSTILE "\":1}}";
    return perp_core_reconfigure(w->core, signedc(w), text, sizeof text - 1);
}

static perp_status reconfigure_escaped(void) {
    static const char text[] = "{\"risk\":{\"\\u001b[2J\\u202e\":1}}";
    return perp_core_reconfigure(w->core, signedc(w), text, sizeof text - 1);
}

static perp_status read_job(void) {
    static const char text[] = "{\"\\u001b[2J\\u202e\":1}";
    perp_job job;
    return perp_job_from_json(w->core, text, sizeof text - 1, &job, NULL);
}

static perp_status add_rule(void) {
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = HOSTILE;
    return perp_risk_add_rule(w->risk, &rule);
}

static perp_status sign(void) {
    perp_call call = *signedc(w);
    call.actor = HOSTILE;
    return perp_scheduler_resume(w->scheduler, &call);
}

#define EACH(X)                                                                                    \
    X(find_exchange)                                                                               \
    X(find_instrument)                                                                             \
    X(add_exchange)                                                                                \
    X(add_instrument)                                                                              \
    X(resolve)                                                                                     \
    X(resume_repair)                                                                               \
    X(blacklist)                                                                                   \
    X(allow)                                                                                       \
    X(collateral)                                                                                  \
    X(flatten)                                                                                     \
    X(rate)                                                                                        \
    X(find_order)                                                                                  \
    X(reconfigure)                                                                                 \
    X(reconfigure_escaped)                                                                         \
    X(read_job)                                                                                    \
    X(add_rule)                                                                                    \
    X(sign)

#define ROW(name) {#name, name},
static const struct {
    const char *name;
    perp_status (*call)(void);
} calls[] = {EACH(ROW)};

/* No byte below 0x20, no DEL, no C1, none of U+202A to U+202E, and no stray byte. */
static int is_plain(const char *message) {
    for (const unsigned char *at = (const unsigned char *)message; *at != 0; at++) {
        if (*at < 0x20 || *at == 0x7f || *at == 0xff || (*at == 0xc2 && at[1] < 0xa0) ||
            (*at == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae)) {
            return 0;
        }
    }
    return 1;
}

START_TEST(no_message_carries_what_a_terminal_would_obey) {
    const perp_status status = calls[_i].call();
    const char *message = perp_core_error(w->core);
    ck_assert_msg(status != PERP_OK, "%s takes it", calls[_i].name);
    ck_assert_msg(message[0] != 0, "%s says nothing", calls[_i].name);
    ck_assert_msg(is_plain(message), "%s", calls[_i].name);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("messages");
    TCase *tests = tcase_create("messages");
    tcase_add_checked_fixture(tests, open_world, close_world);
    tcase_add_loop_test(tests, no_message_carries_what_a_terminal_would_obey, 0,
                        sizeof calls / sizeof calls[0]);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
