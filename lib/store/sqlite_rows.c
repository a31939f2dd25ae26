/* The tables of jobs, reservations, exchanges and days, which people ask: kept by each event in the
   transaction that stores it. The book itself is never read from them. */
#include "store/sqlite_store.h"

#include <string.h>

#include "core/blob.h"
#include "scheduler/scheduler.h"

struct perp_binder perp_bind(const struct perp_sqlite *store, enum perp_statement which) {
    return (struct perp_binder){store->statements[which], 1, SQLITE_OK};
}

static void bound(struct perp_binder *to, int code) {
    to->at++;
    if (to->code == SQLITE_OK)
        to->code = code;
}

void perp_bind_null(struct perp_binder *to) {
    bound(to, sqlite3_bind_null(to->statement, to->at));
}

void perp_bind_int(struct perp_binder *to, int64_t value) {
    bound(to, sqlite3_bind_int64(to->statement, to->at, value));
}

void perp_bind_hash(struct perp_binder *to, uint64_t value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    perp_bind_int(to, bits);
}

void perp_bind_time(struct perp_binder *to, int64_t time_ns) {
    if (time_ns == PERP_TIME_NONE)
        perp_bind_null(to);
    else
        perp_bind_int(to, time_ns);
}

void perp_bind_double(struct perp_binder *to, double value) {
    bound(to, sqlite3_bind_double(to->statement, to->at, value));
}

/* What is bound outlives the run of the statement, so no copies are made. */
void perp_bind_text(struct perp_binder *to, const char *text) {
    bound(to, sqlite3_bind_text(to->statement, to->at, text, -1, SQLITE_STATIC));
}

void perp_bind_blob(struct perp_binder *to, const void *data, size_t size) {
    bound(to, sqlite3_bind_blob64(to->statement, to->at, size ? data : "", size, SQLITE_STATIC));
}

int perp_bind_run(struct perp_binder *to) {
    if (to->code != SQLITE_OK)
        return to->code;
    int code = sqlite3_step(to->statement);
    int again = sqlite3_reset(to->statement);
    return code == SQLITE_DONE ? again : code;
}

/* What most statements begin with: the job, and the event that changes it last. */
static struct perp_binder bind_job(const struct perp_sqlite *store, enum perp_statement which,
                                   const struct perp_event *event, const char *job) {
    struct perp_binder to = perp_bind(store, which);
    perp_bind_text(&to, job);
    perp_bind_hash(&to, event->seq);
    return to;
}

static int put_exchange(struct perp_sqlite *store, const struct perp_event *event) {
    perp_exchange_spec spec;
    if (event->n_bytes < sizeof spec)
        return SQLITE_MISMATCH;
    memcpy(&spec, perp_event_bytes_of(event), sizeof spec);
    spec.name[PERP_NAME_SIZE - 1] = spec.venue[PERP_NAME_SIZE - 1] = '\0';
    struct perp_binder to = perp_bind(store, PERP_SQL_EXCHANGE);
    perp_bind_text(&to, spec.name);
    perp_bind_text(&to, spec.venue);
    return perp_bind_run(&to);
}

static int put_reservation(struct perp_sqlite *store, const struct perp_event *event, uint64_t id,
                           const struct perp_need *need, const char *job) {
    struct perp_binder to = perp_bind(store, PERP_SQL_RESERVE);
    perp_bind_hash(&to, id);
    perp_bind_int(&to, need->exchange);
    perp_bind_text(&to, perp_pool_string(need->pool));
    perp_bind_int(&to, need->amount);
    perp_bind_text(&to, job);
    perp_bind_time(&to, event->time_ns);
    perp_bind_hash(&to, event->seq);
    return perp_bind_run(&to);
}

static int reserve(struct perp_sqlite *store, const struct perp_event *event) {
    struct perp_need need = {event->exchange, event->pool, event->amount};
    return put_reservation(store, event, event->reservation, &need, NULL);
}

static int settle_reservation(struct perp_sqlite *store, const struct perp_event *event,
                              enum perp_statement which) {
    struct perp_binder to = perp_bind(store, which);
    perp_bind_hash(&to, event->reservation);
    perp_bind_int(&to, event->amount);
    perp_bind_hash(&to, event->seq);
    return perp_bind_run(&to);
}

/* What a job holds: all given back, or all used. */
static int settle_held(struct perp_sqlite *store, const struct perp_event *event,
                       enum perp_statement which, const char *job) {
    struct perp_binder to = bind_job(store, which, event, job);
    return perp_bind_run(&to);
}

static int submit(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    const perp_uuid none = {{0}};
    struct perp_job_blob blob;
    char parent[37];
    if (event->n_bytes < sizeof blob)
        return SQLITE_MISMATCH;
    memcpy(&blob, perp_event_bytes_of(event), sizeof blob);
    perp_uuid_format(&event->other, parent);
    bool has_parent = memcmp(&event->other, &none, sizeof none) != 0;
    struct perp_binder to = perp_bind(store, PERP_SQL_SUBMIT);
    perp_bind_hash(&to, event->seq);
    perp_bind_text(&to, job);
    perp_bind_text(&to, perp_strategy_string(blob.strategy));
    perp_bind_int(&to, blob.priority);
    perp_bind_int(&to, event->amount);
    perp_bind_double(&to, blob.edge_bps);
    perp_bind_text(&to, has_parent ? parent : NULL);
    perp_bind_time(&to, event->time_ns);
    return perp_bind_run(&to);
}

static int leave(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    uint32_t state = event->kind == PERP_EVENT_CANCEL   ? PERP_JOB_CANCELLED
                     : event->kind == PERP_EVENT_EXPIRE ? PERP_JOB_EXPIRED
                                                        : PERP_JOB_REJECTED;
    struct perp_binder to = bind_job(store, PERP_SQL_LEAVE, event, job);
    perp_bind_text(&to, perp_job_state_string(state));
    perp_bind_time(&to, event->time_ns);
    perp_bind_text(&to, state == PERP_JOB_REJECTED ? perp_reason_string(event->reason) : NULL);
    return perp_bind_run(&to);
}

static int dispatch(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    const struct perp_event_item *items = perp_event_items_of(event);
    struct perp_binder to = bind_job(store, PERP_SQL_DISPATCH, event, job);
    perp_bind_time(&to, event->time_ns);
    perp_bind_int(&to, event->flags & 1);
    perp_bind_double(&to, event->x);
    int code = perp_bind_run(&to);
    for (uint32_t i = 0; i < event->n_items && (int64_t)i < event->number; i++) {
        struct perp_need need = {items[i].exchange, items[i].flags, items[i].amount};
        if (code == SQLITE_OK)
            code = put_reservation(store, event, event->reservation + i, &need, job);
    }
    return code;
}

static int book_day(struct perp_sqlite *store, int64_t time_ns, perp_exchange_id exchange,
                    perp_usd pnl, perp_usd volume, perp_usd fees) {
    struct perp_binder to = perp_bind(store, PERP_SQL_DAILY);
    perp_bind_time(&to, time_ns);
    perp_bind_int(&to, exchange);
    perp_bind_int(&to, pnl);
    perp_bind_int(&to, volume);
    perp_bind_int(&to, fees);
    return perp_bind_run(&to);
}

/* The bookings of a finish or a close: items that are neither fills nor, at the end, naked legs. */
static int book_items(struct perp_sqlite *store, const struct perp_event *event) {
    const struct perp_event_item *items = perp_event_items_of(event);
    int64_t n = event->n_items;
    int code = SQLITE_OK;
    if (event->kind == PERP_EVENT_FINISH)
        n -= event->number;
    for (int64_t i = 0; i < n && code == SQLITE_OK; i++)
        if (items[i].flags != PERP_FINISH_FILL)
            code = book_day(store, event->time_ns, items[i].exchange, items[i].pnl, items[i].volume,
                            items[i].fees);
    return code;
}

static int end_job(struct perp_sqlite *store, const struct perp_event *event, const char *job,
                   uint32_t state, bool held) {
    struct perp_binder to = bind_job(store, PERP_SQL_FINISH, event, job);
    perp_bind_text(&to, perp_job_state_string(state));
    perp_bind_time(&to, event->time_ns);
    perp_bind_time(&to, held ? PERP_TIME_NONE : event->time_ns);
    perp_bind_int(&to, state == PERP_JOB_PARTIAL);
    perp_bind_int(&to, event->pnl);
    perp_bind_int(&to, event->volume);
    perp_bind_int(&to, event->fees);
    int code = perp_bind_run(&to);
    if (code == SQLITE_OK)
        code = book_items(store, event);
    if (code == SQLITE_OK && !held)
        code = settle_held(store, event, PERP_SQL_GIVE_BACK, job);
    return code;
}

/* A partial job whose position is squared. */
static int settle(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    struct perp_binder to = bind_job(store, PERP_SQL_SETTLE, event, job);
    perp_bind_time(&to, event->time_ns);
    int code = perp_bind_run(&to);
    return code == SQLITE_OK ? settle_held(store, event, PERP_SQL_GIVE_BACK, job) : code;
}

static int finish(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    bool held = event->flags & (PERP_FINISH_KEEP | PERP_FINISH_CONFIRM);
    int code = end_job(store, event, job, event->reason, held);
    if (code == SQLITE_OK && (event->flags & PERP_FINISH_CONFIRM))
        code = settle_held(store, event, PERP_SQL_USE_ALL, job);
    if (code != SQLITE_OK || !(event->flags & PERP_FINISH_SQUARED))
        return code;
    char first[37];
    perp_uuid_format(&event->other, first);
    return settle(store, event, first);
}

static int resolve(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    struct perp_binder to = bind_job(store, PERP_SQL_DROP_REPAIR, event, job);
    perp_bind_time(&to, event->time_ns);
    int code = perp_bind_run(&to);
    return code == SQLITE_OK ? settle(store, event, job) : code;
}

static int requeue(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    int code = settle_held(store, event, PERP_SQL_REQUEUE, job);
    return code == SQLITE_OK ? settle_held(store, event, PERP_SQL_GIVE_BACK, job) : code;
}

static int refuse(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    struct perp_binder to = bind_job(store, PERP_SQL_REFUSE, event, job);
    perp_bind_text(&to, perp_reason_string(event->reason));
    return perp_bind_run(&to);
}

static int choose(struct perp_sqlite *store, const struct perp_event *event, const char *job) {
    struct perp_binder to = bind_job(store, PERP_SQL_CHOOSE, event, job);
    perp_bind_int(&to, event->amount);
    return perp_bind_run(&to);
}

static int change_job(struct perp_sqlite *store, const struct perp_event *event) {
    char job[37];
    perp_uuid_format(&event->job, job);
    switch (event->kind) {
    case PERP_EVENT_SUBMIT:
        return submit(store, event, job);
    case PERP_EVENT_CANCEL:
    case PERP_EVENT_EXPIRE:
    case PERP_EVENT_REJECT:
        return leave(store, event, job);
    case PERP_EVENT_REFUSE:
        return refuse(store, event, job);
    case PERP_EVENT_CHOOSE:
        return choose(store, event, job);
    case PERP_EVENT_DISPATCH:
        return dispatch(store, event, job);
    case PERP_EVENT_DOUBT:
        return settle_held(store, event, PERP_SQL_DOUBT, job);
    case PERP_EVENT_FINISH:
        return finish(store, event, job);
    case PERP_EVENT_CLOSE:
        return end_job(store, event, job, PERP_JOB_CLOSED, false);
    case PERP_EVENT_REQUEUE:
        return requeue(store, event, job);
    case PERP_EVENT_RESOLVE:
        return resolve(store, event, job);
    default:
        return SQLITE_OK;
    }
}

int perp_sqlite_rows(struct perp_sqlite *store, const struct perp_event *event) {
    switch (event->kind) {
    case PERP_EVENT_EXCHANGE:
        return put_exchange(store, event);
    case PERP_EVENT_RESERVE:
        return reserve(store, event);
    case PERP_EVENT_CONFIRM:
        return settle_reservation(store, event, PERP_SQL_CONFIRM);
    case PERP_EVENT_RELEASE:
        return settle_reservation(store, event, PERP_SQL_RELEASE);
    case PERP_EVENT_PNL:
        return book_day(store, event->time_ns, event->exchange, event->pnl, event->volume,
                        event->fees);
    default:
        return event->has_job ? change_job(store, event) : SQLITE_OK;
    }
}

const char *perp_sqlite_outcome(const struct perp_event *event) {
    if (event->kind == PERP_EVENT_REFUSE || event->kind == PERP_EVENT_REJECT)
        return perp_reason_string(event->reason);
    return event->kind == PERP_EVENT_FINISH ? perp_job_state_string(event->reason) : NULL;
}
