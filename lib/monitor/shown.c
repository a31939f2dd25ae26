/* Positions, their lots and bases, as the state shows them. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

/* ---- What there is ------------------------------------------------------------------------------
 */

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

static bool base_is_shown(const perp_core *core, uint32_t base) {
    const struct perp_base_entry *entry = &core->positions->bases[base];
    double gross;
    if (entry->told || entry->tries || entry->stopped || entry->repair)
        return true;
    (void)net_of(core, base, &gross);
    return gross != 0 || perp_base_naked(core, NULL, base) != 0;
}

/* Room for n rows: those that lie in the struct, else memory. */
static void *room_for(perp_core *core, uint32_t n, uint32_t *capacity, size_t size, void *few,
                      uint32_t n_few) {
    *capacity = n > n_few ? n : n_few;
    return n > n_few ? perp_alloc(core, n * size) : few;
}

bool perp_shown_room(perp_core *core, struct perp_shown *shown) {
    uint32_t positions = 0, lots = 0, bases = 0;
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *entry = &core->positions->at[i];
        positions += is_shown(entry);
        lots += entry->n_lots;
    }
    for (uint32_t i = 0; i < core->bases.count; i++)
        bases += base_is_shown(core, i);
    shown->n_positions = shown->n_lots = shown->n_bases = 0;
    shown->positions = room_for(core, positions, &shown->positions_capacity,
                                sizeof *shown->positions, shown->few_positions, PERP_FEW_POSITIONS);
    shown->lots = room_for(core, lots, &shown->lots_capacity, sizeof *shown->lots, shown->few_lots,
                           PERP_FEW_LOTS);
    shown->bases = room_for(core, bases, &shown->bases_capacity, sizeof *shown->bases,
                            shown->few_bases, PERP_FEW_BASES);
    return shown->positions && shown->lots && shown->bases;
}

void perp_shown_close(perp_core *core, struct perp_shown *shown) {
    if (shown->positions == shown->few_positions && shown->lots == shown->few_lots &&
        shown->bases == shown->few_bases)
        return;
    perp_lock(core);
    if (shown->positions != shown->few_positions)
        perp_free(core, shown->positions, shown->positions_capacity * sizeof *shown->positions);
    if (shown->lots != shown->few_lots)
        perp_free(core, shown->lots, shown->lots_capacity * sizeof *shown->lots);
    if (shown->bases != shown->few_bases)
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

static void take_position(const perp_core *core, perp_instrument_id id, int64_t now,
                          struct perp_shown *shown) {
    const struct perp_position_entry *entry = &core->positions->at[id];
    shown->positions[shown->n_positions++] = (struct perp_shown_position){
        .instrument = id,
        .known = perp_position_known(core, id, now),
        .latched = entry->latched,
        .in_doubt = entry->aside,
        .quantity = entry->quantity,
        .entry = entry->quantity != 0 && entry->entry > 0 ? entry->entry : (double)NAN,
        .foreign = perp_position_foreign(core, id),
        .unexplained = entry->unexplained,
        .report_time = entry->report_time,
        .first_lot = shown->n_lots,
        .n_lots = entry->n_lots,
        .mark = NAN,
        .liquidation_price = NAN,
        .liquidation_distance = NAN,
    };
    take_lots(entry, shown);
}

static void take_base(const perp_core *core, uint32_t id, int64_t now, struct perp_shown *shown) {
    const struct perp_base_entry *base = &core->positions->bases[id];
    struct perp_shown_base *row = &shown->bases[shown->n_bases++];
    double price = perp_base_price(core, NULL, id, now);
    *row = (struct perp_shown_base){
        .base = id,
        .is_naked = perp_base_is_naked(core, NULL, id, now),
        .has_repair = base->repair != NULL,
        .stopped = base->stopped,
        .tries = base->tries,
        .naked = perp_base_naked(core, NULL, id),
        .to_square = perp_base_to_square(core, NULL, id),
        .since = base->since,
        .next_try = base->tries ? base->next_try : PERP_TIME_NONE,
    };
    row->net = net_of(core, id, &row->gross);
    row->naked_usd = price > 0 ? fabs(row->naked) * price : row->naked == 0 ? 0 : (double)NAN;
    if (!base->told)
        row->since = PERP_TIME_NONE;
    if (base->repair)
        row->repair = base->repair->id;
}

void perp_shown_take(const perp_core *core, int64_t now, struct perp_shown *shown) {
    for (perp_instrument_id i = 0; i < perp_n_instruments(core); i++)
        if (is_shown(&core->positions->at[i]))
            take_position(core, i, now, shown);
    for (uint32_t i = 0; i < core->bases.count; i++)
        if (base_is_shown(core, i))
            take_base(core, i, now, shown);
}

/* A liquidation is the work of a job's leg: one at a time, so that decisions go between. */
void perp_shown_complete(const perp_core *core, int64_t now, struct perp_shown *shown) {
    for (uint32_t i = 0; i < shown->n_positions; i++) {
        struct perp_shown_position *row = &shown->positions[i];
        struct perp_market_view view;
        perp_market_read(core->market, row->instrument, now, &view);
        row->mark = view.mark > 0 ? view.mark : view.mid > 0 ? view.mid : (double)NAN;
        if (row->quantity == 0)
            continue;
        perp_read_begin(core);
        perp_position_liquidation(core, row->instrument, now, &row->liquidation_price,
                                  &row->liquidation_distance);
        perp_read_end(core);
    }
}

/* ---- Writing it ---------------------------------------------------------------------------------
 */

/* Money that is no ledger's, rounded to the micro-dollar; null where it is not known. */
static void put_worth(struct perp_out *out, cJSON *json, const char *name, double usd) {
    if (isfinite(usd) && fabs(usd) < 9e12)
        perp_out_usd(out, json, name, llround(usd * (double)PERP_USD));
    else
        perp_out_text(out, json, name, NULL);
}

static void put_lot(struct perp_out *out, cJSON *list, const perp_lot_state *lot) {
    cJSON *json = perp_out_object(out, list, NULL);
    perp_out_uuid(out, json, "job_id", lot->job_id);
    perp_out_count(out, json, "leg", lot->leg);
    perp_out_number(out, json, "quantity", lot->quantity);
    perp_out_number(out, json, "price", lot->price);
    perp_out_usd(out, json, "used", lot->used);
}

static void put_position(struct perp_out *out, cJSON *json, const struct perp_shown *shown,
                         const perp_instrument_spec *spec, const struct perp_shown_position *row) {
    perp_out_text(out, json, "base", spec->base);
    perp_out_number(out, json, "quantity", row->quantity);
    perp_out_number(out, json, "entry", row->entry);
    perp_out_number(out, json, "mark", row->mark);
    put_worth(out, json, "unrealised", row->quantity * (row->mark - row->entry));
    perp_out_number(out, json, "liquidation_price", row->liquidation_price);
    perp_out_number(out, json, "liquidation_distance", row->liquidation_distance);
    perp_out_number(out, json, "foreign", row->foreign);
    perp_out_number(out, json, "unexplained", row->unexplained);
    perp_out_flag(out, json, "latched", row->latched);
    perp_out_flag(out, json, "in_doubt", row->in_doubt);
    perp_out_flag(out, json, "known", row->known);
    perp_out_time(out, json, "reported", row->report_time);
    cJSON *lots = perp_out_array(out, json, "lots");
    for (uint32_t i = 0; i < row->n_lots; i++)
        put_lot(out, lots, &shown->lots[row->first_lot + i]);
}

static void put_base(struct perp_out *out, cJSON *json, const struct perp_shown_base *row) {
    perp_out_number(out, json, "net", row->net);
    perp_out_number(out, json, "gross", row->gross);
    perp_out_flag(out, json, "is_naked", row->is_naked);
    cJSON *naked = perp_out_object(out, json, "naked");
    perp_out_number(out, naked, "quantity", row->naked);
    put_worth(out, naked, "usd", row->naked_usd);
    perp_out_time(out, naked, "since", row->since);
    perp_out_number(out, json, "to_square", row->to_square);
    perp_out_one_job(out, json, "repair", (perp_one_job){row->has_repair, row->repair});
    perp_out_flag(out, json, "repairs_stopped", row->stopped);
    perp_out_count(out, json, "tries", row->tries);
    perp_out_time(out, json, "next_try", row->next_try);
}

void perp_out_positions(struct perp_out *out, cJSON *root, const perp_core *core,
                        const struct perp_shown *shown) {
    cJSON *json = perp_out_object(out, root, "positions_stats");
    cJSON *exchanges = perp_out_object(out, json, "positions");
    cJSON *of_exchange[PERP_MAX_EXCHANGES] = {NULL};
    for (uint32_t i = 0; i < shown->n_positions && !out->failed; i++) {
        const struct perp_shown_position *row = &shown->positions[i];
        const perp_instrument_spec *spec = &perp_instrument_at(core, row->instrument)->spec;
        cJSON **exchange = &of_exchange[spec->exchange];
        if (!*exchange)
            *exchange = perp_out_object(out, exchanges, core->exchanges[spec->exchange].spec.name);
        put_position(out, perp_out_object(out, *exchange, spec->symbol), shown, spec, row);
    }
    cJSON *bases = perp_out_object(out, json, "bases");
    for (uint32_t i = 0; i < shown->n_bases && !out->failed; i++)
        put_base(out, perp_out_object(out, bases, core->bases.items[shown->bases[i].base]),
                 &shown->bases[i]);
}
