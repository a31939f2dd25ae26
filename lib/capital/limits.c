/* What the ledger lets pass, and what it shows. Nothing here changes it. */
#include "capital/capital.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

uint32_t perp_pool_of(const perp_core *core, uint32_t strategy) {
    if (strategy == PERP_STRATEGY_ARB)
        return PERP_POOL_ARB;
    return strategy == PERP_STRATEGY_WASH ? PERP_POOL_WASH : core->config.scheduler.rebalance_pool;
}

/* The needs of legs given one by one; false on overflow. */
bool perp_need_add(struct perp_need *needs, uint32_t *n, perp_exchange_id exchange, uint32_t pool,
                   perp_usd amount) {
    for (uint32_t i = 0; i < *n; i++)
        if (needs[i].exchange == exchange)
            return perp_usd_add(needs[i].amount, amount, &needs[i].amount);
    needs[(*n)++] = (struct perp_need){exchange, pool, amount};
    return true;
}

perp_status perp_needs_of_spec(const perp_core *core, const perp_job *given,
                               struct perp_need *needs, uint32_t *n) {
    perp_job room;
    const perp_job *job = perp_job_given(given, &room);
    if (!job)
        return perp_fail(core, PERP_E_INVALID, "job: struct_size %u is not known",
                         given->struct_size);
    if (job->n_legs < 1 || job->n_legs > PERP_MAX_LEGS)
        return perp_fail(core, PERP_E_INVALID, "job.legs: %u, must be 1 to %d", job->n_legs,
                         PERP_MAX_LEGS);
    if (job->strategy >= PERP_STRATEGY_COUNT)
        return perp_fail(core, PERP_E_INVALID, "job.strategy: %u is not known", job->strategy);
    *n = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const perp_leg *leg = &job->legs[i];
        perp_usd notional = leg->notional ? leg->notional : job->notional;
        if (leg->instrument >= perp_n_instruments(core))
            return perp_fail(core, PERP_E_INVALID, "job.legs[%u].instrument: no instrument %u", i,
                             leg->instrument);
        if (notional <= 0)
            return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: %s is not above 0", i,
                             PERP_SHOW_USD(notional));
        if (!perp_need_add(needs, n, perp_instrument_at(core, leg->instrument)->spec.exchange,
                           perp_pool_of(core, job->strategy), notional))
            return perp_fail(core, PERP_E_RANGE, "job: the notionals overflow");
    }
    return PERP_OK;
}

static perp_usd committed(const struct perp_account *account,
                          const struct perp_plan_exchange *chosen) {
    perp_usd sum = chosen ? chosen->taken_total : 0;
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
        sum += account->pools[pool].in_flight + account->pools[pool].used;
    return sum;
}

static perp_usd at_least_0(perp_usd amount) {
    return amount < 0 ? 0 : amount;
}

static perp_usd single_limit(const perp_capital *capital, perp_exchange_id exchange,
                             uint32_t pool) {
    return capital->accounts[exchange].pools[pool].most_single;
}

static perp_usd total_left(const perp_capital *capital, const struct perp_plan *plan,
                           perp_exchange_id exchange) {
    const struct perp_account *account = &capital->accounts[exchange];
    return at_least_0(account->most_total - committed(account, perp_plan_at(plan, exchange)));
}

perp_usd perp_capital_available(const perp_capital *capital, const struct perp_plan *plan,
                                perp_exchange_id exchange, uint32_t pool) {
    const struct perp_plan_exchange *chosen = perp_plan_at(plan, exchange);
    const struct perp_pool_book *book = &capital->accounts[exchange].pools[pool];
    return at_least_0(book->budget - book->in_flight - book->used -
                      (chosen ? chosen->taken[pool] : 0));
}

static bool held_back(const perp_capital *capital, perp_exchange_id exchange, uint32_t pool) {
    return capital->accounts[exchange].safe_mode &&
           !(capital->core->config.capital.safe_mode_pools & (1u << pool));
}

static bool refuse(const struct perp_need *need, uint32_t reason, perp_usd limit,
                   perp_refusal *refusal) {
    refusal->reason = reason;
    refusal->exchange = need->exchange;
    refusal->pool = need->pool;
    refusal->asked = need->amount;
    refusal->limit = limit;
    return false;
}

const uint32_t perp_capital_limits[PERP_CAPITAL_LIMITS] = {
    PERP_REASON_SAFE_MODE, PERP_REASON_SINGLE_LIMIT, PERP_REASON_TOTAL_LIMIT,
    PERP_REASON_INSUFFICIENT};

perp_usd perp_capital_room(const perp_capital *capital, const struct perp_plan *plan,
                           perp_exchange_id exchange, uint32_t pool, uint32_t reason) {
    switch (reason) {
    case PERP_REASON_SAFE_MODE:
        return held_back(capital, exchange, pool) ? 0 : INT64_MAX;
    case PERP_REASON_SINGLE_LIMIT:
        return single_limit(capital, exchange, pool);
    case PERP_REASON_TOTAL_LIMIT:
        return total_left(capital, plan, exchange);
    default:
        return perp_capital_available(capital, plan, exchange, pool);
    }
}

bool perp_capital_passes(const perp_capital *capital, const struct perp_plan *plan,
                         const struct perp_need *need, perp_refusal *refusal) {
    for (uint32_t i = 0; i < PERP_CAPITAL_LIMITS; i++) {
        uint32_t reason = perp_capital_limits[i];
        perp_usd limit = perp_capital_room(capital, plan, need->exchange, need->pool, reason);
        if (need->amount > limit)
            return refuse(need, reason, limit, refusal);
    }
    return true;
}

bool perp_capital_has(const perp_capital *capital, const struct perp_plan *plan,
                      const struct perp_need *need, perp_refusal *refusal) {
    perp_usd available = perp_capital_available(capital, plan, need->exchange, need->pool);
    return need->amount <= available || refuse(need, PERP_REASON_INSUFFICIENT, available, refusal);
}

bool perp_capital_passes_all(const perp_capital *capital, const struct perp_need *needs, uint32_t n,
                             perp_refusal *refusal) {
    bool passes = true;
    for (uint32_t i = 0; i < n && passes; i++)
        passes = perp_capital_passes(capital, NULL, &needs[i], refusal);
    return passes;
}

perp_status perp_refusal_check(const perp_core *core, const perp_refusal *refusal) {
    if (!refusal)
        return perp_fail(core, PERP_E_INVALID, "refusal: NULL");
    if (!perp_struct_fits(refusal, sizeof *refusal))
        return perp_fail(core, PERP_E_INVALID, "refusal: struct_size %u is not known",
                         refusal->struct_size);
    return PERP_OK;
}

perp_status perp_capital_can_reserve_for_job(const perp_capital *capital, const perp_job *job,
                                             perp_refusal *refusal) {
    if (!capital || !job)
        return perp_fail(capital ? capital->core : NULL, PERP_E_INVALID, "job: NULL");
    perp_core *core = capital->core;
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n = 0;
    perp_refusal found = {.struct_size = sizeof found};
    perp_read_begin(core);
    perp_status status = perp_refusal_check(core, refusal);
    if (status == PERP_OK)
        status = perp_needs_of_spec(core, job, needs, &n);
    if (status == PERP_OK)
        (void)perp_capital_passes_all(capital, needs, n, &found);
    perp_read_end(core);
    if (status == PERP_OK)
        perp_struct_out(refusal, &found, sizeof found);
    return status;
}

static perp_usd headroom(const perp_capital *capital, perp_exchange_id exchange, uint32_t pool,
                         uint32_t *bound_by) {
    *bound_by = PERP_REASON_SAFE_MODE;
    if (held_back(capital, exchange, pool))
        return 0;
    perp_usd most = single_limit(capital, exchange, pool);
    *bound_by = PERP_REASON_SINGLE_LIMIT;
    perp_usd total = total_left(capital, NULL, exchange);
    if (total < most) {
        most = total;
        *bound_by = PERP_REASON_TOTAL_LIMIT;
    }
    perp_usd available = perp_capital_available(capital, NULL, exchange, pool);
    if (available < most) {
        most = available;
        *bound_by = PERP_REASON_INSUFFICIENT;
    }
    return most;
}

perp_status perp_capital_headroom(const perp_capital *capital, perp_exchange_id exchange,
                                  uint32_t pool, perp_usd *amount, uint32_t *bound_by) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_core *core = capital->core;
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (!amount || !bound_by)
        return perp_fail(core, PERP_E_INVALID, "headroom: NULL");
    if (pool >= PERP_POOL_COUNT)
        return perp_fail(core, PERP_E_INVALID, "pool: %u is not known", pool);
    perp_read_begin(core);
    *amount = headroom(capital, exchange, pool, bound_by);
    perp_read_end(core);
    return PERP_OK;
}

static perp_pool_state pool_state(const perp_capital *capital, perp_exchange_id exchange,
                                  uint32_t pool) {
    const struct perp_pool_book *book = &capital->accounts[exchange].pools[pool];
    perp_usd taken = book->in_flight + book->used;
    return (perp_pool_state){
        .budget = book->budget,
        .in_flight = book->in_flight,
        .used = book->used,
        .available = at_least_0(book->budget - taken),
        .utilisation = book->budget > 0 ? (double)taken / (double)book->budget : 0,
    };
}

void perp_capital_state_of(const perp_capital *capital, perp_exchange_id exchange,
                           perp_capital_state *state) {
    const struct perp_account *account = &capital->accounts[exchange];
    memset(state, 0, sizeof *state);
    state->struct_size = sizeof *state;
    state->safe_mode = account->safe_mode;
    state->equity = account->equity;
    state->high_water = account->high_water;
    state->drawdown =
        account->high_water > 0 ? 1 - (double)account->equity / (double)account->high_water : 0;
    state->day_start_equity = account->day_start;
    state->today = account->today;
    state->yesterday = account->yesterday;
    state->has_aside = account->has_aside;
    state->aside = account->aside;
    state->last_update_ns = account->last_update;
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
        const struct perp_pool_book *book = &account->pools[pool];
        state->pools[pool] = pool_state(capital, exchange, pool);
        state->total_in_flight += book->in_flight;
        state->total_used += book->used;
        state->overcommitted += at_least_0(book->in_flight + book->used - book->budget);
    }
}

perp_status perp_capital_snapshot(const perp_capital *capital, perp_exchange_id exchange,
                                  perp_capital_state *state) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_core *core = capital->core;
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (!state)
        return perp_fail(core, PERP_E_INVALID, "state: NULL");
    perp_capital_state all;
    perp_read_begin(core);
    perp_capital_state_of(capital, exchange, &all);
    perp_read_end(core);
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}

perp_status perp_capital_reservations(const perp_capital *capital, perp_exchange_id exchange,
                                      perp_reservation *rows, uint32_t capacity, uint32_t *count) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_core *core = capital->core;
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (!count || (capacity && !rows))
        return perp_fail(core, PERP_E_INVALID, "reservations: NULL");
    uint32_t n = 0;
    perp_read_begin(core);
    for (const struct perp_held *held = capital->first; held; held = held->next) {
        if (exchange != PERP_ALL_EXCHANGES && held->exchange != exchange)
            continue;
        if (n < capacity)
            rows[n] = (perp_reservation){.id = held->id,
                                         .exchange = held->exchange,
                                         .pool = held->pool,
                                         .reserved = held->reserved,
                                         .in_flight = held->in_flight,
                                         .used = held->used,
                                         .released = held->released,
                                         .has_job = held->has_job,
                                         .job_id = held->job};
        n++;
    }
    perp_read_end(core);
    *count = n;
    return PERP_OK;
}

perp_status perp_refuse_figure(const perp_core *core, uint32_t leg, const char *name,
                               perp_usd figure) {
    char of[32] = "";
    if (leg != PERP_NO_ID)
        snprintf(of, sizeof of, "legs[%u].", leg);
    return perp_fail(core, PERP_E_RANGE, "%s%s: %s is out of range (%s either way)", of, name,
                     PERP_SHOW_USD(figure), PERP_SHOW_USD(PERP_MOST_USD));
}

perp_status perp_check_figures(const perp_core *core, perp_usd pnl, perp_usd volume,
                               perp_usd fees) {
    perp_status status = perp_check_figure(core, PERP_NO_ID, "pnl", pnl);
    if (status == PERP_OK)
        status = perp_check_figure(core, PERP_NO_ID, "volume", volume);
    return status == PERP_OK ? perp_check_figure(core, PERP_NO_ID, "fees", fees) : status;
}

/* Invariants 1, 2 and 4 of the ledger. */
perp_status perp_capital_check(const perp_capital *capital) {
    perp_core *core = capital->core;
    struct perp_pool_book sums[PERP_MAX_EXCHANGES][PERP_POOL_COUNT];
    memset(sums, 0, sizeof sums);
    uint64_t before = 0;
    uint32_t n = 0;
    for (const struct perp_held *held = capital->first; held; held = held->next, n++) {
        if (held->in_flight < 0 || held->used < 0 || held->released < 0 ||
            (!held->has_job && held->in_flight + held->used == 0) ||
            held->reserved != held->in_flight + held->used + held->released)
            return perp_fail(core, PERP_E_CORRUPT,
                             "reservation %llu: reserved is not in flight + used + released",
                             (unsigned long long)held->id);
        if (held->id <= before || held->id >= capital->next_id)
            return perp_fail(core, PERP_E_CORRUPT, "reservation %llu: out of order",
                             (unsigned long long)held->id);
        before = held->id;
        sums[held->exchange][held->pool].in_flight += held->in_flight;
        sums[held->exchange][held->pool].used += held->used;
    }
    if (n != capital->n_live || n != capital->held.count)
        return perp_fail(core, PERP_E_CORRUPT, "reservations: %u live, %u counted", n,
                         capital->n_live);
    perp_usd equity = 0, booked = 0, starts = 0;
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        const struct perp_account *account = &capital->accounts[i];
        perp_usd budgets = 0;
        for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
            const struct perp_pool_book *book = &account->pools[pool];
            budgets += book->budget;
            if (book->most_single != perp_capital_most_single(core, account, pool))
                return perp_fail(core, PERP_E_CORRUPT,
                                 "%s %s: the most of one reservation is not its share",
                                 core->exchanges[i].spec.name, perp_pool_string(pool));
            if (book->in_flight != sums[i][pool].in_flight || book->used != sums[i][pool].used)
                return perp_fail(core, PERP_E_CORRUPT,
                                 "%s %s: in flight or used is not the sum of its reservations",
                                 core->exchanges[i].spec.name, perp_pool_string(pool));
        }
        if (budgets != at_least_0(account->equity))
            return perp_fail(core, PERP_E_CORRUPT, "%s: budgets do not sum to equity",
                             core->exchanges[i].spec.name);
        if (account->most_total != perp_capital_most_total(core, account))
            return perp_fail(core, PERP_E_CORRUPT,
                             "%s: the most of all reservations is not its share",
                             core->exchanges[i].spec.name);
        equity += account->equity;
        booked += account->today.fees - account->today.pnl;
        starts += account->day_start;
    }
    if (equity != capital->equity || booked != capital->booked || starts != capital->starts)
        return perp_fail(core, PERP_E_CORRUPT,
                         "equity, starts of the day, or what was booked: the total is not the sum");
    return PERP_OK;
}
