/* Filling the plan of a tick. What a tick did not use costs it nothing: only rows that the last one
   used are cleared, and memory is kept. */
#include <math.h>
#include <string.h>

#include "scheduler/scheduler.h"

/* Grows an array of the plan; `items` and `capacity` name its fields. */
#define GROW(core, plan, items, capacity, need)                                                    \
    grow((core), (void **)&(plan)->items, &(plan)->capacity, (need), sizeof *(plan)->items)

static bool grow(perp_core *core, void **items, uint32_t *capacity, uint32_t need, size_t size) {
    void *grown;
    memcpy(&grown, items, sizeof grown);
    bool done = perp_grow(core, &grown, capacity, need, size);
    memcpy(items, &grown, sizeof grown);
    return done;
}

/* Room for one more row; without it the plan has failed. */
#define ADDS(plan, items, n_items, capacity)                                                       \
    ((plan)->n_items < (plan)->capacity ||                                                         \
     !((plan)->failed |= !GROW((plan)->core, (plan), items, capacity, (plan)->n_items + 1)))

static void clear(struct perp_plan *plan) {
    for (uint32_t i = 0; i < plan->n_legs; i++)
        plan->books[plan->legs[i].instrument] = (struct perp_plan_book){0};
    while (plan->used)
        plan->exchanges[perp_bit_take(&plan->used)] = (struct perp_plan_exchange){0};
    plan->n_jobs = plan->n_legs = plan->n_candidates = plan->n_prices = 0;
    plan->n_repairs = plan->n_scores = plan->n_scored = plan->n_overridden = 0;
    plan->n_lines = plan->n_standings = plan->n_fresh = plan->n_changes = plan->n_shorts = 0;
}

static bool reserve_books(perp_core *core, struct perp_plan *plan) {
    uint32_t before = plan->books_capacity;
    if (!GROW(core, plan, books, books_capacity, perp_n_instruments(core)))
        return false;
    if (plan->books_capacity > before)
        memset(plan->books + before, 0, (plan->books_capacity - before) * sizeof *plan->books);
    return true;
}

struct perp_plan *perp_plan_begin(perp_core *core) {
    struct perp_plan *plan = &core->scheduler->plan;
    clear(plan);
    plan->core = core;
    plan->failed = false;
    return reserve_books(core, plan) ? plan : NULL;
}

#define FREE(items, capacity) perp_free(core, plan->items, plan->capacity * sizeof *plan->items)

/* So many rows of an array stay for the next tick, where it has no more. */
#define KEPT_ROWS 1024

void perp_plan_end(perp_core *core, struct perp_plan *plan) {
#define GIVE_BACK(items, n_items, capacity)                                                        \
    if (plan->capacity > KEPT_ROWS) {                                                              \
        FREE(items, capacity);                                                                     \
        plan->items = NULL;                                                                        \
        plan->n_items = plan->capacity = 0;                                                        \
    }
    GIVE_BACK(candidates, n_candidates, candidates_capacity)
    GIVE_BACK(prices, n_prices, prices_capacity)
    GIVE_BACK(scored, n_scored, scored_capacity)
    GIVE_BACK(scores, n_scores, scores_capacity)
    GIVE_BACK(standings, n_standings, standings_capacity)
    GIVE_BACK(lines, n_lines, lines_capacity)
#undef GIVE_BACK
    if (core->scheduler->expired.capacity > KEPT_ROWS)
        perp_job_array_free(core, &core->scheduler->expired);
}

void perp_plan_free(perp_core *core, struct perp_plan *plan) {
    FREE(books, books_capacity);
    FREE(legs, legs_capacity);
    FREE(candidates, candidates_capacity);
    FREE(prices, prices_capacity);
    FREE(fresh, fresh_capacity);
    FREE(repairs, repairs_capacity);
    FREE(changes, changes_capacity);
    FREE(shorts, shorts_capacity);
    FREE(scored, scored_capacity);
    FREE(scores, scores_capacity);
    FREE(standings, standings_capacity);
    FREE(lines, lines_capacity);
    FREE(overridden, overridden_capacity);
#undef FREE
}

bool perp_plan_reserve_repairs(perp_core *core, struct perp_plan *plan, uint32_t waiting,
                               uint32_t fresh) {
    return GROW(core, plan, repairs, repairs_capacity, waiting) &&
           GROW(core, plan, changes, changes_capacity, waiting) &&
           GROW(core, plan, shorts, shorts_capacity, waiting + fresh) &&
           GROW(core, plan, fresh, fresh_capacity, fresh);
}

struct perp_job_entry *perp_plan_move(struct perp_plan *plan, const struct perp_job_entry *job,
                                      const struct perp_job_leg *leg) {
    union perp_plan_repair *moved = &plan->repairs[plan->n_repairs++];
    memcpy(moved, job, sizeof moved->job);
    perp_repair_set(&moved->job, leg);
    return &moved->job;
}

void perp_plan_change(struct perp_plan *plan, const struct perp_job_entry *job,
                      struct perp_job_entry *becomes) {
    plan->changes[plan->n_changes++] = (struct perp_plan_change){job, becomes};
}

void perp_plan_short(perp_core *core, struct perp_plan *plan, uint32_t base, bool is,
                     double squares) {
    if (core->positions->bases[base].short_of == is)
        return;
    plan->shorts[plan->n_shorts++] = (struct perp_plan_short){base, is};
    if (is)
        perp_tell_alert(core, PERP_ALERT_REPAIR_SHORT, PERP_ALERT_WARNING, true,
                        core->bases.items[base],
                        "the reserve lacks capital: %g of it can be squared now", squares);
    else
        perp_tell_alert(core, PERP_ALERT_REPAIR_SHORT, PERP_ALERT_WARNING, false,
                        core->bases.items[base], "the reserve has the capital");
}

void perp_plan_fresh(const perp_core *core, struct perp_plan *plan,
                     const struct perp_job_entry *repair) {
    union perp_plan_repair *fresh = &plan->fresh[plan->n_fresh];
    memcpy(fresh, repair, sizeof fresh->job);
    perp_repair_set(&fresh->job, &repair->legs[0]);
    fresh->job.order = core->scheduler->next_order + plan->n_fresh++;
    fresh->job.score = NAN;
    fresh->job.explained = PERP_TIME_NONE;
}

bool perp_plan_scores(struct perp_plan *plan, double *at, uint32_t n) {
    if (!ADDS(plan, scored, n_scored, scored_capacity) ||
        !(plan->n_scores + n <= plan->scores_capacity ||
          GROW(plan->core, plan, scores, scores_capacity, plan->n_scores + n))) {
        plan->failed = true;
        return false;
    }
    plan->scored[plan->n_scored++] = (struct perp_scored){at, n, plan->n_scores};
    memcpy(plan->scores + plan->n_scores, at, n * sizeof *at);
    plan->n_scores += n;
    return true;
}

void perp_plan_scores_back(struct perp_plan *plan) {
    for (; plan->n_scored; plan->n_scored--) {
        const struct perp_scored *scored = &plan->scored[plan->n_scored - 1];
        memcpy(scored->at, plan->scores + scored->before, scored->n * sizeof *scored->at);
    }
}

void perp_plan_stand(struct perp_plan *plan, struct perp_job_entry *job, uint32_t refused,
                     uint32_t skipped, int64_t explained) {
    if ((job->refused != refused || job->skipped != skipped || job->explained != explained) &&
        ADDS(plan, standings, n_standings, standings_capacity))
        plan->standings[plan->n_standings++] =
            (struct perp_standing){job, refused, skipped, explained};
}

bool perp_plan_overrides(perp_core *core, struct perp_plan *plan, const perp_uuid *id) {
    if (!GROW(core, plan, overridden, overridden_capacity, plan->n_overridden + 1))
        return false;
    plan->overridden[plan->n_overridden++] = *id;
    return true;
}

void perp_plan_line(struct perp_plan *plan, const struct perp_turn *turn, const perp_uuid *id,
                    uint32_t reason) {
    if (ADDS(plan, lines, n_lines, lines_capacity))
        plan->lines[plan->n_lines++] = (struct perp_line){*turn, *id, reason};
}

bool perp_plan_offer(perp_core *core, struct perp_plan *plan, const struct perp_eval *e,
                     struct perp_job_entry *waits) {
    uint32_t n = e->job->n_legs;
    if (!GROW(core, plan, prices, prices_capacity, plan->n_prices + n) ||
        !ADDS(plan, candidates, n_candidates, candidates_capacity))
        return false;
    plan->candidates[plan->n_candidates++] = (struct perp_candidate){
        .job = e->job,
        .waits = waits,
        .score = e->final,
        .turn = {perp_rank_of(core, e->job, e->final), e->job->order, e->job->priority},
        .prices = plan->n_prices,
        .reducing = e->reducing};
    for (uint32_t i = 0; i < n; i++)
        plan->prices[plan->n_prices++] = e->legs[i].price;
    return true;
}

bool perp_plan_standing(perp_core *core, struct perp_plan *plan, struct perp_eval *e,
                        struct perp_job_entry *job, struct perp_candidate *candidate) {
    if (!GROW(core, plan, prices, prices_capacity, plan->n_prices + job->n_legs))
        return false;
    *candidate = (struct perp_candidate){.job = job,
                                         .waits = job,
                                         .score = perp_job_score(job),
                                         .turn = perp_turn_of(core, job),
                                         .prices = plan->n_prices,
                                         .reducing = job->verdict.reducing};
    perp_eval_prices(e, job, plan->prices + plan->n_prices);
    plan->n_prices += job->n_legs;
    return true;
}

bool perp_plan_offer_standing(perp_core *core, struct perp_plan *plan, struct perp_eval *e,
                              struct perp_job_entry *job) {
    return ADDS(plan, candidates, n_candidates, candidates_capacity) &&
           perp_plan_standing(core, plan, e, job, &plan->candidates[plan->n_candidates++]);
}

static void add_leg(struct perp_plan *plan, const struct perp_job_entry *job, uint32_t n,
                    double price) {
    const struct perp_job_leg *leg = &job->legs[n];
    struct perp_plan_book *book = &plan->books[leg->instrument];
    plan->legs[plan->n_legs++] = (struct perp_plan_leg){
        leg->instrument, leg->side, perp_leg_wants(job, n), price, 0, job->balanced};
    if (book->last_1)
        plan->legs[book->last_1 - 1].next_1 = plan->n_legs;
    else
        book->first_1 = plan->n_legs;
    book->last_1 = plan->n_legs;
    book->legs[leg->side]++;
}

bool perp_plan_choose(perp_core *core, struct perp_plan *plan,
                      const struct perp_candidate *candidate, const struct perp_need *taken,
                      uint32_t n_taken) {
    const struct perp_job_entry *job = candidate->job;
    struct perp_need needs[PERP_MAX_LEGS];
    uint32_t n;
    if (!perp_job_needs(core, job, needs, &n) || /* never: such a job is skipped */
        !GROW(core, plan, legs, legs_capacity, plan->n_legs + job->n_legs))
        return false;
    for (uint32_t i = 0; i < job->n_legs; i++)
        add_leg(plan, job, i, plan->prices[candidate->prices + i]);
    for (uint32_t i = 0; i < n; i++) {
        plan->exchanges[needs[i].exchange].jobs++;
        plan->exchanges[needs[i].exchange].notional += needs[i].amount;
    }
    for (uint32_t i = 0; i < n_taken; i++) {
        struct perp_plan_exchange *row = &plan->exchanges[taken[i].exchange];
        row->taken[taken[i].pool] += taken[i].amount;
        row->taken_total += taken[i].amount;
    }
    plan->used |= job->exchanges;
    plan->n_jobs++;
    return true;
}
