/* Opening a book, empty or as its store has it, and closing it. */
#include <stdlib.h>
#include <string.h>

#include "book/book.h"
#include "core/config.h"
#include "util/sized.h"

static void close_store(const perp_config *config) {
    if (config->store.close)
        config->store.close(config->store.user);
}

static perp_status read_config(const perp_config *given, perp_config *config) {
    perp_config_init(config);
    if (given && !perp_struct_in(config, sizeof *config, given))
        return perp_fail(NULL, PERP_E_INVALID, "config: struct_size %u is not known",
                         given->struct_size);
    const perp_store *store = &config->store;
    if (store->begin && (!store->append || !store->commit || !store->rollback))
        return perp_fail(NULL, PERP_E_CONFIG, "store: append, commit and rollback are needed too");
    return perp_config_check(config);
}

/* A core whose every pointer is there or NULL, so that close can free what open did not finish. */
static perp_status open_modules(perp_core *core) {
    if (!perp_batch_open(core) || !perp_registry_open(core))
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the book");
    perp_status status = perp_capital_open(core, &core->capital);
    if (status == PERP_OK)
        status = perp_market_open(core, &core->market);
    if (status == PERP_OK)
        status = perp_risk_open(core, &core->risk);
    if (status == PERP_OK)
        status = perp_scheduler_open(core, &core->scheduler);
    return status == PERP_OK ? PERP_OK : perp_fail(NULL, status, "no memory for the book");
}

void perp_core_free(perp_core *core) {
    perp_allocator allocator = core->config.allocator;
    perp_scheduler_shut(core->scheduler);
    perp_risk_close(core->risk);
    perp_market_close(core->market);
    perp_capital_close(core->capital);
    perp_registry_close(core);
    perp_batch_close(core);
    perp_free(core, core->watched.alerts, core->watched.capacity * sizeof *core->watched.alerts);
    close_store(&core->config);
    perp_lock_close(core);
    if (allocator.release)
        allocator.release(allocator.user, core, sizeof *core);
    else
        free(core);
}

perp_status perp_core_make(const perp_config *given, perp_core **out) {
    perp_config config;
    *out = NULL;
    perp_status status = read_config(given, &config);
    if (status != PERP_OK) {
        if (status != PERP_E_INVALID)
            close_store(&config);
        return status;
    }
    perp_core *core = config.allocator.allocate
                          ? config.allocator.allocate(config.allocator.user, sizeof *core)
                          : malloc(sizeof *core);
    if (!core) {
        close_store(&config);
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the book");
    }
    memset(core, 0, sizeof *core);
    core->config = config;
    core->event_rows = perp_event_rows;
    atomic_init(&core->clock, PERP_TIME_NONE);
    perp_lock_open(core);
    status = open_modules(core);
    if (status != PERP_OK) {
        perp_core_free(core);
        return status;
    }
    *out = core;
    return PERP_OK;
}

static perp_status decide_advance(perp_core *core, const perp_call *call) {
    perp_status status = perp_call_check(core, call);
    if (status == PERP_OK)
        status = perp_call_signed(core, call, "advance");
    if (status != PERP_OK)
        return status;
    int64_t clock = perp_clock(core);
    core->late_calls += call->now_ns < clock;
    perp_batch_begin(core, call, call->now_ns > clock ? call->now_ns : clock);
    perp_batch_add(core, PERP_EVENT_CLOCK, 0, 0);
    return perp_batch_commit(core);
}

perp_status perp_core_advance(perp_core *core, const perp_call *call) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_enter(core);
    return perp_leave(core, decide_advance(core, call));
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

static perp_status open_book(const perp_config *config, struct perp_load *load, bool from_start) {
    perp_status status = perp_core_make(config, &load->core);
    if (status != PERP_OK)
        return status;
    load->core->recovering = true;
    perp_config given = load->core->config;
    status = perp_load_store(load, from_start);
    if (status == PERP_OK && perp_core_check(load->core) != PERP_OK)
        status = perp_fail(NULL, PERP_E_CORRUPT, "the store's book is not sound: %s",
                           perp_core_error(load->core));
    load->core->recovering = false;
    if (status == PERP_OK && !from_start) {
        doubt_running(load->core);
        load->core->write_checkpoint = perp_write_checkpoint;
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
    struct perp_load load = {.to_seq = 0};
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
    struct perp_load load = {.to_seq = to_seq, .visit = visit, .user = user};
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
