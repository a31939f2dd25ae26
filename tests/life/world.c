/* The exchanges and instruments of a life, and what feeds say of them. */
#include "life.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *base;
    double price;
} BASES[] = {{"BTC", 50000}, {"ETH", 2500}, {"SOL", 125}};
#define N_BASES (sizeof BASES / sizeof *BASES)

static const perp_tier TIERS[] = {
    {0, 50000, 0.005, 0, 50}, {50000, 500000, 0.01, 250, 20}, {500000, 5000000, 0.025, 7750, 10}};

double l_price(const struct life *life, uint32_t instrument) {
    const struct l_instrument *i = &life->instruments[instrument];
    return life->prices[i->base] * (1 + i->apart);
}

static void keep(struct life *life, const struct l_feed *feed) {
    if (life->n_journal == life->journal_room) {
        size_t room = life->journal_room ? life->journal_room * 2 : 1024;
        struct l_feed *journal = realloc(life->journal, room * sizeof *journal);
        if (!journal)
            l_fail(life, "no memory");
        life->journal = journal;
        life->journal_room = room;
    }
    life->journal[life->n_journal++] = *feed;
}

static perp_status tell(perp_core *core, const struct l_feed *feed) {
    perp_market *market = perp_core_market(core);
    perp_book book = feed->as.book.book;
    switch (feed->kind) {
    case L_QUOTE:
        return perp_market_on_quote(market, &feed->as.quote);
    case L_BOOK:
        book.bids = feed->as.book.bids;
        book.asks = feed->as.book.asks;
        return perp_market_on_book(market, &book);
    case L_TRADE:
        return perp_market_on_trade(market, &feed->as.trade);
    case L_MARK:
        return perp_market_on_mark(market, &feed->as.mark);
    case L_FUNDING:
        return perp_market_on_funding(market, &feed->as.funding);
    case L_LATENCY:
        return perp_market_on_latency(market, &feed->as.latency);
    case L_STATUS:
        return perp_market_on_status(market, &feed->as.status);
    case L_RATE:
        return perp_market_on_rate(market, &feed->as.rate);
    default:
        return perp_market_on_withdraw(market, &feed->as.withdrawal);
    }
}

void l_feed(struct life *life, const struct l_feed *feed) {
    L_EACH(life, tell(core, feed));
    /* A rate that makes no sense makes the rate unknown. The word that an exchange is up closes its
       circuit, which is stored: only the last of its kind is told again. */
    if ((life->status == PERP_OK || (feed->kind == L_FUNDING && life->status == PERP_E_INVALID)) &&
        feed->kind != L_STATUS)
        keep(life, feed);
    if (life->status != PERP_OK)
        return;
    struct l_instrument *of = life->instruments;
    if (feed->kind == L_QUOTE || feed->kind == L_BOOK) {
        of += feed->kind == L_QUOTE ? feed->as.quote.instrument : feed->as.book.book.instrument;
        of->quote = *feed;
        of->has_quote = true;
    } else if (feed->kind == L_FUNDING) {
        of += feed->as.funding.instrument;
        of->funding = *feed;
        of->has_funding = true;
    }
}

static perp_status report_badly(perp_core *core, const struct life *life, uint32_t instrument) {
    perp_call call = l_call(life);
    const perp_position_report bad = {.instrument = instrument, .quantity = NAN};
    return perp_position(core, &call, &bad, PERP_TIME_NONE);
}

/* What is refused changes the clock alone, of which only the time of the last record is stored. */
static void set_clock(struct life *life, perp_core *core, int64_t clock) {
    perp_refusal refusal = {.struct_size = sizeof refusal};
    perp_call call = l_call(life);
    uint64_t id;
    call.now_ns = clock;
    if (perp_capital_reserve(perp_core_capital(core), &call, 0, PERP_POOL_WASH,
                             INT64_C(1000000000) * PERP_USD, NULL, &id, &refusal) != PERP_OK ||
        !refusal.reason || perp_core_clock(core) != clock)
        l_fail(life, "the clock can't be set: %s", perp_core_error(core));
}

void l_feed_again(struct life *life, perp_core *core, int64_t clock) {
    set_clock(life, core, clock);
    for (size_t i = 0; i < life->n_journal; i++) {
        perp_status status = tell(core, &life->journal[i]);
        if (status != PERP_OK && life->journal[i].kind != L_FUNDING)
            l_fail(life, "feed event %zu is %s when told again", i, perp_status_string(status));
    }
    for (uint32_t x = 0; x < life->n_exchanges; x++) {
        const struct l_feed feed = {.kind = L_STATUS,
                                    .as.status = {x, life->api[x], life->told_at[x]}};
        if (life->api[x] != PERP_API_UP && tell(core, &feed) != PERP_OK)
            l_fail(life, "status told again: %s", perp_core_error(core));
    }
    for (uint32_t i = 0; i < life->n_instruments; i++)
        if (life->instruments[i].bad_report)
            report_badly(core, life, i);
}

/* A book whose levels are one spread apart; now and then one side is all but empty. */
static void book_of(struct life *life, uint32_t instrument, int64_t time_ns, struct l_feed *feed) {
    const struct l_instrument *i = &life->instruments[instrument];
    double price = l_price(life, instrument), size = i->size_usd / price;
    memset(feed, 0, sizeof *feed);
    feed->kind = L_BOOK;
    feed->as.book.book = (perp_book){.instrument = instrument,
                                     .n_bids = 1 + l_below(life, L_LEVELS),
                                     .n_asks = 1 + l_below(life, L_LEVELS),
                                     .time_ns = time_ns};
    for (uint32_t n = 0; n < L_LEVELS; n++) {
        double away = i->half_spread * (1 + n);
        feed->as.book.bids[n] = (perp_book_level){price * (1 - away), size};
        feed->as.book.asks[n] = (perp_book_level){price * (1 + away), size};
    }
}

static void quote_at(struct life *life, uint32_t instrument, int64_t time_ns) {
    struct l_instrument *i = &life->instruments[instrument];
    struct l_feed feed;
    book_of(life, instrument, time_ns, &feed);
    if (instrument % 2) {
        const struct l_feed book = feed;
        memset(&feed, 0, sizeof feed);
        feed.kind = L_QUOTE;
        feed.as.quote = (perp_quote){.instrument = instrument,
                                     .time_ns = time_ns,
                                     .bid = book.as.book.bids[0].price,
                                     .bid_size = book.as.book.bids[0].size,
                                     .ask = book.as.book.asks[0].price,
                                     .ask_size = book.as.book.asks[0].size};
    }
    l_feed(life, &feed);
    if (life->status == PERP_OK)
        i->quoted = time_ns;
}

void l_quote(struct life *life, uint32_t instrument) {
    quote_at(life, instrument, life->now);
}

void l_mark(struct life *life, uint32_t instrument) {
    double apart = l_uniform(life, -1e-4, 1e-4);
    const struct l_feed feed = {
        .kind = L_MARK,
        .as.mark = {instrument, 0, life->now, l_price(life, instrument) * (1 + apart)}};
    l_feed(life, &feed);
    if (life->status == PERP_OK)
        life->instruments[instrument].marked = life->now;
}

void l_funding(struct life *life, uint32_t instrument) {
    struct l_instrument *i = &life->instruments[instrument];
    int64_t interval = (int64_t)(i->interval_h * (double)L_HOUR);
    i->next = life->now + interval / 8 + l_within(life, interval / 2);
    const struct l_feed feed = {
        .kind = L_FUNDING,
        .as.funding = {instrument, i->continuous, life->now, i->rate, i->interval_h, i->next}};
    l_feed(life, &feed);
}

void l_latency(struct life *life, uint32_t exchange, double ms) {
    const struct l_feed feed = {.kind = L_LATENCY, .as.latency = {exchange, 0, life->now, ms}};
    l_feed(life, &feed);
    life->sampled[exchange] = life->now;
}

void l_api(struct life *life, uint32_t exchange, uint32_t api) {
    const struct l_feed feed = {.kind = L_STATUS, .as.status = {exchange, api, life->now}};
    l_feed(life, &feed);
    if (life->status != PERP_OK)
        return;
    life->api[exchange] = api;
    life->told_at[exchange] = life->now;
}

void l_rate(struct life *life, const char *quote, double usd) {
    struct l_feed feed = {.kind = L_RATE, .as.rate = {"", life->now, usd}};
    snprintf(feed.as.rate.quote, sizeof feed.as.rate.quote, "%s", quote);
    l_feed(life, &feed);
}

void l_withdraw(struct life *life, uint32_t instrument) {
    const struct l_feed feed = {.kind = L_WITHDRAW, .as.withdrawal = {instrument, 0, life->now}};
    l_feed(life, &feed);
}

/* An account as it is, or as the trouble of the moment shows it. */
void l_report(struct life *life, uint32_t exchange) {
    perp_position_report positions[L_INSTRUMENTS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < life->n_instruments; i++) {
        struct l_instrument *instrument = &life->instruments[i];
        perp_position_state state = {.struct_size = sizeof state};
        if (instrument->exchange != exchange)
            continue;
        if (perp_positions_query(perp_core_positions(life->books[0]), i, life->now, &state) !=
            PERP_OK)
            l_fail(life, "positions: %s", perp_core_error(life->books[0]));
        if (state.quantity == 0)
            continue;
        positions[n++] = (perp_position_report){.instrument = i,
                                                .margin_mode = PERP_MARGIN_NOT_GIVEN,
                                                .quantity = state.quantity,
                                                .leverage = l_chance(life, 30) ? 3 : 0};
        if (l_chance(life, 10))
            positions[n - 1].liquidation_price =
                l_price(life, i) * (state.quantity > 0 ? 0.6 : 1.4);
    }
    life->equity[exchange] +=
        (perp_usd)((double)life->equity[exchange] * l_uniform(life, -0.0002, 0.0002));
    perp_call call = l_call(life);
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = exchange;
    report.has_equity = 1;
    report.equity = life->equity[exchange];
    report.n_positions = n;
    report.positions = positions;
    L_EACH(life, perp_account(core, &call, &report));
    if (life->status != PERP_OK)
        return;
    life->reported[exchange] = life->now;
    for (uint32_t i = 0; i < life->n_instruments; i++)
        if (life->instruments[i].exchange == exchange)
            life->instruments[i].bad_report = false;
}

/* ---- What there is --------------------------------------------------------------------------- */

static void add_instrument(struct life *life, uint32_t exchange, uint32_t base, uint32_t kind,
                           const char *quotes, const char *contract) {
    perp_instrument_spec spec;
    perp_instrument_id id = PERP_NO_ID;
    if (life->n_instruments == L_INSTRUMENTS)
        return;
    perp_instrument_spec_init(&spec);
    spec.exchange = exchange;
    /* An inverse one settles in its base. */
    bool inverse = quotes[strlen(quotes) - 1] == ':';
    snprintf(spec.symbol, sizeof spec.symbol, "%s%s%s", BASES[base].base, quotes,
             inverse ? BASES[base].base : "");
    snprintf(spec.contract, sizeof spec.contract, "%s", contract);
    spec.kind = kind;
    spec.qty_step = l_chance(life, 30) ? 1.0 / 65536 : 0;
    spec.min_notional = l_chance(life, 50) ? 10 * PERP_USD : 0;
    spec.can_borrow = kind == PERP_KIND_SPOT && l_chance(life, 20);
    if (kind != PERP_KIND_SPOT && l_chance(life, 60)) {
        spec.tiers = TIERS;
        spec.n_tiers = sizeof TIERS / sizeof *TIERS;
    }
    if (l_chance(life, 20))
        spec.taker_fee_bps = l_uniform(life, 0, 3);
    L_EACH(life, perp_instrument_add(core, &spec, &id));
    if (life->status != PERP_OK || id != life->n_instruments)
        l_fail(life, "instrument: %s", perp_core_error(life->books[0]));
    life->instruments[life->n_instruments++] =
        (struct l_instrument){.exchange = exchange,
                              .kind = kind,
                              .base = base,
                              .apart = l_uniform(life, -2e-4, 2e-4),
                              .half_spread = l_uniform(life, 5e-6, 4e-5),
                              .size_usd = l_uniform(life, 5000, 50000),
                              .rate = l_uniform(life, -5e-5, 5e-5),
                              .interval_h = l_chance(life, 60) ? 8 : 1 + l_below(life, 8),
                              .continuous = l_chance(life, 10),
                              .mute = l_chance(life, 30),
                              .quoted = PERP_TIME_NONE,
                              .marked = PERP_TIME_NONE};
}

static void add_instruments(struct life *life, uint32_t exchange) {
    for (uint32_t b = 0; b < N_BASES; b++) {
        add_instrument(life, exchange, b, PERP_KIND_PERP, "/USDT:USDT", "linear");
        if (l_chance(life, 35))
            add_instrument(life, exchange, b, PERP_KIND_SPOT, "/USDT", "");
        if (l_chance(life, 25))
            add_instrument(life, exchange, b, PERP_KIND_PERP, "/USDC:USDC", "usdc");
        if (l_chance(life, 15))
            add_instrument(life, exchange, b, PERP_KIND_PERP, "/USD:", "inverse");
        if (l_chance(life, 15))
            add_instrument(life, exchange, b, PERP_KIND_FUTURE, "/USDT:USDT-261225", "261225");
    }
}

void l_new_instrument(struct life *life) {
    char expiry[16], quotes[32];
    uint32_t id = life->n_instruments;
    snprintf(expiry, sizeof expiry, "27%04u", id);
    snprintf(quotes, sizeof quotes, "/USDT:USDT-%s", expiry);
    add_instrument(life, l_below(life, life->n_exchanges), l_below(life, N_BASES), PERP_KIND_FUTURE,
                   quotes, expiry);
    if (life->n_instruments == id)
        return;
    l_funding(life, id);
    l_quote(life, id);
}

static void add_exchange(struct life *life, uint32_t x) {
    perp_exchange_spec spec;
    perp_exchange_id id = PERP_NO_ID;
    perp_exchange_spec_init(&spec);
    spec.name[0] = (char)('a' + x);
    /* A second account at a venue that there is. */
    if (x >= 3 && x + 1 == life->n_exchanges)
        strcpy(spec.venue, "a");
    if (l_accounts_age(life) && l_chance(life, 60))
        spec.margin_mode = PERP_MARGIN_CROSS;
    spec.taker_fee_bps = l_uniform(life, 0.5, 4);
    spec.maker_fee_bps = l_uniform(life, -1, 2);
    if (perp_exchange_add(life->books[0], &spec, &id) != PERP_OK || id != x)
        l_fail(life, "exchange: %s", perp_core_error(life->books[0]));
    life->reported[x] = life->failed_at[x] = PERP_TIME_NONE;
    life->equity[x] = (50 + l_within(life, l_chance(life, 80) ? 900 : 10)) * 1000 * PERP_USD;
    life->api[x] = PERP_API_UP;
}

void l_world(struct life *life) {
    life->n_exchanges = 3 + l_below(life, L_EXCHANGES - 2);
    for (uint32_t b = 0; b < N_BASES; b++)
        life->prices[b] = BASES[b].price;
    for (uint32_t x = 0; x < life->n_exchanges; x++) {
        add_exchange(life, x);
        add_instruments(life, x);
    }
    for (uint32_t i = 0; i < life->n_instruments; i++)
        l_funding(life, i);
    /* Long enough that volatility and latency are known. */
    for (int second = 0; second < 12; second++) {
        life->now += L_SECOND;
        l_keep_fresh(life, true);
        for (uint32_t x = 0; x < life->n_exchanges; x++)
            l_latency(life, x, l_uniform(life, 10, 80));
    }
}

/* ---- What feeds say -------------------------------------------------------------------------- */

static bool is_old(const struct life *life, int64_t time_ns, int64_t age) {
    return time_ns == PERP_TIME_NONE || life->now - time_ns > age;
}

static bool is_left_alone(const struct life *life, uint32_t exchange) {
    return life->left_alone != PERP_NO_ID &&
           life->instruments[life->left_alone].exchange == exchange;
}

void l_keep_fresh(struct life *life, bool all) {
    const int64_t age = life->config.risk.max_quote_age_ms * L_MS;
    const int64_t account = life->config.risk.account_max_age_ms * L_MS;
    for (uint32_t b = 0; b < N_BASES; b++)
        life->prices[b] *= 1 + l_uniform(life, -2e-5, 2e-5);
    for (uint32_t i = 0; i < life->n_instruments; i++) {
        struct l_instrument *instrument = &life->instruments[i];
        if (i == life->left_alone)
            continue;
        if (!instrument->silent && (all || is_old(life, instrument->quoted, age / 2)))
            l_quote(life, i);
        if (!instrument->mute && (all || is_old(life, instrument->marked, age / 2)))
            l_mark(life, i);
        if (instrument->kind != PERP_KIND_SPOT &&
            is_old(life, instrument->next,
                   (int64_t)(instrument->interval_h * (double)L_HOUR) - L_MINUTE))
            l_funding(life, i);
    }
    for (uint32_t x = 0; x < life->n_exchanges; x++)
        if (!life->unreported[x] && !is_left_alone(life, x) &&
            (life->reported[x] == PERP_TIME_NONE ||
             (account && is_old(life, life->reported[x], account / 2))))
            l_report(life, x);
}

/* The last quote or book again, in which one number is another. */
static void change_quote(struct life *life, uint32_t i) {
    struct l_feed feed = life->instruments[i].quote;
    bool is_book = feed.kind == L_BOOK, up = l_chance(life, 50);
    perp_quote *top = &feed.as.quote;
    perp_book_level *bids = feed.as.book.bids, *asks = feed.as.book.asks;
    uint32_t n_bids = is_book ? feed.as.book.book.n_bids : 1,
             n_asks = is_book ? feed.as.book.book.n_asks : 1;
    double *bid = is_book ? &bids[0].price : &top->bid, *ask = is_book ? &asks[0].price : &top->ask;
    double less = l_uniform(life, 1e-7, 5e-6);
    *(is_book ? &feed.as.book.book.time_ns : &top->time_ns) = life->now;
    switch (l_below(life, 6)) {
    case 0:
        *bid *= 1 - less * (n_bids == 1);
        break;
    case 1:
        *ask *= 1 + less * (n_asks == 1);
        break;
    case 2: /* the mid stays */
        if (n_bids == 1 && n_asks == 1) {
            double by = (*ask - *bid) * (up ? 0.25 : -0.125);
            *bid -= by;
            *ask += by;
        }
        break;
    case 3: /* the first level, or one below it */
        *(is_book ? &bids[l_below(life, n_bids)].size : &top->bid_size) *= up ? 1.25 : 0.8;
        break;
    case 4:
        *(is_book ? &asks[l_below(life, n_asks)].size : &top->ask_size) *= up ? 1.25 : 0.8;
        break;
    default: /* what lies below the first moves between levels: the depth stays */
        if (n_asks > 2 && is_book) {
            double size = asks[1].size / 2;
            asks[1].size -= size;
            asks[2].size += size;
        }
        break;
    }
    l_feed(life, &feed);
    if (life->status == PERP_OK)
        life->instruments[i].quoted = life->now;
}

static void change_funding(struct life *life, uint32_t i) {
    struct l_feed feed = life->instruments[i].funding;
    perp_funding *funding = &feed.as.funding;
    funding->time_ns = life->now;
    switch (l_below(life, 4)) {
    case 0:
        funding->rate = l_uniform(life, -5e-5, 5e-5);
        break;
    case 1:
        funding->interval_h = funding->interval_h > 6 ? 4 : 8;
        break;
    case 2:
        funding->next_ns += (l_within(life, 10) - 5) * L_MINUTE;
        break;
    default:
        funding->continuous = !funding->continuous;
        break;
    }
    l_feed(life, &feed);
}

/* All else stays as it was told, so that what rests on the one number has nothing else to go by. */
static void change_one(struct life *life, uint32_t i) {
    if (life->instruments[i].has_funding && l_chance(life, 40))
        change_funding(life, i);
    else if (life->instruments[i].has_quote && !life->instruments[i].silent)
        change_quote(life, i);
}

/* One thing that a feed says. */
void l_market_step(struct life *life) {
    uint32_t i = l_below(life, life->n_instruments), x = life->instruments[i].exchange;
    struct l_instrument *instrument = &life->instruments[i];
    uint32_t pick = l_below(life, 125);
    life->doing = "feed";
    if (pick >= 100) {
        change_one(life, i);
    } else if (pick < 40) {
        instrument->half_spread *= l_chance(life, 20) ? l_uniform(life, 0.6, 1.5) : 1;
        instrument->half_spread = fmin(fmax(instrument->half_spread, 3e-6), 5e-5);
        l_quote(life, i);
    } else if (pick < 50) {
        life->prices[instrument->base] *= 1 + l_uniform(life, -2e-4, 2e-4);
        l_quote(life, i);
    } else if (pick < 58) {
        l_mark(life, i);
    } else if (pick < 64) {
        const struct l_feed feed = {.kind = L_TRADE,
                                    .as.trade = {i, 0, life->now, l_price(life, i), 1}};
        l_feed(life, &feed);
    } else if (pick < 74) {
        instrument->rate = l_uniform(life, -5e-5, 5e-5);
        l_funding(life, i);
    } else if (pick < 88) {
        l_latency(life, x, l_uniform(life, 10, 80));
    } else if (pick < 92) { /* old, or from the future */
        quote_at(life, i, life->now + l_within(life, 20 * L_SECOND) - 10 * L_SECOND);
    } else if (pick < 94) {
        l_rate(life, l_chance(life, 50) ? "USDT" : "USDC", l_uniform(life, 0.998, 1.002));
    } else if (pick < 97) {
        instrument->size_usd = l_uniform(life, 5000, 50000);
        l_quote(life, i);
    } else {
        l_keep_fresh(life, true);
    }
}
