/* The jobs of the desk: submitting them, what became of them, and closing what they have open. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replay_desk.h"

#define EXIT_TTL_MS 20000
#define EXIT_RETRY_NS (5 * DESK_SECOND)
#define LEFT_OVER_NS                                                                               \
    (300 * DESK_SECOND) /* then what a repair opened is closed, if nobody needs it */

/* Ids count jobs, so that an id tells where its job is. */
static perp_uuid make_id(uint64_t run, uint32_t index) {
    perp_uuid id = {{0}};
    for (int i = 0; i < 8; i++)
        id.bytes[4 + i] = (uint8_t)(run >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        id.bytes[12 + i] = (uint8_t)(index >> (24 - 8 * i));
    return id;
}

uint32_t desk_find_job(const struct desk *desk, const perp_uuid *id) {
    uint32_t index = 0;
    for (int i = 0; i < 4; i++)
        index = index << 8 | id->bytes[12 + i];
    if (index < desk->n_jobs && memcmp(&desk->jobs[index].id, id, sizeof *id) == 0)
        return index;
    /* Repairs and what is flattened have ids of the library. */
    for (uint32_t i = 0; i < desk->n_live; i++)
        if (memcmp(&desk->jobs[desk->live[i]].id, id, sizeof *id) == 0)
            return desk->live[i];
    return DESK_NONE;
}

static int make_room(struct desk *desk) {
    if (desk->n_jobs < desk->job_room)
        return 1;
    uint32_t room = desk->job_room == 0 ? 1024 : desk->job_room * 2;
    desk_job *jobs = realloc(desk->jobs, room * sizeof *jobs);
    if (jobs != NULL)
        desk->jobs = jobs;
    uint32_t *live = realloc(desk->live, room * sizeof *live);
    if (live != NULL)
        desk->live = live;
    if (jobs == NULL || live == NULL)
        return desk_ok(desk, PERP_E_NOMEM, "job list");
    desk->job_room = room;
    return 1;
}

static void to_stage(desk_job *job, int64_t now_ns, uint32_t stage) {
    job->stage = stage;
    job->since_ns = now_ns;
}

static desk_job *add_job(struct desk *desk, int64_t now_ns, const perp_uuid *id, uint32_t purpose,
                         uint32_t parent) {
    desk_job *row = &desk->jobs[desk->n_jobs];
    memset(row, 0, sizeof *row);
    row->id = *id;
    row->purpose = purpose;
    row->end_state = PERP_JOB_STATE_COUNT;
    row->parent = parent;
    row->exit = DESK_NONE;
    to_stage(row, now_ns, DESK_PENDING);
    desk->live[desk->n_live++] = desk->n_jobs++;
    desk->report.submitted[purpose]++;
    return row;
}

/* Which rule a job broke that was not even queued. */
static void note_invalid(struct desk *desk, int64_t now_ns, const perp_job *job) {
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    perp_status status = perp_risk_evaluate(perp_core_risk(desk->core), now_ns, job, &evaluation);
    uint32_t reason = status == PERP_OK ? evaluation.reason : PERP_REASON_NONE;
    desk->report.at_submit[reason]++;
    desk->report.met[reason]++;
}

uint32_t desk_submit(struct desk *desk, int64_t now_ns, perp_job *job, uint32_t purpose,
                     uint32_t parent) {
    if (!make_room(desk))
        return DESK_NONE;
    uint32_t index = desk->n_jobs;
    perp_call call = desk_call(now_ns);
    job->job_id = make_id(desk->settings.run, index);
    perp_status status = perp_scheduler_submit(perp_core_scheduler(desk->core), &call, job);
    if (status == PERP_E_INVALID) {
        note_invalid(desk, now_ns, job);
        return DESK_NONE;
    }
    if (!desk_ok(desk, status, "submit"))
        return DESK_NONE;
    desk_job *row = add_job(desk, now_ns, &job->job_id, purpose, parent);
    row->notional = job->notional;
    row->n_legs = job->n_legs < DESK_LEGS ? job->n_legs : DESK_LEGS;
    for (uint32_t i = 0; i < row->n_legs; i++)
        row->legs[i] = job->legs[i].instrument;
    return index;
}

void desk_cancel(struct desk *desk, int64_t now_ns, uint32_t index) {
    perp_call call = desk_call(now_ns);
    desk_ok(desk,
            perp_scheduler_cancel(perp_core_scheduler(desk->core), &call, &desk->jobs[index].id),
            "cancel");
}

/* ---- what the library says of jobs ---- */

static uint32_t repair_row(struct desk *desk, const perp_execution *execution) {
    if (!make_room(desk))
        return DESK_NONE;
    desk_job *row = add_job(desk, execution->now_ns, &execution->job_id, DESK_REPAIR, DESK_NONE);
    row->notional = execution->notional;
    row->n_legs = 1;
    row->legs[0] = execution->orders[0].instrument;
    return desk->n_jobs - 1;
}

void desk_execute(void *user, const perp_execution *execution, uint32_t *outcome) {
    struct desk *desk = user;
    uint32_t index = desk_find_job(desk, &execution->job_id);
    /* Repairs, and what a person flattens, are not of the strategies. */
    if (index == DESK_NONE && (execution->is_repair || execution->reduce_only))
        index = repair_row(desk, execution);
    if (index == DESK_NONE) {
        *outcome = PERP_OUTCOME_DECLINED;
        return;
    }
    *outcome = paper_execute(desk, execution);
    desk->report.dispatched[desk->jobs[index].purpose]++;
    to_stage(&desk->jobs[index], execution->now_ns, DESK_RUNNING);
}

void desk_requeued(struct desk *desk, int64_t now_ns, const paper_ticket *ticket) {
    uint32_t index = desk_find_job(desk, &ticket->job_id);
    if (index != DESK_NONE)
        to_stage(&desk->jobs[index], now_ns, DESK_PENDING);
}

/* Open and partial: something of the job is open, and may stay so for long. All else is its end. A
   repair that was planned and never ran is not known here. */
void desk_job_end(void *user, const perp_uuid *id, uint32_t state) {
    struct desk *desk = user;
    uint32_t index = desk_find_job(desk, id);
    if (index == DESK_NONE)
        return;
    desk_job *job = &desk->jobs[index];
    if (state == PERP_JOB_PARTIAL ||
        (job->end_state == PERP_JOB_STATE_COUNT && state != PERP_JOB_OPEN))
        job->end_state = state;
    if (state != PERP_JOB_PARTIAL && state != PERP_JOB_OPEN)
        to_stage(job, desk->now_ns, DESK_ENDED);
    else if (job->stage != DESK_HELD)
        to_stage(job, desk->now_ns, DESK_HELD);
    if (job->purpose == DESK_EXIT && desk->jobs[job->parent].exit == index) {
        desk->jobs[job->parent].exit = DESK_NONE;
        desk->jobs[job->parent].retry_ns = desk->now_ns + EXIT_RETRY_NS;
    }
}

void desk_leg_risk(void *user, const char *base, double quantity) {
    struct desk *desk = user;
    report_naked_begins(desk, base, quantity); /* the library plans the repair */
    desk->look_at_bases = 1;
}

void desk_cancel_asked(void *user, const perp_uuid *id) {
    struct desk *desk = user;
    paper_cancel_job(desk, desk->now_ns, id);
}

/* ---- what jobs earned ---- */

/* An exit works for the job whose position it closes. */
static void pay(struct desk *desk, uint32_t index, perp_usd amount) {
    while (desk->jobs[index].parent != DESK_NONE)
        index = desk->jobs[index].parent;
    desk->jobs[index].cash += amount;
    if (desk->jobs[index].counted)
        desk->report.earned[desk->jobs[index].purpose] += amount;
}

static double quantity_in(const perp_lot_state *lots, uint32_t n, const perp_lot_state *like) {
    for (uint32_t i = 0; i < n; i++)
        if (lots[i].leg == like->leg &&
            memcmp(&lots[i].job_id, &like->job_id, sizeof like->job_id) == 0)
            return lots[i].quantity;
    return 0;
}

/* What is bought or sold of a lot is bought or sold by its job, whoever's order it was: a repair,
   or another job's entry, may close it. */
static void pay_for(struct desk *desk, const perp_lot_state *lot, double change, double price) {
    uint32_t index = desk_find_job(desk, &lot->job_id);
    if (index != DESK_NONE && change != 0.0)
        pay(desk, index, desk_usd(-change * price));
}

void desk_learn_lots(struct desk *desk, perp_instrument_id id, double price) {
    desk_instrument *row = &desk->instruments[id];
    perp_lot_state lots[DESK_LOTS];
    uint32_t n = 0;
    if (!desk_ok(desk,
                 perp_positions_lots(perp_core_positions(desk->core), id, lots, DESK_LOTS, &n),
                 "lots"))
        return;
    if (n > DESK_LOTS) {
        desk_ok(desk, PERP_E_RANGE, "more lots than the desk has room for");
        return;
    }
    for (uint32_t i = 0; i < row->n_lots; i++)
        if (quantity_in(lots, n, &row->lots[i]) == 0.0)
            pay_for(desk, &row->lots[i], -row->lots[i].quantity, price);
    for (uint32_t i = 0; i < n; i++)
        pay_for(desk, &lots[i], lots[i].quantity - quantity_in(row->lots, row->n_lots, &lots[i]),
                price);
    memcpy(row->lots, lots, n * sizeof *lots);
    row->n_lots = n;
}

void desk_filled(struct desk *desk, const perp_uuid *job_id, perp_instrument_id instrument,
                 double quantity, double price, perp_usd fee) {
    uint32_t index = desk_find_job(desk, job_id);
    desk_learn_lots(desk, instrument, price);
    /* As the library counts it, to the micro-dollar. */
    desk->exchanges[desk->instruments[instrument].exchange].volume += desk_usd(quantity * price);
    if (index != DESK_NONE)
        pay(desk, index, -fee);
}

static void count_ended(struct desk *desk, desk_job *job) {
    job->counted = 1;
    desk->report.ended[job->purpose][job->end_state]++;
    if (job->purpose == DESK_EXIT)
        return;
    desk->report.earned[job->purpose] += job->cash;
    if (job->cash != 0 && job->purpose != DESK_REPAIR)
        strategies_learn(desk, job);
    if (job->cash > 0)
        desk->report.wins[job->purpose]++;
    else if (job->cash < 0)
        desk->report.losses[job->purpose]++;
}

/* ---- closing ---- */

static uint32_t base_of(const struct desk *desk, const desk_job *job) {
    return desk->instruments[job->legs[0]].base;
}

static double whole_steps(double quantity, double step) {
    return step > 0 ? floor(quantity / step + 1e-9) * step : quantity;
}

static void add_to_leg(perp_job *exit, const desk_instrument *instrument, perp_instrument_id id,
                       uint32_t side, double quantity) {
    uint32_t i = 0;
    while (i < exit->n_legs && (exit->legs[i].instrument != id || exit->legs[i].side != side))
        i++;
    if (i == PERP_MAX_LEGS)
        return;
    if (i == exit->n_legs)
        exit->legs[exit->n_legs++] =
            (perp_leg){.instrument = id, .side = side, .maker = exit->legs[0].maker};
    exit->legs[i].quantity += quantity;
    exit->legs[i].notional += desk_usd(quantity * instrument->mid);
}

static int is_of(const perp_lot_state *lot, const desk_job *job) {
    return memcmp(&lot->job_id, &job->id, sizeof job->id) == 0;
}

/* By how much a job's lots are apart: what a repair opened, or what somebody's order left of it. */
static double net_of(const struct desk *desk, const desk_job *job) {
    double net = 0;
    uint32_t base = base_of(desk, job);
    for (uint32_t i = base; i < desk->n_instruments; i++)
        for (uint32_t l = 0; desk->instruments[i].base == base && l < desk->instruments[i].n_lots;
             l++)
            if (is_of(&desk->instruments[i].lots[l], job))
                net += desk->instruments[i].lots[l].quantity;
    return net;
}

/* Adds what closes of one job's lots, of the sign of net, as much as net. What is left of it. */
static double add_lots(const struct desk *desk, const desk_job *job, double net, perp_job *exit) {
    uint32_t base = base_of(desk, job);
    double sign = net > 0 ? 1 : -1;
    for (uint32_t i = base; i < desk->n_instruments; i++) {
        const desk_instrument *instrument = &desk->instruments[i];
        for (uint32_t l = 0; instrument->base == base && l < instrument->n_lots; l++) {
            const perp_lot_state *lot = &instrument->lots[l];
            if (!is_of(lot, job) || lot->quantity * sign <= 0)
                continue;
            double part = whole_steps(fmin(lot->quantity * sign, net * sign), instrument->step);
            if (part <= 0)
                continue;
            add_to_leg(exit, instrument, i, sign > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY, part);
            net -= sign * part;
        }
    }
    return net;
}

/* A job whose lots are apart has its other side elsewhere: with a repair, or with a job whose lots
   a repair closed. Both are closed together, so that the base stays hedged on the way out. */
static void add_other_side(const struct desk *desk, uint32_t index, perp_job *exit) {
    double net = 0;
    uint32_t base = base_of(desk, &desk->jobs[index]);
    for (uint32_t i = 0; i < exit->n_legs; i++)
        net +=
            exit->legs[i].side == PERP_SIDE_BUY ? exit->legs[i].quantity : -exit->legs[i].quantity;
    for (uint32_t i = 0; i < desk->n_live && net != 0.0; i++) {
        const desk_job *other = &desk->jobs[desk->live[i]];
        if (desk->live[i] == index || other->stage != DESK_HELD || other->exit != DESK_NONE ||
            base_of(desk, other) != base)
            continue;
        double apart = net_of(desk, other);
        if (apart * net <= 0)
            continue;
        double part = fabs(apart) < fabs(net) ? apart : net;
        net += add_lots(desk, other, part, exit) - part;
    }
    for (uint32_t i = 0; i < exit->n_legs; i++)
        if (exit->legs[i].notional > exit->notional)
            exit->notional = exit->legs[i].notional;
}

/* A partial job is left to the repair of its base. */
static int may_unwind(struct desk *desk, const desk_job *job, int64_t now_ns) {
    perp_job_info info = {.struct_size = sizeof info};
    return job->exit == DESK_NONE && now_ns >= job->retry_ns &&
           desk_ok(desk, perp_scheduler_job(perp_core_scheduler(desk->core), &job->id, &info),
                   "job query") &&
           info.state == PERP_JOB_OPEN;
}

void desk_unwind(struct desk *desk, int64_t now_ns, uint32_t index) {
    desk_job *job = &desk->jobs[index];
    perp_job exit;
    perp_job_init(&exit);
    exit.priority = 50;
    if (!may_unwind(desk, job, now_ns) ||
        !desk_ok(desk, perp_job_fill_exit(desk->core, now_ns, &job->id, 1, &exit), "exit"))
        return;
    exit.ttl_ms = EXIT_TTL_MS;
    for (uint32_t i = 0; i < exit.n_legs; i++)
        exit.legs[i].maker = job->purpose == DESK_VOLUME || desk->settings.strategies.arb_maker;
    add_other_side(desk, index, &exit);
    uint32_t exit_index = desk_submit(desk, now_ns, &exit, DESK_EXIT, index);
    job = &desk->jobs[index]; /* the list may have moved */
    job->exit = exit_index;
    job->retry_ns = now_ns + EXIT_RETRY_NS;
}

/* What a repair opened is the other side of somebody's position: it is closed with that, or once
   there is nobody any more. */
static int is_left_over(const struct desk *desk, const desk_job *job, int64_t now_ns) {
    if (job->stage != DESK_HELD || job->purpose < DESK_EXIT ||
        now_ns - job->since_ns < LEFT_OVER_NS)
        return 0;
    for (uint32_t i = 0; i < desk->n_live; i++) {
        const desk_job *other = &desk->jobs[desk->live[i]];
        if (other->stage != DESK_ENDED && other->purpose < DESK_EXIT &&
            base_of(desk, other) == base_of(desk, job))
            return 0;
    }
    return 1;
}

/* A repair may have met what nobody's order had opened: then the accounts are flat, and the book
   still waits for the other side. The host, who sees the accounts, says so. */
static void look_after_bases(struct desk *desk, int64_t now_ns) {
    const perp_positions *positions = perp_core_positions(desk->core);
    desk->look_at_bases = 0;
    for (uint32_t b = 0; b < perp_positions_base_count(positions) && !desk->failed; b++) {
        perp_base_state state = {.struct_size = sizeof state};
        if (!desk_ok(desk, perp_positions_base(positions, b, now_ns, &state), "base query"))
            return;
        desk->look_at_bases |= state.is_naked;
        report_naked_look(desk, &state);
        if (!state.is_naked || state.has_repair || fabs(state.net) > 1e-6 * fabs(state.naked))
            continue;
        perp_call call = desk_call(now_ns);
        call.actor = "operator";
        call.reason = "the accounts are flat";
        if (desk_ok(desk, perp_resolve(desk->core, &call, state.base), "resolve"))
            desk->report.resolved++;
    }
}

void desk_look_after(struct desk *desk, int64_t now_ns) {
    if (desk->look_at_bases)
        look_after_bases(desk, now_ns);
    for (uint32_t i = 0; i < desk->n_live && !desk->failed; i++)
        if (is_left_over(desk, &desk->jobs[desk->live[i]], now_ns))
            desk_unwind(desk, now_ns, desk->live[i]);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < desk->n_live; i++) {
        desk_job *job = &desk->jobs[desk->live[i]];
        if (job->stage == DESK_ENDED)
            count_ended(desk, job);
        else
            desk->live[kept++] = desk->live[i];
    }
    desk->n_live = kept;
}
