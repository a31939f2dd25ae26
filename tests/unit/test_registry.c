/* Exchanges and instruments in number: adding the last costs what adding the first did, all are
   found again, also while they are added, and what joins them stays whole. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "core/core.h"

#define N_ALL PERP_MAX_INSTRUMENTS
#define N_MANY 4096 /* where as many as there can be would only take longer */

/* A book of its own with that many exchanges. */
static perp_core *open_with(uint32_t exchanges) {
    perp_core *core = NULL;
    ck_assert_int_eq(perp_core_open(NULL, &core), PERP_OK);
    for (uint32_t i = 0; i < exchanges; i++) {
        perp_exchange_spec spec;
        perp_exchange_id id = PERP_NO_ID;
        perp_exchange_spec_init(&spec);
        snprintf(spec.name, sizeof spec.name, "exchange-%u", i);
        ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_OK);
        ck_assert_uint_eq(id, i);
    }
    return core;
}

/* Instrument n: as many bases as instruments, or few that all exchanges share. */
static perp_instrument_spec spec_of(uint32_t n, uint32_t exchanges, uint32_t bases) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    spec.exchange = n % exchanges;
    snprintf(spec.symbol, sizeof spec.symbol, "B%u/USDT:USDT-%u", n % bases, n);
    return spec;
}

static void add(perp_core *core, uint32_t n, uint32_t exchanges, uint32_t bases) {
    perp_instrument_spec spec = spec_of(n, exchanges, bases);
    perp_instrument_id id = PERP_NO_ID;
    ck_assert_msg(perp_instrument_add(core, &spec, &id) == PERP_OK, "%s", perp_core_error(core));
    ck_assert_uint_eq(id, n);
}

static void is_found(perp_core *core, uint32_t n, uint32_t exchanges, uint32_t bases) {
    perp_instrument_spec spec = spec_of(n, exchanges, bases);
    perp_instrument_id id = PERP_NO_ID;
    ck_assert_int_eq(perp_instrument_find(core, spec.exchange, spec.symbol, &id), PERP_OK);
    ck_assert_uint_eq(id, n);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The time of this thread alone, of two stretches of equal length. Where an addition looks at all
   that is there, the last stretch takes about thirty times as long as the first. */
START_TEST(the_last_instruments_are_added_as_fast_as_the_first) {
    perp_core *core = open_with(4);
    const uint32_t stretch = 1024;
    double first = 0, last = 0;
    for (uint32_t n = 0; n < N_ALL;) {
        double began = cpu_seconds();
        for (uint32_t i = 0; i < stretch; i++, n++)
            add(core, n, 4, N_ALL);
        last = cpu_seconds() - began;
        if (n == stretch)
            first = last;
    }
    ck_assert_msg(last < 8 * first, "the first %u took %g s, the last %g s", stretch, first, last);
    perp_instrument_spec spec = spec_of(N_ALL, 4, N_ALL);
    perp_instrument_id id;
    ck_assert_int_eq(perp_instrument_add(core, &spec, &id), PERP_E_RANGE);
    for (uint32_t n = 0; n < N_ALL; n++)
        is_found(core, n, 4, N_ALL);
    ck_assert_int_eq(perp_core_check(core), PERP_OK);
    perp_core_close(core);
}
END_TEST

START_TEST(only_what_was_added_is_found) {
    perp_core *core = open_with(PERP_MAX_EXCHANGES);
    perp_exchange_id exchange;
    perp_instrument_id id = 77;
    char name[PERP_NAME_SIZE];
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++) {
        snprintf(name, sizeof name, "exchange-%u", i);
        ck_assert_int_eq(perp_exchange_find(core, name, &exchange), PERP_OK);
        ck_assert_uint_eq(exchange, i);
    }
    ck_assert_int_eq(perp_exchange_find(core, "exchange-64", &exchange), PERP_E_NOT_FOUND);
    ck_assert_int_eq(perp_exchange_find(core, "", &exchange), PERP_E_NOT_FOUND);
    for (uint32_t n = 0; n < N_MANY; n++)
        add(core, n, PERP_MAX_EXCHANGES, N_MANY);
    char symbol[400];
    memset(symbol, 'x', sizeof symbol);
    symbol[sizeof symbol - 1] = '\0';
    ck_assert_int_eq(perp_instrument_find(core, 0, symbol, &id), PERP_E_NOT_FOUND);
    /* Of its own exchange only. */
    ck_assert_int_eq(perp_instrument_find(core, 1, "B0/USDT:USDT-0", &id), PERP_E_NOT_FOUND);
    ck_assert_uint_eq(id, 77);
    for (uint32_t n = 0; n < N_MANY; n++)
        is_found(core, n, PERP_MAX_EXCHANGES, N_MANY);
    perp_core_close(core);
}
END_TEST

/* Each book's instruments are one ring, each exchange's one list in the order they were added. */
START_TEST(rings_and_lists_name_each_instrument_once) {
    const uint32_t exchanges = 3, bases = 50;
    perp_core *core = open_with(exchanges);
    for (uint32_t n = 0; n < N_MANY; n++)
        add(core, n, exchanges, bases);
    for (uint32_t x = 0; x < exchanges; x++) {
        uint32_t wanted = x;
        uint32_t id = core->exchanges[x].first_instrument_1 - 1;
        for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange) {
            ck_assert_uint_eq(id, wanted);
            wanted += exchanges;
        }
        ck_assert_uint_ge(wanted, N_MANY);
    }
    for (uint32_t n = 0; n < exchanges * bases; n++) {
        uint32_t members = 0, id = n;
        do {
            ck_assert_uint_eq(id % exchanges, n % exchanges);
            ck_assert_uint_eq(id % bases, n % bases);
            id = perp_instrument_at(core, id)->next_same_book;
            members++;
        } while (id != n && members < N_MANY);
        ck_assert_uint_eq(members, (N_MANY - n - 1) / (exchanges * bases) + 1);
    }
    perp_core_close(core);
}
END_TEST

struct adding {
    perp_core *core;
    atomic_uint added;
};

static void *add_many(void *user) {
    struct adding *adding = user;
    for (uint32_t n = 0; n < N_MANY; n++) {
        add(adding->core, n, 2, N_MANY);
        atomic_store(&adding->added, n + 1);
    }
    return NULL;
}

START_TEST(an_instrument_is_found_while_others_are_added) {
    struct adding adding = {open_with(2), 0};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, add_many, &adding), 0);
    for (uint32_t added = 0, n = 0; added < N_MANY; n++) {
        added = atomic_load(&adding.added);
        if (added > 0)
            is_found(adding.core, n * 7919 % added, 2, N_MANY);
        /* One that may or may not be there yet: what is found can be used at once. */
        perp_instrument_spec spec = spec_of(added < N_MANY ? added : N_MANY - 1, 2, N_MANY);
        perp_instrument_id id;
        if (perp_instrument_find(adding.core, spec.exchange, spec.symbol, &id) == PERP_OK) {
            perp_instrument_spec found = {.struct_size = sizeof found};
            ck_assert_int_eq(perp_instrument_get(adding.core, id, &found), PERP_OK);
            ck_assert_str_eq(found.symbol, spec.symbol);
        }
    }
    pthread_join(thread, NULL);
    perp_core_close(adding.core);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("registry");
    TCase *tcase = tcase_create("registry");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, the_last_instruments_are_added_as_fast_as_the_first);
    tcase_add_test(tcase, only_what_was_added_is_found);
    tcase_add_test(tcase, rings_and_lists_name_each_instrument_once);
    tcase_add_test(tcase, an_instrument_is_found_while_others_are_added);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
