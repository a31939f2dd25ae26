/* Capital: equity becomes three pools, reservations lock a part of them, and what does not fit is
   refused with the limit it did not fit in. Money is whole micro-dollars: 1 USD is PERP_USD. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <perpcore/perpcore.h>

static perp_core *core;
static perp_call call;

/* An error is misuse or a fault and changed nothing; perp_core_error has the message. */
static void must(perp_status status) {
    if (status == PERP_OK)
        return;
    fprintf(stderr, "%s: %s\n", perp_status_string(status), perp_core_error(core));
    exit(1);
}

static void show_usd(const char *name, perp_usd amount) {
    printf("  %-26s %12.2f\n", name, (double)amount / (double)PERP_USD);
}

static void show(perp_exchange_id exchange) {
    perp_capital_state state = {.struct_size = sizeof state};
    must(perp_capital_snapshot(perp_core_capital(core), exchange, &state));
    show_usd("equity", state.equity);
    for (uint32_t p = 0; p < PERP_POOL_COUNT; p++)
        printf("  pool %-8s budget %10.2f  in flight %8.2f  used %8.2f  available %10.2f\n",
               perp_pool_string(p), (double)state.pools[p].budget / 1e6,
               (double)state.pools[p].in_flight / 1e6, (double)state.pools[p].used / 1e6,
               (double)state.pools[p].available / 1e6);
    printf("  safe mode %s, drawdown %.2f %%\n\n", state.safe_mode ? "on" : "off",
           state.drawdown * 100);
}

static uint64_t reserve(perp_exchange_id exchange, uint32_t pool, int64_t dollars) {
    uint64_t id = 0;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    must(perp_capital_reserve(perp_core_capital(core), &call, exchange, pool, dollars * PERP_USD,
                              NULL, &id, &refusal));
    if (refusal.reason == PERP_REASON_NONE)
        printf("reserve %" PRId64 " of %s: reservation %" PRIu64 "\n", dollars,
               perp_pool_string(pool), id);
    else
        printf("reserve %" PRId64 " of %s: refused, %s; at most %.2f would have passed\n", dollars,
               perp_pool_string(pool), perp_reason_string(refusal.reason),
               (double)refusal.limit / 1e6);
    return id;
}

int main(void) {
    /* Every call that changes the book says what time it is: the library reads no clock. */
    perp_call_init(&call);
    call.now_ns = INT64_C(1767225600000000000);
    must(perp_core_open(NULL, &core));
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    snprintf(spec.name, sizeof spec.name, "north");
    perp_exchange_id north;
    must(perp_exchange_add(core, &spec, &north));
    perp_capital *capital = perp_core_capital(core);

    puts("100,000 USD of equity: 70 % for hedged turnover (the pool is called wash, which is\n"
         "history: it never trades with itself), 20 % for arbitrage, 10 % for repairs.");
    must(perp_capital_update_equity(capital, &call, north, 100000 * PERP_USD));
    show(north);

    puts("One reservation may take a tenth of its pool, all of them 30 % of the equity.");
    uint64_t id = reserve(north, PERP_POOL_ARB, 2000);
    reserve(north, PERP_POOL_ARB, 2001);
    for (int i = 0; i < 5; i++)
        reserve(north, PERP_POOL_WASH, 7000);
    perp_usd room;
    uint32_t bound_by;
    must(perp_capital_headroom(capital, north, PERP_POOL_WASH, &room, &bound_by));
    printf("headroom of wash: %.2f, bound by %s\n\n", (double)room / 1e6,
           perp_reason_string(bound_by));

    puts("An order filled: 1,500 USD of the first reservation are used, the rest is given back.");
    must(perp_capital_confirm(capital, &call, id, 1500 * PERP_USD));
    must(perp_capital_release(capital, &call, id, 500 * PERP_USD));
    show(north);

    puts("Given back once more: only what is left can go, and a third time nothing is there.");
    must(perp_capital_release(capital, &call, id, 0));
    perp_status again = perp_capital_release(capital, &call, id, 0);
    printf("  %s: %s\n\n", perp_status_string(again), perp_core_error(core));

    puts("A withdrawal is no loss, a loss of 6 % is: the exchange goes into safe mode.");
    must(perp_capital_transfer(capital, &call, north, -20000 * PERP_USD, 0));
    must(perp_capital_update_equity(capital, &call, north, 75200 * PERP_USD));
    show(north);
    reserve(north, PERP_POOL_ARB, 100);

    must(perp_core_check(core));
    puts("\nAll invariants of the book hold.");
    perp_core_close(core);
    return 0;
}
