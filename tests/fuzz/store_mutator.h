/* How libFuzzer changes a store: what SQLite and this library would refuse by a sum alone is rare.
   A change is one of bytes within a page of the file or its WAL; or of values, rows, records,
   checkpoints or the schema, with SQL. Then sums are put right (store_mend.h), mostly. */
#ifndef FUZZ_STORE_MUTATOR_H
#define FUZZ_STORE_MUTATOR_H

#include "store_mend.h"

#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Changes a few bytes somewhere; their number stays. */
static void mutate_slice(struct mutant *m, uint8_t *bytes, size_t size) {
    uint8_t slice[64];
    size_t length = 1 + mutant_draw(m, mutant_draw(m, 4) ? 8 : sizeof slice);
    if (size == 0) {
        return;
    }
    length = length < size ? length : size;
    size_t at = mutant_draw(m, (uint32_t)(size - length + 1));
    memcpy(slice, bytes + at, length);
    size_t changed = LLVMFuzzerMutate(slice, length, length);
    memcpy(bytes + at, slice, changed < length ? changed : length);
}

/* Bytes of one page, or of one frame of the WAL; heads of pages, and of the file, more often. */
static void mutate_bytes(struct mutant *m, uint8_t *bytes, size_t size, size_t head) {
    size_t page = 512u << mutant_draw(m, 4);
    if (size <= head) {
        return;
    }
    size_t at = head + mutant_draw(m, (uint32_t)((size - head) / page + 1)) * page;
    at = at < size ? at : head;
    size_t length = page < size - at ? page : size - at;
    if (mutant_draw(m, 4) == 0) {
        at = 0;
        length = length < 100 ? length : 100;
    } else if (mutant_draw(m, 2)) {
        length = length < 40 ? length : 40;
    }
    mutate_slice(m, bytes + at, length);
}

/* Bytes in a copy with room for more of them; to be freed. */
static uint8_t *mutate_copy(struct mutant *m, const uint8_t *bytes, size_t size, size_t room,
                            size_t *changed) {
    uint8_t *copy = malloc(size + room + 1);
    must(copy != NULL, NULL);
    if (size != 0) {
        memcpy(copy, bytes, size);
    }
    if (mutant_draw(m, 2) && size != 0) {
        mutate_slice(m, copy, size);
        *changed = size;
    } else {
        *changed = LLVMFuzzerMutate(copy, size, size + room);
    }
    return copy;
}

/* ---- Records and checkpoints ----------------------------------------------------------------- */

/* A blob that a query gives, in memory to be freed; its key. */
static uint8_t *mutant_blob(struct mutant *m, const char *sql, int64_t *key, size_t *size) {
    sqlite3_stmt *row = NULL;
    uint8_t *blob = NULL;
    if (sqlite3_prepare_v2(m->db, sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        const void *there = sqlite3_column_blob(row, 1);
        *key = sqlite3_column_int64(row, 0);
        *size = there != NULL ? (size_t)sqlite3_column_bytes(row, 1) : 0;
        blob = malloc(*size + 1);
        must(blob != NULL, NULL);
        if (*size != 0) {
            memcpy(blob, there, *size);
        }
    }
    sqlite3_finalize(row);
    return blob;
}

/* One of the events. */
static int64_t draw_event(struct mutant *m) {
    int64_t first = mutant_number(m, "SELECT min(seq) FROM events");
    int64_t last = mutant_number(m, "SELECT max(seq) FROM events");
    uint64_t n = (uint64_t)last - (uint64_t)first + 1;
    uint64_t away = mutant_draw(m, n < 100000 ? (uint32_t)n : 1);
    return mutant_draw(m, 3) ? (int64_t)((uint64_t)first + away)
                             : (int64_t)((uint64_t)last - away % 8);
}

/* The payload of a record, mostly: what comes before its key (tag 6, a row) stays. */
static void mutate_record(struct mutant *m) {
    char sql[96];
    int64_t seq;
    size_t size, changed, at = 0;
    sqlite3_snprintf(sizeof sql, sql, "SELECT seq, data FROM events WHERE seq >= %lld LIMIT 1",
                     (long long)draw_event(m));
    uint8_t *record = mutant_blob(m, sql, &seq, &size);
    if (record == NULL || size < PERP_CHAIN_SIZE) {
        free(record);
        return;
    }
    size -= PERP_CHAIN_SIZE;
    while (at < size && record[at] != 0x34) {
        at++;
    }
    at = at < size && mutant_draw(m, 4) ? at + 1 : 0;
    uint8_t *copy = mutate_copy(m, record + at, size - at, 64, &changed);
    uint8_t *whole = malloc(at + changed + PERP_CHAIN_SIZE);
    must(whole != NULL, NULL);
    memcpy(whole, record, at);
    memcpy(whole + at, copy, changed);
    memset(whole + at + changed, 0, PERP_CHAIN_SIZE);
    mutant_put(m, "UPDATE events SET data = ?2 WHERE seq = ?1", seq, whole,
               at + changed + PERP_CHAIN_SIZE);
    free(whole);
    free(copy);
    free(record);
}

/* A row of an image: its kind, its index, how many bytes follow, and they. */
struct image_row {
    size_t at, fields, end;
};

static uint32_t find_rows(const uint8_t *image, size_t size, struct image_row *rows,
                          uint32_t most) {
    struct perp_reader reader = {image, image + size, false};
    uint32_t n = 0;
    perp_read_unsigned(&reader);
    perp_read_unsigned(&reader);
    perp_read_bytes(&reader, 16);
    while (n < most && !reader.failed && reader.at < reader.end) {
        rows[n].at = (size_t)(reader.at - image);
        perp_read_unsigned(&reader);
        perp_read_unsigned(&reader);
        uint64_t length = perp_read_unsigned(&reader);
        rows[n].fields = (size_t)(reader.at - image);
        if (perp_read_bytes(&reader, length) != NULL) {
            rows[n++].end = (size_t)(reader.at - image);
        }
    }
    return n;
}

/* Puts a row with other fields into the place of the old one, n times; the size of what comes of
   it. to holds 16 bytes more than needed. */
static size_t put_row(const uint8_t *image, size_t size, const struct image_row *row,
                      const uint8_t *fields, size_t n_fields, uint32_t n, uint8_t *to) {
    struct perp_reader reader = {image + row->at, image + size, false};
    size_t at = row->at, head;
    perp_read_unsigned(&reader);
    perp_read_unsigned(&reader);
    head = (size_t)(reader.at - image) - row->at;
    memcpy(to, image, at);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(to + at, image + row->at, head);
        at += head;
        size_t length = n_fields;
        for (; length >= 128; length >>= 7) {
            to[at++] = (uint8_t)(length | 128);
        }
        to[at++] = (uint8_t)length;
        memcpy(to + at, fields, n_fields);
        at += n_fields;
    }
    memcpy(to + at, image + row->end, size - row->end);
    return at + size - row->end;
}

/* One row of an image is changed, gone or there twice. */
static uint8_t *mutate_rows(struct mutant *m, const uint8_t *image, size_t size, size_t *changed) {
    static struct image_row rows[4096];
    uint32_t n = find_rows(image, size, rows, 4096), times = mutant_draw(m, 8);
    if (n == 0) {
        return mutate_copy(m, image, size, 64, changed);
    }
    const struct image_row *row = &rows[mutant_draw(m, n)];
    size_t n_fields;
    uint8_t *fields = mutate_copy(m, image + row->fields, row->end - row->fields, 64, &n_fields);
    times = times < 2 ? times * 2 : 1;
    uint8_t *to = malloc(size + 2 * n_fields + 64);
    must(to != NULL, NULL);
    *changed = put_row(image, size, row, fields, n_fields, times, to);
    free(fields);
    return to;
}

static void mutate_image(struct mutant *m) {
    int64_t seq;
    size_t size, changed;
    uint8_t *copy, *image = mutant_blob(m,
                                        "SELECT seq, data FROM checkpoints WHERE data IS NOT NULL"
                                        " ORDER BY random() LIMIT 1",
                                        &seq, &size);
    if (image == NULL || size < PERP_CHAIN_SIZE) {
        free(image);
        return;
    }
    size -= PERP_CHAIN_SIZE;
    copy = mutant_draw(m, 4) ? mutate_rows(m, image, size, &changed)
                             : mutate_copy(m, image, size, 64, &changed);
    copy = realloc(copy, changed + PERP_CHAIN_SIZE);
    must(copy != NULL, NULL);
    memset(copy + changed, 0, PERP_CHAIN_SIZE);
    mutant_put(m, "UPDATE checkpoints SET data = ?2 WHERE seq = ?1", seq, copy,
               changed + PERP_CHAIN_SIZE);
    free(copy);
    free(image);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* An integer, as SQL. */
static long long draw_integer(struct mutant *m) {
    static const int64_t some[] = {0,         1,          2,         -1,        INT64_MAX,
                                   INT64_MIN, UINT32_MAX, INT32_MAX, INT32_MIN, 1000000};
    uint8_t bytes[8] = {0};
    uint64_t word;
    switch (mutant_draw(m, 3)) {
    case 0:
        return some[mutant_draw(m, sizeof some / sizeof *some)];
    case 1:
        return mutant_draw(m, 200);
    default:
        break;
    }
    LLVMFuzzerMutate(bytes, mutant_draw(m, 9), 8);
    memcpy(&word, bytes, sizeof word);
    return (long long)word;
}

/* A value of a row. */
static void mutate_value(struct mutant *m) {
    static const char *const values[] = {
        "NULL",    "''",          "'x'",       "-1",     "0", "1.5", "x'00'", "9223372036854775807",
        "'alpha'", "zeroblob(9)", "char(0,9)", "x'ff80'"};
    const struct perp_sqlite_table *table = &m->tables[mutant_draw(m, PERP_SQLITE_TABLES)];
    const char *column = table->columns[mutant_draw(m, (uint32_t)table->n_columns)].name;
    char number[32];
    sqlite3_snprintf(sizeof number, number, "%lld", draw_integer(m));
    mutant_runf(m,
                "UPDATE %s SET %s = %s WHERE rowid = (SELECT rowid FROM %s ORDER BY random()"
                " LIMIT 1)",
                table->name, column,
                mutant_draw(m, 2) ? number : values[mutant_draw(m, sizeof values / sizeof *values)],
                table->name);
}

static void mutate_row_number(struct mutant *m) {
    const struct perp_sqlite_table *table = &m->tables[mutant_draw(m, PERP_SQLITE_TABLES)];
    if (mutant_draw(m, 2)) {
        mutant_runf(m,
                    "DELETE FROM %s WHERE rowid = (SELECT rowid FROM %s ORDER BY random()"
                    " LIMIT 1)",
                    table->name, table->name);
        return;
    }
    mutant_runf(m, "UPDATE %s SET rowid = %lld WHERE rowid = (SELECT max(rowid) FROM %s)",
                table->name, draw_integer(m), table->name);
}

static void mutate_events(struct mutant *m) {
    long long at = draw_event(m), other = draw_event(m);
    switch (mutant_draw(m, 5)) {
    case 0: /* gone, and those after it follow */
        mutant_runf(m, "DELETE FROM events WHERE seq = %lld", at);
        mutant_runf(m, "UPDATE events SET seq = 1 - seq WHERE seq > %lld", at);
        mutant_run(m, "UPDATE events SET seq = -seq WHERE seq < 0");
        break;
    case 1: /* there once more, elsewhere */
        mutant_runf(m, "UPDATE events SET seq = -1 - seq WHERE seq > %lld", at);
        mutant_run(m, "UPDATE events SET seq = -seq WHERE seq < 0");
        mutant_runf(m,
                    "INSERT INTO events SELECT %lld + 1, time_ns, kind, job, exchange, pool,"
                    " reservation, amount, pnl, volume, fees, actor, reason, outcome, detail,"
                    " data, guard FROM events WHERE seq = %lld",
                    at, other);
        break;
    case 2: /* the last ones gone */
        mutant_runf(m, "DELETE FROM events WHERE seq > %lld", at);
        break;
    case 3: /* the first ones gone, for good; or said to be */
        m->head.pruned = (uint64_t)at;
        m->head.pruned_chain = mend_chain_at(m, (uint64_t)at);
        if (mutant_draw(m, 4)) {
            mutant_runf(m, "DELETE FROM events WHERE seq <= %lld%s", at,
                        mutant_draw(m, 2) ? "" : " AND job IS NULL AND reservation IS NULL");
        }
        break;
    default:
        mutant_runf(m,
                    "UPDATE events SET data = (SELECT data FROM events WHERE seq = %lld)"
                    " WHERE seq = %lld",
                    other, at);
    }
}

static void mutate_checkpoint(struct mutant *m) {
    long long seq = draw_event(m);
    switch (mutant_draw(m, 5)) {
    case 0:
        mutant_run(m, "DELETE FROM checkpoints WHERE seq = (SELECT max(seq) FROM checkpoints)");
        break;
    case 1:
        mutant_runf(m,
                    "INSERT OR REPLACE INTO checkpoints SELECT %lld, time_ns, hash, digest, guard,"
                    " data FROM checkpoints ORDER BY random() LIMIT 1",
                    seq);
        break;
    case 2:
        mutant_runf(m, "UPDATE OR REPLACE checkpoints SET seq = %lld",
                    mutant_draw(m, 4) ? seq : draw_integer(m));
        break;
    case 3:
        mutant_runf(m, "UPDATE checkpoints SET data = %s",
                    mutant_draw(m, 2) ? "NULL" : "zeroblob(0)");
        break;
    default:
        mutant_runf(m, "UPDATE checkpoints SET %s = %lld", mutant_draw(m, 2) ? "time_ns" : "hash",
                    draw_integer(m));
    }
}

static void mutate_head(struct mutant *m) {
    uint64_t *const numbers[] = {&m->head.store,  &m->head.seq,          &m->head.chain,
                                 &m->head.pruned, &m->head.pruned_chain, &m->head.rows};
    *numbers[mutant_draw(m, 6)] = (uint64_t)draw_integer(m);
    if (mutant_draw(m, 16) == 0) {
        mutant_run(m,
                   mutant_draw(m, 2) ? "DELETE FROM head" : "INSERT INTO head SELECT * FROM head");
    }
}

/* ---- The schema ------------------------------------------------------------------------------ */

#define ENDLESS "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c)"

static void mutate_schema(struct mutant *m) {
    static const char *const changes[] = {
        "CREATE VIEW mine AS SELECT * FROM events",
        "CREATE TABLE mine(x CHECK(x > 0), y DEFAULT (1 / 0)); INSERT INTO mine VALUES(1, 1)",
        "CREATE TABLE mine(x PRIMARY KEY, y AS (x + 1)) WITHOUT ROWID; INSERT INTO mine VALUES(1)",
        "CREATE INDEX mine ON events(amount)",
        "CREATE UNIQUE INDEX mine ON events(kind)",
        "CREATE UNIQUE INDEX mine ON jobs(1)",
        "CREATE INDEX mine ON events(amount / pnl) WHERE kind > 'e'",
        "CREATE TRIGGER mine AFTER INSERT ON events BEGIN DELETE FROM head; END",
        "CREATE TRIGGER mine AFTER UPDATE ON head BEGIN UPDATE events SET amount = 1; END",
        "CREATE TRIGGER mine BEFORE INSERT ON jobs BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER mine BEFORE INSERT ON events BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        "CREATE TRIGGER mine BEFORE INSERT ON events BEGIN SELECT count(*) FROM (" ENDLESS
        " SELECT x FROM c); END",
        "DROP TABLE head; CREATE VIEW head AS " ENDLESS " SELECT x AS store, x AS seq, x AS chain,"
        " x AS pruned, x AS pruned_chain, x AS rows, x AS guard FROM c WHERE x < 0",
        "ANALYZE; UPDATE sqlite_stat1 SET stat = '0 0 0 sz=-1 unordered noskipscan'",
        "DROP VIEW daily_pnl",
        "DROP INDEX events_of_job",
        "PRAGMA user_version = 2",
        "PRAGMA user_version = 4",
        "PRAGMA user_version = 6",
        "PRAGMA application_id = 1",
        "CREATE VIRTUAL TABLE mine USING fts5(x); INSERT INTO mine VALUES('x')",
        "CREATE VIRTUAL TABLE mine USING rtree(i, a, b); INSERT INTO mine VALUES(1, 2, 3)",
    };
    if (mutant_draw(m, 2)) {
        mutant_run(m, changes[mutant_draw(m, sizeof changes / sizeof *changes)]);
        return;
    }
    int64_t rowid;
    size_t size, changed;
    uint8_t *sql = mutant_blob(m,
                               "SELECT rowid, sql FROM sqlite_master WHERE sql IS NOT NULL"
                               " ORDER BY random() LIMIT 1",
                               &rowid, &size);
    if (sql == NULL) {
        return;
    }
    uint8_t *copy = mutate_copy(m, sql, size, 64, &changed);
    mutant_run(m, "PRAGMA writable_schema = ON");
    switch (mutant_draw(m, 3)) {
    case 0:
        mutant_put(m, "UPDATE sqlite_master SET sql = CAST(?2 AS TEXT) WHERE rowid = ?1", rowid,
                   copy, changed);
        break;
    case 1:
        mutant_runf(m, "UPDATE sqlite_master SET rootpage = %u WHERE rowid = %lld",
                    mutant_draw(m, 40), (long long)rowid);
        break;
    default:
        mutant_runf(m, "DELETE FROM sqlite_master WHERE rowid = %lld", (long long)rowid);
    }
    free(copy);
    free(sql);
}

/* ---- A whole store --------------------------------------------------------------------------- */

static void mutate_once(struct mutant *m) {
    switch (mutant_draw(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        mutate_record(m);
        break;
    case 5:
    case 6:
    case 7:
        mutate_image(m);
        break;
    case 8:
    case 9:
        mutate_value(m);
        break;
    case 10:
        mutate_row_number(m);
        break;
    case 11:
    case 12:
        mutate_events(m);
        break;
    case 13:
        mutate_checkpoint(m);
        break;
    case 14:
        mutate_head(m);
        break;
    default:
        mutate_schema(m);
    }
}

static int mutate_patience(void *user) {
    (void)user;
    return 1;
}

/* With SQL; false: it is no store that SQLite opens. keep_wal: changes go to the WAL. changes: not
   only sums. */
static int mutate_sql(struct mutant *m, const char *path, int keep_wal, int changes) {
    int good = sqlite3_open_v2(path, &m->db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
    if (good) {
        sqlite3_progress_handler(m->db, 300000, mutate_patience, NULL);
        sqlite3_db_config(m->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(m->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(m->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_wal, NULL);
        mutant_run(m, "PRAGMA synchronous = OFF");
        good = mend_read_head(m);
    }
    if (good) {
        mutant_run(m, "BEGIN");
        uint32_t n = changes ? 1 + mutant_draw(m, 3) : 0;
        for (uint32_t i = 0; i < n; i++) {
            mutate_once(m);
        }
        if (mutant_draw(m, 16)) {
            mend_store(m);
        }
        mutant_run(m, "COMMIT");
    }
    sqlite3_close(m->db);
    m->db = NULL;
    return good;
}

#endif
