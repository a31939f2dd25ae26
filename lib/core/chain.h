/* The chain of checksums: each record's covers the record before it too, so that a changed,
   missing, swapped or foreign record is noticed wherever it lies (docs/format.md). */
#ifndef PERP_CORE_CHAIN_H
#define PERP_CORE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands before the first record. */
#define PERP_CHAIN_START UINT64_C(0x7065727063687831)
/* A record ends in its checksum: so many bytes, little-endian. */
#define PERP_CHAIN_SIZE 8

/* The chain's value after `size` bytes that follow on `before`. */
uint64_t perp_chain(uint64_t before, const void *bytes, size_t size);
/* The same of bytes that come one after the other, whose size is known before. */
struct perp_chaining {
    uint64_t hash;
    unsigned char word[sizeof(uint64_t)]; /* not yet a whole one */
    size_t n;
};
void perp_chain_begin(struct perp_chaining *chaining, uint64_t before, size_t size);
void perp_chain_add(struct perp_chaining *chaining, const void *bytes, size_t size);
uint64_t perp_chain_end(const struct perp_chaining *chaining);

/* Whether a record, with its checksum, follows on `before`; *after is the chain's value then. */
bool perp_chain_holds(uint64_t before, const void *record, size_t size, uint64_t *after);
/* The checksum that a record ends in, believed; false where it is too short to have one. */
bool perp_chain_of(const void *record, size_t size, uint64_t *chain);

#endif
