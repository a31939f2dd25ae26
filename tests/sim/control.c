/* What persons do to a book, money that moves without a trade, clocks, and calls that make no
   sense. */
#include "sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const symbols[S_BASES] = {"BTC/USDT:USDT", "ETH/USDT:USDT"};

/* ---- Protections ----------------------------------------------------------------------------- */

/* Raising one never fails for a reason outside itself. It holds from the call on, in callbacks,
   too; where the process is killed meanwhile, as far as it is durable. */
#define S_RAISE(w, flag, CALL)                                                                     \
    do {                                                                                           \
        const uint8_t s_old = (flag);                                                              \
        const uint64_t s_durable = s_store_durable(w);                                             \
        s_store_keep(w);                                                                           \
        (flag) = 1;                                                                                \
        perp_status s_status = (CALL);                                                             \
        (w)->n.calls++;                                                                            \
        if (!(w)->dead && s_status != PERP_OK)                                                     \
            s_fail((w), "a protection was not raised: %s", perp_status_string(s_status));          \
        if ((w)->dead && s_store_durable(w) == s_durable)                                          \
            (flag) = s_old;                                                                        \
        else /* a time that is out of range counts as the clock */                                 \
            s_m_time_at(w, perp_core_clock((w)->core));                                            \
        (w)->durable_seen = s_store_durable(w);                                                    \
    } while (0)

static void kill_switch(struct s_world *w, bool on, uint32_t x) {
    perp_scheduler *scheduler = perp_core_scheduler(w->core);
    perp_uuid jobs[64];
    uint32_t n = 0;
    uint8_t *killed = x == PERP_ALL_EXCHANGES ? &w->m.killed : &w->m.accounts[x].killed;
    perp_call call = s_signed(w);
    w->doing = on ? "kill" : "kill off";
    w->n.kills += on;
    if (on)
        S_RAISE(w, *killed, perp_scheduler_kill(scheduler, &call, 1, x, jobs, 64, &n));
    else if (s_took(w, perp_scheduler_kill(scheduler, &call, 0, x, jobs, 64, &n), 0))
        *killed = 0;
}

static void pause(struct s_world *w, bool on) {
    perp_scheduler *scheduler = perp_core_scheduler(w->core);
    perp_call call = s_signed(w);
    w->doing = on ? "pause" : "resume";
    if (on)
        S_RAISE(w, w->m.paused, perp_scheduler_pause(scheduler, &call));
    else if (s_took(w, perp_scheduler_resume(scheduler, &call), 0))
        w->m.paused = 0;
    w->m.paused_itself = 0;
}

static void blacklist(struct s_world *w, bool on, uint32_t b) {
    perp_risk *risk = perp_core_risk(w->core);
    perp_call call = s_signed(w);
    w->doing = "blacklist";
    if (on)
        S_RAISE(w, w->m.blacklisted[b], perp_risk_blacklist(risk, &call, symbols[b], 1));
    else if (s_took(w, perp_risk_blacklist(risk, &call, symbols[b], 0), 0))
        w->m.blacklisted[b] = 0;
}

static void stop_instrument(struct s_world *w, bool on, uint32_t i) {
    perp_risk *risk = perp_core_risk(w->core);
    perp_call call = s_signed(w);
    w->doing = "halt an instrument";
    if (on)
        S_RAISE(w, w->m.stopped[i], perp_risk_halt_instrument(risk, &call, i, 1));
    else if (s_took(w, perp_risk_halt_instrument(risk, &call, i, 0), 0))
        w->m.stopped[i] = 0;
}

static void safe_mode(struct s_world *w, bool on, uint32_t x) {
    perp_capital *capital = perp_core_capital(w->core);
    perp_call call = s_signed(w);
    struct s_account *a = &w->m.accounts[x];
    w->doing = "safe mode";
    if (on) {
        S_RAISE(w, a->safe, perp_capital_set_safe_mode(capital, &call, x, 1));
    } else if (s_took(w, perp_capital_set_safe_mode(capital, &call, x, 0), 0)) {
        a->high_water = a->safe ? a->equity : a->high_water;
        a->safe = 0;
    }
}

void s_resume(struct s_world *w) {
    pause(w, false);
}

static void set_api(struct s_world *w, uint32_t x, uint32_t api) {
    perp_exchange_status status = {.exchange = x, .api = api, .time_ns = w->now};
    w->doing = "status of an exchange";
    perp_status answer = perp_market_on_status(perp_core_market(w->core), &status);
    if (answer == PERP_E_RANGE)
        answer = perp_market_on_status(perp_core_market(w->core), &status);
    if (answer == PERP_OK)
        w->market.api[x] = (uint8_t)api;
    else if (answer != PERP_E_STALE && answer != PERP_E_RANGE)
        s_fail(w, "status of an exchange: %s", perp_status_string(answer));
}

static void set_mode(struct s_world *w) {
    const uint32_t mode = (uint32_t)s_below(w, PERP_MODE_COUNT);
    perp_call call = s_signed(w);
    w->doing = "mode";
    if (s_took(w, perp_risk_set_mode(perp_core_risk(w->core), &call, mode), 0))
        w->m.mode = mode;
}

static void override(struct s_world *w) {
    perp_call call = s_signed(w);
    const int64_t ttl = 1000 + s_below(w, 20000);
    w->doing = "override";
    if (!s_took(w, perp_risk_manual_override(perp_core_risk(w->core), &call, 1, ttl, NULL), 0))
        return;
    w->m.override_on = 1;
    w->m.override_until = w->m.clock + ttl * S_MS;
}

static void reset_halt(struct s_world *w) {
    perp_call call = s_signed(w);
    w->doing = "reset of a halt";
    if (s_took(w, perp_risk_reset_halt(perp_core_risk(w->core), &call), 0))
        w->m.halted = 0, w->m.failures = 0;
}

/* The host changes its mind, and says so. */
void s_change_rule(struct s_world *w) {
    w->rule.refused = (uint32_t)s_below(w, S_CLASSES);
    w->doing = "a rule of the host has changed";
    perp_status status = perp_risk_rule_changed(perp_core_risk(w->core), w->rule.reason);
    if (status != PERP_OK)
        s_fail(w, "a rule of the host has changed: %s", perp_status_string(status));
}

/* What was made so far is durable once this returns, where a store can't do it in two steps. */
void s_barrier(struct s_world *w) {
    uint64_t seq = 0, durable = 0;
    w->doing = "barrier";
    if (!s_took(w, perp_core_flush_async(w->core, &seq), 0) || w->dead)
        return;
    if (perp_core_durable(w->core, &durable) != PERP_OK || durable < seq)
        s_fail(w, "event %" PRIu64 " is not durable after a barrier, but %" PRIu64, seq, durable);
    if (w->store != S_NO_STORE && s_store_durable(w) != seq)
        s_fail(w, "a barrier told event %" PRIu64 ", the store has %" PRIu64, seq,
               s_store_durable(w));
}

/* A protection stays for some steps mostly: it is lifted as often as it is raised. */
void s_person(struct s_world *w) {
    const uint32_t x = (uint32_t)s_below(w, w->n_exchanges);
    const bool lift = s_chance(w, 600);
    switch (s_below(w, 10)) {
    case 0:
        kill_switch(w, !lift, PERP_ALL_EXCHANGES);
        break;
    case 1:
        kill_switch(w, !lift, x);
        break;
    case 2:
        pause(w, !lift);
        break;
    case 3:
        blacklist(w, !lift, (uint32_t)s_below(w, w->n_bases));
        break;
    case 4:
        stop_instrument(w, !lift, (uint32_t)s_below(w, w->n_instruments));
        break;
    case 5:
        safe_mode(w, !lift, x);
        break;
    case 6:
        set_mode(w);
        break;
    case 7:
        override(w);
        break;
    case 8:
        reset_halt(w);
        break;
    default:
        if (s_has(w, S_DOWN) && w->depth == 0)
            set_api(w, x, lift ? PERP_API_UP : PERP_API_DOWN);
    }
}

void s_undo_control(struct s_world *w) {
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        if (w->m.accounts[x].killed)
            kill_switch(w, false, x);
        if (w->m.accounts[x].safe)
            safe_mode(w, false, x);
        set_api(w, x, PERP_API_UP);
    }
    kill_switch(w, false, PERP_ALL_EXCHANGES);
    pause(w, false);
    for (uint32_t b = 0; b < w->n_bases; b++)
        if (w->m.blacklisted[b])
            blacklist(w, false, b);
    for (uint32_t i = 0; i < w->n_instruments; i++)
        if (w->m.stopped[i])
            stop_instrument(w, false, i);
    reset_halt(w);
    while (w->m.n_manual > 0) {
        perp_call call = s_call(w);
        w->doing = "release";
        if (s_took(w,
                   perp_capital_release(perp_core_capital(w->core), &call,
                                        w->m.manual[w->m.n_manual - 1].id, 0),
                   0))
            w->m.n_manual--;
    }
}

/* ---- Money ----------------------------------------------------------------------------------- */

/* What the ledger must say to a reservation. */
static uint32_t refusal_of(struct s_world *w, uint32_t x, uint32_t pool, perp_usd amount) {
    perp_usd in_flight[S_EXCHANGES][PERP_POOL_COUNT], used[S_EXCHANGES][PERP_POOL_COUNT], all = 0;
    const perp_capital_config *c = &w->config.capital;
    const struct s_account *a = &w->m.accounts[x];
    const perp_usd equity = a->equity > 0 ? a->equity : 0;
    const perp_usd wash = (perp_usd)((s_wide)equity * c->wash_ppm / 1000000),
                   arb = (perp_usd)((s_wide)equity * c->arb_ppm / 1000000);
    const perp_usd budget = pool == PERP_POOL_WASH  ? wash
                            : pool == PERP_POOL_ARB ? arb
                                                    : equity - wash - arb;
    s_sum_capital(w, in_flight, used);
    for (uint32_t p = 0; p < PERP_POOL_COUNT; p++)
        all += in_flight[x][p] + used[x][p];
    if (a->safe && !(c->safe_mode_pools >> pool & 1))
        return PERP_REASON_SAFE_MODE;
    if (amount > (perp_usd)((s_wide)budget * c->max_single_reserve_ppm / 1000000))
        return PERP_REASON_SINGLE_LIMIT;
    if (all + amount > (perp_usd)((s_wide)equity * c->max_total_notional_ppm / 1000000))
        return PERP_REASON_TOTAL_LIMIT;
    const perp_usd left = budget - in_flight[x][pool] - used[x][pool];
    return amount > (left > 0 ? left : 0) ? PERP_REASON_INSUFFICIENT : PERP_REASON_NONE;
}

static void reserve(struct s_world *w) {
    struct s_reserved *r = &w->m.manual[w->m.n_manual];
    if (w->m.n_manual == S_RESERVED)
        return;
    w->doing = "reserve";
    const uint32_t x = (uint32_t)s_below(w, w->n_exchanges), pool = (uint32_t)s_below(w, 3);
    const perp_usd amount = (1 + s_below(w, 6000)) * PERP_USD + s_below(w, PERP_USD);
    const perp_uuid key = s_new_id(w);
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t id = 0, again = 0;
    perp_call call = s_call(w);
    const uint32_t wanted = refusal_of(w, x, pool, amount);
    if (!s_took(w,
                perp_capital_reserve(perp_core_capital(w->core), &call, x, pool, amount, &key, &id,
                                     &refusal),
                0))
        return;
    if (refusal.reason != wanted)
        s_fail(w, "a reservation is refused with %s, and not %s",
               perp_reason_string(refusal.reason), perp_reason_string(wanted));
    if (refusal.reason != PERP_REASON_NONE)
        return;
    *r = (struct s_reserved){id, x, pool, amount, 0, key};
    w->m.n_manual++;
    if (s_has(w, S_RETRY)) {
        perp_status status = perp_capital_reserve(perp_core_capital(w->core), &call, x, pool,
                                                  amount, &key, &again, &refusal);
        if (!w->dead && (status != PERP_E_EXISTS || again != id))
            s_fail(w, "a reservation made again: %s", perp_status_string(status));
    }
}

static void move_reservation(struct s_world *w) {
    if (w->m.n_manual == 0)
        return;
    const uint32_t k = (uint32_t)s_below(w, w->m.n_manual);
    struct s_reserved *r = &w->m.manual[k];
    const perp_usd all = r->in_flight + r->used;
    const perp_usd amount = s_chance(w, 400) ? 0 : 1 + s_below(w, all + all / 4);
    perp_call call = s_call(w);
    if (s_chance(w, 400)) {
        w->doing = "confirm";
        if (!s_took(w, perp_capital_confirm(perp_core_capital(w->core), &call, r->id, amount),
                    amount > r->in_flight ? S_BIT(PERP_E_RANGE) : 0))
            return;
        const perp_usd moved = amount == 0 ? r->in_flight : amount;
        r->in_flight -= moved;
        r->used += moved;
        return;
    }
    w->doing = "release";
    if (!s_took(w, perp_capital_release(perp_core_capital(w->core), &call, r->id, amount),
                amount > all ? S_BIT(PERP_E_RANGE) : 0))
        return;
    const perp_usd gone = amount == 0 ? all : amount;
    const perp_usd flying = gone < r->in_flight ? gone : r->in_flight;
    r->in_flight -= flying;
    r->used -= gone - flying;
    if (r->in_flight + r->used > 0)
        return;
    const uint64_t id = r->id;
    *r = w->m.manual[--w->m.n_manual];
    if (s_has(w, S_RETRY)) {
        perp_status status = perp_capital_release(perp_core_capital(w->core), &call, id, 0);
        if (!w->dead && status != PERP_E_NOT_FOUND)
            s_fail(w, "a reservation released again: %s", perp_status_string(status));
    }
}

static void book_money(struct s_world *w) {
    const uint32_t x = (uint32_t)s_below(w, w->n_exchanges);
    const perp_usd amount = s_below(w, 20 * PERP_USD) - 10 * PERP_USD;
    const perp_uuid key = s_new_id(w);
    perp_call call = s_call(w);
    const bool cash = s_chance(w, 500), funding = s_chance(w, 500);
    bool known = false;
    w->doing = cash ? "cash" : "pnl";
    for (int again = s_has(w, S_RETRY); again >= 0; again--) {
        perp_status status = cash
                                 ? perp_record_cash(w->core, &call, x,
                                                    funding ? PERP_CASH_FUNDING : PERP_CASH_REBATE,
                                                    amount, &key, PERP_NO_ID)
                                 : perp_capital_record_pnl(perp_core_capital(w->core), &call, x,
                                                           amount, llabs(amount), amount / 7, &key);
        if (s_took(w, status, known ? S_BIT(PERP_E_EXISTS) : 0)) {
            if (known)
                s_fail(w, "money is booked again");
            if (cash && funding)
                w->m.accounts[x].today.funding += amount;
            s_m_book(w, x, amount, cash ? 0 : llabs(amount), cash ? 0 : amount / 7);
            known = true;
        }
    }
}

static void move_equity(struct s_world *w) {
    const uint32_t x = (uint32_t)s_below(w, w->n_exchanges);
    const struct s_account *a = &w->m.accounts[x];
    perp_call call = s_call(w);
    if (s_chance(w, 500)) {
        const perp_usd amount = s_below(w, 2000 * PERP_USD) - 1000 * PERP_USD;
        w->doing = "transfer";
        if (s_took(w, perp_capital_transfer(perp_core_capital(w->core), &call, x, amount, 0),
                   a->equity + amount < 0 ? S_BIT(PERP_E_RANGE) : 0))
            s_m_transfer(w, x, amount);
        return;
    }
    const perp_usd by = s_chance(w, 900) ? a->equity / 1000 : a->equity * 3 / 4;
    const perp_usd equity = a->equity + s_below(w, 2 * by + 1) - by;
    w->doing = "equity";
    if (s_took(w, perp_capital_update_equity(perp_core_capital(w->core), &call, x, equity), 0))
        s_m_equity(w, x, equity);
}

/* A trade that no job made is told. */
static void tell_foreign(struct s_world *w, int32_t trade) {
    const struct s_trade *t = &w->trades[trade];
    const uint32_t i = t->instrument, x = s_exchange_of(w, i);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    w->doing = t->kind == S_CUT ? "a liquidation is told" : "a trade by hand is told";
    fill.instrument = i;
    fill.side = t->steps > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
    fill.quantity = s_quantity(w, i, llabs(t->steps));
    fill.price = t->price;
    fill.fee = t->fee;
    fill.time_ns = t->time;
    memset(&fill.key, 0x77, sizeof fill.key);
    memcpy(fill.key.bytes, &trade, sizeof trade);
    perp_call call = s_call(w);
    const bool known = w->m.trade_told[trade] != 0;
    if (!s_took(w, perp_record_fill(w->core, &call, &fill), known ? S_BIT(PERP_E_EXISTS) : 0))
        return;
    if (known)
        s_fail(w, "a trade by hand is booked again");
    w->m.trade_told[trade] = 1;
    w->m.accounts[x].unsure = w->m.loss_unsure = 1;
    s_m_book(w, x, 0, llround(fill.quantity * fill.price * 1e6), fill.fee);
    w->m.naked_unsure[s_base_of(w, i)] = 1;
}

void s_tell_foreign(struct s_world *w) {
    for (uint32_t k = 0; k < w->n_happened; k++)
        if (w->trades[w->happened[k]].kind != S_OF_ORDER && !w->m.trade_told[w->happened[k]])
            tell_foreign(w, (int32_t)w->happened[k]);
}

/* Somebody trades by hand, and tells, or does not. */
static void by_hand(struct s_world *w) {
    const uint32_t i = (uint32_t)s_below(w, w->n_instruments);
    const int64_t steps = s_below(w, 200) - 100;
    if (steps == 0 || (w->spot[i] && steps < -w->position[i]))
        return;
    const int32_t trade = s_trade_by_hand(w, i, steps);
    for (int told = s_has(w, S_RETRY) ? 2 : s_chance(w, 700); told > 0; told--)
        tell_foreign(w, trade);
}

/* What stays unexplained the host accepts: reports have lied. */
void s_accept(struct s_world *w) {
    for (uint32_t i = 0; i < w->n_instruments; i++) {
        perp_position_state s = {.struct_size = sizeof s};
        if (perp_positions_query(perp_core_positions(w->core), i, w->now, &s) != PERP_OK)
            s_fail(w, "query of a position");
        w->doing = "accept a position";
        perp_call call = s_signed(w);
        if (s.latched)
            s_took(w, perp_accept_position(w->core, &call, i), 0);
    }
}

void s_money(struct s_world *w) {
    const int64_t what = s_below(w, 100);
    if (what < 25)
        reserve(w);
    else if (what < 50)
        move_reservation(w);
    else if (what < 75)
        book_money(w);
    else if (what < 90)
        move_equity(w);
    else if (s_has(w, S_MANUAL))
        by_hand(w);
}

/* ---- Clocks and terms ------------------------------------------------------------------------ */

/* Time leaps. Quotes say so, twice: two agree. */
void s_clock(struct s_world *w) {
    if (!s_has(w, S_CLOCKS) || w->depth > 0)
        return;
    w->doing = "a clock that jumps";
    w->skew = 0;
    if (s_chance(w, 300) && w->m.has_clock) { /* one wrong clock moves nothing */
        perp_call far = s_call(w);
        far.now_ns += (int64_t)(2 + w->n_far++ % 97) * S_HOUR; /* no two of them agree */
        perp_status status = perp_capital_update_equity(perp_core_capital(w->core), &far, 0, 1);
        if (!w->dead && status != PERP_E_RANGE)
            s_fail(w, "a call from the future: %s", perp_status_string(status));
        return;
    }
    w->now += s_chance(w, 600) ? s_below(w, 50) * 60 * S_SECOND : s_below(w, 60) * S_HOUR;
    s_exchanges_move(w);
    perp_call call = s_signed(w);
    if (s_took(w, perp_core_advance(w->core, &call), 0))
        s_quote_all(w);
}

/* Exchanges change their terms at any time. */
void s_terms(struct s_world *w) {
    const uint32_t i = (uint32_t)s_below(w, w->n_instruments);
    perp_instrument_spec spec;
    perp_tier tiers[2] = {{0, 50000, 0.004, 0, 50}, {50000, 1e12, 0.01, 300, 20}};
    perp_instrument_spec_init(&spec);
    w->doing = "terms of an instrument";
    if (perp_instrument_get(w->core, i, &spec) != PERP_OK)
        s_fail(w, "terms of an instrument");
    spec.taker_fee_bps = (double)s_below(w, 12);
    tiers[0].mmr = 0.001 * (double)(1 + s_below(w, 8));
    spec.tiers = tiers;
    spec.n_tiers = (uint32_t)s_below(w, 3);
    perp_call call = s_signed(w);
    s_took(w, perp_instrument_update(w->core, &call, &spec), 0);
}

/* ---- Calls that make no sense ---------------------------------------------------------------- */

static double nonsense(struct s_world *w) {
    static const double values[] = {NAN, INFINITY, -INFINITY, -1, -0.0};
    return values[s_below(w, 4)];
}

static perp_status hostile_job(struct s_world *w) {
    perp_job job;
    perp_job_init(&job);
    job.job_id = s_new_id(w);
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = 1000 * PERP_USD;
    job.n_legs = 2;
    for (uint32_t i = 0; i < 2; i++) {
        job.legs[i].instrument = i * w->n_bases;
        job.legs[i].side = i;
        job.legs[i].quantity = 0.02;
    }
    switch (s_below(w, 4)) {
    case 0:
        job.legs[s_below(w, 2)].quantity = nonsense(w);
        break;
    case 1:
        job.expected_edge_bps = NAN;
        break;
    case 2:
        job.legs[1].instrument = 9999;
        break;
    default:
        job.legs[1].leverage = NAN;
    }
    perp_call call = s_call(w);
    return perp_scheduler_submit(perp_core_scheduler(w->core), &call, &job);
}

static perp_status hostile_news(struct s_world *w) {
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = w->n_orders > 0 ? w->orders[s_below(w, w->n_orders)].number : 0;
    news.kind = PERP_NEWS_FILL;
    news.fill_id = "nonsense";
    news.quantity = 0.001;
    news.price = 100;
    *(s_chance(w, 500) ? &news.quantity : &news.price) = nonsense(w);
    perp_call call = s_call(w);
    return perp_orders_tell(perp_core_orders(w->core), &call, &news, NULL);
}

static perp_status hostile_legs(struct s_world *w) {
    const int32_t job = s_pick(w, 1u << PERP_JOB_RUNNING | 1u << PERP_JOB_IN_DOUBT);
    perp_job_result r;
    perp_job_result_init(&r);
    if (job < 0)
        return PERP_E_INVALID;
    const struct s_job *j = &w->m.jobs[job];
    r.n_legs = j->n_legs;
    for (uint32_t i = 0; i < j->n_legs; i++) {
        r.legs[i].filled = s_quantity(w, j->legs[i].instrument, j->legs[i].quantity);
        r.legs[i].price = w->market.price[s_base_of(w, j->legs[i].instrument)];
    }
    *(s_chance(w, 500) ? &r.legs[0].filled : &r.legs[0].price) = nonsense(w);
    perp_call call = s_call(w);
    return s_chance(w, 500)
               ? perp_scheduler_finish(perp_core_scheduler(w->core), &call, &j->id, &r, NULL)
               : perp_scheduler_progress(perp_core_scheduler(w->core), &call, &j->id, r.legs,
                                         j->n_legs);
}

static perp_status hostile_quote(struct s_world *w) {
    const uint32_t i = (uint32_t)s_below(w, w->n_instruments);
    const double mid = w->market.price[s_base_of(w, i)];
    perp_quote q = {.instrument = i, .time_ns = w->now, .bid = mid, .ask = mid * 1.00001};
    q.bid_size = q.ask_size = 1;
    double *const fields[] = {&q.bid, &q.ask, &q.bid_size, &q.ask_size};
    *fields[s_below(w, 4)] = nonsense(w);
    return perp_market_on_quote(perp_core_market(w->core), &q);
}

/* A report that makes no sense leaves its instrument unknown, which is no error's effect; so it is
   tried only where accounts have no age. */
static perp_status hostile_money(struct s_world *w) {
    perp_call call = s_call(w);
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t id;
    switch (s_below(w, 4)) {
    case 0:
        return perp_capital_reserve(perp_core_capital(w->core), &call, 0, 0, -s_below(w, 9), NULL,
                                    &id, &refusal);
    case 1:
        return perp_capital_release(perp_core_capital(w->core), &call, UINT64_MAX, 1);
    case 2:
        return perp_scheduler_kill(perp_core_scheduler(w->core), &call, 0, 0, NULL, 0, NULL);
    default:
        return perp_capital_record_pnl(perp_core_capital(w->core), &call, 0, 1, -1, 0, NULL);
    }
}

void s_hostile(struct s_world *w) {
    static perp_status (*const calls[])(struct s_world *) = {
        hostile_job, hostile_news, hostile_legs, hostile_quote, hostile_money};
    w->doing = "a call that makes no sense";
    w->skew = 0;
    s_memory_fails(w, 0); /* a hash takes memory, too */
    const uint64_t before = perp_core_hash(w->core);
    perp_status status = calls[s_below(w, 5)](w);
    w->n.calls++;
    w->n.hostile++;
    if (w->dead)
        return;
    if (status == PERP_OK)
        s_fail(w, "it was taken");
    if (perp_core_hash(w->core) != before)
        s_fail(w, "it failed (%s), and changed the book", perp_status_string(status));
}
