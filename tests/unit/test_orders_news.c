/* What exchanges say of orders: every kind in every state, fills and totals that come again, late
   or otherwise than before, and what it makes of positions, figures and words. */
#include "orders_fixture.h"

static struct world *w;

/* Alerts that the host was told. */
static struct {
    int late, overfilled, in_doubt;
    char subject[PERP_NAME_SIZE];
} told;

static void on_alert(void *user, const perp_alert *alert) {
    (void)user;
    if (!alert->active)
        return;
    told.late += alert->code == PERP_ALERT_LATE_FILL;
    told.overfilled += alert->code == PERP_ALERT_OVERFILLED;
    told.in_doubt += alert->code == PERP_ALERT_ORDER_IN_DOUBT;
    snprintf(told.subject, sizeof told.subject, "%s", alert->subject);
}

static void open_world(void) {
    perp_config config;
    world_config(&config);
    config.callbacks.on_alert = on_alert;
    memset(&told, 0, sizeof told);
    w = world_open(&config);
    run_pair(w, 1);
}

static void close_world(void) {
    world_close(w);
}

/* ---- Every kind in every state ------------------------------------------------------------------
 */

/* An order of 0.1 in a state. */
static uint64_t order_in(uint32_t state) {
    uint64_t order = place(w, 1, 0, 0.1);
    static const uint32_t ends[] = {[PERP_ORDER_CANCELLED] = PERP_NEWS_CANCELLED,
                                    [PERP_ORDER_EXPIRED] = PERP_NEWS_EXPIRED,
                                    [PERP_ORDER_DECLINED] = PERP_NEWS_DECLINED,
                                    [PERP_ORDER_REJECTED] = PERP_NEWS_REJECTED};
    if (state == PERP_ORDER_OPEN)
        tell(w, order, PERP_NEWS_ACCEPTED);
    else if (state == PERP_ORDER_IN_DOUBT)
        tell(w, order, PERP_NEWS_UNKNOWN);
    else if (state == PERP_ORDER_FILLED)
        fill(w, order, "all", 0.1, BTC_MID);
    else if (state > PERP_ORDER_FILLED)
        tell(w, order, ends[state]);
    order_is(w, order, state);
    return order;
}

#define N PERP_ORDER_NEW
#define O PERP_ORDER_OPEN
#define D PERP_ORDER_IN_DOUBT
#define F PERP_ORDER_FILLED
#define C PERP_ORDER_CANCELLED
#define E PERP_ORDER_EXPIRED
#define L PERP_ORDER_DECLINED
#define R PERP_ORDER_REJECTED
#define NO 100 /* PERP_E_EXISTS, and nothing changes */

/* What news of a kind make of an order of 0.1 in a state. A fill is one of 0.04, a total says so.
 */
static const uint32_t after[PERP_NEWS_COUNT][PERP_ORDER_STATE_COUNT] = {
    /*                     new  open in_doubt filled cancelled expired declined rejected */
    [PERP_NEWS_ACCEPTED] = {O, O, O, F, C, E, L, R},
    [PERP_NEWS_FILL] = {O, O, O, F, C, E, L, R},
    [PERP_NEWS_TOTAL] = {O, O, O, NO, C, E, L, R},
    [PERP_NEWS_CANCELLED] = {C, C, C, NO, NO, NO, NO, NO},
    [PERP_NEWS_EXPIRED] = {E, E, E, NO, NO, NO, NO, NO},
    [PERP_NEWS_DECLINED] = {L, L, L, NO, NO, NO, NO, NO},
    [PERP_NEWS_REJECTED] = {R, R, R, NO, NO, NO, NO, NO},
    [PERP_NEWS_UNKNOWN] = {D, D, D, NO, NO, NO, NO, NO},
};

START_TEST(every_kind_in_every_state) {
    for (uint32_t kind = 0; kind < PERP_NEWS_COUNT; kind++)
        for (uint32_t state = 0; state < PERP_ORDER_STATE_COUNT; state++) {
            open_world();
            uint64_t order = order_in(state);
            perp_order_news news = news_of(order, kind);
            if (kind == PERP_NEWS_FILL)
                news = fill_of(order, "more", 0.04, BTC_MID);
            if (kind == PERP_NEWS_TOTAL)
                news = total_of(order, 0.04, BTC_MID);
            uint32_t wanted = after[kind][state];
            if (wanted == NO) /* a total after the fill that filled it is of the other form */
                fails(w, kind == PERP_NEWS_TOTAL ? PERP_E_INVALID : PERP_E_EXISTS, hears(w, &news));
            else
                ck_assert_uint_eq(told_of(w, &news).state, wanted);
            ck_assert_msg(order_of(w, order).state == (wanted == NO ? state : wanted),
                          "%s of one that is %s: it is %s", perp_news_string(kind),
                          perp_order_state_string(state),
                          perp_order_state_string(order_of(w, order).state));
            int has_ended = order_of(w, order).state >= PERP_ORDER_FILLED;
            ck_assert_int_eq(order_of(w, order).ended_ns != PERP_TIME_NONE, has_ended);
            ck_assert_uint_eq(desk_of(w).open, !has_ended);
            ck_assert_uint_eq(desk_of(w).in_doubt, order_of(w, order).state == PERP_ORDER_IN_DOUBT);
            close_world();
        }
}
END_TEST

START_TEST(what_was_filled_in_part_can_be_neither_declined_nor_rejected) {
    const uint32_t kinds[] = {PERP_NEWS_CANCELLED, PERP_NEWS_EXPIRED, PERP_NEWS_DECLINED,
                              PERP_NEWS_REJECTED};
    const uint32_t wanted[] = {PERP_ORDER_CANCELLED, PERP_ORDER_EXPIRED, PERP_ORDER_CANCELLED,
                               PERP_ORDER_CANCELLED};
    for (int i = 0; i < 4; i++) {
        uint64_t order = place(w, 1, 0, 0.01);
        fill(w, order, "a", 0.001, BTC_MID);
        ck_assert_uint_eq(tell(w, order, kinds[i]).state, wanted[i]);
    }
}
END_TEST

START_TEST(an_ended_order_that_turns_out_full_is_filled) {
    for (uint32_t state = PERP_ORDER_CANCELLED; state < PERP_ORDER_STATE_COUNT; state++) {
        uint64_t order = order_in(state);
        fill(w, order, "a", 0.04, BTC_MID);
        order_is(w, order, state);
        int64_t ended = order_of(w, order).ended_ns;
        pass(w, SECOND);
        ck_assert_uint_eq(fill(w, order, "b", 0.06 * (1 - 1e-9), BTC_MID).state, PERP_ORDER_FILLED);
        ck_assert_int_eq(order_of(w, order).ended_ns, ended);
        ck_assert_uint_eq(order_of(w, order).overfilled, 0);
        close_world();
        open_world();
    }
}
END_TEST

START_TEST(full_to_a_billionth_is_full) {
    uint64_t order = place(w, 1, 0, 0.1);
    fill(w, order, "a", 0.1 * (1 - 2e-9), BTC_MID);
    order_is(w, order, PERP_ORDER_OPEN);
    tell(w, order, PERP_NEWS_CANCELLED);
    order = place(w, 1, 1, 0.1);
    fill(w, order, "a", 0.1 * (1 - 1e-9), BTC_MID);
    order_is(w, order, PERP_ORDER_FILLED);
    order = place(w, 1, 1, 0.03);
    for (int i = 0; i < 3; i++) { /* 0.1 three times is not 0.3 */
        const char *const ids[] = {"1", "2", "3"};
        fill(w, order, ids[i], 0.01, BTC_MID);
    }
    order_is(w, order, PERP_ORDER_FILLED);
    ck_assert_uint_eq(order_of(w, order).overfilled, 0);
}
END_TEST

/* ---- Fills --------------------------------------------------------------------------------------
 */

START_TEST(a_fill_counts_once_by_its_id_and_order) {
    uint64_t one = place(w, 1, 0, 0.1), other = place(w, 1, 0, 0.1);
    fill(w, one, "x", 0.04, BTC_MID);
    perp_order_news again = fill_of(one, "x", 0.04, BTC_MID);
    fails(w, PERP_E_EXISTS, hears(w, &again));
    again.fee = USD(9); /* known by quantity and price */
    fails(w, PERP_E_EXISTS, hears(w, &again));
    again.quantity = nextafter(0.04, 1);
    fails(w, PERP_E_CONFLICT, hears(w, &again));
    again = fill_of(one, "x", 0.04, nextafter(BTC_MID, 0));
    fails(w, PERP_E_CONFLICT, hears(w, &again));
    fill(w, other, "x", 0.05, BTC_MID + 1); /* another order's */
    tell(w, one, PERP_NEWS_CANCELLED);
    again = fill_of(one, "x", 0.04, BTC_MID);
    fails(w, PERP_E_EXISTS, hears(w, &again)); /* after its end, too */
    fill(w, one, "X", 0.01, BTC_MID);
    fill(w, one, "x ", 0.01, BTC_MID);
    ck_assert_uint_eq(desk_of(w).fills_today, 4);
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).quantity, 0.11, 1e-15);
}
END_TEST

START_TEST(an_id_of_63_bytes_is_all_of_it) {
    char id[66];
    memset(id, 'a', sizeof id);
    id[63] = '\0';
    uint64_t order = place(w, 1, 0, 0.1);
    fill(w, order, id, 0.01, BTC_MID);
    id[62] = 'b';
    fill(w, order, id, 0.01, BTC_MID);
    perp_order_news news = fill_of(order, id, 0.01, BTC_MID);
    fails(w, PERP_E_EXISTS, hears(w, &news));
    id[63] = 'c';
    id[64] = '\0';
    news = fill_of(order, id, 0.01, BTC_MID);
    fails(w, PERP_E_INVALID, hears(w, &news));
}
END_TEST

#define wrong(news, change)                                                                        \
    do {                                                                                           \
        perp_order_news news_ = (news);                                                            \
        change;                                                                                    \
        fails(w, PERP_E_INVALID, hears(w, &news_));                                                \
    } while (0)

START_TEST(what_can_not_be_is_refused_and_changes_nothing) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news good = fill_of(order, "a", 0.04, BTC_MID);
    wrong(good, news_.quantity = 0);
    wrong(good, news_.quantity = -0.04);
    wrong(good, news_.quantity = NAN);
    wrong(good, news_.quantity = INFINITY);
    wrong(good, news_.price = 0);
    wrong(good, news_.price = -1);
    wrong(good, news_.price = NAN);
    wrong(good, news_.price = INFINITY);
    wrong(good, news_.fill_id = NULL);
    wrong(good, news_.fill_id = "");
    wrong(good, news_.fill_id = "\xff");
    wrong(good, news_.fill_id = "a\nb");
    wrong(good, news_.exchange_id = "");
    wrong(good, news_.kind = PERP_NEWS_COUNT);
    wrong(good, news_.has_pnl = 2);
    wrong(good, news_.reserved = 1);
    wrong(good, news_.struct_size = 5);
    wrong(good, news_.order = 0);              /* and no client id */
    wrong(good, news_.quantity = 0.2 + 1e-12); /* above twice */
    fill(w, order, "a", 0.15, BTC_MID);
    wrong(good, (news_.fill_id = "b", news_.quantity = 0.05 + 1e-12));
    wrong(total_of(order, 0.2, BTC_MID), (void)0); /* it is told by fills */
    perp_order_news news = fill_of(order + 1, "a", 0.04, BTC_MID);
    fails(w, PERP_E_NOT_FOUND, hears(w, &news));
    news.order = 0;
    news.client_id = "nobody";
    fails(w, PERP_E_NOT_FOUND, hears(w, &news));
    news = fill_of(order, "b", 1e-9, 1e300);
    fails(w, PERP_E_RANGE, hears(w, &news));
    news = fill_of(order, "b", 0.01, BTC_MID);
    news.fee = INT64_MAX;
    fails(w, PERP_E_RANGE, hears(w, &news));
    news.fee = INT64_MIN;
    fails(w, PERP_E_RANGE, hears(w, &news));
    news.fee = 0;
    news.has_pnl = 1;
    news.pnl = INT64_MIN;
    fails(w, PERP_E_RANGE, hears(w, &news));
    expect(w, PERP_E_INVALID, perp_orders_tell(NULL, nowc(w), &news, NULL));
    expect(w, PERP_E_INVALID, perp_orders_tell(desk(w), nowc(w), NULL, NULL));
}
END_TEST

START_TEST(more_than_its_quantity_is_booked_and_flagged_once) {
    uint64_t order = place(w, 1, 0, 0.1);
    fill(w, order, "a", 0.1 * (1 + 0.9e-9), BTC_MID);
    ck_assert_uint_eq(order_of(w, order).overfilled, 0); /* rounding */
    fill(w, order, "b", 0.05, BTC_MID);
    ck_assert_uint_eq(order_of(w, order).overfilled, 1);
    ck_assert_int_eq(told.overfilled, 1);
    ck_assert_str_eq(told.subject, order_of(w, order).client_id);
    fill(w, order, "c", 0.01, BTC_MID);
    ck_assert_int_eq(told.overfilled, 1);
    order_is(w, order, PERP_ORDER_FILLED);
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).quantity, 0.16, 1e-9);
}
END_TEST

START_TEST(a_fill_is_booked_at_once_everywhere) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = fill_of(order, "a", 0.1, 50010);
    news.fee = USD(0.5);
    perp_capital_state before = capital_of(w, ALPHA);
    told_of(w, &news);
    perp_capital_state now = capital_of(w, ALPHA);
    ck_assert_int_eq(now.today.volume - before.today.volume, USD(5001));
    ck_assert_int_eq(now.today.fees - before.today.fees, USD(0.5));
    ck_assert_int_eq(info_of(w, 1).volume, USD(5001));
    ck_assert_int_eq(info_of(w, 1).fees, USD(0.5));
    perp_order_info info = order_of(w, order);
    ck_assert_int_eq(info.volume, USD(5001));
    ck_assert_int_eq(info.fees, USD(0.5));
    ck_assert_int_eq(info.pnl, 0);
    ck_assert_double_eq(info.price, 50010);
    ck_assert_double_eq(info.filled, 0.1);
    perp_position_state position = position_of(w, w->btc[ALPHA]);
    ck_assert_double_eq(position.quantity, 0.1);
    ck_assert_double_eq(position.entry_price, 50010);
    ck_assert_double_eq(info_of(w, 1).legs[0].filled, 0.1);
    ck_assert_double_eq(info_of(w, 1).legs[1].filled, 0);
}
END_TEST

START_TEST(what_it_realised_or_what_is_said_of_it) {
    position_at(w, w->btc[ALPHA], w->now, -0.05, 50100); /* somebody's: what is bought closes it */
    uint64_t order = place(w, 1, 0, 0.1);
    fill(w, order, "a", 0.02, 50000);
    ck_assert_int_eq(order_of(w, order).pnl, USD(2)); /* 0.02 × 100 */
    perp_order_news news = fill_of(order, "b", 0.02, 50000);
    news.has_pnl = 1;
    news.pnl = USD(-7);
    told_of(w, &news);
    ck_assert_int_eq(order_of(w, order).pnl, USD(-5));
    ck_assert_int_eq(info_of(w, 1).pnl, USD(-5));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, USD(-5));
}
END_TEST

START_TEST(a_fill_is_never_later_than_now) {
    uint64_t order = place(w, 1, 0, 0.1);
    pass(w, 10 * SECOND);
    position_at(w, w->btc[ALPHA], w->now, 0, 0);
    perp_order_news news = fill_of(order, "a", 0.01, BTC_MID);
    news.time_ns = INT64_MAX;
    told_of(w, &news);
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).quantity, 0.01, 1e-15);
    news = fill_of(order, "b", 0.01, BTC_MID);
    news.time_ns = INT64_MIN + 1; /* long before the report, which had it */
    told_of(w, &news);
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).quantity, 0.01, 1e-15);
}
END_TEST

/* ---- Totals -------------------------------------------------------------------------------------
 */

START_TEST(a_total_adds_what_makes_its_average_right) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = total_of(order, 0.02, 50000);
    news.fee = USD(1);
    told_of(w, &news);
    order_is(w, order, PERP_ORDER_OPEN);
    news = total_of(order, 0.04, 50010); /* the second 0.02 was at 50,020 */
    news.fee = USD(1.5);
    told_of(w, &news);
    perp_order_info info = order_of(w, order);
    ck_assert_double_eq_tol(info.price, 50010, 1e-9);
    ck_assert_int_eq(info.volume, USD(0.02 * 50000) + USD(0.02 * 50020));
    ck_assert_int_eq(info.fees, USD(1.5));
    ck_assert_double_eq_tol(position_of(w, w->btc[ALPHA]).entry_price, 50010, 1e-6);
    ck_assert_uint_eq(desk_of(w).fills_today, 2);
    /* A price below 0 would be needed: the average itself is taken. */
    news = total_of(order, 0.05, 10);
    news.fee = USD(1.5);
    told_of(w, &news);
    info = order_of(w, order);
    ck_assert_int_eq(info.volume, USD(0.02 * 50000) + USD(0.02 * 50020) + USD(0.01 * 10));
    ck_assert_double_eq_tol(info.filled, 0.05, 1e-15);
}
END_TEST

START_TEST(a_total_again_is_nothing_and_less_is_stale) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = total_of(order, 0.04, BTC_MID);
    told_of(w, &news);
    uint64_t hash = perp_core_hash(w->core);
    told_of(w, &news);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    news.quantity = 0.04 * (1 + 1e-12); /* as much, to rounding */
    told_of(w, &news);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    news.quantity = 0.03;
    fails(w, PERP_E_STALE, hears(w, &news));
    news = total_of(order, 0, 0);
    fails(w, PERP_E_STALE, hears(w, &news));
    news = fill_of(order, "a", 0.01, BTC_MID);
    fails(w, PERP_E_INVALID, hears(w, &news)); /* the other form */
    wrong(total_of(order, 0.05, 0), (void)0);
    wrong(total_of(order, 0.05, NAN), (void)0);
    wrong(total_of(order, NAN, BTC_MID), (void)0);
    wrong(total_of(order, INFINITY, BTC_MID), (void)0);
    wrong(total_of(order, -0.05, BTC_MID), (void)0);
    wrong(total_of(order, 0.2 + 1e-12, BTC_MID), (void)0);
}
END_TEST

START_TEST(fee_and_pnl_alone_are_booked_as_differences) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = total_of(order, 0.04, BTC_MID);
    news.fee = USD(1);
    told_of(w, &news);
    uint64_t fills = desk_of(w).fills_today;
    perp_usd volume = info_of(w, 1).volume;
    news.fee = USD(3);
    news.has_pnl = 1;
    news.pnl = USD(-4);
    told_of(w, &news);
    told_of(w, &news); /* again: nothing */
    perp_order_info info = order_of(w, order);
    ck_assert_int_eq(info.fees, USD(3));
    ck_assert_int_eq(info.pnl, USD(-4));
    ck_assert_int_eq(info_of(w, 1).fees, USD(3));
    ck_assert_int_eq(info_of(w, 1).pnl, USD(-4));
    ck_assert_int_eq(info_of(w, 1).volume, volume);
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, USD(-4));
    ck_assert_uint_eq(desk_of(w).fills_today, fills);
    news.fee = USD(2); /* part of it is given back */
    news.pnl = USD(1);
    told_of(w, &news);
    ck_assert_int_eq(order_of(w, order).fees, USD(2));
    ck_assert_int_eq(order_of(w, order).pnl, USD(1));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, USD(1));
    /* And after its end. */
    tell(w, order, PERP_NEWS_CANCELLED);
    news.fee = USD(2.5);
    told_of(w, &news);
    ck_assert_int_eq(order_of(w, order).fees, USD(2.5));
    order_is(w, order, PERP_ORDER_CANCELLED);
}
END_TEST

START_TEST(the_pnl_of_a_total_counts_against_what_was_realised) {
    position_at(w, w->btc[ALPHA], w->now, -0.05, 50100);
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = total_of(order, 0.02, 50000);
    told_of(w, &news);
    ck_assert_int_eq(order_of(w, order).pnl, USD(2));
    news.has_pnl = 1;
    news.pnl = USD(1.75); /* so much in all */
    told_of(w, &news);
    ck_assert_int_eq(order_of(w, order).pnl, USD(1.75));
    ck_assert_int_eq(capital_of(w, ALPHA).today.pnl, USD(1.75));
}
END_TEST

/* ---- Words --------------------------------------------------------------------------------------
 */

START_TEST(the_exchanges_own_id_is_taken_once_from_whatever_comes_first) {
    uint64_t order = place(w, 1, 0, 0.1);
    perp_order_news news = fill_of(order, "a", 0.1, BTC_MID);
    told_of(w, &news); /* overtook the answer */
    news = news_of(order, PERP_NEWS_ACCEPTED);
    news.exchange_id = "X-1";
    ck_assert_uint_eq(told_of(w, &news).state, PERP_ORDER_FILLED);
    ck_assert_str_eq(order_of(w, order).exchange_id, "X-1");
    news.exchange_id = "X-2";
    uint64_t hash = perp_core_hash(w->core);
    told_of(w, &news);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    ck_assert_str_eq(order_of(w, order).exchange_id, "X-1");
}
END_TEST

START_TEST(the_reason_is_kept_cut_and_cleaned) {
    char words[300], cut[128];
    memset(words, 'w', sizeof words);
    words[299] = '\0';
    memset(cut, 'w', 127);
    cut[127] = '\0';
    const struct {
        const char *given, *kept;
    } cases[] = {{"not enough margin", "not enough margin"},
                 {NULL, ""},
                 {"", ""},
                 {words, cut},
                 {"a\tb\x7f"
                  "c",
                  "a?b?c"},
                 {"\xff\xfe.", "??."}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t order = place(w, 1, 0, 0.01);
        perp_order_news news = news_of(order, PERP_NEWS_REJECTED);
        news.text = cases[i].given;
        told_of(w, &news);
        ck_assert_str_eq(order_of(w, order).text, cases[i].kept);
    }
    /* A letter of two bytes is not cut in two. */
    memset(words, 'w', 126);
    strcpy(words + 126, "\xc3\xa9");
    uint64_t order = place(w, 1, 0, 0.01);
    perp_order_news news = news_of(order, PERP_NEWS_CANCELLED);
    news.text = words;
    told_of(w, &news);
    cut[126] = '\0';
    ck_assert_str_eq(order_of(w, order).text, cut);
}
END_TEST

START_TEST(a_client_id_says_which_and_the_number_goes_first) {
    uint64_t one = place(w, 1, 0, 0.1), other = place(w, 1, 1, 0.1);
    perp_order_info info = order_of(w, one);
    perp_order_news news = news_of(0, PERP_NEWS_ACCEPTED);
    news.client_id = info.client_id;
    ck_assert_uint_eq(told_of(w, &news).order, one);
    order_is(w, one, PERP_ORDER_OPEN);
    news.order = other;
    ck_assert_uint_eq(told_of(w, &news).order, other);
    char longer[PERP_NAME_SIZE + 40];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    news = news_of(0, PERP_NEWS_ACCEPTED);
    news.client_id = longer;
    fails(w, PERP_E_NOT_FOUND, hears(w, &news));
    news.client_id = "";
    fails(w, PERP_E_NOT_FOUND, hears(w, &news));
}
END_TEST

/* By the formula of the documentation, worked out elsewhere: job 10000000-…-000000000001. */
static const struct {
    uint32_t leg, attempt;
    const char *hex, *uuid, *base32;
} ids[] = {
    {0, 1, "bb335dd4d6e6d9f175740b44216135c5", "bb335dd4-d6e6-d9f1-7574-0b44216135c5",
     "xmzv3vgw43m7c5lubncccyjvyu"},
    {0, 2, "30b6ee23a958ae07e8e435bab93e0cca", "30b6ee23-a958-ae07-e8e4-35bab93e0cca",
     "gc3o4i5jlcxap2hegw5lspqmzi"},
    {1, 1, "e5e64b9fbe1b9e126ade59b34efaa98e", "e5e64b9f-be1b-9e12-6ade-59b34efaa98e",
     "4xtexh56dopbe2w6lgzu56vjry"},
    {1, 255, "0a224608bb0cf4519249b875b557cf0d", "0a224608-bb0c-f451-9249-b875b557cf0d",
     "biremcf3bt2fdesjxb23kv6pbu"},
};

START_TEST(client_ids_are_what_the_formula_says_in_every_form) {
    const char *const names[] = {"hex", "0x", "uuid", "b32", "u32"};
    const perp_uuid job = id_of(1);
    for (uint32_t format = 0; format < PERP_CLIENT_ID_FORMAT_COUNT; format++) {
        perp_exchange_spec spec;
        perp_exchange_id x;
        perp_exchange_spec_init(&spec);
        strcpy(spec.name, names[format]);
        spec.client_id_format = format;
        strcpy(spec.client_id_prefix, format == PERP_CLIENT_ID_UUID ? "" : "my-pre_fix12");
        ok(w, perp_exchange_add(w->core, &spec, &x));
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
            char got[PERP_NAME_SIZE], wanted[2 * PERP_NAME_SIZE] = "";
            ok(w, perp_orders_client_id(desk(w), x, &job, ids[i].leg, ids[i].attempt, got));
            if (format != PERP_CLIENT_ID_U32)
                snprintf(wanted, sizeof wanted, "%s%s%s", spec.client_id_prefix,
                         format == PERP_CLIENT_ID_0X ? "0x" : "",
                         format == PERP_CLIENT_ID_UUID  ? ids[i].uuid
                         : format == PERP_CLIENT_ID_B32 ? ids[i].base32
                                                        : ids[i].hex);
            ck_assert_str_eq(got, wanted); /* "": of u32 once it is placed */
        }
    }
    char got[PERP_NAME_SIZE];
    expect(w, PERP_E_NOT_FOUND, perp_orders_client_id(desk(w), 63, &job, 0, 1, got));
    expect(w, PERP_E_INVALID, perp_orders_client_id(desk(w), 0, &job, PERP_MAX_LEGS, 1, got));
    expect(w, PERP_E_INVALID, perp_orders_client_id(desk(w), 0, &job, 0, 0, got));
    expect(w, PERP_E_INVALID, perp_orders_client_id(desk(w), 0, &job, 0, 256, got));
}
END_TEST

START_TEST(orders_are_called_so) {
    /* Job 1 runs at exchanges of the default form. */
    ck_assert_str_eq(order_of(w, place(w, 1, 0, 0.01)).client_id, ids[0].hex);
    ck_assert_str_eq(order_of(w, place(w, 1, 0, 0.01)).client_id, ids[1].hex);
    ck_assert_str_eq(order_of(w, place(w, 1, 1, 0.01)).client_id, ids[2].hex);
    /* The executor knew the first of each leg before. */
    ck_assert_str_eq(w->seen.last_orders[0].client_id, ids[0].hex);
    ck_assert_str_eq(w->seen.last_orders[1].client_id, ids[2].hex);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("orders_news");
    TCase *own = tcase_create("own world"), *many = tcase_create("many worlds");
    tcase_add_checked_fixture(own, open_world, close_world);
    tcase_add_test(many, every_kind_in_every_state);
    tcase_add_test(own, what_was_filled_in_part_can_be_neither_declined_nor_rejected);
    tcase_add_test(own, an_ended_order_that_turns_out_full_is_filled);
    tcase_add_test(own, full_to_a_billionth_is_full);
    tcase_add_test(own, a_fill_counts_once_by_its_id_and_order);
    tcase_add_test(own, an_id_of_63_bytes_is_all_of_it);
    tcase_add_test(own, what_can_not_be_is_refused_and_changes_nothing);
    tcase_add_test(own, more_than_its_quantity_is_booked_and_flagged_once);
    tcase_add_test(own, a_fill_is_booked_at_once_everywhere);
    tcase_add_test(own, what_it_realised_or_what_is_said_of_it);
    tcase_add_test(own, a_fill_is_never_later_than_now);
    tcase_add_test(own, a_total_adds_what_makes_its_average_right);
    tcase_add_test(own, a_total_again_is_nothing_and_less_is_stale);
    tcase_add_test(own, fee_and_pnl_alone_are_booked_as_differences);
    tcase_add_test(own, the_pnl_of_a_total_counts_against_what_was_realised);
    tcase_add_test(own, the_exchanges_own_id_is_taken_once_from_whatever_comes_first);
    tcase_add_test(own, the_reason_is_kept_cut_and_cleaned);
    tcase_add_test(own, a_client_id_says_which_and_the_number_goes_first);
    tcase_add_test(own, client_ids_are_what_the_formula_says_in_every_form);
    tcase_add_test(own, orders_are_called_so);
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, many);
    return run_suite(suite);
}
