#include "paper_executor.h"

#include <math.h>
#include <string.h>

#include "replay_desk.h"

#define POLL_NS DESK_SECOND /* how often an order that rests is looked at */
#define LOST_POLL_NS (5 * DESK_SECOND)

void paper_settings_init(paper_settings *settings) {
    *settings = (paper_settings){.refuse_chance = 0.006,
                                 .timeout_chance = 0.006,
                                 .reject_chance = 0.008,
                                 .thin_chance = 0.015,
                                 .limit_bps = 4,
                                 .exit_limit_bps = 25,
                                 .maker_rate = 0.12,
                                 .maker_patience_ns = 25 * DESK_SECOND,
                                 .silence_ns = 4 * DESK_SECOND,
                                 .latency_ms = 60};
}

void paper_executor_init(paper_executor *executor, const paper_settings *settings, uint64_t seed) {
    memset(executor, 0, sizeof *executor);
    executor->settings = *settings;
    executor->next_ns = INT64_MAX;
    sim_random_seed(&executor->random, seed, 2);
}

static const perp_book_level *side_of(const desk_instrument *instrument, uint32_t side,
                                      uint32_t *n) {
    *n = side == PERP_SIDE_BUY ? instrument->n_asks : instrument->n_bids;
    return side == PERP_SIDE_BUY ? instrument->asks : instrument->bids;
}

/* The best price of the side that an order rests on, or of the side that it takes from. */
static double best(const desk_instrument *instrument, uint32_t side, int own) {
    return (side == PERP_SIDE_BUY) == own ? instrument->bids[0].price : instrument->asks[0].price;
}

/* price is at least as good for a taker on this side as limit */
static int within(uint32_t side, double price, double limit) {
    return side == PERP_SIDE_BUY ? price <= limit : price >= limit;
}

static double whole_steps(double quantity, double step) {
    return step > 0 ? floor(quantity / step + 1e-9) * step : quantity;
}

static void book_fill(struct desk *desk, int64_t now_ns, paper_leg *leg, double quantity,
                      double price, int maker) {
    const desk_exchange *exchange = &desk->exchanges[leg->order.exchange];
    perp_usd fee, pnl;
    desk_fill(desk, leg->order.instrument, leg->order.side, quantity, price,
              maker ? exchange->maker_bps : exchange->taker_bps, &fee, &pnl);
    leg->filled += quantity;
    leg->value += quantity * price;
    leg->fee += fee;
    leg->pnl += pnl;
    leg->filled_ns = now_ns;
}

/* What of quantity the book gives at limit or better, and at which mean price. */
static double take(struct desk *desk, perp_instrument_id id, uint32_t side, double quantity,
                   double limit, double *price) {
    paper_executor *paper = &desk->paper;
    const desk_instrument *instrument = &desk->instruments[id];
    double share = sim_random_chance(&paper->random, paper->settings.thin_chance)
                       ? sim_random_between(&paper->random, 0.1, 0.7)
                       : 1;
    uint32_t n;
    const perp_book_level *levels = side_of(instrument, side, &n);
    double there = 0;
    for (uint32_t l = 0; l < n && within(side, levels[l].price, limit); l++)
        there += levels[l].size;
    double filled = whole_steps(fmin(quantity, there * share), instrument->step);
    perp_walk walk = {.struct_size = sizeof walk};
    if (filled <= 0 || perp_walk_book(side, levels, n, filled, &walk) != PERP_OK)
        return 0;
    *price = walk.price;
    return filled;
}

static void take_leg(struct desk *desk, int64_t now_ns, paper_leg *leg, double reference,
                     double limit_bps) {
    double sign = leg->order.side == PERP_SIDE_BUY ? 1 : -1;
    double price;
    double filled =
        take(desk, leg->order.instrument, leg->order.side, leg->order.quantity - leg->filled,
             reference * (1 + sign * limit_bps * 1e-4), &price);
    if (filled > 0)
        book_fill(desk, now_ns, leg, filled, price, 0);
}

static int is_full(const struct desk *desk, const paper_leg *leg) {
    double left = leg->order.quantity - leg->filled;
    return left < 0.5 * desk->instruments[leg->order.instrument].step ||
           left <= 1e-12 * leg->order.quantity;
}

/* An order has arrived at the exchange. */
static void arrive(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    paper_executor *paper = &desk->paper;
    paper->counts.orders++;
    feed_event event = {.kind = FEED_LATENCY, .time_ns = now_ns};
    event.u.latency =
        (perp_latency){.exchange = leg->order.exchange, .time_ns = now_ns, .ms = leg->latency_ms};
    desk_tell(desk, &event, "latency");
    leg->phase = PAPER_DONE;
    if (sim_random_chance(&paper->random, paper->settings.reject_chance)) {
        ticket->rejected = 1;
        return;
    }
    if (!leg->order.maker) {
        int out = ticket->reduce_only || ticket->is_repair;
        take_leg(desk, now_ns, leg, leg->order.price,
                 out ? paper->settings.exit_limit_bps : paper->settings.limit_bps);
        return;
    }
    paper->counts.resting++;
    leg->phase = PAPER_RESTING;
    leg->price = best(&desk->instruments[leg->order.instrument], leg->order.side, 1);
    leg->deadline_ns = now_ns + paper->settings.maker_patience_ns;
    leg->due_ns = now_ns + POLL_NS;
}

/* An order rests: the market comes to it, or somebody takes it where it is, or it follows the best
   price. When patience ends it crosses the spread if the job has any fill to hedge, else it is
   cancelled. */
static void rest(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    paper_executor *paper = &desk->paper;
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    uint32_t side = leg->order.side;
    double left = leg->order.quantity - leg->filled;
    if (within(side, best(instrument, side, 0), leg->price)) {
        book_fill(desk, now_ns, leg, left, leg->price, 1);
    } else if (sim_random_chance(&paper->random, paper->settings.maker_rate)) {
        double share = sim_random_chance(&paper->random, 0.3) ? 0.5 : 1;
        double part = share < 1 ? whole_steps(left * share, instrument->step) : left;
        if (part > 0)
            book_fill(desk, now_ns, leg, part, leg->price, 1);
    }
    leg->price = best(instrument, side, 1);
    leg->due_ns = now_ns + POLL_NS;
    if (is_full(desk, leg)) {
        leg->phase = PAPER_DONE;
    } else if (now_ns >= leg->deadline_ns) {
        int any = (int)ticket->reduce_only;
        for (uint32_t i = 0; i < ticket->n_legs; i++)
            any = any || ticket->legs[i].filled > 0;
        if (any) {
            paper->counts.crossed++;
            take_leg(desk, now_ns, leg, best(instrument, side, 0), paper->settings.exit_limit_bps);
        }
        leg->phase = PAPER_DONE;
    }
}

/* What the library is to know: what was filled of each leg in all, and what the account made of it.
 */
static void result_of(const paper_ticket *ticket, perp_job_result *result) {
    perp_job_result_init(result);
    result->n_legs = ticket->n_legs;
    for (uint32_t i = 0; i < ticket->n_legs; i++) {
        const paper_leg *leg = &ticket->legs[i];
        result->legs[i] =
            (perp_leg_result){.filled = leg->filled,
                              .price = leg->filled > 0 ? leg->value / leg->filled : 0,
                              .fee = leg->fee,
                              .pnl = leg->pnl,
                              .time_ns = leg->filled > 0 ? leg->filled_ns : PERP_TIME_NONE,
                              .has_pnl = 1,
                              .known = 1};
    }
}

static int tell(struct desk *desk, int64_t now_ns, const paper_ticket *ticket,
                const perp_job_result *result, const char *what) {
    perp_call call = desk_call(now_ns);
    return desk_ok(desk,
                   perp_scheduler_finish(perp_core_scheduler(desk->core), &call, &ticket->job_id,
                                         result, NULL),
                   what);
}

/* While an exchange is down or silent nobody knows what became of an order there: the job is in
   doubt. Once the exchange is back, the order has been filled as it was decided, or never arrived.
 */
static void leg_in_outage(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    if (leg->phase != PAPER_LOST)
        desk->paper.counts.lost++;
    leg->phase = PAPER_LOST;
    leg->due_ns = now_ns + LOST_POLL_NS;
    if (ticket->told_unknown)
        return;
    ticket->told_unknown = 1;
    perp_job_result result;
    result_of(ticket, &result);
    result.status = PERP_RESULT_UNKNOWN;
    for (uint32_t i = 0; i < ticket->n_legs; i++)
        if (ticket->legs[i].phase != PAPER_DONE) /* what rests may fill yet */
            result.legs[i] = (perp_leg_result){.time_ns = PERP_TIME_NONE};
    if (tell(desk, now_ns, ticket, &result, "finish as unknown"))
        desk_reported(desk, ticket);
}

static void work_leg(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    if (desk->exchanges[leg->order.exchange].api == PERP_API_DOWN ||
        now_ns - desk->instruments[leg->order.instrument].time_ns >
            desk->paper.settings.silence_ns) {
        leg_in_outage(desk, now_ns, ticket, leg);
    } else if (leg->phase == PAPER_SENDING) {
        arrive(desk, now_ns, ticket, leg);
    } else if (leg->phase == PAPER_RESTING) {
        rest(desk, now_ns, ticket, leg);
    } else {
        if (sim_random_chance(&desk->paper.random, 0.5))
            book_fill(desk, now_ns, leg, leg->order.quantity - leg->filled, leg->order.price,
                      (int)leg->order.maker);
        leg->phase = PAPER_DONE;
    }
}

static void count_leg(paper_counts *counts, const paper_leg *leg, int full) {
    if (full)
        counts->filled++;
    else if (leg->filled > 0)
        counts->partly++;
    else
        counts->unfilled++;
}

/* Orders that met nobody are nobody's failure; one that the exchange took back, or that filled in
   part, is. */
static void finish(struct desk *desk, int64_t now_ns, paper_ticket *ticket) {
    perp_job_result result;
    result_of(ticket, &result);
    int full = 1, any = 0;
    for (uint32_t i = 0; i < ticket->n_legs; i++) {
        const paper_leg *leg = &ticket->legs[i];
        int leg_full = is_full(desk, leg);
        count_leg(&desk->paper.counts, leg, leg_full);
        full = full && leg_full;
        any = any || leg->filled > 0;
    }
    result.status = full                      ? PERP_RESULT_COMPLETED
                    : any || ticket->rejected ? PERP_RESULT_FAILED
                                              : PERP_RESULT_NOTHING;
    if (!tell(desk, now_ns, ticket, &result, "finish"))
        return;
    ticket->in_use = 0;
    desk_reported(desk, ticket);
}

/* A time-out is cleared up: the exchange never saw the orders, so the job may wait again. */
static void requeue(struct desk *desk, int64_t now_ns, paper_ticket *ticket) {
    perp_call call = desk_call(now_ns);
    ticket->in_use = 0;
    desk->paper.counts.requeued++;
    if (desk_ok(desk,
                perp_scheduler_requeue(perp_core_scheduler(desk->core), &call, &ticket->job_id),
                "requeue"))
        desk_requeued(desk, now_ns, ticket);
}

static void work_ticket(struct desk *desk, int64_t now_ns, paper_ticket *ticket) {
    if (ticket->lost) {
        if (ticket->legs[0].due_ns <= now_ns)
            requeue(desk, now_ns, ticket);
        return;
    }
    int done = 1;
    for (uint32_t i = 0; i < ticket->n_legs; i++) {
        paper_leg *leg = &ticket->legs[i];
        if (leg->phase != PAPER_DONE && leg->due_ns <= now_ns)
            work_leg(desk, now_ns, ticket, leg);
        done = done && leg->phase == PAPER_DONE;
    }
    if (done)
        finish(desk, now_ns, ticket);
}

static void set_next(paper_executor *paper) {
    paper->next_ns = INT64_MAX;
    for (uint32_t t = 0; t < PAPER_TICKETS; t++) {
        const paper_ticket *ticket = &paper->tickets[t];
        for (uint32_t i = 0; ticket->in_use && i < ticket->n_legs; i++)
            if (ticket->legs[i].phase != PAPER_DONE && ticket->legs[i].due_ns < paper->next_ns)
                paper->next_ns = ticket->legs[i].due_ns;
    }
}

void paper_advance(struct desk *desk, int64_t now_ns) {
    for (uint32_t t = 0; t < PAPER_TICKETS && !desk->failed; t++)
        if (desk->paper.tickets[t].in_use)
            work_ticket(desk, now_ns, &desk->paper.tickets[t]);
    set_next(&desk->paper);
}

void paper_trade(struct desk *desk, int64_t now_ns, perp_instrument_id instrument, double price) {
    int any = 0;
    for (uint32_t t = 0; t < PAPER_TICKETS; t++) {
        paper_ticket *ticket = &desk->paper.tickets[t];
        for (uint32_t i = 0; ticket->in_use && i < ticket->n_legs; i++) {
            paper_leg *leg = &ticket->legs[i];
            if (leg->phase != PAPER_RESTING || leg->order.instrument != instrument ||
                price == leg->price || !within(leg->order.side, price, leg->price))
                continue;
            book_fill(desk, now_ns, leg, leg->order.quantity - leg->filled, leg->price, 1);
            leg->phase = PAPER_DONE;
            leg->due_ns = now_ns;
            any = 1;
        }
    }
    if (any)
        paper_advance(desk, now_ns);
}

static void take_back(paper_ticket *ticket, int64_t now_ns, perp_exchange_id exchange) {
    for (uint32_t i = 0; ticket->in_use && !ticket->lost && i < ticket->n_legs; i++) {
        paper_leg *leg = &ticket->legs[i];
        if ((exchange != PERP_ALL_EXCHANGES && leg->order.exchange != exchange) ||
            (leg->phase != PAPER_SENDING && leg->phase != PAPER_RESTING))
            continue;
        leg->phase = PAPER_DONE;
        leg->due_ns = now_ns;
    }
}

void paper_cancel(struct desk *desk, int64_t now_ns, perp_exchange_id exchange) {
    for (uint32_t t = 0; t < PAPER_TICKETS; t++)
        take_back(&desk->paper.tickets[t], now_ns, exchange);
    paper_advance(desk, now_ns);
}

/* The job is finished in the next round: whoever asked is inside of a call. */
void paper_cancel_job(struct desk *desk, int64_t now_ns, const perp_uuid *job_id) {
    for (uint32_t t = 0; t < PAPER_TICKETS; t++)
        if (memcmp(&desk->paper.tickets[t].job_id, job_id, sizeof *job_id) == 0)
            take_back(&desk->paper.tickets[t], now_ns, PERP_ALL_EXCHANGES);
    if (now_ns < desk->paper.next_ns)
        desk->paper.next_ns = now_ns;
}

uint32_t paper_execute(struct desk *desk, const perp_execution *job) {
    paper_executor *paper = &desk->paper;
    paper_ticket *ticket = paper->tickets;
    while (ticket < paper->tickets + PAPER_TICKETS && ticket->in_use)
        ticket++;
    if (ticket == paper->tickets + PAPER_TICKETS ||
        sim_random_chance(&paper->random, paper->settings.refuse_chance)) {
        paper->counts.refused++;
        return PERP_OUTCOME_REFUSED;
    }
    memset(ticket, 0, sizeof *ticket);
    ticket->in_use = 1;
    ticket->job_id = job->job_id;
    ticket->is_repair = job->is_repair;
    ticket->reduce_only = job->reduce_only;
    ticket->n_legs = job->n_orders;
    int timeout = sim_random_chance(&paper->random, paper->settings.timeout_chance);
    ticket->lost = (uint32_t)(timeout && sim_random_chance(&paper->random, 0.5));
    for (uint32_t i = 0; i < job->n_orders; i++) {
        paper_leg *leg = &ticket->legs[i];
        leg->order = job->orders[i];
        leg->phase = PAPER_SENDING;
        double usual = desk->exchanges[leg->order.exchange].latency_ms;
        if (usual <= 0)
            usual = paper->settings.latency_ms;
        leg->latency_ms = usual * sim_random_between(&paper->random, 0.7, 1.3);
        leg->due_ns =
            job->now_ns + (ticket->lost ? 8 * DESK_SECOND : (int64_t)(leg->latency_ms * 1e6));
        if (leg->due_ns < paper->next_ns)
            paper->next_ns = leg->due_ns;
    }
    if (timeout)
        paper->counts.in_doubt++;
    return timeout ? PERP_OUTCOME_IN_DOUBT : PERP_OUTCOME_ACCEPTED;
}

double paper_unreported(const paper_ticket *ticket, perp_instrument_id instrument) {
    double sum = 0;
    for (uint32_t i = 0; ticket->in_use && i < ticket->n_legs; i++) {
        const paper_leg *leg = &ticket->legs[i];
        if (leg->order.instrument == instrument)
            sum += leg->order.side == PERP_SIDE_BUY ? leg->filled - leg->told
                                                    : leg->told - leg->filled;
    }
    return sum;
}

void paper_unbooked(const paper_ticket *ticket, perp_usd *pnl, perp_usd *fees) {
    for (uint32_t i = 0; ticket->in_use && i < ticket->n_legs; i++) {
        *pnl += ticket->legs[i].pnl - ticket->legs[i].told_pnl;
        *fees += ticket->legs[i].fee - ticket->legs[i].told_fee;
    }
}
