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

perp_status perp_call_time(perp_core *core, const perp_call *call, int64_t *now) {
    if (perp_too_far_ahead(core, call->now_ns))
        return perp_fail(core, PERP_E_RANGE,
                         "now_ns: %lld is more than 7 days past the clock (%lld); advance first",
                         (long long)call->now_ns, (long long)perp_clock(core));
    int64_t clock = perp_clock(core);
    if (call->now_ns < clock)
        core->late_calls++;
    *now = call->now_ns < clock ? clock : call->now_ns;
    return PERP_OK;
}

void perp_decision_open(struct perp_decision *decision, perp_core *core, const perp_call *call) {
    *decision = (struct perp_decision){.core = core, .call = call};
    perp_enter(core);
}

perp_status perp_decision_check(const struct perp_decision *decision) {
    return perp_call_check(decision->core, decision->call);
}

int64_t perp_decision_time(const struct perp_decision *decision) {
    return perp_query_time(decision->core, decision->call->now_ns);
}

perp_status perp_decision_begin(struct perp_decision *decision) {
    perp_status status = perp_call_time(decision->core, decision->call, &decision->now);
    if (status == PERP_OK)
        perp_batch_begin(decision->core, decision->call, decision->now);
    decision->begun = status == PERP_OK;
    return status;
}

perp_status perp_decision_commit(struct perp_decision *decision) {
    decision->begun = false;
    return perp_batch_commit(decision->core);
}

perp_status perp_decision_close(struct perp_decision *decision, perp_status status) {
    if (status == PERP_OK && decision->begun)
        status = perp_decision_commit(decision);
    return perp_leave(decision->core, status);
}
