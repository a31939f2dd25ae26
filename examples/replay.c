/* The main job: a host that plays a market through the library with two strategies and a paper
   executor, and shows what became of it. See docs/demo.md. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorded_market.h"
#include "replay_desk.h"
#include "replay_store.h"
#include "sim_market.h"

#define HOUR_NS (3600 * DESK_SECOND)
#define GENERATED_START_NS INT64_C(1767225600000000000) /* 2026-01-01 00:00 UTC */

typedef struct replay_options {
    uint64_t seed;
    double hours;
    const char *data;
    const char *html;
    const char *store;
    int no_sync;
    int quiet;
} replay_options;

static const char usage[] =
    "replay [--seed N] [--hours H] [--data DIR] [--html FILE] [--store FILE [--no-sync]] "
    "[--quiet]\n"
    "Plays a market through the library with two strategies and a paper executor.\n"
    "  --seed N     another generated market, and other accidents (1)\n"
    "  --hours H    how much of it, 0.1 to 1000 (24)\n"
    "  --data DIR   recorded markets instead, from the CSV files in DIR\n"
    "  --html FILE  writes a page with charts\n"
    "  --store FILE keeps the book in a new SQLite store (every tick is one commit); of recorded\n"
    "               markets the first\n"
    "  --no-sync    a commit does not wait for the disk: a power cut may damage the store\n"
    "  --quiet      no progress on standard error\n"
    "Ends with a table; the exit status is 1 where a call failed, the book did not pass its "
    "check,\n"
    "or the library's books differ from the paper accounts.\n";

/* 1: go on, 0: help was asked for, -1: wrong use. */
static int read_options(int argc, char **argv, replay_options *options) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        char *end = NULL;
        if (strcmp(name, "--help") == 0)
            return 0;
        if (strcmp(name, "--quiet") == 0) {
            options->quiet = 1;
            continue;
        }
        if (strcmp(name, "--no-sync") == 0) {
            options->no_sync = 1;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL)
            return -1;
        errno = 0;
        if (strcmp(name, "--seed") == 0)
            options->seed = strtoull(value, &end, 10);
        else if (strcmp(name, "--hours") == 0)
            options->hours = strtod(value, &end);
        else if (strcmp(name, "--data") == 0)
            options->data = value;
        else if (strcmp(name, "--html") == 0)
            options->html = value;
        else if (strcmp(name, "--store") == 0)
            options->store = value;
        else
            return -1;
        if (end != NULL && (end == value || *end != '\0' || errno != 0 || *value == '-'))
            return -1;
    }
    return options->hours >= 0.1 && options->hours <= 1000 ? 1 : -1;
}

static void show_progress(struct desk *desk) {
    double volume = 0, profit = 0;
    uint64_t dispatched = 0;
    for (uint32_t e = 0; e < desk->n_exchanges; e++) {
        volume += (double)desk->exchanges[e].volume / (double)PERP_USD;
        profit += (double)(desk_equity(desk, e) - desk->exchanges[e].deposit) / (double)PERP_USD;
    }
    for (uint32_t p = 0; p < DESK_PURPOSES; p++)
        dispatched += desk->report.dispatched[p];
    int64_t second = desk->now_ns / DESK_SECOND % 86400;
    double share = (double)(desk->now_ns - desk->feed.start_ns) /
                   (double)(desk->feed.end_ns - desk->feed.start_ns);
    fprintf(stderr,
            "%3.0f %%  %02d:%02d:%02d  %6" PRIu64 " jobs sent  %3" PRIu32
            " at work or held  volume %12.0f  profit %9.2f\n",
            share * 100, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
            dispatched, desk->n_live, volume, profit);
}

/* Plays a feed to its end. 1: all went well. */
static int play(struct desk *desk, const replay_options *options, FILE *html) {
    clock_t start = clock();
    int64_t part = (desk->feed.end_ns - desk->feed.start_ns) / 24;
    if (!options->quiet)
        fprintf(stderr, "%s\n", desk->feed.title);
    for (int64_t until = desk->feed.start_ns + part; desk_run(desk, until); until += part)
        if (!options->quiet)
            show_progress(desk);
    desk_end(desk);
    if (!options->quiet)
        fprintf(stderr, "played in %.1f s\n", (double)(clock() - start) / CLOCKS_PER_SEC);
    int agree = report_print(desk, stdout);
    if (html != NULL)
        report_html(desk, html);
    if (desk->failed)
        fprintf(stderr, "replay: %s\n", desk->error);
    printf("\n%s\n", desk->failed ? "FAILED"
                     : agree      ? "The book passed its check."
                                  : "FAILED: the books differ");
    return agree && !desk->failed;
}

/* One market from opening the core to closing it. `limits` is a configuration as JSON. */
typedef struct market_source {
    void *market;
    perp_status (*enter)(void *market, perp_core *core);
    struct feed feed;
    const char *limits;
} market_source;

static int run(const market_source *source, const desk_settings *settings,
               const replay_options *options, FILE *html) {
    perp_core *core = NULL;
    struct desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL)
        return 0;
    perp_config config;
    perp_config_init(&config);
    config.threading = PERP_THREADING_NONE;
    config.callbacks.user = desk;
    config.callbacks.execute = desk_execute;
    config.callbacks.on_job_end = desk_job_end;
    config.callbacks.on_leg_risk = desk_leg_risk;
    config.callbacks.on_cancel = desk_cancel_asked;
    perp_status status = perp_config_from_json(source->limits, strlen(source->limits), &config);
    config.durability = PERP_DURABILITY_BATCH;
    if (status == PERP_OK && options->store != NULL)
        status = replay_store_open(options->store, options->no_sync, &config.store);
    if (status == PERP_OK)
        status = perp_core_open(&config, &core);
    if (status == PERP_OK && perp_exchange_count(core) > 0) {
        fprintf(stderr, "replay: %s: has a book already; the demo begins a new one\n",
                options->store);
        perp_core_close(core);
        free(desk);
        return 0;
    }
    if (status != PERP_OK)
        fprintf(stderr, "replay: %s\n", perp_core_error(NULL));
    else
        status = source->enter(source->market, core);
    int good = 0;
    if (core != NULL && status != PERP_OK)
        fprintf(stderr, "replay: %s: %s\n", perp_status_string(status), perp_core_error(core));
    if (status == PERP_OK) {
        if (desk_open(desk, core, &source->feed, settings))
            good = play(desk, options, html);
        else
            fprintf(stderr, "replay: %s\n", desk->error);
        desk_close(desk);
    }
    perp_core_close(core);
    free(desk);
    return good;
}

static perp_status enter_generated(void *market, perp_core *core) {
    return sim_market_register(market, core);
}

static perp_status enter_recorded(void *market, perp_core *core) {
    return recorded_market_register(market, core);
}

static int run_generated(const replay_options *options, FILE *html) {
    desk_settings settings;
    desk_settings_init(&settings);
    settings.seed = options->seed;
    settings.deleverages_a_day = 10;
    int64_t span = (int64_t)(options->hours * (double)HOUR_NS);
    int64_t end = GENERATED_START_NS + span;
    if (settings.strategies.wind_down_ns > span / 8)
        settings.strategies.wind_down_ns = span / 8;
    sim_market *market = sim_market_new(options->seed, GENERATED_START_NS, end);
    if (market == NULL) {
        fputs("replay: no memory\n", stderr);
        return 0;
    }
    market_source source = {.market = market,
                            .enter = enter_generated,
                            .limits = "{\"risk\":{\"daily_volume_target\":20000000}}"};
    sim_market_feed(market, &source.feed);
    int good = run(&source, &settings, options, html);
    sim_market_free(market);
    return good;
}

/* One quote a minute: what the library calls stale, and what the strategies call fresh, has to fit
   the data. Orders rest until the trades of a later minute go through their price. */
static const char minute_limits[] =
    "{\"risk\":{\"max_quote_age_ms\":90000,\"daily_volume_target\":2000000}}";

static void fit_settings(desk_settings *settings, uint32_t part) {
    if (part == RECORDED_TWO_EXCHANGES) {
        desk_settings_fit_minutes(settings);
    } else {
        settings->paper.maker_rate = 0;
        settings->sample_ns = DESK_SECOND;
        settings->strategies.same_venue = 1;
        settings->strategies.warm_up_ns = 20 * DESK_SECOND;
        settings->strategies.wind_down_ns = 15 * DESK_SECOND;
        settings->strategies.volume_every_ns = 10 * DESK_SECOND;
        settings->strategies.volume_cost_bps = 8;
    }
}

static int run_recorded(const replay_options *options, FILE *html) {
    int good = 1;
    for (uint32_t part = 0; part < RECORDED_PARTS; part++) {
        char message[512] = "";
        recorded_market *market = recorded_market_new(part, options->data, message, sizeof message);
        if (market == NULL) {
            fprintf(stderr, "replay: %s\n", message);
            return 0;
        }
        desk_settings settings;
        desk_settings_init(&settings);
        settings.seed = options->seed;
        fit_settings(&settings, part);
        market_source source = {.market = market,
                                .enter = enter_recorded,
                                .limits = part == RECORDED_TWO_EXCHANGES ? minute_limits : "{}"};
        recorded_market_feed(market, &source.feed);
        if (part > 0)
            putchar('\n');
        replay_options of_part = *options;
        if (part > 0)
            of_part.store = NULL;
        good = run(&source, &settings, &of_part, html) && good;
        recorded_market_free(market);
    }
    return good;
}

int main(int argc, char **argv) {
    replay_options options = {.seed = 1, .hours = 24};
    int wanted = read_options(argc, argv, &options);
    if (wanted <= 0) {
        fputs(usage, wanted == 0 ? stdout : stderr);
        return wanted == 0 ? 0 : 2;
    }
    FILE *html = NULL;
    if (options.html != NULL) {
        html = fopen(options.html, "w");
        if (html == NULL) {
            fprintf(stderr, "replay: %s: %s\n", options.html, strerror(errno));
            return 1;
        }
        report_html_begin(html);
    }
    int good = options.data != NULL ? run_recorded(&options, html) : run_generated(&options, html);
    if (html != NULL) {
        report_html_end(html);
        int written = !ferror(html);
        if (fclose(html) != 0 || !written) {
            fprintf(stderr, "replay: %s: cannot be written\n", options.html);
            good = 0;
        } else if (!options.quiet && fflush(stdout) == 0) {
            fprintf(stderr, "charts: %s\n", options.html);
        }
    }
    return good ? 0 : 1;
}
