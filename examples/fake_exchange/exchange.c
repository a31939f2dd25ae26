/* The venues, their clock, and what is to come. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fx.h"

#define MOST_STEPS 100000 /* that the market makes up for; a machine that slept skips the rest */

void *fx_memory(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (memory == NULL) {
        fprintf(stderr, "fake_exchange: no memory\n");
        exit(1);
    }
    return memory;
}

static void open_venue(struct fx_exchange *exchange, struct fx_venue *venue, int64_t balance) {
    static const char digits[] = "0123456789abcdef";
    uint64_t number = (uint64_t)(venue - exchange->venues);
    sim_random key;
    venue->exchange = exchange;
    venue->wallet = venue->start = balance;
    sim_random_seed(&venue->walk, exchange->seed, 10 + 3 * number);
    sim_random_seed(&venue->dice, exchange->seed, 11 + 3 * number);
    sim_random_seed(&key, exchange->seed, 12 + 3 * number);
    for (size_t i = 0; i < sizeof venue->listen_key - 1; i++)
        venue->listen_key[i] = digits[sim_random_next(&key) >> 60];
    fx_specs(venue, number % 2 == 1);
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        venue->markets[i].shift = 1;
        venue->markets[i].leverage = 20;
    }
}

const char *fx_open(struct fx_exchange *exchange, const char *names, uint64_t seed,
                    int64_t balance) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    exchange->seed = seed;
    sim_random_seed(&exchange->walk, seed, 1);
    for (;;) {
        size_t n = strspn(names, letters);
        if (n == 0 || n >= sizeof exchange->venues->name || (names[n] != ',' && names[n] != '\0'))
            return "venues: names of 1 to 31 of a-z, 0-9, _ and -, with commas between";
        if (exchange->n_venues == FX_MOST_VENUES)
            return "venues: more than 8";
        if (fx_venue_of(exchange, names, n) != NULL)
            return "venues: a name comes twice";
        struct fx_venue *venue = &exchange->venues[exchange->n_venues++];
        memcpy(venue->name, names, n);
        open_venue(exchange, venue, balance);
        if (names[n] == '\0')
            break;
        names += n + 1;
    }
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        exchange->walks[i] = exchange->venues[0].markets[i].spec.price;
    for (int i = 0; i < exchange->n_venues; i++)
        fx_books_renew(&exchange->venues[i]);
    return NULL;
}

void fx_close(struct fx_exchange *exchange) {
    while (exchange->later != NULL) {
        struct fx_later *first = exchange->later;
        exchange->later = first->next;
        if (first->run == NULL)
            free(first->what);
        free(first);
    }
    for (int i = 0; i < exchange->n_venues; i++)
        fx_orders_drop(&exchange->venues[i]);
}

struct fx_venue *fx_venue_of(struct fx_exchange *exchange, const char *name, size_t length) {
    for (int i = 0; i < exchange->n_venues; i++)
        if (strlen(exchange->venues[i].name) == length &&
            memcmp(exchange->venues[i].name, name, length) == 0)
            return &exchange->venues[i];
    return NULL;
}

int fx_instrument_of(const struct fx_venue *venue, const char *symbol) {
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        if (strcmp(venue->markets[i].spec.symbol, symbol) == 0)
            return i;
    return -1;
}

/* ---- what is to come ---- */

struct fx_later *fx_later(struct fx_venue *venue, int64_t due_us,
                          void (*run)(struct fx_venue *, void *, int64_t), void *what,
                          int64_t amount) {
    struct fx_exchange *exchange = venue->exchange;
    struct fx_later *later = fx_memory(NULL, sizeof *later);
    struct fx_later **at = &exchange->later;
    while (*at != NULL && (*at)->due_us <= due_us)
        at = &(*at)->next;
    *later = (struct fx_later){due_us, exchange->n_later++, venue, run, what, amount, false, *at};
    *at = later;
    return later;
}

static void happen(struct fx_later **at) {
    struct fx_later *later = *at;
    *at = later->next;
    if (later->run == NULL)
        fx_deliver(later->venue, later->what);
    else
        later->run(later->venue, later->what, later->amount);
    free(later);
}

/* News that waited for another to pass it. */
static void release_held(struct fx_exchange *exchange, const struct fx_venue *venue) {
    struct fx_later **at = &exchange->later;
    while (*at != NULL)
        if ((*at)->is_held && (*at)->venue == venue)
            happen(at);
        else
            at = &(*at)->next;
}

static void first_happens(struct fx_exchange *exchange) {
    const struct fx_later *first = exchange->later;
    const struct fx_venue *venue = first->run == NULL ? first->venue : NULL;
    happen(&exchange->later);
    if (venue != NULL)
        release_held(exchange, venue);
}

int64_t fx_next_due(const struct fx_exchange *exchange) {
    int64_t step = exchange->next_step_us;
    return exchange->later != NULL && exchange->later->due_us < step ? exchange->later->due_us
                                                                     : step;
}

void fx_run_until(struct fx_exchange *exchange, int64_t until_us) {
    int64_t step_us = (int64_t)(FX_STEP_US / exchange->speed);
    step_us = step_us < 1 ? 1 : step_us;
    if (exchange->next_step_us < until_us - MOST_STEPS * step_us)
        exchange->next_step_us = until_us - MOST_STEPS * step_us;
    for (;;) {
        int64_t due = fx_next_due(exchange);
        if (due > until_us)
            break;
        exchange->now_us = due > exchange->now_us ? due : exchange->now_us;
        if (due == exchange->next_step_us) {
            exchange->next_step_us += step_us;
            fx_market_step(exchange);
        } else {
            first_happens(exchange);
        }
    }
    exchange->now_us = until_us > exchange->now_us ? until_us : exchange->now_us;
}

void fx_settle(struct fx_venue *venue) {
    fx_profile("none", &venue->script);
    venue->down_until_us = venue->limited_until_us = 0;
    for (struct fx_later **at = &venue->exchange->later; *at != NULL;)
        if ((*at)->venue == venue) {
            happen(at);
            at = &venue->exchange->later;
        } else {
            at = &(*at)->next;
        }
}

uint64_t fx_waiting(const struct fx_venue *venue) {
    uint64_t n = 0;
    for (const struct fx_later *later = venue->exchange->later; later != NULL; later = later->next)
        n += later->venue == venue;
    return n;
}
