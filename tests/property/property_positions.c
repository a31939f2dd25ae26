/* Calls that tell what happened to positions: progress and amend, reports, fills that no job made;
   and jobs that close what is open. */
#include "property.h"

#include <math.h>
#include <string.h>

static void legs_of(p_run *run, const n_job *j, perp_leg_result *legs) {
    perp_job_result result;
    perp_job_result_init(&result);
    int exact = p_chance(run, 30);
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        p_leg_of_result(run, j, i, exact, &result.legs[i]);
        result.legs[i].known = p_chance(run, 80) ? 1 : 0;
    }
    memcpy(legs, result.legs, sizeof result.legs);
}

static void tell(p_run *run, int index, int late) {
    perp_leg_result legs[PERP_MAX_LEGS];
    if (index < 0 || p_must_know(run, &run->book.jobs[index]) < 0) {
        return;
    }
    const n_job *j = &run->book.jobs[index];
    const perp_uuid id = j->id;
    uint32_t n = j->job.n_legs;
    legs_of(run, j, legs);
    if (p_chance(run, 4)) {
        legs[0].filled = p_chance(run, 50) ? NAN : 3 * j->job.legs[0].quantity;
    }
    if (p_chance(run, 2)) {
        n = n % PERP_MAX_LEGS + 1;
    }
    perp_status wanted = n_judge_legs(&run->book, index, legs, n, late);
    if (p_must_know(run, j) == 0) {
        wanted = PERP_E_NOT_FOUND;
    }
    perp_call call = p_call(run, 0);
    p_expect(run,
             late ? perp_scheduler_amend(run->scheduler, &call, &id, legs, n)
                  : perp_scheduler_progress(run->scheduler, &call, &id, legs, n),
             wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        n_tell_legs(&run->book, index, legs, late);
        run->n_told++;
    }
}

static void progress(p_run *run) {
    tell(run, p_some_running(run), 0);
}

static void amend(p_run *run) {
    int64_t n = run->book.n_jobs < 150 ? run->book.n_jobs : 150;
    int index = run->book.n_jobs == 0 ? -1 : (int)(run->book.n_jobs - 1 - p_below(run, n));
    for (int tries = 0; tries < 8 && index >= 0 && !run->book.jobs[index].dispatched; tries++) {
        index = (int)(run->book.n_jobs - 1 - p_below(run, n));
    }
    tell(run, index, 1);
}

/* ---- the way out */

static int is_whole(double quantity, double step) {
    double steps = quantity / step;
    return fabs(steps - floor(steps + 0.5)) <= 1e-9;
}

/* Whether a leg of the exit may be submitted: in whole steps, or all that is left. */
static int may_be(const n_book *b, const perp_job *job, uint32_t n) {
    const perp_leg *leg = &job->legs[n];
    double left = n_left_to_reduce(b, leg->instrument, leg->side, -1);
    for (uint32_t i = 0; i < n; i++) {
        if (job->legs[i].instrument == leg->instrument && job->legs[i].side == leg->side) {
            left = n_sum(left, -job->legs[i].quantity);
        }
    }
    int all = left > 0 && n_at_most(left, leg->quantity) && n_at_most(leg->quantity, left);
    return all || is_whole(leg->quantity, b->instruments[leg->instrument].step);
}

/* The exit is a leg for each lot of the job, in the order of its legs. */
static perp_status expected_exit(p_run *run, int index, double fraction, const perp_job *got,
                                 perp_status status) {
    const n_book *b = &run->book;
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->jobs[index].job.n_legs; i++) {
        const n_instrument *on = &b->instruments[b->jobs[index].job.legs[i].instrument];
        for (uint32_t k = 0; k < on->position->n_lots; k++) {
            const n_lot *lot = &on->position->lots[k];
            double size = fabs(lot->quantity);
            if (lot->job != index || lot->leg != i) {
                continue;
            }
            if (fraction < 1) {
                size = floor(size * fraction / on->step * (1 + 1e-12)) * on->step;
            }
            if (size <= 0) {
                return PERP_E_RANGE;
            }
            if (status == PERP_OK &&
                (n >= got->n_legs || !n_at_most(size, got->legs[n].quantity) ||
                 !n_at_most(got->legs[n].quantity, size) ||
                 got->legs[n].side !=
                     (lot->quantity > 0 ? (uint32_t)PERP_SIDE_SELL : (uint32_t)PERP_SIDE_BUY))) {
                p_fail(run, "leg %u of the exit is not what the lot has", n);
            }
            n++;
        }
    }
    return n == 0 ? PERP_E_NOT_FOUND : PERP_OK;
}

static void leave(p_run *run) {
    n_book *b = &run->book;
    if (b->n_active == 0) {
        return;
    }
    int index = b->active[p_below(run, b->n_active)];
    for (int tries = 0; tries < 12 && b->jobs[index].state != PERP_JOB_OPEN; tries++) {
        index = b->active[p_below(run, b->n_active)];
    }
    double fraction = p_chance(run, 60) ? 1 : (double)(1 + p_below(run, 100)) / 100;
    perp_job job;
    perp_job_init(&job);
    job.job_id = p_fresh_id(run);
    perp_status got = perp_job_fill_exit(run->core, b->clock, &b->jobs[index].id, fraction, &job);
    perp_status wanted = expected_exit(run, index, fraction, &job, got);
    p_expect(run, got, wanted);
    if (got != PERP_OK) {
        return;
    }
    uint32_t state = b->jobs[index].state;
    wanted = state == PERP_JOB_OPEN || state == PERP_JOB_PARTIAL ? PERP_OK : PERP_E_INVALID;
    for (uint32_t i = 0; i < job.n_legs; i++) {
        wanted = may_be(b, &job, i) ? wanted : PERP_E_INVALID;
    }
    wanted = n_meets_itself(b, &job) ? PERP_E_INVALID : wanted;
    perp_call call = p_call(run, 0);
    p_expect(run, perp_scheduler_submit(run->scheduler, &call, &job), wanted);
    if (wanted == PERP_OK) {
        n_advance(b, call.now_ns);
        n_add_job(b, &job, 0);
        run->n_exits++;
    }
}

/* ---- what exchanges say */

/* What an exchange may say of an instrument: mostly what there is, often with what jobs are about
   to fill, sometimes with what nobody knows of. */
static double said_of(p_run *run, uint32_t instrument) {
    const n_book *b = &run->book;
    double quantity = n_quantity(b, instrument);
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(j) && k < j->job.n_legs; k++) {
            if (j->job.legs[k].instrument == instrument && p_chance(run, 20)) {
                int64_t most = (int64_t)(n_unseen(j, k) * 1024);
                double more = (double)p_below(run, most + 1) / 1024;
                quantity += j->job.legs[k].side == PERP_SIDE_BUY ? more : -more;
            }
        }
    }
    double unit = b->instruments[instrument].base == 0 ? 1 : 16;
    if (p_chance(run, 2)) {
        quantity += unit * (double)(p_below(run, 401) - 200) / 1024;
    } else if (p_chance(run, 1)) {
        quantity = 0;
    } else if (p_chance(run, 4)) { /* within the tolerance, or about it */
        double some = 10 / b->instruments[instrument].mid * 1024;
        quantity += (double)(p_below(run, 3) - 1) * floor(some) / 1024;
    }
    return quantity;
}

static double entry_of(p_run *run, uint32_t instrument, double quantity) {
    double mid = run->book.instruments[instrument].mid;
    return quantity == 0 || p_chance(run, 50) ? 0 : floor(mid) + (double)p_below(run, 64) / 64;
}

static int64_t time_of_report(p_run *run, const perp_call *call) {
    int64_t now = call->now_ns > run->book.clock ? call->now_ns : run->book.clock;
    return p_chance(run, 40)   ? PERP_TIME_NONE
           : p_chance(run, 90) ? now - p_below(run, 4 * P_SECOND)
           : p_chance(run, 50) ? now - p_below(run, 10 * P_MINUTE)
                               : now + p_below(run, P_MINUTE);
}

static int is_older(const n_book *b, uint32_t instrument, int64_t time) {
    const n_position *p = b->instruments[instrument].position;
    return p->report_time != PERP_TIME_NONE && time < p->report_time;
}

static void one_position(p_run *run) {
    n_book *b = &run->book;
    perp_position_report report;
    memset(&report, 0, sizeof report);
    report.instrument = (uint32_t)p_below(run, b->n_instruments);
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        if (b->instruments[i].position->aside && p_chance(run, 50)) {
            report.instrument = i;
        }
    }
    report.margin_mode = PERP_MARGIN_NOT_GIVEN;
    report.quantity = said_of(run, report.instrument);
    report.entry_price = entry_of(run, report.instrument, report.quantity);
    perp_call call = p_call(run, 0);
    int64_t now = call.now_ns > b->clock ? call.now_ns : b->clock;
    int64_t given = time_of_report(run, &call);
    int64_t time = given == PERP_TIME_NONE || given > now ? now : given;
    perp_status wanted = is_older(b, report.instrument, time) ? PERP_E_STALE : PERP_OK;
    const n_position *aside = b->instruments[report.instrument].position;
    if (aside->aside && p_chance(run, 50)) { /* the same again */
        report.quantity = n_quantity(b, report.instrument) + aside->aside_rest;
    }
    if (p_chance(run, 1)) {
        report.quantity = NAN;
        wanted = PERP_E_INVALID;
    }
    p_expect(run, perp_position(run->core, &call, &report, given), wanted);
    if (wanted == PERP_E_INVALID) { /* it is not known until a good report comes */
        b->instruments[report.instrument].position->heard = PERP_TIME_NONE;
    }
    if (wanted == PERP_OK) {
        n_advance(b, call.now_ns);
        n_report(b, report.instrument, report.quantity, report.entry_price, time);
        n_stories(b, -1, -1);
        n_settle(b);
        run->n_reports++;
    }
}

static void whole_account(p_run *run) {
    n_book *b = &run->book;
    perp_position_report rows[N_MAX_INSTRUMENTS];
    perp_account_report report;
    uint32_t n = 0;
    perp_account_report_init(&report);
    report.exchange = (uint32_t)p_below(run, b->n_exchanges);
    perp_call call = p_call(run, 0);
    int64_t now = call.now_ns > b->clock ? call.now_ns : b->clock;
    report.time_ns = time_of_report(run, &call);
    int64_t time = report.time_ns == PERP_TIME_NONE || report.time_ns > now ? now : report.time_ns;
    perp_status wanted = PERP_OK;
    memset(rows, 0, sizeof rows);
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        if (b->instruments[i].exchange != report.exchange) {
            continue;
        }
        double quantity = said_of(run, i);
        wanted = is_older(b, i, time) ? PERP_E_STALE : wanted;
        if (quantity != 0 || p_chance(run, 20)) {
            rows[n].instrument = i;
            rows[n].margin_mode = PERP_MARGIN_NOT_GIVEN;
            rows[n].quantity = quantity;
            rows[n++].entry_price = entry_of(run, i, quantity);
        }
    }
    report.n_positions = n;
    report.positions = rows;
    report.has_equity = p_chance(run, 50) ? 1 : 0;
    report.equity = b->exchanges[report.exchange].equity + p_below(run, P_USD(100)) - P_USD(50);
    p_expect(run, perp_account(run->core, &call, &report), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(b, call.now_ns);
    if (report.has_equity) {
        n_update_equity(b, call.now_ns, report.exchange, report.equity);
    }
    for (uint32_t k = 0; k < n; k++) {
        n_report(b, rows[k].instrument, rows[k].quantity, rows[k].entry_price, time);
    }
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        int listed = b->instruments[i].exchange != report.exchange;
        for (uint32_t k = 0; k < n; k++) {
            listed |= rows[k].instrument == i;
        }
        if (!listed) {
            n_report(b, i, 0, 0, time);
        }
    }
    n_stories(b, -1, -1);
    n_settle(b);
    run->n_reports++;
}

static void accept(p_run *run) {
    n_book *b = &run->book;
    uint32_t instrument = (uint32_t)p_below(run, b->n_instruments + (p_chance(run, 5) ? 1 : 0));
    for (int tries = 0; tries < 10 && instrument < b->n_instruments &&
                        !b->instruments[instrument].position->latched;
         tries++) {
        instrument = (uint32_t)p_below(run, b->n_instruments);
    }
    perp_call call = p_call(run, p_chance(run, 90));
    perp_status wanted = instrument >= b->n_instruments ? PERP_E_NOT_FOUND
                         : !p_is_signed(&call)          ? PERP_E_INVALID
                                                        : PERP_OK;
    p_expect(run, perp_accept_position(run->core, &call, instrument), wanted);
    if (wanted == PERP_OK) {
        n_advance(b, call.now_ns);
        n_accept(b, instrument);
        n_stories(b, -1, -1);
        n_settle(b);
    }
}

static void by_hand(p_run *run) {
    n_book *b = &run->book;
    perp_recorded_fill given;
    perp_recorded_fill_init(&given);
    given.instrument = (uint32_t)p_below(run, b->n_instruments);
    const n_instrument *on = &b->instruments[given.instrument];
    double quantity = n_quantity(b, given.instrument);
    given.side = (uint32_t)p_below(run, 2);
    given.quantity = (double)(1 + p_below(run, on->base == 0 ? 100 : 1600)) / 1024;
    if (quantity != 0 && p_chance(run, 50)) {
        given.side = quantity > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        given.quantity = p_chance(run, 50) ? fabs(quantity) : given.quantity;
    }
    given.price = floor(on->mid) + (double)p_below(run, 64) / 64;
    given.fee = p_below(run, P_USD(2));
    given.has_pnl = p_chance(run, 20) ? 1 : 0;
    given.pnl = given.has_pnl ? p_below(run, P_USD(20)) - P_USD(10) : 0;
    given.key = p_fresh_id(run);
    perp_call call = p_call(run, 0);
    int64_t now = call.now_ns > b->clock ? call.now_ns : b->clock;
    given.time_ns = p_chance(run, 50) ? PERP_TIME_NONE : now - p_below(run, 6 * P_SECOND);
    p_expect(run, perp_record_fill(run->core, &call, &given), PERP_OK);
    n_advance(b, call.now_ns);
    n_fill fill = {.quantity = given.quantity,
                   .price = given.price,
                   .fee = given.fee,
                   .pnl = given.pnl,
                   .time = given.time_ns == PERP_TIME_NONE ? b->clock : given.time_ns,
                   .has_pnl = given.has_pnl != 0,
                   .time_given = given.time_ns != PERP_TIME_NONE};
    n_foreign_fill(b, given.instrument, given.side, &fill);
    n_look_at_loss(b);
    n_stories(b, -1, -1);
    n_settle(b);
    run->hash_before = perp_core_hash(run->core);
    run->clock_before = perp_core_clock(run->core);
    p_expect(run, perp_record_fill(run->core, &call, &given), PERP_E_EXISTS);
    given.fee++;
    p_expect(run, perp_record_fill(run->core, &call, &given), PERP_E_CONFLICT);
}

static void cash(p_run *run) {
    n_book *b = &run->book;
    uint32_t instrument = (uint32_t)p_below(run, b->n_instruments);
    uint32_t x = b->instruments[instrument].exchange,
             kind = (uint32_t)p_below(run, PERP_CASH_COUNT);
    int64_t amount = p_below(run, P_USD(20)) - P_USD(10);
    int named = p_chance(run, 60);
    perp_uuid key = p_fresh_id(run);
    perp_call call = p_call(run, 0);
    p_expect(
        run,
        perp_record_cash(run->core, &call, x, kind, amount, &key, named ? instrument : PERP_NO_ID),
        PERP_OK);
    n_advance(b, call.now_ns);
    n_cash(b, x, kind == PERP_CASH_FUNDING, amount, named ? (int64_t)instrument : -1);
    n_look_at_loss(b);
    run->hash_before = perp_core_hash(run->core);
    run->clock_before = perp_core_clock(run->core);
    p_expect(
        run,
        perp_record_cash(run->core, &call, x, kind, amount, &key, named ? instrument : PERP_NO_ID),
        PERP_E_EXISTS);
    p_expect(run,
             perp_record_cash(run->core, &call, x, kind, amount + 1, &key,
                              named ? instrument : PERP_NO_ID),
             PERP_E_CONFLICT);
}

/* The n-th job's id has n added to its last four bytes. */
static perp_uuid plus(const perp_uuid *key, uint32_t n) {
    perp_uuid id = *key;
    for (int i = 15; i >= 12 && n > 0; i--) {
        n += id.bytes[i];
        id.bytes[i] = (uint8_t)n;
        n >>= 8;
    }
    return id;
}

static void flatten(p_run *run) {
    static const char *const names[] = {"BTC", "ETH", "SOL"};
    n_book *b = &run->book;
    uint32_t x = p_chance(run, 30) ? PERP_ALL_EXCHANGES : (uint32_t)p_below(run, b->n_exchanges);
    int base = p_chance(run, 40) ? -1 : (int)p_below(run, 3);
    perp_flatten_item items[N_MAX_INSTRUMENTS];
    perp_flatten_result result;
    perp_flatten_result_init(&result);
    result.items = items;
    result.capacity = N_MAX_INSTRUMENTS;
    perp_uuid key = p_fresh_id(run);
    key.bytes[1] = 0xF1; /* apart from all others, with room for its jobs */
    key.bytes[11] = key.bytes[15];
    key.bytes[15] = (uint8_t)(0xF0 + p_below(run, 16));
    perp_call call = p_call(run, p_chance(run, 90));
    perp_status wanted = p_is_signed(&call) ? PERP_OK : PERP_E_INVALID;
    p_expect(run,
             perp_scheduler_flatten(run->scheduler, &call, x, base < 0 ? NULL : names[base], &key,
                                    &result),
             wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(b, call.now_ns);
    uint32_t n = 0, made = 0;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        const n_instrument *on = &b->instruments[i];
        double quantity = n_quantity(b, i);
        uint32_t side = quantity > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        double left = n_left_to_reduce(b, i, side, -1);
        if ((x != PERP_ALL_EXCHANGES && on->exchange != x) || (base >= 0 && on->base != base) ||
            left <= 0) {
            continue;
        }
        perp_job job;
        perp_job_init(&job);
        job.legs[0].quantity = floor(left / on->step + 1e-9) * on->step;
        job.legs[0].instrument = i;
        job.legs[0].side = side;
        uint32_t kind = job.legs[0].quantity > 0 ? PERP_FLATTEN_JOB : PERP_FLATTEN_MIN_QTY;
        if (n >= result.count || items[n].kind != kind || items[n].instrument != i) {
            p_fail(run, "flatten: of instrument %u, %.17g should be left", i, left);
        }
        n++;
        if (kind != PERP_FLATTEN_JOB) {
            continue;
        }
        job.job_id = plus(&key, made++);
        if (memcmp(&job.job_id, &items[n - 1].job_id, sizeof key) != 0 ||
            !n_at_most(fabs(items[n - 1].quantity - job.legs[0].quantity), 1e-12)) {
            p_fail(run, "flatten: another job for instrument %u", i);
        }
        job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
        job.priority = 90;
        job.ttl_ms = 0;
        job.n_legs = 1;
        job.legs[0].notional = n_micro(job.legs[0].quantity * on->mid);
        job.legs[0].notional = job.legs[0].notional > 0 ? job.legs[0].notional : 1;
        job.notional = job.legs[0].notional;
        int index = n_add_job(b, &job, 0);
        b->jobs[index].is_flatten = 1;
    }
    if (n != result.count) {
        p_fail(run, "flatten lists %u, wanted %u", result.count, n);
    }
}

void p_position_call(p_run *run) {
    static const struct {
        const char *name;
        int weight;
        void (*make)(p_run *run);
    } calls[] = {
        {"progress", 25, progress},
        {"amend", 12, amend},
        {"exit", 21, leave},
        {"position", 14, one_position},
        {"account", 10, whole_account},
        {"accept_position", 8, accept},
        {"record_fill", 4, by_hand},
        {"cash", 2, cash},
        {"flatten", 4, flatten},
    };
    int64_t pick = p_below(run, 100);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        pick -= calls[i].weight;
        if (pick < 0) {
            run->call = calls[i].name;
            calls[i].make(run);
            return;
        }
    }
}
