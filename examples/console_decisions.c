/* Why jobs were refused or let pass. The library gives a store the numbers behind each decision;
   this one stands before the store that was asked for (or before none) and remembers the last of
   them. */
#include <stdlib.h>
#include <string.h>

#include "console.h"

/* Some more than the jobs that a book remembers, of which some were refused before they ran. */
#define ROWS 1500

static void drop_staged(struct console_decisions *decisions) {
    for (uint32_t i = 0; i < decisions->n_staged; i++)
        free(decisions->staged[i].detail);
    decisions->n_staged = 0;
}

static void begin(void *user, perp_status *status) {
    struct console_decisions *decisions = user;
    drop_staged(decisions);
    if (decisions->inner.begin != NULL)
        decisions->inner.begin(decisions->inner.user, status);
    else
        *status = PERP_OK;
}

static bool stage(struct console_decisions *decisions, const perp_record *record) {
    if (decisions->n_staged == decisions->staged_room) {
        uint32_t room = decisions->staged_room == 0 ? 64 : 2 * decisions->staged_room;
        struct console_decision *staged = realloc(decisions->staged, room * sizeof *staged);
        if (staged == NULL)
            return false;
        decisions->staged = staged;
        decisions->staged_room = room;
    }
    size_t length = strlen(record->detail);
    char *detail = malloc(length + 1);
    if (detail == NULL)
        return false;
    memcpy(detail, record->detail, length + 1);
    decisions->staged[decisions->n_staged++] =
        (struct console_decision){.job_id = *record->job_id,
                                  .dispatched = strcmp(record->kind, "dispatch") == 0,
                                  .time_ns = record->time_ns,
                                  .detail = detail};
    return true;
}

/* What the gate said of an order is none about the job. */
static bool is_of_job(const perp_record *record) {
    return record->detail != NULL && record->job_id != NULL &&
           strcmp(record->kind, "order_refused") != 0;
}

static void append(void *user, const perp_record *record, perp_status *status) {
    struct console_decisions *decisions = user;
    if (is_of_job(record) && !stage(decisions, record))
        return; /* the status stays a failure: the change is taken back */
    if (decisions->inner.append != NULL)
        decisions->inner.append(decisions->inner.user, record, status);
    else
        *status = PERP_OK;
}

/* A newer decision of the same kind takes the place of the older one. */
static void keep(struct console_decisions *decisions, struct console_decision *decision) {
    struct console_decision *row = NULL;
    for (uint32_t i = 0; i < decisions->n && row == NULL; i++) {
        struct console_decision *other = &decisions->rows[i];
        if (other->dispatched == decision->dispatched &&
            memcmp(&other->job_id, &decision->job_id, sizeof other->job_id) == 0)
            row = other;
    }
    if (row == NULL) {
        row = &decisions->rows[decisions->next];
        decisions->next = (decisions->next + 1) % ROWS;
        decisions->n += decisions->n < ROWS;
    }
    char *older = row->detail;
    *row = *decision;
    decision->detail = older; /* dropped with what was staged */
}

static void commit(void *user, perp_status *status) {
    struct console_decisions *decisions = user;
    *status = decisions->inner.commit != NULL ? PERP_E_STORE : PERP_OK;
    if (decisions->inner.commit != NULL)
        decisions->inner.commit(decisions->inner.user, status);
    if (*status != PERP_OK)
        return; /* a rollback follows */
    pthread_mutex_lock(&decisions->lock);
    for (uint32_t i = 0; i < decisions->n_staged; i++)
        keep(decisions, &decisions->staged[i]);
    pthread_mutex_unlock(&decisions->lock);
    drop_staged(decisions);
}

static void put_row(void *user, const perp_row *row, perp_status *status) {
    struct console_decisions *decisions = user;
    decisions->inner.row(decisions->inner.user, row, status);
}

static void roll_back(void *user) {
    struct console_decisions *decisions = user;
    drop_staged(decisions);
    if (decisions->inner.rollback != NULL)
        decisions->inner.rollback(decisions->inner.user);
}

static void load(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    struct console_decisions *decisions = user;
    decisions->inner.load(decisions->inner.user, from_start, loader, status);
}

static void checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status) {
    struct console_decisions *decisions = user;
    decisions->inner.checkpoint(decisions->inner.user, seq, time_ns, hash, data, size, status);
}

static void message(void *user, char *text, size_t capacity) {
    struct console_decisions *decisions = user;
    if (decisions->inner.message != NULL)
        decisions->inner.message(decisions->inner.user, text, capacity);
    else if (capacity > 0)
        *text = '\0';
}

static void close_inner(void *user) {
    struct console_decisions *decisions = user;
    if (decisions->inner.close != NULL)
        decisions->inner.close(decisions->inner.user);
    memset(&decisions->inner, 0, sizeof decisions->inner);
}

int console_decisions_open(struct console_decisions *decisions, perp_store *store) {
    decisions->rows = calloc(ROWS, sizeof *decisions->rows);
    if (decisions->rows == NULL)
        return 0;
    pthread_mutex_init(&decisions->lock, NULL);
    decisions->inner = *store;
    *store = (perp_store){.user = decisions,
                          .begin = begin,
                          .append = append,
                          .commit = commit,
                          .rollback = roll_back,
                          .load = decisions->inner.load != NULL ? load : NULL,
                          .checkpoint = decisions->inner.checkpoint != NULL ? checkpoint : NULL,
                          .message = message,
                          .close = close_inner,
                          .row = decisions->inner.row != NULL ? put_row : NULL};
    return 1;
}

void console_decisions_close(struct console_decisions *decisions) {
    if (decisions->rows == NULL)
        return;
    drop_staged(decisions);
    for (uint32_t i = 0; i < decisions->n; i++)
        free(decisions->rows[i].detail);
    free(decisions->rows);
    free(decisions->staged);
    decisions->rows = NULL;
    decisions->staged = NULL;
    pthread_mutex_destroy(&decisions->lock);
}

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *result = malloc(size);
    if (result != NULL)
        memcpy(result, text, size);
    return result;
}

void console_decisions_of(struct console_decisions *decisions, const perp_uuid *job_id,
                          char **refusal, int64_t *refused_ns, char **dispatch,
                          int64_t *dispatched_ns) {
    *refusal = *dispatch = NULL;
    *refused_ns = *dispatched_ns = PERP_TIME_NONE;
    pthread_mutex_lock(&decisions->lock);
    for (uint32_t i = 0; i < decisions->n; i++) {
        const struct console_decision *row = &decisions->rows[i];
        if (memcmp(&row->job_id, job_id, sizeof *job_id) != 0)
            continue;
        char **text = row->dispatched ? dispatch : refusal;
        free(*text);
        *text = copy(row->detail);
        *(row->dispatched ? dispatched_ns : refused_ns) = row->time_ns;
    }
    pthread_mutex_unlock(&decisions->lock);
}
