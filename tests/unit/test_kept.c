/* What a later release wrote into rows and this one does not know: it goes with its row, and with
   the book. */
#include "orders_fixture.h"

#include "book/book.h"

static size_t in_use;

static void *take(void *user, size_t size) {
    (void)user;
    in_use += size;
    return malloc(size);
}

static void give(void *user, void *block, size_t size) {
    (void)user;
    in_use -= size;
    free(block);
}

static struct world *w;
static int n_kept;

static void keep(struct perp_kept **at) {
    static struct {
        struct perp_kept head;
        unsigned char bytes[8];
    } unknown = {{8}, "unknown"};
    if (*at)
        return;
    ck_assert(perp_kept_set(w->core, at, &unknown.head));
    n_kept++;
}

static void keep_in_registry(perp_core *core) {
    keep(&core->config_kept);
    for (uint32_t i = 0; i < N_X; i++) {
        keep(&core->exchanges[i].kept);
        keep(&core->exchanges[i].limits_kept);
        keep(&core->capital->accounts[i].kept);
        keep(&core->risk->circuits[i].kept);
        struct perp_times *times = &core->scheduler->times[i];
        for (uint32_t j = 0; j < times->count; j++)
            keep(&times->at[times->first + j].kept);
    }
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        struct perp_position_entry *entry = &core->positions->at[i];
        keep((struct perp_kept **)(uintptr_t)&perp_instrument_at(core, i)->kept);
        keep(&core->risk->notes[i].kept);
        keep(&entry->kept);
        for (uint32_t j = 0; j < entry->n_lots; j++)
            keep(&entry->lots[j].kept);
        for (uint32_t j = 0; j < entry->n_since; j++)
            keep(&entry->since[j].kept);
    }
    for (uint32_t i = 0; i < core->bases.count; i++)
        keep(&core->positions->bases[i].kept);
    for (uint32_t i = 0; i < core->symbols.count; i++)
        keep(&core->risk->blacklist[i].kept);
}

static void keep_in_modules(perp_core *core) {
    perp_risk *risk = core->risk;
    keep(&core->capital->kept);
    keep(&risk->kept);
    keep(&core->scheduler->kept);
    keep(&core->orders->kept);
    for (struct perp_held *held = core->capital->first; held; held = held->next)
        keep(&held->kept);
    for (uint32_t kind = 0; kind < PERP_KEY_KIND_COUNT; kind++)
        for (struct perp_key *key = core->capital->keys[kind].oldest; key; key = key->next)
            keep(&key->kept);
    for (uint32_t i = 0; i < risk->n_allowed; i++)
        keep(&risk->allowed[i].kept);
    for (uint32_t i = 0; i < risk->n_collateral; i++)
        keep(&risk->collateral[i].kept);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        keep(&core->host_names[i].kept);
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (struct perp_job_entry *job; (job = perp_jobs_next(&jobs));)
        keep(&job->kept);
    for (struct perp_order_entry *order = core->orders->first; order; order = order->next) {
        keep(&order->kept);
        for (struct perp_order_fill *trade = order->trades; trade; trade = trade->next)
            keep(&trade->kept);
    }
    for (uint32_t i = 0; i < core->orders->n_placed; i++)
        keep(&core->orders->placed[core->orders->first_placed + i].kept);
}

/* A job that ran and is open, one that runs with orders, one that waits, cash, a fill by hand. */
static void live(void) {
    perp_job open = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    run_job(w, &open);
    finish_pair(w, &open.job_id, 0.25, 0.25, BTC_MID);
    run_pair(w, 2);
    fill(w, place(w, 2, 0, 0.1), "a", 0.05, BTC_MID);
    position_at(w, w->btc[GAMMA], w->now, 1, BTC_MID);
    perp_uuid key = id_of(50);
    ok(w, perp_record_cash(w->core, nowc(w), ALPHA, PERP_CASH_FUNDING, 1, &key, PERP_NO_ID));
    key = id_of(51);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), ALPHA, 1, 2, 3, &key));
    perp_recorded_fill by_hand;
    perp_recorded_fill_init(&by_hand);
    by_hand.instrument = w->eth[GAMMA];
    by_hand.quantity = 1;
    by_hand.price = ETH_BID;
    by_hand.key = id_of(52);
    ok(w, perp_record_fill(w->core, nowc(w), &by_hand));
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "DOGE/USDT:USDT", 1));
    ok(w, perp_risk_halt_instrument(w->risk, signedc(w), w->eth[DELTA], 1));
    ok(w, perp_risk_allow(w->risk, signedc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 1));
    ok(w, perp_risk_set_collateral(w->risk, signedc(w), GAMMA, "BTC", 1, 0.1));
    perp_job waits = pair_job(3, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &waits);
}

static void open_kept(void) {
    perp_config config;
    world_config(&config);
    config.scheduler.auto_repair = 0;
    config.allocator.allocate = take;
    config.allocator.release = give;
    in_use = 0;
    n_kept = 0;
    w = world_open(&config);
}

static void all_is_given_back(void) {
    perp_tick_result_free(tick(w)); /* the host's own */
    perp_core_close(w->core);
    free(w);
    ck_assert_uint_eq(in_use, 0);
}

START_TEST(it_is_given_back_with_the_book) {
    open_kept();
    live();
    keep_in_registry(w->core);
    keep_in_modules(w->core);
    ck_assert_int_gt(n_kept, 80);
    all_is_given_back();
}
END_TEST

/* Reservations that end, lots that close, a minute that dispatches leave, controls that are lifted:
   nothing of them stays. */
START_TEST(it_goes_with_its_row) {
    open_kept();
    live();
    keep_in_registry(w->core);
    keep_in_modules(w->core);
    ok(w, perp_risk_blacklist(w->risk, signedc(w), "DOGE/USDT:USDT", 0));
    ok(w, perp_risk_halt_instrument(w->risk, signedc(w), w->eth[DELTA], 0));
    ok(w, perp_risk_allow(w->risk, signedc(w), "BTC/*", ALL_X, PERP_ALL_STRATEGIES, 0));
    ok(w, perp_risk_set_collateral(w->risk, signedc(w), GAMMA, "BTC", 0, 0.1));
    tell(w, 1, PERP_NEWS_CANCELLED);
    finish_by_orders(w, 2);
    ok(w, perp_resolve(w->core, signedc(w), "BTC"));
    perp_uuid open = id_of(1);
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &open, 0, 0, 0));
    pass(w, 3 * MINUTE);
    all_is_given_back();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("kept");
    TCase *all = tcase_create("unknown fields");
    suite_add_tcase(suite, all);
    tcase_add_test(all, it_is_given_back_with_the_book);
    tcase_add_test(all, it_goes_with_its_row);
    return run_suite(suite);
}
