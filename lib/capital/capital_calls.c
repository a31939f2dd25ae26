/* Deciding on capital: the public calls. */
#include "capital/capital.h"

#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

/* Totals over all exchanges must fit too. */
#define MAX_EQUITY (INT64_MAX / 4 / PERP_MAX_EXCHANGES)

static perp_status find_exchange(const perp_core *core, perp_exchange_id exchange) {
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    return PERP_OK;
}

/* What most calls on an exchange begin with. */
static perp_status begin(perp_core *core, const perp_call *call, perp_exchange_id exchange) {
    perp_status status = find_exchange(core, exchange);
    return status == PERP_OK ? perp_call_check(core, call) : status;
}

static perp_status commit_one(perp_core *core, const perp_call *call, uint32_t kind,
                              perp_exchange_id exchange, perp_usd amount, uint32_t flags) {
    int64_t now;
    perp_status status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    struct perp_event *event = perp_batch_add(core, kind, 0, 0);
    event->exchange = exchange;
    event->amount = amount;
    event->flags = flags;
    return perp_batch_commit(core);
}

static perp_status decide_equity(perp_core *core, const perp_call *call, perp_exchange_id exchange,
                                 perp_usd equity) {
    perp_status status = begin(core, call, exchange);
    if (status != PERP_OK)
        return status;
    if (equity < 0 || equity > MAX_EQUITY)
        return perp_fail(core, PERP_E_RANGE, "equity: %s is out of range (0 to %s)",
                         PERP_SHOW_USD(equity), PERP_SHOW_USD(MAX_EQUITY));
    return commit_one(core, call, PERP_EVENT_EQUITY, exchange, equity, 0);
}

perp_status perp_capital_update_equity(perp_capital *capital, const perp_call *call,
                                       perp_exchange_id exchange, perp_usd equity) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_equity(capital->core, call, exchange, equity));
}

static perp_status decide_transfer(perp_core *core, const perp_call *call,
                                   perp_exchange_id exchange, perp_usd amount) {
    perp_status status = begin(core, call, exchange);
    if (status != PERP_OK)
        return status;
    const struct perp_account *account = &core->capital->accounts[exchange];
    perp_usd after, high, start, peak;
    if (!perp_usd_add(account->equity, amount, &after) || after < 0 || after > MAX_EQUITY ||
        !perp_usd_add(account->high_water, amount, &high) || high > MAX_EQUITY ||
        !perp_usd_add(account->day_start, amount, &start) || start > MAX_EQUITY ||
        !perp_usd_add(core->capital->peak, amount, &peak) || peak > INT64_MAX / 4)
        return perp_fail(core, PERP_E_RANGE,
                         "amount: %s would make the equity of %s negative or too large",
                         PERP_SHOW_USD(amount), PERP_SHOW_USD(account->equity));
    return commit_one(core, call, PERP_EVENT_TRANSFER, exchange, amount, 0);
}

perp_status perp_capital_transfer(perp_capital *capital, const perp_call *call,
                                  perp_exchange_id exchange, perp_usd amount) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_transfer(capital->core, call, exchange, amount));
}

static perp_status decide_correct(perp_core *core, const perp_call *call, perp_exchange_id exchange,
                                  perp_usd day_start) {
    perp_status status = begin(core, call, exchange);
    if (status == PERP_OK)
        status = perp_call_signed(core, call, "correct");
    if (status != PERP_OK)
        return status;
    if (day_start < 0 || day_start > MAX_EQUITY)
        return perp_fail(core, PERP_E_RANGE, "day_start: %s is out of range",
                         PERP_SHOW_USD(day_start));
    return commit_one(core, call, PERP_EVENT_CORRECT, exchange, day_start, 0);
}

perp_status perp_capital_correct(perp_capital *capital, const perp_call *call,
                                 perp_exchange_id exchange, perp_usd day_start) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_correct(capital->core, call, exchange, day_start));
}

static perp_status decide_safe_mode(perp_core *core, const perp_call *call,
                                    perp_exchange_id exchange, uint32_t enabled) {
    perp_status status = begin(core, call, exchange);
    if (status == PERP_OK && !enabled)
        status = perp_call_signed(core, call, "safe mode off");
    if (status != PERP_OK)
        return status;
    return commit_one(core, call, PERP_EVENT_SAFE_MODE, exchange, 0, enabled != 0);
}

perp_status perp_capital_set_safe_mode(perp_capital *capital, const perp_call *call,
                                       perp_exchange_id exchange, uint32_t enabled) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_safe_mode(capital->core, call, exchange, enabled));
}

static perp_status decide_pnl(perp_core *core, const perp_call *call, perp_exchange_id exchange,
                              perp_usd pnl, perp_usd volume, perp_usd fees) {
    perp_status status = begin(core, call, exchange);
    if (status != PERP_OK)
        return status;
    if (volume < 0)
        return perp_fail(core, PERP_E_RANGE, "volume: %s is negative", PERP_SHOW_USD(volume));
    int64_t now = perp_query_time(core, call->now_ns);
    if (!perp_capital_can_book(core->capital, now, exchange, pnl, volume, fees))
        return perp_fail(core, PERP_E_RANGE, "pnl: the day's figures would overflow");
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_PNL, 0, 0);
    event->exchange = exchange;
    event->pnl = pnl;
    event->volume = volume;
    event->fees = fees;
    return perp_batch_commit(core);
}

perp_status perp_capital_record_pnl(perp_capital *capital, const perp_call *call,
                                    perp_exchange_id exchange, perp_usd pnl, perp_usd volume,
                                    perp_usd fees) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_pnl(capital->core, call, exchange, pnl, volume, fees));
}

static perp_status check_key(perp_core *core, const perp_uuid *key, const struct perp_need *need,
                             uint64_t *id) {
    const struct perp_key *known = key ? perp_map_find(&core->capital->keys, key) : NULL;
    if (!known)
        return PERP_OK;
    if (known->exchange != need->exchange || known->pool != need->pool ||
        known->amount != need->amount)
        return perp_fail(core, PERP_E_CONFLICT, "key: reservation %llu was made with other content",
                         (unsigned long long)known->id);
    *id = known->id;
    return perp_fail(core, PERP_E_EXISTS, "key: it is reservation %llu",
                     (unsigned long long)known->id);
}

static perp_status decide_reserve(perp_core *core, const perp_call *call,
                                  const struct perp_need *need, const perp_uuid *key, uint64_t *id,
                                  perp_refusal *refusal) {
    perp_status status = find_exchange(core, need->exchange);
    if (status == PERP_OK)
        status = perp_call_check(core, call);
    if (status == PERP_OK)
        status = perp_refusal_check(core, refusal);
    if (status != PERP_OK)
        return status;
    if (!id)
        return perp_fail(core, PERP_E_INVALID, "id: NULL");
    if (need->pool >= PERP_POOL_COUNT)
        return perp_fail(core, PERP_E_INVALID, "pool: %u is not known", need->pool);
    status = check_key(core, key, need, id);
    if (status != PERP_OK)
        return status;
    if (need->amount <= 0)
        return perp_fail(core, PERP_E_RANGE, "amount: %s is not above 0",
                         PERP_SHOW_USD(need->amount));
    int64_t now;
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_refusal found = {.struct_size = sizeof found};
    bool passes = perp_capital_passes(core->capital, NULL, need, &found);
    uint64_t next = passes ? core->capital->next_id : 0;
    perp_batch_begin(core, call, now);
    if (passes) {
        struct perp_event *event = perp_batch_add(core, PERP_EVENT_RESERVE, 0, 0);
        event->exchange = need->exchange;
        event->pool = need->pool;
        event->amount = need->amount;
        event->reservation = next;
        event->flags = key != NULL;
        if (key)
            event->other = *key;
    }
    status = perp_batch_commit(core);
    if (status != PERP_OK)
        return status;
    *id = next;
    perp_struct_out(refusal, &found, sizeof found);
    return PERP_OK;
}

perp_status perp_capital_reserve(perp_capital *capital, const perp_call *call,
                                 perp_exchange_id exchange, uint32_t pool, perp_usd amount,
                                 const perp_uuid *key, uint64_t *id, perp_refusal *refusal) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_need need = {exchange, pool, amount};
    perp_enter(capital->core);
    return perp_leave(capital->core, decide_reserve(capital->core, call, &need, key, id, refusal));
}

perp_status perp_capital_reserve_for_wash(perp_capital *capital, const perp_call *call,
                                          perp_exchange_id exchange, perp_usd amount,
                                          const perp_uuid *key, uint64_t *id,
                                          perp_refusal *refusal) {
    return perp_capital_reserve(capital, call, exchange, PERP_POOL_WASH, amount, key, id, refusal);
}

perp_status perp_capital_reserve_for_arb(perp_capital *capital, const perp_call *call,
                                         perp_exchange_id exchange, perp_usd amount,
                                         const perp_uuid *key, uint64_t *id,
                                         perp_refusal *refusal) {
    return perp_capital_reserve(capital, call, exchange, PERP_POOL_ARB, amount, key, id, refusal);
}

/* Confirm and release: the same checks on the reservation named. */
static perp_status decide_settle(perp_core *core, const perp_call *call, uint32_t kind, uint64_t id,
                                 perp_usd amount) {
    const struct perp_held *held = perp_capital_find(core->capital, id);
    if (!held)
        return perp_fail(core, PERP_E_NOT_FOUND, "no live reservation %llu",
                         (unsigned long long)id);
    perp_status status = perp_call_check(core, call);
    if (status != PERP_OK)
        return status;
    if (held->has_job)
        return perp_fail(core, PERP_E_STATE, "reservation %llu: a job holds it",
                         (unsigned long long)id);
    perp_usd most = held->in_flight + (kind == PERP_EVENT_RELEASE ? held->used : 0);
    if (amount < 0 || amount > most)
        return perp_fail(core, PERP_E_RANGE, "amount: %s is not in 0 to %s", PERP_SHOW_USD(amount),
                         PERP_SHOW_USD(most));
    int64_t now;
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, call, now);
    struct perp_event *event = perp_batch_add(core, kind, 0, 0);
    event->exchange = held->exchange;
    event->pool = held->pool;
    event->reservation = id;
    event->amount = amount ? amount : most;
    return perp_batch_commit(core);
}

perp_status perp_capital_confirm(perp_capital *capital, const perp_call *call, uint64_t id,
                                 perp_usd amount) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core,
                      decide_settle(capital->core, call, PERP_EVENT_CONFIRM, id, amount));
}

perp_status perp_capital_release(perp_capital *capital, const perp_call *call, uint64_t id,
                                 perp_usd amount) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    perp_enter(capital->core);
    return perp_leave(capital->core,
                      decide_settle(capital->core, call, PERP_EVENT_RELEASE, id, amount));
}

static perp_status decide_job(perp_core *core, const perp_call *call, const perp_job *job,
                              uint64_t *ids, uint32_t *n_ids, perp_refusal *refusal) {
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n;
    perp_status status = perp_call_check(core, call);
    if (status == PERP_OK)
        status = perp_refusal_check(core, refusal);
    if (status == PERP_OK)
        status = perp_needs_of_spec(core, job, needs, &n);
    if (status != PERP_OK)
        return status;
    int64_t now;
    status = perp_call_time(core, call, &now);
    if (status != PERP_OK)
        return status;
    perp_refusal found = {.struct_size = sizeof found};
    bool passes = perp_capital_passes_all(core->capital, needs, n, &found);
    uint64_t next = core->capital->next_id;
    perp_batch_begin(core, call, now);
    for (uint32_t i = 0; i < n && passes; i++) {
        struct perp_event *event = perp_batch_add(core, PERP_EVENT_RESERVE, 0, 0);
        event->exchange = needs[i].exchange;
        event->pool = needs[i].pool;
        event->amount = needs[i].amount;
        event->reservation = next + i;
    }
    status = perp_batch_commit(core);
    if (status != PERP_OK)
        return status;
    *n_ids = passes ? n : 0;
    for (uint32_t i = 0; i < *n_ids; i++)
        ids[i] = next + i;
    perp_struct_out(refusal, &found, sizeof found);
    return PERP_OK;
}

perp_status perp_capital_reserve_for_job(perp_capital *capital, const perp_call *call,
                                         const perp_job *job, uint64_t *ids, uint32_t *n_ids,
                                         perp_refusal *refusal) {
    if (!capital || !call || !job || !ids || !n_ids)
        return perp_fail(capital ? capital->core : NULL, PERP_E_INVALID, "reserve_for_job: NULL");
    perp_core *core = capital->core;
    perp_enter(core);
    return perp_leave(core, decide_job(core, call, job, ids, n_ids, refusal));
}
