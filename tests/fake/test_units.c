/* Amounts of the fake exchange: exact, and never wrapped. */
#include <check.h>
#include <stdint.h>

#include "fake_exchange/fx.h"

static enum fx_number parse(const char *text, int digits, int64_t wanted) {
    int64_t value = -1;
    enum fx_number result = fx_parse(text, digits, &value);
    if (result == FX_NUMBER_OK)
        ck_assert_int_eq(value, wanted);
    return result;
}

START_TEST(a_decimal_is_read_exactly_or_refused_with_the_reason) {
    static const char *const bad[] = {"",    ".",    "-1",  "+1",  "1e5",   " 1",   "1 ",
                                      "1,5", "0x10", "nan", "inf", "1.2.3", "1.-5", "\xff"};
    ck_assert_int_eq(parse("0", 3, 0), FX_NUMBER_OK);
    ck_assert_int_eq(parse("12", 3, 12000), FX_NUMBER_OK);
    ck_assert_int_eq(parse("0.001", 3, 1), FX_NUMBER_OK);
    ck_assert_int_eq(parse("0.00100000000000000000000000", 3, 1), FX_NUMBER_OK);
    ck_assert_int_eq(parse(".5", 3, 500), FX_NUMBER_OK);
    ck_assert_int_eq(parse("5.", 0, 5), FX_NUMBER_OK);
    ck_assert_int_eq(parse("000000000000000000000000000000007", 0, 7), FX_NUMBER_OK);
    ck_assert_int_eq(parse("0.0005", 3, 0), FX_NUMBER_PRECISE);
    ck_assert_int_eq(parse("0.5", 0, 0), FX_NUMBER_PRECISE);
    ck_assert_int_eq(parse("999999999999999999", 0, 999999999999999999), FX_NUMBER_OK);
    ck_assert_int_eq(parse("1000000000000000000", 0, 0), FX_NUMBER_LARGE);
    ck_assert_int_eq(parse("999999999999999999", 1, 0), FX_NUMBER_LARGE);
    ck_assert_int_eq(parse("99999999999999999999999999999999", 3, 0), FX_NUMBER_LARGE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(parse(bad[i], 3, 0), FX_NUMBER_BAD);
}
END_TEST

START_TEST(what_is_written_is_read_again) {
    static const int64_t values[] = {0, 1, 9, 10, 999, 1000, 123456789, 999999999999999999};
    char text[FX_NUMBER_TEXT];
    ck_assert_str_eq(fx_format(5, 3, text), "0.005");
    ck_assert_str_eq(fx_format(-1234, 3, text), "-1.234");
    ck_assert_str_eq(fx_format(7, 0, text), "7");
    ck_assert_str_eq(fx_format(INT64_MIN, 8, text), "-92233720368.54775808");
    for (int digits = 0; digits <= 8; digits++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            ck_assert_int_eq(parse(fx_format(values[i], digits, text), digits, values[i]),
                             FX_NUMBER_OK);
}
END_TEST

START_TEST(a_share_is_rounded_half_away_from_zero) {
    ck_assert_int_eq(fx_share(5, 1, 2), 3);
    ck_assert_int_eq(fx_share(-5, 1, 2), -3);
    ck_assert_int_eq(fx_share(5, 1, -2), -3);
    ck_assert_int_eq(fx_share(-5, 1, -2), 3);
    ck_assert_int_eq(fx_share(4, 1, 3), 1);
    ck_assert_int_eq(fx_share(1000000000000000000, 1000000000, 1000000000000), 1000000000000000);
}
END_TEST

int main(void) {
    Suite *all = suite_create("units");
    TCase *tests = tcase_create("amounts");
    tcase_add_test(tests, a_decimal_is_read_exactly_or_refused_with_the_reason);
    tcase_add_test(tests, what_is_written_is_read_again);
    tcase_add_test(tests, a_share_is_rounded_half_away_from_zero);
    suite_add_tcase(all, tests);
    SRunner *runner = srunner_create(all);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
