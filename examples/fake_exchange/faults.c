/* The script of faults: its names, its profiles, its dice. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fx.h"

#define MOST_SCRIPT 65536
#define MOST_MS 600000

#define NAME(name, light, all) #name,
#define LIGHT(name, light, all) light,
#define ALL(name, light, all) all,
#define NONE(name, light, all) 0,

const char *const fx_fault_names[FX_N_FAULTS] = {FX_FAULT_LIST(NAME)};
static const char *const time_names[FX_N_TIMES] = {FX_TIME_LIST(NAME)};

bool fx_roll(struct fx_venue *venue, enum fx_fault fault) {
    /* Drawn also where the chance is nothing, so that one fault does not shift the others. */
    return sim_random_chance(&venue->dice, venue->script.chance[fault]);
}

bool fx_chance(struct fx_venue *venue, enum fx_fault fault) {
    bool happens = fx_roll(venue, fault);
    venue->counts.faults[fault] += happens;
    return happens;
}

int64_t fx_some_us(struct fx_venue *venue, enum fx_time time) {
    return 1000 + (int64_t)(sim_random_unit(&venue->dice) * 1000 * (double)venue->script.ms[time]);
}

int64_t fx_part(struct fx_venue *venue, int64_t steps) {
    return 1 + (int64_t)(sim_random_unit(&venue->dice) * (double)steps);
}

bool fx_profile(const char *name, struct fx_script *script) {
    static const struct {
        const char *name;
        struct fx_script script;
    } profiles[] = {{"none", {{FX_FAULT_LIST(NONE)}, {FX_TIME_LIST(LIGHT)}}},
                    {"light", {{FX_FAULT_LIST(LIGHT)}, {FX_TIME_LIST(LIGHT)}}},
                    {"all", {{FX_FAULT_LIST(ALL)}, {FX_TIME_LIST(ALL)}}}};
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(name, profiles[i].name) == 0) {
            *script = profiles[i].script;
            return true;
        }
    return false;
}

static int place_of(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static bool read_field(const cJSON *field, struct fx_script *script, char *error, size_t size) {
    int fault = place_of(field->string, fx_fault_names, FX_N_FAULTS);
    int time = place_of(field->string, time_names, FX_N_TIMES);
    double most = fault >= 0 ? 1 : MOST_MS;
    if (strcmp(field->string, "base") == 0)
        return true; /* taken before */
    if (fault < 0 && time < 0) {
        snprintf(error, size, "%.40s: no such fault", field->string);
        return false;
    }
    if (!cJSON_IsNumber(field) || !(field->valuedouble >= 0 && field->valuedouble <= most)) {
        snprintf(error, size, "%s: a number from 0 to %.0f is wanted", field->string, most);
        return false;
    }
    if (fault >= 0)
        script->chance[fault] = field->valuedouble;
    else
        script->ms[time] = (int64_t)field->valuedouble;
    return true;
}

bool fx_script_read(const cJSON *json, struct fx_script *script, char *error, size_t size) {
    struct fx_script read;
    const cJSON *base =
        cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, "base") : json;
    const char *profile = base == NULL ? "none" : cJSON_GetStringValue(base);
    if (profile == NULL || !fx_profile(profile, &read)) {
        snprintf(error, size, "%s: none, light or all is wanted",
                 cJSON_IsObject(json) ? "base" : "faults");
        return false;
    }
    for (const cJSON *field = cJSON_IsObject(json) ? json->child : NULL; field != NULL;
         field = field->next)
        if (!read_field(field, &read, error, size))
            return false;
    *script = read;
    return true;
}

bool fx_script_open(const char *name, struct fx_script *script, char *error, size_t size) {
    static char text[MOST_SCRIPT];
    if (fx_profile(name, script))
        return true;
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        snprintf(error, size, "%s: neither none, light or all nor a file: %s", name,
                 strerror(errno));
        return false;
    }
    size_t n = fread(text, 1, sizeof text - 1, file);
    bool whole = !ferror(file) && feof(file);
    fclose(file);
    text[n] = '\0';
    cJSON *json = whole ? cJSON_ParseWithOpts(text, NULL, true) : NULL;
    bool done = cJSON_IsObject(json) && fx_script_read(json, script, error, size);
    if (!cJSON_IsObject(json))
        snprintf(error, size, "%s: no JSON object of less than 64 KiB", name);
    cJSON_Delete(json);
    return done;
}

bool fx_is_down(const struct fx_venue *venue) {
    return venue->exchange->now_us < venue->down_until_us;
}

void fx_down(struct fx_venue *venue, int64_t us) {
    venue->down_until_us = venue->exchange->now_us + us;
    venue->down_closes = sim_random_chance(&venue->dice, 0.5);
    fx_streams_cut(venue);
}
