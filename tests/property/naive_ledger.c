#include "naive_ledger.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

#define DAY_NS (INT64_C(86400) * 1000000000)
#define MINUTE_NS (INT64_C(60) * 1000000000)

void n_open(n_book *b, const perp_config *config) {
    memset(b, 0, sizeof *b);
    b->config = *config;
    b->mode = config->risk.mode;
    b->reservations = calloc(N_MAX_RESERVATIONS, sizeof *b->reservations);
    b->jobs = calloc(N_MAX_JOBS, sizeof *b->jobs);
    b->keys = calloc(N_MAX_KEYS, sizeof *b->keys);
    b->active = calloc(N_MAX_JOBS, sizeof *b->active);
    if (b->reservations == NULL || b->jobs == NULL || b->keys == NULL || b->active == NULL) {
        abort();
    }
    b->next_id = 1;
    for (int i = 0; i < N_MAX_BASES; i++) {
        b->bases[i].repair = -1;
    }
}

void n_close(n_book *b) {
    for (uint32_t x = 0; x < b->n_exchanges; x++) {
        free(b->exchanges[x].dispatches);
    }
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        free(b->instruments[i].position);
    }
    free(b->reservations);
    free(b->jobs);
    free(b->keys);
    free(b->active);
}

static int64_t floor_div(int64_t a, int64_t divisor) {
    int64_t q = a / divisor;
    return a % divisor < 0 ? q - 1 : q;
}

int n_too_far(const n_book *b, int64_t now) {
    return b->has_clock && now - b->clock > 60 * MINUTE_NS;
}

int64_t n_total_equity(const n_book *b) {
    int64_t sum = 0;
    for (uint32_t x = 0; x < b->n_exchanges; x++) {
        sum += b->exchanges[x].equity;
    }
    return sum;
}

void n_advance(n_book *b, int64_t now) {
    if (!b->has_clock || now > b->clock) {
        b->clock = now;
    }
    int64_t day = floor_div(b->clock - b->config.capital.day_offset_minutes * MINUTE_NS, DAY_NS);
    if (!b->has_clock) {
        b->has_clock = 1;
        b->day = day;
    }
    if (day <= b->day) { /* also where the clock was set back */
        return;
    }
    for (uint32_t x = 0; x < b->n_exchanges; x++) {
        n_exchange *e = &b->exchanges[x];
        memset(&e->yesterday, 0, sizeof e->yesterday);
        if (day == b->day + 1) {
            e->yesterday = e->today;
        }
        memset(&e->today, 0, sizeof e->today);
        e->day_start = e->equity;
        e->can_undo = 0;
    }
    for (int i = 0; i < N_MAX_BASES; i++) {
        b->bases[i].expected = 0;
    }
    b->day = day;
    b->peak = b->scaled_start = n_total_equity(b);
    b->moved_booked = 0;
    b->loss_latched = 0;
}

static int64_t booked_loss(const n_book *b) {
    int64_t booked = 0;
    for (uint32_t x = 0; x < b->n_exchanges; x++) {
        booked += b->exchanges[x].today.fees - b->exchanges[x].today.pnl;
    }
    return booked;
}

static int64_t sum_of_starts(const n_book *b) {
    int64_t sum = 0;
    for (uint32_t x = 0; x < b->n_exchanges; x++) {
        sum += b->exchanges[x].day_start;
    }
    return sum;
}

int64_t n_loss(const n_book *b, int scaled) {
    int64_t booked = booked_loss(b) + (scaled ? b->moved_booked : 0);
    int64_t shown = (scaled ? b->scaled_start : sum_of_starts(b)) - n_total_equity(b);
    return booked > shown ? booked : shown;
}

int64_t n_scaled_limit(const n_book *b) {
    double pct = b->config.risk.daily_loss_limit_pct;
    return pct > 0 && b->scaled_start > 0 ? (int64_t)(pct * (double)b->scaled_start) : -1;
}

void n_look_at_loss(n_book *b) {
    int64_t usd = n_loss(b, 0), scaled = n_loss(b, 1), share = n_scaled_limit(b);
    int64_t limit = b->config.risk.daily_loss_limit_usd;
    if ((limit > 0 && usd > 0 && usd >= limit) || (share >= 0 && scaled > 0 && scaled >= share)) {
        b->loss_latched = 1;
    }
}

static int64_t part(int64_t amount, uint32_t ppm) {
    return (int64_t)((wide)amount * ppm / 1000000);
}

int64_t n_budget(const n_book *b, uint32_t exchange, uint32_t pool) {
    int64_t equity = b->exchanges[exchange].equity > 0 ? b->exchanges[exchange].equity : 0;
    int64_t wash = part(equity, b->config.capital.wash_ppm);
    int64_t arb = part(equity, b->config.capital.arb_ppm);
    return pool == PERP_POOL_WASH ? wash : pool == PERP_POOL_ARB ? arb : equity - wash - arb;
}

static int64_t sum_of(const n_book *b, uint32_t exchange, uint32_t pool, int used) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        const n_reservation *r = &b->reservations[i];
        if (r->exchange == exchange && r->pool == pool) {
            sum += used ? r->used : r->in_flight;
        }
    }
    return sum;
}

int64_t n_in_flight(const n_book *b, uint32_t exchange, uint32_t pool) {
    return sum_of(b, exchange, pool, 0);
}

int64_t n_used(const n_book *b, uint32_t exchange, uint32_t pool) {
    return sum_of(b, exchange, pool, 1);
}

int64_t n_available(const n_book *b, uint32_t exchange, uint32_t pool) {
    int64_t left =
        n_budget(b, exchange, pool) - n_in_flight(b, exchange, pool) - n_used(b, exchange, pool);
    return left > 0 ? left : 0;
}

static int64_t left_of_total(const n_book *b, uint32_t exchange) {
    int64_t equity = b->exchanges[exchange].equity;
    int64_t left = part(equity > 0 ? equity : 0, b->config.capital.max_total_notional_ppm);
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        left -= n_in_flight(b, exchange, pool) + n_used(b, exchange, pool);
    }
    return left > 0 ? left : 0;
}

static int safe_mode_stops(const n_book *b, uint32_t exchange, uint32_t pool) {
    return b->exchanges[exchange].safe &&
           (b->config.capital.safe_mode_pools & (UINT32_C(1) << pool)) == 0;
}

uint32_t n_refusal(const n_book *b, uint32_t exchange, uint32_t pool, int64_t amount,
                   int64_t *limit) {
    *limit = 0;
    if (safe_mode_stops(b, exchange, pool)) {
        return PERP_REASON_SAFE_MODE;
    }
    *limit = part(n_budget(b, exchange, pool), b->config.capital.max_single_reserve_ppm);
    if (amount > *limit) {
        return PERP_REASON_SINGLE_LIMIT;
    }
    *limit = left_of_total(b, exchange);
    if (amount > *limit) {
        return PERP_REASON_TOTAL_LIMIT;
    }
    *limit = n_available(b, exchange, pool);
    if (amount > *limit) {
        return PERP_REASON_INSUFFICIENT;
    }
    *limit = 0;
    return PERP_REASON_NONE;
}

int64_t n_headroom(const n_book *b, uint32_t exchange, uint32_t pool, uint32_t *bound_by) {
    if (safe_mode_stops(b, exchange, pool)) {
        *bound_by = PERP_REASON_SAFE_MODE;
        return 0;
    }
    int64_t least = part(n_budget(b, exchange, pool), b->config.capital.max_single_reserve_ppm);
    *bound_by = PERP_REASON_SINGLE_LIMIT;
    if (left_of_total(b, exchange) < least) {
        least = left_of_total(b, exchange);
        *bound_by = PERP_REASON_TOTAL_LIMIT;
    }
    if (n_available(b, exchange, pool) < least) {
        least = n_available(b, exchange, pool);
        *bound_by = PERP_REASON_INSUFFICIENT;
    }
    return least;
}

static int64_t size_of(int64_t amount) {
    return amount < 0 ? -amount : amount;
}

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Whether the two differ by more than a share of the larger. */
static int apart(int64_t a, int64_t b, uint32_t ppm) {
    return (wide)size_of(a - b) * 1000000 > (wide)max_of(size_of(a), size_of(b)) * ppm;
}

/* amount x after / before, half away from zero. */
static int64_t scaled(int64_t amount, int64_t after, int64_t before) {
    wide product = (wide)amount * after * 2;
    wide half = amount < 0 ? -before : before;
    return (int64_t)((product + half) / ((wide)before * 2));
}

static int64_t moved(int64_t mark, int64_t before, int64_t after) {
    return before > 0 && after > 0 ? scaled(mark, after, before) : mark + after - before;
}

static void move_totals(n_book *b, int64_t before, int64_t after) {
    int64_t booked = booked_loss(b) + b->moved_booked;
    if (before > 0 && after > 0) {
        b->moved_booked += scaled(booked, after, before) - booked;
    }
    b->scaled_start = moved(b->scaled_start, before, after);
    b->peak = max_of(moved(b->peak, before, after), after);
}

static void look_at_drawdown(n_book *b, n_exchange *e) {
    if (e->high_water > 0 && (wide)(e->high_water - e->equity) * 1000000 >=
                                 (wide)e->high_water * b->config.capital.drawdown_limit_ppm) {
        e->safe = 1;
    }
}

perp_status n_update_equity(n_book *b, int64_t now, uint32_t exchange, int64_t equity) {
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    n_advance(b, now);
    n_exchange *e = &b->exchanges[exchange];
    uint32_t jump = b->config.capital.max_equity_jump_ppm;
    int confirms = e->has_aside && !apart(equity, e->aside, 100000);
    if (e->had_equity && jump > 0 && !confirms && apart(equity, e->equity, jump)) {
        e->has_aside = 1;
        e->aside = equity;
        return PERP_OK;
    }
    e->has_aside = 0;
    e->heard = b->clock;
    e->can_undo = 1;
    e->high_before = e->high_water;
    e->peak_before = b->peak;
    int64_t before = n_total_equity(b);
    e->equity = equity;
    if (!e->had_equity) {
        e->had_equity = 1;
        e->day_start = equity;
        move_totals(b, before, n_total_equity(b));
    }
    e->high_water = max_of(e->high_water, equity);
    b->peak = max_of(b->peak, n_total_equity(b));
    look_at_drawdown(b, e);
    n_look_at_loss(b);
    return PERP_OK;
}

perp_status n_transfer(n_book *b, int64_t now, uint32_t exchange, int64_t amount, int in_equity) {
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    n_exchange *e = &b->exchanges[exchange];
    int explains = e->has_aside && !apart(e->equity + amount, e->aside, 100000);
    int64_t after = explains ? e->aside : in_equity ? e->equity : e->equity + amount;
    int64_t before = after - amount;
    int undo = in_equity && !explains && e->can_undo;
    int64_t high = undo ? e->high_before : e->high_water;
    /* A deposit to next to nothing would make the marks larger than they may be. */
    if ((before >= 0 && after < 0) ||
        (before > 0 && (wide)high * after / before > INT64_MAX / 4 / PERP_MAX_EXCHANGES)) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    if (in_equity && !explains && e->can_undo) {
        e->high_water = e->high_before;
        b->peak = e->peak_before;
    }
    e->can_undo = 0;
    e->high_water = max_of(moved(e->high_water, before, after), after);
    e->day_start += amount;
    e->equity = before;
    int64_t total = n_total_equity(b);
    e->equity = after;
    move_totals(b, total, total + amount);
    if (explains) {
        e->has_aside = 0;
        look_at_drawdown(b, e);
    }
    n_look_at_loss(b);
    return PERP_OK;
}

perp_status n_correct(n_book *b, int64_t now, int signed_call, uint32_t exchange, int64_t start,
                      const int64_t *high_water) {
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    if (!signed_call) {
        return PERP_E_INVALID;
    }
    n_advance(b, now);
    n_exchange *e = &b->exchanges[exchange];
    e->day_start = start;
    e->high_water = high_water ? *high_water : max_of(e->equity, start);
    e->can_undo = 0;
    b->scaled_start = sum_of_starts(b);
    b->moved_booked = 0;
    b->peak = max_of(n_total_equity(b), b->scaled_start);
    b->loss_latched = 0;
    n_look_at_loss(b);
    return PERP_OK;
}

int64_t n_time_of(const n_book *b, int64_t now, int raises) {
    return raises && n_too_far(b, now) ? b->clock : now;
}

perp_status n_safe_mode(n_book *b, int64_t now, int signed_call, uint32_t exchange, uint32_t on) {
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    if (!on && !signed_call) {
        return PERP_E_INVALID;
    }
    now = n_time_of(b, now, on != 0);
    if (n_too_far(b, now)) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    n_exchange *e = &b->exchanges[exchange];
    if (e->safe && !on) {
        e->high_water = e->equity;
        e->can_undo = 0;
    }
    e->safe = on != 0;
    return PERP_OK;
}

perp_status n_record_pnl(n_book *b, int64_t now, uint32_t exchange, int64_t pnl, int64_t volume,
                         int64_t fees) {
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    if (volume < 0) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    n_exchange *e = &b->exchanges[exchange];
    e->today.pnl += pnl;
    e->today.volume += volume;
    e->today.fees += fees;
    n_look_at_loss(b);
    return PERP_OK;
}

n_reservation *n_add_reservation(n_book *b, uint32_t exchange, uint32_t pool, int64_t amount,
                                 int job) {
    if (b->n_reservations == N_MAX_RESERVATIONS) {
        abort();
    }
    n_reservation *r = &b->reservations[b->n_reservations++];
    memset(r, 0, sizeof *r);
    r->id = b->next_id++;
    r->exchange = exchange;
    r->pool = pool;
    r->reserved = r->in_flight = amount;
    r->job = job;
    return r;
}

perp_status n_reserve(n_book *b, int64_t now, uint32_t exchange, uint32_t pool, int64_t amount,
                      const perp_uuid *key, uint64_t *id, perp_refusal *refusal) {
    *id = 0;
    memset(refusal, 0, sizeof *refusal);
    if (exchange >= b->n_exchanges) {
        return PERP_E_NOT_FOUND;
    }
    if (pool >= PERP_POOL_COUNT) {
        return PERP_E_INVALID;
    }
    for (uint32_t i = 0; key != NULL && i < b->n_keys; i++) {
        const n_key *r = &b->keys[i];
        if (memcmp(&r->key, key, sizeof *key) == 0) {
            if (r->exchange != exchange || r->pool != pool || r->reserved != amount) {
                return PERP_E_CONFLICT;
            }
            *id = r->id;
            return PERP_E_EXISTS;
        }
    }
    if (amount <= 0) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    refusal->reason = n_refusal(b, exchange, pool, amount, &refusal->limit);
    if (refusal->reason != PERP_REASON_NONE) {
        refusal->exchange = exchange;
        refusal->pool = pool;
        refusal->asked = amount;
        return PERP_OK;
    }
    n_reservation *r = n_add_reservation(b, exchange, pool, amount, -1);
    *id = r->id;
    if (key != NULL) {
        if (b->n_keys == N_MAX_KEYS) {
            abort();
        }
        n_key *known = &b->keys[b->n_keys++];
        known->key = *key;
        known->id = *id;
        known->exchange = exchange;
        known->pool = pool;
        known->reserved = amount;
    }
    return PERP_OK;
}

static n_reservation *live(n_book *b, uint64_t id) {
    for (uint32_t i = 0; i < b->n_reservations; i++) {
        n_reservation *r = &b->reservations[i];
        /* One of a job that runs has not ended, though nothing may be left of it. */
        if (r->id == id && (r->in_flight + r->used > 0 || r->job >= 0)) {
            return r;
        }
    }
    return NULL;
}

perp_status n_confirm(n_book *b, int64_t now, uint64_t id, int64_t amount) {
    n_reservation *r = live(b, id);
    if (r == NULL) {
        return PERP_E_NOT_FOUND;
    }
    if (r->job >= 0) {
        return PERP_E_STATE;
    }
    if (amount < 0 || amount > r->in_flight) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    int64_t moved = amount == 0 ? r->in_flight : amount;
    r->in_flight -= moved;
    r->used += moved;
    return PERP_OK;
}

void n_give_back(n_reservation *r, int64_t amount) {
    int64_t first = amount < r->in_flight ? amount : r->in_flight;
    r->in_flight -= first;
    r->used -= amount - first;
    r->released += amount;
}

perp_status n_release(n_book *b, int64_t now, uint64_t id, int64_t amount) {
    n_reservation *r = live(b, id);
    if (r == NULL) {
        return PERP_E_NOT_FOUND;
    }
    if (r->job >= 0) {
        return PERP_E_STATE;
    }
    if (amount < 0 || amount > r->in_flight + r->used) {
        return PERP_E_RANGE;
    }
    n_advance(b, now);
    n_give_back(r, amount == 0 ? r->in_flight + r->used : amount);
    return PERP_OK;
}

uint32_t n_pool_of(const n_book *b, uint32_t strategy) {
    return strategy == PERP_STRATEGY_ARB    ? (uint32_t)PERP_POOL_ARB
           : strategy == PERP_STRATEGY_WASH ? (uint32_t)PERP_POOL_WASH
                                            : b->config.scheduler.rebalance_pool;
}

uint32_t n_needs(const n_book *b, const perp_job *job, uint32_t *exchanges, int64_t *needs) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        uint32_t x = b->instruments[job->legs[i].instrument].exchange, k = 0;
        while (k < n && exchanges[k] != x) {
            k++;
        }
        if (k == n) {
            exchanges[n] = x;
            needs[n++] = 0;
        }
        needs[k] += job->legs[i].notional > 0 ? job->legs[i].notional : job->notional;
    }
    return n;
}

uint32_t n_can_reserve_for_job(const n_book *b, const perp_job *job, perp_refusal *refusal) {
    uint32_t exchanges[PERP_MAX_LEGS], pool = n_pool_of(b, job->strategy);
    int64_t needs[PERP_MAX_LEGS];
    uint32_t n = n_needs(b, job, exchanges, needs);
    memset(refusal, 0, sizeof *refusal);
    for (uint32_t k = 0; k < n; k++) {
        refusal->reason = n_refusal(b, exchanges[k], pool, needs[k], &refusal->limit);
        if (refusal->reason != PERP_REASON_NONE) {
            refusal->exchange = exchanges[k];
            refusal->pool = pool;
            refusal->asked = needs[k];
            break;
        }
    }
    return refusal->reason;
}

perp_status n_reserve_for_job(n_book *b, int64_t now, const perp_job *job, uint64_t *ids,
                              uint32_t *n_ids, perp_refusal *refusal) {
    uint32_t exchanges[PERP_MAX_LEGS];
    int64_t needs[PERP_MAX_LEGS];
    *n_ids = 0;
    n_advance(b, now);
    if (n_can_reserve_for_job(b, job, refusal) == PERP_REASON_NONE) {
        *n_ids = n_needs(b, job, exchanges, needs);
        for (uint32_t k = 0; k < *n_ids; k++) {
            ids[k] =
                n_add_reservation(b, exchanges[k], n_pool_of(b, job->strategy), needs[k], -1)->id;
        }
    }
    return PERP_OK;
}
