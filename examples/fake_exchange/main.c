/* fake_exchange: an exchange to test executors against (README.md). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define MANUAL_EPOCH_US INT64_C(1700000000000000)
#define MOST_BALANCE 1000000000

static const char usage[] =
    "usage: fake_exchange [--port 0] [--venues alpha,beta] [--seed 1] [--faults "
    "none|light|all|FILE]\n"
    "                     [--balance 1000000] [--speed 1] [--manual] [--key KEY --secret SECRET]\n";

struct options {
    int64_t port, seed, balance;
    const char *venues, *faults, *key, *secret;
    double speed;
    bool is_manual;
};

static int wake_ends[2]; /* a signal writes to it */

static void on_signal(int number) {
    int error = errno;
    (void)number;
    if (write(wake_ends[1], "", 1) < 0) {
        /* it is full: awake already */
    }
    errno = error;
}

static int64_t clock_us(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static bool read_number(const char *name, const char *text, int64_t most, int64_t *value) {
    if (fx_parse_whole(text, value) && *value <= most)
        return true;
    fprintf(stderr, "fake_exchange: %s %s: a whole number up to %lld is wanted\n", name, text,
            (long long)most);
    return false;
}

static bool read_speed(const char *text, double *speed) {
    char *end;
    *speed = strtod(text, &end);
    if (*text != '\0' && *end == '\0' && *speed >= 0.01 && *speed <= 1000)
        return true;
    fprintf(stderr, "fake_exchange: --speed %s: a number from 0.01 to 1000 is wanted\n", text);
    return false;
}

/* One option; NULL: it is wrong, and that was said. Else where the next one is. */
static char **read_option(char **at, struct options *options) {
    const char *name = at[0], *value = at[1];
    const struct {
        const char *name;
        const char **text;
        int64_t *number, most;
    } known[] = {{"--port", NULL, &options->port, 65535},
                 {"--seed", NULL, &options->seed, INT64_C(999999999999999)},
                 {"--balance", NULL, &options->balance, MOST_BALANCE},
                 {"--venues", &options->venues, NULL, 0},
                 {"--faults", &options->faults, NULL, 0},
                 {"--key", &options->key, NULL, 0},
                 {"--secret", &options->secret, NULL, 0}};
    if (strcmp(name, "--manual") == 0) {
        options->is_manual = true;
        return at + 1;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known && value != NULL; i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (known[i].text != NULL)
            *known[i].text = value;
        else if (!read_number(name, value, known[i].most, known[i].number))
            return NULL;
        return at + 2;
    }
    if (strcmp(name, "--speed") == 0 && value != NULL)
        return read_speed(value, &options->speed) ? at + 2 : NULL;
    fprintf(stderr, "fake_exchange: %s: no such option, or its value is missing\n%s", name, usage);
    return NULL;
}

static bool open_exchange(struct fx_exchange *exchange, const struct options *options) {
    char error[256] = "";
    struct fx_script script;
    const char *wrong =
        fx_open(exchange, options->venues, (uint64_t)options->seed, options->balance * 1000000);
    if (wrong == NULL && (options->key == NULL) != (options->secret == NULL))
        wrong = "--key and --secret: both or neither";
    if (wrong == NULL && !fx_script_open(options->faults, &script, error, sizeof error))
        wrong = error;
    if (wrong != NULL) {
        fprintf(stderr, "fake_exchange: %s\n", wrong);
        return false;
    }
    for (int i = 0; i < exchange->n_venues; i++)
        exchange->venues[i].script = script;
    exchange->key = options->key;
    exchange->secret = options->secret;
    exchange->speed = options->speed;
    exchange->is_manual = options->is_manual;
    exchange->now_us = options->is_manual ? MANUAL_EPOCH_US : clock_us(CLOCK_REALTIME);
    exchange->next_step_us = exchange->now_us + (int64_t)(FX_STEP_US / options->speed);
    return true;
}

/* Until when, in milliseconds, nothing is to be done. */
static int timeout_of(const struct fx_exchange *exchange, const struct fx_http *http,
                      int64_t now_us) {
    int ms = fx_http_timeout(http);
    ms = ms < 0 || ms > 1000 ? 1000 : ms;
    if (exchange->is_manual)
        return ms;
    int64_t due_ms = (fx_next_due(exchange) - now_us + 999) / 1000;
    return due_ms < 0 ? 0 : due_ms < ms ? (int)due_ms : ms;
}

/* Waits for something to do; false: a signal says that it is over. */
static bool wait_for(const struct fx_exchange *exchange, const struct fx_http *http, int64_t now_us,
                     struct fx_files *files) {
    int ms = timeout_of(exchange, http, now_us);
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    FD_ZERO(&files->reads);
    FD_ZERO(&files->writes);
    FD_ZERO(&files->fails);
    files->most = wake_ends[0];
    FD_SET(wake_ends[0], &files->reads);
    fx_streams_wait(exchange, files);
    fx_http_wait(http, files);
    while (select(files->most + 1, &files->reads, &files->writes, &files->fails, &time) < 0)
        if (errno != EINTR)
            return false;
    return !FD_ISSET(wake_ends[0], &files->reads);
}

static void serve(struct fx_exchange *exchange, struct fx_http *http) {
    static struct fx_files files;
    int64_t behind_us = exchange->now_us - clock_us(CLOCK_MONOTONIC);
    while (wait_for(exchange, http, exchange->now_us, &files)) {
        int64_t now_us =
            exchange->is_manual ? exchange->now_us : clock_us(CLOCK_MONOTONIC) + behind_us;
        fx_run_until(exchange, now_us);
        fx_streams_work(exchange, &files);
        fx_http_work(http, &files);
        fx_run_until(exchange, now_us); /* what the requests have made due */
    }
}

static bool catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    if (pipe(wake_ends) != 0)
        return false;
    fcntl(wake_ends[1], F_SETFL, O_NONBLOCK);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
    return true;
}

int main(int argc, char **argv) {
    static struct fx_exchange exchange;
    struct options options = {
        .seed = 1, .balance = 1000000, .venues = "alpha,beta", .faults = "none", .speed = 1};
    char error[128];
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (char **at = argv + 1; *at != NULL;)
        if ((at = read_option(at, &options)) == NULL)
            return 2;
    if (!open_exchange(&exchange, &options))
        return 2;
    uint16_t port = (uint16_t)options.port;
    fx_streams_open(&exchange);
    struct fx_http *http = fx_http_open(&exchange, &port, error, sizeof error);
    if (http == NULL || !catch_signals()) {
        fprintf(stderr, "fake_exchange: %s\n", http == NULL ? error : "no pipe");
        return 1;
    }
    printf("http://127.0.0.1:%u\n", port);
    fflush(stdout);
    serve(&exchange, http);
    fx_streams_close(&exchange);
    fx_http_close(http);
    fx_close(&exchange);
    return 0;
}
