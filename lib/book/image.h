/* The whole book as bytes, for checkpoints. */
#ifndef PERP_BOOK_IMAGE_H
#define PERP_BOOK_IMAGE_H

#include "scheduler/scheduler.h"

/* Bytes being written (memory of the core) or read. */
struct perp_image {
    perp_core *core;
    bool reading;
    bool failed; /* no memory, or the bytes end early or make no sense */
    void *bytes;
    uint32_t capacity; /* writing */
    size_t size;       /* reading: of bytes */
    size_t at;
};

/* Writes the book. false: no memory; free bytes with perp_image_free in either case. */
bool perp_image_write(struct perp_image *image, perp_core *core);
void perp_image_free(struct perp_image *image);
/* Makes an empty book what the bytes say. false: they make no sense, or no memory. */
bool perp_image_read(perp_core *core, const void *bytes, size_t size);

#endif
