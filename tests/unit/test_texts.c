/* What monitoring keeps from one look to the next is what it would make anew: the texts of markets,
   and which of them are fast. PERP_TEST_SEED; PERP_STEPS: how long a life is. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/core.h"
#include "market/slot.h"
#include "monitor/monitor.h"

enum { N_EXCHANGES = 3, MOST_INSTRUMENTS = 90, ROOM = 1 << 20 };

static perp_core *core;
static perp_market *market;
static uint32_t n_instruments;
static int64_t now;
static uint64_t random_state;
static char kept[ROOM], anew[ROOM];
static perp_monitor_state kept_state, anew_state;

static uint64_t draw(uint64_t n) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D) % n;
}

static void seed(void) {
    const char *given = getenv("PERP_TEST_SEED");
    uint64_t from = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("PERP_TEST_SEED=%llu\n", (unsigned long long)from);
    random_state = (from + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

/* An event that may be older than the last one, where the clock was set back by little. */
static void told(perp_status status) {
    ck_assert_msg(status == PERP_OK || status == PERP_E_STALE, "%s", perp_core_error(core));
}

static void fine(perp_status status) {
    ck_assert_msg(status == PERP_OK, "%s", perp_core_error(core));
}

static const perp_call *call_now(void) {
    static perp_call call;
    perp_call_init(&call);
    call.now_ns = now;
    call.actor = "tester";
    call.reason = "a test";
    return &call;
}

static void add_exchange(const char *name) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, name);
    fine(perp_exchange_add(core, &spec, &id));
}

static void add_instrument(perp_exchange_id exchange, const char *symbol, uint32_t kind) {
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    spec.kind = kind;
    strcpy(spec.symbol, symbol);
    fine(perp_instrument_add(core, &spec, &id));
    n_instruments++;
}

static void add_random_instrument(void) {
    char symbol[PERP_NAME_SIZE];
    uint32_t n = n_instruments;
    bool spot = n % 7 == 3;
    snprintf(symbol, sizeof symbol, n % 5 == 2 ? "\"Ü%u\\\"/USDT%s" : "C%u/USDT%s", n / N_EXCHANGES,
             spot ? "" : ":USDT");
    add_instrument(n % N_EXCHANGES, symbol, spot ? PERP_KIND_SPOT : PERP_KIND_PERP);
}

static void open_core(const perp_allocator *allocator) {
    perp_config config;
    perp_config_init(&config);
    config.risk.volatility_window_s = 30;
    config.risk.max_ahead_ms = 5000;
    if (allocator)
        config.allocator = *allocator;
    core = NULL;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_OK);
    market = perp_core_market(core);
    n_instruments = 0;
    now = START;
    static const char *const names[N_EXCHANGES] = {"al\"pha", "be\\ta", "ga µa"};
    for (uint32_t i = 0; i < N_EXCHANGES; i++)
        add_exchange(names[i]);
}

/* ---- The comparison
 * ------------------------------------------------------------------------------
 */

static size_t take(int64_t at_ns, char *text, perp_monitor_state *state) {
    size_t length = 0;
    fine(perp_monitor_json(core, at_ns, text, ROOM, &length));
    memset(state, 0, sizeof *state);
    state->struct_size = sizeof *state;
    fine(perp_monitor_snapshot(core, at_ns, state));
    return length;
}

static void forget_what_is_kept(void) {
    core->free_texts(core);
    memset(market->fast.seen, 0, market->fast.capacity * sizeof *market->fast.seen);
    memset(market->fast.bits, 0, sizeof market->fast.bits);
}

static void compare(int64_t at_ns) {
    size_t length = take(at_ns, kept, &kept_state);
    forget_what_is_kept();
    size_t length_anew = take(at_ns, anew, &anew_state);
    size_t same = 0;
    while (same < length && kept[same] == anew[same])
        same++;
    ck_assert_msg(length == length_anew && same == length, "kept …%.80s, anew …%.80s",
                  kept + (same > 40 ? same - 40 : 0), anew + (same > 40 ? same - 40 : 0));
    ck_assert_msg(memcmp(&kept_state, &anew_state, sizeof kept_state) == 0,
                  "the snapshots differ: %u fast kept, %u anew", kept_state.n_fast_markets,
                  anew_state.n_fast_markets);
}

/* ---- A life
 * --------------------------------------------------------------------------------------
 */

static double price_of(perp_instrument_id id) {
    static const double steps[] = {1, 1.000001, 1.0003, 1.02};
    double home = 0.01 * (1 + id * id * id);
    return home * pow(steps[draw(4)], (double)draw(5) - 2);
}

static void quote(perp_instrument_id id) {
    double bid = price_of(id);
    perp_quote event = {id, 0, now, bid, (double)draw(3), bid * 1.0001, 1};
    told(perp_market_on_quote(market, &event));
}

static void book(perp_instrument_id id) {
    double bid = price_of(id);
    perp_book_level bids[] = {{bid, 1}, {bid * 0.9, 2}}, asks[] = {{bid * 1.01, 1}};
    perp_book event = {id, 2, 1, 0, now, bids, asks};
    told(perp_market_on_book(market, &event));
}

static void mark(perp_instrument_id id) {
    perp_mark event = {id, 0, now, price_of(id)};
    told(perp_market_on_mark(market, &event));
}

static void trade(perp_instrument_id id) {
    perp_trade event = {id, 0, now, price_of(id), 1};
    told(perp_market_on_trade(market, &event));
}

static void withdraw(perp_instrument_id id) {
    perp_withdrawal event = {id, 0, now};
    told(perp_market_on_withdraw(market, &event));
}

/* Now and then one that is not sound: the rate is unknown after it. */
static void funding(perp_instrument_id id) {
    static const double hours[] = {1, 4, 8, 0.01};
    double interval = hours[draw(4)];
    perp_funding event = {
        id,       draw(4) == 0,
        now,      draw(15) == 0 ? 7 : ((double)draw(2001) - 1000) * 1e-7,
        interval, now + (int64_t)(interval * 3.6e12 * ((double)draw(1000) / 1000))};
    (void)perp_market_on_funding(market, &event);
}

static void latency(perp_instrument_id id) {
    perp_latency event = {id % N_EXCHANGES, 0, now, (double)draw(2000)};
    told(perp_market_on_latency(market, &event));
}

static void status(perp_instrument_id id) {
    perp_exchange_status event = {id % N_EXCHANGES, (uint32_t)draw(3), now};
    told(perp_market_on_status(market, &event));
}

static void mode(perp_instrument_id id) {
    (void)id;
    fine(perp_risk_set_mode(perp_core_risk(core), call_now(), (uint32_t)draw(3)));
}

static void equity(perp_instrument_id id) {
    fine(perp_capital_update_equity(perp_core_capital(core), call_now(), id % N_EXCHANGES,
                                    USD(1000 + draw(1000))));
}

static void position(perp_instrument_id id) {
    perp_position_report report = {.instrument = id, .entry_price = price_of(id)};
    report.quantity = (double)draw(5) - 2;
    (void)perp_position(core, call_now(), &report, now);
}

static void more(perp_instrument_id id) {
    (void)id;
    if (n_instruments < MOST_INSTRUMENTS)
        add_random_instrument();
}

/* The clock is set, mostly back: what feeds said of later times is forgotten. */
static void set_clock(perp_instrument_id id) {
    (void)id;
    now += ((int64_t)draw(6) - 4) * HOUR;
    fine(perp_core_advance(core, call_now()));
}

static void let_pass(perp_instrument_id id) {
    static const int64_t steps[] = {MS, SECOND, 10 * SECOND, 20 * MINUTE};
    (void)id;
    int64_t step_ns = steps[draw(4)];
    now += step_ns;
    if (step_ns > SECOND || draw(4) == 0)
        fine(perp_core_advance(core, call_now()));
}

static const struct {
    uint32_t weight;
    void (*happen)(perp_instrument_id id);
} kinds[] = {{30, quote},   {10, book},   {4, mark},      {6, trade},    {3, withdraw},
             {8, funding},  {2, latency}, {1, status},    {2, mode},     {2, equity},
             {3, position}, {2, more},    {1, set_clock}, {26, let_pass}};
enum { N_KINDS = sizeof kinds / sizeof *kinds, ALL = 100 };

static void step(void) {
    uint64_t at_kind = draw(ALL);
    uint32_t kind = 0;
    for (; at_kind >= kinds[kind].weight; kind++)
        at_kind -= kinds[kind].weight;
    kinds[kind].happen((perp_instrument_id)draw(n_instruments));
}

START_TEST(what_is_kept_is_what_would_be_made_anew) {
    const char *given = getenv("PERP_STEPS");
    long steps = given ? strtol(given, NULL, 10) : 6000;
    uint32_t weights = 0, fast = 0;
    for (uint32_t i = 0; i < N_KINDS; i++)
        weights += kinds[i].weight;
    ck_assert_uint_eq(weights, ALL);
    seed();
    open_core(NULL);
    for (int i = 0; i < 12; i++)
        add_random_instrument();
    for (long i = 0; i < steps; i++) {
        step();
        if (draw(3) != 0)
            continue;
        compare(draw(3) == 0 ? now + (int64_t)draw(48 * 60) * MINUTE : now);
        fast += kept_state.n_fast_markets;
        fine(perp_core_check(core));
    }
    ck_assert_uint_gt(fast, 0);
    perp_core_close(core);
}
END_TEST

/* ---- Names, numbers, memory
 * ----------------------------------------------------------------------
 */

START_TEST(the_longest_names_and_numbers_fit) {
    char name[PERP_NAME_SIZE];
    open_core(NULL);
    memset(name, '"', PERP_NAME_SIZE - 1);
    name[PERP_NAME_SIZE - 1] = 0;
    add_exchange(name);
    add_instrument(N_EXCHANGES, name, PERP_KIND_PERP);
    perp_quote q = {0, 0, now, 1.2345678901234567e-300, 1, 1.2345678901234567e300, 1};
    perp_trade t = {0, 0, now, 2.2345678901234567e-308, 1};
    perp_funding f = {0, 0, now, -0.00012345678901234567, 8, now + HOUR};
    fine(perp_market_on_quote(market, &q));
    fine(perp_market_on_trade(market, &t));
    fine(perp_market_on_funding(market, &f));
    (void)take(now, kept, &kept_state);
    cJSON *json = cJSON_Parse(kept);
    ck_assert_ptr_nonnull(json);
    const cJSON *markets = cJSON_GetObjectItemCaseSensitive(json, "market_stats");
    const cJSON *row =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(markets, name), name);
    ck_assert_str_eq(cJSON_GetObjectItemCaseSensitive(row, "symbol")->valuestring, name);
    ck_assert(cJSON_GetObjectItemCaseSensitive(row, "bid")->valuedouble <= q.bid);
    ck_assert(cJSON_GetObjectItemCaseSensitive(row, "bid")->valuedouble >= q.bid);
    ck_assert_ptr_nonnull(strstr(kept, "-0.00012345678901234567"));
    cJSON_Delete(json);
    perp_core_close(core);
}
END_TEST

/* Memory that is there for so many more allocations, and so many pages of texts; what is in use. */
static struct {
    uint32_t left, pages;
    size_t used;
} memory;

#define PAGE_SIZE (PERP_TEXT_PAGE * sizeof(struct perp_market_text))

static void *allocate(void *user, size_t size) {
    (void)user;
    if (memory.left == 0 || (size == PAGE_SIZE && memory.pages == 0))
        return NULL;
    memory.left--;
    memory.pages -= size == PAGE_SIZE;
    memory.used += size;
    return malloc(size);
}

static void release(void *user, void *given, size_t size) {
    (void)user;
    memory.used -= given ? size : 0;
    free(given);
}

static size_t open_poor_core(void) {
    static const perp_allocator allocator = {NULL, allocate, release};
    memory.left = memory.pages = UINT32_MAX;
    random_state = 1;
    open_core(&allocator);
    for (uint32_t i = 0; i < 60; i++) {
        add_random_instrument();
        quote(i);
        funding(i);
    }
    return take(now, anew, &anew_state);
}

START_TEST(without_memory_for_texts_they_are_written_directly) {
    size_t length = open_poor_core(), got;
    for (uint32_t n = 0; n < 4; n++) {
        core->free_texts(core);
        memory.pages = n;
        fine(perp_monitor_json(core, now, kept, ROOM, &got));
        ck_assert_uint_eq(core->texts->n_pages, n);
        ck_assert_uint_eq(got, length);
        ck_assert_int_eq(memcmp(kept, anew, length + 1), 0);
    }
    /* Once there is memory, the others are kept too. */
    memory.pages = UINT32_MAX;
    fine(perp_monitor_json(core, now, kept, ROOM, &got));
    ck_assert_uint_eq(core->texts->n_pages, 4);
    ck_assert_int_eq(memcmp(kept, anew, length + 1), 0);
    perp_core_close(core);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(where_memory_runs_out_nothing_is_written_and_nothing_lost) {
    size_t length = open_poor_core(), got, before = memory.used;
    uint32_t failed = 0;
    for (uint32_t n = 0; n < 20; n++) {
        core->free_texts(core);
        ck_assert_uint_lt(memory.used, before);
        memory.left = n;
        memset(kept, 'x', ROOM);
        perp_status made = perp_monitor_json(core, now, kept, ROOM, &got);
        memory.left = UINT32_MAX;
        ck_assert(made == PERP_OK || made == PERP_E_NOMEM);
        failed += made != PERP_OK;
        ck_assert(made == PERP_OK ? memcmp(kept, anew, length + 1) == 0 : kept[0] == 'x');
    }
    ck_assert_uint_gt(failed, 2);
    ck_assert_uint_lt(failed, 20);
    core->free_texts(core);
    (void)take(now, kept, &kept_state);
    ck_assert_int_eq(memcmp(kept, anew, length + 1), 0);
    ck_assert_uint_eq(memory.used, before);
    perp_core_close(core);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_stays_as_it_is) {
    open_core(NULL);
    add_random_instrument();
    size_t length = take(now, kept, &kept_state), needed = 0;
    memset(anew, 'x', ROOM);
    ck_assert_int_eq(perp_monitor_json(core, now, anew, length, &needed), PERP_E_RANGE);
    ck_assert_uint_eq(needed, length);
    for (size_t i = 0; i <= length; i++)
        ck_assert_int_eq(anew[i], 'x');
    fine(perp_monitor_json(core, now, anew, length + 1, &needed));
    ck_assert_str_eq(anew, kept);
    ck_assert_int_eq(anew[length + 1], 'x');
    perp_core_close(core);
}
END_TEST

/* ---- Threads
 * -------------------------------------------------------------------------------------
 */

enum { N_FEEDS = 2, N_READERS = 3, LOOKS = 60 };

static atomic_bool stop;
static atomic_uint faults;

/* Of one half of the instruments: asks are bids and 2^-10, so that a spread that is another is of
   two quotes. */
static void *feed_main(void *argument) {
    uint32_t first = *(const uint32_t *)argument;
    for (uint32_t n = 0; !atomic_load(&stop); n++) {
        perp_instrument_id id = first + n % (n_instruments / N_FEEDS) * N_FEEDS;
        double bid = 1 + (n * 7 % 1000) * 0x1p-10;
        perp_quote event = {id, 0, START + n * SECOND, bid, 1, bid + 0x1p-10, 1};
        if (perp_market_on_quote(market, &event) != PERP_OK)
            atomic_fetch_add(&faults, 1);
    }
    return NULL;
}

static void *look_main(void *argument) {
    char *text = malloc(ROOM);
    perp_monitor_state *state = malloc(sizeof *state);
    (void)argument;
    for (int i = 0; i < LOOKS && text && state; i++) {
        size_t length = 0;
        if (perp_monitor_json(core, START, text, ROOM, &length) != PERP_OK)
            atomic_fetch_add(&faults, 1);
        for (const char *at = text; (at = strstr(at, "\"spread\":")) != NULL; at++)
            if (strncmp(at, "\"spread\":0.0009765625,", 22) != 0 &&
                strncmp(at, "\"spread\":null,", 14) != 0)
                atomic_fetch_add(&faults, 1);
        state->struct_size = sizeof *state;
        if (perp_monitor_snapshot(core, START, state) != PERP_OK)
            atomic_fetch_add(&faults, 1);
    }
    free(text);
    free(state);
    return NULL;
}

START_TEST(readers_beside_feeds_see_whole_quotes_and_at_last_the_last_ones) {
    static const uint32_t firsts[N_FEEDS] = {0, 1};
    pthread_t threads[N_FEEDS + N_READERS];
    random_state = 7;
    open_core(NULL);
    for (int i = 0; i < 40; i++)
        add_random_instrument();
    atomic_store(&stop, false);
    for (int i = 0; i < N_FEEDS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, feed_main, (void *)&firsts[i]), 0);
    for (int i = 0; i < N_READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[N_FEEDS + i], NULL, look_main, NULL), 0);
    for (int i = 0; i < 20; i++) {
        equity((perp_instrument_id)i);
        more(0);
    }
    for (int i = 0; i < N_READERS; i++)
        pthread_join(threads[N_FEEDS + i], NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < N_FEEDS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&faults), 0);
    compare(START);
    ck_assert_uint_gt(kept_state.n_fast_markets, 0);
    perp_core_close(core);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("texts");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_is_kept_is_what_would_be_made_anew);
    tcase_add_test(tests, the_longest_names_and_numbers_fit);
    tcase_add_test(tests, without_memory_for_texts_they_are_written_directly);
    tcase_add_test(tests, where_memory_runs_out_nothing_is_written_and_nothing_lost);
    tcase_add_test(tests, a_buffer_that_is_too_small_stays_as_it_is);
    tcase_add_test(tests, readers_beside_feeds_see_whole_quotes_and_at_last_the_last_ones);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
