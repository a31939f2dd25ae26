#include "core/chain.h"

/* Eight bytes as one number, the lowest first, on every machine. */
static uint64_t word_at(const unsigned char *bytes, size_t size) {
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
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
    uint64_t hash = mix(before, size);
    for (; size >= sizeof hash; at += sizeof hash, size -= sizeof hash)
        hash = mix(hash, word_at(at, sizeof hash));
    return size ? mix(hash, word_at(at, size)) : hash;
}

bool perp_chain_of(const void *record, size_t size, uint64_t *chain) {
    if (size < PERP_CHAIN_SIZE)
        return false;
    *chain = word_at((const unsigned char *)record + size - PERP_CHAIN_SIZE, PERP_CHAIN_SIZE);
    return true;
}

bool perp_chain_holds(uint64_t before, const void *record, size_t size, uint64_t *after) {
    return perp_chain_of(record, size, after) &&
           perp_chain(before, record, size - PERP_CHAIN_SIZE) == *after;
}
