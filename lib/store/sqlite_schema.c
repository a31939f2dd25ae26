/* The tables, and how an older store becomes a newer one. A new store takes the same way, from the
   first version on, so that there is one shape of each version. */
#include "store/sqlite_store.h"

#include <stdio.h>

/* clang-format off */

/* For views: money in USD, times as ISO 8601 in UTC. */
#define USD(column) "round(" #column " / 1000000.0, 6) AS " #column "_usd"
#define PART(column) "((" #column " % 1000000000 + 1000000000) % 1000000000)"
#define ISO(column) \
    "strftime('%Y-%m-%dT%H:%M:%S', (" #column " - " PART(column) ") / 1000000000, 'unixepoch')" \
    " || printf('.%09dZ', " PART(column) ")"

/* Money in micro-dollars, times in nanoseconds since 1970 UTC, NULL where there is none. */
static const char version_1[] =
    "CREATE TABLE head("
    " store INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL,"
    " pruned INTEGER NOT NULL,"
    " guard INTEGER NOT NULL) STRICT;"

    "CREATE TABLE events("
    " seq INTEGER PRIMARY KEY,"
    " time_ns INTEGER,"
    " checksum INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " job TEXT,"
    " exchange TEXT,"
    " pool TEXT,"
    " reservation INTEGER,"
    " amount INTEGER NOT NULL,"
    " pnl INTEGER NOT NULL,"
    " volume INTEGER NOT NULL,"
    " fees INTEGER NOT NULL,"
    " actor TEXT,"
    " reason TEXT,"
    " outcome TEXT,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE INDEX events_of_job ON events(job) WHERE job IS NOT NULL;"

    "CREATE TABLE checkpoints("
    " seq INTEGER PRIMARY KEY,"
    " time_ns INTEGER,"
    " hash INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL,"
    " data BLOB) STRICT;"

    "CREATE TABLE exchanges("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " venue TEXT NOT NULL) STRICT;"

    "CREATE TABLE jobs("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " strategy TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " priority INTEGER NOT NULL,"
    " notional INTEGER NOT NULL,"
    " edge_bps REAL,"
    " score REAL,"
    " reduce_only INTEGER NOT NULL DEFAULT 0,"
    " unresolved INTEGER NOT NULL DEFAULT 0,"
    " refusal TEXT,"
    " parent TEXT,"
    " pnl INTEGER NOT NULL DEFAULT 0,"
    " volume INTEGER NOT NULL DEFAULT 0,"
    " fees INTEGER NOT NULL DEFAULT 0,"
    " submitted_ns INTEGER,"
    " started_ns INTEGER,"
    " finished_ns INTEGER,"
    " ended_ns INTEGER,"
    " last_seq INTEGER NOT NULL) STRICT;"
    "CREATE INDEX repairs_of_job ON jobs(parent) WHERE parent IS NOT NULL;"

    "CREATE TABLE reservations("
    " id INTEGER PRIMARY KEY,"
    " exchange TEXT,"
    " pool TEXT NOT NULL,"
    " amount INTEGER NOT NULL,"
    " in_flight INTEGER NOT NULL,"
    " used INTEGER NOT NULL,"
    " job TEXT,"
    " made_ns INTEGER,"
    " last_seq INTEGER NOT NULL) STRICT;"
    "CREATE INDEX reservations_of_job ON reservations(job) WHERE job IS NOT NULL;"

    "CREATE TABLE daily("
    " day TEXT,"
    " exchange TEXT,"
    " pnl INTEGER NOT NULL,"
    " volume INTEGER NOT NULL,"
    " fees INTEGER NOT NULL,"
    " PRIMARY KEY(day, exchange)) STRICT, WITHOUT ROWID;"

    "CREATE VIEW daily_pnl AS SELECT day, exchange, "
    USD(pnl) ", " USD(volume) ", " USD(fees) " FROM daily;"

    "CREATE VIEW open_reservations AS SELECT id, exchange, pool, job, "
    USD(amount) ", " USD(in_flight) ", " USD(used) ", " ISO(made_ns) " AS since"
    " FROM reservations WHERE in_flight + used > 0;"

    "CREATE VIEW refusals AS SELECT seq, " ISO(time_ns) " AS time, kind, job,"
    " outcome AS refused_by FROM events WHERE kind IN ('refuse', 'reject');";

static const char to_version_2[] =
    "ALTER TABLE events ADD COLUMN detail TEXT;"

    "DROP VIEW refusals;"
    "CREATE VIEW refusals AS SELECT seq, " ISO(time_ns) " AS time, kind, job,"
    " outcome AS refused_by, detail FROM events WHERE kind IN ('refuse', 'reject');"

    "CREATE VIEW job_history AS SELECT seq, " ISO(time_ns) " AS time, job, strategy, "
    USD(notional) ", kind, outcome, " USD(amount) ", " USD(pnl) ", " USD(volume) ", " USD(fees)
    ", actor, reason, detail, state_now FROM events"
    " LEFT JOIN (SELECT id, strategy, notional, state AS state_now FROM jobs) ON id = job"
    " WHERE job IS NOT NULL;";

/* clang-format on */

/* steps[n] makes version n + 1 of version n. */
static const char *const steps[PERP_SQLITE_VERSION] = {version_1, to_version_2};

static perp_status insert_head(struct perp_sqlite *store) {
    struct perp_head head = {.seq = 0};
    char sql[160];
    sqlite3_randomness(sizeof head.store, &head.store);
    snprintf(sql, sizeof sql, "INSERT INTO head VALUES(%lld, 0, 0, 0, %lld)",
             (long long)(int64_t)head.store, (long long)(int64_t)perp_head_guard(&head));
    return perp_sqlite_exec(store, sql, "head");
}

/* All steps from a version on, in one transaction: killed in between, it is as it was. */
static perp_status upgrade(struct perp_sqlite *store, int64_t version) {
    perp_status status = perp_sqlite_exec(store, "BEGIN IMMEDIATE", "schema");
    for (int64_t n = version; n < PERP_SQLITE_VERSION && status == PERP_OK; n++)
        status = perp_sqlite_exec(store, steps[n], "schema");
    if (status == PERP_OK && version == 0)
        status = insert_head(store);
    if (status == PERP_OK) {
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                 PERP_SQLITE_APPLICATION, PERP_SQLITE_VERSION);
        status = perp_sqlite_exec(store, sql, "schema");
    }
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static perp_status wal_on(struct perp_sqlite *store) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    bool on = code == SQLITE_ROW && sqlite3_column_text(statement, 0) &&
              sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW)
        return perp_sqlite_fail(store, code, "WAL mode");
    if (!on)
        return perp_sqlite_say(store, PERP_E_STORE, "the file can't be in WAL mode here");
    /* Each commit waits until it is on the disk. The rest keeps a WAL that a slow reader or a large
       checkpoint blew up from staying that large. */
    return perp_sqlite_exec(
        store, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216", "WAL mode");
}

static perp_status make_new(struct perp_sqlite *store, bool existed) {
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: the file is empty, no store");
    if (existed && store->lock.has_mark && store->lock.mark.seq > 0)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: the file is empty, though %llu events were committed",
                               (unsigned long long)store->lock.mark.seq);
    perp_status status = wal_on(store);
    return status == PERP_OK ? upgrade(store, 0) : status;
}

static perp_status check_version(struct perp_sqlite *store, int64_t application, int64_t version) {
    int64_t vacuum = 0;
    if (application != PERP_SQLITE_APPLICATION)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: a file of another application (id %lld), no store",
                               (long long)application);
    if (version > PERP_SQLITE_VERSION)
        return perp_sqlite_say(store, PERP_E_CORRUPT,
                               "header: schema version %lld is newer than this library's (%d)",
                               (long long)version, PERP_SQLITE_VERSION);
    if (version < 1)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: schema version %lld",
                               (long long)version);
    /* No store is made with it, and writing where it is falsely on would harm other pages. */
    perp_status status = perp_sqlite_number(store, "PRAGMA auto_vacuum", &vacuum);
    if (status == PERP_OK && vacuum)
        return perp_sqlite_say(store, PERP_E_CORRUPT, "header: auto_vacuum is on");
    return status;
}

/* What is to be changed is looked at first: nothing is changed in a damaged store. */
static perp_status migrate(struct perp_sqlite *store, int64_t version) {
    if (store->read_only)
        return perp_sqlite_say(store, PERP_E_STORE,
                               "schema version %lld must be migrated: open it for writing once",
                               (long long)version);
    perp_status status = perp_sqlite_load(store, false, NULL);
    if (status == PERP_OK)
        status = upgrade(store, version);
    return status;
}

perp_status perp_sqlite_identify(struct perp_sqlite *store, bool existed) {
    int64_t application = 0, version = 0, things = 0;
    perp_status status = perp_sqlite_number(store, "PRAGMA application_id", &application);
    if (status == PERP_OK)
        status = perp_sqlite_number(store, "PRAGMA user_version", &version);
    if (status == PERP_OK)
        status = perp_sqlite_number(store, "SELECT count(*) FROM sqlite_master", &things);
    if (status != PERP_OK)
        return status;
    if (!application && !version && !things)
        return make_new(store, existed);
    status = check_version(store, application, version);
    if (status == PERP_OK && !store->read_only)
        status = wal_on(store);
    if (status == PERP_OK && version < PERP_SQLITE_VERSION)
        status = migrate(store, version);
    return status;
}
