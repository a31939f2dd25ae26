/* The hash of a book is that of all that is stored: where one stored value is another, so is it. */
#include "fixture.h"

#include "capital/capital.h"
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

int main(void) {
    Suite *suite = suite_create("hash");
    TCase *all = tcase_create("stored");
    suite_add_tcase(suite, all);
    tcase_add_test(all, what_jobs_hold_and_how_many_ended_counts);
    tcase_add_test(all, jobs_of_every_state_count);
    return run_suite(suite);
}
