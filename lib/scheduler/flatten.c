/* Leaving: jobs that reduce every position to nothing. They pass the kill switch: they are how a
   person leaves. */
#include <math.h>
#include <string.h>

#include "scheduler/scheduler.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

#define FLATTEN_PRIORITY 90

void perp_flatten_result_init(perp_flatten_result *result) {
    if (!result)
        return;
    memset(result, 0, sizeof *result);
    result->struct_size = sizeof *result;
}

/* The key with n added to its last four bytes, wrapping. */
static void id_of(const perp_uuid *key, uint32_t n, perp_uuid *id) {
    uint32_t last = 0;
    *id = *key;
    for (int i = 12; i < 16; i++)
        last = last << 8 | key->bytes[i];
    last += n;
    for (int i = 15; i >= 12; i--, last >>= 8)
        id->bytes[i] = (uint8_t)last;
}

/* Down to the step, unless that leaves a rest below the minimum. */
static double whole_steps(const perp_instrument_spec *spec, double left) {
    double rounded = perp_round_down(left, spec->qty_step);
    double rest = perp_quantity_sum(left, -rounded);
    return rest > 0 && rest < spec->min_qty ? left : rounded;
}

/* What a unit is worth: the mid, else the mark, the last price, the entry; 0: nothing is known. */
static double price_of(const perp_core *core, perp_instrument_id instrument, int64_t now) {
    struct perp_market_view view;
    perp_market_read(core->market, instrument, now, &view);
    if (view.has_quote)
        return view.mid;
    if (view.last_mark > 0)
        return view.last_mark;
    return view.last > 0 ? view.last : core->positions->at[instrument].entry;
}

/* Makes the leg that flattens an instrument; PERP_FLATTEN_NOTHING: nothing is left to reduce. */
static uint32_t leg_of(const perp_core *core, perp_instrument_id instrument, int64_t now,
                       struct perp_job_leg *leg) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    double held = core->positions->at[instrument].quantity;
    uint32_t side = held > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    double left = perp_left_to_reduce(core, instrument, side);
    if (!(left > 0))
        return PERP_FLATTEN_NOTHING;
    double price = price_of(core, instrument, now);
    *leg = (struct perp_job_leg){.instrument = instrument,
                                 .exchange = (uint8_t)entry->spec.exchange,
                                 .base = entry->base,
                                 .side = (uint8_t)side,
                                 .quantity = whole_steps(&entry->spec, left),
                                 .leverage = core->config.risk.default_leverage};
    if (!(leg->quantity > 0))
        return PERP_FLATTEN_MIN_QTY;
    if (!(price > 0) || !perp_usd_from_double(leg->quantity * price, &leg->notional) ||
        leg->notional > PERP_MOST_NOTIONAL)
        return PERP_FLATTEN_NO_PRICE;
    if (leg->notional <= 0)
        leg->notional = 1;
    return PERP_FLATTEN_JOB;
}

static void put_job(perp_core *core, const struct perp_job_leg *leg, const perp_uuid *id,
                    int64_t now) {
    union perp_job_room room;
    memset(&room, 0, sizeof room);
    struct perp_job_entry *job = &room.job;
    job->id = *id;
    job->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    job->priority = FLATTEN_PRIORITY;
    job->run = perp_never_ran;
    job->given_created = job->ttl_from = now;
    job->max_run_ms = core->config.scheduler.default_max_run_ms;
    job->is_flatten = true;
    job->n_legs = 1;
    perp_repair_set(job, leg);
    perp_put_job(core, job);
}

static perp_status find(const perp_core *core, perp_exchange_id exchange, const char *base,
                        uint32_t *found) {
    *found = PERP_NO_ID;
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (base && strnlen(base, PERP_NAME_SIZE) < PERP_NAME_SIZE)
        *found = perp_names_find(&core->bases, base);
    if (base && *found == PERP_NO_ID)
        return perp_fail(core, PERP_E_NOT_FOUND, "base: there is no such base");
    return PERP_OK;
}

static void tell(perp_flatten_result *result, uint32_t kind, perp_instrument_id instrument,
                 const perp_uuid *id, double quantity) {
    if (!result)
        return;
    if (result->count < result->capacity && result->items)
        result->items[result->count] = (perp_flatten_item){
            .kind = kind, .instrument = instrument, .job_id = *id, .quantity = quantity};
    result->count++;
}

static perp_status decide_flatten(struct perp_decision *d, perp_exchange_id exchange,
                                  const char *base_name, const perp_uuid *key,
                                  perp_flatten_result *result) {
    perp_core *core = d->core;
    uint32_t base, n = 0;
    perp_status status = find(core, exchange, base_name, &base);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "flatten");
    if (status == PERP_OK && perp_id_known(core, key))
        status = perp_fail(core, PERP_E_EXISTS, "key: its first job is known");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    for (uint32_t i = 0; status == PERP_OK && i < perp_n_instruments(core); i++) {
        const struct perp_instrument_entry *entry = perp_instrument_at(core, i);
        struct perp_job_leg leg;
        perp_uuid id = {{0}};
        if ((exchange != PERP_ALL_EXCHANGES && entry->spec.exchange != exchange) ||
            (base != PERP_NO_ID && entry->base != base) || core->positions->at[i].quantity == 0)
            continue;
        uint32_t kind = leg_of(core, i, d->now, &leg);
        if (kind == PERP_FLATTEN_NOTHING)
            continue;
        if (kind == PERP_FLATTEN_JOB) {
            id_of(key, n++, &id);
            if (perp_id_known(core, &id))
                status = perp_fail(core, PERP_E_CONFLICT, "key: the id of its job %u is taken", n);
            else
                put_job(core, &leg, &id, d->now);
        }
        tell(result, kind, i, &id, kind == PERP_FLATTEN_JOB ? leg.quantity : 0);
    }
    return status;
}

perp_status perp_scheduler_flatten(perp_scheduler *scheduler, const perp_call *call,
                                   perp_exchange_id exchange, const char *base,
                                   const perp_uuid *key, perp_flatten_result *result) {
    if (!scheduler || !key)
        return perp_fail(scheduler ? scheduler->core : NULL, PERP_E_INVALID, "flatten: NULL");
    if (result && (!perp_struct_fits(result, sizeof *result) ||
                   !perp_struct_tail_is_zero(result, sizeof *result)))
        return perp_fail(scheduler->core, PERP_E_INVALID, "result: struct_size %u is not known",
                         result->struct_size);
    if (result)
        result->count = 0;
    struct perp_decision d;
    perp_decision_open(&d, scheduler->core, call);
    perp_status status = perp_decision_close(&d, decide_flatten(&d, exchange, base, key, result));
    if (status != PERP_OK && result)
        result->count = 0;
    return status;
}

/* One with nothing left to reduce is cancelled, one with less is cut to that. */
void perp_put_flatten_cuts(perp_core *core, struct perp_plan *plan) {
    const struct perp_job_set *special = &core->scheduler->verdicts.special;
    for (uint32_t i = 0; i < special->n; i++) {
        const struct perp_job_entry *job = *perp_set_at(special, i);
        if (!job->is_flatten)
            continue;
        const struct perp_job_leg *leg = &job->legs[0];
        double left = perp_left_to_reduce(core, leg->instrument, leg->side);
        if (!(left > 0)) {
            perp_put_for_job(core, PERP_EVENT_CANCEL, &job->id);
            perp_plan_change(plan, job, NULL);
        } else if (!perp_at_most(perp_leg_wants(job, 0), left)) {
            struct perp_job_leg cut = *leg;
            cut.quantity = job->run->legs[0].filled + left;
            cut.notional = (perp_usd)((double)leg->notional * (cut.quantity / leg->quantity));
            if (cut.notional <= 0)
                cut.notional = 1;
            struct perp_ev_choose choose = {.job = job->id};
            perp_leg_row_of(job, &cut, &choose.leg);
            perp_put_choose(core, &choose);
            perp_plan_change(plan, job, perp_plan_move(plan, job, &cut));
        }
    }
}
