/* A console of its own for each test, on a free port, and raw requests to it. */
#ifndef TEST_CONSOLE_SERVER_H
#define TEST_CONSOLE_SERVER_H

#include <check.h>
#include <stddef.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    unsigned port;
    char token[600];
    char token_path[600];
    char home[64];
    unsigned from; /* the last 24 bits of the address (127.x.x.x) that is connected from; 0: any */
};

/* The programs are in the folder that PERPCORE_BIN names. args: NULL-ended, after the program. */
extern struct server server;
/* Starts, and fails the test where it can't. */
void server_start(const char *const *args);
/* SIGTERM; the exit status. */
int server_stop(void);
/* Removes the folder that its token and store lie in. */
void server_forget(void);
/* Starts and ends: for a console that must refuse to run. What it said is in `said`. */
int server_refuses(const char *const *args, char *said, size_t size);

int server_connect(void);
/* Sends all of it; 0: the other side has closed. */
int send_all(int file, const char *data, size_t size);
/* Reads until the other side closes, for up to `seconds`. The length; -1: it did not close. */
long read_all(int file, char *buffer, size_t size, int seconds);

struct reply {
    int status;
    char *bytes; /* headers and body, of this thread's last request */
    char *body;
    size_t length; /* of the body */
};

/* One request with the token; headers: more of them, each ended with \r\n. */
struct reply ask(const char *method, const char *path, const char *headers, const char *body);
/* The same without a token. */
struct reply ask_anonymous(const char *method, const char *path, const char *headers,
                           const char *body);
/* What was sent as it is, and all that came back. */
struct reply ask_raw(const char *data, size_t size);
struct reply post(const char *action, const char *body);
/* The id of an open job, of a console that is started anew with a fast market: of what the market
   of this time of day offers, the strategies may take nothing for some minutes. */
const char *server_open_job(void);
/* A number of /metrics, by its full name with labels. */
double metric(const char *name);
int contains(const struct reply *reply, const char *text);

/* Runs the tests; the exit status of their program. */
int run_tests(Suite *all);

#endif
