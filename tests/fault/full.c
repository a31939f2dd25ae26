#include "full.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "full_words.h"

struct full full;

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    struct full *f = user;
    (void)job;
    f->executed++;
    *outcome = f->outcome;
}

void full_config(struct full *f) {
    perp_config *config = &f->config;
    perp_config_init(config);
    config->callbacks.user = f;
    config->callbacks.execute = execute;
    config->checkpoint_every = 0;
    config->risk.account_max_age_ms = 0;
    config->risk.max_consecutive_failures = 50;
    config->risk.strategy_failures = 40;
    config->orders.repeat_limit = 50;
    config->capital.max_single_reserve_ppm = config->capital.max_total_notional_ppm = 1000000;
    config->scheduler.max_notional_per_exchange = USD(1000000);
    config->scheduler.history_size = 4; /* the others are remembered as past */
    for (int i = 0; i < PERP_MODE_COUNT; i++)
        config->risk.modes[i].min_safety_score = 0;
    f->now = START;
    f->outcome = PERP_OUTCOME_ACCEPTED;
    perp_tick_result_init(&f->tick);
}

perp_status full_open(struct full *f) {
#if PERP_WITH_SQLITE
    if (f->path) {
        perp_sqlite_options options;
        perp_sqlite_options_init(&options);
        options.vfs = SHIM_NAME;
        options.keep_events = 20;
        perp_status status = perp_store_sqlite_open(f->path, &options, &f->config.store);
        if (status != PERP_OK)
            return status;
    }
#endif
    return perp_core_open(&f->config, &f->core);
}

/* ---- Filling it -------------------------------------------------------------------------------
 */

#define must(expression)                                                                           \
    do {                                                                                           \
        if ((expression) != PERP_OK) {                                                             \
            fprintf(stderr, "the full book: %s: %s\n", #expression, perp_core_error(CORE));        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void ask(void *user, const perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *said) {
    (void)user, (void)job, (void)so_far;
    said->sense = PERP_SENSE_NOT_HELD;
}

static void pulled_quote(void *user, perp_instrument_id instrument, int64_t now_ns,
                         perp_quote *quote, uint32_t *have) {
    (void)user;
    *quote = full_quote(instrument, now_ns);
    *have = 1;
}

const perp_market_source full_source = {.struct_size = sizeof full_source, .quote = pulled_quote};

perp_status full_rule(struct full *f, const char *name) {
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = name;
    rule.ask = ask;
    return perp_risk_add_rule(RISK, &rule);
}

static void registry(struct full *f) {
    static const char *const names[] = {"a", "b", "c", "d"};
    for (uint32_t x = 0; x < 4; x++)
        must(full_exchange(f, names[x], x == 3 ? "a" : ""));
    must(full_instrument(f, A, "BTC/USDT:USDT", PERP_KIND_PERP, "", 0));
    must(full_instrument(f, A, "ETH/USDT:USDT", PERP_KIND_PERP, "", 0));
    must(full_instrument(f, B, "BTC/USDT:USDT", PERP_KIND_PERP, "", 0));
    must(full_instrument(f, B, "ETH/USDT:USDT", PERP_KIND_PERP, "", 0));
    must(full_instrument(f, C, "BTC/USDT", PERP_KIND_SPOT, "", 0));
    must(full_instrument(f, C, "ETH/USD:ETH", PERP_KIND_PERP, "inverse", 0));
    must(full_instrument(f, D, "SOL/USDT:USDT", PERP_KIND_PERP, "", 1));
    must(perp_market_set_source(MARKET, &full_source));
    must(full_rule(f, "desk_limit"));
}

static void ledger(struct full *f) {
    for (uint32_t x = 0; x < 4; x++)
        must(perp_capital_update_equity(CAPITAL, CALL, x, USD(1000000)));
    must(perp_capital_transfer(CAPITAL, CALL, C, USD(5), 0));
    must(full_reserve(f, PERP_POOL_ARB, NULL));
    must(full_reserve(f, PERP_POOL_WASH, ID(40)));
    must(perp_capital_confirm(CAPITAL, CALL, 2, USD(50)));
    must(perp_capital_record_pnl(CAPITAL, CALL, B, -USD(5), USD(6), USD(1), ID(43)));
    must(perp_capital_update_equity(CAPITAL, CALL, C, USD(1))); /* put aside */
    must(perp_risk_set_collateral(RISK, CALL, A, "BTC", 1.5, 0.1));
    must(perp_record_cash(CORE, CALL, B, PERP_CASH_FUNDING, 5, ID(41), 2));
}

static void tick(struct full *f, uint32_t outcome, uint32_t n) {
    f->outcome = outcome;
    must(perp_scheduler_tick(SCHEDULER, CALL, &f->tick));
    if (f->tick.dispatched != n) {
        fprintf(stderr, "the full book: %u jobs were dispatched, not %u\n", f->tick.dispatched, n);
        for (uint32_t i = 0; i < f->tick.n_items; i++)
            fprintf(stderr, "  %u %s\n", f->tick.items[i].kind,
                    perp_reason_string(f->tick.items[i].reason));
        abort();
    }
    f->outcome = PERP_OUTCOME_ACCEPTED;
}

/* Jobs that have ended: one whose rest was resolved, one that is open, one that failed, and one
   that was cancelled. */
static void ended_jobs(struct full *f) {
    must(full_submit(f, 11, 0, 2));
    tick(f, PERP_OUTCOME_ACCEPTED, 1);
    must(full_finish(f, 11, PERP_RESULT_COMPLETED, 0.25, 0.1));
    must(perp_resolve(CORE, SIGNED, "BTC"));
    must(full_submit(f, 1, 0, 2));
    must(full_submit(f, 12, 1, 3));
    must(full_submit(f, 13, 1, 3));
    must(perp_scheduler_cancel(SCHEDULER, CALL, ID(13)));
    tick(f, PERP_OUTCOME_ACCEPTED, 2);
    must(full_finish(f, 1, PERP_RESULT_COMPLETED, 0.25, 0.25));
    must(full_finish(f, 12, PERP_RESULT_FAILED, 0, 0));
}

/* One is told by legs and unhedged, one has metadata, one is in doubt, one has orders: open,
   filled in part, ended, in doubt. */
static void running_jobs(struct full *f) {
    static const char *const listed[] = {"nobody's"};
    must(full_submit(f, 5, 1, 3));
    tick(f, PERP_OUTCOME_IN_DOUBT, 1);
    must(full_submit(f, 3, 1, 3));
    must(full_submit(f, 4, 1, 3));
    must(full_submit(f, 8, 1, 3));
    must(full_submit(f, 15, 1, 3));
    tick(f, PERP_OUTCOME_ACCEPTED, 4);
    must(full_progress(f, 3, 2, 0));
    must(full_place(f, 8, 0, 2));
    must(full_place(f, 8, 1, 1));
    must(full_hear(f, 1, PERP_NEWS_ACCEPTED, NULL, 0));
    must(full_hear(f, 1, PERP_NEWS_FILL, "f1", 1));
    must(full_hear(f, 2, PERP_NEWS_CANCELLED, NULL, 0));
    must(full_place(f, 8, 1, 2));
    must(perp_orders_reconcile(ORDERS, CALL, B, f->now + 1, listed, 1, NULL));
}

/* Foreign positions, a report that nothing explains, a partial job and its repair, which is in
   doubt. */
static void positions(struct full *f) {
    must(full_position(f, 5, 4));
    must(perp_accept_position(CORE, SIGNED, 5));
    must(full_fill_of_ours(f, 42, 5));
    must(full_position(f, 6, 500)); /* latched */
    must(full_account(f, B));
    must(full_submit(f, 2, 0, 2));
    tick(f, PERP_OUTCOME_ACCEPTED, 1);
    must(full_finish(f, 2, PERP_RESULT_COMPLETED, 0.25, 0.125));
    tick(f, PERP_OUTCOME_IN_DOUBT, 1);
}

static void control(struct full *f) {
    must(perp_scheduler_flatten(SCHEDULER, SIGNED, C, "ETH", ID(50), NULL));
    must(full_submit(f, 6, 1, 3));
    must(full_submit(f, 7, 4, 2));
    must(full_submit_exit(f, 9, 1));
    must(perp_risk_blacklist(RISK, CALL, "BTC/USDT", 1));
    must(perp_risk_allow(RISK, CALL, "BTC/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1));
    must(perp_risk_allow(RISK, SIGNED, "ETH/*", PERP_ALL_EXCHANGES, PERP_ALL_STRATEGIES, 1));
    must(perp_risk_halt_instrument(RISK, CALL, 6, 1));
    must(perp_scheduler_kill(SCHEDULER, CALL, 1, D, NULL, 0, NULL));
    must(perp_risk_manual_override(RISK, SIGNED, 1, 80000000, ID(6)));
    must(perp_capital_set_safe_mode(CAPITAL, CALL, D, 1));
    must(perp_capital_set_day_offset(CAPITAL, SIGNED, 60));
    for (int i = 0; i < 5; i++)
        must(perp_risk_record_failure(RISK, CALL, C)); /* its circuit is open */
    must(full_limits(f));
    must(full_reconfigure(f));
    must(full_update_exchange(f, 2));
    must(full_update_instrument(f, 0.25));
}

void full_fill(struct full *f) {
    registry(f);
    full_feed(f);
    ledger(f);
    ended_jobs(f);
    running_jobs(f);
    positions(f);
    control(f);
}
