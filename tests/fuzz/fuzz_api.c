/* Bytes as a sequence of calls, made to two books: whatever they are, each gives a status, the book
   stays sound after each, and a call that failed has changed nothing. The second book has its
   memory in another order and a store: it does the same, and comes back from the store as it was.
 */
#include "api_calls.h"
#include "stored.h"

struct side {
    perp_core *core;
    uint64_t told; /* of all that was told to callbacks, in order */
    uint64_t random;
    uint32_t answer;   /* of the executor */
    uint32_t refusing; /* the priority that the host's rule refuses */
};

static void note(struct side *side, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        side->told = (side->told ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    }
}

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    struct side *side = user;
    note(side, &job->job_id, sizeof job->job_id);
    for (uint32_t i = 0; i < job->n_orders; i++) {
        note(side, job->orders[i].client_id, strlen(job->orders[i].client_id));
        note(side, &job->orders[i].quantity, sizeof job->orders[i].quantity);
    }
    *outcome = (side->answer + job->job_id.bytes[15]) % 4;
}

static void on_job_end(void *user, const perp_uuid *job, uint32_t state) {
    note(user, job, sizeof *job);
    note(user, &state, sizeof state);
}

static void on_leg_risk(void *user, const char *base, double quantity) {
    note(user, base, strlen(base));
    note(user, &quantity, sizeof quantity);
}

static void on_cancel(void *user, const perp_uuid *job) {
    note(user, job, sizeof *job);
}

static void on_kill(void *user, perp_exchange_id exchange, const perp_uuid *jobs, uint32_t n_jobs) {
    note(user, &exchange, sizeof exchange);
    note(user, jobs, n_jobs * sizeof *jobs);
}

static void on_alert(void *user, const perp_alert *alert) {
    note(user, &alert->code, sizeof alert->code);
}

static void ask(void *user, const perp_job *job, const perp_evaluation *so_far,
                perp_rule_answer *told) {
    const struct side *side = user;
    (void)so_far;
    told->sense = job->priority % 32 == 31 ? PERP_SENSE_NONE : PERP_SENSE_ABOVE;
    told->value = job->priority == (int32_t)side->refusing ? 1 : 0;
    told->limit = 0;
}

/* One of two blocks, so that addresses come in another order. */
static void *allocate(void *user, size_t size) {
    struct side *side = user;
    side->random = side->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    if (size >= 65536) {
        return malloc(size);
    }
    void *first = malloc(size), *second = malloc(size);
    const int takes_first = side->random >> 63 != 0;
    free(takes_first ? second : first);
    return takes_first ? first : second;
}

static void release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

static void open_side(struct side *side, perp_config *config) {
    perp_host_rule rule;
    config->callbacks = (perp_callbacks){.user = side,
                                         .execute = execute,
                                         .on_job_end = on_job_end,
                                         .on_leg_risk = on_leg_risk,
                                         .on_cancel = on_cancel,
                                         .on_kill = on_kill,
                                         .on_alert = on_alert};
    side->refusing = 99;
    side->core = fuzz_book(config);
    perp_host_rule_init(&rule);
    rule.name = "odd_priority";
    rule.ask = ask;
    rule.user = side;
    must(perp_risk_add_rule(perp_core_risk(side->core), &rule) == PERP_OK, side->core);
}

static perp_status step(struct side *side, const perp_call *call, uint8_t kind, fuzz_bytes *bytes) {
    perp_core *core = side->core;
    if (kind < 50) {
        return money_call(core, call, bytes);
    } else if (kind < 140) {
        return job_call(core, call, bytes);
    } else if (kind < 164) {
        return control_call(core, call, bytes);
    } else if (kind < 165) {
        side->refusing = fuzz_byte(bytes) % 128;
        return perp_risk_rule_changed(perp_core_risk(core), PERP_REASON_HOST_1);
    } else if (kind < 205) {
        return position_call(core, call, bytes);
    } else if (kind < 215) {
        return booking_call(core, call, bytes);
    } else if (kind < 222) {
        return exit_call(core, call, bytes);
    } else if (kind < 225) {
        return update_call(core, call, bytes);
    } else if (kind < 236) {
        return market_call(core, call->now_ns, bytes);
    } else if (kind < 240) {
        return read_call(core, call, bytes);
    }
    return order_call(core, call, bytes);
}

/* The step, and what must hold of one that failed. */
static perp_status try_step(struct side *side, const perp_call *call, uint8_t kind,
                            fuzz_bytes *bytes) {
    const uint64_t hash = perp_core_hash(side->core);
    const int64_t clock = perp_core_clock(side->core);
    const perp_status status = step(side, call, kind, bytes);
    must(strcmp(perp_status_string(status), "?") != 0, side->core);
    if (status != PERP_OK) {
        must(perp_core_hash(side->core) == hash && perp_core_clock(side->core) == clock,
             side->core);
        must(perp_core_error(side->core)[0] != 0, side->core);
    }
    must(status != PERP_E_CORRUPT, side->core);
    return status;
}

/* Both show the same; the second is closed and comes back, from its records and from a checkpoint,
   as it was. */
static void end(struct side sides[2], const perp_config *config, int64_t now) {
    static char text[2][1 << 18];
    size_t length[2];
    perp_core *core = NULL;
    const uint64_t hash = perp_core_hash(sides[0].core);
    for (int i = 0; i < 2; i++) {
        must(perp_core_check(sides[i].core) == PERP_OK, sides[i].core);
        must(perp_monitor_json(sides[i].core, now, text[i], sizeof text[i], &length[i]) == PERP_OK,
             sides[i].core);
    }
    must(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0, sides[1].core);
    must(perp_core_close(sides[1].core) == PERP_OK, NULL);
    must(perp_core_replay(config, 0, NULL, NULL, &core) == PERP_OK, NULL);
    must(perp_core_hash(core) == hash && perp_core_check(core) == PERP_OK, core);
    perp_core_close(core);
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        must(perp_core_open(config, &core) == PERP_OK, NULL);
        must(perp_core_hash(core) == hash && perp_core_check(core) == PERP_OK, core);
        must(checkpoint || perp_core_checkpoint(core) == PERP_OK, core);
        must(perp_core_close(core) == PERP_OK, NULL);
    }
    perp_core_close(sides[0].core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    struct side sides[2] = {{.random = 1}, {.random = 2}};
    perp_store store;
    perp_config config;
    perp_config_init(&config);
    config.checkpoint_every = 0;
    config.scheduler.history_size = 4;
    config.orders.repeat_limit = 3;
    config.orders.auto_finish = 1;
    config.risk.account_max_age_ms = 0;
    config.capital.max_single_reserve_ppm = config.capital.max_total_notional_ppm = 1000000;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config.risk.modes[i].min_safety_score = 0;
    }
    open_side(&sides[0], &config);
    must(perp_store_memory_open(&store) == PERP_OK, NULL);
    config.store = store;
    config.store.close = stored_keep_open;
    config.allocator = (perp_allocator){&sides[1], allocate, release};
    open_side(&sides[1], &config);
    int64_t now = FUZZ_START;
    while (bytes.size > 0) {
        perp_call call;
        uint8_t kind = fuzz_byte(&bytes);
        sides[0].answer = sides[1].answer = fuzz_byte(&bytes);
        now +=
            kind < 4 ? (int64_t)fuzz_word(&bytes, 4) * 1000000 : (int64_t)sides[0].answer * 1000000;
        perp_call_init(&call);
        call.now_ns = kind < 6 ? now - 5000000000 : now;
        call.actor = call.reason = kind % 4 == 0 ? NULL : "fuzz";
        fuzz_bytes same = bytes;
        perp_status status = try_step(&sides[0], &call, kind, &bytes);
        must(try_step(&sides[1], &call, kind, &same) == status, sides[1].core);
        must(perp_core_check(sides[0].core) == PERP_OK, sides[0].core);
        must(perp_core_hash(sides[0].core) == perp_core_hash(sides[1].core), sides[1].core);
        must(sides[0].told == sides[1].told && bytes.size == same.size, sides[1].core);
    }
    end(sides, &config, now);
    store.close(store.user);
    return 0;
}
