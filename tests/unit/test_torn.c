/* A feed and readers that do nothing else: no reader sees the bid of one quote with the ask of
   another. A quote is a function of one counter. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* So many reads, and more, until so many of them found another quote than the one before: until the
   two threads have run side by side. */
#define READS 400000
#define MOST_READS (20 * READS)
#define CHANGES 20000

static struct world *w;
static atomic_int done;

static perp_quote quote_of(uint64_t k) {
    perp_quote q;
    memset(&q, 0, sizeof q);
    q.time_ns = START;
    q.bid = 40000 + (double)(k % 4096) / 16;
    q.ask = q.bid + (double)(1 + k % 8) / 16;
    q.bid_size = 1000 + (double)(k % 4096);
    q.ask_size = q.bid_size * 2;
    q.instrument = w->btc[ALPHA];
    return q;
}

static void *feed(void *unused) {
    (void)unused;
    for (uint64_t k = 0; !atomic_load(&done); k++) {
        perp_quote q = quote_of(k);
        if (perp_market_on_quote(w->market, &q) != PERP_OK)
            return &done;
    }
    return NULL;
}

static int is_whole(const perp_market_state *s) {
    const double k = (s->bid - 40000) * 16;
    const perp_quote q = quote_of((uint64_t)k);
    return s->ask >= q.bid && s->bid_size == q.bid_size && s->ask_size == q.ask_size &&
           s->ask - s->bid == q.ask - q.bid && s->mid == (s->bid + s->ask) / 2;
}

START_TEST(no_reader_sees_parts_of_two_quotes) {
    pthread_t thread;
    void *failed = NULL;
    uint32_t torn = 0;
    double last = 0;
    uint32_t changes = 0;
    perp_quote first = quote_of(0);
    atomic_store(&done, 0);
    ck_assert_int_eq(perp_market_on_quote(w->market, &first), PERP_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed, NULL), 0);
    for (uint32_t i = 0; i < READS || (changes < CHANGES && i < MOST_READS); i++) {
        perp_market_state s;
        memset(&s, 0, sizeof s);
        s.struct_size = sizeof s;
        if (perp_market_query(w->market, w->btc[ALPHA], START, &s) != PERP_OK)
            break;
        torn += !is_whole(&s);
        changes += s.bid != last;
        last = s.bid;
    }
    atomic_store(&done, 1);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    ck_assert_uint_eq(torn, 0);
    ck_assert_uint_gt(changes, 1); /* the feed ran meanwhile */
}
END_TEST

static void open_world(void) {
    perp_config config;
    world_config(&config);
    w = world_open(&config);
}

static void close_world(void) {
    world_close(w);
}

int main(void) {
    Suite *suite = suite_create("torn");
    TCase *all = tcase_create("torn");
    tcase_add_checked_fixture(all, open_world, close_world);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, no_reader_sees_parts_of_two_quotes);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
