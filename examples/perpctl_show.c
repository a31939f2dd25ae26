/* perpctl: tables for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "perpctl.h"
#include "util/text.h"

#define PLAIN "\033[0m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"

static const cJSON *at(const cJSON *json, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* A text of the server, fit for a terminal; "-" where there is none. */
static const char *text(const cJSON *json, const char *name) {
    static char shown[8][256]; /* so many are in use in one line */
    static unsigned next;
    const cJSON *item = at(json, name);
    char *out = shown[next++ % 8];
    if (!cJSON_IsString(item))
        return "-";
    perp_text_show(item->valuestring, out, sizeof shown[0]);
    return out;
}

static double number(const cJSON *json, const char *name) {
    const cJSON *item = at(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* "1,234,567.89" */
static const char *usd(double value) {
    static char shown[8][48];
    static unsigned next;
    char plain[40], *out = shown[next++ % 8];
    if (isnan(value))
        return "-";
    int length = snprintf(plain, sizeof plain, "%.2f", fabs(value) < 1e15 ? value : 0);
    int point = length - 3, n = 0;
    for (int i = 0; i < length; i++) {
        if (i < point && i > (plain[0] == '-') && (point - i) % 3 == 0)
            out[n++] = ',';
        out[n++] = plain[i];
    }
    out[n] = '\0';
    return out;
}

static const char *money(const cJSON *json, const char *name) {
    return usd(number(json, name));
}

/* "-" for what is not known. */
static const char *figure(double value) {
    static char shown[8][40];
    static unsigned next;
    char *out = shown[next++ % 8];
    if (isnan(value))
        return "-";
    snprintf(out, sizeof shown[0], "%.4g", value);
    return out;
}

static const char *colour_of(const char *word) {
    static const char *const bad[] = {"killed", "halted", "critical", "down",
                                      "open",   "naked",  "drift"};
    static const char *const odd[] = {"paused",    "manual_override", "warning",  "degraded",
                                      "half_open", "partial",         "in doubt", "not known"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strcmp(word, bad[i]) == 0)
            return RED;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (strcmp(word, odd[i]) == 0)
            return YELLOW;
    return GREEN;
}

static void put_word(const char *word, int width, bool colour) {
    printf("%s%-*s%s", colour ? colour_of(word) : "", width, word, colour ? PLAIN : "");
}

static void heading(const char *line, bool colour) {
    printf("%s%s%s\n", colour ? BOLD : "", line, colour ? PLAIN : "");
}

/* ---- status ---- */

static void show_global(const cJSON *state, bool colour) {
    const cJSON *global = at(state, "global_stats"), *jobs = at(state, "jobs_stats");
    const cJSON *orders = at(state, "orders_stats");
    put_word(text(global, "system_status"), 0, colour);
    printf("   mode %s   %.19s UTC\n", text(global, "risk_mode"), text(state, "last_update"));
    printf("today: net %s   PnL %s  fees %s  funding %s\n", money(global, "today_net_usd"),
           money(global, "today_pnl_usd"), money(global, "today_fees_usd"),
           money(global, "today_funding_usd"));
    printf("equity %s   volume today %s\n", money(global, "equity_usd"),
           money(global, "today_volume_usd"));
    printf("daily loss %s of %s   drawdown %.3f %%\n", money(global, "daily_loss_used"),
           money(global, "daily_loss_limit"), number(global, "drawdown") * 100);
    printf("orders: %.0f open  %.0f in doubt   today: %.0f placed  %.0f filled  %.0f refused   "
           "unhedged %s\n",
           number(orders, "open"), number(orders, "in_doubt"), number(orders, "placed_today"),
           number(orders, "fills_today"), number(orders, "refused_today"),
           money(orders, "unhedged_usd"));
    printf("jobs: %.0f running  %.0f open  %.0f pending   today: %.0f completed  %.0f failed  "
           "%.0f partial  %.0f expired\n",
           number(jobs, "running_jobs_count"), number(jobs, "open_jobs_count"),
           number(jobs, "pending_jobs_count"), number(jobs, "completed_today"),
           number(jobs, "failed_today"), number(jobs, "partial_today"),
           number(jobs, "expired_today"));
}

static void show_exchanges(const cJSON *state, bool colour) {
    const cJSON *capital = at(state, "capital_stats"), *row;
    char line[128];
    snprintf(line, sizeof line, "\n%-12s %14s %12s %12s %12s %9s %9s %5s  %-9s %s", "exchange",
             "equity", "wash used", "arb used", "reserve", "p50 ms", "p99 ms", "jobs", "circuit",
             "status");
    heading(line, colour);
    cJSON_ArrayForEach(row, at(state, "exchange_stats")) {
        const cJSON *money_of = at(capital, row->string);
        const cJSON *killed = at(row, "killed");
        printf("%-12.64s %14s %12s %12s %12s %9s %9s %5.0f  ", row->string,
               money(money_of, "equity"), money(money_of, "wash_used"), money(money_of, "arb_used"),
               money(money_of, "reserve_used"), figure(number(row, "latency_p50_ms")),
               figure(number(row, "latency_p99_ms")), number(row, "concurrent_jobs_count"));
        put_word(text(row, "circuit"), 9, colour);
        putchar(' ');
        put_word(cJSON_IsTrue(killed) ? "killed" : text(row, "status"), 0, colour);
        puts(cJSON_IsTrue(at(row, "safe_mode")) ? " safe mode" : "");
    }
}

void perpctl_show_state(const cJSON *state, bool colour) {
    const cJSON *row;
    show_global(state, colour);
    show_exchanges(state, colour);
    if (cJSON_GetArraySize(at(state, "alerts")) > 0)
        heading("\nalerts", colour);
    cJSON_ArrayForEach(row, at(state, "alerts")) {
        put_word(text(row, "level"), 9, colour);
        printf("%-14s %-14s %s\n", text(row, "code"), text(row, "subject"), text(row, "message"));
    }
}

void perpctl_show_last_control(const cJSON *log) {
    const cJSON *row;
    cJSON_ArrayForEach(row, at(log, "actions")) {
        if (!cJSON_IsTrue(at(row, "ok")))
            continue;
        const cJSON *enabled = at(row, "enabled");
        printf("\nlast control: %s%s %s, by %s: %s (%.19s UTC)\n", text(row, "action"),
               cJSON_IsTrue(enabled)    ? " on"
               : cJSON_IsFalse(enabled) ? " off"
                                        : "",
               text(row, "detail"), text(row, "actor"), text(row, "reason"), text(row, "time"));
        return;
    }
}

/* ---- positions ---- */

static void show_base(const cJSON *base, bool colour) {
    const cJSON *naked = at(base, "naked");
    printf("%-12.40s %14s %14s  ", base->string, figure(number(base, "net")),
           figure(number(base, "gross")));
    put_word(cJSON_IsTrue(at(base, "is_naked")) ? "naked" : "-", 6, colour);
    printf(" %14s %14s  %-20.19s %s\n", figure(number(naked, "quantity")), money(naked, "usd"),
           text(naked, "since"),
           cJSON_IsTrue(at(base, "repairs_stopped")) ? "repairs stopped by hand"
           : cJSON_IsString(at(base, "repair"))      ? text(base, "repair")
                                                     : "-");
}

/* What is naked comes first. */
static void show_bases(const cJSON *positions, bool colour) {
    const cJSON *base, *bases = at(positions, "bases");
    char line[160];
    snprintf(line, sizeof line, "%-12s %14s %14s  %-6s %14s %14s  %-20s %s", "base", "net", "gross",
             "", "naked", "USD", "since", "repair");
    heading(line, colour);
    cJSON_ArrayForEach(base, bases) if (cJSON_IsTrue(at(base, "is_naked"))) show_base(base, colour);
    cJSON_ArrayForEach(base, bases) if (!cJSON_IsTrue(at(base, "is_naked")))
        show_base(base, colour);
}

static void show_position(const char *exchange, const cJSON *row, bool colour) {
    double used = 0;
    const cJSON *lot;
    cJSON_ArrayForEach(lot, at(row, "lots")) used += number(lot, "used");
    printf("%-12.40s %-18.40s %12s %12s %12s %12s %8s %12s %4d  ", exchange, row->string,
           figure(number(row, "quantity")), figure(number(row, "entry")),
           figure(number(row, "mark")), money(row, "unrealised"),
           figure(100 * number(row, "liquidation_distance")), usd(used),
           cJSON_GetArraySize(at(row, "lots")));
    put_word(cJSON_IsTrue(at(row, "latched"))    ? "drift"
             : cJSON_IsTrue(at(row, "in_doubt")) ? "in doubt"
             : cJSON_IsTrue(at(row, "known"))    ? "-"
                                                 : "not known",
             0, colour);
    if (number(row, "unexplained") != 0)
        printf(" %s unexplained", figure(number(row, "unexplained")));
    putchar('\n');
}

void perpctl_show_positions(const cJSON *positions, bool colour) {
    const cJSON *exchange, *row;
    char line[160];
    show_bases(positions, colour);
    snprintf(line, sizeof line, "\n%-12s %-18s %12s %12s %12s %12s %8s %12s %4s", "exchange",
             "symbol", "quantity", "entry", "mark", "unrealised", "% to liq", "used", "lots");
    heading(line, colour);
    cJSON_ArrayForEach(exchange, at(positions, "positions")) {
        cJSON_ArrayForEach(row, exchange) show_position(exchange->string, row, colour);
    }
}

/* ---- orders ---- */

/* "1.5 s", "12 min" */
static const char *age(double milliseconds) {
    static char shown[40];
    static const struct {
        double from, of;
        const char *unit;
    } units[] = {
        {172800e3, 86400e3, "d"}, {7200e3, 3600e3, "h"}, {120e3, 60e3, "min"}, {0, 1e3, "s"}};
    size_t i = 0;
    if (isnan(milliseconds))
        return "-";
    while (i < 3 && milliseconds < units[i].from)
        i++;
    snprintf(shown, sizeof shown, "%.*f %s", i == 3 && milliseconds < 10e3 ? 1 : 0,
             milliseconds / units[i].of, units[i].unit);
    return shown;
}

/* What an order that stands is needs no colour, one of which nobody knows does. */
static void put_order_state(const cJSON *row, bool colour) {
    const char *state = text(row, "state");
    bool odd = strcmp(state, "in_doubt") == 0 || strcmp(state, "rejected") == 0;
    printf("%s%-9s%s", colour && odd ? YELLOW : "", state, colour && odd ? PLAIN : "");
}

static void show_order(const cJSON *row, bool colour) {
    printf("%6.0f  %-34s  ", number(row, "order"), text(row, "client_id"));
    put_order_state(row, colour);
    printf(" %-12s %-18s %-4s %10s %10s %12s %8s  %3.0f  %s", text(row, "exchange"),
           text(row, "symbol"), text(row, "side"), figure(number(row, "filled")),
           figure(number(row, "quantity")),
           figure(isnan(number(row, "price")) ? number(row, "average") : number(row, "price")),
           age(number(row, "age_ms")), number(row, "leg"), text(row, "job_id"));
    if (cJSON_IsTrue(at(row, "overfilled")))
        printf("  %soverfilled%s", colour ? RED : "", colour ? PLAIN : "");
    if (cJSON_IsTrue(at(row, "cancel_requested")) && cJSON_IsNull(at(row, "ended")))
        printf("  cancel sent");
    if (cJSON_IsString(at(row, "text")))
        printf("  %s", text(row, "text"));
    putchar('\n');
}

void perpctl_show_orders(const cJSON *orders, bool colour) {
    const cJSON *row, *list = at(orders, "orders");
    char line[192];
    snprintf(line, sizeof line, "%6s  %-34s  %-9s %-12s %-18s %-4s %10s %10s %12s %8s  %3s  %s",
             "order", "client id", "state", "exchange", "symbol", "side", "filled", "of", "price",
             "age", "leg", "job");
    heading(line, colour);
    cJSON_ArrayForEach(row, list) show_order(row, colour);
    if (number(orders, "count") > cJSON_GetArraySize(list))
        printf("the newest %d of ", cJSON_GetArraySize(list));
    printf("%.0f orders\n", number(orders, "count"));
}

/* ---- jobs ---- */

void perpctl_show_jobs(const cJSON *jobs) {
    const cJSON *row;
    printf("%-36s  %-16s %-9s %-16s %12s %7s  %s\n", "job", "strategy", "state", "symbol",
           "notional", "score", "last refusal");
    cJSON_ArrayForEach(row, at(jobs, "jobs"))
        printf("%-36s  %-16s %-9s %-16s %12s %7s  %s\n", text(row, "job_id"), text(row, "strategy"),
               text(row, "state"), text(row, "symbol"), money(row, "notional"),
               figure(number(row, "score")), text(row, "last_refusal"));
    printf("%.0f jobs\n", number(jobs, "count"));
}

static void show_values(const cJSON *object, int indent, int depth);

static void show_value(const cJSON *item, int indent, int depth) {
    const char *name = item->string != NULL ? item->string : "-";
    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        const cJSON *one;
        bool plain = cJSON_IsArray(item);
        cJSON_ArrayForEach(one, item) plain = plain && cJSON_IsString(one);
        printf("%*s%.64s%s", indent, "", name, plain ? " " : "\n");
        if (plain) {
            cJSON_ArrayForEach(one, item) printf(" %.64s", one->valuestring);
            putchar('\n');
        } else {
            show_values(item, indent + 2, depth + 1);
        }
    } else if (cJSON_IsString(item)) {
        printf("%*s%-24.64s %.200s\n", indent, "", name, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        printf("%*s%-24.64s %.10g\n", indent, "", name, item->valuedouble);
    } else {
        printf("%*s%-24.64s %s\n", indent, "", name,
               cJSON_IsNull(item)   ? "-"
               : cJSON_IsTrue(item) ? "yes"
                                    : "no");
    }
}

static void show_values(const cJSON *object, int indent, int depth) {
    const cJSON *item;
    cJSON_ArrayForEach(item, object) if (depth < 8) show_value(item, indent, depth);
}

void perpctl_show_job(const cJSON *job, bool colour) {
    const cJSON *evaluation = at(job, "evaluation"), *item;
    char line[256];
    snprintf(line, sizeof line, "%s  %s %s  %s", text(job, "job_id"), text(job, "strategy"),
             text(job, "symbol"), text(job, "state"));
    heading(line, colour);
    if (cJSON_IsObject(evaluation)) {
        const char *decision = text(evaluation, "decision");
        bool accepted = strcmp(decision, "accept") == 0;
        printf("%s%s%s%s%s\n\n", colour ? accepted ? GREEN : RED : "", decision,
               accepted ? "" : ": ", accepted ? "" : text(evaluation, "reason"),
               colour ? PLAIN : "");
    }
    cJSON_ArrayForEach(item, job) if (item != evaluation) show_value(item, 0, 0);
    if (cJSON_IsObject(evaluation)) {
        heading("\nevaluation", colour);
        show_values(evaluation, 2, 0);
    }
}

/* ---- rules and feasibility ---- */

void perpctl_show_rules(const cJSON *rules, bool colour) {
    const cJSON *row;
    printf("mode %s\n", text(rules, "mode"));
    char line[128];
    snprintf(line, sizeof line, "%-22s %-5s %-11s %-9s %-24s %12s %10s  %s", "rule", "", "scope",
             "fails", "limit", "", "fired", "a reducing job");
    heading(line, colour);
    cJSON_ArrayForEach(row, at(rules, "rules")) printf(
        "%-22s %-5s %-11s %-9s %-24s %12s %10.0f  %s\n", text(row, "name"),
        cJSON_IsTrue(at(row, "hard")) ? "hard" : "soft", text(row, "scope"), text(row, "sense"),
        text(row, "limit_name"), figure(number(row, "limit")), number(row, "fired_today"),
        cJSON_IsTrue(at(row, "reducing_passes")) ? "passes" : "is held to it");
}

void perpctl_show_feasibility(const cJSON *feasibility, bool colour) {
    const cJSON *row;
    char line[160];
    snprintf(line, sizeof line, "%-16s %-12s %-12s %14s %14s  %-18s %8s %10s  %s", "strategy",
             "first", "second", "largest", "smallest", "bound by", "safety", "edge bps",
             "never for");
    heading(line, colour);
    cJSON_ArrayForEach(row, at(feasibility, "pairs"))
        printf("%-16s %-12s %-12s %14s %14s  %-18s %8s %10s  %s\n", text(row, "strategy"),
               text(row, "first"), text(row, "second"), money(row, "largest"),
               money(row, "smallest"), text(row, "bound_by"), figure(number(row, "safety_score")),
               figure(number(row, "least_edge_bps")), text(row, "never_for"));
}
