/* A failing seed is cut down while it fails in the same way: faults, then steps, in halves and
   quarters and so on. What is left is a file that --replay lives again. Each try is a process of
   its own. */
#include "sim.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_STEPS 100000

struct life {
    uint64_t seed, faults;
    uint32_t n_steps;
    uint8_t leave_out[MAX_STEPS];
};

const char *s_keep_in;

/* The first line that a try said, without its numbers: how it failed. "": it did not. */
struct verdict {
    char kind[256], line[256];
    uint32_t step;
};

static void read_verdict(FILE *from, struct verdict *v) {
    char line[512];
    uint32_t k = 0;
    v->line[0] = v->kind[0] = 0;
    v->step = UINT32_MAX;
    while (fgets(line, sizeof line, from)) {
        const char *step = strstr(line, ", step ");
        if (step && v->step == UINT32_MAX)
            v->step = (uint32_t)strtoul(step + 7, NULL, 10);
        if (v->line[0])
            continue;
        snprintf(v->line, sizeof v->line, "%.*s", (int)strcspn(line, "\n"), line);
        for (const char *c = v->line; *c && k + 1 < sizeof v->kind; c++)
            if (!isdigit((unsigned char)*c) && *c != '-' && *c != '.')
                v->kind[k++] = *c;
        v->kind[k] = 0;
    }
}

static void live(const struct life *life, int to) {
    static struct s_world w;
    dup2(to, STDERR_FILENO);
    if (!freopen("/dev/null", "w", stdout))
        abort();
    s_keep_in = NULL;
    alarm(300); /* it hangs */
    const uint64_t trace =
        s_live(&w, life->seed, life->n_steps, life->faults, false, life->leave_out);
    if (life->seed % 8 == 0 &&
        s_live(&w, life->seed, life->n_steps, life->faults, true, life->leave_out) != trace)
        fprintf(stderr, "it hangs on the addresses of memory\n");
    fflush(NULL);
    _exit(0);
}

static struct verdict try_life(const struct life *life) {
    struct verdict v;
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends) != 0)
        abort();
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live(life, ends[1]);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    read_verdict(from, &v);
    fclose(from);
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && !v.line[0])
        snprintf(v.line, sizeof v.line, "%s %d", strcpy(v.kind, "killed by a signal"),
                 WTERMSIG(status));
    return v;
}

static bool fails(const struct life *life, const struct verdict *as) {
    const struct verdict v = try_life(life);
    return v.kind[0] && strcmp(v.kind, as->kind) == 0;
}

static void cut_faults(struct life *life, const struct verdict *as) {
    for (uint32_t f = 0; f < S_FAULTS; f++) {
        struct life less = *life;
        less.faults &= ~(UINT64_C(1) << f);
        if (less.faults != life->faults && fails(&less, as))
            *life = less;
    }
}

static uint32_t count(const struct life *life) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < life->n_steps; i++)
        n += !life->leave_out[i];
    return n;
}

static void cut_steps(struct life *life, const struct verdict *as) {
    for (uint32_t size = life->n_steps / 2; size > 0; size /= 2) {
        for (uint32_t from = 0; from < life->n_steps; from += size) {
            static struct life less;
            less = *life;
            for (uint32_t i = from; i < from + size && i < life->n_steps; i++)
                less.leave_out[i] = 1;
            if (count(&less) < count(life) && fails(&less, as))
                *life = less;
        }
        printf("%u steps are left\n", count(life));
        fflush(stdout);
    }
}

/* seed, steps, faults, and the steps that are made, as ranges. */
static void write_life(const struct life *life, const struct verdict *v, FILE *to) {
    fprintf(to, "# %s\nseed %" PRIu64 "\nsteps %u\nfaults", v->line, life->seed, life->n_steps);
    for (uint32_t f = 0; f < S_FAULTS; f++)
        if (life->faults >> f & 1)
            fprintf(to, " %s", s_fault_names[f]);
    fprintf(to, "\nmade");
    for (uint32_t i = 0; i < life->n_steps; i++) {
        if (life->leave_out[i])
            continue;
        uint32_t end = i;
        while (end + 1 < life->n_steps && !life->leave_out[end + 1])
            end++;
        fprintf(to, " %u-%u", i, end);
        i = end;
    }
    fprintf(to, "\n");
}

int s_shrink(uint64_t seed, uint32_t n_steps, uint64_t faults, const char *file) {
    static struct life life;
    life.seed = seed;
    life.faults = faults;
    life.n_steps = n_steps < MAX_STEPS ? n_steps : MAX_STEPS;
    struct verdict v = try_life(&life);
    if (!v.kind[0]) {
        printf("seed %" PRIu64 " does not fail\n", seed);
        return 1;
    }
    printf("it fails: %s\n", v.line);
    if (v.step < life.n_steps)
        life.n_steps = v.step + 1;
    cut_faults(&life, &v);
    for (uint32_t before = UINT32_MAX; count(&life) < before / 4 * 3;) {
        before = count(&life);
        cut_steps(&life, &v);
    }
    cut_faults(&life, &v);
    v = try_life(&life);
    FILE *to = fopen(file, "w");
    if (!to) {
        perror(file);
        return 2;
    }
    write_life(&life, &v, to);
    fclose(to);
    printf("%u steps in %s\n", count(&life), file);
    return 0;
}

static bool read_life(const char *file, struct life *life) {
    static char line[1 << 20];
    FILE *from = fopen(file, "r");
    if (!from)
        return false;
    memset(life, 0, sizeof *life);
    memset(life->leave_out, 1, sizeof life->leave_out);
    while (fgets(line, sizeof line, from)) {
        char *rest = NULL, *word = strtok_r(line, " \n", &rest);
        if (!word || word[0] == '#')
            continue;
        for (char *value = strtok_r(NULL, " \n", &rest); value;
             value = strtok_r(NULL, " \n", &rest))
            if (strcmp(word, "seed") == 0) {
                life->seed = strtoull(value, NULL, 10);
            } else if (strcmp(word, "steps") == 0) {
                life->n_steps = (uint32_t)strtoul(value, NULL, 10);
            } else if (strcmp(word, "faults") == 0) {
                for (uint32_t f = 0; f < S_FAULTS; f++)
                    life->faults |= (uint64_t)(strcmp(value, s_fault_names[f]) == 0) << f;
            } else if (strcmp(word, "made") == 0) {
                char *end;
                const uint32_t first = (uint32_t)strtoul(value, &end, 10);
                const uint32_t last = (uint32_t)strtoul(end + 1, NULL, 10);
                for (uint32_t i = first; i <= last && i < MAX_STEPS; i++)
                    life->leave_out[i] = 0;
            }
    }
    fclose(from);
    return life->n_steps > 0 && life->n_steps <= MAX_STEPS;
}

/* 0: what is in the file does not fail. */
int s_replay(const char *file) {
    static struct life life;
    static struct s_world w;
    if (!read_life(file, &life)) {
        fprintf(stderr, "%s: not a life of the simulator\n", file);
        return 2;
    }
    const uint64_t trace = s_live(&w, life.seed, life.n_steps, life.faults, false, life.leave_out);
    if (life.seed % 8 == 0 &&
        s_live(&w, life.seed, life.n_steps, life.faults, true, life.leave_out) != trace) {
        fprintf(stderr, "%s: it hangs on the addresses of memory\n", file);
        return 1;
    }
    printf("%s: all is well\n", file);
    return 0;
}
