/* perpctl compliance: the self-assessment that RTS 6 Art. 9 asks for every year, filled in with
   what the book says of itself. perpctl latches: what waits for a person. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "perpctl.h"
#include "util/text.h"

static const cJSON *at(const cJSON *json, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* A text of the server, fit for a terminal; "" where there is none. */
static void put_text(const cJSON *json, const char *name) {
    const cJSON *item = at(json, name);
    char shown[1024];
    perp_text_show(cJSON_IsString(item) ? item->valuestring : "", shown, sizeof shown);
    fputs(shown, stdout);
}

static bool named(const cJSON *json, const char *name) {
    const cJSON *item = at(json, "name");
    return cJSON_IsString(item) && strcmp(item->valuestring, name) == 0;
}

/* A row of the rules or of the gate. */
static const cJSON *row_of(const cJSON *rules, const char *name) {
    const cJSON *row;
    cJSON_ArrayForEach(row, at(rules, "rules")) if (named(row, name)) return row;
    cJSON_ArrayForEach(row, at(rules, "gate")) if (named(row, name)) return row;
    return NULL;
}

static void show_row(const cJSON *row, const char *name) {
    const cJSON *limit = at(row, "limit"), *fired = at(row, "fired_today");
    printf("  - %s", name);
    if (cJSON_IsString(at(row, "limit_name"))) {
        printf(": ");
        put_text(row, "limit_name");
        if (cJSON_IsNumber(limit))
            printf(" %.10g", limit->valuedouble);
    }
    printf("; refused today %.0f", cJSON_IsNumber(fired) ? fired->valuedouble : 0);
    if (cJSON_IsString(at(row, "last_refused"))) {
        printf(", last ");
        put_text(row, "last_refused");
    }
    putchar('\n');
}

/* Each word of what implements a control: a row with its limit, or a mechanism. */
static void show_what(const cJSON *rules, const char *what) {
    char name[64];
    while (*what != '\0') {
        size_t length = strcspn(what, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, what);
        const cJSON *row = row_of(rules, name);
        if (row != NULL) {
            show_row(row, name);
        } else {
            printf("  - %s: ", name);
            put_text(at(rules, "mechanisms"), name);
            putchar('\n');
        }
        what += length + (what[length] == ' ');
    }
}

void perpctl_show_compliance(const cJSON *rules) {
    const cJSON *control;
    time_t now = time(NULL);
    char day[16];
    struct tm broken;
    strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &broken));
    printf("# Self-assessment of automated trading, %s\n\n", day);
    printf("Filled in by the library's own tables: what implements each control, its limits in "
           "force,\nwhen it refused. The lines \"duty\" are the firm's; so are its answers.\n");
    cJSON_ArrayForEach(control, at(rules, "controls")) {
        const cJSON *what = at(control, "what");
        printf("\n## ");
        put_text(control, "regulation");
        putchar(' ');
        put_text(control, "article");
        printf(": ");
        put_text(control, "control");
        printf("\n\n");
        show_what(rules, cJSON_IsString(what) ? what->valuestring : "");
        if (cJSON_IsString(at(control, "duty"))) {
            printf("  - duty: ");
            put_text(control, "duty");
            printf("\n  - answer:\n");
        }
    }
}

void perpctl_show_latches(const cJSON *latches) {
    const cJSON *latch, *list = at(latches, "latches");
    if (cJSON_GetArraySize(list) == 0)
        puts("nothing waits for a person");
    cJSON_ArrayForEach(latch, list) {
        put_text(latch, "kind");
        putchar(' ');
        put_text(latch, "subject");
        printf(": ");
        put_text(latch, "by");
        printf("; since ");
        put_text(latch, "since");
        printf("; lifted by ");
        put_text(latch, "lifted_by");
        putchar('\n');
    }
}
