/* What changed since: the numbered changes that the book keeps. */
#include "monitor/monitor.h"

perp_status perp_monitor_changes(const perp_core *core, uint64_t after_seq, perp_change *rows,
                                 uint32_t capacity, uint32_t *count) {
    if (!core || !count || (capacity && !rows))
        return perp_fail(core, PERP_E_INVALID, "changes: NULL");
    perp_change next;
    perp_read_begin(core);
    uint64_t newest = core->seq;
    bool kept =
        after_seq == newest || (after_seq < newest && perp_change_at(core, after_seq + 1, &next));
    uint32_t n = kept ? (uint32_t)(newest - after_seq) : 0;
    for (uint32_t i = 0; i < n && i < capacity; i++)
        (void)perp_change_at(core, after_seq + 1 + i, &rows[i]);
    perp_read_end(core);
    if (!kept)
        return perp_fail(core, PERP_E_RANGE,
                         "changes: those after %llu are not kept, the newest is %llu",
                         (unsigned long long)after_seq, (unsigned long long)newest);
    *count = n;
    return PERP_OK;
}
