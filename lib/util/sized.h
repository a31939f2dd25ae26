/* Structs that start with uint32_t struct_size: an older host passes a shorter one, a newer one a
   longer one. */
#ifndef PERP_UTIL_SIZED_H
#define PERP_UTIL_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* memset to 0, always as a call: where compilers know the size they clear word by word, which takes
   several times longer for the large structs of a decision. */
void perp_zero(void *memory, size_t size);

/* Whether a caller's struct_size can be meant: room for at least 8 bytes, and not so much more than
   `size` (what this library knows) that it must be an uninitialised field. */
bool perp_struct_fits(const void *host, size_t size);

/* Whether what a caller's struct has past `size` is zero. */
bool perp_struct_tail_is_zero(const void *host, size_t size);

/* Reads a caller's struct into *out, which holds the defaults of all fields and is `size` bytes
   long: what the caller's struct has is copied over, what it does not have keeps its default, and
   out's struct_size becomes `size`. false, and *out is unchanged: `in` is NULL, does not fit, or
   has something other than zero past what is known here. */
bool perp_struct_in(void *out, size_t size, const void *in);

/* Writes a result of `size` bytes into a caller's struct: as much as it has room for; what it has
   beyond becomes zero; its struct_size stays. false, and *host is unchanged: NULL or does not fit
   (ask perp_struct_fits before a change is made). */
bool perp_struct_out(void *host, const void *result, size_t size);

#endif
