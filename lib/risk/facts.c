/* Making facts, keeping them, and seeing where one differs. */
#include "risk/facts.h"

#include <math.h>
#ifdef PERP_SHADOW
#include <stdio.h>
#include <stdlib.h>
#endif
#include <string.h>

#include "market/funding.h"
#include "risk/rules.h"
#include "util/sized.h"

#define NS_PER_MINUTE (60.0 * 1e9)
#define NS_PER_H (3600.0 * 1e9)
/* From here on an age in nanoseconds is no longer exact as a double. */
#define EXACT_NS (INT64_C(1) << 52)

/* ---- Of an instrument ---------------------------------------------------------------------------
 */

/* The distance to the nearest settlement, and when the rule funding_blackout next changes: a whole
   limit before and after each of them. */
static int64_t make_blackout(const perp_core *core, uint32_t kind, int64_t now,
                             struct perp_fact *fact) {
    const struct perp_market_view *view = &fact->market.view;
    double minutes = core->config.risk.blackout_minutes;
    if (!(minutes > 0) || !view->has_quote || !view->has_funding || view->rate_is_old ||
        kind == PERP_KIND_SPOT || view->funding.continuous)
        return PERP_TIME_NONE;
    double limit = perp_min(minutes * NS_PER_MINUTE, view->funding.interval_h * NS_PER_H / 12);
    int64_t before, after, whole = (int64_t)limit;
    perp_settlement_distances(&view->funding, view->funding_interval_ns, now, &before, &after);
    if (before <= whole)
        perp_lower(&fact->until, perp_ns_after(now, whole - before));
    if (after > whole)
        perp_lower(&fact->until, perp_ns_after(now, after - whole - 1));
    else
        perp_lower(&fact->until, perp_ns_after(now, after));
    return before < after ? before : after;
}

static void make_position(const perp_core *core, const struct perp_plan *plan,
                          const struct perp_job_entry *but, perp_instrument_id instrument,
                          struct perp_fact *fact) {
    perp_position_of(core, instrument, &fact->market.view, &fact->open);
    fact->running = fact->open.holding;
    perp_add_running(core, plan, but, instrument, &fact->running);
    for (uint32_t side = 0; side < PERP_SIDE_COUNT; side++) {
        fact->left[side] = perp_left_beside(core, plan, instrument, side, but);
        fact->meets[side] = perp_leg_meets_running(core, plan, instrument, side);
    }
}

void perp_fact_make(const perp_core *core, const struct perp_plan *plan,
                    const struct perp_job_entry *but, perp_instrument_id instrument, int64_t now,
                    struct perp_fact *fact) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    const perp_risk *risk = core->risk;
    perp_zero(fact, sizeof *fact);
    perp_market_read_whole(core->market, instrument, now, &fact->market);
    fact->until = fact->market.until;
    make_position(core, plan, but, instrument, fact);
    fact->equity_mark = risk->notes[instrument].equity_mark;
    fact->blacklisted = risk->blacklist[entry->symbol].on;
    fact->halted = risk->notes[instrument].halted;
    fact->heard = perp_position_heard(core, instrument, now, &fact->until);
    /* The rule stale_quote holds an age as a double. */
    if (core->config.risk.max_quote_age_ms > EXACT_NS / PERP_NS_PER_MS)
        perp_lower(&fact->until, now);
    int64_t distance = make_blackout(core, entry->spec.kind, now, fact);
    const struct perp_market_view *view = &fact->market.view;
    struct perp_scope_instrument scope = {.blacklisted = fact->blacklisted,
                                          .halted = fact->halted,
                                          .price = view->has_quote ? view->mid
                                                                   : perp_price_unquoted(fact),
                                          .market = view,
                                          .quote_age_ns = perp_ns_since(view->quote_time, now),
                                          .settlement_distance = distance};
    fact->fails = perp_fails_instrument(core, &scope, !view->has_quote);
    for (uint32_t side = 0; view->has_quote && side < PERP_SIDE_COUNT; side++)
        fact->slippage_bps[side] =
            perp_slippage_bps(side, fact->market.sides[side].price, view->mid);
    if (view->has_funding)
        fact->rates_in_8h = 8 / view->funding.interval_h;
}

/* Ranges of the struct, the times left out that only matter by what follows from them. */
static const struct {
    size_t from, to;
} compared[] = {
    {0, offsetof(struct perp_fact, market.view.quote_time)},
    {offsetof(struct perp_fact, market.view.bid),
     offsetof(struct perp_fact, market.view.funding.time_ns)},
    {offsetof(struct perp_fact, market.view.funding.time_ns) + sizeof(int64_t),
     offsetof(struct perp_fact, market.until)},
    {offsetof(struct perp_fact, open), offsetof(struct perp_fact, until)},
};

bool perp_fact_same(const struct perp_fact *a, const struct perp_fact *b) {
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        if (memcmp((const char *)a + compared[i].from, (const char *)b + compared[i].from,
                   compared[i].to - compared[i].from) != 0)
            return false;
    return true;
}

/* ---- The tables ---------------------------------------------------------------------------------
 */

bool perp_facts_prepare(perp_core *core) {
    struct perp_facts *facts = &core->risk->facts;
    uint32_t n = perp_n_instruments(core) + 1, before = facts->capacity;
    void *at = facts->at, *bases = facts->bases, *stale = facts->stale, *changed = facts->changed;
    struct perp_map_memory memory = perp_map_memory_of(core);
    bool done =
        perp_grow_zero(core, &at, &facts->capacity, n, sizeof *facts->at) &&
        perp_grow_zero(core, &bases, &facts->bases_capacity, core->bases.count + 1,
                       sizeof *facts->bases) &&
        perp_grow_zero(core, &stale, &facts->stale_capacity, n, sizeof *facts->stale) &&
        perp_grow_zero(core, &changed, &facts->changed_capacity, n, sizeof *facts->changed) &&
        perp_heap_reserve(&facts->wakes, n, &memory);
    done = done && perp_routes_prepare(core, &facts->routes);
    facts->at = at;
    facts->bases = bases;
    facts->stale = stale;
    facts->changed = changed;
    if (facts->capacity > before) {
        /* The timers have moved with their facts. */
        for (uint32_t i = 0; i < facts->capacity; i++) {
            struct perp_kept_fact *kept = &facts->at[i];
            if (i >= before)
                kept->made = PERP_TIME_NONE;
            else if (kept->wake.place_1)
                *perp_heap_at(&facts->wakes, kept->wake.place_1 - 1) = &kept->wake;
        }
    }
    return done;
}

void perp_facts_free(perp_core *core, struct perp_facts *facts) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    perp_routes_free(core, &facts->routes);
    perp_free(core, facts->at, facts->capacity * sizeof *facts->at);
    perp_free(core, facts->bases, facts->bases_capacity * sizeof *facts->bases);
    perp_free(core, facts->stale, facts->stale_capacity * sizeof *facts->stale);
    perp_free(core, facts->changed, facts->changed_capacity * sizeof *facts->changed);
    perp_heap_free(&facts->wakes, &memory);
}

/* ---- Where one differs --------------------------------------------------------------------------
 */

/* Jobs that run there are looked at, whether they are unhedged. */
static void look_at_running(perp_core *core, perp_instrument_id instrument) {
    const struct perp_run_leg *leg = core->positions->at[instrument].first;
    core->risk->facts.running_changed |= leg != NULL;
    for (; leg; leg = leg->next)
        leg->job->run->looks = true;
}

static void changed(struct perp_facts *facts, perp_instrument_id instrument) {
    struct perp_kept_fact *kept = &facts->at[instrument];
    if (kept->changed)
        return;
    kept->changed = true;
    facts->changed[facts->n_changed++] = instrument;
}

void perp_facts_doubt(struct perp_facts *facts, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        changed(facts, i);
}

static void exchange_changed(perp_core *core, perp_exchange_id exchange) {
    uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange)
        changed(&core->risk->facts, id);
}

static void base_changed(perp_core *core, uint32_t base) {
    for
        PERP_EACH_OF_BASE(core, id, base)
    changed(&core->risk->facts, id);
}

static bool is_open(const struct perp_fact *fact) {
    return fact->open.holding.quantity != 0 || fact->running.quantity != 0;
}

/* In cross margin others rest on a fact, too: those of its base on its exchange on all of it, those
   of other bases on what it ties down of the account. */
static void spread(perp_core *core, perp_instrument_id instrument, const struct perp_fact *was,
                   const struct perp_fact *is) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    perp_exchange_id exchange = entry->spec.exchange;
    if (!core->risk->facts.exchanges[exchange].cross || entry->spec.kind == PERP_KIND_SPOT ||
        (!is_open(was) && !is_open(is)))
        return;
    double ties[2] = {perp_fact_ties(core, instrument, was), perp_fact_ties(core, instrument, is)};
    if (!perp_same_bits(ties[0], ties[1])) {
        exchange_changed(core, exchange);
        return;
    }
    for
        PERP_EACH_OF_BASE(core, id, entry->base)
    if (perp_instrument_at(core, id)->spec.exchange == exchange)
        changed(&core->risk->facts, id);
}

/* ---- The size of an exchange --------------------------------------------------------------------
 */

#define EXACT_SCALE 0x1p48
#define EXACT_UNIT 0x1p-48
#define MOST_SHARE 0x1p62

bool perp_size_share(double quantity, double mark, double entry, perp_exact *share) {
    double price = mark > 0 ? mark : entry;
    double usd = fabs(quantity) * price;
    *share = 0;
    if (quantity == 0)
        return true;
    if (!(price > 0) || !(usd < MOST_SHARE))
        return false;
    *share = (perp_exact)(usd * EXACT_SCALE);
    return true;
}

double perp_size_of(perp_exact share) {
    return (double)share * EXACT_UNIT;
}

/* What is open of an instrument in the size of its exchange; false: nobody knows. */
static bool make_share(struct perp_position_entry *entry, const struct perp_fact *fact,
                       perp_exact *share) {
    *share = 0;
    return !entry->is_open ||
           perp_size_share(perp_with_running(entry), fact->market.view.mark, entry->entry, share);
}

static void set_share(perp_core *core, perp_instrument_id instrument) {
    struct perp_kept_fact *kept = &core->risk->facts.at[instrument];
    struct perp_position_entry *entry = &core->positions->at[instrument];
    struct perp_exchange_fact *exchange =
        &core->risk->facts.exchanges[perp_instrument_at(core, instrument)->spec.exchange];
    perp_exact was = kept->share;
    exchange->sized |= kept->unpriced;
    exchange->size -= was;
    exchange->n_unpriced -= kept->unpriced;
    kept->unpriced = !make_share(entry, &kept->fact, &kept->share);
    exchange->size += kept->share;
    exchange->n_unpriced += kept->unpriced;
    exchange->sized |= kept->share != was || kept->unpriced;
}

/* Rounding of what is compared here. */
static double slack_of(double size) {
    return 1e-9 * fabs(size) + 1e-6;
}

static double room_of(const perp_core *core, perp_exchange_id exchange) {
    double equity = perp_max(0, perp_usd_to_double(core->capital->accounts[exchange].equity));
    return core->config.risk.max_account_leverage * equity -
           perp_size_of(core->risk->facts.exchanges[exchange].size);
}

void perp_facts_note_size(perp_core *core, perp_exchange_id exchange, double value, bool fails) {
    struct perp_exchange_fact *fact = &core->risk->facts.exchanges[exchange];
    double adds = value - perp_size_of(fact->size);
    if (isnan(value)) /* one of its own legs lacks a price, or it is looked at with their number */
        return;
    if (fails)
        fact->least_failing = perp_min(fact->least_failing, adds);
    else
        fact->most_passing = perp_max(fact->most_passing, adds);
}

double perp_facts_room(const perp_core *core, perp_exchange_id exchange, double *slack) {
    const struct perp_exchange_fact *fact = &core->risk->facts.exchanges[exchange];
    *slack = slack_of(fact->room);
    return fact->sized || fact->n_unpriced ? -INFINITY : fact->room;
}

void perp_facts_note_passing(perp_core *core, perp_exchange_id exchange, double adds) {
    struct perp_exchange_fact *fact = &core->risk->facts.exchanges[exchange];
    fact->most_passing = perp_max(fact->most_passing, adds);
}

bool perp_facts_have_room(perp_core *core, perp_exchange_id exchange, double adds) {
    double slack, room = perp_facts_room(core, exchange, &slack);
    if (!(adds + slack_of(adds) + slack <= room))
        return false;
    perp_facts_note_passing(core, exchange, adds);
    return true;
}

/* Whether the leverage may pass or fail another job than it did. */
static void look_at_room(perp_core *core, perp_exchange_id exchange) {
    struct perp_exchange_fact *fact = &core->risk->facts.exchanges[exchange];
    double room = fact->room = room_of(core, exchange);
    double slack = slack_of(room) + slack_of(perp_size_of(fact->size));
    if (fact->n_unpriced == fact->were_unpriced && fact->most_passing <= room - slack &&
        fact->least_failing > room + slack)
        return;
    fact->were_unpriced = fact->n_unpriced;
    fact->most_passing = -INFINITY;
    fact->least_failing = INFINITY;
    exchange_changed(core, exchange);
}

/* ---- Kept ---------------------------------------------------------------------------------------
 */

static void set_wake(struct perp_facts *facts, struct perp_kept_fact *kept) {
    if (kept->fact.until < INT64_MAX)
        perp_heap_set(&facts->wakes, &kept->wake, kept->fact.until);
    else
        perp_heap_remove(&facts->wakes, &kept->wake);
}

/* From now on what is known of the account counts: what was not looked at so far is made anew where
   somebody asks for it. */
static void becomes_cross(perp_core *core, perp_exchange_id exchange) {
    struct perp_facts *facts = &core->risk->facts;
    uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
    if (facts->exchanges[exchange].cross)
        return;
    facts->exchanges[exchange].cross = facts->exchanges[exchange].stale = true;
    for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange)
        facts->at[id].stale = true;
    exchange_changed(core, exchange);
}

static void make_again(perp_core *core, perp_instrument_id instrument, int64_t now) {
    struct perp_facts *facts = &core->risk->facts;
    struct perp_kept_fact *kept = &facts->at[instrument];
    struct perp_fact fact;
    perp_fact_make(core, NULL, NULL, instrument, now, &fact);
    perp_exchange_id exchange = perp_instrument_at(core, instrument)->spec.exchange;
    if (fact.open.margin_mode == PERP_MARGIN_CROSS)
        becomes_cross(core, exchange);
    if (kept->made == PERP_TIME_NONE || !perp_fact_same(&kept->fact, &fact) ||
        (kept->deep && kept->fact.market.seq != fact.market.seq)) {
        changed(facts, instrument);
        look_at_running(core, instrument);
        kept->deep = false;
        spread(core, instrument, &kept->fact, &fact);
    }
    memcpy(&kept->fact, &fact, sizeof fact);
    kept->made = now;
    kept->stale = false;
    if (now > facts->latest)
        facts->latest = now;
    set_share(core, instrument);
    set_wake(facts, kept);
}

const struct perp_fact *perp_fact_of(perp_core *core, perp_instrument_id instrument, int64_t now) {
    const struct perp_kept_fact *kept = &core->risk->facts.at[instrument];
    if (kept->stale || kept->made == PERP_TIME_NONE)
        make_again(core, instrument, now);
    return &kept->fact;
}

const struct perp_fact *perp_fact_again(perp_core *core, perp_instrument_id instrument,
                                        int64_t now) {
    make_again(core, instrument, now);
    return &core->risk->facts.at[instrument].fact;
}

void perp_fact_is_deep(perp_core *core, perp_instrument_id instrument) {
    core->risk->facts.at[instrument].deep = true;
}

/* ---- Exchanges, bases, the book -----------------------------------------------------------------
 */

static bool exchange_same(const struct perp_exchange_fact *a, const struct perp_exchange_fact *b) {
    return a->fails == b->fails && a->api == b->api && a->circuit == b->circuit &&
           a->killed == b->killed && a->busy == b->busy && a->heard == b->heard &&
           a->cross == b->cross && a->equity == b->equity &&
           a->latency.samples == b->latency.samples &&
           perp_same_bits(a->latency.mean, b->latency.mean);
}

/* What is compared of it, and until when it holds; the rest is left as it is. */
static void make_exchange(const perp_core *core, perp_exchange_id exchange, int64_t now,
                          struct perp_exchange_fact *fact) {
    const struct perp_breaker *circuit = &core->risk->circuits[exchange];
    fact->until = INT64_MAX;
    fact->api = perp_market_api(core->market, exchange);
    fact->circuit = perp_circuit_at(core, exchange, now);
    if (fact->circuit == PERP_CIRCUIT_OPEN)
        perp_lower(&fact->until,
                   perp_ns_after(circuit->opened_at,
                                 core->config.risk.circuit_cooldown_ms * PERP_NS_PER_MS) -
                       1);
    fact->killed = perp_exchange_killed(core, exchange);
    fact->busy = fact->circuit == PERP_CIRCUIT_HALF_OPEN && core->risk->running_jobs[exchange] > 0;
    fact->heard = perp_account_heard(core, exchange, now, &fact->until);
    fact->equity = fact->cross ? perp_usd_to_double(core->capital->accounts[exchange].equity) : 0;
    perp_market_latency(core->market, exchange, now, false, &fact->latency);
    perp_lower(&fact->until, fact->latency.until);
    struct perp_scope_exchange scope = {.killed = fact->killed,
                                        .api = fact->api,
                                        .circuit = fact->circuit,
                                        .running_jobs = core->risk->running_jobs[exchange],
                                        .latency = &fact->latency};
    fact->fails = perp_fails_exchange(core, &scope, false);
}

static void look_at_exchange(perp_core *core, perp_exchange_id exchange, int64_t now) {
    struct perp_exchange_fact *kept = &core->risk->facts.exchanges[exchange], was;
    if (core->exchanges[exchange].spec.margin_mode == PERP_MARGIN_CROSS)
        becomes_cross(core, exchange);
    was = *kept;
    make_exchange(core, exchange, now, kept);
    kept->made = now;
    kept->stale = false;
    if (!exchange_same(kept, &was))
        exchange_changed(core, exchange);
}

/* The fact that is kept of an exchange; NULL: it is not of now. */
static const struct perp_exchange_fact *exchange_of_now(const perp_core *core,
                                                        perp_exchange_id exchange, int64_t now) {
    const struct perp_exchange_fact *kept = &core->risk->facts.exchanges[exchange];
    return kept->stale || now < kept->made || now > kept->until ? NULL : kept;
}

const struct perp_latency_view *perp_facts_latency(const perp_core *core, perp_exchange_id exchange,
                                                   int64_t now, struct perp_latency_view *room) {
    const struct perp_exchange_fact *kept = exchange_of_now(core, exchange, now);
    if (kept)
        return &kept->latency;
    perp_market_latency(core->market, exchange, now, false, room);
    return room;
}

bool perp_facts_heard(const perp_core *core, perp_exchange_id exchange, int64_t now) {
    const struct perp_exchange_fact *kept = exchange_of_now(core, exchange, now);
    int64_t until = INT64_MAX;
    /* What events touched is only looked at by a tick. */
    return kept && core->risk->facts.touched == PERP_TOUCHES_NOTHING
               ? kept->heard
               : perp_account_heard(core, exchange, now, &until);
}

/* What a tick passes to say that it looks at things anew. */
static const struct perp_plan nothing_chosen;

static bool base_same(const struct perp_base_fact *a, const struct perp_base_fact *b) {
    return a->unhedged == b->unhedged && a->is_naked == b->is_naked &&
           a->n_latched == b->n_latched && a->naked == b->naked && a->to_square == b->to_square;
}

static void make_base(const perp_core *core, uint32_t base, int64_t now,
                      struct perp_base_fact *fact) {
    *fact = (struct perp_base_fact){0};
    fact->unhedged = perp_base_unhedged(core, &nothing_chosen, base, now);
    fact->is_naked = perp_base_is_naked(core, NULL, base, now);
    fact->n_latched = core->positions->bases[base].n_latched;
    struct perp_scope_base scope = {.naked = fact->unhedged, .drifting = fact->n_latched};
    fact->fails = perp_fails_base(core, &scope, false);
    if (fact->is_naked) {
        fact->naked = perp_base_naked(core, NULL, base);
        fact->to_square = perp_base_to_square(core, NULL, base);
    }
}

static void look_at_base(perp_core *core, uint32_t base, int64_t now) {
    struct perp_base_fact *kept = &core->risk->facts.bases[base], is;
    make_base(core, base, now, &is);
    if (base_same(&is, kept))
        return;
    *kept = is;
    base_changed(core, base);
}

/* Whether decisions rest on sums over all instruments of a base. */
static bool wants_sums(const perp_core *core) {
    const perp_risk_config *config = &core->config.risk;
    return core->risk->facts.n_rebalance > 0 || config->max_net_exposure_usd > 0 ||
           config->max_gross_exposure_usd > 0;
}

#ifdef PERP_SHADOW

/* ---- Whether all that moved was announced -------------------------------------------------------
 */

static struct perp_position_looked look_of_position(const struct perp_position_entry *entry) {
    struct perp_position_looked look = {.row = entry->row};
    for (const struct perp_run_leg *leg = entry->first; leg; leg = leg->next, look.n_running++)
        look.running[leg->side] += perp_leg_unseen(&leg->row);
    return look;
}

static struct perp_base_looked look_of_base(const struct perp_base_entry *entry) {
    return (struct perp_base_looked){entry->row, entry->repair, entry->n_partial, entry->n_latched};
}

static bool same_position(const struct perp_position_looked *a,
                          const struct perp_position_looked *b) {
    return perp_same_bits(a->row.quantity, b->row.quantity) &&
           perp_same_bits(a->row.entry, b->row.entry) &&
           perp_same_bits(a->row.unexplained, b->row.unexplained) &&
           perp_same_bits(a->row.lost, b->row.lost) && a->row.latched == b->row.latched &&
           a->row.aside == b->row.aside && perp_same_bits(a->row.leverage, b->row.leverage) &&
           a->row.margin_mode == b->row.margin_mode && a->row.traded == b->row.traded &&
           perp_same_bits(a->row.liquidation_price, b->row.liquidation_price) &&
           perp_same_bits(a->running[0], b->running[0]) &&
           perp_same_bits(a->running[1], b->running[1]) && a->n_running == b->n_running;
}

static bool same_base(const struct perp_base_looked *a, const struct perp_base_looked *b) {
    return perp_same_bits(a->row.naked, b->row.naked) &&
           perp_same_bits(a->row.price, b->row.price) && a->row.repairs == b->row.repairs &&
           a->row.tries == b->row.tries && a->row.next_try == b->row.next_try &&
           a->row.stopped == b->row.stopped && a->row.told == b->row.told &&
           a->repair == b->repair && a->n_partial == b->n_partial && a->n_latched == b->n_latched;
}

/* What changed since it was looked at last is among what moved, whether or not a decision now waits
   that would show it. */
static void shadow_moved(const perp_core *core) {
    for (perp_instrument_id i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *entry = &core->positions->at[i];
        const struct perp_position_looked look = look_of_position(entry);
        if (!entry->is_moved && !same_position(&look, &entry->looked)) {
            fprintf(stderr, "shadow: the position of instrument %u moved, and nobody said so\n", i);
            abort();
        }
    }
    for (uint32_t i = 0; i < core->bases.count; i++) {
        const struct perp_base_entry *entry = &core->positions->bases[i];
        const struct perp_base_looked look = look_of_base(entry);
        if (!entry->is_moved && !same_base(&look, &entry->looked)) {
            fprintf(stderr, "shadow: base %u moved, and nobody said so\n", i);
            abort();
        }
    }
}
#endif

static void look_at_bases(perp_core *core, int64_t now) {
    perp_positions *positions = core->positions;
    while (positions->n_moved_bases) {
        uint32_t base = positions->moved_bases[--positions->n_moved_bases];
        positions->bases[base].is_moved = false;
#ifdef PERP_SHADOW
        positions->bases[base].looked = look_of_base(&positions->bases[base]);
#endif
        look_at_base(core, base, now);
        if (wants_sums(core))
            base_changed(core, base);
        for
            PERP_EACH_OF_BASE(core, id, base)
        look_at_running(core, id); /* its last price may be what they are worth */
    }
    /* A price may make them naked, or no longer. */
    for (uint32_t at_1 = positions->first_moving_1; at_1;
         at_1 = positions->bases[at_1 - 1].next_moving_1)
        look_at_base(core, at_1 - 1, now);
    for (const struct perp_job_entry *job = positions->first_unhedged; job;
         job = job->run->next_unhedged)
        for (uint32_t i = 0; i < job->n_legs; i++)
            look_at_base(core, job->legs[i].base, now);
}

static bool book_same(const struct perp_book_fact *a, const struct perp_book_fact *b) {
    return a->daily_loss == b->daily_loss && a->drawdown == b->drawdown && a->need == b->need &&
           a->halted == b->halted && a->failures == b->failures &&
           a->strategies_halted == b->strategies_halted && a->overridden == b->overridden &&
           a->unhedged == b->unhedged && a->host_changes == b->host_changes;
}

static void make_book(const perp_core *core, int64_t now, bool rolled,
                      struct perp_book_fact *fact) {
    const perp_risk *risk = core->risk;
    double limit = perp_usd_to_double(core->config.risk.max_unhedged_usd);
    struct perp_day_view day;
    perp_day_view_of(core, rolled, &day);
    *fact = (struct perp_book_fact){0};
    fact->daily_loss = day.daily_loss;
    fact->drawdown = day.drawdown;
    fact->need = perp_volume_need(&core->config.risk, day.volume);
    fact->halted = risk->auto_halt;
    fact->failures = risk->failures;
    fact->strategies_halted = risk->strategies_halted;
    fact->overridden = risk->override_on && now < risk->override_until;
    fact->unhedged = limit > 0 && perp_unhedged_usd(core, now) > limit;
    for (uint32_t i = 0; i < risk->n_host; i++)
        fact->host_changes += atomic_load(&risk->host[risk->host_order[i]].changes);
}

static void look_at_book(perp_core *core, int64_t now, bool rolled) {
    struct perp_facts *facts = &core->risk->facts;
    struct perp_book_fact is;
    make_book(core, now, rolled, &is);
    if (book_same(&is, &facts->book))
        return;
    facts->book = is;
    facts->all_changed = true;
}

/* ---- Looking anew -------------------------------------------------------------------------------
 */

struct look {
    perp_core *core;
    int64_t now;
    bool puts_off; /* nothing is made at once */
};

static bool job_waits(const struct perp_facts *facts, perp_instrument_id instrument) {
    return facts->at[instrument].first || facts->routes.of[instrument];
}

/* What is open counts in its exchange's size, as where a job runs. */
static bool in_a_size(const perp_core *core, perp_instrument_id instrument) {
    const struct perp_kept_fact *kept = &core->risk->facts.at[instrument];
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    return entry->is_open || entry->first || kept->share || kept->unpriced;
}

/* What counts in a size is made anew at once; the rest once it is asked for, or a job that waits
   rests on it. */
static void touch(const struct look *look, perp_instrument_id instrument) {
    struct perp_facts *facts = &look->core->risk->facts;
    struct perp_kept_fact *kept = &facts->at[instrument];
    bool counts = in_a_size(look->core, instrument);
    kept->stale = true;
    if (counts && !look->puts_off) {
        make_again(look->core, instrument, look->now);
        return;
    }
    facts->sizes_wait |= counts;
    if (kept->listed || !(counts || job_waits(facts, instrument)))
        return;
    kept->listed = true;
    facts->stale[facts->n_stale++] = instrument;
}

/* So many of what is to be made anew, at most; how many. */
static uint32_t make_stale(const struct look *look, uint32_t most) {
    perp_core *core = look->core;
    struct perp_facts *facts = &core->risk->facts;
    uint32_t n = 0;
    for (; facts->n_stale && n < most; facts->n_stale--) {
        perp_instrument_id id = facts->stale[facts->n_stale - 1];
        facts->at[id].listed = false;
        if (!facts->at[id].stale || !(in_a_size(core, id) || job_waits(facts, id)))
            continue;
        make_again(core, id, look->now);
        n++;
    }
    facts->sizes_wait &= facts->n_stale > 0;
    return n;
}

static void touch_all(const struct look *look) {
    struct perp_facts *facts = &look->core->risk->facts;
    for (uint32_t i = 0; i < perp_n_instruments(look->core); i++) {
        touch(look, i);
        look_at_running(look->core, i);
    }
    for (uint32_t i = 0; i < perp_n_exchanges(look->core); i++)
        facts->exchanges[i].stale = true;
    facts->all_changed = true;
}

static void told(void *user, perp_instrument_id instrument, perp_exchange_id exchange) {
    const struct look *look = user;
    if (instrument != PERP_NO_ID)
        touch(look, instrument);
    else if (exchange != PERP_NO_ID)
        look->core->risk->facts.exchanges[exchange].stale = true;
    else
        for (uint32_t i = 0; i < perp_n_instruments(look->core); i++)
            touch(look, i);
}

/* A position that moved is met by legs in all instruments of its book. */
static void look_at_moved(const struct look *look) {
    perp_core *core = look->core;
    perp_positions *positions = core->positions;
    while (positions->n_moved) {
        perp_instrument_id moved = positions->moved[--positions->n_moved], id = moved;
        positions->at[moved].is_moved = false;
#ifdef PERP_SHADOW
        positions->at[moved].looked = look_of_position(&positions->at[moved]);
#endif
        do {
            touch(look, id);
            id = perp_instrument_at(core, id)->next_same_book;
        } while (id != moved);
        perp_base_moved(core, perp_instrument_at(core, moved)->base);
    }
}

/* Accounts whose equity came: the marks of then are others. */
static void look_at_accounts(const struct look *look) {
    perp_core *core = look->core;
    while (core->touched_accounts) {
        perp_exchange_id exchange = perp_bit_take(&core->touched_accounts);
        uint32_t id = core->exchanges[exchange].first_instrument_1 - 1;
        if (core->risk->facts.exchanges[exchange].cross)
            for (; id != PERP_NO_ID; id = perp_instrument_at(core, id)->next_on_exchange)
                touch(look, id);
    }
}

/* Facts that hold no longer for time alone. */
static void look_at_time(const struct look *look) {
    struct perp_facts *facts = &look->core->risk->facts;
    const struct perp_timer *due;
    if (look->now < facts->latest) {
        for (uint32_t i = 0; i < perp_n_instruments(look->core); i++)
            if (facts->at[i].made > look->now)
                touch(look, i);
        facts->latest = look->now;
    }
    while ((due = perp_heap_top(&facts->wakes)) && due->at < look->now) {
        struct perp_kept_fact *kept =
            (struct perp_kept_fact *)((uintptr_t)due - offsetof(struct perp_kept_fact, wake));
        perp_heap_remove(&facts->wakes, &kept->wake);
        touch(look, (perp_instrument_id)(kept - facts->at));
    }
}

static void look_at_exchanges(const struct look *look) {
    perp_core *core = look->core;
    bool any = core->risk->facts.touched != PERP_TOUCHES_NOTHING;
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        struct perp_exchange_fact *fact = &core->risk->facts.exchanges[i];
        bool again = any || fact->stale || look->now < fact->made || look->now > fact->until;
        if (again)
            look_at_exchange(core, i, look->now);
        if (again || fact->sized)
            look_at_room(core, i);
        fact->sized = false;
    }
}

/* What decisions that stand rest on beside facts of instruments. */
static void look_at_rest(const struct look *look, bool rolled) {
    perp_core *core = look->core;
    struct perp_facts *facts = &core->risk->facts;
    look_at_exchanges(look);
    look_at_bases(core, look->now);
    look_at_book(core, look->now, rolled);
    facts->touched = PERP_TOUCHES_NOTHING;
}

static void look_at_changes(const struct look *look) {
    perp_core *core = look->core;
    struct perp_facts *facts = &core->risk->facts;
#ifdef PERP_SHADOW
    shadow_moved(core);
#endif
    if (core->touched < facts->touched)
        facts->touched = core->touched;
    if (core->touched == PERP_TOUCHES_ALL)
        touch_all(look);
    core->touched = PERP_TOUCHES_NOTHING;
    look_at_moved(look);
    look_at_accounts(look);
    facts->news = perp_market_news(core->market, (void *)(uintptr_t)look, told);
    look_at_time(look);
}

void perp_facts_refresh(perp_core *core, int64_t now, bool rolled, bool tick) {
    struct look look = {core, now, false};
    look_at_changes(&look);
    if (tick || core->risk->facts.sizes_wait)
        make_stale(&look, UINT32_MAX);
    if (tick)
        look_at_rest(&look, rolled);
}

bool perp_facts_ahead(perp_core *core, int64_t now, uint32_t most) {
    struct look look = {core, now, true};
    look_at_changes(&look);
    return make_stale(&look, most) == most;
}

/* ---- Jobs that wait -----------------------------------------------------------------------------
 */

bool perp_facts_take_changed(perp_core *core, uint32_t most, void *user,
                             void (*job)(void *user, struct perp_job_entry *job)) {
    struct perp_facts *facts = &core->risk->facts;
    for (; facts->n_changed && most; most--) {
        perp_instrument_id id = facts->changed[--facts->n_changed];
        struct perp_kept_fact *kept = &facts->at[id];
        kept->changed = false;
        perp_routes_doubt(&facts->routes, id);
        for (struct perp_job_leg *leg = kept->first; leg; leg = leg->next)
            job(user, perp_leg_job(leg));
    }
    return facts->n_changed == 0;
}

void perp_facts_join(perp_core *core, struct perp_job_entry *job) {
    struct perp_facts *facts = &core->risk->facts;
    facts->n_rebalance += job->strategy == PERP_STRATEGY_HEDGE_REBALANCE;
    if (perp_route_join(core, &facts->routes, job))
        return;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_job_leg *leg = &job->legs[i];
        struct perp_kept_fact *kept = &facts->at[leg->instrument];
        leg->previous = NULL;
        leg->next = kept->first;
        if (kept->first)
            kept->first->previous = leg;
        kept->first = leg;
    }
}

void perp_facts_leave(perp_core *core, struct perp_job_entry *job) {
    struct perp_facts *facts = &core->risk->facts;
    facts->n_rebalance -= job->strategy == PERP_STRATEGY_HEDGE_REBALANCE;
    if (job->route) {
        perp_route_leave(core, &facts->routes, job);
        return;
    }
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct perp_job_leg *leg = &job->legs[i];
        if (leg->previous)
            leg->previous->next = leg->next;
        else
            facts->at[leg->instrument].first = leg->next;
        if (leg->next)
            leg->next->previous = leg->previous;
        leg->next = leg->previous = NULL;
    }
}

/* ---- What is kept, against what would be made now -----------------------------------------------
 */

static const char *instruments_differ(const perp_core *core, int64_t now) {
    const struct perp_facts *facts = &core->risk->facts;
    perp_exact sizes[PERP_MAX_EXCHANGES] = {0}, share;
    uint32_t n_unpriced[PERP_MAX_EXCHANGES] = {0};
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_kept_fact *kept = &facts->at[i];
        perp_exchange_id exchange = perp_instrument_at(core, i)->spec.exchange;
        struct perp_fact fact;
        sizes[exchange] += kept->share;
        n_unpriced[exchange] += kept->unpriced;
        if (kept->stale || kept->made == PERP_TIME_NONE || now < kept->made ||
            now > kept->fact.until)
            continue;
        perp_fact_make(core, NULL, NULL, i, now, &fact);
        if (!facts->exchanges[exchange].cross) /* nobody asks for it */
            fact.equity_mark = kept->fact.equity_mark;
        if (!perp_fact_same(&kept->fact, &fact))
            return "a fact of an instrument";
        bool unpriced = !make_share(&core->positions->at[i], &fact, &share);
        if (unpriced != kept->unpriced || share != kept->share)
            return "the share of an instrument in the size of its exchange";
    }
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++)
        if (sizes[x] != facts->exchanges[x].size || n_unpriced[x] != facts->exchanges[x].n_unpriced)
            return "the size of an exchange";
    return NULL;
}

const char *perp_facts_differ(const perp_core *core, int64_t now, bool rolled) {
    const struct perp_facts *facts = &core->risk->facts;
    const char *what = instruments_differ(core, now);
    struct perp_book_fact book;
    for (uint32_t i = 0; !what && i < perp_n_exchanges(core); i++) {
        struct perp_exchange_fact fact = facts->exchanges[i];
        make_exchange(core, i, now, &fact);
        if (!fact.stale && !exchange_same(&fact, &facts->exchanges[i]))
            what = "a fact of an exchange";
    }
    for (uint32_t i = 0; !what && i < core->bases.count; i++) {
        struct perp_base_fact fact;
        make_base(core, i, now, &fact);
        if (!base_same(&fact, &facts->bases[i]) || fact.fails != facts->bases[i].fails)
            what = "a fact of a base";
    }
    make_book(core, now, rolled, &book);
    book.host_changes = facts->book.host_changes; /* any thread may tell of one at any time */
    return !what && !book_same(&book, &facts->book) ? "a fact of the book" : what;
}
