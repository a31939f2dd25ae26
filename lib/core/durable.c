/* What is on disk: the barriers, the store's own word on how it is, and waiting for the disk on a
   thread beside the book's lock. */
#include "core/batch.h"

#include "util/sized.h"

bool perp_durable_open(perp_core *core) {
    const perp_store *store = &core->config.store;
    perp_store_more *more = &core->durable.more;
    *more = (perp_store_more){.struct_size = sizeof *more};
    if (!store->begin || !store->more)
        return true;
    return perp_struct_in(more, sizeof *more, store->more) && !more->reserved &&
           (!more->begin_staged || more->sync);
}

/* Both only rise. */
static void raise_to(_Atomic uint64_t *number, uint64_t to) {
    uint64_t now = atomic_load_explicit(number, memory_order_relaxed);
    while (now < to && !atomic_compare_exchange_weak_explicit(
                           number, &now, to, memory_order_release, memory_order_relaxed))
        continue;
}

static uint64_t read(const _Atomic uint64_t *number) {
    return atomic_load_explicit(number, memory_order_acquire);
}

bool perp_is_staged(const perp_core *core) {
    return read(&core->durable.staged) > read(&core->durable.on_disk);
}

/* The alert follows what the store says after each commit. */
static void look_at_wal(perp_core *core) {
    struct perp_durable *durable = &core->durable;
    perp_store_state state = {.struct_size = sizeof state};
    if (!durable->more.state)
        return;
    durable->more.state(core->config.store.user, &state);
    bool held = state.wal_held != 0;
    if (held != durable->wal_held)
        perp_tell_alert(core, PERP_ALERT_WAL_HELD, PERP_ALERT_WARNING, held, "store",
                        held ? "a reader keeps the WAL from being begun anew: it has %llu MiB, the "
                               "limit is %llu"
                             : "the WAL could be begun anew: it has %llu MiB, the limit is %llu",
                        (unsigned long long)(state.wal_bytes >> 20),
                        (unsigned long long)(state.wal_limit_bytes >> 20));
    durable->wal_held = held;
    durable->wal_bytes = state.wal_bytes;
}

void perp_stored(perp_core *core, uint64_t seq, bool staged) {
    raise_to(&core->durable.staged, seq);
    if (!staged)
        raise_to(&core->durable.on_disk, seq);
    look_at_wal(core);
}

perp_status perp_batch_flush(perp_core *core, bool staged) {
    perp_batch_clear(core->batch);
    core->batch->told = core->notices->count;
    return perp_batch_store(core, staged);
}

static perp_status flush(perp_core *core, bool staged, uint64_t *seq) {
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    perp_enter(core);
    perp_status status = perp_batch_flush(core, staged);
    if (status == PERP_OK && seq)
        *seq = core->seq;
    return perp_leave(core, status);
}

perp_status perp_core_flush(perp_core *core) {
    return core ? flush(core, false, NULL) : perp_fail(NULL, PERP_E_INVALID, "core: NULL");
}

perp_status perp_core_flush_async(perp_core *core, uint64_t *seq) {
    if (!core || !seq)
        return perp_fail(core, PERP_E_INVALID, "flush_async: NULL");
    return flush(core, true, seq);
}

perp_status perp_core_durable(const perp_core *core, uint64_t *seq) {
    if (!core || !seq)
        return perp_fail(core, PERP_E_INVALID, "durable: NULL");
    perp_no_error(core);
    if (perp_batch_has_store(core)) {
        *seq = read(&core->durable.on_disk);
        return PERP_OK;
    }
    perp_read_begin(core);
    *seq = core->seq;
    perp_read_end(core);
    return PERP_OK;
}

/* What was staged before counts; what is staged meanwhile may be on disk or not. */
static perp_status sync_staged(perp_core *core) {
    struct perp_durable *durable = &core->durable;
    uint64_t staged = read(&durable->staged), on_disk = read(&durable->on_disk);
    if (staged <= on_disk)
        return PERP_OK;
    perp_status status = PERP_E_STORE;
    durable->more.sync(core->config.store.user, &status);
    if (status == PERP_OK)
        raise_to(&durable->on_disk, staged);
    return status == PERP_OK
               ? status
               : perp_fail(core, PERP_E_STORE,
                           "sync: the store failed with %s: what came after event %llu may not be "
                           "on disk until the next barrier",
                           perp_status_string(status), (unsigned long long)on_disk);
}

perp_status perp_store_sync(perp_core *core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_no_error(core);
    atomic_fetch_add_explicit(&core->durable.n_syncs, 1, memory_order_relaxed);
    pthread_mutex_lock(&core->durable.lock);
    perp_status status = sync_staged(core);
    pthread_mutex_unlock(&core->durable.lock);
    atomic_fetch_sub_explicit(&core->durable.n_syncs, 1, memory_order_release);
    return status;
}
