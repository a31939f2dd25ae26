/* Numbers as text, text from outside, strict JSON. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/json_text.h"
#include "util/text.h"

static const char *double_text(double value) {
    static char text[32];
    perp_text_double(value, text);
    return text;
}

START_TEST(a_double_prints_as_its_shortest_text) {
    ck_assert_str_eq(double_text(0), "0");
    ck_assert_str_eq(double_text(-0.0), "0");
    ck_assert_str_eq(double_text(0.1), "0.1");
    ck_assert_str_eq(double_text(-12.5), "-12.5");
    ck_assert_str_eq(double_text(1e9), "1000000000");
    ck_assert_str_eq(double_text(0.1 + 0.2), "0.30000000000000004");
    ck_assert_str_eq(double_text(1e300), "1e+300");
    ck_assert_str_eq(double_text(1e-9), "0.000000001");
    ck_assert_str_eq(double_text(5e-324), "4.94065645841247e-324");
    ck_assert_str_eq(double_text(9007199254740993.0), "9007199254740992");
}
END_TEST

START_TEST(every_double_reads_back_to_itself) {
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        double value;
        double read = 0;
        memcpy(&value, &random, sizeof value);
        if (i % 2 == 0) {
            value = (double)(int64_t)(random >> 20) / (double)(UINT64_C(1) << (random & 31));
        }
        if (!isfinite(value)) {
            continue;
        }
        const char *text = double_text(value);
        ck_assert_msg(perp_text_to_double(text, &read) && read == value, "%s", text);
        ck_assert_msg(strtod(text, NULL) == value, "%s", text);
    }
}
END_TEST

START_TEST(reading_a_double_agrees_with_strtod) {
    const char *texts[] = {"1",
                           "0.1",
                           "123456789012345678901234567890",
                           "1e22",
                           "1e23",
                           "9007199254740993",
                           "0.000000000000000000000000000001",
                           "1.7976931348623157e308",
                           "4.9e-324",
                           "1e-400",
                           "100.00e-2",
                           "-0.5E+3",
                           "0e999999999999999999999",
                           "0.30000000000000004"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double read = -1;
        ck_assert_msg(perp_text_to_double(texts[i], &read), "%s", texts[i]);
        ck_assert_msg(read == strtod(texts[i], NULL), "%s", texts[i]);
    }
    double read = 7;
    ck_assert(!perp_text_to_double("1e309", &read));
    ck_assert(!perp_text_to_double("-1e99999999999999999999", &read));
    ck_assert_double_eq(read, 7);
}
END_TEST

START_TEST(the_locale_of_the_host_changes_nothing) {
    const char *locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        if (setlocale(LC_ALL, locales[i]) == NULL) {
            continue; /* not installed here */
        }
        double read = 0;
        ck_assert_str_eq(double_text(0.1 + 0.2), "0.30000000000000004");
        ck_assert_str_eq(double_text(1.5), "1.5");
        ck_assert(perp_text_to_double("0.30000000000000004", &read));
        ck_assert_double_eq(read, 0.1 + 0.2);
    }
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(money_prints_exactly) {
    char text[32];
    const struct {
        perp_usd amount;
        const char *text;
    } rows[] = {{12500000, "12.5"},
                {-1, "-0.000001"},
                {7000000, "7"},
                {0, "0"},
                {INT64_MAX, "9223372036854.775807"},
                {INT64_MIN, "-9223372036854.775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        perp_text_usd(rows[i].amount, text);
        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(a_time_prints_as_iso_8601) {
    char text[40];
    perp_text_time(0, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000000000Z");
    perp_text_time(INT64_C(1670889600000000001), text);
    ck_assert_str_eq(text, "2022-12-13T00:00:00.000000001Z");
    perp_text_time(INT64_C(951782399999999999), text);
    ck_assert_str_eq(text, "2000-02-28T23:59:59.999999999Z");
    perp_text_time(INT64_C(951782400000000000), text);
    ck_assert_str_eq(text, "2000-02-29T00:00:00.000000000Z");
    perp_text_time(-1, text);
    ck_assert_str_eq(text, "1969-12-31T23:59:59.999999999Z");
    perp_text_time(INT64_MAX, text);
    ck_assert_str_eq(text, "2262-04-11T23:47:16.854775807Z");
    perp_text_time(INT64_MIN + 1, text);
    ck_assert_str_eq(text, "1677-09-21T00:12:43.145224193Z");
}
END_TEST

START_TEST(a_name_is_short_utf8_without_control_characters) {
    ck_assert(perp_text_is_name("BTC/USDT:USDT", 63));
    ck_assert(perp_text_is_name("b\xc3\xb6rse", 63));
    ck_assert(perp_text_is_name("abc", 3));
    const char *bad[] = {
        "",         "abcd",         "a\nb", "a\x7f",        "\xc2\x85",         "\xff",
        "\xc0\xaf", "\xe0\x80\xaf", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!perp_text_is_name(bad[i], i == 1 ? 3 : 63), "row %zu", i);
    }
    ck_assert(perp_text_is_utf8("a\n\xf0\x9f\x98\x80", 6));
    ck_assert(!perp_text_is_utf8("a\0b", 3));
    ck_assert(!perp_text_is_utf8("\xf0\x9f\x98\x80", 3));
}
END_TEST

START_TEST(text_in_a_message_is_one_short_line) {
    char shown[12];
    perp_text_show("a\nb\x1b", shown, sizeof shown);
    ck_assert_str_eq(shown, "a?b?");
    perp_text_show("12345678901", shown, sizeof shown);
    ck_assert_str_eq(shown, "12345678901");
    perp_text_show("123456789012", shown, sizeof shown);
    ck_assert_str_eq(shown, "12345678...");
    perp_text_show("1234567\xc3\xb6-----", shown, sizeof shown);
    ck_assert_str_eq(shown, "1234567...");
    perp_text_show("\xff\xff", shown, sizeof shown);
    ck_assert_str_eq(shown, "??");
}
END_TEST

/* The first and the last of each range, and the characters before and behind. */
START_TEST(what_is_not_seen_or_turns_the_direction_is_not_shown) {
    static const char *const hidden[] = {
        "\xc2\x80",        "\xc2\x9b",     "\xc2\xad",     "\xcd\x8f",     "\xd8\x9c",
        "\xe1\x85\x9f",    "\xe1\x85\xa0", "\xe1\xa0\x8e", "\xe2\x80\x8b", "\xe2\x80\x8f",
        "\xe2\x80\xa8",    "\xe2\x80\xae", "\xe2\x81\xa0", "\xe2\x81\xa6", "\xe2\x81\xaf",
        "\xe3\x85\xa4",    "\xef\xbb\xbf", "\xef\xbe\xa0", "\xef\xbf\xbb", "\xf3\xa0\x80\x81",
        "\xf3\xa0\x83\xbf"};
    static const char *const seen[] = {"~",
                                       "\xc2\xa0",
                                       "\xc2\xac",
                                       "\xc2\xae",
                                       "\xe2\x80\x8a",
                                       "\xe2\x80\x90",
                                       "\xe2\x80\xa7",
                                       "\xe2\x80\xaf",
                                       "\xe2\x81\xb0",
                                       "\xef\xbf\xbc",
                                       "\xef\xb8\x8f",
                                       "\xf0\x9f\x98\x80"};
    char text[16], shown[16], wanted[16];
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        snprintf(text, sizeof text, "B%sTC", hidden[i]);
        perp_text_show(text, shown, sizeof shown);
        ck_assert_msg(strcmp(shown, "B?TC") == 0, "row %zu", i);
    }
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        snprintf(wanted, sizeof wanted, "B%sTC", seen[i]);
        perp_text_show(wanted, shown, sizeof shown);
        ck_assert_msg(strcmp(shown, wanted) == 0, "row %zu", i);
    }
}
END_TEST

static cJSON *parse(const char *text) {
    const char *why = NULL;
    cJSON *json = perp_json_parse(text, strlen(text), &why);
    ck_assert_msg((json == NULL) == (why != NULL), "%s", text);
    return json;
}

START_TEST(texts_that_are_no_json_are_refused) {
    const char *texts[] = {"",
                           " ",
                           "{",
                           "}",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:1}",
                           "[1}",
                           "{\"a\":1]",
                           "1 2",
                           "{}x",
                           "[]]",
                           "01",
                           "-",
                           "+1",
                           ".5",
                           "1.",
                           "1e",
                           "1e+",
                           "0x10",
                           "NaN",
                           "Infinity",
                           "nul",
                           "True",
                           "truefalse",
                           "'a'",
                           "\"a",
                           "\"a\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\u0000\"",
                           "\"a\\u0000\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\ud800\"",
                           "\"a\tb\"",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "\"\xed\xa0\x80\"",
                           "\xef\xbb\xbf{}",
                           "/**/1",
                           "[1]\v"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(parse(texts[i]) == NULL, "%s", texts[i]);
    }
    const char *why = NULL;
    ck_assert_ptr_null(perp_json_parse("1\0", 2, &why));
    ck_assert_ptr_null(perp_json_parse("[1]2", 4, &why));
}
END_TEST

START_TEST(no_string_from_outside_is_taken_for_a_number) {
    ck_assert_ptr_null(parse("\"\\u00011\""));
    ck_assert_ptr_null(parse("{\"\\u0001\":1}"));
    ck_assert_ptr_null(parse("\"\x01"
                             "1\""));
    cJSON *json = parse("[\"1\",\"a\\u00011\",\"\\u00021\",\"\",1]");
    const cJSON *item = json->child;
    for (int i = 0; i < 4; i++, item = item->next) {
        ck_assert(perp_json_is_string(item) && !perp_json_is_number(item));
    }
    ck_assert(perp_json_is_number(item) && !perp_json_is_string(item));
    cJSON_Delete(json);
}
END_TEST

START_TEST(valid_json_keeps_its_content) {
    cJSON *json =
        parse(" {\"a\\\"1\" : [ 1.50 , -2e3,true,false,null,\"x\\n\\u00e9\\ud83d\\ude00\" ],"
              "\"b\":{\"c\":[]},\"d 12\":\"34 5\"}\r\n");
    ck_assert_ptr_nonnull(json);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "a\"1")->child;
    ck_assert_str_eq(perp_json_text(item), "1.50");
    ck_assert_str_eq(perp_json_text(item->next), "-2e3");
    bool value = false;
    ck_assert(perp_json_bool(item->next->next, &value) && value);
    ck_assert(!perp_json_bool(item, &value));
    ck_assert_ptr_null(perp_json_text(item->next->next));
    ck_assert_str_eq(perp_json_text(item->next->next->next->next->next),
                     "x\n\xc3\xa9\xf0\x9f\x98\x80");
    ck_assert_str_eq(perp_json_text(cJSON_GetObjectItemCaseSensitive(json, "d 12")), "34 5");
    cJSON_Delete(json);
    json = parse("17");
    ck_assert(perp_json_is_number(json));
    cJSON_Delete(json);
}
END_TEST

START_TEST(nesting_past_the_limit_is_refused) {
    char text[2 * 33 + 1] = {0};
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    cJSON *json = parse(text);
    ck_assert_ptr_nonnull(json);
    cJSON_Delete(json);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    ck_assert_ptr_null(parse(text));
}
END_TEST

/* 10 MB of one piece repeated, after a head. */
static void parse_flood(const char *head, const char *piece) {
    size_t size = 10000000;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    size_t used = strlen(head);
    memcpy(text, head, used);
    for (size_t i = 0; used < size; used++, i++) {
        text[used] = piece[i % strlen(piece)];
    }
    const char *why = NULL;
    ck_assert_ptr_null(perp_json_parse(text, size, &why));
    ck_assert_ptr_nonnull(why);
    free(text);
}

START_TEST(ten_megabytes_of_anything_are_refused_at_once) {
    parse_flood("", "[");
    parse_flood("[", "1,");
    parse_flood("[", "[],");
    parse_flood("{", "\"a\":1,");
    parse_flood("", "{\"a\":");
    parse_flood("\"", "\\u0041");
    parse_flood("", "9");
    parse_flood("0.", "0");
    parse_flood("", " ");
    parse_flood("[", "\"\",");
    parse_flood("", "\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(a_long_number_is_refused_and_a_long_string_is_not) {
    size_t size = 10000000;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    const char *why = NULL;
    memset(text, 'x', size);
    text[0] = text[size - 1] = '"';
    cJSON *json = perp_json_parse(text, size, &why);
    ck_assert_ptr_nonnull(json);
    cJSON_Delete(json);
    memset(text, '1', PERP_JSON_MAX_NUMBER + 1);
    ck_assert_ptr_null(perp_json_parse(text, PERP_JSON_MAX_NUMBER + 1, &why));
    json = perp_json_parse(text, PERP_JSON_MAX_NUMBER, &why);
    double value = 0;
    int64_t whole = 0;
    ck_assert(perp_json_is_number(json) && !perp_json_double(json, &value));
    ck_assert(!perp_json_int64(json, &whole));
    cJSON_Delete(json);
    free(text);
}
END_TEST

START_TEST(more_values_than_the_limit_are_refused) {
    size_t values = PERP_JSON_MAX_VALUES; /* the array is one of them */
    char *text = malloc(2 * values + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < values; i++) {
        memcpy(text + 2 * i, ",1", 2);
    }
    text[0] = '[';
    text[2 * values] = ']';
    const char *why = NULL;
    ck_assert_ptr_null(perp_json_parse(text, 2 * values + 1, &why));
    ck_assert_str_eq(why, "too many values");
    text[2 * values - 2] = ']';
    cJSON *json = perp_json_parse(text, 2 * values - 1, &why);
    ck_assert_ptr_nonnull(json);
    cJSON_Delete(json);
    free(text);
}
END_TEST

static int64_t usd_of(const char *text, const char *expected) {
    perp_usd amount = -77;
    bool range = false;
    cJSON *json = parse(text);
    const char *got = perp_json_usd(json, &amount, &range) ? "ok" : (range ? "range" : "decimals");
    ck_assert_msg(strcmp(got, expected) == 0, "%s: %s", text, got);
    cJSON_Delete(json);
    return amount;
}

START_TEST(money_is_read_exactly) {
    ck_assert_int_eq(usd_of("0.1", "ok"), 100000);
    ck_assert_int_eq(usd_of("9007199254.740993", "ok"), INT64_C(9007199254740993));
    ck_assert_int_eq(usd_of("9223372036854.775807", "ok"), INT64_MAX);
    ck_assert_int_eq(usd_of("-9223372036854.775808", "ok"), INT64_MIN);
    ck_assert_int_eq(usd_of("1.00000000000", "ok"), 1000000);
    ck_assert_int_eq(usd_of("12.345e1", "ok"), 123450000);
    ck_assert_int_eq(usd_of("1e-6", "ok"), 1);
    ck_assert_int_eq(usd_of("100000e-11", "ok"), 1);
    ck_assert_int_eq(usd_of("1E12", "ok"), INT64_C(1000000000000000000));
    ck_assert_int_eq(usd_of("-0", "ok"), 0);
    ck_assert_int_eq(usd_of("0e99999999999999999999", "ok"), 0);
    usd_of("0.0000001", "decimals");
    usd_of("1e-7", "decimals");
    usd_of("1.0000001", "decimals");
    usd_of("\"1\"", "decimals");
    usd_of("null", "decimals");
    usd_of("9223372036854.775808", "range");
    usd_of("-9223372036854.775809", "range");
    usd_of("1e13", "range");
    usd_of("1e99999999999999999999", "range");
    usd_of("99999999999999999999999", "range");
}
END_TEST

START_TEST(integers_of_64_bits_are_read_exactly) {
    const struct {
        const char *text;
        bool is_signed, is_unsigned;
        int64_t value;
    } rows[] = {{"9223372036854775807", true, true, INT64_MAX},
                {"-9223372036854775808", true, false, INT64_MIN},
                {"9223372036854775808", false, true, 0},
                {"18446744073709551615", false, true, 0},
                {"18446744073709551616", false, false, 0},
                {"9007199254740993", true, true, INT64_C(9007199254740993)},
                {"5.0", true, true, 5},
                {"5e3", true, true, 5000},
                {"-0", true, true, 0},
                {"5.5", false, false, 0},
                {"\"5\"", false, false, 0},
                {"true", false, false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t whole = 0;
        uint64_t natural = 0;
        cJSON *json = parse(rows[i].text);
        ck_assert_msg(perp_json_int64(json, &whole) == rows[i].is_signed, "%s", rows[i].text);
        ck_assert_msg(perp_json_uint64(json, &natural) == rows[i].is_unsigned, "%s", rows[i].text);
        ck_assert_int_eq(whole, rows[i].value);
        cJSON_Delete(json);
    }
}
END_TEST

START_TEST(an_unknown_or_repeated_name_is_found) {
    const char *const names[] = {"a", "b", NULL};
    const struct {
        const char *text, *odd;
    } rows[] = {{"{}", NULL},
                {"{\"b\":1,\"a\":2}", NULL},
                {"{\"a\":1,\"A\":2}", "A"},
                {"{\"a\":1,\"b\":2,\"a\":3}", "a"},
                {"{\"a\":1,\"\":2}", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *json = parse(rows[i].text);
        const char *odd = perp_json_odd_name(json, names);
        ck_assert_msg((odd == NULL) == (rows[i].odd == NULL), "%s", rows[i].text);
        ck_assert(odd == NULL || strcmp(odd, rows[i].odd) == 0);
        cJSON_Delete(json);
    }
}
END_TEST

START_TEST(output_reads_back_and_says_what_room_it_needs) {
    char text[256];
    size_t length = 0;
    const char *expected = "{\"d\":0.1,\"n\":null,\"u\":-0.000001,\"i\":-5,"
                           "\"m\":18446744073709551615,\"t\":\"1970-01-01T00:00:00.000000000Z\","
                           "\"z\":null}";
    for (int pass = 0; pass < 2; pass++) {
        cJSON *json = cJSON_CreateObject();
        ck_assert(perp_json_add_double(json, "d", 0.1));
        ck_assert(perp_json_add_double(json, "n", (double)NAN));
        ck_assert(perp_json_add_usd(json, "u", -1));
        ck_assert(perp_json_add_int64(json, "i", -5));
        ck_assert(perp_json_add_uint64(json, "m", UINT64_MAX));
        ck_assert(perp_json_add_time(json, "t", 0));
        ck_assert(perp_json_add_time(json, "z", PERP_TIME_NONE));
        text[0] = '#';
        size_t capacity = pass == 0 ? strlen(expected) : strlen(expected) + 1;
        ck_assert_int_eq(perp_json_finish(json, text, capacity, &length),
                         pass == 0 ? PERP_E_RANGE : PERP_OK);
        ck_assert_uint_eq(length, strlen(expected));
        ck_assert(pass == 1 || text[0] == '#');
    }
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(perp_json_finish(NULL, text, sizeof text, &length), PERP_E_NOMEM);
}
END_TEST

/* A text that grows by a few bytes at a time, up to `most`. */
static struct {
    char bytes[4096];
    size_t most;
} place;

static bool grow_a_little(struct perp_json_text *text, size_t size) {
    size_t used = (size_t)(text->at - text->start), wanted = used + size + 1;
    text->start = place.bytes;
    text->at = place.bytes + used;
    text->end = place.bytes + wanted;
    return wanted <= place.most;
}

static struct perp_json_text a_text(size_t most) {
    place.most = most;
    memset(place.bytes, '#', sizeof place.bytes);
    return (struct perp_json_text){.grow = grow_a_little};
}

START_TEST(a_string_is_written_as_cjson_writes_it) {
    char value[64];
    for (int c = 1; c < 256; c++) {
        for (size_t at = 0; at < 20; at++) {
            memset(value, 'a', sizeof value);
            value[20] = 0;
            value[at] = (char)c;
            cJSON *json = cJSON_CreateString(value);
            char *wanted = cJSON_PrintUnformatted(json);
            struct perp_json_text text = a_text(sizeof place.bytes);
            perp_json_text_string(&text, value);
            ck_assert(!text.failed);
            *text.at = 0;
            ck_assert_str_eq(text.start, wanted);
            cJSON_free(wanted);
            cJSON_Delete(json);
        }
    }
}
END_TEST

static void write_some(struct perp_json_text *text) {
    perp_json_text_put(text, "{", 1);
    if (perp_json_text_key(text, PERP_KEY("a"), 1))
        *text->at++ = '1';
    if (perp_json_text_key(text, PERP_KEY("a_name_that_is_longer_than_what_is_copied_at_once"), 1))
        *text->at++ = '[';
    for (int i = 0; i < 2; i++) {
        perp_json_text_item(text);
        perp_json_text_string(text, "{[");
    }
    perp_json_text_put(text, "]", 1);
    perp_json_text_name(text, "q\"");
    perp_json_text_put(text, "{}}", 3);
}

START_TEST(commas_stand_between_what_was_written) {
    const char wanted[] = "{\"a\":1,\"a_name_that_is_longer_than_what_is_copied_at_once\":"
                          "[\"{[\",\"{[\"],\"q\\\"\":{}}";
    struct perp_json_text text = a_text(sizeof place.bytes);
    write_some(&text);
    ck_assert(!text.failed);
    *text.at = 0;
    ck_assert_str_eq(text.start, wanted);
}
END_TEST

START_TEST(without_room_nothing_more_is_written) {
    bool fitted = false;
    for (size_t most = 0; most < 200; most++) {
        struct perp_json_text text = a_text(most);
        write_some(&text);
        for (size_t i = most; i < sizeof place.bytes; i++)
            ck_assert_int_eq(place.bytes[i], '#');
        ck_assert(!fitted || !text.failed);
        fitted = !text.failed;
    }
    ck_assert(fitted);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_double_prints_as_its_shortest_text);
    tcase_add_test(tests, every_double_reads_back_to_itself);
    tcase_add_test(tests, reading_a_double_agrees_with_strtod);
    tcase_add_test(tests, the_locale_of_the_host_changes_nothing);
    tcase_add_test(tests, money_prints_exactly);
    tcase_add_test(tests, a_time_prints_as_iso_8601);
    tcase_add_test(tests, a_name_is_short_utf8_without_control_characters);
    tcase_add_test(tests, text_in_a_message_is_one_short_line);
    tcase_add_test(tests, what_is_not_seen_or_turns_the_direction_is_not_shown);
    tcase_add_test(tests, texts_that_are_no_json_are_refused);
    tcase_add_test(tests, no_string_from_outside_is_taken_for_a_number);
    tcase_add_test(tests, valid_json_keeps_its_content);
    tcase_add_test(tests, nesting_past_the_limit_is_refused);
    tcase_add_test(tests, ten_megabytes_of_anything_are_refused_at_once);
    tcase_add_test(tests, a_long_number_is_refused_and_a_long_string_is_not);
    tcase_add_test(tests, more_values_than_the_limit_are_refused);
    tcase_add_test(tests, money_is_read_exactly);
    tcase_add_test(tests, integers_of_64_bits_are_read_exactly);
    tcase_add_test(tests, an_unknown_or_repeated_name_is_found);
    tcase_add_test(tests, output_reads_back_and_says_what_room_it_needs);
    tcase_add_test(tests, a_string_is_written_as_cjson_writes_it);
    tcase_add_test(tests, commas_stand_between_what_was_written);
    tcase_add_test(tests, without_room_nothing_more_is_written);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
