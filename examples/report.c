#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replay_desk.h"

#define DAY_NS (86400 * DESK_SECOND)

static double usd(perp_usd amount) {
    return (double)amount / (double)PERP_USD;
}

const char *report_purpose(uint32_t purpose) {
    static const char *const names[] = {"arbitrage", "volume hedge", "exit", "repair"};
    return purpose < DESK_PURPOSES ? names[purpose] : "?";
}

static void use(struct report *report, uint32_t limit, double value, double most,
                const char *where) {
    report_use *row = &report->uses[limit];
    double share = most > 0 ? value / most : 0;
    double before = row->limit > 0 ? row->most / row->limit : -1;
    if (share <= before)
        return;
    row->most = value;
    row->limit = most;
    snprintf(row->where, sizeof row->where, "%s", where);
}

/* ---- while it runs ---- */

static void use_of_capital(struct desk *desk, const perp_config *config, uint32_t e) {
    struct report *report = &desk->report;
    const char *name = desk->exchanges[e].name;
    perp_capital *capital = perp_core_capital(desk->core);
    perp_capital_state state = {.struct_size = sizeof state};
    if (!desk_ok(desk, perp_capital_snapshot(capital, e, &state), "snapshot"))
        return;
    static const uint32_t pool_limit[] = {REPORT_WASH, REPORT_ARB, REPORT_RESERVE};
    for (uint32_t p = 0; p < PERP_POOL_COUNT; p++)
        use(report, pool_limit[p], usd(state.pools[p].in_flight + state.pools[p].used),
            usd(state.pools[p].budget), name);
    use(report, REPORT_TOTAL, usd(state.total_in_flight + state.total_used),
        usd(state.equity) * config->capital.max_total_notional_ppm * 1e-6, name);
    perp_reservation rows[64];
    uint32_t count = 0;
    if (!desk_ok(desk, perp_capital_reservations(capital, e, rows, 64, &count), "reservations"))
        return;
    for (uint32_t i = 0; i < count && i < 64; i++)
        if (rows[i].pool != PERP_POOL_RESERVE)
            use(report, REPORT_SINGLE, usd(rows[i].reserved),
                usd(state.pools[rows[i].pool].budget) * config->capital.max_single_reserve_ppm *
                    1e-6,
                name);
}

static void use_of_limits(struct desk *desk) {
    struct report *report = &desk->report;
    perp_config config;
    perp_config_init(&config);
    perp_scheduler_state scheduler = {.struct_size = sizeof scheduler};
    if (!desk_ok(desk, perp_core_config(desk->core, &config), "configuration") ||
        !desk_ok(desk, perp_scheduler_query(perp_core_scheduler(desk->core), &scheduler),
                 "scheduler query"))
        return;
    use(report, REPORT_RUNNING, scheduler.running, config.scheduler.max_global_concurrent_jobs, "");
    for (uint32_t e = 0; e < desk->n_exchanges && !desk->failed; e++) {
        perp_exchange_state state = {.struct_size = sizeof state};
        if (!desk_ok(
                desk,
                perp_market_query_exchange(perp_core_market(desk->core), e, desk->now_ns, &state),
                "exchange query"))
            return;
        const char *name = desk->exchanges[e].name;
        use(report, REPORT_EXCHANGE_RUNNING, state.concurrent_jobs,
            config.scheduler.max_concurrent_per_exchange, name);
        use(report, REPORT_EXCHANGE_NOTIONAL, usd(state.running_notional),
            usd(config.scheduler.max_notional_per_exchange), name);
        use_of_capital(desk, &config, e);
    }
}

static void note_reason(struct desk *desk, const perp_tick_item *item) {
    uint32_t index = desk_find_job(desk, &item->job_id);
    if (index == DESK_NONE)
        return;
    desk_job *job = &desk->jobs[index];
    if (job->last_reason != item->reason) {
        desk->report.met[item->reason]++;
        report_refused(desk, &item->job_id, item->reason);
    }
    job->last_reason = item->reason;
}

void report_tick(struct desk *desk) {
    struct report *report = &desk->report;
    const perp_tick_result *tick = &desk->tick;
    report->ticks++;
    report->overdue += tick->overdue;
    for (uint32_t i = 0; i < tick->n_items; i++) {
        const perp_tick_item *item = &tick->items[i];
        if (item->kind == PERP_TICK_REFUSED || item->kind == PERP_TICK_SKIPPED)
            note_reason(desk, item);
    }
    if (tick->refused + tick->skipped > 0)
        for (uint32_t r = 0; r < PERP_MAX_REASONS; r++) {
            report->refused[r] += tick->refused_by[r];
            report->skipped[r] += tick->skipped_by[r];
        }
    if (tick->dispatched > 0)
        use_of_limits(desk);
}

/* The library knows today and yesterday; what is older is added up here. */
static void note_day(struct desk *desk, int64_t now_ns) {
    struct report *report = &desk->report;
    if (report->n_samples > 0 && now_ns / DAY_NS != report->day)
        for (uint32_t e = 0; e < desk->n_exchanges; e++) {
            perp_capital_state state = {.struct_size = sizeof state};
            if (!desk_ok(desk, perp_capital_snapshot(perp_core_capital(desk->core), e, &state),
                         "snapshot"))
                return;
            report->booked_before.pnl += state.yesterday.pnl;
            report->booked_before.volume += state.yesterday.volume;
            report->booked_before.fees += state.yesterday.fees;
        }
    report->day = now_ns / DAY_NS;
}

int report_booked(struct desk *desk, perp_day_figures *booked) {
    *booked = desk->report.booked_before;
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        perp_capital_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk, perp_capital_snapshot(perp_core_capital(desk->core), e, &state),
                     "snapshot"))
            return 0;
        booked->pnl += state.today.pnl;
        booked->volume += state.today.volume;
        booked->fees += state.today.fees;
    }
    return 1;
}

static report_sample *new_sample(struct desk *desk) {
    struct report *report = &desk->report;
    if (report->n_samples == report->sample_room) {
        uint32_t room = report->sample_room == 0 ? 2048 : report->sample_room * 2;
        report_sample *samples = realloc(report->samples, room * sizeof *samples);
        if (samples == NULL) {
            desk_ok(desk, PERP_E_NOMEM, "samples");
            return NULL;
        }
        report->samples = samples;
        report->sample_room = room;
    }
    report_sample *sample = &report->samples[report->n_samples++];
    memset(sample, 0, sizeof *sample);
    return sample;
}

static void sample_risk(struct desk *desk, const perp_config *config) {
    struct report *report = &desk->report;
    perp_risk_state risk = {.struct_size = sizeof risk};
    if (!desk_ok(desk, perp_risk_query(perp_core_risk(desk->core), &risk), "risk query"))
        return;
    use(report, REPORT_DRAWDOWN, risk.drawdown * 100, config->risk.max_drawdown_pct * 100, "");
    use(report, REPORT_DAILY_LOSS, usd(risk.daily_loss), usd(risk.daily_loss_limit), "");
    use(report, REPORT_FAILURES, risk.consecutive_failures, config->risk.max_consecutive_failures,
        "");
}

void report_sample_now(struct desk *desk, int64_t now_ns) {
    struct report *report = &desk->report;
    perp_config config;
    perp_config_init(&config);
    perp_scheduler_state scheduler = {.struct_size = sizeof scheduler};
    note_day(desk, now_ns);
    report_sample *sample = new_sample(desk);
    if (sample == NULL || !desk_ok(desk, perp_core_config(desk->core, &config), "configuration") ||
        !desk_ok(desk, perp_scheduler_query(perp_core_scheduler(desk->core), &scheduler),
                 "scheduler query"))
        return;
    sample->time_ns = now_ns;
    sample->running = scheduler.running;
    sample->open = scheduler.open + scheduler.partial;
    memcpy(sample->met, report->met, sizeof sample->met);
    double used[PERP_POOL_COUNT] = {0}, budget[PERP_POOL_COUNT] = {0};
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        const desk_exchange *exchange = &desk->exchanges[e];
        perp_capital_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk, perp_capital_snapshot(perp_core_capital(desk->core), e, &state),
                     "snapshot"))
            return;
        sample->equity += usd(desk_equity(desk, e) - exchange->deposit);
        sample->volume += usd(exchange->volume);
        sample->fees += usd(exchange->fees);
        sample->funding += usd(exchange->funding);
        use(report, REPORT_SAFE_MODE, state.drawdown * 100,
            config.capital.drawdown_limit_ppm * 1e-4, exchange->name);
        for (uint32_t p = 0; p < PERP_POOL_COUNT; p++) {
            used[p] += usd(state.pools[p].in_flight + state.pools[p].used);
            budget[p] += usd(state.pools[p].budget);
        }
    }
    for (uint32_t p = 0; p < PERP_POOL_COUNT; p++)
        sample->use[p] = budget[p] > 0 ? used[p] / budget[p] : 0;
    for (uint32_t k = 0; k < 2; k++)
        sample->trading[k] = usd(report->earned[k]);
    sample_risk(desk, &config);
}

void report_free(struct report *report) {
    report_summary_free(report);
    free(report->samples);
    report->samples = NULL;
}

/* ---- the table ---- */

static void heading(FILE *out, const char *text) {
    fprintf(out, "\n%s\n", text);
}

static void print_jobs(struct desk *desk, FILE *out) {
    static const struct {
        const char *name;
        uint32_t state;
    } columns[] = {{"completed", PERP_JOB_COMPLETED}, {"closed", PERP_JOB_CLOSED},
                   {"failed", PERP_JOB_FAILED},       {"partial", PERP_JOB_PARTIAL},
                   {"expired", PERP_JOB_EXPIRED},     {"cancelled", PERP_JOB_CANCELLED}};
    const size_t n = sizeof columns / sizeof columns[0];
    const struct report *report = &desk->report;
    heading(out, "Jobs by end");
    fprintf(out, "  %-14s %9s %10s", "", "submitted", "dispatched");
    for (size_t c = 0; c < n; c++)
        fprintf(out, " %9s", columns[c].name);
    fprintf(out, " %9s\n", "not ended");
    uint64_t open[DESK_PURPOSES] = {0};
    for (uint32_t i = 0; i < desk->n_jobs; i++)
        open[desk->jobs[i].purpose] += desk->jobs[i].stage != DESK_ENDED;
    for (uint32_t p = 0; p < DESK_PURPOSES; p++) {
        if (p == DESK_REPAIR)
            fprintf(out, "  %-14s %9s %10" PRIu64, report_purpose(p), "", report->dispatched[p]);
        else
            fprintf(out, "  %-14s %9" PRIu64 " %10" PRIu64, report_purpose(p), report->submitted[p],
                    report->dispatched[p]);
        for (size_t c = 0; c < n; c++)
            fprintf(out, " %9" PRIu64, report->ended[p][columns[c].state]);
        fprintf(out, " %9" PRIu64 "\n", open[p]);
    }
    const paper_counts *counts = &desk->paper.counts;
    fprintf(out,
            "  in doubt %" PRIu64 " (sent again %" PRIu64 ", lost in an outage %" PRIu64
            "), overdue %" PRIu64 ", halts %" PRIu64 "\n",
            counts->in_doubt, counts->requeued, counts->lost, report->overdue, report->halts);
}

static void print_positions(struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    double lots = 0, foreign = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < desk->n_instruments; i++) {
        const desk_instrument *instrument = &desk->instruments[i];
        perp_position_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk,
                     perp_positions_query(perp_core_positions(desk->core), i, desk->now_ns, &state),
                     "position query"))
            return;
        n += state.n_lots;
        foreign += fabs(state.foreign) * instrument->mid;
        for (uint32_t l = 0; l < instrument->n_lots; l++)
            lots += fabs(instrument->lots[l].quantity) * instrument->mid;
    }
    heading(out, "Positions");
    fprintf(out,
            "  bases that lost a side %" PRIu64 ", repairs sent %" PRIu64
            ", resolved by hand %" PRIu64 "\n  deleveraged by exchanges %" PRIu64
            ", reports in doubt %" PRIu64 ", drifts %" PRIu64 ", accepted %" PRIu64 "\n",
            report->naked, report->dispatched[DESK_REPAIR], report->resolved, report->deleverages,
            report->in_doubt, report->drifts, report->accepted);
    fprintf(out, "  still open: %u lots of jobs worth %.2f USD, and %.2f USD that no job made\n", n,
            lots, foreign);
}

static void print_reasons(struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    uint64_t last[PERP_MAX_REASONS] = {0};
    for (uint32_t i = 0; i < desk->n_jobs; i++)
        if (desk->jobs[i].end_state == PERP_JOB_EXPIRED ||
            desk->jobs[i].end_state == PERP_JOB_CANCELLED)
            last[desk->jobs[i].last_reason]++;
    heading(out, "Refusals by reason");
    fprintf(out, "  %-22s %9s %9s %11s %9s\n", "", "jobs met", "at submit", "evaluations",
            "never ran");
    for (uint32_t r = 0; r < PERP_MAX_REASONS; r++) {
        uint64_t evaluations = report->refused[r] + report->skipped[r];
        if (evaluations + report->at_submit[r] + last[r] == 0)
            continue;
        fprintf(out, "  %-22s %9" PRIu32 " %9" PRIu64 " %11" PRIu64 " %9" PRIu64 "\n",
                perp_reason_string(r), report->met[r], report->at_submit[r], evaluations, last[r]);
    }
    if (desk->strategies.own_refusals > 0)
        fprintf(out,
                "  pairs of one venue left out by the host's own rule (spot against perpetual): "
                "%" PRIu64 "\n",
                desk->strategies.own_refusals);
    uint32_t pairs = 0;
    if (desk_ok(desk, perp_core_feasibility(desk->core, NULL, 0, &pairs), "feasibility"))
        fprintf(out, "  pairs of exchanges that may hedge each other: %" PRIu32 "\n",
                pairs / PERP_STRATEGY_COUNT);
}

static void print_exchanges(struct desk *desk, FILE *out) {
    heading(out, "Exchanges, USD");
    fprintf(out, "  %-14s %14s %7s %10s %10s %10s %10s %12s\n", "", "volume", "fills", "trading",
            "funding", "fees", "still open", "equity");
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        const desk_exchange *exchange = &desk->exchanges[e];
        perp_usd equity = desk_equity(desk, e);
        perp_usd booked = exchange->realised + exchange->funding - exchange->fees;
        fprintf(out, "  %-14s %14.2f %7" PRIu64 " %10.2f %10.2f %10.2f %10.2f %12.2f\n",
                exchange->name, usd(exchange->volume), exchange->fills, usd(exchange->realised),
                usd(exchange->funding), usd(exchange->fees),
                usd(equity - exchange->deposit - booked), usd(equity));
    }
}

/* The paper accounts were moved by fills and payments alone, the library's books by what it was
   told: they must say the same. */
static int print_profit(struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    perp_day_figures booked;
    perp_usd realised = 0, funding = 0, fees = 0, volume = 0, change = 0;
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        const desk_exchange *exchange = &desk->exchanges[e];
        realised += exchange->realised;
        funding += exchange->funding;
        fees += exchange->fees;
        volume += exchange->volume;
        change += desk_equity(desk, e) - exchange->deposit;
    }
    if (!report_booked(desk, &booked))
        return 0;
    heading(out, "Profit, USD");
    for (uint32_t p = 0; p < DESK_PURPOSES; p++)
        if (p != DESK_EXIT)
            fprintf(out,
                    "  %-14s %12.2f   after fees, of jobs that have ended: %" PRIu64
                    " won, %" PRIu64 " lost\n",
                    report_purpose(p), usd(report->earned[p]), report->wins[p], report->losses[p]);
    fprintf(out, "  %-14s %12.2f\n", "funding", usd(funding));
    fprintf(out, "  %-14s %12.2f   of the accounts, what is still open included\n", "in all",
            usd(change));
    int agree = booked.pnl == realised + funding && booked.fees == fees && booked.volume == volume;
    fprintf(out, "  booked by the library: %.2f before fees, fees %.2f, volume %.2f: %s\n",
            usd(booked.pnl), usd(booked.fees), usd(booked.volume),
            agree ? "as the accounts" : "NOT as the accounts");
    return agree;
}

static void print_limits(struct desk *desk, FILE *out) {
#define X(name, text) text,
    static const char *const names[] = {REPORT_LIMIT_LIST(X)};
#undef X
    heading(out,
            "Largest use of each limit (reducing jobs and repairs pass those of the scheduler)");
    for (uint32_t l = 0; l < REPORT_LIMITS; l++) {
        const report_use *row = &desk->report.uses[l];
        if (row->limit <= 0)
            continue;
        fprintf(out, "  %-42s %12.2f of %12.2f %6.1f %% %s\n", names[l], row->most, row->limit,
                100 * row->most / row->limit, row->where);
    }
}

static void print_feed(struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    const paper_counts *counts = &desk->paper.counts;
    perp_core_stats stats = {.struct_size = sizeof stats};
    if (!desk_ok(desk, perp_core_statistics(desk->core, &stats), "statistics"))
        return;
    heading(out, "What ran");
    fprintf(out,
            "  %" PRIu64 " market events (%" PRIu64 " stale), %" PRIu64 " ticks, %" PRIu64
            " changes of the book, %" PRIu64 " checks of it\n",
            report->events, stats.stale_events, report->ticks, stats.events, report->checks);
    fprintf(out,
            "  orders: %" PRIu64 " sent (%" PRIu64 " to rest), %" PRIu64 " filled, %" PRIu64
            " in part, %" PRIu64 " not; %" PRIu64 " crossed the spread late; %" PRIu64
            " jobs refused by the executor\n",
            counts->orders, counts->resting, counts->filled, counts->partly, counts->unfilled,
            counts->crossed, counts->refused);
    fprintf(out, "  hash of the book %016" PRIx64 "\n", perp_core_hash(desk->core));
}

int report_print(struct desk *desk, FILE *out) {
    fprintf(out, "%s, %.2f hours, seed %" PRIu64 "\n", desk->feed.title,
            (double)(desk->feed.end_ns - desk->feed.start_ns) / (3600.0 * DESK_SECOND),
            desk->settings.seed);
    report_summary(desk, out);
    print_jobs(desk, out);
    print_positions(desk, out);
    print_reasons(desk, out);
    int agree = print_profit(desk, out);
    print_exchanges(desk, out);
    print_limits(desk, out);
    print_feed(desk, out);
    return agree;
}
