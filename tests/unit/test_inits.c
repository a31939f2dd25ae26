/* What an init function leaves behind does not depend on what was there before it. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <string.h>

/* I(type): the structs that have one. */
#define INITS(I)                                                                                   \
    I(config, perp_config)                                                                         \
    I(exchange_spec, perp_exchange_spec)                                                           \
    I(instrument_spec, perp_instrument_spec)                                                       \
    I(order_request, perp_order_request)                                                           \
    I(order_answer, perp_order_answer)                                                             \
    I(order_news, perp_order_news)                                                                 \
    I(reconciled, perp_reconciled)                                                                 \
    I(order_filter, perp_order_filter)                                                             \
    I(account_report, perp_account_report)                                                         \
    I(recorded_fill, perp_recorded_fill)                                                           \
    I(evaluation, perp_evaluation)                                                                 \
    I(rule_answer, perp_rule_answer)                                                               \
    I(host_rule, perp_host_rule)                                                                   \
    I(job, perp_job)                                                                               \
    I(tick_result, perp_tick_result)                                                               \
    I(job_result, perp_job_result)                                                                 \
    I(flatten_result, perp_flatten_result)                                                         \
    I(limits, perp_limits)                                                                         \
    I(sqlite_options, perp_sqlite_options)                                                         \
    I(call, perp_call)

static unsigned char room[2][1 << 18];

static void same(const char *name, size_t size) {
    ck_assert_msg(memcmp(room[0], room[1], size) == 0, "perp_%s_init leaves something as it was",
                  name);
}

START_TEST(all_of_a_struct_is_set) {
#define I(name, type)                                                                              \
    ck_assert_uint_le(sizeof(type), sizeof room[0]);                                               \
    memset(room[0], 0x55, sizeof(type));                                                           \
    memset(room[1], 0xaa, sizeof(type));                                                           \
    perp_##name##_init((type *)(void *)room[0]);                                                   \
    perp_##name##_init((type *)(void *)room[1]);                                                   \
    same(#name, sizeof(type));
    INITS(I)
#undef I
}
END_TEST

START_TEST(nothing_is_set_of_nothing) {
#define I(name, type) perp_##name##_init(NULL);
    INITS(I)
#undef I
}
END_TEST

int main(void) {
    Suite *suite = suite_create("inits");
    TCase *all = tcase_create("structs");
    suite_add_tcase(suite, all);
    tcase_add_test(all, all_of_a_struct_is_set);
    tcase_add_test(all, nothing_is_set_of_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
