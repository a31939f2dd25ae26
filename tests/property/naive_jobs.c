#include "naive_ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

uint32_t n_circuit(const n_book *b, uint32_t exchange) {
    const n_exchange *e = &b->exchanges[exchange];
    if (!e->circuit_open) {
        return PERP_CIRCUIT_CLOSED;
    }
    return b->clock - e->open_since >= b->config.risk.circuit_cooldown_ms * 1000000
               ? PERP_CIRCUIT_HALF_OPEN
               : PERP_CIRCUIT_OPEN;
}

static void circuit_result(n_book *b, uint32_t exchange, int success) {
    n_exchange *e = &b->exchanges[exchange];
    uint32_t circuit = n_circuit(b, exchange);
    if (circuit == PERP_CIRCUIT_OPEN) {
        return;
    }
    e->circuit_failures = success ? 0 : e->circuit_failures + 1;
    e->circuit_open = 0;
    if (!success && (circuit == PERP_CIRCUIT_HALF_OPEN ||
                     e->circuit_failures >= b->config.risk.circuit_failures)) {
        e->circuit_open = 1;
        e->open_since = b->clock;
        e->circuit_failures = 0;
    }
}

void n_success(n_book *b, uint32_t exchange) {
    b->failures = 0;
    if (exchange != PERP_ALL_EXCHANGES) {
        circuit_result(b, exchange, 1);
    }
}

static void count_failure(n_book *b) {
    b->failures++;
    if (b->failures >= b->config.risk.max_consecutive_failures) {
        b->halted = 1;
    }
}

void n_failure(n_book *b, uint32_t exchange) {
    count_failure(b);
    if (exchange != PERP_ALL_EXCHANGES) {
        circuit_result(b, exchange, 0);
    }
}

int n_find_job(const n_book *b, const perp_uuid *id) {
    for (int i = b->n_jobs - 1; i >= 0; i--) {
        if (memcmp(&b->jobs[i].id, id, sizeof *id) == 0) {
            return i;
        }
    }
    return -1;
}

int n_runs(const n_job *job) {
    return job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
}

int n_same_book(const n_book *b, uint32_t one, uint32_t other) {
    const n_instrument *i = &b->instruments[one], *k = &b->instruments[other];
    return b->exchanges[i->exchange].venue == b->exchanges[k->exchange].venue &&
           i->base == k->base && i->kind == k->kind &&
           (i->contract == 0 || k->contract == 0 || i->contract == k->contract);
}

int64_t n_held(const n_book *b, int job) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        if (b->reservations[i].job == job) {
            sum += b->reservations[i].in_flight + b->reservations[i].used;
        }
    }
    return sum;
}

/* Within hedge_tolerance in each of its bases. */
static int balanced(const n_book *b, const perp_job *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        double sums[2] = {0, 0};
        for (uint32_t k = 0; k < job->n_legs; k++) {
            if (b->instruments[job->legs[k].instrument].base ==
                b->instruments[job->legs[i].instrument].base) {
                sums[job->legs[k].side] += job->legs[k].quantity;
            }
        }
        double apart = sums[0] - sums[1], larger = sums[0] > sums[1] ? sums[0] : sums[1];
        if ((apart < 0 ? -apart : apart) > b->config.scheduler.hedge_tolerance * larger) {
            return 0;
        }
    }
    return 1;
}

int n_add_job(n_book *b, const perp_job *job, int is_repair) {
    if (b->n_jobs == N_MAX_JOBS) {
        abort();
    }
    int index = b->n_jobs++;
    b->active[b->n_active++] = index;
    n_job *j = &b->jobs[index];
    j->id = job->job_id;
    j->job = *job;
    j->state = PERP_JOB_PENDING;
    j->ttl_from = job->created_at_ns == PERP_TIME_NONE ? b->clock : job->created_at_ns;
    j->is_repair = is_repair;
    j->balanced = !is_repair && balanced(b, job);
    return index;
}

/* Active is what has not ended; all loops go over these. */
static void deactivate(n_book *b, int job) {
    int kept = 0;
    for (int i = 0; i < b->n_active; i++) {
        if (b->active[i] != job) {
            b->active[kept++] = b->active[i];
        }
    }
    b->n_active = kept;
}

static void forget_repair(n_book *b, int job) {
    for (int base = 0; base < N_MAX_BASES; base++) {
        if (b->bases[base].repair == job) {
            b->bases[base].repair = -1;
        }
    }
}

void n_end(n_book *b, int job, uint32_t state) {
    deactivate(b, job);
    b->jobs[job].state = state;
    b->jobs[job].ended = ++b->n_ended;
    forget_repair(b, job);
}

void n_leave(n_book *b, int job, uint32_t state) {
    if (n_lots_of(b, job) > 0) {
        b->jobs[job].state = PERP_JOB_OPEN;
        forget_repair(b, job);
    } else {
        n_end(b, job, state);
    }
}

perp_status n_cancel(n_book *b, int64_t now, const perp_uuid *id) {
    int j = n_find_job(b, id);
    int runs = j >= 0 && n_runs(&b->jobs[j]);
    if (j < 0 || (!runs && b->jobs[j].state != PERP_JOB_PENDING)) {
        return PERP_E_NOT_FOUND;
    }
    n_advance(b, now);
    if (runs) { /* a request */
        return PERP_OK;
    }
    for (int base = 0; base < N_MAX_BASES; base++) {
        b->bases[base].stopped |= b->bases[base].repair == j;
    }
    n_leave(b, j, PERP_JOB_CANCELLED);
    n_settle(b);
    return PERP_OK;
}

perp_status n_requeue(n_book *b, int64_t now, const perp_uuid *id) {
    int j = n_find_job(b, id);
    if (j < 0 || b->jobs[j].state != PERP_JOB_IN_DOUBT) {
        return PERP_E_NOT_FOUND;
    }
    for (uint32_t i = 0; i < b->jobs[j].job.n_legs; i++) {
        if (b->jobs[j].legs[i].filled > 0) {
            return PERP_E_STATE;
        }
    }
    if (b->jobs[j].n_standing > 0) {
        return PERP_E_STATE;
    }
    n_advance(b, now);
    n_legs_end(b, j);
    b->jobs[j].state = PERP_JOB_PENDING;
    b->jobs[j].ttl_from = b->clock;
    b->jobs[j].overdue = 0;
    n_stories(b, -1, b->jobs[j].is_repair ? j : -1);
    n_settle(b);
    return PERP_OK;
}

void n_decline(n_book *b, int job) {
    n_legs_end(b, job);
    n_leave(b, job, PERP_JOB_CANCELLED);
    n_stories(b, -1, b->jobs[job].is_repair ? job : -1);
    n_settle(b);
}

void n_set_in_doubt(n_book *b, int job) {
    b->jobs[job].state = PERP_JOB_IN_DOUBT;
}

static void note_dispatch(n_exchange *e, int64_t now) {
    if (e->n_dispatches == e->dispatch_room) {
        e->dispatch_room = e->dispatch_room == 0 ? 64 : 2 * e->dispatch_room;
        e->dispatches = realloc(e->dispatches, e->dispatch_room * sizeof *e->dispatches);
        if (e->dispatches == NULL) {
            abort();
        }
    }
    e->dispatches[e->n_dispatches++] = now;
}

static int opposite(const n_book *b, const perp_leg *one, const perp_leg *other) {
    return one->side != other->side && n_same_book(b, one->instrument, other->instrument);
}

int n_meets_itself(const n_book *b, const perp_job *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (opposite(b, &job->legs[i], &job->legs[k])) {
                return 1;
            }
        }
    }
    return 0;
}

int n_meets_running(const n_book *b, const perp_job *job) {
    for (int i = 0; i < b->n_active; i++) {
        const n_job *other = &b->jobs[b->active[i]];
        for (uint32_t k = 0; n_runs(other) && k < other->job.n_legs; k++) {
            for (uint32_t n = 0; n < job->n_legs; n++) {
                if (n_unseen(other, k) > 0 && opposite(b, &job->legs[n], &other->job.legs[k])) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

/* What no job may pass, a repair and a way out included. */
static const char *hard_for_all(const n_book *b, const n_job *j) {
    if (b->killed && !j->is_flatten) {
        return "killed";
    }
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        const n_instrument *instrument = &b->instruments[j->job.legs[i].instrument];
        if (b->exchanges[instrument->exchange].killed && !j->is_flatten) {
            return "killed exchange";
        }
        if (b->exchanges[instrument->exchange].down) {
            return "exchange down";
        }
        /* A spot sell is of what is there. */
        if (instrument->kind == PERP_KIND_SPOT && j->job.legs[i].side == PERP_SIDE_SELL &&
            !n_at_most(j->job.legs[i].quantity - j->legs[i].filled,
                       n_left_to_reduce(b, j->job.legs[i].instrument, PERP_SIDE_SELL, -1))) {
            return "no inventory";
        }
    }
    return n_meets_running(b, &j->job) ? "self trade" : NULL;
}

int n_is_shut(const n_book *b, uint32_t instrument) {
    const n_instrument *on = &b->instruments[instrument];
    return on->halted || b->blacklisted[on->symbol];
}

uint32_t n_running_there(const n_book *b, uint32_t exchange) {
    uint32_t running = 0;
    for (int i = 0; i < b->n_active; i++) {
        const n_job *j = &b->jobs[b->active[i]];
        int there = 0;
        for (uint32_t k = 0; n_runs(j) && k < j->job.n_legs; k++) {
            there |= b->instruments[j->job.legs[k].instrument].exchange == exchange;
        }
        running += there != 0;
    }
    return running;
}

static const char *limits_of_exchange(const n_book *b, uint32_t exchange, int64_t need) {
    const n_exchange *e = &b->exchanges[exchange];
    uint32_t running = n_running_there(b, exchange), recent = 0;
    int64_t notional = need;
    for (int i = 0; i < b->n_active; i++) {
        uint32_t xs[PERP_MAX_LEGS];
        int64_t needs[PERP_MAX_LEGS];
        if (!n_runs(&b->jobs[b->active[i]])) {
            continue;
        }
        uint32_t n = n_needs(b, &b->jobs[b->active[i]].job, xs, needs);
        for (uint32_t k = 0; k < n; k++) {
            notional += xs[k] == exchange ? needs[k] : 0;
        }
    }
    for (uint32_t i = e->n_dispatches; i > 0; i--) {
        if (b->clock - e->dispatches[i - 1] >= 60 * INT64_C(1000000000)) {
            break;
        }
        recent++;
    }
    uint32_t rate = b->config.scheduler.max_dispatch_per_minute;
    return running >= e->max_concurrent                  ? "exchange concurrency"
           : notional > e->max_notional                  ? "exchange notional"
           : rate > 0 && recent >= rate                  ? "dispatch rate"
           : n_circuit(b, exchange) == PERP_CIRCUIT_OPEN ? "circuit"
           : n_circuit(b, exchange) == PERP_CIRCUIT_HALF_OPEN && running > 0 ? "half-open circuit"
                                                                             : NULL;
}

/* What an ordinary job may not pass. */
static const char *held_to_everything(const n_book *b, int job, uint32_t n,
                                      const uint32_t *exchanges, const int64_t *needs) {
    const perp_job *of = &b->jobs[job].job;
    perp_refusal refusal;
    uint32_t running = 0;
    for (int i = 0; i < b->n_active; i++) {
        running += n_runs(&b->jobs[b->active[i]]) != 0;
    }
    if (running >= b->config.scheduler.max_global_concurrent_jobs) {
        return "global concurrency";
    }
    if (b->paused) {
        return "paused";
    }
    if (b->loss_latched) {
        return "daily loss";
    }
    if (n_stands_naked(b, of, job)) {
        return "unresolved leg";
    }
    if (n_stands_in_drift(b, of)) {
        return "position drift";
    }
    for (uint32_t i = 0; i < of->n_legs; i++) {
        if (n_is_shut(b, of->legs[i].instrument)) {
            return "blacklisted";
        }
        if (!n_known(b, of->legs[i].instrument)) {
            return "no account data";
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        const char *limit = limits_of_exchange(b, exchanges[k], needs[k]);
        if (limit != NULL) {
            return limit;
        }
    }
    uint32_t reason = n_can_reserve_for_job(b, of, &refusal);
    return reason == PERP_REASON_NONE ? NULL : perp_reason_string(reason);
}

const char *n_dispatch(n_book *b, int job, int reduce_only) {
    n_job *j = &b->jobs[job];
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS];
    uint32_t n = n_needs(b, &j->job, exchanges, needs);
    const char *broken = j->state != PERP_JOB_PENDING ? "not pending" : hard_for_all(b, j);
    if (broken == NULL && reduce_only && !n_is_reducing(b, &j->job, job)) {
        broken = "not reducing";
    }
    if (broken == NULL && !reduce_only && !j->is_repair) {
        broken = held_to_everything(b, job, n, exchanges, needs);
    }
    if (broken == NULL && !reduce_only && j->is_repair &&
        needs[0] > n_available(b, exchanges[0], PERP_POOL_RESERVE)) {
        broken = "insufficient reserve";
    }
    if (broken != NULL) {
        return broken;
    }
    uint32_t pool = j->is_repair ? (uint32_t)PERP_POOL_RESERVE : n_pool_of(b, j->job.strategy);
    for (uint32_t k = 0; !reduce_only && k < n; k++) {
        n_add_reservation(b, exchanges[k], pool, needs[k], job);
    }
    for (uint32_t k = 0; k < n; k++) {
        note_dispatch(&b->exchanges[exchanges[k]], b->clock);
    }
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        const perp_leg *leg = &j->job.legs[i];
        const n_instrument *on = &b->instruments[leg->instrument];
        j->legs[i].flying = reduce_only ? 0 : leg->notional > 0 ? leg->notional : j->job.notional;
        j->legs[i].price = (leg->side == PERP_SIDE_BUY) == (leg->maker == 0) ? on->ask : on->bid;
        on->position->traded = 1;
    }
    j->state = PERP_JOB_RUNNING;
    j->started = b->clock;
    j->is_unhedged = 0;
    j->reduce_only = reduce_only;
    j->dispatched = 1;
    j->order_of_dispatch = ++b->n_dispatched;
    return NULL;
}

/* Truncated shares by notional; the rest is the first one's. */
static void share_out(int64_t whole, uint32_t n, const int64_t *needs, int64_t *shares) {
    wide all = 0;
    int64_t given = 0;
    for (uint32_t k = 0; k < n; k++) {
        all += needs[k];
    }
    for (uint32_t k = 0; k < n; k++) {
        shares[k] = (int64_t)((wide)whole * needs[k] / all);
        given += shares[k];
    }
    shares[0] += whole - given;
}

static void book_in_all(n_book *b, n_job *j, int64_t pnl, int64_t volume, int64_t fees) {
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS], parts[3][PERP_MAX_LEGS];
    uint32_t n = n_needs(b, &j->job, exchanges, needs);
    share_out(pnl, n, needs, parts[0]);
    share_out(volume, n, needs, parts[1]);
    share_out(fees, n, needs, parts[2]);
    for (uint32_t k = 0; k < n; k++) {
        n_figures *today = &b->exchanges[exchanges[k]].today;
        today->pnl += parts[0][k];
        today->volume += parts[1][k];
        today->fees += parts[2][k];
    }
    j->booked.pnl += pnl;
    j->booked.volume += volume;
    j->booked.fees += fees;
}

perp_status n_close_job(n_book *b, int64_t now, const perp_uuid *id, int64_t pnl, int64_t volume,
                        int64_t fees) {
    int j = n_find_job(b, id);
    if (j < 0 || n_lots_of(b, j) == 0) {
        return PERP_E_NOT_FOUND;
    }
    if (volume < 0) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    n_close_lots(b, j);
    book_in_all(b, &b->jobs[j], pnl, volume, fees);
    n_look_at_loss(b);
    n_stories(b, -1, -1);
    n_settle(b);
    return PERP_OK;
}

static double tolerance_of(const n_book *b, const n_job *j) {
    double usd = (double)b->config.scheduler.leg_risk_usd / 1e6;
    double share = b->config.scheduler.leg_risk_tolerance * (double)j->job.notional / 1e6;
    return share > usd ? share : usd;
}

/* What its own legs left naked by base, in order of the legs; the sum of its worth in USD. */
static double naked_worth(const n_book *b, const n_job *j, perp_finish_outcome *outcome) {
    double worth = 0;
    int bases[PERP_MAX_LEGS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        int base = b->instruments[j->job.legs[i].instrument].base, seen = 0;
        double naked = 0, filled = 0, paid = 0;
        for (uint32_t k = 0; k < n; k++) {
            seen |= bases[k] == base;
        }
        for (uint32_t k = i; !seen && k < j->job.n_legs; k++) {
            if (b->instruments[j->job.legs[k].instrument].base == base) {
                double q = j->legs[k].filled;
                naked = n_sum(naked, j->job.legs[k].side == PERP_SIDE_BUY ? q : -q);
                filled += q;
                paid += q * j->legs[k].average;
            }
        }
        if (!seen) {
            bases[n] = base;
            outcome->naked[n++].quantity = naked;
            worth += filled > 0 ? (naked < 0 ? -naked : naked) * (paid / filled) : 0;
        }
    }
    outcome->n_naked = n;
    return worth;
}

static int near(double value, double limit) {
    return value > limit * (1 - 1e-9) && value < limit * (1 + 1e-9) && value != limit;
}

static void tell_risk(n_book *b, const n_job *j, int success) {
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS];
    uint32_t n = n_needs(b, &j->job, exchanges, needs);
    if (success) {
        b->failures = 0;
    } else {
        count_failure(b);
    }
    for (uint32_t k = 0; k < n; k++) {
        int blamed = !j->by_legs;
        for (uint32_t i = 0; j->by_legs && i < j->job.n_legs; i++) {
            blamed |= b->instruments[j->job.legs[i].instrument].exchange == exchanges[k] &&
                      j->legs[i].filled <
                          j->job.legs[i].quantity * (1 - b->config.scheduler.leg_risk_tolerance) &&
                      (j->n_orders == 0 || (j->rejected >> i & 1));
        }
        if (success || blamed) {
            circuit_result(b, exchanges[k], success);
        }
    }
}

static perp_status judge_leg(const n_job *j, uint32_t n, const perp_leg_result *leg) {
    if (!leg->known) {
        return PERP_OK;
    }
    if (!isfinite(leg->filled) || leg->filled < 0 || leg->filled > 2 * j->job.legs[n].quantity ||
        !isfinite(leg->price) || (leg->filled > 0 && leg->price <= 0)) {
        return PERP_E_INVALID;
    }
    return n_sum(leg->filled, -j->legs[n].filled) < 0 ? PERP_E_STALE : PERP_OK;
}

/* What is invalid comes before what is stale. */
static perp_status judge_all(const n_job *j, const perp_leg_result *legs, uint32_t n) {
    perp_status worst = n == j->job.n_legs ? PERP_OK : PERP_E_INVALID;
    for (uint32_t i = 0; i < n && worst != PERP_E_INVALID; i++) {
        perp_status status = judge_leg(j, i, &legs[i]);
        worst = status == PERP_OK ? worst : status;
    }
    return worst;
}

perp_status n_judge_legs(const n_book *b, int job, const perp_leg_result *legs, uint32_t n,
                         int late) {
    const n_job *j = &b->jobs[job];
    perp_status status = judge_all(j, legs, n);
    if (!late && !n_runs(j)) {
        return j->state == PERP_JOB_PENDING ? PERP_E_NOT_FOUND : PERP_E_EXISTS;
    }
    if (j->n_orders > 0) {
        return PERP_E_INVALID;
    }
    return status == PERP_E_INVALID                ? status
           : late && (n_runs(j) || !j->dispatched) ? PERP_E_STATE
                                                   : status;
}

perp_status n_judge(const n_book *b, int job, const perp_job_result *result) {
    const n_job *j = &b->jobs[job];
    int completed = result->status == PERP_RESULT_COMPLETED, filled = 0;
    int by_legs = j->by_legs || result->n_legs > 0;
    if (!n_runs(j)) {
        return j->state == PERP_JOB_PENDING ? PERP_E_NOT_FOUND : PERP_E_EXISTS;
    }
    int says = result->n_legs > 0 || result->has_totals || result->flat;
    if (result->from_orders ? j->n_orders == 0 || says || !completed
                            : j->n_orders > 0 && (says || result->status != PERP_RESULT_UNKNOWN)) {
        return PERP_E_INVALID;
    }
    if (result->from_orders) {
        return j->n_standing > 0 ? PERP_E_STATE : PERP_OK;
    }
    perp_status status = result->n_legs > 0 ? judge_all(j, result->legs, result->n_legs) : PERP_OK;
    if (status == PERP_E_INVALID) {
        return status;
    }
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        int known = result->n_legs > 0 && result->legs[i].known;
        filled |= j->legs[i].filled > 0 || (known && result->legs[i].filled > 0);
        if (result->n_legs > 0 && !known && result->status != PERP_RESULT_UNKNOWN) {
            return PERP_E_INVALID;
        }
    }
    if ((result->has_totals && (by_legs || result->status == PERP_RESULT_UNKNOWN ||
                                (!completed && result->volume != 0))) ||
        (result->flat && (by_legs || !completed)) ||
        (result->status == PERP_RESULT_NOTHING && filled) || (completed && by_legs && !filled)) {
        return PERP_E_INVALID;
    }
    return status == PERP_OK && !by_legs && result->volume < 0 ? PERP_E_RANGE : status;
}

/* What cumulative figures add to what was known, as fills. */
static void tell_legs(n_book *b, int job, const perp_leg_result *legs, int late) {
    for (uint32_t i = 0; i < b->jobs[job].job.n_legs; i++) {
        const n_leg *leg = &b->jobs[job].legs[i];
        const perp_leg_result *told = &legs[i];
        double more = n_sum(told->filled, -leg->filled), price = told->price;
        if (!told->known) {
            continue;
        }
        if (more > 0 && leg->filled > 0) {
            price = (told->filled * told->price - leg->filled * leg->average) / more;
            price = price > 0 ? price : told->price;
        }
        n_fill fill = {.leg = i,
                       .quantity = more,
                       .price = more > 0 ? price : 0,
                       .fee = told->fee - leg->fee,
                       .pnl = told->has_pnl ? told->pnl - leg->pnl : 0,
                       .time = told->time_ns,
                       .has_pnl = told->has_pnl != 0,
                       .time_given = told->time_ns != PERP_TIME_NONE};
        if (!fill.time_given || fill.time > b->clock) {
            fill.time = b->clock;
        }
        n_fill_leg(b, job, &fill, late, 1);
    }
}

void n_tell_legs(n_book *b, int job, const perp_leg_result *legs, int late) {
    n_job *j = &b->jobs[job];
    j->by_legs = 1;
    tell_legs(b, job, legs, late);
    if (!late) {
        n_look_unhedged(b, job);
    }
    n_look_at_loss(b);
    n_stories(b, -1, -1);
    if (j->ended > 0 && n_lots_of(b, job) > 0) { /* it is open again */
        j->ended = 0;
        j->state = PERP_JOB_OPEN;
        b->active[b->n_active++] = job;
    }
    n_settle(b);
}

/* In all: a completed job filled each leg where it could when it was dispatched. */
static void tell_totals(n_book *b, int job, const perp_job_result *result) {
    n_job *j = &b->jobs[job];
    int all = result->status == PERP_RESULT_COMPLETED && !result->flat;
    for (uint32_t i = 0; all && i < j->job.n_legs; i++) {
        n_fill fill = {.leg = i,
                       .quantity = j->job.legs[i].quantity,
                       .price = j->legs[i].price,
                       .time = b->clock,
                       .has_pnl = 1};
        n_fill_leg(b, job, &fill, 0, 0);
    }
    book_in_all(b, j, result->pnl, result->volume, result->fees);
}

/* What its orders say, or what is given. */
static perp_job_result said_of(n_job *j, const perp_job_result *given) {
    perp_job_result result;
    double filled = 0;
    if (!given->from_orders) {
        return *given;
    }
    perp_job_result_init(&result);
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        filled += j->legs[i].filled;
    }
    j->by_legs = 1;
    result.status = filled > 0        ? (uint32_t)PERP_RESULT_COMPLETED
                    : j->rejected > 0 ? (uint32_t)PERP_RESULT_FAILED
                                      : (uint32_t)PERP_RESULT_NOTHING;
    return result;
}

void n_finish(n_book *b, int job, const perp_job_result *given, perp_finish_outcome *outcome,
              int *uncertain) {
    n_job *j = &b->jobs[job];
    const perp_job_result said = said_of(j, given), *result = &said;
    int completed = result->status == PERP_RESULT_COMPLETED, partial = 0;
    memset(outcome, 0, sizeof *outcome);
    *uncertain = 0;
    if (result->status == PERP_RESULT_UNKNOWN) {
        if (result->n_legs > 0) {
            n_tell_legs(b, job, result->legs, 0);
        }
        outcome->state = j->state = PERP_JOB_IN_DOUBT;
        return;
    }
    j->by_legs |= result->n_legs > 0;
    if (result->n_legs > 0) {
        tell_legs(b, job, result->legs, 0);
    } else if (!j->by_legs) {
        tell_totals(b, job, result);
    }
    n_look_at_loss(b);
    n_legs_end(b, job);
    if (j->balanced) {
        n_count_naked(b, job);
    }
    if (j->by_legs && j->balanced) {
        double worth = naked_worth(b, j, outcome), tolerance = tolerance_of(b, j);
        partial = worth > tolerance;
        *uncertain = near(worth, tolerance);
    }
    outcome->n_naked = partial ? outcome->n_naked : 0;
    if (completed || partial || result->status == PERP_RESULT_FAILED) {
        tell_risk(b, j, completed && !partial);
    }
    if (partial) {
        j->state = PERP_JOB_PARTIAL;
    } else {
        n_leave(b, job,
                completed                               ? PERP_JOB_COMPLETED
                : result->status == PERP_RESULT_NOTHING ? PERP_JOB_CANCELLED
                                                        : PERP_JOB_FAILED);
    }
    outcome->state = j->state;
    n_stories(b, partial ? job : -1, j->is_repair ? job : -1);
    n_settle(b);
}
