/* What must hold in every book, looked at from scratch. */
#include <math.h>
#include <string.h>

#include "book/book.h"

static perp_status broken(const perp_core *core, const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "jobs: %s", what);
}

/* Every reservation that a job holds is in its list, and the other way round. */
static perp_status check_held(const perp_core *core) {
    uint32_t by_jobs = 0, by_ledger = 0;
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (const struct perp_job_entry *job; (job = perp_jobs_next(&jobs));) {
        bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
        for (const struct perp_held *held = job->run->held; held; held = held->next_of_job) {
            if (!held->has_job || memcmp(&held->job, &job->id, sizeof job->id) != 0)
                return broken(core, "a reservation is in another job's list");
            if (!runs && held->in_flight + held->used == 0)
                return broken(core, "a reservation of which nothing is left has not ended");
            by_jobs++;
        }
        if (job->run->held && !runs && !job->run->n_lots)
            return broken(core, "a job of which nothing is open holds capital");
    }
    for (const struct perp_held *held = core->capital->first; held; held = held->next)
        by_ledger += held->has_job;
    return by_jobs == by_ledger ? PERP_OK : broken(core, "a reservation's job is gone");
}

/* Counts by exchange and instrument agree with the running jobs. */
static perp_status check_running(const perp_core *core) {
    const perp_risk *risk = core->risk;
    uint32_t jobs[PERP_MAX_EXCHANGES] = {0}, legs = 0, linked = 0, in_doubt = 0, n = 0;
    perp_usd notional[PERP_MAX_EXCHANGES] = {0};
    for (const struct perp_job_entry *job = core->scheduler->running.first; job; job = job->next) {
        for (uint32_t x = 0; x < PERP_MAX_EXCHANGES; x++)
            jobs[x] += (uint32_t)(job->exchanges >> x & 1);
        for (uint32_t i = 0; i < job->n_legs; i++)
            notional[job->legs[i].exchange] += job->legs[i].notional;
        if (perp_job_due(job) < core->scheduler->next_due)
            return broken(core, "a running job may be overdue unseen");
        if (job->run->unsaid && !core->scheduler->some_unsaid)
            return broken(core, "an executor's outcome would be forgotten");
        legs += job->n_legs;
        in_doubt += job->state == PERP_JOB_IN_DOUBT;
        n++;
    }
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++)
        if (jobs[x] != risk->running_jobs[x] || notional[x] != risk->running_notional[x])
            return broken(core, "running jobs of an exchange are not what runs");
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *exposure = &core->positions->at[i];
        uint32_t sides[PERP_SIDE_COUNT] = {0, 0};
        for (const struct perp_run_leg *leg = exposure->first; leg; leg = leg->next, linked++)
            sides[leg->side]++;
        if (memcmp(sides, exposure->running, sizeof sides) != 0)
            return broken(core, "running legs of an instrument are miscounted");
    }
    if (legs != linked || in_doubt != core->scheduler->n_in_doubt ||
        n != core->scheduler->running.count)
        return broken(core, "running jobs are miscounted");
    return PERP_OK;
}

static perp_status check_places(const perp_core *core) {
    const perp_scheduler *scheduler = core->scheduler;
    uint32_t n = 0;
    for (uint32_t i = 0; i < scheduler->n_places; i++) {
        const struct perp_place *place = perp_place_at(scheduler, i);
        if (i && place->order <= perp_place_at(scheduler, i - 1)->order)
            return broken(core, "pending jobs are out of order");
        if (place->job &&
            (place->job->state != PERP_JOB_PENDING || place->job->order != place->order))
            return broken(core, "a job that is not pending waits");
        n += place->job != NULL;
    }
    uint32_t past = 0;
    for (const struct perp_past *id = scheduler->first_past; id; id = id->next)
        past++;
    uint32_t all = n + scheduler->running.count + scheduler->open.count + scheduler->ended.count;
    if (n != scheduler->n_pending || all != core->jobs.count || past != core->past.count)
        return broken(core, "jobs are miscounted");
    return PERP_OK;
}

/* What the lots of a leg on an instrument occupy; how many there are is added. */
static perp_usd used_on(const perp_core *core, const struct perp_job_entry *job, uint32_t leg,
                        perp_instrument_id instrument, uint32_t *n_lots) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    perp_usd used = 0;
    for (uint32_t j = 0; j < entry->n_lots; j++) {
        bool its = entry->lots[j].owner == job && entry->lots[j].leg == leg;
        used += its ? entry->lots[j].used : 0;
        *n_lots += its;
    }
    return used;
}

/* What of a job's reservations is in flight and used on each exchange is what its legs there have
   left and what its lots occupy; those of a repair are where it was, too. */
static perp_status check_capital_of(const perp_core *core, const struct perp_job_entry *job) {
    perp_usd flying[PERP_MAX_EXCHANGES] = {0}, used[PERP_MAX_EXCHANGES] = {0};
    uint32_t n_lots = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        flying[leg->exchange] += job->run->legs[i].flying;
        if (!job->is_repair)
            used[leg->exchange] += used_on(core, job, i, leg->instrument, &n_lots);
        for (perp_instrument_id at = core->positions->bases[leg->base].first;
             job->is_repair && at != PERP_NO_ID; at = perp_instrument_at(core, at)->next_of_base)
            used[perp_instrument_at(core, at)->spec.exchange] += used_on(core, job, i, at, &n_lots);
    }
    for (const struct perp_held *held = job->run->held; held; held = held->next_of_job) {
        flying[held->exchange] -= held->in_flight;
        used[held->exchange] -= held->used;
    }
    for (perp_exchange_id x = 0; x < perp_n_exchanges(core); x++) {
        if (flying[x] != 0)
            return broken(core, "what is in flight of a job is not what its legs have left");
        if (used[x] != 0)
            return broken(core, "what is used of a job is not what its lots occupy");
    }
    return n_lots == job->run->n_lots ? PERP_OK : broken(core, "lots of a job are miscounted");
}

static perp_status wrong(const perp_core *core, perp_instrument_id instrument, const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "position of %s: %s",
                     perp_instrument_at(core, instrument)->spec.symbol, what);
}

/* The quantity is the last report's and the fills that it did not have. */
static bool quantity_is_sum(const struct perp_position_entry *entry) {
    double sum = entry->reported ? entry->report_quantity : 0, sizes = fabs(sum);
    for (uint32_t i = 0; i < entry->n_since; i++) {
        sum += entry->since[i].quantity;
        sizes += fabs(entry->since[i].quantity);
    }
    return fabs(sum - entry->quantity) <= PERP_NEAR_ZERO * (sizes + fabs(entry->quantity));
}

/* What is lost is of what is unexplained. */
static bool drift_is_sound(const struct perp_position_entry *entry) {
    bool of_it = entry->lost == 0 || (entry->lost > 0) == (entry->unexplained > 0);
    return of_it && perp_at_most(fabs(entry->lost), fabs(entry->unexplained)) &&
           (!entry->latched || entry->unexplained != 0) && (entry->aside || entry->aside_rest == 0);
}

/* A lot is of a leg, on its instrument and side, and no more than it has filled. */
static const char *lot_differs(const perp_core *core, const struct perp_position_entry *entry,
                               const struct perp_lot *lot, perp_instrument_id instrument) {
    const struct perp_job_entry *job = lot->owner;
    if (lot->quantity == 0 || (lot->quantity > 0) != (entry->lots[0].quantity > 0))
        return "lots have two signs";
    if (perp_job_find(core, &lot->job) != job || lot->leg >= job->n_legs)
        return "a lot's job is gone";
    const struct perp_run_leg *leg = &job->run->legs[lot->leg];
    /* The one leg of a repair may have been elsewhere before. */
    bool its =
        job->is_repair || job->is_flatten ||
        (leg->instrument == instrument && (leg->side == PERP_SIDE_BUY) == (lot->quantity > 0));
    if (!its || !perp_at_most(fabs(lot->quantity), leg->filled))
        return "a lot is not what its leg filled";
    return !(lot->price > 0) || lot->used < 0 ? "a lot without a price, or with less than nothing"
                                              : NULL;
}

/* What lots are short of is of one sign, once of each leg, and no more than it filled. */
static const char *owed_differs(const perp_core *core, const struct perp_position_entry *entry,
                                uint32_t n) {
    const struct perp_lot *owed = &entry->owed[n];
    const struct perp_job_entry *job = perp_job_find(core, &owed->job);
    bool more = job && (owed->leg >= job->n_legs ||
                        !perp_at_most(fabs(owed->quantity), job->run->legs[owed->leg].filled));
    for (uint32_t i = 0; i < n; i++)
        more |= entry->owed[i].leg == owed->leg &&
                memcmp(&entry->owed[i].job, &owed->job, sizeof owed->job) == 0;
    if (more || !isfinite(owed->quantity) || owed->quantity == 0 ||
        (owed->quantity > 0) != (entry->owed[0].quantity > 0))
        return "lots are short of what no leg filled";
    return !(owed->price > 0) || owed->used < 0
               ? "lots are short of one without a price, or with less than nothing"
               : NULL;
}

/* Of a leg: all fills count as naked at once, but those of a balanced job that runs; what it has in
   flight and what was seen of it is of what it may still fill. */
static const char *leg_differs(const struct perp_job_entry *job, uint32_t n) {
    const struct perp_run_leg *leg = &job->run->legs[n];
    const struct perp_job_leg *of = &job->legs[n];
    bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
    bool all = !(runs && job->balanced);
    if (of->n != n ||
        (perp_has_run(job) &&
         (leg->job != job || leg->instrument != of->instrument || leg->side != of->side ||
          leg->maker != of->maker || !perp_same_bits(leg->quantity, of->quantity) ||
          !perp_same_bits(leg->leverage, of->leverage) || leg->notional != of->notional ||
          leg->exchange != of->exchange || leg->base != of->base)))
        return "a leg that ran is not its job's";
    if (!perp_at_most(leg->counted, leg->filled) ||
        (all && !perp_at_most(leg->filled, leg->counted)))
        return "what is counted of a leg as naked is not what it filled";
    if (leg->seen < 0 || !perp_at_most(leg->seen, perp_leg_unfilled(&leg->row)) ||
        (!runs && leg->seen != 0))
        return "more was seen of a leg than it may still fill";
    return leg->flying < 0 || leg->flying > leg->notional || (!runs && leg->flying != 0)
               ? "a leg has in flight what it can't have"
               : NULL;
}

/* What is kept of the positions that there are to show is what they are. */
static perp_status check_shown(const perp_core *core) {
    const perp_positions *positions = core->positions;
    uint32_t n_held[PERP_MAX_EXCHANGES] = {0};
    for (perp_instrument_id i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *entry = &positions->at[i];
        bool shown = positions->shown[i / 64] >> i % 64 & 1;
        if (shown != perp_position_shows(entry) || entry->is_held != (entry->quantity != 0))
            return wrong(core, i, "whether it has something to show is not kept right");
        n_held[perp_instrument_at(core, i)->spec.exchange] += entry->is_held;
    }
    return memcmp(n_held, positions->n_held, sizeof n_held) == 0
               ? PERP_OK
               : broken(core, "positions of an exchange are miscounted");
}

/* What is kept of all positions of an exchange, and of those of a base, is what they are. */
static perp_status check_kept(const perp_core *core) {
    const perp_positions *positions = core->positions;
    uint32_t n_open = 0, n_moving = 0;
    for (perp_exchange_id x = 0; x < perp_n_exchanges(core); x++)
        for (uint32_t at = positions->first_open_1[x]; at; at = positions->at[at - 1].next_open_1) {
            uint32_t next = positions->at[at - 1].next_open_1;
            if (perp_instrument_at(core, at - 1)->spec.exchange != x || (next && next <= at) ||
                !positions->at[at - 1].is_open)
                return wrong(core, at - 1, "it is in the wrong list of what is open");
            n_open++;
        }
    for (uint32_t base = 0; base < core->bases.count; base++) {
        uint32_t n_latched = 0;
        for
            PERP_EACH_OF_BASE(core, i, base) {
                const struct perp_position_entry *entry = &positions->at[i];
                n_latched += entry->latched;
                n_open -= entry->is_open;
                bool spot = perp_instrument_at(core, i)->spec.kind == PERP_KIND_SPOT;
                bool is_open = !spot && (entry->first || entry->quantity != 0);
                if (entry->is_open != is_open || entry->is_latched != entry->latched ||
                    (entry->is_summed &&
                     entry->with_running != perp_position_with_running(entry, NULL)))
                    return wrong(core, i, "what is kept of it is not what it is");
            }
        if (n_latched != positions->bases[base].n_latched)
            return broken(core, "instruments of a base with latched drift are miscounted");
        if (positions->bases[base].is_moving != perp_base_is_moving(&positions->bases[base]))
            return broken(core, "a base that may be naked would be forgotten");
        n_moving += positions->bases[base].is_moving;
    }
    for (uint32_t at = positions->first_moving_1; at; n_moving--) {
        uint32_t next = positions->bases[at - 1].next_moving_1;
        if (!positions->bases[at - 1].is_moving || (next && next <= at))
            return broken(core, "a base is in the wrong list");
        at = next;
    }
    return n_open == 0 && n_moving == 0
               ? PERP_OK
               : broken(core, "open instruments, or bases that may be naked, are miscounted");
}

static perp_status check_position(const perp_core *core, perp_instrument_id instrument) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    if (!quantity_is_sum(entry))
        return wrong(core, instrument, "the quantity is not the last report's and the fills since");
    if (!drift_is_sound(entry))
        return wrong(core, instrument, "more is lost than unexplained");
    for (uint32_t i = 0; i < entry->n_lots; i++) {
        const char *what = lot_differs(core, entry, &entry->lots[i], instrument);
        if (what)
            return wrong(core, instrument, what);
    }
    for (uint32_t i = 0; i < entry->n_owed; i++) {
        const char *what = owed_differs(core, entry, i);
        if (what)
            return wrong(core, instrument, what);
    }
    return PERP_OK;
}

/* All lots of an instrument have its sign; quantity is what is foreign, what jobs have open and
   what legs have seen. */
static perp_status check_positions(const perp_core *core) {
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        perp_status status = check_position(core, i);
        if (status != PERP_OK)
            return status;
    }
    perp_status kept = check_kept(core);
    if (kept == PERP_OK)
        kept = check_shown(core);
    if (kept != PERP_OK)
        return kept;
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (const struct perp_job_entry *job; (job = perp_jobs_next(&jobs));) {
        perp_status status = check_capital_of(core, job);
        for (uint32_t j = 0; j < job->n_legs && status == PERP_OK; j++) {
            const char *what = leg_differs(job, j);
            status = what ? broken(core, what) : PERP_OK;
        }
        if (status != PERP_OK)
            return status;
    }
    return PERP_OK;
}

static bool has_lots(const perp_core *core, uint32_t base) {
    for
        PERP_EACH_OF_BASE(core, i, base)
    if (core->positions->at[i].n_lots)
        return true;
    return false;
}

/* What is naked is what lots of jobs that hedge each other sum up to, less what of running ones is
   not counted yet, and what is apart. Both sides were added up on their own, at each fill. */
static bool naked_is_sum(const perp_core *core, uint32_t base) {
    double off, sum = perp_base_naked_by_lots(core, base, &off);
    return fabs(sum - core->positions->bases[base].naked) <= off;
}

/* What is naked is what it must be; where no fill ever was (a fill leaves its price) nothing is
   naked, announced, told or repaired; and of repairs no more failed in a row than were made, with a
   pause after each. */
static const char *base_differs(const perp_core *core, uint32_t base) {
    const struct perp_base_entry *entry = &core->positions->bases[base];
    bool nothing = entry->naked == 0 && entry->expected == 0 && !entry->told && !entry->repairs &&
                   !entry->stopped && !has_lots(core, base);
    if (!isfinite(entry->naked) || !isfinite(entry->expected) || !perp_not_negative(entry->price))
        return "what is naked of a base is no number";
    if (!naked_is_sum(core, base))
        return "what is naked of a base is not what its fills and drift make it";
    if (entry->price == 0 && !nothing)
        return "something of a base is open or naked, and nothing was filled";
    if ((entry->tries || entry->repair) && !entry->repairs) /* one that is requeued fails again */
        return "repairs of a base failed, or there is one, and none was made";
    return !entry->tries && entry->next_try ? "a base waits for a repair after none that failed"
                                            : NULL;
}

/* A repair that waits or runs is its base's. */
static bool repair_is_known(const perp_core *core, const struct perp_job_entry *job) {
    return !job->is_repair || job->state > PERP_JOB_IN_DOUBT ||
           core->positions->bases[job->legs[0].base].repair == job;
}

/* A base's repair, and its partial jobs, are those that there are. */
static perp_status check_bases(const perp_core *core) {
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (const struct perp_job_entry *job; (job = perp_jobs_next(&jobs));)
        if (!repair_is_known(core, job))
            return broken(core, "a repair is not its base's");
    for (uint32_t base = 0; base < core->bases.count; base++) {
        const struct perp_base_entry *entry = &core->positions->bases[base];
        const char *what = base_differs(core, base);
        uint32_t n = 0;
        if (what)
            return broken(core, what);
        for (const struct perp_job_entry *job = core->scheduler->open.first; job; job = job->next)
            for (uint32_t i = 0; job->state == PERP_JOB_PARTIAL && i < job->n_legs; i++)
                n += job->legs[i].base == base;
        if (n != entry->n_partial)
            return broken(core, "partial jobs of a base are miscounted");
        if (entry->told == (entry->since == PERP_TIME_NONE))
            return broken(core, "a base is naked since no time, or not since one");
        if (entry->repair &&
            (!entry->repair->is_repair || entry->repair->state > PERP_JOB_IN_DOUBT ||
             entry->repair->legs[0].base != base))
            return broken(core, "a base's repair is none");
    }
    return PERP_OK;
}

/* Decisions in force, and what they rest on, are what they would be if nothing were kept. A rule of
   the host is asked in the midst of deciding: then that can't be said. */
static perp_status check_decisions(const perp_core *core) {
    if (perp_in_rule(core))
        return PERP_OK;
    /* What is to be looked at anew is marked; the book itself is only read. */
    const char *what = perp_decisions_differ((perp_core *)(uintptr_t)core);
    return what ? perp_fail(core, PERP_E_CORRUPT, "decisions: %s", what) : PERP_OK;
}

perp_status perp_core_check(const perp_core *core) {
    if (!core)
        return perp_fail(NULL, PERP_E_INVALID, "core: NULL");
    perp_lock(core);
    perp_status status = perp_capital_check(core->capital);
    if (status == PERP_OK)
        status = check_places(core);
    if (status == PERP_OK)
        status = check_running(core);
    if (status == PERP_OK)
        status = check_held(core);
    if (status == PERP_OK)
        status = check_positions(core);
    if (status == PERP_OK)
        status = check_bases(core);
    if (status == PERP_OK)
        status = perp_orders_check(core);
    if (status == PERP_OK)
        status = check_decisions(core);
    if (status != PERP_OK) /* the mark is not part of the book that a caller holds const */
        ((perp_core *)(uintptr_t)core)->corrupt = true;
    perp_unlock(core);
    return status;
}
