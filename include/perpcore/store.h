/* The table of functions behind which a book keeps its changes. */
#ifndef PERPCORE_STORE_H
#define PERPCORE_STORE_H

#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One change of the book. The columns are for people and queries; data holds all that applying the
   change again needs (a store gives it back byte for byte; its format is the library's own).
   Columns that do not apply are 0 or NULL. Pointers are valid during the call. */
typedef struct perp_record {
    uint32_t struct_size;
    uint32_t pool;    /* where exchange is not NULL and reservation is not 0 */
    uint64_t seq;     /* 1, 2, 3 … without a gap */
    int64_t time_ns;  /* PERP_TIME_NONE: before the clock was set */
    const char *kind; /* "reserve", "dispatch", … */
    const perp_uuid *job_id;
    const char *exchange;
    uint64_t reservation; /* the first of them, where a dispatch makes several */
    perp_usd amount;
    perp_usd pnl;
    perp_usd volume;
    perp_usd fees;
    const char *actor;
    const char *reason;
    const char *detail; /* JSON for people: the numbers behind a dispatch or a refusal; else NULL */
    const void *data;
    size_t size;
    const char *outcome; /* why a job or an order was refused, or how its finish ended a job; else
                            NULL */
    uint64_t chain; /* the checksum that data ends in: it covers all records before this one too */
} perp_record;

/* What a column of a row holds. */
enum perp_column_type {
    PERP_COLUMN_NULL,
    PERP_COLUMN_INTEGER,
    PERP_COLUMN_NUMBER,
    PERP_COLUMN_TEXT
};

/* One value of a row. */
typedef struct perp_column {
    const char *name;  /* a static text: equal names are equal pointers */
    uint32_t type;     /* PERP_COLUMN_… */
    uint32_t reserved; /* 0 */
    int64_t integer;
    double number;
    const char *text; /* valid during the call */
} perp_column;

/* One row of a table for people, as the book has it once the change is made. Only columns that the
   change sets are there, those that tell the row from others first; others keep what they had, and
   of a new row are NULL or 0. docs/durability.md lists tables and columns. */
typedef struct perp_row {
    uint32_t struct_size;
    uint32_t n_keys;
    uint32_t n_columns;
    uint32_t reserved; /* 0 */
    const char *table;
    const perp_column *columns;
} perp_row;

/* What load gives back, in this order: the newest checkpoint, if there is one, then every record
   after it. Each sets *status, which is preset to PERP_OK, to something else to stop. */
typedef struct perp_loader {
    void *user;
    /* The checkpoint to start from: the book as of record seq. Where it sets PERP_E_CORRUPT an
       older one may be given, or none, and the records after it. Size 0: there is one that the
       store can't read; it is refused so, and the host hears of it. */
    void (*checkpoint)(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                       perp_status *status);
    /* The next record. */
    void (*record)(void *user, uint64_t seq, const void *data, size_t size, perp_status *status);
} perp_loader;

/* How a store is. */
typedef struct perp_store_state {
    uint32_t struct_size;
    uint32_t wal_held;        /* 1: a reader keeps a log that is longer than the limit from being
                                 begun anew: the alert wal_held stands */
    uint64_t wal_bytes;       /* of the log, as of the last commit */
    uint64_t wal_limit_bytes; /* 0: none */
} perp_store_state;

/* What a store may offer beyond its table, each function or NULL. A table of its own, which grows
   at its end: set struct_size to its size, and the rest of it to zero. */
typedef struct perp_store_more {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    /* As begin, of a change whose commit need not wait for the disk: once commit has returned,
       loads and other commits see it, and a process that is killed leaves it, but a machine that
       fails may lose it, with all that was committed after it, until sync or the commit of a change
       that was begun with begin has returned PERP_OK: either makes all that was committed before
       durable, and such a change may be empty then, without a record. Needs sync. */
    void (*begin_staged)(void *user, perp_status *status);
    /* Makes durable all whose commit returned before this call began. Called by one thread at a
       time, beside all other functions but load and close. After a failure the commit of a change
       that was begun with begin must make durable what this one did not. */
    void (*sync)(void *user, perp_status *status);
    /* How the store is, after each commit. state->struct_size is set and the rest zero. */
    void (*state)(void *user, perp_store_state *state);
} perp_store_more;

/* A store. Each function but rollback and close reports through *status, which is preset to
   PERP_E_STORE; a function that leaves it is a failure. Calls are serialised by the library.
   begin … commit: records and rows between are one change, all or none; after a failure of either
   the library calls rollback, and memory stays as it was. load: once, first; what it gives is
   durable; from_start: 1 gives
   every record there is and no checkpoint. checkpoint: the whole book as of record seq, outside of
   begin … commit. A struct of zeros is no store (memory only); load and checkpoint may be NULL (a
   store that only writes). */
typedef struct perp_store {
    void *user;
    /* A change begins. */
    void (*begin)(void *user, perp_status *status);
    /* A record of it. */
    void (*append)(void *user, const perp_record *record, perp_status *status);
    /* The change is made durable, with its end. */
    void (*commit)(void *user, perp_status *status);
    /* The change is taken back. */
    void (*rollback)(void *user);
    /* Gives back what is stored. */
    void (*load)(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status);
    /* Keeps the whole book. */
    void (*checkpoint)(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status);
    /* Says why the last call failed, in text; may be NULL. */
    void (*message)(void *user, char *text, size_t capacity);
    /* The end; frees user. */
    void (*close)(void *user);
    /* A row that the change leaves so, after its records; may be NULL: no rows are wanted. When a
       book that is there is opened there is a change of rows alone, as they are: the store may be
       of a release that did not have them. A begin that says PERP_E_STATE then leaves it out. */
    void (*row)(void *user, const perp_row *row, perp_status *status);
    /* May be NULL. Must last as long as the store is open. */
    const perp_store_more *more;
    void *reserved[2]; /* NULL: room for later releases */
} perp_store;

/* Waits until all is on disk that the calls of perp_core_flush_async that returned before this one
   handed to the store: perp_core_durable says up to which event that is. For a thread of the host
   beside those that trade: it takes no lock of the book, also with PERP_THREADING_NONE, and calls
   to it take turns. Where nothing was handed over so, it returns at once. The book must not be
   closed meanwhile (perp_core_close is PERP_E_STATE where it sees that).
   PERP_E_INVALID: NULL; PERP_E_STORE: the disk failed, and nothing more is durable than before; the
   next barrier (perp_core_flush, a tick) writes it again, and where that fails, too, the store has
   failed. */
PERP_API perp_status perp_store_sync(perp_core *core);

/* The SQLite store: one file, WAL mode, synchronous=FULL, readable with any SQLite tool while it
   runs. Tables events, jobs, orders, fills, reservations, positions, lots, daily, checkpoints;
   views daily_pnl, open_reservations, open_hedges, open_orders, refusals, job_history, control_log;
   see docs/durability.md. */
typedef struct perp_sqlite_options {
    uint32_t struct_size;
    uint32_t read_only;     /* 1: only load; takes no writer's lock */
    uint64_t keep_events;   /* records before the newest checkpoint that are kept, besides those of
                               jobs that have not ended; 0 (default): all */
    const char *vfs;        /* name of an SQLite VFS; NULL: the default */
    uint32_t create;        /* 1: a file that is there and empty is a new store; 0 (default): it is
                               PERP_E_CORRUPT, for it may be one that was lost. A path where there is
                               no file is a new store either way, unless it is read only. */
    uint32_t wal_limit_mb;  /* 256; 0: none. A reader that keeps the WAL from being begun anew when
                               it is longer than so many MiB raises the alert wal_held */
    uint64_t verify_events; /* records before the newest checkpoint that load verifies in a store
                               that is too large to be verified whole, the newest; the others are
                               verified little by little at checkpoints, and by a load from the
                               start. UINT64_MAX: all of the store, whatever its size */
} perp_sqlite_options;

/* Fills size and defaults. */
PERP_API void perp_sqlite_options_init(perp_sqlite_options *options);

/* Opens or makes a store. options: NULL for the defaults. path: UTF-8.
   PERP_E_INVALID: NULL; PERP_E_BUSY: another process (or core) writes to it, at once;
   PERP_E_CORRUPT: not a store, an empty file (see create), damaged (the message has the place), the
   WAL of another store, or of a newer schema or an unpublished older one;
   PERP_E_STORE: the file can't be opened; PERP_E_STATE: the library was built without SQLite. On an
   error *store is zero, and perp_core_error(NULL) has the message. */
PERP_API perp_status perp_store_sqlite_open(const char *path, const perp_sqlite_options *options,
                                            perp_store *store);

/* A store that keeps records in memory, for tests and for hosts that ship them elsewhere. */
PERP_API perp_status perp_store_memory_open(perp_store *store);

#ifdef __cplusplus
}
#endif

#endif
