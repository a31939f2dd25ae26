/* The SQLite store through its table of functions. */
#include "store_fixture.h"

#if PERP_WITH_SQLITE

#include <signal.h>
#include <sys/wait.h>

#include "store/sqlite_store.h"
#include "store_files.h"

static perp_store store;
static struct got got;
static struct made made;

static void open_new(void) {
    make_folder();
    opened(&store);
}

static void close_all(void) {
    if (store.close)
        closed(&store);
    remove_folder();
}

static void reopen(void) {
    closed(&store);
    ck_assert_msg(open_at(path, &store) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_msg(load(&store, 0, &got) == PERP_OK, "%s", why(&store));
}

START_TEST(a_new_store_gives_nothing) {
    reopen();
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(records_come_back_in_order_and_byte_for_byte) {
    put_range(&store, 1, 300);
    reopen();
    ck_assert(got_range(&got, 1, 300));
}
END_TEST

START_TEST(many_records_of_one_commit_come_back) {
    ck_assert_int_eq(begin(&store), PERP_OK);
    for (uint64_t seq = 1; seq <= 500; seq++) {
        make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
        ck_assert_int_eq(append(&store, &made), PERP_OK);
    }
    ck_assert_int_eq(commit(&store), PERP_OK);
    reopen();
    ck_assert(got_range(&got, 1, 500));
}
END_TEST

START_TEST(what_was_rolled_back_is_not_there_and_its_number_is_free) {
    put_range(&store, 1, 3);
    ck_assert_int_eq(begin(&store), PERP_OK);
    make_reserve(&made, 4, 4, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_OK);
    store.rollback(store.user);
    put_nth(&store, 4);
    reopen();
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

START_TEST(what_is_not_the_next_record_is_refused) {
    put_range(&store, 1, 3);
    ck_assert_int_eq(begin(&store), PERP_OK);
    chains[4] = chains[3];
    make_reserve(&made, 5, 5, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_E_STORE);
    chains[3]++;
    make_reserve(&made, 4, 4, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_E_STORE);
    ck_assert_ptr_nonnull(strstr(why(&store), "record 4 after 3: checksum"));
    chains[3]--;
    record_of(&made);
    made.record.size--;
    perp_status status = PERP_OK;
    store.append(store.user, &made.record, &status);
    ck_assert_int_eq(status, PERP_E_STORE);
    store.rollback(store.user);
    make_reserve(&made, 4, 4, USD(9));
    ck_assert_int_eq(append(&store, &made), PERP_E_STATE);
    store.row(store.user, &made.rows[0], &status);
    ck_assert_int_eq(status, PERP_E_STATE);
    ck_assert_int_eq(commit(&store), PERP_E_STATE);
    put_nth(&store, 4);
    reopen();
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

START_TEST(a_second_book_in_this_process_is_told_busy) {
    perp_store second;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(open_at(path, &second), PERP_E_BUSY);
        ck_assert(!second.begin);
        ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "another book"));
    }
    put_range(&store, 1, 3);
    closed(&store);
    ck_assert_int_eq(open_at(path, &second), PERP_OK);
    closed(&second);
}
END_TEST

START_TEST(a_link_to_the_store_is_the_same_store) {
    perp_store second;
    ck_assert_int_eq(symlink(path, copy), 0);
    perp_status status = open_at(copy, &second);
    ck_assert_int_eq(status, PERP_E_BUSY);
}
END_TEST

/* What another process gets when it opens the store. */
static int status_elsewhere(void) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        perp_store second;
        _exit(-open_at(path, &second));
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

START_TEST(a_second_process_is_told_busy) {
    ck_assert_int_eq(status_elsewhere(), PERP_E_BUSY);
    put_range(&store, 1, 3);
    ck_assert_int_eq(status_elsewhere(), PERP_E_BUSY);
    closed(&store);
    ck_assert_int_eq(status_elsewhere(), PERP_OK);
}
END_TEST

START_TEST(a_killed_process_leaves_no_lock_and_all_that_it_committed) {
    int ready[2];
    char byte;
    closed(&store);
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        opened(&store);
        put_range(&store, 1, 20);
        ck_assert_int_eq(begin(&store), PERP_OK);
        make_reserve(&made, 21, 21, USD(9));
        ck_assert_int_eq(append(&store, &made), PERP_OK);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(open_at(path, &store), PERP_E_BUSY);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_msg(open_at(path, &store) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 20));
    put_nth(&store, 21);
}
END_TEST

START_TEST(the_newest_checkpoint_comes_first_and_then_what_is_after_it) {
    put_range(&store, 1, 5);
    ck_assert_int_eq(checkpoint(&store, 3), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 5), PERP_OK);
    reopen();
    ck_assert(got_book(&got, 5));
    ck_assert_uint_eq(got.count, 0);
    put_range(&store, 6, 8);
    reopen();
    ck_assert(got_book(&got, 5));
    ck_assert(got_range(&got, 6, 8));
    ck_assert_int_eq(load(&store, 1, &got), PERP_OK);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert(got_range(&got, 1, 8));
}
END_TEST

START_TEST(a_checkpoint_of_what_is_not_stored_is_refused) {
    put_range(&store, 1, 5);
    ck_assert_int_eq(checkpoint(&store, 6), PERP_E_STORE);
    put_range(&store, 6, 6);
    reopen();
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert(got_range(&got, 1, 6));
}
END_TEST

START_TEST(only_two_checkpoints_are_kept_whole_and_the_hashes_of_all) {
    put_range(&store, 1, 9);
    for (uint64_t seq = 1; seq <= 9; seq++)
        ck_assert_int_eq(checkpoint(&store, seq), PERP_OK);
    ask_is("SELECT group_concat(seq) FROM checkpoints WHERE data IS NOT NULL", "8,9");
    ask_is("SELECT group_concat(hash) FROM checkpoints", "7,14,21,28,35,42,49,56,63");
}
END_TEST

/* Events with larger numbers than the fixture keeps. */
static void seal_far(struct made *to) {
    static uint64_t chain;
    uint64_t seq = to->record.seq;
    if (seq == 1)
        chain = PERP_CHAIN_START;
    to->record.seq = 1;
    chains[0] = chain;
    record_of(to);
    to->record.seq = seq;
    chain = to->record.chain;
    chains[0] = PERP_CHAIN_START;
}

/* A store that keeps 3 events before its newest checkpoint. */
static void reopen_keeping(uint64_t events) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = events;
    closed(&store);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
}

static void put_clocks(uint64_t from, uint64_t to) {
    for (uint64_t seq = from; seq <= to; seq++) {
        make(&made, seq, "clock");
        put(&store, &made);
    }
}

START_TEST(old_events_go_but_those_of_what_is_open) {
    reopen_keeping(3);
    put_clocks(1, 1);
    make_submit(&made, 2, 1, USD(10));
    put(&store, &made);
    make_submit(&made, 3, 2, USD(10));
    put(&store, &made);
    make_reserve(&made, 4, 1, USD(5));
    put(&store, &made);
    make_reserve(&made, 5, 2, USD(5));
    put(&store, &made);
    make_release(&made, 6, 1, USD(5));
    put(&store, &made);
    make_end(&made, 7, "cancel", 1, "cancelled");
    put(&store, &made);
    put_clocks(8, 20);
    ck_assert_int_eq(checkpoint(&store, 14), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 15), PERP_OK);
    ask_is("SELECT group_concat(seq) FROM events", "3,5,13,14,15,16,17,18,19,20");
    ask_is("SELECT group_concat(state) FROM jobs", "pending");
    ask_is("SELECT group_concat(id) FROM reservations", "2");
    reopen_keeping(3);
    ck_assert(got_book(&got, 15));
    ck_assert_uint_eq(got.count, 5);
    ck_assert_int_eq(load(&store, 1, &got), PERP_OK);
    ck_assert_uint_eq(got.count, 10);
    ck_assert_uint_eq(got.seqs[0], 3);
    make_end(&made, 21, "cancel", 2, "cancelled");
    put(&store, &made);
    ck_assert_int_eq(checkpoint(&store, 21), PERP_OK);
    ask_is("SELECT group_concat(seq) FROM events", "5,16,17,18,19,20,21");
    closed(&store);
    run_sql(path, "UPDATE checkpoints SET data = x'00' WHERE seq = 21");
    ck_assert_int_eq(open_at(path, &store), PERP_OK);
    ck_assert_msg(load(&store, 0, &got) == PERP_OK, "%s", why(&store));
    ck_assert(got_book(&got, 15));
    ck_assert_uint_eq(got.seqs[0], 16);
    ck_assert_uint_eq(got.count, 6);
}
END_TEST

/* A kept event that is taken away is missed, though the chain has gaps there. */
START_TEST(a_kept_event_that_goes_is_noticed) {
    reopen_keeping(3);
    make_reserve(&made, 1, 1, USD(5));
    put(&store, &made);
    put_clocks(2, 20);
    ck_assert_int_eq(checkpoint(&store, 15), PERP_OK);
    ask_is("SELECT group_concat(seq) FROM events", "1,13,14,15,16,17,18,19,20");
    closed(&store);
    run_sql(path, "DELETE FROM events WHERE seq = 1");
    ck_assert_int_eq(open_at(path, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_E_CORRUPT);
}
END_TEST

/* Many at once, more than a checkpoint drops: commits go on with it. */
START_TEST(old_events_go_in_small_steps) {
    reopen_keeping(100);
    for (uint64_t n = 0; n < 30; n++) {
        ck_assert_int_eq(begin(&store), PERP_OK);
        for (uint64_t seq = n * 1000 + 1; seq <= (n + 1) * 1000; seq++) {
            make(&made, seq, "clock");
            seal_far(&made);
            perp_status status = PERP_E_STORE;
            store.append(store.user, &made.record, &status);
            ck_assert_int_eq(status, PERP_OK);
        }
        ck_assert_int_eq(commit(&store), PERP_OK);
    }
    ck_assert_int_eq(checkpoint(&store, 29000), PERP_OK);
    ask_is("SELECT min(seq) FROM events", "10001");
    reopen_keeping(100);
    ck_assert_int_eq(checkpoint(&store, 30000), PERP_OK);
    ask_is("SELECT min(seq) FROM events", "20001");
    for (uint64_t seq = 30001; seq <= 31000; seq++) {
        make(&made, seq, "clock");
        seal_far(&made);
        ck_assert_int_eq(begin(&store), PERP_OK);
        perp_status status = PERP_E_STORE;
        store.append(store.user, &made.record, &status);
        ck_assert_int_eq(status, PERP_OK);
        ck_assert_int_eq(commit(&store), PERP_OK);
    }
    ask_is("SELECT min(seq) FROM events", "29001");
    reopen_keeping(100);
    ck_assert(got_book(&got, 30000));
    ck_assert_uint_eq(got.count, 1000);
}
END_TEST

START_TEST(a_reader_loads_while_the_writer_is_open_and_can_not_write) {
    perp_store reader;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.read_only = 1;
    put_range(&store, 1, 5);
    ck_assert_msg(perp_store_sqlite_open(path, &options, &reader) == PERP_OK, "%s",
                  perp_core_error(NULL));
    ck_assert_int_eq(load(&reader, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 5));
    put_range(&store, 6, 9);
    ck_assert_int_eq(load(&reader, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 9));
    make(&made, 10, "clock");
    ck_assert_int_eq(begin(&reader), PERP_E_STATE);
    ck_assert_int_eq(append(&reader, &made), PERP_E_STATE);
    ck_assert_int_eq(commit(&reader), PERP_E_STATE);
    ck_assert_int_eq(checkpoint(&reader, 5), PERP_E_STATE);
    closed(&reader);
    put_range(&store, 10, 10);
    ck_assert_int_eq(status_elsewhere(), PERP_E_BUSY);
}
END_TEST

START_TEST(a_reader_makes_no_store) {
    perp_store reader;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.read_only = 1;
    ck_assert_int_eq(perp_store_sqlite_open(copy, &options, &reader), PERP_E_STORE);
    ck_assert_int_ne(access(copy, F_OK), 0);
    ck_assert_int_ne(access(part_of(copy, "-lock"), F_OK), 0);
}
END_TEST

/* Somebody with the sqlite3 tool in the middle of a change. */
START_TEST(a_stranger_that_writes_delays_no_one_and_the_next_commit_goes_on) {
    sqlite3 *db;
    put_range(&store, 1, 2);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(begin(&store), PERP_E_BUSY);
    store.rollback(store.user);
    ck_assert_int_eq(checkpoint(&store, 2), PERP_E_BUSY);
    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    put_range(&store, 3, 3);
    reopen();
    ck_assert(got_range(&got, 1, 3));
}
END_TEST

START_TEST(calls_without_sense_are_invalid) {
    perp_store other;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    ck_assert_int_eq(perp_store_sqlite_open(NULL, NULL, &other), PERP_E_INVALID);
    ck_assert_int_eq(perp_store_sqlite_open("", NULL, &other), PERP_E_INVALID);
    ck_assert_int_eq(perp_store_sqlite_open(path, NULL, NULL), PERP_E_INVALID);
    options.struct_size = 3;
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &other), PERP_E_INVALID);
    perp_sqlite_options_init(&options);
    options.vfs = "no such";
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &other), PERP_E_STORE);
    ck_assert_int_eq(open_at("/no/such/folder/book.db", &other), PERP_E_STORE);
    ck_assert_int_eq(open_at(folder, &other), PERP_E_STORE);
    unlink(part_of(folder, "-lock"));
}
END_TEST

static void make_exchange_row(int64_t id, const char *name) {
    with_row(&made, "exchanges", 1);
    with_int(&made, "id", id);
    with_text(&made, "name", name);
    with_text(&made, "venue", name);
}

static void make_daily(const char *day, const char *exchange, perp_usd pnl) {
    with_row(&made, "daily", 2);
    with_text(&made, "day", day);
    with_text(&made, "exchange", exchange);
    with_int(&made, "pnl", pnl);
    with_int(&made, "volume", USD(1000));
    with_int(&made, "fees", USD(1));
}

/* A day of a desk: a reservation, a job that is refused, one that is done. */
static void a_day(void) {
    make(&made, 1, "exchange");
    make_exchange_row(0, "alpha");
    put(&store, &made);
    make_reserve(&made, 2, 1, USD(250));
    put(&store, &made);
    make_reserve(&made, 3, 1, USD(250));
    made.rows[0].n_columns = 1;
    with_int(&made, "in_flight", USD(100));
    with_int(&made, "used", USD(50));
    with_int(&made, "last_seq", 3);
    put(&store, &made);
    make_submit(&made, 4, 1, USD(12500));
    put(&store, &made);
    make_submit(&made, 5, 2, USD(800));
    put(&store, &made);
    make_of_job(&made, 6, "refuse", 2, "pending");
    with_text(&made, "refusal", "edge_too_small");
    made.record.outcome = "edge_too_small";
    made.record.detail = "{\"edge_bps\":1}";
    made.record.actor = "desk";
    put(&store, &made);
    make_of_job(&made, 7, "dispatch", 1, "running");
    with_int(&made, "started_ns", T0 + 7);
    with_number(&made, "score", 81.5);
    put(&store, &made);
    make(&made, 8, "kill");
    made.record.actor = "risk desk";
    made.record.reason = "news";
    put(&store, &made);
}

START_TEST(rows_are_what_the_book_has_after_each_commit) {
    a_day();
    ask_is("SELECT id || name || venue FROM exchanges", "0alphaalpha");
    ask_is("SELECT group_concat(id || ' ' || exchange || ' ' || pool || ' ' || in_flight_usd ||"
           " ' ' || used_usd, ';') FROM open_reservations",
           "1 alpha arb 100.0 50.0");
    ask_is("SELECT since FROM open_reservations WHERE id = 1", "2025-10-09T08:53:20.000002000Z");
    ask_is("SELECT strategy || priority || edge_bps || score || (ended_ns IS NULL) FROM jobs"
           " WHERE state = 'running'",
           "arb312.581.51");
    make_release(&made, 9, 1, USD(150));
    with_int(&made, "used", 0);
    put(&store, &made);
    ask_is("SELECT count(*) FROM open_reservations", "0");
    make_of_job(&made, 10, "finish", 1, "open");
    with_int(&made, "pnl", USD(4.75));
    cell(&made, "score", PERP_COLUMN_NULL);
    made.record.outcome = "open";
    put(&store, &made);
    ask_is("SELECT job || ' ' || notional_usd || ' ' || pnl_usd || ' ' || started FROM open_hedges",
           "10000000-0000-0000-0000-000001000000 12500.0 4.75 2025-10-09T08:53:20.000000007Z");
    ask_is("SELECT count(*) FROM jobs WHERE score IS NULL", "2");
    reopen();
    ck_assert_uint_eq(got.count, 10);
}
END_TEST

START_TEST(people_see_the_books_days_refusals_control_and_the_story_of_a_job) {
    a_day();
    make_end(&made, 9, "finish", 1, "completed");
    made.record.outcome = "completed";
    make_daily("2025-10-09", "alpha", USD(3.5));
    make_daily("2025-10-10", "alpha", USD(-0.000001));
    put(&store, &made);
    ask_is("SELECT group_concat(day || ' ' || exchange || ' ' || pnl_usd || ' ' || volume_usd ||"
           " ' ' || fees_usd, ';') FROM daily_pnl",
           "2025-10-09 alpha 3.5 1000.0 1.0;2025-10-10 alpha -1.0e-06 1000.0 1.0");
    ask_is("SELECT group_concat(time || ' ' || kind || ' ' || refused_by || ' ' || detail)"
           " FROM refusals",
           "2025-10-09T08:53:20.000006000Z refuse edge_too_small {\"edge_bps\":1}");
    ask_is("SELECT group_concat(kind || ' ' || coalesce(outcome, '-') || ' ' || strategy || ' ' ||"
           " notional_usd || ' ' || state_now, ';') FROM job_history"
           " WHERE job LIKE '10000000-%01000000'",
           "submit - arb 12500.0 completed;dispatch - arb 12500.0 completed;"
           "finish completed arb 12500.0 completed");
    ask_is("SELECT actor || ' ' || refusal FROM job_history JOIN jobs ON jobs.id = job"
           " WHERE kind = 'refuse'",
           "desk edge_too_small");
    ask_is("SELECT group_concat(seq || kind || actor || reason) FROM control_log",
           "8killrisk desknews");
    ask_is("SELECT group_concat(exchange || ' ' || pool || ' ' || amount, ';') FROM events"
           " WHERE pool IS NOT NULL",
           "alpha arb 250000000;alpha arb 250000000");
}
END_TEST

static perp_status row_alone(void) {
    perp_status status = PERP_E_STORE;
    store.row(store.user, &made.rows[0], &status);
    return status;
}

START_TEST(a_row_of_no_known_shape_is_refused) {
    put_range(&store, 1, 3);
    ck_assert_int_eq(begin(&store), PERP_OK);
    static const char *const tables[] = {"orders", "events", "head", "jobs"};
    for (int i = 0; i < 4; i++) {
        make(&made, 4, "clock");
        with_row(&made, tables[i], 1);
        with_int(&made, "seq", 4);
        ck_assert_int_eq(row_alone(), PERP_E_STORE);
    }
    make_submit(&made, 4, 1, USD(5));
    made.cells[0][3].name = "seq; DROP TABLE jobs";
    ck_assert_int_eq(row_alone(), PERP_E_STORE);
    make_submit(&made, 4, 1, USD(5));
    made.cells[0][1].type = PERP_COLUMN_NUMBER; /* of a text */
    ck_assert_int_eq(row_alone(), PERP_E_STORE);
    make_submit(&made, 4, 1, USD(5));
    made.rows[0].n_keys = 2;
    ck_assert_int_eq(row_alone(), PERP_E_STORE);
    store.rollback(store.user);
    put_nth(&store, 4);
    reopen();
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

START_TEST(rows_that_are_rolled_back_are_not_there) {
    put_range(&store, 1, 3);
    ck_assert_int_eq(begin(&store), PERP_OK);
    make_reserve(&made, 4, 2, USD(77));
    ck_assert_int_eq(append(&store, &made), PERP_OK);
    store.rollback(store.user);
    ask_is("SELECT amount FROM reservations WHERE id = 2", "1000002");
    put_nth(&store, 4);
    reopen();
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

START_TEST(an_empty_file_is_a_store_only_where_the_host_says_so) {
    perp_store other;
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    struct bytes empty = {NULL, 0, 1};
    write_bytes(copy, &empty);
    ck_assert_int_eq(open_at(copy, &other), PERP_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "create"));
    options.create = 1;
    ck_assert_msg(perp_store_sqlite_open(copy, &options, &other) == PERP_OK, "%s",
                  perp_core_error(NULL));
    ck_assert_int_eq(load(&other, 0, &got), PERP_OK);
    closed(&other);
    ck_assert_int_eq(open_at(copy, &other), PERP_OK);
    closed(&other);
}
END_TEST

/* As a process that is killed in its first moments leaves it. */
START_TEST(a_store_that_was_being_made_is_made) {
    perp_store other;
    struct bytes empty = {NULL, 0, 1};
    ck_assert_int_eq(open_at(copy, &other), PERP_OK);
    closed(&other);
    unlink(part_of(copy, "-wal"));
    write_bytes(copy, &empty);
    ck_assert_msg(open_at(copy, &other) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_int_eq(load(&other, 0, &got), PERP_OK);
    closed(&other);
    write_bytes(copy, &empty);
    ck_assert_int_eq(open_at(copy, &other), PERP_E_CORRUPT);
}
END_TEST

START_TEST(the_store_of_a_real_book_gives_it_back) {
    perp_config config;
    perp_core *core;
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_call call;
    closed(&store);
    perp_config_init(&config);
    perp_call_init(&call);
    call.now_ns = T0;
    ck_assert_int_eq(open_at(path, &config.store), PERP_OK);
    ck_assert_msg(perp_core_open(&config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    perp_exchange_spec_init(&spec);
    memcpy(spec.name, "alpha", 6);
    ck_assert_int_eq(perp_exchange_add(core, &spec, &id), PERP_OK);
    ck_assert_int_eq(perp_capital_update_equity(perp_core_capital(core), &call, id, USD(5000)),
                     PERP_OK);
    uint64_t hash = perp_core_hash(core);
    perp_core_close(core);
    ck_assert_int_eq(open_at(path, &config.store), PERP_OK);
    ck_assert_msg(perp_core_open(&config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_uint_eq(perp_core_hash(core), hash);
    perp_core_close(core);
    ask_is("SELECT name FROM exchanges", "alpha");
}
END_TEST

static Suite *suite_of_store(void) {
    Suite *suite = suite_create("store_sqlite");
    TCase *all = tcase_create("sqlite");
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_new_store_gives_nothing);
    tcase_add_test(all, records_come_back_in_order_and_byte_for_byte);
    tcase_add_test(all, many_records_of_one_commit_come_back);
    tcase_add_test(all, what_was_rolled_back_is_not_there_and_its_number_is_free);
    tcase_add_test(all, what_is_not_the_next_record_is_refused);
    tcase_add_test(all, a_second_book_in_this_process_is_told_busy);
    tcase_add_test(all, a_link_to_the_store_is_the_same_store);
    tcase_add_test(all, a_second_process_is_told_busy);
    tcase_add_test(all, a_killed_process_leaves_no_lock_and_all_that_it_committed);
    tcase_add_test(all, the_newest_checkpoint_comes_first_and_then_what_is_after_it);
    tcase_add_test(all, a_checkpoint_of_what_is_not_stored_is_refused);
    tcase_add_test(all, only_two_checkpoints_are_kept_whole_and_the_hashes_of_all);
    tcase_add_test(all, old_events_go_but_those_of_what_is_open);
    tcase_add_test(all, a_kept_event_that_goes_is_noticed);
    tcase_add_test(all, old_events_go_in_small_steps);
    tcase_add_test(all, a_reader_loads_while_the_writer_is_open_and_can_not_write);
    tcase_add_test(all, a_reader_makes_no_store);
    tcase_add_test(all, a_stranger_that_writes_delays_no_one_and_the_next_commit_goes_on);
    tcase_add_test(all, calls_without_sense_are_invalid);
    tcase_add_test(all, rows_are_what_the_book_has_after_each_commit);
    tcase_add_test(all, people_see_the_books_days_refusals_control_and_the_story_of_a_job);
    tcase_add_test(all, a_row_of_no_known_shape_is_refused);
    tcase_add_test(all, rows_that_are_rolled_back_are_not_there);
    tcase_add_test(all, an_empty_file_is_a_store_only_where_the_host_says_so);
    tcase_add_test(all, a_store_that_was_being_made_is_made);
    tcase_add_test(all, the_store_of_a_real_book_gives_it_back);
    suite_add_tcase(suite, all);
    return suite;
}

#else

START_TEST(a_library_without_sqlite_says_so) {
    perp_store store;
    ck_assert_int_eq(perp_store_sqlite_open("book.db", NULL, &store), PERP_E_STATE);
    ck_assert(!store.begin);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "without SQLite"));
}
END_TEST

static Suite *suite_of_store(void) {
    Suite *suite = suite_create("store_sqlite");
    TCase *all = tcase_create("none");
    tcase_add_test(all, a_library_without_sqlite_says_so);
    suite_add_tcase(suite, all);
    return suite;
}

#endif

int main(void) {
    SRunner *runner = srunner_create(suite_of_store());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
