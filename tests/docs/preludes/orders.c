/* The host of docs/guide-executor.md around the inner loop of its executor: two exchanges, one
   job. */
#include <perpcore/perpcore.h>
#include <stdio.h>
#include <stdlib.h>

static perp_core *core;
static perp_call call;

static void must(perp_status status) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "%s: %s\n", perp_status_string(status), perp_core_error(core));
    exit(1);
}

/* FUNCTIONS */

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    *outcome = PERP_OUTCOME_ACCEPTED;
    work(job);
}

static perp_instrument_id add_market(const char *name, double bid) {
    perp_exchange_spec exchange;
    perp_instrument_spec symbol;
    perp_account_report account;
    perp_instrument_id id;
    perp_exchange_spec_init(&exchange);
    perp_instrument_spec_init(&symbol);
    perp_account_report_init(&account);
    snprintf(exchange.name, sizeof exchange.name, "%s", name);
    snprintf(symbol.symbol, sizeof symbol.symbol, "BTC/USDT:USDT");
    symbol.qty_step = 0.0001;
    must(perp_exchange_add(core, &exchange, &symbol.exchange));
    must(perp_instrument_add(core, &symbol, &id));
    account.exchange = symbol.exchange;
    account.has_equity = 1;
    account.equity = 100000 * PERP_USD;
    must(perp_account(core, &call, &account));
    perp_quote quote = {id, 0, call.now_ns, bid, 5, bid + 1, 5};
    must(perp_market_on_quote(perp_core_market(core), &quote));
    return id;
}

int main(void) {
    perp_config config;
    perp_job job;
    perp_config_init(&config);
    config.callbacks.execute = execute;
    must(perp_core_open(&config, &core));
    perp_call_init(&call);
    call.now_ns = INT64_C(1767225600000000000);
    perp_instrument_id north = add_market("north", 60000), south = add_market("south", 60060);
    perp_job_init(&job);
    job.job_id.bytes[15] = 1;
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = 1500 * PERP_USD;
    job.expected_edge_bps = 12;
    must(perp_job_fill_hedge(core, call.now_ns, north, south, &job));
    must(perp_scheduler_submit(perp_core_scheduler(core), &call, &job));
    must(perp_scheduler_tick(perp_core_scheduler(core), &call, NULL));
    must(perp_core_check(core));
    perp_core_close(core);
    return 0;
}
