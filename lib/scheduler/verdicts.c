/* Decisions in force: kept with the jobs that wait, counted, and made anew where something that
   they rest on changed. */
#include <stdlib.h>
#include <string.h>

#include "risk/confirm.h"
#include "scheduler/scheduler.h"

/* ---- Memory -------------------------------------------------------------------------------------
 */

bool perp_job_array_grow(perp_core *core, struct perp_job_array *array, uint32_t need) {
    void *jobs = array->jobs;
    bool done = perp_grow(core, &jobs, &array->capacity, need, sizeof *array->jobs);
    array->jobs = jobs;
    return done;
}

void perp_job_array_free(perp_core *core, struct perp_job_array *array) {
    perp_free(core, array->jobs, array->capacity * sizeof *array->jobs);
    *array = (struct perp_job_array){0};
}

bool perp_verdicts_reserve(perp_core *core, uint32_t places, uint32_t more) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    struct perp_map_memory memory;
    if (places <= v->room)
        return perp_ranks_reserve_at(core, more);
    memory = perp_map_memory_of(core);
    places = perp_pieces_for(places) * PERP_PIECE - 1; /* for as many as the last pieces hold */
    if (!perp_job_set_reserve(core, &v->todo, places) ||
        !perp_job_set_reserve(core, &v->leaving, places) ||
        !perp_job_set_reserve(core, &v->special, places) ||
        !perp_heap_reserve(&v->expiries, places, &memory) ||
        !perp_heap_reserve(&v->wakes, places, &memory) || !perp_ranks_reserve(core, places))
        return false;
    v->room = places;
    return perp_ranks_reserve_at(core, more);
}

void perp_verdicts_trim(perp_core *core, uint32_t places) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    struct perp_map_memory memory = perp_map_memory_of(core);
    const size_t size = sizeof(struct perp_job_entry *);
    if (v->todo.pieces.n <= perp_pieces_kept(places))
        return; /* nor have the others more */
    uint32_t todo = v->todo.n > places ? v->todo.n : places;
    perp_pieces_trim_more(&v->todo.pieces, todo, size, &memory);
    perp_pieces_trim_more(&v->expiries.pieces, places, size, &memory);
    perp_pieces_trim_more(&v->wakes.pieces, places, size, &memory);
    perp_ranks_trim(core, &v->ranks, places);
    v->room = places;
}

void perp_verdicts_free(perp_core *core, struct perp_verdicts *v) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    perp_job_set_free(core, &v->todo);
    perp_job_set_free(core, &v->leaving);
    perp_job_set_free(core, &v->special);
    perp_heap_free(&v->expiries, &memory);
    perp_heap_free(&v->wakes, &memory);
    perp_ranks_free(core, &v->ranks);
}

/* ---- What is to be done -------------------------------------------------------------------------
 */

static void add_todo(void *user, struct perp_job_entry *job) {
    struct perp_verdicts *v = user;
    perp_job_set_add(&v->todo, job, &job->verdict.todo_1);
    perp_route_stands(job, PERP_ROUTE_NOTHING);
}

static struct perp_job_entry *waker(const struct perp_timer *timer) {
    return (struct perp_job_entry *)((uintptr_t)timer - offsetof(struct perp_job_entry, wake));
}

static int by_order(const void *left, const void *right) {
    const struct perp_job_entry *a = *(struct perp_job_entry *const *)left;
    const struct perp_job_entry *b = *(struct perp_job_entry *const *)right;
    return (a->order > b->order) - (a->order < b->order);
}

void perp_verdicts_doubt(perp_core *core) {
    core->scheduler->verdicts.all_todo = true;
    perp_ranks_settle(&core->scheduler->verdicts.ranks);
    core->risk->facts.running_changed = true;
    for (struct perp_job_entry *job = core->scheduler->running.first; job; job = job->next)
        job->run->looks = true;
}

static void sink(struct perp_job_set *set, uint32_t at, uint32_t n) {
    struct perp_job_entry *job = *perp_set_at(set, at);
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n &&
            (*perp_set_at(set, child + 1))->order > (*perp_set_at(set, child))->order)
            child++;
        if ((*perp_set_at(set, child))->order < job->order)
            break;
        *perp_set_at(set, at) = *perp_set_at(set, child);
    }
    *perp_set_at(set, at) = job;
}

/* A heap sort: without more memory, however many there are. */
static void sort_by_order(struct perp_job_set *set) {
    for (uint32_t at = set->n / 2; at-- > 0;)
        sink(set, at, set->n);
    for (uint32_t n = set->n; n-- > 1;) {
        struct perp_job_entry *largest = *perp_set_at(set, 0);
        *perp_set_at(set, 0) = *perp_set_at(set, n);
        *perp_set_at(set, n) = largest;
        sink(set, 0, n);
    }
}

/* In order of submit: in which jobs are decided shows in the records. */
static void put_in_order(struct perp_scheduler *scheduler) {
    struct perp_verdicts *v = &scheduler->verdicts;
    if (v->todo.n > scheduler->n_pending / 8) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < scheduler->n_places; i++) {
            struct perp_job_entry *job = perp_place_at(scheduler, i)->job;
            if (job && job->verdict.todo_1)
                *perp_set_at(&v->todo, n++) = job;
        }
    } else if (v->todo.n > 1) {
        sort_by_order(&v->todo);
    }
    for (uint32_t i = 0; i < v->todo.n; i++)
        (*perp_set_at(&v->todo, i))->verdict.todo_1 = i + 1;
}

/* Who looks at routes. */
struct look {
    perp_core *core;
    struct perp_plan *plan; /* of a tick; NULL: ahead of one */
    uint32_t stand;         /* how many decisions were confirmed */
};

/* Scores are others; what they were is kept for a tick. */
static bool take_scores(struct look *look, const struct perp_route_looked *looked) {
    for (uint32_t i = 0; i < looked->n; i += PERP_ROUTE_STEP) {
        double *scores = perp_route_at(looked->route, looked->from + i, PERP_LANE_SCORE);
        if (look->plan && !perp_plan_scores(look->plan, scores, PERP_ROUTE_STEP))
            return false;
        memcpy(scores, &looked->scores[i], PERP_ROUTE_STEP * sizeof *scores);
    }
    return true;
}

/* What stands of most of them goes on, with another score perhaps. */
static void looked_at(void *user, const struct perp_route_looked *looked) {
    struct look *look = user;
    struct perp_route *route = looked->route;
    struct perp_ranks *ranks = &look->core->scheduler->verdicts.ranks;
    look->stand += looked->n;
    for (uint64_t left = looked->others; left; look->stand--)
        add_todo(&look->core->scheduler->verdicts,
                 *perp_route_job_at(route, looked->from + perp_bit_take(&left)));
    if (!looked->moved || !take_scores(look, looked))
        return;
    if (ranks->loose)
        route->moved = route->n;
    for (uint64_t left = ranks->loose ? 0 : looked->moved; left;) {
        struct perp_job_entry *job = *perp_route_job_at(route, looked->from + perp_bit_take(&left));
        if (perp_is_ranked(job))
            perp_rank_set(look->core, job);
    }
}

/* Whether anything may be confirmed of a part: not where its few jobs are all to be decided anyway.
 */
static bool some_stand(const struct perp_route_part *part) {
    bool stand = part->n > PERP_ROUTE_STEP;
    for (uint32_t i = 0; !stand && i < part->n; i++)
        stand = *perp_route_stands_at(part->route, part->from + i) != PERP_ROUTE_NOTHING;
    return stand;
}

/* Of those for which a fact changed all may stand; so many of them, or a few more. */
static uint32_t look_at_routes(perp_core *core, struct perp_plan *plan, struct perp_eval *e,
                               uint32_t most) {
    struct perp_routes *routes = &core->risk->facts.routes;
    struct look look = {core, plan, 0};
    struct perp_route_part part;
    perp_ranks_expect(&core->scheduler->verdicts.ranks, routes->n_doubtful);
    for (uint32_t n = 0; n < most && perp_routes_next(routes, most - n, &part); n += part.n) {
        bool looks = e && some_stand(&part);
        if (looks)
            perp_route_look(e, &part, &look, looked_at);
        for (uint32_t i = 0; !looks && i < part.n; i++)
            add_todo(&core->scheduler->verdicts, *perp_route_job_at(part.route, part.from + i));
    }
    return look.stand;
}

/* All rest on what changed. */
static void doubt_all(perp_core *core) {
    perp_facts_doubt(&core->risk->facts, perp_n_instruments(core));
    core->risk->facts.all_changed = false;
}

uint32_t perp_verdicts_ahead(perp_core *core, struct perp_eval *e, uint32_t facts, uint32_t most) {
    if (core->risk->facts.all_changed)
        doubt_all(core);
    if (!perp_facts_take_changed(core, facts, &core->scheduler->verdicts, add_todo))
        return 0;
    return look_at_routes(core, NULL, e, most);
}

uint32_t perp_verdicts_collect(perp_core *core, int64_t now, bool paused, bool killed,
                               struct perp_plan *plan, struct perp_eval *e) {
    struct perp_scheduler *scheduler = core->scheduler;
    struct perp_verdicts *v = &scheduler->verdicts;
    struct perp_timer *due;
    /* A store that fails pauses without an event; all else that stops jobs is one that touches all.
     */
    bool all = v->all_todo || core->risk->facts.all_changed || v->paused != paused;
    /* Nor does what is shown of one follow from where it waits. */
    for (uint32_t i = 0; v->all_todo && i < scheduler->n_places; i++)
        if (perp_place_at(scheduler, i)->job)
            perp_verdict_forget(core, perp_place_at(scheduler, i)->job);
    v->paused = paused;
    v->all_todo = false;
    if (all)
        doubt_all(core);
    (void)perp_facts_take_changed(core, UINT32_MAX, v, add_todo);
    perp_routes_wake(&core->risk->facts.routes, now);
    while ((due = perp_heap_top(&v->wakes)) && due->at < now) {
        perp_heap_remove(&v->wakes, due);
        add_todo(v, waker(due));
    }
    for (uint32_t i = 0; i < v->special.n; i++)
        add_todo(v, (*perp_set_at(&v->special, i)));
    /* While new risk may not go on, nothing that counts is confirmed. */
    uint32_t stand = look_at_routes(core, plan, paused || killed ? NULL : e, UINT32_MAX);
    put_in_order(scheduler);
    return stand;
}

/* ---- What stands --------------------------------------------------------------------------------
 */

static void count(struct perp_verdicts *v, const struct perp_verdict *verdict, uint32_t by) {
    v->tally.evaluated += by;
    if (verdict->accepted)
        return;
    v->tally.refused += by;
    v->tally.refused_by[verdict->reason] += by;
}

/* What stood of a job counts no longer. */
static void discount(struct perp_verdicts *v, struct perp_job_entry *job) {
    struct perp_verdict *verdict = &job->verdict;
    perp_job_set_remove(&v->leaving, job, &verdict->leaving_1);
    if (verdict->counted)
        count(v, verdict, UINT32_MAX);
    perp_heap_remove(&v->wakes, &job->wake);
    perp_route_stands(job, PERP_ROUTE_NOTHING);
    verdict->made = verdict->counted = false;
}

void perp_verdict_forget(perp_core *core, struct perp_job_entry *job) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    perp_rank_remove(&v->ranks, job);
    discount(v, job);
}

/* Among those that the tick may choose. */
static void offer(perp_core *core, struct perp_job_entry *job) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    struct perp_verdict *verdict = &job->verdict;
    bool offered = verdict->counted && verdict->accepted && !perp_job_is_special(job);
    if (offered && !verdict->reducing)
        perp_rank_set(core, job);
    else
        perp_rank_remove(&v->ranks, job);
    if (offered && verdict->reducing) {
        verdict->rank = perp_rank_of(core, job, perp_job_score(job));
        perp_job_set_add(&v->leaving, job, &verdict->leaving_1);
    }
}

/* When time alone changes a decision: the same for all jobs of a route, but for what rules of the
   host answer. */
static void hold_until(perp_core *core, struct perp_job_entry *job, int64_t until) {
    if (job->route && !core->risk->n_host)
        perp_route_holds(&core->risk->facts.routes, job->route, until);
    else if (until < INT64_MAX)
        perp_heap_set(&core->scheduler->verdicts.wakes, &job->wake, until);
}

void perp_verdict_set(perp_core *core, struct perp_plan *plan, struct perp_job_entry *job,
                      const struct perp_eval *e, bool counted) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    struct perp_verdict *verdict = &job->verdict;
    discount(v, job);
    verdict->made = true;
    verdict->reasons = e->reasons;
    verdict->reason = (uint8_t)e->reason;
    verdict->accepted = e->accepted;
    verdict->reducing = e->reducing;
    verdict->counted = counted;
    hold_until(core, job, e->holds);
    double *score = perp_job_score_at(job);
    if (counted && !(*score == e->final) && perp_plan_scores(plan, score, 1)) /* none yet: NaN */
        *score = e->final;
    if (counted && !e->reducing && e->accepted == (e->reasons == 0))
        perp_route_stands(job, (int64_t)e->reasons);
    if (counted)
        count(v, verdict, 1);
    offer(core, job);
}

/* ---- Coming and going ---------------------------------------------------------------------------
 */

bool perp_job_is_expired(const struct perp_job_entry *job, int64_t now) {
    return job->expiry.place_1 && now > job->expiry.at;
}

/* Those below a place of the heap that are past their ttl: a heap shows them without the others. */
static bool collect_expired(perp_core *core, uint32_t at, int64_t now,
                            struct perp_job_array *into) {
    const struct perp_heap *heap = &core->scheduler->verdicts.expiries;
    if (at >= heap->n || (*perp_heap_at(heap, at))->at >= now)
        return true;
    struct perp_timer *timer = (*perp_heap_at(heap, at));
    if (!perp_job_array_grow(core, into, into->n + 1))
        return false;
    into->jobs[into->n++] =
        (struct perp_job_entry *)((uintptr_t)timer - offsetof(struct perp_job_entry, expiry));
    return collect_expired(core, 2 * at + 1, now, into) &&
           collect_expired(core, 2 * at + 2, now, into);
}

bool perp_verdicts_expired(perp_core *core, int64_t now, struct perp_job_array *into) {
    into->n = 0;
    if (!collect_expired(core, 0, now, into))
        return false;
    if (into->n > 1)
        qsort(into->jobs, into->n, sizeof *into->jobs, by_order);
    return true;
}

/* The few that are special are kept in order. */
static void join_special(struct perp_verdicts *v, struct perp_job_entry *job) {
    (void)perp_job_set_push(&v->special);
    uint32_t at = v->special.n - 1;
    for (; at > 0 && (*perp_set_at(&v->special, at - 1))->order > job->order; at--)
        (*perp_set_at(&v->special, at)) = (*perp_set_at(&v->special, at - 1));
    (*perp_set_at(&v->special, at)) = job;
}

static void leave_special(struct perp_verdicts *v, const struct perp_job_entry *job) {
    uint32_t at = 0;
    while (at < v->special.n && (*perp_set_at(&v->special, at)) != job)
        at++;
    for (; at + 1 < v->special.n; at++)
        *perp_set_at(&v->special, at) = *perp_set_at(&v->special, at + 1);
    (void)perp_job_set_pop(&v->special);
}

static void join_others(perp_core *core, struct perp_job_entry *job) {
    perp_ranks_count(&core->scheduler->verdicts.ranks, job, true);
    perp_facts_join(core, job);
}

static void leave_others(perp_core *core, struct perp_job_entry *job) {
    perp_ranks_count(&core->scheduler->verdicts.ranks, job, false);
    perp_facts_leave(core, job);
}

void perp_verdict_join(perp_core *core, struct perp_job_entry *job) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    int64_t ttl, last;
    memset(&job->verdict, 0, sizeof job->verdict);
    job->expiry = job->wake = (struct perp_timer){0, 0};
    job->answers = NULL;
    job->route = NULL;
    if (job->ttl_ms && !__builtin_mul_overflow(job->ttl_ms, PERP_NS_PER_MS, &ttl) &&
        !__builtin_add_overflow(job->ttl_from, ttl, &last))
        perp_heap_set(&v->expiries, &job->expiry, last);
    if (perp_job_is_special(job))
        join_special(v, job); /* its exchange may be another when it leaves */
    else
        join_others(core, job);
    add_todo(v, job);
}

void perp_verdict_leave(perp_core *core, struct perp_job_entry *job) {
    struct perp_verdicts *v = &core->scheduler->verdicts;
    perp_verdict_forget(core, job);
    if (job->verdict.entered)
        perp_ranks_leave(&v->ranks, job);
    perp_job_set_remove(&v->todo, job, &job->verdict.todo_1);
    perp_heap_remove(&v->expiries, &job->expiry);
    if (perp_job_is_special(job))
        leave_special(v, job);
    else
        leave_others(core, job);
    perp_answers_free(core, job);
}
