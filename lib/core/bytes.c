/* Bytes being written, and being read: numbers of seven bits a byte, words of eight, and what
   stands as it is. */
#include <string.h>

#include "core/chain.h"
#include "core/core.h"

/* Room for so many bytes more, which they then have; NULL: there is none. */
static char *take(struct perp_bytes *bytes, size_t size) {
    if (size > bytes->capacity - bytes->size) {
        void *memory = bytes->memory;
        if (bytes->failed || bytes->given || size > UINT32_MAX / 2 - bytes->size ||
            !perp_grow(bytes->core, &memory, &bytes->capacity, bytes->size + (uint32_t)size, 1)) {
            bytes->failed = true;
            return NULL;
        }
        bytes->memory = memory;
    }
    char *at = bytes->memory + bytes->size;
    bytes->size += (uint32_t)size;
    return at;
}

static void put(struct perp_bytes *bytes, const void *data, size_t size) {
    if (bytes->counted || bytes->chaining) {
        if (bytes->chaining)
            perp_chain_add(bytes->chaining, data, size);
        bytes->size += (uint32_t)size;
        return;
    }
    char *to = take(bytes, size);
    if (to)
        memcpy(to, data, size);
}

void perp_bytes_put(struct perp_bytes *bytes, const void *data, size_t size) {
    if (size)
        put(bytes, data, size);
}

static size_t write_unsigned(unsigned char text[10], uint64_t value) {
    size_t n = 0;
    for (; value >= 128; value >>= 7)
        text[n++] = (unsigned char)(value | 128);
    text[n++] = (unsigned char)value;
    return n;
}

void perp_bytes_unsigned(struct perp_bytes *bytes, uint64_t value) {
    unsigned char text[10] = {(unsigned char)value};
    if (value < 128)
        put(bytes, text, 1);
    else
        put(bytes, text, write_unsigned(text, value));
}

void perp_bytes_word(struct perp_bytes *bytes, uint64_t value) {
    unsigned char text[8];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(value >> (8 * i));
    put(bytes, text, sizeof text);
}

void perp_bytes_put_length(struct perp_bytes *bytes, uint32_t at) {
    unsigned char text[10];
    uint32_t size = bytes->size - at;
    size_t n = write_unsigned(text, size);
    if (!take(bytes, n))
        return;
    memmove(bytes->memory + at + n, bytes->memory + at, size);
    memcpy(bytes->memory + at, text, n);
}

void perp_bytes_free(struct perp_bytes *bytes) {
    perp_free(bytes->core, bytes->memory, bytes->capacity);
    bytes->memory = NULL;
    bytes->size = bytes->capacity = 0;
}

uint64_t perp_read_long(struct perp_reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; reader->at < reader->end && shift < 64; shift += 7) {
        unsigned char byte = *reader->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    reader->failed = true;
    return 0;
}

const void *perp_read_bytes(struct perp_reader *reader, uint64_t size) {
    if (reader->failed || size > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return NULL;
    }
    const void *at = reader->at;
    reader->at += size;
    return at;
}

uint64_t perp_read_word(struct perp_reader *reader) {
    const unsigned char *at = perp_read_bytes(reader, 8);
    uint64_t value = 0;
    for (size_t i = 0; at && i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}
