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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    perp_store store;
    perp_status status;
    int raw = fuzz_byte(&bytes) & 1;
    uint64_t chain = PERP_CHAIN_START;
    must(perp_store_memory_open(&store) == PERP_OK, NULL);
    store.begin(store.user, &status);
    for (uint64_t seq = 1; bytes.size > 2; seq++) {
        size_t length = (size_t)fuzz_word(&bytes, 2);
        length = length < bytes.size ? length : bytes.size;
        uint8_t *record = malloc(length + PERP_CHAIN_SIZE);
        must(record != NULL, NULL);
        memcpy(record, bytes.data, length);
        chain = perp_chain(chain, record, length);
        for (int i = 0; i < PERP_CHAIN_SIZE; i++) {
            record[length + (size_t)i] = (uint8_t)(chain >> (8 * i));
        }
        put(&store, seq, record, length + (raw ? 0 : PERP_CHAIN_SIZE));
        free(record);
        bytes.data += length;
        bytes.size -= length;
    }
    store.commit(store.user, &status);
    stored_try(&store, 1);
    store.close(store.user);
    return 0;
}
