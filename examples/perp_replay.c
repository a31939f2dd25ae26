/* perp-replay: what a store holds, made again from its first event on. Compares the book with every
   checkpoint on the way, shows it as it was after any event, or tells what was decided about a job
   and why. It reads only, also while a book writes to the store. */
#include <perpcore/perpcore.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

static const char usage[] =
    "usage: perp-replay STORE [--to SEQ | --explain JOB] [--json]\n"
    "Replays a store from empty and compares the book with each of its checkpoints.\n"
    "  --to SEQ       shows the book as it was after that event\n"
    "  --explain JOB  tells what was decided about a job and why\n"
    "  --json         the same as JSON\n"
    "Exit status: 0; 1 where something differs, is damaged or is not there; 2 where the store "
    "can't\n"
    "be read at all.\n";

enum { FOUND = 0, WRONG = 1, UNREADABLE = 2 };

static struct {
    const char *store;
    uint64_t to;
    const char *explain;
    bool has_to, json;
} options;

static int fail(int code, const char *what) {
    (void)fprintf(stderr, "perp-replay: %s\n", what);
    return code;
}

/* A time as ISO 8601 in UTC. */
static const char *show_time(int64_t time_ns, char text[40]) {
    const int64_t second = INT64_C(1000000000);
    int64_t rest = (time_ns % second + second) % second;
    time_t seconds = (time_t)((time_ns - rest) / second);
    struct tm parts;
    char day[24];
    if (time_ns == PERP_TIME_NONE || !gmtime_r(&seconds, &parts) ||
        !strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts))
        return "no time";
    (void)snprintf(text, 40, "%s.%09dZ", day, (int)rest);
    return text;
}

/* ---- The file as SQLite sees it -------------------------------------------------------------- */

static sqlite3_stmt *query(sqlite3 *db, const char *sql) {
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
        (void)fail(UNREADABLE, sqlite3_errmsg(db));
    return row;
}

/* The one number that a query gives; 0 where it gives none. */
static uint64_t number(sqlite3 *db, const char *sql) {
    sqlite3_stmt *row = query(db, sql);
    uint64_t found = 0;
    if (row && sqlite3_step(row) == SQLITE_ROW)
        found = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return found;
}

static int64_t column_time(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? PERP_TIME_NONE
                                                           : sqlite3_column_int64(row, column);
}

static const char *column_text(sqlite3_stmt *row, int column) {
    return (const char *)sqlite3_column_text(row, column);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

struct checkpoint {
    uint64_t seq;
    int64_t time_ns;
    uint64_t stored, replayed;
    bool met;
};

struct checkpoints {
    struct checkpoint *at;
    size_t n, next;
    uint64_t last; /* event replayed */
};

static bool read_checkpoints(sqlite3 *db, struct checkpoints *all) {
    sqlite3_stmt *row = query(db, "SELECT seq, time_ns, hash FROM checkpoints ORDER BY seq");
    bool good = row != NULL;
    while (good && sqlite3_step(row) == SQLITE_ROW) {
        struct checkpoint *grown = realloc(all->at, (all->n + 1) * sizeof *grown);
        good = grown != NULL;
        if (!good)
            break;
        all->at = grown;
        grown[all->n++] = (struct checkpoint){.seq = (uint64_t)sqlite3_column_int64(row, 0),
                                              .time_ns = column_time(row, 1),
                                              .stored = (uint64_t)sqlite3_column_int64(row, 2)};
    }
    sqlite3_finalize(row);
    return good;
}

/* Called after each event of a replay. */
static void visit(void *user, const perp_core *core, uint64_t seq) {
    struct checkpoints *all = user;
    all->last = seq;
    while (all->next < all->n && all->at[all->next].seq < seq)
        all->next++;
    if (all->next == all->n || all->at[all->next].seq != seq)
        return;
    struct checkpoint *checkpoint = &all->at[all->next++];
    checkpoint->replayed = perp_core_hash(core);
    checkpoint->met = true;
}

/* The book from its first event on; where those were not kept, from the newest checkpoint. */
static perp_status replay(struct checkpoints *all, bool from_empty, perp_core **core) {
    perp_config config;
    perp_sqlite_options read;
    perp_config_init(&config);
    perp_sqlite_options_init(&read);
    read.read_only = 1;
    read.verify_events = UINT64_MAX; /* the whole store, also from a checkpoint on */
    config.checkpoint_every = 0;
    perp_status status = perp_store_sqlite_open(options.store, &read, &config.store);
    if (status != PERP_OK)
        return status;
    return from_empty ? perp_core_replay(&config, options.to, visit, all, core)
                      : perp_core_open(&config, core);
}

static void print_checkpoint(const struct checkpoint *checkpoint, bool first) {
    char text[40];
    bool agrees = checkpoint->met && checkpoint->replayed == checkpoint->stored;
    if (options.json) {
        printf("%s{\"seq\":%" PRIu64 ",\"stored\":\"%016" PRIx64 "\",\"replayed\":",
               first ? "" : ",", checkpoint->seq, checkpoint->stored);
        if (checkpoint->met)
            printf("\"%016" PRIx64 "\"", checkpoint->replayed);
        else
            printf("null");
        printf(",\"agrees\":%s}", agrees ? "true" : "false");
        return;
    }
    printf("checkpoint at %-8" PRIu64 " %s  %016" PRIx64 "  ", checkpoint->seq,
           show_time(checkpoint->time_ns, text), checkpoint->stored);
    if (agrees)
        puts("agrees");
    else if (checkpoint->met)
        printf("DIFFERS: the replay has %016" PRIx64 "\n", checkpoint->replayed);
    else
        puts("DIFFERS: there is no such event");
}

static int verify(sqlite3 *db, uint64_t pruned) {
    struct checkpoints all = {.n = 0};
    perp_core *core = NULL;
    bool good = true;
    if (!pruned && !read_checkpoints(db, &all)) {
        free(all.at);
        return UNREADABLE;
    }
    perp_status status = replay(&all, !pruned, &core);
    if (status != PERP_OK)
        (void)fail(WRONG, perp_core_error(NULL));
    if (options.json)
        printf("{\"checkpoints\":[");
    for (size_t i = 0; i < all.n; i++) {
        /* A replay that ended early says nothing of what lies behind its end. */
        if (status != PERP_OK && !all.at[i].met)
            break;
        print_checkpoint(&all.at[i], i == 0);
        good = good && all.at[i].met && all.at[i].replayed == all.at[i].stored;
    }
    good = good && status == PERP_OK;
    free(all.at);
    perp_core_stats stats = {.struct_size = sizeof stats};
    if (core)
        (void)perp_core_statistics(core, &stats);
    uint64_t events = core ? stats.events : all.last;
    if (options.json)
        printf("],\"events\":%" PRIu64 ",\"from\":%" PRIu64 ",\"hash\":\"%016" PRIx64
               "\",\"agrees\":%s}\n",
               events, pruned, perp_core_hash(core), good ? "true" : "false");
    else if (core && pruned)
        printf("events up to %" PRIu64 " were not kept: the newest checkpoint and what follows it "
               "make %" PRIu64 " events, hash %016" PRIx64 "; every invariant holds\n",
               pruned, events, perp_core_hash(core));
    else if (core)
        printf("%" PRIu64 " events replayed from empty, hash %016" PRIx64
               "; every invariant holds\n",
               events, perp_core_hash(core));
    perp_core_close(core);
    return good ? FOUND : WRONG;
}

/* ---- The book at a moment -------------------------------------------------------------------- */

static double usd(perp_usd amount) {
    return (double)amount / (double)PERP_USD;
}

static void print_exchanges(perp_core *core) {
    puts("exchange                 equity        in flight             used        pnl today");
    for (perp_exchange_id id = 0; id < perp_exchange_count(core); id++) {
        perp_exchange_spec spec = {.struct_size = sizeof spec};
        perp_capital_state state = {.struct_size = sizeof state};
        if (perp_exchange_get(core, id, &spec) != PERP_OK ||
            perp_capital_snapshot(perp_core_capital(core), id, &state) != PERP_OK)
            continue;
        printf("%-14s %16.2f %16.2f %16.2f %16.2f%s\n", spec.name, usd(state.equity),
               usd(state.total_in_flight), usd(state.total_used), usd(state.today.pnl),
               state.safe_mode ? "  safe mode" : "");
    }
}

static void print_control(perp_core *core) {
    perp_scheduler_state jobs = {.struct_size = sizeof jobs};
    perp_risk_state risk = {.struct_size = sizeof risk};
    char text[40];
    if (perp_scheduler_query(perp_core_scheduler(core), &jobs) != PERP_OK ||
        perp_risk_query(perp_core_risk(core), &risk) != PERP_OK)
        return;
    printf("jobs: %u pending, %u running (%u in doubt), %u open, %u partial\n", jobs.pending,
           jobs.running, jobs.in_doubt, jobs.open, jobs.partial);
    printf("control: mode %s, %u failures in a row%s%s%s%s", perp_mode_string(risk.mode),
           risk.consecutive_failures, risk.auto_halt ? ", halted" : "",
           risk.killed ? ", killed" : "", jobs.paused ? ", paused" : "",
           risk.daily_loss_reached ? ", daily loss reached" : "");
    if (risk.override_on)
        printf(", override until %s", show_time(risk.override_until_ns, text));
    puts("");
}

static int print_state(const perp_core *core) {
    size_t length = 0;
    perp_status status = perp_monitor_json(core, PERP_TIME_NONE, NULL, 0, &length);
    char *text = malloc(length + 1);
    if (text && status == PERP_E_RANGE)
        status = perp_monitor_json(core, PERP_TIME_NONE, text, length + 1, &length);
    if (text && status == PERP_OK)
        puts(text);
    free(text);
    return status == PERP_OK ? FOUND : fail(WRONG, perp_core_error(core));
}

static int show_moment(sqlite3 *db, uint64_t pruned) {
    struct checkpoints none = {.n = 0};
    perp_core *core = NULL;
    char text[40];
    uint64_t events = number(db, "SELECT max(seq) FROM events");
    if (pruned)
        return fail(WRONG, "the first events were not kept: the past can't be made again");
    if (options.to == 0 || options.to > events)
        return fail(WRONG, "--to: the store has no such event");
    perp_status status = replay(&none, true, &core);
    if (status != PERP_OK)
        return fail(WRONG, perp_core_error(NULL));
    if (!options.json) {
        printf("after event %" PRIu64 " of %" PRIu64 ", %s, hash %016" PRIx64 "\n", none.last,
               events, show_time(perp_core_clock(core), text), perp_core_hash(core));
        print_exchanges(core);
        print_control(core);
    }
    int result = print_state(core);
    perp_core_close(core);
    return result;
}

/* ---- A job ----------------------------------------------------------------------------------- */

#define WIDTH 100

/* Puts a piece of text on the line at hand or, where that is full, on the next one. */
static void put_piece(int *column, int indent, const char *piece) {
    int length = (int)strlen(piece);
    if (*column > indent && *column + 2 + length > WIDTH) {
        printf("\n");
        *column = 0;
    }
    if (*column == 0)
        *column = printf("%*s", indent, "");
    else if (*column > indent)
        *column += printf("  ");
    *column += printf("%s", piece);
}

/* The members of an object of the detail, "name value" each; what is nested gets lines of its own.
   SQLite's JSON functions read it. */
static void print_object(sqlite3 *db, const char *json, const char *path, int indent) {
    sqlite3_stmt *row = query(db, "SELECT key, type, value, fullkey FROM json_each(?1, ?2)"
                                  " ORDER BY type IN ('object', 'array'), id");
    int column = 0;
    if (!row || sqlite3_bind_text(row, 1, json, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(row, 2, path, -1, SQLITE_STATIC) != SQLITE_OK) {
        sqlite3_finalize(row);
        return;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *key = column_text(row, 0), *type = column_text(row, 1);
        const char *value = column_text(row, 2);
        bool in_list = sqlite3_column_type(row, 0) == SQLITE_INTEGER;
        char piece[256];
        if (strcmp(type, "object") == 0 || strcmp(type, "array") == 0) {
            if (strcmp(value, "[]") == 0)
                continue;
            printf("%s%*s%s\n", column ? "\n" : "", indent, "", in_list ? "-" : key);
            column = 0;
            print_object(db, json, column_text(row, 3), indent + 2);
            continue;
        }
        value = strcmp(type, "true") == 0    ? "yes"
                : strcmp(type, "false") == 0 ? "no"
                : value                      ? value
                                             : "-";
        (void)snprintf(piece, sizeof piece, "%s%s%s", in_list ? "" : key, in_list ? "" : " ",
                       value);
        put_piece(&column, indent, piece);
    }
    if (column)
        printf("\n");
    sqlite3_finalize(row);
}

static void print_usd(sqlite3_stmt *row, int column, const char *name) {
    if (sqlite3_column_int64(row, column))
        printf("  %s %.6f", name, usd(sqlite3_column_int64(row, column)));
}

static void print_event(sqlite3 *db, sqlite3_stmt *row) {
    static const char *const amounts[] = {"amount", "pnl", "volume", "fees"};
    char text[40];
    printf("%8lld  %s  %s", (long long)sqlite3_column_int64(row, 0),
           show_time(column_time(row, 1), text), column_text(row, 2));
    if (column_text(row, 3))
        printf("  %s", column_text(row, 3));
    for (int i = 0; i < 4; i++)
        print_usd(row, 4 + i, amounts[i]);
    if (column_text(row, 8))
        printf("  by %s", column_text(row, 8));
    if (column_text(row, 9))
        printf("  (%s)", column_text(row, 9));
    printf("\n");
    if (column_text(row, 10))
        print_object(db, column_text(row, 10), "$", 10);
}

/* What became of it. */
static void print_job(sqlite3_stmt *row) {
    printf("job %s%s: %s of %.2f USD, %s", column_text(row, 0),
           sqlite3_column_int(row, 1) ? ", a repair" : "", column_text(row, 2),
           usd(sqlite3_column_int64(row, 3)), column_text(row, 4));
    if (column_text(row, 5))
        printf(", last refused by %s", column_text(row, 5));
    print_usd(row, 6, "pnl");
    print_usd(row, 7, "volume");
    print_usd(row, 8, "fees");
    printf("\n");
}

/* What of it is still open. */
static void print_lot(sqlite3_stmt *row) {
    printf("    open: %+.10g of %s on %s at %.10g", sqlite3_column_double(row, 0),
           column_text(row, 1), column_text(row, 2), sqlite3_column_double(row, 3));
    print_usd(row, 4, "used");
    printf("\n");
}

static const char jobs_sql[] =
    "SELECT id, is_repair, strategy, notional, state, refusal, pnl, volume, fees FROM jobs"
    " WHERE id = ?1";
static const char lots_sql[] =
    "SELECT quantity, symbol, exchange, price, used FROM lots WHERE job = ?1 AND quantity <> 0"
    " ORDER BY leg";
static const char events_sql[] =
    "SELECT seq, time_ns, kind, outcome, amount, pnl, volume, fees, actor, reason, detail"
    " FROM events WHERE job = ?1 ORDER BY seq";
static const char json_sql[] =
    "SELECT json_object('job', ?1, 'events', json_group_array(json_object('seq', seq, 'time_ns',"
    " time_ns, 'kind', kind, 'outcome', outcome, 'amount', amount, 'pnl', pnl, 'volume', volume,"
    " 'fees', fees, 'actor', actor, 'reason', reason, 'detail', json(detail)))), count(*)"
    " FROM (SELECT * FROM events WHERE job = ?1 ORDER BY seq)";

static sqlite3_stmt *query_job(sqlite3 *db, const char *sql, const char *id) {
    sqlite3_stmt *row = query(db, sql);
    if (row && sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC) == SQLITE_OK)
        return row;
    sqlite3_finalize(row);
    return NULL;
}

static int explain(sqlite3 *db) {
    perp_uuid uuid;
    char id[37];
    int found = 0;
    if (perp_uuid_parse(options.explain, strlen(options.explain), &uuid) != PERP_OK)
        return fail(UNREADABLE, "--explain: not a UUID");
    perp_uuid_format(&uuid, id);
    if (options.json) {
        sqlite3_stmt *row = query_job(db, json_sql, id);
        if (row && sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int(row, 1))
            found = puts(column_text(row, 0)) != EOF;
        sqlite3_finalize(row);
        return found ? FOUND : fail(WRONG, "the store has no events of this job");
    }
    sqlite3_stmt *row = query_job(db, jobs_sql, id);
    while (row && sqlite3_step(row) == SQLITE_ROW)
        print_job(row);
    sqlite3_finalize(row);
    row = query_job(db, lots_sql, id);
    while (row && sqlite3_step(row) == SQLITE_ROW)
        print_lot(row);
    sqlite3_finalize(row);
    row = query_job(db, events_sql, id);
    for (; row && sqlite3_step(row) == SQLITE_ROW; found++)
        print_event(db, row);
    sqlite3_finalize(row);
    return found ? FOUND : fail(WRONG, "the store has no events of this job");
}

/* ---- The command line ------------------------------------------------------------------------ */

static bool read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
        } else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc) {
            char *end;
            options.to = strtoull(argv[++i], &end, 10);
            options.has_to = *end == '\0' && argv[i][0] >= '0' && argv[i][0] <= '9';
            if (!options.has_to)
                return false;
        } else if (strcmp(argv[i], "--explain") == 0 && i + 1 < argc) {
            options.explain = argv[++i];
        } else if (argv[i][0] == '-' || options.store) {
            return false;
        } else {
            options.store = argv[i];
        }
    }
    return options.store && !(options.has_to && options.explain);
}

int main(int argc, char **argv) {
    sqlite3 *db = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) == EOF ? UNREADABLE : FOUND;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("perp-replay %s\n", perp_version_string()) < 0 ? UNREADABLE : FOUND;
    if (!read_options(argc, argv)) {
        (void)fputs(usage, stderr);
        return UNREADABLE;
    }
    int result;
    if (sqlite3_open_v2(options.store, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "SELECT seq FROM head", NULL, NULL, NULL) != SQLITE_OK) {
        result = fail(UNREADABLE, sqlite3_errmsg(db));
    } else {
        uint64_t pruned = number(db, "SELECT pruned FROM head");
        result = options.explain  ? explain(db)
                 : options.has_to ? show_moment(db, pruned)
                                  : verify(db, pruned);
    }
    sqlite3_close(db);
    return fflush(stdout) == 0 ? result : UNREADABLE;
}
