/* The SQLite store on a disk that goes wrong at the n-th write, sync, truncate or open, for every n
   of a book's short life: a call that said PERP_OK is in the store, a call that did not has changed
   nothing in memory, and goes through once the disk works again. */
#include "steps.h"

#if PERP_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfs_shim.h"

#define MAX_STEPS 128
#define MAX_STAGES 8
#define STEPS_AFTER 5 /* how long a life goes on after its disk went wrong */

static char folder[64], path[80];

/* A life: what was asked to go wrong, and what the book was when. */
struct life {
    fault_book book;
    perp_config config;
    /* Of the life without faults: the hashes after each commit of each step. */
    uint64_t stages[MAX_STEPS][MAX_STAGES];
    uint32_t n_stages[MAX_STEPS];
    int step;
    enum shim_kind kind;
    enum shim_way way;
    uint32_t n;
    int is_clean; /* it is that life */
    int ends;     /* its process is killed when a call was refused: nothing of that may be there */
    int alive;
    uint64_t hash;    /* after the last call that said PERP_OK */
    int unsure;       /* killed in a call: as far as this may have got is right, too */
    uint32_t refused; /* calls */
};

static const char *told(const struct life *life) {
    static const char *const kinds[] = {"write", "sync", "truncate", "open"};
    static const char *const ways[] = {"fails", "is cut", "is the last"};
    static char text[64];
    snprintf(text, sizeof text, "%s %u %s", kinds[life->kind], life->n, ways[life->way]);
    return text;
}

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    if (!parent || strlen(parent) > 30) {
        parent = "/tmp";
    }
    snprintf(folder, sizeof folder, "%s/perp-vfs-XXXXXX", parent);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book.db", folder);
    shim_register();
}

static void remove_files(void) {
    static const char *const parts[] = {"", "-wal", "-shm", "-lock", "-journal"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, parts[i]);
        unlink(name);
    }
}

static void remove_folder(void) {
    remove_files();
    rmdir(folder);
}

static void stage(struct life *life) {
    uint32_t n = life->n_stages[life->step]++;
    ck_assert_uint_lt(n, MAX_STAGES);
    life->stages[life->step][n] = perp_core_hash(life->book.core);
}

/* Whether the step under way may have left the book so when its process was killed. */
static int is_stage(const struct life *life, uint64_t hash) {
    for (uint32_t i = 0; i < life->n_stages[life->step]; i++) {
        if (life->stages[life->step][i] == hash) {
            return 1;
        }
    }
    return 0;
}

/* The executor hears of a job only when others can see in the file that it is dispatched, and that
   its capital is held. */
static void on_execute(void *user, const perp_execution *job) {
    char sql[256], id[37];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    struct life *life = user;
    if (life->is_clean) {
        stage(life);
    }
    perp_uuid_format(&job->job_id, id);
    snprintf(sql, sizeof sql,
             "SELECT state, (SELECT sum(in_flight) FROM reservations WHERE job = jobs.id)"
             " FROM jobs WHERE id = '%s'",
             id);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(row, 0), "running");
    ck_assert(job->is_repair || job->reduce_only || sqlite3_column_int64(row, 1) > 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static perp_status open_book(struct life *life) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.vfs = SHIM_NAME;
    options.keep_events = 5;
    perp_status status = perp_store_sqlite_open(path, &options, &life->config.store);
    return status == PERP_OK ? fault_open(&life->book, &life->config) : status;
}

static void close_book(struct life *life) {
    fault_close(&life->book);
    life->book.core = NULL;
}

/* Opens; where that fails, it does once the disk works again. */
static void open_again(struct life *life) {
    perp_status status = open_book(life);
    if (status != PERP_OK) {
        ck_assert_msg(shim_hit() && status == PERP_E_STORE, "%s: open: %s (%s)", told(life),
                      perp_status_string(status), perp_core_error(NULL));
        ck_assert_int_eq(shim_open_files(), 0);
        shim_heal();
        status = open_book(life);
    }
    ck_assert_msg(status == PERP_OK, "%s: open: %s (%s)", told(life), perp_status_string(status),
                  perp_core_error(NULL));
    ck_assert_msg(perp_core_check(life->book.core) == PERP_OK, "%s: %s", told(life),
                  perp_core_error(life->book.core));
}

/* The book after the file was closed, or its process was killed, and opened on a disk that works.
 */
static void comes_back(struct life *life) {
    close_book(life);
    ck_assert_int_eq(shim_open_files(), 0);
    shim_heal();
    open_again(life);
    uint64_t hash = perp_core_hash(life->book.core);
    ck_assert_msg(hash == life->hash || (life->unsure && is_stage(life, hash)),
                  "%s: the book came back as another one", told(life));
}

static perp_status resume(const struct life *life) {
    perp_call call;
    perp_call_init(&call);
    int64_t clock = perp_core_clock(life->book.core);
    call.now_ns = clock == PERP_TIME_NONE ? life->book.now : clock;
    call.actor = "fault";
    call.reason = "the cause is gone";
    return perp_scheduler_resume(perp_core_scheduler(life->book.core), &call);
}

static void remember(struct life *life) {
    life->hash = perp_core_hash(life->book.core);
}

/* A call that did not go through has changed nothing; its process dies, or the disk works again. */
static void was_refused(struct life *life, int step, perp_status status) {
    life->refused++;
    ck_assert_msg(shim_hit() && status == PERP_E_STORE, "%s: %s: %s (%s)", told(life),
                  fault_step_name(step), perp_status_string(status),
                  perp_core_error(life->book.core));
    ck_assert_msg(perp_core_hash(life->book.core) == life->hash, "%s: %s changed the book",
                  told(life), fault_step_name(step));
    if (life->ends) {
        shim_die();
        life->alive = 0;
        return;
    }
    if (life->way == SHIM_DIES) {
        /* The records of the call may all be in the file, though it could not say PERP_OK. */
        life->unsure = 1;
        life->alive = 0;
        return;
    }
    ck_assert_msg(resume(life) == PERP_OK, "%s: resume: %s", told(life),
                  perp_core_error(life->book.core));
    status = fault_step(&life->book, step);
    ck_assert_msg(status == PERP_OK, "%s: %s again: %s (%s)", told(life), fault_step_name(step),
                  perp_status_string(status), perp_core_error(life->book.core));
    remember(life);
}

static void write_checkpoint(struct life *life) {
    perp_status status = perp_core_checkpoint(life->book.core);
    ck_assert_msg(status == PERP_OK || (status == PERP_E_STORE && shim_hit()), "%s: checkpoint: %s",
                  told(life), perp_core_error(life->book.core));
    ck_assert(perp_core_hash(life->book.core) == life->hash);
    if (status != PERP_OK && life->way == SHIM_DIES) {
        life->alive = 0;
    }
}

static int store_failed(const struct life *life) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(perp_scheduler_query(perp_core_scheduler(life->book.core), &state), PERP_OK);
    return state.store_failed != 0;
}

/* A protection was raised and is not stored: it is with the next change, if one comes. */
static void holds_without_store(struct life *life, int step, uint64_t before) {
    if (life->ends || life->way == SHIM_DIES) {
        if (life->ends) {
            shim_die();
        }
        life->unsure = life->way == SHIM_DIES;
        life->hash = before;
        life->alive = 0;
        return;
    }
    ck_assert_msg(resume(life) == PERP_OK, "%s: resume: %s", told(life),
                  perp_core_error(life->book.core));
    ck_assert(!store_failed(life));
    if (strstr(fault_step_name(step), "pause")) { /* which resume took away */
        ck_assert_int_eq(fault_step(&life->book, step), PERP_OK);
    }
    remember(life);
}

static void one_step(struct life *life, int step) {
    const char *name = fault_step_name(step);
    if (strcmp(name, "at_second(book, 1)") == 0) {
        /* Where market data come anew: the process ends in good order and starts again. */
        close_book(life);
        ck_assert_int_eq(shim_open_files(), 0);
        open_again(life);
        ck_assert_msg(perp_core_hash(life->book.core) == life->hash, "%s: reopened as another",
                      told(life));
    }
    if (step % 16 == 15) {
        write_checkpoint(life);
    }
    if (!life->alive) {
        return;
    }
    uint64_t before = life->hash;
    perp_status status = fault_step(&life->book, step);
    ck_assert_msg(perp_core_check(life->book.core) == PERP_OK, "%s: %s: %s", told(life), name,
                  perp_core_error(life->book.core));
    if (status != PERP_OK) {
        was_refused(life, step, status);
        return;
    }
    remember(life);
    if (life->is_clean) {
        stage(life);
    } else if (store_failed(life) && fault_step_stands(step)) {
        ck_assert(shim_hit());
        holds_without_store(life, step, before);
    } else if (store_failed(life)) {
        /* A tick whose jobs are out, and only what the executor said of one was not stored: the
           steps after it are those of another life. */
        ck_assert_msg(fault_step_ticks(step) && shim_hit(), "%s: %s", told(life), name);
        life->unsure = life->way == SHIM_DIES;
        life->alive = 0;
    }
}

static void live(struct life *life) {
    memset(&life->config, 0, sizeof life->config);
    perp_config_init(&life->config);
    fault_config(&life->book, &life->config);
    life->book.on_execute = on_execute;
    life->book.user = life;
    life->alive = 1;
    life->unsure = 0;
    life->refused = 0;
    remove_files();
    sqlite3_int64 used = sqlite3_memory_used();
    shim_arm(life->kind, life->way, life->n);
    open_again(life);
    remember(life);
    ck_assert_int_le(fault_steps(), MAX_STEPS);
    int left = STEPS_AFTER;
    for (int step = 0; step < fault_steps() && life->alive && left > 0; step++) {
        life->step = step;
        one_step(life, step);
        left -= shim_hit();
    }
    comes_back(life);
    close_book(life);
    ck_assert_int_eq(shim_open_files(), 0);
    ck_assert_msg(sqlite3_memory_used() == used, "%s: SQLite's memory leaks", told(life));
}

/* Each fourth place, or as PERP_FAULTS_EVERY says: all of them take five minutes. */
static uint32_t every(void) {
    return getenv("PERP_FAULTS_EVERY") != NULL ? (uint32_t)fault_every() : 4;
}

/* Every n of a kind; returns how many calls were refused. */
static uint32_t live_all_ending(enum shim_kind kind, enum shim_way way, int ends) {
    static struct life life;
    uint32_t refused = 0;
    life = (struct life){.is_clean = 1, .kind = kind, .ends = ends};
    live(&life);
    uint32_t count = shim_count(kind);
    ck_assert_uint_gt(count, 0);
    life.is_clean = 0;
    life.way = way;
    for (life.n = 1; life.n <= count; life.n += every()) {
        live(&life);
        refused += life.refused;
    }
    return refused;
}

static uint32_t live_all(enum shim_kind kind, enum shim_way way) {
    return live_all_ending(kind, way, 0);
}

START_TEST(a_full_disk_refuses_calls_and_nothing_else) {
    ck_assert_uint_gt(live_all(SHIM_WRITE, SHIM_FAILS), 50 / every());
}
END_TEST

START_TEST(a_torn_write_refuses_calls_and_nothing_else) {
    ck_assert_uint_gt(live_all(SHIM_WRITE, SHIM_CUT), 50 / every());
}
END_TEST

START_TEST(killed_at_any_write_all_that_was_acknowledged_comes_back) {
    ck_assert_uint_gt(live_all(SHIM_WRITE, SHIM_DIES), 50 / every());
}
END_TEST

START_TEST(a_failed_sync_refuses_calls_and_nothing_else) {
    ck_assert_uint_gt(live_all(SHIM_SYNC, SHIM_FAILS), 50 / every());
}
END_TEST

START_TEST(killed_after_a_failed_sync_what_was_refused_is_not_there) {
    ck_assert_uint_gt(live_all_ending(SHIM_SYNC, SHIM_FAILS, 1), 50 / every());
}
END_TEST

START_TEST(killed_at_any_sync_all_that_was_acknowledged_comes_back) {
    ck_assert_uint_gt(live_all(SHIM_SYNC, SHIM_DIES), 50 / every());
}
END_TEST

START_TEST(a_failed_truncate_harms_nothing) {
    live_all(SHIM_TRUNCATE, SHIM_FAILS);
    live_all(SHIM_TRUNCATE, SHIM_CUT);
    live_all(SHIM_TRUNCATE, SHIM_DIES);
}
END_TEST

START_TEST(a_file_that_can_not_be_opened_harms_nothing) {
    live_all(SHIM_OPEN, SHIM_FAILS);
    live_all(SHIM_OPEN, SHIM_DIES);
}
END_TEST

static void add_tests(TCase *all) {
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_test(all, a_full_disk_refuses_calls_and_nothing_else);
    tcase_add_test(all, a_torn_write_refuses_calls_and_nothing_else);
    tcase_add_test(all, killed_at_any_write_all_that_was_acknowledged_comes_back);
    tcase_add_test(all, a_failed_sync_refuses_calls_and_nothing_else);
    tcase_add_test(all, killed_after_a_failed_sync_what_was_refused_is_not_there);
    tcase_add_test(all, killed_at_any_sync_all_that_was_acknowledged_comes_back);
    tcase_add_test(all, a_failed_truncate_harms_nothing);
    tcase_add_test(all, a_file_that_can_not_be_opened_harms_nothing);
}

#else

static void add_tests(TCase *all) {
    (void)all;
}

#endif

int main(void) {
    Suite *suite = suite_create("vfs");
    TCase *all = tcase_create("vfs");
    tcase_set_timeout(all, 600);
    add_tests(all);
    suite_add_tcase(suite, all);
    return fault_run(suite);
}
