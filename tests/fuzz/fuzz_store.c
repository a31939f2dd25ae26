/* Bytes as the files of an SQLite store: one byte of options (OPTION_...), three that say how long
   the database is, then that, and its WAL. A book opens from them, does its work, and comes back
   as it was; or they are refused as damaged, and are left as they are. */
#include "stored.h"

#include <unistd.h>

enum {
    OPTION_KEEP_FEW = 1,   /* old events go */
    OPTION_VERIFY_FEW = 2, /* of a large store */
    OPTION_READ = 4,       /* for reading only, from the first event */
    OPTION_CREATE = 8,
    OPTION_LARGE = 16 /* so many pages that not all of it is verified when it is opened */
};

#define LARGE_PAGES 520

static const char *const parts[] = {"", "-wal", "-shm", "-lock", "-journal"};
static char folder[64];

static const char *path_of(const char *name, int part) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, parts[part]);
    return path;
}

static void end(void) {
    rmdir(folder);
}

static void make_folder(void) {
    if (folder[0] == 0) {
        strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX");
        must(mkdtemp(folder) != NULL, NULL);
        atexit(end);
    }
}

static void write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    must(file != NULL && fwrite(bytes, 1, size, file) == size, NULL);
    fclose(file);
}

/* At most so many bytes of a file; how many there are. */
static size_t read_file(const char *path, uint8_t *bytes, size_t most) {
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(bytes, 1, most, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return size;
}

static void remove_store(const char *name) {
    for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++) {
        unlink(path_of(name, i));
    }
}

/* The database and the WAL of an input. */
struct input {
    uint8_t options;
    const uint8_t *file, *wal;
    size_t file_size, wal_size;
};

static struct input input_of(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    struct input input = {.options = fuzz_byte(&bytes)};
    size_t length = (size_t)fuzz_word(&bytes, 3);
    input.file = bytes.data;
    input.file_size = length < bytes.size ? length : bytes.size;
    input.wal = bytes.data + input.file_size;
    input.wal_size = bytes.size - input.file_size;
    return input;
}

static void write_store(const char *name, const struct input *input) {
    remove_store(name);
    write_file(path_of(name, 0), input->file, input->file_size);
    if (input->wal_size != 0) {
        write_file(path_of(name, 1), input->wal, input->wal_size);
    }
}

#ifdef FUZZ_MUTATES

#include "store_mutator.h"

static void put_length(uint8_t *data, size_t length) {
    for (int i = 0; i < 3; i++) {
        data[1 + i] = (uint8_t)(length >> (16 - 8 * i));
    }
}

/* The files in the place of the input; its new size, 0 where it has no room. */
static size_t take_store(const char *name, uint8_t *data, size_t max_size) {
    size_t length = read_file(path_of(name, 0), data + 4, max_size - 4);
    put_length(data, length);
    size_t size = 4 + length;
    size += read_file(path_of(name, 1), data + size, max_size - size);
    return size < max_size ? size : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    struct mutant m = {.random = seed};
    uint32_t way = mutant_draw(&m, 16);
    make_folder();
    if (size < 516 || way == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (mutant_draw(&m, 8) == 0) {
        data[0] ^= (uint8_t)(1 << mutant_draw(&m, 5));
    }
    if (way < 4) {
        struct input input = input_of(data, size);
        uint8_t *wal = data + (input.wal - data), *file = data + (input.file - data);
        if (input.wal_size != 0 && mutant_draw(&m, 2)) {
            mutate_bytes(&m, wal, input.wal_size, mutant_draw(&m, 2) ? 56 : 32);
        } else {
            mutate_bytes(&m, file, input.file_size, 0);
        }
        if (mutant_draw(&m, 8)) {
            mend_wal(wal, input.wal_size);
        }
        if (mutant_draw(&m, 2)) {
            return size;
        }
    }
    struct input input = input_of(data, size);
    perp_sqlite_describe(m.tables);
    write_store("m.db", &input);
    int good = mutate_sql(&m, path_of("m.db", 0), mutant_draw(&m, 4) == 0, way >= 4);
    size_t changed = good ? take_store("m.db", data, max_size) : size;
    remove_store("m.db");
    return changed != 0 ? changed : LLVMFuzzerMutate(data, 4 < size ? 4 : size, 4);
}

#endif

/* Makes it so large by pages that hold nothing. */
static void enlarge(const struct input *input) {
    uint8_t count[4] = {0, 0, LARGE_PAGES >> 8, LARGE_PAGES & 255};
    size_t page = (size_t)input->file[16] << 8 | input->file[17];
    if (page >= 512 && input->file_size < LARGE_PAGES * page) {
        FILE *file = fopen(path_of("s.db", 0), "r+b");
        must(file != NULL && fseek(file, 28, SEEK_SET) == 0 && fwrite(count, 1, 4, file) == 4,
             NULL);
        fclose(file);
        must(truncate(path_of("s.db", 0), (off_t)(LARGE_PAGES * page)) == 0, NULL);
    }
}

/* What a store was that is damaged, it still is; an empty WAL is as good as none. */
static void must_be_as_it_was(const struct input *input) {
    uint8_t *bytes = malloc(input->file_size + input->wal_size + 1);
    must(bytes != NULL, NULL);
    must(read_file(path_of("s.db", 0), bytes, input->file_size + 1) == input->file_size &&
             memcmp(bytes, input->file, input->file_size) == 0,
         NULL);
    must(read_file(path_of("s.db", 1), bytes, input->wal_size + 1) == input->wal_size &&
             memcmp(bytes, input->wal, input->wal_size) == 0,
         NULL);
    free(bytes);
}

/* Opens a book on the store; NULL: refused. */
static perp_core *open_book(const struct input *input, int from_start) {
    perp_sqlite_options options;
    perp_core *core = NULL;
    perp_config config;
    perp_sqlite_options_init(&options);
    options.keep_events = (input->options & OPTION_KEEP_FEW) != 0;
    options.verify_events = input->options & OPTION_VERIFY_FEW ? 4 : options.verify_events;
    options.read_only = (input->options & OPTION_READ) != 0;
    options.create = (input->options & OPTION_CREATE) != 0;
    stored_config(&config);
    perp_status status = perp_store_sqlite_open(path_of("s.db", 0), &options, &config.store);
    if (status == PERP_OK && from_start) {
        status = perp_core_replay(&config, 0, NULL, NULL, &core);
    } else if (status == PERP_OK) {
        status = perp_core_open(&config, &core);
    }
    if (core == NULL) {
        const char *why = perp_core_error(NULL);
        /* One of an earlier schema is not changed where it is only to be read. */
        must(stored_refused(status) || (options.read_only && status == PERP_E_STORE &&
                                        strstr(why, "must be migrated") != NULL),
             NULL);
        must(why[0] != 0, NULL);
    }
    return core;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = input_of(data, size);
    const int reads = (input.options & OPTION_READ) != 0;
    int large = (input.options & OPTION_LARGE) != 0 && input.wal_size == 0 && input.file_size > 100;
    make_folder();
    write_store("s.db", &input);
    if (large) {
        enlarge(&input);
    }
    perp_core *core = open_book(&input, reads);
    if (core == NULL && !large) {
        must_be_as_it_was(&input);
    } else if (core != NULL && reads) {
        must(perp_core_check(core) == PERP_OK, core);
        perp_core_close(core);
    } else if (core != NULL) {
        stored_use(core);
        perp_status kept = perp_core_checkpoint(core);
        uint64_t hash = perp_core_hash(core);
        perp_status status = perp_core_close(core);
        if (kept == PERP_OK && status == PERP_OK && !large) {
            must((core = open_book(&input, 0)) != NULL, NULL);
            must(perp_core_hash(core) == hash, core);
            perp_core_close(core);
        }
    }
    remove_store("s.db");
    return 0;
}
