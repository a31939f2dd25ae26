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

static bool is_above(const struct perp_ranking *ranking, const struct perp_job_entry *a,
                     const struct perp_job_entry *b) {
    struct perp_turn of_a = perp_turn_of(a), of_b = perp_turn_of(b);
    return ranking->last_on_top ? perp_goes_before(&of_b, &of_a) : perp_goes_before(&of_a, &of_b);
}

static void put(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    ranking->set.jobs[at] = job;
    job->verdict.places_1[ranking->place] = at + 1;
}

static bool rise(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    uint32_t from = at;
    for (; !ranking->loose && at > 0 && is_above(ranking, job, ranking->set.jobs[(at - 1) / 2]);
         at = (at - 1) / 2)
        put(ranking, at, ranking->set.jobs[(at - 1) / 2]);
    put(ranking, at, job);
    return at != from;
}

static void sink(struct perp_ranking *ranking, uint32_t at, struct perp_job_entry *job) {
    struct perp_job_entry **jobs = ranking->set.jobs;
    for (uint32_t child; (child = 2 * at + 1) < ranking->set.n; at = child) {
        if (child + 1 < ranking->set.n && is_above(ranking, jobs[child + 1], jobs[child]))
            child++;
        if (!is_above(ranking, jobs[child], job))
            break;
        put(ranking, at, jobs[child]);
    }
    put(ranking, at, job);
}

static void ranking_add(struct perp_ranking *ranking, struct perp_job_entry *job) {
    rise(ranking, ranking->set.n++, job);
}

/* Its rank is another. */
static void ranking_moved(struct perp_ranking *ranking, struct perp_job_entry *job) {
    uint32_t at = job->verdict.places_1[ranking->place] - 1;
    if (!ranking->loose && !rise(ranking, at, job))
        sink(ranking, at, job);
}

void perp_ranks_expect(struct perp_ranks *ranks, uint32_t n) {
    ranks->waiting.loose |= n > ranks->waiting.set.n / 8;
}

void perp_ranks_tidy(struct perp_ranks *ranks) {
    struct perp_ranking *waiting = &ranks->waiting;
    for (uint32_t at = waiting->loose ? waiting->set.n / 2 : 0; at-- > 0;)
        sink(waiting, at, waiting->set.jobs[at]);
    waiting->loose = false;
}

static void ranking_remove(struct perp_ranking *ranking, struct perp_job_entry *job) {
    uint32_t at = job->verdict.places_1[ranking->place] - 1;
    struct perp_job_entry *last = ranking->set.jobs[--ranking->set.n];
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
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++) {
        ranks->full_at[i].place = 1;
        for (uint32_t room = 0; room < PERP_ROOM_COUNT; room++)
            see_nothing(&ranks->rooms[i][room]);
    }
}

void perp_ranks_forget_rooms(struct perp_ranks *ranks, uint64_t exchanges) {
    ranks->exchanges = 0;
    for (uint32_t i = 0; i < ranks->for_room.n; i++)
        ranks->exchanges |= ranks->for_room.jobs[i]->exchanges;
    while (exchanges) {
        perp_exchange_id exchange = perp_bit_take(&exchanges);
        for (uint32_t room = 0; room < PERP_ROOM_COUNT; room++)
            see_nothing(&ranks->rooms[exchange][room]);
    }
}

bool perp_ranks_reserve(perp_core *core, uint32_t places, uint32_t more) {
    struct perp_ranks *ranks = &core->scheduler->verdicts.ranks;
    bool done = places <= ranks->entered.capacity || /* it grows last */
                (perp_job_set_grow(core, &ranks->waiting.set, places) &&
                 perp_job_set_grow(core, &ranks->held.set, places) &&
                 perp_job_set_grow(core, &ranks->for_room, places) &&
                 perp_job_set_grow(core, &ranks->restless, places) &&
                 perp_job_set_grow(core, &ranks->entered, places));
    for (uint32_t i = 0; done && i < perp_n_exchanges(core); i++)
        done = ranks->n_at[i] + more <= ranks->full_at[i].set.capacity ||
               perp_job_set_grow(core, &ranks->full_at[i].set, ranks->n_at[i] + more);
    return done;
}

void perp_ranks_free(perp_core *core, struct perp_ranks *ranks) {
    perp_job_set_free(core, &ranks->waiting.set);
    perp_job_set_free(core, &ranks->held.set);
    perp_job_set_free(core, &ranks->for_room);
    perp_job_set_free(core, &ranks->restless);
    perp_job_set_free(core, &ranks->entered);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        perp_job_set_free(core, &ranks->full_at[i].set);
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
    ranks->entered.jobs[ranks->entered.n++] = job;
}

void perp_ranks_settle(struct perp_ranks *ranks) {
    for (uint32_t i = 0; i < ranks->entered.n; i++)
        ranks->entered.jobs[i]->verdict.entered = false;
    ranks->entered.n = 0;
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
    verdict->held = reason;
    verdict->held_at = (uint8_t)at;
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
    verdict->rank = perp_rank_of(core, job, verdict->score);
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
