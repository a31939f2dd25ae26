/* Verifying what is stored: SQLite's own check of the pages; each event's guard, and the chain from
   one to the next; and the sum of the hashes of all rows, which the head has too. A small store is
   verified whole when it is loaded. Of a large one the newest events are, and a walk through the
   rest goes on at each checkpoint, while the book changes rows before and behind it. */
#include "store/sqlite_store.h"

#include <stdio.h>
#include <string.h>

#include "core/chain.h"

/* Events are walked first, then the other tables in their order. */
static int table_at(int place) {
    return place == 0 ? PERP_SQLITE_EVENTS : place - 1;
}

/* Whether the walk has been at a row. */
static bool is_behind(const struct perp_store_walk *walk, int table, int64_t rowid) {
    int place = table == PERP_SQLITE_EVENTS ? 0 : table + 1;
    if (table == PERP_SQLITE_EVENTS && (uint64_t)rowid >= walk->from)
        return true;
    return place < walk->place || (place == walk->place && rowid <= walk->rowid);
}

void perp_walk_changed(struct perp_store_walk *walk, int table, int64_t rowid, uint64_t was,
                       uint64_t is) {
    if (walk->done || !is_behind(walk, table, rowid))
        return;
    walk->rows += is - was;
    if (table == PERP_SQLITE_EVENTS)
        walk->events += is - was;
}

static perp_status missing(struct perp_sqlite *store, uint64_t seq) {
    return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: missing",
                           (unsigned long long)seq);
}

/* The chain: what was kept of the events up to `pruned` has gaps, what comes after has none. */
static perp_status follow(struct perp_sqlite *store, const struct perp_head *head,
                          struct perp_store_walk *walk, uint64_t seq,
                          const struct perp_value *data) {
    uint64_t chain = 0, before = walk->chain;
    if (seq == head->pruned + 1)
        before = head->pruned ? head->pruned_chain : PERP_CHAIN_START;
    else if (seq > head->pruned && walk->seq != seq - 1)
        return missing(store, (walk->seq > head->pruned ? walk->seq : head->pruned) + 1);
    bool good = seq > head->pruned ? perp_chain_holds(before, data->bytes, data->size, &chain)
                                   : perp_chain_of(data->bytes, data->size, &chain);
    if (!good)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: checksum",
                               (unsigned long long)seq);
    walk->seq = seq;
    walk->chain = chain;
    return PERP_OK;
}

perp_status perp_walk_event(struct perp_sqlite *store, const struct perp_head *head,
                            struct perp_store_walk *walk, sqlite3_stmt *row) {
    const struct perp_sqlite_table *table = &store->tables[PERP_SQLITE_EVENTS];
    uint64_t seq = (uint64_t)sqlite3_column_int64(row, 0);
    uint64_t guard = (uint64_t)sqlite3_column_int64(row, table->n_columns);
    const struct perp_value data = {.bytes = sqlite3_column_blob(row, PERP_SQLITE_DATA),
                                    .size = (size_t)sqlite3_column_bytes(row, PERP_SQLITE_DATA)};
    if (seq <= walk->seq || seq > head->seq)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: after %llu of %llu",
                               (unsigned long long)seq, (unsigned long long)walk->seq,
                               (unsigned long long)head->seq);
    perp_status status = follow(store, head, walk, seq, &data);
    if (status == PERP_OK && perp_row_hash_of(table, row, 0) != guard)
        status = perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: columns",
                                 (unsigned long long)seq);
    walk->rows += guard;
    walk->events += guard;
    return status;
}

/* Rows of the table that is walked, from where the walk is. */
static perp_status open_rows(struct perp_sqlite *store, const struct perp_store_walk *walk,
                             sqlite3_stmt **rows) {
    int which = table_at(walk->place);
    const struct perp_sqlite_table *table = &store->tables[which];
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "SELECT ");
    perp_sqlite_names(text, table);
    sqlite3_str_appendf(text, ", %s FROM %s WHERE rowid > ?1%s ORDER BY rowid",
                        which == PERP_SQLITE_EVENTS ? "guard" : "rowid", table->name,
                        which == PERP_SQLITE_EVENTS ? " AND rowid < ?2" : "");
    char *sql = sqlite3_str_finish(text);
    if (!sql)
        return perp_sqlite_say(store, PERP_E_NOMEM, "no memory to verify");
    perp_status status = perp_sqlite_query(store, sql, table->name, rows);
    sqlite3_free(sql);
    if (status != PERP_OK)
        return status;
    int code = sqlite3_bind_int64(*rows, 1, walk->rowid);
    if (code == SQLITE_OK && which == PERP_SQLITE_EVENTS)
        code = sqlite3_bind_int64(*rows, 2, (int64_t)walk->from);
    return code == SQLITE_OK ? PERP_OK : perp_sqlite_fail(store, code, table->name);
}

/* Where the old events end, those that were verified when the store was opened must follow. */
static perp_status end_events(struct perp_sqlite *store, const struct perp_head *head,
                              const struct perp_store_walk *walk) {
    if (walk->from == 0 || walk->from <= head->pruned + 1)
        return PERP_OK;
    if (walk->seq != walk->from - 1)
        return missing(store, (walk->seq > head->pruned ? walk->seq : head->pruned) + 1);
    if (walk->chain != walk->before)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "events seq %llu: checksum",
                               (unsigned long long)walk->seq);
    return PERP_OK;
}

/* Rows of one table, *left at most; *ended: there are no more. */
static perp_status walk_table(struct perp_sqlite *store, const struct perp_head *head,
                              struct perp_store_walk *walk, uint64_t *left, bool *ended) {
    const int which = table_at(walk->place);
    const struct perp_sqlite_table *table = &store->tables[which];
    sqlite3_stmt *row = NULL;
    int code = SQLITE_ROW;
    /* A table that the file is too old to have: it is looked at before it is migrated. */
    if (!table->n_columns && which != PERP_SQLITE_EVENTS) {
        *ended = true;
        return PERP_OK;
    }
    perp_status status = open_rows(store, walk, &row);
    while (status == PERP_OK && *left && (code = sqlite3_step(row)) == SQLITE_ROW) {
        --*left;
        if (which == PERP_SQLITE_EVENTS) {
            status = perp_walk_event(store, head, walk, row);
            walk->rowid = (int64_t)walk->seq;
        } else {
            const int64_t rowid = sqlite3_column_int64(row, table->n_columns);
            if (rowid <= walk->rowid) /* pages that name each other */
                status = perp_sqlite_say(store, PERP_E_CORRUPT, "%s: a row out of its order",
                                         table->name);
            walk->rows += perp_row_hash_of(table, row, 0);
            walk->rowid = rowid;
        }
    }
    if (status == PERP_OK && code != SQLITE_ROW && code != SQLITE_DONE)
        status = perp_sqlite_fail(store, code, table->name);
    *ended = status == PERP_OK && code == SQLITE_DONE;
    sqlite3_finalize(row);
    return status;
}

static perp_status end_walk(struct perp_sqlite *store, const struct perp_head *head,
                            struct perp_store_walk *walk) {
    walk->done = true;
    if (walk->rows == head->rows)
        return PERP_OK;
    return perp_sqlite_say(store, PERP_E_CORRUPT,
                           "tables: a row is not as it was committed, or is missing");
}

/* Another connection may have given rows other numbers (VACUUM): what is behind the walk is no more
   known then, and it begins anew at the tables. Events keep their numbers. */
static perp_status check_version(struct perp_sqlite *store, struct perp_store_walk *walk) {
    int64_t version = 0;
    perp_status status = perp_sqlite_number(store, "PRAGMA data_version", &version);
    if (status == PERP_OK && version != walk->version && walk->place > 0) {
        walk->place = 1;
        walk->rowid = INT64_MIN;
        walk->rows = walk->events;
    }
    walk->version = version;
    return status;
}

perp_status perp_sqlite_walk(struct perp_sqlite *store, const struct perp_head *head,
                             struct perp_store_walk *walk, uint64_t most) {
    perp_status status = walk->done ? PERP_OK : check_version(store, walk);
    while (status == PERP_OK && !walk->done && most) {
        bool ended = false;
        status = walk_table(store, head, walk, &most, &ended);
        if (!ended)
            continue;
        if (walk->place == 0)
            status = end_events(store, head, walk);
        walk->rowid = INT64_MIN;
        if (status == PERP_OK && ++walk->place > PERP_SQLITE_EVENTS)
            status = end_walk(store, head, walk);
    }
    return status;
}

/* A page that could not be read for want of memory, or by a disk that fails, is not damaged. */
static perp_status status_of_page(const char *text) {
    static const char words[] = "unable to get the page. error code=";
    const char *found = strstr(text, words);
    int code = SQLITE_CORRUPT;
    return found && sscanf(found + sizeof words - 1, "%d", &code) == 1 ? perp_sqlite_status(code)
                                                                       : PERP_E_CORRUPT;
}

static perp_status check_pages(struct perp_sqlite *store, const char *sql) {
    sqlite3_stmt *row = NULL;
    perp_status status = perp_sqlite_query(store, sql, "pages", &row);
    int code = status == PERP_OK ? sqlite3_step(row) : SQLITE_ERROR;
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    if (text && sqlite3_stricmp(text, "ok") != 0)
        status = perp_sqlite_say(store, status_of_page(text), "pages: %.200s", text);
    else if (status == PERP_OK && code != SQLITE_ROW)
        status = perp_sqlite_fail(store, code, "pages");
    sqlite3_finalize(row);
    return status;
}

/* A store of an earlier release lacks tables that its migration makes. */
static perp_status check_pages_of(struct perp_sqlite *store, const char *table) {
    char sql[96];
    int64_t there = 0;
    sqlite3_snprintf(sizeof sql, sql, "SELECT count(*) FROM sqlite_master WHERE name = '%q'",
                     table);
    perp_status status = perp_sqlite_number(store, sql, &there);
    if (status != PERP_OK || !there)
        return status;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA integrity_check('%s')", table);
    return check_pages(store, sql);
}

/* Checking a table computes what its columns and indexes are made of, so those of others are left
   out. */
perp_status perp_sqlite_check_pages(struct perp_sqlite *store) {
    bool others = false;
    perp_status status = perp_sqlite_has_others(store, &others);
    if (status != PERP_OK || !others)
        return status == PERP_OK ? check_pages(store, "PRAGMA integrity_check(1)") : status;
    for (size_t i = 0; perp_sqlite_own_table(i) && status == PERP_OK; i++)
        status = check_pages_of(store, perp_sqlite_own_table(i));
    for (int i = 0; i < PERP_SQLITE_TABLES && status == PERP_OK; i++)
        status = check_pages_of(store, store->tables[i].name);
    return status;
}
