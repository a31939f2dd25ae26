/* What is on disk: flushes that don't wait for it, the event up to which all is, and a thread that
   waits instead; what a store of the host's own has to offer for it; and the alert of a WAL that a
   reader holds back. */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t events_of(const perp_core *core) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ck_assert_int_eq(perp_core_statistics(core, &stats), PERP_OK);
    return stats.events;
}

static uint64_t durable_of(const perp_core *core) {
    uint64_t seq = UINT64_MAX;
    ck_assert_int_eq(perp_core_durable(core, &seq), PERP_OK);
    return seq;
}

static uint64_t flushed_async(perp_core *core) {
    uint64_t seq = UINT64_MAX;
    ck_assert_int_eq(perp_core_flush_async(core, &seq), PERP_OK);
    ck_assert_uint_eq(seq, events_of(core));
    return seq;
}

/* A change of a book, whichever. */
static void change(perp_core *core, int64_t now) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = now;
    ck_assert_msg(perp_capital_record_pnl(perp_core_capital(core), &call, 0, USD(1), USD(2), 0,
                                          NULL) == PERP_OK,
                  "%s", perp_core_error(core));
}

static perp_core *open_with(perp_config *config) {
    perp_core *core = NULL;
    perp_exchange_spec spec;
    perp_exchange_id id;
    ck_assert_msg(perp_core_open(config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "alpha");
    perp_status status = perp_exchange_add(core, &spec, &id);
    ck_assert(status == PERP_OK || status == PERP_E_EXISTS);
    return core;
}

/* ---- A store of the host's own --------------------------------------------------------------- */

static struct desk {
    uint32_t begun, begun_staged, committed, syncs, records, records_of_last;
    int is_open, is_staged;
    perp_status sync_status;
    uint32_t wal_held;
} desk;

static void desk_begin(void *user, perp_status *status) {
    struct desk *d = user;
    ck_assert(!d->is_open);
    d->is_open = 1;
    d->is_staged = 0;
    d->begun++;
    d->records_of_last = 0;
    *status = PERP_OK;
}

static void desk_begin_staged(void *user, perp_status *status) {
    struct desk *d = user;
    desk_begin(user, status);
    d->begun--;
    d->begun_staged++;
    d->is_staged = 1;
}

static void desk_append(void *user, const perp_record *record, perp_status *status) {
    struct desk *d = user;
    (void)record;
    d->records++;
    d->records_of_last++;
    *status = PERP_OK;
}

static void desk_commit(void *user, perp_status *status) {
    struct desk *d = user;
    d->is_open = 0;
    d->committed++;
    *status = PERP_OK;
}

static void desk_rollback(void *user) {
    struct desk *d = user;
    d->is_open = 0;
}

static void desk_sync(void *user, perp_status *status) {
    struct desk *d = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    d->syncs++;
    *status = d->sync_status;
}

static void desk_state(void *user, perp_store_state *state) {
    struct desk *d = user;
    ck_assert_uint_eq(state->struct_size, sizeof *state);
    state->wal_held = d->wal_held;
    state->wal_bytes = UINT64_C(3) << 20;
    state->wal_limit_bytes = UINT64_C(2) << 20;
}

static perp_store_more offered(void) {
    return (perp_store_more){.struct_size = sizeof(perp_store_more),
                             .begin_staged = desk_begin_staged,
                             .sync = desk_sync,
                             .state = desk_state};
}

static perp_config config_of_desk(const perp_store_more *more, uint32_t durability) {
    perp_config config;
    memset(&desk, 0, sizeof desk);
    perp_config_init(&config);
    config.durability = durability;
    config.store = (perp_store){.user = &desk,
                                .begin = desk_begin,
                                .append = desk_append,
                                .commit = desk_commit,
                                .rollback = desk_rollback,
                                .more = more};
    return config;
}

START_TEST(a_flush_that_does_not_wait_is_durable_once_the_store_was_synced) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_BATCH);
    perp_core *core = open_with(&config);
    ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    uint64_t before = durable_of(core);
    ck_assert_uint_eq(before, events_of(core));
    change(core, START);
    uint64_t seq = flushed_async(core);
    ck_assert_uint_gt(seq, before);
    ck_assert_uint_eq(desk.begun_staged, 1);
    ck_assert_uint_eq(durable_of(core), before);
    change(core, START); /* waits, and is none of what the sync makes durable */
    ck_assert_int_eq(perp_store_sync(core), PERP_OK);
    ck_assert_uint_eq(desk.syncs, 1);
    ck_assert_uint_eq(durable_of(core), seq);
    ck_assert_uint_lt(seq, events_of(core));
    ck_assert_int_eq(perp_store_sync(core), PERP_OK);
    ck_assert_uint_eq(desk.syncs, 1); /* nothing was handed over meanwhile */
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

START_TEST(a_barrier_makes_durable_what_was_only_handed_over) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_BATCH);
    perp_core *core = open_with(&config);
    change(core, START);
    uint64_t seq = flushed_async(core);
    uint32_t begun = desk.begun;
    ck_assert_uint_lt(durable_of(core), seq);
    ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    ck_assert_uint_eq(desk.begun, begun + 1);
    ck_assert_uint_eq(desk.records_of_last, 0);
    ck_assert_uint_eq(durable_of(core), seq);
    ck_assert_int_eq(perp_core_flush(core), PERP_OK); /* there is nothing to do now */
    ck_assert_uint_eq(desk.begun, begun + 1);
    change(core, START);
    seq = flushed_async(core);
    perp_call call;
    perp_call_init(&call);
    call.now_ns = START; /* a tick of which nothing comes */
    perp_tick_result result;
    perp_tick_result_init(&result);
    ck_assert_int_eq(perp_scheduler_tick(perp_core_scheduler(core), &call, &result), PERP_OK);
    ck_assert_uint_ge(durable_of(core), seq);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

START_TEST(a_sync_that_failed_makes_nothing_durable) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_BATCH);
    perp_core *core = open_with(&config);
    ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    uint64_t before = durable_of(core);
    change(core, START);
    uint64_t seq = flushed_async(core);
    desk.sync_status = PERP_E_STORE;
    ck_assert_int_eq(perp_store_sync(core), PERP_E_STORE);
    ck_assert_ptr_nonnull(strstr(perp_core_error(core), "sync"));
    ck_assert_uint_eq(durable_of(core), before);
    ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    ck_assert_uint_eq(durable_of(core), seq);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

static void flushes_at_once(const perp_config *config) {
    perp_config copy = *config;
    perp_core *core = open_with(&copy);
    change(core, START);
    uint64_t seq = flushed_async(core);
    ck_assert_uint_gt(seq, 0);
    ck_assert_uint_eq(durable_of(core), seq);
    ck_assert_int_eq(perp_store_sync(core), PERP_OK);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}

START_TEST(a_store_that_can_not_tell_flushes_at_once) {
    perp_store_more older = offered();
    perp_config config = config_of_desk(NULL, PERP_DURABILITY_BATCH);
    flushes_at_once(&config);
    /* One of an older host, whose table ends before. */
    older.struct_size = offsetof(perp_store_more, begin_staged);
    config = config_of_desk(&older, PERP_DURABILITY_BATCH);
    flushes_at_once(&config);
    ck_assert_uint_eq(desk.begun_staged + desk.syncs, 0);
    perp_config_init(&config);
    config.durability = PERP_DURABILITY_BATCH;
    flushes_at_once(&config); /* none */
    ck_assert_int_eq(perp_store_memory_open(&config.store), PERP_OK);
    flushes_at_once(&config);
}
END_TEST

START_TEST(each_call_is_durable_where_each_waits) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_EVERY);
    perp_core *core = open_with(&config);
    for (int i = 0; i < 3; i++) {
        change(core, START);
        ck_assert_uint_eq(durable_of(core), events_of(core));
    }
    ck_assert_uint_eq(desk.begun_staged, 0);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

START_TEST(what_a_store_offers_must_make_sense) {
    perp_core *core = NULL;
    perp_store_more more = offered();
    more.sync = NULL;
    perp_config config = config_of_desk(&more, PERP_DURABILITY_BATCH);
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "store.more"));
    more = offered();
    more.reserved = 1;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_CONFIG);
    more = offered();
    more.struct_size = 0;
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_CONFIG);
    ck_assert_ptr_null(core);
}
END_TEST

START_TEST(calls_without_a_book_are_invalid) {
    uint64_t seq;
    perp_config config = config_of_desk(NULL, PERP_DURABILITY_BATCH);
    perp_core *core = open_with(&config);
    ck_assert_int_eq(perp_core_flush_async(NULL, &seq), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_flush_async(core, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_durable(NULL, &seq), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_durable(core, NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_store_sync(NULL), PERP_E_INVALID);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

static struct {
    uint32_t raised, cleared;
    char message[256];
} told;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    if (alert->code != PERP_ALERT_WAL_HELD)
        return;
    ck_assert_str_eq(alert->subject, "store");
    ck_assert_uint_eq(alert->level, PERP_ALERT_WARNING);
    *(alert->active ? &told.raised : &told.cleared) += 1;
    snprintf(told.message, sizeof told.message, "%s", alert->message);
}

static int stands(const perp_core *core) {
    static perp_monitor_state state;
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    ck_assert_int_eq(perp_monitor_snapshot(core, START, &state), PERP_OK);
    int n = 0;
    for (uint32_t i = 0; i < state.n_alerts; i++)
        n += state.alerts[i].code == PERP_ALERT_WAL_HELD;
    return n;
}

START_TEST(a_store_whose_wal_is_held_back_raises_an_alert_until_it_is_not) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_EVERY);
    config.callbacks.on_alert = on_alert;
    memset(&told, 0, sizeof told);
    perp_core *core = open_with(&config);
    ck_assert(!stands(core));
    desk.wal_held = 1;
    for (int i = 0; i < 3; i++)
        change(core, START);
    ck_assert_uint_eq(told.raised, 1);
    ck_assert_ptr_nonnull(strstr(told.message, "3 MiB"));
    ck_assert_int_eq(stands(core), 1);
    desk.wal_held = 0;
    change(core, START);
    ck_assert_uint_eq(told.raised, 1);
    ck_assert_uint_eq(told.cleared, 1);
    ck_assert(!stands(core));
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

static perp_core *changed_by_alert;

/* As another thread might, at the same place. */
static void on_alert_change(void *user, const perp_alert *alert) {
    (void)user;
    if (alert->code == PERP_ALERT_WAL_HELD && changed_by_alert)
        change(changed_by_alert, START);
}

static void desk_checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash,
                            const void *data, size_t size, perp_status *status) {
    const struct desk *d = user;
    (void)time_ns;
    (void)hash;
    (void)data;
    (void)size;
    *status = seq == d->records ? PERP_OK : PERP_E_STORE;
}

START_TEST(a_change_of_another_does_not_come_between_a_checkpoint_and_what_it_makes_durable) {
    const perp_store_more more = offered();
    perp_config config = config_of_desk(&more, PERP_DURABILITY_BATCH);
    config.callbacks.on_alert = on_alert_change;
    config.store.checkpoint = desk_checkpoint;
    perp_core *core = changed_by_alert = open_with(&config);
    change(core, START);
    desk.wal_held = 1;
    ck_assert_msg(perp_core_checkpoint(core) == PERP_OK, "%s", perp_core_error(core));
    ck_assert_uint_eq(desk.records + 1, events_of(core)); /* that of the alert waits */
    changed_by_alert = NULL;
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

#if PERP_WITH_SQLITE

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

static char folder[64], path[80];

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/perp-durable-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book.db", folder);
}

static void remove_folder(void) {
    static const char *const parts[] = {"", "-wal", "-shm", "-lock"};
    for (int i = 0; i < 4; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, parts[i]);
        unlink(name);
    }
    rmdir(folder);
}

static perp_core *open_file(uint32_t durability, uint32_t wal_limit_mb) {
    perp_config config;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    if (wal_limit_mb)
        options.wal_limit_mb = wal_limit_mb;
    perp_config_init(&config);
    config.durability = durability;
    config.callbacks.on_alert = on_alert;
    ck_assert_msg(perp_store_sqlite_open(path, &options, &config.store) == PERP_OK, "%s",
                  perp_core_error(NULL));
    return open_with(&config);
}

START_TEST(a_process_that_is_killed_loses_nothing_that_was_handed_over) {
    int ends[2];
    uint64_t seq = 0;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        perp_core *core = open_file(PERP_DURABILITY_BATCH, 0);
        for (int i = 0; i < 20; i++)
            change(core, START);
        seq = flushed_async(core);
        change(core, START);
        if (durable_of(core) >= seq || write(ends[1], &seq, sizeof seq) != sizeof seq)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_int_eq(read(ends[0], &seq, sizeof seq), sizeof seq);
    perp_core *core = open_file(PERP_DURABILITY_BATCH, 0);
    ck_assert_uint_eq(events_of(core), seq);
    ck_assert_uint_eq(durable_of(core), seq);
    ck_assert_int_eq(perp_core_check(core), PERP_OK);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

/* ---- Threads --------------------------------------------------------------------------------- */

#define N_CHANGES 3000

static struct {
    perp_core *core;
    atomic_int stop;
    atomic_uint faults;
    atomic_uint_least64_t asked, seen; /* the last flush; what was durable at last */
} shared;

static void *sync_all(void *user) {
    (void)user;
    while (!atomic_load(&shared.stop)) {
        uint64_t asked = atomic_load(&shared.asked), durable = 0;
        if (perp_store_sync(shared.core) != PERP_OK ||
            perp_core_durable(shared.core, &durable) != PERP_OK || durable < asked)
            atomic_fetch_add(&shared.faults, 1);
    }
    return NULL;
}

static void *watch(void *user) {
    uint64_t last = 0, now = 0;
    (void)user;
    while (!atomic_load(&shared.stop)) {
        if (perp_core_durable(shared.core, &now) != PERP_OK || now < last)
            atomic_fetch_add(&shared.faults, 1);
        last = now;
        atomic_store(&shared.seen, last);
    }
    return NULL;
}

START_TEST(other_threads_sync_and_ask_while_the_book_goes_on) {
    pthread_t threads[3];
    uint64_t seq = 0;
    shared.core = open_file(PERP_DURABILITY_BATCH, 1);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, sync_all, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, sync_all, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, watch, NULL), 0);
    for (int i = 1; i <= N_CHANGES; i++) {
        change(shared.core, START);
        if (i % 3 == 0) {
            seq = flushed_async(shared.core);
            atomic_store(&shared.asked, seq);
        }
        if (i % 100 == 0)
            ck_assert_int_eq(perp_core_flush(shared.core), PERP_OK);
        if (i % 1000 == 0)
            ck_assert_int_eq(perp_core_checkpoint(shared.core), PERP_OK);
    }
    while (durable_of(shared.core) < seq)
        continue;
    atomic_store(&shared.stop, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(atomic_load(&shared.faults), 0);
    uint64_t all = events_of(shared.core), hash = perp_core_hash(shared.core);
    ck_assert_int_eq(perp_core_close(shared.core), PERP_OK);
    perp_core *core = open_file(PERP_DURABILITY_BATCH, 0);
    ck_assert_uint_eq(events_of(core), all);
    ck_assert(perp_core_hash(core) == hash);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

/* ---- The WAL --------------------------------------------------------------------------------- */

START_TEST(a_reader_that_holds_the_wal_back_raises_an_alert_until_it_has_ended) {
    sqlite3 *db = NULL;
    memset(&told, 0, sizeof told);
    perp_core *core = open_file(PERP_DURABILITY_BATCH, 1);
    int n = 0;
    /* Without a reader nothing holds it back, however much is written. */
    for (n = 0; n < 600; n++) {
        change(core, START);
        ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    }
    ck_assert_uint_eq(told.raised, 0);
    ck_assert(!stands(core));
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
                     SQLITE_OK);
    for (n = 0; n < 600 && !told.raised; n++) {
        change(core, START);
        ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    }
    ck_assert_uint_eq(told.raised, 1);
    ck_assert_int_gt(n, 10);
    ck_assert_ptr_nonnull(strstr(told.message, "1 MiB"));
    ck_assert_int_eq(stands(core), 1);
    ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    for (n = 0; n < 3; n++) {
        change(core, START);
        ck_assert_int_eq(perp_core_flush(core), PERP_OK);
    }
    ck_assert_uint_eq(told.raised, 1);
    ck_assert_uint_eq(told.cleared, 1);
    ck_assert(!stands(core));
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

/* One after the other, and there always is one. */
START_TEST(readers_that_hold_the_wal_back_by_turns_raise_the_alert) {
    sqlite3 *db[2] = {NULL, NULL};
    memset(&told, 0, sizeof told);
    perp_core *core = open_file(PERP_DURABILITY_EVERY, 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sqlite3_open_v2(path, &db[i], SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (int n = 0; n < 600 && !told.raised; n++) {
        change(core, START);
        sqlite3 *next = db[n % 2], *last = db[1 - n % 2];
        ck_assert_int_eq(sqlite3_exec(next, "BEGIN; SELECT count(*) FROM head", NULL, NULL, NULL),
                         SQLITE_OK);
        if (n)
            ck_assert_int_eq(sqlite3_exec(last, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    }
    ck_assert_uint_eq(told.raised, 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sqlite3_close(db[i]), SQLITE_OK);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
}
END_TEST

static void add_files(Suite *suite) {
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, a_process_that_is_killed_loses_nothing_that_was_handed_over);
    tcase_add_test(files, other_threads_sync_and_ask_while_the_book_goes_on);
    tcase_add_test(files, a_reader_that_holds_the_wal_back_raises_an_alert_until_it_has_ended);
    tcase_add_test(files, readers_that_hold_the_wal_back_by_turns_raise_the_alert);
    suite_add_tcase(suite, files);
}

#else

static void add_files(Suite *suite) {
    (void)suite;
}

#endif

int main(void) {
    Suite *suite = suite_create("durable");
    TCase *all = tcase_create("durable");
    tcase_add_test(all, a_flush_that_does_not_wait_is_durable_once_the_store_was_synced);
    tcase_add_test(all, a_barrier_makes_durable_what_was_only_handed_over);
    tcase_add_test(all, a_sync_that_failed_makes_nothing_durable);
    tcase_add_test(all, a_store_that_can_not_tell_flushes_at_once);
    tcase_add_test(all, each_call_is_durable_where_each_waits);
    tcase_add_test(all, what_a_store_offers_must_make_sense);
    tcase_add_test(all, calls_without_a_book_are_invalid);
    tcase_add_test(all, a_store_whose_wal_is_held_back_raises_an_alert_until_it_is_not);
    tcase_add_test(
        all, a_change_of_another_does_not_come_between_a_checkpoint_and_what_it_makes_durable);
    suite_add_tcase(suite, all);
    add_files(suite);
    return run_suite(suite);
}
