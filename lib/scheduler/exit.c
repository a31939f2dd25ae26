/* The job that closes what another one has open. */
#include <math.h>
#include <string.h>

#include "scheduler/scheduler.h"
#include "util/num.h"
#include "util/sized.h"

/* What a unit is worth for a leg's notional: the mid, else the mark, else the lot's price. */
static double price_of(const perp_core *core, const struct perp_lot *lot, int64_t now) {
    struct perp_market_view view;
    perp_market_read(core->market, lot->instrument, now, &view);
    if (view.has_quote)
        return view.mid;
    return view.mark > 0 ? view.mark : lot->price;
}

/* The part of a lot that a leg closes: all of it, or so much of it in whole steps. A lot is a sum
   of fills, which may be a hair off whole steps, and below the smallest order by that. */
static double part_of(const perp_core *core, const struct perp_lot *lot, double fraction) {
    double step = perp_instrument_at(core, lot->instrument)->spec.qty_step;
    double size = fabs(lot->quantity);
    double whole = step > 0 ? round(size / step) * step : size;
    if (fraction >= 1)
        return fabs(whole - size) <= 1e-9 * size ? whole : size;
    if (!(step > 0))
        return size * fraction;
    return floor(size * fraction / step * (1 + 1e-12)) * step;
}

static perp_status add_leg(const perp_core *core, const struct perp_lot *lot, double fraction,
                           int64_t now, perp_job *job) {
    perp_leg *leg = &job->legs[job->n_legs];
    *leg = (perp_leg){.instrument = lot->instrument,
                      .side = lot->quantity > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY,
                      .quantity = part_of(core, lot, fraction)};
    if (!(leg->quantity > 0))
        return perp_fail(core, PERP_E_RANGE, "fraction: %g of %g is less than a step of %s",
                         fraction, fabs(lot->quantity),
                         perp_instrument_at(core, lot->instrument)->spec.symbol);
    if (!perp_usd_from_double(leg->quantity * price_of(core, lot, now), &leg->notional) ||
        leg->notional > PERP_MOST_NOTIONAL)
        return perp_fail(core, PERP_E_RANGE, "job: a leg is worth more than fits");
    if (leg->notional <= 0)
        leg->notional = 1; /* at least a micro-dollar */
    if (leg->notional > job->notional)
        job->notional = leg->notional;
    job->n_legs++;
    return PERP_OK;
}

static perp_status exit_of(const perp_core *core, int64_t now, const perp_uuid *job_id,
                           double fraction, perp_job *job) {
    const struct perp_job_entry *open = perp_job_find(core, job_id);
    perp_status status = PERP_OK;
    if (!open || !open->run->n_lots)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no job of that id has anything open");
    job->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    job->notional = 0;
    job->n_legs = 0;
    job->ttl_ms = 0;
    job->closes = *job_id;
    memset(job->legs, 0, sizeof job->legs);
    for (uint32_t i = 0; i < open->n_legs; i++) {
        const struct perp_position_entry *entry = &core->positions->at[open->legs[i].instrument];
        for (uint32_t n = 0; n < entry->n_lots && status == PERP_OK; n++)
            if (entry->lots[n].owner == open && entry->lots[n].leg == i)
                status = add_leg(core, &entry->lots[n], fraction, now, job);
    }
    return status;
}

perp_status perp_job_fill_exit(const perp_core *core, int64_t now_ns, const perp_uuid *job_id,
                               double fraction, perp_job *job) {
    perp_job filled;
    if (!core || !job_id || !job)
        return perp_fail(core, PERP_E_INVALID, "job: NULL");
    perp_job_init(&filled);
    if (!perp_struct_in(&filled, sizeof filled, job))
        return perp_fail(core, PERP_E_INVALID, "job: struct_size %u is not known (perp_job_init)",
                         job->struct_size);
    if (!(fraction > 0 && fraction <= 1))
        return perp_fail(core, PERP_E_INVALID, "fraction: %g is not in (0, 1]", fraction);
    perp_read_begin(core);
    perp_status status = exit_of(core, perp_query_time(core, now_ns), job_id, fraction, &filled);
    perp_read_end(core);
    if (status == PERP_OK)
        (void)perp_struct_out(job, &filled, sizeof filled);
    return status;
}
