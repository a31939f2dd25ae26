/* Exact arithmetic, the map, structs of other sizes, names and identities. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/ids.h"
#include "util/map.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

START_TEST(sums_that_do_not_fit_are_refused) {
    perp_usd out = 77;
    ck_assert(perp_usd_add(INT64_MAX - 1, 1, &out));
    ck_assert_int_eq(out, INT64_MAX);
    ck_assert(!perp_usd_add(INT64_MAX, 1, &out));
    ck_assert(!perp_usd_add(INT64_MIN, -1, &out));
    ck_assert(!perp_usd_sub(INT64_MIN, 1, &out));
    ck_assert(!perp_usd_sub(0, INT64_MIN, &out));
    ck_assert_int_eq(out, INT64_MAX);
    ck_assert(perp_usd_sub(-1, INT64_MIN, &out));
    ck_assert_int_eq(out, INT64_MAX);
    ck_assert(perp_usd_add(INT64_MIN, INT64_MAX, &out));
    ck_assert_int_eq(out, -1);
}
END_TEST

START_TEST(a_share_in_ppm_is_rounded_down_and_does_not_overflow) {
    ck_assert_int_eq(perp_usd_ppm(INT64_MAX, PERP_PPM), INT64_MAX);
    ck_assert_int_eq(perp_usd_ppm(INT64_MAX, 700000), INT64_C(6456360425798343064));
    ck_assert_int_eq(perp_usd_ppm(3, 333333), 0);
    ck_assert_int_eq(perp_usd_ppm(9, 999999), 8);
    ck_assert_int_eq(perp_usd_ppm(0, 1), 0);
}
END_TEST

START_TEST(a_comparison_in_ppm_is_exact) {
    ck_assert(perp_usd_at_least_ppm(50000, 1000000, 50000));
    ck_assert(!perp_usd_at_least_ppm(49999, 1000000, 50000));
    ck_assert(perp_usd_at_least_ppm(INT64_MAX, INT64_MAX, PERP_PPM));
    ck_assert(!perp_usd_at_least_ppm(INT64_MAX - 1, INT64_MAX, PERP_PPM));
}
END_TEST

START_TEST(dollars_become_micro_dollars_rounded_half_away_from_zero) {
    perp_usd out = 77;
    ck_assert(perp_usd_from_double(12.5, &out));
    ck_assert_int_eq(out, 12500000);
    ck_assert(perp_usd_from_double(0.0000005, &out));
    ck_assert_int_eq(out, 1);
    ck_assert(perp_usd_from_double(-0.0000005, &out));
    ck_assert_int_eq(out, -1);
    ck_assert(perp_usd_from_double(-9223372036854.775808, &out));
    ck_assert_int_eq(out, INT64_MIN);
    double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 9223372036854.775808, 1e300};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert(!perp_usd_from_double(bad[i], &out));
    }
    ck_assert_int_eq(out, INT64_MIN);
    ck_assert_double_eq(perp_usd_to_double(-1500000), -1.5);
}
END_TEST

START_TEST(shared_out_parts_sum_to_the_whole) {
    perp_usd parts[3];
    const perp_usd weights[] = {1, 1, 1};
    perp_usd_share(100, weights, 3, parts);
    ck_assert_int_eq(parts[0], 34);
    ck_assert_int_eq(parts[1], 33);
    perp_usd_share(-100, weights, 3, parts);
    ck_assert_int_eq(parts[0], -34);
    ck_assert_int_eq(parts[2], -33);
    const perp_usd none[] = {0, 0, 0};
    perp_usd_share(7, none, 3, parts);
    ck_assert_int_eq(parts[0], 7);
    ck_assert_int_eq(parts[1] + parts[2], 0);
    const perp_usd huge[] = {INT64_MAX, INT64_MAX, INT64_MAX};
    perp_usd_share(INT64_MIN, huge, 3, parts);
    ck_assert_int_eq(parts[1], INT64_MIN / 3);
    ck_assert_int_eq(parts[0], INT64_MIN - 2 * (INT64_MIN / 3));
}
END_TEST

START_TEST(only_finite_numbers_are_positive) {
    ck_assert(perp_positive(1e-300) && perp_not_negative(0) && perp_not_negative(-0.0));
    ck_assert(!perp_positive(0) && !perp_positive((double)INFINITY) && !perp_positive((double)NAN));
    ck_assert(!perp_not_negative(-1e-300) && !perp_not_negative((double)NAN));
    ck_assert(!perp_not_negative((double)INFINITY));
}
END_TEST

START_TEST(a_hash_depends_on_every_byte_and_the_order) {
    unsigned char bytes[19] = {0};
    uint64_t none = perp_hash_bytes(1, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        ck_assert_uint_ne(perp_hash_bytes(1, bytes, sizeof bytes), none);
        bytes[i] = 0;
    }
    ck_assert_uint_ne(perp_hash_bytes(1, bytes, 18), none);
    ck_assert_uint_ne(perp_hash_u64(perp_hash_u64(0, 1), 2), perp_hash_u64(perp_hash_u64(0, 2), 1));
    ck_assert_uint_ne(perp_hash_u64(3, 5), perp_hash_u64(5, 3));
}
END_TEST

/* Memory that counts what is out and fails when told to. */
static size_t bytes_out;
static bool memory_fails;

static void *test_allocate(void *user, size_t size) {
    (void)user;
    if (memory_fails) {
        return NULL;
    }
    bytes_out += size;
    return malloc(size);
}

static void test_release(void *user, void *memory, size_t size) {
    (void)user;
    bytes_out -= size;
    free(memory);
}

static const struct perp_map_memory memory = {NULL, test_allocate, test_release};

static perp_uuid key_of(uint32_t n) {
    perp_uuid key = {{0}};
    memcpy(key.bytes, &n, sizeof n);
    return key;
}

START_TEST(a_map_holds_what_was_added_and_not_removed) {
    enum { KEYS = 2000 };
    static int values[KEYS];
    static bool there[KEYS];
    struct perp_map map = {NULL, 0, 0};
    uint32_t random = 12345;
    uint32_t count = 0;
    memset(there, 0, sizeof there);
    for (int step = 0; step < 40000; step++) {
        random = random * 1664525U + 1013904223U;
        uint32_t n = (random >> 8) % KEYS;
        perp_uuid key = key_of(n);
        ck_assert_ptr_eq(perp_map_find(&map, &key), there[n] ? &values[n] : NULL);
        if (there[n]) {
            ck_assert_ptr_eq(perp_map_remove(&map, &key), &values[n]);
            ck_assert_ptr_null(perp_map_remove(&map, &key));
            count--;
        } else {
            ck_assert(perp_map_reserve(&map, 1, &memory));
            perp_map_add(&map, &key, &values[n]);
            count++;
        }
        there[n] = !there[n];
        ck_assert_uint_eq(map.count, count);
    }
    for (uint32_t n = 0; n < KEYS; n++) {
        perp_uuid key = key_of(n);
        ck_assert_ptr_eq(perp_map_find(&map, &key), there[n] ? &values[n] : NULL);
    }
    perp_map_free(&map, &memory);
    ck_assert_uint_eq(bytes_out, 0);
}
END_TEST

START_TEST(a_map_without_memory_stays_as_it_was) {
    struct perp_map map = {NULL, 0, 0};
    int value = 0;
    perp_uuid key = key_of(7);
    memory_fails = true;
    ck_assert(!perp_map_reserve(&map, 1, &memory));
    ck_assert_ptr_null(perp_map_find(&map, &key));
    memory_fails = false;
    ck_assert(perp_map_reserve(&map, 1, &memory));
    perp_map_add(&map, &key, &value);
    memory_fails = true;
    ck_assert(perp_map_reserve(&map, 7, &memory));
    ck_assert(!perp_map_reserve(&map, 8, &memory));
    ck_assert(!perp_map_reserve(&map, UINT32_MAX, &memory));
    ck_assert_ptr_eq(perp_map_find(&map, &key), &value);
    memory_fails = false;
    perp_map_free(&map, &memory);
}
END_TEST

/* Eight bytes are looked at at once: each byte, in each place of texts of several lengths. */
START_TEST(a_name_has_no_control_character_wherever_it_stands) {
    for (size_t length = 1; length <= 20; length++)
        for (size_t at = 0; at < length; at++)
            for (int c = 1; c < 256; c++) {
                char text[24];
                memset(text, '~', sizeof text);
                text[at] = (char)c;
                text[length] = '\0';
                ck_assert_msg(perp_text_is_name(text, 20) == (c >= 0x20 && c < 0x7f),
                              "byte %#x, the %zu-th of %zu", (unsigned)c, at, length);
                memset(text, ' ', length);
                text[at] = (char)c;
                ck_assert_msg(perp_text_is_name(text, 20) == (c >= 0x20 && c < 0x7f),
                              "byte %#x among blanks, the %zu-th of %zu", (unsigned)c, at, length);
            }
    ck_assert(perp_text_is_name("\xc3\xa9", 20) && !perp_text_is_name("\xc3", 20));
    ck_assert(!perp_text_is_name("", 20) && !perp_text_is_name("123456789012345678901", 20));
}
END_TEST

START_TEST(a_map_of_ids_holds_what_was_added_and_not_removed) {
    enum { KEYS = 2000 };
    static int values[KEYS];
    static bool there[KEYS];
    struct perp_ids ids = {NULL, 0, 0, 0};
    uint32_t random = 54321, count = 0;
    ck_assert_ptr_null(perp_ids_find(&ids, 1));
    ck_assert(!perp_ids_remove(&ids, 1, &values[1]));
    for (int step = 0; step < 40000; step++) {
        random = random * 1664525U + 1013904223U;
        uint32_t n = (random >> 8) % KEYS;
        uint64_t id = UINT64_C(1) << 40 | n;
        ck_assert_ptr_eq(perp_ids_find(&ids, id), there[n] ? &values[n] : NULL);
        if (there[n]) {
            ck_assert(!perp_ids_remove(&ids, id, &values[(n + 1) % KEYS]));
            ck_assert(perp_ids_remove(&ids, id, &values[n]));
            ck_assert(!perp_ids_remove(&ids, id, &values[n]));
        } else {
            ck_assert(perp_ids_reserve(&ids, 1, &memory));
            perp_ids_add(&ids, id, &values[n]);
        }
        count += there[n] ? UINT32_MAX : 1;
        there[n] = !there[n];
        ck_assert_uint_eq(ids.count, count);
    }
    for (uint32_t n = 0; n < KEYS; n++)
        ck_assert_ptr_eq(perp_ids_find(&ids, UINT64_C(1) << 40 | n), there[n] ? &values[n] : NULL);
    perp_ids_free(&ids, &memory);
    ck_assert_uint_eq(bytes_out, 0);
}
END_TEST

/* The numbers that live at a time are often the last ones given out, or every so-many-th: neither
   may lie in one run. */
START_TEST(ids_given_out_in_turn_are_found_in_a_few_steps) {
    static int value;
    for (uint64_t apart = 1; apart <= 4096; apart *= 2) {
        struct perp_ids ids = {NULL, 0, 0, 0};
        uint32_t longest = 0, run = 0;
        ck_assert(perp_ids_reserve(&ids, 1000, &memory));
        for (uint64_t n = 1; n <= 1000; n++)
            perp_ids_add(&ids, n * apart, &value);
        for (uint32_t i = 0; i < 2 * ids.capacity; i++) {
            run = ids.slots[i % ids.capacity].value ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
        ck_assert_msg(longest <= 32, "every %u-th: a run of %u", (unsigned)apart, longest);
        perp_ids_free(&ids, &memory);
    }
    ck_assert_uint_eq(bytes_out, 0);
}
END_TEST

/* As the hashes of two texts may be. */
START_TEST(an_id_may_be_there_with_several_values) {
    struct perp_ids ids = {NULL, 0, 0, 0};
    int values[3];
    uint32_t found = 0;
    ck_assert(perp_ids_reserve(&ids, 3, &memory));
    for (uint32_t i = 0; i < 3; i++)
        perp_ids_add(&ids, 7, &values[i]);
    ck_assert(perp_ids_remove(&ids, 7, &values[1]));
    for (const struct perp_ids_slot *slot = perp_ids_first(&ids, 7); slot->value;
         slot = perp_ids_next(&ids, slot)) {
        ck_assert_ptr_ne(slot->value, &values[1]);
        found += slot->id == 7;
    }
    ck_assert_uint_eq(found, 2);
    perp_ids_free(&ids, &memory);
}
END_TEST

START_TEST(a_map_of_ids_without_memory_stays_as_it_was) {
    struct perp_ids ids = {NULL, 0, 0, 0};
    int value = 0;
    memory_fails = true;
    ck_assert(!perp_ids_reserve(&ids, 1, &memory));
    memory_fails = false;
    ck_assert(perp_ids_reserve(&ids, 1, &memory));
    perp_ids_add(&ids, 7, &value);
    memory_fails = true;
    ck_assert(perp_ids_reserve(&ids, 7, &memory));
    ck_assert(!perp_ids_reserve(&ids, 8, &memory));
    ck_assert(!perp_ids_reserve(&ids, UINT32_MAX, &memory));
    ck_assert_ptr_eq(perp_ids_find(&ids, 7), &value);
    memory_fails = false;
    perp_ids_free(&ids, &memory);
}
END_TEST

struct known {
    uint32_t struct_size;
    uint32_t a;
    uint64_t b;
};

struct longer {
    struct known known;
    uint64_t later;
};

START_TEST(a_shorter_struct_leaves_the_defaults) {
    struct known host = {8, 5, 6};
    struct known out = {sizeof out, 1, 2};
    ck_assert(perp_struct_in(&out, sizeof out, &host));
    ck_assert_uint_eq(out.struct_size, sizeof out);
    ck_assert_uint_eq(out.a, 5);
    ck_assert_uint_eq(out.b, 2);
}
END_TEST

START_TEST(a_longer_struct_is_taken_while_its_tail_is_zero) {
    struct longer host = {{sizeof host, 5, 6}, 0};
    struct known out = {sizeof out, 1, 2};
    ck_assert(perp_struct_in(&out, sizeof out, &host));
    ck_assert_uint_eq(out.struct_size, sizeof out);
    ck_assert_uint_eq(out.b, 6);
    host.later = UINT64_C(1) << 63;
    host.known.b = 9;
    ck_assert(!perp_struct_in(&out, sizeof out, &host));
    ck_assert_uint_eq(out.b, 6);
}
END_TEST

START_TEST(a_size_that_cannot_be_meant_is_refused) {
    const uint32_t sizes[] = {0, 4, 7, 100000, UINT32_MAX};
    struct known out = {sizeof out, 1, 2};
    ck_assert(!perp_struct_in(&out, sizeof out, NULL));
    ck_assert(!perp_struct_out(NULL, &out, sizeof out));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct known host = {sizes[i], 5, 6};
        ck_assert(!perp_struct_fits(&host, sizeof out));
        ck_assert(!perp_struct_in(&out, sizeof out, &host));
        ck_assert(!perp_struct_out(&host, &out, sizeof out));
        ck_assert_uint_eq(host.a, 5);
    }
    ck_assert_uint_eq(out.a, 1);
}
END_TEST

START_TEST(a_result_stays_inside_the_hosts_struct) {
    const struct known result = {sizeof result, 1, 2};
    struct longer host = {{8, 5, 6}, 7};
    ck_assert(perp_struct_out(&host, &result, sizeof result));
    ck_assert_uint_eq(host.known.struct_size, 8);
    ck_assert_uint_eq(host.known.a, 1);
    ck_assert_uint_eq(host.known.b, 6);
    host.known.struct_size = sizeof host;
    ck_assert(perp_struct_out(&host, &result, sizeof result));
    ck_assert_uint_eq(host.known.struct_size, sizeof host);
    ck_assert_uint_eq(host.known.b, 2);
    ck_assert_uint_eq(host.later, 0);
}
END_TEST

START_TEST(every_value_of_a_list_has_its_name_and_others_have_none) {
    ck_assert_str_eq(perp_status_string(PERP_OK), "PERP_OK");
    ck_assert_str_eq(perp_status_string(PERP_E_CORRUPT), "PERP_E_CORRUPT");
    ck_assert_str_eq(perp_status_string((perp_status)-13), "?");
    ck_assert_str_eq(perp_status_string((perp_status)1), "?");
    ck_assert_str_eq(perp_reason_string(0), "none");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_KILLED), "killed");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_DAILY_LOSS), "daily_loss");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_LOW_SAFETY), "low_safety");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_SAFE_MODE), "safe_mode");
    ck_assert_str_eq(perp_reason_string(PERP_REASON_DISPATCH_RATE), "dispatch_rate");
    ck_assert_str_eq(perp_reason_string(PERP_MAX_REASONS), "?");
    ck_assert_str_eq(perp_pool_string(PERP_POOL_RESERVE), "reserve");
    ck_assert_str_eq(perp_pool_string(PERP_POOL_COUNT), "?");
    ck_assert_str_eq(perp_strategy_string(PERP_STRATEGY_HEDGE_REBALANCE), "hedge_rebalance");
    ck_assert_str_eq(perp_strategy_string(UINT32_MAX), "?");
    ck_assert_str_eq(perp_side_string(PERP_SIDE_SELL), "sell");
    ck_assert_str_eq(perp_side_string(2), "?");
    ck_assert_str_eq(perp_mode_string(PERP_MODE_AGGRESSIVE), "aggressive");
    ck_assert_str_eq(perp_mode_string(PERP_MODE_COUNT), "?");
    ck_assert_str_eq(perp_kind_string(PERP_KIND_FUTURE), "future");
    ck_assert_str_eq(perp_kind_string(PERP_KIND_COUNT), "?");
    ck_assert_str_eq(perp_margin_string(PERP_MARGIN_CROSS), "cross");
    ck_assert_str_eq(perp_margin_string(PERP_MARGIN_NOT_GIVEN), "?");
    ck_assert_str_eq(perp_api_string(PERP_API_DOWN), "down");
    ck_assert_str_eq(perp_api_string(PERP_API_COUNT), "?");
    ck_assert_str_eq(perp_circuit_string(PERP_CIRCUIT_HALF_OPEN), "half_open");
    ck_assert_str_eq(perp_circuit_string(PERP_CIRCUIT_COUNT), "?");
    ck_assert_str_eq(perp_job_state_string(PERP_JOB_CLOSED), "closed");
    ck_assert_str_eq(perp_job_state_string(PERP_JOB_STATE_COUNT), "?");
    ck_assert_str_eq(perp_component_string(PERP_COMPONENT_FAILURES), "failures");
    ck_assert_str_eq(perp_component_string(PERP_COMPONENT_COUNT), "?");
    ck_assert_str_eq(perp_alert_string(PERP_ALERT_INFEASIBLE), "infeasible");
    ck_assert_str_eq(perp_alert_string(PERP_ALERT_COUNT), "?");
}
END_TEST

START_TEST(a_message_that_is_cut_ends_in_a_whole_character) {
    char long_name[600], text[4] = "a\xc3";
    perp_exchange_id id;
    perp_core *core;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    for (size_t shift = 0; shift < 2; shift++) {
        memset(long_name, 'x', sizeof long_name);
        for (size_t i = shift; i + 2 < sizeof long_name; i += 2) {
            memcpy(long_name + i, "\xc3\xa9", 2);
        }
        long_name[sizeof long_name - 1] = 0;
        ck_assert_int_eq(perp_exchange_find(core, long_name, &id), PERP_E_NOT_FOUND);
        const char *message = perp_core_error(core);
        ck_assert(perp_text_is_utf8(message, strlen(message)));
    }
    perp_core_close(core);
    perp_text_end_whole(text);
    ck_assert_str_eq(text, "a");
}
END_TEST

START_TEST(amounts_in_messages_are_dollars) {
    perp_config config;
    perp_exchange_spec spec;
    perp_core *core;
    perp_exchange_id id;
    perp_config_init(&config);
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "okx");
    spec.max_notional = -5 * PERP_USD / 2;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_E_RANGE);
    ck_assert_str_eq(perp_core_error(core), "exchange.max_notional: -2.5 is negative");
    perp_core_close(core);
}
END_TEST

START_TEST(the_version_text_is_made_of_the_macros) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", PERP_VERSION_MAJOR, PERP_VERSION_MINOR,
             PERP_VERSION_PATCH);
    ck_assert_str_eq(perp_version_string(), text);
    ck_assert_uint_eq(perp_version_number(), PERP_VERSION_NUMBER);
}
END_TEST

START_TEST(a_uuid_reads_back_and_nothing_else_is_one) {
    const char *text = "01234567-89AB-cdef-0123-456789abcdef";
    const char *bad[] = {"01234567-89ab-cdef-0123-456789abcde",
                         "0123456-789ab-cdef-0123-456789abcdef",
                         "01234567-89ab-cdef-0123-456789abcdeg",
                         "0123456789abcdef0123456789abcdef0000",
                         "01234567-89ab-cdef-0123-456789abcdef0",
                         "{1234567-89ab-cdef-0123-456789abcde}",
                         ""};
    perp_uuid uuid;
    char out[37];
    ck_assert_int_eq(perp_uuid_parse(text, 36, &uuid), PERP_OK);
    ck_assert_uint_eq(uuid.bytes[0], 0x01);
    ck_assert_uint_eq(uuid.bytes[15], 0xef);
    perp_uuid_format(&uuid, out);
    ck_assert_str_eq(out, "01234567-89ab-cdef-0123-456789abcdef");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(perp_uuid_parse(bad[i], strlen(bad[i]), &uuid), PERP_E_INVALID);
        ck_assert_uint_eq(uuid.bytes[15], 0xef);
    }
    ck_assert_int_eq(perp_uuid_parse(NULL, 36, &uuid), PERP_E_INVALID);
    ck_assert_int_eq(perp_uuid_parse(text, 36, NULL), PERP_E_INVALID);
}
END_TEST

START_TEST(a_fresh_call_has_its_size_and_nothing_else) {
    perp_call call;
    memset(&call, 0xff, sizeof call);
    perp_call_init(&call);
    ck_assert_uint_eq(call.struct_size, sizeof call);
    ck_assert_uint_eq(call.reserved, 0);
    ck_assert_int_eq(call.now_ns, 0);
    ck_assert_ptr_null(call.actor);
    ck_assert_ptr_null(call.reason);
    perp_call_init(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("util");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, sums_that_do_not_fit_are_refused);
    tcase_add_test(tests, a_share_in_ppm_is_rounded_down_and_does_not_overflow);
    tcase_add_test(tests, a_comparison_in_ppm_is_exact);
    tcase_add_test(tests, dollars_become_micro_dollars_rounded_half_away_from_zero);
    tcase_add_test(tests, shared_out_parts_sum_to_the_whole);
    tcase_add_test(tests, only_finite_numbers_are_positive);
    tcase_add_test(tests, a_hash_depends_on_every_byte_and_the_order);
    tcase_add_test(tests, a_map_holds_what_was_added_and_not_removed);
    tcase_add_test(tests, a_map_without_memory_stays_as_it_was);
    tcase_add_test(tests, a_name_has_no_control_character_wherever_it_stands);
    tcase_add_test(tests, a_map_of_ids_holds_what_was_added_and_not_removed);
    tcase_add_test(tests, ids_given_out_in_turn_are_found_in_a_few_steps);
    tcase_add_test(tests, an_id_may_be_there_with_several_values);
    tcase_add_test(tests, a_map_of_ids_without_memory_stays_as_it_was);
    tcase_add_test(tests, a_shorter_struct_leaves_the_defaults);
    tcase_add_test(tests, a_longer_struct_is_taken_while_its_tail_is_zero);
    tcase_add_test(tests, a_size_that_cannot_be_meant_is_refused);
    tcase_add_test(tests, a_result_stays_inside_the_hosts_struct);
    tcase_add_test(tests, every_value_of_a_list_has_its_name_and_others_have_none);
    tcase_add_test(tests, the_version_text_is_made_of_the_macros);
    tcase_add_test(tests, a_message_that_is_cut_ends_in_a_whole_character);
    tcase_add_test(tests, amounts_in_messages_are_dollars);
    tcase_add_test(tests, a_uuid_reads_back_and_nothing_else_is_one);
    tcase_add_test(tests, a_fresh_call_has_its_size_and_nothing_else);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
