/* The whole book as bytes, for checkpoints (docs/format.md). */
#ifndef PERP_BOOK_IMAGE_H
#define PERP_BOOK_IMAGE_H

#include "book/book.h"

/* Writes the book. false: no memory; free the bytes in either case. */
bool perp_image_write(struct perp_bytes *bytes, const perp_core *core);
/* Makes an empty book what the bytes say. PERP_E_CORRUPT: *why; PERP_E_NOMEM; the book is then to
   be emptied. */
perp_status perp_image_read(struct perp_load *load, const void *bytes, size_t size,
                            const char **why);

#endif
