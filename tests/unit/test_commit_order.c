/* No job reaches the executor before its dispatch and its reservations are in the file: the
   executor of these tests looks, from a connection of its own. */
#include "fixture.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static char folder[64], path[80];

/* What the executor found of the job it was called with. */
static struct {
    int calls;
    int dispatches;
    int reservations; /* rows of the table */
    sqlite3_int64 in_flight;
    sqlite3_int64 in_order; /* the job's event among those that are there */
} found[8];

static sqlite3_int64 ask(sqlite3 *db, const char *sql, const char *job) {
    sqlite3_stmt *row = NULL;
    sqlite3_int64 number = -1;
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    if (job)
        ck_assert_int_eq(sqlite3_bind_text(row, 1, job, -1, SQLITE_STATIC), SQLITE_OK);
    if (sqlite3_step(row) == SQLITE_ROW)
        number = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return number;
}

static void look(void *user, const perp_execution *execution, uint32_t *outcome) {
    sqlite3 *db = NULL;
    char job[37];
    int n = execution->job_id.bytes[15];
    (void)user;
    perp_uuid_format(&execution->job_id, job);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    found[n].calls++;
    found[n].dispatches =
        (int)ask(db, "SELECT count(*) FROM events WHERE kind = 'dispatch' AND job = ?1", job);
    found[n].reservations = (int)ask(db, "SELECT count(*) FROM reservations WHERE job = ?1", job);
    found[n].in_flight = ask(db, "SELECT sum(in_flight) FROM reservations WHERE job = ?1", job);
    found[n].in_order = ask(db, "SELECT seq FROM events WHERE kind = 'dispatch' AND job = ?1", job);
    ck_assert_int_eq(ask(db, "SELECT count(*) FROM jobs WHERE id = ?1 AND state = 'running'", job),
                     1);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

static struct world *open_stored(uint32_t durability) {
    perp_config config;
    struct world *w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_config(&config);
    config.durability = durability;
    config.callbacks.execute = look;
    ck_assert_msg(perp_store_sqlite_open(path, NULL, &config.store) == PERP_OK, "%s",
                  perp_core_error(NULL));
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->now = START;
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->scheduler = perp_core_scheduler(w->core);
    for (uint32_t x = ALPHA; x <= BETA; x++) {
        (void)world_exchange(w, x == ALPHA ? "alpha" : "beta", "");
        w->btc[x] = world_instrument(w, x, "BTC/USDT:USDT", "", 0);
        ok(w, perp_capital_update_equity(w->capital, nowc(w), x, USD(1000000)));
        quote_at(w, w->btc[x], w->now, BTC_BID, BTC_ASK, 1000);
    }
    return w;
}

/* Two jobs by one tick, a third by the next. */
static void dispatch_three(uint32_t durability) {
    struct world *w = open_stored(durability);
    for (uint32_t n = 1; n <= 3; n++) {
        perp_job job = pair_job(n, w->btc[ALPHA], w->btc[BETA]);
        submit(w, &job);
        if (n >= 2)
            ck_assert_uint_eq(tick(w)->dispatched, n == 2 ? 2 : 1);
    }
    for (uint32_t n = 1; n <= 3; n++) {
        ck_assert_int_eq(found[n].calls, 1);
        ck_assert_int_eq(found[n].dispatches, 1);
        ck_assert_int_eq(found[n].reservations, 2);
        ck_assert_int_eq(found[n].in_flight, 2 * USD(12500));
    }
    ck_assert_int_gt(found[3].in_order, found[2].in_order);
    world_close(w);
}

START_TEST(dispatch_is_in_the_file_before_the_executor_is_called) {
    dispatch_three(PERP_DURABILITY_EVERY);
}
END_TEST

START_TEST(dispatch_is_in_the_file_before_the_executor_is_called_in_batch_too) {
    dispatch_three(PERP_DURABILITY_BATCH);
}
END_TEST

static sqlite3_int64 count_events(void) {
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_int64 n = ask(db, "SELECT count(*) FROM events", NULL);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return n;
}

static uint64_t events_of(const struct world *w) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    ok(w, perp_core_statistics(w->core, &stats));
    return stats.events;
}

START_TEST(every_call_is_in_the_file_when_it_returns) {
    struct world *w = open_stored(PERP_DURABILITY_EVERY);
    ck_assert_int_eq(count_events(), (sqlite3_int64)events_of(w));
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(1), USD(2), 0, NULL));
    ck_assert_int_eq(count_events(), (sqlite3_int64)events_of(w));
    world_close(w);
}
END_TEST

START_TEST(calls_of_a_batch_are_in_the_file_after_a_flush_or_a_tick) {
    struct world *w = open_stored(PERP_DURABILITY_BATCH);
    ok(w, perp_core_flush(w->core));
    sqlite3_int64 before = count_events();
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(1), USD(2), 0, NULL));
    ck_assert_int_eq(count_events(), before);
    ok(w, perp_core_flush(w->core));
    ck_assert_int_eq(count_events(), before + 1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, USD(1), USD(2), 0, NULL));
    w->now += MS;
    (void)tick(w);
    ck_assert_int_eq(count_events(), (sqlite3_int64)events_of(w));
    world_close(w);
}
END_TEST

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    memset(found, 0, sizeof found);
    (void)snprintf(folder, sizeof folder, "%.40s/perp-order-XXXXXX", parent ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s.db", folder);
}

static void remove_folder(void) {
    static const char *const parts[] = {"", "-wal", "-shm", "-lock"};
    char name[96];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, parts[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

int main(void) {
    Suite *suite = suite_create("commit order");
    TCase *cases = tcase_create("commit order");
    tcase_add_checked_fixture(cases, make_folder, remove_folder);
    tcase_add_test(cases, dispatch_is_in_the_file_before_the_executor_is_called);
    tcase_add_test(cases, dispatch_is_in_the_file_before_the_executor_is_called_in_batch_too);
    tcase_add_test(cases, every_call_is_in_the_file_when_it_returns);
    tcase_add_test(cases, calls_of_a_batch_are_in_the_file_after_a_flush_or_a_tick);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}

#else

START_TEST(a_store_is_refused_where_the_library_has_no_sqlite) {
    perp_store store;
    ck_assert_int_eq(perp_store_sqlite_open("s.db", NULL, &store), PERP_E_STATE);
    ck_assert_ptr_null(store.user);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("commit order");
    TCase *cases = tcase_create("commit order");
    tcase_add_test(cases, a_store_is_refused_where_the_library_has_no_sqlite);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}

#endif
