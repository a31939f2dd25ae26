#include "core/chain.h"

#include <string.h>

/* Eight bytes, or four, as one number, the lowest first, on every machine: one load. */
static uint64_t word_at(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint64_t half_at(const unsigned char *bytes) {
    uint32_t half;
    memcpy(&half, bytes, sizeof half);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half = __builtin_bswap32(half);
#endif
    return half;
}

/* The same of one to seven bytes. Parts overlap, where they are the same. */
static uint64_t tail_at(const unsigned char *bytes, size_t size) {
    if (size >= 4)
        return half_at(bytes) | half_at(bytes + size - 4) << 8 * (size - 4);
    return bytes[0] | (uint64_t)bytes[size / 2] << 8 * (size / 2) |
           (uint64_t)bytes[size - 1] << 8 * (size - 1);
}

/* The finaliser of SplitMix64: a bijection, so that no change of one word is ever lost. */
static uint64_t mix(uint64_t hash, uint64_t word) {
    uint64_t x = (hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t perp_chain(uint64_t before, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    const size_t rest = size % sizeof(uint64_t);
    uint64_t hash = mix(before, size);
    for (size_t i = 0; i < size - rest; i += sizeof hash)
        hash = mix(hash, word_at(at + i));
    if (!rest)
        return hash;
    /* What is left of more than a word is the upper part of the last eight bytes. */
    return mix(hash, size > sizeof hash
                         ? word_at(at + size - sizeof hash) >> 8 * (sizeof hash - rest)
                         : tail_at(at, size));
}

void perp_chain_begin(struct perp_chaining *chaining, uint64_t before, size_t size) {
    *chaining = (struct perp_chaining){.hash = mix(before, size)};
}

void perp_chain_add(struct perp_chaining *chaining, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        chaining->word[chaining->n++] = at[i];
        if (chaining->n < sizeof chaining->word)
            continue;
        chaining->hash = mix(chaining->hash, word_at(chaining->word));
        chaining->n = 0;
    }
}

uint64_t perp_chain_end(const struct perp_chaining *chaining) {
    return chaining->n ? mix(chaining->hash, tail_at(chaining->word, chaining->n)) : chaining->hash;
}

bool perp_chain_of(const void *record, size_t size, uint64_t *chain) {
    if (size < PERP_CHAIN_SIZE)
        return false;
    *chain = word_at((const unsigned char *)record + size - PERP_CHAIN_SIZE);
    return true;
}

bool perp_chain_holds(uint64_t before, const void *record, size_t size, uint64_t *after) {
    return perp_chain_of(record, size, after) &&
           perp_chain(before, record, size - PERP_CHAIN_SIZE) == *after;
}
