/* Ticks, and what they are held against: what an evaluation of each job that waits says at the same
   time, and what the twin's tick does. */
#include "life.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BPS 1e4

/* ---- The edge of now, which an evaluation of a job that was not submitted can't know -----------
 */

/* As risk.md says; false: the job has none. */
static bool basis_of(struct life *life, const perp_job *job, double *bps) {
    double mean = 0, apart = 0;
    if (job->strategy == PERP_STRATEGY_HEDGE_REBALANCE)
        return false;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        const perp_leg *leg = &job->legs[i];
        perp_market_state state = {.struct_size = sizeof state};
        if (life->instruments[leg->instrument].base !=
            life->instruments[job->legs[0].instrument].base)
            return false;
        if (perp_market_query(perp_core_market(life->books[0]), leg->instrument, life->now,
                              &state) != PERP_OK)
            l_fail(life, "market: %s", perp_core_error(life->books[0]));
        if (!state.has_quote)
            return false;
        perp_usd notional = leg->notional ? leg->notional : job->notional;
        double sign = leg->side == PERP_SIDE_BUY ? 1 : -1;
        double weight = (double)notional / (double)job->notional;
        mean += state.mid / job->n_legs;
        apart += sign * weight * state.mid;
    }
    *bps = -apart / mean * BPS;
    return isfinite(*bps);
}

void l_note_basis(struct life *life, const perp_job *job) {
    if (life->n_job >= life->bases_room) {
        size_t room = life->bases_room ? life->bases_room * 2 : 256;
        while (room <= life->n_job)
            room *= 2;
        struct l_basis *bases = realloc(life->bases, room * sizeof *bases);
        if (!bases)
            l_fail(life, "no memory");
        memset(bases + life->bases_room, 0, (room - life->bases_room) * sizeof *bases);
        life->bases = bases;
        life->bases_room = room;
    }
    struct l_basis *basis = &life->bases[life->n_job];
    basis->id = job->job_id;
    basis->has = basis_of(life, job, &basis->bps);
}

static void set_edge_of_now(struct life *life, perp_job *job) {
    uint64_t number = 0;
    double bps;
    for (int i = 8; i < 16; i++)
        number = number << 8 | job->job_id.bytes[i];
    if (number >= life->bases_room ||
        memcmp(&life->bases[number].id, &job->job_id, sizeof job->job_id) != 0 ||
        !life->bases[number].has || !basis_of(life, job, &bps))
        return;
    job->expected_edge_bps -= fmax(0, life->bases[number].bps - bps);
}

/* ---- What a tick must say of a job -------------------------------------------------------------
 */

enum { SOFT, HARD };
static const struct {
    uint32_t reason, hard;
} RULES[] = {
#define PERP_X(name, number, text, scope, hard, ...) {number, hard},
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
};

static bool is_overridden(struct life *life, const perp_core *core, const perp_uuid *id) {
    perp_risk_state risk = {.struct_size = sizeof risk};
    if (perp_risk_query(perp_core_risk((perp_core *)(uintptr_t)core), &risk) != PERP_OK)
        l_fail(life, "risk: %s", perp_core_error(core));
    return risk.override_on && life->now < risk.override_until_ns &&
           (!risk.override_has_job || memcmp(&risk.override_job, id, sizeof *id) == 0);
}

/* The reason that is first if the ledger is not asked, as in the third step of a tick. */
static uint32_t without_capital(struct life *life, const perp_core *core, const perp_uuid *id,
                                const perp_evaluation *e) {
    if (e->reason != PERP_REASON_INSUFFICIENT_CAPITAL)
        return e->reason;
    if (e->reasons & PERP_REASON_BIT(PERP_REASON_HOST_1)) /* the hard one */
        return PERP_REASON_HOST_1;
    if (is_overridden(life, core, id))
        return PERP_REASON_NONE;
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].hard == SOFT && (e->reasons & PERP_REASON_BIT(RULES[i].reason)))
            return RULES[i].reason;
    return e->reasons & PERP_REASON_BIT(PERP_REASON_HOST_2) ? PERP_REASON_HOST_2 : PERP_REASON_NONE;
}

struct forecast {
    perp_uuid id;
    uint32_t reason, reducing;
};

/* What is foreseen of the jobs that wait, but for those that the tick itself changes (repairs, jobs
   of flatten), or of which something is known that an evaluation is not told. */
static uint32_t foresee(struct life *life, uint32_t book, struct forecast *forecasts) {
    perp_uuid ids[L_JOBS];
    perp_core *core = life->books[book];
    uint32_t n = l_list(life, PERP_JOB_PENDING, ids), n_forecasts = 0;
    for (uint32_t i = 0; i < n; i++) {
        perp_job_info info = {.struct_size = sizeof info};
        perp_evaluation e;
        perp_evaluation_init(&e);
        if (perp_scheduler_job(perp_core_scheduler(core), &ids[i], &info) != PERP_OK)
            l_fail(life, "job: %s", perp_core_error(core));
        if (info.is_repair || info.dispatch || ids[i].bytes[4] != 1)
            continue;
        set_edge_of_now(life, &info.job);
        perp_status status = perp_risk_evaluate(perp_core_risk(core), life->now, &info.job, &e);
        if (status == PERP_E_INVALID) /* since a minimum was raised */
            continue;
        if (status != PERP_OK)
            l_fail(life, "evaluate: %s", perp_core_error(core));
        l_counts.evaluated[e.reason]++;
        forecasts[n_forecasts++] =
            (struct forecast){ids[i], without_capital(life, core, &ids[i], &e), e.reducing};
    }
    return n_forecasts;
}

static const char *name_of(const struct life *life, uint32_t reason) {
    return perp_risk_reason_string(perp_core_risk(life->books[0]), reason);
}

static const perp_tick_item *item_of(const perp_tick_result *tick, const perp_uuid *id) {
    for (uint32_t i = 0; i < tick->n_items; i++)
        if (memcmp(&tick->items[i].job_id, id, sizeof *id) == 0)
            return &tick->items[i];
    return NULL;
}

/* An accepted job was dispatched or skipped; a refused one was refused for what was foreseen. Where
   the book is paused, only of those that go on all the same. */
static void hold_against(struct life *life, const struct forecast *forecasts, uint32_t n) {
    const perp_tick_result *tick = &life->ticks[0];
    if (tick->status == PERP_TICK_KILLED)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct forecast *f = &forecasts[i];
        const perp_tick_item *item = item_of(tick, &f->id);
        char id[37];
        perp_uuid_format(&f->id, id);
        if (tick->status == PERP_TICK_PAUSED && !f->reducing)
            continue;
        if (!item)
            l_fail(life, "job %s waits, and the tick does not name it", id);
        if (item->kind == PERP_TICK_EXPIRED)
            continue;
        uint32_t got = item->kind == PERP_TICK_REFUSED ? item->reason : PERP_REASON_NONE;
        if (got != f->reason)
            l_fail(life, "job %s: the tick says %s, an evaluation %s", id, name_of(life, got),
                   name_of(life, f->reason));
        l_counts.compared++;
    }
}

/* ---- The two ticks -----------------------------------------------------------------------------
 */

static void same_tick(struct life *life) {
    const perp_tick_result *a = &life->ticks[0], *b = &life->ticks[1];
#define SAME(field)                                                                                \
    if (a->field != b->field)                                                                      \
        l_fail(life, #field " is %u, of the twin, which was made in step %" PRId64 ", %u",         \
               (unsigned)a->field, life->twin_of, (unsigned)b->field);
    SAME(status)
    for (uint32_t i = 0; i < a->n_items && i < b->n_items; i++) {
        char id[37];
        perp_uuid_format(&a->items[i].job_id, id);
        if (memcmp(&a->items[i], &b->items[i], sizeof *a->items) != 0)
            l_fail(life,
                   "job %s: kind %u for %s; item %u of the twin, which was made in step %" PRId64
                   ", has kind %u for %s",
                   id, a->items[i].kind, name_of(life, a->items[i].reason), i, life->twin_of,
                   b->items[i].kind, name_of(life, b->items[i].reason));
    }
    SAME(n_items)
    SAME(evaluated)
    SAME(dispatched)
    SAME(expired)
    SAME(overdue)
    SAME(refused)
    SAME(skipped)
    SAME(pending)
    SAME(running)
    SAME(withdrawn)
    for (uint32_t r = 0; r < PERP_MAX_REASONS; r++) {
        SAME(refused_by[r])
        SAME(skipped_by[r])
    }
#undef SAME
}

/* What the two books show of each job that the tick has decided: reason, score, why it waits. */
static void same_jobs(struct life *life) {
    const perp_tick_result *tick = &life->ticks[0];
    for (uint32_t i = 0; i < tick->n_items; i++) {
        perp_job_info info[2];
        if (tick->items[i].kind != PERP_TICK_REFUSED && tick->items[i].kind != PERP_TICK_SKIPPED)
            continue;
        for (uint32_t b = 0; b < 2; b++) {
            memset(&info[b], 0, sizeof info[b]);
            info[b].struct_size = sizeof info[b];
            if (perp_scheduler_job(perp_core_scheduler(life->books[b]), &tick->items[i].job_id,
                                   &info[b]) != PERP_OK)
                info[b].struct_size = 0;
        }
        if (info[0].struct_size && info[0].state != PERP_JOB_PENDING && info[1].struct_size &&
            info[0].state == info[1].state)
            continue; /* it ended with the tick; how it waited before is not stored */
        if (info[0].struct_size == info[1].struct_size && info[0].state == info[1].state &&
            memcmp(&info[0].score, &info[1].score, sizeof info[0].score) == 0 &&
            info[0].last_refusal == info[1].last_refusal && info[0].last_skip == info[1].last_skip)
            continue;
        char id[37];
        perp_uuid_format(&tick->items[i].job_id, id);
        l_fail(life, "job %s: score %.17g, refused %s, skipped %s; of the twin %.17g, %s, %s", id,
               info[0].score, name_of(life, info[0].last_refusal), name_of(life, info[0].last_skip),
               info[1].score, name_of(life, info[1].last_refusal),
               name_of(life, info[1].last_skip));
    }
}

static void count(const struct life *life) {
    const perp_tick_result *tick = &life->ticks[0];
    static uint32_t last[3];
    uint32_t refused = 0;
    for (uint32_t r = 0; r < PERP_MAX_REASONS; r++) {
        l_counts.by_reason[r] += tick->refused_by[r];
        l_counts.skipped[r] += tick->skipped_by[r];
        refused += tick->refused_by[r];
    }
    if (refused != tick->refused)
        l_fail(life, "%u are refused, %u by reason", tick->refused, refused);
    l_counts.ticks++;
    l_counts.pending += tick->pending;
    l_counts.dispatched += tick->dispatched;
    l_counts.withdrawn += tick->withdrawn;
    l_counts.expired += tick->expired;
    for (uint32_t i = 0; i < tick->n_items; i++)
        l_counts.repairs += tick->items[i].kind == PERP_TICK_REPAIR;
    const uint32_t now[3] = {tick->refused, tick->skipped, tick->pending};
    l_counts.still_ticks += memcmp(now, last, sizeof now) == 0;
    memcpy(last, now, sizeof now);
}

void l_tick(struct life *life) {
    struct forecast forecasts[L_JOBS];
    perp_call call = l_call(life);
    uint32_t n = 0, last = life->n_books - 1;
    perp_risk_state before = {.struct_size = sizeof before}, after = before;
    life->doing = "tick";
    /* An evaluation may refresh what a tick should have: with a twin it is asked, else now and then
       the book itself. */
    if (last || l_aside(life) % 4 == 0)
        n = foresee(life, last, forecasts);
    perp_risk_query(perp_core_risk(life->books[0]), &before);
    L_EACH(life, perp_scheduler_tick(perp_core_scheduler(core), &call,
                                     &life->ticks[core == life->books[0] ? 0 : 1]));
    if (life->status != PERP_OK)
        l_fail(life, "tick: %s", perp_core_error(life->books[0]));
    perp_risk_query(perp_core_risk(life->books[0]), &after);
    count(life);
    /* Where the tick has begun a day, a loss and a drawdown of the day before are none any more. */
    if (before.daily_loss_reached == after.daily_loss_reached && before.peak == after.peak &&
        before.scaled_start == after.scaled_start)
        hold_against(life, forecasts, n);
    if (!last)
        return;
    same_tick(life);
    same_jobs(life);
    if (l_aside(life) % 4 == 0 && perp_core_hash(life->books[0]) != perp_core_hash(life->books[1]))
        l_fail(life, "the books differ; the twin was made in step %" PRId64, life->twin_of);
}

void l_read(struct life *life) {
    static char text[1 << 20];
    perp_alert alerts[64];
    size_t length = 0;
    uint32_t n = 0;
    life->doing = "read";
    memset(alerts, 0, sizeof alerts);
    for (int i = 0; i < 64; i++)
        alerts[i].struct_size = sizeof alerts[i];
    perp_core *core = life->books[0];
    if (perp_monitor_json(core, life->now, text, sizeof text, &length) != PERP_OK ||
        perp_monitor_alerts(core, life->now, alerts, 64, &n) != PERP_OK ||
        perp_core_feasibility(core, NULL, 0, &n) != PERP_OK)
        l_fail(life, "monitoring: %s", perp_core_error(core));
}

/* The whole explanation of a job, of both books. */
void l_evaluate_random(struct life *life, const perp_job *job) {
    perp_evaluation e[2];
    life->doing = "evaluate";
    memset(e, 0, sizeof e);
    L_EACH(life, (perp_evaluation_init(&e[core == life->books[0] ? 0 : 1]),
                  perp_risk_evaluate(perp_core_risk(core), life->now, job,
                                     &e[core == life->books[0] ? 0 : 1])));
    if (life->n_books == 2 && life->status == PERP_OK && memcmp(&e[0], &e[1], sizeof e[0]) != 0)
        l_fail(life,
               "an evaluation says %s, score %.17g; of the twin, which was made in step "
               "%" PRId64 ", %s, %.17g",
               name_of(life, e[0].reason), e[0].final_score, life->twin_of,
               name_of(life, e[1].reason), e[1].final_score);
}
