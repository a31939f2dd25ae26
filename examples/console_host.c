/* The host: opens the book, plays the market into it on threads of its own, and decides. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"

#define HOUR (3600 * CONSOLE_SECOND)
#define WARM_UP (600 * CONSOLE_SECOND) /* of market that is played at once, at the start */
#define WEEK (7 * 24 * HOUR)
#define SLICE_NS 20000000                   /* between two rounds of the decision thread */
#define MOST_MARKET_NS (CONSOLE_SECOND / 2) /* of market in a round, where it can be kept */
#define LATE_NS 200000000                   /* more than this is not caught up */

const double console_bucket_limits[CONSOLE_BUCKETS] = {
    5e-6, 1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5, 7.5e-5, 1e-4, 1.5e-4, 2e-4,
    3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 3e-3, 5e-3,   1e-2, 5e-2,   1e-1};

static int64_t clock_of(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return time.tv_sec * CONSOLE_SECOND + time.tv_nsec;
}

static void sleep_ns(int64_t ns) {
    struct timespec time = {.tv_sec = ns / CONSOLE_SECOND, .tv_nsec = ns % CONSOLE_SECOND};
    nanosleep(&time, NULL);
}

static perp_call call_of(int64_t now_ns, const char *actor, const char *reason) {
    perp_call call = desk_call(now_ns);
    call.actor = actor;
    call.reason = reason;
    return call;
}

int64_t console_host_now(const struct console_host *host) {
    return atomic_load(&host->now_ns);
}

/* ---- the feeds ---- */

static perp_exchange_id exchange_of(const struct console_host *host, const feed_event *event) {
    switch (event->kind) {
    case FEED_LATENCY:
        return event->u.latency.exchange;
    case FEED_STATUS:
        return event->u.status.exchange;
    case FEED_TRADE:
        return host->desk->instruments[event->u.trade.instrument].exchange;
    case FEED_MARK:
        return host->desk->instruments[event->u.mark.instrument].exchange;
    case FEED_FUNDING:
        return host->desk->instruments[event->u.funding.instrument].exchange;
    case FEED_SETTLEMENT:
        return host->desk->instruments[event->u.settlement.instrument].exchange;
    default:
        return host->desk->instruments[event->u.quote.instrument].exchange;
    }
}

/* The library wants one thread at a time for what it learns of an instrument; the desk, which
   tells latencies of orders, is another one than the feed's. */
static perp_status tell(struct console_host *host, const feed_event *event) {
    pthread_mutex_t *guard = &host->guards[exchange_of(host, event)];
    pthread_mutex_lock(guard);
    perp_status status = feed_tell(perp_core_market(host->core), event);
    pthread_mutex_unlock(guard);
    return status;
}

/* Where the feed may go, once that is past where it was; INT64_MIN: it is to end. */
static int64_t wait_for_target(struct console_host *host, int64_t before) {
    pthread_mutex_lock(&host->clock_lock);
    while (host->target_ns <= before && !atomic_load(&host->stop))
        pthread_cond_wait(&host->clock_moved, &host->clock_lock);
    int64_t target = atomic_load(&host->stop) ? INT64_MIN : host->target_ns;
    pthread_mutex_unlock(&host->clock_lock);
    return target;
}

/* Bad and late events are counted by the library; a feed goes on. */
static void *feed_main(void *user) {
    struct console_feed *feed = user;
    struct console_host *host = feed->host;
    feed_event event;
    int have = feed->feed.next(feed->feed.user, &event);
    int64_t target = INT64_MIN;
    while ((target = wait_for_target(host, target)) != INT64_MIN) {
        while (have && event.time_ns <= target) {
            if (exchange_of(host, &event) % host->n_feeds == feed->part)
                (void)tell(host, &event);
            have = feed->feed.next(feed->feed.user, &event);
        }
        atomic_store(&feed->done_ns, have ? target : INT64_MAX);
    }
    return NULL;
}

/* ---- the decision thread ---- */

static void set_target(struct console_host *host, int64_t target_ns) {
    pthread_mutex_lock(&host->clock_lock);
    host->target_ns = target_ns;
    pthread_cond_broadcast(&host->clock_moved);
    pthread_mutex_unlock(&host->clock_lock);
}

static int64_t feeds_done(struct console_host *host, int64_t target) {
    for (uint32_t f = 0; f < host->n_feeds; f++) {
        int64_t done = atomic_load(&host->feeds[f].done_ns);
        target = done < target ? done : target;
    }
    return target;
}

static void take_back_orders(struct console_host *host) {
    uint64_t kills = atomic_exchange(&host->kills, 0);
    for (uint32_t e = 0; e < host->desk->n_exchanges && kills != 0; e++)
        if (kills >> e & 1)
            paper_cancel(host->desk, host->desk->now_ns, e);
}

/* What stands in the way of decisions is shown where everybody looks: the book is paused. */
static void stand_still(struct console_host *host, const char *reason) {
    perp_call call = call_of(console_host_now(host), "console", reason);
    perp_status status = perp_scheduler_pause(perp_core_scheduler(host->core), &call);
    struct console_control control = {.time_ns = call.now_ns,
                                      .wall_ns = clock_of(CLOCK_REALTIME),
                                      .status = status,
                                      .enabled = -1};
    snprintf(control.action, sizeof control.action, "pause");
    snprintf(control.actor, sizeof control.actor, "console");
    snprintf(control.reason, sizeof control.reason, "%s", reason);
    if (status != PERP_OK)
        snprintf(control.result, sizeof control.result, "%s", perp_core_error(host->core));
    console_events_control(host->events, &control);
}

static void note_failure(struct console_host *host) {
    if (!host->desk->failed || atomic_load(&host->failed))
        return;
    snprintf(host->failure, sizeof host->failure, "%s", host->desk->error);
    atomic_store(&host->failed, true);
    fprintf(stderr, "perpcore-console: decisions have stopped: %s\n", host->failure);
    char reason[200];
    snprintf(reason, sizeof reason, "decisions have stopped: %.170s", host->failure);
    stand_still(host, reason);
}

/* Tells of exchanges that went down and feeds that fell silent, once a second of the market. */
static void watch(struct console_host *host) {
    int64_t now = host->desk->now_ns;
    if (now - host->watched_ns < CONSOLE_SECOND)
        return;
    host->watched_ns = now;
    if (perp_monitor_watch(host->core, now) != PERP_OK)
        fprintf(stderr, "perpcore-console: alerts: %s\n", perp_core_error(host->core));
}

/* One round: as far as the feeds have come. */
static void decide(struct console_host *host, int64_t until_ns) {
    pthread_mutex_lock(&host->desk_lock);
    struct desk *desk = host->desk;
    if (!desk->failed && until_ns > desk->now_ns) {
        take_back_orders(host);
        if (!desk_run(desk, until_ns) && !desk->failed && !atomic_exchange(&host->ended, true)) {
            atomic_store(&host->now_ns, desk->now_ns);
            stand_still(host, "the recorded market has ended");
        }
        atomic_store(&host->now_ns, desk->now_ns);
        if (desk->report.n_samples > 512) /* charts are the page's business */
            desk->report.n_samples = 1;
        watch(host);
    }
    note_failure(host);
    pthread_mutex_unlock(&host->desk_lock);
    atomic_store(&host->beat_ns, clock_of(CLOCK_MONOTONIC));
}

static void *decide_main(void *user) {
    struct console_host *host = user;
    double speed = host->options->speed;
    int64_t slice = SLICE_NS;
    if ((double)slice * speed > (double)MOST_MARKET_NS)
        slice = (int64_t)((double)MOST_MARKET_NS / speed);
    int64_t target = host->target_ns; /* only this thread changes it */
    int64_t before = clock_of(CLOCK_MONOTONIC);
    while (!atomic_load(&host->stop)) {
        sleep_ns(slice);
        int64_t now = clock_of(CLOCK_MONOTONIC);
        int64_t passed = now - before < LATE_NS ? now - before : LATE_NS;
        before = now;
        int64_t reached = feeds_done(host, target);
        decide(host, reached);
        /* Where the machine is too slow for the speed, the market waits for it. */
        if (target - console_host_now(host) < CONSOLE_SECOND || atomic_load(&host->failed))
            target += (int64_t)((double)passed * speed);
        set_target(host, target);
    }
    return NULL;
}

/* Plays the market without waiting, so that there is something to decide on. */
static void warm_up(struct console_host *host, int64_t until_ns) {
    int64_t at = host->desk->now_ns;
    while (at < until_ns && !atomic_load(&host->failed)) {
        at = at + CONSOLE_SECOND < until_ns ? at + CONSOLE_SECOND : until_ns;
        set_target(host, at);
        while (feeds_done(host, at) < at)
            sleep_ns(20000);
        decide(host, at);
    }
    set_target(host, at);
}

static void ticked(void *user, int64_t ns) {
    struct console_host *host = user;
    double seconds = (double)ns * 1e-9;
    uint32_t bucket = 0;
    while (bucket < CONSOLE_BUCKETS && seconds > console_bucket_limits[bucket])
        bucket++;
    pthread_mutex_lock(&host->figures_lock);
    host->ticks_in[bucket]++;
    host->ticks++;
    host->tick_seconds += seconds;
    pthread_mutex_unlock(&host->figures_lock);
}

/* ---- what the library tells ---- */

static void on_execute(void *user, const perp_execution *job, uint32_t *outcome) {
    struct console_host *host = user;
    desk_execute(host->desk, job, outcome);
}

static void on_job_end(void *user, const perp_uuid *job, uint32_t state) {
    struct console_host *host = user;
    desk_job_end(host->desk, job, state);
}

static void on_leg_risk(void *user, const char *base, double quantity) {
    struct console_host *host = user;
    desk_leg_risk(host->desk, base, quantity);
}

static void on_cancel(void *user, const perp_uuid *job) {
    struct console_host *host = user;
    desk_cancel_asked(host->desk, job);
}

static void on_kill(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n_jobs) {
    struct console_host *host = user;
    (void)jobs; /* the paper exchange takes back all that it has */
    (void)n_jobs;
    atomic_fetch_or(&host->kills,
                    exchange == PERP_ALL_EXCHANGES ? UINT64_MAX : UINT64_C(1) << exchange);
}

static void on_alert(void *user, const perp_alert *alert) {
    struct console_host *host = user;
    console_events_alert(host->events, alert);
}

static void on_log(void *user, uint32_t level, const char *message) {
    (void)user;
    if (level >= PERP_LOG_WARNING)
        fprintf(stderr, "perpcore-console: %s\n", message);
}

/* ---- opening ---- */

static int open_book(struct console_host *host, char *error, size_t size) {
    bool generated = console_market_generated(host->options);
    const char *limits = generated ? "{\"risk\":{\"daily_volume_target\":20000000}}"
                                   : "{\"risk\":{\"max_quote_age_ms\":90000,"
                                     "\"daily_volume_target\":2000000}}";
    perp_config config;
    perp_config_init(&config);
    perp_status status = PERP_OK;
    if (host->options->store != NULL) {
        perp_sqlite_options store;
        perp_sqlite_options_init(&store);
        store.keep_events = host->options->keep_events;
        if (store.keep_events != 0)
            config.checkpoint_every = store.keep_events; /* what is older goes at a checkpoint */
        status = perp_store_sqlite_open(host->options->store, &store, &config.store);
        config.durability = PERP_DURABILITY_BATCH; /* a control is flushed before it is answered */
    }
    if (status == PERP_OK && !console_decisions_open(&host->decisions, &config.store)) {
        snprintf(error, size, "no memory");
        if (config.store.close != NULL)
            config.store.close(config.store.user);
        return 0;
    }
    config.callbacks = (perp_callbacks){.user = host,
                                        .execute = on_execute,
                                        .on_job_end = on_job_end,
                                        .on_leg_risk = on_leg_risk,
                                        .on_cancel = on_cancel,
                                        .on_kill = on_kill,
                                        .on_alert = on_alert,
                                        .log = on_log};
    if (status == PERP_OK)
        status = perp_config_from_json(limits, strlen(limits), &config);
    if (status == PERP_OK)
        status = perp_core_open(&config, &host->core);
    if (status != PERP_OK)
        snprintf(error, size, "%s", perp_core_error(NULL));
    return status == PERP_OK;
}

/* The paper accounts of an earlier run are gone, and with them its orders and positions: what the
   book still has of them is ended, each with a record that says so. */
static perp_status end_orders(struct console_host *host, const perp_call *call) {
    perp_orders *orders = perp_core_orders(host->core);
    perp_order_filter filter;
    uint32_t count = 0;
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_NOT_ENDED;
    perp_status status = perp_orders_list(orders, &filter, NULL, 0, &count);
    uint64_t *numbers = calloc((size_t)count + 1, sizeof *numbers);
    if (numbers == NULL)
        return PERP_E_NOMEM;
    if (status == PERP_OK)
        status = perp_orders_list(orders, &filter, numbers, count, &count);
    for (uint32_t i = 0; i < count && status == PERP_OK; i++) {
        perp_order_news news;
        perp_order_news_init(&news);
        news.kind = PERP_NEWS_CANCELLED;
        news.order = numbers[i];
        news.text = call->reason;
        status = perp_orders_tell(orders, call, &news, NULL);
    }
    free(numbers);
    return status;
}

/* From its orders; where it has none, nothing was done, but for fills that were told by legs. */
static perp_status end_running(struct console_host *host, const perp_call *call,
                               const perp_uuid *job_id) {
    static const uint32_t others[] = {PERP_RESULT_NOTHING, PERP_RESULT_FAILED};
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = 1;
    perp_status status =
        perp_scheduler_finish(perp_core_scheduler(host->core), call, job_id, &result, NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others && status == PERP_E_INVALID; i++) {
        perp_job_result_init(&result);
        result.status = others[i];
        status =
            perp_scheduler_finish(perp_core_scheduler(host->core), call, job_id, &result, NULL);
    }
    return status;
}

static perp_status end_jobs(struct console_host *host, uint32_t state, const perp_call *call) {
    perp_scheduler *scheduler = perp_core_scheduler(host->core);
    uint32_t count = 0;
    perp_status status = perp_scheduler_list(scheduler, state, NULL, 0, &count);
    perp_uuid *jobs = calloc(count + 1, sizeof *jobs);
    if (jobs == NULL)
        return PERP_E_NOMEM;
    if (status == PERP_OK)
        status = perp_scheduler_list(scheduler, state, jobs, count, &count);
    for (uint32_t i = 0; i < count && status == PERP_OK; i++) {
        if (state == PERP_JOB_PENDING)
            status = perp_scheduler_cancel(scheduler, call, &jobs[i]);
        else if (state == PERP_JOB_RUNNING)
            status = end_running(host, call, &jobs[i]);
        else
            status = perp_scheduler_close(scheduler, call, &jobs[i], 0, 0, 0);
        if (status == PERP_E_NOT_FOUND) /* an exit, which has no lots: it ends with what is naked */
            status = PERP_OK;
    }
    free(jobs);
    return status;
}

/* Nothing is open any more, on no account: what the book still believes is no drift. */
static perp_status flatten_book(struct console_host *host, const perp_call *call) {
    perp_core *core = host->core;
    const perp_positions *positions = perp_core_positions(core);
    perp_status status = PERP_OK;
    for (uint32_t b = 0; b < perp_positions_base_count(positions) && status == PERP_OK; b++) {
        perp_base_state state = {.struct_size = sizeof state};
        status = perp_positions_base(positions, b, call->now_ns, &state);
        if (status == PERP_OK && state.naked != 0.0)
            status = perp_resolve(core, call, state.base);
    }
    for (perp_instrument_id i = 0; i < perp_instrument_count(core) && status == PERP_OK; i++) {
        perp_position_state state = {.struct_size = sizeof state};
        perp_position_report none = {.instrument = i, .margin_mode = PERP_MARGIN_NOT_GIVEN};
        status = perp_positions_query(positions, i, call->now_ns, &state);
        if (status != PERP_OK || (state.quantity == 0.0 && !state.latched))
            continue;
        status = perp_position(core, call, &none, call->now_ns);
        if (status == PERP_OK)
            status = perp_accept_position(core, call, i);
    }
    return status;
}

static perp_status end_left_over(struct console_host *host, int64_t now_ns) {
    static const uint32_t states[] = {PERP_JOB_RUNNING, PERP_JOB_PENDING, PERP_JOB_PARTIAL,
                                      PERP_JOB_OPEN};
    perp_call call = call_of(now_ns, "console", "paper accounts of an earlier run are gone");
    perp_status status = end_orders(host, &call);
    for (size_t i = 0; i < sizeof states / sizeof *states && status == PERP_OK; i++)
        status = end_jobs(host, states[i], &call);
    return status == PERP_OK ? flatten_book(host, &call) : status;
}

static int open_markets(struct console_host *host, int64_t start_ns, char *error, size_t size) {
    host->n_feeds = CONSOLE_FEEDS;
    host->market = console_market_open(host->options, start_ns, error, size);
    perp_status status =
        host->market == NULL ? PERP_OK : console_market_enter(host->market, host->core);
    int good = host->market != NULL && status == PERP_OK;
    for (uint32_t f = 0; f < host->n_feeds && good; f++) {
        struct console_feed *feed = &host->feeds[f];
        feed->host = host;
        feed->part = f;
        feed->market = console_market_open(host->options, start_ns, error, size);
        if (feed->market != NULL)
            status = console_market_enter(feed->market, host->core);
        good = feed->market != NULL && status == PERP_OK;
        if (good)
            console_market_feed(feed->market, &feed->feed);
        atomic_store(&feed->done_ns, INT64_MIN);
    }
    if (status != PERP_OK)
        snprintf(error, size, "%s", perp_core_error(host->core));
    return good;
}

/* The desk takes its events from its own player of the market. */
static int desk_next(void *user, feed_event *event) {
    const struct console_host *host = user;
    return host->desk_feed.next(host->desk_feed.user, event);
}

static perp_status desk_told(void *user, const feed_event *event) {
    return tell(user, event);
}

static int open_desk(struct console_host *host, int64_t begin_ns, char *error, size_t size) {
    desk_settings settings;
    desk_settings_init(&settings);
    settings.seed = host->options->seed;
    settings.operator_ns = INT64_MAX; /* a halt is for a person to look at */
    settings.sample_ns = 5 * CONSOLE_SECOND;
    settings.run = (uint64_t)begin_ns / UINT64_C(1000000);
    settings.strategies.warm_up_ns = 120 * CONSOLE_SECOND;
    if (!console_market_generated(host->options))
        desk_settings_fit_minutes(&settings);
    console_market_feed(host->market, &host->desk_feed);
    struct feed feed = host->desk_feed;
    feed.user = host;
    feed.next = desk_next;
    feed.tell = desk_told;
    if (!desk_open(host->desk, host->core, &feed, &settings)) {
        snprintf(error, size, "%s", host->desk->error);
        return 0;
    }
    host->desk->ticked = ticked;
    host->desk->ticked_user = host;
    /* Where the book is ahead of the start of the market, the desk only looks until then. */
    host->desk->next_step_ns = begin_ns;
    host->desk->next_sample_ns = begin_ns;
    host->desk->next_check_ns = begin_ns + settings.check_ns;
    atomic_store(&host->now_ns, host->desk->now_ns);
    return 1;
}

int console_host_open(struct console_host *host, const struct console_options *options, char *error,
                      size_t size) {
    host->options = options;
    pthread_mutex_init(&host->desk_lock, NULL);
    pthread_mutex_init(&host->clock_lock, NULL);
    pthread_mutex_init(&host->figures_lock, NULL);
    pthread_cond_init(&host->clock_moved, NULL);
    for (uint32_t e = 0; e < PERP_MAX_EXCHANGES; e++)
        pthread_mutex_init(&host->guards[e], NULL);
    host->desk = calloc(1, sizeof *host->desk);
    if (host->desk == NULL) {
        snprintf(error, size, "no memory");
        return 0;
    }
    if (!open_book(host, error, size))
        return 0;
    int64_t clock = perp_core_clock(host->core);
    int64_t base = clock_of(CLOCK_REALTIME);
    base = clock > base ? clock : base;
    int64_t start = (base - WARM_UP) / HOUR * HOUR; /* a generated market starts on the hour */
    if (!open_markets(host, start, error, size))
        return 0;
    struct feed feed;
    console_market_feed(host->market, &feed);
    if (!console_market_generated(options))
        base = feed.start_ns + WARM_UP;
    int64_t begin = clock > feed.start_ns ? clock : feed.start_ns;
    perp_call call = call_of(begin, "console", "the console was not running");
    perp_status status = PERP_OK;
    if (clock != PERP_TIME_NONE && begin - clock >= WEEK)
        status = perp_core_advance(host->core, &call);
    if (status == PERP_OK)
        status = end_left_over(host, begin);
    if (status != PERP_OK) {
        snprintf(error, size, "%s", perp_core_error(host->core));
        return 0;
    }
    host->target_ns = base > begin ? base : begin;
    return open_desk(host, begin, error, size);
}

/* ---- starting and ending ---- */

int console_host_start(struct console_host *host) {
    int64_t until = host->target_ns;
    host->target_ns = INT64_MIN;
    uint32_t started = 0;
    for (; started < host->n_feeds; started++)
        if (pthread_create(&host->feeds[started].thread, NULL, feed_main, &host->feeds[started]) !=
            0)
            break;
    if (started == host->n_feeds) {
        warm_up(host, until);
        host->running = pthread_create(&host->decider, NULL, decide_main, host) == 0;
    }
    if (host->running)
        return 1;
    atomic_store(&host->stop, true);
    set_target(host, INT64_MAX);
    while (started > 0)
        pthread_join(host->feeds[--started].thread, NULL);
    return 0;
}

int console_host_end(struct console_host *host) {
    int good = 1;
    if (host->running) {
        atomic_store(&host->stop, true);
        pthread_join(host->decider, NULL);
        set_target(host, INT64_MAX);
        for (uint32_t f = 0; f < host->n_feeds; f++)
            pthread_join(host->feeds[f].thread, NULL);
        /* With nobody left to look after them, orders don't stay in the market. */
        if (!host->desk->failed)
            paper_cancel(host->desk, host->desk->now_ns, PERP_ALL_EXCHANGES);
        if (!host->desk->failed)
            desk_end(host->desk);
        note_failure(host);
        good = perp_core_flush(host->core) == PERP_OK;
        if (!good)
            fprintf(stderr, "perpcore-console: %s\n", perp_core_error(host->core));
    }
    if (host->desk != NULL)
        desk_close(host->desk);
    perp_core_close(host->core);
    host->core = NULL;
    console_decisions_close(&host->decisions);
    for (uint32_t f = 0; f < host->n_feeds; f++)
        console_market_close(host->feeds[f].market);
    console_market_close(host->market);
    free(host->desk);
    return good && !atomic_load(&host->failed);
}

/* Of a job that runs it is a request, which the desk answers by taking back its orders. */
perp_status console_host_cancel(struct console_host *host, const perp_call *call,
                                const perp_uuid *job_id) {
    pthread_mutex_lock(&host->desk_lock);
    perp_status status = perp_scheduler_cancel(perp_core_scheduler(host->core), call, job_id);
    pthread_mutex_unlock(&host->desk_lock);
    return status;
}

bool console_host_healthy(const struct console_host *host, const char **why) {
    *why = "";
    if (atomic_load(&host->failed))
        *why = host->failure;
    else if (clock_of(CLOCK_MONOTONIC) - atomic_load(&host->beat_ns) > 5 * CONSOLE_SECOND)
        *why = "no decision for five seconds";
    return **why == '\0';
}
