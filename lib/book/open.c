/* Opening a book, empty or as its store has it, and closing it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book/book.h"
#include "core/chain.h"
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

static int64_t newest_feed(const perp_core *core) {
    return perp_market_newest(core->market);
}

/* What a store fills: registry and modules. Every pointer is there or NULL, so that what did not
   come about can be closed. */
static perp_status open_content(perp_core *core) {
    perp_status status = perp_registry_open(core) ? PERP_OK : PERP_E_NOMEM;
    if (status == PERP_OK)
        status = perp_capital_open(core, &core->capital);
    if (status == PERP_OK)
        status = perp_market_open(core, &core->market);
    if (status == PERP_OK)
        status = perp_positions_open(core, &core->positions);
    if (status == PERP_OK)
        status = perp_risk_open(core, &core->risk);
    if (status == PERP_OK)
        status = perp_scheduler_open(core, &core->scheduler);
    if (status == PERP_OK)
        status = perp_orders_open(core, &core->orders);
    core->chain = PERP_CHAIN_START;
    core->newest_feed = newest_feed;
    core->refused_call = PERP_TIME_NONE;
    core->day = PERP_TIME_NONE;
    perp_day_forget(core);
    atomic_store(&core->clock, PERP_TIME_NONE);
    return status == PERP_OK ? PERP_OK : perp_fail(NULL, status, "no memory for the book");
}

static void close_content(perp_core *core) {
    if (core->free_texts)
        core->free_texts(core);
    perp_orders_close(core->orders);
    perp_scheduler_shut(core->scheduler);
    perp_risk_close(core->risk);
    perp_positions_close(core->positions);
    perp_market_close(core->market);
    perp_capital_close(core->capital);
    perp_registry_close(core);
    perp_kept_free(core, &core->config_kept);
    core->orders = NULL;
    core->scheduler = NULL;
    core->risk = NULL;
    core->positions = NULL;
    core->market = NULL;
    core->capital = NULL;
}

static perp_status open_modules(perp_core *core) {
    core->event_rows = perp_alloc(core, PERP_EVENT_COUNT * sizeof *core->event_rows);
    if (!core->event_rows || !perp_batch_open(core))
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the book");
    perp_events_set(core);
    return open_content(core);
}

perp_status perp_core_empty(perp_core *core) {
    close_content(core);
    core->seq = 0;
    core->corrupt = false;
    return open_content(core);
}

void perp_core_free(perp_core *core) {
    perp_allocator allocator = core->config.allocator;
    close_content(core);
    perp_batch_close(core);
    perp_free(core, core->event_rows, PERP_EVENT_COUNT * sizeof *core->event_rows);
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
    atomic_init(&core->clock, PERP_TIME_NONE);
    perp_lock_open(core);
    status = perp_durable_open(core)
                 ? open_modules(core)
                 : perp_fail(NULL, PERP_E_CONFIG,
                             "store.more: its struct_size or reserved is not known, or it has "
                             "begin_staged without sync");
    if (status != PERP_OK) {
        perp_core_free(core);
        return status;
    }
    *out = core;
    return PERP_OK;
}

static perp_status decide_advance(struct perp_decision *d) {
    perp_core *core = d->core;
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "advance");
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, d->call, d->call->now_ns);
    perp_put_plain(core, PERP_EVENT_ADVANCE);
    return perp_decision_commit(d);
}

perp_status perp_core_advance(perp_core *core, const perp_call *call) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    perp_decision_take_time(&d);
    perp_status status = decide_advance(&d);
    if (status == PERP_OK)
        core->refused_call = PERP_TIME_NONE;
    return perp_decision_close(&d, status);
}

static perp_status decide_reconfigure(struct perp_decision *d, const char *text, size_t length) {
    perp_core *core = d->core;
    perp_config config = core->config;
    const perp_risk_config *now = &core->config.risk;
    char path[96];
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_call_signed(core, d->call, "reconfigure");
    if (status != PERP_OK)
        return status;
    status = perp_config_from_json(text, length, &config);
    if (status != PERP_OK)
        return perp_fail(core, status, "%s", perp_core_error(NULL));
    if (config.risk.spread_half_life_s != now->spread_half_life_s ||
        config.risk.volatility_window_s != now->volatility_window_s)
        return perp_fail(core, PERP_E_STATE,
                         "risk: spread_half_life_s and volatility_window_s change with the next "
                         "open");
    status = perp_decision_begin(d);
    if (status == PERP_OK && perp_config_differs(&config, &core->config, path, sizeof path))
        perp_put_config(core, &config);
    return status;
}

perp_status perp_core_reconfigure(perp_core *core, const perp_call *call, const char *text,
                                  size_t length) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    struct perp_decision d;
    perp_decision_open(&d, core, call);
    return perp_decision_close(&d, decide_reconfigure(&d, text, length));
}

/* Jobs that ran when the process ended are in doubt: their host has to ask the exchange. A store
   that has no configuration gets the one given. */
static void put_restart(perp_core *core, const perp_config *given, bool configured) {
    struct perp_job_entry *job = core->scheduler->running.first;
    for (; job; job = job->next) {
        job->override_logged = true;
        if (job->state == PERP_JOB_RUNNING)
            perp_put_for_job(core, PERP_EVENT_DOUBT, &job->id);
    }
    if (core->orders->n_live > core->orders->n_in_doubt)
        perp_put_plain(core, PERP_EVENT_ORDERS_DOUBT);
    if (perp_batch_has_store(core) && !configured)
        perp_put_config(core, given);
}

/* The configuration given, where it differs from what the store has: no restart changes a limit in
   silence. */
static perp_status put_given(perp_core *core, const perp_config *given) {
    perp_call call;
    char path[96];
    if (!perp_config_differs(given, &core->config, path, sizeof path))
        return PERP_OK;
    if (!given->config_wins) {
        perp_tell_log(core, PERP_LOG_WARNING,
                      "the store's configuration holds, not the one given: they differ in %s",
                      path);
        return PERP_OK;
    }
    perp_call_init(&call);
    call.now_ns = perp_clock(core) == PERP_TIME_NONE ? 0 : perp_clock(core);
    call.actor = given->actor;
    call.reason = given->reason;
    perp_status status = perp_call_check(core, &call);
    if (status == PERP_OK && perp_call_signed(core, &call, path) != PERP_OK)
        status = perp_fail(core, PERP_E_CONFIG,
                           "%s: differs from what is stored; config_wins takes an actor and a "
                           "reason",
                           path);
    if (status != PERP_OK)
        return status;
    perp_batch_begin(core, &call, perp_clock(core));
    perp_batch_barrier(core);
    perp_put_config(core, given);
    return perp_batch_commit(core);
}

static perp_status restart(perp_core *core, const perp_config *given, bool configured) {
    perp_status status = PERP_OK;
    perp_enter(core);
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_batch_barrier(core);
    put_restart(core, given, configured);
    if (core->batch->count || core->batch->failed)
        status = perp_batch_commit(core);
    if (status == PERP_OK)
        status = perp_batch_rows(core, perp_rows_of_bases);
    perp_leave(core, status);
    return status == PERP_OK ? status : perp_fail(NULL, status, "%s", perp_core_error(core));
}

static perp_status configure(perp_core *core, const perp_config *given) {
    perp_enter(core);
    perp_status status = perp_leave(core, put_given(core, given));
    return status == PERP_OK ? status : perp_fail(NULL, status, "%s", perp_core_error(core));
}

static perp_status open_book(const perp_config *config, struct perp_load *load, bool from_start) {
    perp_status status = perp_core_make(config, &load->core);
    if (status != PERP_OK)
        return status;
    perp_core *core = load->core;
    load->given = core->config;
    core->config.actor = core->config.reason = NULL; /* they last as long as the call */
    core->recovering = true;
    status = perp_load_store(load, from_start);
    perp_stored(core, core->seq, false); /* a store gives what is on its disk */
    if (status == PERP_OK && perp_core_check(core) != PERP_OK)
        status = perp_fail(NULL, PERP_E_CORRUPT, "the store's book is not sound: %s",
                           perp_core_error(core));
    if (status == PERP_OK && !from_start)
        status = restart(core, &load->given, load->configured);
    core->recovering = false;
    if (status == PERP_OK && !from_start && load->configured && perp_batch_has_store(core))
        status = configure(core, &load->given);
    if (status == PERP_OK && load->unreadable)
        perp_tell_log(core, PERP_LOG_WARNING, "%s: what came before it was read instead",
                      load->why);
    core->write_checkpoint = from_start ? NULL : perp_write_checkpoint;
    if (status == PERP_OK && perp_market_configure(core->market) != PERP_OK)
        status = perp_fail(NULL, PERP_E_NOMEM, "no memory for the market");
    if (status != PERP_OK) {
        perp_core_free(core);
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

/* Whether no call is inside the book, as far as that can be seen: feeds are not counted. */
static perp_status check_unused(perp_core *core) {
    if (perp_in_callback(core))
        return perp_fail(NULL, PERP_E_STATE, "close: a callback or source of the book runs");
    if (core->recovering)
        return perp_fail(NULL, PERP_E_STATE, "close: the book is being opened");
    bool in_use = atomic_load(&core->n_callbacks) > 0 || perp_decisions_wait(core) ||
                  atomic_load(&core->durable.n_syncs) > 0;
    if (!in_use && perp_try_lock(core))
        perp_unlock(core);
    else
        in_use = true;
    return in_use ? perp_fail(NULL, PERP_E_STATE, "close: another call is running") : PERP_OK;
}

perp_status perp_core_close(perp_core *core) {
    if (!core)
        return PERP_OK;
    perp_status status = check_unused(core);
    if (status != PERP_OK)
        return status;
    /* What waits for a barrier is made durable; a store that fails now keeps its promise of the
     * last one. */
    status = perp_core_flush(core);
    char why[256] = "";
    if (status != PERP_OK) {
        snprintf(why, sizeof why, "%s", perp_core_error(core));
        struct perp_callback callback;
        perp_callback_begin(&callback, core);
        if (core->config.callbacks.log)
            core->config.callbacks.log(core->config.callbacks.user, PERP_LOG_ERROR,
                                       "closed without the changes since the last barrier");
        perp_callback_end(&callback);
    }
    perp_core_free(core);
    return status == PERP_OK
               ? PERP_OK
               : perp_fail(NULL, status, "closed without the changes since the last barrier: %s",
                           why);
}
