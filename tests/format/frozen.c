/* Stores that are kept of each release, and what a later build makes of them.
   usage: frozen make FOLDER      writes store.db, memory.hex and expected.txt
          frozen check FOLDER     opens them, from the start and from the checkpoint
          frozen seal FROM TO     opens the memory store of FROM from its checkpoint, which must
                                  make the same book, and writes it to TO with a new one
          frozen prefixes         a checkpoint after any event of the story, and the events after
                                  it, make the book that all events make
          frozen odd              each field of the story's records and of its checkpoint with odd
                                  values: refused, or a sound book
          frozen corpus FOLDER    writes inputs for the fuzz targets into its folders */
#include "odd_fields.h"
#include "story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "book/image.h"
#include "core/chain.h"
#include "core/events.h"

#define MAX_DATA (1u << 20)
#define STATE_SIZE (1u << 18)

static FILE *open_file(const char *folder, const char *name, const char *mode) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void remove_store(const char *path) {
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[600];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

/* ---- What a book is -------------------------------------------------------------------------- */

/* The hash, and all that its host can see of it. */
static void describe(char *text, perp_core *core) {
    size_t length = 0;
    int at = sprintf(text, "hash %016" PRIx64 "\nstate ", perp_core_hash(core));
    if (perp_core_check(core) != PERP_OK ||
        perp_monitor_json(core, perp_core_clock(core), text + at, STATE_SIZE - 64, &length) !=
            PERP_OK)
        story_end("the book", core);
    strcpy(text + at + length, "\n");
}

/* ---- The memory store as text ----------------------------------------------------------------
 */

static void write_hex(FILE *file, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        fprintf(file, "%02x", bytes[i]);
    fputc('\n', file);
}

static void write_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                             perp_status *status) {
    fprintf(user, "checkpoint %" PRIu64 " %" PRIu64 " ", seq, hash);
    write_hex(user, data, size);
    *status = PERP_OK;
}

static void write_record(void *user, uint64_t seq, const void *data, size_t size,
                         perp_status *status) {
    fprintf(user, "record %" PRIu64 " 0 ", seq);
    write_hex(user, data, size);
    *status = PERP_OK;
}

static void skip_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                            perp_status *status) {
    (void)user, (void)seq, (void)hash, (void)data, (void)size;
    *status = PERP_OK;
}

static void skip_record(void *user, uint64_t seq, const void *data, size_t size,
                        perp_status *status) {
    (void)user, (void)seq, (void)data, (void)size;
    *status = PERP_OK;
}

static void load(const perp_store *store, int from_start, const perp_loader *loader) {
    perp_status status = PERP_E_STORE;
    store->load(store->user, (uint32_t)from_start, loader, &status);
    if (status != PERP_OK)
        story_end("load", NULL);
}

/* All records, and then the checkpoint. */
static void write_memory(const perp_store *store, FILE *file) {
    load(store, 1, &(perp_loader){file, write_checkpoint, write_record});
    load(store, 0, &(perp_loader){file, write_checkpoint, skip_record});
}

static size_t read_hex(FILE *file, unsigned char *data) {
    size_t n = 0;
    int high, low;
    while ((high = fgetc(file)) != EOF && high != '\n' && (low = fgetc(file)) != EOF &&
           n < MAX_DATA) {
        char text[3] = {(char)high, (char)low, '\0'};
        data[n++] = (unsigned char)strtoul(text, NULL, 16);
    }
    return n;
}

static void read_memory(FILE *file, const perp_store *store) {
    static unsigned char data[MAX_DATA];
    char what[16];
    uint64_t seq, hash;
    perp_status status;
    store->begin(store->user, &status);
    while (fscanf(file, "%15s %" SCNu64 " %" SCNu64 " ", what, &seq, &hash) == 3) {
        size_t size = read_hex(file, data);
        const perp_record record = {
            .struct_size = sizeof record, .seq = seq, .kind = "", .data = data, .size = size};
        status = PERP_E_STORE;
        if (*what == 'c')
            store->checkpoint(store->user, seq, 0, hash, data, size, &status);
        else
            store->append(store->user, &record, &status);
        if (status != PERP_OK)
            story_end("read", NULL);
    }
    store->commit(store->user, &status);
}

/* ---- make ------------------------------------------------------------------------------------ */

/* Which kinds of events there are, and which kinds of rows in the checkpoint; what is missing is
   told. */
static bool seen[PERP_EVENT_COUNT], seen_rows[PERP_BOOK_ROW_END];

static void see_record(void *user, uint64_t seq, const void *data, size_t size,
                       perp_status *status) {
    struct perp_reader reader = {data, (const unsigned char *)data + size, false};
    (void)user, (void)seq;
    perp_read_unsigned(&reader); /* the key of the kind, and the kind */
    uint64_t kind = perp_read_unsigned(&reader);
    if (kind < PERP_EVENT_COUNT)
        seen[kind] = true;
    *status = PERP_OK;
}

/* A head, rows (kind, index, size, fields), and the checksum. */
static void see_checkpoint(void *user, uint64_t seq, uint64_t hash, const void *data, size_t size,
                           perp_status *status) {
    struct perp_reader reader = {data, (const unsigned char *)data + size - PERP_CHAIN_SIZE, false};
    (void)user, (void)seq, (void)hash;
    perp_read_unsigned(&reader);
    perp_read_unsigned(&reader);
    perp_read_word(&reader);
    perp_read_word(&reader);
    while (reader.at < reader.end && !reader.failed) {
        uint64_t kind = perp_read_unsigned(&reader);
        perp_read_unsigned(&reader);
        perp_read_bytes(&reader, perp_read_unsigned(&reader));
        if (kind < PERP_BOOK_ROW_END)
            seen_rows[kind] = true;
    }
    *status = PERP_OK;
}

static int see(const perp_store *store) {
    int missing = 0;
    load(store, 1, &(perp_loader){NULL, see_checkpoint, see_record});
    load(store, 0, &(perp_loader){NULL, see_checkpoint, skip_record});
    for (int i = 0; i < PERP_EVENT_COUNT; i++) {
        if (!seen[i])
            fprintf(stderr, "no %s in the story\n", perp_event_shapes[i].name);
        missing += !seen[i];
    }
#define R(NAME, number, type)                                                                      \
    if (!seen_rows[number]) {                                                                      \
        fprintf(stderr, "no row " #NAME " in the checkpoint of the story\n");                      \
        missing++;                                                                                 \
    }
    PERP_BOOK_ROW_LIST(R)
#undef R
    return missing;
}

static void open_memory(perp_store *store) {
    if (perp_store_memory_open(store) != PERP_OK)
        story_end("memory", NULL);
}

static bool open_sqlite(perp_store *store, const char *path) {
    perp_status status = perp_store_sqlite_open(path, NULL, store);
    if (status != PERP_OK && status != PERP_E_STATE)
        story_end(path, NULL);
    return status == PERP_OK;
}

static int make(const char *folder) {
    static char text[STATE_SIZE];
    char path[512];
    perp_store store;
    open_memory(&store);
    story_play(&store);
    int missing = see(&store);
    FILE *file = open_file(folder, "memory.hex", "w");
    write_memory(&store, file);
    fclose(file);
    perp_core *core = story_open(&store, 1);
    describe(text, core);
    perp_core_close(core);
    store.close(store.user);
    file = open_file(folder, "expected.txt", "w");
    fputs(text, file);
    fclose(file);
    snprintf(path, sizeof path, "%s/store.db", folder);
    remove_store(path);
    if (!open_sqlite(&store, path))
        story_end("make needs SQLite", NULL);
    story_play(&store);
    store.close(store.user);
    snprintf(path, sizeof path, "%s/store.db-lock", folder);
    unlink(path); /* a copy has none */
    return missing != 0;
}

/* ---- check ----------------------------------------------------------------------------------- */

static int failed, passed;

static void compare(const char *what, const char *wanted, perp_core *core) {
    static char text[STATE_SIZE];
    describe(text, core);
    perp_core_close(core);
    if (strcmp(text, wanted) == 0) {
        passed++;
    } else {
        failed++;
        printf("%s: the book is another one\n%s", what, text);
    }
}

/* From all records; from the checkpoint, which must not be refused. */
static void check_store(const char *what, const perp_store *store, const char *wanted) {
    perp_core *core = story_open(store, 1);
    compare(what, wanted, core);
    core = story_open(store, 0);
    uint64_t hash = perp_core_hash(core);
    char first[32];
    snprintf(first, sizeof first, "hash %016" PRIx64 "\n", hash);
    if (strncmp(first, wanted, strlen(first)) == 0 && core->checkpoint_seq) {
        passed++;
    } else {
        failed++;
        printf("%s from the checkpoint: %s (checkpoint %" PRIu64 ")\n", what, first,
               core->checkpoint_seq);
    }
    perp_core_close(core);
}

static void copy_file(const char *from, const char *to) {
    char command[1200];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    if (system(command) != 0)
        exit(1);
}

static int check(const char *folder) {
    static char wanted[STATE_SIZE];
    char path[512], copy[] = "/tmp/frozen-XXXXXX";
    perp_store store;
    FILE *file = open_file(folder, "expected.txt", "r");
    wanted[fread(wanted, 1, sizeof wanted - 1, file)] = '\0';
    fclose(file);
    open_memory(&store);
    file = open_file(folder, "memory.hex", "r");
    read_memory(file, &store);
    fclose(file);
    check_store("memory", &store, wanted);
    store.close(store.user);
    if (!mkdtemp(copy))
        return 1;
    char to[600];
    snprintf(path, sizeof path, "%s/store.db", folder);
    snprintf(to, sizeof to, "%s/store.db", copy);
    copy_file(path, to);
    if (open_sqlite(&store, to)) {
        check_store("sqlite", &store, wanted);
        store.close(store.user);
    } else {
        printf("left out: the frozen SQLite store (without SQLite)\n");
    }
    remove_store(to);
    rmdir(copy);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

/* ---- seal ------------------------------------------------------------------------------------ */

static int seal(const char *from, const char *to) {
    static char wanted[STATE_SIZE], text[STATE_SIZE];
    perp_store store;
    FILE *file = open_file(from, "expected.txt", "r");
    wanted[fread(wanted, 1, sizeof wanted - 1, file)] = '\0';
    fclose(file);
    open_memory(&store);
    file = open_file(from, "memory.hex", "r");
    read_memory(file, &store);
    fclose(file);
    perp_core *core = story_open(&store, 0);
    describe(text, core);
    bool same = core->checkpoint_seq && strncmp(text, wanted, strcspn(wanted, "\n")) == 0;
    if (!same)
        printf("from the checkpoint %" PRIu64 ": wanted %.21s, got %.21s\n", core->checkpoint_seq,
               wanted, text);
    if (perp_core_checkpoint(core) != PERP_OK)
        story_end("checkpoint", core);
    file = open_file(to, "expected.txt", "w");
    fputs(text, file);
    fclose(file);
    perp_core_close(core);
    file = open_file(to, "memory.hex", "w");
    write_memory(&store, file);
    fclose(file);
    store.close(store.user);
    return !same;
}

/* ---- prefixes --------------------------------------------------------------------------------
 */

static void append_record(void *user, uint64_t seq, const void *data, size_t size,
                          perp_status *status) {
    const perp_store *to = user;
    const perp_record record = {
        .struct_size = sizeof record, .seq = seq, .kind = "", .data = data, .size = size};
    *status = PERP_E_STORE;
    to->append(to->user, &record, status);
}

/* Whether the checkpoint that the book makes after an event is as good as the events before it. */
static bool starts_from(const perp_store *all, uint64_t seq, uint64_t wanted) {
    perp_store copy;
    perp_status status;
    struct perp_bytes image;
    perp_core *core = story_open_to(all, seq);
    open_memory(&copy);
    copy.begin(copy.user, &status);
    load(all, 1, &(perp_loader){&copy, skip_checkpoint, append_record});
    if (!perp_image_write(&image, core))
        story_end("image", core);
    copy.checkpoint(copy.user, seq, 0, perp_core_hash(core), image.memory, image.size, &status);
    if (status == PERP_OK)
        copy.commit(copy.user, &status);
    perp_bytes_free(&image);
    perp_core_close(core);
    if (status != PERP_OK)
        story_end("a checkpoint", NULL);
    core = story_open(&copy, 0);
    bool same = core->checkpoint_seq == seq && perp_core_hash(core) == wanted;
    perp_core_close(core);
    copy.close(copy.user);
    return same;
}

static int check_prefixes(void) {
    perp_store store;
    open_memory(&store);
    story_play(&store);
    perp_core *core = story_open(&store, 0); /* what runs is in doubt now, and stored so */
    uint64_t wanted = perp_core_hash(core), last = core->seq;
    perp_core_close(core);
    for (uint64_t seq = 1; seq < last; seq++) {
        bool same = starts_from(&store, seq, wanted);
        failed += !same;
        passed += same;
        if (!same)
            printf("from a checkpoint after event %" PRIu64 ": the book is another one\n", seq);
    }
    store.close(store.user);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

/* ---- corpus ---------------------------------------------------------------------------------- */

struct corpus {
    const char *folder;
    FILE *file; /* at hand */
    uint64_t until;
};

static void corpus_record(void *user, uint64_t seq, const void *data, size_t size,
                          perp_status *status) {
    struct corpus *corpus = user;
    *status = PERP_OK;
    if (seq > corpus->until)
        return;
    size -= PERP_CHAIN_SIZE;
    fputc((int)(size >> 8), corpus->file);
    fputc((int)(size & 255), corpus->file);
    fwrite(data, 1, size, corpus->file);
}

/* The book as it was after a record, as a checkpoint without its sum. */
static void write_image(const char *folder, const char *name, const perp_store *store,
                        uint64_t seq) {
    perp_core *core = story_open_to(store, seq);
    struct perp_bytes image;
    FILE *file = open_file(folder, name, "wb");
    if (!perp_image_write(&image, core))
        story_end("image", core);
    fputc(0, file);
    fwrite(image.memory, 1, image.size - PERP_CHAIN_SIZE, file);
    fclose(file);
    perp_bytes_free(&image);
    perp_core_close(core);
}

static size_t read_file(const char *path, unsigned char *bytes) {
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, MAX_DATA, file) : 0;
    if (file)
        fclose(file);
    return size;
}

/* The files of an SQLite store as they are now, also while a book writes to it. */
static void write_files(const char *folder, const char *name, const char *path) {
    static unsigned char bytes[MAX_DATA];
    char wal[600];
    FILE *file = open_file(folder, name, "wb");
    size_t size = read_file(path, bytes);
    for (int i = 3; i >= 0; i--)
        fputc((int)(size >> (8 * i) & 255), file);
    fwrite(bytes, 1, size, file);
    snprintf(wal, sizeof wal, "%s-wal", path);
    fwrite(bytes, 1, read_file(wal, bytes), file);
    fclose(file);
}

static void write_stores(const char *folder) {
    char path[600];
    perp_store store;
    snprintf(path, sizeof path, "%s/store/s.db", folder);
    remove_store(path);
    if (!open_sqlite(&store, path))
        story_end("the corpus needs SQLite", NULL);
    perp_core *core = story_begin(&store);
    write_files(folder, "store/begun-wal", path);
    perp_core_close(core);
    store.close(store.user);
    write_files(folder, "store/begun", path);
    remove_store(path);
}

static int write_corpus(const char *folder) {
    static const uint64_t ends[] = {1,  4,   8,   12,  20,  30,  45,  60,
                                    80, 100, 130, 150, 190, 240, 290, 345};
    struct corpus corpus = {folder, NULL, 0};
    char name[64];
    perp_store store;
    open_memory(&store);
    story_play(&store);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "record/story%04u", (unsigned)ends[i]);
        corpus.file = open_file(folder, name, "wb");
        corpus.until = ends[i];
        fputc(0, corpus.file);
        load(&store, 1, &(perp_loader){&corpus, skip_checkpoint, corpus_record});
        fclose(corpus.file);
        snprintf(name, sizeof name, "checkpoint/story%04u", (unsigned)ends[i]);
        write_image(folder, name, &store, ends[i]);
    }
    store.close(store.user);
    write_stores(folder);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "make") == 0)
        return make(argv[2]);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    if (argc == 4 && strcmp(argv[1], "seal") == 0)
        return seal(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "prefixes") == 0)
        return check_prefixes();
    if (argc == 2 && strcmp(argv[1], "odd") == 0)
        return odd_fields();
    if (argc == 3 && strcmp(argv[1], "corpus") == 0)
        return write_corpus(argv[2]);
    fprintf(stderr, "usage: frozen make|check|seal|prefixes|odd|corpus [FOLDER]...\n");
    return 2;
}
