/* A hedge of two instruments, as the market stands. */
#include <string.h>

#include "scheduler/scheduler.h"
#include "util/num.h"
#include "util/sized.h"

/* What buying a quantity costs a unit, the taker fee included. */
static perp_status buy_price(const perp_core *core, perp_instrument_id id, double quantity,
                             int64_t now, double *price) {
    struct perp_market_view view;
    double depth;
    perp_market_read_leg(core->market, id, now, PERP_SIDE_BUY, quantity, &view, price, &depth);
    int64_t most = core->config.risk.max_quote_age_ms * PERP_NS_PER_MS;
    int64_t age = perp_ns_since(view.quote_time, now);
    if (!view.has_quote || age > most || age < -most)
        return perp_fail(core, PERP_E_STATE, "no fresh quote for %s",
                         perp_instrument_at(core, id)->spec.symbol);
    *price *= 1 + perp_instrument_at(core, id)->fee_bps[0] / 1e4;
    return PERP_OK;
}

static perp_status hedge_legs(const perp_core *core, int64_t now, const perp_instrument_id ids[2],
                              perp_job *job) {
    struct perp_market_view view;
    perp_market_read(core->market, ids[0], now, &view);
    if (!view.has_quote)
        return perp_fail(core, PERP_E_STATE, "no fresh quote for %s",
                         perp_instrument_at(core, ids[0])->spec.symbol);
    double quantity = perp_usd_to_double(job->notional) / view.mid;
    for (int i = 0; i < 2; i++)
        quantity = perp_round_down(quantity, perp_instrument_at(core, ids[i])->spec.qty_step);
    /* What is reserved is what is traded. */
    perp_usd worth = 0;
    if (!perp_usd_from_double(quantity * view.mid, &worth) || worth > job->notional)
        worth = job->notional;
    for (int i = 0; i < 2; i++)
        if (!(quantity > 0) || worth <= 0 ||
            quantity < perp_instrument_at(core, ids[i])->spec.min_qty ||
            worth < perp_instrument_at(core, ids[i])->spec.min_notional)
            return perp_fail(core, PERP_E_RANGE, "job.notional: too small for %s",
                             perp_instrument_at(core, ids[i])->spec.symbol);
    double buy[2];
    for (int i = 0; i < 2; i++) {
        perp_status status = buy_price(core, ids[i], quantity, now, &buy[i]);
        if (status != PERP_OK)
            return status;
    }
    int bought = buy[0] <= buy[1] ? 0 : 1;
    if (job->n_legs == 2)
        bought = job->legs[0].side == PERP_SIDE_BUY ? 0 : 1;
    job->notional = worth;
    job->n_legs = 2;
    memset(job->legs, 0, sizeof job->legs);
    job->legs[0] =
        (perp_leg){.instrument = ids[bought], .side = PERP_SIDE_BUY, .quantity = quantity};
    job->legs[1] =
        (perp_leg){.instrument = ids[1 - bought], .side = PERP_SIDE_SELL, .quantity = quantity};
    return PERP_OK;
}

perp_status perp_job_fill_hedge(const perp_core *core, int64_t now_ns, perp_instrument_id first,
                                perp_instrument_id second, perp_job *job) {
    if (!core || !job)
        return perp_fail(core, PERP_E_INVALID, "job: NULL");
    uint32_t n = perp_n_instruments(core);
    if (first >= n || second >= n)
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", first >= n ? first : second);
    perp_job read;
    perp_job_init(&read);
    if (!perp_struct_in(&read, sizeof read, job) || read.notional <= 0)
        return perp_fail(core, PERP_E_INVALID, "job: not initialised, or notional is not above 0");
    if (read.n_legs != 0 &&
        (read.n_legs != 2 || read.legs[0].side >= PERP_SIDE_COUNT ||
         read.legs[1].side >= PERP_SIDE_COUNT || read.legs[0].side == read.legs[1].side))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs: none, or two that say which of the instruments is bought");
    if (perp_instrument_at(core, first)->base != perp_instrument_at(core, second)->base ||
        perp_same_book(core, first, second))
        return perp_fail(core, PERP_E_INVALID,
                         "job: the instruments must be other books of one base");
    const perp_instrument_id ids[2] = {first, second};
    int64_t now = perp_query_time(core, now_ns);
    perp_market_pull(core->market, ids, 2, now);
    perp_read_begin(core);
    perp_status status = hedge_legs(core, now, ids, &read);
    perp_read_end(core);
    if (status == PERP_OK)
        (void)perp_struct_out(job, &read, sizeof read);
    return status;
}
