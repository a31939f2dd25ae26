/* The whole state in one piece, for people and programs that watch. See docs/monitoring.md. */
#ifndef PERPCORE_MONITOR_H
#define PERPCORE_MONITOR_H

#include <perpcore/config.h>
#include <perpcore/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state as JSON, with the names of docs/monitoring.md. *length gets the length without the
   terminating zero; PERP_E_RANGE: capacity is too small (*length says what is needed, nothing is
   written). buffer may be NULL with capacity 0. now_ns: for ages; the later of it and the clock. */
PERP_API perp_status perp_monitor_json(const perp_core *core, int64_t now_ns, char *buffer,
                                       size_t capacity, size_t *length);

/* The alerts that stand now, most severe first. Fills up to capacity; *count gets how many there
 * are. */
PERP_API perp_status perp_monitor_alerts(const perp_core *core, int64_t now_ns, perp_alert *alerts,
                                         uint32_t capacity, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
