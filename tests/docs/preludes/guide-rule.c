/* What a risk rule sees, as far as the page's rule looks at it; lib/risk/risk.h has all of it. */
#include <perpcore/perpcore.h>
#include <stdbool.h>

struct perp_job_entry {
    uint32_t strategy;
    double edge_bps;
};

struct perp_eval {
    const struct perp_job_entry *job;
    const perp_mode_limits *limits;
};

/* FUNCTIONS */
