#include "util/json_text.h"

#include <stdint.h>
#include <string.h>

/* A text without room stays so: nothing more is written to it. */
bool perp_json_text_grow(struct perp_json_text *text, size_t size) {
    if (!text->failed && text->grow && text->grow(text, size))
        return true;
    text->failed = true;
    text->end = text->at;
    return false;
}

void perp_json_text_put(struct perp_json_text *text, const char *bytes, size_t n) {
    if (!perp_json_text_room(text, n))
        return;
    memcpy(text->at, bytes, n);
    text->at += n;
}

bool perp_json_text_key(struct perp_json_text *text, const char *key, size_t length, size_t room) {
    if (!perp_json_text_room(text, PERP_KEY_COPIED + length + room))
        return false;
    size_t first = text->at[-1] == '{';
    memcpy(text->at, key + first, PERP_KEY_COPIED);
    if (length > PERP_KEY_COPIED)
        memcpy(text->at + PERP_KEY_COPIED, key + first + PERP_KEY_COPIED, length - PERP_KEY_COPIED);
    text->at += length - first;
    return true;
}

void perp_json_text_item(struct perp_json_text *text) {
    if (perp_json_text_room(text, 1) && text->at[-1] != '[' && text->at[-1] != '{')
        *text->at++ = ',';
}

void perp_json_text_name(struct perp_json_text *text, const char *name) {
    perp_json_text_item(text);
    perp_json_text_string(text, name);
    perp_json_text_put(text, ":", 1);
}

static inline bool is_plain(char c) {
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* What stands for any other byte after a backslash; u: its number follows. */
static char letter_for(char c) {
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 'u';
    }
}

#define ONES UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

/* The high bit of each byte that is 0, and perhaps of bytes behind one that is. */
static inline uint64_t zeros(uint64_t bytes) {
    return (bytes - ONES) & ~bytes & HIGH;
}

/* Whether eight bytes are all plain. */
static inline bool are_plain(uint64_t bytes) {
    uint64_t control = (bytes - ONES * 0x20) & ~bytes & HIGH;
    return !(control | zeros(bytes ^ ONES * '"') | zeros(bytes ^ ONES * '\\'));
}

/* Copies what is plain at the start, eight bytes at a time; how much that was. */
static inline size_t copy_plain(char *to, const char *from, size_t length) {
    size_t n = 0;
    for (; length - n >= 8; n += 8) {
        uint64_t bytes;
        memcpy(&bytes, from + n, 8);
        if (!are_plain(bytes))
            break;
        memcpy(to + n, &bytes, 8);
    }
    return n;
}

static char *put_escaped(char *at, char c) {
    static const char digits[] = "0123456789abcdef";
    char letter = letter_for(c);
    *at++ = '\\';
    *at++ = letter;
    if (letter != 'u')
        return at;
    *at++ = '0';
    *at++ = '0';
    *at++ = digits[(unsigned char)c >> 4];
    *at++ = digits[c & 15];
    return at;
}

void perp_json_text_string(struct perp_json_text *text, const char *value) {
    size_t length = strlen(value);
    /* A byte becomes six at most. */
    if (length > SIZE_MAX / 6 - 1 || !perp_json_text_room(text, 6 * length + 2))
        return;
    char *at = text->at;
    *at++ = '"';
    size_t plain = copy_plain(at, value, length);
    at += plain;
    for (value += plain; *value; value++) {
        if (is_plain(*value))
            *at++ = *value;
        else
            at = put_escaped(at, *value);
    }
    *at++ = '"';
    text->at = at;
}
