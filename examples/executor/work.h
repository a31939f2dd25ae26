/* One look at a job that runs, and what it leads to. */
#ifndef EXECUTOR_WORK_H
#define EXECUTOR_WORK_H

#include "executor.h"

struct leg {
    uint32_t index, side;
    bool maker;
    ex_venue *venue;
    const ex_instrument *instrument;
    double quantity, filled, may_fill; /* by orders that have not ended */
    uint32_t tries, n_live, refused;   /* orders that found nothing to reduce */
    perp_order_info live;              /* the last of those that have not ended */
    int64_t ended_ns;                  /* of the last that has; PERP_TIME_NONE: none has */
    uint32_t ended_as;
    bool too_small; /* the gate says so, or takes no more */
};

struct step {
    executor *ex;
    ex_work *work;
    int64_t now;
    perp_job_info info;
    struct leg legs[PERP_MAX_LEGS];
    uint32_t n_orders, n_live, n_doubts, n_placed;
    double coarse; /* the largest step of the legs */
    bool killed, closing;
};

/* ---- orders of it (orders.c) ---- */
/* Asks what is not known of an order that has not ended, fetches its trades, tells its end. */
void ex_look_after(struct step *step, const perp_order_info *info);
void ex_place(struct step *step, struct leg *leg, uint32_t tif, double price, double quantity);
void ex_cancel(struct step *step, const perp_order_info *info);

#endif
