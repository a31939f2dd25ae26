/* What stands at the top of the report: what it earned, what was refused and why, what was naked
   and for how long, and which limit was nearest. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replay_desk.h"
#include "report.h"

#define RANKED 6

static double usd(perp_usd amount) {
    return (double)amount / (double)PERP_USD;
}

/* ---- what was naked ---- */

static report_naked *naked_of(struct desk *desk, const char *base) {
    struct report *report = &desk->report;
    for (uint32_t i = 0; i < report->n_naked_bases; i++)
        if (strcmp(report->naked_bases[i].base, base) == 0)
            return &report->naked_bases[i];
    if (report->n_naked_bases == REPORT_BASES)
        return NULL;
    report_naked *row = &report->naked_bases[report->n_naked_bases++];
    snprintf(row->base, sizeof row->base, "%s", base);
    row->instrument = PERP_NO_ID;
    for (perp_instrument_id i = 0; i < desk->n_instruments && row->instrument == PERP_NO_ID; i++) {
        perp_instrument_spec spec;
        perp_instrument_spec_init(&spec);
        if (perp_instrument_get(desk->core, i, &spec) == PERP_OK && strcmp(spec.base, base) == 0)
            row->instrument = i;
    }
    return row;
}

static void grow(struct desk *desk, report_naked *row, double quantity) {
    double mid = row->instrument == PERP_NO_ID ? 0 : desk->instruments[row->instrument].mid;
    double worth = fabs(quantity) * mid;
    row->most_usd = fmax(row->most_usd, worth);
    row->usd_seconds += row->usd * (double)(desk->now_ns - row->seen_ns) / (double)DESK_SECOND;
    row->usd = worth;
    row->seen_ns = desk->now_ns;
}

void report_naked_begins(struct desk *desk, const char *base, double quantity) {
    report_naked *row = naked_of(desk, base);
    desk->report.naked++;
    if (row == NULL)
        return;
    if (row->is_naked) { /* it was squared since it was looked at */
        perp_base_state squared = {.struct_size = sizeof squared};
        snprintf(squared.base, sizeof squared.base, "%s", base);
        report_naked_look(desk, &squared);
    }
    row->is_naked = 1;
    row->times++;
    row->since_ns = row->seen_ns = desk->now_ns;
    row->usd = 0;
    grow(desk, row, quantity);
}

void report_naked_look(struct desk *desk, const perp_base_state *state) {
    report_naked *row = naked_of(desk, state->base);
    if (row == NULL || !row->is_naked)
        return;
    grow(desk, row, state->naked);
    int64_t lasted = desk->now_ns - row->since_ns;
    row->longest_ns = lasted > row->longest_ns ? lasted : row->longest_ns;
    if (state->is_naked)
        return;
    row->is_naked = 0;
    row->total_ns += lasted;
}

/* ---- what was refused ---- */

static const struct {
    uint32_t reason;
    const char *words;
} words_of[] = {
    {PERP_REASON_SELF_TRADE, "it could have met an order of our own in the same book"},
    {PERP_REASON_BLACKLISTED, "the symbol or instrument is halted"},
    {PERP_REASON_UNRESOLVED_LEG, "its base had no other side, which comes first"},
    {PERP_REASON_POSITION_DRIFT, "an account showed what no fill of ours explains"},
    {PERP_REASON_EXCHANGE_DOWN, "an exchange was down, or had failed too often"},
    {PERP_REASON_NO_ACCOUNT_DATA, "an account had not been reported lately"},
    {PERP_REASON_NO_MARKET_DATA, "there was no quote"},
    {PERP_REASON_STALE_QUOTE, "a quote was too old"},
    {PERP_REASON_NOTIONAL_MISMATCH, "its size and its price did not agree"},
    {PERP_REASON_DAILY_LOSS, "the day had lost what it may"},
    {PERP_REASON_LIQUIDATION_DISTANCE, "a position would have been too near its liquidation"},
    {PERP_REASON_EDGE_TOO_SMALL, "it expected too little"},
    {PERP_REASON_NOT_REBALANCING, "it was to reduce, and would have opened"},
    {PERP_REASON_COST_EXCEEDS_EDGE, "fees and slippage were more than it would earn"},
    {PERP_REASON_FUNDING_CARRY, "funding would have cost too much"},
    {PERP_REASON_FUNDING_BLACKOUT, "a funding payment was too near"},
    {PERP_REASON_INSUFFICIENT_DEPTH, "a book was too thin"},
    {PERP_REASON_SLIPPAGE, "it would have moved the price too far"},
    {PERP_REASON_SPREAD_BLOWOUT, "a spread was far wider than usual"},
    {PERP_REASON_FAST_MARKET, "the market moved too fast"},
    {PERP_REASON_LATENCY, "an exchange answered too slowly"},
    {PERP_REASON_LOW_SAFETY, "its safety score was too low"},
    {PERP_REASON_SAFE_MODE, "the exchange was in safe mode"},
    {PERP_REASON_SINGLE_LIMIT, "it was larger than one job may be"},
    {PERP_REASON_TOTAL_LIMIT, "an exchange had as much open as it may"},
    {PERP_REASON_INSUFFICIENT, "its pool had no capital left"},
    {PERP_REASON_GLOBAL_CONCURRENCY, "as many jobs ran as may"},
    {PERP_REASON_EXCHANGE_CONCURRENCY, "as many jobs ran on an exchange as may"},
    {PERP_REASON_EXCHANGE_NOTIONAL, "as much ran on an exchange as may"},
    {PERP_REASON_DISPATCH_RATE, "an exchange had been sent enough for a minute"},
    {PERP_REASON_NOT_REDUCING, "somebody else had closed it meanwhile"},
};

static const char *in_words(uint32_t reason) {
    for (size_t i = 0; i < sizeof words_of / sizeof *words_of; i++)
        if (words_of[i].reason == reason)
            return words_of[i].words;
    return perp_reason_string(reason);
}

/* What a rule measures, in which unit, and when that fails. */
enum { ABOVE, AT_LEAST, BELOW, AT_MOST, IS_TRUE };
static const struct rule {
    uint32_t reason;
    const char *value, *unit;
    int fails;
} rules[] = {
#define PERP_X(name, number, text, scope, kind, way, when, unknown, value, unit, fails, ...)       \
    {number, value, unit, fails},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

static const struct rule *rule_of(uint32_t reason) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].reason == reason)
            return &rules[i];
    return NULL;
}

/* Nanoseconds are for programs. */
static void measured(const struct rule *rule, double value, char *text, size_t size) {
    if (strcmp(rule->unit, "ns") == 0)
        snprintf(text, size, "%.0f s", value / (double)DESK_SECOND);
    else if (strcmp(rule->unit, "share") == 0)
        snprintf(text, size, "%.2f %%", value * 100);
    else
        snprintf(text, size, "%.2f %s", value, strcmp(rule->unit, "base") == 0 ? "" : rule->unit);
}

/* Which number was held against which. "": none was. */
static void numbers_of(const struct desk *desk, const perp_evaluation *evaluation, uint32_t reason,
                       char *text, size_t size) {
    static const char *const fails[] = {"above", "at least", "below", "at most", ""};
    const struct rule *rule = rule_of(reason);
    const perp_rule_evaluation *found = &evaluation->rules[reason];
    char value[48], limit[48];
    *text = '\0';
    if (rule == NULL || reason == PERP_REASON_INSUFFICIENT_CAPITAL) {
        const perp_refusal *capital = &evaluation->capital;
        snprintf(text, size, "it asked %s for %.2f USD, of which %.2f were left",
                 capital->exchange < desk->n_exchanges ? desk->exchanges[capital->exchange].name
                                                       : "the ledger",
                 usd(capital->asked), usd(capital->limit));
    } else if (rule->fails != IS_TRUE && isfinite(found->value) && isfinite(found->limit)) {
        measured(rule, found->value, value, sizeof value);
        measured(rule, found->limit, limit, sizeof limit);
        snprintf(text, size, "%s of %s, which is %s %s", rule->value, value, fails[rule->fails],
                 limit);
        for (char *c = text; *c != '\0'; c++)
            if (*c == '_')
                *c = ' ';
    }
}

static void example_of(const struct desk *desk, const perp_job *job,
                       const perp_evaluation *evaluation, uint32_t reason, char *text,
                       size_t size) {
    int64_t second = desk->now_ns / DESK_SECOND % 86400;
    char numbers[200];
    numbers_of(desk, evaluation, reason, numbers, sizeof numbers);
    int n = snprintf(text, size, "at %02d:%02d:%02d, %.2f USD:", (int)(second / 3600),
                     (int)(second / 60 % 60), (int)(second % 60), usd(job->notional));
    for (uint32_t i = 0; i < job->n_legs && n > 0 && (size_t)n < size; i++) {
        const perp_leg *leg = &job->legs[i];
        const desk_instrument *instrument = &desk->instruments[leg->instrument];
        n += snprintf(text + n, size - (size_t)n, "%s %s %.6g on %s at %.6g", i > 0 ? "," : "",
                      perp_side_string(leg->side), leg->quantity,
                      desk->exchanges[instrument->exchange].name, instrument->mid);
    }
    if (n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n,
                 "; it expected %.2f bps at a cost of %.2f bps; refused for %s%s%s",
                 evaluation->edge_bps, evaluation->cost_bps, perp_reason_string(reason),
                 *numbers != '\0' ? ": " : "", numbers);
}

/* The first job that met a reason is its example, with the numbers of that moment. */
void report_refused(struct desk *desk, const perp_uuid *id, uint32_t reason) {
    struct report *report = &desk->report;
    perp_job_info info = {.struct_size = sizeof info};
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    if (report->examples[reason] != NULL ||
        perp_scheduler_job(perp_core_scheduler(desk->core), id, &info) != PERP_OK ||
        perp_risk_evaluate(perp_core_risk(desk->core), desk->now_ns, &info.job, &evaluation) !=
            PERP_OK)
        return;
    /* The tick has gone on since: it must still be so. */
    if (evaluation.reason != reason && evaluation.capital.reason != reason)
        return;
    char text[600];
    example_of(desk, &info.job, &evaluation, reason, text, sizeof text);
    report->examples[reason] = strdup(text);
}

/* ---- the text ---- */

static void earned(struct desk *desk, FILE *out) {
    perp_usd change = 0, fees = 0, funding = 0, volume = 0;
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        const desk_exchange *exchange = &desk->exchanges[e];
        change += desk_equity(desk, e) - exchange->deposit;
        fees += exchange->fees;
        funding += exchange->funding;
        volume += exchange->volume;
    }
    fprintf(out,
            "  Earned  %.2f USD after fees: %.2f before them, fees %.2f; funding %.2f of it; on "
            "%.2f USD of volume.\n",
            usd(change), usd(change + fees), usd(fees), usd(funding), usd(volume));
}

/* How often jobs met a reason, the most first. */
static uint32_t rank(const struct report *report, uint32_t *reasons) {
    uint32_t n = 0;
    for (uint32_t r = 1; r < PERP_MAX_REASONS; r++) {
        if (report->met[r] == 0)
            continue;
        uint32_t at = n++;
        for (; at > 0 && report->met[reasons[at - 1]] < report->met[r]; at--)
            reasons[at] = reasons[at - 1];
        reasons[at] = r;
    }
    return n;
}

static void refused(const struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    uint32_t reasons[PERP_MAX_REASONS];
    uint32_t n = rank(report, reasons), all = 0, example = PERP_REASON_NONE;
    for (uint32_t i = 0; i < n; i++)
        all += report->met[reasons[i]];
    if (n == 0) {
        fputs("  Refused nothing.\n", out);
        return;
    }
    fprintf(out,
            "  Refused  jobs met a reason not to run %" PRIu32 " times (and are asked again each "
            "second), most because\n",
            all);
    for (uint32_t i = 0; i < n && i < RANKED; i++)
        fprintf(out, "    %5" PRIu32 "  %s (%s)\n", report->met[reasons[i]], in_words(reasons[i]),
                perp_reason_string(reasons[i]));
    if (n > RANKED) {
        for (uint32_t i = 0; i < RANKED; i++)
            all -= report->met[reasons[i]];
        fprintf(out, "    %5" PRIu32 "  for %" PRIu32 " other reasons\n", all, n - RANKED);
    }
    for (uint32_t i = 0; i < n && example == PERP_REASON_NONE; i++)
        if (report->examples[reasons[i]] != NULL)
            example = reasons[i];
    if (example != PERP_REASON_NONE)
        fprintf(out, "    For example %s.\n", report->examples[example]);
}

static void naked(const struct desk *desk, FILE *out) {
    const struct report *report = &desk->report;
    const report_naked *worst = NULL;
    int64_t total = 0, longest = 0;
    double usd_seconds = 0;
    uint64_t times = 0;
    uint32_t now = 0;
    for (uint32_t i = 0; i < report->n_naked_bases; i++) {
        const report_naked *row = &report->naked_bases[i];
        times += row->times;
        total += row->total_ns + (row->is_naked ? desk->now_ns - row->since_ns : 0);
        longest = row->longest_ns > longest ? row->longest_ns : longest;
        usd_seconds += row->usd_seconds;
        now += row->is_naked;
        if (worst == NULL || row->most_usd > worst->most_usd)
            worst = row;
    }
    if (times == 0) {
        fputs("  Naked  never: no base lost its other side.\n", out);
        return;
    }
    fprintf(out,
            "  Naked  %" PRIu64 " times, %.0f s in all, the longest %.0f s (to within a second), "
            "%.0f USD x s; at most %.2f USD of %s;\n    %" PRIu64 " repairs were sent, %" PRIu64
            " times a person squared or wanted one; %s.\n",
            times, (double)total / (double)DESK_SECOND, (double)longest / (double)DESK_SECOND,
            usd_seconds, worst->most_usd, worst->base, report->dispatched[DESK_REPAIR],
            report->resolved, now ? "at the end a base still is" : "at the end nothing is");
    fprintf(out,
            "    Exchanges deleveraged %" PRIu64 " positions: %" PRIu64 " reports waited for a "
            "second one, %" PRIu64 " drifts, %" PRIu64 " accepted.\n",
            report->deleverages, report->in_doubt, report->drifts, report->accepted);
}

static void nearest(const struct desk *desk, FILE *out) {
#define X(name, text) text,
    static const char *const names[] = {REPORT_LIMIT_LIST(X)};
#undef X
    uint32_t best = REPORT_LIMITS;
    double most = -1;
    for (uint32_t l = 0; l < REPORT_LIMITS; l++) {
        const report_use *row = &desk->report.uses[l];
        if (row->limit > 0 && row->most / row->limit > most) {
            most = row->most / row->limit;
            best = l;
        }
    }
    if (best == REPORT_LIMITS)
        return;
    const report_use *row = &desk->report.uses[best];
    fprintf(out, "  Nearest limit  %s: %.2f of %.2f (%.1f %%)%s%s%s.\n", names[best], row->most,
            row->limit, 100 * most, *row->where != '\0' ? ", " : "", row->where,
            most > 1 ? "; what reduces, and repairs, pass it" : "");
}

void report_summary(struct desk *desk, FILE *out) {
    fputs("\nIn short\n", out);
    earned(desk, out);
    refused(desk, out);
    naked(desk, out);
    nearest(desk, out);
}

void report_summary_free(struct report *report) {
    for (uint32_t r = 0; r < PERP_MAX_REASONS; r++) {
        free(report->examples[r]);
        report->examples[r] = NULL;
    }
}
