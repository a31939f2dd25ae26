/* The hash of a book is that of all that is stored: where one stored value is another, so is it. */
#include "fixture.h"

#include "book/book.h"
#include "capital/capital.h"
#include "core/chain.h"
#include "scheduler/scheduler.h"

/* The place is changed, and as it was again: the hash is another, and the same again. */
static void counts(struct world *w, const char *what, void *place, size_t size) {
    uint64_t hash = perp_core_hash(w->core);
    unsigned char *bytes = place;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        ck_assert_msg(perp_core_hash(w->core) != hash, "byte %zu of %s is not in the hash", i,
                      what);
        bytes[i] ^= 1;
    }
    ck_assert_msg(perp_core_hash(w->core) == hash, "%s: another hash of the same book", what);
}

#define COUNTS(place) counts(w, #place, &(place), sizeof(place))

START_TEST(what_jobs_hold_and_how_many_ended_counts) {
    struct world *w = world_open(NULL);
    perp_job done = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &done);
    finish_all(w, &done.job_id, PERP_RESULT_NOTHING);
    perp_job runs = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &runs);
    struct perp_held *held = w->core->capital->first;
    COUNTS(held->in_flight);
    COUNTS(held->used);
    COUNTS(held->released);
    COUNTS(held->reserved);
    perp_scheduler *scheduler = w->core->scheduler;
    for (int state = 0; state < PERP_JOB_STATE_COUNT; state++) {
        COUNTS(scheduler->ended_today[state]);
        COUNTS(scheduler->ended_total[state]);
    }
    world_close(w);
}
END_TEST

/* What runs is in doubt after a restart, and it is the same book. */
START_TEST(jobs_of_every_state_count) {
    struct world *w = world_open(NULL);
    perp_job ended = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &ended);
    finish_all(w, &ended.job_id, PERP_RESULT_NOTHING);
    perp_job open = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &open);
    finish_pair(w, &open.job_id, 0.25, 0.25, BTC_MID);
    perp_job runs = pair_job(4, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &runs);
    perp_job partial = pair_job(3, w->btc[GAMMA], w->btc[BETA]);
    run_job(w, &partial);
    finish_pair(w, &partial.job_id, 0.25, 0.125, BTC_MID);
    state_is(w, 3, PERP_JOB_PARTIAL);
    perp_job waits = pair_job(5, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &waits);
    for (uint32_t n = 1; n <= 5; n++) {
        perp_uuid id = id_of(n);
        struct perp_job_entry *job = perp_job_find(w->core, &id);
        ck_assert_ptr_nonnull(job);
        COUNTS(job->notional);
        COUNTS(job->submitted);
    }
    struct perp_job_entry *running = perp_job_find(w->core, &runs.job_id);
    uint64_t hash = perp_core_hash(w->core);
    running->state = PERP_JOB_IN_DOUBT;
    ck_assert(perp_core_hash(w->core) == hash);
    running->state = PERP_JOB_OPEN;
    ck_assert(perp_core_hash(w->core) != hash);
    running->state = PERP_JOB_RUNNING;
    world_close(w);
}
END_TEST

/* What the hash must be: of each row, written into memory that grows. */
struct by_hand {
    perp_core *core;
    uint64_t hash, unordered;
    uint32_t largest;
};

static void add_row(void *user, const struct perp_walked_row *row) {
    struct by_hand *hand = user;
    const bool unordered = row->kind == PERP_BOOK_KEY || row->kind == PERP_BOOK_BLACKLISTED;
    struct perp_bytes bytes = {.core = hand->core};
    perp_bytes_unsigned(&bytes, row->kind);
    perp_bytes_unsigned(&bytes, row->index);
    perp_row_write(&bytes, perp_book_row_type(row->kind), row->row, row->kept);
    if (unordered)
        hand->unordered += perp_chain(PERP_CHAIN_START, bytes.memory, bytes.size);
    else
        hand->hash = perp_chain(hand->hash, bytes.memory, bytes.size);
    if (bytes.size > hand->largest)
        hand->largest = bytes.size;
    perp_bytes_free(&bytes);
}

/* Rows that have room on the stack, and those that have none, are hashed by different ways. */
START_TEST(a_row_of_any_size_counts_the_same) {
    static unsigned char metadata[PERP_MAX_METADATA];
    memset(metadata, 'x', sizeof metadata);
    struct world *w = world_open(NULL);
    struct by_hand hand = {.core = w->core};
    uint32_t smallest = UINT32_MAX;
    for (uint32_t n = 1; n <= 60; n++) {
        perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        job.metadata = metadata;
        job.metadata_size = n < 60 ? 17 * n : sizeof metadata;
        submit(w, &job);
        hand = (struct by_hand){.core = w->core,
                                .hash =
                                    perp_hash_u64(PERP_CHAIN_START, (uint64_t)perp_clock(w->core))};
        perp_book_walk(w->core, add_row, &hand);
        ck_assert_uint_eq(perp_core_hash(w->core), perp_hash_u64(hand.hash, hand.unordered));
        if (hand.largest < smallest)
            smallest = hand.largest;
    }
    ck_assert_uint_lt(smallest, 900);
    ck_assert_uint_gt(hand.largest, 1100);
    world_close(w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hash");
    TCase *all = tcase_create("stored");
    suite_add_tcase(suite, all);
    tcase_add_test(all, what_jobs_hold_and_how_many_ended_counts);
    tcase_add_test(all, jobs_of_every_state_count);
    tcase_add_test(all, a_row_of_any_size_counts_the_same);
    return run_suite(suite);
}
