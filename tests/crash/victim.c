/* The process that is killed: fed through a pipe, a few lines ahead of its answers, so that it
   works on a line when the moment comes. */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/ptrace.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct victim {
    pid_t pid;
    int in, out; /* its standard input and output */
    const struct lines *lines;
    size_t line, at; /* what is written next */
    size_t from;
    char *text; /* what it wrote */
    size_t size, capacity, answers;
    bool ended;
    int status; /* of its end */
};

/* In the child: perp-scenario's loop, on a book with the durability "batch". */
static _Noreturn void run_batch(const char *store, size_t from) {
    struct scenario run;
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    scenario_init(&run);
    for (size_t i = from; (length = getline(&text, &capacity, stdin)) > 0; i++) {
        text[--length] = '\0';
        if (!run.core && book_open(&run, store, i ? NULL : text) != PERP_OK)
            die("%s: %s", store, perp_core_error(NULL));
        char *answer = scenario_answer(&run, text, (size_t)length);
        if (!answer || (i % FLUSH_LINES == 0 && perp_core_flush(run.core) != PERP_OK))
            die("line %zu: %s", i, perp_core_error(run.core));
        if (puts(answer) == EOF || fflush(stdout) != 0)
            die("line %zu can't be answered", i);
        cJSON_free(answer);
    }
    free(text);
    scenario_free(&run);
    _exit(0);
}

static void shut(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

#define AHEAD 3

static bool is_ahead(const struct victim *victim) {
    return victim->line < victim->lines->n &&
           victim->line >= victim->from + victim->answers + AHEAD;
}

static void feed(struct victim *victim) {
    const struct lines *lines = victim->lines;
    while (victim->in >= 0 && !is_ahead(victim)) {
        if (victim->line == lines->n) {
            shut(&victim->in);
            return;
        }
        /* The text with its zero; a newline goes in the zero's place. */
        const char *text = lines->text[victim->line];
        size_t length = strlen(text);
        ssize_t n = victim->at < length ? write(victim->in, text + victim->at, length - victim->at)
                                        : write(victim->in, "\n", 1);
        if (n < 0 && errno == EPIPE)
            shut(&victim->in);
        if (n <= 0)
            return;
        victim->at += (size_t)n;
        if (victim->at > length) {
            victim->line++;
            victim->at = 0;
        }
    }
}

/* False at the end of what it writes. */
static bool hear(struct victim *victim) {
    for (;;) {
        if (victim->capacity - victim->size < 1 << 16) {
            victim->capacity = victim->capacity * 2 + (1 << 17);
            victim->text = realloc(victim->text, victim->capacity);
            if (!victim->text)
                die("no memory");
        }
        ssize_t n = read(victim->out, victim->text + victim->size, 1 << 16);
        if (n == 0)
            return false;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        for (ssize_t i = 0; i < n; i++)
            victim->answers += victim->text[victim->size + (size_t)i] == '\n';
        victim->size += (size_t)n;
    }
}

static int64_t clock_us(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        die("no clock");
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Both ways until it ends or the moment comes; whether it came. */
static bool talk(struct victim *victim, const struct moment *moment) {
    int64_t due = moment->answers ? INT64_MAX : clock_us() + moment->delay_us;
    for (;;) {
        bool feeds = victim->in >= 0 && !is_ahead(victim);
        struct pollfd fds[2] = {{victim->out, POLLIN, 0}, {victim->in, POLLOUT, 0}};
        if (poll(fds, feeds ? 2 : 1, due == INT64_MAX ? -1 : 0) < 0 && errno != EINTR)
            die("poll: %s", strerror(errno));
        feed(victim);
        if (!hear(victim))
            return false;
        if (due == INT64_MAX && victim->answers >= moment->answers)
            due = clock_us() + moment->delay_us;
        if (due != INT64_MAX && clock_us() >= due)
            return true;
    }
}

#ifdef __linux__
/* In the child: its parent sees every system call. Leaks can't be looked for meanwhile. */
static void be_traced(void) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || setenv("ASAN_OPTIONS", "detect_leaks=0", 1))
        _exit(126);
}

bool victim_counts_calls(void) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        be_traced();
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* The next stop at a system call, or its end (false). Between stops it is fed and heard. */
static bool next_call(struct victim *victim) {
    int signal_given = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, victim->pid, NULL, (void *)(intptr_t)signal_given) != 0)
            die("ptrace: %s", strerror(errno));
        pid_t pid;
        while ((pid = waitpid(victim->pid, &victim->status, WNOHANG)) == 0) {
            feed(victim);
            (void)hear(victim);
        }
        if (pid < 0)
            die("waitpid: %s", strerror(errno));
        victim->ended = !WIFSTOPPED(victim->status);
        if (victim->ended)
            return false;
        if (WSTOPSIG(victim->status) == (SIGTRAP | 0x80))
            return true;
        signal_given = WSTOPSIG(victim->status) == SIGTRAP ? 0 : WSTOPSIG(victim->status);
    }
}

/* Whether the moment came before its end. */
static bool trace(struct victim *victim, size_t calls) {
    void *options = (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    if (waitpid(victim->pid, &victim->status, 0) != victim->pid || !WIFSTOPPED(victim->status) ||
        ptrace(PTRACE_SETOPTIONS, victim->pid, NULL, options) != 0)
        die("ptrace: %s", strerror(errno));
    while (calls && next_call(victim))
        calls--;
    return calls == 0;
}
#else
static void be_traced(void) {
    _exit(126);
}

bool victim_counts_calls(void) {
    return false;
}

static bool trace(struct victim *victim, size_t calls) {
    (void)victim, (void)calls;
    return true;
}
#endif

static void victim_start(struct victim *victim, const struct manner *manner, const char *store,
                         size_t from, bool traced) {
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        die("pipe: %s", strerror(errno));
    (void)fflush(NULL);
    victim->pid = fork();
    if (victim->pid < 0)
        die("fork: %s", strerror(errno));
    if (victim->pid == 0) {
        if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0)
            _exit(127);
        (void)close(in[0]), (void)close(in[1]), (void)close(out[0]), (void)close(out[1]);
        if (traced)
            be_traced();
        if (manner->batch && traced)
            (void)raise(SIGSTOP); /* as exec does */
        if (manner->batch)
            run_batch(store, from);
        execl(manner->program, manner->program, "--store", store, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]), (void)close(out[1]);
    victim->in = in[1];
    victim->out = out[0];
    if (fcntl(victim->in, F_SETFL, O_NONBLOCK) != 0 || fcntl(victim->out, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl: %s", strerror(errno));
}

static char **split(const struct victim *victim) {
    char **answers = calloc(victim->answers + 1, sizeof *answers);
    const char *at = victim->text;
    if (!answers)
        die("no memory");
    for (size_t i = 0; i < victim->answers; i++) {
        const char *end = strchr(at, '\n');
        answers[i] = strndup(at, (size_t)(end - at));
        if (!answers[i])
            die("no memory");
        at = end + 1;
    }
    return answers;
}

static void end(struct victim *victim, bool killed) {
    if (killed && kill(victim->pid, SIGKILL) != 0)
        die("kill: %s", strerror(errno));
    while (!victim->ended && waitpid(victim->pid, &victim->status, 0) < 0)
        if (errno != EINTR)
            die("waitpid: %s", strerror(errno));
    int status = victim->status;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        die("the process ended with %d by itself", WEXITSTATUS(status));
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        die("the process was ended by signal %d", WTERMSIG(status));
    while (hear(victim)) /* what it had answered before */
        ;
    shut(&victim->in);
    shut(&victim->out);
}

size_t victim_run(const struct manner *manner, const char *store, const struct lines *lines,
                  size_t from, const struct moment *moment, char ***answers, bool *killed) {
    struct victim victim = {.lines = lines, .line = from, .from = from};
    victim_start(&victim, manner, store, from, moment->calls > 0);
    *killed = moment->calls ? trace(&victim, moment->calls) : talk(&victim, moment);
    end(&victim, *killed);
    *answers = split(&victim);
    free(victim.text);
    return victim.answers;
}

void answers_free(char **answers, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(answers[i]);
    free(answers);
}
