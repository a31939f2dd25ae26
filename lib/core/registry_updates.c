/* What exchanges change while the book is open: fees, limits, steps, minima, tiers. */
#include <string.h>

#include "core/batch.h"
#include "util/text.h"

/* The first field in which the two differ, once all that may change is the same. */
static perp_status look_at_rest(const perp_core *core, const struct perp_row_type *type,
                                const char *name, const void *known, const void *given) {
    const struct perp_field *field = perp_row_differs(type, known, given, 0);
    if (!field)
        return PERP_OK;
    char has[PERP_NAME_SIZE + 4], wanted[PERP_NAME_SIZE + 4];
    perp_field_show(field, known, has, sizeof has);
    perp_field_show(field, given, wanted, sizeof wanted);
    return perp_fail(core, PERP_E_CONFLICT, "%s of '%s' is %s and never changes (to %s)",
                     field->name, name, has, wanted);
}

perp_status perp_exchange_updates(const perp_core *core, perp_exchange_id exchange,
                                  const perp_exchange_spec *spec) {
    const perp_exchange_spec *known = &core->exchanges[exchange].spec;
    perp_exchange_spec rest = *spec;
#define X(member) rest.member = known->member;
    PERP_EXCHANGE_UPDATES(X)
#undef X
    return look_at_rest(core, perp_row_exchange(), known->name, known, &rest);
}

perp_status perp_instrument_updates(const perp_core *core, perp_instrument_id instrument,
                                    const perp_instrument_spec *spec) {
    const perp_instrument_spec *known = &perp_instrument_at(core, instrument)->spec;
    perp_instrument_spec rest = *spec;
    rest.tiers = known->tiers;
    rest.n_tiers = known->n_tiers;
#define X(member) rest.member = known->member;
    PERP_INSTRUMENT_UPDATES(X)
#undef X
    return look_at_rest(core, perp_row_instrument(), known->symbol, known, &rest);
}

/* A limit without a value is the scheduler's. */
static uint32_t jobs_of(const perp_core *core, uint32_t max_concurrent) {
    return max_concurrent == PERP_NO_ID ? core->config.scheduler.max_concurrent_per_exchange
                                        : max_concurrent;
}

static perp_usd notional_of(const perp_core *core, perp_usd max_notional) {
    return max_notional < 0 ? core->config.scheduler.max_notional_per_exchange : max_notional;
}

/* Of a rate 0 is the highest: off. */
static bool raises_rate(const perp_exchange_spec *from, const perp_exchange_spec *to) {
    if (from->order_rate_per_s == 0)
        return false;
    return to->order_rate_per_s == 0 || to->order_rate_per_s > from->order_rate_per_s ||
           to->order_burst > from->order_burst;
}

/* A limit that the spec leaves as it was stays as it is now, whatever that is. */
static bool raises_exchange(const perp_core *core, perp_exchange_id exchange,
                            const perp_exchange_spec *spec) {
    const struct perp_exchange_entry *entry = &core->exchanges[exchange];
    return raises_rate(&entry->spec, spec) ||
           (spec->max_concurrent != entry->spec.max_concurrent &&
            jobs_of(core, spec->max_concurrent) > jobs_of(core, entry->max_concurrent)) ||
           (spec->max_notional != entry->spec.max_notional &&
            notional_of(core, spec->max_notional) > notional_of(core, entry->max_notional));
}

static bool raises_position(perp_usd from, perp_usd to) {
    return from != 0 && (to == 0 || to > from);
}

static perp_status decide_exchange(struct perp_decision *d, const perp_exchange_spec *given) {
    perp_core *core = d->core;
    perp_exchange_spec spec;
    perp_exchange_id id;
    perp_status status = perp_exchange_given(core, given, &spec);
    if (status == PERP_OK)
        status = perp_exchange_find(core, spec.name, &id);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK && raises_exchange(core, id, &spec))
        status = perp_call_signed(core, d->call, "a raised limit");
    if (status == PERP_OK)
        status = perp_exchange_updates(core, id, &spec);
    if (status == PERP_OK)
        status = perp_exchange_ranges(core, &spec);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_exchange_update(core, &(struct perp_ev_exchange_update){id, spec});
    return status;
}

perp_status perp_exchange_update(perp_core *core, const perp_call *call,
                                 const perp_exchange_spec *spec) {
    if (!core || !spec)
        return perp_fail(core, PERP_E_INVALID, "exchange: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_exchange(&d, spec));
}

static perp_status decide_instrument(struct perp_decision *d, const perp_instrument_spec *given) {
    perp_core *core = d->core;
    perp_instrument_spec spec;
    perp_instrument_id id;
    perp_status status = perp_instrument_given(core, given, &spec);
    if (status == PERP_OK)
        status = perp_instrument_find(core, spec.exchange, spec.symbol, &id);
    if (status == PERP_OK)
        status = perp_decision_check(d);
    if (status == PERP_OK &&
        raises_position(perp_instrument_at(core, id)->spec.max_position_usd, spec.max_position_usd))
        status = perp_call_signed(core, d->call, "a raised limit");
    if (status == PERP_OK)
        status = perp_instrument_updates(core, id, &spec);
    if (status == PERP_OK)
        status = perp_instrument_ranges(core, &spec);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_instrument_update(core, &(struct perp_ev_instrument_update){id, spec});
    return status;
}

perp_status perp_instrument_update(perp_core *core, const perp_call *call,
                                   const perp_instrument_spec *spec) {
    if (!core || !spec)
        return perp_fail(core, PERP_E_INVALID, "instrument: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_instrument(&d, spec));
}
