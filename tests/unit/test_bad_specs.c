/* What is said of an exchange or an instrument that can't be: refused where it is added and where
   it is changed, with the field named, and the book is as it was. What just can be is taken. */
#include "fixture.h"

#include <float.h>
#include <math.h>

static struct world *w;

static void set_up(void) {
    w = world_open(NULL);
}

static void tear_down(void) {
    world_close(w);
}

/* ---- Exchanges ----------------------------------------------------------------------------------
 */

struct exchange_case {
    void (*change)(perp_exchange_spec *spec);
    perp_status status;
    const char *field; /* in the message */
};

#define CHANGE(name, statement)                                                                    \
    static void name(perp_exchange_spec *spec) {                                                   \
        statement;                                                                                 \
    }
CHANGE(format, spec->client_id_format = PERP_CLIENT_ID_FORMAT_COUNT)
CHANGE(long_prefix, strcpy(spec->client_id_prefix, "abcdefghijklm"))
CHANGE(odd_prefix, strcpy(spec->client_id_prefix, "a b"))
CHANGE(rate_below, spec->order_rate_per_s = -1)
CHANGE(rate_nan, spec->order_rate_per_s = (double)NAN)
CHANGE(rate_little, spec->order_rate_per_s = 1e-4)
CHANGE(rate_much, spec->order_rate_per_s = 1.1e6)
CHANGE(burst_none, spec->order_burst = 0)
CHANGE(burst_much, spec->order_burst = 1000001)
CHANGE(liquidation_nan, spec->liquidation_fee_bps = (double)NAN)
CHANGE(liquidation_below, spec->liquidation_fee_bps = -1)
CHANGE(liquidation_much, spec->liquidation_fee_bps = 1000.5)
CHANGE(taker_nan, spec->taker_fee_bps = (double)NAN)
CHANGE(maker_infinite, spec->maker_fee_bps = (double)INFINITY)
CHANGE(taker_much, spec->taker_fee_bps = 1000.5)
CHANGE(maker_little, spec->maker_fee_bps = -1000.5)
CHANGE(margin, spec->margin_mode = PERP_MARGIN_COUNT)
CHANGE(notional_below, spec->max_notional = -2)
CHANGE(notional_much, spec->max_notional = INT64_MAX)
CHANGE(reserved, spec->reserved = 1)
CHANGE(later, spec->reserved2[7] = 1)
#undef CHANGE

static const struct exchange_case exchange_cases[] = {
    {format, PERP_E_INVALID, "client_id_format"},
    {long_prefix, PERP_E_INVALID, "client_id_prefix"},
    {odd_prefix, PERP_E_INVALID, "client_id_prefix"},
    {rate_below, PERP_E_INVALID, "order_rate_per_s"},
    {rate_nan, PERP_E_INVALID, "order_rate_per_s"},
    {rate_little, PERP_E_RANGE, "order_rate_per_s"},
    {rate_much, PERP_E_RANGE, "order_rate_per_s"},
    {burst_none, PERP_E_RANGE, "order_burst"},
    {burst_much, PERP_E_RANGE, "order_burst"},
    {liquidation_nan, PERP_E_INVALID, "liquidation_fee_bps"},
    {liquidation_below, PERP_E_INVALID, "liquidation_fee_bps"},
    {liquidation_much, PERP_E_RANGE, "liquidation_fee_bps"},
    {taker_nan, PERP_E_INVALID, "fees"},
    {maker_infinite, PERP_E_INVALID, "fees"},
    {taker_much, PERP_E_RANGE, "taker_fee_bps"},
    {maker_little, PERP_E_RANGE, "maker_fee_bps"},
    {margin, PERP_E_INVALID, "margin_mode"},
    {notional_below, PERP_E_RANGE, "max_notional"},
    {notional_much, PERP_E_RANGE, "max_notional"},
    {reserved, PERP_E_INVALID, "reserved"},
    {later, PERP_E_INVALID, "reserved"},
};

static void names_field(const char *field) {
    ck_assert_msg(strstr(perp_core_error(w->core), field) != NULL, "%s is not named: %s", field,
                  perp_core_error(w->core));
}

START_TEST(an_exchange_that_cant_be_is_refused) {
    const struct exchange_case *one = &exchange_cases[_i];
    perp_exchange_spec spec = {.struct_size = sizeof spec};
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "new");
    one->change(&spec);
    fails(w, one->status, perp_exchange_add(w->core, &spec, &id));
    names_field(one->field);
    ck_assert_uint_eq(perp_exchange_count(w->core), N_X);
    ok(w, perp_exchange_get(w->core, ALPHA, &spec));
    one->change(&spec);
    fails(w, one->status, perp_exchange_update(w->core, signedc(w), &spec));
    names_field(one->field);
}
END_TEST

START_TEST(an_exchange_that_just_can_be_is_taken) {
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_exchange_spec_init(&spec);
    strcpy(spec.name, "new");
    strcpy(spec.client_id_prefix, "aZ09-_aZ09-_");
    spec.order_rate_per_s = 1e-3;
    spec.order_burst = 1000000;
    spec.liquidation_fee_bps = 1000;
    spec.taker_fee_bps = 1000;
    spec.maker_fee_bps = -1000;
    spec.max_notional = 0;
    ok(w, perp_exchange_add(w->core, &spec, &id));
    ok(w, perp_exchange_get(w->core, id, &spec));
    ck_assert_str_eq(spec.client_id_prefix, "aZ09-_aZ09-_");
    ck_assert_double_eq(spec.order_rate_per_s, 1e-3);
    spec.order_rate_per_s = 1e6;
    ok(w, perp_exchange_update(w->core, signedc(w), &spec));
    checked(w);
}
END_TEST

/* ---- Instruments --------------------------------------------------------------------------------
 */

static const perp_tier nan_tier = {0, 1000, (double)NAN, 0, 5};
static const perp_tier cap_tier = {0, (double)INFINITY, 0.01, 0, 5};
static const perp_tier leverage_tier = {0, 1000, 0.01, 0, (double)NAN};
static const perp_tier amount_tier = {0, 1000, 0.01, (double)NAN, 5};
static const perp_tier whole_tier = {0, 1000, 1, 0, 5};
static const perp_tier flat_tiers[] = {{0, 1000, 0.01, 0, 5}, {0, 2000, 0.02, 0, 5}};

static void tier_of(perp_instrument_spec *spec, const perp_tier *tiers, uint32_t n) {
    spec->tiers = tiers;
    spec->n_tiers = n;
}

struct instrument_case {
    void (*change)(perp_instrument_spec *spec);
    perp_status status;
    const char *field;
};

#define CHANGE(name, statement)                                                                    \
    static void name(perp_instrument_spec *spec) {                                                 \
        statement;                                                                                 \
    }
CHANGE(kind, spec->kind = PERP_KIND_COUNT)
CHANGE(borrow, spec->can_borrow = 2)
CHANGE(room, spec->reserved[3] = 1)
CHANGE(step_nan, spec->qty_step = (double)NAN)
CHANGE(tick_below, spec->price_tick = -1)
CHANGE(min_infinite, spec->min_qty = (double)INFINITY)
CHANGE(interval_none, spec->funding_interval_h = 0)
CHANGE(interval_much, spec->funding_interval_h = 1e9)
CHANGE(fee_nan, spec->taker_fee_bps = (double)NAN)
CHANGE(fee_infinite, spec->maker_fee_bps = -(double)INFINITY)
CHANGE(fee_much, spec->taker_fee_bps = 1001)
CHANGE(fee_little, spec->maker_fee_bps = -1001)
CHANGE(notional_of_less, spec->min_notional = -1)
CHANGE(notional_of_much, spec->min_notional = INT64_MAX)
CHANGE(position_below, spec->max_position_usd = -1)
CHANGE(position_much, spec->max_position_usd = INT64_MAX)
CHANGE(tiers_many, tier_of(spec, flat_tiers, PERP_MAX_TIERS + 1))
CHANGE(tiers_none, tier_of(spec, NULL, 1))
CHANGE(tier_nan, tier_of(spec, &nan_tier, 1))
CHANGE(tier_cap, tier_of(spec, &cap_tier, 1))
CHANGE(tier_leverage, tier_of(spec, &leverage_tier, 1))
CHANGE(tier_amount, tier_of(spec, &amount_tier, 1))
CHANGE(tier_whole, tier_of(spec, &whole_tier, 1))
CHANGE(tiers_flat, tier_of(spec, flat_tiers, 2))
#undef CHANGE

static const struct instrument_case instrument_cases[] = {
    {kind, PERP_E_INVALID, "kind"},
    {borrow, PERP_E_INVALID, "can_borrow"},
    {room, PERP_E_INVALID, "reserved"},
    {step_nan, PERP_E_INVALID, "qty_step"},
    {tick_below, PERP_E_INVALID, "price_tick"},
    {min_infinite, PERP_E_INVALID, "min_qty"},
    {interval_none, PERP_E_INVALID, "funding_interval_h"},
    {interval_much, PERP_E_RANGE, "funding_interval_h"},
    {fee_nan, PERP_E_INVALID, "fees"},
    {fee_infinite, PERP_E_INVALID, "fees"},
    {fee_much, PERP_E_RANGE, "fees"},
    {fee_little, PERP_E_RANGE, "fees"},
    {notional_of_less, PERP_E_RANGE, "min_notional"},
    {notional_of_much, PERP_E_RANGE, "min_notional"},
    {position_below, PERP_E_RANGE, "max_position_usd"},
    {position_much, PERP_E_RANGE, "max_position_usd"},
    {tiers_many, PERP_E_INVALID, "tiers"},
    {tiers_none, PERP_E_INVALID, "tiers"},
    {tier_nan, PERP_E_INVALID, "tiers[0]"},
    {tier_cap, PERP_E_INVALID, "tiers[0]"},
    {tier_leverage, PERP_E_INVALID, "tiers[0]"},
    {tier_amount, PERP_E_INVALID, "tiers[0]"},
    {tier_whole, PERP_E_INVALID, "tiers[0]"},
    {tiers_flat, PERP_E_INVALID, "tiers[1]"},
};

START_TEST(an_instrument_that_cant_be_is_refused) {
    const struct instrument_case *one = &instrument_cases[_i];
    perp_instrument_spec spec;
    perp_instrument_id id;
    const uint32_t before = perp_instrument_count(w->core);
    perp_instrument_spec_init(&spec);
    spec.exchange = ALPHA;
    strcpy(spec.symbol, "XRP/USDT:USDT");
    one->change(&spec);
    fails(w, one->status, perp_instrument_add(w->core, &spec, &id));
    names_field(one->field);
    ck_assert_uint_eq(perp_instrument_count(w->core), before);
    spec.struct_size = sizeof spec;
    ok(w, perp_instrument_get(w->core, w->btc[ALPHA], &spec));
    one->change(&spec);
    fails(w, one->status, perp_instrument_update(w->core, signedc(w), &spec));
    names_field(one->field);
}
END_TEST

/* The base is the symbol up to its '/'; where that is nothing, it must be given. */
START_TEST(a_symbol_that_names_no_base_needs_one) {
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_instrument_spec_init(&spec);
    spec.exchange = ALPHA;
    strcpy(spec.symbol, "/USDT");
    fails(w, PERP_E_INVALID, perp_instrument_add(w->core, &spec, &id));
    names_field("base");
    strcpy(spec.base, "BTC");
    ok(w, perp_instrument_add(w->core, &spec, &id));
    spec.struct_size = sizeof spec;
    ok(w, perp_instrument_get(w->core, id, &spec));
    ck_assert_str_eq(spec.base, "BTC");
    ck_assert_str_eq(spec.quote, "USDT");
}
END_TEST

START_TEST(a_spec_of_another_size_is_refused) {
    perp_exchange_spec exchange;
    perp_instrument_spec instrument;
    uint32_t id;
    perp_exchange_spec_init(&exchange);
    perp_instrument_spec_init(&instrument);
    strcpy(exchange.name, "new");
    strcpy(instrument.symbol, "XRP/USDT");
    exchange.struct_size = instrument.struct_size = 3;
    fails(w, PERP_E_INVALID, perp_exchange_add(w->core, &exchange, &id));
    fails(w, PERP_E_INVALID, perp_instrument_add(w->core, &instrument, &id));
    fails(w, PERP_E_INVALID, perp_instrument_update(w->core, signedc(w), &instrument));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad specs");
    TCase *tests = tcase_create("bad specs");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, an_exchange_that_cant_be_is_refused, 0,
                        sizeof exchange_cases / sizeof exchange_cases[0]);
    tcase_add_test(tests, an_exchange_that_just_can_be_is_taken);
    tcase_add_loop_test(tests, an_instrument_that_cant_be_is_refused, 0,
                        sizeof instrument_cases / sizeof instrument_cases[0]);
    tcase_add_test(tests, a_symbol_that_names_no_base_needs_one);
    tcase_add_test(tests, a_spec_of_another_size_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
