/* The next step of a job, from what the book has of it: its legs, its orders, its fills. Nothing
   else is needed, so that it is all the same whether the job was dispatched a moment ago, or the
   process died in between.

   While it works, a leg that is a maker rests at the best price and follows it; a taker fills what
   the makers have. Closing (patience is over, somebody cancels, it is unhedged for too long) the
   makers are taken back, and every leg that is behind crosses to where the furthest is. */
#include <math.h>
#include <string.h>

#include "work.h"

#define TAKER_TRIES 3 /* of a job in which nothing was filled */
#define MOST_TRIES 60
#define MOST_REFUSED 2 /* for want of a position to reduce: another job has closed it */
#define REST_DECLINED (100 * EX_MS)
#define REST_REJECTED (300 * EX_MS)
#define MOST_ORDERS 512

/* ---- how it stands ---- */

static void add_order(struct leg *leg, const perp_order_info *info) {
    leg->filled += info->filled;
    leg->tries++;
    leg->refused += strncmp(info->text, EX_NOTHING_TO_REDUCE, strlen(EX_NOTHING_TO_REDUCE)) == 0;
    if (info->state < PERP_ORDER_FILLED) {
        leg->live = *info;
        leg->n_live++;
        leg->may_fill += fmax(0, info->quantity - info->filled);
    } else if (info->ended_ns >= leg->ended_ns) {
        leg->ended_ns = info->ended_ns;
        leg->ended_as = info->state;
    }
}

/* Reads the job's orders and looks after those that have not ended. */
static bool read_orders(struct step *step) {
    uint64_t numbers[MOST_ORDERS];
    uint32_t n = 0;
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    filter.has_job = 1;
    filter.job_id = step->info.job.job_id;
    if (perp_orders_list(step->ex->orders, &filter, numbers, MOST_ORDERS, &n) != PERP_OK)
        return false;
    for (uint32_t i = 0; i < n && i < MOST_ORDERS; i++) {
        perp_order_info info = {.struct_size = sizeof info};
        if (perp_orders_get(step->ex->orders, numbers[i], &info) != PERP_OK)
            return false;
        if (info.state < PERP_ORDER_FILLED)
            ex_look_after(step, &info);
        step->n_doubts += info.state == PERP_ORDER_IN_DOUBT;
        step->n_live += info.state < PERP_ORDER_FILLED;
        add_order(&step->legs[info.leg], &info);
    }
    step->n_orders = n;
    return true;
}

static bool read_step(struct step *step) {
    const perp_job *job = &step->info.job;
    for (uint32_t i = 0; i < job->n_legs; i++) {
        struct leg *leg = &step->legs[i];
        leg->index = i;
        leg->side = job->legs[i].side;
        leg->quantity = job->legs[i].quantity;
        leg->maker = job->legs[i].maker != 0;
        leg->instrument = ex_instrument_of(step->ex, job->legs[i].instrument, &leg->venue);
        leg->ended_ns = PERP_TIME_NONE;
        if (leg->instrument == NULL)
            return false;
        step->coarse = fmax(step->coarse, leg->instrument->step);
        perp_exchange_state exchange = {.struct_size = sizeof exchange};
        if (perp_market_query_exchange(step->ex->market, leg->venue->id, step->now, &exchange) ==
            PERP_OK)
            step->killed = step->killed || exchange.killed;
    }
    return read_orders(step);
}

static bool is_over(const struct step *step) {
    const ex_settings *settings = step->ex->settings;
    const perp_job_info *info = &step->info;
    bool tired = info->job.n_legs > 0,
         unhedged = info->unhedged_since_ns != PERP_TIME_NONE &&
                    step->now - info->unhedged_since_ns > settings->patience_ns;
    for (uint32_t i = 0; i < info->job.n_legs; i++)
        tired = tired && !step->legs[i].maker && step->legs[i].tries >= TAKER_TRIES;
    for (uint32_t i = 0; i < info->job.n_legs; i++)
        tired = tired || step->legs[i].refused >= MOST_REFUSED;
    return step->killed || info->cancel_asked || unhedged || tired ||
           step->now - info->started_ns > settings->patience_ns;
}

/* How far the furthest leg is, as a share of the whole. */
static double furthest(const struct step *step, bool of_makers) {
    double most = 0;
    for (uint32_t i = 0; i < step->info.job.n_legs; i++)
        if (step->legs[i].maker || !of_makers)
            most = fmax(most, step->legs[i].filled / step->legs[i].quantity);
    return fmin(most, 1);
}

static bool has_maker(const struct step *step) {
    for (uint32_t i = 0; i < step->info.job.n_legs; i++)
        if (step->legs[i].maker)
            return true;
    return false;
}

/* How much of a leg is to be filled as things stand. Where the steps of the legs differ, closing
   goes up to what all of them can fill: what the coarser one can't hedge is not left. */
static double target_of(const struct step *step, const struct leg *leg) {
    if (step->closing)
        return fmin(leg->quantity, ex_ceil(furthest(step, false) * leg->quantity, step->coarse));
    if (leg->maker || !has_maker(step))
        return leg->quantity;
    return ex_floor(furthest(step, true) * leg->quantity, leg->instrument->step);
}

/* ---- the next order of a leg ---- */

static bool may_try(const struct step *step, const struct leg *leg) {
    int64_t rest = leg->ended_as == PERP_ORDER_REJECTED ? REST_REJECTED : REST_DECLINED;
    bool failed = leg->ended_ns != PERP_TIME_NONE && leg->ended_as != PERP_ORDER_FILLED &&
                  leg->ended_as != PERP_ORDER_CANCELLED;
    return step->now >= step->work->retry_ns[leg->index] &&
           step->now >= leg->venue->quiet_until_ns && !(failed && step->now < leg->ended_ns + rest);
}

/* The best price of a side, and of the other one. False: the market is not known. */
static bool touch(const struct step *step, const struct leg *leg, double *own, double *other) {
    perp_market_state market = {.struct_size = sizeof market};
    if (perp_market_query(step->ex->market, leg->instrument->id, step->now, &market) != PERP_OK ||
        !market.has_quote)
        return false;
    bool buys = leg->side == PERP_SIDE_BUY;
    *own = buys ? market.bid : market.ask;
    *other = buys ? market.ask : market.bid;
    return *own > 0 && *other > 0;
}

/* Rounded so that it is no worse than asked. */
static double in_ticks(const struct leg *leg, double price) {
    double tick = leg->instrument->tick;
    return leg->side == PERP_SIDE_BUY ? ex_floor(price, tick) : ex_ceil(price, tick);
}

/* As far through the market as a taker may go: a little while it works, to the collar closing. */
static bool taker_price(const struct step *step, const struct leg *leg, double *price) {
    double own, other, limit, sign = leg->side == PERP_SIDE_BUY ? 1 : -1;
    if (!touch(step, leg, &own, &other))
        return false;
    *price = other * (1 + sign * 5e-4);
    if (step->closing || step->info.is_repair) {
        if (perp_orders_collar(step->ex->orders, leg->instrument->id, leg->side,
                               step->info.reduce_only, step->now, &limit) != PERP_OK)
            return false;
        *price = sign * fmin(sign * limit, sign * other * (1 + sign * 5e-3));
    }
    *price = in_ticks(leg, *price);
    return true;
}

/* Whether an exchange would take an order of it. */
static bool is_enough(const struct step *step, const struct leg *leg, double quantity) {
    double own, other, least = leg->instrument->min_quantity * (1 - 1e-6);
    if (quantity < least || quantity < leg->instrument->step * (1 - 1e-6))
        return false;
    return step->info.reduce_only || !touch(step, leg, &own, &other) ||
           quantity * fmin(own, other) * 0.99 >= leg->instrument->min_notional;
}

static void rest_leg(struct step *step, struct leg *leg) {
    double own, other, left = ex_floor(leg->quantity - leg->filled, leg->instrument->step);
    if (leg->n_live == 0) {
        if (is_enough(step, leg, left) && may_try(step, leg) && touch(step, leg, &own, &other))
            ex_place(step, leg, PERP_TIF_POST_ONLY, in_ticks(leg, own), left);
        return;
    }
    bool old = step->now - leg->live.placed_ns > step->ex->settings->reprice_ns;
    if (old && touch(step, leg, &own, &other) &&
        fabs(leg->live.limit_price - own) > leg->instrument->tick / 2)
        ex_cancel(step, &leg->live);
}

static void catch_up(struct step *step, struct leg *leg, double needs) {
    double price;
    if (leg->n_live == 0 && may_try(step, leg) && taker_price(step, leg, &price))
        ex_place(step, leg, PERP_TIF_IOC, price, needs);
}

/* Does what is to be done of a leg. True: nothing more is. */
static bool work_leg(struct step *step, struct leg *leg) {
    double needs =
        ex_floor(target_of(step, leg) - leg->filled - leg->may_fill, leg->instrument->step);
    if (leg->n_live > 0 && leg->live.tif == PERP_TIF_POST_ONLY && step->closing)
        ex_cancel(step, &leg->live);
    else if (leg->maker && !step->closing)
        rest_leg(step, leg);
    else if (!step->killed && is_enough(step, leg, needs) && leg->tries < MOST_TRIES &&
             leg->refused < MOST_REFUSED) {
        catch_up(step, leg, needs);
        return leg->too_small;
    }
    bool full = !is_enough(step, leg, ex_floor(leg->quantity - leg->filled, leg->instrument->step));
    return leg->n_live == 0 && (step->closing || full);
}

/* ---- the end ---- */

static void finish(struct step *step) {
    perp_job_result result;
    perp_call call = ex_call();
    perp_job_result_init(&result);
    if (step->n_orders > 0)
        result.from_orders = 1;
    else
        result.status = PERP_RESULT_NOTHING;
    perp_status status =
        perp_scheduler_finish(step->ex->scheduler, &call, &step->info.job.job_id, &result, NULL);
    if (status != PERP_E_EXISTS)
        ex_ok(step->ex, status, "finish");
    ex_naked_look(step->ex, &step->info.job.job_id);
}

static void work(struct step *step) {
    bool done = true;
    step->closing = is_over(step);
    bool gives_up = step->now - step->info.started_ns >
                    step->ex->settings->patience_ns + step->ex->settings->give_up_ns;
    for (uint32_t i = 0; i < step->info.job.n_legs; i++)
        done = work_leg(step, &step->legs[i]) && done;
    if (step->n_live == 0 && step->n_placed == 0 && (done || step->killed || gives_up))
        finish(step);
}

/* All orders have been asked for: the job goes on where it was, unless a fill that came meanwhile
   has finished it. */
static void settle(struct step *step) {
    const perp_uuid *job_id = &step->info.job.job_id;
    perp_call call = ex_call();
    if (step->n_doubts > 0)
        return;
    perp_status status = perp_orders_settled(step->ex->orders, &call, job_id);
    if (status != PERP_E_NOT_FOUND && status != PERP_E_STATE)
        ex_ok(step->ex, status, "settled");
    ex_poke(step->ex, job_id);
}

void ex_work_on(executor *ex, const perp_uuid *job_id) {
    struct step step = {.ex = ex, .now = ex_now()};
    step.info.struct_size = sizeof step.info;
    if (perp_scheduler_job(ex->scheduler, job_id, &step.info) != PERP_OK)
        return;
    bool runs = step.info.state == PERP_JOB_RUNNING || step.info.state == PERP_JOB_IN_DOUBT;
    step.work = ex_work_of(ex, job_id, runs);
    if (!runs) {
        if (step.work != NULL)
            step.work->in_use = false;
        ex_naked_look(ex, job_id);
        return;
    }
    if (step.work == NULL || !read_step(&step))
        return;
    if (step.info.state == PERP_JOB_IN_DOUBT)
        settle(&step);
    else
        work(&step);
}
