/* The scheduler: jobs are submitted, a tick decides which run, the executor gets their orders, and
   its report says what was filled. What is filled is open until another job has closed it. Here the
   executor is this page. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <perpcore/perpcore.h>

static perp_core *core;
static perp_call call;
static perp_instrument_id instruments[2];

static void must(perp_status status) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "%s: %s\n", perp_status_string(status), perp_core_error(core));
    exit(1);
}

/* Called by the tick, with no lock held, for each job that may run. The outcome is preset to "in
   doubt", which is the safe answer of an executor that fails. */
static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    printf("  execute %s job of %.2f USD%s\n", perp_strategy_string(job->strategy),
           (double)job->notional / 1e6, job->is_repair ? ", a repair" : "");
    for (uint32_t i = 0; i < job->n_orders; i++)
        printf("    %s %.4f at %.2f on exchange %u\n", perp_side_string(job->orders[i].side),
               job->orders[i].quantity, job->orders[i].price, job->orders[i].exchange);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

/* Called once when a base begins to be naked; with auto_repair the next tick plans a repair. */
static void on_leg_risk(void *user, const char *base, double quantity) {
    (void)user;
    printf("  leg risk: %.4f %s have no other side\n", quantity, base);
}

/* Every end of a job is told, whoever's fill it was that ended it. */
static void on_job_end(void *user, const perp_uuid *job, uint32_t state) {
    (void)user;
    printf("  job %u is %s\n", job->bytes[15], perp_job_state_string(state));
}

static void quote_both(void) {
    call.now_ns += INT64_C(1000000000);
    for (int i = 0; i < 2; i++) {
        perp_quote quote = {.instrument = instruments[i], .time_ns = call.now_ns};
        quote.bid = 59999 + 60 * i;
        quote.ask = 60001 + 60 * i;
        quote.bid_size = quote.ask_size = 2;
        must(perp_market_on_quote(perp_core_market(core), &quote));
    }
}

static void tick(void) {
    perp_tick_result result;
    perp_tick_result_init(&result);
    quote_both();
    must(perp_scheduler_tick(perp_core_scheduler(core), &call, &result));
    printf("tick: %u evaluated, %u dispatched, %u refused, %u pending, %u running\n",
           result.evaluated, result.dispatched, result.refused, result.pending, result.running);
    for (uint32_t i = 0; i < result.n_items; i++)
        if (result.items[i].kind == PERP_TICK_REFUSED)
            printf("  refused: %s\n", perp_reason_string(result.items[i].reason));
    perp_tick_result_free(&result);
}

/* The helper fills in the legs: it buys where the executable price net of fees is lower. */
static perp_uuid submit(uint8_t number, double edge_bps) {
    perp_job job;
    perp_job_init(&job);
    job.job_id.bytes[15] = number;
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = 1500 * PERP_USD;
    job.expected_edge_bps = edge_bps;
    must(perp_job_fill_hedge(core, call.now_ns, instruments[0], instruments[1], &job));
    must(perp_scheduler_submit(perp_core_scheduler(core), &call, &job));
    return job.job_id;
}

/* Reports both legs of a job at the prices of now; `share` of the second was filled. What is given
   is what was filled in all; what a closing fill realised the library works out itself. */
static void finish(const perp_uuid *id, double share) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_job_result result;
    must(perp_scheduler_job(perp_core_scheduler(core), id, &info));
    perp_job_result_init(&result);
    result.status = share < 1 ? PERP_RESULT_FAILED : PERP_RESULT_COMPLETED;
    result.n_legs = info.job.n_legs;
    for (uint32_t i = 0; i < result.n_legs; i++) {
        const perp_leg *leg = &info.job.legs[i];
        double bid = leg->instrument == instruments[0] ? 59999 : 60059;
        result.legs[i] = (perp_leg_result){.filled = leg->quantity * (i == 1 ? share : 1),
                                           .price = leg->side == PERP_SIDE_BUY ? bid + 2 : bid,
                                           .fee = PERP_USD / 4,
                                           .time_ns = PERP_TIME_NONE,
                                           .known = 1};
    }
    puts("finish:");
    must(perp_scheduler_finish(perp_core_scheduler(core), &call, id, &result, NULL));
}

static void show(const perp_uuid *id) {
    perp_job_info info = {.struct_size = sizeof info};
    must(perp_scheduler_job(perp_core_scheduler(core), id, &info));
    printf("Job %u is %s: %u lots, %.2f USD held, pnl %.2f, fees %.2f.\n", id->bytes[15],
           perp_job_state_string(info.state), info.n_lots, (double)info.held / 1e6,
           (double)info.pnl / 1e6, (double)info.fees / 1e6);
}

/* The job that closes what another one has open: fill_exit makes its legs and names it in closes.
 */
static perp_uuid submit_exit(uint8_t number, const perp_uuid *open) {
    perp_job exit;
    perp_job_init(&exit);
    exit.job_id.bytes[15] = number;
    must(perp_job_fill_exit(core, call.now_ns, open, 1, &exit));
    must(perp_scheduler_submit(perp_core_scheduler(core), &call, &exit));
    return exit.job_id;
}

/* A repair of the library: a tick that plans one says its id. */
static perp_uuid tick_for_repair(void) {
    perp_tick_result result;
    perp_uuid id = {{0}};
    perp_tick_result_init(&result);
    quote_both();
    must(perp_scheduler_tick(perp_core_scheduler(core), &call, &result));
    for (uint32_t i = 0; i < result.n_items; i++)
        if (result.items[i].kind == PERP_TICK_REPAIR)
            id = result.items[i].job_id;
    perp_tick_result_free(&result);
    return id;
}

/* What an exchange has open, and what it is worth: nothing trades there before it has said so. */
static void report_account(perp_exchange_id exchange) {
    perp_account_report report;
    perp_account_report_init(&report); /* no position */
    report.exchange = exchange;
    report.has_equity = 1;
    report.equity = 100000 * PERP_USD;
    must(perp_account(core, &call, &report));
}

static void open_core(void) {
    perp_config config;
    perp_config_init(&config);
    config.callbacks.execute = execute;
    config.callbacks.on_leg_risk = on_leg_risk;
    config.callbacks.on_job_end = on_job_end;
    must(perp_core_open(&config, &core));
    perp_call_init(&call);
    call.now_ns = INT64_C(1767225600000000000);
    for (int i = 0; i < 2; i++) {
        perp_exchange_spec exchange;
        perp_exchange_spec_init(&exchange);
        snprintf(exchange.name, sizeof exchange.name, i == 0 ? "north" : "south");
        exchange.taker_fee_bps = 2;
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        must(perp_exchange_add(core, &exchange, &spec.exchange));
        snprintf(spec.symbol, sizeof spec.symbol, "BTC/USDT:USDT");
        spec.qty_step = 0.0001;
        must(perp_instrument_add(core, &spec, &instruments[i]));
        report_account(spec.exchange);
    }
}

int main(void) {
    open_core();
    perp_scheduler *scheduler = perp_core_scheduler(core);
    for (int i = 0; i < 12; i++) /* until volatility is known */
        quote_both();

    puts("One job pays its costs, one does not: it waits for a better market, or to expire.");
    perp_uuid good = submit(1, 10);
    perp_uuid poor = submit(2, 1);
    tick();
    must(perp_scheduler_cancel(scheduler, &call, &poor));

    puts("\nBoth legs filled: the job is open, and what it has open holds its capital.");
    finish(&good, 1);
    show(&good);
    puts("A second report of the same job counts for nothing:");
    perp_job_result again;
    perp_job_result_init(&again);
    perp_status status = perp_scheduler_finish(scheduler, &call, &good, &again, NULL);
    printf("  %s: %s\n", perp_status_string(status), perp_core_error(core));

    puts("\nAn exit closes it. It reduces, so it needs no capital and passes the soft rules.");
    perp_uuid exit = submit_exit(4, &good);
    tick();
    finish(&exit, 1);
    show(&good);
    show(&exit);

    puts("\nThe second leg filled to 40 % only: what is naked is squared by a repair.");
    perp_uuid partial = submit(3, 10);
    tick();
    finish(&partial, 0.4);
    perp_uuid repair = tick_for_repair();
    perp_job_result done; /* neither legs nor totals: all of it was filled, as it was decided */
    perp_job_result_init(&done);
    puts("finish:");
    must(perp_scheduler_finish(scheduler, &call, &repair, &done, NULL));
    show(&partial);

    must(perp_core_check(core));
    perp_core_close(core);
    return 0;
}
