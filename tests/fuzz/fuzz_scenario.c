/* Any text as the input of the scenario runner: each line is answered with one line of JSON, and
   the book stays sound. */
#include "fuzz.h"

#include "../../examples/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct scenario run;
    scenario_init(&run);
    for (size_t start = 0; start < size;) {
        const uint8_t *end = memchr(data + start, '\n', size - start);
        size_t length = end == NULL ? size - start : (size_t)(end - (data + start));
        char *answer = scenario_answer(&run, (const char *)data + start, length);
        must(answer != NULL, run.core);
        must(strncmp(answer, "{\"ok\":", 6) == 0, run.core);
        must(strchr(answer, '\n') == NULL, run.core);
        cJSON_free(answer);
        start += length + 1;
    }
    if (run.core != NULL) {
        must(perp_core_check(run.core) == PERP_OK, run.core);
    }
    scenario_free(&run);
    return 0;
}
