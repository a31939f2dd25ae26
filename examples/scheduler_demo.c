/* The scheduler: jobs are submitted, a tick decides which run, the executor gets their orders, and
   its report releases the capital and books the result. Here the executor is this page. */
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

static void on_leg_risk(void *user, const perp_uuid *job, const perp_naked *naked, uint32_t n,
                        const perp_uuid *repair) {
    (void)user, (void)job;
    for (uint32_t i = 0; i < n; i++)
        printf("  leg risk: %.4f %s is not hedged%s\n", naked[i].quantity, naked[i].base,
               repair == NULL ? "; the host must act" : "; a repair is queued");
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

/* Reports both legs; `share` of the second was filled. */
static void finish(const perp_uuid *id, double quantity, double share, uint32_t hold) {
    perp_job_result result;
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    perp_job_result_init(&result);
    result.n_legs = 2;
    result.hold = hold;
    result.status = share < 1 ? PERP_RESULT_FAILED : PERP_RESULT_COMPLETED;
    result.legs[0] = (perp_leg_result){quantity, 60001, PERP_USD / 4, 0, PERP_TIME_NONE};
    result.legs[1] = (perp_leg_result){quantity * share, 60059, PERP_USD / 4, 0, PERP_TIME_NONE};
    must(perp_scheduler_finish(perp_core_scheduler(core), &call, id, &result, &outcome));
    printf("finish: the job is %s\n", perp_job_state_string(outcome.state));
}

static void open_core(void) {
    perp_config config;
    perp_config_init(&config);
    config.callbacks.execute = execute;
    config.callbacks.on_leg_risk = on_leg_risk;
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
        must(perp_capital_update_equity(perp_core_capital(core), &call, spec.exchange,
                                        100000 * PERP_USD));
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

    puts("\nBoth legs filled, and the position stays: the job is open and keeps its capital.");
    finish(&good, 0.025, 1, 1);
    puts("A second report of the same job counts for nothing:");
    perp_job_result again;
    perp_job_result_init(&again);
    perp_status status = perp_scheduler_finish(scheduler, &call, &good, &again, NULL);
    printf("  %s: %s\n", perp_status_string(status), perp_core_error(core));
    must(perp_scheduler_close(scheduler, &call, &good, 2 * PERP_USD, 3000 * PERP_USD, PERP_USD));
    puts("closed with a profit of 2 USD before 1 USD of fees.");

    puts("\nThe second leg filled to 40 % only: what is naked is squared by a repair.");
    perp_uuid partial = submit(3, 10);
    tick();
    finish(&partial, 0.025, 0.4, 1);
    tick();
    perp_uuid repair = partial;
    repair.bytes[0] ^= 0xA1; /* the first of three */
    perp_job_result done;
    perp_job_result_init(&done);
    done.status = PERP_RESULT_COMPLETED;
    must(perp_scheduler_finish(scheduler, &call, &repair, &done, NULL));
    perp_job_info info = {.struct_size = sizeof info};
    must(perp_scheduler_job(scheduler, &partial, &info));
    printf("The job is %s and %s.\n", perp_job_state_string(info.state),
           info.unresolved ? "not resolved" : "resolved");

    must(perp_core_check(core));
    perp_core_close(core);
    return 0;
}
