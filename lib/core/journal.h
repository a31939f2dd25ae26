/* What a change writes to the store, in its order: records, and then rows of the tables for people
   (tables.def). Made before the commit, with the values that will hold after it; played to the
   store at once, or at the next barrier. */
#ifndef PERP_CORE_JOURNAL_H
#define PERP_CORE_JOURNAL_H

#include "core/core.h"

enum perp_table {
#define TABLE(TABLE, name, keys) PERP_TABLE_##TABLE,
#define COLUMN(TABLE, COLUMN, name, sql)
#include "core/tables.def"
#undef TABLE
#undef COLUMN
    PERP_TABLE_COUNT
};

enum perp_table_column {
#define TABLE(TABLE, name, keys)
#define COLUMN(TABLE, COLUMN, name, sql) PERP_##TABLE##_##COLUMN,
#include "core/tables.def"
#undef TABLE
#undef COLUMN
    PERP_TABLE_COLUMN_COUNT
};

#define PERP_MAX_ROW_COLUMNS 32

struct perp_journal {
    struct perp_bytes bytes;
    uint32_t n_records;
    /* The row at hand. */
    uint32_t table, n_columns;
    perp_column columns[PERP_MAX_ROW_COLUMNS];
};

/* A row: begin, its columns (keys first, in the table's order), end. Texts must live until end. */
void perp_row_begin(struct perp_journal *to, enum perp_table table);
void perp_row_int(struct perp_journal *to, enum perp_table_column column, int64_t value);
void perp_row_number(struct perp_journal *to, enum perp_table_column column, double value);
void perp_row_text(struct perp_journal *to, enum perp_table_column column, const char *text);
void perp_row_time(struct perp_journal *to, enum perp_table_column column, int64_t time_ns);
void perp_row_end(struct perp_journal *to);

struct perp_event;
/* A record. */
void perp_journal_record(struct perp_journal *to, const perp_core *core,
                         const struct perp_event *event, const void *data, size_t size,
                         uint64_t chain);
/* All of it to the store, begun and committed there. */
perp_status perp_journal_play(const struct perp_journal *journal, const perp_store *store);
void perp_journal_clear(struct perp_journal *journal);

#endif
