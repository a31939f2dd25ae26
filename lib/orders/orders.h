/* Orders of running jobs, as their own files and the book see them. */
#ifndef PERP_ORDERS_ORDERS_H
#define PERP_ORDERS_ORDERS_H

#include "core/order.h"
#include "scheduler/scheduler.h"

/* An order on its way through the gate. Those that the same call placed before it count. */
struct perp_gate_view {
    const perp_core *core;
    const struct perp_job_entry *job;
    const struct perp_job_leg *leg;
    const perp_instrument_spec *instrument;
    const struct perp_order_row *order;
    const struct perp_order_row *const *before; /* placed by the same call */
    uint32_t n_before;
    int64_t due; /* of the exchange, with those */
    int64_t now;
    struct perp_market_view market;
    double executable; /* of its quantity; 0: none known */
    double reference;  /* 0: none */
    bool quote_is_fresh;
};

struct perp_gate_refusal {
    uint32_t gate; /* PERP_GATE_NONE: it passes */
    double asked, limit;
};

/* gate.c: whether it may go. Reads only. */
void perp_gate_look(struct perp_gate_view *view, struct perp_gate_refusal *refusal);
/* desk.c: a new day; a clock that is set back, past which no exchange's message allowance waits. */
void perp_desk_roll(perp_core *core);
void perp_desk_set_back(perp_core *core, int64_t now);

#endif
