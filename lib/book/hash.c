/* One number for all that is stored: of the bytes of every row, as a checkpoint would have them. It
   needs no memory, so that it can always be told. */
#include "book/book.h"
#include "core/chain.h"
#include "util/num.h"

/* A hash under way. */
struct hashing {
    perp_core *core;
    uint64_t hash;
    uint64_t unordered; /* of rows that a restart need not keep in order: summed */
};

/* In doubt is running whose end is not known: a restart makes the one the other. */
static void write_job(struct perp_bytes *to, const struct perp_ev_submit *job,
                      const struct perp_kept *kept) {
    struct perp_ev_submit same = *job;
    if (same.job.state == PERP_JOB_IN_DOUBT)
        same.job.state = PERP_JOB_RUNNING;
    perp_row_write(to, perp_row_ev_submit(), &same, kept);
}

/* Likewise of an order that stands. */
static void write_order(struct perp_bytes *to, const struct perp_order_row *order,
                        const struct perp_kept *kept) {
    struct perp_order_row same = *order;
    if (!perp_order_ended(same.state))
        same.state = PERP_ORDER_IN_DOUBT;
    perp_row_write(to, perp_row_order(), &same, kept);
}

static void write(struct perp_bytes *bytes, const struct perp_walked_row *row) {
    perp_bytes_unsigned(bytes, row->kind);
    perp_bytes_unsigned(bytes, row->index);
    if (row->kind == PERP_BOOK_JOB)
        write_job(bytes, row->row, row->kept);
    else if (row->kind == PERP_BOOK_ORDER)
        write_order(bytes, row->row, row->kept);
    else
        perp_row_write(bytes, perp_book_row_type(row->kind), row->row, row->kept);
}

/* Nearly every row has room here; a larger one is written twice, its size being told first. */
#define ROOM 1024

static uint64_t chained(struct hashing *hashing, const struct perp_walked_row *row,
                        uint64_t before) {
    char room[ROOM];
    struct perp_bytes bytes = {
        .core = hashing->core, .memory = room, .capacity = sizeof room, .given = true};
    write(&bytes, row);
    if (!bytes.failed)
        return perp_chain(before, room, bytes.size);
    struct perp_bytes counted = {.core = hashing->core, .counted = true};
    write(&counted, row);
    struct perp_chaining chaining;
    perp_chain_begin(&chaining, before, counted.size);
    struct perp_bytes one_by_one = {.core = hashing->core, .chaining = &chaining};
    write(&one_by_one, row);
    return perp_chain_end(&chaining);
}

static void visit(void *user, const struct perp_walked_row *row) {
    struct hashing *hashing = user;
    if (row->kind == PERP_BOOK_KEY || row->kind == PERP_BOOK_BLACKLISTED)
        hashing->unordered += chained(hashing, row, PERP_CHAIN_START);
    else
        hashing->hash = chained(hashing, row, hashing->hash);
}

uint64_t perp_hash_book(const perp_core *core) {
    /* Nothing is written to the book, which a caller holds const. */
    struct hashing hashing = {.core = (perp_core *)(uintptr_t)core,
                              .hash = perp_hash_u64(PERP_CHAIN_START, (uint64_t)perp_clock(core))};
    perp_book_walk(core, visit, &hashing);
    return perp_hash_u64(hashing.hash, hashing.unordered);
}

uint64_t perp_core_hash(const perp_core *core) {
    if (!core)
        return 0;
    perp_lock(core);
    uint64_t hash = perp_hash_book(core);
    perp_unlock(core);
    return hash;
}
