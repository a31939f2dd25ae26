/* How the console starts and ends: its token, where it listens, and that a restart loses nothing.
 */
#define _GNU_SOURCE /* prlimit */
#include <perpcore/perpcore.h>

#include <check.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

static char said[16384];

START_TEST(a_made_token_is_for_its_owner_only_and_is_kept) {
    struct stat status;
    char first[600];
    server_start(NULL);
    ck_assert_int_eq(stat(server.token_path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_uint_eq(strlen(server.token), 64);
    snprintf(first, sizeof first, "%s", server.token);
    ck_assert_int_eq(server_stop(), 0);
    char listen[64];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", server.port);
    const char *args[] = {"--listen", listen, NULL};
    server_start(args);
    ck_assert_str_eq(server.token, first);
    ck_assert_int_eq(server_stop(), 0);
    ck_assert_int_eq(chmod(server.token_path, 0644), 0);
    server_start(args); /* others could have read it: it is worth nothing now */
    ck_assert_str_ne(server.token, first);
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}
END_TEST

/* In the place of the token somebody put a link, to a token that they know. */
START_TEST(a_link_in_the_place_of_the_token_is_not_followed) {
    char known[128], listen[64], line[128];
    server_start(NULL);
    ck_assert_int_eq(server_stop(), 0);
    snprintf(known, sizeof known, "%s/known", server.home);
    FILE *file = fopen(known, "w");
    ck_assert_int_ge(fputs("known-known-known-known\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(known, 0600), 0);
    ck_assert_int_eq(unlink(server.token_path), 0);
    ck_assert_int_eq(symlink(known, server.token_path), 0);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", server.port);
    server_start((const char *[]){"--listen", listen, NULL});
    ck_assert_uint_eq(strlen(server.token), 64);
    struct stat status;
    ck_assert_int_eq(lstat(server.token_path, &status), 0);
    ck_assert(S_ISREG(status.st_mode));
    ck_assert_int_eq(server_stop(), 0);
    file = fopen(known, "r"); /* nor was anything written to where it led */
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    ck_assert_str_eq(line, "known-known-known-known\n");
    ck_assert_int_eq(fclose(file), 0);
    server_forget();
}
END_TEST

START_TEST(it_listens_beyond_this_machine_only_with_a_token_of_the_user) {
    const char *all[] = {"--listen", "0.0.0.0:0", NULL};
    const char *name[] = {"--listen", "somewhere.example:80", NULL};
    const char *six[] = {"--listen", "[::]:0", NULL};
    ck_assert_int_eq(server_refuses(all, said, sizeof said), 1);
    ck_assert_ptr_nonnull(strstr(said, "token"));
    ck_assert_int_eq(server_refuses(six, said, sizeof said), 1);
    ck_assert_int_eq(server_refuses(name, said, sizeof said), 1);
    server_forget();
}
END_TEST

START_TEST(a_short_token_or_a_wrong_option_is_refused) {
    char path[128];
    ck_assert_int_eq(server_refuses((const char *[]){"--speed", "-1", NULL}, said, sizeof said), 2);
    ck_assert_int_eq(server_refuses((const char *[]){"--frob", "x", NULL}, said, sizeof said), 2);
    ck_assert_int_eq(server_refuses((const char *[]){"--help", NULL}, said, sizeof said), 0);
    snprintf(path, sizeof path, "%s/token", server.home);
    FILE *file = fopen(path, "w");
    fputs("short\n", file);
    fclose(file);
    const char *args[] = {"--token-file", path, NULL};
    ck_assert_int_eq(server_refuses(args, said, sizeof said), 1);
    ck_assert_int_eq(
        server_refuses((const char *[]){"--market", "/nowhere", NULL}, said, sizeof said), 1);
    server_forget();
}
END_TEST

static double value(const struct reply *reply, const char *name) {
    const char *found = strstr(reply->body, name);
    ck_assert_ptr_nonnull(found);
    return strtod(found + strlen(name), NULL);
}

/* What the book has of equity, volume and mode before a SIGTERM it has after a restart; what the
   paper accounts held is ended. */
/* What a query of the store gives. */
static int number_of(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    int number = sqlite3_column_int(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return number;
}

START_TEST(a_restart_on_a_store_loses_nothing) {
    char path[128];
    server_start(NULL); /* makes the folder */
    ck_assert_int_eq(server_stop(), 0);
    snprintf(path, sizeof path, "%s/book.db", server.home);
    const char *args[] = {"--store", path, "--speed", "20", NULL};
    server_start(args);
    struct timespec time = {.tv_sec = 2};
    nanosleep(&time, NULL);
    /* On a slow machine it takes longer until something is open. */
    for (int i = 0; i < 300; i++) {
        if (number_of(path, "SELECT count(*) FROM jobs WHERE state = 'open'") > 0)
            break;
        time = (struct timespec){.tv_nsec = 200000000};
        nanosleep(&time, NULL);
    }
    ck_assert_int_eq(post("set_risk_mode", "{\"mode\":\"conservative\",\"actor\":\"ann\"}").status,
                     200);
    ck_assert_int_eq(post("pause", "{\"actor\":\"ann\",\"reason\":\"restart\"}").status, 200);
    struct reply state = ask("GET", "/api/monitoring/state", NULL, NULL);
    double volume = value(&state, "\"today_volume_usd\":");
    double submitted = value(&state, "\"submitted_total\":");
    ck_assert_double_gt(volume, 0);
    ck_assert_int_eq(server_stop(), 0);
    ck_assert_int_gt(number_of(path, "SELECT count(*) FROM jobs WHERE state = 'open'"), 0);
    ck_assert_int_gt(number_of(path, "SELECT count(*) FROM open_reservations"), 0);
    server_start(args);
    state = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&state, "\"system_status\":\"paused\""));
    ck_assert(contains(&state, "\"risk_mode\":\"conservative\""));
    ck_assert_double_ge(value(&state, "\"today_volume_usd\":"), volume);
    ck_assert_double_ge(value(&state, "\"submitted_total\":"), submitted);
    ck_assert(contains(&state, "\"overcommitted\":0"));
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}
END_TEST

static void never(void *user, const struct perp_job *job, const perp_evaluation *so_far,
                  perp_rule_answer *answer) {
    (void)user, (void)job, (void)so_far, (void)answer;
}

/* Lets the console write files of that size, at most: beyond it, the disk is full. */
static void room_for(rlim_t bytes) {
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    ck_assert_int_eq(prlimit(server.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

START_TEST(where_nobody_decides_any_more_nothing_looks_as_if) {
    static const char why[] = "{\"actor\":\"ann\",\"reason\":\"there is room again\"}";
    char path[128];
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR); /* the console has it so from here */
    server_start(NULL);                             /* makes the folder */
    ck_assert_int_eq(server_stop(), 0);
    snprintf(path, sizeof path, "%s/book.db", server.home);
    server_start((const char *[]){"--store", path, "--speed", "20", NULL});
    ck_assert(contains(&(struct reply){.bytes = ask("GET", "/api/console", NULL, NULL).bytes},
                       "\"deciding\":true"));
    room_for(1);
    int status = 200;
    for (int i = 0; i < 150 && status == 200; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        status = ask_anonymous("GET", "/healthz", NULL, NULL).status;
    }
    ck_assert_int_eq(status, 503);
    room_for(RLIM_INFINITY);
    struct reply reply = ask("GET", "/api/console", NULL, NULL);
    ck_assert(contains(&reply, "\"deciding\":false"));
    /* There is room again, and still nobody who would decide. */
    reply = post("resume", why);
    ck_assert_int_eq(reply.status, 409);
    ck_assert_msg(contains(&reply, "start the console again"), "%s", reply.body);
    reply = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&reply, "\"system_status\":\"paused\""));
    ck_assert_double_eq(metric("deciding"), 0);
    server_stop();
    /* Started again, it goes on. */
    server_start((const char *[]){"--store", path, "--speed", "20", NULL});
    ck_assert_int_eq(post("resume", why).status, 200);
    ck_assert_int_eq(ask_anonymous("GET", "/healthz", NULL, NULL).status, 200);
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}
END_TEST

START_TEST(rules_of_another_host_are_shown_by_their_names) {
    char path[128];
    server_start(NULL);
    ck_assert_int_eq(server_stop(), 0);
    snprintf(path, sizeof path, "%s/book.db", server.home);
    const char *args[] = {"--store", path, NULL};
    server_start(args);
    ck_assert_int_eq(server_stop(), 0);
    perp_config config;
    perp_core *core;
    perp_host_rule rule;
    perp_config_init(&config);
    ck_assert_int_eq(perp_store_sqlite_open(path, NULL, &config.store), PERP_OK);
    ck_assert_msg(perp_core_open(&config, &core) == PERP_OK, "%s", perp_core_error(NULL));
    perp_host_rule_init(&rule);
    rule.name = "value_at_risk";
    rule.ask = never;
    ck_assert_int_eq(perp_risk_add_rule(perp_core_risk(core), &rule), PERP_OK);
    ck_assert_int_eq(perp_core_close(core), PERP_OK);
    server_start(args);
    ck_assert_double_eq(metric("rule_fired_today{rule=\"value_at_risk\"}"), 0);
    struct reply metrics = ask("GET", "/metrics", NULL, NULL);
    ck_assert(!contains(&metrics, "host_"));
    struct reply state = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&state, "\"value_at_risk\":0"));
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}
END_TEST

START_TEST(a_kill_at_any_time_leaves_a_book_that_opens) {
    char path[128];
    server_start(NULL);
    ck_assert_int_eq(server_stop(), 0);
    snprintf(path, sizeof path, "%s/book.db", server.home);
    const char *args[] = {"--store", path, "--speed", "50", NULL};
    for (int i = 0; i < 3; i++) {
        server_start(args);
        struct timespec time = {.tv_nsec = 300000000 + 170000000 * i};
        nanosleep(&time, NULL);
        int status;
        kill(server.pid, SIGKILL);
        waitpid(server.pid, &status, 0);
    }
    server_start(args);
    ck_assert_int_eq(ask_anonymous("GET", "/healthz", NULL, NULL).status, 200);
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}
END_TEST

static Suite *suite(void) {
    Suite *all = suite_create("console_life");
    TCase *cases = tcase_create("life");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_made_token_is_for_its_owner_only_and_is_kept);
    tcase_add_test(cases, a_link_in_the_place_of_the_token_is_not_followed);
    tcase_add_test(cases, it_listens_beyond_this_machine_only_with_a_token_of_the_user);
    tcase_add_test(cases, a_short_token_or_a_wrong_option_is_refused);
    tcase_add_test(cases, a_restart_on_a_store_loses_nothing);
    tcase_add_test(cases, where_nobody_decides_any_more_nothing_looks_as_if);
    tcase_add_test(cases, rules_of_another_host_are_shown_by_their_names);
    tcase_add_test(cases, a_kill_at_any_time_leaves_a_book_that_opens);
    suite_add_tcase(all, cases);
    return all;
}

int main(void) {
    return run_tests(suite());
}
