/* What a rule of the job's scope sees, as far as the page's rule looks at it; lib/risk/rules.h has
   all of it. */
#include <perpcore/perpcore.h>

struct perp_job_entry {
    uint32_t strategy;
    double edge_bps;
};

struct perp_scope_job {
    const struct perp_job_entry *job;
};

struct perp_measured {
    double value, limit;
    int against;
};

static struct perp_measured perp_not_held(void) {
    return (struct perp_measured){0, 0, 0};
}

static struct perp_measured perp_measured(double value) {
    return (struct perp_measured){value, 0, 1};
}

/* FUNCTIONS */
