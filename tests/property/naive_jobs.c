#include "naive_ledger.h"

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

static void release_job(n_book *b, int job) {
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        n_reservation *r = &b->reservations[i];
        if (r->job == job && r->in_flight + r->used > 0) {
            n_give_back(r, r->in_flight + r->used);
        }
    }
}

int n_add_job(n_book *b, const perp_job *job, int parent) {
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
    j->parent = parent;
    j->child = -1;
    if (parent >= 0) {
        b->jobs[parent].child = index;
        b->jobs[parent].attempts++;
    }
    return index;
}

/* Active is what has not ended and what is not resolved; all loops go over these. */
static void deactivate(n_book *b, int job) {
    int kept = 0;
    for (int i = 0; i < b->n_active; i++) {
        if (b->active[i] != job) {
            b->active[kept++] = b->active[i];
        }
    }
    b->n_active = kept;
}

void n_end(n_book *b, int job, uint32_t state) {
    if (state != PERP_JOB_PARTIAL) {
        deactivate(b, job);
    }
    b->jobs[job].state = state;
    b->jobs[job].ended = ++b->n_ended;
    if (b->jobs[job].parent >= 0) {
        b->jobs[b->jobs[job].parent].child = -1;
    }
}

perp_status n_cancel(n_book *b, int64_t now, const perp_uuid *id) {
    int j = n_find_job(b, id);
    int runs =
        j >= 0 && (b->jobs[j].state == PERP_JOB_RUNNING || b->jobs[j].state == PERP_JOB_IN_DOUBT);
    if (j < 0 || (!runs && b->jobs[j].state != PERP_JOB_PENDING)) {
        return PERP_E_NOT_FOUND;
    }
    n_advance(b, now);
    if (runs) { /* a request */
        return PERP_OK;
    }
    if (b->jobs[j].parent >= 0) {
        b->jobs[b->jobs[j].parent].left_to_host = 1;
    }
    n_end(b, j, PERP_JOB_CANCELLED);
    return PERP_OK;
}

perp_status n_requeue(n_book *b, int64_t now, const perp_uuid *id) {
    int j = n_find_job(b, id);
    if (j < 0 || b->jobs[j].state != PERP_JOB_IN_DOUBT) {
        return PERP_E_NOT_FOUND;
    }
    n_advance(b, now);
    release_job(b, j);
    b->jobs[j].state = PERP_JOB_PENDING;
    b->jobs[j].ttl_from = b->clock;
    b->jobs[j].overdue = 0;
    return PERP_OK;
}

perp_status n_resolve(n_book *b, int64_t now, const perp_uuid *id) {
    int j = n_find_job(b, id);
    if (j < 0 || !b->jobs[j].unresolved) {
        return PERP_E_NOT_FOUND;
    }
    int child = b->jobs[j].child;
    if (child >= 0 && n_runs(&b->jobs[child])) {
        return PERP_E_STATE;
    }
    n_advance(b, now);
    if (child >= 0) {
        n_end(b, child, PERP_JOB_CANCELLED);
    }
    release_job(b, j);
    b->jobs[j].unresolved = 0;
    deactivate(b, j);
    return PERP_OK;
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

int n_opposite(const n_book *b, const perp_job *one, const perp_job *other) {
    for (uint32_t i = 0; i < one->n_legs; i++) {
        for (uint32_t k = 0; k < other->n_legs; k++) {
            if (one->legs[i].side != other->legs[k].side &&
                n_same_book(b, one->legs[i].instrument, other->legs[k].instrument)) {
                return 1;
            }
        }
    }
    return 0;
}

/* What no job may pass, a repair and a way out included. */
static const char *hard_for_all(const n_book *b, const n_job *j) {
    if (b->killed) {
        return "killed";
    }
    for (uint32_t i = 0; i < j->job.n_legs; i++) {
        const n_instrument *instrument = &b->instruments[j->job.legs[i].instrument];
        if (b->exchanges[instrument->exchange].killed) {
            return "killed exchange";
        }
        if (b->exchanges[instrument->exchange].down) {
            return "exchange down";
        }
        if (b->blacklisted[instrument->symbol]) {
            return "blacklisted";
        }
    }
    for (int i = 0; i < b->n_active; i++) {
        const n_job *other = &b->jobs[b->active[i]];
        if (n_runs(other) && n_opposite(b, &j->job, &other->job)) {
            return "self trade";
        }
    }
    return NULL;
}

static const char *limits_of_exchange(const n_book *b, uint32_t exchange, int64_t need) {
    const n_exchange *e = &b->exchanges[exchange];
    uint32_t running = 0, recent = 0;
    int64_t notional = need;
    for (int i = 0; i < b->n_active; i++) {
        uint32_t xs[PERP_MAX_LEGS];
        int64_t needs[PERP_MAX_LEGS];
        if (!n_runs(&b->jobs[b->active[i]])) {
            continue;
        }
        uint32_t n = n_needs(b, &b->jobs[b->active[i]].job, xs, needs);
        for (uint32_t k = 0; k < n; k++) {
            if (xs[k] == exchange) {
                running++;
                notional += needs[k];
            }
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

int n_unresolved_base(const n_book *b, const perp_job *job) {
    for (int i = 0; i < b->n_active; i++) {
        const n_job *other = &b->jobs[b->active[i]];
        for (uint32_t k = 0; other->unresolved && k < other->job.n_legs; k++) {
            for (uint32_t leg = 0; leg < job->n_legs; leg++) {
                if (b->instruments[job->legs[leg].instrument].base ==
                    b->instruments[other->job.legs[k].instrument].base) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

/* What an ordinary job may not pass. */
static const char *held_to_everything(const n_book *b, const n_job *j, uint32_t n,
                                      const uint32_t *exchanges, const int64_t *needs) {
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
    if (n_unresolved_base(b, &j->job)) {
        return "unresolved leg";
    }
    for (uint32_t k = 0; k < n; k++) {
        const char *limit = limits_of_exchange(b, exchanges[k], needs[k]);
        if (limit != NULL) {
            return limit;
        }
    }
    uint32_t reason = n_can_reserve_for_job(b, &j->job, &refusal);
    return reason == PERP_REASON_NONE ? NULL : perp_reason_string(reason);
}

/* What the repaired job holds on the exchange of its repair. */
static int64_t held_there(const n_book *b, int job, uint32_t exchange) {
    int64_t held = 0;
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        const n_reservation *r = &b->reservations[i];
        held += r->job == job && r->exchange == exchange ? r->in_flight + r->used : 0;
    }
    return held;
}

const char *n_dispatch(n_book *b, int job, int reduce_only) {
    n_job *j = &b->jobs[job];
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS];
    uint32_t n = n_needs(b, &j->job, exchanges, needs);
    const char *broken = j->state != PERP_JOB_PENDING ? "not pending" : hard_for_all(b, j);
    if (broken == NULL && !reduce_only && j->parent < 0) {
        broken = held_to_everything(b, j, n, exchanges, needs);
    }
    if (broken != NULL) {
        return broken;
    }
    if (j->parent >= 0) {
        int64_t lack = needs[0] - held_there(b, j->parent, exchanges[0]);
        if (!reduce_only && lack > 0) {
            if (lack > n_available(b, exchanges[0], PERP_POOL_RESERVE)) {
                return "insufficient reserve";
            }
            n_add_reservation(b, exchanges[0], PERP_POOL_RESERVE, lack, job);
        }
    } else if (!reduce_only) {
        for (uint32_t k = 0; k < n; k++) {
            n_add_reservation(b, exchanges[k], n_pool_of(b, j->job.strategy), needs[k], job);
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        note_dispatch(&b->exchanges[exchanges[k]], b->clock);
    }
    j->state = PERP_JOB_RUNNING;
    j->started = b->clock;
    j->reduce_only = reduce_only;
    j->order_of_dispatch = ++b->n_dispatched;
    return NULL;
}

static void book(n_book *b, n_job *j, uint32_t exchange, int64_t pnl, int64_t volume,
                 int64_t fees) {
    n_figures *today = &b->exchanges[exchange].today;
    today->pnl += pnl;
    today->volume += volume;
    today->fees += fees;
    j->booked.pnl += pnl;
    j->booked.volume += volume;
    j->booked.fees += fees;
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
        book(b, j, exchanges[k], parts[0][k], parts[1][k], parts[2][k]);
    }
    n_look_at_loss(b);
}

/* Fills are whole 1/1024 at prices of whole 1/64 (the test sees to it), so this is exact. */
static int64_t volume_of(double filled, double price) {
    wide product = (wide)(int64_t)(filled * 1024) * (int64_t)(price * 64) * 1000000;
    return (int64_t)((product + 32768) / 65536);
}

perp_status n_close_job(n_book *b, int64_t now, const perp_uuid *id, int64_t pnl, int64_t volume,
                        int64_t fees) {
    int j = n_find_job(b, id);
    if (j < 0 || b->jobs[j].state != PERP_JOB_OPEN) {
        return PERP_E_NOT_FOUND;
    }
    if (volume < 0) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    book_in_all(b, &b->jobs[j], pnl, volume, fees);
    release_job(b, j);
    n_end(b, j, PERP_JOB_CLOSED);
    return PERP_OK;
}

static double tolerance_of(const n_book *b, const n_job *j) {
    double usd = (double)b->config.scheduler.leg_risk_usd / 1e6;
    double share = b->config.scheduler.leg_risk_tolerance * (double)j->job.notional / 1e6;
    return share > usd ? share : usd;
}

/* The naked quantity by base in order of the legs; the sum of its worth in USD. */
static double naked_worth(const n_book *b, const perp_job *job, const perp_job_result *result,
                          perp_finish_outcome *outcome, int *bases) {
    double worth = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        int base = b->instruments[job->legs[i].instrument].base, seen = 0;
        for (uint32_t k = 0; k < n; k++) {
            seen |= bases[k] == base;
        }
        if (seen) {
            continue;
        }
        double naked = 0, filled = 0, paid = 0;
        for (uint32_t k = i; k < job->n_legs; k++) {
            if (b->instruments[job->legs[k].instrument].base == base) {
                double q = result->legs[k].filled;
                naked += job->legs[k].side == PERP_SIDE_BUY ? q : -q;
                filled += q;
                paid += q * (q > 0 ? result->legs[k].price : 0);
            }
        }
        bases[n] = base;
        outcome->naked[n++].quantity = naked;
        worth += filled > 0 ? (naked < 0 ? -naked : naked) * (paid / filled) : 0;
    }
    outcome->n_naked = n;
    return worth;
}

static int near(double value, double limit) {
    return value > limit * (1 - 1e-6) && value < limit * (1 + 1e-6) && value != limit;
}

static void tell_risk(n_book *b, const n_job *j, const perp_job_result *result, int success) {
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS];
    uint32_t n = n_needs(b, &j->job, exchanges, needs);
    if (success) {
        b->failures = 0;
    } else {
        count_failure(b);
    }
    for (uint32_t k = 0; k < n; k++) {
        int blamed = result->n_legs == 0;
        for (uint32_t i = 0; i < result->n_legs; i++) {
            blamed |= b->instruments[j->job.legs[i].instrument].exchange == exchanges[k] &&
                      result->legs[i].filled <
                          j->job.legs[i].quantity * (1 - b->config.scheduler.leg_risk_tolerance);
        }
        if (success || blamed) {
            circuit_result(b, exchanges[k], success);
        }
    }
}

/* What a repair's end does to the job that it squares. */
static void after_repair(n_book *b, n_job *repair, const perp_job_result *result, int *uncertain) {
    n_job *first = &b->jobs[repair->parent];
    const perp_leg *leg = &repair->job.legs[0];
    double filled = result->n_legs > 0                        ? result->legs[0].filled
                    : result->status == PERP_RESULT_COMPLETED ? leg->quantity
                                                              : 0;
    first->naked += leg->side == PERP_SIDE_BUY ? filled : -filled;
    double worth =
        (first->naked < 0 ? -first->naked : first->naked) * b->instruments[leg->instrument].mid;
    double tolerance = tolerance_of(b, first);
    *uncertain |= near(worth, tolerance);
    if (worth <= tolerance) {
        first->unresolved = 0;
        release_job(b, repair->parent);
        deactivate(b, repair->parent);
    }
}

void n_finish(n_book *b, int job, const perp_job_result *result, perp_finish_outcome *outcome,
              int *uncertain) {
    n_job *j = &b->jobs[job];
    int completed = result->status == PERP_RESULT_COMPLETED, bases[PERP_MAX_LEGS];
    memset(outcome, 0, sizeof *outcome);
    *uncertain = 0;
    if (result->status == PERP_RESULT_UNKNOWN) {
        outcome->state = j->state = PERP_JOB_IN_DOUBT;
        return;
    }
    if (result->n_legs > 0) {
        for (uint32_t i = 0; i < result->n_legs; i++) {
            const perp_leg_result *l = &result->legs[i];
            book(b, j, b->instruments[j->job.legs[i].instrument].exchange, l->pnl,
                 l->filled > 0 ? volume_of(l->filled, l->price) : 0, l->fee);
        }
        n_look_at_loss(b);
    } else {
        book_in_all(b, j, result->pnl, result->volume, result->fees);
    }
    int partial = 0;
    if (result->n_legs > 0 && j->parent < 0 && j->job.strategy != PERP_STRATEGY_HEDGE_REBALANCE) {
        double worth = naked_worth(b, &j->job, result, outcome, bases);
        partial = worth > tolerance_of(b, j);
        *uncertain |= near(worth, tolerance_of(b, j));
        j->naked = outcome->naked[0].quantity;
    }
    tell_risk(b, j, result, completed && !partial);
    if (partial) {
        n_end(b, job, PERP_JOB_PARTIAL);
        j->unresolved = 1;
        j->left_to_host = outcome->n_naked > 1 || !b->config.scheduler.auto_repair;
    } else if (result->hold && j->parent < 0) {
        outcome->n_naked = 0;
        j->state = PERP_JOB_OPEN;
        for (uint32_t i = 0; i < b->n_reservations; i++) {
            n_reservation *r = &b->reservations[i];
            if (r->job == job) {
                r->used += r->in_flight;
                r->in_flight = 0;
            }
        }
    } else {
        outcome->n_naked = 0;
        release_job(b, job);
        n_end(b, job, completed ? PERP_JOB_COMPLETED : PERP_JOB_FAILED);
        if (j->parent >= 0) {
            after_repair(b, j, result, uncertain);
        }
    }
    outcome->state = j->state;
}
