/* Looking exchanges and instruments up. */
#include <string.h>

#include "core/events.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

uint32_t perp_exchange_count(const perp_core *core) {
    return core ? perp_n_exchanges(core) : 0;
}

uint32_t perp_instrument_count(const perp_core *core) {
    return core ? perp_n_instruments(core) : 0;
}

_Atomic uint32_t *perp_exchange_chain(const perp_core *core, const char *name) {
    return &core->exchange_chains[perp_text_hash(name) % PERP_MAX_EXCHANGES];
}

_Atomic uint32_t *perp_instrument_chain(const perp_core *core, perp_exchange_id exchange,
                                        const char *symbol) {
    uint64_t hash = perp_hash_u64(perp_text_hash(symbol), exchange);
    return &core->instrument_chains[hash % PERP_MAX_INSTRUMENTS];
}

perp_status perp_exchange_find(const perp_core *core, const char *name, perp_exchange_id *id) {
    if (!core || !name || !id)
        return perp_fail(core, PERP_E_INVALID, "exchange: NULL");
    uint32_t at_1 = atomic_load_explicit(perp_exchange_chain(core, name), memory_order_acquire);
    while (at_1 && strcmp(core->exchanges[at_1 - 1].spec.name, name) != 0)
        at_1 = core->exchanges[at_1 - 1].next_in_chain_1;
    if (at_1) {
        *id = at_1 - 1;
        return PERP_OK;
    }
    char shown[80];
    perp_text_show(name, shown, sizeof shown);
    return perp_fail(core, PERP_E_NOT_FOUND, "no exchange '%s'", shown);
}

perp_status perp_instrument_find(const perp_core *core, perp_exchange_id exchange,
                                 const char *symbol, perp_instrument_id *id) {
    if (!core || !symbol || !id)
        return perp_fail(core, PERP_E_INVALID, "instrument: NULL");
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    uint32_t at_1 =
        atomic_load_explicit(perp_instrument_chain(core, exchange, symbol), memory_order_acquire);
    while (at_1) {
        const struct perp_instrument_entry *entry = perp_instrument_at(core, at_1 - 1);
        if (entry->spec.exchange == exchange && strcmp(entry->spec.symbol, symbol) == 0) {
            *id = at_1 - 1;
            return PERP_OK;
        }
        at_1 = entry->next_in_chain_1;
    }
    char shown[80];
    perp_text_show(symbol, shown, sizeof shown);
    return perp_fail(core, PERP_E_NOT_FOUND, "no instrument '%s' on %s", shown,
                     core->exchanges[exchange].spec.name);
}

perp_status perp_exchange_get(const perp_core *core, perp_exchange_id id,
                              perp_exchange_spec *spec) {
    if (!core || !spec)
        return perp_fail(core, PERP_E_INVALID, "exchange: NULL");
    if (id >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", id);
    perp_read_begin(core);
    perp_exchange_spec copy = core->exchanges[id].spec;
    perp_read_end(core);
    if (!perp_struct_out(spec, &copy, sizeof copy))
        return perp_fail(core, PERP_E_INVALID, "spec: struct_size %u is not known",
                         spec->struct_size);
    return PERP_OK;
}

perp_status perp_instrument_get(const perp_core *core, perp_instrument_id id,
                                perp_instrument_spec *spec) {
    if (!core || !spec)
        return perp_fail(core, PERP_E_INVALID, "instrument: NULL");
    if (id >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", id);
    perp_read_begin(core);
    perp_instrument_spec copy = perp_instrument_at(core, id)->spec;
    perp_read_end(core);
    if (!perp_struct_out(spec, &copy, sizeof copy))
        return perp_fail(core, PERP_E_INVALID, "spec: struct_size %u is not known",
                         spec->struct_size);
    return PERP_OK;
}

bool perp_same_book(const perp_core *core, perp_instrument_id a, perp_instrument_id b) {
    const struct perp_instrument_entry *x = perp_instrument_at(core, a);
    const struct perp_instrument_entry *y = perp_instrument_at(core, b);
    return x->book == y->book && (!x->contract || !y->contract || x->contract == y->contract);
}
