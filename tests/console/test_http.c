/* The console from outside: who is let in, what is answered, and that nothing that strangers send
   stops it or its decisions. */
#include <check.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <perpcore/perpcore.h>

#include "server.h"

static const char json[] = "Content-Type: application/json\r\n";
static const char who[] = "{\"actor\":\"ann\",\"reason\":\"test\"}";

static const char *const guarded[] = {"/api/monitoring/state", "/api/capital/snapshot",
                                      "/api/jobs/running",     "/api/jobs/pending",
                                      "/api/risk/rules",       "/api/feasibility",
                                      "/api/control/log",      "/api/positions",
                                      "/api/orders",           "/metrics"};
#define N_GUARDED (sizeof guarded / sizeof *guarded)

static void set_up(void) {
    server_start(NULL);
}

/* Decisions have gone on, and nothing is broken. */
static void tear_down(void) {
    double before = metric("tick_seconds_count");
    struct timespec time = {.tv_sec = 2};
    nanosleep(&time, NULL);
    ck_assert_double_gt(metric("tick_seconds_count"), before);
    ck_assert_int_eq(ask_anonymous("GET", "/healthz", NULL, NULL).status, 200);
    ck_assert_int_eq(server_stop(), 0);
    server_forget();
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

START_TEST(nothing_under_api_or_metrics_is_shown_without_the_token) {
    char path[1500];
    for (size_t i = 0; i < N_GUARDED; i++) {
        struct reply reply = ask_anonymous("GET", guarded[i], NULL, NULL);
        ck_assert_int_eq(reply.status, 401);
        ck_assert(contains(&reply, "WWW-Authenticate: Bearer"));
        snprintf(path, sizeof path, "%s?token=%s&access_token=%s", guarded[i], server.token,
                 server.token);
        ck_assert_int_eq(ask_anonymous("GET", path, NULL, NULL).status, 401);
        ck_assert_int_eq(ask("GET", guarded[i], NULL, NULL).status, 200);
    }
    ck_assert_int_eq(ask_anonymous("GET", "/api/events", NULL, NULL).status, 401);
    ck_assert_int_eq(ask_anonymous("POST", "/api/control/kill", json, who).status, 401);
    ck_assert_int_eq(ask_anonymous("GET", "/api/no/such/thing", NULL, NULL).status, 401);
    snprintf(path, sizeof path, "Authorization: Basic %s\r\n", server.token);
    ck_assert_int_eq(ask_anonymous("GET", guarded[0], path, NULL).status, 401);
    snprintf(path, sizeof path, "Authorization: Bearer %.*s\r\n", 63, server.token);
    ck_assert_int_eq(ask_anonymous("GET", guarded[0], path, NULL).status, 401);
    snprintf(path, sizeof path, "Authorization: Bearer %sx\r\n", server.token);
    ck_assert_int_eq(ask_anonymous("GET", guarded[0], path, NULL).status, 401);
}
END_TEST

START_TEST(wrong_tokens_are_limited_and_the_right_one_still_gets_in) {
    static const char wrong[] = "Authorization: Bearer wrong-wrong-wrong-wrong\r\n";
    int first_limited = 0;
    for (int i = 1; i <= 15; i++) {
        struct reply reply = ask_anonymous("GET", guarded[0], wrong, NULL);
        if (reply.status == 429 && first_limited == 0) {
            first_limited = i;
            ck_assert(contains(&reply, "Retry-After:"));
        }
    }
    ck_assert_int_eq(first_limited, 11);
    ck_assert_int_eq(ask("GET", guarded[0], NULL, NULL).status, 200);
    ck_assert_double_eq(metric("http_wrong_tokens_total"), 15);
}
END_TEST

START_TEST(a_post_must_be_json_from_the_same_site) {
    char own[128];
    snprintf(own, sizeof own, "%sOrigin: http://127.0.0.1:%u\r\n", json, server.port);
    ck_assert_int_eq(ask("POST", "/api/control/pause", own, who).status, 200);
    ck_assert_int_eq(
        ask("POST", "/api/control/pause",
            "Content-Type: application/json; charset=utf-8\r\nOrigin: http://evil.example\r\n", who)
            .status,
        403);
    ck_assert_int_eq(
        ask("POST", "/api/control/pause", "Content-Type: application/json\r\nOrigin: null\r\n", who)
            .status,
        403);
    ck_assert_int_eq(ask("POST", "/api/control/pause", NULL, who).status, 415);
    ck_assert_int_eq(ask("POST", "/api/control/pause", "Content-Type: text/plain\r\n", who).status,
                     415);
}
END_TEST

START_TEST(a_body_over_64_kib_is_too_large_and_one_below_is_read) {
    char *body = malloc(200001);
    memset(body, ' ', 200000);
    memcpy(body, who, sizeof who - 1);
    body[200000] = '\0';
    ck_assert_int_eq(post("pause", body).status, 413);
    body[65 * 1024] = '\0';
    ck_assert_int_eq(post("pause", body).status, 413);
    body[65536] = '\0';
    ck_assert_int_eq(post("pause", body).status, 200);
    free(body);
    char *raw = malloc(100000);
    int n = snprintf(raw, 1000,
                     "POST /api/control/pause HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n",
                     server.token);
    for (int i = 0; i < 9; i++) {
        n += sprintf(raw + n, "2000\r\n");
        memset(raw + n, ' ', 0x2000);
        n += 0x2000;
        n += sprintf(raw + n, "\r\n");
    }
    n += sprintf(raw + n, "0\r\n\r\n");
    ck_assert_int_eq(ask_raw(raw, (size_t)n).status, 413);
    n = snprintf(raw, 1000,
                 "POST /api/control/pause HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: 99999999999\r\n\r\n",
                 server.token);
    ck_assert_int_eq(ask_raw(raw, (size_t)n).status, 413);
    free(raw);
}
END_TEST

START_TEST(what_is_not_a_request_of_an_action_is_refused_with_the_reason) {
    static const char *const bad[] = {
        "",
        "{",
        "nonsense",
        "[]",
        "\"pause\"",
        "{} {}",
        "{\"actor\":\"\\ud800\"}",
        "{\"actor\":\"\xff\"}",
        "{\"actor\":1}",
        "{\"actor\":\"a\",\"actor\":\"b\"}",
        "{\"actr\":\"a\"}",
        "{\"actor\":\"a\\u0000b\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply reply = post("pause", bad[i]);
        ck_assert_msg(reply.status == 400, "%s: %d", bad[i], reply.status);
        ck_assert(strstr(reply.body, "\"error\":\"") != NULL);
    }
    char *deep = malloc(60002);
    memset(deep, '[', 60000);
    deep[60000] = '\0';
    ck_assert_int_eq(post("pause", deep).status, 400);
    free(deep);
    ck_assert_int_eq(post("kill", who).status, 400);
    ck_assert_int_eq(post("set_risk_mode", "{\"mode\":\"wild\"}").status, 400);
    ck_assert_int_eq(post("manual_override", "{\"enabled\":\"yes\"}").status, 400);
    ck_assert_int_eq(post("cancel", "{\"job_id\":\"7\"}").status, 400);
    ck_assert_int_eq(post("cancel", "{\"job_id\":\"11111111-1111-1111-1111-111111111111\"}").status,
                     404);
    ck_assert_int_eq(post("kill", "{\"enabled\":true,\"exchange\":\"nowhere\"}").status, 404);
    ck_assert_int_eq(post("pause", who).status, 200);
}
END_TEST

START_TEST(what_takes_a_protection_away_needs_actor_and_reason) {
    ck_assert_int_eq(post("kill", "{\"enabled\":true,\"actor\":\"ann\"}").status, 200);
    ck_assert_int_eq(post("kill", "{\"enabled\":false}").status, 400);
    ck_assert_int_eq(post("kill", "{\"enabled\":false,\"actor\":\"ann\"}").status, 400);
    struct reply reply = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&reply, "\"system_status\":\"killed\""));
    ck_assert_int_eq(
        post("kill", "{\"enabled\":false,\"actor\":\"ann\",\"reason\":\"over\"}").status, 200);
    ck_assert_int_eq(post("manual_override", "{\"enabled\":true,\"actor\":\"ann\"}").status, 400);
    ck_assert_int_eq(post("manual_override",
                          "{\"enabled\":true,\"actor\":\"ann\",\"reason\":\"r\",\"ttl_ms\":9000}")
                         .status,
                     200);
    reply = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&reply, "\"system_status\":\"manual_override\""));
    reply = ask("GET", "/api/control/log", NULL, NULL);
    ck_assert(contains(&reply, "\"action\":\"manual_override\",\"actor\":\"ann\",\"reason\":\"r\","
                               "\"enabled\":true,\"ok\":true"));
    ck_assert(contains(&reply, "\"ok\":false"));
}
END_TEST

START_TEST(paths_and_methods_have_their_own_answers) {
    ck_assert_int_eq(ask_anonymous("GET", "/no/such/page", NULL, NULL).status, 404);
    ck_assert_int_eq(ask_anonymous("GET", "/../etc/passwd", NULL, NULL).status, 404);
    ck_assert_int_eq(ask("GET", "/api/nothing", NULL, NULL).status, 404);
    ck_assert_int_eq(ask("POST", "/api/control/nothing", json, who).status, 404);
    ck_assert_int_eq(ask("GET", "/api/jobs/7", NULL, NULL).status, 400);
    ck_assert_int_eq(
        ask("GET", "/api/jobs/11111111-1111-1111-1111-111111111111", NULL, NULL).status, 404);
    struct reply reply = ask("GET", "/api/control/pause", NULL, NULL);
    ck_assert_int_eq(reply.status, 405);
    ck_assert(contains(&reply, "Allow: POST, OPTIONS"));
    reply = ask("DELETE", "/api/monitoring/state", NULL, NULL);
    ck_assert_int_eq(reply.status, 405);
    ck_assert(contains(&reply, "Allow: GET, HEAD, OPTIONS"));
    ck_assert_int_eq(ask_anonymous("POST", "/", json, who).status, 405);
    reply = ask("OPTIONS", "/api/control/kill", NULL, NULL);
    ck_assert_int_eq(reply.status, 204);
    ck_assert(!contains(&reply, "Access-Control-Allow"));
    for (size_t i = 0; i < N_GUARDED; i++) {
        reply = ask("HEAD", guarded[i], NULL, NULL);
        ck_assert_int_eq(reply.status, 200);
        ck_assert_uint_eq(reply.length, 0);
    }
    reply = ask("HEAD", "/api/events", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.length, 0);
}
END_TEST

START_TEST(the_page_is_public_strict_and_cached_by_its_tag) {
    struct reply reply = ask_anonymous("GET", "/", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "Content-Security-Policy: default-src 'none';"));
    ck_assert(!contains(&reply, "unsafe"));
    ck_assert(contains(&reply, "X-Content-Type-Options: nosniff"));
    ck_assert(contains(&reply, "text/html"));
    ck_assert(!contains(&reply, server.token));
    char tag[128];
    const char *found = strstr(reply.bytes, "ETag: ");
    ck_assert_ptr_nonnull(found);
    snprintf(tag, sizeof tag, "If-None-Match: %.*s\r\n", (int)strcspn(found + 6, "\r"), found + 6);
    reply = ask_anonymous("GET", "/", tag, NULL);
    ck_assert_int_eq(reply.status, 304);
    ck_assert_uint_eq(reply.length, 0);
    reply = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert(contains(&reply, "Cache-Control: no-store"));
}
END_TEST

START_TEST(requests_in_one_piece_are_answered_in_their_order) {
    char raw[2048];
    int n = snprintf(raw, sizeof raw,
                     "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /api/monitoring/state HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /no HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /api/console HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                     "Connection: close\r\n\r\n",
                     server.token);
    struct reply reply = ask_raw(raw, (size_t)n);
    const char *at = reply.bytes;
    static const char *const wanted[] = {"HTTP/1.1 200", "HTTP/1.1 401", "HTTP/1.1 404",
                                         "HTTP/1.1 200"};
    for (int i = 0; i < 4; i++) {
        at = strstr(at, "HTTP/1.1 ");
        ck_assert_ptr_nonnull(at);
        ck_assert_int_eq(strncmp(at, wanted[i], 12), 0);
        at += 12;
    }
}
END_TEST

/* Reads events until there are n of them; ids and names go into the arrays. */
static int read_events(int file, int n, unsigned long long *ids, char names[][16]) {
    static char text[8 << 20];
    size_t length = 0;
    int seen = 0;
    char *at = text;
    double start = seconds();
    while (seen < n && seconds() - start < 10) {
        struct pollfd wait = {.fd = file, .events = POLLIN};
        if (poll(&wait, 1, 1000) <= 0)
            continue;
        ssize_t got = read(file, text + length, sizeof text - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
        text[length] = '\0';
        char *id;
        while (seen < n && (id = strstr(at, "id: ")) != NULL && strstr(id, "\n\n") != NULL) {
            ids[seen] = strtoull(id + 4, NULL, 10);
            char *name = strstr(id, "event: ");
            snprintf(names[seen], 16, "%.*s", (int)strcspn(name + 7, "\n"), name + 7);
            at = strstr(id, "\n\n");
            seen++;
        }
    }
    return seen;
}

static int listen_from(unsigned long long last) {
    char head[1024], more[64] = "";
    if (last != 0)
        snprintf(more, sizeof more, "Last-Event-ID: %llu\r\n", last);
    int n = snprintf(head, sizeof head,
                     "GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n",
                     server.token, more);
    int file = server_connect();
    ck_assert(send_all(file, head, (size_t)n));
    return file;
}

START_TEST(every_change_has_a_number_and_a_listener_misses_none) {
    unsigned long long ids[8], again[8];
    char names[8][16];
    int file = listen_from(0);
    double start = seconds();
    ck_assert_int_eq(read_events(file, 6, ids, names), 6);
    ck_assert_double_ge(seconds() - start, 0.9); /* at most five a second */
    ck_assert_str_eq(names[0], "state");
    for (int i = 1; i < 6; i++)
        ck_assert_uint_eq(ids[i], ids[i - 1] + 1);
    close(file);
    ck_assert_int_eq(post("pause", who).status, 200);
    file = listen_from(ids[2]);
    ck_assert_int_eq(read_events(file, 5, again, names), 5);
    int control = 0;
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(again[i], ids[2] + 1 + (unsigned long long)i);
        control += strcmp(names[i], "control") == 0;
    }
    ck_assert_int_eq(control, 1);
    close(file);
    file = listen_from(7); /* of another run: the newest state */
    ck_assert_int_eq(read_events(file, 1, again, names), 1);
    ck_assert_uint_gt(again[0], ids[5]);
    ck_assert_str_eq(names[0], "state");
    close(file);
}
END_TEST

START_TEST(half_a_request_is_not_waited_for) {
    int files[40];
    double start = seconds();
    for (int i = 0; i < 40; i++) {
        files[i] = server_connect();
        ck_assert(send_all(files[i], "GET / HTTP/1.1\r\nX-Slow: ", 24));
    }
    /* A byte now and then, so that no connection is idle. */
    int open = 40;
    while (open > 0 && seconds() - start < 20) {
        struct timespec time = {.tv_nsec = 500000000};
        nanosleep(&time, NULL);
        open = 0;
        for (int i = 0; i < 40; i++) {
            struct pollfd look = {.fd = files[i], .events = POLLIN};
            char byte;
            if (poll(&look, 1, 0) == 1 && read(files[i], &byte, 1) <= 0)
                continue;
            open++;
            send_all(files[i], "a", 1);
        }
        double asked = seconds();
        ck_assert_int_eq(ask("GET", "/api/monitoring/state", NULL, NULL).status, 200);
        ck_assert_double_lt(seconds() - asked, 2);
    }
    ck_assert_int_eq(open, 0);
    for (int i = 0; i < 40; i++)
        close(files[i]);
}
END_TEST

START_TEST(five_hundred_connections_leave_room_for_the_next) {
    int files[500];
    for (int i = 0; i < 500; i++)
        files[i] = server_connect();
    for (int i = 0; i < 5; i++) {
        double asked = seconds();
        ck_assert_int_eq(ask("GET", "/api/monitoring/state", NULL, NULL).status, 200);
        ck_assert_double_lt(seconds() - asked, 2);
    }
    ck_assert_int_eq(post("pause", who).status, 200);
    for (int i = 0; i < 500; i++)
        close(files[i]);
}
END_TEST

/* Strangers from one address (0), as from behind the operator's own tunnel, or from many (1). */
START_TEST(strangers_who_wait_take_nobodys_place) {
    enum { STRANGERS = 1500 };
    static int files[STRANGERS];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_gt(limit.rlim_cur, STRANGERS + 100);
    unsigned long long ids[8];
    char names[8][16];
    int listener = listen_from(0);
    double slowest = 0;
    for (int i = 0; i < STRANGERS; i++) {
        server.from = _i == 0 ? 0 : 256 + (unsigned)i % 250;
        files[i] = server_connect();
        send_all(files[i], "GET / HTTP/1.1\r\nX-Slow: ", 24);
        server.from = 0;
        if (i % 100 != 99)
            continue;
        double asked = seconds();
        ck_assert_int_eq(ask("GET", "/api/monitoring/state", NULL, NULL).status, 200);
        slowest = fmax(slowest, seconds() - asked);
    }
    double asked = seconds();
    ck_assert_int_eq(
        post("kill", "{\"actor\":\"ann\",\"reason\":\"test\",\"enabled\":true}").status, 200);
    ck_assert_double_lt(fmax(slowest, seconds() - asked), 4);
    /* Who listens has shown the token, and stays. */
    ck_assert_int_eq(read_events(listener, 8, ids, names), 8);
    close(listener);
    ck_assert_double_le(metric("http_connections"), 450);
    for (int i = 0; i < STRANGERS; i++)
        close(files[i]);
}
END_TEST

START_TEST(wrong_tokens_are_limited_over_all_addresses) {
    static const char wrong[] = "Authorization: Bearer wrong-wrong-wrong-wrong\r\n";
    int refused = 0;
    for (unsigned i = 0; i < 210; i++) {
        server.from = 256 + i % 70;
        refused += ask_anonymous("GET", guarded[0], wrong, NULL).status == 401;
    }
    ck_assert_int_eq(refused, 200);
    ck_assert_int_eq(ask_anonymous("GET", guarded[0], wrong, NULL).status, 429);
    ck_assert_int_eq(ask("GET", guarded[0], NULL, NULL).status, 200);
}
END_TEST

START_TEST(random_bytes_on_the_port_do_no_harm) {
    unsigned long long state = 20240601; /* the seed */
    char bytes[1000];
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            bytes[i] = (char)(state >> 56);
        }
        if (round % 3 == 1)
            memcpy(bytes, "GET / HTTP/1.1\r\n", 16);
        if (round % 3 == 2)
            memcpy(bytes, "POST /api/control/kill HTTP/1.1\r\nContent-Length: 900\r\n\r\n", 55);
        int file = server_connect();
        send_all(file, bytes, sizeof bytes);
        close(file);
    }
    struct reply reply = ask("GET", "/api/monitoring/state", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "\"system_status\":\"running\""));
}
END_TEST

START_TEST(a_job_is_explained_with_every_number) {
    char path[128];
    snprintf(path, sizeof path, "/api/jobs/%s", server_open_job());
    struct reply reply = ask("GET", path, NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "\"decision\":\"accept\""));
    ck_assert(contains(&reply, "\"safety_score\":"));
    ck_assert(contains(&reply, "\"legs\":[{\"exchange\":"));
}
END_TEST

START_TEST(orders_are_listed_by_what_is_asked_for) {
    struct reply reply = ask("GET", "/api/orders", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "{\"orders\":["));
    ck_assert(contains(&reply, "\"count\":"));
    reply = ask("GET", "/api/orders?state=in_doubt&exchange=north", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "{\"orders\":[],\"count\":0"));
    reply = ask("GET", "/api/orders?state=gone", NULL, NULL);
    ck_assert_int_eq(reply.status, 400);
    ck_assert(contains(&reply, "state"));
    ck_assert_int_eq(ask("GET", "/api/orders?job=7", NULL, NULL).status, 400);
    ck_assert_int_eq(ask("GET", "/api/orders?exchange=nowhere", NULL, NULL).status, 404);
    reply = ask("GET", "/api/orders?job=11111111-1111-1111-1111-111111111111", NULL, NULL);
    ck_assert_int_eq(reply.status, 404);
    ck_assert_int_eq(ask("POST", "/api/orders", json, who).status, 405);
    char path[128];
    snprintf(path, sizeof path, "/api/jobs/%s", server_open_job());
    reply = ask("GET", path, NULL, NULL);
    ck_assert(contains(&reply, "\"orders\":["));
    reply = post("kill", "{\"enabled\":true,\"exchange\":\"north\",\"actor\":\"ann\"}");
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "\"cancelled_orders_of\":["));
    ck_assert(contains(&reply, "\"orders\":["));
    ck_assert_int_eq(ask("GET", "/metrics", NULL, NULL).status, 200);
    ck_assert_double_ge(metric("orders_placed_total"), 0);
    ck_assert_double_eq(metric("orders{state=\"in_doubt\"}"), 0);
    ck_assert_double_ge(metric("orders_refused_today{reason=\"over_leg\"}"), 0);
    ck_assert_double_ge(metric("unhedged_usd"), 0);
}
END_TEST

/* A number behind a name, in what follows on another text. */
static double number_after(const char *text, const char *place, const char *name) {
    const char *found = strstr(text, place);
    ck_assert_msg(found != NULL, "no %s", place);
    found = strstr(found, name);
    ck_assert_msg(found != NULL, "no %s", name);
    return strtod(found + strlen(name), NULL);
}

START_TEST(positions_are_shown_and_can_be_left) {
    (void)server_open_job();
    ck_assert_int_eq(post("pause", "{\"actor\":\"ann\",\"reason\":\"leave\"}").status, 200);
    struct reply reply = ask("GET", "/api/positions", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "\"positions\":{\""));
    ck_assert(contains(&reply, "\"bases\":{\""));
    ck_assert(contains(&reply, "\"lots\":[{\"job_id\":\""));
    ck_assert(contains(&reply, "\"liquidation_distance\":"));
    ck_assert_double_gt(number_after(reply.body, "\"bases\":{", "\"gross\":"), 0);
    ck_assert_int_eq(post("flatten", "{\"actor\":\"ann\"}").status, 400); /* a reason is needed */
    static const char leave[] = "{\"actor\":\"ann\",\"reason\":\"leave\",\"key\":"
                                "\"6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d0000\"}";
    reply = post("flatten", leave);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(contains(&reply, "\"jobs\":[{\"job_id\":\"6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d0000\""));
    ck_assert_int_eq(post("flatten", leave).status, 409);
    ck_assert_int_eq(post("flatten", "{\"key\":7}").status, 400);
    ck_assert_int_eq(post("flatten", "{\"exchange\":\"nowhere\"}").status, 400);
    double open = 1;
    for (int i = 0; i < 300 && open > 0; i++) {
        struct timespec time = {.tv_nsec = 100000000};
        nanosleep(&time, NULL);
        reply = ask("GET", "/api/monitoring/state", NULL, NULL);
        open = number_after(reply.body, "\"jobs_stats\":", "\"open_jobs_count\":");
    }
    ck_assert_double_eq(open, 0);
    ck_assert_int_eq(ask("GET", "/metrics", NULL, NULL).status, 200);
    ck_assert_double_eq(metric("naked_usd{base=\"BTC\"}"), 0);
    ck_assert_double_eq(metric("base_naked{base=\"BTC\"}"), 0);
    ck_assert_double_eq(metric("positions_drifting"), 0);
    ck_assert_double_ge(metric("base_gross{base=\"BTC\"}"), 0);
}
END_TEST

/* What is left of the day, and which alerts stand, by code. */
START_TEST(metrics_show_the_net_of_the_day_and_each_alert) {
    ck_assert_int_eq(ask("POST", "/api/control/manual_override", json,
                         "{\"enabled\":true,\"ttl_ms\":60000,\"actor\":\"a\",\"reason\":\"b\"}")
                         .status,
                     200);
    ck_assert_double_eq(metric("alerts_by_code{code=\"override_on\"}"), 1);
    ck_assert_double_eq(metric("alerts_by_code{code=\"store_failed\"}"), 0);
    char version[64];
    snprintf(version, sizeof version, "build_info{version=\"%s\"}", perp_version_string());
    ck_assert_double_eq(metric(version), 1);
    for (int i = 0; i < 300 && !(metric("today_fees_usd{exchange=\"north\"}") > 0); i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    ask("POST", "/api/control/pause", json, who);
    double net = NAN, wanted = 0;
    for (int i = 0; i < 50 && !(fabs(net - wanted) < 1e-5); i++) { /* of three moments */
        net = metric("today_net_usd{exchange=\"north\"}");
        wanted = metric("today_pnl_usd{exchange=\"north\"}") -
                 metric("today_fees_usd{exchange=\"north\"}");
    }
    ck_assert_double_eq_tol(net, wanted, 1e-5);
    ck_assert(isfinite(metric("today_funding_usd{exchange=\"north\"}")));
}
END_TEST

static Suite *suite(void) {
    Suite *all = suite_create("console");
    TCase *cases = tcase_create("http");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, nothing_under_api_or_metrics_is_shown_without_the_token);
    tcase_add_test(cases, wrong_tokens_are_limited_and_the_right_one_still_gets_in);
    tcase_add_test(cases, a_post_must_be_json_from_the_same_site);
    tcase_add_test(cases, a_body_over_64_kib_is_too_large_and_one_below_is_read);
    tcase_add_test(cases, what_is_not_a_request_of_an_action_is_refused_with_the_reason);
    tcase_add_test(cases, what_takes_a_protection_away_needs_actor_and_reason);
    tcase_add_test(cases, paths_and_methods_have_their_own_answers);
    tcase_add_test(cases, the_page_is_public_strict_and_cached_by_its_tag);
    tcase_add_test(cases, requests_in_one_piece_are_answered_in_their_order);
    tcase_add_test(cases, every_change_has_a_number_and_a_listener_misses_none);
    tcase_add_test(cases, half_a_request_is_not_waited_for);
    tcase_add_test(cases, five_hundred_connections_leave_room_for_the_next);
    tcase_add_loop_test(cases, strangers_who_wait_take_nobodys_place, 0, 2);
    tcase_add_test(cases, wrong_tokens_are_limited_over_all_addresses);
    tcase_add_test(cases, random_bytes_on_the_port_do_no_harm);
    tcase_add_test(cases, a_job_is_explained_with_every_number);
    tcase_add_test(cases, metrics_show_the_net_of_the_day_and_each_alert);
    tcase_add_test(cases, positions_are_shown_and_can_be_left);
    tcase_add_test(cases, orders_are_listed_by_what_is_asked_for);
    suite_add_tcase(all, cases);
    return all;
}

int main(void) {
    return run_tests(suite());
}
