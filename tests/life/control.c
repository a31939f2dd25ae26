/* What goes wrong and is mended again, one thing at a time, so that each rule is what jobs wait
   for; and what persons do. */
#include "life.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Rules of the host ----------------------------------------------------------------------- */

static uint64_t hash_of(const perp_uuid *id, uint64_t phase) {
    uint64_t hash = phase * UINT64_C(0x9E3779B97F4A7C15);
    for (int i = 0; i < 16; i++)
        hash = (hash ^ id->bytes[i]) * UINT64_C(1099511628211);
    return hash >> 32;
}

/* A hard one, which looks at the job, and at what only perp_risk_rule_changed tells of. */
static void ask_desk(void *user, const perp_job *job, const perp_evaluation *so_far,
                     perp_rule_answer *answer) {
    struct l_host *host = user;
    (void)so_far;
    host->rules_asked++;
    answer->sense = PERP_SENSE_IS_TRUE;
    answer->value = hash_of(&job->job_id, host->life->rule_phase[0]) % 16 == 0;
}

/* A soft one, which looks at what was found, and answers differently after a time. */
static void ask_calendar(void *user, const perp_job *job, const perp_evaluation *so_far,
                         perp_rule_answer *answer) {
    struct l_host *host = user;
    const int64_t period = 20 * L_SECOND, now = host->life->now;
    (void)job;
    host->rules_asked++;
    answer->sense = PERP_SENSE_ABOVE;
    answer->limit = (now / period) % 4 == 0 ? 8 : 40;
    answer->value = so_far->n_legs ? so_far->cost_bps : 0;
    answer->until_ns = (now / period + 1) * period;
}

void l_add_rules(struct life *life, uint32_t book) {
    static const struct {
        const char *name;
        void (*ask)(void *, const perp_job *, const perp_evaluation *, perp_rule_answer *);
    } rules[L_RULES] = {{"desk", ask_desk}, {"calendar", ask_calendar}};
    if (life->seed % 3 == 0)
        return;
    for (uint32_t i = 0; i < L_RULES; i++) {
        perp_host_rule rule;
        perp_host_rule_init(&rule);
        rule.name = rules[i].name;
        rule.ask = rules[i].ask;
        rule.hard = i == 0;
        rule.user = &life->hosts[book];
        if (perp_risk_add_rule(perp_core_risk(life->books[book]), &rule) != PERP_OK)
            l_fail(life, "rule: %s", perp_core_error(life->books[book]));
    }
}

void l_rules_changed(struct life *life) {
    life->doing = "rule changed";
    life->rule_phase[0]++;
    L_EACH(life, perp_risk_rule_changed(perp_core_risk(core), PERP_REASON_HOST_1));
}

/* ---- Troubles: on, and off again ------------------------------------------------------------- */

static void reconfigure(struct life *life, const char *text) {
    perp_call call = l_call(life);
    L_EACH(life, perp_core_reconfigure(core, &call, text, strlen(text)));
    if (life->status != PERP_OK)
        l_fail(life, "reconfigure %s: %s", text, perp_core_error(life->books[0]));
}

static void kill_one(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t x = life->instruments[i].exchange;
    L_EACH(life, perp_scheduler_kill(perp_core_scheduler(core), &call, on, x, NULL, 0, NULL));
    if (!on) /* also what a callback did */
        for (x = 0; x < life->n_exchanges; x++)
            L_EACH(life,
                   perp_scheduler_kill(perp_core_scheduler(core), &call, 0, x, NULL, 0, NULL));
}

static void kill_all(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    (void)i;
    L_EACH(life, perp_scheduler_kill(perp_core_scheduler(core), &call, on, PERP_ALL_EXCHANGES, NULL,
                                     0, NULL));
}

static void pause(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    (void)i;
    if (on)
        L_EACH(life, perp_scheduler_pause(perp_core_scheduler(core), &call));
    else
        L_EACH(life, perp_scheduler_resume(perp_core_scheduler(core), &call));
}

static void safe_mode(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t x = life->instruments[i].exchange;
    L_EACH(life, perp_capital_set_safe_mode(perp_core_capital(core), &call, x, on));
}

static const char *symbol_of(struct life *life, uint32_t i, perp_instrument_spec *spec) {
    perp_instrument_spec_init(spec);
    if (perp_instrument_get(life->books[0], i, spec) != PERP_OK)
        l_fail(life, "instrument %u: %s", i, perp_core_error(life->books[0]));
    return spec->symbol;
}

static void blacklist(struct life *life, uint32_t i, bool on) {
    perp_instrument_spec spec;
    perp_call call = l_call(life);
    const char *symbol = symbol_of(life, i, &spec);
    L_EACH(life, perp_risk_blacklist(perp_core_risk(core), &call, symbol, on));
}

static void halt(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    L_EACH(life, perp_risk_halt_instrument(perp_core_risk(core), &call, i, on));
}

/* All but a base, but for one strategy. */
static void allow(struct life *life, uint32_t i, bool on) {
    static const char *const patterns[] = {"BTC/*", "ETH/*", "SOL/*"};
    perp_call call = l_call(life);
    for (uint32_t b = 0; b < 3; b++) {
        uint32_t strategy = i % 2 ? PERP_ALL_STRATEGIES : PERP_STRATEGY_WASH;
        if (b != life->instruments[i].base)
            L_EACH(life, perp_risk_allow(perp_core_risk(core), &call, patterns[b],
                                         PERP_ALL_EXCHANGES, strategy, on));
    }
}

static void down(struct life *life, uint32_t i, bool on) {
    l_api(life, life->instruments[i].exchange, on ? PERP_API_DOWN : PERP_API_UP);
}

static void degraded(struct life *life, uint32_t i, bool on) {
    l_api(life, life->instruments[i].exchange, on ? PERP_API_DEGRADED : PERP_API_UP);
}

/* A circuit that opens by failures, and closes by a success once it is half open. */
static void circuit(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t x = life->instruments[i].exchange, n = on ? life->config.risk.circuit_failures : 1;
    for (uint32_t k = 0; k < n; k++)
        if (on)
            L_EACH(life, perp_risk_record_failure(perp_core_risk(core), &call, x));
        else
            L_EACH(life, perp_risk_record_success(perp_core_risk(core), &call, x));
    life->failed_at[x] = life->now;
}

static void auto_halt(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    (void)i;
    for (uint32_t k = 0; on && k < life->config.risk.max_consecutive_failures; k++)
        L_EACH(life, perp_risk_record_failure(perp_core_risk(core), &call, PERP_ALL_EXCHANGES));
    if (!on)
        L_EACH(life, perp_risk_reset_halt(perp_core_risk(core), &call));
}

/* Jobs fail, until their strategies are halted. */
static void strategies(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    (void)i;
    life->failing = on;
    for (uint32_t s = 0; !on && s < PERP_STRATEGY_COUNT; s++)
        L_EACH(life, perp_risk_reset_strategy(perp_core_risk(core), &call, s));
}

static void unreported(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t x = life->instruments[i].exchange;
    life->unreported[x] = on;
    if (!on) {
        l_report(life, x);
    } else if (l_chance(life, 60)) {
        const perp_position_report bad = {.instrument = i, .quantity = NAN};
        L_EACH(life, perp_position(core, &call, &bad, PERP_TIME_NONE));
        life->instruments[i].bad_report = life->status == PERP_E_INVALID;
    } else { /* a report too far off to be believed at once */
        L_EACH(life,
               perp_capital_update_equity(perp_core_capital(core), &call, x, life->equity[x] * 4));
    }
}

static void silent(struct life *life, uint32_t i, bool on) {
    life->instruments[i].silent = on;
    if (!on)
        l_quote(life, i);
}

static void withdrawn(struct life *life, uint32_t i, bool on) {
    life->instruments[i].silent = on;
    if (on)
        l_withdraw(life, i);
    else
        l_quote(life, i);
}

/* A price that leaves those of jobs that wait, and comes back. */
static void moved(struct life *life, uint32_t i, bool on) {
    life->prices[life->instruments[i].base] *= on ? 1.09 : 1 / 1.09;
    l_keep_fresh(life, true);
}

/* A price that jumps to and fro. */
static void fast(struct life *life, uint32_t i, bool on) {
    life->instruments[i].apart += on ? 0.012 : -0.012;
    l_quote(life, i);
}

static void wide(struct life *life, uint32_t i, bool on) {
    life->instruments[i].half_spread *= on ? 8 : 1.0 / 8;
    l_quote(life, i);
}

static void slipping(struct life *life, uint32_t i, bool on) {
    life->instruments[i].half_spread = on ? l_uniform(life, 0.0008, 0.0025) : 2e-5;
    l_quote(life, i);
}

static void thin(struct life *life, uint32_t i, bool on) {
    life->instruments[i].size_usd = on ? l_uniform(life, 50, 1000) : 20000;
    l_quote(life, i);
}

static void dear(struct life *life, uint32_t i, bool on) {
    life->instruments[i].rate = on ? (i % 2 ? 1 : -1) * l_uniform(life, 2e-4, 2e-3) : 1e-5;
    l_funding(life, i);
}

/* No rate that makes sense: what is held over a settlement has none. */
static void no_rate(struct life *life, uint32_t i, bool on) {
    const struct l_feed feed = {.kind = L_FUNDING, .as.funding = {i, 0, life->now, 0.9, 8, 0}};
    if (on)
        l_feed(life, &feed);
    else
        l_funding(life, i);
}

static void settles(struct life *life, uint32_t i, bool on) {
    struct l_instrument *instrument = &life->instruments[i];
    l_funding(life, i);
    if (!on)
        return;
    instrument->next = life->now + l_within(life, 12 * L_MINUTE);
    const struct l_feed feed = {.kind = L_FUNDING,
                                .as.funding = {i, 0, life->now, instrument->rate,
                                               instrument->interval_h, instrument->next}};
    l_feed(life, &feed);
}

static void depeg(struct life *life, uint32_t i, bool on) {
    l_rate(life, i % 2 ? "USDT" : "USDC", on ? 0.98 : 1);
}

static void slow(struct life *life, uint32_t i, bool on) {
    for (int n = 0; n < 100; n++)
        l_latency(life, life->instruments[i].exchange, on ? 1500 + n * 20 : 30);
}

static void loss(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t x = life->instruments[i].exchange;
    perp_usd all = 0;
    for (uint32_t k = 0; k < life->n_exchanges; k++)
        all += life->equity[k];
    if (on) {
        L_EACH(life,
               perp_capital_record_pnl(perp_core_capital(core), &call, x, -all / 12, 0, 0, NULL));
        return;
    }
    L_EACH(life, perp_capital_record_pnl(perp_core_capital(core), &call, x, all / 12, 0, 0, NULL));
    for (x = 0; x < life->n_exchanges; x++)
        L_EACH(life,
               perp_capital_correct(perp_core_capital(core), &call, x, life->equity[x], NULL));
}

/* Equity that falls, not far enough for the day's loss, and comes back. */
static void sinks(struct life *life, uint32_t i, bool on) {
    (void)i;
    for (uint32_t x = 0; x < life->n_exchanges; x++) {
        life->equity[x] = (perp_usd)((double)life->equity[x] * (on ? 0.985 : 1 / 0.985));
        l_report(life, x);
    }
}

/* Somebody else's trade, which nothing explains, and what a person says to it. */
static void drift(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    perp_position_state state = {.struct_size = sizeof state};
    if (!on) {
        L_EACH(life, perp_accept_position(core, &call, i));
        return;
    }
    if (perp_positions_query(perp_core_positions(life->books[0]), i, life->now, &state) != PERP_OK)
        l_fail(life, "position: %s", perp_core_error(life->books[0]));
    const perp_position_report report = {.instrument = i,
                                         .margin_mode = PERP_MARGIN_NOT_GIVEN,
                                         .quantity = state.quantity + l_uniform(life, -1, 1) * 300 /
                                                                          l_price(life, i)};
    for (int twice = 0; twice < 2; twice++)
        L_EACH(life, perp_position(core, &call, &report, PERP_TIME_NONE));
}

static void naked(struct life *life, uint32_t i, bool on) {
    static const char *const bases[] = {"BTC", "ETH", "SOL"};
    const char *base = bases[life->instruments[i].base];
    perp_call call = l_call(life);
    if (on) {
        drift(life, i, true);
        return;
    }
    L_EACH(life, perp_resume_repair(core, &call, base));
    L_EACH(life, perp_resolve(core, &call, base));
}

static void small_position(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    perp_instrument_spec spec;
    symbol_of(life, i, &spec);
    spec.max_position_usd = on ? 50 * PERP_USD : 0;
    L_EACH(life, perp_instrument_update(core, &call, &spec));
}

static void large_minimum(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    perp_instrument_spec spec;
    symbol_of(life, i, &spec);
    spec.min_notional = on ? 1500 * PERP_USD : 0;
    spec.taker_fee_bps = on ? 1 : PERP_FEE_OF_EXCHANGE;
    L_EACH(life, perp_instrument_update(core, &call, &spec));
}

static void fees(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    if (perp_exchange_get(life->books[0], life->instruments[i].exchange, &spec) != PERP_OK)
        l_fail(life, "exchange: %s", perp_core_error(life->books[0]));
    spec.taker_fee_bps = on ? 90 : 2;
    spec.liquidation_fee_bps = on ? 50 : 0;
    if (l_accounts_age(life) && l_chance(life, 40))
        spec.margin_mode = !spec.margin_mode;
    L_EACH(life, perp_exchange_update(core, &call, &spec));
}

static void limits(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    perp_limits set;
    perp_limits_init(&set);
    if (on) {
        set.exchange = life->instruments[i].exchange;
        set.max_concurrent = 1 + l_below(life, 3);
        set.max_notional = (1000 + l_within(life, 5000)) * PERP_USD;
        set.max_dispatch_per_minute = 1 + l_below(life, 5);
        set.max_global_concurrent_jobs = 1 + l_below(life, 4);
    } else {
        set.exchange = life->instruments[i].exchange;
        set.max_concurrent = 10;
        set.max_notional = 50000 * PERP_USD;
        set.max_dispatch_per_minute = life->config.scheduler.max_dispatch_per_minute;
        set.max_global_concurrent_jobs = life->config.scheduler.max_global_concurrent_jobs;
    }
    L_EACH(life, perp_scheduler_set_limits(perp_core_scheduler(core), &call, &set));
}

static void mode(struct life *life, uint32_t i, bool on) {
    perp_call call = l_call(life);
    uint32_t to = on ? i % PERP_MODE_COUNT : life->config.risk.mode;
    L_EACH(life, perp_risk_set_mode(perp_core_risk(core), &call, to));
}

static void override(struct life *life, uint32_t i, bool on) {
    perp_uuid ids[L_JOBS];
    uint32_t n = l_list(life, PERP_JOB_PENDING, ids);
    const perp_uuid *one = n && i % 2 ? &ids[l_below(life, n)] : NULL;
    int64_t ttl = 1 + l_within(life, l_chance(life, 50) ? 1000 : 60000);
    perp_call call = l_call(life);
    L_EACH(life, perp_risk_manual_override(perp_core_risk(core), &call, on,
                                           on ? ttl : PERP_TIME_NONE, one));
    if (on && life->status == PERP_OK)
        life->override_until = life->now + ttl * L_MS;
}

static void collateral(struct life *life, uint32_t i, bool on) {
    static const char *const bases[] = {"BTC", "ETH", "SOL"};
    perp_call call = l_call(life);
    uint32_t b = life->instruments[i].base, x = life->instruments[i].exchange;
    L_EACH(life, perp_risk_set_collateral(perp_core_risk(core), &call, x, bases[b],
                                          on ? 2000 / life->prices[b] : 0, 0.1));
}

/* Settings that make one rule tight, and what they are again. */
#define SETTING(name, tight, loose)                                                                \
    static void name(struct life *life, uint32_t i, bool on) {                                     \
        (void)i;                                                                                   \
        reconfigure(life, on ? tight : loose);                                                     \
    }
SETTING(net, "{\"risk\":{\"max_net_exposure_usd\":0.5}}", "{\"risk\":{\"max_net_exposure_usd\":0}}")
SETTING(gross, "{\"risk\":{\"max_gross_exposure_usd\":300}}",
        "{\"risk\":{\"max_gross_exposure_usd\":0}}")
SETTING(account_leverage, "{\"risk\":{\"max_account_leverage\":0.003}}",
        "{\"risk\":{\"max_account_leverage\":5}}")
SETTING(safety,
        "{\"risk\":{\"modes\":{\"conservative\":{\"min_safety_score\":96},\"balanced\":"
        "{\"min_safety_score\":96},\"aggressive\":{\"min_safety_score\":96}}}}",
        "{\"risk\":{\"modes\":{\"conservative\":{\"min_safety_score\":75},\"balanced\":"
        "{\"min_safety_score\":70},\"aggressive\":{\"min_safety_score\":60}}}}")
SETTING(distance, "{\"risk\":{\"min_liquidation_distance\":0.4}}",
        "{\"risk\":{\"min_liquidation_distance\":0.05}}")
SETTING(unhedged, "{\"risk\":{\"max_unhedged_usd\":1}}", "{\"risk\":{\"max_unhedged_usd\":0}}")
SETTING(capital, "{\"capital\":{\"max_single_reserve_pct\":0.002}}",
        "{\"capital\":{\"max_single_reserve_pct\":0.1}}")
SETTING(blackout, "{\"risk\":{\"blackout_minutes\":200}}", "{\"risk\":{\"blackout_minutes\":10}}")
SETTING(tolerance, "{\"risk\":{\"notional_tolerance\":0.00001}}",
        "{\"risk\":{\"notional_tolerance\":0.05}}")
SETTING(weights,
        "{\"risk\":{\"weights\":{\"funding\":0.1,\"spread\":0.3},\"daily_volume_target\":50}}",
        "{\"risk\":{\"weights\":{\"funding\":0.2,\"spread\":0.2},\"daily_volume_target\":0}}")
#undef SETTING

static const struct {
    const char *name;
    void (*set)(struct life *life, uint32_t number, bool on);
    uint32_t weight, steps; /* so long at most */
} TROUBLES[] = {
    {"an exchange is killed", kill_one, 2, 60},
    {"all is killed", kill_all, 1, 10},
    {"paused", pause, 1, 20},
    {"safe mode", safe_mode, 2, 60},
    {"a symbol is blacklisted", blacklist, 2, 60},
    {"an instrument is halted", halt, 2, 60},
    {"allow-list", allow, 2, 60},
    {"an exchange is down", down, 2, 60},
    {"an exchange is degraded", degraded, 2, 60},
    {"a circuit is open", circuit, 3, 60},
    {"halted by failures", auto_halt, 2, 40},
    {"strategies halted", strategies, 4, 120},
    {"an account is not reported", unreported, 3, 60},
    {"a feed is silent", silent, 3, 80},
    {"a book is withdrawn", withdrawn, 3, 60},
    {"prices moved", moved, 2, 60},
    {"a fast market", fast, 3, 60},
    {"a wide spread", wide, 4, 30},
    {"slippage", slipping, 3, 60},
    {"a thin book", thin, 3, 60},
    {"funding is dear", dear, 4, 80},
    {"no funding rate", no_rate, 3, 80},
    {"a settlement is near", settles, 4, 80},
    {"a stablecoin is off", depeg, 2, 60},
    {"latency", slow, 3, 60},
    {"a day's loss", loss, 6, 60},
    {"equity sinks", sinks, 3, 60},
    {"drift", drift, 3, 60},
    {"naked", naked, 3, 100},
    {"a limit of a position", small_position, 3, 80},
    {"minima are raised", large_minimum, 3, 80},
    {"fees are raised", fees, 2, 60},
    {"limits are lowered", limits, 3, 80},
    {"another mode", mode, 5, 40},
    {"override", override, 4, 30},
    {"collateral", collateral, 2, 100},
    {"net exposure", net, 4, 80},
    {"gross exposure", gross, 2, 60},
    {"leverage of the account", account_leverage, 2, 60},
    {"a safety score that few reach", safety, 3, 60},
    {"liquidation is near", distance, 2, 60},
    {"unhedged", unhedged, 6, 120},
    {"capital is short", capital, 2, 60},
    {"long blackouts", blackout, 2, 60},
    {"notionals held tightly", tolerance, 2, 40},
    {"other weights", weights, 2, 60},
};
#define N_TROUBLES ((uint32_t)(sizeof TROUBLES / sizeof *TROUBLES))
_Static_assert(sizeof TROUBLES / sizeof *TROUBLES <= L_TROUBLES, "room for all troubles");

static void mend(struct life *life, uint32_t t) {
    life->doing = TROUBLES[t].name;
    life->troubles[t].on = false;
    life->n_troubles--;
    TROUBLES[t].set(life, life->troubles[t].number, false);
}

static void start(struct life *life) {
    uint32_t all = 0, t = 0;
    for (uint32_t i = 0; i < N_TROUBLES; i++)
        all += TROUBLES[i].weight;
    uint32_t pick = l_below(life, all);
    while (pick >= TROUBLES[t].weight)
        pick -= TROUBLES[t++].weight;
    if (life->troubles[t].on)
        return;
    life->doing = TROUBLES[t].name;
    life->troubles[t].on = true;
    life->troubles[t].number = l_below(life, life->n_instruments);
    life->troubles[t].until = life->step + 5 + l_below(life, TROUBLES[t].steps);
    life->n_troubles++;
    TROUBLES[t].set(life, life->troubles[t].number, true);
}

/* ---- What persons do, and what others have left ---------------------------------------------- */

static bool is_on(const struct life *life, void (*set)(struct life *, uint32_t, bool)) {
    for (uint32_t t = 0; t < N_TROUBLES; t++)
        if (life->troubles[t].on && TROUBLES[t].set == set)
            return true;
    return false;
}

/* Of what callbacks, failures and half-filled jobs have left behind, one thing is put right. */
static void tidy(struct life *life) {
    static const struct {
        void (*set)(struct life *, uint32_t, bool);
        bool everywhere;
    } things[] = {{kill_one, false},  {kill_all, false}, {pause, false},
                  {auto_halt, false}, {loss, false},     {strategies, false},
                  {safe_mode, true},  {drift, true},     {naked, true}};
    uint32_t pick = l_below(life, sizeof things / sizeof *things);
    life->doing = "tidy";
    if (is_on(life, things[pick].set))
        return;
    if (!things[pick].everywhere)
        things[pick].set(life, 0, false);
    for (uint32_t i = 0; things[pick].everywhere && i < life->n_instruments; i++)
        things[pick].set(life, i, false);
}

void l_control_step(struct life *life) {
    uint32_t pick = l_below(life, 100), i = l_below(life, life->n_instruments);
    perp_call call = l_call(life);
    life->doing = "control";
    if (pick < 15) {
        tidy(life);
    } else if (pick < 35) {
        l_rules_changed(life);
    } else if (pick < 45) {
        uint32_t x = life->instruments[i].exchange;
        L_EACH(life, perp_risk_record_failure(perp_core_risk(core), &call, x));
        life->failed_at[x] = life->now;
    } else if (pick < 65) {
        L_EACH(life, perp_risk_record_success(perp_core_risk(core), &call,
                                              life->instruments[i].exchange));
    } else if (pick < 85) {
        override(life, i, l_chance(life, 70));
    } else if (pick < 95) {
        mode(life, l_below(life, PERP_MODE_COUNT), true);
    } else if (pick < 97) {
        l_new_instrument(life);
    } else {
        int32_t offset = (int32_t)l_below(life, 2879) - 1439;
        L_EACH(life, perp_capital_set_day_offset(perp_core_capital(core), &call, offset));
    }
}

/* Mostly there are one or two; now and then all is well. */
void l_trouble_step(struct life *life) {
    for (uint32_t t = 0; t < N_TROUBLES; t++)
        if (life->troubles[t].on && life->step >= life->troubles[t].until)
            mend(life, t);
    if (l_chance(life, life->n_troubles == 0 ? 10 : life->n_troubles < 3 ? 4 : 1))
        start(life);
    if (l_chance(life, 15))
        tidy(life);
}

void l_tidy(struct life *life) {
    for (int i = 0; i < 20; i++)
        tidy(life);
}
