/* What the targets of stored bytes share: whatever a store gives, a book that opens from it is
   sound, does its work, and comes back as it was. */
#ifndef FUZZ_STORED_H
#define FUZZ_STORED_H

#include "fuzz.h"

static inline void stored_config(perp_config *config) {
    perp_config_init(config);
    config->checkpoint_every = 0;
}

static inline void stored_keep_open(void *user) {
    (void)user;
}

/* What opening whatever bytes may give, where no book comes of them. */
static inline int stored_refused(perp_status status) {
    return status == PERP_E_CORRUPT;
}

/* A tick, a job, and all queries: each gives a status, and the book stays sound. */
static inline void stored_use(perp_core *core) {
    static char text[1 << 18];
    static perp_uuid ids[64];
    perp_scheduler *scheduler = perp_core_scheduler(core);
    int64_t now = perp_core_clock(core);
    perp_call call;
    perp_job job;
    uint32_t count;
    size_t length;
    uint64_t before = perp_core_hash(core);
    must(perp_core_check(core) == PERP_OK, core);
    for (uint32_t state = 0; state < PERP_JOB_STATE_COUNT; state++) {
        must(perp_scheduler_list(scheduler, state, ids, 64, &count) == PERP_OK, core);
        for (uint32_t i = 0; i < count && i < 64; i++) {
            perp_job_info info;
            memset(&info, 0, sizeof info);
            info.struct_size = sizeof info;
            must(perp_scheduler_job(scheduler, &ids[i], &info) == PERP_OK, core);
        }
    }
    now = now > INT64_MAX - INT64_C(1000000000) ? now : now + INT64_C(1000000000);
    perp_monitor_json(core, now, text, sizeof text, &length);
    must(perp_core_hash(core) == before, core);
    perp_call_init(&call);
    call.now_ns = now;
    perp_job_init(&job);
    job.job_id.bytes[0] = 0x77;
    job.n_legs = 1;
    job.notional = 50 * PERP_USD;
    job.legs[0].quantity = 0.001;
    perp_scheduler_submit(scheduler, &call, &job);
    must(perp_core_check(core) == PERP_OK, core);
    if (perp_scheduler_tick(scheduler, &call, NULL) == PERP_E_CORRUPT) {
        must(0, core);
    }
    must(perp_core_check(core) == PERP_OK, core);
}

/* Opens a book; NULL: refused, with a message. */
static inline perp_core *stored_open(const perp_config *config) {
    perp_core *core = NULL;
    perp_status status = perp_core_open(config, &core);
    if (status != PERP_OK) {
        must(stored_refused(status) && core == NULL, NULL);
        must(perp_core_error(NULL)[0] != 0, NULL);
        return NULL;
    }
    return core;
}

/* Opens what the store has, which stays open; what was read is written, and read again, the same;
   so is a checkpoint of it. all: the records from the first on are there, too. false: refused. */
static inline int stored_try(const perp_store *store, int all) {
    perp_config config;
    stored_config(&config);
    config.store = *store;
    config.store.close = stored_keep_open;
    perp_core *core = stored_open(&config);
    if (core == NULL) {
        return 0;
    }
    stored_use(core);
    uint64_t hash = perp_core_hash(core);
    must(perp_core_close(core) == PERP_OK, NULL);
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        must((core = stored_open(&config)) != NULL, NULL);
        must(perp_core_hash(core) == hash, core);
        must(perp_core_check(core) == PERP_OK, core);
        must(checkpoint || perp_core_checkpoint(core) == PERP_OK, core);
        must(perp_core_close(core) == PERP_OK, NULL);
    }
    if (all) {
        must(perp_core_replay(&config, 0, NULL, NULL, &core) == PERP_OK, NULL);
        must(perp_core_hash(core) == hash, core);
        perp_core_close(core);
    }
    return 1;
}

#endif
