/* Opening a book: empty, or as its store has it, through the same apply functions as live. */
#include <stdio.h>
#include <string.h>

#include "book/book.h"
#include "book/image.h"
#include "core/config.h"
#include "util/num.h"

perp_status perp_write_checkpoint(perp_core *core) {
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
                           : perp_write_checkpoint(core);
    return perp_leave(core, status);
}

static void load_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                            perp_status *status) {
    struct perp_load *load = user;
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
    bool known = perp_job_find(core, &event->job) != NULL;
    if (event->has_job && event->kind != PERP_EVENT_OVERRIDE &&
        known == (event->kind == PERP_EVENT_SUBMIT))
        return false;
    bool settles = event->kind == PERP_EVENT_CONFIRM || event->kind == PERP_EVENT_RELEASE;
    return !settles || perp_capital_find(core->capital, event->reservation);
}

static void load_record(void *user, uint64_t seq, const void *data, size_t size,
                        perp_status *status) {
    struct perp_load *load = user;
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

perp_status perp_load_store(struct perp_load *load, bool from_start) {
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
