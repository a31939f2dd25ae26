/* The allow-list: once it has a row, what no row names is refused. */
#include "risk/risk.h"

#include <string.h>

#include "core/events.h"
#include "util/text.h"

/* A pattern is a symbol, or a base and after it a slash and a star. */
static bool names(const char *pattern, const perp_instrument_spec *spec) {
    size_t length = strnlen(pattern, PERP_NAME_SIZE);
    if (length >= 2 && strcmp(pattern + length - 2, "/*") == 0)
        return strnlen(spec->base, PERP_NAME_SIZE) == length - 2 &&
               memcmp(spec->base, pattern, length - 2) == 0;
    return strncmp(pattern, spec->symbol, PERP_NAME_SIZE) == 0;
}

bool perp_leg_is_allowed(const perp_core *core, const struct perp_job_leg *leg, uint32_t strategy) {
    const perp_risk *risk = core->risk;
    if (risk->n_allowed == 0)
        return true;
    const perp_instrument_spec *spec = &perp_instrument_at(core, leg->instrument)->spec;
    for (uint32_t i = 0; i < risk->n_allowed; i++) {
        const struct perp_allowed *row = &risk->allowed[i];
        if ((row->exchange == PERP_ALL_EXCHANGES || row->exchange == leg->exchange) &&
            (row->strategy == PERP_ALL_STRATEGIES || row->strategy == strategy) &&
            names(row->pattern, spec))
            return true;
    }
    return false;
}

uint32_t perp_allowed_find(const perp_core *core, const struct perp_allowed_row *row) {
    const perp_risk *risk = core->risk;
    for (uint32_t i = 0; i < risk->n_allowed; i++)
        if (perp_row_same(perp_row_allowed(), &risk->allowed[i].row, row, 0))
            return i;
    return PERP_NO_ID;
}

bool perp_allowed_prepare(perp_core *core, const struct perp_kept *kept) {
    perp_risk *risk = core->risk;
    void *allowed = risk->allowed;
    bool done = perp_grow(core, &allowed, &risk->allowed_capacity, risk->n_allowed + 1,
                          sizeof *risk->allowed);
    risk->allowed = allowed;
    return done && perp_kept_set(core, &risk->allowed_kept, kept);
}

void perp_allowed_set(perp_core *core, const struct perp_allowed_row *row, bool on) {
    perp_risk *risk = core->risk;
    uint32_t at = perp_allowed_find(core, row);
    if (on) {
        risk->allowed[risk->n_allowed++] =
            (struct perp_allowed){.row = *row, .kept = risk->allowed_kept};
        risk->allowed_kept = NULL;
        return;
    }
    perp_kept_free(core, &risk->allowed[at].kept);
    risk->n_allowed--;
    memmove(&risk->allowed[at], &risk->allowed[at + 1],
            (risk->n_allowed - at) * sizeof *risk->allowed);
}

void perp_allowed_free(perp_core *core, perp_risk *risk) {
    for (uint32_t i = 0; i < risk->n_allowed; i++)
        perp_kept_free(core, &risk->allowed[i].kept);
    perp_kept_free(core, &risk->allowed_kept);
    perp_free(core, risk->allowed, risk->allowed_capacity * sizeof *risk->allowed);
}

/* Only the first row, and taking away one of several, make it tighter. */
static bool loosens(const perp_risk *risk, bool on) {
    return on ? risk->n_allowed > 0 : risk->n_allowed == 1;
}

static perp_status decide(struct perp_decision *d, const char *pattern, perp_exchange_id exchange,
                          uint32_t strategy, bool on) {
    perp_core *core = d->core;
    struct perp_allowed_row row = {.exchange = exchange, .strategy = strategy};
    bool is_name = pattern && perp_text_is_name(pattern, PERP_NAME_SIZE - 1);
    if (is_name)
        memcpy(row.pattern, pattern, strlen(pattern));
    if (exchange != PERP_ALL_EXCHANGES && exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    bool there = perp_allowed_find(core, &row) != PERP_NO_ID;
    if (is_name && !on && !there)
        return perp_fail(core, PERP_E_NOT_FOUND, "allow: there is no such row for '%s'", pattern);
    perp_status status = perp_decision_check(d);
    if (status != PERP_OK)
        return status;
    if (!is_name)
        return perp_fail(core, PERP_E_INVALID, "pattern: not a name of 1 to %d bytes",
                         PERP_NAME_SIZE - 1);
    if (strategy != PERP_ALL_STRATEGIES && strategy >= PERP_STRATEGY_COUNT)
        return perp_fail(core, PERP_E_INVALID, "strategy: %u is not known", strategy);
    if (there != on && loosens(core->risk, on))
        status = perp_call_signed(
            core, d->call, on ? "a further row of the allow-list" : "taking away the allow-list");
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK && there != on)
        perp_put_allow(core, &(struct perp_ev_allow){row, on});
    return status;
}

perp_status perp_risk_allow(perp_risk *risk, const perp_call *call, const char *pattern,
                            perp_exchange_id exchange, uint32_t strategy, uint32_t enabled) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    struct perp_decision d;
    perp_decision_open(&d, risk->core, call);
    return perp_decision_close(&d, decide(&d, pattern, exchange, strategy, enabled != 0));
}
