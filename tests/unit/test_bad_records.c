/* Records that a store gives are hostile until looked at: whatever they are, there is a book or
   PERP_E_CORRUPT, and the message has the place. */
#include "fixture.h"

#include <stdio.h>

#include "core/chain.h"
#include "core/events.h"

#define MOST 64

/* A store that gives what it was told to give. */
static struct given {
    char data[MOST][4096];
    size_t size[MOST];
    uint32_t count;
} given;

static void give(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    (void)user;
    (void)from_start;
    *status = PERP_OK;
    for (uint32_t i = 0; i < given.count && *status == PERP_OK; i++)
        loader->record(loader->user, i + 1, given.data[i], given.size[i], status);
}

static void take_batch(void *user, perp_status *status) {
    (void)user;
    *status = PERP_OK;
}

static void take_record(void *user, const perp_record *record, perp_status *status) {
    (void)user;
    ck_assert_uint_lt(given.count, MOST);
    ck_assert_uint_le(record->size, sizeof given.data[0]);
    memcpy(given.data[given.count], record->data, record->size);
    given.size[given.count++] = record->size;
    *status = PERP_OK;
}

static void take_nothing(void *user) {
    (void)user;
}

static perp_config config;
static struct world *w;

static perp_status opened(perp_core **core) {
    return perp_core_open(&config, core);
}

/* A real book whose records are kept. */
static void begin(void) {
    memset(&given, 0, sizeof given);
    world_config(&config);
    config.store = (perp_store){.begin = take_batch,
                                .append = take_record,
                                .commit = take_batch,
                                .rollback = take_nothing,
                                .load = give};
    w = world_open(&config);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    tick(w);
    finish_all(w, &job.job_id, PERP_RESULT_COMPLETED);
}

static void end(void) {
    given.count = 0;
    world_close(w);
}

static void is_corrupt(const char *place) {
    perp_core *core = NULL;
    uint32_t count = given.count;
    ck_assert_int_eq(opened(&core), PERP_E_CORRUPT);
    ck_assert_ptr_null(core);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), place));
    ck_assert_uint_eq(given.count, count); /* nothing was written */
}

/* The record of an event of a kind whose payload has no value set, after all that were given. */
static void add_empty(uint32_t kind) {
    union {
        char bytes[8192];
        double aligned;
    } payload = {{0}};
    const struct perp_row_type *type = perp_event_shapes[kind].payload();
    ck_assert_uint_le(type->size, sizeof payload);
    struct perp_event event = {.kind = kind, .seq = given.count + 1, .payload = &payload};
    struct perp_bytes bytes = {.core = w->core};
    uint64_t before = PERP_CHAIN_START;
    if (given.count)
        ck_assert(perp_chain_of(given.data[given.count - 1], given.size[given.count - 1], &before));
    perp_event_write(&bytes, &event, before);
    memcpy(given.data[given.count], bytes.memory, bytes.size);
    given.size[given.count++] = bytes.size;
    perp_bytes_free(&bytes);
}

START_TEST(the_records_of_a_book_give_it_back) {
    perp_core *core;
    uint64_t hash = perp_core_hash(w->core);
    ck_assert_msg(opened(&core) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_uint_eq(perp_core_hash(core), hash);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

/* Before, one such ended the process. */
START_TEST(an_event_of_a_job_that_is_not_there_is_corrupt) {
    char place[32];
    snprintf(place, sizeof place, "record %u", given.count + 1);
    add_empty(PERP_EVENT_CANCEL);
    is_corrupt(place);
}
END_TEST

START_TEST(an_empty_event_of_any_kind_is_an_event_or_corrupt) {
    uint32_t count = given.count, good = 0;
    for (uint32_t kind = 0; kind < PERP_EVENT_COUNT; kind++) {
        perp_core *core = NULL;
        given.count = count;
        add_empty(kind);
        perp_status status = opened(&core);
        ck_assert(status == PERP_OK || status == PERP_E_CORRUPT);
        if (status == PERP_OK) {
            ck_assert_int_eq(perp_core_check(core), PERP_OK);
            perp_core_close(core);
            good++;
        }
        if (perp_event_shapes[kind].job != PERP_NO_JOB)
            ck_assert_int_eq(status, PERP_E_CORRUPT);
    }
    ck_assert_uint_ge(good, 5); /* those that need nothing: time, pause, … */
}
END_TEST

START_TEST(a_deleted_record_is_noticed) {
    for (uint32_t gone = 0; gone + 1 < given.count; gone++) {
        struct given all = given;
        memmove(given.data[gone], given.data[gone + 1],
                (given.count - gone - 1) * sizeof given.data[0]);
        memmove(&given.size[gone], &given.size[gone + 1],
                (given.count - gone - 1) * sizeof given.size[0]);
        given.count--;
        is_corrupt("record ");
        given = all;
    }
}
END_TEST

START_TEST(swapped_records_are_noticed) {
    for (uint32_t i = 0; i + 1 < given.count; i++) {
        struct given all = given;
        memcpy(given.data[i], all.data[i + 1], sizeof given.data[0]);
        memcpy(given.data[i + 1], all.data[i], sizeof given.data[0]);
        given.size[i] = all.size[i + 1];
        given.size[i + 1] = all.size[i];
        is_corrupt("record ");
        given = all;
    }
}
END_TEST

START_TEST(every_bit_that_flips_is_noticed) {
    for (uint32_t i = 0; i < given.count; i++)
        for (size_t byte = 0; byte < given.size[i]; byte++) {
            given.data[i][byte] ^= (char)(1 << byte % 8);
            is_corrupt("record ");
            given.data[i][byte] ^= (char)(1 << byte % 8);
        }
}
END_TEST

START_TEST(a_record_that_ends_early_is_noticed) {
    for (uint32_t i = 0; i < given.count; i++) {
        size_t size = given.size[i];
        for (given.size[i] = 0; given.size[i] < size; given.size[i] += 1 + size / 16)
            is_corrupt("record ");
        given.size[i] = size;
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad_records");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, the_records_of_a_book_give_it_back);
    tcase_add_test(all, an_event_of_a_job_that_is_not_there_is_corrupt);
    tcase_add_test(all, an_empty_event_of_any_kind_is_an_event_or_corrupt);
    tcase_add_test(all, a_deleted_record_is_noticed);
    tcase_add_test(all, swapped_records_are_noticed);
    tcase_add_test(all, every_bit_that_flips_is_noticed);
    tcase_add_test(all, a_record_that_ends_early_is_noticed);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
