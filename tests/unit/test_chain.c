/* The checksum: it is what docs/format.md says, of every length, wherever the bytes lie. */
#include <perpcore/perpcore.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain.h"

static uint64_t mix(uint64_t hash, uint64_t word) {
    uint64_t x = (hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Byte by byte, as it is described. */
static uint64_t described(uint64_t before, const unsigned char *bytes, size_t size) {
    uint64_t hash = mix(before, size), word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << (i % 8 * 8);
        if (i % 8 == 7 || i + 1 == size) {
            hash = mix(hash, word);
            word = 0;
        }
    }
    return hash;
}

START_TEST(the_checksum_of_any_length_is_the_one_described) {
    for (size_t size = 0; size <= 70; size++)
        for (size_t at = 0; at < 8; at++) {
            unsigned char *memory = malloc(at + size ? at + size : 1); /* none beyond is read */
            ck_assert_ptr_nonnull(memory);
            for (size_t i = 0; i < at + size; i++)
                memory[i] = (unsigned char)(i * 151 + 200);
            uint64_t before = PERP_CHAIN_START + size;
            ck_assert_uint_eq(perp_chain(before, memory + at, size),
                              described(before, memory + at, size));
            free(memory);
        }
    ck_assert_uint_eq(perp_chain(1, NULL, 0), described(1, NULL, 0));
}
END_TEST

START_TEST(bytes_in_pieces_have_the_checksum_of_the_whole) {
    unsigned char memory[70];
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (unsigned char)(i * 151 + 200);
    for (size_t size = 0; size <= sizeof memory; size++)
        for (size_t piece = 1; piece <= 9; piece++) {
            struct perp_chaining chaining;
            perp_chain_begin(&chaining, 7, size);
            for (size_t at = 0; at < size; at += piece)
                perp_chain_add(&chaining, memory + at, size - at < piece ? size - at : piece);
            ck_assert_uint_eq(perp_chain_end(&chaining), perp_chain(7, memory, size));
        }
}
END_TEST

/* The example of docs/format.md. */
START_TEST(a_record_holds_on_the_one_before_it_and_no_other) {
    static const unsigned char record[] = {0x08, 0x05, 0x10, 0x01, 0x19, 0x80, 0x80, 0xd0, 0xdf,
                                           0xbd, 0x94, 0xb9, 0x86, 0x31, 0x23, 0x03, 0x6f, 0x70,
                                           0x73, 0x34, 0x08, 0x01, 0x11, 0x80, 0xca, 0xb5, 0xee,
                                           0x01, 0x76, 0x93, 0xd4, 0x54, 0x18, 0xb3, 0x31, 0x73};
    uint64_t after, chain;
    ck_assert(perp_chain_holds(PERP_CHAIN_START, record, sizeof record, &after));
    ck_assert_uint_eq(after, UINT64_C(0x7331b31854d49376));
    ck_assert(!perp_chain_holds(PERP_CHAIN_START + 1, record, sizeof record, &after));
    ck_assert(!perp_chain_holds(PERP_CHAIN_START, record, sizeof record - 1, &after));
    ck_assert(!perp_chain_of(record, PERP_CHAIN_SIZE - 1, &chain));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("chain");
    TCase *all = tcase_create("chain");
    tcase_add_test(all, the_checksum_of_any_length_is_the_one_described);
    tcase_add_test(all, bytes_in_pieces_have_the_checksum_of_the_whole);
    tcase_add_test(all, a_record_holds_on_the_one_before_it_and_no_other);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
