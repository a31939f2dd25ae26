/* The run that nothing disturbs: the same lines, on a store of its own, in this process. */
#include "crash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a config line over the defaults; a faulty one leaves those. */
static void read_config_line(const char *line, perp_config *config) {
    cJSON *json = cJSON_Parse(line);
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(json, "op");
    if (op && cJSON_IsString(op) && strcmp(op->valuestring, "config") == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, "op");
        char *text = cJSON_PrintUnformatted(json);
        if (!text)
            die("no memory");
        if (perp_config_from_json(text, strlen(text), config) == PERP_OK)
            config->config_wins = 1;
        cJSON_free(text);
    }
    cJSON_Delete(json);
}

perp_status book_open(struct scenario *run, const char *store, const char *first_line) {
    perp_config config;
    perp_config_init(&config);
    config.actor = "ops";
    config.reason = "the first line of the run";
    if (first_line)
        read_config_line(first_line, &config);
    config.durability = PERP_DURABILITY_BATCH;
    config.checkpoint_every = 150;
    run->store_path = store;
    return scenario_open(run, &config);
}

static struct point point_of(const perp_core *core) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    if (!core)
        return (struct point){0, 0};
    if (perp_core_statistics(core, &stats) != PERP_OK)
        die("%s", perp_core_error(core));
    return (struct point){stats.events, perp_core_hash(core)};
}

bool truth_run(struct truth *truth, const struct manner *manner, const char *store,
               const struct lines *lines, size_t from, char why[MAX_WHY]) {
    struct scenario run;
    bool same = true;
    *truth = (struct truth){calloc(lines->n, sizeof *truth->after),
                            calloc(lines->n, sizeof *truth->answer), lines->n};
    if (!truth->after || !truth->answer)
        die("no memory");
    scenario_init(&run);
    run.store_path = store;
    if (manner->batch && book_open(&run, store, from ? NULL : lines->text[0]) != PERP_OK)
        die("%s: %s", store, perp_core_error(NULL));
    for (size_t i = from; i < lines->n && same; i++) {
        struct point before = point_of(run.core);
        truth->answer[i] = scenario_answer(&run, lines->text[i], strlen(lines->text[i]));
        if (!truth->answer[i])
            die("line %zu was not answered: %s", i, perp_core_error(NULL));
        struct point after = truth->after[i] = point_of(run.core);
        if (manner->batch && i % FLUSH_LINES == 0 && perp_core_flush(run.core) != PERP_OK)
            die("flush: %s", perp_core_error(run.core));
        if (!strstr(lines->text[i], "\"op\":\"reopen\"") || !before.seq)
            continue;
        /* Jobs that ran are put in doubt, which is stored and which the hash does not tell. */
        same = before.seq <= after.seq && before.hash == after.hash;
        if (!same)
            (void)snprintf(why, MAX_WHY,
                           "line %zu: reopen made %016" PRIx64 " at %" PRIu64 " of %016" PRIx64
                           " at %" PRIu64 " (%.80s)",
                           i, after.hash, after.seq, before.hash, before.seq, truth->answer[i]);
    }
    scenario_free(&run);
    return same;
}

void truth_free(struct truth *truth) {
    for (size_t i = 0; i < truth->n; i++)
        cJSON_free(truth->answer[i]);
    free(truth->answer);
    free(truth->after);
    *truth = (struct truth){NULL, NULL, 0};
}
