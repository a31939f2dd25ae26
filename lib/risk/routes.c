/* Where jobs that wait lie: by route, in columns. */
#include "risk/routes.h"

#include <math.h>
#include <string.h>

#include "positions/positions.h"
#include "util/num.h"

#define LINE 64 /* of a processor's cache */

/* ---- Keys ---------------------------------------------------------------------------------------
 */

/* Two legs on two instruments, of which nothing can be filled yet. */
static bool has_route(const struct perp_job_entry *job) {
    if (job->n_legs != PERP_ROUTE_LEGS || job->is_repair || job->is_flatten ||
        job->legs[0].instrument == job->legs[1].instrument)
        return false; /* that changes from tick to tick, or one leg changes what the other meets */
    return !perp_has_run(job);
}

static struct perp_route_key key_of(const struct perp_job_entry *job) {
    struct perp_route_key key;
    memset(&key, 0, sizeof key);
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        key.instruments[i] = job->legs[i].instrument;
        key.sides[i] = job->legs[i].side;
        key.maker[i] = job->legs[i].maker;
    }
    key.strategy = job->strategy;
    key.holding_hours = job->holding_hours;
    return key;
}

static bool same_key(const struct perp_route_key *a, const struct perp_route_key *b) {
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++)
        if (a->instruments[i] != b->instruments[i] || a->sides[i] != b->sides[i] ||
            a->maker[i] != b->maker[i])
            return false;
    return a->strategy == b->strategy && perp_same_bits(a->holding_hours, b->holding_hours);
}

static uint64_t hash_of(const struct perp_route_key *key) {
    uint64_t hash = 0, hours;
    memcpy(&hours, &key->holding_hours, sizeof hours);
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++)
        hash = perp_hash_u64(hash, (uint64_t)key->instruments[i] << 2 |
                                       (uint64_t)key->sides[i] << 1 | (key->maker[i] ? 1 : 0));
    return perp_hash_u64(perp_hash_u64(hash, key->strategy), hours);
}

static struct perp_route *find(const struct perp_routes *routes, uint64_t hash,
                               const struct perp_route_key *key) {
    if (!routes->by_key.count)
        return NULL;
    const struct perp_ids_slot *slot = perp_ids_first(&routes->by_key, hash);
    for (; slot->value; slot = perp_ids_next(&routes->by_key, slot)) {
        struct perp_route *route = slot->value;
        if (slot->id == hash && same_key(&route->key, key))
            return route;
    }
    return NULL;
}

/* ---- Routes -------------------------------------------------------------------------------------
 */

static void link_route(struct perp_routes *routes, struct perp_route *route) {
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        struct perp_route_link *link = &route->links[i];
        struct perp_route_link **first = &routes->of[route->key.instruments[i]];
        link->route = route;
        link->previous = NULL;
        link->next = *first;
        if (*first)
            (*first)->previous = link;
        *first = link;
    }
}

static void unlink_route(struct perp_routes *routes, struct perp_route *route) {
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        struct perp_route_link *link = &route->links[i];
        if (link->previous)
            link->previous->next = link->next;
        else
            routes->of[route->key.instruments[i]] = link->next;
        if (link->next)
            link->next->previous = link->previous;
    }
}

/* By an eighth: there may be many routes, and some of them are long. */
static bool grow(perp_core *core, struct perp_route *route) {
    uint32_t capacity = route->capacity + route->capacity / 8 + 1;
    struct perp_route_block *blocks = perp_alloc(core, capacity * sizeof *blocks);
    if (!blocks)
        return false;
    memset(blocks, 0, capacity * sizeof *blocks); /* places without a job are looked at, too */
    if (route->capacity)
        memcpy(blocks, route->blocks, route->capacity * sizeof *blocks);
    perp_free(core, route->blocks, route->capacity * sizeof *blocks);
    route->blocks = blocks;
    route->capacity = capacity;
    return true;
}

static struct perp_route *make(perp_core *core, struct perp_routes *routes, uint64_t hash,
                               const struct perp_route_key *key) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    if (!perp_ids_reserve(&routes->by_key, 1, &memory) ||
        !perp_heap_reserve(&routes->wakes, (uint32_t)routes->by_key.count + 1, &memory))
        return NULL;
    struct perp_route *route = perp_alloc(core, sizeof *route);
    if (!route)
        return NULL;
    memset(route, 0, sizeof *route);
    route->key = *key;
    perp_ids_add(&routes->by_key, hash, route);
    link_route(routes, route);
    return route;
}

/* All places of it are to be looked at, if any. */
static void start_anew(struct perp_routes *routes, const struct perp_route *route) {
    if (route != routes->first_doubtful)
        return;
    routes->n_doubtful += routes->looked_at;
    routes->looked_at = 0;
}

static void remove_doubtful(struct perp_routes *routes, struct perp_route *route) {
    struct perp_route **at = &routes->first_doubtful;
    while (*at != route)
        at = &(*at)->next_doubtful;
    if (at == &routes->first_doubtful)
        routes->looked_at = 0;
    *at = route->next_doubtful;
    route->doubtful = false;
}

static void free_route(perp_core *core, struct perp_routes *routes, struct perp_route *route) {
    if (route->doubtful)
        remove_doubtful(routes, route);
    perp_heap_remove(&routes->wakes, &route->wake);
    unlink_route(routes, route);
    (void)perp_ids_remove(&routes->by_key, hash_of(&route->key), route);
    perp_free(core, route->blocks, route->capacity * sizeof *route->blocks);
    perp_free(core, route, sizeof *route);
}

bool perp_routes_prepare(perp_core *core, struct perp_routes *routes) {
    void *of = routes->of;
    bool done = perp_grow_zero(core, &of, &routes->capacity, perp_n_instruments(core) + 1,
                               sizeof(struct perp_route_link *));
    routes->of = of;
    return done;
}

void perp_routes_free(perp_core *core, struct perp_routes *routes) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    for (uint32_t i = 0; i < routes->capacity; i++)
        while (routes->of[i])
            free_route(core, routes, routes->of[i]->route);
    perp_ids_free(&routes->by_key, &memory);
    perp_heap_free(&routes->wakes, &memory);
    perp_free(core, routes->of, routes->capacity * sizeof(struct perp_route_link *));
}

/* ---- Jobs ---------------------------------------------------------------------------------------
 */

static void put(struct perp_route *route, uint32_t place, struct perp_job_entry *job) {
    struct perp_route_block *block = perp_route_block_of(route, place);
    uint32_t at = place % PERP_ROUTE_STEP;
    for (uint32_t i = 0; i < PERP_ROUTE_LEGS; i++) {
        block->columns[PERP_LANE_QUANTITY + i][at] = job->legs[i].quantity;
        block->columns[PERP_LANE_LEVERAGE + i][at] = job->legs[i].leverage;
        block->columns[PERP_LANE_NOTIONAL + i][at] = (double)job->legs[i].notional;
    }
    block->columns[PERP_LANE_WHOLE][at] = (double)job->notional;
    block->columns[PERP_LANE_VOLUME][at] = (double)job->est_volume;
    block->columns[PERP_LANE_EDGE][at] = job->edge_bps;
    block->columns[PERP_LANE_BASIS][at] = job->has_basis ? job->basis_bps : NAN;
    block->columns[PERP_LANE_SCORE][at] = job->score;
    block->stands[at] = PERP_ROUTE_NOTHING;
    block->jobs[at] = job;
    job->route = route;
    job->route_place = place;
}

/* The job of one place has another from now on. */
static void move(struct perp_route *route, uint32_t from, uint32_t to) {
    struct perp_job_entry *job = *perp_route_job_at(route, from);
    for (uint32_t i = 0; i < PERP_LANE_COUNT; i++)
        *perp_route_at(route, to, i) = *perp_route_at(route, from, i);
    *perp_route_stands_at(route, to) = *perp_route_stands_at(route, from);
    *perp_route_job_at(route, to) = job;
    job->route_place = to;
}

bool perp_route_join(perp_core *core, struct perp_routes *routes, struct perp_job_entry *job) {
    if (!has_route(job))
        return false;
    struct perp_route_key key = key_of(job);
    uint64_t hash = hash_of(&key);
    struct perp_route *route = find(routes, hash, &key);
    if (!route)
        route = make(core, routes, hash, &key);
    if (!route)
        return false;
    if (route->n == route->capacity * PERP_ROUTE_STEP && !grow(core, route)) {
        if (route->n == 0)
            free_route(core, routes, route);
        return false;
    }
    if (route == routes->empty)
        routes->empty = NULL;
    put(route, route->n++, job);
    routes->n_doubtful += route->doubtful;
    return true;
}

void perp_route_leave(perp_core *core, struct perp_routes *routes, struct perp_job_entry *job) {
    struct perp_route *route = job->route;
    start_anew(routes, route); /* places change */
    job->score = *perp_job_score_at(job);
    routes->n_doubtful -= route->doubtful;
    if (job->route_place != --route->n)
        move(route, route->n, job->route_place);
    if (route->moved > route->n)
        route->moved = route->n;
    job->route = NULL;
    if (route->n)
        return;
    if (route->doubtful)
        remove_doubtful(routes, route);
    if (routes->empty)
        free_route(core, routes, routes->empty);
    routes->empty = route;
}

static void doubt(struct perp_routes *routes, struct perp_route *route) {
    start_anew(routes, route);
    if (route->doubtful || !route->n)
        return;
    route->doubtful = true;
    routes->n_doubtful += route->n;
    /* Behind the first, of which some may have been looked at. */
    struct perp_route **at =
        routes->first_doubtful ? &routes->first_doubtful->next_doubtful : &routes->first_doubtful;
    route->next_doubtful = *at;
    *at = route;
}

void perp_routes_doubt(struct perp_routes *routes, perp_instrument_id instrument) {
    for (const struct perp_route_link *link = routes->of[instrument]; link; link = link->next)
        doubt(routes, link->route);
}

void perp_routes_wake(struct perp_routes *routes, int64_t now) {
    struct perp_timer *due;
    while ((due = perp_heap_top(&routes->wakes)) && due->at < now) {
        perp_heap_remove(&routes->wakes, due);
        doubt(routes, (struct perp_route *)((uintptr_t)due - offsetof(struct perp_route, wake)));
    }
}

void perp_route_holds(struct perp_routes *routes, struct perp_route *route, int64_t until) {
    if (until == INT64_MAX)
        perp_heap_remove(&routes->wakes, &route->wake);
    else if (!route->wake.place_1 || route->wake.at != until)
        perp_heap_set(&routes->wakes, &route->wake, until);
}

/* What is looked at after a route is on its way meanwhile: otherwise that is what is waited for. In
   line, since a compiler leaves out calls of what changes nothing. */
static inline __attribute__((always_inline)) void fetch(const struct perp_route *route) {
    const struct perp_route *next = route->next_doubtful;
    const struct perp_route *then = next ? next->next_doubtful : NULL;
    if (!then)
        return;
    __builtin_prefetch(then->next_doubtful);
    for (uint32_t i = 0; i < sizeof *then->blocks; i += LINE)
        __builtin_prefetch((const char *)then->blocks + i);
    for (uint32_t i = 0; i < perp_job_size(PERP_ROUTE_LEGS); i += LINE)
        __builtin_prefetch((const char *)next->blocks->jobs[0] + i);
}

bool perp_routes_next(struct perp_routes *routes, uint32_t most, struct perp_route_part *part) {
    struct perp_route *route = routes->first_doubtful;
    if (!route)
        return false;
    uint32_t left = route->n - routes->looked_at;
    most = most < PERP_ROUTE_STEP ? PERP_ROUTE_STEP : most / PERP_ROUTE_STEP * PERP_ROUTE_STEP;
    *part = (struct perp_route_part){route, routes->looked_at, left < most ? left : most};
    if (!routes->looked_at)
        fetch(route);
    routes->looked_at += part->n;
    routes->n_doubtful -= part->n;
    if (routes->looked_at == route->n)
        remove_doubtful(routes, route);
    return true;
}
