/* Whether what is kept is what it would be if nothing were: every decision in force is made anew in
   the long way and compared bit for bit, and so are the facts and counts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/tick.h"

/* An evaluation that looks at nothing that is kept. What the host's rules said stands, since they
   may not be asked more often than they are. */
static void evaluate_afresh(struct perp_eval *e, const struct perp_job_entry *job) {
    e->job = job;
    e->answers = job->answers;
    e->answers_stand = e->afresh = true;
    perp_eval_run(e);
    e->answers_stand = e->afresh = false;
    e->answers = NULL;
}

/* What of a job's decision is not what it should be; NULL: it is. A score is kept where it counts.
 */
static const char *differs(const struct perp_job_entry *job, const struct perp_eval *e,
                           const double prices[PERP_MAX_LEGS]) {
    const struct perp_verdict *v = &job->verdict;
    if (v->reasons != e->reasons)
        return "the reasons of a decision that stands";
    if (v->reason != e->reason || v->accepted != e->accepted)
        return "the outcome of a decision that stands";
    if (v->reducing != e->reducing)
        return "whether a job that waits reduces";
    if (v->counted && !perp_same_bits(perp_job_score(job), e->final))
        return "the score of a decision that stands";
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!perp_same_bits(prices[i], e->legs[i].price))
            return "the price of a leg in a decision that stands";
    return NULL;
}

/* Only a shadow build says more than what it returns. */
#ifdef PERP_SHADOW
static void tell(const struct perp_job_entry *job, const struct perp_eval *e,
                 const double prices[PERP_MAX_LEGS], int64_t now, const char *what) {
    char id[37];
    perp_uuid_format(&job->id, id);
    fprintf(stderr,
            "shadow: %s: job %s at %" PRId64 ": reasons %" PRIx64
            " reason %s score %.17g; should be "
            "%" PRIx64 " %s %.17g\n",
            what, id, now, job->verdict.reasons, perp_reason_name(e->core, job->verdict.reason),
            perp_job_score(job), e->reasons, perp_reason_name(e->core, e->reason), e->final);
    for (uint32_t i = 0; i < job->n_legs; i++)
        fprintf(stderr, "    leg %u: instrument %u %s price %.17g, should be %.17g\n", i,
                job->legs[i].instrument, perp_side_string(job->legs[i].side), prices[i],
                e->legs[i].price);
}

static void tell_fact(const char *what, int64_t now) {
    fprintf(stderr, "shadow: %s at %" PRId64 "\n", what, now);
}
#endif

/* Whether a job lies in its route, and what may be confirmed of it there is what stands. */
static bool lies_right(const struct perp_job_entry *job) {
    const struct perp_verdict *v = &job->verdict;
    bool stands = v->counted && !v->todo_1 && !v->reducing && v->accepted == (v->reasons == 0);
    return !job->route || (job->route_place < job->route->n &&
                           *perp_route_job_at(job->route, job->route_place) == job &&
                           *perp_route_stands_at(job->route, job->route_place) ==
                               (stands ? (int64_t)v->reasons : PERP_ROUTE_NOTHING));
}

/* A recount of what stands. */
static const char *miscounted(const perp_core *core) {
    const struct perp_scheduler *scheduler = core->scheduler;
    const struct perp_verdicts *v = &scheduler->verdicts;
    struct perp_standing_tally tally = {0};
    uint32_t passed = 0, leaving = 0, special = 0, n_at[PERP_MAX_EXCHANGES] = {0};
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = perp_place_at(scheduler, i)->job;
        if (!job)
            continue;
        const struct perp_verdict *verdict = &job->verdict;
        bool is_special = perp_job_is_special(job);
        special += is_special;
        if (!lies_right(job))
            return "what may be confirmed of a job that waits";
        for (uint64_t left = is_special ? 0 : job->exchanges; left;)
            n_at[perp_bit_take(&left)]++;
        tally.evaluated += verdict->counted;
        if (verdict->counted && !verdict->accepted) {
            tally.refused++;
            tally.refused_by[verdict->reason]++;
        }
        bool offered = verdict->counted && verdict->accepted && !is_special;
        if ((offered && !verdict->reducing) != perp_is_ranked(job) ||
            (offered && verdict->reducing) != (verdict->leaving_1 > 0))
            return "whether a job that waits is among those that passed";
        passed += offered && !verdict->reducing;
        leaving += offered && verdict->reducing;
    }
    if (passed != v->ranks.waiting.set.n + v->ranks.held.set.n || leaving != v->leaving.n ||
        special != v->special.n)
        return "how many jobs that wait passed";
    if (memcmp(n_at, v->ranks.n_at, sizeof n_at) != 0)
        return "how many jobs wait with a leg on an exchange";
    return memcmp(&tally, &v->tally, sizeof tally) == 0 ? NULL : "the counts of decisions in force";
}

/* Whether feeds have written since facts were looked at: then nothing can be said. */
static bool feeds_wrote(const perp_core *core) {
    return perp_market_news_sum(core->market) != core->risk->facts.news;
}

/* A decision that stands; where there was no memory for what the host's rules said, they would have
   to be asked. */
static bool stands(const perp_core *core, const struct perp_job_entry *job) {
    return job->verdict.made && !job->verdict.todo_1 && !perp_job_is_special(job) &&
           (!core->risk->n_host || job->answers);
}

const char *perp_shadow_differs(const perp_core *core, const struct perp_plan *plan, int64_t now,
                                bool rolled) {
    const struct perp_scheduler *scheduler = core->scheduler;
    struct perp_eval e;
    perp_eval_begin(&e, core, plan, NULL, now, rolled);
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = perp_place_at(scheduler, i)->job;
        if (!job || !stands(core, job))
            continue;
        double prices[PERP_MAX_LEGS];
        perp_eval_prices(&e, job, prices);
        evaluate_afresh(&e, job);
        const char *what = differs(job, &e, prices);
        if (!what || feeds_wrote(core))
            continue;
#ifdef PERP_SHADOW
        tell(job, &e, prices, now, what);
#endif
        return what;
    }
    const char *what = miscounted(core);
    if (what)
        return what;
    what = perp_facts_differ(core, now, rolled);
    if (!what || feeds_wrote(core))
        return NULL;
#ifdef PERP_SHADOW
    tell_fact(what, now);
#endif
    return what;
}

const char *perp_decisions_differ(perp_core *core) {
    static const struct perp_plan nothing_chosen;
    struct perp_verdicts *v = &core->scheduler->verdicts;
    int64_t now = perp_clock(core);
    bool rolled = perp_day_begins(core, now);
    perp_facts_refresh(core, now, rolled, true);
    (void)perp_verdicts_collect(core, now, v->paused, core->risk->killed, NULL, NULL);
    return perp_shadow_differs(core, &nothing_chosen, now, rolled);
}

#ifdef PERP_SHADOW

/* ---- The choice ---------------------------------------------------------------------------------
 */

static int by_turn(const void *left, const void *right) {
    const struct perp_candidate *a = left, *b = right;
    return perp_goes_before(&a->turn, &b->turn) ? -1 : 1;
}

static bool is_offered(const struct perp_job_entry *job) {
    return job && job->verdict.counted && job->verdict.accepted && !job->verdict.reducing &&
           !perp_job_is_special(job);
}

/* A plan that has chosen nothing, with all candidates by their turns. */
static void offer_all(const struct perp_tick *tick, struct perp_plan *plan) {
    const struct perp_plan *made = tick->plan;
    const struct perp_scheduler *scheduler = tick->core->scheduler;
    uint32_t n = made->n_candidates;
    plan->books = calloc(made->books_capacity + 1, sizeof *plan->books);
    plan->candidates = calloc(n + scheduler->n_places + 1, sizeof *plan->candidates);
    plan->prices = calloc(made->n_prices + 1 + scheduler->n_places * PERP_MAX_LEGS, sizeof(double));
    plan->legs = calloc((n + scheduler->n_places + 1) * PERP_MAX_LEGS, sizeof *plan->legs);
    if (!plan->books || !plan->candidates || !plan->prices || !plan->legs)
        abort();
    plan->prices_capacity = plan->legs_capacity = UINT32_MAX; /* there is room for all */
    memcpy(plan->candidates, made->candidates, n * sizeof *plan->candidates);
    memcpy(plan->prices, made->prices, made->n_prices * sizeof *plan->prices);
    plan->n_prices = made->n_prices;
    for (uint32_t i = 0; i < scheduler->n_places; i++)
        if (is_offered(perp_place_at(scheduler, i)->job) &&
            !perp_plan_standing(tick->core, plan, &tick->eval, perp_place_at(scheduler, i)->job,
                                &plan->candidates[n++]))
            abort();
    plan->n_candidates = n;
    qsort(plan->candidates, n, sizeof *plan->candidates, by_turn);
}

/* What stands from this tick on changes places with what stood. */
static void exchange_standings(struct perp_plan *plan) {
    for (uint32_t i = 0; i < plan->n_standings; i++) {
        uint32_t skipped = plan->standings[i].skipped;
        plan->standings[i].skipped = plan->standings[i].job->skipped;
        plan->standings[i].job->skipped = (uint8_t)skipped;
    }
}

static void differs_in(const struct perp_tick *tick, const struct perp_candidate *candidate,
                       uint32_t reason, const char *what) {
    char id[37];
    const struct perp_job_entry *job = candidate->waits;
    if (perp_market_news_sum(tick->core->market) != tick->core->risk->facts.news)
        return; /* a feed came between the two */
    perp_uuid_format(&job->id, id);
    fprintf(stderr, "shadow: %s: job %s at %" PRId64 ": skipped %s, held %s at %u; should be %s\n",
            what, id, tick->now, perp_reason_name(tick->core, job->skipped),
            perp_reason_name(tick->core, job->verdict.held), job->verdict.held_at,
            perp_reason_name(tick->core, reason));
    abort();
}

void perp_shadow_choose(struct perp_tick *tick) {
    struct perp_plan *made = tick->plan, plan = {0};
    uint32_t n_chosen = 0, skipped_by[PERP_MAX_REASONS] = {0};
    offer_all(tick, &plan);
    exchange_standings(made);
    tick->plan = &plan;
    tick->eval.plan = &plan;
    for (uint32_t i = 0; i < plan.n_candidates; i++) {
        const struct perp_candidate *candidate = &plan.candidates[i];
        struct perp_need needs[PERP_MAX_LEGS];
        uint32_t n = 0;
        bool reducing;
        uint32_t reason = perp_tick_skip_reason(tick, candidate, needs, &n, &reducing);
        skipped_by[reason]++;
        if (candidate->waits->skipped != reason)
            differs_in(tick, candidate, reason, "why a job is skipped");
        if (reason)
            continue;
        if (n_chosen >= tick->n_chosen ||
            memcmp(&perp_chosen_at(tick, n_chosen)->id, &candidate->job->id, sizeof(perp_uuid)))
            differs_in(tick, candidate, reason, "what is chosen");
        n_chosen++;
        if (!perp_plan_choose(tick->core, &plan, candidate, needs, n))
            abort();
    }
    skipped_by[PERP_REASON_NONE] = 0;
    if (perp_market_news_sum(tick->core->market) == tick->core->risk->facts.news &&
        (n_chosen != tick->n_chosen ||
         memcmp(skipped_by, tick->counts.skipped_by, sizeof skipped_by))) {
        fprintf(stderr, "shadow: how many are chosen, or skipped by reason\n");
        abort();
    }
    tick->plan = made;
    tick->eval.plan = made;
    exchange_standings(made);
    free(plan.books);
    free(plan.candidates);
    free(plan.prices);
    free(plan.legs);
}

#endif
