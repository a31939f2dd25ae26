/* perpctl as a shell sees it: exit statuses, tables, JSON. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

static char output[1 << 24]; /* all orders that are kept may be many */

static const char *folder(void) {
    const char *path = getenv("PERPCORE_BIN");
    return path == NULL ? "build/bin" : path;
}

/* The exit status; what was written to either stream is in `output`. */
static int run_as(const char *environment, const char *arguments) {
    char line[2048];
    snprintf(line, sizeof line,
             "env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME HOME=%s %s %s/perpctl %s 2>&1", server.home,
             environment, folder(), arguments);
    FILE *pipe = popen(line, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t length = fread(output, 1, sizeof output - 1, pipe);
    output[length] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(const char *arguments) {
    char all[1024];
    snprintf(all, sizeof all, "%s --url http://127.0.0.1:%u", arguments, server.port);
    return run_as("", all);
}

static int says(const char *text) {
    return strstr(output, text) != NULL;
}

static void set_up(void) {
    server_start(NULL);
}

static void tear_down(void) {
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}

START_TEST(what_is_asked_is_shown_without_further_set_up) {
    ck_assert_int_eq(run("status"), 0);
    ck_assert(says("running"));
    ck_assert(says("north"));
    ck_assert(says("today: net "));
    ck_assert(says("  funding "));
    ck_assert(!says("\033"));
    ck_assert_int_eq(run("jobs"), 0);
    ck_assert_int_eq(run("jobs --pending"), 0);
    ck_assert_int_eq(run("positions"), 0);
    ck_assert(says("naked"));
    ck_assert(says("unrealised"));
    ck_assert_int_eq(run("orders"), 0);
    ck_assert(says("client id"));
    ck_assert_int_eq(run("orders --state in_doubt"), 0);
    ck_assert(says("0 orders"));
    ck_assert_int_eq(run("rules"), 0);
    ck_assert(says("daily_loss"));
    ck_assert_int_eq(run("feasibility"), 0);
    ck_assert(says("single_limit"));
}
END_TEST

START_TEST(programs_get_the_json_of_the_console) {
    static const char *const commands[] = {
        "status --json", "jobs --json",        "rules --json", "positions --json",
        "orders --json", "feasibility --json", "pause --json"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        ck_assert_int_eq(run(commands[i]), 0);
        ck_assert_int_eq(output[0], '{');
        ck_assert_str_eq(output + strlen(output) - 2, "}\n");
    }
}
END_TEST

START_TEST(controls_are_done_and_seen) {
    ck_assert_int_eq(run("pause --actor ann --reason 'lunch'"), 0);
    ck_assert_int_eq(run("status"), 0);
    ck_assert(says("paused"));
    ck_assert(says("by ann: lunch"));
    ck_assert_int_eq(run("resume --reason back"), 0);
    ck_assert_int_eq(run("kill on"), 0);
    ck_assert_int_eq(run("status"), 0);
    ck_assert(says("killed"));
    ck_assert_int_eq(run("kill off --reason 'looked at it'"), 0);
    ck_assert_int_eq(run("kill on --exchange north"), 0);
    ck_assert_int_eq(run("kill off --exchange north --reason ok"), 0);
    ck_assert_int_eq(run("set-risk-mode conservative"), 0);
    ck_assert_int_eq(run("set-risk-mode balanced --reason calm"), 0);
    ck_assert_int_eq(run("override on --ttl-ms 60000 --reason test"), 0);
    ck_assert_int_eq(run("override off"), 0);
    ck_assert_int_eq(run("resolve BTC --reason squared"), 0);
    ck_assert_int_eq(run("resume-repair BTC"), 0);
    ck_assert_int_eq(run("accept BTC/USDT:USDT --exchange north --reason mine"), 0);
    ck_assert_int_eq(run("flatten BTC --exchange north --reason leave"), 0);
    ck_assert_int_eq(run("flatten all --reason leave"), 0);
}
END_TEST

START_TEST(a_refusal_is_1) {
    ck_assert_int_eq(run("kill off"), 1);
    ck_assert(says("reason"));
    ck_assert_int_eq(run("override on"), 1);
    ck_assert_int_eq(run("flatten BTC"), 1);
    ck_assert_int_eq(run("resolve BTC"), 1);
    ck_assert_int_eq(run("accept BTC/USDT:USDT --exchange north"), 1);
    ck_assert_int_eq(run("accept NONE/USDT --exchange north --reason mine"), 1);
    ck_assert_int_eq(run("set-risk-mode wild"), 1);
    ck_assert_int_eq(run("explain 11111111-1111-1111-1111-111111111111"), 1);
    ck_assert_int_eq(run("orders --job 11111111-1111-1111-1111-111111111111"), 1);
    ck_assert_int_eq(run("orders --state gone"), 1);
    ck_assert(says("state"));
    ck_assert_int_eq(run("cancel 11111111-1111-1111-1111-111111111111"), 1);
    char all[256];
    snprintf(all, sizeof all, "status --url http://127.0.0.1:%u", server.port);
    ck_assert_int_eq(run_as("PERPCORE_TOKEN=wrong-wrong-wrong-wrong", all), 1);
    ck_assert(says("401"));
    ck_assert_int_eq(run_as("HOME=/nowhere", all), 1);
    ck_assert(says("--token-file"));
}
END_TEST

/* A server that answers all that it is asked with the same, in a process of its own. */
static pid_t answer_always(const char *status, const char *body, unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(file, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(file, 8), 0);
    ck_assert_int_eq(getsockname(file, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    while (child == 0) {
        char asked[4096], head[256];
        int caller = accept(file, NULL, NULL);
        snprintf(head, sizeof head,
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n",
                 status, strlen(body));
        if (read(caller, asked, sizeof asked) <= 0 || !send_all(caller, head, strlen(head)) ||
            !send_all(caller, body, strlen(body)))
            _exit(1);
        shutdown(caller, SHUT_WR);
        while (read(caller, asked, sizeof asked) > 0)
            continue;
        close(caller);
    }
    close(file);
    return child;
}

static int run_against(const char *arguments, const char *status, const char *body) {
    unsigned port;
    char all[1024];
    pid_t child = answer_always(status, body, &port);
    snprintf(all, sizeof all, "%s --url http://127.0.0.1:%u", arguments, port);
    int result = run_as("", all);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return result;
}

/* Escapes, the one-byte CSI and marks of direction, raw and as escapes of JSON. */
START_TEST(nothing_of_a_server_steers_the_terminal) {
#define EVIL                                                                                       \
    "a\\u001b[2Jb\xc2\x9b"                                                                         \
    "31mc\xe2\x80\xae"                                                                             \
    "d\\u202ee\\u009bf\xf0\x9f\x98\x80"
#define PLAIN "a?[2Jb?31mc?d?e?f\xf0\x9f\x98\x80"
    static const char latches[] =
        "{\"latches\":[{\"kind\":\"halt\",\"subject\":\"" EVIL "\",\"since\":\"" EVIL
        "\",\"by\":\"" EVIL "\",\"lifted_by\":\"" EVIL "\"}]}";
    ck_assert_int_eq(run_against("latches", "200 OK", latches), 0);
    ck_assert_msg(says(PLAIN), "%s", output);
    ck_assert(!says("\x1b") && !says("\xc2\x9b") && !says("\xe2\x80\xae"));
    ck_assert_int_eq(run_against("pause", "409 Conflict", "{\"error\":\"" EVIL "\"}"), 1);
    ck_assert_msg(says(PLAIN), "%s", output);
    ck_assert(!says("\x1b") && !says("\xc2\x9b") && !says("\xe2\x80\xae"));
    /* For programs it is the same text, in ASCII. */
    ck_assert_int_eq(run_against("latches --json", "200 OK", latches), 0);
    ck_assert_msg(says("a\\u001b[2Jb\\u009b31mc\\u202ed\\u202ee\\u009bf\\ud83d\\ude00"), "%s",
                  output);
    for (const char *c = output; *c != '\0'; c++)
        ck_assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
}
END_TEST

/* Something answers, but it is no console, or not of this kind. */
START_TEST(only_what_says_that_it_is_done_is_done) {
    ck_assert_int_eq(run_against("kill on", "200 OK", "{}"), 3);
    ck_assert(!says(": done"));
    ck_assert_int_eq(run_against("kill on --json", "200 OK", "{\"ok\":false}"), 3);
    ck_assert_int_eq(run_against("kill on", "200 OK", "{\"ok\":true}"), 0);
    ck_assert(says("kill on: done"));
}
END_TEST

START_TEST(wrong_use_is_2) {
    static const char *const wrong[] = {"",
                                        "frob",
                                        "status now",
                                        "status --frob",
                                        "kill",
                                        "kill maybe",
                                        "accept BTC/USDT:USDT",
                                        "flatten",
                                        "positions --watch",
                                        "override on --ttl-ms soon",
                                        "explain ../../healthz",
                                        "pause --watch",
                                        "status --token-file /nowhere/at/all",
                                        "status --url"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(run_as("", wrong[i]) == 2, "%s", wrong[i]);
    ck_assert_int_eq(run_as("", "status --url ftp://127.0.0.1"), 2);
    ck_assert_int_eq(run_as("", "--help"), 0);
}
END_TEST

START_TEST(nobody_there_is_3) {
    ck_assert_int_eq(run_as("", "status --url http://127.0.0.1:1"), 3);
    ck_assert_int_eq(run_as("", "pause --url http://127.0.0.1:1"), 3);
}
END_TEST

START_TEST(watching_goes_on_until_it_is_interrupted) {
    char line[1024];
    snprintf(line, sizeof line,
             "env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME HOME=%s timeout -s INT 2.5 %s/perpctl "
             "status --watch --url http://127.0.0.1:%u",
             server.home, folder(), server.port);
    FILE *pipe = popen(line, "r");
    size_t length = fread(output, 1, sizeof output - 1, pipe);
    output[length] = '\0';
    pclose(pipe);
    int screens = 0;
    for (const char *at = output; (at = strstr(at, "daily loss ")) != NULL; at++)
        screens++;
    ck_assert_int_ge(screens, 2);
    ck_assert(!says("\033"));
}
END_TEST

START_TEST(a_job_is_explained) {
    char command[128];
    snprintf(command, sizeof command, "explain %s", server_open_job());
    ck_assert_int_eq(run(command), 0);
    ck_assert(says("accept"));
    ck_assert(says("safety_score"));
}
END_TEST

static Suite *suite(void) {
    Suite *all = suite_create("perpctl");
    TCase *cases = tcase_create("perpctl");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_is_asked_is_shown_without_further_set_up);
    tcase_add_test(cases, programs_get_the_json_of_the_console);
    tcase_add_test(cases, controls_are_done_and_seen);
    tcase_add_test(cases, a_refusal_is_1);
    tcase_add_test(cases, nothing_of_a_server_steers_the_terminal);
    tcase_add_test(cases, only_what_says_that_it_is_done_is_done);
    tcase_add_test(cases, wrong_use_is_2);
    tcase_add_test(cases, nobody_there_is_3);
    tcase_add_test(cases, watching_goes_on_until_it_is_interrupted);
    tcase_add_test(cases, a_job_is_explained);
    suite_add_tcase(all, cases);
    return all;
}

int main(void) {
    return run_tests(suite());
}
