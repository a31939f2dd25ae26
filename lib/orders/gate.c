/* The gate: what each order must pass before it is sent. One function a check, in the order in
   which they are made; the first that does not hold is the refusal. */
#include "orders/orders.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

typedef struct perp_gate_view view_t;
typedef struct perp_gate_refusal refusal_t;

static bool says(refusal_t *refusal, double asked, double limit) {
    refusal->asked = asked;
    refusal->limit = limit;
    return true;
}

/* What a unit is worth, for a limit order without a reference its own price; 0: not known. */
static double worth(const view_t *v) {
    return v->reference > 0 ? v->reference : v->order->price;
}

/* ---- Checks -------------------------------------------------------------------------------------
 */

static bool KILLED(const view_t *v, refusal_t *refusal) {
    return perp_exchange_killed(v->core, v->leg->exchange) && !v->job->is_flatten &&
           says(refusal, 0, 0);
}

static bool EXCHANGE_DOWN(const view_t *v, refusal_t *refusal) {
    return perp_market_api(v->core->market, v->leg->exchange) == PERP_API_DOWN &&
           says(refusal, 0, 0);
}

/* What of the leg its orders have taken, beside what they filled: what those that have not ended
   may still fill, or was seen. */
static double taken_of(const view_t *v) {
    double ordered = perp_leg_ordered(v->job, v->order->leg);
    for (uint32_t i = 0; i < v->n_before; i++)
        if (v->before[i]->leg == v->order->leg &&
            memcmp(&v->before[i]->job_id, &v->job->id, sizeof v->job->id) == 0)
            ordered = perp_quantity_sum(ordered, v->before[i]->quantity);
    return perp_max(ordered, v->job->run->legs[v->order->leg].seen);
}

/* What is naked and a repair's leg goes against; 0: nothing is. */
static double against(const view_t *v) {
    double naked = perp_base_naked(v->core, NULL, v->leg->base);
    return (naked > 0) == (v->leg->side == PERP_SIDE_SELL) ? fabs(naked) : 0;
}

static bool is_over(const view_t *v, double left, refusal_t *refusal) {
    left = perp_max(0, left);
    return v->order->quantity - left > PERP_NEAR_ZERO * v->leg->quantity &&
           says(refusal, v->order->quantity, left);
}

/* A repair is held to what is naked, and then to what is naked beside its other orders: in pieces
   it would turn it round. */
static bool OVER_LEG(const view_t *v, refusal_t *refusal) {
    double taken = taken_of(v);
    double left = perp_quantity_sum(
        perp_quantity_sum(v->leg->quantity, -v->job->run->legs[v->order->leg].filled), -taken);
    if (!v->job->is_repair)
        return is_over(v, left, refusal);
    double naked = against(v);
    return is_over(v, perp_min(left, naked), refusal) ||
           is_over(v, perp_min(left, perp_quantity_sum(naked, -taken)), refusal);
}

/* A reduce-only order for the whole leg closes what is there, whatever its size. */
static bool closes_all(const view_t *v) {
    return v->order->reduce_only && perp_at_most(v->leg->quantity, v->order->quantity);
}

static bool QTY_STEP(const view_t *v, refusal_t *refusal) {
    double step = v->instrument->qty_step;
    return step > 0 && !closes_all(v) && !perp_on_step(v->order->quantity, step) &&
           says(refusal, v->order->quantity, step);
}

static bool MIN_QTY(const view_t *v, refusal_t *refusal) {
    return v->order->quantity < v->instrument->min_qty && !closes_all(v) &&
           says(refusal, v->order->quantity, v->instrument->min_qty);
}

static bool MIN_NOTIONAL(const view_t *v, refusal_t *refusal) {
    double least = perp_usd_to_double(v->instrument->min_notional);
    double value = v->order->quantity * worth(v);
    return !v->order->reduce_only && worth(v) > 0 && value < least && says(refusal, value, least);
}

static bool PRICE_TICK(const view_t *v, refusal_t *refusal) {
    double tick = v->instrument->price_tick;
    return tick > 0 && v->order->type == PERP_ORDER_LIMIT && !perp_on_step(v->order->price, tick) &&
           says(refusal, v->order->price, tick);
}

static bool NO_REFERENCE(const view_t *v, refusal_t *refusal) {
    return !v->order->reduce_only && !v->quote_is_fresh && says(refusal, 0, 0);
}

static bool PRICE_COLLAR(const view_t *v, refusal_t *refusal) {
    const struct perp_order_row *order = v->order;
    bool buys = order->side == PERP_SIDE_BUY, market = order->type == PERP_ORDER_MARKET;
    double price = market ? v->executable : order->price, through, other;
    if (!(v->reference > 0) || !(price > 0))
        return false; /* without one only what reduces comes here */
    perp_order_collar(v->core, v->reference, order->side, order->reduce_only, &through, &other);
    if (buys ? price > through : price < through)
        return says(refusal, price, through);
    return !market && (buys ? price < other : price > other) && says(refusal, price, other);
}

static bool ORDER_VALUE(const view_t *v, refusal_t *refusal) {
    perp_usd most = v->core->config.orders.max_order_usd, value;
    if (most == 0 || v->order->reduce_only)
        return false;
    if (!perp_usd_from_double(v->order->quantity * worth(v), &value))
        return says(refusal, v->order->quantity * worth(v), perp_usd_to_double(most));
    return value > most && says(refusal, perp_usd_to_double(value), perp_usd_to_double(most));
}

static bool ORDER_RATE(const view_t *v, refusal_t *refusal) {
    int64_t next = perp_rate_next(&v->core->exchanges[v->leg->exchange].spec, v->due);
    return next != PERP_TIME_NONE && v->now < next &&
           says(refusal, 0, (double)perp_ns_since(v->now, next));
}

static bool REPEATED(const view_t *v, refusal_t *refusal) {
    const struct perp_order_row *order = v->order;
    uint32_t limit = v->core->config.orders.repeat_limit;
    const struct perp_placed_row row = {order->instrument, order->side, order->quantity,
                                        order->price, v->now};
    if (limit == 0 || order->reduce_only)
        return false;
    uint32_t n = perp_placed_same(v->core, &row);
    for (uint32_t i = 0; i < v->n_before; i++)
        n += !v->before[i]->reduce_only && v->before[i]->instrument == order->instrument &&
             v->before[i]->side == order->side && v->before[i]->quantity == order->quantity &&
             v->before[i]->price == order->price;
    return n >= limit && says(refusal, (double)n + 1, (double)limit);
}

void perp_gate_look(struct perp_gate_view *view, struct perp_gate_refusal *refusal) {
    const perp_core *core = view->core;
    double depth;
    view->executable = 0;
    if (view->order->type == PERP_ORDER_MARKET)
        perp_market_read_leg(core->market, view->leg->instrument, view->now, view->leg->side,
                             view->order->quantity, &view->market, &view->executable, &depth);
    else
        perp_market_read_price(core->market, view->leg->instrument, view->now, &view->market);
    view->quote_is_fresh = perp_quote_is_fresh(core, &view->market, view->now);
    view->reference = perp_order_reference(core, &view->market, view->now);
    *refusal = (struct perp_gate_refusal){PERP_GATE_NONE, 0, 0};
#define PERP_X(NAME, number, text, unit)                                                           \
    if (NAME(view, refusal)) {                                                                     \
        refusal->gate = PERP_GATE_##NAME;                                                          \
        return;                                                                                    \
    }
    PERP_GATE_LIST(PERP_X)
#undef PERP_X
}
