/* Exchanges, instruments, the configuration: what each event of these does. */
#include <stdio.h>
#include <string.h>

#include "book/book.h"
#include "core/config.h"

static bool fits_exchange(const perp_core *core, const struct perp_event *event) {
    return perp_exchange_fits(core, &perp_read_exchange(event)->spec);
}

static bool prepare_exchange(perp_core *core, const struct perp_event *event) {
    (void)event;
    return perp_names_reserve(core, &core->venues) &&
           perp_kept_set(core, &core->exchanges[perp_n_exchanges(core)].kept, event->kept);
}

static void rows_exchange(const perp_core *core, const struct perp_event *event,
                          struct perp_journal *to) {
    const perp_exchange_spec *spec = &perp_read_exchange(event)->spec;
    perp_row_begin(to, PERP_TABLE_EXCHANGES);
    perp_row_int(to, PERP_EXCHANGES_ID, perp_n_exchanges(core));
    perp_row_text(to, PERP_EXCHANGES_NAME, spec->name);
    perp_row_text(to, PERP_EXCHANGES_VENUE, spec->venue);
    perp_row_end(to);
}

static void apply_exchange(perp_core *core, const struct perp_event *event) {
    uint32_t id = perp_n_exchanges(core);
    struct perp_exchange_entry *entry = &core->exchanges[id];
    entry->spec = perp_read_exchange(event)->spec;
    entry->venue = perp_names_add(&core->venues, entry->spec.venue);
    entry->max_concurrent = entry->spec.max_concurrent;
    entry->max_notional = entry->spec.max_notional;
    entry->order_due = PERP_TIME_NONE;
    _Atomic uint32_t *chain = perp_exchange_chain(core, entry->spec.name);
    entry->next_in_chain_1 = atomic_load_explicit(chain, memory_order_relaxed);
    atomic_store_explicit(&core->n_exchanges, id + 1, memory_order_release);
    atomic_store_explicit(chain, id + 1, memory_order_release);
}

static bool fits_instrument(const perp_core *core, const struct perp_event *event) {
    return perp_instrument_fits(core, &perp_read_instrument(event)->spec);
}

/* Room for the first instrument of one more book. */
static bool reserve_book(perp_core *core) {
    uint32_t before = core->first_in_book_capacity;
    void *firsts = core->first_in_book_1;
    if (!perp_grow(core, &firsts, &core->first_in_book_capacity, core->books.count + 1,
                   sizeof *core->first_in_book_1))
        return false;
    core->first_in_book_1 = firsts;
    memset(core->first_in_book_1 + before, 0,
           (core->first_in_book_capacity - before) * sizeof *core->first_in_book_1);
    return true;
}

static bool prepare_entry(perp_core *core, const struct perp_event *event) {
    struct perp_instrument_entry *entry = perp_alloc(core, sizeof *entry);
    if (!entry)
        return false;
    memset(entry, 0, sizeof *entry);
    entry->spec = perp_read_instrument(event)->spec;
    if (!entry->spec.quote[0])
        perp_preset_quote(&entry->spec);
    entry->tiers = perp_tiers_make(core, &entry->spec);
    if (!entry->tiers || !perp_kept_set(core, &entry->kept, event->kept)) {
        perp_instrument_entry_free(core, entry);
        return false;
    }
    entry->spec.tiers = entry->tiers->n ? entry->tiers->at : NULL;
    atomic_store(&core->instruments[perp_n_instruments(core)], entry);
    return true;
}

/* The entry is made here, unseen, and put into its place by apply: the slot past the last
   instrument. */
static bool prepare_instrument(perp_core *core, const struct perp_event *event) {
    uint32_t id = perp_n_instruments(core);
    struct perp_names *tables[] = {&core->bases, &core->symbols, &core->contracts, &core->books};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!perp_names_reserve(core, tables[i]))
            return false;
    struct perp_instrument_entry *left = atomic_load(&core->instruments[id]);
    if (left) { /* by an addition that was not committed */
        atomic_store(&core->instruments[id], NULL);
        perp_instrument_entry_free(core, left);
    }
    return reserve_book(core) && prepare_entry(core, event) &&
           perp_market_add_instrument(core->market, id) == PERP_OK &&
           perp_risk_prepare_tables(core) && perp_positions_prepare_tables(core);
}

static uint32_t book_of(perp_core *core, const struct perp_instrument_entry *entry) {
    char key[PERP_NAME_SIZE];
    snprintf(key, sizeof key, "%u/%u/%u", core->exchanges[entry->spec.exchange].venue, entry->base,
             entry->spec.kind);
    return perp_names_add(&core->books, key);
}

/* Into the ring of its book, after the first one. */
static void join_book(perp_core *core, perp_instrument_id id, struct perp_instrument_entry *entry) {
    uint32_t *first_1 = &core->first_in_book_1[entry->book];
    entry->next_same_book = id;
    if (*first_1 == 0) {
        *first_1 = id + 1;
        return;
    }
    struct perp_instrument_entry *first = atomic_load(&core->instruments[*first_1 - 1]);
    entry->next_same_book = first->next_same_book;
    first->next_same_book = id;
}

/* To the end of its exchange's list. */
static void join_exchange(perp_core *core, perp_instrument_id id,
                          struct perp_instrument_entry *entry) {
    struct perp_exchange_entry *exchange = &core->exchanges[entry->spec.exchange];
    entry->next_on_exchange = PERP_NO_ID;
    if (exchange->first_instrument_1 == 0)
        exchange->first_instrument_1 = id + 1;
    else
        atomic_load(&core->instruments[exchange->last_instrument_1 - 1])->next_on_exchange = id;
    exchange->last_instrument_1 = id + 1;
}

static double fee_of(double own, double of_exchange) {
    return own == PERP_FEE_OF_EXCHANGE ? of_exchange : own;
}

static void take_fees(const perp_core *core, struct perp_instrument_entry *entry) {
    const perp_exchange_spec *exchange = &core->exchanges[entry->spec.exchange].spec;
    entry->fee_bps[0] = fee_of(entry->spec.taker_fee_bps, exchange->taker_fee_bps);
    entry->fee_bps[1] = fee_of(entry->spec.maker_fee_bps, exchange->maker_fee_bps);
}

static void apply_instrument(perp_core *core, const struct perp_event *event) {
    (void)event;
    uint32_t id = perp_n_instruments(core);
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[id]);
    entry->base = perp_names_add(&core->bases, entry->spec.base);
    entry->symbol = perp_names_add(&core->symbols, entry->spec.symbol);
    entry->contract =
        entry->spec.contract[0] ? perp_names_add(&core->contracts, entry->spec.contract) + 1 : 0;
    entry->book = book_of(core, entry);
    entry->inverse = strcmp(entry->spec.contract, "inverse") == 0;
    take_fees(core, entry);
    join_book(core, id, entry);
    join_exchange(core, id, entry);
    perp_positions_join_base(core, id);
    _Atomic uint32_t *chain = perp_instrument_chain(core, entry->spec.exchange, entry->spec.symbol);
    entry->next_in_chain_1 = atomic_load_explicit(chain, memory_order_relaxed);
    atomic_store_explicit(&core->n_instruments, id + 1, memory_order_release);
    atomic_store_explicit(chain, id + 1, memory_order_release);
}

static bool fits_exchange_update(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_exchange_update *update = perp_read_exchange_update(event);
    return perp_exchange_sound(core, &update->spec) &&
           perp_exchange_updates(core, update->exchange, &update->spec) == PERP_OK;
}

/* Names are left alone: they are read without the lock. */
static void apply_exchange_update(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_exchange_update *update = perp_read_exchange_update(event);
    struct perp_exchange_entry *entry = &core->exchanges[update->exchange];
    perp_exchange_spec *spec = &entry->spec;
    if (update->spec.max_concurrent != spec->max_concurrent)
        entry->max_concurrent = update->spec.max_concurrent;
    if (update->spec.max_notional != spec->max_notional)
        entry->max_notional = update->spec.max_notional;
#define X(member) spec->member = update->spec.member;
    PERP_EXCHANGE_UPDATES(X)
#undef X
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        struct perp_instrument_entry *instrument = atomic_load(&core->instruments[i]);
        if (instrument->spec.exchange == update->exchange)
            take_fees(core, instrument);
    }
}

static bool fits_instrument_update(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_instrument_update *update = perp_read_instrument_update(event);
    return perp_instrument_sound(core, &update->spec) &&
           perp_instrument_updates(core, update->instrument, &update->spec) == PERP_OK;
}

static bool prepare_instrument_update(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_instrument_update *update = perp_read_instrument_update(event);
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[update->instrument]);
    perp_tiers_free(core, entry->coming_tiers);
    entry->coming_tiers = perp_tiers_make(core, &update->spec);
    return entry->coming_tiers;
}

static void apply_instrument_update(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_instrument_update *update = perp_read_instrument_update(event);
    struct perp_instrument_entry *entry = atomic_load(&core->instruments[update->instrument]);
    perp_instrument_spec *spec = &entry->spec;
    entry->coming_tiers->older = entry->tiers;
    entry->tiers = entry->coming_tiers;
    entry->coming_tiers = NULL;
    spec->tiers = entry->tiers->n ? entry->tiers->at : NULL;
    spec->n_tiers = entry->tiers->n;
#define X(member) spec->member = update->spec.member;
    PERP_INSTRUMENT_UPDATES(X)
#undef X
    take_fees(core, entry);
}

/* The parts of a configuration that are stored. */
static struct perp_ev_configuration stored_part(const perp_config *config) {
    return (struct perp_ev_configuration){config->capital, config->risk, config->scheduler,
                                          config->orders};
}

void perp_put_config(perp_core *core, const perp_config *config) {
    const struct perp_ev_configuration stored = stored_part(config);
    perp_put_configuration(core, &stored);
}

static bool fits_config(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_configuration *stored = perp_read_configuration(event);
    perp_config config = core->config;
    config.struct_size = sizeof config;
    config.capital = stored->capital;
    config.risk = stored->risk;
    config.scheduler = stored->scheduler;
    config.orders = stored->orders;
    return perp_config_check(&config) == PERP_OK;
}

static bool prepare_config(perp_core *core, const struct perp_event *event) {
    return perp_kept_set(core, &core->config_kept, event->kept);
}

static void apply_config(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_configuration *stored = perp_read_configuration(event);
    if (stored->capital.day_offset_minutes != core->config.capital.day_offset_minutes)
        perp_capital_keep_day(core); /* the day at hand ends at its own boundary */
    core->config.capital = stored->capital;
    core->config.risk = stored->risk;
    core->config.scheduler = stored->scheduler;
    core->config.orders = stored->orders;
    perp_day_forget(core);
    perp_capital_rebudget(core);
    perp_market_take_ages(core->market);
}

const struct perp_event_row perp_registry_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_CONFIG] = {.fits = fits_config, .prepare = prepare_config, .apply = apply_config},
    [PERP_EVENT_EXCHANGE] = {.fits = fits_exchange,
                             .prepare = prepare_exchange,
                             .rows = rows_exchange,
                             .apply = apply_exchange},
    [PERP_EVENT_INSTRUMENT] = {.fits = fits_instrument,
                               .prepare = prepare_instrument,
                               .apply = apply_instrument},
    [PERP_EVENT_EXCHANGE_UPDATE] = {.fits = fits_exchange_update, .apply = apply_exchange_update},
    [PERP_EVENT_INSTRUMENT_UPDATE] = {.fits = fits_instrument_update,
                                      .prepare = prepare_instrument_update,
                                      .apply = apply_instrument_update},
};
