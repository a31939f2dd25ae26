#include "replay_desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void desk_settings_init(desk_settings *settings) {
    memset(settings, 0, sizeof *settings);
    settings->seed = 1;
    settings->equity = 250000 * PERP_USD;
    settings->step_ns = DESK_SECOND;
    settings->sample_ns = 60 * DESK_SECOND;
    settings->check_ns = 3600 * DESK_SECOND;
    settings->operator_ns = 600 * DESK_SECOND;
    paper_settings_init(&settings->paper);
    strategy_settings_init(&settings->strategies);
}

void desk_settings_fit_minutes(desk_settings *settings) {
    settings->paper.maker_rate = 0;
    settings->paper.maker_patience_ns = 300 * DESK_SECOND;
    settings->paper.silence_ns = 3600 * DESK_SECOND;
    settings->strategies.arb_maker = 1;
    settings->strategies.arb_exit_bps = 0.5;
    settings->strategies.arb_pause_ns = 300 * DESK_SECOND;
    settings->strategies.arb_hold_ns = 7200 * DESK_SECOND;
    settings->strategies.volume_every_ns = 15 * DESK_SECOND;
    settings->strategies.volume_hold_ns = 1200 * DESK_SECOND;
    settings->strategies.volume_cost_bps = 12;
}

int desk_ok(struct desk *desk, perp_status status, const char *what) {
    if (status == PERP_OK)
        return 1;
    if (!desk->failed)
        snprintf(desk->error, sizeof desk->error, "%s: %s: %s", what, perp_status_string(status),
                 perp_core_error(desk->core));
    desk->failed = 1;
    return 0;
}

perp_call desk_call(int64_t now_ns) {
    perp_call call;
    perp_call_init(&call);
    call.now_ns = now_ns;
    return call;
}

perp_usd desk_usd(double usd) {
    return llround(usd * (double)PERP_USD);
}

static perp_usd open_profit(const desk_instrument *instrument) {
    if (instrument->position == 0.0)
        return 0;
    return desk_usd(instrument->position * (instrument->mid - instrument->entry));
}

perp_usd desk_equity(const struct desk *desk, uint32_t exchange) {
    const desk_exchange *account = &desk->exchanges[exchange];
    perp_usd equity = account->deposit + account->realised + account->funding - account->fees;
    for (uint32_t i = 0; i < desk->n_instruments; i++)
        if (desk->instruments[i].exchange == exchange)
            equity += open_profit(&desk->instruments[i]);
    return equity;
}

/* ---- opening ---- */

static int learn_exchange(struct desk *desk, uint32_t e) {
    perp_exchange_spec spec, other;
    perp_exchange_spec_init(&spec);
    perp_exchange_spec_init(&other);
    desk_exchange *exchange = &desk->exchanges[e];
    if (!desk_ok(desk, perp_exchange_get(desk->core, e, &spec), "exchange"))
        return 0;
    snprintf(exchange->name, sizeof exchange->name, "%s", spec.name);
    exchange->taker_bps = spec.taker_fee_bps;
    exchange->maker_bps = spec.maker_fee_bps;
    exchange->api = PERP_API_UP;
    perp_capital_state capital = {.struct_size = sizeof capital};
    if (!desk_ok(desk, perp_capital_snapshot(perp_core_capital(desk->core), e, &capital), "equity"))
        return 0;
    exchange->deposit =
        capital.last_update_ns == PERP_TIME_NONE ? desk->settings.equity : capital.equity;
    exchange->venue = e;
    for (uint32_t o = e; o-- > 0;)
        if (desk_ok(desk, perp_exchange_get(desk->core, o, &other), "exchange") &&
            strcmp(spec.venue, other.venue) == 0)
            exchange->venue = o;
    return !desk->failed;
}

static int learn_instrument(struct desk *desk, uint32_t i) {
    perp_instrument_spec spec, other;
    perp_instrument_spec_init(&spec);
    perp_instrument_spec_init(&other);
    desk_instrument *instrument = &desk->instruments[i];
    if (!desk_ok(desk, perp_instrument_get(desk->core, i, &spec), "instrument"))
        return 0;
    instrument->exchange = spec.exchange;
    instrument->kind = spec.kind;
    instrument->step = spec.qty_step;
    instrument->tick = spec.price_tick;
    instrument->min_qty = spec.min_qty;
    instrument->min_notional = (double)spec.min_notional / (double)PERP_USD;
    instrument->ends_ns = desk->feed.ends_ns == NULL ? desk->feed.end_ns : desk->feed.ends_ns[i];
    instrument->time_ns = PERP_TIME_NONE;
    instrument->measured_since_ns = PERP_TIME_NONE;
    instrument->drifts_since_ns = PERP_TIME_NONE;
    instrument->base = i;
    for (uint32_t o = i; o-- > 0;)
        if (desk_ok(desk, perp_instrument_get(desk->core, o, &other), "instrument") &&
            strcmp(spec.base, other.base) == 0)
            instrument->base = o;
    return !desk->failed;
}

/* An account as the library is told of it: all that is open, and what it is worth. An exchange that
   is down tells nothing. */
static int report_account(struct desk *desk, int64_t now_ns, uint32_t e) {
    perp_position_report positions[DESK_INSTRUMENTS];
    perp_account_report report;
    perp_account_report_init(&report);
    report.exchange = e;
    report.time_ns = now_ns;
    report.has_equity = 1;
    report.equity = desk_equity(desk, e);
    report.positions = positions;
    for (uint32_t i = 0; i < desk->n_instruments; i++) {
        const desk_instrument *instrument = &desk->instruments[i];
        if (instrument->exchange == e && instrument->position != 0.0)
            positions[report.n_positions++] =
                (perp_position_report){.instrument = i,
                                       .margin_mode = PERP_MARGIN_NOT_GIVEN,
                                       .quantity = instrument->position,
                                       .entry_price = instrument->entry};
    }
    perp_call call = desk_call(now_ns);
    return desk_ok(desk, perp_account(desk->core, &call, &report), "account");
}

static int report_accounts(struct desk *desk, int64_t now_ns) {
    for (uint32_t e = 0; e < desk->n_exchanges; e++)
        if (desk->exchanges[e].api != PERP_API_DOWN && !report_account(desk, now_ns, e))
            return 0;
    /* A report may have closed lots that no order did. */
    for (uint32_t i = 0; i < desk->n_instruments && !desk->failed; i++)
        desk_learn_lots(desk, i, desk->instruments[i].mid);
    return !desk->failed;
}

int desk_open(struct desk *desk, perp_core *core, const struct feed *feed,
              const desk_settings *settings) {
    memset(desk, 0, sizeof *desk);
    desk->settings = *settings;
    desk->core = core;
    desk->feed = *feed;
    desk->now_ns = feed->start_ns;
    desk->next_step_ns = feed->start_ns;
    desk->next_sample_ns = feed->start_ns;
    desk->next_check_ns = feed->start_ns + settings->check_ns;
    desk->halted_since_ns = PERP_TIME_NONE;
    sim_random_seed(&desk->random, settings->seed, 4);
    strategies_init(&desk->strategies, &settings->strategies, settings->seed);
    paper_executor_init(&desk->paper, &settings->paper, settings->seed);
    perp_tick_result_init(&desk->tick);
    desk->n_exchanges = perp_exchange_count(core);
    desk->n_instruments = perp_instrument_count(core);
    if (desk->n_instruments > DESK_INSTRUMENTS) {
        snprintf(desk->error, sizeof desk->error, "more than %d instruments", DESK_INSTRUMENTS);
        return 0;
    }
    for (uint32_t e = 0; e < desk->n_exchanges; e++)
        if (!learn_exchange(desk, e))
            return 0;
    for (uint32_t i = 0; i < desk->n_instruments; i++)
        if (!learn_instrument(desk, i))
            return 0;
    desk->have_event = desk->feed.next(desk->feed.user, &desk->event);
    /* A book that is ahead of the market has reports from then. */
    int64_t booked_ns = perp_core_clock(core);
    return report_accounts(desk, booked_ns > feed->start_ns ? booked_ns : feed->start_ns);
}

void desk_close(struct desk *desk) {
    perp_tick_result_free(&desk->tick);
    report_free(&desk->report);
    free(desk->jobs);
    free(desk->live);
}

/* ---- the market ---- */

/* A quote replaces the best level and hides what an older book showed at better prices. */
static void see_quote(desk_instrument *instrument, const perp_quote *quote) {
    uint32_t n = 0;
    for (uint32_t l = 0; l < instrument->n_bids; l++)
        if (instrument->bids[l].price < quote->bid && n + 1 < FEED_LEVELS)
            instrument->bids[++n] = instrument->bids[l];
    instrument->bids[0] = (perp_book_level){quote->bid, quote->bid_size};
    instrument->n_bids = n + 1;
    n = 0;
    for (uint32_t l = 0; l < instrument->n_asks; l++)
        if (instrument->asks[l].price > quote->ask && n + 1 < FEED_LEVELS)
            instrument->asks[++n] = instrument->asks[l];
    instrument->asks[0] = (perp_book_level){quote->ask, quote->ask_size};
    instrument->n_asks = n + 1;
}

static void see_prices(struct desk *desk, const feed_event *event) {
    const perp_quote *quote = &event->u.quote;
    desk_instrument *instrument = &desk->instruments[quote->instrument];
    instrument->time_ns = event->time_ns;
    instrument->mid = (quote->bid + quote->ask) / 2;
    if (event->kind == FEED_QUOTE) {
        see_quote(instrument, quote);
        return;
    }
    instrument->n_bids = event->n_bids;
    instrument->n_asks = event->n_asks;
    memcpy(instrument->bids, event->bids, sizeof event->bids);
    memcpy(instrument->asks, event->asks, sizeof event->asks);
}

/* Money that an exchange moves without an order. Its key: kind, instrument and time. */
static perp_status record_cash(struct desk *desk, int64_t now_ns, uint32_t kind,
                               perp_instrument_id instrument, perp_usd amount) {
    perp_uuid key = {{(uint8_t)kind}};
    for (int i = 0; i < 4; i++)
        key.bytes[4 + i] = (uint8_t)(instrument >> (24 - 8 * i));
    for (int i = 0; i < 8; i++)
        key.bytes[8 + i] = (uint8_t)((uint64_t)now_ns >> (56 - 8 * i));
    perp_call call = desk_call(now_ns);
    return perp_record_cash(desk->core, &call, desk->instruments[instrument].exchange, kind, amount,
                            &key, instrument);
}

/* A funding payment is money that moves outside of any job. */
static perp_status settle(struct desk *desk, const feed_event *event) {
    const feed_settlement *settlement = &event->u.settlement;
    desk_instrument *instrument = &desk->instruments[settlement->instrument];
    double price = settlement->price > 0 ? settlement->price : instrument->mid;
    double received;
    if (instrument->position == 0.0 || price <= 0)
        return PERP_OK;
    perp_status status =
        perp_funding_payment(instrument->position > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL,
                             fabs(instrument->position), price, settlement->rate, &received);
    if (status != PERP_OK)
        return status;
    perp_usd amount = desk_usd(received);
    desk->exchanges[instrument->exchange].funding += amount;
    return record_cash(desk, event->time_ns, PERP_CASH_FUNDING, settlement->instrument, amount);
}

static perp_status see(struct desk *desk, const feed_event *event) {
    switch (event->kind) {
    case FEED_QUOTE:
    case FEED_BOOK:
        see_prices(desk, event);
        break;
    case FEED_TRADE:
        paper_trade(desk, event->time_ns, event->u.trade.instrument, event->u.trade.price);
        break;
    case FEED_FUNDING:
        desk->instruments[event->u.funding.instrument].funding = event->u.funding;
        break;
    case FEED_SETTLEMENT:
        return settle(desk, event);
    case FEED_LATENCY:
        desk->exchanges[event->u.latency.exchange].latency_ms = event->u.latency.ms;
        break;
    case FEED_STATUS:
        desk->exchanges[event->u.status.exchange].api = event->u.status.api;
        break;
    default:
        break;
    }
    return desk->feed.tell == NULL ? feed_tell(perp_core_market(desk->core), event) : PERP_OK;
}

static perp_status tell_book(perp_market *market, const feed_event *event) {
    perp_book book = {.instrument = event->u.quote.instrument,
                      .n_bids = event->n_bids,
                      .n_asks = event->n_asks,
                      .time_ns = event->time_ns,
                      .bids = event->bids,
                      .asks = event->asks};
    return perp_market_on_book(market, &book);
}

perp_status feed_tell(perp_market *market, const feed_event *event) {
    switch (event->kind) {
    case FEED_QUOTE:
        return perp_market_on_quote(market, &event->u.quote);
    case FEED_BOOK:
        return tell_book(market, event);
    case FEED_TRADE:
        return perp_market_on_trade(market, &event->u.trade);
    case FEED_MARK:
        return perp_market_on_mark(market, &event->u.mark);
    case FEED_FUNDING:
        return perp_market_on_funding(market, &event->u.funding);
    case FEED_LATENCY:
        return perp_market_on_latency(market, &event->u.latency);
    case FEED_STATUS:
        return perp_market_on_status(market, &event->u.status);
    default:
        return PERP_OK;
    }
}

void desk_tell(struct desk *desk, const feed_event *event, const char *what) {
    perp_status status = desk->feed.tell == NULL ? feed_tell(perp_core_market(desk->core), event)
                                                 : desk->feed.tell(desk->feed.user, event);
    /* A feed of its own thread may be ahead of the desk; what it said since is newer. */
    if (status != PERP_E_STALE || desk->feed.tell == NULL)
        desk_ok(desk, status, what);
}

/* ---- the paper account ---- */

perp_usd desk_fill(struct desk *desk, perp_instrument_id id, uint32_t side, double quantity,
                   double price, double fee_bps, perp_usd *fee, perp_usd *pnl) {
    desk_instrument *instrument = &desk->instruments[id];
    desk_exchange *exchange = &desk->exchanges[instrument->exchange];
    double signed_quantity = side == PERP_SIDE_BUY ? quantity : -quantity;
    double old = instrument->position;
    double new_position = old + signed_quantity;
    *fee = desk_usd(quantity * price * fee_bps * 1e-4);
    *pnl = 0;
    if (old * signed_quantity < 0) {
        double closed = fmin(fabs(old), quantity);
        *pnl = desk_usd((old > 0 ? 1 : -1) * closed * (price - instrument->entry));
        if (quantity > fabs(old))
            instrument->entry = price;
    } else {
        instrument->entry =
            (fabs(old) * instrument->entry + quantity * price) / (fabs(old) + quantity);
    }
    /* Sums of steps are off by rounding; a position below a millionth of a step is none. */
    instrument->position =
        fabs(new_position) < 1e-6 * fmax(instrument->step, 1e-9) ? 0 : new_position;
    exchange->realised += *pnl;
    exchange->fees += *fee;
    exchange->fills++;
    return desk_usd(-signed_quantity * price) - *fee;
}

/* Now and then an exchange closes half of a position at a price of its own and says nothing: the
   next reports show it. The loss is the account's, and booked as money that no job moved. */
static void deleverage(struct desk *desk, int64_t now_ns) {
    double chance = desk->settings.deleverages_a_day * (double)desk->settings.sample_ns /
                    (86400.0 * (double)DESK_SECOND);
    if (desk->n_instruments == 0 || !sim_random_chance(&desk->random, chance))
        return;
    uint32_t first = sim_random_below(&desk->random, desk->n_instruments);
    for (uint32_t n = 0; n < desk->n_instruments; n++) {
        perp_instrument_id id = (first + n) % desk->n_instruments;
        const desk_instrument *instrument = &desk->instruments[id];
        double half = floor(fabs(instrument->position) / 2 / instrument->step) * instrument->step;
        if (half * instrument->mid < 500 ||
            desk->exchanges[instrument->exchange].api != PERP_API_UP)
            continue;
        perp_usd fee, pnl;
        desk_fill(desk, id, instrument->position > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY, half,
                  instrument->mid, 0, &fee, &pnl);
        desk_ok(desk, record_cash(desk, now_ns, PERP_CASH_DELEVERAGING, id, pnl),
                "profit of a deleverage");
        desk->report.deleverages++;
        return;
    }
}

/* ---- the loop ---- */

static void look_after_halt(struct desk *desk, int64_t now_ns) {
    perp_risk_state state = {.struct_size = sizeof state};
    if (!desk_ok(desk, perp_risk_query(perp_core_risk(desk->core), &state), "risk query"))
        return;
    if (!state.auto_halt) {
        desk->halted_since_ns = PERP_TIME_NONE;
    } else if (desk->halted_since_ns == PERP_TIME_NONE) {
        desk->halted_since_ns = now_ns;
        desk->report.halts++;
    } else if (now_ns - desk->halted_since_ns >= desk->settings.operator_ns) {
        perp_call call = desk_call(now_ns);
        call.actor = "operator";
        call.reason = "looked at the failures";
        desk_ok(desk, perp_risk_reset_halt(perp_core_risk(desk->core), &call), "reset of the halt");
    }
}

/* What a report showed and nothing explains stops new jobs in its base until somebody has looked at
   it. What it took from a hedge the library has repaired meanwhile. */
static void look_after_drift(struct desk *desk, int64_t now_ns) {
    for (uint32_t i = 0; i < desk->n_instruments && !desk->failed; i++) {
        desk_instrument *instrument = &desk->instruments[i];
        perp_position_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk, perp_positions_query(perp_core_positions(desk->core), i, now_ns, &state),
                     "position query"))
            return;
        desk->report.in_doubt += state.in_doubt && !instrument->in_doubt;
        instrument->in_doubt = state.in_doubt;
        if (!state.latched) {
            instrument->drifts_since_ns = PERP_TIME_NONE;
        } else if (instrument->drifts_since_ns == PERP_TIME_NONE) {
            instrument->drifts_since_ns = now_ns;
            desk->report.drifts++;
        } else if (now_ns - instrument->drifts_since_ns >= desk->settings.operator_ns) {
            perp_call call = desk_call(now_ns);
            call.actor = "operator";
            call.reason = "the exchange deleveraged";
            if (desk_ok(desk, perp_accept_position(desk->core, &call, i), "accepting a position"))
                desk->report.accepted++;
        }
    }
}

static int64_t clock_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * DESK_SECOND + time.tv_nsec;
}

static int tick(struct desk *desk, int64_t now_ns) {
    perp_call call = desk_call(now_ns);
    int64_t start = desk->ticked == NULL ? 0 : clock_ns();
    perp_status status = perp_scheduler_tick(perp_core_scheduler(desk->core), &call, &desk->tick);
    if (desk->ticked != NULL)
        desk->ticked(desk->ticked_user, clock_ns() - start);
    return desk_ok(desk, status, "tick");
}

static void step(struct desk *desk, int64_t now_ns) {
    desk->next_step_ns = now_ns + desk->settings.step_ns;
    strategies_step(desk, now_ns);
    if (desk->failed || !tick(desk, now_ns))
        return;
    report_tick(desk);
    if (now_ns >= desk->next_sample_ns) {
        desk->next_sample_ns += desk->settings.sample_ns;
        deleverage(desk, now_ns);
        if (report_accounts(desk, now_ns))
            look_after_halt(desk, now_ns);
        if (!desk->failed)
            look_after_drift(desk, now_ns);
        report_sample_now(desk, now_ns);
    }
    if (now_ns >= desk->next_check_ns) {
        desk->next_check_ns += desk->settings.check_ns;
        desk->report.checks++;
        desk_ok(desk, perp_core_check(desk->core), "check");
    }
}

int desk_run(struct desk *desk, int64_t until_ns) {
    if (until_ns > desk->feed.end_ns)
        until_ns = desk->feed.end_ns;
    while (!desk->failed) {
        int64_t event_ns = desk->have_event ? desk->event.time_ns : INT64_MAX;
        int64_t next = event_ns;
        if (desk->paper.next_ns < next)
            next = desk->paper.next_ns;
        if (desk->next_step_ns < next)
            next = desk->next_step_ns;
        if (next > until_ns)
            break;
        desk->now_ns = next;
        if (event_ns == next) {
            /* Recorded feeds may bring an event late; the library counts and drops it. */
            perp_status status = see(desk, &desk->event);
            if (status != PERP_E_STALE)
                desk_ok(desk, status, "market event");
            desk->report.events++;
            desk->have_event = desk->feed.next(desk->feed.user, &desk->event);
        } else if (desk->paper.next_ns == next) {
            paper_advance(desk, next);
        } else {
            step(desk, next);
        }
    }
    desk->now_ns = until_ns;
    return !desk->failed && until_ns < desk->feed.end_ns;
}

/* Lots of jobs and what nobody's order made make up what the account holds. */
static int positions_agree(struct desk *desk) {
    for (uint32_t i = 0; i < desk->n_instruments; i++) {
        const desk_instrument *instrument = &desk->instruments[i];
        perp_position_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk,
                     perp_positions_query(perp_core_positions(desk->core), i, desk->now_ns, &state),
                     "position query"))
            return 0;
        double sum = state.foreign;
        for (uint32_t l = 0; l < instrument->n_lots; l++)
            sum += instrument->lots[l].quantity;
        if (desk->exchanges[instrument->exchange].api != PERP_API_DOWN &&
            fabs(sum - instrument->position) > 0.01 * fmax(instrument->step, 1e-6))
            return 0;
    }
    return 1;
}

void desk_end(struct desk *desk) {
    /* Orders that are at work come to their end; in an outage they do not. */
    int64_t patience = desk->now_ns + 600 * DESK_SECOND;
    while (!desk->failed && desk->paper.next_ns <= patience) {
        desk->now_ns = desk->paper.next_ns;
        paper_advance(desk, desk->now_ns);
    }
    /* Twice: what takes from a hedge is believed when it is said again. */
    if (desk->failed || !report_accounts(desk, desk->now_ns) ||
        !report_accounts(desk, desk->now_ns))
        return;
    desk_look_after(desk, desk->now_ns);
    report_sample_now(desk, desk->now_ns);
    desk->report.checks++;
    desk_ok(desk, perp_core_check(desk->core), "check");
    if (!positions_agree(desk))
        desk_ok(desk, PERP_E_CORRUPT, "the lots do not add up to the positions");
}
