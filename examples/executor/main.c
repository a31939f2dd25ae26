/* executor-demo: hedges between two venues, with real requests, against exchanges that are real in
   nothing but their faults (examples/fake_exchange). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "executor.h"

/* What a test wants: it goes on whatever fails, and loses no job's orders from sight. */
static const char limits[] =
    "{\"risk\":{\"mode\":\"aggressive\",\"max_consecutive_failures\":1000,"
    "\"circuit_failures\":100,\"circuit_cooldown_ms\":2000,\"daily_loss_limit_pct\":0.5,"
    "\"max_drawdown_pct\":0.5,\"blackout_minutes\":0},"
    "\"scheduler\":{\"max_global_concurrent_jobs\":200,\"max_concurrent_per_exchange\":200,"
    "\"max_notional_per_exchange\":1000000,\"history_size\":100000,\"default_ttl_ms\":30000,"
    "\"repair_backoff_ms\":500},"
    "\"orders\":{\"auto_finish\":true,\"max_unhedged_ms\":2000}}";

static executor ex; /* large */

static void on_signal(int signal) {
    (void)signal;
    ex.stops = true;
}

static int usage(FILE *to) {
    fputs(
        "usage: executor-demo [options] URL URL\n"
        "Trades hedges between two venues, each http://HOST:PORT/VENUE, and says what came of it.\n"
        "Started again with the same store it goes on where it was, however it ended.\n"
        "  --store FILE     the book (executor.db); files beside it begin with its name\n"
        "  --jobs N         submitted in all, over all starts (100)\n"
        "  --seed N         of jobs (1)\n"
        "  --usd N          of a job (300)\n"
        "  --symbols N      traded, the first ones of the venues (4)\n"
        "  --at-once N      jobs of a symbol (12)\n"
        "  --makers P       chance that a leg rests (0.6)\n"
        "  --patience MS    how long it may (1500)\n"
        "  --cancel P       chance that a job is cancelled by hand, each 50 ms (0)\n"
        "  --kill-every S   the kill switch is on for half a second (never)\n"
        "  --config FILE    settings as JSON, over those of the demo\n"
        "  --dump FILE      the book in the end, as JSON\n"
        "  --verbose        says what it is alerted of\n"
        "EXECUTOR_KEY and EXECUTOR_SECRET in the environment: requests are signed.\n",
        to);
    return to == stdout ? 0 : 2;
}

enum {
    STORE,
    JOBS,
    SEED,
    USD,
    SYMBOLS,
    AT_ONCE,
    MAKERS,
    PATIENCE,
    CANCEL,
    KILL,
    CONFIG,
    DUMP,
    VERBOSE,
    HELP
};

static const struct option options[] = {
    {"store", 1, NULL, STORE},     {"jobs", 1, NULL, JOBS},         {"seed", 1, NULL, SEED},
    {"usd", 1, NULL, USD},         {"symbols", 1, NULL, SYMBOLS},   {"at-once", 1, NULL, AT_ONCE},
    {"makers", 1, NULL, MAKERS},   {"patience", 1, NULL, PATIENCE}, {"cancel", 1, NULL, CANCEL},
    {"kill-every", 1, NULL, KILL}, {"config", 1, NULL, CONFIG},     {"dump", 1, NULL, DUMP},
    {"verbose", 0, NULL, VERBOSE}, {"help", 0, NULL, HELP},         {NULL, 0, NULL, 0}};

static double number(const char *text, double low, double high) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || errno != 0 || !(value >= low && value <= high)) {
        fprintf(stderr, "executor-demo: %s: a number from %g to %g is wanted\n", text, low, high);
        exit(2);
    }
    return value;
}

static void read_option(ex_settings *s, int option, const char *text) {
    switch (option) {
    case STORE:
        s->store = text;
        break;
    case JOBS:
        s->jobs = (uint64_t)number(text, 0, 1e6);
        break;
    case SEED:
        s->seed = (uint64_t)number(text, 0, 1e9);
        break;
    case USD:
        s->usd = number(text, 10, 1e5);
        break;
    case SYMBOLS:
        s->symbols = (uint32_t)number(text, 1, EX_INSTRUMENTS);
        break;
    case AT_ONCE:
        s->symbol_jobs = (uint32_t)number(text, 1, 64);
        break;
    case MAKERS:
        s->maker_chance = number(text, 0, 1);
        break;
    case PATIENCE:
        s->patience_ns = (int64_t)number(text, 1, 1e6) * EX_MS;
        break;
    case CANCEL:
        s->cancel_chance = number(text, 0, 1);
        break;
    case KILL:
        s->kill_every_ns = (int64_t)number(text, 1, 1e6) * EX_S;
        break;
    case CONFIG:
        s->config = text;
        break;
    case DUMP:
        s->dump = text;
        break;
    default:
        s->quiet = false;
        break;
    }
}

static bool read_file(const char *path, perp_config *config) {
    static char text[65536];
    FILE *file = fopen(path, "r");
    size_t n = file == NULL ? 0 : fread(text, 1, sizeof text, file);
    if (file != NULL)
        fclose(file);
    return n > 0 && n < sizeof text && perp_config_from_json(text, n, config) == PERP_OK;
}

static bool open_book(const ex_settings *settings) {
    perp_config config;
    perp_config_init(&config);
    ex_callbacks(&ex, &config.callbacks);
    config.config_wins = 1;
    config.actor = "executor-demo";
    config.reason = "its settings";
    if (perp_config_from_json(limits, sizeof limits - 1, &config) != PERP_OK ||
        (settings->config != NULL && !read_file(settings->config, &config)) ||
        perp_store_sqlite_open(settings->store, NULL, &config.store) != PERP_OK ||
        perp_core_open(&config, &ex.core) != PERP_OK) {
        fprintf(stderr, "executor-demo: %s\n", perp_core_error(NULL));
        return false;
    }
    ex.scheduler = perp_core_scheduler(ex.core);
    ex.orders = perp_core_orders(ex.core);
    ex.market = perp_core_market(ex.core);
    ex.naked = ex_naked_open(settings->store);
    return ex.naked != NULL;
}

/* A kill switch that an earlier run left on. */
static void release(const executor *e) {
    perp_call call = ex_call();
    call.actor = "executor-demo";
    call.reason = "it starts";
    perp_scheduler_kill(e->scheduler, &call, 0, PERP_ALL_EXCHANGES, NULL, 0, NULL);
}

static bool run(const ex_settings *settings) {
    bool good = true;
    release(&ex);
    for (uint32_t i = 0; i < settings->n_venues && good; i++) {
        ex.n_venues = i + 1;
        good = ex_venue_open(&ex, &ex.venues[i], settings->urls[i]);
    }
    for (uint32_t i = 0; i < ex.n_venues && good; i++)
        ex_venue_start(&ex.venues[i]);
    if (good)
        ex_desk_run(&ex);
    bool done = good && !ex.stops;
    ex.stops = true;
    for (uint32_t i = 0; i < ex.n_venues; i++)
        ex_venue_close(&ex.venues[i]);
    ex_report(&ex);
    if (settings->dump != NULL && !ex_dump(&ex, settings->dump)) {
        fprintf(stderr, "executor-demo: %s can't be written\n", settings->dump);
        return false;
    }
    return done;
}

int main(int argc, char **argv) {
    ex_settings settings = {.store = "executor.db",
                            .jobs = 100,
                            .seed = 1,
                            .usd = 300,
                            .symbols = 4,
                            .symbol_jobs = 12,
                            .maker_chance = 0.6,
                            .patience_ns = 1500 * EX_MS,
                            .reprice_ns = 400 * EX_MS,
                            .give_up_ns = 20 * EX_S,
                            .quiet = true};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == HELP || option == '?')
            return usage(option == HELP ? stdout : stderr);
        read_option(&settings, option, optarg);
    }
    if (argc - optind != 2)
        return usage(stderr);
    for (; optind < argc; optind++)
        settings.urls[settings.n_venues++] = argv[optind];
    ex.settings = &settings;
    ex_keys_read(&ex);
    sim_random_seed(&ex.random, settings.seed, (uint64_t)ex_now());
    pthread_mutex_init(&ex.lock, NULL);
    pthread_mutex_init(&ex.poke_lock, NULL);
    pthread_cond_init(&ex.poked, NULL);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bool good = open_book(&settings) && run(&settings);
    ex_naked_close(ex.naked);
    if (perp_core_close(ex.core) != PERP_OK)
        good = false;
    curl_global_cleanup();
    return good ? 0 : 1;
}
