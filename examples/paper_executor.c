#include "paper_executor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "replay_desk.h"

#define POLL_NS DESK_SECOND /* how often an order that rests is looked at */
#define LOST_POLL_NS (5 * DESK_SECOND)
#define MOST_SENT 200 /* orders of a leg: then it stays where it is */

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

/* ---- what the library is told ---- */

static perp_orders *orders_of(const struct desk *desk) {
    return perp_core_orders(desk->core);
}

static void tell(struct desk *desk, int64_t now_ns, paper_leg *leg, uint32_t kind,
                 const char *text) {
    perp_order_news news;
    perp_call call = desk_call(now_ns);
    perp_order_news_init(&news);
    news.kind = kind;
    news.order = leg->number;
    news.text = text;
    desk_ok(desk, perp_orders_tell(orders_of(desk), &call, &news, NULL), "order");
    if (kind >= PERP_NEWS_CANCELLED && kind <= PERP_NEWS_REJECTED)
        leg->number = 0;
}

static void book_fill(struct desk *desk, int64_t now_ns, const paper_ticket *ticket, paper_leg *leg,
                      double quantity, double price, int maker) {
    const desk_exchange *exchange = &desk->exchanges[leg->order.exchange];
    char id[24];
    perp_order_news news;
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    perp_call call = desk_call(now_ns);
    perp_order_news_init(&news);
    desk_fill(desk, leg->order.instrument, leg->order.side, quantity, price,
              maker ? exchange->maker_bps : exchange->taker_bps, &news.fee, &news.pnl);
    snprintf(id, sizeof id, "%" PRIu64, ++desk->paper.counts.trades);
    news.kind = PERP_NEWS_FILL;
    news.order = leg->number;
    news.fill_id = id;
    news.quantity = quantity;
    news.price = price;
    news.has_pnl = 1;
    leg->filled += quantity;
    if (!desk_ok(desk, perp_orders_tell(orders_of(desk), &call, &news, &outcome), "fill"))
        return;
    if (outcome.state == PERP_ORDER_FILLED)
        leg->number = 0;
    desk_filled(desk, &ticket->job_id, leg->order.instrument, quantity, price, news.fee);
}

/* Rounded so that it is no worse than asked. */
static double in_ticks(const desk_instrument *instrument, uint32_t side, double price) {
    double tick = instrument->tick;
    if (tick <= 0)
        return price;
    return (side == PERP_SIDE_BUY ? floor(price / tick + 1e-6) : ceil(price / tick - 1e-6)) * tick;
}

/* The next order of a leg, for all that is left of it. 0: the gate lets none pass, and the leg is
   at its end. */
static int send(struct desk *desk, int64_t now_ns, const paper_ticket *ticket, paper_leg *leg,
                uint32_t tif, double price) {
    perp_order_request request;
    perp_order_answer answer;
    perp_call call = desk_call(now_ns);
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = ticket->job_id;
    request.leg = (uint32_t)(leg - ticket->legs);
    request.tif = tif;
    request.price = in_ticks(instrument, leg->order.side, price);
    request.quantity = leg->order.quantity - leg->filled;
    if (!desk_ok(desk, perp_orders_place(orders_of(desk), &call, &request, &answer), "place"))
        return 0;
    leg->number = answer.order;
    leg->price = request.price;
    leg->quantity = request.quantity;
    leg->sent += answer.order != 0;
    desk->paper.counts.orders += answer.order != 0;
    desk->paper.counts.gated += answer.order == 0;
    if (answer.order == 0)
        leg->phase = PAPER_DONE;
    return answer.order != 0;
}

static void cancel(struct desk *desk, int64_t now_ns, paper_leg *leg) {
    perp_call call = desk_call(now_ns);
    if (leg->number != 0 &&
        desk_ok(desk, perp_orders_cancel_sent(orders_of(desk), &call, leg->number), "cancel sent"))
        tell(desk, now_ns, leg, PERP_NEWS_CANCELLED, NULL);
}

/* ---- the market ---- */

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

/* What is left of an order that takes expires. */
static void take_leg(struct desk *desk, int64_t now_ns, const paper_ticket *ticket,
                     paper_leg *leg) {
    double price;
    double filled =
        take(desk, leg->order.instrument, leg->order.side, leg->quantity, leg->price, &price);
    if (filled > 0)
        book_fill(desk, now_ns, ticket, leg, filled, price, 0);
    if (leg->number != 0)
        tell(desk, now_ns, leg, PERP_NEWS_EXPIRED, filled > 0 ? "no more at that price" : NULL);
}

static int is_full(const struct desk *desk, const paper_leg *leg) {
    double left = leg->order.quantity - leg->filled;
    return left < 0.5 * desk->instruments[leg->order.instrument].step ||
           left <= 1e-12 * leg->order.quantity;
}

/* An order has arrived at the exchange. */
static void arrive(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    paper_executor *paper = &desk->paper;
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    feed_event event = {.kind = FEED_LATENCY, .time_ns = now_ns};
    event.u.latency =
        (perp_latency){.exchange = leg->order.exchange, .time_ns = now_ns, .ms = leg->latency_ms};
    desk_tell(desk, &event, "latency");
    leg->phase = PAPER_DONE;
    if (sim_random_chance(&paper->random, paper->settings.reject_chance)) {
        tell(desk, now_ns, leg, PERP_NEWS_REJECTED, "the exchange takes no orders just now");
        return;
    }
    if (!leg->order.maker) {
        take_leg(desk, now_ns, ticket, leg);
        return;
    }
    paper->counts.resting++;
    leg->phase = PAPER_RESTING;
    leg->deadline_ns = now_ns + paper->settings.maker_patience_ns;
    leg->due_ns = now_ns + POLL_NS;
    if (within(leg->order.side, best(instrument, leg->order.side, 0), leg->price))
        tell(desk, now_ns, leg, PERP_NEWS_DECLINED, "post only would take");
    else
        tell(desk, now_ns, leg, PERP_NEWS_ACCEPTED, NULL);
}

static double taker_limit(const struct desk *desk, const paper_ticket *ticket, uint32_t side,
                          double reference, int late) {
    const paper_settings *settings = &desk->paper.settings;
    int out = ticket->reduce_only || ticket->is_repair || late;
    return reference * (1 + (side == PERP_SIDE_BUY ? 1 : -1) * 1e-4 *
                                (out ? settings->exit_limit_bps : settings->limit_bps));
}

/* When patience ends the rest crosses the spread if the job has any fill to hedge. */
static void rest_no_longer(struct desk *desk, int64_t now_ns, paper_ticket *ticket,
                           paper_leg *leg) {
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    uint32_t side = leg->order.side;
    int any = (int)ticket->reduce_only;
    for (uint32_t i = 0; i < ticket->n_legs; i++)
        any = any || ticket->legs[i].filled > 0;
    cancel(desk, now_ns, leg);
    leg->phase = PAPER_DONE;
    if (!any || !send(desk, now_ns, ticket, leg, PERP_TIF_IOC,
                      taker_limit(desk, ticket, side, best(instrument, side, 0), 1)))
        return;
    desk->paper.counts.crossed++;
    take_leg(desk, now_ns, ticket, leg);
}

/* An order that rests is always at the best price: else it is cancelled, and the next one sent. */
static void follow(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    double price = in_ticks(&desk->instruments[leg->order.instrument], leg->order.side,
                            best(&desk->instruments[leg->order.instrument], leg->order.side, 1));
    if (leg->number != 0 && (leg->price == price || leg->sent >= MOST_SENT))
        return;
    cancel(desk, now_ns, leg);
    if (send(desk, now_ns, ticket, leg, PERP_TIF_POST_ONLY, price))
        tell(desk, now_ns, leg, PERP_NEWS_ACCEPTED, NULL);
}

/* An order rests: the market comes to it, or somebody takes it where it is, or it follows the best
   price. */
static void rest(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    paper_executor *paper = &desk->paper;
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    double left = leg->order.quantity - leg->filled;
    if (leg->number != 0 &&
        within(leg->order.side, best(instrument, leg->order.side, 0), leg->price)) {
        book_fill(desk, now_ns, ticket, leg, left, leg->price, 1);
    } else if (sim_random_chance(&paper->random, paper->settings.maker_rate)) {
        double share = sim_random_chance(&paper->random, 0.3) ? 0.5 : 1;
        double part = share < 1 ? whole_steps(left * share, instrument->step) : left;
        if (leg->number != 0 && part > 0)
            book_fill(desk, now_ns, ticket, leg, part, leg->price, 1);
    }
    leg->due_ns = now_ns + POLL_NS;
    if (is_full(desk, leg))
        leg->phase = PAPER_DONE;
    else if (now_ns >= leg->deadline_ns)
        rest_no_longer(desk, now_ns, ticket, leg);
    else
        follow(desk, now_ns, ticket, leg);
}

/* While an exchange is down or silent nobody knows what became of an order there: it is in doubt.
   Once the exchange is back, it has been filled as it was decided, or never arrived. */
static void leg_in_outage(struct desk *desk, int64_t now_ns, paper_leg *leg) {
    leg->due_ns = now_ns + LOST_POLL_NS;
    if (leg->phase == PAPER_LOST)
        return;
    leg->phase = PAPER_LOST;
    desk->paper.counts.lost++;
    if (leg->number != 0)
        tell(desk, now_ns, leg, PERP_NEWS_UNKNOWN, NULL);
}

static void find_lost(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    leg->phase = PAPER_DONE;
    if (leg->number == 0)
        return;
    if (sim_random_chance(&desk->paper.random, 0.5))
        book_fill(desk, now_ns, ticket, leg, leg->order.quantity - leg->filled, leg->price,
                  (int)leg->order.maker);
    else
        tell(desk, now_ns, leg, PERP_NEWS_REJECTED, "not found there");
}

static void work_leg(struct desk *desk, int64_t now_ns, paper_ticket *ticket, paper_leg *leg) {
    if (desk->exchanges[leg->order.exchange].api == PERP_API_DOWN ||
        now_ns - desk->instruments[leg->order.instrument].time_ns > desk->paper.settings.silence_ns)
        leg_in_outage(desk, now_ns, leg);
    else if (leg->phase == PAPER_SENDING)
        arrive(desk, now_ns, ticket, leg);
    else if (leg->phase == PAPER_RESTING)
        rest(desk, now_ns, ticket, leg);
    else
        find_lost(desk, now_ns, ticket, leg);
}

static void count_leg(paper_counts *counts, const paper_leg *leg, int full) {
    if (full)
        counts->filled++;
    else if (leg->filled > 0)
        counts->partly++;
    else
        counts->unfilled++;
}

/* Its orders say how it went; where there are none, the gate let none pass. */
static void finish(struct desk *desk, int64_t now_ns, paper_ticket *ticket) {
    perp_job_result result;
    perp_call call = desk_call(now_ns);
    uint32_t sent = 0;
    perp_job_result_init(&result);
    for (uint32_t i = 0; i < ticket->n_legs; i++) {
        count_leg(&desk->paper.counts, &ticket->legs[i], is_full(desk, &ticket->legs[i]));
        sent += ticket->legs[i].sent;
    }
    result.from_orders = sent > 0;
    result.status = sent > 0 ? PERP_RESULT_COMPLETED : PERP_RESULT_NOTHING;
    ticket->in_use = 0;
    desk_ok(desk,
            perp_scheduler_finish(perp_core_scheduler(desk->core), &call, &ticket->job_id, &result,
                                  NULL),
            "finish");
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
            if (leg->phase != PAPER_RESTING || leg->number == 0 ||
                leg->order.instrument != instrument || price == leg->price ||
                !within(leg->order.side, price, leg->price))
                continue;
            book_fill(desk, now_ns, ticket, leg, leg->order.quantity - leg->filled, leg->price, 1);
            leg->phase = PAPER_DONE;
            leg->due_ns = now_ns;
            any = 1;
        }
    }
    if (any)
        paper_advance(desk, now_ns);
}

static void take_back(struct desk *desk, paper_ticket *ticket, int64_t now_ns,
                      perp_exchange_id exchange) {
    for (uint32_t i = 0; ticket->in_use && !ticket->lost && i < ticket->n_legs; i++) {
        paper_leg *leg = &ticket->legs[i];
        if ((exchange != PERP_ALL_EXCHANGES && leg->order.exchange != exchange) ||
            (leg->phase != PAPER_SENDING && leg->phase != PAPER_RESTING))
            continue;
        cancel(desk, now_ns, leg);
        leg->phase = PAPER_DONE;
        leg->due_ns = now_ns;
    }
}

void paper_cancel(struct desk *desk, int64_t now_ns, perp_exchange_id exchange) {
    for (uint32_t t = 0; t < PAPER_TICKETS; t++)
        take_back(desk, &desk->paper.tickets[t], now_ns, exchange);
    paper_advance(desk, now_ns);
}

/* The job is finished in the next round: whoever asked is inside of a call. */
void paper_cancel_job(struct desk *desk, int64_t now_ns, const perp_uuid *job_id) {
    for (uint32_t t = 0; t < PAPER_TICKETS; t++)
        if (memcmp(&desk->paper.tickets[t].job_id, job_id, sizeof *job_id) == 0)
            take_back(desk, &desk->paper.tickets[t], now_ns, PERP_ALL_EXCHANGES);
    if (now_ns < desk->paper.next_ns)
        desk->paper.next_ns = now_ns;
}

/* The order of a leg is placed, and is on its way. */
static void begin_leg(struct desk *desk, const perp_execution *job, paper_ticket *ticket,
                      uint32_t i) {
    paper_executor *paper = &desk->paper;
    paper_leg *leg = &ticket->legs[i];
    leg->order = job->orders[i];
    leg->phase = PAPER_SENDING;
    double usual = desk->exchanges[leg->order.exchange].latency_ms;
    if (usual <= 0)
        usual = paper->settings.latency_ms;
    leg->latency_ms = usual * sim_random_between(&paper->random, 0.7, 1.3);
    leg->due_ns = job->now_ns + (ticket->lost ? 8 * DESK_SECOND : (int64_t)(leg->latency_ms * 1e6));
    const desk_instrument *instrument = &desk->instruments[leg->order.instrument];
    if (!ticket->lost && leg->order.maker)
        send(desk, job->now_ns, ticket, leg, PERP_TIF_POST_ONLY,
             best(instrument, leg->order.side, 1));
    else if (!ticket->lost)
        send(desk, job->now_ns, ticket, leg, PERP_TIF_IOC,
             taker_limit(desk, ticket, leg->order.side, leg->order.price, 0));
    if (leg->due_ns < paper->next_ns)
        paper->next_ns = leg->due_ns;
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
    for (uint32_t i = 0; i < job->n_orders && !desk->failed; i++) {
        begin_leg(desk, job, ticket, i);
        if (timeout && ticket->legs[i].number != 0)
            tell(desk, job->now_ns, &ticket->legs[i], PERP_NEWS_UNKNOWN, NULL);
    }
    paper->counts.in_doubt += (uint64_t)timeout;
    return ticket->lost ? PERP_OUTCOME_IN_DOUBT : PERP_OUTCOME_ACCEPTED;
}
