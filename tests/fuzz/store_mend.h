/* Puts the sums of an SQLite store right, so that what is wrong in it is found by what looks at its
   meaning: the checksums of records and checkpoints, the guards of rows, the head, the WAL. */
#ifndef FUZZ_STORE_MEND_H
#define FUZZ_STORE_MEND_H

#include "fuzz.h"

#include <sqlite3.h>
#include <stdarg.h>

#include "core/chain.h"
#include "core/rows.h"
#include "store/sqlite_store.h"

/* Of a damaged table no more rows are looked at: SQLite may find the same ones again and again. */
#define MEND_ROWS 5000

/* A store that is being changed, and what is drawn. */
struct mutant {
    sqlite3 *db;
    uint64_t random;
    struct perp_sqlite_table tables[PERP_SQLITE_TABLES];
    struct perp_head head;
};

/* A number below n. */
static inline uint32_t mutant_draw(struct mutant *m, uint32_t n) {
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return n ? (uint32_t)((m->random >> 33) % n) : 0;
}

/* Whatever fails is left as it is. */
static inline void mutant_run(struct mutant *m, const char *sql) {
    sqlite3_exec(m->db, sql, NULL, NULL, NULL);
}

static inline void mutant_runf(struct mutant *m, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (sql != NULL) {
        mutant_run(m, sql);
    }
    sqlite3_free(sql);
}

static inline int64_t mutant_number(struct mutant *m, const char *sql) {
    sqlite3_stmt *row = NULL;
    int64_t number = 0;
    if (sqlite3_prepare_v2(m->db, sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        number = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return number;
}

/* sql has a number as ?1, and the bytes as ?2. */
static inline void mutant_put(struct mutant *m, const char *sql, int64_t key, const void *bytes,
                              size_t size) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(m->db, sql, -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, key);
        sqlite3_bind_blob64(statement, 2, bytes, size, SQLITE_STATIC);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
}

static inline void mend_word(uint8_t *at, uint64_t word) {
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(word >> (8 * i));
    }
}

/* ---- The head -------------------------------------------------------------------------------- */

static inline int mend_read_head(struct mutant *m) {
    sqlite3_stmt *row = NULL;
    int there = sqlite3_prepare_v2(m->db, PERP_HEAD_SQL, -1, &row, NULL) == SQLITE_OK &&
                sqlite3_step(row) == SQLITE_ROW;
    if (there) {
        perp_head_from(row, &m->head);
    }
    sqlite3_finalize(row);
    return there;
}

static inline void mend_write_head(struct mutant *m) {
    const struct perp_head *head = &m->head;
    mutant_runf(m,
                "UPDATE head SET store = %lld, seq = %lld, chain = %lld, pruned = %lld,"
                " pruned_chain = %lld, rows = %lld, guard = %lld",
                (long long)head->store, (long long)head->seq, (long long)head->chain,
                (long long)head->pruned, (long long)head->pruned_chain, (long long)head->rows,
                (long long)perp_head_guard(head));
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* A record with its number put right, where one is read, and without its checksum; its size. to
   holds 16 bytes more than the record. */
static inline size_t mend_number(const uint8_t *record, size_t size, uint64_t seq, uint8_t *to) {
    struct perp_reader reader = {record, record + size, false};
    bool kind = perp_read_unsigned(&reader) == 0x08;
    perp_read_unsigned(&reader);
    kind = kind && perp_read_unsigned(&reader) == 0x10;
    size_t before = (size_t)(reader.at - record), at = before;
    perp_read_unsigned(&reader);
    if (reader.failed || !kind) {
        memcpy(to, record, size);
        return size;
    }
    memcpy(to, record, before);
    for (; seq >= 128; seq >>= 7) {
        to[at++] = (uint8_t)(seq | 128);
    }
    to[at++] = (uint8_t)seq;
    memcpy(to + at, reader.at, (size_t)(reader.end - reader.at));
    return at + (size_t)(reader.end - reader.at);
}

/* The event follows on *chain now. */
static inline void mend_event(struct mutant *m, sqlite3_stmt *row, int numbers, uint64_t *chain) {
    const uint8_t *record = sqlite3_column_blob(row, 1);
    size_t size = record != NULL ? (size_t)sqlite3_column_bytes(row, 1) : 0;
    uint64_t seq = (uint64_t)sqlite3_column_int64(row, 0);
    uint8_t *to = malloc(size + 32);
    must(to != NULL, NULL);
    size = size < PERP_CHAIN_SIZE ? 0 : size - PERP_CHAIN_SIZE;
    if (numbers && size != 0) {
        size = mend_number(record, size, seq, to);
    } else if (size != 0) {
        memcpy(to, record, size);
    }
    *chain = perp_chain(*chain, to, size);
    mend_word(to + size, *chain);
    mutant_put(m, "UPDATE events SET data = ?2 WHERE seq = ?1", (int64_t)seq, to,
               size + PERP_CHAIN_SIZE);
    free(to);
}

/* Events after those that were dropped have no gap, then; the chain goes through all of them. */
static inline void mend_events(struct mutant *m, int numbers) {
    sqlite3_stmt *row = NULL;
    uint64_t chain = PERP_CHAIN_START, last = m->head.pruned;
    if (m->head.pruned != 0) {
        chain = m->head.pruned_chain;
    }
    if (sqlite3_prepare_v2(m->db, "SELECT seq, data FROM events WHERE seq > ?1 ORDER BY seq", -1,
                           &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, (int64_t)m->head.pruned);
        for (int i = 0; i < MEND_ROWS && sqlite3_step(row) == SQLITE_ROW; i++) {
            mend_event(m, row, numbers, &chain);
            last = (uint64_t)sqlite3_column_int64(row, 0);
        }
    }
    sqlite3_finalize(row);
    m->head.seq = last;
    m->head.chain = chain;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* Adds the hashes of a table's rows to the head's sum; an event has its own beside it. */
static inline void mend_rows(struct mutant *m, int which) {
    const struct perp_sqlite_table *table = &m->tables[which];
    sqlite3_stmt *row = NULL;
    sqlite3_str *text = sqlite3_str_new(m->db);
    sqlite3_str_appendall(text, "SELECT ");
    perp_sqlite_names(text, table);
    sqlite3_str_appendf(text, ", rowid FROM %s", table->name);
    char *sql = sqlite3_str_finish(text);
    if (sql != NULL && sqlite3_prepare_v2(m->db, sql, -1, &row, NULL) == SQLITE_OK) {
        for (int i = 0; i < MEND_ROWS && sqlite3_step(row) == SQLITE_ROW; i++) {
            uint64_t hash = perp_row_hash_of(table, row, 0);
            m->head.rows += hash;
            if (which == PERP_SQLITE_EVENTS) {
                mutant_runf(m, "UPDATE events SET guard = %lld WHERE rowid = %lld", (long long)hash,
                            sqlite3_column_int64(row, table->n_columns));
            }
        }
    }
    sqlite3_finalize(row);
    sqlite3_free(sql);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

/* The chain's value that a record of so many bytes ends in. */
static inline uint64_t mend_chain_at(struct mutant *m, uint64_t seq) {
    sqlite3_stmt *row = NULL;
    uint64_t chain = seq == m->head.pruned ? m->head.pruned_chain : PERP_CHAIN_START;
    if (sqlite3_prepare_v2(m->db, "SELECT data FROM events WHERE seq = ?1", -1, &row, NULL) ==
        SQLITE_OK) {
        sqlite3_bind_int64(row, 1, (int64_t)seq);
        if (sqlite3_step(row) == SQLITE_ROW) {
            perp_chain_of(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0),
                          &chain);
        }
    }
    sqlite3_finalize(row);
    return chain;
}

/* An image: its version, its record's number, two words (the clock, the chain), rows, a sum. */
static inline void mend_image(struct mutant *m, uint8_t *image, size_t size, uint64_t seq) {
    struct perp_reader reader = {image, image + size, false};
    perp_read_unsigned(&reader);
    perp_read_unsigned(&reader);
    if (perp_read_bytes(&reader, 16) != NULL && reader.end - reader.at >= PERP_CHAIN_SIZE) {
        mend_word(image + (reader.at - image) - 8, mend_chain_at(m, seq));
    }
    if (size >= PERP_CHAIN_SIZE) {
        mend_word(image + size - PERP_CHAIN_SIZE,
                  perp_chain(PERP_CHAIN_START, image, size - PERP_CHAIN_SIZE));
    }
}

static inline void mend_checkpoints(struct mutant *m) {
    sqlite3_stmt *row = NULL;
    /* What the book comes to is not known here; 0 is that of none who asks. */
    if (mutant_draw(m, 2)) {
        mutant_run(m, "UPDATE checkpoints SET hash = 0 WHERE data IS NOT NULL");
    }
    if (sqlite3_prepare_v2(m->db, "SELECT seq, data, time_ns, hash FROM checkpoints", -1, &row,
                           NULL) == SQLITE_OK) {
        for (int i = 0; i < 16 && sqlite3_step(row) == SQLITE_ROW; i++) {
            int64_t seq = sqlite3_column_int64(row, 0);
            const void *there = sqlite3_column_blob(row, 1);
            size_t size = there != NULL ? (size_t)sqlite3_column_bytes(row, 1) : 0;
            uint8_t *image = malloc(size + 1);
            must(image != NULL, NULL);
            if (size != 0) {
                memcpy(image, there, size);
            }
            mend_image(m, image, size, (uint64_t)seq);
            uint64_t digest = perp_checkpoint_digest(image, size);
            int64_t time = sqlite3_column_type(row, 2) == SQLITE_NULL
                               ? PERP_TIME_NONE
                               : sqlite3_column_int64(row, 2);
            uint64_t guard = perp_checkpoint_guard(&m->head, (uint64_t)seq, time,
                                                   (uint64_t)sqlite3_column_int64(row, 3), digest);
            mutant_put(m, "UPDATE checkpoints SET data = ?2 WHERE seq = ?1 AND data IS NOT NULL",
                       seq, image, size);
            mutant_runf(m, "UPDATE checkpoints SET digest = %lld, guard = %lld WHERE seq = %lld",
                        (long long)digest, (long long)guard, (long long)seq);
            free(image);
        }
    }
    sqlite3_finalize(row);
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Each part mostly, so that what looks at one alone is reached, too. */
static inline void mend_store(struct mutant *m) {
    if (mutant_draw(m, 16)) {
        mend_events(m, (int)mutant_draw(m, 16));
    }
    if (mutant_draw(m, 16)) {
        mend_checkpoints(m);
    }
    if (mutant_draw(m, 16)) {
        m->head.rows = 0;
        perp_sqlite_seed(m->tables, m->head.store);
        for (int i = 0; i < PERP_SQLITE_TABLES; i++) {
            mend_rows(m, i);
        }
    }
    if (mutant_draw(m, 32)) {
        mend_write_head(m);
    }
}

/* ---- The WAL --------------------------------------------------------------------------------- */

static inline uint32_t mend_get(const uint8_t *at, int big) {
    return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static inline void mend_set(uint8_t *at, uint32_t word) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(word >> (24 - 8 * i));
    }
}

static inline void mend_sum(const uint8_t *at, size_t size, int big, uint32_t sum[2]) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
        sum[0] += mend_get(at + i, big) + sum[1];
        sum[1] += mend_get(at + i + 4, big) + sum[0];
    }
}

/* https://sqlite.org/fileformat2.html#the_write_ahead_log: the header, and all frames of it. */
static inline void mend_wal(uint8_t *wal, size_t size) {
    if (size < 32 || (mend_get(wal, 1) & ~1u) != 0x377f0682) {
        return;
    }
    const int big = (int)(mend_get(wal, 1) & 1);
    const size_t page = mend_get(wal + 8, 1);
    uint32_t sum[2] = {0, 0};
    mend_sum(wal, 24, big, sum);
    mend_set(wal + 24, sum[0]);
    mend_set(wal + 28, sum[1]);
    if (page < 512 || page > 65536 || (page & (page - 1)) != 0) {
        return;
    }
    for (size_t at = 32; at + 24 + page <= size; at += 24 + page) {
        if (memcmp(wal + at + 8, wal + 16, 8) != 0) {
            return;
        }
        mend_sum(wal + at, 8, big, sum);
        mend_sum(wal + at + 24, page, big, sum);
        mend_set(wal + at + 16, sum[0]);
        mend_set(wal + at + 20, sum[1]);
    }
}

#endif
