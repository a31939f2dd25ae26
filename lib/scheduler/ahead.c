/* What many decisions need is done ahead of the tick, in slices between which others have the lock:
   decisions that stand are confirmed, and that is all; what changes the book is left to the tick.
 */
#include "core/batch.h"
#include "scheduler/tick.h"

/* So many decisions are looked at, facts of instruments, or jobs put in order in one go: some 50
   microseconds. In a shadow build few, so that lives of few jobs come to slices, too. */
#ifdef PERP_SHADOW
#define SLICE 4u
#define FACTS 2u
#define RANKS 3u
#else
#define SLICE 500u
#define FACTS 16u
#define RANKS 100u
#endif

/* Whether the tick may come to what is looked at here: it is not refused for its time, and nothing
   stops it. */
static bool may_come(const perp_core *core, const perp_call *call) {
    const struct perp_verdicts *v = &core->scheduler->verdicts;
    int64_t clock = perp_clock(core);
    return perp_call_check(core, call) == PERP_OK && clock != PERP_TIME_NONE &&
           call->now_ns >= clock && call->now_ns - clock < INT64_C(3600) * PERP_NS_PER_S &&
           !core->scheduler->paused && !core->store_failed && !core->risk->killed && !v->all_todo &&
           !v->paused;
}

/* Whether the tick looks at jobs in order: there is a place for one. */
static bool looks_in_order(const perp_core *core) {
    return core->scheduler->verdicts.ranks.loose &&
           core->scheduler->running.count < core->config.scheduler.max_global_concurrent_jobs;
}

/* Whether more than time changed since facts were looked at. */
static bool something_changed(const perp_core *core) {
    const struct perp_facts *facts = &core->risk->facts;
    const perp_positions *positions = core->positions;
    return core->touched != PERP_TOUCHES_NOTHING || facts->n_stale || facts->n_changed ||
           facts->all_changed || facts->routes.n_doubtful || positions->n_moved ||
           positions->n_moved_bases || perp_market_news_sum(core->market) != facts->news ||
           looks_in_order(core);
}

static const struct perp_plan nothing_chosen;

/* No more slices than all that there is makes: feeds that are faster would put off the tick for
   ever. Those that put jobs in order come last, and let feeds be. */
bool perp_tick_ahead(perp_core *core, const perp_call *call, uint32_t slice, uint32_t *looked_at) {
    const struct perp_facts *facts = &core->risk->facts;
    uint32_t jobs = core->scheduler->n_pending;
    uint32_t looks = jobs / SLICE + 2 * (perp_n_instruments(core) / FACTS);
    if (jobs <= 2 * SLICE || perp_in_rule(core) || !something_changed(core) ||
        !may_come(core, call))
        return false;
    if (slice + 1 >= looks)
        return looks_in_order(core) && slice < looks + 3 * (jobs / RANKS) &&
               perp_ranks_tidy(core, RANKS);
    if (perp_facts_ahead(core, call->now_ns, FACTS))
        return true;
    bool rolled = perp_day_begins(core, call->now_ns);
    perp_facts_refresh(core, call->now_ns, rolled, true);
    struct perp_eval e;
    perp_eval_begin(&e, core, &nothing_chosen, NULL, call->now_ns, rolled);
    perp_eval_brief(&e);
    bool some = facts->all_changed || facts->n_changed || facts->routes.n_doubtful;
    *looked_at += perp_verdicts_ahead(core, &e, FACTS, SLICE);
    if (facts->n_changed || facts->routes.n_doubtful > SLICE)
        return true;
    if (!looks_in_order(core))
        return false;
    return some || perp_ranks_tidy(core, RANKS);
}
