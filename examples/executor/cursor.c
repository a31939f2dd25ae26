/* How far the trades of a venue are known to be booked, kept beside the store: what is asked for
   after a restart. A file that is lost or old costs time, no more: the book knows each trade. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

static void path_of(const ex_venue *venue, const char *end, char *path, size_t size) {
    snprintf(path, size, "%s.%s.cursor%s", venue->ex->settings->store, venue->name, end);
}

void ex_cursors_read(ex_venue *venue) {
    char path[1024], symbol[32];
    long long cursor;
    path_of(venue, "", path, sizeof path);
    FILE *file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%31s %lld", symbol, &cursor) == 2)
        for (uint32_t i = 0; i < venue->n_instruments; i++)
            if (strcmp(venue->instruments[i].symbol, symbol) == 0 && cursor >= 0)
                venue->instruments[i].cursor = cursor;
    if (file != NULL)
        fclose(file);
}

void ex_cursors_write(const ex_venue *venue) {
    char path[1024], fresh[1024];
    path_of(venue, "", path, sizeof path);
    path_of(venue, ".new", fresh, sizeof fresh);
    FILE *file = fopen(fresh, "w");
    if (file == NULL)
        return;
    for (uint32_t i = 0; i < venue->n_instruments; i++)
        fprintf(file, "%s %lld\n", venue->instruments[i].symbol,
                (long long)venue->instruments[i].cursor);
    if (fclose(file) == 0)
        rename(fresh, path);
}
