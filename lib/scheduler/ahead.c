/* What many decisions need is done ahead of the tick, in slices between which others have the lock:
   decisions that stand are confirmed, and that is all; what changes the book is left to the tick.
 */
#include "core/batch.h"
#include "scheduler/tick.h"

/* So many are looked at in one go: some 50 microseconds. In a shadow build few, so that lives of
   few jobs come to slices, too. */
#ifdef PERP_SHADOW
#define SLICE 4u
#else
#define SLICE 1000u
#endif

/* Whether the tick may come to what is looked at here: it is not refused for its time, and nothing
   stops it. */
static bool may_come(const perp_core *core, const perp_call *call) {
    int64_t clock = perp_clock(core);
    return perp_call_check(core, call) == PERP_OK && clock != PERP_TIME_NONE &&
           call->now_ns >= clock && call->now_ns - clock < INT64_C(3600) * PERP_NS_PER_S &&
           !core->scheduler->paused && !core->store_failed && !core->risk->killed;
}

static const struct perp_plan nothing_chosen;

/* One slice; false: the tick does the rest. */
static bool look(perp_core *core, const perp_call *call, uint32_t *looked_at) {
    const struct perp_verdicts *v = &core->scheduler->verdicts;
    bool rolled = perp_day_begins(core, call->now_ns);
    if (!may_come(core, call) || v->all_todo || v->paused)
        return false;
    perp_facts_refresh(core, call->now_ns, rolled, true);
    struct perp_eval e;
    perp_eval_begin(&e, core, &nothing_chosen, NULL, call->now_ns, rolled);
    perp_eval_brief(&e);
    *looked_at += perp_verdicts_ahead(core, &e, SLICE);
    return core->risk->facts.routes.n_doubtful > SLICE;
}

uint32_t perp_tick_ahead(perp_core *core, const perp_call *call) {
    uint32_t looked_at = 0;
    bool more = call && !perp_in_rule(core);
    while (more) {
        perp_enter(core);
        more = core->scheduler->n_pending > SLICE && look(core, call, &looked_at);
        if (more)
            perp_lock_give_way(&core->lock);
        else
            perp_unlock(core);
    }
    return looked_at;
}
