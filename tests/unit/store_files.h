/* For tests of stores in files: a folder of their own, copies of files, SQL from outside. */
#ifndef TEST_STORE_FILES_H
#define TEST_STORE_FILES_H

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store_fixture.h"

static char folder[64];
static char path[80]; /* of the store */
static char copy[88]; /* of a copy of it */

static inline void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    if (!parent || strlen(parent) > 30)
        parent = "/tmp";
    snprintf(folder, sizeof folder, "%s/perp-store-XXXXXX", parent);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book.db", folder);
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
}

static const char *const parts[] = {"", "-wal", "-shm", "-lock"};

/* The name of a part, until the next call. */
static inline const char *part_of(const char *file, const char *part) {
    static char name[128];
    snprintf(name, sizeof name, "%s%s", file, part);
    return name;
}

static inline void remove_store(const char *file) {
    for (int i = 0; i < 4; i++)
        unlink(part_of(file, parts[i]));
}

static inline void remove_folder(void) {
    remove_store(path);
    remove_store(copy);
    rmdir(folder);
}

static inline perp_status open_at(const char *file, perp_store *store) {
    return perp_store_sqlite_open(file, NULL, store);
}

static inline void opened(perp_store *store) {
    static struct got ignored;
    ck_assert_msg(open_at(path, store) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_msg(load(store, 0, &ignored) == PERP_OK, "%s", why(store));
}

static inline void closed(perp_store *store) {
    store->close(store->user);
    memset(store, 0, sizeof *store);
}

struct bytes {
    unsigned char *at;
    size_t size;
    int there;
};

static inline struct bytes read_bytes(const char *file) {
    struct bytes bytes = {NULL, 0, 0};
    struct stat info;
    int fd = open(file, O_RDONLY);
    if (fd < 0)
        return bytes;
    ck_assert_int_eq(fstat(fd, &info), 0);
    bytes.size = (size_t)info.st_size;
    bytes.at = malloc(bytes.size + 1);
    bytes.there = 1;
    ck_assert_ptr_nonnull(bytes.at);
    ck_assert_int_eq(read(fd, bytes.at, bytes.size), info.st_size);
    close(fd);
    return bytes;
}

static inline void write_bytes(const char *file, const struct bytes *bytes) {
    if (!bytes->there) {
        unlink(file);
        return;
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes->at, bytes->size), (ssize_t)bytes->size);
    close(fd);
}

/* The one text that a query gives, through a connection of its own. */
static inline const char *ask(const char *file, const char *sql) {
    static char text[512];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    ck_assert_int_eq(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    int code = sqlite3_step(row);
    ck_assert_msg(code == SQLITE_ROW || code == SQLITE_DONE, "%s", sqlite3_errmsg(db));
    const char *got = code == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : "(none)";
    snprintf(text, sizeof text, "%s", got ? got : "(null)");
    sqlite3_finalize(row);
    sqlite3_close(db);
    return text;
}

#define ask_is(sql, wanted) ck_assert_str_eq(ask(path, sql), wanted)

static inline void run_sql(const char *file, const char *sql) {
    sqlite3 *db = NULL;
    char *error = NULL;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK, "%s", error);
    sqlite3_close(db);
}

#endif
