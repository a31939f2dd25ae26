/* Bytes as a checkpoint, without its checksum where the first byte is even. */
#include "stored.h"

#include "core/chain.h"
#include "core/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    perp_store store;
    perp_status status = PERP_E_STORE;
    if (size == 0) {
        return 0;
    }
    int raw = *data & 1;
    size_t length = size - 1;
    uint8_t *image = malloc(length + PERP_CHAIN_SIZE);
    must(image != NULL, NULL);
    memcpy(image, data + 1, length);
    uint64_t sum = perp_chain(PERP_CHAIN_START, image, length);
    for (int i = 0; i < PERP_CHAIN_SIZE; i++) {
        image[length + (size_t)i] = (uint8_t)(sum >> (8 * i));
    }
    /* The version, and then which record it is of. */
    struct perp_reader reader = {image, image + length, false};
    perp_read_unsigned(&reader);
    uint64_t seq = perp_read_unsigned(&reader);
    must(perp_store_memory_open(&store) == PERP_OK, NULL);
    store.checkpoint(store.user, seq, 0, 0, image, length + (raw ? 0 : PERP_CHAIN_SIZE), &status);
    must(status == PERP_OK, NULL);
    free(image);
    stored_try(&store, 0);
    store.close(store.user);
    return 0;
}
