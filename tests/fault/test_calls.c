/* Every call of the public interface on a book with content of every kind, and in each the n-th
   allocation, the n-th call of the store, the n-th write, sync, truncate and open of its file fail,
   for every n. What did not go through has changed nothing, or holds in memory where it raises a
   protection or tells what has happened; the same call again makes the book of a life without
   faults. Each fault has a fork of the process to itself, and of the file, which is memory. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "full_words.h"
#include "memory_vfs.h"
#include "steps.h"

#if (PERP_WITH_SQLITE)
#include <sqlite3.h>
#endif

enum kind { NONE, MEMORY, STORE, SQL_MEMORY, WRITE, SYNC, TRUNCATE, OPEN, KINDS };

static const char *const kind_names[KINDS] = {
    "none",  "allocation", "call of the store", "allocation of SQLite",
    "write", "sync",       "truncate",          "open"};

struct trouble {
    enum kind kind;
    enum shim_way way;
    uint32_t n;
};

/* What a fork tells: the first thing that was wrong, and of a life without faults how it went. */
static struct told {
    char wrong[1024];
    uint32_t counts[KINDS];
    uint64_t before, after, after_resume;
} * told;

/* ---- Faults -----------------------------------------------------------------------------------
 */

static struct {
    struct trouble trouble;
    int armed, hit;
    uint32_t counts[KINDS];
} faults;

/* Whether the operation goes wrong. */
static int goes_wrong(enum kind kind) {
    if (!faults.armed)
        return 0;
    int wrong = ++faults.counts[kind] == faults.trouble.n && kind == faults.trouble.kind;
    faults.hit |= wrong;
    return wrong;
}

static void *allocate(void *user, size_t size) {
    (void)user;
    return goes_wrong(MEMORY) ? NULL : malloc(size);
}

static void release(void *user, void *block, size_t size) {
    (void)user;
    (void)size;
    free(block);
}

/* A memory store that fails. */
static perp_store kept;

static void store_begin(void *user, perp_status *status) {
    (void)user;
    if (!goes_wrong(STORE))
        kept.begin(kept.user, status);
}

static void store_append(void *user, const perp_record *record, perp_status *status) {
    (void)user;
    if (!goes_wrong(STORE))
        kept.append(kept.user, record, status);
}

static void store_row(void *user, const perp_row *row, perp_status *status) {
    (void)user;
    (void)row;
    if (!goes_wrong(STORE))
        *status = PERP_OK;
}

static void store_commit(void *user, perp_status *status) {
    (void)user;
    if (!goes_wrong(STORE))
        kept.commit(kept.user, status);
}

static void store_rollback(void *user) {
    (void)user;
    kept.rollback(kept.user);
}

static void store_load(void *user, uint32_t from_start, const perp_loader *loader,
                       perp_status *status) {
    (void)user;
    if (!goes_wrong(STORE))
        kept.load(kept.user, from_start, loader, status);
}

static void store_checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash,
                             const void *data, size_t size, perp_status *status) {
    (void)user;
    if (!goes_wrong(STORE) && kept.checkpoint)
        kept.checkpoint(kept.user, seq, time_ns, hash, data, size, status);
    else if (!kept.checkpoint)
        *status = PERP_OK;
}

static const perp_store failing = {.begin = store_begin,
                                   .append = store_append,
                                   .row = store_row,
                                   .commit = store_commit,
                                   .rollback = store_rollback,
                                   .load = store_load,
                                   .checkpoint = store_checkpoint};

#if (PERP_WITH_SQLITE)

static sqlite3_mem_methods plain;

static void *sql_allocate(int size) {
    return goes_wrong(SQL_MEMORY) ? NULL : plain.xMalloc(size);
}

static void *sql_reallocate(void *block, int size) {
    return goes_wrong(SQL_MEMORY) ? NULL : plain.xRealloc(block, size);
}

/* Before SQLite is used. */
static void watch_sqlite(void) {
    sqlite3_mem_methods methods;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain);
    methods = plain;
    methods.xMalloc = sql_allocate;
    methods.xRealloc = sql_reallocate;
    ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    memory_vfs_register();
    shim_register();
}

#define SHIM_OF(kind) ((enum shim_kind)((int)(kind)-WRITE + SHIM_WRITE))

static void arm(const struct trouble *trouble) {
    faults.trouble = *trouble;
    memset(faults.counts, 0, sizeof faults.counts);
    faults.armed = 1;
    faults.hit = 0;
    shim_arm(trouble->kind >= WRITE ? SHIM_OF(trouble->kind) : SHIM_WRITE, trouble->way,
             trouble->kind >= WRITE ? trouble->n : 0);
}

static void disarm(void) {
    faults.armed = 0;
    for (enum kind kind = WRITE; kind < KINDS; kind++)
        faults.counts[kind] = shim_count(SHIM_OF(kind));
    faults.hit |= shim_hit();
    if (faults.trouble.way != SHIM_DIES)
        shim_heal();
}

#else

static void watch_sqlite(void) {
}

static void arm(const struct trouble *trouble) {
    faults.trouble = *trouble;
    memset(faults.counts, 0, sizeof faults.counts);
    faults.armed = 1;
    faults.hit = 0;
}

static void disarm(void) {
    faults.armed = 0;
}

#endif

/* ---- In a fork --------------------------------------------------------------------------------
 */

static int at; /* the call */

/* Says what is wrong, once, and ends the fork. */
static void __attribute__((format(printf, 1, 2), noreturn)) wrong(const char *format, ...) {
    static const char *const ways[] = {"fails", "is cut", "is the last", "fails, as all later"};
    const struct full_call *call = full_call_at(at);
    int n =
        snprintf(told->wrong, sizeof told->wrong, "%s %u %s: %s: ", kind_names[faults.trouble.kind],
                 faults.trouble.n, ways[faults.trouble.way], call->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(told->wrong + n, sizeof told->wrong - (size_t)n, format, arguments);
    va_end(arguments);
    _exit(1);
}

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            wrong(__VA_ARGS__);                                                                    \
    } while (0)

static const char *name_of(perp_status status) {
    return perp_status_string(status);
}

static uint64_t hash(void) {
    return full.core ? perp_core_hash(full.core) : 0;
}

static uint64_t events(void) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    return full.core && perp_core_statistics(full.core, &stats) == PERP_OK ? stats.events : 0;
}

static void is_sound(const char *when) {
    must(full.core != NULL, "%s: there is no book", when);
    must(perp_core_check(full.core) == PERP_OK, "%s: %s", when, perp_core_error(full.core));
}

static int store_failed(void) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    must(perp_scheduler_query(perp_core_scheduler(full.core), &state) == PERP_OK, "query");
    return state.store_failed != 0;
}

static void resume(void) {
    must(perp_scheduler_resume(perp_core_scheduler(full.core), full_at(&full, 1)) == PERP_OK,
         "resume: %s", perp_core_error(full.core));
    must(!store_failed(), "resume: the store counts as failed");
}

/* The book comes back as it is from a store that works. */
static void comes_back(void) {
    uint64_t there = hash();
    must(perp_core_close(full.core) == PERP_OK, "close: %s", perp_core_error(NULL));
    full.core = NULL;
#if (PERP_WITH_SQLITE)
    must(shim_open_files() == 0, "%d files stay open", shim_open_files());
#endif
    perp_status status = full_open(&full);
    must(status == PERP_OK, "opened again: %s (%s)", name_of(status), perp_core_error(NULL));
    must(hash() == there, "it came back as another book");
    is_sound("opened again");
}

static int is_expected(perp_status status) {
    enum kind kind = faults.trouble.kind;
    return kind == MEMORY       ? status == PERP_E_NOMEM
           : kind == SQL_MEMORY ? status == PERP_E_NOMEM || status == PERP_E_STORE
                                : status == PERP_E_STORE;
}

/* It did not go through: nothing has changed, and made again it does. */
static void was_refused(enum full_kind kind, perp_status status, int64_t clock) {
    must(faults.hit && is_expected(status), "%s (%s)", name_of(status), perp_core_error(full.core));
    must(perp_core_error(full.core)[0], "nothing says why");
    must(hash() == told->before, "it has changed the book");
    must(perp_core_clock(full.core) == clock, "it has changed the clock");
    is_sound("after it");
    int resumes = store_failed();
    must(faults.trouble.kind != MEMORY || !resumes, "a store that works counts as failed");
    if (resumes)
        resume();
    status = full_call(&full, at);
    must(status == PERP_OK, "again: %s (%s)", name_of(status), perp_core_error(full.core));
    must(kind == FULL_READS || hash() == (resumes ? told->after_resume : told->after),
         "again: another book came of it");
    is_sound("again");
}

/* It went through although something failed. */
static void went_through(enum full_kind kind) {
    is_sound("after it");
    if (kind == FULL_HANDS && hash() != told->after) {
        /* What the executor said of some is told by the next tick. */
        if (store_failed())
            resume();
        perp_status status =
            perp_scheduler_tick(perp_core_scheduler(full.core), full_at(&full, 0), &full.tick);
        must(status == PERP_OK, "the next tick: %s", perp_core_error(full.core));
        is_sound("after the next tick");
        return;
    }
    must(hash() == told->after, "it went through, and another book came of it");
    if (!store_failed())
        return;
    must(kind == FULL_STANDS || kind == FULL_HANDS, "the store counts as failed, and it said OK");
    resume();
    is_sound("resumed");
}

static void was_killed(enum full_kind kind, perp_status status) {
#if (PERP_WITH_SQLITE)
    int stands = full.core && kind == FULL_STANDS && store_failed();
    (void)perp_core_close(full.core);
    full.core = NULL;
    must(shim_open_files() == 0, "%d files stay open", shim_open_files());
    shim_heal();
    perp_status opened = full_open(&full);
    must(opened == PERP_OK, "opened again: %s (%s)", name_of(opened), perp_core_error(NULL));
    is_sound("opened again");
    must(kind == FULL_HANDS || hash() == told->after ||
             (hash() == told->before && (status != PERP_OK || stands)),
         "another book came back");
#else
    (void)kind;
    (void)status;
#endif
}

static void with_trouble(const struct trouble *trouble) {
    enum full_kind kind = full_call_at(at)->kind;
    full_before(&full, at);
    uint32_t executed = full.executed;
    int64_t clock = full.core ? perp_core_clock(full.core) : 0;
    arm(trouble);
    perp_status status = full_call(&full, at);
    disarm();
    if (trouble->way == SHIM_DIES && trouble->kind >= WRITE) {
        was_killed(kind, status);
        return;
    }
    if (kind == FULL_CLOSES) {
        must(status == PERP_OK || is_expected(status), "%s", name_of(status));
        must(full_open(&full) == PERP_OK, "opened again: %s", perp_core_error(NULL));
        must(hash() == told->before, "it came back as another book");
        is_sound("opened again");
        return;
    }
    if (kind == FULL_OPENS && status != PERP_OK) {
        must(faults.hit && is_expected(status), "%s (%s)", name_of(status), perp_core_error(NULL));
        must(!full.core, "it failed, and there is a book");
        must(perp_core_error(NULL)[0], "nothing says why");
        status = full_call(&full, at);
        must(status == PERP_OK, "again: %s (%s)", name_of(status), perp_core_error(NULL));
        must(hash() == told->after, "again: another book came of it");
        is_sound("again");
    } else if (status != PERP_OK) {
        must(kind != FULL_STANDS || trouble->kind == MEMORY, "%s: it holds where the store fails",
             name_of(status));
        must(full.executed == executed, "it failed, and something was handed over");
        was_refused(kind, status, clock);
    } else {
        went_through(kind);
    }
    comes_back();
}

/* How it goes without a fault; resumed: after a call that ends what a failure left. */
static void without(int resumed) {
    const struct trouble none = {NONE, SHIM_FAILS, 0};
    enum full_kind kind = full_call_at(at)->kind;
    arm(&none);
    disarm();
    full_before(&full, at);
    if (resumed && kind != FULL_OPENS && kind != FULL_CLOSES)
        resume();
    uint64_t before = hash(), n_before = events();
    arm(&none);
    perp_status status = full_call(&full, at);
    disarm();
    must(status == PERP_OK, "without a fault: %s (%s)", name_of(status),
         perp_core_error(full.core));
    if (kind == FULL_CLOSES)
        must(full_open(&full) == PERP_OK, "%s", perp_core_error(NULL));
    is_sound("without a fault");
    must(kind != FULL_READS || hash() == before, "it reads, and has changed the book");
    must((kind != FULL_CHANGES && kind != FULL_STANDS) || events() > n_before,
         "it has changed nothing");
    if (resumed) {
        told->after_resume = hash();
    } else {
        told->before = before;
        told->after = hash();
        memcpy(told->counts, faults.counts, sizeof told->counts);
        comes_back();
    }
}

/* ---- Of forks ---------------------------------------------------------------------------------
 */

static uint32_t n_wrong, n_tried;

/* trouble NULL: without, 0 or 1. */
static void in_fork(const struct trouble *trouble, int resumed) {
    int status = 0;
    told->wrong[0] = '\0';
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (trouble)
            with_trouble(trouble);
        else
            without(resumed);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    n_tried += trouble != NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (!told->wrong[0])
        snprintf(told->wrong, sizeof told->wrong, "%s %u: %s: ended by %d",
                 trouble ? kind_names[trouble->kind] : "no fault", trouble ? trouble->n : 0,
                 full_call_at(at)->text, status);
    if (n_wrong++ < 20)
        fprintf(stderr, "%s\n", told->wrong);
}

/* make check tries some, of each call others. SQLite asks for memory ten thousand times while a
   store is opened. */
static uint32_t one_of(enum kind kind) {
    uint32_t every = getenv("PERP_FAULTS_EVERY") ? (uint32_t)fault_every() : 12;
    return kind == SQL_MEMORY && every > 1 ? 64 * every : every;
}

static void every_n(enum kind kind, enum shim_way way) {
    static uint32_t skip;
    uint32_t count = told->counts[kind];
    for (uint32_t n = 1; n <= count; n++) {
        if (skip++ % one_of(kind) == 0)
            in_fork(&(struct trouble){kind, way, n}, 0);
    }
}

static void open_full(const char *path) {
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(told != MAP_FAILED);
    watch_sqlite();
    full_config(&full);
    full.config.allocator.allocate = allocate;
    full.config.allocator.release = release;
    full.path = path;
    if (!path) {
        ck_assert_int_eq(perp_store_memory_open(&kept), PERP_OK);
        full.config.store = failing;
    }
    ck_assert_msg(full_open(&full) == PERP_OK, "%s", perp_core_error(NULL));
    full_fill(&full);
    ck_assert_msg(perp_core_check(full.core) == PERP_OK, "%s", perp_core_error(full.core));
}

/* Which faults, and in which ways. */
struct way {
    enum kind kind;
    enum shim_way way;
};

static void all_calls(const char *path, const struct way *ways, int n_ways) {
    open_full(path);
    for (at = 0; at < full_calls(); at++) {
        if (!path && strcmp(full_call_at(at)->name, "perp_store_sqlite_open") == 0)
            continue; /* there is no file */
        uint32_t before = n_wrong;
        in_fork(NULL, 0);
        if (full_call_at(at)->kind <= FULL_HANDS)
            in_fork(NULL, 1);
        for (int i = 0; i < n_ways && n_wrong == before; i++)
            every_n(ways[i].kind, ways[i].way);
    }
    printf("%d calls, %u faults\n", full_calls(), n_tried);
    ck_assert_msg(n_wrong == 0, "%u went wrong, see above", n_wrong);
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

START_TEST(whatever_allocation_fails) {
    static const struct way ways[] = {{MEMORY, SHIM_FAILS}};
    all_calls(NULL, ways, COUNT(ways));
}
END_TEST

START_TEST(whatever_the_store_fails_at) {
    static const struct way ways[] = {{STORE, SHIM_FAILS}};
    all_calls(NULL, ways, COUNT(ways));
}
END_TEST

#if (PERP_WITH_SQLITE)

START_TEST(whatever_allocation_of_sqlite_fails) {
    static const struct way ways[] = {{SQL_MEMORY, SHIM_FAILS}};
    all_calls("book.db", ways, COUNT(ways));
}
END_TEST

START_TEST(whatever_write_sync_truncate_or_open_fails_and_killed_there) {
    static const struct way ways[] = {
        {WRITE, SHIM_FAILS},   {WRITE, SHIM_CUT},  {WRITE, SHIM_DIES},
        {SYNC, SHIM_FAILS},    {SYNC, SHIM_DIES},  {TRUNCATE, SHIM_FAILS},
        {TRUNCATE, SHIM_DIES}, {OPEN, SHIM_FAILS}, {OPEN, SHIM_DIES}};
    all_calls("book.db", ways, COUNT(ways));
}
END_TEST

#endif

/* ---- Which calls there are --------------------------------------------------------------------
 */

static int is_covered(const char *name) {
    for (int n = 0; n < full_calls(); n++)
        if (strcmp(full_call_at(n)->name, name) == 0)
            return 1;
    return full_can_not_fail(name);
}

START_TEST(every_exported_function_is_called) {
    char line[256];
    int n = 0;
    FILE *map = fopen("lib/perpcore.map", "r");
    ck_assert_msg(map != NULL, "run in the folder of the project");
    while (fgets(line, sizeof line, map)) {
        char name[128];
        if (sscanf(line, " %127[a-z0-9_];", name) != 1 || strncmp(name, "perp_", 5) != 0)
            continue;
        n++;
#if !PERP_WITH_SQLITE
        if (strcmp(name, "perp_store_sqlite_open") == 0)
            continue;
#endif
        ck_assert_msg(is_covered(name), "%s is not among the calls of full_calls.c", name);
    }
    fclose(map);
    ck_assert_int_gt(n, 150);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test) {
    TCase *one = tcase_create(name);
    tcase_set_timeout(one, 1200);
    tcase_add_test(one, test);
    suite_add_tcase(suite, one);
}

int main(void) {
    Suite *suite = suite_create("calls");
    add(suite, "covered", every_exported_function_is_called);
    add(suite, "memory", whatever_allocation_fails);
    add(suite, "store", whatever_the_store_fails_at);
#if (PERP_WITH_SQLITE)
    add(suite, "sqlite", whatever_allocation_of_sqlite_fails);
    add(suite, "file", whatever_write_sync_truncate_or_open_fails_and_killed_there);
#endif
    return fault_run(suite);
}
