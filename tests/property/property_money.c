/* Calls on money, and on market data. */
#include "property.h"

#include <math.h>
#include <string.h>

/* Mostly one that is there. */
static uint32_t any_exchange(p_run *run) {
    if (p_chance(run, 3)) {
        return p_chance(run, 50) ? run->book.n_exchanges : 0xFFFFFFF0u;
    }
    return (uint32_t)p_below(run, run->book.n_exchanges);
}

static void equity(p_run *run) {
    uint32_t x = any_exchange(run);
    int64_t amount = P_USD(500000);
    for (uint32_t i = 0; i < run->book.n_exchanges; i++) {
        x = run->book.exchanges[i].has_aside && p_chance(run, 50) ? i : x;
    }
    if (x < run->book.n_exchanges) {
        const n_exchange *e = &run->book.exchanges[x];
        amount = e->has_aside && p_chance(run, 50) ? e->aside : e->equity;
    }
    switch (p_below(run, 10)) {
    case 0:
        amount = amount * (97 + p_below(run, 7)) / 100;
        break;
    case 1:
        amount = p_chance(run, 10)   ? -1 - p_below(run, 100)
                 : p_chance(run, 10) ? 0
                                     : P_USD(200000 + p_below(run, 800000));
        break;
    default:
        amount += amount / 10000 * (p_below(run, 11) - 5) + p_below(run, 1000);
    }
    perp_call call = p_call(run, p_chance(run, 20));
    perp_status got = perp_capital_update_equity(run->capital, &call, x, amount);
    p_expect(run, got, n_update_equity(&run->book, call.now_ns, x, amount));
}

static void transfer(p_run *run) {
    uint32_t x = any_exchange(run);
    int64_t amount = P_USD(1 + p_below(run, 20000)) + p_below(run, 1000000);
    if (p_chance(run, 45)) {
        amount = -amount;
    }
    if (p_chance(run, 4)) {
        amount = -P_USD(5000000);
    }
    if (p_chance(run, 20) && x < run->book.n_exchanges && run->book.exchanges[x].has_aside) {
        amount = run->book.exchanges[x].aside - run->book.exchanges[x].equity;
    }
    uint32_t in_equity = p_chance(run, 30) ? 1 : 0;
    perp_call call = p_call(run, 0);
    perp_status got = perp_capital_transfer(run->capital, &call, x, amount, in_equity);
    p_expect(run, got, n_transfer(&run->book, call.now_ns, x, amount, (int)in_equity));
}

static void correct(p_run *run) {
    uint32_t x = any_exchange(run);
    perp_call call = p_call(run, p_chance(run, 80));
    int64_t start = -1, high = P_USD(p_below(run, 1000000));
    if (p_chance(run, 90) && x < run->book.n_exchanges) {
        start = run->book.exchanges[x].equity + P_USD(p_below(run, 2000) - 1000);
    }
    const int64_t *high_water = p_chance(run, 30) ? &high : NULL;
    perp_status got = perp_capital_correct(run->capital, &call, x, start, high_water);
    p_expect(run, got,
             n_correct(&run->book, call.now_ns, p_is_signed(&call), x, start, high_water));
}

static void safe_mode(p_run *run) {
    uint32_t x = any_exchange(run), on = p_chance(run, 5) ? 1 : 0;
    perp_call call = p_call(run, p_chance(run, 80));
    perp_status got = perp_capital_set_safe_mode(run->capital, &call, x, on);
    p_expect(run, got, n_safe_mode(&run->book, call.now_ns, p_is_signed(&call), x, on));
}

static void record_pnl(p_run *run) {
    uint32_t x = any_exchange(run);
    int64_t pnl = P_USD(p_below(run, 200) - 95) + p_below(run, 1000);
    int64_t volume = P_USD(p_below(run, 20000)), fees = p_below(run, P_USD(10)) - P_USD(2);
    if (p_chance(run, 3)) {
        volume = -1;
    }
    if (p_below(run, 1000) < 4) {
        pnl = -P_USD(10000 + p_below(run, 100000));
    }
    perp_call call = p_call(run, 0);
    perp_status got = perp_capital_record_pnl(run->capital, &call, x, pnl, volume, fees, NULL);
    p_expect(run, got, n_record_pnl(&run->book, call.now_ns, x, pnl, volume, fees));
}

static void same_refusal(const p_run *run, const perp_refusal *got, const perp_refusal *wanted) {
    if (got->reason != wanted->reason) {
        p_fail(run, "refused for %s, wanted %s", perp_reason_string(got->reason),
               perp_reason_string(wanted->reason));
    }
    if (wanted->reason != PERP_REASON_NONE &&
        (got->exchange != wanted->exchange || got->pool != wanted->pool ||
         got->asked != wanted->asked || got->limit != wanted->limit)) {
        p_fail(run, "refusal %s: exchange %u pool %u asked %lld limit %lld, wanted %u %u %lld %lld",
               perp_reason_string(got->reason), got->exchange, got->pool, (long long)got->asked,
               (long long)got->limit, wanted->exchange, wanted->pool, (long long)wanted->asked,
               (long long)wanted->limit);
    }
}

static int64_t amount_near_the_limit(p_run *run, uint32_t x, uint32_t pool) {
    uint32_t bound;
    int64_t room =
        x < run->book.n_exchanges && pool < 3 ? n_headroom(&run->book, x, pool, &bound) : 1000;
    switch (p_below(run, 16)) {
    case 0:
        return room;
    case 1:
        return room + 1;
    case 2:
        return p_chance(run, 50) ? 0 : -p_below(run, 1000);
    case 3:
        return room / 2 + 1;
    case 4:
        return p_chance(run, 10) ? INT64_MAX : room * 3;
    default:
        return 1 + p_below(run, P_USD(500));
    }
}

static void reserve(p_run *run) {
    uint32_t x = any_exchange(run), pool = (uint32_t)p_below(run, 3);
    if (p_chance(run, 2)) {
        pool = 3 + (uint32_t)p_below(run, 4);
    }
    int64_t amount = amount_near_the_limit(run, x, pool);
    perp_uuid key;
    const perp_uuid *given = NULL;
    if (p_chance(run, 30)) {
        memset(&key, 0, sizeof key);
        uint64_t number = p_chance(run, 60) || run->n_key == 0
                              ? run->n_key++
                              : (uint64_t)p_below(run, (int64_t)run->n_key);
        memcpy(key.bytes, &number, sizeof number);
        given = &key;
        if (run->book.n_keys > 0 && p_chance(run, 40)) {
            /* The same content again, so that it is not always a conflict. */
            const n_key *known = &run->book.keys[p_below(run, run->book.n_keys)];
            key = known->key;
            x = known->exchange;
            pool = known->pool;
            amount = known->reserved;
        }
    }
    uint64_t id = 99, wanted_id = 0;
    perp_refusal refusal, wanted;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    perp_call call = p_call(run, 0);
    perp_status got;
    if (pool == PERP_POOL_WASH && p_chance(run, 30)) {
        got = perp_capital_reserve_for_wash(run->capital, &call, x, amount, given, &id, &refusal);
    } else if (pool == PERP_POOL_ARB && p_chance(run, 30)) {
        got = perp_capital_reserve_for_arb(run->capital, &call, x, amount, given, &id, &refusal);
    } else {
        got = perp_capital_reserve(run->capital, &call, x, pool, amount, given, &id, &refusal);
    }
    perp_status predicted =
        n_reserve(&run->book, call.now_ns, x, pool, amount, given, &wanted_id, &wanted);
    p_expect(run, got, predicted);
    if (got == PERP_OK) {
        same_refusal(run, &refusal, &wanted);
        run->n_refused += wanted.reason != PERP_REASON_NONE;
    }
    if ((got == PERP_OK || got == PERP_E_EXISTS) && id != wanted_id) {
        p_fail(run, "reservation %llu, wanted %llu", (unsigned long long)id,
               (unsigned long long)wanted_id);
    }
}

static void confirm_or_release(p_run *run) {
    uint64_t id = 0;
    int64_t amount = 0, most = P_USD(100);
    if (run->book.n_reservations > 0 && p_chance(run, 92)) {
        const n_reservation *r = &run->book.reservations[p_below(run, run->book.n_reservations)];
        id = r->id;
        most = r->in_flight + r->used;
    } else {
        id = (uint64_t)p_below(run, (int64_t)run->book.next_id + 3);
    }
    switch (p_below(run, 12)) {
    case 0:
        amount = most;
        break;
    case 1:
        amount = most + 1;
        break;
    case 2:
        amount = p_chance(run, 20) ? -1 : most / 2;
        break;
    case 3:
        amount = 1 + p_below(run, most + 1);
        break;
    default:
        break;
    }
    perp_call call = p_call(run, 0);
    if (p_chance(run, 20)) {
        perp_status got = perp_capital_confirm(run->capital, &call, id, amount);
        p_expect(run, got, n_confirm(&run->book, call.now_ns, id, amount));
    } else {
        perp_status got = perp_capital_release(run->capital, &call, id, amount);
        p_expect(run, got, n_release(&run->book, call.now_ns, id, amount));
    }
}

static void reserve_for_job(p_run *run) {
    perp_job job;
    p_valid_job(run, &job);
    if (p_chance(run, 30)) {
        job.notional *= 20;
        for (uint32_t i = 0; i < job.n_legs; i++) {
            job.legs[i].notional *= 20;
        }
    }
    perp_refusal refusal, wanted;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    if (p_chance(run, 40)) {
        p_expect(run, perp_capital_can_reserve_for_job(run->capital, &job, &refusal), PERP_OK);
        n_can_reserve_for_job(&run->book, &job, &wanted);
        same_refusal(run, &refusal, &wanted);
        return;
    }
    uint64_t ids[PERP_MAX_LEGS] = {0}, wanted_ids[PERP_MAX_LEGS] = {0};
    uint32_t n = 0, wanted_n = 0;
    perp_call call = p_call(run, 0);
    perp_status got = perp_capital_reserve_for_job(run->capital, &call, &job, ids, &n, &refusal);
    p_expect(run, got,
             n_reserve_for_job(&run->book, call.now_ns, &job, wanted_ids, &wanted_n, &wanted));
    if (got != PERP_OK) {
        return;
    }
    same_refusal(run, &refusal, &wanted);
    run->n_refused += wanted.reason != PERP_REASON_NONE;
    if (n != wanted_n || memcmp(ids, wanted_ids, wanted_n * sizeof *ids) != 0) {
        p_fail(run, "%u reservations, wanted %u, or other ids", n, wanted_n);
    }
}

void p_money_call(p_run *run) {
    static const struct {
        const char *name;
        int weight;
        void (*make)(p_run *run);
    } calls[] = {
        {"update_equity", 10, equity},
        {"transfer", 7, transfer},
        {"correct", 2, correct},
        {"set_safe_mode", 6, safe_mode},
        {"record_pnl", 8, record_pnl},
        {"reserve", 26, reserve},
        {"confirm or release", 36, confirm_or_release},
        {"reserve_for_job", 5, reserve_for_job},
    };
    int64_t pick = p_below(run, 100);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        pick -= calls[i].weight;
        if (pick < 0) {
            run->call = calls[i].name;
            calls[i].make(run);
            return;
        }
    }
}

/* market data */

/* Prices are whole 1/64 so that mids and volumes are exact. */
static double mid_of(int base) {
    return base == 0 ? 50000 : base == 1 ? 2500 : 150;
}

/* Where the clock was set back by little, what feeds said stays, and they go on from there. */
static int64_t feed_time(p_run *run) {
    int64_t clock = run->book.clock;
    int stays = run->feed > clock && run->feed - clock <= P_MINUTE;
    return run->feed = stays ? run->feed : clock;
}

static void quote_one(p_run *run, uint32_t instrument) {
    n_instrument *n = &run->book.instruments[instrument];
    double start = mid_of(n->base);
    /* Close together, so that hedges pass; sometimes apart, so that they do not. */
    double shift = (double)p_below(run, 3) / 64;
    if (p_chance(run, 2)) {
        shift = start / 64 * (double)(p_below(run, 5) - 2);
        shift = (double)(int64_t)(shift * 64) / 64;
    }
    perp_quote quote;
    memset(&quote, 0, sizeof quote);
    quote.instrument = instrument;
    quote.time_ns = feed_time(run);
    quote.bid = start + shift;
    quote.ask = quote.bid + 1.0 / 64 + (double)p_below(run, 4) / 64;
    quote.bid_size = p_chance(run, 3) ? 0 : 100000;
    quote.ask_size = p_chance(run, 3) ? 0.001 : 100000;
    p_expect(run, perp_market_on_quote(run->market, &quote), PERP_OK);
    n->bid = quote.bid;
    n->ask = quote.ask;
    n->mid = (quote.bid + quote.ask) / 2;
    n->quoted = quote.time_ns;
}

void p_quotes(p_run *run) {
    for (uint32_t i = 0; i < run->book.n_instruments; i++) {
        quote_one(run, i);
    }
}

static void bad_quote(p_run *run) {
    perp_quote quote;
    perp_status wanted = PERP_E_INVALID;
    memset(&quote, 0, sizeof quote);
    quote.instrument = (uint32_t)p_below(run, run->book.n_instruments);
    quote.time_ns = run->book.clock;
    quote.bid = 100;
    quote.ask = 101;
    switch (p_below(run, 8)) {
    case 0:
        quote.ask = 100;
        break;
    case 1:
        quote.bid = NAN;
        break;
    case 2:
        quote.ask = INFINITY;
        break;
    case 3:
        quote.bid_size = -1;
        break;
    case 4:
        quote.bid = 0;
        break;
    case 5:
        quote.instrument = run->book.n_instruments + 5;
        wanted = PERP_E_NOT_FOUND;
        break;
    case 6:
        quote.time_ns = run->book.clock - 30 * P_DAY;
        wanted = PERP_E_STALE;
        break;
    default:
        quote.time_ns = run->book.clock + 7 * P_DAY + p_below(run, 900 * P_DAY);
        wanted = PERP_E_RANGE;
    }
    p_expect(run, perp_market_on_quote(run->market, &quote), wanted);
}

static void status(p_run *run) {
    perp_exchange_status report;
    memset(&report, 0, sizeof report);
    report.exchange = (uint32_t)p_below(run, run->book.n_exchanges);
    report.time_ns = feed_time(run);
    report.api = p_chance(run, 94) ? PERP_API_UP : (uint32_t)p_below(run, PERP_API_COUNT);
    p_expect(run, perp_market_on_status(run->market, &report), PERP_OK);
    n_exchange *e = &run->book.exchanges[report.exchange];
    e->down = report.api == PERP_API_DOWN;
    if (report.api == PERP_API_UP) {
        e->circuit_open = 0;
        e->circuit_failures = 0;
    }
}

static void other_feed(p_run *run) {
    uint32_t instrument = (uint32_t)p_below(run, run->book.n_instruments);
    double middle = mid_of(run->book.instruments[instrument].base);
    perp_latency latency;
    perp_funding funding;
    perp_mark mark;
    perp_trade trade;
    memset(&latency, 0, sizeof latency);
    memset(&funding, 0, sizeof funding);
    memset(&mark, 0, sizeof mark);
    memset(&trade, 0, sizeof trade);
    latency.exchange = (uint32_t)p_below(run, run->book.n_exchanges);
    funding.instrument = mark.instrument = trade.instrument = instrument;
    latency.time_ns = funding.time_ns = mark.time_ns = trade.time_ns = feed_time(run);
    latency.ms = (double)p_below(run, p_chance(run, 5) ? 5000 : 300);
    funding.rate = (double)(p_below(run, 41) - 20) / 100000;
    funding.interval_h = p_chance(run, 50) ? 8 : 4;
    funding.next_ns = run->book.clock + p_below(run, 4 * P_HOUR);
    mark.price = trade.price = middle;
    run->book.instruments[instrument].mark = middle;
    run->book.instruments[instrument].marked = mark.time_ns;
    p_expect(run, perp_market_on_latency(run->market, &latency), PERP_OK);
    p_expect(run, perp_market_on_funding(run->market, &funding), PERP_OK);
    p_expect(run, perp_market_on_mark(run->market, &mark), PERP_OK);
    p_expect(run, perp_market_on_trade(run->market, &trade), PERP_OK);
}

void p_market_call(p_run *run) {
    int64_t pick = p_below(run, 100);
    run->call = "market";
    if (pick < 40) {
        run->call = "quotes";
        p_quotes(run);
    } else if (pick < 55) {
        run->call = "bad quote";
        bad_quote(run);
    } else if (pick < 80) {
        run->call = "exchange status";
        status(run);
    } else {
        run->call = "latency, funding, mark, trade";
        other_feed(run);
    }
}
