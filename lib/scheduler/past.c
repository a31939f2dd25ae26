/* What a job was submitted with, as numbers that tell one content from another, and the ids of jobs
   that are no longer kept: a retry is safe for as long as they are remembered. */
#include "scheduler/scheduler.h"

#include <string.h>

#include "util/num.h"

/* What is compared, in the order in which a difference is told. given: a second number, in which a
   field that was left to its default is nothing: two jobs that leave it are the same in it,
   whatever the default has become. */
#define CONTENT_LIST(X)                                                                            \
    X(STRATEGY, "strategy_type", NONE)                                                             \
    X(LEGS, "legs", LEGS)                                                                          \
    X(NOTIONAL, "notional", NONE)                                                                  \
    X(EDGE, "expected_edge_bps", NONE)                                                             \
    X(VOLUME, "est_volume", NONE)                                                                  \
    X(HOLDING, "holding_hours", NONE)                                                              \
    X(CREATED, "created_at", CREATED)                                                              \
    X(TTL, "ttl_ms", TTL)                                                                          \
    X(MAX_RUN, "max_run_ms", MAX_RUN)                                                              \
    X(PRIORITY, "priority", NONE)                                                                  \
    X(METADATA, "metadata", NONE)                                                                  \
    X(CLOSES, "closes", NONE)

enum part {
#define X(NAME, name, given) PART_##NAME,
    CONTENT_LIST(X)
#undef X
        GIVEN_LEGS,
    GIVEN_CREATED,
    GIVEN_TTL,
    GIVEN_MAX_RUN,
    N_PARTS,
    GIVEN_NONE = N_PARTS
};

_Static_assert(N_PARTS <= PERP_CONTENT_PARTS, "the stored row has room for every part");

static uint64_t of(uint64_t hash, const void *value, size_t size) {
    return perp_hash_bytes(hash, value, size);
}

static uint64_t of_number(uint64_t hash, int64_t value) {
    return perp_hash_u64(hash, (uint64_t)value);
}

/* As perp_hash_bytes of its eight bytes. */
static uint64_t of_real(uint64_t hash, double value) {
    uint64_t word;
    value += 0.0; /* -0 is 0 */
    memcpy(&word, &value, sizeof word);
    return perp_hash_u64(perp_hash_u64(perp_hash_u64(hash, word), 0), sizeof word);
}

static uint64_t of_leg(uint64_t hash, const struct perp_job_leg *leg) {
    hash = of_number(hash, leg->instrument);
    hash = of_number(hash, leg->side);
    hash = of_number(hash, leg->maker);
    hash = of_real(hash, leg->quantity);
    return of_number(hash, leg->notional);
}

/* Of the legs as they are, and as they were given: the same as long as none left its leverage. */
static void of_legs(const struct perp_job_entry *job, uint64_t *whole, uint64_t *given) {
    const struct perp_job_leg *legs = job->legs;
    uint64_t hash = of_number(0, job->n_legs), apart = hash;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        bool left = job->defaulted >> (PERP_DEFAULTED_LEVERAGE + i) & 1, same = hash == apart;
        hash = of_leg(hash, &legs[i]);
        apart = same ? hash : of_leg(apart, &legs[i]);
        same = same && !left;
        hash = of_real(hash, legs[i].leverage);
        apart = same ? hash : of_real(apart, left ? 0 : legs[i].leverage);
    }
    *whole = hash;
    *given = apart;
}

/* The number of a value, or nothing where it was left to its default. */
static uint64_t of_given(const struct perp_job_entry *job, uint32_t bit, uint64_t value) {
    return job->defaulted >> bit & 1 ? 0 : value;
}

void perp_content_of(const struct perp_job_entry *job, uint64_t parts[PERP_CONTENT_PARTS]) {
    bool created = job->given_created != PERP_TIME_NONE;
    memset(parts, 0, PERP_CONTENT_PARTS * sizeof *parts);
    parts[PART_STRATEGY] = of_number(PART_STRATEGY, job->strategy);
    of_legs(job, &parts[PART_LEGS], &parts[GIVEN_LEGS]);
    parts[PART_NOTIONAL] = of_number(PART_NOTIONAL, job->notional);
    parts[PART_EDGE] = of_real(PART_EDGE, job->edge_bps);
    parts[PART_VOLUME] = of_number(PART_VOLUME, job->est_volume);
    parts[PART_HOLDING] = of_real(PART_HOLDING, job->holding_hours);
    parts[PART_CREATED] = of_number(PART_CREATED, created ? job->given_created : job->submitted);
    parts[PART_TTL] = of_number(PART_TTL, job->ttl_ms);
    parts[PART_MAX_RUN] = of_number(PART_MAX_RUN, job->max_run_ms);
    parts[PART_PRIORITY] = of_number(PART_PRIORITY, job->priority);
    parts[PART_METADATA] = of(job->metadata_size, job->metadata, job->metadata_size);
    parts[PART_CLOSES] = of(PART_CLOSES, &job->closes, sizeof job->closes);
    parts[GIVEN_CREATED] = created ? parts[PART_CREATED] : 0;
    parts[GIVEN_TTL] = of_given(job, PERP_DEFAULTED_TTL, parts[PART_TTL]);
    parts[GIVEN_MAX_RUN] = of_given(job, PERP_DEFAULTED_MAX_RUN, parts[PART_MAX_RUN]);
}

const char *perp_content_differs(const uint64_t *known, const uint64_t *parts) {
#define X(NAME, name, given)                                                                       \
    if (known[PART_##NAME] != parts[PART_##NAME] &&                                                \
        (GIVEN_##given == GIVEN_NONE || known[GIVEN_##given] != parts[GIVEN_##given]))             \
        return name;
    CONTENT_LIST(X)
#undef X
    return NULL;
}

static struct perp_chained *chained(struct perp_past *past) {
    _Static_assert(offsetof(struct perp_past, id) == offsetof(struct perp_chained, id),
                   "an id is found behind the link of its chain");
    return (struct perp_chained *)(void *)past;
}

void perp_past_free(perp_core *core, struct perp_past *past) {
    if (past)
        perp_kept_free(core, &past->kept);
    perp_free(core, past, past ? sizeof *past : 0);
}

#define SPARE_PASTS 4

static void free_spares(perp_core *core, uint32_t keep) {
    perp_scheduler *scheduler = core->scheduler;
    while (scheduler->n_spare_pasts > keep) {
        struct perp_past *past = scheduler->spare_pasts;
        scheduler->spare_pasts = past->next;
        scheduler->n_spare_pasts--;
        perp_free(core, past, sizeof *past);
    }
}

bool perp_past_reserve_more(perp_core *core) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    perp_scheduler *scheduler = core->scheduler;
    uint32_t need = perp_past_need(core);
    while (scheduler->n_spare_pasts < need) {
        struct perp_past *past = perp_alloc(core, sizeof *past);
        if (!past)
            return false;
        past->next = scheduler->spare_pasts;
        scheduler->spare_pasts = past;
        scheduler->n_spare_pasts++;
    }
    return perp_chains_reserve(&core->past, need, &memory);
}

bool perp_past_room(perp_core *core) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    return perp_chains_reserve(&core->past, 1, &memory);
}

bool perp_past_take(perp_core *core, const struct perp_job_entry *job) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_past *past = scheduler->spare_pasts;
    if (!past)
        return false;
    scheduler->spare_pasts = past->next;
    scheduler->n_spare_pasts--;
    memset(past, 0, sizeof *past);
    past->id = job->id;
    past->ended = job->ended;
    perp_content_of(job, past->parts);
    perp_past_add(core, past);
    if (scheduler->n_spare_pasts > SPARE_PASTS + core->prepared.ends)
        free_spares(core, SPARE_PASTS + core->prepared.ends); /* of a batch that failed */
    return true;
}

void perp_past_add(perp_core *core, struct perp_past *past) {
    perp_scheduler *scheduler = core->scheduler;
    past->next = NULL;
    if (scheduler->last_past)
        scheduler->last_past->next = past;
    else
        scheduler->first_past = past;
    scheduler->last_past = past;
    perp_chains_add(&core->past, chained(past));
}

int64_t perp_id_memory(const perp_core *core) {
    return core->config.scheduler.id_memory_h * INT64_C(3600) * PERP_NS_PER_S;
}

void perp_past_forget(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    struct perp_past *first;
    while ((first = scheduler->first_past) != NULL &&
           perp_ns_since(first->ended, perp_clock(core)) > perp_id_memory(core)) {
        scheduler->first_past = first->next;
        if (!first->next)
            scheduler->last_past = NULL;
        struct perp_map_memory memory = perp_map_memory_of(core);
        perp_chains_remove(&core->past, chained(first), &memory);
        perp_past_free(core, first);
    }
}

void perp_past_shut(perp_core *core) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    struct perp_past *past = core->scheduler->first_past;
    while (past) {
        struct perp_past *next = past->next;
        perp_past_free(core, past);
        past = next;
    }
    core->scheduler->first_past = core->scheduler->last_past = NULL;
    free_spares(core, 0);
    perp_chains_free(&core->past, &memory);
}

bool perp_id_known(const perp_core *core, const perp_uuid *id) {
    return perp_job_find(core, id) || perp_chains_find(&core->past, id);
}

bool perp_content_known(const perp_core *core, const perp_uuid *id,
                        uint64_t parts[PERP_CONTENT_PARTS]) {
    const struct perp_job_entry *job = perp_job_find(core, id);
    const struct perp_past *past =
        job ? NULL : (const struct perp_past *)perp_chains_find(&core->past, id);
    if (job)
        perp_content_of(job, parts);
    else if (past)
        memcpy(parts, past->parts, sizeof past->parts);
    return job || past;
}
