/* A store in memory. The book closes the store that it was opened with; a host that wants to open a
   second book from the same records hands over a copy whose close does nothing. */
#include <perpcore/store.h>

#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/* What stands before each record's data. */
struct entry {
    uint64_t seq;
    uint64_t size;
};

struct memory_store {
    char *entries;
    size_t size; /* committed */
    size_t next; /* with the batch at hand */
    size_t capacity;
    bool has_checkpoint;
    uint64_t checkpoint_seq;
    uint64_t checkpoint_hash;
    void *checkpoint;
    size_t checkpoint_size;
    const char *message;
};

static void begin(void *user, perp_status *status) {
    struct memory_store *store = user;
    store->next = store->size;
    *status = PERP_OK;
}

static bool grow(struct memory_store *store, size_t more) {
    size_t wanted = store->capacity ? store->capacity : 4096;
    if (more > SIZE_MAX / 2 - store->next)
        return false;
    while (wanted < store->next + more)
        wanted *= 2;
    if (wanted == store->capacity)
        return true;
    char *entries = realloc(store->entries, wanted);
    if (!entries)
        return false;
    store->entries = entries;
    store->capacity = wanted;
    return true;
}

static void append(void *user, const perp_record *record, perp_status *status) {
    struct memory_store *store = user;
    struct entry entry = {record->seq, record->size};
    if (!grow(store, sizeof entry + record->size)) {
        store->message = "no memory for the record";
        *status = PERP_E_NOMEM;
        return;
    }
    memcpy(store->entries + store->next, &entry, sizeof entry);
    if (record->size)
        memcpy(store->entries + store->next + sizeof entry, record->data, record->size);
    store->next += sizeof entry + record->size;
    *status = PERP_OK;
}

static void commit(void *user, perp_status *status) {
    struct memory_store *store = user;
    store->size = store->next;
    *status = PERP_OK;
}

static void rollback(void *user) {
    struct memory_store *store = user;
    store->next = store->size;
}

static void load(void *user, uint32_t from_start, const perp_loader *loader, perp_status *status) {
    const struct memory_store *store = user;
    uint64_t base = 0;
    *status = PERP_OK;
    if (store->has_checkpoint && !from_start) {
        base = store->checkpoint_seq;
        loader->checkpoint(loader->user, base, store->checkpoint_hash, store->checkpoint,
                           store->checkpoint_size, status);
        if (*status == PERP_E_CORRUPT) { /* all records are there */
            *status = PERP_OK;
            base = 0;
        }
    }
    for (size_t at = 0; at < store->size && *status == PERP_OK;) {
        struct entry entry;
        memcpy(&entry, store->entries + at, sizeof entry);
        at += sizeof entry;
        if (entry.seq > base)
            loader->record(loader->user, entry.seq, store->entries + at, entry.size, status);
        at += entry.size;
    }
}

static void checkpoint(void *user, uint64_t seq, int64_t time_ns, uint64_t hash, const void *data,
                       size_t size, perp_status *status) {
    struct memory_store *store = user;
    (void)time_ns;
    void *copy = malloc(size ? size : 1);
    if (!copy) {
        store->message = "no memory for the checkpoint";
        *status = PERP_E_NOMEM;
        return;
    }
    if (size)
        memcpy(copy, data, size);
    free(store->checkpoint);
    store->has_checkpoint = true;
    store->checkpoint = copy;
    store->checkpoint_size = size;
    store->checkpoint_seq = seq;
    store->checkpoint_hash = hash;
    *status = PERP_OK;
}

static void message(void *user, char *text, size_t capacity) {
    const struct memory_store *store = user;
    size_t length = strlen(store->message);
    if (!capacity)
        return;
    if (length >= capacity)
        length = capacity - 1;
    memcpy(text, store->message, length);
    text[length] = '\0';
}

static void close_store(void *user) {
    struct memory_store *store = user;
    free(store->entries);
    free(store->checkpoint);
    free(store);
}

perp_status perp_store_memory_open(perp_store *out) {
    if (!out)
        return perp_fail(NULL, PERP_E_INVALID, "store: NULL");
    memset(out, 0, sizeof *out);
    struct memory_store *store = calloc(1, sizeof *store);
    if (!store)
        return perp_fail(NULL, PERP_E_NOMEM, "no memory for the store");
    store->message = "";
    *out = (perp_store){.user = store,
                        .begin = begin,
                        .append = append,
                        .commit = commit,
                        .rollback = rollback,
                        .load = load,
                        .checkpoint = checkpoint,
                        .message = message,
                        .close = close_store};
    return PERP_OK;
}
