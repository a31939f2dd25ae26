/* What a store's tables say is what the book says, after each change of a random life, and after a
   restart. The book is asked through its public functions, the tables through SQL. */
#include "fixture.h"

#if PERP_WITH_SQLITE

#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "store/sqlite_store.h"

#define STEPS 400
#define N_JOBS 200

static struct world *w;
static perp_config config;
static char folder[64], path[96];
static sqlite3 *db;
static uint32_t seed;
static uint32_t n_jobs; /* submitted so far */

static uint32_t dice(uint32_t sides) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % sides;
}

static void open_store(void) {
    world_config(&config);
    config.capital.day_offset_minutes = 300;
    config.scheduler.max_global_concurrent_jobs = 6;
    ck_assert_msg(perp_store_sqlite_open(path, NULL, &config.store) == PERP_OK, "%s",
                  perp_core_error(NULL));
}

static void begin_life(void) {
    snprintf(folder, sizeof folder, "/tmp/perp-book-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book.db", folder);
    seed = 7;
    n_jobs = 0;
    open_store();
    w = world_open(&config);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
}

static void end_life(void) {
    sqlite3_close(db);
    world_close(w);
    const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    for (int i = 0; i < 4; i++) {
        char name[112];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
}

/* The process ends and comes back: what the book is handed is in the same world. */
static void restart(void) {
    const perp_callbacks callbacks = config.callbacks;
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    open_store();
    config.callbacks = callbacks;
    world_reopen(w, &config);
    quotes(w);
}

static sqlite3_stmt *ask(const char *sql) {
    sqlite3_stmt *row;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    return row;
}

static const char *text_of(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

static void time_is(sqlite3_stmt *row, int column, int64_t time_ns) {
    if (time_ns == PERP_TIME_NONE)
        ck_assert_int_eq(sqlite3_column_type(row, column), SQLITE_NULL);
    else
        ck_assert_int_eq(sqlite3_column_int64(row, column), time_ns);
}

static void jobs_agree(void) {
    sqlite3_stmt *row = ask("SELECT id, state, pnl, volume, fees, refusal, notional,"
                            " reduce_only, started_ns, is_repair FROM jobs");
    uint32_t n = 0;
    while (sqlite3_step(row) == SQLITE_ROW) {
        perp_uuid id;
        perp_job_info info = {.struct_size = sizeof info};
        ck_assert_int_eq(perp_uuid_parse(text_of(row, 0), 36, &id), PERP_OK);
        ok(w, perp_scheduler_job(w->scheduler, &id, &info));
        ck_assert_str_eq(text_of(row, 1), perp_job_state_string(info.state));
        ck_assert_int_eq(sqlite3_column_int64(row, 2), info.pnl);
        ck_assert_int_eq(sqlite3_column_int64(row, 3), info.volume);
        ck_assert_int_eq(sqlite3_column_int64(row, 4), info.fees);
        if (info.last_refusal)
            ck_assert_str_eq(text_of(row, 5), perp_reason_string(info.last_refusal));
        ck_assert_int_eq(sqlite3_column_int64(row, 6), info.job.notional);
        ck_assert_uint_eq((uint32_t)sqlite3_column_int(row, 7), info.reduce_only);
        time_is(row, 8, info.started_ns);
        ck_assert_uint_eq((uint32_t)sqlite3_column_int(row, 9), info.is_repair);
        n++;
    }
    sqlite3_finalize(row);
    ck_assert_uint_ge(n, n_jobs);
}

static void reservations_agree(void) {
    perp_reservation rows[256];
    uint32_t count;
    ok(w, perp_capital_reservations(w->capital, PERP_ALL_EXCHANGES, rows, 256, &count));
    sqlite3_stmt *row = ask("SELECT id, amount, in_flight, used, pool, job IS NOT NULL"
                            " FROM reservations WHERE in_flight + used > 0 ORDER BY id");
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
        ck_assert_uint_eq((uint64_t)sqlite3_column_int64(row, 0), rows[i].id);
        ck_assert_int_eq(sqlite3_column_int64(row, 1), rows[i].reserved);
        ck_assert_int_eq(sqlite3_column_int64(row, 2), rows[i].in_flight);
        ck_assert_int_eq(sqlite3_column_int64(row, 3), rows[i].used);
        ck_assert_str_eq(text_of(row, 4), perp_pool_string(rows[i].pool));
        ck_assert_uint_eq((uint32_t)sqlite3_column_int(row, 5), rows[i].has_job);
    }
    ck_assert_int_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

static void positions_agree(void) {
    sqlite3_stmt *row = ask("SELECT (SELECT id FROM exchanges WHERE name = exchange), symbol,"
                            " quantity, entry_price, unexplained, latched FROM positions");
    uint32_t n = 0, wanted = 0;
    while (sqlite3_step(row) == SQLITE_ROW) {
        perp_instrument_id id;
        ok(w, perp_instrument_find(w->core, (perp_exchange_id)sqlite3_column_int(row, 0),
                                   text_of(row, 1), &id));
        perp_position_state state = position_of(w, id);
        ck_assert_double_eq(sqlite3_column_double(row, 2), state.quantity);
        if (isnan(state.entry_price))
            ck_assert_int_eq(sqlite3_column_type(row, 3), SQLITE_NULL);
        else
            ck_assert_double_eq(sqlite3_column_double(row, 3), state.entry_price);
        ck_assert_double_eq(sqlite3_column_double(row, 4), state.unexplained);
        ck_assert_uint_eq((uint32_t)sqlite3_column_int(row, 5), state.latched);
        n += state.quantity != 0;
    }
    sqlite3_finalize(row);
    for (perp_instrument_id i = 0; i < perp_instrument_count(w->core); i++)
        wanted += position_of(w, i).quantity != 0;
    ck_assert_uint_eq(n, wanted);
}

static void lots_agree(void) {
    for (perp_instrument_id i = 0; i < perp_instrument_count(w->core); i++) {
        perp_lot_state lots[256];
        uint32_t count;
        ok(w, perp_positions_lots(w->positions, i, lots, 256, &count));
        ck_assert_uint_le(count, 256);
        for (uint32_t k = 0; k < count; k++) {
            char id[37];
            sqlite3_stmt *row = ask("SELECT quantity, price, used FROM lots WHERE job = ? AND"
                                    " leg = ? AND quantity <> 0");
            perp_uuid_format(&lots[k].job_id, id);
            sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
            sqlite3_bind_int(row, 2, (int)lots[k].leg);
            ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
            ck_assert_double_eq(sqlite3_column_double(row, 0), lots[k].quantity);
            ck_assert_double_eq(sqlite3_column_double(row, 1), lots[k].price);
            ck_assert_int_eq(sqlite3_column_int64(row, 2), lots[k].used);
            sqlite3_finalize(row);
        }
    }
    uint32_t open = 0;
    for (perp_instrument_id i = 0; i < perp_instrument_count(w->core); i++)
        open += position_of(w, i).n_lots;
    sqlite3_stmt *row = ask("SELECT count(*) FROM lots WHERE quantity <> 0");
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int64(row, 0), open);
    sqlite3_finalize(row);
}

static void bases_agree(void) {
    for (uint32_t i = 0; i < perp_positions_base_count(w->positions); i++) {
        perp_base_state state = {.struct_size = sizeof state};
        ok(w, perp_positions_base(w->positions, i, w->now, &state));
        sqlite3_stmt *row =
            ask("SELECT naked, price, is_naked, since_ns FROM bases WHERE base = ?");
        sqlite3_bind_text(row, 1, state.base, -1, SQLITE_STATIC);
        bool there = sqlite3_step(row) == SQLITE_ROW;
        ck_assert_double_eq(there ? sqlite3_column_double(row, 0) : 0, state.naked);
        ck_assert_int_eq(there ? sqlite3_column_int(row, 2) : 0, state.since_ns != PERP_TIME_NONE);
        if (there)
            time_is(row, 3, state.since_ns);
        sqlite3_finalize(row);
    }
}

static int64_t count_of(const char *sql) {
    sqlite3_stmt *row = ask(sql);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return n;
}

/* Views show what is open and naked, and leave out what is not. */
static void views_agree(void) {
    int64_t positions = 0, lots = 0, naked = 0;
    for (perp_instrument_id i = 0; i < perp_instrument_count(w->core); i++) {
        perp_position_state state = position_of(w, i);
        positions += state.quantity != 0 || state.latched;
        lots += state.n_lots;
    }
    for (uint32_t i = 0; i < perp_positions_base_count(w->positions); i++) {
        perp_base_state state = {.struct_size = sizeof state};
        ok(w, perp_positions_base(w->positions, i, w->now, &state));
        naked += state.since_ns != PERP_TIME_NONE;
    }
    ck_assert_int_eq(count_of("SELECT count(*) FROM open_positions"), positions);
    ck_assert_int_eq(count_of("SELECT count(*) FROM open_job_lots"), lots);
    ck_assert_int_eq(count_of("SELECT count(*) FROM naked_bases"), naked);
    ck_assert_int_eq(count_of("SELECT count(*) FROM naked_bases WHERE naked_usd IS NULL"
                              " OR abs(naked_usd - abs(naked) * (SELECT price FROM bases"
                              " WHERE bases.base = naked_bases.base)) > 0.000001"),
                     0);
    ck_assert_int_eq(count_of("SELECT count(*) FROM naked_bases WHERE since NOT LIKE '2025-%Z'"),
                     0);
}

/* Today's figures are in the row of the book's day, which begins at 05:00 UTC here. */
static void days_agree(void) {
    char sql[256];
    for (uint32_t x = 0; x < N_X; x++) {
        perp_capital_state state = capital_of(w, x);
        snprintf(sql, sizeof sql,
                 "SELECT pnl, volume, fees FROM daily JOIN exchanges ON name = exchange"
                 " WHERE id = %u AND day = date((%lld - 18000000000000) / 1000000000, 'unixepoch')",
                 x, (long long)perp_core_clock(w->core));
        sqlite3_stmt *row = ask(sql);
        bool there = sqlite3_step(row) == SQLITE_ROW;
        ck_assert_int_eq(there ? sqlite3_column_int64(row, 0) : 0, state.today.pnl);
        ck_assert_int_eq(there ? sqlite3_column_int64(row, 1) : 0, state.today.volume);
        ck_assert_int_eq(there ? sqlite3_column_int64(row, 2) : 0, state.today.fees);
        sqlite3_finalize(row);
    }
}

static void all_agree(void) {
    jobs_agree();
    reservations_agree();
    positions_agree();
    lots_agree();
    bases_agree();
    views_agree();
    days_agree();
    ck_assert_msg(perp_core_check(w->core) == PERP_OK, "%s", perp_core_error(w->core));
}

/* A job of those in a state, or false. */
static bool some_job(uint32_t state, perp_uuid *id) {
    perp_uuid ids[64];
    uint32_t count;
    ok(w, perp_scheduler_list(w->scheduler, state, ids, 64, &count));
    if (count > 64)
        count = 64;
    if (count)
        *id = ids[dice(count)];
    return count > 0;
}

/* What is told of a job: never less than before. */
static void tell_legs(const perp_job_info *info, perp_job_result *result, uint32_t parts) {
    result->n_legs = info->job.n_legs;
    for (uint32_t i = 0; i < result->n_legs; i++) {
        perp_leg_result *leg = &result->legs[i];
        double quantity = info->job.legs[i].quantity;
        double filled = i && dice(4) == 0 ? 0 : quantity * (1 + dice(parts)) / parts;
        leg->filled = filled > info->legs[i].filled ? filled : info->legs[i].filled;
        leg->price = BTC_MID + dice(50);
        leg->has_pnl = dice(2);
        leg->pnl = USD(1) - (perp_usd)dice(2000000);
        leg->fee = (perp_usd)dice(1000000);
    }
}

/* A part of a running job, or the rest of one that has ended. */
static void tell_some(uint32_t state) {
    perp_uuid id;
    perp_job_result result;
    perp_job_info info = {.struct_size = sizeof info};
    if (!some_job(state, &id))
        return;
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    perp_job_result_init(&result);
    tell_legs(&info, &result, 4);
    if (state == PERP_JOB_RUNNING)
        ok(w, perp_scheduler_progress(w->scheduler, nowc(w), &id, result.legs, result.n_legs));
    else
        ok(w, perp_scheduler_amend(w->scheduler, nowc(w), &id, result.legs, result.n_legs));
}

/* What the book has, or what somebody traded by hand. */
static void report_some(void) {
    perp_instrument_id i = w->btc[dice(3)];
    double quantity = position_of(w, i).quantity;
    if (dice(2))
        quantity += dice(2) ? 0.01 : -0.01;
    position_at(w, i, w->now, quantity, BTC_MID);
    if (position_of(w, i).in_doubt && dice(2))
        position_at(w, i, w->now, quantity, BTC_MID);
}

/* Takes what a job has open back, or a half of it. */
static void exit_some(void) {
    perp_uuid id;
    perp_job job;
    if (n_jobs >= N_JOBS || !some_job(PERP_JOB_OPEN, &id))
        return;
    perp_job_init(&job);
    job.job_id = id_of(n_jobs + 1);
    if (perp_job_fill_exit(w->core, w->now, &id, dice(2) ? 1 : 0.5, &job) == PERP_OK &&
        perp_scheduler_submit(w->scheduler, nowc(w), &job) == PERP_OK)
        n_jobs++;
}

static void finish_some(uint32_t state) {
    perp_uuid id;
    perp_job_result result;
    perp_job_info info = {.struct_size = sizeof info};
    if (!some_job(state, &id))
        return;
    ok(w, perp_scheduler_job(w->scheduler, &id, &info));
    perp_job_result_init(&result);
    result.status = dice(8) == 0 ? PERP_RESULT_UNKNOWN
                    : dice(4)    ? PERP_RESULT_COMPLETED
                                 : PERP_RESULT_FAILED;
    bool told = info.legs[0].filled > 0 || info.legs[1].filled > 0;
    if (!told && dice(5) == 0) {
        result.has_totals = result.flat = 1;
        result.status = PERP_RESULT_COMPLETED;
    } else if (!told && dice(5) == 0) {
        result.status = dice(2) ? PERP_RESULT_FAILED : PERP_RESULT_NOTHING;
    } else {
        tell_legs(&info, &result, 1);
    }
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, NULL));
}

static void one_step(void) {
    perp_uuid id;
    perp_job job;
    uint64_t reservation;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    switch (dice(18)) {
    case 0:
    case 1:
    case 2:
        if (n_jobs < N_JOBS) {
            job = pair_job(++n_jobs, w->btc[dice(2)], w->btc[GAMMA]);
            job.priority = (int32_t)dice(5);
            submit(w, &job);
        }
        break;
    case 3:
    case 4:
        quotes(w);
        tick(w);
        break;
    case 5:
    case 6:
        finish_some(PERP_JOB_RUNNING);
        break;
    case 7:
        finish_some(PERP_JOB_IN_DOUBT);
        break;
    case 8:
        if (some_job(PERP_JOB_OPEN, &id))
            ok(w, perp_scheduler_close(w->scheduler, nowc(w), &id, USD(3), USD(25000), USD(1)));
        break;
    case 9:
        if (some_job(dice(2) ? PERP_JOB_PENDING : PERP_JOB_IN_DOUBT, &id) &&
            state_of(w, &id) == PERP_JOB_PENDING)
            ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &id));
        break;
    case 10:
        if (some_job(PERP_JOB_IN_DOUBT, &id)) {
            perp_job_info info = {.struct_size = sizeof info};
            ok(w, perp_scheduler_job(w->scheduler, &id, &info));
            expect(w, info.legs[0].filled + info.legs[1].filled > 0 ? PERP_E_STATE : PERP_OK,
                   perp_scheduler_requeue(w->scheduler, nowc(w), &id));
        }
        break;
    case 11:
        tell_some(PERP_JOB_RUNNING);
        break;
    case 12:
        tell_some(dice(2) ? PERP_JOB_OPEN : PERP_JOB_PARTIAL);
        break;
    case 13:
        report_some();
        break;
    case 14:
        exit_some();
        break;
    case 15:
        for (uint32_t x = 0; x < 3; x++)
            if (position_of(w, w->btc[x]).latched)
                ok(w, perp_accept_position(w->core, signedc(w), w->btc[x]));
        if (dice(8) == 0 && !base_of(w, "BTC").has_repair)
            ok(w, perp_resolve(w->core, signedc(w), "BTC"));
        break;
    case 16:
        pass(w, dice(20) == 0 ? 20 * HOUR : 7 * SECOND);
        break;
    default:
        ok(w,
           perp_capital_record_pnl(w->capital, nowc(w), dice(N_X), USD(2), USD(100), USD(1), NULL));
        ok(w, perp_capital_reserve(w->capital, nowc(w), dice(N_X), PERP_POOL_ARB,
                                   USD(1) + (perp_usd)dice(5000000), NULL, &reservation, &refusal));
        if (reservation && dice(2))
            ok(w, perp_capital_confirm(w->capital, nowc(w), reservation, 500000));
        if (reservation && dice(4))
            ok(w, perp_capital_release(w->capital, nowc(w), reservation, 0));
    }
}

/* That no rule refuses a job any more is an event, and no refusal. */
static void refusals_are_refusals(void) {
    int64_t all = count_of("SELECT count(*) FROM events WHERE kind IN ('refuse', 'reject')");
    int64_t none =
        count_of("SELECT count(*) FROM events WHERE kind = 'refuse' AND outcome = 'none'");
    ck_assert_int_gt(none, 0);
    ck_assert_int_eq(count_of("SELECT count(*) FROM refusals"), all - none);
    ck_assert_int_eq(count_of("SELECT count(*) FROM refusals WHERE refused_by = 'none'"), 0);
}

START_TEST(the_tables_say_what_the_book_says) {
    uint32_t partial = 0, repairs = 0, latched = 0, naked = 0;
    for (int step = 0; step < STEPS; step++) {
        one_step();
        all_agree();
        partial += scheduler_of(w).partial;
        repairs += base_of(w, "BTC").has_repair;
        naked += base_of(w, "BTC").is_naked;
        for (uint32_t x = 0; x < 3; x++)
            latched += position_of(w, w->btc[x]).latched;
    }
    ck_assert_uint_gt(partial, 0);
    ck_assert_uint_gt(repairs, 0);
    ck_assert_uint_gt(naked, 0);
    ck_assert_uint_gt(latched, 0);
    perp_scheduler_state state = scheduler_of(w);
    ck_assert_uint_gt(state.ended_total[PERP_JOB_COMPLETED], 0);
    ck_assert_uint_gt(state.ended_total[PERP_JOB_FAILED], 0);
    ck_assert_uint_gt(state.ended_total[PERP_JOB_OPEN], 0);
    ck_assert_uint_gt(state.ended_total[PERP_JOB_CLOSED], 0);
    refusals_are_refusals();
}
END_TEST

/* Before, jobs that a restart put in doubt still ran in the tables. */
START_TEST(what_a_restart_puts_in_doubt_is_in_doubt_in_the_tables) {
    for (int life = 0; life < 8; life++) {
        for (int step = 0; step < 40; step++)
            one_step();
        quotes(w);
        tick(w);
        uint64_t hash = perp_core_hash(w->core);
        uint32_t running = scheduler_of(w).running;
        if (life % 2)
            ok(w, perp_core_checkpoint(w->core));
        restart();
        ck_assert_uint_eq(perp_core_hash(w->core), hash);
        ck_assert_uint_eq(scheduler_of(w).in_doubt, running);
        all_agree();
    }
}
END_TEST

/* What stands before it is read instead, and the host hears of it. */
START_TEST(a_checkpoint_that_can_not_be_read_is_said) {
    for (int step = 0; step < 40; step++)
        one_step();
    ok(w, perp_core_checkpoint(w->core));
    for (int step = 0; step < 40; step++)
        one_step();
    ok(w, perp_core_checkpoint(w->core));
    uint64_t hash = perp_core_hash(w->core);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    sqlite3 *writer;
    ck_assert_int_eq(sqlite3_open(path, &writer), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(writer,
                                  "UPDATE checkpoints SET data = zeroblob(length(data)) WHERE seq ="
                                  " (SELECT max(seq) FROM checkpoints)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(writer);
    const perp_callbacks callbacks = config.callbacks;
    open_store();
    config.callbacks = callbacks;
    ck_assert_msg(perp_core_open(&config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    ck_assert_str_eq(perp_core_error(NULL), "");
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    w->scheduler = perp_core_scheduler(w->core);
    w->seen.warnings = 0;
    ok(w, perp_scheduler_pause(w->scheduler, nowc(w)));
    ck_assert_int_eq(w->seen.warnings, 1);
    ck_assert_ptr_nonnull(strstr(w->seen.warning, "checkpoint at record"));
}
END_TEST

/* ---- Cash ------------------------------------------------------------------------------------ */

static void cash_is(uint32_t key, const char *kind, const char *symbol, perp_usd amount,
                    int64_t time_ns, int jobs) {
    char id[37];
    const perp_uuid wanted = id_of(key);
    perp_uuid_format(&wanted, id);
    sqlite3_stmt *row = ask("SELECT exchange, kind, symbol, amount, time_ns, jobs, seq,"
                            " (SELECT kind FROM events WHERE events.seq = cash.seq)"
                            " FROM cash WHERE key = ?");
    sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert_str_eq(text_of(row, 0), "alpha");
    ck_assert_str_eq(text_of(row, 1), kind);
    ck_assert_int_eq(sqlite3_column_type(row, 2), *symbol ? SQLITE_TEXT : SQLITE_NULL);
    ck_assert_str_eq(text_of(row, 2), symbol);
    ck_assert_int_eq(sqlite3_column_int64(row, 3), amount);
    ck_assert_int_eq(sqlite3_column_int64(row, 4), time_ns);
    ck_assert_int_eq(sqlite3_column_int(row, 5), jobs);
    ck_assert_str_eq(text_of(row, 7), "cash");
    ck_assert_int_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

static int64_t share_of(uint32_t job, int64_t key_amount) {
    char id[37];
    const perp_uuid wanted = id_of(job);
    perp_uuid_format(&wanted, id);
    sqlite3_stmt *row = ask("SELECT cash_shares.amount FROM cash_shares JOIN cash USING (seq)"
                            " WHERE job = ? AND cash.amount = ?");
    sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(row, 2, key_amount);
    int64_t share = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_finalize(row);
    return share;
}

static void open_hedge(uint32_t n, double quantity) {
    perp_job job = pair_job(n, w->btc[ALPHA], w->btc[GAMMA]);
    job.notional = (perp_usd)(quantity * BTC_MID) * PERP_USD;
    job.legs[0].quantity = job.legs[1].quantity = quantity;
    run_job(w, &job);
    finish_pair(w, &job.job_id, quantity, quantity, BTC_MID);
}

/* Funding of an instrument is its jobs', by the size of their lots; other cash is the exchange's.
 */
START_TEST(cash_stands_in_its_tables_with_the_jobs_that_got_it) {
    const perp_uuid keys[] = {id_of(901), id_of(902), id_of(903)};
    open_hedge(1, 0.25);
    open_hedge(2, 0.125);
    perp_usd before[] = {info_of(w, 1).pnl, info_of(w, 2).pnl};
    const char *symbol = "BTC/USDT:USDT";
    int64_t at = w->now;
    ok(w, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, -USD(30) - 1, &keys[0],
                           w->btc[ALPHA]));
    ok(w,
       perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, USD(7), &keys[1], PERP_NO_ID));
    ok(w, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_REBATE, USD(2), &keys[2],
                           w->btc[ALPHA]));
    cash_is(901, "funding", symbol, -USD(30) - 1, at, 2);
    cash_is(902, "funding", "", USD(7), at, 0);
    cash_is(903, "rebate", symbol, USD(2), at, 0);
    ck_assert_int_eq(share_of(1, -USD(30) - 1), -USD(20) - 1);
    ck_assert_int_eq(share_of(2, -USD(30) - 1), -USD(10));
    ck_assert_int_eq(info_of(w, 1).pnl, before[0] - USD(20) - 1);
    ck_assert_int_eq(info_of(w, 2).pnl, before[1] - USD(10));
    ck_assert_int_eq(count_of("SELECT count(*) FROM cash_shares"), 2);
    ck_assert_int_eq(count_of("SELECT count(*) FROM cash_log WHERE amount_usd = -30.000001"
                              " AND time LIKE '2025-%Z' AND jobs = 2"),
                     1);
    /* The same again is no cash. */
    expect(w, PERP_E_EXISTS,
           perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_REBATE, USD(2), &keys[2],
                            w->btc[ALPHA]));
    ck_assert_int_eq(count_of("SELECT count(*) FROM cash"), 3);
    all_agree();
    restart();
    ck_assert_int_eq(count_of("SELECT count(*) FROM cash"), 3);
}
END_TEST

/* Cash goes with the events that brought it. */
START_TEST(old_cash_goes_with_its_events) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = 20;
    open_hedge(1, 0.25);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    perp_callbacks callbacks = config.callbacks;
    world_config(&config);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &config.store), PERP_OK);
    config.callbacks = callbacks;
    ck_assert_int_eq(perp_core_open(&config, &w->core), PERP_OK);
    w->scheduler = perp_core_scheduler(w->core);
    for (uint32_t i = 0; i < 100; i++) {
        const perp_uuid key = id_of(900 + i);
        ok(w, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, USD(1), &key,
                               w->btc[ALPHA]));
        if (i == 50 || i == 60)
            ok(w, perp_core_checkpoint(w->core));
    }
    int64_t pruned = count_of("SELECT pruned FROM head");
    ck_assert_int_gt(pruned, 0);
    ck_assert_int_gt(count_of("SELECT min(seq) FROM cash"), pruned);
    ck_assert_int_gt(count_of("SELECT min(seq) FROM cash_shares"), pruned);
    ck_assert_int_eq(count_of("SELECT count(*) FROM cash"),
                     count_of("SELECT count(*) FROM events WHERE kind = 'cash'"));
    ck_assert_int_lt(count_of("SELECT count(*) FROM cash"), 100);
}
END_TEST

/* A lot's row goes with the events before its end; one that is open stays however old it is. */
START_TEST(old_lots_go_once_they_are_closed) {
    perp_sqlite_options options;
    perp_sqlite_options_init(&options);
    options.keep_events = 20;
    open_hedge(1, 0.25);
    open_hedge(2, 0.25);
    const perp_uuid closed = id_of(1);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &closed, USD(1), USD(1000), USD(1)));
    ck_assert_int_eq(count_of("SELECT count(*) FROM lots WHERE quantity = 0"), 2);
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    perp_callbacks callbacks = config.callbacks;
    world_config(&config);
    ck_assert_int_eq(perp_store_sqlite_open(path, &options, &config.store), PERP_OK);
    config.callbacks = callbacks;
    ck_assert_int_eq(perp_core_open(&config, &w->core), PERP_OK);
    for (uint32_t i = 0; i < 100; i++) {
        const perp_uuid key = id_of(900 + i);
        ok(w, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, USD(1), &key,
                               w->btc[ALPHA]));
        if (i == 50 || i == 60)
            ok(w, perp_core_checkpoint(w->core));
    }
    ck_assert_int_eq(count_of("SELECT count(*) FROM lots WHERE quantity = 0"), 0);
    ck_assert_int_eq(count_of("SELECT count(*) FROM lots"), 2);
    ck_assert_int_eq(count_of("SELECT count(*) FROM open_job_lots"), 2);
}
END_TEST

/* ---- A store of before ----------------------------------------------------------------------- */

static void run_on(sqlite3 *file, const char *sql) {
    ck_assert_msg(sqlite3_exec(file, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(file));
}

/* The sum of all rows that are there. */
static uint64_t sum_of_rows(sqlite3 *file, uint64_t store) {
    struct perp_sqlite_table tables[PERP_SQLITE_TABLES];
    uint64_t sum = 0;
    perp_sqlite_describe(tables);
    perp_sqlite_seed(tables, store);
    for (int i = 0; i < PERP_SQLITE_TABLES; i++) {
        sqlite3_stmt *row;
        sqlite3_str *text = sqlite3_str_new(file);
        sqlite3_str_appendall(text, "SELECT ");
        perp_sqlite_names(text, &tables[i]);
        sqlite3_str_appendf(text, " FROM %s", tables[i].name);
        char *sql = sqlite3_str_finish(text);
        if (sqlite3_prepare_v2(file, sql, -1, &row, NULL) == SQLITE_OK)
            while (sqlite3_step(row) == SQLITE_ROW)
                sum += perp_row_hash_of(&tables[i], row, 0);
        sqlite3_finalize(row);
        sqlite3_free(sql);
    }
    return sum;
}

/* Makes the file as a build of version 3 left it: without bases, cash, orders and fills, and their
   views. */
static void make_older(void) {
    sqlite3 *file;
    sqlite3_stmt *row;
    struct perp_head head;
    char sql[160];
    ck_assert_int_eq(sqlite3_open(path, &file), SQLITE_OK);
    run_on(file, "DROP VIEW naked_bases; DROP VIEW cash_log; DROP VIEW open_orders; DROP VIEW"
                 " fill_log; DROP TABLE bases; DROP TABLE cash; DROP TABLE cash_shares;"
                 " DROP TABLE orders; DROP TABLE fills; PRAGMA user_version = 3");
    ck_assert_int_eq(sqlite3_prepare_v2(file, PERP_HEAD_SQL, -1, &row, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert(perp_head_from(row, &head));
    sqlite3_finalize(row);
    head.rows = sum_of_rows(file, head.store);
    snprintf(sql, sizeof sql, "UPDATE head SET rows = %lld, guard = %lld", (long long)head.rows,
             (long long)perp_head_guard(&head));
    run_on(file, sql);
    ck_assert_int_eq(sqlite3_close(file), SQLITE_OK);
}

static void reopen(void) {
    const perp_callbacks callbacks = config.callbacks;
    open_store();
    config.callbacks = callbacks;
    world_reopen(w, &config);
}

START_TEST(an_older_store_has_all_bases_once_it_is_opened) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[GAMMA]);
    run_job(w, &job);
    finish_pair(w, &job.job_id, 0.25, 0, BTC_MID);
    ck_assert(base_of(w, "BTC").is_naked);
    ck_assert_int_eq(count_of("SELECT count(*) FROM naked_bases"), 1);
    uint64_t hash = perp_core_hash(w->core);
    for (int with_checkpoint = 0; with_checkpoint < 2; with_checkpoint++) {
        if (with_checkpoint)
            ok(w, perp_core_checkpoint(w->core));
        ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
        make_older();
        reopen();
        ck_assert_uint_eq(perp_core_hash(w->core), hash);
        ck_assert_int_eq(count_of("PRAGMA user_version"), PERP_SQLITE_VERSION);
        bases_agree();
        views_agree();
        ck_assert_int_eq(count_of("SELECT count(*) FROM bases"), 1);
        ck_assert_int_eq(count_of("SELECT naked * 100 FROM bases"), 25);
    }
}
END_TEST

/* What is there already is not written again. */
START_TEST(opening_a_store_writes_no_rows_that_it_has) {
    open_hedge(1, 0.25);
    uint64_t hash = perp_core_hash(w->core);
    int64_t seq = count_of("SELECT last_seq FROM bases WHERE base = 'BTC'");
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    int64_t version = count_of("PRAGMA data_version");
    reopen();
    ck_assert_int_eq(count_of("PRAGMA data_version"), version);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    ck_assert_int_eq(count_of("SELECT last_seq FROM bases WHERE base = 'BTC'"), seq);
}
END_TEST

static Suite *suite_of_book(void) {
    Suite *suite = suite_create("store_book");
    TCase *all = tcase_create("sqlite");
    tcase_add_checked_fixture(all, begin_life, end_life);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, the_tables_say_what_the_book_says);
    tcase_add_test(all, what_a_restart_puts_in_doubt_is_in_doubt_in_the_tables);
    tcase_add_test(all, a_checkpoint_that_can_not_be_read_is_said);
    tcase_add_test(all, cash_stands_in_its_tables_with_the_jobs_that_got_it);
    tcase_add_test(all, old_cash_goes_with_its_events);
    tcase_add_test(all, old_lots_go_once_they_are_closed);
    tcase_add_test(all, an_older_store_has_all_bases_once_it_is_opened);
    tcase_add_test(all, opening_a_store_writes_no_rows_that_it_has);
    suite_add_tcase(suite, all);
    return suite;
}

#else

START_TEST(there_is_no_store_in_files) {
    perp_store store;
    ck_assert_int_eq(perp_store_sqlite_open("/tmp/none.db", NULL, &store), PERP_E_STATE);
}
END_TEST

static Suite *suite_of_book(void) {
    Suite *suite = suite_create("store_book");
    TCase *all = tcase_create("none");
    tcase_add_test(all, there_is_no_store_in_files);
    suite_add_tcase(suite, all);
    return suite;
}

#endif

int main(void) {
    return run_suite(suite_of_book());
}
