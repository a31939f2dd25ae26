/* The jobs of the desk: submitting them, what became of them, and closing what they left open. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replay_desk.h"

#define EXIT_TTL_MS 20000
#define EXIT_RETRY_NS (5 * DESK_SECOND)
#define EXIT_TRIES 40 /* then what is left is closed by hand */

/* Ids count jobs: the library makes the id of a repair from its job's by changing the first byte,
   so the number tells which job was repaired. */
static perp_uuid make_id(uint64_t run, uint32_t index) {
    perp_uuid id = {{0}};
    for (int i = 0; i < 8; i++)
        id.bytes[4 + i] = (uint8_t)(run >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        id.bytes[12 + i] = (uint8_t)(index >> (24 - 8 * i));
    return id;
}

uint32_t desk_find_job(const perp_uuid *id, int *is_repair) {
    uint32_t index = 0;
    for (int i = 0; i < 4; i++)
        index = index << 8 | id->bytes[12 + i];
    *is_repair = id->bytes[0] != 0;
    return index;
}

static uint32_t new_job(struct desk *desk) {
    if (desk->n_jobs == desk->job_room) {
        uint32_t room = desk->job_room == 0 ? 1024 : desk->job_room * 2;
        desk_job *jobs = realloc(desk->jobs, room * sizeof *jobs);
        if (jobs != NULL)
            desk->jobs = jobs;
        uint32_t *live = realloc(desk->live, room * sizeof *live);
        if (live != NULL)
            desk->live = live;
        if (jobs == NULL || live == NULL) {
            desk_ok(desk, PERP_E_NOMEM, "job list");
            return DESK_NONE;
        }
        desk->job_room = room;
    }
    return desk->n_jobs;
}

static void to_stage(desk_job *job, int64_t now_ns, uint32_t stage) {
    job->stage = stage;
    job->since_ns = now_ns;
}

static void end_job(struct desk *desk, int64_t now_ns, desk_job *job, uint32_t end_state) {
    if (job->end_state == PERP_JOB_STATE_COUNT || job->end_state == PERP_JOB_OPEN)
        job->end_state = end_state;
    desk->report.ended[job->purpose][job->end_state]++;
    to_stage(job, now_ns, DESK_ENDED);
    if (job->purpose == DESK_EXIT)
        return;
    desk->report.earned[job->purpose] += job->cash;
    if (job->cash != 0)
        strategies_learn(desk, job);
    if (job->cash > 0)
        desk->report.wins[job->purpose]++;
    else if (job->cash < 0)
        desk->report.losses[job->purpose]++;
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
    uint32_t index = new_job(desk);
    if (index == DESK_NONE)
        return DESK_NONE;
    perp_call call = desk_call(now_ns);
    job->job_id = make_id(desk->settings.run, index);
    perp_status status = perp_scheduler_submit(perp_core_scheduler(desk->core), &call, job);
    if (status == PERP_E_INVALID) {
        note_invalid(desk, now_ns, job);
        return DESK_NONE;
    }
    if (!desk_ok(desk, status, "submit"))
        return DESK_NONE;
    desk_job *row = &desk->jobs[desk->n_jobs++];
    memset(row, 0, sizeof *row);
    row->id = job->job_id;
    row->purpose = purpose;
    row->end_state = PERP_JOB_STATE_COUNT;
    row->parent = parent;
    row->notional = job->notional;
    row->exit = DESK_NONE;
    row->n_legs = job->n_legs < DESK_LEGS ? job->n_legs : DESK_LEGS;
    for (uint32_t i = 0; i < row->n_legs; i++)
        row->legs[i].instrument = job->legs[i].instrument;
    to_stage(row, now_ns, DESK_PENDING);
    desk->report.submitted[purpose]++;
    if (purpose != DESK_EXIT)
        desk->live[desk->n_live++] = index;
    return index;
}

void desk_cancel(struct desk *desk, int64_t now_ns, uint32_t index) {
    desk_job *job = &desk->jobs[index];
    perp_call call = desk_call(now_ns);
    if (desk_ok(desk, perp_scheduler_cancel(perp_core_scheduler(desk->core), &call, &job->id),
                "cancel"))
        end_job(desk, now_ns, job, PERP_JOB_CANCELLED);
}

void desk_execute(void *user, const perp_execution *execution, uint32_t *outcome) {
    struct desk *desk = user;
    int is_repair;
    uint32_t index = desk_find_job(&execution->job_id, &is_repair);
    desk_job *job = &desk->jobs[index];
    *outcome = paper_execute(desk, execution);
    desk->report.dispatched[is_repair ? DESK_REPAIR : job->purpose]++;
    if (*outcome != PERP_OUTCOME_REFUSED) {
        if (!is_repair)
            to_stage(job, execution->now_ns, DESK_RUNNING);
        return;
    }
    /* The library finishes it as failed; a repair it queues anew. */
    if (is_repair) {
        desk->report.ended[DESK_REPAIR][PERP_JOB_FAILED]++;
        return;
    }
    if (job->purpose == DESK_EXIT)
        desk->jobs[job->parent].exit = DESK_NONE;
    end_job(desk, execution->now_ns, job, PERP_JOB_FAILED);
}

void desk_requeued(struct desk *desk, int64_t now_ns, const paper_ticket *ticket) {
    int is_repair;
    uint32_t index = desk_find_job(&ticket->job_id, &is_repair);
    if (!is_repair)
        to_stage(&desk->jobs[index], now_ns, DESK_PENDING);
}

static int traded_away(const struct desk *desk, const desk_leg *leg) {
    return fabs(leg->remaining) < 0.5 * desk->instruments[leg->instrument].step;
}

/* What is left of a leg but too little for an order. */
static int is_dust(const struct desk *desk, const desk_leg *leg) {
    const desk_instrument *instrument = &desk->instruments[leg->instrument];
    double quantity = fabs(leg->remaining);
    return quantity < instrument->min_qty || quantity * instrument->mid < instrument->min_notional;
}

/* Ends a job where nothing is left of its position that could be traded. */
static void settle_job(struct desk *desk, int64_t now_ns, desk_job *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!traded_away(desk, &job->legs[i]) && !is_dust(desk, &job->legs[i]))
            return;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        desk->instruments[job->legs[i].instrument].dust += job->legs[i].remaining;
        job->legs[i].remaining = 0;
    }
    if (job->stage == DESK_HELD) {
        /* Its profit was booked with the fills; what it held is free now. */
        perp_call call = desk_call(now_ns);
        if (!desk_ok(
                desk,
                perp_scheduler_close(perp_core_scheduler(desk->core), &call, &job->id, 0, 0, 0),
                "close"))
            return;
    }
    end_job(desk, now_ns, job, PERP_JOB_CLOSED);
}

static void after_entry(struct desk *desk, int64_t now_ns, desk_job *job,
                        const perp_finish_outcome *outcome) {
    job->end_state = outcome->state;
    if (outcome->state == PERP_JOB_OPEN)
        to_stage(job, now_ns, DESK_HELD);
    else if (outcome->state == PERP_JOB_PARTIAL)
        to_stage(job, now_ns, DESK_SQUARING);
    else
        to_stage(job, now_ns, DESK_LEFT);
    if (outcome->state != PERP_JOB_PARTIAL)
        settle_job(desk, now_ns, job);
}

void desk_finished(struct desk *desk, int64_t now_ns, const paper_ticket *ticket,
                   const perp_finish_outcome *outcome) {
    int is_repair;
    uint32_t index = desk_find_job(&ticket->job_id, &is_repair);
    desk_job *job = &desk->jobs[index];
    int is_exit = !is_repair && job->purpose == DESK_EXIT;
    desk_job *owner = is_exit ? &desk->jobs[job->parent] : job;
    for (uint32_t i = 0; i < ticket->n_legs; i++) {
        const paper_leg *leg = &ticket->legs[i];
        if (leg->filled <= 0)
            continue;
        double sign = leg->order.side == PERP_SIDE_BUY ? 1 : -1;
        owner->cash -= desk_usd(sign * leg->value) + leg->fee;
        for (uint32_t l = 0; l < owner->n_legs; l++)
            if (owner->legs[l].instrument == leg->order.instrument)
                owner->legs[l].remaining += sign * leg->filled;
        /* As the library counts it, to the micro-dollar. */
        desk->exchanges[leg->order.exchange].volume +=
            desk_usd(leg->filled * (leg->value / leg->filled));
        desk_report_position(desk, now_ns, leg->order.instrument);
    }
    if (is_repair) {
        desk->report.ended[DESK_REPAIR][outcome->state]++;
    } else if (is_exit) {
        end_job(desk, now_ns, job, outcome->state);
        owner->exit = DESK_NONE;
        owner->retry_ns = now_ns + EXIT_RETRY_NS;
        if (owner->stage != DESK_SQUARING)
            settle_job(desk, now_ns, owner);
    } else {
        after_entry(desk, now_ns, job, outcome);
    }
}

static int is_killed(struct desk *desk, int64_t now_ns, perp_exchange_id exchange) {
    perp_exchange_state state = {.struct_size = sizeof state};
    return !desk_ok(
               desk,
               perp_market_query_exchange(perp_core_market(desk->core), exchange, now_ns, &state),
               "exchange query") ||
           state.killed;
}

/* Closes by hand what the jobs could not. 0: nothing could be traded. */
static int close_by_hand(struct desk *desk, int64_t now_ns, desk_job *job) {
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const desk_instrument *instrument = &desk->instruments[job->legs[i].instrument];
        if (is_killed(desk, now_ns, instrument->exchange))
            return 0;
        if (!traded_away(desk, &job->legs[i]) &&
            (desk->exchanges[instrument->exchange].api == PERP_API_DOWN ||
             now_ns - instrument->time_ns > desk->settings.strategies.fresh_ns))
            return 0;
    }
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_usd cash;
        if (traded_away(desk, &job->legs[i]) || is_dust(desk, &job->legs[i]))
            continue;
        job->legs[i].remaining +=
            paper_by_hand(desk, now_ns, job->legs[i].instrument, -job->legs[i].remaining, &cash);
        job->cash += cash;
    }
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (!traded_away(desk, &job->legs[i]) && !is_dust(desk, &job->legs[i]))
            return 0;
    return 1;
}

/* Is a repair of this job still to be expected? */
static int repair_under_way(struct desk *desk, const desk_job *job, const perp_job_info *info,
                            int64_t now_ns) {
    perp_uuid id = job->id;
    perp_job_info repair = {.struct_size = sizeof repair};
    if (info->repair_attempts == 0)
        return 0;
    id.bytes[0] ^= (uint8_t)(0xA0 + info->repair_attempts);
    if (perp_scheduler_job(perp_core_scheduler(desk->core), &id, &repair) != PERP_OK)
        return 0;
    if (repair.state == PERP_JOB_RUNNING || repair.state == PERP_JOB_IN_DOUBT)
        return 1;
    return repair.state == PERP_JOB_PENDING && now_ns - job->since_ns < desk->settings.repair_ns;
}

/* A job that ended partial: its repairs square it, or the host does and says so. */
static void look_after_partial(struct desk *desk, int64_t now_ns, desk_job *job) {
    perp_job_info info = {.struct_size = sizeof info};
    perp_scheduler *scheduler = perp_core_scheduler(desk->core);
    if (!desk_ok(desk, perp_scheduler_job(scheduler, &job->id, &info), "job query"))
        return;
    if (!info.unresolved) {
        to_stage(job, now_ns, DESK_LEFT);
        settle_job(desk, now_ns, job);
    } else if (!repair_under_way(desk, job, &info, now_ns) && close_by_hand(desk, now_ns, job)) {
        perp_call call = desk_call(now_ns);
        call.actor = "operator";
        call.reason = "squared by hand";
        if (desk_ok(desk, perp_scheduler_resolve(scheduler, &call, &job->id), "resolve")) {
            to_stage(job, now_ns, DESK_LEFT);
            settle_job(desk, now_ns, job);
        }
    }
}

static int fill_exit(const struct desk *desk, const desk_job *job, perp_job *exit) {
    double notional = 0;
    perp_job_init(exit);
    exit->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    exit->priority = 50;
    exit->ttl_ms = EXIT_TTL_MS;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const desk_leg *leg = &job->legs[i];
        const desk_instrument *instrument = &desk->instruments[leg->instrument];
        if (traded_away(desk, leg) || is_dust(desk, leg))
            continue;
        perp_leg *out = &exit->legs[exit->n_legs++];
        out->instrument = leg->instrument;
        out->side = leg->remaining > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
        out->quantity = floor(fabs(leg->remaining) / instrument->step + 0.5) * instrument->step;
        out->notional = desk_usd(out->quantity * instrument->mid);
        out->maker = job->purpose == DESK_VOLUME || desk->settings.strategies.arb_maker;
        notional = fmax(notional, out->quantity * instrument->mid);
    }
    exit->notional = desk_usd(notional);
    return exit->n_legs > 0;
}

void desk_unwind(struct desk *desk, int64_t now_ns, uint32_t index) {
    desk_job *job = &desk->jobs[index];
    perp_job exit;
    if (job->exit != DESK_NONE || now_ns < job->retry_ns)
        return;
    if (job->tries >= EXIT_TRIES) {
        if (close_by_hand(desk, now_ns, job))
            settle_job(desk, now_ns, job);
        return;
    }
    if (!fill_exit(desk, job, &exit))
        return;
    uint32_t exit_index = desk_submit(desk, now_ns, &exit, DESK_EXIT, index);
    job = &desk->jobs[index]; /* the list may have moved */
    job->exit = exit_index;
    job->retry_ns = now_ns + EXIT_RETRY_NS;
    job->tries++;
}

static void gave_up(struct desk *desk, int64_t now_ns, uint32_t index, uint32_t state) {
    desk_job *job = &desk->jobs[index];
    if (job->purpose == DESK_EXIT) {
        desk->jobs[job->parent].exit = DESK_NONE;
        desk->jobs[job->parent].retry_ns = now_ns + EXIT_RETRY_NS;
    }
    end_job(desk, now_ns, job, state);
}

void desk_expired(struct desk *desk, int64_t now_ns, uint32_t index) {
    gave_up(desk, now_ns, index, PERP_JOB_EXPIRED);
}

void desk_cancelled(struct desk *desk, int64_t now_ns, uint32_t index) {
    gave_up(desk, now_ns, index, PERP_JOB_CANCELLED);
}

void desk_look_after(struct desk *desk, int64_t now_ns) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < desk->n_live && !desk->failed; i++) {
        desk_job *job = &desk->jobs[desk->live[i]];
        if (job->stage == DESK_SQUARING)
            look_after_partial(desk, now_ns, job);
        if (job->stage == DESK_LEFT)
            desk_unwind(desk, now_ns, desk->live[i]);
        if (desk->jobs[desk->live[i]].stage != DESK_ENDED)
            desk->live[kept++] = desk->live[i];
    }
    desk->n_live = kept;
}
