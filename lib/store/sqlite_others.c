/* What others made in the file of a store. Views and triggers are never run, and constraints of
   theirs not looked at, but an index is part of its table: each write of the library keeps it, and
   each check of the pages compares it. One on an expression or with a condition would run what the
   file says, and a unique one, or one by a collation that is not known, would refuse what the book
   writes. So on our tables only plain ones may be. Tables of others are not read. */
#include "store/sqlite_store.h"

struct look {
    struct perp_sqlite *store;
    sqlite3_stmt *computed; /* columns of a table that are */
    sqlite3_stmt *indexes;  /* of a table, that somebody made */
    sqlite3_stmt *have;     /* whether there is such an SQL */
};

/* Each query has all steps after which a schema is given up, not what the others left. */
static void again(sqlite3_stmt *statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
}

static int first_row(sqlite3_stmt *statement, const char *text) {
    int code = sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    return code == SQLITE_OK ? sqlite3_step(statement) : code;
}

/* An index that has the name of one of ours must be that. Where its SQL is in the schema no other
   can be there of its name. */
static perp_status check_own(struct look *look, const char *name, bool *is_own) {
    sqlite3_str *text = sqlite3_str_new(look->store->db);
    *is_own = perp_sqlite_own_index(name, text);
    char *sql = sqlite3_str_finish(text);
    if (!*is_own || !sql) {
        sqlite3_free(sql);
        return *is_own ? perp_sqlite_say(look->store, PERP_E_NOMEM, "no memory for the schema")
                       : PERP_OK;
    }
    int code = first_row(look->have, sql);
    again(look->have);
    sqlite3_free(sql);
    if (code == SQLITE_ROW)
        return PERP_OK;
    return code == SQLITE_DONE
               ? perp_sqlite_say(look->store, PERP_E_CORRUPT, "schema: %s is another", name)
               : perp_sqlite_fail(look->store, code, "schema");
}

/* row: an index's name, whether it is unique, partial, and how many of its columns are not plain.
 */
static perp_status check_index(struct look *look, const char *table, sqlite3_stmt *row) {
    const char *name = (const char *)sqlite3_column_text(row, 0);
    bool is_own = false;
    if (!name)
        return perp_sqlite_fail(look->store, SQLITE_NOMEM, "schema");
    perp_status status = check_own(look, name, &is_own);
    if (status != PERP_OK || is_own)
        return status;
    const char *why = sqlite3_column_int(row, 1)   ? "is unique"
                      : sqlite3_column_int(row, 2) ? "has a condition"
                      : sqlite3_column_int(row, 3) ? "is on an expression, or by a collation of "
                                                     "its own"
                                                   : NULL;
    if (why)
        return perp_sqlite_say(look->store, PERP_E_CORRUPT,
                               "schema: the index %.60s on %s is not the library's and %s: drop it",
                               name, table, why);
    look->store->n_known++;
    return PERP_OK;
}

static perp_status check_table(struct look *look, const char *table) {
    struct perp_sqlite *store = look->store;
    perp_status status = PERP_OK;
    int code = first_row(look->computed, table);
    if (code == SQLITE_ROW)
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "schema: %s computes its column %.60s",
                                 table, (const char *)sqlite3_column_text(look->computed, 0));
    else if (code != SQLITE_DONE)
        status = perp_sqlite_fail(store, code, "schema");
    again(look->computed);
    if (status != PERP_OK)
        return status;
    for (code = first_row(look->indexes, table); code == SQLITE_ROW && status == PERP_OK;
         code = status == PERP_OK ? sqlite3_step(look->indexes) : code)
        status = check_index(look, table, look->indexes);
    if (status == PERP_OK && code != SQLITE_DONE)
        status = perp_sqlite_fail(store, code, "schema");
    again(look->indexes);
    return status;
}

static perp_status check_all(struct look *look) {
    struct perp_sqlite *store = look->store;
    perp_status status = PERP_OK;
    for (size_t i = 0; perp_sqlite_own_table(i) && status == PERP_OK; i++)
        status = check_table(look, perp_sqlite_own_table(i));
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++)
        status = check_table(look, store->tables[i].name);
    return status;
}

perp_status perp_sqlite_check_others(struct perp_sqlite *store) {
    struct look look = {.store = store};
    store->n_known = 0;
    perp_status status =
        perp_sqlite_query(store, "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden IN (2, 3)",
                          "schema", &look.computed);
    if (status == PERP_OK)
        status = perp_sqlite_query(
            store,
            "SELECT name, \"unique\", partial, (SELECT count(*) FROM pragma_index_xinfo(l.name)"
            " WHERE cid = -2 OR (key AND upper(coll) NOT IN ('BINARY', 'NOCASE', 'RTRIM')))"
            " FROM pragma_index_list(?1) AS l WHERE origin = 'c'",
            "schema", &look.indexes);
    if (status == PERP_OK)
        status = perp_sqlite_query(store, "SELECT 1 FROM sqlite_master WHERE sql = ?1", "schema",
                                   &look.have);
    if (status == PERP_OK)
        status = check_all(&look);
    sqlite3_finalize(look.computed);
    sqlite3_finalize(look.indexes);
    sqlite3_finalize(look.have);
    return status;
}

/* A thing of a schema is what its SQL says, whatever the other columns of its row do; what is not
   written as SQLite writes it counts as a table. */
perp_status perp_sqlite_has_others(struct perp_sqlite *store, bool *has) {
    int64_t n = 0;
    perp_status status = perp_sqlite_number(
        store,
        "SELECT count(*) FROM sqlite_master WHERE NOT coalesce(sql GLOB 'CREATE VIEW *'"
        " OR sql GLOB 'CREATE TRIGGER *' OR sql IN ('CREATE TABLE sqlite_stat1(tbl,idx,stat)',"
        " 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'), 0)",
        &n);
    *has = n != store->n_known;
    return status;
}
