/* The SQLite store as its own files see it. It knows bytes and rows, and no event: a record is its
   columns and its data, which ends in the chain's checksum (core/chain.h). */
#ifndef PERP_STORE_SQLITE_STORE_H
#define PERP_STORE_SQLITE_STORE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <perpcore/store.h>

#define PERP_SQLITE_APPLICATION 0x50455250 /* "PERP" */
#define PERP_SQLITE_VERSION 5

/* The tables whose rows are hashed: those that records and rows fill, events last. */
enum {
#define TABLE(NAME, name, keys) PERP_SQLITE_##NAME,
#define COLUMN(TABLE, COLUMN, name, sql)
#include "core/tables.def"
#include "store/sqlite_events.def"
#undef TABLE
#undef COLUMN
    PERP_SQLITE_TABLES
};

/* The columns of events, in their order. */
enum {
#define TABLE(NAME, name, keys)
#define COLUMN(TABLE, COLUMN, name, sql) PERP_SQLITE_##COLUMN,
#include "store/sqlite_events.def"
#undef TABLE
#undef COLUMN
    PERP_SQLITE_EVENT_COLUMNS
};

#define PERP_SQLITE_MAX_COLUMNS 32

/* What a column holds; type: one of SQLite's. */
struct perp_value {
    int type;
    int64_t integer;
    double number;
    const void *bytes; /* of a text or blob */
    size_t size;
};

struct perp_sqlite_column {
    int table;
    const char *name;
    const char *type; /* in SQL */
};

struct perp_sqlite_table {
    const char *name;
    int n_keys; /* the first columns */
    int n_columns;
    const struct perp_sqlite_column *columns;
    uint64_t seed; /* of its rows' hashes: the store's number and the table's name */
};

enum perp_statement {
    PERP_SQL_BEGIN,
    PERP_SQL_COMMIT,
    PERP_SQL_HEAD,
    PERP_SQL_EVENT,
    PERP_SQL_DROP,
    PERP_SQL_CHECKPOINT,
    PERP_SQL_STRIP,
    PERP_SQL_DATA,
    PERP_SQL_KEPT,
    PERP_SQL_PRUNE_EVENTS,
    PERP_SQL_PRUNE_JOBS,
    PERP_SQL_PRUNE_RESERVATIONS,
    PERP_SQL_PRUNE_CASH,
    PERP_SQL_PRUNE_CASH_SHARES,
    PERP_SQL_PRUNE_ORDERS,
    PERP_SQL_PRUNE_FILLS,
    PERP_SQL_PRUNE_LOTS,
    PERP_SQL_PRUNE_CHECKPOINTS,
    PERP_SQL_COUNT
};

/* How a row of a table is changed: the old one is read, for its hash. */
struct perp_sqlite_upsert {
    sqlite3_stmt *read, *insert, *update;
};

/* Where the events end, and what the store holds: the one row of the table head. */
struct perp_head {
    uint64_t store;        /* drawn when the store was made: tells it from others */
    uint64_t seq;          /* of the last event; 0: none yet */
    uint64_t chain;        /* its checksum */
    uint64_t pruned;       /* up to here events may be missing, for good; 0: all are there */
    uint64_t pruned_chain; /* the checksum of that event, on which the next one follows */
    uint64_t rows;         /* the sum of the hashes of all rows of all tables */
};

/* The file beside the store: the writer's lock, and a note of the head (sqlite_lock.c). */
struct perp_store_lock {
    sqlite3_vfs *vfs;
    sqlite3_file *file; /* NULL: not open */
    const char *name;   /* of the lock file, as the VFS wants it */
    bool has_mark;
    bool is_making;        /* a store was being made: an empty file is no lost one */
    struct perp_head mark; /* store, seq and chain as of when the file was opened */
};

/* How far the store was verified. A walk goes through the events and then the other tables, by
   rowid; events from `from` on were verified when the store was opened. Rows that change behind
   the walk change its sum, so that it must be the head's when the walk is through. */
struct perp_store_walk {
    bool done;
    int place;       /* 0: in the events; n: in the table n - 1 */
    int64_t rowid;   /* of the last row walked there */
    uint64_t from;   /* this event and later ones need no walk */
    uint64_t before; /* the chain's value that the event `from` follows on */
    uint64_t seq;    /* of the last event walked; 0: none */
    uint64_t chain;  /* its checksum */
    uint64_t rows;   /* the sum of the hashes of the rows behind the walk */
    uint64_t events; /* what of it is of events */
    int64_t version; /* PRAGMA data_version: another connection may have moved rows */
};

/* What is to go because of its age. */
struct perp_prune {
    uint64_t to;     /* events up to here, where nothing that is open needs them */
    uint64_t passed; /* of the old events that were kept, up to here looked at in this round */
    bool looked;     /* at all of them */
    bool more;       /* not all of it is gone yet */
};

/* The WAL as a file of its own, and how long it is (sqlite_sync.c). */
struct perp_store_wal {
    sqlite3_file *file; /* NULL: not open, and commits are not staged */
    const char *name;
    pthread_mutex_t lock; /* of the file: who syncs is another thread */
    _Atomic bool lost;    /* a sync failed: frames may not be on disk though a later one works */
    bool has_lock;        /* the commit under way has it; the writer's, as all that follows */
    bool has_staged;      /* frames that no commit has synced */
    bool is_lax;          /* commits don't wait for the disk */
    int64_t page_size;
    uint64_t limit; /* bytes; 0: none */
    uint64_t bytes;
    bool held; /* a reader keeps it beyond the limit */
};

struct perp_sqlite {
    sqlite3 *db;
    struct perp_store_wal wal;
    struct perp_store_lock lock;
    bool read_only;
    bool create;
    bool damaged;  /* nothing is written any more */
    bool in_batch; /* begin was called, commit or rollback not yet */
    bool has_tail; /* the WAL may end in a change that a call reported as failed */
    uint64_t keep_events, verify_events;
    struct perp_head head; /* as committed */
    struct perp_head next; /* as the batch at hand will leave it */
    struct perp_store_walk walk, next_walk;
    struct perp_prune prune, next_prune;
    uint64_t newest; /* the newest checkpoint that was read or written; those after it are none */
    uint64_t n_appended; /* in the batch at hand */
    int64_t n_known;     /* tables and indexes in the file whose form is known; 0: not looked at */
    struct perp_sqlite_table tables[PERP_SQLITE_TABLES];
    sqlite3_stmt *statements[PERP_SQL_COUNT];
    struct perp_sqlite_upsert upserts[PERP_SQLITE_EVENTS];
    char message[256]; /* why the last call failed */
};

/* What SQLite's code means. */
perp_status perp_sqlite_status(int code);
/* Keeps the message "what: SQLite's own words" and returns the status that SQLite's code means. */
perp_status perp_sqlite_fail(struct perp_sqlite *store, int code, const char *what);
/* The same with a status and words of our own. PERP_E_CORRUPT stops all writing. */
perp_status perp_sqlite_say(struct perp_sqlite *store, perp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What SQL a file brings is not run: a view in the place of a table, or a trigger, may never end.
   Nor may reading the schema, which is given up after some time until it is trusted. */
void perp_sqlite_distrust(sqlite3 *db);
void perp_sqlite_trust_schema(sqlite3 *db);
/* From here on the statement is given up (SQLITE_INTERRUPT, which is damage) where it takes more
   steps than so many rows can. Pages that name each other may hold a row more often than can be
   counted, and what is large is not checked whole. Free ends it. */
void perp_sqlite_bound(struct perp_sqlite *store, sqlite3_stmt *statement, uint64_t rows);
void perp_sqlite_free(struct perp_sqlite *store);
/* More checkpoints than the file has room for. */
uint64_t perp_sqlite_most_checkpoints(struct perp_sqlite *store);
/* Runs SQL without a result. */
perp_status perp_sqlite_exec(struct perp_sqlite *store, const char *sql, const char *what);
/* The one number that a query gives. */
perp_status perp_sqlite_number(struct perp_sqlite *store, const char *sql, int64_t *number);
/* A statement; what is not there is damage. */
perp_status perp_sqlite_query(struct perp_sqlite *store, const char *sql, const char *what,
                              sqlite3_stmt **statement);

/* sqlite_rows.c. Prepares a kept statement whose text was made, and frees the text. */
perp_status perp_sqlite_prepare(struct perp_sqlite *store, sqlite3_str *text, sqlite3_stmt **out);
/* Values, and rows of them. */
struct perp_value perp_value_of(sqlite3_stmt *row, int column);
struct perp_value perp_value_int(int64_t value);
struct perp_value perp_value_bits(uint64_t value);
struct perp_value perp_value_time(int64_t time_ns);  /* PERP_TIME_NONE: NULL */
struct perp_value perp_value_text(const char *text); /* NULL: NULL */
struct perp_value perp_value_blob(const void *data, size_t size);
/* Binds parameters 1, 2 … and runs it to its end; an SQLite code. */
int perp_sqlite_run(sqlite3_stmt *statement, const struct perp_value *values, int n);
/* Sets the tables' seeds, before any row is hashed. store: the number in the head. */
void perp_sqlite_seed(struct perp_sqlite_table tables[PERP_SQLITE_TABLES], uint64_t store);
uint64_t perp_row_hash(const struct perp_sqlite_table *table, const struct perp_value *values);
/* The hash of a row whose columns are those of the table, from column `first` on. */
uint64_t perp_row_hash_of(const struct perp_sqlite_table *table, sqlite3_stmt *row, int first);
/* Names of the table's columns, as in "a, b, c", into a text under way. */
void perp_sqlite_names(sqlite3_str *text, const struct perp_sqlite_table *table);
/* What the store is made of, from the .def files. */
void perp_sqlite_describe(struct perp_sqlite_table tables[PERP_SQLITE_TABLES]);
perp_status perp_sqlite_put_event(struct perp_sqlite *store, const perp_record *record);
perp_status perp_sqlite_put_row(struct perp_sqlite *store, const perp_row *row);
perp_status perp_sqlite_prepare_rows(struct perp_sqlite *store);
void perp_sqlite_finalize_rows(struct perp_sqlite *store);

/* Checksums of a checkpoint's data, of its row, and of the head itself. */
uint64_t perp_checkpoint_digest(const void *data, size_t size);
uint64_t perp_checkpoint_guard(const struct perp_head *head, uint64_t seq, int64_t time_ns,
                               uint64_t hash, uint64_t digest);
uint64_t perp_head_guard(const struct perp_head *head);

/* sqlite_lock.c. path is absolute. */
perp_status perp_store_lock_open(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path);
/* Notes the head; NULL: that a store is being made. */
void perp_store_lock_mark(struct perp_store_lock *lock, const struct perp_head *head);
/* Whether the file has names beside this one: hard links. */
bool perp_store_has_names(const char *path);
/* PERP_E_STORE: the file, its WAL or the lock's file is not where it was opened any more. */
perp_status perp_store_in_place(struct perp_sqlite *store);
void perp_store_lock_close(struct perp_store_lock *lock);

/* sqlite_schema.c: what kind of file it is; makes it a store, or an older one a newer one. existed:
   whether there was a file before it was opened. */
perp_status perp_sqlite_identify(struct perp_sqlite *store, bool existed);
/* Puts the file in WAL mode, where it is not. */
perp_status perp_sqlite_wal_on(struct perp_sqlite *store);
/* Whether a file that is empty may become a store. */
perp_status perp_sqlite_check_empty(struct perp_sqlite *store);
/* Whether tables, indexes and views are as this library makes them. */
perp_status perp_sqlite_check_schema(struct perp_sqlite *store);
/* The own tables but those of the .def files, by number; NULL: there are no more. */
const char *perp_sqlite_own_table(size_t i);
/* The SQL of an index of ours; false: none of ours is named so. */
bool perp_sqlite_own_index(const char *name, sqlite3_str *text);
/* How many tables and indexes ours are, those that keys bring along included. */
int64_t perp_sqlite_count_own(const struct perp_sqlite *store);

/* sqlite_others.c: what others made in the file. */
/* Whether nothing of theirs is on our tables that writing or checking these would run or obey. */
perp_status perp_sqlite_check_others(struct perp_sqlite *store);
/* Whether the file has tables, or indexes of tables, that are not ours. */
perp_status perp_sqlite_has_others(struct perp_sqlite *store, bool *has);

/* sqlite_wal.c */
/* The head that the file itself has, without its WAL; false where there is none to be read. */
bool perp_sqlite_peek(sqlite3_vfs *vfs, const char *path, struct perp_head *head);
/* Whether the WAL is sound and of a version that SQLite does not know, of which it says no more
   than that it can't open the file. */
bool perp_sqlite_wal_is_strange(sqlite3_vfs *vfs, const char *path);
/* Whether the file, with its WAL, is what the file alone and the note let expect. */
perp_status perp_sqlite_check_wal(struct perp_sqlite *store, const struct perp_head *alone);
/* Makes sure that a commit that failed does not come back. */
perp_status perp_sqlite_cut_tail(struct perp_sqlite *store);

/* The WAL's name and form, for the two files that look into it. */
#define PERP_WAL_HEADER 32
#define PERP_WAL_FRAME_HEADER 24
#define PERP_WAL_MAGIC 0x377f0682 /* the last bit: the order of bytes in its sums */
/* NULL: no memory; freed with sqlite3_free_filename. */
const char *perp_wal_name(const char *path);
uint32_t perp_big_endian(const unsigned char *at);
/* How many frames count, and the size of a page; an SQLite code. */
int perp_wal_frames(sqlite3 *db, sqlite3_int64 *n_frames, sqlite3_int64 *page_size);

/* sqlite_sync.c */
void perp_wal_init(struct perp_sqlite *store);
void perp_wal_close(struct perp_sqlite *store);
/* Once the file is in WAL mode and believed: what is in the WAL is made durable, so that what was
   loaded is on disk. path: absolute. */
perp_status perp_wal_open(struct perp_sqlite *store);
/* Before a change begins: whether its commit waits for the disk. */
perp_status perp_wal_begin(struct perp_sqlite *store, bool staged);
/* Around a commit: one that waits for the disk must not pass a sync that fails meanwhile. Writes
   anew what one that failed before may have lost. An SQLite code; end in any case. */
int perp_wal_begin_commit(struct perp_sqlite *store);
void perp_wal_end_commit(struct perp_sqlite *store, bool committed);
/* Moves the WAL's content into the file as far as readers let it; what is left, later. */
void perp_wal_move(struct perp_sqlite *store);
/* The store's sync and state. */
void perp_wal_sync(void *user, perp_status *status);
void perp_wal_state(void *user, perp_store_state *state);

/* sqlite_load.c */
bool perp_head_from(sqlite3_stmt *row, struct perp_head *head); /* false: its guard is wrong */
#define PERP_HEAD_SQL                                                                              \
    "SELECT store, seq, chain, pruned, pruned_chain, rows, guard FROM head LIMIT 1"
/* Seeds the tables, too. */
perp_status perp_sqlite_read_head(struct perp_sqlite *store, struct perp_head *head);
/* loader NULL: only verifies. */
perp_status perp_sqlite_load(struct perp_sqlite *store, bool from_start, const perp_loader *loader);

/* sqlite_verify.c */
/* Follows the chain: whether the event may come after the last one walked, and is what was
   written. row: its columns, then its guard. */
perp_status perp_walk_event(struct perp_sqlite *store, const struct perp_head *head,
                            struct perp_store_walk *walk, sqlite3_stmt *row);
/* Goes on with the walk, for so many rows at most. */
perp_status perp_sqlite_walk(struct perp_sqlite *store, const struct perp_head *head,
                             struct perp_store_walk *walk, uint64_t most);
/* A row changed, came (was 0) or went (is 0). */
void perp_walk_changed(struct perp_store_walk *walk, int table, int64_t rowid, uint64_t was,
                       uint64_t is);
/* The pages themselves: SQLite's own check. */
perp_status perp_sqlite_check_pages(struct perp_sqlite *store);

/* sqlite_prune.c: drops what is older than is wanted, so many rows of each table at most. */
perp_status perp_sqlite_prune_plan(struct perp_sqlite *store, uint64_t seq);
perp_status perp_sqlite_prune(struct perp_sqlite *store, uint64_t most);

#endif
