/* A job as the host gives it: checked, with its defaults filled in. */
#include "core/job.h"

#include <math.h>
#include <string.h>

#include "core/events.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

void perp_job_init(perp_job *job) {
    if (!job)
        return;
    memset(job, 0, sizeof *job);
    job->struct_size = sizeof *job;
    job->est_volume = -1;
    job->created_at_ns = PERP_TIME_NONE;
    job->ttl_ms = -1;
    job->max_run_ms = -1;
}

const perp_job *perp_job_given(const perp_job *job, perp_job *room) {
    if (job && job->struct_size == sizeof *job)
        return job;
    perp_job_init(room);
    return perp_struct_in(room, sizeof *room, job) ? room : NULL;
}

bool perp_on_step(double quantity, double step) {
    double quotient = quantity / step;
    double off = fabs(quotient - nearbyint(quotient));
    return off <= 1e-9 || off <= 4 * (nextafter(quotient, INFINITY) - quotient);
}

perp_status perp_leg_check_minima(const perp_core *core, const struct perp_job_leg *leg, uint32_t n,
                                  bool free) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, leg->instrument)->spec;
    if (leg->quantity < spec->min_qty)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].quantity: %.17g is below min_qty %g",
                         n, leg->quantity, spec->min_qty);
    if (!free && leg->notional < spec->min_notional)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: %s is below min_notional %s",
                         n, PERP_SHOW_USD(leg->notional), PERP_SHOW_USD(spec->min_notional));
    if (spec->qty_step > 0 && !perp_on_step(leg->quantity, spec->qty_step))
        return perp_fail(core, PERP_E_INVALID,
                         "job.legs[%u].quantity: %.17g is not a multiple of %g", n, leg->quantity,
                         spec->qty_step);
    return PERP_OK;
}

static perp_status check_leg(const perp_core *core, const perp_job *spec, uint32_t n) {
    const perp_leg *given = &spec->legs[n];
    if (given->instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].instrument: no instrument %u", n,
                         given->instrument);
    if (given->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].reserved: %u must be 0", n,
                         given->reserved);
    if (given->side >= PERP_SIDE_COUNT)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].side: %u is not known", n,
                         given->side);
    if (given->maker > 1)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].maker: %u is not 0 or 1", n,
                         given->maker);
    if (!perp_positive(given->quantity))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].quantity: %g is not above 0", n,
                         given->quantity);
    if (given->notional < 0)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: %s is not above 0", n,
                         PERP_SHOW_USD(given->notional));
    if (given->leverage != 0 && (!isfinite(given->leverage) || given->leverage < 1))
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].leverage: %g is below 1", n,
                         given->leverage);
    if (given->notional > PERP_MOST_NOTIONAL)
        return perp_fail(core, PERP_E_INVALID, "job.legs[%u].notional: out of range", n);
    return PERP_OK;
}

static struct perp_job_leg make_leg(const perp_core *core, const perp_job *spec, uint32_t n) {
    const perp_leg *given = &spec->legs[n];
    const struct perp_instrument_entry *instrument = perp_instrument_at(core, given->instrument);
    return (struct perp_job_leg){
        .instrument = given->instrument,
        .exchange = (uint8_t)instrument->spec.exchange,
        .base = instrument->base,
        .side = (uint8_t)given->side,
        .maker = (uint8_t)given->maker,
        .n = (uint8_t)n,
        .quantity = given->quantity,
        .leverage = given->leverage != 0 ? given->leverage : core->config.risk.default_leverage,
        .notional = given->notional ? given->notional : spec->notional,
    };
}

#define MAX_HOLDING_HOURS 8760.0
#define MAX_TTL_MS (INT64_C(366) * 86400 * 1000)

static perp_status check_numbers(const perp_core *core, const perp_job *spec) {
    if (spec->strategy >= PERP_STRATEGY_COUNT)
        return perp_fail(core, PERP_E_INVALID, "job.strategy_type: %u is not known",
                         spec->strategy);
    if (spec->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "job.reserved: %u must be 0", spec->reserved);
    if (spec->n_legs < 1 || spec->n_legs > PERP_MAX_LEGS)
        return perp_fail(core, PERP_E_INVALID, "job.legs: %u, must be 1 to %d", spec->n_legs,
                         PERP_MAX_LEGS);
    if (spec->notional <= 0 || spec->notional > PERP_MOST_NOTIONAL)
        return perp_fail(core, PERP_E_INVALID, "job.notional: %s is out of range",
                         PERP_SHOW_USD(spec->notional));
    if (spec->est_volume < -1 || spec->est_volume > PERP_MOST_NOTIONAL)
        return perp_fail(core, PERP_E_INVALID, "job.est_volume: %s is out of range",
                         PERP_SHOW_USD(spec->est_volume));
    if (!isfinite(spec->expected_edge_bps))
        return perp_fail(core, PERP_E_INVALID, "job.expected_edge_bps: not finite");
    if (!perp_not_negative(spec->holding_hours) || spec->holding_hours > MAX_HOLDING_HOURS)
        return perp_fail(core, PERP_E_INVALID, "job.holding_hours: %g is not in 0 to %g",
                         spec->holding_hours, MAX_HOLDING_HOURS);
    if (spec->ttl_ms < -1 || spec->ttl_ms > MAX_TTL_MS)
        return perp_fail(core, PERP_E_INVALID, "job.ttl_ms: %lld is out of range",
                         (long long)spec->ttl_ms);
    if (spec->max_run_ms < -1 || spec->max_run_ms > MAX_TTL_MS)
        return perp_fail(core, PERP_E_INVALID, "job.max_run_ms: %lld is out of range",
                         (long long)spec->max_run_ms);
    if (spec->priority < -PERP_MOST_PRIORITY || spec->priority > PERP_MOST_PRIORITY)
        return perp_fail(core, PERP_E_INVALID, "job.priority: %d is not in -100 to 100",
                         spec->priority);
    if (spec->metadata_size > PERP_MAX_METADATA || (spec->metadata_size && !spec->metadata))
        return perp_fail(core, PERP_E_INVALID, "job.metadata: %u bytes, at most %d",
                         spec->metadata_size, PERP_MAX_METADATA);
    return PERP_OK;
}

/* Which of what may be left to a default was: bits of `defaulted`. */
static uint32_t defaulted_in(const perp_job *spec) {
    uint32_t bits = 0;
    if (spec->ttl_ms < 0)
        bits |= UINT32_C(1) << PERP_DEFAULTED_TTL;
    if (spec->max_run_ms < 0)
        bits |= UINT32_C(1) << PERP_DEFAULTED_MAX_RUN;
    for (uint32_t i = 0; i < spec->n_legs; i++)
        if (spec->legs[i].leverage == 0)
            bits |= UINT32_C(1) << (PERP_DEFAULTED_LEVERAGE + i);
    return bits;
}

/* The job of a spec whose legs, instruments and metadata are there; what else it says is not
   looked at. false: sums overflow. */
static bool fill(const perp_core *core, const perp_job *spec, int64_t now,
                 struct perp_job_entry *job) {
    const perp_scheduler_config *config = &core->config.scheduler;
    perp_usd sum = 0;
    perp_zero(job, sizeof *job);
    job->run = perp_never_ran;
    for (uint32_t i = 0; i < spec->n_legs; i++) {
        job->legs[i] = make_leg(core, spec, i);
        job->exchanges |= UINT64_C(1) << job->legs[i].exchange;
        if (!perp_usd_add(sum, job->legs[i].notional, &sum))
            return false;
    }
    job->n_legs = (uint8_t)spec->n_legs;
    job->id = spec->job_id;
    job->strategy = (uint8_t)spec->strategy;
    job->state = PERP_JOB_PENDING;
    job->notional = spec->notional;
    job->est_volume = spec->est_volume >= 0 ? spec->est_volume : sum;
    job->edge_bps = spec->expected_edge_bps;
    job->holding_hours = spec->holding_hours;
    job->given_created = spec->created_at_ns;
    job->ttl_ms = spec->ttl_ms >= 0 ? spec->ttl_ms : config->default_ttl_ms;
    job->ttl_from = spec->created_at_ns != PERP_TIME_NONE ? spec->created_at_ns : now;
    job->max_run_ms = spec->max_run_ms >= 0 ? spec->max_run_ms : config->default_max_run_ms;
    job->priority = (int8_t)spec->priority;
    job->defaulted = defaulted_in(spec);
    job->metadata_size = (uint16_t)spec->metadata_size;
    job->metadata = (void *)(uintptr_t)spec->metadata;
    job->closes = spec->closes;
    job->balanced = perp_job_balanced(job, core->config.scheduler.hedge_tolerance, &(uint32_t){0});
    job->submitted = now;
    job->score = NAN;
    return true;
}

bool perp_job_content(const perp_core *core, const perp_job *given, int64_t now,
                      union perp_job_room *room) {
    perp_job copy;
    const perp_job *spec = perp_job_given(given, &copy);
    if (!spec || spec->n_legs < 1 || spec->n_legs > PERP_MAX_LEGS ||
        spec->metadata_size > PERP_MAX_METADATA || (spec->metadata_size && !spec->metadata) ||
        spec->strategy >= PERP_STRATEGY_COUNT || spec->priority < -PERP_MOST_PRIORITY ||
        spec->priority > PERP_MOST_PRIORITY) /* what else it says has its place in a job */
        return false;
    for (uint32_t i = 0; i < spec->n_legs; i++)
        if (spec->legs[i].instrument >= perp_n_instruments(core) ||
            spec->legs[i].side >= PERP_SIDE_COUNT)
            return false;
    return fill(core, spec, now, &room->job);
}

perp_status perp_job_from_spec(const perp_core *core, const perp_job *given, int64_t now,
                               union perp_job_room *room) {
    perp_job copy;
    const perp_job *spec = perp_job_given(given, &copy);
    if (!spec)
        return perp_fail(core, PERP_E_INVALID, "job: struct_size %u is not known",
                         given->struct_size);
    perp_status status = check_numbers(core, spec);
    for (uint32_t i = 0; i < spec->n_legs && status == PERP_OK; i++)
        status = check_leg(core, spec, i);
    if (status == PERP_OK && !fill(core, spec, now, &room->job)) /* never: none is that large */
        status = perp_fail(core, PERP_E_INVALID, "job.legs: the notionals overflow");
    return status;
}

bool perp_job_balanced(const struct perp_job_entry *job, double tolerance, uint32_t *odd_base) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        uint32_t base = job->legs[i].base;
        double sums[PERP_SIDE_COUNT] = {0, 0};
        for (uint32_t j = 0; j < job->n_legs; j++)
            if (job->legs[j].base == base)
                sums[job->legs[j].side] += job->legs[j].quantity;
        double larger = perp_max(sums[0], sums[1]);
        if (fabs(sums[0] - sums[1]) > tolerance * larger) {
            *odd_base = base;
            return false;
        }
    }
    return true;
}

struct perp_job_entry *perp_job_find(const perp_core *core, const perp_uuid *id) {
    return id ? (struct perp_job_entry *)perp_chains_find(&core->jobs, id) : NULL;
}

const struct perp_job_entry *perp_job_soon(const perp_core *core, const perp_uuid *id) {
    const struct perp_job_entry *job = perp_job_find(core, id);
    for (const struct perp_job_entry *made = core->prepared.new_jobs; id && !job && made;
         made = made->next)
        if (memcmp(&made->id, id, sizeof *id) == 0)
            job = made;
    return job;
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

static const union {
    struct perp_job_run run;
    char bytes[sizeof(struct perp_job_run) + PERP_MAX_LEGS * sizeof(struct perp_run_leg)];
} never_ran = {.run = {.started = PERP_TIME_NONE, .unhedged_since = PERP_TIME_NONE}};
struct perp_job_run *const perp_never_ran = (struct perp_job_run *)(uintptr_t)&never_ran.run;

void perp_leg_set(const perp_core *core, struct perp_job_leg *leg, const struct perp_leg_row *row) {
    const struct perp_instrument_entry *instrument = perp_instrument_at(core, row->instrument);
    leg->instrument = row->instrument;
    leg->side = (uint8_t)row->side;
    leg->maker = (uint8_t)row->maker;
    leg->quantity = row->quantity;
    leg->leverage = row->leverage;
    leg->notional = row->notional;
    leg->exchange = (uint8_t)instrument->spec.exchange;
    leg->base = instrument->base;
}

/* What a leg that runs has from its job. */
static void set_wanted(struct perp_leg_row *row, const struct perp_job_leg *leg) {
    row->instrument = leg->instrument;
    row->side = leg->side;
    row->maker = leg->maker;
    row->quantity = leg->quantity;
    row->leverage = leg->leverage;
    row->notional = leg->notional;
}

void perp_run_follow(struct perp_job_entry *job) {
    for (uint32_t i = 0; i < job->n_legs && perp_has_run(job); i++) {
        struct perp_run_leg *leg = &job->run->legs[i];
        set_wanted(&leg->row, &job->legs[i]);
        leg->exchange = job->legs[i].exchange;
        leg->base = job->legs[i].base;
    }
}

void perp_job_row_of(const struct perp_job_entry *job, struct perp_job_row *row) {
    perp_zero(row, sizeof *row);
#define SMALL(field, type) row->field = job->field;
#define ENTRY(field) row->field = job->field;
#define RUN(field) row->field = job->run->field;
    PERP_JOB_FIELDS(SMALL, ENTRY, RUN)
#undef SMALL
#undef ENTRY
#undef RUN
    row->ended = perp_job_ended(job);
}

void perp_job_legs_of(const struct perp_job_entry *job, struct perp_leg_row legs[PERP_MAX_LEGS]) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        legs[i] = job->run->legs[i].row;
        set_wanted(&legs[i], &job->legs[i]);
    }
}

void perp_leg_row_of(const struct perp_job_entry *job, const struct perp_job_leg *leg,
                     struct perp_leg_row *row) {
    *row = job->run->legs[0].row;
    set_wanted(row, leg);
}

bool perp_leg_row_ran(const struct perp_leg_row *leg) {
    return leg->price != 0 || leg->filled != 0 || leg->average != 0 || leg->fee != 0 ||
           leg->pnl != 0 || leg->flying != 0 || leg->seen != 0 || leg->counted != 0;
}

bool perp_job_rows_ran(const struct perp_ev_submit *submit) {
    const struct perp_job_row *row = &submit->job;
    bool ran =
        (PERP_IN(RUNNING) | PERP_IN(IN_DOUBT) | PERP_IN(OPEN) | PERP_IN(PARTIAL)) >> row->state & 1;
#define SMALL(field, type)
#define ENTRY(field)
#define RUN(field) ran |= row->field != perp_never_ran->field;
    PERP_JOB_FIELDS(SMALL, ENTRY, RUN)
#undef SMALL
#undef ENTRY
#undef RUN
    for (uint32_t i = 0; i < submit->n_legs; i++)
        ran |= perp_leg_row_ran(&submit->legs[i]);
    return ran;
}

void perp_job_set(const perp_core *core, struct perp_job_entry *job,
                  const struct perp_ev_submit *submit) {
    const struct perp_job_row *row = &submit->job;
#define SMALL(field, type) job->field = (type)row->field;
#define ENTRY(field) job->field = row->field;
#define RUN(field)
    PERP_JOB_FIELDS(SMALL, ENTRY, RUN)
#undef SMALL
#undef ENTRY
#undef RUN
    job->run = perp_never_ran;
    job->n_legs = (uint8_t)submit->n_legs;
    job->score = NAN;
    job->explained = PERP_TIME_NONE;
    if (job->state != PERP_JOB_PENDING)
        job->ended = row->ended;
    job->exchanges = 0;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_leg_set(core, &job->legs[i], &submit->legs[i]);
        job->legs[i].n = (uint8_t)i;
        job->exchanges |= UINT64_C(1) << job->legs[i].exchange;
    }
}

void perp_run_set(struct perp_job_entry *job, struct perp_job_run *run,
                  const struct perp_ev_submit *submit) {
    const uint32_t room = run->n_legs;
    memcpy(run, perp_never_ran, perp_run_size(job->n_legs));
    run->n_legs = room;
    job->run = run;
    if (submit) {
        const struct perp_job_row *row = &submit->job;
#define SMALL(field, type)
#define ENTRY(field)
#define RUN(field) run->field = row->field;
        PERP_JOB_FIELDS(SMALL, ENTRY, RUN)
#undef SMALL
#undef ENTRY
#undef RUN
    }
    for (uint32_t i = 0; i < job->n_legs; i++) {
        run->legs[i].job = job;
        if (submit)
            run->legs[i].row = submit->legs[i];
    }
    perp_run_follow(job);
}

void perp_job_spec_of(const struct perp_job_entry *job, perp_job *spec) {
    perp_job_init(spec);
    spec->job_id = job->id;
    spec->strategy = job->strategy;
    spec->notional = job->notional;
    spec->est_volume = job->est_volume;
    spec->expected_edge_bps = job->edge_bps;
    spec->holding_hours = job->holding_hours;
    spec->created_at_ns =
        job->given_created != PERP_TIME_NONE ? job->given_created : job->submitted;
    spec->ttl_ms = job->ttl_ms;
    spec->max_run_ms = job->max_run_ms;
    spec->priority = job->priority;
    spec->n_legs = job->n_legs;
    spec->metadata = job->metadata;
    spec->metadata_size = job->metadata_size;
    spec->closes = job->closes;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const struct perp_job_leg *leg = &job->legs[i];
        spec->legs[i] = (perp_leg){.instrument = leg->instrument,
                                   .side = leg->side,
                                   .quantity = leg->quantity,
                                   .notional = leg->notional,
                                   .leverage = leg->leverage,
                                   .maker = leg->maker};
    }
}
