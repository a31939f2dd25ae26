/* The SQLite store as its own files see it. */
#ifndef PERP_STORE_SQLITE_STORE_H
#define PERP_STORE_SQLITE_STORE_H

#include <sqlite3.h>

#include "core/events.h"

#define PERP_SQLITE_APPLICATION 0x50455250 /* "PERP" */
#define PERP_SQLITE_VERSION 2

enum perp_statement {
#define X(NAME, sql) PERP_SQL_##NAME,
#include "store/sqlite_statements.def"
#undef X
    PERP_SQL_COUNT
};

/* Where the events end: the one row of the table head. */
struct perp_head {
    uint64_t store;    /* drawn when the store was made: tells it from others */
    uint64_t seq;      /* of the last event; 0: none yet */
    uint64_t checksum; /* of the last event */
    uint64_t pruned;   /* up to here events may be missing, for good; 0: all are there */
};

/* The file beside the store: the writer's lock, and a note of the head (sqlite_lock.c). */
struct perp_store_lock {
    sqlite3_vfs *vfs;
    sqlite3_file *file; /* NULL: not open */
    const char *name;   /* of the lock file, as the VFS wants it */
    bool has_mark;
    struct perp_head mark; /* as it was when the file was opened; pruned is not part of it */
};

struct perp_sqlite {
    sqlite3 *db;
    struct perp_store_lock lock;
    bool read_only;
    bool damaged;  /* nothing is written any more */
    bool in_batch; /* begin was called, commit or rollback not yet */
    uint64_t keep_events;
    struct perp_head head; /* as committed */
    struct perp_head next; /* as the batch at hand will leave it */
    sqlite3_stmt *statements[PERP_SQL_COUNT];
    struct perp_event_room room; /* of the event that append looks at */
    char message[256];           /* why the last call failed */
};

/* Keeps the message "what: SQLite's own words" and returns the status that SQLite's code means. */
perp_status perp_sqlite_fail(struct perp_sqlite *store, int code, const char *what);
/* The same with a status and words of our own. PERP_E_CORRUPT stops all writing. */
perp_status perp_sqlite_say(struct perp_sqlite *store, perp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Runs SQL without a result. */
perp_status perp_sqlite_exec(struct perp_sqlite *store, const char *sql, const char *what);
/* The one number that a query gives. */
perp_status perp_sqlite_number(struct perp_sqlite *store, const char *sql, int64_t *number);

/* Binds the parameters of a kept statement, from the first on; what fails is told by run. */
struct perp_binder {
    sqlite3_stmt *statement;
    int at;
    int code; /* the first failure */
};

struct perp_binder perp_bind(const struct perp_sqlite *store, enum perp_statement which);
void perp_bind_null(struct perp_binder *to);
void perp_bind_int(struct perp_binder *to, int64_t value);
void perp_bind_hash(struct perp_binder *to, uint64_t value);   /* by its bits */
void perp_bind_time(struct perp_binder *to, int64_t time_ns);  /* PERP_TIME_NONE: NULL */
void perp_bind_double(struct perp_binder *to, double value);   /* NaN: NULL */
void perp_bind_text(struct perp_binder *to, const char *text); /* NULL: NULL */
void perp_bind_blob(struct perp_binder *to, const void *data, size_t size);
/* Runs it; an SQLite code. */
int perp_bind_run(struct perp_binder *to);

/* Checksums of rows, and of the head itself. */
uint64_t perp_event_checksum(uint64_t seq, int64_t time_ns, const void *data, size_t size);
uint64_t perp_checkpoint_checksum(uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                                  size_t size);
uint64_t perp_head_guard(const struct perp_head *head);

/* sqlite_lock.c. path is absolute. */
perp_status perp_store_lock_open(struct perp_sqlite *store, sqlite3_vfs *vfs, const char *path);
void perp_store_lock_mark(struct perp_store_lock *lock, const struct perp_head *head);
void perp_store_lock_close(struct perp_store_lock *lock);

/* sqlite_schema.c: what kind of file it is; makes it a store, or an older one a newer one. existed:
   whether there was a file before it was opened. */
perp_status perp_sqlite_identify(struct perp_sqlite *store, bool existed);

/* sqlite_load.c */
perp_status perp_sqlite_read_head(struct perp_sqlite *store, struct perp_head *head);
/* loader NULL: only verifies. */
perp_status perp_sqlite_load(struct perp_sqlite *store, bool from_start, const perp_loader *loader);

/* sqlite_rows.c: what an event changes in the tables beside events; an SQLite code. outcome: what
   the column of that name holds, or NULL. */
int perp_sqlite_rows(struct perp_sqlite *store, const struct perp_event *event);
const char *perp_sqlite_outcome(const struct perp_event *event);

#endif
