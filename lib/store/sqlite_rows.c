/* Rows: what a record or a row of the book becomes in its table, and the hash of each, of which the
   head keeps the sum. Nothing here knows what a column means. */
#include "store/sqlite_store.h"

#include <string.h>

#include "core/chain.h"
#include "util/num.h"

/* Those of one table after those of the one before. */
static const struct perp_sqlite_column all_columns[] = {
#define TABLE(NAME, name, keys)
#define COLUMN(TABLE, COLUMN, name, sql) {PERP_SQLITE_##TABLE, #name, sql},
#include "core/tables.def"
#include "store/sqlite_events.def"
#undef TABLE
#undef COLUMN
};

void perp_sqlite_describe(struct perp_sqlite_table tables[PERP_SQLITE_TABLES]) {
    static const struct perp_sqlite_table all[PERP_SQLITE_TABLES] = {
#define TABLE(NAME, name, keys) {#name, keys, 0, NULL, 0},
#define COLUMN(TABLE, COLUMN, name, sql)
#include "core/tables.def"
#include "store/sqlite_events.def"
#undef TABLE
#undef COLUMN
    };
    memcpy(tables, all, sizeof all);
    for (size_t i = 0; i < sizeof all_columns / sizeof *all_columns; i++) {
        struct perp_sqlite_table *table = &tables[all_columns[i].table];
        if (!table->n_columns++)
            table->columns = &all_columns[i];
    }
}

/* ---- Values ---------------------------------------------------------------------------------- */

struct perp_value perp_value_int(int64_t value) {
    return (struct perp_value){.type = SQLITE_INTEGER, .integer = value};
}

struct perp_value perp_value_bits(uint64_t value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return perp_value_int(bits);
}

struct perp_value perp_value_time(int64_t time_ns) {
    return time_ns == PERP_TIME_NONE ? (struct perp_value){.type = SQLITE_NULL}
                                     : perp_value_int(time_ns);
}

struct perp_value perp_value_text(const char *text) {
    if (!text)
        return (struct perp_value){.type = SQLITE_NULL};
    return (struct perp_value){.type = SQLITE_TEXT, .bytes = text, .size = strlen(text)};
}

struct perp_value perp_value_blob(const void *data, size_t size) {
    return (struct perp_value){.type = SQLITE_BLOB, .bytes = size ? data : "", .size = size};
}

/* No NaN is stored, and SQLite makes an integer of -0.0. */
static struct perp_value number_value(double number) {
    if (number != number)
        return (struct perp_value){.type = SQLITE_NULL};
    return (struct perp_value){.type = SQLITE_FLOAT, .number = number + 0.0};
}

struct perp_value perp_value_of(sqlite3_stmt *row, int column) {
    struct perp_value value = {.type = sqlite3_column_type(row, column)};
    switch (value.type) {
    case SQLITE_INTEGER:
        value.integer = sqlite3_column_int64(row, column);
        break;
    case SQLITE_FLOAT:
        value.number = sqlite3_column_double(row, column);
        break;
    case SQLITE_TEXT:
        value.bytes = sqlite3_column_text(row, column);
        value.size = (size_t)sqlite3_column_bytes(row, column);
        break;
    case SQLITE_BLOB:
        value.bytes = sqlite3_column_blob(row, column);
        value.size = (size_t)sqlite3_column_bytes(row, column);
        break;
    default:
        break;
    }
    return value;
}

/* A NULL adds nothing, so that a column more changes no hash. */
static uint64_t value_hash(uint64_t hash, int at, const struct perp_value *value) {
    uint64_t bits = (uint64_t)value->integer;
    if (value->type != SQLITE_NULL)
        hash = perp_hash_u64(hash, (uint64_t)at << 8 | (uint64_t)value->type);
    switch (value->type) {
    case SQLITE_FLOAT:
        memcpy(&bits, &value->number, sizeof bits);
        return perp_hash_u64(hash, bits);
    case SQLITE_INTEGER:
        return perp_hash_u64(hash, bits);
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        return perp_chain(hash, value->bytes, value->size);
    default:
        return hash;
    }
}

void perp_sqlite_seed(struct perp_sqlite_table tables[PERP_SQLITE_TABLES], uint64_t store) {
    for (int i = 0; i < PERP_SQLITE_TABLES; i++)
        tables[i].seed = perp_chain(store, tables[i].name, strlen(tables[i].name));
}

uint64_t perp_row_hash(const struct perp_sqlite_table *table, const struct perp_value *values) {
    uint64_t hash = table->seed;
    for (int i = 0; i < table->n_columns; i++)
        hash = value_hash(hash, i, &values[i]);
    return hash;
}

/* A million rows go through here when a store is opened, so each column is asked for once, and a
   text as its bytes: as a text, SQLite would copy it to put a zero behind it. What sqlite3_value_*
   need of a lock is the core's: the connection has none. */
uint64_t perp_row_hash_of(const struct perp_sqlite_table *table, sqlite3_stmt *row, int first) {
    uint64_t hash = table->seed;
    for (int i = 0; i < table->n_columns; i++) {
        sqlite3_value *from = sqlite3_column_value(row, first + i);
        struct perp_value value = {.type = sqlite3_value_type(from)};
        switch (value.type) {
        case SQLITE_NULL:
            continue;
        case SQLITE_INTEGER:
            value.integer = sqlite3_value_int64(from);
            break;
        case SQLITE_FLOAT:
            value.number = sqlite3_value_double(from);
            break;
        default:
            /* The size first: where the file has texts in UTF-16, asking for it makes them UTF-8.
             */
            value.size = (size_t)sqlite3_value_bytes(from);
            value.bytes = sqlite3_value_blob(from);
        }
        hash = value_hash(hash, i, &value);
    }
    return hash;
}

/* What is bound outlives the run of the statement, so no copies are made. */
static int bind(sqlite3_stmt *statement, int at, const struct perp_value *value) {
    switch (value->type) {
    case SQLITE_INTEGER:
        return sqlite3_bind_int64(statement, at, value->integer);
    case SQLITE_FLOAT:
        return sqlite3_bind_double(statement, at, value->number);
    case SQLITE_TEXT:
        return sqlite3_bind_text64(statement, at, value->bytes, value->size, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case SQLITE_BLOB:
        return sqlite3_bind_blob64(statement, at, value->bytes, value->size, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(statement, at);
    }
}

static int bind_all(sqlite3_stmt *statement, const struct perp_value *values, int n) {
    int code = SQLITE_OK;
    for (int i = 0; i < n && code == SQLITE_OK; i++)
        code = bind(statement, i + 1, &values[i]);
    return code;
}

int perp_sqlite_run(sqlite3_stmt *statement, const struct perp_value *values, int n) {
    int code = bind_all(statement, values, n);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    int again = sqlite3_reset(statement);
    return code == SQLITE_DONE ? again : code;
}

/* ---- Statements, made of the names ----------------------------------------------------------- */

void perp_sqlite_names(sqlite3_str *text, const struct perp_sqlite_table *table) {
    for (int i = 0; i < table->n_columns; i++)
        sqlite3_str_appendf(text, "%s%s", i ? ", " : "", table->columns[i].name);
}

static void add_keys(sqlite3_str *text, const struct perp_sqlite_table *table) {
    for (int i = 0; i < table->n_keys; i++)
        sqlite3_str_appendf(text, "%s%s = ?%d", i ? " AND " : " WHERE ", table->columns[i].name,
                            i + 1);
}

static void add_parameters(sqlite3_str *text, int n) {
    for (int i = 0; i < n; i++)
        sqlite3_str_appendf(text, "%s?%d", i ? ", " : ") VALUES(", i + 1);
    sqlite3_str_appendall(text, ")");
}

perp_status perp_sqlite_prepare(struct perp_sqlite *store, sqlite3_str *text, sqlite3_stmt **out) {
    char *sql = sqlite3_str_finish(text);
    if (!sql)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory for a statement");
    int code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    sqlite3_free(sql);
    if (code == SQLITE_ERROR) /* a table or a column is not there */
        return perp_sqlite_say(store, PERP_E_CORRUPT, "schema: %s", sqlite3_errmsg(store->db));
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, "schema");
}

static perp_status prepare_read(struct perp_sqlite *store, const struct perp_sqlite_table *table,
                                sqlite3_stmt **out) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "SELECT rowid, ");
    perp_sqlite_names(text, table);
    sqlite3_str_appendf(text, " FROM %s", table->name);
    add_keys(text, table);
    return perp_sqlite_prepare(store, text, out);
}

/* more: a column that the table has beside its own, or NULL. */
static perp_status prepare_insert(struct perp_sqlite *store, const struct perp_sqlite_table *table,
                                  const char *more, sqlite3_stmt **out) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendf(text, "INSERT INTO %s(", table->name);
    perp_sqlite_names(text, table);
    sqlite3_str_appendall(text, more ? more : "");
    add_parameters(text, table->n_columns + (more != NULL));
    return perp_sqlite_prepare(store, text, out);
}

static perp_status prepare_update(struct perp_sqlite *store, const struct perp_sqlite_table *table,
                                  sqlite3_stmt **out) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendf(text, "UPDATE %s SET ", table->name);
    for (int i = table->n_keys; i < table->n_columns; i++)
        sqlite3_str_appendf(text, "%s%s = ?%d", i > table->n_keys ? ", " : "",
                            table->columns[i].name, i + 1);
    add_keys(text, table);
    return perp_sqlite_prepare(store, text, out);
}

perp_status perp_sqlite_prepare_rows(struct perp_sqlite *store) {
    perp_status status = prepare_insert(store, &store->tables[PERP_SQLITE_EVENTS], ", guard",
                                        &store->statements[PERP_SQL_EVENT]);
    for (int i = 0; i < PERP_SQLITE_EVENTS && status == PERP_OK; i++) {
        struct perp_sqlite_upsert *to = &store->upserts[i];
        status = prepare_read(store, &store->tables[i], &to->read);
        if (status == PERP_OK)
            status = prepare_insert(store, &store->tables[i], NULL, &to->insert);
        if (status == PERP_OK)
            status = prepare_update(store, &store->tables[i], &to->update);
    }
    return status;
}

void perp_sqlite_finalize_rows(struct perp_sqlite *store) {
    for (int i = 0; i < PERP_SQLITE_EVENTS; i++) {
        sqlite3_finalize(store->upserts[i].read);
        sqlite3_finalize(store->upserts[i].insert);
        sqlite3_finalize(store->upserts[i].update);
    }
}

/* ---- Records --------------------------------------------------------------------------------- */

perp_status perp_sqlite_put_event(struct perp_sqlite *store, const perp_record *record) {
    const struct perp_sqlite_table *table = &store->tables[PERP_SQLITE_EVENTS];
    const bool has_pool = record->exchange && record->reservation;
    char job[37];
    if (record->job_id)
        perp_uuid_format(record->job_id, job);
    struct perp_value values[PERP_SQLITE_EVENT_COLUMNS + 1] = {
        [PERP_SQLITE_SEQ] = perp_value_bits(record->seq),
        [PERP_SQLITE_TIME_NS] = perp_value_time(record->time_ns),
        [PERP_SQLITE_KIND] = perp_value_text(record->kind),
        [PERP_SQLITE_JOB] = perp_value_text(record->job_id ? job : NULL),
        [PERP_SQLITE_EXCHANGE] = perp_value_text(record->exchange),
        [PERP_SQLITE_POOL] = perp_value_text(has_pool ? perp_pool_string(record->pool) : NULL),
        [PERP_SQLITE_RESERVATION] = perp_value_bits(record->reservation),
        [PERP_SQLITE_AMOUNT] = perp_value_int(record->amount),
        [PERP_SQLITE_PNL] = perp_value_int(record->pnl),
        [PERP_SQLITE_VOLUME] = perp_value_int(record->volume),
        [PERP_SQLITE_FEES] = perp_value_int(record->fees),
        [PERP_SQLITE_ACTOR] = perp_value_text(record->actor),
        [PERP_SQLITE_REASON] = perp_value_text(record->reason),
        [PERP_SQLITE_OUTCOME] = perp_value_text(record->outcome),
        [PERP_SQLITE_DETAIL] = perp_value_text(record->detail),
        [PERP_SQLITE_DATA] = perp_value_blob(record->data, record->size),
    };
    const int n = PERP_SQLITE_EVENT_COLUMNS + 1;
    if (!record->reservation)
        values[PERP_SQLITE_RESERVATION].type = SQLITE_NULL;
    uint64_t guard = perp_row_hash(table, values);
    values[n - 1] = perp_value_bits(guard);
    int code = perp_sqlite_run(store->statements[PERP_SQL_EVENT], values, n);
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, "append");
    store->next.rows += guard;
    perp_walk_changed(&store->next_walk, PERP_SQLITE_EVENTS, (int64_t)record->seq, 0, guard);
    return PERP_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* What a column of the row becomes in its column of the table; false where that holds no such. */
static bool read_column(const perp_column *from, const char *type, struct perp_value *to) {
    switch (from->type) {
    case PERP_COLUMN_NULL:
        *to = (struct perp_value){.type = SQLITE_NULL};
        return true;
    case PERP_COLUMN_INTEGER:
        *to = begins(type, "REAL") ? number_value((double)from->integer)
                                   : perp_value_int(from->integer);
        return !begins(type, "TEXT");
    case PERP_COLUMN_NUMBER:
        *to = number_value(from->number);
        return begins(type, "REAL");
    case PERP_COLUMN_TEXT:
        *to = perp_value_text(from->text);
        return begins(type, "TEXT");
    default:
        return false;
    }
}

/* Puts the columns given into the values of a row; the name of one that is not known or does not
   fit, or NULL. They mostly come in the table's order, so the search goes on from the last. */
static const char *merge(const struct perp_sqlite_table *table, const perp_row *row,
                         struct perp_value *values) {
    int at = -1;
    for (uint32_t i = 0; i < row->n_columns; i++) {
        int tried = 0;
        do {
            at = at + 1 < table->n_columns ? at + 1 : 0;
        } while (strcmp(table->columns[at].name, row->columns[i].name) != 0 &&
                 ++tried < table->n_columns);
        if (tried == table->n_columns ||
            !read_column(&row->columns[i], table->columns[at].type, &values[at]))
            return row->columns[i].name;
    }
    return NULL;
}

static perp_status check_row(struct perp_sqlite *store, const perp_row *row, int *which) {
    for (*which = 0; *which < PERP_SQLITE_EVENTS; ++*which)
        if (strcmp(store->tables[*which].name, row->table) == 0)
            break;
    if (*which == PERP_SQLITE_EVENTS)
        return perp_sqlite_say(store, PERP_E_STORE, "row: of a table %.40s", row->table);
    const struct perp_sqlite_table *table = &store->tables[*which];
    bool good = (int)row->n_keys == table->n_keys && row->n_columns >= row->n_keys;
    for (int i = 0; i < table->n_keys && good; i++)
        good = strcmp(row->columns[i].name, table->columns[i].name) == 0;
    return good ? PERP_OK : perp_sqlite_say(store, PERP_E_STORE, "row: keys of %s", table->name);
}

/* The row as it is there, or as a new one begins; its rowid, or false. */
static int read_row(const struct perp_sqlite_table *table, sqlite3_stmt *read,
                    struct perp_value *values, bool *there) {
    int code = bind_all(read, values, table->n_keys);
    if (code == SQLITE_OK)
        code = sqlite3_step(read);
    *there = code == SQLITE_ROW;
    for (int i = 0; i < table->n_columns; i++)
        if (*there)
            values[i] = perp_value_of(read, i + 1);
        else if (i >= table->n_keys)
            values[i] = strstr(table->columns[i].type, "DEFAULT 0")
                            ? perp_value_int(0)
                            : (struct perp_value){.type = SQLITE_NULL};
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

perp_status perp_sqlite_put_row(struct perp_sqlite *store, const perp_row *row) {
    struct perp_value values[PERP_SQLITE_MAX_COLUMNS];
    int which;
    perp_status status = check_row(store, row, &which);
    if (status != PERP_OK)
        return status;
    const struct perp_sqlite_table *table = &store->tables[which];
    const struct perp_sqlite_upsert *upsert = &store->upserts[which];
    const perp_row keys = {.n_columns = row->n_keys, .columns = row->columns};
    const char *wrong = merge(table, &keys, values);
    bool there = false;
    /* The old row's texts are read where SQLite has them, until the statement is reset. */
    int code = wrong ? SQLITE_OK : read_row(table, upsert->read, values, &there);
    int64_t rowid = there ? sqlite3_column_int64(upsert->read, 0) : 0;
    uint64_t was = there ? perp_row_hash(table, values) : 0, is = 0;
    if (!wrong && code == SQLITE_OK)
        wrong = merge(table, row, values);
    if (!wrong && code == SQLITE_OK) {
        is = perp_row_hash(table, values);
        if (!there || is != was)
            code =
                perp_sqlite_run(there ? upsert->update : upsert->insert, values, table->n_columns);
        if (!there)
            rowid = sqlite3_last_insert_rowid(store->db);
    }
    sqlite3_reset(upsert->read);
    if (wrong)
        return perp_sqlite_say(store, PERP_E_STORE, "row: %s has no such %.40s", table->name,
                               wrong);
    if (code != SQLITE_OK)
        return perp_sqlite_fail(store, code, table->name);
    store->next.rows += is - was;
    perp_walk_changed(&store->next_walk, which, rowid, was, is);
    return PERP_OK;
}
