/* What stays until a person lifts it. */
#include "risk/risk.h"

#include <string.h>

#include "core/events.h"

struct found {
    perp_latch *latches;
    uint32_t n, capacity;
};

static void add(struct found *found, const perp_latch *latch) {
    if (found->n < found->capacity)
        found->latches[found->n] = *latch;
    found->n++;
}

static void add_halts(const perp_core *core, struct found *found) {
    const perp_risk *risk = core->risk;
    if (risk->auto_halt)
        add(found, &(perp_latch){.kind = PERP_LATCH_HALT,
                                 .instrument = PERP_NO_ID,
                                 .since_ns = risk->halted_since,
                                 .by = "max_consecutive_failures in a row",
                                 .lifted_by = "reset_halt"});
    for (uint32_t i = 0; i < PERP_STRATEGY_COUNT; i++)
        if (risk->strategies_halted >> i & 1)
            add(found, &(perp_latch){.kind = PERP_LATCH_STRATEGY,
                                     .strategy = i,
                                     .instrument = PERP_NO_ID,
                                     .since_ns = (int64_t)risk->strategies_since[i],
                                     .by = "strategy_failures in a row",
                                     .lifted_by = "reset_strategy"});
}

static void add_of_base(struct found *found, const perp_core *core, uint32_t base,
                        perp_latch *latch) {
    memcpy(latch->base, core->bases.items[base], sizeof latch->base);
    add(found, latch);
}

static void add_positions(const perp_core *core, struct found *found) {
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *entry = &core->positions->at[i];
        perp_latch latch = {.kind = PERP_LATCH_DRIFT,
                            .instrument = i,
                            .since_ns = entry->latched_since,
                            .by = "a report that no fill explains",
                            .lifted_by = "accept_position"};
        if (entry->latched)
            add_of_base(found, core, perp_instrument_at(core, i)->base, &latch);
    }
    for (uint32_t i = 0; i < core->bases.count; i++) {
        const struct perp_base_entry *entry = &core->positions->bases[i];
        perp_latch latch = {.kind = PERP_LATCH_REPAIR,
                            .instrument = PERP_NO_ID,
                            .since_ns = entry->stopped_since,
                            .by = "its repair was cancelled by hand",
                            .lifted_by = "resume_repair"};
        if (entry->stopped)
            add_of_base(found, core, i, &latch);
    }
}

perp_status perp_risk_latches(const perp_risk *risk, perp_latch *latches, uint32_t capacity,
                              uint32_t *count) {
    if (!risk || !count || (capacity && !latches))
        return perp_fail(risk ? risk->core : NULL, PERP_E_INVALID, "latches: NULL");
    struct found found = {.latches = latches, .capacity = capacity};
    perp_read_begin(risk->core);
    add_halts(risk->core, &found);
    add_positions(risk->core, &found);
    perp_read_end(risk->core);
    *count = found.n;
    return PERP_OK;
}
