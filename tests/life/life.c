/* One life: its books, its chance, its twin. */
#include "life.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct l_counts l_counts;

void l_fail(const struct life *life, const char *format, ...) {
    va_list args;
    printf("seed %" PRIu64 ", step %" PRIu64 " (%s): ", life->seed, life->step, life->doing);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    for (uint32_t i = 0; i < life->n_books; i++)
        printf("\nlast error of %s: %s", i ? "the twin" : "the book",
               perp_core_error(life->books[i]));
    printf("\nagain: PERP_SEED=%" PRIu64 " PERP_STEPS=%" PRIu64 "%s\n0 passed, 1 failed\n",
           life->seed, life->step + 1, life->path[0] ? " PERP_DISK=1" : "");
    exit(1);
}

static uint64_t next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t l_random(struct life *life) {
    return next(&life->random);
}

uint64_t l_aside(struct life *life) {
    return next(&life->aside);
}

uint32_t l_below(struct life *life, uint64_t below) {
    return below == 0 ? 0 : (uint32_t)(l_random(life) % below);
}

int64_t l_within(struct life *life, int64_t below) {
    return below <= 0 ? 0 : (int64_t)(l_random(life) % (uint64_t)below);
}

bool l_chance(struct life *life, uint32_t percent) {
    return l_below(life, 100) < percent;
}

double l_uniform(struct life *life, double low, double high) {
    return low + (high - low) * (double)(l_random(life) >> 11) / 9007199254740992.0;
}

perp_uuid l_new_id(struct life *life, uint64_t kind, uint64_t number) {
    perp_uuid id;
    uint64_t state = life->seed * 8 + kind;
    for (int i = 0; i < 4; i++)
        id.bytes[i] = (uint8_t)(next(&state) >> 56);
    id.bytes[4] = (uint8_t)kind;
    memset(id.bytes + 5, 0, 3);
    for (int i = 0; i < 8; i++)
        id.bytes[8 + i] = (uint8_t)(number >> (8 * (7 - i)));
    /* flatten counts up the last four bytes */
    return id;
}

perp_call l_call(const struct life *life) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = life->now;
    call.actor = "life";
    call.reason = "chosen at random";
    return call;
}

void l_took(struct life *life, uint32_t book, perp_status status) {
    if (status == PERP_E_CORRUPT || status == PERP_E_NOMEM || status == PERP_E_STORE)
        l_fail(life, "%s", perp_status_string(status));
    if (book == 0) {
        life->status = status;
        l_counts.calls++;
        l_counts.refused_calls += status != PERP_OK;
    } else if (status != life->status) {
        l_fail(life, "%s of the book, %s of its twin, which was made in step %" PRId64,
               perp_status_string(life->status), perp_status_string(status), life->twin_of);
    }
}

static void keep_store(void *user) {
    (void)user;
}

static void ended(void *user, const perp_uuid *job, uint32_t state) {
    const struct l_host *host = user;
    (void)job;
    (void)state;
    l_counts.ended += host->book == 0;
}

/* How a book is configured is chance; what belongs to the rules is wide enough that most jobs would
   pass, so that what is in trouble shows. */
static void configure(struct life *life, perp_config *config) {
    perp_config_init(config);
    config->threading = l_chance(life, 50) ? PERP_THREADING_NONE : PERP_THREADING_SERIALIZED;
    config->durability = life->path[0] ? PERP_DURABILITY_BATCH : PERP_DURABILITY_EVERY;
    config->checkpoint_every = l_chance(life, 50) ? 0 : 500;
    config->callbacks.execute = l_executes;
    config->callbacks.on_job_end = ended;
    perp_capital_config *capital = &config->capital;
    capital->max_total_notional_ppm = 300000 + l_below(life, 400000);
    capital->drawdown_limit_ppm = 60000 + l_below(life, 100000);
    capital->day_offset_minutes = (int32_t)l_below(life, 2879) - 1439;
    perp_risk_config *risk = &config->risk;
    risk->mode = l_chance(life, 70) ? PERP_MODE_BALANCED : l_below(life, PERP_MODE_COUNT);
    risk->max_consecutive_failures = 5 + l_below(life, 40);
    risk->strategy_failures = l_chance(life, 70) ? 2 + l_below(life, 3) : 0;
    risk->max_drawdown_pct = l_chance(life, 70) ? 0.01 : 0.05;
    risk->daily_loss_limit_pct = l_chance(life, 70) ? 0.04 : 0.02;
    risk->max_quote_age_ms = l_chance(life, 70) ? 5000 : 1000 + l_below(life, 9000);
    risk->circuit_failures = 2 + l_below(life, 4);
    risk->circuit_cooldown_ms = 500 + l_below(life, 30000);
    risk->latency_max_age_ms = l_chance(life, 50) ? 600000 : 3000 + l_below(life, 60000);
    risk->account_max_age_ms = l_chance(life, 50) ? 20000 + l_below(life, 280000) : 0;
    risk->volatility_window_s = 10 + l_below(life, 290);
    risk->spread_half_life_s = 5 + l_below(life, 60);
    risk->daily_volume_target = l_chance(life, 50) ? 0 : (perp_usd)(1000 * PERP_USD);
    risk->max_unhedged_usd = l_chance(life, 50) ? 200 * PERP_USD : 0;
    config->orders.max_unhedged_ms = l_chance(life, 50) ? 0 : l_within(life, 20000);
    config->orders.auto_finish = l_chance(life, 30);
    perp_scheduler_config *scheduler = &config->scheduler;
    scheduler->max_global_concurrent_jobs = 1 + l_below(life, l_chance(life, 70) ? 5 : 30);
    scheduler->max_concurrent_per_exchange = 2 + l_below(life, 10);
    scheduler->max_dispatch_per_minute = l_chance(life, 80) ? 0 : 1 + l_below(life, 20);
    scheduler->on_reject = l_chance(life, 8) ? PERP_ON_REJECT_DROP : PERP_ON_REJECT_KEEP;
    scheduler->history_size = 40;
    scheduler->auto_repair = l_chance(life, 75);
    scheduler->rebalance_pool = l_chance(life, 50) ? PERP_POOL_WASH : PERP_POOL_RESERVE;
    scheduler->aging_per_minute = l_chance(life, 60) ? 0 : l_uniform(life, 0, 5);
    scheduler->default_max_run_ms = l_chance(life, 50) ? 600000 : 5000;
}

/* The store, to open the book with or to read it beside the book. */
static perp_store store_of(struct life *life, bool only_reads) {
    perp_store store = life->memory;
    store.close = keep_store;
    if (!life->path[0])
        return store;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.read_only = only_reads;
    if (perp_store_sqlite_open(life->path, &options, &store) != PERP_OK)
        l_fail(life, "%s", perp_core_error(NULL));
    return store;
}

bool l_accounts_age(const struct life *life) {
    return life->config.risk.account_max_age_ms != 0;
}

static void begin(struct life *life, uint32_t book) {
    l_add_rules(life, book);
    perp_tick_result_init(&life->ticks[book]);
    life->ticks[book].want_items = 2; /* all that were refused and skipped */
}

static void open_book(struct life *life) {
    perp_config config = life->config;
    config.store = store_of(life, false);
    config.callbacks.user = &life->hosts[0];
    if (perp_core_open(&config, &life->books[0]) != PERP_OK)
        l_fail(life, "open: %s", perp_core_error(NULL));
    life->n_books = 1;
    begin(life, 0);
}

static void make_folder(struct life *life) {
    strcpy(life->folder, "/tmp/perp-life-XXXXXX");
    if (!mkdtemp(life->folder))
        l_fail(life, "no folder for the store");
    snprintf(life->path, sizeof life->path, "%s/life.db", life->folder);
}

void l_open(struct life *life, uint64_t seed, bool on_disk) {
    memset(life, 0, sizeof *life);
    life->seed = life->random = seed;
    life->aside = ~seed;
    life->doing = "open";
    life->now = INT64_C(1760000000) * L_SECOND + l_within(life, 30 * L_DAY);
    life->left_alone = PERP_NO_ID;
    for (uint32_t i = 0; i < 2; i++)
        life->hosts[i] = (struct l_host){life, i, 0};
    if (on_disk)
        make_folder(life);
    else if (perp_store_memory_open(&life->memory) != PERP_OK)
        l_fail(life, "no memory");
    configure(life, &life->config);
    life->n_jobs_wanted = 10 + l_below(life, 50);
    open_book(life);
    l_world(life);
}

void l_drop_twin(struct life *life) {
    if (life->n_books < 2)
        return;
    perp_tick_result_free(&life->ticks[1]);
    if (perp_core_close(life->books[1]) != PERP_OK)
        l_fail(life, "the twin does not close");
    life->n_books = 1;
}

/* Where accounts age, a book knows of none until they are reported to it, nor what marks were at
   the last report: they are reported, to both. False: one is not to be reported now, or its report
   is not taken. In other lives nothing at all is done to the book, and it has no cross margin. */
static bool report_all(struct life *life) {
    for (uint32_t x = 0; l_accounts_age(life) && x < life->n_exchanges; x++) {
        life->status = PERP_OK;
        if (!life->unreported[x])
            l_report(life, x);
        if (life->unreported[x] || life->status != PERP_OK)
            return false;
    }
    return true;
}

/* A book that has kept nothing: made from the records, and told again what the feeds said. */
void l_make_twin(struct life *life) {
    perp_config config = life->config;
    l_drop_twin(life);
    life->doing = "make twin";
    if (perp_core_flush(life->books[0]) != PERP_OK)
        l_fail(life, "flush");
    config.store = store_of(life, true);
    config.callbacks.user = &life->hosts[1];
    if (perp_core_replay(&config, 0, NULL, NULL, &life->books[1]) != PERP_OK)
        l_fail(life, "replay: %s", perp_core_error(NULL));
    life->n_books = 2;
    life->twin_of = (int64_t)life->step;
    l_counts.twins++;
    begin(life, 1);
    l_feed_again(life, life->books[1], perp_core_clock(life->books[0]));
    if (perp_core_hash(life->books[1]) != perp_core_hash(life->books[0]))
        l_fail(life, "what was replayed is not the book");
    if (!report_all(life))
        l_drop_twin(life);
}

static void close_book(struct life *life) {
    l_drop_twin(life);
    perp_tick_result_free(&life->ticks[0]);
    if (life->n_books && perp_core_close(life->books[0]) != PERP_OK)
        l_fail(life, "the book does not close: %s", perp_core_error(NULL));
    life->n_books = 0;
}

void l_restart(struct life *life) {
    life->doing = "restart";
    int64_t clock = perp_core_clock(life->books[0]);
    close_book(life);
    open_book(life);
    l_counts.restarts++;
    l_feed_again(life, life->books[0], clock);
    for (uint32_t i = 0; i < life->n_instruments; i++)
        life->instruments[i].bad_report = false; /* nothing was heard of any */
    for (uint32_t x = 0; x < life->n_exchanges; x++)
        life->reported[x] = PERP_TIME_NONE;
    if (perp_core_check(life->books[0]) != PERP_OK)
        l_fail(life, "the book that was opened again is not sound");
}

void l_close(struct life *life) {
    life->doing = "close";
    l_counts.hash = (l_counts.hash ^ perp_core_hash(life->books[0])) * UINT64_C(1099511628211);
    close_book(life);
    if (life->path[0]) {
        static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
        for (int i = 0; i < 4; i++) {
            char name[80];
            snprintf(name, sizeof name, "%s%s", life->path, ends[i]);
            unlink(name);
        }
        rmdir(life->folder);
    } else {
        life->memory.close(life->memory.user);
    }
    free(life->journal);
    free(life->bases);
}
