/* Exchanges and instruments: checked, interned, never removed. */
#include "core/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

#define MAX_FEE_BPS 1000.0
#define MAX_INTERVAL_H 168.0

bool perp_registry_open(perp_core *core) {
    core->exchanges = perp_alloc(core, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    core->instruments = perp_alloc(core, PERP_MAX_INSTRUMENTS * sizeof *core->instruments);
    if (core->exchanges)
        memset(core->exchanges, 0, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    for (uint32_t i = 0; core->instruments && i < PERP_MAX_INSTRUMENTS; i++)
        atomic_init(&core->instruments[i], NULL);
    return core->exchanges && core->instruments;
}

static size_t tiers_size(const perp_instrument_spec *spec) {
    return spec->n_tiers * sizeof *spec->tiers;
}

static void names_free(perp_core *core, struct perp_names *names) {
    perp_free(core, names->items, names->capacity * sizeof *names->items);
}

void perp_registry_close(perp_core *core) {
    for (uint32_t i = 0; core->instruments && i < PERP_MAX_INSTRUMENTS; i++) {
        struct perp_instrument_entry *entry = atomic_load(&core->instruments[i]);
        if (!entry)
            continue;
        perp_free(core, (void *)(uintptr_t)entry->spec.tiers, tiers_size(&entry->spec));
        perp_free(core, entry, sizeof *entry);
    }
    perp_free(core, core->exchanges, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    perp_free(core, core->instruments, PERP_MAX_INSTRUMENTS * sizeof *core->instruments);
    names_free(core, &core->venues);
    names_free(core, &core->bases);
    names_free(core, &core->symbols);
    names_free(core, &core->contracts);
    names_free(core, &core->books);
}

uint32_t perp_names_find(const struct perp_names *names, const char *text) {
    for (uint32_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], text) == 0)
            return i;
    return PERP_NO_ID;
}

bool perp_names_reserve(perp_core *core, struct perp_names *names) {
    void *items = names->items;
    bool done = perp_grow(core, &items, &names->capacity, names->count + 1, sizeof *names->items);
    names->items = items;
    return done;
}

uint32_t perp_names_add(struct perp_names *names, const char *text) {
    uint32_t found = perp_names_find(names, text);
    if (found != PERP_NO_ID)
        return found;
    /* Filled with zeros, so that equal texts are equal memory, in hashes and checkpoints too. */
    memset(names->items[names->count], 0, PERP_NAME_SIZE);
    snprintf(names->items[names->count], PERP_NAME_SIZE, "%s", text);
    return names->count++;
}

static bool is_name(const char text[PERP_NAME_SIZE]) {
    return memchr(text, '\0', PERP_NAME_SIZE) && perp_text_is_name(text, PERP_NAME_SIZE - 1);
}

static bool is_name_or_empty(const char text[PERP_NAME_SIZE]) {
    return text[0] == '\0' || is_name(text);
}

/* Names fill their arrays with zeros, so that equal specs are equal memory. */
static void tidy_name(char text[PERP_NAME_SIZE]) {
    size_t length = strnlen(text, PERP_NAME_SIZE);
    memset(text + length, 0, PERP_NAME_SIZE - length);
}

void perp_exchange_spec_init(perp_exchange_spec *spec) {
    if (!spec)
        return;
    memset(spec, 0, sizeof *spec);
    spec->struct_size = sizeof *spec;
    spec->margin_mode = PERP_MARGIN_ISOLATED;
    spec->taker_fee_bps = 5;
    spec->maker_fee_bps = 2;
    spec->max_concurrent = PERP_NO_ID;
    spec->max_notional = -1;
}

void perp_instrument_spec_init(perp_instrument_spec *spec) {
    if (!spec)
        return;
    memset(spec, 0, sizeof *spec);
    spec->struct_size = sizeof *spec;
    spec->exchange = PERP_NO_ID;
    spec->kind = PERP_KIND_PERP;
    spec->funding_interval_h = 8;
}

static perp_status check_exchange(perp_core *core, perp_exchange_spec *spec) {
    if (!is_name(spec->name))
        return perp_fail(core, PERP_E_INVALID, "exchange.name: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (!is_name_or_empty(spec->venue))
        return perp_fail(core, PERP_E_INVALID, "exchange.venue: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (spec->margin_mode >= PERP_MARGIN_COUNT)
        return perp_fail(core, PERP_E_INVALID, "exchange.margin_mode: %u is not known",
                         spec->margin_mode);
    if (!isfinite(spec->taker_fee_bps) || !isfinite(spec->maker_fee_bps))
        return perp_fail(core, PERP_E_INVALID, "exchange fees: not finite");
    tidy_name(spec->name);
    tidy_name(spec->venue);
    if (!spec->venue[0])
        memcpy(spec->venue, spec->name, sizeof spec->venue);
    return PERP_OK;
}

static perp_status check_exchange_range(perp_core *core, const perp_exchange_spec *spec) {
    if (fabs(spec->taker_fee_bps) > MAX_FEE_BPS)
        return perp_fail(core, PERP_E_RANGE, "exchange.taker_fee_bps: %g is out of range",
                         spec->taker_fee_bps);
    if (fabs(spec->maker_fee_bps) > MAX_FEE_BPS)
        return perp_fail(core, PERP_E_RANGE, "exchange.maker_fee_bps: %g is out of range",
                         spec->maker_fee_bps);
    if (spec->max_notional < -1)
        return perp_fail(core, PERP_E_RANGE, "exchange.max_notional: %s is negative",
                         PERP_SHOW_USD(spec->max_notional));
    if (perp_n_exchanges(core) >= PERP_MAX_EXCHANGES)
        return perp_fail(core, PERP_E_RANGE, "exchange: more than %d", PERP_MAX_EXCHANGES);
    return PERP_OK;
}

static bool same_exchange(const perp_exchange_spec *a, const perp_exchange_spec *b) {
    return strcmp(a->venue, b->venue) == 0 && a->margin_mode == b->margin_mode &&
           a->taker_fee_bps == b->taker_fee_bps && a->maker_fee_bps == b->maker_fee_bps &&
           a->max_concurrent == b->max_concurrent && a->max_notional == b->max_notional;
}

void perp_put_exchange(perp_core *core, const perp_exchange_spec *spec) {
    struct perp_event *event = perp_batch_add(core, PERP_EVENT_EXCHANGE, 0, sizeof *spec);
    memcpy(perp_event_bytes(event), spec, sizeof *spec);
}

static perp_status add_exchange(perp_core *core, const perp_exchange_spec *given,
                                perp_exchange_id *id) {
    perp_exchange_spec spec;
    perp_exchange_spec_init(&spec);
    if (!perp_struct_in(&spec, sizeof spec, given))
        return perp_fail(core, PERP_E_INVALID, "exchange: struct_size %u is not known",
                         given->struct_size);
    if (spec.reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "exchange.reserved: %u must be 0", spec.reserved);
    perp_status status = check_exchange(core, &spec);
    if (status != PERP_OK)
        return status;
    if (core->corrupt)
        return perp_corrupt(core);
    perp_exchange_id found;
    if (perp_exchange_find(core, spec.name, &found) == PERP_OK) {
        *id = found;
        bool same = same_exchange(&core->exchanges[found].spec, &spec);
        return perp_fail(core, same ? PERP_E_EXISTS : PERP_E_CONFLICT,
                         "exchange '%s' is there with %s content", spec.name,
                         same ? "the same" : "other");
    }
    status = check_exchange_range(core, &spec);
    if (status != PERP_OK)
        return status;
    uint32_t next = perp_n_exchanges(core);
    /* Adding does not move the clock: the batch is made at the clock as it is. */
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_exchange(core, &spec);
    status = perp_batch_commit(core);
    if (status == PERP_OK)
        *id = next;
    return status;
}

perp_status perp_exchange_add(perp_core *core, const perp_exchange_spec *spec,
                              perp_exchange_id *id) {
    if (!core || !spec || !id)
        return perp_fail(core, PERP_E_INVALID, "exchange: NULL");
    perp_enter(core);
    return perp_leave(core, add_exchange(core, spec, id));
}

bool perp_prepare_exchange(perp_core *core, const struct perp_event *event) {
    (void)event;
    return perp_names_reserve(core, &core->venues);
}

void perp_apply_exchange(perp_core *core, const struct perp_event *event) {
    uint32_t id = perp_n_exchanges(core);
    struct perp_exchange_entry *entry = &core->exchanges[id];
    memcpy(&entry->spec, perp_event_bytes_of(event), sizeof entry->spec);
    entry->venue = perp_names_add(&core->venues, entry->spec.venue);
    entry->max_concurrent = entry->spec.max_concurrent;
    entry->max_notional = entry->spec.max_notional;
    atomic_store_explicit(&core->n_exchanges, id + 1, memory_order_release);
}

static perp_status check_tiers(perp_core *core, const perp_instrument_spec *spec) {
    if (spec->n_tiers > PERP_MAX_TIERS || (spec->n_tiers && !spec->tiers))
        return perp_fail(core, PERP_E_INVALID, "instrument.tiers: %u, at most %d", spec->n_tiers,
                         PERP_MAX_TIERS);
    for (uint32_t i = 0; i < spec->n_tiers; i++) {
        const perp_tier *tier = &spec->tiers[i];
        if (!perp_not_negative(tier->floor) || !perp_not_negative(tier->mmr) || tier->mmr >= 1 ||
            !isfinite(tier->amount) || !isfinite(tier->cap) || !isfinite(tier->max_leverage))
            return perp_fail(core, PERP_E_INVALID,
                             "instrument.tiers[%u]: floor and rate must be finite, rate below 1",
                             i);
        if (i && !(tier->floor > spec->tiers[i - 1].floor))
            return perp_fail(core, PERP_E_INVALID, "instrument.tiers[%u].floor: %g does not rise",
                             i, tier->floor);
    }
    return PERP_OK;
}

static perp_status check_instrument(perp_core *core, perp_instrument_spec *spec) {
    if (!is_name(spec->symbol) || !is_name_or_empty(spec->base) ||
        !is_name_or_empty(spec->contract))
        return perp_fail(core, PERP_E_INVALID,
                         "instrument: symbol, base or contract is not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (spec->kind >= PERP_KIND_COUNT)
        return perp_fail(core, PERP_E_INVALID, "instrument.kind: %u is not known", spec->kind);
    if (!perp_not_negative(spec->qty_step) || !perp_not_negative(spec->price_tick) ||
        !perp_not_negative(spec->min_qty) || !perp_positive(spec->funding_interval_h))
        return perp_fail(core, PERP_E_INVALID,
                         "instrument: qty_step, price_tick, min_qty, funding_interval_h must be "
                         "finite and not negative");
    tidy_name(spec->symbol);
    tidy_name(spec->base);
    tidy_name(spec->contract);
    if (!spec->base[0]) {
        size_t length = strcspn(spec->symbol, "/");
        if (length == 0)
            return perp_fail(core, PERP_E_INVALID, "instrument.base: not given, and '%s' has none",
                             spec->symbol);
        memcpy(spec->base, spec->symbol, length);
    }
    return check_tiers(core, spec);
}

static bool same_instrument(const perp_instrument_spec *a, const perp_instrument_spec *b) {
    return strcmp(a->base, b->base) == 0 && strcmp(a->contract, b->contract) == 0 &&
           a->kind == b->kind && a->pulled == b->pulled && a->qty_step == b->qty_step &&
           a->price_tick == b->price_tick && a->min_qty == b->min_qty &&
           a->min_notional == b->min_notional && a->funding_interval_h == b->funding_interval_h &&
           a->n_tiers == b->n_tiers &&
           (!a->n_tiers || memcmp(a->tiers, b->tiers, tiers_size(a)) == 0);
}

static perp_status check_instrument_range(perp_core *core, const perp_instrument_spec *spec) {
    if (spec->min_notional < 0)
        return perp_fail(core, PERP_E_RANGE, "instrument.min_notional: %s is negative",
                         PERP_SHOW_USD(spec->min_notional));
    if (spec->funding_interval_h > MAX_INTERVAL_H)
        return perp_fail(core, PERP_E_RANGE, "instrument.funding_interval_h: %g is above %g",
                         spec->funding_interval_h, MAX_INTERVAL_H);
    if (perp_n_instruments(core) >= PERP_MAX_INSTRUMENTS)
        return perp_fail(core, PERP_E_RANGE, "instrument: more than %d", PERP_MAX_INSTRUMENTS);
    return PERP_OK;
}

void perp_put_instrument(perp_core *core, const perp_instrument_spec *spec) {
    struct perp_event *event =
        perp_batch_add(core, PERP_EVENT_INSTRUMENT, spec->n_tiers, sizeof *spec);
    event->exchange = spec->exchange;
    for (uint32_t i = 0; i < spec->n_tiers; i++) {
        struct perp_event_item *item = &perp_event_items(event)[i];
        item->quantity = spec->tiers[i].floor;
        item->price = spec->tiers[i].cap;
        item->leverage = spec->tiers[i].max_leverage;
        memcpy(&item->amount, &spec->tiers[i].amount, sizeof(double));
        memcpy(&item->pnl, &spec->tiers[i].mmr, sizeof(double));
    }
    perp_instrument_spec copy = *spec;
    copy.tiers = NULL;
    memcpy(perp_event_bytes(event), &copy, sizeof copy);
}

static perp_status add_instrument(perp_core *core, const perp_instrument_spec *given,
                                  perp_instrument_id *id) {
    perp_instrument_spec spec;
    perp_instrument_spec_init(&spec);
    if (!perp_struct_in(&spec, sizeof spec, given))
        return perp_fail(core, PERP_E_INVALID, "instrument: struct_size %u is not known",
                         given->struct_size);
    if (spec.exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", spec.exchange);
    if (spec.reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "instrument.reserved: %u must be 0", spec.reserved);
    spec.pulled = spec.pulled != 0;
    perp_status status = check_instrument(core, &spec);
    if (status != PERP_OK)
        return status;
    if (core->corrupt)
        return perp_corrupt(core);
    perp_instrument_id found;
    if (perp_instrument_find(core, spec.exchange, spec.symbol, &found) == PERP_OK) {
        *id = found;
        bool same = same_instrument(&perp_instrument_at(core, found)->spec, &spec);
        return perp_fail(core, same ? PERP_E_EXISTS : PERP_E_CONFLICT,
                         "instrument '%s' is there with %s content", spec.symbol,
                         same ? "the same" : "other");
    }
    status = check_instrument_range(core, &spec);
    if (status != PERP_OK)
        return status;
    uint32_t next = perp_n_instruments(core);
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_instrument(core, &spec);
    status = perp_batch_commit(core);
    if (status == PERP_OK)
        *id = next;
    return status;
}

perp_status perp_instrument_add(perp_core *core, const perp_instrument_spec *spec,
                                perp_instrument_id *id) {
    if (!core || !spec || !id)
        return perp_fail(core, PERP_E_INVALID, "instrument: NULL");
    perp_enter(core);
    return perp_leave(core, add_instrument(core, spec, id));
}

static bool copy_tiers(perp_core *core, perp_instrument_spec *spec,
                       const struct perp_event *event) {
    if (!spec->n_tiers)
        return true;
    perp_tier *tiers = perp_alloc(core, tiers_size(spec));
    if (!tiers)
        return false;
    for (uint32_t i = 0; i < spec->n_tiers; i++) {
        const struct perp_event_item *item = &perp_event_items_of(event)[i];
        tiers[i].floor = item->quantity;
        tiers[i].cap = item->price;
        tiers[i].max_leverage = item->leverage;
        memcpy(&tiers[i].amount, &item->amount, sizeof(double));
        memcpy(&tiers[i].mmr, &item->pnl, sizeof(double));
    }
    spec->tiers = tiers;
    return true;
}

/* The entry is made here, unseen, and put into its place by apply: the slot past the last
 * instrument. */
bool perp_prepare_instrument(perp_core *core, const struct perp_event *event) {
    uint32_t id = perp_n_instruments(core);
    struct perp_names *tables[] = {&core->bases, &core->symbols, &core->contracts, &core->books};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!perp_names_reserve(core, tables[i]))
            return false;
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[id]);
    if (entry) { /* left by an addition that was not committed */
        atomic_store(&core->instruments[id], NULL);
        perp_free(core, (void *)(uintptr_t)entry->spec.tiers, tiers_size(&entry->spec));
        perp_free(core, entry, sizeof *entry);
    }
    entry = perp_alloc(core, sizeof *entry);
    if (!entry)
        return false;
    memset(entry, 0, sizeof *entry);
    memcpy(&entry->spec, perp_event_bytes_of(event), sizeof entry->spec);
    entry->spec.tiers = NULL;
    if (!copy_tiers(core, &entry->spec, event)) {
        perp_free(core, entry, sizeof *entry);
        return false;
    }
    atomic_store(&core->instruments[id], entry);
    return true;
}

static uint32_t book_of(perp_core *core, const struct perp_instrument_entry *entry) {
    char key[PERP_NAME_SIZE];
    snprintf(key, sizeof key, "%u/%u/%u", core->exchanges[entry->spec.exchange].venue, entry->base,
             entry->spec.kind);
    return perp_names_add(&core->books, key);
}

void perp_apply_instrument(perp_core *core, const struct perp_event *event) {
    (void)event;
    uint32_t id = perp_n_instruments(core);
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[id]);
    const perp_exchange_spec *exchange = &core->exchanges[entry->spec.exchange].spec;
    entry->base = perp_names_add(&core->bases, entry->spec.base);
    entry->symbol = perp_names_add(&core->symbols, entry->spec.symbol);
    entry->contract =
        entry->spec.contract[0] ? perp_names_add(&core->contracts, entry->spec.contract) + 1 : 0;
    entry->book = book_of(core, entry);
    entry->fee_bps[0] = exchange->taker_fee_bps;
    entry->fee_bps[1] = exchange->maker_fee_bps;
    entry->next_same_book = id;
    for (uint32_t i = 0; i < id; i++) {
        struct perp_instrument_entry *other = atomic_load(&core->instruments[i]);
        if (other->book == entry->book) {
            entry->next_same_book = other->next_same_book;
            other->next_same_book = id;
            break;
        }
    }
    entry->next_on_exchange = PERP_NO_ID;
    for (uint32_t i = id; i-- > 0 && id > 0;) {
        struct perp_instrument_entry *other = atomic_load(&core->instruments[i]);
        if (other->spec.exchange == entry->spec.exchange) {
            other->next_on_exchange = id;
            break;
        }
    }
    if (core->exchanges[entry->spec.exchange].first_instrument_1 == 0)
        core->exchanges[entry->spec.exchange].first_instrument_1 = id + 1;
    atomic_store_explicit(&core->n_instruments, id + 1, memory_order_release);
}
