/* Turns the files of the console's page into a C file, at build time:
   console_embed OUT.c DIRECTORY. Folders below are followed; names that start with a dot are left
   out. */
#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 128

struct entry {
    char path[1024]; /* below the directory */
    uint64_t hash;
    size_t size;
};

static struct entry entries[MAX_FILES];
static size_t n_entries;

static int find(const char *root, const char *below) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", root, below);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return *below == '\0'; /* no page yet */
    int good = 1;
    const struct dirent *item;
    while (good && (item = readdir(directory)) != NULL) {
        struct stat status;
        struct entry *entry = &entries[n_entries];
        if (item->d_name[0] == '.')
            continue;
        int length = snprintf(entry->path, sizeof entry->path, "%s%s%s", below,
                              *below == '\0' ? "" : "/", item->d_name);
        int full = snprintf(path, sizeof path, "%s/%s", root, entry->path);
        good = length > 0 && (size_t)length < sizeof entry->path && full > 0 &&
               (size_t)full < sizeof path && stat(path, &status) == 0;
        if (good && S_ISDIR(status.st_mode)) {
            char folder[1024];
            snprintf(folder, sizeof folder, "%s", entry->path);
            good = find(root, folder);
        } else if (good) {
            good = ++n_entries < MAX_FILES;
        }
    }
    closedir(directory);
    return good;
}

static int by_path(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    return strcmp(left->path, right->path);
}

static const char *type_of(const char *path) {
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".svg", "image/svg+xml"},
                                           {".png", "image/png"},
                                           {".ico", "image/x-icon"},
                                           {".json", "application/json"},
                                           {".woff2", "font/woff2"},
                                           {".webmanifest", "application/manifest+json"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "text/plain; charset=utf-8";
}

static int write_file(FILE *out, const char *root, size_t index) {
    struct entry *entry = &entries[index];
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", root, entry->path);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        perror(path);
        return 0;
    }
    fprintf(out, "static const unsigned char file_%zu[] = {", index);
    entry->hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (int c; (c = getc(in)) != EOF; entry->size++) {
        entry->hash = (entry->hash ^ (uint64_t)c) * UINT64_C(1099511628211);
        fprintf(out, "%s%d,", entry->size % 24 == 0 ? "\n" : "", c);
    }
    fputs(entry->size == 0 ? "0};\n" : "};\n", out);
    int good = !ferror(in);
    fclose(in);
    return good;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("console_embed OUT.c DIRECTORY\n", stderr);
        return 2;
    }
    if (!find(argv[2], "")) {
        fprintf(stderr, "console_embed: %s: cannot be read\n", argv[2]);
        return 1;
    }
    qsort(entries, n_entries, sizeof entries[0], by_path);
    FILE *out = fopen(argv[1], "w");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    fputs("/* Made by console_embed. */\n#include \"console.h\"\n\n", out);
    int good = 1;
    for (size_t i = 0; i < n_entries && good; i++)
        good = write_file(out, argv[2], i);
    fputs("const struct console_file console_files[] = {\n", out);
    for (size_t i = 0; i < n_entries; i++)
        fprintf(out, "    {\"%s\", \"%s\", \"\\\"%016" PRIx64 "\\\"\", file_%zu, %zu},\n",
                entries[i].path, type_of(entries[i].path), entries[i].hash, i, entries[i].size);
    fprintf(out, "    {0, 0, 0, 0, 0}};\nconst size_t console_n_files = %zu;\n", n_entries);
    good = good && !ferror(out);
    if (fclose(out) != 0 || !good) {
        remove(argv[1]);
        return 1;
    }
    return 0;
}
