/* Checkpoints. One function a part of the book, which writes it or reads it back: what is written
   can't differ from what is read. Structs go as they are in memory, with pointers made anew. */
#include "book/image.h"

#include <math.h>
#include <string.h>

#include "core/batch.h"

#define IMAGE_VERSION UINT64_C(1)

static void raw(struct perp_image *image, void *memory, size_t size) {
    if (image->failed || !size)
        return;
    if (image->reading) {
        if (size > image->size - image->at) {
            image->failed = true;
            return;
        }
        memcpy(memory, (const char *)image->bytes + image->at, size);
        image->at += size;
        return;
    }
    if (image->at + size > UINT32_MAX / 2 ||
        !perp_grow(image->core, &image->bytes, &image->capacity, (uint32_t)(image->at + size), 1)) {
        image->failed = true;
        return;
    }
    memcpy((char *)image->bytes + image->at, memory, size);
    image->at += size;
}

/* A count that is not above most, where it is read. */
static void count(struct perp_image *image, uint32_t *n, uint32_t most) {
    raw(image, n, sizeof *n);
    if (image->reading && (image->failed || *n > most)) {
        image->failed = true;
        *n = 0;
    }
}

/* Structs whose sizes tell one layout from another. */
static void image_header(struct perp_image *image) {
    const uint64_t wanted[] = {IMAGE_VERSION,
                               sizeof(perp_config),
                               sizeof(struct perp_account),
                               sizeof(struct perp_held),
                               sizeof(struct perp_job_entry),
                               sizeof(struct perp_job_leg),
                               PERP_JOB_STATE_COUNT};
    uint64_t header[sizeof wanted / sizeof *wanted];
    memcpy(header, wanted, sizeof header);
    raw(image, header, sizeof header);
    if (memcmp(header, wanted, sizeof header) != 0)
        image->failed = true;
    perp_core *core = image->core;
    int64_t clock = perp_clock(core);
    raw(image, &clock, sizeof clock);
    raw(image, &core->seq, sizeof core->seq);
    raw(image, &core->config.capital, sizeof core->config.capital);
    raw(image, &core->config.risk, sizeof core->config.risk);
    raw(image, &core->config.scheduler, sizeof core->config.scheduler);
    if (image->reading && !image->failed)
        atomic_store(&core->clock, clock);
}

static void image_names(struct perp_image *image, struct perp_names *names) {
    uint32_t n = names->count;
    count(image, &n, 1 << 24);
    for (uint32_t i = 0; i < n && !image->failed; i++) {
        char text[PERP_NAME_SIZE] = "";
        if (!image->reading)
            memcpy(text, names->items[i], sizeof text);
        raw(image, text, sizeof text);
        text[PERP_NAME_SIZE - 1] = '\0';
        if (!image->reading || image->failed)
            continue;
        if (!perp_names_reserve(image->core, names))
            image->failed = true;
        else
            perp_names_add(names, text);
    }
}

/* Applies the one event of the batch at hand, outside of the sequence. */
static void apply_batch(struct perp_image *image) {
    perp_core *core = image->core;
    struct perp_event *event = core->batch->memory;
    event->time_ns = PERP_TIME_NONE;
    event->seq = core->seq;
    if (core->batch->failed || !perp_event_prepare(core, event))
        image->failed = true;
    else
        perp_event_apply(core, event);
}

static void image_exchange(struct perp_image *image, uint32_t id) {
    perp_core *core = image->core;
    struct perp_exchange_entry *entry = &core->exchanges[id];
    perp_exchange_spec spec = entry->spec;
    uint32_t max_concurrent = entry->max_concurrent;
    perp_usd max_notional = entry->max_notional;
    raw(image, &spec, sizeof spec);
    raw(image, &max_concurrent, sizeof max_concurrent);
    raw(image, &max_notional, sizeof max_notional);
    if (!image->reading || image->failed)
        return;
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_exchange(core, &spec);
    apply_batch(image);
    entry->max_concurrent = max_concurrent;
    entry->max_notional = max_notional;
}

static void image_instrument(struct perp_image *image, uint32_t id) {
    perp_core *core = image->core;
    perp_tier tiers[PERP_MAX_TIERS];
    perp_instrument_spec spec;
    memset(&spec, 0, sizeof spec);
    if (!image->reading) {
        spec = perp_instrument_at(core, id)->spec;
        if (spec.n_tiers)
            memcpy(tiers, spec.tiers, spec.n_tiers * sizeof *tiers);
        spec.tiers = NULL;
    }
    raw(image, &spec, sizeof spec);
    if (spec.n_tiers > PERP_MAX_TIERS || spec.exchange >= perp_n_exchanges(core))
        image->failed = true;
    if (image->failed)
        return;
    raw(image, tiers, spec.n_tiers * sizeof *tiers);
    spec.tiers = tiers;
    if (!image->reading || image->failed)
        return;
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_instrument(core, &spec);
    apply_batch(image);
}

static void image_registry(struct perp_image *image) {
    perp_core *core = image->core;
    struct perp_names *names[] = {&core->venues, &core->bases, &core->symbols, &core->contracts,
                                  &core->books};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        image_names(image, names[i]);
    uint32_t n = perp_n_exchanges(core);
    count(image, &n, PERP_MAX_EXCHANGES);
    for (uint32_t i = 0; i < n && !image->failed; i++)
        image_exchange(image, i);
    n = perp_n_instruments(core);
    count(image, &n, PERP_MAX_INSTRUMENTS);
    for (uint32_t i = 0; i < n && !image->failed; i++)
        image_instrument(image, i);
    if (image->reading && !image->failed && !perp_risk_prepare_tables(core))
        image->failed = true;
}

/* A reservation, added in the order of ids; its figures in the accounts come with those. */
static void image_held(struct perp_image *image, const struct perp_held *held) {
    perp_core *core = image->core;
    struct perp_held copy;
    memset(&copy, 0, sizeof copy);
    if (held) {
        copy = *held;
        copy.next = copy.previous = copy.next_of_job = NULL;
    }
    raw(image, &copy, sizeof copy);
    if (!image->reading || image->failed)
        return;
    memset(&core->prepared, 0, sizeof core->prepared);
    struct perp_need need = {copy.exchange, copy.pool, copy.reserved};
    if (copy.exchange >= perp_n_exchanges(core) || copy.pool >= PERP_POOL_COUNT ||
        !perp_capital_prepare_held(core, 1)) {
        image->failed = true;
        return;
    }
    core->capital->next_id = copy.id;
    struct perp_held *made = perp_capital_hold(core, &need, copy.has_job ? &copy.job : NULL);
    made->in_flight = copy.in_flight;
    made->used = copy.used;
    made->released = copy.released;
}

static void image_key(struct perp_image *image, const struct perp_key *key) {
    perp_core *core = image->core;
    struct perp_key copy;
    memset(&copy, 0, sizeof copy);
    if (key) {
        copy = *key;
        copy.next = NULL;
    }
    raw(image, &copy, sizeof copy);
    if (!image->reading || image->failed)
        return;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_capital_prepare_keys(core, 1))
        image->failed = true;
    else
        perp_capital_add_key(core->capital, &copy);
}

static void image_capital(struct perp_image *image) {
    perp_capital *capital = image->core->capital;
    uint32_t n = capital->n_live;
    uint64_t next_id = capital->next_id;
    count(image, &n, UINT32_MAX);
    const struct perp_held *held = capital->first;
    for (uint32_t i = 0; i < n && !image->failed; i++) {
        image_held(image, held);
        held = held && !image->reading ? held->next : NULL;
    }
    n = capital->keys.count;
    count(image, &n, UINT32_MAX);
    if (image->reading)
        for (uint32_t i = 0; i < n && !image->failed; i++)
            image_key(image, NULL);
    for (uint32_t i = 0; !image->reading && i < capital->keys.capacity; i++)
        if (capital->keys.slots[i].value)
            image_key(image, capital->keys.slots[i].value);
    raw(image, &next_id, sizeof next_id);
    capital->next_id = next_id;
    raw(image, capital->accounts, perp_n_exchanges(image->core) * sizeof *capital->accounts);
    raw(image, &capital->equity, sizeof capital->equity);
    raw(image, &capital->peak, sizeof capital->peak);
}

static void image_risk(struct perp_image *image) {
    perp_core *core = image->core;
    perp_risk *risk = core->risk;
    raw(image, &risk->failures, sizeof risk->failures);
    raw(image, &risk->auto_halt, sizeof risk->auto_halt);
    raw(image, &risk->killed, sizeof risk->killed);
    raw(image, &risk->killed_exchanges, sizeof risk->killed_exchanges);
    raw(image, &risk->override_on, sizeof risk->override_on);
    raw(image, &risk->override_has_job, sizeof risk->override_has_job);
    raw(image, &risk->override_until, sizeof risk->override_until);
    raw(image, &risk->override_job, sizeof risk->override_job);
    raw(image, &risk->daily_loss_reached, sizeof risk->daily_loss_reached);
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        raw(image, &risk->circuits[i], sizeof risk->circuits[i]);
        if (image->reading)
            risk->circuits[i].ups = risk->circuits[i].deciding =
                0; /* the host's word is unknown until it is given again */
    }
    raw(image, risk->blacklist, core->symbols.count * sizeof *risk->blacklist);
}

/* The reservations of a job, by id, in its order. */
static void image_job_held(struct perp_image *image, struct perp_job_entry *job) {
    uint32_t n = 0;
    const struct perp_held *held = job->held;
    for (; !image->reading && held; held = held->next_of_job)
        n++;
    count(image, &n, PERP_MAX_LEGS);
    held = job->held;
    struct perp_held **end = &job->held;
    for (uint32_t i = 0; i < n && !image->failed; i++) {
        uint64_t id = image->reading ? 0 : held->id;
        raw(image, &id, sizeof id);
        if (!image->reading) {
            held = held->next_of_job;
            continue;
        }
        *end = perp_capital_find(image->core->capital, id);
        if (!*end || !(*end)->has_job) {
            *end = NULL;
            image->failed = true;
            return;
        }
        end = &(*end)->next_of_job;
    }
}

static bool sound_job(const perp_core *core, const struct perp_job_entry *job) {
    return job->n_legs >= 1 && job->n_legs <= PERP_MAX_LEGS &&
           job->metadata_size <= PERP_MAX_METADATA && job->n_naked <= PERP_MAX_LEGS &&
           job->state < PERP_JOB_STATE_COUNT && !perp_job_find(core, &job->id);
}

static bool sound_leg(const perp_core *core, const struct perp_job_leg *leg) {
    return leg->instrument < perp_n_instruments(core) && leg->exchange < perp_n_exchanges(core) &&
           leg->side < PERP_SIDE_COUNT && leg->base < core->bases.count;
}

static void image_legs(struct perp_image *image, struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs && !image->failed; i++) {
        struct perp_job_leg leg = job->legs[i];
        leg.job = NULL;
        leg.next = leg.previous = NULL;
        raw(image, &leg, sizeof leg);
        if (image->reading && !image->failed && sound_leg(image->core, &leg))
            job->legs[i] = leg;
        else if (image->reading)
            image->failed = true;
    }
}

/* A job as it is; reading: made, known by its id, and returned. */
static struct perp_job_entry *image_job(struct perp_image *image, struct perp_job_entry *job) {
    perp_core *core = image->core;
    struct perp_job_entry copy;
    memset(&copy, 0, sizeof copy);
    if (!image->reading) {
        copy = *job;
        copy.metadata = NULL;
        copy.held = NULL;
        copy.next = copy.previous = NULL;
        copy.linked = copy.override_logged = false;
        copy.unsaid = 0;
        copy.score = NAN;
    }
    raw(image, &copy, sizeof copy);
    if (image->reading && !image->failed) {
        if (!sound_job(core, &copy) ||
            !perp_spare_reserve(core, copy.is_repair ? 2 : copy.n_legs, copy.metadata_size)) {
            image->failed = true;
            return NULL;
        }
        job = perp_spare_take(core);
        copy.metadata = job->metadata;
        memcpy(job, &copy, sizeof copy);
        perp_map_add(&core->jobs, &job->id, job);
    }
    if (image->failed)
        return NULL;
    image_legs(image, job);
    raw(image, job->metadata, job->metadata_size);
    image_job_held(image, job);
    return image->failed ? NULL : job;
}

static void image_list(struct perp_image *image, struct perp_job_list *list) {
    uint32_t n = list->count;
    count(image, &n, UINT32_MAX);
    struct perp_job_entry *job = list->first;
    for (uint32_t i = 0; i < n && !image->failed; i++) {
        struct perp_job_entry *done = image_job(image, image->reading ? NULL : job);
        if (image->reading && done)
            perp_list_add(list, done);
        else if (job)
            job = job->next;
    }
}

static void image_pending(struct perp_image *image) {
    perp_scheduler *scheduler = image->core->scheduler;
    uint32_t n = scheduler->n_pending;
    count(image, &n, UINT32_MAX);
    if (!image->reading) {
        for (uint32_t i = 0; i < scheduler->n_places; i++)
            if (scheduler->pending[i].job)
                image_job(image, scheduler->pending[i].job);
        return;
    }
    for (uint32_t i = 0; i < n && !image->failed; i++) {
        struct perp_job_entry *job = image_job(image, NULL);
        if (job)
            perp_pending_add(scheduler, job);
    }
}

static void image_times(struct perp_image *image, perp_exchange_id exchange) {
    perp_core *core = image->core;
    struct perp_times *times = &core->scheduler->times[exchange];
    uint32_t n = times->count;
    count(image, &n, 1 << 24);
    if (image->reading) {
        memset(&core->prepared, 0, sizeof core->prepared);
        core->prepared.dispatches = n;
        if (!perp_times_reserve(core, exchange)) {
            image->failed = true;
            return;
        }
        times->count = n;
    }
    if (n)
        raw(image, times->at + times->first, n * sizeof *times->at);
}

/* What follows from the lists: running legs, naked bases. */
static void relink(perp_core *core) {
    perp_scheduler *scheduler = core->scheduler;
    for (struct perp_job_entry *job = scheduler->running.first; job; job = job->next) {
        perp_exposure_link(core, job);
        scheduler->n_in_doubt += job->state == PERP_JOB_IN_DOUBT;
    }
    for (const struct perp_job_entry *job = scheduler->unresolved.first; job; job = job->next)
        for (uint32_t i = 0; i < job->n_naked; i++)
            if (job->naked_bases[i] < core->bases.count)
                core->risk->unresolved[job->naked_bases[i]]++;
}

static void image_scheduler(struct perp_image *image) {
    perp_scheduler *scheduler = image->core->scheduler;
    image_pending(image);
    image_list(image, &scheduler->running);
    image_list(image, &scheduler->open);
    image_list(image, &scheduler->unresolved);
    image_list(image, &scheduler->ended);
    raw(image, &scheduler->paused, sizeof scheduler->paused);
    raw(image, &scheduler->next_order, sizeof scheduler->next_order);
    raw(image, &scheduler->submitted_today, sizeof scheduler->submitted_today);
    raw(image, &scheduler->dispatched_today, sizeof scheduler->dispatched_today);
    raw(image, scheduler->ended_today, sizeof scheduler->ended_today);
    raw(image, &scheduler->submitted_total, sizeof scheduler->submitted_total);
    raw(image, &scheduler->dispatched_total, sizeof scheduler->dispatched_total);
    raw(image, scheduler->ended_total, sizeof scheduler->ended_total);
    for (uint32_t x = 0; x < perp_n_exchanges(image->core) && !image->failed; x++)
        image_times(image, x);
    if (image->reading && !image->failed)
        relink(image->core);
}

static void image_book(struct perp_image *image) {
    image_header(image);
    image_registry(image);
    image_capital(image);
    image_risk(image);
    image_scheduler(image);
}

bool perp_image_write(struct perp_image *image, perp_core *core) {
    *image = (struct perp_image){.core = core};
    image_book(image);
    return !image->failed;
}

void perp_image_free(struct perp_image *image) {
    perp_free(image->core, image->bytes, image->capacity);
}

bool perp_image_read(perp_core *core, const void *bytes, size_t size) {
    struct perp_image image = {
        .core = core, .reading = true, .bytes = (void *)(uintptr_t)bytes, .size = size};
    image_book(&image);
    return !image.failed && image.at == size;
}
