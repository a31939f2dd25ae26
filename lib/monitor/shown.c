/* Positions, their lots and bases, as the state shows them. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

/* ---- What there is ------------------------------------------------------------------------------
 */

/* Of those that have something to show: a latch alone is an alert's. */
static bool is_shown(const struct perp_position_entry *entry) {
    return entry->quantity != 0 || entry->n_lots || entry->unexplained != 0 || entry->aside;
}

static double net_of(const perp_core *core, uint32_t base, double *gross) {
    double net = 0;
    *gross = 0;
    for
        PERP_EACH_OF_BASE(core, i, base) {
            double quantity = core->positions->at[i].quantity;
            net = perp_quantity_sum(net, quantity);
            *gross = perp_quantity_sum(*gross, fabs(quantity));
        }
    return net;
}

/* Bases that something is naked of or is done about, and those of positions; as bits. How many. */
#define BASE_WORDS (PERP_MAX_INSTRUMENTS / 64)
static uint32_t find_bases(const perp_core *core, uint64_t bits[BASE_WORDS]) {
    const perp_positions *positions = core->positions;
    uint32_t words = (core->bases.count + 63) / 64, n = 0;
    memset(bits, 0, words * sizeof *bits);
    for (uint32_t at = positions->first_moving_1; at; at = positions->bases[at - 1].next_moving_1) {
        const struct perp_base_entry *entry = &positions->bases[at - 1];
        if (entry->told || entry->tries || entry->stopped || entry->repair ||
            perp_base_naked(core, NULL, at - 1) != 0)
            bits[(at - 1) / 64] |= UINT64_C(1) << (at - 1) % 64;
    }
    for
        PERP_EACH_SHOWN(core, i) {
            uint32_t base = perp_instrument_at(core, i)->base;
            if (positions->at[i].quantity != 0)
                bits[base / 64] |= UINT64_C(1) << base % 64;
        }
    for (uint32_t word = 0; word < words; word++)
        n += (uint32_t)__builtin_popcountll(bits[word]);
    return n;
}

/* Room for n rows: those that there are, else memory. */
static void *room_for(perp_core *core, uint32_t n, uint32_t *capacity, size_t size, void *few,
                      uint32_t n_few) {
    *capacity = n > n_few ? n : n_few;
    return n > n_few ? perp_alloc(core, n * size) : few;
}

void perp_shown_begin(perp_monitor_state *s, struct perp_shown *shown) {
    shown->positions = s->positions;
    shown->bases = s->bases;
    shown->lots = shown->few_lots;
    shown->n_positions = shown->n_lots = shown->n_bases = 0;
}

bool perp_shown_room(perp_core *core, perp_monitor_state *s, struct perp_shown *shown) {
    uint32_t positions = 0, lots = 0, bases = 0;
    if (shown->all) {
        uint64_t bits[BASE_WORDS];
        bases = find_bases(core, bits);
        for
            PERP_EACH_SHOWN(core, i) {
                const struct perp_position_entry *entry = &core->positions->at[i];
                positions += is_shown(entry);
                lots += entry->n_lots;
            }
    }
    shown->positions = room_for(core, positions, &shown->positions_capacity,
                                sizeof *shown->positions, s->positions, PERP_MONITOR_POSITIONS);
    shown->lots = room_for(core, lots, &shown->lots_capacity, sizeof *shown->lots, shown->few_lots,
                           PERP_FEW_LOTS);
    shown->bases = room_for(core, bases, &shown->bases_capacity, sizeof *shown->bases, s->bases,
                            PERP_MONITOR_BASES);
    return shown->positions && shown->lots && shown->bases;
}

void perp_shown_close(perp_core *core, const perp_monitor_state *s, struct perp_shown *shown) {
    if (shown->positions == s->positions && shown->lots == shown->few_lots &&
        shown->bases == s->bases)
        return;
    perp_lock(core);
    if (shown->positions != s->positions)
        perp_free(core, shown->positions, shown->positions_capacity * sizeof *shown->positions);
    if (shown->lots != shown->few_lots)
        perp_free(core, shown->lots, shown->lots_capacity * sizeof *shown->lots);
    if (shown->bases != s->bases)
        perp_free(core, shown->bases, shown->bases_capacity * sizeof *shown->bases);
    perp_unlock(core);
}

/* ---- Taking it ----------------------------------------------------------------------------------
 */

static void take_lots(const struct perp_position_entry *entry, struct perp_shown *shown) {
    for (uint32_t i = 0; i < entry->n_lots; i++) {
        const struct perp_lot *lot = &entry->lots[i];
        shown->lots[shown->n_lots++] = (perp_lot_state){.job_id = lot->job,
                                                        .leg = lot->leg,
                                                        .quantity = lot->quantity,
                                                        .price = lot->price,
                                                        .used = lot->used};
    }
}

/* Rows are set field by field after they were cleared: a host may compare whole states. */
static void take_position(const perp_core *core, perp_instrument_id id, int64_t now,
                          perp_monitor_position *row) {
    const struct perp_position_entry *entry = &core->positions->at[id];
    memset(row, 0, sizeof *row);
    row->instrument = id;
    row->n_lots = entry->n_lots;
    row->quantity = entry->quantity;
    row->entry = entry->quantity != 0 && entry->entry > 0 ? entry->entry : (double)NAN;
    row->foreign = perp_position_foreign(core, id);
    row->unexplained = entry->unexplained;
    row->reported = entry->report_time;
    row->latched = entry->latched;
    row->in_doubt = entry->aside;
    row->known = perp_position_known(core, id, now);
}

static void take_base(const perp_core *core, uint32_t id, int64_t now, perp_monitor_base *row) {
    const struct perp_base_entry *base = &core->positions->bases[id];
    double price = perp_base_price(core, NULL, id, now);
    double naked = perp_base_naked(core, NULL, id);
    memset(row, 0, sizeof *row);
    memcpy(row->base, core->bases.items[id], strlen(core->bases.items[id]));
    row->naked.quantity = naked;
    row->naked.usd = price > 0 ? fabs(naked) * price : naked == 0 ? 0 : (double)NAN;
    row->naked.since = base->told ? base->since : PERP_TIME_NONE;
    row->net = net_of(core, id, &row->gross);
    row->to_square = perp_base_to_square(core, NULL, id);
    row->next_try = base->tries ? base->next_try : PERP_TIME_NONE;
    row->tries = base->tries;
    if (base->repair)
        row->repair = (perp_one_job){1, base->repair->id};
    row->is_naked = perp_base_is_naked(core, NULL, id, now);
    row->repairs_stopped = base->stopped;
}

static void take_bases(const perp_core *core, int64_t now, struct perp_shown *shown) {
    uint64_t bits[BASE_WORDS];
    uint32_t left = find_bases(core, bits);
    for (uint32_t word = 0; left; word++) {
        while (bits[word]) {
            uint32_t base = word * 64 + perp_bit_take(&bits[word]);
            if (shown->n_bases < shown->bases_capacity)
                take_base(core, base, now, &shown->bases[shown->n_bases]);
            shown->n_bases++;
            left--;
        }
    }
}

void perp_shown_take(const perp_core *core, int64_t now, struct perp_shown *shown) {
    for
        PERP_EACH_SHOWN(core, i) {
            const struct perp_position_entry *entry = &core->positions->at[i];
            if (!is_shown(entry))
                continue;
            if (shown->n_positions < shown->positions_capacity)
                take_position(core, i, now, &shown->positions[shown->n_positions]);
            if (shown->all)
                take_lots(entry, shown);
            shown->n_positions++;
        }
    take_bases(core, now, shown);
}

static void complete_position(const perp_core *core, int64_t now, perp_monitor_position *row) {
    struct perp_market_view view;
    perp_market_read(core->market, row->instrument, now, &view);
    memcpy(row->base, perp_instrument_at(core, row->instrument)->spec.base, sizeof row->base);
    row->mark = view.mark > 0 ? view.mark : view.mid > 0 ? view.mid : (double)NAN;
    row->unrealised = row->quantity * (row->mark - row->entry);
    row->liquidation_price = row->liquidation_distance = NAN;
    if (row->quantity == 0)
        return;
    perp_read_begin(core);
    perp_position_liquidation(core, row->instrument, now, &row->liquidation_price,
                              &row->liquidation_distance);
    perp_read_end(core);
}

/* A liquidation is the work of a job's leg: one at a time, so that decisions go between. */
void perp_shown_complete(const perp_core *core, perp_monitor_state *s, struct perp_shown *shown) {
    for (uint32_t i = 0; i < shown->n_positions && i < shown->positions_capacity; i++)
        complete_position(core, s->now_ns, &shown->positions[i]);
    s->n_positions = shown->n_positions;
    s->n_bases = shown->n_bases;
}

/* ---- Writing it ---------------------------------------------------------------------------------
 */

static void put_lot(struct perp_out *out, const perp_lot_state *lot) {
    perp_out_begin_item(out);
    perp_out_uuid(out, PERP_KEY("job_id"), lot->job_id);
    perp_out_count(out, PERP_KEY("leg"), lot->leg);
    perp_out_number(out, PERP_KEY("quantity"), lot->quantity);
    perp_out_number(out, PERP_KEY("price"), lot->price);
    perp_out_usd(out, PERP_KEY("used"), lot->used);
    perp_out_end(out);
}

static void put_position(struct perp_out *out, const char *symbol,
                         const perp_monitor_position *stats, const perp_lot_state *lots) {
    perp_out_begin_named(out, symbol);
    PERP_MONITOR_POSITION_LIST(PERP_OUT)
    perp_out_begin_list(out, PERP_KEY("lots"));
    for (uint32_t i = 0; i < stats->n_lots; i++)
        put_lot(out, &lots[i]);
    perp_out_end_list(out);
    perp_out_end(out);
}

/* The positions of the exchange that the one at `from` is on, which is its first; lots: of that. */
static void put_positions_of(struct perp_out *out, const perp_core *core, perp_exchange_id exchange,
                             const struct perp_shown *shown, uint32_t from,
                             const perp_lot_state *lots) {
    perp_out_begin_named(out, core->exchanges[exchange].spec.name);
    for (uint32_t i = from; i < shown->n_positions; i++) {
        const perp_monitor_position *row = &shown->positions[i];
        const perp_instrument_spec *spec = &perp_instrument_at(core, row->instrument)->spec;
        if (spec->exchange == exchange)
            put_position(out, spec->symbol, row, lots);
        lots += row->n_lots;
    }
    perp_out_end(out);
}

static void put_naked(struct perp_out *out, const perp_monitor_naked *stats) {
    perp_out_begin(out, PERP_KEY("naked"));
    PERP_MONITOR_NAKED_LIST(PERP_OUT)
    perp_out_end(out);
}

static void put_base(struct perp_out *out, const perp_monitor_base *stats) {
    perp_out_begin_named(out, stats->base);
    PERP_MONITOR_BASE_LIST(PERP_OUT)
    put_naked(out, &stats->naked);
    perp_out_end(out);
}

void perp_out_positions(struct perp_out *out, const perp_core *core,
                        const struct perp_shown *shown) {
    const perp_lot_state *lots = shown->lots;
    uint64_t written = 0; /* exchanges */
    perp_out_begin(out, PERP_KEY("positions_stats"));
    perp_out_begin(out, PERP_KEY("positions"));
    for (uint32_t i = 0; i < shown->n_positions; i++) {
        const perp_monitor_position *row = &shown->positions[i];
        perp_exchange_id exchange = perp_instrument_at(core, row->instrument)->spec.exchange;
        if (!(written >> exchange & 1))
            put_positions_of(out, core, exchange, shown, i, lots);
        written |= UINT64_C(1) << exchange;
        lots += row->n_lots;
    }
    perp_out_end(out);
    perp_out_begin(out, PERP_KEY("bases"));
    for (uint32_t i = 0; i < shown->n_bases; i++)
        put_base(out, &shown->bases[i]);
    perp_out_end(out);
    perp_out_end(out);
}
