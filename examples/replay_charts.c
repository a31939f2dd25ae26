/* The page with the charts: one file, nothing is fetched, light or dark as the reader's system is.
 */
#include <inttypes.h>
#include <math.h>

#include "replay_desk.h"

#define WIDTH 760.0
#define HEIGHT 230.0
#define LEFT 64.0
#define RIGHT 26.0
#define TOP 10.0
#define BOTTOM 26.0
#define MAX_POINTS 480
#define MAX_BARS 48
#define MAX_SERIES 7

/* Gives one value of a sample. */
typedef double (*pick)(const report_sample *sample);

typedef struct series {
    const char *name;
    pick value;
} series;

typedef struct plot {
    int64_t start_ns, end_ns;
    double low, high;
} plot;

void report_html_begin(FILE *out) {
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<title>Replay</title>\n<style>\n"
          ":root{color-scheme:light dark;--back:#ffffff;--text:#1f2430;--soft:#667085;"
          "--line:#e4e7ec;--c0:#2563eb;--c1:#c2570c;--c2:#0f8a7e;--c3:#9333ea;--c4:#c81e4a;"
          "--c5:#5b8a0a;--c6:#7a8194}\n"
          "@media (prefers-color-scheme:dark){:root{--back:#14171f;--text:#e6e9f0;"
          "--soft:#98a2b3;--line:#2b303b;--c0:#6ea0ff;--c1:#ff9a4d;--c2:#3fd0c0;--c3:#c28bff;"
          "--c4:#ff6b8f;--c5:#a9d65c;--c6:#8d95a8}}\n"
          "body{margin:0 auto;max-width:52rem;padding:1.5rem 1rem;background:var(--back);"
          "color:var(--text);font:15px/1.5 system-ui,sans-serif}\n"
          "h1{font-size:1.3rem;margin:2rem 0 .5rem}h2{font-size:1rem;margin:1.5rem 0 .2rem}\n"
          "p{margin:.2rem 0;color:var(--soft)}\n"
          "svg{width:100%;height:auto;display:block}\n"
          "svg text{fill:var(--soft);font:11px system-ui,sans-serif}\n"
          ".grid{stroke:var(--line);stroke-width:1}.zero{stroke:var(--soft);stroke-width:1}\n"
          ".line{fill:none;stroke-width:1.6;stroke-linejoin:round}\n"
          ".key{display:inline-block;margin-right:1rem;color:var(--text);white-space:nowrap}\n"
          ".key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;"
          "margin-right:.35rem;vertical-align:-1px}\n"
          "pre{overflow-x:auto;font-size:12px;line-height:1.35;border:1px solid var(--line);"
          "border-radius:6px;padding:.8rem}\n"
          "</style></head><body>\n",
          out);
}

void report_html_end(FILE *out) {
    fputs("</body></html>\n", out);
}

static double x_of(const plot *frame, int64_t time_ns) {
    double span = (double)(frame->end_ns - frame->start_ns);
    double share = span > 0 ? (double)(time_ns - frame->start_ns) / span : 0;
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const plot *frame, double value) {
    double share = (value - frame->low) / (frame->high - frame->low);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that about four steps make the span. */
static double nice_step(double span) {
    double power = pow(10, floor(log10(span / 4)));
    double step = span / 4 / power;
    return power * (step > 5 ? 10 : step > 2 ? 5 : step > 1 ? 2 : 1);
}

static void widen(plot *frame) {
    if (frame->high - frame->low < 1e-9)
        frame->high = frame->low + 1;
    double step = nice_step(frame->high - frame->low);
    frame->low = floor(frame->low / step + 1e-9) * step;
    frame->high = ceil(frame->high / step - 1e-9) * step;
}

static void draw_number(FILE *out, double value, const char *unit) {
    double size = fabs(value);
    if (size >= 1e6)
        fprintf(out, "%.4gM%s", value / 1e6, unit);
    else if (size >= 1e4)
        fprintf(out, "%.4gk%s", value / 1e3, unit);
    else
        fprintf(out, "%.4g%s", size < 1e-9 ? 0.0 : value, unit);
}

static void draw_axes(FILE *out, const plot *frame, const char *unit) {
    double step = nice_step(frame->high - frame->low);
    for (double value = frame->low; value <= frame->high + step / 2; value += step) {
        double y = y_of(frame, value);
        fprintf(out, "<line class=\"%s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                fabs(value) < step / 1e6 ? "zero" : "grid", LEFT, WIDTH - RIGHT, y, y);
        fprintf(out, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6, y + 4);
        draw_number(out, fabs(value) < step / 1e6 ? 0 : value, unit);
        fputs("</text>", out);
    }
    for (int i = 0; i <= 6; i++) {
        int64_t time_ns = frame->start_ns + (frame->end_ns - frame->start_ns) / 6 * i;
        int64_t second = time_ns / DESK_SECOND % 86400;
        fprintf(out, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">", x_of(frame, time_ns),
                HEIGHT - 8);
        if (frame->end_ns - frame->start_ns > 7200 * DESK_SECOND)
            fprintf(out, "%02d:%02d</text>", (int)(second / 3600), (int)(second / 60 % 60));
        else
            fprintf(out, "%02d:%02d:%02d</text>", (int)(second / 3600), (int)(second / 60 % 60),
                    (int)(second % 60));
    }
    fputc('\n', out);
}

static void draw_key(FILE *out, uint32_t colour, const char *name) {
    fprintf(out, "<span class=\"key\"><i style=\"background:var(--c%" PRIu32 ")\"></i>%s</span>",
            colour, name);
}

static void open_chart(FILE *out, const char *title, const char *note) {
    fprintf(out, "<h2>%s</h2>\n<p>%s</p>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" ", title,
            note, WIDTH, HEIGHT);
    fprintf(out, "aria-label=\"%s\">\n", title);
}

static plot plot_of(const struct report *report, const struct desk *desk) {
    plot frame = {.start_ns = desk->feed.start_ns, .end_ns = desk->feed.end_ns};
    if (report->n_samples > 0 && report->samples[report->n_samples - 1].time_ns > frame.end_ns)
        frame.end_ns = report->samples[report->n_samples - 1].time_ns;
    return frame;
}

static void draw_lines(FILE *out, const struct desk *desk, const char *title, const char *note,
                       const char *unit, const series *rows, uint32_t n) {
    const struct report *report = &desk->report;
    plot frame = plot_of(report, desk);
    for (uint32_t i = 0; i < report->n_samples; i++)
        for (uint32_t s = 0; s < n; s++) {
            frame.low = fmin(frame.low, rows[s].value(&report->samples[i]));
            frame.high = fmax(frame.high, rows[s].value(&report->samples[i]));
        }
    widen(&frame);
    open_chart(out, title, note);
    draw_axes(out, &frame, unit);
    uint32_t stride = report->n_samples / MAX_POINTS + 1;
    for (uint32_t s = n; s-- > 0;) {
        fprintf(out, "<polyline class=\"line\" style=\"stroke:var(--c%" PRIu32 ")\" points=\"", s);
        for (uint32_t i = 0; i < report->n_samples; i += stride)
            fprintf(out, "%.1f,%.1f ", x_of(&frame, report->samples[i].time_ns),
                    y_of(&frame, rows[s].value(&report->samples[i])));
        fputs("\"/>\n", out);
    }
    fputs("</svg>\n<div>", out);
    for (uint32_t s = 0; n > 1 && s < n; s++)
        draw_key(out, s, rows[s].name);
    fputs("</div>\n", out);
}

/* The reasons that were met most often; all others share the last place. */
static uint32_t top_reasons(const struct report *report, uint32_t reasons[MAX_SERIES - 1]) {
    uint32_t n = 0;
    for (uint32_t r = 1; r < PERP_MAX_REASONS; r++) {
        uint32_t place = n;
        if (report->met[r] == 0)
            continue;
        while (place > 0 && report->met[reasons[place - 1]] < report->met[r])
            place--;
        if (place == MAX_SERIES - 1)
            continue;
        if (n < MAX_SERIES - 1)
            n++;
        for (uint32_t k = n - 1; k > place; k--)
            reasons[k] = reasons[k - 1];
        reasons[place] = r;
    }
    return n;
}

/* How often reasons were met between two samples: by the first n reasons, then by all others. */
static double count_met(const report_sample *from, const report_sample *to, const uint32_t *reasons,
                        uint32_t n, uint32_t which) {
    double all = 0, listed = 0;
    if (which < n)
        return to->met[reasons[which]] - (from == NULL ? 0 : from->met[reasons[which]]);
    for (uint32_t r = 1; r < PERP_MAX_REASONS; r++)
        all += to->met[r] - (from == NULL ? 0 : from->met[r]);
    for (uint32_t k = 0; k < n; k++)
        listed += to->met[reasons[k]] - (from == NULL ? 0 : from->met[reasons[k]]);
    return all - listed;
}

static void draw_refusals(FILE *out, const struct desk *desk) {
    const struct report *report = &desk->report;
    uint32_t reasons[MAX_SERIES - 1];
    uint32_t n = top_reasons(report, reasons);
    plot frame = plot_of(report, desk);
    uint32_t stride = report->n_samples / MAX_BARS + 1;
    const report_sample *samples = report->samples;
    for (uint32_t i = 0; i < report->n_samples; i += stride) {
        uint32_t last = i + stride <= report->n_samples ? i + stride - 1 : report->n_samples - 1;
        frame.high = fmax(frame.high,
                          count_met(i == 0 ? NULL : &samples[i - 1], &samples[last], NULL, 0, 0));
    }
    widen(&frame);
    open_chart(out, "Refusals over time", "Jobs that met a reason, by when they met it first.");
    draw_axes(out, &frame, "");
    double width = (WIDTH - LEFT - RIGHT) * stride / (report->n_samples + 1);
    for (uint32_t i = 0; i < report->n_samples; i += stride) {
        uint32_t last = i + stride <= report->n_samples ? i + stride - 1 : report->n_samples - 1;
        double below = 0;
        for (uint32_t k = 0; k <= n; k++) {
            double count =
                count_met(i == 0 ? NULL : &samples[i - 1], &samples[last], reasons, n, k);
            if (count <= 0)
                continue;
            fprintf(out,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                    "style=\"fill:var(--c%d)\"><title>%s: %.0f</title></rect>\n",
                    x_of(&frame, samples[i].time_ns), y_of(&frame, below + count),
                    fmax(width - 1, 1), y_of(&frame, below) - y_of(&frame, below + count),
                    k < n ? (int)k : MAX_SERIES - 1,
                    k < n ? perp_reason_string(reasons[k]) : "other", count);
            below += count;
        }
    }
    fputs("</svg>\n<div>", out);
    for (uint32_t k = 0; k < n; k++)
        draw_key(out, k, perp_reason_string(reasons[k]));
    draw_key(out, MAX_SERIES - 1, "other");
    fputs("</div>\n", out);
}

static double pick_equity(const report_sample *sample) {
    return sample->equity;
}

static double pick_arb(const report_sample *sample) {
    return sample->trading[0];
}

static double pick_hedge(const report_sample *sample) {
    return sample->trading[1];
}

static double pick_funding(const report_sample *sample) {
    return sample->funding;
}

static double pick_fees(const report_sample *sample) {
    return sample->fees;
}

static double pick_volume(const report_sample *sample) {
    return sample->volume;
}

static double pick_wash(const report_sample *sample) {
    return sample->use[PERP_POOL_WASH] * 100;
}

static double pick_arb_pool(const report_sample *sample) {
    return sample->use[PERP_POOL_ARB] * 100;
}

static double pick_reserve(const report_sample *sample) {
    return sample->use[PERP_POOL_RESERVE] * 100;
}

static double pick_open(const report_sample *sample) {
    return sample->open;
}

static double pick_running(const report_sample *sample) {
    return sample->running;
}

void report_html(struct desk *desk, FILE *out) {
    static const series equity[] = {{"accounts", pick_equity}};
    static const series profit[] = {
        {"arbitrage", pick_arb}, {"volume hedge", pick_hedge}, {"funding", pick_funding}};
    static const series volume[] = {{"volume", pick_volume}};
    static const series fees[] = {{"fees", pick_fees}};
    static const series pools[] = {
        {"volume hedges", pick_wash}, {"arbitrage", pick_arb_pool}, {"repairs", pick_reserve}};
    static const series jobs[] = {{"holding a position", pick_open}, {"running", pick_running}};
    fprintf(out, "<h1>%s</h1>\n<pre>", desk->feed.title);
    report_summary(desk, out);
    fputs("</pre>\n", out);
    draw_lines(out, desk, "Equity",
               "Change of all accounts since the start, USD, open positions at the mid.", "",
               equity, 1);
    draw_lines(out, desk, "Profit", "Of jobs that have ended, after fees, and of funding, USD.", "",
               profit, 3);
    draw_lines(out, desk, "Volume", "Traded since the start, both sides of every hedge, USD.", "",
               volume, 1);
    draw_lines(out, desk, "Fees", "Paid since the start, USD.", "", fees, 1);
    draw_lines(out, desk, "Pool use", "In flight and used, of the budget of all exchanges.", "%",
               pools, 3);
    draw_lines(out, desk, "Jobs", "At work and holding a position.", "", jobs, 2);
    draw_refusals(out, desk);
    fputs("<h2>Table</h2>\n<pre>", out);
    report_print(desk, out);
    fputs("</pre>\n", out);
}
