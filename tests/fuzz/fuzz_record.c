/* Bytes as the records of a store. The first byte says whether they bring their own checksums;
   then each is two bytes of length, and so many of a record. */
#include "stored.h"

#include "core/chain.h"

static void put(perp_store *store, uint64_t seq, const uint8_t *bytes, size_t size) {
    perp_status status = PERP_E_STORE;
    perp_record record;
    memset(&record, 0, sizeof record);
    record.struct_size = sizeof record;
    record.seq = seq;
    record.kind = "";
    record.data = bytes;
    record.size = size;
    store->append(store->user, &record, &status);
    must(status == PERP_OK, NULL);
}

struct piece {
    const uint8_t *data;
    size_t size;
};

/* Each record's number is put right, where it has one, and its checksum. */
static void fill(perp_store *store, const struct piece *pieces, size_t n, int raw) {
    uint64_t chain = PERP_CHAIN_START;
    perp_status status;
    store->begin(store->user, &status);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = pieces[i].data;
        size_t size = pieces[i].size, length = 0;
        uint8_t *record = malloc(size + 4 + PERP_CHAIN_SIZE);
        must(record != NULL, NULL);
        /* The kind (tag 1), and the number (tag 2) of one or two bytes. */
        if (!raw && size > 5 && from[0] == 0x08 && from[1] < 128 && from[2] == 0x10) {
            size_t head = from[3] < 128 ? 4 : 5;
            memcpy(record, from, 3);
            record[3] = (uint8_t)((i + 1) & 127) | (i + 1 > 127 ? 128 : 0);
            record[4] = (uint8_t)((i + 1) >> 7);
            length = i + 1 > 127 ? 5 : 4;
            from += head;
            size -= head;
        }
        memcpy(record + length, from, size);
        length += size;
        chain = perp_chain(chain, record, length);
        for (int k = 0; k < PERP_CHAIN_SIZE; k++) {
            record[length + (size_t)k] = (uint8_t)(chain >> (8 * k));
        }
        put(store, i + 1, record, length + (raw ? 0 : PERP_CHAIN_SIZE));
        free(record);
    }
    store->commit(store->user, &status);
}

/* The number of the record that the last open refused; 0: none. */
static size_t refused(void) {
    unsigned long seq = 0;
    return sscanf(perp_core_error(NULL), "record %lu", &seq) == 1 ? seq : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct piece pieces[512];
    fuzz_bytes bytes = {data, size};
    perp_store store;
    size_t n = 0;
    int raw = fuzz_byte(&bytes) & 1;
    while (bytes.size > 2 && n < 512) {
        size_t length = (size_t)fuzz_word(&bytes, 2);
        length = length < bytes.size ? length : bytes.size;
        pieces[n++] = (struct piece){bytes.data, length};
        bytes.data += length;
        bytes.size -= length;
    }
    /* A record that is refused is left out, so that those after it are tried too. */
    for (int tries = 0; tries < 24; tries++) {
        must(perp_store_memory_open(&store) == PERP_OK, NULL);
        fill(&store, pieces, n, raw);
        int opens = stored_try(&store, 1);
        size_t bad = opens ? 0 : refused();
        store.close(store.user);
        if (opens || raw || bad == 0 || bad > n) {
            break;
        }
        memmove(&pieces[bad - 1], &pieces[bad], (n - bad) * sizeof *pieces);
        n--;
    }
    return 0;
}
