/* Control, evaluation, queries, and calls that are wrong by themselves. */
#include "property.h"

#include <stdlib.h>
#include <string.h>

#define BIT PERP_REASON_BIT

/* What nothing overrides. */
#define HARD                                                                                       \
    (BIT(PERP_REASON_KILLED) | BIT(PERP_REASON_SELF_TRADE) | BIT(PERP_REASON_BLACKLISTED) |        \
     BIT(PERP_REASON_UNRESOLVED_LEG) | BIT(PERP_REASON_POSITION_DRIFT) |                           \
     BIT(PERP_REASON_EXCHANGE_DOWN) | BIT(PERP_REASON_NO_ACCOUNT_DATA) |                           \
     BIT(PERP_REASON_NO_MARKET_DATA) | BIT(PERP_REASON_STALE_QUOTE) |                              \
     BIT(PERP_REASON_NOTIONAL_MISMATCH) | BIT(PERP_REASON_EXCHANGE_LIMITS) |                       \
     BIT(PERP_REASON_POSITION_LIMIT) | BIT(PERP_REASON_DAILY_LOSS) |                               \
     BIT(PERP_REASON_LIQUIDATION_DISTANCE) | BIT(PERP_REASON_ACCOUNT_LEVERAGE) |                   \
     BIT(PERP_REASON_NO_INVENTORY) | BIT(PERP_REASON_INSUFFICIENT_CAPITAL))

static const char *const SYMBOLS[] = {"BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"};

static void kill_switch(p_run *run) {
    uint32_t on = p_chance(run, 4) ? 1 : 0;
    uint32_t x =
        p_chance(run, 40) ? PERP_ALL_EXCHANGES : (uint32_t)p_below(run, run->book.n_exchanges);
    if (p_chance(run, 2)) {
        x = run->book.n_exchanges;
    }
    perp_uuid jobs[64];
    uint32_t count = 0;
    perp_call call = p_call(run, p_chance(run, 85));
    int64_t now = n_time_of(&run->book, call.now_ns, on != 0);
    perp_status wanted = x != PERP_ALL_EXCHANGES && x >= run->book.n_exchanges ? PERP_E_NOT_FOUND
                         : !on && !p_is_signed(&call)                          ? PERP_E_INVALID
                         : n_too_far(&run->book, now)                          ? PERP_E_RANGE
                                                                               : PERP_OK;
    p_expect(run, perp_scheduler_kill(run->scheduler, &call, on, x, jobs, 64, &count), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(&run->book, now);
    if (x == PERP_ALL_EXCHANGES) {
        run->book.killed = on != 0;
    } else {
        run->book.exchanges[x].killed = on != 0;
    }
    /* Those that run there, by their dispatch. */
    uint32_t n = 0;
    int64_t last = 0;
    for (int more = 1; on && more;) {
        const n_job *next = NULL;
        for (int i = 0; i < run->book.n_active; i++) {
            const n_job *j = &run->book.jobs[run->book.active[i]];
            int there = x == PERP_ALL_EXCHANGES;
            for (uint32_t k = 0; k < j->job.n_legs; k++) {
                there |= run->book.instruments[j->job.legs[k].instrument].exchange == x;
            }
            if (n_runs(j) && there && j->order_of_dispatch > last &&
                (next == NULL || j->order_of_dispatch < next->order_of_dispatch)) {
                next = j;
            }
        }
        more = next != NULL;
        if (more) {
            last = next->order_of_dispatch;
            if (n >= count || memcmp(&jobs[n], &next->id, sizeof next->id) != 0) {
                p_fail(run, "kill does not name job %u in order of dispatch", n);
            }
            n++;
        }
    }
    if (on && n != count) {
        p_fail(run, "kill names %u jobs, wanted %u", count, n);
    }
}

static void pause_or_resume(p_run *run) {
    int resume = p_chance(run, 90);
    perp_call call = p_call(run, p_chance(run, 80));
    int64_t now = n_time_of(&run->book, call.now_ns, !resume);
    perp_status wanted = resume && !p_is_signed(&call) ? PERP_E_INVALID
                         : n_too_far(&run->book, now)  ? PERP_E_RANGE
                                                       : PERP_OK;
    p_expect(run,
             resume ? perp_scheduler_resume(run->scheduler, &call)
                    : perp_scheduler_pause(run->scheduler, &call),
             wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, now);
        run->book.paused = !resume;
    }
}

static void mode(p_run *run) {
    uint32_t wish = (uint32_t)p_below(run, PERP_MODE_COUNT + (p_chance(run, 5) ? 1 : 0));
    perp_call call = p_call(run, p_chance(run, 80));
    int64_t now = n_time_of(&run->book, call.now_ns, wish <= run->book.mode);
    perp_status wanted = wish >= PERP_MODE_COUNT                        ? PERP_E_INVALID
                         : wish > run->book.mode && !p_is_signed(&call) ? PERP_E_INVALID
                         : n_too_far(&run->book, now)                   ? PERP_E_RANGE
                                                                        : PERP_OK;
    p_expect(run, perp_risk_set_mode(run->risk, &call, wish), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, now);
        run->book.mode = wish;
    }
}

static void override(p_run *run) {
    static const int64_t ttls[] = {PERP_TIME_NONE, 1, 5000, 60000, 3600000, 0, -1, INT64_MAX};
    uint32_t on = p_chance(run, 60) ? 1 : 0;
    int64_t ttl = ttls[p_below(run, p_chance(run, 10) ? 8 : 5)];
    const perp_uuid *job = NULL;
    if (run->book.n_active > 0 && p_chance(run, 40)) {
        job = &run->book.jobs[run->book.active[p_below(run, run->book.n_active)]].id;
    }
    perp_call call = p_call(run, p_chance(run, 85));
    int bad_ttl =
        ttl != PERP_TIME_NONE && (ttl <= 0 || ttl > run->book.config.risk.max_override_ttl_ms);
    perp_status wanted = on && !p_is_signed(&call) ? PERP_E_INVALID
                         : bad_ttl                 ? PERP_E_RANGE
                                                   : PERP_OK;
    p_expect(run, perp_risk_manual_override(run->risk, &call, on, ttl, job), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_book *b = &run->book;
    n_advance(b, call.now_ns);
    b->override_on = on != 0;
    b->override_has_job = on && job != NULL;
    if (on) {
        b->override_until =
            b->clock + (ttl == PERP_TIME_NONE ? b->config.risk.override_ttl_ms : ttl) * P_MS;
    }
    if (b->override_has_job) {
        b->override_job = *job;
    }
}

static void blacklist(p_run *run) {
    int symbol = (int)p_below(run, 3);
    uint32_t on = p_chance(run, 4) ? 1 : 0;
    perp_call call = p_call(run, p_chance(run, 85));
    int64_t now = n_time_of(&run->book, call.now_ns, on != 0);
    perp_status wanted = !on && !p_is_signed(&call)   ? PERP_E_INVALID
                         : n_too_far(&run->book, now) ? PERP_E_RANGE
                                                      : PERP_OK;
    p_expect(run, perp_risk_blacklist(run->risk, &call, SYMBOLS[symbol], on), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, now);
        run->book.blacklisted[symbol] = on != 0;
    }
}

static void halt_instrument(p_run *run) {
    uint32_t instrument =
        (uint32_t)p_below(run, run->book.n_instruments + (p_chance(run, 5) ? 1 : 0));
    uint32_t on = p_chance(run, 10) ? 1 : 0;
    for (uint32_t i = 0; i < run->book.n_instruments && !on; i++) {
        instrument = run->book.instruments[i].halted ? i : instrument;
    }
    perp_call call = p_call(run, p_chance(run, 85));
    int64_t now = n_time_of(&run->book, call.now_ns, on != 0);
    perp_status wanted = instrument >= run->book.n_instruments ? PERP_E_NOT_FOUND
                         : !on && !p_is_signed(&call)          ? PERP_E_INVALID
                                                               : PERP_OK;
    p_expect(run, perp_risk_halt_instrument(run->risk, &call, instrument, on), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, now);
        run->book.instruments[instrument].halted = on != 0;
    }
}

static void reset_halt(p_run *run) {
    perp_call call = p_call(run, p_chance(run, 85));
    perp_status wanted = !p_is_signed(&call) ? PERP_E_INVALID : PERP_OK;
    p_expect(run, perp_risk_reset_halt(run->risk, &call), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        run->book.halted = 0;
        run->book.failures = 0;
    }
}

static void outcome_outside(p_run *run) {
    int good = p_chance(run, 60);
    uint32_t x =
        p_chance(run, 40) ? PERP_ALL_EXCHANGES : (uint32_t)p_below(run, run->book.n_exchanges + 1);
    perp_call call = p_call(run, 0);
    perp_status wanted =
        x != PERP_ALL_EXCHANGES && x >= run->book.n_exchanges ? PERP_E_NOT_FOUND : PERP_OK;
    p_expect(run,
             good ? perp_risk_record_success(run->risk, &call, x)
                  : perp_risk_record_failure(run->risk, &call, x),
             wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        if (good) {
            n_success(&run->book, x);
        } else {
            n_failure(&run->book, x);
        }
    }
}

static void limits(p_run *run) {
    perp_limits l;
    n_book *b = &run->book;
    int raised = 0;
    perp_limits_init(&l);
    if (p_chance(run, 50)) {
        l.max_global_concurrent_jobs = 1 + (uint32_t)p_below(run, 40);
        raised |= l.max_global_concurrent_jobs > b->config.scheduler.max_global_concurrent_jobs;
    }
    if (p_chance(run, 30)) {
        uint32_t now = b->config.scheduler.max_dispatch_per_minute;
        l.max_dispatch_per_minute = (uint32_t)p_below(run, 12);
        uint32_t next = l.max_dispatch_per_minute;
        raised |= (next == 0 ? UINT32_MAX : next) > (now == 0 ? UINT32_MAX : now);
    }
    if (p_chance(run, 60)) {
        l.exchange = (uint32_t)p_below(run, b->n_exchanges + (p_chance(run, 5) ? 1 : 0));
        l.max_concurrent = 1 + (uint32_t)p_below(run, 10);
        l.max_notional = p_chance(run, 50) ? -1 : P_USD(5000 + p_below(run, 80000));
        if (l.exchange < b->n_exchanges) {
            raised |= l.max_concurrent > b->exchanges[l.exchange].max_concurrent ||
                      l.max_notional > b->exchanges[l.exchange].max_notional;
        }
    }
    perp_call call = p_call(run, p_chance(run, 85));
    int64_t at = n_time_of(b, call.now_ns, !raised);
    perp_status wanted = l.exchange != PERP_NO_ID && l.exchange >= b->n_exchanges ? PERP_E_NOT_FOUND
                         : raised && !p_is_signed(&call)                          ? PERP_E_INVALID
                         : n_too_far(b, at)                                       ? PERP_E_RANGE
                                                                                  : PERP_OK;
    p_expect(run, perp_scheduler_set_limits(run->scheduler, &call, &l), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(b, at);
    if (l.max_global_concurrent_jobs != PERP_NO_ID) {
        b->config.scheduler.max_global_concurrent_jobs = l.max_global_concurrent_jobs;
    }
    if (l.max_dispatch_per_minute != PERP_NO_ID) {
        b->config.scheduler.max_dispatch_per_minute = l.max_dispatch_per_minute;
    }
    if (l.exchange != PERP_NO_ID) {
        b->exchanges[l.exchange].max_concurrent = l.max_concurrent;
        if (l.max_notional >= 0) {
            b->exchanges[l.exchange].max_notional = l.max_notional;
        }
    }
}

static void advance(p_run *run) {
    perp_call call = p_call(run, p_chance(run, 70));
    if (p_chance(run, 10)) {
        call.now_ns = run->book.clock + 9 * P_DAY;
    }
    perp_status wanted = p_is_signed(&call) ? PERP_OK : PERP_E_INVALID;
    p_expect(run, perp_core_advance(run->core, &call), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        run->book.clock = run->now = call.now_ns; /* back, too */
        p_quotes(run);
    }
}

/* Which of the rules that the naive book can judge fail; those it can't are not in `known`. */
static uint64_t predicted_rules(const n_book *b, const perp_job *job, int reducing,
                                uint64_t *known) {
    uint64_t fails = 0;
    int killed = b->killed, down = 0, black = 0,
        crossed = n_meets_itself(b, job) || n_meets_running(b, job);
    int unknown = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const n_instrument *n = &b->instruments[job->legs[i].instrument];
        const n_exchange *e = &b->exchanges[n->exchange];
        uint32_t circuit = n_circuit(b, n->exchange);
        killed |= e->killed;
        down |= e->down || circuit == PERP_CIRCUIT_OPEN ||
                (circuit == PERP_CIRCUIT_HALF_OPEN && n_running_there(b, n->exchange) > 0);
        unknown |= !n_known(b, job->legs[i].instrument);
        black |= n_is_shut(b, job->legs[i].instrument);
    }
    perp_refusal refusal;
    fails |= killed ? BIT(PERP_REASON_KILLED) : 0;
    fails |= crossed ? BIT(PERP_REASON_SELF_TRADE) : 0;
    fails |= black ? BIT(PERP_REASON_BLACKLISTED) : 0;
    fails |= n_stands_naked(b, job, -1) ? BIT(PERP_REASON_UNRESOLVED_LEG) : 0;
    fails |= n_stands_in_drift(b, job) ? BIT(PERP_REASON_POSITION_DRIFT) : 0;
    fails |= unknown ? BIT(PERP_REASON_NO_ACCOUNT_DATA) : 0;
    fails |= down ? BIT(PERP_REASON_EXCHANGE_DOWN) : 0;
    fails |= b->loss_latched ? BIT(PERP_REASON_DAILY_LOSS) : 0;
    fails |= b->halted ? BIT(PERP_REASON_AUTO_HALT) : 0;
    *known = BIT(PERP_REASON_KILLED) | BIT(PERP_REASON_SELF_TRADE) | BIT(PERP_REASON_BLACKLISTED) |
             BIT(PERP_REASON_UNRESOLVED_LEG) | BIT(PERP_REASON_EXCHANGE_DOWN) |
             BIT(PERP_REASON_DAILY_LOSS) | BIT(PERP_REASON_AUTO_HALT) |
             BIT(PERP_REASON_POSITION_DRIFT) | BIT(PERP_REASON_NO_ACCOUNT_DATA);
    if (!reducing) {
        *known |= BIT(PERP_REASON_INSUFFICIENT_CAPITAL);
        fails |= n_can_reserve_for_job(b, job, &refusal) != PERP_REASON_NONE
                     ? BIT(PERP_REASON_INSUFFICIENT_CAPITAL)
                     : 0;
    }
    if (job->strategy == PERP_STRATEGY_ARB) {
        *known |= BIT(PERP_REASON_EDGE_TOO_SMALL);
        fails |= job->expected_edge_bps < b->config.risk.modes[b->mode].min_edge_bps
                     ? BIT(PERP_REASON_EDGE_TOO_SMALL)
                     : 0;
    }
    return fails;
}

static void evaluate(p_run *run) {
    perp_job job;
    perp_evaluation e;
    const n_book *b = &run->book;
    p_valid_job(run, &job);
    if (b->override_on && b->override_has_job && p_chance(run, 50)) {
        job.job_id = b->override_job;
    }
    perp_evaluation_init(&e);
    p_expect(run, perp_risk_evaluate(run->risk, b->clock, &job, &e), PERP_OK);
    if (perp_core_hash(run->core) != run->hash_before) {
        p_fail(run, "evaluate changed the book");
    }
    if ((e.reducing != 0) != n_is_reducing(b, &job, -1)) {
        p_fail(run, "reducing %u", e.reducing);
    }
    uint64_t known = 0, wanted = predicted_rules(b, &job, e.reducing != 0, &known);
    if ((e.reasons & known) != wanted) {
        uint64_t differ = (e.reasons & known) ^ wanted;
        uint32_t first = 0;
        while ((differ & BIT(first)) == 0) {
            first++;
        }
        p_fail(run, "rule %s %s and should not", perp_reason_string(first),
               wanted & BIT(first) ? "holds" : "fails");
    }
    int overridden =
        b->override_on && b->clock < b->override_until &&
        (!b->override_has_job || memcmp(&b->override_job, &job.job_id, sizeof job.job_id) == 0);
    if ((e.accepted != 0) != (e.reason == PERP_REASON_NONE) ||
        (e.reason != PERP_REASON_NONE && !(e.reasons & BIT(e.reason)))) {
        p_fail(run, "accepted %u for reason %s", e.accepted, perp_reason_string(e.reason));
    }
    int passes = e.reasons == 0 || (overridden && (e.reasons & HARD) == 0);
    if (!e.reducing && (e.accepted != 0) != passes) {
        p_fail(run, "accepted %u with reasons %llx, override %d", e.accepted,
               (unsigned long long)e.reasons, overridden);
    }
    if (!e.reducing && (e.override_used != 0) != (passes && e.reasons != 0)) {
        p_fail(run, "override used %u", e.override_used);
    }
}

static void *roomy(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* Queries change nothing. */
static void reads(p_run *run) {
    size_t length = 0, room = 1 << 20;
    char *text = roomy(room);
    perp_alert alerts[64];
    perp_feasibility rows[64];
    perp_market_state state;
    uint32_t count = 0;
    memset(alerts, 0, sizeof alerts);
    for (int i = 0; i < 64; i++) {
        alerts[i].struct_size = sizeof alerts[i];
    }
    memset(&state, 0, sizeof state);
    state.struct_size = sizeof state;
    uint32_t instrument = (uint32_t)p_below(run, run->book.n_instruments);
    p_expect(run, perp_monitor_json(run->core, run->now, text, room, &length), PERP_OK);
    p_expect(run, perp_monitor_alerts(run->core, run->now, alerts, 64, &count), PERP_OK);
    p_expect(run, perp_risk_describe_json(run->risk, text, room, &length), PERP_OK);
    p_expect(run, perp_core_feasibility(run->core, rows, 64, &count), PERP_OK);
    p_expect(run, perp_market_query(run->market, instrument, run->now, &state), PERP_OK);
    p_expect(run, perp_market_query(run->market, run->book.n_instruments, run->now, &state),
             PERP_E_NOT_FOUND);
    free(text);
    if (perp_core_hash(run->core) != run->hash_before) {
        p_fail(run, "a query changed the book");
    }
}

/* A call that is wrong by itself, with arguments that are right. */
static void bad_call(p_run *run) {
    static char long_text[400];
    perp_call call = p_call(run, 1);
    const perp_call *given = &call;
    memset(long_text, 'x', sizeof long_text - 1);
    call.now_ns = run->book.clock;
    switch (p_below(run, 5)) {
    case 0:
        given = NULL;
        break;
    case 1:
        call.struct_size = 0;
        break;
    case 2:
        call.actor = long_text;
        break;
    case 3:
        call.reason = long_text;
        break;
    default:
        call.actor = "\xff\xfe";
    }
    uint64_t id;
    perp_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    p_expect(run, perp_capital_update_equity(run->capital, given, 0, P_USD(1)), PERP_E_INVALID);
    p_expect(run, perp_capital_reserve(run->capital, given, 0, 0, 1, NULL, &id, &refusal),
             PERP_E_INVALID);
    p_expect(run, perp_scheduler_tick(run->scheduler, given, &run->tick), PERP_E_INVALID);
    p_expect(run, perp_scheduler_resume(run->scheduler, given), PERP_E_INVALID);
    p_expect(run, perp_risk_record_success(run->risk, given, PERP_ALL_EXCHANGES), PERP_E_INVALID);
}

void p_control_call(p_run *run) {
    static const struct {
        const char *name;
        int weight;
        void (*make)(p_run *run);
    } calls[] = {
        {"kill", 8, kill_switch},       {"pause or resume", 10, pause_or_resume},
        {"set_mode", 6, mode},          {"manual_override", 8, override},
        {"blacklist", 4, blacklist},    {"halt_instrument", 4, halt_instrument},
        {"reset_halt", 12, reset_halt}, {"success or failure", 8, outcome_outside},
        {"set_limits", 10, limits},     {"advance", 2, advance},
        {"evaluate", 18, evaluate},     {"queries", 4, reads},
        {"bad call", 6, bad_call},
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
