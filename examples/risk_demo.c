/* Risk: a job is evaluated, and the answer says which rules failed and every number behind them.
   Evaluating changes nothing, so a host may ask as often as it likes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <perpcore/perpcore.h>

#define SECOND INT64_C(1000000000)

static perp_core *core;
static perp_call call;
static perp_instrument_id here, there;

static void must(perp_status status) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "%s: %s\n", perp_status_string(status), perp_core_error(core));
    exit(1);
}

static void add(const char *name, perp_instrument_id *instrument) {
    perp_exchange_spec exchange;
    perp_exchange_spec_init(&exchange);
    snprintf(exchange.name, sizeof exchange.name, "%s", name);
    exchange.taker_fee_bps = 2;
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    must(perp_exchange_add(core, &exchange, &spec.exchange));
    snprintf(spec.symbol, sizeof spec.symbol, "BTC/USDT:USDT");
    must(perp_instrument_add(core, &spec, instrument));
    perp_account_report report;
    perp_account_report_init(&report); /* nothing is open there */
    report.exchange = spec.exchange;
    report.has_equity = 1;
    report.equity = 100000 * PERP_USD;
    must(perp_account(core, &call, &report));
}

static void quote(perp_instrument_id instrument, double mid) {
    perp_quote event = {.instrument = instrument,
                        .time_ns = call.now_ns,
                        .bid = mid - 1,
                        .bid_size = 2,
                        .ask = mid + 1,
                        .ask_size = 2};
    must(perp_market_on_quote(perp_core_market(core), &event));
}

static void wait(int64_t seconds) {
    call.now_ns += seconds * SECOND;
    quote(here, 60000);
    quote(there, 60050);
}

static perp_job arbitrage(double quantity, double edge_bps) {
    perp_job job;
    perp_job_init(&job);
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = llround(quantity * 60000) * PERP_USD;
    job.expected_edge_bps = edge_bps;
    job.n_legs = 2;
    job.legs[0] = (perp_leg){.instrument = here, .side = PERP_SIDE_BUY, .quantity = quantity};
    job.legs[1] = (perp_leg){.instrument = there, .side = PERP_SIDE_SELL, .quantity = quantity};
    return job;
}

static void evaluate(const char *what, const perp_job *job) {
    perp_evaluation result;
    perp_evaluation_init(&result);
    must(perp_risk_evaluate(perp_core_risk(core), call.now_ns, job, &result));
    printf("%s\n  %s", what, result.accepted ? "accepted" : "rejected");
    for (uint32_t r = 1; r < PERP_MAX_REASONS; r++)
        if (result.reasons & PERP_REASON_BIT(r))
            printf(" %s", perp_reason_string(r));
    printf("%s\n  costs %.2f bps for an edge of %.2f; safety %.1f of at least %.0f, final %.1f\n",
           result.override_used ? " (passed by the override)" : "", result.cost_bps,
           result.expected_edge_bps, result.safety_score, result.limits.min_safety_score,
           result.final_score);
    for (uint32_t i = 0; i < result.n_legs; i++) {
        const perp_leg_evaluation *leg = &result.legs[i];
        printf("  leg %u: price %.2f, slippage %.2f bps, ", i + 1, leg->price, leg->slippage_bps);
        if (isnan(leg->liquidation_price))
            puts("no position left");
        else
            printf("liquidation at %.2f (%.1f %% away)\n", leg->liquidation_price,
                   leg->liquidation_distance * 100);
    }
    puts("");
}

int main(void) {
    perp_call_init(&call);
    call.now_ns = INT64_C(1767225600000000000);
    must(perp_core_open(NULL, &core));
    add("north", &here);
    add("south", &there);
    perp_risk *risk = perp_core_risk(core);

    perp_job job = arbitrage(0.03, 8);
    evaluate("Without a quote nothing can be said:", &job);
    for (int i = 0; i < 15; i++)
        wait(1);
    evaluate("With quotes on both exchanges:", &job);
    perp_job poor = arbitrage(0.03, 1);
    evaluate("An edge that does not pay the fees:", &poor);
    perp_job deep = arbitrage(3, 8);
    evaluate("More than the book shows, and more than one reservation may be:", &deep);
    perp_job self = job;
    self.legs[1].instrument = here;
    evaluate("Both legs in one book. Nothing overrides this:", &self);

    puts("A manual override passes soft rules for 60 seconds. It takes a name and a reason.");
    call.actor = "operator";
    call.reason = "the fee is refunded today";
    must(perp_risk_manual_override(risk, &call, 1, 60000, NULL));
    evaluate("The poor job under the override:", &poor);
    evaluate("The job in one book under the override:", &self);
    must(perp_risk_manual_override(risk, &call, 0, PERP_TIME_NONE, NULL));

    puts("Conservative mode asks for more; a tighter mode takes no reason.");
    must(perp_risk_set_mode(risk, &call, PERP_MODE_CONSERVATIVE));
    perp_job thin = arbitrage(0.03, 4.5);
    evaluate("An edge of 4.5 bps in conservative mode:", &thin);

    call.now_ns += 10 * SECOND;
    evaluate("Ten seconds later, the quotes are stale:", &job);
    must(perp_core_check(core));
    perp_core_close(core);
    return 0;
}
