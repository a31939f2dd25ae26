/* Where what is naked of a base would be squared, by docs/positions.md. */
#include "naive_ledger.h"

#include <math.h>
#include <string.h>

static const char *const BASES[N_MAX_BASES] = {"BTC", "ETH", "SOL"};

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

perp_uuid n_repair_id(int base, uint64_t number) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    perp_uuid id;
    for (const char *c = BASES[base]; *c != 0; c++) {
        h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    uint64_t words[2];
    words[0] = mix(h + UINT64_C(0x9E3779B97F4A7C15) * number);
    words[1] = mix(h ^ words[0]);
    for (int i = 0; i < 16; i++) {
        id.bytes[i] = (uint8_t)(words[i / 8] >> (56 - 8 * (i % 8)));
    }
    return id;
}

static double whole_steps(double quantity, double step) {
    return step > 0 ? floor(quantity / step + 1e-9) * step : quantity;
}

int n_wants_repair(const n_book *b, int base) {
    const n_base *of = &b->bases[base];
    return b->config.scheduler.auto_repair && !b->killed && of->repair < 0 && !of->stopped &&
           b->clock >= of->next_try && n_is_naked(b, base);
}

static int is_shut(const n_book *b, uint32_t instrument) {
    const n_instrument *on = &b->instruments[instrument];
    const n_exchange *e = &b->exchanges[on->exchange];
    uint32_t circuit = n_circuit(b, on->exchange);
    return e->down || e->killed || b->killed || circuit == PERP_CIRCUIT_OPEN ||
           (circuit == PERP_CIRCUIT_HALF_OPEN && n_running_there(b, on->exchange) > 0) ||
           n_is_shut(b, instrument);
}

/* The job with its leg on one instrument; 0 where it can't go there. */
static int try_on(const n_book *b, uint32_t instrument, double quantity, perp_job *job,
                  double *price) {
    const n_instrument *on = &b->instruments[instrument];
    perp_leg *leg = &job->legs[0];
    leg->instrument = instrument;
    leg->quantity = whole_steps(quantity, on->step);
    int64_t age = b->clock - on->quoted, most = b->config.risk.max_quote_age_ms * 1000000;
    double left = n_left_to_reduce(b, instrument, leg->side, -1);
    int reduces = left > 0 && n_at_most(leg->quantity, left);
    if (leg->quantity <= 0 || is_shut(b, instrument) || age > most || age < -most ||
        n_meets_running(b, job) ||
        (!reduces && (on->kind != PERP_KIND_PERP || !n_known(b, instrument)))) {
        return 0;
    }
    leg->notional = n_micro(leg->quantity * on->mid);
    int64_t has = n_available(b, on->exchange, PERP_POOL_RESERVE);
    if (!reduces && leg->notional > has) {
        leg->quantity = whole_steps((double)has / 1e6 / on->mid, on->step);
        leg->notional = n_micro(leg->quantity * on->mid);
        leg->notional = leg->notional > has ? has : leg->notional;
    }
    if (leg->quantity <= 0) {
        return 0;
    }
    leg->notional = leg->notional > 0 ? leg->notional : 1;
    job->notional = leg->notional;
    double fee = (reduces ? 1 : 2) * 0.0001; /* a basis point each way */
    *price = leg->side == PERP_SIDE_BUY ? on->ask * (1 + fee) : on->bid * (1 - fee);
    return 1;
}

int n_choose_repair(const n_book *b, int base, perp_job *job) {
    double quantity = n_to_square(b, base), best = 0;
    int found = 0;
    for (uint32_t i = 0; i < b->n_instruments; i++) {
        perp_job tried = *job;
        double price = 0;
        tried.n_legs = 1;
        memset(&tried.legs[0], 0, sizeof tried.legs[0]);
        tried.legs[0].side = n_naked(b, base) > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        if (b->instruments[i].base != base || !try_on(b, i, quantity, &tried, &price)) {
            continue;
        }
        if (!found || (tried.legs[0].side == PERP_SIDE_BUY ? price < best : price > best)) {
            found = 1;
            best = price;
            *job = tried;
        }
    }
    return found;
}
