/* Numbers and times as digits, against what the C library writes and reads. PERP_NUMBERS: how many
   random doubles of each kind; PERP_TEST_SEED. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/digits.h"
#include "util/text.h"

static uint64_t random_state;

static uint64_t random_bits(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static void seed(void) {
    const char *given = getenv("PERP_TEST_SEED");
    uint64_t from = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("PERP_TEST_SEED=%llu\n", (unsigned long long)from);
    random_state = (from + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static long count(void) {
    const char *given = getenv("PERP_NUMBERS");
    return given ? strtol(given, NULL, 10) : 20000;
}

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What the text must be, by trial: with as few decimals as read back, up to nine and 15 digits in
   all; else as %.*g writes it with as few digits from 15 on as read back. */
static void by_trial(double value, char text[400]) {
    for (int decimals = 0; decimals <= 9 && fabs(value) < 1e15; decimals++) {
        snprintf(text, 400, "%.*f", decimals, value == 0 ? 0 : value);
        size_t digits = strcspn(text, ".") + (size_t)decimals - (text[0] == '-');
        bool small = text[text[0] == '-'] == '0'; /* its 0 before the point is no digit */
        if (digits - small <= 15 && strtod(text, NULL) == value)
            return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 400, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static void look_at(double value) {
    char text[32], wanted[400];
    if (!isfinite(value))
        return;
    perp_text_double(value, text);
    by_trial(value, wanted);
    if (strcmp(text, wanted) != 0)
        ck_abort_msg("%a is written %s, not %s", value, text, wanted);
}

/* A number, its negative, and the next ones. */
static void look_about(double value) {
    double below = nextafter(value, -HUGE_VAL), above = nextafter(value, HUGE_VAL);
    look_at(value);
    look_at(-value);
    look_at(below);
    look_at(above);
    look_at(nextafter(below, -HUGE_VAL));
    look_at(nextafter(above, HUGE_VAL));
}

START_TEST(the_ends_and_powers_of_two_are_the_shortest_that_read_back) {
    look_about(0.0);
    look_about(-0.0);
    look_about(1.7976931348623157e308);
    for (int power = -1074; power < 1024; power++)
        look_about(ldexp(1, power));
}
END_TEST

START_TEST(decimals_of_few_digits_are_written_with_these) {
    for (int power = -330; power < 309; power++) {
        for (int digits = 1; digits <= 100; digits += digits < 20 ? 1 : 9) {
            char text[32];
            snprintf(text, sizeof text, "%de%d", digits, power);
            look_about(strtod(text, NULL));
        }
    }
}
END_TEST

START_TEST(whole_numbers_up_to_2_to_the_64th_are_written_out_or_as_powers) {
    for (int bits = 0; bits < 64; bits++)
        look_about((double)(UINT64_C(1) << bits));
    for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10)
        look_about((double)power);
}
END_TEST

static double any_bits(void) {
    return of_bits(random_bits());
}

static double ordinary_size(void) {
    uint64_t exponent = 1023 - 100 + random_bits() % 200;
    return of_bits((random_bits() & UINT64_C(0x800fffffffffffff)) | exponent << 52);
}

static double denormal(void) {
    return of_bits(random_bits() >> (12 + random_bits() % 52));
}

static double few_bits(void) {
    uint64_t exponent = 1023 - 60 + random_bits() % 120;
    uint64_t mask = UINT64_MAX << random_bits() % 52;
    return of_bits((random_bits() & mask & UINT64_C(0x800fffffffffffff)) | exponent << 52);
}

static double whole(void) {
    return (double)(random_bits() >> random_bits() % 64);
}

static double decimal(void) {
    char text[64];
    snprintf(text, sizeof text, "%llue-%d",
             (unsigned long long)(random_bits() >> random_bits() % 64), (int)(random_bits() % 40));
    return strtod(text, NULL);
}

static double price(void) {
    double home = (double)(10 + random_bits() % 100000);
    return home * (1 + ((double)(random_bits() >> 11) * 0x1p-53 - 0.5) * 1e-3);
}

static double (*const kinds[])(void) = {any_bits, ordinary_size, denormal, few_bits,
                                        whole,    decimal,       price};

START_TEST(random_numbers_are_the_shortest_that_read_back) {
    seed();
    for (long i = 0; i < count(); i++)
        look_at(kinds[_i]());
}
END_TEST

START_TEST(the_texts_that_hosts_know_stay) {
    static const struct {
        double value;
        const char *text;
    } known[] = {{0.000001, "0.000001"},
                 {1e-9, "0.000000001"},
                 {1e-10, "1e-10"},
                 {0.0000000015, "1.5e-09"},
                 {-0.0, "0"},
                 {0.1, "0.1"},
                 {-2.5, "-2.5"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e14, "100000000000000"},
                 {1e15, "1e+15"},
                 {1.5e300, "1.5e+300"},
                 {9007199254740994, "9007199254740994"},
                 {0.0009765625, "0.0009765625"},
                 {5e-324, "4.94065645841247e-324"}};
    char text[32];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        perp_text_double(known[i].value, text);
        ck_assert_str_eq(text, known[i].text);
    }
}
END_TEST

START_TEST(a_point_is_a_point_in_every_locale) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[32];
        if (!setlocale(LC_NUMERIC, names[i]))
            continue;
        perp_text_double(1.25e-40, text);
        ck_assert_str_eq(text, "1.25e-40");
        perp_text_double(123.456, text);
        ck_assert_str_eq(text, "123.456");
    }
    setlocale(LC_NUMERIC, "C");
}
END_TEST

START_TEST(integers_and_money_are_exact) {
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, -1, 0, 1, 9, 10, 99, 100};
    char text[32], wanted[64];
    seed();
    for (long i = 0; i < count(); i++) {
        int64_t value = i < 10 ? edges[i] : (int64_t)random_bits() >> random_bits() % 64;
        perp_text_int64(value, text);
        snprintf(wanted, sizeof wanted, "%lld", (long long)value);
        ck_assert_str_eq(text, wanted);
        perp_text_uint64((uint64_t)value, text);
        snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)value);
        ck_assert_str_eq(text, wanted);
        uint64_t micro = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        int length =
            snprintf(wanted, sizeof wanted, "%s%llu.%06llu", value < 0 ? "-" : "",
                     (unsigned long long)(micro / 1000000), (unsigned long long)(micro % 1000000));
        while (wanted[length - 1] == '0')
            wanted[--length] = 0;
        if (wanted[length - 1] == '.')
            wanted[--length] = 0;
        perp_text_usd(value, text);
        ck_assert_str_eq(text, wanted);
    }
}
END_TEST

START_TEST(times_are_those_of_the_calendar) {
    seed();
    for (long i = 0; i < count(); i++) {
        int64_t time_ns = i == 0   ? INT64_MIN
                          : i == 1 ? INT64_MAX
                                   : (int64_t)random_bits() >> random_bits() % 64;
        int64_t ns = time_ns % 1000000000 + (time_ns % 1000000000 < 0 ? 1000000000 : 0);
        time_t seconds = (time_t)((time_ns - ns) / 1000000000);
        struct tm parts;
        if (time_ns < INT64_MIN + ns) /* what is before it does not fit */
            seconds = (time_t)(time_ns / 1000000000 - 1);
        char wanted[80], text[40];
        ck_assert_ptr_nonnull(gmtime_r(&seconds, &parts));
        size_t length = strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(wanted + length, sizeof wanted - length, ".%09lldZ", (long long)ns);
        perp_text_time(time_ns, text);
        ck_assert_str_eq(text, wanted);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("digits");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, getenv("PERP_NUMBERS") ? 0 : 60);
    tcase_add_test(tests, the_ends_and_powers_of_two_are_the_shortest_that_read_back);
    tcase_add_test(tests, decimals_of_few_digits_are_written_with_these);
    tcase_add_test(tests, whole_numbers_up_to_2_to_the_64th_are_written_out_or_as_powers);
    tcase_add_loop_test(tests, random_numbers_are_the_shortest_that_read_back, 0,
                        (int)(sizeof kinds / sizeof *kinds));
    tcase_add_test(tests, the_texts_that_hosts_know_stay);
    tcase_add_test(tests, a_point_is_a_point_in_every_locale);
    tcase_add_test(tests, integers_and_money_are_exact);
    tcase_add_test(tests, times_are_those_of_the_calendar);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
