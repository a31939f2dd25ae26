/* Deciding on capital: the public calls. */
#include "capital/capital.h"

#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

static perp_status find_exchange(const perp_core *core, perp_exchange_id exchange) {
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    return PERP_OK;
}

/* What most calls on an exchange begin with. */
static perp_status check(const struct perp_decision *d, perp_exchange_id exchange) {
    perp_status status = find_exchange(d->core, exchange);
    return status == PERP_OK ? perp_decision_check(d) : status;
}

perp_status perp_capital_check_equity(const perp_core *core, perp_exchange_id exchange,
                                      perp_usd equity) {
    const perp_capital *capital = core->capital;
    struct perp_marks marks;
    if (equity < -PERP_MOST_USD || equity > PERP_MOST_USD)
        return perp_fail(core, PERP_E_RANGE, "equity: %s is out of range (%s either way)",
                         PERP_SHOW_USD(equity), PERP_SHOW_USD(PERP_MOST_USD));
    if (!capital->accounts[exchange].has_equity &&
        !perp_capital_first(capital, exchange, equity, &marks))
        return perp_fail(core, PERP_E_RANGE, "equity: with %s the totals would be too large",
                         PERP_SHOW_USD(equity));
    return PERP_OK;
}

static perp_status decide_equity(struct perp_decision *d, perp_exchange_id exchange,
                                 perp_usd equity) {
    perp_status status = check(d, exchange);
    if (status != PERP_OK)
        return status;
    status = perp_capital_check_equity(d->core, exchange, equity);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_equity(
            d->core, &(struct perp_ev_equity){
                         exchange, equity, perp_capital_reports_apart(d->core, exchange, equity)});
    return status;
}

perp_status perp_capital_update_equity(perp_capital *capital, const perp_call *call,
                                       perp_exchange_id exchange, perp_usd equity) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_equity(&d, exchange, equity));
}

static perp_status decide_transfer(struct perp_decision *d, perp_exchange_id exchange,
                                   perp_usd amount, bool in_equity) {
    perp_status status = check(d, exchange);
    if (status != PERP_OK)
        return status;
    struct perp_marks marks;
    if (!perp_capital_moved(d->core->capital, exchange, amount, in_equity, &marks))
        return perp_fail(
            d->core, PERP_E_RANGE, "amount: %s would make the equity of %s negative or too large",
            PERP_SHOW_USD(amount), PERP_SHOW_USD(d->core->capital->accounts[exchange].equity));
    status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_transfer(d->core, &(struct perp_ev_transfer){exchange, amount, in_equity});
    return status;
}

perp_status perp_capital_transfer(perp_capital *capital, const perp_call *call,
                                  perp_exchange_id exchange, perp_usd amount, uint32_t in_equity) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_transfer(&d, exchange, amount, in_equity != 0));
}

static bool is_amount(perp_usd amount) {
    return amount >= -PERP_MOST_USD && amount <= PERP_MOST_USD;
}

static perp_status decide_correct(struct perp_decision *d, perp_exchange_id exchange,
                                  perp_usd day_start, const perp_usd *high_water) {
    perp_status status = check(d, exchange);
    if (status == PERP_OK)
        status = perp_call_signed(d->core, d->call, "correct");
    if (status != PERP_OK)
        return status;
    if (!is_amount(day_start))
        return perp_fail(d->core, PERP_E_RANGE, "day_start: %s is out of range",
                         PERP_SHOW_USD(day_start));
    if (high_water && !is_amount(*high_water))
        return perp_fail(d->core, PERP_E_RANGE, "high_water: %s is out of range",
                         PERP_SHOW_USD(*high_water));
    status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_correct(d->core, &(struct perp_ev_correct){exchange, day_start, high_water != NULL,
                                                            high_water ? *high_water : 0});
    return status;
}

perp_status perp_capital_correct(perp_capital *capital, const perp_call *call,
                                 perp_exchange_id exchange, perp_usd day_start,
                                 const perp_usd *high_water) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_correct(&d, exchange, day_start, high_water));
}

static perp_status decide_day_offset(struct perp_decision *d, int32_t minutes) {
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(d->core, d->call, "set_day_offset");
    if (status != PERP_OK)
        return status;
    if (!perp_is_day_offset(minutes))
        return perp_fail(d->core, PERP_E_RANGE, "minutes: %d is not in -1439 to 1439", minutes);
    status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_day_offset(d->core, &(struct perp_ev_day_offset){minutes});
    return status;
}

perp_status perp_capital_set_day_offset(perp_capital *capital, const perp_call *call,
                                        int32_t minutes) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_day_offset(&d, minutes));
}

static perp_status decide_safe_mode(struct perp_decision *d, perp_exchange_id exchange, bool on) {
    if (on)
        perp_decision_protect(d);
    perp_status status = check(d, exchange);
    if (status == PERP_OK && !on)
        status = perp_call_signed(d->core, d->call, "safe mode off");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_safe_mode(d->core, &(struct perp_ev_safe_mode){exchange, on});
    return status;
}

perp_status perp_capital_set_safe_mode(perp_capital *capital, const perp_call *call,
                                       perp_exchange_id exchange, uint32_t enabled) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_safe_mode(&d, exchange, enabled != 0));
}

static perp_status check_pnl_key(const perp_core *core, const struct perp_ev_pnl *booking) {
    const struct perp_key *known =
        booking->has_key ? perp_key_find(core->capital, PERP_KEY_PNL, &booking->key) : NULL;
    if (!known)
        return PERP_OK;
    const char *what = known->exchange != booking->exchange ? "exchange"
                       : known->pnl != booking->pnl         ? "pnl"
                       : known->volume != booking->volume   ? "volume"
                       : known->fees != booking->fees       ? "fees"
                                                            : NULL;
    if (!what)
        return perp_fail(core, PERP_E_EXISTS, "key: it is booked already");
    return perp_fail(core, PERP_E_CONFLICT, "key: it is booked already, with another %s", what);
}

static perp_status decide_pnl(struct perp_decision *d, const struct perp_ev_pnl *booking) {
    perp_core *core = d->core;
    perp_status status = check(d, booking->exchange);
    if (status == PERP_OK)
        status = check_pnl_key(core, booking);
    if (status != PERP_OK)
        return status;
    if (booking->volume < 0)
        return perp_fail(core, PERP_E_RANGE, "volume: %s is negative",
                         PERP_SHOW_USD(booking->volume));
    status = perp_check_figures(core, booking->pnl, booking->volume, booking->fees);
    if (status != PERP_OK)
        return status;
    if (!perp_capital_can_book(core->capital, perp_decision_time(d), booking->exchange,
                               booking->pnl, booking->volume, booking->fees))
        return perp_fail(core, PERP_E_RANGE, "pnl: the day's figures would overflow");
    status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_pnl(core, booking);
    return status;
}

perp_status perp_capital_record_pnl(perp_capital *capital, const perp_call *call,
                                    perp_exchange_id exchange, perp_usd pnl, perp_usd volume,
                                    perp_usd fees, const perp_uuid *key) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_ev_pnl booking = {exchange, pnl, volume, fees, key != NULL, {{0}}};
    if (key)
        booking.key = *key;
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_pnl(&d, &booking));
}

static perp_status check_key(perp_core *core, const perp_uuid *key, const struct perp_need *need,
                             uint64_t *id) {
    const struct perp_key *known =
        key ? perp_key_find(core->capital, PERP_KEY_RESERVATION, key) : NULL;
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

/* A reserve under way, and its answer: the number of the reservation (0: refused), and why. */
struct reserving {
    struct perp_need need;
    const perp_uuid *key;
    uint64_t id;
    perp_refusal refusal;
};

static void put_reserve(perp_core *core, const struct perp_need *need, uint64_t id,
                        const perp_uuid *key) {
    struct perp_ev_reserve reserve = {.exchange = need->exchange,
                                      .pool = need->pool,
                                      .amount = need->amount,
                                      .reservation = id,
                                      .has_key = key != NULL};
    if (key)
        reserve.key = *key;
    perp_put_reserve(core, &reserve);
}

static perp_status decide_reserve(struct perp_decision *d, struct reserving *r, uint64_t *id,
                                  const perp_refusal *refusal) {
    perp_core *core = d->core;
    perp_status status = check(d, r->need.exchange);
    if (status == PERP_OK)
        status = perp_refusal_check(core, refusal);
    if (status != PERP_OK)
        return status;
    if (!id)
        return perp_fail(core, PERP_E_INVALID, "id: NULL");
    if (r->need.pool >= PERP_POOL_COUNT)
        return perp_fail(core, PERP_E_INVALID, "pool: %u is not known", r->need.pool);
    status = check_key(core, r->key, &r->need, id);
    if (status != PERP_OK)
        return status;
    if (r->need.amount <= 0)
        return perp_fail(core, PERP_E_RANGE, "amount: %s is not above 0",
                         PERP_SHOW_USD(r->need.amount));
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    r->id = 0;
    if (perp_capital_passes(core->capital, NULL, &r->need, &r->refusal)) {
        r->id = core->capital->next_id;
        put_reserve(core, &r->need, r->id, r->key);
    }
    return PERP_OK;
}

perp_status perp_capital_reserve(perp_capital *capital, const perp_call *call,
                                 perp_exchange_id exchange, uint32_t pool, perp_usd amount,
                                 const perp_uuid *key, uint64_t *id, perp_refusal *refusal) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct reserving r = {
        .need = {exchange, pool, amount}, .key = key, .refusal = {.struct_size = sizeof r.refusal}};
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    perp_status status = perp_decision_close(&d, decide_reserve(&d, &r, id, refusal));
    if (status != PERP_OK)
        return status;
    *id = r.id;
    perp_struct_out(refusal, &r.refusal, sizeof r.refusal);
    return PERP_OK;
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
static perp_status decide_settle(struct perp_decision *d, uint32_t kind, uint64_t id,
                                 perp_usd amount) {
    perp_core *core = d->core;
    const struct perp_held *held = perp_capital_find(core->capital, id);
    if (!held)
        return perp_fail(core, PERP_E_NOT_FOUND, "no live reservation %llu",
                         (unsigned long long)id);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (held->has_job)
        return perp_fail(core, PERP_E_STATE, "reservation %llu: a job holds it",
                         (unsigned long long)id);
    perp_usd most = held->in_flight + (kind == PERP_EVENT_RELEASE ? held->used : 0);
    if (amount < 0 || amount > most)
        return perp_fail(core, PERP_E_RANGE, "amount: %s is not in 0 to %s", PERP_SHOW_USD(amount),
                         PERP_SHOW_USD(most));
    status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    amount = amount ? amount : most;
    if (kind == PERP_EVENT_RELEASE)
        perp_put_release(core, &(struct perp_ev_release){held->exchange, held->pool, amount, id});
    else
        perp_put_confirm(core, &(struct perp_ev_confirm){held->exchange, held->pool, amount, id});
    return PERP_OK;
}

perp_status perp_capital_confirm(perp_capital *capital, const perp_call *call, uint64_t id,
                                 perp_usd amount) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_settle(&d, PERP_EVENT_CONFIRM, id, amount));
}

perp_status perp_capital_release(perp_capital *capital, const perp_call *call, uint64_t id,
                                 perp_usd amount) {
    if (!capital)
        return perp_fail(NULL, PERP_E_INVALID, "capital: NULL");
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    return perp_decision_close(&d, decide_settle(&d, PERP_EVENT_RELEASE, id, amount));
}

static perp_status decide_for_job(struct perp_decision *d, const perp_job *job, uint64_t *ids,
                                  uint32_t *n_ids, const perp_refusal *refusal,
                                  perp_refusal *found) {
    perp_core *core = d->core;
    struct perp_need needs[PERP_MAX_LEGS];
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_refusal_check(core, refusal);
    if (status == PERP_OK)
        status = perp_needs_of_spec(core, job, needs, n_ids);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status != PERP_OK)
        return status;
    if (!perp_capital_passes_all(core->capital, needs, *n_ids, found))
        *n_ids = 0;
    for (uint32_t i = 0; i < *n_ids; i++) {
        ids[i] = core->capital->next_id + i;
        put_reserve(core, &needs[i], ids[i], NULL);
    }
    return PERP_OK;
}

perp_status perp_capital_reserve_for_job(perp_capital *capital, const perp_call *call,
                                         const perp_job *job, uint64_t *ids, uint32_t *n_ids,
                                         perp_refusal *refusal) {
    if (!capital || !call || !job || !ids || !n_ids)
        return perp_fail(capital ? capital->core : NULL, PERP_E_INVALID, "reserve_for_job: NULL");
    uint64_t made[PERP_MAX_LEGS];
    uint32_t n = 0;
    perp_refusal found = {.struct_size = sizeof found};
    struct perp_decision d;
    perp_decision_open(&d, capital->core, call);
    perp_status status =
        perp_decision_close(&d, decide_for_job(&d, job, made, &n, refusal, &found));
    if (status != PERP_OK)
        return status;
    *n_ids = n;
    memcpy(ids, made, n * sizeof *ids);
    perp_struct_out(refusal, &found, sizeof found);
    return PERP_OK;
}
