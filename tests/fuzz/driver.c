/* Runs a fuzz target on the files given, and on the files of the directories given, so that any
   compiler can replay a corpus. usage: fuzz_x FILE|DIRECTORY... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long n_run;

/* The whole of a file in memory of exactly its size, so that a read past the end is seen. */
static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        perror(path);
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size + (size == 0));
    if (data == NULL || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: can't be read\n", path);
        free(data);
        fclose(file);
        return 1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    n_run++;
    free(data);
    return 0;
}

static int run_path(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode)) {
        return run_file(path);
    }
    DIR *directory = opendir(path);
    int bad = directory == NULL;
    if (bad) {
        perror(path);
        return 1;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        size_t length = strlen(path) + strlen(entry->d_name) + 2;
        char *name = malloc(length);
        if (name == NULL) {
            closedir(directory);
            return 1;
        }
        snprintf(name, length, "%s/%s", path, entry->d_name);
        bad |= run_path(name);
        free(name);
    }
    closedir(directory);
    return bad;
}

int main(int argc, char **argv) {
    int bad = argc < 2;
    for (int i = 1; i < argc; i++) {
        bad |= run_path(argv[i]);
    }
    bad |= n_run == 0;
    printf("%lu inputs\n%lu passed, %d failed\n", n_run, n_run, bad);
    return bad;
}
