/* Bytes as the files of an SQLite store: four bytes say how long the database is, what follows it
   is its WAL. A book opens from them, or they are refused. */
#include "stored.h"

#include <unistd.h>

static char folder[64];

static void end(void) {
    rmdir(folder);
}

static void write_file(const char *name, const uint8_t *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    must(file != NULL && fwrite(bytes, 1, size, file) == size, NULL);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"s.db", "s.db-wal", "s.db-shm", "s.db-lock",
                                        "s.db-journal"};
    char path[128];
    fuzz_bytes bytes = {data, size};
    perp_config config;
    if (folder[0] == 0) {
        strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX");
        must(mkdtemp(folder) != NULL, NULL);
        atexit(end);
    }
    size_t length = (size_t)fuzz_word(&bytes, 4);
    length = length < bytes.size ? length : bytes.size;
    write_file(names[0], bytes.data, length);
    if (bytes.size > length) {
        write_file(names[1], bytes.data + length, bytes.size - length);
    }
    snprintf(path, sizeof path, "%s/%s", folder, names[0]);
    stored_config(&config);
    perp_status status = perp_store_sqlite_open(path, NULL, &config.store);
    must(status == PERP_OK || stored_refused(status), NULL);
    perp_core *core = status == PERP_OK ? stored_open(&config) : NULL;
    if (core != NULL) {
        stored_use(core);
        perp_core_checkpoint(core);
        perp_core_close(core);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return 0;
}
