/* Calls on jobs: what a tick chose is learned from it, what follows from that is predicted. */
#include "property.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char METADATA[] = "opaque to the library";

perp_uuid p_fresh_id(p_run *run) {
    perp_uuid id;
    memset(&id, 0, sizeof id);
    uint64_t number = ++run->n_job;
    id.bytes[0] = (uint8_t)(0x10 + p_below(run, 16));
    for (int i = 0; i < 8; i++) {
        id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    }
    return id;
}

/* A leg on some instrument of the base; the step of base 2 is a quarter. */
static perp_leg leg_of(p_run *run, int base, uint32_t side, double quantity) {
    perp_leg leg;
    memset(&leg, 0, sizeof leg);
    do {
        leg.instrument = (uint32_t)p_below(run, run->book.n_instruments);
    } while (run->book.instruments[leg.instrument].base != base);
    leg.side = side;
    leg.quantity = quantity;
    leg.notional =
        (int64_t)(quantity * run->book.instruments[leg.instrument].mid * 1e6) + p_below(run, 1000);
    leg.maker = p_chance(run, 10) ? 1 : 0;
    if (p_chance(run, 30)) {
        leg.leverage = 1 + (double)p_below(run, 5);
    }
    return leg;
}

void p_valid_job(p_run *run, perp_job *job) {
    do {
        perp_job_init(job);
        int base = (int)p_below(run, 3);
        double unit = base == 2 ? 0.25 : 1.0 / 1024;
        double mid = run->book.instruments[base].mid;
        int64_t units = (int64_t)((double)(200 + p_below(run, 15000)) / mid / unit) + 1;
        double quantity = (double)units * unit;
        job->job_id = p_fresh_id(run);
        job->strategy = (uint32_t)p_below(run, 3);
        job->n_legs = 2;
        job->legs[0] = leg_of(run, base, PERP_SIDE_BUY, quantity);
        job->legs[1] = leg_of(run, base, PERP_SIDE_SELL, quantity);
        if (p_chance(run, 10)) {
            int second = (base + 1) % 3;
            double more = second == 2 ? 5 : 0.125;
            job->legs[2] = leg_of(run, second, PERP_SIDE_BUY, more);
            job->legs[3] = leg_of(run, second, PERP_SIDE_SELL, more);
            job->legs[3].notional = job->legs[2].notional;
            job->n_legs = 4;
        }
        job->legs[1].notional = job->legs[0].notional + p_below(run, 1000);
        if (job->strategy == PERP_STRATEGY_HEDGE_REBALANCE && p_chance(run, 60)) {
            job->n_legs = 1;
            job->legs[0].side = (uint32_t)p_below(run, 2);
            if (p_chance(run, 70)) { /* against what is open, or no rule lets it pass */
                double net = 0;
                for (uint32_t i = 0; i < run->book.n_instruments; i++) {
                    net += run->book.instruments[i].base == base ? n_quantity(&run->book, i) : 0;
                }
                job->legs[0].side = net > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
            }
        }
        job->notional = job->legs[0].notional;
        if (p_chance(run, 40)) {
            job->legs[0].notional = 0;
        }
    } while (n_meets_itself(&run->book, job));
    job->expected_edge_bps = (double)p_below(run, 60) - 3;
    job->holding_hours = p_chance(run, 80) ? 0 : (double)p_below(run, 20);
    job->priority = p_chance(run, 20) ? (int32_t)p_below(run, 201) - 100 : 0;
    job->ttl_ms = p_chance(run, 50) ? 60000 : p_below(run, 100000);
    job->max_run_ms = p_chance(run, 30) ? p_below(run, 60000) : 0;
    if (p_chance(run, 20)) {
        job->created_at_ns = run->now - p_below(run, 70 * P_SECOND);
    }
    if (p_chance(run, 20)) {
        job->metadata = METADATA;
        job->metadata_size = (uint32_t)p_below(run, (int64_t)sizeof METADATA);
    }
}

/* Breaks one thing that submit must name. */
static void spoil(p_run *run, perp_job *job) {
    static const double bad[] = {0, -1, NAN, INFINITY, -INFINITY};
    perp_leg *leg = &job->legs[p_below(run, job->n_legs)];
    switch (p_below(run, 17)) {
    case 0:
        job->n_legs = p_chance(run, 50) ? 0 : PERP_MAX_LEGS + 1;
        break;
    case 1:
        leg->quantity = bad[p_below(run, 5)];
        break;
    case 2:
        job->notional = -p_below(run, 5);
        break;
    case 3:
        leg->notional = -1;
        break;
    case 4:
        leg->leverage = p_chance(run, 50) ? 0.99 : NAN;
        break;
    case 5:
        leg->side = 2;
        break;
    case 6:
        leg->instrument = run->book.n_instruments;
        break;
    case 7:
        job->strategy = 3;
        break;
    case 8:
        job->priority = p_chance(run, 50) ? 101 : -101;
        break;
    case 9:
        job->expected_edge_bps = NAN;
        break;
    case 10:
        job->holding_hours = p_chance(run, 50) ? -1 : INFINITY;
        break;
    case 11:
        job->metadata_size = PERP_MAX_METADATA + 1;
        break;
    case 12:
        job->struct_size = 0;
        break;
    case 13:
        job->ttl_ms = -2;
        break;
    case 14:
        job->max_run_ms = -2;
        break;
    case 15:
        job->closes =
            run->book.n_jobs > 0 ? run->book.jobs[p_below(run, run->book.n_jobs)].id : job->job_id;
        int closed = n_find_job(&run->book, &job->closes);
        if (closed >= 0 && (run->book.jobs[closed].state == PERP_JOB_OPEN ||
                            run->book.jobs[closed].state == PERP_JOB_PARTIAL)) {
            job->closes = job->job_id;
        }
        break;
    default:
        job->strategy = PERP_STRATEGY_WASH;
        job->n_legs = 1;
    }
}

int p_must_know(const p_run *run, const n_job *j) {
    uint64_t history = run->book.config.scheduler.history_size;
    /* Jobs that end by one call may do so in another order. */
    if (j->ended == 0 || j->ended + history > run->book.n_ended + PERP_MAX_LEGS) {
        return 1;
    }
    /* Those that are open again made room. */
    return j->ended + 2 * history < run->book.n_ended ? 0 : -1;
}

static void submit(p_run *run) {
    perp_job job;
    int known = -1;
    p_valid_job(run, &job);
    perp_status wanted = PERP_OK;
    if (run->book.n_jobs > 0 && p_chance(run, 12)) {
        known = (int)(run->book.n_jobs - 1 -
                      p_below(run, run->book.n_jobs < 300 ? run->book.n_jobs : 300));
        const n_job *j = &run->book.jobs[known];
        if (p_must_know(run, j) == 1 && !j->is_repair && !j->is_flatten) {
            job = j->job;
            wanted = PERP_E_EXISTS;
            static const perp_uuid none;
            if (memcmp(&job.closes, &none, sizeof none) == 0 && p_chance(run, 50)) {
                job.priority = job.priority == 7 ? 8 : 7;
                wanted = PERP_E_CONFLICT;
            }
        }
    } else if (p_chance(run, 12)) {
        spoil(run, &job);
        wanted = PERP_E_INVALID;
    }
    perp_call call = p_call(run, 0);
    int64_t now = call.now_ns > run->book.clock ? call.now_ns : run->book.clock;
    int64_t memory = run->book.config.scheduler.id_memory_h * 3600 * P_SECOND;
    /* An id of a job that was made so long ago may have been forgotten. */
    int old = job.created_at_ns != PERP_TIME_NONE && now - job.created_at_ns > memory;
    if (wanted == PERP_OK && (old || n_too_far(&run->book, call.now_ns))) {
        wanted = PERP_E_RANGE;
    }
    p_expect(run, perp_scheduler_submit(run->scheduler, &call, &job), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        n_add_job(&run->book, &job, 0);
    }
}

void p_leg_of_result(p_run *run, const n_job *j, uint32_t n, int exact, perp_leg_result *leg) {
    int64_t most = (int64_t)(j->job.legs[n].quantity * 1024);
    int64_t known = (int64_t)(j->legs[n].filled * 1024);
    int64_t filled = most > known ? most : known;
    if (!exact) {
        filled = p_chance(run, 30) ? known : known + p_below(run, most - known + 1);
        filled += p_chance(run, 4) ? p_below(run, most) : 0;
        filled -= p_chance(run, 2) ? p_below(run, known + 1) : 0;
    }
    double mid = run->book.instruments[j->job.legs[n].instrument].mid;
    leg->filled = (double)filled / 1024;
    leg->price = filled > 0 ? (double)((int64_t)(mid * 64) + p_below(run, 9) - 4) / 64 : 0;
    leg->fee = p_below(run, P_USD(4)) - P_USD(1);
    leg->has_pnl = p_chance(run, 40) ? 1 : 0;
    leg->pnl = leg->has_pnl ? p_below(run, P_USD(20)) - P_USD(10) : 0;
    leg->time_ns = p_chance(run, 60) ? PERP_TIME_NONE : run->now - p_below(run, 6 * P_SECOND);
}

static void result_of(p_run *run, const n_job *j, perp_job_result *result) {
    perp_job_result_init(result);
    result->status = p_chance(run, 75)   ? (uint32_t)PERP_RESULT_COMPLETED
                     : p_chance(run, 80) ? (uint32_t)PERP_RESULT_FAILED
                                         : (uint32_t)PERP_RESULT_NOTHING;
    int64_t form = p_below(run, 10);
    int done = result->status == PERP_RESULT_COMPLETED;
    if (form < 3 && !j->by_legs) {
        result->has_totals = 1;
        result->pnl = p_below(run, P_USD(40)) - P_USD(20);
        result->volume = done ? p_below(run, P_USD(20000)) : 0;
        result->fees = p_below(run, P_USD(8)) - P_USD(1);
        result->flat = done && p_chance(run, 30) ? 1 : 0;
        return;
    }
    if (form < 4) {
        return;
    }
    result->n_legs = j->job.n_legs;
    int exact = p_chance(run, 70);
    for (uint32_t i = 0; i < result->n_legs; i++) {
        p_leg_of_result(run, j, i, exact, &result->legs[i]);
    }
}

/* What flatten made is cut to what is left, or is done with. */
static void cut_flatten(p_run *run) {
    n_book *b = &run->book;
    for (int i = 0; i < b->n_active; i++) {
        int index = b->active[i];
        n_job *j = &b->jobs[index];
        perp_leg *leg = &j->job.legs[0];
        if (!j->is_flatten || j->state != PERP_JOB_PENDING) {
            continue;
        }
        double left = n_left_to_reduce(b, leg->instrument, leg->side, -1);
        if (left <= 0) {
            n_leave(b, index, PERP_JOB_CANCELLED);
            i -= j->state == PERP_JOB_CANCELLED;
        } else if (!n_at_most(leg->quantity - j->legs[0].filled, left)) {
            double whole = leg->quantity;
            leg->quantity = j->legs[0].filled + left;
            leg->notional = (int64_t)((double)leg->notional * (leg->quantity / whole));
            leg->notional = leg->notional > 0 ? leg->notional : 1;
            j->job.notional = leg->notional;
        }
    }
}

/* The repairs that a tick plans, and those that it cancels since their base has its other side. */
static void predict_repairs(p_run *run) {
    n_book *b = &run->book;
    uint32_t n = 0;
    n_stories(b, -1, -1);
    n_settle(b);
    cut_flatten(run);
    for (int base = 0; base < N_MAX_BASES; base++) {
        int waits = b->bases[base].repair;
        if (waits >= 0 && b->jobs[waits].state == PERP_JOB_PENDING && !n_is_naked(b, base)) {
            n_leave(b, waits, PERP_JOB_CANCELLED);
            continue;
        }
        perp_job job;
        perp_job_init(&job);
        if (!n_wants_repair(b, base) || !n_choose_repair(b, base, &job)) {
            continue;
        }
        job.job_id = n_repair_id(base, ++b->bases[base].repairs);
        job.strategy = PERP_STRATEGY_HEDGE_REBALANCE;
        job.priority = 100;
        job.ttl_ms = 0;
        job.max_run_ms = b->config.scheduler.default_max_run_ms;
        b->bases[base].repair = n_add_job(b, &job, 1);
        run->n_repairs++;
        while (n < run->tick.n_items && run->tick.items[n].kind != PERP_TICK_REPAIR) {
            n++;
        }
        if (n == run->tick.n_items || memcmp(&run->tick.items[n++].job_id, &job.job_id, 16) != 0) {
            p_fail(run, "a repair of base %d should have been planned", base);
        }
    }
    while (n < run->tick.n_items) {
        if (run->tick.items[n++].kind == PERP_TICK_REPAIR) {
            p_fail(run, "a repair was planned where none was due");
        }
    }
}

/* A repair that waits goes where it squares best now. */
static void choose_repairs(p_run *run) {
    for (int base = 0; base < N_MAX_BASES && !run->book.killed; base++) {
        int index = run->book.bases[base].repair;
        if (index >= 0 && run->book.jobs[index].state == PERP_JOB_PENDING) {
            n_job *repair = &run->book.jobs[index];
            if (n_choose_repair(&run->book, base, &repair->job)) {
                repair->job.legs[0].quantity += repair->legs[0].filled; /* a late one */
            }
        }
    }
}

static int near_value(double a, double b) {
    double scale = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return fabs(a - b) <= 1e-9 * (1 + scale);
}

/* Applies a result to the naive book and compares what finish said of it. */
static void apply_result(p_run *run, int index, const perp_job_result *result,
                         const perp_finish_outcome *got) {
    int uncertain = 0;
    perp_finish_outcome wanted;
    n_finish(&run->book, index, result, &wanted, &uncertain);
    if (uncertain) {
        p_fail(run, "a figure is too near its limit to decide: choose other prices");
    }
    run->n_ended++;
    run->n_partial += wanted.state == PERP_JOB_PARTIAL;
    if (got == NULL) {
        return;
    }
    if (got->state != wanted.state) {
        p_fail(run, "finished as %s, wanted %s", perp_job_state_string(got->state),
               perp_job_state_string(wanted.state));
    }
    if (got->n_naked != wanted.n_naked) {
        p_fail(run, "%u bases naked, wanted %u", got->n_naked, wanted.n_naked);
    }
    for (uint32_t i = 0; i < wanted.n_naked; i++) {
        if (!near_value(got->naked[i].quantity, wanted.naked[i].quantity)) {
            p_fail(run, "naked %.17g, wanted %.17g", got->naked[i].quantity,
                   wanted.naked[i].quantity);
        }
    }
}

int p_some_running(p_run *run) {
    if (run->book.n_active > 0 && p_chance(run, 95)) {
        int index = run->book.active[p_below(run, run->book.n_active)];
        for (int tries = 0; tries < 20 && !n_runs(&run->book.jobs[index]); tries++) {
            index = run->book.active[p_below(run, run->book.n_active)];
        }
        return index;
    }
    return run->book.n_jobs > 0 && p_chance(run, 70) ? (int)p_below(run, run->book.n_jobs) : -1;
}

static void finish(p_run *run) {
    perp_job_result result;
    perp_finish_outcome outcome;
    perp_uuid id = p_fresh_id(run);
    int index = p_some_running(run);
    perp_status wanted = PERP_E_NOT_FOUND;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    perp_job_result_init(&result);
    if (index >= 0) {
        id = run->book.jobs[index].id;
        result_of(run, &run->book.jobs[index], &result);
    }
    if (index >= 0 && p_chance(run, run->book.jobs[index].n_orders > 0 ? 85 : 2)) {
        perp_job_result_init(&result);
        result.from_orders = 1;
    }
    if (index >= 0 && p_chance(run, 6)) {
        result.status = PERP_RESULT_UNKNOWN;
        for (uint32_t i = 0; i < result.n_legs; i++) {
            result.legs[i].known = p_chance(run, 50) ? 1 : 0;
        }
    } else if (index >= 0 && p_chance(run, 6)) {
        if (result.n_legs == 0) {
            result.has_totals = 1;
            result.n_legs = 1;
        } else if (p_chance(run, 30)) {
            result.n_legs = result.n_legs % PERP_MAX_LEGS + 1;
        } else if (p_chance(run, 30)) {
            result.legs[0].filled = p_chance(run, 50) ? -1 : NAN;
        } else {
            result.legs[0].filled = 1;
            result.legs[0].price = p_chance(run, 50) ? 0 : -3;
        }
    }
    if (index >= 0) {
        const n_job *j = &run->book.jobs[index];
        wanted = n_judge(&run->book, index, &result);
        int known = p_must_know(run, j);
        if (known == 0) {
            wanted = PERP_E_NOT_FOUND;
        } else if (known < 0) {
            return;
        }
    }
    perp_call call = p_call(run, 0);
    int quiet = p_chance(run, 5) && index >= 0;
    perp_status got =
        perp_scheduler_finish(run->scheduler, &call, &id, &result, quiet ? NULL : &outcome);
    p_expect(run, got, wanted);
    if (got == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        apply_result(run, index, &result, quiet ? NULL : &outcome);
    }
}

void p_execute(void *user, const perp_execution *job, uint32_t *outcome) {
    p_run *run = user;
    if (run->n_actions == sizeof run->actions / sizeof *run->actions) {
        p_fail(run, "too many jobs in a tick");
    }
    if (*outcome != PERP_OUTCOME_IN_DOUBT) {
        p_fail(run, "the outcome is not preset to in doubt");
    }
    p_action *action = &run->actions[run->n_actions++];
    memset(action, 0, sizeof *action);
    action->id = job->job_id;
    action->reduce_only = job->reduce_only;
    action->is_repair = job->is_repair;
    action->order = job->orders[0];
    action->notional = job->notional;
    int64_t pick = p_below(run, 16);
    *outcome = pick < run->outcomes ? (uint32_t)PERP_OUTCOME_ACCEPTED
               : pick + 2 < 16      ? (uint32_t)PERP_OUTCOME_REFUSED
               : pick + 1 < 16      ? (uint32_t)PERP_OUTCOME_DECLINED
                                    : (uint32_t)PERP_OUTCOME_IN_DOUBT;
    if (p_chance(run, 5)) {
        int index = n_find_job(&run->book, &job->job_id);
        perp_call call;
        perp_call_init(&call);
        call.now_ns = action->now = run->now;
        if (index >= 0) {
            n_job copy = run->book.jobs[index];
            copy.state = PERP_JOB_RUNNING;
            copy.job.legs[0].quantity = job->orders[0].quantity;
            copy.job.legs[0].instrument = job->orders[0].instrument;
            result_of(run, &copy, &action->result);
            action->finish_outcome.struct_size = sizeof action->finish_outcome;
            action->finish_status = perp_scheduler_finish(run->scheduler, &call, &job->job_id,
                                                          &action->result, &action->finish_outcome);
            action->finished = 1;
            *outcome = (uint32_t)p_below(run, 4);
        }
    }
    action->outcome = *outcome;
}

static void predict_expiry(p_run *run) {
    uint32_t n = 0;
    /* In the order of submit, which is the order of the naive book's jobs. */
    for (int i = 0; i < run->book.n_active; i++) {
        int index = run->book.active[i];
        n_job *j = &run->book.jobs[index];
        int64_t ttl = j->job.ttl_ms < 0 ? run->book.config.scheduler.default_ttl_ms : j->job.ttl_ms;
        if (j->state != PERP_JOB_PENDING || ttl == 0 ||
            run->book.clock <= j->ttl_from + ttl * P_MS) {
            continue;
        }
        while (n < run->tick.n_items && run->tick.items[n].kind != PERP_TICK_EXPIRED) {
            n++;
        }
        if (n == run->tick.n_items ||
            memcmp(&run->tick.items[n].job_id, &j->id, sizeof j->id) != 0) {
            p_fail(run, "a job should have expired, or in another order");
        }
        n++;
        n_leave(&run->book, index, PERP_JOB_EXPIRED);
        i -= run->book.jobs[index].state == PERP_JOB_EXPIRED;
    }
    while (n < run->tick.n_items) {
        if (run->tick.items[n++].kind == PERP_TICK_EXPIRED) {
            p_fail(run, "a job expired that should not");
        }
    }
}

static void predict_overdue(p_run *run) {
    uint32_t wanted = 0;
    for (int i = 0; i < run->book.n_active; i++) {
        n_job *j = &run->book.jobs[run->book.active[i]];
        int64_t most = j->job.max_run_ms < 0 ? run->book.config.scheduler.default_max_run_ms
                                             : j->job.max_run_ms;
        if (n_runs(j) && most > 0 && !j->overdue && run->book.clock > j->started + most * P_MS) {
            j->overdue = 1;
            wanted++;
        }
    }
    if (run->tick.overdue != wanted) {
        p_fail(run, "%u overdue, wanted %u", run->tick.overdue, wanted);
    }
    for (int i = 0; i < run->book.n_active; i++) {
        int index = run->book.active[i];
        if (n_runs(&run->book.jobs[index]) &&
            (run->book.jobs[index].by_legs || run->book.jobs[index].n_orders > 0)) {
            n_look_unhedged(&run->book, index);
        }
    }
}

static void apply_refusals(p_run *run) {
    for (uint32_t i = 0; i < run->tick.n_items; i++) {
        const perp_tick_item *item = &run->tick.items[i];
        if (item->kind != PERP_TICK_REFUSED && item->kind != PERP_TICK_SKIPPED) {
            continue;
        }
        int index = n_find_job(&run->book, &item->job_id);
        if (index < 0 || run->book.jobs[index].state != PERP_JOB_PENDING) {
            p_fail(run, "a job was refused or skipped that is not pending");
        }
        if (item->kind == PERP_TICK_REFUSED &&
            (item->reason == PERP_REASON_NONE || item->reason >= PERP_REASON_RULES_END)) {
            p_fail(run, "refused for %s, which is no rule", perp_reason_string(item->reason));
        }
        const n_job *j = &run->book.jobs[index];
        if (item->kind == PERP_TICK_REFUSED && !j->is_repair && !j->is_flatten &&
            run->book.config.scheduler.on_reject == PERP_ON_REJECT_DROP &&
            !n_is_reducing(&run->book, &j->job, index)) {
            n_leave(&run->book, index, PERP_JOB_REJECTED);
        }
    }
}

static void apply_dispatches(p_run *run) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < run->tick.n_items; i++) {
        if (run->tick.items[i].kind == PERP_TICK_DISPATCHED) {
            if (n >= run->n_actions ||
                memcmp(&run->tick.items[i].job_id, &run->actions[n].id, sizeof(perp_uuid)) != 0) {
                p_fail(run, "the executor was not called in the order of the result");
            }
            n++;
        }
    }
    if (n != run->n_actions || run->tick.dispatched != n) {
        p_fail(run, "%u executed, %u listed, %u counted", run->n_actions, n, run->tick.dispatched);
    }
    for (n = 0; n < run->n_actions; n++) {
        const p_action *action = &run->actions[n];
        int index = n_find_job(&run->book, &action->id);
        if (index < 0) {
            p_fail(run, "an unknown job was dispatched");
        }
        n_job *j = &run->book.jobs[index];
        if (j->is_repair != (action->is_repair != 0)) {
            p_fail(run, "a repair is called none, or the reverse");
        }
        if (j->job.legs[0].instrument != action->order.instrument ||
            !near_value(j->job.legs[0].quantity, action->order.quantity)) {
            p_fail(run, "handed over is %.17g on %u, wanted %.17g on %u", action->order.quantity,
                   action->order.instrument, j->job.legs[0].quantity, j->job.legs[0].instrument);
        }
        const char *broken = n_dispatch(&run->book, index, action->reduce_only != 0);
        if (broken != NULL) {
            p_fail(run, "a job was dispatched against: %s", broken);
        }
        run->n_dispatched++;
    }
}

static void apply_actions(p_run *run) {
    for (uint32_t n = 0; n < run->n_actions; n++) {
        p_action *action = &run->actions[n];
        int index = n_find_job(&run->book, &action->id);
        if (action->finished) {
            perp_status wanted = n_judge(&run->book, index, &action->result);
            if (action->finish_status != wanted) {
                p_fail(run, "finish inside execute: %s, wanted %s",
                       perp_status_string(action->finish_status), perp_status_string(wanted));
            }
            if (wanted == PERP_OK) {
                n_advance(&run->book, action->now);
                apply_result(run, index, &action->result, &action->finish_outcome);
                continue;
            }
        }
        /* That nothing was sent is not believed of a job with orders. */
        int has_orders = index >= 0 && run->book.jobs[index].n_orders > 0;
        if (has_orders && action->outcome != PERP_OUTCOME_ACCEPTED) {
            n_set_in_doubt(&run->book, index);
        } else if (action->outcome == PERP_OUTCOME_IN_DOUBT) {
            n_set_in_doubt(&run->book, index);
        } else if (action->outcome == PERP_OUTCOME_DECLINED) {
            n_decline(&run->book, index);
        } else if (action->outcome == PERP_OUTCOME_REFUSED) {
            perp_job_result nothing;
            perp_job_result_init(&nothing);
            nothing.status = PERP_RESULT_FAILED;
            apply_result(run, index, &nothing, NULL);
        }
    }
}

static void tick(p_run *run) {
    perp_call call = p_call(run, 0);
    run->n_actions = 0;
    perp_status got = perp_scheduler_tick(run->scheduler, &call, &run->tick);
    p_expect(run, got, PERP_OK);
    n_advance(&run->book, call.now_ns);
    predict_repairs(run);
    predict_expiry(run);
    predict_overdue(run);
    choose_repairs(run);
    uint32_t status = run->book.killed   ? (uint32_t)PERP_TICK_KILLED
                      : run->book.paused ? (uint32_t)PERP_TICK_PAUSED
                                         : (uint32_t)PERP_TICK_OK;
    if (run->tick.status != status) {
        p_fail(run, "tick status %u, wanted %u", run->tick.status, status);
    }
    apply_refusals(run);
    apply_dispatches(run);
    apply_actions(run);
    uint32_t pending = 0, running = 0;
    for (int i = 0; i < run->book.n_active; i++) {
        pending += run->book.jobs[run->book.active[i]].state == PERP_JOB_PENDING;
        running += n_runs(&run->book.jobs[run->book.active[i]]) != 0;
    }
    if (run->tick.pending != pending || run->tick.running != running) {
        p_fail(run, "%u pending and %u running, wanted %u and %u", run->tick.pending,
               run->tick.running, pending, running);
    }
}

/* The id of some job: mostly one in the state, sometimes another, sometimes of none. */
static perp_uuid some_job(p_run *run, uint32_t state) {
    if (run->book.n_active == 0 || p_chance(run, 5)) {
        return run->book.n_jobs > 0 && p_chance(run, 80)
                   ? run->book.jobs[p_below(run, run->book.n_jobs)].id
                   : p_fresh_id(run);
    }
    int index = run->book.active[p_below(run, run->book.n_active)];
    for (int tries = 0; tries < 12 && run->book.jobs[index].state != state; tries++) {
        index = run->book.active[p_below(run, run->book.n_active)];
    }
    return run->book.jobs[index].id;
}

static void cancel(p_run *run) {
    perp_uuid id = some_job(run, PERP_JOB_PENDING);
    perp_call call = p_call(run, 0);
    perp_status got = perp_scheduler_cancel(run->scheduler, &call, &id);
    p_expect(run, got, n_cancel(&run->book, call.now_ns, &id));
}

static void requeue(p_run *run) {
    perp_uuid id = some_job(run, PERP_JOB_IN_DOUBT);
    perp_call call = p_call(run, 0);
    perp_status got = perp_scheduler_requeue(run->scheduler, &call, &id);
    p_expect(run, got, n_requeue(&run->book, call.now_ns, &id));
}

static const char *const BASES[] = {"BTC", "ETH", "SOL", "XYZ"};

static void resolve(p_run *run) {
    n_book *b = &run->book;
    int base = (int)p_below(run, p_chance(run, 95) ? 3 : 4);
    for (int i = 0; i < 3; i++) {
        base = n_is_naked(b, i) && p_chance(run, 60) ? i : base;
    }
    perp_call call = p_call(run, p_chance(run, 90));
    int repair = base < 3 ? b->bases[base].repair : -1;
    perp_status wanted = base == 3                                 ? PERP_E_NOT_FOUND
                         : !p_is_signed(&call)                     ? PERP_E_INVALID
                         : repair >= 0 && n_runs(&b->jobs[repair]) ? PERP_E_STATE
                                                                   : PERP_OK;
    p_expect(run, perp_resolve(run->core, &call, BASES[base]), wanted);
    if (wanted == PERP_OK) {
        n_advance(b, call.now_ns);
        if (repair >= 0) {
            n_leave(b, repair, PERP_JOB_CANCELLED);
        }
        n_resolve(b, base);
        n_stories(b, -1, -1);
        n_settle(b);
    }
}

static void resume_repair(p_run *run) {
    int base = (int)p_below(run, p_chance(run, 95) ? 3 : 4);
    perp_call call = p_call(run, 0);
    p_expect(run, perp_resume_repair(run->core, &call, BASES[base]),
             base < 3 ? PERP_OK : PERP_E_NOT_FOUND);
    if (base < 3) {
        n_advance(&run->book, call.now_ns);
        run->book.bases[base].stopped = 0;
        run->book.bases[base].tries = 0;
        run->book.bases[base].next_try = 0;
    }
}

static void close_job(p_run *run) {
    perp_uuid id = some_job(run, PERP_JOB_OPEN);
    int64_t pnl = p_below(run, P_USD(40)) - P_USD(20), fees = p_below(run, P_USD(5));
    int64_t volume = p_chance(run, 5) ? -1 : p_below(run, P_USD(9000));
    perp_call call = p_call(run, 0);
    perp_status got = perp_scheduler_close(run->scheduler, &call, &id, pnl, volume, fees);
    p_expect(run, got, n_close_job(&run->book, call.now_ns, &id, pnl, volume, fees));
}

void p_job_call(p_run *run) {
    static const struct {
        const char *name;
        int weight;
        void (*make)(p_run *run);
    } calls[] = {
        {"submit", 38, submit},  {"tick", 26, tick},
        {"finish", 22, finish},  {"close", 4, close_job},
        {"cancel", 3, cancel},   {"requeue", 3, requeue},
        {"resolve", 2, resolve}, {"resume_repair", 2, resume_repair},
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
