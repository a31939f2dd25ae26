/* What a host does after a crash. The first run makes a book, dispatches two jobs and ends in the
   middle, without closing anything; the second finds them in doubt, asks the exchanges what became
   of them, and tells the book.

   usage: recover [STORE]   (recover.db; run it twice; with no store left it starts anew) */
#include <perpcore/perpcore.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static perp_core *core;
static perp_call call;

static void must(perp_status status) {
    if (status == PERP_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", perp_status_string(status), perp_core_error(core));
    exit(1);
}

/* ---- The exchanges --------------------------------------------------------------------------- */

/* A text file stands for the exchanges: what reached them is there whatever becomes of the host. A
   real host asks for its orders by their client order id, so it derives that from the job's id: an
   id drawn at random when the order is sent would be lost with the process. */
static char venue[512];

static void venue_fill(const perp_uuid *job, const perp_order *order) {
    char id[37];
    perp_uuid_format(job, id);
    FILE *file = fopen(venue, "a");
    if (!file ||
        fprintf(file, "%s %u %.8f %.2f\n", id, order->instrument, order->quantity, order->price) <
            0 ||
        fclose(file) != 0) {
        perror(venue);
        exit(1);
    }
}

/* What was filled of each leg of a job; how many legs that are. */
static uint32_t venue_ask(const perp_job_info *info, perp_job_result *result) {
    char wanted[37], id[37];
    unsigned instrument;
    double quantity, price;
    uint32_t found = 0;
    perp_uuid_format(&info->job.job_id, wanted);
    FILE *file = fopen(venue, "r");
    while (file && fscanf(file, "%36s %u %lf %lf", id, &instrument, &quantity, &price) == 4)
        for (uint32_t i = 0; i < info->job.n_legs && strcmp(id, wanted) == 0; i++)
            if (info->job.legs[i].instrument == instrument) {
                result->legs[i] = (perp_leg_result){
                    .filled = quantity, .price = price, .time_ns = PERP_TIME_NONE, .known = 1};
                result->legs[i].fee = (perp_usd)(quantity * price * 0.0002 * (double)PERP_USD);
                found++;
            }
    if (file)
        (void)fclose(file);
    return found;
}

/* ---- The first run --------------------------------------------------------------------------- */

/* When this is called the dispatch and its reservations are on disk. The first job's orders reach
   the exchanges; before those of the second are sent the power goes. */
static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    int *jobs = user;
    if ((*jobs)++ > 0) {
        puts("The process ends here, in the middle of a tick: nothing is closed or flushed.");
        (void)fflush(stdout);
        _exit(0);
    }
    for (uint32_t i = 0; i < job->n_orders; i++)
        venue_fill(&job->job_id, &job->orders[i]);
    *outcome = PERP_OUTCOME_ACCEPTED;
}

static void submit(const perp_instrument_id btc[2], uint8_t number) {
    perp_job job;
    perp_job_init(&job);
    job.job_id.bytes[15] = number;
    job.strategy = PERP_STRATEGY_ARB;
    job.notional = 1500 * PERP_USD;
    job.expected_edge_bps = 12;
    must(perp_job_fill_hedge(core, call.now_ns, btc[0], btc[1], &job));
    must(perp_scheduler_submit(perp_core_scheduler(core), &call, &job));
}

static void add_exchange(const char *name, double bid, perp_instrument_id *btc) {
    perp_exchange_spec exchange;
    perp_instrument_spec spec;
    perp_exchange_spec_init(&exchange);
    (void)snprintf(exchange.name, sizeof exchange.name, "%s", name);
    exchange.taker_fee_bps = 2;
    perp_instrument_spec_init(&spec);
    (void)snprintf(spec.symbol, sizeof spec.symbol, "BTC/USDT:USDT");
    spec.qty_step = 0.0001;
    must(perp_exchange_add(core, &exchange, &spec.exchange));
    must(perp_instrument_add(core, &spec, btc));
    perp_account_report report;
    perp_account_report_init(&report); /* nothing is open there */
    report.exchange = spec.exchange;
    report.has_equity = 1;
    report.equity = 100000 * PERP_USD;
    must(perp_account(core, &call, &report));
    perp_quote quote = {*btc, 0, call.now_ns, bid, 2, bid + 2, 2};
    must(perp_market_on_quote(perp_core_market(core), &quote));
}

static void first_run(void) {
    perp_instrument_id btc[2];
    puts("A new book. Two jobs are submitted, and a tick dispatches both.");
    (void)remove(venue);
    add_exchange("north", 59999, &btc[0]);
    add_exchange("south", 60059, &btc[1]);
    submit(btc, 1);
    submit(btc, 2);
    must(perp_scheduler_tick(perp_core_scheduler(core), &call, NULL));
    puts("No job was dispatched: remove the store and try again.");
}

/* ---- The second run -------------------------------------------------------------------------- */

static void show_capital(const char *when) {
    printf("%s\n", when);
    for (perp_exchange_id x = 0; x < perp_exchange_count(core); x++) {
        perp_exchange_spec spec = {.struct_size = sizeof spec};
        perp_capital_state state = {.struct_size = sizeof state};
        must(perp_exchange_get(core, x, &spec));
        must(perp_capital_snapshot(perp_core_capital(core), x, &state));
        printf("  %-6s %10.2f USD in flight, %10.2f USD in positions, %10.2f USD traded today\n",
               spec.name, (double)state.total_in_flight / 1e6, (double)state.total_used / 1e6,
               (double)state.today.volume / 1e6);
    }
}

/* One job in doubt. Requeue only where the exchanges surely know nothing of it. One that can't be
   asked is no answer: the job then stays in doubt, with its capital held, and is asked for later.
 */
static void settle(const perp_uuid *id) {
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_job_info info = {.struct_size = sizeof info};
    perp_job_result result;
    char text[37];
    perp_uuid_format(id, text);
    must(perp_scheduler_job(scheduler, id, &info));
    perp_job_result_init(&result);
    result.n_legs = info.job.n_legs;
    uint32_t legs = venue_ask(&info, &result);
    if (legs == 0) {
        must(perp_scheduler_requeue(scheduler, &call, id));
        printf("  %s: nothing was sent; it waits again, its capital is free\n", text);
        return;
    }
    result.status = legs == info.job.n_legs ? PERP_RESULT_COMPLETED : PERP_RESULT_FAILED;
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    must(perp_scheduler_finish(scheduler, &call, id, &result, &outcome));
    printf("  %s: %u of %u legs were filled; it is %s\n", text, legs, info.job.n_legs,
           perp_job_state_string(outcome.state));
}

#define MOST 64 /* jobs of this example; a real host asks for the count first */

/* Before any market data is fed and any tick is made: jobs in doubt count in every limit, and what
   they hold can't be used. */
static void second_run(void) {
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_uuid jobs[MOST];
    uint32_t n = 0;
    show_capital("The book is back as it was committed:");
    must(perp_scheduler_list(scheduler, PERP_JOB_IN_DOUBT, jobs, MOST, &n));
    printf("%u jobs are in doubt. The exchanges say:\n", n);
    for (uint32_t i = 0; i < n && i < MOST; i++)
        settle(&jobs[i]);
    show_capital("After that:");
    must(perp_core_check(core));
    puts("Market data and accounts are unknown until they are told again; until then nothing new "
         "is\n"
         "dispatched. What is open is known, and stays so until a job has closed it.\n"
         "Pending jobs can be dispatched again, or cancelled as here.");
    must(perp_scheduler_list(scheduler, PERP_JOB_PENDING, jobs, MOST, &n));
    for (uint32_t i = 0; i < n && i < MOST; i++)
        must(perp_scheduler_cancel(scheduler, &call, &jobs[i]));
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "recover.db";
    if (argc > 2 || *path == '-')
        return fputs("usage: recover [STORE]   (recover.db; run it twice)\n", stderr), 2;
    perp_config config;
    int executed = 0;
    perp_config_init(&config);
    config.callbacks.user = &executed;
    config.callbacks.execute = execute;
    (void)snprintf(venue, sizeof venue, "%.480s.exchanges.txt", path);
    must(perp_store_sqlite_open(path, NULL, &config.store));
    must(perp_core_open(&config, &core));
    perp_call_init(&call);
    call.now_ns = perp_core_clock(core); /* a real host: the time of day, never before this */
    if (call.now_ns == PERP_TIME_NONE)
        call.now_ns = INT64_C(1767225600000000000);
    if (perp_exchange_count(core) == 0)
        first_run();
    else
        second_run();
    perp_core_close(core);
    return 0;
}
