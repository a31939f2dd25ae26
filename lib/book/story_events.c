/* How a base's being naked goes on, with its partial jobs and its repairs, and a running job's
   being unhedged: what each event of it does. */
#include "book/book.h"

/* Whether a partial job waits for none of its bases any more. */
static bool is_squared(const perp_core *core, const struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (core->positions->bases[job->legs[i].base].told)
            return false;
    return true;
}

static void move_partial_on(perp_core *core) {
    struct perp_job_entry *job = core->scheduler->open.first;
    while (job) {
        struct perp_job_entry *next = job->next;
        if (job->state == PERP_JOB_PARTIAL && is_squared(core, job)) {
            perp_job_count_partial(core, job, false);
            job->state = PERP_JOB_OPEN;
            perp_job_settle(core, job);
        }
        job = next;
    }
}

/* How many lots a job has once the batch at hand is applied. */
static int64_t lots_after(const perp_core *core, const struct perp_job_entry *job) {
    return core->prepared.sheet ? perp_sheet_lots(&core->positions->sheet, job)
                                : (int64_t)job->run->n_lots;
}

static void rows_story(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    const struct perp_ev_story *story = perp_read_story(event);
    const struct perp_job_entry *job = story->naked ? NULL : core->scheduler->open.first;
    perp_row_begin(to, PERP_TABLE_BASES);
    perp_row_text(to, PERP_BASES_BASE, core->bases.items[story->base]);
    perp_row_int(to, PERP_BASES_IS_NAKED, story->naked);
    if (!story->naked || !core->positions->bases[story->base].told)
        perp_row_time(to, PERP_BASES_SINCE_NS, story->naked ? event->time_ns : PERP_TIME_NONE);
    perp_row_int(to, PERP_BASES_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
    for (; job; job = job->next) {
        bool waits = job->state == PERP_JOB_PARTIAL;
        for (uint32_t i = 0; waits && i < job->n_legs; i++)
            waits =
                job->legs[i].base == story->base || !core->positions->bases[job->legs[i].base].told;
        if (!waits)
            continue;
        perp_row_job_state(to, event, &job->id,
                           lots_after(core, job) ? PERP_JOB_OPEN : PERP_JOB_CLOSED);
    }
}

static bool prepare_story(perp_core *core, const struct perp_event *event) {
    (void)event;
    uint32_t n = perp_n_partial(core->scheduler) + 1; /* the batch at hand may bring one */
    return perp_job_notices_reserve(core, n) && perp_past_reserve(core, n);
}

static void apply_story(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_story *story = perp_read_story(event);
    struct perp_base_entry *base = &core->positions->bases[story->base];
    const char *name = core->bases.items[story->base];
    double naked = perp_base_naked(core, NULL, story->base);
    if (story->naked && !base->told) {
        base->since = perp_clock(core);
        perp_tell_alert(core, PERP_ALERT_NAKED_BASE, PERP_ALERT_CRITICAL, true, name,
                        "%g %s have no other side", naked, name);
        perp_tell_leg_risk(core, name, naked);
    } else if (!story->naked && base->told) {
        perp_tell_alert(core, PERP_ALERT_NAKED_BASE, PERP_ALERT_CRITICAL, false, name,
                        "it has its other side again");
    }
    base->told = story->naked;
    if (story->repair_failed) {
        base->tries++;
        base->next_try = perp_ns_after(perp_clock(core), perp_repair_backoff_ns(core, base->tries));
    }
    if (!story->naked) {
        base->since = PERP_TIME_NONE;
        base->tries = 0;
        base->next_try = 0;
        base->stopped = false;
        base->stopped_since = PERP_TIME_NONE;
        if (base->short_of)
            perp_tell_alert(core, PERP_ALERT_REPAIR_SHORT, PERP_ALERT_WARNING, false, name,
                            "it has its other side again");
        base->short_of = false;
    }
    perp_base_moved(core, story->base);
    if (!story->naked)
        move_partial_on(core);
}

static bool fits_unhedged(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_unhedged *unhedged = perp_read_unhedged(event);
    const struct perp_job_entry *job = perp_job_find(core, perp_event_job(event));
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->legs[i].base == unhedged->base)
            return unhedged->state <= PERP_UNHEDGED_TOO_LONG;
    return false;
}

static void apply_unhedged(perp_core *core, const struct perp_event *event) {
    perp_job_unhedged(core, perp_job_find(core, perp_event_job(event)), perp_read_unhedged(event));
}

static void apply_resume_repair(perp_core *core, const struct perp_event *event) {
    uint32_t id = perp_read_resume_repair(event)->base;
    struct perp_base_entry *base = &core->positions->bases[id];
    base->stopped = false;
    base->stopped_since = PERP_TIME_NONE;
    base->tries = 0;
    base->next_try = 0;
    perp_base_moved(core, id);
}

const struct perp_event_row perp_story_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_STORY] = {.prepare = prepare_story, .rows = rows_story, .apply = apply_story},
    [PERP_EVENT_UNHEDGED] = {.fits = fits_unhedged, .apply = apply_unhedged},
    [PERP_EVENT_RESUME_REPAIR] = {.apply = apply_resume_repair},
};
