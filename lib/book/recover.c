/* Reading a store: the newest checkpoint that is a book, and the events after it, applied by the
   same functions as live. Nothing of it is believed before it was looked at. */
#include <stdio.h>
#include <string.h>

#include "book/image.h"
#include "core/batch.h"
#include "core/chain.h"

perp_status perp_write_checkpoint(perp_core *core) {
    struct perp_bytes image;
    const perp_store *store = &core->config.store;
    perp_status status = PERP_E_NOMEM;
    if (perp_image_write(&image, core)) {
        status = PERP_E_STORE;
        store->checkpoint(store->user, core->seq, perp_clock(core), perp_hash_book(core),
                          image.memory, image.size, &status);
    }
    perp_bytes_free(&image);
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
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    perp_enter(core); /* once, so that no change of others comes between the two */
    perp_status status = perp_batch_flush(core, false);
    if (status == PERP_OK)
        status = core->corrupt
                     ? perp_fail(core, PERP_E_CORRUPT, "the book is corrupt: no checkpoint")
                     : perp_write_checkpoint(core);
    return perp_leave(core, status);
}

/* A checkpoint that turns out to be none leaves the book as empty as it was. */
static perp_status forget(struct perp_load *load, perp_status status) {
    load->core->config = load->given;
    return perp_core_empty(load->core) == PERP_OK ? status : PERP_E_NOMEM;
}

static perp_status read_checkpoint(struct perp_load *load, uint64_t seq, uint64_t hash,
                                   const void *data, size_t size) {
    const char *why;
    perp_status status = perp_image_read(load, data, size, &why);
    if (status == PERP_E_NOMEM)
        return perp_fail(NULL, status, "no memory to read the checkpoint");
    if (status == PERP_OK && load->core->seq != seq) {
        status = PERP_E_CORRUPT;
        why = "of another record";
    } else if (status == PERP_OK &&
               (perp_core_check(load->core) != PERP_OK || load->core->corrupt)) {
        status = PERP_E_CORRUPT;
        why = perp_core_error(load->core);
    } else if (status == PERP_OK && hash && perp_hash_book(load->core) != hash) {
        status = PERP_E_CORRUPT;
        why = "its hash";
    }
    if (status == PERP_OK)
        return PERP_OK;
    perp_fail(NULL, status, "checkpoint at record %llu: %s", (unsigned long long)seq, why);
    return forget(load, status);
}

static void load_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                            perp_status *status) {
    struct perp_load *load = user;
    *status = read_checkpoint(load, seq, hash, data, size);
    if (*status == PERP_E_CORRUPT && !load->unreadable) {
        load->unreadable = seq;
        snprintf(load->why, sizeof load->why, "%s", perp_core_error(NULL));
    }
    load->configured = *status == PERP_OK;
    if (*status == PERP_OK)
        load->core->checkpoint_seq = seq;
}

static perp_status bad_record(uint64_t seq, const char *why) {
    return perp_fail(NULL, PERP_E_CORRUPT, "record %llu: %s", (unsigned long long)seq, why);
}

static perp_status read_record(struct perp_load *load, uint64_t seq, const void *data,
                               size_t size) {
    perp_core *core = load->core;
    uint64_t chain;
    const char *why;
    if (seq != core->seq + 1)
        return bad_record(seq, "not the next one");
    if (!perp_chain_holds(core->chain, data, size, &chain))
        return bad_record(seq, "its checksum: it, or the one before it, is not what was stored");
    perp_arena_reset(&load->arena);
    const struct perp_event *event = perp_event_read(data, size, &load->arena, &why);
    if (!event && !load->arena.failed)
        return bad_record(seq, why);
    memset(&core->prepared, 0, sizeof core->prepared);
    if (event && event->seq != seq)
        return bad_record(seq, "it says that it is another one");
    if (event && !perp_event_fits(core, event, &why))
        return bad_record(seq, why);
    if (!event || !perp_event_prepare(core, event))
        return perp_fail(NULL, PERP_E_NOMEM, "no memory to read record %llu",
                         (unsigned long long)seq);
    perp_event_apply(core, event);
    if (core->corrupt)
        return bad_record(seq, "applying it broke the book");
    core->chain = chain;
    load->configured |= event->kind == PERP_EVENT_CONFIG;
    return PERP_OK;
}

static void load_record(void *user, uint64_t seq, const void *data, size_t size,
                        perp_status *status) {
    struct perp_load *load = user;
    if (load->to_seq && seq > load->to_seq)
        return;
    *status = read_record(load, seq, data, size);
    if (*status == PERP_OK && load->visit)
        load->visit(load->user, load->core, seq);
}

perp_status perp_load_store(struct perp_load *load, bool from_start) {
    const perp_store *store = &load->core->config.store;
    if (!store->load)
        return PERP_OK;
    const perp_loader loader = {.user = load, .checkpoint = load_checkpoint, .record = load_record};
    perp_status status = PERP_E_STORE;
    load->arena.core = load->core;
    perp_fail(NULL, PERP_OK, "%s", "");
    store->load(store->user, from_start, &loader, &status);
    perp_arena_free(&load->arena);
    if (status == PERP_OK)
        perp_no_error(NULL); /* that of a checkpoint for which there was another way */
    if (status == PERP_OK || perp_core_error(NULL)[0])
        return status;
    char why[160] = "";
    if (store->message)
        store->message(store->user, why, sizeof why);
    why[sizeof why - 1] = '\0';
    return perp_fail(NULL, status, "the store can't be read: %s", why);
}
