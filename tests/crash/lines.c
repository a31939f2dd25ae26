/* Scenarios as lines. */
#include "crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(2);
}

uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

size_t random_below(uint64_t *state, size_t n) {
    return n ? (size_t)(random_next(state) % n) : 0;
}

static void add(struct lines *lines, const char *text, size_t length) {
    char **grown = realloc(lines->text, (lines->n + 1) * sizeof *grown);
    char *copy = malloc(length + 1);
    if (!grown || !copy)
        die("no memory");
    memcpy(copy, text, length);
    copy[length] = '\0';
    lines->text = grown;
    lines->text[lines->n++] = copy;
}

struct lines lines_read(const char *path) {
    struct lines lines = {NULL, 0};
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    if (!file)
        die("%s can't be read", path);
    while ((length = getline(&text, &capacity, file)) > 0) {
        length -= text[length - 1] == '\n';
        if (length > 0 && text[0] == '{')
            add(&lines, text, (size_t)length);
    }
    free(text);
    (void)fclose(file);
    if (!lines.n)
        die("%s has no lines", path);
    return lines;
}

/* Line 0 stays first: it may be the configuration. */
struct lines lines_sprinkle(const struct lines *lines, uint64_t *random, bool reopens) {
    static const char checkpoint[] = "{\"op\":\"checkpoint\"}", reopen[] = "{\"op\":\"reopen\"}",
                      check[] = "{\"op\":\"check\"}";
    struct lines out = {NULL, 0};
    for (size_t i = 0; i < lines->n; i++) {
        add(&out, lines->text[i], strlen(lines->text[i]));
        if (random_below(random, 40) == 0)
            add(&out, checkpoint, sizeof checkpoint - 1);
        if (random_below(random, 80) == 0)
            add(&out, check, sizeof check - 1);
        if (reopens && random_below(random, 150) == 0)
            add(&out, reopen, sizeof reopen - 1);
    }
    return out;
}

void lines_free(struct lines *lines) {
    for (size_t i = 0; i < lines->n; i++)
        free(lines->text[i]);
    free(lines->text);
    *lines = (struct lines){NULL, 0};
}
