/* The alerts that stand, derived from a copy of the state: nothing is remembered, so nothing can be
   forgotten. Each level is one walk over the conditions, so that no memory is needed to sort them.
 */
#include "monitor/monitor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/num.h"
#include "util/text.h"

struct walk {
    const struct perp_taken_state *state;
    const perp_core *core;
    int64_t now;
    uint32_t level; /* of this walk: others are left out */
    void (*take)(void *user, const perp_alert *alert);
    void *user;
    perp_status status;
};

const char *perp_alert_level_string(uint32_t level) {
    static const char *const names[] = {"info", "warning", "critical"};
    return level < sizeof names / sizeof *names ? names[level] : "?";
}

/* since: PERP_TIME_NONE where the book does not know when it began. */
static void raise_alert(struct walk *w, uint32_t level, uint32_t code, int64_t since,
                        const char *subject, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void raise_alert(struct walk *w, uint32_t level, uint32_t code, int64_t since,
                        const char *subject, const char *format, ...) {
    if (level != w->level)
        return;
    perp_alert alert = {.struct_size = sizeof alert, .code = code, .level = level, .active = 1};
    alert.since_ns = since == PERP_TIME_NONE || since > w->now ? w->now : since;
    snprintf(alert.subject, sizeof alert.subject, "%s", subject);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(alert.message, sizeof alert.message, format, arguments);
    va_end(arguments);
    if (length < 0)
        alert.message[0] = '\0';
    w->take(w->user, &alert);
}

/* a + b ms, at the ends of time where it does not fit. */
static int64_t after(int64_t a_ns, int64_t b_ms) {
    int64_t sum;
    return perp_usd_add(a_ns, b_ms * PERP_NS_PER_MS, &sum) ? sum : INT64_MAX;
}

static void look_at_book(struct walk *w) {
    const perp_monitor_risk *risk = &w->state->s->risk;
    if (w->state->store_failed)
        raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_STORE_FAILED, PERP_TIME_NONE, "store",
                    "a change could not be stored: dispatch is paused until resume");
    if (w->state->wal_held)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_WAL_HELD, PERP_TIME_NONE, "store",
                    "a reader keeps the WAL from being begun anew: it has %llu MiB",
                    (unsigned long long)(w->state->wal_bytes >> 20));
    if (w->state->clock_ahead)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_CLOCK_AHEAD, PERP_TIME_NONE, "book",
                    "calls come in more than a second behind the clock: advance sets it back");
    if (risk->auto_halt)
        raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_AUTO_HALT, PERP_TIME_NONE, "book",
                    "%u failures in a row: halted until reset_halt",
                    (uint32_t)risk->consecutive_failures);
    for (uint32_t strategy = 0; strategy < PERP_STRATEGY_COUNT; strategy++)
        if (w->state->strategies_halted >> strategy & 1)
            raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_STRATEGY_HALT, PERP_TIME_NONE,
                        perp_strategy_string(strategy),
                        "strategy_failures in a row: halted until reset_strategy");
    if (risk->manual_override) {
        char until[40];
        perp_text_time(risk->override_until, until);
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_OVERRIDE_ON, PERP_TIME_NONE, "book",
                    "soft rules pass for %s until %s",
                    risk->override_job.given ? "one job" : "all jobs", until);
    }
}

static void look_at_loss(struct walk *w) {
    perp_usd limit = w->state->s->global.daily_loss_limit;
    perp_usd loss = w->state->s->global.daily_loss_used;
    bool reached = w->state->daily_loss_reached;
    if (!reached && (limit <= 0 || loss <= 0))
        return;
    char used[32], most[32];
    perp_text_usd(loss, used);
    perp_text_usd(limit, most);
    if (reached) {
        raise_alert(
            w, PERP_ALERT_CRITICAL, PERP_ALERT_DAILY_LOSS, PERP_TIME_NONE, "book",
            "today's loss reached the limit of %s USD (now %s): no new risk until the day rolls",
            most, used);
        return;
    }
    uint32_t percent = perp_usd_at_least_ppm(loss, limit, 1000000)  ? 100
                       : perp_usd_at_least_ppm(loss, limit, 800000) ? 80
                       : perp_usd_at_least_ppm(loss, limit, 500000) ? 50
                                                                    : 0;
    if (percent)
        raise_alert(w,
                    percent == 100  ? PERP_ALERT_CRITICAL
                    : percent == 80 ? PERP_ALERT_WARNING
                                    : PERP_ALERT_INFO,
                    PERP_ALERT_DAILY_LOSS, PERP_TIME_NONE, "book",
                    "today's loss of %s USD is at least %u %% of the limit of %s", used, percent,
                    most);
}

static void look_at_exchange(struct walk *w, perp_exchange_id id) {
    const perp_monitor_capital *capital = &w->state->s->capital[id];
    const perp_monitor_exchange *exchange = &w->state->s->exchanges[id];
    const char *name = capital->exchange;
    if (exchange->status == PERP_API_DOWN)
        raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_EXCHANGE_DOWN, PERP_TIME_NONE, name,
                    "the host says that the exchange is down");
    if (exchange->circuit != PERP_CIRCUIT_CLOSED)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_CIRCUIT_OPEN,
                    w->state->circuits[id].opened_at, name,
                    exchange->circuit == PERP_CIRCUIT_OPEN
                        ? "%u results in a row were not completed: no new jobs for now"
                        : "%u results in a row were not completed: one job may try",
                    w->state->circuits[id].failures);
    if (exchange->delayed)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_DELAYED, PERP_TIME_NONE, name,
                    exchange->status == PERP_API_DEGRADED
                        ? "the host says that the exchange is degraded"
                        : "the mean latency is above the limit");
    if (capital->safe_mode)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_SAFE_MODE, PERP_TIME_NONE, name,
                    "some pools take no new reservations until safe mode is switched off");
    if (capital->overcommitted > 0) {
        char over[32];
        perp_text_usd(capital->overcommitted, over);
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_OVERCOMMITTED, PERP_TIME_NONE, name,
                    "%s USD more are committed than the pools' budgets hold", over);
    }
}

static void look_at_orders(struct walk *w) {
    for (uint64_t left = w->state->s->foreign_orders; left;)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_FOREIGN_ORDER, PERP_TIME_NONE,
                    w->state->s->capital[perp_bit_take(&left)].exchange,
                    "open orders there are none of ours: until a list has none");
}

static void look_at_exposed(struct walk *w, const struct perp_exposed *exposed) {
    const perp_core *core = w->state->core;
    char usd[48] = "no price is known";
    if (exposed->usd < 9e12)
        snprintf(usd, sizeof usd, "%.2f USD", exposed->usd);
    if (exposed->what == PERP_EXPOSED_NAKED) {
        raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_NAKED_BASE, exposed->since,
                    core->bases.items[exposed->of], "%g (%s) have no other side: %s",
                    exposed->quantity, usd,
                    exposed->has_repair ? "a repair is under way"
                    : exposed->stopped  ? "repairs were stopped by hand"
                                        : "no repair is under way");
        return;
    }
    if (exposed->what == PERP_EXPOSED_SHORT) {
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_REPAIR_SHORT, exposed->since,
                    core->bases.items[exposed->of],
                    "%g (%s) are naked, and the reserve lacks capital to square all of it",
                    exposed->quantity, usd);
        return;
    }
    if (exposed->what == PERP_EXPOSED_UNHEDGED) {
        char id[37];
        perp_uuid_format(&exposed->job, id);
        raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_UNHEDGED, exposed->since, id,
                    "%g %s (%s) of what it filled have no other side for longer than "
                    "max_unhedged_ms",
                    exposed->quantity, core->bases.items[exposed->of], usd);
        return;
    }
    if (exposed->what == PERP_EXPOSED_ORDER) {
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_ORDER_IN_DOUBT, exposed->since,
                    exposed->client_id, "ask %s what became of it",
                    core->exchanges[exposed->of].spec.name);
        return;
    }
    const perp_instrument_spec *spec = &perp_instrument_at(core, exposed->of)->spec;
    char subject[2 * PERP_NAME_SIZE];
    snprintf(subject, sizeof subject, "%s %s", core->exchanges[spec->exchange].spec.name,
             spec->symbol);
    if (exposed->what == PERP_EXPOSED_DRIFT)
        raise_alert(
            w, PERP_ALERT_CRITICAL, PERP_ALERT_POSITION_DRIFT, exposed->since, subject,
            "%g (%s) unexplained: a trade by hand, a liquidation, an auto-deleveraging, or a "
            "fill still to come",
            exposed->quantity, usd);
    else
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_POSITION_IN_DOUBT, exposed->since, subject,
                    "a report would close %g (%s) of a hedge: it waits for a second one",
                    exposed->quantity, usd);
}

static void look_at_running(struct walk *w) {
    char id[37];
    for (uint32_t i = 0; i < w->state->s->n_running; i++) {
        const perp_monitor_job *job = &w->state->running[i];
        int64_t due = job->max_run_ms ? after(job->started, job->max_run_ms) : INT64_MAX;
        bool late = w->now > due || job->overdue;
        if (!late && job->state != PERP_JOB_IN_DOUBT)
            continue;
        perp_uuid_format(&job->job_id, id);
        if (late)
            raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_JOB_OVERDUE, due, id,
                        "runs longer than its max_run_ms of %lld", (long long)job->max_run_ms);
        if (job->state == PERP_JOB_IN_DOUBT)
            raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_JOB_IN_DOUBT, job->started, id,
                        "ask the exchange what happened, then finish or requeue");
    }
}

/* The first of the running jobs that trade the instrument. */
static const perp_monitor_job *first_on(const struct perp_taken_state *state,
                                        perp_instrument_id id) {
    for (uint32_t i = 0; i < state->s->n_running; i++)
        for (uint32_t leg = 0; leg < state->running[i].n_legs; leg++)
            if (state->running[i].instruments[leg] == id)
                return &state->running[i];
    return NULL;
}

/* No quote that a decision would trust for an instrument that a running job trades. */
static void raise_silent(struct walk *w, perp_instrument_id id, int64_t quote_time) {
    int64_t most_ms = w->state->max_quote_age_ms;
    int64_t since = first_on(w->state, id)->started;
    if (quote_time != PERP_TIME_NONE && quote_time < w->now && after(quote_time, most_ms) > since)
        since = after(quote_time, most_ms);
    const perp_instrument_spec *spec = &perp_instrument_at(w->core, id)->spec;
    raise_alert(w, PERP_ALERT_CRITICAL, PERP_ALERT_FEED_SILENT, since, spec->symbol,
                "%s: no fresh quote for a running job's leg",
                w->core->exchanges[spec->exchange].spec.name);
}

static void look_at_feeds(struct walk *w) {
    uint64_t traded[PERP_MAX_INSTRUMENTS / 64];
    memset(traded, 0, (w->state->budgets.n_instruments + 63) / 64 * sizeof *traded);
    for (uint32_t i = 0; i < w->state->s->n_running; i++) {
        const perp_monitor_job *job = &w->state->running[i];
        for (uint32_t leg = 0; leg < job->n_legs; leg++)
            traded[job->instruments[leg] / 64] |= UINT64_C(1) << job->instruments[leg] % 64;
    }
    int64_t earliest, latest, most_ns = w->state->max_quote_age_ms * PERP_NS_PER_MS;
    if (!perp_usd_sub(w->now, most_ns, &earliest))
        earliest = INT64_MIN;
    if (!perp_usd_add(w->now, most_ns, &latest))
        latest = INT64_MAX;
    for (uint32_t word = 0; word * 64 < w->state->budgets.n_instruments; word++)
        for (uint64_t bits = traded[word]; bits;) {
            perp_instrument_id id = word * 64 + perp_bit_take(&bits);
            int64_t time = perp_market_quote_time(w->core->market, id);
            if (time == PERP_TIME_NONE || time < earliest || time > latest)
                raise_silent(w, id, time);
        }
}

/* Of each strategy the pair that allows most, among those whose equity is known. */
struct best {
    const struct perp_budgets *budgets;
    bool seen[PERP_STRATEGY_COUNT];
    bool possible[PERP_STRATEGY_COUNT];
    perp_feasibility row[PERP_STRATEGY_COUNT];
};

static bool take_best(void *user, const perp_feasibility *row) {
    struct best *best = user;
    const struct perp_budget *exchanges = best->budgets->exchanges;
    uint32_t s = row->strategy;
    if (!exchanges[row->first].has_equity || !exchanges[row->second].has_equity)
        return true;
    if (!best->seen[s] || row->largest > best->row[s].largest)
        best->row[s] = *row;
    best->seen[s] = true;
    best->possible[s] |= row->never_for == PERP_REASON_NONE;
    for (s = 0; s < PERP_STRATEGY_COUNT; s++)
        if (!best->possible[s])
            return true;
    return false;
}

/* A pool that was given no share is a decision, not an oversight. */
static bool has_share(const struct perp_budgets *budgets, uint32_t strategy) {
    const perp_capital_config *config = &budgets->config;
    const uint32_t shares[PERP_POOL_COUNT] = {[PERP_POOL_WASH] = config->wash_ppm,
                                              [PERP_POOL_ARB] = config->arb_ppm,
                                              [PERP_POOL_RESERVE] = config->reserve_ppm};
    return shares[budgets->pool_of[strategy]] > 0;
}

/* Why no job of a strategy can ever pass, on the pair where most is missing least. */
static void raise_infeasible(struct walk *w, uint32_t strategy, const perp_feasibility *row) {
    const char *name = perp_strategy_string(strategy);
    char largest[32], smallest[32];
    perp_text_usd(row->largest, largest);
    perp_text_usd(row->smallest, smallest);
    if (row->never_for == PERP_REASON_LOW_SAFETY)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_INFEASIBLE, PERP_TIME_NONE, name,
                    "no job can ever pass: min_safety_score is %g, the best score with perfect "
                    "market data %g",
                    row->min_safety_score, row->safety_score);
    else if (row->never_for == PERP_REASON_COST_EXCEEDS_EDGE)
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_INFEASIBLE, PERP_TIME_NONE, name,
                    "no job can ever pass: fees of %g bps ask for an edge of %g bps, more than it "
                    "trades",
                    row->cost_bps, row->least_edge_bps);
    else
        raise_alert(w, PERP_ALERT_WARNING, PERP_ALERT_INFEASIBLE, PERP_TIME_NONE, name,
                    "no job can ever pass: the largest is %s USD (%s), the smallest traded %s",
                    largest, perp_reason_string(row->bound_by), smallest);
}

static void look_at_feasibility(struct walk *w) {
    const struct perp_budgets *budgets = &w->state->budgets;
    bool fine = true;
    for (uint32_t s = 0; s < PERP_STRATEGY_COUNT && fine; s++)
        fine = !has_share(budgets, s) || perp_feasible_at_sight(w->core, budgets, s);
    if (fine)
        return;
    struct best best = {.budgets = budgets};
    w->status = perp_feasibility_each(w->state->core, budgets, take_best, &best);
    for (uint32_t s = 0; s < PERP_STRATEGY_COUNT && w->status == PERP_OK; s++) {
        if (!best.seen[s] || best.possible[s] || !has_share(budgets, s))
            continue;
        raise_infeasible(w, s, &best.row[s]);
    }
}

perp_status perp_alerts_each(const struct perp_taken_state *state,
                             void (*take)(void *user, const perp_alert *alert), void *user) {
    static const uint32_t levels[] = {PERP_ALERT_CRITICAL, PERP_ALERT_WARNING, PERP_ALERT_INFO};
    struct walk w = {.state = state,
                     .core = state->core,
                     .now = state->s->now_ns,
                     .take = take,
                     .user = user,
                     .status = PERP_OK};
    for (size_t i = 0; i < sizeof levels / sizeof *levels && w.status == PERP_OK; i++) {
        w.level = levels[i];
        look_at_book(&w);
        look_at_loss(&w);
        for (perp_exchange_id id = 0; id < state->s->n_exchanges; id++)
            look_at_exchange(&w, id);
        look_at_orders(&w);
        for (uint32_t n = 0; n < state->n_exposed; n++)
            look_at_exposed(&w, &state->exposed[n]);
        if (w.level == PERP_ALERT_CRITICAL) {
            look_at_feeds(&w);
        } else if (w.level == PERP_ALERT_WARNING) {
            look_at_running(&w);
            look_at_feasibility(&w);
        }
    }
    return w.status;
}
