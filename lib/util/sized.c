#include "util/sized.h"

#include <stdint.h>
#include <string.h>

/* Space for what later releases may append; a struct_size beyond it is an uninitialised field, and
   following it would read memory that is not the caller's. */
#define GROWTH 4096
#define SMALLEST 8

static size_t host_size(const void *host) {
    uint32_t size;
    memcpy(&size, host, sizeof size);
    return size;
}

void perp_zero(void *memory, size_t size) {
    memset(memory, 0, size);
}

bool perp_struct_fits(const void *host, size_t size) {
    if (host == NULL) {
        return false;
    }
    size_t theirs = host_size(host);
    return theirs >= SMALLEST && theirs <= size + GROWTH;
}

bool perp_struct_tail_is_zero(const void *host, size_t size) {
    const unsigned char *bytes = host;
    for (size_t i = size; i < host_size(host); i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool perp_struct_in(void *out, size_t size, const void *in) {
    if (!perp_struct_fits(in, size) || !perp_struct_tail_is_zero(in, size)) {
        return false;
    }
    size_t theirs = host_size(in);
    memmove(out, in, theirs < size ? theirs : size);
    uint32_t ours = (uint32_t)size;
    memcpy(out, &ours, sizeof ours);
    return true;
}

bool perp_struct_out(void *host, const void *result, size_t size) {
    if (!perp_struct_fits(host, size)) {
        return false;
    }
    size_t theirs = host_size(host);
    size_t shared = theirs < size ? theirs : size;
    unsigned char *to = host;
    const unsigned char *from = result;
    memmove(to + sizeof(uint32_t), from + sizeof(uint32_t), shared - sizeof(uint32_t));
    memset(to + shared, 0, theirs - shared);
    return true;
}
