/* How long each job was without another side, by the book's own measure: from the fill that made
   its legs unequal to the one that made them equal, or to its end. A line in a file beside the
   store for each time, so that all runs of one book are counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

typedef struct span {
    perp_uuid job_id;
    int64_t since_ns; /* 0: the place is free */
} span;

struct ex_naked {
    pthread_mutex_t lock;
    FILE *file;
    span spans[EX_WORKS];
};

struct ex_naked *ex_naked_open(const char *store) {
    char path[1024];
    struct ex_naked *naked = calloc(1, sizeof *naked);
    snprintf(path, sizeof path, "%s.naked", store);
    if (naked == NULL || (naked->file = fopen(path, "a")) == NULL) {
        free(naked);
        return NULL;
    }
    setvbuf(naked->file, NULL, _IOLBF, 0);
    pthread_mutex_init(&naked->lock, NULL);
    return naked;
}

void ex_naked_close(struct ex_naked *naked) {
    if (naked == NULL)
        return;
    fclose(naked->file);
    pthread_mutex_destroy(&naked->lock);
    free(naked);
}

static span *span_of(struct ex_naked *naked, const perp_uuid *job_id) {
    span *there = NULL;
    for (uint32_t i = 0; i < EX_WORKS; i++) {
        span *at = &naked->spans[i];
        if (at->since_ns != 0 && ex_same(&at->job_id, job_id))
            return at;
        if (at->since_ns == 0 && there == NULL)
            there = at;
    }
    return there;
}

void ex_naked_look(executor *ex, const perp_uuid *job_id) {
    perp_job_info info = {.struct_size = sizeof info};
    struct ex_naked *naked = ex->naked;
    if (perp_scheduler_job(ex->scheduler, job_id, &info) != PERP_OK)
        return;
    bool runs = info.state == PERP_JOB_RUNNING || info.state == PERP_JOB_IN_DOUBT;
    pthread_mutex_lock(&naked->lock);
    span *at = span_of(naked, job_id);
    if (at != NULL && runs && info.unhedged_since_ns != PERP_TIME_NONE) {
        at->job_id = *job_id;
        at->since_ns = info.unhedged_since_ns;
    } else if (at != NULL && at->since_ns != 0) {
        char id[37];
        perp_uuid_format(job_id, id);
        fprintf(naked->file, "%s %lld %s\n", id, (long long)(ex_now() - at->since_ns),
                runs ? "hedged" : perp_job_state_string(info.state));
        at->since_ns = 0;
    }
    pthread_mutex_unlock(&naked->lock);
}
