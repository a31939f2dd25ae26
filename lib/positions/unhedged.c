/* Running jobs whose legs have filled unequally: what has no other side while they work on it. */
#include "positions/positions.h"

#include <math.h>

#include "util/num.h"

double perp_leg_risk_tolerance(const perp_core *core, const struct perp_job_entry *job) {
    const perp_scheduler_config *config = &core->config.scheduler;
    return perp_max(perp_usd_to_double(config->leg_risk_usd),
                    config->leg_risk_tolerance * perp_usd_to_double(job->notional));
}

/* What is filled of a leg, with what is told just now. */
static double filled_of(const struct perp_job_entry *job, uint32_t leg,
                        const struct perp_filled *fills, uint32_t n) {
    double filled = job->run->legs[leg].filled;
    for (uint32_t i = 0; i < n; i++)
        if (fills[i].leg == leg)
            filled = perp_quantity_sum(filled, fills[i].quantity);
    return filled;
}

/* The mid of the first leg of the base with a quote, else the price of its last fill. */
static double price_of(const perp_core *core, const struct perp_job_entry *job, uint32_t base,
                       const struct perp_filled *fills, uint32_t n) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        double mid;
        if (job->legs[i].base == base &&
            perp_market_mid(core->market, job->legs[i].instrument, &mid))
            return mid;
    }
    for (uint32_t i = n; i-- > 0;)
        if (job->legs[fills[i].leg].base == base && fills[i].quantity > 0)
            return fills[i].price;
    return core->positions->bases[base].price;
}

static bool is_first_of_base(const struct perp_job_entry *job, uint32_t leg) {
    for (uint32_t i = 0; i < leg; i++)
        if (job->legs[i].base == job->legs[leg].base)
            return false;
    return true;
}

/* What of a job has no other side, in USD; *base, *quantity: where it is most. */
static double unhedged_usd(const perp_core *core, const struct perp_job_entry *job,
                           const struct perp_filled *fills, uint32_t n, uint32_t *base,
                           double *quantity) {
    double sum = 0, most = -1;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        double naked = 0;
        if (!is_first_of_base(job, i))
            continue;
        uint32_t of = job->legs[i].base;
        for (uint32_t k = i; k < job->n_legs; k++)
            if (job->legs[k].base == of)
                naked = perp_quantity_sum(
                    naked, perp_signed(job->legs[k].side, filled_of(job, k, fills, n)));
        double usd = naked == 0 ? 0 : fabs(naked) * price_of(core, job, of, fills, n);
        sum += usd;
        if (usd > most) {
            most = usd;
            *base = of;
            *quantity = naked;
        }
    }
    return sum;
}

double perp_job_unhedged_usd(const perp_core *core, const struct perp_job_entry *job, int64_t now,
                             uint32_t *base, double *quantity) {
    (void)now; /* a mid has no age */
    return unhedged_usd(core, job, NULL, 0, base, quantity);
}

static bool is_too_long(const perp_core *core, const struct perp_job_entry *job, int64_t now) {
    int64_t most = core->config.orders.max_unhedged_ms;
    return most > 0 && job->run->unhedged_since != PERP_TIME_NONE &&
           perp_ns_since(job->run->unhedged_since, now) > most * PERP_NS_PER_MS;
}

void perp_look_at_unhedged(perp_core *core, const struct perp_job_entry *job,
                           const struct perp_filled *fills, uint32_t n, int64_t now) {
    struct perp_ev_unhedged unhedged = {.job = job->id};
    if (!job->balanced)
        return;
    bool was = job->run->unhedged_since != PERP_TIME_NONE;
    bool is = unhedged_usd(core, job, fills, n, &unhedged.base, &unhedged.quantity) >
              perp_leg_risk_tolerance(core, job);
    if (is == was && !(is && !job->run->unhedged_told && is_too_long(core, job, now)))
        return;
    unhedged.state = !is ? PERP_HEDGED : was ? PERP_UNHEDGED_TOO_LONG : PERP_UNHEDGED;
    perp_put_unhedged(core, &unhedged);
}

static void leave_list(perp_core *core, struct perp_job_entry *job) {
    struct perp_job_entry **at = &core->positions->first_unhedged;
    while (*at && *at != job)
        at = &(*at)->run->next_unhedged;
    if (*at)
        *at = job->run->next_unhedged;
    job->run->next_unhedged = NULL;
}

/* In order of dispatch, so that the list is the same however it came about. */
void perp_job_link_unhedged(perp_core *core, struct perp_job_entry *job) {
    struct perp_job_entry **at = &core->positions->first_unhedged;
    while (*at && (*at)->run->dispatch < job->run->dispatch)
        at = &(*at)->run->next_unhedged;
    job->run->next_unhedged = *at;
    *at = job;
}

void perp_job_hedged(perp_core *core, struct perp_job_entry *job) {
    char id[37];
    if (job->run->unhedged_since == PERP_TIME_NONE)
        return;
    leave_list(core, job); /* its bases were looked at while it was there, or its legs move */
    job->run->unhedged_since = PERP_TIME_NONE;
    if (!job->run->unhedged_told)
        return;
    job->run->unhedged_told = false;
    perp_uuid_format(&job->id, id);
    perp_tell_alert(core, PERP_ALERT_UNHEDGED, PERP_ALERT_CRITICAL, false, id,
                    "its legs have filled equally, or it has ended");
}

void perp_job_unhedged(perp_core *core, struct perp_job_entry *job,
                       const struct perp_ev_unhedged *unhedged) {
    const char *base = core->bases.items[unhedged->base];
    char id[37];
    if (unhedged->state == PERP_HEDGED) {
        perp_job_hedged(core, job);
        return;
    }
    if (job->run->unhedged_since == PERP_TIME_NONE) {
        job->run->unhedged_since = perp_clock(core);
        perp_job_link_unhedged(core, job);
    }
    if (unhedged->state != PERP_UNHEDGED_TOO_LONG || job->run->unhedged_told)
        return;
    job->run->unhedged_told = true;
    perp_uuid_format(&job->id, id);
    perp_tell_alert(core, PERP_ALERT_UNHEDGED, PERP_ALERT_CRITICAL, true, id,
                    "%g %s of it have no other side for longer than max_unhedged_ms",
                    unhedged->quantity, base);
    perp_tell_unhedged(core, &job->id, base, unhedged->quantity);
}

bool perp_base_unhedged(const perp_core *core, const struct perp_plan *plan, uint32_t base,
                        int64_t now) {
    const struct perp_job_entry *job = core->positions->first_unhedged;
    for (; job; job = job->run->next_unhedged) {
        uint32_t most;
        double quantity;
        bool of_base = false;
        for (uint32_t i = 0; i < job->n_legs; i++)
            of_base |= job->legs[i].base == base;
        if (!of_base || !is_too_long(core, job, now))
            continue;
        /* A tick looks at it anew; else it is as the last look found it. */
        if (!plan ||
            unhedged_usd(core, job, NULL, 0, &most, &quantity) > perp_leg_risk_tolerance(core, job))
            return true;
    }
    return false;
}

double perp_unhedged_usd(const perp_core *core, int64_t now) {
    const struct perp_job_entry *job = core->positions->first_unhedged;
    double sum = 0;
    (void)now; /* likewise */
    for (; job; job = job->run->next_unhedged) {
        uint32_t base;
        double quantity;
        sum += unhedged_usd(core, job, NULL, 0, &base, &quantity);
    }
    return sum;
}
