/* Orders of a job: placed, cancelled, looked after until they have ended. */
#include <math.h>
#include <string.h>

#include "work.h"

#define GRACE_NS (20 * EX_MS) /* the stream mostly brings a trade before it is asked for */
#define AGAIN_NS (400 * EX_MS)
#define CANCEL_AGAIN_NS EX_S
#define TAKES_NS (500 * EX_MS) /* an order that does not rest has ended by then */
#define WAIT_NS (100 * EX_MS)
#define MOST_OVER_NS (2 * EX_S)

/* ---- looked after ---- */

/* More was filled than is booked. Under the lock. */
static void fetch_trades(ex_order *order, const perp_order_info *info, int64_t now) {
    if (order->trades_ns == 0) {
        order->trades_ns = now + GRACE_NS;
    } else if (now >= order->trades_ns) {
        order->trades_ns = now + AGAIN_NS;
        ex_send_about(order, info->exchange_id[0] == '\0' ? EX_ASK : EX_TRADES, info->exchange_id);
    }
}

static bool is_unclear(const ex_order *order, const perp_order_info *info, int64_t now) {
    return order->wants_ask || info->state != PERP_ORDER_OPEN ||
           (info->tif != PERP_TIF_POST_ONLY && now - order->placed_ns > TAKES_NS);
}

/* Its own answer is still to come, and may well do. */
static bool is_fresh(const ex_order *order, int64_t now) {
    return (order->busy & 1u << EX_PLACE) && now - order->placed_ns < TAKES_NS;
}

/* A question is asked again while its answer is on its way: each may take long, and the first that
   comes will do. */
void ex_look_after(struct step *step, const perp_order_info *info) {
    executor *ex = step->ex;
    ex_order ended = {.order = 0};
    pthread_mutex_lock(&ex->lock);
    ex_order *order = ex_order_of(ex, info->order, true);
    if (order != NULL && !is_fresh(order, step->now) && step->now >= order->venue->quiet_until_ns) {
        if (order->executed > info->filled + info->quantity * 1e-9) {
            fetch_trades(order, info, step->now);
        } else if (order->end != PERP_NEWS_ACCEPTED) {
            ended = *order;
        } else if (is_unclear(order, info, step->now) && step->now >= order->ask_ns) {
            order->ask_ns = step->now + AGAIN_NS;
            ex_send_about(order, EX_ASK, NULL);
        }
    }
    pthread_mutex_unlock(&ex->lock);
    if (ended.order != 0)
        ex_tell_end(ex, &ended);
}

/* ---- cancelled ---- */

/* An order of which nothing is known yet can't be cancelled: its answer is waited for first. */
void ex_cancel(struct step *step, const perp_order_info *info) {
    executor *ex = step->ex;
    bool sends = false;
    pthread_mutex_lock(&ex->lock);
    ex_order *order = ex_order_of(ex, info->order, true);
    if (order != NULL && !order->wants_ask && order->end == PERP_NEWS_ACCEPTED &&
        info->state == PERP_ORDER_OPEN && step->now >= order->cancel_ns &&
        step->now >= order->venue->quiet_until_ns) {
        order->cancel_ns = step->now + CANCEL_AGAIN_NS;
        ex_send_about(order, EX_CANCEL, NULL);
        sends = true;
    }
    pthread_mutex_unlock(&ex->lock);
    if (!sends)
        return;
    perp_call call = ex_call();
    ex->counts.cancels++;
    perp_status status = perp_orders_cancel_sent(ex->orders, &call, info->order);
    ex_ok(ex, status, "cancel sent");
}

/* ---- placed ---- */

static void send(struct step *step, struct leg *leg, uint64_t number) {
    executor *ex = step->ex;
    perp_order_info info = {.struct_size = sizeof info};
    step->work->over_ns[leg->index] = 0;
    pthread_mutex_lock(&ex->lock);
    ex_order *order = ex_order_of(ex, number, true);
    if (order != NULL && perp_orders_get(ex->orders, number, &info) == PERP_OK)
        ex_send_place(order, &info);
    pthread_mutex_unlock(&ex->lock);
    step->n_placed++;
    leg->n_live++;
}

/* Nothing is left of a leg that was not filled, by what the account shows: its fills are on their
   way, or another job's were taken for them. It is waited for, but not for long. */
static bool is_at_its_end(struct step *step, struct leg *leg) {
    int64_t *since = &step->work->over_ns[leg->index];
    if (*since == 0)
        *since = step->now;
    return step->info.is_repair || step->now - *since > MOST_OVER_NS;
}

/* What the gate's refusal means for the leg: most pass, some say that it is at its end. */
static void refused(struct step *step, struct leg *leg, const perp_order_answer *answer) {
    int64_t wait = WAIT_NS;
    if (answer->gate == PERP_GATE_ORDER_RATE)
        wait = (int64_t)answer->limit;
    else if (answer->gate == PERP_GATE_KILLED)
        step->killed = true;
    else if (answer->gate == PERP_GATE_MIN_QTY || answer->gate == PERP_GATE_MIN_NOTIONAL)
        leg->too_small = true;
    else if (answer->gate == PERP_GATE_OVER_LEG)
        leg->too_small = is_at_its_end(step, leg);
    step->work->retry_ns[leg->index] = step->now + wait;
}

/* Asks the gate, and sends what it lets pass. False: the quantity is more than what is left, and
   answer has that. */
static bool place(struct step *step, struct leg *leg, const perp_order_request *request,
                  perp_order_answer *answer) {
    perp_call call = ex_call();
    perp_order_answer_init(answer);
    perp_status status = perp_orders_place(step->ex->orders, &call, request, answer);
    if (status == PERP_E_STATE || status == PERP_E_NOT_FOUND)
        return true; /* in doubt, or ended by now */
    if (!ex_ok(step->ex, status, "place")) {
        leg->too_small = status == PERP_E_INVALID;
        step->work->retry_ns[leg->index] = step->now + WAIT_NS;
    } else if (answer->gate == PERP_GATE_NONE) {
        send(step, leg, answer->order);
    } else if (answer->gate == PERP_GATE_OVER_LEG && step->info.is_repair &&
               answer->limit >= leg->instrument->step) {
        return false;
    } else {
        refused(step, leg, answer);
    }
    return true;
}

/* An order is durable before it is sent; what is sent is what the book has. */
void ex_place(struct step *step, struct leg *leg, uint32_t tif, double price, double quantity) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    request.job_id = step->info.job.job_id;
    request.leg = leg->index;
    request.tif = tif;
    request.price = price;
    request.quantity = quantity;
    if (place(step, leg, &request, &answer))
        return;
    request.quantity = ex_floor(answer.limit, leg->instrument->step);
    place(step, leg, &request, &answer);
}
