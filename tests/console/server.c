#define _XOPEN_SOURCE 700 /* nftw */
#include "server.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 4194304

struct server server;
static char buffer[MOST];

static const char *program(void) {
    static char path[512];
    const char *folder = getenv("PERPCORE_BIN");
    snprintf(path, sizeof path, "%s/perpcore-console", folder == NULL ? "build/bin" : folder);
    return path;
}

static pid_t launch(const char *const *args, int said) {
    const char *all[24] = {program(), "--listen", "127.0.0.1:0"};
    int n = 3;
    for (; args != NULL && *args != NULL && n < 23; args++)
        all[n++] = *args;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(said, STDOUT_FILENO);
        dup2(said, STDERR_FILENO);
        setenv("HOME", server.home, 1);
        unsetenv("XDG_RUNTIME_DIR");
        unsetenv("XDG_CONFIG_HOME");
        execv(all[0], (char *const *)(const void *)all);
        perror(all[0]);
        _exit(127);
    }
    return pid;
}

static void make_home(void) {
    if (server.home[0] != '\0')
        return;
    snprintf(server.home, sizeof server.home, "/tmp/perpcore-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(server.home));
}

void server_start(const char *const *args) {
    int ends[2];
    make_home();
    ck_assert_int_eq(pipe(ends), 0);
    server.pid = launch(args, ends[1]);
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    char line[1024];
    server.port = 0;
    server.token_path[0] = '\0';
    const char *environment = getenv("PERPCORE_TOKEN");
    while (fgets(line, sizeof line, said) != NULL) {
        char *where = strstr(line, "http://127.0.0.1:");
        char *path = strstr(line, "the token is in ");
        line[strcspn(line, "\n")] = '\0';
        if (where != NULL)
            server.port = (unsigned)strtoul(where + 17, NULL, 10);
        if (path != NULL)
            snprintf(server.token_path, sizeof server.token_path, "%s", path + 16);
        if (path != NULL || (where != NULL && environment != NULL))
            break;
    }
    ck_assert_uint_gt(server.port, 0);
    /* The pipe stays open: the console writes to it as to a terminal. */
    if (environment != NULL) {
        snprintf(server.token, sizeof server.token, "%s", environment);
        return;
    }
    FILE *token = fopen(server.token_path, "r");
    ck_assert_ptr_nonnull(token);
    ck_assert_ptr_nonnull(fgets(server.token, sizeof server.token, token));
    server.token[strcspn(server.token, "\n")] = '\0';
    fclose(token);
}

static int wait_for(pid_t pid) {
    int status;
    for (int i = 0; i < 1500; i++) {
        struct timespec time = {.tv_nsec = 10000000};
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        nanosleep(&time, NULL);
    }
    kill(pid, SIGKILL);
    ck_abort_msg("the console did not end");
    return -1;
}

int server_stop(void) {
    kill(server.pid, SIGTERM);
    return wait_for(server.pid);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void server_forget(void) {
    if (strncmp(server.home, "/tmp/perpcore-test-", 19) == 0)
        nftw(server.home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    server.home[0] = '\0';
}

int server_refuses(const char *const *args, char *said, size_t size) {
    int ends[2];
    make_home();
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = launch(args, ends[1]);
    close(ends[1]);
    ck_assert_int_ge(read_all(ends[0], said, size, 10), 0);
    close(ends[0]);
    return wait_for(pid);
}

int server_connect(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(file, 0);
    if (server.from != 0) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        own.sin_addr.s_addr = htonl(127U << 24 | server.from);
        ck_assert_int_eq(bind(file, (struct sockaddr *)&own, sizeof own), 0);
    }
    ck_assert_int_eq(connect(file, (struct sockaddr *)&address, sizeof address), 0);
    return file;
}

int send_all(int file, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = send(file, data, size, MSG_NOSIGNAL);
        if (n <= 0)
            return 0;
        data += n;
        size -= (size_t)n;
    }
    return 1;
}

long read_all(int file, char *into, size_t size, int seconds) {
    size_t length = 0;
    struct pollfd wait = {.fd = file, .events = POLLIN};
    while (length + 1 < size && poll(&wait, 1, seconds * 1000) > 0) {
        ssize_t n = read(file, into + length, size - 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            into[length] = '\0';
            return (long)length;
        }
        length += (size_t)n;
    }
    into[length] = '\0';
    return -1;
}

static struct reply read_reply(int file) {
    struct reply reply = {.bytes = buffer};
    long length = read_all(file, buffer, sizeof buffer, 10);
    close(file);
    ck_assert_msg(length >= 0, "the console did not close the connection");
    reply.body = strstr(buffer, "\r\n\r\n");
    if (strncmp(buffer, "HTTP/1.", 7) == 0)
        reply.status = atoi(buffer + 9);
    reply.body = reply.body == NULL ? buffer + length : reply.body + 4;
    reply.length = (size_t)(buffer + length - reply.body);
    return reply;
}

struct reply ask_raw(const char *data, size_t size) {
    int file = server_connect();
    send_all(file, data, size);
    return read_reply(file);
}

struct reply ask_anonymous(const char *method, const char *path, const char *headers,
                           const char *body) {
    char head[2048];
    size_t size = body == NULL ? 0 : strlen(body);
    int length = snprintf(head, sizeof head,
                          "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s", method,
                          path, server.port, headers == NULL ? "" : headers);
    if (body != NULL)
        length +=
            snprintf(head + length, sizeof head - (size_t)length, "Content-Length: %zu\r\n", size);
    length += snprintf(head + length, sizeof head - (size_t)length, "\r\n");
    int file = server_connect();
    send_all(file, head, (size_t)length);
    if (body != NULL)
        send_all(file, body, size);
    return read_reply(file);
}

struct reply ask(const char *method, const char *path, const char *headers, const char *body) {
    char all[1500];
    snprintf(all, sizeof all, "Authorization: Bearer %s\r\n%s", server.token,
             headers == NULL ? "" : headers);
    return ask_anonymous(method, path, all, body);
}

struct reply post(const char *action, const char *body) {
    char path[64];
    snprintf(path, sizeof path, "/api/control/%s", action);
    return ask("POST", path, "Content-Type: application/json\r\n", body);
}

const char *server_open_job(void) {
    static const char *const fast[] = {"--speed", "60", NULL};
    static char id[37];
    const char *found = NULL;
    ck_assert_int_eq(server_stop(), 0);
    server_start(fast);
    for (int i = 0; i < 400 && found == NULL; i++) {
        struct timespec time = {.tv_nsec = 100000000};
        found = strstr(ask("GET", "/api/jobs/open", NULL, NULL).body, "\"job_id\":\"");
        if (found == NULL)
            nanosleep(&time, NULL);
    }
    ck_assert_ptr_nonnull(found);
    snprintf(id, sizeof id, "%.36s", found + strlen("\"job_id\":\""));
    return id;
}

double metric(const char *name) {
    struct reply reply = ask("GET", "/metrics", NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\nperpcore_%s ", name);
    const char *found = strstr(reply.body, wanted);
    ck_assert_msg(found != NULL, "no metric %s", name);
    return strtod(found + strlen(wanted), NULL);
}

int contains(const struct reply *reply, const char *text) {
    return strstr(reply->bytes, text) != NULL;
}

int run_tests(Suite *all) {
    SRunner *runner = srunner_create(all);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
