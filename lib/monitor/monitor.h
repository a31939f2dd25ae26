/* What monitoring reads of the whole book. Nothing here changes it. */
#ifndef PERP_MONITOR_MONITOR_H
#define PERP_MONITOR_MONITOR_H

#include "scheduler/scheduler.h"
#include "util/json.h"

/* A struct a section: its scalar fields, as fields.def lists them. */
typedef const char *perp_field_text; /* NULL: null in JSON */
typedef perp_usd perp_field_usd;
typedef perp_usd perp_field_limit; /* 0: none, null in JSON */
typedef double perp_field_number;  /* NaN and infinity: null in JSON */
typedef uint64_t perp_field_count;
typedef bool perp_field_flag;
typedef int64_t perp_field_time; /* PERP_TIME_NONE: null in JSON */

#define MEMBER(type, name) perp_field_##type name;
struct perp_global_stats {
#define GLOBAL MEMBER
#include "monitor/fields.def"
};
struct perp_capital_stats {
#define CAPITAL MEMBER
#include "monitor/fields.def"
};
struct perp_pool_stats {
#define POOL MEMBER
#include "monitor/fields.def"
};
struct perp_exchange_stats {
#define EXCHANGE MEMBER
#include "monitor/fields.def"
};
struct perp_jobs_stats {
#define JOBS MEMBER
#include "monitor/fields.def"
};
struct perp_job_stats {
#define JOB MEMBER
#include "monitor/fields.def"
};
struct perp_risk_stats {
#define RISK MEMBER
#include "monitor/fields.def"
};
struct perp_market_stats {
#define MARKET MEMBER
#include "monitor/fields.def"
};
#undef MEMBER

/* Writing JSON: where memory runs out, failed is set and the rest does nothing. */
struct perp_out {
    bool failed;
};
cJSON *perp_out_object(struct perp_out *out, cJSON *parent, const char *name);
cJSON *perp_out_array(struct perp_out *out, cJSON *parent, const char *name);
void perp_out_item(struct perp_out *out, cJSON *array, const char *text);
void perp_out_text(struct perp_out *out, cJSON *object, const char *name, const char *text);
void perp_out_usd(struct perp_out *out, cJSON *object, const char *name, perp_usd amount);
void perp_out_limit(struct perp_out *out, cJSON *object, const char *name, perp_usd amount);
void perp_out_number(struct perp_out *out, cJSON *object, const char *name, double value);
void perp_out_count(struct perp_out *out, cJSON *object, const char *name, uint64_t value);
void perp_out_flag(struct perp_out *out, cJSON *object, const char *name, bool value);
void perp_out_time(struct perp_out *out, cJSON *object, const char *name, int64_t time_ns);

/* jobs_stats. Under the lock. */
void perp_out_jobs(struct perp_out *out, cJSON *root, const perp_core *core);

/* Calls `take` with each alert that stands at `now`, most severe first. Under the lock.
 * PERP_E_NOMEM. */
perp_status perp_alerts_each(const perp_core *core, int64_t now,
                             void (*take)(void *user, const perp_alert *alert), void *user);

/* Calls `take` with each row until it returns false. Under the lock. PERP_E_NOMEM. */
perp_status perp_feasibility_each(const perp_core *core,
                                  bool (*take)(void *user, const perp_feasibility *row),
                                  void *user);

const char *perp_alert_level_string(uint32_t level);

#endif
