/* Exchanges and instruments: checked, interned, never removed. */
#include "core/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

/* Messages a second, and at once: so that times of the bucket can't overflow. */
#define LEAST_RATE 1e-3
#define MOST_RATE 1e6
#define MOST_BURST 1000000u
#define MAX_FEE_BPS 1000.0
#define MAX_INTERVAL_H 168.0

static _Atomic uint32_t *chains_make(perp_core *core, uint32_t n) {
    _Atomic uint32_t *chains = perp_alloc(core, n * sizeof *chains);
    for (uint32_t i = 0; chains && i < n; i++)
        atomic_init(&chains[i], 0);
    return chains;
}

bool perp_registry_open(perp_core *core) {
    core->exchange_chains = chains_make(core, PERP_MAX_EXCHANGES);
    core->instrument_chains = chains_make(core, PERP_MAX_INSTRUMENTS);
    core->exchanges = perp_alloc(core, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    core->instruments = perp_alloc(core, PERP_MAX_INSTRUMENTS * sizeof *core->instruments);
    if (core->exchanges)
        memset(core->exchanges, 0, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    for (uint32_t i = 0; core->instruments && i < PERP_MAX_INSTRUMENTS; i++)
        atomic_init(&core->instruments[i], NULL);
    return core->exchanges && core->instruments && core->exchange_chains && core->instrument_chains;
}

struct perp_tiers *perp_tiers_make(perp_core *core, const perp_instrument_spec *spec) {
    struct perp_tiers *made = perp_alloc(core, sizeof *made + spec->n_tiers * sizeof *made->at);
    if (!made)
        return NULL;
    made->older = NULL;
    made->n = spec->n_tiers;
    if (made->n)
        memcpy(made->at, spec->tiers, made->n * sizeof *made->at);
    return made;
}

void perp_tiers_free(perp_core *core, struct perp_tiers *tiers) {
    while (tiers) {
        struct perp_tiers *older = tiers->older;
        perp_free(core, tiers, sizeof *tiers + tiers->n * sizeof *tiers->at);
        tiers = older;
    }
}

void perp_instrument_entry_free(perp_core *core, struct perp_instrument_entry *entry) {
    perp_tiers_free(core, entry->tiers);
    perp_tiers_free(core, entry->coming_tiers);
    perp_kept_free(core, &entry->kept);
    perp_free(core, entry, sizeof *entry);
}

void perp_registry_close(perp_core *core) {
    for (uint32_t i = 0; core->instruments && i < PERP_MAX_INSTRUMENTS; i++) {
        struct perp_instrument_entry *entry = atomic_load(&core->instruments[i]);
        if (!entry)
            continue;
        perp_instrument_entry_free(core, entry);
    }
    for (uint32_t i = 0; core->exchanges && i < perp_n_exchanges(core); i++) {
        perp_kept_free(core, &core->exchanges[i].kept);
        perp_kept_free(core, &core->exchanges[i].limits_kept);
    }
    perp_free(core, core->exchanges, PERP_MAX_EXCHANGES * sizeof *core->exchanges);
    perp_free(core, core->instruments, PERP_MAX_INSTRUMENTS * sizeof *core->instruments);
    perp_free(core, core->exchange_chains, PERP_MAX_EXCHANGES * sizeof *core->exchange_chains);
    perp_free(core, core->instrument_chains,
              PERP_MAX_INSTRUMENTS * sizeof *core->instrument_chains);
    perp_free(core, core->first_in_book_1,
              core->first_in_book_capacity * sizeof *core->first_in_book_1);
    perp_names_free(core, &core->venues);
    perp_names_free(core, &core->bases);
    perp_names_free(core, &core->symbols);
    perp_names_free(core, &core->contracts);
    perp_names_free(core, &core->books);
    core->exchanges = NULL;
    core->instruments = NULL;
    core->exchange_chains = core->instrument_chains = NULL;
    core->first_in_book_1 = NULL;
    core->first_in_book_capacity = 0;
    atomic_store(&core->n_exchanges, 0);
    atomic_store(&core->n_instruments, 0);
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
    if (spec)
        perp_row_preset(perp_row_exchange(), spec);
}

void perp_instrument_spec_init(perp_instrument_spec *spec) {
    if (spec)
        perp_row_preset(perp_row_instrument(), spec);
}

/* What an exchange takes in client ids, whatever its format. */
static bool is_client_prefix(const char prefix[PERP_NAME_SIZE]) {
    size_t length = strnlen(prefix, PERP_NAME_SIZE);
    if (length > PERP_MAX_CLIENT_PREFIX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", prefix[i]))
            return false;
    return true;
}

static perp_status check_orders(const perp_core *core, const perp_exchange_spec *spec) {
    if (spec->client_id_format >= PERP_CLIENT_ID_FORMAT_COUNT)
        return perp_fail(core, PERP_E_INVALID, "exchange.client_id_format: %u is not known",
                         spec->client_id_format);
    if (!is_client_prefix(spec->client_id_prefix))
        return perp_fail(core, PERP_E_INVALID,
                         "exchange.client_id_prefix: not up to %d letters, digits, '-' and '_'",
                         PERP_MAX_CLIENT_PREFIX);
    if (!perp_not_negative(spec->order_rate_per_s))
        return perp_fail(core, PERP_E_INVALID,
                         "exchange.order_rate_per_s: %g is not a finite number of at least 0",
                         spec->order_rate_per_s);
    return PERP_OK;
}

static perp_status check_exchange(const perp_core *core, perp_exchange_spec *spec) {
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
    if (!perp_not_negative(spec->liquidation_fee_bps))
        return perp_fail(core, PERP_E_INVALID,
                         "exchange.liquidation_fee_bps: %g is not a finite number of at least 0",
                         spec->liquidation_fee_bps);
    perp_status status = check_orders(core, spec);
    if (status != PERP_OK)
        return status;
    tidy_name(spec->name);
    tidy_name(spec->venue);
    tidy_name(spec->client_id_prefix);
    if (!spec->venue[0])
        memcpy(spec->venue, spec->name, sizeof spec->venue);
    return PERP_OK;
}

perp_status perp_exchange_ranges(const perp_core *core, const perp_exchange_spec *spec) {
    if (fabs(spec->taker_fee_bps) > MAX_FEE_BPS)
        return perp_fail(core, PERP_E_RANGE, "exchange.taker_fee_bps: %g is out of range",
                         spec->taker_fee_bps);
    if (fabs(spec->maker_fee_bps) > MAX_FEE_BPS)
        return perp_fail(core, PERP_E_RANGE, "exchange.maker_fee_bps: %g is out of range",
                         spec->maker_fee_bps);
    if (spec->liquidation_fee_bps > MAX_FEE_BPS)
        return perp_fail(core, PERP_E_RANGE, "exchange.liquidation_fee_bps: %g is above %g",
                         spec->liquidation_fee_bps, MAX_FEE_BPS);
    if (spec->max_notional < -1)
        return perp_fail(core, PERP_E_RANGE, "exchange.max_notional: %s is negative",
                         PERP_SHOW_USD(spec->max_notional));
    if (spec->max_notional > PERP_MOST_USD)
        return perp_fail(core, PERP_E_RANGE, "exchange.max_notional: %s is out of range",
                         PERP_SHOW_USD(spec->max_notional));
    if (spec->order_rate_per_s != 0 &&
        !(spec->order_rate_per_s >= LEAST_RATE && spec->order_rate_per_s <= MOST_RATE))
        return perp_fail(core, PERP_E_RANGE,
                         "exchange.order_rate_per_s: %g is neither 0 nor in %g..%g",
                         spec->order_rate_per_s, LEAST_RATE, MOST_RATE);
    if (spec->order_burst < 1 || spec->order_burst > MOST_BURST)
        return perp_fail(core, PERP_E_RANGE, "exchange.order_burst: %u is not in 1..%u",
                         spec->order_burst, MOST_BURST);
    return PERP_OK;
}

static perp_status check_room(const perp_core *core, const char *what, uint32_t n, uint32_t most) {
    return n < most ? PERP_OK : perp_fail(core, PERP_E_RANGE, "%s: more than %u", what, most);
}

bool perp_exchange_sound(const perp_core *core, const perp_exchange_spec *spec) {
    perp_exchange_spec tidy = *spec;
    return check_exchange(core, &tidy) == PERP_OK && perp_exchange_ranges(core, &tidy) == PERP_OK &&
           perp_row_same(perp_row_exchange(), &tidy, spec, 0);
}

/* Whether a spec of a store is one that add would take. */
bool perp_exchange_fits(const perp_core *core, const perp_exchange_spec *spec) {
    perp_exchange_id found;
    return perp_exchange_sound(core, spec) && perp_n_exchanges(core) < PERP_MAX_EXCHANGES &&
           perp_exchange_find(core, spec->name, &found) != PERP_OK;
}

static bool all_zero(const uint64_t *reserved, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (reserved[i] != 0)
            return false;
    return true;
}

perp_status perp_exchange_given(const perp_core *core, const perp_exchange_spec *given,
                                perp_exchange_spec *spec) {
    perp_exchange_spec_init(spec);
    if (!perp_struct_in(spec, sizeof *spec, given))
        return perp_fail(core, PERP_E_INVALID, "exchange: struct_size %u is not known",
                         given->struct_size);
    if (spec->reserved != 0 ||
        !all_zero(spec->reserved2, sizeof spec->reserved2 / sizeof *spec->reserved2))
        return perp_fail(core, PERP_E_INVALID, "exchange.reserved: must be 0");
    return check_exchange(core, spec);
}

perp_status perp_spec_known(const perp_core *core, const char *what, const char *name,
                            const struct perp_row_type *type, const void *known,
                            const void *given) {
    const struct perp_field *field = perp_row_differs(type, known, given, 0);
    if (!field)
        return perp_fail(core, PERP_E_EXISTS, "%s '%s' is there with the same content", what, name);
    char has[PERP_NAME_SIZE + 4], wanted[PERP_NAME_SIZE + 4];
    perp_field_show(field, known, has, sizeof has);
    perp_field_show(field, given, wanted, sizeof wanted);
    return perp_fail(core, PERP_E_CONFLICT, "%s '%s' is there with another %s: %s, not %s", what,
                     name, field->name, has, wanted);
}

static perp_status add_exchange(perp_core *core, const perp_exchange_spec *given,
                                perp_exchange_id *id) {
    perp_exchange_spec spec;
    perp_status status = perp_exchange_given(core, given, &spec);
    if (status != PERP_OK)
        return status;
    if (core->corrupt)
        return perp_corrupt(core);
    perp_exchange_id found;
    if (perp_exchange_find(core, spec.name, &found) == PERP_OK) {
        *id = found;
        return perp_spec_known(core, "exchange", spec.name, perp_row_exchange(),
                               &core->exchanges[found].spec, &spec);
    }
    status = perp_exchange_ranges(core, &spec);
    if (status == PERP_OK)
        status = check_room(core, "exchange", perp_n_exchanges(core), PERP_MAX_EXCHANGES);
    if (status != PERP_OK)
        return status;
    uint32_t next = perp_n_exchanges(core);
    /* Adding does not move the clock: the batch is made at the clock as it is. */
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_exchange(core, &(struct perp_ev_exchange){spec});
    status = perp_batch_commit(core);
    if (status == PERP_OK)
        *id = next;
    return status;
}

perp_status perp_exchange_add(perp_core *core, const perp_exchange_spec *spec,
                              perp_exchange_id *id) {
    if (!core || !spec || !id)
        return perp_fail(core, PERP_E_INVALID, "exchange: NULL");
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    perp_enter(core);
    return perp_leave(core, add_exchange(core, spec, id));
}

static perp_status check_tiers(const perp_core *core, const perp_instrument_spec *spec) {
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

void perp_preset_quote(perp_instrument_spec *spec) {
    const char *slash = strchr(spec->symbol, '/');
    size_t length = slash ? strcspn(slash + 1, ":") : 0;
    memcpy(spec->quote, length ? slash + 1 : "USD", length ? length : 3);
}

static perp_status check_instrument(const perp_core *core, perp_instrument_spec *spec) {
    if (!is_name(spec->symbol) || !is_name_or_empty(spec->base) ||
        !is_name_or_empty(spec->contract) || !is_name_or_empty(spec->quote))
        return perp_fail(core, PERP_E_INVALID,
                         "instrument: symbol, base, contract or quote is not a name of 1 to %d "
                         "bytes",
                         PERP_NAME_SIZE - 1);
    if (spec->kind >= PERP_KIND_COUNT)
        return perp_fail(core, PERP_E_INVALID, "instrument.kind: %u is not known", spec->kind);
    if (!perp_not_negative(spec->qty_step) || !perp_not_negative(spec->price_tick) ||
        !perp_not_negative(spec->min_qty) || !perp_positive(spec->funding_interval_h))
        return perp_fail(core, PERP_E_INVALID,
                         "instrument: qty_step, price_tick, min_qty, funding_interval_h must be "
                         "finite and not negative");
    if (!isfinite(spec->taker_fee_bps) || !isfinite(spec->maker_fee_bps))
        return perp_fail(core, PERP_E_INVALID, "instrument fees: not finite");
    tidy_name(spec->symbol);
    tidy_name(spec->base);
    tidy_name(spec->contract);
    tidy_name(spec->quote);
    if (!spec->quote[0])
        perp_preset_quote(spec);
    if (!spec->base[0]) {
        size_t length = strcspn(spec->symbol, "/");
        if (length == 0)
            return perp_fail(core, PERP_E_INVALID, "instrument.base: not given, and '%s' has none",
                             spec->symbol);
        memcpy(spec->base, spec->symbol, length);
    }
    return check_tiers(core, spec);
}

static bool is_fee_or_none(double bps) {
    return bps == PERP_FEE_OF_EXCHANGE || fabs(bps) <= MAX_FEE_BPS;
}

perp_status perp_instrument_ranges(const perp_core *core, const perp_instrument_spec *spec) {
    if (spec->min_notional < 0 || spec->min_notional > PERP_MOST_USD)
        return perp_fail(core, PERP_E_RANGE, "instrument.min_notional: %s is out of range",
                         PERP_SHOW_USD(spec->min_notional));
    if (spec->max_position_usd < 0 || spec->max_position_usd > PERP_MOST_USD)
        return perp_fail(core, PERP_E_RANGE, "max_position_usd: %s is out of range",
                         PERP_SHOW_USD(spec->max_position_usd));
    if (spec->funding_interval_h > MAX_INTERVAL_H)
        return perp_fail(core, PERP_E_RANGE, "instrument.funding_interval_h: %g is above %g",
                         spec->funding_interval_h, MAX_INTERVAL_H);
    if (!is_fee_or_none(spec->taker_fee_bps) || !is_fee_or_none(spec->maker_fee_bps))
        return perp_fail(core, PERP_E_RANGE, "instrument fees: %g or %g is out of range",
                         spec->taker_fee_bps, spec->maker_fee_bps);
    return PERP_OK;
}

bool perp_instrument_sound(const perp_core *core, const perp_instrument_spec *spec) {
    perp_instrument_spec tidy = *spec, given = *spec;
    if (!given.quote[0])
        perp_preset_quote(&given); /* of a release that did not store it */
    return spec->pulled <= 1 && check_instrument(core, &tidy) == PERP_OK &&
           perp_instrument_ranges(core, &tidy) == PERP_OK &&
           perp_row_same(perp_row_instrument(), &tidy, &given, 0);
}

/* The same as perp_exchange_fits. */
bool perp_instrument_fits(const perp_core *core, const perp_instrument_spec *spec) {
    perp_instrument_id found;
    return perp_instrument_sound(core, spec) && perp_n_instruments(core) < PERP_MAX_INSTRUMENTS &&
           perp_instrument_find(core, spec->exchange, spec->symbol, &found) != PERP_OK;
}

perp_status perp_instrument_given(const perp_core *core, const perp_instrument_spec *given,
                                  perp_instrument_spec *spec) {
    perp_instrument_spec_init(spec);
    if (!perp_struct_in(spec, sizeof *spec, given))
        return perp_fail(core, PERP_E_INVALID, "instrument: struct_size %u is not known",
                         given->struct_size);
    if (spec->exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", spec->exchange);
    if (spec->can_borrow > 1)
        return perp_fail(core, PERP_E_INVALID, "can_borrow: %u is not 0 or 1", spec->can_borrow);
    if (!all_zero(spec->reserved, sizeof spec->reserved / sizeof *spec->reserved))
        return perp_fail(core, PERP_E_INVALID, "instrument.reserved: must be 0");
    spec->pulled = spec->pulled != 0;
    return check_instrument(core, spec);
}

static perp_status add_instrument(perp_core *core, const perp_instrument_spec *given,
                                  perp_instrument_id *id) {
    perp_instrument_spec spec;
    perp_status status = perp_instrument_given(core, given, &spec);
    if (status != PERP_OK)
        return status;
    if (core->corrupt)
        return perp_corrupt(core);
    perp_instrument_id found;
    if (perp_instrument_find(core, spec.exchange, spec.symbol, &found) == PERP_OK) {
        *id = found;
        return perp_spec_known(core, "instrument", spec.symbol, perp_row_instrument(),
                               &perp_instrument_at(core, found)->spec, &spec);
    }
    status = perp_instrument_ranges(core, &spec);
    if (status == PERP_OK)
        status = check_room(core, "instrument", perp_n_instruments(core), PERP_MAX_INSTRUMENTS);
    if (status != PERP_OK)
        return status;
    uint32_t next = perp_n_instruments(core);
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_instrument(core, &(struct perp_ev_instrument){spec});
    status = perp_batch_commit(core);
    if (status == PERP_OK)
        *id = next;
    return status;
}

perp_status perp_instrument_add(perp_core *core, const perp_instrument_spec *spec,
                                perp_instrument_id *id) {
    if (!core || !spec || !id)
        return perp_fail(core, PERP_E_INVALID, "instrument: NULL");
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    perp_enter(core);
    return perp_leave(core, add_instrument(core, spec, id));
}
