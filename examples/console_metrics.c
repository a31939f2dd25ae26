/* The figures for Prometheus, as its text format 0.0.4 has them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

struct writer {
    char *bytes;
    size_t length, room;
    bool failed;
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...) {
    for (int tries = 0; tries < 2 && !w->failed; tries++) {
        va_list arguments;
        va_start(arguments, format);
        int n = vsnprintf(w->bytes + w->length, w->room - w->length, format, arguments);
        va_end(arguments);
        if (n >= 0 && w->length + (size_t)n < w->room) {
            w->length += (size_t)n;
            return;
        }
        size_t room = 2 * w->room + (n > 0 ? (size_t)n : 0);
        char *bytes = n < 0 ? NULL : realloc(w->bytes, room);
        if (bytes == NULL) {
            w->failed = true;
            return;
        }
        w->bytes = bytes;
        w->room = room;
    }
}

static void head(struct writer *w, const char *name, const char *type, const char *help) {
    put(w, "# HELP perpcore_%s %s\n# TYPE perpcore_%s %s\n", name, help, name, type);
}

/* Money is exact to the micro-dollar. */
static void put_usd(struct writer *w, perp_usd amount) {
    uint64_t size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    put(w, " %s%llu.%06llu\n", amount < 0 ? "-" : "", (unsigned long long)(size / 1000000),
        (unsigned long long)(size % 1000000));
}

static void put_value(struct writer *w, double value) {
    if (isnan(value))
        put(w, " NaN\n");
    else if (isinf(value))
        put(w, " %sInf\n", value < 0 ? "-" : "+");
    else
        put(w, " %.17g\n", value);
}

static void put_count(struct writer *w, const char *name, const char *type, const char *help,
                      uint64_t value) {
    head(w, name, type, help);
    put(w, "perpcore_%s %llu\n", name, (unsigned long long)value);
}

/* Names come from the host's exchanges: any UTF-8. */
static const char *quoted(const char *text, char out[2 * PERP_NAME_SIZE]) {
    size_t n = 0;
    for (; *text != '\0' && n + 2 < 2 * PERP_NAME_SIZE; text++) {
        if (*text == '\\' || *text == '"')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
    return out;
}

/* ---- exchanges ---- */

struct exchange_figures {
    char name[2 * PERP_NAME_SIZE];
    perp_capital_state capital;
    perp_exchange_state market;
};

static void put_money(struct writer *w, const struct exchange_figures *all, uint32_t n,
                      const char *name, const char *help, size_t offset) {
    head(w, name, "gauge", help);
    for (uint32_t e = 0; e < n; e++) {
        perp_usd amount;
        memcpy(&amount, (const char *)&all[e].capital + offset, sizeof amount);
        put(w, "perpcore_%s{exchange=\"%s\"}", name, all[e].name);
        put_usd(w, amount);
    }
}

static void put_pools(struct writer *w, const struct exchange_figures *all, uint32_t n,
                      const char *name, const char *help, size_t offset) {
    head(w, name, "gauge", help);
    for (uint32_t e = 0; e < n; e++)
        for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++) {
            perp_usd amount;
            memcpy(&amount, (const char *)&all[e].capital.pools[pool] + offset, sizeof amount);
            put(w, "perpcore_%s{exchange=\"%s\",pool=\"%s\"}", name, all[e].name,
                perp_pool_string(pool));
            put_usd(w, amount);
        }
}

static void put_capital(struct writer *w, const struct exchange_figures *all, uint32_t n) {
#define OF(field) offsetof(perp_capital_state, field)
    put_money(w, all, n, "equity_usd", "Equity of an exchange.", OF(equity));
    put_money(w, all, n, "high_water_usd", "Highest equity of an exchange.", OF(high_water));
    head(w, "today_net_usd", "gauge", "What is left of today: profit less fees.");
    for (uint32_t e = 0; e < n; e++) {
        put(w, "perpcore_today_net_usd{exchange=\"%s\"}", all[e].name);
        put_usd(w, all[e].capital.today.pnl - all[e].capital.today.fees);
    }
    put_money(w, all, n, "today_pnl_usd", "Profit booked today, before fees.", OF(today.pnl));
    put_money(w, all, n, "today_funding_usd", "Of that, funding.", OF(today.funding));
    put_money(w, all, n, "today_volume_usd", "Volume traded today.", OF(today.volume));
    put_money(w, all, n, "today_fees_usd", "Fees paid today.", OF(today.fees));
    put_money(w, all, n, "overcommitted_usd", "Committed beyond the budgets.", OF(overcommitted));
#undef OF
#define OF(field) offsetof(perp_pool_state, field)
    put_pools(w, all, n, "pool_budget_usd", "Budget of a pool.", OF(budget));
    put_pools(w, all, n, "pool_in_flight_usd", "Reserved and not yet used.", OF(in_flight));
    put_pools(w, all, n, "pool_used_usd", "In use.", OF(used));
#undef OF
    head(w, "safe_mode", "gauge", "Whether an exchange is in safe mode.");
    for (uint32_t e = 0; e < n; e++)
        put(w, "perpcore_safe_mode{exchange=\"%s\"} %u\n", all[e].name, all[e].capital.safe_mode);
}

static void put_exchanges(struct writer *w, const struct exchange_figures *all, uint32_t n) {
    head(w, "exchange_up", "gauge", "1: up, 0.5: degraded, 0: down.");
    for (uint32_t e = 0; e < n; e++)
        put(w, "perpcore_exchange_up{exchange=\"%s\"} %s\n", all[e].name,
            all[e].market.api == PERP_API_UP         ? "1"
            : all[e].market.api == PERP_API_DEGRADED ? "0.5"
                                                     : "0");
    head(w, "exchange_latency_seconds", "gauge", "Latency of orders: mean and quantiles.");
    for (uint32_t e = 0; e < n; e++) {
        const perp_exchange_state *state = &all[e].market;
        const double values[] = {state->latency_mean_ms, state->latency_p50_ms,
                                 state->latency_p99_ms};
        static const char *const names[] = {"mean", "p50", "p99"};
        for (int i = 0; i < 3; i++) {
            put(w, "perpcore_exchange_latency_seconds{exchange=\"%s\",statistic=\"%s\"}",
                all[e].name, names[i]);
            put_value(w, values[i] / 1000);
        }
    }
    head(w, "exchange_circuit_open", "gauge", "1: open, 0.5: half open, 0: closed.");
    for (uint32_t e = 0; e < n; e++)
        put(w, "perpcore_exchange_circuit_open{exchange=\"%s\"} %s\n", all[e].name,
            all[e].market.circuit == PERP_CIRCUIT_OPEN        ? "1"
            : all[e].market.circuit == PERP_CIRCUIT_HALF_OPEN ? "0.5"
                                                              : "0");
    head(w, "exchange_killed", "gauge", "Whether the kill switch is on for an exchange.");
    for (uint32_t e = 0; e < n; e++)
        put(w, "perpcore_exchange_killed{exchange=\"%s\"} %u\n", all[e].name, all[e].market.killed);
    head(w, "exchange_running_jobs", "gauge", "Jobs that run on an exchange.");
    for (uint32_t e = 0; e < n; e++)
        put(w, "perpcore_exchange_running_jobs{exchange=\"%s\"} %u\n", all[e].name,
            all[e].market.concurrent_jobs);
    head(w, "exchange_running_notional_usd", "gauge", "Notional that runs on an exchange.");
    for (uint32_t e = 0; e < n; e++) {
        put(w, "perpcore_exchange_running_notional_usd{exchange=\"%s\"}", all[e].name);
        put_usd(w, all[e].market.running_notional);
    }
}

static void put_all_exchanges(struct writer *w, struct console_host *host) {
    uint32_t n = perp_exchange_count(host->core);
    struct exchange_figures *all = calloc(n + 1, sizeof *all);
    w->failed = w->failed || all == NULL;
    for (uint32_t e = 0; e < n && !w->failed; e++) {
        perp_exchange_spec spec;
        perp_exchange_spec_init(&spec);
        all[e].capital.struct_size = sizeof all[e].capital;
        all[e].market.struct_size = sizeof all[e].market;
        w->failed =
            perp_exchange_get(host->core, e, &spec) != PERP_OK ||
            perp_capital_snapshot(perp_core_capital(host->core), e, &all[e].capital) != PERP_OK ||
            perp_market_query_exchange(perp_core_market(host->core), e, console_host_now(host),
                                       &all[e].market) != PERP_OK;
        quoted(spec.name, all[e].name);
    }
    if (!w->failed) {
        put_capital(w, all, n);
        put_exchanges(w, all, n);
    }
    free(all);
}

/* ---- positions ---- */

struct base_figures {
    char name[2 * PERP_NAME_SIZE];
    perp_base_state state;
};

/* What a unit of a base is worth: the mid of its first instrument with a quote; 0: not known. */
static double price_of(const struct console_host *host, const char *base) {
    for (perp_instrument_id i = 0; i < perp_instrument_count(host->core); i++) {
        perp_instrument_spec spec;
        perp_market_state market = {.struct_size = sizeof market};
        perp_instrument_spec_init(&spec);
        if (perp_instrument_get(host->core, i, &spec) == PERP_OK && strcmp(spec.base, base) == 0 &&
            perp_market_query(perp_core_market(host->core), i, console_host_now(host), &market) ==
                PERP_OK &&
            market.has_quote)
            return (market.bid + market.ask) / 2;
    }
    return 0;
}

static void put_bases(struct writer *w, const struct console_host *host,
                      const struct base_figures *all, uint32_t n) {
    head(w, "naked", "gauge", "What of a base has no other side, in its units; short is negative.");
    for (uint32_t b = 0; b < n; b++) {
        put(w, "perpcore_naked{base=\"%s\"}", all[b].name);
        put_value(w, all[b].state.naked);
    }
    head(w, "naked_usd", "gauge", "What it is worth; NaN: no price is known.");
    for (uint32_t b = 0; b < n; b++) {
        double naked = all[b].state.naked;
        double price = naked == 0 ? 0 : price_of(host, all[b].state.base);
        put(w, "perpcore_naked_usd{base=\"%s\"}", all[b].name);
        put_value(w, naked != 0 && !(price > 0) ? (double)NAN : fabs(naked) * price);
    }
    head(w, "base_naked", "gauge", "Whether that is above the tolerance.");
    for (uint32_t b = 0; b < n; b++)
        put(w, "perpcore_base_naked{base=\"%s\"} %u\n", all[b].name, all[b].state.is_naked);
    head(w, "base_net", "gauge", "Positions of a base over all exchanges, with their signs.");
    for (uint32_t b = 0; b < n; b++) {
        put(w, "perpcore_base_net{base=\"%s\"}", all[b].name);
        put_value(w, all[b].state.net);
    }
    head(w, "base_gross", "gauge", "Positions of a base over all exchanges, by size.");
    for (uint32_t b = 0; b < n; b++) {
        put(w, "perpcore_base_gross{base=\"%s\"}", all[b].name);
        put_value(w, all[b].state.gross);
    }
}

static void put_drifts(struct writer *w, const struct console_host *host) {
    uint32_t latched = 0, in_doubt = 0, unknown = 0, n = perp_instrument_count(host->core);
    for (perp_instrument_id i = 0; i < n && !w->failed; i++) {
        perp_position_state state = {.struct_size = sizeof state};
        w->failed = perp_positions_query(perp_core_positions(host->core), i, console_host_now(host),
                                         &state) != PERP_OK;
        latched += state.latched;
        in_doubt += state.in_doubt;
        unknown += !state.known;
    }
    put_count(w, "positions_drifting", "gauge", "Positions that reports show otherwise.", latched);
    put_count(w, "positions_in_doubt", "gauge", "Positions whose report was put aside.", in_doubt);
    put_count(w, "positions_unknown", "gauge", "Positions not reported lately enough.", unknown);
}

static void put_positions(struct writer *w, const struct console_host *host) {
    const perp_positions *positions = perp_core_positions(host->core);
    uint32_t n = perp_positions_base_count(positions);
    struct base_figures *all = calloc(n + 1, sizeof *all);
    w->failed = w->failed || all == NULL;
    for (uint32_t b = 0; b < n && !w->failed; b++) {
        all[b].state.struct_size = sizeof all[b].state;
        w->failed =
            perp_positions_base(positions, b, console_host_now(host), &all[b].state) != PERP_OK;
        quoted(all[b].state.base, all[b].name);
    }
    if (!w->failed) {
        put_bases(w, host, all, n);
        put_drifts(w, host);
    }
    free(all);
}

/* ---- the book ---- */

static void put_jobs(struct writer *w, const perp_scheduler_state *state) {
    put_count(w, "paused", "gauge", "Whether new risk is paused.",
              state->paused || state->store_failed);
    put_count(w, "store_failed", "gauge", "Whether the store has failed.", state->store_failed);
    head(w, "jobs", "gauge", "Jobs by state.");
    put(w, "perpcore_jobs{state=\"pending\"} %u\n", state->pending);
    put(w, "perpcore_jobs{state=\"running\"} %u\n", state->running - state->in_doubt);
    put(w, "perpcore_jobs{state=\"in_doubt\"} %u\n", state->in_doubt);
    put(w, "perpcore_jobs{state=\"open\"} %u\n", state->open);
    put(w, "perpcore_jobs{state=\"partial\"} %u\n", state->partial);
    put_count(w, "jobs_submitted_total", "counter", "Jobs submitted.", state->submitted_total);
    put_count(w, "jobs_dispatched_total", "counter", "Jobs dispatched.", state->dispatched_total);
    head(w, "jobs_ended_total", "counter", "Jobs that ended, by how.");
    for (uint32_t s = PERP_JOB_PARTIAL; s < PERP_JOB_STATE_COUNT; s++)
        put(w, "perpcore_jobs_ended_total{state=\"%s\"} %llu\n", perp_job_state_string(s),
            (unsigned long long)state->ended_total[s]);
}

static void put_orders(struct writer *w, const perp_orders_state *state) {
    head(w, "orders", "gauge", "Orders that have not ended, by state.");
    put(w, "perpcore_orders{state=\"working\"} %u\n", state->open - state->in_doubt);
    put(w, "perpcore_orders{state=\"in_doubt\"} %u\n", state->in_doubt);
    put_count(w, "orders_placed_total", "counter", "Orders placed.", state->placed_total);
    put_count(w, "orders_placed_today", "gauge", "Orders placed today.", state->placed_today);
    put_count(w, "order_fills_today", "gauge", "Fills of orders today.", state->fills_today);
    head(w, "orders_refused_today", "gauge", "Orders that the gate refused today, by its reason.");
#define PERP_X(name, number, text, unit)                                                           \
    put(w, "perpcore_orders_refused_today{reason=\"%s\"} %llu\n", text,                            \
        (unsigned long long)state->refused_today[number]);
    PERP_GATE_LIST(PERP_X)
#undef PERP_X
    put_count(w, "unhedged_jobs", "gauge", "Running jobs whose legs have filled unequally.",
              state->unhedged_jobs);
    head(w, "unhedged_usd", "gauge", "What of them has no other side.");
    put(w, "perpcore_unhedged_usd");
    put_usd(w, state->unhedged_usd);
}

static void put_risk(struct writer *w, const perp_risk *of, const perp_risk_state *state) {
    head(w, "risk_mode", "gauge", "1 for the mode in force.");
    for (uint32_t mode = 0; mode < PERP_MODE_COUNT; mode++)
        put(w, "perpcore_risk_mode{mode=\"%s\"} %d\n", perp_mode_string(mode), state->mode == mode);
    put_count(w, "killed", "gauge", "Whether the kill switch is on.", state->killed);
    put_count(w, "auto_halted", "gauge", "Whether failures in a row have halted.",
              state->auto_halt);
    put_count(w, "override_active", "gauge", "Whether soft rules are overridden.",
              state->override_on);
    put_count(w, "consecutive_failures", "gauge", "Failures in a row.",
              state->consecutive_failures);
    head(w, "total_equity_usd", "gauge", "Equity of all exchanges.");
    put(w, "perpcore_total_equity_usd");
    put_usd(w, state->equity);
    head(w, "daily_loss_usd", "gauge", "Loss of today.");
    put(w, "perpcore_daily_loss_usd");
    put_usd(w, state->daily_loss);
    head(w, "daily_loss_limit_usd", "gauge", "Limit of the daily loss; 0: none.");
    put(w, "perpcore_daily_loss_limit_usd");
    put_usd(w, state->daily_loss_limit);
    head(w, "drawdown_ratio", "gauge", "Drawdown since the start of the day.");
    put(w, "perpcore_drawdown_ratio");
    put_value(w, state->drawdown);
    head(w, "rule_fired_today", "gauge", "How often each rule fired today.");
#define PERP_X(name, number, text, ...)                                                            \
    put(w, "perpcore_rule_fired_today{rule=\"%s\"} %llu\n", text,                                  \
        (unsigned long long)state->rejected_today[number]);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    for (uint32_t reason = PERP_REASON_HOST_1; reason < PERP_REASON_END; reason++) {
        const char *name = perp_risk_reason_string(of, reason); /* of letters that need no escape */
        if (strcmp(name, perp_reason_string(reason)) != 0)
            put(w, "perpcore_rule_fired_today{rule=\"%s\"} %llu\n", name,
                (unsigned long long)state->rejected_today[reason]);
    }
}

static void put_alerts(struct writer *w, struct console_host *host) {
    static const char *const levels[] = {"info", "warning", "critical"};
    perp_alert alerts[256];
    uint32_t count = 0, by_level[3] = {0}, by_code[PERP_ALERT_COUNT] = {0};
    memset(alerts, 0, sizeof alerts);
    if (perp_monitor_alerts(host->core, console_host_now(host), alerts, 256, &count) != PERP_OK) {
        w->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count && i < 256; i++) {
        by_level[alerts[i].level % 3]++;
        by_code[alerts[i].code % PERP_ALERT_COUNT]++;
    }
    head(w, "alerts", "gauge", "Alerts that stand, by level.");
    for (int level = 0; level < 3; level++)
        put(w, "perpcore_alerts{level=\"%s\"} %u\n", levels[level], by_level[level]);
    head(w, "alerts_by_code", "gauge", "Alerts that stand, by code.");
    for (uint32_t code = 0; code < PERP_ALERT_COUNT; code++)
        put(w, "perpcore_alerts_by_code{code=\"%s\"} %u\n", perp_alert_string(code), by_code[code]);
}

/* ---- the host ---- */

static void put_host(struct writer *w, struct console_host *host,
                     const struct console_figures *figures) {
    const char *why;
    pthread_mutex_lock(&host->figures_lock);
    uint64_t ticks = host->ticks, below = 0, in[CONSOLE_BUCKETS + 1];
    double seconds = host->tick_seconds;
    memcpy(in, host->ticks_in, sizeof in);
    pthread_mutex_unlock(&host->figures_lock);
    head(w, "tick_seconds", "histogram", "How long a round of decisions takes.");
    for (uint32_t b = 0; b < CONSOLE_BUCKETS; b++) {
        below += in[b];
        put(w, "perpcore_tick_seconds_bucket{le=\"%g\"} %llu\n", console_bucket_limits[b],
            (unsigned long long)below);
    }
    put(w, "perpcore_tick_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)ticks);
    put(w, "perpcore_tick_seconds_sum %.9f\nperpcore_tick_seconds_count %llu\n", seconds,
        (unsigned long long)ticks);
    head(w, "build_info", "gauge", "1 for the version of the library.");
    put(w, "perpcore_build_info{version=\"%s\"} 1\n", perp_version_string());
    put_count(w, "deciding", "gauge", "Whether the host decides.",
              console_host_healthy(host, &why));
    head(w, "http_answers_total", "counter", "Answers by class of status.");
    for (int class = 2; class < 6; class ++)
        put(w, "perpcore_http_answers_total{class=\"%dxx\"} %llu\n", class,
            (unsigned long long)atomic_load(&figures->answers[class]));
    put_count(w, "http_wrong_tokens_total", "counter", "Requests with a wrong token.",
              atomic_load(&figures->bad_tokens));
    put_count(w, "http_connections", "gauge", "Open connections.",
              atomic_load(&figures->connections));
    put_count(w, "http_listeners", "gauge", "Streams of events.", atomic_load(&figures->listeners));
}

struct console_text *console_metrics(struct console_host *host,
                                     const struct console_figures *figures) {
    struct writer w = {.room = 32768};
    perp_scheduler_state scheduler = {.struct_size = sizeof scheduler};
    perp_risk_state risk = {.struct_size = sizeof risk};
    perp_orders_state orders = {.struct_size = sizeof orders};
    perp_core_stats stats = {.struct_size = sizeof stats};
    w.bytes = malloc(w.room);
    w.failed = w.bytes == NULL ||
               perp_scheduler_query(perp_core_scheduler(host->core), &scheduler) != PERP_OK ||
               perp_risk_query(perp_core_risk(host->core), &risk) != PERP_OK ||
               perp_orders_query(perp_core_orders(host->core), console_host_now(host), &orders) !=
                   PERP_OK ||
               perp_core_statistics(host->core, &stats) != PERP_OK;
    if (!w.failed) {
        put_jobs(&w, &scheduler);
        put_orders(&w, &orders);
        put_risk(&w, perp_core_risk(host->core), &risk);
        put_all_exchanges(&w, host);
        put_positions(&w, host);
        put_alerts(&w, host);
        put_count(&w, "book_changes_total", "counter", "Changes of the book.", stats.events);
        put_count(&w, "late_calls_total", "counter", "Calls whose time was before the clock.",
                  stats.late_calls);
        put_count(&w, "stale_events_total", "counter", "Market events that came too late.",
                  stats.stale_events);
        put_count(&w, "rejected_events_total", "counter", "Market events refused.",
                  stats.rejected_events);
        put_count(&w, "allocated_bytes", "gauge", "Memory of the book.", stats.allocated_bytes);
        put_host(&w, host, figures);
    }
    struct console_text *text = w.failed ? NULL : console_text_new(w.bytes, w.length);
    free(w.bytes);
    return text;
}
