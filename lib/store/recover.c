/* Opening a book: empty, or as its store has it, through the same apply functions as live. */
#include <stdio.h>
#include <string.h>

#include "core/book.h"
#include "core/config.h"
#include "store/image.h"
#include "util/num.h"

/* A load under way. */
struct load {
    perp_core *core;
    uint64_t to_seq; /* 0: all */
    bool configured; /* the store has a configuration */
    uint64_t checkpoint_hash;
    void (*visit)(void *user, const perp_core *core, uint64_t seq);
    void *user;
    struct perp_event_room room;
};

static perp_status write_checkpoint(perp_core *core) {
    struct perp_image image;
    const perp_store *store = &core->config.store;
    perp_status status = PERP_E_NOMEM;
    if (perp_image_write(&image, core)) {
        status = PERP_E_STORE;
        store->checkpoint(store->user, core->seq, perp_clock(core), perp_hash_book(core),
                          image.bytes, image.at, &status);
    }
    perp_image_free(&image);
    if (status == PERP_OK)
        core->checkpoint_seq = core->seq;
    return status == PERP_OK ? status
                             : perp_fail(core, status, "the checkpoint at record %llu failed: %s",
                                         (unsigned long long)core->seq, perp_status_string(status));
}

perp_status perp_core_checkpoint(perp_core *core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    if (!core->config.store.checkpoint)
        return perp_fail(core, PERP_E_STATE, "checkpoint: there is no store that keeps any");
    perp_status status = perp_core_flush(core);
    if (status != PERP_OK)
        return status;
    perp_enter(core);
    status = core->corrupt ? perp_fail(core, PERP_E_CORRUPT, "the book is corrupt: no checkpoint")
                           : write_checkpoint(core);
    return perp_leave(core, status);
}

static void load_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                            perp_status *status) {
    struct load *load = user;
    if (!perp_image_read(load->core, data, size) || load->core->seq != seq)
        *status = perp_fail(NULL, PERP_E_CORRUPT, "checkpoint at record %llu: not a book",
                            (unsigned long long)seq);
    else if (perp_hash_book(load->core) != hash)
        *status = perp_fail(NULL, PERP_E_CORRUPT, "checkpoint at record %llu: hash",
                            (unsigned long long)seq);
    load->configured = true;
    load->core->checkpoint_seq = seq;
}

/* An event of the store must fit the book as much as one that was decided here. */
static bool fits(const perp_core *core, const struct perp_event *event) {
    uint32_t exchanges = perp_n_exchanges(core), instruments = perp_n_instruments(core);
    const struct perp_event_item *items = perp_event_items_of(event);
    if (event->exchange != PERP_NO_ID && event->exchange >= exchanges)
        return false;
    for (uint32_t i = 0; event->kind != PERP_EVENT_INSTRUMENT && i < event->n_items; i++)
        if (items[i].exchange >= exchanges ||
            (items[i].instrument >= instruments && event->kind != PERP_EVENT_FINISH))
            return false;
    bool known = perp_job_find(core->scheduler, &event->job) != NULL;
    if (event->has_job && event->kind != PERP_EVENT_OVERRIDE &&
        known == (event->kind == PERP_EVENT_SUBMIT))
        return false;
    bool settles = event->kind == PERP_EVENT_CONFIRM || event->kind == PERP_EVENT_RELEASE;
    return !settles || perp_capital_find(core->capital, event->reservation);
}

static void load_record(void *user, uint64_t seq, const void *data, size_t size,
                        perp_status *status) {
    struct load *load = user;
    perp_core *core = load->core;
    if (load->to_seq && seq > load->to_seq)
        return;
    const struct perp_event *event = perp_event_decode(data, size, &load->room);
    if (!event || event->seq != seq || seq != core->seq + 1 || !fits(core, event)) {
        *status = perp_fail(NULL, PERP_E_CORRUPT, "record %llu: %s", (unsigned long long)seq,
                            !event                 ? "not an event"
                            : seq != core->seq + 1 ? "not the next one"
                                                   : "does not fit the book");
        return;
    }
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_event_prepare(core, event)) {
        *status =
            perp_fail(NULL, PERP_E_NOMEM, "no memory to read record %llu", (unsigned long long)seq);
        return;
    }
    perp_event_apply(core, event);
    if (event->kind == PERP_EVENT_CONFIG)
        load->configured = true;
    if (load->visit)
        load->visit(load->user, core, seq);
}

static perp_status load_store(struct load *load, bool from_start) {
    const perp_store *store = &load->core->config.store;
    if (!store->load)
        return PERP_OK;
    const perp_loader loader = {.user = load, .checkpoint = load_checkpoint, .record = load_record};
    perp_status status = PERP_E_STORE;
    perp_fail(NULL, PERP_OK, "%s", "");
    store->load(store->user, from_start, &loader, &status);
    if (status == PERP_OK || perp_core_error(NULL)[0])
        return status;
    char why[160] = "";
    if (store->message)
        store->message(store->user, why, sizeof why);
    why[sizeof why - 1] = '\0';
    return perp_fail(NULL, status, "the store can't be read: %s", why);
}

/* Jobs that ran when the process ended: their host has to ask the exchange. */
static void doubt_running(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_job_entry *job = scheduler->running.first;
    for (; job; job = job->next) {
        job->state = PERP_JOB_IN_DOUBT;
        job->override_logged = true;
    }
    scheduler->n_in_doubt = scheduler->running.count;
    for (uint32_t i = 0; i < perp_n_instruments(core); i++)
        core->risk->exposures[i].n_fills =
            0; /* positions are unknown until reported, and so are these */
}

/* The configuration given is stored where it differs from what the store has. */
static perp_status store_config(perp_core *core, const perp_config *given, bool configured) {
    bool same = configured && perp_config_hash(0, given) == perp_config_hash(0, &core->config);
    if (!perp_batch_has_store(core) || same || (configured && given->keep_stored))
        return PERP_OK;
    perp_enter(core);
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_batch_barrier(core);
    perp_put_config(core, given);
    perp_status status = perp_batch_commit(core);
    perp_leave(core, status);
    return status == PERP_OK ? status : perp_fail(NULL, status, "%s", perp_core_error(core));
}

static perp_status open_book(const perp_config *config, struct load *load, bool from_start) {
    perp_status status = perp_core_make(config, &load->core);
    if (status != PERP_OK)
        return status;
    load->core->recovering = true;
    perp_config given = load->core->config;
    status = load_store(load, from_start);
    if (status == PERP_OK && perp_core_check(load->core) != PERP_OK)
        status = perp_fail(NULL, PERP_E_CORRUPT, "the store's book is not sound: %s",
                           perp_core_error(load->core));
    load->core->recovering = false;
    if (status == PERP_OK && !from_start) {
        doubt_running(load->core);
        load->core->write_checkpoint = write_checkpoint;
        status = store_config(load->core, &given, load->configured);
    }
    if (status == PERP_OK && perp_market_configure(load->core->market) != PERP_OK)
        status = perp_fail(NULL, PERP_E_NOMEM, "no memory for the market");
    if (status != PERP_OK) {
        perp_core_free(load->core);
        load->core = NULL;
    }
    return status;
}

perp_status perp_core_open(const perp_config *config, perp_core **core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct load load = {.to_seq = 0};
    perp_status status = open_book(config, &load, false);
    *core = load.core;
    return status;
}

perp_status perp_core_replay(const perp_config *config, uint64_t to_seq,
                             void (*visit)(void *user, const perp_core *core, uint64_t seq),
                             void *user, perp_core **core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    *core = NULL;
    if (!config || !config->store.load)
        return perp_fail(NULL, PERP_E_INVALID, "replay: there is no store that can be read");
    struct load load = {.to_seq = to_seq, .visit = visit, .user = user};
    perp_status status = open_book(config, &load, true);
    if (status != PERP_OK)
        return status;
    /* The book goes on alone: what is done to it now is no part of the store's history. */
    perp_store *store = &load.core->config.store;
    if (store->close)
        store->close(store->user);
    memset(store, 0, sizeof *store);
    *core = load.core;
    return PERP_OK;
}

void perp_core_close(perp_core *core) {
    if (!core || perp_in_callback(core))
        return;
    /* What waits for a barrier is made durable; a store that fails now keeps its promise of the
     * last one. */
    if (perp_core_flush(core) != PERP_OK && core->config.callbacks.log)
        core->config.callbacks.log(core->config.callbacks.user, PERP_LOG_ERROR,
                                   "closed without the changes since the last barrier");
    perp_core_free(core);
}
