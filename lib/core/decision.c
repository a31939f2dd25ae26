/* The one ritual of a change: the lock, the call looked at, its time, the batch, the commit. */
#include <string.h>

#include "core/batch.h"
#include "util/sized.h"
#include "util/text.h"

static bool text_fits(const char *text, size_t max) {
    if (!text)
        return true;
    size_t length = strnlen(text, max + 1);
    return length <= max && perp_text_is_utf8(text, length);
}

perp_status perp_call_check(const perp_core *core, const perp_call *call) {
    if (!call)
        return perp_fail(core, PERP_E_INVALID, "call: NULL");
    if (call->struct_size != sizeof *call &&
        (call->struct_size < offsetof(perp_call, actor) || !perp_struct_fits(call, sizeof *call) ||
         !perp_struct_tail_is_zero(call, sizeof *call)))
        return perp_fail(core, PERP_E_INVALID, "call: struct_size %u is not known",
                         call->struct_size);
    if (call->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "call.reserved: %u must be 0", call->reserved);
    if (call->now_ns == PERP_TIME_NONE)
        return perp_fail(core, PERP_E_INVALID, "call: now_ns is not given");
    if (!text_fits(perp_call_actor(call), PERP_MAX_ACTOR))
        return perp_fail(core, PERP_E_INVALID, "actor: not UTF-8 of at most %d bytes",
                         PERP_MAX_ACTOR);
    if (!text_fits(perp_call_reason(call), PERP_MAX_REASON))
        return perp_fail(core, PERP_E_INVALID, "reason: not UTF-8 of at most %d bytes",
                         PERP_MAX_REASON);
    if (core->corrupt)
        return perp_corrupt(core);
    return PERP_OK;
}

perp_status perp_call_signed(const perp_core *core, const perp_call *call, const char *what) {
    const char *actor = perp_call_actor(call), *reason = perp_call_reason(call);
    if (!actor || !actor[0])
        return perp_fail(core, PERP_E_INVALID, "%s takes an actor", what);
    if (!reason || !reason[0])
        return perp_fail(core, PERP_E_INVALID, "%s takes a reason", what);
    return PERP_OK;
}

/* How far past both the clock and the newest event of a feed a call may be: a wrong unit must not
   roll days or clear latches. Two calls that are no further apart than the other agree. */
#define MOST_AHEAD_NS (INT64_C(3600) * PERP_NS_PER_S)
#define AGREES_NS (INT64_C(60) * PERP_NS_PER_S)
/* A call that is further behind the clock raises an alert. */
#define BEHIND_NS PERP_NS_PER_S

static bool has_time(const perp_call *call) {
    return call && call->struct_size >= offsetof(perp_call, actor) &&
           call->now_ns != PERP_TIME_NONE;
}

static bool is_ahead_of(int64_t now, int64_t than) {
    return than == PERP_TIME_NONE || perp_ns_since(than, now) > MOST_AHEAD_NS;
}

/* What most calls are, told by one comparison: not before the clock, and not an hour past it. */
static inline bool is_near(const perp_core *core, int64_t now) {
    int64_t clock = perp_clock(core);
    return clock != PERP_TIME_NONE && now >= clock &&
           (uint64_t)now - (uint64_t)clock <= (uint64_t)MOST_AHEAD_NS;
}

/* The one look at a call's time, before all else. A call that is refused for it is remembered, so
   that the next one can agree with it. */
static bool too_far(perp_core *core, int64_t now, int64_t before) {
    if (!atomic_load_explicit(&core->clock_is_told, memory_order_relaxed) ||
        perp_clock(core) == PERP_TIME_NONE || !is_ahead_of(now, perp_clock(core)) ||
        !is_ahead_of(now, core->newest_feed(core)))
        return false;
    if (before != PERP_TIME_NONE && perp_ns_since(before, now) <= AGREES_NS &&
        perp_ns_since(now, before) <= AGREES_NS)
        return false;
    core->refused_call = now;
    return true;
}

static perp_status refuse_time(const perp_core *core, const perp_call *call) {
    return perp_fail(core, PERP_E_RANGE,
                     "now_ns: %lld is more than an hour past the clock (%lld) and all feeds; a "
                     "second call that agrees, or advance, moves it",
                     (long long)call->now_ns, (long long)perp_clock(core));
}

void perp_decision_open(struct perp_decision *decision, perp_core *core, const perp_call *call) {
    decision->core = core;
    decision->call = call;
    decision->now = PERP_TIME_NONE;
    decision->begun = decision->takes_time = decision->protects = decision->looked = false;
    decision->near = decision->too_far = false;
    perp_enter(core);
    decision->refused_before = core->refused_call;
    decision->in_rule = perp_in_rule(core);
    if (decision->in_rule || !has_time(call))
        return;
    core->refused_call = PERP_TIME_NONE;
    decision->near = is_near(core, call->now_ns);
    decision->too_far =
        !decision->near && too_far(core, call->now_ns, decision->refused_before);
}

void perp_decision_take_time(struct perp_decision *decision) {
    decision->takes_time = true;
    decision->core->refused_call = decision->refused_before;
}

/* A text as it can be stored. */
static const char *cut(const char *text, char *room, size_t size) {
    if (!text || text_fits(text, size - 1))
        return text;
    size_t length = strnlen(text, size - 1);
    memcpy(room, text, length);
    room[length] = '\0';
    perp_text_end_whole(room);
    length = strlen(room);
    if (!perp_text_is_utf8(room, length))
        for (size_t i = 0; i < length; i++)
            if ((unsigned char)room[i] >= 0x80)
                room[i] = '?';
    return room;
}

void perp_decision_protect(struct perp_decision *decision) {
    const perp_call *call = decision->call;
    decision->protects = true;
    perp_decision_take_time(decision);
    const char *actor = perp_call_actor(call), *reason = perp_call_reason(call);
    if (text_fits(actor, PERP_MAX_ACTOR) && text_fits(reason, PERP_MAX_REASON))
        return;
    perp_call_init(&decision->own);
    decision->own.now_ns = call->now_ns;
    decision->own.reserved = call->reserved;
    decision->own.actor = cut(actor, decision->actor, sizeof decision->actor);
    decision->own.reason = cut(reason, decision->reason, sizeof decision->reason);
    decision->call = &decision->own;
}

int64_t perp_decision_time(const struct perp_decision *decision) {
    const perp_core *core = decision->core;
    return decision->too_far ? perp_clock(core) : perp_query_time(core, decision->call->now_ns);
}

/* Counts a call from the past, and tells of one that stands far behind. */
static void look_behind(perp_core *core, int64_t now) {
    int64_t clock = perp_clock(core);
    bool behind = clock != PERP_TIME_NONE && perp_ns_since(now, clock) > BEHIND_NS;
    core->late_calls += clock != PERP_TIME_NONE && now < clock;
    if (behind != core->behind)
        perp_tell_alert(core, PERP_ALERT_CLOCK_AHEAD, PERP_ALERT_WARNING, behind, "book",
                        behind ? "calls come in more than a second behind the clock"
                               : "calls come in with the clock again");
    core->behind = behind;
}

perp_status perp_decision_begin(struct perp_decision *decision) {
    perp_core *core = decision->core;
    if (decision->in_rule)
        return perp_refuse_in_rule(core);
    if (decision->too_far && !decision->takes_time)
        return PERP_E_RANGE; /* close says why */
    if (!decision->looked && (core->behind || !decision->near))
        look_behind(core, decision->call->now_ns);
    decision->looked = true;
    decision->now = perp_decision_time(decision);
    perp_batch_start(core, decision->call, decision->now);
    if (decision->protects)
        perp_batch_stands(core);
    decision->begun = true;
    return PERP_OK;
}

perp_status perp_decision_commit(struct perp_decision *decision) {
    decision->begun = false;
    perp_status status = perp_batch_commit(decision->core);
    if (status == PERP_OK)
        atomic_store_explicit(&decision->core->clock_is_told, true, memory_order_release);
    return status;
}

perp_status perp_decision_close(struct perp_decision *decision, perp_status status) {
    if (status == PERP_OK && decision->begun)
        status = perp_decision_commit(decision);
    if (decision->too_far && !decision->takes_time)
        status = refuse_time(decision->core, decision->call);
    return perp_leave_with(decision->core, status);
}
