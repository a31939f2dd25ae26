/* The store of a world: in memory, where it can fail or be the last thing that a process did at any
   write; or SQLite on a machine that loses what was not synced. And what a restart must find. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
    uint64_t seq;
    size_t at, size;
    perp_uuid job;
    bool dispatches;
};

/* How often a job was dispatched, as is durable, and how often it was handed over. */
struct sent {
    perp_uuid job;
    uint32_t durable, handed;
};

struct s_store {
    struct record *records;
    uint32_t n, room; /* durable */
    uint32_t n_batch; /* with those of the batch at hand */
    char *bytes;
    size_t size, bytes_room;
    char *checkpoint;
    size_t checkpoint_size;
    uint64_t checkpoint_seq, checkpoint_hash;
    uint32_t dies_in; /* writes; 0: it does not */
    perp_store file;  /* SQLite, behind all this */
    bool has_file, power;
    struct sent *sent;
    uint32_t n_sent, sent_room;
};

static void grow(void **at, uint32_t *room, uint32_t wanted, size_t size) {
    if (wanted <= *room)
        return;
    *room = 2 * wanted + 64;
    *at = realloc(*at, *room * size);
    if (!*at)
        abort();
}

/* Whether a write works. */
static bool works(struct s_world *w) {
    struct s_store *d = w->disk;
    if (w->dead)
        return false;
    if (d->dies_in > 0 && --d->dies_in == 0) {
        w->dead = true;
        if (d->has_file)
            s_sqlite_die();
        return false;
    }
    return !w->failing;
}

/* What is in memory alone is lost if the process ends: from here on. */
static void keep_what_is_durable(struct s_world *w) {
    if (!w->saved)
        w->saved = malloc(sizeof *w->saved);
    if (!w->saved)
        abort();
    *w->saved = w->m;
}

static void begin(void *user, perp_status *status) {
    struct s_world *w = user;
    w->disk->n_batch = w->disk->n;
    *status = PERP_E_STORE;
    if (w->dead)
        return;
    if (w->disk->has_file)
        w->disk->file.begin(w->disk->file.user, status);
    else
        *status = PERP_OK;
}

static void append(void *user, const perp_record *record, perp_status *status) {
    struct s_world *w = user;
    struct s_store *d = w->disk;
    if (!works(w)) {
        if (!w->saved && !w->dead)
            keep_what_is_durable(w);
        return;
    }
    const uint64_t last = d->n_batch > 0 ? d->records[d->n_batch - 1].seq : 0;
    if (record->seq != last + 1)
        s_fail(w, "record %" PRIu64 " is stored after %" PRIu64, record->seq, last);
    void *records = d->records;
    grow(&records, &d->room, d->n_batch + 1, sizeof *d->records);
    d->records = records;
    struct record *r = &d->records[d->n_batch++];
    *r = (struct record){.seq = record->seq, .size = record->size};
    r->at = d->n_batch > 1 ? d->records[d->n_batch - 2].at + d->records[d->n_batch - 2].size : 0;
    while (r->at + r->size > d->bytes_room) {
        d->bytes_room = 2 * d->bytes_room + 65536;
        d->bytes = realloc(d->bytes, d->bytes_room);
        if (!d->bytes)
            abort();
    }
    memcpy(d->bytes + r->at, record->data, record->size);
    r->dispatches = strcmp(record->kind, "dispatch") == 0 && record->job_id != NULL;
    if (r->dispatches)
        r->job = *record->job_id;
    *status = PERP_OK;
    if (d->has_file) {
        *status = PERP_E_STORE;
        d->file.append(d->file.user, record, status);
    }
}

static struct sent *sent_of(struct s_store *d, const perp_uuid *job) {
    for (uint32_t i = d->n_sent; i > 0; i--)
        if (memcmp(&d->sent[i - 1].job, job, sizeof *job) == 0)
            return &d->sent[i - 1];
    void *sent = d->sent;
    grow(&sent, &d->sent_room, d->n_sent + 1, sizeof *d->sent);
    d->sent = sent;
    d->sent[d->n_sent] = (struct sent){.job = *job};
    return &d->sent[d->n_sent++];
}

/* The process can be killed within any write of it: then only the file says whether it was made. */
static bool commit_file(struct s_world *w) {
    struct s_store *d = w->disk;
    perp_status status = PERP_E_STORE;
    const bool dies = d->dies_in == 1;
    if (dies)
        s_sqlite_cut(1 + (uint32_t)s_below(w, 12));
    d->file.commit(d->file.user, &status);
    if (!dies)
        return status == PERP_OK;
    s_sqlite_die();
    w->dead = true;
    d->dies_in = 0;
    d->power = false;
    return s_sqlite_last() == d->records[d->n_batch - 1].seq;
}

static void commit(void *user, perp_status *status) {
    struct s_world *w = user;
    struct s_store *d = w->disk;
    if (!works(w)) {
        if (!w->saved && !w->dead)
            keep_what_is_durable(w);
        return;
    }
    if (d->has_file && !commit_file(w))
        return;
    for (uint32_t i = d->n; i < d->n_batch; i++)
        if (d->records[i].dispatches)
            sent_of(d, &d->records[i].job)->durable++;
    d->n = d->n_batch;
    if (w->batch) {
        keep_what_is_durable(w);
    } else {
        free(w->saved);
        w->saved = NULL;
    }
    *status = w->dead ? PERP_E_STORE : PERP_OK;
}

static void rollback(void *user) {
    struct s_world *w = user;
    w->disk->n_batch = w->disk->n;
    if (w->disk->has_file)
        w->disk->file.rollback(w->disk->file.user);
}

static void load(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    struct s_world *w = user;
    struct s_store *d = w->disk;
    uint64_t after = 0;
    if (d->has_file) {
        d->file.load(d->file.user, from_start, loader, status);
        return;
    }
    *status = PERP_OK;
    if (!from_start && d->checkpoint) {
        loader->checkpoint(loader->user, d->checkpoint_seq, d->checkpoint_hash, d->checkpoint,
                           d->checkpoint_size, status);
        after = d->checkpoint_seq;
    }
    for (uint32_t i = 0; i < d->n && *status == PERP_OK; i++)
        if (d->records[i].seq > after)
            loader->record(loader->user, d->records[i].seq, d->bytes + d->records[i].at,
                           d->records[i].size, status);
}

static void checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status) {
    struct s_world *w = user;
    struct s_store *d = w->disk;
    if (!works(w))
        return;
    if (d->has_file) {
        d->file.checkpoint(d->file.user, seq, time_ns, hash, data, size, status);
        return;
    }
    free(d->checkpoint);
    d->checkpoint = malloc(size);
    if (!d->checkpoint)
        abort();
    memcpy(d->checkpoint, data, size);
    d->checkpoint_size = size;
    d->checkpoint_seq = seq;
    d->checkpoint_hash = hash;
    *status = PERP_OK;
}

static void row(void *user, const perp_row *row, perp_status *status) {
    struct s_world *w = user;
    w->disk->file.row(w->disk->file.user, row, status);
}

static void close_store(void *user) {
    struct s_world *w = user;
    if (w->disk->has_file)
        w->disk->file.close(w->disk->file.user);
    w->disk->has_file = false;
}

void s_store_new(struct s_world *w) {
    w->disk = calloc(1, sizeof *w->disk);
    if (!w->disk)
        abort();
    if (w->store == S_SQLITE_STORE)
        s_sqlite_new(w);
}

void s_store_open(struct s_world *w, perp_store *store) {
    memset(store, 0, sizeof *store);
    if (w->store == S_NO_STORE)
        return;
    *store = (perp_store){.user = w,
                          .begin = begin,
                          .append = append,
                          .commit = commit,
                          .rollback = rollback,
                          .load = load,
                          .checkpoint = checkpoint,
                          .close = close_store};
    if (w->store != S_SQLITE_STORE)
        return;
    if (s_sqlite_open(&w->disk->file) != PERP_OK)
        s_fail(w, "the file does not open: %s", perp_core_error(NULL));
    w->disk->has_file = true;
    store->row = row;
}

void s_store_end(struct s_world *w) {
    struct s_store *d = w->disk;
    free(d->records);
    free(d->bytes);
    free(d->checkpoint);
    free(d->sent);
    free(d);
    free(w->saved);
    w->disk = NULL;
    w->saved = NULL;
}

uint64_t s_store_durable(const struct s_world *w) {
    return w->disk->n;
}

void s_store_keep(struct s_world *w) {
    if (w->failing && !w->saved && !w->dead)
        keep_what_is_durable(w);
}

void s_store_fails(struct s_world *w, bool on) {
    w->failing = on;
}

void s_store_dies(struct s_world *w, uint32_t in) {
    w->disk->dies_in = in;
    w->disk->power = true; /* if it dies between two commits, so may the machine */
}

/* Each hand-over has a dispatch of its own that is durable. */
bool s_store_has_dispatch(const struct s_world *w, const perp_uuid *job, uint64_t dispatch) {
    struct sent *sent = sent_of(w->disk, job);
    (void)dispatch;
    return ++sent->handed <= sent->durable;
}

/* ---- Restarts -------------------------------------------------------------------------------- */

/* The host has forgotten all but what it can ask for; the exchanges have not. */
static void forget(struct s_world *w) {
    struct s_model *m = &w->m;
    w->n_news = 0;
    w->n_touched = 0;
    w->depth = 0;
    w->in_tick = 0;
    w->effect = NULL;
    w->ended_by_call = -1;
    for (uint32_t i = 0; i < w->n_instruments; i++)
        w->market.quoted[i] = 0;
    memset(w->market.api, PERP_API_UP, sizeof w->market.api);
    m->has_clock = 0;
    for (uint32_t k = 0; k < m->n_live; k++)
        if (s_runs(&m->jobs[m->live[k]])) {
            m->jobs[m->live[k]].state = PERP_JOB_IN_DOUBT;
            m->jobs[m->live[k]].answer = 0;
        }
    for (uint32_t i = 0; i < w->n_orders; i++)
        if (w->orders[i].number != 0 && w->orders[i].number < m->next_order &&
            m->order_state[i] < PERP_ORDER_FILLED)
            m->order_state[i] = PERP_ORDER_IN_DOUBT;
}

/* One that the library made in the last tick. */
static void learn_job(struct s_world *w, const perp_uuid *id) {
    perp_job_info info = {.struct_size = sizeof info};
    const int32_t job = s_m_learn(w, id);
    if (perp_scheduler_job(perp_core_scheduler(w->core), id, &info) != PERP_OK)
        s_fail(w, "a job that was listed is not known");
    if (info.state != PERP_JOB_IN_DOUBT)
        return;
    s_m_dispatched(w, job, info.dispatch);
    w->m.jobs[job].state = PERP_JOB_IN_DOUBT;
    w->m.jobs[job].handed = 1;
}

/* What the last tick did and the auditor had no time to see. */
static void learn_what_came_back(struct s_world *w) {
    struct s_model *m = &w->m;
    for (uint32_t k = 0; k < m->n_live; k++) {
        struct s_job *j = &m->jobs[m->live[k]];
        perp_job_info info = {.struct_size = sizeof info};
        if (perp_scheduler_job(perp_core_scheduler(w->core), &j->id, &info) != PERP_OK)
            s_fail(w, "job %u did not come back: %s", m->live[k], perp_core_error(w->core));
        if (j->state == PERP_JOB_PENDING && info.state == PERP_JOB_IN_DOUBT) {
            if (sent_of(w->disk, &j->id)->durable == 0)
                s_fail(w, "job %u came back as dispatched, and it was not", m->live[k]);
            s_m_dispatched(w, s_m_learn(w, &j->id), info.dispatch);
            j->state = PERP_JOB_IN_DOUBT;
            j->handed = 1;
        } else if (j->state == PERP_JOB_PENDING && info.state == PERP_JOB_EXPIRED &&
                   w->now >= j->expires) {
            j->state = PERP_JOB_EXPIRED;
        } else if (j->state == PERP_JOB_PENDING && info.state == PERP_JOB_REJECTED &&
                   w->config.scheduler.on_reject == PERP_ON_REJECT_DROP) {
            j->state = PERP_JOB_REJECTED;
        } else if (j->state == PERP_JOB_PENDING && (j->repair || j->flatten)) {
            s_m_learn(w, &j->id);
            j->state = info.state;
        }
    }
    perp_uuid ids[256];
    for (uint32_t s = PERP_JOB_PENDING; s <= PERP_JOB_IN_DOUBT; s++) {
        uint32_t n = 0;
        if (perp_scheduler_list(perp_core_scheduler(w->core), s, ids, 256, &n) != PERP_OK)
            s_fail(w, "list of jobs");
        for (uint32_t i = 0; i < n && i < 256; i++)
            if (s_find(w, &ids[i]) < 0)
                learn_job(w, &ids[i]);
    }
    for (uint32_t i = 0; i < w->n_orders; i++) { /* exchanges know what was sent */
        m->jobs[w->orders[i].job].sent = 1;
        m->jobs[w->orders[i].job].has_orders |= w->orders[i].number != 0;
    }
}

/* Closed and opened again; crash: the process was killed, and with it goes what is in memory. */
void s_restart(struct s_world *w, bool crash) {
    const bool loses = crash || w->failing;
    s_memory_fails(w, 0);
    w->doing = crash ? "crash" : "restart";
    const uint64_t hash = perp_core_hash(w->core);
    w->dead |= crash;
    w->disk->dies_in = 0;
    perp_status status = perp_core_close(w->core);
    if (status != PERP_OK && !loses)
        s_fail(w, "close: %s: %s", perp_status_string(status), perp_core_error(NULL));
    w->core = NULL;
    w->dead = w->failing = false;
    w->disk->dies_in = 0;
    w->disk->n_batch = w->disk->n;
    if (w->store == S_SQLITE_STORE && loses)
        s_sqlite_heal(crash && w->disk->power ? (unsigned)s_below(w, 1000) : 0);
    if (loses && w->saved)
        w->m = *w->saved;
    for (uint32_t i = 0; i < w->n_orders; i++)
        if (w->orders[i].number >= w->m.next_order)
            w->orders[i].number = 0; /* it was not durable, and so it was not sent */
    s_open_core(w);
    if (perp_core_check(w->core) != PERP_OK)
        s_fail(w, "perp_core_check after a restart: %s", perp_core_error(w->core));
    if (!loses && perp_core_hash(w->core) != hash)
        s_fail(w, "the hash after a restart is another");
    forget(w);
    w->came_back = true;
    w->durable_seen = w->disk->n;
    learn_what_came_back(w);
    if (w->batch)
        keep_what_is_durable(w);
    for (uint32_t j = 0; j < w->m.n_jobs; j++)
        s_m_touch(w, (int32_t)j);
    w->n.restarts++;
    w->n.crashes += crash;
    s_audit_all(w);
    s_quote_all(w);
    for (uint32_t x = 0; x < w->n_exchanges; x++)
        s_report(w, x, w->now, false);
}
