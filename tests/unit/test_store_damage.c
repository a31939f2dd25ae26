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

static const char *kept_name(const char *name) {
    static char kept_text[128];
    snprintf(kept_text, sizeof kept_text, "%s", name);
    return kept_text;
}

/* 3,000 events in a file of more pages than are verified whole at once, with two checkpoints. */
static void make_large(void) {
    static char detail[4000];
    struct made made;
    memset(detail, 'x', sizeof detail - 1);
    ck_assert_int_eq(begin(&store), PERP_OK);
    for (uint64_t seq = 1; seq <= 3000; seq++) {
        make_reserve(&made, seq, seq, USD(1) + (perp_usd)seq);
        made.record.detail = detail;
        ck_assert_int_eq(append(&store, &made), PERP_OK);
    }
    ck_assert_int_eq(commit(&store), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 2900), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 2950), PERP_OK);
    closed(&store);
}

START_TEST(a_damaged_event_is_named) {
    put_range(&store, 1, 30);
    changed("UPDATE events SET data = x'00' WHERE seq = 17");
    refused("events seq 17: checksum");
}
END_TEST

START_TEST(an_event_of_other_columns_is_named) {
    put_range(&store, 1, 30);
    changed("UPDATE events SET time_ns = time_ns + 1 WHERE seq = 17");
    refused("events seq 17: columns");
    run_sql(path, "UPDATE events SET time_ns = time_ns - 1, actor = '' WHERE seq = 17");
    keep_files();
    refused("events seq 17: columns");
}
END_TEST

START_TEST(two_events_that_changed_places_are_named) {
    put_range(&store, 1, 30);
    changed("UPDATE events SET seq = 99 WHERE seq = 11; UPDATE events SET seq = 11 WHERE seq = 21;"
            "UPDATE events SET seq = 21 WHERE seq = 99");
    refused("events seq 11: checksum");
}
END_TEST

/* Another store's event of the same number: even its chain may be right. */
START_TEST(a_foreign_event_is_named) {
    char sql[256];
    put_range(&store, 1, 30);
    closed(&store);
    for (int i = 0; i < 4; i++) {
        const char *to = kept_name(part_of(copy, parts[i]));
        rename(part_of(path, parts[i]), to);
    }
    opened(&store);
    flavour = 1;
    put_range(&store, 1, 30);
    closed(&store);
    snprintf(sql, sizeof sql,
             "ATTACH '%s' AS other; DELETE FROM events WHERE seq = 17;"
             "INSERT INTO events SELECT * FROM other.events WHERE seq = 17",
             copy);
    run_sql(path, sql);
    keep_files();
    refused("events seq 17: checksum");
    remove_store(path);
    opened(&store);
    flavour = 0;
    put_range(&store, 1, 30);
    closed(&store);
    run_sql(path, sql);
    keep_files();
    refused("events seq 17: columns");
}
END_TEST

START_TEST(a_row_that_changed_came_or_went_is_noticed) {
    static const char *const changes[] = {
        "UPDATE reservations SET used = 1 WHERE id = 7",
        "DELETE FROM reservations WHERE id = 7",
        "INSERT INTO reservations(id, pool) VALUES(99, 'arb')",
        "UPDATE reservations SET made_ns = NULL WHERE id = 7",
        "INSERT INTO daily(day, exchange) VALUES('2025-10-09', 'alpha')",
        "INSERT INTO jobs(id) VALUES('x')",
    };
    put_range(&store, 1, 30);
    closed(&store);
    keep_files();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        put_files();
        run_sql(copy, changes[i]);
        perp_store other;
        ck_assert_int_eq(open_at(copy, &other), PERP_OK);
        ck_assert_msg(load(&other, 0, &got) == PERP_E_CORRUPT, "%s", changes[i]);
        ck_assert_ptr_nonnull(strstr(why(&other), "a row is not as it was committed"));
        closed(&other);
        remove_store(copy);
    }
}
END_TEST

START_TEST(a_schema_of_others_is_named) {
    put_range(&store, 1, 3);
    changed("DROP VIEW daily_pnl; CREATE VIEW daily_pnl AS SELECT day, pnl FROM daily");
    refused("schema: daily_pnl is another");
    run_sql(path, "DROP VIEW daily_pnl");
    keep_files();
    refused("schema: daily_pnl is another");
}
END_TEST

START_TEST(each_table_index_and_view_must_be_as_it_was_made) {
    char name[64], sql[256], place[96];
    put_range(&store, 1, 3);
    closed(&store);
    keep_files();
    const int n = atoi(ask(path, "SELECT count(*) FROM sqlite_master"));
    ck_assert_int_gt(n, 15);
    for (int i = 0; i < n; i++) {
        snprintf(sql, sizeof sql, "SELECT name FROM sqlite_master LIMIT 1 OFFSET %d", i);
        snprintf(name, sizeof name, "%s", ask(path, sql));
        const bool of_key = strncmp(name, "sqlite_", 7) == 0;
        snprintf(place, sizeof place, "schema: %s is another", name);
        /* An index that a key brings along has no SQL: it is there, and of its table, or not. */
        snprintf(sql, sizeof sql,
                 "PRAGMA writable_schema = ON; UPDATE sqlite_master SET %s WHERE name = '%s'",
                 of_key ? "type = 'view', sql = 'CREATE VIEW x AS SELECT 1', rootpage = 0"
                        : "sql = sql || ' '",
                 name);
        put_files();
        run_sql(copy, sql);
        perp_store other;
        ck_assert_msg(open_at(copy, &other) == PERP_E_CORRUPT, "%s", name);
        ck_assert_msg(of_key || strstr(perp_core_error(NULL), place), "%s: %s", name,
                      perp_core_error(NULL));
        remove_store(copy);
    }
}
END_TEST

/* What is hashed of a text is its UTF-8, however the file has it. */
START_TEST(a_store_in_a_file_of_utf_16_is_one) {
    closed(&store);
    remove_store(path);
    run_sql(path, "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(a); DROP TABLE t");
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.create = 1;
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    put_range(&store, 1, 30);
    ask_is("PRAGMA encoding", "UTF-16le");
    closed(&store);
    opened(&store);
    put_range(&store, 31, 40);
}
END_TEST

START_TEST(a_hosts_own_views_and_indexes_are_its_own) {
    put_range(&store, 1, 3);
    changed("CREATE VIEW mine AS SELECT seq FROM events; CREATE INDEX my_kinds ON events(kind)");
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
}
END_TEST

/* However many they are, and where ours come last, as after an upgrade: what is given up is a
   schema without end, not a large one. */
START_TEST(a_host_may_have_many_of_its_own) {
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "BEGIN;");
    for (int i = 0; i < 5000; i++)
        sqlite3_str_appendf(sql, "CREATE VIEW mine%d AS SELECT seq FROM events;", i);
    sqlite3_str_appendall(sql, "COMMIT; PRAGMA writable_schema = ON; UPDATE sqlite_master"
                               " SET rowid = rowid + 10000 WHERE name NOT LIKE 'mine%'");
    char *text = sqlite3_str_finish(sql);
    ck_assert_ptr_nonnull(text);
    put_range(&store, 1, 3);
    changed(text);
    sqlite3_free(text);
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
}
END_TEST

#define ENDLESS "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT "

/* What a file brings is not run: neither of these would end. */
START_TEST(a_view_in_the_place_of_the_head_is_not_read) {
    put_range(&store, 1, 3);
    changed("DROP TABLE head; CREATE VIEW head AS " ENDLESS "x AS store, x AS seq, x AS chain,"
            " x AS pruned, x AS pruned_chain, x AS rows, x AS guard FROM c WHERE x < 0");
    refused("schema: head is another");
}
END_TEST

START_TEST(a_trigger_is_not_run) {
    put_range(&store, 1, 3);
    closed(&store);
    run_sql(path, "CREATE TRIGGER mine BEFORE INSERT ON events BEGIN"
                  " SELECT count(*) FROM (" ENDLESS "x FROM c); END;"
                  "CREATE TRIGGER other AFTER UPDATE ON head BEGIN DELETE FROM events; END");
    opened(&store);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    put_range(&store, 4, 4);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_range(&got, 1, 4));
}
END_TEST

static void put_number(unsigned char *at, int size, uint32_t number) {
    for (int i = size - 1; i >= 0; i--, number >>= 8)
        at[i] = (unsigned char)number;
}

/* A page of a table's tree whose children are all the same page. */
static void put_branch(unsigned char *page, size_t head, size_t size, uint32_t child) {
    const unsigned n = 40;
    page[head] = 5;
    put_number(page + head + 3, 2, n);
    put_number(page + head + 5, 2, (uint32_t)size - 5 * n);
    put_number(page + head + 8, 4, child);
    for (unsigned i = 0; i < n; i++) {
        put_number(page + head + 12 + 2 * i, 2, (uint32_t)size - 5 * (i + 1));
        put_number(page + size - 5 * (i + 1), 4, child);
        page[size - 5 * (i + 1) + 4] = 1;
    }
}

/* The schema's tree has 18 levels, and each page names the next one 41 times. */
START_TEST(a_schema_without_end_is_given_up) {
    static unsigned char file[19 * 512];
    static const unsigned char leaf[] = "\x1f\x01\x06\x17\x0f\x0f\x01\x2ftablett\x02"
                                        "CREATE TABLE t(x)";
    const unsigned size = sizeof leaf - 1;
    memcpy(file, "SQLite format 3\0\x02\x00\x02\x02\x00\x40\x20\x20", 24);
    put_number(file + 24, 4, 1);
    put_number(file + 28, 4, 19);
    put_number(file + 40, 4, 1);
    put_number(file + 44, 4, 4);
    put_number(file + 56, 4, 1);
    put_number(file + 60, 4, 3);
    put_number(file + 68, 4, PERP_SQLITE_APPLICATION);
    put_number(file + 92, 4, 1);
    for (uint32_t i = 0; i < 18; i++)
        put_branch(file + i * 512, i ? 0 : 100, 512, i + 2);
    file[18 * 512] = 13;
    put_number(file + 18 * 512 + 3, 2, 1);
    put_number(file + 18 * 512 + 5, 2, 512 - size);
    put_number(file + 18 * 512 + 8, 2, 512 - size);
    memcpy(file + 19 * 512 - size, leaf, size);
    closed(&store);
    remove_store(path);
    struct bytes bytes = {file, sizeof file, 1};
    write_bytes(path, &bytes);
    keep_files();
    refused("header: ");
}
END_TEST

/* Pages that name the same one again have its checkpoints once more, each time. */
START_TEST(checkpoints_out_of_order_are_not_read_without_end) {
    make_large();
    run_sql(path, "DELETE FROM checkpoints; WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT"
                  " x + 1 FROM c WHERE x < 900) INSERT INTO checkpoints SELECT x, 0, 0, 0, 0, x'00'"
                  " FROM c");
    unsigned root = (unsigned)strtoul(
        ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'checkpoints'"), NULL, 10);
    keep_files();
    unsigned char *page = kept[0].at + (size_t)(root - 1) * 4096;
    ck_assert_uint_eq(page[0], 5);
    for (unsigned i = 0; i < page[4]; i++)
        memcpy(page + (page[12 + 2 * i] << 8 | page[13 + 2 * i]), page + 8, 4);
    const unsigned char *leaf = kept[0].at + ((size_t)(page[10] << 8 | page[11]) - 1) * 4096;
    const unsigned rows = (unsigned)(leaf[3] << 8 | leaf[4]);
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert_uint_eq(got.refused, rows);
}
END_TEST

/* More than is verified at once when it is opened: the rest is, step by step. */
START_TEST(old_damage_in_a_large_store_is_found_at_a_checkpoint_or_a_load_of_all) {
    make_large();
    run_sql(path, "UPDATE events SET actor = 'x' WHERE seq = 1500");
    perp_sqlite_options few;
    perp_sqlite_options_init(&few);
    few.verify_events = 100;
    ck_assert_int_eq(perp_store_sqlite_open(path, &few, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 3000), PERP_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(why(&store), "events seq 1500: columns"));
    ck_assert_int_eq(begin(&store), PERP_E_CORRUPT);
    closed(&store);
    ck_assert_int_eq(perp_store_sqlite_open(path, &few, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 1, &got), PERP_E_CORRUPT);
    closed(&store);
    few.verify_events = UINT64_MAX;
    ck_assert_int_eq(perp_store_sqlite_open(path, &few, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_E_CORRUPT);
}
END_TEST

START_TEST(a_large_store_that_is_whole_is_found_so_while_it_changes) {
    struct made made;
    perp_sqlite_options few;
    perp_sqlite_options_init(&few);
    make_large();
    few.verify_events = 100;
    ck_assert_int_eq(perp_store_sqlite_open(path, &few, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    for (uint64_t seq = 3001; seq <= 3010; seq++) {
        make_reserve(&made, seq, seq - 2000, USD(3));
        put(&store, &made);
        ck_assert_msg(checkpoint(&store, seq) == PERP_OK, "%s", why(&store));
    }
    closed(&store);
    run_sql(path, "DELETE FROM reservations WHERE id = 2500");
    ck_assert_int_eq(perp_store_sqlite_open(path, &few, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 3010), PERP_E_CORRUPT);
}
END_TEST

/* As sqlite3's own tools leave a copy. */
START_TEST(a_file_in_another_mode_is_put_in_wal_mode_once_it_is_believed) {
    put_range(&store, 1, 30);
    changed("PRAGMA journal_mode = DELETE");
    put_files();
    ck_assert_int_eq(load_copy(), PERP_OK);
    ck_assert(got_range(&got, 1, 30));
    ck_assert_str_eq(ask(copy, "PRAGMA journal_mode"), "wal");
    run_sql(path, "UPDATE events SET data = x'00' WHERE seq = 17");
    keep_files();
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
    changed("INSERT INTO events SELECT 31, time_ns, kind, job, exchange, pool, reservation,"
            " amount, pnl, volume, fees, actor, reason, outcome, detail, data, guard"
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
    refused("schema: checkpoints is another");
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

/* Its checksum is right, and the book can't read it all the same. */
START_TEST(an_older_checkpoint_serves_where_the_book_refuses_the_newest) {
    put_range(&store, 1, 30);
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    closed(&store);
    opened(&store);
    got.refuses = 20;
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_uint_eq(got.refused, 1);
    ck_assert(got_book(&got, 10));
    ck_assert(got_range(&got, 11, 30));
    got.refuses = 1;
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert_uint_eq(got.refused, 2);
    ck_assert(got_range(&got, 1, 30));
    got.refuses = 0;
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
        make(&made, seq, "clock");
        put(&store, &made);
    }
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    changed("UPDATE checkpoints SET hash = hash + 1");
    refused("checkpoints seq 20: can't be read");
}
END_TEST

/* What can't be read is no reason for others to go. */
START_TEST(a_checkpoint_that_is_none_does_not_count) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = 1;
    put_range(&store, 1, 30);
    ck_assert_int_eq(checkpoint(&store, 10), PERP_OK);
    ck_assert_int_eq(checkpoint(&store, 20), PERP_OK);
    closed(&store);
    run_sql(path, "UPDATE checkpoints SET data = x'00' WHERE seq = 20;"
                  "INSERT INTO checkpoints SELECT 98, time_ns, hash, digest, guard, NULL"
                  " FROM checkpoints LIMIT 1;"
                  "INSERT INTO checkpoints SELECT seq + 80, time_ns, hash, digest, guard, data"
                  " FROM checkpoints WHERE data IS NOT NULL");
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_book(&got, 10));
    ck_assert_int_eq(checkpoint(&store, 30), PERP_OK);
    ask_is("SELECT group_concat(seq) FROM checkpoints", "10,30");
    closed(&store);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &store), PERP_OK);
    ck_assert_int_eq(load(&store, 0, &got), PERP_OK);
    ck_assert(got_book(&got, 30));
}
END_TEST

START_TEST(a_newer_schema_is_refused) {
    put_range(&store, 1, 3);
    changed("PRAGMA user_version = 6");
    refused("newer");
}
END_TEST

START_TEST(a_schema_of_before_the_first_release_is_refused) {
    put_range(&store, 1, 3);
    changed("PRAGMA user_version = 2");
    refused("never released");
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

/* SQLite removes the WAL of an empty file: what it has of the store would be lost, too. */
START_TEST(the_wal_of_an_emptied_file_stays) {
    put_range(&store, 1, 3);
    keep_files();
    ck_assert_uint_gt(kept[1].size, 0);
    kept[0].size = 0;
    refused("3 events were committed");
    kept[3].there = 0;
    refused("the file is empty");
}
END_TEST

/* Its checksum is right, so that SQLite would not put it aside. */
START_TEST(a_wal_of_another_version_is_named) {
    put_range(&store, 1, 3);
    keep_files();
    unsigned char *wal = kept[1].at;
    uint32_t sum[2] = {0, 0}, words[6];
    wal[7]++;
    for (int i = 0; i < 6; i++)
        words[i] = wal[3] & 1 ? (uint32_t)wal[4 * i] << 24 | (uint32_t)wal[4 * i + 1] << 16 |
                                    (uint32_t)wal[4 * i + 2] << 8 | wal[4 * i + 3]
                              : (uint32_t)wal[4 * i + 3] << 24 | (uint32_t)wal[4 * i + 2] << 16 |
                                    (uint32_t)wal[4 * i + 1] << 8 | wal[4 * i];
    for (int i = 0; i < 6; i += 2) {
        sum[0] += words[i] + sum[1];
        sum[1] += words[i + 1] + sum[0];
    }
    for (int i = 0; i < 8; i++)
        wal[24 + i] = (unsigned char)(sum[i / 4] >> (24 - 8 * (i % 4)));
    refused("WAL: of a version that is not known");
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

/* The files of a store at one moment and at another, or of two stores, put together. */
static void mixed(const struct bytes *file, const struct bytes *wal, const struct bytes *note,
                  const char *place) {
    struct bytes own[4];
    memcpy(own, kept, sizeof own);
    kept[0] = *file;
    kept[1] = *wal;
    kept[2].there = 0;
    kept[3] = note ? *note : (struct bytes){NULL, 0, 0};
    refused(place);
    memcpy(kept, own, sizeof own);
}

START_TEST(the_wal_of_another_store_is_noticed) {
    struct bytes closed_file, wal, note;
    put_range(&store, 1, 20);
    closed(&store);
    closed_file = read_bytes(path);
    note = read_bytes(part_of(path, "-lock"));
    remove_store(path);
    opened(&store);
    put_range(&store, 1, 20);
    keep_files();
    wal = kept[1];
    mixed(&closed_file, &wal, NULL, "the WAL is another store's");
    mixed(&closed_file, &wal, &note, "another store's");
    mixed(&kept[0], &wal, &note, "the file is another store's");
    free(closed_file.at);
    free(note.at);
}
END_TEST

START_TEST(the_wal_of_an_older_moment_is_noticed) {
    struct bytes older, file;
    put_range(&store, 1, 10);
    keep_files();
    older = kept[1];
    kept[1].at = NULL;
    put_range(&store, 11, 20);
    closed(&store);
    file = read_bytes(path);
    mixed(&file, &older, NULL, "events end at seq 10, though 20 were committed");
    free(older.at);
    free(file.at);
}
END_TEST

/* A copy that went on by itself: its WAL tells of later events, but not of the file's. */
START_TEST(the_wal_of_a_copy_that_went_another_way_is_noticed) {
    struct bytes wal;
    put_range(&store, 1, 10);
    closed(&store);
    keep_files();
    flavour = 1;
    opened(&store);
    put_range(&store, 11, 30);
    wal = read_bytes(part_of(path, "-wal"));
    closed(&store);
    write_bytes(path, &kept[0]);
    unlink(part_of(path, "-lock"));
    flavour = 0;
    opened(&store);
    put_range(&store, 11, 20);
    closed(&store);
    keep_files();
    mixed(&kept[0], &wal, NULL, "");
    mixed(&kept[0], &wal, &kept[3], "");
    free(wal.at);
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

/* What people read, all of it, as one number, without the checkpoints: where one of those is
   damaged another serves. 0: it can't be read. */
static uint64_t tables_sum(const char *file) {
    static const char *const queries[] = {
        "SELECT * FROM events",
        "SELECT * FROM jobs",
        "SELECT * FROM reservations",
        "SELECT * FROM daily",
        "SELECT * FROM exchanges",
        "SELECT * FROM daily_pnl",
        "SELECT * FROM job_history",
        "SELECT * FROM refusals",
        "SELECT * FROM open_reservations",
        "SELECT * FROM open_hedges",
        "SELECT * FROM open_positions",
        "SELECT * FROM open_job_lots",
        "SELECT * FROM naked_bases",
        "SELECT * FROM control_log",
        "SELECT seq, chain FROM head",
        "SELECT seq FROM events WHERE job = '10000000-0000-0000-0000-000003000000'",
        "SELECT id FROM jobs WHERE id > '1000'",
        "SELECT id FROM reservations WHERE job > '1'",
    };
    uint64_t sum = 1;
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof queries / sizeof *queries && sum; i++) {
        sqlite3_stmt *row = NULL;
        int code = sqlite3_prepare_v2(db, queries[i], -1, &row, NULL);
        while (code == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
            for (int column = 0; column < sqlite3_column_count(row); column++) {
                int type = sqlite3_column_type(row, column);
                const void *bytes = sqlite3_column_blob(row, column);
                sum = perp_chain(sum + (uint64_t)type, bytes,
                                 (size_t)sqlite3_column_bytes(row, column));
            }
        }
        if (code != SQLITE_OK || sqlite3_finalize(row) != SQLITE_OK)
            sum = 0;
    }
    sqlite3_close(db);
    return sum;
}

/* 200 records with rows of each table, and two checkpoints. */
static void fill(void) {
    struct made made;
    for (uint64_t seq = 1; seq <= 200; seq++) {
        if (seq % 4 == 0)
            make_reserve(&made, seq, seq, USD(seq));
        else if (seq % 4 == 1)
            make_submit(&made, seq, (uint32_t)seq, USD(100));
        else if (seq % 4 == 2)
            make_end(&made, seq, "refuse", (uint32_t)seq - 1, "rejected");
        else
            make(&made, seq, "kill");
        made.record.actor = seq % 4 == 3 ? "desk" : NULL;
        if (seq % 20 == 1) {
            with_row(&made, "daily", 2);
            with_text(&made, "day", "2025-10-09");
            with_text(&made, "exchange", seq % 40 == 1 ? "alpha" : "beta");
            with_int(&made, "pnl", USD(seq));
        }
        put(&store, &made);
        if (seq == 60 || seq == 180)
            ck_assert_int_eq(checkpoint(&store, seq), PERP_OK);
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

/* Of 1,000 bytes of the file, those that hold nothing: unused room in pages, free pages, and the
   checkpoints, for one of which another serves. The page of the header counts as one that holds
   something. */
static unsigned nothing_in(const char *file) {
    const char *share =
        ask(file, "SELECT 1000 * (sum(CASE WHEN name = 'checkpoints' THEN pgsize ELSE unused END)"
                  " + (SELECT freelist_count * page_size FROM pragma_freelist_count,"
                  " pragma_page_size)) / (SELECT page_count * page_size FROM pragma_page_count,"
                  " pragma_page_size) FROM dbstat");
    return (unsigned)strtoul(share, NULL, 10);
}

/* Sanitizers take several times as long. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARSER 5
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARSER 5
#endif
#endif
#ifndef SPARSER
#define SPARSER 1
#endif

/* PERP_ALL_BITS=1: each bit of each byte, which takes hours; 3/20: each twentieth from the third
   on, for a part of them. Without it, some. false: without it. */
static bool all_bits(size_t *first, size_t *step) {
    const char *text = getenv("PERP_ALL_BITS");
    *first = *step = 1;
    if (text && sscanf(text, "%zu/%zu", first, step) < 2)
        *first = *step = 1;
    *first -= *first > 0;
    *step += *step == 0;
    return text != NULL;
}

/* The bytes of the WAL that count: after them come frames of before it was begun anew. */
static size_t wal_in_use(void) {
    const unsigned char *wal = kept[1].at;
    const size_t frame = 24 + ((size_t)wal[10] << 8 | wal[11]);
    size_t at = 32;
    while (at + frame <= kept[1].size && !memcmp(wal + at + 8, wal + 16, 8))
        at += frame;
    return at;
}

/* What became of the bits that were flipped. */
struct flips {
    unsigned all, silent;
    size_t last; /* byte of those that were not noticed: the first */
};

/* Flips bits of a part, one at a time, in all of its regions: each is noticed, or the book and all
   tables are as they were. */
static struct flips damage(int part, size_t step) {
    static struct got whole;
    struct flips flips = {0, 0, SIZE_MAX};
    unsigned seed = 7;
    size_t first, every;
    const bool all = all_bits(&first, &every);
    put_files();
    perp_store other;
    ck_assert_int_eq(open_at(copy, &other), PERP_OK);
    ck_assert_int_eq(load(&other, 1, &whole), PERP_OK);
    ck_assert_uint_eq(whole.count, 200);
    closed(&other);
    const uint64_t sum = tables_sum(copy);
    ck_assert(sum != 0);
    for (size_t at = all ? first : 0; at < kept[part].size * 8;) {
        unsigned char was = kept[part].at[at / 8];
        kept[part].at[at / 8] = (unsigned char)(was ^ 1u << at % 8);
        put_files();
        perp_status status = load_copy();
        int good = status == PERP_OK && got_all(&whole) && tables_sum(copy) == sum;
        ck_assert_msg(good || status == PERP_E_CORRUPT, "byte %zu of %s, %02x for %02x: %s (%u)",
                      at / 8, parts[part], kept[part].at[at / 8], was, perp_status_string(status),
                      got.count);
        if (good && at / 8 < flips.last)
            flips.last = at / 8;
        flips.silent += (unsigned)good;
        flips.all++;
        kept[part].at[at / 8] = was;
        seed = seed * 1103515245u + 12345u;
        at += all ? every : at < 800 ? 3 : 1 + (seed >> 8) % (2 * step * SPARSER);
    }
    printf("bits of the %s: %u flipped, %u of them hold nothing\n", part ? "WAL" : "file",
           flips.all, flips.silent);
    return flips;
}

START_TEST(any_flipped_bit_of_a_closed_store_is_noticed_or_held_nothing) {
    fill();
    closed(&store);
    keep_files();
    struct flips flips = damage(0, 900);
    /* Not more of them than are unused, by SQLite's own count; 5 in 100 for the sample. */
    put_files();
    ck_assert_uint_le(flips.silent * 1000, flips.all * (nothing_in(copy) + 50));
}
END_TEST

START_TEST(any_flipped_bit_of_a_wal_is_noticed_or_held_nothing) {
    fill();
    keep_files();
    struct flips flips = damage(1, 8000);
    ck_assert_uint_ge(flips.last, wal_in_use());
}
END_TEST

START_TEST(any_flipped_bit_of_a_file_with_a_wal_is_noticed_or_held_nothing) {
    fill();
    keep_files();
    damage(0, 2000);
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

/* A newer version adds columns at the end of a table, which has the shape of a new one then. */
START_TEST(a_table_that_grew_has_the_shape_of_a_new_one) {
    char fresh[512];
    static const char sql[] = "SELECT sql FROM sqlite_master WHERE name = 'daily'";
    put_range(&store, 1, 3);
    snprintf(fresh, sizeof fresh, "%s", ask(path, sql));
    changed("DROP VIEW daily_pnl; ALTER TABLE daily DROP COLUMN last_seq;"
            "ALTER TABLE daily DROP COLUMN fees");
    refused("schema: daily is another");
    run_sql(path, "ALTER TABLE daily ADD COLUMN fees INTEGER NOT NULL DEFAULT 0;"
                  "ALTER TABLE daily ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0");
    ask_is(sql, fresh);
}
END_TEST

static Suite *suite_of_damage(void) {
    Suite *suite = suite_create("store_damage");
    TCase *all = tcase_create("damage");
    tcase_add_checked_fixture(all, open_new, close_all);
    tcase_set_timeout(all, getenv("PERP_ALL_BITS") ? 0 : 300);
    tcase_add_test(all, a_damaged_event_is_named);
    tcase_add_test(all, an_event_of_other_columns_is_named);
    tcase_add_test(all, two_events_that_changed_places_are_named);
    tcase_add_test(all, a_foreign_event_is_named);
    tcase_add_test(all, a_row_that_changed_came_or_went_is_noticed);
    tcase_add_test(all, a_schema_of_others_is_named);
    tcase_add_test(all, each_table_index_and_view_must_be_as_it_was_made);
    tcase_add_test(all, a_store_in_a_file_of_utf_16_is_one);
    tcase_add_test(all, a_hosts_own_views_and_indexes_are_its_own);
    tcase_add_test(all, a_host_may_have_many_of_its_own);
    tcase_add_test(all, a_view_in_the_place_of_the_head_is_not_read);
    tcase_add_test(all, a_trigger_is_not_run);
    tcase_add_test(all, a_schema_without_end_is_given_up);
    tcase_add_test(all, checkpoints_out_of_order_are_not_read_without_end);
    tcase_add_test(all, old_damage_in_a_large_store_is_found_at_a_checkpoint_or_a_load_of_all);
    tcase_add_test(all, a_large_store_that_is_whole_is_found_so_while_it_changes);
    tcase_add_test(all, a_file_in_another_mode_is_put_in_wal_mode_once_it_is_believed);
    tcase_add_test(all, a_missing_event_is_named);
    tcase_add_test(all, a_missing_first_event_is_named);
    tcase_add_test(all, a_missing_tail_is_noticed);
    tcase_add_test(all, an_event_that_nobody_committed_is_noticed);
    tcase_add_test(all, a_damaged_head_is_named);
    tcase_add_test(all, a_missing_head_is_named);
    tcase_add_test(all, a_missing_table_is_named);
    tcase_add_test(all, an_older_checkpoint_serves_where_the_newest_is_damaged);
    tcase_add_test(all, an_older_checkpoint_serves_where_the_book_refuses_the_newest);
    tcase_add_test(all, the_events_serve_where_all_checkpoints_are_damaged);
    tcase_add_test(all, the_checkpoint_is_named_where_the_events_before_it_were_not_kept);
    tcase_add_test(all, a_checkpoint_that_is_none_does_not_count);
    tcase_add_test(all, a_newer_schema_is_refused);
    tcase_add_test(all, a_schema_of_before_the_first_release_is_refused);
    tcase_add_test(all, the_file_of_another_application_is_refused);
    tcase_add_test(all, a_file_that_is_no_database_is_refused);
    tcase_add_test(all, an_emptied_file_is_no_new_store);
    tcase_add_test(all, the_wal_of_an_emptied_file_stays);
    tcase_add_test(all, a_wal_of_another_version_is_named);
    tcase_add_test(all, a_file_that_is_gone_is_a_new_store);
    tcase_add_test(all, a_wal_that_is_gone_or_cut_is_noticed);
    tcase_add_test(all, the_wal_of_another_store_is_noticed);
    tcase_add_test(all, the_wal_of_an_older_moment_is_noticed);
    tcase_add_test(all, the_wal_of_a_copy_that_went_another_way_is_noticed);
    tcase_add_test(all, an_older_copy_is_taken_once_the_note_is_removed);
    tcase_add_test(all, any_flipped_bit_of_a_closed_store_is_noticed_or_held_nothing);
    tcase_add_test(all, any_flipped_bit_of_a_wal_is_noticed_or_held_nothing);
    tcase_add_test(all, any_flipped_bit_of_a_file_with_a_wal_is_noticed_or_held_nothing);
    tcase_add_test(all, a_damaged_note_refuses_nothing);
    tcase_add_test(all, a_table_that_grew_has_the_shape_of_a_new_one);
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
