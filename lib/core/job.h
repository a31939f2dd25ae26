/* A job as the book keeps it. Risk looks at what it is, the scheduler moves it through its life. */
#ifndef PERP_CORE_JOB_H
#define PERP_CORE_JOB_H

#include "core/core.h"

struct perp_held; /* capital.h */
struct perp_job_entry;

struct perp_job_leg {
    perp_instrument_id instrument;
    perp_exchange_id exchange;
    uint32_t base;
    uint32_t side;
    uint32_t maker;
    double quantity;
    double leverage;   /* default filled in */
    perp_usd notional; /* the job's filled in */
    double price;      /* executable price at dispatch */
    struct perp_job_entry *job;
    struct perp_job_leg *next, *previous; /* running legs of the instrument, in order of dispatch */
};

struct perp_job_entry {
    perp_uuid id;
    uint32_t strategy;
    uint32_t state; /* PERP_JOB_… */
    perp_usd notional;
    perp_usd est_volume; /* default filled in */
    double edge_bps;
    double holding_hours;
    int64_t given_created; /* as submitted, PERP_TIME_NONE where it was not given */
    int64_t ttl_ms;        /* default filled in; 0: never */
    int64_t ttl_from;      /* what the ttl counts from */
    int64_t max_run_ms;
    int32_t priority;
    uint32_t metadata_size;
    void *metadata;
    uint64_t exchanges; /* bits */

    uint64_t order; /* place in the order of submit */
    int64_t submitted, started, ended;
    bool overdue;
    bool override_logged;
    uint32_t unsaid; /* an executor's outcome that the store did not take yet; 0: none */
    bool reduce_only;
    bool linked; /* its legs are among the running legs */
    uint32_t last_refusal;
    double score; /* of the last evaluation in a tick; NaN: none */
    struct perp_held *held;
    perp_usd pnl, volume, fees; /* booked so far */

    bool is_repair;
    perp_uuid parent; /* of a repair */

    /* Of a partial job: what is naked per base of the job (n_naked bases), and its repairs. */
    bool unresolved;
    uint32_t n_naked;
    uint32_t naked_bases[PERP_MAX_LEGS];
    double naked[PERP_MAX_LEGS];
    uint32_t attempts; /* repairs queued so far */
    bool has_repair;   /* one is pending or runs; its id follows from attempts */

    struct perp_job_entry *next, *previous; /* running, open, unresolved, or ended */
    uint32_t n_legs;
    struct perp_job_leg legs[];
};

static inline size_t perp_job_size(uint32_t n_legs) {
    return sizeof(struct perp_job_entry) + n_legs * sizeof(struct perp_job_leg);
}

/* Room for a job on the stack, as evaluate makes one. */
union perp_job_room {
    struct perp_job_entry job;
    char bytes[sizeof(struct perp_job_entry) + PERP_MAX_LEGS * sizeof(struct perp_job_leg)];
};

/* Makes a job of what the host gives, defaults filled in; all is checked but hedge and self trade.
   room has place for PERP_MAX_LEGS. */
perp_status perp_job_from_spec(const perp_core *core, const perp_job *spec, int64_t now,
                               union perp_job_room *room);
/* A job as the host gives it: itself where it has this library's size, else with its defaults
   filled in, in room. NULL: not given, or a struct_size that is not known. */
const perp_job *perp_job_given(const perp_job *job, perp_job *room);

/* A job of the book by its id (NULL: none): in any state, or ended and not yet forgotten. */
struct perp_job_entry *perp_job_find(const perp_core *core, const perp_uuid *id);

#endif
