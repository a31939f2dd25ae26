/* Frames, without a socket. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "websocket.h"

static const unsigned char mask[4] = {0x11, 0x82, 0x33, 0xF4};

/* Appends a frame as one side would send it. */
static size_t frame(unsigned char *into, unsigned first, const char *data, size_t n, bool masked) {
    size_t head = websocket_head(into, WEBSOCKET_TEXT, n, masked ? mask : NULL);
    into[0] = (unsigned char)first;
    memcpy(into + head, data, n);
    if (masked)
        websocket_mask(into + head, n, mask);
    return head + n;
}

/* The first message of these bytes, all fed at once. */
static enum websocket_result first_of(struct websocket *socket, const unsigned char *bytes,
                                      size_t n, struct websocket_message *message) {
    websocket_init(socket, true, 1000);
    ck_assert(websocket_feed(socket, bytes, n));
    return websocket_next(socket, message);
}

static int code_of(unsigned first, const char *data, size_t n, bool masked) {
    static unsigned char bytes[2000];
    struct websocket socket;
    struct websocket_message message;
    enum websocket_result result =
        first_of(&socket, bytes, frame(bytes, first, data, n, masked), &message);
    int code = result == WEBSOCKET_BROKEN ? socket.code : 0;
    websocket_drop(&socket);
    return code;
}

START_TEST(the_accept_key_is_that_of_the_rfc) {
    char accept[WEBSOCKET_ACCEPT];
    websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

START_TEST(a_frame_is_read_whatever_pieces_it_comes_in) {
    static const size_t sizes[] = {0, 1, 125, 126, 127, 999, 1000};
    char data[1000];
    unsigned char bytes[1100];
    struct websocket_message message;
    memset(data, 'a', sizeof data);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = frame(bytes, 0x81, data, sizes[i], true);
        for (size_t piece = 1; piece <= n; piece = piece < 20 ? piece + 1 : 2 * piece) {
            struct websocket socket;
            websocket_init(&socket, true, 1000);
            for (size_t at = 0; at < n; at += piece) {
                ck_assert(websocket_feed(&socket, bytes + at, piece < n - at ? piece : n - at));
                enum websocket_result result = websocket_next(&socket, &message);
                ck_assert_int_eq(result, at + piece < n ? WEBSOCKET_NOTHING : WEBSOCKET_MESSAGE);
            }
            ck_assert_int_eq(message.opcode, WEBSOCKET_TEXT);
            ck_assert_uint_eq(message.length, sizes[i]);
            ck_assert_int_eq(memcmp(message.data, data, sizes[i]), 0);
            ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_NOTHING);
            websocket_drop(&socket);
        }
    }
}
END_TEST

START_TEST(fragments_are_one_message_and_a_ping_may_come_between) {
    unsigned char bytes[100];
    struct websocket socket;
    struct websocket_message message;
    size_t n = frame(bytes, 0x01, "one ", 4, true);
    n += frame(bytes + n, 0x89, "hey", 3, true);
    n += frame(bytes + n, 0x00, "two ", 4, true);
    n += frame(bytes + n, 0x80, "three", 5, true);
    n += frame(bytes + n, 0x81, "four", 4, true);
    ck_assert_int_eq(first_of(&socket, bytes, n, &message), WEBSOCKET_MESSAGE);
    ck_assert_int_eq(message.opcode, WEBSOCKET_PING);
    ck_assert_int_eq(memcmp(message.data, "hey", 3), 0);
    ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_MESSAGE);
    ck_assert_int_eq(message.opcode, WEBSOCKET_TEXT);
    ck_assert_uint_eq(message.length, 13);
    ck_assert_int_eq(memcmp(message.data, "one two three", 13), 0);
    ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_MESSAGE);
    ck_assert_int_eq(memcmp(message.data, "four", 4), 0);
    websocket_drop(&socket);
}
END_TEST

START_TEST(what_the_rfc_forbids_is_broken_with_its_code) {
    char large[1001];
    memset(large, 'a', sizeof large);
    ck_assert_int_eq(code_of(0x81, "x", 1, true), 0);
    ck_assert_int_eq(code_of(0x81, "x", 1, false), 1002);    /* not masked */
    ck_assert_int_eq(code_of(0xC1, "x", 1, true), 1002);     /* a reserved bit */
    ck_assert_int_eq(code_of(0x83, "x", 1, true), 1002);     /* no such frame */
    ck_assert_int_eq(code_of(0x8B, "x", 1, true), 1002);     /* no such control frame */
    ck_assert_int_eq(code_of(0x80, "x", 1, true), 1002);     /* goes on with nothing */
    ck_assert_int_eq(code_of(0x09, "x", 1, true), 1002);     /* a control frame in parts */
    ck_assert_int_eq(code_of(0x89, large, 126, true), 1002); /* or too long */
    ck_assert_int_eq(code_of(0x89, large, 125, true), 0);
    ck_assert_int_eq(code_of(0x81, large, 1001, true), 1009);
    ck_assert_int_eq(code_of(0x81, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, true), 0);
    ck_assert_int_eq(code_of(0x81, "\xC3", 1, true), 1007);
    ck_assert_int_eq(code_of(0x81, "\xC0\x80", 2, true), 1007);     /* overlong */
    ck_assert_int_eq(code_of(0x81, "\xED\xA0\x80", 3, true), 1007); /* half of a pair */
    ck_assert_int_eq(code_of(0x81, "\xF4\x90\x80\x80", 4, true), 1007);
    ck_assert_int_eq(code_of(0x82, "\xFF", 1, true), 0); /* bytes may be anything */
    ck_assert_int_eq(code_of(0x88, "\x03", 1, true), 1002);
    ck_assert_int_eq(code_of(0x88, "\x03\xE8", 2, true), 0);
    ck_assert_int_eq(code_of(0x88, "\x03\xED", 2, true), 1002); /* 1005 is never sent */
    ck_assert_int_eq(code_of(0x88, "\x03\xE8\xFF", 3, true), 1007);
}
END_TEST

START_TEST(what_is_broken_stays_so_and_a_length_is_believed_to_nobody) {
    static const unsigned char huge[] = {0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                         0xFF, 0xFF, 0xFF, 1,    2,    3,    4};
    unsigned char bytes[2000];
    char data[600] = {0};
    struct websocket socket;
    struct websocket_message message;
    ck_assert_int_eq(first_of(&socket, huge, sizeof huge, &message), WEBSOCKET_BROKEN);
    ck_assert_uint_eq(socket.code, 1009);
    ck_assert(websocket_feed(&socket, bytes, frame(bytes, 0x81, "x", 1, true)));
    ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_BROKEN);
    websocket_drop(&socket);
    /* Parts that are too long together. */
    size_t n = frame(bytes, 0x02, data, 600, true);
    n += frame(bytes + n, 0x80, data, 600, true);
    ck_assert_int_eq(first_of(&socket, bytes, n, &message), WEBSOCKET_BROKEN);
    ck_assert_uint_eq(socket.code, 1009);
    websocket_drop(&socket);
    /* A second message begins in the middle of one. */
    n = frame(bytes, 0x01, "a", 1, true);
    n += frame(bytes + n, 0x81, "b", 1, true);
    ck_assert_int_eq(first_of(&socket, bytes, n, &message), WEBSOCKET_BROKEN);
    ck_assert_uint_eq(socket.code, 1002);
    websocket_drop(&socket);
}
END_TEST

START_TEST(a_client_reads_what_is_not_masked_and_nothing_else) {
    unsigned char bytes[100];
    struct websocket socket;
    struct websocket_message message;
    websocket_init(&socket, false, 1000);
    ck_assert(websocket_feed(&socket, bytes, frame(bytes, 0x88, "\x0B\xB8 bye", 6, false)));
    ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_MESSAGE);
    ck_assert_int_eq(message.opcode, WEBSOCKET_CLOSE);
    ck_assert_uint_eq(message.code, 3000);
    ck_assert_int_eq(memcmp(message.data, " bye", 4), 0);
    ck_assert(websocket_feed(&socket, bytes, frame(bytes, 0x81, "x", 1, true)));
    ck_assert_int_eq(websocket_next(&socket, &message), WEBSOCKET_BROKEN);
    ck_assert_uint_eq(socket.code, 1002);
    websocket_drop(&socket);
}
END_TEST

START_TEST(any_bytes_are_survived) {
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        unsigned char bytes[64];
        struct websocket socket;
        struct websocket_message message;
        for (size_t k = 0; k < sizeof bytes; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            bytes[k] = (unsigned char)(random >> 56);
        }
        bytes[0] &= 0x8F;
        bytes[1] = (unsigned char)(0x80 | (bytes[1] & 31));
        enum websocket_result result = first_of(&socket, bytes, sizeof bytes, &message);
        while (result == WEBSOCKET_MESSAGE) {
            ck_assert_uint_le(message.length, 1000);
            result = websocket_next(&socket, &message);
        }
        ck_assert(result == WEBSOCKET_BROKEN || result == WEBSOCKET_NOTHING);
        websocket_drop(&socket);
    }
}
END_TEST

int main(void) {
    Suite *all = suite_create("websocket");
    TCase *tests = tcase_create("frames");
    tcase_add_test(tests, the_accept_key_is_that_of_the_rfc);
    tcase_add_test(tests, a_frame_is_read_whatever_pieces_it_comes_in);
    tcase_add_test(tests, fragments_are_one_message_and_a_ping_may_come_between);
    tcase_add_test(tests, what_the_rfc_forbids_is_broken_with_its_code);
    tcase_add_test(tests, what_is_broken_stays_so_and_a_length_is_believed_to_nobody);
    tcase_add_test(tests, a_client_reads_what_is_not_masked_and_nothing_else);
    tcase_add_test(tests, any_bytes_are_survived);
    suite_add_tcase(all, tests);
    SRunner *runner = srunner_create(all);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
