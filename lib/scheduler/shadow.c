/* Whether what is kept is what it would be if nothing were: every decision in force is made anew in
   the long way and compared bit for bit, and so are the facts and counts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/scheduler.h"

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

static bool same_bits(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* What of a job's decision is not what it should be; NULL: it is. */
static const char *differs(const struct perp_job_entry *job, const struct perp_eval *e) {
    const struct perp_verdict *v = &job->verdict;
    if (v->reasons != e->reasons)
        return "the reasons of a decision that stands";
    if (v->reason != e->reason || v->accepted != e->accepted)
        return "the outcome of a decision that stands";
    if (v->reducing != e->reducing)
        return "whether a job that waits reduces";
    if (!same_bits(v->score, e->final))
        return "the score of a decision that stands";
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!same_bits(job->legs[i].offered, e->legs[i].price))
            return "the price of a leg in a decision that stands";
    return NULL;
}

static void tell(const struct perp_job_entry *job, const struct perp_eval *e, int64_t now,
                 const char *what) {
    char id[37];
    perp_uuid_format(&job->id, id);
    fprintf(stderr,
            "shadow: %s: job %s at %" PRId64 ": reasons %" PRIx64
            " reason %s score %.17g; should be "
            "%" PRIx64 " %s %.17g\n",
            what, id, now, job->verdict.reasons, perp_reason_name(e->core, job->verdict.reason),
            job->verdict.score, e->reasons, perp_reason_name(e->core, e->reason), e->final);
    for (uint32_t i = 0; i < job->n_legs; i++)
        fprintf(stderr, "    leg %u: instrument %u %s price %.17g, should be %.17g\n", i,
                job->legs[i].instrument, perp_side_string(job->legs[i].side), job->legs[i].offered,
                e->legs[i].price);
}

/* A recount of what stands. */
static const char *miscounted(const perp_core *core) {
    const struct perp_scheduler *scheduler = core->scheduler;
    const struct perp_verdicts *v = &scheduler->verdicts;
    struct perp_standing_tally tally = {0};
    uint32_t passed = 0, leaving = 0, special = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job)
            continue;
        const struct perp_verdict *verdict = &job->verdict;
        bool is_special = perp_job_is_special(job);
        special += is_special;
        tally.evaluated += verdict->counted;
        if (verdict->counted && !verdict->accepted) {
            tally.refused++;
            tally.refused_by[verdict->reason]++;
        }
        bool offered = verdict->counted && verdict->accepted && !is_special;
        if (offered != (verdict->offered_1 > 0))
            return "whether a job that waits is among those that passed";
        passed += offered && !verdict->reducing;
        leaving += offered && verdict->reducing;
    }
    if (passed != v->passed.n || leaving != v->leaving.n || special != v->special.n)
        return "how many jobs that wait passed";
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
                                bool rolled, bool tells) {
    const struct perp_scheduler *scheduler = core->scheduler;
    struct perp_eval e;
    perp_eval_begin(&e, core, plan, NULL, now, rolled);
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_job_entry *job = scheduler->pending[i].job;
        if (!job || !stands(core, job))
            continue;
        evaluate_afresh(&e, job);
        const char *what = differs(job, &e);
        if (!what || feeds_wrote(core))
            continue;
        if (tells)
            tell(job, &e, now, what);
        return what;
    }
    const char *what = miscounted(core);
    if (what)
        return what;
    what = perp_facts_differ(core, now, rolled);
    if (!what || feeds_wrote(core))
        return NULL;
    if (tells)
        fprintf(stderr, "shadow: %s at %" PRId64 "\n", what, now);
    return what;
}

const char *perp_decisions_differ(perp_core *core) {
    static const struct perp_plan nothing_chosen;
    struct perp_verdicts *v = &core->scheduler->verdicts;
    int64_t now = perp_clock(core);
    bool rolled = perp_day_begins(core, now);
    perp_facts_refresh(core, now, rolled, true);
    perp_verdicts_collect(core, now, v->paused, v->killed);
    return perp_shadow_differs(core, &nothing_chosen, now, rolled, false);
}
