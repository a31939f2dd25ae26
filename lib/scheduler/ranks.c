/* The order among those that passed, and where they wait: in heaps by rank, so that a tick finds
   those that may go without touching the others. What holds a job is watched, not the job. */
#include <math.h>
#include <string.h>

#include "scheduler/scheduler.h"

/* ---- Ranks --------------------------------------------------------------------------------------
 */

/* Doubles as integers in the same order; 0 and -0 are the same. */
static int64_t in_order(double value) {
    int64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

#define NS_PER_MINUTE (60 * PERP_NS_PER_S)
#define MOST_SCALE 70

/* score × NS_PER_MINUTE × 2^scale, down to a whole number: of 125 bits at most. */
static perp_exact scaled(double score, int scale) {
    int exponent;
    double part = frexp(fmax(-1e6, fmin(1e6, score)), &exponent);
    perp_exact whole = (perp_exact)(int64_t)ldexp(part, 53) * NS_PER_MINUTE;
    int shift = exponent - 53 + scale;
    if (shift >= 0)
        return whole * ((perp_exact)1 << shift);
    return shift > -126 ? whole >> -shift : 0;
}

/* Jobs are ordered by score + aging × (now - submitted), now being the same for all:
   so by score - aging × submitted. That can't be a double, since times are large: it is a whole
   number, in which the second part is exact and of the first nothing is lost above 2^-50 or so. Had
   each sum been rounded to a double, jobs whose sums differ by less than such a rounding would
   count as equal, and go by order of submit. Without aging it is the score itself. */
struct perp_rank perp_rank_of(const perp_core *core, const struct perp_job_entry *job,
                              double score) {
    double aging = core->config.scheduler.aging_per_minute;
    int exponent;
    if (!(aging > 0))
        return (struct perp_rank){in_order(score), 0};
    (void)frexp(aging, &exponent);
    int scale = exponent > 53 - MOST_SCALE ? 53 - exponent : MOST_SCALE;
    perp_exact key =
        scaled(score, scale) - (perp_exact)(int64_t)ldexp(aging, scale) * job->submitted;
    return (struct perp_rank){(int64_t)(key >> 64), (uint64_t)key};
}

/* ---- Heaps --------------------------------------------------------------------------------------
 */

/* By the rank that it was put in by. */
static struct perp_turn turn_in(const struct perp_job_entry *job) {
    return (struct perp_turn){job->verdict.rank, job->order, job->priority};
}

struct perp_turn perp_turn_of(const perp_core *core, const struct perp_job_entry *job) {
    struct perp_turn turn = turn_in(job);
    if (core->scheduler->verdicts.ranks.loose)
        turn.rank = perp_rank_of(core, job, perp_job_score(job));
    return turn;
}

static bool is_above(const struct perp_ranking *ranking, const struct perp_job_entry *a,
                     const struct perp_job_entry *b) {
    struct perp_turn of_a = turn_in(a), of_b = turn_in(b);
    return ranking->last_on_top ? perp_goes_before(&of_b, &of_a) : perp_goes_before(&of_a, &of_b);
}

static void put(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    *perp_set_at(&ranking->set, at) = job;
    job->verdict.places_1[ranking->place] = at + 1;
}

static bool rise(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    uint32_t from = at;
    for (; at > 0 && is_above(ranking, job, *perp_set_at(&ranking->set, (at - 1) / 2));
         at = (at - 1) / 2)
        put(ranking, at, *perp_set_at(&ranking->set, (at - 1) / 2));
    put(ranking, at, job);
    return at != from;
}

static void sink(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    const struct perp_job_set *set = &ranking->set;
    for (uint32_t child; (child = 2 * at + 1) < ranking->set.n; at = child) {
        if (child + 1 < ranking->set.n &&
            is_above(ranking, *perp_set_at(set, child + 1), *perp_set_at(set, child)))
            child++;
        if (!is_above(ranking, *perp_set_at(set, child), job))
            break;
        put(ranking, at, *perp_set_at(set, child));
    }
    put(ranking, at, job);
}

/* The first half has something below it. */
static void loosen(struct perp_ranking *ranking) {
    ranking->loose = ranking->set.n / 2 + 1;
}

/* One is at its place, but for its rank. */
static void settle(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    if (ranking->loose)
        loosen(ranking);
    else if (!rise(ranking, at, job))
        sink(ranking, at, job);
}

static void ranking_add(struct perp_ranking *ranking, struct perp_job_entry *job) {
    (void)perp_job_set_push(&ranking->set);
    put(ranking, ranking->set.n - 1, job);
    settle(ranking, ranking->set.n - 1, job);
}

/* Its rank is another. */
static void ranking_moved(struct perp_ranking *ranking, struct perp_job_entry *job) {
    settle(ranking, job->verdict.places_1[ranking->place] - 1, job);
}

/* So few are put in order one by one. In a shadow build lives of few jobs come to the rest, too. */
#ifdef PERP_SHADOW
#define FEW_MOVED 2
#else
#define FEW_MOVED 64
#endif

void perp_ranks_expect(struct perp_ranks *ranks, uint32_t n) {
    bool few = n <= FEW_MOVED || n <= (ranks->waiting.set.n + ranks->held.set.n) / 8;
    if (n == 0 || (few && !ranks->loose))
        return;
    ranks->loose = true;
    ranks->ranked_to = 0;
    loosen(&ranks->waiting);
    loosen(&ranks->held);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        loosen(&ranks->full_at[i]);
}

/* Of a job that a route confirmed only the score was looked at. */
static void rank_place(const perp_core *core, const struct perp_route *route, uint32_t place) {
    struct perp_job_entry *job = *perp_route_job_at(route, place);
    if (*perp_route_stands_at(route, place) == 0) /* it passed */
        job->verdict.rank = perp_rank_of(core, job, *perp_route_at(route, place, PERP_LANE_SCORE));
}

/* Jobs of routes have the ranks of their scores; how many more may be looked at. */
static uint32_t rank_routes(perp_core *core, uint32_t most) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    const struct perp_routes *routes = &core->risk->facts.routes;
    for (; most && ranks->ranked_to<routes->capacity; ranks->ranked_to += most> 0)
        for (const struct perp_route_link *link = routes->of[ranks->ranked_to]; link && most;
             link = link->next)
            for (; most && link->route->moved; most--)
                rank_place(core, link->route, --link->route->moved);
    return most;
}

/* What is compared of a job is on its way meanwhile. */
static inline __attribute__((always_inline)) void fetch(const struct perp_job_set *set,
                                                        uint32_t at) {
    if (at >= set->n)
        return;
    __builtin_prefetch(&(*perp_set_at(set, at))->order);
    __builtin_prefetch(&(*perp_set_at(set, at))->verdict.rank);
}

#define SOON 8 /* jobs from now */

/* From below, so that all behind is in order already. */
static uint32_t tidy(struct perp_ranking *ranking, uint32_t most) {
    const struct perp_job_set *set = &ranking->set;
    for (; most && ranking->loose; most--) {
        uint32_t at = --ranking->loose;
        if (at >= SOON) {
            fetch(set, at - SOON);
            fetch(set, 2 * (at - SOON) + 1);
            fetch(set, 2 * (at - SOON) + 2);
        }
        if (at < set->n)
            sink(ranking, at, *perp_set_at(set, at));
    }
    return most;
}

bool perp_ranks_tidy(perp_core *core, uint32_t most) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    if (!ranks->loose)
        return false;
    most = tidy(&ranks->held, tidy(&ranks->waiting, rank_routes(core, most)));
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        most = tidy(&ranks->full_at[i], most);
    ranks->loose = most == 0;
    return ranks->loose;
}

static void ranking_remove(struct perp_ranking *ranking, struct perp_job_entry *job) {
    uint32_t at = job->verdict.places_1[ranking->place] - 1;
    struct perp_job_entry *last = perp_job_set_pop(&ranking->set);
    job->verdict.places_1[ranking->place] = 0;
    if (last == job)
        return;
    put(ranking, at, last);
    ranking_moved(ranking, last);
}

/* ---- Memory -------------------------------------------------------------------------------------
 */

static void see_nothing(struct perp_room_seen *seen) {
    *seen = (struct perp_room_seen){INT64_MIN, INT64_MAX};
}

void perp_ranks_open(struct perp_ranks *ranks) {
    ranks->held.last_on_top = true;
    ranks->waiting.set.room = ranks->held.set.room = &ranks->of_all;
    ranks->for_room.room = ranks->restless.room = &ranks->of_held;
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++) {
        ranks->full_at[i].place = 1;
        ranks->full_at[i].set.room = &ranks->of_held;
        for (uint32_t room = 0; room < PERP_ROOM_COUNT; room++)
            see_nothing(&ranks->rooms[i][room]);
    }
}

void perp_ranks_forget_rooms(struct perp_ranks *ranks, uint64_t exchanges) {
    ranks->exchanges = 0;
    for (uint32_t i = 0; i < ranks->for_room.n; i++)
        ranks->exchanges |= (*perp_set_at(&ranks->for_room, i))->exchanges;
    while (exchanges) {
        perp_exchange_id exchange = perp_bit_take(&exchanges);
        for (uint32_t room = 0; room < PERP_ROOM_COUNT; room++)
            see_nothing(&ranks->rooms[exchange][room]);
    }
}

/* Sets that share each of the rooms: waiting, held, and the two of verdicts; what is full at each
   exchange, for_room and restless. */
#define OF_ALL 4
static uint32_t n_of_held(const perp_core *core) {
    return perp_n_exchanges(core) + 2;
}

bool perp_ranks_reserve(perp_core *core, uint32_t places) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    return perp_set_room_reserve(core, &ranks->of_all, places, OF_ALL) &&
           perp_set_room_reserve(core, &ranks->of_held, places, n_of_held(core)) &&
           perp_job_set_reserve(core, &ranks->waiting.set, places) &&
           perp_job_set_reserve(core, &ranks->held.set, places) &&
           perp_job_set_reserve(core, &ranks->for_room, places) &&
           perp_job_set_reserve(core, &ranks->restless, places) &&
           perp_job_set_reserve(core, &ranks->entered, places);
}

bool perp_ranks_reserve_at(perp_core *core, uint32_t more) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    bool done = true;
    for (uint32_t i = 0; done && i < perp_n_exchanges(core); i++) {
        struct perp_job_set *set = &ranks->full_at[i].set;
        uint32_t jobs = ranks->n_at[i] + more;
        done = perp_pieces_for(jobs) + 1 <= set->pieces.capacity ||
               perp_job_set_reserve(core, set, jobs);
    }
    return done;
}

void perp_ranks_trim(perp_core *core, struct perp_ranks *ranks, uint32_t places) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    uint32_t entered = ranks->entered.n > places ? ranks->entered.n : places;
    perp_set_room_trim(core, &ranks->of_all, places, OF_ALL);
    perp_set_room_trim(core, &ranks->of_held, places, n_of_held(core));
    perp_pieces_trim_more(&ranks->entered.pieces, entered, sizeof(struct perp_job_entry *),
                          &memory);
}

void perp_ranks_free(perp_core *core, struct perp_ranks *ranks) {
    perp_job_set_free(core, &ranks->waiting.set);
    perp_job_set_free(core, &ranks->held.set);
    perp_job_set_free(core, &ranks->for_room);
    perp_job_set_free(core, &ranks->restless);
    perp_job_set_free(core, &ranks->entered);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        perp_job_set_free(core, &ranks->full_at[i].set);
    perp_set_room_free(core, &ranks->of_all);
    perp_set_room_free(core, &ranks->of_held);
}

void perp_ranks_count(struct perp_ranks *ranks, const struct perp_job_entry *job, bool on) {
    for (uint64_t left = job->exchanges; left;)
        ranks->n_at[perp_bit_take(&left)] += on ? 1u : UINT32_MAX;
}

/* ---- Where they wait ----------------------------------------------------------------------------
 */

static void enter(struct perp_ranks *ranks, struct perp_job_entry *job) {
    if (job->verdict.entered)
        return;
    job->verdict.entered = true;
    *perp_job_set_push(&ranks->entered) = job;
}

void perp_ranks_settle(struct perp_ranks *ranks) {
    for (uint32_t i = 0; i < ranks->entered.n; i++)
        (*perp_set_at(&ranks->entered, i))->verdict.entered = false;
    ranks->entered.n = 0;
}

/* Ahead of a tick, and few: else they are forgotten before anything leaves. */
void perp_ranks_leave(struct perp_ranks *ranks, struct perp_job_entry *job) {
    uint32_t at = 0;
    while (at < ranks->entered.n && *perp_set_at(&ranks->entered, at) != job)
        at++;
    job->verdict.entered = false;
    if (at == ranks->entered.n)
        return;
    *perp_set_at(&ranks->entered, at) = *perp_set_at(&ranks->entered, ranks->entered.n - 1);
    (void)perp_job_set_pop(&ranks->entered);
}

/* Out of what holds it. */
static void let_go(struct perp_ranks *ranks, struct perp_job_entry *job) {
    struct perp_verdict *verdict = &job->verdict;
    uint32_t *place_1 = &verdict->places_1[1];
    ranks->held_by[verdict->held]--;
    verdict->held = PERP_REASON_NONE;
    ranking_remove(&ranks->held, job);
    if (verdict->held_at == PERP_HELD_AT_FULL)
        ranking_remove(&ranks->full_at[verdict->exchange], job);
    else
        perp_job_set_remove(verdict->held_at == PERP_HELD_AT_ROOM ? &ranks->for_room
                                                                  : &ranks->restless,
                            job, place_1);
}

void perp_rank_remove(struct perp_ranks *ranks, struct perp_job_entry *job) {
    if (job->verdict.held)
        let_go(ranks, job);
    else if (perp_is_ranked(job))
        ranking_remove(&ranks->waiting, job);
}

void perp_rank_wakes(struct perp_ranks *ranks, struct perp_job_entry *job) {
    let_go(ranks, job);
    ranking_add(&ranks->waiting, job);
    enter(ranks, job);
}

void perp_rank_holds(struct perp_ranks *ranks, struct perp_job_entry *job, uint32_t reason,
                     uint32_t at, perp_exchange_id exchange) {
    struct perp_verdict *verdict = &job->verdict;
    perp_rank_remove(ranks, job);
    ranking_add(&ranks->held, job);
    verdict->held = (uint8_t)reason;
    verdict->held_at = (uint8_t)(at & 7);
    verdict->exchange = (uint8_t)exchange;
    ranks->held_by[reason]++;
    if (at == PERP_HELD_AT_FULL)
        ranking_add(&ranks->full_at[exchange], job);
    else
        perp_job_set_add(at == PERP_HELD_AT_ROOM ? &ranks->for_room : &ranks->restless, job,
                         &verdict->places_1[1]);
    if (at == PERP_HELD_AT_ROOM)
        ranks->exchanges |= job->exchanges;
}

static bool some_naked(const perp_core *core, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (core->risk->facts.bases[job->legs[i].base].is_naked)
            return true;
    return false;
}

/* Whether a decision may let a job come past what is looked at before what holds it: before the
   ledger's limits that is what rules refuse for, too, unless they are passed or it squares. */
static bool holds_on(const perp_core *core, const struct perp_job_entry *job) {
    uint32_t reason = job->verdict.held;
    return job->verdict.held_at != PERP_HELD_AT_ROOM || reason == PERP_REASON_EXCHANGE_NOTIONAL ||
           reason == PERP_REASON_DISPATCH_RATE ||
           (job->verdict.reasons == 0 && !some_naked(core, job));
}

void perp_rank_set(perp_core *core, struct perp_job_entry *job) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    struct perp_verdict *verdict = &job->verdict;
    verdict->rank = perp_rank_of(core, job, perp_job_score(job));
    if (!perp_is_ranked(job)) {
        ranking_add(&ranks->waiting, job);
        enter(ranks, job);
        return;
    }
    ranking_moved(verdict->held ? &ranks->held : &ranks->waiting, job);
    if (verdict->held && verdict->held_at == PERP_HELD_AT_FULL)
        ranking_moved(&ranks->full_at[verdict->exchange], job);
    if (verdict->held && !holds_on(core, job))
        perp_rank_wakes(ranks, job);
}
