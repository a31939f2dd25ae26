/* Linear hashing: of n chains those from the upper half on were split from one in the lower, and
   the next that is added splits the next. */
#include "core/job_map.h"

#include <string.h>

#include "core/job.h"
#include "util/num.h"

static uint64_t hash_of(const perp_uuid *id) {
    uint64_t halves[2];
    memcpy(halves, id->bytes, sizeof halves);
    return perp_hash_u64(halves[0], halves[1]);
}

/* The last power of two that is not above n, which is not 0. */
static uint32_t below(uint32_t n) {
    return UINT32_C(1) << (31 - __builtin_clz(n));
}

static uint32_t chain_of(const struct perp_job_map *map, uint64_t hash) {
    uint32_t half = below(map->n_chains), at = (uint32_t)hash & (2 * half - 1);
    return at < map->n_chains ? at : at & (half - 1);
}

static struct perp_job_entry **chain_at(const struct perp_job_map *map, uint32_t at) {
    return &map->pieces[at / PERP_JOB_CHAINS][at % PERP_JOB_CHAINS];
}

bool perp_jobs_reserve(perp_core *core, uint32_t more) {
    struct perp_job_map *map = &core->jobs;
    const size_t size = PERP_JOB_CHAINS * sizeof(struct perp_job_entry *);
    uint32_t need = (map->count + more) / PERP_JOB_CHAINS + 1;
    void *pieces = map->pieces;
    if (need <= map->n_pieces)
        return true;
    bool room = perp_grow(core, &pieces, &map->pieces_capacity, need, sizeof *map->pieces);
    map->pieces = pieces;
    while (room && map->n_pieces < need) {
        struct perp_job_entry **piece = perp_alloc(core, size);
        if (!piece)
            return false;
        memset(piece, 0, size);
        map->pieces[map->n_pieces++] = piece;
    }
    return room;
}

/* Those of a chain that belong into the new one go there. */
static void split(struct perp_job_map *map) {
    uint32_t to = map->n_chains++, half = below(to);
    struct perp_job_entry **at = chain_at(map, to - half), **end = chain_at(map, to);
    while (*at) {
        struct perp_job_entry *job = *at;
        if (!(hash_of(&job->id) & half)) {
            at = &job->in_chain;
            continue;
        }
        *at = job->in_chain;
        job->in_chain = NULL;
        *end = job;
        end = &job->in_chain;
    }
}

void perp_jobs_add(perp_core *core, struct perp_job_entry *job) {
    struct perp_job_map *map = &core->jobs;
    map->count++;
    if (map->n_chains == 0)
        map->n_chains = 1;
    if (map->n_chains < map->count)
        split(map);
    struct perp_job_entry **chain = chain_at(map, chain_of(map, hash_of(&job->id)));
    job->in_chain = *chain;
    *chain = job;
}

struct perp_job_entry *perp_jobs_find(const struct perp_job_map *map, const perp_uuid *id) {
    uint64_t a[2], b[2];
    if (map->count == 0)
        return NULL;
    memcpy(a, id->bytes, sizeof a);
    struct perp_job_entry *job = *chain_at(map, chain_of(map, perp_hash_u64(a[0], a[1])));
    for (; job; job = job->in_chain) {
        memcpy(b, job->id.bytes, sizeof b);
        if (a[0] == b[0] && a[1] == b[1])
            break;
    }
    return job;
}

/* The last chain goes back into the one it was split from. */
static void merge(struct perp_job_map *map) {
    uint32_t from = --map->n_chains;
    struct perp_job_entry **last = chain_at(map, from), **to = chain_at(map, from - below(from));
    while (*to)
        to = &(*to)->in_chain;
    *to = *last;
    *last = NULL;
}

/* Chains stay for a while, and a piece that is empty for the next job. */
#define SPARE_CHAINS 64

void perp_jobs_remove(perp_core *core, struct perp_job_entry *job) {
    struct perp_job_map *map = &core->jobs;
    struct perp_job_entry **at = chain_at(map, chain_of(map, hash_of(&job->id)));
    while (*at != job)
        at = &(*at)->in_chain;
    *at = job->in_chain;
    map->count--;
    for (int i = 0; i < 2 && map->n_chains > map->count + map->count / 4 + SPARE_CHAINS; i++)
        merge(map);
    while (map->n_pieces > map->n_chains / PERP_JOB_CHAINS + 2)
        perp_free(core, map->pieces[--map->n_pieces], PERP_JOB_CHAINS * sizeof **map->pieces);
}

struct perp_job_entry *perp_jobs_next(struct perp_job_walk *walk) {
    while (!walk->next && walk->chain < walk->map->n_chains)
        walk->next = *chain_at(walk->map, walk->chain++);
    struct perp_job_entry *job = walk->next;
    walk->next = job ? job->in_chain : NULL;
    return job;
}

void perp_jobs_free(perp_core *core) {
    struct perp_job_map *map = &core->jobs;
    while (map->n_pieces)
        perp_free(core, map->pieces[--map->n_pieces], PERP_JOB_CHAINS * sizeof **map->pieces);
    perp_free(core, map->pieces, map->pieces_capacity * sizeof *map->pieces);
    *map = (struct perp_job_map){0};
}
