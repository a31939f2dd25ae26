/* perpcore-console: options, signals, and the order in which things start and end. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

static const char usage[] =
    "perpcore-console [--listen ADDRESS:PORT] [--token-file FILE] [--store FILE]\n"
    "                 [--keep-events N] [--market sim|DIR] [--speed N] [--seed N]\n"
    "A web console with a market of its own, two strategies and a paper executor.\n"
    "  --listen ADDRESS:PORT  where to listen (127.0.0.1:8787; port 0: any that is free)\n"
    "  --token-file FILE      the first line is the token that clients must show\n"
    "  --store FILE           keeps the book in an SQLite file\n"
    "  --keep-events N        of the store's events only the newest N to 2 N, and those of jobs "
    "that\n"
    "                         have not ended (0: all)\n"
    "  --market sim|DIR       the generated market, or recorded files (sim)\n"
    "  --speed N              N times real time, 0.1 to 1000 (1)\n"
    "  --seed N               another generated market (1)\n"
    "The token may also be in PERPCORE_TOKEN. With neither, one is made and kept in a file that\n"
    "only its owner can read. Without a token of yours it listens on this machine only.\n"
    "--version prints the version.\n";

/* 1: go on, 0: help was asked for, -1: wrong use. */
static int read_options(int argc, char **argv, struct console_options *options) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        char *end = NULL;
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
            return 0;
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL)
            return -1;
        errno = 0;
        if (strcmp(name, "--listen") == 0 && strlen(value) < sizeof options->listen)
            snprintf(options->listen, sizeof options->listen, "%s", value);
        else if (strcmp(name, "--token-file") == 0)
            options->token_file = value;
        else if (strcmp(name, "--store") == 0)
            options->store = value;
        else if (strcmp(name, "--keep-events") == 0)
            options->keep_events = strtoull(value, &end, 10);
        else if (strcmp(name, "--market") == 0)
            options->market = value;
        else if (strcmp(name, "--speed") == 0)
            options->speed = strtod(value, &end);
        else if (strcmp(name, "--seed") == 0)
            options->seed = strtoull(value, &end, 10);
        else
            return -1;
        if (end != NULL && (end == value || *end != '\0' || errno != 0 || *value == '-'))
            return -1;
    }
    return options->speed >= 0.1 && options->speed <= 1000 ? 1 : -1;
}

static int fail(const char *error) {
    fprintf(stderr, "perpcore-console: %s\n", error);
    return 1;
}

static void wait_for_signal(const sigset_t *signals) {
    int which;
    while (sigwait(signals, &which) != 0)
        ;
    fprintf(stderr, "perpcore-console: ending\n");
}

static void say_where(const struct console_options *options, const struct console_token *token,
                      unsigned port) {
    size_t length = (size_t)(strrchr(options->listen, ':') - options->listen);
    printf("perpcore-console: http://%.*s:%u/\n", (int)length, options->listen, port);
    if (*token->path != '\0')
        printf("perpcore-console: the token is in %s\n", token->path);
    fflush(stdout);
}

/* Serves until a signal comes. */
static int serve(struct console_server *server, const struct console_options *options,
                 const struct console_token *token, unsigned port, const sigset_t *signals) {
    static struct console_host host; /* large, and zero */
    static struct console_events events;
    char error[512] = "";
    host.events = &events;
    int good = console_events_open(&events, &host);
    int opened = good && console_host_open(&host, options, error, sizeof error);
    if (good && !opened)
        fail(error);
    int running = opened && console_host_start(&host);
    if (running && console_server_start(server, &host, &events, token)) {
        say_where(options, token, port);
        wait_for_signal(signals);
    } else if (opened) {
        good = 0;
        fail("the threads cannot be started");
    }
    console_server_end(server);
    good = console_host_end(&host) && good && opened;
    console_events_close(&events);
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    struct console_options options = {
        .listen = "127.0.0.1:8787", .market = "sim", .speed = 1, .seed = 1};
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("perpcore-console %s\n", perp_version_string()) < 0;
    int wanted = read_options(argc, argv, &options);
    if (wanted <= 0) {
        fputs(usage, wanted == 0 ? stdout : stderr);
        return wanted == 0 ? 0 : 2;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    char error[512];
    unsigned port;
    struct console_server *server = console_server_open(&options, &port, error, sizeof error);
    if (server == NULL)
        return fail(error);
    struct console_token token;
    if (console_token_get(&token, &options, port, error, sizeof error))
        return serve(server, &options, &token, port, &signals);
    console_server_end(server);
    return fail(error);
}
