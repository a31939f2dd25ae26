/* perp-scenario: reads JSON Lines from standard input and answers each on standard output.
   Exit status: 0 when all input was read, whatever the lines said; 2 when it could not start; 1
   when reading or writing failed on the way. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const char usage[] =
    "usage: perp-scenario [--store FILE] < in.jsonl > out.jsonl\n"
    "Drives the library from JSON Lines: one call a line, one answer a line.\n"
    "Blank lines and lines that start with # are skipped. --version prints the version.\n";

static bool is_skipped(const char *text, size_t length) {
    if (length > 0 && text[0] == '#')
        return true;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || !strchr(" \t\r", text[i]))
            return false;
    return true;
}

/* One answer, flushed at once, so that a program at the other end of a pipe can wait for it. */
static bool print_line(const char *text) {
    return fputs(text, stdout) != EOF && fputc('\n', stdout) != EOF && fflush(stdout) == 0;
}

static int answer_all(struct scenario *run) {
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;
    while (result == 0 && (length = getline(&text, &capacity, stdin)) > 0) {
        size_t size = (size_t)length - (text[length - 1] == '\n');
        char *answer;
        if (is_skipped(text, size))
            continue;
        answer = scenario_answer(run, text, size);
        if (!answer) {
            (void)fprintf(stderr, "perp-scenario: %s\n",
                          run->core ? "no memory for an answer" : perp_core_error(NULL));
            result = run->core ? 1 : 2;
        } else if (!print_line(answer)) {
            perror("perp-scenario: writing");
            result = 1;
        }
        cJSON_free(answer);
    }
    if (result == 0 && !feof(stdin)) {
        perror("perp-scenario: reading");
        result = 1;
    }
    free(text);
    return result;
}

int main(int argc, char **argv) {
    struct scenario run;
    int result;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) == EOF ? 2 : 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("perp-scenario %s\n", perp_version_string()) < 0 ? 2 : 0;
    bool has_store = argc == 3 && strcmp(argv[1], "--store") == 0;
    if (argc > 1 && !has_store) {
        (void)fprintf(stderr, "perp-scenario: %s: not known\n%s", argv[1], usage);
        return 2;
    }
    scenario_init(&run);
    run.store_path = has_store ? argv[2] : NULL;
    result = answer_all(&run);
    scenario_free(&run);
    return result;
}
