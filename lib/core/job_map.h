/* The jobs that the book keeps, by id: chains by hash, one for each job. A chain is added, and
   taken away, at a time, so that neither the millionth job nor any other waits until all are put in
   order anew; and what they need follows their number. */
#ifndef PERP_CORE_JOB_MAP_H
#define PERP_CORE_JOB_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <perpcore/types.h>

struct perp_job_entry;

#define PERP_JOB_CHAINS 128 /* in one piece of memory */

struct perp_job_map {
    struct perp_job_entry ***pieces;
    uint32_t n_pieces, pieces_capacity;
    uint32_t n_chains, count;
};

/* Room for so many more; false: no memory. */
bool perp_jobs_reserve(perp_core *core, uint32_t more);
/* One that is not there, for which room was made. */
void perp_jobs_add(perp_core *core, struct perp_job_entry *job);
struct perp_job_entry *perp_jobs_find(const struct perp_job_map *map, const perp_uuid *id);
/* One that is there. */
void perp_jobs_remove(perp_core *core, struct perp_job_entry *job);
/* All of them, in no order: begun with the map and zeros. NULL: that was the last. The one that is
   given may go before the next is asked for. */
struct perp_job_walk {
    const struct perp_job_map *map;
    uint32_t chain;
    struct perp_job_entry *next;
};
struct perp_job_entry *perp_jobs_next(struct perp_job_walk *walk);
void perp_jobs_free(perp_core *core);

#endif
