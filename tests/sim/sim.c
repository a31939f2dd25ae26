/* The world: how a seed makes it, chance, steps, and how it ends. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const s_fault_names[S_FAULTS] = {
#define S_X(name, text) text,
    S_FAULT_LIST(S_X)
#undef S_X
};

void s_fail(struct s_world *w, const char *format, ...) {
    va_list arguments;
    char text[512];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (w->loud && w->core)
        s_print_lots(w);
    fflush(stdout);
    fprintf(stderr,
            "%s\n  seed %" PRIu64 ", step %u, %" PRId64 " ms, while: %s%s\n  last error: %s\n",
            text, w->seed, w->step, (w->now - S_START) / S_MS, w->doing,
            w->depth > 0 ? " (inside a callback)" : "", w->core ? perp_core_error(w->core) : "");
    if (s_keep_in) {
        char file[512];
        snprintf(file, sizeof file, "%s/seed-%" PRIu64 ".life", s_keep_in, w->seed);
        s_shrink(w->seed, w->n_steps, w->faults, file);
    }
    printf("0 passed, 1 failed\n");
    exit(1);
}

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t s_random(struct s_world *w) {
    return mix(w->random += UINT64_C(0x9E3779B97F4A7C15));
}

int64_t s_below(struct s_world *w, int64_t below) {
    return below <= 0 ? 0 : (int64_t)(s_random(w) % (uint64_t)below);
}

bool s_chance(struct s_world *w, int per_thousand) {
    return s_below(w, 1000) < per_thousand;
}

bool s_has(const struct s_world *w, enum s_fault fault) {
    return !w->quiet && (w->faults >> fault & 1);
}

/* Whether reports may come while orders work. */
bool s_reports(const struct s_world *w) {
    return w->quiet || s_has(w, S_REPORTS) || s_has(w, S_LIES) || s_has(w, S_CUTS) ||
           s_has(w, S_MANUAL) || s_has(w, S_CRASH) || s_has(w, S_RESTART);
}

uint32_t s_base_of(const struct s_world *w, uint32_t instrument) {
    return instrument % w->n_bases;
}

uint32_t s_exchange_of(const struct s_world *w, uint32_t instrument) {
    return instrument / w->n_bases;
}

double s_quantity(const struct s_world *w, uint32_t instrument, int64_t steps) {
    return (double)steps * w->step_size[s_base_of(w, instrument)];
}

perp_call s_call(const struct s_world *w) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = w->now;
    return call;
}

perp_call s_signed(const struct s_world *w) {
    perp_call call = s_call(w);
    call.actor = "sim";
    call.reason = "a step";
    return call;
}

perp_uuid s_new_id(struct s_world *w) {
    perp_uuid id;
    memset(&id, 0, sizeof id);
    const uint64_t n = ++w->n_ids, spread = mix(n ^ w->seed);
    memcpy(id.bytes, &spread, 8);
    id.bytes[0] |= 1;
    memcpy(id.bytes + 8, &n, 8);
    return id;
}

uint32_t s_class_of(const perp_uuid *id) {
    return id->bytes[8] % S_CLASSES;
}

bool s_rule_refuses(const struct s_world *w, const perp_uuid *id) {
    return (w->faults >> S_RULES & 1) && s_class_of(id) == w->rule.refused;
}

void s_trace(struct s_world *w, uint64_t what) {
    w->trace = mix(w->trace ^ what) + UINT64_C(0x9E3779B97F4A7C15);
}

bool s_took(struct s_world *w, perp_status status, uint32_t expected) {
    w->n.calls++;
    if (w->loud)
        printf("%u, %" PRId64 " ms: %*s%s: %s\n", w->step, (w->now - S_START) / S_MS,
               2 * (int)w->depth, "", w->doing, perp_status_string(status));
    if (w->dead) { /* a call that was cut off took effect if it is durable */
        const bool made = !w->batch && s_store_durable(w) > w->durable_seen;
        w->durable_seen = s_store_durable(w);
        if (made)
            s_m_time(w);
        return made;
    }
    w->durable_seen = s_store_durable(w);
    s_trace(w, (uint64_t)(uint32_t)status);
    if (status == PERP_OK) {
        s_m_time(w);
        return true;
    }
    w->n.errors++;
    if (status == PERP_E_NOMEM && s_memory_failed(w))
        w->n.nomem++;
    else if (status == PERP_E_STORE && w->failing)
        w->n.store_errors++;
    else if (status == PERP_E_RANGE && w->now - w->m.clock > S_HOUR)
        return false; /* time has leapt, and nobody has said so yet */
    else if (!(expected & S_BIT(status)))
        s_fail(w, "%s: not expected of this call", perp_status_string(status));
    return false;
}

/* ---- The beginning --------------------------------------------------------------------------- */

/* Nothing of markets and scores is in the way of most jobs; the limits that a seed is tried with
   are drawn in draw_limits. */
static void lenient(perp_config *config) {
    config->threading = PERP_THREADING_SERIALIZED;
    config->risk.account_max_age_ms = 0;
    config->risk.daily_loss_limit_pct = 0;
    config->risk.max_account_leverage = 100;
    config->risk.max_consecutive_failures = 1000000;
    config->risk.circuit_failures = 1000000;
    config->risk.max_drawdown_pct = 0.5;
    config->capital.max_single_reserve_ppm = 1000000;
    config->capital.max_total_notional_ppm = 1000000;
    config->capital.drawdown_limit_ppm = 400000;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config->risk.modes[i].min_safety_score = 0;
        config->risk.modes[i].max_acceptable_loss_bps = 1000;
        config->risk.modes[i].max_slippage_bps = 1000;
        config->risk.modes[i].max_spread_ratio = 1000;
        config->risk.modes[i].volatility_threshold = 10;
    }
}

static void draw_limits(struct s_world *w, perp_config *config) {
    static const uint32_t singles[] = {30000, 100000, 400000, 1000000};
    static const uint32_t totals[] = {50000, 150000, 300000, 1000000};
    config->capital.max_single_reserve_ppm = singles[s_below(w, 4)];
    config->capital.max_total_notional_ppm = totals[s_below(w, 4)];
    if (s_chance(w, 300))
        config->scheduler.max_global_concurrent_jobs = (uint32_t)(2 + s_below(w, 8));
    if (s_chance(w, 300))
        config->scheduler.max_concurrent_per_exchange = (uint32_t)(1 + s_below(w, 6));
    if (s_chance(w, 300))
        config->scheduler.max_notional_per_exchange = (2000 + s_below(w, 20000)) * PERP_USD;
    if (s_chance(w, 200))
        config->scheduler.max_dispatch_per_minute = (uint32_t)(5 + s_below(w, 60));
    if (s_chance(w, 250))
        config->risk.daily_loss_limit_usd = (1 + s_below(w, 60)) * PERP_USD;
    if (s_chance(w, 250))
        config->risk.daily_loss_limit_pct = 0.00002 * (double)(1 + s_below(w, 50));
    if (s_chance(w, 250))
        config->risk.max_consecutive_failures = (uint32_t)(2 + s_below(w, 6));
    if (s_chance(w, 150))
        config->risk.circuit_failures = (uint32_t)(3 + s_below(w, 6));
    if (s_chance(w, 250))
        config->risk.max_account_leverage = 0.05 + 0.05 * (double)s_below(w, 20);
    if (s_chance(w, 300))
        config->risk.account_max_age_ms = 20000 + s_below(w, 100000);
    if (s_chance(w, 200))
        config->scheduler.on_reject = PERP_ON_REJECT_DROP;
    if (s_chance(w, 300))
        config->scheduler.aging_per_minute = (double)s_below(w, 20);
    if (s_chance(w, 200))
        config->scheduler.rebalance_pool = PERP_POOL_RESERVE;
    config->scheduler.leg_risk_usd = (1 + s_below(w, 20)) * PERP_USD;
    config->capital.drift_tolerance_usd = (1 + s_below(w, 10)) * PERP_USD;
    config->orders.auto_finish = s_chance(w, 300);
    config->orders.max_unhedged_ms = s_chance(w, 500) ? 200 + s_below(w, 5000) : 5000;
}

static void ask(void *user, const perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *answer) {
    (void)so_far;
    answer->sense = PERP_SENSE_IS_TRUE;
    answer->value = s_rule_refuses(user, &job->job_id);
}

/* A book's rules are those of the process that opened it. */
static void add_rule(struct s_world *w) {
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = "sim_class";
    rule.hard = w->rule.hard = w->seed % 3 != 0;
    rule.ask = ask;
    rule.user = w;
    perp_status status = perp_risk_add_rule(perp_core_risk(w->core), &rule);
    if (status != PERP_OK)
        s_fail(w, "a rule of the host: %s: %s", perp_status_string(status),
               perp_core_error(w->core));
    if (w->rule.reason != 0 && w->rule.reason != rule.reason)
        s_fail(w, "a rule of the host has another number after a restart");
    w->rule.reason = rule.reason;
}

void s_open_core(struct s_world *w) {
    perp_config config = w->config;
    s_callbacks(w, &config.callbacks);
    s_store_open(w, &config.store);
    perp_status status = perp_core_open(&config, &w->core);
    if (status != PERP_OK)
        s_fail(w, "open: %s: %s", perp_status_string(status), perp_core_error(NULL));
    if (w->faults >> S_RULES & 1)
        add_rule(w);
}

static void add_exchange(struct s_world *w, uint32_t x) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "%c", (char)('a' + x));
    if (x == 3 && s_chance(w, 400)) /* another account of the first */
        strcpy(spec.venue, "a");
    spec.margin_mode = s_chance(w, 300) ? PERP_MARGIN_CROSS : PERP_MARGIN_ISOLATED;
    w->cross |= (uint32_t)(spec.margin_mode == PERP_MARGIN_CROSS) << x;
    s_took(w, perp_exchange_add(w->core, &spec, &id), 0);
    w->m.accounts[x].max_concurrent = PERP_NO_ID;
    w->m.accounts[x].max_notional = -1;
}

/* One exchange has perpetuals in any case, for repairs. In cross margin what is known of an inverse
   contract is too little to open it. */
static void draw_kind(struct s_world *w, uint32_t i, perp_instrument_spec *spec) {
    const uint64_t kind = mix(w->seed ^ mix(i + 77)) % 3;
    if (!s_has(w, S_KINDS) || s_exchange_of(w, i) == 0)
        return;
    w->spot[i] = kind == 0;
    if (kind == 0)
        spec->kind = PERP_KIND_SPOT;
    else if (kind == 1 && !(w->cross >> s_exchange_of(w, i) & 1))
        strcpy(spec->contract, "inverse");
}

static void add_instrument(struct s_world *w, uint32_t i) {
    static const char *const symbols[S_BASES] = {"BTC/USDT:USDT", "ETH/USDT:USDT"};
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    draw_kind(w, i, &spec);
    spec.exchange = s_exchange_of(w, i);
    strcpy(spec.symbol, symbols[s_base_of(w, i)]);
    spec.qty_step = w->step_size[s_base_of(w, i)];
    s_took(w, perp_instrument_add(w->core, &spec, &id), 0);
}

void s_set_up(struct s_world *w) {
    w->doing = "set up";
    for (uint32_t x = 0; x < w->n_exchanges; x++)
        add_exchange(w, x);
    for (uint32_t i = 0; i < w->n_instruments; i++)
        add_instrument(w, i);
    for (uint32_t x = 0; x < w->n_exchanges; x++) {
        perp_call call = s_call(w);
        const perp_usd equity = (20000 + s_below(w, 80000)) * PERP_USD;
        if (s_took(w, perp_capital_update_equity(perp_core_capital(w->core), &call, x, equity), 0))
            s_m_equity(w, x, equity);
        s_report(w, x, w->now, false);
    }
    s_quote_all(w);
    if (w->batch && !s_took(w, perp_core_flush(w->core), 0))
        s_fail(w, "flush");
}

void s_begin(struct s_world *w, uint64_t seed, uint32_t n_steps, uint64_t faults) {
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = mix(seed * 2 + 1);
    w->n_steps = n_steps;
    w->faults = faults;
    w->now = S_START + s_below(w, S_DAY);
    w->n_exchanges = (uint32_t)(2 + s_below(w, S_EXCHANGES - 1));
    w->n_bases = (uint32_t)(1 + s_below(w, S_BASES));
    w->n_instruments = w->n_exchanges * w->n_bases;
    w->step_size[0] = 0.0001;
    w->step_size[1] = 0.001;
    w->market.price[0] = 50000;
    w->market.price[1] = 2500;
    w->market.feed = PERP_TIME_NONE;
    w->ended_by_call = -1;
    w->m.next_reservation = w->m.next_order = 1;
    w->m.mode = PERP_MODE_BALANCED;
    perp_config_init(&w->config);
    lenient(&w->config);
    draw_limits(w, &w->config);
    perp_tick_result_init(&w->tick);
    const bool wants = s_has(w, S_DISK) || s_has(w, S_CRASH) || s_has(w, S_RESTART);
    w->store = !wants ? S_NO_STORE : s_has(w, S_SQLITE) ? S_SQLITE_STORE : S_MEMORY_STORE;
    w->batch = w->store != S_NO_STORE && (s_chance(w, 250) || s_has(w, S_BARRIERS));
    w->config.durability = w->batch ? PERP_DURABILITY_BATCH : PERP_DURABILITY_EVERY;
    w->config.checkpoint_every = s_chance(w, 500) ? (uint64_t)(50 + s_below(w, 1000)) : 0;
    w->config.allocator = s_allocator(w, false);
    s_store_new(w);
}

void s_end(struct s_world *w) {
    perp_tick_result_free(&w->tick);
    free(w->view);
    w->view = NULL;
    perp_status status = perp_core_close(w->core);
    w->core = NULL;
    if (status != PERP_OK)
        s_fail(w, "close: %s: %s", perp_status_string(status), perp_core_error(NULL));
    s_store_end(w);
    s_memory_end(w);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

void s_one_step(struct s_world *w, uint32_t step) {
    w->step = step;
    w->random = mix(w->seed ^ mix(step + 1));
    w->now += s_below(w, 120) * S_MS + s_below(w, S_MS);
    w->n.steps++;
    s_exchanges_move(w);
    s_act(w);
    if (w->dead)
        s_restart(w, true);
    s_audit(w);
}

/* One base's exits after the other, until nothing is left; some hundred rounds are far more than
   any of it takes. */
static bool all_is_over(struct s_world *w) {
    perp_scheduler_state s = {.struct_size = sizeof s};
    if (perp_scheduler_query(perp_core_scheduler(w->core), &s) != PERP_OK)
        s_fail(w, "query of the scheduler");
    bool over = s.pending == 0 && s.running == 0 && w->n_news == 0 && w->n_waiting == 0;
    for (uint32_t b = 0; over && b < w->n_bases; b++) {
        perp_base_state base = {.struct_size = sizeof base};
        if (perp_positions_base(perp_core_positions(w->core), b, w->now, &base) != PERP_OK)
            s_fail(w, "query of a base");
        over = !base.is_naked;
    }
    return over;
}

static void report_all(struct s_world *w) {
    w->now += 3 * S_SECOND;
    s_exchanges_move(w);
    for (uint32_t x = 0; x < w->n_exchanges; x++)
        s_report(w, x, w->now, false);
    s_audit(w);
}

/* What still waits or works hears all that there is to hear. */
static void hear_all(struct s_world *w) {
    s_exchanges_move(w);
    s_quote_all(w);
    while (s_hear(w))
        ;
    for (uint32_t j = 0; j < w->m.n_jobs; j++)
        if (s_runs(&w->m.jobs[j]))
            s_ask_about(w, (int32_t)j);
    s_amend_all(w);
}

static void say_what_stays(struct s_world *w, uint32_t rounds) {
    s_audit_all(w);
    for (uint32_t k = 0; k < w->m.n_live; k++) {
        perp_job_info info = {.struct_size = sizeof info};
        const struct s_job *j = &w->m.jobs[w->m.live[k]];
        if (perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info) == PERP_OK)
            s_fail(w,
                   "liveness: job %u%s is %s after %u rounds without faults; refused: %s, "
                   "skipped: %s",
                   w->m.live[k], j->repair ? ", a repair," : "", perp_job_state_string(info.state),
                   rounds, perp_reason_string(info.last_refusal),
                   perp_reason_string(info.last_skip));
    }
    s_fail(w, "liveness: after %u rounds without faults a base is naked", rounds);
}

/* Until nothing runs, waits or is naked, and two reports more have changed nothing of that: one
   that would end a hedge is believed with the second. */
static void settle(struct s_world *w) {
    const uint32_t rounds = 3000;
    for (uint32_t round = 0; round < rounds; round++) {
        w->now += 200 * S_MS;
        hear_all(w);
        if (round > 0 && all_is_over(w)) {
            report_all(w);
            report_all(w);
            s_tick(w);
            s_audit(w);
            if (all_is_over(w))
                return;
        }
        if (round % 100 == 99) /* what no limit will ever let pass */
            s_cancel_waiting(w);
        if (round % 50 == 49 && (w->faults >> S_LIES & 1))
            s_accept(w);
        s_tick(w);
        s_audit(w);
        if (round % 10 == 0)
            report_all(w);
    }
    say_what_stays(w, rounds);
}

void s_wind_up(struct s_world *w) {
    w->random = mix(w->seed ^ UINT64_C(0x77));
    w->quiet = true;
    w->doing = "wind up";
    w->step = w->n_steps;
    s_memory_fails(w, 0);
    s_store_dies(w, 0);
    s_store_fails(w, false);
    s_undo_control(w);
    s_tell_foreign(w);
    settle(w);
    s_audit_rest(w);
    w->doing = "exits";
    for (uint32_t j = 0; j < w->m.n_jobs; j++)
        if (w->m.jobs[j].state == PERP_JOB_OPEN || w->m.jobs[j].state == PERP_JOB_PARTIAL)
            s_exit(w, (int32_t)j, true);
    settle(w);
    s_audit_rest(w);
    s_flatten(w);
    settle(w);
    s_audit_rest(w);
    w->n.rests++;
}
