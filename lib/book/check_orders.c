/* What must hold of orders in every book, looked at from scratch. */
#include <math.h>
#include <string.h>

#include "book/book.h"

static perp_status wrong(const perp_core *core, const struct perp_order_entry *order,
                         const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "order %llu: %s", (unsigned long long)order->id, what);
}

static perp_status broken(const perp_core *core, const char *what) {
    return perp_fail(core, PERP_E_CORRUPT, "orders: %s", what);
}

static bool near(double a, double b) {
    return fabs(a - b) <= PERP_NEAR_ZERO * (fabs(a) + fabs(b));
}

/* What was filled is what its trades say, where it is told by trades. */
static const char *trades_differ(const struct perp_order_entry *order) {
    double filled = 0, paid = 0;
    for (const struct perp_order_fill *trade = order->trades; trade; trade = trade->next) {
        filled += trade->quantity;
        paid += trade->quantity * trade->price;
    }
    if (order->told != PERP_TOLD_FILLS)
        return order->trades ? "it has trades, and is not told by them" : NULL;
    if (!near(filled, order->filled) || !near(paid, order->filled * order->average))
        return "what it filled is not what its trades say";
    return NULL;
}

/* Its state follows from what it filled; what is not told at all is nothing. */
static const char *state_differs(const struct perp_order_entry *order) {
    bool ended = perp_order_ended(order->state);
    if (order->told == PERP_TOLD_NOTHING &&
        (order->filled != 0 || order->volume != 0 || order->fees != 0 || order->pnl != 0))
        return "it has figures that nobody told";
    if ((order->state == PERP_ORDER_FILLED) != perp_order_is_full(order, 0))
        return "it is filled and not full, or full and not filled";
    if (order->overfilled == perp_at_most(order->filled, order->quantity))
        return "it is flagged for more than it filled, or is not";
    if (ended != (order->ended != PERP_TIME_NONE))
        return "it ended at no time, or stands since its end";
    return !ended && !perp_job_runs(order->job) ? "it stands, and its job does not run" : NULL;
}

static const char *place_differs(const perp_core *core, const struct perp_order_entry *order) {
    if (order->id == 0 || order->id >= core->orders->next_order ||
        (order->previous && order->previous->id >= order->id))
        return "its number is out of order";
    if ((order->previous ? order->previous->next : core->orders->first) != order)
        return "it is in no list";
    if (perp_order_find(core, order->id) != order ||
        perp_order_by_client(core, order->client_id) != order)
        return "it is not found by its number, or by its client id";
    if (perp_job_find(core, &order->job_id) != order->job || order->leg >= order->job->n_legs ||
        order->exchange != perp_instrument_at(core, order->instrument)->spec.exchange)
        return "its job or its exchange is another";
    return NULL;
}

/* Of a job: its orders are its own, by number, the attempts of each leg rising; its legs filled
   what they did. The one leg of a repair may have been elsewhere when a late fill came: less, not
   more. */
static perp_status check_job(const perp_core *core, const struct perp_job_entry *job,
                             uint32_t *count) {
    double filled[PERP_MAX_LEGS] = {0};
    perp_usd fees[PERP_MAX_LEGS] = {0}, pnl[PERP_MAX_LEGS] = {0};
    uint32_t attempts[PERP_MAX_LEGS] = {0};
    uint64_t before = 0;
    for (const struct perp_order_entry *order = job->run->orders; order;
         order = order->next_of_job) {
        if (order->job != job || order->id <= before || order->leg >= job->n_legs ||
            order->attempt <= attempts[order->leg] ||
            (!order->next_of_job && job->run->orders->last_of_job != order))
            return wrong(core, order, "it is in another job's list, or in the wrong place");
        before = order->id;
        attempts[order->leg] = order->attempt;
        filled[order->leg] += order->filled;
        fees[order->leg] += order->fees;
        pnl[order->leg] += order->pnl;
        ++*count;
    }
    for (uint32_t i = 0; i < job->n_legs && job->run->orders; i++) {
        const struct perp_run_leg *leg = &job->run->legs[i];
        if (job->is_repair ? leg->filled > filled[i] * (1 + PERP_NEAR_ZERO)
                           : !near(leg->filled, filled[i]))
            return broken(core, "a leg did not fill what its orders filled");
        if (!job->is_repair && (leg->fee != fees[i] || leg->pnl != pnl[i]))
            return broken(core, "fees or pnl of a leg are not those of its orders");
    }
    return PERP_OK;
}

/* Those that have not ended, and which of them are in doubt, are counted and listed in order. */
static perp_status check_live(const perp_core *core, uint32_t n_live, uint32_t n_in_doubt) {
    const perp_orders *orders = core->orders;
    const struct perp_order_entry *order = orders->first_live, *before = NULL;
    uint32_t listed = 0;
    for (; order; before = order, order = order->next_live, listed++)
        if (perp_order_ended(order->state) || order->last_live != before ||
            (before && before->id >= order->id))
            return wrong(core, order, "it is in the wrong place among those that stand");
    if (orders->last_live != before || listed != n_live || orders->n_live != n_live ||
        orders->n_in_doubt != n_in_doubt)
        return broken(core, "those that stand or are in doubt are miscounted");
    return PERP_OK;
}

static perp_status check_desk(const perp_core *core) {
    const perp_orders *orders = core->orders;
    uint32_t n = perp_n_exchanges(core);
    if (n < 64 && orders->foreign >> n)
        return broken(core, "an exchange that is not there lists others' orders");
    for (uint32_t i = 1; i < orders->n_placed; i++)
        if (orders->placed[orders->first_placed + i].time_ns <
            orders->placed[orders->first_placed + i - 1].time_ns)
            return broken(core, "those that count for repeats are out of order");
    return PERP_OK;
}

perp_status perp_orders_check(const perp_core *core) {
    const perp_orders *orders = core->orders;
    uint32_t count = 0, of_jobs = 0, n_live = 0, n_in_doubt = 0;
    const struct perp_order_entry *order = orders->first, *last = NULL;
    for (; order; last = order, order = order->next, count++) {
        const char *what = place_differs(core, order);
        if (!what)
            what = state_differs(order);
        if (!what)
            what = trades_differ(order);
        if (what)
            return wrong(core, order, what);
        n_live += !perp_order_ended(order->state);
        n_in_doubt += order->state == PERP_ORDER_IN_DOUBT;
    }
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (const struct perp_job_entry *job; (job = perp_jobs_next(&jobs));) {
        perp_status status = check_job(core, job, &of_jobs);
        if (status != PERP_OK)
            return status;
    }
    if (orders->last != last || of_jobs != count || orders->by_number.count != count ||
        orders->by_client.count != count)
        return broken(core, "they are miscounted");
    perp_status status = check_live(core, n_live, n_in_doubt);
    return status == PERP_OK ? check_desk(core) : status;
}
