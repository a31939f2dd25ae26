/* Stores that are older, newer, other, torn or damaged: what was committed comes back, or the store
   is refused with the place and left as it is. */
#include "store_fixture.h"

#if PERP_WITH_SQLITE

#include "store/sqlite_store.h"
#include "store_files.h"

static perp_store store;
static struct got got;
static struct bytes kept[4]; /* the parts of the store as they were copied */

static void open_new(void) {
    make_folder();
    opened(&store);
}

static void close_all(void) {
    if (store.close)
        closed(&store);
    for (int i = 0; i < 4; i++)
        free(kept[i].at);
    remove_folder();
}

/* What a crash right now would leave. */
static void keep_files(void) {
    for (int i = 0; i < 4; i++) {
        free(kept[i].at);
        kept[i] = read_bytes(part_of(path, parts[i]));
    }
}

static void put_files(void) {
    for (int i = 0; i < 4; i++)
        write_bytes(part_of(copy, parts[i]), &kept[i]);
}

/* An empty WAL is as good as none. */
static int part_changed(int i) {
    struct bytes now = read_bytes(part_of(copy, parts[i]));
    size_t before = kept[i].there ? kept[i].size : 0;
    int same = now.size == before && (!before || !memcmp(now.at, kept[i].at, before));
    free(now.at);
    return !same;
}

/* Opens the copy and loads it. Where it is refused, its file and WAL must be as they were. */
static perp_status load_copy(void) {
    perp_store other;
    perp_status status = open_at(copy, &other);
    if (status == PERP_OK) {
        status = load(&other, 0, &got);
        closed(&other);
    }
    if (status == PERP_E_CORRUPT) {
        ck_assert(!part_changed(0));
        ck_assert(!part_changed(1));
    }
    return status;
}

static void refused(const char *place) {
    perp_store other;
    char message[256];
    put_files();
    ck_assert_int_eq(load_copy(), PERP_E_CORRUPT);
    put_files();
    if (open_at(copy, &other) == PERP_OK) {
        ck_assert_int_eq(load(&other, 0, &got), PERP_E_CORRUPT);
        snprintf(message, sizeof message, "%s", why(&other));
        ck_assert_int_eq(begin(&other), PERP_E_CORRUPT);
        other.rollback(other.user);
        closed(&other);
    } else {
        snprintf(message, sizeof message, "%s", perp_core_error(NULL));
    }
    ck_assert_msg(strstr(message, place) != NULL, "\"%s\" is not in \"%s\"", place, message);
}

/* The store, closed, after a change with SQL. */
static void changed(const char *sql) {
    closed(&store);
    run_sql(path, sql);
    keep_files();
}

START_TEST(a_damaged_event_is_named) {
    put_range(&store, 1, 30);
    changed("UPDATE events SET data = x'00' WHERE seq = 17");
    refused("events seq 17: checksum");
}
END_TEST

START_TEST(an_event_at_another_time_is_named) {
    put_range(&store, 1, 30);
    changed("UPDATE events SET time_ns = time_ns + 1 WHERE seq = 17");
    refused("events seq 17: checksum");
}
END_TEST

START_TEST(a_missing_event_is_named) {
    put_range(&store, 1, 30);
    changed("DELETE FROM events WHERE seq = 17");
    refused("events seq 17: missing");
}
END_TEST

START_TEST(a_missing_first_event_is_named) {
    put_range(&store, 1, 30);
    changed("DELETE FROM events WHERE seq = 1");
    refused("events seq 1: missing");
}
END_TEST

START_TEST(a_missing_tail_is_noticed) {
    put_range(&store, 1, 30);
    changed("DELETE FROM events WHERE seq > 28");
    refused("events seq 29: missing");
}
END_TEST

START_TEST(an_event_that_nobody_committed_is_noticed) {
    put_range(&store, 1, 30);
    changed("INSERT INTO events SELECT 31, time_ns, checksum, kind, job, exchange, pool,"
            " reservation, amount, pnl, volume, fees, actor, reason, outcome, data, detail"
            " FROM events WHERE seq = 30");
    refused("events seq 31: after 30 of 30");
}
END_TEST

START_TEST(a_damaged_head_is_named) {
    put_range(&store, 1, 30);
    changed("UPDATE head SET seq = 28");
    refused("head: checksum");
}
END_TEST

START_TEST(a_missing_head_is_named) {
    put_range(&store, 1, 30);
    changed("DELETE FROM head");
    refused("head: its row is missing");
}
END_TEST

START_TEST(a_missing_table_is_named) {
    put_range(&store, 1, 30);
    changed("DROP TABLE checkpoints");
    refused("checkpoints");
}
END_TEST

START_TEST(an_older_checkpoint_serves_where_the_newest_is_damaged) {
    put_range(&store, 1, 30);
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    changed("UPDATE checkpoints SET data = x'00' WHERE seq = 20");
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert(got_book(&got, 10));
    ck_assert(got_range(&got, 11, 30));
}
END_TEST

START_TEST(the_events_serve_where_all_checkpoints_are_damaged) {
    put_range(&store, 1, 30);
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 30), PERP_OK);
    changed("UPDATE checkpoints SET hash = hash + 1");
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert_uint_eq(got.checkpoint, 0);
    ck_assert(got_range(&got, 1, 30));
}
END_TEST

START_TEST(the_checkpoint_is_named_where_the_events_before_it_were_not_kept) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = 1;
    closed(&store);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_OK);
    for (uint64_t seq = 1; seq <= 30; seq++) {
        struct made made;
        make(&made, seq, PERP_EVENT_CLOCK, 0, 0);
        put(&store, &made, NULL);
    }
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    changed("UPDATE checkpoints SET hash = hash + 1");
    refused("checkpoints seq 20: checksum");
}
END_TEST

START_TEST(a_newer_schema_is_refused) {
    put_range(&store, 1, 3);
    changed("PRAGMA user_version = 3");
    refused("newer");
}
END_TEST

START_TEST(the_file_of_another_application_is_refused) {
    closed(&store);
    remove_store(path);
    run_sql(path, "CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')");
    keep_files();
    refused("another application");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused) {
    closed(&store);
    remove_store(path);
    struct bytes text = {(unsigned char *)"To whom it may concern: this is a letter.\n", 42, 1};
    write_bytes(path, &text);
    keep_files();
    refused("not a database");
}
END_TEST

START_TEST(an_emptied_file_is_no_new_store) {
    put_range(&store, 1, 3);
    closed(&store);
    keep_files();
    kept[0].size = 0;
    refused("3 events were committed");
}
END_TEST

START_TEST(a_file_that_is_gone_is_a_new_store) {
    put_range(&store, 1, 3);
    closed(&store);
    keep_files();
    kept[0].there = 0;
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert_uint_eq(got.count, 0);
    ck_assert_int_eq(load_copy(), PERP_OK);
}
END_TEST

START_TEST(a_wal_that_is_gone_or_cut_is_noticed) {
    put_range(&store, 1, 20);
    keep_files();
    ck_assert_uint_gt(kept[1].size, 20000);
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert(got_range(&got, 1, 20));
    kept[1].size -= 5000;
    refused("20 were committed");
    kept[1].there = 0;
    refused("");
}
END_TEST

START_TEST(an_older_copy_is_taken_once_the_note_is_removed) {
    put_range(&store, 1, 3);
    ck_assert_int_eq(checkpoint(&store, 3), PERP_OK);
    keep_files();
    struct bytes older = kept[0];
    kept[0].at = NULL;
    put_range(&store, 4, 5);
    closed(&store);
    keep_files();
    free(kept[0].at);
    kept[0] = older;
    refused("remove the -lock file");
    kept[3].there = 0;
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert(got_book(&got, 3));
}
END_TEST

/* A store with several pages of each table, two checkpoints and more events after them. */
static void fill(void) {
    struct made made;
    for (uint64_t seq = 1; seq <= 60; seq++) {
        make_submit(&made, seq, (uint32_t)seq, USD(100));
        put(&store, &made, NULL);
    }
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 40), PERP_OK);
    for (uint64_t seq = 61; seq <= 70; seq++) {
        make_reserve(&made, seq, seq, USD(seq));
        put(&store, &made, "alpha");
    }
}

/* Whether what was given is the book: from the start, or from a checkpoint, to the end. */
static int got_all(const struct got *whole) {
    uint64_t from = got.checkpoint;
    if (from && !got_book(&got, from))
        return 0;
    if (got.count + from != whole->count)
        return 0;
    return !memcmp(got.seqs, whole->seqs + from, got.count * sizeof *got.seqs) &&
           !memcmp(got.sums, whole->sums + from, got.count * sizeof *got.sums);
}

/* Damages bytes of a part, one at a time, in all of its regions. */
static void damage(int part, size_t step) {
    static struct got whole;
    unsigned seed = 7, correct = 0, corrupt = 0;
    put_files();
    perp_store other;
    ck_assert_int_eq(open_at(copy, &other), PERP_OK);
    ck_assert_int_eq(load(&other, 1, &whole), PERP_OK);
    ck_assert_uint_eq(whole.count, 70);
    closed(&other);
    for (size_t at = 0; at < kept[part].size; at += at < 128 ? 1 : 1 + seed % (2 * step)) {
        seed = seed * 1103515245u + 12345u;
        unsigned char was = kept[part].at[at];
        unsigned char mask = (unsigned char)(seed >> 16);
        kept[part].at[at] = (unsigned char)(was ^ (mask ? mask : 0xff));
        put_files();
        perp_status status = load_copy();
        int good = status == PERP_OK && got_all(&whole);
        ck_assert_msg(good || status == PERP_E_CORRUPT, "byte %zu of %s, %02x for %02x: %s (%u)",
                      at, parts[part], kept[part].at[at], was, perp_status_string(status),
                      got.count);
        correct += (unsigned)good;
        corrupt += (unsigned)!good;
        kept[part].at[at] = was;
    }
    ck_assert_uint_gt(correct, 0);
    ck_assert_uint_gt(corrupt, 5);
}

START_TEST(any_damaged_byte_of_a_closed_store_is_harmless_or_noticed) {
    fill();
    closed(&store);
    keep_files();
    damage(0, 150);
}
END_TEST

START_TEST(any_damaged_byte_of_a_wal_is_harmless_or_noticed) {
    fill();
    keep_files();
    damage(1, 1000);
}
END_TEST

START_TEST(any_damaged_byte_of_a_file_with_a_wal_is_harmless_or_noticed) {
    fill();
    keep_files();
    damage(0, 400);
}
END_TEST

/* The note only helps to notice: damaged, it is not used. */
START_TEST(a_damaged_note_refuses_nothing) {
    fill();
    closed(&store);
    keep_files();
    ck_assert_uint_eq(kept[3].size, 40);
    for (size_t at = 0; at < 40; at++) {
        kept[3].at[at] ^= 0x55;
        put_files();
        ck_assert_int_eq(load_copy(), PERP_OK);
        kept[3].at[at] ^= 0x55;
    }
}
END_TEST

/* A store as version 1 left it, with three events. */
static void make_version_1(void) {
    char sql[512];
    struct made made;
    static const char schema[] =
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE head(store INTEGER NOT NULL, seq INTEGER NOT NULL, checksum INTEGER NOT NULL,"
        " pruned INTEGER NOT NULL, guard INTEGER NOT NULL) STRICT;"
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, time_ns INTEGER, checksum INTEGER NOT NULL,"
        " kind TEXT NOT NULL, job TEXT, exchange TEXT, pool TEXT, reservation INTEGER,"
        " amount INTEGER NOT NULL, pnl INTEGER NOT NULL, volume INTEGER NOT NULL,"
        " fees INTEGER NOT NULL, actor TEXT, reason TEXT, outcome TEXT, data BLOB NOT NULL) STRICT;"
        "CREATE INDEX events_of_job ON events(job) WHERE job IS NOT NULL;"
        "CREATE TABLE checkpoints(seq INTEGER PRIMARY KEY, time_ns INTEGER, hash INTEGER NOT NULL,"
        " checksum INTEGER NOT NULL, data BLOB) STRICT;"
        "CREATE TABLE exchanges(id INTEGER PRIMARY KEY, name TEXT NOT NULL, venue TEXT NOT NULL)"
        " STRICT;"
        "CREATE TABLE jobs(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, strategy TEXT NOT "
        "NULL,"
        " state TEXT NOT NULL, priority INTEGER NOT NULL, notional INTEGER NOT NULL, edge_bps REAL,"
        " score REAL, reduce_only INTEGER NOT NULL DEFAULT 0, unresolved INTEGER NOT NULL DEFAULT "
        "0,"
        " refusal TEXT, parent TEXT, pnl INTEGER NOT NULL DEFAULT 0,"
        " volume INTEGER NOT NULL DEFAULT 0, fees INTEGER NOT NULL DEFAULT 0, submitted_ns INTEGER,"
        " started_ns INTEGER, finished_ns INTEGER, ended_ns INTEGER, last_seq INTEGER NOT NULL)"
        " STRICT;"
        "CREATE INDEX repairs_of_job ON jobs(parent) WHERE parent IS NOT NULL;"
        "CREATE TABLE reservations(id INTEGER PRIMARY KEY, exchange TEXT, pool TEXT NOT NULL,"
        " amount INTEGER NOT NULL, in_flight INTEGER NOT NULL, used INTEGER NOT NULL, job TEXT,"
        " made_ns INTEGER, last_seq INTEGER NOT NULL) STRICT;"
        "CREATE INDEX reservations_of_job ON reservations(job) WHERE job IS NOT NULL;"
        "CREATE TABLE daily(day TEXT, exchange TEXT, pnl INTEGER NOT NULL, volume INTEGER NOT NULL,"
        " fees INTEGER NOT NULL, PRIMARY KEY(day, exchange)) STRICT, WITHOUT ROWID;"
        "CREATE VIEW daily_pnl AS SELECT * FROM daily;"
        "CREATE VIEW open_reservations AS SELECT * FROM reservations;"
        "CREATE VIEW refusals AS SELECT seq, outcome FROM events WHERE kind = 'refuse';"
        "PRAGMA application_id = 1346720336; PRAGMA user_version = 1;";
    remove_store(path);
    run_sql(path, schema);
    struct perp_head head = {.store = 99, .seq = 3};
    for (uint64_t seq = 1; seq <= 3; seq++) {
        make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
        record_of(&made, "alpha");
        head.checksum = perp_event_checksum(seq, made.record.time_ns, made.data, made.record.size);
        int n =
            snprintf(sql, sizeof sql,
                     "INSERT INTO events VALUES(%d, %lld, %lld, 'reserve', NULL, 'alpha',"
                     " 'arb', %d, 1, 0, 0, 0, NULL, NULL, NULL, x'",
                     (int)seq, (long long)made.record.time_ns, (long long)head.checksum, (int)seq);
        for (size_t i = 0; i < made.record.size; i++)
            n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", (unsigned char)made.data[i]);
        snprintf(sql + n, sizeof sql - (size_t)n, "')");
        run_sql(path, sql);
    }
    snprintf(sql, sizeof sql, "INSERT INTO head VALUES(99, 3, %lld, 0, %lld)",
             (long long)head.checksum, (long long)perp_head_guard(&head));
    run_sql(path, sql);
}

START_TEST(an_older_schema_is_migrated) {
    closed(&store);
    make_version_1();
    ck_assert_msg(open_at(path, &store) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 3));
    put_range(&store, 4, 6);
    closed(&store);
    ask_is("PRAGMA user_version", "2");
    ask_is("SELECT count(*) || coalesce(max(detail), '-') FROM events", "6-");
    ask_is("SELECT count(*) FROM job_history", "0");
    ck_assert_int_eq(open_at(path, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 6));
}
END_TEST

START_TEST(a_migrated_store_has_the_shape_of_a_new_one) {
    char fresh[512], migrated[512];
    static const char sql[] = "SELECT group_concat(name || type) FROM"
                              " (SELECT * FROM sqlite_master ORDER BY name)";
    snprintf(fresh, sizeof fresh, "%s", ask(path, sql));
    closed(&store);
    make_version_1();
    opened(&store);
    snprintf(migrated, sizeof migrated, "%s", ask(path, sql));
    ck_assert_str_eq(fresh, migrated);
    ask_is("SELECT group_concat(name) FROM pragma_table_info('events') WHERE cid > 14",
           "data,detail");
}
END_TEST

START_TEST(a_damaged_older_store_is_not_migrated) {
    closed(&store);
    make_version_1();
    run_sql(path, "UPDATE events SET checksum = checksum + 1 WHERE seq = 2");
    keep_files();
    refused("events seq 2: checksum");
    ask_is("PRAGMA user_version", "1");
}
END_TEST

START_TEST(an_older_schema_is_not_migrated_by_a_reader) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.read_only = 1;
    closed(&store);
    make_version_1();
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_E_STORE);
    ask_is("PRAGMA user_version", "1");
}
END_TEST

static Suite *suite_of_damage(void) {
    Suite *suite = suite_create("store_damage");
    TCase *all = tcase_create("damage");
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_set_timeout(all, 300);
    tcase_add_test(all, a_damaged_event_is_named);
    tcase_add_test(all, an_event_at_another_time_is_named);
    tcase_add_test(all, a_missing_event_is_named);
    tcase_add_test(all, a_missing_first_event_is_named);
    tcase_add_test(all, a_missing_tail_is_noticed);
    tcase_add_test(all, an_event_that_nobody_committed_is_noticed);
    tcase_add_test(all, a_damaged_head_is_named);
    tcase_add_test(all, a_missing_head_is_named);
    tcase_add_test(all, a_missing_table_is_named);
    tcase_add_test(all, an_older_checkpoint_serves_where_the_newest_is_damaged);
    tcase_add_test(all, the_events_serve_where_all_checkpoints_are_damaged);
    tcase_add_test(all, the_checkpoint_is_named_where_the_events_before_it_were_not_kept);
    tcase_add_test(all, a_newer_schema_is_refused);
    tcase_add_test(all, the_file_of_another_application_is_refused);
    tcase_add_test(all, a_file_that_is_no_database_is_refused);
    tcase_add_test(all, an_emptied_file_is_no_new_store);
    tcase_add_test(all, a_file_that_is_gone_is_a_new_store);
    tcase_add_test(all, a_wal_that_is_gone_or_cut_is_noticed);
    tcase_add_test(all, an_older_copy_is_taken_once_the_note_is_removed);
    tcase_add_test(all, any_damaged_byte_of_a_closed_store_is_harmless_or_noticed);
    tcase_add_test(all, any_damaged_byte_of_a_wal_is_harmless_or_noticed);
    tcase_add_test(all, any_damaged_byte_of_a_file_with_a_wal_is_harmless_or_noticed);
    tcase_add_test(all, a_damaged_note_refuses_nothing);
    tcase_add_test(all, an_older_schema_is_migrated);
    tcase_add_test(all, a_migrated_store_has_the_shape_of_a_new_one);
    tcase_add_test(all, a_damaged_older_store_is_not_migrated);
    tcase_add_test(all, an_older_schema_is_not_migrated_by_a_reader);
    suite_add_tcase(suite, all);
    return suite;
}

#else

static Suite *suite_of_damage(void) {
    return suite_create("store_damage");
}

#endif

int main(void) {
    SRunner *runner = srunner_create(suite_of_damage());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
