/* What changes of what was registered and of the configuration, while the book is open and at a
   restart. */
#include "reopen.h"

#include "core/core.h"

static struct world *w;

static void open_world(void) {
    w = world_open(NULL);
}

static void close_world(void) {
    world_close(w);
}

static perp_exchange_spec exchange_of_book(perp_exchange_id id) {
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    ok(w, perp_exchange_get(w->core, id, &spec));
    return spec;
}

static perp_instrument_spec instrument_of_book(perp_instrument_id id) {
    perp_instrument_spec spec = {.struct_size = sizeof spec};
    ok(w, perp_instrument_get(w->core, id, &spec));
    return spec;
}

static double fee_of_leg(uint32_t maker) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    job.legs[0].maker = maker;
    return evaluated(w, &job).legs[0].fee_bps;
}

START_TEST(what_is_there_is_told_with_the_first_field_that_differs) {
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    perp_instrument_spec instrument = instrument_of_book(w->btc[ALPHA]);
    perp_exchange_id id = PERP_NO_ID;
    fails(w, PERP_E_EXISTS, perp_exchange_add(w->core, &spec, &id));
    ck_assert_uint_eq(id, ALPHA);
    spec.maker_fee_bps = 1.5;
    spec.max_notional = USD(7);
    fails(w, PERP_E_CONFLICT, perp_exchange_add(w->core, &spec, &id));
    ck_assert_str_eq(perp_core_error(w->core),
                     "exchange 'alpha' is there with another maker_fee_bps: 0, not 1.5");
    fails(w, PERP_E_EXISTS, perp_instrument_add(w->core, &instrument, &id));
    instrument.min_notional = USD(5);
    fails(w, PERP_E_CONFLICT, perp_instrument_add(w->core, &instrument, &id));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "another min_notional: 0"));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "not 5"));
    /* Values of lists are told by their names. */
    instrument = instrument_of_book(w->btc[ALPHA]);
    instrument.kind = PERP_KIND_FUTURE;
    fails(w, PERP_E_CONFLICT, perp_instrument_add(w->core, &instrument, &id));
    ck_assert_str_eq(perp_core_error(w->core), "instrument 'BTC/USDT:USDT' is there with another "
                                               "kind: perp, not future");
    spec = exchange_of_book(ALPHA);
    spec.margin_mode = PERP_MARGIN_CROSS;
    fails(w, PERP_E_CONFLICT, perp_exchange_add(w->core, &spec, &id));
    ck_assert_str_eq(perp_core_error(w->core),
                     "exchange 'alpha' is there with another margin_mode: isolated, not cross");
}
END_TEST

START_TEST(an_exchanges_fees_hold_for_all_its_instruments_but_those_with_their_own) {
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    perp_instrument_spec instrument = instrument_of_book(w->btc[ALPHA]);
    ck_assert_double_eq(fee_of_leg(0), 1);
    spec.taker_fee_bps = 4;
    ok(w, perp_exchange_update(w->core, nowc(w), &spec));
    ck_assert_double_eq(fee_of_leg(0), 4);
    instrument.taker_fee_bps = 2.5;
    ok(w, perp_instrument_update(w->core, nowc(w), &instrument));
    ck_assert_double_eq(fee_of_leg(0), 2.5);
    ck_assert_double_eq(fee_of_leg(1), 0);
    spec.taker_fee_bps = 6;
    spec.maker_fee_bps = -0.5;
    ok(w, perp_exchange_update(w->core, nowc(w), &spec));
    ck_assert_double_eq(fee_of_leg(0), 2.5);
    ck_assert_double_eq(fee_of_leg(1), -0.5);
    instrument.taker_fee_bps = PERP_FEE_OF_EXCHANGE;
    ok(w, perp_instrument_update(w->core, nowc(w), &instrument));
    ck_assert_double_eq(fee_of_leg(0), 6);
}
END_TEST

START_TEST(minima_and_steps_hold_for_what_is_submitted_from_then_on) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_instrument_spec spec = instrument_of_book(w->btc[BETA]);
    spec.min_notional = job.notional + 1;
    ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
    spec.min_notional = job.notional;
    ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    submit(w, &job);
    spec.qty_step = job.legs[1].quantity * 0.7;
    ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    job = pair_job(2, w->btc[ALPHA], w->btc[BETA]);
    fails(w, PERP_E_INVALID, perp_scheduler_submit(w->scheduler, nowc(w), &job));
}
END_TEST

START_TEST(tiers_are_replaced_and_those_that_a_host_has_stay) {
    static perp_tier many[PERP_MAX_TIERS];
    for (uint32_t i = 0; i < PERP_MAX_TIERS; i++)
        many[i] = (perp_tier){.floor = 1000.0 * i, .cap = 1000.0 * (i + 1), .mmr = 0.01};
    perp_instrument_spec spec = instrument_of_book(w->btc[ALPHA]);
    ck_assert_uint_eq(spec.n_tiers, 0);
    spec.tiers = many;
    spec.n_tiers = PERP_MAX_TIERS;
    ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    const perp_instrument_spec before = instrument_of_book(w->btc[ALPHA]);
    ck_assert_uint_eq(before.n_tiers, 256);
    spec.n_tiers = 1;
    many[0].mmr = 0.02;
    ok(w, perp_instrument_update(w->core, nowc(w), &spec));
    ck_assert_double_eq(before.tiers[0].mmr, 0.01);
    ck_assert_double_eq(before.tiers[255].floor, 255000);
    ck_assert_double_eq(instrument_of_book(w->btc[ALPHA]).tiers[0].mmr, 0.02);
    many[1].floor = 0;
    spec.n_tiers = 2;
    fails(w, PERP_E_INVALID, perp_instrument_update(w->core, nowc(w), &spec));
}
END_TEST

START_TEST(what_never_changes_is_a_conflict) {
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    strcpy(spec.venue, "elsewhere");
    fails(w, PERP_E_CONFLICT, perp_exchange_update(w->core, nowc(w), &spec));
    ck_assert_ptr_nonnull(strstr(perp_core_error(w->core), "venue of 'alpha' is 'alpha'"));
    const perp_instrument_spec as_it_is = instrument_of_book(w->btc[ALPHA]);
    perp_instrument_spec other[5] = {as_it_is, as_it_is, as_it_is, as_it_is, as_it_is};
    strcpy(other[0].base, "X");
    strcpy(other[1].contract, "inverse");
    strcpy(other[2].quote, "EUR");
    other[3].kind = PERP_KIND_SPOT;
    other[4].pulled = 1;
    for (int i = 0; i < 5; i++)
        fails(w, PERP_E_CONFLICT, perp_instrument_update(w->core, nowc(w), &other[i]));
    fails(w, PERP_E_CONFLICT, perp_instrument_update(w->core, nowc(w), &other[3]));
    ck_assert_str_eq(perp_core_error(w->core),
                     "kind of 'BTC/USDT:USDT' is perp and never changes (to spot)");
    strcpy(spec.name, "nobody");
    fails(w, PERP_E_NOT_FOUND, perp_exchange_update(w->core, nowc(w), &spec));
    strcpy(other[0].symbol, "NOTHING");
    fails(w, PERP_E_NOT_FOUND, perp_instrument_update(w->core, nowc(w), &other[0]));
    spec = exchange_of_book(ALPHA);
    spec.taker_fee_bps = 1001;
    fails(w, PERP_E_RANGE, perp_exchange_update(w->core, nowc(w), &spec));
    spec.taker_fee_bps = NAN;
    fails(w, PERP_E_INVALID, perp_exchange_update(w->core, nowc(w), &spec));
    spec = exchange_of_book(ALPHA);
    spec.max_notional = INT64_MAX;
    fails(w, PERP_E_RANGE, perp_exchange_update(w->core, signedc(w), &spec));
    perp_instrument_spec most = as_it_is;
    most.min_notional = INT64_MAX;
    fails(w, PERP_E_RANGE, perp_instrument_update(w->core, signedc(w), &most));
}
END_TEST

START_TEST(to_raise_a_limit_takes_an_actor_and_a_reason) {
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    spec.max_concurrent = 10; /* the default, now its own */
    ok(w, perp_exchange_update(w->core, nowc(w), &spec));
    spec.max_concurrent = 11;
    fails(w, PERP_E_INVALID, perp_exchange_update(w->core, nowc(w), &spec));
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
    ck_assert_uint_eq(w->core->exchanges[ALPHA].max_concurrent, 11);
    spec.max_notional = USD(50001);
    fails(w, PERP_E_INVALID, perp_exchange_update(w->core, nowc(w), &spec));
    perp_instrument_spec instrument = instrument_of_book(w->btc[ALPHA]);
    instrument.max_position_usd = USD(100);
    ok(w, perp_instrument_update(w->core, nowc(w), &instrument));
    instrument.max_position_usd = 0;
    fails(w, PERP_E_INVALID, perp_instrument_update(w->core, nowc(w), &instrument));
    ok(w, perp_instrument_update(w->core, signedc(w), &instrument));
}
END_TEST

START_TEST(a_limit_that_was_set_stays_where_an_update_leaves_it_alone) {
    perp_limits limits;
    perp_limits_init(&limits);
    limits.exchange = ALPHA;
    limits.max_concurrent = 3;
    ok(w, perp_scheduler_set_limits(w->scheduler, nowc(w), &limits));
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    spec.taker_fee_bps = 9;
    ok(w, perp_exchange_update(w->core, nowc(w), &spec));
    ck_assert_uint_eq(w->core->exchanges[ALPHA].max_concurrent, 3);
    spec.max_concurrent = 2;
    ok(w, perp_exchange_update(w->core, nowc(w), &spec));
    ck_assert_uint_eq(w->core->exchanges[ALPHA].max_concurrent, 2);
}
END_TEST

/* ---- The configuration ----------------------------------------------------------------------- */

static perp_status reconfigure(const perp_call *call, const char *text) {
    return perp_core_reconfigure(w->core, call, text, strlen(text));
}

START_TEST(reconfigure_is_all_or_nothing_and_takes_an_actor) {
    const char *sound =
        "{\"risk\":{\"max_drawdown_pct\":0.2},\"scheduler\":{\"auto_repair\":false}}";
    fails(w, PERP_E_INVALID, reconfigure(nowc(w), sound));
    fails(w, PERP_E_CONFIG,
          reconfigure(signedc(w), "{\"risk\":{\"max_drawdown_pct\":0.2},\"capital\":{\"x\":1}}"));
    ck_assert_str_eq(perp_core_error(w->core), "capital.x: unknown name");
    fails(w, PERP_E_CONFIG, reconfigure(signedc(w), "{\"capital\":{\"wash_pct\":0.5}}"));
    fails(w, PERP_E_INVALID, reconfigure(signedc(w), "{"));
    fails(w, PERP_E_STATE, reconfigure(signedc(w), "{\"risk\":{\"volatility_window_s\":60}}"));
    ok(w, reconfigure(signedc(w), sound));
    ck_assert_double_eq(w->core->config.risk.max_drawdown_pct, 0.2);
    ck_assert_uint_eq(w->core->config.scheduler.auto_repair, 0);
    checked(w);
}
END_TEST

START_TEST(reconfigured_shares_move_the_budgets) {
    ok(w, reconfigure(signedc(w), "{\"capital\":{\"wash_pct\":0.5,\"arb_pct\":0.4}}"));
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_WASH].budget, USD(500000));
    ck_assert_int_eq(capital_of(w, ALPHA).pools[PERP_POOL_ARB].budget, USD(400000));
}
END_TEST

START_TEST(a_reconfigured_age_of_quotes_counts_at_once) {
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    w->now += 3 * PERP_NS_PER_S;
    ck_assert_uint_ne(evaluated(w, &job).reason, PERP_REASON_STALE_QUOTE);
    ok(w, reconfigure(signedc(w), "{\"risk\":{\"max_quote_age_ms\":1000}}"));
    ck_assert_uint_eq(evaluated(w, &job).reason, PERP_REASON_STALE_QUOTE);
}
END_TEST

#if PERP_WITH_SQLITE
START_TEST(updates_come_back) {
    struct life life;
    w = life_begin(&life, NULL);
    static const perp_tier tiers[] = {{.floor = 0, .cap = 1e6, .mmr = 0.03, .max_leverage = 5}};
    perp_exchange_spec spec = exchange_of_book(ALPHA);
    perp_instrument_spec instrument = instrument_of_book(w->btc[ALPHA]);
    spec.margin_mode = PERP_MARGIN_CROSS;
    spec.liquidation_fee_bps = 3;
    spec.max_notional = USD(70000);
    instrument.tiers = tiers;
    instrument.n_tiers = 1;
    instrument.maker_fee_bps = -1;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
    ok(w, perp_instrument_update(w->core, nowc(w), &instrument));
    ok(w, reconfigure(signedc(w), "{\"risk\":{\"max_drawdown_pct\":0.25}}"));
    life_again(&life, w);
    ck_assert_uint_eq(exchange_of_book(ALPHA).margin_mode, PERP_MARGIN_CROSS);
    ck_assert_int_eq(w->core->exchanges[ALPHA].max_notional, USD(70000));
    ck_assert_double_eq(instrument_of_book(w->btc[ALPHA]).tiers[0].mmr, 0.03);
    ck_assert_double_eq(instrument_of_book(w->btc[ALPHA]).maker_fee_bps, -1);
    ck_assert_double_eq(w->core->config.risk.max_drawdown_pct, 0.25);
    life_end(&life, w);
}
END_TEST

START_TEST(no_restart_changes_a_limit_in_silence) {
    struct life life;
    w = life_begin(&life, NULL);
    ok(w, reconfigure(signedc(w), "{\"risk\":{\"max_drawdown_pct\":0.01}}"));
    life_again(&life, w); /* opened with the looser one that it began with */
    ck_assert_double_eq(w->core->config.risk.max_drawdown_pct, 0.01);
    ck_assert_ptr_nonnull(strstr(w->seen.warning, "risk.max_drawdown_pct"));
    /* It wins only by somebody and for a reason. */
    ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
    life.config.config_wins = 1;
    life_store(&life);
    ck_assert_int_eq(perp_core_open(&life.config, &w->core), PERP_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "risk.max_drawdown_pct"));
    life.config.actor = "ops";
    life.config.reason = "back to normal";
    life_take(&life, w);
    ck_assert_double_eq(w->core->config.risk.max_drawdown_pct, 0.05);
    life.config.config_wins = 0;
    life_again(&life, w);
    ck_assert_double_eq(w->core->config.risk.max_drawdown_pct, 0.05);
    life_end(&life, w);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("updates");
    TCase *updates = tcase_create("updates");
    tcase_add_checked_fixture(updates, open_world, close_world);
    tcase_add_test(updates, what_is_there_is_told_with_the_first_field_that_differs);
    tcase_add_test(updates,
                   an_exchanges_fees_hold_for_all_its_instruments_but_those_with_their_own);
    tcase_add_test(updates, minima_and_steps_hold_for_what_is_submitted_from_then_on);
    tcase_add_test(updates, tiers_are_replaced_and_those_that_a_host_has_stay);
    tcase_add_test(updates, what_never_changes_is_a_conflict);
    tcase_add_test(updates, to_raise_a_limit_takes_an_actor_and_a_reason);
    tcase_add_test(updates, a_limit_that_was_set_stays_where_an_update_leaves_it_alone);
    tcase_add_test(updates, reconfigure_is_all_or_nothing_and_takes_an_actor);
    tcase_add_test(updates, reconfigured_shares_move_the_budgets);
    tcase_add_test(updates, a_reconfigured_age_of_quotes_counts_at_once);
    suite_add_tcase(suite, updates);
#if PERP_WITH_SQLITE
    TCase *own = tcase_create("own worlds");
    tcase_add_test(own, updates_come_back);
    tcase_add_test(own, no_restart_changes_a_limit_in_silence);
    suite_add_tcase(suite, own);
#endif
    return run_suite(suite);
}
