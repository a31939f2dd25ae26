/* Calls on orders: what a leg may still order and what exchanges say of it, predicted by a list of
   orders that knows nothing but what it was told. */
#include "property.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTHING, FILLS, TOTALS };

static int has_ended(const p_order *order) {
    return order->state >= PERP_ORDER_FILLED;
}

static int is_full(const p_order *order) {
    return order->filled >= order->quantity * (1 - 1e-9);
}

static perp_orders *desk(const p_run *run) {
    return perp_core_orders(run->core);
}

static void set_state(p_run *run, p_order *order, uint32_t state) {
    n_job *j = &run->book.jobs[order->job];
    j->n_standing -= !has_ended(order);
    order->state = state;
    j->n_standing += !has_ended(order);
    if (state == PERP_ORDER_REJECTED) {
        j->rejected |= UINT64_C(1) << order->leg;
    } else { /* rejected, and full after all */
        j->rejected &= ~(UINT64_C(1) << order->leg);
        for (uint64_t i = 0; i < run->n_orders; i++) {
            const p_order *other = &run->orders[i];
            if (other->job == order->job && other->state == PERP_ORDER_REJECTED) {
                j->rejected |= UINT64_C(1) << other->leg;
            }
        }
    }
}

/* ---- Placing ------------------------------------------------------------------------------------
 */

/* What the orders of a leg that stand may still fill, or was seen of it. */
static double taken_of(const p_run *run, int job, uint32_t leg) {
    double ordered = 0;
    for (uint64_t i = 0; i < run->n_orders; i++) {
        const p_order *order = &run->orders[i];
        if (order->job == job && order->leg == leg && !has_ended(order)) {
            ordered += order->quantity > order->filled ? order->quantity - order->filled : 0;
        }
    }
    double seen = run->book.jobs[job].legs[leg].seen;
    return ordered > seen ? ordered : seen;
}

static double left_of(const p_run *run, int job, uint32_t leg) {
    const n_job *j = &run->book.jobs[job];
    const perp_leg *of = &j->job.legs[leg];
    double taken = taken_of(run, job, leg);
    double left = of->quantity - j->legs[leg].filled - taken;
    if (j->is_repair) {
        double naked = n_naked(&run->book, run->book.instruments[of->instrument].base);
        double against = (naked > 0) == (of->side == PERP_SIDE_SELL) ? fabs(naked) - taken : 0;
        left = left < against ? left : against;
    }
    return left > 0 ? left : 0;
}

static uint32_t attempts_of(const p_run *run, int job, uint32_t leg) {
    uint32_t n = 0;
    for (uint64_t i = 0; i < run->n_orders; i++) {
        n += run->orders[i].job == job && run->orders[i].leg == leg;
    }
    return n;
}

static void add_order(p_run *run, int job, const perp_order_request *request,
                      const perp_order_answer *answer) {
    if (run->n_orders == run->orders_room) {
        run->orders_room = run->orders_room * 2 + 256;
        run->orders = realloc(run->orders, run->orders_room * sizeof *run->orders);
        if (run->orders == NULL) {
            p_fail(run, "no memory");
        }
    }
    uint32_t attempt = attempts_of(run, job, request->leg) + 1;
    p_order *order = &run->orders[run->n_orders++];
    const perp_leg *leg = &run->book.jobs[job].job.legs[request->leg];
    memset(order, 0, sizeof *order);
    order->number = answer->order;
    order->job = job;
    order->leg = request->leg;
    order->attempt = attempt;
    order->instrument = leg->instrument;
    order->side = leg->side;
    order->quantity = request->quantity;
    run->book.jobs[job].n_orders++;
    run->book.jobs[job].n_standing++;
    if (answer->order != run->n_orders) {
        p_fail(run, "order %llu, wanted %llu", (unsigned long long)answer->order,
               (unsigned long long)run->n_orders);
    }
}

static void judge_gate(p_run *run, int job, const perp_order_request *request,
                       const perp_order_answer *answer) {
    const n_job *j = &run->book.jobs[job];
    const n_book *b = &run->book;
    double left = left_of(run, job, request->leg);
    int over = request->quantity - left > 1e-9 * j->job.legs[request->leg].quantity * 1.001;
    int under = request->quantity - left < 1e-9 * j->job.legs[request->leg].quantity * 0.999;
    uint32_t x = b->instruments[j->job.legs[request->leg].instrument].exchange;
    int killed = (b->killed || b->exchanges[x].killed) && !j->is_flatten;
    if (killed != (answer->gate == PERP_GATE_KILLED)) {
        p_fail(run, "the gate says %s, and killed is %d", perp_gate_string(answer->gate), killed);
    }
    if (!killed && answer->gate != PERP_GATE_EXCHANGE_DOWN &&
        ((over && answer->gate != PERP_GATE_OVER_LEG) ||
         (under && answer->gate == PERP_GATE_OVER_LEG))) {
        p_fail(run, "the gate says %s to %.17g of %.17g", perp_gate_string(answer->gate),
               request->quantity, left);
    }
    run->n_over_leg += answer->gate == PERP_GATE_OVER_LEG;
}

static void place(p_run *run) {
    int job = p_some_running(run);
    for (int tries = 0; tries < 6 && job >= 0 && run->book.jobs[job].by_legs; tries++) {
        job = p_some_running(run);
    }
    if (job < 0) {
        return;
    }
    const n_job *j = &run->book.jobs[job];
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = j->id;
    request.leg = (uint32_t)p_below(run, (int64_t)j->job.n_legs + p_chance(run, 3));
    int no_leg = request.leg >= j->job.n_legs;
    const perp_leg *leg = &j->job.legs[no_leg ? 0 : request.leg];
    const n_instrument *on = &run->book.instruments[leg->instrument];
    double unit = on->base == 2 ? 0.25 : 1.0 / 1024;
    double left = no_leg ? unit : left_of(run, job, request.leg);
    int64_t units = (int64_t)(left / unit);
    request.quantity =
        p_chance(run, 40) ? (double)units * unit : (double)(1 + p_below(run, units + 2)) * unit;
    if (request.quantity <= 0 || p_chance(run, 3)) {
        request.quantity = p_chance(run, 50) ? unit : leg->quantity;
    }
    request.price = p_chance(run, 30) ? 0 : on->mid;
    request.type = request.price > 0 ? (uint32_t)PERP_ORDER_LIMIT : (uint32_t)PERP_ORDER_MARKET;
    request.reduce_only = p_chance(run, 10) ? 1 : 0;
    int wrong = p_chance(run, 3);
    if (wrong) {
        request.quantity = p_chance(run, 50) ? NAN : -1;
    }
    perp_status wanted = !n_runs(j) || no_leg                        ? PERP_E_NOT_FOUND
                         : wrong                                     ? PERP_E_INVALID
                         : j->by_legs && j->n_orders == 0            ? PERP_E_INVALID
                         : attempts_of(run, job, request.leg) >= 255 ? PERP_E_INVALID
                         : j->state == PERP_JOB_IN_DOUBT             ? PERP_E_STATE
                                                                     : PERP_OK;
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_place(desk(run), &call, &request, &answer), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(&run->book, call.now_ns);
    judge_gate(run, job, &request, &answer);
    if (answer.gate == PERP_GATE_NONE) {
        add_order(run, job, &request, &answer);
    }
}

/* ---- News ---------------------------------------------------------------------------------------
 */

/* One that stands mostly, sometimes one that has ended. */
static p_order *some_order(p_run *run) {
    p_order *order = NULL;
    for (int tries = 0; tries < 12 && run->n_orders > 0; tries++) {
        int64_t most = run->n_orders < 60 ? (int64_t)run->n_orders : 60;
        order = &run->orders[run->n_orders - 1 - (uint64_t)p_below(run, most)];
        if (!has_ended(order) || p_chance(run, 12)) {
            break;
        }
    }
    return order;
}

/* A fill of a job's leg, or of where a repair's leg was before. */
static void apply_fill(p_run *run, p_order *order, const n_fill *fill) {
    n_book *b = &run->book;
    n_job *j = &b->jobs[order->job];
    const perp_leg *leg = &j->job.legs[order->leg];
    n_base *base = &b->bases[b->instruments[order->instrument].base];
    n_figures *today = &b->exchanges[b->instruments[order->instrument].exchange].today;
    const n_figures before = *today;
    if (leg->instrument == order->instrument && leg->side == order->side) {
        n_fill_leg(b, order->job, fill, !n_runs(j), 1);
    } else {
        double naked = base->naked;
        if (fill->quantity > 0) {
            n_foreign_fill(b, order->instrument, order->side, fill);
            base->naked =
                n_sum(naked, order->side == PERP_SIDE_BUY ? fill->quantity : -fill->quantity);
        } else {
            today->pnl += fill->pnl;
            today->fees += fill->fee;
        }
        j->booked.pnl += today->pnl - before.pnl;
        j->booked.volume += today->volume - before.volume;
        j->booked.fees += today->fees - before.fees;
    }
    order->volume += today->volume - before.volume;
    order->fees += today->fees - before.fees;
    order->pnl += today->pnl - before.pnl;
    if (fill->quantity > 0) {
        order->average = (order->filled * order->average + fill->quantity * fill->price) /
                         (order->filled + fill->quantity);
        order->filled += fill->quantity;
        order->overfilled |= !n_at_most(order->filled, order->quantity);
    }
    if (n_runs(j)) {
        n_look_unhedged(b, order->job);
    }
    n_look_at_loss(b);
    n_stories(b, -1, -1);
    if (j->ended > 0 && n_lots_of(b, order->job) > 0) { /* it is open again */
        j->ended = 0;
        j->state = PERP_JOB_OPEN;
        b->active[b->n_active++] = order->job;
    }
    n_settle(b);
    run->n_fills++;
}

static n_fill fill_of(const p_run *run, const p_order *order, const perp_order_news *news) {
    n_fill fill = {.leg = order->leg,
                   .quantity = news->quantity,
                   .price = news->price,
                   .fee = news->fee,
                   .pnl = news->pnl,
                   .time = news->time_ns,
                   .has_pnl = news->has_pnl != 0,
                   .time_given = news->time_ns != PERP_TIME_NONE};
    if (!fill.time_given || fill.time > run->book.clock) {
        fill.time = run->book.clock;
    }
    return fill;
}

/* What was told of an order before, or a new one of its trades. */
static perp_status judge_trade(const p_order *order, const perp_order_news *news, uint32_t trade) {
    if (order->told == TOTALS) {
        return PERP_E_INVALID;
    }
    if (trade < order->n_trades) {
        return order->trades[trade].quantity == news->quantity &&
                       order->trades[trade].price == news->price
                   ? PERP_E_EXISTS
                   : PERP_E_CONFLICT;
    }
    return order->filled + news->quantity > 2 * order->quantity ? PERP_E_INVALID : PERP_OK;
}

static perp_status judge_total(const p_order *order, const perp_order_news *news) {
    if (order->told == FILLS || news->quantity > 2 * order->quantity) {
        return PERP_E_INVALID;
    }
    return n_sum(news->quantity, -order->filled) < 0 ? PERP_E_STALE : PERP_OK;
}

static void figures(p_run *run, const p_order *order, perp_order_news *news) {
    double mid = run->book.instruments[order->instrument].mid;
    news->price = (double)((int64_t)(mid * 64) + p_below(run, 9) - 4) / 64;
    news->fee = p_below(run, P_USD(4)) - P_USD(1);
    news->has_pnl = p_chance(run, 40) ? 1 : 0;
    news->pnl = news->has_pnl ? p_below(run, P_USD(20)) - P_USD(10) : 0;
    news->time_ns = p_chance(run, 60) ? PERP_TIME_NONE : run->now - p_below(run, 6 * P_SECOND);
}

/* So much of an order, mostly no more than it is. */
static double some_quantity(p_run *run, const p_order *order, double known) {
    double unit = run->book.instruments[order->instrument].base == 2 ? 0.25 : 1.0 / 1024;
    int64_t most = (int64_t)((order->quantity - known) / unit);
    if (p_chance(run, 35) && most > 0) {
        return (double)most * unit;
    }
    return (double)(1 + p_below(run, most + (p_chance(run, 4) ? 40 : 0))) * unit;
}

static void tell_fill(p_run *run, p_order *order) {
    char id[16];
    perp_order_news news;
    perp_order_news_init(&news);
    figures(run, order, &news);
    uint32_t trade = order->n_trades;
    news.quantity = some_quantity(run, order, order->filled);
    if (order->n_trades > 0 && (p_chance(run, 12) || trade == P_MAX_TRADES)) { /* again */
        trade = (uint32_t)p_below(run, order->n_trades);
        news.quantity = order->trades[trade].quantity;
        news.price = order->trades[trade].price * (p_chance(run, 80) ? 1 : 2);
    }
    snprintf(id, sizeof id, "f%u", trade);
    news.order = order->number;
    news.kind = PERP_NEWS_FILL;
    news.fill_id = id;
    perp_status wanted = judge_trade(order, &news, trade);
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_tell(desk(run), &call, &news, NULL), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(&run->book, call.now_ns);
    n_fill fill = fill_of(run, order, &news);
    apply_fill(run, order, &fill);
    order->trades[order->n_trades].quantity = news.quantity;
    order->trades[order->n_trades++].price = news.price;
    order->told = FILLS;
    set_state(run, order,
              is_full(order)     ? (uint32_t)PERP_ORDER_FILLED
              : has_ended(order) ? order->state
                                 : (uint32_t)PERP_ORDER_OPEN);
}

static void tell_total(p_run *run, p_order *order) {
    perp_order_news news;
    perp_order_news_init(&news);
    figures(run, order, &news);
    news.order = order->number;
    news.kind = PERP_NEWS_TOTAL;
    news.quantity =
        order->filled + (p_chance(run, 20) ? 0 : some_quantity(run, order, order->filled));
    if (p_chance(run, 5)) {
        news.quantity = order->filled / 2;
    }
    perp_status wanted = judge_total(order, &news);
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_tell(desk(run), &call, &news, NULL), wanted);
    if (wanted != PERP_OK) {
        return;
    }
    n_advance(&run->book, call.now_ns);
    n_fill fill = fill_of(run, order, &news);
    fill.quantity = n_sum(news.quantity, -order->filled);
    fill.fee -= order->fees;
    fill.pnl = fill.has_pnl ? fill.pnl - order->pnl : 0;
    if (fill.quantity > 0 && order->filled > 0) {
        fill.price = (news.quantity * news.price - order->filled * order->average) / fill.quantity;
        fill.price = fill.price > 0 ? fill.price : news.price;
    }
    if (fill.quantity == 0 && fill.fee == 0 && fill.pnl == 0) {
        return;
    }
    apply_fill(run, order, &fill);
    order->told = TOTALS;
    set_state(run, order,
              is_full(order)                           ? (uint32_t)PERP_ORDER_FILLED
              : has_ended(order) || fill.quantity == 0 ? order->state
                                                       : (uint32_t)PERP_ORDER_OPEN);
}

static void tell_plain(p_run *run, p_order *order) {
    static const uint32_t kinds[] = {PERP_NEWS_ACCEPTED, PERP_NEWS_ACCEPTED, PERP_NEWS_CANCELLED,
                                     PERP_NEWS_EXPIRED,  PERP_NEWS_DECLINED, PERP_NEWS_REJECTED,
                                     PERP_NEWS_UNKNOWN};
    static const uint32_t ends[] = {[PERP_NEWS_CANCELLED] = PERP_ORDER_CANCELLED,
                                    [PERP_NEWS_EXPIRED] = PERP_ORDER_EXPIRED,
                                    [PERP_NEWS_DECLINED] = PERP_ORDER_DECLINED,
                                    [PERP_NEWS_REJECTED] = PERP_ORDER_REJECTED};
    perp_order_news news;
    perp_order_news_init(&news);
    news.order = order->number;
    news.kind = kinds[p_below(run, 7)];
    int known = has_ended(order) && news.kind != PERP_NEWS_ACCEPTED;
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_tell(desk(run), &call, &news, NULL), known ? PERP_E_EXISTS : PERP_OK);
    if (known) {
        return;
    }
    n_advance(&run->book, call.now_ns);
    if (news.kind == PERP_NEWS_ACCEPTED && has_ended(order)) {
        return;
    }
    if (news.kind == PERP_NEWS_ACCEPTED) {
        set_state(run, order, PERP_ORDER_OPEN);
    } else if (news.kind == PERP_NEWS_UNKNOWN) {
        set_state(run, order, PERP_ORDER_IN_DOUBT);
    } else {
        uint32_t state = ends[news.kind];
        set_state(run, order,
                  order->filled > 0 && state >= PERP_ORDER_DECLINED ? (uint32_t)PERP_ORDER_CANCELLED
                                                                    : state);
    }
}

static void tell(p_run *run) {
    p_order *order = some_order(run);
    if (order == NULL || p_must_know(run, &run->book.jobs[order->job]) != 1) {
        return;
    }
    if (p_chance(run, 35)) {
        tell_plain(run, order);
    } else if (order->number % 3 == 0 || p_chance(run, 3)) {
        tell_total(run, order);
    } else {
        tell_fill(run, order);
    }
}

static void settled(p_run *run) {
    int job = p_some_running(run);
    if (job < 0) {
        return;
    }
    n_job *j = &run->book.jobs[job];
    int doubts = 0;
    for (uint64_t i = 0; i < run->n_orders; i++) {
        doubts |= run->orders[i].job == job && run->orders[i].state == PERP_ORDER_IN_DOUBT;
    }
    perp_status wanted = j->state != PERP_JOB_IN_DOUBT ? PERP_E_NOT_FOUND
                         : doubts                      ? PERP_E_STATE
                                                       : PERP_OK;
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_settled(desk(run), &call, &j->id), wanted);
    if (wanted == PERP_OK) {
        n_advance(&run->book, call.now_ns);
        j->state = PERP_JOB_RUNNING;
    }
}

static void cancel_sent(p_run *run) {
    p_order *order = some_order(run);
    if (order == NULL || p_must_know(run, &run->book.jobs[order->job]) != 1) {
        return;
    }
    perp_call call = p_call(run, 0);
    p_expect(run, perp_orders_cancel_sent(desk(run), &call, order->number), PERP_OK);
    n_advance(&run->book, call.now_ns);
}

void p_order_call(p_run *run) {
    int64_t pick = p_below(run, 100);
    run->call = pick < 40 ? "place" : pick < 92 ? "tell" : pick < 97 ? "settled" : "cancel_sent";
    if (pick < 40) {
        place(run);
    } else if (pick < 92) {
        tell(run);
    } else if (pick < 97) {
        settled(run);
    } else {
        cancel_sent(run);
    }
}

/* ---- Comparing ----------------------------------------------------------------------------------
 */

static int is_near(double a, double b) {
    return fabs(a - b) <= 1e-9 * (fabs(a) > fabs(b) ? fabs(a) : fabs(b));
}

static void compare_order(p_run *run, const p_order *order) {
    perp_order_info info = {.struct_size = sizeof info};
    perp_status status = perp_orders_get(desk(run), order->number, &info);
    if (status != PERP_OK) {
        p_fail(run, "order %llu is %s", (unsigned long long)order->number,
               perp_status_string(status));
    }
    if (info.state != order->state || info.leg != order->leg || info.attempt != order->attempt ||
        info.overfilled != order->overfilled || info.instrument != order->instrument ||
        info.side != order->side) {
        p_fail(run, "order %llu is %s, wanted %s; overfilled %u, %u",
               (unsigned long long)info.order, perp_order_state_string(info.state),
               perp_order_state_string(order->state), info.overfilled, order->overfilled);
    }
    if (!is_near(info.filled, order->filled) || !is_near(info.price, order->average) ||
        info.volume != order->volume || info.fees != order->fees || info.pnl != order->pnl) {
        p_fail(run,
               "order %llu filled %.17g at %.17g (%lld, %lld, %lld), wanted %.17g at %.17g "
               "(%lld, %lld, %lld)",
               (unsigned long long)info.order, info.filled, info.price, (long long)info.volume,
               (long long)info.fees, (long long)info.pnl, order->filled, order->average,
               (long long)order->volume, (long long)order->fees, (long long)order->pnl);
    }
}

void p_compare_orders(p_run *run) {
    perp_orders_state state = {.struct_size = sizeof state};
    uint32_t standing = 0, doubts = 0;
    for (uint64_t i = run->n_orders > 60 ? run->n_orders - 60 : 0; i < run->n_orders; i++) {
        if (p_must_know(run, &run->book.jobs[run->orders[i].job]) == 1) {
            compare_order(run, &run->orders[i]);
        }
    }
    for (uint64_t i = 0; i < run->n_orders; i++) {
        standing += !has_ended(&run->orders[i]);
        doubts += run->orders[i].state == PERP_ORDER_IN_DOUBT;
    }
    if (perp_orders_query(desk(run), run->book.clock, &state) != PERP_OK ||
        state.open != standing || state.in_doubt != doubts || state.placed_total != run->n_orders) {
        p_fail(run, "%u orders stand, %u in doubt, %llu placed, wanted %u, %u, %llu", state.open,
               state.in_doubt, (unsigned long long)state.placed_total, standing, doubts,
               (unsigned long long)run->n_orders);
    }
}

void p_doubt_orders(p_run *run) {
    for (uint64_t i = 0; i < run->n_orders; i++) {
        perp_order_news news;
        perp_call call;
        perp_order_news_init(&news);
        perp_call_init(&call);
        news.order = run->orders[i].number;
        news.kind = PERP_NEWS_UNKNOWN;
        call.now_ns = run->book.clock;
        if (!has_ended(&run->orders[i])) {
            p_expect(run, perp_orders_tell(desk(run), &call, &news, NULL), PERP_OK);
        }
    }
}
