/* What the tick at hand has chosen so far. It is scratch: it belongs to one tick, the book knows
   nothing of it, and where the commit fails there is nothing to undo. Whoever asks what runs or
   what is taken takes it along; NULL: outside a tick, where only the book counts. */
#ifndef PERP_CORE_PLAN_H
#define PERP_CORE_PLAN_H

#include "core/job.h"

/* What chosen jobs make of an exchange. Each counts once, as one dispatch. */
struct perp_plan_exchange {
    uint32_t jobs;
    perp_usd notional;
    perp_usd taken[PERP_POOL_COUNT];
    perp_usd taken_total; /* of all pools */
};

/* A leg of a chosen job. Positions in the plan's arrays are counted from 1; 0: none. */
struct perp_plan_leg {
    perp_instrument_id instrument;
    uint32_t side;
    double quantity;
    double price;
    uint32_t next_1; /* the next one on the instrument */
    bool balanced;   /* its job's buys and sells agree */
};

/* The legs chosen on an instrument, in the order in which their jobs were chosen. */
struct perp_plan_book {
    uint32_t first_1, last_1;
    uint32_t legs[PERP_SIDE_COUNT];
};

/* Where something stands in the order in which jobs go. */
struct perp_turn {
    struct perp_rank rank;
    uint64_t order;
    int32_t priority;
};

/* Whether a goes before b: by priority, by rank, by order of submit. */
static inline bool perp_goes_before(const struct perp_turn *a, const struct perp_turn *b) {
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->rank.high != b->rank.high)
        return a->rank.high > b->rank.high;
    if (a->rank.low != b->rank.low)
        return a->rank.low > b->rank.low;
    return a->order < b->order;
}

/* A job that passed risk, with what orders it. The job is the book's own, or the plan's copy of a
   repair that moves. */
struct perp_candidate {
    const struct perp_job_entry *job;
    struct perp_job_entry *waits; /* where what stands of it is kept: in the book, or in the plan */
    double score;
    struct perp_turn turn;
    uint32_t prices; /* of its legs: where they begin in the plan */
    bool reducing;
};

/* Scores that lie together and were others before this tick, which may not be taken; from where on
   those are kept. */
struct perp_scored {
    double *at;
    uint32_t n, before;
};

/* What stands of a job that waits on: why it was refused, why it was passed over (0: it was not),
   and when a refusal was explained. */
struct perp_standing {
    struct perp_job_entry *job;
    uint32_t refused, skipped;
    int64_t explained;
};

/* A job of one leg as it will be once the tick is committed: a repair that is new or moves, or a
   job of flatten that is cut. */
union perp_plan_repair {
    struct perp_job_entry job;
    char bytes[sizeof(struct perp_job_entry) + sizeof(struct perp_job_leg)];
};

/* A job that waits and that the tick changes before it looks at what waits. */
struct perp_plan_change {
    const struct perp_job_entry *job;
    struct perp_job_entry *becomes; /* NULL: it ends */
};

/* Whether the reserve lacks capital for a base's repair, from this tick on. */
struct perp_plan_short {
    uint32_t base;
    bool is;
};

/* What a list shows of a job that the choice went by; by turns once they are put in order. */
struct perp_line {
    struct perp_turn turn;
    perp_uuid id;
    uint32_t reason; /* why it was skipped; 0: it was chosen */
};

/* Arrays grow with what the tick finds, and those that a large one left are given back after it:
   nothing here is for each job that waits. */
struct perp_plan {
    perp_core *core; /* whose memory it is */
    bool failed;     /* there was none */
    uint32_t n_jobs; /* chosen */
    uint64_t used;   /* exchanges whose row is not zero, as bits */
    struct perp_plan_exchange exchanges[PERP_MAX_EXCHANGES];
    struct perp_plan_book *books; /* by instrument; zero but for those of legs */
    uint32_t books_capacity;
    struct perp_plan_leg *legs;
    uint32_t n_legs, legs_capacity;
    struct perp_candidate *candidates;
    uint32_t n_candidates, candidates_capacity;
    double *prices;
    uint32_t n_prices, prices_capacity;
    union perp_plan_repair *fresh; /* repairs that the tick plans */
    uint32_t n_fresh, fresh_capacity;
    union perp_plan_repair *repairs; /* that move, and cut jobs of flatten */
    uint32_t n_repairs, repairs_capacity;
    struct perp_plan_change *changes;
    uint32_t n_changes, changes_capacity;
    struct perp_plan_short *shorts; /* where that changes */
    uint32_t n_shorts, shorts_capacity;
    struct perp_scored *scored;
    uint32_t n_scored, scored_capacity;
    double *scores; /* as they were */
    uint32_t n_scores, scores_capacity;
    struct perp_standing *standings;
    uint32_t n_standings, standings_capacity;
    struct perp_line *lines;
    uint32_t n_lines, lines_capacity;
    perp_uuid *overridden; /* accepted under override for the first time */
    uint32_t n_overridden, overridden_capacity;
};

/* What is chosen on an exchange; NULL: nothing. */
static inline const struct perp_plan_exchange *perp_plan_at(const struct perp_plan *plan,
                                                            perp_exchange_id exchange) {
    return plan && plan->n_jobs ? &plan->exchanges[exchange] : NULL;
}

static inline const struct perp_plan_leg *perp_plan_leg_at(const struct perp_plan *plan,
                                                           uint32_t at_1) {
    return at_1 ? &plan->legs[at_1 - 1] : NULL;
}

/* The chosen legs of an instrument in their order: the first, the one after; NULL: none. */
static inline const struct perp_plan_leg *perp_plan_first(const struct perp_plan *plan,
                                                          perp_instrument_id instrument) {
    return plan && plan->n_legs ? perp_plan_leg_at(plan, plan->books[instrument].first_1) : NULL;
}

static inline const struct perp_plan_leg *perp_plan_next(const struct perp_plan *plan,
                                                         const struct perp_plan_leg *leg) {
    return perp_plan_leg_at(plan, leg->next_1);
}

/* How many legs of a side are chosen on an instrument. */
static inline uint32_t perp_plan_legs(const struct perp_plan *plan, perp_instrument_id instrument,
                                      uint32_t side) {
    return plan && plan->n_legs ? plan->books[instrument].legs[side] : 0;
}

#endif
